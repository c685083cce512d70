"""Non-local means: a pixel becomes the mean of those whose surroundings look like its own.

Source: Buades, Coll, Morel, "A non-local algorithm for image denoising", CVPR 2005; the weight that takes off what noise
adds to a distance: the same, "Non-local means denoising", Image Processing On Line 1, 2011.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from campipe.ops.compiled import loops_serve
from campipe.ops.filters import symmetric_pad

_MOST = 1e30  # inverse variance that stands for 1 / 0: equal patches alone are averaged, and nothing becomes NaN
_STRIP = 48  # rows that stay in the cache
_GRAPH = 1 << 28  # bytes of shifted pictures from which on a graph does not keep them


def nlm(x: Tensor, sigma: Tensor, h: Tensor, patch: int, window: int) -> Tensor:
    """Average over the pixels of a window, those whose patches are alike.

    x         (B, C, H, W); the channels are one value together
    sigma     standard deviation of the noise, in the unit of x, >= 0, broadcasts with x; of several channels the root mean square
              counts, and of a map its value at the pixel that is denoised; 0: the picture comes back
    h         (), > 0: weights fall to 1/e where the mean squared difference of two patches is 2 sigma^2 + (h sigma)^2
    patch     pixels on a side, odd
    window    pixels on a side, odd
    returns   the shape of x

    The weight is exp(-max(d^2 - 2 sigma^2, 0) / (h sigma)^2), d^2 the mean over patch and channels. Beyond the border the mirror image,
    the outermost pixel repeated. Plain float32 on the CPU goes through a compiled loop. Gradient: exact, in sigma and h too; for
    large pictures one row of the window at a time is computed again.
    """
    reach, half = window // 2, patch // 2
    variance = sigma.to(x.dtype).square().mean(-3, keepdim=True)
    spread = h.to(x.dtype).square() * variance
    steep = 1 / torch.where(spread > 1 / _MOST, spread, 1 / _MOST)
    padded = symmetric_pad(symmetric_pad(x, reach + half, -1), reach + half, -2)
    if loops_serve(x, variance, steep):
        return _by_loop(padded, variance, steep, reach, half, x.shape)
    tracked = torch.is_grad_enabled() and any(t.requires_grad for t in (x, variance, steep))
    plain = not torch.compiler.is_compiling() and torch._C._functorch.maybe_current_level() is None
    again = tracked and plain and window**2 * x.numel() * x.element_size() > _GRAPH
    total, weights = torch.zeros_like(x), torch.zeros_like(x[..., :1, :, :])
    for dy in range(window):
        given = (padded, variance, steep, dy, reach, half)
        part, weight = _Again.apply(*given) if again else _window_row(*given)
        total, weights = total + part, weights + weight
    return total / weights


def _window_row(padded: Tensor, variance: Tensor, steep: Tensor, dy: int, reach: int, half: int) -> tuple[Tensor, Tensor]:
    """The sums of weighted pixels and of weights over row dy of the window. The pixel itself is at no distance, and has the weight 1."""
    side = 2 * half + 1
    height, width = padded.shape[-2] - 2 * reach, padded.shape[-1] - 2 * reach  # with half a patch around
    here = padded[..., reach : reach + height, reach : reach + width]
    there = padded[..., dy : dy + height, :].unfold(-1, width, 1).movedim(-2, -3)  # (B, C, shifts, h, w)
    apart = (there - here[..., None, :, :]).square().mean(-4)
    apart = torch.nn.functional.avg_pool2d(torch.nn.functional.avg_pool2d(apart, (1, side), 1), (side, 1), 1)
    weight = torch.exp(-(apart - 2 * variance).clamp_min(0) * steep)
    value = there[..., half : height - half, half : width - half]
    return (weight[:, None] * value).sum(-3), weight.sum(1, keepdim=True)


class _Again(torch.autograd.Function):
    """`_window_row` of which nothing is kept: it is computed again on the way back."""

    @staticmethod
    def forward(ctx: Any, *given: Any) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(*given[:3])
        ctx.row = given[3:]
        return _window_row(*given)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        given = [t.detach().requires_grad_(wanted) for t, wanted in zip(ctx.saved_tensors, ctx.needs_input_grad, strict=False)]
        with torch.enable_grad():
            out = _window_row(*given, *ctx.row)
        slopes = iter(torch.autograd.grad(out, [t for t in given if t.requires_grad], grads))
        return *(next(slopes) if t.requires_grad else None for t in given), None, None, None


def _by_loop(padded: Tensor, variance: Tensor, steep: Tensor, reach: int, half: int, shape: torch.Size) -> Tensor:
    from campipe.ops.kernels.memory import empty
    from campipe.ops.kernels.nlm import nlm_rows
    from campipe.ops.kernels.threads import over_rows

    batch, channels, height, width = shape
    count = channels * (2 * half + 1) ** 2  # the loop sums where the formula takes the mean
    size = (height, width) if variance.shape[-2:] != (1, 1) else (1, 1)
    levels = [t.detach()[:, 0].expand(batch, *size).contiguous().numpy() for t in (2 * count * variance, steep / count)]
    out = empty(tuple(shape))
    source, result = padded.detach().contiguous().numpy(), out.numpy()
    work = channels * (2 * reach + 1) ** 2 * width
    over_rows(lambda a, b: nlm_rows(source, *levels, reach, half, _STRIP, a, b, result), batch * height, work)
    return out
