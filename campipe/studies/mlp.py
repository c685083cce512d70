"""A plain perceptron on patches (Burger et al. 2012): one net for all noise levels, against the sliding cosine transform and NLM."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from campipe.blocks.denoising.mlp import Mlp
from campipe.studies.result import Claim, Result, Row, tally
from campipe.studies.set12 import PROTOCOL, by_sigma, classical, on_set12, seconds_per_megapixel
from campipe.studies.setting import Setting
from campipe.studies.weights import keep
from campipe.train.patches.patchwise import NoisyPatches, PatchLearning
from campipe.train.schedules import WarmUpCosine
from campipe.train.task import Training

NAME, SIGMAS = "denoise_mlp", (25.0, 15.0, 50.0)
STEPS, BATCH = 15000, 128
CROP, APART = 129, 8
"""Pixels of a crop, and from patch to patch: 225 patches of 17 x 17 pixels a crop, 28,800 a step."""


def learn(setting: Setting) -> Mlp:
    """Train the net, or go on, and leave its weights in the folder of the study."""
    block = Mlp(weights=None)
    patches = NoisyPatches(setting.crops(CROP, chroma=0.0, halved=0.25), block.side, APART)
    rate = WarmUpCosine(1e-3, 1e-6, 500, STEPS)
    training = Training(STEPS, BATCH, rate, clip=1.0, precision="bfloat16", validate_every=2000)
    fitted = setting.fit("mlp", PatchLearning(block, patches), training)
    keep(setting, NAME, block, fitted, patches.count * BATCH)
    return block


PARTS: dict[str, Callable[[Setting], Any]] = {"mlp": learn}
"""The training by itself: `python -m campipe.studies.part mlp mlp`."""


def study(setting: Setting) -> Result:
    """Train the net, or take what is trained already, and score it on Set12 beside classical methods."""
    block = learn(setting).to(setting.device)
    ours = {sigma: on_set12(setting, block.net, sigma, setting.device) for sigma in SIGMAS}
    twins = {name: {sigma: classical(setting, name, sigma) for sigma in SIGMAS} for name in ("dct", "nlm")}
    seconds = seconds_per_megapixel(block.to("cpu").net, torch.full((1, 1, 1, 1), 25 / 255))
    count = sum(p.numel() for p in block.body.parameters())
    published = "BSD68, sigma 25: 28.96 dB, of a net of 28 million parameters (table 1 of FFDNet)"
    rows = [Row("perceptron, 17 x 17 pixels, 4 layers of 600", by_sigma(ours), count, seconds, published)]
    names = {"dct": "sliding cosine transform", "nlm": "non-local means"}
    claims = []
    for name, held in twins.items():
        known = {sigma: value for sigma, value in held.items() if value is not None}
        if known:
            rows.append(Row(names[name], by_sigma(known)))
            claims.append(Claim(f"Set12, sigma 25: above {names[name]}, dB", ours[25.0] - known[25.0], ">=", 0.0))
    return Result(
        system="A plain perceptron on patches: Burger et al., CVPR 2012",
        images="Set12, 12 grey pictures",
        protocol=f"{PROTOCOL}; one net, told sigma, for sigmas from 0 to 55",
        rows=tuple(rows),
        claims=tuple(claims),
        reproduced="A plain net on patches that is told the noise level, against classical methods that look at patches alike: "
        f"{tally(claims)}.",
        budget=f"{round(STEPS * setting.budget)} steps of {BATCH * 225} patches, in bfloat16",
    )
