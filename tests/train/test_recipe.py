"""Recipes of trainings: strict, and each that ships can be trained."""

from __future__ import annotations

import pytest

from campipe.core.errors import CampipeError, RecipeError
from campipe.core.resources import listing
from campipe.train.recipe import TrainingRecipe
from campipe.train.schedules import Constant, Steps, WarmUpCosine

SHIPPED = listing("pipelines", "train", suffix=".yaml")
WRITTEN = """train: 1
about: a test
block: demosaick/residual
data: {crop: 32}
optimiser:
  steps: 100
  batch: 2
  rate: {kind: cosine, peak: 0.002, end: 2.0e-5, warm_up: 10}
card: {data: none, licence: none}
"""


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_recipe_makes_a_batch_and_its_loss(name, photos, tmp_path):
    import imageio.v3 as imageio

    for number in range(5):
        imageio.imwrite(tmp_path / f"{number}.png", photos["coffee"][:320, number * 20 : number * 20 + 320])
    recipe = TrainingRecipe.load(name)
    assert recipe == TrainingRecipe.load(f"pipelines/train/{name}.yaml") and recipe.document.about and recipe.document.card.licence
    task = recipe.task(recipe.block(), tmp_path)
    loss = task(task.batch(range(2)))
    assert loss.ndim == 0 and 0 < float(loss) <= 1
    assert sum(p.numel() for p in task.net.parameters()) * 2 < 3_000_000
    # However its training ends, its last step is small.
    assert recipe.training.rate.at(recipe.training.steps) < recipe.training.rate.at(recipe.training.steps // 3)


def test_the_numbers_of_a_recipe_arrive():
    recipe = TrainingRecipe.parse(WRITTEN)
    assert recipe.training.rate == WarmUpCosine(0.002, 2e-5, 10, 100)
    assert (recipe.training.steps, recipe.training.batch) == (100, 2)
    steps = WRITTEN.replace("{kind: cosine, peak: 0.002, end: 2.0e-5, warm_up: 10}", "{kind: steps, peak: 0.1, factor: 0.5, at: [3, 9]}")
    assert TrainingRecipe.parse(steps).training.rate == Steps(0.1, 0.5, (3, 9))
    constant = WRITTEN.replace("{kind: cosine, peak: 0.002, end: 2.0e-5, warm_up: 10}", "{kind: constant, peak: 0.1}")
    assert TrainingRecipe.parse(constant).training.rate == Constant(0.1)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("train: 1", "train: 2", "begins with `train: 1`"),
        ("train: 1", "recipe: 1", "begins with `train: 1`"),
        ("block: demosaick/residual", "block: demosaick/menon", r"r.yaml:3: block: one of demosaick/residual"),
        ("crop: 32", "crop: 33", r"r.yaml:4: data.crop: expected a multiple of 2"),
        ("crop: 32", "crops: 32", r"r.yaml:4: data.crops: unknown key; did you mean 'crop'"),
        ("  batch: 2\n", "", r"optimiser.batch: missing"),
        ("steps: 100", "steps: 0", r"r.yaml:6: optimiser.steps"),
        ("steps: 100", "steps: ten", r"r.yaml:6: optimiser.steps"),
        ("kind: cosine", "kind: sawtooth", r"r.yaml:8: optimiser.rate.kind"),
        ("end: 2.0e-5, ", "", r"r.yaml:8: optimiser.rate: kind cosine needs the end"),
        ("warm_up: 10", "warm_up: 100", r"r.yaml:8: optimiser.rate: .*shorter than the 100 steps"),
        ("about: a test", "about: a test\nloss: l3", r"r.yaml:3: loss: one of l1, l2"),
    ],
)
def test_what_is_no_recipe_is_refused_with_file_line_and_key(old, new, words):
    assert old in WRITTEN
    with pytest.raises(RecipeError, match=words) as told:
        TrainingRecipe.parse(WRITTEN.replace(old, new), "r.yaml")
    assert len(str(told.value).splitlines()) == 1


def test_a_recipe_that_is_not_there_is_answered_with_the_nearest():
    with pytest.raises(CampipeError, match=r"did you mean 'demosaick_small\.yaml'"):
        TrainingRecipe.load("demosaik_small")
    with pytest.raises(CampipeError, match="there is no"):
        TrainingRecipe.load("elsewhere/x.yaml")
