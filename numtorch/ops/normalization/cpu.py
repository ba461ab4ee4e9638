"""CPU loops of the normalisations.

    channels    batch norm: x (n, c, m), statistics over n and m; m is 1 for (N, C) inputs; ``mean`` holds c means, then
        their c rests
    groups      group norm: x (images, c, m), statistics over a group of channels of one image

Parts depend only on shapes and are combined in order: results are the same for any number of threads.

A mean is two numbers, ``mean + rest``. Rounded to one number of its type it may be wrong by more than the deviation:
near 1e6 float32 has only four bits behind the binary point. If a mean is so far from 0 (``far``), a separate pass sums
the distances from it, which gives the rest. Otherwise the rest is 0. x - mean is exact for such numbers. What is
computed from it is corrected by a number per row or channel, which is added anyway.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from numtorch._tensor import Tensor
from numtorch.dispatch.loops import EMPTY, Loop, Made, like
from numtorch.kernels.codegen.rows import add_parts
from numtorch.kernels.jit import ORDERED, jit, prange
from numtorch.kernels.math import rsqrt
from numtorch.ops.moments_cpu import distances

IMAGES = 8  # images whose part of a channel is summed at a time
ROWS = 32  # rows of an (N, C) input summed at a time
ROW_WEIGHT = 8  # three passes over rows that stay in the cache
CHANNEL_WEIGHT = 4
CHUNK = 1 << 12  # elements of a row whose squares are added while they are in the first cache


# --- means ----------------------------------------------------------------------------------------

FAR = np.float32(256.0)


@jit
def far(mean, square, count):
    """Whether a mean is more than 16 standard deviations from 0, so that its rounding is seen; square is the sum of
    squared distances."""
    return mean * mean * count > square * FAR


@jit
def corrected(row, mean):
    """(mean, rest, sum of squared distances) of a row whose mean was rounded to ``mean``."""
    count = row.dtype.type(row.size)
    mean += distances(row, mean)[0] / count
    total, square = distances(row, mean)
    return mean, total / count, not_below(square - total * (total / count), row.dtype.type(0))


@jit
def not_below(x, zero):
    """x, but 0 where rounding has made a sum of squares negative; NaN stays."""
    return zero if x < zero else x


@jit(fastmath=ORDERED)
def seen_from(origin, mean, rest):
    """mean + rest - origin, for means that lie close together."""
    return (mean - origin) + rest


@jit(fastmath=ORDERED)
def distance(origin, offset, mean, rest):
    """From the mean origin + offset to the mean mean + rest."""
    return ((mean - origin) + rest) - offset


@jit(fastmath=ORDERED)
def less(shift, slope, rest):
    """shift - slope * rest"""
    return shift - slope * rest


@jit(fastmath=ORDERED)
def rounded(mean, rest):
    """Two numbers of the same sum, the first of which is the sum rounded to the type."""
    total = mean + rest
    return total, (mean - total) + rest


# --- channels: statistics -------------------------------------------------------------------------


@jit(parallel=True)
def plane_statistics(x, running_mean, running_var, mean, rstd, n, c, m, eps, momentum):
    """Mean and 1 / standard deviation of each channel; the running statistics, which may be empty, follow.

    for each (channel, group of images): mean, squared distances from it;    for each channel: combine
    """
    chunks = (n + IMAGES - 1) // IMAGES
    means, rests, squares = np.empty(c * chunks, x.dtype), np.empty(c * chunks, x.dtype), np.empty(c * chunks, x.dtype)
    for t in prange(c * chunks):
        k = t // chunks
        lo = (t - k * chunks) * IMAGES
        hi = min(n, lo + IMAGES)
        total = x.dtype.type(0)
        for i in range(lo, hi):
            plane = x[(i * c + k) * m : (i * c + k + 1) * m]
            for j in range(m):
                total += plane[j]
        count = x.dtype.type((hi - lo) * m)
        centre = total / count
        square = x.dtype.type(0)
        for i in range(lo, hi):
            plane = x[(i * c + k) * m : (i * c + k + 1) * m]
            for j in range(m):
                d = plane[j] - centre
                square += d * d
        b = t - k * chunks  # parts of one group of images are neighbours
        means[b * c + k] = centre
        rests[b * c + k] = x.dtype.type(0)
        squares[b * c + k] = square
        if far(centre, square, count):
            correct_planes(x, means, rests, squares, b * c + k, k, lo, hi, c, m)
    combine(means, rests, squares, mean, rstd, n, c, m, IMAGES)
    follow(running_mean, running_var, mean, rstd, momentum, n * m)
    reciprocals(rstd, rstd, eps)


@jit
def correct_planes(x, means, rests, squares, at, k, lo, hi, c, m):
    """``corrected`` of channel k of images lo to hi, in place."""
    count = x.dtype.type((hi - lo) * m)
    for _ in range(2):
        means[at] += rests[at]
        total = x.dtype.type(0)
        square = x.dtype.type(0)
        for i in range(lo, hi):
            d, d2 = distances(x[(i * c + k) * m : (i * c + k + 1) * m], means[at])
            total += d
            square += d2
        rests[at] = total / count
        squares[at] = not_below(square - total * (total / count), x.dtype.type(0))


@jit(parallel=True)
def column_statistics(x, running_mean, running_var, mean, rstd, n, c, m, eps, momentum):
    """``plane_statistics`` for m = 1: neighbours in memory are channels."""
    chunks = (n + ROWS - 1) // ROWS
    means, rests, squares = np.empty(c * chunks, x.dtype), np.empty(c * chunks, x.dtype), np.empty(c * chunks, x.dtype)
    for b in prange(chunks):
        lo = b * ROWS
        hi = min(n, lo + ROWS)
        column_moments(
            x[lo * c : hi * c],
            means[b * c : (b + 1) * c],
            rests[b * c : (b + 1) * c],
            squares[b * c : (b + 1) * c],
            hi - lo,
            c,
        )
    combine(means, rests, squares, mean, rstd, n, c, 1, ROWS)
    follow(running_mean, running_var, mean, rstd, momentum, n)
    reciprocals(rstd, rstd, eps)


@jit(fastmath=ORDERED)
def column_moments(x, centre, rest, square, n, c):
    """Mean (centre + rest) and squared distances from it of each column of a few rows, four for each walk over the
    sums."""
    fours = n // 4 * 4
    for k in range(c):
        centre[k] = x.dtype.type(0)
        rest[k] = x.dtype.type(0)
        square[k] = x.dtype.type(0)
    for i in range(0, fours, 4):
        x0, x1, x2, x3 = (
            x[i * c : (i + 1) * c],
            x[(i + 1) * c : (i + 2) * c],
            x[(i + 2) * c : (i + 3) * c],
            x[(i + 3) * c : (i + 4) * c],
        )
        for k in range(c):
            centre[k] += (x0[k] + x1[k]) + (x2[k] + x3[k])
    for i in range(fours, n):
        row = x[i * c : (i + 1) * c]
        for k in range(c):
            centre[k] += row[k]
    count = x.dtype.type(n)
    one = x.dtype.type(1) / count
    for k in range(c):
        centre[k] *= one
    for i in range(0, fours, 4):
        x0, x1, x2, x3 = (
            x[i * c : (i + 1) * c],
            x[(i + 1) * c : (i + 2) * c],
            x[(i + 2) * c : (i + 3) * c],
            x[(i + 3) * c : (i + 4) * c],
        )
        for k in range(c):
            d0, d1, d2, d3 = x0[k] - centre[k], x1[k] - centre[k], x2[k] - centre[k], x3[k] - centre[k]
            square[k] += (d0 * d0 + d1 * d1) + (d2 * d2 + d3 * d3)
    for i in range(fours, n):
        row = x[i * c : (i + 1) * c]
        for k in range(c):
            d = row[k] - centre[k]
            square[k] += d * d
    distant = 0
    for k in range(c):
        distant += far(centre[k], square[k], count)
    if distant:
        correct_columns(x, centre, rest, square, n, c)


@jit(fastmath=ORDERED)
def correct_columns(x, centre, rest, square, n, c):
    """``corrected`` of each column of a few rows, in place."""
    for _ in range(2):
        for k in range(c):
            centre[k] += rest[k]
            rest[k] = x.dtype.type(0)
            square[k] = x.dtype.type(0)
        for i in range(n):
            row = x[i * c : (i + 1) * c]
            for k in range(c):
                d = row[k] - centre[k]
                rest[k] += d
                square[k] += d * d
        for k in range(c):
            total = rest[k]
            rest[k] = total / x.dtype.type(n)
            square[k] = not_below(square[k] - total * rest[k], x.dtype.type(0))


@jit(fastmath=ORDERED)
def combine(means, rests, squares, mean, var, n, c, m, size):
    """Moments of the parts to the mean and the biased variance of each channel (Chan, Golub, LeVeque 1979).

    Part b of channel k lies at b * c + k; all but the last have ``size`` images of m elements. Means of parts are seen
    from the first one's, so that of numbers far from 0 no bits are lost.
    """
    chunks = (n + size - 1) // size
    one = mean.dtype.type(1) / mean.dtype.type(n * m)
    origin = means[:c]
    for k in range(c):
        mean[k] = mean.dtype.type(0)
        var[k] = mean.dtype.type(0)
    for b in range(chunks):
        part = means[b * c : (b + 1) * c]
        more = rests[b * c : (b + 1) * c]
        share = mean.dtype.type((min(n, (b + 1) * size) - b * size) * m) * one
        for k in range(c):
            mean[k] += seen_from(origin[k], part[k], more[k]) * share
    for b in range(chunks):
        part = means[b * c : (b + 1) * c]
        more = rests[b * c : (b + 1) * c]
        square = squares[b * c : (b + 1) * c]
        count = mean.dtype.type((min(n, (b + 1) * size) - b * size) * m)
        for k in range(c):
            d = seen_from(origin[k], part[k], more[k]) - mean[k]
            var[k] += (square[k] + d * d * count) * one
    for k in range(c):
        mean[k], mean[c + k] = rounded(origin[k], mean[k])


@jit
def follow(running_mean, running_var, mean, var, momentum, count):
    """The running statistics, if there are any, move towards the new ones, the variance towards the unbiased one."""
    if running_mean.size == 0:
        return
    a = mean.dtype.type(momentum)
    b = mean.dtype.type(count) / mean.dtype.type(count - 1)
    for k in range(var.size):
        running_mean[k] += a * ((mean[k] - running_mean[k]) + mean[var.size + k])
        running_var[k] += a * (var[k] * b - running_var[k])


# --- channels: values and gradients ---------------------------------------------------------------


@jit
def reciprocals(var, rstd, eps):
    """rstd = 1 / sqrt(var + eps)"""
    for k in range(var.size):
        rstd[k] = rsqrt(var[k] + var.dtype.type(eps))


@jit
def channel_numbers(rstd, rest, w, b, scale, shift):
    """scale = rstd * w and shift = b - rest * scale; rest, w and b may be empty, for zeros, ones and zeros"""
    for k in range(rstd.size):
        scale[k] = rstd[k] * w[k] if w.size else rstd[k]
        shift[k] = b[k] if b.size else rstd.dtype.type(0)
    for k in range(rest.size):
        shift[k] -= rest[k] * scale[k]


@jit(fastmath=ORDERED, parallel=True)
def channels_forward(x, mean, spread, w, b, out, n, c, m, eps, reciprocal):
    """out = (x - mean) * rstd * w + b, with numbers of the channel; the rests of the means, w and b may be absent.

    ``spread`` holds rstd if it is ``reciprocal``, else the variances that with eps make rstd.
    """
    rest = mean[c:]
    scale, shift = np.empty(c, x.dtype), np.empty(c, x.dtype)
    if reciprocal:
        channel_numbers(spread, rest, w, b, scale, shift)
    else:
        reciprocals(spread, scale, eps)
        channel_numbers(scale, rest, w, b, scale, shift)
    if m == 1:
        for i in prange(n):
            row = x[i * c : (i + 1) * c]
            target = out[i * c : (i + 1) * c]
            for k in range(c):
                target[k] = (row[k] - mean[k]) * scale[k] + shift[k]
    else:
        for t in prange(n * c):
            k = t % c
            plane = x[t * m : (t + 1) * m]
            target = out[t * m : (t + 1) * m]
            a = mean[k]
            s = scale[k]
            d = shift[k]
            for j in range(m):
                target[j] = (plane[j] - a) * s + d


@jit
def plane_products(g, x, mean, k, lo, hi, c, m):
    """The sums of g and of g * (x - mean) over channel k of images lo to hi."""
    total = g.dtype.type(0)
    product = g.dtype.type(0)
    for i in range(lo, hi):
        plane = x[(i * c + k) * m : (i * c + k + 1) * m]
        gradient = g[(i * c + k) * m : (i * c + k + 1) * m]
        for j in range(m):
            total += gradient[j]
            product += gradient[j] * (plane[j] - mean)
    return total, product


@jit
def column_products(g, x, mean, total, product, n, c):
    """The sums of g and of g * (x - mean) over each column of a few rows."""
    for k in range(c):
        total[k] = g.dtype.type(0)
        product[k] = g.dtype.type(0)
    for i in range(n):
        row = x[i * c : (i + 1) * c]
        gradient = g[i * c : (i + 1) * c]
        for k in range(c):
            total[k] += gradient[k]
            product[k] += gradient[k] * (row[k] - mean[k])


@jit(fastmath=ORDERED)
def gather_products(sums, products, mean, rstd, w, gw, gb, slope, centre, shift, chunks, c, count):
    """Parts to gw = rstd * sum of g * (x - mean) and gb = sum of g, and to the numbers of ``pull``."""
    rest = mean[c:]
    add_parts(sums, gb, chunks)
    add_parts(products, gw, chunks)
    one = gb.dtype.type(1) / gb.dtype.type(count)
    for k in range(rest.size):
        gw[k] -= rest[k] * gb[k]
    for k in range(c):
        gw[k] *= rstd[k]
        slope[k] = w[k] * rstd[k] if w.size else rstd[k]
    for k in range(c):
        centre[k] = -slope[k] * rstd[k] * gw[k] * one
        shift[k] = -slope[k] * gb[k] * one
    for k in range(rest.size):
        shift[k] -= centre[k] * rest[k]


@jit(fastmath=ORDERED, parallel=True)
def channels_backward(g, x, mean, spread, w, gx, gw, gb, n, c, m, eps, own):
    """Gradients of ``channels_forward``: gx = slope * g + centre * (x - mean) + shift, with numbers of the channel.

    for each (channel, group of images): sums of g and g * (x - mean);    for each channel: combine;    for each plane:
    gx

    If the statistics are not x's ``own``, but given, ``spread`` holds variances, and centre and shift are 0. Then
    results may be empty.
    """
    size = ROWS if m == 1 else IMAGES
    chunks = (n + size - 1) // size if gw.size else 0
    sums, products, numbers = np.empty(chunks * c, x.dtype), np.empty(chunks * c, x.dtype), np.empty((4, c), x.dtype)
    slope, centre, shift, rstd = numbers[0], numbers[1], numbers[2], numbers[3]
    if m == 1:
        for b in prange(chunks):
            lo = b * ROWS
            hi = min(n, lo + ROWS)
            total, product = sums[b * c : (b + 1) * c], products[b * c : (b + 1) * c]
            column_products(g[lo * c : hi * c], x[lo * c : hi * c], mean, total, product, hi - lo, c)
    else:
        for t in prange(c * chunks):
            k = t // chunks
            b = t - k * chunks
            sums[b * c + k], products[b * c + k] = plane_products(
                g, x, mean[k], k, b * IMAGES, min(n, (b + 1) * IMAGES), c, m
            )
    if own:
        rstd[:] = spread
    else:
        reciprocals(spread, rstd, eps)
    if chunks:
        gather_products(sums, products, mean, rstd, w, gw, gb, slope, centre, shift, chunks, c, n * m)
    if not own:
        channel_numbers(rstd, w[:0], w, w[:0], slope, shift)
    planes = n if gx.size else 0
    if m == 1:
        for i in prange(planes):
            row = x[i * c : (i + 1) * c]
            gradient = g[i * c : (i + 1) * c]
            target = gx[i * c : (i + 1) * c]
            if own:
                for k in range(c):
                    target[k] = slope[k] * gradient[k] + centre[k] * (row[k] - mean[k]) + shift[k]
            else:
                for k in range(c):
                    target[k] = slope[k] * gradient[k]
    else:
        for t in prange(planes * c):
            k = t % c
            plane = x[t * m : (t + 1) * m]
            gradient = g[t * m : (t + 1) * m]
            target = gx[t * m : (t + 1) * m]
            a = mean[k]
            s = slope[k]
            b = centre[k]
            d = shift[k]
            if own:
                for j in range(m):
                    target[j] = s * gradient[j] + b * (plane[j] - a) + d
            else:
                for j in range(m):
                    target[j] = s * gradient[j]


def channel_statistics(x: Tensor, running_mean: Any, running_var: Any, extents: tuple, eps: float) -> Loop:
    """Mean and 1 / standard deviation of each channel of x; the running statistics follow, unless they are absent."""
    kernel = column_statistics if extents[2] == 1 else plane_statistics
    running = running_mean, running_var
    return Loop(
        kernel, (*extents, eps), moments_of(x), operands=(x, *running), overwritten=running, weight=CHANNEL_WEIGHT
    )


def moments_of(x: Tensor) -> tuple[Made, Made]:
    """The mean of each channel, in two numbers, and 1 / standard deviation."""
    c = x.shape[1]
    return like(x, (2, c)), like(x, (c,))


def normalise_channels(
    x: Tensor, mean: Tensor, spread: Tensor, w: Any, b: Any, extents: tuple, eps: float | None
) -> Loop:
    """(x - mean) * rstd * w + b, where ``spread`` is rstd, or with ``eps`` the variances of which it is made."""
    numbers = (*extents, 0.0, True) if eps is None else (*extents, eps, False)
    return Loop(channels_forward, numbers, like(x), operands=(x, mean, spread, w, b), weight=CHANNEL_WEIGHT)


def pull_channels(
    g: Tensor, x: Tensor, mean: Tensor, spread: Tensor, w: Any, extents: tuple, eps: float | None, needs: tuple
) -> Loop:
    """Gradients of ``normalise_channels``, of a batch's own statistics without ``eps``."""
    own = eps is None
    sums = like(x, x.shape[1:2]) if own or needs[3] or needs[4] else EMPTY
    return Loop(
        channels_backward,
        (*extents, 0.0 if own else eps, own),
        (like(x) if own or needs[0] else EMPTY, None, None, sums, sums),
        operands=(g, x, mean, spread, w),
        weight=CHANNEL_WEIGHT,
    )


