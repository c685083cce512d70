"""Hypothesis strategies: keys, patterns, light, scenes, sensors and recipes that are valid, over realistic ranges.

Needs hypothesis (`pip install campipe[testing]`). What they draw shrinks: to a monochrome sensor without noise, to even light, to key 0.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from campipe.core import pattern as patterns_of
from campipe.core.errors import CampipeError
from campipe.core.frame import Capture, Frame
from campipe.core.random import Key
from campipe.recipe.recipe import Recipe
from campipe.recipe.text import dump
from campipe.sensor.frame_sensor import FrameSensor

try:
    from hypothesis import strategies as st
except ImportError:
    raise CampipeError("strategies need hypothesis, which is not installed; install it with: pip install 'campipe[testing]'") from None

BAYER = "RGGB"
XTRANS = "GGRGGBGGBGGRBRGRBGGGBGGRGGRGGBRBGBRG"
"""One tile of a Fujifilm X-Trans sensor, row by row; `patterns` rolls it to every phase."""


def keys() -> st.SearchStrategy[Key]:
    """Keys of every seed from 0 to 2**64 - 1."""
    return st.builds(Key, st.integers(0, 2**64 - 1))


def patterns(mono: bool = True, xtrans: bool = True) -> st.SearchStrategy[str | None]:
    """Colour filter patterns: the four phases of Bayer's, the 36 of X-Trans, and None.

    mono, xtrans   whether None, and tiles of 6 x 6, are among them
    """
    kinds: list[st.SearchStrategy[str | None]] = [st.none()] if mono else []
    kinds.append(st.builds(patterns_of.roll, st.just(BAYER), st.integers(0, 1), st.integers(0, 1)))
    if xtrans:
        kinds.append(st.builds(patterns_of.roll, st.just(XTRANS), st.integers(0, 5), st.integers(0, 5)))
    return st.one_of(*kinds)


def sizes(least: int = 1, most: int = 64) -> st.SearchStrategy[tuple[int, int]]:
    """Heights and widths in pixels, odd ones among them."""
    return st.tuples(st.integers(least, most), st.integers(least, most))


@st.composite
def photons(
    draw: st.DrawFn, height: int = 16, width: int = 16, channels: int = 1, brightest: float = 3e4, batch: int = 1
) -> Tensor:
    """Expected photons per pixel, (batch, channels, height, width) float32, >= 0: even, a ramp, a step, or points on the dark.

    brightest   photons; levels are spread evenly over their logarithm below it, and 0 is among them
    """
    level = draw(st.one_of(st.just(0.0), st.floats(-2.0, 1.0).map(lambda e: brightest * 10.0 ** (3 * (e - 1)))))
    kind = draw(st.sampled_from(["even", "ramp", "step", "points"]))
    y, x = torch.meshgrid(torch.linspace(0, 1, height), torch.linspace(0, 1, width), indexing="ij")
    shape = {
        "even": torch.ones(height, width),
        "ramp": x,
        "step": (y >= 0.5).float(),
        "points": ((torch.arange(height)[:, None] % 7 == 3) & (torch.arange(width)[None] % 5 == 2)).float(),
    }[kind]
    tint = torch.tensor([1.0, *(draw(st.floats(0.2, 1.0)) for _ in range(channels - 1))])
    return (level * shape * tint[:, None, None]).expand(batch, channels, height, width).contiguous()


@st.composite
def scenes(draw: st.DrawFn, height: int = 16, width: int = 16, channels: int = 3) -> Frame:
    """Frames in "scene": linear light in which 1 is white, with lights up to 4."""
    light = draw(photons(height, width, channels, brightest=4.0))
    return Frame(light, "scene", Capture(wb=torch.tensor([[draw(st.floats(1.0, 3.0)), 1.0, draw(st.floats(1.0, 3.0))]])))


@st.composite
def sensor_arguments(draw: st.DrawFn, height: int = 16, width: int = 16, pattern: Any = ...) -> dict[str, Any]:
    """Arguments of `FrameSensor` as of real sensors: from a scientific one to a phone's, with any effect left out.

    pattern   a pattern or None; without it all of `patterns` are drawn

    Full well 1,000 to 100,000 e-, 8 to 16 bits, the full well between a quarter of the converter's range and four times it, read noise
    0.5 to 20 e-, row noise up to 3 e-, dark current to 100 e-/s at -20 to 60 C, PRNU to 3 %, DSNU to 10 e-.
    """
    bits = draw(st.sampled_from([12, 10, 8, 14, 16]))
    full_well = 10.0 ** draw(st.floats(3.0, 5.0))
    black = draw(st.sampled_from([0.0, 1.0, 4.0, 16.0])) * 2.0 ** (bits - 8)
    gain = (2.0**bits - 1 - black) / full_well * 2.0 ** draw(st.floats(-2.0, 2.0))

    def maybe(low: float, high: float) -> float:
        return draw(st.one_of(st.just(0.0), st.floats(low, high)))

    tile = draw(patterns()) if pattern is ... else pattern
    one = st.floats(0.2, 0.95)
    return dict(
        width=width,
        height=height,
        pattern=tile,
        serial=draw(st.integers(0, 2**31)),
        quantum_efficiency=draw(one if tile is None else st.one_of(one, st.lists(one, min_size=3, max_size=3))),
        full_well=full_well,
        dark_current=maybe(0.01, 100.0),
        temperature=draw(st.floats(-20.0, 60.0)),
        prnu=maybe(1e-3, 0.03),
        prnu_row=maybe(1e-4, 0.01),
        prnu_column=maybe(1e-4, 0.01),
        dsnu=maybe(0.1, 10.0),
        dsnu_row=maybe(0.1, 3.0),
        dsnu_column=maybe(0.1, 3.0),
        read_noise=maybe(0.5, 20.0),
        read_shape=draw(st.one_of(st.none(), st.floats(-0.2, 0.3))),
        row_noise=maybe(0.05, 3.0),
        gain=gain,
        post_read_noise=maybe(0.1, 3.0),
        black_level=black,
        bits=bits,
    )


def sensors(height: int = 16, width: int = 16, pattern: Any = ...) -> st.SearchStrategy[FrameSensor]:
    """Sensors with the arguments of `sensor_arguments`."""
    return sensor_arguments(height, width, pattern).map(lambda arguments: FrameSensor(**arguments))


@st.composite
def recipes(draw: st.DrawFn, cameras: tuple[str, ...] = ("sony-a7s2",), crop: int = 32) -> Recipe:
    """Recipes of training samples: exposure by ev or ratio, numbers and ranges, with and without further stages.

    cameras   names of profiles to draw from
    crop      px
    """

    def number(low: float, high: float) -> Any:
        a, b = sorted((draw(st.floats(low, high)), draw(st.floats(low, high))))
        return draw(st.sampled_from([a, {"uniform": [a, b]}] if a < b else [a]))

    exposure: dict[str, Any] = {"seconds": draw(st.sampled_from(["1/60", "1/8000", 1.0]))}
    exposure |= {"ratio": number(1, 300)} if draw(st.booleans()) else {"ev": number(-6, 2)}
    document: dict[str, Any] = {
        "recipe": 1,
        "camera": draw(st.sampled_from(cameras)),
        "serial": draw(st.one_of(st.integers(0, 99), st.just({"whole": [0, 99]}))),
        "photo": {"crop": crop, "flip": draw(st.booleans())},
        "exposure": exposure,
    }
    return Recipe.parse(dump(document))
