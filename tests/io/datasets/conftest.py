"""Tiny folders, laid out as the authors of the sets hand them out. LibRaw goes by what is in a file, so that a DNG serves as any raw."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from campipe.core.frame import Capture, Frame
from campipe.io.dng import write_dng


@pytest.fixture
def shot() -> Callable[..., Frame]:
    """Write a raw frame of 24 x 32 into a file of any suffix, and return what it holds."""

    def write(path: Path, seed: int, **changes: Any) -> Frame:
        data = torch.randint(512, 16000, (1, 1, 24, 32), generator=torch.Generator().manual_seed(seed)).float()
        levels = {"black_level": 512.0, "white_level": 16383.0}
        capture = Capture(pattern="RGGB", iso=800.0, seconds=0.1, wb=torch.tensor([[2.0, 1.0, 1.5]]), **levels)
        frame = Frame(data, "dn", capture.replace(**changes))
        path.parent.mkdir(parents=True, exist_ok=True)
        write_dng(path.with_suffix(".dng"), frame)
        path.with_suffix(".dng").rename(path)
        return frame

    return write
