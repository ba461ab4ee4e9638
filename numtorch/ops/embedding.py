"""Embedding: reads rows of a table by index. The gradient is added to the rows that were read."""

from __future__ import annotations

from typing import Any

import numpy as np

from numtorch._tensor import Tensor, alias, empty, make
from numtorch.arguments import flag, integer
from numtorch.dispatch.cost import nbytes, numel, picks
from numtorch.dispatch.op import op, wrote
from numtorch.dispatch.program import shared_from
from numtorch.dtype import FLOATS, int32, int64
from numtorch.errors import OutOfBounds
from numtorch.exports import exported
from numtorch.kernels import registry, threads
from numtorch.kernels.jit import jit, prange
from numtorch.ops import moments, movement
from numtorch.ops.arithmetic import gt, ne, where
from numtorch.ops.indexing import put_along_extents, take_along_extents
from numtorch.ops.indexing.cpu import take_slices
from numtorch.ops.indexing.positions import check, looked_at, planned
from numtorch.ops.movement import contiguous, reshape, unsqueeze
from numtorch.ops.movement.launching import ready, remember
from numtorch.storage import kind

ADDED = 2  # what an element costs that is added to a row, in additions
CLEARED = 1 << 14  # elements that a thread clears at a time
SPARSE = 4  # the table's rows for each number, from which rows that nobody wrote are left to the system's own zeros


