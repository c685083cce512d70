"""Demosaicking without noise: the two nets that ship, beside the classical methods and, where it is installed, the published net."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from campipe.blocks import make
from campipe.blocks.demosaicking.residual import Residual
from campipe.core.errors import CampipeError
from campipe.studies.result import Claim, Result, Row
from campipe.studies.scored import Scored, scored
from campipe.studies.setting import Setting
from campipe.train.demosaicking import COUNTED, seen_through

CLASSICAL = ("menon", "hamilton_adams", "malvar", "bilinear")
PEER, PEER_REACH = "demosaicnet", 32
WANTED = {"demosaick_large": 42.1, "demosaick_small": 41.8}
"""PSNR, dB, on Kodak."""


def study(setting: Setting) -> Result:
    """Score the weights that ship."""
    clean = setting.kodak()
    mosaics = [seen_through(picture) for picture in clean]

    def run(restore: Callable[[Tensor], Tensor]) -> Scored:
        return scored(restore, mosaics, clean, COUNTED, setting.device)

    rows, claims, times = [], [], {}
    for name, wanted in WANTED.items():
        block = Residual(name).to(setting.device)
        found = run(lambda mosaic, block=block: block.net(mosaic, "RGGB"))  # type: ignore[misc]
        count = sum(p.numel() for p in block.body.parameters())
        rows.append(Row(f"residual net, {name}", {"PSNR, dB": found.psnr}, count, found.seconds))
        claims.append(Claim(f"{name}: PSNR on Kodak, dB", found.psnr, ">=", wanted))
        times[name] = found.seconds
        if name == "demosaick_small":
            claims.append(Claim("demosaick_small: parameters", count, "<=", 100_000))
    published = _published()
    if published is not None:
        found = run(published)
        rows.append(Row("net of Gharbi et al. 2016, as released", {"PSNR, dB": found.psnr}, 560_886, found.seconds))
        claims.append(Claim("demosaick_small: time, of the released net's", times["demosaick_small"] / found.seconds, "<=", 0.2))
    for name in CLASSICAL:
        method: Any = make("demosaick", name)
        found = run(lambda mosaic, method=method: method.net(mosaic, "RGGB"))  # type: ignore[misc]
        rows.append(Row(name, {"PSNR, dB": found.psnr}, None, found.seconds))
    return Result(
        system="Demosaicking CNN (Gharbi et al. 2016), without noise",
        images="Kodak, 24 pictures of 768 x 512",
        protocol="RGGB mosaic of the encoded picture; results clipped and rounded to 8 bits; 20 pixels at each border left out; PSNR over "
        "all channels jointly, its mean over the pictures",
        rows=tuple(sorted(rows, key=lambda row: -row.scores["PSNR, dB"])),
        claims=tuple(claims),
        reproduced=_sentence(rows),
        budget="scores the weights that ship; their cards have the trainings",
    )


def _sentence(rows: list[Row]) -> str:
    by_name = {row.name: row.scores["PSNR, dB"] for row in rows}
    large, small = by_name["residual net, demosaick_large"], by_name["residual net, demosaick_small"]
    menon = by_name["menon"]
    return f"Nets that correct Malvar's method are {small - menon:.1f} and {large - menon:.1f} dB above Menon's method."


def _published() -> Callable[[Tensor], Tensor] | None:
    """The net that demosaicnet ships, made to take RGGB; None where it is not installed."""
    if find_spec(PEER) is None:
        return None
    try:
        net = import_module(PEER).BayerDemosaick(pretrained=True).eval()
    except Exception as problem:
        raise CampipeError(f"{PEER} is installed but does not load ({problem}); repair it, or uninstall it") from None

    @torch.no_grad()
    def restore(mosaic: Tensor) -> Tensor:
        # It knows GRBG alone: mirrored from left to right, RGGB of an even width is that. Green, red and blue lie in channels of their own.
        flipped = functional.pad(mosaic.flip(-1), [PEER_REACH] * 4, mode="reflect")
        height, width = flipped.shape[-2:]
        planes = torch.zeros(mosaic.shape[0], 3, height, width)
        planes[:, 1, ::2, ::2], planes[:, 1, 1::2, 1::2] = flipped[:, 0, ::2, ::2], flipped[:, 0, 1::2, 1::2]
        planes[:, 0, ::2, 1::2], planes[:, 2, 1::2, ::2] = flipped[:, 0, ::2, 1::2], flipped[:, 0, 1::2, ::2]
        out: Tensor = net(planes)
        spare = (out.shape[-2] - mosaic.shape[-2]) // 2
        return out[..., spare : spare + mosaic.shape[-2], spare : spare + mosaic.shape[-1]].flip(-1)

    return restore
