"""Convolution as a matrix product whose right operand is never stored as a whole (implicit GEMM).

Owns the loops; ``plan`` computes their sizes. Row ``(channel, tap)`` of the right operand is the source shifted by the
tap, so its start describes it. Strips of it, as wide as a tile, are gathered into the second-level cache just before
use. For strides, padding and dilation the source is rearranged once per image: it is copied into zero-bordered *phase
planes*, each with every ``step``-th row and column, in which each tap reads contiguous elements. If nothing must be
rearranged, strips are gathered from the source itself.

    forward       out[c, position] = sum over (k, tap) of w[c, (k, tap)] * x[start(k, tap) + position]
    input grad    the same with g as the source, one product for each phase of the result
    weight grad   gw[c, (k, tap)] = sum over positions of g[c, position] * x[start(k, tap) + position]

The order of sums depends only on the shape: the number of threads does not change a bit.
"""

from __future__ import annotations

from numtorch.kernels.gemm.blocked import INNER, OUTER, pack_transposed
from numtorch.kernels.gemm.tile import (
    ACCUMULATE,
    copy_rows,
    gather_rows,
    gather_transpose,
    put_every_second,
    take_every_second,
    tile,
)
from numtorch.kernels.jit import jit, prange
from numtorch.ops.conv.pointer import call

# The loops are called from Python and, by address, from ``run_chunks``: both wrappers are needed.
CHUNK = OUTER | {"no_cfunc_wrapper": False}

# What stands where in a plan, an int64 array: one argument in place of forty.
TABLE = 0  # address of the micro-kernels
LANES = 1
STRIP = 2  # most columns of a tile
HEIGHT = 3  # most rows of a tile
IMAGES = 4
GROUPS = 5
GROUP_CHANNELS = 6  # of the source, in one group
SOURCE_H = 7
SOURCE_W = 8
IN_PLACE = 9  # whether strips are gathered from the source itself
STEP_H = 10  # rows and columns of the source from one to the next of a phase plane
STEP_W = 11
TOP = 12  # zeros before the first row and column of a phase plane
LEFT = 13
ROWS = 14  # of a phase plane
COLS = 15
PHASES = 16
CHANNEL = 17  # elements of all phase planes of a channel
BLOCK = 18  # images arranged and multiplied together
GROUP_ROWS = 19  # rows of the product in one group: channels of the result
RESULT_H = 20  # extents of the result, and its rows and columns from one to the next position of a job
RESULT_W = 21
SPREAD_H = 22
SPREAD_W = 23
JOBS = 24
UNITS = 25  # pieces of work: for each block of images, or of the whole of a weight gradient
CHUNKS = 26  # shares of the work, one for each thread
DEPTH = 27  # products summed in one tile
STRIPS = 28  # strips gathered together
SCRATCH_B = 29  # where in a chunk's scratch the strips begin, then rows of the left operand or of the result
SCRATCH_C = 30
SCRATCH = 31  # elements of scratch of one chunk
TAPS = 32
PARTS = 33  # of the images in a weight gradient: partial sums
DOWN = 34  # parts of its rows, and of its strips
ACROSS = 35
PLAN_SIZE = 36

# What stands where in a job, a row of ``jobs``: one product over the positions of one phase of the result.
JOB_DEPTH = 0
JOB_STARTS = 1  # where its rows' starts begin in ``starts``
JOB_WEIGHTS = 2  # where its packed weights begin
JOB_H = 3  # grid of positions
JOB_W = 4
JOB_ROW = 5  # where the first position stands in the result
JOB_COL = 6
JOB_STRIPS = 7  # strips of one image
JOB_UNITS = 8  # units of a block of images
JOB_SIZE = 9


