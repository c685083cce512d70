"""The fused exposure beside the same torch operations, and what compiled loops must survive: threads, forks, caches."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
import tracemalloc
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from campipe.core.errors import CampipeError, ShapeError
from campipe.core.random import Grid, Key
from campipe.ops import draws
from campipe.ops.kernels.exposure import Exposure, expose

KEY = Key(5)
NOISE = {"shot": KEY, "read_key": KEY.fold("read"), "row_key": KEY.fold("row"), "post_key": KEY.fold("post")}


def grid(height: int, width: int, *places: tuple[int, int, int, int]) -> Grid:
    """A grid of planes at (y, x, frame, item)."""
    y, x, frame, item = (torch.tensor(v) for v in zip(*places, strict=True))
    return Grid(height, width, torch.stack([y, x], 1), frame, item)


def by_stages(photons: Tensor, at: Grid, x: Exposure) -> Tensor:
    """The exposure as the stages compute it: one torch operation after the other, float32."""
    batch, _, height, width = photons.shape

    def table(value, dtype=torch.float32) -> Tensor:
        value = torch.as_tensor(value, dtype=dtype)
        value = value.reshape(-1, 1, 1) if value.ndim < 2 else value.reshape(-1, *value.shape[-2:])
        value = value.expand(batch, -1, -1)
        rows = at.origin[:, 0, None] + torch.arange(height)
        columns = at.origin[:, 1, None] + torch.arange(width)
        return torch.stack([v[r % v.shape[0]][:, c % v.shape[1]] for v, r, c in zip(value, rows, columns, strict=True)])[:, None]

    def number(value) -> Tensor:
        return torch.as_tensor(value, dtype=torch.float32).reshape(-1, 1, 1, 1)

    def noise(key: Key, shape) -> Tensor:
        return draws.normal(key, at) if shape is None else draws.tukey_lambda(key, at, shape)

    r = photons[:, :1] if x.channel is None else photons.gather(1, table(x.channel, torch.int64))
    r = r * table(x.qe)
    r = r if x.response is None else r * x.response
    r = r if x.dark is None else r + number(x.dark)
    e = draws.poisson(r, x.shot, at)
    e = e if x.full_well is None else torch.minimum(e, number(x.full_well))
    e = e if x.offset is None else e + x.offset
    e = e if x.read is None else e + number(x.read) * noise(x.read_key, x.read_shape)
    e = e if x.row is None else e + number(x.row) * draws.normal(x.row_key, at.rows())
    a = e * table(x.gain)
    a = a if x.post is None else a + number(x.post) * noise(x.post_key, x.post_shape)
    a = a + table(x.black)
    return torch.minimum(torch.round(a).clamp_min(0), number(x.top))


HEIGHT, WIDTH = 21, 1500
PLACES = [(3, 77, 0, 9), (0, 0, 1, 8), (11, 64, 2, 2**31)]


def light(channels: int, seed: int = 0) -> Tensor:
    """Photons from 0 to 9000, half of them below 600, as a view into a larger picture."""
    big = torch.from_numpy(np.random.default_rng(seed).random((3, channels, HEIGHT + 9, WIDTH + 70))).float() ** 4 * 9000
    return big[:, :, 4 : 4 + HEIGHT, 33 : 33 + WIDTH]


def whole() -> Exposure:
    """Every step on, with numbers of every kind."""
    rng = np.random.default_rng(1)
    return Exposure(
        qe=torch.from_numpy(rng.random((3, 2, 2))), gain=torch.tensor([0.2, 1.0, 3.0]), black=torch.tensor([[60.0, 61.0], [64.0, 66.0]]),
        top=4095.0,
        channel=torch.tensor([[0, 1], [1, 2]]), response=torch.from_numpy(1 + 0.01 * rng.normal(size=(1, 1, HEIGHT, WIDTH))).float(),
        dark=torch.tensor([0.1, 2.0, 5.0]), full_well=torch.tensor([3000.0, 8000.0, 500.0]),
        offset=torch.from_numpy(rng.normal(size=(3, 1, HEIGHT, WIDTH))).float(), read=torch.tensor([1.0, 2.0, 3.0]), row=0.7, post=2.0,
        post_shape=torch.tensor([0.1, -0.2, 0.0]), **NOISE,
    )  # fmt: skip


OPTIONAL = ("channel", "response", "dark", "full_well", "offset", "read", "row", "post", "post_shape")


@pytest.mark.parametrize("off", [(), *itertools.combinations(OPTIONAL, 1), OPTIONAL], ids=" ".join)
def test_the_fused_exposure_is_bit_identical_to_the_stages(off):
    x = replace(whole(), **dict.fromkeys(off))
    at = grid(HEIGHT, WIDTH, *PLACES)
    assert torch.equal(expose(light(3), at, x), by_stages(light(3), at, x))


def test_clipping_at_both_ends_and_maps_per_item_are_those_of_the_stages():
    x = whole()
    x = replace(
        x, black=torch.tensor([0.0, 0.5, 3.0]), top=torch.tensor([40.0, 200.0, 255.0]), offset=x.response, response=1 + 0.01 * x.offset
    )
    at = grid(HEIGHT, WIDTH, *PLACES)
    dn = expose(light(3), at, x)
    assert torch.equal(dn, by_stages(light(3), at, x))
    assert (dn.amin((1, 2, 3)) == 0).all() and torch.equal(dn.amax((1, 2, 3)), x.top)


@pytest.mark.parametrize("pattern", ["0", "01 12", "10 21", "021 102", "1 0 2", "011 122 201", "010212 101020 212101"])
def test_the_channel_is_that_of_the_sensor_s_pattern(pattern):
    channel = torch.tensor([[int(c) for c in row] for row in pattern.split()])
    x = replace(whole(), channel=channel, read_shape=-0.1)
    at = grid(HEIGHT, WIDTH, *PLACES)
    assert torch.equal(expose(light(3), at, x), by_stages(light(3), at, x))


def test_a_crop_of_the_fused_exposure_is_that_of_the_whole():
    x, at = whole(), grid(HEIGHT, WIDTH, *PLACES)
    full = expose(light(3), at, x)
    for y, left, h, w in [(0, 0, 1, 1), (5, 13, 7, 64), (2, 99, 19, 1400)]:
        part = replace(x, response=x.response[..., y : y + h, left : left + w], offset=x.offset[..., y : y + h, left : left + w])
        place = Grid(h, w, at.origin + torch.tensor([y, left]), at.frame, at.item)
        assert torch.equal(expose(light(3)[..., y : y + h, left : left + w], place, part), full[..., y : y + h, left : left + w])


def test_nan_and_negative_photons_come_through_as_in_the_stages():
    photons = light(1).clone()
    photons[0, 0, 0, :5] = torch.tensor([float("nan"), -3.0, 0.0, float("inf"), -float("inf")])
    x = replace(whole(), channel=None, dark=None, offset=None)
    at = grid(HEIGHT, WIDTH, *PLACES)
    fused, staged = expose(photons, at, x), by_stages(photons, at, x)
    assert torch.isnan(fused[0, 0, 0, 0])
    assert torch.equal(fused.nan_to_num(-1), staged.nan_to_num(-1))


@pytest.mark.parametrize("threads", [2, 3, 5])
def test_the_number_of_threads_changes_no_bit_of_an_exposure(threads):
    at = grid(HEIGHT * 4, WIDTH, *PLACES)
    photons, x = light(3).repeat(1, 1, 4, 1), replace(whole(), response=None, offset=None)
    alone = expose(photons, at, x)
    torch.set_num_threads(threads)
    try:
        assert torch.equal(expose(photons, at, x), alone)
    finally:
        torch.set_num_threads(1)


class Drawn(torch.utils.data.Dataset):
    """Sample n is a picture of item n, drawn on two threads of whichever process asks."""

    def __len__(self) -> int:
        return 4

    def __getitem__(self, n: int) -> Tensor:
        # By numpy: torch's own threads hang in a child whose parent has used them, so here only the draw may use any.
        rate = torch.from_numpy(np.full((1, 1, 400, 700), 33.0, np.float32))
        torch.set_num_threads(2)
        try:
            return draws.poisson(rate, KEY, grid(400, 700, (0, 0, 0, n)))[0]
        finally:
            torch.set_num_threads(1)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system cannot fork")
def test_threads_survive_the_fork_of_a_data_loader():
    here = [Drawn()[n] for n in range(4)]  # makes the parent's threads
    from campipe.ops.kernels import threads

    assert threads._pools
    loader = torch.utils.data.DataLoader(Drawn(), batch_size=None, num_workers=2, multiprocessing_context="fork", timeout=60)
    for n, there in enumerate(loader):
        assert torch.equal(there, here[n])


def test_an_exposure_needs_little_memory_beside_input_and_output():
    """Python and torch count what they allocate; the loop's own buffers are those of its source, 100 kB per thread."""
    photons = torch.rand(1, 1, 1024, 2048) * 1000
    at = grid(1024, 2048, (0, 0, 0, 0))
    x = Exposure(qe=0.5, gain=1.0, black=64.0, top=4095.0, shot=KEY)
    expose(photons, at, x)
    tracemalloc.start()
    with torch.profiler.profile(profile_memory=True) as profile:
        expose(photons, at, x)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    allocated = sum(max(0, e.self_cpu_memory_usage) for e in profile.key_averages())
    assert peak < 2**20 * 16 and allocated < 4 * photons.numel() * 1.01 + 2**20


