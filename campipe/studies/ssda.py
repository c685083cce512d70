"""Stacked sparse denoising auto-encoders (Xie et al. 2012): noise, against wavelets, and writing, against inpainting with its mask."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch import Tensor

from campipe.blocks.denoising.ssda import Ssda
from campipe.blocks.inpainting.ssda import SsdaInpainting
from campipe.blocks.learned.dense import StackedAutoencoder
from campipe.studies.result import Claim, Result, Row, tally
from campipe.studies.set12 import PROTOCOL, by_sigma, classical, on_set12, seconds_per_megapixel
from campipe.studies.setting import Setting
from campipe.studies.weights import keep
from campipe.train.patches.autoencoding import LayerTraining
from campipe.train.patches.patchwise import SHARE, NoisyPatches, OverlaidPatches, Patches, PatchLearning, rounded_psnr, written_over
from campipe.train.schedules import WarmUpCosine
from campipe.train.task import Fitted, Training

SIGMAS = (25.0, 15.0, 50.0)
SEED = 2026
APART = 8
"""Pixels from patch to patch in a crop."""
LAYER_STEPS = 1000
STEPS = {"noise": 6000, "writing": 7000}
CROP = {"noise": (108, 96), "writing": (80, 192)}
"""Pixels of a crop, and crops of a step: about 16,000 patches."""

_WRITING = "writing: PSNR, dB"
_PEERS = {"INPAINT_TELEA": "OpenCV, Telea, given the mask", "INPAINT_NS": "OpenCV, Navier-Stokes, given the mask"}


def _layers(setting: Setting, name: str, block: Ssda | SsdaInpainting, patches: Patches) -> Fitted:
    """Train each code by itself, from the outermost, and then all layers at once."""
    body, batch = block.body, CROP[name][1]
    assert isinstance(body, StackedAutoencoder)
    for depth in range(len(body.up)):
        rate = WarmUpCosine(2e-3, 2e-5, 50, LAYER_STEPS)
        training = Training(LAYER_STEPS, batch, rate, ema=0.99, precision="bfloat16", validate_every=LAYER_STEPS)
        setting.fit(f"{name}_layer_{depth}", LayerTraining(body, depth, patches), training)
    rate = WarmUpCosine(2e-3, 1e-6, 200, STEPS[name])
    training = Training(STEPS[name], batch, rate, clip=1.0, precision="bfloat16", validate_every=2000)
    return setting.fit(name, PatchLearning(block, patches), training)


def learn_noise(setting: Setting) -> Ssda:
    """Train the denoiser, or go on, and leave its weights in the folder of the study."""
    block = Ssda(weights=None)
    patches = NoisyPatches(setting.crops(CROP["noise"][0], chroma=0.0, halved=0.25), block.side, APART)
    keep(setting, "denoise_ssda", block, _layers(setting, "noise", block, patches), patches.count * CROP["noise"][1])
    return block


def learn_writing(setting: Setting) -> SsdaInpainting:
    """Train the block that takes writing away, or go on, and leave its weights in the folder of the study."""
    block = SsdaInpainting(weights=None)
    patches = OverlaidPatches(setting.crops(CROP["writing"][0], chroma=0.0, halved=0.25), block.side, APART)
    keep(setting, "inpaint_ssda", block, _layers(setting, "writing", block, patches), patches.count * CROP["writing"][1])
    return block


PARTS: dict[str, Callable[[Setting], Any]] = {"noise": learn_noise, "writing": learn_writing}
"""The two trainings, which can run by themselves: `python -m campipe.studies.part ssda noise`."""


def study(setting: Setting) -> Result:
    """Train both, or take what is trained already, and score them on Set12 beside a classical method and OpenCV."""
    denoiser, inpainter = learn_noise(setting).to(setting.device), learn_writing(setting).to(setting.device)
    ours = {sigma: on_set12(setting, denoiser.net, sigma, setting.device) for sigma in SIGMAS}
    level = torch.full((1, 1, 1, 1), 25 / 255)
    rows = [Row("stacked auto-encoder, noise", by_sigma(ours), _count(denoiser), seconds_per_megapixel(denoiser.to("cpu").net, level))]
    claims = []
    wavelet = {sigma: found for sigma in SIGMAS if (found := classical(setting, "wavelet", sigma)) is not None}
    if wavelet:
        rows.append(Row("wavelets, BayesShrink", by_sigma(wavelet)))
        claims.append(Claim("Set12, sigma 25: above wavelets, dB", ours[25.0] - wavelet[25.0], ">=", 0.0))
    cleaned = _on_writing(setting, lambda seen, mask: inpainter.net(seen))
    seconds = seconds_per_megapixel(inpainter.to("cpu").net)
    rows.append(Row("stacked auto-encoder, writing, blind", {_WRITING: cleaned}, _count(inpainter), seconds))
    rows.append(Row("writing as it is", {_WRITING: _on_writing(setting, lambda seen, mask: seen)}))
    peers = _peers(setting)
    rows += [Row(name, {_WRITING: value}) for name, value in peers.items()]
    if peers:
        claims.append(Claim("writing: above the better of OpenCV's two, dB", cleaned - max(peers.values()), ">=", 0.0))
    steps = {name: round(count * setting.budget) for name, count in {**STEPS, "layer": LAYER_STEPS}.items()}
    return Result(
        system="Stacked sparse denoising auto-encoder: Xie, Xu, Chen, NIPS 2012",
        images="Set12, 12 grey pictures",
        protocol=f"{PROTOCOL}; black or white writing over {SHARE:.0%} of a picture, in letters of 7 to 21 pixels",
        rows=tuple(rows),
        claims=tuple(claims),
        reproduced="Sparse codes, learned one behind the other and then together, denoise patches and take writing away unasked: "
        f"{tally(claims)}.",
        budget=f"per code {steps['layer']} steps, then {steps['noise']} for noise and {steps['writing']} for writing, of 16,000 patches",
    )


def _count(block: Ssda | SsdaInpainting) -> int:
    return sum(p.numel() for p in block.body.parameters())


@torch.no_grad()
def _on_writing(setting: Setting, method: Callable[[Tensor, Tensor], Tensor]) -> float:
    """Mean PSNR, dB, of what a method makes of a picture under writing and the mask; the blind one leaves the mask alone."""
    total, pictures = 0.0, setting.set12()
    for number, clean in enumerate(pictures):
        seen, mask = written_over(clean.to(setting.device), SEED, [number], SHARE, SHARE)
        total += rounded_psnr(method(seen, mask).cpu(), clean) / len(pictures)
    return total


def _peers(setting: Setting) -> dict[str, float]:
    """What OpenCV makes of it, by its name here; nothing where OpenCV is not there."""
    if find_spec("cv2") is None:
        return {}
    import cv2

    def by(kind: int) -> Callable[[Tensor, Tensor], Tensor]:
        def inpainted(seen: Tensor, mask: Tensor) -> Tensor:
            pixels, holes = ((255 * t[0, 0]).round().to(torch.uint8).cpu().numpy() for t in (seen, mask))
            return torch.from_numpy(np.asarray(cv2.inpaint(pixels, holes, 3, kind))).float()[None, None] / 255

        return inpainted

    return {name: _on_writing(setting, by(getattr(cv2, kind))) for kind, name in _PEERS.items()}
