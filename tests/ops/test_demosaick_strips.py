"""The compiled demosaickers strip by strip: every cut gives the bits of the whole."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from campipe import blocks
from campipe.ops.kernels.demosaick_rows import STRIPS, cut_strip

PATTERNS = ["RGGB", "GRBG", "GBRG", "BGGR"]


def by_strip(name: str, mosaic: np.ndarray, pattern: str, top: int, left: int, height: int, width: int) -> np.ndarray:
    """Demosaick a window of a mosaic, (H, W), that may begin anywhere in it."""
    strip, margin, planes = STRIPS[name]
    padded = np.empty((height + 2 * margin, width + 2 * margin), np.float32)
    cut_strip(mosaic, top - margin, left - margin, padded)
    out = np.full((3, height, width), np.nan, np.float32)
    scratch = np.full((planes, *padded.shape), np.nan, np.float32)
    red = pattern.index("R")
    strip(padded, (red // 2 + top) % 2, (red % 2 + left) % 2, out, scratch)
    return out


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("name", STRIPS)
def test_a_strip_cut_anywhere_is_the_whole_there(name, pattern):
    generator = np.random.default_rng(0)
    mosaic = generator.random((75, 82), dtype=np.float32)
    whole = blocks.demosaick(name).net(torch.from_numpy(mosaic)[None, None], pattern)[0].numpy()
    windows = [(0, 0, 75, 82), (0, 0, 1, 1), (74, 81, 1, 1), (3, 5, 1, 2), (4, 6, 2, 1), (70, 0, 5, 82)]
    windows += [
        (int(y), int(x), int(h), int(w)) for y, x, h, w in zip(*generator.integers((0, 0, 1, 1), (40, 40, 35, 42), (8, 4)).T, strict=True)
    ]
    for y, x, h, w in windows:
        out = by_strip(name, mosaic, pattern, y, x, h, w)
        assert np.array_equal(out, whole[:, y : y + h, x : x + w]), (y, x, h, w)


@pytest.mark.parametrize("name", STRIPS)
def test_the_block_with_that_loop_has_its_margin(name):
    block = blocks.demosaick(name)
    assert block.loop == name
    # The strip's margin is the block's, made even, so that a strip begins with the same position of the pattern.
    assert block.margin <= STRIPS[name][1] <= block.margin + 1


@pytest.mark.parametrize("size", [(2, 2), (2, 9), (7, 3)])
def test_beyond_the_border_a_window_sees_the_mirror_image(size):
    mosaic = np.arange(size[0] * size[1], dtype=np.float32).reshape(size)
    padded = np.empty((size[0] + 20, size[1] + 17), np.float32)
    cut_strip(mosaic, -10, -8, padded)
    assert np.array_equal(padded, np.pad(mosaic, ((10, 10), (8, 9)), mode="reflect"))
