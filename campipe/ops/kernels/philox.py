"""Words by counter: the random bits that every draw starts from.

One plane of a draw block has one 32-bit word per pixel. The pixel at column x and row y of the sensor takes word `(x >> 4) & 3` of
Philox4x32-10 at counter `(c, y, frame, item)`, `c = (x >> 6) << 4 | x & 15`: sixteen neighbours take the same word of sixteen
counters in a row, so that they are computed side by side and stored without shuffling. (`campipe.core.random.philox4x32` is the
same cipher in plain Python.)
"""

from __future__ import annotations

import numpy as np

from campipe.ops.kernels.jit import compiled, inlined

SPAN = 64
"""Pixels that share sixteen counters."""

_M0, _M1 = np.int64(0xD2511F53), np.int64(0xCD9E8D57)
_W0, _W1 = np.int64(0x9E3779B9), np.int64(0xBB67AE85)
_LOW = np.int64(0xFFFFFFFF)
_32 = np.int64(32)


@inlined
def _round(c0, c1, c2, c3, k0, k1):
    # The upper halves carry rubbish: the product masks them, and the final store drops them.
    p0, p1 = _M0 * (c0 & _LOW), _M1 * (c2 & _LOW)
    return (p1 >> _32) ^ c1 ^ k0, p1, (p0 >> _32) ^ c3 ^ k1, p0


@inlined
def philox(c0, c1, c2, c3, k0, k1):
    """Ten rounds on int64 numbers whose lower halves count."""
    for _ in range(10):
        c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
        k0, k1 = k0 + _W0, k1 + _W1
    return c0, c1, c2, c3


@inlined
def fill_words(words, x, count, y, frame, item, k0, k1):
    """Write the words of `count` pixels of a row, from the span that holds column x on.

    words     (>= count + 126,) int32
    returns   the place of column x in `words`: x modulo 64
    """
    first = x >> 6
    last = (x + count - 1) >> 6
    for span in range(first, last + 1):
        at = (span - first) * SPAN
        for lane in range(16):
            a, b, c, d = philox(np.int64(span * 16 + lane), np.int64(y), np.int64(frame), np.int64(item), np.int64(k0), np.int64(k1))
            words[at + lane] = np.int32(a)
            words[at + 16 + lane] = np.int32(b)
            words[at + 32 + lane] = np.int32(c)
            words[at + 48 + lane] = np.int32(d)
    return x & 63


@compiled
def cipher(counters, k0, k1, out):
    """Encrypt given counters: (N, 4) int64 to (N, 4) int64, for tests against published vectors."""
    for n in range(counters.shape[0]):
        a, b, c, d = philox(counters[n, 0], counters[n, 1], counters[n, 2], counters[n, 3], np.int64(k0), np.int64(k1))
        out[n, 0], out[n, 1], out[n, 2], out[n, 3] = a & _LOW, b & _LOW, c & _LOW, d & _LOW
