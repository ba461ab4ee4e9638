"""Views: other shape and strides over the same elements. The gradient of a view is written into zeros, or added up
where elements of the view overlap.

What depends only on shape and strides is computed once: these functions are cached. They receive None as the strides of
a contiguous tensor, and every other number as a Python int, because the caches treat 2.0 and True as 2 and 1.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from numtorch import ops
from numtorch._tensor import Tensor, fresh, geometry, new, placed, reshaped, shared_storage
from numtorch.arguments import dimensions, integer
from numtorch.dispatch.cost import moves
from numtorch.dispatch.op import op
from numtorch.dtype import dtype
from numtorch.exports import exported
from numtorch.grad_mode import mode
from numtorch.ops.movement.arguments import by_name, shape_args
from numtorch.ops.movement.copies import clone, contiguous
from numtorch.storage import (
    UNSHARED,
    Size,
    broadcast_shapes,
    broadcast_strides,
    contiguous_strides,
    fill_shape,
    kind,
    retyped,
    view_strides,
    wrap_dim,
)


@exported("torch", "Tensor")
@op(
    view=True,
    samples=lambda: [
        ((3, 4), (2, 2), (4, 1)),
        ((12,), (3, 5), (2, 1)),
        ((12,), (2, 3), (0, 1)),
        ((3, 4), (2,), (5,), 1),
    ],
)
def as_strided(x, size: tuple, stride: tuple, storage_offset: int | None = None):
    """A view with the given sizes, strides and offset into the memory of ``input``.

    Args:
        input: of any shape.
        size, stride: as many numbers; strides count elements.
        storage_offset: where the first element is in memory; where that of ``input`` is unless given.

    Returns:
        A tensor of shape ``size``. Where its elements overlap, their gradients add up.

    Raises:
        RuntimeError: negative numbers, different lengths, or a view that leaves the memory.

    >>> torch.as_strided(torch.arange(6), (2, 3), (1, 2))
    tensor([[0, 2, 4],
            [1, 3, 5]])
    """
    start = x._offset if storage_offset is None else storage_offset
    shape, strides, n, reach = _strided(size, stride)
    if start < 0:
        raise RuntimeError(f"as_strided: storage offset {start} may not be negative")
    if reach < 0:
        start = min(start, x._offset)  # nothing is read, wherever it begins
    data = x._buf if x._storage is UNSHARED else x._storage.data
    if data is not None and start + reach >= data.size and reach >= 0:
        raise RuntimeError(
            f"as_strided: sizes {list(size)}, strides {list(stride)}, storage offset {start} are out of bounds "
            f"for storage of size {data.size}"
        )
    t = placed(x, (shape, strides, n, start - x._offset))
    if data is not None:  # the view may reach further than x does
        t._buf = data[start : start + n] if strides is None else data[start:]
    return t


@lru_cache(maxsize=4096)
def _strided(size: tuple, stride: tuple) -> tuple:
    """The geometry, and how far the last element is from the first; -1 if there is none."""
    if len(size) != len(stride):
        raise RuntimeError(f"as_strided: mismatch in length of strides {list(stride)} and shape {list(size)}")
    if min(size, default=0) < 0 or min(stride, default=0) < 0:
        raise RuntimeError(f"as_strided: sizes {list(size)} and strides {list(stride)} may not be negative")
    return geometry(size, stride, -1 if 0 in size else sum([(n - 1) * s for n, s in zip(size, stride, strict=True)]))


@as_strided.vjp
def _(g, x_shape, x_strides, x_offset, *, size, stride, storage_offset):

    start = 0 if storage_offset is None else storage_offset - x_offset
    shared = overlapping(x_shape, x_strides)
    if start >= 0 and not shared and not overlapping(size, stride):
        blank = ops.creation.zeros(x_shape, dtype=g.dtype, device=g.device)
        return ops.movement.history.as_strided_scatter(blank, g, tuple(size), tuple(stride), start, x_strides)
    if 0 in size or 0 in x_shape:
        return ops.creation.zeros(x_shape, dtype=g.dtype, device=g.device)
    # Overlapping elements add up: scatter through the positions that the view read, of which x may have only some. What
    # several elements of x share is shared out among them.
    before = max(-start, 0)
    n = before + max(
        1 + sum((a - 1) * b for a, b in zip(x_shape, x_strides, strict=True)),
        1 + start + sum((a - 1) * b for a, b in zip(size, stride, strict=True)),
    )
    places = ops.ranges.arange(n, device=g.device)
    flat, at = (
        ops.creation.zeros(n, dtype=g.dtype, device=g.device),
        reshape(as_strided(places, size, stride, start + before), (-1,)),
    )
    flat = as_strided(ops.indexing.index_add(flat, 0, at, reshape(g, (-1,))), x_shape, x_strides, before)
    if shared:
        at = reshape(as_strided(places, x_shape, x_strides, before), (-1,))
        once = ops.creation.ones(at.shape, dtype=g.dtype, device=g.device)
        count = ops.indexing.index_add(ops.creation.zeros(n, dtype=g.dtype, device=g.device), 0, at, once)
        flat = flat / as_strided(count, x_shape, x_strides, before)
    return contiguous(flat)


def overlapping(size: tuple, stride: tuple) -> bool:
    """Whether two positions of such a view may be one element."""
    reach = 0
    for s, n in sorted((s, n) for n, s in zip(size, stride, strict=True) if n > 1):
        if s <= reach:
            return True
        reach += (n - 1) * s
    return False


@op(
    name="view",
    view=True,
    public=False,
    samples=lambda: [((3, 4), (2, 6)), ((3, 4), (-1,)), ((), (1, 1)), ((0, 3), (3, 0))],
    ref=np.reshape,
)
def view_as_shape(x, shape: tuple):
    """The same elements in another shape, without copying; RuntimeError where only a copy can."""
    if x._k.contiguous:
        return reshaped(x, filled(x.shape, tuple(shape), "view"))
    return placed(x, _seen_as(x.shape, x._strides, tuple(shape)))


@lru_cache(maxsize=4096)
def filled(shape: tuple, target: tuple, op: str) -> Size:
    return fill_shape(target, prod(shape), op)


@lru_cache(maxsize=4096)
def _seen_as(shape: tuple, strides: tuple, target: tuple) -> tuple:
    target = filled(shape, target, "view")
    found = view_strides(shape, strides, target)
    if found is None:
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one dimension spans "
            f"across two contiguous subspaces): {list(shape)} with strides {strides} as {list(target)}. "
            "Use .reshape(...) instead."
        )
    return geometry(target, found)


@view_as_shape.vjp
def _(g, x_shape):
    return reshape(g, x_shape)


def view_bits(x: Tensor, d: dtype) -> Tensor:
    """The memory of ``x`` as elements of another type, outside the graph. With smaller elements the last dimension
    becomes longer, with larger ones shorter."""
    old, new_ = x.dtype.itemsize, d.itemsize
    shape, strides, offset = list(x.shape), list(x.strides), x._offset
    if old != new_:
        into = f"to view {x.dtype.name} as {d.name} (different element sizes)"
        if not shape:
            raise RuntimeError(f"view: self.dim() cannot be 0 {into}")
        if strides[-1] != 1:
            raise RuntimeError(f"view: self.stride(-1) must be 1 {into}, but got {strides[-1]}")
        if new_ < old:
            more = old // new_
            shape[-1] *= more
            strides, offset = [*[s * more for s in strides[:-1]], 1], offset * more
        else:
            fewer = new_ // old
            outer = [(f"stride({i})", s) for i, s in enumerate(strides[:-1])]
            for name, n in (("size(-1)", shape[-1]), ("storage_offset()", offset), *outer):
                if n % fewer:
                    raise RuntimeError(f"view: self.{name} must be divisible by {fewer} {into}, but got {n}")
            shape[-1] //= fewer
            strides, offset = [*[s // fewer for s in strides[:-1]], 1], offset // fewer
    t = new(Tensor)
    t.shape, seen, n, _ = geometry(tuple(shape), tuple(strides))
    t._storage = storage = retyped(shared_storage(x), d)
    t._offset, t._k = offset, kind(d, x._k.device, seen is None)
    if seen is not None:
        t._strides = seen
    data = storage.data
    t._buf = None if data is None else data[offset : offset + n] if seen is None else data[offset:]
    return t


@exported("torch", "Tensor")
def reshape(input: Tensor, *sizes: Any, shape: Any = None) -> Tensor:
    """The elements in another shape, as a view where possible, else as a copy.

    Args:
        input: of any shape.
        *sizes, shape: the new sizes, as integers or as one sequence; one may be -1, and is computed.

    Returns:
        A tensor with the same elements in row-major order.

    Raises:
        RuntimeError: another number of elements, or more than one -1.
        TypeError: no sizes are given.

    >>> torch.reshape(torch.arange(6), (2, -1))
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    if shape is not None:
        sizes = by_name(sizes, shape, "reshape", "shape")
    elif not sizes and input.shape.numel() != 1:
        raise TypeError("reshape() missing 1 required positional argument: 'shape'")
    for n in sizes:
        if n.__class__ is not int:
            sizes = shape_args(sizes, "reshape", "shape")
            break
    target = filled(input.shape, sizes, "reshape")
    if not input._k.contiguous and view_strides(input.shape, input.strides, target) is None:
        return fresh(view_as_shape(clone(input), target))
    if input._k.contiguous and (input._edge is None or not mode.grad):  # nothing is recorded
        return reshaped(input, target)
    return view_as_shape(input, target)


