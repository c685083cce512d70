"""SRResNet and SRGAN: twice and four times the pixels a side of what a camera gives, for the least error and for sharpness."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from campipe.blocks.super_resolving.srresnet import SrResNet
from campipe.measure.features import CampipeSmall, feature_network
from campipe.measure.losses.adversarial import RelativisticLoss
from campipe.measure.losses.pixel import l1_loss
from campipe.ops.upsample import cubic, lanczos3, upsample
from campipe.studies.perception import OWN, PSNR, Judge, seconds_per_megapixel
from campipe.studies.result import Claim, Result, Row
from campipe.studies.setting import Setting
from campipe.train.perception.adversarial import Adversarial
from campipe.train.schedules import WarmUpCosine
from campipe.train.super_resolution.task import COUNTED, SuperResolution, scored
from campipe.train.task import Training

TRAINING = Training(
    steps=2000,
    batch=16,
    rate=WarmUpCosine(1e-4, 1e-6, 50, 2000),
    betas=(0.9, 0.99),
    ema=0.995,
    precision="bfloat16",
    validate_every=1000,
    log_every=50,
)
PERCEPTUAL, ADVERSARIAL = 0.1, 0.003
"""Weights beside an l1 loss of 1; chosen so that error, distance and discriminator pull about alike at the start."""


@dataclass(frozen=True)
class Method:
    """A way to four times the pixels, or twice: its name, the numbers it learned, and what it makes of a picture."""

    name: str
    factor: int
    parameters: int | None
    upsample: Callable[[Tensor], Tensor]


def study(setting: Setting) -> Result:
    """Fine-tune the network of factor 4 against a discriminator, write its weights, and score all ways on Kodak."""
    double, fourfold = (SrResNet(weights=f"super_resolve_x{factor}") for factor in (2, 4))
    sharp = SrResNet(weights="super_resolve_x4")
    crops = setting.crops(160, colour=0.2, chroma=0.25, scenes=0.05)
    made = SuperResolution(sharp, crops, l1_loss, "l1")
    features, relativistic = feature_network(CampipeSmall.title), RelativisticLoss()
    task = Adversarial(made, made.answered, l1_loss, "l1", features, relativistic, perceptual=PERCEPTUAL, adversarial=ADVERSARIAL)
    fitted = setting.fit("super_resolve_x4_gan", task, TRAINING)
    trained = f"{fitted.steps} steps of {TRAINING.batch} crops of {crops.size} pixels on {setting.device}, from super_resolve_x4"
    sharp.save(setting.out / "super_resolve_x4_gan.safetensors", {"budget": trained, "recipe": "the study super_resolution"})
    nets = (("SRResNet", double), ("SRResNet", fourfold), ("SRGAN", sharp))
    methods = [way for factor in (2, 4) for way in _classical(factor)]
    methods += [Method(name, net.factor, _count(net), net.to("cpu").net) for name, net in nets]
    seconds = [seconds_per_megapixel(method.upsample, torch.full((1, 3, 128, 128), 0.5)) for method in methods]
    for _, net in nets:
        net.to(setting.device)
    pictures = setting.kodak(None if setting.budget >= 1 else 2)
    judge = Judge(setting.device)
    rows = {f"{method.name} x{method.factor}": _row(method, taken, pictures, judge) for method, taken in zip(methods, seconds, strict=True)}
    gains = {factor: rows[f"SRResNet x{factor}"].scores[PSNR] - rows[f"bicubic x{factor}"].scores[PSNR] for factor in (2, 4)}
    least, sharpened = rows["SRResNet x4"].scores, rows["SRGAN x4"].scores
    return Result(
        system="SRResNet and SRGAN (Ledig et al., CVPR 2017)",
        images="Kodak's 24 pictures",
        protocol="what a camera of half or a quarter of the pixels a side gives of each: blurred by a lens (0.4 px) and by the pixels, an "
        "RGGB filter, 4000 electrons at white, 4 of read noise, Malvar's method, encoded; PSNR over all channels of the picture in 8 bits, "
        f"{COUNTED} pixels at each border left out; distances of LPIPS's form over campipe's own small network, smaller is nearer",
        rows=tuple(rows.values()),
        claims=(
            Claim("x2: SRResNet above bicubic, dB", gains[2], ">=", 1.0),
            Claim("x4: SRResNet above bicubic, dB", gains[4], ">=", 1.0),
            Claim("x4: distance of SRGAN over that of SRResNet", sharpened[OWN] / least[OWN], "<=", 0.9),
            Claim("x4: PSNR that SRGAN pays for it, dB", least[PSNR] - sharpened[PSNR], ">=", 0.0),
        ),
        reproduced=f"The network for the least error is {gains[2]:.2f} dB (x2) and {gains[4]:.2f} dB (x4) above bicubic; trained on "
        f"against a discriminator it loses {least[PSNR] - sharpened[PSNR]:.2f} dB, and its distance in features falls from "
        f"{least[OWN]:.3f} to {sharpened[OWN]:.3f}. The distance is one of the things that it was trained for; random features are not.",
        budget=trained,
    )


def _classical(factor: int) -> list[Method]:
    return [
        Method("bicubic", factor, None, lambda x: upsample(x, factor, cubic, 2)),
        Method("Lanczos", factor, None, lambda x: upsample(x, factor, lanczos3, 3)),
    ]


@torch.no_grad()
def _row(method: Method, seconds: float, pictures: list[Tensor], judge: Judge) -> Row:
    questions = (scored(picture.to(judge.device), method.factor, number) for number, picture in enumerate(pictures))
    scores = judge.scores(((method.upsample(low), picture) for low, picture in questions), COUNTED)
    return Row(f"{method.name} x{method.factor}", scores, method.parameters, seconds)


def _count(block: SrResNet) -> int:
    return sum(weight.numel() for weight in block.parameters())
