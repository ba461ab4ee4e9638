"""Compiled versions of the functions in ``math`` for complex numbers, in terms of those for real ones.

Each is a formula on the real and the imaginary part that keeps their type, so that a loop over it becomes vector code
where the real functions do. The inverse functions are Numba's own (those of ``cmath``), computed in double precision.

CUDA compiles the same formulas: ``overloads_cuda`` registers those of the tables below.

To add one, write the formula under ``@complex_version(math.name)``.
"""

from __future__ import annotations

import cmath
from collections.abc import Callable
from typing import Any

import numpy as np
from numba.core import types
from numba.extending import overload
from numba.np.numpy_support import as_dtype

from numtorch.kernels import math
from numtorch.kernels.math import (
    abs,
    atan2,
    copysign,
    cos,
    cosh,
    exp,
    expm1,
    hypot,
    isfinite,
    isinf,
    log,
    log1p,
    quotient,
    sign,
    sin,
    sinh,
    sqrt,
    tan,
    tanh,
)

_JIT = {"fastmath": False, "error_model": "numpy", "forceinline": True}
_PARTS: dict[Any, Any] = {types.complex64: np.float32, types.complex128: np.float64}
# What is compiled for each function:
FORMULAS: dict[Any, Callable] = {}  # of one complex number: from the NumPy type of the parts to the formula
OF_TWO: dict[Any, Callable] = {}  # of two numbers of which one is complex: from the NumPy type of both together
OF_REAL: dict[Any, Callable] = {}  # of a real number: from its NumPy type


def complex_version(fn: Any) -> Callable:
    """Register ``build(part)``, which gives the formula for complex numbers whose parts are of this NumPy type."""

    def register(build: Callable) -> Callable:
        FORMULAS[fn] = build
        built: dict[Any, Any] = {}

        def version(x):
            part = _PARTS.get(x)
            if part is not None and part not in built:
                built[part] = build(part)
            return built.get(part)

        overload(fn, jit_options=_JIT, target="cpu", strict=False)(version)
        return build

    return register


def _same(build: Callable) -> Callable:
    """A formula without constants of its own serves both types."""
    return lambda part: build


@complex_version(math.conj)
@_same
def _(z):
    return complex(z.real, -z.imag)


@complex_version(math.abs)
@_same
def _(z):
    return hypot(z.real, z.imag)


@complex_version(math.sgn)
def _(part):
    zero = part(0)

    def formula(z):
        size = hypot(z.real, z.imag)
        return complex(z.real / size, z.imag / size) if size != 0 else complex(zero, zero)

    return formula


@complex_version(math.quarter_turned)
def _(part):
    zero = part(0)

    def formula(z):
        size = hypot(z.real, z.imag)
        return complex(-z.imag / size / size, z.real / size / size) if size != 0 else complex(zero, zero)

    return formula


@complex_version(math.angle)
@_same
def _(z):
    return atan2(z.imag, z.real)


@complex_version(math.isinf)
@_same
def _(z):
    return isinf(z.real) | isinf(z.imag)


@complex_version(math.isfinite)
@_same
def _(z):
    return isfinite(z.real) & isfinite(z.imag)


@complex_version(math.exp)
@_same
def _(z):
    size, turned = exp(z.real), z.imag
    # exp(inf) * sin(0) is no number
    return complex(size * cos(turned), turned if turned == 0 else size * sin(turned))


@complex_version(math.exp2)
def _(part):
    ln2 = part(0.6931471805599453)
    return lambda z: exp(complex(z.real * ln2, z.imag * ln2))


@complex_version(math.expm1)
def _(part):
    half, minus_two = part(0.5), part(-2)

    def formula(z):
        s = sin(z.imag * half)
        return complex(expm1(z.real) * cos(z.imag) + minus_two * s * s, exp(z.real) * sin(z.imag))

    return formula


@complex_version(math.log)
def _(part):
    half, one, two = part(0.5), part(1), part(2)

    def formula(z):
        x, y = abs(z.real), abs(z.imag)
        large, small = max(x, y), min(x, y)
        size = hypot(x, y)
        # Near the unit circle log(size) has no digits: there |z|**2 - 1 is found without rounding size.
        near = half * log1p((large - one) * (large + one) + small * small)
        return complex(near if (size > half) & (size < two) else log(size), atan2(z.imag, z.real))

    return formula


@complex_version(math.log2)
def _(part):
    scale = part(1.4426950408889634)

    def formula(z):
        w = log(z)
        return complex(w.real * scale, w.imag * scale)

    return formula


@complex_version(math.log10)
def _(part):
    scale = part(0.4342944819032518)

    def formula(z):
        w = log(z)
        return complex(w.real * scale, w.imag * scale)

    return formula


@complex_version(math.log1p)
def _(part):
    half, one, two = part(0.5), part(1), part(2)

    def formula(z):
        x, y = z.real, z.imag
        near = complex(half * log1p(x * (two + x) + y * y), atan2(y, one + x))
        return near if abs(x) + abs(y) < half else log(complex(one + x, y))

    return formula


@complex_version(math.sqrt)
def _(part):
    half, two = part(0.5), part(2)

    def formula(z):
        x, y = z.real, z.imag
        t = sqrt(half * abs(x) + half * hypot(x, y))
        other = y / (two * t) if t != 0 else y
        other = other if isfinite(y) else y
        return complex(t, other) if x >= 0 else complex(abs(other), copysign(t, y))

    return formula


