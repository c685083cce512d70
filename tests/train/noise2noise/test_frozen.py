"""A frozen noisy set: a pixel has the same noise whenever a crop meets it."""

from __future__ import annotations

import imageio.v3 as imageio
import numpy as np
import pytest
import torch

from campipe.core.errors import CampipeError
from campipe.synth.photos import Photos
from campipe.train.crops import Crops
from campipe.train.noise2noise.corruptions import Gaussian
from campipe.train.noise2noise.frozen import Frozen


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Three photos of unlike sizes in which every pixel has a colour of its own, so that a crop tells its place."""
    place = tmp_path_factory.mktemp("photos")
    for number, (height, width) in enumerate(((40, 48), (36, 33), (32, 32))):
        y, x = np.mgrid[:height, :width]
        imageio.imwrite(place / f"{number}.png", np.stack([y + 0 * x, x, np.full_like(x, number)], -1).astype(np.uint8))
    return Photos.under(place)


def crops(photos, **options) -> Crops:
    return Crops(photos, 16, **{"colour": 0, "chroma": 0, "scenes": 0, "held_out": 0, **options})


def noise(photo, seed, numbers):
    return Gaussian(25, 25)(photo, seed, numbers).picture


def test_the_same_pixel_has_the_same_noise_in_every_crop_that_meets_it(photos):
    frozen = Frozen(crops(photos), noise, "noise")
    damaged, clean = frozen.batch(range(400))
    places = (clean * 255).round().long().permute(0, 2, 3, 1).reshape(-1, 3)
    values = (damaged - clean).permute(0, 2, 3, 1).reshape(-1, 3)
    met, which, counts = places.unique(dim=0, return_inverse=True, return_counts=True)
    assert counts.max() > 10 and len(met) > 0.9 * (40 * 48 + 36 * 33 + 32 * 32)
    first = torch.zeros(len(met), 3).scatter(0, which[:, None].expand(-1, 3), values)
    assert (values - first[which]).abs().max() < 1e-6
    # And no two pixels have the same: it is noise.
    assert abs(first.std() * 255 - 25) < 5 * 25 / (2 * 3 * len(met)) ** 0.5


def test_crops_are_pieces_of_the_photos_in_all_eight_ways(photos):
    clean = (Frozen(crops(photos), noise, "noise").batch(range(300))[1] * 255).round()
    steps = {"y": clean[:, 0].diff(dim=1)[:, 0, 0], "turned": clean[:, 0].diff(dim=2)[:, 0, 0], "x": clean[:, 1].diff(dim=2)[:, 0, 0]}
    ways = {(int(a), int(b), int(c)) for a, b, c in zip(*steps.values(), strict=True)}
    assert len(ways) == 8 - 2  # a turned piece's x runs down, so that its third number is 0
    assert {int(n) for n in clean[:, 2].unique()} == {0, 1, 2}
    assert (clean[:, 2].amax((1, 2)) == clean[:, 2].amin((1, 2))).all()


def test_a_sample_hangs_on_its_number_and_the_noise_on_the_seed(photos):
    one, again, other = (Frozen(crops(photos), noise, "noise", seed) for seed in (0, 0, 1))
    assert torch.equal(one.batch([5, 9])[0][1], again.batch([9])[0][0])
    assert torch.equal(one.damaged, again.damaged) and not torch.equal(one.damaged, other.damaged)


def test_crops_that_change_what_they_cut_are_refused(photos):
    with pytest.raises(CampipeError, match=r"colour=0.3, chroma=0.1 came"):
        Frozen(crops(photos, colour=0.3, chroma=0.1), noise, "noise")
