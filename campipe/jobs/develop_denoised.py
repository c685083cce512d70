"""Denoising in developing: where a denoiser of the mosaic stands in a pipeline, and where its noise level comes from."""

from __future__ import annotations

import torch

from campipe.blocks import make
from campipe.core.frame import Frame
from campipe.core.pipeline import Pipeline
from campipe.isp.noise_profile import EstimateNoise
from campipe.isp.white_balance import WhiteBalance

DEFAULT = "raw_unet"
"""The denoiser that is taken where none is named."""

_ESTIMATE = "estimate_noise"


def with_denoiser(pipeline: Pipeline, name: str) -> Pipeline:
    """The pipeline with a denoiser of the mosaic.

    pipeline   from "dn" to "display"
    name       of the denoiser

    It takes the place of the pipeline's own one, where that stands before the demosaicker. Otherwise it stands in front of white balance,
    behind what corrects defects; where nothing but the levels comes before, in front of those, so that the rest is one pass. The noise
    profile is estimated where the capture has none.
    """
    stages = list(pipeline.stages)
    slots = [getattr(stage, "slot", "") for stage in stages]
    end = slots.index("demosaick") if "demosaick" in slots else len(stages)
    if "denoise" in slots[:end]:
        place = slots.index("denoise")
        changed = pipeline.replaced(make("denoise", name, name=stages[place].name))
    else:
        balance = [i for i, stage in enumerate(stages[:end]) if isinstance(stage, WhiteBalance)]
        place = balance[0] if balance else min(end, len(stages) - 1)
        place = 0 if place == 1 else place
        changed = pipeline.inserted(make("denoise", name, name="denoise"), before=stages[place].name)
    if any(isinstance(stage, EstimateNoise) for stage in stages[:place]):
        return changed
    return changed.inserted(EstimateNoise(name=_ESTIMATE), before=changed.stages[place].name)


@torch.no_grad()
def denoised(frame: Frame, pipeline: Pipeline) -> Frame:
    """What the plain chain develops: the frame as it comes out of the stages that `with_denoiser` put in front, if it did."""
    for stage in pipeline.stages:
        if not isinstance(stage, EstimateNoise) and getattr(stage, "slot", "") != "denoise":
            return frame
        frame = stage(frame)
    return frame


def noise_source(name: str, frame: Frame) -> str:
    """A sentence: what denoised, and where its noise level came from."""
    if frame.capture.noise is not None:
        return f"denoised by {name}, with the noise profile of the file"
    return f"denoised by {name}, with a noise profile estimated from the picture, since the file has none"
