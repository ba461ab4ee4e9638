"""Calls kernels by their entry points. Numba's dispatcher checks each argument at every call; here the check happens
once for each set of types. What follows from kinds and shapes alone is kept as a *plan*.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from numtorch._tensor import Tensor, new
from numtorch.kernels import registry, threads
from numtorch.kernels.jit import Jit
from numtorch.storage import Kind, Size, allocate

_entries: dict = registry.memo()
MOST_PLANS = 4096


def ready(kernel: Jit, parallel: bool, args: tuple) -> Callable:
    """The compiled function for arguments of these types: one-dimensional contiguous arrays, integers, booleans."""
    key = (kernel, parallel, *[a.dtype if a.__class__ is np.ndarray else a.__class__ for a in args])
    entry = _entries.get(key)
    if entry is None:
        entry = _entries[key] = (kernel if parallel else kernel.serial).entry(*args)
    return entry


class Plan:
    """What remains to be done for operands of one kind and shape: a result, and one kernel from flat buffers into it.

    Attributes:
        shape, numel, kind: of the result.
        entry: the kernel; None if there is nothing to compute.
        numbers: what it takes after the buffers.
        carrier: the type under which it moves the elements; None for their own.
    """

    __slots__ = ("carrier", "entry", "kind", "numbers", "numel", "shape")

    def __init__(self, shape: tuple, kind: Kind, entry: Callable | None, numbers: tuple = (), carrier: Any = None):
        self.shape = Size(shape)
        self.numel = self.shape.numel()
        self.kind, self.entry, self.numbers, self.carrier = kind, entry, numbers, carrier

    def result(self) -> Tensor:
        """The tensor to be filled."""
        y = new(Tensor)
        y.shape = self.shape
        y._k = k = self.kind
        y._buf = allocate(self.numel, k.dtype, k.device)
        return y

    def __call__(self, x: Tensor) -> Tensor:
        """The result of a kernel of one operand, whose buffer it takes before the result's."""
        y = self.result()
        if self.entry is not None:
            if self.carrier is None:
                self.entry(x._buf, y._buf, *self.numbers)
            else:
                self.entry(x._buf.view(self.carrier), y._buf.view(self.carrier), *self.numbers)
        return y


def moving(kernel: Jit, kind: Kind, shape: tuple, numbers: tuple, carrier: np.dtype, least: int) -> Plan:
    """The plan of a kernel ``(source, target, *numbers)`` that moves elements as ``carrier``, on many threads from
    ``least`` on."""
    size = Size(shape).numel()
    one = np.empty(1, carrier)
    parallel = size >= least and threads.get_num_threads() > 1
    entry = ready(kernel, parallel, (one, one, *numbers)) if size else None
    return Plan(shape, kind, entry, numbers, None if kind.dtype.storage == carrier else carrier)


def remember(plans: dict, key: Any, plan: Any) -> Any:
    """``plan``, kept under its key; the table is emptied when it has grown too large."""
    if len(plans) > MOST_PLANS:
        plans.clear()
    plans[key] = plan
    return plan
