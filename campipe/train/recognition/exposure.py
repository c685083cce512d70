"""Exposure time and gain chosen for a task: what moves is blurred by a long exposure, and lost in noise by a short one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from campipe.core.errors import CampipeError
from campipe.core.random import Key
from campipe.ops.colour import luminance, srgb_encode
from campipe.ops.motion_blur import motion_blur
from campipe.ops.surrogate import clipped
from campipe.sensor import FrameSensor
from campipe.train.draws import Numbers, uniform
from campipe.train.recognition.classifier import Classifier
from campipe.train.recognition.digits import DigitScenes
from campipe.train.task import Task

PHOTONS, SPEED = 1000.0, 50.0
"""Photons per second that white light brings to a pixel, and pixels per second that the scene moves."""
EFFICIENCY, READ_NOISE, LATE_NOISE, BLACK, BITS = 0.5, 2.0, 2.0, 16.0, 8
"""Of the sensor: e-/photon; e- before and DN after the gain; DN; a converter so coarse that the gain matters."""
SECONDS, GAINS = (0.01, 0.32), (0.5, 32.0)
"""Ranges that the classifier is trained over: s and DN/e-, each drawn evenly in stops."""


class Shutter(nn.Module):
    """Exposure time and gain, as logarithms.

    seconds   s
    gain      DN/e-
    """

    def __init__(self, seconds: float, gain: float) -> None:
        super().__init__()
        if not (seconds > 0 and gain > 0):
            raise CampipeError(f"exposure time and gain are above 0, but {seconds} s and {gain} DN/e- came")
        self.seconds = nn.Parameter(torch.tensor(float(seconds)).log())
        self.gain = nn.Parameter(torch.tensor(float(gain)).log())

    def forward(self) -> tuple[Tensor, Tensor]:
        """Seconds and DN/e-."""
        return self.seconds.exp(), self.gain.exp()


class TimedExposure(Task):
    """Choose exposure time and gain of a grey camera by the cross-entropy of a classifier, through photon counting.

    shutter      exposure time and gain
    classifier   of grey pictures
    scenes       digits that move from left to right
    checked      scenes of the validation, each once
    reading      True: it is the classifier that is trained, on pictures of every exposure time and gain; False: the shutter
    seed         of the noise

    Gradient: counts by `campipe.ops.surrogate.counted`, rounding straight through, saturation none.
    """

    def __init__(
        self, shutter: Shutter, classifier: Classifier, scenes: DigitScenes, checked: DigitScenes, *, reading: bool = False, seed: int = 0
    ) -> None:
        super().__init__()
        self.shutter, self.classifier, self.scenes, self.checked = shutter, classifier, scenes, checked
        self.reading, self.seed = reading, seed
        self.net = classifier if reading else shutter
        (shutter if reading else classifier).requires_grad_(False)
        self.start = [float(value.detach()) for value in shutter()]
        self.sensor = FrameSensor(
            scenes.size,
            scenes.size,
            None,
            quantum_efficiency=EFFICIENCY,
            read_noise=READ_NOISE,
            post_read_noise=LATE_NOISE,
            black_level=BLACK,
            bits=BITS,
            full_well=1e6,
        )

    def about(self) -> dict[str, Any]:
        start = {"reading": self.reading, "start": self.start, "seed": self.seed}
        return {"task": "exposure", **start, "scenes": self.scenes.seed, "digits": len(self.scenes)}

    def batch(self, numbers: Numbers) -> tuple[Tensor, Tensor, Tensor]:
        """Grey light (B, 1, H, W), labels, and the numbers."""
        light, labels = self.scenes.batch(numbers)
        return luminance(light), labels, torch.as_tensor(numbers, device=light.device)

    def forward(self, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        light, labels, numbers = batch
        seconds, gain = self._drawn(numbers) if self.reading else self.shutter()
        return functional.cross_entropy(self.classifier(self.picture(light, numbers.tolist(), seconds, gain)), labels)

    def picture(self, light: Tensor, numbers: Sequence[int], seconds: Tensor, gain: Tensor) -> Tensor:
        """What the camera makes of moving light, encoded for a display, white at 1: (B, 1, H, W).

        light           (B, 1, H, W), linear, in [0, 1]
        numbers         of the shots, (B,): they name the noise
        seconds, gain   () or (B, 1, 1, 1), s and DN/e-
        """
        photons = motion_blur(light, SPEED * seconds).clamp_min(0) * (PHOTONS * seconds)
        per_item = gain.flatten() if gain.ndim else gain
        raw = self.sensor.expose(photons, key=Key(self.seed).fold("shots").items(numbers), parameters={"gain": per_item})
        unit = (raw.data - BLACK) / (gain * seconds * (PHOTONS * EFFICIENCY))
        return srgb_encode(clipped(unit, 0.0, 1.0))

    @torch.no_grad()
    def objective(self, scenes: DigitScenes, seconds: float, gain: float, shots: int = 1) -> tuple[float, float]:
        """Cross-entropy and accuracy over scenes, with the same noise for every exposure time and gain.

        shots   of each scene
        """
        light, labels = scenes.batch(range(len(scenes)))
        entropy, right = 0.0, 0.0
        for shot in range(shots):
            numbers = range(2**30 + shot * len(labels), 2**30 + (shot + 1) * len(labels))
            answer = self.classifier(self.picture(luminance(light), numbers, torch.tensor(seconds), torch.tensor(gain)))
            entropy += float(functional.cross_entropy(answer, labels)) / shots
            right += float((answer.argmax(1) == labels).float().mean()) / shots
        return entropy, right

    def validate(self) -> dict[str, float]:
        """Accuracy and cross-entropy with the shutter as it stands, and where that is."""
        seconds, gain = (float(value.detach()) for value in self.shutter())
        entropy, right = self.objective(self.checked, seconds, gain)
        return {"accuracy": right, "cross_entropy": entropy, "seconds": seconds, "gain": gain}

    def _drawn(self, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """An exposure time and a gain for each sample, (B, 1, 1, 1)."""
        u = uniform(self.seed + 1, numbers.tolist(), 2, numbers.device).float()
        drawn = (low * (high / low) ** u[:, i, None, None, None] for i, (low, high) in enumerate((SECONDS, GAINS)))
        return next(drawn), next(drawn)
