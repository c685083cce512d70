from __future__ import annotations

import numpy as np
import pytest
import rawpy
import tifffile
import torch

from campipe.core.errors import CampipeError, RawFileError
from campipe.developing import develop
from campipe.io.raw import dual_illuminant, file_assumptions, masked_black, read_raw
from campipe.isp.assumptions import assumptions
from campipe.ops import colour

# XYZ (D65) to camera RGB of a Nikon D750: Adobe's figures.
D750 = (0.9020, -0.2890, -0.0715, -0.4535, 1.2436, 0.2348, -0.0934, 0.1919, 0.7086)
XTRANS = "GGRGGBGGBGGRBRGRBGGGBGGRGGRGGBRBGBRG"
PIXELS = np.random.default_rng(0).integers(0, 16384, (64, 90)).astype(np.uint16)


def pairs(*values: float) -> tuple[int, ...]:
    return tuple(n for v in values for n in (round(v * 10000), 10000))


def foreign(path, pattern="RGGB", pixels=PIXELS, photometric="cfa", **changes):
    """Write a DNG as another program might, tag by tag; changes by name, None leaves a tag out."""
    known = {
        "DNGVersion": (50706, 1, 4, bytes([1, 4, 0, 0])),
        "Make": (271, 2, 0, "Somebody"),
        "Model": (272, 2, 0, "One"),
        "CFARepeatPatternDim": (33421, 3, 2, (2, 2) if len(pattern) == 4 else (6, 6)),
        "CFAPattern": (33422, 1, len(pattern), bytes("RGB".index(c) for c in pattern)),
        "CFAPlaneColor": (50710, 1, 3, bytes([0, 1, 2])),
        "BlackLevelRepeatDim": (50713, 3, 2, (2, 2)),
        "BlackLevel": (50714, 5, 4, pairs(600, 601, 602, 603)),
        "WhiteLevel": (50717, 4, 1, 15520),
        "ColorMatrix1": (50721, 10, 9, pairs(*D750)),
        "CalibrationIlluminant1": (50778, 3, 1, 21),
        "AsShotNeutral": (50728, 5, 3, pairs(0.5, 1, 0.8)),
        "NoiseProfile": (51041, 12, 6, (3e-5, 1e-9, 4e-5, 2e-9, 5e-5, 3e-9)),
    }
    known |= changes
    tifffile.imwrite(
        path, pixels, photometric=photometric, extratags=[(*t, True) for t in known.values() if t], metadata=None, subfiletype=0
    )
    return path


def test_margins_move_pattern_black_and_noise_to_the_frames_own_corner(tmp_path):
    # ActiveArea begins at an odd place, which LibRaw moves to an even one.
    frame = read_raw(foreign(tmp_path / "a.dng", ActiveArea=(50829, 4, 4, (3, 5, 60, 88))))
    y, x = frame.capture.origin[0].tolist()
    assert (y, x) != (0, 0)
    np.testing.assert_array_equal(frame.data[0, 0].numpy(), PIXELS[y : y + frame.height, x : x + frame.width])
    # Tables of the file begin at the active area's corner.
    letters, black = np.array(list("RGGB")).reshape(2, 2), np.array([[600.0, 601.0], [602.0, 603.0]])
    shift = (-(y - 3), -(x - 5))
    assert frame.capture.pattern == "".join(np.roll(letters, shift, (0, 1)).flat)
    np.testing.assert_array_equal(frame.capture.black_level[0].numpy(), np.roll(black, shift, (0, 1)))
    by_letter = {"R": 3e-5, "G": 4e-5, "B": 5e-5}
    expected = [[by_letter[c] for c in row] for row in np.roll(letters, shift, (0, 1))]
    np.testing.assert_allclose(frame.capture.noise[0, 0].numpy(), expected, rtol=2**-23)


def test_black_levels_are_in_space_not_in_librawss_colour_order(tmp_path):
    for pattern in ("RGGB", "BGGR", "GRBG", "GBRG"):
        assert read_raw(foreign(tmp_path / "a.dng", pattern)).capture.black_level.tolist() == [[[600, 601], [602, 603]]]