@complex_version(math.rsqrt)
def _(part):
    one = part(1)
    return lambda z: quotient(complex(one, part(0)), sqrt(z))


@complex_version(math.sigmoid)
def _(part):
    one, zero = part(1), part(0)
    return lambda z: quotient(complex(one, zero), complex(one, zero) + exp(-z))


@complex_version(math.sin)
@_same
def _(z):
    return complex(sin(z.real) * cosh(z.imag), cos(z.real) * sinh(z.imag))


@complex_version(math.cos)
@_same
def _(z):
    return complex(cos(z.real) * cosh(z.imag), -sin(z.real) * sinh(z.imag))


@complex_version(math.sinh)
@_same
def _(z):
    return complex(sinh(z.real) * cos(z.imag), cosh(z.real) * sin(z.imag))


@complex_version(math.cosh)
@_same
def _(z):
    return complex(cosh(z.real) * cos(z.imag), sinh(z.real) * sin(z.imag))


@complex_version(math.tanh)
def _(part):
    one, four, minus_two, far = part(1), part(4), part(-2), part(20)

    def formula(z):
        # Kahan: Branch cuts for complex elementary functions (1987).
        x, y = z.real, z.imag
        t = tan(y)
        beta = one + t * t
        s = sinh(x)
        rho = sqrt(one + s * s)
        below = one + beta * s * s
        near = complex(beta * rho * s / below, t / below)
        return complex(copysign(one, x), four * sin(y) * cos(y) * exp(minus_two * abs(x))) if abs(x) > far else near

    return formula


@complex_version(math.tan)
@_same
def _(z):
    w = tanh(complex(-z.imag, z.real))  # tan(z) = -i tanh(i z)
    return complex(w.imag, -w.real)


def _inverse(fn: Any, double: Any) -> None:
    @complex_version(fn)
    def _(part):
        kind = np.complex64 if part is np.float32 else np.complex128
        wide = np.complex128
        return lambda z: kind(double(wide(z)))


for _fn, _double in {
    math.asin: cmath.asin,
    math.acos: cmath.acos,
    math.atan: cmath.atan,
    math.asinh: cmath.asinh,
    math.atanh: cmath.atanh,
}.items():
    _inverse(_fn, _double)


@complex_version(math.acosh)
def _(part):
    kind = np.complex64 if part is np.float32 else np.complex128
    wide = np.complex128

    def formula(z):
        w = cmath.acos(wide(z))  # turned by a right angle, into the right half plane
        return kind(complex(abs(w.imag), copysign(w.real, wide(z).imag)))

    return formula


def _power(kind: Any) -> Callable:
    zero, one, without = kind(0), kind(1), kind(complex(np.nan, np.nan))

    def formula(x, y):
        z, w = kind(x), kind(y)
        at_zero = one if w == zero else zero if w.real > 0 else without
        return at_zero if z == zero else exp(w * log(z))

    return formula


def _quotient(kind: Any) -> Callable:
    def formula(x, y):
        z, w = kind(x), kind(y)
        a, b, c, d = z.real, z.imag, w.real, w.imag
        # Smith's method: nothing overflows on the way. Numba's own quotient raises an error where y is 0.
        turned = abs(c) < abs(d)
        large, small = (d, c) if turned else (c, d)
        ratio = small / large if large != 0 else small
        below = large + small * ratio
        re, im = (a * ratio + b, b * ratio - a) if turned else (a + b * ratio, b - a * ratio)
        return complex(re / below, im / below)

    return formula


def _of_two(fn: Any, build: Callable) -> None:
    """Register the formula of a function of two numbers, of which at least one is complex."""
    OF_TWO[fn] = build
    built = {kind: build(kind) for kind in (np.complex64, np.complex128)}
    narrow = types.complex64, types.float32

    def version(x, y):
        if not any(isinstance(t, types.Complex) for t in (x, y)):
            return None
        fits = all(t in narrow or not isinstance(t, types.Complex | types.Float) for t in (x, y))
        return built[np.complex64 if fits else np.complex128]

    overload(fn, jit_options=_JIT, target="cpu", strict=False)(version)


_of_two(math.pow, _power)
_of_two(math.quotient, _quotient)


def _of_real(fn: Any, build: Callable) -> None:
    """Register what a function that is meant for complex numbers makes of real ones."""
    OF_REAL[fn] = build

    def version(x):
        real = isinstance(x, types.Number | types.Boolean) and not isinstance(x, types.Complex)
        return build(as_dtype(x).type) if real else None

    overload(fn, jit_options=_JIT, target="cpu", strict=False)(version)


def _angle_of_real(kind: Any) -> Callable:
    part = np.float32 if kind is np.float32 else np.float64
    zero, pi = part(0), part(np.pi)
    return lambda x: x if x != x else zero if x >= zero else pi


_of_real(math.conj, _same(lambda x: x))
_of_real(math.sgn, _same(lambda x: sign(x)))
_of_real(math.quarter_turned, _same(lambda x: x - x))
_of_real(math.angle, _angle_of_real)


@overload(math.exceeds, jit_options=_JIT, target="cpu", strict=False)
def _exceeds(x, y):
    return (lambda x, y: False) if isinstance(x, types.Complex) else lambda x, y: x > y


@overload(math.with_parts, jit_options=_JIT, target="cpu", strict=False)
def _with_parts(x, y):
    return lambda x, y: complex(x, y)
