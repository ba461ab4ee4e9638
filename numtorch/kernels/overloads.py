"""Compiled CPU versions of the functions in ``math``. Importing this module registers them with Numba.

Owns the formulas that LLVM turns into vector code: no branches, one table, no calls into libm, and correct NaN,
infinities, signed zeros and denormals. Rarely used functions call libm for each element. Each version is compiled
without fast-math, because the formulas depend on the order of their additions. The loop around it keeps its own flags.

To add one, write a function in ``math``, and here a builder under ``@real(math.name)``. The builder returns the
compiled version for a float type, whose constants are in ``k``.

Polynomials are minimax fits (Remez exchange in 50 digits), highest power first.
"""

from __future__ import annotations

import math as libm
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.registry import cpu_target
from numba.extending import intrinsic, overload
from numba.np.numpy_support import as_dtype

from numtorch.kernels import math, sampling, special

# Inlined by force: a vectorised loop cannot hold a call, and the longer formulas pass LLVM's size
# limit.
_JIT = {"fastmath": False, "error_model": "numpy", "forceinline": True}


# --- single instructions --------------------------------------------------------------------------


def _llvm(name: str, arity: int, flags: tuple = ()) -> Any:
    """An intrinsic that is one LLVM instruction on floats of one type."""

    def generate(context, builder, signature, args):
        kind = args[0].type
        function = builder.module.declare_intrinsic(name, [kind], ir.FunctionType(kind, [kind] * arity))
        return builder.call(function, args, fastmath=flags)

    if arity == 1:
        return intrinsic(lambda typingctx, x: (x(x), generate))
    if arity == 2:
        return intrinsic(lambda typingctx, x, y: (x(x, y), generate))
    return intrinsic(lambda typingctx, x, y, z: (x(x, y, z), generate))


fma = _llvm("llvm.fma", 3)  # x * y + z, rounded once
_sqrt, _floor, _ceil, _trunc = (_llvm(f"llvm.{n}", 1) for n in ("sqrt", "floor", "ceil", "trunc"))
_roundeven, _fabs, _copysign = (_llvm("llvm.roundeven", 1), _llvm("llvm.fabs", 1), _llvm("llvm.copysign", 2))
_maximum, _minimum = _llvm("llvm.maximum", 2), _llvm("llvm.minimum", 2)
_maxnum, _minnum = _llvm("llvm.maxnum", 2), _llvm("llvm.minnum", 2)
# One machine instruction, where the others are four; poison for NaN, so the caller looks for NaN and drops the result.
_max_number, _min_number = _llvm("llvm.maxnum", 2, ("nnan", "nsz")), _llvm("llvm.minnum", 2, ("nnan", "nsz"))


@intrinsic
def poly(typingctx, x, coefficients):
    """The polynomial with these coefficients, highest power first,
    by Horner's rule in fused steps.
    """

    def generate(context, builder, signature, args):
        x, packed = args
        y, *rest = cgutils.unpack_tuple(builder, packed)
        for c in rest:
            y = builder.fma(y, x, c)
        return y

    return x(x, coefficients), generate


@intrinsic
def select(typingctx, condition, x, y):
    """x if the condition holds, else y, without a branch."""
    return x(condition, x, y), lambda context, builder, signature, args: builder.select(*args)


@intrinsic
def bits(typingctx, x):
    """The bits of a float as a signed integer of its size."""
    whole = types.int32 if x == types.float32 else types.int64

    def generate(context, builder, signature, args):
        return builder.bitcast(args[0], ir.IntType(whole.bitwidth))

    return whole(x), generate


@intrinsic
def as_float(typingctx, b, like):
    """The float of like's type whose bits are the low ones of an integer."""

    def generate(context, builder, signature, args):
        width = 32 if like == types.float32 else 64
        whole = args[0] if args[0].type.width == width else builder.trunc(args[0], ir.IntType(width))
        return builder.bitcast(whole, args[1].type)

    return like(b, like), generate


# --- constants of the two float types -------------------------------------------------------------

_LN2 = Fraction("0.69314718055994530941723212145817656807550013436025525412068")
PI = "3.14159265358979323846264338327950288419716939937510582097494"
_LOG10E = Fraction("0.434294481903251827651128918916605082294397005803666566114454")
_TWO_OVER_PI = Fraction(  # 1 / (pi / 2) to 80 digits: a float32 above 2**100 still needs 53 bits behind them
    "0.63661977236758134307553505349005744813783858296182579499066937623558719053690614"
)


