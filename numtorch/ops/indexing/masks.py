"""Elements where a mask is true: nonzero, masked_select, masked_fill, masked_scatter."""

from __future__ import annotations

from functools import lru_cache
from math import inf
from typing import Any

import numpy as np

import numtorch.dtype as dtypes
from numtorch import ops
from numtorch._tensor import Tensor, empty
from numtorch.arguments import element, flag, refused
from numtorch.device import CPU
from numtorch.dispatch.cost import moves
from numtorch.dispatch.op import op
from numtorch.dispatch.out import POSITIONS, SAME, into
from numtorch.dispatch.samples import mask
from numtorch.exports import exported
from numtorch.ops import movement
from numtorch.ops.arithmetic import choose, ne
from numtorch.ops.indexing import cpu
from numtorch.ops.indexing.positions import broadcast, launch
from numtorch.ops.movement import contiguous, expand_to, reshape


def _counted(mask: Tensor) -> tuple[np.ndarray, int]:
    """How many elements before each chunk of a contiguous CPU tensor are not 0, and how many in all."""
    starts = np.empty(-(-mask._buf.size // cpu.CHUNK), np.int64)
    return starts, int(launch(cpu.count_true, mask._buf.size, mask._buf, starts))


def count(mask: Tensor) -> int:
    """How many elements of a contiguous tensor are nonzero."""
    if mask._k.device is CPU:
        return _counted(mask)[1]

    return int(ops.reduction.count_nonzero(mask.detach()).item())


@exported("torch", "Tensor")
def nonzero(input: Tensor, *, as_tuple: bool = False, out: Any = None) -> Any:
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
    if as_tuple.__class__ is not bool:
        as_tuple = flag(as_tuple, "nonzero", "as_tuple")
    if out is not None:
        return into(out, POSITIONS, nonzero, input, as_tuple=as_tuple)
    try:
        flat = contiguous(input)
    except AttributeError as error:
        raise refused(error, "nonzero", input=input) from None
    if flat._k.device is not CPU:
        if flat.device.type == "meta":
            raise NotImplementedError("nonzero: the number of nonzero elements of a meta tensor is not known")
        found = nonzero(flat.to("cpu"), as_tuple=as_tuple)
        return tuple(f.to(input.device) for f in found) if as_tuple else found.to(input.device)
    if flat._k.dtype.is_half:  # stored as bits, of which those of -0.0 are not all 0
        flat = ne(flat, 0)
    starts, total = _counted(flat)
    d = len(input.shape)
    rows = empty((total, d), dtypes.int64, CPU)
    if total and d:
        launch(cpu.coordinates, flat._buf.size, flat._buf, starts, total, rows._buf, _sizes(input.shape))
    if not as_tuple:
        return rows
    return (
        tuple([contiguous(movement.select(rows, 1, a)) for a in range(d)])
        if d
        else (empty((total,), dtypes.int64, CPU).zero_(),)
    )


@lru_cache(maxsize=1024)
def _sizes(shape: tuple) -> np.ndarray:
    return np.array(shape, np.int64)


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
    shape=True,
    public=False,
    cost=moves,
    samples=lambda: [((5,), mask((5,), 3), 3), ((2, 3), mask((2, 3), 4), 4), ((2, 2), mask((2, 2), 0), 0)],
    ref=lambda x, m, n: x[m],
)
def compress(x, mask, n: int):
    """The ``n`` elements of ``x`` where the mask, of the same shape, is true, in one dimension."""
    return empty((n,), x.dtype, x.device)


@compress.kernel("cpu", functions=(cpu.compress,))
def compress_cpu(x, mask, n):
    x, mask = contiguous(x), contiguous(mask)
    out = empty((n,), x.dtype, x.device)
    if n and launch(cpu.compress, mask._buf.size, x._buf, mask._buf, out._buf):
        raise _changed()
    return out


@compress.kernel("cuda", name="compress_cuda")
def compress_cuda(x, mask, n):
    return ops.indexing.slices.take_along_extents(reshape(x, (-1,)), reshape(nonzero(reshape(mask, (-1,))), (-1,)), 0)


@compress.vjp
def _(g, mask):
    return spread(g, mask), None


@op(
    shape=True,
    public=False,
    cost=moves,
    samples=lambda: [((3,), mask((5,), 3)), ((4,), mask((2, 3), 4)), ((0,), mask((3,), 0))],
)
def spread(x, mask):
    """The elements of ``x`` (1-D), in order, where the mask is true; 0 elsewhere."""
    return empty(mask.shape, x.dtype, x.device)


@spread.kernel("cpu", functions=(cpu.spread,))
def spread_cpu(x, mask):
    out = empty(mask.shape, x.dtype, x.device)
    if launch(cpu.spread, mask._buf.size, contiguous(x)._buf, contiguous(mask)._buf, out._buf):
        raise _changed()
    return out


def _changed() -> RuntimeError:
    return RuntimeError(
        "a mask has been written to, through an array over its memory, since its true elements were counted"
    )


@spread.kernel("cuda", name="spread_cuda")
def spread_cuda(x, mask):
    at = reshape(nonzero(reshape(mask, (-1,))), (-1,))
    return reshape(
        ops.indexing.slices.put_into_zeros(movement.narrow(x, 0, 0, at.shape[0]), at, (mask.shape.numel(),), 0),
        mask.shape,
    )


@spread.vjp
def _(g, x_shape, mask):
    return compress(g, mask, x_shape[0]), None


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
    mask = contiguous(expand_to(mask, shape))
    return compress(expand_to(input, shape), mask, count(mask))


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
    n = count(mask)
    if n > source.shape.numel():
        raise RuntimeError(
            f"masked_scatter: Number of elements of source ({source.shape.numel()}) < number of ones in mask ({n})"
        )
    return choose(mask, spread(movement.narrow(reshape(source, (-1,)), 0, 0, n), mask), input)
