"""Whether a compiled loop may do the work, or the torch path has to."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def loops_serve(*tensors: Any) -> bool:
    """True where the numba loops of `campipe.ops.kernels` may be called: plain float32 tensors on the CPU, none of which needs a gradient,
    outside of graphs and of functional transforms. Elsewhere the torch path of the same function is taken."""
    if torch.compiler.is_compiling() or torch._C._functorch.maybe_current_level() is not None:
        return False
    tracked = torch.is_grad_enabled()
    return all(
        type(t) in (Tensor, torch.nn.Parameter)
        and t.dtype == torch.float32
        and t.device.type == "cpu"
        and not (tracked and t.requires_grad)
        for t in tensors
    )
