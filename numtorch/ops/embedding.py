"""Embedding: reads rows of a table by index. The gradient is added to the rows that were read."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np

from numtorch import ops
from numtorch._tensor import Tensor, alias
from numtorch.autograd.inplace import wrote
from numtorch.dispatch.cost import nbytes, numel, picks
from numtorch.dispatch.loops import Loop, like
from numtorch.dispatch.op import op
from numtorch.dispatch.samples import index
from numtorch.dtype import FLOATS, int32, int64
from numtorch.errors import OutOfBounds
from numtorch.exports import exported
from numtorch.grad_mode import mode
from numtorch.kernels import threads
from numtorch.kernels.jit import jit, prange
from numtorch.ops import moments, movement
from numtorch.ops.arithmetic import gt, ne, where
from numtorch.ops.indexing import put_along_extents, take_along_extents
from numtorch.ops.indexing.cpu import GRAIN, outside
from numtorch.ops.indexing.positions import PICKED, check
from numtorch.ops.movement import contiguous, reshape, unsqueeze
from numtorch.ops.movement.copies_cpu import RUNS
from numtorch.ops.movement.runs import copy_run

ADDED = 2  # what an element costs that is added to a row, in additions
CLEARED = 1 << 14  # elements that a thread clears at a time
SPARSE = 4  # the table's rows for each number, from which rows that nobody wrote are left to the system's own zeros


@jit(parallel=True, needs=RUNS)
def read_rows(index, w, out, n, cols):
    """out[k] = w[index[k]]; returns how many numbers are beyond the rows, with which their neighbours are left out."""
    some = max(1, GRAIN // cols)
    bad = 0
    for item in prange((index.size + some - 1) // some):
        first = item * some
        last = min(first + some, index.size)
        wrong = outside(index, first, last, n, 0)
        bad += wrong
        if wrong > 0:
            continue
        for k in range(first, last):
            copy_run(w, np.int64(index[np.uint64(k)]) * cols, out, k * cols, cols)
    return bad


@jit(parallel=True)
def add_rows(g, index, gx, cols, skip, clear, width):
    """gx[index[k]] += g[k], in the order of k, except in row ``skip``; ``width`` columns at a time. gx is cleared
    first.

    A number beyond the rows is passed over: it was not there when the rows were read, but others may write to the
        index's memory.
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


def _scatter_cost(grads: tuple, g: Tensor, index: Tensor, shape: tuple, **options: Any) -> tuple[int, int]:
    return nbytes(grads, g, index), numel(g)


def _rows_cost(out: Tensor, index: Tensor, w: Tensor, *options: Any) -> tuple[int, int]:
    return picks(out, w, index)


@exported("nn.functional")
@op(
    cost=_rows_cost,
    wide=False,
    samples=lambda: [(index((4,), 5), (5, 3)), (index((6,), 5), (5, 2), 1), (index((2, 3), 40), (40, 3))],
)
def embedding(
    x,
    w,
    padding_idx: int | None = None,
    max_norm: Any = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
):
    """The rows of a table with the given numbers, ``weight[input]``.

    Args:
        input: row numbers, int64 or int32, of any shape (*).
        weight: the table, (n, d).
        padding_idx: a row that gets no gradient.
        max_norm: rows that are read are first scaled down, in place, to at most this norm.
        norm_type: the order of that norm.
        scale_grad_by_freq: whether each row's gradient is divided by how often its number occurs in ``input``.
        sparse: whether the gradient of ``weight`` is a sparse tensor, with the rows that were read.

    Returns:
        A tensor of shape (*, d).

    Raises:
        IndexError: a number is no row.
        RuntimeError: ``input`` is of another type, ``weight`` is no matrix, or rows of integers are to be scaled.
        AssertionError: ``padding_idx`` is no row.

    >>> torch.nn.functional.embedding(torch.tensor([1, 0]), torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([[3., 4.],
            [1., 2.]])
    """
    with _told(x, w):
        return reshape(take_along_extents(w, reshape(x, (-1,)), 0, False), (*x.shape, w.shape[1]))


@embedding.arguments
def _(x, w, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse):
    if x.dtype not in (int64, int32):
        raise RuntimeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got "
            f"{x.dtype.name} instead (while checking arguments for embedding); use input.long()"
        )
    if w.ndim != 2:
        raise RuntimeError(f"'weight' must be 2-D (embedding: got shape {list(w.shape)})")
    n = w.shape[0]
    if padding_idx is not None and not -n <= padding_idx < n:
        raise AssertionError(f"Padding_idx must be within num_embeddings ({n} rows), got {padding_idx}")
    if max_norm is not None:
        if not w.dtype.is_floating_point:
            raise RuntimeError(
                f"embedding(): max_norm scales rows, which those of {w.dtype.name} cannot be; use weight.float()"
            )
        return _of_limited_rows
    if sparse:
        return _with_sparse_gradient
    if scale_grad_by_freq:
        return _with_shared_gradients
    return x, w, None if padding_idx is None else padding_idx % n, None, 2.0, False, False


