"""Developing: from raw numbers to a picture, from the capture alone; and rendering: from a scene to a picture without a sensor."""

from __future__ import annotations

from typing import Any

import torch

from campipe.blocks import demosaick as make_demosaicker
from campipe.blocks.base import Block
from campipe.core.errors import CampipeError
from campipe.core.frame import Frame
from campipe.core.pipeline import Pipeline
from campipe.isp.clip import Clip, ClipHighlights
from campipe.isp.colour_matrix import ColourMatrix
from campipe.isp.exposure import Exposure
from campipe.isp.levels import Levels
from campipe.isp.srgb import SrgbEncode
from campipe.isp.tone_curve import ToneCurve
from campipe.isp.white_balance import SceneBalance, WhiteBalance


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


def develop(raw: Frame, *, exposure: Any = None, demosaick: str | Block = "malvar") -> Frame:
    """Develop a raw frame to a picture, from its capture alone.

    raw         in "dn", with black and white level in its capture; what else is missing there does nothing
    exposure    stops by which linear light is made brighter, a number or (B,); None: as it was taken
    demosaick   name of a demosaicker, or a block that fills its slot
    returns     in "display", (B, 3, H, W), clipped to [0, 1]; equal channels where there was no colour filter

    Gradient: exact within the limits, 0 where something was cut off.
    """
    parameters = None if exposure is None else {"exposure.ev": _stops(exposure)}
    return developing_pipeline(demosaick)(raw, parameters=parameters)


def render(scene: Frame, *, exposure: Any = None) -> Frame:
    """Render a scene to a picture without a sensor: the exact inverse of `campipe.scenes.photos.unprocess`.

    scene      in "scene", in camera channels
    exposure   stops by which linear light is made brighter, a number or (B,)
    returns    in "display"; neither clipped nor rounded

    Gradient: exact.
    """
    parameters = None if exposure is None else {"exposure.ev": _stops(exposure)}
    return rendering_pipeline()(scene, parameters=parameters)


def _stops(exposure: Any) -> torch.Tensor:
    stops = torch.as_tensor(exposure, dtype=torch.float32) if not isinstance(exposure, torch.Tensor) else exposure
    if not torch.compiler.is_compiling() and not bool(torch.isfinite(stops).all()):
        raise CampipeError(f"exposure is a finite number of stops, but {exposure} came")
    return stops
