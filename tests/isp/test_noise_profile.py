from __future__ import annotations

import pytest
import torch

from campipe.camera import Camera
from campipe.core.frame import Capture, Frame
from campipe.core.random import Key
from campipe.isp import EstimateNoise, Levels


def raw(photos) -> Frame:
    camera = Camera.load("sony-a7s2")
    photo = Frame(torch.from_numpy(photos["astronaut"].copy()).movedim(-1, 0)[None].float() / 255, "display")
    return camera.capture(camera.unprocess(photo), iso=6400, key=Key(0))


def test_the_profile_of_a_simulated_camera_is_found_again(photos, figure):
    known = raw(photos)
    assert known.capture.noise is not None
    for frame in (known, Levels()(known)):
        found = EstimateNoise()(frame.replace(noise=None))
        assert found.capture.noise is not None and torch.equal(found.data, frame.data)
        at = torch.tensor([0.05, 0.2, 0.5])  # the deviation where the picture has its values
        wanted, ours = ((n[0, 0].mean() * at + n[0, 1].mean()).sqrt() for n in (known.capture.noise, found.capture.noise))
        off = float((ours / wanted - 1).abs().max())
        figure("deviation of noise that EstimateNoise finds in a raw at ISO 6400, relative error", off, "< 0.15")
        assert off < 0.15


def test_a_profile_that_is_known_stays(photos):
    known = raw(photos)
    assert EstimateNoise()(known) is known
    assert not torch.equal(EstimateNoise(always=True)(known).capture.noise, known.capture.noise)


@pytest.mark.parametrize("pattern", ["RGGB", None])
def test_a_flat_picture_has_one_level(pattern):
    noise = 0.02 * torch.randn(2, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    found = EstimateNoise()(Frame(0.3 + noise, "mosaic", Capture(pattern=pattern))).capture.noise
    assert found is not None and found.shape == (2, 2)
    assert ((found[:, 0] * 0.3 + found[:, 1]).sqrt() / 0.02 - 1).abs().max() < 0.1  # four standard errors of a level of 4096 pixels


def test_the_data_keeps_its_gradient():
    x = torch.rand(1, 1, 32, 32, generator=torch.Generator().manual_seed(0)).requires_grad_()
    out = EstimateNoise()(Frame(x, "mosaic"))
    out.data.sum().backward()
    assert torch.equal(x.grad, torch.ones_like(x)) and not out.capture.noise.requires_grad
