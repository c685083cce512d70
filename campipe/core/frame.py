"""Frame: a batch of images that knows where on the light path it stands; Capture: what the camera knows about the shot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from campipe.core import pattern as patterns
from campipe.core.errors import CampipeError, ShapeError, SpaceError
from campipe.core.random import Grid, Key
from campipe.core.spaces import space as space_row

_STATIC = ("pattern", "camera", "absolute", "colour_space")
_WHOLE = ("item", "frame", "serial", "origin")  # whole numbers, int64
_TABLES = {"black_level": 3, "white_level": 3, "gain": 3, "noise": 4}  # with so many axes, the last two are positions of the pattern


@dataclass(frozen=True)
class Capture:
    """What the camera knows about the shot. Each number is a tensor with a batch axis, or None: not known.

    pattern        colour filters as the frame's pixel (0, 0) sees them, static; None: no filter
    camera         name of the camera, static
    absolute       True: a scene in absolute units, static
    colour_space   primaries and transfer function of a frame in "display": "srgb", "display-p3" or "rec2020", static
    black_level    (B,) or (B, h, w) per position of the pattern, DN
    white_level    (B,) or (B, h, w), DN
    gain           (B,) or (B, h, w), DN/e-
    seconds        (B,), s
    iso            (B,)
    serial         (B,) the individual sensor
    item, frame    (B,) number of the item in its data set, and of the frame (the first along T)
    origin         (B, 2) (y, x) of pixel (0, 0) on the sensor
    wb             (B, 3) white-balance gains, green = 1
    cam_to_xyz     (B, 3, 3) white-balanced camera RGB to CIE XYZ (D50)
    cam_to_srgb    (B, 3, 3) white-balanced camera RGB to linear sRGB, rows sum to 1
    noise          (B, 2), (B, 2, h, w) or (B, 2, C): S and O of the DNG specification, variance = S x + O with x in [0, 1]
    tone           (B,) strength of the tone curve that rendering applies
    brightness     (B,) factor on linear light that rendering applies
    clamped        (B,) fraction of scene values that were below 0 and were clamped on the way to photons
    wavelengths    (B, C), nm
    """

    pattern: str | None = None
    camera: str | None = None
    absolute: bool = False
    colour_space: str = "srgb"
    black_level: Tensor | None = None
    white_level: Tensor | None = None
    gain: Tensor | None = None
    seconds: Tensor | None = None
    iso: Tensor | None = None
    serial: Tensor | None = None
    item: Tensor | None = None
    frame: Tensor | None = None
    origin: Tensor | None = None
    wb: Tensor | None = None
    cam_to_xyz: Tensor | None = None
    cam_to_srgb: Tensor | None = None
    noise: Tensor | None = None
    tone: Tensor | None = None
    brightness: Tensor | None = None
    clamped: Tensor | None = None
    wavelengths: Tensor | None = None

    def replace(self, **changes: Any) -> Capture:
        """Return a copy with the named entries changed."""
        unknown = changes.keys() - _NAMES
        if unknown:
            raise CampipeError(f"a capture has no entry {sorted(unknown)[0]!r}; it has {', '.join(sorted(_NAMES))}")
        # dataclasses.replace takes ten times as long, and frames are copied at every stage.
        copy = object.__new__(Capture)
        copy.__dict__.update(self.__dict__, **changes)
        return copy

    def tensors(self) -> dict[str, Tensor]:
        """The entries that are known, without the static ones."""
        return {name: value for name in _ENTRIES if (value := getattr(self, name)) is not None}

    def batched(self, batch: int, device: torch.device) -> Capture:
        """Return a copy in which every number has the batch axis; a ShapeError names the entry that does not fit."""
        patterns.check(self.pattern)
        changes: dict[str, Tensor] = {}
        for name, value in self.tensors().items():
            if isinstance(value, Tensor) and value.ndim and value.shape[0] == batch and value.device == device and name not in _WHOLE:
                continue
            kind = torch.int64 if name in _WHOLE else None
            tensor = value if isinstance(value, Tensor) else torch.as_tensor(value, dtype=kind or torch.float32)
            tensor = tensor.to(device, kind or tensor.dtype)
            if tensor.ndim == 0:
                tensor = tensor.expand(batch)
            elif tensor.shape[0] == 1 and batch > 1:
                tensor = tensor.expand(batch, *tensor.shape[1:])
            if tensor.shape[0] != batch:
                raise ShapeError(f"capture.{name} needs {batch} rows, one per item, but its shape is {tuple(tensor.shape)}")
            if tensor is not value:
                changes[name] = tensor
        return self.replace(**changes) if changes else self


_NAMES = frozenset(f.name for f in fields(Capture))
_ENTRIES = tuple(f.name for f in fields(Capture) if f.name not in _STATIC)


@dataclass(frozen=True)
class Frame:
    """A batch of images at one place of the light path.

    data      (B, C, H, W), or (B, V, T, C, H, W) with views and times; floating point
    space     name of the place, which fixes the unit (`campipe.core.spaces`)
    capture   what the camera knows about the shot
    """

    data: Tensor
    space: str
    capture: Capture = Capture()

    def __post_init__(self) -> None:
        row = space_row(self.space)
        if not isinstance(self.data, Tensor) or not self.data.is_floating_point():
            came = self.data.dtype if isinstance(self.data, Tensor) else type(self.data).__name__
            raise ShapeError(f"a frame holds a floating-point tensor, but {came} came; convert it with .float()")
        if self.data.ndim not in (4, 6):
            raise ShapeError(f"a frame is (B, C, H, W) or (B, V, T, C, H, W), but the shape is {tuple(self.data.shape)}")
        if row.channels and self.data.shape[-3] not in row.channels:
            wanted = " or ".join(map(str, row.channels))
            raise ShapeError(f"a frame in {self.space!r} has {wanted} channels, but the shape is {tuple(self.data.shape)}")
        if min(self.data.shape) < 1:
            raise ShapeError(f"a frame is not empty, but the shape is {tuple(self.data.shape)}")
        object.__setattr__(self, "capture", self.capture.batched(self.data.shape[0], self.data.device))

    @property
    def batch(self) -> int:
        return self.data.shape[0]

    @property
    def height(self) -> int:
        return self.data.shape[-2]

    @property
    def width(self) -> int:
        return self.data.shape[-1]

    def __repr__(self) -> str:
        known = ", ".join([*(["pattern"] if self.capture.pattern else []), *self.capture.tensors()])
        return f"Frame({self.space}, {tuple(self.data.shape)}, {self.data.dtype}; capture: {known or 'nothing'})"

    def replace(self, data: Tensor | None = None, space: str | None = None, capture: Capture | None = None, **entries: Any) -> Frame:
        """Return a copy with other data, space or capture; further keywords change single entries of the capture."""
        capture = self.capture if capture is None else capture
        capture = capture.replace(**entries) if entries else capture
        return Frame(self.data if data is None else data, self.space if space is None else space, capture)

    def known(self, data: Tensor, space: str, capture: Capture) -> Frame:
        """As `replace`, for data and entries that are known to fit: nothing is checked."""
        return _unchecked(data, space, capture)

    def expect(self, *spaces: str) -> Frame:
        """Return the frame itself, or raise a SpaceError when it stands elsewhere."""
        if self.space not in spaces:
            raise SpaceError(f"a frame in {' or '.join(map(repr, spaces))} is needed, but one in {self.space!r} came")
        return self

    def item(self, index: int) -> Frame:
        """Return one item of the batch as a frame with a batch of 1."""
        if not -self.batch <= index < self.batch:
            raise ShapeError(f"the batch has {self.batch} items, but item {index} was asked for")
        index %= self.batch
        one = self.map(lambda t: t[index : index + 1])
        # It keeps its number, and with it its draws.
        return one if self.capture.item is not None else one.replace(item=torch.tensor([index]))

    def map(self, change: Any) -> Frame:
        """Return the frame with `change` applied to every tensor that it holds."""
        leaves, spec = pytree.tree_flatten(self)
        return pytree.tree_unflatten([change(leaf) for leaf in leaves], spec)

    def to(self, device: Any) -> Frame:
        """Move every tensor to a device."""
        return self.map(lambda t: t.to(device))

    def detach(self) -> Frame:
        return self.map(lambda t: t.detach())

    def pin_memory(self, device: Any = None) -> Frame:
        return self.map(lambda t: t.pin_memory())

    def crop(self, y: int, x: int, height: int, width: int) -> Frame:
        """Cut out a window. Pattern, per-position numbers and origin move with it, so its noise is that of the same place.

        y, x            first row and column, pixels
        height, width   size of the window, pixels
        """
        if not (0 <= y and 0 <= x and height > 0 and width > 0 and y + height <= self.height and x + width <= self.width):
            raise ShapeError(f"a crop of {height} x {width} at ({y}, {x}) does not lie inside a frame of {self.height} x {self.width}")
        capture = self.capture
        tables = {n: torch.roll(t, (-y, -x), (-2, -1)) for n, t in capture.tensors().items() if t.ndim == _TABLES.get(n)}
        origin = self.origin() + torch.tensor([y, x], device=self.data.device)
        capture = capture.replace(pattern=patterns.roll(capture.pattern, y, x), origin=origin, **tables)
        return Frame(self.data[..., y : y + height, x : x + width], self.space, capture)

    def origin(self) -> Tensor:
        """(B, 2) int64: where the frame's pixel (0, 0) lies on the sensor; (0, 0) unless the capture says otherwise."""
        if self.capture.origin is not None:
            return self.capture.origin
        return torch.zeros(self.batch, 2, dtype=torch.int64, device=self.data.device)

    def grid(self, key: Key | None = None) -> Grid:
        """The addresses at which draws for this frame are made, B * T planes; item numbers come from the key, else from the capture."""
        b = self.batch
        item = torch.arange(b) if self.capture.item is None else self.capture.item.cpu()
        if key is not None and key.item is not None:
            if len(key.item) != b:
                raise ShapeError(
                    f"the key stands for {len(key.item)} items, but the batch has {b}; use key.items(numbers) with one number per item"
                )
            item = torch.tensor(key.item)
        frame = torch.zeros(b, dtype=torch.int64) if self.capture.frame is None else self.capture.frame.cpu()
        origin = self.origin().cpu()
        if self.data.ndim == 6:
            times = self.data.shape[2]
            frame = (frame[:, None] + torch.arange(times)).reshape(-1)
            item, origin = item.repeat_interleave(times), origin.repeat_interleave(times, 0)
        return Grid(self.height, self.width, origin, frame, item)


