from __future__ import annotations

import math

import pytest
import torch

from campipe.calibrate.slanted_edge import slanted_edge_response
from campipe.core.errors import CampipeError, SpaceError
from campipe.core.frame import Capture, Frame
from campipe.optics import GaussianBlur
from campipe.scenes.charts import slanted_edge


def edge(angle: float, sigma: float, size: int = 56, fine: int = 12) -> torch.Tensor:
    """(1, 1, size, size): an edge behind a Gaussian, seen at fine x fine points of every pixel: float64, levels 0.1 and 0.8."""
    place = (torch.arange(size * fine, dtype=torch.float64) + 0.5) / fine - 0.5 - (size - 1) / 2
    normal = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    points = torch.special.ndtr((normal[0] * place + normal[1] * place[:, None] - 0.37) / sigma)
    return 0.1 + 0.7 * torch.nn.functional.avg_pool2d(points[None, None], fine)


def closed_form(frequency: torch.Tensor, angle: float, sigma: float) -> torch.Tensor:
    """Transfer of a Gaussian and of the pixel's area along the normal of the edge."""
    across = torch.special.sinc(frequency * math.cos(math.radians(angle))) * torch.special.sinc(frequency * math.sin(math.radians(angle)))
    return torch.exp(-2 * (math.pi * sigma * frequency) ** 2) * across


@pytest.mark.parametrize("sigma", [0.5, 1.0])
def test_the_response_is_that_of_blur_and_pixel_in_closed_form(sigma, figure):
    off = []
    for angle in (3.0, 12.0, 95.0, 170.0, -94.0, 40.0):
        found = slanted_edge_response(Frame(edge(angle, sigma), "linear"))
        truth = closed_form(found.frequency, angle, sigma)
        off.append(float((found.mtf - truth)[found.frequency <= 0.5].abs().max()))
        assert found.angle.value % 360 == pytest.approx(angle % 360, abs=0.01)
        assert found.slant == pytest.approx(abs((angle + 45) % 90 - 45), abs=0.01)
        for estimate, level in ((found.mtf50, 0.5), (found.mtf10, 0.1)):
            fine = torch.linspace(0, 1, 100_001, dtype=torch.float64)
            wanted = float(fine[(closed_form(fine, angle, sigma) < level).nonzero()[0]])
            if wanted < 0.75:
                assert estimate.value == pytest.approx(wanted, rel=0.02)
    figure(f"slanted edge without noise, response up to half a cycle, off (sigma {sigma})", max(off), "<= 0.01")
    assert max(off) < 0.01


def test_stated_errors_of_response_and_mtf50_are_those_of_repeats():
    angle, sigma, repeats = 6.0, 0.8, 30
    base = edge(angle, sigma, size=44)
    clean = slanted_edge_response(Frame(base, "linear"))
    rows, halves = [], []
    for key in range(repeats):
        noise = torch.randn(base.shape, generator=torch.Generator().manual_seed(key), dtype=torch.float64)
        noisy = base + 0.02 * base.sqrt() * noise  # grows with the signal, as shot noise does
        found = slanted_edge_response(Frame(noisy, "linear"))
        rows.append(((found.mtf - clean.mtf) / found.error)[[20, 40, 60]])
        halves.append((found.mtf50.value - clean.mtf50.value) / found.mtf50.error)
    z = torch.cat([torch.stack(rows), torch.tensor(halves, dtype=torch.float64)[:, None]], 1)
    assert (z.mean(0).abs() < 5 / math.sqrt(repeats)).all(), z.mean(0)
    assert ((z.std(0) - 1).abs() < 5 / math.sqrt(2 * repeats)).all(), z.std(0)


def test_one_colour_of_a_mosaic_gives_its_own_response_where_its_pixels_lie():
    sharp, soft = (edge(5.0, s, size=144) for s in (0.6, 1.2))
    table = torch.tensor([[0, 1], [1, 2]]).repeat(72, 72)
    mosaic = Frame(torch.where(table == 1, sharp, soft), "mosaic", Capture(pattern="RGGB"))
    for channel, sigma in (("G", 0.6), ("R", 1.2), ("B", 1.2)):
        found = slanted_edge_response(mosaic, channel=channel, reach=16.0)
        below = found.frequency <= 0.5
        assert float((found.mtf - closed_form(found.frequency, 5.0, sigma))[below].abs().max()) < 0.02


def test_a_blurred_capture_of_the_edge_chart_gives_the_blur_that_was_set():
    chart = GaussianBlur(0.9)(slanted_edge(height=80, width=80, angle=7.0))
    found = slanted_edge_response(chart, box=(6, 6, 68, 68))
    below = found.frequency <= 0.4
    assert float((found.mtf - closed_form(found.frequency, 7.0, 0.9))[below].abs().max()) < 0.01


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: slanted_edge_response(Frame(edge(0.0, 0.6), "linear")), CampipeError, "slanted"),
        (lambda: slanted_edge_response(Frame(torch.full((1, 1, 40, 40), 0.5), "linear")), CampipeError, "alike"),
        (lambda: slanted_edge_response(Frame(edge(5.0, 0.6).repeat(1, 3, 1, 1), "display")), SpaceError, "linear light"),
        (lambda: slanted_edge_response(Frame(edge(5.0, 0.6), "linear"), box=(0, 25, 56, 6)), CampipeError, "wider box"),
        (lambda: slanted_edge_response(Frame(edge(5.0, 0.6), "linear"), box=(0, 0, 8, 57)), CampipeError, "inside"),
        (lambda: slanted_edge_response(Frame(edge(5.0, 0.6), "linear"), channel="X"), CampipeError, "R, G or B"),
        (
            lambda: slanted_edge_response(Frame(1000 * edge(5.0, 0.6), "dn", Capture(white_level=torch.tensor([780.0])))),
            CampipeError,
            "clipped edge",
        ),
    ],
)
def test_bad_input_is_refused_in_one_line(make, error, match):
    with pytest.raises(error, match=match) as caught:
        make()
    assert "\n" not in str(caught.value)
