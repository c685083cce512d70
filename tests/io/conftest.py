"""Frames that tests of files write and read."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from campipe.core.frame import Capture, Frame
from campipe.ops import colour

# XYZ (D65) to camera RGB of a Nikon D750: Adobe's figures, as its DNG files carry them.
D750 = torch.tensor([[0.9020, -0.2890, -0.0715], [-0.4535, 1.2436, 0.2348], [-0.0934, 0.1919, 0.7086]], dtype=torch.float64)


@pytest.fixture(scope="session")
def raw_frame() -> Callable[..., Frame]:
    """Make a raw frame, 48 x 62 random numbers of 16 bits, whose capture knows everything that a DNG can hold; keywords change entries."""

    def make(pattern: str | None = "RGGB", **changes: object) -> Frame:
        draws = torch.Generator().manual_seed(1)
        data = torch.randint(0, 65536, (1, 1, 48, 62), generator=draws).float()
        capture = Capture(
            camera="nikon-d850", white_level=15520.0, iso=1600.0, seconds=1 / 60, noise=torch.tensor([[3e-5, 1e-9]]), black_level=600.0
        )
        if pattern is not None:
            rendering = colour.cam_to_srgb(D750)
            capture = capture.replace(
                pattern=pattern,
                black_level=torch.tensor([[[600.0, 601.25], [602.0, 603.5]]]),
                wb=torch.tensor([[2.1, 1.0, 1.6]]),
                cam_to_srgb=rendering[None].float(),
                cam_to_xyz=colour.cam_to_xyz(rendering)[None].float(),
            )
        return Frame(data, "dn", capture.replace(**changes))

    return make
