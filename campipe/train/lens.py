"""The task of a lens and a deblurring net for scenes at many distances: either is trained, or both together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from campipe.blocks.deblurring.nafnet import Nafnet
from campipe.core.errors import CampipeError
from campipe.core.profile import load_profile
from campipe.core.random import Key
from campipe.measure.losses.pixel import l2_loss
from campipe.ops.colour import srgb_decode, srgb_encode
from campipe.ops.convolution import convolve
from campipe.optics.wavefront import Wavefront
from campipe.train.crops import Crops
from campipe.train.draws import Numbers, normal, uniform
from campipe.train.end_to_end import Groups, Leaves
from campipe.train.task import Batch, Task

CAMERA, ISO = "rpi-imx477", 400.0
"""Whose pixels, read noise and gain the sensor has."""
EXPOSURE = 0.5
"""White, of what the sensor's scale holds: one stop below saturation."""
FOCAL_LENGTH, F_NUMBER, FOCUS = 6.0, 2.0, 1.125
"""Of the lens: mm, focal length by diameter, and the distance that is sharp without a plate, m."""
DEFOCUS = 1.0
"""Path difference at the pupil's edge at both ends of the range, um: from 0.5625 m to infinity, by `defocus_of`."""
VALIDATED = (-1.0, -0.5, 0.0, 0.5, 1.0)
"""Places in the range that are scored, 0 in focus and 1 at an end."""
COEFFICIENTS = 18
"""Zernike polynomials of a plate: Noll's numbers 4 to 21, all of up to the fifth degree."""
BORDER = 8
"""Pixels at each side that the loss and the scores leave out."""
SIDE = 256
"""Pixels a side of what is validated of a photo, from its middle."""


class LensAndDeblurring(Task):
    """Let a lens, a net, or both learn to give sharp pictures of scenes anywhere in a range of distances, which the net is not told.

    lens      with the pitch of the camera's pixels
    block     deblurrer that comes after it; None: the picture is taken as the sensor has it
    crops     what it is trained on; the reach of the lens's point-spread function is lost at each side
    trained   "lens", "net" or both; the other stays as it is
    pace      factor on the learning rate for the lens, whose numbers are um

    A flat scene of linear light, one distance a sample, drawn evenly in defocus, passes the lens and is counted by a sensor without
    colour filters, whose pixels see all three bands: noise of variance S x + O, the draws held fixed in the gradient. The loss is the
    mean squared error of the picture as a display shows it.
    """

    steady = True

    def __init__(
        self, lens: Wavefront, block: Nafnet | None, crops: Crops, trained: Sequence[str] = ("lens", "net"), pace: float = 5.0
    ) -> None:
        super().__init__()
        if not trained or not set(trained) <= {"lens", "net"} or ("net" in trained and block is None):
            raise CampipeError(f"the lens, the net, or both are trained, the net where there is one, but {list(trained)} came")
        self.lens, self.block, self.crops, self.trained, self.pace = lens, block, crops, tuple(sorted(trained)), float(pace)
        self.start = lens.coefficients.detach().tolist()
        lens.freeze()
        groups: Groups = {}
        if "lens" in trained:
            leaf = lens.coefficients
            assert isinstance(leaf, nn.Parameter)
            groups["lens"] = (self.pace, [leaf])
        if "net" in trained:
            assert block is not None
            groups["net"] = (1.0, list(block.body.parameters()))
        self._groups, self.net = groups, Leaves(groups)
        self.white, self.read = electrons()

    def groups(self) -> Groups:
        return self._groups

    def about(self) -> dict[str, Any]:
        block = None if self.block is None else {"block": self.block.block, "architecture": self.block.architecture}
        lens = {"coefficients": self.start, "f_number": self.lens.f_number, "wavelengths": list(self.lens.wavelengths)}
        return {"block": block, "lens": lens, "trained": list(self.trained), "pace": self.pace, "crops": self.crops.about()}

    @torch.no_grad()
    def batch(self, numbers: Numbers) -> tuple[Tensor, ...]:
        """Sharp pictures, sRGB-encoded; the defocus of each, (B,), um; and standard normal draws for its noise."""
        seed, pictures = Key(self.crops.seed).fold("lens").seed, self.crops.batch(numbers).to(self.device)
        defocus = DEFOCUS * (2 * uniform(seed, numbers, 1, self.device)[:, 0].float() - 1)
        side = self.crops.size - 2 * self.lens.reach
        return pictures, defocus, normal(seed, numbers, (3, side, side), self.device)

    def forward(self, batch: Batch) -> Tensor:
        pictures, defocus, draws = batch
        expected = convolve(srgb_decode(pictures), self.lens.psf(defocus=defocus))
        variance = expected.clamp_min(0) / self.white + (self.read / self.white) ** 2
        inside = slice(self.lens.reach + BORDER, -self.lens.reach - BORDER)
        shown = srgb_encode(self.restored(expected + variance.sqrt() * draws))
        return l2_loss(shown[..., BORDER:-BORDER, BORDER:-BORDER], pictures[..., inside, inside])

    def restored(self, seen: Tensor) -> Tensor:
        """What becomes of the sensor's linear light, (B, 3, H, W): the net is told the noise that the sensor has."""
        if self.block is None:
            return seen
        variance = seen.clamp_min(0).mean((-2, -1), keepdim=True) / self.white + (self.read / self.white) ** 2
        return self.block.refine(seen, seen, variance.sqrt())

    @torch.no_grad()
    def error(self, photo: Tensor, place: float, number: int) -> float:
        """Mean squared error of a photo, (1, 3, H, W), at a place in the range, of the picture rounded to 8 bits; counts are Poisson's."""
        expected = convolve(srgb_decode(photo.to(self.device)), self.lens.psf(defocus=torch.tensor([DEFOCUS * place], device=self.device)))
        generator = torch.Generator().manual_seed(Key(0).fold("lens").fold(number).seed >> 1)
        counts = torch.poisson(self.white * expected.clamp_min(0).cpu(), generator=generator)
        counts = counts + self.read * torch.randn(counts.shape, generator=generator)
        shown = (srgb_encode(self.restored(counts.to(self.device) / self.white)).clamp(0, 1) * 255).round() / 255
        inside = slice(self.lens.reach + BORDER, -self.lens.reach - BORDER)
        return float((shown[..., BORDER:-BORDER, BORDER:-BORDER].cpu() - photo[..., inside, inside].cpu()).square().mean())

    def validate(self) -> dict[str, float]:
        """PSNR, dB, of the mean squared error over the range, averaged over the photos held out; and that in focus and at the ends."""
        photos = [_middle(photo, SIDE + 2 * self.lens.reach) for photo in self.crops.validation()]
        return {name: round(value, 4) for name, value in scores(self, photos).items()}


