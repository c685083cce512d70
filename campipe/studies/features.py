"""campipe's own small feature network: trained without labels, and whether its distance grows with the damage."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import Tensor

from campipe.core.random import Key
from campipe.io.atomic import write_bytes
from campipe.measure.features import CampipeSmall, FeatureNetwork
from campipe.measure.losses.lpips import lpips
from campipe.ops.filters import gaussian_blur
from campipe.studies.result import Claim, Result, Row
from campipe.studies.setting import Setting
from campipe.train import draws
from campipe.train.perception.damages import KINDS
from campipe.train.perception.features import FeatureLearning, write_features
from campipe.train.schedules import WarmUpCosine
from campipe.train.task import Training

LEVELS = (0.1, 0.2, 0.4, 0.6, 0.8, 1.0)
TRAINING = Training(
    steps=3000,
    batch=96,
    rate=WarmUpCosine(2e-3, 1e-5, 200, 3000),
    ema=0.998,
    clip=1.0,
    precision="bfloat16",
    validate_every=1000,
    log_every=100,
)
DATA = "52 photos of CID22 (Cloudinary), CC BY-SA 4.0, 4 of them held out; procedural scenes"
LICENCE = "Apache-2.0; trained on photos under CC BY-SA 4.0 (attribution Cloudinary, CID22)"


def study(setting: Setting) -> Result:
    """Train the network, write its weights into the study's folder, and rank damages of test pictures by it."""
    task = FeatureLearning(setting.crops(128, colour=0.2, scenes=0.15))
    fitted = setting.fit("features", task, TRAINING)
    trained = task.trunk
    told = ", ".join(f"{name} {value:.1f} %" for name, value in fitted.scores.items())
    budget = f"{fitted.steps} steps of {TRAINING.batch} crops on {setting.device}"
    write_features(trained, setting.out / "features_small.safetensors", {"data": DATA, "licence": LICENCE, "budget": budget})
    write_bytes(setting.out / "features_small.md", _card(trained, budget, told).encode())
    pictures = [picture[..., :256, :256].to(task.device) for picture in setting.kodak(8)]
    drawn = CampipeSmall().draw(torch.Generator().manual_seed(1001)).to(task.device)
    rows = [_row("campipe-small", trained, pictures, fitted.scores), _row("the same, random weights", drawn, pictures, {})]
    order = rows[0].scores
    least = min(value for name, value in order.items() if name.startswith("in order"))
    return Result(
        system="A small feature network of campipe's own, and its LPIPS-style distance",
        images="8 pictures of Kodak, 256 x 256 pixels of each",
        protocol=f"each picture with each damage at {len(LEVELS)} strengths; the share of neighbouring strengths whose distances are in "
        "order",
        rows=tuple(rows),
        claims=(Claim("pairs of neighbouring strengths in order, %, of the worst damage", least, ">=", 99.0),),
        reproduced=f"Of the worst ranked damage {least:.0f} % of the steps in strength make the distance larger; blur by 1.2 px lies "
        f"{order[RATIO]:.2f} times as far away as noise of the same PSNR.",
        budget=f"{budget}; of pieces of photos held out it tells {told}",
    )


RATIO = "blur over noise at equal PSNR"


@torch.no_grad()
def ranked(network: FeatureNetwork, pictures: list[Tensor]) -> dict[str, float]:
    """Of each damage, the share of neighbouring strengths whose distances to the picture grow with the strength, in percent."""
    found: dict[str, float] = {}
    for damage in KINDS:
        right = []
        for number, picture in enumerate(pictures):
            noise = draws.normal(Key(0).fold("ranked").seed, [number], picture.shape[1:], picture.device)
            steps = [damage(picture, picture.new_full((1,), level), noise).clamp(0, 1) for level in LEVELS]
            distances = [float(lpips(step, picture, network, data_range=1)) for step in steps]
            right += [a < b for a, b in pairwise(distances)]
        found[f"in order, %: {damage.__name__}"] = 100 * sum(right) / len(right)
    return found


@torch.no_grad()
def blur_over_noise(network: FeatureNetwork, pictures: list[Tensor]) -> float:
    """Mean distance of pictures blurred by 1.2 px, over that of pictures with white noise of the same mean squared error."""
    blurred, noisy = 0.0, 0.0
    for number, picture in enumerate(pictures):
        soft = gaussian_blur(picture, picture.new_full((), 1.2), 6)
        error = (soft - picture).square().mean().sqrt()
        noise = draws.normal(Key(1).fold("ranked").seed, [number], picture.shape[1:], picture.device)
        blurred += float(lpips(soft, picture, network, data_range=1))
        noisy += float(lpips((picture + error * noise).clamp(0, 1), picture, network, data_range=1))
    return blurred / noisy


def _row(name: str, network: FeatureNetwork, pictures: list[Tensor], told: Mapping[str, float]) -> Row:
    scores = {**ranked(network, pictures), RATIO: blur_over_noise(network, pictures)}
    return Row(name, {**scores, **{f"told rightly, %: {what}": value for what, value in told.items()}}, _count(network))


def _count(network: FeatureNetwork) -> int:
    return sum(weight.numel() for weight in network.parameters())


def _card(network: FeatureNetwork, budget: str, told: str) -> str:
    rows = {
        "network": network.title,
        "parameters": f"{_count(network)}, stored as float16",
        "training data": DATA,
        "task": "without labels: which damage, how strong, which rotation, and which other piece is of the same picture",
        "budget": budget,
        "validation": told,
        "licence": LICENCE,
    }
    about = "campipe's own small feature network. No published network: its distances are its own, under no other name."
    return "\n".join(["# features_small", "", about, "", "| what | |", "|---|---|", *(f"| {k} | {v} |" for k, v in rows.items()), ""])
