"""``images`` with fewer products: 4 results of a row (filters 3 wide) or 2 results (5 wide) are computed from 6 points
(Toom, Cook).

A set of neighbouring results and the six pixels that it uses are values of polynomials at six points. There the
convolution along the row is a product. The sums over channels and rows of taps remain; they are a convolution with
filters 1 wide for each point:

    u[p] = (WEIGHT @ w)[p]                  once for all images
    v[p] = (IMAGE @ x)[p]
    result = RESULT @ sums(u, v)

The points are those of ``winograd``, which uses them in both directions. Here one transform serves all rows of taps,
and 6 products replace 12 (or 10) of the definition. A non-finite pixel reaches every result of its set.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from numtorch.kernels.gemm.blocked import OUTER
from numtorch.kernels.gemm.plan import scratch_key
from numtorch.kernels.gemm.variants import variants
from numtorch.kernels.jit import jit
from numtorch.ops.conv import images as at
from numtorch.ops.conv import winograd
from numtorch.ops.conv.images import (
    CHUNK,
    arrange,
    begin,
    cut,
    kernel_of,
    most_channels,
    shares,
    sums,
    tiles_of,
    turn_back,
)
from numtorch.ops.conv.plan import Plan
from numtorch.ops.conv.pointer import address

# Globals, which kernels hold as constants.
TABLE, LANES, IMAGES, SOURCE, H, RESULT_AT, HO, WO = (
    at.TABLE,
    at.LANES,
    at.IMAGES,
    at.SOURCE,
    at.H,
    at.RESULT,
    at.HO,
    at.WO,
)
KH, KW, PH, TILES, PIECES, SPLITS, CHUNKS, SCRATCH = (
    at.KH,
    at.KW,
    at.PH,
    at.TILES,
    at.PIECES,
    at.SPLITS,
    at.CHUNKS,
    at.SCRATCH,
)
SCRATCH_B, SCRATCH_M, SCRATCH_T, WIDE, STEP, SETS = at.SCRATCH_B, at.SCRATCH_M, at.SCRATCH_T, at.WIDE, at.STEP, at.SETS
OF_PIXELS, OF_PRODUCTS = at.OF_PIXELS, at.OF_PRODUCTS

POINTS = 6
FEW_CHANNELS, FEW_PAIRS = 3, 32  # of source and result, and their product: fewer save less than the transforms cost
A, B = 0.5**0.5, 2.0**0.5
IMAGE = winograd.IMAGE
RESULT = {4: winograd.RESULT, 2: np.array([[1, 1, 1, 1, 1, 0], [0, A, -A, B, -B, 1]])}  # by results of a set
_FIVE = [[-2 / 3 * t**b for b in range(5)] for t in (A, -A)] + [[t**b / 6 for b in range(5)] for t in (B, -B)]
WEIGHT = {3: winograd.WEIGHT, 5: np.array([[1, 0, 0, 0, 0], *_FIVE, [0, 0, 0, 0, 1]])}  # by taps of a row


# --- transforms: the plain meaning of ``images_codegen`` --------------------------------------------------


def of_pixels(kernel, step, lanes, x, x0, out, out0, out_step, count):
    """``out[p, j] = sum over i of IMAGE[p, i] * x[j * step + i]`` for ``count`` sets, the points ``out_step`` apart."""
    for j in range(count):
        pixels = x[x0 + j * step * lanes :][: POINTS * lanes].reshape(POINTS, lanes)
        for p, values in enumerate(IMAGE @ pixels):
            out[out0 + p * out_step + j * lanes :][:lanes] = values


def of_products(kernel, step, lanes, m, m0, m_step, bias, b0, out, out0, count):
    """``out[j * step + i] = bias + sum over p of RESULT[i, p] * m[p, j]`` for ``count`` sets."""
    for j in range(count):
        products = np.array([m[m0 + p * m_step + j * lanes :][:lanes] for p in range(POINTS)])
        out[out0 + j * step * lanes :][: step * lanes] = (RESULT[step] @ products + bias[b0]).reshape(-1)


# --- loops ------------------------------------------------------------------------------------------------


@jit(**OUTER)
def pack_points(plan, w, matrix, c_step, k_step, turned, packed):
    """Transformed weights in the order of ``sums``: for each point and tile of channels [tap row, channel of the
    source, channel]."""
    kh, kw, source, tiles = plan[KH], plan[KW], plan[SOURCE], plan[TILES]
    step = plan[RESULT_AT] * kh * source
    to = 0
    for tile in range(tiles):
        low, high = plan[RESULT_AT] * tile // tiles, plan[RESULT_AT] * (tile + 1) // tiles
        for a in range(kh):
            first_tap = ((kh - a) * kw - 1) if turned else a * kw
            for k in range(source):
                for c in range(low, high):
                    first = c * c_step + k * k_step + first_tap
                    for p in range(POINTS):
                        total = w.dtype.type(0)
                        for b in range(kw):
                            total += matrix[p * kw + b] * w[first - b if turned else first + b]
                        packed[p * step + to] = total
                    to += 1


@jit(**CHUNK)
def points_chunk(plan, starts, nothing, kernels, x, w, bias, out, scratch, chunk):
    """Those blocks of images, or shares of their channels, that fall to one chunk. ``bias`` ends with as many zeros as
    has a tile.

    ::

        for each block of images: arrange it, transform its rows
            for each tile of channels:
                for each point, row, piece of the row's sets:   sums over the tap rows inside the image
                transform the products, turn the tile's planes back
    """
    lanes, source, h, kh, co = plan[LANES], plan[SOURCE], plan[H], plan[KH], plan[RESULT_AT]
    ho, wo, tiles, pieces, splits, step, sets = (
        plan[HO],
        plan[WO],
        plan[TILES],
        plan[PIECES],
        plan[SPLITS],
        plan[STEP],
        plan[SETS],
    )
    area, row = ho * wo, sets * lanes
    v_step, m_step = source * h * row, ho * row
    s0 = chunk * plan[SCRATCH]
    v0, m0, t0 = s0 + plan[SCRATCH_B], s0 + plan[SCRATCH_M], s0 + plan[SCRATCH_T]
    blocks = (plan[IMAGES] + lanes - 1) // lanes
    fewest, narrowest = co // tiles, sets // pieces
    arranged = -1
    for task in range(blocks * splits * chunk // plan[CHUNKS], blocks * splits * (chunk + 1) // plan[CHUNKS]):
        block, share = task // splits, task % splits
        first = block * lanes
        images = min(lanes, plan[IMAGES] - first)
        if block != arranged:
            arrange(plan, x, first, images, scratch, s0)
            for i in range(source * h):
                of_pixels(
                    plan[OF_PIXELS],
                    step,
                    lanes,
                    scratch,
                    s0 + i * plan[WIDE] * lanes,
                    scratch,
                    v0 + i * row,
                    v_step,
                    sets,
                )
            arranged = block
        for tile in range(tiles * share // splits, tiles * (share + 1) // splits):
            low = co * tile // tiles
            channels = co * (tile + 1) // tiles - low
            for p in range(POINTS):
                weights = (p * co + low) * kh * source
                for r in range(ho):
                    top = r - plan[PH]
                    begins, ends = max(0, -top), min(kh, h - top)
                    depth = max(0, ends - begins) * source
                    for piece in range(pieces):
                        s = sets * piece // pieces
                        columns = sets * (piece + 1) // pieces - s
                        kernel = kernels[(channels - fewest) * 2 + columns - narrowest]
                        sums(
                            kernel,
                            channels,
                            columns,
                            lanes,
                            scratch,
                            v0 + p * v_step + top * row + s * lanes,
                            starts,
                            begins * source,
                            depth,
                            w,
                            weights + begins * source * channels,
                            bias,
                            co,
                            scratch,
                            m0 + p * channels * m_step + r * row + s * lanes,
                            m_step,
                        )
            for c in range(channels):
                # The last set of a row may reach into the next one, which is written after it.
                for r in range(ho):
                    of_products(
                        plan[OF_PRODUCTS],
                        step,
                        lanes,
                        scratch,
                        m0 + c * m_step + r * row,
                        channels * m_step,
                        bias,
                        low + c,
                        scratch,
                        t0 + (c * area + r * wo) * lanes,
                        sets,
                    )
                turn_back(
                    plan[TABLE],
                    lanes,
                    scratch,
                    t0 + c * area * lanes,
                    area,
                    out,
                    (first * co + low + c) * area,
                    co * area,
                    images,
                )


# --- plans ------------------------------------------------------------------------------------------------


def saves(ci: int, co: int, kernel: tuple, single: bool) -> bool:
    """Whether products outweigh the transforms; the other conditions are those of ``images``."""
    return single and kernel[1] in WEIGHT and kernel[0] > 1 and min(ci, co) >= FEW_CHANNELS and ci * co >= FEW_PAIRS


def make_plan(
    threads: int, n: int, source: int, h: int, w: int, result: int, ho: int, wo: int, kh: int, kw: int, ph: int, pw: int
) -> Plan:
    """The plan of ``points_chunk``: the convolution of (n, source, h, w) with (result, source, kh, kw), in float32."""
    dtype, micro = np.dtype(np.float32), variants(False)
    numbers = begin(micro, n, source, h, w, result, ho, wo, kh, kw, ph, pw)
    lanes, step = micro.registers.lanes, POINTS + 1 - kw
    sets = -(-wo // step)
    tiles, pieces = min(
        ((cut(result, most_channels(micro, width)), cut(sets, width)) for width in range(1, 8)),
        key=lambda way: way[0] * sets + way[1] * result,
    )
    splits, chunks = shares(threads, -(-n // lanes), tiles, n * result * ho * sets * POINTS * source * kh)
    wide, channels = max(w + 2 * pw, step * (sets - 1) + POINTS), -(-result // tiles)
    v = int(source * h * wide + lanes) * lanes
    m = v + POINTS * source * h * sets * lanes
    t = m + POINTS * channels * ho * sets * lanes
    size = t + (channels * ho * wo + step) * lanes
    for key, value in {
        at.TILES: tiles,
        at.PIECES: pieces,
        at.PARTS: 1,
        at.SPLITS: splits,
        at.CHUNKS: chunks,
        at.WIDE: wide,
        at.STEP: step,
        at.SETS: sets,
        at.SCRATCH_B: v,
        at.SCRATCH_M: m,
        at.SCRATCH_T: t,
        at.SCRATCH: size,
        at.OF_PIXELS: kernel_of("pixels", False, lanes, step, 0)[1],
        at.OF_PRODUCTS: kernel_of("products", False, lanes, step, 0)[1],
    }.items():
        numbers[key] = value
    a, k = np.meshgrid(np.arange(kh), np.arange(source), indexing="ij")
    starts = ((k * h + a) * sets * lanes).reshape(-1).astype(np.int64)
    arrays = (
        numbers,
        starts,
        np.zeros(1, np.int64),
        np.array(tiles_of(dtype, lanes, result, tiles, sets, pieces), np.int64),
    )
    kernel: Any = address(points_chunk, *arrays, *[np.empty(1, dtype)] * 5, 0) if chunks > 1 else 0
    return Plan(
        *arrays,
        np.zeros(0, np.int64),
        scratch_key(dtype, chunks * size),
        POINTS * result * source * kh,
        1,
        chunks,
        kernel,
    )
