"""Elementwise arithmetic and elementary functions. The operators of comparisons and choices are here too.

Each op is one scalar formula and its gradient. Gradients choose values with ``where``, because a comparison times an
infinite gradient is NaN.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import numtorch.dtype as dtypes
from numtorch import engine
from numtorch._tensor import Tensor
from numtorch.arguments import element, wrapped
from numtorch.dispatch import samples
from numtorch.dispatch.op import primitive
from numtorch.dtype import INTEGERS
from numtorch.dtype import bool as BOOL
from numtorch.exports import exported
from numtorch.kernels import math as m
from numtorch.kernels.codegen.expr import Expr, constant
from numtorch.ops.comparison import (  # noqa: F401 - what arithmetic has always been asked for
    REAL,
    SIGNED,
    bits_and,
    bits_not,
    bits_or,
    bits_xor,
    bitwise_and,
    bitwise_not,
    bitwise_or,
    bitwise_xor,
    choose,
    clamp,
    clamp_both,
    clamp_max,
    clamp_min,
    clamping,
    eq,
    ge,
    gt,
    integral,
    is_extreme,
    is_floating,
    is_truth,
    le,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    lt,
    maximum,
    minimum,
    ne,
    where,
    zeros_of,
)


def _one_type(name: str, values: tuple) -> None:
    """RuntimeError unless tensors that are not 0-dimensional have one type; torch's words."""
    first = next(v for v in values if isinstance(v, Tensor))._k.dtype
    for what, v in zip(("input", "end", "weight"), values, strict=True):
        if isinstance(v, Tensor) and v._k.dtype is not first and (v.shape or what == "end"):
            raise RuntimeError(
                f"expected dtype {first.name} for `{what}` but got dtype {v._k.dtype.name}; cast one with .to(...)"
            )


# --- four operations ------------------------------------------------------------------------------


@primitive(name="add", ref=np.add, public=False)
def plain_add(x, y):
    """Sum of two tensors, element by element."""
    return x + y


@engine.fill
def add_into(total: Tensor, x: Tensor) -> None:
    """``total += x`` outside any graph."""
    plain_add.op.program(total, x, outs=(total,))


@plain_add.vjp
def _(g):
    return g, g


ONE = 1  # by identity: True and 1.0 are other requests


@exported("torch", "Tensor")
def add(input: Tensor, other: Any, *, alpha: Any = ONE, out: Tensor | None = None) -> Tensor:
    """``input + alpha * other``, element by element.

    >>> import numtorch as torch
    >>> torch.add(torch.tensor([1, 2]), torch.tensor([10, 20]), alpha=2)
    tensor([21, 42])
    """
    return (
        plain_add(input, other, out=out)
        if alpha is ONE
        else add_multiple(input, other, multiple(input, other, alpha, "add"), out=out)
    )


@primitive(public=False, counted=("x", "y"), ref=lambda x, y, w: x + w * y)
def add_multiple(x, y, w):
    """``x + w * y`` for a number ``w``, without rounding in between."""
    return x + y * w


@add_multiple.vjp
def _(g, y, w, *, needs):
    return g, (g * w if needs[1] else None), (g * y if needs[2] else None)


add_multiple.op.backward_name = "AddBackward0"


def multiple(x: Any, y: Any, alpha: Any, name: str) -> Any:
    """``alpha`` as a number of the type in which ``x + alpha * y`` is computed; torch's errors for one that it cannot
    be."""
    if isinstance(alpha, Tensor):
        alpha = alpha.item()
    if not isinstance(alpha, bool | int | float):
        raise TypeError(f"{name}(): argument 'alpha' must be Number, not {type(alpha).__name__}")
    if not isinstance(x, Tensor) and not isinstance(y, Tensor):
        raise TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(x).__name__}")
    d = plain_add.op.program.compute_type((x, y))
    if isinstance(alpha, bool) and d is not BOOL:
        raise RuntimeError(f"Boolean alpha only supported for Boolean results; {name}() gives {d.name}")
    if isinstance(alpha, float) and not d.is_floating_point:
        raise RuntimeError(
            f"For integral input tensors, argument alpha must not be a floating point number; {name}() gives {d.name}"
        )
    return wrapped(alpha, d)


