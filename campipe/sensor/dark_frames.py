"""Measured dark frames in place of modelled dark noise."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from campipe.core import pattern as patterns
from campipe.core.errors import CampipeError, ShapeError
from campipe.core.frame import Frame
from campipe.core.random import Key
from campipe.core.shot import Shot
from campipe.core.stage import Stage
from campipe.ops import draws, standard

REPLACED = ("dark_current", "dsnu", "read_noise", "row_noise", "post_read_noise")
"""Stages of a sensor whose noise is in a dark frame already."""


class DarkFrames:
    """A library of dark frames of one camera at one ISO.

    frames    (N, H, W) or (N, 1, H, W), DN, whole numbers, of the exposure time that is to be simulated; their black level is in them
    iso       at which they were taken
    pattern   colour filters as their pixel (0, 0) sees them; None: monochrome
    black     DN to take off, one number or (h, w) by position of the pattern; None: the mean of the library's draws at each position,
              which leaves a mean of 0 (a level that is off by a fraction of a DN darkens shadows that are learnt from it)
    roll      True: each shot is a frame rolled by a random step of whole tiles, so that few frames make many, and the fixed pattern
              moves with it; False: frames stay where they are, and so does the fixed pattern

    level     (h, w) float64, what is taken off
    variance  DN^2, of what is added about the level of its position, fixed pattern included, without rounding
    """

    def __init__(
        self, frames: Tensor, iso: float, pattern: str | None = None, *, black: float | Tensor | None = None, roll: bool = True
    ) -> None:
        stack = frames[:, 0] if frames.ndim == 4 and frames.shape[1] == 1 else frames
        if stack.ndim != 3 or min(stack.shape) < 1:
            raise ShapeError(f"dark frames are (N, H, W), but the shape {tuple(frames.shape)} came")
        self.iso, self.pattern, self.roll = float(iso), patterns.check(pattern), roll
        tile = (1, 1) if pattern is None else patterns.size(pattern)
        # Whole tiles, so that a roll keeps every colour in its place.
        stack = stack[:, : stack.shape[1] // tile[0] * tile[0], : stack.shape[2] // tile[1] * tile[1]].detach().cpu()
        if min(stack.shape) < 1:
            raise ShapeError(f"dark frames hold one tile of their pattern or more, but the shape {tuple(frames.shape)} came")
        stack = stack.float()
        if not bool((stack == stack.round()).all()):
            raise CampipeError("dark frames are whole numbers, as the converter gave them, but fractions came; take them as read")
        self.tile = tile
        self._low = int(stack.min())
        self._codes = (stack - self._low).to(torch.int32 if float(stack.max()) - self._low > 32767 else torch.int16)
        self.level, self._slopes, self.variance = self._tables(black)

    @classmethod
    def of(cls, frames: Iterable[Frame], *, black: float | Tensor | None = None, roll: bool = True) -> DarkFrames:
        """From frames in "dn", (B, 1, H, W), whose captures know the ISO; they agree in it, in size and in pattern."""
        items = [frame.expect("dn") for frame in frames]
        if not items:
            raise CampipeError("a library of dark frames holds one frame or more, but none came")
        if any(frame.capture.iso is None for frame in items):
            raise CampipeError("dark frames are used at their own ISO, but a capture has none; give frame.replace(iso=...)")
        isos = sorted({float(i) for frame in items for i in frame.capture.iso})  # type: ignore[union-attr]
        sizes = {(frame.height, frame.width) for frame in items}
        kinds = {frame.capture.pattern for frame in items}
        if len(isos) > 1 or len(sizes) > 1 or len(kinds) > 1:
            raise CampipeError(f"dark frames of one library share ISO, size and pattern, but {isos}, {sorted(sizes)} and {kinds} came")
        return cls(torch.cat([frame.data for frame in items]), isos[0], items[0].capture.pattern, black=black, roll=roll)

    def __len__(self) -> int:
        return self._codes.shape[0]

    def __repr__(self) -> str:
        n, h, w = self._codes.shape
        return f"DarkFrames({n} of {w} x {h}, ISO {self.iso:g}, {self.pattern or 'mono'})"

    def draw(self, frame: Frame, key: Key) -> Tensor:
        """Dark noise for a frame, of mean 0 over the library: (B, C, H, W), DN.

        A code stands for all values from half a DN below to half above. One of them is drawn, with a density that grows or falls across
        the code as exp(b t), b from the codes beside it: the frequencies of codes are kept, and the variance 1/12 DN^2 that rounding had
        added is gone, so that the converter behind adds it once. A uniform draw would leave 1/6 DN^2 there; of normal noise of 0.6 DN and
        more, this one leaves less than 0.02.
        """
        return standard.over_planes(frame, key, self._plane).to(frame.data)

    def _plane(self, key: Key, grid: object) -> Tensor:
        size, (h, w) = self._codes.shape[1:], self.tile
        out = []
        for y, x, number, item in zip(*grid.origin.T.tolist(), grid.frame.tolist(), grid.item.tolist(), strict=True):  # type: ignore[attr-defined]
            own = key.fold("choice").fold(item).fold(number)
            chosen = min(int(own.uniform() * len(self)), len(self) - 1)
            step = [int(own.uniform(1 + i) * (size[i] // t)) * t if self.roll else 0 for i, t in enumerate((h, w))]
            rows = (torch.arange(y, y + grid.height) + step[0]) % size[0]  # type: ignore[attr-defined]
            columns = (torch.arange(x, x + grid.width) + step[1]) % size[1]  # type: ignore[attr-defined]
            out.append(self._shot(chosen, rows, columns))
        code, level, slope = (torch.stack(parts)[:, None] for parts in zip(*out, strict=True))
        u = torch.special.ndtr(draws.normal(key.fold("dither"), grid, dtype=torch.float64))  # type: ignore[arg-type]
        # The inverse of (exp(b t) - exp(-b / 2)) / (exp(b / 2) - exp(-b / 2)), which runs from -1/2 to 1/2.
        b = torch.where(slope.abs() < 1e-6, 1.0, slope)
        within = torch.where(slope.abs() < 1e-6, u - 0.5, torch.log1p(u * torch.expm1(b)) / b - 0.5)
        return code - level + within

    def _shot(self, chosen: int, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Codes, levels and slopes of one shot, (H, W) each, float64."""
        code = self._codes[chosen][rows[:, None], columns].long()
        place = rows[:, None] % self.tile[0], columns % self.tile[1]
        return code.double() + self._low, self.level[place], self._slopes[place[0] * self.tile[1] + place[1], code]

    def _tables(self, black: float | Tensor | None) -> tuple[Tensor, Tensor, float]:
        """Level (h, w), slope b within each code (h w, codes), and the variance of what is added."""
        th, tw = self.tile
        levels, slopes, squares = [], [], 0.0
        given = None if black is None else torch.as_tensor(black, dtype=torch.float64).expand(th, tw)
        for i in range(th):
            for j in range(tw):
                codes = self._codes[:, i::th, j::tw].long().flatten()
                count = torch.bincount(codes, minlength=int(self._codes.max()) + 1).double()
                beside = torch.nn.functional.pad(count, (1, 1))
                # Half a count more, so that the last code has a slope.
                slope = ((beside[2:] + 0.5) / (beside[:-2] + 0.5)).log() / 2
                share, (first, second) = count / count.sum(), _moments(slope)
                at = torch.arange(len(count), dtype=torch.float64) + self._low
                mean = float((share * (at + first)).sum())
                level = mean if given is None else float(given[i, j])
                squares += float((share * ((at - mean).square() + 2 * (at - mean) * first + second)).sum()) / (th * tw)
                levels.append(level)
                slopes.append(slope)
        return torch.tensor(levels, dtype=torch.float64).reshape(th, tw), torch.stack(slopes), squares


