from __future__ import annotations

import numpy as np
import pytest
import torch

from campipe import isp
from campipe.core import pattern as patterns
from campipe.core.errors import CampipeError, ShapeError
from campipe.core.frame import Capture, Frame
from campipe.ops import defects as ops

XTRANS = "GGRGGBGGBGGRBRGRBGGGBGGRGGRGGBRBGBRG"
PATTERNS = pytest.mark.parametrize("pattern", [None, "RGGB", "GBRG", XTRANS], ids=["mono", "rggb", "gbrg", "xtrans"])
NOISE = (4e-4, 1e-5)


def colours(pattern: str | None, height: int, width: int) -> torch.Tensor:
    table = torch.tensor(patterns.channels(pattern))
    return table[torch.arange(height)[:, None] % table.shape[0], torch.arange(width) % table.shape[1]]


def scene(kind: str, pattern: str | None, height: int = 180, width: int = 240) -> torch.Tensor:
    """A mosaic of three colours, (1, 1, H, W): flat, smooth, or with edges and a fine grating."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    light = {
        "flat": torch.full((height, width), 0.4),
        "smooth": 0.4 + 0.2 * torch.sin(x / 30) * torch.cos(y / 40),
        "textured": 0.35 + 0.15 * ((x + 2 * y) // 40 % 2) + 0.05 * torch.sin(x / 2.5 + y / 4),
    }[kind]
    return (light * torch.tensor([0.6, 1.0, 0.8])[colours(pattern, height, width)])[None, None]


def planted(clean: torch.Tensor, count: int = 200, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Noise by NOISE over the scene, and as many hot and dead pixels as said; with the mask of these."""
    random = np.random.default_rng(seed)
    height, width = clean.shape[-2:]
    spread = (NOISE[0] * clean + NOISE[1]).sqrt()
    noisy = clean + spread * torch.from_numpy(random.standard_normal(clean.shape).astype(np.float32))
    mask = torch.zeros(height * width, dtype=torch.bool)
    mask[torch.from_numpy(random.permutation(height * width)[:count])] = True
    mask = mask.reshape(1, 1, height, width)
    hot = torch.from_numpy(random.random(clean.shape) < 0.5)
    return torch.where(mask, torch.where(hot, clean + 0.45, 0.0), noisy), mask


@PATTERNS
def test_neighbours_are_the_nearest_of_the_same_colour(pattern):
    table = np.array(patterns.channels(pattern))
    h, w = table.shape
    for place, found in enumerate(ops.neighbours(pattern)):
        y, x = place // w, place % w
        distance = sorted(
            dy * dy + dx * dx
            for dy in range(-6, 7)
            for dx in range(-6, 7)
            if (dy or dx) and table[(y + dy) % h, (x + dx) % w] == table[y, x]
        )
        assert len(set(found)) == 8 and sorted(dy * dy + dx * dx for dy, dx in found) == distance[:8]
        assert all(table[(y + dy) % h, (x + dx) % w] == table[y, x] for dy, dx in found)


@PATTERNS
def test_the_surroundings_are_those_that_numpy_sorts(pattern):
    mosaic = torch.rand(2, 1, 14, 18, generator=torch.Generator().manual_seed(0))
    median, low, high = ops.surroundings(mosaic, pattern)
    w = 1 if pattern is None else patterns.size(pattern)[1]
    for y in range(3, 11):
        for x in range(3, 15):
            places = ops.neighbours(pattern)[y % w * w + x % w]
            values = np.sort([float(mosaic[1, 0, y + dy, x + dx]) for dy, dx in places])
            assert float(median[1, 0, y, x]) == pytest.approx(np.median(values), rel=1e-6)
            assert (float(low[1, 0, y, x]), float(high[1, 0, y, x])) == (values[1], values[6])


@PATTERNS
def test_beyond_the_border_each_colour_goes_on_under_its_own_filter(pattern):
    letters = colours(pattern, 13, 16)[None, None].float()
    wide = ops.extended(letters, pattern, 3)
    table = torch.tensor(patterns.channels(pattern))
    expected = table[(torch.arange(19)[:, None] - 3) % table.shape[0], (torch.arange(22) - 3) % table.shape[1]]
    assert torch.equal(wide[0, 0].long(), expected)