def collate(frames: Sequence[Frame]) -> Frame:
    """Put frames into one batch along B. They must share space, size, pattern, colour space and the set of known capture entries."""
    first = frames[0]
    for other in frames[1:]:
        if other.space != first.space or other.data.shape[1:] != first.data.shape[1:]:
            raise ShapeError(
                f"frames of one batch share space and size, but {first.space} {tuple(first.data.shape)} and "
                f"{other.space} {tuple(other.data.shape)} came"
            )
        if other.capture.pattern != first.capture.pattern:
            raise ShapeError(
                f"frames of one batch share their pattern, but {first.capture.pattern} and {other.capture.pattern} came; "
                f"ask a recipe for one with `pattern: {first.capture.pattern}`"
            )
        if other.capture.colour_space != first.capture.colour_space:
            raise ShapeError(
                f"frames of one batch share their colour space, but {first.capture.colour_space} and {other.capture.colour_space} came; "
                f"bring them to one with campipe.isp.Decode and Encode"
            )
    known = [f.capture.tensors() for f in frames]
    if any(k.keys() != known[0].keys() for k in known):
        odd = sorted(name for name in {n for k in known for n in k} if not all(name in k for k in known))
        raise ShapeError(f"frames of one batch know the same things, but {', '.join(odd)} is missing in some")
    entries = {name: torch.cat([k[name] for k in known]) for name in known[0]}
    camera = first.capture.camera if all(f.capture.camera == first.capture.camera for f in frames) else None
    return Frame(torch.cat([f.data for f in frames]), first.space, first.capture.replace(camera=camera, **entries))


