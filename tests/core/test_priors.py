"""Priors: drawing gives plain numbers, and stays inside the limits."""

import pytest
import torch
from scipy import stats

from campipe.core.errors import CampipeError
from campipe.core.priors import Choice, LogUniform, Normal, Of, Uniform, draw
from campipe.core.random import Key

N = 4000


def draws(prior):
    return [prior.draw(Key(1).fold(i)) for i in range(N)]


@pytest.mark.parametrize(
    ("prior", "law"),
    [
        (Uniform(2.0, 5.0), stats.uniform(2, 3)),
        (LogUniform(0.1, 100.0), stats.loguniform(0.1, 100)),
        (Normal(3.0, 2.0), stats.norm(3, 2)),
    ],
)
def test_draws_follow_their_law(prior, law):
    """Kolmogorov's distance, at a false-alarm rate of 1e-6 each."""
    assert stats.kstest(draws(prior), law.cdf).pvalue > 1e-6


def test_choices_come_as_often_as_they_weigh():
    seen = draws(Choice(("a", "b", "c"), (1.0, 0.0, 3.0)))
    assert "b" not in seen
    assert abs(seen.count("c") / N - 0.75) < 5 * (0.75 * 0.25 / N) ** 0.5


def test_normal_draws_are_clipped():
    seen = torch.tensor(draws(Normal(0.0, 1.0, low=-0.5, high=0.25)))
    assert seen.min() == -0.5 and seen.max() == 0.25


def test_the_same_key_gives_the_same_value_and_numbers_are_themselves():
    assert Uniform(0, 1).draw(Key(4)) == Uniform(0, 1).draw(Key(4)) != Uniform(0, 1).draw(Key(5))
    assert draw(3.5, Key(1)) == 3.5 and draw("name", Key(1)) == "name"


def test_a_camera_prior_wants_an_entry_for_every_camera():
    prior = Of({"a": 1.0})
    assert prior.given("a") == 1.0
    with pytest.raises(CampipeError, match="'b' is missing"):
        prior.given("b")


@pytest.mark.parametrize(
    "build", [lambda: Uniform(2, 1), lambda: LogUniform(0, 1), lambda: Normal(0, -1), lambda: Choice(()), lambda: Choice((1, 2), (1.0,))]
)
def test_priors_that_are_none_are_refused(build):
    with pytest.raises(CampipeError):
        build()
