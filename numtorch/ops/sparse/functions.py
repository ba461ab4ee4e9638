"""``torch.sparse``: products, sums and softmax of sparse tensors."""

from __future__ import annotations

from typing import Any

import numtorch.dtype as dtypes
from numtorch import _sparse, ops
from numtorch._sparse import SparseTensor
from numtorch._tensor import Tensor
from numtorch.dtype import as_dtype
from numtorch.exports import exported
from numtorch.layouts import sparse_coo, sparse_csr
from numtorch.ops.sparse import patterns
from numtorch.ops.sparse.products import sampled_product, sparse_product
from numtorch.storage import wrap_dim


def _sizes(x: Tensor, y: Tensor) -> None:
    """RuntimeError where two matrices cannot be multiplied."""
    if x.ndim != 2 or y.ndim != 2:
        raise RuntimeError(f"sparse mm: expected two matrices, got shapes {list(x.shape)} and {list(y.shape)}")
    if x.shape[1] != y.shape[0]:
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({x.shape[0]}x{x.shape[1]} and {y.shape[0]}x{y.shape[1]})"
        )
    if x.dtype is not y.dtype:
        raise RuntimeError(
            f"sparse mm: expected scalar type {x.dtype.name} but found {y.dtype.name}; cast one with .to(...)"
        )


def product(x: Tensor, y: Tensor) -> Tensor:
    """``x @ y`` of two matrices, one of which is sparse, or both."""
    _sizes(x, y)
    if not isinstance(x, SparseTensor):
        if not isinstance(y, SparseTensor):
            return ops.matmul.matmul(x, y)
        return ops.movement.transpose(product(transposed(y), ops.movement.transpose(x, 0, 1)), 0, 1)
    if patterns.sparse_dims(x) != 2 or isinstance(y, SparseTensor) and patterns.sparse_dims(y) != 2:
        raise RuntimeError("sparse mm: expected matrices with 2 sparse dimensions, got one with dense dimensions")
    if isinstance(y, SparseTensor):
        return _of_sparse(x, y)
    pattern, elements = patterns.linear(x)
    rows, cols = ops.movement.unbind(pattern.rows, 0)
    return sparse_product(rows, cols, elements, y, x.shape[0])


def _of_sparse(x: SparseTensor, y: SparseTensor) -> Tensor:
    """The product of two sparse matrices: each element of x meets each of the row of y that its column names."""
    how = x.layout
    x, y = patterns.coalesced(patterns.as_coo(x)), patterns.coalesced(patterns.as_coo(y))
    rows, cols = ops.movement.unbind(x.rows, 0)
    bounds = patterns.bounds_of(ops.movement.select(y.rows, 0, 0), y.shape[0])
    first = patterns.select(bounds, cols)
    counts = patterns.select(bounds, cols + 1) - first
    n = counts.shape[0]
    left = ops.movement.repeat_interleave(ops.ranges.arange(n, device=counts.device), counts)
    begun = ops.scan.cumsum(counts, 0) - counts
    at = ops.ranges.arange(left.shape[0], device=counts.device)
    right = at - patterns.select(begun - first, left)
    elements = patterns.select(patterns.values(x), left) * patterns.select(patterns.values(y), right)
    where = ops.movement.stack([patterns.select(rows, left), patterns.select(ops.movement.select(y.rows, 0, 1), right)])
    made = patterns.coalesced(patterns.build(elements, _sparse.coo(where, elements, (x.shape[0], y.shape[1]))))
    return made if how is sparse_coo else patterns.compressed(made, how)


