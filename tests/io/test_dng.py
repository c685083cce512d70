from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest
import rawpy
import tifffile
import torch
from hypothesis import given
from hypothesis import strategies as st

from campipe.core import pattern as patterns
from campipe.core.errors import RawFileError, ShapeError, SpaceError
from campipe.io.dng import rationals, write_dng
from campipe.io.raw import read_raw
from campipe.ops import colour

BAYER = ["RGGB", "BGGR", "GRBG", "GBRG"]
XTRANS = "GGRGGBGGBGGRBRGRBGGGBGGRGGRGGBRBGBRG"
ALL = [*BAYER, XTRANS, None]
PLAIN = {"black_level": torch.tensor([600.0])}


def frame_of(raw_frame, pattern):
    return raw_frame(pattern, **(PLAIN if pattern == XTRANS else {}))


def tags(path) -> dict[str, object]:
    """The tags by name, rational numbers divided."""
    with tifffile.TiffFile(path) as file:
        values = {tag.name: (int(tag.dtype), tag.value) for tag in file.pages[0].tags}
    return {
        name: np.reshape(value, (-1, 2))[:, 0] / np.reshape(value, (-1, 2))[:, 1] if kind in (5, 10) else value
        for name, (kind, value) in values.items()
    }


@pytest.mark.parametrize("pattern", ALL)
def test_libraw_opens_it_pixel_by_pixel_with_pattern_and_levels(tmp_path, raw_frame, pattern):
    frame = frame_of(raw_frame, pattern)
    write_dng(tmp_path / "a.dng", frame)
    with rawpy.imread(str(tmp_path / "a.dng")) as raw:
        np.testing.assert_array_equal(raw.raw_image_visible, frame.data[0, 0].numpy())
        assert raw.white_level == 15520 and raw.sizes.top_margin == raw.sizes.left_margin == 0
        assert raw.other.iso_speed == 1600 and raw.other.shutter_speed == pytest.approx(1 / 60, rel=1e-7)
        black = raw.black_level_per_channel
        if pattern is None:
            assert raw.num_colors == 1 and black[0] == 600
            return
        height, width = patterns.size(pattern)
        letters = "".join("RGBG"[raw.raw_color(y, x)] for y in range(height) for x in range(width))
        assert letters == pattern
        expected = np.broadcast_to(frame.capture.black_level[0].numpy(), (height, width))
        # LibRaw keeps whole numbers.
        np.testing.assert_array_equal([[black[raw.raw_color(y, x)] for x in range(width)] for y in range(height)], np.floor(expected))


