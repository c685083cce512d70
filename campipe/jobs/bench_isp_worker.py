"""One contender of `campipe bench --isp` in a process of its own: see `campipe.jobs.bench_worker`.

`CONTENDERS` is the table of all of them. To add one, write a function from a `Shot` to what is run, and give it a line there.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from campipe.blocks import demosaick, names
from campipe.core.frame import Frame
from campipe.core.tiles import tiled
from campipe.developing import develop, develop_integers, developing_pipeline
from campipe.io.files import read
from campipe.jobs.bench_denoisers import OPENCV, campipe_denoise, opencv_nlm, published_bm3d
from campipe.jobs.bench_worker import Run, serve

DEVELOP, DEMOSAICK, DENOISE = "raw to sRGB", "demosaicking", "denoising, one plane"
SMALL, LARGE = "small.dng", "large.dng"


@dataclass(frozen=True)
class Shot:
    """What every contender of a job gets: one raw file."""

    path: Path

    @cached_property
    def frame(self) -> Frame:
        return read(self.path)

    @cached_property
    def mosaic(self) -> torch.Tensor:
        """(1, 1, H, W) float32, from 0 to 1."""
        return developing_pipeline().stages[0](self.frame).data

    @property
    def plane(self) -> torch.Tensor:
        """The mosaic as a grey picture; to warm up, a corner of it is enough, since some take half a minute for a megapixel."""
        return self.mosaic[..., :128, :128].contiguous() if self.path.name == SMALL else self.mosaic


def campipe_integers(name: str, shot: Shot) -> Run:
    """To 8 bits per channel, (1, H, W, 3), from a frame in memory."""
    frame = shot.frame
    return lambda: develop_integers(frame, bits=8, demosaick=name)


def campipe_floats(name: str, shot: Shot) -> Run:
    """To a frame in "display", (1, 3, H, W) float32."""
    frame = shot.frame
    return lambda: develop(frame, demosaick=name)


def campipe_tiles(name: str, shot: Shot) -> Run:
    """The same by tiles of 1024 x 1024."""
    frame, pipeline = shot.frame, developing_pipeline(name)
    return lambda: tiled(pipeline, frame, 1024)


def campipe_stages(name: str, shot: Shot) -> Run:
    """The same stage by stage, each over the whole frame."""
    frame, pipeline = shot.frame, developing_pipeline(name)

    def run() -> Frame:
        out, call = frame, pipeline.shot(None, True, None, None)
        for stage in pipeline.stages:
            out = stage.run(out, call)
        return out

    return run


def libraw(algorithm: str, shot: Shot) -> Run:
    """LibRaw's whole way to 8 bits per channel, (H, W, 3), from an opened file whose raw data are unpacked."""
    import rawpy

    opened = rawpy.imread(str(shot.path))
    assert opened.raw_image.size
    options: dict[str, Any] = {"demosaic_algorithm": rawpy.DemosaicAlgorithm[algorithm], "gamma": (2.4, 12.92), "output_bps": 8}
    return lambda: opened.postprocess(use_camera_wb=True, no_auto_bright=True, user_flip=0, **options)


def campipe_demosaick(name: str, shot: Shot) -> Run:
    """(1, 1, H, W) to (1, 3, H, W), float32."""
    block, mosaic = demosaick(name), shot.mosaic
    return lambda: block.net(mosaic, "RGGB")


def colour_demosaicing(name: str, shot: Shot) -> Run:
    """(H, W) float32 to (H, W, 3), in the float64 that the library computes in."""
    import colour_demosaicing as library

    function = getattr(library, f"demosaicing_CFA_Bayer_{name}")
    mosaic = np.ascontiguousarray(shot.mosaic[0, 0].numpy())
    return lambda: function(mosaic, "RGGB")


_ours = [name for name in ("malvar", "menon", "hamilton_adams", "bilinear") if name in names("demosaick")]

# Job, who, and what prepares the run.
CONTENDERS: list[tuple[str, str, Callable[[Shot], Run]]] = [
    *((DEVELOP, f"campipe, {name}", partial(campipe_integers, name)) for name in _ours),
    (DEVELOP, "LibRaw, LINEAR", partial(libraw, "LINEAR")),
    (DEVELOP, "LibRaw, PPG", partial(libraw, "PPG")),
    (DEVELOP, "LibRaw, AHD", partial(libraw, "AHD")),
    (DEVELOP, "campipe, malvar, to float32", partial(campipe_floats, "malvar")),
    (DEVELOP, "campipe, malvar, in tiles", partial(campipe_tiles, "malvar")),
    (DEVELOP, "campipe, malvar, stage by stage", partial(campipe_stages, "malvar")),
    *((DEMOSAICK, f"campipe, {name}", partial(campipe_demosaick, name)) for name in _ours),
    (DEMOSAICK, "colour-demosaicing, Malvar2004", partial(colour_demosaicing, "Malvar2004")),
    (DEMOSAICK, "colour-demosaicing, Menon2007", partial(colour_demosaicing, "Menon2007")),
    (DENOISE, "campipe, nlm 7/21", lambda shot: campipe_denoise("nlm", OPENCV, shot.plane)),
    (DENOISE, "OpenCV, NLM 7/21", lambda shot: opencv_nlm(shot.plane)),
    (DENOISE, "campipe, bm3d", lambda shot: campipe_denoise("bm3d", {}, shot.plane)),
    (DENOISE, "bm3d, published binary", lambda shot: published_bm3d(shot.plane)),
    (DENOISE, "campipe, dct", lambda shot: campipe_denoise("dct", {}, shot.plane)),
]


def main() -> None:
    """Arguments: the contender's place in the table, folder of the raw files, threads."""
    _, _, prepare = CONTENDERS[int(sys.argv[1])]
    folder, threads = Path(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(threads)
    pixels = read(folder / LARGE).data.numel()
    serve(lambda: prepare(Shot(folder / SMALL)), lambda: prepare(Shot(folder / LARGE)), pixels)


if __name__ == "__main__":
    main()
