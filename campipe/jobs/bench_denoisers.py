"""Denoisers beside the best-known implementations of the same methods, for `campipe bench --isp`."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from campipe.blocks import denoise
from campipe.jobs.bench_worker import Run

SIGMA = 25 / 255
OPENCV = {"patch": 7, "window": 21}
"""OpenCV's own defaults: templateWindowSize and searchWindowSize."""


def campipe_denoise(name: str, options: dict[str, Any], picture: torch.Tensor) -> Run:
    """(1, 1, H, W) to the same, float32."""
    block, sigma = denoise(name, **options), torch.tensor(SIGMA)[None, None, None, None]
    return lambda: block.net(picture, sigma)


def opencv_nlm(picture: torch.Tensor) -> Run:
    """OpenCV's non-local means on whole numbers of 8 bits, with the patch and window of OPENCV."""
    import cv2

    cv2.setNumThreads(1)
    whole = np.ascontiguousarray((picture[0, 0].clamp(0, 1) * 255).round().to(torch.uint8).numpy())
    return lambda: cv2.fastNlMeansDenoising(whole, None, 0.9 * 25, OPENCV["patch"], OPENCV["window"])


def published_bm3d(picture: torch.Tensor) -> Run:
    """The authors' own BM3D (its licence is for non-commercial use), float64."""
    import bm3d

    plane = picture[0, 0].double().numpy()
    return lambda: bm3d.bm3d(plane, SIGMA)