@lru_cache(maxsize=4096)
def permuted(shape: tuple, strides: tuple | None, dims: tuple) -> tuple:
    ndim, strides = len(shape), strides or contiguous_strides(shape)
    if len(dims) == ndim:
        dims = tuple(wrap_dim(d, ndim, "permute") for d in dims)
    else:
        raise RuntimeError(
            "permute: number of dimensions in the tensor input does not match the length of the desired ordering of "
            f"dimensions: {len(dims)} are given, {dims}, and a tensor of shape {list(shape)} has {ndim}. Name each "
            "once, or exchange two with torch.transpose"
        )
    if sorted(dims) != list(range(ndim)):
        raise RuntimeError(f"permute: duplicate dims are not allowed in {dims}")
    return geometry(tuple(shape[d] for d in dims), tuple(strides[d] for d in dims))


@lru_cache(maxsize=4096)
def reversed_dims(shape: tuple, strides: tuple | None) -> tuple:
    """The geometry with the order of the dimensions reversed."""
    return geometry(shape[::-1], (strides or contiguous_strides(shape))[::-1])


@exported("torch")
@op(view=permuted, samples=lambda: [((2, 3, 4), (2, 0, 1)), ((3, 4), (-1, 0)), ((), ())], ref=np.transpose)
def permute(x, dims: tuple):
    """The dimensions in another order, as a view.

    Args:
        input: of any shape.
        dims: every dimension once.

    Returns:
        A tensor whose dimension i is dimension ``dims[i]`` of ``input``.

    Raises:
        RuntimeError: a dimension is missing or named twice.
        IndexError: a dimension is out of range.

    >>> torch.permute(torch.zeros(2, 3, 4), (2, 0, 1)).shape
    torch.Size([4, 2, 3])
    """