def test_black_levels_that_only_libraw_works_out_are_in_space_too(tmp_path):
    # A level for each column is more than a table: LibRaw adds its mean, and hands over the result in its order R, G, B, second G.
    columns = (50715, 10, 90, pairs(*[8.0] * 90))
    for pattern in ("RGGB", "BGGR", "GRBG", "GBRG"):
        path = foreign(tmp_path / "a.dng", pattern, BlackLevelDeltaH=columns)
        assert read_raw(path).capture.black_level.tolist() == [[[608, 609], [610, 611]]]


def test_black_levels_of_another_shape_than_the_tile_are_repeated(tmp_path):
    path = foreign(tmp_path / "a.dng", BlackLevelRepeatDim=(50713, 3, 2, (1, 2)), BlackLevel=(50714, 5, 2, pairs(600.25, 601)))
    assert read_raw(path).capture.black_level.tolist() == [[[600.25, 601], [600.25, 601]]]
    path = foreign(tmp_path / "a.dng", BlackLevelRepeatDim=None, BlackLevel=(50714, 4, 1, 64))
    assert read_raw(path).capture.black_level.tolist() == [64]
    path = foreign(tmp_path / "a.dng", BlackLevelRepeatDim=None, BlackLevel=None)
    assert read_raw(path).capture.black_level.tolist() == [0]


def test_x_trans_has_its_six_by_six_tile_and_a_black_level_for_each_place(tmp_path):
    levels = np.arange(600, 636)
    changes = {"BlackLevelRepeatDim": (50713, 3, 2, (6, 6)), "BlackLevel": (50714, 5, 36, pairs(*levels))}
    capture = read_raw(foreign(tmp_path / "a.dng", XTRANS, **changes)).capture
    assert capture.pattern == XTRANS and capture.noise.shape == (1, 2, 6, 6)
    np.testing.assert_array_equal(capture.black_level[0].numpy(), levels.reshape(6, 6))


def test_margins_move_the_tile_of_x_trans_too(tmp_path):
    changes = {"BlackLevelRepeatDim": (50713, 3, 2, (6, 6)), "BlackLevel": (50714, 5, 36, pairs(*range(600, 636)))}
    whole = read_raw(foreign(tmp_path / "a.dng", XTRANS, **changes))
    # The file's tables begin at the active area's corner, so the same picture's are those of a crop when rolled back.
    back = {
        k: (*t[:3], v)
        for (k, t), v in zip(
            changes.items(), [(6, 6), pairs(*np.roll(np.arange(600, 636).reshape(6, 6), (-4, -2), (0, 1)).flat)], strict=True
        )
    }
    rolled = "".join(np.roll(np.array(list(XTRANS)).reshape(6, 6), (-4, -2), (0, 1)).flat)
    part = read_raw(foreign(tmp_path / "b.dng", rolled, ActiveArea=(50829, 4, 4, (4, 2, 64, 90)), **back))
    crop = whole.crop(4, 2, 60, 88)
    assert torch.equal(part.data, crop.data) and part.capture.pattern == crop.capture.pattern
    assert torch.equal(part.capture.black_level, crop.capture.black_level) and torch.equal(part.capture.origin, crop.capture.origin)
    torch.testing.assert_close(part.capture.noise, crop.capture.noise)


def test_developing_does_not_change_what_is_read(tmp_path):
    path = str(foreign(tmp_path / "a.dng"))
    with rawpy.imread(path) as raw:
        before = raw.raw_pattern.tolist()
        raw.postprocess()
        assert (before, raw.raw_pattern.tolist()) == ([[0, 1], [3, 2]], [[0, 1], [1, 2]])  # the trap, as it stands in LibRaw
    assert read_raw(path).capture.pattern == "RGGB"


def test_white_balance_has_green_one_and_falls_back(tmp_path):
    as_shot = read_raw(foreign(tmp_path / "a.dng")).capture.wb
    torch.testing.assert_close(as_shot, torch.tensor([[2.0, 1.0, 1.25]]), rtol=2**-22, atol=0)
    neutral = torch.tensor(D750, dtype=torch.float64).reshape(3, 3) @ colour.D65
    daylight = read_raw(foreign(tmp_path / "a.dng", AsShotNeutral=None)).capture.wb
    # LibRaw's white of sRGB differs from the tabulated one in the fifth digit.
    torch.testing.assert_close(daylight[0].double(), neutral[1] / neutral, rtol=1e-4, atol=0)
    x, y = 0.3457, 0.3585  # D50
    by_white = read_raw(foreign(tmp_path / "a.dng", AsShotNeutral=None, AsShotWhiteXY=(50729, 5, 2, pairs(x, y)))).capture.wb
    reading = torch.tensor(D750, dtype=torch.float64).reshape(3, 3) @ torch.tensor([x / y, 1.0, (1 - x - y) / y], dtype=torch.float64)
    torch.testing.assert_close(by_white[0].double(), reading[1] / reading, rtol=1e-4, atol=0)


