"""Sensors with their draws handed in are pure functions of tensors: they compile to one graph and export."""

import pytest
import torch

from campipe.core.errors import CampipeError, ShapeError
from campipe.core.frame import Capture, Frame
from campipe.core.random import Key
from campipe.ops import draws
from campipe.ops.standard import expanded_count
from campipe.sensor import FrameSensor

H, W = 24, 32


def sensor():
    return FrameSensor(
        W, H, "RGGB", 3, full_well=3000, read_noise=2.0, row_noise=0.5, gain=0.7, post_read_noise=0.5, black_level=64, bits=12
    )


def light():
    return torch.linspace(20.0, 3000.0, 3 * H * W).reshape(1, 3, H, W)


def given():
    generator = torch.Generator().manual_seed(0)
    one = {n: torch.randn(1, 1, H, W, generator=generator) for n in ("shot_noise", "read_noise", "post_read_noise")}
    return {**one, "row_noise": torch.randn(1, 1, H, 1, generator=generator)}


class Readout(torch.nn.Module):
    """Photons and draws in, digital numbers out."""

    def __init__(self):
        super().__init__()
        self.sensor = sensor()

    def forward(self, photons, shot, read, row, post):
        named = {"shot_noise": shot, "read_noise": read, "row_noise": row, "post_read_noise": post}
        return self.sensor(Frame(photons, "photons", Capture(seconds=torch.full((1,), 0.1))), draws=named).data


def arguments():
    d = given()
    return light(), d["shot_noise"], d["read_noise"], d["row_noise"], d["post_read_noise"]


def test_draws_that_are_given_replace_the_key():
    s, frame = sensor(), Frame(light(), "photons", Capture(seconds=0.1))
    assert torch.equal(s(frame, draws=given()).data, s(frame, draws=given(), key=Key(3)).data)
    zero = {name: d * 0 for name, d in given().items()}
    # Draws of zero are the medians: the count is the Poisson median, and everything behind it is exact.
    middle = (expanded_count(s["color_filter_array"](frame).data * 0.6, torch.zeros(1)).clamp(max=3000) * 0.7 + 64).round().clamp(0, 4095)
    assert torch.equal(s(frame, draws=zero).data, middle)


def test_draws_of_a_wrong_shape_are_refused():
    with pytest.raises(ShapeError, match="in shot_noise: draws for shot_noise must broadcast"):
        sensor()(Frame(light(), "photons"), draws={"shot_noise": torch.zeros(1, 1, 3, 3)})


def test_draws_that_nobody_wants_or_that_are_missing_are_named():
    with pytest.raises(CampipeError, match="no stage 'shot' draws anything here; there are adc, black_level"):
        sensor()(Frame(light(), "photons"), draws={**given(), "shot": torch.zeros(1)})
    less = {name: d for name, d in given().items() if name != "row_noise"}
    with pytest.raises(CampipeError, match="draws were given, but none for 'row_noise'"):
        sensor()(Frame(light(), "photons"), draws=less)


def test_the_whole_sensor_compiles_to_one_graph():
    module = Readout()
    compiled = torch.compile(module, fullgraph=True, backend="aot_eager")
    assert torch.equal(compiled(*arguments()), module(*arguments()))


def test_a_sensor_with_a_fixed_pattern_compiles_to_one_graph():
    s = FrameSensor(W, H, "RGGB", 3, prnu=0.05, prnu_row=0.02, dsnu=2.0, read_noise=2.0, gain=0.7, black_level=64, bits=12)
    named = {name: draw for name, draw in given().items() if name in ("shot_noise", "read_noise")}
    named |= {"prnu.pixel": torch.randn(1, 1, H, W), "prnu.row": torch.randn(1, 1, H, 1), "dsnu.pixel": torch.randn(1, 1, H, W)}
    compiled = torch.compile(lambda photons: s.expose(photons, draws=named).data, fullgraph=True, backend="aot_eager")
    assert torch.equal(compiled(light()), s.expose(light(), draws=named).data)


def test_the_whole_sensor_exports():
    module = Readout()
    program = torch.export.export(module, arguments())
    assert torch.equal(program.module()(*arguments()), module(*arguments()))


@pytest.mark.parametrize("rate", [10.0, 100.0, 1000.0])
def test_the_expanded_count_has_the_distance_from_the_law_that_its_docstring_states(rate):
    """By integration: the probability of each count is the normal mass between the points where the expansion steps."""
    from scipy import optimize, stats

    from campipe.testing.statistics import total_variation

    ks = torch.arange(int(stats.poisson.ppf(1e-9, rate)), int(stats.poisson.isf(1e-9, rate)) + 1)

    def value(w):
        r = torch.tensor(rate, dtype=torch.float64)
        root = r.sqrt()
        return float(r + root * w + (1 / 3 + w**2 / 6) - (w / 36 + w**3 / 72) / root + (-8 / 405 + 7 * w**2 / 810 + w**4 / 270) / r)

    steps = [optimize.brentq(lambda w, k=int(k): value(w) - k, -8, 9) for k in ks]
    mass = stats.norm.cdf(steps[1:]) - stats.norm.cdf(steps[:-1])
    distance = total_variation(mass, stats.poisson.pmf(ks[:-1], rate))
    assert distance < {10.0: 1.5e-4, 100.0: 1.3e-6, 1000.0: 1.3e-8}[rate]
    sample = torch.linspace(-4, 4, 1001, dtype=torch.float64)
    expected = torch.tensor([value(float(w)) for w in sample]).floor()
    assert torch.equal(expanded_count(torch.full((1001,), rate, dtype=torch.float64), sample), expected)


@pytest.mark.parametrize("rate", [0.5, 1.0, 2.0])
def test_the_expanded_count_at_low_rates_is_as_far_from_the_law_as_its_docstring_states(rate):
    """On a lattice of 400,000 quantiles, whose own error is below 1e-4: one quantile for each of some twenty counts."""
    from scipy import stats

    from campipe.testing.statistics import total_variation

    n = 400_000
    quantiles = torch.from_numpy(stats.norm.ppf((torch.arange(n).double() + 0.5).numpy() / n))
    seen = torch.bincount(expanded_count(torch.full((n,), rate, dtype=torch.float64), quantiles).long()).numpy() / n
    distance = total_variation(seen, stats.poisson.pmf(range(len(seen)), rate))
    assert 1e-3 < distance < 6e-3 + 1e-4


def test_the_ideal_of_a_batch_maps_over_its_items():
    s = sensor()
    batch = Frame(light().expand(3, -1, -1, -1) * torch.tensor([1.0, 0.5, 0.2]).reshape(3, 1, 1, 1), "photons")
    mapped = torch.vmap(lambda d: s(Frame(d[None], "photons"), noise=False).data[0])(batch.data)
    assert torch.equal(mapped, s(batch, noise=False).data)


def test_double_precision_takes_the_stages_and_the_same_counts():
    s = FrameSensor(W, H, "RGGB", 3, gain=1.0, black_level=0, bits=16)
    single, double = (s(Frame(light().to(t), "photons"), key=Key(2)).data for t in (torch.float32, torch.float64))
    assert double.dtype == torch.float64
    assert (single != double).float().mean() < 0.01  # the rate's last bit decides where a word stands on a step
    assert draws.normal(Key(1), Frame(light()[:, :1], "rate").grid(), dtype=torch.float64).dtype == torch.float64
