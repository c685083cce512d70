"""The run from photons to digital numbers in one pass: offered by the sensor's first stage, taken where nothing needs a gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from campipe.core import pattern as patterns
from campipe.core.errors import CampipeError
from campipe.core.frame import Frame
from campipe.core.shot import Shot
from campipe.core.stage import Stage
from campipe.ops.axes import pattern_table
from campipe.ops.kernels import exposure as kernel
from campipe.ops.kernels.exposure import Exposure, prepare
from campipe.sensor.memo import label, once

if TYPE_CHECKING:
    from campipe.sensor.charge import DarkCurrent, FullWell
    from campipe.sensor.colour_filter import ColorFilterArray, QuantumEfficiency
    from campipe.sensor.fixed_pattern import Dsnu, Prnu
    from campipe.sensor.readout import Adc, BlackLevel, Gain, ReadNoise, RowNoise

# The run that the compiled exposure computes, by the names of the stages' classes.
RUN = (
    "ColorFilterArray", "QuantumEfficiency", "Prnu", "DarkCurrent", "ShotNoise", "FullWell", "Dsnu",
    "ReadNoise", "RowNoise", "Gain", "ReadNoise", "BlackLevel", "Adc",
)  # fmt: skip
# Of it, the stages that draw (shot, read, row and post noise) and those that have a map, each with its bit of `Prepared.steps`.
DRAWING = ((4, ~0), (7, 1 << 4), (8, 1 << 5), (10, 1 << 6))
MAPPED = ((2, 1 << 0), (6, 1 << 3))


def exposure(run: list[Stage], frame: Frame, shot: Shot) -> tuple[int, Frame] | None:
    """Do the whole run at once, or None where the stages have to be taken one by one.

    run     stages from the colour filter array on
    frame   "photons", (B, C, H, W)

    One by one: with gradient, without noise, with given draws, in float64, on other devices, with views or times, inside a graph, and where
    the run is another one. The result is the same to the bit.
    """
    if not _fits(run, frame, shot):
        return None
    run = run[: len(RUN)]
    named = label(run, frame, shot)
    if named is None and _is_tracked(run, shot):
        return None
    plane = frame if frame.data.shape[1] == 1 else frame.replace(frame.data[:, :1])  # numbers and maps are those of one plane

    def plan() -> tuple[kernel.Prepared, dict[str, Any]]:
        at = [shot.enter(stage.name) for stage in run]
        return prepare(_steps(run, plane, at, frame.data.shape[1]), frame.batch), _entries(run, frame, at)

    prepared, entries = once(run[0], None if named is None else (frame.data.shape[1], *named), plan)
    keys = [shot.enter(run[i].name).key if prepared.steps & bit else None for i, bit in DRAWING]
    response, offset = (run[i].map(plane, shot.enter(run[i].name)) if prepared.steps & bit else None for i, bit in MAPPED)  # type: ignore[operator]
    data, odd = kernel.run(frame.data, frame.grid(shot.root), prepared, keys, response, offset)
    if odd:
        refuse_odd_light(frame.data)
    return len(run), frame.known(data, "dn", frame.capture.replace(**entries))


def refuse_odd_light(photons: Tensor) -> None:
    """Raise a CampipeError for photons that are negative, infinite or NaN."""
    low, high = (float(v) for v in torch.aminmax(photons.detach()))
    if not (low >= 0 and high < float("inf")):
        came = "NaN" if low != low else ("infinite ones" if high == float("inf") else f"{low:g}")
        raise CampipeError(f"expected photons are finite and not negative, but {came} came; clamp them first")


def _entries(run: list[Stage], frame: Frame, at: list[Shot]) -> dict[str, Any]:
    """What the stages write into the capture, one after the other."""
    capture = frame.capture
    out = frame.known(frame.data[:, :1], "dn", capture)
    for stage, here in zip(run, at, strict=True):
        capture = stage.annotate(capture, out, here)
    changed = capture.batched(frame.batch, frame.data.device)
    return {name: value for name, value in vars(changed).items() if value is not getattr(frame.capture, name)}


def _fits(run: list[Stage], frame: Frame, shot: Shot) -> bool:
    data = frame.data
    if not shot.noise or shot.root is None or shot.draws is not None or torch.compiler.is_compiling():
        return False
    if data.ndim != 4 or data.dtype != torch.float32 or data.device.type != "cpu" or type(data) is not Tensor:
        return False
    if torch._C._functorch.maybe_current_level() is not None:
        return False
    kinds = [type(stage) for stage in run[: len(RUN)]]
    if tuple(kind.__name__ for kind in kinds) != RUN or any(not kind.__module__.startswith("campipe.sensor.") for kind in kinds):
        return False
    if data.shape[1] not in ((1,) if run[0].pattern is None else (1, 3)):
        return False  # the stage has the words for it
    return not (torch.is_grad_enabled() and data.requires_grad)


def _is_tracked(run: list[Stage], shot: Shot) -> bool:
    """True where a number needs a gradient. One that is optimised changes its stage's class, so that the run is another one."""
    numbers = [p for stage in run for p in stage._parameters.values() if p is not None] + list((shot.parameters or {}).values())
    return torch.is_grad_enabled() and any(t.requires_grad for t in numbers)


def _steps(run: list[Any], frame: Frame, at: list[Shot], colours: int) -> Exposure:
    """What each stage does to this frame, of one plane, in the kernel's words; `colours` channels of photons come."""
    cfa: ColorFilterArray
    qe: QuantumEfficiency
    prnu: Prnu
    dark: DarkCurrent
    well: FullWell
    dsnu: Dsnu
    read: ReadNoise
    row: RowNoise
    gain: Gain
    post: ReadNoise
    black: BlackLevel
    adc: Adc
    cfa, qe, prnu, dark, _, well, dsnu, read, row, gain, post, black, adc = run
    by_name = dict(zip((stage.name for stage in run), at, strict=True))

    def number(stage: Stage, name: str | None = None) -> Tensor:
        value = stage.value(name or str(stage.primary), frame, by_name[stage.name])
        return value.flatten() if value.ndim == frame.data.ndim else value  # (B, 1, 1, 1) to (B,)

    def noise(stage: ReadNoise | RowNoise) -> dict[str, Any]:
        std, here = number(stage), by_name[stage.name]
        return {} if stage.is_off("std", std) else {"std": std, "key": here.key}

    table = torch.tensor(patterns.channels(cfa.pattern))
    efficiency = number(qe)
    try:
        thermal = dark.electrons(frame, by_name[dark.name])
    except CampipeError as problem:
        raise problem.within(dark.name) from None
    before, after, rows = noise(read), noise(post), noise(row)
    return Exposure(
        channel=table if colours == 3 else torch.zeros_like(table),
        qe=efficiency if qe.efficiency.ndim == 0 else pattern_table(efficiency, cfa.pattern),
        response=prnu.map(frame, by_name[prnu.name]),
        dark=None if thermal is None else thermal.flatten(),
        shot=at[4].key_for(),
        full_well=number(well),
        offset=dsnu.map(frame, by_name[dsnu.name]),
        read=before.get("std"),
        read_key=before.get("key"),
        read_shape=None if read.is_normal else number(read, "shape"),
        row=rows.get("std"),
        row_key=rows.get("key"),
        gain=number(gain),
        post=after.get("std"),
        post_key=after.get("key"),
        post_shape=None if post.is_normal else number(post, "shape"),
        black=number(black),
        top=adc.top,
    )
