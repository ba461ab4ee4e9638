"""Shapes and views: new geometry over the same elements, and the few ops that must copy.

Also what in-place writes through views mean for the graph (``write_history``).
"""

from __future__ import annotations

import builtins
from math import prod
from typing import Any
from weakref import ref

from numtorch import dtype as dtypes
from numtorch._tensor import Tensor, _remember, alias, empty, make, reshaped, shared_storage, view
from numtorch.autograd.graph import Leaf
from numtorch.autograd.inplace import wrote
from numtorch.device import as_device
from numtorch.dispatch.op import VariadicOp, op, primitive
from numtorch.dispatch.program import Program
from numtorch.dtype import dtype
from numtorch.kernels.codegen import expr
from numtorch.storage import (
    FRESH,
    Size,
    broadcast_shapes,
    contiguous_strides,
    fill_shape,
    view_strides,
    wrap_dim,
)


def shape_args(args: tuple) -> tuple:
    """``f(2, 3)`` and ``f((2, 3))`` alike."""
    if len(args) == 1 and isinstance(args[0], tuple | list):
        args = args[0] if type(args[0]) is Size else tuple(args[0])
    for n in args:
        if type(n) is not int:
            return tuple([n.item() if isinstance(n, Tensor) else n for n in args])
    return args


# --- copies ---------------------------------------------------------------------------------------


@primitive(ref=lambda x: x)
def clone(x):
    """A copy of the elements.

    >>> import numtorch as torch
    >>> torch.clone(torch.tensor([1, 2]))
    tensor([1, 2])
    """
    return x


@clone.vjp
def _(g):
    return g


def contiguous(x: Tensor) -> Tensor:
    """The tensor itself if its elements are in row-major order, else a copy that is."""
    return x if x._k.contiguous else clone(x)


@primitive(counted=("x",), public=False)
def copy(x, y):
    """``y`` in the type and shape of ``x``; the in-place form is ``copy_``."""
    return y


@copy.vjp
def _(g, *, needs):
    return (_zero(g) if needs[0] else None), g


def _zero(g: Any) -> Any:
    """Zeros like ``g``, whatever is in it, in a form that can be traced."""
    from numtorch.ops.arithmetic import lt, where

    return where(lt(g, g), g, 0.0)


@primitive(counted=("x",), public=False)
def fill(x, y):
    """``y`` everywhere; the in-place form is ``fill_``."""
    return y


@fill.vjp
def _(g, *, needs):
    return (_zero(g) if needs[0] else None), g


_casts: dict[dtype, Program] = {}


def _cast_program(target: dtype) -> Program:
    if target not in _casts:
        _casts[target] = Program("cast", [expr.apply(clone.op, (expr.symbol("x"),))], ["x"], result=lambda d: (target,))
    return _casts[target]


@op(public=False, direct=True)
def cast(x, dtype: dtype):
    """The elements converted to another type (floats to integers by truncation)."""
    return _cast_program(dtype)(x)[0]


@cast.vjp
def _(g, x_kind):
    return cast(g, x_kind.dtype)


@op(public=False, direct=True)
def move(x, device: Any):
    """A copy on another device."""
    y = empty(x.shape, x.dtype, device)
    if not x._k.contiguous:
        x = clone.op.program(x)[0]
    if device.type == "meta" or x.device.type == "meta" or not x.numel():
        if x.device.type == "meta" and device.type != "meta":
            raise NotImplementedError("Cannot copy out of meta tensor; no data!")
        return y
    from numtorch.kernels import launch

    launch.transfer(x._buf, x.device, y._buf, y.device)
    return y


@move.vjp
def _(g, x_kind):
    return move(g, x_kind.device)


def to(x: Tensor, *args: Any, dtype: Any = None, device: Any = None, non_blocking: bool = False, copy: bool = False,
       memory_format: Any = None) -> Tensor:
    """The tensor in another dtype, on another device, or like another tensor; itself if nothing changes."""
    for a in args:
        if isinstance(a, Tensor):
            dtype, device = a.dtype, a.device
        elif isinstance(a, dtypes.dtype):
            dtype = a
        elif isinstance(a, bool):
            pass  # torch's positional non_blocking, copy
        elif isinstance(a, type):
            dtype = a
        elif a is not None:
            device = a
    y = x
    if device is not None and as_device(device) != x.device:
        y = move(y, as_device(device))
    if dtype is not None and dtype is not x.dtype:
        dtype = dtypes.as_dtype(dtype)
        y = y if dtype is x.dtype else cast(y, dtype)
    return clone(x) if copy and y is x else y


