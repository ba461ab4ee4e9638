"""Products of complex matrices, by one product of real ones.

With z = a + ib next to each other in memory, a row of k complex numbers is a row of 2k real ones. Where the other
factor has each element as the block ``[[a, b], [-b, a]]``, the real product is the complex one: it has as many
multiplications, and runs at the speed of the real loops.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from numtorch import engine
from numtorch._tensor import Tensor, make
from numtorch.dispatch.cost import moves
from numtorch.dispatch.loops import Loop, like
from numtorch.dispatch.op import op
from numtorch.dtype import COMPLEXES
from numtorch.kernels.jit import jit, prange
from numtorch.kernels.registry import Priority
from numtorch.ops import movement
from numtorch.ops.matmul import matmul
from numtorch.storage import Size, kind

LITTLE = 1 << 12  # multiplications up to which rows are multiplied directly


@jit(parallel=True)
def multiply(x, y, out, m, k, n, shared):
    """out[b] = x[b] @ y[b] of small matrices, y[0] for all where it is ``shared``"""
    for row in prange(out.size // n):
        b = 0 if shared else row // m
        for j in range(n):
            total = x.dtype.type(0)
            for i in range(k):
                total += x[np.uint64(row * k + i)] * y[np.uint64((b * k + i) * n + j)]
            out[np.uint64(row * n + j)] = total


@matmul.loop("cpu", dtypes=COMPLEXES)
def rows(x, y):
    """Row by row, where the matrices are so small that preparing a real product would take longer."""
    if not 0 < x.shape.numel() * y.shape[-1] <= LITTLE or (y.ndim > 2 and x.ndim != y.ndim):
        return None
    k, n = y.shape[-2:]
    out = like(x, Size((*x.shape[:-1], n)))
    return Loop(multiply, (x.shape[-2], k, n, y.ndim == 2), out, weight=8 * k, elements=out.shape.numel())


@jit(parallel=True)
def fill_blocks(y, out, n):
    """Each element a + ib of rows of n as the block [[a, b], [-b, a]] of rows of 2n"""
    for row in prange(y.size // n):
        source = y[row * n : (row + 1) * n]
        upper, lower = out[row * 4 * n : row * 4 * n + 2 * n], out[row * 4 * n + 2 * n : (row + 1) * 4 * n]
        for j in range(n):
            z = source[j]
            upper[2 * j], upper[2 * j + 1] = z.real, z.imag
            lower[2 * j], lower[2 * j + 1] = -z.imag, z.real


@op(public=False, differentiable=False, cost=moves)
def blocks(x):
    """(..., k, n) complex as (..., 2k, 2n) real: each element a + ib as ``[[a, b], [-b, a]]``."""
    upper, lower = (movement.view_as_real(engine.contiguous(z)) for z in (x, x * 1j))
    *lead, k, n = x.shape
    return movement.reshape(movement.stack([upper, lower], -3), (*lead, 2 * k, 2 * n))


@blocks.loop("cpu", dtypes=COMPLEXES)
def fill(x):
    *lead, k, n = x.shape
    if not x.shape.numel():
        return None
    return Loop(fill_blocks, (n,), like(x, Size((*lead, 2 * k, 2 * n)), x._k.dtype.to_real()), weight=4)


def _seen(t: Tensor, shape: tuple, d: Any) -> Tensor:
    """The memory of a contiguous tensor as elements of another type, outside the graph."""
    return make(None if t._buf is None else t._buf.view(d.storage), shape, kind(d, t._k.device))


@matmul.kernel("any", dtypes=COMPLEXES, priority=Priority.GENERATED)
def real_product(x, y):
    """The real product of matrices of twice the extents."""
    d = x._k.dtype
    x = x if x._k.contiguous else engine.contiguous(x)
    rows = _seen(x, (*x.shape[:-1], 2 * x.shape[-1]), d.to_real())
    z = engine.contiguous(matmul(rows, blocks(y)))
    return _seen(z, (*z.shape[:-1], y.shape[-1]), d)
