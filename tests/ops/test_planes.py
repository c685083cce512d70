"""Mosaics as planes and back."""

import pytest
import torch

from campipe.core import pattern as patterns
from campipe.ops.planes import pack, pack_table, registration, unpack

XTRANS = "GGRGGBGGBGGRBRGRBGGGBGGRGGRGGBRBGBRG"


def colours(pattern: str, height: int, width: int) -> torch.Tensor:
    table = torch.tensor(patterns.channels(pattern), dtype=torch.float32)
    return table.repeat(height, width)[None, None, :height, :width]


@pytest.mark.parametrize("pattern", ["RGGB", "GRBG", "GBRG", "BGGR", XTRANS])
@pytest.mark.parametrize("size", [(6, 6), (7, 11), (13, 8)])
@pytest.mark.parametrize("registered", [True, False])
def test_a_plane_holds_one_colour_and_unpacking_gives_the_mosaic_back(pattern, size, registered):
    tile, before = patterns.size(pattern), registration(pattern) if registered else (0, 0)
    mosaic = colours(pattern, *size)
    planes, cut = pack(mosaic, tile, before)
    assert torch.equal(planes.amin((-2, -1)), planes.amax((-2, -1)))
    noise = torch.rand(2, 3, 1, *size, generator=torch.Generator().manual_seed(0))
    packed, cut = pack(noise, tile, before)
    assert packed.shape[:3] == (2, 3, tile[0] * tile[1])
    assert torch.equal(unpack(packed, tile, cut, before), noise)


def test_a_tile_that_is_not_square_comes_back_too():
    mosaic = torch.rand(1, 1, 7, 10)
    packed, cut = pack(mosaic, (2, 3), (1, 2))
    assert packed.shape == (1, 6, 4, 4)
    assert torch.equal(unpack(packed, (2, 3), cut, (1, 2)), mosaic)


@pytest.mark.parametrize("place", [(0, 0), (0, 1), (1, 0), (1, 1)])
@pytest.mark.parametrize("pattern", ["RGGB", "GRBG"])
def test_every_crop_has_its_planes_over_one_another_as_the_whole_has_them(pattern, place):
    mosaic = torch.arange(12.0 * 14).reshape(1, 1, 12, 14)
    y, x = place
    crop = pack(mosaic[..., y:, x:], (2, 2), registration(patterns.roll(pattern, y, x)))[0]
    whole = pack(mosaic, (2, 2), registration(pattern))[0]
    assert torch.equal(crop[..., -2:, -2:], whole[..., -2:, -2:])


def test_numbers_of_positions_become_numbers_of_planes():
    table = torch.arange(8.0).reshape(1, 2, 2, 2)
    mosaic = table[:, 0].repeat(1, 3, 4)[:, None, :5, :7]
    for before in ((0, 0), (0, 1), (1, 0), (1, 1)):
        planes, _ = pack(mosaic, (2, 2), before)
        assert torch.equal(pack_table(table, (2, 2), before)[0, 0], planes[0, :, 1, 1])
