"""CPU loops of softmax and log_softmax, along the last dimension (rows) and along other dimensions (columns).

Rows are processed in blocks, so that one vector loop computes the exponentials of many short rows. The blocks depend
only on the shape: results are the same for any number of threads.
"""

from __future__ import annotations

import numpy as np

from numtorch.dispatch.program import shared_from
from numtorch.kernels.jit import ORDERED, jit, prange
from numtorch.kernels.math import exp_nonpositive, log
from numtorch.ops.reduction_cpu import largest

BLOCK = 2048  # elements whose exponentials are taken at a time: three copies stay in the first cache
LONG = 128  # elements from which a row is worth a vector loop of its own: at 64 the block is a fifth faster
TILE = 1024  # columns walked together, so that a loop is worth its start
SPAN = 1 << 16  # elements of a tile of columns at most: it is read three times, and stays in the second cache
EXPONENTIAL = 8  # what an element costs, in additions
PARALLEL_ELEMENTS = shared_from(EXPONENTIAL)


@jit(fastmath=ORDERED)
def below(x, top, log_total):
    """(x - top) - log_total, in this order: top + log_total would be rounded to what is seen at the size of top."""
    return (x - top) - log_total


@jit
def exponentials(x, e, tops, totals, rows, n):
    """tops[i] = max x[i]; e[i, j] = exp(x[i, j] - tops[i]); totals[i] = sum over j of e[i, j]"""
    if n >= LONG:
        for i in range(rows):
            row = x[i * n : (i + 1) * n]
            target = e[i * n : (i + 1) * n]
            top = largest(row)
            total = x.dtype.type(0)
            for j in range(n):
                v = exp_nonpositive(row[j] - top)
                target[j] = v
                total += v
            tops[i] = top
            totals[i] = total
        return
    for i in range(rows):
        row = x[i * n : (i + 1) * n]
        shifted = e[i * n : (i + 1) * n]
        top = largest(row)
        tops[i] = top
        for j in range(n):
            shifted[j] = row[j] - top
    for j in range(rows * n):
        e[j] = exp_nonpositive(e[j])
    for i in range(rows):
        row = e[i * n : (i + 1) * n]
        total = x.dtype.type(0)
        for j in range(n):
            total += row[j]
        totals[i] = total


