"""The task of recognition: a camera whose numbers are tuned by what a classifier makes of its pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from campipe.core.pipeline import Pipeline
from campipe.train.draws import Numbers
from campipe.train.end_to_end import EndToEnd
from campipe.train.recognition.classifier import Classifier
from campipe.train.recognition.digits import DigitScenes

_CHECKED = 2**30  # number of the first shot that is not trained on


class Recognition(EndToEnd):
    """Tune a camera, its classifier, or both.

    pipeline     from the scene to the picture
    classifier   of the pictures; frozen unless `pace` is given
    scenes       that are photographed
    checked      scenes of the validation, each once
    rates        what of the pipeline is tuned, and how fast
    pace         factor on the learning rate of the classifier's weights; None: they stay
    reference    None: the camera is tuned by the cross-entropy of the classifier's answer; a pipeline: by the mean square distance from
                 the picture that it makes without noise
    prepare      linear sRGB light to the scene that the pipeline reads; None: as it is
    """

    def __init__(
        self,
        pipeline: Pipeline,
        classifier: Classifier,
        scenes: DigitScenes,
        checked: DigitScenes,
        rates: Mapping[str, float],
        *,
        pace: float | None = None,
        reference: Pipeline | None = None,
        prepare: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        super().__init__(pipeline, rates, {} if pace is None else {"classifier": (pace, classifier)})
        self.classifier, self.scenes, self.checked, self.reference = classifier, scenes, checked, reference
        self.prepare = prepare or (lambda light: light)
        if pace is None:
            classifier.requires_grad_(False)

    def about(self) -> dict[str, Any]:
        aim = "class" if self.reference is None else "picture"
        return {**super().about(), "aim": aim, "digits": len(self.scenes), "scenes": self.scenes.seed}

    def batch(self, numbers: Numbers) -> tuple[Tensor, ...]:
        """Scenes, labels, and the numbers."""
        light, labels = self.scenes.batch(numbers)
        return self.prepare(light), labels, torch.as_tensor(numbers, device=light.device)

    def forward(self, batch: tuple[Tensor, ...]) -> Tensor:
        scene, labels, numbers = batch
        picture = self.shoot(scene, numbers).data
        if self.reference is not None:
            with torch.no_grad():
                wanted = self.reference(self.light(scene), noise=False).data
            return (picture - wanted).square().mean()
        return functional.cross_entropy(self.classifier(picture), labels)

    def validate(self) -> dict[str, float]:
        """Accuracy on the scenes of the validation, each photographed once."""
        return {"accuracy": float(self.right(self.checked).float().mean())}

    @torch.no_grad()
    def right(self, scenes: DigitScenes) -> Tensor:
        """Which scenes, each photographed once, the classifier names rightly: (N,) bool."""
        light, labels = scenes.batch(range(len(scenes)))
        shots = range(_CHECKED, _CHECKED + len(scenes))
        return self.classifier(self.shoot(self.prepare(light), shots).data).argmax(1) == labels
