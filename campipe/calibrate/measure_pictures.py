"""What pictures tell of a camera: colour from charts, shading from flats through the lens."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from campipe.calibrate.chart_colour import ChartColour, chart_colour
from campipe.calibrate.estimate import Estimate, combined
from campipe.calibrate.lens_shading import LensShading, lens_shading
from campipe.calibrate.patches import chart_labels
from campipe.calibrate.session import IsoStep, Walk
from campipe.calibrate.shots import Series, Shot
from campipe.calibrate.single_frame import SingleFrameTransfer, patch_transfer
from campipe.core.errors import CampipeError
from campipe.core.frame import Frame

DAYLIGHT = 5000.0
"""K: what the light of a chart is taken for that nobody measured."""


@dataclass(frozen=True)
class ChartSeen:
    """A chart in one of the files.

    name     of the file
    cct      of its light, K; known: whether somebody measured it, or it is taken for daylight
    colour   white balance, matrix and differences
    iso      at which it was taken
    noise    photon transfer of its patches; None where they do not allow it
    """

    name: str
    cct: float
    known: bool
    colour: ChartColour
    iso: float
    noise: SingleFrameTransfer | None

    @property
    def gain(self) -> Estimate | None:
        """K of all planes by the patches, DN/e-: one frame cannot tell noise from the fixed pattern of single pixels."""
        gains = [] if self.noise is None else [p.gain for p in self.noise.planes if math.isfinite(p.gain.value)]
        return combined(gains) if gains else None

    @property
    def black(self) -> Estimate | None:
        """Black level by the patches, DN: where the line of variance over mean meets that of rounding."""
        return combined([p.black for p in self.noise.planes]) if self.noise is not None and self.gain is not None else None


def measure_charts(steps: Sequence[IsoStep], walk: Walk) -> tuple[ChartSeen, ...]:
    """Find and measure the chart of every shot that is taken for one; what holds none is told of.

    Black levels are those that the darks of the same ISO said, where there are some.
    """
    blacks = {step.iso: step.dark.black for step in steps if step.dark is not None}
    seen = []
    for shot in walk.shots:
        if shot.kind != "chart":
            continue
        try:
            frame = shot.load()
            measured = blacks.get(shot.iso)
            if measured is not None and frame.capture.pattern is not None:
                side = 2 if len(measured) == 4 else 6
                frame = frame.replace(black_level=torch.tensor([b.level.value for b in measured]).reshape(1, side, side))
            colour = chart_colour(frame)
        except CampipeError as problem:
            walk.complain([f"{shot.name}: {problem.message}"])
            continue
        if shot.cct is None:
            words = f"{shot.name}: the colour temperature of its light is not known, and taken for {DAYLIGHT:g} K; say cct in the manifest"
            walk.complain([words])
        seen.append(ChartSeen(shot.name, shot.cct or DAYLIGHT, shot.cct is not None, colour, shot.iso, _noise(frame, colour, shot, walk)))
    return tuple(sorted(seen, key=lambda chart: chart.cct))


def _noise(frame: Frame, colour: ChartColour, shot: Shot, walk: Walk) -> SingleFrameTransfer | None:
    """Photon transfer of the patches of a chart."""
    try:
        found = patch_transfer(frame, *chart_labels(colour.corners, (frame.height, frame.width)))
    except CampipeError as problem:
        walk.complain([f"{shot.name}: no photon transfer from its patches: {problem.message}"])
        return None
    walk.complain([f"{shot.name}: {words}" for words in found.history.sentences])
    return found


def measure_shading(flat: Series, walk: Walk) -> LensShading | None:
    """Shading of the lens from one flat of a series that was found to be uneven; None where the frame is a crop, or too small."""
    try:
        found = lens_shading(flat.first.load())
    except CampipeError as problem:
        walk.complain([f"{flat.names[0]}: no lens shading: {problem.message}"])
        return None
    walk.complain([f"{flat.names[0]}: {words}" for words in found.notes])
    return found
