"""The gradient of 3x3 weights at stride 1 by Winograd's minimal filtering: 36 products where the definition has 144.

A weight gradient is also a filtering: the incoming gradient filters the image, with 3x3 results. The matrices are those
of ``winograd``, transposed (the transposition principle), so tiles, points and rounding are the same:

    v[p] = (IMAGE @ x @ IMAGE.T)[p]           (tiles, channels of the source)
    u[p] = (RESULT.T @ g @ RESULT)[p]         (tiles, channels of the result)
    gw = WEIGHT.T @ (sum over tiles of u * v) @ WEIGHT

Tiles are processed in blocks that fit the last-level cache. All threads transform a block; then each multiplies its
units (some channels of the result by some of the source), block after block. The order of sums depends only on the
shape.
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
    DOWN,
    HEIGHT,
    HO,
    LANES,
    LANES_AT,
    LEFT,
    LINE,
    POINTS,
    RESULT_AT,
    ROWS,
    SIDE,
    SOURCE,
    STRIP,
    TABLE,
    TAPS,
    TILE,
    TOP,
    TRANSFORM,
    WO,
    Blocks,
    H,
    W,
    gradient_tile,
    image_tile,
    plan_blocks,
    stage_rows,
    taps_tile,
    whole_vectors,
)

BLOCK_BYTES = 4 << 20  # of a block's transformed tiles, of source and result: a part of a last-level cache
FEW_DEEP = 128  # tiles in a block, at least: what a sum brings pays for fetching what it is added to
DEPTH = 128  # tiles in one sum: with it a strip of the source fits a first-level cache
TOGETHER = 2  # bands of the result's channels in a unit: its 36 matrices of sums fit a second-level cache

# What stands where in a plan, after the entries of ``winograd``.
WIDE = 17  # channels of the source in a strip of v
STRIPS = 18
BANDS = 19  # of the result's channels, each a vector wide in u and at most as high as whole tiles
BLOCKS = 20  # of bands: units of a strip
CAPACITY = 21  # tiles in a block
V_STEP = 22  # from the matrix of one point to the next
U_STEP = 23
M_STEP = 24
AT_U = 25  # where the parts of scratch begin; v is the first
AT_M = 26
AT_STAGED = 27
STAGED = 28  # elements of a chunk's part
KEPT = 29  # whether sums stay from block to block: each unit has its own, otherwise each chunk
PLAN_SIZE = 30


@jit(**TRANSFORM)
def source_row(plan, x, image, y, staged, s0, v, v0):
    """The points of a row of tiles of the source, strip by strip."""
    ci, across, wide = plan[SOURCE], plan[ACROSS], plan[WIDE]
    channels = whole_vectors(ci)
    row_step = (TILE * across + 2) * channels
    stage_rows(plan, x, image, ci, plan[H], plan[W], y, SIDE, staged, s0, row_step, plan[LEFT])
    for s in range(plan[STRIPS]):
        for t in range(across):
            image_tile(staged, s0 + t * TILE * channels + s * wide, row_step, channels, v,
                       v0 + (s * plan[CAPACITY] + t) * wide,
                       plan[V_STEP], min(wide, channels - s * wide))  # fmt: skip


@jit(**TRANSFORM)
def gradient_row(plan, g, image, y, staged, s0, u, u0):
    """The points of a row of tiles of the incoming gradient, band by band; what follows a band's channels is never
    read."""
    co, across, bands = plan[RESULT_AT], plan[ACROSS], plan[BANDS]
    channels = whole_vectors(co)
    row_step = TILE * across * channels
    stage_rows(plan, g, image, co, plan[HO], plan[WO], y, TILE, staged, s0, row_step, 0)
    for band in range(bands):
        for t in range(across):
            gradient_tile(staged, s0 + t * TILE * channels + co * band // bands, row_step, channels,
                          u, u0 + (band * plan[CAPACITY] + t) * LANES, plan[U_STEP], LANES)  # fmt: skip


@jit(**CHUNK)
def points_chunk(plan, x, g, bias, gw, scratch, first, last, chunk):
    """Those rows of tiles among ``first..last`` that fall to one chunk, of the source and of the gradient."""
    down, across = plan[DOWN], plan[ACROSS]
    s0 = plan[AT_STAGED] + chunk * plan[STAGED]
    s1 = s0 + SIDE * (TILE * across + 2) * whole_vectors(plan[SOURCE])
    staged = scratch[s0 : s0 + plan[STAGED]]
    for j in range(staged.size):
        staged[j] = 0
    for r in range(
        first + (last - first) * chunk // plan[CHUNKS], first + (last - first) * (chunk + 1) // plan[CHUNKS]
    ):
        y, at = r % down * TILE, (r - first) * across
        source_row(plan, x, r // down, y - plan[TOP], scratch, s0, scratch, at * plan[WIDE])
        gradient_row(plan, g, r // down, y, scratch, s1, scratch, plan[AT_U] + at * LANES)


@jit(**TRANSFORM)
def finish_unit(plan, m, m0, gw, strip, row0, row1, staged, s0):
    """A unit's sums, from points to taps, in their places in the gradient."""
    ci, wide = plan[SOURCE], plan[WIDE]
    c = strip * wide
    width = min(wide, whole_vectors(ci) - c)
    for row in range(row0, row1):
        taps_tile(m, m0 + (row - row0) * wide, plan[M_STEP], staged, s0, TAPS * wide, wide, width)
        pack_transposed(plan[TABLE], plan[LANES_AT], staged, s0, wide, gw, (row * ci + c) * TAPS * TAPS, TAPS * TAPS,
                        TAPS * TAPS, min(wide, ci - c))  # fmt: skip


