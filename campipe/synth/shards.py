"""Shards: a few samples each, as WebDataset tars or as loose DNG, PNG and JSON files. The same samples give the same bytes."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from campipe.core.frame import Frame
from campipe.io.atomic import appearing, write_bytes
from campipe.io.files import write
from campipe.synth.files import checksum, plain
from campipe.synth.photos import Photos
from campipe.synth.sample import Sample

FORMATS = ("webdataset", "dng")
NOISY, CLEAN, CARD = "noisy.npy", "clean.npy", "json"


@dataclass(frozen=True)
class Job:
    """A data set that is to be written.

    source             draws and applies (`campipe.synth.dataset.Source`); goes to worker processes by pickle
    photos, out        where from and where to
    count, seed        samples 0 ... count - 1
    per_shard          samples in a shard; fewer in the last
    format             "webdataset" or "dng"
    """

    source: Any
    photos: Photos
    out: Path
    count: int
    seed: int
    per_shard: int
    format: str

    @property
    def shards(self) -> int:
        return -(-self.count // self.per_shard)

    def items(self, shard: int) -> range:
        """Numbers of the samples in a shard."""
        return range(shard * self.per_shard, min(self.count, (shard + 1) * self.per_shard))

    def key(self, item: int) -> str:
        """Name of a sample, 000012; as wide as the largest needs."""
        return f"{item:0{max(6, len(str(self.count - 1)))}d}"

    def files(self, shard: int) -> list[str]:
        """Names of the files of a shard."""
        if self.format == "webdataset":
            return [f"shard-{shard:06d}.tar"]
        return [f"{self.key(item)}.{suffix}" for item in self.items(shard) for suffix in ("dng", "png", "json")]

    def card(self, item: int, sample: Sample) -> bytes:
        """The JSON of a sample: its numbers, its photo, and what the camera knew."""
        capture = sample.noisy.capture
        known = {"pattern": capture.pattern, "camera": capture.camera, **{name: plain(v) for name, v in capture.tensors().items()}}
        card = {"key": self.key(item), "photo": self.photos.name(item), "parameters": sample.parameters, "capture": known}
        return (json.dumps(card, sort_keys=True) + "\n").encode()


def write_shard(job: Job, shard: int, tick: Callable[[], None]) -> dict[str, str]:
    """Make and write the samples of one shard; `tick` is called after each. Returns SHA-256 by file name."""
    if job.format == "dng":
        return _write_loose(job, shard, tick)
    (name,) = job.files(shard)
    with appearing(job.out / name) as path:
        with open(path, "wb") as file, tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            for item in job.items(shard):
                sample = _sample(job, item)
                for suffix, content in ((NOISY, npy(sample.noisy)), (CLEAN, npy(sample.clean)), (CARD, job.card(item, sample))):
                    _add(tar, f"{job.key(item)}.{suffix}", content)
                tick()
        found = checksum(path)
    return {name: found}


def read_shard(path: str | Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield key and content of the samples in a tar: "noisy" and "clean" arrays (1, H, W), "json" the card."""
    sample: dict[str, Any] = {}
    with tarfile.open(path) as tar:
        for member in tar:
            key, suffix = member.name.split(".", 1)
            content = tar.extractfile(member).read()  # type: ignore[union-attr]
            sample[suffix.removesuffix(".npy")] = json.loads(content) if suffix == CARD else np.load(io.BytesIO(content))
            if suffix == CARD:
                yield key, sample
                sample = {}


def npy(frame: Frame) -> bytes:
    """A frame's data without its batch axis, as a .npy file: uint16 where that loses nothing, else float32."""
    data = frame.data.detach().cpu()[0].numpy()
    whole = data.astype(np.uint16) if 0 <= data.min() and data.max() <= 65535 else data
    buffer = io.BytesIO()
    np.save(buffer, whole if np.array_equal(whole, data) else data.astype(np.float32), allow_pickle=False)
    return buffer.getvalue()


def _sample(job: Job, item: int) -> Sample:
    return job.source.apply(job.source.draw(item, job.seed), job.photos)


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    header = tarfile.TarInfo(name)  # its time and owner are 0 and empty, so that they say nothing of this run
    header.size = len(content)
    header.mode = 0o644
    file: BinaryIO = io.BytesIO(content)
    tar.addfile(header, file)


def _write_loose(job: Job, shard: int, tick: Callable[[], None]) -> dict[str, str]:
    found = {}
    for item in job.items(shard):
        sample = _sample(job, item)
        camera = job.source.camera_for(sample.parameters)
        picture = camera.develop(sample.clean, exposure=-sample.parameters["ev"])
        paths = [job.out / f"{job.key(item)}.{suffix}" for suffix in ("dng", "png", "json")]
        write(paths[0], sample.noisy)
        write(paths[1], picture)
        write_bytes(paths[2], job.card(item, sample))
        found.update({path.name: checksum(path) for path in paths})
        tick()
    return found
