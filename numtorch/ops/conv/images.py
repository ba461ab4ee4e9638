"""Convolution of batches of small images. One vector holds the same pixel of several images, so that no shape wastes a
lane.

A block of images is transposed to ``[channel, row, column, image]``. Every pixel is then one aligned vector, and the
distance of a tap is a whole number of vectors. A tile of the result (some channels, some neighbours in a row) is summed
in registers, however short a row is. Rows of zeros above and below an image are never multiplied; zeros left and right
of it are in the scratch memory.

    sums    a tile of the result: the forward pass, and the input gradient with flipped weights
    dots    some taps of the weight gradient, over all positions of a block

Stride 1, no dilation, no groups. The order of sums depends only on the shape.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from numtorch.kernels.gemm.blocked import INNER, OUTER
from numtorch.kernels.gemm.plan import scratch_key
from numtorch.kernels.gemm.tile import transpose
from numtorch.kernels.gemm.variants import Variants, variants
from numtorch.kernels.jit import Jit, compile_source, disabled, jit
from numtorch.ops.conv.implicit import CHUNKS, IMAGES, LANES, PARTS, PLAN_SIZE, SCRATCH, SCRATCH_B, TABLE
from numtorch.ops.conv.plan import PARALLEL_WORK, Plan
from numtorch.ops.conv.pointer import address

# What stands where in a plan, an int64 array, beside what all plans have. SOURCE is what is shifted: x, or g for the
# input gradient.
SOURCE = 5  # channels
H = 6
W = 7
RESULT = 8  # channels
HO = 9
WO = 10
KH = 11
KW = 12
PH = 13
PW = 14
TILES = 15  # that the channels of the result are cut into, the sizes differing by one at most
PIECES = 16  # that a row of the result is cut into, the same way
SPLITS = 17  # shares of the channels of one block of images
WIDE = 18  # pixels of a row of the source with the zeros beside it
# For ``points`` alone:
STEP = 19  # results of a row that come from one set of points
SETS = 20  # of them in a row
SCRATCH_M = 21  # where in a chunk's scratch the products begin, of the points and of the results
SCRATCH_T = 22
OF_PIXELS = 23  # addresses of the transforms
OF_PRODUCTS = 24

BLOCK_BYTES = 1 << 19  # of a block of images: half of a second-level cache
MOST_WEIGHTS = 1 << 14  # beyond, matrix products and Winograd's tiles are faster
FULL = 1.25  # lanes, filled or not, for each image
FIXED_PARTS = 8  # of the images, so that the result does not depend on the threads
CODEGEN = "numtorch.ops.conv.images_codegen"
TILE: dict[str, Any] = INNER | {"needs": CODEGEN}
CHUNK: dict[str, Any] = OUTER | {"needs": CODEGEN, "no_cfunc_wrapper": False}


# --- tiles: the plain meaning of ``images_codegen`` -------------------------------------------------------


def sums(kernel, channels, columns, lanes, x, x0, starts, s0, depth, w, w0, bias, b0, out, out0, out_step):
    """``out[i, j] = bias[i] + sum over k of w[k, i] * x[starts[k] + j]`` for some channels i, columns j and all lanes.

    ``kernel`` is the address of the tile for ``channels`` and ``columns``; 0 here.
    """
    for i in range(channels):
        for j in range(columns * lanes):
            total = bias[b0 + i]
            for k in range(depth):
                total += w[w0 + k * channels + i] * x[x0 + starts[s0 + k] + j]
            out[out0 + i * out_step + j] = total


def dots(kernel, channels, taps, lanes, x, x0, x_row, g, g0, g_row, g_channel, rows, cols, out, out0, out_step):
    """``out[i, t] += sum over r, s of g[i, r, s] * x[r, s + t]``, and over all lanes, for some channels i and
    neighbouring taps t."""
    for i in range(channels):
        for t in range(taps):
            total = x.dtype.type(0)
            for r in range(rows):
                for j in range(cols * lanes):
                    total += g[g0 + i * g_channel + r * g_row + j] * x[x0 + r * x_row + t * lanes + j]
            out[out0 + i * out_step + t] += total


# --- loops ------------------------------------------------------------------------------------------------


@jit(**TILE)
def turn_run(table, lanes, x, x0, step, images, count, out, out0):
    """``out[j, image] = x[image, j]`` for ``count`` neighbours: the last whole vector overlaps the one before."""
    for j in range(0, count, lanes):
        at = max(0, min(j, count - lanes))
        transpose(table, x, x0 + at, step, out, out0 + at * lanes, lanes, images, min(lanes, count))


@jit(**TILE)
def turn_back(table, lanes, x, x0, count, out, out0, step, images):
    """``out[image, j] = x[j, image]`` for ``count`` neighbours."""
    for j in range(0, count, lanes):
        at = max(0, min(j, count - lanes))
        transpose(table, x, x0 + at * lanes, lanes, out, out0 + at, step, min(lanes, count), images)


@jit(**TILE)
def arrange(plan, x, first, images, scratch, s0):
    """A block of images of the source with images innermost and zeros beside each row.

    Rows shorter than a vector are turned with what follows them, which the next row or the zeros overwrite.
    """
    table, lanes, left, wide = plan[TABLE], plan[LANES], plan[PW], plan[WIDE]
    rows, cols = plan[SOURCE] * plan[H], plan[W]
    size = rows * cols
    if wide == cols:
        turn_run(table, lanes, x, first * size, size, images, size, scratch, s0)
        return
    for row in range(rows):
        at = s0 + (row * wide + left) * lanes
        if cols >= lanes or row * cols + lanes > size:
            turn_run(table, lanes, x, first * size + row * cols, size, images, cols, scratch, at)
        else:
            transpose(table, x, first * size + row * cols, size, scratch, at, lanes, images, lanes)
    right = wide - left - cols
    for row in range(rows):
        at = s0 + row * wide * lanes
        for j in range(left * lanes):
            scratch[at + j] = 0
        at += (left + cols) * lanes
        for j in range(right * lanes):
            scratch[at + j] = 0


@jit(**OUTER)
def pack(plan, w, c_step, k_step, turned, packed):
    """Weights in the order of ``sums``: for each tile of channels, [tap row, channel of the source, tap, channel of the
    tile]."""
    kh, kw, source, tiles = plan[KH], plan[KW], plan[SOURCE], plan[TILES]
    area = kh * kw
    to = 0
    for tile in range(tiles):
        low, high = plan[RESULT] * tile // tiles, plan[RESULT] * (tile + 1) // tiles
        for a in range(kh):
            for k in range(source):
                for b in range(kw):
                    tap = area - 1 - a * kw - b if turned else a * kw + b
                    for c in range(low, high):
                        packed[to] = w[c * c_step + k * k_step + tap]
                        to += 1


@jit(**CHUNK)
def sums_chunk(plan, starts, phases, kernels, x, w, bias, out, scratch, chunk):
    """Those blocks of images, or shares of their channels, that fall to one chunk.

    ::

        for each block of images: arrange it
            for each tile of channels, row, piece of the row:   sums over the tap rows inside the image
            turn the tile's planes back
    """
    table, lanes, source, h, kh = plan[TABLE], plan[LANES], plan[SOURCE], plan[H], plan[KH]
    co, ho, wo, tiles, pieces, splits = plan[RESULT], plan[HO], plan[WO], plan[TILES], plan[PIECES], plan[SPLITS]
    wide, area = plan[WIDE], ho * wo
    s0, t0 = chunk * plan[SCRATCH], chunk * plan[SCRATCH] + plan[SCRATCH_B]
    per_row = source * plan[KW]
    blocks = (plan[IMAGES] + lanes - 1) // lanes
    fewest, narrowest = co // tiles, wo // pieces
    arranged = -1
    for task in range(blocks * splits * chunk // plan[CHUNKS], blocks * splits * (chunk + 1) // plan[CHUNKS]):
        block, share = task // splits, task % splits
        first = block * lanes
        images = min(lanes, plan[IMAGES] - first)
        if block != arranged:
            arrange(plan, x, first, images, scratch, s0)
            arranged = block
        for tile in range(tiles * share // splits, tiles * (share + 1) // splits):
            low = co * tile // tiles
            channels = co * (tile + 1) // tiles - low
            for r in range(ho):
                top = r - plan[PH]
                begin, end = max(0, -top), min(kh, h - top)
                depth = max(0, end - begin) * per_row
                for piece in range(pieces):
                    s = wo * piece // pieces
                    columns = wo * (piece + 1) // pieces - s
                    kernel = kernels[(channels - fewest) * 2 + columns - narrowest]
                    sums(
                        kernel,
                        channels,
                        columns,
                        lanes,
                        scratch,
                        s0 + (top * wide + s) * lanes,
                        starts,
                        begin * per_row,
                        depth,
                        w,
                        (low * kh + begin * channels) * per_row,
                        bias,
                        low,
                        scratch,
                        t0 + (r * wo + s) * lanes,
                        area * lanes,
                    )
            for c in range(channels):
                turn_back(
                    table,
                    lanes,
                    scratch,
                    t0 + c * area * lanes,
                    area,
                    out,
                    (first * co + low + c) * area,
                    co * area,
                    images,
                )


@jit(**CHUNK)
def dots_chunk(plan, starts, phases, kernels, x, g, bias, out, scratch, chunk):
    """Those partial sums of the weight gradient, or shares of their channels, that fall to one chunk.

    ::

        for each part of the images, each of its blocks: arrange it
            for each tile of channels: arrange g
                for each channel of the source, tap row:   dots over the rows inside the image
    """
    table, lanes, source, h, kh, kw = plan[TABLE], plan[LANES], plan[SOURCE], plan[H], plan[KH], plan[KW]
    co, ho, wo, tiles, parts, splits = plan[RESULT], plan[HO], plan[WO], plan[TILES], plan[PARTS], plan[SPLITS]
    wide, area, taps = plan[WIDE], ho * wo, kh * kw
    s0, t0 = chunk * plan[SCRATCH], chunk * plan[SCRATCH] + plan[SCRATCH_B]
    blocks = (plan[IMAGES] + lanes - 1) // lanes
    fewest = co // tiles
    for task in range(parts * splits * chunk // plan[CHUNKS], parts * splits * (chunk + 1) // plan[CHUNKS]):
        part, share = task // splits, task % splits
        first_tile, last_tile = tiles * share // splits, tiles * (share + 1) // splits
        size = co * source * taps
        mine = out[
            part * size + co * first_tile // tiles * source * taps : part * size
            + co * last_tile // tiles * source * taps
        ]
        for j in range(mine.size):
            mine[j] = 0
        for block in range(blocks * part // parts, blocks * (part + 1) // parts):
            first = block * lanes
            images = min(lanes, plan[IMAGES] - first)
            if images < lanes:
                whole = scratch[s0 : s0 + plan[SCRATCH]]
                for j in range(whole.size):
                    whole[j] = 0
            arrange(plan, x, first, images, scratch, s0)
            for tile in range(first_tile, last_tile):
                low = co * tile // tiles
                channels = co * (tile + 1) // tiles - low
                turn_run(table, lanes, g, (first * co + low) * area, co * area, images, channels * area, scratch, t0)
                for k in range(source):
                    for a in range(kh):
                        begin, end = max(0, plan[PH] - a), min(ho, h + plan[PH] - a)
                        row = k * h + begin + a - plan[PH]
                        dots(
                            kernels[channels - fewest],
                            channels,
                            kw,
                            lanes,
                            scratch,
                            s0 + row * wide * lanes,
                            wide * lanes,
                            scratch,
                            t0 + begin * wo * lanes,
                            wo * lanes,
                            area * lanes,
                            end - begin,
                            wo,
                            out,
                            part * size + (low * source + k) * taps + a * kw,
                            source * taps,
                        )


# --- plans ------------------------------------------------------------------------------------------------


def saves(part: str, n: int, ci: int, co: int, size: tuple, kernel: tuple, padding: tuple, single: bool) -> bool:
    """Whether few lanes would stay empty, and a block of images fits a second-level cache."""
    lanes = 16 if single else 8
    if -(-n // lanes) * lanes > n * FULL:
        return False
    h, w = size
    (kh, kw), (ph, pw) = kernel, padding
    source, wide = ci * h, w + 2 * pw
    if part == "input_grad":
        source, wide = co * (h + 2 * ph - kh + 1), w + kw - 1
    return source * wide * 64 <= BLOCK_BYTES and ci * co * kh * kw <= MOST_WEIGHTS


@lru_cache(maxsize=256)
def kernel_of(kind: str, double: bool, lanes: int, height: int, width: int) -> Any:
    """The compiled tile (or transform) and its address."""
    if disabled():
        return None, 0
    symbol = f"numtorch_{kind}_{'f64' if double else 'f32'}x{lanes}_{height}x{width}"
    literals = ", ".join(map(repr, (symbol, kind, int(double), lanes, height, width)))
    kernel = compile_source(
        f"def {kind}():\n    define({literals})\n",
        kind,
        {},
        f"conv {symbol}",
        needs=CODEGEN,
        fastmath=frozenset(),
        no_cpython_wrapper=True,
        no_cfunc_wrapper=True,
    )
    return kernel, kernel.address(symbol=symbol)


def most_channels(micro: Variants, width: int) -> int:
    """Rows of a tile of ``width`` vectors such that its sums, one row of the other operand and one vector more fit the
    registers."""
    regs = micro.registers
    registers = 32 if regs.height * regs.vectors >= 24 else 16
    return max(1, (registers - 1) // width - 1)


def tiles_of(dtype: np.dtype, lanes: int, co: int, tiles: int, wo: int, pieces: int) -> list[int]:
    """Addresses of the four tiles of sums: lower and higher, narrow and wide, which may be the same."""
    heights, widths = [(n // cuts, -(-n // cuts)) for n, cuts in ((co, tiles), (wo, pieces))]
    return [kernel_of("sums", dtype == np.float64, lanes, height, width)[1] for height in heights for width in widths]


def cut(n: int, most: int) -> int:
    return -(-n // min(n, most))


def tiling(micro: Variants, co: int, wo: int) -> tuple[int, int]:
    """Into how many tiles channels and rows are cut, such that least is loaded for each sum."""
    ways = [(cut(co, most_channels(micro, width)), cut(wo, width)) for width in range(1, 8)]
    return min(ways, key=lambda way: way[0] * wo + way[1] * co)


def shares(threads: int, blocks: int, tiles: int, work: int) -> tuple[int, int]:
    """Splits of a block, and chunks."""
    if threads == 1 or work <= PARALLEL_WORK:
        return 1, 1
    splits = 1 if blocks % threads == 0 or blocks >= 4 * threads else min(threads, tiles)
    return splits, min(threads, blocks * splits)


def begin(
    micro: Variants,
    n: int,
    source: int,
    h: int,
    w: int,
    result: int,
    ho: int,
    wo: int,
    kh: int,
    kw: int,
    ph: int,
    pw: int,
) -> np.ndarray:
    numbers = np.zeros(PLAN_SIZE, np.int64)
    numbers[[TABLE, LANES, IMAGES]] = micro.address, micro.registers.lanes, n
    numbers[SOURCE : PW + 1] = source, h, w, result, ho, wo, kh, kw, ph, pw
    numbers[WIDE] = w + 2 * pw
    micro.need_transpose()
    return numbers


def _finish(
    loop: Jit, numbers: np.ndarray, starts: np.ndarray, kernels: list, channels: int, dtype: np.dtype, weights: int
) -> Plan:
    lanes, chunks = int(numbers[LANES]), int(numbers[CHUNKS])
    # A short row is turned with up to a vector of what follows it.
    tiles = int(numbers[SOURCE] * numbers[H] * numbers[WIDE] + lanes) * lanes
    size = tiles + channels * int(numbers[HO] * numbers[WO]) * lanes
    numbers[SCRATCH_B], numbers[SCRATCH] = tiles, size
    arrays = numbers, starts, np.zeros(1, np.int64), np.array(kernels, np.int64)
    kernel = address(loop, *arrays, *[np.empty(1, dtype)] * 5, 0) if chunks > 1 else 0
    return Plan(
        *arrays, np.zeros(0, np.int64), scratch_key(dtype, chunks * size), weights, int(numbers[PARTS]), chunks, kernel
    )


def sums_plan(
    threads: int,
    dtype: np.dtype,
    n: int,
    source: int,
    h: int,
    w: int,
    result: int,
    ho: int,
    wo: int,
    kh: int,
    kw: int,
    ph: int,
    pw: int,
) -> Plan:
    """The plan of ``sums_chunk``: the convolution of (n, source, h, w) with (result, source, kh, kw)."""
    micro = variants(dtype == np.float64)
    numbers = begin(micro, n, source, h, w, result, ho, wo, kh, kw, ph, pw)
    lanes = micro.registers.lanes
    tiles, pieces = tiling(micro, result, wo)
    splits, chunks = shares(threads, -(-n // lanes), tiles, n * result * ho * wo * source * kh * kw)
    numbers[[TILES, PIECES, PARTS, SPLITS, CHUNKS]] = tiles, pieces, 1, splits, chunks
    a, k, b = np.meshgrid(np.arange(kh), np.arange(source), np.arange(kw), indexing="ij")
    starts = (((k * h + a) * (w + 2 * pw) + b) * lanes).reshape(-1).astype(np.int64)
    kernels = tiles_of(dtype, lanes, result, tiles, wo, pieces)
    return _finish(sums_chunk, numbers, starts, kernels, -(-result // tiles), dtype, result * source * kh * kw)


def dots_plan(
    threads: int,
    dtype: np.dtype,
    n: int,
    source: int,
    h: int,
    w: int,
    result: int,
    ho: int,
    wo: int,
    kh: int,
    kw: int,
    ph: int,
    pw: int,
) -> Plan:
    """The plan of ``dots_chunk``: the weight gradient of the same convolution."""
    micro = variants(dtype == np.float64)
    numbers = begin(micro, n, source, h, w, result, ho, wo, kh, kw, ph, pw)
    lanes = micro.registers.lanes
    tiles = cut(result, most_channels(micro, kw))
    parts = min(FIXED_PARTS, -(-n // lanes))
    splits, chunks = shares(threads, parts, tiles, n * result * ho * wo * source * kh * kw)
    numbers[[TILES, PIECES, PARTS, SPLITS, CHUNKS]] = tiles, 1, parts, splits, chunks
    low = result // tiles
    high = low + (result % tiles > 0)
    kernels = [kernel_of("dots", dtype == np.float64, lanes, height, kw)[1] for height in (low, high)]
    return _finish(dots_chunk, numbers, np.zeros(1, np.int64), kernels, high, dtype, 0)