def transposed(x: SparseTensor, a: int = 0, b: int = 1) -> SparseTensor:
    """Two dimensions exchanged; both sparse, or both dense."""
    a, b = wrap_dim(a, x.ndim, "transpose"), wrap_dim(b, x.ndim, "transpose")
    n = patterns.sparse_dims(x)
    if a == b:
        return x
    if x.layout is not sparse_coo:
        how = next(h for h in _sparse.COMPRESSED if h is not x.layout)
        turned = _sparse.compressed(x.bounds, x.places, x.elements, tuple(x.shape)[::-1], how)
        return patterns.build(patterns.values(x), turned)
    if (a < n) != (b < n):
        raise RuntimeError(f"transpose(): can't transpose sparse dimensions with dense ones, got dims {a} and {b}")
    shape = list(x.shape)
    shape[a], shape[b] = shape[b], shape[a]
    pattern, elements = patterns.linear(x)
    if a >= n:
        elements = ops.movement.transpose(elements, a - n + 1, b - n + 1)
        return patterns.build(elements, _sparse.coo(pattern.rows, elements, tuple(shape), pattern.coalesced))
    order = list(range(n))
    order[a], order[b] = b, a
    rows = ops.movement.stack([ops.movement.select(pattern.rows, 0, i) for i in order])
    return patterns.build(elements, _sparse.coo(rows, elements, tuple(shape), False))


@exported("sparse")
def mm(mat1: Tensor, mat2: Tensor, reduce: str | None = None) -> Tensor:
    """The product of two matrices, at least one of which is sparse: ``mat1 @ mat2``.

    Args:
        mat1, mat2: (n, k) and (k, m), of one type.
        reduce: what becomes of the products that meet in one element: their ``"sum"``, also for None; ``"mean"``,
            ``"amax"`` or ``"amin"`` over the elements that a row of ``mat1`` holds, 0 where it holds none. The latter
            take a ``mat1`` in the layout ``sparse_csr`` and a dense ``mat2``.

    Returns:
        (n, m); sparse where both are. The gradient of a sparse matrix is sparse.

    Raises:
        RuntimeError: the sizes or types do not fit, or there is no such ``reduce``.
        NotImplementedError: ``mat1`` has another layout than ``reduce`` takes.

    >>> x = torch.tensor([[0.0, 2.0], [0.0, 0.0]]).to_sparse()
    >>> torch.sparse.mm(x, torch.ones(2, 3))
    tensor([[2., 2., 2.],
            [0., 0., 0.]])
    """
    return product(mat1, mat2) if reduce in (None, "sum") else _reduced(mat1, mat2, reduce)


def _reduced(x: Tensor, y: Tensor, reduce: str) -> Tensor:
    """The mean, the largest or the smallest of the products that ``x @ y`` adds up; of equal ones the first."""
    if reduce not in ("mean", "amax", "amin"):
        raise RuntimeError(
            f"sparse_mm_reduce: reduce type of {reduce} has not been enabled: use sum, mean, amax or amin"
        )
    if not isinstance(x, SparseTensor) or x.layout is not sparse_csr:
        raise NotImplementedError(
            f"torch.sparse.mm: reduce={reduce!r} takes a first matrix with the layout sparse_csr, got {x.layout}; "
            "convert it with .to_sparse_csr()"
        )
    if isinstance(y, SparseTensor):
        raise RuntimeError(
            f"Expected tensor to have Strided Layout, but got tensor with {y.layout} (while checking arguments for "
            "sparse_mm_reduce); convert it with .to_dense()"
        )
    _sizes(x, y)
    pattern, elements = patterns.linear(x)
    rows, cols = ops.movement.unbind(pattern.rows, 0)
    n, held = x.shape[0], elements.shape[0]
    shape, index_reduce = (n, y.shape[1]), ops.indexing.slices.index_reduce
    counts = ops.creation.zeros((n,), dtype=dtypes.int64, device=y.device)
    counts = ops.movement.unsqueeze(ops.indexing.slices.index_add(counts, 0, rows, ops.creation.ones_like(rows)), 1)
    if reduce == "mean":
        return sparse_product(rows, cols, elements, y, n) / ops.comparison.clamp_min(counts, 1).to(y.dtype)
    if not held:
        return sparse_product(rows, cols, elements, y, n)
    products = ops.movement.unsqueeze(elements, 1) * patterns.select(y, cols)
    known = products.detach()
    best = index_reduce(
        ops.creation.zeros(shape, dtype=y.dtype, device=y.device), 0, rows, known, reduce, include_self=False
    )
    found = ops.comparison.logical_or(known == patterns.select(best, rows), known != known)
    at = ops.movement.expand(ops.movement.unsqueeze(ops.ranges.arange(held, device=y.device), 1), known.shape)
    last = ops.creation.full(shape, held - 1, dtype=dtypes.int64, device=y.device)
    first = index_reduce(last, 0, rows, ops.arithmetic.where(found, at, held - 1), "amin")
    return ops.arithmetic.where(counts > 0, ops.indexing.elements.gather(products, 0, first), 0.0)


