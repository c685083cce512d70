"""What all deblurrers share: the kernel, where the noise level comes from, and what becomes of the noise profile."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from campipe.blocks.base import Block
from campipe.core.errors import CampipeError, ShapeError
from campipe.core.frame import Frame
from campipe.core.shot import Shot
from campipe.ops.noise import deviation, profile

_WHOLE = 1e-6  # a kernel whose sum is 1 to float32 is left as it is, so that a configuration gives the same bits again


class Deblurrer(Block):
    """Take a known blur away. To be derived from: implement `net(x, kernel, sigma)`.

    kernel   (h, w), the point-spread function, not negative; it is scaled to sum 1. Its middle is row (h - 1) // 2 and column
             (w - 1) // 2: a kernel that is 1 there is the identity. The picture is the sharp one convolved with it. It can be trained, or
             given per item as a parameter
    sigma    standard deviation of the noise, in the unit of the frame's data, one number, or one per item given as a parameter; None: the
             root mean square, over each channel, of what the capture's noise profile says

    Light is blurred before it is encoded for display, so that a frame in "display" is refused. The noise that is left is neither white
    nor independent of the picture: the capture of the result holds no profile. Frames with views and times are deblurred picture by
    picture. Every pixel of the result hangs on every pixel of the frame.
    """

    slot = "deblur"
    reads = ("camera", "linear")
    tiles = False
    margin = None
    blind: ClassVar[bool] = False  # True: the block takes no kernel and finds it
    weight: ClassVar[str] = ""  # name of the number that `net` takes as its last argument, by which a method can be tuned

    def __init__(self, kernel: Any, sigma: Any = None, name: str | None = None) -> None:
        super().__init__(name)
        if not self.blind:
            self.number("kernel", checked_kernel(kernel))
        if sigma is not None:
            self.number("sigma", sigma, positive=True)

    def net(self, x: Tensor, kernel: Tensor, sigma: Tensor, weight: Tensor | None = None) -> Tensor:
        """Deblur plain tensors.

        x         (B, C, H, W), linear light, at least as large as the kernel
        kernel    (B or 1, h, w), sums to 1
        sigma     standard deviation of the noise in the unit of x, >= 0: (), or (B or 1, C or 1, 1, 1)
        weight    of what the method believes of pictures, () or (B, 1, 1, 1); None: the block's own
        returns   the shape of x
        """
        raise NotImplementedError(f"{type(self).__name__} does not say what it does; implement net(x, kernel, sigma)")

    def transform(self, frame: Frame, shot: Shot) -> Frame:
        kernel = self.value("kernel", frame, shot).to(frame.data.dtype)
        kernel = kernel if kernel.ndim == 3 else kernel[None]
        check_size(frame, kernel.shape[-2], kernel.shape[-1])
        # A trained kernel's sum moves; light is neither made nor lost.
        kernel = kernel / kernel.sum((-2, -1), keepdim=True)
        x, sigma = flat(frame.data), self.noise_level(frame, shot)
        if kernel.shape[0] > 1:
            kernel = kernel.repeat_interleave(x.shape[0] // kernel.shape[0], 0)
        weight = self.per_picture(self.weight, frame, shot)
        return frame.replace(self.net(x, kernel, sigma, weight).reshape(frame.data.shape), noise=None)

    def per_picture(self, name: str, frame: Frame, shot: Shot) -> Tensor:
        """A number as it holds for each picture, () or (pictures, 1, 1, 1), in the precision of the data."""
        number = self.value(name, frame, shot).to(frame.data.dtype)
        return number if number.ndim == 0 else flat(number.expand(*frame.data.shape[:-3], *number.shape[-3:]))

    def noise_level(self, frame: Frame, shot: Shot) -> Tensor:
        """The noise's standard deviation of each picture and channel, (), or (pictures or 1, C or 1, 1, 1)."""
        if hasattr(self, "sigma"):
            return self.per_picture("sigma", frame, shot)
        return flat(deviation(frame.data, profile_or_advice(frame))).square().mean((-2, -1), keepdim=True).sqrt()


def profile_or_advice(frame: Frame) -> Tensor:
    """The frame's noise profile; a CampipeError says what to do without one."""
    if frame.capture.noise is None:
        raise CampipeError(
            "the capture says nothing of the noise; give the block sigma=, or the frame S and O, (B, 2), by frame.replace(noise=...)"
        )
    return profile(frame)


def checked_kernel(kernel: Any) -> Tensor:
    """A kernel as float32, scaled to sum 1; a CampipeError says what is wrong with it."""
    try:
        values = torch.as_tensor(kernel).detach().double()
    except (TypeError, ValueError, RuntimeError):
        raise CampipeError(f"a kernel is a rectangle of numbers, (h, w), but {kernel!r} came") from None
    if values.ndim != 2 or values.numel() == 0:
        raise ShapeError(f"a kernel is a rectangle of numbers, (h, w), but its shape is {tuple(values.shape)}")
    if not bool((values >= 0).all()) or not bool(torch.isfinite(values).all()) or not bool(values.sum() > 0):
        raise CampipeError("a kernel is finite, not negative, and not all 0; clip it first: kernel.clip(0)")
    total = values.sum()
    return (values if abs(float(total) - 1) < _WHOLE else values / total).float()


def check_size(frame: Frame, height: int, width: int) -> None:
    """Refuse a picture that is smaller than the kernel."""
    if frame.height < height or frame.width < width:
        raise ShapeError(
            f"a kernel of {height} x {width} needs a picture of at least that size, but {frame.height} x {frame.width} pixels came; "
            "take a larger picture, or a smaller kernel"
        )


def flat(data: Tensor) -> Tensor:
    """(B, V, T, C, H, W) as (B V T, C, H, W); views and times are items of the batch."""
    return data.flatten(0, data.ndim - 4)
