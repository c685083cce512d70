"""Gradients through counting, rounding and clipping are what is declared."""

import math

import pytest
import torch

from campipe.core.errors import CampipeError
from campipe.core.frame import Capture, Frame
from campipe.core.random import Key
from campipe.ops.surrogate import clipped, counted, rounded, score_loss
from campipe.sensor import (
    Adc,
    BlackLevel,
    ColorFilterArray,
    DarkCurrent,
    Dsnu,
    Exposure,
    FrameSensor,
    FullWell,
    Gain,
    Prnu,
    QuantumEfficiency,
    ReadNoise,
    RowNoise,
    ShotNoise,
)

N = 1_000_000


def counts_of(rate, gradient="pathwise", seed=1):
    leaf = torch.full((1, 1, 1000, 1000), rate, requires_grad=True)
    return leaf, ShotNoise(gradient)(Frame(leaf, "rate"), key=Key(seed)).data


@pytest.mark.parametrize("rate", [0.5, 5.0, 50.0])
def test_the_second_moment_has_its_exact_derivative(rate, figure):
    """d E[N^2] / d rate = 2 rate + 1: straight-through gives 2 rate, torch.poisson gives 0."""
    leaf, counts = counts_of(rate)
    (counts**2).sum().backward()
    per_pixel = leaf.grad.double()
    error = per_pixel.std() / math.sqrt(N)
    off = float((per_pixel.mean() - (2 * rate + 1)) / error)
    figure(f"d E[N^2] / d rate at rate {rate}, standard errors off 2 rate + 1", off, "at most 5")
    assert abs(off) < 5
    assert 5 * error < 0.5  # precise enough to tell the truth from straight-through


@pytest.mark.parametrize("rate", [0.5, 5.0, 50.0])
def test_the_score_function_is_unbiased_where_the_pathwise_rule_is_not(rate):
    """The oracle for any f is E[f(N + 1) - f(N)]."""
    n = torch.arange(0, 300, dtype=torch.float64)
    p = (n * math.log(rate) - rate - torch.lgamma(n + 1)).exp()
    truth = float((p * (torch.log1p(n + 1) - torch.log1p(n))).sum())
    rates = torch.full((20000, 1, 5, 5), rate, requires_grad=True)
    counts = ShotNoise("score")(Frame(rates, "rate"), key=Key(2)).data
    loss = torch.log1p(counts).mean((1, 2, 3))
    score_loss(loss, rates, counts).sum().backward()
    per_item = rates.grad.sum((1, 2, 3)).double()
    assert abs(per_item.mean() - truth) < 5 * per_item.std() / math.sqrt(20000)


def test_the_pathwise_bias_on_log1p_is_the_one_that_the_docstring_states():
    leaf, counts = counts_of(0.5)
    torch.log1p(counts).sum().backward()
    n = torch.arange(0, 60, dtype=torch.float64)
    p = (n * math.log(0.5) - 0.5 - torch.lgamma(n + 1)).exp()
    truth = float((p * (torch.log1p(n + 1) - torch.log1p(n))).sum())
    assert float(leaf.grad.double().mean()) / truth - 1 == pytest.approx(0.067, abs=0.01)


def test_counts_are_exact_and_their_rule_is_differentiable_twice():
    rate = torch.tensor([0.0, 0.3, 7.0], dtype=torch.float64, requires_grad=True)
    counts = torch.tensor([0.0, 1.0, 5.0], dtype=torch.float64)
    out = counted(rate, counts)
    assert torch.equal(out.detach(), counts)
    (first,) = torch.autograd.grad((out**2).sum(), rate, create_graph=True)
    assert first[0] == 0 and torch.allclose(first[1:], (counts * (1 + counts / rate))[1:])
    (second,) = torch.autograd.grad(first.sum(), rate)
    assert torch.isfinite(second).all() and (second[1:] != 0).all()


def test_rounding_is_straight_through_and_clipping_holds_or_leaks():
    x = torch.tensor([-2.0, 0.5, 1.5, 2.5, 9.0], requires_grad=True)
    assert rounded(x).tolist() == [-2, 0, 2, 2, 9]
    (g,) = torch.autograd.grad(rounded(x).sum(), x)
    assert g.tolist() == [1] * 5
    high = torch.tensor(4.0, requires_grad=True)
    g, to_high = torch.autograd.grad(clipped(x, 0.0, high, leak=0.1).sum(), [x, high])
    assert g.tolist() == pytest.approx([0.1, 1, 1, 1, 0.1]) and to_high == 1


