from __future__ import annotations

import numpy as np
import pytest
import torch

from campipe import isp
from campipe.core.errors import CampipeError, ShapeError
from campipe.core.frame import Capture, Frame
from campipe.ops import dual_illuminant as ops
from campipe.ops import illuminants
from campipe.ops.colour import D50, adaptation, cam_to_srgb, xyz_to_srgb

# A camera under standard light A and under D65.
FIRST = torch.tensor([[0.9512, -0.3306, 0.0012], [-0.4406, 1.2110, 0.2580], [-0.0715, 0.1712, 0.7102]], dtype=torch.float64)
SECOND = torch.tensor([[0.9020, -0.2890, -0.0715], [-0.4535, 1.2436, 0.2348], [-0.0934, 0.1919, 0.7086]], dtype=torch.float64)
CCT = (2850.0, 6500.0)
FORWARD = (
    torch.tensor([[0.70, 0.20, 0.06], [0.27, 0.85, -0.12], [0.01, -0.12, 0.93]], dtype=torch.float64),
    torch.tensor([[0.68, 0.18, 0.10], [0.25, 0.80, -0.05], [0.02, -0.15, 0.95]], dtype=torch.float64),
)


def test_at_the_lights_the_matrices_are_the_single_ones():
    for cct, matrix in zip(CCT, (FIRST, SECOND), strict=True):
        assert torch.allclose(ops.interpolated(FIRST, SECOND, CCT, torch.tensor(cct)), matrix, rtol=1e-12)
    for cct, matrix in ((1800.0, FIRST), (9000.0, SECOND)):  # outside the nearest
        assert torch.equal(ops.interpolated(FIRST, SECOND, CCT, torch.tensor(cct)), matrix)
    middle = ops.interpolated(FIRST, SECOND, CCT, 2 / (1 / torch.tensor(CCT[0]) + 1 / torch.tensor(CCT[1])))
    assert torch.allclose(middle, (FIRST + SECOND) / 2, rtol=1e-6)  # half way in 1/T
    assert torch.allclose(
        ops.interpolated(SECOND, FIRST, CCT[::-1], torch.tensor(4000.0)), ops.interpolated(FIRST, SECOND, CCT, torch.tensor(4000.0))
    )


