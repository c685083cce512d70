"""The public lines work as they are written down."""

import numpy as np
import pytest
import torch

import campipe as cp


@pytest.fixture
def folder(tmp_path, photos, monkeypatch):
    import imageio.v3 as iio

    (tmp_path / "photos").mkdir()
    for i, (name, picture) in enumerate(sorted(photos.items())):
        iio.imwrite(tmp_path / "photos" / f"{name}.png", np.ascontiguousarray(picture[:300, :400]))
        if i == 0:
            iio.imwrite(tmp_path / "photo.png", np.ascontiguousarray(picture[:200, :240]))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_camera_lines(folder):
    camera = cp.Camera.load("sony-a7s2", serial=0)
    photo = cp.read("photo.png")
    assert photo.space == "display" and photo.data.shape[:2] == (1, 3) and photo.data.dtype == torch.float32
    key = cp.Key(7)
    scene = camera.unprocess(photo, key=key)
    assert scene.space == "scene" and scene.capture.tone is not None and scene.capture.brightness is not None
    raw = camera.capture(scene, iso=1600, ev=-2.0, seconds=1 / 60, key=key)
    clean = camera.capture(scene, iso=1600, ev=-2.0, seconds=1 / 60, key=key, noise=False)
    stats = camera.moments(scene, iso=1600, ev=-2.0, seconds=1 / 60)
    assert raw.space == clean.space == "dn" and stats.mean.shape == stats.variance.shape == raw.data.shape
    rgb = camera.develop(raw)
    same = camera.render(scene)
    assert rgb.space == same.space == "display" and torch.allclose(same.data, photo.data, atol=1e-4)
    assert torch.equal(cp.develop(raw).data, rgb.data)
    cp.write("shot.dng", raw)
    cp.write("shot.png", rgb)
    real = cp.read("shot.dng")
    assert torch.equal(real.data, raw.data) and real.capture.pattern == raw.capture.pattern


def test_the_sensor_lines():
    sensor = cp.sensor.FrameSensor(
        width=400,
        height=300,
        pattern="RGGB",
        serial=1,
        quantum_efficiency=0.6,
        full_well=15000,
        dark_current=25.0,
        prnu=0.012,
        dsnu=1.4,
        read_noise=3.0,
        row_noise=0.0,
        gain=0.2,
        black_level=64,
        bits=12,
    )
    for channels in (1, 3):
        photons = torch.full((2, channels, 300, 400), 900.0)
        raw = sensor.expose(photons, seconds=0.5, key=cp.Key(7))
        assert isinstance(raw, cp.Frame) and raw.data.shape == (2, 1, 300, 400)
        m = sensor.moments(photons, seconds=0.5)
        assert float(m.mean.mean()) == pytest.approx(64 + 0.2 * (0.6 * 900 + 12.5), rel=1e-3)
    part = sensor.expose(photons[..., :100, :50], seconds=0.5, key=cp.Key(7), origin=(10, 20))
    assert torch.equal(part.data, raw.data[..., 10:110, 20:70])
    mono = cp.sensor.FrameSensor(width=40, height=30, pattern=None, serial=1, read_noise=1.0)
    assert mono.expose(torch.ones(1, 1, 30, 40), key=cp.Key(1)).capture.pattern is None


def test_the_recipe_lines(folder):
    recipe = cp.load("pipelines/raw_pairs.yaml")
    sample = recipe.sample(index=12, seed=0, images="photos/")
    assert sample.noisy.space == sample.clean.space == "dn" and isinstance(sample.parameters, dict)
    dataset = recipe.dataset("photos/", count=10_000, seed=0)
    assert len(dataset) == 10_000 and torch.equal(dataset[12].noisy.data, sample.noisy.data)
    loader = torch.utils.data.DataLoader(torch.utils.data.Subset(dataset, range(4)), batch_size=2, num_workers=2, collate_fn=cp.collate)
    batches = list(loader)
    assert len(batches) == 2 and batches[0].noisy.data.shape[0] == 2


def test_the_block_lines(folder):
    camera = cp.Camera.load("sony-a7s2")
    raw = camera.capture(camera.unprocess(cp.read("photo.png"), key=cp.Key(1)), key=cp.Key(1))
    assert {"bilinear", "malvar"} <= set(cp.blocks.names("demosaick"))
    for name in cp.blocks.names("demosaick"):
        rgb = cp.blocks.demosaick(name)(raw)
        assert rgb.space == "camera" and rgb.data.shape[1] == 3


def test_the_camera_names():
    assert {"sony-a7s2", "nikon-d850", "canon-5d4", "rpi-imx477", "rpi-imx219"} <= set(cp.cameras())
