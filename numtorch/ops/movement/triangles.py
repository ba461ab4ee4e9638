"""Triangles and diagonals of matrices."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

import numtorch.dtype as dtypes
from numtorch import ops
from numtorch._tensor import Tensor, as_ndarray, empty
from numtorch.arguments import flag, integer
from numtorch.autograd.inplace import recorded, repeated, wrote
from numtorch.device import CPU, as_device
from numtorch.dispatch.cost import moves
from numtorch.dispatch.loops import Loop, like
from numtorch.dispatch.op import op
from numtorch.dispatch.out import SAME, into
from numtorch.dtype import dtype as DType
from numtorch.exports import exported
from numtorch.kernels.jit import jit, prange
from numtorch.ops.movement.copies import clone, copy_, to
from numtorch.ops.movement.copies_cpu import moving
from numtorch.ops.movement.views import diagonal, select, slice
from numtorch.storage import Size, tick, wrap_dim

U = np.uint64  # an index that cannot be negative: see copies_cpu


@jit(parallel=True)
def keep_triangle(x, out, rows, n, m, diagonal, lower):
    """Row i of each (n, m) matrix up to (lower) or from (not lower) column i + diagonal; zeros elsewhere"""
    zero = x.dtype.type(0)
    for r in prange(rows):
        i = r % n
        edge = i + diagonal + 1 if lower else i + diagonal
        edge = min(max(edge, 0), m)
        at = r * m
        if lower:
            for j in range(edge):
                out[U(at + j)] = x[U(at + j)]
            for j in range(edge, m):
                out[U(at + j)] = zero
        else:
            for j in range(edge):
                out[U(at + j)] = zero
            for j in range(edge, m):
                out[U(at + j)] = x[U(at + j)]


@op(
    public=False,
    cost=moves,
    wide=False,
    samples=lambda: [((3, 4), 0, True), ((2, 4, 3), 1, False), ((3, 3), -2, True)],
    ref=lambda x, diagonal, lower: (np.tril if lower else np.triu)(x, diagonal),
)
def triangle(x, diagonal: int, lower: bool):
    """The lower or upper triangle of the last two dimensions; zeros elsewhere."""

    diagonal = _within(diagonal, x.shape)
    rows, cols = (ops.ranges.arange(n, device=x.device) for n in x.shape[-2:])
    compare = ops.arithmetic.le if lower else ops.arithmetic.ge
    return ops.arithmetic.where(compare(cols - ops.movement.unsqueeze(rows, 1), diagonal), x, 0)


@triangle.loop("cpu", name="edges")
def _(x, diagonal, lower):
    n, m = x.shape[-2:]
    numbers = (prod(x.shape[:-1]), n, m, _within(diagonal, x.shape), lower)
    return Loop(keep_triangle, numbers, like(x), **moving(x))


def _within(diagonal: int, shape: tuple) -> int:
    """A diagonal that passes a matrix by at most one step, so that no sum with it overflows."""
    return max(-shape[-2] - 1, min(diagonal, shape[-1] + 1))


@triangle.vjp
def _(g, *, diagonal, lower):
    return triangle(g, diagonal, lower)


@exported("torch", "Tensor")
def tril(input: Tensor, diagonal: int = 0, *, out: Any = None) -> Tensor:
    """The lower triangle of matrices; zeros above a diagonal.

    Args:
        input: of at least two dimensions; the last two are the matrices.
        diagonal: which diagonal is the last that stays: 0 the main one, 1 the next above, -1 the next below.

    Returns:
        A tensor of the same shape.

    Raises:
        RuntimeError: fewer dimensions.

    >>> torch.tril(torch.ones(2, 2))
    tensor([[1., 0.],
            [1., 1.]])
    """
    if out is not None:
        return into(out, SAME, tril, input, diagonal)
    return _triangle(input, diagonal, True, "tril")


@exported("torch", "Tensor")
def triu(input: Tensor, diagonal: int = 0, *, out: Any = None) -> Tensor:
    """The upper triangle of matrices; zeros below a diagonal.

    Args:
        input: of at least two dimensions; the last two are the matrices.
        diagonal: which diagonal is the first that stays: 0 the main one, 1 the next above, -1 the next below.

    Returns:
        A tensor of the same shape.

    Raises:
        RuntimeError: fewer dimensions.

    >>> torch.triu(torch.ones(2, 2), 1)
    tensor([[0., 1.],
            [0., 0.]])
    """
    if out is not None:
        return into(out, SAME, triu, input, diagonal)
    return _triangle(input, diagonal, False, "triu")


def _triangle(x: Tensor, diagonal: int, lower: bool, name: str) -> Tensor:
    if x.ndim < 2:
        raise RuntimeError(f"{name}: input tensor must have at least 2 dimensions")
    return triangle(x, diagonal if diagonal.__class__ is int else integer(diagonal, name, "diagonal"), lower)


@exported("Tensor")
def tril_(x: Tensor, diagonal: int = 0) -> Tensor:
    """In-place ``tril``."""
    return _cleared(x, diagonal, True, "tril")


@exported("Tensor")
def triu_(x: Tensor, diagonal: int = 0) -> Tensor:
    """In-place ``triu``."""
    return _cleared(x, diagonal, False, "triu")


def _cleared(x: Tensor, diagonal: int, lower: bool, name: str) -> Tensor:
    """``x`` with zeros on one side of a diagonal, in place: elements that are in memory once but stand in several
    places become 0 if one of these is on that side."""
    since = tick()
    y = _triangle(x, diagonal, lower, name)
    if x._k.device is not CPU or not repeated(x) or recorded(x, name):
        return ops.indexing.overwrite(x, y, since, name + "_")
    n, m = x.shape[-2:]
    rows, columns = (np.tril_indices if not lower else np.triu_indices)(
        n, _within(diagonal, x.shape) + (1 if lower else -1), m
    )
    as_ndarray(x)[..., rows, columns] = 0
    wrote(x)
    return x


def _indices(row: int, col: int, offset: int, lower: bool, dtype: DType | None, device: Any) -> Tensor:
    op = "tril_indices" if lower else "triu_indices"
    row, col, offset = integer(row, op, "row"), integer(col, op, "col"), integer(offset, op, "offset")
    for name, size in (("row", row), ("col", col)):
        if size < 0:
            raise RuntimeError(f"{op}: {name} must be non-negative, got {size}")
    d = dtypes.int64 if dtype is None else dtypes.as_dtype(dtype)
    if d not in (dtypes.int32, dtypes.int64):
        raise NotImplementedError(f'"{op}" not implemented for {d.name}; use int32 or int64')
    rows = ops.ranges.counting(row)
    first = np.zeros_like(rows) if lower else np.clip(rows + _within(offset, (row, col)), 0, col)
    counts = np.clip(rows + (_within(offset, (row, col)) + 1), 0, col) if lower else col - first
    made = empty((2, int(counts.sum(dtype=np.float64))), dtypes.int64, CPU)  # says so where memory does not suffice
    at = as_ndarray(made)
    at[0] = np.repeat(rows, counts)
    at[1] = np.arange(at.shape[1]) + np.repeat(first - (np.cumsum(counts) - counts), counts)
    return to(made, as_device(device), d)


@exported("torch")
def tril_indices(row: int, col: int, offset: int = 0, *, dtype: DType | None = None, device: Any = None) -> Tensor:
    """Row and column numbers of the lower triangle of a (row, col) matrix, row by row.

    Args:
        row, col: the size of the matrix.
        offset: which diagonal is the last: 0 the main one, 1 the next above, -1 the next below.
        dtype, device: of the result, int64 or int32; int64 and the CPU unless given.

    Returns:
        A tensor of shape (2, n): row numbers, then column numbers.

    Raises:
        RuntimeError: a negative size.
        NotImplementedError: another ``dtype``.

    >>> torch.tril_indices(2, 2)
    tensor([[0, 1, 1],
            [0, 0, 1]])
    """
    return _indices(row, col, offset, True, dtype, device)


@exported("torch")
def triu_indices(row: int, col: int, offset: int = 0, *, dtype: DType | None = None, device: Any = None) -> Tensor:
    """Row and column numbers of the upper triangle of a (row, col) matrix, row by row.

    Args:
        row, col: the size of the matrix.
        offset: which diagonal is the first: 0 the main one, 1 the next above, -1 the next below.
        dtype, device: of the result, int64 or int32; int64 and the CPU unless given.

    Returns:
        A tensor of shape (2, n): row numbers, then column numbers.

    Raises:
        RuntimeError: a negative size.
        NotImplementedError: another ``dtype``.

    >>> torch.triu_indices(2, 2)
    tensor([[0, 0, 1],
            [0, 1, 1]])
    """
    return _indices(row, col, offset, False, dtype, device)


# --- diagonals ------------------------------------------------------------------------------------


@exported("torch", "Tensor")
def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Matrices in two new dimensions, whose diagonals are the last dimension of ``input``; zeros elsewhere.

    Args:
        input: of at least one dimension, (..., n).
        offset: which diagonal: 0 the main one, 1 the next above, -1 the next below.
        dim1, dim2: where the rows and the columns of the matrices stand in the result.

    Returns:
        A tensor of one dimension more; the matrices have ``n + abs(offset)`` rows and columns.

    Raises:
        RuntimeError: ``dim1`` and ``dim2`` are the same.
        IndexError: a dimension is out of range.

    >>> torch.diag_embed(torch.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    offset = integer(offset, "diag_embed", "offset")
    a, b = wrap_dim(dim1, input.ndim + 1, "diag_embed"), wrap_dim(dim2, input.ndim + 1, "diag_embed")
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    n = input.shape[-1] + abs(offset)
    shape = list(input.shape[:-1])
    for d in sorted((a, b)):
        shape.insert(d, n)
    if a > b:
        offset, a, b = -offset, b, a
    return ops.movement.views.diagonal_backward(input, tuple(shape), offset, a, b)


@exported("torch", "Tensor")
def diag(input: Tensor, diagonal: int = 0, *, out: Any = None) -> Tensor:
    """The matrix with this diagonal; of a matrix, a copy of the diagonal.

    Args:
        input: a vector or a matrix.
        diagonal: which diagonal: 0 the main one, 1 the next above, -1 the next below.

    Returns:
        A matrix for a vector, a vector for a matrix.

    Raises:
        RuntimeError: another number of dimensions.

    >>> torch.diag(torch.tensor([[1, 2], [3, 4]]))
    tensor([1, 4])
    >>> torch.diag(torch.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    if out is not None:
        return into(out, SAME, diag, input, diagonal)
    if input.ndim == 1:
        return diag_embed(input, diagonal)
    if input.ndim != 2:
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {input.ndim}D")
    return clone(_diagonal(input, diagonal, 0, 1))


_diagonal = diagonal


@exported("torch", "Tensor")
def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """The matrix whose diagonal has all elements of ``input``; zeros elsewhere.

    Args:
        input: of any shape.
        offset: which diagonal: 0 the main one, 1 the next above, -1 the next below.

    Returns:
        A square matrix.

    >>> torch.diagflat(torch.tensor([[1, 2]]))
    tensor([[1, 0],
            [0, 2]])
    """
    return diag_embed(ops.movement.views.reshape(input, (-1,)), offset)


@exported("torch")
def block_diag(*tensors: Tensor) -> Tensor:
    """The matrices along the diagonal of a larger one; zeros elsewhere.

    Args:
        *tensors: of at most two dimensions; vectors are rows, numbers matrices of one element.

    Returns:
        A matrix of the promoted type, with all their rows and all their columns.

    Raises:
        TypeError: an argument is no tensor.
        RuntimeError: a tensor has more dimensions.

    >>> torch.block_diag(torch.tensor([[1, 2]]), torch.tensor([3]))
    tensor([[1, 2, 0],
            [0, 0, 3]])
    """

    for i, x in enumerate(tensors):
        if not isinstance(x, Tensor):
            raise TypeError(f"block_diag(): expected Tensor as element {i} in argument 0, but got {type(x).__name__}")
        if x.ndim > 2:
            raise RuntimeError(
                f"torch.block_diag: Input tensors must have 2 or fewer dimensions. Input {i} has {x.ndim} dimensions"
            )
    blocks = [ops.movement.shapes.atleast_2d(x) for x in tensors]
    if not blocks:
        return ops.creation.zeros(1, 0)
    d = dtypes.result_of([(x.dtype, x.ndim) for x in tensors], [])  # numbers count as such, though they become matrices
    blocks = [to(x, dtype=d) for x in blocks]
    total, before, rows = sum(x.shape[1] for x in blocks), 0, []
    for x in blocks:
        rows.append(ops.movement.padding.pad_ends(x, (before, total - before - x.shape[1]), 0))
        before += x.shape[1]
    return ops.movement.joining.cat(rows, 0)


def _scattered(x: Tensor, src: Tensor, name: str, part: Any) -> Tensor:
    y = clone(x)
    target = part(y)
    if target.shape != src.shape:
        raise RuntimeError(
            f"{name}: expected src to have a size equal to the part of self that it replaces: src has shape "
            f"{list(src.shape)}, the part {list(target.shape)}"
        )
    copy_(target, src)
    return y


@exported("torch", "Tensor")
def diagonal_scatter(input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """A copy whose diagonal is ``src``.

    Args:
        input: of at least two dimensions.
        src: of the shape of ``diagonal(input, offset, dim1, dim2)``.
        offset: which diagonal: 0 the main one, 1 the next above, -1 the next below.
        dim1, dim2: the rows and the columns.

    Returns:
        A tensor of the same shape and type as ``input``.

    Raises:
        RuntimeError: ``src`` has another shape.

    >>> torch.diagonal_scatter(torch.zeros(2, 2), torch.ones(2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    return _scattered(input, src, "diagonal_scatter", lambda y: _diagonal(y, offset, dim1, dim2))


@exported("torch", "Tensor")
def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """A copy whose slice at ``index`` along ``dim`` is ``src``.

    Args:
        input: of at least one dimension.
        src: of the shape of ``select(input, dim, index)``.
        dim, index: which slice.

    Returns:
        A tensor of the same shape and type as ``input``.

    Raises:
        RuntimeError: ``src`` has another shape.
        IndexError: ``dim`` or ``index`` is out of range.

    >>> torch.select_scatter(torch.zeros(2, 2), torch.ones(2), 0, 1)
    tensor([[0., 0.],
            [1., 1.]])
    """
    return _scattered(input, src, "select_scatter", lambda y: select(y, dim, index))


@exported("torch", "Tensor")
def slice_scatter(
    input: Tensor, src: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1, *,
    out: Any = None,
) -> Tensor:  # fmt: skip
    """A copy whose slice ``start:end:step`` along ``dim`` is ``src``.

    Args:
        input: of at least one dimension.
        src: of the shape of this slice.
        dim: the dimension.
        start, end, step: as in Python's slices; ``step`` is positive.

    Returns:
        A tensor of the same shape and type as ``input``.

    Raises:
        RuntimeError: ``src`` has another shape, or ``step`` is not positive.
        IndexError: ``dim`` is out of range, or ``input`` has no dimensions.

    >>> torch.slice_scatter(torch.zeros(4), torch.ones(2), 0, 2)
    tensor([0., 0., 1., 1.])
    """
    import builtins

    if out is not None:
        return into(out, SAME, slice_scatter, input, src, dim, start, end, step)
    d, step = wrap_dim(dim, input.ndim, "slice_scatter"), integer(step, "slice_scatter", "step")
    start = None if start is None else integer(start, "slice_scatter", "start")
    end = None if end is None else integer(end, "slice_scatter", "end")
    if not input.shape:
        raise IndexError("slice_scatter: slice() cannot be applied to a 0-dim tensor.")
    if step <= 0:
        raise RuntimeError("slice step must be positive")
    first, last, _ = builtins.slice(start, end).indices(input.shape[d])
    return _scattered(input, src, "slice_scatter", lambda y: slice(y, d, first, max(first, last), step))


def _number_of(value: Any) -> Any:
    if isinstance(value, Tensor) and not value.ndim:
        return value.item()
    if not isinstance(value, int | float | np.generic):
        raise TypeError(f"fill_diagonal_(): argument 'fill_value' must be Number, not {type(value).__name__}")
    return value


@exported("Tensor")
def fill_diagonal_(x: Tensor, fill_value: Any, wrap: bool = False) -> Tensor:
    """Overwrite the main diagonal with a number.

    Args:
        fill_value: a number, or a tensor without dimensions.
        wrap: whether in a tall matrix the diagonal begins anew below the square, after one row.

    Raises:
        RuntimeError: fewer than two dimensions, or more with different sizes.
        TypeError: ``fill_value`` is no number.

    >>> torch.zeros(2, 3).fill_diagonal_(5)
    tensor([[5., 0., 0.],
            [0., 5., 0.]])
    """
    if wrap.__class__ is not bool:
        wrap = flag(wrap, "fill_diagonal_", "wrap")

    if x.ndim < 2:
        raise RuntimeError("dimensions must larger than 1")
    if x.ndim > 2 and len(set(x.shape)) > 1:
        raise RuntimeError("all dimensions of input must be of equal length")
    fill_value = _number_of(fill_value)
    if 0 in x.shape:
        return x
    step = sum(x.strides)
    if wrap and x.ndim == 2 and x.shape[0] > x.shape[1]:
        n, m = x.shape
        for first in range(0, n, m + 1):
            fill_diagonal_(slice(x, 0, first, min(first + m, n)), fill_value)
        return x
    ops.movement.copies.fill_(ops.movement.views.as_strided(x, Size((min(x.shape),)), (step,), x._offset), fill_value)
    return x