# --- views ----------------------------------------------------------------------------------------


@op(view=True)
def as_strided(x, size: tuple, stride: tuple, storage_offset: int | None = None):
    """A view with the given sizes, strides and offset into the storage."""
    start = x._offset if storage_offset is None else storage_offset
    size, stride = tuple(size), tuple(stride)
    if len(size) != len(stride):
        raise RuntimeError(f"as_strided: mismatch in length of strides {list(stride)} and shape {list(size)}")
    last = start + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
    total = x._storage.data.size if x._storage is not FRESH and x._storage.data is not None else None
    if total is None and x._buf is not None:
        total = x._buf.size
    if 0 not in size and total is not None and (last >= total or min(stride, default=0) < 0 or start < 0):
        raise RuntimeError(f"as_strided: sizes {list(size)}, strides {list(stride)}, storage offset {start} are out of bounds "
                           f"for storage of size {total}")
    return view(x, size, stride, start - x._offset)


@as_strided.vjp
def _(g, x_shape, x_strides, x_offset, *, size, stride, storage_offset):
    from numtorch.ops.creation import arange, zeros
    from numtorch.ops.indexing import index_add

    start = 0 if storage_offset is None else storage_offset - x_offset
    if start >= 0 and not _overlapping(size, stride):
        return as_strided_scatter(zeros(x_shape, dtype=g.dtype, device=g.device), g, tuple(size), tuple(stride), start, x_strides)
    # Overlapping elements add up: scatter through the positions that the view read.
    n = 1 + sum((a - 1) * b for a, b in zip(x_shape, x_strides, strict=True)) if 0 not in x_shape else 0
    at = reshape(as_strided(arange(n, device=g.device), size, stride, start), (-1,))
    flat = index_add(zeros(n, dtype=g.dtype, device=g.device), 0, at, reshape(g, (-1,)))
    return contiguous(as_strided(flat, x_shape, x_strides, 0))


def _overlapping(size: tuple, stride: tuple) -> bool:
    """Whether two positions of such a view may be one element."""
    reach = 0
    for s, n in sorted((s, n) for n, s in zip(size, stride, strict=True) if n > 1):
        if s <= reach:
            return True
        reach += (n - 1) * s
    return False


@op(view=True, public=False)
def view_as_shape(x, shape: tuple):
    """The same elements in another shape, without copying; RuntimeError where only a copy can."""
    shape = fill_shape(tuple(shape), prod(x.shape), "view")
    if x._k.contiguous:
        return reshaped(x, shape)
    strides = view_strides(x.shape, x.strides, shape)
    if strides is None:
        raise RuntimeError("view size is not compatible with input tensor's size and stride (at least one dimension spans "
                           f"across two contiguous subspaces): {list(x.shape)} with strides {x.strides} as {list(shape)}. "
                           "Use .reshape(...) instead.")
    return view(x, shape, strides)


@view_as_shape.vjp
def _(g, x_shape):
    return reshape(g, x_shape)


view_as_shape.op.backward_name = "ViewBackward0"


