"""Sparse gradients: of the rows of a table that were read, and what optimizers do with them."""

from __future__ import annotations

from math import prod
from typing import Any

import numtorch.dtype as dtypes
from numtorch import _sparse, ops
from numtorch._sparse import SparseTensor
from numtorch._tensor import Tensor, alias
from numtorch.autograd.function import Function
from numtorch.ops.sparse import patterns


class SparseRead(Function):
    """Rows of a table that are known; the gradient of the table has one row for each of them."""

    @staticmethod
    def forward(ctx: Any, w: Tensor, rows: Tensor, index: Tensor, skip: int | None, counted: bool) -> Tensor:
        ctx.index, ctx.skip, ctx.counted, ctx.shape = index, skip, counted, w.shape
        return rows

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        if ctx.counted:
            raise RuntimeError("embedding_backward: scale_grad_by_freq not supported with sparse gradients")
        index = ops.movement.reshape(ctx.index, (-1,)).to(dtypes.int64)
        g = ops.movement.reshape(g, (index.shape[0], ctx.shape[1]))
        if ctx.skip is not None:
            kept = ops.movement.reshape(ops.indexing.masks.nonzero(index != ctx.skip), (-1,))
            index, g = patterns.select(index, kept), patterns.select(g, kept)
        pattern = _sparse.coo(ops.movement.unsqueeze(index, 0), g, ctx.shape, index.shape[0] < 2)
        return patterns.build(g, pattern), None, None, None, None


def _parts(x: Tensor, g: SparseTensor) -> tuple[Tensor, Tensor]:
    """The memory of a dense tensor with the sparse dimensions of a coalesced gradient as one; and which are meant."""
    n = patterns.sparse_dims(g)
    lead = tuple(x.shape[:n])
    whole = alias(x)
    return whole.view((prod(lead), *x.shape[n:])), patterns.flat(g.rows, lead)


def add_to(x: Tensor, g: SparseTensor, elements: Tensor) -> None:
    """Add elements to a dense tensor at the positions of a coalesced sparse one, in place, outside any graph."""
    if not x._k.contiguous:
        x.add_(patterns.to_dense(_sparse.like(g, elements)))
        return
    parts, at = _parts(x, g)
    if at.shape[0]:
        parts[at] = patterns.select(parts, at) + elements.to(x.dtype)


def read(x: Tensor, g: SparseTensor) -> Tensor:
    """The elements of a dense tensor at the positions of a sparse one."""
    return patterns.pick(x.detach(), g)


def gradient_of(g: SparseTensor, maximize: bool) -> SparseTensor:
    """A gradient as optimizers take it: coalesced, outside any graph, against the way to go."""
    g = patterns.coalesced(patterns.bare(g))
    return _sparse.like(g, -g.elements) if maximize else g
