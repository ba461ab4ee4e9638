"""The methods of sparse tensors, and those of dense ones that ask for what only sparse ones have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import numtorch.dtype as dtypes
from numtorch import _sparse, layouts
from numtorch._sparse import SparseTensor
from numtorch._tensor import Tensor
from numtorch.exports import exported
from numtorch.layouts import sparse_coo, sparse_csc, sparse_csr
from numtorch.ops import creation
from numtorch.ops.sparse import functions, patterns, rules
from numtorch.ops.sparse.making import COO_SAYS, NAMES


def _coo(x: Tensor, name: str) -> SparseTensor:
    """The tensor, which must have the layout ``torch.sparse_coo``."""
    if not isinstance(x, SparseTensor) or x.layout is not sparse_coo:
        raise RuntimeError(f"{name} {COO_SAYS} {NAMES[x.layout]}; use .to_sparse()")
    return x


def _compressed(x: Tensor, name: str, how: layouts.layout) -> SparseTensor:
    if not isinstance(x, SparseTensor) or x.layout is not how:
        line, short = ("row", "csr") if how is sparse_csr else ("column", "csc")
        raise RuntimeError(
            f"{name} expected sparse {line} compressed tensor layout but got {NAMES[x.layout]}; use "
            f".to_sparse_{short}()"
        )
    return x


@exported("Tensor")
def indices(self: Tensor) -> Tensor:
    """The positions of the elements of a sparse tensor.

    Returns:
        (sparse dimensions, n), int64.

    Raises:
        RuntimeError: the tensor has another layout than ``torch.sparse_coo``, or is not coalesced.

    >>> torch.eye(2).to_sparse().indices()
    tensor([[0, 1],
            [0, 1]])
    """
    x = _coo(self, "indices")
    if not x.coalesced:
        raise RuntimeError("Cannot get indices on an uncoalesced tensor, please call .coalesce() first")
    return x.rows


@exported("Tensor")
def values(self: Tensor) -> Tensor:
    """The elements of a sparse tensor.

    Returns:
        (n, *dense dimensions); its gradient is a sparse tensor.

    Raises:
        RuntimeError: the tensor is dense, or is not coalesced.

    >>> torch.eye(2).to_sparse().values()
    tensor([1., 1.])
    """
    if not isinstance(self, SparseTensor):
        raise RuntimeError(f"values expected sparse tensor layout but got {NAMES[self.layout]}; use .to_sparse()")
    if not self.coalesced:
        raise RuntimeError("Cannot get values on an uncoalesced tensor, please call .coalesce() first")
    return patterns.values(self)


@exported("Tensor")
def coalesce(self: Tensor) -> Tensor:
    """The sparse tensor with its positions in order, and elements at the same position added.

    Returns:
        A sparse tensor; itself if it is so already.

    Raises:
        RuntimeError: the tensor has another layout than ``torch.sparse_coo``.

    >>> torch.sparse_coo_tensor([[1, 0, 1]], [1.0, 2.0, 3.0]).coalesce().values()
    tensor([2., 4.])
    """
    return patterns.coalesced(_coo(self, "coalesce"))


@exported("Tensor")
def is_coalesced(self: Tensor) -> bool:
    """Whether the positions are in order, and none occurs twice.

    Returns:
        A bool.

    Raises:
        RuntimeError: the tensor has another layout than ``torch.sparse_coo``.

    >>> torch.sparse_coo_tensor([[1, 0, 1]], [1.0, 2.0, 3.0]).is_coalesced()
    False
    """
    return _coo(self, "is_coalesced").coalesced


@exported("Tensor")
def sparse_dim(self: Tensor) -> int:
    """How many dimensions have positions.

    Returns:
        An int; 0 for a dense tensor.

    >>> torch.eye(2).to_sparse().sparse_dim(), torch.eye(2).sparse_dim()
    (2, 0)
    """
    return patterns.sparse_dims(self) if isinstance(self, SparseTensor) else 0


@exported("Tensor")
def dense_dim(self: Tensor) -> int:
    """How many dimensions have none.

    Returns:
        An int.

    >>> torch.eye(2).to_sparse(1).dense_dim(), torch.eye(2).dense_dim()
    (1, 2)
    """
    return self.ndim - sparse_dim(self)


def _named(name: str, how: layouts.layout, what: str, field: str) -> None:
    letter = "row" if how is sparse_csr else "column"

    def method(self: Tensor) -> Tensor:
        return getattr(_compressed(self, name, how), field)

    method.__name__, method.__qualname__ = name, f"Tensor.{name}"
    method.__module__ = "numtorch"
    method.__doc__ = f"""{what}

    Returns:
        A tensor of integers.

    Raises:
        RuntimeError: the {letter}s are not compressed: the tensor has another layout than ``{how}``.

    >>> torch.eye(2).to_{how.name}().{name}()
    tensor({"[0, 1, 2]" if field == "bounds" else "[0, 1]"})
    """
    exported("Tensor")(method)


_named("crow_indices", sparse_csr, "Where each row of a sparse matrix begins, and where the last one ends.", "bounds")
_named("col_indices", sparse_csr, "The column of each element of a sparse matrix.", "places")
_named("ccol_indices", sparse_csc, "Where each column of a sparse matrix begins, and the last one ends.", "bounds")
_named("row_indices", sparse_csc, "The row of each element of a sparse matrix.", "places")


# --- of sparse tensors alone ----------------------------------------------------------------------


def method(fn: Any) -> Any:
    """Bind a function as a method of sparse tensors."""
    setattr(SparseTensor, fn.__name__, fn)
    return fn


@method
def _indices(self: SparseTensor) -> Tensor:
    return _coo(self, "_indices").rows


@method
def _values(self: SparseTensor) -> Tensor:
    return self.elements


@method
def _nnz(self: SparseTensor) -> int:
    return self.elements.shape[0]


@method
def to_dense(self: SparseTensor, dtype: Any = None, *, masked_grad: bool | None = None) -> Tensor:
    """The tensor with all its elements; its gradient comes back at the positions alone, unless ``masked_grad`` is
    False."""
    y = patterns.to_dense(self, masked_grad is not False)
    return y if dtype is None else y.to(dtype)


@method
def detach(self: SparseTensor) -> SparseTensor:
    """The same elements outside the graph."""
    return patterns.bare(self)


@method
def detach_(self: SparseTensor) -> SparseTensor:
    """Take the tensor itself out of the graph."""
    self._edge = None
    return self


@method
def contiguous(self: SparseTensor, memory_format: Any = None) -> SparseTensor:
    """The tensor."""
    return self


@method
def stride(self: SparseTensor, dim: int | None = None) -> Any:
    """Zeros: the elements do not lie at strides."""
    return (0,) * self.ndim if dim is None else 0


@method
def numpy(self: SparseTensor, *, force: bool = False) -> Any:
    """Refused."""
    raise TypeError("can't convert Sparse layout tensor to numpy. Use Tensor.to_dense() first.")


@method
def __array__(self: SparseTensor, dtype: Any = None, copy: Any = None) -> Any:
    raise TypeError("can't convert Sparse layout tensor to numpy. Use Tensor.to_dense() first.")


@method
def item(self: SparseTensor) -> Any:
    """The one element of a tensor that has one."""
    if self.shape.numel() != 1:
        raise RuntimeError(f"a Tensor with {self.shape.numel()} elements cannot be converted to Scalar")
    return to_dense(self).item()


@method
def tolist(self: SparseTensor) -> Any:
    """Refused."""
    raise RuntimeError("tolist: a sparse tensor has no memory of all its elements; use .to_dense().tolist()")


@method
def data_ptr(self: SparseTensor) -> int:
    """Refused."""
    raise RuntimeError("Cannot access data pointer of Tensor that doesn't have storage: it is sparse; use .values()")


@method
def storage(self: SparseTensor) -> Any:
    """Refused."""
    raise NotImplementedError("Cannot access storage of SparseTensorImpl: a sparse tensor has none; use .values()")


for _name in ("untyped_storage", "storage_offset"):
    setattr(SparseTensor, _name, storage)


@method
def __getitem__(self: SparseTensor, at: Any) -> Tensor:
    if isinstance(at, int | np.integer) and not isinstance(at, bool):
        return rules.RULES["select"](None, (self,), (0, int(at)))
    if isinstance(at, slice) and at.step in (None, 1):
        first, last, _ = at.indices(self.shape[0])
        return rules.chosen(self, 0, first, max(first, last), False)
    if isinstance(at, tuple) and len(at) and all(isinstance(i, int) for i in at) and len(at) <= self.ndim:
        y: Tensor = self
        for i in at:
            y = y[i]
        return y
    raise rules.refusal("index", self)


@method
def __iter__(self: SparseTensor) -> Any:
    return iter([self[i] for i in range(len(self))])


@method
def zero_(self: SparseTensor) -> SparseTensor:
    """Take all elements out."""
    return _cleared(self, tuple(self.shape), patterns.sparse_dims(self))


def _cleared(x: SparseTensor, shape: tuple, n: int) -> SparseTensor:
    rows = creation.zeros((n, 0), dtype=dtypes.int64, device=x.device)
    made: SparseTensor = _sparse.coo(rows, creation.zeros((0, *shape[n:]), dtype=x.dtype, device=x.device), shape, True)
    return functions.become(x, made if x.layout is sparse_coo else patterns.compressed(made, x.layout))


@method
def sparse_resize_(self: SparseTensor, size: Any, sparse_dim: int, dense_dim: int) -> SparseTensor:
    """Another size, for the same elements."""
    x = _coo(self, "sparse_resize_")
    size = tuple(size)
    if len(size) != sparse_dim + dense_dim:
        raise RuntimeError(
            f"'len(size) == sparse_dim + dense_dim' is not satisfied: len(size) = {len(size)}, sparse_dim = "
            f"{sparse_dim}, dense_dim = {dense_dim}"
        )
    if not x.elements.shape[0]:
        return _cleared(x, size, sparse_dim)
    if sparse_dim != patterns.sparse_dims(x) or dense_dim != x.ndim - sparse_dim:
        raise RuntimeError("changing the number of sparse or dense dimensions of a non-empty tensor is not supported.")
    if any(a < b for a, b in zip(size, x.shape, strict=True)):
        raise RuntimeError("shrinking the size of dimensions on a non-empty sparse tensor is not supported.")
    elements = x.elements
    if size[sparse_dim:] != tuple(elements.shape[1:]):
        wide = creation.zeros((elements.shape[0], *size[sparse_dim:]), dtype=x.dtype, device=x.device)
        wide[tuple([slice(0, n) for n in elements.shape])] = elements
        elements = wide
    return functions.become(x, _sparse.coo(x.rows, elements, size, x.coalesced))


@method
def sparse_resize_and_clear_(self: SparseTensor, size: Any, sparse_dim: int, dense_dim: int) -> SparseTensor:
    """Another size, without elements."""
    return _cleared(_coo(self, "sparse_resize_and_clear_"), tuple(size), sparse_dim)


@method
def copy_(self: SparseTensor, other: Tensor, non_blocking: bool = False) -> SparseTensor:
    """Overwrite with another sparse tensor of the layout."""
    if not isinstance(other, SparseTensor) or other.layout is not self.layout:
        raise RuntimeError(f"copy_(): expected a tensor of layout {self.layout}, got {other.layout}")
    return functions.become(self, functions.converted(other, self.dtype).clone())


@method
def norm(self: SparseTensor, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Tensor:
    """The norm of all elements."""
    if dim is not None or keepdim:
        raise rules.refusal("norm along a dimension", self)
    return patterns.values(self).norm(2 if p == "fro" else p, dtype=dtype)


@method
def any(self: SparseTensor, dim: Any = None, keepdim: bool = False) -> Tensor:  # noqa: A001
    """Whether an element is not zero."""
    if dim is not None or keepdim:
        raise rules.refusal("any along a dimension", self)
    return patterns.values(self).any()


@method
def __reduce_ex__(self: SparseTensor, protocol: Any) -> tuple:
    x = self
    parts = (x.rows,) if x.layout is sparse_coo else (x.bounds, x.places)
    wanted = x._edge is not None
    return rebuild, (x.layout, parts, x.elements, tuple(x.shape), x.coalesced, wanted)


def rebuild(how: Any, parts: Any, elements: Tensor, shape: tuple, coalesced: bool, wanted: bool) -> SparseTensor:
    """The tensor of a pickle."""
    if how is sparse_coo:
        x = _sparse.coo(parts[0], elements, shape, coalesced)
    else:
        x = _sparse.compressed(parts[0], parts[1], elements, shape, how)
    if wanted:
        x.requires_grad_()
    return x


@method
def __copy__(self: SparseTensor) -> Tensor:
    x = patterns.bare(self)
    return x.requires_grad_() if self._edge is not None else x


@method
def __deepcopy__(self: SparseTensor, memo: dict) -> Tensor:
    if id(self) in memo:
        return memo[id(self)]
    if not self.is_leaf:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment."
        )
    x = memo[id(self)] = patterns.bare(self).clone()
    return x.requires_grad_() if self._edge is not None else x


def _data(self: SparseTensor) -> SparseTensor:
    return patterns.bare(self)


def _set_data(self: SparseTensor, other: Tensor) -> None:
    edge = self._edge
    self._edge = None
    functions.become(self, other)
    self._edge = edge


def _transposed(self: SparseTensor) -> Tensor:
    if self.ndim < 2:
        return self
    return functions.transposed(self) if self.ndim == 2 else self.permute(*range(self.ndim - 1, -1, -1))


for _name, _property in {
    "data": property(_data, _set_data),
    "nbytes": property(lambda self: self.elements.nbytes),
    "T": property(_transposed),
    "mT": property(lambda self: functions.transposed(self, -2, -1)),
}.items():
    setattr(SparseTensor, _name, _property)


@method
def t(self: SparseTensor) -> Tensor:
    """The transpose of a matrix."""
    if self.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 sparse and 0 dense dimensions, but self is {self.ndim}D")
    return _transposed(self)


@method
def transpose(self: SparseTensor, dim0: int, dim1: int) -> Tensor:
    """Two dimensions exchanged."""
    return functions.transposed(self, dim0, dim1)


for _name in ("swapaxes", "swapdims"):
    setattr(SparseTensor, _name, transpose)

# Functions that need no memory, or come to an op that knows what to do.
ALLOWED = {
    "size",
    "dim",
    "ndimension",
    "numel",
    "nelement",
    "element_size",
    "is_contiguous",
    "is_floating_point",
    "is_complex",
    "is_signed",
    "get_device",
    "is_pinned",
    "is_shared",
    "type",
    "type_as",
    "to",
    "cpu",
    "cuda",
    "new",
    "new_tensor",
    "new_zeros",
    "new_ones",
    "new_empty",
    "new_full",
    "requires_grad_",
    "backward",
    "register_hook",
    "retain_grad",
    "register_post_accumulate_grad_hook",
    "float",
    "double",
    "half",
    "bfloat16",
    "long",
    "int",
    "short",
    "char",
    "byte",
    "bool",
    "cfloat",
    "cdouble",
    "clone",
    "add",
    "sub",
    "subtract",
    "mul",
    "multiply",
    "div",
    "divide",
    "true_divide",
    "floor_divide",
    "mm",
    "matmul",
    "mv",
    "sum",
    "pow",
    "t",
    "transpose",
    "permute",
    "neg",
    "negative",
    "abs",
    "absolute",
    "unsqueeze",
    "select",
    "narrow",
    "index_select",
    "coalesce",
    "indices",
    "values",
    "sparse_dim",
    "dense_dim",
    "is_coalesced",
    "crow_indices",
    "col_indices",
    "ccol_indices",
    "row_indices",
    "to_sparse",
    "to_sparse_coo",
    "to_sparse_csr",
    "to_sparse_csc",
    "sparse_mask",
    "is_same_size",
    "is_inference",
    "is_conj",
    "is_neg",
    "pin_memory",
    "add_",
    "sub_",
    "mul_",
    "div_",
    "smm",
    "conj",
    "resolve_conj",
    "resolve_neg",
}


def close() -> None:
    """Have every method refuse sparse tensors that neither knows them nor is the function of an op."""
    for name in dir(Tensor):
        value = getattr(Tensor, name, None)
        known = name in SparseTensor.__dict__ or name in ALLOWED or name.startswith("_")
        if not known and callable(value) and not hasattr(value, "op") and not hasattr(value, "overwrites"):
            setattr(SparseTensor, name, _refusing(name))


def _refusing(name: str) -> Callable:
    def method(self: SparseTensor, *args: Any, **kwargs: Any) -> Any:
        raise rules.refusal(name, self)

    method.__name__ = name
    return method