def _k(kind: Any, **more: Any) -> SimpleNamespace:
    info = np.finfo(kind)
    mantissa, bias = int(info.nmant), int(info.maxexp) - 1
    split = {}
    for name, value in (("ln2", _LN2), ("log2e", 1 / _LN2), ("log10e", _LOG10E), ("log10_2", _LN2 * _LOG10E)):
        high = kind(float(value))
        split[name], split[f"{name}_low"] = high, kind(float(value - Fraction(float(high))))
    return SimpleNamespace(
        kind=kind,
        mantissa=mantissa,
        bias=bias,
        one=kind(1),
        half=kind(0.5),
        two=kind(2),
        quarter=kind(0.25),
        zero=kind(0),
        inf=kind(np.inf),
        nan=kind(np.nan),
        normal=kind(info.smallest_normal),
        # Adding 1.5 * 2**mantissa leaves the nearest whole number in the low bits: a rounding and a
        # conversion in one addition, and unlike an fptosi it is harmless for NaN.
        magic=kind(1.5 * 2.0**mantissa),
        magic_bits=((bias + mantissa) << mantissa) | (1 << (mantissa - 1)),
        root_half_bits=0x3F3504F3 if kind is np.float32 else 0x3FE6A09E667F3BCD,
        mask=(1 << mantissa) - 1,
        lift=kind(2.0 ** (mantissa + 1)),
        lift_log2=kind(-mantissa - 1),
        **split,
        **{n: kind(v) if isinstance(v, float) else tuple(map(kind, v)) for n, v in more.items()},
    )


# exp_p: (exp(r) - 1 - r) / r**2; exp2_p: (2**r - 1) / r; log_p: what is left of log(1 + f), see
# _log_parts; atan_p: (atan(r) / r - 1) / z in z = r**2; erf_small: erf(x) / x - 1 in x**2 below 1; erf_large:
# log(erfc(x)) in x up to erf_top, where erf is 1; cdf_p / cdf_q: (normal_cdf(x) - 1/2) / x in x**2 up to cdf_top.
# fmt: off
K32 = _k(
    np.float32, exp_low=-104.5, exp_normal=-87.33654, exp_high=89.0, expm1_low=-18.0, exp2_low=-151.0, exp2_high=129.0,
    expm1_linear=2.0**-26, tanh_linear=2.0**-13, log1p_linear=2.0**-26, erf_top=4.0,
    exp_p=[0.00139464226, 0.00836657736, 0.0416662825, 0.166665431, 0.5],
    exp2_p=[0.000154763153, 0.00134002612, 0.00961800384, 0.0555032784, 0.240226513, 0.693147206],
    log_p=[-0.078603498, 0.128815964, -0.131284388, 0.141811891, -0.166245903, 0.200022869,
    -0.250008092,
           0.333333167],
    erf_small=[7.8891265e-05, -0.000802084282, 0.00518953543, -0.0268544446, 0.112836002,
    -0.376126271,
               0.128379166],
    atan_p=[-0.06451718869358958, 0.10743668324830098, -0.14263949753605723, 0.1999954031495797,
            -0.33333331760434554],
    erf_large=[0.000186773087, -0.0029518393, 0.0218561654, -0.10314767, -0.638093901, -1.1271223,
               -0.000332736869],
    sin_p=[-0.000195169493, 0.00833217625, -0.166666549],
    cos_p=[2.44387674e-05, -0.00138873719, 0.041666647],
    cdf_p=[2.33866047e-08, 6.35971583e-06, 0.000164305369, 0.0046507488, 0.0333708376, 0.398942232],
    cdf_q=[1.21656478e-06, 7.2393952e-05, 0.00185888971, 0.0283778477, 0.250314385, 1.0],
    cdf_top=5.4,
)
K64 = _k(
    np.float64, exp_low=-746.0, exp_normal=-708.3964185322641, exp_high=710.0, expm1_low=-40.0, exp2_low=-1077.0, exp2_high=1025.0,  # noqa: E501
    expm1_linear=2.0**-56, tanh_linear=2.0**-28, log1p_linear=2.0**-56, erf_top=6.0,
    exp_p=[2.5114434746042412e-08, 2.7626297543669816e-07, 2.7557228081238784e-06,
    2.4801504536441579e-05,
           0.00019841269902881446, 0.0013888888932282368, 0.0083333333333146624,
           0.041666666666574023,
           0.16666666666666685, 0.50000000000000056],
    exp2_p=[4.45738478086465e-10, 7.0738625538175223e-09, 1.017804648012292e-07,
    1.3215434808688463e-06,
            1.525273386748886e-05, 0.00015403530458082216, 0.0013333558146379101,
            0.0096181291075933435,
            0.055504108664821743, 0.24022650695910133, 0.69314718055994529],
    log_p=[0.14795610283419205, 0.15314087688048783, 0.18183562718296828, 0.22222198608018981,
           0.28571428741996124, 0.39999999999416785, 0.6666666666666734],
    erf_small=[-7.8011893833710778e-10, 1.3722975165906813e-08, -1.6209175287787121e-07,
               1.6447517539785506e-06, -1.4924744646717965e-05, 0.00012055295319291911,
               -0.00085483259896429117, 0.005223977607421995, -0.026866170643275986,
               0.11283791670945251,
               -0.37612638903183548, 0.12837916709551256],
    atan_p=[0.016284375050043393, -0.03456931506332609, 0.045515447340221615, -0.05230443640686948,
            0.05878927554473807, -0.0666642476020052, 0.07692296368042296, -0.09090908753259112, 0.11111111105150588,
            -0.14285714285659779, 0.19999999999999804, -0.3333333333333333],
    erf_large=[-4.9468522011907993e-12, 2.0520652249170074e-10, -3.9470961856327841e-09,
               4.6565804900745701e-08, -3.7440064578857955e-07, 2.1418502105837198e-06,
               -8.6934758711775187e-06, 2.2909349370601697e-05, -2.0491397873121884e-05,
               -0.00013459179486619764, 0.00076990534831275807, -0.0019150123950745742,
               0.00040971808402945012, 0.01899085328038741, -0.102703805788336,
               -0.63664349073309801,
               -1.1283741212405145, -4.994382480602489e-07],
)

