"""CPU loops of recurrent layers: a whole sequence in one parallel region, and back in another.

    weights packed once
    for each panel of sequences:                independent of the others: a thread's own
        for each step:
            for each strip of w.T:              it stays in the first-level cache; of a single step it is packed here
                z = h @ strip                   the panel's rows of h, from registers' tiles
            z, c, h = the cell's gates          z joined with the input products, which one product made for all steps

Backward, the steps run the other way: the gradients of the gates, then those of h by a product with w. The gradient of
w is one product over all steps. What the gradient needs of a step is kept: its gates and, of an LSTM, its cells.

The sequences of a step lie side by side, in the order of their lengths where these differ. So those that a step has are
the first of them, and no step computes what is beyond a sequence's end. Each sequence is summed in a fixed order:
results are the same for any number of threads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from numtorch.dispatch.program import shared_from
from numtorch.kernels import gemm
from numtorch.kernels.gemm.blocked import INNER, NEEDS, pack_transposed
from numtorch.kernels.gemm.tile import ACCUMULATE, PADDED, copy_rows, tile
from numtorch.kernels.gemm.variants import variants
from numtorch.kernels.jit import jit, prange
from numtorch.kernels.math import sigmoid, tanh
from numtorch.kernels.threads import get_num_threads

# Multiply-adds: in registers, four cost what an addition of two operands in memory does.
PARALLEL_WORK = 4 * shared_from(1)

CELLS = ("rnn_tanh", "rnn_relu", "lstm", "gru")  # the numbers of the cells
TANH, RELU, LSTM, GRU = range(4)

# What stands where in a plan, an int64 array.
TABLE, LANES, STRIP, HEIGHT = 0, 1, 2, 3  # of the matrix product's tiles
CELL, REVERSE, BIASED = 4, 5, 6
STEPS, BATCH, HIDDEN = 7, 8, 9
GATES, KEPT = 10, 11  # gates of the product with h, and of what is kept for the gradient
ROW = 12  # from a sequence's row in a step to the next sequence's
PANELS, PANEL = 13, 14  # panels of sequences, and elements of scratch for each
ONCE = 15  # elements of packed weights for each panel, where there is one step: it packs each strip when it needs it
TIMES = 16  # for each step: its first row, and how many sequences it has

PANEL_ROWS = 64  # most sequences of a panel: its products with h are in the second-level cache when the gates read them


@jit(**INNER)
def strips(plan, width):
    """How many strips there are in so many columns."""
    return (width + plan[STRIP] - 1) // plan[STRIP]


@jit(**INNER)
def pack_strip(plan, turned, s, w, packed, p0):
    """Strip ``s`` of ``w.T``, for products with rows of h, or of ``w``, for products with gradients of the gates."""
    hidden, gates, strip = plan[HIDDEN], plan[GATES], plan[STRIP]
    first = s * strip
    if turned:
        rows = min(strip, gates - first)
        pack_transposed(plan[TABLE], plan[LANES], w, first * hidden, hidden, packed, p0, strip, rows, hidden)
    else:
        copy_rows(plan[TABLE], w, first, hidden, packed, p0, strip, gates, min(strip, hidden - first))


@jit(**INNER)
def pack(plan, turned, w, packed):
    """All strips, one after another."""
    width, depth = (plan[GATES], plan[HIDDEN]) if turned else (plan[HIDDEN], plan[GATES])
    for s in range(strips(plan, width)):
        pack_strip(plan, turned, s, w, packed, s * plan[STRIP] * depth)


@jit(**INNER)
def products(plan, turned, rows, a, a0, a_step, w, packed, p0, c, c0, c_step, flags):
    """``c = a @ w.T`` where it is ``turned``, else ``c = a @ w``; a strip of w serves all rows before the next one."""
    strip = plan[STRIP]
    width, depth = (plan[GATES], plan[HIDDEN]) if turned else (plan[HIDDEN], plan[GATES])
    tiles = (rows + plan[HEIGHT] - 1) // plan[HEIGHT]
    for s in range(strips(plan, width)):
        at = s * strip * depth
        if plan[ONCE]:
            at = p0
            pack_strip(plan, turned, s, w, packed, p0)
        for i in range(tiles):
            first, end = rows * i // tiles, rows * (i + 1) // tiles
            tile(
                plan[TABLE], end - first, 1, a, a0 + first * a_step, a_step, packed, at, strip,
                c, c0 + first * c_step + s * strip, c_step, c, 0, depth, min(strip, width - s * strip), flags | PADDED,
            )  # fmt: skip


@jit(**INNER)
def copied(x, x0, y, y0, n):
    """``y = x`` for ``n`` elements."""
    of, to = x[x0 : x0 + n], y[y0 : y0 + n]
    for j in range(n):
        to[j] = of[j]


@jit(**INNER)
def joined(x, x0, y, y0, n):
    """``y += x`` for ``n`` elements."""
    of, to = x[x0 : x0 + n], y[y0 : y0 + n]
    for j in range(n):
        to[j] += of[j]


@jit(**INNER)
def all_sigmoid(x, x0, n):
    """The sigmoid of ``n`` elements in place."""
    row = x[x0 : x0 + n]
    for j in range(n):
        row[j] = sigmoid(row[j])


@jit(**INNER)
def all_tanh(x, x0, n):
    """The hyperbolic tangent of ``n`` elements in place."""
    row = x[x0 : x0 + n]
    for j in range(n):
        row[j] = tanh(row[j])


@jit(**INNER)
def lstm_row(n, x, x0, kept, z0, cells, at, c, h, state):
    """i, f, g, o = the gates; c = f * c + i * g; h = o * tanh(c)"""
    joined(x, x0, kept, z0, 4 * n)
    all_sigmoid(kept, z0, 2 * n)
    all_tanh(kept, z0 + 2 * n, n)
    all_sigmoid(kept, z0 + 3 * n, n)
    i, f, g = kept[z0 : z0 + n], kept[z0 + n : z0 + 2 * n], kept[z0 + 2 * n : z0 + 3 * n]
    o = kept[z0 + 3 * n : z0 + 4 * n]
    cell, now, hidden = cells[at : at + n], c[state : state + n], h[state : state + n]
    for j in range(n):
        now[j] = f[j] * now[j] + i[j] * g[j]
    for j in range(n):
        cell[j] = now[j]
    for j in range(n):
        hidden[j] = o[j] * tanh(now[j])


@jit(**INNER)
def gru_row(n, x, x0, z, z0, b, biased, kept, k0, h, state):
    """r, u, m = the gates, of which m = tanh(x + r * (h @ w.T)); h = m + u * (h - m)"""
    if biased:
        joined(b, 0, z, z0, 3 * n)
    copied(z, z0 + 2 * n, kept, k0 + 3 * n, n)
    joined(x, x0, z, z0, 2 * n)
    copied(z, z0, kept, k0, 2 * n)
    all_sigmoid(kept, k0, 2 * n)
    r, u, m = kept[k0 : k0 + n], kept[k0 + n : k0 + 2 * n], kept[k0 + 2 * n : k0 + 3 * n]
    q, of, hidden = kept[k0 + 3 * n : k0 + 4 * n], x[x0 + 2 * n : x0 + 3 * n], h[state : state + n]
    for j in range(n):
        m[j] = tanh(of[j] + r[j] * q[j])
    for j in range(n):
        hidden[j] = m[j] + u[j] * (hidden[j] - m[j])


@jit(**INNER)
def rnn_row(n, relu, x, x0, z, z0, b, biased, h, state):
    """h = tanh(x + h @ w.T), or what of it is positive"""
    if biased:
        joined(b, 0, z, z0, n)
    hidden, product, of = h[state : state + n], z[z0 : z0 + n], x[x0 : x0 + n]
    if relu:
        for j in range(n):
            v = product[j] + of[j]
            hidden[j] = x.dtype.type(0) if v < x.dtype.type(0) else v
    else:
        for j in range(n):
            hidden[j] = tanh(product[j] + of[j])


@jit(**INNER)
def forward_panel(plan, first, end, x, h0, c0, w, b, out, h, c, kept, cells, packed, p0, scratch, at):
    """All steps of the sequences from ``first`` to ``end``; h and c are their states, and at last their last ones."""
    n, cell, row, gates = plan[HIDDEN], plan[CELL], plan[ROW], plan[GATES]
    copied(h0, first * n, h, first * n, (end - first) * n)
    if cell == LSTM:
        copied(c0, first * n, c, first * n, (end - first) * n)
    for step in range(plan[STEPS]):
        t = plan[STEPS] - 1 - step if plan[REVERSE] else step
        base, rows = plan[TIMES + 2 * t] + first * row, min(end, plan[TIMES + 2 * t + 1]) - first
        if rows <= 0:
            continue
        if cell == LSTM:
            products(plan, True, rows, h, first * n, n, w, packed, p0, kept, base * gates, row * gates, 0)
        else:
            products(plan, True, rows, h, first * n, n, w, packed, p0, scratch, at, gates, 0)
        for r in range(rows):
            line, state = base + r * row, (first + r) * n
            z0 = at + r * gates
            if cell == LSTM:
                lstm_row(n, x, line * gates, kept, line * gates, cells, line * n, c, h, state)
            elif cell == GRU:
                gru_row(n, x, line * gates, scratch, z0, b, plan[BIASED], kept, line * plan[KEPT], h, state)
            else:
                rnn_row(n, cell == RELU, x, line * n, scratch, z0, b, plan[BIASED], h, state)
            copied(h, state, out, line * n, n)


@jit(parallel=True, needs=NEEDS)
def forward(plan, x, h0, c0, w, b, out, h, c, kept, cells, packed, scratch):
    """out, the states at the end, and what the gradient needs, from the input products x and the states at the
    beginning"""
    for panel in prange(plan[PANELS]):
        first, end = plan[BATCH] * panel // plan[PANELS], plan[BATCH] * (panel + 1) // plan[PANELS]
        forward_panel(
            plan, first, end, x, h0, c0, w, b, out, h, c, kept, cells, packed, panel * plan[ONCE],
            scratch, panel * plan[PANEL],
        )  # fmt: skip


@jit(**INNER)
def lstm_slopes(n, d, kept, z0, cells, now, before, b0, gz, gc, state):
    """The gradients of the gates, from d, that of h, and gc, that of c, which becomes that of the c before."""
    i, f, g = kept[z0 : z0 + n], kept[z0 + n : z0 + 2 * n], kept[z0 + 2 * n : z0 + 3 * n]
    o, cell, earlier = kept[z0 + 3 * n : z0 + 4 * n], cells[now : now + n], before[b0 : b0 + n]
    gi, gf, gg = gz[z0 : z0 + n], gz[z0 + n : z0 + 2 * n], gz[z0 + 2 * n : z0 + 3 * n]
    go, slope, one = gz[z0 + 3 * n : z0 + 4 * n], gc[state : state + n], d.dtype.type(1)
    for j in range(n):
        t = tanh(cell[j])
        slope[j] += d[j] * o[j] * (one - t * t)
        go[j] = d[j] * t * o[j] * (one - o[j])
    for j in range(n):
        gi[j] = slope[j] * g[j] * i[j] * (one - i[j])
    for j in range(n):
        gf[j] = slope[j] * earlier[j] * f[j] * (one - f[j])
    for j in range(n):
        gg[j] = slope[j] * i[j] * (one - g[j] * g[j])
    for j in range(n):
        slope[j] *= f[j]


@jit(**INNER)
def gru_slopes(n, d, kept, k0, earlier, gx, gz, z0):
    """The gradients of the input's gates and of the state's, from d, that of h, which becomes what of it goes to the h
    before without a product."""
    r, u, m = kept[k0 : k0 + n], kept[k0 + n : k0 + 2 * n], kept[k0 + 2 * n : k0 + 3 * n]
    q, one = kept[k0 + 3 * n : k0 + 4 * n], d.dtype.type(1)
    to = gx[z0 : z0 + 3 * n]
    gr, gu, gm = to[:n], to[n : 2 * n], to[2 * n :]
    gq = gz[z0 + 2 * n : z0 + 3 * n]
    for j in range(n):
        gm[j] = d[j] * (one - u[j]) * (one - m[j] * m[j])
    for j in range(n):
        gu[j] = d[j] * (earlier[j] - m[j]) * u[j] * (one - u[j])
    for j in range(n):
        gr[j] = gm[j] * q[j] * r[j] * (one - r[j])
    for j in range(n):
        gq[j] = gm[j] * r[j]
    copied(gx, z0, gz, z0, 2 * n)
    for j in range(n):
        d[j] *= u[j]


@jit(**INNER)
def rnn_slopes(n, relu, d, now, gx, z0):
    """The gradient of what tanh, or relu, was of."""
    to, one = gx[z0 : z0 + n], d.dtype.type(1)
    if relu:
        for j in range(n):
            to[j] = d[j] if now[j] > d.dtype.type(0) else d.dtype.type(0)
    else:
        for j in range(n):
            to[j] = d[j] * (one - now[j] * now[j])


@jit(**INNER)
def line_before(plan, t, r):
    """The row, among all, of a sequence's step before ``t``, in the layer's direction; -1 where it has none."""
    s = t + 1 if plan[REVERSE] else t - 1
    if s < 0 or s >= plan[STEPS] or r >= plan[TIMES + 2 * s + 1]:
        return -1
    return plan[TIMES + 2 * s] + r * plan[ROW]


@jit(**INNER)
def backward_panel(
    plan, first, end, g, g_h, g_c, h0, c0, w, out, kept, cells, gx, gh, gc, gz, before, packed, p0
):  # fmt: skip
    """All steps of the sequences from ``first`` to ``end``, the last first; gh and gc are the gradients of their
    states. Of a single step ``before`` is h0."""
    n, cell, row, gates = plan[HIDDEN], plan[CELL], plan[ROW], plan[GATES]
    copied(g_h, first * n, gh, first * n, (end - first) * n)
    if cell == LSTM:
        copied(g_c, first * n, gc, first * n, (end - first) * n)
    for step in range(plan[STEPS]):
        t = step if plan[REVERSE] else plan[STEPS] - 1 - step
        base, rows = plan[TIMES + 2 * t] + first * row, min(end, plan[TIMES + 2 * t + 1]) - first
        if rows <= 0:
            continue
        for r in range(rows):
            line, state = base + r * row, (first + r) * n
            joined(g, line * n, gh, state, n)
            d, at = gh[state : state + n], line_before(plan, t, first + r)
            if at >= 0:
                copied(out, at * n, before, line * n, n)
            elif not plan[ONCE]:
                copied(h0, state, before, line * n, n)
            if cell == LSTM and at < 0:
                lstm_slopes(n, d, kept, line * gates, cells, line * n, c0, state, gx, gc, state)
            elif cell == LSTM:
                lstm_slopes(n, d, kept, line * gates, cells, line * n, cells, at * n, gx, gc, state)
            elif cell == GRU:
                earlier = before[line * n : line * n + n]
                gru_slopes(n, d, kept, line * plan[KEPT], earlier, gx, gz, line * gates)
            else:
                rnn_slopes(n, cell == RELU, d, out[line * n : line * n + n], gx, line * gates)
        of, flags = (gz, ACCUMULATE) if cell == GRU else (gx, 0)
        products(plan, False, rows, of, base * gates, row * gates, w, packed, p0, gh, first * n, n, flags)


@jit(parallel=True, needs=NEEDS)
def backward(plan, g, g_h, g_c, h0, c0, w, out, kept, cells, gx, gh, gc, gz, before, packed):
    """The gradients of the input products and of the states at the beginning; gz, those of the products with h, which
    are gx but in a GRU; and each step's state before it"""
    for panel in prange(plan[PANELS]):
        first, end = plan[BATCH] * panel // plan[PANELS], plan[BATCH] * (panel + 1) // plan[PANELS]
        backward_panel(
            plan, first, end, g, g_h, g_c, h0, c0, w, out, kept, cells, gx, gh, gc, gz, before, packed,
            panel * plan[ONCE],
        )  # fmt: skip


