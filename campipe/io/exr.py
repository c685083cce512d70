"""Scene-linear pictures: OpenEXR in and out, through the OpenEXR package."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import torch
from torch import Tensor

from campipe.core.errors import RawFileError, SpaceError
from campipe.core.frame import Frame
from campipe.io.atomic import appearing
from campipe.io.checks import existing, single
from campipe.ops.colour import adaptation, apply_matrix

REC709 = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)
"""x and y of red, green, blue and white: Rec. ITU-R BT.709-6, table 1; what OpenEXR assumes where a file says nothing."""
_SPACE = "campipeSpace"  # attribute of files that hold something else than linear sRGB
_FLOAT_SPACES = ("scene", "camera", "linear")


def read_exr(path: str | os.PathLike[str]) -> Frame:
    """Read a scene-linear picture.

    returns   in "linear", (1, 3, H, W) float32, nothing clipped; in "scene" or "camera" if `write_exr` put such a frame there

    Grey is repeated. Other primaries than those of Rec. 709 are converted, with Bradford adaptation between the whites. Alpha is
    refused unless it is the same everywhere (photos come with 1, and with 0). Raises RawFileError for damaged files and for channels
    other than R, G, B or Y.
    """
    import OpenEXR

    path = existing(path)
    try:
        with OpenEXR.File(os.fspath(path)) as file:
            header, channels = dict(file.header()), {name: np.asarray(c.pixels) for name, c in file.channels().items()}
    except (RuntimeError, TypeError, ValueError) as problem:
        raise RawFileError(f"{path} is no whole OpenEXR file; save or copy it again") from problem
    data = torch.from_numpy(_colours(channels, path).astype(np.float32)).permute(2, 0, 1)[None].contiguous()
    space = header.get(_SPACE, "linear")
    if space not in _FLOAT_SPACES:
        raise RawFileError(f"{path} says that it holds {space!r}, but an OpenEXR file holds one of {', '.join(_FLOAT_SPACES)}")
    primaries = tuple(float(value) for value in header.get("chromaticities", REC709))
    if space != "linear" or np.allclose(primaries, REC709, atol=1e-3):
        return Frame(data, space)
    try:
        matrix = _to_srgb(primaries)
    except RuntimeError:
        raise RawFileError(f"{path} gives {primaries} as its primaries, which span no colours; correct its chromaticities") from None
    return Frame(apply_matrix(data.double(), matrix).float(), space)


def write_exr(path: str | os.PathLike[str], frame: Frame, *, half: bool = False) -> None:
    """Write a linear picture, without its capture (`campipe.io.frames` keeps it).

    frame   one item of 1 or 3 channels in "linear", "scene" or "camera"; nothing is clipped
    half    True: 16-bit floats, relative step 2^-11, up to 65504; False: 32-bit floats, exact for float32

    ZIP compression, which loses nothing.
    """
    import OpenEXR

    if frame.space not in _FLOAT_SPACES:
        raise SpaceError(f"an OpenEXR file holds a frame in {', '.join(_FLOAT_SPACES)}, but one in {frame.space!r} came")
    if single(frame, path).data.shape[1] not in (1, 3):
        raise RawFileError(f"an OpenEXR file holds 1 or 3 channels, but {frame.data.shape[1]} came; write .safetensors instead")
    pixels = frame.data[0].detach().float().cpu().permute(1, 2, 0).numpy().astype(np.float16 if half else np.float32)
    header: dict[str, Any] = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage, _SPACE: frame.space}
    if frame.space == "linear":
        header["chromaticities"] = REC709
    channels = {"RGB": np.ascontiguousarray(pixels)} if pixels.shape[2] == 3 else {"Y": np.ascontiguousarray(pixels[..., 0])}
    with appearing(path) as temporary:
        try:
            OpenEXR.File(header, channels).write(os.fspath(temporary))
        except RuntimeError as problem:  # the package gives system errors as text only
            raise RawFileError(f"{path} cannot be written: {problem}; write somewhere else") from problem


def _colours(channels: dict[str, np.ndarray], path: Any) -> np.ndarray:
    """(H, W, 3) of the channels of a file, float16 or float32."""
    # The package gives R, G, B (and A) as one array, named after its letters.
    merged = next((name for name in ("RGB", "RGBA") if name in channels), None)
    if merged is None and "Y" in channels and not {"RY", "BY"} & channels.keys():
        colours, alpha = channels["Y"][..., None].repeat(3, axis=2), channels.get("A")
    elif merged:
        colours, alpha = channels[merged][..., :3], channels[merged][..., 3:]
    else:
        raise RawFileError(f"{path} has the channels {', '.join(channels)}, but R, G, B or Y are needed; convert it first")
    if alpha is not None and alpha.size and np.ptp(alpha):
        raise RawFileError(f"{path} is transparent in places; put it on a background and save it without alpha")
    return colours


def _to_srgb(primaries: tuple[float, ...]) -> Tensor:
    """(3, 3) float64, linear RGB of the given x, y of red, green, blue and white to linear sRGB."""
    (source, white), (target, d65) = _to_xyz(primaries), _to_xyz(REC709)
    return torch.linalg.inv(target) @ adaptation(white, d65) @ source


def _to_xyz(primaries: tuple[float, ...]) -> tuple[Tensor, Tensor]:
    """Matrix (3, 3) from linear RGB to XYZ, and XYZ of the white (3,), float64."""
    x, y = torch.tensor(primaries, dtype=torch.float64).reshape(4, 2).T
    xyz = torch.stack([x / y, torch.ones(4, dtype=torch.float64), (1 - x - y) / y])
    return xyz[:, :3] * torch.linalg.solve(xyz[:, :3], xyz[:, 3]), xyz[:, 3]