@exported("sparse")
def addmm(mat: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Any = 1.0, alpha: Any = 1.0) -> Tensor:
    """``beta * mat + alpha * (mat1 @ mat2)`` with a sparse ``mat1``.

    Args:
        mat: (n, m), or a shape that broadcasts to it.
        mat1, mat2: (n, k), sparse, and (k, m), of one type.
        beta, alpha: factors.

    Returns:
        (n, m).

    Raises:
        RuntimeError: the sizes or types do not fit.

    >>> torch.sparse.addmm(torch.ones(2, 1), torch.eye(2).to_sparse(), torch.ones(2, 1), alpha=2)
    tensor([[3.],
            [3.]])
    """
    made = product(mat1, mat2)
    made = made if alpha == 1 else made * alpha
    return made if beta == 0 else (mat if beta == 1 else mat * beta) + made


@exported("sparse")
def sampled_addmm(
    input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Any = 1.0, alpha: Any = 1.0, out: Any = None
) -> Tensor:
    """``beta * input + alpha * (mat1 @ mat2)``, of the product only the elements at the positions of ``input``.

    Args:
        input: (n, m), with the layout ``torch.sparse_csr``.
        mat1, mat2: (n, k) and (k, m), dense, of the same type.
        beta, alpha: factors.

    Returns:
        A tensor with the positions of ``input``.

    Raises:
        RuntimeError: the sizes, types or layouts do not fit.

    >>> torch.sparse.sampled_addmm(torch.eye(2).to_sparse_csr(), torch.ones(2, 3), torch.ones(3, 2)).values()
    tensor([4., 4.])
    """
    if not isinstance(input, SparseTensor) or input.layout is not sparse_csr:
        raise RuntimeError(f"sampled_addmm: Expected self to have sparse csr layout, but got {input.layout}")
    if isinstance(mat1, SparseTensor) or isinstance(mat2, SparseTensor):
        raise RuntimeError("sampled_addmm: Expected mat1 and mat2 to have strided layout, but got a sparse one")
    _sizes(mat1, mat2)
    if (mat1.shape[0], mat2.shape[1]) != tuple(input.shape):
        raise RuntimeError(
            f"sampled_addmm: self.shape {list(input.shape)} does not match the product's, "
            f"{[mat1.shape[0], mat2.shape[1]]}"
        )
    if mat1.dtype is not input.dtype:
        raise RuntimeError(f"sampled_addmm: Expected one dtype, got {input.dtype.name} and {mat1.dtype.name}")
    rows, cols = ops.movement.unbind(input.rows, 0)
    elements = sampled_product(rows, cols, mat1, ops.movement.transpose(mat2, 0, 1)) * alpha
    if beta != 0:
        elements = elements + patterns.values(input) * beta
    made = patterns.build(elements, input)
    return made if out is None else become(out, made)


def become(x: SparseTensor, made: Tensor) -> SparseTensor:
    """A sparse tensor overwritten with another one."""
    if not isinstance(x, SparseTensor) or not isinstance(made, SparseTensor) or x.layout is not made.layout:
        raise RuntimeError(
            f"expected the result, of layout {made.layout}, to be written to a tensor of its layout, got {x.layout}"
        )
    if x.dtype is not made.dtype:
        raise RuntimeError(f"result type {made.dtype.name} can't be cast to the desired output type {x.dtype.name}")
    if recorded_leaf(x):
        raise RuntimeError("a leaf Variable that requires grad is being used in an in-place operation.")
    for name in ("shape", "_k", "elements", "coalesced", "_positions", "bounds", "places"):
        if name in made.__dict__:
            setattr(x, name, made.__dict__[name])
    x._edge = made._edge
    return x


