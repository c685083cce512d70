"""Recipes that ship, recipes with parts of one's own, and the way from a file to an object and back."""

from __future__ import annotations

import json
import math
import pickle
import shutil
from pathlib import Path
from typing import ClassVar

import imageio.v3 as imageio
import pytest
import torch
import yaml

from campipe.core.errors import CampipeError, RecipeError
from campipe.core.profile import load_profile
from campipe.core.resources import listing
from campipe.core.stage import Stage
from campipe.recipe import Recipe, kinds, load, register
from campipe.recipe.numbers import bounds, texts
from campipe.synth.shoot import PLACES

SHIPPED = listing("pipelines", suffix=".yaml")
BEGIN = "recipe: 1\ncamera: sony-a7s2\nphoto: {crop: 24}\nexposure: {iso: 800, ev: -2}\n"


@pytest.fixture(scope="module")
def folder(photos, tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("photos")
    for name, picture in photos.items():
        imageio.imwrite(root / f"{name}.png", picture)
    return root


class Lift(Stage):
    """Adds a number, wherever it stands."""

    reads: ClassVar[tuple[str, ...]] = PLACES
    primary = "amount"
    margin = 0

    def __init__(self, amount: float, name: str | None = None) -> None:
        super().__init__(name)
        self.number("amount", amount)

    def transform(self, frame, shot):
        return frame.replace(frame.data + self.value("amount", frame, shot))


register("test_lift", Lift)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_recipe_makes_samples_within_its_priors(name, folder):
    recipe = load(name)
    cameras = texts(recipe.plan.camera)
    profiles = {camera: load_profile(camera) for camera in cameras}
    for index in range(200):
        numbers = recipe.draw(index, seed=1)
        assert numbers == json.loads(json.dumps(numbers))
        assert numbers["camera"] in cameras
        for what in ("iso", "seconds", "serial", "downscale"):
            low, high = bounds(getattr(recipe.plan, what), numbers["camera"])
            assert low <= numbers[what] <= high
        for what in ("cct", "tone", "brightness"):
            low, high = getattr(profiles[numbers["camera"]].priors, what)
            assert low <= numbers[what] <= high
    assert {recipe.draw(i)["camera"] for i in range(60)} == set(cameras)
    sample = recipe.sample(index=2, seed=0, images=folder)
    assert sample.noisy.data.shape == sample.clean.data.shape == (1, 1, *recipe.plan.crop)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_recipe_comes_back_from_its_text(name):
    recipe = load(name)
    again = Recipe.parse(recipe.text)
    assert again == recipe and again.draw(3) == recipe.draw(3)
    assert yaml.safe_load(recipe.text) == yaml.safe_load(Path(load_path(name)).read_text(encoding="utf-8"))
    assert pickle.loads(pickle.dumps(recipe)) == recipe
    assert Recipe.parse(recipe.text.replace("crop: 128", "crop: 64")) != recipe


def load_path(name: str) -> Path:
    from campipe.core.resources import find

    return find("pipelines", f"{name}.yaml")


def test_low_light_is_a_hundredth_to_a_three_hundredth_of_the_light():
    for index in range(50):
        numbers = load("low_light").draw(index)
        assert 100 <= numbers["ratio"] <= 300
        assert numbers["ev"] == pytest.approx(-math.log2(numbers["ratio"]))


def test_a_shipped_recipe_is_found_from_any_folder_and_an_own_file_goes_first(tmp_path, monkeypatch):
    shipped = load("pipelines/raw_pairs.yaml")
    monkeypatch.chdir(tmp_path)
    assert load("pipelines/raw_pairs.yaml") == load("raw_pairs.yaml") == load("raw_pairs") == shipped
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "raw_pairs.yaml").write_text(BEGIN)
    assert load("pipelines/raw_pairs.yaml") == load(Path("pipelines/raw_pairs.yaml")) == Recipe.parse(BEGIN)
    assert load("raw_pairs") == shipped
    shutil.rmtree(tmp_path / "pipelines")


