"""The one list of parts that a recipe can name by `kind`. Nothing is ever looked up by an import path that stands in a recipe."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from campipe.core.errors import RecipeError
from campipe.core.stage import Stage

SHIPPED = {
    "unprocess": "campipe.scenes:Unprocess",
    "gaussian_blur": "campipe.optics:GaussianBlur",
    "vignetting": "campipe.optics:Vignetting",
    "polynomial_vignetting": "campipe.optics:PolynomialVignetting",
    "exposure": "campipe.sensor:Exposure",
    "frame_sensor": "campipe.sensor:FrameSensor",
    "color_filter_array": "campipe.sensor:ColorFilterArray",
    "quantum_efficiency": "campipe.sensor:QuantumEfficiency",
    "prnu": "campipe.sensor:Prnu",
    "dark_current": "campipe.sensor:DarkCurrent",
    "shot_noise": "campipe.sensor:ShotNoise",
    "full_well": "campipe.sensor:FullWell",
    "dsnu": "campipe.sensor:Dsnu",
    "read_noise": "campipe.sensor:ReadNoise",
    "row_noise": "campipe.sensor:RowNoise",
    "gain": "campipe.sensor:Gain",
    "black_level": "campipe.sensor:BlackLevel",
    "adc": "campipe.sensor:Adc",
    "linearise": "campipe.isp:Linearise",
    "levels": "campipe.isp:Levels",
    "estimate_noise": "campipe.isp:EstimateNoise",
    "correct_defects": "campipe.isp:CorrectDefects",
    "correct_shading": "campipe.isp:CorrectShading",
    "equalise_greens": "campipe.isp:EqualiseGreens",
    "white_balance": "campipe.isp:WhiteBalance",
    "auto_white_balance": "campipe.isp:AutoWhiteBalance",
    "temperature_balance": "campipe.isp:TemperatureBalance",
    "scene_balance": "campipe.isp:SceneBalance",
    "clip_highlights": "campipe.isp:ClipHighlights",
    "recover_highlights": "campipe.isp:RecoverHighlights",
    "bilinear": "campipe.blocks.demosaicking:Bilinear",
    "malvar": "campipe.blocks.demosaicking:Malvar",
    "hamilton_adams": "campipe.blocks.demosaicking:HamiltonAdams",
    "menon": "campipe.blocks.demosaicking:Menon",
    "residual": "campipe.blocks.demosaicking:Residual",
    "joint": "campipe.blocks.demosaicking.joint:Joint",
    "rtf": "campipe.blocks.demosaicking.regression_tree:RegressionTree",
    "wiener": "campipe.blocks.demosaicking:Wiener",
    "wiener_deblur": "campipe.blocks.deblurring:Wiener",
    "richardson_lucy": "campipe.blocks.deblurring:RichardsonLucy",
    "hyper_laplacian": "campipe.blocks.deblurring:HyperLaplacian",
    "blind_deblur": "campipe.blocks.deblurring:Blind",
    "bilateral": "campipe.blocks.denoising:Bilateral",
    "bm3d": "campipe.blocks.denoising:BlockMatching",
    "dct": "campipe.blocks.denoising:SlidingDct",
    "dct_dictionary": "campipe.blocks.denoising:DctDictionary",
    "trained_dictionary": "campipe.blocks.denoising:TrainedDictionary",
    "ksvd": "campipe.blocks.denoising:Ksvd",
    "fourier": "campipe.blocks.denoising:FourierThreshold",
    "guided": "campipe.blocks.denoising:Guided",
    "nlm": "campipe.blocks.denoising:NonLocalMeans",
    "tv": "campipe.blocks.denoising:TotalVariation",
    "unet_denoise": "campipe.blocks.denoising:Unet",
    "raw_unet_denoise": "campipe.blocks.denoising:RawUnet",
    "wavelet": "campipe.blocks.denoising:Wavelet",
    "colour_matrix": "campipe.isp:ColourMatrix",
    "dual_illuminant_matrix": "campipe.isp:DualIlluminantMatrix",
    "brightness": "campipe.isp:Exposure",
    "tone_curve": "campipe.isp:ToneCurve",
    "linear_curve": "campipe.isp:LinearCurve",
    "power_curve": "campipe.isp:PowerCurve",
    "filmic_curve": "campipe.isp:FilmicCurve",
    "points_curve": "campipe.isp:PointsCurve",
    "local_tone": "campipe.isp:LocalTone",
    "saturation": "campipe.isp:Saturation",
    "unsharp_mask": "campipe.isp:UnsharpMask",
    "guided_sharpen": "campipe.isp:GuidedSharpen",
    "chroma_denoise": "campipe.isp:ChromaDenoise",
    "srgb": "campipe.isp:SrgbEncode",
    "encode": "campipe.isp:Encode",
    "decode": "campipe.isp:Decode",
    "clip": "campipe.isp:Clip",
    "jpeg": "campipe.isp:Jpeg",
}

_own: dict[str, type[Stage]] = {}


def register(kind: str, cls: type[Stage]) -> type[Stage]:
    """Let recipes name a stage or block of one's own: `cp.register("banding", Banding)`; then `kind: banding`.

    kind   lower-case letters, digits and underscores
    cls    a Stage whose arguments become the keys of the recipe; several worker processes need it in an importable module

    Registering the same class again changes nothing. Raises RecipeError for a kind that stands for another class.
    """
    if not isinstance(kind, str) or not re.fullmatch(r"[a-z][a-z0-9_]*", kind):
        raise RecipeError(f"a kind is lower-case letters, digits and underscores, such as 'banding', but {kind!r} came")
    if not (isinstance(cls, type) and issubclass(cls, Stage)):
        raise RecipeError(f"a kind stands for a subclass of Stage, but {cls!r} came")
    if kind in SHIPPED:
        raise RecipeError(f"the kind {kind!r} ships with campipe; choose another name")
    known = _own.get(kind)
    if known is not None and (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
        raise RecipeError(f"the kind {kind!r} already stands for {known.__qualname__}; choose another name")
    _own[kind] = cls
    return cls


def kinds() -> dict[str, type[Stage]]:
    """Every part that a recipe can name, by kind."""
    return {kind: resolve(kind) for kind in sorted([*SHIPPED, *_own])}


def resolve(kind: str) -> type[Stage]:
    """The class of a kind; a RecipeError suggests the nearest name."""
    if kind in _own:
        return _own[kind]
    if kind not in SHIPPED:
        names = sorted([*SHIPPED, *_own])
        near = get_close_matches(str(kind), names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names)}"
        raise RecipeError(f"there is no part {kind!r}; {hint} (a part of your own: cp.register({str(kind)!r}, YourStage))")
    module, name = SHIPPED[kind].split(":")
    return getattr(importlib.import_module(module), name)


def arguments(cls: type[Stage]) -> Mapping[str, inspect.Parameter]:
    """What can be given to a part: its class's arguments without the name."""
    found = dict(inspect.signature(cls).parameters)
    found.pop("name", None)
    return found


def check_arguments(cls: type[Stage], given: Mapping[str, Any]) -> tuple[str, str] | None:
    """(argument, complaint) for the first one that the class does not take or that it lacks; None if all is well."""
    known = arguments(cls)
    free = any(p.kind is p.VAR_KEYWORD for p in known.values())
    for name in given:
        if name not in known and not free:
            near = get_close_matches(str(name), known, n=1)
            return name, "unknown key; " + (f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known) or 'none'}")
    for name, parameter in known.items():
        needed = parameter.default is parameter.empty and parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
        if needed and name not in given:
            return name, "missing"
    return None
