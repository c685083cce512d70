"""What the lens does to light on its way to the sensor."""

from campipe.optics.blur import GaussianBlur
from campipe.optics.vignetting import PolynomialVignetting, Vignetting
from campipe.optics.wavefront import Wavefront

__all__ = ["GaussianBlur", "PolynomialVignetting", "Vignetting", "Wavefront"]
