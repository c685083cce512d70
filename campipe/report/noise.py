"""What the noise of a shot measures, beside what the camera's law says: many frames of one window of the scene."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from campipe.camera import Camera
from campipe.core.frame import Frame
from campipe.core.random import Key


@dataclass(frozen=True)
class NoiseStatistics:
    """One window, many frames. Signals are above black, in DN.

    signal       (n,) mean signal of the pixels of each group, DN
    measured     (n,) their mean variance from frame to frame, DN^2
    predicted    (n,) the same by the law, DN^2
    error        (n,) one standard error of `measured`, from the number of pixels and frames, DN^2
    edges        (k + 1,) of the histogram, in predicted standard deviations
    density      (k,) share of residuals per unit: (frame - predicted mean) / predicted standard deviation
    deviation    standard deviation of all those residuals; 1 where the law holds
    frames       how many
    pixels       in the window
    gain         DN/e-
    """

    signal: Tensor
    measured: Tensor
    predicted: Tensor
    error: Tensor
    edges: Tensor
    density: Tensor
    deviation: float
    frames: int
    pixels: int
    gain: float


def noise_statistics(
    camera: Camera, scene: Frame, *, iso: float, ev: float, seconds: float, key: Key, frames: int = 48, window: int = 128, groups: int = 24
) -> NoiseStatistics:
    """Photograph one window of a scene many times.

    scene     "scene", one item
    frames    shots that the variance is taken over
    window    its side at most, px; the window lies where the scene's range of light is largest
    groups    of pixels with like predicted means
    """
    small = _window(scene, window)
    law = camera.moments(small, iso=iso, ev=ev, seconds=seconds)
    many = small.replace(small.data.expand(frames, -1, -1, -1))
    shots = camera.capture(many, iso=iso, ev=ev, seconds=seconds, key=key.fold("statistics"))
    capture = shots.capture
    assert capture.black_level is not None and capture.gain is not None
    black = float(capture.black_level.mean())
    mean, variance = law.mean[0].double().flatten(), law.variance[0].double().flatten()
    data = shots.data.double().reshape(frames, -1)
    varies = variance > 1e-6  # saturated pixels do not
    residual = ((data - mean) / variance.clamp_min(1e-12).sqrt())[:, varies]
    edges = torch.linspace(-5, 5, 101, dtype=torch.float64)
    counts = torch.histogram(residual.flatten(), edges).hist
    order = mean[varies].argsort()
    members = [part for part in order.chunk(groups) if len(part)]
    measured = data[:, varies].var(0)
    predicted = variance[varies]
    rows = [(mean[varies][m].mean() - black, measured[m].mean(), predicted[m].mean(), _error(predicted[m], frames)) for m in members]
    columns = [torch.stack(list(column)) for column in zip(*rows, strict=True)]
    density = counts / max(residual.numel(), 1) / (edges[1] - edges[0])
    deviation = float(residual.square().mean().sqrt())
    signal, found, foreseen, error = columns
    gain = float(capture.gain.mean())
    return NoiseStatistics(signal, found, foreseen, error, edges, density, deviation, frames, mean.numel(), gain)


def _error(variance: Tensor, frames: int) -> Tensor:
    """Standard error of the mean of n sample variances, by the normal law: each has 2 variance^2 / (frames - 1)."""
    return (2 * variance.square().sum() / (frames - 1)).sqrt() / len(variance)


def _window(scene: Frame, side: int) -> Frame:
    """The window of the scene, on a grid of its own size, in which light differs most."""
    height, width = min(side, scene.height), min(side, scene.width)
    corners = [(y, x) for y in range(0, scene.height - height + 1, height) for x in range(0, scene.width - width + 1, width)]
    green = scene.data[0].mean(0)

    def spread(corner: tuple[int, int]) -> float:
        y, x = corner
        values = green[y : y + height, x : x + width].clamp(1e-4, 1).log()
        return float(values.std())

    y, x = max(corners, key=spread)
    return scene.crop(y // 2 * 2, x // 2 * 2, height, width)
