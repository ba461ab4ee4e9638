"""The scalar functions that kernels call: one name for plain Python, compiled CPU code and CUDA. Those that need loops
are in ``special`` and ``bessel``, and known here too.

Defines each function as plain Python on one or two scalars. It keeps the NumPy scalar type: float32 gives float32;
integers count as float64 where the result is real. The compiled versions are in ``overloads`` for CPUs and
``overloads_cuda`` for GPUs. Knows nothing of arrays or ops.
"""

from __future__ import annotations

import builtins
import cmath
import math as _math
from typing import Any

import numpy as np

from numtorch.kernels import special
from numtorch.kernels.bessel import bessel as bessel
from numtorch.kernels.bessel import polynomial as polynomial
from numtorch.kernels.special import digamma as digamma
from numtorch.kernels.special import erfcx as erfcx
from numtorch.kernels.special import erfinv as erfinv
from numtorch.kernels.special import exponent as exponent
from numtorch.kernels.special import gammainc as gammainc
from numtorch.kernels.special import gammaincc as gammaincc
from numtorch.kernels.special import gcd as gcd
from numtorch.kernels.special import i0 as i0
from numtorch.kernels.special import i0e as i0e
from numtorch.kernels.special import i1 as i1
from numtorch.kernels.special import i1e as i1e
from numtorch.kernels.special import lcm as lcm
from numtorch.kernels.special import log_gamma_slope as log_gamma_slope
from numtorch.kernels.special import log_ndtr as log_ndtr
from numtorch.kernels.special import mantissa as mantissa
from numtorch.kernels.special import ndtr as ndtr
from numtorch.kernels.special import ndtri as ndtri
from numtorch.kernels.special import polygamma as polygamma
from numtorch.kernels.special import shift_left as shift_left
from numtorch.kernels.special import shift_right as shift_right
from numtorch.kernels.special import zeta as zeta

# --- what the plain versions stand on -------------------------------------------------------------


def _real(f: Any, x: Any) -> Any:
    # Evaluating float32 in double and rounding once makes the plain version the reference of the
    # others. Of a complex number f is the complex function.
    if isinstance(x, complex | np.complexfloating):
        kind: Any = type(x) if isinstance(x, np.complexfloating) else complex
        with np.errstate(all="ignore"):
            return kind(f(complex(x)))
    kind = type(x) if isinstance(x, np.floating) else float
    with np.errstate(all="ignore"):
        return kind(f(float(x)))


def _common(x: Any, y: Any) -> Any:
    # Compiled code sees a Python float as float64 and a Python int as int64.
    if not isinstance(x, np.generic) and not isinstance(y, np.generic):
        return next((kind for kind in (complex, float) if isinstance(x, kind) or isinstance(y, kind)), int)
    return np.result_type(*(v.dtype if isinstance(v, np.generic) else np.dtype(type(v)) for v in (x, y))).type


def _real2(f: Any, x: Any, y: Any) -> Any:
    kind = _common(x, y)
    kind = kind if issubclass(kind, float | np.floating) else float
    with np.errstate(all="ignore"):
        return kind(f(float(x), float(y)))


def _integral(x: Any) -> bool:
    return isinstance(x, int | np.integer | np.bool_)


# --- exponentials and logarithms ------------------------------------------------------------------


def exp(x):
    """e to the power of x."""
    return _real(np.exp, x)


def exp_nonpositive(x):
    """e to the power of a number that rounding alone may bring above 0; results below the smallest normal number are 0.

    Half the work of ``exp`` on a CPU, the same on CUDA: for softmax, whose exponents lie below the largest.
    """
    y = exp(x)
    return type(y)(0) if y < np.finfo(y).smallest_normal else y


def exp2(x):
    """2 to the power of x."""
    return _real(np.exp2, x)


def expm1(x):
    """exp(x) - 1, accurate near 0."""
    return _real(np.expm1, x)


def log(x):
    """Natural logarithm; -inf at 0, NaN below."""
    return _real(np.log, x)


def log2(x):
    """Logarithm to base 2."""
    return _real(np.log2, x)


