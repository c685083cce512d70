"""Photon transfer from a single frame of any scene: an estimate where most of it is flat, else an upper limit, else a refusal."""

from __future__ import annotations

import math
from dataclasses import dataclass

from campipe.calibrate.estimate import Estimate
from campipe.calibrate.noise import noise_estimate
from campipe.core.errors import CampipeError, ShapeError
from campipe.core.frame import Frame
from campipe.ops.levels import levels_of

_FLAT = 0.1  # share of blocks without structure from which on a frame counts as flat; one without any structure reaches 0.12 to 0.2
_LEAST = 0.002  # share below which a frame says nothing
_SHORT = 0.02  # fraction by which the slope falls short on flat frames, at most, as measured on simulated step wedges
_ONE_SIDED = 1.6448536269514722  # of the normal law at 95 %


@dataclass(frozen=True)
class SceneTransfer:
    """What the noise of one scene tells of its sensor.

    gain            K, DN/e-; an upper limit where the scene has texture
    dark_variance   DN^2 at the black level, rounding included; not measured where the scene has texture
    flat            share of the scene's blocks that have no structure
    """

    gain: Estimate
    dark_variance: Estimate
    flat: float


def scene_transfer(frame: Frame) -> SceneTransfer:
    """Gain and dark variance from one frame of anything, all planes together.

    frame   (1, 1, H, W) in "dn" with black and white level

    Of the blocks of 8 x 8 pixels of one colour those are taken whose low frequencies hold no structure, and their high frequencies are
    measured (`noise_estimate`): white noise is not biased by that choice, as it is where the blocks with the least variance are chosen.
    Texture that is as fine as the noise passes, and only ever adds to variances. Unless 10 % of the blocks are flat, the gain is therefore
    an upper limit, variance over signal at the white level with 1.645 standard errors added, and the dark variance is not measured. (A
    frame without structure reaches 12 to 20 %.) Below 0.2 %, or with too few brightness levels, a CampipeError says so.

    Errors: of the medians of chi-squared energies, or of their scatter about the line where it is larger; beside them the gain comes out
    too low by up to 2 %, which the limit allows for. Gradient: refused.
    """
    frame.expect("dn")
    if frame.batch != 1 or frame.data.ndim != 4:
        raise ShapeError(f"one frame is measured at a time, (1, 1, H, W), but {tuple(frame.data.shape)} came; take items one by one")
    black, white = levels_of(frame)
    found = noise_estimate(frame)
    flat = float(found.flat[0])
    if flat < _LEAST:
        raise CampipeError(
            f"the noise of a scene is measured where it is flat, but {flat:.1%} of this one is; take a chart, or a wall out of focus"
        )
    span = float((white - black).double().mean())
    slope, floor = (float(n) for n in found.noise[0])
    errors = [float(e) for e in found.error[0]]
    if flat >= _FLAT:
        gain = Estimate(slope * span, errors[0] * span, "DN/e-", note="from a scene: up to 2 % too low")
        return SceneTransfer(gain, Estimate(floor * span**2, errors[1] * span**2, "DN^2"), flat)
    note = f"{flat:.1%} of the scene is flat: texture may have added to the noise"
    most = (slope + floor + _ONE_SIDED * math.hypot(*errors)) * span * (1 + _SHORT)
    unknown = Estimate(math.nan, math.nan, "DN^2", note=note)
    return SceneTransfer(Estimate(most, math.nan, "DN/e-", bound=True, note=note), unknown, flat)
