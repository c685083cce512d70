"""A folder of small photos, and a recipe that makes tiny samples of them."""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as imageio
import pytest

from campipe.recipe import Recipe

TINY = """\
recipe: 1
camera: {choice: [sony-a7s2, rpi-imx477]}
serial: {whole: [0, 3]}
pattern: RGGB
photo: {crop: [24, 32], downscale: 2, flip: true}
exposure:
  iso: {log_uniform: [200, 1600]}
  ev: {uniform: [-3, 0]}
  seconds: {choice: [1/30, 1/100]}
"""


@pytest.fixture(scope="session")
def folder(photos, tmp_path_factory) -> Path:
    """Five photos, 80 x 96, two of them in a folder of their own."""
    root = tmp_path_factory.mktemp("photos")
    (root / "more").mkdir()
    for i, (name, picture) in enumerate([*photos.items(), ("again", photos["coffee"])]):
        place = root / "more" if i % 2 else root
        imageio.imwrite(place / f"{name}.png", picture[100:180, 120:216])
    return root


@pytest.fixture(scope="session")
def tiny() -> Recipe:
    return Recipe.parse(TINY, "tiny.yaml")