def reshape(x: Tensor, *shape: Any) -> Tensor:
    """The elements in another shape: a view if possible, else a copy. One size may be -1.

    >>> import numtorch as torch
    >>> torch.reshape(torch.arange(6), (2, -1))
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    target = fill_shape(shape_args(shape), prod(x.shape), "reshape")
    if not x._k.contiguous and view_strides(x.shape, x.strides, target) is None:
        x = clone(x)
    return view_as_shape(x, target)


@op(view=True)
def permute(x, dims: tuple):
    """Dimensions in another order."""
    dims = tuple(wrap_dim(d, x.ndim, "permute") for d in dims)
    if sorted(dims) != list(range(x.ndim)):
        raise RuntimeError(f"permute(sparse_coo): number of dimensions in the tensor input does not match the length of the "
                           f"desired ordering of dimensions i.e. input.dim() = {x.ndim} is not equal to len(dims) = {len(dims)}"
                           if len(dims) != x.ndim else f"permute: duplicate dims are not allowed in {dims}")
    strides = x.strides
    return view(x, Size(x.shape[d] for d in dims), tuple(strides[d] for d in dims))


@permute.vjp
def _(g, *, dims):
    inverse = [0] * len(dims)
    for i, d in enumerate(dims):
        inverse[d % len(dims)] = i
    return permute(g, tuple(inverse))


@op(view=True)
def transpose(x, dim0: int, dim1: int):
    """Two dimensions exchanged.

    >>> import numtorch as torch
    >>> torch.transpose(torch.tensor([[1, 2], [3, 4]]), 0, 1)
    tensor([[1, 3],
            [2, 4]])
    """
    a, b = wrap_dim(dim0, x.ndim, "transpose"), wrap_dim(dim1, x.ndim, "transpose")
    if a == b:
        return view(x, x.shape, x.strides)
    shape, strides = list(x.shape), list(x.strides)
    shape[a], shape[b] = shape[b], shape[a]
    strides[a], strides[b] = strides[b], strides[a]
    return view(x, Size(shape), tuple(strides))


@transpose.vjp
def _(g, *, dim0, dim1):
    return transpose(g, dim0, dim1)


def t(x: Tensor) -> Tensor:
    """The transpose of a matrix; vectors and scalars as they are."""
    if x.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {x.ndim}D")
    return transpose(x, 0, 1) if x.ndim == 2 else view_as_shape(x, x.shape)


@op(view=True, public=False)
def expand_to(x, shape: tuple):
    """Dimensions of size 1 repeated without copying."""
    from numtorch.storage import broadcast_strides

    lead = len(shape) - x.ndim
    target = [(x.shape[i - lead] if i >= lead else None) if n == -1 else n for i, n in enumerate(shape)]
    fits = lead >= 0 and None not in target and all(a in (1, b) for a, b in zip(x.shape, target[lead:], strict=True))
    if not fits:
        raise RuntimeError(f"expand: the expanded size {list(shape)} must match the existing size {list(x.shape)} at "
                           "non-singleton dimensions")
    return view(x, Size(target), broadcast_strides(x.shape, x.strides, tuple(target)))


@expand_to.vjp
def _(g, x_shape):
    from numtorch.ops.reduction import sum_to

    return sum_to(g, x_shape)


expand_to.op.backward_name = "ExpandBackward0"


def expand(x: Tensor, *shape: Any) -> Tensor:
    """Dimensions of size 1 repeated without copying; -1 keeps a size."""
    return expand_to(x, shape_args(shape))


def expand_as(x: Tensor, other: Tensor) -> Tensor:
    """``x.expand(other.shape)``."""
    return expand_to(x, other.shape)


def broadcast_to(x: Tensor, shape: Any) -> Tensor:
    """``x`` seen in a shape to which it broadcasts."""
    return expand_to(x, tuple(shape))


def broadcast_tensors(*tensors: Tensor) -> tuple[Tensor, ...]:
    """All tensors in their common shape."""
    shape = broadcast_shapes(*[x.shape for x in tensors])
    return tuple(expand_to(x, shape) for x in tensors)


@op(view=True, public=False)
def squeeze_dims(x, dims: tuple):
    """Dimensions of size 1 among ``dims`` removed."""
    keep = [i for i, n in enumerate(x.shape) if n != 1 or i not in dims]
    strides = x.strides
    return view(x, Size(x.shape[i] for i in keep), tuple(strides[i] for i in keep))


@squeeze_dims.vjp
def _(g, x_shape):
    return reshape(g, x_shape)


squeeze_dims.op.backward_name = "SqueezeBackward0"


def squeeze(x: Tensor, dim: Any = None) -> Tensor:
    """Dimensions of size 1 removed: all of them, one, or a tuple of them."""
    if dim is None:
        dims = tuple(range(x.ndim))
    else:
        dims = tuple(wrap_dim(d, x.ndim, "squeeze") for d in (dim if isinstance(dim, tuple | list) else (dim,)))
    return squeeze_dims(x, dims)


@op(view=True)
def unsqueeze(x, dim: int):
    """A dimension of size 1 inserted."""
    dim = wrap_dim(dim, x.ndim + 1, "unsqueeze")
    strides = x.strides
    step = strides[dim] * x.shape[dim] if dim < x.ndim else 1
    return view(x, Size((*x.shape[:dim], 1, *x.shape[dim:])), (*strides[:dim], step, *strides[dim:]))


@unsqueeze.vjp
def _(g, x_shape):
    return reshape(g, x_shape)


@op(view=True)
def select(x, dim: int, index: int):
    """The slice at ``index`` along ``dim``, without that dimension."""
    dim = wrap_dim(dim, x.ndim, "select")
    if not x.ndim:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    n = x.shape[dim]
    if not -n <= index < n:
        raise IndexError(f"index {index} is out of bounds for dimension {dim} with size {n}")
    strides = x.strides
    return view(x, Size((*x.shape[:dim], *x.shape[dim + 1 :])), (*strides[:dim], *strides[dim + 1 :]), (index % n) * strides[dim])


@select.vjp
def _(g, x_shape, *, dim, index):
    dim %= len(x_shape)
    index %= x_shape[dim]
    return slice_backward(unsqueeze(g, dim), x_shape, dim, index, index + 1, 1)


@op(view=True, public=False)
def slice(x, dim: int, start: int, end: int, step: int = 1):
    """Every ``step``-th element from ``start`` to ``end`` (both within bounds) along ``dim``."""
    n = max(0, (end - start + step - 1) // step)
    shape, strides = list(x.shape), list(x.strides)
    shape[dim] = n
    at = start * strides[dim] if n else 0
    strides[dim] *= step
    return view(x, Size(shape), tuple(strides), at)


@slice.vjp
def _(g, x_shape, *, dim, start, end, step):
    return slice_backward(g, x_shape, dim, start, end, step)


@op(public=False)
def slice_backward(x, shape: tuple, dim: int, start: int, end: int, step: int):
    """Zeros in which the slice is ``x``."""
    from numtorch.ops.creation import zeros

    y = zeros(shape, dtype=x.dtype, device=x.device)
    slice(y, dim, start, end, step).copy_(x)
    return y


@slice_backward.vjp
def _(g, *, dim, start, end, step):
    return slice(g, dim, start, end, step)


def narrow(x: Tensor, dim: int, start: Any, length: int) -> Tensor:
    """``length`` elements from ``start`` along ``dim``."""
    dim = wrap_dim(dim, x.ndim, "narrow")
    start = int(start)
    n = x.shape[dim]
    start += n if start < 0 else 0
    if length < 0 or start < 0 or start + length > n:
        raise RuntimeError(f"narrow: start ({start}) + length ({length}) exceeds dimension size ({n}).")
    return slice(x, dim, start, start + length)


@op(view=True)
def diagonal(x, offset: int = 0, dim1: int = 0, dim2: int = 1):
    """The diagonal of two dimensions, as the last dimension."""
    a, b = wrap_dim(dim1, x.ndim, "diagonal"), wrap_dim(dim2, x.ndim, "diagonal")
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    strides = x.strides
    n = max(0, min(x.shape[a], x.shape[b] - offset) if offset >= 0 else min(x.shape[a] + offset, x.shape[b]))
    at = (offset * strides[b] if offset >= 0 else -offset * strides[a]) if n else 0
    rest = [i for i in range(x.ndim) if i not in (a, b)]
    return view(x, Size((*[x.shape[i] for i in rest], n)), (*[strides[i] for i in rest], strides[a] + strides[b]), at)


@diagonal.vjp
def _(g, x_shape, *, offset, dim1, dim2):
    return diagonal_backward(g, x_shape, offset, dim1, dim2)


@op(public=False)
def diagonal_backward(x, shape: tuple, offset: int, dim1: int, dim2: int):
    """Zeros whose diagonal is ``x``."""
    from numtorch.ops.creation import zeros

    y = zeros(shape, dtype=x.dtype, device=x.device)
    diagonal(y, offset, dim1, dim2).copy_(x)
    return y


@diagonal_backward.vjp
def _(g, *, offset, dim1, dim2):
    return diagonal(g, offset, dim1, dim2)


@op(view=True)
def unfold(x, dimension: int, size: int, step: int):
    """Windows of ``size`` along a dimension, as a new last dimension."""
    d = wrap_dim(dimension, x.ndim, "unfold")
    n = x.shape[d] if x.ndim else 1
    if size > n or step <= 0:
        raise RuntimeError(f"maximum size for tensor at dimension {d} is {n} but size is {size}" if size > n
                           else f"step is {step} but must be > 0")
    shape, strides = [*x.shape, size], [*x.strides, x.strides[d] if x.ndim else 1]
    if x.ndim:
        shape[d] = (n - size) // step + 1
        strides[d] *= step
    return view(x, Size(shape), tuple(strides))


@unfold.vjp
def _(g, x_shape, *, dimension, size, step):
    strides = contiguous_strides(x_shape)
    d = dimension % max(len(x_shape), 1)
    steps = [*strides, strides[d] if strides else 1]
    if x_shape:
        steps[d] *= step
    return as_strided_backward(g, x_shape, tuple(g.shape), tuple(steps))


@op(public=False)
def as_strided_backward(x, shape: tuple, size: tuple, stride: tuple):
    """The gradient of a contiguous tensor viewed with ``size`` and ``stride``: overlapping elements add up."""
    from numtorch.ops.creation import arange, zeros
    from numtorch.ops.indexing import index_add

    n = Size(shape).numel()
    at = reshape(as_strided(arange(n, device=x.device), size, stride, 0), (-1,))
    return reshape(index_add(zeros(n, dtype=x.dtype, device=x.device), 0, at, reshape(x, (-1,))), shape)


@as_strided_backward.vjp
def _(g, *, size, stride):
    return as_strided(contiguous(g), size, stride)


# --- composed -------------------------------------------------------------------------------------


def flatten(x: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Dimensions from ``start_dim`` to ``end_dim`` merged into one.

    >>> import numtorch as torch
    >>> torch.flatten(torch.zeros(2, 3, 4), 1).shape
    torch.Size([2, 12])
    """
    a, b = wrap_dim(start_dim, x.ndim, "flatten"), wrap_dim(end_dim, x.ndim, "flatten")
    if a > b:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if x.ndim == 0:
        return reshape(x, (1,))
    if a == b:
        return x
    return reshape(x, (*x.shape[:a], Size(x.shape[a : b + 1]).numel(), *x.shape[b + 1 :]))


