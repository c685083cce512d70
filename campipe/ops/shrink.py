"""Shrinkage of transform coefficients: what is small is noise, and goes."""

from __future__ import annotations

import torch
from torch import Tensor

from campipe.core.errors import CampipeError

RULES = ("hard", "soft", "garrote")


def check_rule(rule: str) -> str:
    """Return the rule if it is one of `RULES`."""
    if rule not in RULES:
        raise CampipeError(f"coefficients are shrunk by {', '.join(RULES[:-1])} or {RULES[-1]}, but {rule!r} came")
    return rule


def shrink(value: Tensor, threshold: Tensor, rule: str) -> Tensor:
    """Set coefficients below a threshold to 0.

    value       any shape
    threshold   broadcasts with the value, >= 0; 0 changes nothing
    rule        "hard": larger ones stay as they are. "soft": they come nearer to 0 by the threshold. "garrote": c - t^2 / c, continuous
                as soft and nearly as unbiased as hard
    returns     the shape of value

    Gradient: exact where |value| differs from the threshold; in the threshold 0 for "hard".
    Source: Donoho and Johnstone, "Ideal spatial adaptation by wavelet shrinkage", Biometrika 81, 1994; Gao, "Wavelet shrinkage denoising
    using the non-negative garrote", Journal of Computational and Graphical Statistics 7, 1998.
    """
    large = value.abs() > threshold
    if rule == "hard":
        return torch.where(large, value, 0)
    if rule == "soft":
        return torch.where(large, value - torch.sign(value) * threshold, 0)
    return torch.where(large, value - threshold * threshold / torch.where(large, value, 1), 0)