@PATTERNS
@pytest.mark.parametrize(("kind", "missed", "false"), [("flat", 0, 0), ("smooth", 0, 0), ("textured", 2, 15)])
def test_planted_defects_are_found_and_nothing_else(pattern, kind, missed, false, figure):
    data, mask = planted(scene(kind, pattern))
    frame = Frame(data, "mosaic", Capture(pattern=pattern, noise=[NOISE]))
    found = isp.CorrectDefects(spread=1).mask(frame)
    hits, alarms = int((found & mask).sum()), int((found & ~mask).sum())
    figure(f"defects found of 200, {kind}, {'mono' if pattern is None else pattern[:4]}", hits, f">= {200 - missed}")
    figure(f"false alarms of 43000, {kind}, {'mono' if pattern is None else pattern[:4]}", alarms, f"<= {false}")
    assert hits >= 200 - missed and alarms <= false


def test_sharp_photos_with_little_noise_lose_few_pixels(photos, figure):
    # Glints of photos that were made smaller are single bright pixels, and look like defects: the default takes one in two thousand.
    random, changed, pixels = np.random.default_rng(4), 0, 0
    low = (NOISE[0] / 8, NOISE[1] / 64)
    for picture in photos.values():
        light = torch.from_numpy((picture[:256, :256] / 255.0) ** 2.2).float().movedim(-1, 0)
        clean = light.gather(0, colours("RGGB", 256, 256)[None])[None]
        noise = (low[0] * clean + low[1]).sqrt() * torch.from_numpy(random.standard_normal(clean.shape).astype(np.float32))
        frame = Frame(clean + noise, "mosaic", Capture(pattern="RGGB", noise=[low]))
        mask = isp.CorrectDefects().mask(frame)
        changed, pixels = changed + int(mask.sum()), pixels + clean.numel()
    figure("good pixels of sharp photos taken for defects, per million", changed / pixels * 1e6, "<= 1500")
    assert changed / pixels <= 1.5e-3


def test_the_rate_of_false_alarms_in_noise_is_that_of_the_law():
    # x - median of eight, both normal: simulated for itself, 4 million times, with k = 3.
    draws = np.random.default_rng(1).standard_normal((9, 4_000_000), dtype=np.float32)
    law = float((np.abs(draws[8] - np.median(draws[:8], 0)) > 3).mean())
    flat = torch.from_numpy(np.random.default_rng(2).standard_normal((1, 1, 1000, 1000), dtype=np.float32)) * 0.01 + 0.5
    frame = Frame(flat, "mosaic", Capture(pattern="RGGB", noise=[[0.0, 1e-4]]))
    rate = float(isp.CorrectDefects(k=3, spread=0).mask(frame).float().mean())
    # Neighbouring alarms share values: the error of a rate of 5.5e-3 over 1e6 pixels is below three times the binomial 7.4e-5.
    assert rate == pytest.approx(law, abs=5 * 3 * 7.4e-5)


@PATTERNS
def test_known_defects_are_replaced_as_well_as_texture_allows(pattern):
    clean = scene("smooth", pattern)
    data, mask = planted(clean, seed=3)
    places = mask[0, 0].nonzero().tolist()
    frame = Frame(data, "mosaic", Capture(pattern=pattern, noise=[NOISE]))
    out = isp.CorrectDefects(places, detect=False)(frame).data
    assert torch.equal(out[~mask], data[~mask])
    # A mean of two or a median of eight noisy neighbours: less than a single pixel's noise of 0.0133 at most, and the scene's slope.
    assert float((out - clean)[mask].square().mean().sqrt()) < 0.0133 and float((data - clean)[mask].abs().min()) > 0.1


