"""The loops of developing in one pass: a window of raw numbers to a balanced strip, and three planes of a strip to a picture.

Between the two stands a demosaicker's own loop. Windows are small enough that strip and planes stay in the second-level cache. Every loop
does what the torch operation of the same name does: float32, one rounding per operation.
"""

from __future__ import annotations

import numpy as np

from campipe.ops.kernels.borders import mirrored
from campipe.ops.kernels.developing_encode import encoded, limited
from campipe.ops.kernels.intrinsics import bits_of, distinct, fma, wide
from campipe.ops.kernels.jit import compiled, inlined

GAIN, STRENGTH, LOW, HIGH = 9, 10, 11, 12
"""Columns of `numbers`, after the nine of the matrix, row by row."""
_ZERO, _ONE, _TWO, _THREE = np.float32(0), np.float32(1), np.float32(2), np.float32(3)
_ROUND = np.float32(3 << 22)  # added to a number, it leaves the nearest whole one, half to even, in the lowest bits
_WHOLE = np.int32(0xFFFF)


@compiled
def spread(tables, out):
    """Repeat the rows of tables (3, h, w) over as many pixels as a window can need: (3, h, n)."""
    for k in range(3):
        for i in range(tables.shape[1]):
            for j in range(out.shape[2]):
                out[k, i, j] = tables[k, i, j % tables.shape[2]]


@inlined
def _balanced(dn, black, span, gain, ceiling):
    v = (dn - black) / span * gain
    return ceiling if v > ceiling else v


@compiled
def fill_strip(raw, base, step, size, top, left, margin, tables, period, ceiling, strip):
    """Levels, white balance and the highlights' ceiling of a window, with its margin.

    raw        flat float32, DN: pixel (y, x) at base + y step + x
    size       (height, width) of the picture; what lies beyond it is its mirror image
    top, left  of the window, without its margin
    tables     (3, h, n) float32, as `spread` made it: black level, white less black level, gain
    period     of the tables along x
    strip      (rows + 2 margin, columns + 2 margin) float32, out
    """
    height, width = size
    columns = strip.shape[1]
    first, last = max(left - margin, 0), min(left - margin + columns, width)
    before, after = first - (left - margin), last - (left - margin)
    for i in range(strip.shape[0]):
        y = mirrored(top - margin + i, height)
        line, t = raw[base + y * step :], y % tables.shape[1]
        here, out = line[first:], strip[i, before:]
        black, span, gain = tables[0, t, first % period :], tables[1, t, first % period :], tables[2, t, first % period :]
        for j in range(last - first):
            out[j] = _balanced(here[j], black[j], span[j], gain[j], ceiling)
        for j in range(columns - after + before):
            place = j if j < before else j - before + after
            x = mirrored(left - margin + place, width)
            p = x % period
            strip[i, place] = _balanced(line[x], tables[0, t, p], tables[1, t, p], tables[2, t, p], ceiling)


@inlined
def _toned(v, strength):
    inside = _ZERO if v < _ZERO else v
    inside = _ONE if inside > _ONE else inside
    return v + strength * (inside * inside * (_THREE - _TWO * inside) - v)


@inlined
def _between(v, low, high):
    v = low if v < low else v
    return high if v > high else v


@compiled
def _plain_row(red, green, blue, a, b, c, gain, low, high, out):
    distinct()
    wide()
    for j in range(out.shape[0]):
        v = fma(c, blue[j], fma(b, green[j], a * red[j])) * gain
        out[j] = _between(limited(v), low, high)


@compiled
def _toned_row(red, green, blue, a, b, c, gain, strength, low, high, out):
    distinct()
    wide()
    for j in range(out.shape[0]):
        v = fma(c, blue[j], fma(b, green[j], a * red[j])) * gain
        out[j] = _between(limited(_toned(v, strength)), low, high)


@compiled
def _endless_row(red, green, blue, a, b, c, gain, strength, low, high, out):
    distinct()
    wide()
    for j in range(out.shape[0]):
        v = fma(c, blue[j], fma(b, green[j], a * red[j])) * gain
        out[j] = _between(encoded(_toned(v, strength)), low, high)


@inlined
def _finish_row(planes, i, channel, numbers, out):
    """What the display shows of one row in one channel."""
    red, green, blue, m = planes[0, i], planes[1, i], planes[2, i], numbers[3 * channel :]
    gain, strength, low, high = numbers[GAIN], numbers[STRENGTH], numbers[LOW], numbers[HIGH]
    if low < _ZERO or high > _ONE:
        _endless_row(red, green, blue, m[0], m[1], m[2], gain, strength, low, high, out)
    elif strength == _ZERO:
        _plain_row(red, green, blue, m[0], m[1], m[2], gain, low, high, out)
    else:
        _toned_row(red, green, blue, m[0], m[1], m[2], gain, strength, low, high, out)


@compiled
def finish_planes(planes, numbers, out, at, channel_step, row_step):
    """Colour matrix, exposure, tone curve, encoding and limits of a window.

    planes    (3, rows, columns) float32, balanced camera RGB
    numbers   (13,) float32: the matrix, and GAIN, STRENGTH, LOW, HIGH
    out       flat float32: pixel (y, x) of channel c at `at` + c channel_step + y row_step + x
    """
    columns = planes.shape[2]
    for i in range(planes.shape[1]):
        for c in range(3):
            start = at + c * channel_step + i * row_step
            _finish_row(planes, i, c, numbers, out[start : start + columns])


@compiled
def _interleave(rows, top, out):
    """out[3 j + c] = round(rows[c, j] top), half to even, rounded once; 1 where one of them is NaN, else 0."""
    odd = np.int32(0)
    for j in range(rows.shape[1]):
        r, g, b = fma(rows[0, j], top, _ROUND), fma(rows[1, j], top, _ROUND), fma(rows[2, j], top, _ROUND)
        odd = np.int32(odd | np.int32(not (r + g + b == r + g + b)))
        out[3 * j], out[3 * j + 1], out[3 * j + 2] = bits_of(r) & _WHOLE, bits_of(g) & _WHOLE, bits_of(b) & _WHOLE
    return odd


@compiled
def finish_integers(planes, numbers, out, at, row_step, top, rows):
    """As `finish_planes`, to interleaved whole numbers; `numbers` keep LOW and HIGH within 0 and 1.

    out       flat uint8 or uint16: pixel (y, x) of channel c at `at` + y row_step + 3 x + c
    top       the largest whole number, float32
    rows      (3, columns) float32, scratch
    returns   1 where a value is NaN, else 0
    """
    columns = planes.shape[2]
    odd = np.int32(0)
    for i in range(planes.shape[1]):
        for c in range(3):
            _finish_row(planes, i, c, numbers, rows[c])
        start = at + i * row_step
        odd |= _interleave(rows, top, out[start : start + 3 * columns])
    return odd
