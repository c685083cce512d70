"""The draws in plain torch, for any device, and for float64: slower than the compiled loops, and an oracle for them.

Words are computed with int64 tensors, all else in float64. The counts decide by torch's incomplete gamma ratio; they are those of
`campipe.ops.kernels.poisson` unless u lies within about 1e-13 of a step of the distribution.
"""

from __future__ import annotations

import torch
from torch import Tensor

_LOW = 0xFFFFFFFF


def words(origin: Tensor, frame: Tensor, item: Tensor, k0: int, k1: int, height: int, width: int) -> Tensor:
    """One 32-bit word per pixel: (N, H, W) int64, by the layout of `campipe.ops.kernels.philox`."""
    x = origin[:, 1, None, None] + torch.arange(width, device=origin.device)
    y = origin[:, 0, None, None] + torch.arange(height, device=origin.device)[:, None]
    c0 = (x >> 6) << 4 | x & 15
    c0, c1, c2, c3 = (c & _LOW for c in torch.broadcast_tensors(c0, y, frame[:, None, None], item[:, None, None]))
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (p1 >> 32) & _LOW ^ c1 ^ k0, p1 & _LOW, (p0 >> 32) & _LOW ^ c3 ^ k1, p0 & _LOW
        k0, k1 = (k0 + 0x9E3779B9) & _LOW, (k1 + 0xBB67AE85) & _LOW
    word = (x >> 4 & 3).expand_as(c0)
    return torch.where(word == 0, c0, torch.where(word == 1, c1, torch.where(word == 2, c2, c3)))


def tail(word: Tensor) -> tuple[Tensor, Tensor]:
    """min(u, 1 - u) of u = (word + 0.5) / 2**32, exact, and whether u is the smaller one."""
    low = word < 2**31
    return (torch.where(low, word, _LOW - word).double() + 0.5) * 2.0**-32, low


def normal(word: Tensor) -> Tensor:
    """Standard normal numbers, float64."""
    u, low = tail(word)
    z = torch.special.ndtri(u)
    return torch.where(low, z, -z)


def tukey(word: Tensor, shape: Tensor, scale: Tensor) -> Tensor:
    """Tukey-lambda numbers times scale, float64; shape and scale broadcast with word."""
    u, low = tail(word)
    a, b = torch.log(u), torch.log1p(-u)
    small = shape.abs() < 1e-4
    l = torch.where(small, 1.0, shape)
    power = (torch.exp(l * a) - torch.exp(l * b)) / l
    logistic = (a - b) * (1 + shape / 2 * (a + b) + shape**2 / 6 * (a * a + a * b + b * b))
    q = torch.where(small, logistic, power) * scale
    return torch.where(low, q, -q)


def poisson(word: Tensor, rate: Tensor) -> Tensor:
    """The least k with F(k; rate) >= u: an expansion gives a first value, which F corrects by whole steps. Float64.

    rate     float, of word's shape; <= 0 gives 0, NaN gives NaN, infinity gives infinity
    """
    rate = rate.double()
    whole = rate.isfinite() & (rate > 0)
    lam = torch.where(whole, rate, 1.0)
    z, s = normal(word), lam.sqrt()
    v = z * z
    c = -8 / 405 + v * (7 / 810 + v / 270) + z * (671 / 38880 - v * (137 / 38880 + v * 23 / 17280)) / s
    y = lam + s * z + 1 / 3 + v / 6 - z * (1 / 36 + v / 72) / s + c / lam
    k = torch.where(lam < 4, 0.0, y.floor().clamp_min(0))
    # What the expansion leaves out is below 1e-9 beyond 1e5; torch's ratio is no better there.
    open_ = whole & (lam < 1e5) & ((lam < 100) | ((y - y.round()).abs() < 0.05))
    found = k[open_]
    if found.numel():
        k[open_] = _corrected(found, lam[open_], *(t[open_] for t in tail(word)))
    return torch.where(whole, k, torch.where(rate <= 0, 0.0, rate))


def _corrected(k: Tensor, rate: Tensor, u: Tensor, low: Tensor) -> Tensor:
    def reaches(k: Tensor) -> Tensor:
        """F(k) >= u, asked in the smaller tail."""
        below = torch.special.gammaincc(k + 1, rate) >= u
        above = torch.special.gammainc(k + 1, rate) <= u
        return (k >= 0) & torch.where(low, below, above)

    while (up := ~reaches(k)).any():
        k = k + up
    while (down := reaches(k - 1)).any():
        k = k - down.to(k.dtype)
    return k
