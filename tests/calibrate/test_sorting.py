"""Darks, flats and pictures tell themselves apart."""

from __future__ import annotations

import pytest
import torch

import campipe as cp
from campipe.calibrate.sorting import kind_of, look
from campipe.core.errors import ShapeError

BLACK, WHITE = 64.0, 4095.0


@pytest.fixture(scope="module")
def sensor():
    numbers = {"gain": 0.2, "black_level": BLACK, "read_noise": 3, "dark_current": 40, "prnu": 0.01, "dsnu": 1.5, "row_noise": 0.5}
    return cp.sensor.FrameSensor(256, 192, "RGGB", serial=3, full_well=20000, **numbers)


def shot(sensor, photons, seconds=0.01, name="look"):
    light = photons if isinstance(photons, torch.Tensor) else torch.full((1, 1, 192, 256), float(photons))
    return sensor.expose(light, seconds=seconds, key=cp.Key(5).fold(name))


def shading():
    y, x = torch.meshgrid(torch.linspace(-1, 1, 192), torch.linspace(-1, 1, 256), indexing="ij")
    return 1 - 0.3 * (x**2 + y**2) / 2


def coloured(level):
    return level * shading() * torch.tensor([0.5, 1.0, 0.7])[:, None, None].expand(3, 192, 256)[None]


@pytest.mark.parametrize(
    ("light", "seconds", "kind"),
    [
        (0, 0.01, "dark"),
        (0, 30.0, "dark"),  # 1200 e-, 240 DN of dark current: more than the dark threshold
        (coloured(200), 0.01, "flat"),
        (coloured(5000), 0.01, "flat"),
        (coloured(30000), 0.01, "flat"),
        (9000.0, 0.01, "flat"),
    ],
)
def test_frames_are_taken_for_what_they_are(sensor, light, seconds, kind):
    black = BLACK if seconds < 1 else BLACK + 200  # as the darkest frames of that time would say
    assert kind_of(look(shot(sensor, light, seconds)), black, WHITE)[0] == kind


def test_a_photo_is_a_picture(sensor, photos):
    scene = torch.from_numpy(photos["coffee"][:192, :256].copy()).movedim(-1, 0)[None].float() / 255
    assert kind_of(look(shot(sensor, scene**2.2 * 20000)), BLACK, WHITE)[0] == "picture"


def test_the_numbers_are_those_of_the_planes(sensor):
    frame = shot(sensor, coloured(5000))
    seen = look(frame)
    planes = torch.stack([frame.data[0, 0, y::2, x::2] for y in (0, 1) for x in (0, 1)]).double()
    assert torch.allclose(seen.level, planes.mean((-2, -1)))
    assert seen.size == (192, 256)
    # Neighbours differ by shot, read and row noise and by PRNU: sqrt(K^2 (rate (1 + 0.01^2 rate) + 9) + 1/12), within 5 %.
    rate = (planes.mean((-2, -1)) - BLACK) / 0.2
    expected = (0.04 * (rate * (1 + 1e-4 * rate) + 9 + 0.25 + 2.25) + 1 / 12).sqrt()
    assert torch.allclose(seen.noise, expected, rtol=0.05)


def test_saturated_and_clipped_pixels_are_counted(sensor):
    deep = cp.sensor.FrameSensor(64, 64, "RGGB", full_well=40000, gain=0.2, black_level=BLACK)
    assert float(look(deep.expose(torch.full((1, 1, 64, 64), 60000.0), key=cp.Key(1))).saturated.min()) == 1.0
    low = cp.sensor.FrameSensor(64, 64, None, read_noise=3.0, gain=1.0, black_level=0.0)
    seen = look(low.expose(torch.zeros(1, 1, 64, 64), key=cp.Key(1)))
    assert float(seen.clipped) == pytest.approx(0.566, abs=5 * (0.566 * 0.434 / 4096) ** 0.5)  # P(normal < 0.5 / 3)


def test_a_scrap_is_refused(sensor):
    with pytest.raises(ShapeError, match="16 x 16"):
        look(shot(sensor, 100.0).crop(0, 0, 16, 16))
