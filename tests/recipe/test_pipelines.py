"""Pipelines survive being written down."""

import pytest
import torch

from campipe.camera import Camera, cameras
from campipe.core.errors import RecipeError
from campipe.core.frame import Frame
from campipe.core.pipeline import Pipeline
from campipe.core.random import Key
from campipe.core.stage import Stage
from campipe.recipe.pipelines import from_yaml, to_yaml


@pytest.mark.parametrize("name", cameras())
def test_the_light_path_and_the_developing_of_a_camera_come_back_with_the_same_bits(name):
    camera = Camera.load(name, serial=2)
    channels = 1 if camera.sensor.pattern is None else 3
    scene = Frame(torch.rand(1, channels, 32, 48), "scene")
    path = camera.at(iso=camera.profile.iso_range[1], ev=-1.0)
    again = from_yaml(to_yaml(path))
    frame = scene.replace(seconds=0.1, wb=torch.ones(1, 3), origin=torch.tensor([[6, 12]]))
    raws = [p(frame, key=Key(4)) for p in (path, again)]
    assert torch.equal(raws[0].data, raws[1].data)
    assert to_yaml(again) == to_yaml(path)
    developed = [p(raws[0]).data for p in (camera.developing, from_yaml(to_yaml(camera.developing)))]
    assert torch.equal(developed[0], developed[1])


def test_numbers_that_were_optimised_are_written_at_their_present_values():
    path = Camera.load("sony-a7s2").at(iso=100)
    (leaf,) = path.trainable("sensor.gain")
    with torch.no_grad():
        leaf += 0.5
    path.freeze()
    again = from_yaml(to_yaml(path))
    assert torch.equal(again["sensor"].gain.gain, path["sensor"].gain.gain)
    again.load_state_dict(path.state_dict())


def test_nested_pipelines_stay_nested():
    camera = Camera.load("rpi-imx219")
    both = Pipeline([camera.at(iso=100), camera.developing], name="whole")
    assert [p for p, _, _ in from_yaml(to_yaml(both)).numbers()] == [p for p, _, _ in both.numbers()]


class Unknown(Stage):
    def transform(self, frame, shot):
        return frame


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("pipeline: a\nstages:\n- {kind: gian}\n", r"p:3: stages\[0\]\.kind: there is no part 'gian'; did you mean 'gain'"),
        ("pipeline: a\nstages:\n- {kind: gain, gian: 2}\n", r"p:3: stages\[0\]\.gian: unknown key; did you mean 'gain'"),
        ("pipeline: a\nstages:\n- {kind: adc, bits: 40}\n", "p:3: .*8 to 16 bits, but 40 came"),
        ("pipeline: a\nstages:\n- {kind: adc}\n- {kind: gain}\n", "adc writes dn, but gain reads electrons"),
        ("stages: 3\n", "a pipeline has the keys"),
    ],
)
def test_what_is_no_pipeline_is_refused_with_its_line(text, says):
    with pytest.raises(RecipeError, match=says):
        from_yaml(text, "p")


def test_a_stage_without_a_kind_is_named():
    with pytest.raises(RecipeError, match="no kind stands for Unknown"):
        to_yaml(Pipeline([Unknown()]))
