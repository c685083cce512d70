from __future__ import annotations

import numpy as np
import OpenEXR
import pytest
import torch

from campipe.core.errors import RawFileError, ShapeError, SpaceError
from campipe.core.frame import Frame
from campipe.io.exr import REC709, read_exr, write_exr

# x, y of red, green, blue and white: SMPTE ST 2065-1 (ACES AP0), Rec. ITU-R BT.2020-2.
AP0 = (0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.0770, 0.32168, 0.33767)
REC2020 = (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, 0.3127, 0.3290)


def exr(path, channels, **header):
    OpenEXR.File({"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage, **header}, channels).write(str(path))
    return path


def picture(channels=3):
    return torch.randn(1, channels, 9, 13, generator=torch.Generator().manual_seed(0)) * 100


@pytest.mark.parametrize("space", ["linear", "scene", "camera"])
def test_linear_light_comes_back_bit_by_bit_and_in_its_space(tmp_path, space):
    write_exr(tmp_path / "a.exr", Frame(picture(), space))
    back = read_exr(tmp_path / "a.exr")
    assert back.space == space and torch.equal(back.data, picture())


def test_grey_is_repeated(tmp_path):
    write_exr(tmp_path / "a.exr", Frame(picture(1), "linear"))
    assert torch.equal(read_exr(tmp_path / "a.exr").data, picture(1).repeat(1, 3, 1, 1))


def test_half_floats_keep_eleven_bits(tmp_path):
    write_exr(tmp_path / "a.exr", Frame(picture(), "linear"), half=True)
    assert torch.equal(read_exr(tmp_path / "a.exr").data, picture().half().float())


@pytest.mark.parametrize("primaries", [AP0, REC2020], ids=["ACES", "Rec. 2020"])
def test_other_primaries_are_converted_as_colour_science_does(tmp_path, primaries):
    import colour

    pixels = np.random.default_rng(0).random((6, 5, 3), dtype=np.float32)
    back = read_exr(exr(tmp_path / "a.exr", {"RGB": pixels}, chromaticities=primaries)).data[0].permute(1, 2, 0)
    source = colour.RGB_Colourspace("source", np.reshape(primaries[:6], (3, 2)), np.array(primaries[6:]))
    target = colour.RGB_Colourspace("target", np.reshape(REC709[:6], (3, 2)), np.array(REC709[6:]))
    oracle = colour.RGB_to_RGB(pixels, source, target, chromatic_adaptation_transform="Bradford")
    # float32 in the file, float64 in the sum: half a unit in the last place of numbers up to 4.
    np.testing.assert_allclose(back.numpy(), oracle, atol=4 * 2**-24)


def test_alpha_is_refused_unless_it_is_the_same_everywhere(tmp_path):
    pixels = np.random.default_rng(0).random((6, 5, 4), dtype=np.float32)
    with pytest.raises(RawFileError, match="transparent"):
        read_exr(exr(tmp_path / "a.exr", {"RGBA": pixels}))
    pixels[..., 3] = 0
    assert np.array_equal(read_exr(exr(tmp_path / "a.exr", {"RGBA": pixels})).data[0].permute(1, 2, 0).numpy(), pixels[..., :3])


def test_bad_files_and_frames_are_refused_in_one_line(tmp_path):
    for name, content in {
        "text": b"hello, this is no picture",
        "empty": b"",
        "cut": exr(tmp_path / "a.exr", {"RGB": np.ones((99, 99, 3), "f")}).read_bytes()[:400],
    }.items():
        (tmp_path / "b.exr").write_bytes(content)
        with pytest.raises(RawFileError) as caught:
            read_exr(tmp_path / "b.exr")
        assert "\n" not in str(caught.value), name
    with pytest.raises(RawFileError, match="has the channels Z"):
        read_exr(exr(tmp_path / "z.exr", {"Z": np.ones((9, 9), "f")}))
    with pytest.raises(SpaceError, match="'display'"):
        write_exr(tmp_path / "a.exr", Frame(picture(), "display"))
    with pytest.raises(ShapeError, match=r"frame\.item\(0\)"):
        write_exr(tmp_path / "a.exr", Frame(picture().repeat(2, 1, 1, 1), "linear"))
    with pytest.raises(RawFileError, match="safetensors"):
        write_exr(tmp_path / "a.exr", Frame(picture(5), "scene"))
    with pytest.raises(RawFileError, match="does not exist"):
        write_exr(tmp_path / "nowhere" / "a.exr", Frame(picture(), "linear"))


def test_real_high_dynamic_range_photos_are_read(shared):
    for path in sorted((shared / "hdr").glob("*.exr")):
        frame = read_exr(path)
        assert frame.space == "linear" and frame.data.shape[1] == 3 and bool(torch.isfinite(frame.data).all())


def test_primaries_that_span_no_triangle_are_refused(tmp_path):
    with pytest.raises(RawFileError, match="span no colours"):
        read_exr(exr(tmp_path / "a.exr", {"RGB": np.ones((4, 4, 3), "f")}, chromaticities=(0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3127, 0.3290)))
