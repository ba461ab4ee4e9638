"""The same elements, repeated or in another order: repeat, flip, roll."""

from __future__ import annotations

from math import prod
from sys import maxsize
from typing import Any

import numpy as np

from numtorch import ops
from numtorch._tensor import Tensor, counted, empty
from numtorch.arguments import Dims, integer
from numtorch.device import CPU
from numtorch.dispatch.cost import moves
from numtorch.dispatch.loops import Loop, like
from numtorch.dispatch.op import op
from numtorch.dtype import int32, int64
from numtorch.exports import exported
from numtorch.ops.movement import copies_cpu as cpu
from numtorch.ops.movement.arguments import by_name, shape_args
from numtorch.ops.movement.copies import clone, contiguous
from numtorch.ops.movement.joining import cat
from numtorch.ops.movement.views import expand_to, narrow, reshape, transpose, view_as_shape
from numtorch.storage import collapse, contiguous_strides, wrap_dim


@op(
    public=False,
    cost=moves,
    wide=False,
    samples=lambda: [((2, 3), (2, 1)), ((3,), (2, 2)), ((2, 3), (1, 0)), ((), (3,)), ((2, 1, 3), (1, 3, 1, 2))],
    ref=np.tile,
)
def repeat(x, repeats: tuple):
    """The tensor repeated along each dimension; more numbers than it has dimensions put new ones in front."""
    shape = (1,) * (len(repeats) - x.ndim) + x.shape
    y = view_as_shape(contiguous(x), tuple([v for n in shape for v in (1, n)]))
    y = reshape(expand_to(y, _paired(repeats, shape)), _multiplied(repeats, shape))
    # single elements are repeated by a step of 0
    return y if y._k.contiguous and y._storage is not x._storage else clone(y)


def _paired(repeats: tuple, shape: tuple) -> tuple:
    """Sizes in which each dimension stands behind one of its repetitions."""
    return tuple([v for pair in zip(repeats, shape, strict=True) for v in pair])


def _multiplied(repeats: tuple, shape: tuple) -> tuple:
    return tuple([r * n for r, n in zip(repeats, shape, strict=True)])


@repeat.arguments
def _(x, repeats):
    if len(repeats) < x.ndim:
        raise RuntimeError("Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor")
    if min(repeats, default=0) < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension: repeat got {list(repeats)}")
    counted(_multiplied(repeats, (1,) * (len(repeats) - x.ndim) + x.shape))
    return x, repeats


@repeat.vjp
def _(g, x_shape, *, repeats):
    pairs = view_as_shape(contiguous(g), _paired(repeats, (1,) * (len(repeats) - len(x_shape)) + x_shape))
    dims = tuple([2 * i for i, r in enumerate(repeats) if r != 1])
    return reshape(ops.reduction.sum(pairs, dims) if dims else pairs, x_shape)


@repeat.loop("cpu")
def planes(x, repeats):
    lead = (1,) * (len(repeats) - x.ndim)
    shape, strides = lead + x.shape, (0,) * len(lead) + contiguous_strides(x.shape)
    steps = tuple([v for s in strides for v in (0, s)])
    return _seen_as(x, _paired(repeats, shape), steps, _multiplied(repeats, shape))


def _seen_as(x: Tensor, sizes: tuple, strides: tuple, shape: tuple) -> Loop:
    """The loop that copies ``x`` as strides see it, some of which are 0."""
    if 0 in sizes:
        return Loop(cpu.copy_planes, (), like(x, shape))
    merged, steps = collapse(sizes, [strides, contiguous_strides(sizes)])
    kernel, geometry = cpu.planes(merged, 0, *steps)
    return Loop(kernel, geometry, like(x, shape), elements=prod(shape), **cpu.moving(x))


@exported("Tensor", name="repeat")
def repeat_by(x: Tensor, *counts: Any, repeats: Any = None) -> Tensor:
    """The tensor repeated along each dimension, as a copy.

    Args:
        *counts, repeats: how often along each dimension, as integers or as one sequence; more than there are dimensions
            put new ones in front.

    Returns:
        A tensor whose sizes are the products of sizes and counts.

    Raises:
        RuntimeError: fewer counts than dimensions, or a negative one.

    >>> torch.tensor([1, 2]).repeat(2, 2)
    tensor([[1, 2, 1, 2],
            [1, 2, 1, 2]])
    """
    if repeats is not None:
        counts = by_name(counts, repeats, "repeat", "repeats")
    return repeat(x, shape_args(counts, "repeat", "repeats"))


