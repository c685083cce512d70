"""Mining of hard patches (Gharbi et al. 2016): the small demosaicker at one budget, with and without a share of mined samples."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from statistics import mean
from typing import Any

import torch
from torch import Tensor

from campipe.blocks.demosaicking.menon import Menon
from campipe.blocks.demosaicking.residual import Residual
from campipe.io.atomic import write_bytes
from campipe.measure.losses.pixel import l1_loss
from campipe.measure.psnr import psnr
from campipe.studies.result import Claim, Result, Row
from campipe.studies.setting import Setting
from campipe.synth.photos import Photos
from campipe.train.crops import Crops
from campipe.train.demosaicking import Demosaicking, seen_through
from campipe.train.jdd.joint import scored
from campipe.train.jdd.mining import Demosaick, Mined, MinedCrops, mine
from campipe.train.loop import CHECKPOINT
from campipe.train.schedules import WarmUpCosine
from campipe.train.task import Training

SEEDS = (0, 1, 2)
CROP, STEPS, BATCH = 64, 10000, 32
HELD_OUT = 12
"""Photos that nothing is trained on, and that the test set is mined in."""
SHARE, HARD = 0.5, 0.05
"""Of the samples, at mined places; and of the places that were searched, by each of the two measures."""
LIMIT = 60.0
"""dB: what a piece counts at most; one without any error would outweigh all others."""
OPTIONS: dict[str, Any] = {"colour": 0.3, "chroma": 0.5, "scenes": 0.05, "held_out": HELD_OUT}
TITLES = {"mined": "half of the samples mined", "plain": "samples from anywhere"}
MINED, KODAK_MINED, KODAK = "mined pieces of photos held out: PSNR, dB", "mined pieces of Kodak: PSNR, dB", "Kodak: PSNR, dB"

Scores = dict[str, float]


def study(setting: Setting) -> Result:
    """Train what is not trained yet, and compare."""
    found = {kind: [_part(kind, seed, setting) for seed in SEEDS] for kind in TITLES}
    numbers = sum(weight.numel() for weight in Residual(weights=None).body.parameters())
    means = {kind: {what: mean(each[what] for each in scores) for what in scores[0]} for kind, scores in found.items()}
    rows = [Row(TITLES[kind], {**means[kind], **_by_seed(found[kind])}, numbers) for kind in TITLES]
    rows.append(Row("Menon", _scores(setting, lambda mosaic: Menon().net(mosaic, "RGGB"))))
    claims = tuple(
        Claim(f"{what}, mean over the seeds: with mining against without", means["mined"][what], ">=", means["plain"][what])
        for what in (MINED, KODAK_MINED)
    )
    wins = sum(a[MINED] > b[MINED] for a, b in zip(found["mined"], found["plain"], strict=True))
    return Result(
        system="Mining of hard patches (Gharbi et al. 2016)",
        images=f"{HELD_OUT} photos of CID22, 512 x 512, that nothing was trained on, and Kodak, 768 x 512",
        protocol=f"RGGB mosaic of the encoded picture, no noise; answers rounded to 8 bits, PSNR over all channels jointly. Mined pieces: "
        f"of those of {CROP} x {CROP} pixels on a grid of half that step, the worst {HARD:.0%} of another demosaicker in thin structures, "
        f"and the worst {HARD:.0%} in moire; the mean over the pieces, each counted with at most {LIMIT:g} dB",
        rows=tuple(rows),
        claims=claims,
        reproduced=f"Mining changes the mined set by {means['mined'][MINED] - means['plain'][MINED]:+.2f} dB, and all of Kodak by "
        f"{means['mined'][KODAK] - means['plain'][KODAK]:+.2f} dB; it raised the mined set for {wins} of {len(SEEDS)} seeds.",
        budget=f"{len(PARTS)} trainings of {setting.shortened(_training()).steps} steps, {BATCH} crops of {CROP} x {CROP} pixels",
    )


def _training() -> Training:
    return Training(STEPS, BATCH, WarmUpCosine(2e-3, 2e-5, 200, STEPS), betas=(0.9, 0.99), clip=0.1, validate_every=2000)


def _crops(kind: str, seed: int, setting: Setting) -> Crops:
    if kind == "plain":
        return setting.crops(CROP, seed=seed, **OPTIONS)
    photos = Photos.under(setting.images)
    numbers = range(len(photos) - HELD_OUT)
    mined = _hard([photos.read(n).data for n in numbers], setting.device, [photos.name(n) for n in numbers])
    return MinedCrops(photos, CROP, mined, SHARE, seed=seed, **OPTIONS)


def _part(kind: str, seed: int, setting: Setting) -> Scores:
    """Train one demosaicker, or go on with it, and score it; what was scored is only read."""
    block = Residual(weights=None, seed=seed)
    name = f"{kind}_{seed}"
    setting.fit(name, Demosaicking(block, _crops(kind, seed, setting), l1_loss, "l1"), _training())
    weights, kept = hashlib.sha256((setting.out / name / CHECKPOINT).read_bytes()).hexdigest(), setting.out / name / "scores.json"
    held: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    if held.get("weights") != weights:
        block.to(setting.device)
        held = {"weights": weights, "scores": _scores(setting, lambda mosaic: block.net(mosaic, "RGGB"))}
        write_bytes(kept, json.dumps(held, indent=1).encode())
    scores: Scores = held["scores"]
    return scores


PARTS: dict[str, Callable[[Setting], Scores]] = {f"{kind}_{seed}": partial(_part, kind, seed) for seed in SEEDS for kind in TITLES}
"""Each training with its scores, which can run by itself: `python -m campipe.studies.part mining NAME`."""


def _hard(pictures: Sequence[Tensor], device: str, names: Sequence[str] = ()) -> Mined:
    """The hard places of pictures for the small demosaicker that ships: it is none of those that are compared."""
    judge = Residual().to(device)
    return mine([each.to(device) for each in pictures], names, lambda mosaic: judge.net(mosaic, "RGGB"), CROP, CROP // 2).hardest(HARD)


@lru_cache(maxsize=1)
def _tests(setting: Setting) -> dict[str, tuple[list[Tensor], Mined]]:
    """Pictures and their hard places, by the name of the score."""
    photos = Photos.under(setting.images)
    held_out = [photos.read(n).data for n in range(len(photos) - HELD_OUT, len(photos))]
    return {what: (pictures, _hard(pictures, setting.device)) for what, pictures in ((MINED, held_out), (KODAK_MINED, setting.kodak()))}


@torch.no_grad()
def _scores(setting: Setting, demosaick: Demosaick) -> Scores:
    scores: Scores = {}
    for what, (pictures, hard) in _tests(setting).items():
        answers = [demosaick(seen_through(picture).to(setting.device)).cpu() for picture in pictures]
        scores[what] = mean(_on_piece(answers[which], pictures[which], y, x) for which, y, x in hard.places.tolist())
        if what == KODAK_MINED:
            scores[KODAK] = mean(scored(answer, picture) for answer, picture in zip(answers, pictures, strict=True))
    return scores


def _on_piece(answer: Tensor, picture: Tensor, top: int, left: int) -> float:
    place = (..., slice(top, top + CROP), slice(left, left + CROP))
    rounded = (answer[place].clamp(0, 1) * 255).round() / 255
    return min(float(psnr(rounded, picture[place], data_range=1)[0]), LIMIT)


def _by_seed(scores: list[Scores]) -> Scores:
    return {f"seed {seed}, {MINED}": each[MINED] for seed, each in zip(SEEDS, scores, strict=True)}
