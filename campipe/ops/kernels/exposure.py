"""Photons to digital numbers in one pass over the picture: the fused form of the sensor's stages, bit for bit.

What the sensor does with a dozen torch operations, each of which reads and writes the whole picture, is done here on blocks of 512
pixels that stay in the first-level cache. Beside input and output it needs a few tens of kilobytes per thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from campipe.core.errors import CampipeError, ShapeError
from campipe.core.random import Grid, Key
from campipe.ops.draws import tukey_lambda_std
from campipe.ops.kernels.memory import empty

Number = float | Tensor
_NO_MAP = torch.zeros(1, 1, 1, 1)


@dataclass(frozen=True)
class Exposure:
    """What happens to the photons, in this order; a step that is None is left out. All in float32.

    channel      (h, w) int64: which of the photons' channels the pixel at that place of the pattern sees

        r = photons[channel] * qe          qe            e-/photon
        r = r * response                   response      (M, 1, H, W): 1 + PRNU
        r = r + dark                       dark          e-
        n = Poisson(r)                     shot          key
        n = min(n, full_well)              full_well     e-
        e = n + offset                     offset        (M, 1, H, W), e-: DSNU
        e = e + read * z1                  read          e-; key read_key; read_shape: Tukey-lambda shape, None: normal
        e = e + row * z2                   row           e-; key row_key: one normal number per row
        a = e * gain                       gain          DN/e-
        a = a + post * z3                  post          DN; key post_key; post_shape
        a = a + black                      black         DN
        dn = min(max(rint(a), 0), top)     top           DN; rint is half to even

    qe, gain and black are numbers, (B,), (h, w) tables by place of the pattern, or (B, h, w); the others numbers or (B,). Maps have one
    plane, or one per item. Places of a pattern count from the sensor's pixel (0, 0).
    """

    qe: Number
    gain: Number
    black: Number
    top: Number
    shot: Key
    channel: Tensor | None = None
    response: Tensor | None = None
    dark: Number | None = None
    full_well: Number | None = None
    offset: Tensor | None = None
    read: Number | None = None
    read_key: Key | None = None
    read_shape: Number | None = None
    row: Number | None = None
    row_key: Key | None = None
    post: Number | None = None
    post_key: Key | None = None
    post_shape: Number | None = None


@dataclass(frozen=True)
class Prepared:
    """An exposure's numbers as the loop takes them: all but the maps and keys."""

    channel: Tensor
    tables: tuple[Tensor, Tensor, Tensor]
    numbers: Tensor
    shapes: Tensor
    steps: int


def expose(photons: Tensor, grid: Grid, exposure: Exposure) -> Tensor:
    """Expose a batch of planes on the CPU.

    photons   (B, C, H, W) float32, expected photons per pixel; may be a view, contiguous along the last axis
    grid      their B addresses
    returns   (B, 1, H, W) float32, DN

    Bit-identical to the same torch operations one after the other with `campipe.ops.draws`, on any number of threads.
    Gradient: none; the stages give one.
    """
    _check(photons, grid, exposure)
    keys = (exposure.shot, exposure.read_key, exposure.row_key, exposure.post_key)
    return run(photons, grid, prepare(exposure, len(grid)), keys, exposure.response, exposure.offset)[0]


def prepare(exposure: Exposure, batch: int) -> Prepared:
    """Put the numbers of an exposure into the loop's order. The result serves every exposure with the same numbers."""
    numbers = torch.zeros(batch, 6)
    for n, number in enumerate((exposure.dark, exposure.full_well, exposure.read, exposure.row, exposure.post, exposure.top)):
        if number is not None:
            numbers[:, n] = number.detach() if isinstance(number, Tensor) else number
    shapes = torch.zeros(batch, 4, dtype=torch.float64)
    for n, shape in enumerate((exposure.read_shape, exposure.post_shape)):
        if shape is not None:
            shapes[:, 2 * n] = shape.detach() if isinstance(shape, Tensor) else shape
            shapes[:, 2 * n + 1] = 1 / tukey_lambda_std(shapes[:, 2 * n])
    parts = (exposure.response, exposure.dark, exposure.full_well, exposure.offset, exposure.read, exposure.row, exposure.post)
    steps = sum(1 << n for n, part in enumerate((*parts, exposure.read_shape, exposure.post_shape)) if part is not None)
    channel = torch.zeros(1, 1, dtype=torch.int64) if exposure.channel is None else exposure.channel.to(torch.int64).contiguous()
    tables = (_table(exposure.qe, batch), _table(exposure.gain, batch), _table(exposure.black, batch))
    return Prepared(channel, tables, numbers, shapes, steps)


def run(
    photons: Tensor, grid: Grid, prepared: Prepared, keys: Sequence[Key | None], response: Tensor | None, offset: Tensor | None
) -> tuple[Tensor, bool]:
    """Expose with prepared numbers: (B, 1, H, W), DN, and whether photons were seen that are negative, infinite or NaN.

    keys               of shot, read, row and post noise; None where that is off
    response, offset   the maps, where the exposure had them
    """
    words = torch.tensor([(key or keys[0]).words for key in keys])  # type: ignore[union-attr]
    maps = [_NO_MAP if m is None else m.detach() for m in (response, offset)]
    given: tuple[Any, ...] = (
        photons.detach(), grid.origin, grid.frame, grid.item, words, prepared.channel, *prepared.tables, *maps, prepared.numbers,
        prepared.shapes, prepared.steps,
    )  # fmt: skip
    if type(photons) is not Tensor or torch.compiler.is_compiling():
        return torch.ops.campipe.expose(*given)[:, None], False
    # The operator's dispatch would cost as much as all of this, and it returns tensors only.
    odd = np.zeros(1, np.int32)
    return _loops(odd, *given)[:, None], bool(odd[0])