@pytest.mark.parametrize("pattern", ALL)
def test_everything_that_a_dng_holds_comes_back(tmp_path, raw_frame, pattern):
    frame = frame_of(raw_frame, pattern)
    write_dng(tmp_path / "a.dng", frame)
    back = read_raw(tmp_path / "a.dng")
    assert torch.equal(back.data, frame.data) and back.space == "dn"
    assert (back.capture.pattern, back.capture.camera) == (pattern, "nikon-d850")
    known = back.capture.tensors()
    assert known.pop("origin").tolist() == [[0, 0]]
    assert known.keys() == frame.capture.tensors().keys()
    for name, value in frame.capture.tensors().items():
        # LibRaw's arithmetic on white balance and matrices is float32, with about ten operations on numbers up to 2.2.
        tolerance = 10 * 2.2 * 2**-24 if name in ("wb", "cam_to_xyz", "cam_to_srgb") else 0
        torch.testing.assert_close(known[name], value, rtol=0, atol=tolerance, msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize("pattern", BAYER)
def test_tags_say_what_the_specification_asks_for(tmp_path, raw_frame, pattern):
    noise = torch.rand(1, 2, 2, 2, generator=torch.Generator().manual_seed(0))
    write_dng(tmp_path / "a.dng", raw_frame(pattern, noise=noise))
    found = tags(tmp_path / "a.dng")
    assert found["PhotometricInterpretation"] == 32803 and found["Compression"] == 1 and found["BitsPerSample"] == 16
    assert found["DNGVersion"] == bytes([1, 4, 0, 0]) and found["UniqueCameraModel"] == "nikon-d850" and found["Orientation"] == 1
    assert bytes(found["CFAPattern"]) == bytes("RGB".index(letter) for letter in pattern)
    assert found["BlackLevelRepeatDim"] == (2, 2) and found["BlackLevel"].tolist() == [600.0, 601.25, 602.0, 603.5]
    np.testing.assert_allclose(found["AsShotNeutral"], [1 / 2.1, 1, 1 / 1.6], rtol=2**-23)
    places = {letter: [divmod(i, 2) for i, other in enumerate(pattern) if other == letter] for letter in "RGB"}
    expected = [np.mean([noise[0, k, y, x] for y, x in places[letter]]) for letter in "RGB" for k in (0, 1)]
    np.testing.assert_allclose(found["NoiseProfile"], expected, rtol=2**-23)


def test_a_monochrome_frame_has_no_filters_and_no_colour(tmp_path, raw_frame):
    write_dng(tmp_path / "a.dng", raw_frame(None))
    found = tags(tmp_path / "a.dng")
    assert found["PhotometricInterpretation"] == 34892 and len(found["NoiseProfile"]) == 2
    assert not {"CFAPattern", "ColorMatrix1", "AsShotNeutral"} & found.keys()


def test_colour_follows_the_specification_both_ways(tmp_path, raw_frame):
    frame = raw_frame()
    write_dng(tmp_path / "a.dng", frame)
    found = tags(tmp_path / "a.dng")
    color, forward, neutral = found["ColorMatrix1"].reshape(3, 3), found["ForwardMatrix1"].reshape(3, 3), found["AsShotNeutral"]
    wanted = (frame.capture.cam_to_xyz[0].double() * frame.capture.wb[0].double()).numpy()  # camera's own RGB to XYZ (D50)
    # Chapter 6 of the specification: by ForwardMatrix, from the neutral; without it, by the inverse of ColorMatrix and Bradford adaptation.
    np.testing.assert_allclose(forward / neutral, wanted, atol=3e-6)
    white = np.linalg.inv(color) @ neutral
    np.testing.assert_allclose(white / white[1], colour.D65.numpy(), atol=3e-6)
    by_color = colour.adaptation(colour.D65, colour.D50).numpy() @ np.linalg.inv(color)
    np.testing.assert_allclose(by_color, wanted, atol=3e-6)


@pytest.mark.parametrize("known", ["both", "cam_to_srgb", "cam_to_xyz", "none"])
def test_libraw_develops_a_flat_colour_as_the_capture_says(tmp_path, raw_frame, known):
    unknown = {name: None for name in ("cam_to_srgb", "cam_to_xyz") if known not in ("both", name)}
    frame = raw_frame("RGGB", black_level=torch.tensor([600.0]), **unknown)
    light = torch.tensor([0.2, 0.5, 0.3])  # camera RGB over white level, before white balance
    pixels = 600 + light[torch.tensor(patterns.channels("RGGB"))].repeat(24, 31) * (15520 - 600)
    write_dng(tmp_path / "a.dng", frame.replace(pixels[None, None]))
    with rawpy.imread(str(tmp_path / "a.dng")) as raw:
        picture = raw.postprocess(use_camera_wb=True, no_auto_bright=True, gamma=(1, 1), output_bps=16, adjust_maximum_thr=0, user_flip=0)
    rendering = torch.eye(3) if known == "none" else raw_frame().capture.cam_to_srgb[0]
    expected = (rendering @ (light * frame.capture.wb[0])).clamp(0, 1)
    # Two roundings to 16 bits, amplified by gains of 2.1 and by the matrix.
    np.testing.assert_allclose(picture[24, 31] / 65535, expected.numpy(), atol=2.1 * float(rendering.abs().sum(1).max()) / 15520)


def test_a_matrix_that_loses_white_is_brought_back_to_it(tmp_path, raw_frame):
    scaled = raw_frame().capture.cam_to_xyz * torch.tensor([3.0, 2.0, 1.5])[:, None]
    write_dng(tmp_path / "a.dng", raw_frame(cam_to_xyz=scaled))
    np.testing.assert_allclose(tags(tmp_path / "a.dng")["ForwardMatrix1"].reshape(3, 3).sum(1), colour.D50.numpy(), atol=3e-6)
    torch.testing.assert_close(read_raw(tmp_path / "a.dng").capture.cam_to_srgb, raw_frame().capture.cam_to_srgb, rtol=0, atol=2e-6)


@pytest.mark.parametrize("iso", [25.0, 1600.0, 65534.0, 65535.0, 409600.0])
def test_speeds_beyond_the_old_tag_come_back(tmp_path, raw_frame, iso):
    write_dng(tmp_path / "a.dng", raw_frame(iso=iso))
    assert read_raw(tmp_path / "a.dng").capture.iso.item() == iso


@pytest.mark.parametrize("seconds", [1e-6, 1 / 8000, 0.3, 30.0, 3600.0])
def test_exposure_times_come_back(tmp_path, raw_frame, seconds):
    write_dng(tmp_path / "a.dng", raw_frame(seconds=seconds))
    assert read_raw(tmp_path / "a.dng").capture.seconds.item() == pytest.approx(seconds, rel=2**-23)


def test_what_is_not_known_is_left_out(tmp_path, raw_frame):
    frame = raw_frame(noise=None, iso=None, seconds=None, camera=None, wb=None, cam_to_srgb=None, cam_to_xyz=None)
    write_dng(tmp_path / "a.dng", frame)
    assert not {"NoiseProfile", "AsShotNeutral"} & tags(tmp_path / "a.dng").keys()
    capture = read_raw(tmp_path / "a.dng").capture
    assert capture.noise is None and capture.iso is None and capture.seconds is None and capture.camera is None
    torch.testing.assert_close(capture.wb, torch.ones(1, 3), rtol=0, atol=1e-5)


def test_a_frame_without_noise_has_no_noise_profile(tmp_path, raw_frame):
    write_dng(tmp_path / "a.dng", raw_frame(noise=torch.zeros(1, 2)))
    assert "NoiseProfile" not in tags(tmp_path / "a.dng")


def test_values_are_rounded_and_must_fit(tmp_path, raw_frame):
    frame = raw_frame()
    ramp = torch.linspace(0, 65535, 48 * 62, dtype=torch.float64).reshape(1, 1, 48, 62)
    write_dng(tmp_path / "a.dng", frame.replace(ramp))
    assert torch.equal(read_raw(tmp_path / "a.dng").data.double(), ramp.round())
    for low in (-1.0, float("nan"), 65536.0):
        with pytest.raises(RawFileError, match=r"0 to 65535.*clip or scale"):
            write_dng(tmp_path / "b.dng", frame.replace(torch.where(ramp == 0, low, ramp)))
    assert not (tmp_path / "b.dng").exists()


def test_frames_that_are_no_dng_are_refused_with_advice(tmp_path, raw_frame):
    frame, path = raw_frame(), tmp_path / "a.dng"
    with pytest.raises(RawFileError, match=r"frame\.replace\(black_level"):
        write_dng(path, frame.replace(black_level=None))
    with pytest.raises(RawFileError, match="white level"):
        write_dng(path, frame.replace(white_level=None))
    with pytest.raises(RawFileError, match="one white level"):
        write_dng(path, frame.replace(white_level=torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])))
    with pytest.raises(RawFileError, match="gains above 0"):
        write_dng(path, frame.replace(wb=torch.tensor([[0.0, 1.0, 1.0]])))
    with pytest.raises(RawFileError, match="22 x 22"):
        write_dng(path, frame.crop(0, 0, 21, 40))
    with pytest.raises(ShapeError, match=r"frame\.item\(0\)"):
        write_dng(path, frame.replace(frame.data.repeat(2, 1, 1, 1)))
    with pytest.raises(SpaceError):
        write_dng(path, frame.replace(space="mosaic"))
    assert list(tmp_path.iterdir()) == []


