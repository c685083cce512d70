from __future__ import annotations

import numpy as np
import pytest
import torch

from campipe.calibrate.colour import fit_colour_matrix, patch_means, white_balance_from_patch
from campipe.core.errors import CampipeError, ShapeError
from campipe.core.frame import Capture, Frame
from campipe.isp import ColourMatrix, Levels, WhiteBalance
from campipe.ops.colour import D50, D65, SRGB_TO_XYZ, adaptation

MATRIX = torch.tensor([[1.7, -0.5, -0.2], [-0.25, 1.6, -0.35], [0.02, -0.55, 1.53]], dtype=torch.float64)
GAINS = torch.tensor([1.9, 1.0, 1.4], dtype=torch.float64)
# (y, x) of the field of patches in the real frame, found by eye: begin of dark skin, end of bluish green, end of black, begin of white.
CORNERS = ((379, 515), (382, 1361), (927, 1344), (916, 527))
CHECKERBOARD = torch.arange(24) // 6 % 2 == torch.arange(24) % 2


def chart() -> tuple[torch.Tensor, np.ndarray]:
    """The 24 patches as linear sRGB (24, 3), and as XYZ under D50: BabelColor's means of charts made after November 2014."""
    import colour

    values = colour.CCS_COLOURCHECKERS["ColorChecker24 - After November 2014"].data.values()
    xyz = np.array([colour.xyY_to_XYZ(v) for v in values])
    to_srgb = torch.linalg.inv(SRGB_TO_XYZ) @ adaptation(D50, D65)
    return torch.from_numpy(xyz) @ to_srgb.T, xyz


def colour_differences(linear: torch.Tensor, xyz: np.ndarray) -> np.ndarray:
    """CIEDE2000 of linear sRGB against XYZ under D50, by colour-science."""
    import colour

    white = colour.XYZ_to_xy(D50.numpy())
    found = linear.double() @ (adaptation(D65, D50) @ SRGB_TO_XYZ).T
    return colour.delta_E(colour.XYZ_to_Lab(found.numpy(), white), colour.XYZ_to_Lab(xyz, white), method="CIE 2000")


def drawn(colours: torch.Tensor, corners: tuple, size: tuple[int, int] = (160, 220)) -> torch.Tensor:
    """Patches drawn into a picture whose corners lie so, (1, 3, H, W), with black gaps; by scikit-image's projective map."""
    from skimage.transform import estimate_transform

    there = estimate_transform("projective", np.array([(x, y) for y, x in corners]), np.array([(0, 0), (6, 0), (6, 4), (0, 4)]))
    y, x = np.meshgrid(*(np.arange(n) for n in size), indexing="ij")
    u, v = there(np.stack([x.ravel(), y.ravel()], 1)).T
    inside = (u >= 0) & (u < 6) & (v >= 0) & (v < 4) & (abs(u % 1 - 0.5) < 0.42) & (abs(v % 1 - 0.5) < 0.42)
    number = np.where(inside, np.floor(v) * 6 + np.floor(u), 24).astype(int)
    picture = torch.cat([colours.double(), torch.zeros(1, 3, dtype=torch.float64)])[number]
    return picture.reshape(*size, 3).permute(2, 0, 1)[None]


ASKEW = ((12.0, 20.0), (25.0, 200.0), (150.0, 190.0), (140.0, 10.0))