# fmt: on


# --- registration ---------------------------------------------------------------------------------


def _type(*args: Any) -> Any:
    """The NumPy scalar type that numbers of these Numba types meet in, None for others."""
    if not all(isinstance(a, types.Number | types.Boolean) and not isinstance(a, types.Complex) for a in args):
        return None
    return np.result_type(*(as_dtype(types.unliteral(a)) for a in args)).type


def _register(fn: Any, arity: int, choose: Any) -> None:
    # Operands are converted to the type that choose() names, then the version for that type is
    # called.
    built: dict[Any, Any] = {}

    def build(*args):
        kind = _type(*args)
        if kind is None:
            return None
        target, builder = choose(kind)
        if target not in built:
            built[target] = builder(target)
        exact = all(as_dtype(types.unliteral(a)).type is target for a in args)
        return built[target] if exact else (_converted, _converted2, _converted3)[arity - 1](fn, target)

    overload(fn, jit_options=_JIT, target="cpu", strict=False)(build)


def _converted(fn: Any, kind: Any) -> Any:
    return lambda x: fn(kind(x))


def _converted2(fn: Any, kind: Any) -> Any:
    return lambda x, y: fn(kind(x), kind(y))


def _converted3(fn: Any, kind: Any) -> Any:
    return lambda x, y, z: fn(kind(x), kind(y), kind(z))


def real(fn: Any, arity: int = 1) -> Any:
    """Register ``builder(k)``, k the constants of float32 or float64;
    other numbers become float64.
    """

    def register(builder: Any) -> Any:
        def choose(kind):
            return (kind if kind is np.float32 else np.float64), lambda t: builder(K32 if t is np.float32 else K64)

        _register(fn, arity, choose)
        return builder

    return register


def number(fn: Any, arity: int, floats: Any, integers: Any) -> None:
    """Register one version for floats and one for integers, which stay integers."""

    def choose(kind):
        if issubclass(kind, np.floating):
            return (kind if kind is np.float32 else np.float64), lambda t: floats
        return (np.int64 if kind is np.bool_ else kind), lambda t: integers

    _register(fn, arity, choose)


def _sign(kind: Any) -> Any:
    zero, one = kind(0), kind(1)

    def sign(x):
        return select(x > zero, one, select(x < zero, kind(-1), zero))

    return sign