def softmax_rows(x, out, rows, n):
    """out[i, j] = exp(x[i, j] - max x[i]) / sum over j"""
    tops, totals = np.empty(rows, x.dtype), np.empty(rows, x.dtype)
    per = max(1, BLOCK // n)
    for b in prange((rows + per - 1) // per):
        lo = b * per
        m = min(per, rows - lo)
        part = out[lo * n : (lo + m) * n]
        exponentials(x[lo * n : (lo + m) * n], part, tops[lo : lo + m], totals[lo : lo + m], m, n)
        for i in range(m):
            row = part[i * n : (i + 1) * n]
            scale = x.dtype.type(1) / totals[lo + i]
            for j in range(n):
                row[j] *= scale


def log_softmax_rows(x, out, rows, n):
    """out[i, j] = x[i, j] - max x[i] - log(sum over j of exp(x[i, j] - max x[i]))"""
    tops, totals = np.empty(rows, x.dtype), np.empty(rows, x.dtype)
    per = max(1, BLOCK // n)
    for b in prange((rows + per - 1) // per):
        lo = b * per
        m = min(per, rows - lo)
        part = out[lo * n : (lo + m) * n]
        source = x[lo * n : (lo + m) * n]
        if n >= LONG:
            log_of_sums(source, tops[lo : lo + m], totals[lo : lo + m], m, n)
        else:
            exponentials(source, part, tops[lo : lo + m], totals[lo : lo + m], m, n)
            logs = totals[lo : lo + m]
            for i in range(m):
                logs[i] = log(logs[i])
        for i in range(m):
            row = part[i * n : (i + 1) * n]
            given = source[i * n : (i + 1) * n]
            top = tops[lo + i]
            total = totals[lo + i]
            for j in range(n):
                row[j] = below(given[j], top, total)


@jit
def log_of_sums(x, tops, totals, rows, n):
    """tops[i] = max x[i]; totals[i] = log(sum over j of exp(x[i, j] - tops[i])), where nothing else is wanted of
    rows"""
    for i in range(rows):
        row = x[i * n : (i + 1) * n]
        top = largest(row)
        total = x.dtype.type(0)
        for j in range(n):
            total += exp_nonpositive(row[j] - top)
        tops[i] = top
        totals[i] = total
    for i in range(rows):  # one vector loop: a logarithm for each row would cost what its exponentials do
        totals[i] = log(totals[i])


@jit(parallel=True)
def log_sums_rows(x, out, rows, n):
    """out[i] = log(sum over j of exp(x[i, j])); an infinite or NaN maximum is the result"""
    totals = np.empty(rows, x.dtype)
    per = max(1, BLOCK // n)
    for b in prange((rows + per - 1) // per):
        lo = b * per
        m = min(per, rows - lo)
        tops = out[lo : lo + m]
        part = totals[lo : lo + m]
        log_of_sums(x[lo * n : (lo + m) * n], tops, part, m, n)
        for i in range(m):
            top = tops[i]
            tops[i] = top + part[i] if top - top == x.dtype.type(0) else top


def softmax_rows_backward(g, y, gx, rows, n):
    """gx[i, j] = y[i, j] * (g[i, j] - sum over j of g[i, j] * y[i, j])"""
    for i in prange(rows):
        gi = g[i * n : (i + 1) * n]
        yi = y[i * n : (i + 1) * n]
        row = gx[i * n : (i + 1) * n]
        total = g.dtype.type(0)
        for j in range(n):
            total += gi[j] * yi[j]
        for j in range(n):
            row[j] = yi[j] * (gi[j] - total)


def log_softmax_rows_backward(g, y, gx, rows, n):
    """gx[i, j] = g[i, j] - exp(y[i, j]) * sum over j of g[i, j]"""
    per = max(1, BLOCK // n)
    for b in prange((rows + per - 1) // per):
        lo = b * per
        m = min(per, rows - lo)
        part = gx[lo * n : (lo + m) * n]
        logs = y[lo * n : (lo + m) * n]
        if n >= LONG:
            for i in range(m):
                gi = g[(lo + i) * n : (lo + i + 1) * n]
                yi = logs[i * n : (i + 1) * n]
                row = part[i * n : (i + 1) * n]
                total = g.dtype.type(0)
                for j in range(n):
                    total += gi[j]
                for j in range(n):
                    row[j] = gi[j] - exp_nonpositive(yi[j]) * total
            continue
        for j in range(m * n):
            part[j] = exp_nonpositive(logs[j])
        for i in range(m):
            gi = g[(lo + i) * n : (lo + i + 1) * n]
            row = part[i * n : (i + 1) * n]
            total = g.dtype.type(0)
            for j in range(n):
                total += gi[j]
            for j in range(n):
                row[j] = gi[j] - row[j] * total


@jit
def tile_width(n):
    """How many columns of n elements are walked together."""
    return max(64, min(TILE, SPAN // n) // 16 * 16)


@jit(inline=True)
def start_columns(x, top, total, base, n, inner):
    """top[k] = max x[:, k], total[k] = 0: a tile of columns that begins at ``base``"""
    first = x[base : base + top.size]
    for k in range(top.size):
        top[k] = first[k]
        total[k] = x.dtype.type(0)
    for j in range(1, n):
        row = x[base + j * inner : base + j * inner + top.size]
        for k in range(top.size):
            top[k] = row[k] if row[k] > top[k] else top[k]  # one instruction; NaN reaches the total instead


@jit(parallel=True)
def softmax_columns(x, out, outer, n, inner, logs):
    """Softmax, or its logarithm, over the middle extent of x (outer, n, inner).

    for each outer, tile of columns: top = max over j; total = sum of exp(x - top); out = exp(x - top) / total
    """
    tops, totals = np.empty(outer * inner, x.dtype), np.empty(outer * inner, x.dtype)
    width = tile_width(n)
    tiles = (inner + width - 1) // width
    for t in prange(outer * tiles):
        o = t // tiles
        lo = (t - o * tiles) * width
        m = min(width, inner - lo)
        base = o * n * inner + lo
        top = tops[o * inner + lo : o * inner + lo + m]
        total = totals[o * inner + lo : o * inner + lo + m]
        start_columns(x, top, total, base, n, inner)
        for j in range(n):
            row = x[base + j * inner : base + j * inner + m]
            target = out[base + j * inner : base + j * inner + m]
            for k in range(m):
                e = exp_nonpositive(row[k] - top[k])
                target[k] = e
                total[k] += e
        if logs:
            for k in range(m):
                total[k] = log(total[k])
        else:
            for k in range(m):
                total[k] = x.dtype.type(1) / total[k]
        for j in range(n):
            row = x[base + j * inner : base + j * inner + m]
            target = out[base + j * inner : base + j * inner + m]
            if logs:
                for k in range(m):
                    target[k] = below(row[k], top[k], total[k])
            else:
                for k in range(m):
                    target[k] *= total[k]


@jit(parallel=True)
def softmax_columns_backward(g, y, gx, outer, n, inner, logs):
    """Gradient of ``softmax_columns``: one pass for the sums, one for the result."""
    totals = np.empty(outer * inner, g.dtype)
    width = tile_width(n)
    tiles = (inner + width - 1) // width
    for t in prange(outer * tiles):
        o = t // tiles
        lo = (t - o * tiles) * width
        m = min(width, inner - lo)
        base = o * n * inner + lo
        total = totals[o * inner + lo : o * inner + lo + m]
        for k in range(m):
            total[k] = g.dtype.type(0)
        for j in range(n):
            gj = g[base + j * inner : base + j * inner + m]
            yj = y[base + j * inner : base + j * inner + m]
            if logs:
                for k in range(m):
                    total[k] += gj[k]
            else:
                for k in range(m):
                    total[k] += gj[k] * yj[k]
        for j in range(n):
            gj = g[base + j * inner : base + j * inner + m]
            yj = y[base + j * inner : base + j * inner + m]
            row = gx[base + j * inner : base + j * inner + m]
            if logs:
                for k in range(m):
                    row[k] = gj[k] - exp_nonpositive(yj[k]) * total[k]
            else:
                for k in range(m):
                    row[k] = yj[k] * (gj[k] - total[k])


# The first of two is softmax, the second its logarithm.
ROWS = jit(softmax_rows, parallel=True), jit(log_softmax_rows, parallel=True)
ROWS_BACKWARD = jit(softmax_rows_backward, parallel=True), jit(log_softmax_rows_backward, parallel=True)
