"""The bench: its contenders compute the same thing, and a tiny run gives the rows. How fast they are is no matter of tests."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from campipe.core.errors import CampipeError
from campipe.jobs import bench as job
from campipe.jobs import bench_worker
from campipe.jobs.bench import GRADIENT, Entry, Row, as_json
from campipe.jobs.bench_goals import goals
from campipe.jobs.bench_numpy import Chain

SIDE = 512


@pytest.mark.parametrize("who", ["campipe", "NumPy, SFC64", "NumPy, PCG64", "torch, eager", "GalSim, CCDNoise"])
def test_every_contender_follows_the_law_of_the_same_sensor(who):
    if who.startswith("GalSim"):
        pytest.importorskip("galsim")
    chain = Chain()
    for photons in (3.0, 400.0, 9000.0):
        light = np.full((SIDE, SIDE), photons, np.float32)
        out = bench_worker.CONTENDERS[who](light, chain)()
        data = torch.as_tensor(np.asarray(out if isinstance(out, np.ndarray) else getattr(out, "data", out))).double().reshape(SIDE, SIDE)
        law = bench_worker.sensor_of(light, chain).moments(torch.from_numpy(light)[None, None], seconds=chain.seconds)
        # Over pixels the fixed pattern adds to the variance; each contender has its own map of the same spread.
        spread = float(law.mean.double().var())
        mean, variance = float(law.mean.double().mean()), float(law.variance.double().mean()) + spread
        n = SIDE * SIDE
        assert float(data.mean()) == pytest.approx(mean, abs=6 * (2 * variance / n) ** 0.5)
        assert float(data.var()) == pytest.approx(variance, rel=6 * (3 * 2 / n) ** 0.5 + 0.002), photons
        assert torch.equal(data, data.round())


def test_the_light_is_a_ramp_and_the_same_ramp_shuffled():
    plain, shuffled = (bench_worker.light(30, 40, mixed) for mixed in (False, True))
    assert plain[0, 0] == 1 and plain[-1, -1] == 5000
    assert np.array_equal(np.sort(shuffled.ravel()), plain.ravel()) and not np.array_equal(plain, shuffled)
    assert np.array_equal(shuffled, bench_worker.light(30, 40, True))


def test_a_tiny_heat_gives_rows_as_json(monkeypatch, tmp_path):
    (tmp_path / "galsim.py").write_text("raise ImportError('not here')\n")
    monkeypatch.syspath_prepend(tmp_path)
    names = [
        "campipe",
        "campipe, one 512 x 512 tile",
        "campipe, all 512 x 512 tiles",
        "campipe, forward and backward",
        "NumPy, SFC64",
        "GalSim, CCDNoise",
    ]
    ticks: list[str] = []
    rows = job.heat([Entry("tiny", name, name) for name in names], job.WORKER, ["1024", "1024", "1"], 2, ticks.append)
    assert len(ticks) == 3 * len(names)
    read = json.loads(as_json(rows))
    assert [set(row) for row in read] == [{"job", "who", "megapixels_per_second", "peak_megabytes", "seconds", "cpu_seconds"}] * len(names)
    assert [row["who"] for row in read] == [*names[:-1], "GalSim: not installed"]
    for row in read[:-1]:
        assert row["megapixels_per_second"] > 0 and row["peak_megabytes"] > 0 and row["cpu_seconds"] > 0
        assert row["megapixels_per_second"] * row["seconds"] == pytest.approx(1.048576)
    assert read[-1]["megapixels_per_second"] is None


def test_a_contender_that_dies_is_named():
    with pytest.raises(CampipeError, match="process of somebody ended before its turn; its last words: KeyError"):
        job.heat([Entry("tiny", "somebody", "nobody")], job.WORKER, ["64", "64", "0"], 1, lambda words: None)


def test_a_program_that_fails_is_reported():
    with pytest.raises(CampipeError, match="last words: ZeroDivisionError"):
        job._answer("1 / 0", job._environment(1))


@pytest.mark.parametrize(("megapixels", "rounds"), [(0.1, 1), (12, 0), (float("nan"), 1)])
def test_a_bench_of_nothing_is_refused(megapixels, rounds):
    with pytest.raises(CampipeError, match="at least"):
        job.bench(megapixels, rounds)


def test_a_frame_has_as_many_pixels_as_asked_for():
    assert job.size_of(12.0) == (3000, 4000)


def rows(**changed: float) -> list[Row]:
    """A made-up bench in which every goal is just reached, save for the changed figures."""
    speed = {"campipe": 210.0, "NumPy, SFC64": 25.0, "NumPy, PCG64": 30.0, "Pyxel, stock models": 7.0}
    tile = 210 / 1.1 + 0.01
    speed |= {"campipe, one 512 x 512 tile": tile, "campipe, all 512 x 512 tiles": tile, "campipe, two threads": 357.1} | changed
    found = [Row("exposure 12 MP, shuffled", who, value, 160.0, 12 / value) for who, value in speed.items()]
    found += [Row(GRADIENT, "campipe, forward", 1.0, 1.0, 1.0), Row(GRADIENT, "campipe, forward and backward", 1.0, 1.0, 4.0)]
    found += [Row(job.FIRST, "campipe, fresh cache", seconds=10.0)]
    return [*found, Row(job.IMPORT, "torch", seconds=1.0), Row(job.IMPORT, "torch and campipe", seconds=1.149)]


def test_goals_are_judged_by_the_faster_numpy():
    assert all(goal.met for goal in goals(rows(), 12.0))
    judged = {goal.what: goal for goal in goals(rows(**{"NumPy, PCG64": 30.1}), 12.0)}
    assert not judged["campipe / the faster NumPy, shuffled"].met
    assert judged["campipe / the faster NumPy, shuffled"].reached == pytest.approx(210 / 30.1)
    assert judged["campipe / Pyxel, shuffled"].met


def test_a_peer_that_is_missing_is_not_judged():
    without = [row for row in rows() if not row.who.startswith("Pyxel")] + [Row("exposure 12 MP, shuffled", "Pyxel: not installed")]
    (goal,) = [goal for goal in goals(without, 12.0) if "Pyxel" in goal.what]
    assert goal.reached is None and not goal.met


@pytest.mark.slow
def test_the_whole_bench_gives_a_row_for_every_job():
    found = job.bench(1.2, 1)
    assert {row.job for row in found} == {"exposure 1.2 MP, shuffled", "exposure 1.2 MP, ramp", GRADIENT, job.FIRST, job.IMPORT}
    assert all(row.seconds is not None or row.who.endswith("not installed") for row in found)
