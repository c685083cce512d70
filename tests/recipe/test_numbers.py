"""Numbers and priors as a recipe spells them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campipe.core.errors import RecipeError
from campipe.core.priors import Choice, LogUniform, Normal, Of, Uniform
from campipe.core.random import Key
from campipe.recipe import numbers
from campipe.synth.numbers import resolve

SPELLED = [
    (1600, 1600),
    ("1/60", 1 / 60),
    ("1e-3", 1e-3),
    ({"uniform": [-3, 0]}, Uniform(-3, 0)),
    ({"log_uniform": ["1/1000", "1/4"]}, LogUniform(0.001, 0.25)),
    ({"normal": [1, 0.1]}, Normal(1, 0.1)),
    ({"normal": {"mean": 0.8, "std": 0.1, "low": 0.4, "high": 1.2}}, Normal(0.8, 0.1, 0.4, 1.2)),
    ({"choice": ["1/30", 0.1]}, Choice((1 / 30, 0.1))),
    ({"choice": {"of": [1, 2], "weights": [3, 1]}}, Choice((1, 2), (3, 1))),
    ({"whole": [2, 5]}, Choice((2, 3, 4, 5))),
    ({"camera": {"a": 1, "b": {"uniform": [0, 1]}}}, Of({"a": 1, "b": Uniform(0, 1)})),
]

WRONG = [
    ("dark", "a number or a prior is needed, but 'dark' came"),
    ("1/0", "a number or a prior is needed"),
    (math.nan, "a finite number is needed"),
    (True, "a finite number is needed, but True came"),
    (None, "a finite number is needed"),
    ([1, 2], "a finite number is needed"),
    ({}, "a mapping with one key"),
    ({"uniform": [0, 1], "normal": [0, 1]}, "but it has uniform, normal"),
    ({"unifrom": [0, 1]}, "did you mean 'uniform'?"),
    ({"uniform": [1, 0]}, "uniform: a uniform prior needs low <= high"),
    ({"uniform": 3}, "uniform: [low, high] is needed, but 3 came"),
    ({"log_uniform": [0, 1]}, "log_uniform: a log_uniform prior needs 0 < low"),
    ({"normal": {"mean": 1, "sdt": 2}}, "normal: unknown key 'sdt'; did you mean 'std'?"),
    ({"normal": {"mean": 1}}, "normal: std is missing"),
    ({"choice": []}, "choice: a choice prior needs at least one value"),
    ({"choice": 3}, "choice: a list of values is needed"),
    ({"choice": {"of": [1, 2], "weights": [1]}}, "choice: a choice prior needs one weight"),
    ({"whole": [0.5, 2]}, "whole: two whole numbers"),
    ({"whole": [0, 10**7]}, "whole: two whole numbers"),
    ({"camera": {}}, "camera: one entry per camera"),
    ({"camera": {"a": {"unform": [0, 1]}}}, "camera: there is no prior 'unform'"),
]


@pytest.mark.parametrize(("written", "meant"), SPELLED, ids=repr)
def test_a_number_means_what_is_written(written, meant):
    assert numbers.prior(written) == meant


@pytest.mark.parametrize(("written", "said"), WRONG, ids=repr)
def test_a_wrong_number_is_refused_in_words(written, said):
    with pytest.raises(RecipeError) as refusal:
        numbers.prior(written)
    assert said in str(refusal.value)


PAIR = st.tuples(st.floats(0.01, 100), st.floats(0.01, 100)).map(sorted)


@given(
    written=st.one_of(
        PAIR.map(lambda p: {"uniform": p}),
        PAIR.map(lambda p: {"log_uniform": p}),
        PAIR.map(lambda p: {"normal": {"mean": p[0], "std": 1.0, "low": p[0], "high": p[1]}}),
        st.lists(st.floats(-5, 5), min_size=1, max_size=4).map(lambda v: {"choice": v}),
        st.tuples(st.integers(0, 9), st.integers(10, 20)).map(lambda p: {"whole": list(p)}),
        PAIR.map(lambda p: {"camera": {"a": {"uniform": p}, "b": 0.001}}),
    ),
    seed=st.integers(0, 2**64 - 1),
    camera=st.sampled_from("ab"),
)
def test_every_draw_lies_within_the_bounds_of_its_prior(written, seed, camera):
    prior = numbers.prior(written)
    low, high = numbers.bounds(prior, camera)
    drawn = resolve(prior, Key(seed), camera)
    assert low <= drawn <= high
    widest = numbers.bounds(prior)
    assert widest[0] <= low and high <= widest[1]


@pytest.mark.parametrize("written", [50, {"uniform": [50, 200]}, {"choice": [100, 900]}, {"normal": [200, 1]}])
def test_a_prior_that_can_leave_its_range_is_refused(written):
    with pytest.raises(RecipeError, match="out of range for x: from 100 to 400"):
        numbers.within(numbers.prior(written), 100, 400, camera="x")


@pytest.mark.parametrize("written", [100, {"uniform": [100, 400]}, {"normal": {"mean": 200, "std": 99, "low": 100, "high": 400}}])
def test_a_prior_inside_its_range_is_taken(written):
    numbers.within(numbers.prior(written), 100, 400)


def test_values_are_drawn_by_name_and_not_by_place():
    key = Key(3)
    both = resolve({"a": Uniform(0, 1), "b": [Uniform(0, 1), 2]}, key)
    assert resolve({"b": [Uniform(0, 1), 2]}, key)["b"] == both["b"]
    assert both["a"] != both["b"][0]
