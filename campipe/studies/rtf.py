"""Regression tree fields (Khashabi et al. 2014): demosaicking and denoising at once, trained for PSNR and for SSIM."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache, partial
from statistics import mean

import torch
from torch import Tensor

from campipe.blocks.demosaicking.malvar import Malvar
from campipe.blocks.demosaicking.menon import Menon
from campipe.blocks.demosaicking.regression_tree import RegressionTree
from campipe.blocks.learned.tree_field import TreeField
from campipe.core.random import Key
from campipe.io.atomic import write_bytes
from campipe.studies.result import Claim, Result, Row
from campipe.studies.setting import Setting
from campipe.train.crops import Crops
from campipe.train.demosaicking import seen_through
from campipe.train.denoising import WHITE, with_noise
from campipe.train.jdd.joint import scored
from campipe.train.regression_tree import MEASURES, FieldFitting, grow, likeness
from campipe.train.schedules import WarmUpCosine
from campipe.train.task import Fitted, Training

SIGMAS = (0, 5)
"""Of the noise on the mosaic, on the scale from 0 to 255; a field is trained for each."""
CROP, BATCH, STEPS = 48, 12, 3000
DEPTH, SAMPLES = 5, 2000
"""Of the trees; and crops that they are grown on."""
OPTIONS = {"colour": 0.05, "chroma": 0.9, "scenes": 0.0, "halved": 0.25}
"""Of the crops. Fields are small: they are trained for photos as they are stored, most of them with colours of half the resolution."""
TITLES = {"psnr": "field, trained for PSNR", "ssim": "field, trained for SSIM"}
ALONE = "linear fits of the leaves, without the field"
DATA = (
    "crops of 48 of 52 photos of 512 x 512 pixels (CID22, Cloudinary); the share of samples with colours of half the resolution was chosen "
    "after scores on Kodak pictures, of which none was trained on"
)
LICENCE = "CC BY-SA 4.0, as the photos"

System = Callable[[Tensor], Tensor]


def study(setting: Setting) -> Result:
    """Grow and train what is not trained yet, and compare."""
    fields = {measure: {sigma: _part(measure, sigma, setting)[0] for sigma in SIGMAS} for measure in MEASURES}
    alone = {sigma: _without_field(setting, sigma) for sigma in SIGMAS}
    systems: dict[str, dict[int, System]] = {
        **{TITLES[measure]: {sigma: _net(block) for sigma, block in blocks.items()} for measure, blocks in fields.items()},
        ALONE: {sigma: _net(block) for sigma, block in alone.items()},
        "Menon": dict.fromkeys(SIGMAS, lambda mosaic: Menon().net(mosaic, "RGGB")),
        "Malvar": dict.fromkeys(SIGMAS, lambda mosaic: Malvar().net(mosaic, "RGGB")),
    }
    numbers = sum(weight.numel() for weight in fields["psnr"][0].body.parameters())
    counts = {TITLES[measure]: numbers for measure in MEASURES} | {ALONE: _body(alone[0]).linear.numel()}
    pictures = setting.kodak()
    rows = {name: _row(name, parts, counts.get(name), pictures, setting.device) for name, parts in systems.items()}
    claims = []
    for sigma in SIGMAS:
        psnr, ssim = _columns(sigma)
        for measure, what in zip(MEASURES, (psnr, ssim), strict=True):
            own, other = (rows[TITLES[m]] for m in (measure, "ssim" if measure == "psnr" else "psnr"))
            claims.append(Claim(f"{what}: {own.name} against {other.name}", own.scores[what], ">=", other.scores[what]))
            claims.append(Claim(f"{what}: {own.name} against Malvar", own.scores[what], ">=", rows["Malvar"].scores[what]))
    held = sum(claim.holds for claim in claims)
    gains = [rows[TITLES["psnr"]].scores[_columns(sigma)[0]] - rows["Malvar"].scores[_columns(sigma)[0]] for sigma in SIGMAS]
    return Result(
        system="Regression tree fields (Khashabi et al. 2014)",
        images=f"Kodak, {len(pictures)} pictures of 768 x 512",
        protocol="RGGB mosaic of the encoded picture, without noise and under white Gaussian noise of 5 of 255, not clipped; a field for "
        "each; results clipped and rounded to 8 bits; 20 pixels at each border left out; PSNR over all channels jointly, SSIM with a "
        "Gaussian window of 11 x 11, their means over the pictures",
        rows=tuple(rows.values()),
        claims=tuple(claims),
        reproduced=f"A field whose potentials trees choose is {gains[0]:.2f} dB above Malvar without noise and {gains[1]:.2f} dB with it; "
        f"each training wins the measure that it was for, and both are above Malvar, in {held} of {len(claims)} comparisons. The paper's "
        "linear data are not public; these are encoded photos of ours.",
        budget=f"trees of {2**DEPTH} leaves for each of 4 positions, grown on {SAMPLES} crops; {len(PARTS)} trainings of "
        f"{setting.shortened(_training()).steps} steps, {BATCH} crops of {CROP} x {CROP} pixels",
    )


def _training() -> Training:
    rate = WarmUpCosine(6e-4, 6e-6, 100, STEPS)
    return Training(STEPS, BATCH, rate, betas=(0.9, 0.99), ema=0.99, clip=10.0, validate_every=STEPS)


@lru_cache(maxsize=1)
def _crops(setting: Setting) -> Crops:
    return setting.crops(CROP, **OPTIONS)


def _grown(setting: Setting, sigma: int) -> RegressionTree:
    """A field with its trees and the potentials that it begins with; what was grown is only read."""
    kept = setting.out / f"grown_{sigma}.safetensors"
    if not kept.exists():
        block = RegressionTree(weights=None, depth=DEPTH, exact=sigma == 0)
        block.to(setting.device)
        samples = max(round(SAMPLES * min(10 * setting.budget, 1)), 20)  # growing takes a minute: only trials are spared it
        grow(_body(block), _crops(setting).to(setting.device), sigma, samples)
        setting.out.mkdir(parents=True, exist_ok=True)
        block.save(kept)
    return RegressionTree(weights=kept)


def _without_field(setting: Setting, sigma: int) -> RegressionTree:
    block = _grown(setting, sigma)
    _body(block).iterations = 0
    return block


def _part(measure: str, sigma: int, setting: Setting) -> tuple[RegressionTree, Fitted]:
    """Train one field, or go on with it, and write its weights."""
    block = _grown(setting, sigma)
    name = "_".join(["rtf", *(["noisy"] if sigma else []), *(["ssim"] if measure == "ssim" else [])])
    fitted = setting.fit(name, FieldFitting(block, _crops(setting), measure, sigma), _training())
    _keep(setting, name, block, measure, sigma, fitted)
    return block, fitted


PARTS: dict[str, Callable[[Setting], tuple[RegressionTree, Fitted]]] = {
    f"{measure}_{sigma}": partial(_part, measure, sigma) for sigma in SIGMAS for measure in MEASURES
}
"""Each training, which can run by itself: `python -m campipe.studies.part rtf NAME`."""


def _keep(setting: Setting, name: str, block: RegressionTree, measure: str, sigma: int, fitted: Fitted) -> None:
    """Write the weights and their card, as they ship."""
    budget = f"{fitted.steps} steps of {BATCH} crops, factor {setting.budget:g} of the whole budget, on {setting.device}"
    scores = ", ".join(f"{what} {value:.4f}" for what, value in fitted.scores.items())
    about = {"data": DATA, "licence": LICENCE, "budget": budget, "validation": scores}
    block.save(setting.out / f"{name}.safetensors", about)
    rows = {
        "block": block.block,
        "architecture": ", ".join(f"{key} {value}" for key, value in block.architecture.items()),
        "parameters": f"{sum(t.numel() for t in block.body.state_dict().values())} with the splits of the trees, stored as float16",
        "noise": f"white, sigma {sigma} of 255" if sigma else "none",
        "training data": DATA,
        "loss": "squared difference" if measure == "psnr" else "1 - SSIM",
        "optimiser": "trees grown for the residual of their leaves' linear fits, then Adam through the conjugate gradients",
        "budget": budget,
        "validation": f"{scores}; on 4 photos that were held out",
        "licence": LICENCE,
    }
    lines = [f"# {name}", "", (type(block).__doc__ or "").splitlines()[0], "", "| what | |", "|---|---|"]
    text = "\n".join([*lines, *(f"| {what} | {value} |" for what, value in rows.items()), ""])
    write_bytes(setting.out / f"{name}.md", text.encode())


@torch.no_grad()
def _row(name: str, systems: dict[int, System], parameters: int | None, pictures: list[Tensor], device: str) -> Row:
    scores: dict[str, float] = {}
    seconds, pixels = 0.0, 0
    for sigma, system in systems.items():
        found = []
        system(seen_through(pictures[0][..., :64, :64]).to(device))  # what is compiled is compiled before the clock runs
        for number, clean in enumerate(pictures):
            mosaic = with_noise(seen_through(clean), sigma / WHITE, Key(2013).fold(sigma).fold(number)).to(device)
            began = time.process_time()
            answer = system(mosaic)
            seconds, pixels = seconds + time.process_time() - began, pixels + mosaic.numel()
            found.append((scored(answer, clean), likeness(answer, clean)))
        for what, values in zip(_columns(sigma), zip(*found, strict=True), strict=True):
            scores[what] = mean(values)
    timed = device == "cpu" and torch.get_num_threads() == 1
    return Row(name, scores, parameters, seconds / pixels * 1e6 if timed else None)


def _columns(sigma: int) -> tuple[str, str]:
    return f"sigma {sigma}: PSNR, dB", f"sigma {sigma}: SSIM"


def _net(block: RegressionTree) -> System:
    def net(mosaic: Tensor) -> Tensor:
        return block.to(mosaic.device).net(mosaic, "RGGB")

    return net


def _body(block: RegressionTree) -> TreeField:
    assert isinstance(block.body, TreeField)
    return block.body
