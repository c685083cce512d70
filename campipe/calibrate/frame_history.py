"""What was done to a raw frame before it came: denoised, sharpened, scaled to other codes, compressed with loss."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from campipe.calibrate.estimate import Estimate
from campipe.ops.code_use import code_step, flat_tiles
from campipe.ops.flat_noise import lag_correlation, octave_ratio, patch_values

_WHITE = 0.05  # correlation of neighbours up to which noise counts as white
_FINE = 0.9  # power of the highest frequencies over those an octave below, from which on noise counts as white
_SURE = 3.0  # standard errors beyond a limit
_COMB = 1.2  # mean distance of codes from which on some are missing
_TILES = 0.01  # share of tiles that hold one number


@dataclass(frozen=True)
class FrameHistory:
    """What flat patches tell about a frame's past.

    along_rows, along_columns   correlation of noise with the next pixel of the same colour; 0 for white noise
    fine                        noise power of the highest frequencies over that an octave below; 1 for white noise
    step                        mean distance between the codes that occur, DN: 1, or nan where the noise is too small to tell
    one_valued                  share of tiles of 8 x 8 pixels of one colour that hold one number
    denoised, sharpened, requantised, lossy
    """

    along_rows: Estimate
    along_columns: Estimate
    fine: Estimate
    step: float
    one_valued: float
    denoised: bool
    sharpened: bool
    requantised: bool
    lossy: bool

    @property
    def sentences(self) -> tuple[str, ...]:
        """What is wrong with the frame, in words; empty where nothing is."""
        said = []
        if self.denoised:
            said.append(
                f"the frame was denoised: neighbours of one colour go along by {max(self.along_rows.value, self.along_columns.value):.2f}, "
                f"and its finest noise has {self.fine.value:.2f} of the power that white noise has"
            )
        if self.sharpened:
            said.append(f"the frame was sharpened: its finest noise has {self.fine.value:.2f} times the power that white noise has")
        if self.requantised:
            said.append(f"the frame was rounded to fewer codes before: one in {self.step:.1f} occurs")
        if self.lossy:
            said.append(f"the frame was compressed with loss: {100 * self.one_valued:.0f} % of its small tiles hold one number alone")
        return tuple(said)


def frame_history(
    planes: list[tuple[Tensor, Tensor]], count: int, white: float = math.inf, black: float = -math.inf, flat: bool = True
) -> FrameHistory:
    """Read off flat patches what was done to a frame.

    planes         of each colour: pixels (h, w) in DN, and the patch of each (h, w), -1 outside
    count          number of patches
    white, black   DN at which pixels are clipped
    flat           True: the noise spectrum is read too; False: of the codes alone, for patches that are not flat

    A verdict needs three standard errors beyond its limit: |correlation| 0.05, power ratio 0.9 or 1 / 0.9. Errors: `lag_correlation` and
    `octave_ratio`. Frames that are no whole numbers have no step. Tiles of one number are counted where the noise should have moved them.
    """
    none = Estimate(math.nan, math.nan, "1")
    rows, columns, fine = none, none, none
    if flat:
        rows, columns = (_pooled([lag_correlation(p, n, count, dim) for p, n in planes]) for dim in (-1, -2))
        fine = _pooled([octave_ratio(p, n, count) for p, n in planes])
    whole = all(bool((p == p.round()).all()) for p, _ in planes)
    steps = [code_step(values) for p, n in planes for values in patch_values(p, n, count)] if whole else []
    steps = [s for s in steps if math.isfinite(s)]
    step = float(torch.tensor(steps).median()) if steps else math.nan
    tiles = [t for t in (flat_tiles(p, white, black) for p, _ in planes) if math.isfinite(t)]
    one_valued = sum(tiles) / len(tiles) if tiles else math.nan
    near = max(_over(rows, _WHITE), _over(columns, _WHITE), _over(fine.times(-1), -_FINE))
    far = max(_over(rows.times(-1), _WHITE), _over(columns.times(-1), _WHITE), _over(fine, 1 / _FINE))
    return FrameHistory(rows, columns, fine, step, one_valued, near > 0, far > 0, step > _COMB, one_valued > _TILES)


def _over(estimate: Estimate, limit: float) -> float:
    """How far an estimate lies surely beyond a limit; below 0 where it does not, or is not known."""
    over = estimate.value - _SURE * estimate.error - limit
    return over if math.isfinite(over) else -1.0


def _pooled(pairs: list[tuple[float, float]]) -> Estimate:
    """Mean of numbers with known errors."""
    usable = [(v, e) for v, e in pairs if math.isfinite(v) and e > 0]
    if not usable:
        return Estimate(math.nan, math.nan, "1")
    total = sum(1 / e**2 for _, e in usable)
    return Estimate(sum(v / e**2 for v, e in usable) / total, total**-0.5, "1")
