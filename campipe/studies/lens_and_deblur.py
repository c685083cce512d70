"""A lens and its deblurring net trained together, against each trained alone: sharp pictures from near to far at f/2."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor

from campipe.blocks.deblurring.nafnet import Nafnet
from campipe.studies.result import Claim, Result, Row
from campipe.studies.setting import Setting
from campipe.train.lens import COEFFICIENTS, SIDE, LensAndDeblurring, electrons, lens_with, rough, scores
from campipe.train.schedules import WarmUpCosine
from campipe.train.task import Training

SIZE = 180  # of the crops; 136 pixels are left behind the lens
STEPS = 2200
TRAINING = Training(
    steps=STEPS,
    batch=24,
    rate=WarmUpCosine(1e-3, 2e-6, 100, STEPS),
    betas=(0.9, 0.99),
    ema=0.995,
    clip=1.0,
    validate_every=STEPS,
    log_every=50,
)
NETWORK: dict[str, Any] = {"width": 32, "blocks": 2, "coarse": 2}

TOGETHER, FIXED, SHARP, FROZEN = "together", "perfect lens", "sharpest lens", "net first"


def study(setting: Setting) -> Result:
    """Train all four at the same budget, or a larger one for the rivals, and score them on Kodak's pictures at five distances."""
    tasks = trained(setting)
    kodak = [_middle(photo) for photo in setting.kodak()]
    found = {name: scores(task, kodak) for name, task in tasks.items()}
    count = sum(p.numel() for p in Nafnet(weights=None, **NETWORK).body.parameters())
    words = {
        TOGETHER: "lens and net together",
        SHARP: "lens designed for the sharpest picture without a net, then its net",
        FIXED: "perfect lens, its net",
        FROZEN: "the net of the perfect lens, then a lens for it",
    }
    rows = [Row("perfect lens, no net", _named(scores(_plain(setting), kodak)), 0)]
    rows += [Row(words[n], _named(found[n]), count + (0 if n == FIXED else COEFFICIENTS)) for n in (FIXED, FROZEN, SHARP, TOGETHER)]
    gains = {name: found[TOGETHER]["psnr"] - found[name]["psnr"] for name in (FIXED, SHARP, FROZEN)}
    white, read = electrons()
    steps = setting.shortened(TRAINING).steps
    said = ", ".join(f"{gain:+.2f} dB against {words[name]}" for name, gain in gains.items())
    return Result(
        system="Lens and deblurring trained together (after Sitzmann et al., ACM Transactions on Graphics 37, 2018)",
        images=f"Kodak, the middle {SIDE} x {SIDE} pixels of {len(kodak)} pictures, as flat scenes of linear light at five distances",
        protocol=(
            "lens of 6 mm, f/2, with a phase plate of 18 Zernike polynomials, the same path difference for wavelengths 0.61, 0.53 and "
            "0.46 um; PSF |FFT(pupil)|^2 collected by pixels of 1.55 um; focused at 1.125 m, scenes from 0.56 m to infinity (1 um of "
            "defocus either way), which the net is not told; a sensor without colour filters, Poisson counts, white brings "
            f"{white:.0f} e-, read noise {read:g} e-; PSNR of the picture encoded for a display, of the mean squared error over the "
            "distances, 8 pixels of border left out"
        ),
        rows=tuple(rows),
        claims=tuple(Claim(f"together less {words[name]}, over the range, dB", gain, ">=", 0.1) for name, gain in gains.items()),
        reproduced=f"A lens and a net that are trained together, over the whole range: {said}.",
        budget=(
            f"{steps} steps of {TRAINING.batch} crops for each net; as many for the lens before the net, or after it, where they are "
            "trained one after the other, so that these rivals had twice the steps"
        ),
    )


def trained(setting: Setting) -> dict[str, LensAndDeblurring]:
    """The four systems, by name."""
    return {name: task for part in PARTS.values() for name, task in part(setting).items()}


def alone(setting: Setting) -> dict[str, LensAndDeblurring]:
    """A net for the perfect lens; and a lens for this net, which stays as it is."""
    perfect = _fitted(setting, "perfect", [0.0] * COEFFICIENTS, _net(), ("net",))
    return {FIXED: perfect, FROZEN: _fitted(setting, "net_first", rough(), copy.deepcopy(perfect.block), ("lens",))}


def sharpest(setting: Setting) -> dict[str, LensAndDeblurring]:
    """A lens for the sharpest picture as the sensor has it; and a net for this lens, which stays as it is."""
    designed = _fitted(setting, "sharpest_lens", rough(), None, ("lens",)).lens.coefficients.detach().tolist()
    return {SHARP: _fitted(setting, "sharpest", designed, _net(), ("net",))}


def together(setting: Setting) -> dict[str, LensAndDeblurring]:
    """Lens and net at once."""
    return {TOGETHER: _fitted(setting, "together", rough(), _net(), ("lens", "net"))}


PARTS = {"alone": alone, "sharpest": sharpest, "together": together}
"""What can be trained side by side, before the study is run in the same folder."""


def _fitted(setting: Setting, name: str, coefficients: list[float], block: Nafnet | None, parts: tuple[str, ...]) -> LensAndDeblurring:
    crops = setting.crops(SIZE, colour=0.2, chroma=0.25, scenes=0.05)
    task = LensAndDeblurring(lens_with(coefficients), block, crops, parts)
    setting.fit(name, task, TRAINING)
    return task


def _net() -> Nafnet:
    return Nafnet(weights=None, **NETWORK)


def _plain(setting: Setting) -> LensAndDeblurring:
    """The perfect lens without a net; its lens is not trained, only looked through."""
    return LensAndDeblurring(lens_with(), None, setting.crops(SIZE), ("lens",)).to(torch.device(setting.device))


def _named(found: dict[str, float]) -> dict[str, float]:
    words = {"psnr": "PSNR over the range, dB", "focus": "PSNR in focus, dB", "ends": "PSNR at both ends, dB"}
    return {words[name]: value for name, value in found.items()}


def _middle(photo: Tensor) -> Tensor:
    side = SIDE + 44
    top, left = (photo.shape[-2] - side) // 2, (photo.shape[-1] - side) // 2
    return photo[..., top : top + side, left : left + side]
