"""How near pictures are to the true ones, in decibels and in features: what the rows that are to look sharp are judged by."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from campipe.measure.features import CampipeSmall, FeatureNetwork, feature_network
from campipe.measure.losses.lpips import lpips
from campipe.measure.psnr import psnr

PSNR = "PSNR, dB"
OWN = "distance in own features"
RANDOM = "distance in random features"
"""The measures: of LPIPS's form, uncalibrated, over campipe's small network; and over the same network with weights that are drawn."""

_SEED = 1001  # of the random weights


class Judge:
    """Scores pictures against the true ones.

    features   the network of the distance; None: the one that ships
    """

    def __init__(self, device: torch.device | str, features: FeatureNetwork | None = None) -> None:
        self.device = torch.device(device)
        self.own = (feature_network(CampipeSmall.title) if features is None else features).to(self.device)
        self.random = CampipeSmall().draw(torch.Generator().manual_seed(_SEED)).to(self.device)

    @torch.no_grad()
    def scores(self, pairs: Iterable[tuple[Tensor, Tensor]], border: int = 0) -> dict[str, float]:
        """Means over pairs of (picture, true one), (1, 3, H, W) each, rounded to 8 bits, without `border` pixels at each side."""
        rows: list[tuple[float, ...]] = []
        for picture, true in pairs:
            inside = (..., slice(border, true.shape[-2] - border), slice(border, true.shape[-1] - border))
            x, y = ((each.to(self.device).clamp(0, 1) * 255).round()[inside] / 255 for each in (picture, true))
            rows.append((float(psnr(x, y, data_range=1)[0]), *(float(lpips(x, y, net, data_range=1)) for net in (self.own, self.random))))
        means = torch.tensor(rows, dtype=torch.float64).mean(0).tolist()
        return dict(zip((PSNR, OWN, RANDOM), means, strict=True))


@torch.no_grad()
def seconds_per_megapixel(work: Callable[[Tensor], Tensor], given: Tensor) -> float:
    """CPU seconds on one thread that `work` takes for a million pixels of its result, of which `given`, on the CPU, is to be made."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        work(given[..., :32, :32])
        start = time.process_time()
        out = work(given)
        seconds = time.process_time() - start
    finally:
        torch.set_num_threads(threads)
    return seconds / (out.shape[-2] * out.shape[-1]) * 1e6
