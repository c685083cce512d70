"""Pictures inside a page: frames and plots as text."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np

from campipe.core.frame import Frame
from campipe.io.photos import quantise


def jpeg(frame: Frame, quality: int = 90) -> str:
    """A frame in "display", one item, as a data URI: for large pictures."""
    return _encoded(quantise(frame.expect("display"), 8), "jpeg", quality=quality, subsampling=0)


def png(frame: Frame) -> str:
    """A frame in "display", one item, as a data URI without loss: for crops that are looked at pixel by pixel."""
    return _encoded(quantise(frame.expect("display"), 8), "png")


def crop_around(frame: Frame, centre: tuple[float, float], side: int) -> Frame:
    """A square of at most `side` pixels around a place given in fractions (y, x) of the frame's size."""
    height, width = min(side, frame.height), min(side, frame.width)
    y = min(max(round(centre[0] * frame.height - height / 2), 0), frame.height - height)
    x = min(max(round(centre[1] * frame.width - width / 2), 0), frame.width - width)
    return frame.crop(y, x, height, width)


def _encoded(pixels: np.ndarray, kind: str, **options: Any) -> str:
    import imageio.v3 as iio

    buffer = io.BytesIO()
    iio.imwrite(buffer, pixels, plugin="pillow", extension=f".{kind}", **options)
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
