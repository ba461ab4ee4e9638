"""Convolution at stride 1 with few channels: no column matrix; whole planes are one vector.

Owns the fast kernels for dilation 1. A block of images is copied side by side into one scratch plane of row length
``wp = images * (wd + pw)``. The zeros after one row also pad the start of the next. Output (r, s) is at ``r * wp + s``,
and tap (a, b) reads ``a * wp + b`` further on. So one loop over the flat plane computes all rows with full vectors,
however short a row is. The lanes between the rows of two images are computed and dropped. The innermost loops are
generated text, unrolled over the taps and over two channels: their weights (or their sums) stay in registers.

A non-finite x can reach other taps of the weight gradient than its own, through the lanes between rows, which multiply
by zero. It never makes a non-finite gradient finite.
"""

from __future__ import annotations

import types
from functools import cache

import numpy as np

from numtorch.kernels.jit import compile_source, jit, prange
from numtorch.ops.conv.pointer import address, call

# Lanes of output held in L1 while the input channels pass; not a multiple of the 4 KiB at which a
# store and a later load look alike to the processor.
TILE = 2064
LANES = 16  # scratch is rounded up to whole vectors
REDUCE = 3072  # lanes summed in vector registers between two horizontal sums

taps = dots = tap_rows = channels = None  # bound by ``specialise`` to one kernel size


def tap_source(rows, kw, channels):
    """Text of ``taps``: adds a block of taps of one input channel to ``channels`` output rows.

    acc[c, j] += sum over a < rows, b < kw of w[c, a, b] * x[j + a * wp + b]
    """
    lines = ["def taps(x, wp, w, step, acc, m):", f"    m = m // {LANES} * {LANES}"]
    lines += [f"    x{a} = x[{a} * wp:]" for a in range(rows)]
    # Read inside the loop: the vector body hoists the weights; held outside it, they would also
    # occupy registers for the scalar remainder.
    lines += [f"    w{c} = w[{c} * step:]" for c in range(channels)]
    lines.append("    for j in range(m):")
    lines += [f"        s{c} = acc[j + {c * TILE}]" for c in range(channels)]
    for k in range(rows * kw):
        lines.append(f"        v = x{k // kw}[j + {k % kw}]")
        lines += [f"        s{c} += w{c}[{k}] * v" for c in range(channels)]
    lines += [f"        acc[j + {c * TILE}] = s{c}" for c in range(channels)]
    return "\n".join(lines) + "\n"


def dot_source(rows, kw, channels):
    """Text of ``dots``: the weight gradient of a block of taps, for ``channels`` output channels.

    gw[c, a, b] += sum over j of g[c, j] * x[j + a * wp + b]
    """
    lines = [
        "def dots(x, wp, g, length, gw, step, m):",
        "    zero = x.dtype.type(0)",
        f"    m = m // {LANES} * {LANES}",
    ]
    lines += [f"    x{a} = x[{a} * wp:]" for a in range(rows)]
    lines += [f"    g{c} = g[{c} * length:]" for c in range(channels)]
    lines += [f"    s{c}_{k} = zero" for c in range(channels) for k in range(rows * kw)]
    lines.append("    for j in range(m):")
    lines += [f"        h{c} = g{c}[j]" for c in range(channels)]
    for k in range(rows * kw):
        lines.append(f"        v = x{k // kw}[j + {k % kw}]")
        lines += [f"        s{c}_{k} += h{c} * v" for c in range(channels)]
    for c in range(channels):
        lines.append(f"    o{c} = gw[{c} * step:]")
        lines += [f"    o{c}[{k}] += s{c}_{k}" for k in range(rows * kw)]
    return "\n".join(lines) + "\n"


def lane_source(lanes):
    """Text of ``copy_lanes``: ``lanes`` elements, all loaded before any is stored.

    Unsigned positions need no test for Python's negative indices, so the loads and stores merge
    into vector instructions.
    """
    lines = ["def copy_lanes(s, i, d, o):"]
    lines += [f"    a{k} = s[i + np.uint64({k})]" for k in range(lanes)]
    lines += [f"    d[o + np.uint64({k})] = a{k}" for k in range(lanes)]
    return "\n".join(lines) + "\n"


copy_16, copy_8, copy_4 = (
    compile_source(lane_source(lanes), "copy_lanes", {"np": np}, f"copy of {lanes} elements") for lanes in (16, 8, 4)
)


