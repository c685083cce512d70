"""Words by counter: the random bits that every draw starts from.

One plane of a draw block has one 32-bit word per pixel. The pixel at column x and row y of the sensor takes word `(x >> 4) & 3` of
Philox4x32-10 at counter `(c, y, frame, item)`, `c = (x >> 6) << 4 | x & 15`: sixteen neighbours take the same word of sixteen
counters in a row, so that they are computed side by side and stored without shuffling. (`campipe.core.random.philox4x32` is the
same cipher in plain Python.)
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types

from campipe.ops.kernels.intrinsics import apart, intrinsic
from campipe.ops.kernels.jit import compiled

SPAN = 64
"""Pixels that share sixteen counters."""
_LANES = 16
_M0, _M1, _W0, _W1 = 0xD2511F53, 0xCD9E8D57, 0x9E3779B9, 0xBB67AE85
_LOW = 0xFFFFFFFF
_WORDS, _VECTOR = ir.VectorType(ir.IntType(32), _LANES), ir.VectorType(ir.IntType(64), _LANES)


def _splat(builder: Any, number: Any) -> Any:
    if isinstance(number, int):
        return ir.Constant(_VECTOR, [number] * _LANES)
    zero = ir.Constant(ir.IntType(32), 0)
    first = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), number, zero)
    return builder.shuffle_vector(first, ir.Constant(_VECTOR, ir.Undefined), ir.Constant(_WORDS, [0] * _LANES))


def _rounds(builder: Any, counter: list[Any], key: list[Any]) -> list[Any]:
    """Ten rounds of Philox4x32 on vectors of 64-bit numbers whose lower halves count.

    The upper halves carry rubbish, which the products mask and the final truncation drops: the product of two lower halves is one
    machine instruction, where a loop over scalars is not turned into vectors by the compiler.
    """
    low, shift = _splat(builder, _LOW), _splat(builder, 32)
    c0, c1, c2, c3 = counter
    for r in range(10):
        k0, k1 = (_splat(builder, builder.add(k, ir.Constant(k.type, r * w & _LOW))) for k, w in zip(key, (_W0, _W1), strict=True))
        p0 = builder.mul(builder.and_(c0, low), _splat(builder, _M0))
        p1 = builder.mul(builder.and_(c2, low), _splat(builder, _M1))
        c0, c2 = (builder.xor(builder.xor(builder.lshr(p, shift), c), k) for p, c, k in ((p1, c1, k0), (p0, c3, k1)))
        c1, c3 = p1, p0
    return [builder.trunc(c, _WORDS) for c in (c0, c1, c2, c3)]


@intrinsic
def _fill_span(typingctx: Any, words: Any, at: Any, counter: Any, y: Any, frame: Any, item: Any, k0: Any, k1: Any) -> Any:
    """Write 64 words from words[at] on: those of the counters (counter + 0..15, y, frame, item)."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, args[0])
        lanes = builder.add(_splat(builder, args[2]), ir.Constant(_VECTOR, list(range(_LANES))))
        four = _rounds(builder, [lanes, *(_splat(builder, a) for a in args[3:6])], list(args[6:8]))
        for n, words in enumerate(four):
            place = builder.gep(array.data, [builder.add(args[1], ir.Constant(args[1].type, n * _LANES))])
            builder.store(words, builder.bitcast(place, _WORDS.as_pointer()), align=4)
        return context.get_dummy_value()

    return types.void(words, *[types.int64] * 7), codegen


@compiled
def fill_words(words, x, count, y, frame, item, k0, k1):
    """Write the words of `count` pixels of a row, from the span that holds column x on.

    words     (>= count + 126,) int32
    returns   the place of column x in `words`: x modulo 64
    """
    apart()
    first = x >> 6
    for span in range(first, ((x + count - 1) >> 6) + 1):
        _fill_span(words, (span - first) * SPAN, span << 4, y, frame, item, k0, k1)
    return x & 63


@compiled
def cipher(counters, k0, k1, out):
    """Encrypt given counters, (N, 4) int64, to out, (N, 4) int32: for tests against published vectors."""
    words = np.empty(SPAN, np.int32)
    for n in range(counters.shape[0]):
        _fill_span(words, 0, counters[n, 0], counters[n, 1], counters[n, 2], counters[n, 3], k0, k1)
        for i in range(4):
            out[n, i] = words[i * 16]
