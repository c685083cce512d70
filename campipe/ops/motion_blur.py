"""Blur by a steady motion during the exposure."""

from __future__ import annotations

import torch
from torch import Tensor


def motion_blur(light: Tensor, length: Tensor | float) -> Tensor:
    """Average the light along a straight way from left to right: what a picture sees that moves while it is exposed.

    light     (..., H, W); beyond the border it goes on as its mirror image
    length    pixels of the way, () or (B, 1, 1, 1), >= 0; 0 changes nothing
    returns   the same shape; each pixel is the mean over the way with the pixel in its middle

    The way is a continuous one, of the light's band-limited course: each frequency is multiplied by sinc(frequency length). Light is
    conserved. Gradient: exact, in the length too.
    """
    width = light.shape[-1]
    spectrum = torch.fft.rfft(torch.cat([light, light.flip(-1)], -1))
    frequencies = torch.fft.rfftfreq(2 * width, device=light.device, dtype=light.dtype)
    factor = torch.sinc(frequencies * torch.as_tensor(length, dtype=light.dtype, device=light.device))
    return torch.fft.irfft(spectrum * factor, n=2 * width)[..., :width]
