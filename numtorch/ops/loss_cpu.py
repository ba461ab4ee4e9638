"""CPU loops of the cross entropy between scores and class indices. Scores are (rows, n), or (outer, n, inner) as in
segmentation.

Rows are divided into blocks by the shape alone, and block sums are added in order: results are the same for any number
of threads.
"""

from __future__ import annotations

import numpy as np

from numtorch.dispatch.program import shared_from
from numtorch.kernels.codegen.rows import BLOCK, LONG, strip_width
from numtorch.kernels.jit import ORDERED, jit, prange
from numtorch.kernels.math import exp_nonpositive, log
from numtorch.ops.reduction_cpu import largest

EXPONENTIAL = 8  # what an element costs, in additions
PARALLEL_ELEMENTS = shared_from(EXPONENTIAL)


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


@jit
def first_bad_label(t, classes, ignore):
    """Position of the first label that is neither a class nor the ignored one; -1 if there is none."""
    bad = 0
    for i in range(t.size):  # without a way out this is vector code
        bad += ((t[i] < 0) | (t[i] >= classes)) & (t[i] != ignore)
    if bad == 0:
        return -1
    for i in range(t.size):
        if (t[i] < 0 or t[i] >= classes) and t[i] != ignore:
            return i
    return -1


@jit
def first_improbable(x):
    """Position of the first element that is not between 0 and 1; -1 if there is none."""
    bad = 0
    for i in range(x.size):  # without a way out this is vector code
        bad += not ((x[i] >= 0) & (x[i] <= 1))
    if bad == 0:
        return -1
    for i in range(x.size):
        if not (x[i] >= 0 and x[i] <= 1):
            return i
    return -1


@jit
def count_kept(t, ignore):
    """How many labels are not the ignored one."""
    kept = 0
    for i in range(t.size):
        kept += t[i] != ignore
    return kept


# The loops over a block are functions of their own: compiled once, they round alike in serial and parallel callers.


@jit(fastmath=ORDERED)
def with_one_more(loss, x, top, log_total):
    """loss + log_total + top - x, where sums as large as top and x meet only in their difference."""
    return loss + (log_total - (x - top))


@jit
def block_loss(x, t, n, ignore):
    """The sum of the losses of a few rows."""
    rows = t.size
    tops = np.empty(rows, x.dtype)
    totals = np.empty(rows, x.dtype)
    exponentials(x, np.empty(rows * n, x.dtype), tops, totals, rows, n)
    loss = x.dtype.type(0)
    for i in range(rows):  # apart from what follows this is vector code
        totals[i] = log(totals[i])
    for i in range(rows):
        label = t[i]
        if label != ignore:
            loss = with_one_more(loss, x[i * n + label], tops[i], totals[i])
    return loss


@jit
def block_gradient(x, t, gx, each, n, ignore):
    """gx[i, j] = each * (exp(x[i, j]) / sum over j of exp(x[i, j]) - (j == t[i])), 0 in ignored rows"""
    rows = t.size
    totals = np.empty(rows, x.dtype)
    exponentials(x, gx, np.empty(rows, x.dtype), totals, rows, n)
    for i in range(rows):
        row = gx[i * n : (i + 1) * n]
        label = t[i]
        if label == ignore:
            for j in range(n):
                row[j] = x.dtype.type(0)
            continue
        scale = each / totals[i]
        for j in range(n):
            row[j] *= scale
        row[label] -= each