def unflatten(x: Tensor, dim: int, sizes: Any) -> Tensor:
    """One dimension split into several; one size may be -1."""
    d = wrap_dim(dim, x.ndim, "unflatten")
    return view_as_shape(x, (*x.shape[:d], *fill_shape(tuple(sizes), x.shape[d], "unflatten"), *x.shape[d + 1 :]))


def ravel(x: Tensor) -> Tensor:
    """The elements in one dimension."""
    return reshape(x, (-1,))


def movedim(x: Tensor, source: Any, destination: Any) -> Tensor:
    """Dimensions moved to other positions; the rest keep their order."""
    s = [wrap_dim(d, x.ndim, "movedim") for d in (source if isinstance(source, tuple | list) else (source,))]
    to_ = [wrap_dim(d, x.ndim, "movedim") for d in (destination if isinstance(destination, tuple | list) else (destination,))]
    order = [d for d in range(x.ndim) if d not in s]
    for d, at in sorted(zip(s, to_, strict=True), key=lambda p: p[1]):
        order.insert(at, d)
    return permute(x, tuple(order))


def unbind(x: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """The slices along a dimension."""
    d = wrap_dim(dim, x.ndim, "unbind")
    return tuple(select(x, d, i) for i in range(x.shape[d]))


def split(x: Tensor, split_size_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Pieces of a size (the last may be smaller), or of the given sizes, as views."""
    d = wrap_dim(dim, x.ndim, "split")
    n, sizes = x.shape[d], split_size_or_sections
    if isinstance(sizes, int):
        if sizes < 0 or (sizes == 0 and n):
            raise RuntimeError(f"split expects split_size be non-negative, but got split_size={sizes}")
        sizes = [min(sizes, n - i) for i in range(0, n, sizes)] if n else [0]
    if sum(sizes) != n:
        raise RuntimeError(f"split_with_sizes expects split_sizes to sum exactly to {n} (input tensor's size at dimension {d}), "
                           f"but got split_sizes={list(sizes)}")
    at, parts = 0, []
    for size in sizes:
        parts.append(slice(x, d, at, at + size))
        at += size
    return tuple(parts)


def chunk(x: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most ``chunks`` pieces of equal size, but the last."""
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    n = x.shape[wrap_dim(dim, x.ndim, "chunk")]
    if n == 0:
        return split(x, [0] * chunks, dim)
    return split(x, max(1, -(-n // chunks)), dim)


def cat(tensors: Any, dim: int = 0) -> Tensor:
    """Tensors joined along an existing dimension.

    >>> import numtorch as torch
    >>> torch.cat([torch.tensor([1, 2]), torch.tensor([3])])
    tensor([1, 2, 3])
    """
    tensors = [x for x in tensors if not (x.ndim == 1 and x.shape[0] == 0)] or list(tensors)[:1]
    if not tensors:
        raise RuntimeError("torch.cat(): expected a non-empty list of Tensors")
    first = tensors[0]
    d = wrap_dim(dim, first.ndim, "cat")
    d_type = dtypes.result_of([(x.dtype, x.ndim) for x in tensors], [])
    for i, x in enumerate(tensors):
        if x.ndim != first.ndim or any(a != b for j, (a, b) in enumerate(zip(x.shape, first.shape, strict=True)) if j != d):
            raise RuntimeError(f"cat: Sizes of tensors must match except in dimension {d}. Expected {list(first.shape)} but got "
                               f"{list(x.shape)} for tensor number {i} in the list.")
    return _cat(tensors, d, d_type)


def _cat_body(tensors: list, dim: int, d_type: dtype) -> Tensor:
    shape = list(tensors[0].shape)
    shape[dim] = sum(x.shape[dim] for x in tensors)
    y = empty(shape, d_type, tensors[0].device)
    at = 0
    for x in tensors:
        copy_(slice(y, dim, at, at + x.shape[dim]), x)
        at += x.shape[dim]
    return y


def _cat_vjp(g: Tensor, inputs: list, dim: int, d_type: dtype) -> tuple:
    parts = split(g, [shape[dim] for shape, *_ in inputs], dim)
    return tuple(to(p, k.dtype) for p, (_, k, *_) in zip(parts, inputs, strict=True))


_cat = VariadicOp("cat", _cat_body, _cat_vjp)


def stack(tensors: Any, dim: int = 0) -> Tensor:
    """Tensors of one shape joined along a new dimension."""
    tensors = list(tensors)
    if not tensors:
        raise RuntimeError("stack expects a non-empty TensorList")
    for i, x in enumerate(tensors):
        if x.shape != tensors[0].shape:
            raise RuntimeError(f"stack expects each tensor to be equal size, but got {list(tensors[0].shape)} at entry 0 and "
                               f"{list(x.shape)} at entry {i}")
    d = wrap_dim(dim, tensors[0].ndim + 1, "stack")
    return cat([unsqueeze(x, d) for x in tensors], d)


def repeat(x: Tensor, *sizes: Any) -> Tensor:
    """The tensor repeated along each dimension, as copies."""
    sizes = shape_args(sizes)
    lead = len(sizes) - x.ndim
    if lead < 0:
        raise RuntimeError("Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor")
    shape = (1,) * lead + tuple(x.shape)
    y = view_as_shape(contiguous(x), [v for n in shape for v in (1, n)])
    y = expand_to(y, tuple(v for r, n in zip(sizes, shape, strict=True) for v in (r, n)))
    return reshape(y, tuple(r * n for r, n in zip(sizes, shape, strict=True)))


def tile(x: Tensor, dims: Any) -> Tensor:
    """As NumPy's tile: ``repeat`` with missing leading counts taken as 1."""
    return repeat(x, (1,) * (x.ndim - len(dims)) + tuple(dims))


# --- in-place writes and the graph ----------------------------------------------------------------


def _laid_out(x: Tensor, strides: tuple, size: tuple, stride: tuple, start: int) -> tuple[Tensor, Tensor]:
    """A copy of ``x`` with the given strides, and the view of it that size, stride and start name."""
    ends = [1 + sum((n - 1) * s for n, s in zip(sh, st, strict=True)) for sh, st in ((x.shape, strides), (size, stride))]
    flat = empty((max(ends[0], start + ends[1]),), x.dtype, x.device)
    whole = view(flat, x.shape, strides)
    copy.op.program(whole, x, outs=(whole,))
    return whole, view(flat, Size(size), stride, start)


@op(public=False, direct=True)
def as_strided_scatter(x, y, size: tuple, stride: tuple, start: int, x_strides: tuple):
    """``x``, thought of as having ``x_strides``, with the elements that the view names replaced by ``y``.

    The view (size, stride, and start counted from the first element of x) may not overlap itself.
    """
    if 0 in size or not x.numel():
        return clone.op.program(x)[0]
    whole, part = _laid_out(x, x_strides, size, stride, start)
    copy.op.program(part, y, outs=(part,))
    return clone.op.program(whole)[0] if not whole._k.contiguous else make(whole._buf, x.shape, whole._k)


@as_strided_scatter.vjp
def _(g, y_shape, *, size, stride, start, x_strides, needs):
    from numtorch.ops.creation import zeros

    gx = gy = None
    if needs[0]:
        blank = zeros(y_shape, dtype=g.dtype, device=g.device)
        gx = as_strided_scatter(g, blank, size, stride, start, x_strides)
    if needs[1]:
        gy = strided_read(g, size, stride, start, x_strides)
    return gx, gy


@op(public=False, direct=True)
def strided_read(x, size: tuple, stride: tuple, start: int, x_strides: tuple):
    """The elements of ``x``, thought of as having ``x_strides``, that the view names."""
    if 0 in size:
        return empty(size, x.dtype, x.device)
    return clone.op.program(_laid_out(x, x_strides, size, stride, start)[1])[0]


@strided_read.vjp
def _(g, x_shape, *, size, stride, start, x_strides):
    from numtorch.ops.creation import zeros

    return as_strided_scatter(zeros(x_shape, dtype=g.dtype, device=g.device), g, size, stride, start, x_strides)


def write_history(base: Tensor, part: Tensor, target: Tensor) -> None:
    """After an in-place write to the view ``target`` of ``base``: ``part`` holds the edge of what was written."""
    if base._edge is None and part._edge is None:
        target._edge = None
        return
    before = alias(base)
    before._edge = base._edge
    after = alias(base)
    as_strided_scatter.op.record(
        (before, part), (tuple(target.shape), target.strides, target._offset - base._offset, base.strides), after)
    base._edge = after._edge
    views = base._storage.views
    if views is None or not builtins.any(r() is target for r in views):  # made under no_grad
        _remember(base._storage, target)
    refresh_views(base)


def refresh_views(base: Tensor) -> None:
    """Views of a tensor that an in-place op has given a new history get theirs from it."""
    if base._storage is FRESH:
        return
    for r in base._storage.views or ():
        v = r()
        if v is None or v is base or v._base is not base:
            continue
        if base._edge is None or type(base._edge) is Leaf:
            v._edge = None
            continue
        fresh = alias(v)
        as_strided.op.record((base,), (tuple(v.shape), v.strides, v._offset), fresh)
        v._edge = fresh._edge


def copy_(x: Tensor, source: Any, non_blocking: bool = False) -> Tensor:
    """Overwrite with ``source``, broadcast and converted."""
    if isinstance(source, Tensor):
        if source.device != x.device:
            source = to(source, x.device)
        if not dtypes.can_cast(source.dtype, x.dtype):
            source = cast(source, x.dtype)
    return copy.op.inplace(x, (source,), ())


def fill_(x: Tensor, value: Any) -> Tensor:
    """Overwrite every element with ``value``."""
    if isinstance(value, Tensor):
        if value.ndim:
            raise RuntimeError(f"fill_ only supports 0-dimension value tensor but got tensor with {value.ndim} dimensions.")
    elif not isinstance(value, bool | int | float):
        value = value.item()
    if not isinstance(value, Tensor) and x.dtype.category < dtypes.scalar_dtype(value).category:
        value = bool(value) if x.dtype is dtypes.bool else int(value)
    return fill.op.inplace(x, (value,), ())


def zero_(x: Tensor) -> Tensor:
    """Overwrite every element with 0."""
    return fill_(x, 0)


def set_like(x: Tensor, shape: tuple, source: Tensor | None = None) -> None:
    """Give ``x`` a new buffer: of another tensor, or an uninitialised one of ``shape``."""
    y = source if source is not None else empty(shape, x.dtype, x.device)
    x.shape, x._buf, x._k, x._strides = y.shape, y._buf, y._k, y._strides
    x._storage, x._offset = (shared_storage(y), y._offset) if source is not None else (FRESH, 0)


def resize_(x: Tensor, *shape: Any) -> Tensor:
    """Another shape; elements are kept as far as the buffer reaches, new ones are uninitialised."""
    size = Size(shape_args(shape))
    have = contiguous(x)
    y = empty(size, x.dtype, x.device)
    n = min(size.numel(), x.shape.numel())
    if n and x.device.type == "cpu":
        y._buf[:n] = have._buf[:n]
    set_like(x, size, y)
    wrote(x)
    return x


def requires_grad_edge(x: Tensor) -> Leaf:
    """A new leaf for a tensor made by the user."""
    if not x.dtype.is_floating_point:
        raise RuntimeError(f"only Tensors of floating point dtype can require gradients, not {x.dtype.name}; cast with .float()")
    leaf = Leaf()
    leaf.owner = ref(x)
    return leaf

