"""How users make sparse tensors: of positions and values, or of dense tensors."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numtorch.dtype as dtypes
from numtorch import _sparse, layouts
from numtorch._sparse import SparseTensor
from numtorch._tensor import Tensor
from numtorch.dtype import as_dtype
from numtorch.exports import exported
from numtorch.ops import creation
from numtorch.ops.sparse import patterns

COO_SAYS = "expected sparse coordinate tensor layout but got"
NAMES = {layouts.strided: "Strided", layouts.sparse_coo: "Sparse", layouts.sparse_csr: "SparseCsr"}
NAMES[layouts.sparse_csc] = "SparseCsc"


def _parts(indices: Any, values: Any, dtype: Any, device: Any) -> tuple[Tensor, Tensor]:
    values = creation.as_tensor(values, dtype=None if dtype is None else as_dtype(dtype), device=device)
    return creation.as_tensor(indices, device=values.device), values


@exported("torch")
def sparse_coo_tensor(
    indices: Any,
    values: Any = None,
    size: Any = None,
    *,
    dtype: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
    check_invariants: bool | None = None,
    is_coalesced: bool | None = None,
) -> Tensor:
    """A sparse tensor in coordinate format: elements, and the position of each. Those at one position are added.

    Args:
        indices: (sparse dimensions, n): the positions; or the size alone, for a tensor without elements.
        values: (n, *dense dimensions).
        size: the shape; the smallest one that holds the positions if None.
        dtype: of the elements; that of ``values`` if None.
        device: where it is made; where ``values`` are if None.
        pin_memory: accepted.
        requires_grad: whether ops on the result are recorded.
        check_invariants: also refuse ``is_coalesced=True`` where the positions are not in order. Positions beyond the
            size are always refused.
        is_coalesced: True promises that the positions are in order and that none occurs twice.

    Returns:
        A tensor with the layout ``torch.sparse_coo``; gradients go to ``values``.

    Raises:
        RuntimeError: the shapes do not fit, or a position is outside the size.
        TypeError: the positions are not numbers.

    >>> torch.sparse_coo_tensor([[0, 1], [2, 0]], [3.0, 4.0], (2, 3)).to_dense()
    tensor([[0., 0., 3.],
            [4., 0., 0.]])
    """
    if values is None:
        sizes = tuple(indices) if size is None else tuple(size)
        d = dtypes.get_default_dtype() if dtype is None else as_dtype(dtype)
        values = creation.zeros(0, dtype=d, device=device)
        indices, size = creation.zeros((len(sizes), 0), dtype=dtypes.int64, device=values.device), sizes
        is_coalesced = True
    indices, values = _parts(indices, values, dtype, device)
    if indices.ndim != 2:
        raise RuntimeError(f"indices must be sparse_dim x nnz, but got: {list(indices.shape)}")
    indices = indices.detach().to(dtypes.int64)
    n, count = indices.shape
    if not values.ndim and count == 1:
        values = values.expand(1)
    if not values.ndim or values.shape[0] != count:
        raise RuntimeError(
            f"indices and values must have same nnz, but got nnz from indices: {count}, nnz from values: "
            f"{values.shape[0] if values.ndim else 1}"
        )
    if size is None:
        if not count and n:
            raise RuntimeError("sparse_coo_tensor: the size follows from no positions; pass size=")
        low = indices.min(1)[0].tolist() if n else []
        for i, v in enumerate(low):
            if v < 0:
                raise RuntimeError(f"found negative index {v} for dim {i}")
        size = tuple([v + 1 for v in (indices.max(1)[0].tolist() if n else [])]) + tuple(values.shape[1:])
    size = tuple(int(v) for v in size)
    dense = values.ndim - 1
    if len(size) != n + dense:
        raise RuntimeError(
            f"'len(size) == sparse_dim + dense_dim' is not satisfied: len(size) = {len(size)}, sparse_dim = {n}, "
            f"dense_dim = {dense}"
        )
    if size[n:] != tuple(values.shape[1:]):
        raise RuntimeError(
            f"values has incorrect size, expected {[count, *size[n:]]}, got {list(values.shape)}: the dense "
            "dimensions of the size are those of the values"
        )
    _within(indices, size)
    ordered = bool(is_coalesced) or count < 2
    if check_invariants is None:
        check_invariants = check_sparse_tensor_invariants.is_enabled()
    if check_invariants and is_coalesced and count > 1:
        numbers = patterns.flat(indices, size)
        if not bool((numbers[1:] > numbers[:-1]).all()):
            raise RuntimeError(
                "cannot set is_coalesced to true if indices correspond to uncoalesced COO tensor: the positions are "
                "not in order, or one occurs twice"
            )
    x = patterns.build(values, _sparse.coo(indices, values, size, ordered))
    return x.requires_grad_() if requires_grad and x._edge is None else x


def _within(indices: Tensor, size: tuple) -> None:
    """RuntimeError for a position outside the size."""
    n, count = indices.shape
    if not count or not n or indices.device.type == "meta":
        return
    for i, (low, high) in enumerate(zip(indices.min(1)[0].tolist(), indices.max(1)[0].tolist(), strict=True)):
        if low < 0:
            raise RuntimeError(f"found negative index {low} for dim {i}")
        if high >= size[i]:
            raise RuntimeError(
                f"size is inconsistent with indices: for dim {i}, size is {size[i]} but found index {high}"
            )


def _compressed(
    how: layouts.layout, bounds: Any, places: Any, values: Any, size: Any, dtype: Any, device: Any, requires_grad: bool
) -> Tensor:
    """A compressed tensor, its parts checked."""
    first, second = ("crow", "col") if how is layouts.sparse_csr else ("ccol", "row")
    bounds, values = _parts(bounds, values, dtype, device)
    places = creation.as_tensor(places, device=values.device)
    for name, t in ((first, bounds), (second, places)):
        if t.dtype not in (dtypes.int32, dtypes.int64):
            raise RuntimeError(f"`{name}_indices` must be an int32 or int64 tensor, but got {t.dtype.name}")
    if bounds.dtype is not places.dtype:
        raise RuntimeError(
            f"`{first}_indices` and `{second}_indices` must have the same dtype, but got {bounds.dtype.name} and "
            f"{places.dtype.name}"
        )
    if bounds.ndim != 1 or places.ndim != 1 or values.ndim != 1:
        raise RuntimeError(
            f"expected one-dimensional {first}_indices, {second}_indices and values, got {bounds.ndim}, {places.ndim} "
            f"and {values.ndim} dimensions: there are no batches or dense dimensions of compressed tensors here"
        )
    if not bounds.shape[0]:
        raise RuntimeError(f"`{first}_indices.shape[-1]` must be at least 1: it begins with 0")
    n, count = bounds.shape[0] - 1, values.shape[0]
    if size is None:
        m = int(places.max().item()) + 1 if places.numel() else 0
        size = (n, m) if how is layouts.sparse_csr else (m, n)
    size = tuple(int(v) for v in size)
    main, other = (0, 1) if how is layouts.sparse_csr else (1, 0)
    if len(size) != 2 or size[main] != n:
        raise RuntimeError(
            f"`{first}_indices.shape[-1]` must be the number of {'rows' if main == 0 else 'columns'} + 1: got "
            f"{n + 1} for size {list(size)}"
        )
    if places.shape[0] != count:
        raise RuntimeError(
            f"number of {second}_indices ({places.shape[0]}) and of values ({count}) must be the same (nnz)"
        )
    steps = bounds[1:] - bounds[:-1]
    if int(bounds[0].item()):
        raise RuntimeError(f"`{first}_indices[..., 0] == 0` is not satisfied.")
    if int(bounds[-1].item()) != count:
        raise RuntimeError(f"`{first}_indices[..., -1] == nnz` is not satisfied.")
    if n and bool(((steps < 0) | (steps > size[other])).any()):
        most = "ncols" if main == 0 else "nrows"
        raise RuntimeError(f"`0 <= {first}_indices[..., 1:] - {first}_indices[..., :-1] <= {most}` is not satisfied.")
    if count and (int(places.min().item()) < 0 or int(places.max().item()) >= size[other]):
        raise RuntimeError(f"`0 <= {second}_indices < {'ncols' if main == 0 else 'nrows'}` is not satisfied.")
    pattern = _sparse.compressed(bounds.detach(), places.detach(), values, size, how)
    if count > 1:
        numbers = pattern.rows[main] * size[other] + pattern.rows[other]
        if not bool((numbers[1:] > numbers[:-1]).all()):
            raise RuntimeError(
                f"`{second}_indices[..., {first}_indices[..., i - 1]:{first}_indices[..., i]] for all i = 1, ..., "
                f"{'nrows' if main == 0 else 'ncols'} are sorted and distinct along the last dimension values` is not "
                "satisfied."
            )
    x = patterns.build(values, pattern)
    return x.requires_grad_() if requires_grad and x._edge is None else x


@exported("torch")
def sparse_csr_tensor(
    crow_indices: Any,
    col_indices: Any,
    values: Any,
    size: Any = None,
    *,
    dtype: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
    check_invariants: bool | None = None,
) -> Tensor:
    """A sparse matrix with compressed rows: the elements row by row, their columns, and where each row begins.

    Args:
        crow_indices: (rows + 1): where each row begins in ``values``, and where the last one ends.
        col_indices: (n): the column of each element, in order in each row.
        values: (n): the elements.
        size: (rows, columns); the columns follow from ``col_indices`` if None.
        dtype: of the elements; that of ``values`` if None.
        device: where it is made; where ``values`` are if None.
        pin_memory: accepted.
        requires_grad: whether ops on the result are recorded.
        check_invariants: accepted; the indices are always checked.

    Returns:
        A tensor with the layout ``torch.sparse_csr``; gradients go to ``values``.

    Raises:
        RuntimeError: the parts do not fit each other, or the size.

    >>> torch.sparse_csr_tensor([0, 1, 2], [1, 0], [3.0, 4.0]).to_dense()
    tensor([[0., 3.],
            [4., 0.]])
    """
    how = layouts.sparse_csr
    return _compressed(how, crow_indices, col_indices, values, size, dtype, device, requires_grad)


@exported("torch")
def sparse_csc_tensor(
    ccol_indices: Any,
    row_indices: Any,
    values: Any,
    size: Any = None,
    *,
    dtype: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
    check_invariants: bool | None = None,
) -> Tensor:
    """A sparse matrix with compressed columns: the elements column by column, their rows, and where each column begins.

    Args:
        ccol_indices: (columns + 1): where each column begins in ``values``, and where the last one ends.
        row_indices: (n): the row of each element, in order in each column.
        values: (n): the elements.
        size: (rows, columns); the rows follow from ``row_indices`` if None.
        dtype: of the elements; that of ``values`` if None.
        device: where it is made; where ``values`` are if None.
        pin_memory: accepted.
        requires_grad: whether ops on the result are recorded.
        check_invariants: accepted; the indices are always checked.

    Returns:
        A tensor with the layout ``torch.sparse_csc``; gradients go to ``values``.

    Raises:
        RuntimeError: the parts do not fit each other, or the size.

    >>> torch.sparse_csc_tensor([0, 1, 2], [1, 0], [3.0, 4.0]).to_dense()
    tensor([[0., 4.],
            [3., 0.]])
    """
    how = layouts.sparse_csc
    return _compressed(how, ccol_indices, row_indices, values, size, dtype, device, requires_grad)


@exported("torch")
def sparse_compressed_tensor(
    compressed_indices: Any,
    plain_indices: Any,
    values: Any,
    size: Any = None,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
    check_invariants: bool | None = None,
) -> Tensor:
    """A sparse matrix with compressed rows or columns, as ``layout`` says.

    Args:
        compressed_indices: where each row (or column) begins in ``values``, and where the last one ends.
        plain_indices: (n): the column (or row) of each element.
        values: (n): the elements.
        size: (rows, columns).
        dtype: of the elements; that of ``values`` if None.
        layout: ``torch.sparse_csr`` or ``torch.sparse_csc``.
        device: where it is made; where ``values`` are if None.
        pin_memory: accepted.
        requires_grad: whether ops on the result are recorded.
        check_invariants: accepted; the indices are always checked.

    Returns:
        A tensor with this layout.

    Raises:
        RuntimeError: the parts do not fit each other, or there is no such layout.

    >>> torch.sparse_compressed_tensor([0, 1, 2], [1, 0], [3.0, 4.0], layout=torch.sparse_csr).to_dense()
    tensor([[0., 3.],
            [4., 0.]])
    """
    if layout not in _sparse.COMPRESSED:
        raise RuntimeError(
            f"sparse_compressed_tensor: expected layout torch.sparse_csr or torch.sparse_csc, got {layout}"
        )
    return _compressed(layout, compressed_indices, plain_indices, values, size, dtype, device, requires_grad)


@exported("Tensor")
def to_sparse(
    self: Tensor, sparse_dim: int | None = None, *, layout: Any = None, dense_dim: int | None = None
) -> Tensor:  # noqa: E501
    """The elements that are not zero, as a sparse tensor.

    Args:
        sparse_dim: how many dimensions, from the first, have positions; all if None.
        layout: ``torch.sparse_coo`` (if None), ``torch.sparse_csr`` or ``torch.sparse_csc``.
        dense_dim: the same from behind: how many have none.

    Returns:
        A sparse tensor; gradients go back to this one.

    Raises:
        RuntimeError: there are not as many dimensions, or no such layout.

    >>> torch.tensor([[0.0, 3.0], [4.0, 0.0]]).to_sparse().values()
    tensor([3., 4.])
    """
    if layout is layouts.strided:
        raise RuntimeError("to_sparse: expected a sparse layout, got torch.strided; use .to_dense()")
    if layout in _sparse.COMPRESSED:
        return patterns.compressed(self, layout)
    if layout not in (None, layouts.sparse_coo):
        raise RuntimeError(f"to_sparse: layout {layout} is not here; use torch.sparse_coo, sparse_csr or sparse_csc")
    if dense_dim is not None and sparse_dim is None:
        sparse_dim = self.ndim - dense_dim
    return patterns.to_coo(self, sparse_dim)


@exported("Tensor")
def to_sparse_coo(self: Tensor) -> Tensor:
    """The elements that are not zero, with the layout ``torch.sparse_coo``.

    Returns:
        A sparse tensor; gradients go back to this one.

    >>> torch.eye(2).to_sparse_coo().indices()
    tensor([[0, 1],
            [0, 1]])
    """
    return patterns.to_coo(self)


@exported("Tensor")
def to_sparse_csr(self: Tensor, dense_dim: int | None = None) -> Tensor:
    """The elements of a matrix that are not zero, with the layout ``torch.sparse_csr``.

    Args:
        dense_dim: 0 or None: compressed tensors have no dense dimensions here.

    Returns:
        A sparse tensor; gradients go back to this one.

    Raises:
        RuntimeError: the tensor is no matrix.

    >>> torch.eye(2).to_sparse_csr().crow_indices()
    tensor([0, 1, 2])
    """
    return _without_dense(self, dense_dim, layouts.sparse_csr)


@exported("Tensor")
def to_sparse_csc(self: Tensor, dense_dim: int | None = None) -> Tensor:
    """The elements of a matrix that are not zero, with the layout ``torch.sparse_csc``.

    Args:
        dense_dim: 0 or None: compressed tensors have no dense dimensions here.

    Returns:
        A sparse tensor; gradients go back to this one.

    Raises:
        RuntimeError: the tensor is no matrix.

    >>> torch.eye(2).to_sparse_csc().ccol_indices()
    tensor([0, 1, 2])
    """
    return _without_dense(self, dense_dim, layouts.sparse_csc)


def _without_dense(x: Tensor, dense_dim: int | None, how: layouts.layout) -> Tensor:
    if dense_dim:
        raise RuntimeError(f"to {how}: compressed tensors have no dense dimensions here, but dense_dim is {dense_dim}")
    return patterns.compressed(x, how)


@exported("Tensor")
def sparse_mask(self: Tensor, mask: Tensor) -> Tensor:
    """The elements at the positions of a sparse tensor, whose values do not matter.

    Args:
        mask: a sparse tensor of the same shape.

    Returns:
        A sparse tensor with the mask's positions and layout.

    Raises:
        RuntimeError: the shapes differ, or the mask is dense.

    >>> torch.arange(4.0).view(2, 2).sparse_mask(torch.eye(2).to_sparse()).values()
    tensor([0., 3.])
    """
    if not isinstance(mask, SparseTensor):
        raise RuntimeError("sparse_mask(): the mask must be sparse; use mask.to_sparse()")
    if self.shape != mask.shape:
        raise RuntimeError(
            f"sparse_mask(): operands have incompatible sizes; self has size {list(self.shape)} but mask has size "
            f"{list(mask.shape)}"
        )
    mask = patterns.coalesced(mask)
    return patterns.build(patterns.pick(self, mask), mask)


@exported("sparse")
class check_sparse_tensor_invariants:  # noqa: N801 - torch's name
    """Whether the order of positions is checked, too, where a sparse tensor is made: a context manager and a decorator.

    That positions are inside the size, and that the parts fit each other, is always checked.

    Args:
        enable: on or off.

    >>> with torch.sparse.check_sparse_tensor_invariants():
    ...     torch.sparse.check_sparse_tensor_invariants.is_enabled()
    True
    """

    _enabled = False

    def __init__(self, enable: bool = True):
        self._wanted, self._before = enable, [False]

    @staticmethod
    def is_enabled() -> bool:
        """Whether the checks are on.

        Returns:
            A bool.

        >>> torch.sparse.check_sparse_tensor_invariants.is_enabled()
        False
        """
        return check_sparse_tensor_invariants._enabled

    @staticmethod
    def enable() -> None:
        """Turn the checks on.

        >>> torch.sparse.check_sparse_tensor_invariants.enable()
        >>> torch.sparse.check_sparse_tensor_invariants.disable()
        """
        check_sparse_tensor_invariants._enabled = True

    @staticmethod
    def disable() -> None:
        """Turn the checks off.

        >>> torch.sparse.check_sparse_tensor_invariants.disable()
        """
        check_sparse_tensor_invariants._enabled = False

    def __enter__(self) -> None:
        self._before.append(check_sparse_tensor_invariants._enabled)
        check_sparse_tensor_invariants._enabled = self._wanted

    def __exit__(self, *exc: object) -> None:
        check_sparse_tensor_invariants._enabled = self._before.pop()

    def __call__(self, fn: Callable) -> Callable:
        @functools.wraps(fn)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with check_sparse_tensor_invariants(self._wanted):
                return fn(*args, **kwargs)

        return wrapper
