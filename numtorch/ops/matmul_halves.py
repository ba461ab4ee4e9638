"""Matrix products of 16-bit types on the CPU, and the precision of float32 products.

Some processors have instructions for bfloat16 (``kernels/gemm/bfloat16.py``). Otherwise, and for float16, the operands
are converted to float32, which is exact, and the result is rounded once.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from numtorch._tensor import Tensor
from numtorch.dispatch.loops import Loop, like
from numtorch.dtype import bfloat16, float32
from numtorch.exports import exported
from numtorch.kernels import registry
from numtorch.kernels.gemm import bfloat16 as pairs
from numtorch.kernels.gemm.variants import multiplies_pairs
from numtorch.kernels.registry import Priority, Signature
from numtorch.ops.linear import linear
from numtorch.ops.matmul import Product, matmul

_precision = "highest"
_WORTH = 64**3  # multiply-adds from which rounding float32 operands costs less than it saves


def has_pairs(s: Signature) -> bool:
    """The processor multiplies pairs of bfloat16."""
    return multiplies_pairs()


def may_round(s: Signature) -> bool:
    """float32 products may be computed in bfloat16 (``set_float32_matmul_precision("medium")``), and that is faster
    here."""
    return _precision == "medium" and multiplies_pairs()


def _product(x: Tensor, y: Tensor) -> Loop:
    of = Product(x, y)
    made_of = (*of.sizes, False, x._k.dtype is bfloat16)
    return Loop(pairs.bmm, (), like(x, of.shape), lying=of.lying, made_of=made_of)


@matmul.loop("cpu", dtypes=(bfloat16,), when=has_pairs)
def bfloat16_pairs(x, y):
    """Pairs of bfloat16 multiplied and summed in float32, rounded once."""
    return _product(x, y)


@matmul.loop("cpu", dtypes=(float32,), when=may_round, priority=Priority.OVERRIDE)
def rounded_pairs(x, y):
    """float32 operands rounded to bfloat16, for those who asked for medium precision."""
    return _product(x, y) if prod(x.shape) * y.shape[-1] >= _WORTH else None


def _linear(x: Tensor, w: Tensor, b: Tensor | None) -> Loop:
    m, (n, k) = prod(x.shape[:-1]), w.shape
    made_of = (m, n, k, b is not None, x._k.dtype is bfloat16)
    return Loop(_of_pairs, (), like(x, (*x.shape[:-1], n)), made_of=made_of)


def _of_pairs(m: int, n: int, k: int, biased: bool, narrow: bool) -> Callable:
    """``linear`` of pairs, whose bias has the type of the other operands."""
    multiply = pairs.bmm(1, m, n, k, False, True, biased=biased, narrow=narrow)
    if not (narrow and biased):
        return multiply
    return lambda x, w, b, out: multiply(x, w, (b.astype(np.uint32) << 16).view(np.float32), out)


@linear.loop("cpu", dtypes=(bfloat16,), when=has_pairs, name="bfloat16_pairs")
def linear_pairs(x, w, b):
    """Pairs of bfloat16; the bias is added to the float32 sums, which are rounded once."""
    return _linear(x, w, b)


@linear.loop("cpu", dtypes=(float32,), when=may_round, priority=Priority.OVERRIDE, name="rounded_pairs")
def linear_rounded(x, w, b):
    """float32 operands rounded to bfloat16, for those who asked for medium precision."""
    return _linear(x, w, b) if prod(x.shape) * w.shape[0] >= _WORTH else None


def _op_by_op(of: Any) -> None:
    """Have gradients computed by their formula where precision is medium, so that each product is rounded."""

    @of.backward.loop("cpu", dtypes=(float32,), when=may_round, priority=Priority.OVERRIDE, name="rounded_pairs")
    def rounded():
        return of.op.gradient.vjp


_op_by_op(matmul)
_op_by_op(linear)


@exported("torch")
def get_float32_matmul_precision() -> str:
    """What ``set_float32_matmul_precision`` was last given.

    Returns:
        ``"highest"``, ``"high"`` or ``"medium"``.

    >>> torch.get_float32_matmul_precision()
    'highest'
    """
    return _precision


@exported("torch")
def set_float32_matmul_precision(precision: str) -> None:
    """How precisely float32 matrices are multiplied on the CPU, by ``matmul`` and ``linear``, forward and backward.

    Differs from torch: ``"high"`` never means TF32, which its oneDNN uses on some processors.

    Args:
        precision: ``"highest"`` and ``"high"`` compute in float32. ``"medium"`` rounds operands to bfloat16 (8 bits)
            and sums in float32, where the processor has instructions for it and the product is not small.

    Raises:
        ValueError: another word.

    >>> torch.set_float32_matmul_precision("medium")
    >>> torch.get_float32_matmul_precision()
    'medium'
    >>> torch.set_float32_matmul_precision("highest")
    """
    global _precision
    if precision not in ("highest", "high", "medium"):
        raise ValueError(f"set_float32_matmul_precision: expected 'highest', 'high' or 'medium', got {precision!r}")
    _precision = precision
    registry.clear_memos()
