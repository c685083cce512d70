"""Data sets on disk: the same bytes whatever the workers and however often a run was stopped; anything else is refused."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

from campipe import synth
from campipe.core.errors import CampipeError
from campipe.core.random import Key
from campipe.recipe import Recipe
from campipe.synth import manifest
from campipe.synth.files import checksum, sole_writer
from campipe.synth.shards import read_shard

COUNT, SEED, PER_SHARD = 22, 4, 3


def content(folder: Path) -> dict[str, bytes]:
    """Every file under a folder, hidden ones too."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def make(recipe, folder, out, **options):
    options = {"count": COUNT, "seed": SEED, "samples_per_shard": PER_SHARD, **options}
    return synth.run(recipe, folder, out, **options)


@pytest.fixture(scope="module")
def undisturbed(tiny, folder, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("undisturbed")
    make(tiny, folder, out)
    return out


def in_child(job, wait: float | None = None, kill: int = signal.SIGKILL) -> int:
    """Run a function in a forked process; after `wait` seconds send it a signal. Returns what waitpid says."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            job()
            status = 0
        finally:
            os._exit(status)
    if wait is not None:
        time.sleep(wait)
        os.kill(child, kill)
    return os.waitpid(child, 0)[1]


def test_shards_hold_the_samples(tiny, folder, undisturbed):
    dataset = tiny.dataset(folder, count=COUNT, seed=SEED)
    shards = sorted(undisturbed.glob("shard-*.tar"))
    found = [entry for shard in shards for entry in read_shard(shard)]
    assert [key for key, _ in found] == [f"{i:06d}" for i in range(COUNT)]
    for (_, entry), sample, index in zip(found, dataset, range(COUNT), strict=True):
        assert entry["noisy"].dtype == np.uint16 and entry["clean"].dtype == np.float32
        assert np.array_equal(entry["noisy"], sample.noisy.data[0].numpy())
        assert np.array_equal(entry["clean"], sample.clean.data[0].numpy())
        card = entry["json"]
        assert card["parameters"] == sample.parameters
        assert card["photo"] == dataset.photos.name(index)
        assert card["capture"]["pattern"] == "RGGB"
        assert card["capture"]["black_level"] == sample.noisy.capture.black_level[0].item()


def test_webdataset_reads_the_shards(tiny, folder, undisturbed):
    import webdataset

    shards = sorted(map(str, undisturbed.glob("shard-*.tar")))
    found = list(webdataset.WebDataset(shards, shardshuffle=False).decode())
    assert [entry["__key__"] for entry in found] == [f"{i:06d}" for i in range(COUNT)]
    sample = tiny.sample(index=12, seed=SEED, images=folder)
    assert np.array_equal(found[12]["noisy.npy"], sample.noisy.data[0].numpy())
    assert np.array_equal(found[12]["clean.npy"], sample.clean.data[0].numpy())
    assert found[12]["json"]["parameters"] == sample.parameters


def test_the_manifest_says_what_the_data_set_is_made_of(tiny, folder, undisturbed):
    described = json.loads((undisturbed / "manifest.json").read_text())
    assert described["complete"] is True
    assert Recipe.parse(described["recipe"]) == tiny
    assert (described["seed"], described["count"]) == (SEED, COUNT)
    assert described["files"] == {path.name: checksum(path) for path in sorted(undisturbed.glob("shard-*.tar"))}
    assert {p["name"]: p["sha256"] for p in described["photos"]} == {
        path.relative_to(folder).as_posix(): checksum(path) for path in folder.rglob("*.png")
    }


def test_the_number_of_workers_changes_no_byte(tiny, folder, undisturbed, tmp_path):
    seen = []
    summary = make(tiny, folder, tmp_path / "out", workers=2, progress=lambda done, count: seen.append((done, count)))
    assert content(tmp_path / "out") == content(undisturbed)
    assert seen == [(i, COUNT) for i in range(COUNT + 1)]
    assert (summary.count, summary.made) == (COUNT, COUNT)


def test_a_finished_data_set_is_left_as_it_is(tiny, folder, undisturbed, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(undisturbed, out)
    before = {path.name: path.stat().st_mtime_ns for path in out.iterdir()}
    seen = []
    assert make(tiny, folder, out, progress=lambda *p: seen.append(p)).made == 0
    assert {path.name: path.stat().st_mtime_ns for path in out.iterdir()} == before
    assert seen == [(COUNT, COUNT)]


def test_what_is_missing_or_spoilt_is_made_again(tiny, folder, undisturbed, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(undisturbed, out)
    (out / "shard-000002.tar").unlink()
    (out / "shard-000004.tar").write_bytes(b"spoilt")
    (out / ".part-1-shard-000002.tar").write_bytes(b"left by a run that was killed")
    assert make(tiny, folder, out).made == 2 * PER_SHARD
    assert content(out) == content(undisturbed)


def test_ten_kills_at_random_moments_change_no_byte(tiny, folder, undisturbed, tmp_path):
    out = tmp_path / "out"
    start = time.monotonic()
    make(tiny, folder, tmp_path / "timed")
    whole = time.monotonic() - start
    killed = 0
    for i in range(10):
        moment = whole / 6 * Key(time.time_ns()).fold(i).uniform()
        killed += os.WIFSIGNALED(in_child(lambda: make(tiny, folder, out), wait=moment))
        halfway = json.loads((out / "manifest.json").read_text()) if (out / "manifest.json").exists() else {"complete": False}
        visible = [path.name for path in out.glob("shard-*.tar")] if out.exists() else []
        # What has its final name is whole.
        assert all((out / name).read_bytes() == (undisturbed / name).read_bytes() for name in visible)
        assert halfway["complete"] is (len(visible) == -(-COUNT // PER_SHARD)) or not halfway["complete"]
    make(tiny, folder, out)
    assert killed >= 5
    assert content(out) == content(undisturbed)


@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGTERM])
def test_killed_with_workers_it_leaves_no_worker_and_no_trace(tiny, folder, undisturbed, tmp_path, kill):
    out = tmp_path / "out"
    many = {"count": 400, "workers": 2}

    def job():
        make(tiny, folder, out, **many)

    child = os.fork()
    if child == 0:
        try:
            job()
        finally:
            os._exit(1)
    deadline = time.monotonic() + 60
    while not any(out.glob("shard-*.tar")) and time.monotonic() < deadline:
        time.sleep(0.05)
    workers = _children(child)
    os.kill(child, kill)
    os.waitpid(child, 0)
    assert len(workers) >= 2
    while any(Path(f"/proc/{w}").exists() for w in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(Path(f"/proc/{w}").exists() for w in workers)
    for path in out.glob("shard-*.tar"):
        assert [key for key, _ in read_shard(path)]
    done = len(list(out.glob("shard-*.tar")))
    assert 0 < done < -(-400 // PER_SHARD)


def _children(process: int) -> list[int]:
    """Processes whose parent is the given one; skips where the system does not say."""
    if not Path("/proc/self/stat").exists():
        pytest.skip("this system has no /proc")
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == process:
            found.append(int(stat.parent.name))
    return found


def test_an_interrupt_ends_the_workers_and_leaves_nothing_half_written(tiny, folder, undisturbed, tmp_path):
    out = tmp_path / "out"

    def stop(done: int, count: int) -> None:
        if done == 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make(tiny, folder, out, workers=2, progress=stop)
    assert not [path for path in out.iterdir() if path.name.startswith(".")]
    assert make(tiny, folder, out).made < COUNT
    assert content(out) == content(undisturbed)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"seed": SEED + 1}, r"the seed was 4 and is now 5"),
        ({"count": COUNT + 1}, r"the count was 22 and is now 23"),
        ({"format": "dng"}, r"the format was webdataset and is now dng"),
        ({"samples_per_shard": 5}, r"the samples per shard was 3 and is now 5"),
    ],
)
def test_another_data_set_in_the_same_folder_is_refused(tiny, folder, undisturbed, changed, said):
    before = content(undisturbed)
    with pytest.raises(CampipeError, match=said):
        make(tiny, folder, undisturbed, **changed)
    assert content(undisturbed) == before


def test_another_recipe_stream_or_photo_is_refused(tiny, folder, undisturbed, tmp_path, monkeypatch):
    with pytest.raises(CampipeError, match="the recipe changed"):
        make(Recipe.parse(tiny.text.replace("200", "201")), folder, undisturbed)
    monkeypatch.setattr(manifest, "STREAM_VERSION", 99)
    with pytest.raises(CampipeError, match="the version of the draw stream was 1 and is now 99"):
        make(tiny, folder, undisturbed)
    monkeypatch.undo()
    other = tmp_path / "photos"
    shutil.copytree(folder, other)
    shutil.copy(next(other.glob("*.png")), other / "zebra.png")
    with pytest.raises(CampipeError, match=r"the photos changed \(zebra.png is new\)"):
        make(tiny, other, undisturbed)
    (other / "zebra.png").unlink()
    shutil.copy(other / "coffee.png", other / "astronaut.png")
    with pytest.raises(CampipeError, match=r"the photos changed \(astronaut.png is another\)"):
        make(tiny, other, undisturbed)


def test_a_folder_of_other_things_is_refused(tiny, folder, tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(CampipeError, match=r"holds thesis.tex and no manifest.json"):
        make(tiny, folder, tmp_path)
    assert list(content(tmp_path)) == ["thesis.tex"]
    with pytest.raises(CampipeError, match=r"thesis\.tex cannot be used"):
        make(tiny, folder, tmp_path / "thesis.tex")
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "manifest.json").write_text("{")
    with pytest.raises(CampipeError, match="cannot be read"):
        make(tiny, folder, broken)


def test_two_runs_do_not_write_to_one_folder_at_once(tiny, folder, tmp_path):
    with sole_writer(tmp_path / "out"), pytest.raises(CampipeError, match="another run is writing"):
        make(tiny, folder, tmp_path / "out")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_full_disk_is_one_clear_line_and_the_run_goes_on_later(tiny, folder, undisturbed, tmp_path, workers):
    out, said = tmp_path / "out", tmp_path / "said"
    largest = max(path.stat().st_size for path in undisturbed.iterdir())

    def job():
        # The system refuses to let any file grow further, as a full disk does.
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest // 2, largest // 2))
        try:
            make(tiny, folder, out, workers=workers)
        except CampipeError as problem:
            said.write_text(str(problem))

    assert in_child(job) == 0
    message = said.read_text()
    assert ".tar cannot be written" in message and "\n" not in message
    assert set(content(out)) <= {"manifest.json"}
    make(tiny, folder, out)
    assert content(out) == content(undisturbed)


def test_a_folder_that_may_not_be_written_to_is_one_clear_line(tiny, folder):
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        shutil.copytree(folder, root / "photos")
        (root / "out").mkdir(mode=0o555)
        for entry in (root, root / "photos", root / "photos" / "more"):
            entry.chmod(0o755)

        def job():
            if os.getuid() == 0:
                os.setuid(65534)  # nothing is forbidden to the administrator
            try:
                make(tiny, root / "photos", root / "out")
            except CampipeError as problem:
                os._exit(0 if "may not be written to" in str(problem) else 2)

        assert in_child(job) == 0
        assert content(root / "out") == {}


@pytest.mark.parametrize(
    ("options", "said"),
    [({"count": 0}, "count is"), ({"workers": 0}, "workers is"), ({"format": "zip"}, "one of webdataset, dng"), ({"seed": -1}, "a seed")],
)
def test_what_cannot_be_made_is_refused(tiny, folder, tmp_path, options, said):
    with pytest.raises(CampipeError, match=said):
        make(tiny, folder, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_an_error_in_a_worker_comes_back_as_it_is(tiny, folder, tmp_path):
    other = tmp_path / "photos"
    shutil.copytree(folder, other)
    (other / "aaa.png").write_bytes(b"no photo")
    for workers in (1, 2):
        with pytest.raises(CampipeError, match=r"aaa\.png"):
            make(tiny, other, tmp_path / f"out{workers}", workers=workers)
        assert all(not path.name.startswith(".") for path in (tmp_path / f"out{workers}").iterdir())


def test_small_data_sets_have_shards_for_several_workers_too(tiny, folder, tmp_path):
    summary = make(tiny, folder, tmp_path / "out", count=8, samples_per_shard=None)
    assert len(summary.files) == 8
