"""What a camera profile may contain: every number with its status and its source, and nothing besides.

`campipe.core.profile` reads the files; this module, and pydantic with it, is loaded with the first one.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from campipe.core import pattern as patterns
from campipe.core.errors import CampipeError

Status = Literal["measured", "datasheet", "assumed"]
_Positive = Annotated[float, Field(gt=0)]
_Fraction = Annotated[float, Field(ge=0, lt=1)]
_Error = Annotated[float, Field(ge=0)]


class Part(BaseModel):
    """Unknown keys, infinities and loose types ("12" for 12) are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Provenance(Part):
    """Where a number comes from.

    status   measured: somebody measured it on the camera; datasheet: its maker says so; assumed: neither, a plausible value
    source   a key of the profile's [sources]
    note     what a reader has to know beside

    Numbers and tables have an optional `error` too: one standard error, in the number's own unit, for each value.
    """

    status: Status
    source: str
    note: str | None = None


class Whole(Provenance):
    value: int = Field(gt=0)


class Filters(Provenance):
    value: str

    @model_validator(mode="after")
    def _known(self) -> Filters:
        if self.value != "mono":
            try:
                patterns.check(self.value)
            except CampipeError as error:
                raise ValueError(f"{error.message}; 'mono' is a sensor without filters") from None
        return self


class Number(Provenance):
    value: float = Field(ge=0)
    error: _Error | None = None


class PositiveNumber(Provenance):
    value: _Positive
    error: _Error | None = None


class Fraction(Provenance):
    value: _Fraction
    error: _Error | None = None


class Efficiency(Provenance):
    value: float = Field(gt=0, le=1)
    error: _Error | None = None


class Shape(Provenance):
    value: float = Field(gt=-0.5)
    error: _Error | None = None


class Coefficients(Provenance):
    value: tuple[float, ...]
    error: tuple[_Error, ...] | None = None

    @model_validator(mode="after")
    def _light_left(self) -> Coefficients:
        _as_many_errors("value", self.value, self.error)
        if 1 + sum(self.value) <= 0:
            raise ValueError(f"1 + their sum is the light that reaches the corner, above 0, but {1 + sum(self.value):g} came")
        return self


class Range(Provenance):
    low: float = Field(ge=0)
    high: float

    @model_validator(mode="after")
    def _ordered(self) -> Range:
        if self.high < self.low:
            raise ValueError(f"low <= high is needed, but {self.low} and {self.high} came")
        return self


class _Table(Provenance):
    """Values against ISO. `assumed_at` names the rows that are no measurement though the rest is one."""

    iso: tuple[_Positive, ...] = Field(min_length=1)
    assumed_at: tuple[float, ...] = ()
    error: tuple[_Error, ...] | None = None

    @model_validator(mode="after")
    def _fits(self) -> _Table:
        _rising("iso", self.iso)
        _same_length("iso", self.iso, "value", getattr(self, "value", ()))
        _as_many_errors("iso", self.iso, self.error)
        if set(self.assumed_at) - set(self.iso):
            raise ValueError(f"assumed_at names rows of the table, but {sorted(set(self.assumed_at) - set(self.iso))} is none")
        return self


class Table(_Table):
    value: tuple[_Positive, ...]


class ShapeTable(_Table):
    value: tuple[Annotated[float, Field(gt=-0.5)], ...]


def _kind(given: object) -> str:
    keys = given if isinstance(given, dict) else getattr(given, "__dict__", {})
    return "table" if "iso" in keys else "number"


NumberOrTable = Annotated[Annotated[Number, Tag("number")] | Annotated[Table, Tag("table")], Discriminator(_kind)]
ShapeOrTable = Annotated[Annotated[Shape, Tag("number")] | Annotated[ShapeTable, Tag("table")], Discriminator(_kind)]


class Mode(Part):
    """One conversion gain: from its first ISO up to that of the next mode. A table inside keeps its end values beyond its ends."""

    name: str
    from_iso: _Positive
    full_well: PositiveNumber = Field(description="full well, e-")
    read_noise: NumberOrTable = Field(description="read noise before the gain, e-")
    post_read_noise: NumberOrTable = Field(description="read noise after the gain, DN")
    read_shape: ShapeOrTable | None = Field(None, description="Tukey-lambda shape of the read noise before the gain; without it: normal")
    row_noise: NumberOrTable = Field(description="row noise, e-")