def log10(x):
    """Logarithm to base 10."""
    return _real(np.log10, x)


def log1p(x):
    """log(1 + x), accurate near 0."""
    return _real(np.log1p, x)


def sigmoid(x):
    """1 / (1 + exp(-x)), without overflow on either side."""
    return _real(_sigmoid, x)


def _sigmoid(x: Any) -> Any:
    if isinstance(x, complex):
        return 1.0 / (1.0 + np.exp(-x))
    small = np.exp(-builtins.abs(x))
    return (1.0 if x >= 0 else small) / (1.0 + small)


def pow(x, y):
    """x to the power of y; between integers an integer, wrapping, and 0 for a fraction."""
    kind = _common(x, y)
    if issubclass(kind, complex | np.complexfloating):
        with np.errstate(all="ignore"):
            return kind(np.power(complex(x), complex(y)))
    if issubclass(kind, float | np.floating):
        return _real2(np.power, x, y)
    x, y = int(x), int(y)
    if y < 0:
        return kind({1: 1, -1: 1 - 2 * (y & 1)}.get(x, 0))
    bits = 64 if kind is int else np.dtype(kind).itemsize * 8
    value = builtins.pow(x, y, 1 << bits)
    signed = kind is int or issubclass(kind, np.signedinteger)
    return kind(value - (1 << bits) if signed and value >> (bits - 1) else value)


# --- trigonometric and hyperbolic functions -------------------------------------------------------


def sin(x):
    """Sine of x radians."""
    return _real(np.sin, x)


def cos(x):
    """Cosine of x radians."""
    return _real(np.cos, x)


def tan(x):
    """Tangent of x radians."""
    return _real(np.tan, x)


def asin(x):
    """Inverse sine."""
    return _real(np.arcsin, x)


def acos(x):
    """Inverse cosine."""
    return _real(np.arccos, x)


def atan(x):
    """Inverse tangent."""
    return _real(np.arctan, x)


def atan2(y, x):
    """Angle of the point (x, y), in [-pi, pi]."""
    return _real2(np.arctan2, y, x)


def sinh(x):
    """Hyperbolic sine."""
    return _real(np.sinh, x)


def cosh(x):
    """Hyperbolic cosine."""
    return _real(np.cosh, x)


def tanh(x):
    """Hyperbolic tangent."""
    return _real(np.tanh, x)


def asinh(x):
    """Inverse hyperbolic sine."""
    return _real(np.arcsinh, x)


def acosh(x):
    """Inverse hyperbolic cosine."""
    return _real(np.arccosh, x)


def atanh(x):
    """Inverse hyperbolic tangent."""
    return _real(np.arctanh, x)


def hypot(x, y):
    """sqrt(x*x + y*y) without overflow."""
    return _real2(np.hypot, x, y)


# --- special functions ----------------------------------------------------------------------------


def erf(x):
    """Error function, 2/sqrt(pi) times the integral of exp(-t*t) from 0 to x."""
    return _real(_math.erf, x)


def normal_cdf(x):
    """The standard normal distribution's probability below x. In float32 right to 2e-7, exactly 0 and 1 far out."""
    return _real(lambda v: 0.5 * (1.0 + _math.erf(v * 0.7071067811865476)), x)


def erfc(x):
    """1 - erf(x), accurate for large x."""
    return _real(_math.erfc, x)


def lgamma(x):
    """Logarithm of the absolute value of the gamma function; inf at its poles."""
    return _real(_lgamma, x)


def _lgamma(x: float) -> float:
    try:
        return _math.lgamma(x)
    except (ValueError, OverflowError):
        return _math.inf


# --- roots, rounding, signs -----------------------------------------------------------------------


def sqrt(x):
    """Square root; NaN below 0."""
    return _real(np.sqrt, x)


def rsqrt(x):
    """1 / sqrt(x); inf at 0."""
    return _real(lambda v: 1.0 / np.sqrt(v), x)


def floor(x):
    """Largest whole number not above x."""
    return x if _integral(x) else _real(np.floor, x)


