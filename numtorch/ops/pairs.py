"""Functions of two numbers beside arithmetic: logarithms of sums, signs, divisors, powers of two."""

from __future__ import annotations

from typing import Any

import numpy as np

import numtorch.dtype as dtypes
from numtorch._tensor import Tensor
from numtorch.dispatch.op import primitive
from numtorch.dispatch.out import SAME, into
from numtorch.dtype import INTEGERS
from numtorch.exports import exported
from numtorch.kernels import math as m
from numtorch.ops import movement
from numtorch.ops.arithmetic import mul, pow, where
from numtorch.ops.comparison import REAL, bitwise_and, eq, ge, le, logical_and, logical_or, lt, ne, zeros_of
from numtorch.ops.elementary import abs, exp, exp2, log, log1p


@primitive(name="logaddexp", public=False, takes=REAL, ref=np.logaddexp)
def log_of_sum(x, y):
    """``log(exp(x) + exp(y))`` of real numbers, without overflow."""
    d = m.abs(x - y)  # NaN where both are the same infinity
    return m.maximum(x, y) + (m.log1p(m.exp(-d)) if d == d else 0.0)


@log_of_sum.vjp
def _(g, x, y, *, needs):
    return (g / (exp(y - x) + 1) if needs[0] else None), (g / (exp(x - y) + 1) if needs[1] else None)


