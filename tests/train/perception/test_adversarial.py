"""Training against a discriminator: who is trained when, and what a discriminator sees."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from campipe.core.errors import CampipeError
from campipe.measure.features import CampipeSmall
from campipe.measure.losses import NonSaturatingLoss, RelativisticLoss, l2_loss, lpips
from campipe.train.loop import Training, fit
from campipe.train.perception.adversarial import Adversarial, PatchDiscriminator
from campipe.train.schedules import Constant
from campipe.train.task import Task


def rand(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


class Shifting(Task):
    """A net of one number, which is to be added to a picture."""

    def __init__(self, missing: float = 0.2) -> None:
        super().__init__()
        self.net, self.missing = nn.Linear(1, 1, bias=False), missing
        nn.init.zeros_(self.net.weight)

    def batch(self, numbers):
        pictures = torch.stack([0.6 * rand(3, 32, 32, seed=int(number)) + 0.2 for number in numbers])
        return pictures - self.missing, pictures

    def answered(self, batch):
        low, picture = batch
        return low + self.net(torch.ones(1, 1)), picture

    def validate(self):
        return {"shift": float(self.net.weight)}

    def about(self):
        return {"task": "shifting"}


def against(loss=None, perceptual: float = 0.0, adversarial: float = 1.0) -> Adversarial:
    made, features = Shifting(), CampipeSmall().draw(torch.Generator().manual_seed(0))
    weights = {"perceptual": perceptual, "adversarial": adversarial}
    return Adversarial(made, made.answered, l2_loss, "l2", features, loss or RelativisticLoss(), **weights)


@pytest.mark.parametrize(("layers", "patch"), [(2, 26), (3, 54)])
def test_an_answer_hangs_on_one_patch_of_one_picture(layers, patch):
    judge = PatchDiscriminator(width=4, layers=layers)
    for weight in judge.parameters():
        weight.data.abs_().add_(0.01)  # so that nothing is cut off
    x = rand(2, 3, 128, 128).requires_grad_()
    out = judge(x)
    (slope,) = torch.autograd.grad(out[1, 0, out.shape[-2] // 2, out.shape[-1] // 2], x)
    assert slope[0].abs().max() == 0
    rows = slope[1].abs().sum((0, 2)).nonzero()
    assert int(rows.max() - rows.min()) + 1 == patch


def test_a_discriminator_begins_with_the_weights_of_its_seed_and_a_variance_that_stays():
    first, again, other = (PatchDiscriminator(seed=seed) for seed in (0, 0, 1))
    x = rand(4, 3, 64, 64)
    assert torch.equal(first(x), again(x)) and not torch.equal(first(x), other(x))
    assert 0.05 < float(first(x).square().mean().detach() / (4 * x - 2).square().mean()) < 20
    with pytest.raises(CampipeError, match="at least one channel"):
        PatchDiscriminator(layers=0)


def test_the_loss_is_the_sum_of_its_parts_with_their_weights():
    task = against(NonSaturatingLoss(), perceptual=0.5, adversarial=0.25)
    batch = task.batch(range(3))
    answer, wanted = task.made.answered(batch)
    answer = answer.detach().clamp(0, 1)
    judged = task.rival(answer)
    parts = l2_loss(task.made.answered(batch)[0], wanted), lpips(answer, wanted, task.features, data_range=1)
    generator = torch.nn.functional.softplus(-judged).mean()
    expected = float((parts[0] + 0.5 * parts[1] + 0.25 * generator).detach())
    assert float(task(batch).detach()) == pytest.approx(expected, rel=1e-5)
    truth = task.rival(wanted)
    critic = torch.nn.functional.softplus(-truth).mean() + torch.nn.functional.softplus(judged).mean()
    assert float(task.rival_loss(batch).detach()) == pytest.approx(float(critic.detach()), rel=1e-5)


def test_each_loss_has_a_gradient_into_its_own_side_alone():
    task = against()
    batch = task.batch(range(2))
    task.net.requires_grad_(True)
    task.rival_loss(batch).backward()
    assert task.net.weight.grad is None and all(weight.grad is not None for weight in task.rival.parameters())
    assert all(weight.grad is None for weight in task.features.parameters())
    task.rival.zero_grad(set_to_none=True)
    task.rival.requires_grad_(False)
    task(batch).backward()
    assert task.net.weight.grad.abs().max() > 0 and all(weight.grad is None for weight in task.rival.parameters())


def test_a_training_moves_both_and_a_discriminator_alone_teaches_the_shift(tmp_path):
    """Without any other loss the net learns from the discriminator that pictures are lighter."""
    task = against(NonSaturatingLoss())
    task.measure = lambda x, y: 0 * l2_loss(x, y)
    before = [weight.clone() for weight in task.rival.parameters()]
    training = Training(steps=15, batch=2, rate=Constant(4e-3), betas=(0.5, 0.9), ema=None, validate_every=15, log_every=10)
    fitted = fit(task, training, tmp_path)
    assert fitted.scores["shift"] > 0.01
    assert any(not torch.equal(a, b) for a, b in zip(before, task.rival.parameters(), strict=True))
    assert math.isfinite(float(task.rival_loss(task.batch(range(2)))))
