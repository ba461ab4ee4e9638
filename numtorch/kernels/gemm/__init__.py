"""Matrix products of float32, float64 and bfloat16 arrays, written in Numba.

``gemm``, ``bmm`` and ``linear`` give functions that multiply matrices of one type and shape. These take flat
C-contiguous arrays, and write into the last one; they check neither types nor sizes. The modules, from the outer loops
to the inner ones:

- ``plan.py``: rules that choose block sizes, packing and threads; one plan per shape.
- ``blocked.py``: the loops over blocks, panels and strips, serial and parallel.
- ``vector.py``: products with a single row or column.
- ``bfloat16.py``: multiplies pairs of bfloat16 at once, on processors that can. For the loops a pair is one element of
two units.
  They make pairs of columns as they pack them, and round the sums of a panel when it is complete.
- ``tile.py``: the inner operations as plain Python; ``microkernel.py``: the same as vector code.
- ``variants.py``: which vector code this processor uses; ``calls.py``: how the loops call it.

To support another processor, add its tile to ``variants.tile_for``, and its vectors to
``tests/kernels/test_gemm_assembly.py``, which compiles tiles for processors that the machine does not have.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from numtorch.kernels.gemm.plan import make_plan
from numtorch.kernels.gemm.tile import ACCUMULATE, BIAS, RELU
from numtorch.kernels.jit import Jit
from numtorch.kernels.threads import get_num_threads


def gemm(
    dtype: np.dtype, m: int, n: int, k: int, ta: bool = False, tb: bool = False, accumulate: bool = False
) -> Callable:
    """The function ``f(a, b, c)`` that computes ``c = op(a) @ op(b)``, or ``c += op(a) @ op(b)`` with ``accumulate``.

    Args:
        dtype: float32 or float64.
        ta: a is (k, m) row by row, else (m, k).
        tb: b is (n, k) row by row, else (k, n).

    c is (m, n) row by row, and may overlap neither a nor b. The result does not depend on the number of threads: that
    of this moment, which the function keeps.

    Example:
        >>> import numpy as np
        >>> from numtorch.kernels.gemm import gemm
        >>> a, b, c = np.arange(6.0), np.ones(6), np.empty(4)
        >>> gemm(a.dtype, 2, 2, 3)(a, b, c)
        >>> c.tolist()
        [3.0, 3.0, 12.0, 12.0]
    """
    return bmm(dtype, 1, m, n, k, ta, tb, accumulate=accumulate)


def bmm(
    dtype: np.dtype,
    batch: int,
    m: int,
    n: int,
    k: int,
    ta: bool = False,
    tb: bool = False,
    a_stride: int | None = None,
    b_stride: int | None = None,
    accumulate: bool = False,
) -> Callable:
    """The function ``f(a, b, c)`` that computes ``c[i] = op(a[i]) @ op(b[i])`` for each of ``batch`` matrices; see
    ``gemm``.

    Args:
        a_stride: elements from one matrix of a to the next: ``m * k`` if None, 0 if all share one.
        b_stride: the same for b, ``k * n`` if None.

    Example:
        >>> import numpy as np
        >>> from numtorch.kernels.gemm import bmm
        >>> a, b, c = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 1.0]), np.empty(2)
        >>> bmm(a.dtype, 2, 1, 1, 2, b_stride=0)(a, b, c)
        >>> c.tolist()
        [3.0, 7.0]
    """
    a_step = m * k if a_stride is None else a_stride
    b_step = k * n if b_stride is None else b_stride
    if b_step == 0 and a_step == m * k and not ta:  # one tall product
        batch, m = 1, batch * m
    flags = ACCUMULATE if accumulate else 0
    return make_plan(np.dtype(dtype), batch, m, n, k, bool(ta), bool(tb), a_step, b_step, flags, get_num_threads())


def linear(
    dtype: np.dtype, m: int, n: int, k: int, biased: bool, relu: bool = False, epilogue: Jit | None = None
) -> Callable:
    """The function ``f(x, w, out)``, or ``f(x, w, bias, out)`` with a bias, that computes ``out = x @ w.T + bias``,
    then ``max(out, 0)`` with ``relu`` or another function, in one pass over ``out``.

    Args:
        dtype, m, n, k: x is (m, k), w (n, k), bias (n,), out (m, n); see ``gemm``.
        epilogue: a loop ``f(out, start, count)`` that overwrites elements; called on each panel of rows once it is
            stored.

    Example:
        >>> import numpy as np
        >>> from numtorch.kernels.gemm import linear
        >>> out = np.empty(2)
        >>> x, w, bias = np.array([1.0, -2.0]), np.array([1.0, 1.0, 3.0, 1.0]), np.array([0.5, 0.5])
        >>> linear(x.dtype, 1, 2, 2, biased=True, relu=True)(x, w, bias, out)
        >>> out.tolist()
        [0.0, 1.5]
    """
    flags = (BIAS if biased else 0) | (RELU if relu else 0)
    return make_plan(np.dtype(dtype), 1, m, n, k, False, True, 0, 0, flags, get_num_threads(), epilogue)