@jit
def copy_rows(src, ss, dst, ds, rows, cols):
    """Copy ``rows`` rows of ``cols`` elements between row lengths ``ss`` and ``ds``.

    Whole vectors even for short rows: the last one of a row overlaps the one before it.
    """
    if ss == cols and ds == cols:
        for j in range(rows * cols):
            dst[j] = src[j]
        return
    i = np.uint64(0)
    o = np.uint64(0)
    last = np.uint64(max(0, cols - (16 if cols >= 16 else 8 if cols >= 8 else 4)))
    for _ in range(rows):
        if cols >= 16:
            for j in range(0, cols - 15, 16):
                copy_16(src, i + np.uint64(j), dst, o + np.uint64(j))
            copy_16(src, i + last, dst, o + last)
        elif cols >= 8:
            copy_8(src, i, dst, o)
            copy_8(src, i + last, dst, o + last)
        elif cols >= 4:
            copy_4(src, i, dst, o)
            copy_4(src, i + last, dst, o + last)
        else:
            for j in range(cols):
                dst[o + np.uint64(j)] = src[i + np.uint64(j)]
        i += np.uint64(ss)
        o += np.uint64(ds)


def forward(t, x, w, bias, out, n, ci, h, wd, co, kh, kw, ho, wo, ph, pw, groups, chunks):
    """Convolution of chunk ``t`` of the images.

    for each block of images: scratch = their padded planes, side by side
        for each (two output channels, tile): acc = bias
            for each (input channel, block of taps): acc += weights * shifted scratch
            output rows = acc without the lanes between rows
    """
    cig = ci // groups
    cog = co // groups
    per = (cog + channels - 1) // channels
    lo = t * n // chunks
    hi = (t + 1) * n // chunks
    # Where the padding is wider than the kernel, the last row of a tile is longer than the rows' distance by so much.
    room = TILE - LANES - max(0, pw - kw + 1)
    # Small images pass several at a time, large ones by rows or pieces of a row.
    images = min(max(1, room // ((wd + pw) * ho)), hi - lo)
    wp = images * (wd + pw)
    tile_rows = max(1, room // wp)
    tile_cols = min(wo, TILE - LANES)
    size = (h + 2 * ph) * wp + pw
    scratch = np.zeros(ci * size + kh * wp + 2 * LANES, x.dtype)
    acc = np.zeros(channels * TILE + LANES, x.dtype)
    # A vector that straddles two cache lines costs two accesses.
    acc = acc[-acc.ctypes.data % 64 // x.itemsize :]
    for i in range(lo, hi, images):
        ni = min(images, hi - i)
        for e in range(ni):
            for k in range(ci):
                at = k * size + ph * wp + e * (wd + pw) + pw
                copy_rows(x[((i + e) * ci + k) * h * wd :], wd, scratch[at:], wp, h, wd)
        for block in range(groups * per):
            group = block // per
            # The last block moves back instead of running short: some channels are computed twice.
            c = group * cog + min((block - group * per) * channels, cog - channels)
            for r in range(0, ho, tile_rows):
                nr = min(tile_rows, ho - r)
                for s in range(0, wo, tile_cols):
                    nc = min(tile_cols, wo - s)
                    m = (nr - 1) * wp + (ni - 1) * (wd + pw) + nc
                    m = (m + LANES - 1) // LANES * LANES
                    for b in range(channels):
                        start = bias[c + b] if bias.size > 0 else x.dtype.type(0)
                        row = acc[b * TILE : b * TILE + m]
                        for j in range(m):
                            row[j] = start
                    for k in range(cig):
                        plane = scratch[(group * cig + k) * size + r * wp + s :]
                        weights = w[(c * cig + k) * kh * kw :]
                        for a in range(0, kh, tap_rows):
                            taps(plane[a * wp :], wp, weights[a * kw :], cig * kh * kw, acc, m)
                    for e in range(ni):
                        for b in range(channels):
                            to = (((i + e) * co + c + b) * ho + r) * wo + s
                            copy_rows(acc[b * TILE + e * (wd + pw) :], wp, out[to:], wo, nr, nc)


def weight_grad(t, x, g, parts, n, ci, h, wd, co, kh, kw, ho, wo, ph, pw, groups, chunks):
    """Weight gradient of chunk ``t`` of the images, into its own partial sum ``parts[t]``.

    for each block of images: scratch = padded planes of x and of g side by side, rows of one length
        for each (two output channels, input channel, block of taps):
            partial += dot products of g with shifted x
    """
    cig = ci // groups
    cog = co // groups
    lo = t * n // chunks
    hi = (t + 1) * n // chunks
    images = min(max(1, REDUCE // ((wd + pw) * ho)), hi - lo)
    wp = images * (wd + pw)
    size = (h + 2 * ph) * wp + pw
    # A padding at least as wide as the kernel makes rows of g longer than their distance: what of a row lies beyond it
    # meets zeros of x, and the next row overwrites it, but for the last.
    length = (ho * wp + max(0, pw - kw + 1) + LANES - 1) // LANES * LANES
    xs = np.zeros(ci * size + kh * wp + 2 * LANES, x.dtype)
    gs = np.zeros(co * length, x.dtype)
    part = parts[t * co * cig * kh * kw : (t + 1) * co * cig * kh * kw]
    for j in range(part.size):
        part[j] = x.dtype.type(0)
    for i in range(lo, hi, images):
        ni = min(images, hi - i)
        if ni < images:
            for j in range(gs.size):
                gs[j] = x.dtype.type(0)
        for e in range(ni):
            for k in range(ci):
                at = k * size + ph * wp + e * (wd + pw) + pw
                copy_rows(x[((i + e) * ci + k) * h * wd :], wd, xs[at:], wp, h, wd)
            for c in range(co):
                at = c * length + e * (wd + pw)
                copy_rows(g[((i + e) * co + c) * ho * wo :], wo, gs[at:], wp, ho, wo)
        for c in range(0, co, channels):
            group = c // cog
            for k in range(cig):
                plane = xs[(group * cig + k) * size :]
                for a in range(0, kh, tap_rows):
                    at = ((c * cig + k) * kh + a) * kw
                    dots(plane[a * wp :], wp, gs[c * length :], length, part[at:], cig * kh * kw, length)


@jit
def combine(parts, gw, chunks):
    """Sum of the partial sums, in order."""
    size = gw.size
    for j in range(size):
        gw[j] = parts[j]
    for t in range(1, chunks):
        row = parts[t * size : (t + 1) * size]
        for j in range(size):
            gw[j] += row[j]


@jit
def flip(w, wf, co, cig, cog, kh, kw):
    """Weights of the transposed convolution: channels exchanged in each group, taps reversed."""
    area = kh * kw
    for c in range(co):
        group = c // cog
        for k in range(cig):
            src = w[(c * cig + k) * area :]
            dst = wf[((group * cig + k) * cog + c - group * cog) * area :]
            for j in range(area):
                dst[j] = src[area - 1 - j]


@jit(parallel=True, needs="numtorch.ops.conv.pointer_codegen")
def forward_chunks(kernel, x, w, bias, out, n, ci, h, wd, co, kh, kw, ho, wo, ph, pw, groups, chunks):
    """The ``forward`` at address ``kernel`` on every chunk of images, in parallel."""
    for i in prange(chunks):
        t = np.int64(i)
        call(kernel, t, x, w, bias, out, n, ci, h, wd, co, kh, kw, ho, wo, ph, pw, groups, chunks)


@jit(parallel=True, needs="numtorch.ops.conv.pointer_codegen")
def weight_grad_chunks(kernel, x, g, parts, n, ci, h, wd, co, kh, kw, ho, wo, ph, pw, groups, chunks):
    """The ``weight_grad`` at address ``kernel`` on every chunk of images, in parallel."""
    for i in prange(chunks):
        t = np.int64(i)
        call(kernel, t, x, g, parts, n, ci, h, wd, co, kh, kw, ho, wo, ph, pw, groups, chunks)


def bind(fn, **names):
    """``fn`` with these globals: the same text compiled around another kernel."""
    bound = types.FunctionType(fn.__code__, fn.__globals__ | names, fn.__name__)
    bound.__doc__ = fn.__doc__
    bound.__module__ = fn.__module__
    bound.__qualname__ = fn.__qualname__
    return bound


@cache
def specialise(driver, kh, kw, pair):
    """``driver`` for one kernel size: all taps unrolled up to nine, else one row of taps."""
    rows = kh if kh * kw <= 9 else 1
    width = 2 if pair else 1
    label = f"convolution taps {rows}x{kw}, {width} channels"
    name, source = ("taps", tap_source) if driver is forward else ("dots", dot_source)
    inner = compile_source(source(rows, kw, width), name, {}, label)
    return jit(bind(driver, tap_rows=rows, channels=width, **{name: inner}))


@cache
def entry(driver, kh, kw, pair, dtype):
    """Address of ``specialise(driver, kh, kw, pair)`` for arrays of ``dtype``."""
    arrays = 4 if driver is forward else 3
    return address(specialise(driver, kh, kw, pair), 0, *[np.empty(1, dtype)] * arrays, *[1] * 13)