@permute.vjp
def _(g, *, dims):
    return permute(g, _inverse(tuple(dims)))


@lru_cache(maxsize=1024)
def _inverse(dims: tuple) -> tuple:
    inverse = [0] * len(dims)
    for i, d in enumerate(dims):
        inverse[d % len(dims)] = i
    return tuple(inverse)


@lru_cache(maxsize=4096)
def _transposed(shape: tuple, strides: tuple | None, dim0: int, dim1: int) -> tuple:
    a, b = wrap_dim(dim0, len(shape), "transpose"), wrap_dim(dim1, len(shape), "transpose")
    sizes, steps = list(shape), list(strides or contiguous_strides(shape))
    if sizes:
        sizes[a], sizes[b] = sizes[b], sizes[a]
        steps[a], steps[b] = steps[b], steps[a]
    return geometry(tuple(sizes), tuple(steps))


@exported("torch", "Tensor")
@exported("torch", name="swapdims")
@op(view=_transposed, samples=lambda: [((2, 3, 4), 0, 2), ((3, 4), -1, -2), ((3, 3), 1, 1)], ref=np.swapaxes)
def transpose(x, dim0: int, dim1: int):
    """Two dimensions exchanged, as a view.

    Args:
        input: of any shape.
        dim0, dim1: the two dimensions.

    Returns:
        A tensor whose sizes are exchanged likewise.

    Raises:
        IndexError: a dimension is out of range.

    >>> torch.transpose(torch.tensor([[1, 2], [3, 4]]), 0, 1)
    tensor([[1, 3],
            [2, 4]])
    """


