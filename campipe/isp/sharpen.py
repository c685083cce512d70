"""Sharpening of the luminance, with and without halos."""

from __future__ import annotations

from torch import Tensor

from campipe.core.errors import LawError
from campipe.core.frame import Frame
from campipe.core.law import Law
from campipe.core.shot import Shot
from campipe.core.stage import Stage
from campipe.isp.checks import above_0, whole_radius
from campipe.ops.axes import flat_items
from campipe.ops.filters import gaussian_radius
from campipe.ops.sharpen import guided_sharpen, unsharp_mask


class UnsharpMask(Stage):
    """Add to the luminance what a Gaussian blur takes away from it.

    amount      factor on the difference
    radius      sigma of the blur, pixels, above 0
    threshold   difference that is noise, in the unit of the space: larger ones are shortened by it

    The kernel reaches 5 radii; with radii per item the largest one sets the reach. The noise profile ends here. Gradient: exact.
    """

    reads = ("linear", "display")
    primary = "amount"
    radius: Tensor

    def __init__(self, amount: float = 0.5, radius: float = 1.0, threshold: float = 0.0, name: str | None = None) -> None:
        super().__init__(name)
        self.number("amount", amount)
        self.number("radius", radius, positive=True)
        self.number("threshold", threshold, positive=True)

    @property
    def margin(self) -> int:  # type: ignore[override]
        return gaussian_radius(float(self.radius.detach().max()))

    def transform(self, frame: Frame, shot: Shot) -> Frame:
        x, (amount, sigma, threshold) = flat_items(frame.data, *(self.value(n, frame, shot) for n in ("amount", "radius", "threshold")))
        reach = gaussian_radius(float(sigma.detach().max()))
        out = unsharp_mask(x, amount, sigma.reshape(-1) if sigma.ndim else sigma, threshold, reach)
        return frame.replace(out.reshape(frame.data.shape), noise=None)

    def law(self, law: Law) -> Law:
        return _certain(self, law)


class GuidedSharpen(Stage):
    """Add to the luminance what a smoothing that keeps edges takes away from it: texture is raised, and edges get no halo.

    amount    factor on the difference
    epsilon   variance from which on a square holds an edge, in the square of the space's unit, above 0
    radius    of the squares, pixels

    No pixel moves by more than amount sqrt((n - 1) epsilon) / 2, n = (2 radius + 1)^2. The noise profile ends here. Gradient: exact.
    Source: He, Sun, Tang, "Guided image filtering", IEEE TPAMI 35(6), 2013.
    """

    reads = ("linear", "display")
    primary = "amount"

    def __init__(self, amount: float = 1.0, epsilon: float = 1e-3, radius: int = 2, name: str | None = None) -> None:
        super().__init__(name)
        self.number("amount", amount)
        self.number("epsilon", above_0("epsilon", epsilon), positive=True)
        self.radius = whole_radius(radius)
        self.margin = 2 * self.radius

    def transform(self, frame: Frame, shot: Shot) -> Frame:
        x, (amount, eps) = flat_items(frame.data, self.value("amount", frame, shot), self.value("epsilon", frame, shot))
        return frame.replace(guided_sharpen(x, amount, eps, self.radius).reshape(frame.data.shape), noise=None)

    def law(self, law: Law) -> Law:
        return _certain(self, law)


def _certain(stage: Stage, law: Law) -> Law:
    if not law.is_certain:
        raise LawError("sharpened noise is correlated between neighbours; estimate its statistics from frames instead")
    return Law.certain(stage.transform(law.frame(), law.shot), law.shot)
