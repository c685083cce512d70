"""Variance stabilisation, against sums over the Poisson law, simulated draws, and the limits in closed form."""

import numpy as np
import pytest
import scipy.stats
import torch

from campipe.ops.stabilise import stabilise, unstabilise

S = 1e-4  # white at 10,000 electrons
READS = [0.5, 1.0, 2.5, 5.0, 10.0]  # e-
RATES = [0.05, 0.2, 1.0, 4.0, 15.0, 60.0, 300.0, 1000.0, 1e4]  # e-


def profile(read: float, shot: float = S, dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.tensor(shot, dtype=dtype), torch.tensor((shot * read) ** 2, dtype=dtype)


def moments(rate: float, read: float, power: int = 1) -> float:
    """E[f^power] by the sum over counts and a fine midpoint rule over the read noise."""
    n = np.arange(max(0, int(rate - 10 * rate**0.5)), int(rate + 10 * rate**0.5 + 30))
    edges = np.linspace(-9, 9, 8001 if rate < 20 else 401)  # the kink of the root shows in the dark only
    t, p = (edges[1:] + edges[:-1]) / 2, np.diff(scipy.stats.norm.cdf(edges))
    x = torch.from_numpy(S * (n[:, None] + read * t))
    f = stabilise(x, *profile(read)).numpy()
    return float(scipy.stats.poisson.pmf(n, rate) @ (f**power @ p))


@pytest.mark.parametrize("read", READS)
def test_the_inverse_of_the_mean_is_the_rate(read):
    means = torch.tensor([moments(rate, read) for rate in RATES], dtype=torch.float64)
    back = unstabilise(means, *profile(read)) / S
    # 1e-3 leaves room for the midpoint rule at the kink of the root, in the darkest case; the tables themselves hold 1e-6.
    assert torch.allclose(back, torch.tensor(RATES, dtype=torch.float64), rtol=1e-3, atol=0)


@pytest.mark.parametrize("rate", [1.0, 5.0])
def test_where_no_table_serves_the_limit_does(rate):
    # What it adds is 8e-5 electrons here; what it leaves out a hundredth of that.
    mean = torch.tensor(moments(rate, 40.0), dtype=torch.float64)
    assert abs(float(unstabilise(mean, *profile(40.0))) / S - rate) < 1e-5


@pytest.mark.parametrize("read", READS)
def test_above_four_electrons_the_deviation_is_one(read):
    for rate in (4.0, 10.0, 100.0, 3000.0):
        variance = moments(rate, read, 2) - moments(rate, read) ** 2
        assert abs(variance - 1) < 0.05, (rate, variance)


@pytest.mark.parametrize(("rate", "read"), [(0.3, 0.5), (2.0, 1.0), (50.0, 3.0)])
def test_a_million_draws_averaged_come_back_unbiased_where_the_algebraic_inverse_does_not(rate, read):
    draws = np.random.default_rng(0)
    x = torch.from_numpy(S * (draws.poisson(rate, 1_000_000) + read * draws.standard_normal(1_000_000)))
    shot, floor = profile(read)
    mean = stabilise(x, shot, floor).mean()
    back = float(unstabilise(mean, shot, floor)) / S
    deviation = float(torch.autograd.functional.jacobian(lambda y: unstabilise(y, shot, floor), mean)) / S * 1e-3
    assert abs(back - rate) < 5 * deviation
    algebraic = float(mean**2 / 4 + mean * read) - 0.375
    assert abs(algebraic - rate) > 20 * deviation  # its bias is near 1/4 e-


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_without_shot_noise_it_is_a_division_by_the_deviation(dtype):
    x = torch.linspace(-0.1, 1.2, 50, dtype=dtype)
    shot, floor = torch.zeros((), dtype=dtype), torch.tensor(0.04**2, dtype=dtype)
    y = stabilise(x, shot, floor)
    assert y.dtype == dtype
    assert torch.allclose(y, x / 0.04)
    assert torch.allclose(unstabilise(y, shot, floor), x, atol=1e-6)
    # And it is reached without a jump: at a read noise of 4e7 electrons shot noise adds 3e-8.
    near = torch.tensor(1e-9, dtype=dtype)
    assert torch.allclose(stabilise(x, near, floor), y, atol=1e-5)
    assert torch.allclose(unstabilise(y, near, floor), x, atol=1e-6)


def test_without_any_noise_the_round_trip_is_the_identity():
    x = torch.linspace(0, 1, 11)
    none = torch.zeros(())
    assert torch.allclose(unstabilise(stabilise(x, none, none), none, none), x, atol=1e-6)


@pytest.mark.parametrize("read", [0.0, 0.5, 10.0, 29.0, 31.0, 1000.0])
def test_in_bright_light_both_inverses_meet(read):
    x = torch.tensor([0.3, 1.0, 5.0], dtype=torch.float64)
    shot, floor = profile(read)
    back = unstabilise(stabilise(x, shot, floor), shot, floor)
    assert torch.allclose(back, x + S / 4, rtol=0, atol=1e-3 * S)  # less 3/8, plus 1/8 e-


@pytest.mark.parametrize("read", [0.0, 0.3, 2.0, 29.9, 30.1])
def test_the_inverse_rises_without_a_jump_from_far_below_black_on(read):
    shot, floor = profile(read)
    y = torch.linspace(-2 * read - 5, 60, 200_001, dtype=torch.float64)
    u = unstabilise(y, shot, floor) / S
    rise = u.diff()
    assert (rise > 0).all()
    # Slope at most y / 2 + g + 1, but where the algebraic continuation begins.
    assert (rise < (y[1:].abs() / 2 + read + 1) * float(y[1] - y[0]) + 1e-4).all()


def test_below_black_noise_keeps_both_signs():
    shot, floor = profile(3.0)
    x = S * 3.0 * torch.from_numpy(np.random.default_rng(1).standard_normal(1_000_000))
    assert float(unstabilise(stabilise(x, shot, floor), shot, floor).min()) < -8 * S
    assert abs(float(unstabilise(stabilise(x, shot, floor).mean(), shot, floor)) / S) < 0.02  # 5 deviations of the mean: 3 e- / 1000


def test_each_channel_and_item_has_its_own_profile():
    x = torch.rand(2, 3, 4, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    shot = torch.tensor([1e-4, 3e-3, 0.0], dtype=torch.float64).reshape(1, 3, 1, 1).expand(2, 3, 1, 1).clone()
    floor = torch.tensor([[1e-7, 0.0, 1e-4], [1e-2, 1e-6, 1e-6]], dtype=torch.float64).reshape(2, 3, 1, 1)
    y = stabilise(x, shot, floor)
    back = unstabilise(y, shot, floor)
    for b in range(2):
        for c in range(3):
            one = y[b, c]
            assert torch.equal(one, stabilise(x[b, c], shot[b, c], floor[b, c]))
            assert torch.equal(back[b, c], unstabilise(one, shot[b, c], floor[b, c]))


def test_the_loop_gives_what_torch_gives():
    y = torch.linspace(-70, 90, 4 * 2 * 31).reshape(1, 4, 2, 31)
    shot = torch.tensor([1e-4, 1e-4, 0.0, 1e-3]).reshape(1, 4, 1, 1)
    floor = torch.tensor([0.0, 9e-8, 1e-6, 2e-3]).reshape(1, 4, 1, 1)
    tracked = unstabilise(y.clone().requires_grad_(), shot, floor).detach()
    assert torch.allclose(unstabilise(y, shot, floor), tracked, rtol=1e-5, atol=1e-8)
    five = unstabilise(y[None].expand(3, 1, 1, 4, 2, 31), shot[None, None], floor[None, None])
    assert torch.allclose(five[2, 0, 0], tracked[0], rtol=1e-5, atol=1e-8)


def test_float32_follows_float64():
    x = torch.linspace(-0.001, 1, 1001, dtype=torch.float64)
    for read in (0.0, 1.0, 20.0, 500.0):
        shot, floor = profile(read)
        y = stabilise(x, shot, floor)
        y32 = stabilise(x.float(), shot.float(), floor.float())
        assert y32.dtype == torch.float32
        assert (y32.double() - y).abs().max() < 3e-4  # of a deviation of 1
        back = unstabilise(y.float(), shot.float(), floor.float())
        assert back.dtype == torch.float32
        assert (back.double() - unstabilise(y, shot, floor)).abs().max() < 1e-6


@pytest.mark.parametrize("read", [0.7, 4.0, 40.0])
def test_gradients_are_right_in_the_value_and_in_the_profile(read):
    u = torch.tensor([0.4, 3.1, 57.3, 900.7], dtype=torch.float64)
    units = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (1.0, read**2)]  # electrons: S = 1, O = g^2
    y = stabilise(u, *units).detach()
    assert torch.autograd.gradcheck(stabilise, (u.clone().requires_grad_(), *units))
    assert torch.autograd.gradcheck(lambda y: unstabilise(y, *(v.detach() for v in units)), y.clone().requires_grad_())
    # In the profile the table is differentiated by finite differences.
    assert torch.autograd.gradcheck(lambda s, o: unstabilise(y, s, o), units, rtol=1e-3, atol=1e-4)


def test_where_the_root_is_cut_off_the_gradient_is_zero_and_finite():
    x = torch.tensor([-1.0, -0.5, 0.1], requires_grad=True)
    stabilise(x, torch.tensor(1e-2), torch.tensor(1e-6)).sum().backward()
    assert x.grad.tolist()[:2] == [0, 0] and torch.isfinite(x.grad).all()
