"""The questions that blocks are asked: damaged as stated, and the same for every block."""

from __future__ import annotations

import pytest
import torch

from campipe import blocks
from campipe.core.errors import CampipeError
from campipe.core.frame import Frame
from campipe.jobs.protocols import examined, question
from campipe.ops.colour import srgb_decode


@pytest.fixture(scope="module")
def photo(photos) -> Frame:
    return Frame(torch.tensor(photos["chelsea"]).movedim(-1, 0)[None, :, :192, :256].float() / 255, "display")


def test_noise_has_the_level_that_was_asked_for_and_is_the_same_for_every_block(photo):
    first, second = (question("denoise", photo, 3, 25.0, blocks.denoise(name)) for name in blocks.names("denoise")[:2])
    assert torch.equal(first.given.data, second.given.data)
    noise = first.given.data - photo.data
    # The standard deviation of n normal numbers is known to 1 / sqrt(2 n); five of those.
    assert float(noise.std()) * 255 == pytest.approx(25, rel=5 / (2 * noise.numel()) ** 0.5)
    assert not torch.equal(question("denoise", photo, 4, 25.0, blocks.denoise("dct")).given.data, first.given.data)


def test_a_grey_photo_is_asked_as_one_channel(photo):
    grey = photo.replace(photo.data[:, :1].expand(-1, 3, -1, -1))
    assert question("denoise", grey, 0, None, blocks.denoise("dct")).wanted.shape[1] == 1
    assert question("demosaick", grey, 0, None, blocks.demosaick("bilinear")).wanted.shape[1] == 3


def test_a_mosaic_holds_the_photos_own_samples(photo):
    given = question("demosaick", photo, 0, None, blocks.demosaick("malvar")).given
    assert given.capture.pattern == "RGGB"
    for (y, x), channel in {(0, 0): 0, (0, 1): 1, (1, 0): 1, (1, 1): 2}.items():
        assert torch.equal(given.data[0, 0, y::2, x::2], photo.data[0, channel, y::2, x::2])


def test_a_blurred_photo_is_the_mean_of_its_neighbourhood_in_linear_light(photo):
    asked = question("deblur", photo, 0, 0.0, examined("deblur", "wiener", None))
    light = srgb_decode(photo.data)
    assert asked.given.space == "linear"
    assert asked.given.data.shape == asked.wanted.shape
    # A kernel of sum 1 keeps the mean of a flat picture, and bounds every value by its neighbours.
    flat = question("deblur", photo.replace(torch.full_like(photo.data, 0.5)), 0, 0.0, examined("deblur", "wiener", None))
    assert torch.allclose(flat.finish(flat.given.data), flat.wanted, atol=1e-6)
    assert float(asked.given.data.max()) <= float(light.max()) and float(asked.given.data.min()) >= float(light.min())


def test_a_perfect_answer_would_have_no_error(photo):
    asked = question("deblur", photo, 0, None, examined("deblur", "wiener", None))
    reach = (photo.height - asked.wanted.shape[-2]) // 2
    sharp = srgb_decode(photo.data)[..., reach:-reach, reach:-reach]
    assert torch.allclose(asked.finish(sharp), asked.wanted, atol=1e-6)


def test_an_unknown_slot_is_refused():
    with pytest.raises(CampipeError, match="but 'stereo' came"):
        examined("stereo", "x", None)


def test_a_super_resolver_is_asked_for_the_photo_that_its_low_resolution_picture_was_taken_of(photo):
    odd, names = photo.crop(0, 0, 190, 254), ("bicubic", "lanczos")
    asked, again = (question("super_resolve", odd, 5, None, blocks.super_resolve(name)) for name in names)
    assert asked.given.data.shape == (1, 3, 94, 126) and asked.wanted.shape == (1, 3, 188, 252)
    assert torch.equal(asked.given.data, again.given.data)
    mean = torch.nn.functional.avg_pool2d(srgb_decode(asked.wanted), 2)
    assert float((srgb_decode(asked.given.data) - mean).mean().abs()) < 2e-3  # light is kept, but for clipping
    assert question("super_resolve", photo, 0, None, blocks.super_resolve("bicubic", factor=4)).given.data.shape == (1, 3, 48, 64)
    with pytest.raises(CampipeError, match="leave sigma out"):
        examined("super_resolve", "bicubic", 5.0)