def ceil(x):
    """Smallest whole number not below x."""
    return x if _integral(x) else _real(np.ceil, x)


def round(x):
    """Nearest whole number, halves to the even one."""
    return x if _integral(x) else _real(np.rint, x)


def trunc(x):
    """x without its fraction."""
    return x if _integral(x) else _real(np.trunc, x)


def isnan(x):
    """Whether x is NaN."""
    return bool(x != x)


def isinf(x):
    """Whether x is infinite."""
    return not _integral(x) and cmath.isinf(x)


def isfinite(x):
    """Whether x is neither infinite nor NaN."""
    return _integral(x) or cmath.isfinite(x)


def abs(x):
    """Absolute value."""
    with np.errstate(all="ignore"):
        return builtins.abs(x)


def sign(x):
    """-1, 0 or 1; 0 for NaN, as torch."""
    return type(x)(int(x > 0) - int(x < 0))


def conj(x):
    """The complex conjugate; a real number itself."""
    return x.conjugate()


def angle(x):
    """The angle of a complex number in the plane, in [-pi, pi]; of a real one 0 or pi, and NaN of NaN."""
    if isinstance(x, complex | np.complexfloating):
        return atan2(x.imag, x.real)
    return x if x != x else type(x)(0 if x >= 0 else _math.pi)


def sgn(x):
    """x / abs(x), and 0 at 0: the sign of a real number, the direction of a complex one."""
    return type(x)(x / abs(x) if x != 0 else 0) if isinstance(x, complex | np.complexfloating) else sign(x)


def quarter_turned(x):
    """1j / conj(x), the gradient of the angle of x; 0 for real numbers and at 0."""
    if isinstance(x, complex | np.complexfloating) and x != 0:
        return type(x)(1j / x.conjugate())
    return type(x)(0)


def exceeds(x, y):
    """x > y; False for complex numbers, which have no order."""
    return not isinstance(x, complex | np.complexfloating) and x > y


def with_parts(x, y):
    """The complex number of a real and an imaginary part."""
    return np.complex64(builtins.complex(x, y)) if isinstance(x, np.float32) else np.complex128(builtins.complex(x, y))


def copysign(x, y):
    """The magnitude of x with the sign of y."""
    return _real2(np.copysign, x, y)


# --- two numbers compared or divided --------------------------------------------------------------


def maximum(x, y):
    """The larger of two numbers; NaN if either is."""
    kind = _common(x, y)
    return kind(x + y if x != x or y != y else _larger(x, y))


def minimum(x, y):
    """The smaller of two numbers; NaN if either is."""
    kind = _common(x, y)
    return kind(x + y if x != x or y != y else _smaller(x, y))


def fmax(x, y):
    """The larger of two numbers; the other one if one is NaN."""
    kind = _common(x, y)
    return kind(y if x != x else x if y != y else _larger(x, y))


def fmin(x, y):
    """The smaller of two numbers; the other one if one is NaN."""
    kind = _common(x, y)
    return kind(y if x != x else x if y != y else _smaller(x, y))


def max_number(x, y):
    """The larger of two numbers; anything if one is NaN. CPU only: for reductions that look for NaN themselves."""
    return x if x > y else y


def min_number(x, y):
    """The smaller of two numbers; anything if one is NaN. CPU only: for reductions that look for NaN themselves."""
    return x if x < y else y


def _larger(x: Any, y: Any) -> Any:
    if x == y == 0 and not _integral(x) and not _integral(y):
        return y if _math.copysign(1.0, x) < 0 else x  # +0 above -0
    return x if x > y else y


def _smaller(x: Any, y: Any) -> Any:
    if x == y == 0 and not _integral(x) and not _integral(y):
        return x if _math.copysign(1.0, x) < 0 else y
    return x if x < y else y


def quotient(x, y):
    """x / y of complex numbers; infinite or NaN parts where y is 0."""
    kind = _common(x, y)
    with np.errstate(all="ignore"):
        return kind(np.complex128(x) / np.complex128(y))


