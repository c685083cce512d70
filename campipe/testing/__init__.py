"""Statistical assertions for simulators, anybody's: each has a false-alarm rate and says what it would have caught.

Arrays, tensors, frames and functions are taken alike. The names are loaded when they are first used; `campipe.testing.strategies`
needs hypothesis and is imported by its own name.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from campipe.testing.budget import Budget
    from campipe.testing.distribution import assert_distribution
    from campipe.testing.fixed import assert_fixed_pattern, assert_row_noise
    from campipe.testing.gradient import assert_gradient_of_expectation, poisson_gradient
    from campipe.testing.moments import assert_moments
    from campipe.testing.same_law import assert_same_law
    from campipe.testing.transfer import assert_photon_transfer
    from campipe.testing.verdict import Finding, Verdict, VerdictError
    from campipe.testing.white import assert_white

_HOME = {
    "Budget": "campipe.testing.budget",
    "Finding": "campipe.testing.verdict",
    "Verdict": "campipe.testing.verdict",
    "VerdictError": "campipe.testing.verdict",
    "assert_distribution": "campipe.testing.distribution",
    "assert_fixed_pattern": "campipe.testing.fixed",
    "assert_gradient_of_expectation": "campipe.testing.gradient",
    "assert_moments": "campipe.testing.moments",
    "assert_photon_transfer": "campipe.testing.transfer",
    "assert_row_noise": "campipe.testing.fixed",
    "assert_same_law": "campipe.testing.same_law",
    "assert_white": "campipe.testing.white",
    "poisson_gradient": "campipe.testing.gradient",
}

__all__ = [
    "Budget",
    "Finding",
    "Verdict",
    "VerdictError",
    "assert_distribution",
    "assert_fixed_pattern",
    "assert_gradient_of_expectation",
    "assert_moments",
    "assert_photon_transfer",
    "assert_row_noise",
    "assert_same_law",
    "assert_white",
    "poisson_gradient",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(importlib.import_module(_HOME[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'campipe.testing' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