@jit(**CHUNK)
def products_chunk(plan, x, g, bias, gw, scratch, first, last, chunk):
    """Those units that fall to one chunk, for the tiles of the rows ``first..last``.

    ::

        for each unit, each pair of points, each part of the tiles:
            for each band of the result's channels:     tile, added to the sums
        after the last block of tiles:                  from points to taps
    """
    table, strip, wide, co, bands, blocks = (
        plan[TABLE],
        plan[STRIP],
        plan[WIDE],
        plan[RESULT_AT],
        plan[BANDS],
        plan[BLOCKS],
    )
    capacity, m_step, tiles = plan[CAPACITY], plan[M_STEP], (last - first) * plan[ACROSS]
    channels, units = whole_vectors(plan[SOURCE]), plan[STRIPS] * blocks
    for unit in range(units * chunk // plan[CHUNKS], units * (chunk + 1) // plan[CHUNKS]):
        s, band0, band1 = unit // blocks, bands * (unit % blocks) // blocks, bands * (unit % blocks + 1) // blocks
        row0, width = co * band0 // bands, min(wide, channels - s * wide)
        m0 = plan[AT_M] + (unit if plan[KEPT] else chunk) * POINTS * m_step
        for p in range(POINTS):
            for k in range(0, tiles, DEPTH):
                flags = PADDED | (ACCUMULATE if k + first > 0 else 0)
                b = p * plan[V_STEP] + (s * capacity + k) * wide
                for band in range(band0, band1):
                    i, end = co * band // bands, co * (band + 1) // bands
                    a = plan[AT_U] + p * plan[U_STEP] + (band * capacity + k) * LANES - i
                    panels = (end - i + plan[HEIGHT] - 1) // plan[HEIGHT]
                    height, higher = (end - i) // panels, (end - i) % panels
                    for panel in range(panels):
                        h = height + (1 if panel < higher else 0)
                        for j in range(0, width, strip):
                            tile(table, h, 0, scratch, a + i, LANES, scratch, b + j, wide,
                                 scratch, m0 + p * m_step + (i - row0) * wide + j, wide, scratch, 0,
                                 min(DEPTH, tiles - k),
                                 min(strip, width - j), flags)  # fmt: skip
                        i += h
        if last == plan[ROWS]:
            finish_unit(
                plan, scratch, m0, gw, s, row0, co * band1 // bands, scratch, plan[AT_STAGED] + chunk * plan[STAGED]
            )


# --- plans ------------------------------------------------------------------------------------------------


def _heights(co: int, bands: int, most: int) -> set[int]:
    """Rows of the tiles that bands fall into."""
    found = set()
    for band in range(bands):
        rows = co * (band + 1) // bands - co * band // bands
        panels = -(-rows // most)
        found |= {rows // panels, -(-rows // panels)}
    return found


def make_plan(threads: int, n: int, ci: int, h: int, w: int, co: int, ho: int, wo: int, ph: int, pw: int) -> Blocks:
    """The plan for images (n, ci, h, w) and gradients (n, co, ho, wo)."""
    micro = variants(False)
    regs = micro.registers
    down, across = -(-ho // TILE), -(-wo // TILE)
    wide_i, wide_o = -(-ci // LANES) * LANES, -(-co // LANES) * LANES
    wide = lcm(regs.strip, LANES)
    strips, bands = -(-ci // wide), -(-co // (LANES // regs.height * regs.height))
    blocks = -(-bands // TOGETHER)
    rows = n * down
    most = max(FEW_DEEP, BLOCK_BYTES // (4 * POINTS * (wide_i + wide_o)))
    parts = -(-rows // max(1, most // across))
    block = -(-rows // parts)
    capacity = block * across
    kept = block < rows
    chunks = min(threads, max(block, strips * blocks))
    v_step, u_step = strips * capacity * wide + LINE, bands * capacity * LANES + LINE
    m_step = -(-co // bands) * -(-bands // blocks) * wide + LINE
    # Points of a band are read a vector at a time, also behind the last channel.
    staged = SIDE * (TILE * across + 2) * wide_i + TILE * TILE * across * wide_o + LANES
    staged = max(staged, TAPS * TAPS * wide)
    ends = np.cumsum(
        [POINTS * v_step, POINTS * u_step, (strips * blocks if kept else chunks) * POINTS * m_step, chunks * staged]
    )
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
            strips,
            bands,
            blocks,
            capacity,
            v_step,
            u_step,
            m_step,
            *ends[:3],
            staged,
            kept,
        ],
        np.int64,
    )
    for height in _heights(co, bands, regs.height):
        for width in {regs.strip, wide_i % wide % regs.strip} - {0}:
            micro.need_tile(height, width, False)
    micro.need_transpose()
    return plan_blocks(numbers, int(ends[3]), (points_chunk, products_chunk))
