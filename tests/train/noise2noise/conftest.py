"""Photos to train on: four small ones of noise."""

from __future__ import annotations

import imageio.v3 as imageio
import numpy as np
import pytest

from campipe.synth.photos import Photos


@pytest.fixture(scope="session")
def photo_folder(tmp_path_factory) -> Photos:
    """Four photos of 40 x 48 pixels."""
    place = tmp_path_factory.mktemp("photos")
    for number in range(4):
        values = np.random.Generator(np.random.PCG64(number)).integers(20, 236, (40, 48, 3), dtype=np.uint8)
        imageio.imwrite(place / f"{number}.png", values)
    return Photos.under(place)
