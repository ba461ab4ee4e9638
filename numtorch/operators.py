"""Python's operators on tensors: ``x + y``, ``2 ** x``, ``x @= y``.

An operator calls the function of its name. For an operand of a foreign class it returns ``NotImplemented`` instead, so
that Python calls the method of that class (``__radd__``), or raises its own TypeError. The check costs nothing while no
error occurs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import numtorch.dtype as dtypes
from numtorch._tensor import Tensor
from numtorch.dispatch.elementwise import ElementwiseOp, array_operand
from numtorch.dispatch.front import OPERANDS, operator
from numtorch.ops import arithmetic, creation, elementary, indexing, pairs
from numtorch.ops.matmul import matmul


def _gives_way(fn: Callable) -> Callable:
    """``fn`` for an operator: ``NotImplemented`` beside an operand of a foreign class."""

    def method(self: Tensor, other: Any) -> Any:
        try:
            return fn(self, other)
        except (TypeError, NotImplementedError):
            if isinstance(other, OPERANDS):
                raise
            return NotImplemented

    method.__name__ = fn.__name__
    return method


def _combining(fn: Callable, bits: Callable) -> Callable:
    """The operator that combines bits; of masks without further questions."""
    general = _gives_way(fn)

    def method(self: Tensor, other: Any) -> Any:
        if other.__class__ is Tensor and self._k is other._k and self._k.dtype is dtypes.bool:
            return bits(self, other)
        return general(self, other)

    method.__name__ = fn.__name__
    return method


def _inplace(fn: Callable, o: ElementwiseOp | None) -> Callable:
    """``fn``, or the in-place form of an op, for ``x += other``; see ``_gives_way``."""

    def method(self: Tensor, other: Any) -> Any:
        try:
            return fn(self, other) if o is None else o.inplace(self, (other,), ())
        except (TypeError, NotImplementedError):
            if isinstance(other, OPERANDS):
                raise
            return NotImplemented

    method.__name__ = fn.__name__
    return method


def _comparable(fn: Callable) -> Callable:
    def method(self: Tensor, other: Any) -> Any:
        if (
            isinstance(other, Tensor | bool | int | float | np.generic)
            or isinstance(other, np.ndarray)
            and other.dtype.kind in "biuf"
        ):
            return fn(self, other)
        return NotImplemented

    return method


def _invert(self: Tensor) -> Tensor:
    try:
        return arithmetic.bitwise_not(self)
    except NotImplementedError:
        raise TypeError(
            f"~ inverts integers and booleans, not {self.dtype.name}; of a mask, ~(x > 0), it is what you want"
        ) from None


_power = operator(arithmetic.power.op)


def _pow(self: Tensor, other: Any) -> Any:
    kind = other.__class__
    if kind is int or kind is bool or kind is float and (other == 2.0 or other == 3.0):
        if kind is int and 2 <= other <= 3 and self._k.dtype.is_floating_point:
            return arithmetic.square(self) if other == 2 else arithmetic.cube(self)
        return arithmetic.pow(self, other)
    return _power(self, other)


def _first_product(tensors: tuple, params: tuple) -> Any:
    x, y = tensors
    if isinstance(y, np.ndarray):
        y = array_operand(y, x)
        return matmul(x.to(y.dtype), y)
    return matmul.op.first(tensors, params) if isinstance(y, Tensor) else NotImplemented


_matmul = operator(matmul.op, _first_product)


def _beside(other: Any, x: Tensor) -> Any:
    """The first operand of a reflected operator, which may be an array."""
    return array_operand(other, x) if isinstance(other, np.ndarray) and other.ndim else other


def _product_of(x: Tensor, other: Any) -> Tensor:
    if not isinstance(other, np.ndarray):
        return matmul(other, x) if isinstance(other, Tensor) else NotImplemented
    y = creation.as_tensor(_beside(other, x), device=x.device)
    return matmul(y, x.to(y.dtype))


_FRONTS = {
    "add": arithmetic.plain_add,
    "sub": arithmetic.plain_sub,
    "mul": arithmetic.mul,
    "truediv": arithmetic.true_div,
    "floordiv": arithmetic.floor_divide,
    "mod": arithmetic.remainder,
    "lshift": pairs.bitwise_left_shift,
    "rshift": pairs.bitwise_right_shift,
    "lt": arithmetic.lt,
    "le": arithmetic.le,
    "gt": arithmetic.gt,
    "ge": arithmetic.ge,
    "rsub": arithmetic.difference_from,
    "rtruediv": arithmetic.quotient_of,
}
_BITS = {
    "and": (arithmetic.bitwise_and, arithmetic.bits_and),
    "or": (arithmetic.bitwise_or, arithmetic.bits_or),
    "xor": (arithmetic.bitwise_xor, arithmetic.bits_xor),
}
_REFLECTED = {
    "pow": lambda x, other: arithmetic.pow(_beside(other, x), x),
    "floordiv": lambda x, other: arithmetic.floor_divide(_beside(other, x), x),
    "mod": lambda x, other: arithmetic.remainder(_beside(other, x), x),
    "lshift": lambda x, other: pairs.bitwise_left_shift(_beside(other, x), x),
    "rshift": lambda x, other: pairs.bitwise_right_shift(_beside(other, x), x),
    "matmul": _product_of,
}
# The method that overwrites, and the op whose in-place form it is; None where it decides that itself.
_INPLACE = {
    "add": ("add_", arithmetic.plain_add),
    "sub": ("sub_", arithmetic.plain_sub),
    "mul": ("mul_", arithmetic.mul),
    "truediv": ("div_", arithmetic.true_div),
    "floordiv": ("floor_divide_", arithmetic.floor_divide),
    "mod": ("remainder_", arithmetic.remainder),
    "lshift": ("bitwise_left_shift_", pairs.bitwise_left_shift),
    "rshift": ("bitwise_right_shift_", pairs.bitwise_right_shift),
    "pow": ("pow_", None),
    "and": ("bitwise_and_", None),
    "or": ("bitwise_or_", None),
    "xor": ("bitwise_xor_", None),
}


def bind() -> None:
    """Give the Tensor its operators; its other methods are bound already."""
    made: dict[str, Callable] = {
        "neg": arithmetic.neg,
        "pos": elementary.positive,
        "abs": arithmetic.abs,
        "invert": _invert,
        "pow": _pow,
        "matmul": _matmul,
        "getitem": indexing.getitem,
        "setitem": indexing.setitem,
        "eq": _comparable(arithmetic.eq),
        "ne": _comparable(arithmetic.ne),
        "hash": object.__hash__,
    }
    made |= {name: operator(front.op) for name, front in _FRONTS.items()}
    made |= {"radd": made["add"], "rmul": made["mul"]}
    made["rdiv"] = made["rtruediv"]  # Python 2's name, which torch has kept
    for name, pair in _BITS.items():
        made[name] = made["r" + name] = _combining(*pair)
    made |= {"r" + name: _gives_way(fn) for name, fn in _REFLECTED.items()}
    for name, (form, own) in _INPLACE.items():
        made["i" + name] = _inplace(getattr(Tensor, form), None if own is None else own.op)
    for name, method in made.items():
        setattr(Tensor, f"__{name}__", method)