# Stage, space it reads, and whether its draws stand between input and output.
STAGES = {
    "exposure": (lambda: Exposure(900.0, -1.0), "scene"),
    "color_filter_array": (lambda: ColorFilterArray("RGGB"), "photons"),
    "quantum_efficiency": (lambda: QuantumEfficiency([0.3, 0.5, 0.4]), "photons"),
    "prnu": (lambda: Prnu(0.1, 0.1, 0.1), "rate"),
    "dark_current": (lambda: DarkCurrent(5.0, 28.0), "rate"),
    "shot_noise": (lambda: ShotNoise(), "rate"),
    "full_well": (lambda: FullWell(20.0), "electrons"),
    "dsnu": (lambda: Dsnu(1.0, 1.0, 1.0), "electrons"),
    "read_noise": (lambda: ReadNoise(2.0), "electrons"),
    "tukey_lambda": (lambda: ReadNoise(2.0, -0.1), "electrons"),
    "row_noise": (lambda: RowNoise(2.0), "electrons"),
    "gain": (lambda: Gain(0.3), "electrons"),
    "black_level": (lambda: BlackLevel([[1.0, 2.0], [3.0, 4.0]]), "analog"),
    "adc": (lambda: Adc(12), "analog"),
}


def frame_for(space, dtype):
    channels = 3 if space == "scene" else 1
    data = torch.linspace(0.5, 40, channels * 24, dtype=dtype).reshape(1, channels, 4, 6).requires_grad_()
    return data, Frame(data, space, Capture(pattern="RGGB", seconds=0.5))


@pytest.mark.parametrize("name", STAGES)
def test_every_stage_passes_a_finite_gradient_through_its_noise(name):
    build, space = STAGES[name]
    stage = build()
    numbers = [stage.get_parameter(n).requires_grad_() for n in stage._positive]
    data, frame = frame_for(space, torch.float32)
    out = stage(frame, key=Key(1)).data
    out.square().sum().backward()
    assert torch.isfinite(data.grad).all() and (data.grad != 0).any()
    for label, number in zip(stage._positive, numbers, strict=True):
        if label != "shape":  # declared: none
            assert torch.isfinite(number.grad).all() and (number.grad != 0).any(), label


@pytest.mark.parametrize("name", STAGES)
def test_every_ideal_stage_has_the_derivative_of_its_forward(name):
    build, space = STAGES[name]
    stage = build().double()
    data, frame = frame_for(space, torch.float64)
    assert torch.autograd.gradcheck(lambda d: stage(frame.replace(d), noise=False).data, [data])


def whole():
    return FrameSensor(
        400,
        400,
        None,
        quantum_efficiency=0.5,
        full_well=9000.0,
        dark_current=4.0,
        read_noise=3.0,
        gain=0.5,
        post_read_noise=1.0,
        black_level=64,
    )


@pytest.mark.parametrize("path", ["gain", "quantum_efficiency", "dark_current", "read_noise", "post_read_noise", "black_level"])
def test_mean_and_variance_through_a_whole_sensor_have_the_slopes_of_finite_differences(path):
    """Sampled gradients against central differences of the exact moments, within 5 standard errors."""
    sensor, photons = whole(), torch.full((1, 1, 400, 400), 300.0)
    start = float(sensor.get_parameter(dict((p, f"{s.name}.{n}") for p, s, n in sensor.numbers())[path]))

    def moments(value):
        law = sensor.moments(photons[..., :1, :1].double(), seconds=0.5, parameters={path: torch.tensor(value, dtype=torch.float64)})
        return torch.stack([law.mean.squeeze(), law.variance.squeeze()])

    step = 1e-3 * start
    slopes = (moments(start + step) - moments(start - step)) / (2 * step)
    mean = float(moments(start)[0])
    leaf = torch.full((160, 1, 1, 1), start).requires_grad_()  # one leaf per 1000 pixels: the spread of 160 estimates gives the error
    frames = Frame(photons.reshape(160, 1, 20, 50), "photons", Capture(seconds=0.5))
    out = sensor(frames, key=Key(3), parameters={path: leaf.squeeze()}).data.double()
    for value, truth in ((out.mean((1, 2, 3)), slopes[0]), (((out - mean) ** 2).mean((1, 2, 3)), slopes[1])):
        (grad,) = torch.autograd.grad(value.sum(), leaf, retain_graph=True)
        grad = grad.flatten().double()
        error = grad.std() / math.sqrt(160) + 1e-4 * abs(truth) + 1e-9
        assert abs(grad.mean() - truth) < 5 * error


def test_a_gradient_kind_that_does_not_exist_is_refused():
    with pytest.raises(CampipeError, match="'pathwise' or 'score'"):
        ShotNoise("reinforce")
