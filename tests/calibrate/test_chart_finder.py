from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from campipe.calibrate.chart_colours import EDITIONS, chart_linear, chart_xyz
from campipe.calibrate.chart_finder import find_chart
from campipe.calibrate.colour import chart_coordinates, patch_means
from campipe.core.errors import CampipeError, ShapeError
from campipe.core.frame import Capture, Frame
from campipe.ops.projective import fitted_projection, projected

SIZE = (300, 400)
# Camera RGB of linear sRGB, and the gains that its light takes: far from what the chart's own colours are.
MATRIX = torch.linalg.inv(torch.tensor([[1.7, -0.5, -0.2], [-0.25, 1.6, -0.35], [0.02, -0.55, 1.53]], dtype=torch.float64))


def rendered(corners: torch.Tensor, background: torch.Tensor, gains: torch.Tensor, fill: float = 0.85) -> torch.Tensor:
    """Camera RGB (1, 3, H, W) of a chart with black gaps and a black rim, before white balance, on a background of linear sRGB."""
    height, width = background.shape[-2:]
    total = torch.zeros(3, height, width, dtype=torch.float64)
    for dy in (-0.25, 0.25):
        for dx in (-0.25, 0.25):
            v, u = chart_coordinates((corners - torch.tensor([dy, dx])).tolist(), height, width)
            v, u = v * 4, u * 6
            board = (v > -0.3) & (v < 4.3) & (u > -0.3) & (u < 6.3)
            inside = (v > 0) & (v < 4) & (u > 0) & (u < 6) & ((v % 1 - 0.5).abs() < fill / 2) & ((u % 1 - 0.5).abs() < fill / 2)
            number = torch.where(inside, v.floor() * 6 + u.floor(), 24).long()
            colours = torch.cat([chart_linear(), torch.full((1, 3), 0.02, dtype=torch.float64)])[number].permute(2, 0, 1)
            total += torch.where(board, colours, background.double()) / 4
    return ((MATRIX @ total.reshape(3, -1)).reshape(3, height, width) / gains[:, None, None])[None]


def random_corners(generator: np.random.Generator, size: tuple[int, int] = SIZE) -> torch.Tensor:
    """Corners (4, 2) of a chart of any turn, at some distance, seen from up to 40 degrees aside: a real pinhole camera's view."""
    while True:
        width = generator.uniform(0.3, 0.75) * size[1]
        tilt, turn, about = generator.uniform(0, math.radians(40)), generator.uniform(0, 2 * math.pi), generator.uniform(0, 2 * math.pi)
        points = np.array([[-0.5, -1 / 3], [0.5, -1 / 3], [0.5, 1 / 3], [-0.5, 1 / 3]]) * width
        axis = np.array([math.cos(about), math.sin(about), 0.0])
        cross = np.array([[0, 0, axis[1]], [0, 0, -axis[0]], [-axis[1], axis[0], 0]])
        tilted = np.eye(3) + math.sin(tilt) * cross + (1 - math.cos(tilt)) * cross @ cross
        spun = np.array([[math.cos(turn), -math.sin(turn), 0], [math.sin(turn), math.cos(turn), 0], [0, 0, 1]])
        space = np.concatenate([points, np.zeros((4, 1))], 1) @ (tilted @ spun).T
        focus = 1.3 * size[1]
        image = space[:, :2] * focus / (focus + space[:, 2:])
        low, high = image.min(0), image.max(0)
        room = np.array([size[1], size[0]]) - (high - low) - 40
        if (room > 0).all():
            place = image - low + 20 + generator.uniform(0, 1, 2) * room
            return torch.from_numpy(place[:, ::-1].copy())


def linear(photo: np.ndarray, size: tuple[int, int] = SIZE) -> torch.Tensor:
    return torch.from_numpy(photo[: size[0], : size[1]].copy()).permute(2, 0, 1).double().div(255).pow(2.2)