def test_an_edge_goes_on_through_a_replaced_pixel():
    y, x = torch.meshgrid(torch.arange(24), torch.arange(24), indexing="ij")
    for edge, along in ((x < 12, y), (y < 12, x), (x + y < 24, x - y), (x - y < 0, x + y)):
        clean = (torch.where(edge, 0.2, 0.8) + 0.004 * along)[None, None]  # brighter along the edge, which a median would not follow
        places = [(i, j) for i in range(6, 18, 6) for j in range(6, 18, 6)] + [(11, 12)]
        broken = clean.clone()
        for i, j in places:
            broken[..., i, j] = 1.5
        out = isp.CorrectDefects(places, detect=False)(Frame(broken, "mosaic", Capture(pattern="GRBG"))).data
        assert torch.allclose(out, clean, atol=1e-6)


def test_defects_side_by_side_do_not_serve_one_another():
    clean = scene("smooth", "RGGB", 40, 40)
    block = [(y, x) for y in range(18, 22) for x in range(18, 22)]
    broken = clean.clone()
    for y, x in block:
        broken[..., y, x] = 9.0
    out = isp.CorrectDefects(block, detect=False)(Frame(broken, "mosaic", Capture(pattern="RGGB"))).data
    assert float((out - clean).abs().max()) < 0.03
    everything = [(y, x) for y in range(40) for x in range(40)]
    assert bool(torch.isfinite(isp.CorrectDefects(everything, detect=False)(Frame(broken, "mosaic", Capture(pattern="RGGB"))).data).all())


def test_a_map_is_of_the_sensor_and_moves_with_a_crop():
    data, mask = planted(scene("smooth", XTRANS, 60, 60), count=30)
    stage = isp.CorrectDefects(mask[0, 0].nonzero().tolist(), detect=False)
    frame = Frame(data, "mosaic", Capture(pattern=XTRANS, noise=[NOISE]))
    for both in (stage, isp.CorrectDefects()):
        m = both.margin
        inner = both(frame.crop(7, 11, 40, 38)).data[..., m:-m, m:-m]
        assert torch.equal(inner, both(frame).data[..., 7 + m : 47 - m, 11 + m : 49 - m])


@PATTERNS
def test_the_gradient_is_that_of_the_forward(pattern):
    data, _ = planted(scene("textured", pattern, 12, 12)[..., :7, :8], count=6, seed=5)
    frame = Frame(data.double(), "mosaic", Capture(pattern=pattern, noise=[NOISE]))
    stage = isp.CorrectDefects([(0, 0), (5, 6)])
    assert torch.autograd.gradcheck(lambda x: stage(frame.replace(x)).data, frame.data.requires_grad_())


def test_views_and_items_are_treated_alike():
    data, _ = planted(scene("smooth", "RGGB", 24, 24), count=20)
    stack = torch.stack([data, data.roll(2, -1), data.roll(2, -2)], 1)[:, None]  # (1, 1, 3, 1, H, W)
    frame = Frame(stack, "mosaic", Capture(pattern="RGGB", noise=[NOISE]))
    out = isp.CorrectDefects([(3, 4)])(frame).data
    for t in range(3):
        assert torch.equal(out[0, 0, t], isp.CorrectDefects([(3, 4)])(frame.replace(stack[:, 0, t])).data[0])


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: isp.CorrectDefects([(1, 2, 3)]), ShapeError, "pairs"),
        (lambda: isp.CorrectDefects([(1, -2)]), ShapeError, "pairs"),
        (lambda: isp.CorrectDefects(k=0), CampipeError, "above 0"),
        (lambda: isp.CorrectDefects(estimate="mean"), CampipeError, "directional"),
        (lambda: isp.CorrectDefects()(Frame(torch.rand(1, 1, 8, 8), "mosaic")), CampipeError, "noise"),
        (
            lambda: isp.CorrectDefects()(Frame(torch.rand(1, 1, 2, 8), "mosaic", Capture(pattern="RGGB", noise=[NOISE]))),
            ShapeError,
            "at least",
        ),
    ],
)
def test_bad_input_is_refused_in_one_line(make, error, match):
    with pytest.raises(error, match=match) as caught:
        make()
    assert "\n" not in str(caught.value)