@exported("torch", "Tensor")
def logaddexp(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """``log(exp(input) + exp(other))``, without overflow.

    Args:
        input, other: floating or complex, broadcast together.

    Returns:
        A tensor of the common shape.

    >>> torch.logaddexp(torch.tensor([0.0, 200.0]), torch.tensor([0.0, 200.0]))
    tensor([  0.6931, 200.6931])
    """
    if not (
        isinstance(input, Tensor) and input.dtype.is_complex or isinstance(other, Tensor) and other.dtype.is_complex
    ):
        return log_of_sum(input, other, out=out)
    if out is not None:
        return into(out, SAME, logaddexp, input, other)
    first, second = movement.real(input.detach()), movement.real(other.detach())
    swapped = lt(first, second) | ne(first, first)  # the larger real part is taken out of the sum
    larger, smaller = where(swapped, other, input), where(swapped, input, other)
    alike = logical_and(eq(first, second), eq(abs(first), float("inf")))
    return larger + log1p(exp(where(alike, float("-inf"), smaller - larger)))


@exported("torch", "Tensor", inplace=False)
@primitive(takes=REAL, ref=np.logaddexp2)
def logaddexp2(x, y):
    """``log2(2 ** input + 2 ** other)``, without overflow.

    Args:
        input, other: floating, broadcast together.

    >>> torch.logaddexp2(torch.tensor([0.0, 200.0]), torch.tensor([0.0, 200.0]))
    tensor([  1., 201.])
    """
    d = m.abs(x - y)
    return m.maximum(x, y) + (m.log1p(m.exp2(-d)) * 1.4426950408889634 if d == d else 0.0)


@logaddexp2.vjp
def _(g, x, y, *, needs):
    return (g / (exp2(y - x) + 1) if needs[0] else None), (g / (exp2(x - y) + 1) if needs[1] else None)


@exported("torch", "Tensor", "special")
@primitive(floats=True, ref=lambda x, y: np.where((x == 0) & (y == y), 0.0, x * np.log(y)), domain=(0.2, 3))
def xlogy(x, y):
    """``input * log(other)``, which is 0 where ``input`` is 0 and ``other`` is not NaN.

    Args:
        input, other: tensors or numbers, at least one a tensor, broadcast together; integers and booleans are computed
            in the default floating type.

    >>> torch.xlogy(torch.tensor([0.0, 2.0]), torch.tensor([0.0, 1.5]))
    tensor([0.0000, 0.8109])
    """
    return y if y != y else 0.0 if x == 0 else x * m.log(y)


@xlogy.vjp
def _(g, x, y, *, needs):
    none = logical_and(eq(x, 0), le(y, 0))  # there the function is 0 for all neighbours in x
    return (where(none, 0.0, g * log(y)) if needs[0] else None), (g * x / y if needs[1] else None)


@exported("special")
@primitive(
    torch="special.xlog1py",
    floats=True,
    ref=lambda x, y: np.where((x == 0) & (y == y), 0.0, x * np.log1p(y)),
    domain=(0.2, 3),
)
def xlog1py(x, y):
    """``input * log(1 + other)``, which is 0 where ``input`` is 0 and ``other`` is not NaN.

    Args:
        input, other: tensors or numbers, at least one a tensor, broadcast together; integers and booleans are computed
            in the default floating type.

    >>> torch.special.xlog1py(torch.tensor([0.0, 2.0]), torch.tensor([-1.0, 0.5]))
    tensor([0.0000, 0.8109])
    """
    return y if y != y else 0.0 if x == 0 else x * m.log1p(y)


@xlog1py.vjp
def _(g, x, y, *, needs):
    none = logical_and(eq(x, 0), le(y, -1))
    return (where(none, 0.0, g * log1p(y)) if needs[0] else None), (g * x / (y + 1) if needs[1] else None)


@exported("torch", "Tensor")
@primitive(floats=True, ref=np.copysign)
def copysign(x, y):
    """The magnitude of ``input`` with the sign of ``other``; that of -0.0 counts.

    Args:
        input: a tensor; integers and booleans are computed in the default floating type.
        other: a tensor or a number, broadcast together.

    >>> torch.copysign(torch.tensor([1.0, -2.0]), -0.0)
    tensor([-1., -2.])
    """
    return m.copysign(x, y)


@copysign.vjp
def _(g, x, *, out, needs):
    return (where(eq(x, 0), 0.0, g * (out / x)) if needs[0] else None), (zeros_of(g) if needs[1] else None)


@exported("torch", "Tensor", inplace=False)
@primitive(ref=np.fmax, rounded=True)
def fmax(x, y):
    """The larger, element by element; where one is NaN, the other.

    Args:
        input, other: real tensors, broadcast together. Where both are equal, ``input`` gets the gradient.

    >>> torch.fmax(torch.tensor([1.0, torch.nan]), torch.tensor([3.0, 2.0]))
    tensor([3., 2.])
    """
    return m.fmax(x, y)


@fmax.vjp
def _(g, x, y, *, needs):
    first = logical_or(ge(x, y), ne(y, y))
    return (where(first, g, 0.0) if needs[0] else None), (where(first, 0.0, g) if needs[1] else None)


@exported("torch", "Tensor", inplace=False)
@primitive(ref=np.fmin, rounded=True)
def fmin(x, y):
    """The smaller, element by element; where one is NaN, the other.

    Args:
        input, other: real tensors, broadcast together. Where both are equal, ``input`` gets the gradient.

    >>> torch.fmin(torch.tensor([1.0, torch.nan]), torch.tensor([3.0, 2.0]))
    tensor([1., 2.])
    """
    return m.fmin(x, y)


@fmin.vjp
def _(g, x, y, *, needs):
    first = logical_or(le(x, y), ne(y, y))
    return (where(first, g, 0.0) if needs[0] else None), (where(first, 0.0, g) if needs[1] else None)


@exported("torch", "Tensor")
@primitive(differentiable=False, ref=lambda x, y: np.where(x == 0, y, np.where(x > 0, 1, 0)))
def heaviside(x, y):
    """The step function: 0 where ``input`` is negative, 1 where it is positive, ``values`` where it is 0.

    Args:
        input: a real tensor.
        other: the values at 0, a tensor of the same type, broadcast together.

    >>> torch.heaviside(torch.tensor([-1.5, 0.0, 2.0]), torch.tensor([0.5]))
    tensor([0.0000, 0.5000, 1.0000])
    """
    return y if x == 0 else (1 if x > 0 else 0)


@exported("torch", "Tensor")
@primitive(differentiable=False, takes=INTEGERS, ref=np.gcd)
def gcd(x, y):
    """The greatest common divisor, element by element; of 0 and 0 it is 0.

    Args:
        input, other: tensors of integers, broadcast together.

    >>> torch.gcd(torch.tensor([12, 0]), torch.tensor([18, 5]))
    tensor([6, 5])
    """
    return m.gcd(x, y)


@exported("torch", "Tensor")
@primitive(differentiable=False, takes=INTEGERS, ref=np.lcm)
def lcm(x, y):
    """The least common multiple, element by element; 0 where either is 0.

    Args:
        input, other: tensors of integers, broadcast together.

    >>> torch.lcm(torch.tensor([4, 0]), torch.tensor([6, 5]))
    tensor([12,  0])
    """
    return m.lcm(x, y)


@exported("torch", "Tensor")
def ldexp(input: Tensor, other: Any, *, out: Any = None) -> Tensor:
    """``input * 2 ** other``.

    Args:
        input: a tensor.
        other: the exponents, broadcast together; integers as a rule.

    Returns:
        Of the common shape.

    >>> torch.ldexp(torch.tensor([1.0, 3.0]), torch.tensor([3, -1]))
    tensor([8.0000, 1.5000])
    """
    two: Any = 2.0
    return mul(input, pow(two, other), out=out)


@exported("torch", "Tensor")
def float_power(input: Any, exponent: Any, *, out: Any = None) -> Tensor:
    """``input ** exponent``, computed in float64, or in complex128 where either is complex.

    Args:
        input: a tensor, or a number if ``exponent`` is a tensor.
        exponent: a number or a tensor, broadcast with ``input``.

    Returns:
        Of the common shape, in float64 or complex128.

    >>> torch.float_power(torch.tensor([1, 2, 3]), 2)
    tensor([1., 4., 9.], dtype=torch.float64)
    """
    if out is not None:
        return into(out, SAME, float_power, input, exponent)
    complex_ = any(isinstance(v, complex) or (isinstance(v, Tensor) and v.dtype.is_complex) for v in (input, exponent))
    wide = dtypes.complex128 if complex_ else dtypes.float64
    base, power = (v.to(wide) if isinstance(v, Tensor) else v for v in (input, exponent))
    return pow(base, power)


@exported("torch", "Tensor")
@primitive(differentiable=False, takes=INTEGERS, ref=np.left_shift, domain=(0, 5))
def bitwise_left_shift(x, y):
    """``input << other``: bits moved to the left, those beyond the type lost.

    Args:
        input, other: integers, at least one a tensor, broadcast together. A shift that is negative, or as wide as the
            type, gives 0.

    >>> torch.bitwise_left_shift(torch.tensor([1, 3]), 2)
    tensor([ 4, 12])
    """
    return m.shift_left(x, y)


@exported("torch", "Tensor")
@primitive(differentiable=False, takes=INTEGERS, ref=np.right_shift, domain=(0, 5))
def bitwise_right_shift(x, y):
    """``input >> other``: bits moved to the right, the sign kept.

    Args:
        input, other: integers, at least one a tensor, broadcast together. A shift that is negative, or as wide as the
            type, gives 0, and -1 for negative numbers.

    >>> torch.bitwise_right_shift(torch.tensor([-8, 12]), 2)
    tensor([-2,  3])
    """
    return m.shift_right(x, y)


@bitwise_right_shift.op.for_unsigned
def _(x: Tensor, y: Tensor) -> Tensor:
    # After the first step there is no sign that would be kept; more than 64 steps leave nothing.
    once = bitwise_and(bitwise_right_shift(x, 1), (1 << 63) - 1)
    rest = where(logical_or(y < 0, y > 63), 63, y - 1)
    return where(eq(y, 0), x, bitwise_right_shift(once, rest))
