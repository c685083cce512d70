"""Tukey-lambda numbers of unit variance by inversion of one word, in float64 inside.

Q(u) = (u^l - (1 - u)^l) / l, divided by its standard deviation; l -> 0 is the logistic law. With t = min(word, ~word) both tails keep
their bits and word ~w gives exactly the negative of word w. (A float32 u would round to 0 or 1 and give infinities for l < 0.)
"""

from __future__ import annotations

import math

import numpy as np

from campipe.ops.kernels.intrinsics import apart, bits_of_double, double_of, fma, rint
from campipe.ops.kernels.jit import compiled, inlined

_ROOT_HALF_BITS = np.int64(0x3FE6A09E667F3BCD)
_MANTISSA = np.int64(0x000FFFFFFFFFFFFF)
_LN2 = math.log(2)
_A1, _A2, _A3, _A4, _A5, _A6, _A7, _A8 = (2 / (2 * n + 1) for n in range(1, 9))
_E3, _E4, _E5, _E6, _E7, _E8, _E9, _E10, _E11 = (1 / math.factorial(n) for n in range(3, 12))
_SMALL = 1e-4  # shapes below it by magnitude take the series about the logistic law


@inlined
def _log(a):
    """Natural logarithm of a positive normal float64 by 2 atanh((m - 1) / (m + 1)), relative error below 1e-14."""
    shifted = bits_of_double(a) - _ROOT_HALF_BITS
    f = double_of((shifted & _MANTISSA) + _ROOT_HALF_BITS)
    r = (f - 1.0) / (f + 1.0)
    v = r * r
    p = fma(_A8, v, _A7)
    p = fma(fma(p, v, _A6), v, _A5)
    p = fma(fma(p, v, _A4), v, _A3)
    p = fma(fma(p, v, _A2), v, _A1)
    p = fma(p, v, 2.0)
    return fma(p, r, float(shifted >> np.int64(52)) * _LN2)


@inlined
def _exp(a):
    """exp(a) of a float64 below 700; below -700 that of -700, relative error below 1e-13."""
    a = max(a, -700.0)
    n = rint(a * 1.4426950408889634)
    g = fma(n, -_LN2, a)
    p = fma(_E11, g, _E10)
    p = fma(fma(p, g, _E9), g, _E8)
    p = fma(fma(p, g, _E7), g, _E6)
    p = fma(fma(p, g, _E5), g, _E4)
    p = fma(fma(p, g, _E3), g, 0.5)
    p = fma(fma(p, g, 1.0), g, 1.0)
    return p * double_of((np.int64(n) + np.int64(1023)) << np.int64(52))


@compiled
def tukey_block(words, count, shape, scale, out):
    """out[j] = scale * Q(u of words[j]), float32, 0 <= j < count.

    scale     1 / the standard deviation of Q
    """
    apart()
    logistic = abs(shape) < _SMALL
    inverse = 0.0 if logistic else 1.0 / shape
    for j in range(count):
        word = np.int32(words[j])
        t = np.int32(word ^ np.int32(word >> np.int32(31)))
        u = (np.float64(t) + 0.5) * 2.0**-32
        a, b = _log(u), _log(1.0 - u)
        if logistic:
            q = (a - b) * (1 + 0.5 * shape * (a + b) + shape * shape / 6 * (a * a + a * b + b * b))
        else:
            q = (_exp(shape * a) - _exp(shape * b)) * inverse
        q *= scale
        out[j] = np.float32(q if word >= 0 else -q)
