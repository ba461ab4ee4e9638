"""Loops of the normalisations on the CPU.

    channels    batch norm: x (n, c, m), statistics over n and m; m is 1 for (N, C) inputs
    rows        layer, group and RMS norm: x (rows, n), statistics over n

Cuts depend on shapes alone and parts are combined in order: results are the same for any number of threads.
Variances are sums of squared distances from means, never differences of large sums.
"""

from __future__ import annotations

import numpy as np

from numtorch.dispatch.program import shared_from
from numtorch.kernels.jit import jit, prange
from numtorch.kernels.math import sqrt

IMAGES = 8  # images whose part of a channel is summed at a time
ROWS = 32  # rows of an (N, C) input, or of a weight's gradient, summed at a time
MAX_PARTS = 64
PARALLEL_ELEMENTS = shared_from(8)  # three passes over rows that stay in the cache
PARALLEL_CHANNELS = shared_from(4)
BLOCK = 2048  # elements of short rows that are taken together
LONG = 1 << 14  # elements of a row up to which four rows and their gradients stay in the second cache
CHUNK = 1 << 12  # elements of a row whose squares are added while they are in the first cache


# --- channels: statistics -------------------------------------------------------------------------


def plane_statistics(x, running_mean, running_var, mean, rstd, n, c, m, momentum, eps):
    """Mean and 1 / standard deviation of each channel; the running statistics, which may be empty, follow.

    for each (channel, group of images): mean, squared distances from it;    for each channel: combine
    """
    chunks = (n + IMAGES - 1) // IMAGES
    means, squares = np.empty(c * chunks, x.dtype), np.empty(c * chunks, x.dtype)
    for t in prange(c * chunks):
        k = t // chunks
        lo = (t - k * chunks) * IMAGES
        hi = min(n, lo + IMAGES)
        total = x.dtype.type(0)
        for i in range(lo, hi):
            plane = x[(i * c + k) * m : (i * c + k + 1) * m]
            for j in range(m):
                total += plane[j]
        centre = total / x.dtype.type((hi - lo) * m)
        square = x.dtype.type(0)
        for i in range(lo, hi):
            plane = x[(i * c + k) * m : (i * c + k + 1) * m]
            for j in range(m):
                d = plane[j] - centre
                square += d * d
        b = t - k * chunks  # parts of one group of images are neighbours
        means[b * c + k] = centre
        squares[b * c + k] = square
    combine(means, squares, mean, rstd, n, c, m, IMAGES)
    follow(running_mean, running_var, mean, rstd, momentum, n * m)
    reciprocals(rstd, rstd, eps)


def column_statistics(x, running_mean, running_var, mean, rstd, n, c, momentum, eps):
    """``plane_statistics`` for m = 1: neighbours in memory are channels."""
    chunks = (n + ROWS - 1) // ROWS
    means, squares = np.empty(c * chunks, x.dtype), np.empty(c * chunks, x.dtype)
    for b in prange(chunks):
        lo = b * ROWS
        hi = min(n, lo + ROWS)
        centre = means[b * c : (b + 1) * c]
        square = squares[b * c : (b + 1) * c]
        for k in range(c):
            centre[k] = x.dtype.type(0)
            square[k] = x.dtype.type(0)
        for i in range(lo, hi):
            row = x[i * c : (i + 1) * c]
            for k in range(c):
                centre[k] += row[k]
        scale = x.dtype.type(1) / x.dtype.type(hi - lo)
        for k in range(c):
            centre[k] *= scale
        for i in range(lo, hi):
            row = x[i * c : (i + 1) * c]
            for k in range(c):
                d = row[k] - centre[k]
                square[k] += d * d
    combine(means, squares, mean, rstd, n, c, 1, ROWS)
    follow(running_mean, running_var, mean, rstd, momentum, n)
    reciprocals(rstd, rstd, eps)


@jit
def combine(means, squares, mean, var, n, c, m, size):
    """Moments of the parts to the mean and the biased variance of each channel (Chan, Golub, LeVeque 1979).

    Part b of channel k lies at b * c + k; all but the last have ``size`` images of m elements.
    """
    chunks = (n + size - 1) // size
    one = mean.dtype.type(1) / mean.dtype.type(n * m)
    for k in range(c):
        mean[k] = mean.dtype.type(0)
        var[k] = mean.dtype.type(0)
    for b in range(chunks):
        part = means[b * c : (b + 1) * c]
        share = mean.dtype.type((min(n, (b + 1) * size) - b * size) * m) * one
        for k in range(c):
            mean[k] += part[k] * share
    for b in range(chunks):
        part = means[b * c : (b + 1) * c]
        square = squares[b * c : (b + 1) * c]
        count = mean.dtype.type((min(n, (b + 1) * size) - b * size) * m)
        for k in range(c):
            d = part[k] - mean[k]
            var[k] += (square[k] + d * d * count) * one


