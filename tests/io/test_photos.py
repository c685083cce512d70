from __future__ import annotations

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image, ImageOps, JpegImagePlugin

from campipe.core.errors import RawFileError, ShapeError, SpaceError
from campipe.core.frame import Frame
from campipe.io.photos import read_photo, write_photo


def numbers(*shape: int, bits: int = 8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 2**bits, shape).astype(np.uint8 if bits == 8 else np.uint16)


def channels_last(frame: Frame) -> np.ndarray:
    assert frame.space == "display" and frame.data.dtype == torch.float32 and frame.batch == 1
    return frame.data[0].permute(1, 2, 0).numpy()


def exact(whole: np.ndarray, largest: int) -> np.ndarray:
    """What a file's numbers stand for."""
    return whole.astype(np.float32) / np.float32(largest)


def display(pixels: np.ndarray) -> Frame:
    return Frame(torch.from_numpy(pixels).movedim(-1, 0)[None], "display")


# Reading.


@pytest.mark.parametrize(
    ("suffix", "options"), [(".png", {}), (".jpg", {}), (".webp", {}), (".tif", {}), (".tif", {"compression": "tiff_lzw"})]
)
def test_eight_bit_colour_is_what_pillow_reads(tmp_path, suffix, options):
    path = tmp_path / f"a{suffix}"
    Image.fromarray(numbers(31, 45, 3)).save(path, **options)
    np.testing.assert_array_equal(channels_last(read_photo(path)), exact(np.asarray(Image.open(path)), 255))


def test_sixteen_bits_are_all_kept(tmp_path):
    from kornia_rs.io import write_image_png_u16

    colour, grey = numbers(31, 45, 3, bits=16), numbers(31, 45, bits=16)
    write_image_png_u16(str(tmp_path / "colour.png"), colour, "rgb")
    Image.fromarray(grey).save(tmp_path / "grey.png")
    tifffile.imwrite(tmp_path / "colour.tif", colour, photometric="rgb", compression="zlib")
    tifffile.imwrite(tmp_path / "planar.tif", np.moveaxis(colour, -1, 0), photometric="rgb", planarconfig="separate")
    tifffile.imwrite(tmp_path / "grey.tif", grey, byteorder=">")
    for name in ("colour.png", "colour.tif", "planar.tif"):
        np.testing.assert_array_equal(channels_last(read_photo(tmp_path / name)), exact(colour, 65535), err_msg=name)
    for name in ("grey.png", "grey.tif"):
        np.testing.assert_array_equal(channels_last(read_photo(tmp_path / name)), exact(grey, 65535)[..., None].repeat(3, -1), err_msg=name)


def test_grey_palette_and_two_level_pictures_become_three_channels(tmp_path):
    colour = Image.fromarray(numbers(31, 45, 3))
    for name, picture in {"grey": colour.convert("L"), "palette": colour.quantize(16), "two levels": colour.convert("1")}.items():
        for suffix in (".png", ".tif"):
            picture.save(tmp_path / f"a{suffix}")
            expected = exact(np.asarray(picture.convert("RGB")), 255)
            np.testing.assert_array_equal(channels_last(read_photo(tmp_path / f"a{suffix}")), expected, err_msg=name + suffix)


def test_a_tiff_that_counts_from_white_is_turned_round(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", numbers(9, 7), photometric="miniswhite")
    np.testing.assert_array_equal(channels_last(read_photo(tmp_path / "a.tif"))[..., 0], exact(255 - numbers(9, 7), 255))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_stand_upright(tmp_path, orientation):
    picture = Image.fromarray(numbers(8, 12, 3))
    tags = picture.getexif()
    tags[274] = orientation
    for suffix in (".png", ".jpg", ".webp", ".tif"):
        picture.save(tmp_path / f"a{suffix}", exif=tags)
        expected = exact(np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / f"a{suffix}"))), 255)
        np.testing.assert_array_equal(channels_last(read_photo(tmp_path / f"a{suffix}")), expected, err_msg=suffix)


def test_a_sixteen_bit_picture_on_its_side_is_turned_too(tmp_path):
    pixels = numbers(8, 12, 3, bits=16)
    write_photo(tmp_path / "a.png", display(exact(pixels, 65535)), bits=16)
    side = Image.new("L", (1, 1))
    tags = side.getexif()
    tags[274] = 6
    side.save(tmp_path / "side.png", exif=tags)
    content, block = (tmp_path / "a.png").read_bytes(), (tmp_path / "side.png").read_bytes()
    at = block.index(b"eXIf") - 4
    chunk = block[at : at + 12 + int.from_bytes(block[at : at + 4], "big")]
    (tmp_path / "a.png").write_bytes(content[:33] + chunk + content[33:])
    np.testing.assert_array_equal(channels_last(read_photo(tmp_path / "a.png")), exact(np.rot90(pixels, -1), 65535))


def test_alpha_is_refused_with_a_hint(tmp_path):
    colour = Image.fromarray(numbers(16, 16, 3))
    colour.convert("RGBA").save(tmp_path / "rgba.png")
    Image.fromarray(numbers(16, 16, 4)).save(tmp_path / "rgba.webp")
    colour.convert("RGBA").save(tmp_path / "rgba.tif")
    colour.convert("LA").save(tmp_path / "la.png")
    colour.save(tmp_path / "key.png", transparency=(0, 0, 0))
    colour.quantize(16).save(tmp_path / "palette.png", transparency=0)
    tifffile.imwrite(tmp_path / "rgba16.tif", numbers(16, 16, 4, bits=16), photometric="rgb", extrasamples=["unassalpha"])
    for path in sorted(tmp_path.iterdir()):
        with pytest.raises(RawFileError, match=r"alpha channel.*convert\('RGB'\)") as caught:
            read_photo(path)
        assert path.name in str(caught.value) and "\n" not in str(caught.value)