@transpose.vjp
def _(g, *, dim0, dim1):
    return transpose(g, dim0, dim1)


@exported("torch", "Tensor")
def t(input: Tensor) -> Tensor:
    """The transpose of a matrix, as a view; vectors and numbers as they are.

    Args:
        input: of at most two dimensions.

    Returns:
        A tensor of shape (m, n) for one of shape (n, m).

    Raises:
        RuntimeError: more dimensions.

    >>> torch.t(torch.tensor([[1, 2], [3, 4]]))
    tensor([[1, 3],
            [2, 4]])
    """
    n = len(input.shape)
    if n > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {n}D")
    return transpose(input, 0, 1) if n == 2 else view_as_shape(input, input.shape)


@lru_cache(maxsize=4096)
def _expanded(shape: tuple, strides: tuple | None, to: tuple) -> tuple:
    lead = len(to) - len(shape)
    if -1 in to[: max(lead, 0)]:
        raise RuntimeError(
            f"expand: the expanded size of the tensor (-1) isn't allowed in a leading, non-existing dimension "
            f"{to.index(-1)}; sizes {list(to)} of a tensor of shape {list(shape)}"
        )
    target = [shape[i - lead] if n == -1 else n for i, n in enumerate(to)]
    if min(target, default=0) < 0:
        raise RuntimeError(f"expand: sizes may not be negative, but for -1, which keeps a size; got {list(to)}")
    fits = lead >= 0 and all(a in (1, b) for a, b in zip(shape, target[lead:], strict=True))
    if lead < 0:
        raise RuntimeError(
            f"expand: the number of sizes provided ({len(to)}) must be greater or equal to the number of dimensions in "
            f"the tensor ({len(shape)}); sizes {list(to)} of a tensor of shape {list(shape)}"
        )
    if not fits:
        d = next(d for d in range(len(to) - 1, lead - 1, -1) if shape[d - lead] not in (1, target[d]))
        raise RuntimeError(
            f"expand: The expanded size of the tensor ({to[d]}) must match the existing size ({shape[d - lead]}) at "
            f"non-singleton dimension {d}. Target sizes: {list(to)}. Tensor sizes: {list(shape)}; only dimensions of "
            "size 1 are repeated"
        )
    return geometry(tuple(target), broadcast_strides(shape, strides or contiguous_strides(shape), tuple(target)))


@op(
    name="expand",
    view=_expanded,
    public=False,
    samples=lambda: [((3, 1), (3, 4)), ((4,), (2, 3, 4)), ((), (2, 2)), ((1, 0), (3, 0))],
    ref=np.broadcast_to,
)
def expand_to(x, shape: tuple):
    """Dimensions of size 1 repeated without copying."""


@expand_to.vjp
def _(g, x_shape):
    return ops.reduction.sum_to(g, x_shape)


@exported("Tensor")
def expand(x: Tensor, *sizes: Any, size: Any = None) -> Tensor:
    """Dimensions of size 1 repeated as a view, without copying.

    Args:
        *sizes, size: the new sizes, as integers or as one sequence; -1 keeps a size, and new dimensions stand in front.

    Returns:
        A tensor of these sizes, whose elements share memory.

    Raises:
        RuntimeError: a size other than 1 would have to change, or there are fewer sizes than dimensions.

    >>> torch.tensor([[1], [2]]).expand(2, 3)
    tensor([[1, 1, 1],
            [2, 2, 2]])
    """
    if size is not None:
        sizes = by_name(sizes, size, "expand", "size")
    for n in sizes:
        if n.__class__ is not int:
            sizes = shape_args(sizes, "expand")
            break
    return expand_to(x, sizes)


