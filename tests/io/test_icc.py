from __future__ import annotations

import hashlib
import io

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image, ImageCms

from campipe.core.errors import CampipeError
from campipe.core.frame import Capture, Frame
from campipe.io.icc import icc_profile, recognised
from campipe.io.photos import read_photo, write_photo
from campipe.ops.colour import srgb_encode
from campipe.ops.colour_spaces import COLOUR_SPACES, decode, encode

NAMES = list(COLOUR_SPACES)


def opened(profile: bytes) -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(io.BytesIO(profile))


def colours(name: str) -> np.ndarray:
    """A set of colours inside sRGB as numbers of a space, (N, 1, 3) uint8."""
    steps = torch.linspace(0, 1, 9, dtype=torch.float64)
    srgb = torch.stack(torch.meshgrid(steps, steps, steps, indexing="ij")).reshape(1, 3, -1, 1)
    display = encode(decode(srgb, "srgb"), name)
    return (display[0] * 255).round().permute(1, 2, 0).numpy().astype(np.uint8)


def converted(pixels: np.ndarray, source: ImageCms.ImageCmsProfile, target: ImageCms.ImageCmsProfile) -> np.ndarray:
    relative = ImageCms.Intent.RELATIVE_COLORIMETRIC
    return np.asarray(ImageCms.profileToProfile(Image.fromarray(pixels), source, target, renderingIntent=relative)).astype(int)


@pytest.mark.parametrize("name", NAMES)
def test_little_cms_converts_to_srgb_as_our_matrices_do(name, figure):
    theirs = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    pixels = colours(name)
    wanted = srgb_encode(decode(torch.from_numpy(pixels / 255).permute(2, 0, 1)[None], name))[0].permute(1, 2, 0).clamp(0, 1) * 255
    off = np.abs(converted(pixels, opened(icc_profile(name)), theirs) - wanted.numpy())
    figure(f"ICC {name} to sRGB by Little CMS, largest distance in 8-bit steps", off.max(), "< 1.5")
    assert off.max() < 1.5  # half a step of rounding, and one of Little CMS's 8-bit arithmetic


@pytest.mark.parametrize("name", NAMES)
def test_little_cms_converts_from_srgb_as_our_matrices_do(name):
    theirs = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    pixels = colours("srgb")
    wanted = encode(decode(torch.from_numpy(pixels / 255).permute(2, 0, 1)[None], "srgb"), name)[0].permute(1, 2, 0) * 255
    assert np.abs(converted(pixels, theirs, opened(icc_profile(name))) - wanted.numpy()).max() < 1.5


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("grey", [False, True])
def test_a_profile_is_whole_and_names_itself(name, grey):
    profile = icc_profile(name, grey=grey)
    assert int.from_bytes(profile[:4], "big") == len(profile) and len(profile) % 4 == 0
    assert ImageCms.getProfileDescription(opened(profile)).strip() == COLOUR_SPACES[name].title + " grey" * grey
    unnamed = bytearray(profile)
    unnamed[44:48], unnamed[64:68], unnamed[84:100] = bytes(4), bytes(4), bytes(16)
    assert profile[84:100] == hashlib.md5(unnamed).digest()


@pytest.mark.parametrize("name", NAMES)
def test_the_colorants_add_up_to_the_white_of_the_connection_space(name):
    inner = opened(icc_profile(name)).profile
    total = np.sum([inner.red_colorant[0], inner.green_colorant[0], inner.blue_colorant[0]], 0)
    assert np.abs(total - [0.9642, 1.0, 0.8249]).max() < 3 / 65536  # three roundings to 1/65536
    assert inner.chromatic_adaptation is not None


def test_the_bytes_do_not_change():
    icc_profile.cache_clear()
    once = [icc_profile(name) for name in NAMES]
    icc_profile.cache_clear()
    assert once == [icc_profile(name) for name in NAMES]


def test_profiles_of_others_are_recognised_by_what_they_say():
    theirs = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert recognised(theirs) == "srgb"
    assert [recognised(icc_profile(name)) for name in NAMES] == NAMES
    assert recognised(icc_profile("rec2020", grey=True)) == "rec2020"


def test_what_is_no_such_profile_is_not_recognised():
    gamma = bytearray(icc_profile("srgb"))
    at = gamma.index(b"para")
    gamma[at + 12 : at + 16] = round(2.0 * 65536).to_bytes(4, "big")
    whole = icc_profile("display-p3")
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    for profile in (None, b"", b"no profile", bytes(gamma), whole[:300], whole[:100], bytes(200), lab):
        assert recognised(profile) is None


# Files.


def wide(name: str, channels: int = 3) -> Frame:
    data = torch.rand(1, channels, 20, 30, generator=torch.Generator().manual_seed(1))
    return Frame(data, "display", Capture(colour_space=name))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("suffix", "bits"), [(".png", 8), (".png", 16), (".tif", 8), (".tif", 16), (".jpg", 8)])
def test_the_profile_travels_in_the_file_and_comes_back(tmp_path, name, suffix, bits):
    path = tmp_path / f"a{suffix}"
    write_photo(path, wide(name), bits=bits)
    inside = tifffile.TiffFile(path).pages.first.tags[34675].value if suffix == ".tif" else Image.open(path).info["icc_profile"]
    assert inside == icc_profile(name)
    again = read_photo(path)
    assert again.capture.colour_space == name
    if suffix != ".jpg":
        assert (again.data - wide(name).data).abs().max() <= 0.5 / (2**bits - 1) + 1e-7


@pytest.mark.parametrize(("suffix", "bits"), [(".png", 8), (".png", 16), (".tif", 16), (".jpg", 8)])
def test_grey_pictures_get_a_profile_without_primaries(tmp_path, suffix, bits):
    path = tmp_path / f"a{suffix}"
    write_photo(path, wide("rec2020", 1), bits=bits)
    inside = tifffile.TiffFile(path).pages.first.tags[34675].value if suffix == ".tif" else Image.open(path).info["icc_profile"]
    assert inside == icc_profile("rec2020", grey=True)
    assert read_photo(path).capture.colour_space == "rec2020"


def test_a_picture_with_another_profile_or_none_is_taken_as_srgb(tmp_path):
    pixels = Image.fromarray(np.zeros((4, 4, 3), np.uint8))
    pixels.save(tmp_path / "none.png")
    pixels.save(tmp_path / "damaged.png", icc_profile=icc_profile("rec2020")[:200])
    assert {read_photo(path).capture.colour_space for path in tmp_path.iterdir()} == {"srgb"}


def test_a_frame_in_an_unknown_space_is_not_written(tmp_path):
    with pytest.raises(CampipeError, match="did you mean 'rec2020'"):
        write_photo(tmp_path / "a.png", wide("rec2021"))
    assert list(tmp_path.iterdir()) == []
