"""Elementwise arithmetic, comparisons, logic, and the elementary functions.

Each op is one scalar formula and its gradient. Gradients choose with ``where``: a comparison times a
gradient would turn an infinite gradient into NaN.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from numtorch._tensor import Tensor
from numtorch.dispatch.op import primitive
from numtorch.dtype import FLOATS, HALVES, INTEGERS
from numtorch.dtype import bool as BOOL
from numtorch.kernels import math as m
from numtorch.kernels.codegen.expr import Expr, constant

REAL = (*FLOATS, *HALVES)
SIGNED = (*INTEGERS, *REAL)  # everything but truth values, of which there is no difference

# --- four operations ------------------------------------------------------------------------------


@primitive(name="add", ref=np.add, public=False)
def plain_add(x, y):
    """Sum of two tensors, element by element."""
    return x + y


@plain_add.vjp
def _(g):
    return g, g


def add(input: Tensor, other: Any, *, alpha: Any = 1, out: Tensor | None = None) -> Tensor:
    """``input + alpha * other``, element by element.

    >>> import numtorch as torch
    >>> torch.add(torch.tensor([1, 2]), torch.tensor([10, 20]), alpha=2)
    tensor([21, 42])
    """
    return plain_add(input, other if alpha == 1 else other * alpha, out=out)


@primitive(name="sub", ref=np.subtract, public=False, takes=SIGNED)
def plain_sub(x, y):
    """Difference of two tensors, element by element."""
    return x - y


@plain_sub.vjp
def _(g, *, needs):
    return g, (-g if needs[1] else None)


def sub(input: Tensor, other: Any, *, alpha: Any = 1, out: Tensor | None = None) -> Tensor:
    """``input - alpha * other``, element by element."""
    return plain_sub(input, other if alpha == 1 else other * alpha, out=out)


def rsub(x: Tensor, other: Any) -> Tensor:
    """``other - x``."""
    return plain_add(neg(x), other)


@primitive(ref=np.multiply)
def mul(x, y):
    """Product, element by element.

    >>> import numtorch as torch
    >>> torch.mul(torch.tensor([1.0, 2.0]), 3)
    tensor([3., 6.])
    """
    return x * y


@mul.vjp
def _(g, x, y, *, needs):
    return (g * y if needs[0] else None), (g * x if needs[1] else None)


@primitive(name="div", floats=True, ref=np.true_divide, domain=(0.5, 3), public=False)
def true_div(x, y):
    """Quotient in floating point."""
    return x / y


@true_div.vjp
def _(g, x, y, *, needs):
    return (g / y if needs[0] else None), (-g * x / (y * y) if needs[1] else None)


@primitive(ref=np.floor_divide, differentiable=False, domain=(0.5, 3), takes=SIGNED)
def floor_divide(x, y):
    """Quotient rounded towards minus infinity."""
    return x // y


@primitive(public=False, differentiable=False, takes=SIGNED)
def trunc_divide(x, y):
    """Quotient of integers rounded towards zero."""
    return (x - m.fmod(x, y)) // y


@primitive(floats=True, public=False, differentiable=False, ref=lambda x, y: np.trunc(x / y), domain=(0.5, 3))
def trunc_quotient(x, y):
    """Quotient in floating point rounded towards zero."""
    return m.trunc(x / y)


def div(input: Tensor, other: Any, *, rounding_mode: str | None = None, out: Tensor | None = None) -> Tensor:
    """Quotient: exact, or rounded to integers (``"floor"`` or ``"trunc"``).

    >>> import numtorch as torch
    >>> torch.div(torch.tensor([7, -7]), 2), torch.div(torch.tensor([7, -7]), 2, rounding_mode="floor")
    (tensor([ 3.5000, -3.5000]), tensor([ 3, -4]))
    """
    if rounding_mode is None:
        return true_div(input, other, out=out)
    if rounding_mode == "floor":
        return floor_divide(input, other, out=out)
    if rounding_mode == "trunc":
        return (trunc_quotient if _floating(input, other) else trunc_divide)(input, other, out=out)
    raise RuntimeError(f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'")


@primitive(ref=np.remainder, domain=(0.5, 3), takes=SIGNED)
def remainder(x, y):
    """What division leaves, with the sign of the divisor (Python's ``%``)."""
    return m.remainder(x, y)


@remainder.vjp
def _(g, x, y, *, needs):
    return g, (-g * floor_divide(x, y) if needs[1] else None)


@primitive(ref=np.fmod, domain=(0.5, 3), takes=SIGNED)
def fmod(x, y):
    """What division leaves, with the sign of the dividend (C's ``fmod``)."""
    return m.fmod(x, y)


@fmod.vjp
def _(g, x, y, *, needs):
    return g, (-g * trunc_quotient(x, y) if needs[1] else None)


@primitive(ref=np.negative, takes=SIGNED)
def neg(x):
    """The negative."""
    return -x


@neg.vjp
def _(g):
    return -g


@primitive(name="pow", ref=np.power, domain=(0.3, 2), takes=SIGNED, public=False)
def power(x, y):
    """``x`` to the power ``y``."""
    return m.pow(x, y)


@power.vjp(static=("y",))
def _(g, x, y, *, out, needs):
    if isinstance(y, int | float) and not needs[1]:
        # A constant exponent: exact at 0, where the general formula would divide by it.
        if y == 0:
            return g * 0.0, None
        return g * (y * (x if y == 2 else pow(x, y - 1))), None
    gx = g * where(eq(y, 0), 0.0, y * power(x, y - 1)) if needs[0] else None
    # 0 ** y has no slope in y for y >= 0, where the logarithm alone would give NaN.
    flat = logical_and(eq(x, 0), ge(y, 0)) if needs[1] else None
    return gx, (g * where(flat, 0.0, out * log(x)) if needs[1] else None)


@primitive(public=False, ref=lambda x: x * x * x)
def cube(x):
    """``x * x * x``."""
    return x * x * x


@cube.vjp
def _(g, x):
    return g * (x * x * 3)


def _truth(x: Any) -> bool:
    return isinstance(x, Tensor) and x._k.dtype is BOOL


def pow(input: Tensor, exponent: Any, *, out: Tensor | None = None) -> Tensor:
    """``input`` to the power ``exponent``, element by element; squares and cubes are products.

    >>> import numtorch as torch
    >>> torch.pow(torch.tensor([1.0, 2.0, 3.0]), 2)
    tensor([1., 4., 9.])
    """
    if exponent.__class__ is int and (exponent == 2 or exponent == 3) and not _truth(input):
        product = square if exponent == 2 else cube
        return product(input) if out is None else product(input, out=out)
    if exponent.__class__ is float and (exponent == 2.0 or exponent == 3.0) and _floating(input):
        return pow(input, int(exponent), out=out)
    return power(input, exponent) if out is None else power(input, exponent, out=out)


# --- comparison and logic -------------------------------------------------------------------------


@primitive(result="bool", differentiable=False, ref=np.equal)
def eq(x, y):
    """Whether equal, element by element."""
    return x == y


@primitive(result="bool", differentiable=False, ref=np.not_equal)
def ne(x, y):
    """Whether different, element by element."""
    return x != y


@primitive(result="bool", differentiable=False, ref=np.less)
def lt(x, y):
    """Whether ``x < y``, element by element."""
    return x < y


@primitive(result="bool", differentiable=False, ref=np.less_equal)
def le(x, y):
    """Whether ``x <= y``, element by element."""
    return x <= y


@primitive(result="bool", differentiable=False, ref=np.greater)
def gt(x, y):
    """Whether ``x > y``, element by element."""
    return x > y


@primitive(result="bool", differentiable=False, ref=np.greater_equal)
def ge(x, y):
    """Whether ``x >= y``, element by element."""
    return x >= y


@primitive(result="bool", differentiable=False, ref=np.logical_and)
def logical_and(x, y):
    """Whether both are nonzero."""
    return (x != 0) & (y != 0)


@primitive(result="bool", differentiable=False, ref=np.logical_or)
def logical_or(x, y):
    """Whether either is nonzero."""
    return (x != 0) | (y != 0)


@primitive(result="bool", differentiable=False, ref=np.logical_xor)
def logical_xor(x, y):
    """Whether exactly one is nonzero."""
    return (x != 0) ^ (y != 0)


@primitive(result="bool", differentiable=False, ref=np.logical_not)
def logical_not(x):
    """Whether zero."""
    return x == 0


@primitive(differentiable=False, public=False)
def bits_and(x, y):
    """Bitwise and of integers; logical and of booleans."""
    return x & y


@primitive(differentiable=False, public=False)
def bits_or(x, y):
    """Bitwise or of integers; logical or of booleans."""
    return x | y


@primitive(differentiable=False, public=False)
def bits_xor(x, y):
    """Bitwise exclusive or of integers; of booleans likewise."""
    return x ^ y


@primitive(differentiable=False, public=False)
def bits_not(x):
    """Bitwise not of integers."""
    return ~x


def _floating(*values: Any) -> bool:
    return any(isinstance(v, float) or (isinstance(v, Tensor) and v.dtype.is_floating_point) for v in values)


def _integral(op: str, *values: Any) -> None:
    for v in values:
        if isinstance(v, float) or (isinstance(v, Tensor) and v.dtype.is_floating_point):
            kind = v.dtype.name if isinstance(v, Tensor) else "float"
            raise NotImplementedError(f'"{op}" is not defined for {kind}; it takes integers and booleans')


def bitwise_and(input: Tensor, other: Any) -> Tensor:
    """Bitwise and of integers; logical and of booleans."""
    _integral("bitwise_and", input, other)
    return bits_and(input, other)


def bitwise_or(input: Tensor, other: Any) -> Tensor:
    """Bitwise or of integers; logical or of booleans."""
    _integral("bitwise_or", input, other)
    return bits_or(input, other)


def bitwise_xor(input: Tensor, other: Any) -> Tensor:
    """Bitwise exclusive or of integers; of booleans likewise."""
    _integral("bitwise_xor", input, other)
    return bits_xor(input, other)


def bitwise_not(input: Tensor) -> Tensor:
    """Bitwise not of integers; logical not of booleans."""
    _integral("bitwise_not", input)
    return logical_not(input) if input.dtype.name == "bool" else bits_not(input)


@primitive(name="where", keep=("condition",), public=False)
def choose(condition, x, y):
    """``x`` where the condition holds, else ``y``."""
    return x if condition else y


@choose.vjp
def _(g, condition, *, needs):
    return None, (where(condition, g, 0.0) if needs[1] else None), (where(condition, 0.0, g) if needs[2] else None)


def where(condition: Any, input: Any = None, other: Any = None) -> Any:
    """``input`` where the condition holds, else ``other``; indices of true elements if only the condition is given.

    >>> import numtorch as torch
    >>> x = torch.tensor([-1.0, 2.0])
    >>> torch.where(x > 0, x, 0.0)
    tensor([0., 2.])
    """
    if input is None and other is None:
        from numtorch.ops.indexing import nonzero

        return nonzero(condition, as_tuple=True)
    if isinstance(condition, Tensor) and condition.dtype.name not in ("bool", "uint8"):
        raise RuntimeError(f"where expected condition to be a boolean tensor, but got a tensor with dtype {condition.dtype.name}")
    return choose(condition, input, other)


# --- choosing one of two --------------------------------------------------------------------------


@primitive(ref=np.maximum)
def maximum(x, y):
    """The larger, element by element; NaN if either is."""
    return m.maximum(x, y)


@maximum.vjp
def _(g, x, y):
    # Where both are equal each gets half, as in torch.
    half = where(eq(x, y), g * 0.5, 0.0)
    return where(gt(x, y), g, half), where(gt(y, x), g, half)


@primitive(ref=np.minimum)
def minimum(x, y):
    """The smaller, element by element; NaN if either is."""
    return m.minimum(x, y)


@minimum.vjp
def _(g, x, y):
    half = where(eq(x, y), g * 0.5, 0.0)
    return where(lt(x, y), g, half), where(lt(y, x), g, half)


def clamp(input: Tensor, min: Any = None, max: Any = None, *, out: Tensor | None = None) -> Tensor:
    """Elements limited to ``[min, max]``; the gradient is 1 inside and at the bounds.

    >>> import numtorch as torch
    >>> torch.clamp(torch.tensor([-2.0, 0.5, 9.0]), 0, 1)
    tensor([0.0000, 0.5000, 1.0000])
    """
    if min is not None and max is not None:
        return clamp_both(input, min, max, out=out)
    op, bounds = clamping(min, max)
    return op.call(input, *bounds, out=out)


def clamping(min: Any, max: Any) -> tuple:
    """The op that limits elements by these bounds, and the bounds that it takes."""
    if min is None and max is None:
        raise ValueError("torch.clamp: At least one of 'min' or 'max' must not be None")
    if min is not None and max is not None:
        return clamp_both.op, (min, max)
    return (clamp_min.op, (min,)) if max is None else (clamp_max.op, (max,))


@primitive(public=False, takes=SIGNED)
def clamp_both(x, low, high):
    """Elements limited to ``[low, high]``; NaN if one of the three is."""
    # Comparisons let a NaN in x pass and are one instruction each, where maximum is four; of a NaN in numbers the loop is free.
    above = low if x < low else x
    y = high if above > high else above
    return y if (low == low) & (high == high) else low + high


@clamp_both.vjp
def _(g, x, low, high, *, needs):
    inside = logical_and(ge(x, low), le(x, high))
    return (where(inside, g, 0.0) if needs[0] else None,
            where(logical_and(lt(x, low), lt(low, high)), g, 0.0) if needs[1] else None,
            where(logical_or(gt(x, high), lt(high, low)), g, 0.0) if needs[2] else None)


@primitive()
def clamp_min(x, y):
    """Elements not below ``y``."""
    return m.maximum(x, y)


@clamp_min.vjp
def _(g, x, y, *, needs):
    return where(ge(x, y), g, 0.0), (where(lt(x, y), g, 0.0) if needs[1] else None)


@primitive()
def clamp_max(x, y):
    """Elements not above ``y``."""
    return m.minimum(x, y)


@clamp_max.vjp
def _(g, x, y, *, needs):
    return where(le(x, y), g, 0.0), (where(gt(x, y), g, 0.0) if needs[1] else None)


# --- elementary functions -------------------------------------------------------------------------


@primitive(ref=np.abs, takes=SIGNED)
def abs(x):
    """The absolute value; its gradient at 0 is 0."""
    return m.abs(x)


@abs.vjp
def _(g, x):
    return g * sign(x)


@primitive(ref=np.sign)
def sign(x):
    """-1, 0 or 1."""
    return m.sign(x)


@sign.vjp
def _(g):
    return g * 0.0


@primitive(floats=True, ref=np.exp)
def exp(x):
    """The exponential.

    >>> import numtorch as torch
    >>> torch.exp(torch.tensor([0.0, 1.0]))
    tensor([1.0000, 2.7183])
    """
    return m.exp(x)


@exp.vjp
def _(g, *, out):
    return g * out


@primitive(floats=True, ref=np.exp2)
def exp2(x):
    """2 to the power ``x``."""
    return m.exp2(x)


@exp2.vjp
def _(g, *, out):
    return g * (out * 0.6931471805599453)


@primitive(floats=True, ref=np.expm1)
def expm1(x):
    """``exp(x) - 1``, accurate near 0."""
    return m.expm1(x)


@expm1.vjp
def _(g, *, out):
    return g * (out + 1)


@primitive(floats=True, ref=np.log, domain=(0.2, 3))
def log(x):
    """The natural logarithm."""
    return m.log(x)


@log.vjp
def _(g, x):
    return g / x


@primitive(floats=True, ref=np.log2, domain=(0.2, 3))
def log2(x):
    """The logarithm to base 2."""
    return m.log2(x)


@log2.vjp
def _(g, x):
    return g / (x * 0.6931471805599453)


@primitive(floats=True, ref=np.log10, domain=(0.2, 3))
def log10(x):
    """The logarithm to base 10."""
    return m.log10(x)


@log10.vjp
def _(g, x):
    return g / (x * 2.302585092994046)


@primitive(floats=True, ref=np.log1p, domain=(-0.5, 3))
def log1p(x):
    """``log(1 + x)``, accurate near 0."""
    return m.log1p(x)


@log1p.vjp
def _(g, x):
    return g / (x + 1)


@primitive(floats=True, ref=np.sqrt, domain=(0.2, 3))
def sqrt(x):
    """The square root."""
    return m.sqrt(x)


@sqrt.vjp
def _(g, *, out):
    return g / (out * 2)


@primitive(floats=True, ref=lambda x: 1 / np.sqrt(x), domain=(0.2, 3))
def rsqrt(x):
    """One over the square root."""
    return m.rsqrt(x)  # 1 / sqrt(x) would become an estimate that is NaN at 0


@rsqrt.vjp
def _(g, *, out):
    return g * (out * out * out * -0.5)


@primitive(ref=np.square, takes=SIGNED)
def square(x):
    """``x * x``."""
    return x * x


@square.vjp
def _(g, x):
    return g * (x * 2)


@primitive(floats=True, ref=np.reciprocal, domain=(0.2, 3))
def reciprocal(x):
    """One over ``x``."""
    return 1 / x


@reciprocal.vjp
def _(g, *, out):
    return -g * (out * out)


@primitive(floats=True, ref=np.sin)
def sin(x):
    """The sine of radians."""
    return m.sin(x)


@sin.vjp
def _(g, x):
    return g * cos(x)


@primitive(floats=True, ref=np.cos)
def cos(x):
    """The cosine of radians."""
    return m.cos(x)


@cos.vjp
def _(g, x):
    return -g * sin(x)


@primitive(floats=True, ref=np.tan, domain=(-1, 1))
def tan(x):
    """The tangent of radians."""
    return m.tan(x)


@tan.vjp
def _(g, *, out):
    return g * (1 + out * out)


@primitive(floats=True, ref=np.arctan)
def atan(x):
    """The angle whose tangent is ``x``."""
    return m.atan(x)


@atan.vjp
def _(g, x):
    return g / (x * x + 1)


@primitive(floats=True, ref=np.sinh)
def sinh(x):
    """The hyperbolic sine."""
    return m.sinh(x)


@sinh.vjp
def _(g, x):
    return g * cosh(x)


@primitive(floats=True, ref=np.cosh)
def cosh(x):
    """The hyperbolic cosine."""
    return m.cosh(x)


@cosh.vjp
def _(g, x):
    return g * sinh(x)


@primitive(floats=True)
def erf(x):
    """The error function."""
    return m.erf(x)


@erf.vjp
def _(g, x):
    return g * (exp(-(x * x)) * 1.1283791670955126)  # 2 / sqrt(pi)


@primitive(ref=np.floor, takes=SIGNED)
def floor(x):
    """The largest integer not above ``x``."""
    return m.floor(x)


@floor.vjp
def _(g):
    return g * 0.0


@primitive(ref=np.ceil, takes=SIGNED)
def ceil(x):
    """The smallest integer not below ``x``."""
    return m.ceil(x)


@ceil.vjp
def _(g):
    return g * 0.0


@primitive(ref=np.round, takes=SIGNED)
def round(x):
    """The nearest integer, halves to even."""
    return m.round(x)


@round.vjp
def _(g):
    return g * 0.0


@primitive(ref=np.trunc, takes=SIGNED)
def trunc(x):
    """The integer part."""
    return m.trunc(x)


@trunc.vjp
def _(g):
    return g * 0.0


@primitive(result="bool", differentiable=False, ref=np.isnan)
def isnan(x):
    """Whether NaN."""
    return x != x


@primitive(result="bool", differentiable=False, ref=np.isinf)
def isinf(x):
    """Whether infinite."""
    return m.isinf(x)


@primitive(result="bool", differentiable=False, ref=np.isfinite)
def isfinite(x):
    """Whether neither NaN nor infinite."""
    return m.isfinite(x)


@primitive(ref=lambda x, y, w: x + w * (y - x), takes=REAL)
def lerp(x, end, w):
    """``x + weight * (end - x)``, counted from the nearer end: exact at both."""
    return x + w * (end - x) if m.abs(w) < 0.5 else end - (end - x) * (1 - w)


@lerp.vjp
def _(g, x, end, w, *, needs):
    return (g * (1 - w) if needs[0] else None), (g * w if needs[1] else None), (g * (end - x) if needs[2] else None)


def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Any = 1) -> Tensor:
    """``input + value * tensor1 * tensor2``."""
    return input + tensor1 * tensor2 * value


def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Any = 1) -> Tensor:
    """``input + value * tensor1 / tensor2``."""
    return input + tensor1 / tensor2 * value


# torch's other names
negative, absolute, subtract, multiply, divide, true_divide = neg, abs, sub, mul, div, div
greater, greater_equal, less, less_equal, not_equal, clip = gt, ge, lt, le, ne, clamp


# --- the same operators on symbols, so that formulas written with them can be traced ---------------

for _name, _fn in {"add": plain_add, "sub": plain_sub, "mul": mul, "truediv": true_div, "pow": pow, "neg": neg, "lt": lt,
                   "le": le, "gt": gt, "ge": ge}.items():
    setattr(Expr, f"__{_name}__", _fn)
for _name, _fn in {"add": plain_add, "sub": plain_sub, "mul": mul, "truediv": true_div}.items():
    setattr(Expr, f"__r{_name}__", lambda x, other, _fn=_fn: _fn(constant(other), x))
