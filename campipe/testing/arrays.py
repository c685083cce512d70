"""Anybody's draws and frames as NumPy arrays: arrays, tensors, frames, lists, and functions that make them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from campipe.core.errors import CampipeError, ShapeError
from campipe.core.frame import Frame


def array(source: Any, what: str = "the draws") -> np.ndarray:
    """Whatever holds numbers as float64, of the same shape; the source stays as it is."""
    if isinstance(source, Frame):
        source = source.data
    if isinstance(source, torch.Tensor):
        source = source.detach().cpu().double().numpy()
    try:
        out = np.asarray(source, dtype=np.float64)
    except (TypeError, ValueError):
        raise CampipeError(f"{what} are numbers in an array, a tensor or a frame, but {type(source).__name__} came") from None
    if out.size == 0:
        raise ShapeError(f"{what} are empty")
    if not np.isfinite(out).all():
        raise CampipeError(f"{what} are finite, but {int((~np.isfinite(out)).sum())} of {out.size} are not")
    return out


def draws(source: Any, count: int, what: str = "the draws") -> np.ndarray:
    """Draws of one law, (n,). A function is called with 0, 1, ... count - 1 and returns some of them at each call."""
    if callable(source) and not isinstance(source, torch.Tensor):
        return np.concatenate([array(source(i), what).ravel() for i in range(count)])
    return array(source, what).ravel()


def stack(source: Any, count: int, least: int = 1, what: str = "the frames") -> np.ndarray:
    """Frames of one scene, (n, H, W): from (H, W), (n, H, W), (n, 1, H, W), a list of those, or a function of the frame's number.

    least   how many frames are needed
    """
    if callable(source) and not isinstance(source, torch.Tensor):
        source = [source(i) for i in range(count)]
    out = np.concatenate([_planes(array(one, what), what) for one in source]) if isinstance(source, list | tuple) else None
    if out is None:
        out = _planes(array(source, what), what)
    if len(out) < least:
        raise ShapeError(f"{least} frames of the same scene or more are needed, but {len(out)} came")
    return out


def _planes(values: np.ndarray, what: str) -> np.ndarray:
    if values.ndim == 4 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim == 2:
        values = values[None]
    if values.ndim != 3:
        raise ShapeError(f"{what} are (n, H, W), (n, 1, H, W) or (H, W), one plane each, but shape {values.shape} came")
    return values
