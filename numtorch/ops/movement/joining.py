"""Splits tensors into views, and joins tensors by copying."""

from __future__ import annotations

from functools import lru_cache
from itertools import accumulate, pairwise
from math import prod
from typing import Any

import numpy as np

import numtorch.dtype as dtypes
from numtorch import engine, ops
from numtorch._tensor import Tensor, empty, placed, side_by_side
from numtorch.arguments import integer, integers, no_tensor
from numtorch.dispatch.aliases import own_names
from numtorch.dispatch.cost import moves
from numtorch.dispatch.loops import like
from numtorch.dispatch.op import op
from numtorch.dispatch.out import CAST, JOINED, into
from numtorch.errors import OutOfMemoryError
from numtorch.exports import exported
from numtorch.ops.movement.arguments import SEQUENCES
from numtorch.ops.movement.copies import clone, copy_
from numtorch.ops.movement.copies_cpu import joined
from numtorch.ops.movement.shapes import atleast_1d, atleast_2d, atleast_3d
from numtorch.ops.movement.views import narrow, selected, slice, slice_backward, sliced, unsqueeze, view_as_shape
from numtorch.storage import Size, wrap_dim


@op(
    view=True,
    public=False,
    samples=lambda: [((3, 4), 0), ((2, 3, 4), 2)],
    ref=lambda x, dim: tuple(np.take(x, i, dim) for i in range(x.shape[dim])),
)
def unbind_along(x, dim: int):
    """The slices along a dimension, without it: one node of the graph, whose gradient stacks theirs."""
    shape, strides, n, step = selected(x.shape, x._strides, dim)
    return side_by_side(x, shape, strides, n, range(0, x.shape[dim] * step, step) if step else [0] * x.shape[dim])


@unbind_along.vjp
def _(g, x_shape, *, dim):
    if all(p is not None for p in g):
        return stack(g, dim)
    return _joined([None if p is None else unsqueeze(p, dim) for p in g], (1,) * len(g), dim, x_shape)


unbind_along.op.backward_name = "UnbindBackward0"


@exported("torch", "Tensor")
def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """The slices along a dimension, without it, as views.

    Args:
        input: of at least one dimension.
        dim: the dimension that is taken apart.

    Returns:
        A tuple of ``input.shape[dim]`` tensors.

    Raises:
        RuntimeError: ``input`` has no dimensions.
        IndexError: ``dim`` is out of range.

    >>> torch.unbind(torch.tensor([[1, 2], [3, 4]]))
    (tensor([1, 2]), tensor([3, 4]))
    """
    if not input.shape:
        raise RuntimeError("Dimension specified as 0 but tensor has no dimensions")
    return unbind_along(input, wrap_dim(dim, len(input.shape), "unbind"))


@op(
    view=True,
    public=False,
    samples=lambda: [((7, 3), (2, 0, 4, 1), 0), ((3, 5), (5,), 1)],
    ref=lambda x, sizes, dim: tuple(np.split(x, np.cumsum(sizes)[:-1], dim)),
)
def split_along(x, sizes: tuple, dim: int):
    """Pieces of the given sizes along a dimension: one node of the graph, whose gradient joins theirs."""
    alike, pieces = _pieces(x.shape, x._strides, sizes, dim)
    return side_by_side(x, *pieces) if alike else tuple([placed(x, piece) for piece in pieces])


@lru_cache(maxsize=256)
def _pieces(shape: tuple, strides: tuple | None, sizes: tuple, dim: int) -> tuple[bool, Any]:
    """Whether all pieces have one geometry, and then what ``side_by_side`` takes; else the geometry of each."""
    pieces = [sliced(shape, strides, dim, a, b, 1) for a, b in pairwise(accumulate(sizes, initial=0))]
    alike = len(set(sizes)) == 1
    return alike, (*pieces[0][:3], tuple([at for *_, at in pieces])) if alike else pieces


@split_along.vjp
def _(g, x_shape, *, sizes, dim):
    return _joined(g, sizes, dim, x_shape)


split_along.op.backward_name = "SplitBackward0"