def fmod(x, y):
    """Remainder of x / y with the sign of x (C's rule); 0 for an integer divided by 0."""
    kind = _common(x, y)
    if issubclass(kind, float | np.floating):
        return _real2(np.fmod, x, y)
    x, y = int(x), int(y)
    rest = builtins.abs(x) % builtins.abs(y) if y else 0
    return kind(-rest if x < 0 else rest)


def remainder(x, y):
    """Remainder of x / y with the sign of y (Python's rule, as torch);
    0 for an integer divided by 0.
    """
    kind = _common(x, y)
    if issubclass(kind, float | np.floating):
        rest = fmod(x, y)
        with np.errstate(all="ignore"):
            return kind(rest + kind(y)) if rest != 0 and (rest < 0) != (y < 0) else rest
    return kind(int(x) % int(y) if y else 0)


# --- 16-bit floats, stored as uint16 --------------------------------------------------------------
# From here on the functions are also what the compilers read, so they keep to arithmetic that means
# the same everywhere. float_bits and bits_float are the two that each target replaces.


def float_bits(x):
    """The 32 bits of a float32 as a non-negative integer."""
    return int(np.float32(x).view(np.uint32))


def bits_float(b):
    """The float32 whose bits are the low 32 of an integer."""
    return np.uint32(b & 0xFFFFFFFF).view(np.float32)


_HALF = np.float32(0.5)
_HALF_MIN = np.float32(2.0**-14)


def float_to_bf16(x):
    """The bfloat16 nearest to a float32, ties to even, as uint16; NaN becomes 0x7FC0."""
    b = float_bits(x)
    rounded = (b + 0x7FFF + ((b >> 16) & 1)) >> 16
    return np.uint16(0x7FC0 if x != x else rounded & 0xFFFF)


def bf16_to_float(u):
    """The float32 equal to the bfloat16 stored in a uint16."""
    return bits_float(int(u) << 16)


def float_to_half(x):
    """The float16 nearest to a float32, ties to even, as uint16; NaN turns quiet."""
    b = float_bits(x)
    a = b & 0x7FFFFFFF
    normal = (a - 0x37FFF001 + ((a >> 13) & 1)) >> 13
    # Adding 0.5 shifts a denormal's bits into place and lets the adder round them.
    denormal = float_bits(bits_float(a if a < 0x38800000 else 0) + _HALF) - 0x3F000000
    h = denormal if a < 0x38800000 else normal
    h = 0x7C00 if a >= 0x47800000 else h
    h = 0x7E00 | ((a >> 13) & 0x3FF) if a > 0x7F800000 else h
    return np.uint16(h | ((b >> 16) & 0x8000))


def half_to_float(u):
    """The float32 equal to the float16 stored in a uint16; NaN turns quiet."""
    h = int(u)
    a = (h & 0x7FFF) << 13
    denormal = float_bits(bits_float((a & 0x007FFFFF) + 0x38800000) - _HALF_MIN)
    b = a + (0x70000000 if a >= 0x0F800000 else 0x38000000)
    b = b | 0x00400000 if a > 0x0F800000 else b
    b = denormal if a < 0x00800000 else b
    return bits_float(b | ((h & 0x8000) << 16))


# --- random numbers: a function of (seed, index), so any number of threads draws the same ---------
# Words are uint64 holding 32 bits: products of two never overflow, and no operand is signed,
# because the compiler turns int64 with uint64 into float64.

_LOW = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)
_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_TWO32 = np.float32(2.0**-32)
_TWO33 = np.float32(2.0**-33)
_TWO24 = np.float32(2.0**-24)
_TURN24 = np.float32(2.0 * _math.pi * 2.0**-24)
_QUARTER = np.float32(_math.pi / 2)
_MINUS2 = np.float32(-2.0)


def philox(c0, c1, c2, c3, k0, k1):
    """Four random words of four counter and two key words (uint64 holding 32 bits): Philox4x32-10.

    Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3 (SC11).
    """
    for _ in range(10):
        p0 = c0 * _M0
        p1 = c2 * _M1
        c0 = (p1 >> _32) ^ c1 ^ k0
        c2 = (p0 >> _32) ^ c3 ^ k1
        c1 = p1 & _LOW
        c3 = p0 & _LOW
        k0 = (k0 + _W0) & _LOW
        k1 = (k1 + _W1) & _LOW
    return c0, c1, c2, c3


