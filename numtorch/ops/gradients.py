"""What is done to the gradients of many parameters at once: their norm, scaling, limits, zeros.

Each function is one launch for all tensors of one kind: those of the CPU are found by a table of their addresses
(``kernels/tables.py``).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from numtorch._tensor import Tensor
from numtorch.device import CPU
from numtorch.dispatch.program import compiled_entry, shared_from
from numtorch.dtype import FLOATS, dtype
from numtorch.kernels import registry, tables, timing
from numtorch.kernels.jit import jit, prange
from numtorch.kernels.tables import address_of, array_at
from numtorch.ops import elementary
from numtorch.ops.creation import tensor
from numtorch.ops.moments import norm
from numtorch.ops.movement import stack
from numtorch.ops.optimizer import fill_each, limit_each, scale_each

LARGEST, COUNTED = 0, 3  # beside the orders 1 and 2


@jit(parallel=True, needs=tables.CODEGEN)
def parts_of_norm(like, entries, within, chunks, order, parts):
    """For each chunk the sum of the absolute values (order 1), of the squares (2), the largest absolute value (LARGEST)
    or how many elements are infinite or NaN (COUNTED)."""
    count = chunks.size // 3
    for o in prange(count):
        x = array_at(address_of(entries[chunks[o]], within), chunks[count + o], chunks[2 * count + o], like)
        total = 0.0
        if order == 1:
            for i in range(x.size):
                total += np.float64(abs(x[i]))
        elif order == 2:
            for i in range(x.size):
                v = np.float64(x[i])
                total += v * v
        elif order == LARGEST:
            top = like.dtype.type(0)
            for i in range(x.size):
                v = abs(x[i])
                top = v if v > top or v != v else top
                if top != top:  # NaN, which is larger than nothing
                    break
            total = np.float64(top)
        else:
            infinity = like.dtype.type(np.inf)
            for i in range(x.size):
                total += 0.0 if abs(x[i]) < infinity else 1.0
        parts[o] = total


_entries: dict[tuple[dtype, bool], Any] = registry.memo()


def _parts(tensors: list[Tensor], order: int) -> np.ndarray | None:
    """What ``parts_of_norm`` finds, in one launch; None for tensors that are not all contiguous float32 or float64 ones
    on the CPU."""
    kinds = {t._k for t in tensors}
    k = tensors[0]._k
    if len(kinds) != 1 or not k.contiguous or k.device is not CPU or k.dtype not in FLOATS:
        return None
    buffers = [t._buf for t in tensors]
    chunks, like = tables.chunks(tuple([b.size for b in buffers]), k.dtype.storage)
    parts = np.zeros(chunks.size // 3)
    if parts.size:
        # By the amount of work alone, as sums may be rounded another way in the twin.
        large = like.size >= shared_from(1)
        entry = _entries.get((k.dtype, large))
        entries = tables.table(buffers)
        arguments = (like, entries, tables.WITHIN, chunks, order, parts)
        if entry is None:
            kernel = parts_of_norm if large else parts_of_norm.serial
            item = k.dtype.itemsize
            entry = _entries[k.dtype, large] = compiled_entry(
                kernel, arguments, "norm", lambda: timing.Work("", k.dtype.name, 0, 0, 0, (item, 2, 0), 0)
            )
        entry(*arguments)
    return parts


def total_norm(tensors: list[Tensor], order: float) -> Tensor:
    """The norm of all elements of all tensors, on the device of the first."""
    known = {1.0: 1, 2.0: 2, math.inf: LARGEST}.get(order)
    parts = _parts(tensors, known) if known is not None else None
    if parts is not None and (known != LARGEST or all(0 not in t.shape for t in tensors)):
        total = float(parts.max()) if known == LARGEST else float(parts.sum())
        return tensor(math.sqrt(total) if known == 2 else total, dtype=tensors[0]._k.dtype)
    norms = [norm(g.detach(), order).to(tensors[0].device) for g in tensors]
    return norm(stack(norms), order)


def _together(update: Any, tensors: list[Tensor], numbers: dict[str, float]) -> None:
    update.op.together([tensors], numbers)


def _real(tensors: list[Tensor]) -> bool:
    return all(t._k.dtype.is_floating_point for t in tensors)


def scale(tensors: list[Tensor], factor: Tensor | float) -> None:
    """Multiply all elements of all tensors by a number. That of another device than the CPU is not looked at: it would
    have to be waited for."""
    if not tensors:
        return
    if isinstance(factor, Tensor):
        if factor._k.device is not CPU or not all(t._k.device is CPU for t in tensors):
            for t in tensors:
                t.mul_(factor.to(t.device))
            return
        factor = float(factor.item())
    if _real(tensors):
        _together(scale_each, tensors, {"factor": factor})
    else:
        for t in tensors:
            t.mul_(factor)


def limit(tensors: list[Tensor], least: float, most: float) -> None:
    """Clamp all elements of all tensors."""
    if _real(tensors):
        _together(limit_each, tensors, {"least": least, "most": most})
    else:
        for t in tensors:
            t.clamp_(min=least, max=most)


def zero(tensors: list[Tensor]) -> None:
    """Set all elements of all tensors to 0."""
    if _real(tensors):
        _together(fill_each, tensors, {"value": 0.0})
    else:
        for t in tensors:
            t.zero_()


def finite(tensors: list[Tensor]) -> bool:
    """Whether no element of any tensor is infinite or NaN."""
    if not tensors:
        return True
    parts = _parts(tensors, COUNTED)
    if parts is not None:
        return not parts.any()
    return all(bool(elementary.isfinite(t).all().item()) for t in tensors)
