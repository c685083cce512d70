"""What the studies of training without clean pictures share: a training by name, and its score on Kodak, which is kept beside it."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from campipe.blocks.learned.blind_unet import BlindUnet
from campipe.core.random import Key
from campipe.io.atomic import write_bytes
from campipe.studies.setting import Setting
from campipe.train.checkpoint import plain
from campipe.train.loop import CHECKPOINT
from campipe.train.noise2noise.corruptions import Corruption
from campipe.train.noise2noise.restoring import Restoring, score
from campipe.train.schedules import WarmUpCosine
from campipe.train.task import Training

STEPS, BATCH, CROP = 3500, 32, 64
SEED = 2026
"""Of the damage on the test pictures, which hangs on it and the number of the picture, and is the same for every system."""
PROTOCOL = (
    "display-encoded pictures of 768 x 512 pixels; the damage is not clipped, answers are clipped and rounded to 8 bits; PSNR of each "
    "picture over all channels, then the mean; nothing is told to a net"
)

Restore = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Restored:
    """What a net, or a classical method, makes of Kodak.

    psnr      dB, mean over the pictures
    damaged   dB, of what it was given
    """

    psnr: float
    damaged: float


def training(steps: int = STEPS) -> Training:
    """The same for every net of these studies. The decays of Adam's averages are the paper's, the rest is chosen for a short training."""
    rate = WarmUpCosine(1e-3, 1e-6, 100, steps)
    return Training(steps, BATCH, rate, betas=(0.9, 0.99), clip=1.0, precision="bfloat16", validate_every=500)


def trained(setting: Setting, name: str, make: Callable[[], Restoring]) -> Restored:
    """Train a net in the folder `name`, or go on there, and score it on Kodak; what is finished is only read."""
    task, how = make(), setting.shortened(training())
    checkpoint, kept = setting.out / name / CHECKPOINT, setting.out / name / "kodak.json"
    said = {"task": task.about(), "training": {**plain(how), "rate": plain(how.rate)}, "seed": SEED}
    asked = json.loads(json.dumps(said))
    held: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    if held.get("asked") != asked or held.get("weights") != _digest(checkpoint):
        setting.fit(name, task, training())
        found = on_kodak(setting, task.damage, task.net.to(setting.device), setting.device)
        held = {"asked": asked, "weights": _digest(checkpoint), **asdict(found)}
        write_bytes(kept, json.dumps(held, indent=1).encode())
    return Restored(held["psnr"], held["damaged"])


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


@torch.no_grad()
def on_kodak(setting: Setting, damage: Corruption, restore: Restore, device: str = "cpu") -> Restored:
    """Damage Kodak's pictures on the device, and score what is made of them there."""
    pictures = setting.kodak()
    ours, before = 0.0, 0.0
    for number, clean in enumerate(pictures):
        seen = damaged(damage, clean.to(device), number)
        ours += score(restore(seen), clean)
        before += score(seen, clean)
    return Restored(ours / len(pictures), before / len(pictures))


def damaged(damage: Corruption, clean: Tensor, number: int) -> Tensor:
    """Test picture `number`, (1, 3, H, W) in [0, 1], as every system is given it."""
    return damage(clean, Key(SEED).fold("kodak").seed, [number]).picture


@torch.no_grad()
def seconds_per_megapixel(restore: Restore, side: int = 256) -> float:
    """CPU seconds for 1e6 pixels, of one picture that is not the first."""
    picture = torch.full((1, 3, side, side), 0.5)
    restore(picture)
    began = time.process_time()
    restore(picture)
    return (time.process_time() - began) / side**2 * 1e6


def parameters(net: BlindUnet) -> int:
    """Numbers that were learned."""
    return sum(p.numel() for p in net.parameters())
