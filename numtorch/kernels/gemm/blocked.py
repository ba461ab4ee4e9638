"""The blocked matrix product: how matrices are divided into tiles, packed, and distributed to threads.

The order of loops is that of Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008), with
the roles of a and b exchanged: a block of b stays in the second-level cache, and each panel of a stays in the
first-level cache while it is multiplied by that block. A plan (``plan.py``) has the sizes, and says which operands are
packed. Most are read in
place, with their strides.

A sum runs over k in an order that depends only on k. So the number of threads does not change a bit of the result.
"""

from __future__ import annotations

from typing import Any

from numtorch.kernels.gemm.tile import (
    ACCUMULATE,
    PADDED,
    copy_rows,
    finish,
    narrow_rows,
    on_stack,
    pair_rows,
    tile,
    transpose,
)
from numtorch.kernels.jit import jit, prange

# What stands where in a plan, an int64 array: one argument in place of twenty.
TABLE = 0  # address of the micro-kernels
LANES = 1
HEIGHT = 2  # most rows of a tile
STRIP = 3  # most columns of a tile
M = 4
N = 5
K = 6
TRANSPOSED_A = 7
TRANSPOSED_B = 8
PACK_A = 9
PACK_B = 10
DEPTH = 11  # k of a block
COLUMNS = 12  # n of a block
FLAGS = 13  # of the last tile in k; see tile.py
BATCH = 14
A_STRIDE = 15  # between matrices of the batch
B_STRIDE = 16
GRID_M = 17  # parts that c is cut into, down and across
GRID_N = 18
CHUNKS = 19  # shares of the work, one for each thread
CHUNK = 20  # address of the kernel that does one of them
SCRATCH_A = 21  # elements of scratch for a panel of a, then for a block of b
SCRATCH = 22  # elements of scratch for one chunk
PANELS = 23  # of all m rows: how many, the height of the lower ones, how many are one row higher
PANEL_HEIGHT = 24
HIGHER_PANELS = 25
EPILOGUE = 26  # address of the function applied to what is stored last, or 0
UNIT = 27  # elements of the arrays that are one to the micro-kernels: 2 where those are pairs of bfloat16, else 1
A_STEP = 28  # elements from one row of a and b, as they lie, to the next
B_STEP = 29
PAIRED_ROWS = 30  # rows of a column-wise operand of pairs: k, or one less, as the last may have no partner
SUMS = 31  # elements of scratch before the sums of a part, which are narrowed into c; 0: they stand in c
COST = 32  # the order of magnitude of the work, from 1 on
PLAN_SIZE = 33

NEEDS = "numtorch.kernels.gemm.calls"
# Nothing here allocates: without reference counts a call takes half the time. Wrappers that nobody
# calls would double the time to compile.
OUTER: dict[str, Any] = {"needs": NEEDS, "_nrt": False, "no_cfunc_wrapper": True}
INNER = OUTER | {"no_cpython_wrapper": True}


