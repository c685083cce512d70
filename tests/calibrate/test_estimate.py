"""Numbers with errors."""

import math

import pytest

from campipe.calibrate.estimate import Estimate, combined
from campipe.core.errors import CampipeError


def test_the_interval_of_a_known_error_is_that_of_the_normal_law():
    low, high = Estimate(2.0, 0.1).interval()
    assert low == pytest.approx(2 - 0.19599640, abs=1e-7)
    assert high == pytest.approx(2 + 0.19599640, abs=1e-7)


def test_few_degrees_of_freedom_widen_it_as_students_table_says():
    assert Estimate(0.0, 1.0, freedom=4).interval()[1] == pytest.approx(2.776445, abs=1e-6)


def test_an_upper_limit_reaches_down_to_nothing():
    assert Estimate(0.4, math.nan, "e-", bound=True).interval() == (0.0, 0.4)
    assert str(Estimate(0.4, math.nan, "e-", bound=True)) == "at most 0.4 e-"


def test_it_prints_two_digits_of_its_error():
    assert str(Estimate(0.200312, 0.00041, "DN/e-")) == "0.20031 +- 0.00041 DN/e-"
    assert str(Estimate(15123.0, 210.0, "e-")) == "15120 +- 210 e-"


def test_the_mean_of_two_is_nearer_to_the_surer_one():
    mean = combined([Estimate(1.0, 0.1, "e-"), Estimate(1.1, 0.2, "e-")])
    assert mean.value == pytest.approx(1.02)
    assert mean.error == pytest.approx(0.1 * 0.2 / math.hypot(0.1, 0.2))
    assert mean.unit == "e-"


def test_estimates_that_disagree_have_a_larger_error_than_each_claims():
    assert combined([Estimate(1.0, 0.01), Estimate(2.0, 0.01)]).error == pytest.approx(0.5, rel=1e-6)


def test_no_estimate_has_no_mean():
    with pytest.raises(CampipeError, match="but none came"):
        combined([])
