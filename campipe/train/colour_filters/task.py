"""The task of a colour filter pattern: scenes in little light, counted behind the filters, and given back as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from campipe.core.errors import CampipeError
from campipe.core.random import Key
from campipe.measure.psnr import psnr
from campipe.ops.colour import srgb_decode
from campipe.ops.surrogate import counted
from campipe.train.colour_filters.filters import FilterPattern
from campipe.train.colour_filters.net import PatternNet
from campipe.train.crops import Crops
from campipe.train.draws import Numbers, uniform
from campipe.train.task import Task

READ_NOISE = 1.5
"""e-, of a good small sensor at high gain."""
WHITE = (4.0, 64.0)
"""Range of the training: e- that white light of one band brings to a pixel; drawn evenly in stops."""
SCORED = (16.0, 8.0, 32.0)
SIDE = 256

_SEEDS = 2**62


class ColourFilters(Task):
    """Train a pattern of colour filters and the net that reads it; or the net alone, behind a pattern that is fixed.

    filters   on the sensor
    net       that makes a picture of the counts
    crops     what it is trained on; the light of a scene is the linear light of a picture
    pace      factor on the learning rate for the weights of a pattern that is learned

    The light in front of the filters is the same for every pattern. The sensor counts photons, and its read noise is normal; it does
    not saturate. Gradient: through the counts by `campipe.ops.surrogate.counted`.
    """

    def __init__(self, filters: FilterPattern, net: PatternNet, crops: Crops, pace: float = 10.0) -> None:
        super().__init__()
        if filters.tile != net.tile or crops.size % net.tile:
            raise CampipeError(f"filters, net and crops have one tile, but {filters.tile}, {net.tile} and crops of {crops.size} came")
        self.crops, self.pace = crops, float(pace)
        self.filters, self.picture = filters, net
        self.net = Reader(filters, net)

    def groups(self) -> dict[str, tuple[float, list[nn.Parameter]]]:
        own = {"picture": (1.0, list(self.picture.parameters()))}
        return {"filters": (self.pace, [self.filters.weights]), **own} if self.filters.learned else own

    def about(self) -> dict[str, Any]:
        shape = {"tile": self.picture.tile, "width": self.picture.width, "blocks": self.picture.blocks}
        pattern = "learned" if self.filters.learned else self.filters.letters
        return {"task": "colour filters", "pattern": pattern, "net": shape, "pace": self.pace, "crops": self.crops.about()}

    def batch(self, numbers: Numbers) -> tuple[Tensor, Tensor, Tensor]:
        """Pictures (B, 3, H, W), e- at white (B, 1, 1, 1), and the seeds of the counts (B,)."""
        drawn = uniform(self.crops.seed + 1, numbers, 2, self.device)
        low, high = WHITE
        white = low * (high / low) ** drawn[:, :1].float()
        return self.crops.batch(numbers), white[..., None, None], (drawn[:, 1] * _SEEDS).long()

    def forward(self, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        clean, white, seeds = batch
        counts = expose(srgb_decode(clean), self.filters.transmittance(self.progress), white, seeds.tolist())
        return (self.net(counts, white) - clean).abs().mean()

    def validate(self) -> dict[str, float]:
        """PSNR, dB, of pictures on the middle of the photos held out, with the filters as they would be built."""
        photos = [_middle(photo).to(self.device) for photo in self.crops.validation()]
        names = {white: "psnr" if white == SCORED[0] else f"psnr_{white:.0f}" for white in SCORED}
        scores = {name: [self.score(photo, white, i) for i, photo in enumerate(photos)] for white, name in names.items()}
        return {name: round(sum(each) / len(each), 4) for name, each in scores.items()}

    @torch.no_grad()
    def score(self, photo: Tensor, white: float, number: int) -> float:
        """PSNR, dB, of the picture that is made of a photo's light, both encoded for a display and the answer clipped to it.

        photo    (1, 3, H, W), encoded for a display, in [0, 1]; rows and columns beyond whole tiles are left out
        white    e- that white light of one band brings to a pixel
        number   of the photo: it names the noise
        """
        height, width = (size // self.picture.tile * self.picture.tile for size in photo.shape[-2:])
        photo = photo[..., :height, :width].to(self.device)
        level = torch.full((1, 1, 1, 1), white, device=self.device)
        counts = expose(srgb_decode(photo), self.filters.transmittance(), level, [Key(0).fold("score").fold(number).seed >> 1])
        return float(psnr(self.net(counts, level).clamp(0, 1), photo, data_range=1))


class Reader(nn.Module):
    """A pattern and the net that reads it, as one module: what is trained, saved and averaged together."""

    def __init__(self, filters: FilterPattern, picture: PatternNet) -> None:
        super().__init__()
        self.filters, self.picture = filters, picture

    def forward(self, counts: Tensor, white: Tensor) -> Tensor:
        """The picture of what was counted; see `PatternNet`."""
        return self.picture(counts, white, READ_NOISE)


def expose(light: Tensor, transmittance: Tensor, white: Tensor, seeds: Sequence[int], read_noise: float = READ_NOISE) -> Tensor:
    """What a sensor counts behind a pattern of filters, with read noise: (B, 1, H, W), e-.

    light           (B, 3, H, W), linear, >= 0, of the bands of red, green and blue
    transmittance   (3, tile, tile), from 0 to 1
    white           (B, 1, 1, 1), e- that a light of 1 in one band brings
    seeds           (B,) of the draws; another device draws others
    read_noise      e-

    Gradient: with respect to light and transmittance by `counted`, exact for losses of first and second moments.
    """
    height, width, tile = *light.shape[-2:], transmittance.shape[-1]
    pattern = transmittance.repeat(1, -(-height // tile), -(-width // tile))[..., :height, :width]
    rate = white * (light * pattern).sum(1, keepdim=True)
    counts, read = torch.empty_like(rate), torch.empty_like(rate)
    generator = torch.Generator(light.device)
    with torch.no_grad():
        for row, noise, expected, seed in zip(counts, read, rate.detach(), seeds, strict=True):
            generator.manual_seed(int(seed))
            row.copy_(torch.poisson(expected, generator=generator))
            noise.normal_(generator=generator)
    return counted(rate, counts) + read_noise * read


def _middle(photo: Tensor) -> Tensor:
    height, width = photo.shape[-2:]
    top, left = max(height - SIDE, 0) // 2, max(width - SIDE, 0) // 2
    return photo[..., top : top + SIDE, left : left + SIDE]
