"""Mining: the places of photos that a demosaicker finds hard, and crops of which a share begins there."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from campipe.core.errors import CampipeError
from campipe.ops.filters import gaussian_blur, gaussian_radius
from campipe.synth.photos import Photos
from campipe.train.crops import Crops, luma_of
from campipe.train.demosaicking import seen_through
from campipe.train.draws import Numbers, uniform

JITTER = 8
"""Pixels that a sample begins before or behind its place, at most, so that a mosaic sees it in every phase."""
SURROUND, VISIBLE = 2.0, 4 / 255
"""Of thin structures: sigma of the window of error and contrast, pixels; the error that counts where there is no contrast."""
QUIET = 2 / 255
"""Of moire: standard deviation of the noise that would be as strong as what counts as nothing."""

Demosaick = Callable[[Tensor], Tensor]
"""From an RGGB mosaic, (B, 1, H, W), to a picture, (B, 3, H, W)."""


def thin_structures(answer: Tensor, truth: Tensor) -> Tensor:
    """How visible the worst error of the luma is: its root mean square around a pixel, over the contrast there.

    answer, truth   (B, 3, H, W), display-encoded
    returns         (B,), the largest over the pixels; 1 where the error is as large as the contrast and the least that is seen together

    Stands for HDR-VDP-2, with which Gharbi et al., SIGGRAPH Asia 2016, find such patches: an error is hidden by structure of its size.
    """
    sigma = torch.tensor(SURROUND, device=truth.device)
    radius = gaussian_radius(SURROUND)
    light, error = luma_of(truth), luma_of(answer) - luma_of(truth)
    mean, square, wrong = gaussian_blur(torch.cat([light, light.square(), error.square()], 1), sigma, radius).unbind(1)
    contrast = (square - mean.square()).clamp_min(0).sqrt()
    return (wrong.sqrt() / (contrast + VISIBLE)).amax((-2, -1))


def moire(answer: Tensor, truth: Tensor) -> Tensor:
    """How much stronger a frequency of the colours is in the answer than in the picture, nepers of power.

    answer, truth   (B, 3, H, W), display-encoded
    returns         (B,), the largest over frequencies and the two opponent colours; 0 for equal pictures

    The spectra are those under a Hann window, averaged over 3 x 3 frequencies, and raised by that of faint noise. After Gharbi et al.,
    SIGGRAPH Asia 2016, who take the gain of Lab's channels; here they are red less green, and yellow less blue, of encoded values.
    """
    height, width = truth.shape[-2:]
    window = torch.outer(*(torch.hann_window(side, periodic=False, device=truth.device) for side in (height, width)))
    floor = QUIET**2 * window.square().sum()

    def power(picture: Tensor) -> Tensor:
        red, green, blue = picture.unbind(1)
        colours = torch.stack([(red - green) / math.sqrt(2), (red + green - 2 * blue) / math.sqrt(6)], 1)
        spectrum = torch.fft.fft2((colours - colours.mean((-2, -1), keepdim=True)) * window).abs().square()
        return torch.nn.functional.avg_pool2d(torch.nn.functional.pad(spectrum, (1, 1, 1, 1), mode="circular"), 3, 1)

    return ((power(answer) + floor) / (power(truth) + floor)).log().amax((1, 2, 3))


@dataclass(frozen=True)
class Mined:
    """Places where a demosaicker errs.

    photos   names of the photos that were searched
    size     pixels a side of a piece
    places   (N, 3) int64: which photo, first row, first column
    thin     (N,) `thin_structures` there
    moire    (N,) `moire` there
    """

    photos: tuple[str, ...]
    size: int
    places: Tensor
    thin: Tensor
    moire: Tensor

    def hardest(self, share: float) -> Mined:
        """The share of the places that is worst in thin structures, and the share that is worst in moire: between one and two shares."""
        if not 0 < share <= 1:
            raise CampipeError(f"a share of the places is above 0 and at most 1, but {share!r} came")
        count = max(round(share * len(self.places)), 1)
        worst = torch.cat([measure.topk(count).indices for measure in (self.thin, self.moire)]).unique()
        return Mined(self.photos, self.size, self.places[worst], self.thin[worst], self.moire[worst])

    def digest(self) -> str:
        """What the places are, in short, for checkpoints."""
        return hashlib.sha256(repr((self.photos, self.size, self.places.tolist())).encode()).hexdigest()[:16]


@torch.no_grad()
def mine(
    photos: Sequence[Tensor], names: Sequence[str], demosaick: Demosaick, size: int = 64, step: int = 32, border: int = 8
) -> Mined:  # fmt: skip
    """Search photos, piece by piece on a grid.

    photos       (1, 3, H, W) each, display-encoded, on the device where the demosaicker runs
    demosaick    what is trained already, or a classical method; it sees whole photos without noise
    size, step   pixels a side of a piece, and from one piece to the next
    border       pixels at each side of a photo that are left out
    """
    places: list[Tensor] = []
    scores: list[tuple[Tensor, Tensor]] = []
    for number, photo in enumerate(photos):
        answer = demosaick(seen_through(photo)).clamp(0, 1)
        rows, columns = (range(border, side - size - border + 1, step) for side in photo.shape[-2:])
        at = [(y, x) for y in rows for x in columns]
        if not at:
            continue
        there, wanted = (torch.cat([p[..., y : y + size, x : x + size] for y, x in at]) for p in (answer, photo))
        places.append(torch.tensor([(number, y, x) for y, x in at]))
        scores.append((thin_structures(there, wanted).cpu(), moire(there, wanted).cpu()))
    if not places:
        raise CampipeError(f"photos of at least {size + 2 * border} pixels a side are needed to be mined; take smaller pieces")
    thin, colours = (torch.cat(parts) for parts in zip(*scores, strict=True))
    return Mined(tuple(names), size, torch.cat(places), thin, colours)


class MinedCrops(Crops):
    """Crops of which a share is cut at mined places, up to a jitter; the rest are as ever.

    mined     places in the photos that are not held out, in the order of the photos
    share     of the samples, from 0 to 1
    options   of `Crops`
    """

    hard: Tensor

    def __init__(self, photos: Photos, size: int, mined: Mined, share: float, **options: Any) -> None:
        super().__init__(photos, size, **options)
        trained = tuple(photos.name(number) for number in range(len(photos) - self.held_out))
        if mined.photos != trained:
            raise CampipeError(
                f"the places were mined in {len(mined.photos)} photos, but these samples are cut from {len(trained)} others; mine those"
            )
        if not 0 <= share <= 1:
            raise CampipeError(f"a share of the samples is from 0 to 1, but {share!r} came")
        self.share, self.table = float(share), mined.digest()
        self.register_buffer("hard", mined.places.clone(), persistent=False)

    def about(self) -> dict[str, Any]:
        return {**super().about(), "mined": {"share": self.share, "places": self.table}}

    def placed(self, numbers: Numbers, u: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        v = uniform(self._key.fold("mined").seed, numbers, 4, u.device)
        which, *first = self.hard[(v[:, 1] * len(self.hard)).long()].T
        sides = self.places[which][:, 1:].T
        shifts = (((v[:, i] - 0.5) * (2 * JITTER + 1)).round().long() for i in (2, 3))
        top, left = ((f + s).clamp_min(0).minimum(n - self.size) for f, s, n in zip(first, shifts, sides, strict=True))
        easy = super().placed(numbers, u)
        chosen = v[:, 0] < self.share
        one, two, three = (torch.where(chosen, a, b) for a, b in zip((which, top, left), easy, strict=True))
        return one, two, three
