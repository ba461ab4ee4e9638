"""Convolution in which each group has one channel. Groups share no products, so planes are read through the first-level
cache.

Owns the loops. Their plan is that of ``implicit``, and so are the phase planes, in which each tap reads contiguous
elements for any stride and dilation. A plane is one long vector. The lanes between two of its rows are computed and
dropped, so that short rows are as fast as long ones.

A non-finite x can reach other taps of the weight gradient than its own, through the lanes between rows, which multiply
by zero. It never makes a non-finite gradient finite.
"""

from __future__ import annotations

from numtorch.kernels.gemm.blocked import INNER
from numtorch.kernels.gemm.tile import put_every_second
from numtorch.kernels.jit import jit
from numtorch.ops.conv import implicit as at
from numtorch.ops.conv.direct import copy_rows
from numtorch.ops.conv.implicit import CHUNK, arrange_planes

# Globals, which kernels hold as constants.
GROUPS, GROUP_CHANNELS, GROUP_ROWS, IMAGES = at.GROUPS, at.GROUP_CHANNELS, at.GROUP_ROWS, at.IMAGES
SOURCE_H, SOURCE_W, COLS, CHANNEL, TAPS = at.SOURCE_H, at.SOURCE_W, at.COLS, at.CHANNEL, at.TAPS
RESULT_H, RESULT_W, SPREAD_H, SPREAD_W, JOBS = at.RESULT_H, at.RESULT_W, at.SPREAD_H, at.SPREAD_W, at.JOBS
TABLE, LANES, CHUNKS, SCRATCH, SCRATCH_B = at.TABLE, at.LANES, at.CHUNKS, at.SCRATCH, at.SCRATCH_B
JOB_DEPTH, JOB_STARTS, JOB_WEIGHTS, JOB_H, JOB_W = at.JOB_DEPTH, at.JOB_STARTS, at.JOB_WEIGHTS, at.JOB_H, at.JOB_W
JOB_ROW, JOB_COL, JOB_SIZE = at.JOB_ROW, at.JOB_COL, at.JOB_SIZE


@jit(**INNER)
def add_taps(x, x0, starts, first, count, w, w0, total, m):
    """``total[j] += sum over taps of w[tap] * x[x0 + start(tap) + j]``, the nine of 3x3 in one pass, else four in each.

    ``starts`` holds each tap's start and, ``count`` further on, its place among the weights.
    """
    if count == 9:
        s, p = starts[first : first + 9], starts[first + 9 : first + 18]
        x1, x2, x3, x4, x5 = x[x0 + s[0] :], x[x0 + s[1] :], x[x0 + s[2] :], x[x0 + s[3] :], x[x0 + s[4] :]
        x6, x7, x8, x9 = x[x0 + s[5] :], x[x0 + s[6] :], x[x0 + s[7] :], x[x0 + s[8] :]
        w1, w2, w3, w4, w5 = w[w0 + p[0]], w[w0 + p[1]], w[w0 + p[2]], w[w0 + p[3]], w[w0 + p[4]]
        w6, w7, w8, w9 = w[w0 + p[5]], w[w0 + p[6]], w[w0 + p[7]], w[w0 + p[8]]
        for j in range(m):
            upper = w1 * x1[j] + w2 * x2[j] + w3 * x3[j] + w4 * x4[j]
            total[j] += upper + (w5 * x5[j] + w6 * x6[j] + w7 * x7[j] + w8 * x8[j] + w9 * x9[j])
        return
    t = 0
    while t < count:
        s = first + t
        a = x[x0 + starts[s] :]
        wa = w[w0 + starts[s + count]]
        left = count - t
        if left == 1:
            for j in range(m):
                total[j] += wa * a[j]
            return
        b = x[x0 + starts[s + 1] :]
        wb = w[w0 + starts[s + 1 + count]]
        if left == 2:
            for j in range(m):
                total[j] += wa * a[j] + wb * b[j]
            return
        c = x[x0 + starts[s + 2] :]
        wc = w[w0 + starts[s + 2 + count]]
        if left == 3:
            for j in range(m):
                total[j] += wa * a[j] + wb * b[j] + wc * c[j]
            return
        d = x[x0 + starts[s + 3] :]
        wd = w[w0 + starts[s + 3 + count]]
        for j in range(m):
            total[j] += wa * a[j] + wb * b[j] + wc * c[j] + wd * d[j]
        t += 4


