"""What hangs on a key: the promises about who draws what."""

import pytest
import torch

from campipe.core.frame import Capture, Frame
from campipe.core.pipeline import Pipeline
from campipe.core.random import Key
from campipe.core.stage import Stage
from campipe.sensor import FrameSensor

H, W = 96, 160


def sensor(serial=3, **changes):
    numbers = dict(
        prnu=0.02, prnu_row=0.01, dsnu=1.0, dsnu_column=0.5, dark_current=5.0, read_noise=2.0, row_noise=0.7, gain=0.7, post_read_noise=0.5
    )
    return FrameSensor(W, H, "RGGB", serial, black_level=64, bits=14, **{**numbers, **changes})


def light(batch=4):
    ramp = torch.linspace(0.2, 3000, H * W).reshape(1, 1, H, W)
    return ramp.expand(batch, 3, H, W) * torch.linspace(0.5, 1, batch).reshape(-1, 1, 1, 1)


def frame(batch=4, **capture):
    return Frame(light(batch), "photons", Capture(seconds=0.5, **capture))


def test_the_same_key_and_frame_give_the_same_noise_and_another_key_another():
    s = sensor()
    a, b, c = (s(frame(), key=k).data for k in (Key(1), Key(1), Key(1 + 2**32)))
    assert torch.equal(a, b)
    assert (a != c).float().mean() > 0.9


def test_an_item_gets_the_same_draws_alone_in_a_batch_and_in_any_order():
    s = sensor()
    whole = s(frame(item=torch.tensor([10, 11, 12, 13])), key=Key(5)).data
    alone = s(Frame(light()[2:3], "photons", Capture(seconds=0.5)), key=Key(5).items([12])).data
    order = torch.tensor([3, 1, 0, 2])
    shuffled = s(Frame(light()[order], "photons", Capture(seconds=0.5)), key=Key(5).items([13, 11, 10, 12])).data
    assert torch.equal(alone, whole[2:3])
    assert torch.equal(shuffled, whole[order])


@pytest.mark.parametrize(("y", "x", "h", "w"), [(0, 0, 32, 64), (16, 32, 40, 50), (1, 3, 33, 47), (2, 65, 94, 95), (95, 159, 1, 1)])
def test_a_crop_draws_what_the_same_region_of_the_full_frame_draws(y, x, h, w):
    s = sensor()
    whole = s(frame(), key=Key(5))
    assert torch.equal(s(frame().crop(y, x, h, w), key=Key(5)).data, whole.data[..., y : y + h, x : x + w])
    assert s(frame().crop(y, x, h, w), key=Key(5)).capture.pattern == whole.crop(y, x, h, w).capture.pattern


def test_temporal_noise_differs_between_frames_and_the_fixed_pattern_does_not():
    s = sensor()
    a, b = (s(frame(frame=torch.full((4,), n)), key=Key(5)) for n in (0, 1))
    assert (a.data != b.data).float().mean() > 0.9
    assert torch.equal(s.moments(frame(frame=torch.zeros(4))).mean, s.moments(frame(frame=torch.ones(4))).mean)


def test_the_fixed_pattern_hangs_on_the_serial_number_alone():
    one, same, other = (sensor(n).moments(frame()).mean for n in (3, 3, 4))
    assert torch.equal(one, same)
    assert (one - other).std() > 1


class Nothing(Stage):
    """Passes what comes."""

    def transform(self, frame, shot):
        return frame


def test_adding_a_stage_does_not_change_another_stages_draws():
    s = sensor()
    plain = Pipeline([sensor()])(frame(), key=Key(5)).data
    more = Pipeline([Nothing(name="a"), sensor(), Nothing(name="b")])(frame(), key=Key(5)).data
    assert torch.equal(plain, more)
    without = FrameSensor(W, H, "RGGB", 3, read_noise=2.0, gain=0.7, black_level=64, bits=14)
    with_row = FrameSensor(W, H, "RGGB", 3, read_noise=2.0, row_noise=0.5, gain=0.7, black_level=64, bits=14)
    rows = (with_row(frame(), key=Key(5)).data - without(frame(), key=Key(5)).data) / 0.7
    assert (rows - rows.mean(-1, keepdim=True)).abs().max() <= 2 / 0.7  # what is left is the rounding of either
    assert s.name == "sensor"


def test_threads_do_not_matter():
    s, before = sensor(), torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = s(frame(), key=Key(5)).data
        torch.set_num_threads(2)
        two = s(frame(), key=Key(5)).data
    finally:
        torch.set_num_threads(before)
    assert torch.equal(one, two)


def test_results_are_bit_identical_with_and_without_gradient():
    """Without gradient one fused kernel runs; with gradient the stages run one by one."""
    s = sensor()
    fused = s(frame(), key=Key(5)).data
    staged = s(Frame(light().clone().requires_grad_(), "photons", Capture(seconds=0.5)), key=Key(5)).data
    assert staged.requires_grad and not fused.requires_grad
    assert torch.equal(fused, staged.detach())


@pytest.mark.parametrize("pattern", ["RGGB", "BGGR", "GRBG", "GBRG", None])
@pytest.mark.parametrize("shape", [None, -0.1])
def test_fused_equals_staged_for_every_option(pattern, shape):
    options = dict(prnu=0.02, dsnu=1.0, dark_current=5.0, read_noise=2.0, read_shape=shape, row_noise=0.7, post_read_noise=0.5)
    table = [[60.0, 64.0], [66.0, 70.0]] if pattern else 64.0
    for off in (None, *options):
        if off == "read_shape":
            continue
        numbers = {k: v for k, v in options.items() if k != off}
        efficiency = [0.3, 0.5, 0.4] if off == "dsnu" else 0.6
        s = FrameSensor(W, H, pattern, 3, quantum_efficiency=efficiency, gain=0.7, full_well=1500.5, black_level=table, bits=12, **numbers)
        data = light(2) if pattern else light(2)[:, :1]
        parameters = {"gain": torch.tensor([0.7, 1.3]), "read_noise": torch.tensor([2.0, 0.5])} if off != "read_noise" else {}
        plain = s(Frame(data, "photons", Capture(seconds=0.5)), key=Key(5), parameters=parameters)
        graded = s(Frame(data.clone().requires_grad_(), "photons", Capture(seconds=0.5)), key=Key(5), parameters=parameters)
        assert torch.equal(plain.data, graded.data.detach()), off
        for name, value in plain.capture.tensors().items():
            assert torch.equal(value, getattr(graded.capture, name)), name


def test_views_and_times_have_draws_of_their_own():
    s = sensor(prnu=0.0, prnu_row=0.0, dsnu=0.0, dsnu_column=0.0)
    burst = Frame(light(1)[:, None, None].expand(1, 2, 3, 3, H, W), "photons", Capture(seconds=0.5))
    out = s(burst, key=Key(5)).data
    single = s(Frame(light(1), "photons", Capture(seconds=0.5, frame=torch.tensor([2]))), key=Key(5)).data
    assert torch.equal(out[:, 0, 2], single)
    planes = out.reshape(6, -1)
    assert all((planes[i] != planes[j]).float().mean() > 0.9 for i in range(6) for j in range(i))


def test_items_keep_the_numbers_that_their_key_gave_them():
    s = sensor()
    batch = s(Frame(light(3), "photons", Capture(seconds=0.5)), key=Key(5).items([7, 8, 9]))
    assert batch.capture.item.tolist() == [7, 8, 9] and batch.item(1).capture.item.tolist() == [8]
