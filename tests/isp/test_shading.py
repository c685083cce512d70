from __future__ import annotations

import json
import re

import numpy as np
import pytest
import torch

from campipe import isp
from campipe.core.errors import CampipeError, ShapeError
from campipe.core.frame import Capture, Frame
from campipe.core.pipeline import Pipeline
from campipe.ops import shading as ops
from campipe.optics import PolynomialVignetting

XTRANS = "GGRGGBGGBGGRBRGRBGGGBGGRGGRGGBRBGBRG"


def mosaic(pattern: str | None = "RGGB", height: int = 30, width: int = 40, dtype: torch.dtype = torch.float64, **known) -> Frame:
    data = torch.rand(1, 1, height, width, generator=torch.Generator().manual_seed(0), dtype=dtype)
    return Frame(data, "mosaic", Capture(pattern=pattern, **known))


def test_nodes_and_cells_lie_where_scipy_puts_them():
    from scipy.interpolate import RegularGridInterpolator

    grid = torch.rand(5, 7, generator=torch.Generator().manual_seed(1), dtype=torch.float64) + 1
    y, x = np.meshgrid(np.arange(30), np.arange(40), indexing="ij")
    gains = ops.grid_gains(grid[None], torch.zeros(1, 2, dtype=torch.int64), (30, 40), (30, 40))[0, 0]
    nodes = RegularGridInterpolator((np.linspace(0, 29, 5), np.linspace(0, 39, 7)), grid.numpy())
    np.testing.assert_allclose(gains.numpy(), nodes((y, x)), rtol=1e-12)
    gains = ops.grid_gains(grid[None], torch.zeros(1, 2, dtype=torch.int64), (30, 40), (30, 40), cells=True)[0, 0]
    middles = [(np.arange(n) + 0.5) / n * size - 0.5 for n, size in ((5, 30), (7, 40))]
    inside = RegularGridInterpolator(middles, grid.numpy())
    clipped = [np.clip(p, m[0], m[-1]) for p, m in zip((y, x), middles, strict=True)]
    np.testing.assert_allclose(gains.numpy(), inside(tuple(clipped)), rtol=1e-12)


@pytest.mark.parametrize("coefficients", [(-0.5,), (-0.4, 0.1, -0.05)])
def test_the_polynomial_undoes_vignetting(coefficients):
    light = Frame(torch.rand(1, 3, 30, 40, generator=torch.Generator().manual_seed(0), dtype=torch.float64), "photons")
    dimmed = PolynomialVignetting(coefficients)(light).data
    back = isp.CorrectShading(coefficients=coefficients)(Frame(dimmed, "camera")).data
    assert torch.allclose(back, light.data, rtol=1e-12)


@pytest.mark.parametrize("pattern", ["RGGB", "GBRG", XTRANS])
def test_each_colour_gets_its_own_grid(pattern):
    grid = torch.rand(3, 4, 5, generator=torch.Generator().manual_seed(2), dtype=torch.float64) + 1
    stage, frame = isp.CorrectShading(grid), mosaic(pattern, 36, 48)
    planes = isp.CorrectShading(grid)(Frame(torch.ones(1, 3, 36, 48, dtype=torch.float64), "camera")).data
    w = 2 if len(pattern) == 4 else 6
    factor = (stage(frame).data / frame.data)[0, 0]
    for y, x in ((0, 0), (0, 1), (7, 12), (35, 47)):
        assert float(factor[y, x]) == pytest.approx(float(planes[0, "RGB".index(pattern[y % w * w + x % w]), y, x]), rel=1e-12)


@pytest.mark.parametrize("channels", [3, 4])
def test_crops_get_the_gains_of_their_place(channels):
    grid = torch.rand(channels, 4, 5, generator=torch.Generator().manual_seed(2)) + 1
    stage = isp.CorrectShading(grid, width=40, height=30)
    whole = mosaic()
    for window in ((5, 11, 12, 17), (4, 8, 9, 9)):  # odd places roll the pattern, and the positions with it
        assert torch.equal(stage(whole.crop(*window)).data, stage(whole).crop(*window).data)
    both = Frame(
        torch.cat([whole.data[..., 0:8, 0:8], whole.data[..., 10:18, 20:28]]), "mosaic", Capture("RGGB", origin=[[0, 0], [10, 20]])
    )
    out = stage(whole).data
    assert torch.equal(stage(both).data, torch.cat([out[..., 0:8, 0:8], out[..., 10:18, 20:28]]))


def test_without_a_size_a_part_of_the_sensor_is_refused():
    stage = isp.CorrectShading(coefficients=(-0.5,))
    with pytest.raises(ShapeError, match="width and height"):
        stage(mosaic().crop(2, 2, 8, 8))