def test_an_unknown_recipe_is_refused_with_the_nearest_name(tmp_path):
    with pytest.raises(RecipeError, match=r"did you mean 'raw_pairs.yaml'"):
        load("raw_pair")
    with pytest.raises(RecipeError, match="there is no"):
        load(tmp_path / "mine.yaml")
    (tmp_path / "picture.yaml").write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(RecipeError, match="is no text"):
        load(tmp_path / "picture.yaml")


@pytest.mark.parametrize(("at", "factor"), [("electrons", None), ("analog", 1.0), ("dn", 1.0)])
def test_a_part_of_ones_own_stands_where_it_is_put(folder, at, factor):
    plain = Recipe.parse(BEGIN).sample(0, images=folder).clean
    lifted = Recipe.parse(BEGIN + f"stages: [{{kind: test_lift, at: {at}, amount: 100}}]\n").sample(0, images=folder).clean
    factor = float(plain.capture.gain) if factor is None else factor
    assert torch.allclose(lifted.data - plain.data, torch.tensor(100 * factor), atol=1e-3)


@pytest.mark.parametrize("at", ["scene", "photons", "rate"])
def test_a_part_in_front_of_the_sensor_brightens_through_it(folder, at):
    # Half of white is added: that many stops from the metered exposure, in DN above black, less what clips.
    numbers = Recipe.parse(BEGIN).draw(0)
    plain = Recipe.parse(BEGIN).apply(numbers, folder).clean
    span = float(plain.capture.white_level - plain.capture.black_level)
    amount = {"scene": 0.5, "photons": 0.0, "rate": span / 8 / float(plain.capture.gain)}[at]
    amount = amount or span / 8 / float(plain.capture.gain) / load_profile("sony-a7s2").quantum_efficiency
    lifted = Recipe.parse(BEGIN + f"stages: [{{kind: test_lift, at: {at}, amount: {amount}}}]\n")
    difference = (lifted.apply({**numbers, "stages": lifted.draw(0)["stages"]}, folder).clean.data - plain.data).median()
    # Vignetting dims what stands in front of it.
    assert float(difference) == pytest.approx(span / 8, rel=0.25 if at == "scene" else 1e-3)


def test_a_part_changes_no_other_draw(folder):
    plain = Recipe.parse(BEGIN)
    lifted = Recipe.parse(BEGIN + "stages: [{kind: test_lift, at: dn, amount: {uniform: [5, 6]}}]\n")
    a, b = (recipe.draw(4) for recipe in (plain, lifted))
    amount = b.pop("stages")["test_lift"]["amount"]
    assert 5 <= amount < 6 and a.pop("stages") == {} and a == b
    noisy = [recipe.sample(4, images=folder).noisy.data for recipe in (plain, lifted)]
    assert torch.allclose(noisy[1] - noisy[0], torch.tensor(amount), atol=1e-3)


def test_two_parts_of_one_kind_have_names(folder):
    stages = "stages: [{kind: test_lift, at: dn, amount: 1}, {kind: test_lift, name: more, at: dn, amount: 2}]\n"
    plain, lifted = (Recipe.parse(BEGIN + s).sample(0, images=folder).clean.data for s in ("", stages))
    assert torch.allclose(lifted - plain, torch.tensor(3.0))


def test_kinds_are_registered_once_and_are_stages():
    assert kinds()["test_lift"] is Lift and register("test_lift", Lift) is Lift
    assert all(issubclass(cls, Stage) for cls in kinds().values())
    for kind, cls, said in [
        ("test_lift", Stage, "already stands for Lift"),
        ("gaussian_blur", Lift, "ships with campipe"),
        ("Lift me", Lift, "lower-case letters"),
        ("other", dict, "a subclass of Stage"),
        ("other", "os:system", "a subclass of Stage"),
    ]:
        with pytest.raises(RecipeError, match=said):
            register(kind, cls)


def test_a_missing_number_of_a_sample_is_named(folder):
    recipe = Recipe.parse(BEGIN)
    with pytest.raises(CampipeError, match="'seconds' is missing"):
        recipe.apply({k: v for k, v in recipe.draw(0).items() if k != "seconds"}, folder)
