"""Tone curves to choose from, beside `ToneCurve`: line, power, filmic, and a user's own points. Each one knows its inverse."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from campipe.core.errors import CampipeError, LawError
from campipe.core.frame import Frame
from campipe.core.law import Law
from campipe.core.shot import Shot
from campipe.core.stage import Stage
from campipe.isp.checks import above_0
from campipe.ops import tone_curves
from campipe.ops.monotone import monotone_cubic, monotone_cubic_inverse


class Curve(Stage):
    """Bend linear light, each channel by the same increasing curve. To be derived from: `bend` and `unbend`, of the value and the numbers.

    The noise profile ends here: a curve is no gain.
    """

    reads = ("linear",)
    bend: ClassVar[Callable[..., Tensor]]
    unbend: ClassVar[Callable[..., Tensor]]

    def transform(self, frame: Frame, shot: Shot) -> Frame:
        return frame.replace(self.bend(frame.data, **self._numbers(frame, shot)), noise=None)

    def inverse(self, frame: Frame, *, parameters: Mapping[str, Tensor | float] | None = None) -> Frame:
        """Undo the stage: toned light, in "linear", to the light that it was made of.

        parameters   name of a number to its values per item, where the light was bent by such

        Gradient: exact.
        """
        frame.expect(*self.reads)
        numbers = self._numbers(frame, self.shot(None, True, None, parameters).enter(self.name))
        return frame.replace(self.unbend(frame.data, **numbers), noise=None)

    def _numbers(self, frame: Frame, shot: Shot) -> dict[str, Tensor]:
        return {name: self.value(name, frame, shot).to(frame.data.dtype) for name in self._positive}

    def law(self, law: Law) -> Law:
        if not law.is_certain:
            raise LawError("a tone curve has no closed form for its statistics; estimate them from frames instead")
        return Law.certain(self.transform(law.frame(), law.shot), law.shot)


class LinearCurve(Curve):
    """A straight line: gain * light + offset.

    gain     slope, above 0
    offset   what black becomes

    Gradient: exact.
    """

    bend = staticmethod(tone_curves.linear_curve)
    unbend = staticmethod(tone_curves.linear_curve_inverse)

    def __init__(self, gain: float = 1.0, offset: float = 0.0, name: str | None = None) -> None:
        super().__init__(name)
        self.number("gain", above_0("gain", gain), positive=True)
        self.number("offset", offset)


class PowerCurve(Curve):
    """The curve of sRGB, and its family: (1 + offset) light^(1/gamma) - offset, with a straight beginning.

    gamma    above 1 + offset; 2.4 is sRGB's
    offset   above 0; 0.055 is sRGB's

    It brightens linear light; an encoding for the display comes on top of it. Gradient: exact.
    """

    gamma: Tensor
    offset: Tensor
    bend = staticmethod(tone_curves.power_curve)
    unbend = staticmethod(tone_curves.power_curve_inverse)

    def __init__(self, gamma: float = 2.4, offset: float = 0.055, name: str | None = None) -> None:
        super().__init__(name)
        self.number("gamma", gamma, positive=True)
        self.number("offset", above_0("offset", offset), positive=True)
        if not bool(self.gamma > 1 + self.offset):
            raise CampipeError(f"the gamma of a power curve is above 1 + offset, but {gamma} and an offset of {offset} came")


class FilmicCurve(Curve):
    """Hable's filmic curve: a toe, a straight middle and a shoulder, through black and white.

    exposure   factor on the light before the curve: how far up the shoulder it gets
    white      light that becomes 1; Hable's pictures have 5.6 after an exposure of 2
    shoulder, linear, angle, toe, lift, base   A to F of `campipe.ops.tone_curves.filmic_curve`, in this order

    Gradient: exact. Source: Hable, "Uncharted 2: HDR lighting", Game Developers Conference 2010, and its constants.
    """

    bend = staticmethod(tone_curves.filmic_curve)
    unbend = staticmethod(tone_curves.filmic_curve_inverse)

    def __init__(
        self,
        exposure: float = 1.0,
        white: float = 1.0,
        shoulder: float = 0.22,
        linear: float = 0.30,
        angle: float = 0.10,
        toe: float = 0.20,
        lift: float = 0.01,
        base: float = 0.30,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        given = dict(exposure=exposure, white=white, shoulder=shoulder, linear=linear, angle=angle, toe=toe, lift=lift, base=base)
        for number, value in given.items():
            self.number(number, above_0(number, value), positive=True)
        if not (angle < 1 and lift < angle * base):
            raise CampipeError(f"a filmic curve increases if angle < 1 and lift < angle * base, but {angle}, {lift} and {base} came")


class PointsCurve(Curve):
    """A smooth curve through points of one's own, that never turns back.

    points   [[x, y], ...]: at least two, both numbers increasing; outside of them the curve goes on as a line

    Its numbers are where the first point stands, `start`, and the steps to the next ones, `runs` along x and `rises` along y. Steps are
    optimised as logarithms, so that the curve increases at every moment of a training. Gradient: exact.
    Source: Fritsch, Carlson, SIAM Journal on Numerical Analysis 17, 1980.
    """

    start: Tensor
    runs: Tensor
    rises: Tensor

    def __init__(self, points: Sequence[Sequence[float]] = ((0.0, 0.0), (1.0, 1.0)), name: str | None = None) -> None:
        super().__init__(name)
        table = _table(points)
        self.number("start", table[0].float())
        self.number("runs", table[:, 0].diff().float(), positive=True)
        self.number("rises", table[:, 1].diff().float(), positive=True)

    @staticmethod
    def bend(value: Tensor, start: Tensor, runs: Tensor, rises: Tensor) -> Tensor:
        return monotone_cubic(value, *_knots(start, runs, rises))

    @staticmethod
    def unbend(toned: Tensor, start: Tensor, runs: Tensor, rises: Tensor) -> Tensor:
        return monotone_cubic_inverse(toned, *_knots(start, runs, rises))

    def config(self) -> dict[str, Any]:
        # Sums of few float32 are exact in float64, so that the steps come back to the last bit.
        x, y = _knots(self.start.detach().double(), self.runs.detach().double(), self.rises.detach().double())
        return {**super().config(), "points": torch.stack([x, y], -1).tolist()}


def _knots(start: Tensor, runs: Tensor, rises: Tensor) -> tuple[Tensor, Tensor]:
    """The points, (n,) or (B, n) each: x and y."""
    batch = next((t.shape[:-1] for t in (start, runs, rises) if t.ndim == 2), ())
    ends = [start[..., i : i + 1].expand(*batch, 1) for i in (0, 1)]
    steps = [part.expand(*batch, part.shape[-1]) for part in (runs, rises)]
    x, y = (torch.cat([end, end + step.cumsum(-1)], -1) for end, step in zip(ends, steps, strict=True))
    return x, y


def _table(points: Any) -> Tensor:
    """Points as (n, 2) float64, checked."""
    try:
        table = torch.as_tensor(points, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError):
        table = torch.zeros(0)
    if table.ndim != 2 or table.shape[0] < 2 or table.shape[1] != 2 or not bool((table.diff(dim=0) > 0).all()):
        raise CampipeError(f"points are [[x, y], ...], two or more, x and y increasing, but {points!r} came")
    return table
