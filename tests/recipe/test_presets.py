"""Every ISP preset that ships develops raws of a simulated camera."""

from __future__ import annotations

import pytest
import torch

from campipe.camera import Camera
from campipe.core.errors import RecipeError
from campipe.core.frame import Capture, Frame
from campipe.core.pipeline import Pipeline
from campipe.core.random import Key
from campipe.developing import develop
from campipe.isp.encode import Encode, in_srgb
from campipe.jobs.listing import recipes, rows_of
from campipe.recipe import load_pipeline
from campipe.recipe.pipelines import from_yaml, presets, to_yaml

NAMES = sorted(presets())
EVERY = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(scope="module")
def photo(photos) -> Frame:
    picture = photos["astronaut"][60:188, 130:290]
    return Frame(torch.from_numpy(picture.copy()).movedim(-1, 0)[None].float() / 255, "display")


def shot(photo: Frame, iso: float = 100, ev: float = 0.0) -> Frame:
    """A raw frame of the photo; tone and brightness are left to the developing."""
    camera = Camera.load("sony-a7s2")
    return camera.capture(camera.unprocess(photo, tone=0.0, brightness=1.0), iso=iso, ev=ev, key=Key(1))


def psnr(a: Frame, b: Frame) -> float:
    return float(-10 * (in_srgb(a).data - b.data).square().mean().log10())


def test_the_presets_of_the_documentation_ship():
    assert {"neutral", "natural", "low_light", "wide_gamut", "high_contrast"} <= set(NAMES)
    assert [row["name"] for row in rows_of("isp")] == NAMES and all(row["about"] for row in rows_of("isp"))
    assert {row["name"] for row in recipes()} == {"low_light", "raw_pairs"}  # the folder of presets is none of them


@EVERY
def test_a_preset_makes_a_picture_of_a_raw(name, photo):
    picture = load_pipeline(name)(shot(photo))
    assert picture.space == "display" and picture.data.shape == photo.data.shape and picture.data.dtype == torch.float32
    assert torch.isfinite(picture.data).all() and picture.data.min() >= 0 and picture.data.max() <= 1
    assert psnr(picture, photo) > 14  # the same picture, whatever was done for the taste


@EVERY
def test_a_preset_needs_of_a_raw_no_more_than_its_levels(name, photo):
    raw = shot(photo, iso=1600)
    bare = Frame(raw.data, "dn", Capture(pattern="RGGB", black_level=raw.capture.black_level, white_level=raw.capture.white_level))
    picture = load_pipeline(name)(bare)
    assert torch.isfinite(picture.data).all() and picture.data.std() > 0.05


@EVERY
def test_a_preset_is_found_by_its_file_too_and_survives_being_written_down(name, photo, repository):
    pipeline = load_pipeline(name)
    assert isinstance(pipeline, Pipeline) and pipeline.name == name
    assert to_yaml(load_pipeline(repository / "pipelines" / "isp" / f"{name}.yaml")) == to_yaml(pipeline)
    assert to_yaml(load_pipeline(f"pipelines/isp/{name}.yaml")) == to_yaml(pipeline)
    raw = shot(photo)
    assert torch.equal(from_yaml(to_yaml(pipeline))(raw).data, pipeline(raw).data)


@EVERY
def test_a_preset_passes_a_gradient_to_the_raw_and_to_its_numbers(name, photo):
    raw, pipeline = shot(photo, iso=800).crop(32, 32, 64, 64), load_pipeline(name)
    leaves = pipeline.trainable("exposure.ev", *[p for p, s, n in pipeline.numbers() if n == "amount"])
    x = raw.data.clone().requires_grad_()
    pipeline(raw.replace(x)).data.square().mean().backward()
    assert x.grad is not None and torch.isfinite(x.grad).all() and (x.grad != 0).float().mean() > 0.5
    assert all(leaf.grad is not None and leaf.grad != 0 for leaf in leaves)


def test_neutral_is_what_develop_does(photo):
    raw = shot(photo)
    assert torch.equal(load_pipeline("neutral")(raw).data, develop(raw, demosaick="malvar").data)


def test_low_light_is_cleaner_than_neutral_in_the_dark(photo, figure):
    raw = shot(photo, iso=25600)
    plain, clean = (psnr(load_pipeline(name)(raw), photo) for name in ("neutral", "low_light"))
    figure("PSNR at ISO 25600: low_light, above neutral (dB)", clean - plain, "> 3")
    assert clean > plain + 3


def test_the_wide_gamut_keeps_colours_that_srgb_clips():
    green = torch.tensor([0.02, 0.6, 0.02]).reshape(1, 3, 1, 1).expand(1, 3, 32, 32)
    mosaic = torch.where(torch.eye(2).repeat(16, 16).bool(), green[:, 1:2], green[:, :1])
    matrix = torch.tensor([[[1.7, -0.5, -0.2], [-0.2, 1.7, -0.5], [0.0, -0.5, 1.5]]])
    raw = Frame(mosaic * 1000, "dn", Capture(pattern="GRBG", black_level=0.0, white_level=1000.0, cam_to_srgb=matrix))
    wide, narrow = load_pipeline("wide_gamut")(raw), load_pipeline("neutral")(raw)
    assert wide.capture.colour_space == "display-p3" and in_srgb(wide).data.min() < -0.1
    assert narrow.capture.colour_space == "srgb" and narrow.data.min() == 0


def test_a_picture_that_fits_srgb_is_the_same_colours_in_the_wide_gamut(photo):
    raw, wide = shot(photo), load_pipeline("wide_gamut")
    narrow = wide.replaced(Encode("srgb", name="encode"))(raw).data
    off = (in_srgb(wide(raw)).data.clamp(0, 1) - narrow).abs()
    assert (off > 1e-4).float().mean() < 0.05  # pixels that one of the two had to clip


def test_high_contrast_opens_the_shadows_and_keeps_the_highlights(photo):
    raw = shot(photo, ev=-1.0)
    plain, fused = load_pipeline("neutral")(raw).data, load_pipeline("high_contrast")(raw).data
    dark, bright = plain < plain.quantile(0.25), plain > plain.quantile(0.98)
    assert fused[dark].mean() > 1.2 * plain[dark].mean() and 0.98 < fused[bright].mean() / plain[bright].mean() < 1.15


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("natrual", "did you mean 'natural.yaml'"),
        ("neutral.yml", "did you mean 'neutral.yaml'"),
        ("elsewhere/neutral.yaml", "a pipeline's file is needed, but there is no elsewhere/neutral.yaml"),
    ],
)
def test_an_unknown_preset_is_refused_with_the_nearest_name(name, says):
    with pytest.raises(RecipeError, match=says) as caught:
        load_pipeline(name)
    assert "\n" not in str(caught.value)


def test_a_file_of_ones_own_is_read_and_its_mistakes_are_placed(tmp_path):
    (tmp_path / "own.yaml").write_text("pipeline: own\nabout: mine\nstages:\n- {kind: saturation, amount: 0}\n")
    assert load_pipeline(tmp_path / "own.yaml").name == "own"
    (tmp_path / "own.yaml").write_text("pipeline: own\nabuot: mine\nstages:\n- {kind: saturation}\n")
    with pytest.raises(RecipeError, match=r"own\.yaml:1: a pipeline has the keys"):
        load_pipeline(tmp_path / "own.yaml")
    (tmp_path / "own.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RecipeError, match="no text; a pipeline is a YAML file"):
        load_pipeline(tmp_path / "own.yaml")
