"""Filters as a picture: the strongest first, grey where nothing is, and no number lost."""

from __future__ import annotations

import imageio.v3 as imageio
import numpy as np
import torch

from campipe.report.filters import filter_sheet, write_filters


def test_filters_are_laid_out_by_their_norm_and_stretched_to_their_largest_weight():
    weights = torch.zeros(3, 9)
    weights[0, 0], weights[1, 4], weights[2, 8] = 0.1, -5.0, 1.0
    sheet = filter_sheet(weights, columns=2, enlarged=1)
    assert sheet.shape == (2 * 5, 2 * 5) and sheet.dtype == np.uint8
    first, second, third = sheet[:3, :3], sheet[:3, 5:8], sheet[5:8, :3]
    assert first[1, 1] == 1 and second[2, 2] == 255 and third[0, 0] == 255
    assert (np.delete(first.flatten(), 4) == 128).all() and (sheet[5:, 5:] == 255).all()


def test_numbers_beside_the_pixels_are_left_out_and_sheets_stand_side_by_side(tmp_path):
    one, two = torch.eye(16), torch.eye(17)[:, :17]
    assert np.array_equal(filter_sheet(two[:16], 4), filter_sheet(one, 4))
    path = write_filters(tmp_path / "f.png", one, two, columns=4)
    assert imageio.imread(path).shape == (5 * 18 - 2, 2 * 4 * 18 + 12 - 2)
