"""Pairs of noisy and ideal mosaics of any camera, by number: photos unprocessed and photographed again, batch by batch on one device."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from campipe.core.random import Key
from campipe.ops.colour import apply_matrix, srgb_decode
from campipe.ops.filters import gaussian_blur
from campipe.ops.tone import tone_curve_inverse
from campipe.train.draws import Numbers, normal, uniform
from campipe.train.raw.cameras import ALWAYS, AT_ISO, LIGHTS, STEPS, CameraTable
from campipe.train.raw.exposure import exposed, profile

COLOURS = (2, 1, 1, 0)
"""Channel of each plane: of a tile B G G R, in which order `campipe.ops.planes.registration` lays the planes of every Bayer mosaic."""

_REACH = 3  # px of the kernel of the lens's blur, 5 sigma of the widest one


class RawBatch(NamedTuple):
    """A batch as planes of half the resolution.

    noisy   (B, 4, H/2, W/2), 0 = black, 1 = white level
    clean   the same shape: the ideal of the same shot
    noise   (B, 2), S and O
    shown   (B, 4, 1, 1): factor that brings each plane to a picture's brightness: white balance, and the exposure undone
    """

    noisy: Tensor
    clean: Tensor
    noise: Tensor
    shown: Tensor


class RawSampler(nn.Module):
    """What `pipelines/raw_pairs.yaml` draws, of all cameras of a table, made in a few tensors on their device.

    table     of the cameras; each is as likely as another
    seed      whole number
    ev        stops from the metered exposure, drawn evenly
    seconds   exposure time, drawn at equal ratios

    ISO is drawn at equal ratios from the camera's range, light, tone and brightness of the photo from its priors.
    """

    def __init__(
        self,
        table: CameraTable,
        seed: int = 0,
        ev: tuple[float, float] = (-4.0, 0.5),
        seconds: tuple[float, float] = (1 / 1000, 1 / 4),
    ) -> None:
        super().__init__()
        self.table, self.ev, self.seconds = table, (float(ev[0]), float(ev[1])), (float(seconds[0]), float(seconds[1]))
        self._key = Key(seed).fold("raw")

    def about(self) -> dict[str, Any]:
        """What the samples hang on, as plain values."""
        return {"cameras": list(self.table.cameras), "ev": list(self.ev), "seconds": list(self.seconds)}

    def shots(self, numbers: Numbers) -> dict[str, Tensor]:
        """What is drawn for each sample, (B,): camera, iso and light, rows of the table; and ev, seconds, tone, brightness."""
        u = uniform(self._key.seed, numbers, 7, self.table.always.device)
        camera = (u[:, 0] * len(self.table)).long()
        own = dict(zip(ALWAYS, self.table.always[camera].unbind(-1), strict=True))
        low, high = (math.log(end) for end in self.seconds)
        return {
            "camera": camera,
            "iso": (u[:, 1] * STEPS).long(),
            "light": (u[:, 2] * LIGHTS).long(),
            "ev": (self.ev[0] + (self.ev[1] - self.ev[0]) * u[:, 3]).float(),
            "seconds": torch.exp(low + (high - low) * u[:, 4]).float(),
            "tone": own["tone_low"] + (own["tone_high"] - own["tone_low"]) * u[:, 5].float(),
            "brightness": own["brightness_low"] + (own["brightness_high"] - own["brightness_low"]) * u[:, 6].float(),
        }

    def photograph(self, pictures: Tensor, shots: dict[str, Tensor], numbers: Numbers) -> RawBatch:
        """The pairs of pictures.

        pictures   (B, 3, H, W), encoded for a display, in [0, 1]; H and W even
        shots      as `shots` gives them
        numbers    of the samples, which name the noise
        """
        table, camera, light = self.table, shots["camera"], shots["light"]
        at = dict(zip(AT_ISO, table.at_iso[camera, shots["iso"]].unbind(-1), strict=True))
        own = at | dict(zip(ALWAYS, table.always[camera].unbind(-1), strict=True)) | {"seconds": shots["seconds"]}
        tall = {name: value[:, None, None, None] for name, value in own.items()}
        wb = table.wb[camera, light]
        linear = tone_curve_inverse(srgb_decode(pictures), shots["tone"][:, None, None, None]) / shots["brightness"][:, None, None, None]
        scene = apply_matrix(linear, table.to_cam[camera, light]) / wb[:, :, None, None]
        scene = gaussian_blur(scene, own["blur"], _REACH).clamp_min(0)
        electrons = (own["white"] - own["black"]) / own["gain"] * torch.exp2(shots["ev"])
        mosaic = mosaicked(scene * (table.share[camera] * electrons[:, None])[:, :, None, None])
        # Four numbers for each pixel, and of the fifth plane one for each row.
        drawn = normal(self._key.fold("noise").seed, numbers, (5, *mosaic.shape[-2:]), mosaic.device)
        frames = exposed(mosaic, tall, drawn[:, :4], drawn[:, 4:, :, :1])
        noisy, clean = (functional.pixel_unshuffle((dn - tall["black"]) / (tall["white"] - tall["black"]), 2) for dn in frames)
        shown = torch.stack([wb[:, c] for c in COLOURS], 1) * (shots["brightness"] * torch.exp2(-shots["ev"]))[:, None]
        return RawBatch(noisy, clean, profile(tall), shown[:, :, None, None])


def mosaicked(picture: Tensor) -> Tensor:
    """What a mosaic of B G G R sees of (B, 3, H, W): (B, 1, H, W), H and W even."""
    planes = functional.pixel_unshuffle(picture, 2).unflatten(1, (3, 4))
    return functional.pixel_shuffle(torch.stack([planes[:, c, i] for i, c in enumerate(COLOURS)], 1), 2)