# --- groups ---------------------------------------------------------------------------------------


@jit(inline=True)
def moments(row):
    """(mean, rest, sum of squared distances) of a row."""
    mean = row.dtype.type(0)
    count = row.dtype.type(row.size)
    for j in range(row.size):
        mean += row[j]
    mean = mean / count
    square = row.dtype.type(0)
    for j in range(row.size):
        d = row[j] - mean
        square += d * d
    if far(mean, square, count):
        return corrected(row, mean)
    return mean, row.dtype.type(0), square


@jit
def row_statistics(row, eps):
    """(mean, rest, 1 / standard deviation) of a row.

    A long row is read from memory once: moments of chunks are combined (Chan, Golub, LeVeque 1979), means seen from the
    first's.
    """
    origin, offset, total = moments(row[:CHUNK])
    if row.size > CHUNK:
        for lo in range(CHUNK, row.size, CHUNK):
            part = row[lo : lo + CHUNK]
            mean, rest, square = moments(part)
            d = distance(origin, offset, mean, rest)
            share = row.dtype.type(part.size) / row.dtype.type(lo + part.size)
            total += square + d * d * share * row.dtype.type(lo)
            offset += d * share
        origin, offset = rounded(origin, offset)
    return origin, offset, rsqrt(total / row.dtype.type(row.size) + row.dtype.type(eps))