def _flatten(frame: Frame) -> tuple[list[Tensor], tuple[Any, ...]]:
    known = frame.capture.tensors()
    static = tuple(getattr(frame.capture, name) for name in _STATIC)
    return [frame.data, *known.values()], (frame.space, tuple(known), static)


def _flatten_with_keys(frame: Frame) -> tuple[list[tuple[Any, Tensor]], tuple[Any, ...]]:
    leaves, context = _flatten(frame)
    return [(pytree.MappingKey(name), leaf) for name, leaf in zip(("data", *context[1]), leaves, strict=True)], context


def _unflatten(leaves: Any, context: tuple[Any, ...]) -> Frame:
    # No validation here: transformations rebuild frames around placeholders that have no shape.
    name, known, static = context
    data, *rest = leaves
    capture = Capture(**dict(zip(_STATIC, static, strict=True)), **dict(zip(known, rest, strict=True)))
    return _unchecked(data, name, capture)


def _unchecked(data: Any, space: str, capture: Capture) -> Frame:
    frame = object.__new__(Frame)
    frame.__dict__.update(data=data, space=space, capture=capture)
    return frame


pytree.register_pytree_node(Frame, _flatten, _unflatten, serialized_type_name="campipe.Frame", flatten_with_keys_fn=_flatten_with_keys)
