"""The run from raw numbers to a picture in one pass: offered by `Levels`, taken where nothing needs a gradient."""

from __future__ import annotations

from math import lcm
from typing import Any

import torch
from torch import Tensor

from campipe.core.frame import Frame
from campipe.core.shot import Shot
from campipe.core.stage import Stage
from campipe.ops.axes import pattern_table
from campipe.ops.compiled import loops_serve
from campipe.ops.kernels import developing as kernel
from campipe.ops.kernels.developing import Developing

# The run that the loops compute, by the names of the stages' classes; those that cut off may be missing.
RUN = ("Levels", "WhiteBalance", "ClipHighlights", "demosaick", "ColourMatrix", "Exposure", "ToneCurve", "SrgbEncode", "Clip")
_OPTIONAL = ("ClipHighlights", "Clip")
_CORNER = 8  # pixels of the piece of the frame on which the stages themselves say what becomes of its capture


def developing(run: list[Stage], frame: Frame, shot: Shot) -> tuple[int, Frame] | None:
    """Do the whole run at once, or None where the stages have to be taken one by one.

    run     stages from the levels on
    frame   "dn", (B, 1, H, W)

    One by one: with gradient, in float64, on other devices, with views or times, inside a graph, with a pattern other than Bayer's, with a
    demosaicker that has no loop, with levels that do not repeat within 64 pixels, and where the run is another one. Up to the encoding the
    loops do what the stages do, in the same order; the encoding lies within 1.8e-7 of its formula (torch's own: 1.5e-7), and the pictures
    within 3e-7 of one another, relative to values above 1 where nothing is cut off.
    """
    found = plan(run, frame, shot)
    if found is None:
        return None
    count, todo, corner = found
    return count, frame.known(kernel.develop(frame.data, todo), corner.space, corner.capture)


def integers(run: list[Stage], frame: Frame, shot: Shot, bits: int) -> tuple[Tensor, bool] | None:
    """The whole run, and rounding to `bits`, at once: (B, H, W, 3), and whether a value was NaN. None: take the stages, and round."""
    found = plan(run, frame, shot)
    if found is None or found[0] != len(run):
        return None
    limits = found[1].limits
    if limits is None or limits[0] < 0 or limits[1] > 1:
        return None
    return kernel.develop_integers(frame.data, found[1], bits)


def plan(run: list[Stage], frame: Frame, shot: Shot) -> tuple[int, Developing, Frame] | None:
    """How many stages the loops stand for, what these do in the loops' words, and a corner of the frame that went through the stages."""
    pattern, stages = frame.capture.pattern, _matched(run)
    if stages is None or pattern is None or not loops_serve(frame.data) or not kernel.fits(frame.data, pattern):
        return None
    method = _method(stages["demosaick"])
    if method is None:
        return None
    corner = frame.replace(frame.data[..., :_CORNER, :_CORNER])
    numbers: dict[str, Any] = {}
    for kind, stage in stages.items():
        before, corner = corner, stage.run(corner, shot)
        numbers |= _numbers(kind, stage, before, corner, shot.enter(stage.name))
    tables = _tables(numbers.pop("black"), numbers.pop("white"), numbers.pop("gains"), pattern)
    found = [n for n in numbers.values() if isinstance(n, Tensor)]
    if tables is None or not loops_serve(*tables, *found) or any(n.shape[0] not in (1, frame.batch) for n in found):
        return None
    return len(stages), Developing(pattern, method, *tables, **numbers), corner


def _matched(run: list[Stage]) -> dict[str, Stage] | None:
    """The stages of the run by their kind, or None where it is another run."""
    found: dict[str, Stage] = {}
    rest = iter(run)
    stage = next(rest, None)
    for kind in RUN:
        if stage is not None and _is(kind, stage):
            found[kind] = stage
            stage = next(rest, None)
        elif kind not in _OPTIONAL:
            return None
    return found


def _is(kind: str, stage: Stage) -> bool:
    """True for a stage of exactly that class. One whose numbers are optimised has changed its class."""
    if kind == "demosaick":
        return getattr(stage, "slot", None) == kind
    return type(stage).__name__ == kind and type(stage).__module__.startswith("campipe.isp.")


def _method(block: Any) -> str | None:
    """The name of the block's loop; None where it has none. A class from elsewhere may do something else than what it is derived from."""
    name = getattr(block, "loop", None)
    return name if type(block).__module__.startswith("campipe.blocks.") and name in kernel.methods() else None


def _numbers(kind: str, stage: Any, before: Frame, after: Frame, here: Shot) -> dict[str, Any]:
    """What a stage does to this frame: numbers of shape (1,) or (B,) + their own."""
    if kind == "Levels":
        return {"black": after.capture.black_level, "white": after.capture.white_level}
    if kind == "WhiteBalance":
        return {"gains": stage.table(before, here)}
    if kind == "ClipHighlights":
        return {"ceiling": _rows(stage.limit(before, here))}
    if kind == "ColourMatrix":
        matrix = stage.table(before, here)
        return {} if matrix is None else {"matrix": matrix.to(torch.float32).reshape(-1, 3, 3)}
    if kind == "Exposure":
        return {"factor": _rows(stage.factor(before, here))}
    if kind == "ToneCurve":
        strength = stage.bend(before, here)
        return {} if strength is None else {"strength": _rows(strength)}
    return {"limits": (stage.low, stage.high)} if kind == "Clip" else {}


def _rows(value: Tensor | float) -> Tensor:
    return value.reshape(-1) if isinstance(value, Tensor) else torch.tensor([value])


def _tables(black: Tensor, white: Tensor, gains: Tensor | None, pattern: str) -> tuple[Tensor, Tensor, Tensor] | None:
    """Black level, white less black level, and gain, as tables of one period; None where that is too long."""
    gain = torch.ones(1, 1, 1) if gains is None else pattern_table(gains.to(torch.float32), pattern)
    tables = [t.to(torch.float32).reshape(-1, *(t.shape[1:] if t.ndim == 3 else (1, 1))) for t in (black, white, gain)]
    h, w = (lcm(*(t.shape[axis] for t in tables)) for axis in (1, 2))
    if max(h, w) > kernel.LARGEST_PERIOD:
        return None
    black, white, gain = (t.repeat(1, h // t.shape[1], w // t.shape[2]) for t in tables)
    span = white - black
    # The stage looked at a corner only; it says what is wrong elsewhere.
    return None if bool((span <= 0).any()) else (black, span, gain)
