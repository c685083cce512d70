"""A camera trained end to end: lens, sensor, developing and a learned block move together, each at its own pace."""

from __future__ import annotations

import json

import pytest
import torch

from campipe import blocks
from campipe.core.errors import CampipeError
from campipe.core.frame import Capture
from campipe.core.pipeline import Pipeline
from campipe.isp import ColourMatrix, Levels, SrgbEncode, ToneCurve
from campipe.optics import GaussianBlur
from campipe.sensor import Exposure, FrameSensor
from campipe.train import Constant, Training, fit
from campipe.train.draws import uniform
from campipe.train.end_to_end import EndToEnd

SIDE = 16


def camera(**numbers: float) -> Pipeline:
    """Lens, sensor and developing, with a learned demosaicker that has not learned yet."""
    optics = Pipeline([GaussianBlur(numbers.get("blur", 0.8), radius=4, name="blur"), Exposure(200.0, name="exposure")], name="optics")
    sensor = FrameSensor(SIDE, SIDE, "RGGB", gain=numbers.get("gain", 4.0), read_noise=2.0, black_level=64.0, full_well=4000.0)
    demosaicker = blocks.demosaick("residual", weights=None, width=4, blocks=0, name="demosaick")
    isp = Pipeline([Levels(), demosaicker, ColourMatrix(torch.eye(3)), ToneCurve(0.3), SrgbEncode()], name="isp")
    return Pipeline([optics, sensor, isp])


class Brightening(EndToEnd):
    """Make pictures of grey scenes white."""

    def batch(self, numbers):
        light = uniform(3, numbers, 3 * SIDE * SIDE).float().reshape(-1, 3, SIDE, SIDE)
        return light, torch.ones_like(light), torch.tensor(list(numbers))

    def loss(self, picture, *wanted):
        return (picture - wanted[0]).square().mean()

    def validate(self):
        light, wanted, _ = self.batch(range(8))
        return {"closeness": -float(self.loss(self.shoot(light, range(8), noise=False).data, wanted))}


RATES = {"optics.blur": 0.0, "sensor.gain": 10.0, "isp.tone_curve": 1.0, "isp.demosaick": 0.1}


def training(steps: int, **options) -> Training:
    return Training(steps, 2, Constant(0.01), ema=None, log_every=1, validate_every=steps, **options)


def test_a_pattern_leads_to_numbers_and_to_the_weights_of_learned_blocks():
    whole = camera()
    isp = whole["isp"]
    assert isinstance(isp, Pipeline)
    demosaicker = isp["demosaick"]
    weights = whole.trainable("isp.demosaick.weights")
    assert {id(p) for p in weights} == {id(p) for p in demosaicker.parameters()} and all(p.requires_grad for p in weights)
    assert [id(p) for p in whole.trainable("isp.demosaick")] == [id(p) for p in weights]
    everything = whole.trainable("isp.*", "sensor.gain", "sensor.gain.gain")
    assert len(everything) == len({id(p) for p in everything}) == len(weights) + 3
    whole.freeze()
    assert not [p for p in whole.parameters() if p.requires_grad]
    with pytest.raises(CampipeError, match=r"no number matches 'isp.denoise'; .* isp.demosaick.weights"):
        whole.trainable("isp.denoise")


def test_the_bare_path_of_a_learned_block_with_a_number_of_its_own_is_that_number():
    denoiser = Pipeline([blocks.denoise("unet", weights=None, sigma=0.1, name="denoise")])
    assert len(denoiser.trainable("denoise")) == 1
    assert len(denoiser.trainable("denoise", "denoise.weights")) > 1


def test_every_group_feels_a_gradient_moves_at_its_own_pace_and_has_its_norm_in_the_log(tmp_path):
    task = Brightening(camera(), RATES)
    before = {name: [p.detach().clone() for p in own] for name, (_, own) in task.groups().items()}
    assert list(before) == ["optics_blur", "sensor_gain", "isp_tone_curve", "isp_demosaick"]
    fit(task, training(1), tmp_path)
    # Adam's first step is as long as its rate, whatever the gradient: 0.01 times the factor of the group.
    steps = {name: [p - q for p, q in zip(own, before[name], strict=True)] for name, (_, own) in task.groups().items()}
    moved = {name: max(float(step.abs().max()) for step in own) for name, own in steps.items()}
    assert moved["optics_blur"] == 0
    assert moved["sensor_gain"] == pytest.approx(0.1, rel=1e-3)
    assert moved["isp_tone_curve"] == pytest.approx(0.01, rel=1e-3)
    assert moved["isp_demosaick"] == pytest.approx(0.001, rel=1e-3)
    line = json.loads((tmp_path / "log.jsonl").read_text().splitlines()[0])
    norms = [line[f"gradient_{name}"] for name in before]
    assert all(norm > 0 for norm in norms)
    assert sum(n * n for n in norms) ** 0.5 == pytest.approx(line["gradient"], rel=1e-5)