@jit(parallel=True)
def add_rows(g, index, gx, cols, skip, clear, width):
    """gx[index[k]] += g[k], in the order of k, except in row ``skip``; ``width`` columns at a time. gx is cleared first.

    A number beyond the rows is passed over: it was not there when the rows were read, but others may write to the index's memory.
    """
    rows = gx.size // cols
    zero = g.dtype.type(0)
    if clear:
        for item in prange((gx.size + CLEARED - 1) // CLEARED):
            for j in range(item * CLEARED, min(item * CLEARED + CLEARED, gx.size)):
                gx[np.uint64(j)] = zero
    for item in prange((cols + width - 1) // width):
        first = item * width
        n = min(width, cols - first)
        for k in range(index.size):
            i = np.int64(index[k])
            if i == skip or np.uint64(i) >= np.uint64(rows):
                continue
            target, source = i * cols + first, k * cols + first
            for j in range(n):
                gx[np.uint64(target + j)] += g[np.uint64(source + j)]


def _scatter_cost(grads: tuple, g: Tensor, shape: tuple, index: Tensor, **options: Any) -> tuple[int, int]:
    return nbytes(grads, g, index), numel(g)


@op(name="embedding", public=False, cost=picks, wide=False)
def rows_of(w, index, padding_idx: int = -1):
    """The rows of w (n, cols) at ``index`` (*): (*, cols); row ``padding_idx`` gets no gradient (-1: every row does)."""
    return reshape(take_along_extents(w, reshape(index, (-1,)), 0, False), (*index.shape, w.shape[1]))


_plans: dict = registry.memo()


@rows_of.kernel("cpu", name="rows", functions=(take_slices,))
def rows_cpu(w, index, padding_idx):
    if not (w._k.contiguous and index._k.contiguous):
        w, index = contiguous(w), contiguous(index)
    key = (w._k, w.shape, index._k, index.shape)
    plan = _plans.get(key)
    if plan is None:
        n, cols = w.shape
        made = planned(take_slices, index._buf.size * cols, (w._buf, index._buf, w._buf), (1, n, cols, 0), (*index.shape, cols), w._k)
        if made.entry is None and index._buf.size:
            made.entry = looked_at
        plan = remember(_plans, key, made)
    y = plan.result()
    if plan.entry is not None:
        bad = plan.entry(w._buf, index._buf, y._buf, *plan.numbers)
        if bad:
            check(bad, index, 0, w.shape[0], False)
    return y


@rows_of.vjp(cost=_scatter_cost)
def _(g, w_shape, index, *, padding_idx):
    from numtorch.ops.creation import zeros

    index, g = reshape(index, (-1,)), reshape(g, (index.shape.numel(), w_shape[1]))
    if padding_idx >= 0:
        g = where(unsqueeze(ne(index, padding_idx), 1), g, 0.0)
    return put_along_extents(zeros(w_shape, dtype=g.dtype, device=g.device), index, g, 0, True), None


def _numbered(s: Any) -> bool:
    """a float32 or float64 gradient, int32 or int64 numbers"""
    return s.dtypes[0] in FLOATS and s.dtypes[1] in (int32, int64)


@rows_of.backward.kernel("cpu", when=_numbered, functions=(add_rows,))
def scatter(g, w_shape, index, *, padding_idx):
    rows, cols = w_shape
    few = index.shape.numel() * SPARSE < rows
    gx = make(np.zeros(rows * cols, g._buf.dtype), w_shape, kind(g._k.dtype, g._k.device)) if few else \
        empty(w_shape, g._k.dtype, g._k.device)
    if gx._buf.size:
        n = threads.get_num_threads()
        args = (contiguous(g)._buf, contiguous(index)._buf, gx._buf, cols, padding_idx, not few, max(64, -(-cols // n)))
        ready(add_rows, n > 1 and g._buf.size >= shared_from(ADDED), args)(*args)
    return gx, None


@exported("nn.functional")
def embedding(input: Tensor, weight: Tensor, padding_idx: int | None = None, max_norm: float | None = None, norm_type: float = 2.0,
              scale_grad_by_freq: bool = False, sparse: bool = False) -> Tensor:
    """The rows of ``weight`` (n, d) with the numbers in ``input``, of any shape (*): (*, d).

    Args:
        padding_idx: a row that gets no gradient.
        max_norm: rows that are read are first scaled down, in place, to at most this norm.
        scale_grad_by_freq: divide each row's gradient by how often its number occurs in ``input``.

    Differs from torch: ``sparse=True`` gives the same dense gradients.

    >>> import numtorch as torch
    >>> from numtorch.ops.embedding import embedding
    >>> embedding(torch.tensor([1, 0]), torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([[3., 4.],
            [1., 2.]])
    """
    if scale_grad_by_freq.__class__ is not bool:
        scale_grad_by_freq = flag(scale_grad_by_freq, "embedding", "scale_grad_by_freq")
    if sparse.__class__ is not bool:
        sparse = flag(sparse, "embedding", "sparse")
    try:
        d, _ = input._k.dtype, weight._k
    except AttributeError:
        name, given = ("weight", weight) if isinstance(input, Tensor) else ("indices", input)
        raise TypeError(f"embedding(): argument '{name}' must be Tensor, not {type(given).__name__}") from None
    if d is not int64 and d is not int32:
        raise RuntimeError("Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got "
                           f"{input.dtype.name} instead (while checking arguments for embedding); use input.long()")
    if len(weight.shape) != 2:
        raise RuntimeError(f"'weight' must be 2-D (embedding: got shape {list(weight.shape)})")
    n = weight.shape[0]
    if padding_idx is None:
        skip = -1
    else:
        padding_idx = integer(padding_idx, "embedding", "padding_idx")
        if not -n <= padding_idx < n:
            raise AssertionError(f"Padding_idx must be within num_embeddings ({n} rows), got {padding_idx}")
        skip = padding_idx % n
    if max_norm is not None and not weight.dtype.is_floating_point:
        raise RuntimeError(f"embedding(): max_norm scales rows, which those of {weight.dtype.name} cannot be; use weight.float()")
    try:
        if max_norm is not None:
            _limit_rows(alias(weight), reshape(input, (-1,)), float(max_norm), float(norm_type))
        y = rows_of(weight, input, skip)
    except IndexError as e:
        kind = IndexError if weight.numel() else OutOfBounds  # torch's, for a table that is empty, is a RuntimeError
        raise kind(f"index out of range in self (embedding: {e}; the input has shape {list(input.shape)}, the weight {n} rows, "
                   f"0 to {n - 1})") from None
    if scale_grad_by_freq:
        y = reshape(shared_gradient(reshape(y, (input.shape.numel(), weight.shape[1])), reshape(input, (-1,)), n), y.shape)
    return y


@op(name="embedding_shared_gradient", public=False)
def shared_gradient(x, index, n: int):
    """x itself; each row's gradient is divided by how often its number occurs in ``index``."""
    return movement.clone(x)


@shared_gradient.vjp
def _(g, index, *, n):
    from numtorch.ops.creation import ones, zeros

    once = ones(index.shape, dtype=g.dtype, device=g.device)
    counts = put_along_extents(zeros(n, dtype=g.dtype, device=g.device), index, once, 0, True)
    return g / unsqueeze(take_along_extents(counts, index, 0), 1), None


def _limit_rows(w: Tensor, index: Tensor, max_norm: float, norm_type: float) -> None:
    """Scale the rows that are read down to ``max_norm``, in place, without a graph."""
    rows = take_along_extents(w, index, 0, False)
    norms = moments.norm(rows, norm_type, 1, True)
    limited = where(gt(norms, max_norm), rows * (max_norm / (norms + 1e-7)), rows)  # a row whose norm is NaN stays as it is
    movement.copy_(w, put_along_extents(w, index, limited, 0, False))
    wrote(w)
