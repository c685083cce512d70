"""Pipelines as YAML: the stages by kind, each with its numbers at their present values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from campipe.core.errors import CampipeError, RecipeError
from campipe.core.pipeline import Pipeline
from campipe.core.resources import find, listing
from campipe.core.stage import Stage
from campipe.recipe.parts import arguments, check_arguments, kinds, resolve
from campipe.recipe.text import Marked, dump, written

_SUFFIX = ".yaml"


def load_pipeline(path_or_name: str | Path) -> Pipeline:
    """Build a pipeline from a file of one's own, or an ISP preset that ships: `load_pipeline("natural")` finds it from any folder.

    Raises RecipeError with file, line and key, or with the nearest name.
    """
    path = Path(path_or_name)
    if not path.is_file():
        if path.is_absolute() or path.parent.as_posix() not in (".", "isp", "pipelines/isp"):
            raise RecipeError(f"a pipeline's file is needed, but there is no {path}")
        path = find("pipelines", "isp", path.name if path.suffix else f"{path.name}{_SUFFIX}")
    return from_yaml(written(path, "pipeline"), str(path_or_name))


def presets() -> dict[str, str]:
    """The ISP presets that ship: name to what it is for."""
    names = listing("pipelines", "isp", suffix=_SUFFIX)
    return {name: str(Marked(written(find("pipelines", "isp", name + _SUFFIX), "pipeline"), name).data.get("about", "")) for name in names}


def to_yaml(pipeline: Pipeline) -> str:
    """Write down a pipeline, so that `from_yaml` builds it again: stages, names and numbers.

    Raises RecipeError for a stage that no kind stands for; `register` gives it one.
    """
    return dump({"pipeline": pipeline.name, "stages": [_entry(stage) for stage in pipeline.stages]})


def from_yaml(text: str, source: str = "pipeline") -> Pipeline:
    """Build the pipeline that a text describes.

    source   name of the file, for messages

    A text may say what the pipeline is for under `about`. Raises RecipeError with file, line and key.
    """
    marked = Marked(text, source)
    keys = {"pipeline", "stages"}
    if not isinstance(marked.data, dict) or set(marked.data) - {"about"} != keys or not isinstance(marked.data["stages"], list):
        raise marked.error((), "a pipeline has the keys `pipeline`, its name, and `stages`, a list; and it may have `about`")
    return _pipeline(marked, (), marked.data)


def _entry(stage: Stage) -> dict[str, Any]:
    if type(stage) is Pipeline:
        return {"pipeline": stage.name, "stages": [_entry(inner) for inner in stage.stages]}
    kind = next((kind for kind, cls in kinds().items() if type(stage) is cls), None)
    if kind is None:
        raise RecipeError(f"no kind stands for {type(stage).__name__}; give it one with register('my_kind', {type(stage).__name__})")
    usual = {name: parameter.default for name, parameter in arguments(type(stage)).items()}
    numbers = {name: value for name, value in stage.config().items() if name != "name" and (value is not None or usual[name] is not None)}
    again = type(stage)(**numbers, name=stage.name)
    if [path for path, _, _ in again.numbers()] != [path for path, _, _ in stage.numbers()]:
        raise RecipeError(f"{stage.name} was changed after it was built; write down its stages in a pipeline of their own")
    return {"kind": kind, "name": stage.name, **{name: _plain(value) for name, value in numbers.items()}}


def _plain(value: Any) -> Any:
    """Numbers as YAML knows them."""
    if hasattr(value, "tolist"):
        return value.tolist()
    return [_plain(v) for v in value] if isinstance(value, (list, tuple)) else value


def _pipeline(marked: Marked, path: tuple[str | int, ...], data: dict[str, Any]) -> Pipeline:
    stages: list[Stage] = []
    for i, entry in enumerate(data["stages"]):
        here = (*path, "stages", i)
        if isinstance(entry, dict) and "stages" in entry:
            stages.append(_pipeline(marked, here, entry))
            continue
        if not isinstance(entry, dict) or "kind" not in entry:
            raise marked.error(here, "a stage has a `kind`")
        given = {name: value for name, value in entry.items() if name != "kind"}
        try:
            cls = resolve(entry["kind"])
        except CampipeError as problem:
            raise marked.error((*here, "kind"), problem.message) from None
        complaint = check_arguments(cls, {name: value for name, value in given.items() if name != "name"})
        if complaint is not None:
            raise marked.error((*here, complaint[0]), complaint[1])
        try:
            stages.append(cls(**given))
        except CampipeError as problem:
            raise marked.error(here, problem.message) from None
    try:
        return Pipeline(stages, name=data["pipeline"])
    except CampipeError as problem:
        raise marked.error((*path, "stages"), problem.message) from None