@exported("Tensor")
def expand_as(x: Tensor, other: Tensor) -> Tensor:
    """Dimensions of size 1 repeated as a view, to the shape of another tensor.

    Args:
        other: gives the shape.

    Returns:
        ``x.expand(other.shape)``.

    >>> torch.tensor([[1], [2]]).expand_as(torch.zeros(2, 3))
    tensor([[1, 1, 1],
            [2, 2, 2]])
    """
    return expand_to(x, other.shape)


@exported("torch", "Tensor")
def broadcast_to(input: Tensor, *sizes: Any, size: Any = None) -> Tensor:
    """Seen in a shape to which it broadcasts, without copying.

    Args:
        input: of any shape.
        *sizes, size: the shape, as integers or as one sequence.

    Returns:
        A view of this shape, whose elements share memory.

    Raises:
        RuntimeError: ``input`` does not broadcast to the shape.

    >>> torch.broadcast_to(torch.tensor([1, 2]), (2, 2))
    tensor([[1, 2],
            [1, 2]])
    """
    if size is not None:
        sizes = by_name(sizes, size, "broadcast_to", "size")
    shape = sizes[0] if len(sizes) == 1 and sizes[0].__class__ is not int else sizes
    if shape.__class__ is tuple:
        for n in shape:
            if n.__class__ is not int:
                break
        else:
            return expand_to(input, shape)
    return expand_to(input, shape_args(sizes, "broadcast_to"))


def common_shape(op: str, tensors: Any) -> Size:
    """The shape to which all tensors broadcast; torch's complaint where there is none."""
    try:
        return broadcast_shapes(*[x.shape for x in tensors])
    except ValueError as e:
        dim, a, b = e.args
        shapes = ", ".join(str(list(x.shape)) for x in tensors)
        raise RuntimeError(
            f"{op}: The size of tensor a ({a}) must match the size of tensor b ({b}) at non-singleton dimension {dim}; "
            f"shapes {shapes} do not broadcast"
        ) from None


@exported("torch")
def broadcast_tensors(*tensors: Any) -> tuple[Tensor, ...]:
    """All tensors seen in their common shape, without copying.

    Args:
        *tensors: tensors, or one sequence of them.

    Returns:
        A tuple of views of one shape.

    Raises:
        TypeError: an argument is no tensor.
        RuntimeError: the shapes do not broadcast together.

    >>> a, b = torch.broadcast_tensors(torch.zeros(3, 1), torch.zeros(2))
    >>> a.shape, b.shape
    (torch.Size([3, 2]), torch.Size([3, 2]))
    """
    if len(tensors) == 1 and isinstance(tensors[0], tuple | list):
        tensors = tuple(tensors[0])
    for i, x in enumerate(tensors):
        if not isinstance(x, Tensor):
            raise TypeError(f"broadcast_tensors(): expected Tensor as element {i}, but got {type(x).__name__}")
    shape = common_shape("broadcast_tensors", tensors)
    return tuple(expand_to(x, shape) for x in tensors)


@lru_cache(maxsize=4096)
def _squeezed(shape: tuple, strides: tuple | None, dim: Any) -> tuple:
    dims = (
        range(len(shape))
        if dim is None
        else [wrap_dim(d, len(shape), "squeeze") for d in (dim if dim.__class__ is tuple else (dim,))]
    )
    if len(set(dims)) != len(dims):
        raise RuntimeError(f"squeeze: dim appears multiple times in the list of dims {list(dim)}")
    keep = [i for i, n in enumerate(shape) if n != 1 or i not in dims]
    strides = strides or contiguous_strides(shape)
    return geometry(tuple(shape[i] for i in keep), tuple(strides[i] for i in keep))


@op(
    name="squeeze",
    view=_squeezed,
    public=False,
    samples=lambda: [((1, 3, 1), (0, 2)), ((1, 3, 1), (2,)), ((2, 3), (0,))],
    ref=lambda x, dims: np.squeeze(x, tuple(d for d in dims if x.shape[d] == 1)),
)
def squeeze_dims(x, dim: Any):
    """Dimensions of size 1 among ``dim`` removed."""


@squeeze_dims.vjp
def _(g, x_shape):
    return reshape(g, x_shape)


