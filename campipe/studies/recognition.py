"""A camera tuned for a classifier in little light: its developing, its joint demosaicker and denoiser, and the classifier itself."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from campipe.blocks import demosaick, denoise
from campipe.core.frame import Frame
from campipe.core.pipeline import Pipeline
from campipe.core.random import Key
from campipe.isp import Clip, ColourMatrix, Exposure, Levels, PointsCurve, Saturation, SrgbEncode, ToneCurve, UnsharpMask, WhiteBalance
from campipe.scenes.photos import unprocess
from campipe.sensor import Exposure as Light
from campipe.sensor import FrameSensor
from campipe.studies.result import Claim, Result, Row
from campipe.studies.setting import Setting
from campipe.train.recognition import Classifier, Digits, DigitScenes, Recognition, digits, paired_interval
from campipe.train.schedules import WarmUpCosine
from campipe.train.task import Training

SIDE = 24
TRAINED, CHECKED = 800, 1000
"""Digits before the first number are trained on, those up to the second one validated, and the rest is the test."""
DIM, BRIGHT = 48.0, 4000.0
"""Photons that white light brings to a green pixel: in the study, and where the classifier learned."""
EFFICIENCY, READ_NOISE, BLACK, BITS = 0.5, 2.0, 64.0, 12
WHITE = 400.0
"""DN above black that white comes to: a tenth of the range, as cameras meter for the highlights."""
BALANCE = (2.0, 1.0, 1.6)
MATRIX = ((1.7, -0.5, -0.2), (-0.25, 1.6, -0.35), (0.0, -0.6, 1.6))
"""White balance and colour matrix of a usual small sensor, rows sum to 1."""

ISP = {
    "isp.denoise.strength": 3.0,
    "isp.colour_matrix": 1.0,
    "isp.exposure.ev": 3.0,
    "isp.points_curve.*": 1.0,
    "isp.unsharp_mask.amount": 3.0,
    "isp.saturation.amount": 3.0,
}
"""What of the developing is tuned, and how fast."""
JDD = {"isp.demosaick.weights": 1.0}

CLEAN = Training(300, 48, WarmUpCosine(6e-3, 6e-5, 20, 300), ema=0.98, validate_every=300)
TUNED = Training(250, 48, WarmUpCosine(1e-2, 1e-4, 20, 250), ema=0.97, validate_every=250)
LEARNED = Training(350, 32, WarmUpCosine(5e-3, 5e-5, 20, 350), ema=0.97, validate_every=350)


def camera(photons: float = DIM, block: bool = False) -> Pipeline:
    """A small sensor, and its developing in default settings; its gain is the higher, the less light there is.

    photons   that white light brings to a green pixel
    block     True: an untrained joint demosaicker and denoiser in place of Malvar's method behind a guided filter
    """
    light = Pipeline([Light(photons, name="exposure")], name="optics")
    sensor = FrameSensor(
        SIDE,
        SIDE,
        "RGGB",
        quantum_efficiency=EFFICIENCY,
        read_noise=READ_NOISE,
        gain=WHITE / (photons * EFFICIENCY),
        black_level=BLACK,
        bits=BITS,
        full_well=20 * photons * EFFICIENCY,
        prnu=0.01,
    )
    classical = [denoise("guided", name="denoise"), WhiteBalance(torch.tensor(BALANCE)), demosaick("malvar", name="demosaick")]
    joint = [WhiteBalance(torch.tensor(BALANCE)), demosaick("residual", weights=None, width=12, blocks=1, name="demosaick")]
    stages = [
        Levels(),
        *(joint if block else classical),
        ColourMatrix(torch.tensor(MATRIX)),
        Exposure(math.log2((2**BITS - 1 - BLACK) / WHITE)),
        Saturation(1.0),
        ToneCurve(0.3),
        PointsCurve([[0, 0], [0.1, 0.1], [0.3, 0.3], [0.6, 0.6], [1, 1]]),
        SrgbEncode(),
        UnsharpMask(0.3, 1.0),
        Clip(leak=0.05),
    ]
    return Pipeline([light, sensor, Pipeline(stages, name="isp")])


def scene(light: Tensor) -> Tensor:
    """Linear sRGB as the camera's channels see it, under a light whose white it does not balance itself."""
    frame = unprocess(Frame(light, "linear"), wb=torch.tensor(BALANCE), cam_to_srgb=torch.tensor(MATRIX))
    return frame.data.clamp_min(0)


def study(setting: Setting) -> Result:
    """Train a classifier on clean pictures, tune the camera for it and for the picture, and compare on digits never seen."""
    return compare(setting, digits())


