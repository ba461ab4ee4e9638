"""Elementwise arithmetic: sums, products, quotients and powers. Comparisons, choices and elementary functions can be
imported from here too.

Each op is one scalar formula and its gradient. Gradients choose values with ``where``, because a comparison times an
infinite gradient is NaN.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import numtorch.dtype as dtypes
from numtorch import engine
from numtorch._tensor import Tensor
from numtorch.arguments import element, wrapped
from numtorch.dispatch.op import primitive
from numtorch.dtype import COMPLEXES, COMPUTED, INTEGERS
from numtorch.dtype import bool as BOOL
from numtorch.exports import exported
from numtorch.kernels import math as m
from numtorch.kernels.codegen.expr import Expr, constant
from numtorch.ops.comparison import (  # noqa: F401 - what arithmetic has always been asked for
    REAL,
    SIGNED,
    WITH_COMPLEX,
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
from numtorch.ops.elementary import (  # noqa: F401 - likewise
    abs,
    atan,
    ceil,
    cos,
    cosh,
    erf,
    erfc,
    exp,
    exp2,
    expm1,
    floor,
    hypot,
    isfinite,
    isinf,
    isnan,
    log,
    log1p,
    log2,
    log10,
    reciprocal,
    round,
    rsqrt,
    sign,
    sin,
    sinh,
    sqrt,
    square,
    tan,
    trunc,
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


@primitive(name="add", ref=np.add, public=False, takes=COMPUTED)
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

    Args:
        input, other: tensors or numbers, at least one a tensor; they broadcast together.
        alpha: a number; booleans and fractions only where the result has such a type.

    Raises:
        TypeError: neither operand is a tensor, or ``alpha`` is no number.
        RuntimeError: the shapes do not broadcast, or ``alpha`` does not fit the type of the result.

    >>> torch.add(torch.tensor([1, 2]), torch.tensor([10, 20]), alpha=2)
    tensor([21, 42])
    """
    return (
        plain_add(input, other, out=out)
        if alpha is ONE
        else add_multiple(input, other, multiple(input, other, alpha, "add"), out=out)
    )


@primitive(public=False, takes=COMPUTED, counted=("x", "y"), ref=lambda x, y, w: x + w * y)
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
    if not isinstance(alpha, bool | int | float | complex):
        raise TypeError(f"{name}(): argument 'alpha' must be Number, not {type(alpha).__name__}")
    if not isinstance(x, Tensor) and not isinstance(y, Tensor):
        raise TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(x).__name__}")
    d = plain_add.op.program.compute_type((x, y))
    if isinstance(alpha, bool) and d is not BOOL:
        raise RuntimeError(f"Boolean alpha only supported for Boolean results; {name}() gives {d.name}")
    if isinstance(alpha, float) and not d.differentiable:
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


@primitive(name="sub", ref=np.subtract, public=False, takes=WITH_COMPLEX, check=_no_truths)
def plain_sub(x, y):
    """Difference of two tensors, element by element."""
    return x - y


@plain_sub.vjp
def _(g, *, needs):
    return g, (-g if needs[1] else None)


@exported("torch", "Tensor", also=("subtract",))
def sub(input: Tensor, other: Any, *, alpha: Any = ONE, out: Tensor | None = None) -> Tensor:
    """``input - alpha * other``, element by element.

    Args:
        input, other: tensors or numbers, at least one a tensor; they broadcast together.
        alpha: a number, which fits the type of the result.

    Raises:
        TypeError: neither operand is a tensor, or ``alpha`` is no number.
        RuntimeError: an operand is boolean, the shapes do not broadcast, or ``alpha`` does not fit.

    >>> torch.sub(torch.tensor([5, 6]), torch.tensor([1, 2]), alpha=2)
    tensor([3, 2])
    """
    if alpha is ONE:
        return plain_sub(input, other, out=out)
    return add_multiple(input, other, negative_multiple(input, other, alpha, "sub"), out=out)


