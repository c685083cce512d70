"""The undecimated wavelet transform of one plane, its thresholds and its inverse, row by row."""

from __future__ import annotations

import numpy as np

from campipe.ops.kernels.intrinsics import apart, distinct, wide
from campipe.ops.kernels.jit import compiled


@compiled
def _scaled(source, factor, out):
    apart()
    distinct()
    wide()
    for x in range(out.shape[0]):
        out[x] = factor * source[x]


@compiled
def _added(source, factor, out):
    apart()
    distinct()
    wide()
    for x in range(out.shape[0]):
        out[x] += factor * source[x]


@compiled
def _squared(source, out):
    apart()
    distinct()
    wide()
    for x in range(out.shape[0]):
        out[x] += source[x] * source[x]


@compiled
def _across(row, taps, step, first, line, out, more):
    """Correlate a row, round its ends; `line` has room for the row and what is before and behind. more: add to what is in `out`."""
    apart()
    width, count = row.shape[0], taps.shape[0]
    low = min(first * step, (first + count - 1) * step)
    high = max(first * step, (first + count - 1) * step)
    for x in range(low, 0):
        line[x - low] = row[x % width]
    for x in range(width):
        line[x - low] = row[x]
    for x in range(width, width + high):
        line[x - low] = row[x % width]
    for k in range(count):
        at = (first + k) * step - low
        if k == 0 and not more:
            _scaled(line[at : at + width], taps[k], out)
        else:
            _added(line[at : at + width], taps[k], out)


@compiled
def _down(plane, y, taps, step, first, out, more):
    """Row y of the plane, correlated along the columns, round the ends."""
    apart()
    height = plane.shape[0]
    for k in range(taps.shape[0]):
        row = plane[(y + (first + k) * step) % height]
        if k == 0 and not more:
            _scaled(row, taps[k], out)
        else:
            _added(row, taps[k], out)


@compiled
def _thresholded(band, power, noise, share, strength, out):
    """Shrink a row by strength * noise / deviation, where the mean power is share * power."""
    apart()
    distinct()
    wide()
    least = np.float32(1.1754944e-38)
    for x in range(out.shape[0]):
        n, c = noise[x], band[x]
        clean = np.sqrt(max(share * power[x] - n, np.float32(1e-6) * n + least))
        limit = strength * n / clean
        out[x] = c - (limit if c > 0 else -limit) if abs(c) > limit else np.float32(0)


@compiled
def _shrink(band, noise, half, strength, out):
    """Shrink a band by the power in the squares of 2 half + 1 around each coefficient, mirrored beyond the border."""
    apart()
    height, width = band.shape
    column, power = np.empty(width + 2 * half, np.float32), np.empty(width, np.float32)
    share, one = np.float32(1 / (2 * half + 1) ** 2), np.float32(1)
    for y in range(height):
        middle = column[half : half + width]
        for x in range(width):
            middle[x] = np.float32(0)
        for k in range(y - half, y + half + 1):
            _squared(band[-1 - k if k < 0 else 2 * height - 1 - k if k >= height else k], middle)
        for k in range(half):
            column[half - 1 - k], column[half + width + k] = column[half + k], column[half + width - 1 - k]
        for x in range(width):
            power[x] = np.float32(0)
        for k in range(2 * half + 1):
            _added(column[k : k + width], one, power)
        _thresholded(band[y], power, noise[y if noise.shape[0] > 1 else 0], share, strength, out[y])


@compiled
def shrink_plane(plane, noise, low, high, levels, half, strength, out):
    """Denoise a plane that is taken as periodic.

    plane       (h, w), no smaller than half a window
    noise       (h or 1, w), variance
    low, high   filters, their middle at (taps - 1) // 2
    out         (h, w)
    """
    height, width = plane.shape
    count = low.shape[0]
    before = -((count - 1) // 2)
    line = np.empty(width + count * 2**levels, np.float32)
    bands = np.empty((3 * levels, height, width), np.float32)
    planes = np.empty((4, height, width), np.float32)
    smooth, rough, rest, work = planes[0], planes[1], planes[2], planes[3]
    one = np.float32(1)
    for y in range(height):
        _scaled(plane[y], one, rest[y])
    for level in range(levels):
        step = 2**level
        for y in range(height):
            _across(rest[y], low, step, before, line, smooth[y], False)
            _across(rest[y], high, step, before, line, rough[y], False)
        for y in range(height):
            _down(smooth, y, high, step, before, bands[3 * level, y], False)
            _down(rough, y, low, step, before, bands[3 * level + 1, y], False)
            _down(rough, y, high, step, before, bands[3 * level + 2, y], False)
            _down(smooth, y, low, step, before, rest[y], False)
        for k in range(3 * level, 3 * level + 3):
            _shrink(bands[k], noise, half, strength, work)
            for y in range(height):
                _scaled(work[y], one, bands[k, y])
    quarter = np.float32(0.25)
    for level in range(levels - 1, -1, -1):
        step = -(2**level)
        for y in range(height):
            _down(rest, y, low, step, before, smooth[y], False)
            _down(bands[3 * level], y, high, step, before, smooth[y], True)
            _down(bands[3 * level + 1], y, low, step, before, rough[y], False)
            _down(bands[3 * level + 2], y, high, step, before, rough[y], True)
        for y in range(height):
            _across(smooth[y], low, step, before, line, work[y], False)
            _across(rough[y], high, step, before, line, work[y], True)
        for y in range(height):
            _scaled(work[y], quarter, rest[y])
    for y in range(height):
        _scaled(rest[y], one, out[y])
