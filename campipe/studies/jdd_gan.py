"""Joint demosaicking and denoising with a discriminator (Dong et al. 2018): what nearness in features costs in decibels."""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor

from campipe.blocks.demosaicking.joint import Joint
from campipe.core.random import Key
from campipe.measure.features import CampipeSmall, feature_network
from campipe.measure.losses.adversarial import RelativisticLoss
from campipe.measure.losses.pixel import l2_loss
from campipe.ops.demosaick import malvar
from campipe.studies.perception import OWN, PSNR, Judge, seconds_per_megapixel
from campipe.studies.result import Claim, Result, Row
from campipe.studies.setting import Setting
from campipe.train import draws
from campipe.train.demosaicking import COUNTED, seen_through
from campipe.train.jdd.joint import BORDER, JointDemosaicking
from campipe.train.perception.adversarial import Adversarial
from campipe.train.schedules import WarmUpCosine
from campipe.train.task import Batch, Training

ALONE = Training(
    steps=3000,
    batch=32,
    rate=WarmUpCosine(2e-3, 1e-5, 200, 3000),
    betas=(0.9, 0.99),
    ema=0.998,
    clip=0.1,
    precision="bfloat16",
    validate_every=1500,
    log_every=100,
)
AGAINST = Training(
    steps=1500,
    batch=32,
    rate=WarmUpCosine(2e-4, 2e-6, 50, 1500),
    betas=(0.9, 0.99),
    ema=0.995,
    precision="bfloat16",
    validate_every=1500,
    log_every=100,
)
PERCEPTUAL, ADVERSARIAL = 2e-3, 3e-5
"""Weights beside an l2 loss of 1. Small as the paper's: a mean squared error of 1e-3 is 30 dB."""
SIGMA = 10.0
"""Of the scores, on the scale from 0 to 255."""


def study(setting: Setting) -> Result:
    """Train a network for the least squared error, go on with a copy of it against a discriminator, and score both on Kodak."""
    block = Joint(weights=None, width=48, blocks=3)
    crops = setting.crops(96)
    made = JointDemosaicking(block, crops, l2_loss, "l2")
    alone = setting.fit("alone", made, ALONE)
    sharp = deepcopy(block)
    again = JointDemosaicking(sharp, crops, l2_loss, "l2")

    def answer(batch: Batch) -> tuple[Tensor, Tensor]:
        clean, mosaic, sigma = batch
        inside = slice(BORDER, -BORDER)
        found = malvar(mosaic, "RGGB") + sharp.correction(mosaic, sigma)
        return found[..., inside, inside], clean[..., inside, inside]

    features, relativistic = feature_network(CampipeSmall.title), RelativisticLoss()
    task = Adversarial(again, answer, l2_loss, "l2", features, relativistic, perceptual=PERCEPTUAL, adversarial=ADVERSARIAL)
    against = setting.fit("against", task, AGAINST)
    pictures, judge = setting.kodak(None if setting.budget >= 1 else 2), Judge(setting.device)
    nets = (("L2 alone", block), ("L2, features and discriminator", sharp))
    rows = [_row(name, net, pictures, judge) for name, net in nets]
    rows.append(_row("Malvar's method, which takes no noise away", None, pictures, judge))
    plain, looks = (row.scores for row in rows[:2])
    return Result(
        system="Joint demosaicking and denoising with a GAN (Dong et al. 2018)",
        images="Kodak's 24 pictures",
        protocol=f"mosaics of encoded pictures with Gaussian noise of {SIGMA:g}/255; PSNR over all channels of the picture in 8 bits, "
        f"{COUNTED} pixels at each border left out; distances of LPIPS's form over campipe's own small network, smaller is nearer",
        rows=tuple(rows),
        claims=(
            Claim("distance with the discriminator over that of L2 alone", looks[OWN] / plain[OWN], "<=", 0.95),
            Claim("PSNR that it costs, dB", plain[PSNR] - looks[PSNR], "<=", 1.0),
        ),
        reproduced=f"The distance in features falls from {plain[OWN]:.3f} to {looks[OWN]:.3f} at a cost of "
        f"{plain[PSNR] - looks[PSNR]:.2f} dB. The distance is one of the things that the network was trained for; random features are not.",
        budget=f"{alone.steps} steps of {ALONE.batch} crops of {crops.size} pixels for L2, {against.steps} more with the discriminator, on "
        f"{setting.device}",
    )


@torch.no_grad()
def _row(name: str, block: Joint | None, pictures: list[Tensor], judge: Judge) -> Row:
    """Scores of a block, or of Malvar's method."""

    def work(mosaic: Tensor) -> Tensor:
        return malvar(mosaic, "RGGB") if block is None else block.net(mosaic, "RGGB", SIGMA / 255)

    if block is not None:
        block.to("cpu")
    seconds = seconds_per_megapixel(work, torch.full((1, 1, 256, 256), 0.5))
    if block is not None:
        block.to(judge.device)
    pairs = []
    for number, picture in enumerate(pictures):
        noise = draws.normal(Key(0).fold("jdd_gan").seed, [number], (1, *picture.shape[-2:]))
        pairs.append((work((seen_through(picture) + SIGMA / 255 * noise).to(judge.device)), picture))
    count = None if block is None else sum(weight.numel() for weight in block.body.parameters())
    return Row(name, judge.scores(pairs, COUNTED), count, seconds)