def test_the_smallest_frame_opens(tmp_path, raw_frame):
    write_dng(tmp_path / "a.dng", raw_frame().crop(0, 0, 22, 22))
    assert read_raw(tmp_path / "a.dng").data.shape == (1, 1, 22, 22)


def test_the_same_frame_gives_the_same_bytes(tmp_path, raw_frame):
    for name in ("a.dng", "b.dng"):
        write_dng(tmp_path / name, raw_frame())
    assert (tmp_path / "a.dng").read_bytes() == (tmp_path / "b.dng").read_bytes()


@given(st.floats(-20, 20, width=32).filter(lambda v: v == 0 or abs(v) > 1e-3))
def test_fractions_are_the_same_float32(value):
    top, bottom = rationals(value, signed=True)
    assert np.float32(top / bottom) == np.float32(value) and 0 < bottom < 2**31 and abs(top) < 2**31


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed")
@pytest.mark.parametrize("pattern", ALL)
def test_exiftool_finds_nothing_wrong(tmp_path, raw_frame, pattern):
    write_dng(tmp_path / "a.dng", frame_of(raw_frame, pattern))
    report = subprocess.run(
        ["exiftool", "-validate", "-warning", "-a", str(tmp_path / "a.dng")], capture_output=True, text=True, check=True
    ).stdout
    assert report.split(":", 1)[1].strip() == "OK", report


def test_a_real_raw_file_written_again_is_the_same_shot(tmp_path, shared):
    first = read_raw(shared / "raw" / "nikon_d750_crop_768x512.dng")
    write_dng(tmp_path / "a.dng", first)
    second = read_raw(tmp_path / "a.dng")
    assert (
        torch.equal(first.data, second.data)
        and first.capture.pattern == second.capture.pattern
        and first.capture.camera == second.capture.camera
    )
    for name, value in first.capture.tensors().items():
        torch.testing.assert_close(
            second.capture.tensors()[name], value, rtol=0, atol=10 * 2.2 * 2**-24, msg=lambda text, name=name: f"{name}: {text}"
        )
