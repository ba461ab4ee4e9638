"""Matrix products of float32, float64 and bfloat16 arrays, written in Numba.

``gemm``, ``bmm`` and ``linear`` take flat C-contiguous arrays and integers, and write into an array that they are
given. The modules, from the outer loops to the inner ones:

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

from typing import Any

import numpy as np

from numtorch.kernels import registry
from numtorch.kernels.gemm.plan import Plan, Scratch, make_plan
from numtorch.kernels.gemm.tile import ACCUMULATE, BIAS, RELU
from numtorch.kernels.jit import Jit
from numtorch.kernels.threads import get_num_threads

_scratch = Scratch()
_plans: dict[tuple, Plan] = registry.memo()
_MOST_PLANS = 4096  # a program whose shapes keep changing starts over


def gemm(a, b, c, m: int, n: int, k: int, ta: bool = False, tb: bool = False, accumulate: bool = False) -> None:
    """``c = op(a) @ op(b)``, or ``c += op(a) @ op(b)`` with ``accumulate``.

    Args:
        a: (m, k) row by row, or (k, m) with ``ta``.
        b: (k, n) row by row, or (n, k) with ``tb``.
        c: (m, n) row by row; may overlap neither a nor b.

    All three are flat C-contiguous arrays of one dtype, float32 or float64. The result does not
    depend on the number of threads. Only the first call of a shape checks dtypes, and none checks
    sizes: that is the caller's part.

    Example:
        >>> import numpy as np
        >>> from numtorch.kernels.gemm import gemm
        >>> a, b, c = np.arange(6.0), np.ones(6), np.empty(4)
        >>> gemm(a, b, c, 2, 2, 3)
        >>> c.tolist()
        [3.0, 3.0, 12.0, 12.0]
    """
    key = (a.dtype, m, n, k, ta, tb, accumulate, get_num_threads())
    plan = _plans.get(key) or _plan(key, a, b, c, 1, m, n, k, ta, tb, 0, 0, ACCUMULATE if accumulate else 0)
    run_plan(plan, a, b, c, c)


def known_plan(a, b, c, m: int, n: int, k: int, ta: bool = False, tb: bool = False) -> Plan:
    """The plan that ``gemm`` uses, for callers that keep their own table of shapes; ``run_plan`` runs it."""
    key = (a.dtype, m, n, k, ta, tb, False, get_num_threads())
    return _plans.get(key) or _plan(key, a, b, c, 1, m, n, k, ta, tb, 0, 0, 0)


def run_plan(plan: Plan, a, b, c, bias) -> None:
    """Multiply by a plan; ``bias`` may be any array of the type where the plan adds none."""
    run, numbers, scratch, biased = plan
    if scratch is None:
        if biased:
            run(numbers, a, b, c, bias)
        else:
            run(numbers, a, b, c)
    else:
        space = _scratch.arrays.get(scratch)
        run(numbers, a, b, c, bias, _scratch.add(scratch) if space is None else space, 0)


def bmm(
    a,
    b,
    c,
    batch: int,
    m: int,
    n: int,
    k: int,
    ta: bool = False,
    tb: bool = False,
    a_stride: int | None = None,
    b_stride: int | None = None,
    accumulate: bool = False,
) -> None:
    """``c[i] = op(a[i]) @ op(b[i])`` for each of ``batch`` matrices; see ``gemm``.

    Args:
        a_stride: elements from one matrix of a to the next: ``m * k`` if None, 0 if all share one.
        b_stride: the same for b, ``k * n`` if None.
        c: (batch, m, n).

    Example:
        >>> import numpy as np
        >>> from numtorch.kernels.gemm import bmm
        >>> c = np.empty(2)
        >>> bmm(np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 1.0]), c, 2, 1, 1, 2, b_stride=0)
        >>> c.tolist()
        [3.0, 7.0]
    """
    run_plan(known_batch_plan(a, b, c, batch, m, n, k, ta, tb, a_stride, b_stride, accumulate), a, b, c, c)


def known_batch_plan(
    a,
    b,
    c,
    batch: int,
    m: int,
    n: int,
    k: int,
    ta: bool,
    tb: bool,
    a_stride: int | None,
    b_stride: int | None,
    accumulate: bool = False,
) -> Plan:
    """The plan that ``bmm`` uses, as ``known_plan`` is ``gemm``'s."""
    key = (a.dtype, batch, m, n, k, ta, tb, a_stride, b_stride, accumulate, get_num_threads())
    plan = _plans.get(key)
    if plan is not None:
        return plan
    a_gap = m * k if a_stride is None else a_stride
    b_gap = k * n if b_stride is None else b_stride
    flags = ACCUMULATE if accumulate else 0
    if b_gap == 0 and a_gap == m * k and not ta:  # one tall product
        return _plan(key, a, b, c, 1, batch * m, n, k, ta, tb, 0, 0, flags)
    return _plan(key, a, b, c, batch, m, n, k, ta, tb, a_gap, b_gap, flags)


def linear(x, w, bias, out, m: int, n: int, k: int, relu: bool = False, epilogue: Jit | None = None) -> None:
    """``out = x @ w.T + bias``, then ``max(out, 0)`` with ``relu`` or another function, in one pass over ``out``.

    Args:
        x: (m, k). w: (n, k). out: (m, n).
        bias: (n,), or an empty array for none.
        epilogue: a loop ``f(out, start, count)`` that overwrites elements; called on each panel of rows once it is
            stored.

    Example:
        >>> import numpy as np
        >>> from numtorch.kernels.gemm import linear
        >>> out = np.empty(2)
        >>> x, w, bias = np.array([1.0, -2.0]), np.array([1.0, 1.0, 3.0, 1.0]), np.array([0.5, 0.5])
        >>> linear(x, w, bias, out, 1, 2, 2, relu=True)
        >>> out.tolist()
        [0.0, 1.5]
    """
    key = (x.dtype, m, n, k, bias.size > 0, relu, get_num_threads(), epilogue, "linear")
    plan = _plans.get(key)
    if plan is None:
        flags = (BIAS if bias.size else 0) | (RELU if relu else 0)
        plan = _plan(key, x, w, out, 1, m, n, k, False, True, 0, 0, flags, epilogue)
    run_plan(plan, x, w, out, bias)


def _plan(
    key: tuple,
    a: Any,
    b: Any,
    c: Any,
    batch: int,
    m: int,
    n: int,
    k: int,
    ta: bool,
    tb: bool,
    a_stride: int,
    b_stride: int,
    flags: int,
    epilogue: Jit | None = None,
) -> Plan:
    """Make and keep a plan."""
    if not a.dtype == b.dtype == c.dtype or a.dtype not in (np.float32, np.float64):
        raise TypeError(
            f"matrix product: expected arrays of one dtype, float32 or float64, got {a.dtype}, {b.dtype} and {c.dtype}"
        )
    if len(_plans) >= _MOST_PLANS:
        _plans.clear()
    plan = _plans[key] = make_plan(
        a.dtype, batch, m, n, k, bool(ta), bool(tb), a_stride, b_stride, flags, get_num_threads(), epilogue=epilogue
    )
    return plan
