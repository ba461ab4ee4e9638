"""Matrix products of bfloat16 numbers, summed in float32.

The instructions multiply pairs of neighbours in k, two to a float32 lane. A pair counts as one element here: with
half the depth the product is that of float32, its packing included, down to the micro-kernel. A matrix whose rows run
along k is a matrix of pairs as it lies; one whose columns do is interleaved first, two rows at a time.

Differs from IEEE arithmetic, as the processors do: subnormal numbers count as zero, and a pair is added in one rounding
order that depends on the processor.
"""

from __future__ import annotations

import numpy as np

from numtorch.kernels import registry
from numtorch.kernels.gemm.plan import Plan, Scratch, make_plan, scratch_key
from numtorch.kernels.gemm.tile import BIAS
from numtorch.kernels.jit import Jit, jit, prange
from numtorch.kernels.math import float_to_bf16
from numtorch.kernels.threads import get_num_threads

BLOCK = 8192  # elements that a thread converts at a time
SERIAL = 1 << 16  # elements below which one thread converts as soon
KEPT = 1 << 22  # elements (16 MiB) up to which space is kept for the next product

_spaces = {name: Scratch() for name in ("a", "a rounded", "b", "b rounded", "c", "packing")}
_plans: dict[tuple, Plan] = registry.memo()


@jit(parallel=True)
def interleave(x, out, matrices, rows, cols):
    """``out[i, r, j] = (x[i, 2r, j], x[i, 2r + 1, j])``; a last row without a partner is paired with zeros."""
    half = (rows + 1) // 2
    for t in prange(matrices * half):
        start = t // half * rows * cols + t % half * 2 * cols
        low, pairs = x[start : start + cols], out[t * cols : (t + 1) * cols]
        if t % half * 2 + 1 < rows:
            high = x[start + cols : start + 2 * cols]
            for j in range(cols):
                pairs[j] = np.uint32(low[j]) | np.uint32(np.uint32(high[j]) << np.uint32(16))
        else:
            for j in range(cols):
                pairs[j] = np.uint32(low[j])


@jit(parallel=True)
def pad_rows(x, out, rows, cols):
    """Rows of an odd length with a zero behind each."""
    for i in prange(rows):
        for j in range(cols):
            out[i * (cols + 1) + j] = x[i * cols + j]
        out[i * (cols + 1) + cols] = 0


@jit(parallel=True)
def rounded(x, out):
    """float32 to the nearest bfloat16."""
    for t in prange((out.size + BLOCK - 1) // BLOCK):
        wide, narrow = x[t * BLOCK : (t + 1) * BLOCK], out[t * BLOCK : (t + 1) * BLOCK]
        for i in range(narrow.size):
            narrow[i] = float_to_bf16(wide[i])


def _run(kernel: Jit, size: int, *args) -> None:
    (kernel if size >= SERIAL else kernel.serial)(*args)


def _space(name: str, size: int) -> np.ndarray:
    """Aligned float32 space of the calling thread; what it held is lost."""
    scratch = _spaces[name]
    key = scratch_key(np.dtype(np.float32), size)
    space = scratch.arrays.get(key)
    if space is None:
        space = scratch.add(key)
        if size > KEPT:
            del scratch.arrays[key]
    return space[:size]


def _paired(x, name: str, matrices: int, rows: int, cols: int, along_rows: bool):
    """Pairs along the rows of each matrix, or down its columns, in an array of float32."""
    if x.dtype == np.float32:
        narrow = _space(name + " rounded", x.size // 2 + 1).view(np.uint16)[: x.size]
        _run(rounded, x.size, x, narrow)
        x = narrow
    if not along_rows:
        out = _space(name, matrices * -(-rows // 2) * cols).view(np.uint32)
        _run(interleave, x.size, x, out, matrices, rows, cols)
        return out.view(np.float32)
    if cols % 2:
        out = _space(name, matrices * rows * (cols + 1) // 2).view(np.uint16)
        _run(pad_rows, x.size, x, out, matrices * rows, cols)
        return out.view(np.float32)
    if x.ctypes.data % 4:
        x = x.copy()
    return x[: matrices * rows * cols].view(np.float32)


def bmm(a, b, c, batch: int, m: int, n: int, k: int, ta: bool = False, tb: bool = False,
        a_shared: bool = False, b_shared: bool = False, bias=None) -> None:
    """``c[i] = op(a[i]) @ op(b[i]) + bias`` for each of ``batch`` matrices, where ``variants.multiplies_pairs()``.

    Args:
        a, b: flat arrays of uint16 that hold bfloat16, or of float32, which are rounded to bfloat16 first.
        c: uint16 (rounded once, from float32 sums) or float32.
        a_shared, b_shared: all products use one matrix.
        bias: float32 of n elements, or None.
    """
    if batch * m * n == 0:
        return
    left = _paired(a, "a", 1 if a_shared else batch, *((k, m) if ta else (m, k)), not ta)
    right = _paired(b, "b", 1 if b_shared else batch, *((n, k) if tb else (k, n)), tb)
    sums = c if c.dtype == np.float32 else _space("c", batch * m * n)
    key = (batch, m, n, k, ta, tb, a_shared, b_shared, bias is None, get_num_threads())
    plan = _plans.get(key)
    if plan is None:
        depth, items, rows = -(-k // 2), batch, m
        a_step, b_step = 0 if a_shared else m * depth, 0 if b_shared else depth * n
        if b_shared and not a_shared and not ta:  # one tall product
            items, rows, a_step = 1, batch * m, 0
        plan = _plans[key] = make_plan(np.dtype(np.float32), items, rows, n, depth, ta, tb, a_step, b_step,
                                       0 if bias is None else BIAS, get_num_threads(), pairs=True)
    run, numbers, scratch, biased = plan
    if scratch is not None:
        run(numbers, left, right, sums, sums if bias is None else bias, _packing(scratch), 0)
    elif biased:
        run(numbers, left, right, sums, bias)
    else:
        run(numbers, left, right, sums)
    if sums is not c:
        _run(rounded, c.size, sums, c)


def _packing(key: int) -> np.ndarray:
    scratch = _spaces["packing"]
    space = scratch.arrays.get(key)
    return scratch.add(key) if space is None else space