def test_patches_of_a_chart_that_lies_askew_are_read():
    colours = torch.rand(24, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    picture = drawn(colours, ASKEW)
    assert torch.allclose(patch_means(Frame(picture, "camera"), ASKEW)[0], colours, atol=1e-12)
    table = torch.tensor([[0, 1], [1, 2]]).repeat(80, 110)
    mosaic = Frame(picture.gather(1, table[None, None]), "mosaic", Capture(pattern="RGGB"))
    assert torch.allclose(patch_means(mosaic, ASKEW)[0], colours, atol=1e-12)


def test_clipped_patches_are_marked_and_gradients_flow():
    colours = torch.full((24, 3), 0.3, dtype=torch.float64)
    colours[18, 1] = 1.0
    frame = Frame(drawn(colours, ASKEW).requires_grad_(), "camera")
    means = patch_means(frame, ASKEW, clip=0.99)[0]
    assert torch.isnan(means).nonzero().tolist() == [[18, 1]]
    patch_means(frame, ASKEW)[0, 3, 2].backward()
    assert float(frame.data.grad.sum()) == pytest.approx(1.0) and float(frame.data.grad[:, :2].abs().max()) == 0


@pytest.mark.parametrize("preserve_white", [True, False])
def test_the_matrix_and_the_gains_that_were_planted_come_back(preserve_white):
    target, _ = chart()
    camera = target @ torch.linalg.inv(MATRIX).T * 0.6 / GAINS  # rows of the matrix sum to 1
    gains = white_balance_from_patch(camera[20])
    neutral = torch.linalg.inv(MATRIX) @ target[20]  # the grey of the chart is not quite neutral
    assert torch.allclose(gains, GAINS * neutral[1] / neutral, rtol=1e-9)
    matrix, exposure = fit_colour_matrix(camera * GAINS, target, preserve_white=preserve_white)
    assert torch.allclose(matrix, MATRIX, atol=1e-9) and exposure == pytest.approx(1 / 0.6)
    stage = Frame((camera * GAINS).T.reshape(1, 3, 24, 1) * exposure, "camera")
    assert torch.allclose(ColourMatrix(matrix)(stage).data.reshape(3, 24).T, target, atol=1e-6)


def test_white_stays_white_to_the_bit_under_noise():
    target, xyz = chart()
    noisy = target + 0.02 * torch.randn(24, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    matrix, _ = fit_colour_matrix(noisy, target)
    assert torch.allclose(matrix.sum(1), torch.ones(3, dtype=torch.float64), atol=1e-14)
    matrix, _ = fit_colour_matrix(noisy, torch.from_numpy(xyz), white=D50.tolist())
    assert torch.allclose(matrix.sum(1), D50, atol=1e-14)
    # The constraint costs: nine free numbers fit no worse, and do move white.
    free, exposure = fit_colour_matrix(noisy, target, preserve_white=False)
    kept, other = fit_colour_matrix(noisy, target)
    errors = [float(((noisy * e) @ m.T - target).square().sum()) for m, e in ((free, exposure), (kept, other))]
    assert errors[0] <= errors[1] and float((free.sum(1) - 1).abs().max()) > 1e-3


@pytest.mark.parametrize(("half", "fitted_limit", "held_limit"), [("even", 3.5, 5.0), ("odd", 3.5, 4.0)])
def test_a_real_chart_is_seen_in_its_colours(shared, figure, half, fitted_limit, held_limit):
    raw = np.fromfile(shared / "raw" / "colorchecker_1920x1080_12bit_bggr.raw", dtype="<u2").reshape(1080, 1920)
    frame = Levels(50.0, 4092.0)(Frame(torch.from_numpy(raw.astype(np.float32))[None, None], "dn", Capture(pattern="BGGR")))
    measured = patch_means(frame, CORNERS, clip=1.0)[0]
    whole = ~torch.isnan(measured).any(1)
    assert whole.tolist() == [i != 18 for i in range(24)]  # white is blown in green
    target, xyz = chart()
    gains = white_balance_from_patch(measured[20])
    fit = (CHECKERBOARD if half == "even" else ~CHECKERBOARD) & whole
    matrix, exposure = fit_colour_matrix(measured[fit] * gains, target[fit])
    balanced = WhiteBalance(gains)(Frame(measured.nan_to_num().T.reshape(1, 3, 24, 1) * exposure, "camera"))
    difference = colour_differences(ColourMatrix(matrix)(balanced).data.reshape(3, 24).T, xyz)
    held = whole & ~fit
    figure(f"ColorChecker raw, mean CIEDE2000 of the patches fitted to ({half} half)", difference[fit].mean(), f"<= {fitted_limit}")
    figure(f"ColorChecker raw, mean CIEDE2000 of the other patches ({half} half)", difference[held].mean(), f"<= {held_limit}")
    figure(f"ColorChecker raw, largest CIEDE2000 of the other patches ({half} half)", difference[held].max(), "<= 10")
    assert difference[fit].mean() < fitted_limit and difference[held].mean() < held_limit and difference[held].max() < 10


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: patch_means(Frame(torch.rand(1, 3, 9, 9), "camera"), [(0, 0)]), ShapeError, "four pairs"),
        (lambda: patch_means(Frame(torch.rand(1, 3, 9, 9), "camera"), ASKEW), CampipeError, "no pixels"),
        (lambda: patch_means(Frame(torch.rand(1, 1, 9, 9), "mosaic"), ASKEW), ShapeError, "without a filter"),
        (lambda: patch_means(Frame(torch.rand(1, 3, 9, 9), "camera"), ASKEW, part=0), CampipeError, "at most 1"),
        (lambda: white_balance_from_patch(torch.tensor([0.0, 1, 1])), CampipeError, "black level"),
        (lambda: fit_colour_matrix(torch.rand(5, 3), torch.rand(4, 3)), ShapeError, r"\(N, 3\)"),
        (lambda: fit_colour_matrix(torch.rand(3, 3), torch.rand(3, 3)), CampipeError, "four colours"),
        (lambda: fit_colour_matrix(torch.full((5, 3), torch.nan), torch.rand(5, 3)), CampipeError, "finite"),
    ],
)
def test_bad_input_is_refused_in_one_line(make, error, match):
    with pytest.raises(error, match=match) as caught:
        make()
    assert "\n" not in str(caught.value)
