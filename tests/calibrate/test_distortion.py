from __future__ import annotations

import math

import pytest
import torch

from campipe.calibrate.distortion import distortion_of_dots, distortion_of_grid, distortion_of_lines
from campipe.core.errors import CampipeError, ShapeError
from campipe.core.frame import Capture, Frame
from campipe.ops.projective import projected
from campipe.ops.radial_distortion import distorted, undistorted

SIZE = (300, 400)
RADIUS = 250.0
MIDDLE = torch.tensor([199.5, 149.5], dtype=torch.float64)
CENTRE = torch.tensor([205.0, 146.0], dtype=torch.float64)
TRUTH = torch.tensor([-0.12, 0.03], dtype=torch.float64)
# From cells of the chart to pixels: turned, foreshortened, and filling the frame.
VIEW = torch.tensor([[23.0, -1.2, 199.0], [1.4, 22.0, 148.0], [3e-3, -2e-3, 1.0]], dtype=torch.float64)
CELLS = torch.stack(torch.meshgrid(torch.arange(-7.0, 8.0), torch.arange(-5.0, 6.0), indexing="xy"), -1).reshape(-1, 2).double()


def seen(cells: torch.Tensor) -> torch.Tensor:
    return distorted(projected(VIEW, cells), TRUTH, CENTRE, RADIUS)


def chart(noise: float, key: int) -> Frame:
    """Dark dots, a quarter of a cell in radius, behind view and distortion; each pixel averages 3 x 3 points."""
    total = torch.zeros(SIZE, dtype=torch.float64)
    for dy in (-1 / 3, 0, 1 / 3):
        for dx in (-1 / 3, 0, 1 / 3):
            y, x = torch.arange(SIZE[0])[:, None] + dy, torch.arange(SIZE[1]) + dx
            points = torch.stack([x.expand(SIZE), y.expand(SIZE)], -1).double()
            cells = projected(torch.linalg.inv(VIEW), undistorted(points, TRUTH, CENTRE, RADIUS))
            total += ((cells - cells.round()).norm(dim=-1) > 0.25).double() / 9
    light = 1 - 0.3 * torch.linspace(-1, 1, SIZE[1], dtype=torch.float64) ** 2
    shaded = (0.05 + 0.75 * total) * light
    grain = torch.randn(SIZE, generator=torch.Generator().manual_seed(key), dtype=torch.float64)
    return Frame((shaded + noise * grain)[None, None], "linear")


def z_scores(found, terms: int = 2) -> list[float]:
    numbers = [*found.coefficients, found.corner, *found.centre]
    truth = [*TRUTH.tolist()[:terms], float(TRUTH.sum()), *CENTRE.tolist()]
    return [(e.value - t) / e.error for e, t in zip(numbers, truth, strict=True)]