def negative_multiple(x: Any, y: Any, alpha: Any, name: str) -> Any:
    """``-alpha``, checked as ``multiple`` does it."""
    _no_truths(name, (x, y))
    value = -multiple(x, y, alpha, name)
    return value if value != 1 << 63 else -value  # the smallest integer is its own negative


@primitive(name="rsub", ref=lambda x, y: np.subtract(y, x), public=False, takes=WITH_COMPLEX, check=_no_truths)
def difference_from(x, y):
    """``y - x``."""
    return y - x


@difference_from.vjp
def _(g, *, needs):
    return (-g if needs[0] else None), g


@exported("torch")
def rsub(input: Tensor, other: Any, *, alpha: Any = ONE) -> Tensor:
    """``other - alpha * input``, element by element: ``sub`` with its operands exchanged.

    Args:
        input, other: tensors or numbers, at least one a tensor; they broadcast together.
        alpha: a number, which fits the type of the result.

    Raises:
        TypeError: neither operand is a tensor, or ``alpha`` is no number.
        RuntimeError: an operand is boolean, the shapes do not broadcast, or ``alpha`` does not fit.

    >>> torch.rsub(torch.tensor([1, 2]), 10)
    tensor([9, 8])
    """
    if alpha is ONE:
        return difference_from(input, other)
    return add_multiple(other, input, negative_multiple(other, input, alpha, "rsub"))


@exported("torch", "Tensor", also=("multiply",))
@primitive(ref=np.multiply, takes=COMPUTED)
def mul(x, y):
    """Product, element by element.

    Args:
        input, other: tensors or numbers, at least one a tensor; they broadcast together.

    >>> torch.mul(torch.tensor([1.0, 2.0]), 3)
    tensor([3., 6.])
    >>> torch.mul(torch.tensor([[1.0], [2.0]]), torch.tensor([3.0, 4.0]))
    tensor([[3., 4.],
            [6., 8.]])
    """
    return x * y


@mul.vjp
def _(g, x, y, *, needs):
    return (g * y if needs[0] else None), (g * x if needs[1] else None)


@primitive(name="div", floats=True, takes=COMPUTED, ref=np.true_divide, domain=(0.5, 3), public=False)
def true_div(x, y):
    """Quotient in floating point."""
    return x / y


@true_div.vjp
def _(g, x, y, *, needs):
    return (g / y if needs[0] else None), (-g * ((x / y) / y) if needs[1] else None)


@primitive(name="rdiv", floats=True, takes=COMPUTED, ref=lambda x, y: y / x, domain=(0.5, 3), public=False)
def quotient_of(x, y):
    """``y / x`` in floating point."""
    return y / x


@quotient_of.vjp
def _(g, x, y, *, needs):
    return (-g * ((y / x) / x) if needs[0] else None), (g / x if needs[1] else None)


# The smallest integer over -1 is beyond the type, and the machine traps: it is negated, which wraps.
@exported("torch", "Tensor")
@primitive(ref=np.floor_divide, domain=(0.5, 3), takes=SIGNED, rounded=("x",), divisor="y", whole=True)
def floor_divide(x, y):
    """Quotient rounded towards minus infinity (Python's ``//``); its gradient is 0.

    Args:
        input, other: real tensors or numbers, not booleans; they broadcast together.

    Raises:
        RuntimeError: an integer is divided by 0 (on a GPU that gives any number).

    >>> torch.floor_divide(torch.tensor([7, -7]), 2)
    tensor([ 3, -4])
    """
    return (x * y if y == -1 else x) // (y * y if y == -1 else y)


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
    return ((x * y if y == -1 else x) - m.fmod(x, y)) // (y * y if y == -1 else y)


