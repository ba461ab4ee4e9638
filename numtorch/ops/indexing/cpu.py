"""Loops that read and write by position: (outer, n, inner) extents, positions along the middle one.

A position below 0 has ``back`` added to it, which is n where such positions count from the end and 0 where they are
not allowed; it is then checked, as an unsigned number, where it is used. The kernels return how many are not allowed,
and touch nothing for them; the launcher raises.

What writes repeatedly to one element does so in the order of ``index``: work is shared among threads by columns,
so that results do not depend on their number.
"""

from __future__ import annotations

import numpy as np

from numtorch.kernels.jit import jit, prange

U = np.uint64  # an index that cannot be negative: Numba else asks whether it is, and LLVM does not vectorise
GRAIN = 1 << 12  # elements that a work item moves at least
SET, ADD, MULTIPLY, LARGEST, SMALLEST = range(5)  # what a scattered element does to the one that is there


@jit(parallel=True)
def take_slices(x, index, out, outer, n, inner, back):
    """out[i, k, :] = x[i, index[k], :]"""
    m = index.size
    rows = max(1, GRAIN // inner)
    spans = (m + rows - 1) // rows
    bad = 0
    for item in prange(outer * spans):
        i = item // spans
        first = (item - i * spans) * rows
        last = min(first + rows, m)
        base = i * n
        if inner == 1:
            bad += take_elements(x, index, out, base, first, last, i * m, n, back)
        else:
            for k in range(first, last):
                j = np.int64(index[U(k)])
                j = j + back if j < 0 else j
                if U(j) >= U(n):
                    bad += 1
                else:
                    source = (base + j) * inner
                    target = (i * m + k) * inner
                    for c in range(inner):
                        out[U(target + c)] = x[U(source + c)]
    return bad


@jit
def take_elements(x, index, out, base, first, last, target, n, back):
    """out[target + k] = x[base + index[k]], without a branch: as vectors"""
    bad = 0
    for k in range(first, last):
        j = np.int64(index[U(k)])
        j = j + back if j < 0 else j
        outside = U(j) >= U(n)
        bad += outside
        out[U(target + k)] = x[U(base + (0 if outside else j))]
    return bad


@jit(parallel=True)
def put_slices(out, index, y, outer, n, inner, add, back, cols):
    """out[i, index[k], :] = or += y[i, k, :], in the order of k: the last write wins. ``cols`` columns at a time."""
    m = index.size
    spans = (inner + cols - 1) // cols
    bad = 0
    for item in prange(outer * spans):
        i = item // spans
        c0 = (item - i * spans) * cols
        width = min(cols, inner - c0)
        for k in range(m):
            j = np.int64(index[U(k)])
            j = j + back if j < 0 else j
            if U(j) >= U(n):
                bad += 1
            else:
                target = (i * n + j) * inner + c0
                source = (i * m + k) * inner + c0
                if width == 1:
                    out[U(target)] = out[U(target)] + y[U(source)] if add else y[U(source)]
                elif add:
                    for c in range(width):
                        out[U(target + c)] += y[U(source + c)]
                else:
                    for c in range(width):
                        out[U(target + c)] = y[U(source + c)]
    return bad


@jit(parallel=True)
def gather_elements(x, index, out, outer, n, m, inner, back):
    """out[i, k, c] = x[i, index[i, k, c], c]"""
    rows = max(1, GRAIN // inner)
    spans = (m + rows - 1) // rows
    bad = 0
    for item in prange(outer * spans):
        i = item // spans
        first = (item - i * spans) * rows
        last = min(first + rows, m)
        base = i * n * inner
        if inner == 1:
            bad += take_elements(x, index, out, base, i * m + first, i * m + last, 0, n, back)
        else:
            for k in range(first, last):
                row = (i * m + k) * inner
                for c in range(inner):
                    j = np.int64(index[U(row + c)])
                    j = j + back if j < 0 else j
                    outside = U(j) >= U(n)
                    bad += outside
                    out[U(row + c)] = x[U(base + (0 if outside else j * inner + c))]
    return bad


@jit(parallel=True)
def scatter_elements(out, index, y, outer, n, m, inner, mode, back, cols):
    """out[i, index[i, k, c], c] = (or +=, *=, max=, min=) y[i, k, c], in the order of k. ``cols`` columns at a time."""
    spans = (inner + cols - 1) // cols
    bad = 0
    for item in prange(outer * spans):
        i = item // spans
        c0 = (item - i * spans) * cols
        c1 = min(c0 + cols, inner)
        base = i * n * inner
        # A row of single columns is one loop.
        steps, width = (1, m) if inner == 1 else (m, c1 - c0)
        for k in range(steps):
            row = (i * m + k) * inner + c0
            if mode == ADD:
                for c in range(width):
                    j = np.int64(index[U(row + c)])
                    j = j + back if j < 0 else j
                    if U(j) >= U(n):
                        bad += 1
                    else:
                        out[U(base + (j if inner == 1 else j * inner + c0 + c))] += y[U(row + c)]
            elif mode == SET:
                for c in range(width):
                    j = np.int64(index[U(row + c)])
                    j = j + back if j < 0 else j
                    if U(j) >= U(n):
                        bad += 1
                    else:
                        out[U(base + (j if inner == 1 else j * inner + c0 + c))] = y[U(row + c)]
            else:
                for c in range(width):
                    j = np.int64(index[U(row + c)])
                    j = j + back if j < 0 else j
                    if U(j) >= U(n):
                        bad += 1
                        continue
                    target = U(base + (j if inner == 1 else j * inner + c0 + c))
                    v = y[U(row + c)]
                    if mode == MULTIPLY:
                        out[target] *= v
                    elif mode == LARGEST:
                        if v > out[target] or v != v:  # NaN stays, as in torch
                            out[target] = v
                    elif v < out[target] or v != v:
                        out[target] = v
    return bad


@jit
def add_position(flat, index, n):
    """flat = flat * n + index, the index counted from the end if negative: positions in several dimensions as one."""
    bad = 0
    for k in range(index.size):
        j = np.int64(index[k])
        j = j + n if j < 0 else j
        bad += U(j) >= U(n)
        flat[k] = flat[k] * n + j
    return bad


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