def test_nothing_but_what_was_named_changes(tmp_path):
    task = Brightening(camera(), {"sensor.gain": 1.0})
    before = {name: value.clone() for name, value in task.pipeline.state_dict().items()}
    fit(task, training(3), tmp_path)
    changed = [name for name, value in task.pipeline.state_dict().items() if not torch.equal(value, before[name])]
    assert changed == ["sensor.gain.parametrizations.gain.original"]


def test_training_that_stopped_goes_on_with_the_same_bits(tmp_path):
    whole, halted, again = (Brightening(camera(), RATES) for _ in range(3))
    fit(whole, training(4), tmp_path / "whole")
    fit(halted, training(4), tmp_path / "halted", until=2)
    fit(again, training(4), tmp_path / "halted")
    for one, other in zip(whole.net.parameters(), again.net.parameters(), strict=True):
        assert torch.equal(one, other)
    with pytest.raises(CampipeError, match=r"start\.sensor\.gain is 4\.0, but 5\.0 came"):
        fit(Brightening(camera(gain=5.0), RATES), training(4), tmp_path / "halted")


def test_a_sample_has_the_noise_of_its_number():
    task = Brightening(camera(), {"sensor.gain": 1.0})
    light, _, numbers = task.batch(range(4))
    both = task.shoot(light, numbers).data
    assert torch.equal(task.shoot(light[2:3], [2]).data, both[2:3])
    assert not torch.equal(task.shoot(light[2:3], [3]).data, both[2:3])


def test_the_gain_that_makes_the_picture_white_is_found_through_the_noise(tmp_path):
    """A grey scene of 0.5 becomes white where the gain carries its 60 electrons to the converter's end, 4031 DN above black."""

    class Grey(Brightening):
        def batch(self, numbers):
            light = torch.full((len(numbers), 3, SIDE, SIDE), 0.5)
            return light, torch.ones_like(light), torch.tensor(list(numbers))

        def loss(self, picture, *wanted):
            return (picture - 0.5).square().mean()

    path = Pipeline([Exposure(200.0), FrameSensor(SIDE, SIDE, "RGGB", gain=20.0, full_well=4000.0), Levels(0.0, 4095.0)])
    task = Grey(path, {"sensor.gain": 1.0})
    fit(task, Training(120, 2, Constant(0.03), ema=0.9), tmp_path)
    # The best gain g for the mean of (g n / 4095 - 1 / 2)^2 over Poisson counts n of mean m: g = 4095 m / (2 (m^2 + m)).
    sensor = path["sensor"]
    assert isinstance(sensor, FrameSensor)
    assert float(sensor["gain"].gain) == pytest.approx(4095 * 60 / (2 * (60**2 + 60)), rel=0.01)


@pytest.mark.parametrize(
    ("rates", "words"),
    [
        ({}, "nothing is trained"),
        ({"isp.*": 1.0, "isp.tone_curve": 2.0}, "'isp.tone_curve' takes what 'isp' has too"),
        ({"sensor.gain": -1.0}, "0 or more, but 'sensor.gain' has -1"),
    ],
)
def test_groups_that_cannot_be_are_refused(rates, words):
    with pytest.raises(CampipeError, match=words) as told:
        Brightening(camera(), rates)
    assert len(str(told.value).splitlines()) == 1


def test_a_module_behind_the_pipeline_is_a_group_like_the_others(tmp_path):
    class Headed(Brightening):
        def loss(self, picture, *wanted):
            return super().loss(self.behind["head"](picture), *wanted)

    head = torch.nn.Conv2d(3, 3, 1)
    task = Headed(camera(), {"sensor.gain": 1.0}, behind={"head": (2.0, head)}, capture=Capture())
    before = head.weight.detach().clone()
    fit(task, training(1), tmp_path)
    assert float((head.weight - before).abs().max()) == pytest.approx(0.02, rel=1e-3)
