"""SID and ELD: raw files by name."""

from __future__ import annotations

import pytest
import torch

from campipe.core.errors import CampipeError, RawFileError
from campipe.io.datasets import open_set, set_names

LIST = """./Sony/short/10003_00_0.04s.ARW ./Sony/long/10003_00_10s.ARW ISO200 F9
./Sony/short/10003_01_0.1s.ARW ./Sony/long/10003_00_10s.ARW ISO200 F9
"""


@pytest.fixture
def sid(tmp_path, shot):
    names = ("short/10003_00_0.04s.ARW", "short/10003_01_0.1s.ARW")
    frames = {name: shot(tmp_path / "Sony" / name, seed) for seed, name in enumerate(names)}
    frames["long"] = shot(tmp_path / "Sony/long/10003_00_10s.ARW", 9)
    shot(tmp_path / "Sony/short/00001_00_0.1s.ARW", 11)
    shot(tmp_path / "Sony/long/00001_00_30s.ARW", 12)
    return tmp_path, frames


@pytest.mark.parametrize("listed", [True, False])
def test_sid_pairs_short_and_long_exposures(sid, listed):
    root, frames = sid
    if listed:
        (root / "Sony_test_list.txt").write_text(LIST)
    pairs = open_set("sid", root)
    assert pairs.names == ["10003_00_0.04s", "10003_01_0.1s"] and len(pairs) == 2
    # 10 s over 0.04 s and over 0.1 s
    assert [pair.ratio for pair in pairs] == [pytest.approx(250), pytest.approx(100)]
    pair = pairs[0]
    assert torch.equal(pair.noisy.data, frames["short/10003_00_0.04s.ARW"].data) and torch.equal(pair.clean.data, frames["long"].data)
    assert pair.noisy.space == "dn" and pair.noisy.capture.pattern == "RGGB" and float(pair.noisy.capture.black_level) == 512
    assert open_set("sid", root, part="train")[-1].ratio == 300  # 30 s over 0.1 s


def test_parts_of_sid_that_are_missing_are_named(sid, tmp_path):
    root, _ = sid
    for call, match in (
        (lambda: open_set("sid", root / "none"), "the folder of SID, with Sony/short and Sony/long, is needed"),
        (lambda: open_set("sid", root, camera="Fuji"), "Fuji/short of SID is needed"),
        (lambda: open_set("sid", root, part="val"), "holds no pairs of the part 'val'"),
        (lambda: open_set("sid", root, part="all"), "one of train, test, val"),
    ):
        with pytest.raises(CampipeError, match=match) as caught:
            call()
        assert "\n" not in str(caught.value)
    (root / "Sony/long/10003_00_10s.ARW").rename(root / "Sony/long/away.ARW")
    with pytest.raises(RawFileError, match="has no long exposure 10003_"):
        open_set("sid", root)
    (root / "Sony_test_list.txt").write_text(LIST)
    with pytest.raises(RawFileError, match=r"there is no file .*10003_00_10s\.ARW"):
        open_set("sid", root)[0]
    (root / "Sony_test_list.txt").write_text(LIST + "\n./Sony/short/a.ARW\n")
    with pytest.raises(RawFileError, match=r"Sony_test_list\.txt:4: a short and a long exposure"):
        open_set("sid", root)
    (root / "Sony_test_list.txt").write_text("./Sony/short/a.ARW ./Sony/long/10003_00_10s.ARW\n")
    (root / "Sony/short/00001_00_0.1s.ARW").rename(root / "Sony/short/a.ARW")
    (root / "Sony/long/away.ARW").rename(root / "Sony/long/10003_00_10s.ARW")
    with pytest.raises(RawFileError, match=r"tells the exposure time, but a\.ARW came"):
        open_set("sid", root)[0]


def test_eld_pairs_a_shot_with_the_nearest_reference(tmp_path, shot):
    scene = tmp_path / "SonyA7S2" / "scene-1"
    bright = {"iso": 800.0, "seconds": 1.0}
    for number, dark in ((6, bright), (4, {"iso": 800.0, "seconds": 0.01}), (11, bright), (9, {"iso": 1600.0, "seconds": 0.005})):
        shot(scene / f"IMG_{number:04d}.ARW", number, **dark)
    pairs = open_set("eld", tmp_path, shots=(4, 9))
    assert pairs.names == ["SonyA7S2/scene-1/IMG_0004", "SonyA7S2/scene-1/IMG_0009"]
    assert [pair.ratio for pair in pairs] == [pytest.approx(100, rel=1e-4)] * 2
    first, second = (open_set("eld", tmp_path, shots=(n,))[0].clean.data for n in (4, 9))
    assert not torch.equal(first, second)  # of IMG_0006 and of IMG_0011
    for options, match in (
        ({}, "scene-1 has no IMG_0014; unpack the set again"),
        ({"cameras": ["NikonD850"]}, "the camera NikonD850 of ELD is needed"),
        ({"scenes": [2]}, "scene 2 of ELD is needed"),
    ):
        with pytest.raises(RawFileError, match=match):
            open_set("eld", tmp_path, **options)
    with pytest.raises(RawFileError, match="holds no folders of cameras"):
        open_set("eld", scene)


def test_a_set_that_there_is_not_is_refused(tmp_path):
    assert set_names() == ["dnd", "eld", "sid", "sidd", "sidd_blocks"]
    with pytest.raises(CampipeError, match="no set 'SID'; there are dnd, eld"):
        open_set("SID", tmp_path)
