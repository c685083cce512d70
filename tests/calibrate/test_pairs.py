"""Two frames of one exposure tell noise from pattern."""

import numpy as np
import pytest
import torch

from campipe.calibrate.pairs import joined, pair_statistics
from campipe.core.errors import CampipeError, ShapeError
from campipe.core.frame import Capture, Frame
from campipe.core.random import Key
from campipe.sensor import FrameSensor


def draws(seed, *shape, mean=500.0, std=20.0):
    generator = torch.Generator().manual_seed(seed)
    return (mean + std * torch.randn(*shape, generator=generator)).round()


@pytest.mark.parametrize("pattern", [None, "GRBG"])
@pytest.mark.parametrize("kind", ["float32", "uint16"])
def test_the_compiled_pass_and_torch_say_the_same(kind, pattern):
    a, b = (draws(i, 45, 61).numpy().astype(kind) for i in (1, 2))
    fast = pair_statistics(a, b, pattern=pattern, roi=(3, 5, 40, 51), white=520)
    slow = pair_statistics(torch.tensor(a.astype(float)), torch.tensor(b.astype(float)), pattern=pattern, roi=(3, 5, 40, 51), white=520)
    assert fast.planes == slow.planes
    for name in ("mean", "variance", "variance_error", "spatial_variance", "shift", "pixels", "saturated", "clipped", "freedom"):
        torch.testing.assert_close(getattr(fast, name), getattr(slow, name), rtol=1e-10, atol=1e-10)


def test_every_number_is_the_textbook_one_on_every_plane():
    a, b = draws(1, 40, 50), draws(2, 40, 50)
    found = pair_statistics(a, b, pattern="RGGB", white=530.0)
    for i, (y, x) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1)]):
        p, q = (t[y::2, x::2].double().numpy() for t in (a, b))
        assert float(found.mean[i]) == pytest.approx((p.mean() + q.mean()) / 2, rel=1e-12)
        assert float(found.variance[i]) == pytest.approx((p - q).var(ddof=1) / 2, rel=1e-10)
        assert float(found.spatial_variance[i]) == pytest.approx(np.cov(p.ravel(), q.ravel())[0, 1], rel=1e-8)
        assert float(found.shift[i]) == pytest.approx(p.mean() - q.mean(), rel=1e-9)
        assert float(found.saturated[i]) == pytest.approx(((p >= 530).mean() + (q >= 530).mean()) / 2)


def test_neither_a_fixed_pattern_nor_a_change_of_light_moves_the_temporal_variance():
    a, b, pattern = draws(1, 64, 64), draws(2, 64, 64), draws(3, 64, 64, mean=0, std=80.0)
    bare, more = pair_statistics(a, b), pair_statistics(a + pattern + 37, b + pattern)
    assert float(more.variance) == pytest.approx(float(bare.variance), rel=1e-9)
    assert float(more.shift - bare.shift) == pytest.approx(37, rel=1e-9)
    # The covariance scatters by sqrt((s^2 + t^2)^2 + s^4) / 64, with s^2 of the pattern and t^2 of the noise.
    truth = float(pattern.double().var())
    assert abs(float(more.spatial_variance) - truth) < 5 * (2 * truth * 400 + 400**2) ** 0.5 / 64


@pytest.mark.parametrize("row_noise", [0.0, 4.0])
def test_the_error_of_the_variance_is_its_scatter(row_noise):
    repeats = 200
    sensor = FrameSensor(48, 48, None, read_noise=5.0, row_noise=row_noise, gain=1.0, black_level=100.0)
    frames = sensor.expose(torch.zeros(2 * repeats, 1, 48, 48), key=Key(7))
    pairs = [pair_statistics(frames.item(2 * i), frames.item(2 * i + 1)) for i in range(repeats)]
    z = torch.tensor([float((p.variance - 25 - row_noise**2 - 1 / 12) / p.variance_error) for p in pairs])
    # The whole-frame offset takes one of 48 rows' worth of row noise with it, a bias below 0.2 errors. The standard deviation of 200
    # z-scores has an error of 1 / sqrt(400), and Student's law of 47 degrees widens it by 2 %.
    assert abs(float(z.mean())) < 5 / repeats**0.5 + 0.2
    assert abs(float(z.std()) - 1.02) < 4.5 / (2 * repeats) ** 0.5


