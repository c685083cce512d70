"""Stages and pipelines: checked when built, sealed when run."""

import copy

import pytest
import torch

from campipe.core.errors import CampipeError, LawError, ShapeError, SpaceError
from campipe.core.frame import Capture, Frame
from campipe.core.pipeline import Pipeline
from campipe.core.random import Key
from campipe.core.stage import Stage


class Times(Stage):
    """Multiply."""

    reads = ("mosaic",)
    writes = "mosaic"
    primary = "factor"

    def __init__(self, factor=2.0, bias=0.0, name=None):
        super().__init__(name)
        self.number("factor", factor, positive=True)
        self.number("bias", bias)

    def transform(self, frame, shot):
        return frame.replace(frame.data * self.value("factor", frame, shot) + self.value("bias", frame, shot))

    def law(self, law):
        return law.times(self.value("factor", law.frame(), law.shot)).plus(self.value("bias", law.frame(), law.shot))


class Develop(Stage):
    """Pass on as camera."""

    reads = ("mosaic",)
    writes = "camera"

    def transform(self, frame, shot):
        return frame.replace(space="camera")


def frame(batch=2, space="mosaic"):
    return Frame(torch.ones(batch, 1, 3, 4), space, Capture(pattern="RGGB"))


def test_stages_run_in_order_and_leave_their_input_alone():
    given = frame()
    pipeline = Pipeline([Times(3.0, name="a"), Times(2.0, 1.0, name="b"), Develop()])
    out = pipeline(given)
    assert out.space == "camera" and float(out.data.unique()) == 7.0
    assert float(given.data.unique()) == 1.0
    assert (pipeline.reads, pipeline.writes, pipeline.margin) == (("mosaic",), "camera", 0)


def test_a_wrong_order_fails_when_built_and_says_what_to_move():
    with pytest.raises(SpaceError, match="develop writes camera, but times reads mosaic; move times before develop"):
        Pipeline([Develop(), Times()])


def test_a_wrong_space_fails_when_called_and_names_the_stage():
    with pytest.raises(SpaceError, match="in develop: a frame in 'mosaic' is needed, but one in 'dn' came"):
        Develop()(frame(space="dn"))


def test_errors_carry_the_whole_path():
    class Fails(Times):
        def transform(self, frame, shot):
            raise ShapeError("three were expected, two came")

    outer = Pipeline([Pipeline([Times(), Fails(name="fails")], name="inner")])
    with pytest.raises(ShapeError) as caught:
        outer(frame())
    assert str(caught.value) == "in inner.fails: three were expected, two came"


def test_names_are_unique_and_do_not_hide_the_pipelines_own():
    with pytest.raises(CampipeError, match="unique"):
        Pipeline([Times(), Times()])
    with pytest.raises(CampipeError, match="cannot be called 'law'"):
        Pipeline([Times(name="law")])
    with pytest.raises(CampipeError, match="at least one"):
        Pipeline([])


def test_forward_is_sealed():
    with pytest.raises(TypeError, match="sealed"):

        class Unsealed(Stage):
            def forward(self, frame):
                return frame


def test_numbers_can_be_given_per_item_by_path():
    pipeline = Pipeline([Pipeline([Times()], name="inner"), Develop()])
    for path in ("inner.times", "inner.times.factor"):
        out = pipeline(frame(), parameters={path: torch.tensor([5.0, 7.0])}).data
        assert out[:, 0, 0, 0].tolist() == [5.0, 7.0]
    with pytest.raises(CampipeError, match=r"no number 'gain' here; there are inner\.times"):
        pipeline(frame(), parameters={"gain": 1.0})
    with pytest.raises(ShapeError, match=r"takes a shape \(\) or \(2,\)"):
        pipeline(frame(), parameters={"inner.times": torch.ones(3)})


def test_trainable_numbers_are_leaves_and_positive_ones_logarithms():
    pipeline = Pipeline([Times(2.0), Develop()])
    assert not [p for p in pipeline.parameters() if p.requires_grad]
    log, bias = pipeline.trainable("times.*")
    assert float(log.detach()) == pytest.approx(0.6931472) and float(bias.detach()) == 0
    pipeline(frame()).data.sum().backward()
    assert float(log.grad) == pytest.approx(24 * 2) and float(bias.grad) == 24
    with torch.no_grad():
        log += 1
    pipeline.freeze()
    assert pipeline.state_dict()["times.factor"] == pytest.approx(2 * 2.7182818)
    with pytest.raises(CampipeError, match="no number matches 'nothing'"):
        pipeline.trainable("nothing")
    with pytest.raises(CampipeError, match="start it above 0"):
        Pipeline([Times(0.0)]).trainable("times")


def test_state_and_configuration_give_the_stage_back():
    stage = Times(3.0, name="a")
    stage.trainable("factor")
    stage.freeze()
    stage.factor.data.fill_(9.0)
    again = Times(**stage.config())
    assert again.name == "a" and float(again.factor) == 9.0
    other = Pipeline([Times(name="a")])
    other.load_state_dict(Pipeline([stage]).state_dict())
    assert float(other["a"].factor) == 9.0
    assert float(copy.deepcopy(other)["a"].factor) == 9.0


def test_moments_pass_through_linear_stages_and_stop_where_there_is_no_law():
    law = Pipeline([Times(3.0, 1.0)]).moments(frame())
    assert float(law.mean.unique()) == 4.0 and float(law.variance.unique()) == 0.0
    with pytest.raises(LawError, match="in develop: Develop has no closed form"):
        Pipeline([Times(), Develop()]).moments(frame())


@pytest.mark.parametrize("key", [7, "7", torch.Generator()])
def test_a_key_is_a_key(key):
    with pytest.raises(CampipeError, match="key is a campipe Key"):
        Times()(frame(), key=key)


def test_a_stage_that_breaks_its_promise_is_caught():
    class Liar(Develop):
        def transform(self, frame, shot):
            return frame

    with pytest.raises(SpaceError, match="promised 'camera' and gave 'mosaic'"):
        Liar()(frame(), key=Key(1))


@pytest.mark.parametrize("value", ["strong", None, [[1.0], 2.0]])
def test_a_number_that_is_none_is_refused(value):
    with pytest.raises(CampipeError, match="factor is a number, but"):
        Times(value)


def test_the_state_of_an_optimised_number_fits_a_frozen_one_and_the_other_way():
    optimised, frozen = Pipeline([Times(3.0)]), Pipeline([Times(2.0)])
    optimised.trainable("times.factor")
    frozen.load_state_dict(optimised.state_dict())
    assert frozen["times"].factor.item() == pytest.approx(3.0)
    optimised.load_state_dict(Pipeline([Times(5.0)]).state_dict())
    assert optimised["times"].factor.item() == pytest.approx(5.0) and optimised.trainable("times.factor")[0].requires_grad


def test_a_stage_by_itself_takes_numbers_as_in_a_pipeline():
    alone = Times()(frame(), parameters={"factor": torch.tensor([5.0, 7.0])})
    inside = Pipeline([Times()])(frame(), parameters={"times.factor": torch.tensor([5.0, 7.0])})
    assert alone.data[:, 0, 0, 0].tolist() == [5.0, 7.0]
    assert torch.equal(alone.data, inside.data)
    with pytest.raises(CampipeError, match="no number 'gain' here; there are bias, factor"):
        Times()(frame(), parameters={"gain": 1.0})
