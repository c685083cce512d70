"""Losses of pixels and their neighbours: closed forms, what they lead to, and the modules beside them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from campipe.core.errors import CampipeError, ShapeError
from campipe.measure import losses
from campipe.measure.losses import (
    AnnealedL0Loss,
    CharbonnierLoss,
    DenseMSSSIMLoss,
    Exponential,
    GradientDifferenceLoss,
    GradientLoss,
    KPNLoss,
    L1Loss,
    L2Loss,
    Linear,
    MSSSIML1Loss,
    MSSSIMLoss,
    PyramidMSSSIML1Loss,
    RelativeL2Loss,
    SSIMLoss,
    TotalVariationLoss,
    annealed_l0_loss,
    charbonnier_loss,
    dense_ms_ssim_loss,
    gradient_difference_loss,
    gradient_loss,
    kpn_loss,
    l1_loss,
    l2_loss,
    ms_ssim_l1_loss,
    ms_ssim_loss,
    pyramid_ms_ssim_l1_loss,
    relative_l2_loss,
    ssim_loss,
    total_variation_loss,
)

# function, module, options that are not the defaults
PAIRS = [
    (l2_loss, L2Loss, {}),
    (l1_loss, L1Loss, {}),
    (charbonnier_loss, CharbonnierLoss, {"epsilon": 0.02}),
    (relative_l2_loss, RelativeL2Loss, {"epsilon": 0.1, "through_denominator": True}),
    (gradient_loss, GradientLoss, {"power": 1.5}),
    (gradient_difference_loss, GradientDifferenceLoss, {"power": 2.0}),
    (ssim_loss, SSIMLoss, {"data_range": 1.1, "window": 7, "sigma": 2.0}),
    (ms_ssim_loss, MSSSIMLoss, {"data_range": 1.1, "scales": 2, "window": 7, "sigma": 1.2}),
    (dense_ms_ssim_loss, DenseMSSSIMLoss, {"data_range": 1.1, "radius": 7, "border": "inside"}),
    (ms_ssim_l1_loss, MSSSIML1Loss, {"data_range": 1.1, "alpha": 0.3, "radius": 7, "border": "inside"}),
    (pyramid_ms_ssim_l1_loss, PyramidMSSSIML1Loss, {"data_range": 1.1, "alpha": 0.3, "scales": "auto"}),
]
FUNCTIONS = [
    pytest.param(f, {k: v for k, v in o.items() if k in ("data_range", "scales", "window", "radius")}, id=f.__name__) for f, _, o in PAIRS
]


def uniform(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# All of them.


def test_everything_public_is_there_and_has_a_docstring():
    assert len(set(losses.__all__)) == len(losses.__all__)
    for name in losses.__all__:
        assert getattr(losses, name).__doc__ or isinstance(getattr(losses, name), dict), name


@pytest.mark.parametrize(("function", "module", "options"), PAIRS, ids=lambda value: getattr(value, "__name__", ""))
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_the_module_is_the_function(function, module, options, reduction):
    x, y = uniform(2, 3, 40, 41), uniform(2, 3, 40, 41, seed=1)
    x.requires_grad_()
    ours = function(x, y, **options, reduction=reduction)
    assert torch.equal(module(**options, reduction=reduction)(x, y), ours)
    (slope,) = torch.autograd.grad(ours.sum(), x)
    for name in options.keys() - {"scales"}:  # the default of scales needs larger pictures
        others = {**options, "data_range": 1.3} if name == "data_range" else {k: v for k, v in options.items() if k != name}
        changed = function(x, y, **others, reduction=reduction)
        assert not torch.allclose(torch.autograd.grad(changed.sum(), x)[0], slope, rtol=1e-3), name


@pytest.mark.parametrize(("function", "options"), FUNCTIONS)
def test_the_mean_is_over_pictures_that_are_taken_alone(function, options):
    x, y = uniform(3, 3, 30, 31), uniform(3, 3, 30, 31, seed=1)
    y[1] = 0.9 * x[1] + 0.1 * y[1]
    each = function(x, y, **options, reduction="none")
    assert each.shape == (3,)
    alone = torch.stack([function(x[i : i + 1], y[i : i + 1], **options) for i in range(3)])
    assert torch.allclose(each, alone, rtol=1e-12)
    assert function(x, y, **options).item() == pytest.approx(each.mean().item(), rel=1e-12)
    assert each[1] < each[0]


@pytest.mark.parametrize(("function", "options"), FUNCTIONS)
def test_equal_pictures_have_the_least_loss_and_a_gradient_of_zero(function, options):
    x = uniform(1, 3, 24, 25).requires_grad_()
    out = function(x, x.detach().clone(), **options)
    assert out.item() == pytest.approx(1e-3 if function is charbonnier_loss else 0.0, abs=1e-12)
    out.backward()
    assert x.grad.abs().max() < 1e-10


@pytest.mark.parametrize(("function", "options"), FUNCTIONS)
def test_the_gradient_is_right(function, options):
    # The denominator of the relative loss is a number to its gradient by default; its own test is below.
    options = options | ({"through_denominator": True} if function is relative_l2_loss else {})
    x, y = uniform(2, 2, 22, 23), uniform(2, 2, 22, 23, seed=1)

    def some(part: torch.Tensor) -> torch.Tensor:
        whole = x.clone()
        whole[:, :, 3:5, 4:5] = part
        return function(whole, y, **options, reduction="none")

    assert torch.autograd.gradcheck(some, x[:, :, 3:5, 4:5].clone().requires_grad_())


@pytest.mark.parametrize(("function", "options"), FUNCTIONS)
def test_what_cannot_be_compared_is_refused(function, options):
    x = uniform(1, 3, 24, 24)
    with pytest.raises(ShapeError, match="one shape"):
        function(x, x[:, :1], **options)
    with pytest.raises(ShapeError, match="uint8"):
        function(x.to(torch.uint8), x, **options)
    with pytest.raises(CampipeError, match="'mean' or 'none'"):
        function(x, x, **options, reduction="sum")
    if "data_range" in options:
        with pytest.raises(CampipeError, match="reach from"):
            function(255 * x, 255 * x, **options)


@pytest.mark.parametrize(("function", "options"), FUNCTIONS)
def test_inputs_stay_as_they_were(function, options):
    x, y = uniform(1, 3, 24, 24), uniform(1, 3, 24, 24, seed=1)
    before = x.clone(), y.clone()
    function(x, y, **options)
    assert torch.equal(x, before[0]) and torch.equal(y, before[1])


# Pixel by pixel.


def test_pixel_losses_are_their_formulas():
    x, y = torch.zeros(2, 1, 4, 5), torch.zeros(2, 1, 4, 5)
    y[0], y[1, :, :, 0] = 0.3, -2.0
    assert l2_loss(x, y, reduction="none").tolist() == pytest.approx([0.09, 4 / 5])
    assert l1_loss(x, y, reduction="none").tolist() == pytest.approx([0.3, 2 / 5])
    expected = [math.hypot(0.3, 0.4), (math.hypot(2, 0.4) + 4 * 0.4) / 5]
    assert charbonnier_loss(x, y, epsilon=0.4, reduction="none").tolist() == pytest.approx(expected)
    with pytest.raises(CampipeError, match="take l1_loss"):
        charbonnier_loss(x, y, epsilon=0)


def test_the_annealed_loss_is_l2_then_l1_then_counts_what_differs():
    x, y = uniform(1, 3, 8, 9), uniform(1, 3, 8, 9, seed=1)
    y[..., 0] = x[..., 0]
    # epsilon is 1e-8 beside differences of 0.3.
    assert annealed_l0_loss(x, y, exponent=2).item() == pytest.approx(l2_loss(x, y).item(), rel=1e-6)
    assert annealed_l0_loss(x, y, exponent=1).item() == pytest.approx(l1_loss(x, y).item(), rel=1e-6)
    assert annealed_l0_loss(x, y, exponent=0).item() == 1
    # (1e-8)^0.05 = 0.398: equal values count 0.4, and the others, around 0.3, nearly 1.
    flat = torch.zeros(1, 1, 4, 4, dtype=torch.float64)
    assert annealed_l0_loss(flat, flat, exponent=0.05).item() == pytest.approx(10**-0.4)


@pytest.mark.parametrize(("exponent", "expected"), [(2.0, "mean"), (1.0, "median"), (0.1, "mode")])
def test_the_exponent_leads_to_mean_median_or_mode_of_noisy_targets(exponent, expected):
    targets = torch.tensor([0.2] * 4 + [0.5, 0.6, 0.7, 0.8, 0.9], dtype=torch.float64)
    where = {"mean": targets.mean().item(), "median": 0.5, "mode": 0.2}[expected]
    grid = torch.linspace(0, 1, 1001, dtype=torch.float64)
    x, y = grid.reshape(-1, 1, 1, 1).expand(-1, 1, 1, 9), targets.reshape(1, 1, 1, 9).expand(1001, 1, 1, 9)
    best = grid[annealed_l0_loss(x, y, exponent=exponent, reduction="none").argmin()].item()
    assert best == pytest.approx(where, abs=6e-4)  # half a step of the grid


def test_schedules_are_values_of_the_step_and_nothing_counts():
    line = Linear(2.0, 0.0, steps=1000)
    assert [line(0), line(250), line(1000), line(5000)] == [2.0, 1.5, 0.0, 0.0]
    assert Exponential(100.0, 0.9998)(5000) == pytest.approx(100 * 0.9998**5000)
    x, y = uniform(1, 1, 4, 4), uniform(1, 1, 4, 4, seed=1)
    module = AnnealedL0Loss(1000)
    first = module(x, y, step=500)
    assert torch.equal(first, module(x, y, step=500))
    assert torch.equal(first, annealed_l0_loss(x, y, exponent=1.0))
    assert torch.equal(AnnealedL0Loss(lambda step: 0.5)(x, y, step=3), annealed_l0_loss(x, y, exponent=0.5))
    with pytest.raises(TypeError, match="step"):
        module(x, y)
    with pytest.raises(CampipeError, match="from 0"):
        line(-1)
    with pytest.raises(CampipeError, match="at least one step"):
        Linear(2.0, 0.0, steps=0)
    with pytest.raises(CampipeError, match="at least 0"):
        annealed_l0_loss(x, y, exponent=-1)


def test_the_relative_loss_leads_to_the_mean_without_the_gradient_of_its_denominator():
    # A constant estimate x of targets t: without the denominator's gradient it stands still where the mean of x - t is 0. With it, at
    # epsilon = 0, where x is the mean of t^2 over that of t.
    targets = 0.2 + uniform(1, 1, 1, 500)

    def settled(through: bool) -> float:
        x = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
        for _ in range(200):
            loss = relative_l2_loss(x.expand_as(targets), targets, epsilon=1e-9, through_denominator=through)
            (slope,) = torch.autograd.grad(loss, x)
            x = (x - 0.1 * slope).detach().requires_grad_()
        return x.item()

    assert settled(False) == pytest.approx(targets.mean().item(), abs=1e-6)
    assert settled(True) == pytest.approx((targets.square().mean() / targets.mean()).item(), abs=1e-6)
    x = torch.full((1, 1, 2, 2), 0.5)
    assert relative_l2_loss(x, 0 * x).item() == pytest.approx((0.5 / 0.51) ** 2)
    assert relative_l2_loss(-x, 0 * x).item() == pytest.approx((0.5 / 0.01) ** 2)  # below 0 the denominator stays epsilon


# Neighbours.


def test_differences_of_a_ramp_are_its_slopes():
    rows, columns = torch.meshgrid(torch.arange(6.0), torch.arange(7.0), indexing="ij")
    x, zero = (3 * rows - 4 * columns)[None, None].double(), torch.zeros(1, 1, 6, 7).double()
    assert gradient_loss(x, zero).item() == pytest.approx(7)
    assert gradient_loss(x, zero, power=2).item() == pytest.approx(25)
    assert gradient_difference_loss(x, zero).item() == pytest.approx(7)
    assert gradient_loss(x, -x).item() == pytest.approx(14)
    assert gradient_difference_loss(x, -x).item() == 0  # as steep, in the other direction
    # Of 42 pixels 30 have both neighbours; 5 have one below alone, and 6 one at the side alone.
    assert total_variation_loss(x).item() == pytest.approx((30 * 5 + 5 * 3 + 6 * 4) / 42)
    assert total_variation_loss(x, isotropic=False).item() == pytest.approx((35 * 3 + 36 * 4) / 42)


def test_total_variation_is_the_contour_of_a_square():
    x = torch.zeros(2, 1, 12, 12)
    x[0, :, 3:8, 4:9] = 2
    each = total_variation_loss(x, isotropic=False, reduction="none")
    assert (144 * each).tolist() == pytest.approx([2 * 4 * 5, 0])
    assert torch.equal(TotalVariationLoss(isotropic=False, reduction="none")(x), each)
    # One corner has both differences at one pixel: sqrt(2) in place of 2.
    assert 144 * total_variation_loss(x, reduction="none")[0].item() == pytest.approx(2 * (18 + math.sqrt(2)))


def test_total_variation_is_the_sum_over_pixels_of_their_own_slope():
    x = uniform(2, 3, 7, 9)
    down = np.diff(x.numpy(), axis=2, append=x[:, :, -1:].numpy())
    across = np.diff(x.numpy(), axis=3, append=x[..., -1:].numpy())
    each = total_variation_loss(x, reduction="none")
    assert each.tolist() == pytest.approx(np.hypot(down, across).mean((1, 2, 3)).tolist(), rel=1e-12)


@pytest.mark.parametrize("isotropic", [True, False])
def test_total_variation_has_the_right_gradient_and_none_where_flat(isotropic):
    x = uniform(1, 2, 5, 6).requires_grad_()
    assert torch.autograd.gradcheck(lambda t: total_variation_loss(t, isotropic=isotropic), x)
    flat = torch.ones(1, 1, 4, 4, requires_grad=True)
    total_variation_loss(flat, isotropic=isotropic).backward()
    assert flat.grad.abs().max() == 0


def test_single_rows_and_small_powers_are_refused():
    with pytest.raises(ShapeError, match="2 x 2"):
        total_variation_loss(torch.zeros(1, 1, 1, 9))
    with pytest.raises(ShapeError, match="2 x 2"):
        gradient_loss(torch.zeros(1, 1, 9, 1), torch.zeros(1, 1, 9, 1))
    with pytest.raises(CampipeError, match="1 or more"):
        gradient_loss(torch.zeros(1, 1, 9, 9), torch.zeros(1, 1, 9, 9), power=0.5)


# Bursts.


def kpn_by_hand(x: np.ndarray, y: np.ndarray) -> float:
    """The basic loss of two planes, pixel by pixel."""

    def curve(v: float) -> float:
        if v > 1:
            return 1 + 1.055 / 2.4 * (v - 1)
        return 1.055 * v ** (1 / 2.4) - 0.055 if v > 0.0031308 else 12.92 * v

    a, b = (np.vectorize(curve)(t) for t in (x, y))
    slopes = [
        abs(0.5 * ((a[i + di, j + dj] - a[i, j]) - (b[i + di, j + dj] - b[i, j])))
        for di, dj in ((1, 0), (0, 1))
        for i in range(a.shape[0] - 1)
        for j in range(a.shape[1] - 1)
    ]
    return float(np.mean((a - b) ** 2) + np.mean(slopes))


def test_the_loss_of_bursts_is_its_formula():
    x, y, frames = 2 * uniform(2, 1, 9, 10) - 0.1, uniform(2, 1, 9, 10, seed=1), 2 * uniform(2, 3, 1, 9, 10, seed=2)
    white = torch.tensor([0.5, 0.9], dtype=torch.float64)
    each = kpn_loss(x, frames, y, weight=0.7, white=white, border=2, reduction="none")
    for i, level in enumerate(white.tolist()):
        crop = [t[i, 0, 2:-2, 2:-2].numpy() / level for t in (x, y, *frames.unbind(1))]
        expected = kpn_by_hand(crop[0], crop[1]) + 0.7 * sum(kpn_by_hand(frame, crop[1]) for frame in crop[2:])
        assert each[i].item() == pytest.approx(expected, rel=1e-10)


def test_the_weight_of_the_frames_fades_with_the_step():
    x, y, frames = uniform(1, 1, 20, 20), uniform(1, 1, 20, 20, seed=1), uniform(1, 4, 1, 20, 20, seed=2)
    module = KPNLoss()
    assert torch.equal(module(x, frames, y, step=0), kpn_loss(x, frames, y, weight=100.0))
    assert torch.equal(module(x, frames, y, step=5000), kpn_loss(x, frames, y, weight=100 * 0.9998**5000))
    late = module(x, frames, y, step=200_000)  # 100 x 0.9998^200000 is 4e-16
    assert late.item() == pytest.approx(kpn_loss(x, frames, y, weight=0).item(), rel=1e-12)


def test_the_loss_of_bursts_keeps_its_slope_above_white_and_has_the_right_gradient():
    y, frames = uniform(1, 1, 4, 4), 2 * uniform(1, 2, 1, 4, 4, seed=2)
    x = (2.5 * uniform(1, 1, 4, 4, seed=3)).requires_grad_()
    assert (x > 1).any()
    assert torch.autograd.gradcheck(lambda a, b: kpn_loss(a, b, y, weight=0.5, border=0), (x, frames.requires_grad_()))


def test_bursts_that_do_not_fit_are_refused():
    x = uniform(1, 1, 20, 20)
    with pytest.raises(ShapeError, match="frames are"):
        kpn_loss(x, x, x, weight=1)
    with pytest.raises(ShapeError, match="smaller border"):
        kpn_loss(x[..., :17], x[:, None, ..., :17], x[..., :17], weight=1)
    with pytest.raises(CampipeError, match="white"):
        kpn_loss(x, x[:, None], x, weight=1, white=0.0)
