"""Local tone mapping: dark and bright places of one picture, each at an exposure that suits it."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from campipe.core.errors import CampipeError, LawError
from campipe.core.frame import Frame
from campipe.core.law import Law
from campipe.core.shot import Shot
from campipe.core.stage import Stage
from campipe.isp.checks import above_0
from campipe.ops.axes import flat_items
from campipe.ops.exposure_fusion import local_tone

_NUMBERS = ("contrast", "saturation", "exposedness", "middle", "sigma", "pivot")


class LocalTone(Stage):
    """Fuse exposures of the picture that differ by stops: shadows from the bright ones, highlights from the dark ones.

    stops         exposures to fuse; stops above 0 open shadows, those below 0 hold highlights
    contrast      how much fine detail counts for an exposure, 0: not at all
    saturation    how much colour counts
    exposedness   how much it counts that display values lie near `middle`
    middle        display value that shows best
    sigma         width of the Gaussian around it
    pivot         display value up to which longer exposures brighten, and down to which shorter ones darken
    levels        of the pyramid; None: as many as halve the shorter side to one pixel

    Each pixel is multiplied by one factor: hues stay. The result hangs on the whole picture: it is not made in tiles. The noise profile
    ends here. Gradient: exact; a stop of exactly 0 has a kink there.
    Source: Mertens, Kautz, Van Reeth, "Exposure fusion", Pacific Graphics 2007, and its constants; the pivot is ours.
    """

    reads = ("linear",)
    primary = "stops"
    margin = None
    stops: Tensor

    def __init__(
        self,
        stops: Sequence[float] = (0.0, 1.0, 2.0),
        contrast: float = 1.0,
        saturation: float = 1.0,
        exposedness: float = 1.0,
        middle: float = 0.5,
        sigma: float = 0.2,
        pivot: float = 0.7,
        levels: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.number("stops", stops)
        if self.stops.ndim != 1 or len(self.stops) < 1:
            raise CampipeError(f"the stops are a list of one exposure or more, but {stops!r} came")
        self.number("contrast", contrast, positive=True)
        self.number("saturation", saturation, positive=True)
        self.number("exposedness", exposedness, positive=True)
        self.number("middle", middle)
        self.number("sigma", above_0("sigma", sigma), positive=True)
        self.number("pivot", above_0("pivot", pivot), positive=True)
        if levels is not None and (isinstance(levels, bool) or not isinstance(levels, int) or levels < 0):
            raise CampipeError(f"the levels of a pyramid are a whole number, 0 or more, but {levels!r} came")
        self.levels = levels

    def transform(self, frame: Frame, shot: Shot) -> Frame:
        x, numbers = flat_items(frame.data, *(self.value(name, frame, shot) for name in _NUMBERS))
        stops = self.value("stops", frame, shot)
        stops = stops.repeat_interleave(x.shape[0] // stops.shape[0], 0) if stops.ndim == 2 else stops
        out = local_tone(x, stops, **dict(zip(_NUMBERS, numbers, strict=True)), levels=self.levels)
        return frame.replace(out.reshape(frame.data.shape), noise=None)

    def law(self, law: Law) -> Law:
        if not law.is_certain:
            raise LawError("local tone mapping has no closed form for its statistics; estimate them from frames instead")
        return Law.certain(self.transform(law.frame(), law.shot), law.shot)