BAD = [
    ({}, torch.ones(3, HEIGHT, WIDTH), ShapeError, "photons of these addresses"),
    ({}, torch.ones(3, 3, HEIGHT, WIDTH, dtype=torch.float64), ShapeError, "float64"),
    ({"channel": torch.tensor([[3]])}, None, ShapeError, "channels 3 to 3"),
    ({"response": torch.ones(2, 1, HEIGHT, WIDTH)}, None, ShapeError, "response"),
    ({"offset": torch.ones(1, 1, HEIGHT, 7)}, None, ShapeError, "offset"),
    ({"read_key": None}, None, CampipeError, "read_key"),
    ({"row_key": None}, None, CampipeError, "row_key"),
    ({"post_shape": -0.6}, None, CampipeError, "above -0"),
]


@pytest.mark.parametrize("change, photons, error, words", BAD)
def test_a_wrong_exposure_is_refused_with_a_sentence(change, photons, error, words):
    with pytest.raises(error, match=words) as caught:
        expose(light(3) if photons is None else photons, grid(HEIGHT, WIDTH, *PLACES), replace(whole(), **change))
    assert "\n" not in str(caught.value)


def test_every_step_of_an_exposure_is_covered_above():
    required = {"qe", "gain", "black", "top", "read_shape"}
    assert {f.name for f in fields(Exposure)} == required | set(OPTIONAL) | set(NOISE)


