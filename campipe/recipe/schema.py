"""The strict schema of a recipe: which keys there are, and which values each takes on its own.

Fields keep what was written, so that a recipe can be written out again as it came; `campipe.recipe.build` turns it into numbers and priors.
"""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from math import inf
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, StrictStr, ValidationError

from campipe.core import pattern as patterns
from campipe.core.errors import RecipeError
from campipe.core.priors import Choice
from campipe.recipe import numbers
from campipe.recipe.text import Marked
from campipe.synth.shoot import PLACES

VERSION = 1


def whole(value: Any) -> int:
    """A whole number from 0 on."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise RecipeError(f"a whole number from 0 on is needed, but {value!r} came")
    return value


def name(value: Any) -> str:
    if not isinstance(value, str):
        raise RecipeError(f"a name is needed, but {value!r} came")
    return value


def _number(low: float, high: float = inf, *, open_low: bool = False) -> AfterValidator:
    def check(written: Any) -> Any:
        numbers.within(numbers.prior(written), low, high, open_low=open_low)
        return written

    return AfterValidator(check)


def _discrete(plain: Callable[[Any], Any], low: float = -inf) -> AfterValidator:
    def check(written: Any) -> Any:
        prior = numbers.prior(written, plain)
        for value in prior.table.values() if hasattr(prior, "given") else [prior]:
            if hasattr(value, "draw") and not isinstance(value, Choice):
                raise RecipeError("one of several is drawn here: use choice, or whole for whole numbers")
            if low > -inf:
                numbers.within(value, low, inf)
        return written

    return AfterValidator(check)


def _crop(written: Any) -> Any:
    sizes = written if isinstance(written, list) else [written, written]
    if len(sizes) != 2 or any(isinstance(s, bool) or not isinstance(s, int) or s < 1 for s in sizes):
        raise RecipeError(f"a size in pixels, or [height, width], is needed, but {written!r} came")
    return written


Positive = Annotated[Any, _number(0, open_low=True)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Photo(Strict):
    """Which part of a photo is taken, and at which scale."""

    crop: Annotated[Any, AfterValidator(_crop)] = None
    downscale: Annotated[Any, _discrete(whole, 1)] = 1
    flip: StrictBool = False


class Scene(Strict):
    """How the photo's encoding is undone; what is left out comes from the camera's own prior."""

    cct: Positive = None
    tone: Annotated[Any, _number(0, 1)] = None
    brightness: Positive = None


class Exposure(Strict):
    """How the shot is exposed; ratio stands instead of ev and says how many times less light there is than metered."""

    iso: Positive = None
    ev: Annotated[Any, _number(-30, 30)] = 0
    ratio: Positive = None
    seconds: Positive = "1/60"


class Part(BaseModel):
    """A further stage: `kind` names it, `at` the space it stands in; all other keys are its own numbers."""

    model_config = ConfigDict(extra="allow", frozen=True)

    kind: StrictStr
    at: Literal[PLACES] | None = None  # type: ignore[valid-type]
    name: StrictStr | None = None


class Document(Strict):
    """A recipe as it was written."""

    recipe: Literal[1]
    about: StrictStr | None = None
    camera: Annotated[Any, _discrete(name)]
    serial: Annotated[Any, _discrete(whole, 0)] = 0
    pattern: Annotated[StrictStr, AfterValidator(patterns.check)] | None = None
    dark_frames: StrictStr | None = None
    photo: Photo = Photo()
    scene: Scene = Scene()
    exposure: Exposure = Exposure()
    stages: list[Part] = Field(default=[])


def read(marked: Marked) -> Document:
    """Check a recipe's text against the schema; a RecipeError names file, line and key of the first complaint."""
    data = marked.data
    if not isinstance(data, dict):
        raise marked.error((), f"a recipe is a mapping that begins with `recipe: {VERSION}`")
    if data.get("recipe") != VERSION or isinstance(data["recipe"], bool):
        came = f"but {data['recipe']!r} came" if "recipe" in data else "but it is missing"
        raise marked.error(("recipe",), f"the version of the recipe, {VERSION}, is needed, {came}")
    try:
        return Document.model_validate(data)
    except ValidationError as problem:
        raise _located(marked, problem) from None


def _located(marked: Marked, problem: ValidationError) -> RecipeError:
    """The first complaint of pydantic in our words."""
    found = min(problem.errors(include_url=False), key=lambda e: e["type"] != "extra_forbidden")
    path = tuple(step for step in found["loc"] if _is_key(marked.data, found["loc"], step))
    if found["type"] == "extra_forbidden":
        known = _fields(path[:-1])
        near = get_close_matches(str(path[-1]), known, n=1)
        return marked.error(path, "unknown key; " + (f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"))
    if found["type"] == "missing":
        return marked.error((*path[:-1], found["loc"][-1]), "missing; every recipe needs it" if len(path) < 2 else "missing")
    if found["type"] == "value_error":
        return marked.error(path, str(found["ctx"]["error"]))
    came = repr(found["input"])
    wanted = found["msg"].removeprefix("Input should be ").replace("a valid dictionary or instance of", "a mapping, the keys of")
    return marked.error(path, f"expected {wanted}, but {came if len(came) < 60 else came[:57] + '...'} came")


def _is_key(data: Any, path: tuple[Any, ...], step: Any) -> bool:
    """Whether a step of pydantic's path is one of the file's, not the name of a validator."""
    return not (isinstance(step, str) and ("[" in step or "(" in step)) and step in path


def _fields(path: tuple[Any, ...]) -> list[str]:
    """The keys that may stand at a place of a recipe."""
    model: Any = {"photo": Photo, "scene": Scene, "exposure": Exposure, "stages": Part}.get(path[0], Document) if path else Document
    return list(model.model_fields)
