"""Schedules against their closed forms."""

from __future__ import annotations

import math

import pytest
import torch

from campipe.core.errors import CampipeError
from campipe.train.schedules import Constant, Steps, WarmUpCosine


def test_a_warm_up_rises_evenly_and_half_a_cosine_falls_to_the_end():
    s = WarmUpCosine(peak=2e-3, end=2e-5, warm_up=200, steps=1000)
    assert s.at(0) == pytest.approx(1e-5) and s.at(99) == pytest.approx(1e-3) and s.at(199) == pytest.approx(2e-3)
    assert s.at(200) == pytest.approx(2e-3)
    assert s.at(600) == pytest.approx((2e-3 + 2e-5) / 2)  # half way
    assert s.at(1000) == s.at(5000) == pytest.approx(2e-5)
    # The mean of a whole half cosine is the middle; the sum of its ends is symmetric.
    assert s.at(400) + s.at(800) == pytest.approx(2e-3 + 2e-5)


def test_the_cosine_is_that_of_torch():
    p = torch.nn.Parameter(torch.zeros(1))
    theirs = torch.optim.lr_scheduler.CosineAnnealingLR(torch.optim.SGD([p], lr=0.3), 50, eta_min=0.01)
    ours = WarmUpCosine(0.3, 0.01, 0, 50)
    for step in range(50):
        assert ours.at(step) == pytest.approx(theirs.get_last_lr()[0], rel=1e-9)
        theirs.optimizer.step()
        theirs.step()


def test_steps_multiply_and_a_constant_stays():
    s = Steps(1.0, 0.1, (10, 20))
    assert [s.at(n) for n in (0, 9, 10, 19, 20, 99)] == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])
    assert Constant(0.5).at(0) == Constant(0.5).at(10**6) == 0.5


@pytest.mark.parametrize(
    "make",
    [lambda: Constant(0), lambda: Constant(math.nan), lambda: Steps(1, -1, (3,)), lambda: WarmUpCosine(1, 0.1, 50, 50)],
)
def test_what_is_no_schedule_is_refused(make):
    with pytest.raises(CampipeError):
        make()
