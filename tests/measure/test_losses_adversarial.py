"""Adversarial losses and penalties: closed forms, optima, and a linear critic."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from campipe.core.errors import CampipeError, ShapeError
from campipe.core.random import Key
from campipe.measure import losses
from campipe.measure.losses import ADVERSARIAL, GradientPenalty, R1Penalty, gradient_penalty, r1_penalty

LN2 = math.log(2)
# What discriminator and generator lose where every answer is 0.
AT_ZERO = {
    "non-saturating": (2 * LN2, LN2),
    "least-squares": (1, 1),
    "hinge": (2, 0),
    "relativistic": (LN2, LN2),
    "relativistic-least-squares": (2, 2),
    "wasserstein": (0, 0),
}


@pytest.fixture
def answers() -> tuple[torch.Tensor, torch.Tensor]:
    """Answers per patch to photos and to made pictures, (3, 1, 4, 5)."""
    generator = torch.Generator().manual_seed(0)
    real, fake = (torch.randn(3, 1, 4, 5, generator=generator, dtype=torch.float64) for _ in range(2))
    return real + 0.5, 2 * fake - 0.5


def by_hand(name: str, r: np.ndarray, f: np.ndarray) -> tuple[float, float]:
    """Both losses from probabilities and squares."""

    def p(t):
        return 1 / (1 + np.exp(-t))

    if name == "non-saturating":
        return -np.log(p(r)).mean() - np.log(1 - p(f)).mean(), -np.log(p(f)).mean()
    if name == "least-squares":
        return ((r - 1) ** 2).mean() + (f**2).mean(), ((f - 1) ** 2).mean()
    if name == "hinge":
        return np.maximum(0, 1 - r).mean() + np.maximum(0, 1 + f).mean(), -f.mean()
    if name == "wasserstein":
        return f.mean() - r.mean(), -f.mean()
    ahead, behind = r - f.mean(), f - r.mean()
    if name == "relativistic":
        return (
            0.5 * (-np.log(p(ahead)).mean() - np.log(1 - p(behind)).mean()),
            0.5 * (-np.log(p(behind)).mean() - np.log(1 - p(ahead)).mean()),
        )
    return ((ahead - 1) ** 2).mean() + ((behind + 1) ** 2).mean(), ((behind - 1) ** 2).mean() + ((ahead + 1) ** 2).mean()


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_both_sides_are_their_formulas(name, answers):
    loss, (real, fake) = ADVERSARIAL[name](), answers
    expected = by_hand(name, real.numpy(), fake.numpy())
    assert loss.discriminator(real, fake).item() == pytest.approx(expected[0], rel=1e-12)
    assert loss.generator(real, fake).item() == pytest.approx(expected[1], rel=1e-12)
    assert torch.equal(loss(real, fake), loss.generator(real, fake))


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_an_undecided_discriminator_has_the_known_loss(name):
    zero = torch.zeros(2, 1, dtype=torch.float64)
    loss = ADVERSARIAL[name]()
    assert (loss.discriminator(zero, zero).item(), loss.generator(zero, zero).item()) == pytest.approx(AT_ZERO[name])


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_the_module_is_the_functions(name, answers):
    loss, (real, fake) = ADVERSARIAL[name](), answers
    stem = name.replace("-", "_")
    discriminator, generator = getattr(losses, f"{stem}_discriminator"), getattr(losses, f"{stem}_generator")
    assert torch.equal(loss.discriminator(real, fake), discriminator(real, fake))
    assert torch.equal(loss(real, fake), generator(real, fake) if name.startswith("relativistic") else generator(fake))


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_each_side_pulls_the_answers_its_own_way_with_the_right_gradient(name, answers):
    loss = ADVERSARIAL[name]()
    real, fake = (0.2 + 0.05 * t for t in answers)  # of a discriminator that cannot tell yet
    real, fake = real.requires_grad_(), fake.requires_grad_()
    assert torch.autograd.gradcheck(loss.discriminator, (real, fake))
    assert torch.autograd.gradcheck(loss.generator, (real, fake))
    to_real, to_fake = torch.autograd.grad(loss.discriminator(real, fake), (real, fake))
    assert to_real.sum() < 0 < to_fake.sum()
    assert torch.autograd.grad(loss.generator(real, fake), fake)[0].sum() < 0


def test_sure_answers_stay_finite():
    real, fake = torch.tensor([1e4]), torch.tensor([-1e4])
    for kind in ADVERSARIAL.values():
        assert torch.isfinite(kind().discriminator(fake, real)) and torch.isfinite(kind().generator(real, fake))


def test_a_generator_without_mercy_still_learns_where_cross_entropy_fades():
    # D is sure that the picture was made. ln(1 - p) has the slope p = 4.5e-5 there; the non-saturating loss has 1 - p.
    fake = torch.tensor([-10.0], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(losses.non_saturating_generator(fake), fake)
    assert slope.item() == pytest.approx(-1 / (1 + math.exp(-10)), rel=1e-12)


def test_relativistic_losses_do_not_see_what_is_common_to_all_answers(answers):
    real, fake = answers
    for name in ("relativistic", "relativistic-least-squares"):
        loss = ADVERSARIAL[name]()
        assert loss.discriminator(real + 7, fake + 7).item() == pytest.approx(loss.discriminator(real, fake).item(), rel=1e-12)


# Penalties.


@pytest.fixture
def pictures() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return tuple(torch.rand(4, 3, 5, 6, generator=generator, dtype=torch.float64) for _ in range(2))


def linear_weights() -> torch.Tensor:
    return torch.randn(3, 5, 6, generator=torch.Generator().manual_seed(2), dtype=torch.float64).requires_grad_()


def test_a_linear_critic_has_the_penalty_of_its_closed_form(pictures):
    # D(z) = a z has the slope a everywhere: the norm over all 90 values, not over the channels of each pixel.
    real, fake = pictures
    a = linear_weights()

    def critic(z):
        return (z * a).sum((1, 2, 3))

    norm = a.norm().item()
    each = gradient_penalty(critic, real, fake, key=Key(0), reduction="none")
    assert each.tolist() == pytest.approx([10 * (norm - 1) ** 2] * 4, rel=1e-12)
    assert r1_penalty(critic, real, weight=3, reduction="none").tolist() == pytest.approx([1.5 * norm**2] * 4, rel=1e-12)
    (slope,) = torch.autograd.grad(gradient_penalty(critic, real, fake, key=Key(0)), a)
    assert torch.allclose(slope, 20 * (norm - 1) * a.detach() / norm, rtol=1e-10)
    (slope,) = torch.autograd.grad(r1_penalty(critic, real, weight=3), a)
    assert torch.allclose(slope, 3 * a.detach(), rtol=1e-10)


def test_each_picture_is_mixed_by_its_own_share(pictures):
    # D(z) = |z|^2 / 2 has the slope z, which shows the share: with real = 1 and fake = 0 the norm is e sqrt(90).
    one = torch.ones_like(pictures[0])
    norm = gradient_penalty(lambda z: z.square().sum((1, 2, 3)) / 2, one, 0 * one, key=Key(5), weight=1, reduction="none").sqrt() + 1
    shares = torch.tensor([Key(5).uniform(i) for i in range(4)], dtype=torch.float64)
    assert torch.allclose(norm, shares * math.sqrt(90), rtol=1e-10)
    assert len(set(shares.tolist())) == 4 and shares.min() * math.sqrt(90) > 1
    turned = gradient_penalty(lambda z: z.square().sum((1, 2, 3)) / 2, 0 * one, one, key=Key(5), weight=1, reduction="none")
    assert torch.allclose(turned, ((1 - shares) * math.sqrt(90) - 1) ** 2, rtol=1e-10)


def test_the_key_names_the_shares(pictures):
    def critic(z):
        return z.pow(3).sum((1, 2, 3))

    first, again, other = (gradient_penalty(critic, *pictures, key=Key(seed)) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    with pytest.raises(TypeError, match="key"):
        gradient_penalty(critic, *pictures)


def test_penalties_of_a_network_are_those_of_finite_differences(pictures):
    real, fake = pictures
    generator = torch.Generator().manual_seed(3)
    kernel = torch.randn(2, 3, 3, 3, generator=generator, dtype=torch.float64)

    def critic(z):
        return functional.softplus(functional.conv2d(z, kernel)).mean(1, keepdim=True)  # (B, 1, 3, 4): an answer per patch

    def squared_slope(z: torch.Tensor) -> float:
        total = 0.0
        for i in range(z.numel()):
            step = torch.zeros(z.numel(), dtype=torch.float64)
            step[i] = 1e-5
            up, down = (critic((z + sign * step.reshape(z.shape))[None]).mean().item() for sign in (1, -1))
            total += ((up - down) / 2e-5) ** 2
        return total

    # Differences over 2e-5 of numbers near 1 know a slope to 1e-10 or so.
    ours = r1_penalty(critic, real, weight=2, reduction="none")[0]
    assert ours.item() == pytest.approx(squared_slope(real[0]), rel=1e-7)
    share = Key(7).uniform(0)
    ours = gradient_penalty(critic, real, fake, key=Key(7), weight=1, reduction="none")[0]
    assert ours.item() == pytest.approx((math.sqrt(squared_slope(share * real[0] + (1 - share) * fake[0])) - 1) ** 2, rel=1e-7)


def test_penalties_train_the_critic_with_the_right_gradient(pictures):
    real, fake = pictures
    kernel = torch.randn(2, 3, 3, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64).requires_grad_()

    def critic_of(weights):
        return lambda z: functional.softplus(functional.conv2d(z, weights)).mean((1, 2, 3))

    assert torch.autograd.gradcheck(lambda w: gradient_penalty(critic_of(w), real, fake, key=Key(0)), kernel)
    assert torch.autograd.gradcheck(lambda w: r1_penalty(critic_of(w), real), kernel)


def test_penalties_leave_pictures_and_their_graphs_alone(pictures):
    real, fake = pictures[0].clone(), pictures[1].clone().requires_grad_()
    a = linear_weights()

    def critic(z):
        return (z.square() * a).sum((1, 2, 3))  # whose slope hangs on the picture

    penalty = gradient_penalty(critic, real, 2 * fake, key=Key(0)) + r1_penalty(critic, real)
    penalty.backward()
    assert fake.grad is None and not real.requires_grad and torch.equal(real, pictures[0])


def test_a_flat_critic_has_a_finite_gradient(pictures):
    a = torch.zeros(3, 5, 6, dtype=torch.float64, requires_grad=True)
    penalty = gradient_penalty(lambda z: (z * a).sum((1, 2, 3)), *pictures, key=Key(0))
    assert penalty.item() == pytest.approx(10)
    penalty.backward()
    assert torch.isfinite(a.grad).all()


def test_the_modules_are_the_functions(pictures):
    def critic(z):
        return z.pow(3).sum((1, 2, 3))

    for reduction in ("mean", "none"):
        ours = GradientPenalty(weight=3, reduction=reduction)(critic, *pictures, key=Key(1))
        assert torch.equal(ours, gradient_penalty(critic, *pictures, key=Key(1), weight=3, reduction=reduction))
        ours = R1Penalty(weight=3, reduction=reduction)(critic, pictures[0])
        assert torch.equal(ours, r1_penalty(critic, pictures[0], weight=3, reduction=reduction))


def test_critics_and_pictures_that_do_not_fit_are_refused(pictures):
    real, fake = pictures
    with pytest.raises(CampipeError, match="a critic answers"):
        r1_penalty(lambda z: z.sum(), real)
    with pytest.raises(ShapeError, match="one shape"):
        gradient_penalty(lambda z: z.sum((1, 2, 3)), real, fake[:2], key=Key(0))
