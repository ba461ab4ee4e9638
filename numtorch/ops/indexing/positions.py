"""What ops on positions share: the index as the kernels take it, and the error for one that is outside."""

from __future__ import annotations

from typing import Any

import numpy as np

from numtorch import dtype as dtypes
from numtorch._tensor import Tensor
from numtorch.kernels import threads
from numtorch.kernels.jit import Jit
from numtorch.ops.movement import contiguous
from numtorch.ops.movement.launching import ready
from numtorch.storage import Size

PARALLEL_ELEMENTS = 1 << 15
COLUMNS = 64  # of a shared row that a thread writes at least: neighbours in a cache line stay together


def as_index(index: Any, op_name: str) -> Tensor:
    """The index as contiguous int64 or int32 numbers, outside the graph."""
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
    return ready(kernel, elements >= PARALLEL_ELEMENTS and threads.get_num_threads() > 1, args)(*args)


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


class naming:
    """``with naming("gather"):`` puts the op's name before the message of an IndexError."""

    __slots__ = ("op",)

    def __init__(self, op: str):
        self.op = op

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if kind is IndexError and error is not None:
            error.args = (f"{self.op}(): {error}",)
