"""A loss taken behind rendering: what it is, what it reaches, and what it refuses."""

from __future__ import annotations

import pytest
import torch

from campipe.core.errors import SpaceError
from campipe.core.frame import Frame
from campipe.core.pipeline import Pipeline
from campipe.isp import Exposure, SrgbEncode, ToneCurve
from campipe.measure.losses import AnnealedL0Loss, CharbonnierLoss, L2Loss, Rendered
from campipe.ops.colour import srgb_encode


def linear(seed: int = 0, *, shape: tuple[int, ...] = (2, 3, 12, 14), scale: float = 1.0) -> Frame:
    return Frame(scale * torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64), "linear")


def encoding() -> Pipeline:
    return Pipeline([SrgbEncode(name="srgb")])


def test_the_loss_is_that_of_the_pictures():
    x, y = linear(0), linear(1)
    ours = Rendered(L2Loss(), encoding())(x, y)
    assert ours.item() == pytest.approx((srgb_encode(x.data) - srgb_encode(y.data)).square().mean().item(), rel=1e-12)
    assert ours.item() != pytest.approx((x.data - y.data).square().mean().item(), rel=0.01)


def test_a_finished_picture_is_taken_as_it_is():
    x, y = linear(0), linear(1)
    loss = Rendered(L2Loss(), encoding())
    assert torch.equal(loss(x, y), loss(x, Frame(srgb_encode(y.data), "display")))


def test_the_gradient_is_that_of_the_chain():
    y = linear(1, shape=(1, 3, 4, 4))
    loss = Rendered(L2Loss(reduction="none"), Pipeline([Exposure(), ToneCurve(), SrgbEncode(name="srgb")]))
    data = (0.05 + linear(0, shape=(1, 3, 4, 4), scale=0.9).data).requires_grad_()
    assert torch.autograd.gradcheck(lambda t: loss(Frame(t, "linear"), y), data)


def test_dark_errors_weigh_more_behind_rendering():
    # The same error of 0.01 in linear light, in the dark and in the light: the curve of sRGB has a slope of 3.9 at 0.02 and 0.5 at 0.8.
    loss = Rendered(L2Loss(reduction="none"), encoding())
    y = Frame(torch.tensor([0.02, 0.8]).reshape(2, 1, 1, 1).expand(2, 3, 4, 4).contiguous(), "linear")
    dark, light = loss(y.replace(data=y.data + 0.01), y).tolist()
    expected = [(srgb_encode(torch.tensor(v + 0.01)) - srgb_encode(torch.tensor(v))).item() ** 2 for v in (0.02, 0.8)]
    assert [dark, light] == pytest.approx(expected, rel=1e-3)
    assert dark > 30 * light


def test_options_parameters_and_views_are_handed_on():
    x, y = linear(0, shape=(1, 2, 3, 3, 12, 14)), linear(1, shape=(1, 2, 3, 3, 12, 14))
    each = Rendered(L2Loss(reduction="none"), encoding())(x, y)
    assert each.shape == (6,)  # views and times are pictures
    annealed = Rendered(AnnealedL0Loss(100, reduction="none"), encoding())
    assert torch.allclose(annealed(x, y, step=0), each, rtol=1e-6)
    brighter = Rendered(L2Loss(), Pipeline([Exposure()]))
    x, y = linear(0), linear(1)
    assert brighter(x, y, parameters={"exposure.ev": 1.0}).item() == pytest.approx(4 * brighter(x, y).item(), rel=1e-6)


def test_training_in_linear_light_lowers_the_loss_of_the_picture():
    y = linear(1, shape=(1, 3, 16, 16))
    data = (0.7 * y.data + 0.1).requires_grad_()
    loss = Rendered(CharbonnierLoss(), encoding())
    before = loss(Frame(data, "linear"), y).item()
    optimiser = torch.optim.Adam([data], lr=0.01)
    for _ in range(20):
        optimiser.zero_grad()
        loss(Frame(data, "linear"), y).backward()
        optimiser.step()
    assert loss(Frame(data, "linear"), y).item() < 0.5 * before


def test_frames_from_elsewhere_are_refused():
    loss = Rendered(L2Loss(), encoding())
    with pytest.raises(SpaceError):
        loss(Frame(linear().data, "camera"), linear())
    with pytest.raises(SpaceError, match="a target in 'linear', or a picture in 'display'"):
        loss(linear(), Frame(linear().data, "camera"))