def helper(fn: Any) -> Any:
    """Mark a step that several formulas share, for one set of constants."""
    from numba import njit

    return njit(**_JIT, no_cpython_wrapper=True, no_cfunc_wrapper=True)(fn)


# --- exponentials ---------------------------------------------------------------------------------
# x = n ln 2 + r with n whole and |r| <= ln 2 / 2, so exp(x) = 2**n exp(r).


def _clamped(x, low, high):
    # Comparisons with NaN are false: it passes through, where llvm.maximum would cost more.
    x = select(x < low, low, x)
    return select(x > high, high, x)


def _reduced(k: Any) -> Any:
    magic, log2e, minus_ln2, minus_low = k.magic, k.log2e, -k.ln2, -k.ln2_low

    @helper
    def reduced(x):
        """n + magic, whose low bits are n, and r."""
        shifted = fma(x, log2e, magic)
        n = shifted - magic
        return shifted, fma(n, minus_low, fma(n, minus_ln2, x))

    return reduced


def _scaled(k: Any) -> Any:
    magic_bits, mantissa, bias = k.magic_bits, k.mantissa, k.bias

    @helper
    def scaled(y, shifted):
        """y * 2**n in two steps, so that the result may be denormal or infinite."""
        n = bits(shifted) - magic_bits
        first = n >> 1
        y = y * as_float((first + bias) << mantissa, y)
        return y * as_float((n - first + bias) << mantissa, y)

    return scaled


def _exp_unscaled(k: Any) -> Any:
    reduced, one, p = _reduced(k), k.one, k.exp_p

    @helper
    def exp(x):
        """exp(r) and n + magic; what 1 + r rounds away goes into the small term."""
        shifted, r = reduced(x)
        y = one + r
        return y + fma(poly(r, p), r * r, r - (y - one)), shifted

    return exp


@real(math.exp)
def _exp(k):
    inner, scaled, low, high, clamped = (_exp_unscaled(k), _scaled(k), k.exp_low, k.exp_high, helper(_clamped))

    def exp(x):
        y, shifted = inner(clamped(x, low, high))
        return scaled(y, shifted)

    return exp


@real(math.exp_nonpositive)
def _exp_nonpositive(k):
    reduced, p, zero, least = _reduced(k), (*k.exp_p, k.one, k.one), k.zero, k.exp_normal
    mantissa, bias = k.mantissa, k.bias

    def exp_nonpositive(x):
        # Where the result is normal so is 2**n, and one multiplication takes NaN through.
        shifted, r = reduced(x)
        return select(x < least, zero, poly(r, p) * as_float((bits(shifted) + bias) << mantissa, x))

    return exp_nonpositive


@real(math.exp2)
def _exp2(k):
    scaled, low, high, one, magic, p = _scaled(k), k.exp2_low, k.exp2_high, k.one, k.magic, k.exp2_p
    clamped = helper(_clamped)

    def exp2(x):
        x = clamped(x, low, high)
        shifted = x + magic
        r = x - (shifted - magic)
        return scaled(fma(poly(r, p), r, one), shifted)

    return exp2


def _expm1_far(k: Any) -> Any:
    reduced, p, low, high = _reduced(k), k.exp_p, k.expm1_low, k.exp_high
    magic_bits, mantissa, bias, half, two = k.magic_bits, k.mantissa, k.bias, k.half, k.two
    clamped = helper(_clamped)

    @helper
    def far(x):
        """2**n (exp(r) - 1) + (2**n - 1); half of it first, because 2**128 is no float32."""
        shifted, r = reduced(clamped(x, low, high))
        s = as_float((bits(shifted) - magic_bits + (bias - 1)) << mantissa, x)
        return fma(s, fma(poly(r, p), r * r, r), s - half) * two

    return far


@real(math.expm1)
def _expm1(k):
    far, linear = _expm1_far(k), k.expm1_linear

    def expm1(x):
        return select(_fabs(x) < linear, x, far(x))

    return expm1


@real(math.tanh)
def _tanh(k):
    far, linear, one, two = _expm1_far(k), k.tanh_linear, k.one, k.two

    def tanh(x):
        # tanh(a) = -e / (2 + e) with e = exp(-2a) - 1, for a >= 0
        a = _fabs(x)
        e = far(-two * a)
        d = two + e
        inverse = one / d
        y = -e * inverse
        # A Newton step takes out what the sum and the product round away, near 1 more than an ulp.
        y = fma(fma(-y, e - (d - two), fma(-y, d, -e)), inverse, y)
        return _copysign(select(a < linear, a, y), x)

    return tanh


