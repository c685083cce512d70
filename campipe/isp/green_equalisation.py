"""Green equalisation: the greens beside red and beside blue are made to agree."""

from __future__ import annotations

from campipe.core.errors import CampipeError
from campipe.core.frame import Frame
from campipe.core.shot import Shot
from campipe.core.stage import Stage
from campipe.ops import green_equalisation as ops
from campipe.ops.noise import deviation


class EqualiseGreens(Stage):
    """Take the difference away that crosstalk makes between the two greens of a Bayer tile, which demosaickers show as a maze.

    method   "local": the difference that a pixel's surroundings agree on; "global": one ratio for the picture
    limit    relative difference from which on it is detail and not imbalance; wider by three deviations of the capture's noise
    radius   pixels over which "local" averages, even

    Patterns without two greens to a 2 x 2 tile, and frames without a filter, stay as they are. So does the noise profile: gains differ
    from 1 by a few thousandths. Gradient: exact for the noise as it is.
    """

    reads = ("mosaic",)

    def __init__(self, method: str = "local", limit: float = 0.04, radius: int = 6, name: str | None = None) -> None:
        super().__init__(name)
        if method not in ("local", "global"):
            raise CampipeError(f"greens are equalised by the method 'local' or 'global', but {method!r} came")
        if not 0 < limit < 1 or radius < 2 or radius % 2:
            raise CampipeError(f"the limit lies between 0 and 1 and the radius is even, 2 or more, but {limit} and {radius} came")
        self.method, self.limit, self.radius = method, float(limit), int(radius)
        self.margin = int(radius) + 2 if method == "local" else None

    def transform(self, frame: Frame, shot: Shot) -> Frame:
        pattern, noise = frame.capture.pattern, frame.capture.noise
        if pattern is None or not ops.places(pattern):
            return frame
        sigma = None if noise is None else deviation(frame.data.detach().clamp_min(0), noise)
        if self.method == "global":
            return frame.replace(ops.equalised_globally(frame.data, pattern, self.limit, sigma))
        return frame.replace(ops.equalised_locally(frame.data, pattern, self.limit, self.radius, sigma))
