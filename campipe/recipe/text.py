"""YAML with line numbers: so that every complaint about a recipe can say where."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import Any

import yaml

from campipe.core.errors import RecipeError

Path = tuple[str | int, ...]


class Marked:
    """The values of a YAML text, and the line of each.

    data     plain Python values
    source   name of the file, for messages
    """

    def __init__(self, text: str, source: str) -> None:
        self.source = source
        self._lines: dict[Path, int] = {}
        self.data: Any = None
        try:
            loader = yaml.SafeLoader(text)
            node = loader.get_single_node()
            if node is not None:
                self._walk(node, (), ())
                self.data = loader.construct_document(node)
        except RecipeError:
            raise
        except yaml.MarkedYAMLError as problem:
            mark = problem.problem_mark or problem.context_mark
            line = mark.line + 1 if mark else 1
            raise RecipeError(f"{source}:{line}: this is no YAML: {problem.problem or problem.context}") from None
        except (yaml.YAMLError, ValueError, RecursionError) as problem:
            raise RecipeError(f"{source}: this is no YAML: {' '.join(str(problem).split())}") from None

    def error(self, path: Sequence[str | int], message: str) -> RecipeError:
        """A complaint about the value at a path: file, line, key."""
        path = tuple(path)
        near = path
        while near and near not in self._lines:
            near = near[:-1]
        return RecipeError(f"{self.source}:{self._lines.get(near, 1)}: {spell(path) + ': ' if path else ''}{message}")

    def _walk(self, node: yaml.Node, path: Path, above: tuple[int, ...]) -> None:
        if id(node) in above:
            raise RecipeError(f"{self.source}:{node.start_mark.line + 1}: {spell(path)}: refers to itself")
        self._lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                inner = (*path, key.value)
                if inner in self._lines:
                    line = key.start_mark.line + 1
                    raise RecipeError(f"{self.source}:{line}: {spell(inner)}: is there twice, also in line {self._lines[inner]}")
                self._lines[inner] = key.start_mark.line + 1
                self._walk(value, inner, (*above, id(node)))
        elif isinstance(node, yaml.SequenceNode):
            for place, value in enumerate(node.value):
                self._walk(value, (*path, place), (*above, id(node)))


def written(path: pathlib.Path, kind: str) -> str:
    """The text of a file; a RecipeError says why it cannot be read.

    kind   what it should hold, "recipe" or "pipeline", for messages
    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as problem:
        raise RecipeError(f"the {kind} {path} cannot be read: {problem.strerror}") from None
    except UnicodeDecodeError:
        raise RecipeError(f"the {kind} {path} is no text; a {kind} is a YAML file in UTF-8") from None


def spell(path: Sequence[str | int]) -> str:
    """`("stages", 0, "sigma")` is stages[0].sigma."""
    spelled = ""
    for step in path:
        spelled += f"[{step}]" if isinstance(step, int) else f".{step}" if spelled else str(step)
    return spelled


def dump(data: Any) -> str:
    """Plain values as YAML; short lists and mappings on one line."""
    return yaml.safe_dump(data, sort_keys=False, default_flow_style=None, allow_unicode=True, width=120)