@real(math.sigmoid)
def _sigmoid(k):
    inner, low, one, zero = _exp_unscaled(k), k.exp_low, k.one, k.zero
    mantissa, up = k.mantissa, (k.bias + 1) // 2
    down, offset = k.kind(2.0**-up), k.bias + up - k.magic_bits

    def sigmoid(x):
        a = -_fabs(x)
        y, shifted = inner(select(a < low, low, a))
        small = y * as_float((bits(shifted) + offset) << mantissa, x) * down  # n <= 0: no overflow to mind
        d = one + small
        y = select(x < zero, small, one) / d
        return fma(-y, small - (d - one), y)  # what the sum rounded away; a whole ulp where small is

    return sigmoid


@real(math.erf)
def _erf(k):
    reduced, one, p = _reduced(k), k.one, k.exp_p
    top, small, large = k.erf_top, k.erf_small, k.erf_large
    magic_bits, mantissa, bias = k.magic_bits, k.mantissa, k.bias

    def erf(x):
        # Below 1 an odd polynomial; above, 1 - erfc(x), whose logarithm is close to a parabola.
        a = _fabs(x)
        near = fma(poly(x * x, small), x, x)
        t = select(a > top, top, a)
        shifted, r = reduced(poly(t, large))
        s = as_float((bits(shifted) - magic_bits + bias) << mantissa, x)
        return select(a < one, near, _copysign(one - fma(s, fma(poly(r, p), r * r, r), s), x))

    return erf


@real(math.normal_cdf)
def _normal_cdf(k):
    one, half, zero = k.one, k.half, k.zero
    if k.kind is np.float64:
        root, exact = k.kind(0.7071067811865476), helper(_erf(k))
        return lambda x: half * (one + exact(x * root))
    p, q, top, clamped = k.cdf_p, k.cdf_q, k.cdf_top, helper(_clamped)

    def normal_cdf(x):
        # Half of what erf takes, because nothing here is small but x itself. Far out it must be 0, not nearly: x *
        # cdf(x).
        z = clamped(x, -top, top)
        y = fma(z * poly(z * z, p), one / poly(z * z, q), half)
        y = select((x < -top) | (y < zero), zero, y)
        return select(x > top, one, y)

    return normal_cdf


# --- logarithms -----------------------------------------------------------------------------------
# x = 2**e (1 + f) with sqrt(1/2) <= 1 + f < sqrt(2), so log(x) = e ln 2 + log(1 + f).


def _log_tail(k: Any) -> Any:
    p, half, two = k.log_p, k.half, k.two

    @helper
    def tail32(f):
        """log(1 + f) - f, as -f**2 / 2 + f**3 p(f)."""
        z = f * f
        return fma(-half, z, poly(f, p) * f * z)

    @helper
    def tail64(f):
        """log(1 + f) - f, from 2 atanh(f / (2 + f)): a division saves twelve terms."""
        s = f / (two + f)
        z = s * s
        h = half * f * f
        return fma(s, fma(poly(z, p), z, h), -h)

    return tail32 if k.kind is np.float32 else tail64


def _log_split(k: Any) -> Any:
    normal, lift, lift_log2, zero, one, magic = (k.normal, k.lift, k.lift_log2, k.zero, k.one, k.magic)
    root_half_bits, mantissa, mask, magic_bits = k.root_half_bits, k.mantissa, k.mask, k.magic_bits

    @helper
    def split(x):
        """e and f; denormals are lifted into the normal range first."""
        low = x < normal
        b = bits(select(low, x * lift, x)) - root_half_bits
        e = as_float((b >> mantissa) + magic_bits, x) - magic
        return e + select(low, lift_log2, zero), as_float((b & mask) + root_half_bits, x) - one

    return split


def _log_ends(k: Any) -> Any:
    zero, inf, nan = k.zero, k.inf, k.nan

    @helper
    def ends(x, y):
        """y, the logarithm of x, put right at 0, below it, at infinity and at NaN."""
        y = select(x < inf, y, x)
        y = select(x == zero, -inf, y)
        return select(x < zero, nan, y)

    return ends


@real(math.log)
def _log(k):
    split, tail, ends, ln2, ln2_low = _log_split(k), _log_tail(k), _log_ends(k), k.ln2, k.ln2_low

    def log(x):
        e, f = split(x)
        return ends(x, fma(e, ln2, f + fma(e, ln2_low, tail(f))))

    return log


