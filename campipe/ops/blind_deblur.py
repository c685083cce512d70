"""Find the kernel that blurred a picture, coarse to fine: a picture of few edges, then the kernel that blurs it as seen, in turn."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from campipe.ops.convolution import domain, extend, otf
from campipe.ops.deconvolution import power

# Found on crops of Kodak with known kernels, and checked on photos of training data; the kernels' likeness is flat around each.
_SPREAD = 0.25  # standard deviation that a picture is scaled to, for which the next number is
_EDGES = 1.25e-2  # lambda, the price of a pixel with an edge, at the first of a scale's steps
_CHEAPER = 0.885  # its factor from step to step: strong edges come first
_STEPS = 10  # per scale
_BETA_LAST = 1e3  # beta starts at 2 lambda and doubles, as in Xu, Lu, Xu and Jia 2011
_RIDGE = 0.1  # of the energy of the edges, on the kernel's squares
_SCALE = math.sqrt(2)
_LEAST = 3  # pixels of the kernel at the coarsest scale
_FAINT = 0.05  # of the kernel's largest value: below it, it is 0
_GRADIENT_STEPS = 200


@torch.no_grad()
def estimate_kernel(y: Tensor, kernel_size: int) -> Tensor:
    """Estimate the kernel of a blurred picture.

    y             (B, 1, H, W), luminance in linear light, at least as large as the kernel
    kernel_size   odd, pixels on a side
    returns       (B, kernel_size, kernel_size), not negative, sums to 1, its centre of mass in the middle: where the picture stands, nobody
                  knows

    At each scale, two steps take turns. The picture's edges are predicted: the picture with few pixels that have a gradient, weighed
    against the blurred one. The kernel is found: non-negative least squares between the gradients of both. Float32 inside. Gradient: none.
    Sources: Cho and Lee, "Fast motion deblurring", SIGGRAPH Asia 2009, for the scheme; the edges by their number: Xu, Zheng and Jia,
    "Unnatural L0 sparse representation for natural image deblurring", CVPR 2013.
    """
    return torch.stack([_one(item[None].float(), kernel_size) for item in y]).to(y.dtype)


def sizes(kernel_size: int) -> list[int]:
    """The kernel's size at each scale, coarse to fine: odd numbers, smaller by about the square root of 2 each."""
    found = [kernel_size]
    while found[-1] > _LEAST:
        smaller = int(found[-1] / _SCALE)
        smaller -= smaller % 2 == 0
        found.append(max(min(smaller, found[-1] - 2), _LEAST))
    return found[::-1]


def _one(y: Tensor, kernel_size: int) -> Tensor:
    y = y / y.std().clamp_min(1e-12) * _SPREAD
    kernel = y.new_full((_LEAST, _LEAST), 1 / _LEAST**2)
    for n in sizes(kernel_size):
        small = y
        if n < kernel_size:
            height, width = (max(round(m * n / kernel_size), n) for m in y.shape[-2:])
            small = interpolate(y, (height, width), mode="bilinear", antialias=True)
        if n > kernel.shape[-1]:
            kernel = interpolate(kernel[None, None], (n, n), mode="bilinear")[0, 0]
            kernel = kernel / kernel.sum()
        size = domain((small.shape[-2], small.shape[-1]), (n, n))
        spectrum = torch.fft.rfft2(extend(small, size))[0, 0]
        for step in range(_STEPS):
            edges = few_edges(spectrum, otf(kernel, size), size, _EDGES * _CHEAPER**step)
            kernel = _centred(_kernel_from(edges, spectrum, size, n))
    return kernel


