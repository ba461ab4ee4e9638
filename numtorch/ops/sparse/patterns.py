"""Elements and positions: how sparse tensors are taken apart and put together, with gradients.

The gradient of a sparse tensor is sparse, with the same positions, wherever it is asked at these positions alone; so
PyTorch does it. Four functions are recorded, ``values``, ``build``, ``to_dense`` and ``coalesce``; all else is written
in them and in ops on the elements.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numtorch.dtype as dtypes
from numtorch import _sparse, ops
from numtorch._sparse import SparseTensor
from numtorch._tensor import Tensor, alias
from numtorch.autograd.function import Function
from numtorch.grad_mode import mode
from numtorch.layouts import sparse_coo, sparse_csc, sparse_csr
from numtorch.storage import contiguous_strides


def recorded(x: Tensor) -> bool:
    """Whether what is computed from a tensor enters the graph."""
    return mode.grad and x._edge is not None


def sparse_dims(x: SparseTensor) -> int:
    """How many dimensions have positions."""
    return x._positions.shape[0] if x.layout is sparse_coo else 2  # type: ignore[union-attr]


def flat(rows: Tensor, shape: tuple) -> Tensor:
    """The number of each position in row-major order."""
    steps = contiguous_strides(tuple(shape[: rows.shape[0]]))
    total = ops.creation.zeros(rows.shape[1], dtype=dtypes.int64, device=rows.device)
    for i, step in enumerate(steps):
        total = total + ops.movement.select(rows, 0, i) * step
    return total


def unflat(numbers: Tensor, shape: tuple) -> Tensor:
    """The positions with these numbers."""
    lines = []
    for n, step in zip(shape, contiguous_strides(tuple(shape)), strict=True):
        lines.append(numbers // step % n if n else numbers)
    if not lines:
        return ops.creation.empty((0, numbers.shape[0]), dtype=dtypes.int64, device=numbers.device)
    return ops.movement.stack(lines)


def select(x: Tensor, index: Tensor) -> Tensor:
    """The rows of x with these numbers."""
    return ops.indexing.slices.index_select(x, 0, index)


def added(n: int, index: Tensor, x: Tensor) -> Tensor:
    """n rows of zeros, to which the rows of x are added."""
    d = x.dtype
    if d is dtypes.bool:
        return added(n, index, x.to(dtypes.int32)) != 0
    blank = ops.creation.zeros((n, *x.shape[1:]), dtype=d, device=x.device)
    return ops.indexing.slices.index_add(blank, 0, index, x)


# --- what is recorded -----------------------------------------------------------------------------


class SparseBuild(Function):
    """Elements at the positions of a pattern."""

    @staticmethod
    def forward(ctx: Any, elements: Tensor, pattern: tuple) -> Any:
        (ctx.pattern,) = pattern
        return _sparse.like(ctx.pattern, alias(elements))

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        return pick(g, ctx.pattern), None


class SparseValues(Function):
    """The elements of a tensor without doubled positions."""

    @staticmethod
    def forward(ctx: Any, x: SparseTensor) -> Any:
        ctx.pattern = bare(x)
        return alias(x.elements)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        return build(g, ctx.pattern)


class SparseCoalesce(Function):
    """The same tensor, its positions in order; the gradient is the same, too."""

    @staticmethod
    def forward(ctx: Any, x: SparseTensor) -> Any:
        return _coalesced(x)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        return g


class SparseToDense(Function):
    """All elements. The gradient is wanted at the positions alone, or everywhere."""

    @staticmethod
    def forward(ctx: Any, x: SparseTensor, masked: bool) -> Any:
        ctx.pattern, ctx.masked = bare(coalesced(x)), masked
        return _scattered(x)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        if not ctx.masked:
            return to_coo(g, sparse_dims(ctx.pattern)), None
        return build(pick(g, ctx.pattern), ctx.pattern), None


def bare(x: SparseTensor) -> SparseTensor:
    """The positions of a tensor, as a pattern outside any graph."""
    return _sparse.like(x, x.elements)


def build(elements: Tensor, pattern: SparseTensor) -> SparseTensor:
    """A tensor with these elements at the positions of a pattern."""
    if recorded(elements):
        return SparseBuild.apply(elements, (bare(pattern),))
    return _sparse.like(pattern, elements)


def values(x: SparseTensor) -> Tensor:
    """The elements, in the graph of the tensor; in order, and none twice."""
    x = coalesced(x)
    return SparseValues.apply(x) if recorded(x) else alias(x.elements)


def linear(x: SparseTensor) -> tuple[SparseTensor, Tensor]:
    """A pattern and the elements there, for functions that may be applied to parts of a sum."""
    if recorded(x):
        x = coalesced(x)
        return x, SparseValues.apply(x)
    return x, x.elements


def coalesced(x: SparseTensor) -> SparseTensor:
    """The tensor with its positions in order, elements at the same one added."""
    if x.coalesced:
        return x
    return SparseCoalesce.apply(x) if recorded(x) else _coalesced(x)


def _coalesced(x: SparseTensor) -> SparseTensor:
    lead = tuple(x.shape[: sparse_dims(x)])
    if x.elements.shape[0] < 2:
        return _sparse.coo(x.rows, x.elements, x.shape, True)
    unique, inverse = ops.searching.unique(flat(x.rows, lead), return_inverse=True)
    return _sparse.coo(unflat(unique, lead), added(unique.shape[0], inverse, x.elements), x.shape, True)


def to_dense(x: SparseTensor, masked: bool = True) -> Tensor:
    """The tensor with all its elements."""
    return SparseToDense.apply(x, masked) if recorded(x) else _scattered(x)


def _scattered(x: SparseTensor) -> Tensor:
    lead = tuple(x.shape[: sparse_dims(x)])
    return ops.movement.reshape(added(prod(lead), flat(x.rows, lead), x.elements), tuple(x.shape))


# --- and what is written in it --------------------------------------------------------------------


def pick(x: Tensor, pattern: SparseTensor) -> Tensor:
    """The elements of a tensor at the positions of a pattern."""
    n = sparse_dims(pattern)
    lead = tuple(pattern.shape[:n])
    if not isinstance(x, SparseTensor):
        parts = ops.movement.reshape(x, (prod(lead), *x.shape[n:]))
        return select(parts, flat(pattern.rows, lead))
    if sparse_dims(x) != n:
        return pick(to_dense(x), pattern)
    if x.coalesced and x.layout is pattern.layout and same_positions(x, pattern):
        return values(x)
    found, _ = looked_up(x, pattern)
    return found


def same_positions(x: SparseTensor, y: SparseTensor) -> bool:
    """Whether two tensors have the same positions in the same order."""
    if x._positions is not None and x._positions is y._positions:
        return True
    a, b = x.rows, y.rows
    return a.shape == b.shape and bool((a == b).all())


def looked_up(x: SparseTensor, pattern: SparseTensor) -> tuple[Tensor, Tensor]:
    """The elements of a sparse tensor at other positions, zero where it has none; and where it has one."""
    x = as_coo(coalesced(x))
    lead = tuple(pattern.shape[: sparse_dims(pattern)])
    wanted, have = flat(pattern.rows, lead), flat(x.rows, lead)
    n = have.shape[0]
    if not n:
        shape = (wanted.shape[0], *x.elements.shape[1:])
        return ops.creation.zeros(shape, dtype=x.dtype, device=x.device), wanted != wanted
    at = ops.searching.searchsorted(have, wanted).clamp(max=n - 1)
    hit = select(have, at) == wanted
    shown = ops.movement.reshape(hit, (-1, *[1] * (x.elements.ndim - 1)))
    found = select(values(x), at)
    return ops.arithmetic.where(shown, found, ops.creation.zeros((), dtype=x.dtype, device=x.device)), hit


def to_coo(x: Tensor, n: int | None = None) -> SparseTensor:
    """The elements of a tensor that are not zero; of a sparse one all that it has."""
    if isinstance(x, SparseTensor):
        if n is not None and n != sparse_dims(x):
            return to_coo(to_dense(x), n)
        return as_coo(x)
    n = x.ndim if n is None else n
    if not 0 <= n <= x.ndim or (n == 0 and x.ndim):
        raise RuntimeError(f"sparse_dim out of bounds: to_sparse expected 1 to {x.ndim} sparse dimensions, got {n}")
    filled = x.detach() != 0
    if n < x.ndim:
        filled = ops.movement.reshape(filled, (*x.shape[:n], prod(x.shape[n:])))
        filled = ops.reduction.any(filled, -1)
    if n:
        positions = ops.indexing.masks.nonzero(filled).t().contiguous()
    else:
        positions = ops.creation.empty((0, int(filled.item())), dtype=dtypes.int64, device=x.device)
    pattern = _sparse.coo(positions, ops.creation.zeros(0), x.shape, True)
    return build(pick(x, pattern), pattern)


def as_coo(x: SparseTensor) -> SparseTensor:
    """A compressed tensor by its positions."""
    if x.layout is sparse_coo:
        return x
    order = None
    elements, rows = values(x), x.rows
    if x.layout is sparse_csc:
        order = ops.sorting.argsort(flat(rows, tuple(x.shape[:2])))
        elements, rows = select(elements, order), ops.indexing.slices.index_select(rows, 1, order)
    return build(elements, _sparse.coo(rows, x.elements, x.shape, True))


def compressed(x: Tensor, how: Any) -> SparseTensor:
    """A tensor with compressed rows (``torch.sparse_csr``) or columns (``torch.sparse_csc``)."""
    if isinstance(x, SparseTensor) and x.layout is how:
        return x
    name = "csr" if how is sparse_csr else "csc"
    x = to_coo(x, 2 if not isinstance(x, SparseTensor) else None)
    if x.ndim < 2 or sparse_dims(x) != 2:
        raise RuntimeError(
            f"to_sparse_{name}: expected a matrix with 2 sparse dimensions, got a tensor of shape {list(x.shape)} with "
            f"{sparse_dims(x)}; convert it with .to_dense() first"
        )
    x = coalesced(x)
    elements, rows = values(x), x.rows
    if how is sparse_csc:
        order = ops.sorting.argsort(ops.movement.select(rows, 0, 1) * x.shape[0] + ops.movement.select(rows, 0, 0))
        elements, rows = select(elements, order), ops.indexing.slices.index_select(rows, 1, order)
    main = 0 if how is sparse_csr else 1
    return build(
        elements,
        _sparse.compressed(
            bounds_of(ops.movement.select(rows, 0, main), x.shape[main]),
            ops.movement.select(rows, 0, 1 - main).contiguous(),
            x.elements,
            x.shape,
            how,
            rows,
        ),
    )


def bounds_of(lines: Tensor, n: int) -> Tensor:
    """Where each of n rows begins among sorted row numbers, and where the last one ends."""
    counts = ops.searching.bincount(lines, minlength=n)
    first = ops.creation.zeros(1, dtype=dtypes.int64, device=lines.device)
    return ops.movement.cat([first, ops.scan.cumsum(counts, 0)])


def expand(x: SparseTensor) -> Tensor:
    """The positions of a compressed tensor."""
    n = x.bounds.shape[0] - 1
    bounds = x.bounds.to(dtypes.int64)
    counts = ops.movement.narrow(bounds, 0, 1, n) - ops.movement.narrow(bounds, 0, 0, n)
    lines = ops.movement.repeat_interleave(ops.ranges.arange(n, device=bounds.device), counts)
    pair = [lines, x.places.to(dtypes.int64)]
    return ops.movement.stack(pair if x.layout is sparse_csr else pair[::-1])


_sparse.expand, _sparse.build = expand, build