def cross_entropy_blocks(x, t, sums, rows, n, ignore):
    """sums[b] = over the rows i of block b: log(sum over j of exp(x[i, j])) - x[i, t[i]]"""
    per = max(1, BLOCK // n)
    for b in prange(sums.size):
        lo = b * per
        hi = min(rows, lo + per)
        sums[b] = block_loss(x[lo * n : hi * n], t[lo:hi], n, ignore)


@jit(parallel=True)
def cross_entropy_blocks_backward(g, x, t, gx, rows, n, ignore):
    """The gradient of the mean over kept rows, times g[0]."""
    per = max(1, BLOCK // n)
    each = g[0] / g.dtype.type(count_kept(t, ignore))
    for b in prange((rows + per - 1) // per):
        lo = b * per
        hi = min(rows, lo + per)
        block_gradient(x[lo * n : hi * n], t[lo:hi], gx[lo * n : hi * n], each, n, ignore)


@jit
def mean_of(sums, t, out, ignore):
    """out[0] = sum of sums / number of kept labels; NaN if there are none, as in torch"""
    total = sums.dtype.type(0)
    for b in range(sums.size):
        total += sums[b]
    out[0] = total / sums.dtype.type(count_kept(t, ignore))


@jit
def column_sums(x, top, total, base, n, inner):
    """top[k] = max x[:, k]; total[k] = sum over j of exp(x[j, k] - top[k]): a tile of columns that begins at
    ``base``"""
    m = top.size
    start_columns(x, top, total, base, n, inner)
    for j in range(n):
        row = x[base + j * inner : base + j * inner + m]
        for k in range(m):
            total[k] += exp_nonpositive(row[k] - top[k])


@jit(parallel=True)
def cross_entropy_columns(x, t, sums, outer, n, inner, ignore):
    """sums[b] = over the columns of tile b: log(sum over j of exp(x[j, k])) - x[t[k], k]"""
    width = strip_width(n)
    tiles = (inner + width - 1) // width
    tops, totals = np.empty(outer * inner, x.dtype), np.empty(outer * inner, x.dtype)
    for b in prange(outer * tiles):
        o = b // tiles
        lo = (b - o * tiles) * width
        m = min(width, inner - lo)
        at = o * inner + lo
        base = o * n * inner + lo
        top = tops[at : at + m]
        total = totals[at : at + m]
        label = t[at : at + m]
        column_sums(x, top, total, base, n, inner)
        for k in range(m):
            total[k] = log(total[k])
        loss = x.dtype.type(0)
        for k in range(m):
            if label[k] != ignore:
                loss = with_one_more(loss, x[base + label[k] * inner + k], top[k], total[k])
        sums[b] = loss


@jit(parallel=True)
def cross_entropy_columns_backward(g, x, t, gx, outer, n, inner, ignore):
    """The gradient of the mean over kept columns, times g[0]; 0 in ignored ones."""
    width = strip_width(n)
    tiles = (inner + width - 1) // width
    tops, totals = np.empty(outer * inner, x.dtype), np.empty(outer * inner, x.dtype)
    each = g[0] / g.dtype.type(count_kept(t, ignore))
    for b in prange(outer * tiles):
        o = b // tiles
        lo = (b - o * tiles) * width
        m = min(width, inner - lo)
        at = o * inner + lo
        base = o * n * inner + lo
        top = tops[at : at + m]
        share = totals[at : at + m]
        label = t[at : at + m]
        column_sums(x, top, share, base, n, inner)
        for k in range(m):
            share[k] = each / share[k] if label[k] != ignore else x.dtype.type(0)
        for j in range(n):
            row = x[base + j * inner : base + j * inner + m]
            target = gx[base + j * inner : base + j * inner + m]
            for k in range(m):
                v = exp_nonpositive(row[k] - top[k]) * share[k]
                target[k] = v if share[k] != x.dtype.type(0) else x.dtype.type(0)
        for k in range(m):
            if label[k] != ignore:
                gx[base + label[k] * inner + k] -= each


BLOCKS = jit(cross_entropy_blocks, parallel=True)


@jit
def forward_small(x, t, out, rows, n, ignore):
    """The whole of a small cross entropy in one call; returns the number of the first bad label, counted from 1, or
    0."""
    bad = first_bad_label(t, n, ignore)
    if bad < 0:
        sums = np.empty((rows + max(1, BLOCK // n) - 1) // max(1, BLOCK // n), x.dtype)
        SERIAL(x, t, sums, rows, n, ignore)
        mean_of(sums, t, out, ignore)
    return bad + 1


SERIAL = jit(cross_entropy_blocks, inline=True)


@jit
def picked_mean(x, t, out, n, ignore):
    """out[0] = -mean of x[i, t[i]] over the labels that are kept; returns the number of the first bad label, counted
    from 1, or 0"""
    total = x.dtype.type(0)
    kept = 0
    for i in range(t.size):
        label = t[i]
        if label == ignore:
            continue
        if label < 0 or label >= n:
            return i + 1
        total += x[i * n + label]
        kept += 1
    out[0] = -total / x.dtype.type(kept)
    return 0


@jit(parallel=True)
def spread_mean(g, t, gx, n, ignore):
    """gx[i, j] = -g[0] / number of kept labels where j is the kept label t[i], else 0"""
    each = -g[0] / g.dtype.type(count_kept(t, ignore))
    for i in prange(t.size):
        row = gx[i * n : (i + 1) * n]
        for j in range(n):
            row[j] = g.dtype.type(0)
        if t[i] != ignore:
            row[t[i]] = each


def forward(x, t, out, outer, n, inner, ignore):
    """Mean cross entropy of flat x (outer, n, inner) and labels t into out (1); the number of the first bad label, or
    0."""
    bad = first_bad_label(t, n, ignore)
    if bad < 0:
        if inner == 1:
            sums = np.empty(-(-outer // max(1, BLOCK // n)), x.dtype)
            BLOCKS(x, t, sums, outer, n, ignore)
        else:
            sums = np.empty(outer * -(-inner // strip_width(n)), x.dtype)
            sized(cross_entropy_columns, x.size)(x, t, sums, outer, n, inner, ignore)
        mean_of(sums, t, out, ignore)
    return bad + 1


def sized(function, elements):
    """The serial or the parallel twin of a loop with an exponential for each element."""
    return function if elements >= PARALLEL_ELEMENTS else function.serial
