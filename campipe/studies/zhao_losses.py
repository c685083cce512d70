"""Loss functions (Zhao et al. 2017): one net, one budget, three seeds; L2, L1, and the mix of MS-SSIM and L1."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import mean
from typing import Any

import torch
from torch import Tensor

from campipe.core.random import Key
from campipe.io.atomic import write_bytes
from campipe.measure.ssim import ssim
from campipe.ops.demosaick import bilinear
from campipe.studies.result import Claim, Result, Row
from campipe.studies.setting import Setting
from campipe.train.demosaicking import COUNTED, seen_through
from campipe.train.denoising import WHITE, with_noise
from campipe.train.jdd.interpolated import LOSSES, Interpolated, InterpolatedNet
from campipe.train.jdd.joint import scored
from campipe.train.loop import CHECKPOINT
from campipe.train.schedules import WarmUpCosine
from campipe.train.task import Training

SEEDS = (0, 1, 2)
SIGMA = 10.0
"""Of the noise on the mosaic, on the scale from 0 to 255."""
CROP, STEPS, BATCH = 80, 4000, 32
OPTIONS: dict[str, Any] = {"held_out": 4, "scenes": 0.1}
TITLES = {"l2": "L2", "l1": "L1", "mix": "MS-SSIM and L1"}
SHOWN, PLACE, SIDE = 18, (470, 100), 64
"""The picture of Kodak that a crop is shown of, its first row and column, and its pixels a side: ring and fence of picture 19."""

Scores = dict[str, float]


def study(setting: Setting) -> Result:
    """Train what is not trained yet, and compare."""
    found = {loss: [_part(loss, seed, setting) for seed in SEEDS] for loss in LOSSES}
    numbers = sum(weight.numel() for weight in InterpolatedNet().parameters())
    rows = tuple(_row(TITLES[loss], scores, numbers) for loss, scores in found.items())
    base = Row("bilinear interpolation", _on_kodak(setting, lambda mosaic: bilinear(mosaic, "RGGB")))
    means = {loss: {what: mean(each[what] for each in scores) for what in scores[0]} for loss, scores in found.items()}
    claims = tuple(
        Claim(f"{what}, mean over the seeds: {TITLES[better]} against {TITLES[worse]}", means[better][what], ">=", means[worse][what])
        for what in means["l1"]
        for better, worse in (("l1", "l2"), ("mix", "l1"))
    )
    return Result(
        system="Loss functions for image restoration (Zhao et al. 2017)",
        images="Kodak, 24 pictures of 768 x 512",
        protocol=f"RGGB mosaic of the encoded picture under white Gaussian noise of {SIGMA:g}/255, not clipped; the same net, data and "
        "steps for every loss; results clipped and rounded to 8 bits; 20 pixels at each border left out; PSNR over all channels jointly; "
        "SSIM with a Gaussian window of 11 x 11",
        rows=(*rows[::-1], base),
        claims=claims,
        reproduced=_said(found),
        budget=f"{len(PARTS) - 1} trainings of {setting.shortened(_training()).steps} steps, {BATCH} crops of {CROP} x {CROP} pixels",
    )


def crops_picture(setting: Setting) -> Path:
    """A crop of a picture as the nets of the first seed give it, beside the truth, as an SVG file in the study's folder."""
    from campipe.report.crops import crops_figure

    clean = setting.kodak(SHOWN + 1)[SHOWN]
    mosaic = _mosaic(clean, SHOWN)
    shown = {"truth": clean, "bilinear": bilinear(mosaic, "RGGB")}
    for loss in LOSSES:
        with torch.no_grad():
            shown[TITLES[loss]] = _fitted(loss, SEEDS[0], setting).restored(mosaic.to(setting.device)).cpu()
    (top, left), path = PLACE, setting.out / "zhao_losses.svg"
    cut = {name: picture[0, :, top : top + SIDE, left : left + SIDE] for name, picture in shown.items()}
    write_bytes(path, crops_figure(cut, f"Kodak {SHOWN + 1} under noise of {SIGMA:g}/255, by the loss").encode())
    return path


def _training() -> Training:
    return Training(STEPS, BATCH, WarmUpCosine(1e-3, 1e-5, 100, STEPS), validate_every=1000)


def _fitted(loss: str, seed: int, setting: Setting) -> InterpolatedNet:
    task = Interpolated(InterpolatedNet(seed=seed), setting.crops(CROP, seed=seed, **OPTIONS), loss, SIGMA)
    setting.fit(f"{loss}_{seed}", task, _training())
    return task.net.to(setting.device)


def _part(loss: str, seed: int, setting: Setting) -> Scores:
    """Train one net, or go on with it, and score it; what was scored is only read."""
    net, folder = _fitted(loss, seed, setting), setting.out / f"{loss}_{seed}"
    weights, kept = hashlib.sha256((folder / CHECKPOINT).read_bytes()).hexdigest(), folder / "kodak.json"
    held: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    if held.get("weights") != weights:
        held = {"weights": weights, "scores": _on_kodak(setting, net.restored)}
        write_bytes(kept, json.dumps(held, indent=1).encode())
    scores: Scores = held["scores"]
    return scores


PARTS: dict[str, Callable[[Setting], Any]] = {
    **{f"{loss}_{seed}": partial(_part, loss, seed) for seed in SEEDS for loss in LOSSES},
    "crops": crops_picture,
}
"""Each training with its scores, which can run by itself: `python -m campipe.studies.part zhao_losses NAME`; crops draws a picture."""


@torch.no_grad()
def _on_kodak(setting: Setting, restore: Callable[[Tensor], Tensor]) -> Scores:
    psnrs, ssims, inside = [], [], slice(COUNTED, -COUNTED)
    for number, clean in enumerate(setting.kodak()):
        answer = restore(_mosaic(clean, number).to(setting.device))
        psnrs.append(scored(answer, clean))
        rounded = (answer.clamp(0, 1) * 255).round() / 255
        ssims.append(float(ssim(rounded[..., inside, inside], clean.to(answer)[..., inside, inside], data_range=1)[0]))
    return {"PSNR, dB": mean(psnrs), "SSIM": mean(ssims)}


def _mosaic(clean: Tensor, number: int) -> Tensor:
    return with_noise(seen_through(clean), SIGMA / WHITE, Key(2017).fold(number))


def _row(name: str, scores: list[Scores], numbers: int) -> Row:
    """The means over the seeds, and each seed's PSNR."""
    means = {what: mean(each[what] for each in scores) for what in scores[0]}
    return Row(name, {**means, **{f"PSNR, dB, seed {s}": each["PSNR, dB"] for s, each in zip(SEEDS, scores, strict=True)}}, numbers)


def _said(found: dict[str, list[Scores]]) -> str:
    held = {
        (better, worse, what): sum(a[what] > b[what] for a, b in zip(found[better], found[worse], strict=True))
        for better, worse in (("l1", "l2"), ("mix", "l1"))
        for what in ("PSNR, dB", "SSIM")
    }
    parts = [f"{TITLES[b]} above {TITLES[w]} in {what.partition(',')[0]} for {n}" for (b, w, what), n in held.items()]
    return f"Of {len(SEEDS)} seeds: {'; '.join(parts)}."
