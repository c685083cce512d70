"""Numbers of a recipe as they are written: plain, or a prior spelled as a mapping with one key.

    iso: 1600
    seconds: 1/60
    ev: {uniform: [-3, 0]}
    iso: {log_uniform: [100, 25600]}
    brightness: {normal: {mean: 0.8, std: 0.1, low: 0.4, high: 1.2}}
    seconds: {choice: [1/30, 1/25, 1/10]}
    camera: {choice: {of: [sony-a7s2, nikon-d850], weights: [3, 1]}}
    serial: {whole: [0, 99]}
    iso: {camera: {sony-a7s2: {log_uniform: [100, 25600]}, nikon-d850: 400}}

The last one hangs on the camera that was drawn.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from campipe.core.errors import CampipeError, RecipeError
from campipe.core.priors import Choice, LogUniform, Normal, Of, Uniform

MOST_WHOLE = 1_000_000


def number(value: Any) -> float | int:
    """A finite number, also written as a fraction: 1/60."""
    if isinstance(value, str):
        over, _, under = value.partition("/")
        try:
            value = float(over) / float(under) if under else float(over)
        except (ValueError, ZeroDivisionError):
            raise RecipeError(f"a number or a prior is needed, but {value!r} came") from None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise RecipeError(f"a finite number is needed, but {value!r} came")
    return value


def prior(written: Any, plain: Callable[[Any], Any] = number) -> Any:
    """The number or prior that is written; a RecipeError says what is wrong with it.

    plain   turns a plain value into what is meant, or refuses it
    """
    if not isinstance(written, Mapping):
        return plain(written)
    if len(written) != 1:
        came = ", ".join(map(str, written)) or "nothing"
        raise RecipeError(f"a prior is a mapping with one key, such as {{uniform: [0, 1]}}, but it has {came}")
    ((name, rest),) = written.items()
    if name not in _READERS:
        near = get_close_matches(str(name), _READERS, n=1)
        raise RecipeError(f"there is no prior {name!r}; " + (f"did you mean {near[0]!r}?" if near else f"there are {', '.join(_READERS)}"))
    try:
        return _READERS[name](rest, plain)
    except CampipeError as problem:
        raise RecipeError(f"{name}: {problem.message}") from None


def bounds(value: Any, camera: str | None = None) -> tuple[float, float]:
    """Lowest and highest value that can come of a number or prior, for one camera."""
    if hasattr(value, "given"):
        return bounds(value.given(camera), camera) if camera is not None else _widest(bounds(v) for v in value.table.values())
    if isinstance(value, Choice):
        return _widest(bounds(v, camera) for v in value.of)
    if isinstance(value, Normal):
        if value.std == 0:
            return value.mean, value.mean
        return (-math.inf if value.low is None else value.low), (math.inf if value.high is None else value.high)
    if isinstance(value, (Uniform, LogUniform)):
        return value.low, value.high
    return value, value


def within(value: Any, low: float, high: float, *, camera: str | None = None, open_low: bool = False) -> None:
    """Refuse a number or prior that can leave [low, high]; with `open_low`, low itself too."""
    least, most = bounds(value, camera)
    if least >= low and most <= high and not (open_low and least == low):
        return
    at = f" for {camera}" if camera else ""
    above = f"above {low:g}" if open_low else f"from {low:g}"
    wanted = above + (f" to {high:g}" if high < math.inf else "" if open_low else " on")
    came = f"{least:g}" if least == most else f"{least:g} to {most:g}"
    hint = "; give the normal prior low and high" if math.isinf(least) or math.isinf(most) else ""
    raise RecipeError(f"out of range{at}: {wanted} is possible, but {came} came{hint}")


def texts(value: Any) -> list[str]:
    """The names that can come of a name or a choice of names."""
    return [str(v) for v in value.of] if isinstance(value, Choice) else [str(value)]


def _widest(pairs: Iterator[tuple[float, float]]) -> tuple[float, float]:
    lows, highs = zip(*pairs, strict=True)
    return min(lows), max(highs)


def _pair(written: Any) -> tuple[Any, Any]:
    if not isinstance(written, (list, tuple)) or len(written) != 2:
        raise RecipeError(f"[low, high] is needed, but {written!r} came")
    return written[0], written[1]


def _keys(written: Mapping[str, Any], known: tuple[str, ...], needed: tuple[str, ...]) -> Mapping[str, Any]:
    for name in written:
        if name not in known:
            near = get_close_matches(str(name), known, n=1)
            raise RecipeError(f"unknown key {name!r}; " + (f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"))
    for name in needed:
        if name not in written:
            raise RecipeError(f"{name} is missing")
    return written


def _uniform(written: Any, plain: Any) -> Uniform:
    return Uniform(*map(number, _pair(written)))


def _log_uniform(written: Any, plain: Any) -> LogUniform:
    return LogUniform(*map(number, _pair(written)))


def _normal(written: Any, plain: Any) -> Normal:
    if not isinstance(written, Mapping):
        return Normal(*map(number, _pair(written)))
    return Normal(**{name: number(v) for name, v in _keys(written, ("mean", "std", "low", "high"), ("mean", "std")).items()})


def _choice(written: Any, plain: Any) -> Choice:
    given = _keys(written, ("of", "weights"), ("of",)) if isinstance(written, Mapping) else {"of": written}
    if not isinstance(given["of"], (list, tuple)):
        raise RecipeError(f"a list of values is needed, but {given['of']!r} came")
    weights = given.get("weights")
    if weights is not None and not isinstance(weights, (list, tuple)):
        raise RecipeError(f"weights are a list of numbers, but {weights!r} came")
    return Choice(tuple(plain(v) for v in given["of"]), tuple(map(number, weights)) if weights is not None else None)


def _whole(written: Any, plain: Any) -> Choice:
    low, high = map(number, _pair(written))
    if low != int(low) or high != int(high) or not low <= high or high - low >= MOST_WHOLE:
        raise RecipeError(f"two whole numbers, low <= high, at most {MOST_WHOLE} apart, are needed, but {low} and {high} came")
    return Choice(tuple(plain(v) for v in range(int(low), int(high) + 1)))


def _camera(written: Any, plain: Any) -> Of:
    if not isinstance(written, Mapping) or not written:
        raise RecipeError(f"one entry per camera is needed, {{sony-a7s2: 1600, ...}}, but {written!r} came")
    return Of({str(name): prior(v, plain) for name, v in written.items()})


_READERS: dict[str, Callable[[Any, Any], Any]] = {
    "uniform": _uniform,
    "log_uniform": _log_uniform,
    "normal": _normal,
    "choice": _choice,
    "whole": _whole,
    "camera": _camera,
}
