"""Elements where a mask is true: nonzero, masked_select, masked_fill, masked_scatter."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from numtorch import dtype as dtypes
from numtorch._tensor import Tensor, empty
from numtorch.device import CPU
from numtorch.dispatch.cost import moves
from numtorch.dispatch.op import op
from numtorch.ops import movement
from numtorch.ops.arithmetic import choose
from numtorch.ops.indexing import cpu
from numtorch.ops.indexing.positions import launch
from numtorch.ops.movement import contiguous, expand_to, reshape
from numtorch.storage import broadcast_shapes


def _counted(mask: Tensor) -> tuple[np.ndarray, int]:
    """How many elements before each chunk of a contiguous CPU tensor are not 0, and how many in all."""
    starts = np.empty(-(-mask._buf.size // cpu.CHUNK), np.int64)
    return starts, int(launch(cpu.count_true, mask._buf.size, mask._buf, starts))


def count(mask: Tensor) -> int:
    """How many elements of a contiguous tensor are nonzero."""
    if mask._k.device is CPU:
        return _counted(mask)[1]
    from numtorch.ops.reduction import count_nonzero

    return int(count_nonzero(mask.detach()).item())


def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """Indices of nonzero elements: one row each, or (``as_tuple``) one vector for each dimension.

    >>> import numtorch as torch
    >>> torch.nonzero(torch.tensor([[0, 3], [4, 0]]))
    tensor([[0, 1],
            [1, 0]])
    """
    flat = contiguous(input)
    if flat._k.device is not CPU:
        if flat.device.type == "meta":
            raise NotImplementedError("nonzero: the number of nonzero elements of a meta tensor is not known")
        found = nonzero(flat.to("cpu"), as_tuple=as_tuple)
        return tuple(f.to(input.device) for f in found) if as_tuple else found.to(input.device)
    starts, total = _counted(flat)
    d = len(input.shape)
    rows = empty((total, d), dtypes.int64, CPU)
    if total and d:
        launch(cpu.coordinates, flat._buf.size, flat._buf, starts, total, rows._buf, _sizes(input.shape))
    if not as_tuple:
        return rows
    return tuple([contiguous(movement.select(rows, 1, a)) for a in range(d)]) if d else (empty((total,), dtypes.int64, CPU).zero_(),)


@lru_cache(maxsize=1024)
def _sizes(shape: tuple) -> np.ndarray:
    return np.array(shape, np.int64)


def argwhere(input: Tensor) -> Tensor:
    """Indices of nonzero elements, one row each.

    >>> import numtorch as torch
    >>> torch.argwhere(torch.tensor([1, 0, 1]))
    tensor([[0],
            [2]])
    """
    return nonzero(input)


@op(shape=True, public=False, cost=moves)
def compress(x, mask, n: int):
    """The ``n`` elements of ``x`` where the mask, of the same shape, is true, in one dimension."""
    return empty((n,), x.dtype, x.device)


@compress.kernel("cpu", functions=(cpu.compress,))
def compress_cpu(x, mask, n):
    x, mask = contiguous(x), contiguous(mask)
    out = empty((n,), x.dtype, x.device)
    if n:
        launch(cpu.compress, mask._buf.size, x._buf, mask._buf, out._buf)
    return out


@compress.kernel("cuda", name="compress_cuda")
def compress_cuda(x, mask, n):
    from numtorch.ops.indexing.slices import take_along_extents

    return take_along_extents(reshape(x, (-1,)), reshape(nonzero(reshape(mask, (-1,))), (-1,)), 0)


@compress.vjp
def _(g, mask):
    return spread(g, mask), None


@op(shape=True, public=False, cost=moves)
def spread(x, mask):
    """The elements of ``x`` (1-D), in order, where the mask is true; 0 elsewhere."""
    return empty(mask.shape, x.dtype, x.device)


@spread.kernel("cpu", functions=(cpu.spread,))
def spread_cpu(x, mask):
    out = empty(mask.shape, x.dtype, x.device)
    launch(cpu.spread, mask._buf.size, contiguous(x)._buf, contiguous(mask)._buf, out._buf)
    return out


@spread.kernel("cuda", name="spread_cuda")
def spread_cuda(x, mask):
    from numtorch.ops.indexing.slices import put_into_zeros

    at = reshape(nonzero(reshape(mask, (-1,))), (-1,))
    return reshape(put_into_zeros(movement.narrow(x, 0, 0, at.shape[0]), at, (mask.shape.numel(),), 0), mask.shape)


@spread.vjp
def _(g, x_shape, mask):
    return compress(g, mask, x_shape[0]), None


def _boolean(mask: Any, name: str) -> None:
    if not isinstance(mask, Tensor) or mask.dtype is not dtypes.bool:
        given = mask.dtype.name if isinstance(mask, Tensor) else type(mask).__name__
        raise RuntimeError(f"{name}: expected BoolTensor for mask, but got {given}; compare or use mask.bool()")


def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """The elements where the mask is true, in one dimension.

    >>> import numtorch as torch
    >>> x = torch.tensor([1, 2, 3])
    >>> torch.masked_select(x, x > 1)
    tensor([2, 3])
    """
    _boolean(mask, "masked_select")
    shape = broadcast_shapes(input.shape, mask.shape)
    mask = contiguous(expand_to(mask, shape))
    return compress(expand_to(input, shape), mask, count(mask))


def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """``input`` with ``value`` where the mask is true.

    >>> import numtorch as torch
    >>> torch.masked_fill(torch.tensor([1, 2]), torch.tensor([True, False]), 0)
    tensor([0, 2])
    """
    if mask.dtype is not dtypes.bool:
        raise RuntimeError(f"masked_fill only supports boolean masks, but got mask with dtype {mask.dtype.name}")
    if isinstance(value, Tensor) and value.ndim:
        raise RuntimeError("masked_fill only supports a 0-dimensional value tensor")
    y = choose(mask, value, input)
    return y if y._k.dtype is input._k.dtype else y.to(input.dtype)


def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """``input`` with the elements of ``source``, in order, where the mask is true.

    >>> import numtorch as torch
    >>> torch.masked_scatter(torch.zeros(3), torch.tensor([True, False, True]), torch.tensor([1.0, 2.0, 3.0]))
    tensor([1., 0., 2.])
    """
    _boolean(mask, "masked_scatter")
    if source.dtype is not input.dtype:
        raise RuntimeError(f"masked_scatter: expected self and source to have same dtypes but got {input.dtype.name} and "
                           f"{source.dtype.name}")
    shape = broadcast_shapes(input.shape, mask.shape)
    mask = contiguous(expand_to(mask, shape))
    n = count(mask)
    if n > source.shape.numel():
        raise RuntimeError(f"masked_scatter: number of elements of source ({source.shape.numel()}) < number of ones in mask ({n})")
    return choose(mask, spread(movement.narrow(reshape(source, (-1,)), 0, 0, n), mask), input)