@exported("torch", "Tensor")
def tile(input: Tensor, *given: Any, dims: Any = None) -> Tensor:
    """The tensor repeated along each dimension, as a copy; missing leading counts are 1.

    Args:
        input: of any shape.
        *given, dims: how often along the last dimensions, as integers or as one sequence.

    Returns:
        A tensor whose sizes are the products of sizes and counts.

    Raises:
        TypeError: no counts are given.
        RuntimeError: a negative count.

    >>> torch.tile(torch.tensor([[1, 2], [3, 4]]), (2,))
    tensor([[1, 2, 1, 2],
            [3, 4, 3, 4]])
    """
    if dims is not None:
        given = by_name(given, dims, "tile", "dims")
    if not given:
        raise TypeError("tile() missing 1 required positional argument: 'dims'")
    counts = shape_args(given, "tile", "dims")
    return repeat(input, (1,) * (input.ndim - len(counts)) + counts)


@exported("torch", "Tensor")
def repeat_interleave(
    input: Tensor, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Each element, or slice along ``dim``, repeated in place.

    Args:
        input: of any shape; alone, a vector of integers that says how often its positions are repeated.
        repeats: how often, for all or each, an integer or a vector of integers.
        dim: the dimension; without it the tensor is flattened.
        output_size: the size that the result has along the dimension, if known.

    Returns:
        A tensor that is longer along ``dim``, or a vector.

    Raises:
        RuntimeError: a negative number, one for another number of slices, or another ``output_size``.
        NotImplementedError: repeats that are no int64 or int32.
        IndexError: ``dim`` is out of range.

    >>> torch.repeat_interleave(torch.tensor([1, 2]), 2)
    tensor([1, 1, 2, 2])
    >>> torch.repeat_interleave(torch.tensor([1, 2]), torch.tensor([1, 3]))
    tensor([1, 2, 2, 2])
    >>> torch.repeat_interleave(torch.tensor([2, 0, 1]))
    tensor([0, 0, 2])
    """
    if repeats is None:
        if input.ndim != 1:
            raise RuntimeError(f"repeat_interleave only accept 1D vector as repeat, got {list(input.shape)}")

        if input.dtype not in (int64, int32):
            raise NotImplementedError(
                f'"repeat_interleave" not implemented for repeats of {input.dtype.name}; cast with .long()'
            )
        input, repeats = ops.ranges.arange(input.shape[0], dtype=input.dtype, device=input.device), input
    if dim is not None and not input.shape:
        raise IndexError(f"repeat_interleave(): Dimension specified as {dim} but tensor has no dimensions")
    x = reshape(input, (-1,)) if dim is None else input
    d = 0 if dim is None else wrap_dim(dim, len(input.shape), "repeat_interleave")
    if isinstance(repeats, Tensor):
        y = _each_as_often(x, repeats, d)
    else:
        y = repeat_slices(
            x, repeats if repeats.__class__ is int else integer(repeats, "repeat_interleave", "repeats"), d
        )
    if output_size is not None and y.shape[d] != output_size:
        raise RuntimeError(f"repeat_interleave: Invalid output_size, expected {y.shape[d]} but got {output_size}")
    return y


@op(public=False, cost=moves, wide=False, samples=lambda: [((2, 3), 2, 1), ((2, 3), 3, 0), ((4,), 0, 0)], ref=np.repeat)
def repeat_slices(x, repeats: int, dim: int):
    """Each slice along ``dim`` repeated in place."""
    before, after = x.shape[: dim + 1], x.shape[dim + 1 :]
    y = expand_to(view_as_shape(contiguous(x), (*before, 1, *after)), (*before, repeats, *after))
    return reshape(y, (*x.shape[:dim], x.shape[dim] * repeats, *after))


@repeat_slices.arguments
def _(x, repeats, dim):
    if repeats < 0:
        raise RuntimeError(f"Repeats must be non-negative (repeat_interleave: got {repeats})")
    counted((*x.shape, repeats))
    return x, repeats, dim


@repeat_slices.vjp
def _(g, x_shape, *, repeats, dim):
    split = (*x_shape[: dim + 1], repeats, *x_shape[dim + 1 :])
    return ops.reduction.sum(view_as_shape(contiguous(g), split), dim + 1)


@repeat_slices.loop("cpu", name="planes")
def _(x, repeats, dim):
    before, after, strides = x.shape[: dim + 1], x.shape[dim + 1 :], contiguous_strides(x.shape)
    shape = (*x.shape[:dim], x.shape[dim] * repeats, *after)
    return _seen_as(x, (*before, repeats, *after), (*strides[: dim + 1], 0, *strides[dim + 1 :]), shape)


def _each_as_often(x: Tensor, repeats: Tensor, dim: int) -> Tensor:
    n = x.shape[dim]
    if repeats.dtype not in (int64, int32):
        raise NotImplementedError(
            f'"repeat_interleave" not implemented for repeats of {repeats.dtype.name}; cast with .long()'
        )
    if repeats.ndim > 1:
        raise RuntimeError(f"repeats must be 0-dim or 1-dim tensor, got {list(repeats.shape)}")
    if repeats.shape.numel() not in (1, n):
        raise RuntimeError(
            f"repeats must have the same size as input along dim, but got repeats.shape = {list(repeats.shape)} and "
            f"input.size({dim}) = {n}"
        )
    if repeats.shape.numel() == 1 and n != 1:
        return repeat_slices(x, int(repeats.item()), dim)
    counts = ops.creation.to_ndarray(contiguous(repeats.detach().to("cpu"))).reshape(-1)
    if counts.size and counts.min() < 0:
        raise RuntimeError("repeats can not be negative")
    total = sum(counts.tolist())
    if total > maxsize:
        raise RuntimeError(f"repeat_interleave: {total} elements are more than a dimension can have")
    if total >> 28:
        empty((total,), int64, CPU)  # says so where memory does not suffice
    at = ops.creation.from_ndarray(np.repeat(np.arange(counts.size, dtype=np.int64), counts)).to(x.device)
    return ops.indexing.take_along_extents(x, at, dim)


# --- flip and roll --------------------------------------------------------------------------------


@op(
    public=False,
    strided=True,
    cost=moves,
    wide=False,
    samples=lambda: [((3, 4), (0,)), ((3, 4), (1,)), ((2, 3, 4), (0, 2)), ((0, 2), (0,))],
    ref=np.flip,
)
def flip(x, dims: tuple):
    """The elements in reverse order along dimensions."""

    for d in dims:
        x = ops.indexing.take_along_extents(x, x.shape[d] - 1 - ops.ranges.arange(x.shape[d], device=x.device), d)
    return x


@flip.arguments
def _(x, dims):
    wrapped = tuple(wrap_dim(d, x.ndim, "flip") for d in dims)
    if len(set(wrapped)) != len(wrapped):
        raise RuntimeError(f"flip: dim appears multiple times in the list of dims {list(wrapped)}")
    return x, wrapped if x.ndim else ()


@flip.loop("cpu", name="backwards")
def _(x, dims):
    if 0 in x.shape:
        return Loop(cpu.copy_planes, (), like(x))
    strides, start = list(x.strides), 0
    for d in dims:
        start += (x.shape[d] - 1) * strides[d]
        strides[d] = -strides[d]
    sizes, steps = collapse(x.shape, [tuple(strides), contiguous_strides(x.shape)])
    kernel, geometry = cpu.planes(sizes, start, *steps)
    return Loop(kernel, geometry, like(x), lying=True, **cpu.moving(x))


@flip.vjp
def _(g, *, dims):
    return flip(g, dims)


@exported("torch", "Tensor", name="flip")
def flip_by(input: Tensor, *given: Any, dims: Any = None) -> Tensor:
    """A copy in reverse order along the given dimensions.

    Args:
        input: of any shape.
        *given, dims: the dimensions, as integers or as one sequence.

    Returns:
        A tensor of the same shape.

    Raises:
        TypeError: no dimensions are given.
        RuntimeError: a dimension is given twice.
        IndexError: a dimension is out of range.

    >>> torch.flip(torch.tensor([[1, 2], [3, 4]]), (0,))
    tensor([[3, 4],
            [1, 2]])
    """
    if dims is not None:
        given = by_name(given, dims, "flip", "dims")
    if not given:
        raise TypeError("flip() missing 1 required positional argument: 'dims'")
    return flip(input, shape_args(given, "flip", "dims"))


@exported("torch", "Tensor")
def fliplr(input: Tensor) -> Tensor:
    """A copy in reverse order along the second dimension.

    Args:
        input: of at least two dimensions.

    Returns:
        A tensor of the same shape.

    Raises:
        RuntimeError: fewer dimensions.

    >>> torch.fliplr(torch.tensor([[1, 2], [3, 4]]))
    tensor([[2, 1],
            [4, 3]])
    """
    if input.ndim < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return flip(input, (1,))


@exported("torch", "Tensor")
def flipud(input: Tensor) -> Tensor:
    """A copy in reverse order along the first dimension.

    Args:
        input: of at least one dimension.

    Returns:
        A tensor of the same shape.

    Raises:
        RuntimeError: no dimension.

    >>> torch.flipud(torch.tensor([1, 2, 3]))
    tensor([3, 2, 1])
    """
    if input.ndim < 1:
        raise RuntimeError("Input must be >= 1-d.")
    return flip(input, (0,))


@exported("torch", "Tensor")
def rot90(input: Tensor, k: int = 1, dims: Any = (0, 1)) -> Tensor:
    """A copy turned by ``k`` times 90 degrees in the plane of two dimensions, from the first towards the second.

    Args:
        input: of at least two dimensions.
        k: how often; negative numbers turn the other way.
        dims: the two dimensions.

    Returns:
        A tensor in which, for odd ``k``, the two sizes are exchanged.

    Raises:
        RuntimeError: fewer dimensions, or ``dims`` are not two different ones.
        IndexError: a dimension is out of range.

    >>> torch.rot90(torch.tensor([[1, 2], [3, 4]]))
    tensor([[2, 4],
            [1, 3]])
    """
    k = integer(k, "rot90", "k")
    if len(dims) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if input.ndim < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {input.ndim} (rot90)")
    a, b = (wrap_dim(d, input.ndim, "rot90") for d in dims)
    if a == b:
        raise RuntimeError(f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}")
    k %= 4
    if k == 0:
        return clone(input)
    if k == 2:
        return flip(input, (a, b))
    return transpose(flip(input, (b if k == 1 else a,)), a, b)


@exported("torch", "Tensor")
@op(
    cost=moves,
    wide=False,
    samples=lambda: [((3, 4), 1, 0), ((3, 4), -1, 1), ((5,), 0, 0), ((2, 3, 4), 2, 1), ((2, 3), (1, 2), (0, 1))],
    ref=np.roll,
)
def roll(x, shifts: Dims, dims: Dims = None):
    """A copy whose elements have moved on along dimensions; what passes the end comes in at the beginning.

    Args:
        input: of any shape.
        shifts: by how much, a number or one for each of ``dims``.
        dims: the dimensions; without them the elements move as in one row.

    Returns:
        A tensor of the same shape.

    Raises:
        TypeError: ``shifts`` is None.
        RuntimeError: there are not as many ``shifts`` as ``dims``.
        IndexError: a dimension is out of range.

    >>> torch.roll(torch.tensor([1, 2, 3, 4]), 1)
    tensor([4, 1, 2, 3])
    """
    (by,), (d,) = _listed(shifts), _listed(dims)
    n = x.shape[d]
    return cat([narrow(x, d, n - by, by), narrow(x, d, 0, n - by)], d)


@roll.arguments
def _(x, shifts, dims):
    if shifts is None:
        raise TypeError("roll(): argument 'shifts' must be tuple of ints, not NoneType")
    by, along = _listed(shifts), () if dims is None else _listed(dims)
    if not by:
        raise RuntimeError("roll: `shifts` required")
    if len(by) != (len(along) or 1):
        raise RuntimeError(f"shifts and dimensions must align. shifts: {len(by)}, dims:{len(along)}")
    if 0 in x.shape:
        return lambda x, shifts, dims: clone(x)
    if not along:
        return lambda x, shifts, dims: reshape(roll(reshape(x, (-1,)), shifts, 0), x.shape)
    around = [wrap_dim(dim, x.ndim, "roll") for dim in along]
    if not x.shape:
        raise IndexError(f"roll: Dimension specified as {along[0]} but tensor has no dimensions")
    if len(by) == 1 and by[0] % x.shape[around[0]]:
        return x, by[0] % x.shape[around[0]], around[0]
    return _rolled


def _listed(given: Any) -> tuple:
    return given if given.__class__ is tuple else (given,)


def _rolled(x: Tensor, shifts: Any, dims: Any) -> Tensor:
    """``roll`` along several dimensions, one by one; a copy where nothing moves."""
    y = x
    for shift, dim in zip(_listed(shifts), _listed(dims), strict=True):
        if shift % x.shape[dim]:
            y = roll(y, shift, dim)
    return clone(x) if y is x else y


@roll.vjp
def _(g, *, shifts, dims):
    return roll(g, g.shape[dims] - shifts, dims)


@roll.loop("cpu", name="halves")
def _(x, shifts, dims):
    rows, width = prod(x.shape[:dims]), prod(x.shape[dims:])
    numbers = (rows, width, shifts * prod(x.shape[dims + 1 :]))
    return Loop(cpu.roll_rows, numbers, like(x), **cpu.moving(x))
