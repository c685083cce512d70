"""What follows from a sensor's numbers alone is worked out once, and again when one of them has changed.

A small tile takes about a millisecond to expose; without this, half as much again would go into the same few divisions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import torch

from campipe.core import pattern as patterns
from campipe.core.frame import Frame
from campipe.core.shot import Shot
from campipe.core.stage import Stage

T = TypeVar("T")
_KEPT = 16  # results per stage; the oldest is forgotten
_results: WeakKeyDictionary[Stage, dict[tuple[Any, ...], Any]] = WeakKeyDictionary()


def label(stages: Sequence[Stage], frame: Frame, shot: Shot) -> tuple[Any, ...] | None:
    """All that a result can hang on besides the light: the values of the numbers, exposure time, batch, and the place within the pattern.

    None where that cannot be said: with numbers given per call, with gradients, and inside graphs. Found once per call.
    """
    if id(stages[0]) not in shot.found:
        shot.found[id(stages[0])] = _label(stages, frame, shot)
    return shot.found[id(stages[0])]


def _label(stages: Sequence[Stage], frame: Frame, shot: Shot) -> tuple[Any, ...] | None:
    if shot.parameters is not None or shot.draws is not None or torch.compiler.is_compiling() or frame.data.device.type != "cpu":
        return None
    parts: list[Any] = [shot.noise, frame.data.shape[0]]
    height, width = 1, 1  # of the tile after which the sensor repeats itself
    for stage in stages:
        own = stage.__dict__  # a module looks three times for an attribute that it lacks
        for number in own["_parameters"].values():
            if number is None or number.requires_grad:
                return None
            if number.ndim == 0:
                parts.append(number.item())
                continue
            parts.append(tuple(number.flatten().tolist()))
            if number.ndim == 2:
                height, width = math.lcm(height, number.shape[0]), math.lcm(width, number.shape[1])
        if own["_modules"]:  # a number that is optimised lives in a module of its own
            return None
        pattern = own.get("pattern")
        if pattern is not None:
            h, w = patterns.size(pattern)
            height, width = math.lcm(height, h), math.lcm(width, w)
        parts += (own.get("serial"), pattern, own.get("bits"))
    seconds, origin = frame.capture.seconds, frame.capture.origin
    if seconds is not None and seconds.requires_grad:
        return None
    parts.append(None if seconds is None else tuple(seconds.tolist()))
    parts.append(None if origin is None else tuple((y % height, x % width) for y, x in origin.tolist()))
    return tuple(parts)


def once(owner: Stage, label: tuple[Any, ...] | None, work: Callable[[], T]) -> T:
    """The result that `work` gave for the same owner and label, or a new one."""
    if label is None:
        return work()
    results = _results.setdefault(owner, {})
    if label not in results:
        while len(results) >= _KEPT:
            results.pop(next(iter(results)))
        results[label] = work()
    return results[label]
