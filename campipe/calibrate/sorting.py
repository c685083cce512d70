"""What a raw frame shows, from its pixels: dark, flat, or a picture."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from campipe.core import pattern as patterns
from campipe.core.errors import ShapeError
from campipe.core.frame import Frame
from campipe.ops.planes import pack

_TILES = 24  # along the shorter side of a plane, at most
_LEAST = 4  # pixels of a plane along the side of a tile
_ROWS = 256  # of a plane, at most, that the noise is taken from
_ORDER = 4  # of the polynomial that stands for lens shading

# A flat's tiles lie within this fraction of its smooth shading. Dust and PRNU stay below it, edges do not.
FLAT = 0.02
# Darks lie within this fraction of the range above black, unless the planes rise unequally, as they do under light.
DARK = 0.02


@dataclass(frozen=True)
class Look:
    """What a frame looks like, plane by plane of the pattern (P,), float64.

    level       mean, DN
    structure   root mean square of what tile means have beside smooth shading and noise, DN
    slope       peak to peak of the smooth shading, DN
    noise       standard deviation between neighbours of one plane, DN: noise, and fine texture
    clipped     fraction of pixels at 0
    saturated   fraction at or above the white level, or at the largest number in the frame where that is piled up
    size        (height, width), px
    """

    level: Tensor
    structure: Tensor
    slope: Tensor
    noise: Tensor
    clipped: Tensor
    saturated: Tensor
    size: tuple[int, int]


def look(frame: Frame) -> Look:
    """Look at a raw frame of one item, in "dn"; 16 x 16 pixels of each plane are the least."""
    frame.expect("dn")
    tile = (1, 1) if frame.capture.pattern is None else patterns.size(frame.capture.pattern)
    height, width = (size // t * t for size, t in zip((frame.height, frame.width), tile, strict=True))
    planes = pack(frame.data[:1, ..., :height, :width], tile)[0][0]
    if min(planes.shape[-2:]) < 4 * _LEAST:
        raise ShapeError(f"16 x 16 pixels of every colour tell what a frame shows, but {frame.height} x {frame.width} came")
    side = max(_LEAST, min(planes.shape[-2:]) // _TILES)
    means = torch.nn.functional.avg_pool2d(planes[None], side)[0].double()
    rows = planes[:, :: max(1, planes.shape[-2] // _ROWS)]  # some rows tell the noise of all
    step = (rows[..., 1:] - rows[..., :-1]).square().mean((-2, -1), dtype=torch.float64) / 2
    smooth = _smooth(means)
    rest = ((means - smooth).square().mean((-2, -1)) - step / side**2).clamp_min(0).sqrt()
    top = _top(frame)
    return Look(
        planes.mean((-2, -1), dtype=torch.float64),
        rest,
        smooth.amax((-2, -1)) - smooth.amin((-2, -1)),
        step.sqrt(),
        (planes <= 0).sum((-2, -1)).double() / planes[0].numel(),
        (planes >= top).sum((-2, -1)).double() / planes[0].numel(),
        (frame.height, frame.width),
    )


def kind_of(seen: Look, black: float, white: float) -> tuple[str, str]:
    """What a frame is taken for, "dark", "flat" or "picture", and why, in words.

    black, white   DN; a black level that is unknown is best taken from the darkest frame of the same ISO

    A dim flat under light tells itself from a dark by planes that rise unequally above black, as colour filters make them.
    """
    rise, span = seen.level - black, white - black
    level = float(rise.mean()) / span
    if level < DARK and float(seen.structure.max()) < max(0.5, 0.1 * float(seen.noise.max())):
        unequal = float(rise.amax() - rise.amin())
        if float(rise.amax()) > 8 and unequal > 0.2 * float(rise.amax()):
            return "flat", f"it is dim, {100 * level:.2g} % of the range above black, but unequal between the colours, as light is"
        return "dark", f"it lies {100 * level:.2g} % of the range above black, without structure"
    relative = float((seen.structure / rise.clamp_min(1e-9)).max())
    if relative < FLAT:
        return "flat", f"its tiles lie within {100 * relative:.2g} % of smooth shading"
    return "picture", f"its tiles scatter by {100 * relative:.2g} % around smooth shading"


def _smooth(means: Tensor) -> Tensor:
    """Two-dimensional polynomial through tile means (P, h, w)."""
    h, w = means.shape[-2:]
    y, x = torch.linspace(-1, 1, h, dtype=torch.float64), torch.linspace(-1, 1, w, dtype=torch.float64)
    terms = [y[:, None] ** i * x**j for i in range(_ORDER + 1) for j in range(_ORDER + 1 - i)]
    design = torch.stack(terms, -1).reshape(h * w, -1)
    solution = torch.linalg.lstsq(design, means.reshape(len(means), -1).T).solution
    return (design @ solution).T.reshape(means.shape)


def _top(frame: Frame) -> float:
    """Where pixels saturate, DN: the white level, or the largest number where at least two in a hundred thousand pixels have it."""
    data = frame.data[:1]
    largest, middle = float(data.max()), float(data.flatten()[:: max(1, data.numel() // 10_000)].median())
    piled = int((data == largest).sum()) > 2e-5 * data.numel() and largest > middle
    white = frame.capture.white_level
    stated = math.inf if white is None else float(white.min())
    return min(stated, largest) if piled else stated
