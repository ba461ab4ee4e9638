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


# --- channels: statistics -------------------------------------------------------------------------


def plane_moments(x, means, squares, n, c, m):
    """For each (channel, group of images): the mean, and the sum of squared distances from it."""
    chunks = (n + IMAGES - 1) // IMAGES
    for t in prange(c * chunks):
        k = t // chunks
        lo = (t - k * chunks) * IMAGES
        hi = min(n, lo + IMAGES)
        total = x.dtype.type(0)
        for i in range(lo, hi):
            plane = x[(i * c + k) * m : (i * c + k + 1) * m]
            for j in range(m):
                total += plane[j]
        mean = total / x.dtype.type((hi - lo) * m)
        square = x.dtype.type(0)
        for i in range(lo, hi):
            plane = x[(i * c + k) * m : (i * c + k + 1) * m]
            for j in range(m):
                d = plane[j] - mean
                square += d * d
        means[t] = mean
        squares[t] = square


def column_moments(x, means, squares, n, c):
    """``plane_moments`` for m = 1: neighbours in memory are channels; parts are (group of rows, channel)."""
    for b in prange((n + ROWS - 1) // ROWS):
        lo = b * ROWS
        hi = min(n, lo + ROWS)
        mean = means[b * c : (b + 1) * c]
        square = squares[b * c : (b + 1) * c]
        for k in range(c):
            mean[k] = x.dtype.type(0)
            square[k] = x.dtype.type(0)
        for i in range(lo, hi):
            row = x[i * c : (i + 1) * c]
            for k in range(c):
                mean[k] += row[k]
        scale = x.dtype.type(1) / x.dtype.type(hi - lo)
        for k in range(c):
            mean[k] *= scale
        for i in range(lo, hi):
            row = x[i * c : (i + 1) * c]
            for k in range(c):
                d = row[k] - mean[k]
                square[k] += d * d


@jit
def combine(means, squares, mean, var, n, c, m, size, across):
    """Moments of the parts to the mean and the biased variance of each channel (Chan, Golub, LeVeque 1979).

    Part b of channel k lies at k * chunks + b, or at b * c + k if ``across``; all but the last have ``size`` images.
    """
    chunks = (n + size - 1) // size
    for k in range(c):
        total = mean.dtype.type(0)
        for b in range(chunks):
            count = (min(n, (b + 1) * size) - b * size) * m
            total += means[b * c + k if across else k * chunks + b] * mean.dtype.type(count)
        centre = total / mean.dtype.type(n * m)
        square = mean.dtype.type(0)
        for b in range(chunks):
            at = b * c + k if across else k * chunks + b
            count = (min(n, (b + 1) * size) - b * size) * m
            d = means[at] - centre
            square += squares[at] + d * d * mean.dtype.type(count)
        mean[k] = centre
        var[k] = square / mean.dtype.type(n * m)


@jit
def follow(running_mean, running_var, mean, var, momentum, count):
    """The running statistics move towards the new ones, the variance towards the unbiased one."""
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


def normalise(x, out, scale, mean, shift, n, c, m):
    """out = (x - mean) * scale + shift, with numbers of the channel"""
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
            b = shift[k]
            for j in range(m):
                target[j] = (plane[j] - a) * s + b


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
        sums[t] = total
        products[t] = product


def column_products(g, x, mean, sums, products, n, c):
    """``plane_products`` for m = 1, parts as in ``column_moments``."""
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
def gather_products(sums, products, mean, rstd, w, gw, gb, slope, centre, shift, chunks, c, count, across):
    """Parts to gw = rstd * sum of g * (x - mean) and gb = sum of g, and to the numbers of ``pull``."""
    for k in range(c):
        total = gb.dtype.type(0)
        product = gb.dtype.type(0)
        for b in range(chunks):
            at = b * c + k if across else k * chunks + b
            total += sums[at]
            product += products[at]
        gb[k] = total
        gw[k] = product * rstd[k]
        scale = w[k] * rstd[k] if w.size else rstd[k]
        slope[k] = scale
        centre[k] = -scale * rstd[k] * gw[k] / gb.dtype.type(count)
        shift[k] = -scale * total / gb.dtype.type(count)


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
PLANE_MOMENTS = jit(plane_moments), jit(plane_moments, parallel=True)
COLUMN_MOMENTS = jit(column_moments), jit(column_moments, parallel=True)
NORMALISE = jit(normalise), jit(normalise, parallel=True)
PLANE_PRODUCTS = jit(plane_products), jit(plane_products, parallel=True)
COLUMN_PRODUCTS = jit(column_products), jit(column_products, parallel=True)
PULL = jit(pull), jit(pull, parallel=True)


def channel_moments(x, mean, var, n, c, m):
    """Mean and biased variance of each channel of flat x (n, c, m)."""
    large = x.size >= PARALLEL_ELEMENTS
    size = ROWS if m == 1 else IMAGES
    means, squares = np.empty(-(-n // size) * c, x.dtype), np.empty(-(-n // size) * c, x.dtype)
    if m == 1:
        COLUMN_MOMENTS[large](x, means, squares, n, c)
    else:
        PLANE_MOMENTS[large](x, means, squares, n, c, m)
    combine(means, squares, mean, var, n, c, m, size, m == 1)


def channel_normalise(x, out, mean, rstd, w, b, n, c, m):
    """out = (x - mean) * rstd * w + b, with numbers of the channel; w and b may be empty."""
    scale, shift = np.empty_like(rstd), np.empty_like(rstd)
    channel_numbers(rstd, w, b, scale, shift)
    NORMALISE[x.size >= PARALLEL_ELEMENTS](x, out, scale, mean, shift, n, c, m)


def channel_sums(g, x, mean, n, c, m):
    """The parts of the sums of g and of g * (x - mean) over each channel, and how many parts there are."""
    large = x.size >= PARALLEL_ELEMENTS
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
    gather_products(sums, products, mean, rstd, w, gw, gb, slope, centre, shift, chunks, c, n * m, m == 1)
    PULL[x.size >= PARALLEL_ELEMENTS](g, x, gx, mean, slope, centre, shift, n, c, m)


def channel_pull_given(g, x, w, mean, var, gx, gw, gb, n, c, m, eps):
    """Gradients of a batch norm by statistics from elsewhere: of the input, and of weight and bias, where these are not None."""
    rstd, slope, zero = np.empty(c, x.dtype), np.empty(c, x.dtype), np.empty(c, x.dtype)
    reciprocals(var, rstd, eps)
    if gw is not None:
        sums, products, chunks = channel_sums(g, x, mean, n, c, m)
        gather_products(sums, products, mean, rstd, w, gw, gb, slope, zero, zero, chunks, c, n * m, m == 1)
    if gx is not None:
        channel_numbers(rstd, w, w[:0], slope, zero)
        SCALE[x.size >= PARALLEL_ELEMENTS](g, gx, slope, n, c, m)


# --- rows -----------------------------------------------------------------------------------------


@jit
def row_statistics(row, eps, centred):
    """(mean, 1 / standard deviation) of a row; with mean 0 for RMS norm"""
    mean = row.dtype.type(0)
    if centred:
        for j in range(row.size):
            mean += row[j]
        mean = mean / row.dtype.type(row.size)
    square = row.dtype.type(0)
    for j in range(row.size):
        d = row[j] - mean
        square += d * d
    return mean, row.dtype.type(1) / sqrt(square / row.dtype.type(row.size) + row.dtype.type(eps))


def rows_forward(x, w, b, out, rows, n, eps, centred):
    """out[i] = (x[i] - mean) / standard deviation * w + b; w and b may be empty"""
    for i in prange(rows):
        row = x[i * n : (i + 1) * n]
        target = out[i * n : (i + 1) * n]
        mean, rstd = row_statistics(row, eps, centred)
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


def rows_backward(g, x, w, gx, gws, gbs, rows, n, eps, centred, per):
    """gx, and for each group of ``per`` rows the sums of g * xhat (gws) and of g (gbs), where these are not empty.

    gx[i] = rstd * (gw - mean of gw - xhat * mean of gw * xhat), with gw = g[i] * w
    """
    for t in prange((rows + per - 1) // per):
        weights = gws[t * n : (t + 1) * n]
        biases = gbs[t * n : (t + 1) * n]
        for j in range(weights.size):
            weights[j] = g.dtype.type(0)
        for j in range(biases.size):
            biases[j] = g.dtype.type(0)
        for i in range(t * per, min(rows, (t + 1) * per)):
            row = x[i * n : (i + 1) * n]
            gradient = g[i * n : (i + 1) * n]
            target = gx[i * n : (i + 1) * n]
            mean, rstd = row_statistics(row, eps, centred)
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
            shift = total / g.dtype.type(n) if centred else g.dtype.type(0)
            slope = product * rstd * rstd / g.dtype.type(n)
            if w.size:
                for j in range(n):
                    target[j] = rstd * (gradient[j] * w[j] - shift - (row[j] - mean) * slope)
            else:
                for j in range(n):
                    target[j] = rstd * (gradient[j] - shift - (row[j] - mean) * slope)
            for j in range(weights.size):
                weights[j] += gradient[j] * ((row[j] - mean) * rstd)
            for j in range(biases.size):
                biases[j] += gradient[j]


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


ROWS_FORWARD = jit(rows_forward), jit(rows_forward, parallel=True)
ROWS_BACKWARD = jit(rows_backward), jit(rows_backward, parallel=True)


def normalise_rows(x, w, b, out, rows, n, eps, centred):
    """``rows_forward``, serial or parallel."""
    ROWS_FORWARD[x.size >= PARALLEL_ELEMENTS](x, w, b, out, rows, n, eps, centred)


def pull_rows(g, x, w, gx, gw, gb, rows, n, eps, centred):
    """Gradients of ``normalise_rows``; gw and gb are empty where not wanted."""
    per = max(ROWS, -(-rows // MAX_PARTS))
    chunks = -(-rows // per)
    gws, gbs = np.empty(chunks * gw.size, x.dtype), np.empty(chunks * gb.size, x.dtype)
    ROWS_BACKWARD[x.size >= PARALLEL_ELEMENTS](g, x, w, gx, gws, gbs, rows, n, eps, centred, per)
    if gw.size:
        add_parts(gws, gw, chunks)
    if gb.size:
        add_parts(gbs, gb, chunks)