def recorded_leaf(x: Tensor) -> bool:
    """Whether a tensor made by the user is in a graph."""
    return patterns.recorded(x) and x.is_leaf


@exported("torch")
def smm(input: Tensor, mat: Tensor) -> Tensor:
    """The product of a sparse matrix and a dense one, as a sparse matrix.

    Args:
        input, mat: (n, k), sparse, and (k, m), of one type.

    Returns:
        (n, m), with the layout ``torch.sparse_coo``.

    Raises:
        RuntimeError: the sizes or types do not fit.

    >>> torch.smm(torch.eye(2).to_sparse(), torch.ones(2, 1)).to_dense()
    tensor([[1.],
            [1.]])
    """
    return patterns.to_coo(product(input, mat))


@exported("torch")
def hspmm(mat1: Tensor, mat2: Tensor, *, out: Any = None) -> Tensor:
    """The product of a sparse matrix and a dense one: of the rows in which the first has elements.

    Args:
        mat1, mat2: (n, k), sparse, and (k, m), of one type.

    Returns:
        (n, m), with one sparse and one dense dimension.

    Raises:
        RuntimeError: the sizes or types do not fit.

    >>> torch.hspmm(torch.eye(2).to_sparse(), torch.ones(2, 3)).dense_dim()
    1
    """
    dense = product(mat1, mat2)
    assert isinstance(mat1, SparseTensor)
    filled = ops.searching.unique(ops.movement.select(mat1.rows, 0, 0))
    elements = patterns.select(dense, filled)
    made = patterns.build(elements, _sparse.coo(ops.movement.unsqueeze(filled, 0), elements, dense.shape, True))
    return made if out is None else become(out, made)


@exported("sparse", name="sum")
def sparse_sum(input: Tensor, dim: Any = None, dtype: Any = None) -> Tensor:
    """The sum of the elements, or sums along dimensions.

    Args:
        input: a sparse tensor.
        dim: one or several dimensions; all if None.
        dtype: in which is added; the tensor's if None.

    Returns:
        Dense where no sparse dimension remains, else sparse.

    Raises:
        RuntimeError: a dimension is given twice.
        IndexError: there is no such dimension.

    >>> torch.sparse.sum(torch.eye(2).to_sparse())
    tensor(2.)
    """
    if not isinstance(input, SparseTensor):
        raise RuntimeError("torch.sparse.sum: expected a sparse tensor; use torch.sum for a dense one")
    x = input if dtype is None else converted(input, as_dtype(dtype))
    if dim is None:
        return ops.reduction.sum(patterns.linear(x)[1])
    n = patterns.sparse_dims(x)
    dims = [wrap_dim(d, x.ndim, "sum") for d in ((dim,) if isinstance(dim, int) else tuple(dim))]
    if len(set(dims)) != len(dims):
        raise RuntimeError(f"dim {dims} appears multiple times in the list of dims")
    if not dims:
        return x
    how, x = x.layout, patterns.as_coo(x)
    pattern, elements = patterns.linear(x)
    dense = [d - n + 1 for d in dims if d >= n]
    if dense:
        elements = ops.reduction.sum(elements, tuple(dense))
    kept = [d for d in range(n) if d not in dims]
    if not kept:
        return ops.reduction.sum(elements, 0)
    shape = tuple([x.shape[d] for d in range(x.ndim) if d not in dims])
    if len(kept) == n:
        return patterns.build(elements, _sparse.coo(pattern.rows, elements, shape, pattern.coalesced))
    rows = ops.movement.stack([ops.movement.select(pattern.rows, 0, d) for d in kept])
    made = patterns.coalesced(patterns.build(elements, _sparse.coo(rows, elements, shape)))
    return made if how is sparse_coo or len(shape) < 2 else patterns.compressed(made, how)