@real(math.log2)
def _log2(k):
    split, tail, ends, scale, low = _log_split(k), _log_tail(k), _log_ends(k), k.log2e, k.log2e_low

    def log2(x):
        e, f = split(x)
        y = f * scale
        return ends(x, e + (y + fma(tail(f), scale, fma(f, low, fma(f, scale, -y)))))

    return log2


@real(math.log10)
def _log10(k):
    split, tail, ends, scale, low = (_log_split(k), _log_tail(k), _log_ends(k), k.log10e, k.log10e_low)
    two, two_low = k.log10_2, k.log10_2_low

    def log10(x):
        e, f = split(x)
        y = f * scale
        rest = fma(tail(f), scale, fma(f, low, fma(f, scale, -y)))
        return ends(x, fma(e, two, y + fma(e, two_low, rest)))

    return log10


@real(math.log1p)
def _log1p(k):
    tail, ends, ln2, ln2_low, one, quarter = (_log_tail(k), _log_ends(k), k.ln2, k.ln2_low, k.one, k.quarter)
    root_half_bits, mantissa, bias, magic, magic_bits = (k.root_half_bits, k.mantissa, k.bias, k.magic, k.magic_bits)
    linear = k.log1p_linear

    def log1p(x):
        # f = (1 + x) 2**-e - 1 from x itself, so what 1 + x rounds away is not lost. The scale is
        # split by 4 because 2**-128 is no normal float32.
        u = one + x
        b = (bits(u) - root_half_bits) >> mantissa
        e = as_float(b + magic_bits, x) - magic
        s4 = as_float((bias + 2 - b) << mantissa, x)
        f = fma(x * quarter, s4, fma(s4, quarter, -one))
        y = ends(u, fma(e, ln2, f + fma(e, ln2_low, tail(f))))
        return select(_fabs(x) < linear, x, y)

    return log1p


# --- sine and cosine ------------------------------------------------------------------------------
# x = m 2**e with a whole m below 2**24. Only 2**e * 2/pi modulo 4 matters for the angle in quarter
# turns, so a table over e, in two doubles, gives it to full accuracy for every float32. The first
# double has so few bits that its product with m is exact.


