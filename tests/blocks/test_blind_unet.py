"""The net of Noise2Noise: as large as the paper's, for every size of picture, and in 32 bits at its end."""

from __future__ import annotations

import pytest
import torch

from campipe.blocks.learned.blind_unet import BlindUnet
from campipe.core.errors import CampipeError


def rand(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def test_the_net_of_the_paper_has_its_number_of_weights():
    """Counted by hand from the table of layers in the paper's appendix: 7 of 48 channels, 4 x 2 of 96, and 64, 32 and 3."""
    down = (3 * 9 + 1) * 48 + 6 * (48 * 9 + 1) * 48
    up = 3 * ((144 * 9 + 1) * 96 + (96 * 9 + 1) * 96) + 2 * (96 * 9 + 1) * 96
    end = (99 * 9 + 1) * 64 + (64 * 9 + 1) * 32 + (32 * 9 + 1) * 3
    assert sum(p.numel() for p in BlindUnet().parameters()) == down + up + end == 991_203


@pytest.mark.parametrize("shape", [(1, 3, 5, 7), (2, 3, 16, 16), (1, 3, 33, 40)])
def test_a_picture_of_any_size_comes_back_in_its_own(shape):
    net = BlindUnet(width=6, levels=3)
    x = rand(*shape)
    assert net(x).shape == shape
    padded = torch.nn.functional.pad(x, (0, -shape[3] % 8, 0, -shape[2] % 8), mode="replicate")
    assert torch.equal(net(x), net(padded)[..., : shape[2], : shape[3]])


def test_shifting_the_picture_by_whole_cells_shifts_the_answer():
    net, x = BlindUnet(width=6, levels=2), rand(1, 3, 96, 96, dtype=torch.float64)
    inside = slice(40, -40)
    assert torch.allclose(net(x).roll((4, 8), (2, 3))[..., inside, inside], net(x.roll((4, 8), (2, 3)))[..., inside, inside], atol=1e-12)


def test_the_gradient_is_exact_and_reaches_every_weight():
    net, x = BlindUnet(width=3, levels=2).double(), rand(1, 3, 4, 4, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(net, (x,))
    slopes = torch.autograd.grad(net(rand(2, 3, 16, 16, dtype=torch.float64)).square().sum(), list(net.parameters()))
    assert all(slope.abs().max() > 0 for slope in slopes)


def test_the_last_layer_gives_32_bits_where_the_others_have_16():
    net, x = BlindUnet(width=6, levels=2), rand(1, 3, 16, 16)
    with torch.autocast("cpu", torch.bfloat16):
        out = net(x)
    assert out.dtype == torch.float32
    assert not torch.equal(out, out.bfloat16().float())
    assert torch.allclose(out, net(x), atol=0.05)  # eight layers of 8 bits each, of values of about 1


def test_a_net_begins_with_the_weights_of_its_seed_and_a_variance_that_stays():
    one, same, other = (BlindUnet(seed=s) for s in (3, 3, 4))
    assert torch.equal(one.first.weight, same.first.weight) and not torch.equal(one.first.weight, other.first.weight)
    assert 0.05 < float((one(rand(2, 3, 64, 64)) - 0.5).std()) < 5


@pytest.mark.parametrize(("options", "words"), [({"width": 2}, "width .* 2"), ({"levels": 1}, "levels .* 1"), ({"channels": 0.5}, "0.5")])
def test_a_net_that_cannot_be_is_refused(options, words):
    with pytest.raises(CampipeError, match=words):
        BlindUnet(**options)