@contextlib.contextmanager
def _told(index: Tensor, w: Tensor) -> Iterator[None]:
    """What is said of an index out of range, with the shapes of the operands."""
    try:
        yield
    except IndexError as e:
        kind = IndexError if w.numel() else OutOfBounds  # torch's, for a table that is empty, is a RuntimeError
        raise kind(
            f"index out of range in self (embedding: {e}; the input has shape {list(index.shape)}, the weight "
            f"{w.shape[0]} rows, 0 to {w.shape[0] - 1})"
        ) from None


def _of_limited_rows(
    input: Tensor, weight: Tensor, padding_idx: int | None, max_norm: float, norm_type: float, *rest: bool
) -> Tensor:
    with _told(input, weight):
        _limit_rows(alias(weight), reshape(input, (-1,)), float(max_norm), float(norm_type))
    return embedding(input, weight, padding_idx, None, 2.0, *rest)


def _with_sparse_gradient(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None,
    max_norm: Any,
    norm_type: float,
    scale_grad_by_freq: bool,
    sparse: bool,
) -> Tensor:
    y = embedding(input, weight.detach(), padding_idx)
    if not mode.grad or weight._edge is None:
        return y
    skip = None if padding_idx is None else padding_idx % weight.shape[0]
    return ops.sparse.gradients.SparseRead.apply(weight, y, input, skip, scale_grad_by_freq)


def _with_shared_gradients(input: Tensor, weight: Tensor, padding_idx: int | None, *rest: Any) -> Tensor:
    y = embedding(input, weight, padding_idx)
    rows = reshape(y, (input.shape.numel(), weight.shape[1]))
    return reshape(embedding_shared_gradient(rows, reshape(input, (-1,)), weight.shape[0]), y.shape)


@embedding.loop("cpu")
def rows(x, w):
    n, cols = w.shape
    if not cols:
        return None

    def failed(code, x, w, *rest):
        with _told(x, w):
            check(code, contiguous(x), 0, n, False)

    made = like(w, (*x.shape, cols))
    return Loop(read_rows, (n, cols), made, weight=PICKED, elements=prod(made.shape), failed=failed, moves=True)


@embedding.vjp(cost=_scatter_cost)
def _(g, x, w_shape, *, padding_idx):
    index, g = reshape(x, (-1,)), reshape(g, (x.shape.numel(), w_shape[1]))
    if padding_idx is not None:
        g = where(unsqueeze(ne(index, padding_idx), 1), g, 0.0)
    return None, put_along_extents(ops.creation.zeros(w_shape, dtype=g.dtype, device=g.device), index, g, 0, True)


def _numbered(s: Any) -> bool:
    """a float32 or float64 gradient, int32 or int64 numbers"""
    return s.dtypes[0] in FLOATS and s.dtypes[1] in (int32, int64)


@embedding.backward.loop("cpu", when=_numbered)
def scatter(g, x, w_shape, padding_idx):
    rows, cols = w_shape
    few = x.shape.numel() * SPARSE < rows
    width = max(64, -(-cols // threads.get_num_threads()))
    numbers = (cols, -1 if padding_idx is None else padding_idx, not few, width)
    return Loop(add_rows, numbers, (None, like(g, w_shape, zeroed=few)), weight=ADDED)


@op(public=False, samples=lambda: [((4, 3), index((4,), 5), 5), ((6, 2), index((6,), 3), 4)])
def embedding_shared_gradient(x, index, n: int):
    """x itself; each row's gradient is divided by how often its number occurs in ``index``."""
    return movement.clone(x)


@embedding_shared_gradient.vjp
def _(g, index, *, n):
    once = ops.creation.ones(index.shape, dtype=g.dtype, device=g.device)
    counts = put_along_extents(ops.creation.zeros(n, dtype=g.dtype, device=g.device), index, once, 0, True)
    return g / unsqueeze(take_along_extents(counts, index, 0), 1), None


def _limit_rows(w: Tensor, index: Tensor, max_norm: float, norm_type: float) -> None:
    """Scale the rows that are read down to ``max_norm``, in place, without a graph."""
    rows = take_along_extents(w, index, 0, False)
    norms = moments.norm(rows, norm_type, 1, True)
    # a row whose norm is NaN stays as it is
    limited = where(gt(norms, max_norm), rows * (max_norm / (norms + 1e-7)), rows)
    movement.copy_(w, put_along_extents(w, index, limited, 0, False))
    wrote(w)
