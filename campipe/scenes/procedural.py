"""Procedural scenes: what photos lack, saturated colours at the finest detail. Gratings, zone plates, shapes, strokes, stars."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from campipe.core.random import Key

FINEST = 0.45
"""Cycles per pixel of the finest grating, somewhat below the limit of sampling."""


def procedural(key: Key, height: int, width: int) -> Tensor:
    """Draw a scene as a picture encoded for a display.

    key       names the scene; the same key and size give the same scene
    returns   (3, height, width), in [0, 1], float32
    """
    generator = torch.Generator().manual_seed(key.fold("procedural").seed >> 1)
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    canvas = _Canvas(generator, y, x)
    kind = _KINDS[int(canvas.draw(1)[0] * len(_KINDS))]
    return kind(canvas).clamp(0, 1)


@dataclass(frozen=True)
class _Canvas:
    """Where a scene is drawn: its random numbers, and the places of its pixels, px."""

    generator: torch.Generator
    y: Tensor
    x: Tensor

    def draw(self, count: int) -> list[float]:
        """Numbers from [0, 1)."""
        return torch.rand(count, generator=self.generator, dtype=torch.float64).tolist()

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * self.draw(1)[0]

    def colour(self) -> Tensor:
        """(3, 1, 1): evenly from the cube of colours, or in every other case from its surface, where the saturated ones are."""
        *values, choice, channel, end = self.draw(6)
        if choice < 0.5:
            values[int(channel * 3)] = float(end < 0.5)
            values = [min(max(1.5 * v - 0.25, 0.0), 1.0) for v in values]
        return torch.tensor(values)[:, None, None]

    def mixed(self, below: Tensor, above: Tensor, cover: Tensor) -> Tensor:
        """(3, H, W): one colour over another where `cover`, (H, W), is 1."""
        return below + (above - below) * cover

    def across(self, angle: float) -> Tensor:
        """(H, W): the place along a direction, px."""
        return self.x * math.cos(angle) + self.y * math.sin(angle)

    def place(self) -> tuple[float, float]:
        """(y, x) of a place on the canvas, px."""
        v, u = self.draw(2)
        return v * self.y.shape[0], u * self.y.shape[1]

    def edge(self, distance: Tensor) -> Tensor:
        """Cover by a shape whose border lies at a distance of 0 and is one pixel wide, (H, W)."""
        return (0.5 - distance).clamp(0, 1)


def _grating(canvas: _Canvas) -> Tensor:
    frequency, angle, phase = canvas.between(0.03, FINEST), canvas.between(0, math.pi), canvas.between(0, 2 * math.pi)
    wave = torch.sin(2 * math.pi * frequency * canvas.across(angle) + phase)
    return canvas.mixed(canvas.colour(), canvas.colour(), 0.5 + 0.5 * wave)


def _zone_plate(canvas: _Canvas) -> Tensor:
    v, u = canvas.place()
    square = (canvas.y - v).square() + (canvas.x - u).square()
    # The local frequency of cos(pi f r^2 / R) is f r / R; at the farthest place it is the finest.
    farthest = float(square.max().sqrt())
    wave = torch.cos(math.pi * canvas.between(0.4, 1) * FINEST * square / farthest)
    return canvas.mixed(canvas.colour(), canvas.colour(), 0.5 + 0.5 * wave)


def _shapes(canvas: _Canvas) -> Tensor:
    picture = canvas.colour().expand(-1, *canvas.y.shape)
    largest = min(canvas.y.shape) / 3
    for _ in range(3 + int(canvas.draw(1)[0] * 6)):
        (v, u), angle = canvas.place(), canvas.between(0, math.pi)
        along, over = (canvas.between(1.5, largest) for _ in range(2))
        a = canvas.across(angle) - (u * math.cos(angle) + v * math.sin(angle))
        b = canvas.across(angle + math.pi / 2) - (u * math.cos(angle + math.pi / 2) + v * math.sin(angle + math.pi / 2))
        box = torch.maximum(a.abs() - along, b.abs() - over)
        round_ = (a.square() + b.square()).sqrt() - along
        picture = canvas.mixed(picture, canvas.colour(), canvas.edge(box if canvas.draw(1)[0] < 0.6 else round_))
    return picture


def _strokes(canvas: _Canvas) -> Tensor:
    """Thin lines of one colour on another, most of them upright or level, as in writing."""
    ink, picture = canvas.colour(), canvas.colour().expand(-1, *canvas.y.shape)
    half = canvas.between(0.4, 1.4)
    cover = torch.zeros_like(canvas.y)
    for _ in range(6 + int(canvas.draw(1)[0] * 12)):
        (v, u), length, way = canvas.place(), canvas.between(3, 14), canvas.draw(1)[0]
        angle = 0.0 if way < 0.35 else math.pi / 2 if way < 0.7 else canvas.between(0, math.pi)
        dy, dx = canvas.y - v, canvas.x - u
        along = (dx * math.cos(angle) + dy * math.sin(angle)).clamp(-length, length)
        distance = ((dx - along * math.cos(angle)).square() + (dy - along * math.sin(angle)).square()).sqrt()
        cover = torch.maximum(cover, canvas.edge(distance - half))
    return canvas.mixed(picture, ink, cover)


def _stars(canvas: _Canvas) -> Tensor:
    picture = 0.15 * canvas.colour().expand(-1, *canvas.y.shape)
    width = canvas.between(0.5, 1.2)  # px, of the point-spread function
    for _ in range(5 + int(canvas.draw(1)[0] * 20)):
        (v, u), light = canvas.place(), -math.log(1 - canvas.draw(1)[0]) * 0.5
        spot = torch.exp(-((canvas.y - v).square() + (canvas.x - u).square()) / (2 * width * width))
        picture = picture + light * spot * (0.5 + 0.5 * canvas.colour())
    return picture


_KINDS: tuple[Callable[[_Canvas], Tensor], ...] = (_grating, _zone_plate, _shapes, _strokes, _stars)
