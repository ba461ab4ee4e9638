"""Tests whether tensors are equal or nearly equal."""

from __future__ import annotations

from numtorch._tensor import Tensor
from numtorch.arguments import flag, refused
from numtorch.exports import exported
from numtorch.ops import arithmetic, reduction


@exported("torch", "Tensor")
def allclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """Whether all elements are within ``atol + rtol * abs(other)`` of each other, or equal.

    Args:
        input, other: tensors of one type, broadcast together.
        rtol, atol: how large the relative and the absolute difference may be.
        equal_nan: whether NaN is close to NaN.

    Returns:
        A Python bool.

    Raises:
        TypeError: an operand is no tensor.
        RuntimeError: the types differ, or a bound is negative.

    >>> torch.allclose(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.00001]))
    True
    """
    return bool(reduction.all(_close(input, other, rtol, atol, equal_nan, "allclose")).item())


@exported("torch", "Tensor")
def isclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Tensor:
    """Whether ``abs(input - other) <= atol + rtol * abs(other)`` or both are equal, element by element, as booleans.

    Args:
        input, other: tensors of one type, broadcast together; integers and booleans are compared as float64.
        rtol, atol: how large the relative and the absolute difference may be.
        equal_nan: whether NaN is close to NaN.

    Raises:
        TypeError: an operand is no tensor.
        RuntimeError: the types differ, or a bound is negative.

    >>> torch.isclose(torch.tensor([1.0, 2.0]), torch.tensor([1.1, 2.00001]))
    tensor([False,  True])
    """
    return _close(input, other, rtol, atol, equal_nan, "isclose")


def _close(input: Tensor, other: Tensor, rtol: float, atol: float, equal_nan: bool, op: str) -> Tensor:
    if equal_nan.__class__ is not bool:
        equal_nan = flag(equal_nan, op, "equal_nan")
    for i, (name, value) in enumerate((("input", input), ("other", other)), 1):
        if not isinstance(value, Tensor):
            raise TypeError(f"{op}(): argument '{name}' (position {i}) must be Tensor, not {value.__class__.__name__}")
    if input.dtype is not other.dtype:
        raise RuntimeError(
            f"{input.dtype.name} did not match {other.dtype.name}: {op}() compares tensors of one type; cast one with "
            ".to(...)"
        )
    for name, bound in (("rtol", rtol), ("atol", atol)):
        if not bound >= 0:
            raise RuntimeError(f"{name} must be greater than or equal to zero, but got {bound}")
    x, y = input.detach(), other.detach()
    close = arithmetic.eq(x, y)
    if equal_nan and x.dtype.differentiable:
        close = arithmetic.logical_or(close, arithmetic.logical_and(arithmetic.isnan(x), arithmetic.isnan(y)))
    if rtol == 0 and atol == 0:
        return close
    if not x.dtype.differentiable:
        x, y = x.double(), y.double()
    off = arithmetic.abs(x - y)
    near = arithmetic.le(off, arithmetic.abs(y * rtol) + atol)
    return arithmetic.logical_or(close, arithmetic.logical_and(near, arithmetic.isfinite(off)))


@exported("torch", "Tensor")
def equal(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape and the same elements; NaN equals nothing.

    Args:
        input, other: tensors; their types may differ.

    Returns:
        A Python bool.

    Raises:
        TypeError: an operand is no tensor.

    >>> torch.equal(torch.tensor([1, 2]), torch.tensor([1.0, 2.0]))
    True
    """
    try:
        return input.shape == other.shape and bool(reduction.all(arithmetic.eq(input.detach(), other.detach())).item())
    except AttributeError as error:
        raise refused(error, "equal", input=input, other=other) from None
