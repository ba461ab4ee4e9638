"""CPU loops of attention. They go through the keys block by block, and never store all scores of a head.

    for each head:
        for each block of keys:                 k transposed and scaled, v packed: they stay in the second cache
            for each panel of queries:          scores that stay in the first cache
                scores = q @ k.T + mask         up to the last key that is visible
                p = exp(scores - max)           total and out shrink where a block raises the maximum
                out += (p * kept) @ v
        out /= total                            logs = max + log(total)

The backward pass computes p again, as exp(scores - logs) (Dao et al. 2022): for each block of keys, blocks of queries
give their parts of all gradients. Heads of queries that share a head of keys and values are one share of its work. What
dropout keeps is drawn from the numbers of the position of each score, forward and backward the same. Operands are read
in place, with any strides between batches, heads and rows; masks with any strides. Each head is summed in a fixed
order: results are the same for any number of threads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from numtorch.dispatch.program import shared_from
from numtorch.kernels.gemm.blocked import INNER, NEEDS, pack_transposed
from numtorch.kernels.gemm.tile import ACCUMULATE, PADDED, copy_rows, tile
from numtorch.kernels.gemm.variants import variants
from numtorch.kernels.jit import jit, prange
from numtorch.kernels.math import exp_nonpositive, log, maximum, random_block
from numtorch.kernels.threads import get_num_threads

# Multiply-adds: in registers, four cost what an addition of two operands in memory does.
PARALLEL_WORK = 4 * shared_from(1)
PACKED_BYTES = 1 << 17  # of keys and values that are packed at a time: a part of the second cache
BLOCK_ROWS = 48  # queries whose part of the gradients of k and v is one product
NO_MASK, BOOLS, NUMBERS = 0, 1, 2

# What stands where in a plan, an int64 array.
TABLE, LANES, STRIP = 0, 1, 2  # of the matrix product's tiles
HEADS, GROUP, SHARING = 3, 4, 5  # heads of all batches, heads of a batch, heads that share one of k and v
ROWS, COLS, WIDTH, VALUES = 6, 7, 8, 9  # queries, keys, elements of a query, elements of a value
CAUSAL, MASK, DROPS = 10, 11, 12
PANELS, BLOCK = 13, 14  # how many panels the queries are cut into, and how many are a block
HEIGHT = 15  # most rows of a tile
KEYS, STEP = 16, 17  # keys of a block; from one row of scores to the next
CHUNKS, SCRATCH, TALLEST = 18, 19, 20  # shares of the heads, elements of scratch for each, rows of the highest block
LEAST = 21  # the first random word that is kept
MASK_STEPS = 22  # of the mask: between batches, heads, rows and columns
MASK_GRAD = 26  # of its gradient
STRIDES = 30  # of q, k, v, then of the result; or of its gradient, the result and the gradients of q, k, v: between
# batches, heads and rows
PLAN_SIZE = STRIDES + 8 * 3
Q, K, V, G, OUT, GQ, GK, GV = range(STRIDES, PLAN_SIZE, 3)
RESULT = G  # of the forward pass


@jit(**INNER)
def start(plan, item, of):
    """Where the operand's head begins that belongs to a head of the queries."""
    batch, head = item // plan[GROUP], item % plan[GROUP]
    if of in (K, V, GK, GV):
        head = head // plan[SHARING]
    return batch * plan[of] + head * plan[of + 1]


