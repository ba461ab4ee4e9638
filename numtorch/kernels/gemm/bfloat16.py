"""Matrix products of bfloat16 numbers, summed in float32.

The instructions multiply pairs of neighbours along k and add two products to a float32 lane. A pair counts as one
element here: so the product is a float32 product of half the depth, down to the micro-kernel. A matrix whose rows run
along k already is a matrix of pairs. In the other case packing makes pairs of two rows at a time. Sums are rounded to
bfloat16 as soon as a panel of
them is complete, so that one parallel region does everything.

Differs from IEEE arithmetic, as the processors do: subnormal numbers count as zero, and the order of rounding within a
pair depends on the processor.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from numtorch.kernels.gemm.plan import Scratch, make_pairs_plan, scratch_key
from numtorch.kernels.gemm.tile import BIAS
from numtorch.kernels.jit import Jit, jit, prange
from numtorch.kernels.math import float_to_bf16
from numtorch.kernels.threads import get_num_threads

BLOCK = 8192  # elements that a thread converts at a time
SERIAL = 1 << 14  # elements below which one thread converts as soon
KEPT = 1 << 22  # elements (16 MiB) up to which space is kept for the next product

_spaces = {name: Scratch() for name in ("a", "a rounded", "b", "b rounded", "packing")}


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
    """Aligned space of the calling thread for 16-bit numbers; what it held is lost."""
    return _halves(name, scratch_key(np.dtype(np.float32), (size + 1) // 2))[:size]


def _halves(name: str, key: int) -> np.ndarray:
    """The array of a scratch key, as 16-bit numbers."""
    arrays = _spaces[name].arrays
    space = arrays.get(key)
    if space is None:
        space = arrays[key] = _spaces[name].add(key).view(np.uint16)
        if space.size > 2 * KEPT:
            del arrays[key]
    return space


def _operand(x, name: str, rows: int, cols: int, along_rows: bool):
    """A matrix of bfloat16 whose rows, if they run along k, have an even length."""
    if x.dtype == np.float32:
        narrow = _space(name + " rounded", x.size)
        _run(rounded, x.size, x, narrow)
        x = narrow
    if not along_rows:
        return x
    if cols % 2:
        out = _space(name, rows * (cols + 1))
        _run(pad_rows, x.size, x, out, rows, cols)
        return out
    return x.copy() if x.ctypes.data % 4 else x


def bmm(
    batch: int,
    m: int,
    n: int,
    k: int,
    ta: bool = False,
    tb: bool = False,
    a_step: int | None = None,
    b_step: int | None = None,
    biased: bool = False,
    narrow: bool = True,
) -> Callable:
    """The function ``f(a, b, c)``, or ``f(a, b, bias, c)`` with a bias, that computes ``c[i] = op(a[i]) @ op(b[i]) +
    bias`` for each of ``batch`` matrices, where ``variants.multiplies_pairs()``.

    It takes flat arrays: a and b of uint16 that hold bfloat16, or of float32, which are rounded to bfloat16 first; a
    bias of n float32.

    Args:
        a_step, b_step: 0 where all products use one matrix.
        narrow: c is uint16, rounded once from float32 sums; else it is float32.
    """
    if batch * m * n == 0:
        return lambda *_: None
    a_shared, b_shared = a_step == 0, b_step == 0
    left = partial(_operand, name="a", rows=(1 if a_shared else batch) * (k if ta else m), cols=m if ta else k)
    right = partial(_operand, name="b", rows=(1 if b_shared else batch) * (n if tb else k), cols=k if tb else n)
    even, items, rows = k + k % 2, batch, m
    a_step = 0 if a_shared else m * (k if ta else even)
    b_step = 0 if b_shared else n * (even if tb else k)
    if b_shared and not a_shared and not ta:  # one tall product
        items, rows, a_step = 1, batch * m, 0
    multiply = make_pairs_plan(
        items,
        rows,
        n,
        k,
        ta,
        tb,
        a_step,
        b_step,
        BIAS if biased else 0,
        get_num_threads(),
        narrow,
        partial(_halves, "packing"),
    )

    def run(a: Any, b: Any, *rest: Any) -> None:
        *bias, c = rest
        multiply(left(a, along_rows=not ta), right(b, along_rows=tb), *bias, c if narrow else c.view(np.uint16))

    return run
