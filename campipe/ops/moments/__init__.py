"""Exact means and variances of counted, capped, amplified, noisy, rounded and clipped light."""

from __future__ import annotations

from campipe.ops.moments.digitise import digitised
from campipe.ops.moments.mass import digitised_pmf
from campipe.ops.moments.poisson import capped_poisson

__all__ = ["capped_poisson", "digitised", "digitised_pmf"]
