"""How fast campipe develops, beside LibRaw and colour-demosaicing, measured side by side in one run.

The raw file is one that campipe made. LibRaw and campipe's `develop_integers` both start from raw numbers in memory and end in 8 bits per
channel, white balanced, with the file's colour matrix and the sRGB curve; the other rows say what they end in. Opening is timed for nobody.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch

from campipe.core.errors import CampipeError
from campipe.core.frame import Frame
from campipe.core.random import Key
from campipe.io.dng import write_dng
from campipe.jobs.bench import Entry, Progress, Row, heat, size_of
from campipe.jobs.bench_isp_worker import CONTENDERS, DEMOSAICK, DENOISE, DEVELOP, LARGE, SMALL
from campipe.sensor.frame_sensor import FrameSensor

WORKER = "campipe.jobs.bench_isp_worker"
SHARE = {DEVELOP: 1.0, DEMOSAICK: 0.25, DENOISE: 0.025}
"""Size of a job's frame over that of a whole one: colour-demosaicing takes a second for a megapixel, the published BM3D half a minute."""


def bench_isp(megapixels: float = 12.0, rounds: int = 5, progress: Progress | None = None) -> list[Row]:
    """Measure every contender on one thread, job after job.

    megapixels   size of the frame that is developed, 1e6 pixels, 4:3; at least 1.1
    rounds       turns that each contender takes
    progress     called with (done, all, words)
    """
    if not megapixels >= 1.1 or rounds < 1:
        raise CampipeError(f"a bench needs at least 1.1 megapixels and 1 round, but {megapixels:g} and {rounds} came")
    total, done, rows = len(CONTENDERS) * (rounds + 1), 0, []

    def tell(words: str) -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, total, words)

    for job in dict.fromkeys(job for job, _, _ in CONTENDERS):
        size = megapixels * SHARE.get(job, 1.0)
        entries = [Entry(f"{job} {size:g} MP", who, str(n)) for n, (its, who, _) in enumerate(CONTENDERS) if its == job]
        with tempfile.TemporaryDirectory() as folder:
            write_dng(Path(folder) / SMALL, raw_frame(768, 1024))
            write_dng(Path(folder) / LARGE, raw_frame(*size_of(size)))
            rows += heat(entries, WORKER, [folder], rounds, tell)
    return rows


def raw_frame(height: int, width: int) -> Frame:
    """A raw frame of rings, up to half a radian per pixel, under the noise of a sensor, (1, 1, height, width), in "dn"."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
    rings = torch.sin(0.125 * height * (y * y + x * x))
    light = torch.stack([1500 + 1400 * rings, 2500 + 2000 * rings * x, 2000 + 1500 * torch.sign(rings) * y])[None]
    sensor = FrameSensor(width, height, "RGGB", full_well=8000.0, gain=0.5, black_level=256.0, bits=12, read_noise=3.0)
    raw = sensor.expose(light, seconds=0.01, key=Key(1))
    matrix = torch.tensor([[[1.6, -0.4, -0.2], [-0.2, 1.6, -0.4], [0.0, -0.5, 1.5]]])
    return raw.replace(wb=torch.tensor([[2.0, 1.0, 1.5]]), cam_to_srgb=matrix)
