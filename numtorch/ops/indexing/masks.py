"""Elements where a mask is true: nonzero, masked_select, masked_fill, masked_scatter."""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np

import numtorch.dtype as dtypes
from numtorch import ops
from numtorch._tensor import Tensor
from numtorch.arguments import element
from numtorch.device import CPU
from numtorch.dispatch.cost import moves, numel
from numtorch.dispatch.loops import COUNTED, Loop, like
from numtorch.dispatch.op import op
from numtorch.dispatch.out import POSITIONS, SAME, into
from numtorch.dispatch.samples import mask
from numtorch.exports import exported
from numtorch.ops import movement
from numtorch.ops.arithmetic import choose, ne
from numtorch.ops.indexing import cpu
from numtorch.ops.indexing.positions import PICKED, broadcast
from numtorch.ops.movement import contiguous, expand_to, reshape


@exported("torch", "Tensor")
@op(
    shape=True,
    differentiable=False,
    cost=moves,
    out=POSITIONS,
    samples=lambda: [(mask((5,), 3),), (mask((2, 3), 4),), ((3, 4),), ((0, 3),)],
    ref=lambda x, as_tuple=False: np.argwhere(x),
)
def nonzero(x, *, as_tuple: bool = False):
    """The positions of nonzero elements, in row-major order.

    Args:
        input: of any shape.
        as_tuple: whether the result is a tuple of vectors, which can be used as an index.

    Returns:
        int64, a row of ``input.ndim`` positions for each element; or one vector for each dimension.

    Raises:
        TypeError: ``input`` is no tensor.
        NotImplementedError: a tensor of the device ``meta`` has no elements.

    >>> torch.nonzero(torch.tensor([[0, 3], [4, 0]]))
    tensor([[0, 1],
            [1, 0]])
    >>> torch.nonzero(torch.tensor([[0, 3], [4, 0]]), as_tuple=True)
    (tensor([0, 1]), tensor([1, 0]))
    """
    raise NotImplementedError("nonzero: the number of nonzero elements of a meta tensor is not known")


@nonzero.arguments
def _(x, as_tuple):
    if as_tuple:
        return _vectors
    if not x.shape:
        return lambda x, as_tuple: movement.narrow(nonzero(reshape(x, (1,))), 1, 0, 0).clone()
    # half types are stored as bits, of which those of -0.0 are not all 0
    return ne(x, 0) if x._k.dtype.is_half else x, False


def _vectors(x: Tensor, as_tuple: bool) -> tuple[Tensor, ...]:
    rows = nonzero(x if x.shape else reshape(x, (1,)))
    return tuple(map(contiguous, movement.unbind(rows, 1)))


