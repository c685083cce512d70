"""Noise2Noise (Lehtinen et al. 2018): nets that are trained on damaged pictures alone, against those that are shown the pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from campipe.blocks.learned.blind_unet import BlindUnet
from campipe.studies.noise2noise_twins import Restore, bm3d, median, normalised_average, stabilised_bm3d
from campipe.studies.restored import BATCH, CROP, PROTOCOL, STEPS, Restored, on_kodak, parameters, seconds_per_megapixel, trained
from campipe.studies.result import Claim, Result, Row
from campipe.studies.setting import Setting
from campipe.train.noise2noise.corruptions import WHITE, Bernoulli, Corruption, Gaussian, Impulses, Overlaid, Poisson
from campipe.train.noise2noise.pairs import Pairs

PARITY, TEXT = 0.1, 3.0
"""dB: what noisy targets may cost, and what L1 has to gain over L2 under writing."""


@dataclass(frozen=True)
class Experiment:
    """One training.

    name         of the row
    corruption   as it is trained
    strength     as it is scored
    loss         "l2", "l1" or "l0"
    clean        True: the targets are the pictures
    published    a figure of the authors
    """

    name: str
    corruption: Corruption
    strength: float
    loss: str
    clean: bool = False
    published: str = ""

    def make(self, setting: Setting) -> Pairs:
        """What the loop trains."""
        net, crops = BlindUnet(), setting.crops(CROP)
        return Pairs(net, crops, self.corruption, self.loss, clean=self.clean, strength=self.strength)


# Strengths as in the paper, but for Poisson noise, which goes down to 0.001 photons there: targets of variance x / photons would drown all
# others in a short training. Random colours have one share, as where the paper compares losses: targets of all shares up to 0.95 keep more
# than half of their pixels on the whole, and the median would be right.
_GAUSSIAN, _POISSON, _TEXT = Gaussian(0, 50), Poisson(5, 50), Overlaid(0, 0.5)
_IMPULSES, _BERNOULLI = Impulses(0.7, 0.7), Bernoulli(0, 0.95)
_CODE = "in the authors' repository, after 500,000 steps on ImageNet"

EXPERIMENTS: dict[str, Experiment] = {
    "gaussian_clean": Experiment("Gaussian noise, clean targets", _GAUSSIAN, 25, "l2", clean=True, published=f"32.38 dB {_CODE}"),
    "gaussian_noisy": Experiment("Gaussian noise, noisy targets", _GAUSSIAN, 25, "l2", published=f"32.39 dB {_CODE}"),
    "poisson_clean": Experiment("Poisson noise, clean targets", _POISSON, 30, "l2", clean=True, published=f"31.66 dB {_CODE}"),
    "poisson_noisy": Experiment("Poisson noise, noisy targets", _POISSON, 30, "l2", published=f"31.66 dB {_CODE}"),
    "text_l1": Experiment("writing over a quarter, targets with other writing, L1", _TEXT, 0.25, "l1"),
    "text_l2": Experiment("writing over a quarter, targets with other writing, L2", _TEXT, 0.25, "l2"),
    "impulses_l0": Experiment("70 % random colours, targets with others, annealed L0", _IMPULSES, 0.7, "l0"),
    "impulses_l1": Experiment("70 % random colours, targets with others, L1", _IMPULSES, 0.7, "l1"),
    "impulses_l2": Experiment("70 % random colours, targets with others, L2", _IMPULSES, 0.7, "l2"),
    "bernoulli": Experiment("half of the pixels missing, targets that miss others, masked L2", _BERNOULLI, 0.5, "l2"),
}

TWINS: dict[str, tuple[str, Corruption, Callable[[], Restore]]] = {
    "gaussian": ("Gaussian noise, BM3D that is told sigma", _GAUSSIAN.at(25), partial(bm3d, 25 / WHITE)),
    "poisson": ("Poisson noise, BM3D that is told the photons of white", _POISSON.at(30), partial(stabilised_bm3d, 30)),
    "text": ("writing over a quarter, median of 7 x 7", _TEXT.at(0.25), partial(median, 7)),
    "impulses": ("70 % random colours, median of 7 x 7", _IMPULSES.at(0.7), partial(median, 7)),
    "bernoulli": ("half of the pixels missing, average of those around", _BERNOULLI.at(0.5), normalised_average),
}


def _part(name: str, setting: Setting) -> Restored:
    return trained(setting, name, partial(EXPERIMENTS[name].make, setting))


PARTS: dict[str, Callable[[Setting], Restored]] = {name: partial(_part, name) for name in EXPERIMENTS}
"""Each training with its scores, which can run by itself: `python -m campipe.studies.part noise2noise NAME`."""


def study(setting: Setting) -> Result:
    """Train the ten nets, or take what is trained already, and hold them against each other and a classical method."""
    found = {name: part(setting) for name, part in PARTS.items()}
    twins = {kind: on_kodak(setting, damage, make()) for kind, (_, damage, make) in TWINS.items()}
    net = BlindUnet()
    count, seconds = parameters(net), seconds_per_megapixel(net)
    rows = []
    for kind, (twin, _, make) in TWINS.items():
        ours = {name: held for name, held in found.items() if name.startswith(kind)}
        for name, held in ours.items():
            rows.append(Row(EXPERIMENTS[name].name, _scores(held), count, seconds, EXPERIMENTS[name].published))
        rows.append(Row(twin, _scores(twins[kind]), None, seconds_per_megapixel(make())))
    psnr = {name: held.psnr for name, held in found.items()}
    claims = (
        Claim("Gaussian noise: what noisy targets cost, dB", psnr["gaussian_clean"] - psnr["gaussian_noisy"], "<=", PARITY),
        Claim("Poisson noise: what noisy targets cost, dB", psnr["poisson_clean"] - psnr["poisson_noisy"], "<=", PARITY),
        Claim("writing: L1 above L2, dB", psnr["text_l1"] - psnr["text_l2"], ">=", TEXT),
        Claim("random colours: annealed L0 above L1, dB", psnr["impulses_l0"] - psnr["impulses_l1"], ">=", 0),
        Claim("random colours: annealed L0 above L2, dB", psnr["impulses_l0"] - psnr["impulses_l2"], ">=", 0),
        Claim("missing pixels: masked L2 above the average of those around, dB", psnr["bernoulli"] - twins["bernoulli"].psnr, ">=", 0),
    )
    return Result(
        system="Noise2Noise: Lehtinen et al., ICML 2018",
        images="Kodak, 24 pictures",
        protocol=(
            f"{PROTOCOL}. Gaussian noise of 25/255, Poisson noise of 30 photons at white; the nets learned all strengths, but of random "
            "colours this one alone"
        ),
        rows=tuple(rows),
        claims=claims,
        reproduced=_sentence(psnr),
        budget=f"ten trainings of {round(STEPS * setting.budget)} steps of {BATCH} pieces of {CROP} x {CROP} pixels, in bfloat16",
    )


def _scores(held: Restored) -> dict[str, float]:
    return {"PSNR, dB": held.psnr, "damaged, dB": held.damaged}


def _sentence(psnr: dict[str, float]) -> str:
    gaussian, poisson = (psnr[f"{noise}_noisy"] - psnr[f"{noise}_clean"] for noise in ("gaussian", "poisson"))
    text = psnr["text_l1"] - psnr["text_l2"]
    first, second = (psnr["impulses_l0"] - psnr[f"impulses_{other}"] for other in ("l1", "l2"))
    return (
        f"A net that is shown noisy targets alone comes within {gaussian:+.2f} dB (Gaussian) and {poisson:+.2f} dB (Poisson) of the same "
        f"net that is shown the pictures. Under writing the median, L1, is {text:+.1f} dB from the mean, L2; under random colours the "
        f"mode, annealed L0, is {first:+.1f} dB from L1 and {second:+.1f} dB from L2. Not tried: the paper's rendered and magnetic "
        "resonance images."
    )
