"""A wrong recipe is refused when it is loaded, by file, line and key, with the nearest name."""

from __future__ import annotations

import pytest

from campipe.core.errors import RecipeError
from campipe.recipe import Recipe

GOOD = """\
recipe: 1
camera: sony-a7s2
photo:
  crop: 32
exposure:
  iso: 800
stages:
  - kind: gaussian_blur
    at: scene
    sigma: 0.5
"""

# What is replaced, by what, and what is said: line, key, words.
WRONG = [
    ("recipe: 1", "recipe: 2", 1, "recipe", "the version of the recipe, 1, is needed, but 2 came"),
    ("recipe: 1\n", "", 1, "recipe", "but it is missing"),
    ("camera: sony-a7s2\n", "", 1, "camera", "missing"),
    ("camera: sony-a7s2", "camrea: sony-a7s2", 2, "camrea", "unknown key; did you mean 'camera'?"),
    ("sony-a7s2", "sony-a7s", 2, "camera", "did you mean sony-a7s2"),
    ("sony-a7s2", "7", 2, "camera", "a name is needed, but 7 came"),
    ("sony-a7s2", "{uniform: [0, 1]}", 2, "camera", "use choice"),
    ("crop: 32", "crop: 0", 4, "photo.crop", "a size in pixels"),
    ("crop: 32", "crop: [32, 32, 3]", 4, "photo.crop", "[height, width]"),
    ("crop: 32", "crop: 9000", 4, "photo.crop", "does not fit the sensor of sony-a7s2"),
    ("crop: 32", "flip: often", 4, "photo.flip", "expected a valid boolean, but 'often' came"),
    ("crop: 32", "downscale: 0", 4, "photo.downscale", "from 1 on is possible, but 0 came"),
    ("crop: 32", "downscale: {uniform: [1, 2]}", 4, "photo.downscale", "use choice, or whole"),
    ("photo:\n  crop: 32", "photo: 32", 3, "photo", "a mapping, the keys of Photo"),
    ("iso: 800", "isoo: 800", 6, "exposure.isoo", "unknown key; did you mean 'iso'?"),
    ("iso: 800", "iso: 1", 6, "exposure.iso", "out of range for sony-a7s2"),
    ("iso: 800", "iso: {log_uniform: [100, 1.0e9]}", 6, "exposure.iso", "out of range for sony-a7s2"),
    ("iso: 800", "iso: {uniform: [800, 100]}", 6, "exposure.iso", "low <= high"),
    ("iso: 800", "iso: {unifrom: [100, 800]}", 6, "exposure.iso", "did you mean 'uniform'?"),
    ("iso: 800", "iso: {normal: [800, 10]}", 6, "exposure.iso", "give the normal prior low and high"),
    ("iso: 800", "iso: {camera: {sony-a7s2: 800, nikon-d850: 800}}", 6, "exposure.iso.camera.nikon-d850", "this recipe has no camera"),
    ("iso: 800", "seconds: 0", 6, "exposure.seconds", "above 0 is possible, but 0 came"),
    ("iso: 800", "seconds: fast", 6, "exposure.seconds", "'fast' came"),
    ("iso: 800", "ev: 0\n  ratio: 100", 7, "exposure.ratio", "instead of ev"),
    ("iso: 800", "iso: 800\n  iso: 1600", 7, "exposure.iso", "is there twice, also in line 6"),
    ("exposure:", "serial: 1.5\nexposure:", 5, "serial", "a whole number from 0 on"),
    ("exposure:", "pattern: RGBW\nexposure:", 5, "pattern", "a pattern is 4 or 36 letters"),
    ("exposure:", "pattern: RBGG\nexposure:", 5, "pattern", "shows RBGG nowhere"),
    ("exposure:", "scene: {cct: 90}\nexposure:", 5, "scene.cct", "90 came"),
    ("exposure:", "scene: {tone: 2}\nexposure:", 5, "scene.tone", "from 0 to 1 is possible, but 2 came"),
    ("gaussian_blur", "gausian_blur", 8, "stages[0].kind", "did you mean 'gaussian_blur'?"),
    ("gaussian_blur", "campipe.optics:GaussianBlur", 8, "stages[0].kind", "there is no part"),
    ("at: scene", "at: electron", 9, "stages[0].at", "expected 'scene', 'photons'"),
    ("at: scene", "at: dn", 9, "stages[0].at", "but dn came"),
    ("sigma: 0.5", "sigmma: 0.5", 10, "stages[0].sigmma", "unknown key; did you mean 'sigma'?"),
    ("sigma: 0.5", "sigma: {uniform: [-1, 1]}", 8, "stages[0]", "not negative"),
    ("    sigma: 0.5", "    sigma: 0.5\n  - kind: gaussian_blur\n    at: scene\n    sigma: 1", 11, "stages[1]", "unique"),
]


@pytest.mark.parametrize(("old", "new", "line", "key", "said"), WRONG, ids=lambda v: str(v)[:30])
def test_a_wrong_recipe_names_file_line_and_key(old, new, line, key, said):
    assert GOOD.count(old) == 1
    with pytest.raises(RecipeError) as refusal:
        Recipe.parse(GOOD.replace(old, new), "my.yaml")
    message = str(refusal.value)
    assert message.startswith(f"my.yaml:{line}: {key}: ")
    assert said in message
    assert "\n" not in message


def test_the_recipe_before_it_was_spoilt_is_good():
    assert Recipe.parse(GOOD).draw(0)["iso"] == 800


def test_a_camera_prior_has_an_entry_for_every_camera():
    written = GOOD.replace("sony-a7s2", "{choice: [sony-a7s2, nikon-d850]}").replace("800", "{camera: {sony-a7s2: 800}}")
    with pytest.raises(RecipeError, match=r"my.yaml:6: exposure.iso: .*'nikon-d850' is missing"):
        Recipe.parse(written, "my.yaml")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("", "a recipe is a mapping"),
        ("- 1\n", "a recipe is a mapping"),
        ("recipe: [1\n", "my.yaml:2: this is no YAML"),
        ("recipe: 1\ncamera: !!python/object:os.system x\n", "my.yaml:2: this is no YAML"),
        ("recipe: 1\n\tcamera: x\n", "my.yaml:2: this is no YAML"),
        ("recipe: &a [*a]\n", "refers to itself"),
        ("recipe: \x07\n", "my.yaml: this is no YAML"),
    ],
)
def test_what_is_no_recipe_is_refused_in_one_line(written, said):
    with pytest.raises(RecipeError) as refusal:
        Recipe.parse(written, "my.yaml")
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)
