"""`manifest.yaml` beside the files of a calibration: what they do not say of themselves."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from campipe.core import pattern as patterns
from campipe.core.errors import CampipeError, RecipeError

MANIFEST = "manifest.yaml"
PLANCK, LIGHT = 6.62607015e-34, 299792458.0  # J s, m/s


class Rule(BaseModel):
    """What holds for some of the files.

    files         pattern of their names relative to the folder, "darks/*.dng"
    kind          "dark", "flat" or "chart"
    seconds, iso  of the exposure
    photons       mean number per pixel over the exposure, where the light was measured
    irradiance    instead of photons: of the sensor, W/m2, of light of one wavelength, nm; the manifest then has the pixel pitch
    temperature   of the sensor, C
    cct           colour temperature of a chart's light, K
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    files: str = "*"
    kind: Literal["dark", "flat", "chart"] | None = None
    seconds: float | None = Field(default=None, ge=0)
    iso: float | None = Field(default=None, gt=0)
    photons: float | None = Field(default=None, ge=0)
    irradiance: float | None = Field(default=None, ge=0)
    wavelength: float | None = Field(default=None, gt=0)
    temperature: float | None = None
    cct: float | None = Field(default=None, gt=0)


class Manifest(BaseModel):
    """What holds for all files, and the rules of some of them.

    camera         title of the profile
    pattern        colour filters of arrays without a header; None: monochrome
    bits           of the converter
    width, height  of headerless files
    black_level    DN, if the files say a wrong one or none; white_level likewise
    pixel_pitch    um
    shots          rules; of one file, later rules add to earlier ones
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    camera: str | None = None
    pattern: str | None = None
    bits: int | None = Field(default=None, ge=8, le=16)
    width: int | None = Field(default=None, gt=0)
    height: int | None = Field(default=None, gt=0)
    black_level: float | None = Field(default=None, ge=0)
    white_level: float | None = Field(default=None, gt=0)
    pixel_pitch: float | None = Field(default=None, gt=0)
    shots: tuple[Rule, ...] = ()

    @field_validator("pattern")
    @classmethod
    def _known(cls, pattern: str | None) -> str | None:
        try:
            return patterns.check(pattern)
        except CampipeError as problem:
            raise ValueError(problem.message) from None

    def rule(self, name: str) -> Rule:
        """All that the rules say of one file."""
        found: dict[str, Any] = {}
        for rule in self.shots:
            if fnmatch(name, rule.files):
                found.update({key: value for key, value in rule.model_dump(exclude={"files"}).items() if value is not None})
        return Rule(files=name, **found)


def photons_of(manifest: Manifest, rule: Rule, seconds: float) -> float | None:
    """Mean photons per pixel and exposure, as the rule says them or from the irradiance: E A t lambda / (h c); None where it says neither.

    Source: EMVA 1288 Release 4, section 2; the constants are exact in the SI.
    """
    if rule.photons is not None or rule.irradiance is None:
        return rule.photons
    if rule.wavelength is None or manifest.pixel_pitch is None:
        missing = "wavelength" if rule.wavelength is None else "pixel_pitch"
        raise RecipeError(f"photons follow from irradiance, wavelength and pixel_pitch, but {MANIFEST} has no {missing} for {rule.files}")
    area = (manifest.pixel_pitch * 1e-6) ** 2
    return rule.irradiance * area * seconds * rule.wavelength * 1e-9 / (PLANCK * LIGHT)


def read_manifest(path: Path) -> Manifest:
    """The manifest at a path; an empty one where there is none. Raises RecipeError in one line that names file and key."""
    if not path.exists():
        return Manifest()
    try:
        return Manifest.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as problem:
        raise RecipeError(f"{path} cannot be read as YAML: {str(problem).splitlines()[0]}") from None
    except ValidationError as problem:
        first = problem.errors(include_url=False)[0]
        key = ".".join(str(step) for step in first["loc"]) or "the file"
        known = ", ".join(Rule.model_fields if "shots" in first["loc"] else Manifest.model_fields)
        words = f"it is none of {known}" if first["type"] == "extra_forbidden" else first["msg"]
        raise RecipeError(f"{path}: {key}: {words}") from None