@exported("torch", "Tensor")
def squeeze(input: Tensor, dim: Any = None, *more: int) -> Tensor:
    """Dimensions of size 1 removed, as a view.

    Args:
        input: of any shape.
        dim, *more: which, one or several, also as a tuple; others than those of size 1 stay. All if None.

    Returns:
        A tensor with the same elements.

    Raises:
        RuntimeError: a dimension is named twice.
        IndexError: a dimension is out of range.

    >>> torch.squeeze(torch.zeros(1, 3, 1)).shape, torch.squeeze(torch.zeros(1, 3, 1), 0).shape
    (torch.Size([3]), torch.Size([3, 1]))
    """
    if more:
        dim = (dim, *more)
    if dim is not None and dim.__class__ is not int:
        dim = dimensions(dim, "squeeze")
    if (input._edge is None or not mode.grad) and not mode.levels:  # nothing is recorded
        return placed(input, _squeezed(input.shape, input._strides, dim))
    return squeeze_dims(input, dim)


@lru_cache(maxsize=4096)
def _unsqueezed(shape: tuple, strides: tuple | None, dim: int) -> tuple:
    dim = wrap_dim(dim, len(shape) + 1, "unsqueeze")
    strides = strides or contiguous_strides(shape)
    step = strides[dim] * shape[dim] if dim < len(shape) else 1
    return geometry((*shape[:dim], 1, *shape[dim:]), (*strides[:dim], step, *strides[dim:]))


@exported("torch", "Tensor")
@op(view=_unsqueezed, samples=lambda: [((3, 4), 0), ((3, 4), -1), ((), 0)], ref=np.expand_dims)
def unsqueeze(x, dim: int):
    """A dimension of size 1 inserted, as a view.

    Args:
        input: of any shape.
        dim: where it stands in the result.

    Returns:
        A tensor of one dimension more.

    Raises:
        IndexError: ``dim`` is out of range.

    >>> torch.unsqueeze(torch.tensor([1, 2]), 1)
    tensor([[1],
            [2]])
    """


@unsqueeze.vjp
def _(g, x_shape):
    return reshape(g, x_shape)


@exported("torch", "Tensor")
@op(
    view=True,
    part=True,
    samples=lambda: [((3, 4), 0, 1), ((2, 3, 4), -1, -2)],
    ref=lambda x, dim, i: np.take(x, i, dim),
)
def select(x, dim: int, index: int):
    """The slice at ``index`` along ``dim``, without that dimension, as a view.

    Args:
        input: of at least one dimension.
        dim: the dimension.
        index: the position; negative numbers count from the end.

    Returns:
        A tensor of one dimension less.

    Raises:
        IndexError: ``dim`` or ``index`` is out of range, or ``input`` has no dimensions.

    >>> torch.select(torch.tensor([[1, 2], [3, 4]]), 1, 0)
    tensor([1, 3])
    """
    shape, strides, n, step = selected(x.shape, x._strides, dim)
    size = x.shape[dim]
    if not -size <= index < size:
        raise IndexError(f"index {index} is out of bounds for dimension {dim % len(x.shape)} with size {size}")
    return placed(x, (shape, strides, n, (index + size if index < 0 else index) * step))


@lru_cache(maxsize=4096)
def selected(shape: tuple, strides: tuple | None, dim: int) -> tuple:
    """The geometry of the slice at position 1."""
    dim = wrap_dim(dim, len(shape), "select")
    if not shape:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    strides = strides or contiguous_strides(shape)
    return geometry((*shape[:dim], *shape[dim + 1 :]), (*strides[:dim], *strides[dim + 1 :]), strides[dim])


@select.vjp
def _(g, x_shape, *, dim, index):
    dim %= len(x_shape)
    index %= x_shape[dim]
    return slice_backward(unsqueeze(g, dim), x_shape, dim, index, index + 1, 1)