@jit(**INNER)
def part_bound(i, parts, extent, unit):
    """Where part ``i`` of ``extent`` begins: parts differ by at most one ``unit``."""
    units = (extent + unit - 1) // unit
    return min(units * i // parts * unit, extent)


@jit(**INNER)
def pack_transposed(table, lanes, x, x0, x_step, out, out0, out_step, rows, cols, unit=1):
    """``out[j, i] = x[i, j]``, a vector's length of rows at a time; what is moved has ``unit`` elements of the
    arrays."""
    for i in range(0, rows, lanes):
        transpose(table, x, x0 + i * x_step, x_step, out, out0 + i * unit, out_step, min(lanes, rows - i), cols)


@jit(**INNER)
def pack_rows(plan, x, x0, x_step, scratch, scratch0, out_step, k0, depth, cols):
    """Rows of a column-wise operand, ``depth`` from ``k0`` on; where elements are pairs, two rows become one."""
    if plan[UNIT] == 1:
        copy_rows(plan[TABLE], x, x0, x_step, scratch, scratch0, out_step, depth, cols)
    else:
        rows = min(2 * depth, plan[PAIRED_ROWS] - 2 * k0)
        pair_rows(plan[TABLE], x, x0, x_step, scratch, scratch0, 2 * out_step, rows, cols)


@jit(**INNER)
def pack_columns(plan, b, b0, scratch, scratch0, k0, depth, cols):
    """A block of b, strip after strip, each strip row after row of k."""
    strip, b_step, unit = plan[STRIP], plan[B_STEP], plan[UNIT]
    for j in range(0, cols, strip):
        width, out0 = min(strip, cols - j), scratch0 + j * depth * unit
        if plan[TRANSPOSED_B]:
            pack_transposed(
                plan[TABLE], plan[LANES], b, b0 + j * b_step, b_step, scratch, out0, strip * unit, width, depth, unit
            )
        else:
            pack_rows(plan, b, b0 + j, b_step, scratch, out0, strip, k0, depth, width)


@jit(**INNER)
def finish_panel(epilogue, c, c0, c_step, rows, cols):
    """The epilogue on ``rows`` rows of c, as one piece where they are whole rows."""
    if cols == c_step:
        finish(epilogue, c, c0, rows * cols)
    else:
        for i in range(rows):
            finish(epilogue, c, c0 + i * c_step, cols)


@jit(**INNER)
def multiply_part(plan, a, a0, b, b0, c, c0, bias, bias0, scratch, scratch0, rows, cols):
    """``c[rows, cols] = a @ b`` for one part of c, with the strides of the plan.

    ::

        for each block of columns:
            for each block of k:                 pack b[k, columns]
                for each panel of rows:          pack a[panel, k]
                    for each strip of columns:   tile
                    after the last block of k:   the epilogue, on the panel; or sums in scratch, narrowed into c
    """
    table, strip, unit = plan[TABLE], plan[STRIP], plan[UNIT]
    k, c_step, pack_a, pack_b = plan[K], plan[N], plan[PACK_A], plan[PACK_B]
    by_rows = 1 - max(plan[TRANSPOSED_A], pack_a)
    a_step, b_step = plan[A_STEP], plan[B_STEP]
    b_scratch = scratch0 + plan[SCRATCH_A]
    left, right = (scratch if pack_a else a), (scratch if pack_b else b)
    narrow = plan[SUMS]
    sums, sums_step = (scratch, plan[COLUMNS] * unit) if narrow else (c, c_step * unit)

    panels = (rows + plan[HEIGHT] - 1) // plan[HEIGHT]
    height, higher = rows // panels, rows % panels  # panels differ by at most one row
    blocks = max(1, (k + plan[DEPTH] - 1) // plan[DEPTH])
    depth = (k + blocks - 1) // blocks
    for j0 in range(0, cols, plan[COLUMNS]):
        jn = min(plan[COLUMNS], cols - j0)
        for block in range(blocks):
            k0 = block * depth
            kn, k_at = min(depth, k - k0), k0 * unit
            flags = plan[FLAGS] & ACCUMULATE if block == 0 else ACCUMULATE
            if block == blocks - 1:
                flags |= plan[FLAGS]
            b_at = b0 + (j0 * b_step + k_at if plan[TRANSPOSED_B] else k_at * b_step + j0)
            if pack_b:
                flags |= PADDED
                pack_columns(plan, b, b_at, scratch, b_scratch, k0, kn, jn)
            i = 0
            for panel in range(panels):
                h = height + (1 if panel < higher else 0)
                a_at = a0 + (k_at * a_step + i if plan[TRANSPOSED_A] else i * a_step + k_at)
                if pack_a and plan[TRANSPOSED_A]:
                    pack_rows(plan, a, a_at, a_step, scratch, scratch0, h, k0, kn, h)
                elif pack_a:
                    pack_transposed(table, plan[LANES], a, a_at, a_step, scratch, scratch0, h * unit, h, kn, unit)
                # Sums of one block of k are narrowed at once: all panels take the same place.
                panel_at = (
                    scratch0 + narrow + (i * sums_step if blocks > 1 else 0)
                    if narrow
                    else (c0 + i * c_step + j0) * unit
                )
                for j in range(0, jn, strip):
                    tile(
                        table, h, by_rows,
                        left, scratch0 if pack_a else a_at, h * unit if pack_a else a_step,
                        right, b_scratch + j * kn * unit if pack_b else b_at + j,
                        strip * unit if pack_b else b_step,
                        sums, panel_at + j * unit, sums_step, bias, bias0 + j0 + j,
                        kn, min(strip, jn - j), flags,
                    )  # fmt: skip
                if block == blocks - 1:  # the panel is still in the first-level cache
                    if narrow:
                        narrow_rows(table, sums, panel_at, sums_step, c, c0 + i * c_step + j0, c_step, h, jn)
                    elif plan[EPILOGUE]:
                        finish_panel(plan[EPILOGUE], c, c0 + i * c_step + j0, c_step, h, jn)
                i += h


@jit(**INNER)
def multiply_items(plan, a, b, c, bias, first, last):
    """Some products of the batch, where each is one part and one block of k; a transposed b is turned on the stack.

    Here every nanosecond before the first tile counts: the plan holds what divisions would find.
    """
    table, strip, flags, by_rows = plan[TABLE], plan[STRIP], plan[FLAGS], 1 - plan[TRANSPOSED_A]
    m, n, k, turn = plan[M], plan[N], plan[K], plan[TRANSPOSED_B]
    a_step = k if by_rows else m
    panel_step = k if by_rows else 1
    turned = on_stack(b)
    right = turned if turn else b
    b_step, strip_step = (strip, k) if turn else (n, 1)
    if turn:
        flags |= PADDED
    for item in range(first, last):
        a0, b0, c0 = item * plan[A_STRIDE], item * plan[B_STRIDE], item * m * n
        if turn:
            if item == first or plan[B_STRIDE] > 0:
                pack_columns(plan, b, b0, turned, 0, 0, k, n)
            b0 = 0
        for panel in range(plan[PANELS]):
            h = plan[PANEL_HEIGHT] + (1 if panel < plan[HIGHER_PANELS] else 0)
            for j in range(0, n, strip):
                tile(
                    table, h, by_rows, a, a0, a_step, right, b0 + j * strip_step, b_step,
                    c, c0 + j, n, bias, j, k, min(strip, n - j), flags,
                )  # fmt: skip
            if plan[EPILOGUE]:
                finish(plan[EPILOGUE], c, c0, h * n)
            a0 += h * panel_step
            c0 += h * n


@jit(**OUTER)
def multiply_small(plan, a, b, c):
    """All of a small product, on the calling thread."""
    multiply_items(plan, a, b, c, c, 0, plan[BATCH])


@jit(**OUTER)
def multiply_small_biased(plan, a, b, bias, c):
    """``multiply_small`` with a bias."""
    multiply_items(plan, a, b, c, bias, 0, plan[BATCH])


@jit(**OUTER)
def multiply_small_chunk(plan, a, b, c, bias, scratch, chunk):
    """Of many small products those that fall to one chunk; called as ``multiply_chunk`` is."""
    batch, chunks = plan[BATCH], plan[CHUNKS]
    multiply_items(plan, a, b, c, bias, batch * chunk // chunks, batch * (chunk + 1) // chunks)


@jit(**OUTER)
def multiply_chunk(plan, a, b, c, bias, scratch, chunk):
    """The parts of all products of the batch that fall to one chunk of ``plan[CHUNKS]``."""
    m, n = plan[M], plan[N]
    across = plan[GRID_N]
    cells = plan[GRID_M] * across
    tasks = plan[BATCH] * cells
    i, j, rows, cols = 0, 0, m, n
    for task in range(tasks * chunk // plan[CHUNKS], tasks * (chunk + 1) // plan[CHUNKS]):
        item = task
        if cells > 1:  # divisions that small products would feel
            item, cell = task // cells, task % cells
            i = part_bound(cell // across, plan[GRID_M], m, 1)
            rows = part_bound(cell // across + 1, plan[GRID_M], m, 1) - i
            j = part_bound(cell % across, across, n, plan[LANES])
            cols = part_bound(cell % across + 1, across, n, plan[LANES]) - j
        if rows > 0 and cols > 0:
            a0 = item * plan[A_STRIDE] + (i if plan[TRANSPOSED_A] else i * plan[A_STEP])
            b0 = item * plan[B_STRIDE] + (j * plan[B_STEP] if plan[TRANSPOSED_B] else j)
            multiply_part(
                plan, a, a0, b, b0, c, (item * m + i) * n + j, bias, j,
                scratch, chunk * plan[SCRATCH], rows, cols,
            )  # fmt: skip


def run_chunk(address, plan, a, b, c, bias, scratch, chunk):
    """One chunk, by the kernel whose address this is; plain Python knows it by name."""
    multiply_chunk(plan, a, b, c, bias, scratch, chunk)


@jit(parallel=True, needs=NEEDS)
def multiply_parallel(plan, a, b, c, bias, scratch, chunk):
    """All chunks, one to a thread, each with its own scratch.

    Calls by address, because Numba takes seconds to compile the blocked loops into a parallel one. The pool decides by
    what a range of this length cost before: products of another magnitude have another one, most of whose steps are
    empty.
    """
    for step in prange(plan[CHUNKS] * plan[COST]):
        if step % plan[COST] == 0:
            run_chunk(plan[CHUNK], plan, a, b, c, bias, scratch, step // plan[COST])
