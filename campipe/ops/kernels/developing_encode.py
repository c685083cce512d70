"""The sRGB encoding without a table and without a branch: float32, so that a loop over it runs on whole vectors.

Within the limits of a display, 0 to 1, the curve above its knee is one polynomial in x^(1/4): x^(5/12) = s^(5/3), which is smooth from the
knee's s = 0.237 to 1. Beyond them,

    x = 2^e (1 + f),   l = e + log2(1 + f),   x^(5/12) = 2^n 2^r   with n + r = 5/12 l,   |r| <= 1/2

with the logarithm of `campipe.ops.kernels.normal`. Both polynomials are our own minimax fits: the first has a largest error of 2e-8, 2^r a
relative one of 2.6e-9, before rounding. `limited` and `encoded` say how far they are from the formula, rounding included.
"""

from __future__ import annotations

import numpy as np

from campipe.ops.kernels.intrinsics import absolute, bits_of, float_of, fma, sqrt
from campipe.ops.kernels.jit import inlined
from campipe.ops.kernels.normal import NORMAL

_f = np.float32
_KNEE = _f(0.04045 / 12.92)
_SLOPE, _SCALE, _OFFSET = _f(12.92), _f(1.055), _f(0.055)  # IEC 61966-2-1
_POWER = _f(1 / 2.4)
_ZERO, _ONE, _ROUND = _f(0), _f(1), _f(3 << 22)  # added to a number, it leaves the nearest whole one in the lowest bits
_ROOT_HALF_BITS, _MANTISSA = np.int32(0x3F3504F3), np.int32(0x007FFFFF)
_SIGN = np.int32(-(2**31))
_23 = np.int32(23)

# 1.055 s^(5/3) - 0.055 in s - 0.625, log2(1 + f) / f, and 2^r, by falling powers.
_MIDDLE = _f(0.625)
_C0, _C1, _C2, _C3, _C4, _C5, _C6, _C7, _C8, _C9 = (
    _f(c) for c in (
        -0.116826531, 0.079109321, -0.029216219, 0.0382779586, -0.0496406307, 0.0652674823, -0.121834219, 0.685514588, 1.28534914,
        0.427006064,
    )
)  # fmt: skip
_L0, _L1, _L2, _L3, _L4, _L5, _L6, _L7, _L8 = NORMAL[:9]
_E0, _E1, _E2, _E3, _E4, _E5 = (_f(c) for c in (1.55946776e-4, 1.34066439e-3, 9.61769297e-3, 5.55031055e-2, 0.240226528, 0.693147215))


@inlined
def limited(linear):
    """The display value of a linear one, cut off at 0 and 1; NaN stays. Within 1.8e-7 of the formula."""
    x = _ZERO if linear < _ZERO else linear
    x = _ONE if x > _ONE else x
    u = sqrt(sqrt(x)) - _MIDDLE
    u2 = u * u
    u4 = u2 * u2
    g = fma(fma(_C2, u, _C3), u2, fma(_C4, u, _C5))
    h = fma(fma(_C6, u, _C7), u2, fma(_C8, u, _C9))
    curved = fma(fma(fma(_C0, u, _C1), u4, g), u4, h)
    return curved if x > _KNEE else _SLOPE * x


@inlined
def encoded(linear):
    """The display value of a linear one, odd and without limits as `campipe.ops.colour.srgb_encode` is; NaN stays.

    Within 1.7e-7 of the formula from -1 to 1; beyond, its relative error stays below 4.2e-7 up to 2^16.
    """
    size = absolute(linear)
    bits = np.int32(bits_of(size) - _ROOT_HALF_BITS)
    f = float_of(np.int32(np.int32(bits & _MANTISSA) + _ROOT_HALF_BITS)) - _ONE
    f2 = f * f
    f4 = f2 * f2
    g = fma(fma(_L1, f, _L2), f2, fma(_L3, f, _L4))
    h = fma(fma(_L5, f, _L6), f2, fma(_L7, f, _L8))
    g = fma(fma(_L0, f4, g), f4, h)
    logarithm = fma(g, f, _f(np.int32(bits >> _23)))
    whole = fma(logarithm, _POWER, _ROUND)
    r = fma(logarithm, _POWER, _ROUND - whole)
    r2 = r * r
    p = fma(fma(_E0, r, _E1), r2, fma(_E2, r, _E3))
    p = fma(p, r2, fma(_E4, r, _E5))
    p = fma(p, r, _ONE)
    root = float_of(np.int32(bits_of(p) + np.int32(bits_of(whole) << _23)))
    curved = float_of(np.int32(bits_of(_SCALE * root - _OFFSET) | np.int32(bits_of(linear) & _SIGN)))
    return curved if size > _KNEE else _SLOPE * linear
