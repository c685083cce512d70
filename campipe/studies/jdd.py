"""Joint demosaicking and denoising (Gharbi et al. 2016): the net that ships, against demosaicking first and denoising then."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import Tensor

from campipe.blocks.demosaicking.joint import Joint
from campipe.blocks.demosaicking.malvar import Malvar
from campipe.blocks.demosaicking.menon import Menon
from campipe.blocks.denoising.unet import Unet
from campipe.core.random import Key
from campipe.studies.result import Claim, Result, Row
from campipe.studies.setting import Setting
from campipe.train.demosaicking import seen_through
from campipe.train.denoising import WHITE, with_noise
from campipe.train.jdd.joint import scored

SIGMAS = (5, 10, 15, 20)
"""Of the noise on the mosaic, on the scale from 0 to 255."""
PUBLISHED = (35.63, 32.47, 30.48, 29.05)
"""PSNR, dB, of the noise-aware net that Gharbi et al. released, run by us on every fourth picture of Kodak, for each of `SIGMAS`."""
INFLATED = 1.5
"""Factor on sigma for a denoiser behind a demosaicker, whose noise is no longer white. Jin, Facciolo, Morel, CVPR workshops 2020."""
SETS = {"first six": range(6), "every fourth": range(0, 24, 4)}
"""Pictures of Kodak by the name of their set."""

System = Callable[[Tensor, float], Tensor]


@torch.no_grad()
def study(setting: Setting) -> Result:
    """Score the weights that ship."""
    device = torch.device(setting.device)
    joint, menon, denoiser = Joint().to(device), Menon(), Unet().to(device)

    def in_turn(factor: float) -> System:
        return lambda mosaic, sigma: denoiser.net(menon.net(mosaic, "RGGB"), torch.full((1, 1, 1, 1), factor * sigma, device=device))

    learned = {"joint": _count(joint), "two": _count(denoiser.colour or denoiser)}
    systems: dict[str, tuple[System, int | None, str]] = {
        "joint net": (
            lambda mosaic, sigma: joint.net(mosaic, "RGGB", sigma),
            learned["joint"],
            f"{', '.join(map(str, PUBLISHED))} dB, the net that Gharbi et al. released, on every fourth picture",
        ),
        f"Menon, then our denoiser at {INFLATED} sigma": (in_turn(INFLATED), learned["two"], ""),
        "Menon, then our denoiser at sigma": (in_turn(1.0), learned["two"], ""),
        "Menon": (lambda mosaic, sigma: menon.net(mosaic, "RGGB"), None, ""),
        "Malvar": (lambda mosaic, sigma: Malvar().net(mosaic, "RGGB"), None, ""),
    }
    pictures = setting.kodak()
    rows = tuple(_row(name, *parts, pictures, device) for name, parts in systems.items())
    ours, other = rows[0], rows[1]
    claims = []
    for sigma, figure in zip(SIGMAS, PUBLISHED, strict=True):
        for name in SETS:
            what = _column(sigma, name)
            claims.append(Claim(f"{what}: joint net against {other.name}", ours.scores[what], ">=", other.scores[what]))
            claims.append(Claim(f"{what}: joint net against the figure of Gharbi's net", ours.scores[what], ">=", figure))
    held = sum(claim.holds for claim in claims)
    return Result(
        system="Joint demosaicking and denoising CNN (Gharbi et al. 2016), noise level as input",
        images="Kodak, 768 x 512: the first six pictures, and every fourth, on which the published net was run",
        protocol="RGGB mosaic of the encoded picture under white Gaussian noise, not clipped; results clipped and rounded to 8 bits; "
        "20 pixels at each border left out; PSNR over all channels jointly, its mean over the pictures",
        rows=rows,
        claims=tuple(claims),
        reproduced="A joint net that is told the noise level is above demosaicking first and denoising then, and above the published "
        f"figures, in {held} of {len(claims)} comparisons.",
        budget="scores the weights jdd that ship; their card has the training",
    )


def _row(
    name: str, system: System, parameters: int | None, published: str, pictures: list[Tensor], device: torch.device
) -> Row:  # fmt: skip
    scores: dict[str, float] = {}
    seconds, pixels = 0.0, 0
    system(seen_through(pictures[0][..., :64, :64]).to(device), 0.1)  # what is compiled is compiled before the clock runs
    for sigma in SIGMAS:
        found: dict[int, float] = {}
        for number in sorted({n for numbers in SETS.values() for n in numbers if n < len(pictures)}):
            clean = pictures[number]
            mosaic = with_noise(seen_through(clean), sigma / WHITE, Key(2016).fold(sigma).fold(number)).to(device)
            began = time.process_time()
            answer = system(mosaic, sigma / WHITE)
            seconds, pixels = seconds + time.process_time() - began, pixels + mosaic.numel()
            found[number] = scored(answer, clean)
        for which, numbers in SETS.items():
            there = [found[n] for n in numbers if n in found]
            scores[_column(sigma, which)] = sum(there) / len(there)
    timed = device.type == "cpu" and torch.get_num_threads() == 1
    return Row(name, scores, parameters, seconds / pixels * 1e6 if timed else None, published)


def _column(sigma: int, which: str) -> str:
    return f"sigma {sigma}, {which}: PSNR, dB"


def _count(block: Joint | Unet) -> int:
    return sum(weight.numel() for weight in block.body.parameters())
