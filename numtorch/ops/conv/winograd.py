"""Convolution with 3x3 filters at stride 1 by Winograd's minimal filtering, F(4x4, 3x3): 36 products where the
definition has 144.

The result is computed in tiles of 4x4. A tile and the 6x6 pixels that it uses are values of polynomials at six points,
where convolution is a product. The sums over channels remain: one matrix product for each of the 36 pairs of points:

    u[p] = (WEIGHT @ w @ WEIGHT.T)[p]       (channels of the source, channels of the result), once for all images
    v[p] = (IMAGE @ x @ IMAGE.T)[p]         (tiles, channels of the source)
    result = RESULT @ (v @ u) @ RESULT.T

The points are 0, +-1/sqrt(2), +-sqrt(2) and infinity. They are symmetric and reciprocal, with half the rounding error
of the usual points 0, +-1, +-2 (Barabasz et al., "Error Analysis and Improving the Accuracy of Winograd Convolution",
2020). Channels are the innermost dimension everywhere, so transforms are vector code for any image width. A non-finite
pixel reaches every result of its tile.

Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2015.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from numtorch.kernels.gemm.blocked import INNER, OUTER, pack_transposed
from numtorch.kernels.gemm.plan import Scratch, scratch_key
from numtorch.kernels.gemm.tile import ACCUMULATE, PADDED, tile
from numtorch.kernels.gemm.variants import variants
from numtorch.kernels.jit import jit, prange
from numtorch.ops.conv.pointer import address, call

TAPS = 3  # rows and columns of a filter
TILE = 4  # rows and columns of a tile
SIDE = 6  # of the pixels that it sees
POINTS = SIDE * SIDE
LANES = 16  # channels are padded to whole vectors
LINE = 16  # elements between the matrices of two points, lest all of them fall into the same lines of a cache
DEPTH = 64  # channels in one sum: sums of sums round less
TILES = 56  # in a block, at least: four panels share each strip of weights
BLOCK_BYTES = 1 << 20  # of a block's transformed tiles: a second-level cache
CHANNELS = 16  # of source and result, fewer are not worth a transform
FEW_TILES = 16  # for which transforming the weights costs what the tiles save
FEW_RESULTS = 6  # of a tile's 16, on average

NEEDS = "numtorch.ops.conv.winograd_codegen"
TRANSFORM: dict[str, Any] = INNER | {"needs": NEEDS}
CHUNK: dict[str, Any] = OUTER | {"needs": NEEDS, "no_cfunc_wrapper": False}

A, B = 0.5**0.5, 2.0**0.5
IMAGE = np.array(
    [
        [1, 0, -2.5, 0, 1, 0],
        [0, -2 * A, -2, A, 1, 0],
        [0, 2 * A, -2, -A, 1, 0],
        [0, -B / 2, -0.5, B, 1, 0],
        [0, B / 2, -0.5, -B, 1, 0],
        [0, 1, 0, -2.5, 0, 1],
    ]
)
WEIGHT = np.array(
    [
        [1, 0, 0],
        [-2 / 3, -2 / 3 * A, -1 / 3],
        [-2 / 3, 2 / 3 * A, -1 / 3],
        [1 / 6, B / 6, 1 / 3],
        [1 / 6, -B / 6, 1 / 3],
        [0, 0, 1],
    ]
)
RESULT = np.array(
    [[1, 1, 1, 1, 1, 0], [0, A, -A, B, -B, 0], [0, 0.5, 0.5, 2, 2, 0], [0, A / 2, -A / 2, 2 * B, -2 * B, 1]]
)

# What stands where in a plan, an int64 array.
TABLE = 0  # address of the micro-kernels
LANES_AT = 1  # of them
STRIP = 2
HEIGHT = 3
SOURCE = 4  # channels of the source and of the result
RESULT_AT = 5
H = 6
W = 7
HO = 8
WO = 9
TOP = 10  # zeros before the first row and column
LEFT = 11
DOWN = 12  # tiles down and across an image
ACROSS = 13
ROWS = 14  # rows of tiles in all images, and in a block
BLOCK = 15
CHUNKS = 16
PLAN_SIZE = 17


# --- transforms: the plain meaning of ``winograd_codegen`` ------------------------------------------------


def _transform(matrix, x, x0, x_steps, out, out0, out_steps, channels, bias=None):
    """``matrix @ square @ matrix.T`` for each channel of a square of vectors."""
    (grown, size), c = matrix.shape, np.arange(channels)
    square = np.array([[x[x0 + i * x_steps[0] + j * x_steps[1] + c] for j in range(size)] for i in range(size)])
    done = np.einsum("ia,abc,jb->ijc", matrix, square, matrix).astype(x.dtype)
    for i in range(grown):
        for j in range(grown):
            out[out0 + i * out_steps[0] + j * out_steps[1] + c] = done[i, j] if bias is None else done[i, j] + bias[c]


def image_tile(x, x0, row, col, out, out0, step, channels):
    """36 pixels to 36 points, ``step`` apart."""
    _transform(IMAGE, x, x0, (row, col), out, out0, (SIDE * step, step), channels)


def weight_tile(x, x0, row, col, out, out0, step, channels):
    """9 taps to 36 points, ``step`` apart."""
    _transform(WEIGHT, x, x0, (row, col), out, out0, (SIDE * step, step), channels)


def result_tile(x, x0, step, bias, out, out0, row, col, channels):
    """36 points, ``step`` apart, to 16 pixels, each with its channel's bias."""
    _transform(RESULT, x, x0, (SIDE * step, step), out, out0, (row, col), channels, bias)


