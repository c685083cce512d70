"""Sample: a noisy frame, its clean target, and the numbers that made both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from campipe.core import frame as frames
from campipe.core.errors import ShapeError
from campipe.core.frame import Frame


class Sample(NamedTuple):
    """One item of a data set, or a batch of them. As a tuple it is a pytree, and torch's loaders can pin it.

    noisy        Frame in "dn", what the camera records
    clean        Frame in "dn", the ideal of the same shot
    parameters   the numbers that were drawn; in a batch a list with one dict per item
    """

    noisy: Frame
    clean: Frame
    parameters: Any


def collate(items: Sequence[Sample] | Sequence[Frame]) -> Sample | Frame:
    """Put samples, or frames, into one batch: the `collate_fn` of a torch DataLoader.

    items     Samples or Frames of one size, pattern and space
    returns   a Sample with batched frames and a list of parameters, or a batched Frame

    Raises ShapeError for items that make no batch.
    """
    if not items:
        raise ShapeError("a batch has at least one item, but none came")
    if all(isinstance(item, Frame) for item in items):
        return frames.collate(items)  # type: ignore[arg-type]
    if not all(isinstance(item, Sample) for item in items):
        raise ShapeError(f"a batch is made of Samples or of Frames, but {', '.join(sorted({type(i).__name__ for i in items}))} came")
    noisy, clean, parameters = zip(*items, strict=True)
    return Sample(frames.collate(noisy), frames.collate(clean), list(parameters))