def converted(x: SparseTensor, d: Any) -> SparseTensor:
    """The tensor with elements of another type."""
    if x.dtype is d:
        return x
    pattern, elements = patterns.linear(x) if d is not dtypes.bool else (patterns.coalesced(x), patterns.values(x))
    return patterns.build(ops.movement.converted(elements, d), pattern)


def _normalized(x: Tensor, dim: int, dtype: Any, log: bool) -> Tensor:
    name = "log_softmax" if log else "softmax"
    if not isinstance(x, SparseTensor):
        raise RuntimeError(f"torch.sparse.{name}: expected a sparse tensor; use torch.{name} for a dense one")
    x = patterns.coalesced(x if dtype is None else converted(x, as_dtype(dtype)))
    how, x = x.layout, patterns.as_coo(x)
    n, dim = patterns.sparse_dims(x), wrap_dim(dim, x.ndim, name)
    elements = patterns.values(x)
    if dim >= n:
        whole = ops.activation.log_softmax if log else ops.activation.softmax
        return patterns.build(whole(elements, dim - n + 1), x)
    if not elements.shape[0]:
        return x
    others = [d for d in range(n) if d != dim]
    lead = tuple([x.shape[d] for d in others])
    if others:
        rows = ops.movement.stack([ops.movement.select(x.rows, 0, d) for d in others])
        numbers = patterns.flat(rows, lead)
    else:
        numbers = ops.creation.zeros(elements.shape[0], dtype=dtypes.int64, device=elements.device)
    lines, line = ops.searching.unique(numbers, return_inverse=True)
    count = lines.shape[0]
    fixed = elements.detach()
    wide = ops.movement.reshape(line, (-1, *[1] * (fixed.ndim - 1))).expand(fixed.shape)
    least = ops.creation.full((count, *fixed.shape[1:]), float("-inf"), dtype=fixed.dtype, device=fixed.device)
    most = ops.indexing.elements.scatter_reduce(least, 0, wide, fixed, "amax")
    moved = elements - patterns.select(most, line)
    e = ops.elementary.exp(moved)
    total = patterns.select(patterns.added(count, line, e), line)
    made = patterns.build(moved - ops.elementary.log(total) if log else e / total, x)
    return made if how is sparse_coo else patterns.compressed(made, how)


@exported("sparse")
def softmax(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """Softmax along a dimension, of the elements that there are: ``exp(x_i) / sum_j exp(x_j)``.

    Args:
        input: a sparse tensor.
        dim: the dimension.
        dtype: in which is computed; the tensor's if None.

    Returns:
        A sparse tensor with the same positions.

    Raises:
        RuntimeError: the tensor is dense.
        IndexError: there is no such dimension.

    >>> torch.sparse.softmax(torch.eye(2).to_sparse(), 1).values()
    tensor([1., 1.])
    """
    return _normalized(input, dim, dtype, False)


@exported("sparse")
def log_softmax(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """The logarithm of ``softmax`` along a dimension, of the elements that there are.

    Args:
        input: a sparse tensor.
        dim: the dimension.
        dtype: in which is computed; the tensor's if None.

    Returns:
        A sparse tensor with the same positions.

    Raises:
        RuntimeError: the tensor is dense.
        IndexError: there is no such dimension.

    >>> torch.sparse.log_softmax(torch.eye(2).to_sparse(), 1).values()
    tensor([0., 0.])
    """
    return _normalized(input, dim, dtype, True)


@exported("torch", also=("dsmm",))
def spmm(input: Tensor, mat2: Tensor) -> Tensor:
    """The product of two matrices, of which one or both may be sparse: ``torch.mm``.

    Args:
        input, mat2: (n, k) and (k, m), of one type.

    Returns:
        (n, m).

    Raises:
        RuntimeError: the sizes or types do not fit.

    >>> torch.spmm(torch.eye(2).to_sparse(), torch.ones(2, 1))
    tensor([[1.],
            [1.]])
    """
    return product(input, mat2)
