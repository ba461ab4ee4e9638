"""What ops on positions share: the index as the kernels take it, and the error for one that is outside."""

from __future__ import annotations

from typing import Any

import numpy as np

from numtorch import dtype as dtypes
from numtorch._tensor import Tensor
from numtorch.dispatch.program import shared_from
from numtorch.kernels import threads
from numtorch.kernels.jit import Jit
from numtorch.ops.movement import contiguous
from numtorch.ops.movement.launching import Plan, ready
from numtorch.storage import Kind, Size

PICKED = 2  # what an element at a position costs, in additions
COLUMNS = 64  # of a shared row that a thread writes at least: neighbours in a cache line stay together


def as_index(index: Any, op_name: str) -> Tensor:
    """The index as contiguous int64 or int32 numbers, outside the graph."""
    if index.__class__ is Tensor and index._k.contiguous and index._k.dtype in (dtypes.int64, dtypes.int32):
        return index  # integers are in no graph
    if not isinstance(index, Tensor):
        raise TypeError(f"{op_name}(): argument 'index' must be Tensor, not {type(index).__name__}")
    if index.dtype not in dtypes.INTEGERS:
        raise RuntimeError(f"{op_name}(): Expected dtype int32/int64 for index, got {index.dtype.name}")
    return contiguous(index if index.dtype in (dtypes.int64, dtypes.int32) else index.to(dtypes.int64)).detach()


def extents(shape: tuple, dim: int) -> tuple[int, int, int]:
    """(outer, n, inner) around a dimension; a 0-dim tensor has one of size 1."""
    if not shape:
        return 1, 1, 1
    return Size(shape[:dim]).numel(), shape[dim], Size(shape[dim + 1 :]).numel()


def launch(kernel: Jit, elements: int, *args: Any) -> Any:
    """Run a kernel, on many threads where there is work for them."""
    return ready(kernel, elements >= shared_from(PICKED) and threads.get_num_threads() > 1, args)(*args)


def planned(kernel: Jit, elements: int, buffers: tuple, numbers: tuple, shape: tuple, k: Kind) -> Plan:
    """The plan of a kernel ``(*buffers, *numbers)`` for a result of ``shape``; without an entry where there are no ``elements``."""
    parallel = elements >= shared_from(PICKED) and threads.get_num_threads() > 1
    return Plan(shape, k, ready(kernel, parallel, (*buffers, *numbers)) if elements else None, numbers)


def columns(outer: int, inner: int) -> int:
    """How many columns a thread takes where several write to the same rows."""
    if outer >= threads.get_num_threads():
        return max(inner, 1)
    return max(COLUMNS, -(-inner // threads.get_num_threads()))


def check(bad: int, index: Tensor, dim: int, n: int, wrap: bool) -> None:
    """IndexError naming the first index outside, where a kernel has found some."""
    if bad:
        flat = index._buf
        first = flat[np.flatnonzero((flat < (-n if wrap else 0)) | (flat >= n))[0]]
        raise IndexError(f"index {int(first)} is out of bounds for dimension {dim} with size {n}")


def named(op: str, error: IndexError) -> IndexError:
    """The error with the op's name before its message."""
    error.args = (f"{op}(): {error}",)
    return error