def _no_truths(name: str, values: tuple) -> None:
    """RuntimeError for truth values, of which there is no difference; torch's words."""
    truths = [is_truth(v) or isinstance(v, bool) for v in values]
    if len(values) > 1 and all(truths):
        raise RuntimeError(
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` "
            "operator instead."
        )
    if any(truths):
        what = "Negation, the `-` operator, on" if len(values) == 1 else "Subtraction, the `-` operator, with"
        raise RuntimeError(
            f"{what} a bool tensor is not supported. If you are trying to invert a mask, use the `~` or "
            "`logical_not()` operator instead."
        )


@primitive(name="sub", ref=np.subtract, public=False, takes=SIGNED, check=_no_truths)
def plain_sub(x, y):
    """Difference of two tensors, element by element."""
    return x - y


@plain_sub.vjp
def _(g, *, needs):
    return g, (-g if needs[1] else None)


@exported("torch", "Tensor", also=("subtract",))
def sub(input: Tensor, other: Any, *, alpha: Any = ONE, out: Tensor | None = None) -> Tensor:
    """``input - alpha * other``, element by element."""
    if alpha is ONE:
        return plain_sub(input, other, out=out)
    return add_multiple(input, other, negative_multiple(input, other, alpha, "sub"), out=out)


def negative_multiple(x: Any, y: Any, alpha: Any, name: str) -> Any:
    """``-alpha``, checked as ``multiple`` does it."""
    _no_truths(name, (x, y))
    value = -multiple(x, y, alpha, name)
    return value if value != 1 << 63 else -value  # the smallest integer is its own negative


@primitive(name="rsub", ref=lambda x, y: np.subtract(y, x), public=False, takes=SIGNED, check=_no_truths)
def difference_from(x, y):
    """``y - x``."""
    return y - x


@difference_from.vjp
def _(g, *, needs):
    return (-g if needs[0] else None), g


@exported("torch")
def rsub(input: Tensor, other: Any, *, alpha: Any = ONE) -> Tensor:
    """``other - alpha * x``."""
    if alpha is ONE:
        return difference_from(input, other)
    return add_multiple(other, input, negative_multiple(other, input, alpha, "rsub"))


@exported("torch", "Tensor", also=("multiply",))
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
    return (g / y if needs[0] else None), (-g * ((x / y) / y) if needs[1] else None)


@primitive(name="rdiv", floats=True, ref=lambda x, y: y / x, domain=(0.5, 3), public=False)
def quotient_of(x, y):
    """``y / x`` in floating point."""
    return y / x


@quotient_of.vjp
def _(g, x, y, *, needs):
    return (-g * ((y / x) / x) if needs[0] else None), (g / x if needs[1] else None)


# The smallest integer over -1 is beyond the type, and the machine traps: it is negated, which wraps.
@exported("torch", "Tensor")
@primitive(ref=np.floor_divide, domain=(0.5, 3), takes=SIGNED, rounded=True, divisor="y", whole=True)
def floor_divide(x, y):
    """Quotient rounded towards minus infinity. Integers divided by 0 are an error (on a GPU: any number)."""
    return (-x if y == -1 else x) // (1 if y == -1 else y)


@floor_divide.vjp
def _(g, *, needs):
    return (zeros_of(g) if needs[0] else None), (zeros_of(g) if needs[1] else None)


@primitive(
    public=False,
    differentiable=False,
    takes=INTEGERS,
    divisor="y",
    ref=lambda x, y: ((x - np.fmod(x, y)) // y).astype(x.dtype),
    torch=lambda t, x, y: t.div(x, y, rounding_mode="trunc"),
)
def trunc_divide(x, y):
    """Quotient of integers rounded towards zero."""
    return ((-x if y == -1 else x) - m.fmod(x, y)) // (1 if y == -1 else y)


@primitive(
    floats=True,
    public=False,
    ref=lambda x, y: np.trunc(x / y),
    domain=(0.5, 3),
    rounded=True,
    torch=lambda t, x, y: t.div(x, y, rounding_mode="trunc") if x.is_floating_point() else t.trunc(x / y),
)
def trunc_quotient(x, y):
    """Quotient in floating point rounded towards zero."""
    return m.trunc(x / y)


@trunc_quotient.vjp
def _(g, *, needs):
    return (zeros_of(g) if needs[0] else None), (zeros_of(g) if needs[1] else None)


@exported("torch", "Tensor", also=("divide", "true_divide"))
def div(input: Tensor, other: Any, *, rounding_mode: str | None = None, out: Tensor | None = None) -> Tensor:
    """Quotient: exact, or rounded to integers (``"floor"`` or ``"trunc"``), whose gradient is 0.

    >>> import numtorch as torch
    >>> torch.div(torch.tensor([7, -7]), 2), torch.div(torch.tensor([7, -7]), 2, rounding_mode="floor")
    (tensor([ 3.5000, -3.5000]), tensor([ 3, -4]))
    """
    if rounding_mode is None:
        return true_div(input, other, out=out)
    return divider(input, other, rounding_mode).call(input, other, out=out)


def divider(input: Any, other: Any, rounding_mode: str | None) -> Any:
    """The op that divides these operands and rounds as told."""
    if rounding_mode is None:
        return true_div.op
    if rounding_mode == "floor":
        return floor_divide.op
    if rounding_mode == "trunc":
        return (trunc_quotient if is_floating(input, other) else trunc_divide).op
    raise RuntimeError(f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'")


@exported("torch", "Tensor")
@primitive(ref=np.remainder, domain=(0.5, 3), takes=SIGNED, rounded=True, divisor="y")
def remainder(x, y):
    """What division leaves, with the sign of the divisor (Python's ``%``). Integers divided by 0 are an error (on a
    GPU: 0)."""
    return m.remainder(x, y)


@remainder.vjp
def _(g, x, y, *, needs):
    return g, (-g * floor_divide(x, y) if needs[1] else None)


@exported("torch", "Tensor")
@primitive(ref=np.fmod, domain=(0.5, 3), takes=SIGNED, rounded=True, divisor="y")
def fmod(x, y):
    """What division leaves, with the sign of the dividend (C's ``fmod``). Integers divided by 0 are an error (on a GPU:
    0)."""
    return m.fmod(x, y)


@fmod.vjp
def _(g, x, y, *, needs):
    return g, (-g * trunc_quotient(x, y) if needs[1] else None)


@exported("torch", "Tensor", also=("negative",))
@primitive(ref=np.negative, takes=SIGNED, check=_no_truths)
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


LONGEST = 1 << 62


@power.vjp(static=("y",))
def _(g, x, y, *, out, needs):
    if isinstance(y, int | float) and not needs[1]:
        # A constant exponent: exact at 0, where the general formula would divide by it.
        if y == 0:
            return zeros_of(g), None
        y = y if -LONGEST < y < LONGEST else float(y)  # an integer that has a neighbour in int64
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


@exported("torch", "Tensor")
def pow(input: Tensor, exponent: Any, *, out: Tensor | None = None) -> Tensor:
    """``input`` to the power ``exponent``, element by element; squares and cubes are products.

    A negative number as the exponent of integers is an error; in a tensor of exponents it gives the integer part, 0 but
    for 1 and -1.

    >>> import numtorch as torch
    >>> torch.pow(torch.tensor([1.0, 2.0, 3.0]), 2)
    tensor([1., 4., 9.])
    """
    if exponent.__class__ is int and (exponent == 2 or exponent == 3) and not is_truth(input):
        product = square if exponent == 2 else cube
        if not hasattr(input, "_k"):
            return power(input, exponent)  # which says what is wrong
        return product(input) if out is None else product(input, out=out)
    if exponent.__class__ is float and (exponent == 2.0 or exponent == 3.0) and is_floating(input):
        return pow(input, int(exponent), out=out)
    if exponent.__class__ is bool and is_truth(input):
        return logical_or(input, not exponent, out=out)
    exponent = fitting_exponent(input, exponent)
    return power(input, exponent) if out is None else power(input, exponent, out=out)


def fitting_exponent(x: Any, exponent: Any) -> Any:
    """An exponent as it is, if the type of ``x`` can hold it; RuntimeError for a number that makes no sense of
    integers."""
    if (
        exponent.__class__ is int
        and not 0 <= exponent <= 127
        and isinstance(x, Tensor)
        and not x._k.dtype.is_floating_point
    ):
        if exponent < 0:
            raise RuntimeError(
                f"Integers to negative integer powers are not allowed. pow(): {x.dtype.name} to the power {exponent}; "
                "cast with .float() first"
            )
        if x.dtype is not BOOL:
            return element(exponent, x.dtype)
    return exponent


# --- elementary functions -------------------------------------------------------------------------


@exported("torch", "Tensor", also=("absolute",))
@primitive(ref=np.abs, takes=SIGNED)
def abs(x):
    """The absolute value; its gradient at 0 is 0."""
    return m.abs(x)


@abs.vjp
def _(g, x):
    return g * sign(x)


@exported("torch", "Tensor")
@primitive(ref=lambda x: np.where(x > 0, 1, np.where(x < 0, -1, 0)))
def sign(x):
    """-1, 0 or 1."""
    return m.sign(x)


@sign.vjp
def _(g):
    return zeros_of(g)


@exported("torch", "Tensor")
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


@exported("torch", "Tensor")
@primitive(floats=True, ref=np.exp2)
def exp2(x):
    """2 to the power ``x``."""
    return m.exp2(x)


@exp2.vjp
def _(g, *, out):
    return g * (out * 0.6931471805599453)


@exported("torch", "Tensor")
@primitive(floats=True, ref=np.expm1)
def expm1(x):
    """``exp(x) - 1``, accurate near 0."""
    return m.expm1(x)


@expm1.vjp
def _(g, *, out):
    return g * (out + 1)


@exported("torch", "Tensor")
@primitive(floats=True, ref=np.log, domain=(0.2, 3))
def log(x):
    """The natural logarithm."""
    return m.log(x)


@log.vjp
def _(g, x):
    return g / x


@exported("torch", "Tensor")
@primitive(floats=True, ref=np.log2, domain=(0.2, 3))
def log2(x):
    """The logarithm to base 2."""
    return m.log2(x)


@log2.vjp
def _(g, x):
    return g / (x * 0.6931471805599453)


@exported("torch", "Tensor")
@primitive(floats=True, ref=np.log10, domain=(0.2, 3))
def log10(x):
    """The logarithm to base 10."""
    return m.log10(x)


@log10.vjp
def _(g, x):
    return g / (x * 2.302585092994046)


@exported("torch", "Tensor")
@primitive(floats=True, ref=np.log1p, domain=(-0.5, 3))
def log1p(x):
    """``log(1 + x)``, accurate near 0."""
    return m.log1p(x)


@log1p.vjp
def _(g, x):
    return g / (x + 1)


@exported("torch", "Tensor")
@primitive(floats=True, ref=np.sqrt, domain=(0.2, 3))
def sqrt(x):
    """The square root."""
    return m.sqrt(x)


@sqrt.vjp
def _(g, *, out):
    return g / (out * 2)


@exported("torch", "Tensor")
@primitive(floats=True, ref=lambda x: 1 / np.sqrt(x), domain=(0.2, 3))
def rsqrt(x):
    """One over the square root."""
    return m.rsqrt(x)  # 1 / sqrt(x) would become an estimate that is NaN at 0


@rsqrt.vjp
def _(g, *, out):
    return g * (out * out * out * -0.5)


@exported("torch", "Tensor")
@primitive(ref=lambda x: x * x, result="counts")
def square(x):
    """``x * x``; of truth values as int64."""
    return x * x


@square.vjp
def _(g, x):
    return g * (x * 2)


@exported("torch", "Tensor")
@primitive(floats=True, ref=np.reciprocal, domain=(0.2, 3))
def reciprocal(x):
    """One over ``x``."""
    return 1 / x


@reciprocal.vjp
def _(g, *, out):
    return -g * (out * out)


@exported("torch", "Tensor")
@primitive(floats=True, ref=np.sin)
def sin(x):
    """The sine of radians."""
    return m.sin(x)


@sin.vjp
def _(g, x):
    return g * cos(x)


@exported("torch", "Tensor")
@primitive(floats=True, ref=np.cos)
def cos(x):
    """The cosine of radians."""
    return m.cos(x)


@cos.vjp
def _(g, x):
    return -g * sin(x)


@exported("torch", "Tensor")
@primitive(floats=True, ref=np.tan, domain=(-1, 1))
def tan(x):
    """The tangent of radians."""
    return m.tan(x)


@tan.vjp
def _(g, *, out):
    return g * (1 + out * out)


@exported("torch", "Tensor")
@primitive(floats=True, ref=np.arctan)
def atan(x):
    """The angle whose tangent is ``x``."""
    return m.atan(x)


@atan.vjp
def _(g, x):
    return g / (x * x + 1)


@exported("torch", "Tensor")
@primitive(floats=True, ref=np.sinh)
def sinh(x):
    """The hyperbolic sine."""
    return m.sinh(x)


@sinh.vjp
def _(g, x):
    return g * cosh(x)


@exported("torch", "Tensor")
@primitive(floats=True, ref=np.cosh)
def cosh(x):
    """The hyperbolic cosine."""
    return m.cosh(x)


@cosh.vjp
def _(g, x):
    return g * sinh(x)


@exported("torch", "Tensor")
@primitive(floats=True, ref=samples.erf)
def erf(x):
    """The error function."""
    return m.erf(x)


@erf.vjp
def _(g, x):
    return g * (exp(-(x * x)) * 1.1283791670955126)  # 2 / sqrt(pi)


@exported("torch", "Tensor")
@primitive(floats=True, ref=np.vectorize(math.erfc, otypes=[float]))
def erfc(x):
    """``1 - erf(x)``, with all its digits also where that is small.

    >>> import numtorch as torch
    >>> torch.erfc(torch.tensor([0.0, 5.0]))
    tensor([1.0000e+00, 1.5375e-12])
    """
    return m.erfc(x)


@erfc.vjp
def _(g, x):
    return g * (exp(-(x * x)) * -1.1283791670955126)  # 2 / sqrt(pi)


@exported("torch", "Tensor")
@primitive(takes=REAL, ref=np.hypot)
def hypot(x, y):
    """``sqrt(input**2 + other**2)``: the hypotenuse, without overflow. Floating types only; its gradient at 0 is NaN,
    as in torch.

    >>> import numtorch as torch
    >>> torch.hypot(torch.tensor([3.0, 1e30]), torch.tensor([4.0, 1e30]))
    tensor([5.0000e+00, 1.4142e+30])
    """
    return m.hypot(x, y)


@hypot.vjp
def _(g, x, y, *, out, needs):
    return g * (x / out) if needs[0] else None, g * (y / out) if needs[1] else None


@exported("torch", "Tensor")
@primitive(ref=np.floor, takes=SIGNED)
def floor(x):
    """The largest integer not above ``x``."""
    return m.floor(x)


@floor.vjp
def _(g):
    return zeros_of(g)


@exported("torch", "Tensor")
@primitive(ref=np.ceil, takes=SIGNED)
def ceil(x):
    """The smallest integer not below ``x``."""
    return m.ceil(x)


@ceil.vjp
def _(g):
    return zeros_of(g)


@exported("torch", "Tensor")
@primitive(ref=np.round, takes=SIGNED)
def round(x):
    """The nearest integer, halves to even."""
    return m.round(x)


@round.vjp
def _(g):
    return zeros_of(g)


@exported("torch", "Tensor")
@primitive(ref=np.trunc, takes=SIGNED)
def trunc(x):
    """The integer part."""
    return m.trunc(x)


@trunc.vjp
def _(g):
    return zeros_of(g)


@exported("torch", "Tensor", inplace=False)
@primitive(result="bool", differentiable=False, ref=np.isnan, out=False)
def isnan(x):
    """Whether NaN."""
    return x != x


@exported("torch", "Tensor", inplace=False)
@primitive(result="bool", differentiable=False, ref=np.isinf, out=False)
def isinf(x):
    """Whether infinite."""
    return m.isinf(x)


@exported("torch", "Tensor", inplace=False)
@primitive(result="bool", differentiable=False, ref=np.isfinite, out=False)
def isfinite(x):
    """Whether neither NaN nor infinite."""
    return m.isfinite(x)


@exported("torch", "Tensor")
@primitive(ref=lambda x, y, w: x + w * (y - x), takes=REAL, check=_one_type)
def lerp(x, end, w):
    """``x + weight * (end - x)``, counted from the nearer end: exact at both."""
    return x + w * (end - x) if m.abs(w) < 0.5 else end - (end - x) * (1 - w)


@lerp.vjp
def _(g, x, end, w, *, needs):
    return (g * (1 - w) if needs[0] else None), (g * w if needs[1] else None), (g * (end - x) if needs[2] else None)


# In which order three numbers are multiplied decides what overflows on the way: if the first order does, the second
# does not unless the result itself is beyond the type.


@primitive(public=False, counted=("x", "y", "b"), takes=SIGNED, ref=lambda x, y, b, w: x + w * y * b)
def plus_product(x, y, b, w):
    """``x + w * y * b`` for a number ``w``."""
    scaled = w * y * b
    return x + (scaled if m.isfinite(scaled) else w * (y * b))


@plus_product.vjp
def _(g, y, b, w, *, needs):
    return (
        g,
        (g * (b * w) if needs[1] else None),
        (g * (y * w) if needs[2] else None),
        (g * (y * b) if needs[3] else None),
    )


@primitive(public=False, counted=("x", "y", "b"), takes=REAL, ref=lambda x, y, b, w: x + w * y / b)
def plus_quotient(x, y, b, w):
    """``x + w * y / b`` for a number ``w``."""
    scaled = w * y / b
    return x + (scaled if m.isfinite(scaled) else w * (y / b))


@plus_quotient.vjp
def _(g, y, b, w, *, needs):
    return (
        g,
        (g * (w / b) if needs[1] else None),
        (-g * ((w * y) / b / b) if needs[2] else None),
        (g * (y / b) if needs[3] else None),
    )


plus_product.op.backward_name, plus_quotient.op.backward_name = "AddcmulBackward0", "AddcdivBackward0"


def factors(name: str, input: Tensor, tensor1: Tensor, tensor2: Tensor, value: Any) -> tuple:
    """What is combined with ``input``: two tensors, and ``value`` as a number of the type in which that happens, its
    fraction cut off for integers, as in torch."""
    for position, t in enumerate((input, tensor1, tensor2)):
        if not isinstance(t, Tensor):
            which = ("input", "tensor1", "tensor2")[position]
            raise TypeError(
                f"{name}(): argument '{which}' (position {position + 1}) must be Tensor, not {type(t).__name__}"
            )
    if name.startswith("addcdiv") and not is_floating(tensor1) and not is_floating(tensor2):
        raise RuntimeError(
            "Integer division with addcdiv is no longer supported; cast tensor1 or tensor2 with .float(), or write "
            "input + value * torch.div(tensor1, tensor2, rounding_mode='trunc')"
        )
    if isinstance(value, Tensor):
        value = value.item()
    if not isinstance(value, bool | int | float):
        raise TypeError(f"{name}(): argument 'value' must be Number, not {type(value).__name__}")
    d = dtypes.result_of([(t._k.dtype, len(t.shape)) for t in (input, tensor1, tensor2)], ())
    return tensor1, tensor2, wrapped(value, dtypes.float32 if d.is_half else d)  # halves are combined in float32


@exported("torch", "Tensor")
def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Any = 1, out: Tensor | None = None) -> Tensor:
    """``input + value * tensor1 * tensor2``, in whichever order nothing overflows that need not."""
    return plus_product(input, *factors("addcmul", input, tensor1, tensor2, value), out=out)


@exported("torch", "Tensor")
def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Any = 1, out: Tensor | None = None) -> Tensor:
    """``input + value * tensor1 / tensor2``, in whichever order nothing overflows that need not."""
    return plus_quotient(input, *factors("addcdiv", input, tensor1, tensor2, value), out=out)


# torch's other names
negative, absolute, subtract, multiply, divide, true_divide = neg, abs, sub, mul, div, div
greater, greater_equal, less, less_equal, not_equal, clip = gt, ge, lt, le, ne, clamp


# --- the same operators on symbols, so that formulas written with them can be traced ---------------

for _name, _fn in {
    "add": plain_add,
    "sub": plain_sub,
    "mul": mul,
    "truediv": true_div,
    "pow": pow,
    "neg": neg,
    "lt": lt,
    "le": le,
    "gt": gt,
    "ge": ge,
}.items():
    setattr(Expr, f"__{_name}__", _fn)
for _name, _fn in {"add": plain_add, "sub": plain_sub, "mul": mul, "truediv": true_div}.items():
    setattr(Expr, f"__r{_name}__", lambda x, other, _fn=_fn: _fn(constant(other), x))
