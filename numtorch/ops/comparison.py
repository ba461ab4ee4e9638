"""Comparisons, logical and bitwise operations, and choosing between two values.

Each op is one scalar formula and its gradient. Gradients choose values with ``where``, because a comparison times an
infinite gradient is NaN.
"""

from __future__ import annotations

from builtins import max as _max
from builtins import min as _min
from typing import Any

import numpy as np

import numtorch.dtype as dtypes
from numtorch import notices, ops
from numtorch._tensor import Tensor
from numtorch.arguments import element, wrapped
from numtorch.dispatch.front import OPERANDS
from numtorch.dispatch.op import primitive
from numtorch.dtype import COMPLEXES, COMPUTED, FLOATS, HALVES, INTEGERS, dtype, iinfo
from numtorch.dtype import bool as BOOL
from numtorch.dtype import uint8 as UINT8
from numtorch.exports import exported
from numtorch.kernels import math as m
from numtorch.kernels.codegen.expr import Expr

REAL = (*FLOATS, *HALVES)
SIGNED = (*INTEGERS, *REAL)  # everything but truth values, of which there is no difference
ORDERED = (*dtypes.REAL, *dtypes.UNSIGNED)
WITH_COMPLEX = (*SIGNED, *COMPLEXES)


def is_truth(x: Any) -> bool:
    return isinstance(x, Tensor) and x._k.dtype is BOOL


def is_floating(*values: Any) -> bool:
    """Whether any of these numbers and tensors is floating or complex."""
    return any(isinstance(v, float | complex) or (isinstance(v, Tensor) and v.dtype.differentiable) for v in values)


@exported("torch", "Tensor")
@primitive(result="bool", differentiable=False, ref=np.equal, rounded=True, takes=dtypes.ALL)
def eq(x, y):
    """Whether ``input == other``, element by element, as booleans; NaN equals nothing.

    Args:
        input, other: a tensor and a tensor or number, broadcast together.

    >>> torch.eq(torch.tensor([1, 2, 3]), torch.tensor([1, 5, 3]))
    tensor([ True, False,  True])
    """
    return x == y


@exported("torch", "Tensor", also=("not_equal",))
@primitive(result="bool", differentiable=False, ref=np.not_equal, rounded=True, takes=dtypes.ALL)
def ne(x, y):
    """Whether ``input != other``, element by element, as booleans.

    Args:
        input, other: a tensor and a tensor or number, broadcast together.

    >>> torch.ne(torch.tensor([1, 2, 3]), 2)
    tensor([ True, False,  True])
    """
    return x != y


@exported("torch", "Tensor", also=("less",))
@primitive(result="bool", differentiable=False, ref=np.less, rounded=True, takes=ORDERED)
def lt(x, y):
    """Whether ``input < other``, element by element, as booleans.

    Args:
        input, other: a real tensor and a real tensor or number, broadcast together.

    >>> torch.lt(torch.tensor([1, 2, 3]), 2)
    tensor([ True, False, False])
    """
    return x < y


@exported("torch", "Tensor", also=("less_equal",))
@primitive(result="bool", differentiable=False, ref=np.less_equal, rounded=True, takes=ORDERED)
def le(x, y):
    """Whether ``input <= other``, element by element, as booleans.

    Args:
        input, other: a real tensor and a real tensor or number, broadcast together.

    >>> torch.le(torch.tensor([1, 2, 3]), 2)
    tensor([ True,  True, False])
    """
    return x <= y


@exported("torch", "Tensor", also=("greater",))
@primitive(result="bool", differentiable=False, ref=np.greater, rounded=True, takes=ORDERED)
def gt(x, y):
    """Whether ``input > other``, element by element, as booleans.

    Args:
        input, other: a real tensor and a real tensor or number, broadcast together.

    >>> torch.gt(torch.tensor([1, 2, 3]), 2)
    tensor([False, False,  True])
    """
    return x > y


@exported("torch", "Tensor", also=("greater_equal",))
@primitive(result="bool", differentiable=False, ref=np.greater_equal, rounded=True, takes=ORDERED)
def ge(x, y):
    """Whether ``input >= other``, element by element, as booleans.

    Args:
        input, other: a real tensor and a real tensor or number, broadcast together.

    >>> torch.ge(torch.tensor([1, 2, 3]), 2)
    tensor([False,  True,  True])
    """
    return x >= y


@primitive(
    result="bool",
    differentiable=False,
    public=False,
    rounded=True,
    out=False,
    ref=lambda x, y: (x == y) | (np.isnan(x) & np.isnan(y)),
    torch=lambda t, x, y: (x == y) | x.isnan() & y.isnan(),
)
def is_extreme(x, y):
    """Whether ``x`` is what has been chosen as ``y``: equal to it, or NaN as it is."""
    return (x == y) | ((x != x) & (y != y))


