"""From one loss per picture to the number that a training minimises."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from campipe.core.errors import CampipeError

Reduction = Literal["mean", "none"]


def reduced(per_picture: Tensor, reduction: Reduction) -> Tensor:
    """The mean over the pictures, or each picture's own loss.

    per_picture   (B,)
    reduction     "mean": (), what `backward` takes; "none": (B,), as the measures give it
    """
    if reduction == "mean":
        return per_picture.mean()
    if reduction == "none":
        return per_picture
    raise CampipeError(f"reduction is 'mean' or 'none', but {reduction!r} came")
