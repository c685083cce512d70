"""Recipe: a pipelines/*.yaml file as an object that makes samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from campipe.camera import Camera
from campipe.core.errors import RecipeError
from campipe.core.resources import find
from campipe.recipe import schema, text
from campipe.recipe.build import build
from campipe.synth.dataset import PairDataset
from campipe.synth.plan import Plan
from campipe.synth.sample import Sample


@dataclass(frozen=True)
class Recipe:
    """How samples are made. Two recipes are equal if the same was written in both.

    document   what was written
    plan       what it stands for
    """

    document: schema.Document
    plan: Plan = field(compare=False, repr=False)

    @classmethod
    def parse(cls, written: str, source: str = "recipe") -> Recipe:
        """Read a recipe from YAML text. Raises RecipeError with file, line and key.

        source   name of the file, for messages
        """
        marked = text.Marked(written, source)
        document = schema.read(marked)
        return cls(document, build(document, marked))

    @property
    def version(self) -> int:
        """Version of the recipe's format."""
        return self.document.recipe

    @property
    def text(self) -> str:
        """The recipe as YAML; `Recipe.parse(recipe.text) == recipe`."""
        return text.dump(self.document.model_dump(exclude_unset=True))

    def draw(self, index: int, seed: int = 0) -> dict[str, Any]:
        """The numbers of sample `index`: plain ones, as JSON holds them. The same index and seed give the same numbers."""
        return self.plan.draw(index, seed)

    def apply(self, parameters: Mapping[str, Any], images: Any) -> Sample:
        """The sample that drawn or stored numbers stand for, the same bit for bit each time.

        images   folder of photos; photo number index modulo how many there are, sorted by relative path
        """
        return self.plan.apply(parameters, images)

    def sample(self, index: int, seed: int = 0, *, images: Any) -> Sample:
        """Draw and apply: sample `index` as a noisy and a clean frame, and the numbers that made them."""
        return self.apply(self.draw(index, seed), images)

    def dataset(self, images: Any, count: int, seed: int = 0) -> PairDataset:
        """A torch Dataset of samples 0 ... count - 1; `collate_fn=cp.collate` batches them."""
        return PairDataset(self, images, count, seed)

    def camera_for(self, parameters: Mapping[str, Any]) -> Camera:
        """The camera that a sample was taken with."""
        return self.plan.camera_for(parameters)


def load(path_or_name: str | Path) -> Recipe:
    """Read a recipe from a file, or one that ships: `load("pipelines/raw_pairs.yaml")` and `load("raw_pairs")` find it from any folder.

    Raises RecipeError with file, line, key and the nearest name.
    """
    path = Path(path_or_name)
    if not path.is_file():
        if path.is_absolute() or path.parent.as_posix() not in (".", "pipelines"):
            raise RecipeError(f"a recipe's file is needed, but there is no {path}")
        path = find("pipelines", path.name if path.suffix else f"{path.name}.yaml")
    return Recipe.parse(text.written(path, "recipe"), str(path_or_name))