@jit(fastmath=ORDERED, parallel=True)
def groups_forward(x, w, b, out, images, c, m, groups, eps):
    """out = (x - mean) / standard deviation * w + b, with w and b of the channel; they may be empty"""
    per = c // groups
    n = per * m
    for t in prange(images * groups):
        row = x[t * n : (t + 1) * n]
        target = out[t * n : (t + 1) * n]
        mean, rest, rstd = row_statistics(row, eps)
        first = (t % groups) * per
        for k in range(per):
            scale = rstd * w[first + k] if w.size else rstd
            shift = b[first + k] - rest * scale if b.size else -rest * scale
            plane = row[k * m : (k + 1) * m]
            result = target[k * m : (k + 1) * m]
            for j in range(m):
                result[j] = (plane[j] - mean) * scale + shift


@jit(parallel=True)
def groups_backward(g, x, w, gx, gw, gb, images, c, m, groups, eps):
    """gx, and for each channel the sums of g * xhat (gw) and of g (gb), where these are not empty: parts of images,
    added up in order.

    gx = rstd * (g * w - mean of g * w - xhat * mean of g * w * xhat), means over the group
    """
    per = c // groups
    n = per * m
    gws, gbs = np.empty(images * c, x.dtype), np.empty(images * c, x.dtype)
    for t in prange(images * groups):
        row = x[t * n : (t + 1) * n]
        gradient = g[t * n : (t + 1) * n]
        target = gx[t * n : (t + 1) * n]
        mean, rest, rstd = row_statistics(row, eps)
        first = (t % groups) * per
        total = g.dtype.type(0)
        product = g.dtype.type(0)
        for k in range(per):
            plane = row[k * m : (k + 1) * m]
            given = gradient[k * m : (k + 1) * m]
            s = g.dtype.type(0)
            p = g.dtype.type(0)
            for j in range(m):
                s += given[j]
                p += given[j] * (plane[j] - mean)
            p -= rest * s
            gbs[t * per + k] = s
            gws[t * per + k] = p * rstd
            weight = w[first + k] if w.size else g.dtype.type(1)
            total += weight * s
            product += weight * p
        slope = -rstd * rstd * rstd * product / g.dtype.type(n)
        shift = less(-rstd * total / g.dtype.type(n), slope, rest)
        for k in range(per):
            scale = rstd * w[first + k] if w.size else rstd
            plane = row[k * m : (k + 1) * m]
            given = gradient[k * m : (k + 1) * m]
            result = target[k * m : (k + 1) * m]
            for j in range(m):
                result[j] = scale * given[j] + slope * (plane[j] - mean) + shift
    add_parts(gws, gw, images)
    add_parts(gbs, gb, images)
