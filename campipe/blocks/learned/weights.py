"""Weights of learned blocks: files of 16-bit numbers that say which block and which architecture they belong to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from campipe.core.errors import CampipeError
from campipe.core.resources import find, listing

FORMAT = 1
LARGEST = 3_000_000
"""Bytes that a file of weights has at most: they travel with the project."""

_SUFFIX = ".safetensors"


@dataclass(frozen=True)
class Weights:
    """The weights of a learned block.

    block          slot and name: "demosaick/residual"
    architecture   the plain numbers that the net is built from
    tensors        by name, float32
    about          what the card says in short: budget, data, licence
    """

    block: str
    architecture: Mapping[str, Any]
    tensors: Mapping[str, Tensor]
    about: Mapping[str, str] = field(default_factory=dict)


def write_weights(path: str | Path, weights: Weights) -> Path:
    """Write weights as float16, in one step; a CampipeError where they do not fit into 16 bits, or make more than 3 MB."""
    from safetensors.torch import save

    path = Path(path)
    if path.suffix != _SUFFIX:
        raise CampipeError(f"weights are written as {_SUFFIX}, but {path.name} came; choose that suffix")
    tensors = {name: tensor.detach().to("cpu", torch.float16).contiguous() for name, tensor in weights.tensors.items()}
    bad = [name for name, tensor in tensors.items() if not bool(torch.isfinite(tensor).all())]
    if bad:
        raise CampipeError(f"weights are finite and below 65504, but {bad[0]} is not; take them from an earlier checkpoint")
    written = {"campipe_weights": str(FORMAT), "block": weights.block, "architecture": json.dumps(dict(weights.architecture))}
    content = _ordered(save(tensors, {**dict(weights.about), **written}))
    if len(content) > LARGEST:
        raise CampipeError(f"a file of weights has at most {LARGEST} bytes, but these make {len(content)}; train a smaller net")
    _write(path, content)
    return path


def read_weights(path: str | Path) -> Weights:
    """Read a file of weights; a CampipeError says in one line what is wrong with it."""
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if not path.is_file():
        raise CampipeError(f"a file of weights is needed, but there is no {path}; give the path of one, or train it: campipe train")
    try:
        with safe_open(path, framework="pt") as file:
            about = dict(file.metadata() or {})
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # the file is no dictionary
    except (SafetensorError, OSError, ValueError) as problem:
        raise CampipeError(f"{path} cannot be read as weights ({_line(problem)}); fetch or train them again") from None
    version, block, architecture = (about.pop(name, None) for name in ("campipe_weights", "block", "architecture"))
    if version != str(FORMAT) or block is None or architecture is None:
        raise CampipeError(f"{path} holds no weights of a campipe block of format {FORMAT}; write them with campipe train")
    try:
        numbers = json.loads(architecture)
    except ValueError:
        numbers = None
    if not isinstance(numbers, dict):
        raise CampipeError(f"{path} does not say its architecture; fetch or train the weights again")
    return Weights(block, numbers, tensors, about)


def shipped(name_or_path: str | Path) -> Path:
    """The file of weights that ship under a name, or the path that was given; a CampipeError lists the names there are."""
    path = Path(name_or_path)
    if path.suffix == _SUFFIX or len(path.parts) != 1:
        return path
    try:
        there = listing("data", "weights", suffix=_SUFFIX)
    except CampipeError:
        there = []
    if str(name_or_path) not in there:
        known = ", ".join(there) or "none"
        raise CampipeError(f"no weights {str(name_or_path)!r} ship; there are: {known}; weights=None is the untrained block, its base")
    return find("data", "weights", f"{name_or_path}{_SUFFIX}")


def _ordered(content: bytes) -> bytes:
    """The same file with the entries of its header sorted: the library shuffles them, and equal weights should be equal files."""
    length = int.from_bytes(content[:8], "little")
    header = json.dumps(json.loads(content[8 : 8 + length]), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + content[8 + length :]


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".part-{path.name}")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as problem:
        raise CampipeError(f"{path} cannot be written: {problem.strerror}; choose another place") from None
    finally:
        temporary.unlink(missing_ok=True)


def _line(problem: Exception) -> str:
    return (str(problem).splitlines() or [type(problem).__name__])[0]
