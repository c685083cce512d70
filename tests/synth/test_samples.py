"""Samples by number: the same alone, in a batch, in any worker and in any order, and again from their stored numbers."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from campipe.camera import Camera
from campipe.core.errors import CampipeError, RawFileError, ShapeError
from campipe.core.frame import Frame
from campipe.core.random import Key
from campipe.io.files import write
from campipe.recipe import Recipe
from campipe.synth import Photos, Sample, collate


def same(a: Sample, b: Sample) -> bool:
    """Whether two samples, or batches of them, are equal bit for bit: frames, captures and numbers."""
    frames = zip((a.noisy, a.clean), (b.noisy, b.clean), strict=True)
    return a.parameters == b.parameters and all(
        torch.equal(x.data, y.data)
        and (x.capture.pattern, x.capture.tensors().keys()) == (y.capture.pattern, y.capture.tensors().keys())
        and all(torch.equal(v, y.capture.tensors()[k]) for k, v in x.capture.tensors().items())
        for x, y in frames
    )


def test_a_sample_is_a_noisy_and_a_clean_frame_of_the_asked_size_and_pattern(tiny, folder):
    sample = tiny.sample(index=12, seed=0, images=folder)
    for frame in (sample.noisy, sample.clean):
        assert frame.space == "dn"
        assert frame.data.shape == (1, 1, 24, 32)
        assert frame.capture.pattern == "RGGB"
        assert frame.capture.item.tolist() == [12]
    assert torch.equal(sample.noisy.data, sample.noisy.data.round())
    assert not torch.equal(sample.noisy.data, sample.clean.data)
    assert sample.parameters == tiny.draw(12, 0)


def test_stored_numbers_give_the_sample_again(tiny, folder):
    sample = tiny.sample(index=7, seed=3, images=folder)
    stored = json.loads(json.dumps(sample.parameters))
    assert same(tiny.apply(stored, folder), sample)


def test_a_changed_number_is_obeyed_and_another_seed_is_another_sample(tiny, folder):
    numbers = tiny.draw(7, 3)
    assert tiny.apply({**numbers, "iso": 400.0}, folder).noisy.capture.iso.tolist() == [400.0]
    assert tiny.draw(7, 3) != tiny.draw(7, 3 + 2**32)
    a, b = (tiny.apply({**numbers, "seed": seed}, folder) for seed in (3, 4))
    assert torch.equal(a.clean.data, b.clean.data) and not torch.equal(a.noisy.data, b.noisy.data)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_loader_gives_the_samples_that_the_recipe_gives(tiny, folder, workers):
    dataset = tiny.dataset(folder, count=7, seed=5)
    loader = DataLoader(dataset, batch_size=3, num_workers=workers, collate_fn=collate)
    expected = [tiny.sample(index=i, seed=5, images=folder) for i in range(7)]
    batches = list(loader)
    assert [len(batch.parameters) for batch in batches] == [3, 3, 1]
    for batch, start in zip(batches, (0, 3, 6), strict=True):
        assert same(batch, collate(expected[start : start + 3]))


def test_order_and_neighbours_do_not_matter(tiny, folder):
    dataset = tiny.dataset(folder, count=20, seed=1)
    alone = dataset[12]
    shuffled = {i: dataset[i] for i in (19, 12, 3)}
    assert same(shuffled[12], alone)
    assert same(tiny.dataset(folder, count=13, seed=1)[-1], alone)
    assert same(pickle.loads(pickle.dumps(dataset))[12], alone)


def test_a_batch_of_scenes_gets_the_noise_of_its_items(folder):
    camera = Camera.load("sony-a7s2")
    scenes = [camera.unprocess(Photos.under(folder).read(i), key=Key(0)).replace(item=torch.tensor([i])) for i in (3, 4)]
    alone = [camera.capture(s, iso=800, key=Key(9).items([i])) for s, i in zip(scenes, (3, 4), strict=True)]
    batch = camera.capture(collate(scenes), iso=800, key=Key(9).items([3, 4]))
    assert torch.equal(batch.data, collate(alone).data)


def test_noise_spreads_as_the_camera_says(folder):
    # Chi-square of N standardised residuals has mean N and variance near 2 N + N kurtosis; five standard errors, kurtosis at most 1.
    recipe = Recipe.parse("recipe: 1\ncamera: sony-a7s2\nphoto: {crop: 64}\nexposure: {iso: 1600, ev: -1}\n")
    sample = recipe.sample(0, images=folder)
    raw, clean = sample.noisy, sample.clean
    scale = (raw.capture.white_level - raw.capture.black_level)[:, None, None, None]
    x = (clean.data - raw.capture.black_level[:, None, None, None]) / scale
    s, o = (raw.capture.noise[:, i, None, None, None] for i in (0, 1))
    z = (raw.data - clean.data) / (scale * (s * x.clamp_min(0) + o).sqrt())
    inside = z[x < 0.9]
    n = inside.numel()
    assert n > 2000
    # The fixed pattern is in the frame and not in its noise profile: it adds below two hundredths of the variance here.
    assert abs(float(inside.square().mean()) - 1) < 5 * (3 / n) ** 0.5 + 0.02
    assert abs(float(inside.mean())) < 5 / n**0.5 + 0.02


def test_light_is_averaged_and_not_its_encoding(folder, tmp_path):
    import imageio.v3 as imageio

    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    imageio.imwrite(tmp_path / "stripes.png", stripes)
    written = "recipe: 1\ncamera: mv-mono-2mp\nphoto: {{crop: 16, downscale: {0}}}\nscene: {{tone: 0, brightness: 1}}\n"
    fine, coarse = (Recipe.parse(written.format(n)).sample(0, images=tmp_path).clean for n in (1, 2))
    black, white = float(fine.capture.black_level), float(fine.capture.white_level)
    # Half of the pixels at full light: half of the light, where the encoding's half would be 0.21 of it. Blur mixes the fine ones alone.
    assert float(coarse.data.mean() - black) / (white - black) == pytest.approx(0.5, abs=0.02)


def test_a_photo_that_is_too_small_goes_on_mirrored(tmp_path):
    import imageio.v3 as imageio

    ramp = np.repeat(np.arange(10, 250, 12, dtype=np.uint8)[None, :, None], 3, 2).repeat(20, 0)
    imageio.imwrite(tmp_path / "small.png", ramp)
    written = "recipe: 1\ncamera: mv-mono-2mp\nphoto: {crop: [20, 40], downscale: 2}\nscene: {tone: 0, brightness: 1}\n"
    clean = Recipe.parse(written).sample(0, images=tmp_path).clean.data[0, 0]
    assert clean.shape == (20, 40)
    middle = clean[10]
    assert bool((middle[1:20] > middle[:19]).all())
    assert torch.allclose(middle[20:39], middle[1:20].flip(0), rtol=0.02)


def test_photos_come_by_relative_path_and_begin_again(folder):
    photos = Photos.under(folder)
    assert list(photos.names) == sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.png"))
    assert len(photos) == 5 and photos.name(12) == photos.names[2]


def test_an_index_from_numpy_is_a_number_like_any_other(tiny, folder):
    dataset = tiny.dataset(folder, count=5, seed=np.int64(0))
    sample, own = dataset[np.int64(3)], tiny.sample(3, 0, images=folder)
    assert torch.equal(sample.noisy.data, own.noisy.data) and json.dumps(sample.parameters) == json.dumps(own.parameters)


def test_a_whole_photo_is_taken_without_a_crop(folder):
    recipe = Recipe.parse("recipe: 1\ncamera: rpi-imx477\nphoto: {downscale: 2}\n")
    assert recipe.sample(1, images=folder).noisy.data.shape == (1, 1, 40, 48)


@pytest.mark.parametrize(("camera", "pattern"), [("rpi-imx477", "GRBG"), ("sony-a7s2", "BGGR"), ("nikon-d850", "GBRG")])
def test_a_crop_moves_to_the_asked_pattern(folder, camera, pattern):
    recipe = Recipe.parse(f"recipe: 1\ncamera: {camera}\npattern: {pattern}\nphoto: {{crop: 16}}\n")
    origins = set()
    for i in range(4):
        sample = recipe.sample(i, images=folder)
        assert sample.noisy.capture.pattern == pattern
        origins.add(tuple(sample.noisy.capture.origin[0].tolist()))
    assert len(origins) == 4


def test_flipping_mirrors_the_light(folder):
    recipe = Recipe.parse("recipe: 1\ncamera: mv-mono-2mp\nphoto: {crop: 32}\n")
    numbers = {**recipe.draw(0), "place": [0.5, 0.5]}
    plain, flipped = (recipe.apply({**numbers, "flip": flip}, folder).clean.data for flip in (False, True))
    # Vignetting alone tells left from right here, less than a thousandth over 32 pixels in the middle.
    assert torch.allclose(plain.flip(-1), flipped, rtol=2e-3)
    assert not torch.allclose(plain, flipped, rtol=2e-3)


def test_batches_are_made_of_samples_or_frames_alone(tiny, folder):
    sample = tiny.sample(0, images=folder)
    assert isinstance(collate([sample.noisy, sample.noisy]), Frame)
    for wrong in ([], [sample, sample.noisy], [1, 2]):
        with pytest.raises(ShapeError, match="a batch"):
            collate(wrong)


def test_wrong_numbers_and_places_are_refused(tiny, folder, tmp_path):
    with pytest.raises(CampipeError, match="whole number from 0 on"):
        tiny.draw(-1)
    with pytest.raises(CampipeError, match="a seed is a whole number"):
        tiny.draw(0, seed=-1)
    with pytest.raises(CampipeError, match="'iso' is missing"):
        tiny.apply({"index": 0, "seed": 0, "camera": "sony-a7s2"}, folder)
    with pytest.raises(RawFileError, match="holds none"):
        tiny.dataset(tmp_path, count=1)
    with pytest.raises(RawFileError, match="there is no"):
        tiny.sample(0, images=tmp_path / "nowhere")
    with pytest.raises(CampipeError, match="count=0"):
        tiny.dataset(folder, count=0)
    with pytest.raises(IndexError):
        tiny.dataset(folder, count=3)[3]
    with pytest.raises(CampipeError, match=r"sample 0 \(.*\.png with sony-a7s2\).*ISO"):
        tiny.apply({**tiny.draw(0), "camera": "sony-a7s2", "iso": 1.0}, folder)


def test_a_recipe_takes_its_dark_noise_from_a_folder_of_dark_frames(folder, tmp_path):
    camera = Camera.load("rpi-imx477")
    for number in range(4):
        dark = camera.at(800.0)["sensor"].expose(torch.zeros(1, 1, 96, 120), seconds=0.01, key=Key(number))
        write(tmp_path / f"{number}.dng", dark.replace((dark.data + 3).round(), iso=torch.tensor([800.0])))
    text = "recipe: 1\ncamera: rpi-imx477\nphoto: {crop: 24}\nexposure: {ev: -20}\n"
    measured = Recipe.parse(f"{text}dark_frames: {tmp_path}\n", "measured.yaml")
    samples = [measured.sample(i, images=folder) for i in range(12)]
    assert {s.parameters["iso"] for s in samples} == {800.0}  # that of the frames, since the recipe says none
    assert same(measured.sample(3, images=folder), samples[3])
    values = torch.cat([s.noisy.data.flatten() for s in samples])
    # Their noise without their level, which is 3 DN too high: 3 e- and rows of 0.3 e- at 3.83 DN/e-, DSNU of 1 e-
    k = float(camera.profile.at_iso(800)["gain"])
    variance = k * k * (9 + 0.09 + 1) + 1 / 12
    assert float(values.mean()) == pytest.approx(256, abs=5 * (variance / len(values) * 4) ** 0.5)
    assert float(values.var()) == pytest.approx(variance, rel=0.1)
    with pytest.raises(CampipeError, match="ISO 800"):
        Recipe.parse(f"{text.replace('ev: -20', 'ev: 0, iso: 400')}dark_frames: {tmp_path}\n", "other.yaml").sample(0, images=folder)
    with pytest.raises(CampipeError, match="nowhere"):
        Recipe.parse(f"{text}dark_frames: nowhere\n", "none.yaml").sample(0, images=folder)
