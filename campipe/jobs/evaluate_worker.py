"""One block of `campipe evaluate` in a process of its own, so that its peak memory is its own.

Prints a line of JSON for each photo, and one with what concerns the block. Memory is the highest resident size of the process while the
block runs on the largest photo so far, less what it had before: input, result and scratch space.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import torch

from campipe.core.errors import CampipeError
from campipe.core.frame import Frame
from campipe.jobs.bench_worker import forget_peak, peak, resident
from campipe.jobs.protocols import examined, question
from campipe.measure import psnr, ssim
from campipe.synth.photos import Photos

_WINDOW = 11  # of SSIM


def main() -> None:
    """Arguments: slot, name, folder of photos, sigma or "-"."""
    slot, name, images, written = sys.argv[1:5]
    sigma = None if written == "-" else float(written)
    torch.set_num_threads(1)
    try:
        _run(slot, name, images, sigma)
    except CampipeError as problem:
        _say({"error": str(problem)})


def _run(slot: str, name: str, images: str, sigma: float | None) -> None:
    block, photos = examined(slot, name, sigma), Photos.under(images)
    _say({"photos": len(photos), "parameters": sum(p.numel() for p in block.parameters())})
    # Loops compile, and tables are made, before the clock runs.
    small = photos.read(0)
    block(question(slot, small.crop(0, 0, min(96, small.height), min(96, small.width)), 0, sigma, block).given)
    for index in range(len(photos)):
        asked = question(slot, photos.read(index), index, sigma, block)
        before = resident()
        forget_peak()
        start = time.process_time()
        with torch.no_grad():
            out = block(asked.given)
        seconds = time.process_time() - start
        used = peak() - before
        _say({"photo": photos.name(index), "seconds": seconds, "pixels": out.height * out.width, "bytes": used, **_scores(asked, out)})


def _scores(asked: Any, out: Frame) -> dict[str, float]:
    """PSNR and SSIM of the answer as a file of 8 bits holds it."""
    border = asked.border
    answer = (asked.finish(out.data).clamp(0, 1) * 255).round() / 255
    x, y = (t[..., border : t.shape[-2] - border, border : t.shape[-1] - border].double() for t in (answer, asked.wanted))
    if min(x.shape[-2:]) < _WINDOW:
        raise CampipeError(f"photos of at least {_WINDOW + 2 * border} pixels on a side are needed, but {out.height} x {out.width} came")
    return {"psnr": float(psnr(x, y, data_range=1.0)[0]), "ssim": float(ssim(x, y, data_range=1.0)[0])}


def _say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