def few_edges(spectrum: Tensor, transfer: Tensor, size: tuple[int, int], price: float) -> Tensor:
    """Minimise |y - k * x|^2 + price * the number of pixels where x has a gradient; the spectrum of x.

    spectrum   (N, M // 2 + 1) of y
    transfer   (N, M // 2 + 1) of k
    size       (N, M)

    By half-quadratic splitting: a gradient stays as it is where its square exceeds price / beta, and is 0 elsewhere.
    """
    rows, columns = _differences(size, spectrum)
    blurred, fixed, differences = transfer.conj() * spectrum, power(transfer), power(rows) + power(columns)
    x, beta = spectrum, 2 * price
    while beta < _BETA_LAST:
        down, right = torch.fft.irfft2(torch.stack([x * rows, x * columns]), s=size)
        kept = down.square() + right.square() > price / beta
        split = torch.fft.rfft2(torch.stack([down * kept, right * kept]))
        x = (blurred + beta * (rows.conj() * split[0] + columns.conj() * split[1])) / (fixed + beta * differences)
        beta *= 2
    return x


def _kernel_from(edges: Tensor, spectrum: Tensor, size: tuple[int, int], n: int) -> Tensor:
    """The non-negative kernel of n x n that makes the gradients of the blurred picture of those of the sharp one, by least squares."""
    weights = sum(power(d) for d in _differences(size, spectrum))
    auto = torch.fft.irfft2(power(edges) * weights, s=size)
    cross = torch.fft.irfft2(edges.conj() * spectrum * weights, s=size)
    place = torch.arange(n, device=spectrum.device) - (n - 1) // 2
    y, x = (t.reshape(-1) for t in torch.meshgrid(place, place, indexing="ij"))
    energy = auto[0, 0].clamp_min(1e-20)
    target = cross[y % size[0], x % size[1]] / energy
    matrix = auto[(y[:, None] - y) % size[0], (x[:, None] - x) % size[1]] / energy
    matrix.diagonal().add_(_RIDGE)
    kernel = _non_negative(matrix, target).reshape(n, n)
    kernel = torch.where(kernel > _FAINT * kernel.max(), kernel, 0)
    total = kernel.sum()
    if not bool(total > 0):  # a picture without edges says nothing of its blur
        kernel, total = torch.zeros_like(kernel), kernel.new_ones(())
        kernel[(n - 1) // 2, (n - 1) // 2] = 1
    return kernel / total


def _non_negative(matrix: Tensor, target: Tensor) -> Tensor:
    """Minimise x' M x / 2 - t' x over x >= 0 by accelerated projected gradients. Source: Beck and Teboulle, SIAM J. Imaging 2, 2009."""
    largest = matrix.abs().sum(-1).max()  # Gershgorin's bound on the eigenvalues
    x = ahead = target.clamp_min(0)
    t = 1.0
    for _ in range(_GRADIENT_STEPS):
        new = (ahead - (torch.mv(matrix, ahead) - target) / largest).clamp_min(0)
        later = (1 + math.sqrt(1 + 4 * t * t)) / 2
        ahead = new + (t - 1) / later * (new - x)
        x, t = new, later
    return x


def _centred(kernel: Tensor) -> Tensor:
    """Move the centre of mass to the middle, by whole pixels; nothing is wrapped around."""
    n = kernel.shape[-1]
    place = torch.arange(n, dtype=kernel.dtype, device=kernel.device) - (n - 1) // 2
    dy, dx = (-int(torch.round((kernel.sum(axis) * place).sum())) for axis in (1, 0))
    moved = torch.nn.functional.pad(kernel, (max(dx, 0), max(-dx, 0), max(dy, 0), max(-dy, 0)))
    top, left = max(-dy, 0), max(-dx, 0)
    moved = moved[top : top + n, left : left + n]
    return moved / moved.sum()


def _differences(size: tuple[int, int], like: Tensor) -> tuple[Tensor, Tensor]:
    """Transfer functions of the differences to the neighbours below and to the right: (N, 1) and (1, M // 2 + 1)."""
    rows, columns = (
        torch.polar(torch.ones(m, dtype=like.real.dtype, device=like.device), 2 * math.pi / n * torch.arange(m, device=like.device)) - 1
        for m, n in ((size[0], size[0]), (size[1] // 2 + 1, size[1]))
    )
    return rows[:, None], columns[None]
