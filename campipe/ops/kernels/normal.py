"""Standard normal numbers by inversion of one word: float32, without a branch, so that the loop runs on whole vectors.

    u = (word + 0.5) / 2**32,   x = 1 - 2 min(u, 1 - u),   L = -log2(1 - x**2),   z = +-x P(L)

P is one polynomial in L for L <= 7 and another one in sqrt(L) beyond; the way through 1 - x**2 is that of Giles, "Approximating the erfinv
function", GPU Computing Gems Jade, 2011, chapter 10. The coefficients are our own minimax fits (largest relative error
8e-8 and 2e-8 before rounding, the logarithm's absolute error 7e-9). With t = min(word, ~word) the tails keep their bits, and word ~w gives
exactly the negative of word w.
"""

from __future__ import annotations

import math

import numpy as np

from campipe.ops.kernels.intrinsics import bits_of, float_of, fma, sqrt
from campipe.ops.kernels.jit import inlined

_f = np.float32
_HALF, _ONE, _FOUR = _f(0.5), _f(1), _f(4)
_SIGN = np.int32(-(2**31))
_TOP = np.int32(2**31 - 1)
_ROOT_HALF_BITS = np.int32(0x3F3504F3)
_MANTISSA = np.int32(0x007FFFFF)
_SPLIT, _CENTRE_AT, _TAIL_AT = _f(7.0), _f(3.5), _f(4.0)
_TO_U4, _TO_X = _f(2.0**-30), _f(2.0**-31)

# log2(1 + f) / f on sqrt(1/2) - 1 <= f <= sqrt(2) - 1
_G0, _G1, _G2, _G3, _G4, _G5, _G6, _G7, _G8 = (
    _f(g) for g in (1.442694902, -0.7213470936, 0.4809224904, -0.3607214987, 0.2876575291, -0.2385156453, 0.217370972, -0.2103189379, 0.1254452765)
)  # fmt: skip
# z / x in L - 3.5, L <= 7
_C0, _C1, _C2, _C3, _C4, _C5, _C6, _C7, _C8 = (
    _f(c) for c in (2.097475767, 0.2423569113, -2.644734923e-3, -6.209334242e-4, 7.185022696e-5, -6.486243365e-7, -5.891071169e-7, 3.641310542e-8, 2.547172473e-9)
)  # fmt: skip
# z / x in sqrt(L) - 4, L >= 7
_T0, _T1, _T2, _T3, _T4, _T5, _T6, _T7, _T8, _T9, _T10 = (
    _f(t) for t in (4.475361824, 1.184537172, 4.467597231e-3, -2.492815023e-3, 1.284146914e-3, -7.136706271e-4, 3.706626303e-4, -1.391686237e-4, 1.032187534e-5, 1.708684795e-5, -5.243499345e-6)
)  # fmt: skip


@inlined
def log2(a):
    """log2 of a positive normal float32, absolute error below 1e-7 plus half a unit in the last place."""
    shifted = np.int32(bits_of(a) - _ROOT_HALF_BITS)
    exponent = np.int32(shifted >> np.int32(23))
    f = float_of(np.int32(np.int32(shifted & _MANTISSA) + _ROOT_HALF_BITS)) - _ONE
    p = fma(_G8, f, _G7)
    p = fma(p, f, _G6)
    p = fma(p, f, _G5)
    p = fma(p, f, _G4)
    p = fma(p, f, _G3)
    p = fma(p, f, _G2)
    p = fma(p, f, _G1)
    p = fma(p, f, _G0)
    return fma(p, f, _f(exponent))


@inlined
def normal(word):
    """The standard normal number of one word (int32), float32."""
    t = np.int32(word ^ np.int32(word >> np.int32(31)))
    x = (_f(np.int32(t ^ _TOP)) + _HALF) * _TO_X
    u4 = (_f(t) + _HALF) * _TO_U4
    L = -log2(u4 * fma(u4, _f(-0.25), _ONE))
    c = L - _CENTRE_AT
    p = fma(_C8, c, _C7)
    p = fma(p, c, _C6)
    p = fma(p, c, _C5)
    p = fma(p, c, _C4)
    p = fma(p, c, _C3)
    p = fma(p, c, _C2)
    p = fma(p, c, _C1)
    p = fma(p, c, _C0)
    s = sqrt(max(L, _SPLIT)) - _TAIL_AT
    q = fma(_T10, s, _T9)
    q = fma(q, s, _T8)
    q = fma(q, s, _T7)
    q = fma(q, s, _T6)
    q = fma(q, s, _T5)
    q = fma(q, s, _T4)
    q = fma(q, s, _T3)
    q = fma(q, s, _T2)
    q = fma(q, s, _T1)
    q = fma(q, s, _T0)
    z = x * (p if L <= _SPLIT else q)
    # the upper half of the words is the positive one
    return float_of(np.int32(bits_of(z) ^ np.int32(~word & _SIGN)))


@inlined
def normal_block(words, at, count, out):
    """out[j] = the normal number of words[at + j], 0 <= j < count."""
    for j in range(count):
        out[j] = normal(words[at + j])


@inlined
def lower_tail(word):
    """min(u, 1 - u) of a word (int32), exact in float64."""
    t = np.int64(word) if word >= 0 else np.int64(~word)
    return (t + 0.5) * 2.0**-32


@inlined
def normal_double(word):
    """The standard normal number of one word (int32), float64: the float32 one and a step of Halley's method; error below 1e-14."""
    z = -abs(np.float64(normal(word)))
    u = lower_tail(word)
    e = (0.5 * math.erfc(-z * 0.7071067811865476) - u) * 2.5066282746310002 * math.exp(0.5 * z * z)
    z -= e / (1.0 + 0.5 * z * e)
    return z if word >= 0 else -z