def _check(photons: Tensor, grid: Grid, exposure: Exposure) -> None:
    batch, size = len(grid), (grid.height, grid.width)
    came = tuple(photons.shape)
    if len(came) != 4 or came[0] != batch or came[2:] != size or photons.dtype != torch.float32:
        raise ShapeError(f"photons of these addresses are float32 ({batch}, C, {size[0]}, {size[1]}), but {photons.dtype} {came} came")
    if photons.device.type != "cpu":
        raise CampipeError(f"the compiled exposure runs on the CPU, but the photons are on {photons.device}; use the stages")
    if exposure.channel is not None:
        low, high = int(exposure.channel.min()), int(exposure.channel.max())
        if low < 0 or high >= min(came[1], 3):
            raise ShapeError(f"the pattern names channels {low} to {high}, but the photons have {came[1]} (of at most three)")
    for name in ("response", "offset"):
        plane = getattr(exposure, name)
        if plane is not None and tuple(plane.shape) not in ((1, 1, *size), (batch, 1, *size)):
            raise ShapeError(f"the {name} map is (1 or {batch}, 1, {size[0]}, {size[1]}), but {tuple(plane.shape)} came")
    for step, key in (("read", "read_key"), ("row", "row_key"), ("post", "post_key")):
        if getattr(exposure, step) is not None and getattr(exposure, key) is None:
            raise CampipeError(f"{step} noise draws random numbers: pass {key}=Key(...)")


def _table(value: Number, batch: int) -> Tensor:
    """A number, (B,), (h, w) or (B, h, w) as (B, h, w)."""
    if not isinstance(value, Tensor):
        return torch.full((batch, 1, 1), value, dtype=torch.float32)
    table = value.detach().to(torch.float32)
    table = table.reshape(-1, 1, 1) if table.ndim < 2 else table.reshape(-1, *table.shape[-2:])
    return table.expand(batch, -1, -1).contiguous()


def _flat(planes: Tensor) -> tuple[np.ndarray, tuple[int, int, int, int]]:
    """The stretch of memory that planes lie in, and the distances of their items, channels and rows, and the place of the first pixel."""
    planes = planes if planes.stride(-1) == 1 or planes.shape[-1] == 1 else planes.contiguous()
    items, channels, rows, _ = (0 if n == 1 else step for n, step in zip(planes.shape, planes.stride(), strict=True))
    span = sum((n - 1) * step for n, step in zip(planes.shape, planes.stride(), strict=True)) + 1
    return planes.as_strided((span,), (1,)).numpy(), (items, channels, rows, 0)


def _loops(
    odd: np.ndarray, photons: Tensor, origin: Tensor, frame: Tensor, item: Tensor, keys: Tensor, channel: Tensor, qe: Tensor, gain: Tensor,
    black: Tensor, response: Tensor, offset: Tensor, numbers: Tensor, shapes: Tensor, steps: int,
) -> Tensor:  # fmt: skip
    from campipe.ops.kernels.exposure_rows import expose_rows
    from campipe.ops.kernels.threads import over_rows

    batch, _, height, width = photons.shape
    out = empty((batch, height, width))
    if out.numel() == 0:
        return out
    light, light_steps = _flat(photons)
    maps: list[np.ndarray] = []
    for planes in (response, offset):
        flat, (items, _, rows, first) = _flat(planes.float())
        maps += [flat, np.array((items, rows, first))]
    origin_, frame_, item_, keys_, channel_, qe_, gain_, black_, numbers_, shapes_ = (
        t.contiguous().numpy() for t in (origin, frame, item, keys, channel, qe, gain, black, numbers, shapes)
    )
    result = out.numpy()

    def work(first: int, last: int) -> None:
        expose_rows(
            origin_, frame_, item_, keys_, first, last, result, light, np.array(light_steps), channel_, qe_, gain_, black_,
            *maps, numbers_, shapes_, steps, odd,
        )  # fmt: skip

    over_rows(work, batch * height, width)
    return out


@torch.library.custom_op("campipe::expose", mutates_args=(), device_types="cpu")
def _expose(
    photons: Tensor, origin: Tensor, frame: Tensor, item: Tensor, keys: Tensor, channel: Tensor, qe: Tensor, gain: Tensor, black: Tensor,
    response: Tensor, offset: Tensor, numbers: Tensor, shapes: Tensor, steps: int,
) -> Tensor:  # fmt: skip
    odd = np.zeros(1, np.int32)
    return _loops(odd, photons, origin, frame, item, keys, channel, qe, gain, black, response, offset, numbers, shapes, steps)


@_expose.register_fake
def _(photons: Tensor, *rest: object) -> Tensor:
    return photons.new_empty((photons.shape[0], *photons.shape[2:]))