class Sensor(Part):
    width: Whole = Field(description="width, px")
    height: Whole = Field(description="height, px")
    pattern: Filters = Field(description="colour filters as pixel (0, 0) sees them")
    bits: Whole = Field(description="bits of the ADC")
    black_level: Number = Field(description="black level, DN")
    quantum_efficiency: Efficiency = Field(description="quantum efficiency, e-/photon")
    dark_current: Number = Field(description="dark current at 20 C, e-/s")
    doubling: PositiveNumber = Field(description="warming that doubles the dark current, K")
    prnu: Fraction = Field(description="PRNU by pixel, fraction")
    prnu_row: Fraction | None = Field(None, description="PRNU by row, fraction")
    prnu_column: Fraction | None = Field(None, description="PRNU by column, fraction")
    dsnu: Number = Field(description="DSNU by pixel, e-")
    dsnu_row: Number | None = Field(None, description="DSNU by row, e-")
    dsnu_column: Number | None = Field(None, description="DSNU by column, e-")
    gain: Table = Field(description="gain, DN/e-")
    mode: tuple[Mode, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _consistent(self) -> Sensor:
        _rising("from_iso of the modes", [mode.from_iso for mode in self.mode])
        if self.mode[0].from_iso != self.gain.iso[0]:
            start, first = self.gain.iso[0], self.mode[0].from_iso
            raise ValueError(f"the first mode starts with the gain's table at ISO {start:g}, but its from_iso is {first:g}")
        if not 8 <= self.bits.value <= 16:
            raise ValueError(f"bits is a number from 8 to 16, but {self.bits.value} came")
        if self.black_level.value >= 2**self.bits.value - 1:
            raise ValueError(f"black_level lies below full scale, {2**self.bits.value - 1} DN, but {self.black_level.value:g} came")
        return self


class WhiteBalance(Provenance):
    cct: tuple[_Positive, ...] = Field(min_length=2)
    red: tuple[_Positive, ...]
    blue: tuple[_Positive, ...]
    red_error: tuple[_Error, ...] | None = None
    blue_error: tuple[_Error, ...] | None = None

    @model_validator(mode="after")
    def _fits(self) -> WhiteBalance:
        _rising("cct", self.cct)
        _same_length("cct", self.cct, "red", self.red)
        _same_length("cct", self.cct, "blue", self.blue)
        _as_many_errors("cct", self.cct, self.red_error)
        _as_many_errors("cct", self.cct, self.blue_error)
        return self


class ColourMatrices(Provenance):
    cct: tuple[_Positive, ...] = Field(min_length=1)
    value: tuple[Annotated[tuple[float, ...], Field(min_length=9, max_length=9)], ...]
    error: tuple[Annotated[tuple[_Error, ...], Field(min_length=9, max_length=9)], ...] | None = None

    @model_validator(mode="after")
    def _fits(self) -> ColourMatrices:
        _rising("cct", self.cct)
        _same_length("cct", self.cct, "value", self.value)
        _as_many_errors("cct", self.cct, self.error)
        for cct, matrix in zip(self.cct, self.value, strict=True):
            for row in (matrix[0:3], matrix[3:6], matrix[6:9]):
                if abs(sum(row) - 1) > 1e-3:
                    raise ValueError(f"the rows of a matrix sum to 1, so that white stays white; at {cct:g} K one sums to {sum(row):.4f}")
        return self


class Colour(Part):
    white_balance: WhiteBalance = Field(description="gains of red and blue against colour temperature, green = 1")
    cam_to_srgb: ColourMatrices = Field(description="white-balanced camera RGB to linear sRGB against colour temperature")


class Optics(Part):
    pixel_pitch: PositiveNumber = Field(description="pixel pitch, um")
    blur: Number = Field(description="standard deviation of the lens's blur, px")
    vignetting: Coefficients = Field(description="light against 1 on the axis: coefficients of r^2, r^4, ..., r = 1 in the corner")


class Priors(Part):
    tone: Range = Field(description="strength of the tone curve of a photo")
    brightness: Range = Field(description="factor on linear light that made the photo")
    cct: Range | None = Field(None, description="colour temperature of the scene's light, K")


class ProfileFile(Part):
    title: str
    sources: dict[str, str] = Field(min_length=1)
    sensor: Sensor
    optics: Optics
    priors: Priors
    colour: Colour | None = None

    @model_validator(mode="after")
    def _consistent(self) -> ProfileFile:
        used = {number.source: path for path, _, number in numbers(self)}
        for source, path in used.items():
            if source not in self.sources:
                raise ValueError(f"{path} needs a source among {', '.join(self.sources)}, but {source!r} came")
        if idle := sorted(set(self.sources) - set(used)):
            raise ValueError(f"every source is used by a number, but {', '.join(idle)} is by none")
        if (self.sensor.pattern.value == "mono") != (self.colour is None):
            raise ValueError("a sensor with colour filters needs [colour], and a mono one has none")
        if self.colour and self.priors.cct:
            low, high = self.colour.white_balance.cct[0], self.colour.white_balance.cct[-1]
            if not low <= self.priors.cct.low <= self.priors.cct.high <= high:
                raise ValueError(f"priors.cct lies within the table of white_balance, {low:g} to {high:g} K")
        if (self.colour is None) != (self.priors.cct is None):
            raise ValueError("priors.cct goes with [colour]: both or neither")
        return self


def numbers(part: Part, path: str = "") -> Iterator[tuple[str, str, Provenance]]:
    """Yield path, description and entry of every number of a profile, in the file's order."""
    for name, field in type(part).model_fields.items():
        value = getattr(part, name)
        here = f"{path}.{name}" if path else name
        if isinstance(value, Provenance):
            yield here, field.description or "", value
        elif isinstance(value, Part):
            yield from numbers(value, here)
        elif name == "mode":
            for mode in value:
                yield from numbers(mode, f"{here}.{mode.name}")


def _rising(name: str, values: tuple[float, ...] | list[float]) -> None:
    for before, after in pairwise(values):
        if not before < after:
            raise ValueError(f"{name} must rise, but {after:g} follows {before:g}")


def _same_length(one: str, left: tuple, other: str, right: tuple) -> None:
    if len(left) != len(right):
        raise ValueError(f"{one} and {other} are equally long, but {len(left)} and {len(right)} came")


def _as_many_errors(one: str, left: tuple, errors: tuple | None) -> None:
    if errors is not None:
        _same_length(one, left, "error", errors)