def test_the_inverse_takes_the_distortion_back():
    points = torch.rand(500, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * torch.tensor([400.0, 300.0])
    for k in ([-0.3, 0.05, 0.01], [0.2, -0.05], [0.4]):
        there = distorted(points, torch.tensor(k, dtype=torch.float64), CENTRE, RADIUS)
        assert torch.allclose(undistorted(there, torch.tensor(k, dtype=torch.float64), CENTRE, RADIUS), points, atol=1e-7)
    corner, zero = torch.tensor([[RADIUS, 0.0]], dtype=torch.float64), torch.zeros(2, dtype=torch.float64)
    assert float(distorted(corner, torch.tensor([0.1], dtype=torch.float64), zero, RADIUS)[0, 0]) == pytest.approx(1.1 * RADIUS)


def test_points_of_a_grid_give_coefficients_and_centre_within_honest_errors():
    repeats, z = 30, []
    for key in range(repeats):
        noise = 0.05 * torch.randn(CELLS.shape, generator=torch.Generator().manual_seed(key), dtype=torch.float64)
        found = distortion_of_grid(seen(CELLS) + noise, CELLS, SIZE)
        z.append(z_scores(found))
        assert found.residual == pytest.approx(0.05, rel=0.25)
    z = torch.tensor(z)
    assert (z.mean(0).abs() < 5 / math.sqrt(repeats)).all(), z.mean(0)
    assert ((z.std(0) - 1).abs() < 5 / math.sqrt(2 * repeats)).all(), z.std(0)


def lines() -> list[torch.Tensor]:
    along, across = torch.linspace(-7, 7, 40, dtype=torch.float64), torch.linspace(-5, 5, 30, dtype=torch.float64)
    rows = [seen(torch.stack([along, torch.full_like(along, v)], 1)) for v in range(-5, 6, 2)]
    return rows + [seen(torch.stack([torch.full_like(across, u), across], 1)) for u in range(-7, 8, 2)]


def test_straight_lines_give_coefficients_and_centre_within_honest_errors():
    repeats, z = 16, []
    for key in range(repeats):
        generator = torch.Generator().manual_seed(key)
        noisy = [line + 0.05 * torch.randn(line.shape, generator=generator, dtype=torch.float64) for line in lines()]
        z.append(z_scores(distortion_of_lines(noisy, SIZE)))
    z = torch.tensor(z)
    assert (z.mean(0).abs() < 5 / math.sqrt(repeats)).all(), z.mean(0)
    assert ((z.std(0) - 1).abs() < 5 / math.sqrt(2 * repeats)).all(), z.std(0)
    exact = distortion_of_lines(lines(), SIZE)
    assert [k.value for k in exact.coefficients] == pytest.approx(TRUTH.tolist(), abs=1e-6) and exact.residual < 1e-6


def test_a_picture_of_a_dot_chart_gives_the_distortion_that_it_was_rendered_with(figure):
    found = distortion_of_dots(chart(0.01, 0))
    assert found.points > 100 and found.residual < 0.1
    off = max(abs(k.value - t) for k, t in zip(found.coefficients, TRUTH.tolist(), strict=True))
    figure("distortion from a rendered dot chart, k1 and k2 off -0.12 and 0.03", off, "<= 0.005")
    corner = abs(found.corner.value - float(TRUTH.sum()))
    figure("distortion from a rendered dot chart, displacement of the corners off", corner, "<= 0.002")
    figure("distortion from a rendered dot chart, residual, pixels", found.residual, "<= 0.1")
    assert off < 0.005 and corner < 0.002
    assert max(abs(e.value - t) for e, t in zip(found.centre, CENTRE.tolist(), strict=True)) < 1.0


def test_without_distortion_none_is_found_and_units_convert():
    flat = projected(VIEW, CELLS)
    found = distortion_of_grid(flat, CELLS, SIZE, centre=False, terms=3)
    assert max(abs(k.value) for k in found.coefficients) < 1e-6 and found.centre[0].note == "assumed"
    found = distortion_of_grid(seen(CELLS), CELLS, SIZE)
    # OpenCV's: x (1 + k1 r^2 + ...) with r in focal lengths.
    focal, point = 500.0, torch.tensor([[330.0, 200.0]], dtype=torch.float64)
    r = ((point - CENTRE) / focal).square().sum()
    k1, k2 = found.in_focal_lengths(focal)
    assert torch.allclose(CENTRE + (point - CENTRE) * (1 + k1 * r + k2 * r**2), distorted(point, TRUTH, CENTRE, RADIUS), atol=1e-4)


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: distortion_of_dots(Frame(torch.linspace(0, 1, 6400).reshape(1, 1, 80, 80), "linear")), CampipeError, "dark dots"),
        (lambda: distortion_of_dots(Frame(torch.rand(1, 1, 80, 80), "mosaic", Capture(pattern="RGGB"))), ShapeError, "mosaic"),
        (lambda: distortion_of_grid(CELLS[:10], CELLS[:10], SIZE), CampipeError, "20 points"),
        (lambda: distortion_of_grid(CELLS, CELLS[:10], SIZE), ShapeError, r"\(N, 2\)"),
        (lambda: distortion_of_grid(CELLS, CELLS, SIZE, terms=4), CampipeError, "1 to 3"),
        (lambda: distortion_of_lines([CELLS[:5]], SIZE), CampipeError, "3 lines"),
        (lambda: distortion_of_lines([CELLS[:2]] * 3, SIZE), ShapeError, "three or more"),
    ],
)
def test_bad_input_is_refused_in_one_line(make, error, match):
    with pytest.raises(error, match=match) as caught:
        make()
    assert "\n" not in str(caught.value)
