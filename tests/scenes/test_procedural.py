"""Procedural scenes: every kind comes up, the same for the same key, and some of them finely detailed and saturated."""

from __future__ import annotations

import torch

from campipe.core.random import Key
from campipe.scenes.procedural import _KINDS, FINEST, _Canvas, procedural


def scenes(count: int, size: int = 48) -> torch.Tensor:
    return torch.stack([procedural(Key(number), size, size) for number in range(count)])


def test_a_scene_hangs_on_its_key_alone_and_stays_within_what_a_display_shows():
    some = scenes(60)
    assert some.shape == (60, 3, 48, 48) and some.dtype == torch.float32
    assert 0 <= float(some.min()) and float(some.max()) <= 1
    assert torch.equal(procedural(Key(41), 48, 48), some[41])
    flat = some.flatten(1)
    assert not any(torch.equal(flat[i], flat[j]) for i in range(60) for j in range(i))
    assert float(some.flatten(2).std(-1).amax(1).min()) > 0  # none of them is empty
    assert procedural(Key(0), 20, 33).shape == (3, 20, 33)


def test_half_of_the_colours_lie_on_the_surface_of_the_cube():
    y, x = torch.meshgrid(torch.arange(2.0), torch.arange(2.0), indexing="ij")
    canvas = _Canvas(torch.Generator().manual_seed(0), y, x)
    colours = torch.stack([canvas.colour().flatten() for _ in range(2000)])
    outside = ((colours == 0) | (colours == 1)).any(1).float().mean()
    assert abs(float(outside) - 0.5) < 5 * (0.25 / 2000) ** 0.5


def test_a_grating_has_one_frequency_and_none_is_finer_than_stated():
    kind = _KINDS[0]
    y, x = torch.meshgrid(torch.arange(64) + 0.5, torch.arange(64) + 0.5, indexing="ij")
    window = torch.hann_window(64)[:, None] * torch.hann_window(64)
    frequency = torch.fft.fftfreq(64)
    radius = (frequency[:, None].square() + frequency.square()).sqrt()
    for seed in range(12):
        picture = kind(_Canvas(torch.Generator().manual_seed(seed), y, x))
        wave = picture[int(picture.std((1, 2)).argmax())]
        power = torch.fft.fft2((wave - wave.mean()) * window).abs().square()
        peak = radius.flatten()[power.argmax()]
        assert float(peak) <= FINEST + 1 / 64
        near = (radius - peak).abs() < 3 / 64  # a window of Hann leaks over two bins
        assert float(power[near].sum() / power.sum()) > 0.99
