"""Blur by the lens."""

from __future__ import annotations

from torch import Tensor

from campipe.core.errors import CampipeError, LawError
from campipe.core.frame import Frame
from campipe.core.law import Law
from campipe.core.shot import Shot
from campipe.core.stage import Stage
from campipe.ops.filters import gaussian_blur, gaussian_radius


class GaussianBlur(Stage):
    """Spread light by a Gaussian point-spread function, the same everywhere and for all channels.

    sigma    pixels, >= 0; 0 is the identity
    radius   pixels that the kernel reaches; None: 5 sigma, rounded up, as sigma stands at the call

    Beyond the border the scene goes on as its mirror image, so that light is conserved. With per-item sigmas the largest one sets the
    reach; `margin` is the reach at the stage's own sigma. Gradient: exact; sigma needs to start above 0.1 to feel one.
    """

    reads = ("scene", "photons")
    primary = "sigma"
    sigma: Tensor

    def __init__(self, sigma: float = 1.0, radius: int | None = None, name: str | None = None) -> None:
        super().__init__(name)
        self.number("sigma", sigma, positive=True)
        if radius is not None and (isinstance(radius, bool) or not isinstance(radius, int) or radius < 0):
            raise CampipeError(f"the radius of a kernel is a whole number of pixels, 0 or more, but {radius!r} came")
        self.radius = radius

    @property
    def margin(self) -> int:  # type: ignore[override]
        return self._reach(self.sigma)

    def transform(self, frame: Frame, shot: Shot) -> Frame:
        return frame.replace(self._blurred(frame, shot))

    def law(self, law: Law) -> Law:
        if not law.is_certain:
            raise LawError("blurred noise is correlated between neighbours; put the blur before what is random")
        return Law.certain(law.frame().replace(self._blurred(law.frame(), law.shot)), law.shot)

    def _blurred(self, frame: Frame, shot: Shot) -> Tensor:
        sigma = self.value("sigma", frame, shot)
        return gaussian_blur(frame.data, sigma.reshape(-1) if sigma.ndim else sigma, self._reach(sigma))

    def _reach(self, sigma: Tensor) -> int:
        return gaussian_radius(float(sigma.detach().max())) if self.radius is None else self.radius