def test_the_colour_matrix_is_that_of_white_balanced_camera_rgb(tmp_path):
    capture = read_raw(foreign(tmp_path / "a.dng")).capture
    expected = colour.cam_to_srgb(torch.tensor(D750, dtype=torch.float64).reshape(3, 3))
    torch.testing.assert_close(capture.cam_to_srgb[0].double(), expected, rtol=0, atol=1e-4)
    torch.testing.assert_close(capture.cam_to_srgb.sum(-1), torch.ones(1, 3), rtol=0, atol=2**-22)
    torch.testing.assert_close(capture.cam_to_xyz[0].double().sum(1), colour.D50, rtol=0, atol=1e-4)  # white is D50 white


def test_the_white_level_is_that_of_the_file(tmp_path):
    # For a file of Nikon's LibRaw also reports where it believes the response to stop being linear, 1016 below.
    path = foreign(tmp_path / "a.dng", Make=(271, 2, 0, "Nikon"), Model=(272, 2, 0, "D750"))
    assert read_raw(path).capture.white_level.tolist() == [15520]


def test_a_noise_profile_of_one_pair_stands_for_all(tmp_path):
    pair = (51041, 12, 2, (3e-5, 1e-9))
    assert read_raw(foreign(tmp_path / "a.dng", NoiseProfile=pair)).capture.noise.shape == (1, 2)
    assert read_raw(foreign(tmp_path / "a.dng", NoiseProfile=None)).capture.noise is None


def test_planes_in_an_order_that_libraw_mixes_up_are_refused(tmp_path):
    path = foreign(tmp_path / "a.dng", CFAPlaneColor=(50710, 1, 3, bytes([2, 1, 0])))
    with rawpy.imread(str(path)) as raw:
        assert raw.color_desc[raw.raw_color(0, 0)] == ord("B")  # the file says red
    with pytest.raises(RawFileError, match="planes in another order"):
        read_raw(path)


@pytest.mark.parametrize(("make", "model"), [("MicaSense", "RedEdge-M"), ("DJI", "P4M"), ("Parrot", "Sequoia")])
def test_monochrome_tiffs_that_libraw_takes_for_rggb_have_no_pattern(tmp_path, make, model):
    pixels = np.random.default_rng(0).integers(0, 65536, (960, 1280)).astype(np.uint16)
    tifffile.imwrite(
        tmp_path / "a.tif", pixels, photometric="minisblack", extratags=[(271, 2, 0, make, True), (272, 2, 0, model, True)], metadata=None
    )
    frame = read_raw(tmp_path / "a.tif")
    assert frame.capture.pattern is None and frame.capture.wb is None and frame.capture.cam_to_srgb is None
    np.testing.assert_array_equal(frame.data[0, 0].numpy(), pixels)


def test_files_that_hold_no_mosaic_are_refused_with_advice(tmp_path):
    with pytest.raises(RawFileError, match="floating-point"):
        read_raw(foreign(tmp_path / "float.dng", pixels=(PIXELS / 16384).astype(np.float32)))
    linear = {"CFARepeatPatternDim": None, "CFAPattern": None, "CFAPlaneColor": None, "BlackLevelRepeatDim": None, "BlackLevel": None}
    with pytest.raises(RawFileError, match="colours at every pixel"):
        read_raw(foreign(tmp_path / "linear.dng", pixels=np.stack([PIXELS] * 3, -1), photometric=34892, **linear))