def _quarter_turns() -> tuple[np.ndarray, np.ndarray]:
    high, low = np.zeros(256), np.zeros(256)
    for e in range(255):
        turns = _TWO_OVER_PI * Fraction(2) ** (max(e, 1) - 150) % 4
        step = Fraction(2) ** (libm.frexp(float(turns))[1] - 29)
        high[e] = float(turns // step * step)
        low[e] = float(turns - turns // step * step)
    high[255] = np.nan
    return high, low


_TURNS, _TURNS_LOW = _quarter_turns()
_QUARTER = np.float64(libm.pi / 2)


def _sine(shift: int) -> Any:
    """Builder for sin (shift 0) and cos (shift 1, a quarter turn ahead)."""

    def builder(k):
        if k.kind is np.float64:
            return (lambda x: libm.cos(x)) if shift else (lambda x: libm.sin(x))
        one, half, linear, sin_p, cos_p = k.one, k.half, k.tanh_linear, k.sin_p, k.cos_p
        magic, magic_bits = K64.magic, K64.magic_bits

        def sine(x):
            b = bits(x)
            e = (b >> 23) & 0xFF
            m = np.float64(np.int32((b & 0x7FFFFF) | 0x800000))
            turns = m * _TURNS[e]
            shifted = fma(m, _TURNS_LOW[e], turns) + magic
            r = np.float32(fma(m, _TURNS_LOW[e], turns - (shifted - magic)) * _QUARTER)
            n = bits(shifted) - magic_bits
            z = r * r
            s = fma(poly(z, sin_p) * z, r, r)
            c = fma(poly(z, cos_p), z * z, fma(-half, z, one))
            y = select(((n + shift) & 1) == 0, s, c)
            y = select(((n + shift) & 2) == 0, y, -y)
            return y if shift else select(_fabs(x) < linear, x, _copysign(one, x) * y)

        return sine

    return builder


real(math.sin)(_sine(0))
real(math.cos)(_sine(1))


# --- single instructions under their names --------------------------------------------------------


def _same(x):
    return x


for _fn, _body in (
    (math.floor, lambda x: _floor(x)),
    (math.ceil, lambda x: _ceil(x)),
    (math.trunc, lambda x: _trunc(x)),
    (math.round, lambda x: _roundeven(x)),
):
    number(_fn, 1, _body, _same)

number(math.isnan, 1, lambda x: x != x, lambda x: False)
number(math.isinf, 1, lambda x: _fabs(x) == np.inf, lambda x: False)
number(math.isfinite, 1, lambda x: _fabs(x) < np.inf, lambda x: True)
number(math.abs, 1, lambda x: _fabs(x), lambda x: x if x > 0 else -x)
_register(math.sign, 1, lambda kind: (np.int64 if kind is np.bool_ else kind, _sign))
number(math.maximum, 2, lambda x, y: _maximum(x, y), lambda x, y: x if x > y else y)
number(math.minimum, 2, lambda x, y: _minimum(x, y), lambda x, y: x if x < y else y)
number(math.fmax, 2, lambda x, y: _maxnum(x, y), lambda x, y: x if x > y else y)
number(math.fmin, 2, lambda x, y: _minnum(x, y), lambda x, y: x if x < y else y)
number(math.max_number, 2, lambda x, y: _max_number(x, y), lambda x, y: x if x > y else y)
number(math.min_number, 2, lambda x, y: _min_number(x, y), lambda x, y: x if x < y else y)
real(math.sqrt)(lambda k: lambda x: _sqrt(x))
real(math.copysign, 2)(lambda k: lambda x, y: _copysign(x, y))


@real(math.rsqrt)
def _rsqrt(k):
    one = k.one
    return lambda x: one / _sqrt(x)


# --- integers and libm ----------------------------------------------------------------------------


def _int_pow(x, y):
    # By squaring; wraps. A negative power is a fraction, hence 0, unless x is 1 or -1.
    if y < 0:
        return (1 if (y & 1) == 0 else x) if x == 1 or x == -1 else x * 0
    result = x - x + 1
    while y > 0:
        if y & 1:
            result *= x
        x *= x
        y >>= 1
    return result


def _int_fmod(x, y):
    # -1 is taken out because the smallest integer divided by it traps.
    if y == 0 or y == -1:
        return 0
    rest = x % y
    return rest - y if rest != 0 and (rest < 0) != (x < 0) else rest


@intrinsic
def _fmod(typingctx, x, y):
    return x(x, y), lambda context, builder, signature, args: builder.frem(*args)


def _remainder(x, y):
    rest = _fmod(x, y)
    return rest + y if rest != 0 and (rest < 0) != (y < 0) else rest


number(math.pow, 2, lambda x, y: libm.pow(x, y), _int_pow)
number(math.fmod, 2, lambda x, y: _fmod(x, y), _int_fmod)
number(math.remainder, 2, _remainder, lambda x, y: 0 if y == 0 or y == -1 else x % y)

for _name in ("tan", "asin", "acos", "atan", "sinh", "cosh", "asinh", "acosh", "atanh"):
    _body = getattr(libm, _name)
    real(getattr(math, _name))(lambda k, f=_body: lambda x: f(x))


def _computed_in_double(f: Any, kind: Any) -> Any:
    return lambda x: kind(f(np.float64(x)))


for _name in ("erfc", "lgamma"):  # C libraries miss single precision by up to 3 and 7 units of the last place
    _body = getattr(libm, _name)
    real(getattr(math, _name))(lambda k, f=_body: _computed_in_double(f, k.kind))
real(math.hypot, 2)(lambda k: lambda x, y: libm.hypot(x, y))


@real(math.atan2, 2)
def _(k):
    # The angle to the nearer axis is atan(q) with 0 <= q <= 1, which beyond tan(pi / 8) is pi / 4 + atan((q - 1) / (q +
    # 1)).
    zero, one, inf, top, p = k.zero, k.one, k.inf, k.kind(0.41421356237309503), k.atan_p
    quarter, half, whole = k.kind(np.pi / 4), k.kind(np.pi / 2), k.kind(np.pi)
    # what rounding these takes away
    quarter_low, half_low, whole_low = (
        k.kind(Fraction(PI) / n - Fraction(float(k.kind(np.pi / n)))) for n in (4, 2, 1)
    )

    def atan2(y, x):
        ax, ay = _fabs(x), _fabs(y)
        steep = ay > ax
        large, small = select(steep, ay, ax), select(steep, ax, ay)
        q = select(large == zero, zero, select(small == inf, one, small / large))
        far = q > top
        r = select(far, (q - one) / (q + one), q)
        z = r * r
        angle = fma(poly(z, p) * z, r, r)
        angle = select(far, quarter + (angle + quarter_low), angle)
        angle = select(steep, half - (angle - half_low), angle)
        angle = select(_copysign(one, x) < zero, whole - (angle - whole_low), angle)
        return select((x != x) | (y != y), x + y, _copysign(angle, y))

    return atan2


# --- 16-bit floats and random numbers: compiled from their text in math ---------------------------


@intrinsic
def _unsigned_bits(typingctx, x):
    def generate(context, builder, signature, args):
        return builder.zext(builder.bitcast(args[0], ir.IntType(32)), ir.IntType(64))

    return types.int64(types.float32), generate


@overload(math.float_bits, jit_options=_JIT, target="cpu")
def _float_bits(x):
    return lambda x: _unsigned_bits(np.float32(x))


@overload(math.bits_float, jit_options=_JIT, target="cpu")
def _bits_float(b):
    return lambda b: as_float(np.int64(b), np.float32(0))


def _has_half() -> bool:
    """Whether the machine compiled for converts float16 itself;
    elsewhere LLVM would call a C routine.
    """
    triple, _, features = cpu_target.target_context.codegen().magic_tuple()
    return triple.startswith(("aarch64", "arm64")) or "+f16c" in features


@intrinsic
def _to_half(typingctx, x):
    def generate(context, builder, signature, args):
        return builder.bitcast(builder.fptrunc(args[0], ir.HalfType()), ir.IntType(16))

    return types.uint16(types.float32), generate


@intrinsic
def _from_half(typingctx, u):
    def generate(context, builder, signature, args):
        return builder.fpext(builder.bitcast(args[0], ir.HalfType()), ir.FloatType())

    return types.float32(types.uint16), generate


def _float_to_half(x):
    return _to_half(np.float32(x))


def _half_to_float(u):
    return _from_half(np.uint16(u))


@overload(math.float_to_half, jit_options=_JIT, target="cpu")
def _(x):
    return _float_to_half if _has_half() else math.float_to_half


@overload(math.half_to_float, jit_options=_JIT, target="cpu")
def _(u):
    return _half_to_float if _has_half() else math.half_to_float


@overload(math.float_to_bf16, jit_options=_JIT, target="cpu")
def _(x):
    def float_to_bf16(x):
        # As in math, on 32-bit lanes.
        b = bits(np.float32(x))
        return np.uint16(select(x != x, 0x7FC0, (b + 0x7FFF + ((b >> 16) & 1)) >> 16))

    return float_to_bf16


for _function in (
    math.bf16_to_float,
    math.philox,
    math.random_block,
    math.random_bits,
    math.uniform32,
    math.uniform64,
    math.normal32,
    math.normal64,
    sampling.stream,
    sampling._rarer_count,
    *sampling.VARIATES,
):
    overload(_function, jit_options=_JIT, target="cpu", strict=False)(lambda *args, f=_function: f)


# --- special functions: compiled from their text, in float64 --------------------------------------


def _in_double(text: Any, arity: int) -> Any:
    def build(k):
        kind = k.kind
        if arity == 1:
            return (lambda x: kind(text(np.float64(x)))) if k is K32 else lambda x: text(x)
        if arity == 3:
            single = lambda x, y, z: kind(text(np.float64(x), np.float64(y), np.float64(z)))  # noqa: E731
            return single if k is K32 else lambda x, y, z: text(x, y, z)
        return (lambda x, y: kind(text(np.float64(x), np.float64(y)))) if k is K32 else lambda x, y: text(x, y)

    return build


def _as_written(text: Any) -> None:
    overload(text, jit_options={"fastmath": False, "error_model": "numpy"}, target="cpu", strict=False)(
        [lambda x: text, lambda x, y: text, lambda x, y, z: text][text.__code__.co_argcount - 1]
    )


for _text in (*special.HELPERS, *[text for text, _ in special.TEXTS.values()], *special.INTEGERS.values()):
    _as_written(_text)
for _special, (_text, _arity) in special.TEXTS.items():
    real(_special, _arity)(_in_double(_text, _arity))
for _special, _text in special.INTEGERS.items():
    number(_special, 2, None, _text)
