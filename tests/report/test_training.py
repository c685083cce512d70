"""The figure of a training shows every line of its log, and is the same file each time."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from campipe.report.training import training_figure

ROWS = [
    {"step": 10, "loss": 0.5, "gradient": 2.0, "rate": 0.1, "cpu_seconds": 1.0},
    {"step": 20, "loss": 0.05, "gradient": 0.2, "rate": 0.1, "cpu_seconds": 2.0},
    {"step": 20, "psnr": 30.0, "base_psnr": 25.0, "cpu_seconds": 2.1},
    {"step": 30, "loss": 0.005, "gradient": 0.02, "rate": 0.1, "cpu_seconds": 3.0},
    {"step": 40, "psnr": 31.0, "base_psnr": 25.0, "cpu_seconds": 4.1},
]


def path(figure: str, colour: str) -> list[tuple[float, float]]:
    """The points of the curve of a colour, as they are drawn."""
    (drawn,) = re.findall(rf'<path d="([^"]*)"[^>]*style="fill: none; stroke: {colour}; stroke-width: 1', figure)[:1]
    return [(float(x), float(y)) for x, y in re.findall(r"[ML] ([\d.]+) ([\d.]+)", drawn)]


def test_a_loss_that_falls_by_tens_is_a_straight_line_and_every_score_has_its_point():
    figure = training_figure(ROWS, "a block")
    ElementTree.fromstring(figure)
    for colour in ("#c2410c", "#94a3b8"):
        (x0, y0), (x1, y1), (x2, y2) = path(figure, colour)
        assert x1 > x0 and abs((x1 - x0) - (x2 - x1)) < 1e-4 and abs((y1 - y0) - (y2 - y1)) < 1e-4 and y1 > y0  # SVG counts downwards
    scores = path(figure, "#0f766e")
    assert len(scores) == 2 and scores[1][1] < scores[0][1]
    assert "a block" in figure and ">psnr<" in figure and ">step<" in figure
    assert figure == training_figure(ROWS, "a block")


def test_a_training_that_has_just_begun_is_drawn_too():
    figure = training_figure([], "nothing yet")
    assert ">not validated yet<" in figure