@pytest.mark.parametrize(("top", "fraction"), [(4095, 0.25), (4000, 0.0)])
def test_without_a_white_level_the_top_of_the_converter_is_saturation(top, fraction):
    a = torch.full((8, 8), 100.0)
    a[:4, :4] = top
    a[7, :4] = 0
    found = pair_statistics(a, a)
    assert float(found.saturated) == fraction
    assert float(found.clipped) == 4 / 64


def test_the_capture_knows_white_level_time_and_iso():
    white = torch.tensor([[[10.0, 99.0], [99.0, 99.0]]])
    capture = Capture(pattern="RGGB", white_level=white, seconds=torch.tensor([0.5]), iso=torch.tensor([200.0]))
    frame = Frame(torch.full((1, 1, 8, 8), 20.0), "dn", capture)
    found = pair_statistics(frame, frame, photons=3.0)
    assert (found.seconds, found.iso, found.photons, found.planes) == (0.5, 200.0, 3.0, ("R", "Gr", "Gb", "B"))
    assert found.saturated.tolist() == [1, 0, 0, 0]
    moved = pair_statistics(frame, frame, roi=(1, 1, 6, 6))
    assert (moved.planes, moved.saturated.tolist()) == (("B", "Gb", "Gr", "R"), [0, 0, 0, 1])


def test_the_number_of_threads_changes_no_bit():
    a, b = draws(1, 300, 700), draws(2, 300, 700)
    one = pair_statistics(a, b, pattern="RGGB")
    torch.set_num_threads(2)
    try:
        two = pair_statistics(a, b, pattern="RGGB")
    finally:
        torch.set_num_threads(1)
    assert torch.equal(one.variance, two.variance)
    assert torch.equal(one.variance_error, two.variance_error)


def test_joined_pairs_are_their_mean_and_the_items_of_a_batch_are_pairs():
    frames = draws(5, 6, 1, 32, 32)
    pairs = [pair_statistics(frames[i : i + 1], frames[i + 3 : i + 4], seconds=1.0) for i in range(3)]
    batch = pair_statistics(frames[:3], frames[3:], seconds=1.0)
    whole = joined(pairs)
    assert whole.pairs == batch.pairs == 3
    assert float(whole.variance) == pytest.approx(sum(float(p.variance) for p in pairs) / 3)
    assert float(whole.variance_error) == pytest.approx(sum(float(p.variance_error) ** 2 for p in pairs) ** 0.5 / 3)
    assert torch.equal(whole.variance, batch.variance)
    assert (whole.seconds, float(whole.pixels)) == (1.0, 3 * 1024)


def test_pairs_that_are_none_are_refused():
    a = torch.ones(8, 8)
    with pytest.raises(ShapeError, match="one size"):
        pair_statistics(a, torch.ones(8, 9))
    with pytest.raises(ShapeError, match="does not lie inside"):
        pair_statistics(a, a, roi=(0, 0, 9, 8))
    with pytest.raises(ShapeError, match="raw frames"):
        pair_statistics(torch.ones(1, 3, 8, 8), torch.ones(1, 3, 8, 8))
    with pytest.raises(CampipeError, match="finite"):
        pair_statistics(a, a * torch.nan)
    frames = [Frame(torch.ones(1, 1, 8, 8), "dn", Capture(seconds=torch.tensor([t]))) for t in (1.0, 2.0)]
    with pytest.raises(CampipeError, match=r"share their seconds, but 1\.0 and 2\.0"):
        pair_statistics(*frames)