def test_what_is_no_whole_picture_is_refused_in_one_line(tmp_path):
    Image.fromarray(numbers(64, 64, 3)).save(tmp_path / "whole.png")
    Image.fromarray(numbers(64, 64, 3)).save(tmp_path / "whole.jpg")
    write_photo(tmp_path / "deep.png", display(np.random.default_rng(0).random((64, 64, 3), dtype=np.float32)), bits=16)
    tifffile.imwrite(tmp_path / "whole.tif", numbers(64, 64, 3), photometric="rgb")
    cases = {f"cut-{p.name}": p.read_bytes()[: p.stat().st_size // 2] for p in tmp_path.iterdir()}
    cases |= {"text.png": b"this is no picture\n" * 9, "text.tif": b"II*\0 no, it is not", "empty.jpg": b""}
    for name, content in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(RawFileError) as caught:
            read_photo(tmp_path / name)
        assert name in str(caught.value) and "\n" not in str(caught.value), name


def test_pictures_that_are_not_grey_or_rgb_are_refused_with_advice(tmp_path):
    Image.fromarray(numbers(16, 16, 3)).convert("CMYK").save(tmp_path / "print.jpg")
    tifffile.imwrite(tmp_path / "float.tif", np.ones((16, 16, 3), np.float32), photometric="rgb")
    tifffile.imwrite(tmp_path / "raw.tif", numbers(16, 16, bits=16), photometric="cfa")
    for name, words in {"print.jpg": "CMYK.*convert it", "float.tif": r"float32.*\.exr", "raw.tif": r"raw data.*\.dng"}.items():
        with pytest.raises(RawFileError, match=words):
            read_photo(tmp_path / name)


def test_real_photos_are_what_pillow_reads(shared):
    for path in sorted((shared / "photos_test_kodak24").glob("*.webp"))[:2]:
        np.testing.assert_array_equal(channels_last(read_photo(path)), exact(np.asarray(Image.open(path).convert("RGB")), 255))


# Writing.


@pytest.mark.parametrize(("suffix", "bits"), [(".png", 8), (".tif", 8), (".png", 16), (".tif", 16)])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_number_survives_writing_and_reading(tmp_path, suffix, bits, channels):
    pixels = exact(np.arange(2**bits).reshape(2 ** (bits // 2), -1, 1).repeat(channels, -1), 2**bits - 1)
    write_photo(tmp_path / f"a{suffix}", display(pixels), bits=bits)
    assert np.array_equal(channels_last(read_photo(tmp_path / f"a{suffix}")), np.broadcast_to(pixels, (*pixels.shape[:2], 3)))


def test_our_sixteen_bit_png_is_read_by_others(tmp_path):
    from kornia_rs.io import read_image_png_u16

    pixels = numbers(31, 45, 3, bits=16)
    write_photo(tmp_path / "colour.png", display(exact(pixels, 65535)), bits=16)
    write_photo(tmp_path / "grey.png", display(exact(pixels[..., :1], 65535)), bits=16)
    np.testing.assert_array_equal(np.asarray(read_image_png_u16(str(tmp_path / "colour.png"), "rgb")), pixels)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "grey.png")), pixels[..., 0])


@pytest.mark.parametrize("bits", [8, 16])
def test_values_are_rounded_and_clipped(tmp_path, bits):
    top = 2**bits - 1
    steps = torch.tensor([-5.0, -0.4, 0.4, 0.6, 99.49, 99.51, top - 0.6, top + 0.4, 2.0 * top], dtype=torch.float64)
    write_photo(tmp_path / "a.tif", Frame((steps / top).expand(1, 3, 4, -1), "display"), bits=bits)
    assert tifffile.imread(tmp_path / "a.tif")[0, :, 0].tolist() == [0, 0, 0, 1, 99, 100, top - 1, top, top]


def test_jpeg_keeps_colour_at_full_resolution_and_obeys_its_quality(tmp_path):
    frame = display(exact(numbers(64, 64, 3), 255))
    for name, quality in (("good.jpg", 95), ("bad.jpg", 20)):
        write_photo(tmp_path / name, frame, quality=quality)
        assert JpegImagePlugin.get_sampling(Image.open(tmp_path / name)) == 0  # 4:4:4
    assert (tmp_path / "good.jpg").stat().st_size > 2 * (tmp_path / "bad.jpg").stat().st_size


def test_frames_that_are_no_picture_are_refused(tmp_path):
    data, path = torch.rand(1, 3, 8, 8), tmp_path / "a.png"
    with pytest.raises(ShapeError, match=r"batch of 2 came; write frame\.item\(0\)"):
        write_photo(path, Frame(data.repeat(2, 1, 1, 1), "display"))
    with pytest.raises(ShapeError, match="each v, t"):
        write_photo(path, Frame(data[:, None, None], "display"))
    with pytest.raises(SpaceError, match="'linear'"):
        write_photo(path, Frame(data, "linear"))
    with pytest.raises(RawFileError, match="1 are not"):
        write_photo(path, Frame(torch.where(torch.arange(8) == 3, torch.nan, 0.5)[None, None, None, :].clone(), "display"))
    for name, bits in {"a.jpg": 16, "a.png": 12, "a.gif": 8}.items():
        with pytest.raises(RawFileError):
            write_photo(tmp_path / name, Frame(data, "display"), bits=bits)
    assert list(tmp_path.iterdir()) == []
