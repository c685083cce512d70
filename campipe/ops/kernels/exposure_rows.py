"""The fused exposure's loop: every step of `campipe.ops.kernels.exposure` on one block of pixels after the other.

Each step is a loop of its own over a block that stays in the first-level cache, so a step that is off costs one question per block. Every
loop does what the torch operation of the same name does: float32, one rounding per operation.
"""

from __future__ import annotations

import numpy as np

from campipe.ops.kernels.intrinsics import prefetch, rint
from campipe.ops.kernels.jit import compiled, inlined
from campipe.ops.kernels.normal import normal_block
from campipe.ops.kernels.philox import fill_words
from campipe.ops.kernels.poisson import poisson_block
from campipe.ops.kernels.rows import BLOCK, block_end
from campipe.ops.kernels.tukey import tukey_block

# Columns of `numbers`, and of `shapes`; bits of `steps`; rows of `keys`.
DARK, FULL_WELL, READ, ROW, POST, TOP = range(6)
READ_SHAPE, READ_SCALE, POST_SHAPE, POST_SCALE = range(4)
HAS_RESPONSE, HAS_DARK, HAS_FULL_WELL, HAS_OFFSET, HAS_READ, HAS_ROW, HAS_POST, READ_TUKEY, POST_TUKEY = (1 << n for n in range(9))
SHOT_KEY, READ_KEY, ROW_KEY, POST_KEY = range(4)
_ZERO, _INFINITE = np.float32(0), np.float32(np.inf)


