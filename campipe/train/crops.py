"""Crops of photos and procedural scenes to train on, by number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from campipe.core.errors import CampipeError, ShapeError
from campipe.core.random import Key
from campipe.scenes.procedural import procedural
from campipe.synth.photos import Photos

SATURATION, GAIN = (1.0, 2.4), (0.6, 1.2)
"""Factor on the distance from grey, and on each channel, of a sample whose colours are changed."""

_LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class Crops:
    """Square pieces of photos, encoded for a display; `crops.batch([12])` is sample 12 whatever came before.

    photos       the last `held_out` of them are never cropped
    size         pixels a side
    colour       share of the samples whose colours are changed: saturation, gain of each channel, order of the channels
    chroma       share of the samples whose colours have half the resolution, as most pictures are stored: their finest detail is grey
    scenes       share of the samples that are procedural scenes instead
    held_out     photos that are kept for validation
    seed         whole number; another one gives other samples

    A piece begins at any pixel and is mirrored and transposed at random, so that a mosaic laid over it sees it in every phase.
    """

    photos: Photos
    size: int
    colour: float = 0.3
    chroma: float = 0.5
    scenes: float = 0.1
    held_out: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.held_out < len(self.photos):
            raise CampipeError(
                f"{self.held_out} photos are to be held out, but there are {len(self.photos)}; put more photos into the folder, "
                "or hold out fewer"
            )
        for what in ("colour", "chroma", "scenes"):
            if not 0 <= getattr(self, what) <= 1:
                raise CampipeError(f"a share of the samples is from 0 to 1, but {what}={getattr(self, what)} came")

    def about(self) -> dict[str, Any]:
        """What the samples hang on, as plain values."""
        numbers = {name: getattr(self, name) for name in ("size", "colour", "chroma", "scenes", "held_out", "seed")}
        return {**numbers, "photos": list(self.photos.names)}

    def batch(self, numbers: Sequence[int]) -> Tensor:
        """The samples of these numbers: (B, 3, size, size), in [0, 1], float32."""
        return torch.stack([self.sample(number) for number in numbers])

    def sample(self, number: int) -> Tensor:
        """Sample `number`: (3, size, size)."""
        key = Key(self.seed).fold("crops").fold(number)
        if key.uniform(0) < self.scenes:
            return procedural(key.fold("scene"), self.size, self.size)
        which = int(key.uniform(1) * (len(self.photos) - self.held_out))
        piece = _crop(self._photo(which), self.size, key.uniform(2), key.uniform(3), self.photos.name(which))
        for dim, position in ((-1, 4), (-2, 5)):
            piece = piece.flip(dim) if key.uniform(position) < 0.5 else piece
        piece = piece.mT if key.uniform(6) < 0.5 else piece
        piece = recoloured(piece, key.fold("colour")) if key.uniform(7) < self.colour else piece
        return subsampled(piece) if key.uniform(8) < self.chroma else piece.contiguous()

    def validation(self) -> list[Tensor]:
        """The photos that are held out, (1, 3, H, W) each."""
        count = len(self.photos)
        return [self._photo(which)[None] for which in range(count - self.held_out, count)]

    def _photo(self, which: int) -> Tensor:
        data = self.photos.read(which).data[0]
        return data if data.shape[0] == 3 else data[:1].expand(3, -1, -1)


def recoloured(picture: Tensor, key: Key) -> Tensor:
    """A picture, (3, H, W), with other colours: more saturated, its channels amplified and interchanged. Clipped to [0, 1]."""
    grey = picture.mean(0, keepdim=True)
    saturation = SATURATION[0] + (SATURATION[1] - SATURATION[0]) * key.uniform(0)
    gains = torch.tensor([GAIN[0] + (GAIN[1] - GAIN[0]) * key.uniform(1 + c) for c in range(3)])[:, None, None]
    order = sorted(range(3), key=lambda c: key.uniform(4 + c))
    return ((grey + saturation * (picture - grey)) * gains)[order].clamp(0, 1)


def subsampled(picture: Tensor) -> Tensor:
    """A picture, (3, H, W), with its colours at half the resolution, as 4:2:0 stores them: means of 2 x 2 pixels, put back linearly.

    The luma is that of ITU-R BT.601, and stays; the result is clipped to [0, 1].
    """
    luma = (picture * torch.tensor(_LUMA)[:, None, None]).sum(0, keepdim=True)
    small = functional.avg_pool2d((picture - luma)[None], 2, ceil_mode=True)
    chroma = functional.interpolate(small, size=picture.shape[-2:], mode="bilinear", align_corners=False)[0]
    return (luma + chroma).clamp(0, 1)


def _crop(photo: Tensor, size: int, v: float, u: float, name: str) -> Tensor:
    height, width = photo.shape[-2:]
    if min(height, width) < size:
        raise ShapeError(f"a photo of at least {size} x {size} pixels is needed, but {name} has {height} x {width}; take it away")
    top, left = int(v * (height - size + 1)), int(u * (width - size + 1))
    return photo[:, top : top + size, left : left + size]