def test_white_points_come_back_from_neutrals():
    xy = illuminants.light_xy(torch.linspace(1800, 12000, 200))
    xy = xy + 0.02 * torch.randn(200, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    neutral = ops.neutral_of_xy(xy, FIRST, SECOND, CCT)
    assert float(neutral.amax(-1).sub(1).abs().max()) < 1e-12
    assert float((ops.xy_of_neutral(neutral, FIRST, SECOND, CCT) - xy).abs().max()) < 1e-9


def test_the_white_point_is_that_of_the_specifications_iteration():
    import colour

    neutral = torch.tensor([0.62, 1.0, 0.49], dtype=torch.float64)
    xy = np.array([0.3457, 0.3585])
    for _ in range(10):
        cct = colour.temperature.uv_to_CCT_Krystek1985(colour.UCS_to_uv(colour.XYZ_to_UCS(colour.xy_to_XYZ(xy))))
        g = np.clip((1 / cct - 1 / CCT[1]) / (1 / CCT[0] - 1 / CCT[1]), 0, 1)
        xyz = np.linalg.solve(g * FIRST.numpy() + (1 - g) * SECOND.numpy(), neutral.numpy())
        xy = xyz[:2] / xyz.sum()
    np.testing.assert_allclose(ops.xy_of_neutral(neutral, FIRST, SECOND, CCT).numpy(), xy, atol=1e-6)


@pytest.mark.parametrize("forward", [None, FORWARD], ids=["inverse", "forward"])
@pytest.mark.parametrize("cct", [2300.0, 2850.0, 4100.0, 6500.0])
def test_neutral_is_white(forward, cct):
    neutral = ops.neutral_of_xy(illuminants.light_xy(torch.tensor([cct])), FIRST, SECOND, CCT)
    to_xyz = ops.balanced_to_xyz(neutral, FIRST, SECOND, CCT, forward)
    assert torch.allclose(to_xyz.sum(-1), D50.expand(1, 3), rtol=1e-9)
    assert torch.allclose(ops.balanced_to_srgb(neutral, FIRST, SECOND, CCT, forward).sum(-1), torch.ones(1, 3, dtype=torch.float64))


def test_a_surface_keeps_its_colour_as_adapted_by_bradford():
    # What the camera reads of any XYZ under the light goes to that XYZ adapted to D50, by way of the matrix under that very light.
    xy = illuminants.daylight_xy(torch.tensor(5200.0))
    matrix = ops.interpolated(FIRST, SECOND, CCT, illuminants.xy_to_cct(xy))
    surface = torch.tensor([0.3, 0.25, 0.12], dtype=torch.float64)
    reading, neutral = matrix @ surface, ops.neutral_of_xy(xy, FIRST, SECOND, CCT)
    white = illuminants.xy_to_xyz(xy)
    found = ops.balanced_to_xyz(neutral, FIRST, SECOND, CCT) @ (reading / (matrix @ white))
    assert torch.allclose(found, adaptation(white, D50) @ surface, rtol=1e-9)


def test_two_equal_matrices_are_a_single_one():
    wb = (1 / ops.neutral_of_xy(illuminants.xyz_to_xy(torch.tensor([0.95047, 1.0, 1.08883])), SECOND, SECOND, CCT))[None]
    frame = Frame(torch.rand(1, 3, 4, 4, dtype=torch.float64), "camera", Capture(wb=wb / wb[:, 1:2]))
    out = isp.DualIlluminantMatrix(SECOND, SECOND)(frame)
    single = isp.ColourMatrix(cam_to_srgb(SECOND))(frame)
    # Under D65 the way by D50 is the way by D65; sRGB's matrix has seven digits.
    assert torch.allclose(out.data, single.data, atol=2e-5)
    assert torch.allclose(out.capture.cam_to_srgb[0].double(), cam_to_srgb(SECOND), atol=2e-5)


def test_forward_matrices_are_used_as_they_are():
    wb = (1 / ops.neutral_of_xy(illuminants.light_xy(torch.tensor(2850.0)), FIRST, SECOND, CCT))[None]
    frame = Frame(torch.rand(1, 3, 4, 4, dtype=torch.float64), "camera", Capture(wb=wb))
    out = isp.DualIlluminantMatrix(FIRST, SECOND, *CCT, *FORWARD)(frame).capture.cam_to_srgb[0].double()
    white = FORWARD[0] * (D50 / FORWARD[0].sum(1))[:, None]
    expected = xyz_to_srgb(white)
    weight = (illuminants.xy_to_cct(illuminants.light_xy(torch.tensor(2850.0))) - 2850).abs()  # Krystek's 0.1 %
    assert float(weight) < 5 and torch.allclose(out, expected / expected.sum(-1, keepdim=True), atol=2e-4)


def test_matrices_are_learned():
    wb = torch.tensor([[1.9, 1.0, 1.6]])
    frame = Frame(torch.rand(1, 3, 4, 4, generator=torch.Generator().manual_seed(0)), "camera", Capture(wb=wb))
    stage = isp.DualIlluminantMatrix(FIRST, SECOND, name="matrix")
    leaves = stage.trainable("matrix_1", "matrix_2")
    stage(frame).data.square().mean().backward()
    assert all(leaf.grad is not None and bool((leaf.grad != 0).any()) for leaf in leaves)


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: isp.DualIlluminantMatrix(FIRST, SECOND, 5000, 5000), CampipeError, "two colour temperatures"),
        (lambda: isp.DualIlluminantMatrix(FIRST, [1.0]), ShapeError, "matrix_2"),
        (lambda: isp.DualIlluminantMatrix(FIRST, SECOND, forward_1=FORWARD[0]), CampipeError, "both lights"),
        (lambda: isp.DualIlluminantMatrix(FIRST, SECOND)(Frame(torch.rand(1, 3, 2, 2), "camera")), CampipeError, "white-balance gains"),
    ],
)
def test_bad_input_is_refused_in_one_line(make, error, match):
    with pytest.raises(error, match=match) as caught:
        make()
    assert "\n" not in str(caught.value)
