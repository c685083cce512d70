from __future__ import annotations

import numpy as np
import pytest
import torch

from campipe.core.errors import CampipeError
from campipe.ops.black_level import masked_black, robust_mean
from campipe.ops.linearise import linearised, unlinearised

CURVE = torch.from_numpy(np.linspace(0, 1, 256) ** 2.2 * 4095)


def test_between_entries_it_is_numpy_that_interpolates():
    dn = torch.rand(2, 1, 8, 9, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 300 - 20
    expected = np.interp(dn.numpy(), np.arange(256), CURVE.numpy())
    np.testing.assert_allclose(linearised(dn, CURVE).numpy(), expected, rtol=1e-12, atol=1e-9)


def test_a_table_that_rises_is_undone():
    dn = torch.linspace(0, 255, 1000, dtype=torch.float64)[None]
    assert torch.allclose(unlinearised(linearised(dn, CURVE), CURVE), dn, atol=1e-8)
    whole = torch.arange(256, dtype=torch.float64)[None]
    assert torch.equal(unlinearised(linearised(whole, CURVE), CURVE).round(), whole)
    with pytest.raises(CampipeError, match="rises everywhere"):
        unlinearised(dn, torch.tensor([0.0, 1.0, 1.0]))


def test_gradients_are_those_of_the_forward():
    dn = (torch.rand(2, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 5).requires_grad_()
    table = torch.tensor([0.0, 2.0, 5.0, 6.0, 9.0, 20.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(linearised, (dn, table))
    assert torch.autograd.gradcheck(unlinearised, (dn * 3, table))


def test_tables_may_differ_from_item_to_item():
    dn = torch.full((2, 1, 2, 2), 1.5)
    out = linearised(dn, torch.tensor([[0.0, 1.0, 2.0], [0.0, 10.0, 40.0]]))
    assert out[0].unique().tolist() == [1.5] and out[1].unique().tolist() == [25.0]


@pytest.mark.parametrize("corner", [(0, 8), (3, 9)])
def test_planted_black_levels_are_found_beside_outliers(corner):
    random = np.random.default_rng(0)
    levels = np.array([[600.0, 602.0], [605.0, 610.0]])  # of the sensor's own tile
    raw = np.tile(levels, (200, 50)) + random.normal(0, 8, (400, 100))
    raw[random.random(raw.shape) < 0.01] = 16383
    raw = torch.from_numpy(raw.round())
    found = masked_black(raw, [(0, 0, 400, 8)], (2, 2), corner).numpy()
    # 800 pixels at each position: 8 / sqrt(800) = 0.28.
    np.testing.assert_allclose(found, np.roll(levels, (-(corner[0] % 2), -(corner[1] % 2)), (0, 1)), atol=4 * 0.29)
    with pytest.raises(CampipeError, match="32 masked pixels"):
        masked_black(raw, [(0, 0, 4, 8)], (2, 2), corner)


def test_whole_numbers_that_hardly_scatter_keep_their_mean():
    assert float(robust_mean(torch.tensor([64.0] * 99 + [900.0]))) == 64.0
    assert float(robust_mean(torch.tensor([64.0] * 60 + [65.0] * 40))) == pytest.approx(64.4)
