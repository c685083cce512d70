"""A rival is trained in turns with the net, groups of weights have rates of their own, and 16 bits stay within the net."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from campipe.core.errors import CampipeError
from campipe.train.checkpoint import Checkpoint
from campipe.train.log import read_log
from campipe.train.loop import CHECKPOINT, LOG, Task, Training, fit
from campipe.train.precision import narrowed
from campipe.train.schedules import Constant


class Game(Task):
    """The net gives a number x, the rival's y wants to be where x is, and x wants to be 1 from y: x runs, y follows."""

    def __init__(self, rates: tuple[float, float] = (1.0, 1.0)) -> None:
        super().__init__()
        self.net, self.rival, self.rates, self.seen = nn.Linear(1, 1), nn.Linear(1, 1), rates, []
        for p in (*self.net.parameters(), *self.rival.parameters()):
            nn.init.constant_(p, 0.25)

    def batch(self, numbers) -> Tensor:
        return torch.ones(len(numbers), 1)

    def forward(self, batch: Tensor) -> Tensor:
        self.seen.append(self.progress)
        return (self.net(batch) - self.rival(batch) - 1).square().mean()

    def rival_loss(self, batch: Tensor) -> Tensor:
        return (self.rival(batch) - self.net(batch).detach()).square().mean()

    def groups(self):
        return {name: (rate, [p]) for (name, p), rate in zip(self.net.named_parameters(), self.rates, strict=True)}

    def validate(self) -> dict[str, float]:
        return {"x": float(self.net(torch.ones(1, 1)).detach())}

    def about(self) -> dict:
        return {"rates": list(self.rates)}


TRAINING = Training(steps=40, batch=2, rate=Constant(0.05), ema=None, log_every=10)


def weights(task: Task) -> Tensor:
    assert task.rival is not None
    return torch.cat([p.detach().flatten() for p in (*task.net.parameters(), *task.rival.parameters())])


def test_net_and_rival_move_in_turns_and_neither_through_the_other(tmp_path):
    task = Game()
    fit(task, TRAINING, tmp_path)
    x, y = float(task.net(torch.ones(1, 1)).detach()), float(task.rival(torch.ones(1, 1)).detach())
    assert x > 1.2 and 0 < x - y < 1  # both ran the same way; a rival that was pushed by the net's loss would have run away from it
    assert task.seen[0] == 0 and task.seen[-1] == pytest.approx(39 / 40) and sorted(task.seen) == task.seen
    rows = [row for row in read_log(tmp_path / LOG) if "loss" in row]
    assert all({"rival_loss", "gradient", "gradient_weight", "gradient_bias"} <= set(row) for row in rows)
    for row in rows:  # means over steps of norms are no norms, but lie between the largest part and the sum
        parts = row["gradient_weight"], row["gradient_bias"]
        assert max(parts) <= row["gradient"] * (1 + 1e-6) and row["gradient"] <= sum(parts) * (1 + 1e-6)


def test_a_training_with_a_rival_that_was_stopped_gives_the_bits_of_one_that_was_not(tmp_path):
    whole = Game()
    fit(whole, TRAINING, tmp_path / "whole")
    for stop in (13, 27, None):
        pieces = Game()
        fit(pieces, TRAINING, tmp_path / "pieces", until=stop)
    assert torch.equal(weights(whole), weights(pieces))
    assert set(Checkpoint.read(tmp_path / "pieces" / CHECKPOINT).rival) == {"weights", "optimiser"}


def test_each_group_learns_at_its_own_rate(tmp_path):
    task = Game(rates=(1.0, 0.0))
    fit(task, TRAINING, tmp_path, until=1)
    assert float(task.net.bias) == 0.25
    assert abs(float(task.net.weight) - 0.25) == pytest.approx(0.05, rel=1e-3)  # the first step of Adam is the rate


def test_sixteen_bits_stay_within_the_net():
    net = nn.Conv2d(3, 4, 3)
    exact = net(torch.ones(1, 3, 8, 8) / 3)
    seen = []
    net.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    end = narrowed(net, "bfloat16")
    out = net(torch.ones(1, 3, 8, 8) / 3)
    assert seen == [torch.bfloat16] and out.dtype == torch.float32
    assert not torch.is_autocast_enabled("cpu")
    assert not torch.equal(out, exact) and torch.allclose(out, exact, rtol=2**-6, atol=2**-6)  # eight bits of mantissa
    out.sum().backward()
    assert net.weight.grad is not None and net.weight.grad.dtype == torch.float32
    end()
    assert torch.equal(net(torch.ones(1, 3, 8, 8) / 3), exact)
    with pytest.raises(CampipeError, match="float32 or bfloat16"):
        narrowed(net, "float8")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="a recording is of a GPU")
def test_steps_from_a_recording_are_those_done_one_by_one(tmp_path):
    class Noise(Task):
        steady = True

        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Linear(4, 1)
            for p in self.net.parameters():
                nn.init.constant_(p, 0.1)

        def batch(self, numbers) -> Tensor:
            return torch.as_tensor(numbers, device=self.device).float()[:, None] * torch.arange(1, 5, device=self.device) % 7

        def forward(self, batch: Tensor) -> Tensor:
            return (self.net(batch) - batch[:, :1]).square().mean()

        def validate(self) -> dict[str, float]:
            return {"bias": float(self.net.bias)}

        def about(self) -> dict:
            return {}

    from campipe.train.devices import Plain

    one, other = Noise(), Noise()
    other.steady = False
    training = Training(steps=30, batch=4, rate=Constant(0.01), ema=0.9, clip=1.0)
    fit(one, training, tmp_path / "recorded", device=Plain("cuda"))
    fit(other, training, tmp_path / "each", device=Plain("cuda"))
    assert torch.allclose(one.net.weight, other.net.weight, atol=1e-5)