def _joined(parts: Any, sizes: tuple, dim: int, shape: Size) -> Tensor:
    """The parts side by side in a tensor of ``shape``; zeros for those that are None, neighbours as one."""
    if all(p is not None for p in parts):
        return cat(parts, dim)
    found = [i for i, p in enumerate(parts) if p is not None]
    if len(found) == 1:
        at = sum(sizes[: found[0]])
        return slice_backward(parts[found[0]], shape, dim, at, at + sizes[found[0]], 1)
    d_type, device, row, missing = parts[found[0]].dtype, parts[found[0]].device, [], 0

    def fill() -> None:
        if missing:
            row.append(ops.creation.zeros((*shape[:dim], missing, *shape[dim + 1 :]), dtype=d_type, device=device))

    for p, n in zip(parts, sizes, strict=True):
        if p is None:
            missing += n
        else:
            fill()
            missing = 0
            row.append(p)
    fill()
    return cat(row, dim)


@exported("torch", "Tensor")
@own_names
def split(tensor: Tensor, split_size_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Pieces along a dimension, as views.

    Args:
        tensor: of at least one dimension.
        split_size_or_sections: the size of every piece, of which the last may be smaller, or a list of all sizes.
        dim: the dimension that is cut.

    Returns:
        A tuple of tensors.

    Raises:
        RuntimeError: negative sizes, sizes that do not add up to that of the dimension, or no dimension.
        IndexError: ``dim`` is out of range.

    >>> torch.split(torch.arange(5), 2)
    (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    >>> torch.split(torch.arange(5), [1, 4])
    (tensor([0]), tensor([1, 2, 3, 4]))
    """
    sizes = split_size_or_sections
    if sizes.__class__ is not int or dim.__class__ is not int:
        several = isinstance(sizes, tuple | list)
        sizes = integers(sizes, "split", "split_sizes") if several else integer(sizes, "split", "split_size")
        dim = integer(dim, "split", "dim")
    return split_along(tensor, *_sections(tensor.shape, sizes, dim))


@lru_cache(maxsize=256)
def _sections(shape: tuple, sizes: Any, dim: int) -> tuple[tuple, int]:
    d = wrap_dim(dim, len(shape), "split")
    if not shape:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    n = shape[d]
    if isinstance(sizes, int):
        if sizes < 0:
            raise RuntimeError(f"split expects split_size be non-negative, but got split_size={sizes}")
        if sizes == 0 and n:
            raise RuntimeError(
                f"split_size can only be 0 if dimension size is 0, but got dimension size of {n} (split)"
            )
        sizes = [min(sizes, n - i) for i in range(0, n, sizes)] if n else [0]
    if min(sizes, default=0) < 0:
        raise RuntimeError(
            f"split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes={list(sizes)}"
        )
    if sum(sizes) != n:
        raise RuntimeError(
            f"split_with_sizes expects split_sizes to sum exactly to {n} (input tensor's size at dimension {d}), "
            f"but got split_sizes={list(sizes)}"
        )
    return tuple(sizes), d


@exported("torch", "Tensor")
def split_with_sizes(input: Tensor, split_sizes: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Pieces of the given sizes, as views.

    Args:
        input: of at least one dimension.
        split_sizes: a tuple or list of sizes that add up to the dimension's.
        dim: along which dimension.

    Returns:
        A tuple of tensors.

    Raises:
        TypeError: ``split_sizes`` is neither.
        RuntimeError: the sizes do not add up.

    >>> torch.split_with_sizes(torch.arange(5), [2, 3])
    (tensor([0, 1]), tensor([2, 3, 4]))
    """
    if not isinstance(split_sizes, tuple | list):
        raise TypeError(
            f"split_with_sizes(): argument 'split_sizes' must be tuple of ints, not {split_sizes.__class__.__name__}"
        )
    return split(input, split_sizes, dim)


@exported("torch", "Tensor")
def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most ``chunks`` pieces along a dimension, as views: all as long as the first, but for the last.

    Args:
        input: of at least one dimension.
        chunks: how many; there are fewer where pieces of equal size, rounded up, cover the dimension sooner.
        dim: the dimension that is cut.

    Returns:
        A tuple of tensors.

    Raises:
        RuntimeError: ``chunks`` is not positive, or ``input`` has no dimensions.
        IndexError: ``dim`` is out of range.

    >>> torch.chunk(torch.arange(5), 2)
    (tensor([0, 1, 2]), tensor([3, 4]))
    >>> len(torch.chunk(torch.arange(6), 4))
    3
    """
    if chunks.__class__ is not int or dim.__class__ is not int:
        chunks, dim = integer(chunks, "chunk", "chunks"), integer(dim, "chunk", "dim")
    return split_along(input, *_chunks(input.shape, chunks, dim))


@lru_cache(maxsize=256)
def _chunks(shape: tuple, chunks: int, dim: int) -> tuple[tuple, int]:
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    if not shape:
        raise RuntimeError("chunk expects at least a 1-dimensional tensor")
    n = shape[wrap_dim(dim, len(shape), "chunk")]
    if n == 0:
        _countable(chunks, "chunk")
    return _sections(shape, (0,) * chunks if n == 0 else -(-n // chunks), dim)


MOST_PIECES = 1 << 24  # a tensor each: gigabytes


def _countable(pieces: int, op: str) -> None:
    """An error for more pieces than can be made in a moment, most of which would be empty."""
    if pieces > MOST_PIECES:
        raise OutOfMemoryError(
            f"{op}: {pieces} pieces are more than fit into memory; a tensor can be cut into at most {MOST_PIECES}"
        )


@exported("torch", also=("concat", "concatenate"))
@engine.fill
@op(
    listed=True,
    cost=moves,
    out=JOINED,
    samples=lambda: [
        (((2, 3), (4, 3)), 0),
        (((2, 3), (2, 20), (2, 1)), 1),
        (((2, 3, 4),) * 10, 1),
        (((100, 2, 180), (100, 7, 180)), -2),
        (((3,), (0,), (2,)), 0),
    ],
    ref=lambda *given: np.concatenate(given[:-1], given[-1]),
)
def cat(tensors, dim: int = 0):
    """Tensors joined along an existing dimension, as a copy.

    Args:
        tensors: a sequence of tensors whose shapes are equal but for ``dim``; vectors without elements fit everywhere.
        dim: the dimension that grows.

    Returns:
        A tensor of the promoted type, whose size along ``dim`` is the sum of the sizes.

    Raises:
        TypeError: the argument is no sequence, or an element of it is no tensor.
        ValueError: there are no tensors.
        RuntimeError: the shapes or devices do not match, or a tensor has no dimensions.
        IndexError: ``dim`` is out of range.

    >>> torch.cat([torch.tensor([[1, 2]]), torch.tensor([[3, 4], [5, 6]])])
    tensor([[1, 2],
            [3, 4],
            [5, 6]])
    """
    y, at = empty(_joined_shape(tensors, dim), tensors[0].dtype, tensors[0].device), 0
    for x in tensors:
        copy_(slice(y, dim, at, at + x.shape[dim]), x)
        at += x.shape[dim]
    return y


@cat.arguments
def _(tensors, dim):
    if not tensors:
        raise ValueError("torch.cat(): expected a non-empty list of Tensors")
    for i, x in enumerate(tensors):
        if not x.shape:
            raise RuntimeError(
                f"cat: zero-dimensional tensor (at position {i}) cannot be concatenated; give it a dimension with "
                ".reshape(1), or use stack"
            )
    first = next((x for x in tensors if x.shape != (0,)), tensors[0])
    d = wrap_dim(dim, first.ndim, "cat") if first.shape != (0,) else 0
    nothing = (*first.shape[:d], 0, *first.shape[d + 1 :])
    fit = []
    for i, x in enumerate(tensors):
        if x.shape == (0,) and first.ndim > 1:  # once all empty tensors were such
            x = view_as_shape(x, nothing)
        if x.ndim != first.ndim or any(
            a != b for j, (a, b) in enumerate(zip(x.shape, first.shape, strict=True)) if j != d
        ):
            raise RuntimeError(
                f"cat: Sizes of tensors must match except in dimension {d}. Expected {list(first.shape)} but got "
                f"{list(x.shape)} for tensor number {i} in the list."
            )
        fit.append(x)
    return _of_one_type(tensors, fit), d


def _of_one_type(tensors: list, fit: list) -> list:
    """Tensors in their promoted type; the list itself where nothing has changed."""
    d_type = dtypes.result_of([(x.dtype, x.ndim) for x in fit], [])
    fit = [engine.as_type(x, d_type) for x in fit]
    return tensors if all(a is b for a, b in zip(tensors, fit, strict=True)) else fit


def _joined_shape(tensors: list, dim: int) -> tuple:
    shape = tensors[0].shape
    return (*shape[:dim], sum([x.shape[dim] for x in tensors]), *shape[dim + 1 :])


@cat.vjp
def _(g, tensors_shape, *, dim):
    return split_along(g, tuple([shape[dim] for shape in tensors_shape]), dim)


@cat.loop("cpu", name="side_by_side")
def _(tensors, dim):
    return joined(tensors, prod(tensors[0].shape[:dim]), like(tensors[0], _joined_shape(tensors, dim)))


@exported("torch")
@engine.fill
@op(
    listed=True,
    cost=moves,
    out=JOINED,
    samples=lambda: [(((2, 3), (2, 3)), 0), (((2, 3),) * 3, 2), (((200, 90),) * 2, 1), (((), ()), 0)],
    ref=lambda *given: np.stack(given[:-1], given[-1]),
)
def stack(tensors, dim: int = 0):
    """Tensors of one shape joined along a new dimension, as a copy.

    Args:
        tensors: a sequence of tensors.
        dim: where the new dimension stands.

    Returns:
        A tensor of the promoted type, with as many elements along ``dim`` as there are tensors.

    Raises:
        TypeError: the argument is no sequence, or an element of it is no tensor.
        RuntimeError: there are no tensors, or their shapes differ.
        IndexError: ``dim`` is out of range.

    >>> torch.stack([torch.tensor([1, 2]), torch.tensor([3, 4])], dim=1)
    tensor([[1, 3],
            [2, 4]])
    """
    return cat([unsqueeze(x, dim) for x in tensors], dim)


@stack.arguments
def _(tensors, dim):
    if not tensors:
        raise RuntimeError("stack expects a non-empty TensorList")
    shape = tensors[0].shape
    for i, x in enumerate(tensors):
        if x.shape != shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(shape)} at entry 0 and {list(x.shape)} at "
                f"entry {i}"
            )
    return _of_one_type(tensors, tensors), wrap_dim(dim, len(shape) + 1, "stack")


@stack.vjp
def _(g, *, dim):
    return unbind_along(g, dim)


@stack.loop("cpu", name="side_by_side")
def _(tensors, dim):
    shape = tensors[0].shape
    return joined(tensors, prod(shape[:dim]), like(tensors[0], (*shape[:dim], len(tensors), *shape[dim:])))


# --- split and join by position, as NumPy does -----------------------------------------------------


@exported("torch", "Tensor")
def tensor_split(input: Tensor, indices_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Pieces along a dimension, as views, of almost equal size or cut at given places.

    Args:
        input: of at least one dimension.
        indices_or_sections: how many pieces, of which the first are one longer where the size is no multiple; or a list
            or int64 vector of the places where the second and further pieces begin.
        dim: the dimension that is cut.

    Returns:
        A tuple of tensors.

    Raises:
        RuntimeError: no dimension, a number of pieces that is not positive, or places of another type.
        IndexError: ``dim`` is out of range.

    >>> torch.tensor_split(torch.arange(5), 2)
    (tensor([0, 1, 2]), tensor([3, 4]))
    >>> torch.tensor_split(torch.arange(5), (1, 3))
    (tensor([0]), tensor([1, 2]), tensor([3, 4]))
    """
    if input.ndim == 0:
        raise RuntimeError("tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims")
    d = wrap_dim(dim, input.ndim, "tensor_split")
    n, cuts = input.shape[d], _cuts(indices_or_sections, "tensor_split")
    if cuts.__class__ is int:
        if cuts <= 0:
            raise RuntimeError(f"number of sections must be larger than 0, got {cuts}")
        _countable(cuts, "tensor_split")
        short, longer = divmod(n, cuts)
        cuts = [i * short + min(i, longer) for i in range(1, cuts)]
    ends = [slice_end if slice_end >= 0 else max(slice_end + n, 0) for slice_end in cuts]
    bounds = [min(b, n) for b in (0, *ends, n)]
    if bounds == sorted(bounds):
        return split_along(input, tuple([b - a for a, b in pairwise(bounds)]), d)
    return tuple(slice(input, d, a, max(a, b)) for a, b in pairwise(bounds))


def _cuts(given: Any, op: str) -> Any:
    """A number of pieces, or a tuple of places; both also as int64 tensors."""
    if isinstance(given, Tensor):
        if given.dtype is not dtypes.int64:
            raise RuntimeError(
                f"{op} expected tensor_indices_or_sections to have dtype of long, but got {given.dtype.name}"
            )
        if given.ndim > 1:
            raise RuntimeError(
                f"{op} expected tensor_indices_or_sections to be a zero-dimensional or one-dimensional tensor, but got "
                f"a tensor with {given.ndim} dims"
            )
        given = given.tolist()
    name = "indices_or_sections"
    return integers(given, op, name) if isinstance(given, tuple | list) else integer(given, op, name)


def _equal_pieces(x: Tensor, cuts: Any, more: tuple, d: int, least: int, name: str) -> tuple[Tensor, ...]:
    """``tensor_split`` of a tensor of at least so many dimensions; a number of pieces has to divide the size."""
    if x.ndim < least:
        raise RuntimeError(
            f"torch.{name} requires a tensor with at least {least} dimension{'s' * (least > 1)}, but got a tensor "
            f"with {x.ndim} dimensions!"
        )
    cuts = _cuts((cuts, *more) if more else cuts, name)
    if cuts.__class__ is int and (cuts == 0 or x.shape[d] % cuts):
        raise RuntimeError(
            f"torch.{name} attempted to split along dimension {d}, but the size of the dimension {x.shape[d]} "
            f"is not divisible by the split_size {cuts}!"
        )
    return tensor_split(x, cuts, d)


@exported("torch", "Tensor")
def hsplit(input: Tensor, indices_or_sections: Any, *more: int) -> tuple[Tensor, ...]:
    """Pieces along the second dimension, of vectors along the first, as views.

    Args:
        input: of at least one dimension.
        indices_or_sections, *more: how many equal pieces; or, also as separate numbers, the places where the second and
            further ones begin.

    Returns:
        A tuple of tensors.

    Raises:
        RuntimeError: no dimension, or a size that is no multiple of the number of pieces.

    >>> torch.hsplit(torch.arange(4), 2)
    (tensor([0, 1]), tensor([2, 3]))
    """
    return _equal_pieces(input, indices_or_sections, more, 0 if input.ndim == 1 else 1, 1, "hsplit")


@exported("torch", "Tensor")
def vsplit(input: Tensor, indices_or_sections: Any, *more: int) -> tuple[Tensor, ...]:
    """Pieces along the first dimension, as views.

    Args:
        input: of at least two dimensions.
        indices_or_sections, *more: how many equal pieces; or, also as separate numbers, the places where the second and
            further ones begin.

    Returns:
        A tuple of tensors.

    Raises:
        RuntimeError: fewer dimensions, or a size that is no multiple of the number of pieces.

    >>> torch.vsplit(torch.tensor([[1, 2], [3, 4]]), 2)
    (tensor([[1, 2]]), tensor([[3, 4]]))
    """
    return _equal_pieces(input, indices_or_sections, more, 0, 2, "vsplit")


@exported("torch", "Tensor")
def dsplit(input: Tensor, indices_or_sections: Any, *more: int) -> tuple[Tensor, ...]:
    """Pieces along the third dimension, as views.

    Args:
        input: of at least three dimensions.
        indices_or_sections, *more: how many equal pieces; or, also as separate numbers, the places where the second and
            further ones begin.

    Returns:
        A tuple of tensors.

    Raises:
        RuntimeError: fewer dimensions, or a size that is no multiple of the number of pieces.

    >>> [tuple(x.shape) for x in torch.dsplit(torch.zeros(1, 2, 4), 2)]
    [(1, 2, 2), (1, 2, 2)]
    """
    return _equal_pieces(input, indices_or_sections, more, 2, 3, "dsplit")


def _listed(tensors: Any, op: str) -> list[Tensor]:
    """The tensors to be joined; an error unless there are some, and nothing else."""
    if not isinstance(tensors, SEQUENCES):
        raise TypeError(
            f"{op}(): argument 'tensors' (position 1) must be tuple of Tensors, not {type(tensors).__name__}; "
            f"put them into a list: torch.{op}([a, b])"
        )
    if not tensors:
        raise RuntimeError(f"{op} expects a non-empty TensorList")
    for i, x in enumerate(tensors):
        if not isinstance(x, Tensor):
            raise no_tensor(op, i, x)
    return tensors if tensors.__class__ is list else list(tensors)


@exported("torch")
def hstack(tensors: Any, *, out: Any = None) -> Tensor:
    """Tensors joined side by side: along the second dimension, vectors along the first.

    Args:
        tensors: a sequence of tensors whose other sizes are equal; numbers count as vectors.

    Returns:
        A tensor of the promoted type.

    Raises:
        TypeError: the argument is no sequence, or an element of it is no tensor.
        RuntimeError: there are no tensors, or their shapes do not match.

    >>> torch.hstack((torch.tensor([1]), torch.tensor([2, 3])))
    tensor([1, 2, 3])
    """
    if out is not None:
        return into(out, JOINED, hstack, tensors)
    parts = [atleast_1d(x) for x in _listed(tensors, "hstack")]
    return cat(parts, 0 if parts[0].ndim == 1 else 1)


@exported("torch", also=("row_stack",))
def vstack(tensors: Any, *, out: Any = None) -> Tensor:
    """Tensors joined on top of each other, along the first dimension; vectors are rows.

    Args:
        tensors: a sequence of tensors whose other sizes are equal.

    Returns:
        A tensor of the promoted type, of at least two dimensions.

    Raises:
        TypeError: the argument is no sequence, or an element of it is no tensor.
        RuntimeError: there are no tensors, or their shapes do not match.

    >>> torch.vstack((torch.tensor([1, 2]), torch.tensor([3, 4])))
    tensor([[1, 2],
            [3, 4]])
    """
    if out is not None:
        return into(out, JOINED, vstack, tensors)
    return cat([atleast_2d(x) for x in _listed(tensors, "vstack")], 0)


@exported("torch")
def dstack(tensors: Any, *, out: Any = None) -> Tensor:
    """Tensors joined along the third dimension; vectors (n) count as (1, n, 1), matrices (n, m) as (n, m, 1).

    Args:
        tensors: a sequence of tensors whose other sizes are equal.

    Returns:
        A tensor of the promoted type, of at least three dimensions.

    Raises:
        TypeError: the argument is no sequence, or an element of it is no tensor.
        RuntimeError: there are no tensors, or their shapes do not match.

    >>> torch.dstack((torch.tensor([1, 2]), torch.tensor([3, 4])))
    tensor([[[1, 3],
             [2, 4]]])
    """
    if out is not None:
        return into(out, JOINED, dstack, tensors)
    return cat([atleast_3d(x) for x in _listed(tensors, "dstack")], 2)


@exported("torch")
def column_stack(tensors: Any, *, out: Any = None) -> Tensor:
    """Tensors joined side by side, along the second dimension; vectors are columns.

    Args:
        tensors: a sequence of tensors whose other sizes are equal.

    Returns:
        A tensor of the promoted type, of at least two dimensions.

    Raises:
        TypeError: the argument is no sequence, or an element of it is no tensor.
        RuntimeError: there are no tensors, or their shapes do not match.

    >>> torch.column_stack((torch.tensor([1, 2]), torch.tensor([3, 4])))
    tensor([[1, 3],
            [2, 4]])
    """
    if out is not None:
        return into(out, JOINED, column_stack, tensors)
    return cat([unsqueeze(atleast_1d(x), 1) if x.ndim <= 1 else x for x in _listed(tensors, "column_stack")], 1)


@exported("torch", "Tensor")
def diff(
    input: Tensor,
    n: int = 1,
    dim: int = -1,
    prepend: Tensor | None = None,
    append: Tensor | None = None,
    *,
    out: Any = None,
) -> Tensor:
    """``x[i + 1] - x[i]`` along a dimension, taken ``n`` times; of booleans whether neighbours differ.

    Args:
        input: of at least one dimension.
        n: how often; 0 gives a copy.
        dim: the dimension.
        prepend, append: tensors that are joined before and behind first.

    Returns:
        A tensor that is shorter by ``n`` along ``dim``.

    Raises:
        RuntimeError: no dimension, a negative ``n``, or shapes that do not match.
        IndexError: ``dim`` is out of range.

    >>> torch.diff(torch.tensor([1, 3, 2]))
    tensor([ 2, -1])
    >>> torch.diff(torch.tensor([1, 3, 2]), prepend=torch.tensor([0]))
    tensor([ 1,  2, -1])
    """
    if out is not None:
        return into(out, CAST, diff, input, n, dim, prepend, append)
    if input.ndim == 0:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    n, d = integer(n, "diff", "n"), wrap_dim(dim, input.ndim, "diff")
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    parts = [x for x in (prepend, input, append) if x is not None]
    for x in parts:
        if x.ndim != input.ndim:
            raise RuntimeError(
                f"diff expects prepend or append to be the same dimension as input, but got {x.ndim}D and {input.ndim}D"
            )
        if any(a != b for i, (a, b) in enumerate(zip(x.shape, input.shape, strict=True)) if i != d):
            raise RuntimeError(
                "diff expects the shape of tensor to prepend or append to match that of input except along the "
                f"differencing dimension {d}, but got {list(x.shape)} and {list(input.shape)}"
            )
    if not n:
        return clone(input)
    y = cat(parts, d) if len(parts) > 1 else input
    for _ in range(min(n, y.shape[d])):
        size = y.shape[d]
        after, before = narrow(y, d, 1, size - 1), narrow(y, d, 0, size - 1)
        y = after ^ before if y.dtype is dtypes.bool else after - before
    return y
