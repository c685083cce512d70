"""Physical numbers are recovered by gradient descent through the noise, from noisy frames alone.

The loss is the product of the errors of two independent renderings, which is unbiased for the squared error of their mean: a single noisy
rendering would be rewarded for being dim.
"""

import pytest
import torch

from campipe.core.frame import Capture, Frame
from campipe.core.pipeline import Pipeline
from campipe.core.random import Key
from campipe.core.stage import Stage
from campipe.optics import GaussianBlur
from campipe.sensor import Exposure, FrameSensor

SIDE = 48
SEEDS = (0, 1, 2)


class Mix(Stage):
    """A colour matrix on scene light."""

    reads = ("scene",)
    primary = "matrix"

    def __init__(self, matrix):
        super().__init__("mix")
        self.number("matrix", matrix)

    def transform(self, frame, shot):
        return frame.replace(torch.einsum("ij,bjhw->bihw", self.value("matrix", frame, shot), frame.data))


MATRIX = torch.tensor([[0.8, 0.2, 0.05], [0.1, 0.9, 0.15], [0.05, 0.3, 0.6]])


def camera(ev=-1.0, sigma=1.5, gain=0.8, read_noise=6.0, matrix=MATRIX):
    sensor = FrameSensor(SIDE, SIDE, "RGGB", 1, read_noise=read_noise, gain=gain, black_level=64, bits=14, prnu=0.01, full_well=20000)
    return Pipeline([Mix(matrix), GaussianBlur(sigma, name="blur"), Exposure(1000.0, ev), sensor])


def scenes(seed, count=8):
    """Coloured blocks with sharp edges, whose light covers two decades."""
    generator = torch.Generator().manual_seed(seed)
    blocks = 10 ** (2 * torch.rand(count, 3, SIDE // 8, SIDE // 8, generator=generator) - 2)
    return Frame(blocks.repeat_interleave(8, -1).repeat_interleave(8, -2), "scene", Capture(seconds=0.01))


def descend(model, path, observed, scene, loss, steps=160, rate=0.15):
    leaves = model.trainable(path)
    optimiser = torch.optim.Adam(leaves, lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps, eta_min=rate / 100)
    for step in range(steps):
        optimiser.zero_grad()
        first, second = (model(scene, key=Key(99).fold(step).fold(i)).data for i in range(2))
        loss(first, second, observed).backward()
        optimiser.step()
        schedule.step()
    model.freeze()


def mean_error(first, second, observed):
    """Relative squared error of the mean, without bias from the noise of the renderings."""
    scale = observed.mean() ** 2
    return ((first - observed) * (second - observed)).mean() / scale


def log_variance(first, second):
    """Logarithm of the temporal variance, from the difference of two frames."""
    return ((first - second).var() / 2).log()


def variance_error(first, second, observed):
    return (log_variance(first, second) - observed) ** 2


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("path", "start"), [("sensor.gain", 0.35), ("exposure.photons_at_white", 2200.0), ("blur.sigma", 0.7)])
def test_numbers_come_back_within_2_percent(path, start, seed, figure):
    scene, truth, model = scenes(seed), camera(), camera()
    stage, name = path.rsplit(".", 1) if path != "sensor.gain" else ("sensor.gain", "gain")
    wanted = float(truth.get_submodule(stage).get_parameter(name))
    model.get_submodule(stage).get_parameter(name).data.fill_(start)
    assert abs(start / wanted - 1) >= 0.5
    observed = truth(scene, key=Key(seed).fold("observed")).data
    descend(model, path, observed, scene, mean_error)
    found = float(model.get_submodule(stage).get_parameter(name))
    figure(f"recovered through the noise, seed {seed}: {path}, relative error", found / wanted - 1, "at most 0.02")
    assert found == pytest.approx(wanted, rel=0.02)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_colour_matrix_comes_back_within_2_percent(seed, figure):
    scene, truth, model = scenes(seed), camera(sigma=0.5), camera(sigma=0.5, matrix=0.35 * torch.eye(3))
    assert (model["mix"].matrix - MATRIX).norm() / MATRIX.norm() >= 0.5
    observed = truth(scene, key=Key(seed).fold("observed")).data
    descend(model, "mix", observed, scene, mean_error, steps=300, rate=0.05)
    error = float((model["mix"].matrix - MATRIX).norm() / MATRIX.norm())
    figure(f"recovered through the noise, seed {seed}: colour matrix, relative error", error, "at most 0.02")
    assert error < 0.02


@pytest.mark.parametrize("seed", SEEDS)
def test_read_noise_comes_back_within_3_percent(seed, figure):
    """From dark frames, whose mean says nothing about it."""
    scene = scenes(seed)
    dark = scene.replace(scene.data * 0)
    truth, model = camera(), camera(read_noise=2.5)
    observed = log_variance(*(truth(dark, key=Key(seed).fold("observed").fold(i)).data for i in range(2)))
    descend(model, "sensor.read_noise", observed, dark, variance_error, steps=120)
    found = float(model["sensor"].read_noise.std)
    figure(f"recovered through the noise, seed {seed}: read noise, relative error", found / 6 - 1, "at most 0.03")
    assert found == pytest.approx(6.0, rel=0.03)
