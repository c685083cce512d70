"""A loss that is taken behind rendering: on the picture that linear light becomes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from campipe.core.errors import SpaceError
from campipe.core.frame import Frame
from campipe.core.stage import Stage


class Rendered(nn.Module):
    """The loss of two frames after both went through the same stage or pipeline: linear output -> ISP -> loss on the picture.

    loss       a loss of two tensors (B, C, H, W), such as `MSSSIML1Loss(data_range=1)`
    pipeline   from the space of the network's output to that of the loss, such as the stages from "linear" to "display". Leave out
               what cuts off (`developing_pipeline(clip=False)`): where values are clipped no gradient comes back

    What a person looks at is then what is optimised, while the network stays in linear light. Gradient: through the pipeline, as its stages
    declare; its numbers are frozen unless `trainable` says otherwise.
    """

    def __init__(self, loss: Callable[..., Tensor], pipeline: Stage) -> None:
        super().__init__()
        self.loss, self.pipeline = loss, pipeline

    def forward(self, x: Frame, y: Frame, *, parameters: Any = None, **options: Any) -> Tensor:
        """The loss on the pictures.

        x            the estimate, in a space that the pipeline reads
        y            the target, in such a space too; or the finished picture, in the space that the pipeline writes
        parameters   number path to per-item values, for the pipeline on both sides
        options      handed on to the loss, such as step=
        """
        picture = self._picture(x, parameters)
        if self.pipeline.reads and y.space not in self.pipeline.reads:
            if y.space != picture.space:
                raise SpaceError(
                    f"a target in {' or '.join(map(repr, self.pipeline.reads))}, or a picture in {picture.space!r}, is needed, "
                    f"but one in {y.space!r} came"
                )
            target = y
        else:
            target = self._picture(y, parameters)
        return self.loss(_flat(picture.data), _flat(target.data), **options)

    def _picture(self, frame: Frame, parameters: Any) -> Frame:
        return self.pipeline(frame, parameters=parameters)


def _flat(data: Tensor) -> Tensor:
    """Views and times count as pictures."""
    return data.flatten(0, 2) if data.ndim == 6 else data
