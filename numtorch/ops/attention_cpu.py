"""CPU loops of attention. They compute the scores of a head panel by panel, and never store all of them.

    for each head:                              k transposed and scaled
        for each panel of queries:
            scores = q @ k.T                    up to the last key that is visible
            p = exp(scores - max) / total       logs = max + log(total)
            out = p @ v

The backward pass computes p again, as exp(scores - logs) (Dao et al. 2022). A panel contains whole rows, so nothing is
rescaled. Operands are read in place, with any strides between batches, heads and rows. Heads are independent, and each
is summed in a fixed order: results are the same for any number of threads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from numtorch.dispatch.program import shared_from
from numtorch.kernels.gemm.blocked import INNER, NEEDS, pack_transposed
from numtorch.kernels.gemm.tile import ACCUMULATE, tile
from numtorch.kernels.gemm.variants import variants
from numtorch.kernels.jit import jit, prange
from numtorch.kernels.math import exp_nonpositive, log, maximum
from numtorch.kernels.threads import get_num_threads

# Multiply-adds: in registers, four cost what an addition of two operands in memory does.
PARALLEL_WORK = 4 * shared_from(1)
BLOCK = 4  # panels whose part of the gradients of k and v is one product

# What stands where in a plan, an int64 array.
TABLE, LANES, STRIP = 0, 1, 2  # of the matrix product's tiles
HEADS, GROUP = 3, 4  # heads of all batches, heads of a batch
ROWS, COLS, WIDTH, VALUES = 5, 6, 7, 8  # queries, keys, elements of a query, elements of a value
CAUSAL = 9
PANELS, KEY_PANELS = 10, 11  # how many panels the queries, and the keys, are cut into
STEP = 12  # from one row of scores to the next: whole strips
CHUNKS, SCRATCH = 13, 14  # shares of the heads, and elements of scratch for each
STRIDES = 15  # of q, k, v, then of the result; or of its gradient, the result and the gradients of q, k, v: between
# batches, heads and rows
PLAN_SIZE = STRIDES + 8 * 3
Q, K, V, G, OUT, GQ, GK, GV = range(STRIDES, PLAN_SIZE, 3)
RESULT = G  # of the forward pass


@jit(**INNER)
def start(plan, item, of):
    """Where a head of an operand begins."""
    return item // plan[GROUP] * plan[of] + item % plan[GROUP] * plan[of + 1]


@jit(**INNER)
def panel_start(extent, panels, i):
    """Where panel ``i`` begins; the first ones are one row higher."""
    return i * (extent // panels) + min(i, extent % panels)


@jit(**INNER)
def whole(extent, strip):
    """The extent rounded up to whole strips."""
    return (extent + strip - 1) // strip * strip


@jit(**INNER)
def turned(plan, x, x0, x_step, width, scale, scratch, at):
    """``scratch[e, j] = x[j, e] * scale``, rows of whole strips, zeros behind the last column."""
    step, cols = plan[STEP], plan[COLS]
    pack_transposed(plan[TABLE], plan[LANES], x, x0, x_step, scratch, at, step, cols, width)
    factor = x.dtype.type(scale)
    for e in range(width):
        row = scratch[at + e * step : at + (e + 1) * step]
        for j in range(cols):
            row[j] *= factor
        for j in range(cols, step):
            row[j] = x.dtype.type(0)


@jit(**INNER)
def products(plan, a, a0, a_step, by_rows, h, b, b0, b_step, c, c0, c_step, depth, width, flags):
    """``c = a @ b`` for one panel of ``h`` rows, strip after strip."""
    strip = plan[STRIP]
    for j in range(0, width, strip):
        tile(
            plan[TABLE],
            h,
            by_rows,
            a,
            a0,
            a_step,
            b,
            b0 + j,
            b_step,
            c,
            c0 + j,
            c_step,
            c,
            0,
            depth,
            min(strip, width - j),
            flags,
        )


@jit(**INNER)
def seen_by(plan, i):
    """How many keys query ``i`` sees."""
    return min(plan[COLS], i + 1) if plan[CAUSAL] else plan[COLS]


@jit(**INNER)
def forward_head(plan, item, q, k, v, out, logs, scratch, at, scale):
    """One head of ``forward_heads``, with scratch from ``at``: k turned, then a panel of scores."""
    rows, width, values, step = plan[ROWS], plan[WIDTH], plan[VALUES], plan[STEP]
    q0, k0, v0, o0 = start(plan, item, Q), start(plan, item, K), start(plan, item, V), start(plan, item, RESULT)
    turned(plan, k, k0, plan[K + 2], width, scale, scratch, at)
    totals = at + width * step
    p0 = totals + rows
    top_of = logs[item * rows : (item + 1) * rows]
    one = q.dtype.type(1)
    for panel in range(plan[PANELS]):
        first, end = panel_start(rows, plan[PANELS], panel), panel_start(rows, plan[PANELS], panel + 1)
        seen = seen_by(plan, end - 1)
        wide = whole(seen, plan[STRIP])
        products(
            plan,
            q,
            q0 + first * plan[Q + 2],
            plan[Q + 2],
            1,
            end - first,
            scratch,
            at,
            step,
            scratch,
            p0,
            step,
            width,
            wide,
            0,
        )
        for i in range(first, end):
            row = scratch[p0 + (i - first) * step : p0 + (i - first) * step + wide]
            for j in range(seen_by(plan, i), wide):
                row[j] = q.dtype.type(-np.inf)
            top = row[0]
            for j in range(wide):
                top = maximum(top, row[j])
            total = q.dtype.type(0)
            for j in range(wide):
                e = exp_nonpositive(row[j] - top)
                row[j] = e
                total += e
            share = one / total
            for j in range(wide):
                row[j] *= share
            top_of[i] = top
            scratch[totals + i] = total
        products(
            plan,
            scratch,
            p0,
            step,
            1,
            end - first,
            v,
            v0,
            plan[V + 2],
            out,
            o0 + first * plan[RESULT + 2],
            plan[RESULT + 2],
            seen,
            values,
            0,
        )
    for i in range(rows):
        top_of[i] += log(scratch[totals + i])


@jit(parallel=True, needs=NEEDS)
def forward_heads(plan, q, k, v, out, logs, scratch, scale):
    """out = softmax(q @ k.T * scale) @ v for each head; logs, of each row of scores, the logarithm of the sum of
    exponentials"""
    for chunk in prange(plan[CHUNKS]):
        for item in range(plan[HEADS] * chunk // plan[CHUNKS], plan[HEADS] * (chunk + 1) // plan[CHUNKS]):
            forward_head(plan, item, q, k, v, out, logs, scratch, chunk * plan[SCRATCH], scale)


@jit(**INNER)
def cleared(x, x0, x_step, rows, width):
    """Rows filled with zeros."""
    for i in range(rows):
        row = x[x0 + i * x_step : x0 + i * x_step + width]
        for j in range(width):
            row[j] = x.dtype.type(0)


@jit(**INNER)
def slopes(plan, i, item, g, g0, gl, out, o0, logs, p, d, scale):
    """A row of scores to p = exp(scores - logs), and of g @ v.T to the gradient of q @ k.T: d = p * (d - g . out + gl)
    * scale."""
    values = plan[VALUES]
    gradient, result = g[g0 : g0 + values], out[o0 : o0 + values]
    delta = -gl[item * plan[ROWS] + i]
    for j in range(values):
        delta += gradient[j] * result[j]
    for j in range(seen_by(plan, i), p.size):
        p[j] = g.dtype.type(-np.inf)
    shift, factor = logs[item * plan[ROWS] + i], g.dtype.type(scale)
    for j in range(p.size):
        e = exp_nonpositive(p[j] - shift)
        p[j] = e
        d[j] = e * (d[j] - delta) * factor


@jit(**INNER)
def backward_head(plan, item, g, gl, q, k, v, out, logs, gq, gk, gv, scratch, at, scale):
    """One head of ``backward_heads``, with scratch from ``at``: k and v turned, then blocks of p and of d."""
    rows, cols, width, values, step, strip = plan[ROWS], plan[COLS], plan[WIDTH], plan[VALUES], plan[STEP], plan[STRIP]
    q0, k0, v0, g0 = start(plan, item, Q), start(plan, item, K), start(plan, item, V), start(plan, item, G)
    gq0, gk0, gv0 = start(plan, item, GQ), start(plan, item, GK), start(plan, item, GV)
    o0, o_step = start(plan, item, OUT), plan[OUT + 2]
    turned(plan, k, k0, plan[K + 2], width, scale, scratch, at)
    v_at = at + width * step
    turned(plan, v, v0, plan[V + 2], values, 1.0, scratch, v_at)
    p0 = v_at + values * step
    d0 = p0 + (rows // plan[PANELS] + 1) * BLOCK * step
    cleared(gk, gk0, plan[GK + 2], cols, width)
    cleared(gv, gv0, plan[GV + 2], cols, values)
    for block in range(0, plan[PANELS], BLOCK):
        top = panel_start(rows, plan[PANELS], block)
        bottom = panel_start(rows, plan[PANELS], min(plan[PANELS], block + BLOCK))
        reach = seen_by(plan, bottom - 1)
        filled = min(step, whole(reach, strip) + strip)  # as far as the last panel of keys reads
        for panel in range(block, min(plan[PANELS], block + BLOCK)):
            first, end = panel_start(rows, plan[PANELS], panel), panel_start(rows, plan[PANELS], panel + 1)
            seen, h = seen_by(plan, end - 1), end - first
            wide = whole(seen, strip)
            p1, d1 = p0 + (first - top) * step, d0 + (first - top) * step
            products(
                plan,
                q,
                q0 + first * plan[Q + 2],
                plan[Q + 2],
                1,
                h,
                scratch,
                at,
                step,
                scratch,
                p1,
                step,
                width,
                wide,
                0,
            )
            products(
                plan,
                g,
                g0 + first * plan[G + 2],
                plan[G + 2],
                1,
                h,
                scratch,
                v_at,
                step,
                scratch,
                d1,
                step,
                values,
                wide,
                0,
            )
            for i in range(first, end):
                here = (i - first) * step
                p, d = scratch[p1 + here : p1 + here + wide], scratch[d1 + here : d1 + here + wide]
                slopes(plan, i, item, g, g0 + i * plan[G + 2], gl, out, o0 + i * o_step, logs, p, d, scale)
            cleared(scratch, p1 + wide, step, h, filled - wide)
            cleared(scratch, d1 + wide, step, h, filled - wide)
            products(
                plan,
                scratch,
                d1,
                step,
                1,
                h,
                k,
                k0,
                plan[K + 2],
                gq,
                gq0 + first * plan[GQ + 2],
                plan[GQ + 2],
                seen,
                width,
                0,
            )
        for panel in range(plan[KEY_PANELS]):
            first, end = panel_start(cols, plan[KEY_PANELS], panel), panel_start(cols, plan[KEY_PANELS], panel + 1)
            if first >= reach:
                break
            products(
                plan,
                scratch,
                d0 + first,
                step,
                0,
                end - first,
                q,
                q0 + top * plan[Q + 2],
                plan[Q + 2],
                gk,
                gk0 + first * plan[GK + 2],
                plan[GK + 2],
                bottom - top,
                width,
                ACCUMULATE,
            )
            products(
                plan,
                scratch,
                p0 + first,
                step,
                0,
                end - first,
                g,
                g0 + top * plan[G + 2],
                plan[G + 2],
                gv,
                gv0 + first * plan[GV + 2],
                plan[GV + 2],
                bottom - top,
                values,
                ACCUMULATE,
            )


@jit(parallel=True, needs=NEEDS)
def backward_heads(plan, q, k, v, g, out, gl, logs, gq, gk, gv, scratch, scale):
    """The gradients of q, k and v of ``forward_heads``, from those of out and logs."""
    for chunk in prange(plan[CHUNKS]):
        for item in range(plan[HEADS] * chunk // plan[CHUNKS], plan[HEADS] * (chunk + 1) // plan[CHUNKS]):
            backward_head(plan, item, g, gl, q, k, v, out, logs, gq, gk, gv, scratch, chunk * plan[SCRATCH], scale)


def plan_of(
    double: bool,
    backward: bool,
    batch: int,
    group: int,
    rows: int,
    cols: int,
    width: int,
    values: int,
    causal: bool,
    strides: tuple[int, ...],
) -> tuple[np.ndarray, bool]:
    """The plan for shapes and strides, and whether it is worth several threads; see the constants above.

    Args:
        strides: see ``STRIDES``.
    """
    micro = variants(double)
    regs = micro.registers
    panels, key_panels = -(-rows // regs.height), -(-cols // regs.height)
    step = -(-cols // regs.strip) * regs.strip
    large = batch * group > 1 and batch * group * rows * cols * (width + values) > PARALLEL_WORK  # whatever the threads
    chunks = min(batch * group, 4 * get_num_threads()) if large else 1
    panel = rows // panels + 1
    lines = width + values + 2 * BLOCK * panel if backward else width + panel + -(-rows // step)
    plan = np.zeros(PLAN_SIZE, np.int64)
    plan[:STRIDES] = (
        micro.address,
        regs.lanes,
        regs.strip,
        batch * group,
        group,
        rows,
        cols,
        width,
        values,
        causal,
        panels,
        key_panels,
        step,
        chunks,
        (lines + 1) * step,
    )
    plan[STRIDES : STRIDES + len(strides)] = strides

    def need(extent: int, parts: int, by_rows: bool, *widths: int) -> None:
        for height in {extent // parts, -(-extent // parts)}:
            for n in {w for width in widths for w in (min(width, regs.strip), width % regs.strip) if w}:
                micro.need_tile(height, n, by_rows)

    need(rows, panels, True, regs.strip, width, values)
    if backward:
        need(cols, key_panels, False, width, values)
    micro.need_transpose()
    return plan, large


def ready(backward: bool, dtype: np.dtype, *how: Any) -> Callable:
    """``forward_heads``, or ``backward_heads``, as functions of the buffers between plan and scratch.

    ``how``: the arguments of ``plan_of`` from ``batch`` to ``strides``, then the scale; gl and logs are contiguous.
    """
    *shape, scale = how
    plan, large = plan_of(dtype == np.float64, backward, *shape)
    heads, arrays = (backward_heads, 10) if backward else (forward_heads, 5)
    run = (heads if large else heads.serial).entry(plan, *[np.empty(1, dtype)] * (arrays + 1), scale)
    size = int(plan[CHUNKS] * plan[SCRATCH])
    return lambda *buffers: run(plan, *buffers, np.empty(size, dtype), scale)