@jit(**INNER)
def arrange_planes(plan, phases, x, x0, scratch, s0, channels):
    """Phase planes of some channels, beginning at ``x0``: ``plane[u, t] = x[(u - top) * step + phase]``; borders are
    kept."""
    h, w, rows, cols = plan[SOURCE_H], plan[SOURCE_W], plan[ROWS], plan[COLS]
    step_h, step_w, table, strip = plan[STEP_H], plan[STEP_W], plan[TABLE], plan[STRIP]
    for c in range(channels):
        for f in range(plan[PHASES]):
            row, col = phases[2 * f], phases[2 * f + 1]
            down = min((h - row + step_h - 1) // step_h, rows - plan[TOP])
            across = min((w - col + step_w - 1) // step_w, cols - plan[LEFT])
            source = x0 + (c * h + row) * w + col
            target = s0 + c * plan[CHANNEL] + (f * rows + plan[TOP]) * cols + plan[LEFT]
            if down <= 0 or across <= 0:
                continue
            if step_w == 1 and across <= strip:
                # The zeros behind one row lie on borders, or on what the next row overwrites.
                copy_rows(table, x, source, step_h * w, scratch, target, cols, down, across)
                continue
            if step_w == 2:
                take_every_second(table, x, source, step_h * w, scratch, target, cols, down, across)
                continue
            for r in range(down):
                to = scratch[target + r * cols : target + r * cols + across]
                at = x[source + r * step_h * w :]
                if step_w == 1:
                    for j in range(across):
                        to[j] = at[j]
                else:
                    for j in range(across):
                        to[j] = at[step_w * j]


@jit(**INNER)
def gather_strip(plan, source, at, width, starts, first, depth, position, count, scratch, to):
    """Rows ``first..first+depth`` of the right operand at ``count`` positions of a grid of rows of ``width``."""
    end = position + count
    while position < end:
        row = position // width
        n = min((row + 1) * width, end) - position
        gather_rows(plan[TABLE], source, at + row * plan[COLS] + position - row * width, starts, first, scratch, to,
                    plan[STRIP], depth, n)  # fmt: skip
        position += n
        to += n


@jit(**INNER)
def spread(plan, scratch, at, step, rows, position, count, width, out, to):
    """Positions of one phase of the result, from rows of ``scratch`` to where they stand in its planes."""
    plane, sh, sw = plan[RESULT_H] * plan[RESULT_W], plan[SPREAD_H] * plan[RESULT_W], plan[SPREAD_W]
    end = position + count
    while position < end:
        row = position // width
        col = position - row * width
        n = min(width - col, end - position)
        if sw == 2:
            put_every_second(plan[TABLE], scratch, at, step, out, to + row * sh + col * sw, plane, rows, n)
        else:
            for i in range(rows):
                source = scratch[at + i * step : at + i * step + n]
                target = out[to + i * plane + row * sh + col * sw :]
                for j in range(n):
                    target[j * sw] = source[j]
        position += n
        at += n


@jit(**INNER)
def multiply_strips(
    plan, jobs, job, source, planes, starts, w, bias, out, scratch, scratch0, image, group, first, last
):
    """Strips ``first..last`` of one product for the block of images from ``image`` on.

    ::

        for each block of rows (k, tap):
            for each strip:                     gather it
            for each panel of channels:
                for each strip:                 tile
    """
    table, strip, m, k = plan[TABLE], plan[STRIP], plan[GROUP_ROWS], jobs[job + JOB_DEPTH]
    positions, width, per_image = jobs[job + JOB_H] * jobs[job + JOB_W], jobs[job + JOB_W], jobs[job + JOB_STRIPS]
    direct = plan[JOBS] == 1 and plan[SPREAD_H] * plan[SPREAD_W] == 1
    plane = plan[RESULT_H] * plan[RESULT_W]
    image_step = plan[GROUPS] * plan[GROUP_CHANNELS] * plan[CHANNEL]
    b0, c0 = scratch0 + plan[SCRATCH_B], scratch0 + plan[SCRATCH_C]
    result, c_step = (out, plane) if direct else (scratch, plan[STRIPS] * strip)
    panels = (m + plan[HEIGHT] - 1) // plan[HEIGHT]
    height, higher = m // panels, m % panels
    blocks = max(1, (k + plan[DEPTH] - 1) // plan[DEPTH])
    depth = (k + blocks - 1) // blocks
    weights = jobs[job + JOB_WEIGHTS] + group * m * k
    for block in range(blocks):
        k0 = block * depth
        kn = min(depth, k - k0)
        for s in range(first, last):
            e, position = s // per_image, s % per_image * strip
            at = planes + e * image_step + group * plan[GROUP_CHANNELS] * plan[CHANNEL]
            gather_strip(plan, source, at, width, starts, jobs[job + JOB_STARTS] + k0, kn, position,
                         min(strip, positions - position),
                         scratch, b0 + (s - first) * depth * strip)  # fmt: skip
        i = 0
        for panel in range(panels):
            h = height + (1 if panel < higher else 0)
            for s in range(first, last):
                e, position = s // per_image, s % per_image * strip
                n = min(strip, positions - position)
                c_at = c0 + i * c_step + (s - first) * strip
                if direct:
                    c_at = ((image + e) * plan[GROUPS] * m + group * m + i) * plane + position
                flags = ACCUMULATE if block > 0 else 0
                if block == 0 and bias.size > 0:
                    flags = ACCUMULATE
                    for j in range(h):
                        row = result[c_at + j * c_step : c_at + j * c_step + n]
                        start = bias[group * m + i + j]
                        for t in range(n):
                            row[t] = start
                tile(table, h, 0, w, weights + i * k + k0 * h, h, scratch, b0 + (s - first) * depth * strip, strip,
                     result, c_at, c_step, result, 0, kn, n, flags)  # fmt: skip
            i += h
    if not direct:
        for s in range(first, last):
            e, position = s // per_image, s % per_image * strip
            to = (
                ((image + e) * plan[GROUPS] * m + group * m) * plane
                + jobs[job + JOB_ROW] * plan[RESULT_W]
                + jobs[job + JOB_COL]
            )
            spread(
                plan,
                scratch,
                c0 + (s - first) * strip,
                c_step,
                m,
                position,
                min(strip, positions - position),
                width,
                out,
                to,
            )


@jit(**CHUNK)
def product_chunk(plan, starts, phases, jobs, x, w, bias, out, scratch, chunk):
    """Those units of all products that fall to one chunk: source x, packed weights w.

    A unit is a few strips of one job for one block of images, which are arranged when the chunk first comes to them.
    """
    units, block_size = plan[UNITS], plan[BLOCK]
    blocks = (plan[IMAGES] + block_size - 1) // block_size
    channels = plan[GROUPS] * plan[GROUP_CHANNELS]
    size = channels * plan[SOURCE_H] * plan[SOURCE_W]
    scratch0 = chunk * plan[SCRATCH]
    source, planes, arranged = x, 0, -1
    if not plan[IN_PLACE]:
        source, planes = scratch, scratch0
        border = scratch[scratch0 : scratch0 + plan[SCRATCH_B]]
        for j in range(border.size):
            border[j] = 0
    for unit in range(blocks * units * chunk // plan[CHUNKS], blocks * units * (chunk + 1) // plan[CHUNKS]):
        block, rest = unit // units, unit % units
        image = block * block_size
        images = min(block_size, plan[IMAGES] - image)
        if plan[IN_PLACE]:
            planes = image * size
        elif block != arranged:
            for e in range(images):
                arrange_planes(
                    plan, phases, x, (image + e) * size, scratch, planes + e * channels * plan[CHANNEL], channels
                )
            arranged = block
        job = 0
        while rest >= jobs[job + JOB_UNITS]:
            rest -= jobs[job + JOB_UNITS]
            job += JOB_SIZE
        strips = images * jobs[job + JOB_STRIPS]
        first = min(strips, rest * plan[STRIPS])
        last = min(strips, first + plan[STRIPS])
        if first < last:
            for group in range(plan[GROUPS]):
                multiply_strips(
                    plan, jobs, job, source, planes, starts, w, bias, out, scratch, scratch0, image, group, first, last
                )


@jit(**INNER)
def turn_strips(plan, source, at, starts, k0, k1, position, count, width, scratch, to):
    """Rows ``k0..k1`` of the right operand turned: for each of ``count`` positions a row of every strip."""
    strip, lanes, depth = plan[STRIP], plan[LANES], plan[DEPTH]
    end = position + count
    while position < end:
        row = position // width
        col = position - row * width
        n = min(lanes, min(width - col, end - position))
        for k in range(k0, k1, lanes):
            strip_at = (k - k0) // strip * strip
            gather_transpose(plan[TABLE], source, at + row * plan[COLS] + col, starts, k, scratch,
                             to + strip_at * depth + k - k0 - strip_at, strip, min(lanes, k1 - k), n)  # fmt: skip
        position += n
        to += n * strip


@jit(**CHUNK)
def weight_grad_chunk(plan, starts, phases, jobs, x, g, bias, out, scratch, chunk):
    """Those parts of the weight gradient that fall to one chunk; ``jobs`` holds the grid of positions, as for the
    forward pass.

    ::

        for each block of images, block of positions:
            for each few strips of (k, tap):    gather and turn them
                for each panel of channels:     turn g
                    for each strip:             tile, added to the gradient
    """
    table, lanes, strip, m, k = plan[TABLE], plan[LANES], plan[STRIP], plan[GROUP_ROWS], jobs[JOB_DEPTH]
    positions, width, groups = jobs[JOB_H] * jobs[JOB_W], jobs[JOB_W], plan[GROUPS]
    source_size = plan[SOURCE_H] * plan[SOURCE_W]
    scratch0 = chunk * plan[SCRATCH]
    a0, b0 = scratch0 + plan[SCRATCH_C], scratch0 + plan[SCRATCH_B]
    source = x
    if not plan[IN_PLACE]:
        source = scratch
        border = scratch[scratch0 : scratch0 + plan[SCRATCH_B]]
        for j in range(border.size):
            border[j] = 0
    strips = (k + strip - 1) // strip
    units = plan[PARTS] * groups * plan[DOWN] * plan[ACROSS]
    for unit in range(units * chunk // plan[CHUNKS], units * (chunk + 1) // plan[CHUNKS]):
        cell, rest = unit % (plan[DOWN] * plan[ACROSS]), unit // (plan[DOWN] * plan[ACROSS])
        part, group = rest // groups, rest % groups
        down, across = cell // plan[ACROSS], cell % plan[ACROSS]
        row0, row1 = m * down // plan[DOWN], m * (down + 1) // plan[DOWN]
        strip0, strip1 = strips * across // plan[ACROSS], strips * (across + 1) // plan[ACROSS]
        if row0 == row1 or strip0 == strip1:
            continue
        c0 = strip0 * strip // plan[TAPS]
        c1 = (min(strip1 * strip, k) + plan[TAPS] - 1) // plan[TAPS]
        panels = (row1 - row0 + plan[HEIGHT] - 1) // plan[HEIGHT]
        height, higher = (row1 - row0) // panels, (row1 - row0) % panels
        flags = 0
        end = plan[IMAGES] * (part + 1) // plan[PARTS]
        for image in range(plan[IMAGES] * part // plan[PARTS], end, plan[BLOCK]):
            images = min(plan[BLOCK], end - image)
            at, image_step = scratch0, plan[GROUP_CHANNELS] * plan[CHANNEL]
            if plan[IN_PLACE]:
                at = (image * groups + group) * image_step
                image_step *= groups
            else:
                for e in range(images):
                    channel = ((image + e) * groups + group) * plan[GROUP_CHANNELS] + c0
                    arrange_planes(
                        plan,
                        phases,
                        x,
                        channel * source_size,
                        scratch,
                        at + e * image_step + c0 * plan[CHANNEL],
                        c1 - c0,
                    )
            # A block holds whole images, or some positions of one.
            step = min(positions, plan[DEPTH])
            for position in range(0, positions, step):
                count = min(step, positions - position)
                for s in range(strip0, strip1, plan[STRIPS]):
                    k0, k1 = s * strip, min(k, min(s + plan[STRIPS], strip1) * strip)
                    for e in range(images):
                        turn_strips(plan, source, at + e * image_step, starts, k0, k1, position, count, width, scratch,
                                    b0 + e * count * strip)  # fmt: skip
                    i = row0
                    for panel in range(panels):
                        h = height + (1 if panel < higher else 0)
                        row = group * m + i
                        for e in range(images):
                            pack_transposed(table, lanes, g, ((image + e) * groups * m + row) * positions + position,
                                            positions,
                                            scratch, a0 + e * count * h, h, h, count)  # fmt: skip
                        for t in range(k0, k1, strip):
                            tile(table, h, 0, scratch, a0, h, scratch, b0 + (t - k0) * plan[DEPTH], strip,
                                 out, (part * groups * m + row) * k + t, k, out, 0, images * count, min(strip, k1 - t),
                                 flags)  # fmt: skip
                        i += h
                flags = ACCUMULATE


@jit(**CHUNK)
def pack_weights(plan, starts, phases, jobs, w, packed, bias, out, scratch, chunk):
    """Weights (channel, (k, tap)) for the forward pass: panels of channels, in each one row for every (k, tap)."""
    m, k = plan[GROUP_ROWS], plan[GROUP_CHANNELS] * plan[TAPS]
    panels = (m + plan[HEIGHT] - 1) // plan[HEIGHT]
    height, higher, count = m // panels, m % panels, plan[GROUPS] * panels
    for panel in range(count * chunk // plan[CHUNKS], count * (chunk + 1) // plan[CHUNKS]):
        group, p = panel // panels, panel % panels
        i = group * m + p * height + min(p, higher)
        h = height + (1 if p < higher else 0)
        pack_transposed(plan[TABLE], plan[LANES], w, i * k, k, packed, i * k, h, h, k)


@jit(**CHUNK)
def pack_turned(plan, starts, chosen, jobs, w, packed, bias, out, scratch, chunk):
    """Weights for the input gradient: for each job panels of input channels, one row for every (output channel, tap).

    ``chosen`` lists the taps of each job, one job after the other. Unless one job takes them all, a channel's taps are
    turned in scratch, from which every job takes its own. (A single job of fewer taps is an image of one row and column
    at a stride.)
    """
    table, lanes, m, source, taps = plan[TABLE], plan[LANES], plan[GROUP_ROWS], plan[GROUP_CHANNELS], plan[TAPS]
    panels = (m + plan[HEIGHT] - 1) // plan[HEIGHT]
    height, higher, count = m // panels, m % panels, plan[GROUPS] * panels
    turned = scratch[chunk * plan[SCRATCH] : (chunk + 1) * plan[SCRATCH]]
    whole = plan[JOBS] == 1 and jobs[JOB_DEPTH] == source * taps
    for panel in range(count * chunk // plan[CHUNKS], count * (chunk + 1) // plan[CHUNKS]):
        group, p = panel // panels, panel % panels
        i = p * height + min(p, higher)
        h = height + (1 if p < higher else 0)
        for c in range(source):
            at = ((group * source + c) * m + i) * taps
            if whole:
                pack_transposed(
                    table, lanes, w, at, taps, packed, (group * m + i) * source * taps + c * taps * h, h, h, taps
                )
                continue
            pack_transposed(table, lanes, w, at, taps, turned, 0, h, h, taps)
            first = 0
            for job in range(0, plan[JOBS] * JOB_SIZE, JOB_SIZE):
                mine = jobs[job + JOB_DEPTH] // source
                to = jobs[job + JOB_WEIGHTS] + (group * m + i) * source * mine + c * mine * h
                for t in range(mine):
                    row = packed[to + t * h : to + t * h + h]
                    tap = turned[chosen[first + t] * h :]
                    for j in range(h):
                        row[j] = tap[j]
                first += mine


@jit(parallel=True, needs="numtorch.ops.conv.pointer_codegen")
def run_chunks(kernel, plan, starts, phases, jobs, x, w, bias, out, scratch, chunks):
    """A kernel that takes what ``product_chunk`` takes, by its address, on every chunk in parallel."""
    for chunk in prange(chunks):
        call(kernel, plan, starts, phases, jobs, x, w, bias, out, scratch, chunk)
