"""The sparsity of a code is the divergence of coins, and least where its units are as seldom active as asked."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import Bernoulli, kl_divergence

from campipe.core.errors import CampipeError
from campipe.measure.losses.sparsity import SparsityLoss, sparsity_loss


def code() -> torch.Tensor:
    return torch.rand(40, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_it_is_the_divergence_of_bernoulli_laws():
    rho = torch.tensor(0.05, dtype=torch.float64)
    expected = kl_divergence(Bernoulli(rho), Bernoulli(code().mean(0))).sum()
    assert torch.allclose(sparsity_loss(code(), rho=0.05), expected)
    assert torch.equal(SparsityLoss(rho=0.05)(code()), sparsity_loss(code(), rho=0.05))


def test_it_is_0_and_flat_where_the_mean_is_what_was_asked_for():
    asked = torch.full((5, 3), 0.2, dtype=torch.float64, requires_grad=True)
    loss = sparsity_loss(asked, rho=0.2)
    (slope,) = torch.autograd.grad(loss, asked)
    assert abs(float(loss.detach())) < 1e-12 and slope.abs().max() < 1e-12


def test_the_gradient_is_exact_and_finite_for_silent_units():
    x = code().requires_grad_()
    assert torch.autograd.gradcheck(lambda c: sparsity_loss(c, rho=0.1), (x,))
    silent = torch.zeros(4, 2, requires_grad=True)
    (slope,) = torch.autograd.grad(sparsity_loss(silent, rho=0.1), silent)
    assert torch.isfinite(slope).all()


def test_what_is_no_activation_or_no_code_is_refused():
    with pytest.raises(CampipeError, match="between 0 and 1, but rho=1"):
        sparsity_loss(code(), rho=1.0)
    with pytest.raises(CampipeError, match=r"\(N, units\), but \(2, 3, 4\)"):
        sparsity_loss(torch.zeros(2, 3, 4), rho=0.1)
