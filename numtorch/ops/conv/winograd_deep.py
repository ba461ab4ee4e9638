"""``winograd`` for many channels and few tiles, where the transformed weights, four times the weights, would not fit
the caches.

Weights are transformed where they are used. First all threads transform a block of tiles. Then each thread takes units;
a unit is some channels of the result. For each part of the source's channels the thread transforms the weights,
multiplies and adds. The weights and sums of a unit fit a second-level cache.
"""

from __future__ import annotations

from math import lcm

import numpy as np

from numtorch.kernels.gemm.blocked import pack_transposed
from numtorch.kernels.gemm.tile import ACCUMULATE, PADDED, tile
from numtorch.kernels.gemm.variants import variants
from numtorch.kernels.jit import jit
from numtorch.ops.conv.winograd import (
    ACROSS,
    CHUNK,
    CHUNKS,
    DEPTH,
    DOWN,
    HEIGHT,
    LANES,
    LANES_AT,
    LINE,
    POINTS,
    RESULT_AT,
    SIDE,
    SOURCE,
    STRIP,
    TABLE,
    TAPS,
    TILE,
    TOP,
    TRANSFORM,
    Blocks,
    finish_row,
    plan_blocks,
    transform_row,
    weight_tile,
    whole_vectors,
)

WEIGHTS = 1 << 14  # of fewer, transformed ones stay in the caches
MOST_TILES = 256  # up to which transforming the weights again for each block costs less than keeping them
CAPACITY = 128  # tiles in a block, at most: their sums for one unit fit a second-level cache beside the weights

# What stands where in a plan, after the entries of ``winograd``.
WIDE = 17  # channels of the result in a unit
V_STEP = 18  # from the matrix of one point to the next
U_STEP = 19
M_STEP = 20
AT_STAGED = 21  # where the parts of scratch begin; v is the first, then of each chunk what it stages, u and m
PART = 22  # elements of a chunk's part
AT_U = 23  # within it
AT_M = 24
K_STEP = 25  # from one channel of the source, and of the result, to the next in the weights
C_STEP = 26
TURNED = 27  # whether taps are turned round
PLAN_SIZE = 28


@jit(**CHUNK)
def points_chunk(plan, x, w, bias, out, scratch, first, last, chunk):
    """Those rows of tiles among ``first..last`` that fall to one chunk."""
    down, across = plan[DOWN], plan[ACROSS]
    channels = whole_vectors(plan[SOURCE])
    s0 = plan[AT_STAGED] + chunk * plan[PART]
    staged = scratch[s0 : s0 + SIDE * (TILE * across + 2) * channels]
    for j in range(staged.size):
        staged[j] = 0
    for r in range(
        first + (last - first) * chunk // plan[CHUNKS], first + (last - first) * (chunk + 1) // plan[CHUNKS]
    ):
        transform_row(
            plan,
            x,
            r // down,
            r % down * TILE - plan[TOP],
            scratch,
            s0,
            scratch,
            (r - first) * across * channels,
            plan[V_STEP],
        )


@jit(**TRANSFORM)
def transform_weights(plan, w, c, count, k, depth, staged, s0, u, u0):
    """``u[point, k, c]`` of ``count`` channels of the result from ``c`` and ``depth`` of the source from ``k`` on."""
    wide, k_step, c_step = plan[WIDE], plan[K_STEP], plan[C_STEP]
    taps = TAPS * TAPS
    if k_step == taps:  # a channel's weights for all of the source follow each other
        pack_transposed(
            plan[TABLE], plan[LANES_AT], w, c * c_step + k * k_step, c_step, staged, s0, wide, count, depth * taps
        )
    else:
        for j in range(depth):
            pack_transposed(plan[TABLE], plan[LANES_AT], w, c * c_step + (k + j) * k_step, c_step, staged,
                            s0 + j * taps * wide, wide,
                            count, taps)  # fmt: skip
    row, col, start = TAPS * wide, wide, s0
    if plan[TURNED]:
        row, col, start = -row, -col, s0 + (taps - 1) * wide
    for j in range(depth):
        weight_tile(staged, start + j * taps * wide, row, col, u, u0 + j * wide, plan[U_STEP], wide)


