"""Matrix products of 16-bit types on the CPU, and the precision of float32 products.

Some processors have instructions for bfloat16 (``kernels/gemm/bfloat16.py``). Otherwise, and for float16, the operands
are converted to float32, which is exact, and the result is rounded once.
"""

from __future__ import annotations

from math import prod
from typing import Any

from numtorch._tensor import Tensor, empty
from numtorch.dtype import HALVES, bfloat16, float32
from numtorch.exports import exported
from numtorch.kernels import registry
from numtorch.kernels.gemm import bfloat16 as pairs
from numtorch.kernels.gemm.variants import multiplies_pairs
from numtorch.kernels.registry import Priority, Signature
from numtorch.ops.linear import _batched, _check, _check_linear, _operand, affine, fused, micro_kernel, product, rows
from numtorch.ops.movement import cast, contiguous, reshape, transpose
from numtorch.ops.reduction import sum
from numtorch.storage import Size

_precision = "highest"
_WORTH = 64**3  # multiply-adds from which rounding float32 operands costs less than it saves


def has_pairs(s: Signature) -> bool:
    """The processor multiplies pairs of bfloat16."""
    return multiplies_pairs()


def may_round(s: Signature) -> bool:
    """float32 products may be computed in bfloat16 (``set_float32_matmul_precision("medium")``), and that is faster
    here."""
    return _precision == "medium" and multiplies_pairs()


def _multiply_matrices(x: Tensor, y: Tensor) -> Tensor:
    (m, k), (k2, n) = x.shape, y.shape
    _check(x, y, k2, "matmul")
    a, ta = _operand(x)
    b, tb = _operand(y)
    out = empty(Size((m, n)), x._k.dtype, x._k.device)
    pairs.bmm(a, b, out._buf, 1, m, n, k, ta, tb)
    return out


def _multiply_batch(
    a: Any, b: Any, c: Any, batch: int, m: int, n: int, k: int, ta: bool, tb: bool, sa: int, sb: int
) -> None:
    pairs.bmm(a, b, c, batch, m, n, k, ta, tb, sa == 0, sb == 0)


@product.kernel("cpu", dtypes=(bfloat16,), when=has_pairs)
def bfloat16_pairs(x, y):
    """Pairs of bfloat16 multiplied and summed in float32, rounded once."""
    return _multiply_matrices(x, y) if x.ndim == 2 and y.ndim == 2 else _batched(x, y, _multiply_batch)


@product.kernel("cpu", dtypes=HALVES)
def widened(x, y):
    """The product of the operands in float32, rounded once."""
    _check(x, y, y.shape[-2], "matmul")
    return cast(product(cast(x, float32), cast(y, float32)), x.dtype)


@product.kernel("cpu", dtypes=(float32,), when=may_round, priority=Priority.OVERRIDE)
def rounded_pairs(x, y):
    """float32 operands rounded to bfloat16, for those who asked for medium precision."""
    if prod(x.shape) * y.shape[-1] < _WORTH:
        return micro_kernel(x, y)
    return _multiply_matrices(x, y) if x.ndim == 2 and y.ndim == 2 else _batched(x, y, _multiply_batch)


def _affine(x: Tensor, w: Tensor, b: Tensor | None) -> Tensor:
    m, n, k = _check_linear(x, w, b)
    out = empty(Size((*x.shape[:-1], n)), x._k.dtype, x._k.device)
    bias = None if b is None else contiguous(cast(b, float32))._buf
    pairs.bmm(contiguous(x)._buf, contiguous(w)._buf, out._buf, 1, m, n, k, False, True, bias=bias)
    return out


@affine.kernel("cpu", dtypes=(bfloat16,), when=has_pairs, name="bfloat16_pairs")
def affine_pairs(x, w, b=None):
    """Pairs of bfloat16; the bias is added to the float32 sums, which are rounded once."""
    return _affine(x, w, b)


@affine.kernel("cpu", dtypes=HALVES, name="widened")
def affine_widened(x, w, b=None):
    """The fused kernel on the operands in float32, rounded once."""
    _check_linear(x, w, b)
    wide = [None if t is None else cast(t, float32) for t in (x, w, b)]
    return cast(affine(*wide), x.dtype)


@affine.kernel("cpu", dtypes=(float32,), when=may_round, priority=Priority.OVERRIDE, name="rounded_pairs")
def affine_rounded(x, w, b=None):
    """float32 operands rounded to bfloat16, for those who asked for medium precision."""
    return _affine(x, w, b) if prod(x.shape) * w.shape[0] >= _WORTH else fused(x, w, b)


@affine.backward.kernel("cpu", dtypes=(float32,), when=may_round, priority=Priority.OVERRIDE, name="rounded_pairs")
def affine_backward_rounded(g, x, w, *, needs):
    """Both products of float32 operands rounded to bfloat16, for those who asked for medium precision."""
    flat = rows(g)
    gx = reshape(product(flat, w), x.shape) if needs[0] else None
    gw = product(transpose(flat, 0, 1), rows(x)) if needs[1] else None
    return gx, gw, (sum(flat, 0) if needs[2] else None)


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
