from __future__ import annotations

import math

import pytest
import torch

from campipe.core.errors import CampipeError, SpaceError
from campipe.scenes.charts import flat, half_plane_area, slanted_edge, step_wedge


def test_a_flat_field_is_flat():
    field = flat((0.2, 0.4, 0.6), height=3, width=5)
    assert field.space == "scene"
    assert field.data.shape == (1, 3, 3, 5)
    assert torch.equal(field.data[0, :, 2, 4], torch.tensor([0.2, 0.4, 0.6]))
    assert flat(100.0, height=2, width=2, space="photons").data.flatten().tolist() == [100.0] * 4


def test_a_step_wedge_has_its_levels_in_equal_parts():
    wedge = step_wedge([0.0, 0.5, 1.0], height=2, width=10).data[0, 0]
    assert torch.equal(wedge[0], wedge[1])
    values, counts = wedge[0].unique_consecutive(return_counts=True)
    assert values.tolist() == [0, 0.5, 1]
    assert counts.tolist() == [4, 3, 3]


@pytest.mark.parametrize("angle", [0.0, 1e-8, 5.0, 30.0, 45.0, 90.0, 135.0, -12.0])
def test_the_area_behind_a_line_is_that_of_many_points(angle):
    normal = (math.cos(math.radians(angle)), math.sin(math.radians(angle)))
    n = 400
    grid = (torch.arange(n, dtype=torch.float64) + 0.5) / n - 0.5
    for distance in (-0.8, -0.5, -0.31, 0.0, 0.2, 0.6, 0.8):
        inside = (normal[0] * grid + normal[1] * grid[:, None] <= distance).double().mean()
        # A line passes through at most 2 n of the n^2 cells, each of which is off by at most its own area.
        assert float(half_plane_area(torch.tensor(distance, dtype=torch.float64), normal)) == pytest.approx(float(inside), abs=2 / n)


def test_the_area_is_exact_where_geometry_is_easy():
    diagonal = (math.sqrt(0.5), math.sqrt(0.5))
    at = torch.tensor([-1.0, -math.sqrt(0.5) / 2, 0.0, math.sqrt(0.5) / 2, 1.0], dtype=torch.float64)
    assert half_plane_area(at, diagonal).tolist() == pytest.approx([0, 1 / 8, 1 / 2, 7 / 8, 1])
    assert half_plane_area(torch.tensor([-0.25, 0.25], dtype=torch.float64), (1.0, 0.0)).tolist() == pytest.approx([0.25, 0.75])


@pytest.mark.parametrize("angle", [0.0, 5.0, 20.0])
def test_each_row_of_an_edge_crosses_where_the_line_does(angle):
    low, high, width = 0.1, 0.8, 101
    edge = slanted_edge(height=31, width=width, angle=angle, low=low, high=high, offset=0.3).data[0, 0].double()
    y = torch.arange(31, dtype=torch.float64) - 15
    # Where the line crosses the middle of row y; averaged over the row's height the light is that of a crossing there.
    crossing = (0.3 - math.sin(math.radians(angle)) * y) / math.cos(math.radians(angle)) + width / 2
    assert torch.allclose(edge.sum(1), low * crossing + high * (width - crossing), atol=2e-5)


def test_an_edge_of_90_degrees_is_the_other_one_lying_down():
    standing = slanted_edge(height=20, width=20, angle=0.0).data
    lying = slanted_edge(height=20, width=20, angle=90.0).data
    assert torch.allclose(lying, standing.mT, atol=1e-6)
    assert standing[0, 0, 0, 0] < standing[0, 0, 0, -1]


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: step_wedge([0.1] * 9, height=2, width=8), CampipeError, "9 steps and 8 columns"),
        (lambda: flat(-1.0, height=2, width=2, space="photons"), CampipeError, "not negative"),
        (lambda: flat(float("nan"), height=2, width=2), CampipeError, "finite"),
        (lambda: flat(1.0, height=2, width=2, space="linear"), SpaceError, "scene"),
    ],
)
def test_bad_input_is_refused(make, error, match):
    with pytest.raises(error, match=match):
        make()
