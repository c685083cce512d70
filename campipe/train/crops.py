"""Crops of photos and procedural scenes to train on, by number; made where the net is trained."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from campipe.core.errors import CampipeError, ShapeError
from campipe.core.random import Key
from campipe.scenes.procedural import procedural
from campipe.synth.photos import Photos
from campipe.train.draws import Numbers, uniform

SATURATION, GAIN = (1.0, 2.4), (0.6, 1.2)
"""Factor on the distance from grey, and on each channel, of a sample whose colours are changed."""
SCENES, SIDE = 96, 256
"""Procedural scenes that samples are cut from, and their pixels a side (or the sample's, where it is larger)."""
LARGEST = 8_000_000_000
"""Bytes of photos that are held at most."""

_LUMA = (0.299, 0.587, 0.114)
_DRAWS = 17


class Crops(nn.Module):
    """Square pieces of photos, encoded for a display; `crops.batch([12])` is sample 12 whatever came before.

    photos       the last `held_out` of them are never cropped
    size         pixels a side
    colour       share of the samples whose colours are changed: saturation, gain of each channel, order of the channels
    chroma       share of the samples whose colours have half the resolution, as most pictures are stored: their finest detail is grey
    scenes       share of the samples that are cut from procedural scenes instead
    halved       share of the samples that are cut from photos made half as large, by means of 2 x 2 pixels: they have finer detail
    held_out     photos that are kept for validation
    seed         whole number; another one gives other samples

    A piece begins at any pixel and is mirrored and transposed at random, so that a mosaic laid over it sees it in every phase. All photos
    are held in 8 bits on the device of the module (`.to(device)`), and the samples are made there.
    """

    pixels: Tensor
    places: Tensor

    def __init__(
        self,
        photos: Photos,
        size: int,
        colour: float = 0.3,
        chroma: float = 0.5,
        scenes: float = 0.1,
        held_out: int = 4,
        seed: int = 0,
        halved: float = 0.0,
    ) -> None:
        super().__init__()
        if not 0 <= held_out < len(photos):
            raise CampipeError(
                f"{held_out} photos are to be held out, but there are {len(photos)}; put more photos into the folder, or hold out fewer"
            )
        shares = {"colour": colour, "chroma": chroma, "scenes": scenes, "halved": halved}
        for what, share in shares.items():
            if not 0 <= share <= 1:
                raise CampipeError(f"a share of the samples is from 0 to 1, but {what}={share} came")
        self.photos, self.size, self.held_out, self.seed = photos, int(size), int(held_out), int(seed)
        self.colour, self.chroma, self.scenes, self.halved = (float(share) for share in shares.values())
        self._key = Key(self.seed).fold("crops")
        self._hold()

    def about(self) -> dict[str, Any]:
        """What the samples hang on, as plain values."""
        numbers = {name: getattr(self, name) for name in ("size", "colour", "chroma", "scenes", "halved", "held_out", "seed")}
        return {**numbers, "photos": list(self.photos.names)}

    def batch(self, numbers: Numbers) -> Tensor:
        """The samples of these numbers: (B, 3, size, size), in [0, 1], float32, on the module's device."""
        u = uniform(self._key.seed, numbers, _DRAWS, self.pixels.device)
        which, top, left = self.placed(numbers, u)
        offset, _, width = self.places[which].T
        return self.altered(self.cut(offset, width, top, left, u[:, 5:8] < 0.5), u[:, 8:])

    def placed(self, numbers: Numbers, u: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Where samples are cut: which of what is held, first row and first column, (B,) each. For samplers that know better places."""
        which = self._chosen(u)
        _, height, width = self.places[which].T
        top, left = ((u[:, i] * (sides - self.size + 1)).long() for i, sides in ((3, height), (4, width)))
        return which, top, left

    def sample(self, number: int) -> Tensor:
        """Sample `number`: (3, size, size)."""
        return self.batch([number])[0]

    def cut(self, offset: Tensor, width: Tensor, top: Tensor, left: Tensor, ways: Tensor) -> Tensor:
        """Pieces of what is held, (B, 3, size, size).

        offset, width   (B,) of the photo: `places` has them
        top, left       (B,) of the piece in the photo
        ways            (B, 3) bool: mirrored from left to right, from top to bottom, transposed
        """
        ways = ways[:, :, None, None]
        i = torch.arange(self.size, device=self.pixels.device)
        down, across = i[None, :, None], i[None, None, :]
        y, x = torch.where(ways[:, 2], across, down), torch.where(ways[:, 2], down, across)
        x, y = torch.where(ways[:, 0], self.size - 1 - x, x), torch.where(ways[:, 1], self.size - 1 - y, y)
        offset, width, top, left = (value[:, None, None] for value in (offset, width, top, left))
        return self.pixels[:, offset + (top + y) * width + left + x].transpose(0, 1).float() / 255

    def altered(self, pieces: Tensor, u: Tensor) -> Tensor:
        """Pieces with other colours, or their colours at half the resolution, in the shares that are asked for; u is (B, 9) of [0, 1)."""
        if self.colour > 0:
            pieces = torch.where(_tall(u[:, 7] < self.colour), recoloured(pieces, u), pieces)
        return torch.where(_tall(u[:, 8] < self.chroma), subsampled(pieces), pieces) if self.chroma > 0 else pieces

    def validation(self) -> list[Tensor]:
        """The photos that are held out, (1, 3, H, W) each, on the CPU."""
        count = len(self.photos)
        return [_coloured(self.photos.read(which).data) for which in range(count - self.held_out, count)]

    def _chosen(self, u: Tensor) -> Tensor:
        """(B,) which of what is held: the photos, then the same made half as large, then the scenes."""
        photos = len(self.photos) - self.held_out
        which = (u[:, 1] * photos).long()
        if self.halved > 0:
            which = torch.where(u[:, 2] < self.halved, which + photos, which)
        first = photos * (1 + (self.halved > 0))
        return torch.where(u[:, 0] < self.scenes, first + (u[:, 1] * SCENES).long(), which)

    def _hold(self) -> None:
        held: list[Tensor] = []
        total = 0
        for number in range(len(self.photos) - self.held_out):
            photo = (_coloured(self.photos.read(number).data)[0] * 255).round().to(torch.uint8)
            least, name = self.size * (1 + (self.halved > 0)), self.photos.name(number)
            if min(photo.shape[-2:]) < least:
                height, width = photo.shape[-2:]
                raise ShapeError(
                    f"a photo of at least {least} x {least} pixels is needed, but {name} has {height} x {width}; "
                    "take it out, or train on smaller crops"
                )
            held.append(photo)
            total += photo.numel()
            if total > LARGEST:
                raise CampipeError(
                    f"photos of at most {LARGEST / 1e9:g} GB are held while a net is trained, but {self.photos.root} has more; take fewer"
                )
        if self.halved > 0:
            held += [functional.avg_pool2d(photo.float()[None], 2)[0].round().to(torch.uint8) for photo in held]
        if self.scenes > 0:
            side, key = max(SIDE, self.size), self._key.fold("scenes")
            held += [(procedural(key.fold(n), side, side) * 255).round().to(torch.uint8) for n in range(SCENES)]
        sizes = torch.tensor([each.shape[-2:] for each in held])
        counts = sizes.prod(1)
        self.register_buffer("pixels", torch.cat([each.flatten(1) for each in held], 1), persistent=False)
        self.register_buffer("places", torch.cat([(counts.cumsum(0) - counts)[:, None], sizes], 1), persistent=False)


def recoloured(pictures: Tensor, u: Tensor) -> Tensor:
    """Pictures with other colours: more saturated, their channels amplified and interchanged. Clipped to [0, 1].

    pictures   (B, 3, H, W)
    u          (B, 7 or more) from [0, 1): saturation, three gains, and three numbers whose ranks are the order of the channels
    """
    grey = pictures.mean(1, keepdim=True)
    saturation = _tall(SATURATION[0] + (SATURATION[1] - SATURATION[0]) * u[:, 0]).to(pictures.dtype)
    gains = (GAIN[0] + (GAIN[1] - GAIN[0]) * u[:, 1:4])[:, :, None, None].to(pictures.dtype)
    order = u[:, 4:7].argsort(1)[:, :, None, None].expand_as(pictures)
    return ((grey + saturation * (pictures - grey)) * gains).gather(1, order).clamp(0, 1)


def subsampled(pictures: Tensor) -> Tensor:
    """Pictures, (B, 3, H, W), with their colours at half the resolution, as 4:2:0 stores them: means of 2 x 2 pixels, put back linearly.

    The luma is that of ITU-R BT.601, and stays; the result is clipped to [0, 1].
    """
    luma = luma_of(pictures)
    small = functional.avg_pool2d(pictures - luma, 2, ceil_mode=True)
    back = functional.interpolate(small, scale_factor=2, mode="bilinear", align_corners=False)
    return (luma + back[..., : pictures.shape[-2], : pictures.shape[-1]]).clamp(0, 1)


def luma_of(pictures: Tensor) -> Tensor:
    """Luma of ITU-R BT.601, (B, 1, H, W), by which the grey test pictures of the field were made too."""
    return sum(weight * pictures[:, c : c + 1] for c, weight in enumerate(_LUMA))  # type: ignore[return-value]


def _coloured(data: Tensor) -> Tensor:
    return data if data.shape[1] == 3 else data[:, :1].expand(-1, 3, -1, -1)


def _tall(values: Tensor) -> Tensor:
    return values[:, None, None, None]
