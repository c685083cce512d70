"""What makes one sensor an individual: photo-response and dark-signal non-uniformity, by pixel, row and column."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor

from campipe.core.frame import Frame
from campipe.core.law import Law
from campipe.core.random import Grid, Key
from campipe.core.shot import Shot
from campipe.core.stage import Stage
from campipe.ops import draws
from campipe.ops.standard import Draw, over_planes

_REMEMBERED = 2**25  # pixels of maps that are kept; a map is a pure function of its arguments
_memory: OrderedDict[tuple[object, ...], Tensor] = OrderedDict()


class FixedPattern(Stage):
    """Base of the stages that add a map which hangs on the sensor's serial number alone.

    pixel, row, column   standard deviations of the three independent parts; each is normal with mean 0
    serial               number of the individual sensor; the same number gives the same map
    """

    primary = "pixel"
    centre = 0.0  # what the map lies around

    def __init__(self, pixel: float = 0.0, row: float = 0.0, column: float = 0.0, serial: int = 0, name: str | None = None) -> None:
        super().__init__(name)
        for part, std in (("pixel", pixel), ("row", row), ("column", column)):
            self.number(part, std, positive=True)
        self.serial = int(serial)

    def map(self, frame: Frame, shot: Shot) -> Tensor | None:
        """The map of the frame's place on the sensor, (1 | B, C, H, W) or None where it is zero everywhere."""
        stds = {part: self.value(part, frame, shot) for part in ("pixel", "row", "column")}
        live = {part: std for part, std in stds.items() if not self.is_off(part, std)}
        if not live:
            return None
        if shot.draws is not None:
            return self._draw(frame, live, shot)
        plain = all(std.numel() == 1 for std in live.values()) and not (
            torch.is_grad_enabled() and any(s.requires_grad for s in live.values())
        )
        if not plain or frame.data.ndim == 6 or frame.data.device.type != "cpu":
            return self._draw(frame, live, shot)
        place = {(y, x) for y, x in frame.origin().tolist()}
        if len(place) > 1:
            return self._draw(frame, live, shot)
        numbers = tuple((part, float(std)) for part, std in live.items())
        label = (type(self).__name__, self.name, self.serial, numbers, place.pop(), frame.data.shape[-3:], frame.data.dtype)
        return remembered(label, lambda: self._draw(frame, live, shot))

    def _draw(self, frame: Frame, stds: dict[str, Tensor], shot: Shot) -> Tensor:
        total = None
        for part, std in stds.items():
            plane = shot.given(part)
            own = plane is None and std.numel() == 1 and not (torch.is_grad_enabled() and std.requires_grad)
            if plane is None:
                key = Key(self.serial).fold("fixed pattern").fold(self.name).fold(part)
                plane = over_planes(frame, key, self._plane(frame, part))
            # A map may be as large as the sensor: in place where the plane is ours and nobody differentiates.
            term = plane.mul_(std) if own else plane * std
            if total is None:
                total = term.add_(self.centre) if own else self.centre + term
            else:
                total = total + term
        assert total is not None
        return total.expand(*total.shape[:-2], frame.height, frame.width)

    @staticmethod
    def _plane(frame: Frame, part: str) -> Draw:
        """How one part is drawn: at no particular frame and item, and by pixel, row or column."""

        def draw(key: Key, grid: Grid) -> Tensor:
            # Views and times are planes of their own in a grid, and each of them needs one.
            still = grid.fixed() if frame.data.ndim == 4 else grid.still()
            at = {"pixel": still, "row": still.rows(), "column": still.columns()}[part]
            return draws.normal(key, at, dtype=frame.data.dtype, device=frame.data.device)

        return draw


def remembered(label: tuple[object, ...], draw: object) -> Tensor:
    """A map drawn before for the same arguments, or a new one; the oldest ones are forgotten."""
    if label in _memory:
        _memory.move_to_end(label)
        return _memory[label]
    made: Tensor = draw().contiguous()  # type: ignore[operator]
    _memory[label] = made
    while len(_memory) > 1 and sum(m.numel() for m in _memory.values()) > _REMEMBERED:
        _memory.popitem(last=False)
    return made


class Prnu(FixedPattern):
    """Photo-response non-uniformity: multiply the expected charge of each pixel by 1 + a(x, y).

    pixel, row, column   standard deviations of a, as fractions

    It multiplies the expectation, before counting. The ideal leaves it out.
    Source: EMVA 1288 Release 4.0, section 4. Gradient: exact, also to the standard deviations.
    """

    reads = ("rate",)
    writes = "rate"
    centre = 1.0

    def transform(self, frame: Frame, shot: Shot) -> Frame:
        response = self.map(frame, shot) if shot.noise else None
        return frame if response is None else frame.replace(frame.data * response)

    def law(self, law: Law) -> Law:
        response = self.map(law.frame(), law.shot)
        return law if response is None else law.times(response)


class Dsnu(FixedPattern):
    """Dark-signal non-uniformity: add a fixed offset d(x, y) to the charge of each pixel.

    pixel, row, column   standard deviations of d, e-

    The ideal leaves it out. Source: EMVA 1288 Release 4.0, section 4. Gradient: exact, also to the standard deviations.
    """

    reads = ("electrons",)
    writes = "electrons"

    def transform(self, frame: Frame, shot: Shot) -> Frame:
        map = self.map(frame, shot) if shot.noise else None
        return frame if map is None else frame.replace(frame.data + map)

    def law(self, law: Law) -> Law:
        map = self.map(law.frame(), law.shot)
        return law if map is None else law.plus(map)
