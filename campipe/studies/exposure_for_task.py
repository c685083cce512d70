"""Exposure time and gain chosen for a classifier by gradient through the noise, against a sweep of the same objective."""

from __future__ import annotations

import math

import torch

from campipe.studies.result import Claim, Result, Row
from campipe.studies.setting import Setting
from campipe.train.recognition import Classifier, Digits, DigitScenes, digits
from campipe.train.recognition.exposure import BITS, EFFICIENCY, GAINS, PHOTONS, SECONDS, SPEED, Shutter, TimedExposure
from campipe.train.schedules import WarmUpCosine
from campipe.train.task import Training

SIDE = 24
TRAINED, CHECKED = 800, 1000
STARTS = {"short": (0.012, 24.0), "long": (0.28, 0.7)}
"""Where the descent begins: too dark with much gain, and blurred and saturated with little."""
TIMES, AMOUNTS = 9, 7
"""Exposure times and gains of the sweep, evenly in stops over the ranges of the training."""

READING = Training(500, 48, WarmUpCosine(6e-3, 6e-5, 20, 500), ema=0.98, validate_every=500)
CHOSEN = Training(120, 48, WarmUpCosine(0.08, 0.002, 5, 120), ema=0.95, validate_every=120)


def study(setting: Setting) -> Result:
    """Train a classifier over all exposures, choose exposure time and gain for it, and sweep them."""
    return compare(setting, digits())


def compare(setting: Setting, written: Digits, trained: int = TRAINED, checked: int = CHECKED) -> Result:
    """The study on any digits.

    trained, checked   number of the first digit of the validation, and of the test
    """
    scenes = DigitScenes(written[:trained], SIDE, seed=1)
    parts = DigitScenes(written[trained:checked], SIDE, drawn=False, seed=2), DigitScenes(written[checked:], SIDE, drawn=False, seed=3)
    classifier = Classifier(channels=1)
    reading = TimedExposure(Shutter(*(math.sqrt(low * high) for low, high in (SECONDS, GAINS))), classifier, scenes, parts[0], reading=True)
    setting.fit("reading", reading, READING)
    found: dict[str, tuple[float, float]] = {}
    for name, start in STARTS.items():
        task = TimedExposure(Shutter(*start), classifier, scenes, parts[0])
        setting.fit(name, task, CHOSEN)
        seconds, gain = (float(value.detach()) for value in task.shutter())
        found[name] = seconds, gain
    swept = {(s, g): reading.objective(parts[1], s, g) for s in _stops(SECONDS, TIMES) for g in _stops(GAINS, AMOUNTS)}
    best = min(swept, key=lambda at: swept[at][0])
    points = {**{f"descent from {name}": at for name, at in found.items()}, "sweep": best}
    points |= {f"start {name}": at for name, at in STARTS.items()}
    scored = {name: reading.objective(parts[1], *at) for name, at in points.items()}
    rows = tuple(
        Row(
            f"{name}: {1000 * points[name][0]:.0f} ms, {points[name][1]:.1f} DN/e-",
            {"cross-entropy": entropy, "accuracy, %": 100 * right},
            2 if name.startswith("descent") else None,
        )
        for name, (entropy, right) in scored.items()
    )
    over = max(scored[f"descent from {name}"][0] for name in STARTS) - scored["sweep"][0]
    # Steps of the sweep in stops; the descent may end between its points.
    step = math.log2(SECONDS[1] / SECONDS[0]) / (TIMES - 1)
    away = max(abs(math.log2(seconds / best[0])) for seconds, _ in found.values()) / step
    ends = " and ".join(f"{1000 * seconds:.0f} ms at {gain:.1f} DN/e-" for seconds, gain in found.values())
    apart = abs(math.log2(found["short"][0] / found["long"][0]))
    return Result(
        system="Exposure time and gain chosen for a task, by gradient through photon counting",
        images=f"{len(parts[1])} digits of scikit-learn that move while they are exposed, none of them trained on",
        protocol=(
            f"{PHOTONS:g} photons/s at white, {EFFICIENCY:g} e-/photon, {SPEED:g} pixels/s, {BITS} bits; cross-entropy of a classifier "
            f"that learned from every exposure; the sweep tries {TIMES} x {AMOUNTS} settings with the same noise"
        ),
        rows=rows,
        claims=(
            Claim("cross-entropy where the worse descent ends, less the least of the sweep", over, "<=", 0.02),
            Claim("exposure time where a descent ends, from the sweep's best, in steps of the sweep", away, "<=", 1.0),
            Claim("exposure times where the two descents end, apart in stops", apart, "<=", 0.25),
        ),
        reproduced=(
            f"From both ends the descent through the counts finds {ends}; the best of {TIMES * AMOUNTS} swept is {1000 * best[0]:.0f} ms "
            f"at {best[1]:.1f} DN/e-."
        ),
        budget=f"the classifier: {setting.shortened(READING).steps} steps; each descent: {setting.shortened(CHOSEN).steps} steps",
    )


def _stops(limits: tuple[float, float], count: int) -> list[float]:
    low, high = limits
    return [float(value) for value in low * (high / low) ** torch.linspace(0, 1, count)]
