"""The bench of developing compares like with like. Its figures are no matter of tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from campipe.core.errors import CampipeError
from campipe.core.frame import Frame
from campipe.io.dng import write_dng
from campipe.jobs import bench, bench_isp, bench_isp_worker
from campipe.jobs.bench import Entry, Row
from campipe.jobs.bench_goals import isp_goals
from campipe.jobs.bench_isp_worker import CONTENDERS, DEMOSAICK, DENOISE, DEVELOP, Shot

TABLE = {(job, who): prepare for job, who, prepare in CONTENDERS}


@pytest.fixture(scope="module")
def shot(tmp_path_factory: pytest.TempPathFactory) -> Shot:
    path = tmp_path_factory.mktemp("raw") / "shot.dng"
    write_dng(path, bench_isp.raw_frame(96, 128))
    return Shot(path)


def pixels_of(out: object) -> np.ndarray:
    """(H, W, 3), from 0 to 1."""
    if isinstance(out, Frame):
        return out.data[0].permute(1, 2, 0).double().numpy()
    array = np.asarray(out).squeeze()
    array = np.moveaxis(array, 0, 2) if array.shape[0] == 3 else array
    return array.astype(float) / (255 if array.dtype == np.uint8 else 1)


@pytest.mark.parametrize("who", [who for job, who in TABLE if job == DEVELOP])
def test_every_contender_develops_the_same_picture(who, shot):
    whose = who.split(",")[0]
    pytest.importorskip({"campipe": "campipe", "LibRaw": "rawpy"}[whose])
    out = pixels_of(TABLE[DEVELOP, who](shot)())
    plain = pixels_of(bench_isp_worker.campipe_floats("bilinear", shot)())
    assert out.shape == plain.shape == (96, 128, 3)
    # They differ at edges, by their demosaickers; in tone and colour they do not.
    assert np.abs(np.median(out - plain, (0, 1))).max() < 2 / 255
    assert np.abs(out - plain).mean() < 0.06 and np.corrcoef(out.ravel(), plain.ravel())[0, 1] > 0.95


@pytest.mark.parametrize("who", [who for job, who in TABLE if job == DEMOSAICK])
def test_every_demosaicker_keeps_what_was_measured(who, shot):
    if who.startswith("colour"):
        pytest.importorskip("colour_demosaicing")
    out, mosaic = pixels_of(TABLE[DEMOSAICK, who](shot)()), shot.mosaic[0, 0].numpy()
    if not who.endswith("rcd"):
        assert np.allclose(out[::2, ::2, 0], mosaic[::2, ::2], atol=1e-6) and np.allclose(out[1::2, 1::2, 2], mosaic[1::2, 1::2], atol=1e-6)
    assert np.corrcoef(out[..., 1].ravel(), pixels_of(bench_isp_worker.campipe_demosaick("bilinear", shot)())[..., 1].ravel())[0, 1] > 0.95


def test_eight_bits_are_the_floating_point_picture_rounded(shot):
    whole = bench_isp_worker.campipe_integers("malvar", shot)()
    picture = bench_isp_worker.campipe_floats("malvar", shot)().data
    assert torch.equal(whole[0], (picture[0].double() * 255).round().to(torch.uint8).permute(1, 2, 0))


def test_a_contender_in_its_own_process_gives_a_row(tmp_path):
    for name in (bench_isp_worker.SMALL, bench_isp_worker.LARGE):
        write_dng(tmp_path / name, bench_isp.raw_frame(96, 128))
    place, who = next((str(n), who) for n, (job, who, _) in enumerate(CONTENDERS) if job == DEVELOP)
    (row,) = bench.heat([Entry("tiny", who, place)], bench_isp.WORKER, [str(tmp_path)], 1, lambda words: None)
    assert row.who == who and row.seconds is not None and row.peak_megabytes is not None
    assert row.megapixels_per_second == pytest.approx(96 * 128 / 1e6 / row.seconds)


@pytest.mark.parametrize(("megapixels", "rounds"), [(0.1, 1), (12, 0), (float("nan"), 1)])
def test_a_bench_of_nothing_is_refused(megapixels, rounds):
    with pytest.raises(CampipeError, match="at least"):
        bench_isp.bench_isp(megapixels, rounds)


def rows(**changed: float) -> list[Row]:
    """A made-up bench in which every goal is just reached, save for the changed figures."""
    develop, demosaick = f"{DEVELOP} 12 MP", f"{DEMOSAICK} 3 MP"
    seconds = {"campipe, malvar": 0.1, "campipe, menon": 0.6, "LibRaw, AHD": 0.6001, "LibRaw, LINEAR": 0.2501} | changed
    found = [Row(develop, who, 12 / s, 600.0, s) for who, s in seconds.items()]
    found += [Row(develop, "campipe, malvar, in tiles", 1.0, 600.0, 12.0)]
    for who, s in {
        "campipe, malvar": 0.1,
        "campipe, menon": 0.1,
        "colour-demosaicing, Malvar2004": 0.5001,
        "colour-demosaicing, Menon2007": 1.0001,
    }.items():
        found.append(Row(demosaick, who, 3 / s, 100.0, s))
    pairs = {"campipe, nlm 7/21": 1.0, "OpenCV, NLM 7/21": 1.0, "campipe, bm3d": 2.0, "bm3d, published binary": 2.0}
    found += [Row(f"{DENOISE} 0.3 MP", who, 0.3 / s, 100.0, s) for who, s in pairs.items()]
    return found


def test_goals_are_judged_by_seconds():
    assert all(goal.met for goal in isp_goals(rows()))
    judged = {goal.what: goal for goal in isp_goals(rows(**{"LibRaw, AHD": 0.59}))}
    missed = [what for what, goal in judged.items() if not goal.met]
    assert missed == ["campipe, malvar / LibRaw, AHD, raw to sRGB 12 MP", "campipe, menon / LibRaw, AHD, raw to sRGB 12 MP"]
    without = [row for row in rows() if not row.who.startswith("LibRaw")] + [Row(f"{DEVELOP} 12 MP", "LibRaw: not installed")]
    assert [goal.reached for goal in isp_goals(without) if "LibRaw" in goal.what] == [None] * 3


def test_the_raw_frame_lies_between_its_levels():
    frame = bench_isp.raw_frame(64, 80)
    assert frame.capture.pattern == "RGGB" and frame.capture.white_level is not None
    assert 256 < float(frame.data.mean()) < float(frame.capture.white_level[0])
    assert float((frame.data >= frame.capture.white_level[0]).float().mean()) < 0.1 and float(frame.data.std()) > 100


@pytest.mark.slow
def test_the_whole_bench_gives_a_row_for_every_contender(tmp_path: Path):
    told: list[str] = []
    found = bench_isp.bench_isp(1.2, 1, lambda done, of, words: told.append(f"{done}/{of}"))
    assert len(found) == len(CONTENDERS) and told[-1] == f"{2 * len(CONTENDERS)}/{2 * len(CONTENDERS)}"
    assert all(row.seconds is not None or row.who.endswith("not installed") for row in found)