@primitive(
    floats=True,
    public=False,
    ref=lambda x, y: np.trunc(x / y),
    domain=(0.5, 3),
    rounded=("x",),
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
    """Quotient: exact, or rounded to integers, whose gradient is 0.

    Args:
        input, other: tensors or numbers, at least one a tensor; they broadcast together.
        rounding_mode: None divides in floating point, also integers. ``"trunc"`` rounds towards zero, ``"floor"``
            towards minus infinity, both in the promoted type.

    Returns:
        The quotients, element by element.

    Raises:
        RuntimeError: another ``rounding_mode``, or an integer is divided by 0 and rounded.

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
    """``input - other * floor(input / other)``: what division leaves, with the sign of the divisor (Python's ``%``).

    Args:
        input, other: real tensors or numbers, not booleans; they broadcast together.

    Raises:
        RuntimeError: an integer is divided by 0 (on a GPU that gives 0).

    >>> torch.remainder(torch.tensor([5, -5]), 3)
    tensor([2, 1])
    """
    return m.remainder(x, y)


@remainder.vjp
def _(g, x, y, *, needs):
    return g, (-g * floor_divide(x, y) if needs[1] else None)


@exported("torch", "Tensor")
@primitive(ref=np.fmod, domain=(0.5, 3), takes=SIGNED, rounded=True, divisor="y")
def fmod(x, y):
    """``input - other * trunc(input / other)``: what division leaves, with the sign of the dividend (C's ``fmod``).

    Args:
        input, other: real tensors or numbers, not booleans; they broadcast together.

    Raises:
        RuntimeError: an integer is divided by 0 (on a GPU that gives 0).

    >>> torch.fmod(torch.tensor([5, -5]), 3)
    tensor([ 2, -2])
    """
    return m.fmod(x, y)


@fmod.vjp
def _(g, x, y, *, needs):
    return g, (-g * trunc_quotient(x, y) if needs[1] else None)


@exported("torch", "Tensor", also=("negative",))
@primitive(ref=np.negative, takes=WITH_COMPLEX, check=_no_truths)
def neg(x):
    """``-input``, element by element.

    Args:
        input: of any type but booleans.

    Raises:
        RuntimeError: ``input`` is boolean; ``~`` inverts a mask.

    >>> torch.neg(torch.tensor([1.0, -2.0]))
    tensor([-1.,  2.])
    """
    return -x


@neg.vjp
def _(g):
    return -g


@primitive(name="pow", ref=np.power, domain=(0.3, 2), takes=WITH_COMPLEX, public=False)
def power(x, y):
    """``x`` to the power ``y``."""
    return m.pow(x, y)


LONGEST = 1 << 62


@power.op.for_unsigned
def _(x: Tensor, y: Tensor) -> Tensor:
    # Powers wrap, and beyond 2 ** 62 those of odd numbers begin anew, while those of even ones are 0 long before.
    far = logical_or(lt(y, 0), ge(y, LONGEST))
    return power(x, where(far, plain_add(bitwise_and(y, LONGEST - 1), LONGEST), y))


@power.vjp(static=("y",))
def _(g, x, y, *, out, needs):
    if isinstance(y, int | float | complex) and not needs[1]:
        # A constant exponent: exact at 0, where the general formula would divide by it.
        if y == 0:
            return zeros_of(g), None
        if isinstance(y, int) and not -LONGEST < y < LONGEST:
            y = float(y)  # an integer without a neighbour in int64
        return g * (y * (x if y == 2 else pow(x, y - 1))), None
    gx = g * where(eq(y, 0), 0.0, y * power(x, y - 1)) if needs[0] else None
    # 0 ** y has no slope in y for y >= 0, where the logarithm alone would give NaN.
    flat = logical_and(eq(x, 0), isfinite(out)) if needs[1] else None
    return gx, (g * where(flat, 0.0, out * log(x)) if needs[1] else None)


@primitive(public=False, takes=COMPUTED, ref=lambda x: x * x * x)
def cube(x):
    """``x * x * x``."""
    return x * x * x


@cube.vjp
def _(g, x):
    return g * (x * x * 3)


@exported("torch", "Tensor")
def pow(input: Tensor, exponent: Any, *, out: Tensor | None = None) -> Tensor:
    """``input`` to the power ``exponent``, element by element; squares and cubes are products.

    Args:
        input: a tensor, or a number if ``exponent`` is a tensor.
        exponent: a number or a tensor, broadcast with ``input``. Negative exponents in a tensor of integers give the
            integer part, which is 0 but for powers of 1 and -1.

    Raises:
        RuntimeError: integers to the power of a negative number, or of one beyond their type.

    >>> torch.pow(torch.tensor([1.0, 2.0, 3.0]), 2)
    tensor([1., 4., 9.])
    >>> torch.pow(2, torch.tensor([0, 1, 10]))
    tensor([   1,    2, 1024])
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
        and not x._k.dtype.differentiable
    ):
        if exponent < 0:
            raise RuntimeError(
                f"Integers to negative integer powers are not allowed. pow(): {x.dtype.name} to the power {exponent}; "
                "cast with .float() first"
            )
        if x.dtype is not BOOL:
            return element(exponent, x.dtype)
    return exponent


# --- three operands ---------------------------------------------------------------------------------


@exported("torch", "Tensor")
@primitive(ref=lambda x, y, w: x + w * (y - x), takes=(*REAL, *COMPLEXES), check=_one_type)
def lerp(x, end, w):
    """``input + weight * (end - input)``, counted from the nearer end, so that it is exact at both.

    Args:
        input, end: where ``weight`` is 0 and where it is 1: tensors of one floating or complex type.
        weight: a number, or a tensor of the same type; all broadcast together.

    Raises:
        RuntimeError: the types of the tensors differ.

    >>> torch.lerp(torch.tensor([0.0, 10.0]), torch.tensor([1.0, 20.0]), 0.25)
    tensor([ 0.2500, 12.5000])
    """
    return x + w * (end - x) if m.abs(w) < 0.5 else end - (end - x) * (1 - w)


@lerp.vjp
def _(g, x, end, w, *, needs):
    return (g * (1 - w) if needs[0] else None), (g * w if needs[1] else None), (g * (end - x) if needs[2] else None)


# In which order three numbers are multiplied decides what overflows on the way: if the first order does, the second
# does not unless the result itself is beyond the type.


@primitive(public=False, counted=("x", "y", "b"), takes=WITH_COMPLEX, ref=lambda x, y, b, w: x + w * y * b)
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


@primitive(public=False, counted=("x", "y", "b"), takes=(*REAL, *COMPLEXES), ref=lambda x, y, b, w: x + w * y / b)
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
    if not isinstance(value, bool | int | float | complex):
        raise TypeError(f"{name}(): argument 'value' must be Number, not {type(value).__name__}")
    d = dtypes.result_of([(t._k.dtype, len(t.shape)) for t in (input, tensor1, tensor2)], ())
    return tensor1, tensor2, wrapped(value, dtypes.float32 if d.is_half else d)  # halves are combined in float32


@exported("torch", "Tensor")
def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Any = 1, out: Tensor | None = None) -> Tensor:
    """``input + value * tensor1 * tensor2``, element by element, in whichever order nothing overflows that need not.

    Args:
        input, tensor1, tensor2: tensors, broadcast together.
        value: a number; for integers its fraction is cut off.

    Raises:
        TypeError: an operand is no tensor, or ``value`` is no number.

    >>> torch.addcmul(torch.tensor([1.0, 1.0]), torch.tensor([2.0, 3.0]), torch.tensor([4.0, 5.0]), value=0.5)
    tensor([5.0000, 8.5000])
    """
    return plus_product(input, *factors("addcmul", input, tensor1, tensor2, value), out=out)


@exported("torch", "Tensor")
def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Any = 1, out: Tensor | None = None) -> Tensor:
    """``input + value * tensor1 / tensor2``, element by element, in whichever order nothing overflows that need not.

    Args:
        input, tensor1, tensor2: tensors, broadcast together; one of the last two is of a floating type.
        value: a number.

    Raises:
        TypeError: an operand is no tensor, or ``value`` is no number.
        RuntimeError: ``tensor1`` and ``tensor2`` are both of integers.

    >>> torch.addcdiv(torch.tensor([1.0, 1.0]), torch.tensor([2.0, 3.0]), torch.tensor([4.0, 6.0]), value=2)
    tensor([2., 2.])
    """
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
