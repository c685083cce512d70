"""One contender of `campipe bench` in a process of its own, so that its peak memory is its own.

Spoken to in lines: "go" runs it once, and a line of JSON comes back; the end of the input ends the process.

Memory of a run is the highest resident size of the whole process during it, minus the resident size once everything was loaded,
compiled and warmed up, before the input was made. Input, maps that a contender keeps, result and scratch space are all in it.
"""

from __future__ import annotations

import gc
import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from campipe.core.random import Key
from campipe.jobs import bench_numpy, bench_peers
from campipe.jobs.bench_numpy import Chain

if TYPE_CHECKING:
    from campipe.sensor.frame_sensor import FrameSensor

Run = Callable[[], Any]
TILE = 512


def light(height: int, width: int, shuffled: bool) -> np.ndarray:
    """Expected photons, (height, width) float32: a ramp from 1 to 5000 in reading order, or the same values in one fixed random order."""
    values = np.linspace(1, 5000, height * width, dtype=np.float32)
    if shuffled:
        np.random.Generator(np.random.PCG64(11)).shuffle(values)
    return values.reshape(height, width)


def sensor_of(photons: np.ndarray, chain: Chain) -> FrameSensor:
    """The campipe sensor of the chain, of the size of the light."""
    from campipe.sensor.frame_sensor import FrameSensor

    return FrameSensor(
        width=photons.shape[1],
        height=photons.shape[0],
        pattern=None,
        quantum_efficiency=chain.quantum_efficiency,
        full_well=chain.full_well,
        dark_current=chain.dark,
        prnu=chain.prnu,
        read_noise=chain.read_noise,
        gain=chain.gain,
        black_level=chain.black_level,
        bits=chain.bits,
    )


def campipe_frame(photons: np.ndarray, chain: Chain) -> Run:
    """The whole frame at once."""
    sensor, data = sensor_of(photons, chain), torch.from_numpy(photons)[None, None]
    return lambda: sensor.expose(data, seconds=chain.seconds, key=Key(1))


def campipe_tile(photons: np.ndarray, chain: Chain) -> Run:
    """One 512 x 512 tile, cut out of the frame, as many times as the frame has tiles."""
    sensor, data = sensor_of(photons, chain), torch.from_numpy(photons)[None, None, :TILE, :TILE]
    times = (photons.shape[0] // TILE) * (photons.shape[1] // TILE)

    def run() -> int:
        for _ in range(times):
            sensor.expose(data, seconds=chain.seconds, key=Key(1))
        return times * data.numel()

    return run


def campipe_tiles(photons: np.ndarray, chain: Chain) -> Run:
    """One call for each 512 x 512 tile of the frame."""
    sensor, data = sensor_of(photons, chain), torch.from_numpy(photons)[None, None]
    corners = [(y, x) for y in range(0, photons.shape[0] - TILE + 1, TILE) for x in range(0, photons.shape[1] - TILE + 1, TILE)]

    def run() -> int:
        for y, x in corners:
            sensor.expose(data[:, :, y : y + TILE, x : x + TILE], seconds=chain.seconds, key=Key(1), origin=(y, x))
        return len(corners) * TILE * TILE

    return run


def campipe_forward(photons: np.ndarray, chain: Chain) -> Run:
    """Forward, keeping what a gradient with respect to the photons needs."""
    sensor, data = sensor_of(photons, chain), torch.from_numpy(photons)[None, None].requires_grad_()
    return lambda: sensor.expose(data, seconds=chain.seconds, key=Key(1))


def campipe_backward(photons: np.ndarray, chain: Chain) -> Run:
    """Forward, and backward to the photons."""
    sensor, data = sensor_of(photons, chain), torch.from_numpy(photons)[None, None].requires_grad_()
    ahead = torch.ones(()).expand(1, 1, *photons.shape)

    def run() -> None:
        data.grad = None
        sensor.expose(data, seconds=chain.seconds, key=Key(1)).data.backward(ahead)

    return run


CONTENDERS: dict[str, Callable[[np.ndarray, Chain], Run]] = {
    "campipe": campipe_frame,
    "campipe, one 512 x 512 tile": campipe_tile,
    "campipe, all 512 x 512 tiles": campipe_tiles,
    "campipe, forward with gradient": campipe_forward,
    "campipe, forward and backward": campipe_backward,
    "NumPy, SFC64": bench_numpy.sfc64,
    "NumPy, PCG64": bench_numpy.pcg64,
    "torch, eager": bench_peers.torch_eager,
    "GalSim, CCDNoise": bench_peers.galsim_ccd,
    "Pyxel, stock models": bench_peers.pyxel_stock,
}


def resident() -> int:
    """Resident size of this process, bytes; 0 where the system does not tell."""
    return _status("VmRSS") or 0


def peak() -> int:
    """Highest resident size since `forget_peak`, or since the start where that cannot be forgotten, bytes."""
    scale = 1 if sys.platform == "darwin" else 1024
    return _status("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale


def forget_peak() -> None:
    """Let the highest resident size start anew (Linux, proc(5): clear_refs)."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def _status(name: str) -> int | None:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:")), None)


def main() -> None:
    """Arguments: contender, height, width, 1 for shuffled light, threads."""
    name, height, width, shuffled, threads = sys.argv[1], *map(int, sys.argv[2:6])
    torch.set_num_threads(threads)
    chain, prepare = Chain(), CONTENDERS[name]

    def exposure(rows: int, columns: int) -> Run:
        return prepare(light(rows, columns, bool(shuffled)), chain)

    serve(lambda: exposure(2 * TILE, 2 * TILE), lambda: exposure(height, width), height * width)


def serve(small: Callable[[], Run], full: Callable[[], Run], pixels: int) -> None:
    """Warm up, say that all is ready, and run once for each line that comes, with a line of JSON for an answer.

    small, full   prepare what is run, on a small input and on the one that is measured; an ImportError: it is not installed
    pixels        of one run, unless the run returns their number
    """
    try:
        warm_up = small()
    except ImportError:
        _say({"missing": True})
        return
    warm_up()
    warm_up()
    del warm_up
    gc.collect()
    before = resident()
    run = full()
    _say({"ready": True})
    for _ in sys.stdin:
        gc.collect()
        forget_peak()
        start, busy = time.perf_counter(), time.process_time()
        done = run()
        seconds, busy = time.perf_counter() - start, time.process_time() - busy
        own = done if isinstance(done, int) else pixels
        del done
        _say({"seconds": seconds, "cpu_seconds": busy, "pixels": own, "bytes": peak() - before})


def _say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
