"""Noise of the colours, which the eye forgives least, taken away without touching the luminance."""

from __future__ import annotations

from campipe.core.errors import LawError
from campipe.core.frame import Frame
from campipe.core.law import Law
from campipe.core.shot import Shot
from campipe.core.stage import Stage
from campipe.isp.checks import above_0, whole_radius
from campipe.ops.axes import flat_items
from campipe.ops.chroma import chroma_denoise


class ChromaDenoise(Stage):
    """Smooth colour differences, by a guided filter whose guide the luminance is. The luminance stays what it was.

    strength   0 leaves the colours, 1 takes the smooth ones
    epsilon    variance of the luminance from which on its edges are edges of colour too, in the square of the space's unit, above 0;
               large: a plain mean over the square
    radius     of the squares, pixels

    Frames of one channel come back as they are. The noise profile ends here. Gradient: exact.
    Source of the filter: He, Sun, Tang, "Guided image filtering", IEEE TPAMI 35(6), 2013.
    """

    reads = ("linear", "display")
    primary = "strength"

    def __init__(self, strength: float = 1.0, epsilon: float = 1e-2, radius: int = 4, name: str | None = None) -> None:
        super().__init__(name)
        self.number("strength", strength)
        self.number("epsilon", above_0("epsilon", epsilon), positive=True)
        self.radius = whole_radius(radius)
        self.margin = 2 * self.radius

    def transform(self, frame: Frame, shot: Shot) -> Frame:
        if frame.data.shape[-3] == 1:
            return frame
        x, (strength, eps) = flat_items(frame.data, self.value("strength", frame, shot), self.value("epsilon", frame, shot))
        return frame.replace(chroma_denoise(x, strength, eps, self.radius).reshape(frame.data.shape), noise=None)

    def law(self, law: Law) -> Law:
        if not law.is_certain:
            raise LawError("smoothed noise is correlated between neighbours; estimate its statistics from frames instead")
        return Law.certain(self.transform(law.frame(), law.shot), law.shot)
