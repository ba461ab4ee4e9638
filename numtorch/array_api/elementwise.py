"""Functions of elements: one table says what each takes, and which function of numtorch's computes it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numtorch as torch
from numtorch.array_api.types import COMPLEX, GROUPS, WIDE, Tensor, checked, number, scalar_type, together

INTEGERS = (torch.bool, *GROUPS["integral"])


def _unary(name: str, group: str, compute: Callable, doc: str) -> Callable:
    def function(x: Tensor, /) -> Tensor:
        return compute(checked(name, x, group))

    return _named(function, name, doc)


def _binary(name: str, group: str, compute: Callable, doc: str) -> Callable:
    def function(x1: Any, x2: Any, /) -> Tensor:
        return compute(*together(name, group, x1, x2))

    return _named(function, name, doc)


def _named(function: Callable, name: str, doc: str) -> Callable:
    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return function


def _whole(compute: Callable) -> Callable:
    """A function that rounds: integers are round, in a copy."""
    return lambda x: x.clone() if x.dtype in INTEGERS else compute(x)


def _never(value: bool, compute: Callable) -> Callable:
    """A question whose answer for integers is known."""
    return lambda x: (
        torch.full(x.shape, value, dtype=torch.bool, device=x.device) if x.dtype in INTEGERS else compute(x)
    )


def _real(x: Tensor) -> Tensor:
    return torch.real(x) if x.dtype in COMPLEX else x


def _conj(x: Tensor) -> Tensor:
    return torch.conj(x) if x.dtype in COMPLEX else x


def _imag(x: Tensor) -> Tensor:
    return torch.imag(x) if x.dtype in COMPLEX else torch.zeros_like(x)


def _sign(x: Tensor) -> Tensor:
    return (
        torch.sgn(x)
        if x.dtype in COMPLEX
        else torch.where(torch.isnan(x), x, torch.sign(x))
        if (x.dtype.is_floating_point)
        else torch.sign(x)
    )


def _round(x: Tensor) -> Tensor:
    if x.dtype in COMPLEX:
        return torch.complex(torch.round(torch.real(x)), torch.round(torch.imag(x)))
    return torch.round(x)


def _floor_divide(x1: Tensor, x2: Tensor) -> Tensor:
    """The quotient rounded down; of infinite numbers the standard wants the quotient itself."""
    if x1.dtype in INTEGERS:
        return torch.floor_divide(x1, x2)
    finite = torch.logical_and(torch.isfinite(x1), torch.isfinite(x2))
    return torch.where(finite, torch.floor_divide(x1, x2), x1 / x2)


def _remainder(x1: Tensor, x2: Tensor) -> Tensor:
    """What division leaves; the standard wants the sign of the divisor also for 0."""
    rest = torch.remainder(x1, x2)
    return rest if x1.dtype in INTEGERS else torch.where(rest == 0, torch.copysign(rest, x2), rest)


def _exp(x: Tensor) -> Tensor:
    """``exp(x)``; the standard says what it is of complex numbers whose real part is infinite."""
    y = torch.exp(x)
    if not x.dtype.is_complex:
        return y
    real, wild = torch.real(x), torch.logical_not(torch.isfinite(torch.imag(x)))
    y = torch.where(torch.logical_and(wild, real == -math.inf), torch.zeros_like(y), y)
    return torch.where(torch.logical_and(wild, real == math.inf), torch.full_like(y, complex(math.inf, math.nan)), y)


def _expm1(x: Tensor) -> Tensor:
    """``exp(x) - 1``; of complex numbers that are not finite the standard wants what ``exp`` gives, less 1."""
    return torch.where(torch.isfinite(x), torch.expm1(x), _exp(x) - 1) if x.dtype.is_complex else torch.expm1(x)


_UNARY: dict[str, tuple[str, Callable, str]] = {
    "abs": ("numeric", lambda x: x.clone() if x.dtype in WIDE else torch.abs(x), "The absolute value."),
    "acos": ("floating", torch.acos, "The inverse cosine."),
    "acosh": ("floating", torch.acosh, "The inverse hyperbolic cosine."),
    "asin": ("floating", torch.asin, "The inverse sine."),
    "asinh": ("floating", torch.asinh, "The inverse hyperbolic sine."),
    "atan": ("floating", torch.atan, "The inverse tangent."),
    "atanh": ("floating", torch.atanh, "The inverse hyperbolic tangent."),
    "bitwise_invert": ("integral or bool", torch.bitwise_not, "Every bit inverted."),
    "ceil": ("real", _whole(torch.ceil), "Rounded up."),
    "conj": ("numeric", _conj, "The complex conjugate."),
    "cos": ("floating", torch.cos, "The cosine."),
    "cosh": ("floating", torch.cosh, "The hyperbolic cosine."),
    "exp": ("floating", _exp, "The exponential function."),
    "expm1": ("floating", _expm1, "``exp(x) - 1``."),
    "floor": ("real", _whole(torch.floor), "Rounded down."),
    "imag": ("complex", _imag, "The imaginary part."),
    "isfinite": ("numeric", _never(True, torch.isfinite), "Whether neither infinite nor NaN."),
    "isinf": ("numeric", _never(False, torch.isinf), "Whether infinite."),
    "isnan": ("numeric", _never(False, torch.isnan), "Whether NaN."),
    "log": ("floating", torch.log, "The natural logarithm."),
    "log1p": ("floating", torch.log1p, "``log(1 + x)``."),
    "log2": ("floating", torch.log2, "The logarithm to base 2."),
    "log10": ("floating", torch.log10, "The logarithm to base 10."),
    "logical_not": ("bool", torch.logical_not, "Whether false."),
    "negative": ("numeric", torch.neg, "The negative."),
    "positive": ("numeric", torch.clone, "The elements, in a new array."),
    "real": ("numeric", _real, "The real part."),
    "reciprocal": ("floating", torch.reciprocal, "``1 / x``."),
    "round": ("numeric", _whole(_round), "Rounded to the nearest integer, to even between two."),
    "sign": ("numeric", _sign, "-1, 0 or 1; of a complex number ``x / abs(x)``."),
    "signbit": ("real floating", torch.signbit, "Whether the sign is negative, also that of 0."),
    "sin": ("floating", torch.sin, "The sine."),
    "sinh": ("floating", torch.sinh, "The hyperbolic sine."),
    "square": ("numeric", torch.square, "``x * x``."),
    "sqrt": ("floating", torch.sqrt, "The square root."),
    "tan": ("floating", torch.tan, "The tangent."),
    "tanh": ("floating", torch.tanh, "The hyperbolic tangent."),
    "trunc": ("real", _whole(torch.trunc), "Rounded towards 0."),
}
_BINARY: dict[str, tuple[str, Callable, str]] = {
    "add": ("numeric", torch.add, "The sum."),
    "atan2": ("real floating", torch.atan2, "The angle of the point ``(x2, x1)``."),
    "bitwise_and": ("integral or bool", torch.bitwise_and, "The bits that both have."),
    "bitwise_left_shift": ("integral", torch.bitwise_left_shift, "Bits moved to the left."),
    "bitwise_or": ("integral or bool", torch.bitwise_or, "The bits that either has."),
    "bitwise_right_shift": ("integral", torch.bitwise_right_shift, "Bits moved to the right, the sign kept."),
    "bitwise_xor": ("integral or bool", torch.bitwise_xor, "The bits that one has."),
    "copysign": ("real floating", torch.copysign, "The first with the sign of the second."),
    "divide": ("floating", torch.divide, "The quotient."),
    "equal": ("any", torch.eq, "Whether equal."),
    "floor_divide": ("real", _floor_divide, "The quotient rounded down."),
    "greater": ("real", torch.gt, "Whether greater."),
    "greater_equal": ("real", torch.ge, "Whether greater or equal."),
    "hypot": ("real floating", torch.hypot, "``sqrt(x1**2 + x2**2)``, without overflow."),
    "less": ("real", torch.lt, "Whether less."),
    "less_equal": ("real", torch.le, "Whether less or equal."),
    "logaddexp": ("real floating", torch.logaddexp, "``log(exp(x1) + exp(x2))``, without overflow."),
    "logical_and": ("bool", torch.logical_and, "Whether both are true."),
    "logical_or": ("bool", torch.logical_or, "Whether either is true."),
    "logical_xor": ("bool", torch.logical_xor, "Whether one is true."),
    "maximum": ("real", torch.maximum, "The larger."),
    "minimum": ("real", torch.minimum, "The smaller."),
    "multiply": ("numeric", torch.mul, "The product."),
    "nextafter": ("real floating", torch.nextafter, "The next number in the direction of the second."),
    "not_equal": ("any", torch.ne, "Whether not equal."),
    "pow": ("numeric", torch.pow, "The first to the power of the second."),
    "remainder": ("real", _remainder, "What division leaves, with the sign of the second."),
    "subtract": ("numeric", torch.sub, "The difference."),
}
FUNCTIONS = {name: _unary(name, *rest) for name, rest in _UNARY.items()} | {
    name: _binary(name, *rest) for name, rest in _BINARY.items()
}


def clip(x: Tensor, /, min: Any = None, max: Any = None) -> Tensor:
    """Elements below ``min`` become ``min``, and those above ``max`` become ``max``; in the type of ``x``."""
    checked("clip", x, "real")
    result = x
    for bound, choose in ((min, torch.maximum), (max, torch.minimum)):
        if bound is None:
            continue
        if not isinstance(bound, torch.Tensor):
            scalar_type(bound, x.dtype)
            if x.dtype in GROUPS["integral"]:
                limits = torch.iinfo(x.dtype)
                bound = limits.min if bound < limits.min else limits.max if bound > limits.max else bound
            bound = number(bound, x.dtype, x)
        result, bound = together("clip", "real", result, bound)
        result = choose(result, bound)
    return result.clone() if result is x else result.to(x.dtype)
