"""The loop: a training that was stopped gives the bits of one that was not, and one that goes wrong keeps its last good weights."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from torch import Tensor, nn

from campipe.core.errors import CampipeError
from campipe.core.random import Key
from campipe.train.checkpoint import Checkpoint
from campipe.train.ema import Ema
from campipe.train.log import read_log
from campipe.train.loop import CHECKPOINT, LOG, Task, Training, fit
from campipe.train.schedules import Constant, WarmUpCosine


class Line(Task):
    """Find the line that points were drawn from; its loss becomes NaN with the sample of a number, if one is given."""

    def __init__(self, bad: int | None = None, width: int = 8) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(1, width), nn.Tanh(), nn.Linear(width, 1))
        generator = torch.Generator().manual_seed(7)
        for p in self.net.parameters():
            p.data = torch.randn(p.shape, generator=generator) * 0.3
        self.bad, self.seen = bad, []

    def batch(self, numbers) -> Tensor:
        self.seen.append(list(numbers))
        x = torch.tensor([[Key(1).fold(n).uniform()] for n in numbers])
        return torch.where(torch.tensor([[n == self.bad] for n in numbers]), math.nan, x)

    def forward(self, batch: Tensor) -> Tensor:
        return (self.net(batch) - (2 * batch - 0.5)).square().mean()

    def validate(self) -> dict[str, float]:
        grid = torch.linspace(0, 1, 50)[:, None]
        return {"score": -float(self(grid))}

    def about(self) -> dict:
        return {"task": "line"}


TRAINING = Training(steps=60, batch=4, rate=WarmUpCosine(0.03, 1e-3, 5, 60), ema=0.9, clip=0.5, validate_every=20, log_every=7)


def result(task: Task) -> Tensor:
    return torch.cat([p.detach().flatten() for p in task.net.parameters()])


def numbers_of(folder) -> list[dict]:
    return [{k: v for k, v in row.items() if k != "cpu_seconds"} for row in read_log(folder / LOG)]


@pytest.mark.parametrize("stops", [(31,), (1, 2, 40), (20, 59)])
def test_a_training_that_was_stopped_gives_the_bits_of_one_that_was_not(stops, tmp_path):
    whole = Line()
    fit(whole, TRAINING, tmp_path / "whole")
    for stop in (*stops, None):
        pieces = Line()  # as a new process has it
        fit(pieces, TRAINING, tmp_path / "pieces", until=stop)
    assert torch.equal(result(whole), result(pieces))
    one, two = (Checkpoint.read(tmp_path / name / CHECKPOINT) for name in ("whole", "pieces"))
    assert one.step == two.step == 60 and one.seen == two.seen
    for name, state in one.optimiser["state"].items():
        assert all(torch.equal(state[k], two.optimiser["state"][name][k]) for k in state)
    assert numbers_of(tmp_path / "whole") == numbers_of(tmp_path / "pieces")


def test_a_training_that_was_killed_goes_on_from_its_last_checkpoint(tmp_path):
    """The checkpoint is older than the log, as after the end of a process."""
    whole = Line()
    fit(whole, TRAINING, tmp_path / "whole")
    fit(Line(), TRAINING, tmp_path / "killed", until=20)
    early = (tmp_path / "killed" / CHECKPOINT).read_bytes()
    fit(Line(), TRAINING, tmp_path / "killed", until=45)
    (tmp_path / "killed" / CHECKPOINT).write_bytes(early)
    with open(tmp_path / "killed" / LOG, "a") as file:
        file.write('{"step": 49, "lo')
    again = Line()
    fit(again, TRAINING, tmp_path / "killed")
    assert again.seen[0] == [80, 81, 82, 83]
    assert torch.equal(result(whole), result(again))
    assert numbers_of(tmp_path / "whole") == numbers_of(tmp_path / "killed")


def test_it_learns_and_a_finished_training_does_nothing_more(tmp_path):
    task = Line()
    before = -task.validate()["score"]
    done = fit(task, TRAINING, tmp_path)
    assert -done.scores["score"] < before / 10
    again = Line()
    assert fit(again, TRAINING, tmp_path).scores == done.scores
    assert again.seen == [] and torch.equal(result(again), result(task))
    assert not any(p.requires_grad for p in again.net.parameters())


def test_the_log_holds_the_means_of_the_steps_between_its_lines(tmp_path):
    fit(Line(), dataclasses.replace(TRAINING, log_every=1), tmp_path / "each")
    fit(Line(), TRAINING, tmp_path / "seven")
    each = [row["loss"] for row in read_log(tmp_path / "each" / LOG) if "loss" in row]
    sevens = [row["loss"] for row in read_log(tmp_path / "seven" / LOG) if "loss" in row]
    assert len(each) == 60 and len(sevens) == 8
    assert sevens == pytest.approx([sum(each[i : i + 7]) / 7 for i in range(0, 56, 7)], rel=1e-12)


def test_a_loss_of_nan_stops_and_the_checkpoint_holds_the_step_before(tmp_path):
    bad = Line(bad=4 * 30 + 2)  # the third sample of step 31
    with pytest.raises(CampipeError, match=r"loss is no finite number any more in step 31; .*holds the weights of step 30") as told:
        fit(bad, TRAINING, tmp_path / "bad")
    assert "\n" not in str(told.value)
    fit(Line(), TRAINING, tmp_path / "good", until=30)
    held, good = (Checkpoint.read(tmp_path / name / CHECKPOINT) for name in ("bad", "good"))
    assert held.step == 30
    assert all(torch.equal(held.weights[name], good.weights[name]) for name in good.weights)


def test_a_gradient_of_infinity_stops_too(tmp_path):
    class Steep(Line):
        def forward(self, batch: Tensor) -> Tensor:
            return (self.net(batch) * 0).abs().sqrt().sum()  # 0, with a slope of infinity times 0

    with pytest.raises(CampipeError, match=r"gradient is no finite number any more in step 1; .*step 0"):
        fit(Steep(), TRAINING, tmp_path)


def test_a_large_gradient_is_scaled_down_to_the_norm_that_is_allowed(tmp_path):
    seen = []

    class Recording(Line):
        def forward(self, batch: Tensor) -> Tensor:
            if self.training and torch.is_grad_enabled() and self.net[0].weight.requires_grad:
                seen.append(result(self).clone())
            return 1e3 * super().forward(batch)

    # Adam's first step hangs on the sign alone; its first moment after it is (1 - beta1) times the gradient as it was clipped.
    fit(Recording(), dataclasses.replace(TRAINING, clip=0.25), tmp_path, until=1)
    state = Checkpoint.read(tmp_path / CHECKPOINT).optimiser["state"]
    norm = torch.sqrt(sum(s["exp_avg"].square().sum() for s in state.values())) / (1 - TRAINING.betas[0])
    assert float(norm) == pytest.approx(0.25, rel=1e-5)


def test_another_training_is_told_from_this_one(tmp_path):
    fit(Line(), TRAINING, tmp_path, until=3)
    with pytest.raises(CampipeError, match=r"of another training: its training.batch is 4, but 8 came; choose another folder"):
        fit(Line(), dataclasses.replace(TRAINING, batch=8), tmp_path)
    with pytest.raises(CampipeError, match=r"training.rate.peak is 0.03, but 0.02"):
        fit(Line(), dataclasses.replace(TRAINING, rate=WarmUpCosine(0.02, 1e-3, 5, 60)), tmp_path)
    with pytest.raises(CampipeError, match=r"training.rate"):
        fit(Line(), dataclasses.replace(TRAINING, rate=Constant(0.01)), tmp_path)


@pytest.mark.parametrize("content", [b"", b"no checkpoint", None])
def test_a_broken_checkpoint_is_refused_in_one_line(content, tmp_path):
    path = tmp_path / CHECKPOINT
    fit(Line(), TRAINING, tmp_path, until=2)
    path.write_bytes(path.read_bytes()[:500] if content is None else content)
    with pytest.raises(CampipeError, match="cannot be read as a checkpoint") as told:
        fit(Line(), TRAINING, tmp_path)
    assert "\n" not in str(told.value)
    torch.save({"other": 1}, path)
    with pytest.raises(CampipeError, match="no checkpoint of format"):
        fit(Line(), TRAINING, tmp_path)


def test_progress_is_told_step_by_step(tmp_path):
    told = []
    fit(Line(), TRAINING, tmp_path, until=3, progress=lambda done, total, words: told.append((done, total, words.split()[0])))
    assert told == [(1, 60, "loss"), (2, 60, "loss"), (3, 60, "loss")]


def test_the_average_follows_its_formula():
    net = nn.Linear(1, 1, bias=False)
    net.weight.data.fill_(2.0)
    ema = Ema(net, 0.5)
    mean = 2.0
    for seen, value in enumerate([4.0, -1.0, 3.0, 8.0, 8.0, 1.0, 0.0, 2.0, 5.0, 7.0]):
        net.weight.data.fill_(value)
        ema.update()
        decay = min(0.5, (1 + seen) / (10 + seen))
        mean = decay * mean + (1 - decay) * value
        assert float(ema.mean["weight"]) == pytest.approx(mean, rel=1e-6)
    with ema.applied():
        assert float(net.weight) == pytest.approx(mean, rel=1e-6)
    assert float(net.weight) == 7.0


def test_a_long_average_of_a_constant_sum_is_a_geometric_series():
    net = nn.Linear(1, 1, bias=False)
    net.weight.data.fill_(0.0)
    ema = Ema(net, 0.9)
    ema.seen = 10**9  # the start is over
    net.weight.data.fill_(1.0)
    for _ in range(30):
        ema.update()
    assert float(ema.mean["weight"]) == pytest.approx(1 - 0.9**30, rel=1e-5)


def test_what_is_no_average_or_training_is_refused():
    with pytest.raises(CampipeError, match="decay"):
        Ema(nn.Linear(1, 1), 1.0)
    with pytest.raises(CampipeError, match="steps of a training"):
        Training(steps=0, batch=1, rate=Constant(1.0))


def test_a_training_takes_no_notice_of_who_makes_its_batches(tmp_path):
    alone, helped = Line(), Line()
    fit(alone, TRAINING, tmp_path / "a")
    fit(helped, TRAINING, tmp_path / "b", workers=2)
    assert torch.equal(result(alone), result(helped)) and not helped.seen  # made elsewhere
