"""A stack of frames that were exposed alike: mean and temporal variance of every pixel, in one pass over a stream."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from campipe.calibrate.planes import plane_names
from campipe.core import pattern as patterns
from campipe.core.errors import CampipeError, ShapeError
from campipe.core.frame import Frame


@dataclass(frozen=True)
class StackStatistics:
    """What a stack of frames says, plane by plane.

    planes      names, see `campipe.calibrate.planes`
    means       (h, w) float64 of each plane, DN: the average frame
    variances   (h, w) float64 of each plane, DN^2: temporal variance of every pixel, over frames - 1
    levels      (L, P) float64, DN, mean of every frame in the order they came: drift and flicker
    seconds, iso   of the exposure, where known
    """

    planes: tuple[str, ...]
    means: tuple[Tensor, ...]
    variances: tuple[Tensor, ...]
    levels: Tensor
    seconds: float | None = None
    iso: float | None = None

    @property
    def frames(self) -> int:
        """Number of frames, L."""
        return len(self.levels)

    def index(self, plane: str) -> int:
        """Number of a plane."""
        if plane not in self.planes:
            raise CampipeError(f"the stack has planes {', '.join(self.planes)}, but {plane!r} was asked for")
        return self.planes.index(plane)

    def temporal(self, plane: str) -> float:
        """sigma^2_stack, DN^2: temporal variance, mean over the pixels of a plane."""
        return float(self.variances[self.index(plane)].mean())

    @property
    def flicker(self) -> Tensor:
        """(P,) standard deviation of the frames' means over their mean."""
        return self.levels.std(0) / self.levels.mean(0).abs().clamp_min(1e-9)


def frame_stack(frames: Iterable[Frame | Tensor | np.ndarray], *, pattern: str | None = None) -> StackStatistics:
    """Walk once over frames of one exposure, two or more, and keep sums alone: two maps of float64 and the first frame.

    frames    in "dn", (B, 1, H, W), the items of a batch are frames of the stack; or plain arrays (H, W)
    pattern   of plain arrays; a frame's capture knows it

    Sums are those of differences from the first frame, so that nothing cancels. Raises a CampipeError, with the frame's number, where
    sizes, patterns, exposure times or gains differ, or a number is not finite.
    """
    first: Tensor | None = None
    known: dict[str, object] = {}
    levels: list[Tensor] = []
    for frame in frames:
        for data in _items(frame):
            if first is None:
                first = data.clone()
                known = _known(frame, pattern)
                total, square = torch.zeros_like(data, dtype=torch.float64), torch.zeros_like(data, dtype=torch.float64)
            elif data.shape != first.shape or _known(frame, pattern) != known:
                raise ShapeError(
                    f"the frames of a stack share size, pattern, time and ISO, but frame {len(levels)} is {tuple(data.shape)}, "
                    f"{_known(frame, pattern)}, and the first one {tuple(first.shape)}, {known}"
                )
            apart = data.double() - first
            total += apart
            square.addcmul_(apart, apart)
            levels.append(torch.stack([p.mean() for p in _planes(apart, known["pattern"])]))
            if not bool(torch.isfinite(levels[-1]).all()):
                raise CampipeError(f"the frames of a stack hold finite numbers only, but some of frame {len(levels) - 1} are not")
    count = len(levels)
    if first is None or count < 2:
        raise CampipeError(f"a stack holds two frames or more, but {count} came; EMVA 1288 asks for 16 at least")
    base = torch.stack([p.double().mean() for p in _planes(first, known["pattern"])])
    square.addcmul_(total, total, value=-1 / count).div_(count - 1).clamp_min_(0)
    total.div_(count).add_(first)
    means, variances = (tuple(_planes(t, known["pattern"])) for t in (total, square))
    names = plane_names(known["pattern"])  # type: ignore[arg-type]
    return StackStatistics(names, means, variances, torch.stack(levels) + base, known["seconds"], known["iso"])  # type: ignore[arg-type]


def _items(frame: Frame | Tensor | np.ndarray) -> Tensor:
    """(B, H, W) on the CPU."""
    data = torch.as_tensor(frame.expect("dn").data.detach() if isinstance(frame, Frame) else frame)
    if data.dtype == torch.uint16:
        data = data.to(torch.int32)
    if data.ndim == 4 and data.shape[1] == 1:
        return data[:, 0].cpu()
    if data.ndim == 2:
        return data[None].cpu()
    raise ShapeError(f"a stack is made of raw frames (B, 1, H, W) or arrays (H, W), but {tuple(data.shape)} came")


def _known(frame: Frame | Tensor | np.ndarray, pattern: str | None) -> dict[str, object]:
    if not isinstance(frame, Frame):
        return {"pattern": pattern, "seconds": None, "iso": None}
    numbers = {n: None if (v := getattr(frame.capture, n)) is None else float(v.flatten()[0]) for n in ("seconds", "iso")}
    return {"pattern": frame.capture.pattern, **numbers}


def _planes(data: Tensor, pattern: object) -> list[Tensor]:
    height, width = (1, 1) if pattern is None else patterns.size(str(pattern))
    return [data[y::height, x::width] for y in range(height) for x in range(width)]
