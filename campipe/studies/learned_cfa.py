"""Colour filters that are learned together with their demosaicker, against Bayer's with its own, at equal light."""

from __future__ import annotations

import torch
from torch import Tensor

from campipe.core.random import Key
from campipe.measure.psnr import psnr
from campipe.ops.colour import srgb_decode, srgb_encode
from campipe.ops.demosaick import malvar
from campipe.studies.result import Claim, Result, Row
from campipe.studies.setting import Setting
from campipe.train.colour_filters import READ_NOISE, ColourFilters, FilterPattern, PatternNet, expose
from campipe.train.schedules import WarmUpCosine
from campipe.train.task import Training

TILE, SIZE = 4, 96
LEVELS = (8.0, 16.0, 32.0)
"""e- that white light of one band brings to a pixel."""
TRAINING = Training(
    steps=7000,
    batch=32,
    rate=WarmUpCosine(2e-3, 1e-5, 200, 7000),
    betas=(0.9, 0.99),
    precision="bfloat16",
    clip=5.0,
    validate_every=3500,
)


def study(setting: Setting) -> Result:
    """Train both at the same budget, and score them on Kodak's pictures as scenes in little light."""
    kodak = setting.kodak()
    tasks = {name: _trained(setting, name, letters) for name, letters in (("bayer", "RGGB"), ("learned", None))}
    scores = {name: {white: [task.score(p, white, i) for i, p in enumerate(kodak)] for white in LEVELS} for name, task in tasks.items()}
    classical = {white: [_malvar(photo, white, i) for i, photo in enumerate(kodak)] for white in LEVELS}
    pattern = tasks["learned"].filters.letters
    rows = "/".join(pattern[i : i + TILE] for i in range(0, len(pattern), TILE))
    names = {"learned": f"learned filters {rows} with their net", "bayer": "Bayer RGGB with a net of the same size"}
    count = sum(p.numel() for p in tasks["bayer"].picture.parameters())
    gains = {white: torch.tensor(scores["learned"][white]) - torch.tensor(scores["bayer"][white]) for white in LEVELS}
    better = min(int((gain > 0).sum()) for gain in gains.values())
    said = ", ".join(f"{float(gain.mean()):+.2f} dB at {white:g} e-" for white, gain in gains.items())
    return Result(
        system="Learned colour filter pattern (after Chakrabarti, NIPS 2016)",
        images=f"Kodak, {len(kodak)} pictures as linear light",
        protocol=(
            f"photons counted behind the filters, read noise {READ_NOISE:g} e-; white light brings 8, 16 or 32 e- per band to a pixel, "
            "for both patterns alike; W passes all three bands; PSNR of the picture encoded for a display, all pixels; "
            "both nets have the same size, steps and samples"
        ),
        rows=(
            Row("Bayer RGGB, Malvar 2004, no denoising", _table(classical), 0),
            Row(names["bayer"], _table(scores["bayer"]), count),
            Row(names["learned"], _table(scores["learned"]), count + TILE * TILE * 4),
        ),
        claims=tuple(
            Claim(f"learned filters less Bayer at {white:g} e-, mean of the pictures, dB", float(gain.mean()), ">=", 0.1)
            for white, gain in gains.items()
        ),
        reproduced=(
            f"Learned with its demosaicker through photon noise, the pattern becomes {rows}. Against Bayer's at equal light: {said}; "
            f"better on at least {better} of {len(kodak)} pictures."
        ),
        budget=f"two trainings of {setting.shortened(TRAINING).steps} steps of {TRAINING.batch} crops of {SIZE} x {SIZE} pixels",
    )


def _trained(setting: Setting, name: str, letters: str | None) -> ColourFilters:
    task = ColourFilters(FilterPattern(TILE, letters), PatternNet(TILE), setting.crops(SIZE))
    setting.fit(name, task, TRAINING)
    return task


def _malvar(photo: Tensor, white: float, number: int) -> float:
    """PSNR, dB, of what is developed without a net."""
    filters = FilterPattern(TILE, "RGGB")
    seed = Key(0).fold("score").fold(number).seed >> 1
    counts = expose(srgb_decode(photo), filters.transmittance(), torch.full((1, 1, 1, 1), white), [seed])
    picture = srgb_encode(malvar(counts / white, "RGGB").clamp(0, 1))
    return float(psnr(picture, photo, data_range=1))


def _table(scores: dict[float, list[float]]) -> dict[str, float]:
    return {f"PSNR at {white:g} e-, dB": sum(each) / len(each) for white, each in scores.items()}
