"""Loops that read and write by position: (outer, n, inner) extents, positions along the middle one.

A position is wrapped if negative and checked where it is used: ``low`` is the smallest one allowed, 0 or -n. The
kernels return the first that is not allowed (as its place in ``index``), or -1; the launcher raises.

What writes repeatedly to one element does so in the order of ``index``: work is shared among threads by columns,
so that results do not depend on their number.
"""

from __future__ import annotations

import numpy as np

from numtorch.kernels.jit import jit, prange

U = np.uint64  # an index that cannot be negative: Numba else asks whether it is, and LLVM does not vectorise
NONE = 1 << 62  # no position is bad: larger than any place
GRAIN = 1 << 12  # elements that a work item moves at least
SET, ADD, MULTIPLY, LARGEST, SMALLEST = range(5)  # what a scattered element does to the one that is there


@jit(parallel=True)
def take_slices(x, index, out, outer, n, inner, low):
    """out[i, k, :] = x[i, index[k], :]"""
    m = index.size
    rows = max(1, GRAIN // inner)
    spans = (m + rows - 1) // rows
    bad = NONE
    for item in prange(outer * spans):
        i = item // spans
        first = (item - i * spans) * rows
        for k in range(first, min(first + rows, m)):
            j = index[k]
            if j < low or j >= n:
                bad = min(bad, k)
                continue
            j = j + n if j < 0 else j
            source = (i * n + j) * inner
            target = (i * m + k) * inner
            if inner == 1:
                out[U(target)] = x[U(source)]
            else:
                for c in range(inner):
                    out[U(target + c)] = x[U(source + c)]
    return -1 if bad == NONE else bad


@jit(parallel=True)
def put_slices(out, index, y, outer, n, inner, add, low, cols):
    """out[i, index[k], :] = or += y[i, k, :], in the order of k: the last write wins. ``cols`` columns at a time."""
    m = index.size
    spans = (inner + cols - 1) // cols
    bad = NONE
    for item in prange(outer * spans):
        i = item // spans
        c0 = (item - i * spans) * cols
        width = min(cols, inner - c0)
        for k in range(m):
            j = index[k]
            if j < low or j >= n:
                bad = min(bad, k)
                continue
            j = j + n if j < 0 else j
            target = (i * n + j) * inner + c0
            source = (i * m + k) * inner + c0
            if add:
                for c in range(width):
                    out[U(target + c)] += y[U(source + c)]
            else:
                for c in range(width):
                    out[U(target + c)] = y[U(source + c)]
    return -1 if bad == NONE else bad


@jit(parallel=True)
def gather_elements(x, index, out, outer, n, m, inner, low):
    """out[i, k, c] = x[i, index[i, k, c], c]"""
    rows = max(1, GRAIN // inner)
    spans = (m + rows - 1) // rows
    bad = NONE
    for item in prange(outer * spans):
        i = item // spans
        first = (item - i * spans) * rows
        last = min(first + rows, m)
        if inner == 1:
            base = i * n
            for at in range(i * m + first, i * m + last):
                j = index[U(at)]
                if j < low or j >= n:
                    bad = min(bad, at)
                    continue
                out[U(at)] = x[U(base + (j + n if j < 0 else j))]
        else:
            for k in range(first, last):
                row = (i * m + k) * inner
                base = i * n * inner
                for c in range(inner):
                    j = index[U(row + c)]
                    if j < low or j >= n:
                        bad = min(bad, row + c)
                        continue
                    out[U(row + c)] = x[U(base + (j + n if j < 0 else j) * inner + c)]
    return -1 if bad == NONE else bad


@jit(parallel=True)
def scatter_elements(out, index, y, outer, n, m, inner, mode, low, cols):
    """out[i, index[i, k, c], c] = (or +=, *=, max=, min=) y[i, k, c], in the order of k. ``cols`` columns at a time."""
    spans = (inner + cols - 1) // cols
    bad = NONE
    for item in prange(outer * spans):
        i = item // spans
        c0 = (item - i * spans) * cols
        c1 = min(c0 + cols, inner)
        for k in range(m):
            row = (i * m + k) * inner
            base = i * n * inner
            for c in range(c0, c1):
                j = index[U(row + c)]
                if j < low or j >= n:
                    bad = min(bad, row + c)
                    continue
                target = base + (j + n if j < 0 else j) * inner + c
                v = y[U(row + c)]
                if mode == SET:
                    out[U(target)] = v
                elif mode == ADD:
                    out[U(target)] += v
                elif mode == MULTIPLY:
                    out[U(target)] *= v
                elif mode == LARGEST:
                    if v > out[U(target)] or v != v:  # NaN stays, as in torch
                        out[U(target)] = v
                elif v < out[U(target)] or v != v:
                    out[U(target)] = v
    return -1 if bad == NONE else bad


@jit
def add_position(flat, index, n, low):
    """flat = flat * n + index, the index wrapped: positions in several dimensions as one."""
    bad = NONE
    for k in range(index.size):
        j = index[k]
        if j < low or j >= n:
            bad = min(bad, k)
        flat[k] = flat[k] * n + (j + n if j < 0 else j)
    return -1 if bad == NONE else bad


@jit
def true_positions(x, out):
    """Flat positions of nonzero elements; out has room for one more than there are."""
    k = 0
    for i in range(x.size):
        out[k] = i
        k += x[i] != 0


@jit(parallel=True)
def coordinates(flat, out, count, sizes):
    """Row k of out: the position flat[k] in each dimension"""
    d = sizes.size
    for k in prange(count):
        rest = flat[k]
        for a in range(d - 1, -1, -1):
            q = rest // sizes[a]
            out[U(k * d + a)] = rest - q * sizes[a]
            rest = q


@jit
def compress(x, mask, out):
    """The elements of x where the mask is true, in order; out has room for one more than there are"""
    k = 0
    for i in range(x.size):
        out[k] = x[i]
        k += mask[i] != 0


@jit
def spread(x, mask, out):
    """out[i] = the next element of x where the mask is true, 0 elsewhere"""
    k = 0
    for i in range(mask.size):
        if mask[i]:
            out[i] = x[k]
            k += 1
        else:
            out[i] = out.dtype.type(0)


@jit
def mark(out, index, n):
    """out[k, index[k]] = 1"""
    for k in range(index.size):
        out[k * n + index[k]] = 1
