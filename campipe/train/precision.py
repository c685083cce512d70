"""Mixed precision: a net that computes in 16 bits, and takes and gives 32."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from campipe.core.errors import CampipeError


def narrowed(net: nn.Module, precision: str) -> Callable[[], None]:
    """Let a net compute in a precision until what is returned is called: its weights stay in 32 bits, and so does all around it.

    Source: Micikevicius et al., "Mixed precision training", ICLR 2018; bfloat16 needs no scaling of the loss.
    """
    if precision == "float32":
        return lambda: None
    if precision != "bfloat16":
        raise CampipeError(f"a net computes in float32 or bfloat16, but {precision!r} came")
    open_now: list[torch.autocast] = []

    def enter(module: nn.Module, inputs: Any) -> None:
        first = next(module.parameters())
        open_now.append(torch.autocast(first.device.type, torch.bfloat16, cache_enabled=False))
        open_now[-1].__enter__()

    def leave(module: nn.Module, inputs: Any, output: Any) -> Any:
        open_now.pop().__exit__(None, None, None)
        return output.float() if isinstance(output, Tensor) else output

    hooks = net.register_forward_pre_hook(enter), net.register_forward_hook(leave, always_call=True)

    def end() -> None:
        for hook in hooks:
            hook.remove()

    return end