@jit(needs=NEEDS)
def pack_for_forward(plan, w, packed):
    """``w.T``, strip after strip."""
    pack(plan, True, w, packed)


@jit(needs=NEEDS)
def pack_for_backward(plan, w, packed):
    """``w``, strip after strip."""
    pack(plan, False, w, packed)


def plan_of(
    double: bool,
    back: bool,
    cell: str,
    reverse: bool,
    biased: bool,
    steps: int,
    batch: int,
    hidden: int,
    sizes: tuple | None,
    by_sequence: bool,
) -> tuple[np.ndarray, bool]:
    """The plan for these sizes, and whether it is worth several threads; see the constants above.

    Args:
        sizes: how many sequences each step has, where they differ in length.
        by_sequence: the steps of a sequence lie side by side, not the sequences of a step.
    """
    micro = variants(double)
    regs, number = micro.registers, CELLS.index(cell)
    gates = {LSTM: 4, GRU: 3}.get(number, 1) * hidden
    lines = sum(sizes) if sizes is not None else steps * batch
    large = batch > 1 and lines * gates * hidden > PARALLEL_WORK
    panels = -(-batch // PANEL_ROWS)
    if large:
        threads = min(get_num_threads(), batch)
        panels = -(-panels // threads) * threads
    tallest = -(-batch // panels)
    depth, width = (gates, hidden) if back else (hidden, gates)
    plan = np.zeros(TIMES + 2 * steps, np.int64)
    plan[:TIMES] = (
        micro.address, regs.lanes, regs.strip, regs.height, number, reverse, biased, steps, batch, hidden, gates,
        4 * hidden if number in (LSTM, GRU) else 0, steps if by_sequence else 1, panels, tallest * gates,
        regs.strip * (depth + 1) if steps == 1 else 0,
    )  # fmt: skip
    counts = np.array(sizes, np.int64) if sizes is not None else np.full(steps, batch, np.int64)
    plan[TIMES::2] = np.arange(steps) if by_sequence else np.cumsum(counts) - counts
    plan[TIMES + 1 :: 2] = counts
    bounds = [batch * panel // panels for panel in range(panels + 1)]
    widths = {min(width, regs.strip), width % regs.strip} - {0}
    rows = {min(end, n) - first for first, end in zip(bounds, bounds[1:], strict=False) for n in set(counts.tolist())}
    for height in {h for n in rows if n > 0 for h in _heights(n, regs.height)}:
        for n in widths:
            micro.need_tile(height, n, True)
    if back:
        for n in widths:
            micro.need_copy(n)
    else:
        micro.need_transpose()
    return plan, large


def _heights(rows: int, most: int) -> set[int]:
    """The heights of the tiles that so many rows are cut into."""
    tiles = -(-rows // most)
    return {rows // tiles, -(-rows // tiles)}


def _packed_size(plan: np.ndarray, depth: int, width: int) -> int:
    strip = int(plan[STRIP])
    if plan[ONCE]:
        return int(plan[ONCE] * plan[PANELS])
    return -(-width // strip) * strip * depth + strip


def ready_forward(dtype: np.dtype, *how: Any) -> Callable:
    """``forward`` as a function of the buffers between plan and packed; ``how``: the arguments of ``plan_of`` from
    ``cell`` on."""
    plan, large = plan_of(dtype == np.float64, False, *how)
    one = np.empty(1, dtype)
    run = (forward if large else forward.serial).entry(plan, *[one] * 12)
    packs = pack_for_forward.entry(plan, one, one)
    size = _packed_size(plan, int(plan[HIDDEN]), int(plan[GATES]))
    several, spare = not plan[ONCE], int(plan[PANELS] * plan[PANEL])

    def call(x: Any, h0: Any, c0: Any, w: Any, *rest: Any) -> None:
        packed = np.empty(size, dtype)
        if several:
            packs(plan, w, packed)
        run(plan, x, h0, c0, w, *rest, packed, np.empty(spare, dtype))

    return call


def ready_backward(dtype: np.dtype, wanted: bool, *how: Any) -> Callable:
    """``backward`` as a function of its operands and results; ``wanted``: whether w's gradient is."""
    plan, large = plan_of(dtype == np.float64, True, *how)
    one = np.empty(1, dtype)
    run = (backward if large else backward.serial).entry(plan, *[one] * 15)
    packs = pack_for_backward.entry(plan, one, one)
    n, gates, gru, several = int(plan[HIDDEN]), int(plan[GATES]), plan[CELL] == GRU, not plan[ONCE]
    size = _packed_size(plan, gates, n)
    lines = int(plan[TIMES + 1 :: 2].sum())
    to_w = gemm.gemm(dtype, gates, n, lines, ta=True) if wanted else None
    ones = np.ones(lines, dtype)
    to_b = gemm.gemm(dtype, 1, gates, lines)

    def call(
        g: Any, g_h: Any, g_c: Any, h0: Any, c0: Any, w: Any, out: Any, kept: Any, cells: Any,
        gx: Any, gh: Any, gc: Any, gw: Any, gb: Any,
    ) -> None:  # fmt: skip
        packed = np.empty(size, dtype)
        if several:
            packs(plan, w, packed)
        before = np.empty(lines * n, dtype) if several else h0
        gz = np.empty(lines * gates, dtype) if gru else gx
        run(plan, g, g_h, g_c, h0, c0, w, out, kept, cells, gx, gh, gc, gz, before, packed)
        if to_w is not None:
            to_w(gz, before, gw)
        if gb.size:
            to_b(ones, gz, gb)

    return call