@jit(**INNER)
def panel_start(extent, panels, i):
    """Where panel ``i`` begins; the first ones are one row higher."""
    return i * (extent // panels) + min(i, extent % panels)


@jit(**INNER)
def whole(extent, strip):
    """The extent rounded up to whole strips."""
    return (extent + strip - 1) // strip * strip


@jit(**INNER)
def packed_turned(plan, x, x0, x_step, rows, width, scale, scratch, at):
    """``x.T * scale``, strip after strip of its rows; zeros behind the last one."""
    strip, factor = plan[STRIP], x.dtype.type(scale)
    for j in range(0, rows, strip):
        high = min(strip, rows - j)
        pack_transposed(
            plan[TABLE], plan[LANES], x, x0 + j * x_step, x_step, scratch, at + j * width, strip, high, width
        )
        if high < strip:
            for e in range(width):
                row = scratch[at + j * width + e * strip + high : at + j * width + (e + 1) * strip]
                for i in range(row.size):
                    row[i] = x.dtype.type(0)
    if scale != 1.0:
        every = scratch[at : at + whole(rows, strip) * width]
        for i in range(every.size):
            every[i] *= factor


@jit(**INNER)
def packed_rows(plan, x, x0, x_step, rows, width, scratch, at):
    """``x``, strip after strip of its columns."""
    strip = plan[STRIP]
    for j in range(0, width, strip):
        copy_rows(plan[TABLE], x, x0 + j, x_step, scratch, at + j * rows, strip, rows, min(strip, width - j))


@jit(**INNER)
def products(plan, h, by_rows, a, a0, a_step, packed, at, depth_of, c, c0, c_step, depth, width, flags):
    """``c = a @ b`` for one panel of ``h`` rows, where b is packed with ``depth_of`` rows in each strip."""
    strip = plan[STRIP]
    for j in range(0, width, strip):
        tile(
            plan[TABLE], h, by_rows, a, a0, a_step, packed, at + j * depth_of, strip,
            c, c0 + j, c_step, c, 0, depth, min(strip, width - j), flags | PADDED,
        )  # fmt: skip


@jit(**INNER)
def seen_by(plan, i):
    """How many keys query ``i`` sees, but for the mask."""
    return min(plan[COLS], i + 1) if plan[CAUSAL] else plan[COLS]


@jit(**INNER)
def masked(plan, item, i, j0, n, seen, bias, row):
    """The scores of query ``i`` and of ``n`` keys from ``j0``, with the mask; those behind become negative infinity."""
    below = row.dtype.type(-np.inf)
    if plan[MASK]:
        step = plan[MASK_STEPS + 3]
        at = item // plan[GROUP] * plan[MASK_STEPS] + item % plan[GROUP] * plan[MASK_STEPS + 1]
        at += i * plan[MASK_STEPS + 2] + j0 * step
        if plan[MASK] == BOOLS and step == 1:
            shown = seen[at : at + n]
            for j in range(n):
                row[j] = row[j] if shown[j] else below
        elif plan[MASK] == BOOLS:
            for j in range(n):
                row[j] = row[j] if seen[at + j * step] else below
        elif step == 1:
            added = bias[at : at + n]
            for j in range(n):
                row[j] += added[j]
        else:
            for j in range(n):
                row[j] += bias[at + j * step]
    for j in range(n, row.size):
        row[j] = below


@jit(**INNER)
def draws(plan, item, i, j0, n, draw, factor, scratch, at):
    """``factor`` for each score that dropout keeps, else 0; where in scratch the first of them stands."""
    first = draw[1] + (item * plan[ROWS] + i) * plan[COLS] + j0
    block, skipped = first >> 2, first & 3
    limit = np.uint64(plan[LEAST])
    count = (skipped + n + 3) // 4
    to, kept, dropped = scratch[at : at + 4 * count], scratch.dtype.type(factor), scratch.dtype.type(0)
    for b in range(count):
        c0, c1, c2, c3 = random_block(draw[0], block + b)
        k = np.uint64(b) * np.uint64(4)
        to[k] = kept if c0 >= limit else dropped
        to[k + np.uint64(1)] = kept if c1 >= limit else dropped
        to[k + np.uint64(2)] = kept if c2 >= limit else dropped
        to[k + np.uint64(3)] = kept if c3 >= limit else dropped
    return at + skipped


@jit(**INNER)
def weighed(row, top, total, shrinks):
    """A row of scores to exp(scores - top), where ``top[0]`` becomes the largest so far; ``total[0]`` is the sum, and
    what was summed before is to be multiplied by the result."""
    before = top[0]
    now = before
    for j in range(row.size):
        now = maximum(now, row[j])
    shift = row.dtype.type(0) if now == row.dtype.type(-np.inf) else now
    s = row.dtype.type(0)
    for j in range(row.size):
        e = exp_nonpositive(row[j] - shift)
        row[j] = e
        s += e
    less = exp_nonpositive(before - shift) if shrinks and before != now else row.dtype.type(1)
    total[0] = total[0] * less + s
    top[0] = now
    return less


@jit(**INNER)
def forward_head(plan, item, q, k, v, seen, bias, draw, out, logs, scratch, at, scale, factor):
    """One head of ``forward_heads``, with scratch from ``at``: k, v, a panel of scores, what is kept, totals."""
    rows, width, values, step, strip = plan[ROWS], plan[WIDTH], plan[VALUES], plan[STEP], plan[STRIP]
    q0, k0, v0, o0 = start(plan, item, Q), start(plan, item, K), start(plan, item, V), start(plan, item, RESULT)
    v_at = at + plan[KEYS] * width
    p0 = v_at + plan[KEYS] * whole(values, strip)
    kept0 = p0 + plan[TALLEST] * step
    t0 = kept0 + plan[KEYS] + 8
    one, none = q.dtype.type(1), q.dtype.type(0)
    for i in range(rows):
        logs[item * rows + i] = q.dtype.type(-np.inf)
        scratch[t0 + i] = none
    o_step = plan[RESULT + 2]
    for j0 in range(0, plan[COLS], plan[KEYS]):
        block = min(plan[KEYS], plan[COLS] - j0)
        if seen_by(plan, rows - 1) <= j0:
            break
        packed_turned(plan, k, k0 + j0 * plan[K + 2], plan[K + 2], block, width, scale, scratch, at)
        packed_rows(plan, v, v0 + j0 * plan[V + 2], plan[V + 2], block, values, scratch, v_at)
        for panel in range(plan[PANELS]):
            first, end = panel_start(rows, plan[PANELS], panel), panel_start(rows, plan[PANELS], panel + 1)
            n = min(block, seen_by(plan, end - 1) - j0)
            if n <= 0:
                continue
            wide = whole(n, strip)
            products(
                plan, end - first, 1, q, q0 + first * plan[Q + 2], plan[Q + 2], scratch, at, width,
                scratch, p0, step, width, wide, 0,
            )  # fmt: skip
            for i in range(first, end):
                row = scratch[p0 + (i - first) * step : p0 + (i - first) * step + wide]
                mine = max(0, min(n, seen_by(plan, i) - j0))
                masked(plan, item, i, j0, mine, seen, bias, row)
                here = item * rows + i
                less = weighed(row, logs[here : here + 1], scratch[t0 + i : t0 + i + 1], j0 > 0)
                if less != one:
                    sums = out[o0 + i * o_step : o0 + i * o_step + values]
                    for e in range(values):
                        sums[e] *= less
                if plan[DROPS]:
                    place = draws(plan, item, i, j0, mine, draw, factor, scratch, kept0)
                    keeps = scratch[place : place + mine]
                    for j in range(mine):
                        row[j] *= keeps[j]
            products(
                plan, end - first, 1, scratch, p0, step, scratch, v_at, block,
                out, o0 + first * o_step, o_step, n, values, ACCUMULATE if j0 else 0,
            )  # fmt: skip
    for i in range(rows):
        total = scratch[t0 + i]
        share = none if total == none else one / total
        sums = out[o0 + i * o_step : o0 + i * o_step + values]
        for e in range(values):
            sums[e] *= share
        if total != none:
            logs[item * rows + i] += log(total)


@jit(parallel=True, needs=NEEDS)
def forward_heads(plan, q, k, v, seen, bias, draw, out, logs, scratch, scale, factor):
    """out = dropout(softmax(q @ k.T * scale + mask)) @ v for each head; logs, of each row of scores, the logarithm of
    the sum of exponentials"""
    for chunk in prange(plan[CHUNKS]):
        for item in range(plan[HEADS] * chunk // plan[CHUNKS], plan[HEADS] * (chunk + 1) // plan[CHUNKS]):
            forward_head(
                plan, item, q, k, v, seen, bias, draw, out, logs, scratch, chunk * plan[SCRATCH], scale, factor
            )


@jit(**INNER)
def cleared(x, x0, x_step, rows, width):
    """Rows filled with zeros."""
    for i in range(rows):
        row = x[x0 + i * x_step : x0 + i * x_step + width]
        for j in range(width):
            row[j] = x.dtype.type(0)


@jit(**INNER)
def deltas(plan, item, g, gl, out, scratch, at):
    """For each query what the gradient of its weights loses: g . out, less the gradient of its logarithm."""
    rows, values = plan[ROWS], plan[VALUES]
    g0, o0 = start(plan, item, G), start(plan, item, OUT)
    for i in range(rows):
        gradient = g[g0 + i * plan[G + 2] : g0 + i * plan[G + 2] + values]
        result = out[o0 + i * plan[OUT + 2] : o0 + i * plan[OUT + 2] + values]
        delta = -gl[item * rows + i]
        for e in range(values):
            delta += gradient[e] * result[e]
        scratch[at + i] = delta


@jit(**INNER)
def slopes(p, d, shift, delta, factor):
    """A row of scores to p = exp(scores - shift), and the gradient of p to that of the scores, times ``factor``."""
    for j in range(p.size):
        e = exp_nonpositive(p[j] - shift)
        p[j] = e
        d[j] = e * (d[j] - delta) * factor


@jit(**INNER)
def added_to_mask(plan, item, i, j0, n, d, gm):
    """The gradient of the mask: that of the scores, added up where the mask is broadcast."""
    step = plan[MASK_GRAD + 3]
    at = item // plan[GROUP] * plan[MASK_GRAD] + item % plan[GROUP] * plan[MASK_GRAD + 1]
    at += i * plan[MASK_GRAD + 2] + j0 * step
    for j in range(n):
        gm[at + j * step] += d[j]


@jit(**INNER)
def backward_block(
    plan, item, top, bottom, panel0, j0, block, q, g, seen, bias, draw, logs, gm, scratch, at, p0, d0, kept0, t0,
    scale, factor,
):  # fmt: skip
    """p, as dropout left it, and the gradient of the scores, of queries from ``top`` to ``bottom`` and of one block of
    keys."""
    rows, width, values, step, strip = plan[ROWS], plan[WIDTH], plan[VALUES], plan[STEP], plan[STRIP]
    q0, g0, v_at = start(plan, item, Q), start(plan, item, G), at + plan[KEYS] * width
    filled = whole(min(block, seen_by(plan, bottom - 1) - j0), strip)
    first, panel, none = top, panel0, q.dtype.type(0)
    by = q.dtype.type(1) if gm.size else q.dtype.type(scale)
    while first < bottom:
        end = panel_start(rows, plan[PANELS], panel + 1)
        h, here = end - first, (first - top) * step
        n = max(0, min(block, seen_by(plan, end - 1) - j0))
        wide = whole(n, strip)
        if n > 0:
            products(
                plan, h, 1, q, q0 + first * plan[Q + 2], plan[Q + 2], scratch, at, width,
                scratch, p0 + here, step, width, wide, 0,
            )  # fmt: skip
            products(
                plan, h, 1, g, g0 + first * plan[G + 2], plan[G + 2], scratch, v_at, values,
                scratch, d0 + here, step, values, wide, 0,
            )  # fmt: skip
        for i in range(first, end):
            line = (i - top) * step
            p, d = scratch[p0 + line : p0 + line + wide], scratch[d0 + line : d0 + line + wide]
            mine = max(0, min(n, seen_by(plan, i) - j0))
            masked(plan, item, i, j0, mine, seen, bias, p)
            shift = logs[item * rows + i]
            if shift == q.dtype.type(-np.inf):
                shift = none
            if plan[DROPS]:
                place = draws(plan, item, i, j0, mine, draw, factor, scratch, kept0)
                keeps = scratch[place : place + mine]
                for j in range(mine):
                    d[j] *= keeps[j]
                slopes(p, d, shift, scratch[t0 + i], by)
                for j in range(mine):
                    p[j] *= keeps[j]
            else:
                slopes(p, d, shift, scratch[t0 + i], by)
            if gm.size:
                added_to_mask(plan, item, i, j0, mine, d, gm)
                for j in range(wide):
                    d[j] *= q.dtype.type(scale)
        cleared(scratch, p0 + here + wide, step, h, filled - wide)
        cleared(scratch, d0 + here + wide, step, h, filled - wide)
        first, panel = end, panel + 1


@jit(**INNER)
def backward_head(
    plan, item, q, k, v, g, out, gl, seen, bias, draw, logs, gq, gk, gv, gm, scratch, at, scale, factor
):  # fmt: skip
    """The queries' heads from ``item`` on that share one head of keys and values, with scratch from ``at``: k and v
    turned, k, then blocks of p, of d, of q and of g, what is kept, and deltas."""
    rows, cols, width, values, step, strip = plan[ROWS], plan[COLS], plan[WIDTH], plan[VALUES], plan[STEP], plan[STRIP]
    k0, v0, gk0, gv0 = start(plan, item, K), start(plan, item, V), start(plan, item, GK), start(plan, item, GV)
    k_at = at + plan[KEYS] * (width + values)
    p0 = k_at + plan[KEYS] * whole(width, strip)
    d0 = p0 + plan[TALLEST] * step
    q_at = d0 + plan[TALLEST] * step
    g_at = q_at + plan[TALLEST] * whole(width, strip)
    kept0 = g_at + plan[TALLEST] * whole(values, strip)
    t0 = kept0 + plan[KEYS] + 8
    cleared(gk, gk0, plan[GK + 2], cols, width)
    cleared(gv, gv0, plan[GV + 2], cols, values)
    for head in range(plan[SHARING]):
        deltas(plan, item + head, g, gl, out, scratch, t0 + head * rows)
    for j0 in range(0, cols, plan[KEYS]):
        block = min(plan[KEYS], cols - j0)
        if seen_by(plan, rows - 1) <= j0:
            break
        packed_turned(plan, k, k0 + j0 * plan[K + 2], plan[K + 2], block, width, scale, scratch, at)
        packed_turned(plan, v, v0 + j0 * plan[V + 2], plan[V + 2], block, values, 1.0, scratch, at + plan[KEYS] * width)
        packed_rows(plan, k, k0 + j0 * plan[K + 2], plan[K + 2], block, width, scratch, k_at)
        for head in range(plan[SHARING]):
            own = item + head
            q0, g0, gq0 = start(plan, own, Q), start(plan, own, G), start(plan, own, GQ)
            for panel0 in range(0, plan[PANELS], plan[BLOCK]):
                panel1 = min(plan[PANELS], panel0 + plan[BLOCK])
                top, bottom = panel_start(rows, plan[PANELS], panel0), panel_start(rows, plan[PANELS], panel1)
                reach = min(block, seen_by(plan, bottom - 1) - j0)
                if reach <= 0:
                    continue
                backward_block(
                    plan, own, top, bottom, panel0, j0, block, q, g, seen, bias, draw, logs, gm, scratch, at, p0, d0,
                    kept0, t0 + head * rows, scale, factor,
                )  # fmt: skip
                for panel in range(panel0, panel1):
                    first, end = panel_start(rows, plan[PANELS], panel), panel_start(rows, plan[PANELS], panel + 1)
                    n = min(block, seen_by(plan, end - 1) - j0)
                    if n > 0:
                        products(
                            plan, end - first, 1, scratch, d0 + (first - top) * step, step, scratch, k_at, block,
                            gq, gq0 + first * plan[GQ + 2], plan[GQ + 2], n, width, ACCUMULATE if j0 else 0,
                        )  # fmt: skip
                high = bottom - top
                packed_rows(plan, q, q0 + top * plan[Q + 2], plan[Q + 2], high, width, scratch, q_at)
                packed_rows(plan, g, g0 + top * plan[G + 2], plan[G + 2], high, values, scratch, g_at)
                for j in range(0, reach, plan[HEIGHT]):
                    h, of = min(plan[HEIGHT], reach - j), j0 + j
                    products(
                        plan, h, 0, scratch, d0 + j, step, scratch, q_at, high,
                        gk, gk0 + of * plan[GK + 2], plan[GK + 2], high, width, ACCUMULATE,
                    )  # fmt: skip
                    products(
                        plan, h, 0, scratch, p0 + j, step, scratch, g_at, high,
                        gv, gv0 + of * plan[GV + 2], plan[GV + 2], high, values, ACCUMULATE,
                    )  # fmt: skip


@jit(parallel=True, needs=NEEDS)
def backward_heads(plan, q, k, v, g, out, gl, seen, bias, draw, logs, gq, gk, gv, gm, scratch, scale, factor):
    """The gradients of q, k, v and the mask of ``forward_heads``, from those of out and logs."""
    shared = plan[HEADS] // plan[SHARING]
    for chunk in prange(plan[CHUNKS]):
        for item in range(shared * chunk // plan[CHUNKS], shared * (chunk + 1) // plan[CHUNKS]):
            backward_head(
                plan, item * plan[SHARING], q, k, v, g, out, gl, seen, bias, draw, logs, gq, gk, gv, gm,
                scratch, chunk * plan[SCRATCH], scale, factor,
            )  # fmt: skip


def plan_of(
    double: bool,
    backward: bool,
    batch: int,
    group: int,
    sharing: int,
    rows: int,
    cols: int,
    width: int,
    values: int,
    causal: bool,
    strides: tuple[int, ...],
    *,
    mask: int = NO_MASK,
    mask_steps: tuple[int, ...] = (0,) * 8,
    least: int = 0,
    alone: bool = False,
) -> tuple[np.ndarray, bool]:
    """The plan for shapes and strides, and whether it is worth several threads; see the constants above.

    Args:
        strides: see ``STRIDES``.
        mask_steps: the strides of the mask, then of its gradient.
        least: see ``LEAST``; 0 without dropout.
        alone: all heads are one share, as where they add to the same gradient of a mask.
    """
    micro = variants(double)
    regs = micro.registers
    strip, height = regs.strip, regs.height
    panels = -(-rows // height)
    items = batch * group // sharing if backward else batch * group
    work = batch * group * rows * cols * (width + values)
    large = items > 1 and work > PARALLEL_WORK and not alone  # whatever the threads
    chunks = min(items, 4 * get_num_threads()) if large else 1
    wide, high = -(-width // strip) * strip, -(-values // strip) * strip
    lines = 2 * width + values if backward else width + values
    most = PACKED_BYTES // ((8 if double else 4) * lines) if lines else cols
    strips = -(-cols // strip)
    blocks = -(-strips // min(strips, max(2, most // strip)))
    keys = -(-strips // blocks) * strip
    block = max(1, min(BLOCK_ROWS // height, panels)) if backward else 1
    tallest = block * (rows // panels + 1)
    step = keys + strip  # an odd number of strips or not: never a multiple of the cache's sets for long rows
    if backward:
        scratch = keys * (width + values + wide) + tallest * (2 * step + wide + high) + keys + 8 + sharing * rows
    else:
        scratch = keys * (width + high) + tallest * step + keys + 8 + rows
    plan = np.zeros(PLAN_SIZE, np.int64)
    plan[:MASK_STEPS] = (
        micro.address, regs.lanes, strip, batch * group, group, sharing, rows, cols, width, values, causal, mask,
        least > 0, panels, block, height, keys, step, chunks, scratch + 4 * strip, tallest, least,
    )  # fmt: skip
    plan[MASK_STEPS:STRIDES] = mask_steps
    plan[STRIDES : STRIDES + len(strides)] = strides

    def pieces(extent: int) -> set[int]:
        return {min(extent, strip), extent % strip} - {0}

    for rows_of in {rows // panels, -(-rows // panels)}:
        for n in {strip} | pieces(width) | pieces(values):
            micro.need_tile(rows_of, n, True)
    for n in pieces(values) | (pieces(width) if backward else set()):
        micro.need_copy(n)
    if backward:
        for key_rows in range(1, height + 1):
            for n in pieces(width) | pieces(values):
                if _reached(key_rows, height, rows, cols, keys, causal, panels, block):
                    micro.need_tile(key_rows, n, False)
    micro.need_transpose()
    return plan, large


def _reached(h: int, height: int, rows: int, cols: int, keys: int, causal: bool, panels: int, block: int) -> bool:
    """Whether the gradients of keys and values have a panel of ``h`` rows."""
    bottoms = [rows]
    if causal:
        ends = range(block, panels + block, block)
        bottoms = [i * (rows // panels) + min(i, rows % panels) for i in (min(e, panels) for e in ends)]
    for bottom in bottoms:
        reach = min(cols, bottom) if causal else cols
        for j0 in range(0, reach, keys):
            n = min(keys, reach - j0)
            if h == height and n >= height or n % height == h:
                return True
    return False


def ready(
    backward: bool, dtype: np.dtype, mask: int, scale: float, factor: float, least: int, alone: bool, *how: Any
) -> Callable:
    """``forward_heads``, or ``backward_heads``, as functions of the tensors' buffers, in the order of the op.

    ``how``: the arguments of ``plan_of`` from ``batch`` to ``strides``, then the strides of the mask and its gradient;
    gl and logs are contiguous. ``alone``: the mask's gradient is wanted.
    """
    *shape, mask_steps = how
    plan, large = plan_of(
        dtype == np.float64, backward, *shape, mask=mask, mask_steps=mask_steps, least=least, alone=alone
    )
    one, bools, ints = np.empty(1, dtype), np.empty(1, np.bool_), np.empty(1, np.int64)
    masks = (bools, one, ints)
    size = int(plan[CHUNKS] * plan[SCRATCH])

    def given(m: Any, draw: Any) -> tuple:
        return m if mask == BOOLS else bools, m if mask == NUMBERS else one, draw if least else ints

    if not backward:
        entry = (forward_heads if large else forward_heads.serial).entry(
            plan, one, one, one, *masks, one, one, one, scale, factor
        )

        def forward(q: Any, k: Any, v: Any, m: Any, draw: Any, out: Any, logs: Any) -> None:
            entry(plan, q, k, v, *given(m, draw), out, logs, np.empty(size, dtype), scale, factor)

        return forward
    run = (backward_heads if large else backward_heads.serial).entry(
        plan, *[one] * 6, *masks, *[one] * 6, scale, factor
    )
    none = np.empty(0, dtype)

    def back(
        q: Any, k: Any, v: Any, m: Any, draw: Any, g: Any, out: Any, gl: Any, logs: Any,
        gq: Any, gk: Any, gv: Any, *gm: Any,
    ) -> None:  # fmt: skip
        into = gm[0] if gm else none
        run(plan, q, k, v, g, out, gl, *given(m, draw), logs, gq, gk, gv, into, np.empty(size, dtype), scale, factor)

    return back