@exported("torch", "Tensor")
@primitive(result="bool", differentiable=False, ref=np.logical_and, untracked=True, takes=COMPUTED)
def logical_and(x, y):
    """Whether both elements are nonzero, as booleans.

    Args:
        input, other: tensors of any type, broadcast together.

    >>> torch.logical_and(torch.tensor([True, True]), torch.tensor([0, 2]))
    tensor([False,  True])
    """
    return (x != 0) & (y != 0)


@exported("torch", "Tensor")
@primitive(result="bool", differentiable=False, ref=np.logical_or, untracked=True, takes=COMPUTED)
def logical_or(x, y):
    """Whether at least one of both elements is nonzero, as booleans.

    Args:
        input, other: tensors of any type, broadcast together.

    >>> torch.logical_or(torch.tensor([True, False]), torch.tensor([0, 0]))
    tensor([ True, False])
    """
    return (x != 0) | (y != 0)


@exported("torch", "Tensor")
@primitive(result="bool", differentiable=False, ref=np.logical_xor, untracked=True, takes=COMPUTED)
def logical_xor(x, y):
    """Whether exactly one of both elements is nonzero, as booleans.

    Args:
        input, other: tensors of any type, broadcast together.

    >>> torch.logical_xor(torch.tensor([True, True]), torch.tensor([0, 2]))
    tensor([ True, False])
    """
    return (x != 0) ^ (y != 0)


@exported("torch", "Tensor")
@primitive(result="bool", differentiable=False, ref=np.logical_not, untracked=True, takes=COMPUTED)
def logical_not(x):
    """Whether each element is zero, as booleans.

    Args:
        input: of any type.

    >>> torch.logical_not(torch.tensor([0, 1, 2]))
    tensor([ True, False, False])
    """
    return x == 0


@primitive(differentiable=False, public=False, takes=(*INTEGERS, BOOL), ref=np.bitwise_and, torch="bitwise_and")
def bits_and(x, y):
    """Bitwise and of integers; logical and of booleans."""
    return x & y


@primitive(differentiable=False, public=False, takes=(*INTEGERS, BOOL), ref=np.bitwise_or, torch="bitwise_or")
def bits_or(x, y):
    """Bitwise or of integers; logical or of booleans."""
    return x | y


@primitive(differentiable=False, public=False, takes=(*INTEGERS, BOOL), ref=np.bitwise_xor, torch="bitwise_xor")
def bits_xor(x, y):
    """Bitwise exclusive or of integers; of booleans likewise."""
    return x ^ y


@primitive(differentiable=False, public=False, takes=(*INTEGERS, BOOL), ref=np.bitwise_not, torch="bitwise_not")
def bits_not(x):
    """Bitwise not of integers."""
    return ~x


def integral(name: str, bits: Any, *values: Any) -> Any:
    """The op that combines the bits of integers and booleans; NotImplementedError for other operands."""
    for v in values:
        if isinstance(v, float | complex) or (isinstance(v, Tensor) and v._k.dtype.differentiable):
            kind = v.dtype.name if isinstance(v, Tensor) else type(v).__name__
            raise NotImplementedError(f'"{name}" is not defined for {kind}; it takes integers and booleans')
    return logical_not.op if bits is bits_not and values[0]._k.dtype is BOOL else bits.op


@exported("torch", "Tensor")
def bitwise_and(input: Tensor, other: Any, *, out: Tensor | None = None) -> Tensor:
    """Bitwise and of integers, logical and of booleans, element by element.

    Args:
        input, other: integers or booleans, broadcast together.

    Raises:
        NotImplementedError: an operand is of a floating type.

    >>> torch.bitwise_and(torch.tensor([5, 6]), 3)
    tensor([1, 2])
    """
    return integral("bitwise_and", bits_and, input, other).call(input, other, out=out)


@exported("torch", "Tensor")
def bitwise_or(input: Tensor, other: Any, *, out: Tensor | None = None) -> Tensor:
    """Bitwise or of integers, logical or of booleans, element by element.

    Args:
        input, other: integers or booleans, broadcast together.

    Raises:
        NotImplementedError: an operand is of a floating type.

    >>> torch.bitwise_or(torch.tensor([5, 6]), 3)
    tensor([7, 7])
    """
    return integral("bitwise_or", bits_or, input, other).call(input, other, out=out)


@exported("torch", "Tensor")
def bitwise_xor(input: Tensor, other: Any, *, out: Tensor | None = None) -> Tensor:
    """Bitwise exclusive or of integers, and of booleans whether they differ, element by element.

    Args:
        input, other: integers or booleans, broadcast together.

    Raises:
        NotImplementedError: an operand is of a floating type.

    >>> torch.bitwise_xor(torch.tensor([5, 6]), 3)
    tensor([6, 5])
    """
    return integral("bitwise_xor", bits_xor, input, other).call(input, other, out=out)


