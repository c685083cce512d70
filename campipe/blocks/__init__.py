"""Blocks: the ways to fill the slots of a pipeline, classical and learned side by side, by name.

A block is made by the slot's function, `demosaick("malvar")`; `names("demosaick")` lists what there is.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from campipe.blocks.base import Block
from campipe.core.errors import CampipeError

# The one list of fillers: slot, name, where the class is. They are imported when asked for.
_FILLERS: dict[str, dict[str, str]] = {
    "demosaick": {
        "bilinear": "campipe.blocks.demosaicking.bilinear:Bilinear",
        "joint": "campipe.blocks.demosaicking.joint:Joint",
        "malvar": "campipe.blocks.demosaicking.malvar:Malvar",
        "hamilton_adams": "campipe.blocks.demosaicking.hamilton_adams:HamiltonAdams",
        "menon": "campipe.blocks.demosaicking.menon:Menon",
        "residual": "campipe.blocks.demosaicking.residual:Residual",
        "rtf": "campipe.blocks.demosaicking.regression_tree:RegressionTree",
        "wiener": "campipe.blocks.demosaicking.wiener:Wiener",
    },
    "denoise": {
        "bilateral": "campipe.blocks.denoising.bilateral:Bilateral",
        "bm3d": "campipe.blocks.denoising.bm3d:BlockMatching",
        "dct": "campipe.blocks.denoising.dct:SlidingDct",
        "dct_dictionary": "campipe.blocks.denoising.dictionary:DctDictionary",
        "fourier": "campipe.blocks.denoising.fourier:FourierThreshold",
        "guided": "campipe.blocks.denoising.guided:Guided",
        "ksvd": "campipe.blocks.denoising.dictionary:Ksvd",
        "nlm": "campipe.blocks.denoising.nlm:NonLocalMeans",
        "raw_unet": "campipe.blocks.denoising.raw_unet:RawUnet",
        "trained_dictionary": "campipe.blocks.denoising.dictionary:TrainedDictionary",
        "tv": "campipe.blocks.denoising.tv:TotalVariation",
        "unet": "campipe.blocks.denoising.unet:Unet",
        "wavelet": "campipe.blocks.denoising.wavelet:Wavelet",
    },
    "deblur": {
        "wiener": "campipe.blocks.deblurring.wiener:Wiener",
        "richardson_lucy": "campipe.blocks.deblurring.richardson_lucy:RichardsonLucy",
        "hyper_laplacian": "campipe.blocks.deblurring.hyper_laplacian:HyperLaplacian",
        "blind": "campipe.blocks.deblurring.blind:Blind",
        "nafnet": "campipe.blocks.deblurring.nafnet:Nafnet",
        "wiener_net": "campipe.blocks.deblurring.wiener_net:WienerNet",
    },
    "super_resolve": {
        "back_projection": "campipe.blocks.super_resolving.back_projection:BackProjection",
        "bicubic": "campipe.blocks.super_resolving.bicubic:Bicubic",
        "lanczos": "campipe.blocks.super_resolving.lanczos:Lanczos",
        "srresnet": "campipe.blocks.super_resolving.srresnet:SrResNet",
    },
}


def slots() -> list[str]:
    """The slots that there are blocks for."""
    return sorted(_FILLERS)


def names(slot: str) -> list[str]:
    """The names of the blocks that fill a slot."""
    return sorted(_slot(slot))


def demosaick(name: str, /, **options: Any) -> Block:
    """Make a demosaicker by its name. It takes a frame in "mosaic" or "dn" and gives one in "camera".

    options   go to the block's class
    """
    return make("demosaick", name, **options)


def denoise(name: str, /, **options: Any) -> Block:
    """Make a denoiser by its name. It takes a frame in "dn", "mosaic", "camera", "linear" or "display" and gives one in the same space.

    options   go to the block's class; `sigma` of each: standard deviation of the noise, None: what the capture says
    """
    return make("denoise", name, **options)


def deblur(name: str, /, **options: Any) -> Block:
    """Make a deblurrer by its name. It takes a frame of linear light, "camera" or "linear", and gives one in the same space.

    options   go to the block's class; `kernel` of each that is not blind: the point-spread function
    """
    return make("deblur", name, **options)


def super_resolve(name: str, /, **options: Any) -> Block:
    """Make a super-resolver by its name. It takes a frame in "camera", "linear" or "display" and gives a larger one in the same space.

    options   go to the block's class; `factor` of each: times as many pixels a side
    """
    return make("super_resolve", name, **options)


def make(slot: str, name: str, /, **options: Any) -> Block:
    """Make a block by the names of its slot and its own; a CampipeError lists the names there are."""
    return filler(slot, name)(**options)


def filler(slot: str, name: str) -> type[Block]:
    """The class of a block by the names of its slot and its own; a CampipeError lists the names there are."""
    fillers = _slot(slot)
    if name not in fillers:
        raise CampipeError(f"there is no {slot} block {name!r}; there are {', '.join(sorted(fillers))}")
    module, attribute = fillers[name].split(":")
    return getattr(import_module(module), attribute)


def _slot(slot: str) -> dict[str, str]:
    if slot not in _FILLERS:
        raise CampipeError(f"there is no slot {slot!r}; there are {', '.join(sorted(_FILLERS))}")
    return _FILLERS[slot]
