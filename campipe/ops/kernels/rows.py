"""The loops over rows behind the draws: fill words in blocks that stay in the first-level cache, and turn them into numbers.

Every loop takes

    origin              (N, 2) int64, (y, x) of each plane's first pixel on the sensor
    frame, item         (N,) int64
    k0, k1              the key's words
    first, last         range of rows to do, of N * H, plane after plane
    out                 (N, H, W)
"""

from __future__ import annotations

import numpy as np

from campipe.ops.kernels.jit import compiled, inlined
from campipe.ops.kernels.normal import normal_block
from campipe.ops.kernels.philox import fill_words
from campipe.ops.kernels.poisson import poisson_block
from campipe.ops.kernels.tukey import tukey_block

BLOCK = 512
"""Pixels that go through all steps together."""


@inlined
def block_end(x, j, width):
    """One past the last pixel of the block that starts at pixel j: blocks end where the sensor's spans of 64 do."""
    return min(width, j + BLOCK - ((x + j) & 63))


@compiled
def fill_word_rows(origin, frame, item, k0, k1, first, last, out):
    words = np.empty(BLOCK + 64, np.int32)
    height, width = out.shape[1], out.shape[2]
    for row in range(first, last):
        n, i = row // height, row % height
        y, x = origin[n, 0] + i, origin[n, 1]
        j = 0
        while j < width:
            end = block_end(x, j, width)
            at = fill_words(words, x + j, end - j, y, frame[n], item[n], k0, k1)
            for q in range(j, end):
                out[n, i, q] = np.int64(words[at + q - j]) & np.int64(0xFFFFFFFF)
            j = end


@compiled
def fill_normal_rows(origin, frame, item, k0, k1, first, last, out):
    words = np.empty(BLOCK + 64, np.int32)
    height, width = out.shape[1], out.shape[2]
    for row in range(first, last):
        n, i = row // height, row % height
        y, x = origin[n, 0] + i, origin[n, 1]
        j = 0
        while j < width:
            end = block_end(x, j, width)
            at = fill_words(words, x + j, end - j, y, frame[n], item[n], k0, k1)
            normal_block(words[at:], end - j, out[n, i, j:end])
            j = end


@compiled
def fill_tukey_rows(origin, frame, item, k0, k1, first, last, out, shape, scale):
    """shape, scale: (N,) float64."""
    words = np.empty(BLOCK + 64, np.int32)
    height, width = out.shape[1], out.shape[2]
    for row in range(first, last):
        n, i = row // height, row % height
        y, x = origin[n, 0] + i, origin[n, 1]
        j = 0
        while j < width:
            end = block_end(x, j, width)
            at = fill_words(words, x + j, end - j, y, frame[n], item[n], k0, k1)
            tukey_block(words[at:], end - j, shape[n], scale[n], out[n, i, j:end])
            j = end


@compiled
def fill_poisson_rows(origin, frame, item, k0, k1, first, last, out, rate):
    """rate: (N, H, W) float32, e-."""
    words = np.empty(BLOCK + 64, np.int32)
    close, near, scratch = np.empty(BLOCK, np.int32), np.empty(64, np.int32), np.empty((5, 64), np.float32)
    height, width = out.shape[1], out.shape[2]
    for row in range(first, last):
        n, i = row // height, row % height
        y, x = origin[n, 0] + i, origin[n, 1]
        j = 0
        while j < width:
            end = block_end(x, j, width)
            at = fill_words(words, x + j, end - j, y, frame[n], item[n], k0, k1)
            poisson_block(words[at:], rate[n, i, j:end], end - j, out[n, i, j:end], close, scratch, near)
            j = end


@compiled
def count_words(words, rates, out):
    """Counts of given words and rates, for tests and tools: (n,) int32, (n,) float32 to (n,) float32."""
    close, near, scratch = np.empty(BLOCK, np.int32), np.empty(64, np.int32), np.empty((5, 64), np.float32)
    for j in range(0, words.shape[0], BLOCK):
        end = min(words.shape[0], j + BLOCK)
        poisson_block(words[j:end], rates[j:end], end - j, out[j:end], close, scratch, near)


@compiled
def normal_words(words, out):
    """Normal numbers of given words: (n,) int32 to (n,) float32."""
    normal_block(words, words.shape[0], out)