@exported("torch", "Tensor")
def bitwise_not(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Bitwise not of integers (``-input - 1`` if signed), logical not of booleans, element by element.

    Args:
        input: integers or booleans.

    Raises:
        NotImplementedError: ``input`` is of a floating type.

    >>> torch.bitwise_not(torch.tensor([0, 5])), torch.bitwise_not(torch.tensor([True, False]))
    (tensor([-1, -6]), tensor([False,  True]))
    """
    return integral("bitwise_not", bits_not, input).call(input, out=out)


def _all_fit(name: str, operands: tuple, d: dtype) -> tuple:
    """Numbers as elements of type ``d``; RuntimeError for one that the type cannot hold."""
    return tuple([v if isinstance(v, Tensor | bool) or v is None else element(v, d) for v in operands])


@primitive(name="where", keep=("condition",), public=False, fit=_all_fit, takes=dtypes.ALL, ref=np.where)
def choose(condition, x, y):
    """``x`` where the condition holds, else ``y``."""
    return x if condition else y


@choose.vjp
def _(g, condition, *, needs):
    return None, (where(condition, g, 0.0) if needs[1] else None), (where(condition, 0.0, g) if needs[2] else None)


@exported("torch")
def where(condition: Any, input: Any = None, other: Any = None, *, out: Tensor | None = None) -> Any:
    """``input`` where the condition holds, else ``other``; of a condition alone the positions of its true elements.

    Args:
        condition: a boolean tensor.
        input, other: tensors or numbers; all three broadcast together.

    Returns:
        The chosen elements, in the promoted type of ``input`` and ``other``. Without these a tuple with an int64 tensor
        of indices for each dimension, as ``nonzero(condition, as_tuple=True)``.

    Raises:
        TypeError: ``condition`` is no tensor.
        RuntimeError: ``condition`` is not boolean; uint8 is taken with a warning.

    >>> x = torch.tensor([-1.0, 2.0])
    >>> torch.where(x > 0, x, 0.0)
    tensor([0., 2.])
    >>> torch.where(x > 0)
    (tensor([1]),)
    """
    if input is None and other is None:
        if out is not None:
            raise TypeError(
                "where(): out= goes with input and other; the positions of true elements are a tuple of tensors"
            )
        return ops.indexing.nonzero(condition, as_tuple=True)
    if condition.__class__ is not Tensor or condition._k.dtype is not BOOL:
        _check_condition(condition)
    return choose(condition, input, other) if out is None else choose(condition, input, other, out=out)


def _check_condition(condition: Any) -> None:
    if condition.__class__ is Expr:
        return
    if not isinstance(condition, Tensor):
        raise TypeError(f"where(): argument 'condition' (position 1) must be Tensor, not {type(condition).__name__}")
    d = condition._k.dtype
    if d is UINT8:
        notices.warn(
            "where received a uint8 condition tensor. This behavior is deprecated and will be removed in a future "
            "version of PyTorch. Use a boolean condition instead.",
            UserWarning,
        )
    elif d is not BOOL:
        raise RuntimeError(f"where expected condition to be a boolean tensor, but got a tensor with dtype {d.name}")


def zeros_of(g: Any) -> Any:
    """Zeros like ``g``, whatever is in it, in a form that can be traced."""
    return where(logical_and(eq(g, g), ne(g, g)), g, 0.0)


# --- choosing one of two --------------------------------------------------------------------------


@exported("torch", "Tensor", inplace=False)
@primitive(ref=np.maximum, rounded=True)
def maximum(x, y):
    """The larger, element by element; NaN if either is.

    Where both are equal, each gets half of the gradient.

    Args:
        input, other: tensors of real numbers, broadcast together. Differently from torch, one may be a number.

    >>> torch.maximum(torch.tensor([1, 5]), torch.tensor([3, 2]))
    tensor([3, 5])
    """
    return m.maximum(x, y)


@maximum.vjp
def _(g, x, y, *, needs):
    # Where both are equal each gets half, and where either is NaN each gets all, as in torch.
    shared = where(eq(x, y), g * 0.5, g)
    return (where(lt(x, y), 0.0, shared) if needs[0] else None), (where(gt(x, y), 0.0, shared) if needs[1] else None)


@exported("torch", "Tensor", inplace=False)
@primitive(ref=np.minimum, rounded=True)
def minimum(x, y):
    """The smaller, element by element; NaN if either is.

    Where both are equal, each gets half of the gradient.

    Args:
        input, other: tensors of real numbers, broadcast together. Differently from torch, one may be a number.

    >>> torch.minimum(torch.tensor([1, 5]), torch.tensor([3, 2]))
    tensor([1, 2])
    """
    return m.minimum(x, y)


@minimum.vjp
def _(g, x, y, *, needs):
    shared = where(eq(x, y), g * 0.5, g)
    return (where(gt(x, y), 0.0, shared) if needs[0] else None), (where(lt(x, y), 0.0, shared) if needs[1] else None)


@exported("torch", "Tensor", also=("clip",))
def clamp(input: Tensor, min: Any = None, max: Any = None, *, out: Tensor | None = None) -> Tensor:
    """``min(max(input, min), max)``: elements limited to ``[min, max]``; the gradient is 1 inside and at the bounds.

    Args:
        input: of any real type.
        min, max: numbers, or tensors that broadcast with ``input``; None limits nothing, nor does a number beyond the
            integer type of ``input``. Where ``min > max``, elements become ``max``.

    Returns:
        The limited elements, element by element in the promoted type.

    Raises:
        RuntimeError: neither bound is given, or every element would have to become a number that its type cannot hold.
        TypeError: a bound is neither a number nor a tensor.

    >>> torch.clamp(torch.tensor([-2.0, 0.5, 9.0]), 0, 1)
    tensor([0.0000, 0.5000, 1.0000])
    >>> torch.clamp(torch.tensor([1, 5]), min=torch.tensor([2, 3]))
    tensor([2, 5])
    """
    try:
        if min is not None and max is not None:
            return clamp_both(input, min, max, out=out)
        op, bounds = clamping(min, max)
        return op.call(input, *bounds, out=out)
    except TypeError as error:
        for name, bound in (("min", min), ("max", max)):
            if not (bound is None or isinstance(bound, OPERANDS)):
                raise TypeError(
                    f"clamp(): argument '{name}' must be Number or Tensor, not {type(bound).__name__}"
                ) from None
        raise error


def clamping(min: Any, max: Any) -> tuple:
    """The op that limits elements by these bounds, and the bounds that it takes."""
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    if min is not None and max is not None:
        return clamp_both.op, (min, max)
    return (clamp_min.op, (min,)) if max is None else (clamp_max.op, (max,))


def _saturated(name: str, operands: tuple, d: dtype) -> tuple:
    """Bounds that do not fit an integer type as the nearest that do, if no element is limited by either."""
    x, *bounds = operands
    low, high = (bounds + [None])[:2] if name != "clamp_max" else (None, bounds[0])
    least, most = iinfo(d).min, iinfo(d).max
    if isinstance(low, int):
        low = element(low, d) if low > most else _max(low, least)
    if isinstance(high, int):
        high = wrapped(high, d) if high < least else _min(high, most)
    return (x, *[b for b in (low, high) if b is not None])


@primitive(
    public=False,
    takes=SIGNED,
    rounded=True,
    fit=_saturated,
    ref=lambda x, low, high: np.minimum(np.maximum(x, low), high),
    torch="clamp",
)
def clamp_both(x, low, high):
    """Elements limited to ``[low, high]``; NaN if one of the three is."""
    # Comparisons let a NaN in x pass and are one instruction each, where maximum is four; of a NaN in numbers the loop
    # is free.
    above = low if x < low else x
    y = high if above > high else above
    return y if (low == low) & (high == high) else low + high


@clamp_both.vjp
def _(g, x, low, high, *, needs):
    inside = logical_and(ge(x, low), le(x, high))
    return (
        where(inside, g, 0.0) if needs[0] else None,
        where(logical_and(lt(x, low), lt(low, high)), g, 0.0) if needs[1] else None,
        where(logical_or(gt(x, high), lt(high, low)), g, 0.0) if needs[2] else None,
    )


@exported("torch", "Tensor")
@primitive(rounded=True, fit=_saturated, ref=np.maximum)
def clamp_min(x, min):
    """``max(input, min)``: elements not below ``min``; NaN if either is.

    Args:
        input, min: a tensor of real numbers and a tensor or number, broadcast together.

    >>> torch.clamp_min(torch.tensor([-2.0, 0.5]), 0)
    tensor([0.0000, 0.5000])
    """
    return m.maximum(x, min)


@clamp_min.vjp
def _(g, x, min, *, needs):
    return where(ge(x, min), g, 0.0), (where(lt(x, min), g, 0.0) if needs[1] else None)


@exported("torch", "Tensor")
@primitive(rounded=True, fit=_saturated, ref=np.minimum)
def clamp_max(x, max):
    """``min(input, max)``: elements not above ``max``; NaN if either is.

    Args:
        input, max: a tensor of real numbers and a tensor or number, broadcast together.

    >>> torch.clamp_max(torch.tensor([0.5, 9.0]), 1)
    tensor([0.5000, 1.0000])
    """
    return m.minimum(x, max)


@clamp_max.vjp
def _(g, x, max, *, needs):
    return where(le(x, max), g, 0.0), (where(gt(x, max), g, 0.0) if needs[1] else None)