@jit
def follow(running_mean, running_var, mean, var, momentum, count):
    """The running statistics, if there are any, move towards the new ones, the variance towards the unbiased one."""
    if running_mean.size == 0:
        return
    a = mean.dtype.type(momentum)
    b = mean.dtype.type(count) / mean.dtype.type(count - 1)
    for k in range(mean.size):
        running_mean[k] += a * (mean[k] - running_mean[k])
        running_var[k] += a * (var[k] * b - running_var[k])


# --- channels: values and gradients ---------------------------------------------------------------


@jit
def reciprocals(var, rstd, eps):
    """rstd = 1 / sqrt(var + eps)"""
    for k in range(var.size):
        rstd[k] = var.dtype.type(1) / sqrt(var[k] + var.dtype.type(eps))


@jit
def channel_numbers(rstd, w, b, scale, shift):
    """scale = rstd * w and shift = b; w and b may be empty, for ones and zeros"""
    for k in range(rstd.size):
        scale[k] = rstd[k] * w[k] if w.size else rstd[k]
        shift[k] = b[k] if b.size else rstd.dtype.type(0)


def normalise(x, out, mean, spread, w, b, n, c, m, eps, reciprocal):
    """out = (x - mean) * rstd * w + b, with numbers of the channel; w and b may be empty, for ones and zeros.

    ``spread`` holds rstd if it is ``reciprocal``, else the variances that with eps make rstd.
    """
    scale, shift = np.empty(c, x.dtype), np.empty(c, x.dtype)
    if reciprocal:
        channel_numbers(spread, w, b, scale, shift)
    else:
        reciprocals(spread, scale, eps)
        channel_numbers(scale, w, b, scale, shift)
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


def plane_products(g, x, mean, sums, products, n, c, m):
    """For each (channel, group of images): the sums of g and of g * (x - mean)."""
    chunks = (n + IMAGES - 1) // IMAGES
    for t in prange(c * chunks):
        k = t // chunks
        lo = (t - k * chunks) * IMAGES
        total = g.dtype.type(0)
        product = g.dtype.type(0)
        a = mean[k]
        for i in range(lo, min(n, lo + IMAGES)):
            plane = x[(i * c + k) * m : (i * c + k + 1) * m]
            gradient = g[(i * c + k) * m : (i * c + k + 1) * m]
            for j in range(m):
                total += gradient[j]
                product += gradient[j] * (plane[j] - a)
        b = t - k * chunks
        sums[b * c + k] = total
        products[b * c + k] = product


