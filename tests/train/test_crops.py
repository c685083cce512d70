"""Training samples hang on their numbers alone, and come from the photos that are not held out."""

from __future__ import annotations

import itertools

import imageio.v3 as imageio
import numpy as np
import pytest
import torch

from campipe.core.errors import CampipeError, ShapeError
from campipe.synth.photos import Photos
from campipe.train.crops import Crops, recoloured, subsampled
from campipe.train.demosaicking import seen_through
from campipe.train.draws import normal, uniform


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Four photos of noise, each in a band of values of its own."""
    place = tmp_path_factory.mktemp("photos")
    for number in range(4):
        values = np.random.Generator(np.random.PCG64(number)).integers(60 * number, 60 * number + 50, (40, 48, 3), dtype=np.uint8)
        imageio.imwrite(place / f"{number}.png", values)
    return Photos.under(place)


def plain(folder, **options) -> Crops:
    return Crops(folder, **{"size": 16, "colour": 0.0, "chroma": 0.0, "scenes": 0.0, "held_out": 1, **options})


def test_a_sample_is_the_same_alone_in_a_batch_and_in_any_order(folder):
    crops = plain(folder, colour=0.3, chroma=0.4, scenes=0.3)
    batch = crops.batch(range(20, 40))
    again = Crops(folder, 16, 0.3, 0.4, 0.3, 1)
    for place in (19, 0, 7):
        assert torch.equal(again.batch([20 + place])[0], batch[place])
    assert not torch.equal(plain(folder, seed=1).batch(range(4)), plain(folder).batch(range(4)))
    assert batch.shape == (20, 3, 16, 16) and batch.dtype == torch.float32
    assert 0 <= float(batch.min()) and float(batch.max()) <= 1


def test_photos_that_are_held_out_are_never_cropped(folder):
    batch = plain(folder, held_out=2).batch(range(200))
    assert float(batch.max()) < 120 / 255  # the bands of the first two photos
    assert [float(photo.min() * 255) >= 120 for photo in plain(folder, held_out=2).validation()] == [True, True]


def test_every_place_phase_and_orientation_comes_up(folder, tmp_path):
    ramp = np.stack([np.arange(24)[:, None].repeat(24, 1), np.arange(24)[None].repeat(24, 0), np.zeros((24, 24))], -1)
    imageio.imwrite(tmp_path / "ramp.png", ramp.astype(np.uint8))
    batch = (plain(Photos.under(tmp_path), held_out=0).batch(range(400)) * 255).round()
    # Channel 0 is the row and channel 1 the column of the photo: of a sample's first pixel, and how they change along its axes.
    starts = {(int(s[0].min()), int(s[1].min())) for s in batch}
    assert {y for y, _ in starts} == {x for _, x in starts} == set(range(9))
    ways = {tuple(int(s[c, *at] - s[c, 0, 0]) for c in (0, 1) for at in ((0, 1), (1, 0))) for s in batch}
    assert len(ways) == 8


def test_colours_change_in_the_share_that_is_asked_for(folder):
    one, other = plain(folder).batch(range(400)), plain(folder, colour=0.3).batch(range(400))
    changed = (one != other).flatten(1).any(1).float().mean()
    assert abs(float(changed) - 0.3) < 5 * (0.3 * 0.7 / 400) ** 0.5


def test_grey_stays_grey_but_for_the_gains_and_channels_are_interchanged():
    out = recoloured(torch.full((20, 3, 4, 4), 0.5), uniform(1, range(20), 7))
    assert 0.3 <= float(out.min()) and float(out.max()) <= 0.6  # 0.5 times the gains
    assert torch.equal(out, out[..., :1, :1].expand_as(out))
    marked = torch.tensor([0.1, 0.2, 0.3])[None, :, None, None].expand(50, 3, 1, 1)
    unchanged = torch.cat([torch.zeros(50, 1), torch.full((50, 3), 2 / 3), uniform(2, range(50), 3)], 1)  # saturation and gains of 1
    orders = {tuple((10 * o).round().int().flatten().tolist()) for o in recoloured(marked, unchanged)}
    assert orders == set(itertools.permutations((1, 2, 3)))


def test_colours_of_half_the_resolution_keep_the_luma_and_lose_their_finest_detail():
    y, x = torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij")
    checks = torch.stack([0.5 + 0.2 * (-1) ** (x + y), torch.full((16, 16), 0.5), 0.5 - 0.1 * (-1) ** x])
    luma = torch.tensor([0.299, 0.587, 0.114])[:, None, None]
    out = subsampled(checks[None])[0]
    assert torch.allclose((out * luma).sum(0), (checks * luma).sum(0), atol=1e-6)
    # Means over 2 x 2 pixels of what changes from pixel to pixel are all the same: the differences of channels become constant.
    assert float((out[0] - out[1]).std()) < 1e-6 and float((out[2] - out[1]).std()) < 1e-6
    slow = torch.stack([0.2 + 0.03 * x, 0.5 + 0 * x, 0.3 + 0.02 * y])
    assert torch.allclose(subsampled(slow[None])[0, :, 2:-2, 2:-2], slow[:, 2:-2, 2:-2], atol=1e-6)  # a plane is put back as it was


def test_the_mosaic_is_that_of_rggb():
    picture = torch.arange(3 * 4 * 6.0).reshape(1, 3, 4, 6)
    mosaic = seen_through(picture)
    assert torch.equal(mosaic[0, 0, ::2, ::2], picture[0, 0, ::2, ::2])
    assert torch.equal(mosaic[0, 0, ::2, 1::2], picture[0, 1, ::2, 1::2])
    assert torch.equal(mosaic[0, 0, 1::2, ::2], picture[0, 1, 1::2, ::2])
    assert torch.equal(mosaic[0, 0, 1::2, 1::2], picture[0, 2, 1::2, 1::2])


def test_photos_that_are_too_small_or_too_few_are_refused(folder):
    with pytest.raises(ShapeError, match=r"at least 64 x 64 pixels is needed, but \d.png has 40 x 48"):
        plain(folder, size=64)
    with pytest.raises(CampipeError, match="4 photos are to be held out, but there are 4"):
        plain(folder, held_out=4)
    with pytest.raises(CampipeError, match="from 0 to 1"):
        plain(folder, colour=1.5)


def test_photos_made_half_as_large_and_scenes_come_in_their_shares(tmp_path):
    checks = 255 * ((np.arange(64)[:, None] + np.arange(64)) % 2)
    imageio.imwrite(tmp_path / "checks.png", np.repeat(checks[..., None], 3, -1).astype(np.uint8))
    photos = Photos.under(tmp_path)
    grey = (plain(photos, held_out=0, halved=0.4).batch(range(500)) - 128 / 255).abs().flatten(1).amax(1) < 1e-6
    assert abs(float(grey.float().mean()) - 0.4) < 5 * (0.4 * 0.6 / 500) ** 0.5  # means of black and white
    scenes = plain(photos, held_out=0, scenes=0.3).batch(range(500))
    from_photo = (scenes[:, :, :-2] == scenes[:, :, 2:]).flatten(1).all(1) & ((scenes == 0) | (scenes == 1)).flatten(1).all(1)
    assert abs(float(from_photo.float().mean()) - 0.7) < 5 * (0.3 * 0.7 / 500) ** 0.5


def test_draws_hang_on_seed_and_number_alone():
    assert torch.equal(uniform(3, [7, 2**40], 5)[1], uniform(3, [2**40], 5)[0])
    assert torch.equal(normal(3, range(9), (2, 4))[4], normal(3, [4], (2, 4))[0])
    u = uniform(1, range(2000), 8)
    assert float(u.min()) >= 0 and float(u.max()) < 1 and u.unique().numel() == u.numel()
    correlation = torch.corrcoef(torch.cat([u, uniform(2, range(2000), 8)], 1).T) - torch.eye(16)
    assert float(correlation.abs().max()) < 6 / 2000**0.5