@jit(**INNER)
def dot_taps(x, x0, starts, count, g, gw, m):
    """``gw[tap] += sum over j of g[j] * x[x0 + start(tap) + j]``, the nine of 3x3 in one pass, else four in each."""
    zero = x.dtype.type(0)
    if count == 9:
        s = starts[:9]
        x1, x2, x3, x4, x5 = x[x0 + s[0] :], x[x0 + s[1] :], x[x0 + s[2] :], x[x0 + s[3] :], x[x0 + s[4] :]
        x6, x7, x8, x9 = x[x0 + s[5] :], x[x0 + s[6] :], x[x0 + s[7] :], x[x0 + s[8] :]
        s1 = s2 = s3 = s4 = s5 = s6 = s7 = s8 = s9 = zero
        for j in range(m):
            v = g[j]
            s1 += v * x1[j]
            s2 += v * x2[j]
            s3 += v * x3[j]
            s4 += v * x4[j]
            s5 += v * x5[j]
            s6 += v * x6[j]
            s7 += v * x7[j]
            s8 += v * x8[j]
            s9 += v * x9[j]
        for tap, value in enumerate((s1, s2, s3, s4, s5, s6, s7, s8, s9)):
            gw[tap] += value
        return
    t = 0
    while t + 4 <= count:
        a, b, c, d = x[x0 + starts[t] :], x[x0 + starts[t + 1] :], x[x0 + starts[t + 2] :], x[x0 + starts[t + 3] :]
        sa = sb = sc = sd = zero
        for j in range(m):
            v = g[j]
            sa += v * a[j]
            sb += v * b[j]
            sc += v * c[j]
            sd += v * d[j]
        gw[t] += sa
        gw[t + 1] += sb
        gw[t + 2] += sc
        gw[t + 3] += sd
        t += 4
    while t < count:
        a = x[x0 + starts[t] :]
        sa = zero
        for j in range(m):
            sa += g[j] * a[j]
        gw[t] += sa
        t += 1


@jit(**CHUNK)
def planes_chunk(plan, starts, phases, jobs, x, w, bias, out, scratch, chunk):
    """Forward pass or input gradient of those (image, group) pairs that fall to one chunk.

    ::

        for each (image, group): arrange its planes
            for each channel of the result, phase: total = bias
                for each channel, four taps: total += weights * shifted planes
                result rows = total without the lanes between rows
    """
    source, rows, lanes, cols = plan[GROUP_CHANNELS], plan[GROUP_ROWS], plan[LANES], plan[COLS]
    area, plane = plan[SOURCE_H] * plan[SOURCE_W], plan[RESULT_H] * plan[RESULT_W]
    tasks = plan[IMAGES] * plan[GROUPS]
    s0 = chunk * plan[SCRATCH]
    border = scratch[s0 : s0 + plan[SCRATCH]]
    for j in range(border.size):
        border[j] = 0
    for task in range(tasks * chunk // plan[CHUNKS], tasks * (chunk + 1) // plan[CHUNKS]):
        group = task % plan[GROUPS]
        arrange_planes(plan, phases, x, task * source * area, scratch, s0, source)
        for job in range(0, plan[JOBS] * JOB_SIZE, JOB_SIZE):
            height, width, taps = jobs[job + JOB_H], jobs[job + JOB_W], jobs[job + JOB_DEPTH]
            m = (height * cols + lanes - 1) // lanes * lanes
            total = scratch[s0 + plan[SCRATCH_B] : s0 + plan[SCRATCH_B] + m]
            for i in range(rows):
                start = bias[group * rows + i] if bias.size > 0 else x.dtype.type(0)
                for j in range(m):
                    total[j] = start
                for c in range(source):
                    weights = ((group * rows + i) * source + c) * plan[TAPS]
                    add_taps(
                        scratch, s0 + c * plan[CHANNEL], starts, jobs[job + JOB_STARTS], taps, w, weights, total, m
                    )
                to = out[(task * rows + i) * plane + jobs[job + JOB_ROW] * plan[RESULT_W] + jobs[job + JOB_COL] :]
                if plan[SPREAD_W] == 1:
                    copy_rows(total, cols, to, plan[SPREAD_H] * plan[RESULT_W], height, width)
                    continue
                if plan[SPREAD_W] == 2:
                    put_every_second(plan[TABLE], total, 0, cols, to, 0, plan[SPREAD_H] * plan[RESULT_W], height, width)
                    continue
                for r in range(height):
                    line, row = to[r * plan[SPREAD_H] * plan[RESULT_W] :], total[r * cols : r * cols + width]
                    for j in range(width):
                        line[plan[SPREAD_W] * j] = row[j]


@jit(**CHUNK)
def planes_weight_grad_chunk(plan, starts, phases, jobs, x, g, bias, out, scratch, chunk):
    """Weight gradient of those groups that fall to one chunk, image after image.

    ::

        for each group, image: arrange x
            for each channel of g: its rows as far apart as those of x
                for each four taps: dot products with shifted x
    """
    rows, lanes, cols, taps = plan[GROUP_ROWS], plan[LANES], plan[COLS], plan[TAPS]
    area, height, width = plan[SOURCE_H] * plan[SOURCE_W], jobs[JOB_H], jobs[JOB_W]
    m = (height * cols + lanes - 1) // lanes * lanes
    s0 = chunk * plan[SCRATCH]
    everything = scratch[s0 : s0 + plan[SCRATCH]]
    for j in range(everything.size):
        everything[j] = 0
    grad = scratch[s0 + plan[SCRATCH_B] : s0 + plan[SCRATCH_B] + m]
    for group in range(plan[GROUPS] * chunk // plan[CHUNKS], plan[GROUPS] * (chunk + 1) // plan[CHUNKS]):
        sums = out[group * rows * taps : (group + 1) * rows * taps]
        for j in range(sums.size):
            sums[j] = 0
        for image in range(plan[IMAGES]):
            task = image * plan[GROUPS] + group
            arrange_planes(plan, phases, x, task * area, scratch, s0, 1)
            for i in range(rows):
                copy_rows(g[(task * rows + i) * height * width :], width, grad, cols, height, width)
                dot_taps(scratch, s0, starts, taps, grad, sums[i * taps :], m)