def scores(task: LensAndDeblurring, photos: Sequence[Tensor]) -> dict[str, float]:
    """PSNR, dB, of photos, on average over them: of the mean squared error over the whole range, in focus, and at its two ends."""
    sums = {"psnr": 0.0, "focus": 0.0, "ends": 0.0}
    for number, photo in enumerate(photos):
        errors = {place: task.error(photo, place, number) for place in VALIDATED}
        of = {"psnr": list(errors.values()), "focus": [errors[0.0]], "ends": [errors[-1.0], errors[1.0]]}
        for name, values in of.items():
            sums[name] += -10 * math.log10(max(sum(values) / len(values), 1e-12)) / len(photos)
    return sums


def electrons() -> tuple[float, float]:
    """What white brings to a pixel of the camera at its ISO, e-, and the read noise, e-."""
    profile = load_profile(CAMERA)
    now = profile.at_iso(ISO)
    return EXPOSURE * float((profile.white_level(ISO) - profile.black_level) / now["gain"]), float(now["read_noise"])


def lens_with(coefficients: Sequence[float] = (0.0,) * COEFFICIENTS) -> Wavefront:
    """The lens in front of the camera's pixels: a perfect one of f/2, but for a plate of these coefficients, um."""
    return Wavefront(coefficients, f_number=F_NUMBER, pitch=load_profile(CAMERA).pixel_pitch)


def rough(seed: int = 0, size: float = 0.03) -> list[float]:
    """Small coefficients, um, that a design begins with: from a perfect lens the odd ones would feel no gradient."""
    generator = torch.Generator().manual_seed(Key(seed).fold("plate").seed >> 1)
    return (size * torch.randn(COEFFICIENTS, generator=generator)).tolist()


def _middle(photo: Tensor, side: int) -> Tensor:
    height, width = photo.shape[-2:]
    top, left = max(height - side, 0) // 2, max(width - side, 0) // 2
    return photo[..., top : top + side, left : left + side]