def column_products(g, x, mean, sums, products, n, c):
    """``plane_products`` for m = 1, parts as in ``column_statistics``."""
    for b in prange((n + ROWS - 1) // ROWS):
        total = sums[b * c : (b + 1) * c]
        product = products[b * c : (b + 1) * c]
        for k in range(c):
            total[k] = g.dtype.type(0)
            product[k] = g.dtype.type(0)
        for i in range(b * ROWS, min(n, (b + 1) * ROWS)):
            row = x[i * c : (i + 1) * c]
            gradient = g[i * c : (i + 1) * c]
            for k in range(c):
                total[k] += gradient[k]
                product[k] += gradient[k] * (row[k] - mean[k])


@jit
def gather_products(sums, products, mean, rstd, w, gw, gb, slope, centre, shift, chunks, c, count):
    """Parts to gw = rstd * sum of g * (x - mean) and gb = sum of g, and to the numbers of ``pull``."""
    add_parts(sums, gb, chunks)
    add_parts(products, gw, chunks)
    one = gb.dtype.type(1) / gb.dtype.type(count)
    for k in range(c):
        gw[k] *= rstd[k]
        slope[k] = w[k] * rstd[k] if w.size else rstd[k]
    for k in range(c):
        centre[k] = -slope[k] * rstd[k] * gw[k] * one
        shift[k] = -slope[k] * gb[k] * one


@jit
def add_parts(parts, out, chunks):
    """out = the parts added up in order"""
    n = out.size
    for j in range(n):
        out[j] = out.dtype.type(0)
    for t in range(chunks):
        part = parts[t * n : (t + 1) * n]
        for j in range(n):
            out[j] += part[j]


def pull(g, x, gx, mean, slope, centre, shift, n, c, m):
    """gx = slope * g + centre * (x - mean) + shift, with numbers of the channel"""
    if m == 1:
        for i in prange(n):
            row = x[i * c : (i + 1) * c]
            gradient = g[i * c : (i + 1) * c]
            target = gx[i * c : (i + 1) * c]
            for k in range(c):
                target[k] = slope[k] * gradient[k] + centre[k] * (row[k] - mean[k]) + shift[k]
    else:
        for t in prange(n * c):
            k = t % c
            plane = x[t * m : (t + 1) * m]
            gradient = g[t * m : (t + 1) * m]
            target = gx[t * m : (t + 1) * m]
            a = mean[k]
            s = slope[k]
            b = centre[k]
            d = shift[k]
            for j in range(m):
                target[j] = s * gradient[j] + b * (plane[j] - a) + d


def scale_channels(g, gx, slope, n, c, m):
    """gx = slope * g, with a number of the channel"""
    if m == 1:
        for i in prange(n):
            gradient = g[i * c : (i + 1) * c]
            target = gx[i * c : (i + 1) * c]
            for k in range(c):
                target[k] = slope[k] * gradient[k]
    else:
        for t in prange(n * c):
            s = slope[t % c]
            gradient = g[t * m : (t + 1) * m]
            target = gx[t * m : (t + 1) * m]
            for j in range(m):
                target[j] = s * gradient[j]


SCALE = jit(scale_channels), jit(scale_channels, parallel=True)
PLANE_STATISTICS = jit(plane_statistics), jit(plane_statistics, parallel=True)
COLUMN_STATISTICS = jit(column_statistics), jit(column_statistics, parallel=True)
NORMALISE = jit(normalise), jit(normalise, parallel=True)
PLANE_PRODUCTS = jit(plane_products), jit(plane_products, parallel=True)
COLUMN_PRODUCTS = jit(column_products), jit(column_products, parallel=True)
PULL = jit(pull), jit(pull, parallel=True)


def channel_statistics(x, running_mean, running_var, mean, rstd, n, c, m, momentum, eps):
    """Mean and 1 / standard deviation of each channel of flat x (n, c, m); the running statistics follow, unless they are empty."""
    large = x.size >= PARALLEL_CHANNELS
    if m == 1:
        COLUMN_STATISTICS[large](x, running_mean, running_var, mean, rstd, n, c, momentum, eps)
    else:
        PLANE_STATISTICS[large](x, running_mean, running_var, mean, rstd, n, c, m, momentum, eps)


def channel_normalise(x, out, mean, rstd, w, b, n, c, m):
    """out = (x - mean) * rstd * w + b, with numbers of the channel; w and b may be empty."""
    NORMALISE[x.size >= PARALLEL_CHANNELS](x, out, mean, rstd, w, b, n, c, m, 0.0, True)


def channel_normalise_by(x, out, mean, var, w, b, n, c, m, eps):
    """``channel_normalise`` with rstd = 1 / sqrt(var + eps)."""
    NORMALISE[x.size >= PARALLEL_CHANNELS](x, out, mean, var, w, b, n, c, m, eps, False)


def channel_sums(g, x, mean, n, c, m):
    """The parts of the sums of g and of g * (x - mean) over each channel, and how many parts there are."""
    large = x.size >= PARALLEL_CHANNELS
    chunks = -(-n // (ROWS if m == 1 else IMAGES))
    sums, products = np.empty(chunks * c, x.dtype), np.empty(chunks * c, x.dtype)
    if m == 1:
        COLUMN_PRODUCTS[large](g, x, mean, sums, products, n, c)
    else:
        PLANE_PRODUCTS[large](g, x, mean, sums, products, n, c, m)
    return sums, products, chunks


def channel_pull(g, x, w, mean, rstd, gx, gw, gb, n, c, m):
    """Gradients of input, weight and bias of a batch norm that took mean and rstd from x; w empty for ones."""
    sums, products, chunks = channel_sums(g, x, mean, n, c, m)
    slope, centre, shift = np.empty(c, x.dtype), np.empty(c, x.dtype), np.empty(c, x.dtype)
    gather_products(sums, products, mean, rstd, w, gw, gb, slope, centre, shift, chunks, c, n * m)
    PULL[x.size >= PARALLEL_CHANNELS](g, x, gx, mean, slope, centre, shift, n, c, m)


def channel_pull_given(g, x, w, mean, var, gx, gw, gb, n, c, m, eps):
    """Gradients of a batch norm by statistics from elsewhere: of the input, and of weight and bias, where these are not None."""
    rstd, slope, zero = np.empty(c, x.dtype), np.empty(c, x.dtype), np.empty(c, x.dtype)
    reciprocals(var, rstd, eps)
    if gw is not None:
        sums, products, chunks = channel_sums(g, x, mean, n, c, m)
        gather_products(sums, products, mean, rstd, w, gw, gb, slope, zero, zero, chunks, c, n * m)
    if gx is not None:
        channel_numbers(rstd, w, w[:0], slope, zero)
        SCALE[x.size >= PARALLEL_CHANNELS](g, gx, slope, n, c, m)


# --- rows -----------------------------------------------------------------------------------------


@jit
def row_statistics(row, eps, centred):
    """(mean, 1 / standard deviation) of a row; with mean 0 for RMS norm.

    A long row is read from memory once: moments of chunks are combined (Chan, Golub, LeVeque 1979).
    """
    mean = row.dtype.type(0)
    square = row.dtype.type(0)
    for lo in range(0, row.size, CHUNK):
        part = row[lo : lo + CHUNK]
        centre = row.dtype.type(0)
        if centred:
            for j in range(part.size):
                centre += part[j]
            centre = centre / row.dtype.type(part.size)
        for j in range(part.size):
            d = part[j] - centre
            square += d * d
        if lo == 0:
            mean = centre
        else:
            d = centre - mean
            share = row.dtype.type(part.size) / row.dtype.type(lo + part.size)
            square += d * d * share * row.dtype.type(lo)
            mean += d * share
    return mean, row.dtype.type(1) / sqrt(square / row.dtype.type(row.size) + row.dtype.type(eps))


@jit
def block_statistics(x, means, rstds, rows, n, eps, centred):
    """``row_statistics`` of a few rows, step by step: the sums of short rows then do not wait for each other."""
    if n >= BLOCK:
        for i in range(rows):
            means[i], rstds[i] = row_statistics(x[i * n : (i + 1) * n], eps, centred)
        return
    one = x.dtype.type(1) / x.dtype.type(n)
    for i in range(rows):
        row = x[i * n : (i + 1) * n]
        total = x.dtype.type(0)
        if centred:
            for j in range(n):
                total += row[j]
        means[i] = total * one
    for i in range(rows):
        row = x[i * n : (i + 1) * n]
        mean = means[i]
        square = x.dtype.type(0)
        for j in range(n):
            d = row[j] - mean
            square += d * d
        rstds[i] = square
    for i in range(rows):
        rstds[i] = x.dtype.type(1) / sqrt(rstds[i] * one + x.dtype.type(eps))


def rows_forward(x, w, b, out, rows, n, eps, centred):
    """out[i] = (x[i] - mean) / standard deviation * w + b; w and b may be empty"""
    means, rstds = np.empty(rows, x.dtype), np.empty(rows, x.dtype)
    per = max(1, BLOCK // n)
    for t in prange((rows + per - 1) // per):
        lo = t * per
        hi = min(rows, lo + per)
        block_statistics(x[lo * n : hi * n], means[lo:hi], rstds[lo:hi], hi - lo, n, eps, centred)
        for i in range(lo, hi):
            row = x[i * n : (i + 1) * n]
            target = out[i * n : (i + 1) * n]
            mean = means[i]
            rstd = rstds[i]
            if w.size and b.size:
                for j in range(n):
                    target[j] = (row[j] - mean) * rstd * w[j] + b[j]
            elif w.size:
                for j in range(n):
                    target[j] = (row[j] - mean) * rstd * w[j]
            elif b.size:
                for j in range(n):
                    target[j] = (row[j] - mean) * rstd + b[j]
            else:
                for j in range(n):
                    target[j] = (row[j] - mean) * rstd


@jit
def block_gradient(g, x, w, gx, means, rstds, shifts, slopes, rows, n, centred):
    """gx[i] = rstd * (g[i] * w - shift - (x[i] - mean) * slope), shift = mean of g * w, slope = mean of g * w * xhat * rstd"""
    one = g.dtype.type(1) / g.dtype.type(n)
    for i in range(rows):
        row = x[i * n : (i + 1) * n]
        gradient = g[i * n : (i + 1) * n]
        mean = means[i]
        total = g.dtype.type(0)
        product = g.dtype.type(0)
        if w.size:
            for j in range(n):
                v = gradient[j] * w[j]
                total += v
                product += v * (row[j] - mean)
        else:
            for j in range(n):
                total += gradient[j]
                product += gradient[j] * (row[j] - mean)
        shifts[i] = total * one if centred else g.dtype.type(0)
        slopes[i] = product * rstds[i] * rstds[i] * one
    for i in range(rows):
        row = x[i * n : (i + 1) * n]
        gradient = g[i * n : (i + 1) * n]
        target = gx[i * n : (i + 1) * n]
        mean = means[i]
        rstd = rstds[i]
        shift = shifts[i]
        slope = slopes[i]
        if w.size:
            for j in range(n):
                target[j] = rstd * (gradient[j] * w[j] - shift - (row[j] - mean) * slope)
        else:
            for j in range(n):
                target[j] = rstd * (gradient[j] - shift - (row[j] - mean) * slope)


@jit
def block_sums(g, x, weights, biases, means, rstds, rows, n):
    """weights += sum over rows of g * xhat, biases += sum of g, where these are not empty; four rows for each walk over them"""
    fours = rows // 4 * 4
    for i in range(0, fours, 4):
        g0, g1, g2, g3 = g[i * n : (i + 1) * n], g[(i + 1) * n : (i + 2) * n], g[(i + 2) * n : (i + 3) * n], g[(i + 3) * n : (i + 4) * n]
        x0, x1, x2, x3 = x[i * n : (i + 1) * n], x[(i + 1) * n : (i + 2) * n], x[(i + 2) * n : (i + 3) * n], x[(i + 3) * n : (i + 4) * n]
        m0, m1, m2, m3 = means[i], means[i + 1], means[i + 2], means[i + 3]
        r0, r1, r2, r3 = rstds[i], rstds[i + 1], rstds[i + 2], rstds[i + 3]
        for j in range(weights.size):
            weights[j] += (g0[j] * ((x0[j] - m0) * r0) + g1[j] * ((x1[j] - m1) * r1)
                           + (g2[j] * ((x2[j] - m2) * r2) + g3[j] * ((x3[j] - m3) * r3)))
        for j in range(biases.size):
            biases[j] += (g0[j] + g1[j]) + (g2[j] + g3[j])
    for i in range(fours, rows):
        row = x[i * n : (i + 1) * n]
        gradient = g[i * n : (i + 1) * n]
        mean = means[i]
        rstd = rstds[i]
        for j in range(weights.size):
            weights[j] += gradient[j] * ((row[j] - mean) * rstd)
        for j in range(biases.size):
            biases[j] += gradient[j]


def rows_backward(g, x, w, gx, gw, gb, rows, n, eps, centred):
    """gx, and the sums over rows of g * xhat (gw) and of g (gb), where these are not empty: parts of rows, added up in order.

    gx[i] = rstd * (gw - mean of gw - xhat * mean of gw * xhat), with gw = g[i] * w
    """
    size = max(ROWS, (rows + MAX_PARTS - 1) // MAX_PARTS)
    parts = (rows + size - 1) // size
    few = max(1, BLOCK // n)
    per = max(few, 4 if n <= LONG else 1)
    gws, gbs = np.zeros(parts * gw.size, x.dtype), np.zeros(parts * gb.size, x.dtype)
    means, rstds = np.empty(rows, x.dtype), np.empty(rows, x.dtype)
    shifts, slopes = np.empty(rows, x.dtype), np.empty(rows, x.dtype)
    for t in prange(parts):
        weights = gws[t * gw.size : (t + 1) * gw.size]
        biases = gbs[t * gb.size : (t + 1) * gb.size]
        end = min(rows, (t + 1) * size)
        for first in range(t * size, end, per):
            last = min(end, first + per)
            for lo in range(first, last, few):
                hi = min(last, lo + few)
                part, gradient, target = x[lo * n : hi * n], g[lo * n : hi * n], gx[lo * n : hi * n]
                mean, rstd = means[lo:hi], rstds[lo:hi]
                block_statistics(part, mean, rstd, hi - lo, n, eps, centred)
                block_gradient(gradient, part, w, target, mean, rstd, shifts[lo:hi], slopes[lo:hi], hi - lo, n, centred)
            part, gradient = x[first * n : last * n], g[first * n : last * n]
            block_sums(gradient, part, weights, biases, means[first:last], rstds[first:last], last - first, n)
    add_parts(gws, gw, parts)
    add_parts(gbs, gb, parts)


ROWS_FORWARD = jit(rows_forward), jit(rows_forward, parallel=True)
ROWS_BACKWARD = jit(rows_backward), jit(rows_backward, parallel=True)


def normalise_rows(x, w, b, out, rows, n, eps, centred):
    """``rows_forward``, serial or parallel."""
    ROWS_FORWARD[x.size >= PARALLEL_ELEMENTS](x, w, b, out, rows, n, eps, centred)


def pull_rows(g, x, w, gx, gw, gb, rows, n, eps, centred):
    """Gradients of ``normalise_rows``; gw and gb are empty where not wanted."""
    ROWS_BACKWARD[x.size >= PARALLEL_ELEMENTS](g, x, w, gx, gw, gb, rows, n, eps, centred)