def test_what_is_no_whole_raw_file_is_refused_in_one_line(tmp_path, capfd):
    whole = foreign(tmp_path / "whole.dng").read_bytes()
    cases = {
        "cut.dng": whole[: len(whole) // 2],
        "short.dng": whole[:-10],
        "head.dng": whole[:100],
        "text.dng": b"hello\n" * 999,
        "empty.dng": b"",
    }
    cases |= {"noise.nef": np.random.default_rng(0).bytes(5000)}
    for name, content in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(RawFileError) as caught:
            read_raw(tmp_path / name)
        assert name in str(caught.value) and "\n" not in str(caught.value) and ";" in str(caught.value), name
    with pytest.raises(RawFileError, match="there is no file"):
        read_raw(tmp_path / "missing.dng")
    with pytest.raises(RawFileError, match="is a folder"):
        read_raw(tmp_path)
    assert capfd.readouterr().err == ""


def test_a_real_raw_file_is_read_with_its_capture(shared):
    path = shared / "raw" / "nikon_d750_crop_768x512.dng"
    frame = read_raw(path)
    capture = frame.capture
    assert frame.data.shape == (1, 1, 512, 768) and capture.pattern == "RGGB" and capture.camera == "campipe D750 crop"
    assert (capture.black_level.tolist(), capture.white_level.tolist()) == ([600], [15520])
    torch.testing.assert_close(capture.wb, torch.tensor([[1.949219, 1.0, 1.343750]]), rtol=1e-6, atol=0)
    torch.testing.assert_close(capture.noise, torch.tensor([[3.5e-5, 1e-9]]))
    np.testing.assert_array_equal(frame.data[0, 0].numpy(), tifffile.imread(path))


NO_CFA = {"CFARepeatPatternDim": None, "CFAPattern": None, "CFAPlaneColor": None}
ZEROS = (50721, 10, 9, pairs(*[0] * 9))

# What a file lacks or spoils, and words of the sentences that say what is taken instead.
ASSUMED: dict[str, tuple[dict, list[str]]] = {
    "complete": ({}, []),
    "no neutral": ({"AsShotNeutral": None}, ["daylight"]),
    "a neutral of zeros": ({"AsShotNeutral": (50728, 5, 3, (0, 1, 0, 1, 0, 1))}, ["daylight"]),
    "a neutral with a zero": ({"AsShotNeutral": (50728, 5, 3, (1, 2, 1, 1, 0, 1))}, ["daylight"]),
    "a neutral divided by zero": ({"AsShotNeutral": (50728, 5, 3, (1, 0, 1, 0, 1, 0))}, ["daylight"]),
    "no matrix": ({"ColorMatrix1": None}, ["no colour matrix"]),
    "a matrix of zeros": ({"ColorMatrix1": ZEROS}, ["no colour matrix"]),
    "a matrix without an inverse": ({"ColorMatrix1": (50721, 10, 9, pairs(*[1, 2, 3] * 3))}, ["no colour matrix"]),
    "a matrix of the wrong sign": ({"ColorMatrix1": (50721, 10, 9, pairs(*[-v for v in D750]))}, ["no colour matrix"]),
    "neither neutral nor matrix": ({"AsShotNeutral": None, "ColorMatrix1": None}, ["no white balance", "no colour matrix"]),
    "zeros for both": (
        {"AsShotNeutral": (50728, 5, 3, (0, 1, 0, 1, 0, 1)), "ColorMatrix1": ZEROS},
        ["no white balance", "no colour matrix"],
    ),
    "no white level": ({"WhiteLevel": None}, ["white level"]),
    "a white level of zero": ({"WhiteLevel": (50717, 4, 1, 0)}, ["white level"]),
    "no black level": ({"BlackLevel": None, "BlackLevelRepeatDim": None}, ["black level"]),
    "no calibration light": ({"CalibrationIlluminant1": None}, []),
    "no name": ({"Make": None, "Model": None}, []),
    "a noise profile of nan": ({"NoiseProfile": (51041, 12, 6, (float("nan"),) * 6)}, []),
    "one filter for all": ({"CFAPattern": (33422, 1, 4, bytes(4))}, ["grey"]),
    "an odd size": ({"pixels": PIXELS[:63, :89]}, []),
    "a narrow strip": ({"pixels": PIXELS[:24]}, []),
}


@pytest.mark.parametrize("what", ASSUMED)
def test_what_a_file_lacks_is_assumed_aloud(tmp_path, what):
    changes, words = ASSUMED[what]
    path = foreign(tmp_path / "a.dng", **changes)
    frame = read_raw(path)
    np.testing.assert_array_equal(frame.data[0, 0].numpy(), changes.get("pixels", PIXELS))
    said = [*file_assumptions(path), *assumptions(frame.capture)]
    assert len(said) == len(words) and all(word in sentence for word, sentence in zip(words, said, strict=True)), said
    picture = develop(frame).data
    assert picture.shape == (1, 3, frame.height, frame.width) and bool(torch.isfinite(picture).all())
    assert frame.capture.noise is None or bool(torch.isfinite(frame.capture.noise).all())


REFUSED: dict[str, tuple[dict, str]] = {
    "no pattern": ({"CFAPattern": None}, "does not say of which filters"),
    "no pattern at all": (NO_CFA, "does not say of which filters"),
    "3 x 3": (
        {"CFARepeatPatternDim": (33421, 3, 2, (3, 3)), "CFAPattern": (33422, 1, 9, bytes([0, 1, 2, 1, 2, 0, 2, 0, 1]))},
        "3 x 3",
    ),
    "4 x 4, which LibRaw cuts to 2 x 2": (
        {"CFARepeatPatternDim": (33421, 3, 2, (4, 4)), "CFAPattern": (33422, 1, 16, bytes([0, 0, 1, 1] * 2 + [1, 1, 2, 2] * 2))},
        "4 x 4",
    ),
    "2 x 4": (
        {"CFARepeatPatternDim": (33421, 3, 2, (2, 4)), "CFAPattern": (33422, 1, 8, bytes([0, 1, 1, 0, 1, 2, 2, 1]))},
        "2 x 4",
    ),
    "staggered": ({"CFALayout": (50711, 3, 1, 2)}, "pattern of"),
    "four colours": (
        {"CFAPlaneColor": (50710, 1, 4, bytes([0, 1, 2, 3])), "CFAPattern": (33422, 1, 4, bytes([0, 1, 3, 2]))},
        "filters of red, green, blue, cyan",
    ),
    "cyan, magenta, yellow": (
        {"CFAPlaneColor": (50710, 1, 3, bytes([3, 4, 5])), "CFAPattern": (33422, 1, 4, bytes([3, 4, 4, 5]))},
        "filters of cyan, magenta, yellow",
    ),
    "swapped planes": ({"CFAPlaneColor": (50710, 1, 3, bytes([2, 1, 0]))}, "another order"),
    "half floats": ({"pixels": (PIXELS / 16384).astype(np.float16)}, "floating-point"),
    "signed numbers": ({"pixels": PIXELS.astype(np.int16)}, "signed"),
    "32 bits": ({"pixels": PIXELS.astype(np.uint32)}, "no raw file that LibRaw knows"),
    "ten pixels": ({"pixels": PIXELS[:10, :10]}, "no raw file that LibRaw knows"),
    "one row": ({"pixels": PIXELS[:1]}, "no raw file that LibRaw knows"),
    "four colours at every pixel": (
        {"pixels": np.stack([PIXELS] * 4, -1), "photometric": 34892, "BlackLevelRepeatDim": None, "BlackLevel": None, **NO_CFA},
        "colours at every pixel",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_read_as_it_is_meant_is_refused_in_one_line(tmp_path, what, capfd):
    changes, words = REFUSED[what]
    path = foreign(tmp_path / "a.dng", **changes)
    with pytest.raises(RawFileError, match=words) as caught:
        read_raw(path)
    assert "\n" not in str(caught.value) and "a.dng" in str(caught.value) and capfd.readouterr().err == ""


@pytest.mark.parametrize(
    "changes", [{"WhiteLevel": (50717, 4, 1, 500)}, {"BlackLevel": (50714, 5, 4, pairs(*[20000] * 4))}, {"pattern": "RGGG"}]
)
def test_what_is_read_and_has_no_picture_is_refused_by_developing(tmp_path, changes):
    frame = read_raw(foreign(tmp_path / "a.dng", **changes))
    with pytest.raises(CampipeError, match=r"white level lies above|demosaick") as caught:
        develop(frame)
    assert "\n" not in str(caught.value)


def test_a_linearisation_table_is_applied_once(tmp_path):
    table = np.minimum((np.arange(16384) / 16383) ** 1.5 * 60000, 60000).astype(int)
    path = foreign(tmp_path / "a.dng", LinearizationTable=(50712, 3, 16384, tuple(table.tolist())), WhiteLevel=(50717, 4, 1, 60000))
    frame = read_raw(path)
    np.testing.assert_array_equal(frame.data[0, 0].numpy(), table[PIXELS])
    assert not np.array_equal(table[PIXELS], table[np.minimum(table[PIXELS], 16383)])  # twice would be another picture
    assert frame.capture.white_level.tolist() == [60000]  # levels are those of the linear numbers


def test_black_levels_of_masked_pixels_are_those_that_were_planted(tmp_path):
    random = np.random.default_rng(1)
    pixels = PIXELS.copy()
    planted = np.array([[610.0, 612.0], [615.0, 620.0]])  # of the sensor's own tile; the file says 600 to 603
    pixels[:, :9] = (np.tile(planted, (32, 5)) + random.normal(0, 6, (64, 10))).round()[:, :9]
    areas = {"ActiveArea": (50829, 4, 4, (0, 10, 64, 90)), "MaskedAreas": (50830, 4, 4, (0, 0, 64, 9))}
    path = foreign(tmp_path / "a.dng", pixels=pixels, **areas)
    frame, found = read_raw(path), masked_black(path)
    y, x = frame.origin()[0].tolist()
    np.testing.assert_allclose(found[0].numpy(), np.roll(planted, (-y, -x), (0, 1)), atol=4 * 6 / 128**0.5)
    assert frame.replace(black_level=found).capture.black_level.shape == (1, 2, 2)
    # Without the tag it is the margin that LibRaw leaves out.
    pixels[:, 9] = pixels[:, 7]
    margin = masked_black(foreign(tmp_path / "b.dng", pixels=pixels, ActiveArea=areas["ActiveArea"]))
    np.testing.assert_allclose(margin.numpy(), found.numpy(), atol=3)


def test_masked_pixels_that_are_not_there_or_not_dark_are_refused(tmp_path):
    with pytest.raises(RawFileError, match="no masked pixels"):
        masked_black(foreign(tmp_path / "a.dng"))
    with pytest.raises(RawFileError, match="not dark"):  # the margin holds the picture's own numbers
        masked_black(foreign(tmp_path / "b.dng", ActiveArea=(50829, 4, 4, (0, 10, 64, 90))))
    pixels = PIXELS.copy()
    pixels[:, :10] = 3000  # even, and lit
    with pytest.raises(RawFileError, match="not dark: 3000 DN"):
        masked_black(foreign(tmp_path / "c.dng", pixels=pixels, ActiveArea=(50829, 4, 4, (0, 10, 64, 90))))


def test_matrices_for_two_lights_are_read_with_their_temperatures(tmp_path):
    second = [v * 1.01 for v in D750]
    tags = {
        "CalibrationIlluminant1": (50778, 3, 1, 17),
        "ColorMatrix2": (50722, 10, 9, pairs(*second)),
        "CalibrationIlluminant2": (50779, 3, 1, 21),
    }
    found = dual_illuminant(foreign(tmp_path / "a.dng", **tags))
    assert (found["cct_1"], found["cct_2"], found["forward_1"], found["forward_2"]) == (2850, 6500, None, None)
    np.testing.assert_allclose(found["matrix_1"], np.reshape(D750, (3, 3)), atol=1e-4)
    np.testing.assert_allclose(found["matrix_2"], np.reshape(second, (3, 3)), atol=1e-4)
    balance = {
        "AnalogBalance": (50727, 5, 3, pairs(2, 1, 0.5)),
        "ForwardMatrix1": (50964, 10, 9, pairs(*D750)),
        "ForwardMatrix2": (50965, 10, 9, pairs(*second)),
    }
    with_balance = dual_illuminant(foreign(tmp_path / "b.dng", **tags, **balance))
    np.testing.assert_allclose(with_balance["matrix_1"], np.diag([2, 1, 0.5]) @ np.reshape(D750, (3, 3)), atol=1e-4)
    np.testing.assert_allclose(with_balance["forward_2"], np.reshape(second, (3, 3)), atol=1e-4)
    assert dual_illuminant(foreign(tmp_path / "c.dng")) is None
    assert dual_illuminant(foreign(tmp_path / "d.dng", **{**tags, "ColorMatrix2": (50722, 10, 9, pairs(*[0] * 9))})) is None
    assert dual_illuminant(foreign(tmp_path / "e.dng", **{**tags, "CalibrationIlluminant2": (50779, 3, 1, 255)})) is None