def scene(seed: int, photos: dict[str, np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
    """Camera RGB of a chart that lies anywhere, with noise and under any light, and its corners."""
    generator = np.random.default_rng(seed)
    corners = random_corners(generator)
    gains = torch.tensor([generator.uniform(0.9, 2.8), 1.0, generator.uniform(1.0, 3.2)], dtype=torch.float64)
    background = linear(photos[("astronaut", "coffee", "chelsea")[seed % 3]])
    picture = rendered(corners, background, gains)
    down, across = torch.linspace(-1, 1, SIZE[0])[:, None], torch.linspace(-1, 1, SIZE[1])
    light = 1 + generator.uniform(-0.25, 0.25) * across + generator.uniform(-0.2, 0.2) * down
    noise = torch.from_numpy(generator.normal(0, 1, picture.shape))
    exposed = generator.uniform(0.3, 0.9) * picture * light
    return (exposed + (exposed.clamp_min(0) * 2e-3 + 4e-6).sqrt() * noise).clamp(max=1.0), corners


def distance(found: tuple, corners: torch.Tensor) -> float:
    """Largest distance between corners, in sides of a patch."""
    side = (corners.roll(-1, 0) - corners).norm(dim=1).sum() / 20
    return float((torch.tensor(found) - corners).norm(dim=1).max() / side)


@pytest.mark.parametrize("seeds", [range(5), pytest.param(range(5, 125), marks=pytest.mark.slow)], ids=["5", "120"])
def test_a_chart_that_lies_anywhere_is_found_where_it_is_and_the_right_way_round(photos, seeds, figure):
    missed, off = [], []
    for seed in seeds:
        picture, corners = scene(seed, photos)
        try:
            found = find_chart(Frame(picture, "camera"))
            off.append(distance(found.corners, corners))
            assert found.confidence > 0.8 and found.patches >= 8, seed
        except CampipeError:
            missed.append(seed)
    figure("charts turned, tilted and under any light: share found", 1 - len(missed) / len(list(seeds)), ">= 0.95")
    figure("charts turned, tilted and under any light: corners off, sides of a patch", max(off), "<= 0.15")
    assert len(missed) <= 0.05 * len(list(seeds)) and max(off) < 0.15, (missed, off)


def test_a_chart_is_found_in_a_mosaic_with_a_black_level(photos):
    picture, corners = scene(2, photos)
    table = torch.tensor([[1, 2], [0, 1]]).repeat(SIZE[0] // 2, SIZE[1] // 2)  # GBRG
    raw = Frame((picture.gather(1, table[None, None]) * 950 + 64).round().float(), "dn", Capture(pattern="GBRG"))
    assert distance(find_chart(raw).corners, corners) < 0.2


def test_patches_of_a_found_chart_are_the_planted_colours(photos):
    corners = torch.tensor([[40.0, 60.0], [60.0, 340.0], [250.0, 330.0], [240.0, 50.0]], dtype=torch.float64)
    picture = rendered(corners, linear(photos["coffee"]), torch.tensor([2.0, 1.0, 1.6], dtype=torch.float64))
    frame = Frame(picture, "camera")
    seen = patch_means(frame, find_chart(frame).corners)[0]
    assert torch.allclose(seen, chart_linear() @ MATRIX.T / torch.tensor([2.0, 1.0, 1.6]), atol=1e-9)


@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea", "rocket"])
def test_where_there_is_no_chart_none_is_found(photos, name):
    with pytest.raises(CampipeError, match="no ColorChecker") as caught:
        find_chart(Frame(linear(photos[name])[None], "linear"))
    assert "\n" not in str(caught.value)


def test_a_board_of_other_colours_and_a_chart_in_a_mirror_are_no_chart(photos):
    corners = torch.tensor([[40.0, 60.0], [60.0, 340.0], [250.0, 330.0], [240.0, 50.0]], dtype=torch.float64)
    picture = rendered(corners, linear(photos["coffee"]), torch.ones(3, dtype=torch.float64))
    with pytest.raises(CampipeError, match="likeliest place"):
        find_chart(Frame(picture.flip(-1), "camera"))
    with pytest.raises(CampipeError, match="likeliest place"):
        find_chart(Frame(picture[:, [1, 2, 0]].flip(-2), "camera"))
    with pytest.raises(ShapeError, match="without a filter"):
        find_chart(Frame(picture[:, :1], "mosaic"))
    with pytest.raises(ShapeError, match="one frame"):
        find_chart(Frame(picture.repeat(2, 1, 1, 1), "camera"))


def test_the_chart_of_a_real_frame_is_found_by_itself(shared, figure):
    raw = np.fromfile(shared / "raw" / "colorchecker_1920x1080_12bit_bggr.raw", dtype="<u2").reshape(1080, 1920)
    found = find_chart(Frame(torch.from_numpy(raw.astype(np.float32))[None, None], "dn", Capture(pattern="BGGR")))
    assert found.patches == 24 and found.confidence > 0.8
    # By eye, at the outer edges of the corner patches, which lie half a gap inside of the field: 0.08 of a cell.
    edges = torch.tensor([(379.0, 515.0), (382.0, 1361.0), (927.0, 1344.0), (916.0, 527.0)], dtype=torch.float64)
    field = torch.tensor([[0.0, 0.0], [6.0, 0.0], [6.0, 4.0], [0.0, 4.0]], dtype=torch.float64)
    inset = torch.tensor([[0.09, 0.09], [5.91, 0.09], [5.91, 3.91], [0.09, 3.91]], dtype=torch.float64)
    seen = projected(fitted_projection(field, torch.tensor(found.corners).flip(1).double()), inset).flip(1)
    off = float((seen - edges).norm(dim=1).max())
    figure("ColorChecker raw, corners found against those by eye, pixels (a patch is 141)", off, "<= 12")
    assert off < 12
    turned = Frame(torch.from_numpy(raw[::-1, ::-1].astype(np.float32).copy())[None, None], "dn", Capture(pattern="RGGB"))
    back = torch.tensor([1079.0, 1919.0]) - torch.tensor(find_chart(turned).corners)
    assert float((back - torch.tensor(found.corners)).abs().max()) < 2


def test_a_projective_map_comes_back_from_its_points():
    generator = torch.Generator().manual_seed(0)
    truth = torch.tensor([[1.2, 0.1, 3.0], [-0.2, 0.9, 5.0], [1e-3, -2e-3, 1.0]], dtype=torch.float64)
    points = 40 * torch.rand(12, 2, generator=generator, dtype=torch.float64)
    found = fitted_projection(points, projected(truth, points))
    assert torch.allclose(found / found[2, 2], truth, atol=1e-9)
    with pytest.raises(ShapeError, match="four pairs"):
        fitted_projection(points[:3], points[:3])


def test_editions_differ_and_hold_24_patches():
    assert all(chart_xyz(e).shape == (24, 3) for e in EDITIONS)
    difference = (chart_xyz() - chart_xyz("before November 2014")).abs().amax(1)
    assert 0.001 < float(difference.max()) < 0.05
