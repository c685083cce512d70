"""Deblurring of one picture, the shake known and unknown: the nets that ship, against the classical methods of the slot."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import Tensor

from campipe.blocks.deblurring.blind import Blind
from campipe.blocks.deblurring.hyper_laplacian import HyperLaplacian
from campipe.blocks.deblurring.nafnet import Nafnet
from campipe.blocks.deblurring.richardson_lucy import RichardsonLucy
from campipe.blocks.deblurring.wiener import Wiener
from campipe.blocks.deblurring.wiener_net import WienerNet
from campipe.blocks.learned.base import Learned
from campipe.core.frame import Frame
from campipe.core.random import Key
from campipe.ops.shake import shake_kernel
from campipe.studies.result import Claim, Result, Row
from campipe.studies.setting import Setting
from campipe.train.deblurring.task import WHITE, examined, score

SIGMAS = (1, 5)
"""Of the noise on linear light, on the scale from 0 to 255: that of `campipe evaluate deblur`, and a dim one."""
SHAKES = 3
"""Kernels of 19 x 19 pixels; the first one is that of `campipe evaluate deblur`."""
EVERY, SIDE = 3, 384
"""Pictures of Kodak that are taken, and pixels a side of their middle, before the blur takes its reach."""
MOST = 3
"""Pixels that a result may be moved by, where the kernel was found: its place is not in the picture."""

System = Callable[[Tensor, Tensor, Tensor], Tensor]

FOUND = ", the kernel found"


@torch.no_grad()
def study(setting: Setting) -> Result:
    """Score the weights that ship."""
    device = torch.device(setting.device)
    known, blind = WienerNet(kernels()[0]).to(device), Nafnet().to(device)
    classical = {"Wiener": Wiener, "Richardson-Lucy": RichardsonLucy, "hyper-Laplacian prior": HyperLaplacian}
    methods: dict[str, System] = {name: make(kernels()[0]).to(device).net for name, make in classical.items()}
    systems: dict[str, tuple[System, int | None]] = {
        "blurred": (lambda x, kernel, sigma: x, None),
        **{name: (method, None) for name, method in methods.items()},
        "net on the Wiener filter": (known.net, _count(known)),
        **{f"{name}{FOUND}": (method, None) for name, method in methods.items()},
        "net, the kernel unknown": (blind.net, _count(blind)),
    }
    pictures = [_middle(picture) for picture in setting.kodak()[::EVERY]]
    rows = _rows(systems, Blind(19).to(device), pictures, device)
    claims = []
    for ours, end in (("net on the Wiener filter", ""), ("net, the kernel unknown", FOUND)):
        for other in classical:
            for sigma in SIGMAS:
                column = _column(sigma)
                what = f"{ours} against {other}{end}, {column}"
                claims.append(Claim(what, rows[ours].scores[column], ">=", rows[f"{other}{end}"].scores[column]))
    held = sum(claim.holds for claim in claims)
    return Result(
        system="Deblurring of one picture by a gated net (after NAFNet, Chen et al. 2022)",
        images=f"Kodak, the middle of {len(pictures)} pictures, each under {SHAKES} simulated paths of a shaking hand that no net saw",
        protocol=(
            f"linear light blurred within {SIDE} x {SIDE} pixels, so that all that is seen is true; white Gaussian noise of {SIGMAS[0]} "
            f"and {SIGMAS[1]} of 255 of linear light; PSNR of the result encoded for a display and rounded to 8 bits, 18 pixels of border "
            f"left out; where the kernel was found, by our classical method, the result may be moved by up to {MOST} whole pixels to where "
            "it fits"
        ),
        rows=tuple(rows.values()),
        claims=tuple(claims),
        reproduced=f"Nets of {_count(known)} numbers are above the classical methods in {held} of {len(claims)} comparisons.",
        budget="scores the weights deblur_known and deblur_blind that ship; their cards have the training",
    )


def kernels() -> list[Tensor]:
    """The kernels of the study, (19, 19) each."""
    key = Key(2026).fold("shake")
    return [shake_kernel(key).float(), *(shake_kernel(key.fold(number)).float() for number in range(1, SHAKES))]


def _rows(systems: dict[str, tuple[System, int | None]], finder: Blind, pictures: list[Tensor], device: torch.device) -> dict[str, Row]:
    scores: dict[str, dict[str, float]] = {name: {} for name in systems}
    seconds, pixels = dict.fromkeys(systems, 0.0), 0
    for sigma in SIGMAS:
        level, totals = torch.tensor(sigma / WHITE, device=device), dict.fromkeys(systems, 0.0)
        cases = [(number, which) for number in range(len(pictures)) for which in range(SHAKES)]
        for number, which in cases:
            kernel = kernels()[which]
            key = Key(2026).fold("study").fold(sigma).fold(number).fold(which)
            sharp, blurred = examined(pictures[number], kernel, float(sigma), key)
            blurred, kernel, pixels = blurred.to(device), kernel[None].to(device), pixels + blurred[0, 0].numel()
            began = time.process_time()
            found = finder.estimate_kernel(Frame(blurred, "linear"))
            finding = time.process_time() - began
            for name, (system, _) in systems.items():
                began = time.process_time()
                answer = system(blurred, found if FOUND in name else kernel, level).cpu()
                seconds[name] += time.process_time() - began + (finding if FOUND in name else 0.0)
                totals[name] += _fitting(answer, sharp) if FOUND in name else score(answer, sharp)
        for name, total in totals.items():
            scores[name][_column(sigma)] = total / len(cases)
    timed = device.type == "cpu" and torch.get_num_threads() == 1
    taken = {name: each / pixels * 1e6 if timed and name != "blurred" else None for name, each in seconds.items()}
    return {name: Row(name, scores[name], count, taken[name]) for name, (_, count) in systems.items()}


def _fitting(answer: Tensor, sharp: Tensor) -> float:
    """The score at the whole pixels at which an answer fits best."""
    moves = range(-MOST, MOST + 1)
    return max(score(answer.roll((y, x), (-2, -1)), sharp) for y in moves for x in moves)


def _column(sigma: int) -> str:
    return f"sigma {sigma}: PSNR, dB"


def _count(block: Learned) -> int:
    return sum(weight.numel() for weight in block.body.parameters())


def _middle(picture: Tensor) -> Tensor:
    top, left = (picture.shape[-2] - SIDE) // 2, (picture.shape[-1] - SIDE) // 2
    return picture[..., top : top + SIDE, left : left + SIDE]
