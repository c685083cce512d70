"""From light to raw numbers for a whole batch, each sample by another camera: the physics of `campipe.sensor` in a few tensors."""

from __future__ import annotations

import torch
from torch import Tensor

from campipe.ops.standard import expanded_count

FEW, TERMS = 4.0, 22
"""Rates, e-, below which counts are found by adding up probabilities, and how many of those: more electrons come once in 1e10 times."""


def counted(rate: Tensor, normal: Tensor) -> Tensor:
    """Poisson counts by inversion: the quantile of a standard normal number's probability.

    rate, normal   any shape, e- and 1
    returns        whole electrons; up to FEW exact but for float32, from there on by `expanded_count`

    Gradient: none.
    """
    few = rate.clamp(0, FEW)
    share = torch.special.ndtr(normal)
    term = torch.exp(-few)
    below, count = term.clone(), (share > term).to(rate.dtype)
    for k in range(1, TERMS):
        term = term * (few / k)
        below = below + term
        count = count + (share > below)
    return torch.where(rate < FEW, count, expanded_count(rate, normal))


def tukey(normal: Tensor, shape: Tensor, spread: Tensor) -> Tensor:
    """Standard normal numbers turned into Tukey-lambda numbers of unit variance.

    shape, spread   broadcast with the numbers: of the law, and its standard deviation before scaling; NaN: left as they are
    """
    low, high = (torch.special.ndtr(side).clamp_min(1e-12) for side in (normal, -normal))
    power = torch.where(shape.abs() < 1e-3, 1, shape)
    quantile = torch.where(shape.abs() < 1e-3, low.log() - high.log(), (low**power - high**power) / power)
    return torch.where(shape.isnan(), normal, quantile / spread)


def exposed(rate: Tensor, numbers: dict[str, Tensor], normal: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Raw frames of expected charge.

    rate      (B, 1, H, W), e-: of the light alone
    numbers   (B, 1, 1, 1) each, by the names of `campipe.train.raw.cameras`, and seconds
    normal    (B, 4, H, W), standard normal numbers: of fixed response, counting, readout, and what else is added
    rows      (B, 1, H, 1), standard normal numbers
    returns   the frame, whole DN, and the ideal of the same shot, DN, as `Camera.capture(noise=False)` gives it; (B, 1, H, W) each

    Gradient: none.
    """
    response, counting, reading, adding = normal.split(1, 1)
    expected = rate * (1 + numbers["prnu"] * response) + numbers["dark_current"] * numbers["seconds"]
    charge = torch.minimum(counted(expected, counting), numbers["full_well"])
    # Of independent normal numbers that are added, one is drawn.
    others = torch.hypot(numbers["dsnu"], numbers["post_read_noise"] / numbers["gain"])
    noise = numbers["read_noise"] * tukey(reading, numbers["read_shape"], numbers["spread"]) + others * adding
    charge = charge + noise + numbers["row_noise"] * rows
    top = numbers["top"]
    noisy = (charge * numbers["gain"] + numbers["black"]).round().clamp_min(0).minimum(top)
    ideal = (torch.minimum(rate, numbers["full_well"]) * numbers["gain"] + numbers["black"]).clamp_min(0).minimum(top)
    return noisy, ideal


def profile(numbers: dict[str, Tensor]) -> Tensor:
    """S and O of the DNG specification, (B, 2), as the sensor writes them into a capture."""
    gain, span = numbers["gain"], numbers["white"] - numbers["black"]
    dark = numbers["dark_current"] * numbers["seconds"]
    floor = gain**2 * (numbers["read_noise"] ** 2 + numbers["row_noise"] ** 2 + dark) + numbers["post_read_noise"] ** 2 + 1 / 12
    return torch.cat([gain / span, floor / span**2], 1).flatten(1)
