"""Frames on disk with nothing lost: any space, any precision, the whole capture. One safetensors file each."""

from __future__ import annotations

import json
import os
from dataclasses import fields
from typing import Any

import torch

from campipe.core.errors import CampipeError, RawFileError
from campipe.core.frame import Capture, Frame
from campipe.io.atomic import write_bytes
from campipe.io.checks import existing

FORMAT = 1
"""Number of the layout described in `save_frame`; a file with another one is refused."""
_HEADER = "campipe"


def save_frame(path: str | os.PathLike[str], frame: Frame) -> None:
    """Write a frame with its capture, bit by bit, for `load_frame`.

    path    name of the file, usually with the suffix .safetensors
    frame   any frame, batches and views included; it is written detached and from the CPU

    The file holds the tensor "data" and one "capture.<name>" for each number that is known; the header's metadata has one entry
    "campipe", a JSON object of format, space and the entries that are no numbers: pattern, camera, absolute.
    """
    from safetensors.torch import save

    known = frame.capture.tensors()
    # Cloned: a number that was expanded along the batch shares its memory, which the format refuses.
    tensors = {"data": frame.data, **{f"capture.{name}": value for name, value in known.items()}}
    plain = {name: value.detach().cpu().clone(memory_format=torch.contiguous_format) for name, value in tensors.items()}
    static = {
        f.name: getattr(frame.capture, f.name)
        for f in fields(Capture)
        if f.name not in known and getattr(frame.capture, f.name) is not None
    }
    header = {"format": FORMAT, "space": frame.space, **static}
    write_bytes(path, save(plain, metadata={_HEADER: json.dumps(header, sort_keys=True)}))


def load_frame(path: str | os.PathLike[str]) -> Frame:
    """Read a frame that `save_frame` wrote, on the CPU. Raises RawFileError when the file is damaged or holds something else."""
    from safetensors import SafetensorError, safe_open

    path = existing(path)
    try:
        with safe_open(path, "pt") as file:
            header: dict[str, Any] = json.loads((file.metadata() or {}).get(_HEADER, "null"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, json.JSONDecodeError) as problem:
        raise RawFileError(f"{path} is no whole safetensors file ({problem}); write it again") from problem
    if not isinstance(header, dict) or "data" not in tensors:
        raise RawFileError(f"{path} holds tensors but no frame; frames are written by campipe.write")
    if header.pop("format", None) != FORMAT:
        raise RawFileError(f"{path} was written in another format than {FORMAT}, by a newer campipe; read it with that one")
    data, space = tensors.pop("data"), header.pop("space", "")
    try:
        return Frame(data, space, Capture(**header, **{name.removeprefix("capture."): value for name, value in tensors.items()}))
    except (CampipeError, TypeError) as problem:
        raise RawFileError(f"{path} does not hold a frame that this campipe knows ({problem}); write it again") from problem
