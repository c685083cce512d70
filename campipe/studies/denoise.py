"""Denoising of known Gaussian noise: the nets that ship, one for all noise levels, beside the classical methods."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from campipe.blocks import make
from campipe.blocks.denoising.unet import Unet
from campipe.core.random import Key
from campipe.studies.result import Claim, Result, Row
from campipe.studies.scored import Scored, scored
from campipe.studies.setting import Setting
from campipe.train.denoising import WHITE, with_noise

SIGMAS = (25, 15, 50)
"""On the scale from 0 to 255; at the first one the classical methods are scored too."""
CLASSICAL = ("bm3d", "dct", "nlm", "wavelet", "tv")
WANTED = 30.44
"""PSNR, dB, on Set12 at sigma 25."""
SIDE = 500
"""Pixels a side of the middle of a Kodak picture, as the field's Kodak24 for denoising has it."""
GREY, COLOUR = ("denoise_grey_large", "denoise_grey"), ("denoise_colour_large", "denoise_colour")


def study(setting: Setting) -> Result:
    """Score the weights that ship."""
    grey, colour = setting.set12(), [_middle(picture) for picture in setting.kodak(6)]
    rows = [_net(name, "Set12", grey, setting) for name in GREY] + [_net(name, "Kodak", colour, setting) for name in COLOUR]
    classical = [row for name in CLASSICAL for row in (_classical(name, "Set12", grey), _classical(name, "Kodak", colour))]
    measure = "PSNR at sigma 25, dB"
    ours = {row.name: row.scores[measure] for row in rows}
    bm3d = {row.name: row.scores[measure] for row in classical}
    best_grey, best_colour = max(ours[f"{n} on Set12"] for n in GREY), max(ours[f"{n} on Kodak"] for n in COLOUR)
    claims = (
        Claim("Set12, sigma 25: net, dB", best_grey, ">=", WANTED),
        Claim("Set12, sigma 25: net against BM3D, dB", best_grey, ">=", bm3d["bm3d on Set12"]),
        Claim("Kodak, sigma 25: net against BM3D, dB", best_colour, ">=", bm3d["bm3d on Kodak"]),
    )
    return Result(
        system="Residual CNN denoiser that is told the noise level (DnCNN, FFDNet, DRUNet family), one net for sigma 0 to 55",
        images="Set12, grey; the middle 500 x 500 pixels of the first six pictures of Kodak, colour",
        protocol="white Gaussian noise, not clipped; results clipped and rounded to 8 bits; PSNR over all channels jointly, its mean",
        rows=tuple(sorted(rows + classical, key=lambda row: (row.name.split(" on ")[1], -row.scores[measure]))),
        claims=claims,
        reproduced=f"One net for all noise levels is {best_grey - bm3d['bm3d on Set12']:+.2f} dB from BM3D on grey pictures, "
        f"{best_colour - bm3d['bm3d on Kodak']:+.2f} dB on colour.",
        budget="scores the weights that ship; their cards have the trainings",
    )


def _net(name: str, images: str, clean: list[Tensor], setting: Setting) -> Row:
    block = Unet(weights=name, colour=None).to(setting.device)
    found: dict[int, Scored] = {}
    for sigma in SIGMAS:
        level = torch.full((1, 1, 1, 1), sigma / WHITE, device=setting.device)
        found[sigma] = scored(lambda x, level=level: block.net(x, level), _noisy(clean, sigma), clean, 0, setting.device)  # type: ignore[misc]
    scores = {f"PSNR at sigma {sigma}, dB": each.psnr for sigma, each in found.items()}
    return Row(f"{name} on {images}", scores, sum(p.numel() for p in block.body.parameters()), found[SIGMAS[0]].seconds)


def _classical(name: str, images: str, clean: list[Tensor]) -> Row:
    sigma = SIGMAS[0]
    block: Any = make("denoise", name, sigma=sigma / WHITE)
    level = torch.full((1, 1, 1, 1), sigma / WHITE)
    found = scored(lambda x: block.net(x, level), _noisy(clean, sigma), clean)
    return Row(f"{name} on {images}", {f"PSNR at sigma {sigma}, dB": found.psnr}, None, found.seconds)


def _noisy(clean: list[Tensor], sigma: float) -> list[Tensor]:
    return [with_noise(picture, sigma / WHITE, Key(2012).fold(int(sigma)).fold(number)) for number, picture in enumerate(clean)]


def _middle(picture: Tensor) -> Tensor:
    height, width = picture.shape[-2:]
    top, left = max(height - SIDE, 0) // 2, max(width - SIDE, 0) // 2
    return picture[..., top : top + SIDE, left : left + SIDE]