def _moments(b: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and mean square of t in [-1/2, 1/2] with a density of exp(b t)."""
    safe = torch.where(b.abs() < 1e-2, 1.0, b)
    first = torch.where(b.abs() < 1e-2, b / 12, 0.5 / torch.tanh(safe / 2) - 1 / safe)
    return first, torch.where(b.abs() < 1e-2, 1 / 12 + b.square() / 720, 0.25 - 2 * first / safe)


class MeasuredDark(Stage):
    """Add the noise of measured dark frames, in DN, in front of the black level: everything that a sensor does without light.

    library   `DarkFrames`

    The ideal leaves it out. Which frame is added, by how much it is rolled, and the draw within each code hang on the key, the item and
    the number of the frame; the place within it on the origin, so that a crop has the noise of its place.
    Source: Zhang et al., "Rethinking noise synthesis and modeling in raw denoising", ICCV 2021, for dark frames as noise; the draw within a
    code is ours. Gradient: exact in what it is added to.
    """

    reads = ("analog",)
    writes = "analog"

    def __init__(self, library: DarkFrames, name: str | None = None) -> None:
        super().__init__(name)
        if not isinstance(library, DarkFrames):
            raise CampipeError(f"measured dark noise needs DarkFrames, but {type(library).__name__} came; DarkFrames.of(frames) makes them")
        self.library = library

    def transform(self, frame: Frame, shot: Shot) -> Frame:
        if not shot.noise:
            return frame
        given = shot.given()
        dark = given if given is not None else self.library.draw(frame, shot.key_for())
        return frame.replace(frame.data + dark)
