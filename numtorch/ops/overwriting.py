"""In-place arithmetic that needs more than an op's own in-place version: several formulas, or numbers that are checked
first."""

from __future__ import annotations

from typing import Any

from numtorch._tensor import Tensor
from numtorch.exports import exported
from numtorch.ops import arithmetic, elementary, movement
from numtorch.ops.arithmetic import ONE

_ADD, _SUB = arithmetic.plain_add.op, arithmetic.plain_sub.op


@exported("Tensor")
def add_(x: Tensor, other: Any, *, alpha: Any = ONE) -> Tensor:
    """In-place ``add``."""
    if alpha is ONE:
        return _ADD.inplace(x, (other,), ())
    return arithmetic.add_multiple.op.inplace(x, (other, arithmetic.multiple(x, other, alpha, "add_")), ())


@exported("Tensor", also=("subtract_",))
def sub_(x: Tensor, other: Any, *, alpha: Any = ONE) -> Tensor:
    """In-place ``sub``."""
    if alpha is ONE:
        return _SUB.inplace(x, (other,), ())
    return arithmetic.add_multiple.op.inplace(x, (other, arithmetic.negative_multiple(x, other, alpha, "sub_")), ())


@exported("Tensor")
def pow_(x: Tensor, exponent: Any) -> Tensor:
    """In-place ``pow``."""
    return arithmetic.power.op.inplace(x, (arithmetic.fitting_exponent(x, exponent),), ())


@exported("Tensor", also=("divide_", "true_divide_"))
def div_(x: Tensor, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """In-place ``div``."""
    return arithmetic.divider(x, other, rounding_mode).inplace(x, (other,), ())


@exported("Tensor")
def round_(x: Tensor, *, decimals: int = 0) -> Tensor:
    """In-place ``round``."""
    if not decimals:
        return elementary.nearest.op.inplace(x, (), ())
    return movement.copy.op.inplace(x, (elementary.round(x, decimals=decimals),), ())


@exported("Tensor")
def addcmul_(x: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Any = 1) -> Tensor:
    """In-place ``addcmul``."""
    return arithmetic.plus_product.op.inplace(x, arithmetic.factors("addcmul_", x, tensor1, tensor2, value), ())


@exported("Tensor")
def addcdiv_(x: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Any = 1) -> Tensor:
    """In-place ``addcdiv``."""
    return arithmetic.plus_quotient.op.inplace(x, arithmetic.factors("addcdiv_", x, tensor1, tensor2, value), ())


@exported("Tensor")
def bitwise_and_(x: Tensor, other: Any) -> Tensor:
    """In-place ``bitwise_and``."""
    return arithmetic.integral("bitwise_and_", arithmetic.bits_and, x, other).inplace(x, (other,), ())


@exported("Tensor")
def bitwise_or_(x: Tensor, other: Any) -> Tensor:
    """In-place ``bitwise_or``."""
    return arithmetic.integral("bitwise_or_", arithmetic.bits_or, x, other).inplace(x, (other,), ())


@exported("Tensor")
def bitwise_xor_(x: Tensor, other: Any) -> Tensor:
    """In-place ``bitwise_xor``."""
    return arithmetic.integral("bitwise_xor_", arithmetic.bits_xor, x, other).inplace(x, (other,), ())


@exported("Tensor")
def bitwise_not_(x: Tensor) -> Tensor:
    """In-place ``bitwise_not``."""
    return arithmetic.integral("bitwise_not_", arithmetic.bits_not, x).inplace(x, (), ())


@exported("Tensor", also=("clip_",))
def clamp_(x: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """In-place ``clamp``."""
    o, bounds = arithmetic.clamping(min, max)
    return o.inplace(x, bounds, ())
