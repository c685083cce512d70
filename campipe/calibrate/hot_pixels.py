"""Pixels that stand out: hot and cold ones in the dark, dead and bright ones under even light."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from campipe.calibrate.dark import DarkStatistics
from campipe.core import pattern as patterns
from campipe.core.errors import CampipeError
from campipe.core.frame import Frame
from campipe.ops.defects import surroundings

_GROUPS, _GROUP = 8, 128  # of pixels of about the same light, and the least number in each


@dataclass(frozen=True)
class OddPixels:
    """Pixels beyond what a normal law explains.

    places        (N, 2) int64, (y, x), most deviant first
    excess        (N,) float64: DN above the others of its plane in the dark; fraction of the light under light
    threshold     the deviation from which on a pixel counts, by plane, (P,), in the unit of `excess`; at its middle light under light
    pixels        how many were looked at
    false_alarm   probability that a sensor without such pixels shows one
    """

    places: Tensor
    excess: Tensor
    threshold: Tensor
    pixels: int
    false_alarm: float

    @property
    def share(self) -> float:
        return len(self.places) / self.pixels

    @property
    def high(self) -> OddPixels:
        """Those above the others: hot in the dark."""
        return self._where(self.excess > 0)

    @property
    def low(self) -> OddPixels:
        """Those below the others: dead under light."""
        return self._where(self.excess < 0)

    def mask(self, height: int, width: int) -> Tensor:
        """(height, width) bool."""
        mask = torch.zeros(height, width, dtype=torch.bool)
        mask[self.places[:, 0], self.places[:, 1]] = True
        return mask

    def _where(self, chosen: Tensor) -> OddPixels:
        return OddPixels(self.places[chosen], self.excess[chosen], self.threshold, self.pixels, self.false_alarm)


def hot_pixels(statistics: DarkStatistics, *, false_alarm: float = 1e-2) -> OddPixels:
    """Pixels whose dark signal stands out from their plane.

    What the pixels of each row and column have in common, but for those that stand out, is taken off the mean of the frames first. What
    is left counts from z deviations on, 1.4826 times the median distance from the median (Rousseeuw and Croux, J. American Statistical
    Association 88, 1993), with z such that `false_alarm` is the probability that any of all pixels of a normal law lies so far off, on
    either side; it is Student's, for the error of the distance. The dark signal of real sensors has a longer tail than that: what is
    found is that tail.
    """
    rest = torch.empty_like(statistics.mean)
    th, tw = statistics.tile
    for p, plane in enumerate(statistics.planes):
        i, j = divmod(p, tw)
        rest[i::th, j::tw] = _without_lines(plane.mean)
    floor = torch.tensor([math.sqrt(float(p.variance.median()) / statistics.frames) / 2 for p in statistics.planes])
    # A pixel that stands out is compared with the mean of the others of its lines, and they have lost a share to their own means.
    taken = math.prod(size / max(size - 1, 1) for size in statistics.planes[0].mean.shape)
    return _odd(rest, statistics.tile, false_alarm, floor, taken)


def odd_under_light(flat: Frame, *, false_alarm: float = 1e-2) -> OddPixels:
    """Pixels that answer light otherwise than their neighbours: dead ones below, bright ones above.

    flat   "dn" or "mosaic", (B, 1, H, W), evenly lit and not saturated; a batch is averaged. In "dn" the capture has a black level

    A pixel's response over the median of its eight neighbours of the same colour, less 1; the threshold is that of `hot_pixels`, with a
    deviation that grows towards the dark corners as the pixels' does: sqrt(a + b / light), a of the fixed pattern and b of the photons,
    fitted through groups of pixels of about the same light. More frames make smaller deviations visible.
    """
    flat.expect("dn", "mosaic")
    data = flat.data.double().mean(0, keepdim=True)
    if flat.space == "dn":
        from campipe.ops.axes import per_position

        if flat.capture.black_level is None:
            raise CampipeError("response to light is counted from black, but the capture has no black_level; give frame.replace(...)")
        data = data - per_position(flat.capture.black_level[:1].double(), flat.height, flat.width, 4)
    pattern = flat.capture.pattern
    median = surroundings(data, pattern)[0][0, 0]
    if not bool((median > 0).all()):
        raise CampipeError("a flat is brighter than black everywhere, but this one is not; give a flat with light")
    tile = (1, 1) if pattern is None else patterns.size(pattern)
    return _odd(data[0, 0] / median - 1, tile, false_alarm, torch.zeros(tile[0] * tile[1]), light=median)


def _without_lines(values: Tensor) -> Tensor:
    """Values less the means of their rows and columns, which pixels beyond 3.5 deviations have no part in."""
    rest = values - _middle(values, 1)
    rest = rest - _middle(rest, 0)
    # The middle half pulls its mean to itself, and so looks narrower than it is, by several per cent of small planes; all pixels do not.
    spread = 1.4826 * float((rest - rest.median()).abs().median())
    lines = torch.where(rest.abs() > 3.5 * spread, values - rest, values)
    return values - lines.mean(1, keepdim=True) - lines.mean(0, keepdim=True) + lines.mean()


def _middle(values: Tensor, dim: int) -> Tensor:
    """Mean of the middle half along an axis, which stays: as a mean without what stands out."""
    ordered = values.sort(dim).values
    size = values.shape[dim]
    return ordered.narrow(dim, size // 4, size - 2 * (size // 4)).mean(dim, keepdim=True)


def _odd(
    rest: Tensor, tile: tuple[int, int], false_alarm: float, floor: Tensor, taken: float = 1.0, light: Tensor | None = None
) -> OddPixels:
    """What of each plane lies beyond the threshold.

    floor   the least deviation of a plane that is believed
    taken   deviation of a pixel that stands out, over that of the others
    light   (H, W), where the deviation hangs on it
    """
    from scipy.stats import t

    threshold = torch.empty(tile[0] * tile[1], dtype=torch.float64)
    limit = torch.empty_like(rest)
    centred = rest.clone()
    for p in range(len(threshold)):
        i, j = divmod(p, tile[1])
        place = (slice(i, None, tile[0]), slice(j, None, tile[1]))
        plane = rest[place] - rest[place].median()
        spread = _spread(plane, None if light is None else light[place]).mul(taken).clamp_min(float(floor[p]))
        # 0.37 is the efficiency of the median distance.
        z = float(t.isf(false_alarm / (2 * rest.numel()), max(1.0, 0.37 * plane.numel())))
        centred[place], limit[place] = plane, z * spread
        threshold[p] = limit[place].median()
    places = (centred.abs() > limit).nonzero()
    excess = centred[places[:, 0], places[:, 1]]
    order = excess.abs().argsort(descending=True)
    return OddPixels(places[order], excess[order], threshold, rest.numel(), false_alarm)


def _spread(plane: Tensor, light: Tensor | None) -> Tensor:
    """Standard deviation of centred values by the median distance; (), or one for each pixel where it hangs on the light."""
    whole = 1.4826 * plane.abs().median()
    groups = min(_GROUPS, plane.numel() // _GROUP)
    if light is None or groups < 2:
        return whole
    order = light.flatten().argsort()
    parts = [(plane.flatten()[part], 1 / light.flatten()[part]) for part in order.tensor_split(groups)]
    squares = torch.stack([(1.4826 * values.abs().median()).square() for values, _ in parts])
    dimness = torch.stack([inverse.mean() for _, inverse in parts])
    apart = dimness - dimness.mean()
    if float(apart.abs().max()) <= 1e-3 * float(dimness.mean()):
        return whole
    # Neither part is below 0.
    slope = ((apart * squares).sum() / apart.square().sum()).clamp_min(0).minimum(squares.mean() / dimness.mean())
    return (squares.mean() + slope * (1 / light - dimness.mean())).sqrt()