@jit(**CHUNK)
def products_chunk(plan, x, w, bias, out, scratch, first, last, chunk):
    """Those units that fall to one chunk, for the tiles of the rows ``first..last``; ``bias`` has whole vectors.

    ::

        for each unit:
            for each part of the source's channels:             weights to points
                for each pair of points, each panel of tiles:   tile, added to the sums
            for each row of tiles:                              from points to planes
    """
    table, strip, wide, ci, co = plan[TABLE], plan[STRIP], plan[WIDE], plan[SOURCE], plan[RESULT_AT]
    down, across, a_step = plan[DOWN], plan[ACROSS], whole_vectors(ci)
    s0 = plan[AT_STAGED] + chunk * plan[PART]
    u0, m0 = s0 + plan[AT_U], s0 + plan[AT_M]
    tiles = (last - first) * across
    panels = (tiles + plan[HEIGHT] - 1) // plan[HEIGHT]
    height, higher = tiles // panels, tiles % panels
    units = (co + wide - 1) // wide
    for unit in range(units * chunk // plan[CHUNKS], units * (chunk + 1) // plan[CHUNKS]):
        c = unit * wide
        count = min(wide, co - c)
        width = whole_vectors(count)
        for k in range(0, ci, DEPTH):
            depth = min(DEPTH, ci - k)
            transform_weights(plan, w, c, count, k, depth, scratch, s0, scratch, u0)
            flags = PADDED | (ACCUMULATE if k > 0 else 0)
            for p in range(POINTS):
                i = 0
                for panel in range(panels):
                    h = height + (1 if panel < higher else 0)
                    for j in range(0, width, strip):
                        tile(table, h, 1, scratch, p * plan[V_STEP] + i * a_step + k, a_step, scratch,
                             u0 + p * plan[U_STEP] + j, wide,
                             scratch, m0 + p * plan[M_STEP] + i * width + j, width, scratch, 0, depth,
                             min(strip, width - j),
                             flags)  # fmt: skip
                    i += h
        for r in range(first, last):
            finish_row(plan, scratch, m0 + (r - first) * across * width, plan[M_STEP], c, count, bias, out, r // down,
                       r % down * TILE,
                       scratch, s0)  # fmt: skip


def suits(n: int, ci: int, co: int, ho: int, wo: int) -> bool:
    """Whether weights are many and tiles few."""
    return ci * co >= WEIGHTS and n * -(-ho // TILE) * -(-wo // TILE) <= MOST_TILES


def make_plan(
    threads: int, n: int, ci: int, h: int, w: int, co: int, ho: int, wo: int, ph: int, pw: int, turned: bool
) -> Blocks:
    """The plan for images (n, ci, h, w) and results (n, co, ho, wo); the weights are (ci, co, 3, 3) if ``turned``, else
    (co, ci, 3, 3)."""
    micro = variants(False)
    regs = micro.registers
    down, across = -(-ho // TILE), -(-wo // TILE)
    wide_i, wide = -(-ci // LANES) * LANES, lcm(regs.strip, LANES)
    rows = n * down
    blocks = -(-rows // max(1, CAPACITY // across))
    block = -(-rows // blocks)
    units = -(-co // wide)
    chunks = min(threads, max(units, block))
    v_step, u_step, m_step = block * across * wide_i + LINE, min(ci, DEPTH) * wide + LINE, block * across * wide + LINE
    staged = max(SIDE * (TILE * across + 2) * wide_i, TAPS * TAPS * min(ci, DEPTH) * wide, TILE * TILE * across * wide)
    ends = np.cumsum([staged, POINTS * u_step, POINTS * m_step])
    steps = (9, 9 * ci) if not turned else (9 * co, 9)
    numbers = np.array(
        [
            micro.address,
            regs.lanes,
            regs.strip,
            regs.height,
            ci,
            co,
            h,
            w,
            ho,
            wo,
            ph,
            pw,
            down,
            across,
            rows,
            block,
            chunks,
            wide,
            v_step,
            u_step,
            m_step,
            POINTS * v_step,
            ends[2],
            ends[0],
            ends[1],
            *steps,
            turned,
        ],
        np.int64,
    )
    wide_o = -(-co // LANES) * LANES
    for count in {block * across, (rows % block or block) * across}:
        panels = -(-count // regs.height)
        for height in {count // panels, -(-count // panels)}:
            for width in {regs.strip, wide_o % wide % regs.strip} - {0}:
                micro.need_tile(height, width, True)
    micro.need_transpose()
    return plan_blocks(numbers, POINTS * v_step + chunks * int(ends[2]), (points_chunk, products_chunk))