@lru_cache(maxsize=4096)
def sliced(shape: tuple, strides: tuple | None, dim: int, start: int, end: int, step: int) -> tuple:
    """The geometry of a slice within bounds."""
    sizes, steps = list(shape), list(strides or contiguous_strides(shape))
    sizes[dim] = n = max(0, (end - start + step - 1) // step)
    at = start * steps[dim] if n else 0
    steps[dim] *= reaching(step, n)
    return geometry(tuple(sizes), tuple(steps), at)


@op(
    view=sliced,
    part=True,
    public=False,
    samples=lambda: [((7, 3), 0, 1, 6, 2), ((3, 5), 1, 0, 5, 3), ((3, 5), 1, 2, 2, 1)],
)
def slice(x, dim: int, start: int, end: int, step: int = 1):
    """Every ``step``-th element from ``start`` to ``end`` (both within bounds) along ``dim``."""


def reaching(step: int, n: int) -> int:
    """The step between ``n`` elements; 1 for one that would leave 64 bits before the second of them."""
    return step if n > 1 or step < 1 << 31 else 1


@slice.vjp
def _(g, x_shape, *, dim, start, end, step):
    return slice_backward(g, x_shape, dim, start, end, step)


@op(public=False, cost=moves, wide=False, samples=lambda: [((3, 3), (7, 3), 0, 1, 6, 2), ((3, 2), (3, 5), 1, 0, 5, 3)])
def slice_backward(x, shape: tuple, dim: int, start: int, end: int, step: int):
    """Zeros in which the slice is ``x``."""
    y = ops.creation.zeros(shape, dtype=x.dtype, device=x.device)
    slice(y, dim, start, end, step).copy_(x)
    return y


@slice_backward.vjp
def _(g, *, dim, start, end, step):
    return slice(g, dim, start, end, step)


@exported("torch", "Tensor")
def narrow(input: Tensor, dim: int, start: Any, length: int) -> Tensor:
    """``length`` elements from ``start`` along ``dim``, as a view.

    Args:
        input: of at least one dimension.
        dim: the dimension.
        start: the first position; negative numbers count from the end.
        length: how many.

    Returns:
        A tensor whose size along ``dim`` is ``length``.

    Raises:
        RuntimeError: ``length`` is negative or reaches beyond the end, or ``input`` has no dimensions.
        IndexError: ``dim`` or ``start`` is out of range.

    >>> torch.narrow(torch.arange(5), 0, 1, 3)
    tensor([1, 2, 3])
    """
    dim = wrap_dim(dim, input.ndim, "narrow")
    if start.__class__ is not int or length.__class__ is not int:
        start, length = integer(start, "narrow", "start"), integer(length, "narrow", "length")
    if not input.shape:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    n = input.shape[dim]
    if length < 0:
        raise RuntimeError(f"narrow(): length must be non-negative, got {length}")
    if not -n <= start <= n:
        raise IndexError(f"narrow: start out of range (expected to be in range of [{-n}, {n}], but got {start})")
    start += n if start < 0 else 0
    if start + length > n:
        raise RuntimeError(f"narrow: start ({start}) + length ({length}) exceeds dimension size ({n}).")
    return slice(input, dim, start, start + length)


@lru_cache(maxsize=4096)
def _diagonals(shape: tuple, strides: tuple | None, offset: int, dim1: int, dim2: int) -> tuple:
    a, b = wrap_dim(dim1, len(shape), "diagonal"), wrap_dim(dim2, len(shape), "diagonal")
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    strides = strides or contiguous_strides(shape)
    n = max(0, min(shape[a], shape[b] - offset) if offset >= 0 else min(shape[a] + offset, shape[b]))
    at = (offset * strides[b] if offset >= 0 else -offset * strides[a]) if n else 0
    rest = [i for i in range(len(shape)) if i not in (a, b)]
    return geometry((*[shape[i] for i in rest], n), (*[strides[i] for i in rest], strides[a] + strides[b]), at)


@exported("torch", "Tensor")
@op(
    view=_diagonals,
    samples=lambda: [((3, 4),), ((3, 4), 1), ((4, 3), -2), ((2, 3, 4), 0, 2, 1)],
    ref=lambda x, offset=0, dim1=0, dim2=1: np.diagonal(x, offset, dim1, dim2),
)
def diagonal(x, offset: int = 0, dim1: int = 0, dim2: int = 1):
    """The diagonal of two dimensions, as a view in which it is the last dimension.

    Args:
        input: of at least two dimensions.
        offset: which diagonal: 0 the main one, 1 the next above, -1 the next below.
        dim1, dim2: the rows and the columns.

    Returns:
        A tensor of one dimension less.

    Raises:
        RuntimeError: ``dim1`` and ``dim2`` are the same.
        IndexError: a dimension is out of range.

    >>> torch.diagonal(torch.tensor([[1, 2], [3, 4]]))
    tensor([1, 4])
    """


@diagonal.vjp
def _(g, x_shape, *, offset, dim1, dim2):
    return diagonal_backward(g, x_shape, offset, dim1, dim2)


@op(
    public=False,
    wide=False,
    samples=lambda: [((3,), (3, 4), 0, 0, 1), ((3,), (3, 4), 1, 0, 1), ((2, 2), (3, 2, 3), -1, 0, 2)],
)
def diagonal_backward(x, shape: tuple, offset: int, dim1: int, dim2: int):
    """Zeros whose diagonal is ``x``."""
    y = ops.creation.zeros(shape, dtype=x.dtype, device=x.device)
    diagonal(y, offset, dim1, dim2).copy_(x)
    return y


@diagonal_backward.vjp
def _(g, *, offset, dim1, dim2):
    return diagonal(g, offset, dim1, dim2)


@lru_cache(maxsize=4096)
def _windows(shape: tuple, strides: tuple | None, dimension: int, size: int, step: int) -> tuple:
    d = wrap_dim(dimension, len(shape), "unfold")
    strides = strides or contiguous_strides(shape)
    n = shape[d] if shape else 1
    if size < 0:
        raise RuntimeError(f"unfold: size is {size} but must be >= 0")
    if size > n:
        raise RuntimeError(f"unfold: maximum size for tensor at dimension {d} is {n} but size is {size}")
    if step <= 0:
        raise RuntimeError(f"unfold: step is {step} but must be > 0")
    sizes, steps = [*shape, size], [*strides, strides[d] if shape else 1]
    if shape:
        sizes[d] = (n - size) // step + 1
        steps[d] *= reaching(step, sizes[d])
    return geometry(tuple(sizes), tuple(steps))


@exported("Tensor")
@op(view=_windows, samples=lambda: [((7,), 0, 3, 2), ((3, 6), 1, 2, 1), ((6, 2), 0, 4, 2)])
def unfold(x, dimension: int, size: int, step: int):
    """Windows along a dimension, as a view in which their elements are a new last dimension.

    Args:
        dimension: the dimension.
        size: the number of elements of a window.
        step: how far the next one begins behind; windows may overlap.

    Returns:
        A tensor whose size along ``dimension`` is the number of windows, ``(n - size) // step + 1``.

    Raises:
        RuntimeError: ``size`` is negative or exceeds the dimension, or ``step`` is not positive.
        IndexError: ``dimension`` is out of range.

    >>> torch.arange(5).unfold(0, 3, 1)
    tensor([[0, 1, 2],
            [1, 2, 3],
            [2, 3, 4]])
    """


@unfold.vjp
def _(g, x_shape, *, dimension, size, step):
    strides = contiguous_strides(x_shape)
    d = dimension % max(len(x_shape), 1)
    steps = [*strides, strides[d] if strides else 1]
    if x_shape:
        steps[d] *= reaching(step, g.shape[d])
    return as_strided_backward(g, x_shape, tuple(g.shape), tuple(steps))


@op(public=False, samples=lambda: [((3, 5), (12,), (3, 5), (2, 1)), ((2, 2), (4, 4), (2, 2), (4, 1))])
def as_strided_backward(x, shape: tuple, size: tuple, stride: tuple):
    """The gradient of a contiguous tensor viewed with ``size`` and ``stride``: overlapping elements add up."""

    n = Size(shape).numel()
    at = reshape(as_strided(ops.ranges.arange(n, device=x.device), size, stride, 0), (-1,))
    return reshape(
        ops.indexing.index_add(ops.creation.zeros(n, dtype=x.dtype, device=x.device), 0, at, reshape(x, (-1,))), shape
    )


@as_strided_backward.vjp
def _(g, *, size, stride):
    return as_strided(contiguous(g), size, stride)
