"""Noise2Void (Krull et al. 2019) and Neighbor2Neighbor (Huang et al. 2021): training on photos that were each noisy once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch

from campipe.blocks.denoising.nlm import NonLocalMeans
from campipe.blocks.learned.blind_unet import BlindUnet
from campipe.studies.noise2noise_twins import Restore, bm3d
from campipe.studies.restored import BATCH, CROP, PROTOCOL, STEPS, Restored, on_kodak, parameters, seconds_per_megapixel, trained
from campipe.studies.result import Claim, Result, Row
from campipe.studies.setting import Setting
from campipe.train.checkpoint import plain
from campipe.train.noise2noise.blind_spot import BlindSpot
from campipe.train.noise2noise.corruptions import WHITE, Gaussian
from campipe.train.noise2noise.frozen import Frozen
from campipe.train.noise2noise.neighbours import Neighbours
from campipe.train.noise2noise.pairs import FrozenPairs
from campipe.train.noise2noise.restoring import Restoring

SIGMA = 25.0
"""Of the noise, on the scale from 0 to 255."""

_SYSTEMS: dict[str, tuple[str, type[FrozenPairs] | type[BlindSpot] | type[Neighbours]]] = {
    "clean": ("clean targets, the same noisy photos", FrozenPairs),
    "neighbours": ("Neighbor2Neighbor", Neighbours),
    "blind_spot": ("Noise2Void", BlindSpot),
}


def _make(name: str, setting: Setting) -> Restoring:
    noise = Gaussian(SIGMA, SIGMA)
    # Neighbours learn from pictures of half the size, and are given as many of their pixels.
    size = 2 * CROP if name == "neighbours" else CROP
    crops = setting.crops(size, colour=0, chroma=0, scenes=0)
    frozen = Frozen(crops, lambda photo, seed, numbers: noise(photo, seed, numbers).picture, plain(noise), device=setting.device)
    return _SYSTEMS[name][1](BlindUnet(), crops, frozen, noise)


def _part(name: str, setting: Setting) -> Restored:
    return trained(setting, name, partial(_make, name, setting))


PARTS: dict[str, Callable[[Setting], Restored]] = {name: partial(_part, name) for name in _SYSTEMS}
"""Each training with its scores, which can run by itself: `python -m campipe.studies.part blind_spot NAME`."""


def nlm(sigma: float) -> Restore:
    """Non-local means that is told sigma, in the unit of the picture."""
    block = NonLocalMeans()
    return lambda seen: block.net(seen, torch.full((1, 1, 1, 1), sigma))


TWINS: dict[str, tuple[str, Callable[[float], Restore]]] = {
    "nlm": ("non-local means that is told sigma", nlm),
    "bm3d": ("BM3D that is told sigma", bm3d),
}


def study(setting: Setting) -> Result:
    """Train the three nets, or take what is trained already, and hold them against each other and classical methods."""
    found = {name: part(setting) for name, part in PARTS.items()}
    noise = Gaussian(SIGMA, SIGMA)
    twins = {name: on_kodak(setting, noise, make(SIGMA / WHITE)) for name, (_, make) in TWINS.items()}
    net, clean = BlindUnet(), found["clean"].psnr
    count, seconds = parameters(net), seconds_per_megapixel(net)
    rows = [Row(_SYSTEMS[name][0], _scores(held, clean), count, seconds) for name, held in found.items()]
    for name, (words, make) in TWINS.items():
        rows.append(Row(words, _scores(twins[name], clean), None, seconds_per_megapixel(make(SIGMA / WHITE))))
    gaps = {name: clean - found[name].psnr for name in ("neighbours", "blind_spot")}
    return Result(
        system="Noise2Void: Krull et al., CVPR 2019; Neighbor2Neighbor: Huang et al., CVPR 2021",
        images="Kodak, 24 pictures",
        protocol=f"{PROTOCOL}. White Gaussian noise of {SIGMA:g}/255; each training photo has one noisy version, and no other is drawn",
        rows=tuple(rows),
        claims=tuple(
            Claim(f"{_SYSTEMS[name][0]} above non-local means, dB", found[name].psnr - twins["nlm"].psnr, ">=", 0) for name in gaps
        ),
        reproduced=(
            f"From photos that are each noisy once, and no clean one, a net learns to denoise: {gaps['neighbours']:.2f} dB "
            f"(Neighbor2Neighbor) and {gaps['blind_spot']:.2f} dB (Noise2Void) below the same net that is shown the clean photos."
        ),
        budget=(
            f"three trainings of {round(STEPS * setting.budget)} steps of {BATCH} pieces of {CROP} x {CROP} pixels (Neighbor2Neighbor: "
            f"halved to that), in bfloat16"
        ),
    )


def _scores(held: Restored, clean: float) -> dict[str, float]:
    return {"PSNR, dB": held.psnr, "below clean targets, dB": clean - held.psnr}