def random_block(seed, block):
    """The four random words (uint64 holding 32 bits) of one counter value."""
    zero = np.uint64(0)
    s, n = int(seed), int(block)
    return philox(
        np.uint64(n & 0xFFFFFFFF),
        np.uint64((n >> 32) & 0xFFFFFFFF),
        zero,
        zero,
        np.uint64(s & 0xFFFFFFFF),
        np.uint64((s >> 32) & 0xFFFFFFFF),
    )


def random_bits(seed, i):
    """Random number i of a seed's stream, as uint32: word i % 4 of block i // 4."""
    c0, c1, c2, c3 = random_block(seed, int(i) >> 2)
    even = c2 if int(i) & 2 else c0
    odd = c3 if int(i) & 2 else c1
    return np.uint32(odd if int(i) & 1 else even)


def uniform32(seed, i):
    """Random number i in [0, 1), float32, a multiple of 2**-24."""
    return np.float32(np.int32(random_bits(seed, i) >> 8)) * _TWO24


def uniform64(seed, i):
    """Random number i in [0, 1), float64, a multiple of 2**-53; two fit in one block."""
    c0, c1, c2, c3 = random_block(seed, int(i) >> 1)
    high = c2 if int(i) & 1 else c0
    low = c3 if int(i) & 1 else c1
    return np.float64(np.int64((high >> np.uint64(5)) << np.uint64(26) | (low >> np.uint64(6)))) * 2.0**-53


def normal32(seed, i):
    """Random number i of the standard normal distribution, float32, by Box and Muller's method.

    Two words give two numbers, the cosine and the sine; the first keeps all 32 bits, for the tails.
    """
    c0, c1, c2, c3 = random_block(seed, int(i) >> 2)
    radius = np.float32(c2 if int(i) & 2 else c0) * _TWO32 + _TWO33
    angle = np.float32(np.int32((c3 if int(i) & 2 else c1) >> np.uint64(8))) * _TURN24
    return sqrt(_MINUS2 * log(radius)) * cos(angle - np.float32(np.int32(int(i) & 1)) * _QUARTER)


def normal64(seed, i):
    """Random number i of the standard normal distribution, float64, by Box and Muller's method."""
    c0, c1, c2, c3 = random_block(seed, int(i) >> 1)
    first = np.int64((c0 >> np.uint64(5)) << np.uint64(26) | (c1 >> np.uint64(6)))
    second = np.int64((c2 >> np.uint64(5)) << np.uint64(26) | (c3 >> np.uint64(6)))
    radius = (np.float64(first) + 0.5) * 2.0**-53
    angle = np.float64(second) * (_math.pi * 2.0**-52)
    return sqrt(-2.0 * log(radius)) * cos(angle - np.float64(np.int64(int(i) & 1)) * (_math.pi / 2))


# fmt: off
__all__ = [
    "abs", "acos", "acosh", "angle", "asin", "asinh", "atan", "atan2", "atanh", "bf16_to_float",
    "bits_float",
    "ceil", "conj", "copysign", "cos", "cosh", "erf", "erfc", "exceeds", "exp", "exp2", "exp_nonpositive", "expm1",
    "float_bits",
    "float_to_bf16", "float_to_half", "floor", "fmax", "fmin", "fmod", "half_to_float", "hypot",
    "isfinite", "isinf", "isnan", "lgamma", "log", "log10", "log1p", "log2", "maximum", "minimum",
    "normal32", "normal64", "normal_cdf", "philox", "pow", "quarter_turned", "quotient", "random_bits",
    "random_block", "remainder", "round", "rsqrt",
    "sgn", "sigmoid", "sign", "sin", "sinh", "sqrt", "tan", "tanh", "trunc", "uniform32", "uniform64",
    "with_parts",
]
# fmt: on
__all__ = sorted([*__all__, *special.NAMED])  # noqa: PLE0605
