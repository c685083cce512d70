"""Denoising auto-encoders (Vincent et al. 2010): single ones with tied weights, on pieces of photos, against principal components."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from campipe.blocks.learned.dense import TiedAutoencoder
from campipe.report.filters import write_filters
from campipe.studies.result import Claim, Result, Row, tally
from campipe.studies.setting import Setting
from campipe.train.crops import luma_of
from campipe.train.patches.autoencoding import KINDS, CorruptedPatches, TiedTraining
from campipe.train.schedules import WarmUpCosine
from campipe.train.task import Training

SIDE, CROP = 12, 96
CODES, WIDE = (16, 36, 64, 100), 256
"""Numbers of a code that are compared, and of the code whose filters are drawn: more than a patch has pixels."""
STEPS, BATCH = 8000, 64
SEED = 2026

NETS = {**{f"gaussian_{width}": width for width in (*CODES, WIDE)}, **{f"masking_{width}": width for width in (64, WIDE)}}


def learn(setting: Setting) -> tuple[dict[str, TiedAutoencoder], CorruptedPatches]:
    """Train the auto-encoders, side by side, or go on; and what they were trained on."""
    nets = {name: TiedAutoencoder(SIDE**2, width=width, seed=number) for number, (name, width) in enumerate(NETS.items())}
    patches = CorruptedPatches(setting.crops(CROP, chroma=0.0), SIDE, SIDE)
    rate = WarmUpCosine(1e-2, 1e-4, 100, STEPS)
    setting.fit("dae", TiedTraining(nets, patches), Training(STEPS, BATCH, rate, ema=0.99, validate_every=2000))
    return {name: net.to("cpu") for name, net in nets.items()}, patches


PARTS: dict[str, Callable[[Setting], Any]] = {"dae": learn}
"""The training by itself: `python -m campipe.studies.part dae dae`."""


def study(setting: Setting) -> Result:
    """Train the auto-encoders, or take what is trained already; score them on patches held out, and draw their filters."""
    nets, patches = learn(setting)
    if find_spec("imageio") is not None:
        write_filters(setting.out / "filters.png", nets[f"gaussian_{WIDE}"].layer.weight, nets[f"masking_{WIDE}"].layer.weight)
    clean, *corrupted = _held_out(patches)
    of = dict(zip(KINDS, corrupted, strict=True))
    strength, axes = principal(torch.cat([patches.batch(range(k * BATCH, (k + 1) * BATCH))[0].cpu() for k in range(32)]))
    rows, claims = [], []
    for name, net in nets.items():
        kind, width = name.split("_")[0], NETS[name]
        noise = {"gaussian": "Gaussian noise of 25/255", "masking": f"{patches.masked:.0%} of the pixels at 0"}[kind]
        given = of[kind]
        with torch.no_grad():
            score = _psnr(net(given), clean)
        rows.append(Row(f"auto-encoder, {width} numbers, {noise}", {"PSNR, dB": score}, sum(p.numel() for p in net.parameters())))
        if width > len(axes):
            continue
        kept = axes[:width]
        linear = _psnr(given @ kept.T @ kept, clean)
        rows.append(Row(f"principal components, {width} numbers, {noise}", {"PSNR, dB": linear}, kept.numel()))
        claims.append(Claim(f"{width} numbers, {noise}: above principal components, dB", score - linear, ">=", 0.0))
        if kind == "gaussian":
            shrunk = (given @ kept.T) * (strength[:width] / (strength[:width] + patches.sigma**2))
            wiener = {"PSNR, dB": _psnr(shrunk @ kept, clean)}
            rows.append(Row(f"principal components, shrunk as Wiener does, {width} numbers, {noise}", wiener, kept.numel() + width))
    return Result(
        system="Denoising auto-encoder: Vincent et al., JMLR 2010",
        images=f"{len(clean)} patches of {SIDE} x {SIDE} pixels of 4 photos that were held out",
        protocol="patches less their means, corrupted; PSNR of all patches together, white 1, the means not counted",
        rows=tuple(rows),
        claims=tuple(claims),
        reproduced="Tied weights are trained to undo a corruption, and their code is held against as many principal components; the row of "
        f"shrunk components says how much of a gain is shrinkage: {tally(claims)}.",
        budget=f"{round(STEPS * setting.budget)} steps of {BATCH * patches.count} patches, seven nets side by side",
    )


def principal(patches: Tensor) -> tuple[Tensor, Tensor]:
    """Variance along the principal axes of patches without their means, largest first, (side^2,), and the axes, by rows."""
    strength, axes = torch.linalg.eigh((patches.T @ patches / len(patches)).double())
    return strength.flip(0).float(), axes.flip(1).T.float()


def _held_out(patches: CorruptedPatches) -> tuple[Tensor, Tensor, Tensor]:
    """Patches of the photos held out: clean, noisy and masked, (N, side^2) each."""
    parts = [patches.cut(luma_of(photo)[:, 0]) for photo in patches.crops.validation()]
    clean = torch.cat(parts)
    clean = clean - clean.mean(1, keepdim=True)
    generator = torch.Generator().manual_seed(SEED)
    return patches.corrupted(clean, *(torch.randn(clean.shape, generator=generator) for _ in range(2)))


def _psnr(answer: Tensor, clean: Tensor) -> float:
    return float(-10 * torch.log10((answer - clean).square().mean()))
