"""The task of a learned demosaicker: pictures encoded for a display, seen through a colour filter array, and given back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from campipe.blocks.demosaicking.residual import Residual
from campipe.measure.psnr import psnr
from campipe.ops.demosaick import malvar
from campipe.train.crops import Crops
from campipe.train.draws import Numbers
from campipe.train.loop import Task

Loss = Callable[[Tensor, Tensor], Tensor]

BORDER = 4
"""Pixels at each side of a crop that the loss leaves out: beyond the crop the net sees darkness, in a picture its mirror image."""
COUNTED = 20
"""Pixels at each border that a score leaves out, as `campipe evaluate` does."""


class Demosaicking(Task):
    """Let a demosaicker learn from crops.

    block   whose net is trained
    crops   what it is trained on
    loss    of (answer, picture), both (B, 3, H, W) in [0, 1], a scalar or one number per picture
    named   name of the loss, for the checkpoint
    """

    steady = True

    def __init__(self, block: Residual, crops: Crops, loss: Loss, named: str) -> None:
        super().__init__()
        self.block, self.net, self.crops, self.measure, self.named = block, block.body, crops, loss, named

    def about(self) -> dict[str, Any]:
        return {"block": self.block.block, "architecture": self.block.architecture, "crops": self.crops.about(), "loss": self.named}

    def batch(self, numbers: Numbers) -> Tensor:
        return self.crops.batch(numbers)

    def forward(self, batch: Tensor) -> Tensor:
        mosaic = seen_through(batch)
        inside = slice(BORDER, -BORDER)
        answer = malvar(mosaic, "RGGB") + self.block.correction(mosaic)
        return self.measure(answer[..., inside, inside], batch[..., inside, inside]).mean()

    def validate(self) -> dict[str, float]:
        """PSNR, dB, on the photos that are held out, rounded to 8 bits, and that of the base."""
        device = next(self.net.parameters()).device
        sums, photos = torch.zeros(2, dtype=torch.float64), self.crops.validation()
        for photo in (each.to(device) for each in photos):
            mosaic = seen_through(photo)
            for row, answer in enumerate((self.block.net(mosaic, "RGGB"), malvar(mosaic, "RGGB"))):
                rounded = (answer.clamp(0, 1) * 255).round() / 255
                inside = slice(COUNTED, -COUNTED)
                sums[row] += psnr(rounded[..., inside, inside], photo[..., inside, inside], data_range=1).double().cpu()[0]
        ours, base = (sums / max(len(photos), 1)).tolist()
        return {"psnr": round(ours, 4), "base_psnr": round(base, 4)}


def seen_through(picture: Tensor) -> Tensor:
    """The mosaic of a picture under an RGGB filter: (B, 3, H, W) to (B, 1, H, W)."""
    mosaic = picture[:, 1:2].clone()
    mosaic[..., ::2, ::2] = picture[:, 0:1, ::2, ::2]
    mosaic[..., 1::2, 1::2] = picture[:, 2:3, 1::2, 1::2]
    return mosaic
