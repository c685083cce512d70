from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from campipe.calibrate.chart_colour import chart_colour
from campipe.calibrate.chart_colours import chart_linear, chart_xyz
from campipe.calibrate.dual_illuminant import two_lights
from campipe.core.errors import CampipeError
from campipe.core.frame import Capture, Frame
from campipe.isp import DualIlluminantMatrix, Levels, WhiteBalance
from campipe.ops.colour import D50, adaptation
from campipe.ops.illuminants import light_xy, xy_to_xyz

MATRIX = torch.tensor([[1.7, -0.5, -0.2], [-0.25, 1.6, -0.35], [0.02, -0.55, 1.53]], dtype=torch.float64)
GAINS = torch.tensor([1.9, 1.0, 1.4], dtype=torch.float64)
CORNERS = ((8.0, 8.0), (8.0, 152.0), (104.0, 152.0), (104.0, 8.0))
SIZE = (112, 160)
COLOURS = chart_linear()


def picture(colours: torch.Tensor) -> torch.Tensor:
    """(1, 3, 112, 160): 24 patches of 24 x 24 pixels, black around and between them."""
    y, x = torch.arange(SIZE[0])[:, None] - 8, torch.arange(SIZE[1]) - 8
    inside = (y >= 0) & (y < 96) & (x >= 0) & (x < 144) & ((y % 24 - 11.5).abs() < 10) & ((x % 24 - 11.5).abs() < 10)
    number = torch.where(inside, y.div(24, rounding_mode="floor") * 6 + x.div(24, rounding_mode="floor"), 24)
    return torch.cat([colours.double(), torch.zeros(1, 3, dtype=torch.float64)])[number].permute(2, 0, 1)[None]


def neutral_camera(colours: torch.Tensor) -> torch.Tensor:
    """What the camera reads before white balance, with greys made grey, since white balance takes them for that."""
    grey = colours.clone()
    grey[18:] = grey[18:, 1:2]
    return grey @ torch.linalg.inv(MATRIX).T * 0.6 / GAINS


def test_planted_gains_and_matrix_come_back_from_a_chart_that_is_found():
    found = chart_colour(Frame(picture(neutral_camera(COLOURS)), "camera"))
    assert torch.allclose(found.gains, GAINS, rtol=1e-9) and found.red.error < 1e-9
    # The chart's greys are not quite grey, which six fitted colours of 24 say, and the matrix hears.
    assert float((found.matrix - MATRIX).abs().max()) < 0.02 and found.exposure.value == pytest.approx(1 / 0.6, rel=0.01)
    assert bool(((found.matrix - MATRIX).abs() < 5 * found.matrix_error + 1e-3).all())
    assert float(found.difference[:18].max()) < 1 and found.used.all()


def test_differences_are_those_of_colour_science():
    import colour

    noisy = neutral_camera(COLOURS * (1 + 0.05 * torch.randn(24, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)))
    found = chart_colour(Frame(picture(noisy), "camera"), CORNERS)
    linear = found.exposure.value * (found.measured * found.gains) @ found.matrix.T
    xyz = colour.RGB_to_XYZ(linear.numpy(), "sRGB", chromatic_adaptation_transform=None, illuminant=None)
    white, d65 = colour.XYZ_to_xy(D50.numpy()), colour.CCS_ILLUMINANTS["CIE 1931 2 Degree Standard Observer"]["D65"]
    xyz = colour.chromatic_adaptation(xyz, colour.xy_to_XYZ(d65), D50.numpy(), method="Von Kries", transform="Bradford")
    wanted = colour.delta_E(colour.XYZ_to_Lab(xyz, white), colour.XYZ_to_Lab(chart_xyz().numpy(), white), method="CIE 2000")
    assert np.allclose(found.difference.numpy(), wanted, atol=0.02)
    assert float(found.mean_held_out.value) > found.mean_difference.value > 0


