"""The bench of photon transfer: both kinds of files hold the same frames, and a tiny run gives the rows."""

import numpy as np
import pytest
import torch

from campipe.core.errors import CampipeError
from campipe.io.raw import read_raw
from campipe.jobs.bench_calibrate import bench_calibrate, write_frames
from campipe.jobs.bench_calibrate_worker import CONTENDERS, LIGHT, transfer


def test_both_kinds_of_files_hold_the_same_frames_and_can_be_measured(tmp_path):
    write_frames(tmp_path / "small", 48, 64)
    for step in range(len(LIGHT)):
        raw = read_raw(tmp_path / "small" / f"{step}-0.dng")
        assert torch.equal(raw.data[0, 0], torch.from_numpy(np.load(tmp_path / "small" / f"{step}-0.npy").astype(np.float32)))
        assert raw.capture.pattern == "RGGB"
    for kind in CONTENDERS:
        transfer(tmp_path / "small", kind, 10)()


@pytest.mark.slow
def test_a_tiny_run_gives_a_row_for_each_kind_of_file():
    rows = bench_calibrate(pairs=5, megapixels=1.2, rounds=1)
    assert [row.who for row in rows] == ["campipe, DNG files", "campipe, uint16 .npy files"]
    assert all(row.megapixels_per_second > 0 for row in rows)


def test_a_bench_too_small_to_measure_is_refused():
    with pytest.raises(CampipeError, match="5 pairs"):
        bench_calibrate(pairs=4)
