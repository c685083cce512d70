"""Scenes from photos: the rendering of a camera undone, exactly."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from campipe.core.errors import CampipeError, ShapeError
from campipe.core.frame import Capture, Frame
from campipe.core.stage import Shot, Stage
from campipe.ops.axes import per_channel, per_item
from campipe.ops.colour import apply_matrix, inverse, srgb_decode
from campipe.ops.tone import tone_curve_inverse

_IDENTITY = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


def unprocess(photo: Frame, *, wb: Any, cam_to_srgb: Any, cam_to_xyz: Any = None, tone: Any = 0.0, brightness: Any = 1.0) -> Frame:
    """Turn a photo into the scene light that a camera would have rendered to it.

    photo         in "display", (B, 3, H, W)
    wb            (3,) or (B, 3), white-balance gains, green = 1
    cam_to_srgb   (3, 3) or (B, 3, 3), white-balanced camera RGB to linear sRGB, rows sum to 1
    cam_to_xyz    (3, 3) or (B, 3, 3), to XYZ (D50), or None: only noted in the capture
    tone          () or (B,), strength of the tone curve, 0 to 1
    brightness    () or (B,), factor on linear light, above 0
    returns       in "scene", with all of these in its capture; rendering it gives the photo back

    Undone are, in this order: sRGB encoding, tone curve, brightness, colour matrix, white balance. Colours that the camera cannot see come out
    negative, and stay so. Gradient: exact but at the ends of a tone curve of strength 1 (see `tone_curve_inverse`).
    """
    photo.expect("display")
    if photo.data.shape[-3] != 3:
        raise ShapeError(f"a photo to be unprocessed has 3 channels, but {photo.data.shape[-3]} came; repeat the grey one three times")
    entries = {"wb": _rows(wb, photo, 3), "cam_to_srgb": _rows(cam_to_srgb, photo, 3, 3), "tone": _rows(tone, photo), "brightness": _rows(brightness, photo)}
    if cam_to_xyz is not None:
        entries["cam_to_xyz"] = _rows(cam_to_xyz, photo, 3, 3)
    if not torch.compiler.is_compiling():
        _check(entries)
    ndim, numbers = photo.data.ndim, {name: value.to(photo.data.dtype) for name, value in entries.items()}
    linear = tone_curve_inverse(srgb_decode(photo.data), per_item(numbers["tone"], ndim)) / per_item(numbers["brightness"], ndim)
    scene = apply_matrix(linear, inverse(numbers["cam_to_srgb"])) / per_channel(numbers["wb"], ndim)
    return photo.replace(scene, space="scene", **entries)


class Unprocess(Stage):
    """`unprocess` as a stage: from a photo to the scene that a camera would have rendered to it.

    wb            (3,), white-balance gains, green = 1
    cam_to_srgb   (3, 3), white-balanced camera RGB to linear sRGB, rows sum to 1
    tone          strength of the tone curve, 0 to 1
    brightness    factor on linear light

    Gradient: as that of `unprocess`.
    """

    reads = ("display",)
    writes = "scene"

    def __init__(
        self, wb: Any = (1.0, 1.0, 1.0), cam_to_srgb: Any = _IDENTITY, tone: float = 0.0, brightness: float = 1.0, name: str | None = None
    ) -> None:
        super().__init__(name)
        self.number("wb", wb, positive=True)
        self.number("cam_to_srgb", cam_to_srgb)
        self.number("tone", tone)
        self.number("brightness", brightness, positive=True)

    def apply(self, frame: Frame, shot: Shot) -> Frame:
        return unprocess(frame, **self._numbers(frame, shot))

    def annotate(self, capture: Capture, frame: Frame, shot: Shot) -> Capture:
        return capture.replace(**self._numbers(frame, shot))

    def _numbers(self, frame: Frame, shot: Shot) -> dict[str, Tensor]:
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
    if not bool((numbers["wb"] > 0).all()):
        raise CampipeError(f"white-balance gains are above 0, but {numbers['wb'].tolist()} came")
    if not bool((numbers["brightness"] > 0).all()):
        raise CampipeError(f"brightness is above 0, but {numbers['brightness'].tolist()} came")
    if not bool(((numbers["tone"] >= 0) & (numbers["tone"] <= 1)).all()):
        raise CampipeError(f"the strength of a tone curve is from 0 to 1, but {numbers['tone'].tolist()} came")
