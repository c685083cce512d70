"""Scenes from photos: the rendering of a camera undone, exactly."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from campipe.core.errors import CampipeError, ShapeError, SpaceError
from campipe.core.frame import Capture, Frame
from campipe.core.shot import Shot
from campipe.core.stage import Stage
from campipe.ops.axes import per_channel, per_item
from campipe.ops.colour import apply_matrix, inverse, luminance, srgb_decode
from campipe.ops.tone import tone_curve_inverse

_IDENTITY = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


def unprocess(
    photo: Frame,
    *,
    wb: Any = None,
    cam_to_srgb: Any = None,
    cam_to_xyz: Any = None,
    tone: Any = 0.0,
    brightness: Any = 1.0,
    mono: bool = False,
) -> Frame:
    """Turn a photo into the scene light that a camera would have rendered to it.

    photo         in "display", sRGB, or "linear" before its encoding, (B, 3, H, W)
    wb            (3,) or (B, 3), white-balance gains, green = 1; None: 1
    cam_to_srgb   (3, 3) or (B, 3, 3), white-balanced camera RGB to linear sRGB, rows sum to 1; None: the identity
    cam_to_xyz    (3, 3) or (B, 3, 3), to XYZ (D50), or None: only noted in the capture
    tone          () or (B,), strength of the tone curve, 0 to 1
    brightness    () or (B,), factor on linear light, above 0
    mono          True: the luminance that a camera without colour filters sees, (B, 1, H, W); no white balance and no matrices
    returns       in "scene", with what was undone in its capture; rendering it gives the photo back (of a mono scene: its grey picture)

    Undone are, in this order: sRGB encoding, tone curve, brightness, colour matrix, white balance. Colours that the camera cannot see come
    out negative, and stay so. Gradient: exact but at the ends of a tone curve of strength 1 (see `tone_curve_inverse`).
    """
    photo.expect("display", "linear")
    if photo.capture.colour_space != "srgb":
        raise SpaceError(
            f"a photo in srgb is needed, but one in {photo.capture.colour_space} came; isp.Decode() brings it to linear sRGB"
        )
    if photo.data.shape[-3] != 3 and not mono:
        raise ShapeError(f"a photo to be unprocessed has 3 channels, but {photo.data.shape[-3]} came; repeat the grey one three times")
    given: dict[str, tuple[Any, tuple[int, ...]]] = {"tone": (tone, ()), "brightness": (brightness, ())}
    if not mono:
        given |= {"wb": (wb, (3,)), "cam_to_srgb": (cam_to_srgb, (3, 3)), "cam_to_xyz": (cam_to_xyz, (3, 3))}
    entries = {name: _rows(value, photo, *shape) for name, (value, shape) in given.items() if value is not None}
    if not torch.compiler.is_compiling():
        _check(entries)
    ndim, numbers = photo.data.ndim, {name: value.to(photo.data.dtype) for name, value in entries.items()}
    toned = srgb_decode(photo.data) if photo.space == "display" else photo.data
    light = tone_curve_inverse(toned, per_item(numbers["tone"], ndim)) / per_item(numbers["brightness"], ndim)
    if mono:
        light = luminance(light) if light.shape[-3] == 3 else light
    if "cam_to_srgb" in numbers:
        light = apply_matrix(light, inverse(numbers["cam_to_srgb"]))
    if "wb" in numbers:
        light = light / per_channel(numbers["wb"], ndim)
    return photo.replace(light, space="scene", capture=photo.capture.replace(**entries))


class Unprocess(Stage):
    """`unprocess` as a stage: from a photo to the scene that a camera would have rendered to it.

    wb            (3,), white-balance gains, green = 1
    cam_to_srgb   (3, 3), white-balanced camera RGB to linear sRGB, rows sum to 1
    tone          strength of the tone curve, 0 to 1
    brightness    factor on linear light

    Gradient: as that of `unprocess`.
    """

    reads = ("display", "linear")
    writes = "scene"

    def __init__(
        self, wb: Any = (1.0, 1.0, 1.0), cam_to_srgb: Any = _IDENTITY, tone: float = 0.0, brightness: float = 1.0, name: str | None = None
    ) -> None:
        super().__init__(name)
        self.number("wb", wb, positive=True)
        self.number("cam_to_srgb", cam_to_srgb)
        self.number("tone", tone)
        self.number("brightness", brightness, positive=True)

    def transform(self, frame: Frame, shot: Shot) -> Frame:
        return unprocess(frame, **self._numbers(frame, shot))

    def annotate(self, capture: Capture, frame: Frame, shot: Shot) -> Capture:
        return capture.replace(**self._numbers(frame, shot))

    def _numbers(self, frame: Frame, shot: Shot) -> dict[str, Any]:
        shapes: dict[str, tuple[int, ...]] = {"wb": (3,), "cam_to_srgb": (3, 3), "tone": (), "brightness": ()}
        return {name: self.value(name, frame, shot).reshape(-1, *shape).expand(frame.batch, *shape) for name, shape in shapes.items()}


def _rows(value: Any, photo: Frame, *shape: int) -> Tensor:
    """A number, or one per item, as (B,) + shape."""
    tensor = value if isinstance(value, Tensor) else torch.as_tensor(value, dtype=torch.float32)
    tensor = tensor.to(photo.data.device)
    if tuple(tensor.shape) == shape:
        tensor = tensor[None]
    if tuple(tensor.shape[1:]) != shape or tensor.shape[0] not in (1, photo.batch):
        raise ShapeError(f"unprocessing takes numbers of shape {shape} or {(photo.batch, *shape)}, but {tuple(tensor.shape)} came")
    return tensor.expand(photo.batch, *shape)


def _check(numbers: dict[str, Tensor]) -> None:
    for name in numbers.keys() & {"wb", "brightness"}:
        if not bool((numbers[name] > 0).all()):
            raise CampipeError(f"{name} is above 0, but {numbers[name].tolist()} came")
    if not bool(((numbers["tone"] >= 0) & (numbers["tone"] <= 1)).all()):
        raise CampipeError(f"the strength of a tone curve is from 0 to 1, but {numbers['tone'].tolist()} came")