def test_stated_errors_of_gains_and_matrix_are_those_of_charts_with_scatter():
    """Each patch is off by 2 % in each channel, as real pigments and uneven light have it; the errors know no more than the scatter."""
    gains, matrices = [], []
    repeats = 60
    exact = chart_colour(Frame(picture(neutral_camera(COLOURS)), "camera"), CORNERS)
    for seed in range(repeats):
        off = 1 + 0.02 * torch.randn(24, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        found = chart_colour(Frame(picture(neutral_camera(COLOURS) * off), "camera"), CORNERS)
        gains.append([(e.value - float(t)) / e.error for e, t in ((found.red, GAINS[0]), (found.blue, GAINS[2]))])
        # The matrix is judged behind its own white balance, which turns it: by the colours that it gives.
        off = (found.matrix - exact.matrix) / found.matrix_error
        matrices.append([float(off[i, j]) for i, j in ((0, 2), (1, 1), (2, 0))])
    z = torch.tensor(gains)
    # Student's law with 3 degrees of freedom: 1.73 wide, with heavy tails.
    assert (z.mean(0).abs() < 5 * 1.73 / math.sqrt(repeats)).all() and (z.abs().median(0).values - 0.765).abs().max() < 0.35
    z = torch.tensor(matrices)
    assert (z.std(0) < 1.4).all() and (z.std(0) > 0.5).all()  # the jackknife is an upper bound on average


def test_a_mosaic_of_raw_numbers_gives_what_its_colours_give():
    camera = neutral_camera(COLOURS)
    table = torch.tensor([[0, 1], [1, 2]]).repeat(SIZE[0] // 2, SIZE[1] // 2)
    raw = picture(camera).gather(1, table[None, None]) * 3000 + 128
    capture = Capture(pattern="RGGB", black_level=torch.tensor([128.0]), white_level=torch.tensor([3128.0]))
    one, two = chart_colour(Frame(raw.float(), "dn", capture)), chart_colour(Frame(picture(camera), "camera"), CORNERS)
    assert torch.allclose(one.matrix, two.matrix, atol=1e-4) and torch.allclose(one.gains, two.gains, atol=1e-4)


def test_the_real_chart_is_found_and_fitted(shared, figure):
    raw = np.fromfile(shared / "raw" / "colorchecker_1920x1080_12bit_bggr.raw", dtype="<u2").reshape(1080, 1920)
    frame = Levels(50.0, 4092.0)(Frame(torch.from_numpy(raw.astype(np.float32))[None, None], "dn", Capture(pattern="BGGR")))
    found = chart_colour(frame)
    assert found.used.tolist() == [i != 18 for i in range(24)]
    figure("ColorChecker raw found by itself, mean CIEDE2000 of all patches", found.mean_difference.value, "<= 3.5")
    figure("ColorChecker raw found by itself, mean CIEDE2000 of held-out halves", found.mean_held_out.value, "<= 5")
    assert found.mean_difference.value < 3.5 and found.mean_held_out.value < 5 and found.red.error < 0.03 * found.red.value


TO_CAMERA = {
    2856.0: torch.tensor([[1.05, -0.35, -0.12], [-0.45, 1.30, 0.15], [-0.08, 0.22, 0.60]], dtype=torch.float64),
    6504.0: torch.tensor([[0.90, -0.27, -0.10], [-0.40, 1.22, 0.20], [-0.05, 0.16, 0.68]], dtype=torch.float64),
}


def seen_under(cct: float, scale: float) -> Frame:
    """A chart whose greys are grey, under a light, by a camera of which the matrix is known."""
    white = xy_to_xyz(light_xy(torch.tensor(cct, dtype=torch.float64)))
    xyz = chart_xyz()
    xyz[18:] = xyz[18:, 1:2] * D50
    return Frame(picture(scale * xyz @ adaptation(D50, white).T @ TO_CAMERA[cct].T), "camera")


def test_matrices_of_two_lights_come_back_and_render_the_chart_under_both():
    charts = [chart_colour(seen_under(t, 0.8), CORNERS) for t in TO_CAMERA]
    found = two_lights(charts[0], charts[1], (2856.0, 6504.0))
    pairs = ((found.matrix_1, found.error_1), (found.matrix_2, found.error_2))
    for (cct, truth), (matrix, error) in zip(TO_CAMERA.items(), pairs, strict=True):
        white = xy_to_xyz(light_xy(torch.tensor(cct, dtype=torch.float64)))
        wanted = truth / (truth @ white).max()
        assert float((matrix - wanted).abs().max()) < 0.02 and bool(((matrix - wanted).abs() < 5 * error + 2e-3).all())
        assert float((matrix @ white).max()) == pytest.approx(1.0)
    stage = DualIlluminantMatrix(**found.arguments())
    for chart in charts:
        camera = (chart.measured * chart.exposure.value).T.reshape(1, 3, 24, 1).float()
        balanced = WhiteBalance(chart.gains.float())(Frame(camera, "camera"))
        shown = stage(balanced.replace(wb=chart.gains.float()[None])).data.reshape(3, 24).T
        assert float((shown[:18] - COLOURS[:18]).abs().max()) < 0.02


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: chart_colour(Frame(torch.rand(1, 1, 64, 64), "dn", Capture(pattern="RGGB")), CORNERS), "black_level and white_level"),
        (lambda: chart_colour(Frame(picture(COLOURS.clamp(0, 1) + 0.9), "camera"), CORNERS), "expose less"),
        (lambda: chart_colour(Frame(picture(COLOURS - 0.3), "camera"), CORNERS), "black level"),
        (lambda: two_lights(None, None, (5000.0, 5000.0)), "two colour temperatures"),
    ],
)
def test_bad_input_is_refused_in_one_line(make, match):
    with pytest.raises(CampipeError, match=match) as caught:
        make()
    assert "\n" not in str(caught.value)
