"""How the blocks of each slot are examined: what is done to a photo, what the block is given, and what its answer is held against."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from campipe.blocks import filler, make
from campipe.blocks.base import Block
from campipe.core import pattern as patterns
from campipe.core.errors import CampipeError
from campipe.core.frame import Frame
from campipe.core.random import Key
from campipe.ops.colour import srgb_decode, srgb_encode
from campipe.ops.draws import normal
from campipe.ops.shake import shake_kernel
from campipe.train.super_resolution.camera import Shot, photographed

XTRANS = "GGRGGBGGBGGRBRGRBGGGBGGRGGRGGBRBGBRG"
SEED = 2026
DENOISE_SIGMA, DEBLUR_SIGMA = 25.0, 1.0
"""Where no sigma is asked for, on the 0 to 255 scale: of the usual denoising table; of a sharp lens in good light."""


@dataclass(frozen=True)
class Question:
    """One photo as a block gets it.

    given    the damaged frame
    wanted   (B, C, H, W) the undamaged picture, sRGB-encoded, in [0, 1]
    border   pixels at each side that are not counted
    finish   from the block's answer to a picture that stands beside `wanted`
    """

    given: Frame
    wanted: Tensor
    border: int
    finish: Callable[[Tensor], Tensor]


def question(slot: str, photo: Frame, index: int, sigma: float | None, block: Block) -> Question:
    """Damage a photo as the slot's protocol says.

    photo   "display"; three equal channels are taken as one
    index   of the photo: it names its noise, which is the same for every block
    sigma   standard deviation of the noise on the 0 to 255 scale; None: the protocol's own
    """
    grey = slot not in ("demosaick", "super_resolve") and bool((photo.data == photo.data[:, :1]).all())
    photo = photo.replace(photo.data[:, :1]) if grey else photo
    key = Key(SEED).fold("evaluate").fold(slot).fold(index)
    return _PROTOCOLS[slot](photo, key, sigma, block)


def examined(slot: str, name: str, sigma: float | None) -> Block:
    """The block as it is examined: with the noise level that the protocol lets it know."""
    if slot not in _PROTOCOLS:
        raise CampipeError(f"blocks of the slots {', '.join(_PROTOCOLS)} can be evaluated, but {slot!r} came")
    if slot == "super_resolve" and sigma is not None:
        raise CampipeError("super-resolvers are examined under the noise that a camera has; leave sigma out")
    options: dict[str, Any] = {}
    if slot == "denoise" or (slot == "demosaick" and getattr(filler(slot, name), "primary", None) == "sigma"):
        options["sigma"] = level(slot, sigma) / 255
    if slot == "deblur":
        options["sigma"] = level(slot, sigma) / 255
        if not getattr(filler(slot, name), "blind", False):
            options["kernel"] = _kernel().tolist()
    return make(slot, name, **options)


def level(slot: str, sigma: float | None) -> float:
    """Standard deviation of the noise on the 0 to 255 scale."""
    usual = {"denoise": DENOISE_SIGMA, "deblur": DEBLUR_SIGMA}.get(slot, 0.0)
    return usual if sigma is None else float(sigma)


def words(slot: str, sigma: float | None) -> str:
    """The protocol in one sentence."""
    noise = f"Gaussian noise of {level(slot, sigma):g}/255"
    also = f"with {noise}" if sigma else "without noise"
    return {
        "demosaick": f"encoded photos under a colour filter array, {also}; 20 pixels at each border left out",
        "denoise": f"encoded photos with {noise}, not clipped",
        "deblur": f"linear light blurred by a shaking hand (19 x 19 pixels), with {noise}; 18 pixels at each border left out",
        "super_resolve": "photos as a camera of a lower resolution gives them: blurred by a lens and by pixels, seen through an RGGB "
        "filter, with 4000 electrons at white and 4 of read noise, demosaicked by Malvar's method and encoded; 12 pixels at each border "
        "left out",
    }[slot]


def _noisy(data: Tensor, frame: Frame, key: Key, sigma: float) -> Tensor:
    """Data with Gaussian noise, the same for every block."""
    if sigma == 0:
        return data
    grid = replace(frame.grid(), height=data.shape[-2], width=data.shape[-1])
    noise = torch.cat([normal(key.fold(c), grid) for c in range(data.shape[1])], 1)
    return data + sigma / 255 * noise


def _mosaic(photo: Frame, key: Key, sigma: float | None, block: Block) -> Question:
    pattern = "RGGB" if "bayer" in getattr(block, "patterns", ("bayer",)) else XTRANS
    height, width = photo.height, photo.width
    table = torch.tensor(patterns.channels(pattern))
    tile = table.repeat(-(-height // table.shape[0]), -(-width // table.shape[1]))[:height, :width]
    data = _noisy(photo.data.gather(1, tile.expand(1, 1, -1, -1)), photo, key, level("demosaick", sigma))
    return Question(photo.replace(data, "mosaic", pattern=pattern), photo.data, 20, lambda out: out)


def _noise(photo: Frame, key: Key, sigma: float | None, block: Block) -> Question:
    data = _noisy(photo.data, photo, key, level("denoise", sigma))
    return Question(photo.replace(data), photo.data, 0, lambda out: out)


def _blur(photo: Frame, key: Key, sigma: float | None, block: Block) -> Question:
    kernel = _kernel()
    reach = kernel.shape[-1] // 2
    light = srgb_decode(photo.data)
    channels = light.shape[1]
    weights = kernel.flip(0, 1).to(light).expand(channels, 1, -1, -1)
    data = _noisy(torch.nn.functional.conv2d(light, weights, groups=channels), photo, key, level("deblur", sigma))
    wanted = photo.data[..., reach:-reach, reach:-reach]
    return Question(photo.replace(data, "linear"), wanted, reach, srgb_encode)


def _low_resolution(photo: Frame, key: Key, sigma: float | None, block: Block) -> Question:
    factor = block.factor
    assert isinstance(factor, int)
    step = 2 * factor
    whole = photo.crop(0, 0, max(photo.height // step, 1) * step, max(photo.width // step, 1) * step)
    grid = replace(photo.grid(), height=whole.height // factor, width=whole.width // factor)
    data = photographed(whole.data.float(), factor, Shot.of_scores(photo.batch), normal(key, grid))
    return Question(photo.replace(data), whole.data, 12, lambda out: out)


def _kernel() -> Tensor:
    return shake_kernel(Key(SEED).fold("shake"))


_PROTOCOLS: dict[str, Callable[[Frame, Key, float | None, Block], Question]] = {
    "demosaick": _mosaic,
    "denoise": _noise,
    "deblur": _blur,
    "super_resolve": _low_resolution,
}