def _counting(mask: Tensor) -> dict[str, Any]:
    """Options of a loop whose result has a row for each element of the mask that is not 0. It gets how many there are
    before each chunk."""
    count = Loop(cpu.count_true, (), None, operands=(mask,), weight=PICKED)
    return {"counts": count, "scratch": ((-(-numel(mask) // cpu.CHUNK), np.dtype(np.int64)),), "weight": PICKED}


@nonzero.loop("cpu")
def chunks(x):
    out = like(x, (COUNTED, x.ndim), dtypes.int64)
    return Loop(cpu.coordinates, (np.array(x.shape, np.int64),), out, **_counting(x))


nonzero.on_cpu()


@exported("torch", "Tensor")
def argwhere(input: Tensor) -> Tensor:
    """The positions of nonzero elements, one row each: ``nonzero(input)``.

    Args:
        input: of any shape.

    Returns:
        int64, a row of ``input.ndim`` positions for each element.

    >>> torch.argwhere(torch.tensor([1, 0, 1]))
    tensor([[0],
            [2]])
    """
    return nonzero(input)


@op(
    public=False,
    cost=moves,
    wide=False,
    samples=lambda: [((5,), mask((5,), 3)), ((2, 3), mask((2, 3), 4)), ((2, 2), mask((2, 2), 0))],
    ref=lambda x, m: x[m],
)
def compress(x, mask):
    """The elements of ``x`` where the mask, of the same shape, is true, in one dimension."""
    return ops.indexing.slices.take_along_extents(reshape(x, (-1,)), _positions(mask), 0)


def _positions(mask: Tensor) -> Tensor:
    return reshape(nonzero(reshape(mask, (-1,))), (-1,))


@compress.loop("cpu", name="chunks")
def _(x, mask):
    return Loop(cpu.compress, (), like(x, (COUNTED,)), **_counting(mask))


@compress.vjp
def _(g, mask):
    return spread(g, mask), None


@op(
    public=False,
    cost=moves,
    wide=False,
    samples=lambda: [((3,), mask((5,), 3)), ((4,), mask((2, 3), 4)), ((0,), mask((3,), 0)), ((5,), mask((3,), 2))],
)
def spread(x, mask):
    """The elements of ``x`` (1-D), in order, where the mask is true; 0 elsewhere."""
    at = _positions(mask)
    if at.shape[0] > x.shape[0]:
        _too_few(at.shape[0] - x.shape[0], x, mask)
    x = movement.narrow(x, 0, 0, at.shape[0])
    return reshape(ops.indexing.slices.put_into_zeros(x, at, (numel(mask),), 0), mask.shape)


@spread.loop("cpu", name="chunks")
def _(x, mask):
    return Loop(cpu.spread, (), like(x, mask.shape), elements=numel(mask), weight=PICKED, failed=_too_few)


def _too_few(missing: int, x: Tensor, mask: Tensor) -> None:
    """The error for a mask with more true elements than there are numbers for."""
    n = x.shape[0]
    raise RuntimeError(
        f"masked_scatter: Number of elements of source ({n}) < number of ones in mask ({n + missing}). In a gradient: "
        "the mask has been written to, through an array over its memory, since its true elements were counted"
    )


@spread.vjp
def _(g, x_shape, mask):
    gx = compress(g, mask)
    return movement.pad_ends(gx, (0, x_shape[0] - gx.shape[0]), 0.0) if gx.shape != x_shape else gx, None


def _boolean(mask: Any, name: str) -> None:
    if not isinstance(mask, Tensor):
        raise TypeError(f"{name}(): argument 'mask' must be Tensor, not {type(mask).__name__}")
    if mask.dtype is not dtypes.bool:
        raise RuntimeError(
            f"{name}: expected BoolTensor for mask, but got {mask.dtype.name}; compare or use mask.bool()"
        )


@exported("torch", "Tensor")
def masked_select(input: Tensor, mask: Tensor, *, out: Any = None) -> Tensor:
    """The elements where the mask is true, in row-major order.

    Args:
        input, mask: any elements and booleans, broadcast together.

    Returns:
        A vector.

    Raises:
        RuntimeError: ``mask`` is not boolean, or the shapes do not broadcast.

    >>> x = torch.tensor([1, 2, 3])
    >>> torch.masked_select(x, x > 1)
    tensor([2, 3])
    """
    if out is not None:
        return into(out, SAME, masked_select, input, mask)
    _boolean(mask, "masked_select")
    shape = broadcast("masked_select", input.shape, mask.shape)
    return compress(expand_to(input, shape), expand_to(mask, shape))


@exported("torch", "Tensor")
def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """A copy of ``input`` with ``value`` where the mask is true.

    Args:
        input, mask: any elements and booleans, broadcast together.
        value: a number, or a tensor without dimensions.

    Returns:
        A tensor of the common shape and the type of ``input``.

    Raises:
        RuntimeError: ``mask`` is not boolean, or the type cannot hold ``value``.
        TypeError: ``value`` is no number.

    >>> torch.masked_fill(torch.tensor([1, 2]), torch.tensor([True, False]), 0)
    tensor([0, 2])
    """
    if mask.__class__ is not Tensor or mask._k.dtype is not dtypes.bool:
        _boolean(mask, "masked_fill")
    d = input._k.dtype
    if value.__class__ is float and d is dtypes.float32 and (-1e38 < value < 1e38 or abs(value) == inf):
        pass  # it fits
    elif not isinstance(value, Tensor):
        value = fitting(value, d, "masked_fill")
    elif value.shape:
        raise RuntimeError(
            f"masked_fill only supports a 0-dimensional value tensor, but got a tensor with {value.ndim} dimension(s)"
        )
    elif value._k.dtype is not d:
        value = converted(value, d)
    y = choose(mask, value, input)
    return y if y._k.dtype is d else y.to(d)


def fitting(value: Any, d: dtypes.dtype, name: str) -> Any:
    """A number as an element of type ``d``; RuntimeError if it does not fit, TypeError if it is none."""
    if value.__class__ is float and d is dtypes.float32 and -1e38 < value < 1e38:
        return value
    if not isinstance(value, bool | int | float | complex):
        item = getattr(value, "item", None)  # a NumPy scalar or 0-dim array
        value = item() if item is not None and getattr(value, "ndim", None) == 0 else value
        if not isinstance(value, bool | int | float | complex):
            raise TypeError(f"{name}(): argument 'value' must be a number or a Tensor, not {type(value).__name__}")
    return element(value, d)


def converted(value: Tensor, d: dtypes.dtype) -> Tensor:
    """A 0-dim tensor in type ``d``; RuntimeError if its number does not fit."""
    if value._k.device is CPU:
        element(value.item(), d)
    return value.to(d)


@exported("torch", "Tensor")
def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """A copy of ``input`` with the elements of ``source``, in order, where the mask is true.

    Args:
        input, mask: any elements and booleans, broadcast together.
        source: of the type of ``input``, with at least as many elements as the mask has true ones.

    Returns:
        A tensor of the common shape.

    Raises:
        RuntimeError: too few elements, ``mask`` is not boolean, or the types differ.
        TypeError: ``source`` is no tensor.

    >>> torch.masked_scatter(torch.zeros(3), torch.tensor([True, False, True]), torch.tensor([1.0, 2.0, 3.0]))
    tensor([1., 0., 2.])
    """
    _boolean(mask, "masked_scatter")
    if not isinstance(source, Tensor):
        raise TypeError(f"masked_scatter(): argument 'source' must be Tensor, not {type(source).__name__}")
    if source.dtype is not input.dtype:
        raise RuntimeError(
            f"masked_scatter: expected self and source to have same dtypes but got {input.dtype.name} and "
            f"{source.dtype.name}; cast with source.to(self.dtype)"
        )
    shape = broadcast("masked_scatter", input.shape, mask.shape)
    mask = contiguous(expand_to(mask, shape))
    return choose(mask, spread(reshape(source, (-1,)), mask), input)