@compiled
def _spread(table, out):
    """Repeat the rows of a table (h, w) over as many pixels as a block can need."""
    for i in range(table.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = table[i, j % table.shape[1]]


@compiled
def _channels_of(table, used):
    """Which channels each row of a pattern (h, w) names: bit c of used[row] is channel c."""
    for i in range(table.shape[0]):
        used[i] = 0
        for j in range(table.shape[1]):
            used[i] |= 1 << table[i, j]


@compiled
def _pick(photons, base, channel_step, channels, used, count, out):
    """out[j] = the photons of the channel that pixel j sees."""
    for c in range(3):
        if used >> c & 1:
            light = photons[base + c * channel_step :]
            for j in range(count):
                out[j] = light[j] if channels[j] == c else out[j]


@compiled
def _announce(planes, at, count):
    """Fetch what the next block will read while this one is computed: the processor's own foresight ends with each page of memory."""
    for j in range(at, at + count, 16):
        prefetch(planes, j)


@compiled
def _noise(words, count, tukey, shape, scale, out):
    if tukey:
        tukey_block(words, count, shape, scale, out)
    else:
        normal_block(words, count, out)


@compiled
def _to_rate(light, qe, response, dark, count, steps, rate):
    """Fill `rate`; return 1 where light is negative, infinite or NaN, else 0."""
    odd = np.int32(0)  # int32 all along: 64-bit numbers would halve the vectors
    if steps & HAS_RESPONSE:
        for j in range(count):
            odd = np.int32(odd | np.int32(not (_ZERO <= light[j] < _INFINITE)))
            rate[j] = light[j] * qe[j] * response[j]
    else:
        for j in range(count):
            odd = np.int32(odd | np.int32(not (_ZERO <= light[j] < _INFINITE)))
            rate[j] = light[j] * qe[j]
    if steps & HAS_DARK:
        for j in range(count):
            rate[j] = rate[j] + dark
    return odd


@compiled
def _scaled_add(e, std, z, count):
    for j in range(count):
        e[j] = e[j] + std * z[j]


@compiled
def _to_analog(e, gain, count):
    for j in range(count):
        e[j] = e[j] * gain[j]


@inlined
def _code(a, black, top):
    """The whole number of DN, half to even, within the converter's range; NaN stays."""
    v = rint(a + black)
    v = _ZERO if v < _ZERO else v
    return top if v > top else v


@compiled
def _to_dn(a, black, top, count, out):
    for j in range(count):
        out[j] = _code(a[j], black[j], top)


@compiled
def _charge_to_dn(e, gain, black, top, count, out):
    """Both steps at once, where no noise comes between them."""
    for j in range(count):
        out[j] = _code(e[j] * gain[j], black[j], top)


@compiled
def expose_rows(
    origin, frame, item, keys, first, last, out, photons, photon_steps, channel, qe, gain, black,
    response, response_steps, offset, offset_steps, numbers, shapes, steps, odd,
):  # fmt: skip
    """Expose rows `first` to `last` of B * H.

    out                      (B, H, W) float32, DN
    photons                  flat float32; photon_steps: (4,) distances of its items, channels and rows, and place of the first pixel
    channel                  (h, w) int64, by sensor position
    qe, gain, black          (B, h, w) float32, by sensor position
    response, offset         flat float32; *_steps: (3,) distances of its items and rows, and place of the first pixel
    numbers, shapes          (B, 6) float32, (B, 4) float64
    odd                      (1,) int32, becomes 1 where photons that a pixel sees are negative, infinite or NaN
    """
    words = np.empty(BLOCK + 64, np.int32)
    close, near, scratch = np.empty(BLOCK, np.int32), np.empty(64, np.int32), np.empty((5, 64), np.float32)
    rate, e, z, row_z = np.empty(BLOCK, np.float32), np.empty(BLOCK, np.float32), np.empty(BLOCK, np.float32), np.empty(1, np.float32)
    height, width = out.shape[1], out.shape[2]
    reach = min(width, BLOCK)
    channels = np.empty((channel.shape[0], reach + channel.shape[1]), np.int64)
    qes = np.empty((qe.shape[1], reach + qe.shape[2]), np.float32)
    gains = np.empty((gain.shape[1], reach + gain.shape[2]), np.float32)
    blacks = np.empty((black.shape[1], reach + black.shape[2]), np.float32)
    used = np.empty(channel.shape[0], np.int64)
    _spread(channel, channels)
    _channels_of(channel, used)
    spread, row_noise = -1, _ZERO
    for row in range(first, last):
        b, i = row // height, row % height
        if b != spread:
            _spread(qe[b], qes)
            _spread(gain[b], gains)
            _spread(black[b], blacks)
            spread = b
        y, x, f, n = origin[b, 0] + i, origin[b, 1], frame[b], item[b]
        at_row = photon_steps[3] + b * photon_steps[0] + i * photon_steps[2]
        if steps & HAS_ROW:
            fill_words(words, 0, 1, y, f, n, keys[ROW_KEY, 0], keys[ROW_KEY, 1])
            normal_block(words, 1, row_z)
            row_noise = numbers[b, ROW] * row_z[0]
        j = 0
        while j < width:
            end = block_end(x, j, width)
            count = end - j
            mine, seen = channels[y % channel.shape[0], (x + j) % channel.shape[1] :], used[y % channel.shape[0]]
            if seen == 1 << mine[0]:
                light = photons[at_row + j + mine[0] * photon_steps[1] :]
            else:
                _pick(photons, at_row + j, photon_steps[1], mine, seen, count, z)
                light = z[:count]
            at_response = response_steps[2] + b * response_steps[0] + i * response_steps[1] + j if steps & HAS_RESPONSE else 0
            qe_here = qes[y % qe.shape[1], (x + j) % qe.shape[2] :]
            if _to_rate(light, qe_here, response[at_response:], numbers[b, DARK], count, steps, rate):
                odd[0] = 1
            more = end < width  # else the next block begins the next row
            after = at_row + end if more else at_row + photon_steps[2]
            for c in range(3):
                if seen >> c & 1:
                    _announce(photons, after + c * photon_steps[1], reach)
            if steps & HAS_RESPONSE:
                _announce(response, at_response + count if more else at_response - j + response_steps[1], reach)
            at = fill_words(words, x + j, count, y, f, n, keys[SHOT_KEY, 0], keys[SHOT_KEY, 1])
            poisson_block(words[at:], rate, count, e, close, scratch, near)
            if steps & HAS_FULL_WELL:
                cap = numbers[b, FULL_WELL]
                for q in range(count):
                    e[q] = cap if e[q] > cap else e[q]
            if steps & HAS_OFFSET:
                fixed = offset[offset_steps[2] + b * offset_steps[0] + i * offset_steps[1] + j :]
                for q in range(count):
                    e[q] = e[q] + fixed[q]
            if steps & HAS_READ:
                at = fill_words(words, x + j, count, y, f, n, keys[READ_KEY, 0], keys[READ_KEY, 1])
                _noise(words[at:], count, steps & READ_TUKEY, shapes[b, READ_SHAPE], shapes[b, READ_SCALE], z)
                _scaled_add(e, numbers[b, READ], z, count)
            if steps & HAS_ROW:
                for q in range(count):
                    e[q] = e[q] + row_noise
            gain_here = gains[y % gain.shape[1], (x + j) % gain.shape[2] :]
            black_here = blacks[y % black.shape[1], (x + j) % black.shape[2] :]
            if steps & HAS_POST:
                _to_analog(e, gain_here, count)
                at = fill_words(words, x + j, count, y, f, n, keys[POST_KEY, 0], keys[POST_KEY, 1])
                _noise(words[at:], count, steps & POST_TUKEY, shapes[b, POST_SHAPE], shapes[b, POST_SCALE], z)
                _scaled_add(e, numbers[b, POST], z, count)
                _to_dn(e, black_here, numbers[b, TOP], count, out[b, i, j:end])
            else:
                _charge_to_dn(e, gain_here, black_here, numbers[b, TOP], count, out[b, i, j:end])
            j = end
