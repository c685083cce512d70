"""What demosaickers reach on the 24 Kodak images, by the field's protocol.

The 8-bit sRGB values as they are, RGGB, results clipped and rounded to 8 bits, 20 pixels of border left out; PSNR over all channels
jointly, and its mean over the images.
"""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import pytest
import torch

from campipe import blocks
from campipe.core import pattern as patterns

X_TRANS = "GBGGRGRGRBGBGBGGRGGRGGBGBGBRGRGRGGBG"


@pytest.fixture(scope="module")
def kodak(shared: Path) -> list[torch.Tensor]:
    """(1, 3, H, W) float32 each, 0 to 1."""
    files = sorted((shared / "photos_test_kodak24").glob("*.webp"))
    assert len(files) == 24
    return [torch.from_numpy(np.ascontiguousarray(imageio.imread(f)[..., :3])).permute(2, 0, 1)[None].float() / 255 for f in files]


def sees(picture: torch.Tensor, pattern: str) -> torch.Tensor:
    """(1, 1, H, W): the channel that each pixel measures."""
    table, (height, width) = torch.tensor(patterns.channels(pattern)), picture.shape[-2:]
    return table.repeat(height // table.shape[0] + 1, width // table.shape[1] + 1)[None, None, :height, :width]


def psnr(out: torch.Tensor, picture: torch.Tensor) -> float:
    error = (out.clamp(0, 1) * 255).round().double() - picture.double() * 255
    return float(10 * torch.log10(255**2 / error[..., 20:-20, 20:-20].square().mean()))


def score(pictures: list[torch.Tensor], demosaick, pattern: str) -> float:
    return float(np.mean([psnr(demosaick(p.gather(1, sees(p, pattern)), pattern), p) for p in pictures]))


# Malvar and Menon: what colour-demosaicing's reach is 35.69 and 39.15. Hamilton-Adams, the fast one, has to be as good as Menon.
# The learned one: better than they are, by how much is up to the weights that ship; the figure says it.
@pytest.mark.parametrize(
    ("name", "limit"),
    [("bilinear", 30.0), ("malvar", 35.6), ("wiener", 38.0), ("hamilton_adams", 39.1), ("menon", 39.1), ("residual", 41.6)],
)
def test_a_demosaicker_reaches_its_score_on_kodak(name, limit, kodak, figure):
    reached = score(kodak, blocks.demosaick(name).net, "RGGB")
    figure(f"demosaicking Kodak24, RGGB, {name}: PSNR, dB", reached, f">= {limit}")
    assert reached >= limit


def test_refining_is_worth_its_while(kodak, figure):
    plain = score(kodak, blocks.demosaick("menon", refine=False).net, "RGGB")
    figure("demosaicking Kodak24, RGGB, menon without refining: PSNR, dB", plain, "<= 39.1")
    assert plain < 39.1


def normalised_convolution(mosaic: torch.Tensor, pattern: str) -> torch.Tensor:
    """What bilinear interpolation is without a regular grid: the mean of the samples around, weighted by a pyramid of 5 x 5."""
    ramp = torch.tensor([1.0, 2.0, 3.0, 2.0, 1.0])
    kernel = torch.outer(ramp, ramp)[None, None]
    channels = []
    for channel in range(3):
        mask = (sees(mosaic, pattern) == channel).float()
        spread = [torch.nn.functional.conv2d(x, kernel, padding=2) for x in (mosaic * mask, mask)]
        channels.append(torch.where(mask > 0, mosaic, spread[0] / spread[1]))
    return torch.cat(channels, 1)


@pytest.mark.parametrize("place", [(0, 0), (2, 1)])
def test_x_trans_is_far_better_than_its_interpolation(place, kodak, figure):
    pattern = patterns.roll(X_TRANS, *place)
    assert pattern is not None
    reached = score(kodak, blocks.demosaick("wiener").net, pattern)
    if place == (0, 0):
        figure("demosaicking Kodak24, X-Trans, wiener: PSNR, dB", reached, ">= 37.8")
        interpolated = score(kodak, normalised_convolution, pattern)
        figure("demosaicking Kodak24, X-Trans, normalised convolution: PSNR, dB", interpolated, f"<= {reached:.4g} - 6")
        assert interpolated <= reached - 6
    assert reached >= 37.8
