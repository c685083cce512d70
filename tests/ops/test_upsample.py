"""Upsampling: weights of the papers, against NumPy's own interpolation written out and Pillow's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from campipe.core.errors import CampipeError, ShapeError
from campipe.ops.upsample import cubic, lanczos3, upsample

KERNELS = {"cubic": (cubic, 2, Image.Resampling.BICUBIC), "lanczos": (lanczos3, 3, Image.Resampling.LANCZOS)}


def rand(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("factor", [2, 3, 4])
def test_the_inside_is_what_pillow_makes(name, factor):
    """Pillow has the same two kernels; at the border it leaves samples out instead of mirroring them."""
    kernel, reach, filtered = KERNELS[name]
    x = rand(17, 23)
    theirs = np.asarray(Image.fromarray(x.float().numpy(), mode="F").resize((23 * factor, 17 * factor), filtered))
    edge = reach * factor
    ours = upsample(x, factor, kernel, reach).numpy()
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs)[edge:-edge, edge:-edge].max() < 1e-6  # Pillow computes in float32


@pytest.mark.parametrize("name", KERNELS)
def test_a_constant_stays_to_the_border_and_a_factor_of_1_changes_nothing(name):
    kernel, reach, _ = KERNELS[name]
    assert torch.allclose(upsample(torch.full((2, 3, 5, 4), 0.7, dtype=torch.float64), 3, kernel, reach), torch.tensor(0.7).double())
    x = rand(1, 2, 6, 7)
    assert torch.allclose(upsample(x, 1, kernel, reach), x, atol=1e-15)


def test_cubic_convolution_is_exact_for_parabolas():
    place = torch.arange(12, dtype=torch.float64)
    fine = (torch.arange(48, dtype=torch.float64) + 0.5) / 4 - 0.5

    def parabola(t: torch.Tensor) -> torch.Tensor:
        return 0.3 * t**2 - t + 2

    out = upsample(parabola(place).expand(5, 12), 4, cubic, 2)
    assert torch.allclose(out[:, 8:-8], parabola(fine)[8:-8].expand(20, -1), atol=1e-12)


def test_rows_and_columns_are_treated_alike():
    x = rand(9, 11)
    assert torch.allclose(upsample(x.mT, 3, lanczos3, 3), upsample(x, 3, lanczos3, 3).mT, atol=1e-14)


def test_the_gradient_is_right():
    x = rand(1, 1, 3, 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: upsample(x, 2, cubic, 2), x)


@pytest.mark.parametrize("factor", [0, 1.5, True, "2"])
def test_a_factor_that_cannot_be_is_refused(factor):
    with pytest.raises(CampipeError, match="whole number from 1 on"):
        upsample(rand(4, 4), factor, cubic, 2)
    with pytest.raises(ShapeError, match=r"\(4,\) came"):
        upsample(rand(4), 2, cubic, 2)
