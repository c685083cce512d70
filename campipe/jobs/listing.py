"""What there is to choose from: cameras, recipes, ISP presets, stages and blocks, as rows for a table or for JSON."""

from __future__ import annotations

import inspect
from typing import Any

from campipe.blocks import filler, names, slots
from campipe.core.errors import CampipeError
from campipe.core.profile import load_profile, profile_names
from campipe.core.resources import find, listing
from campipe.recipe.parts import arguments, kinds
from campipe.recipe.pipelines import presets
from campipe.recipe.recipe import load
from campipe.studies import find as study
from campipe.studies import names as studies
from campipe.train.recipe import TrainingRecipe

Row = dict[str, Any]


def cameras() -> list[Row]:
    """One row per camera: its sensor; gain (DN/e-) and noise of a dark frame (e-) at both ends of its ISO range.

    Further saturation (e-) and dynamic range (stops) at the lowest ISO, and which of its numbers have which status.
    """
    from campipe.core.profile_schema import numbers
    from campipe.report.plots import sensor_figures

    rows: list[Row] = []
    for name in profile_names():
        profile = load_profile(name)
        status: dict[str, list[str]] = {"measured": [], "datasheet": [], "assumed": []}
        for path, _, entry in numbers(profile.file):
            word = path.rsplit(".", 1)[-1].replace("_", " ")
            if word not in status[entry.status]:
                status[entry.status].append(word)
        ends = [sensor_figures(profile, iso) for iso in profile.iso_range]
        rows.append(
            {
                "name": name,
                "title": profile.title,
                "width": profile.width,
                "height": profile.height,
                "pattern": profile.pattern,
                "bits": profile.bits,
                "pixel_pitch": profile.pixel_pitch,
                "megapixels": round(profile.width * profile.height / 1e6, 1),
                "iso": list(profile.iso_range),
                "gain": [end["gain"] for end in ends],
                "read_noise": [end["read noise"] for end in ends],
                "saturation": ends[0]["saturation"],
                "dynamic_range": ends[0]["dynamic range"],
                **status,
            }
        )
    return rows


def recipes() -> list[Row]:
    """One row per recipe that ships: its name, what it makes, and its file."""
    shipped = listing("pipelines", suffix=".yaml")
    return [{"name": name, "about": load(name).document.about, "file": str(find("pipelines", f"{name}.yaml"))} for name in shipped]


def stages() -> list[Row]:
    """One row per part that a recipe can name by `kind`: what it does, its spaces and its arguments."""
    return [
        {
            "name": kind,
            "about": _first_sentence(stage),
            "reads": list(stage.reads),
            "writes": stage.writes,
            "arguments": list(arguments(stage)),
        }
        for kind, stage in kinds().items()
    ]


def blocks() -> list[Row]:
    """One row per block: its slot, its name, what it does."""
    return [{"slot": slot, "name": name, "about": _first_sentence(filler(slot, name))} for slot in slots() for name in names(slot)]


def isp() -> list[Row]:
    """One row per ISP preset that ships: its name, what it is for, and its file."""
    return [{"name": name, "about": about, "file": str(find("pipelines", "isp", f"{name}.yaml"))} for name, about in presets().items()]


def trainings() -> list[Row]:
    """One row per recipe of a training that ships: its name, what it trains, its block, and its file."""
    shipped = {name: TrainingRecipe.load(name).document for name in listing("pipelines", "train", suffix=".yaml")}
    return [
        {"name": name, "about": document.about, "block": document.block, "file": str(find("pipelines", "train", f"{name}.yaml"))}
        for name, document in shipped.items()
    ]


def study_rows() -> list[Row]:
    """One row per study: its name, and what it shows."""
    return [{"name": name, "about": (inspect.getdoc(inspect.getmodule(study(name))) or "").split("\n\n")[0]} for name in studies()]


def rows_of(what: str) -> list[Row]:
    """The rows for one of the words "cameras", "recipes", "isp", "stages", "blocks", "trainings" and "studies"."""
    lists = {
        "cameras": cameras, "recipes": recipes, "isp": isp, "stages": stages, "blocks": blocks, "trainings": trainings,
        "studies": study_rows,
    }  # fmt: skip
    if what not in lists:
        raise CampipeError(f"there are lists of {', '.join(lists)}, but {what!r} came")
    return lists[what]()


def _first_sentence(part: type) -> str:
    paragraph = (inspect.getdoc(part) or "").split("\n\n")[0]
    return " ".join(paragraph.split()).split(". ")[0].rstrip(".")
