"""Tests whether tensors are equal or nearly equal."""

from __future__ import annotations

from numtorch._tensor import Tensor
from numtorch.arguments import flag, refused
from numtorch.exports import exported
from numtorch.ops import arithmetic, reduction


@exported("torch", "Tensor")
def allclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """Whether all elements are within ``atol + rtol * abs(other)``."""
    return bool(reduction.all(_close(input, other, rtol, atol, equal_nan, "allclose")).item())


@exported("torch", "Tensor")
def isclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Tensor:
    """Where elements are within ``atol + rtol * abs(other)``; integers and truth values are compared as float64."""
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
    if equal_nan and x.dtype.is_floating_point:
        close = arithmetic.logical_or(close, arithmetic.logical_and(arithmetic.isnan(x), arithmetic.isnan(y)))
    if rtol == 0 and atol == 0:
        return close
    if not x.dtype.is_floating_point:
        x, y = x.double(), y.double()
    off = arithmetic.abs(x - y)
    near = arithmetic.le(off, arithmetic.abs(y * rtol) + atol)
    return arithmetic.logical_or(close, arithmetic.logical_and(near, arithmetic.isfinite(off)))


@exported("torch", "Tensor")
def equal(input: Tensor, other: Tensor) -> bool:
    """Whether shape and all elements are the same."""
    try:
        return input.shape == other.shape and bool(reduction.all(arithmetic.eq(input.detach(), other.detach())).item())
    except AttributeError as error:
        raise refused(error, "equal", input=input, other=other) from None
