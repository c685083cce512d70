"""Width of a Gaussian point-spread function from an edge or a point of light."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from campipe.calibrate.edge_pixels import Box, edge_pixels
from campipe.calibrate.estimate import Estimate
from campipe.core.errors import CampipeError
from campipe.core.frame import Frame
from campipe.ops.blurred_edge import fitted_edge, fitted_point

_SHARP = 0.25  # pixels: below, a blur hardly changes what pixels hold
_HALF = 2 * math.sqrt(2 * math.log(2))


@dataclass(frozen=True)
class PsfWidth:
    """sigma   pixels, standard deviation of the Gaussian without the pixels' own area
    fwhm    pixels, its full width at half maximum
    fit     root mean square of what the model leaves, over the contrast of the edge or the height of the point
    """

    sigma: Estimate
    fwhm: Estimate
    fit: float


def psf_width_of_edge(frame: Frame, box: Box | None = None, channel: str = "G", aperture: float = 1.0) -> PsfWidth:
    """Blur from a straight edge of any direction, slanted or not.

    frame, box, channel   as `slanted_edge_response` takes them
    aperture              side of the square that a pixel averages over, pixels; 0: the blur of pixel and lens together

    Least squares of angle, place, both levels and sigma over all pixels. Errors: White's covariance of the fit, of pixels with independent
    noise. Gradient: none.
    """
    values, y, x = edge_pixels(frame, box, channel)
    edge = fitted_edge(values, y, x, aperture)
    return _width(edge.sigma, float(edge.fit.covariance[4, 4]) ** 0.5, edge.fit.sigma / (edge.high - edge.low))


def psf_width_of_point(frame: Frame, box: Box | None = None, channel: str = "G", aperture: float = 1.0) -> PsfWidth:
    """Blur from one point of light on an even background, such as a star.

    frame, box, channel, aperture   as `psf_width_of_edge` takes them; the point well inside of the box

    Least squares of place, flux, background and sigma over all pixels. Errors: White's covariance. Gradient: none.
    """
    values, y, x = edge_pixels(frame, box, channel)
    fit = fitted_point(values, y, x, aperture)
    sigma = math.exp(float(fit.parameters[4]))
    error = float(fit.covariance[4, 4]) ** 0.5
    flux, flux_error = float(fit.parameters[2]), float(fit.covariance[2, 2]) ** 0.5
    low, high = (torch.stack([y, x]).amin(1), torch.stack([y, x]).amax(1))
    if flux < 5 * flux_error or not bool(((fit.parameters[:2] > low) & (fit.parameters[:2] < high)).all()):
        raise CampipeError("no point of light stands out in the box by five standard errors; take a brighter one, or another box")
    return _width(sigma, error, fit.sigma / float(values.max() - fit.parameters[3]))


def _width(sigma: float, relative: float, fit: float) -> PsfWidth:
    if sigma < _SHARP or relative > 0.5:
        limit = max(_SHARP, sigma * math.exp(1.645 * min(relative, 2.0)))
        note = "the pixels are too coarse to tell"
        most = Estimate(limit, math.nan, "pixel", bound=True, note=note)
        return PsfWidth(most, most.times(_HALF), fit)
    found = Estimate(sigma, sigma * relative, "pixel")
    return PsfWidth(found, found.times(_HALF), fit)
