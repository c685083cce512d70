"""Developing: from raw numbers to a picture, from the capture alone; and rendering: from a scene to a picture without a sensor."""

from __future__ import annotations

from typing import Any

import torch

from campipe.blocks import demosaick as make_demosaicker
from campipe.blocks import names
from campipe.blocks.base import Block
from campipe.core.errors import CampipeError
from campipe.core.frame import Frame
from campipe.core.pipeline import Pipeline
from campipe.isp import fused
from campipe.isp.clip import Clip, ClipHighlights
from campipe.isp.colour_matrix import ColourMatrix
from campipe.isp.exposure import Exposure
from campipe.isp.levels import Levels
from campipe.isp.srgb import SrgbEncode
from campipe.isp.tone_curve import ToneCurve
from campipe.isp.white_balance import SceneBalance, WhiteBalance

_BAYER = "malvar"  # what `develop` takes by itself


def developing_pipeline(demosaick: str | Block = "malvar", *, clip: bool = True, name: str = "developing") -> Pipeline:
    """From "dn" to "display", each number from the frame's capture.

    The stages: levels, white_balance, clip_highlights, demosaick, colour_matrix, exposure, tone_curve, srgb, clip.

    demosaick   name of a demosaicker, or a block that fills its slot
    clip        False: leave out what cuts off, clip_highlights and clip
    """
    block = make_demosaicker(demosaick, name="demosaick") if isinstance(demosaick, str) else demosaick
    if not isinstance(block, Block) or block.slot != "demosaick":
        raise CampipeError(f"a name or a block of the slot 'demosaick' is needed, but {type(block).__name__} came")
    stages = [
        Levels(),
        WhiteBalance(),
        *([ClipHighlights()] if clip else []),
        block,
        ColourMatrix(),
        Exposure(),
        ToneCurve(),
        SrgbEncode(name="srgb"),
        *([Clip()] if clip else []),
    ]
    return Pipeline(stages, name)


def rendering_pipeline(name: str = "rendering") -> Pipeline:
    """From "scene" to "display", as a camera without noise, colour filter and limits would.

    The stages: white_balance, colour_matrix, exposure, tone_curve, srgb.
    """
    return Pipeline([SceneBalance(name="white_balance"), ColourMatrix(), Exposure(), ToneCurve(), SrgbEncode(name="srgb")], name)


def fitting_demosaicker(raw: Frame) -> str:
    """The name of the demosaicker that `develop` takes for a frame by itself: "malvar", and for X-Trans the first one that there is."""
    pattern = raw.capture.pattern
    if pattern is None or len(pattern) == 4:
        return _BAYER
    return next((name for name in names("demosaick") if "xtrans" in getattr(make_demosaicker(name), "patterns", "bayer")), _BAYER)


def develop(raw: Frame, *, exposure: Any = None, demosaick: str | Block = "auto") -> Frame:
    """Develop a raw frame to a picture, from its capture alone.

    raw         in "dn", with black and white level in its capture; what else is missing there does nothing
    exposure    stops by which linear light is made brighter, a number or (B,); None: as it was taken
    demosaick   name of a demosaicker, or a block that fills its slot; "auto": one that fits the frame's colour filters
    returns     in "display", (B, 3, H, W), clipped to [0, 1]; equal channels where there was no colour filter

    On the CPU, in float32 and where nothing needs a gradient, all of it is one pass (`campipe.isp.fused`).
    Gradient: exact within the limits, 0 where something was cut off.
    """
    return _pipeline(raw, demosaick)(raw, parameters=_parameters(exposure))


def develop_integers(raw: Frame, *, bits: int = 8, exposure: Any = None, demosaick: str | Block = "auto") -> torch.Tensor:
    """Develop a raw frame to the whole numbers that a file of pictures holds, without the picture of floating-point numbers in between.

    bits        8 or 16 per channel
    exposure, demosaick   as for `develop`
    returns     (B, H, W, 3) uint8 or uint16: round(x (2^bits - 1)), half to even, of the picture that `develop` gives

    Raises a CampipeError where the picture holds NaN. Gradient: none.
    """
    if bits not in (8, 16):
        raise CampipeError(f"a picture has 8 or 16 bits, but {bits} came")
    pipeline = _pipeline(raw, demosaick)
    with torch.no_grad():
        shot = pipeline.shot(None, True, None, _parameters(exposure))
        done = fused.integers(pipeline.stages, raw, shot, bits) if isinstance(raw, Frame) else None
        if done is None:
            data = pipeline.root(raw, shot).data.double()
            whole = (data * (2**bits - 1)).round().to(torch.uint8 if bits == 8 else torch.uint16)
            done = whole.movedim(-3, -1), not bool(torch.isfinite(data).all())
    if done[1]:
        raise CampipeError("a picture holds finite values, but NaN came; look for it in the raw numbers")
    return done[0].contiguous()


def render(scene: Frame, *, exposure: Any = None) -> Frame:
    """Render a scene to a picture without a sensor: the exact inverse of `campipe.scenes.photos.unprocess`.

    scene      in "scene", in camera channels
    exposure   stops by which linear light is made brighter, a number or (B,)
    returns    in "display"; neither clipped nor rounded

    Gradient: exact.
    """
    return rendering_pipeline()(scene, parameters=_parameters(exposure))


def _pipeline(raw: Frame, demosaick: str | Block) -> Pipeline:
    if demosaick == "auto":
        demosaick = fitting_demosaicker(raw) if isinstance(raw, Frame) else _BAYER
    return developing_pipeline(demosaick)


def _parameters(exposure: Any) -> dict[str, Any] | None:
    return None if exposure is None else {"exposure.ev": _stops(exposure)}


def _stops(exposure: Any) -> torch.Tensor:
    stops = torch.as_tensor(exposure, dtype=torch.float32) if not isinstance(exposure, torch.Tensor) else exposure
    if not torch.compiler.is_compiling() and not bool(torch.isfinite(stops).all()):
        raise CampipeError(f"exposure is a finite number of stops, but {exposure} came")
    return stops