def compare(setting: Setting, written: Digits, trained: int = TRAINED, checked: int = CHECKED) -> Result:
    """The study on any digits.

    trained, checked   number of the first digit of the validation, and of the test
    """
    scenes = DigitScenes(written[:trained], SIDE, seed=1)
    parts = DigitScenes(written[trained:checked], SIDE, drawn=False, seed=2), DigitScenes(written[checked:], SIDE, drawn=False, seed=3)
    classifier = Classifier()

    def task(rates: Mapping[str, float], block: bool = False, **options: Any) -> Recognition:
        reader = Classifier()
        reader.load_state_dict(classifier.state_dict())
        return Recognition(camera(block=block), reader, scenes, parts[0], rates, prepare=scene, **options)

    clean = Recognition(camera(BRIGHT), classifier, scenes, parts[0], {}, pace=1.0, prepare=scene)
    setting.fit("clean", clean, CLEAN)
    right = {"bright": clean.right(parts[1]), "default": task({}, pace=1.0).right(parts[1])}
    plans: dict[str, tuple[Recognition, Training]] = {
        "isp_picture": (task(ISP, reference=camera(BRIGHT)), TUNED),
        "isp_class": (task(ISP), TUNED),
        "jdd_picture": (task(JDD, block=True, reference=camera(BRIGHT)), LEARNED),
        "jdd_class": (task(JDD, block=True), LEARNED),
        "reader": (task({}, pace=0.3), TUNED),
        "both": (task(ISP, pace=0.3), TUNED),
    }
    for name, (one, training) in plans.items():
        setting.fit(name, one, training)
        right[name] = one.right(parts[1])
    return _result(setting, right, plans)


_NAMES = {
    "bright": "default developing, in good light",
    "default": "default developing",
    "isp_picture": "developing tuned for the picture",
    "isp_class": "developing tuned for the classifier",
    "jdd_picture": "JDD block trained for the picture",
    "jdd_class": "JDD block trained for the classifier",
    "reader": "default developing, classifier trained on it",
    "both": "developing and classifier trained together",
}


def _result(setting: Setting, right: Mapping[str, Tensor], plans: Mapping[str, tuple[Recognition, Training]]) -> Result:
    against = {name: paired_interval(answers, right["default"], Key(0)) for name, answers in right.items()}
    rows = []
    for name, answers in right.items():
        difference, low, high = (100 * value for value in against[name])
        scores = {"accuracy, %": 100 * float(answers.float().mean())}
        if name not in ("default", "bright"):
            scores |= {"above default, %": difference, "95 % interval, low": low, "high": high}
        learned = None if name not in plans else sum(p.numel() for p in plans[name][0].net.parameters())
        rows.append(Row(_NAMES[name], scores, learned))
    tuned, joint, count = against["isp_class"], against["jdd_class"], len(right["default"])
    further = [paired_interval(right[f"{what}_class"], right[f"{what}_picture"], Key(0)) for what in ("isp", "jdd")]
    both = paired_interval(right["both"], right["reader"], Key(0))
    return Result(
        system="Task-specific processing: a camera tuned for a classifier in little light",
        images=f"{count} digits of scikit-learn, none of them trained on, as coloured scenes of {SIDE} x {SIDE} pixels, one shot each",
        protocol=(
            f"Bayer sensor, {DIM * EFFICIENCY:g} e- in green at white, read noise {READ_NOISE:g} e-; the classifier learned from pictures "
            "in good light and stays as it is where nothing else is said; intervals by the bootstrap of pairs over the digits"
        ),
        rows=tuple(rows),
        claims=(
            Claim("developing tuned for the classifier less default, lower end of the 95 % interval, %", 100 * tuned[1], ">=", 0.0),
            Claim("JDD block trained for the classifier less default, lower end of the 95 % interval, %", 100 * joint[1], ">=", 0.0),
            Claim("developing tuned for the classifier less for the picture, lower end, %", 100 * further[0][1], ">=", 0.0),
            Claim("JDD block trained for the classifier less for the picture, lower end, %", 100 * further[1][1], ">=", 0.0),
        ),
        reproduced=(
            f"Tuned by the classifier's cross-entropy through the noise, the developing gains {_said(tuned)} over its default settings, "
            f"and a JDD block {_said(joint)}; the classifier's weights are untouched. Over the same parts tuned for the "
            f"picture they gain {_said(further[0])} and {_said(further[1])}; the developing trained together with the classifier gains "
            f"{_said(both)} over the classifier trained alone."
        ),
        budget="; ".join(
            f"{what}: {setting.shortened(training).steps} steps of {training.batch}"
            for what, training in (("classifier", CLEAN), ("developing", TUNED), ("JDD block", LEARNED))
        ),
    )


def _said(interval: tuple[float, float, float]) -> str:
    difference, low, high = (100 * value for value in interval)
    return f"{difference:.1f} % ({low:.1f} to {high:.1f})"