def gradient_tile(x, x0, row, col, out, out0, step, channels):
    """16 pixels of the incoming gradient to 36 points, ``step`` apart."""
    _transform(RESULT.T, x, x0, (row, col), out, out0, (SIDE * step, step), channels)


def taps_tile(x, x0, step, out, out0, row, col, channels):
    """36 points, ``step`` apart, to 9 taps."""
    _transform(WEIGHT.T, x, x0, (SIDE * step, step), out, out0, (row, col), channels)


# --- loops ------------------------------------------------------------------------------------------------


@jit(**INNER)
def whole_vectors(n):
    """``n`` channels and those that fill the last vector."""
    return (n + LANES - 1) // LANES * LANES


@jit(**CHUNK)
def weights_chunk(plan, w, k_step, c_step, flip, packed, staged, chunk, chunks):
    """Weights of some channels of the source: ``packed[point, strip of the result's channels, k]``, strips of whole
    width.

    ``k_step`` and ``c_step`` lead from one channel of the source and of the result to the next; ``flip`` turns the taps
    round.
    """
    ci, co, strip = plan[SOURCE], plan[RESULT_AT], plan[STRIP]
    step = (co + strip - 1) // strip * ci * strip + LINE
    first = chunk * 9 * strip
    row, col, start = (-3 * strip, -strip, first + 8 * strip) if flip else (3 * strip, strip, first)
    padding = staged[first : first + 9 * strip]
    for j in range(padding.size):
        padding[j] = 0
    for c in range(0, co, strip):
        for k in range(ci * chunk // chunks, ci * (chunk + 1) // chunks):
            pack_transposed(plan[TABLE], plan[LANES_AT], w, c * c_step + k * k_step, c_step, staged, first, strip,
                            min(strip, co - c), 9)  # fmt: skip
            weight_tile(staged, start, row, col, packed, c * ci + k * strip, step, strip)


@jit(parallel=True, needs="numtorch.ops.conv.pointer_codegen")
def weights_parallel(kernel, plan, w, k_step, c_step, flip, packed, staged, chunks):
    """``weights_chunk``, by its address, on every chunk in parallel."""
    for chunk in prange(chunks):
        call(kernel, plan, w, k_step, c_step, flip, packed, staged, np.int64(chunk), chunks)


@jit(**INNER)
def stage_rows(plan, x, image, c, h, w, y, rows, staged, s0, row_step, left):
    """Rows ``y..y+rows`` of an image (c, h, w) with channels innermost, the first pixel at column ``left``; rows
    outside are zeros."""
    channels = whole_vectors(c)
    if row_step == w * channels and y + rows <= h:  # rows follow each other as in the image
        pack_transposed(
            plan[TABLE], plan[LANES_AT], x, (image * c * h + y) * w, h * w, staged, s0, channels, c, rows * w
        )
        return
    for i in range(rows):
        if not 0 <= y + i < h:
            border = staged[s0 + i * row_step : s0 + (i + 1) * row_step]
            for j in range(border.size):
                border[j] = 0
    # Some channels' rows after each other: what follows in memory is fetched ahead.
    for k in range(0, c, plan[LANES_AT]):
        for i in range(max(0, -y), min(rows, h - y)):
            pack_transposed(plan[TABLE], plan[LANES_AT], x, ((image * c + k) * h + y + i) * w, h * w,
                            staged, s0 + i * row_step + left * channels + k, channels, min(plan[LANES_AT], c - k),
                            w)  # fmt: skip


@jit(**TRANSFORM)
def transform_row(plan, x, image, y, staged, s0, v, v0, v_step):
    """A row of tiles, from row ``y`` of an image on: its pixels with channels innermost, then its points."""
    ci, across = plan[SOURCE], plan[ACROSS]
    channels = whole_vectors(ci)
    row_step = (TILE * across + 2) * channels
    stage_rows(plan, x, image, ci, plan[H], plan[W], y, SIDE, staged, s0, row_step, plan[LEFT])
    for t in range(across):
        image_tile(staged, s0 + t * TILE * channels, row_step, channels, v, v0 + t * channels, v_step, channels)


@jit(**TRANSFORM)
def finish_row(plan, m, m0, m_step, first, count, bias, out, image, y, staged, s0):
    """A row of tiles of ``count`` channels of the result, from row ``y`` on: from points to pixels, then to planes."""
    co, ho, wo, across = plan[RESULT_AT], plan[HO], plan[WO], plan[ACROSS]
    channels = whole_vectors(count)
    row_step = TILE * across * channels
    for t in range(across):
        result_tile(
            m, m0 + t * channels, m_step, bias[first:], staged, s0 + t * TILE * channels, row_step, channels, channels
        )
    rows, to = min(TILE, ho - y), (image * co + first) * ho * wo + y * wo
    if wo == TILE * across:
        pack_transposed(plan[TABLE], plan[LANES_AT], staged, s0, channels, out, to, ho * wo, rows * wo, count)
    else:
        for i in range(rows):
            pack_transposed(
                plan[TABLE], plan[LANES_AT], staged, s0 + i * row_step, channels, out, to + i * wo, ho * wo, wo, count
            )


@jit(**INNER)
def multiply_points(plan, v, v_step, packed, m, m_step, tiles):
    """For each pair of points the matrix of tiles times that of weights.

    ::

        for each pair of points, each part of the channels:
            for each panel of tiles:
                for each strip of the result's channels:   tile
    """
    table, ci, co, strip = plan[TABLE], plan[SOURCE], plan[RESULT_AT], plan[STRIP]
    a_step, c_step = whole_vectors(ci), whole_vectors(co)
    strips = (co + strip - 1) // strip
    panels = (tiles + plan[HEIGHT] - 1) // plan[HEIGHT]
    height, higher = tiles // panels, tiles % panels
    for p in range(POINTS):
        weights = p * (strips * ci * strip + LINE)
        for k in range(0, ci, DEPTH):
            flags = PADDED | (ACCUMULATE if k > 0 else 0)
            i = 0
            for panel in range(panels):
                h = height + (1 if panel < higher else 0)
                for s in range(strips):
                    tile(table, h, 1, v, p * v_step + i * a_step + k, a_step, packed, weights + (s * ci + k) * strip,
                         strip,
                         m, p * m_step + i * c_step + s * strip, c_step, m, 0, min(DEPTH, ci - k),
                         min(strip, c_step - s * strip),
                         flags)  # fmt: skip
                i += h


@jit(**CHUNK)
def tiles_chunk(plan, x, packed, bias, out, staged, v, m, chunk):
    """Those blocks of tiles that fall to one chunk; ``bias`` has whole vectors, the three arrays of scratch a row for
    each chunk."""
    across, down = plan[ACROSS], plan[DOWN]
    a_step, c_step = whole_vectors(plan[SOURCE]), whole_vectors(plan[RESULT_AT])
    most = plan[BLOCK] * across
    v_step, m_step = most * a_step + LINE, most * c_step + LINE
    s_size = staged.size // plan[CHUNKS]
    s0 = chunk * s_size
    mine_v = v[chunk * POINTS * v_step : (chunk + 1) * POINTS * v_step]
    mine_m = m[chunk * POINTS * m_step : (chunk + 1) * POINTS * m_step]
    blocks = (plan[ROWS] + plan[BLOCK] - 1) // plan[BLOCK]
    for block in range(blocks * chunk // plan[CHUNKS], blocks * (chunk + 1) // plan[CHUNKS]):
        first = block * plan[BLOCK]
        last = min(plan[ROWS], first + plan[BLOCK])
        source = staged[s0 : s0 + s_size]
        for j in range(source.size):
            source[j] = 0
        for r in range(first, last):
            transform_row(
                plan,
                x,
                r // down,
                r % down * TILE - plan[TOP],
                staged,
                s0,
                mine_v,
                (r - first) * across * a_step,
                v_step,
            )
        multiply_points(plan, mine_v, v_step, packed, mine_m, m_step, (last - first) * across)
        for r in range(first, last):
            finish_row(plan, mine_m, (r - first) * across * c_step, m_step, 0, plan[RESULT_AT], bias, out, r // down,
                       r % down * TILE,
                       staged, s0)  # fmt: skip


@jit(parallel=True, needs="numtorch.ops.conv.pointer_codegen")
def tiles_parallel(kernel, plan, x, packed, bias, out, staged, v, m, chunks):
    """``tiles_chunk``, by its address, on every chunk in parallel."""
    for chunk in prange(chunks):
        call(kernel, plan, x, packed, bias, out, staged, v, m, np.int64(chunk))


@jit(parallel=True, needs="numtorch.ops.conv.pointer_codegen")
def block_parallel(kernel, plan, x, w, bias, out, scratch, first, last, chunks):
    """A kernel of ``winograd_deep`` or ``winograd_grad``, by its address, on every chunk in parallel."""
    for chunk in prange(chunks):
        call(kernel, plan, x, w, bias, out, scratch, first, last, np.int64(chunk))


# --- plans ------------------------------------------------------------------------------------------------

scratch = Scratch()


def saves(images: int, ho: int, wo: int) -> bool:
    """Whether results of this size are enough tiles, and full enough."""
    tiles = images * -(-ho // TILE) * -(-wo // TILE)
    return tiles >= FEW_TILES and images * ho * wo >= FEW_RESULTS * tiles


class Plan(NamedTuple):
    """What a shape needs: integers, where the five parts of the scratch array end, the chunks' kernels where there are
    several."""

    numbers: np.ndarray
    scratch: int
    ends: tuple[int, ...]
    parts: int
    chunks: int
    kernels: tuple[Any, Any]


def whole_bias(bias: np.ndarray, channels: int) -> np.ndarray:
    """The bias, or zeros where there is none, as whole vectors."""
    padded = np.zeros(-(-channels // LANES) * LANES, np.float32)
    padded[: bias.size] = bias
    return padded


class Blocks(NamedTuple):
    """A plan by blocks of tiles: integers, rows of tiles in all images and in a block, the two kernels and, where there
    are several chunks, their addresses."""

    numbers: np.ndarray
    scratch: int
    rows: int
    block: int
    chunks: int
    kernels: tuple[Any, Any]
    addresses: tuple[Any, Any]


def plan_blocks(numbers: np.ndarray, size: int, kernels: tuple[Any, Any]) -> Blocks:
    """The plan of two kernels, ``size`` elements of scratch and the integers that they take."""
    one = np.empty(1, np.float32)
    rows, block, chunks = numbers[[ROWS, BLOCK, CHUNKS]].tolist()
    addresses = tuple(address(kernel, numbers, *[one] * 5, 0, 0, 0) for kernel in kernels) if chunks > 1 else (0, 0)
    return Blocks(numbers, scratch_key(np.dtype(np.float32), size), rows, block, chunks, kernels, addresses)


def run_blocks(plan: Blocks, x: np.ndarray, w: np.ndarray, bias: np.ndarray, out: np.ndarray) -> None:
    """Block after block of tiles: all chunks of the first kernel, then all of the second."""
    space = scratch.take(plan.scratch)
    for first in range(0, plan.rows, plan.block):
        args = plan.numbers, x, w, bias, out, space, first, min(plan.rows, first + plan.block)
        for kernel, place in zip(plan.kernels, plan.addresses, strict=True):
            if plan.chunks > 1:
                block_parallel(place, *args, plan.chunks)
            else:
                kernel(*args, 0)


def make_plan(threads: int, n: int, ci: int, h: int, w: int, co: int, ho: int, wo: int, ph: int, pw: int) -> Plan:
    """The plan for images (n, ci, h, w) and results (n, co, ho, wo)."""
    micro = variants(False)
    regs = micro.registers
    down, across = -(-ho // TILE), -(-wo // TILE)
    wide_i, wide_o = -(-ci // LANES) * LANES, -(-co // LANES) * LANES
    tiles = max(TILES, BLOCK_BYTES // (4 * POINTS * (wide_i + wide_o)))
    rows = n * down
    blocks = max(threads, -(-rows // max(1, tiles // across)))
    block = -(-rows // min(blocks, rows))
    chunks = min(threads, -(-rows // block))
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
        ],
        np.int64,
    )
    for count in {block * across, (rows % block or block) * across}:
        panels = -(-count // regs.height)
        for height in {count // panels, -(-count // panels)}:
            for width in {min(regs.strip, wide_o), wide_o % regs.strip} - {0}:
                micro.need_tile(height, width, True)
    micro.need_transpose()
    width = -(-co // regs.strip) * regs.strip
    staged = max(SIDE * (TILE * across + 2) * wide_i, TILE * TILE * across * wide_o)
    parts = min(threads, ci)
    sizes = (
        POINTS * (width * ci + LINE),
        -(-parts * 9 * regs.strip // LANES) * LANES,
        chunks * staged,
        chunks * POINTS * (block * across * wide_i + LINE),
        chunks * POINTS * (block * across * wide_o + LINE),
    )
    one = np.empty(1, np.float32)
    kernels = (
        address(weights_chunk, numbers, one, 0, 0, False, one, one, 0, 0) if parts > 1 else 0,
        address(tiles_chunk, numbers, *[one] * 7, 0) if chunks > 1 else 0,
    )
    return Plan(
        numbers, scratch_key(np.dtype(np.float32), sum(sizes)), tuple(np.cumsum(sizes).tolist()), parts, chunks, kernels
    )


def run(
    plan: Plan, x: np.ndarray, w: np.ndarray, bias: np.ndarray, out: np.ndarray, k_step: int, c_step: int, flip: bool
) -> None:
    """The convolution; the weights are read as ``weights_chunk`` says."""
    space = scratch.take(plan.scratch)
    a, b, c, d, e = plan.ends
    packed, turned, staged, v, m = space[:a], space[a:b], space[b:c], space[c:d], space[d:e]
    padded = whole_bias(bias, int(plan.numbers[RESULT_AT]))
    if plan.parts > 1:
        weights_parallel(plan.kernels[0], plan.numbers, w, k_step, c_step, flip, packed, turned, plan.parts)
    else:
        weights_chunk(plan.numbers, w, k_step, c_step, flip, packed, turned, 0, 1)
    if plan.chunks > 1:
        tiles_parallel(plan.kernels[1], plan.numbers, x, packed, padded, out, staged, v, m, plan.chunks)
    else:
        tiles_chunk(plan.numbers, x, packed, padded, out, staged, v, m, 0)