@pytest.mark.parametrize("pattern", ["GRBG", None])
def test_the_grid_of_a_flat_is_the_one_that_was_planted(pattern, figure):
    height, width, level = 480, 640, 0.5
    y, x = np.linspace(-1, 1, 13)[:, None], np.linspace(-1, 1, 17)
    planted = np.stack([1 + a * (y**2 + x**2) + b * x * y for a, b in ((0.9, 0.1), (0.7, 0.0), (0.6, -0.1))])
    planted = torch.from_numpy(planted / planted.min((1, 2), keepdims=True)).float()
    planted = planted if pattern else planted[1:2]
    flat = Frame(torch.full((1, 1, height, width), level), "mosaic", Capture(pattern=pattern))
    shaded = level**2 / isp.CorrectShading(planted)(flat).data  # level / gain
    noisy = shaded + 0.01 * torch.randn(shaded.shape, generator=torch.Generator().manual_seed(0))
    grid = ops.gain_grid_from_flat(noisy, pattern)
    error = float((grid / planted - 1).square().mean().sqrt())
    figure(f"shading grid from a flat of 480 x 640 with 2 % noise, rms error, {pattern or 'mono'}", error, "<= 0.008")
    assert error < 0.008
    even = isp.CorrectShading(grid)(Frame(shaded, "mosaic", Capture(pattern=pattern))).data
    for dy in (0, 1):
        for dx in (0, 1):  # one colour
            plane = even[..., dy::2, dx::2]
            assert float(plane.std() / plane.mean()) < 0.004  # the noise, averaged over a cell of 40 x 40 / 4 pixels
    exact = ops.gain_grid_from_flat(shaded, pattern)
    assert float((exact / planted - 1).abs().max()) < 0.005  # the bend of 1 / gain within an averaged block


def test_the_grid_of_libcamera_has_its_strength_and_temperature(shared):
    file = json.loads((shared / "calibration" / "libcamera_vc4" / "imx477.json").read_text())
    alsc = next(a["rpi.alsc"] for a in file["algorithms"] if "rpi.alsc" in a)
    rows = alsc["calibrations_Cr"]
    gains = ops.libcamera_gains(alsc, rows[0]["ct"])
    light = alsc["luminance_strength"] * np.array(alsc["luminance_lut"]) + 1 - alsc["luminance_strength"]
    np.testing.assert_allclose(gains[1].numpy().ravel(), light, rtol=1e-6)
    np.testing.assert_allclose((gains[0] / gains[1]).numpy().ravel(), rows[0]["table"], rtol=1e-6)
    stage = isp.CorrectShading(gains, cells=True)
    out = stage(Frame(torch.ones(1, 1, 120, 160), "mosaic", Capture(pattern="BGGR"))).data
    assert float(out[0, 0, 0, 1]) == pytest.approx(float(gains[1, 0, 0]), rel=1e-3)  # green in the corner
    assert float(out[0, 0, 60, 81]) < 1.1 < float(out[0, 0, 0, 1])
    # Between two temperatures every number lies between theirs.
    between = ops.libcamera_gains(alsc, (rows[0]["ct"] + rows[1]["ct"]) / 2)[0]
    ends = torch.stack([ops.libcamera_gains(alsc, r["ct"])[0] for r in rows[:2]])
    assert torch.allclose(between, ends.mean(0), rtol=1e-5)


def test_every_grid_of_libcamera_is_read(shared):
    found = 0
    for path in sorted((shared / "calibration" / "libcamera_vc4").glob("*.json")):
        text = "\n".join(line for line in path.read_text().splitlines() if not line.strip().startswith("//"))
        for part in json.loads(re.sub(r",(\s*[}\]])", r"\1", text)).get("algorithms", []):
            if "luminance_lut" in part.get("rpi.alsc", {}):
                gains = ops.libcamera_gains(part["rpi.alsc"], 5000.0)
                found += 1
                assert gains.shape == (3, 12, 16) and bool((gains > 0.3).all()) and bool((gains < 8).all()), path.name
    assert found >= 10


def test_the_noise_profile_is_that_of_the_average_gain():
    frame = mosaic(noise=[[4e-4, 1e-5]], dtype=torch.float32)
    out = isp.CorrectShading(torch.full((2, 2), 1.5))(frame).capture.noise
    assert torch.allclose(out, torch.tensor([[6e-4, 2.25e-5]]))
    colours = isp.CorrectShading(torch.tensor([1.0, 1.5, 2.0])[:, None, None].expand(3, 2, 2))(
        Frame(torch.rand(1, 3, 4, 4), "camera", Capture("RGGB", noise=[[4e-4, 1e-5]]))
    )
    assert torch.allclose(colours.capture.noise[0, 0], torch.tensor([4e-4, 6e-4, 8e-4]))


def test_a_grid_is_learned_from_a_flat():
    target = isp.CorrectShading([[1.4, 1.1], [1.2, 1.6]])
    learner = Pipeline([isp.CorrectShading([[1.0, 1.0], [1.0, 1.0]], name="shading")])
    leaves = learner.trainable("shading.grid")
    frame = mosaic("RGGB", 12, 16)
    optimiser = torch.optim.Adam(leaves, lr=0.1)
    for _ in range(60):
        optimiser.zero_grad()
        ((learner(frame).data - target(frame).data) ** 2).mean().backward()
        optimiser.step()
    learner.freeze()
    assert torch.allclose(learner["shading"].grid, target.grid, atol=0.02)


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: isp.CorrectShading(), CampipeError, "one of the two"),
        (lambda: isp.CorrectShading([[1.0]]), ShapeError, "2 x 2"),
        (lambda: isp.CorrectShading([[1.0, 1.0]] * 2, width=3), CampipeError, "width and height"),
        (lambda: isp.CorrectShading(torch.ones(5, 2, 2))(mosaic()), ShapeError, "1, 3 or 4"),
        (lambda: ops.gain_grid_from_flat(torch.ones(1, 1, 20, 20)), CampipeError, "too small"),
        (lambda: ops.gain_grid_from_flat(torch.zeros(1, 1, 400, 600)), CampipeError, "brighter than black"),
    ],
)
def test_bad_input_is_refused_in_one_line(make, error, match):
    with pytest.raises(error, match=match) as caught:
        make()
    assert "\n" not in str(caught.value)