def test_the_exposure_operator_keeps_torch_s_rules():
    from torch._subclasses.fake_tensor import FakeTensorMode

    at = grid(HEIGHT, WIDTH, *PLACES)
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        photons = mode.from_tensor(light(1))
        x = Exposure(qe=0.5, gain=1.0, black=64.0, top=4095.0, shot=KEY)
        assert expose(photons, at, x).shape == (3, 1, HEIGHT, WIDTH)


REPORT = """
import torch
from campipe.core.random import Grid, Key
from campipe.ops import draws
zero = torch.zeros(1, dtype=torch.int64)
z = draws.normal(Key(1), Grid(8, 8, torch.zeros(1, 2, dtype=torch.int64), zero, zero))
from campipe.ops.kernels import rows
stats = rows.fill_normal_rows.stats
print(float(z.sum()), sum(stats.cache_hits.values()), sum(stats.cache_misses.values()))
"""


def copied(repository: Path, place: Path, cacheable: bool) -> Path:
    """A copy of the package; where it is not cacheable, a file stands in the place of each cache folder, which stops even root."""
    shutil.copytree(repository / "campipe", place / "campipe", ignore=shutil.ignore_patterns("__pycache__"))
    if not cacheable:
        for folder in [p for p in (place / "campipe").rglob("*") if p.is_dir()]:
            (folder / "__pycache__").touch()
    return place


def report(place: Path, home: str) -> list[str]:
    environment = {k: v for k, v in os.environ.items() if k not in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "PYTHONPATH")}
    environment |= {"HOME": home, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", REPORT], cwd=place, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_loops_are_cached_beside_the_source_or_at_home_or_not_at_all(repository, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    open_place = copied(repository, tmp_path / "open", cacheable=True)
    first, second = report(open_place, "/dev/null"), report(open_place, "/dev/null")
    assert first[1:] == ["0", "1"] and second[1:] == ["1", "0"]
    shut_place = copied(repository, tmp_path / "shut", cacheable=False)
    third, fourth = report(shut_place, str(home)), report(shut_place, str(home))
    assert third[1:] == ["0", "1"] and fourth[1:] == ["1", "0"]
    nowhere = report(shut_place, "/dev/null")
    assert nowhere[1] == "0"
    assert {first[0], second[0], third[0], fourth[0], nowhere[0]} == {first[0]}


def test_a_changed_helper_makes_the_cached_loops_stale(repository, tmp_path):
    place = copied(repository, tmp_path, cacheable=True)
    before = report(place, "/dev/null")
    normal = place / "campipe" / "ops" / "kernels" / "normal.py"
    text = normal.read_text().replace("return _signed(x *", "return _signed(_f(4) * x *")
    assert text != normal.read_text()
    normal.write_text(text)
    after = report(place, "/dev/null")
    assert after[1] == "0" and float(after[0]) == pytest.approx(4 * float(before[0]), rel=1e-6)


def test_one_process_at_a_time_reads_or_writes_the_cached_loops(tmp_path):
    """Two that write at once gave two variants of a loop one number, and a later process found the other one's code."""
    fcntl = pytest.importorskip("fcntl")
    from threading import Event, Thread

    from campipe.ops.kernels.jit import _alone

    done = Event()
    with open(tmp_path / "lock", "ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        waiting = Thread(target=_alone(done.set, tmp_path / "lock"))
        waiting.start()
        assert not done.wait(0.2)
    waiting.join(10)
    assert done.is_set()
    assert _alone(lambda: "all the same", tmp_path / "no folder" / "lock")() == "all the same"
