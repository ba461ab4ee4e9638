"""Shared by ops with positions: converts an index for the kernels, and makes the error for an index out of range."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import numtorch.dtype as dtypes
from numtorch._tensor import Tensor
from numtorch.dispatch.program import shared_from
from numtorch.errors import OutOfBounds
from numtorch.kernels import registry, threads
from numtorch.kernels.jit import Jit
from numtorch.ops.movement import contiguous
from numtorch.storage import Size, broadcast_shapes

PICKED = 2  # what an element at a position costs, in additions
COLUMNS = 64  # of a shared row that a thread writes at least: neighbours in a cache line stay together


LONG_OR_INT = (dtypes.int64, dtypes.int32)
LONG = (dtypes.int64,)


def as_index(
    index: Any, op_name: str, types: tuple = LONG_OR_INT, error: type[Exception] = RuntimeError, empties: bool = False
) -> Tensor:
    """The index as contiguous int64 or int32 numbers, outside the graph. Other types are refused, those that torch
    refuses here; with ``empties`` not where there are no elements."""
    if index.__class__ is Tensor and index._k.contiguous and index._k.dtype in types:
        return index  # integers are in no graph
    if not isinstance(index, Tensor):
        raise TypeError(f"{op_name}(): argument 'index' must be Tensor, not {type(index).__name__}")
    if index.dtype not in types:
        if empties and not index.shape.numel():
            return index.to(dtypes.int64).detach()
        wanted = "Expected a long tensor for index" if types is LONG else "Expected dtype int32/int64 for index"
        raise error(f"{op_name}(): {wanted}, but got {index.dtype.name}; cast with .long()")
    return contiguous(index).detach()


def broadcast(op_name: str, *shapes: Size) -> Size:
    """The common shape; RuntimeError where there is none."""
    try:
        return broadcast_shapes(*shapes)
    except ValueError as e:
        dim, a, b = e.args
        raise RuntimeError(
            f"{op_name}(): The size of tensor a ({a}) must match the size of tensor b ({b}) at non-singleton dimension "
            f"{dim}; shapes {' and '.join(str(list(s)) for s in shapes)} do not broadcast"
        ) from None


def extents(shape: tuple, dim: int) -> tuple[int, int, int]:
    """(outer, n, inner) around a dimension; a 0-dim tensor has one of size 1."""
    if not shape:
        return 1, 1, 1
    return Size(shape[:dim]).numel(), shape[dim], Size(shape[dim + 1 :]).numel()


_entries: dict = registry.memo()


def ready(kernel: Jit, elements: int, *args: Any) -> Callable:
    """The compiled function for arguments of these types; for many threads where there is work for them."""
    parallel = elements >= shared_from(PICKED) and threads.get_num_threads() > 1
    key = (kernel, parallel, *[a.dtype if a.__class__ is np.ndarray else a.__class__ for a in args])
    entry = _entries.get(key)
    if entry is None:
        entry = _entries[key] = (kernel if parallel else kernel.serial).entry(*args)
    return entry


def launch(kernel: Jit, elements: int, *args: Any) -> Any:
    """Run a kernel."""
    return ready(kernel, elements, *args)(*args)


def columns(outer: int, inner: int) -> int:
    """How many columns a thread takes where several write to the same rows."""
    if outer >= threads.get_num_threads():
        return max(inner, 1)
    return max(COLUMNS, -(-inner // threads.get_num_threads()))


def check(bad: int, index: Tensor, dim: int, n: int, wrap: bool) -> None:
    """An error naming the first index outside, where a kernel has found some."""
    if bad:
        flat = index._buf
        outside = flat[(flat < (-n if wrap else 0)) | (flat >= n)]
        # none is left if another thread has written to them
        first = f"index {int(outside[0])}" if outside.size else "an index"
        raise OutOfBounds(f"{first} is out of bounds for dimension {dim} with size {n}")


def named(op: str, error: IndexError) -> IndexError:
    """The error with the op's name before its message."""
    error.args = (f"{op}(): {error}",)
    return error
