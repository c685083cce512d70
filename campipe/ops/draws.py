"""Draws by key: words, uniform, standard normal, Tukey-lambda and Poisson numbers, each a pure function of (key, address).

Every draw inverts its distribution at one 32-bit word per pixel, u = (word + 0.5) / 2**32; `campipe.ops.kernels.philox` says which word a
pixel takes. So a pixel's number depends on the key and its address (column, row, frame, item) alone, and a larger u gives a larger
number. Words are the same on every device. On the CPU float32 numbers come from compiled loops (numba, loaded at the first
draw), with the same bits on any number of threads; elsewhere, and in float64, from torch.

The torch operators behind them, `torch.ops.campipe.*`, have rules for fake tensors, so torch.compile and torch.export see through them.
Gradient: none; a rate that requires one is detached. `campipe.ops.surrogate` declares what flows back.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from campipe.core.errors import CampipeError, ShapeError
from campipe.core.random import Grid, Key
from campipe.ops.kernels import portable


def words(key: Key, grid: Grid, device: torch.device | str = "cpu") -> Tensor:
    """The 32 random bits of every pixel: Philox4x32-10.

    returns   (N, 1, H, W) int64, 0 <= word < 2**32

    Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011. Gradient: none.
    """
    return torch.ops.campipe.words(*_addresses(grid, device), *key.words, grid.height, grid.width)[:, None]


def uniform(key: Key, grid: Grid, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu") -> Tensor:
    """Uniform numbers in (0, 1).

    returns   (N, 1, H, W); float32: an odd multiple of 2**-24, float64: (word + 0.5) / 2**32

    Gradient: none.
    """
    word = words(key, grid, device)
    if dtype == torch.float64:
        return (word.double() + 0.5) * 2.0**-32
    return ((word >> 9).to(dtype) + 0.5) * 2.0**-23


def normal(key: Key, grid: Grid, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu") -> Tensor:
    """Standard normal numbers, |z| < 6.34; word ~w gives the negative of word w.

    returns   (N, 1, H, W); float32: within 1.03e-6 and a relative 3.3e-7 of the word's quantile, the largest errors over all
              2**32 words; float64: within 1e-13

    Source of the method: Giles, "Approximating the erfinv function", GPU Computing Gems Jade, 2011.

    Gradient: none.
    """
    z = torch.ops.campipe.normal(*_addresses(grid, device), *key.words, grid.height, grid.width, dtype == torch.float64)
    return z[:, None].to(dtype)


def tukey_lambda(
    key: Key, grid: Grid, shape: float | Tensor, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu"
) -> Tensor:
    """Tukey-lambda numbers of mean 0 and variance 1: Q(u) = (u^l - (1 - u)^l) / l over its standard deviation; l = 0 is the logistic law.

    shape     l > -0.5, a number or (N,); about 0.14 is near normal, below it the tails are heavier
    returns   (N, 1, H, W); float32: the quantile rounded, but for 1e-10

    Source: Joiner and Rosenblatt, "Some properties of the range in samples from Tukey's symmetric lambda distributions", JASA 66, 1971.
    Gradient: none, not in the shape either.
    """
    shapes = torch.as_tensor(shape, dtype=torch.float64).detach().reshape(-1).expand(len(grid)).to(device)
    scale = 1 / tukey_lambda_std(shapes)
    q = torch.ops.campipe.tukey_lambda(
        *_addresses(grid, device), *key.words, grid.height, grid.width, shapes.contiguous(), scale, dtype == torch.float64
    )
    return q[:, None].to(dtype)


def poisson(rate: Tensor, key: Key, grid: Grid) -> Tensor:
    """Poisson counts by exact inversion: the least k with F(k; rate) >= u.

    rate      (N, 1, H, W), e-; <= 0 gives 0, NaN gives NaN; read as float32
    returns   (N, 1, H, W) float32 (float64 for a float64 rate), whole numbers

    Total variation from the Poisson law, by counting the words that give each count: 4e-10 at rate 0.5, 5e-9 at 100, 1.6e-8 at 1e3,
    5e-8 at 1e4, 5e-7 at 1e6, which is what 2**32 equally likely words allow. Counts are exact up to 2**24.
    Source: `campipe.ops.kernels.poisson`. Gradient: none.
    """
    expected = (len(grid), 1, grid.height, grid.width)
    if tuple(rate.shape) != expected:
        raise ShapeError(f"rates of these addresses have shape {expected}, but {tuple(rate.shape)} came")
    counts = torch.ops.campipe.poisson(rate.detach()[:, 0].float(), *_addresses(grid, rate.device), *key.words)
    return counts[:, None].to(torch.float64 if rate.dtype == torch.float64 else torch.float32)


def tukey_lambda_std(shape: Tensor) -> Tensor:
    """Standard deviation of Q(u) = (u^l - (1 - u)^l) / l, float64.

    shape     l > -0.5, float64

    sqrt(2/l^2 (1/(1 + 2l) - Gamma(l + 1)^2 / Gamma(2l + 2))), written without the cancellation at l = 0.
    """
    if not bool((shape > -0.5).all()):
        raise CampipeError(f"a Tukey-lambda shape is above -0.5, where the variance exists, but {float(shape.min())} came")
    l = torch.where(shape.abs() < 1e-2, 1.0, shape)
    ratio = (2 * torch.lgamma(1 + l) - torch.lgamma(1 + 2 * l)) / l**2
    # The same by the series of lgamma about 1, sum over n of zeta(n) (2 - 2^n) (-l)^(n - 2) / n.
    zeta = (math.pi**2 / 6, 1.2020569031595942, math.pi**4 / 90, 1.0369277551433699, math.pi**6 / 945, 1.0083492773819228)
    series = sum(z * (2 - 2**n) / n * (-shape) ** (n - 2) for n, z in enumerate(zeta, 2))
    exponent = torch.where(shape.abs() < 1e-2, series, ratio)
    l2 = shape**2
    variance = torch.where(l2 * exponent.abs() < 1e-12, -exponent, -torch.expm1(l2 * exponent) / l2.clamp_min(1e-300))
    return (2 * variance / (1 + 2 * shape)).sqrt()


def _addresses(grid: Grid, device: torch.device | str) -> tuple[Tensor, Tensor, Tensor]:
    return tuple(t.to(device=device, dtype=torch.int64) for t in (grid.origin, grid.frame, grid.item))  # type: ignore[return-value]


# The operators. Planes are (N, H, W) here; `wide` asks for float64. The undecorated functions serve any device, in torch.


@torch.library.custom_op("campipe::words", mutates_args=())
def _words(origin: Tensor, frame: Tensor, item: Tensor, k0: int, k1: int, height: int, width: int) -> Tensor:
    return portable.words(origin, frame, item, k0, k1, height, width).contiguous()


@torch.library.custom_op("campipe::normal", mutates_args=())
def _normal(origin: Tensor, frame: Tensor, item: Tensor, k0: int, k1: int, height: int, width: int, wide: bool) -> Tensor:
    z = portable.normal(portable.words(origin, frame, item, k0, k1, height, width))
    return z if wide else z.float()


@torch.library.custom_op("campipe::tukey_lambda", mutates_args=())
def _tukey(
    origin: Tensor, frame: Tensor, item: Tensor, k0: int, k1: int, height: int, width: int, shape: Tensor, scale: Tensor, wide: bool
) -> Tensor:
    word = portable.words(origin, frame, item, k0, k1, height, width)
    q = portable.tukey(word, shape[:, None, None], scale[:, None, None])
    return q if wide else q.float()


@torch.library.custom_op("campipe::poisson", mutates_args=())
def _poisson(rate: Tensor, origin: Tensor, frame: Tensor, item: Tensor, k0: int, k1: int) -> Tensor:
    return portable.poisson(portable.words(origin, frame, item, k0, k1, *rate.shape[1:]), rate).float()


@_words.register_kernel("cpu")
def _(origin: Tensor, frame: Tensor, item: Tensor, k0: int, k1: int, height: int, width: int) -> Tensor:
    from campipe.ops.kernels import cpu

    return cpu.words(origin, frame, item, k0, k1, height, width)


@_normal.register_kernel("cpu")
def _(origin: Tensor, frame: Tensor, item: Tensor, k0: int, k1: int, height: int, width: int, wide: bool) -> Tensor:
    if wide:
        return portable.normal(portable.words(origin, frame, item, k0, k1, height, width))
    from campipe.ops.kernels import cpu

    return cpu.normal(origin, frame, item, k0, k1, height, width)


@_tukey.register_kernel("cpu")
def _(
    origin: Tensor, frame: Tensor, item: Tensor, k0: int, k1: int, height: int, width: int, shape: Tensor, scale: Tensor, wide: bool
) -> Tensor:
    if wide:
        return portable.tukey(portable.words(origin, frame, item, k0, k1, height, width), shape[:, None, None], scale[:, None, None])
    from campipe.ops.kernels import cpu

    return cpu.tukey(origin, frame, item, k0, k1, height, width, shape, scale)


@_poisson.register_kernel("cpu")
def _(rate: Tensor, origin: Tensor, frame: Tensor, item: Tensor, k0: int, k1: int) -> Tensor:
    from campipe.ops.kernels import cpu

    return cpu.poisson(rate, origin, frame, item, k0, k1)


@_words.register_fake
def _(origin: Tensor, frame: Tensor, item: Tensor, k0: int, k1: int, height: int, width: int) -> Tensor:
    return origin.new_empty((origin.shape[0], height, width))


@_normal.register_fake
def _(origin: Tensor, frame: Tensor, item: Tensor, k0: int, k1: int, height: int, width: int, wide: bool) -> Tensor:
    return origin.new_empty((origin.shape[0], height, width), dtype=torch.float64 if wide else torch.float32)


@_tukey.register_fake
def _(
    origin: Tensor, frame: Tensor, item: Tensor, k0: int, k1: int, height: int, width: int, shape: Tensor, scale: Tensor, wide: bool
) -> Tensor:
    return origin.new_empty((origin.shape[0], height, width), dtype=torch.float64 if wide else torch.float32)


@_poisson.register_fake
def _(rate: Tensor, origin: Tensor, frame: Tensor, item: Tensor, k0: int, k1: int) -> Tensor:
    return torch.empty_like(rate, memory_format=torch.contiguous_format)
