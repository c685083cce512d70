"""Wavelet thresholding."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from campipe.blocks.denoising.slot import Denoiser
from campipe.core.errors import CampipeError
from campipe.ops.opponent import from_opponent, to_opponent
from campipe.ops.wavelets import check_wavelet, reach, wavelet_threshold

# Thresholds of correlated coefficients want to be higher than those of a basis: best over sigmas of 10 to 50 of 255.
_HIGHER = 1.4


class Wavelet(Denoiser):
    """Shrink the undecimated wavelet transform by soft thresholds that follow the strength of the picture in each band (BayesShrink).

    strength   factor on the threshold of 1.4 sigma^2 / sigma_x
    window     pixels on a side of the square around each coefficient in which sigma_x is estimated, odd; null: one threshold for the
               whole band, as first published
    wavelet    "db2" or "haar"
    levels     how often the picture is halved in frequency

    Colours are changed to brightness and differences first, the planes of a Bayer mosaic likewise. Gradient: exact where no coefficient
    lies on its threshold. Source: Chang, Yu, Vetterli, IEEE TIP 9(9), 2000; Coifman and Donoho, 1995; see `campipe.ops.wavelets`.
    """

    strength: Tensor

    def __init__(
        self,
        sigma: Any = None,
        strength: Any = 1.0,
        window: int | None = 9,
        wavelet: str = "db2",
        levels: int = 4,
        stabilise: bool = True,
        name: str | None = None,
    ) -> None:
        super().__init__(sigma, stabilise, name)
        self.wavelet, self.levels, self.window = check_wavelet(wavelet), int(levels), None if window is None else int(window)
        if self.levels < 1 or (self.window is not None and (self.window < 1 or self.window % 2 == 0)):
            raise CampipeError(f"levels is 1 or more and window an odd number, but {levels} and {window} came")
        self.tiles = self.window is not None  # type: ignore[misc]
        self.margin = None if self.window is None else reach(self.wavelet, self.levels) + self.window // 2
        self.number("strength", strength, positive=True)

    def net(self, x: Tensor, sigma: Tensor) -> Tensor:
        planes, level = to_opponent(x, sigma)
        factor = self.strength * (1.0 if self.window is None else _HIGHER)
        return from_opponent(wavelet_threshold(planes, level, factor, self.window, self.wavelet, self.levels))
