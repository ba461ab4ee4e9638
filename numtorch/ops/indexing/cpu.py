"""CPU loops that read and write by position. Shapes are merged to (outer, n, inner); positions index the middle
dimension.

``back`` is added to a negative position: it is n if negative positions count from the end, and 0 if they are not
allowed. The kernels skip positions that are not allowed and return their number; the launcher raises the error.

Several writes to one element happen in the order of ``index``. Work is divided among threads by columns, so results do
not depend on the number of threads.
"""

from __future__ import annotations

import numpy as np

from numtorch.kernels.jit import jit, prange
from numtorch.kernels.math import exceeds
from numtorch.ops.movement.copies_cpu import RUNS
from numtorch.ops.movement.runs import copy_run

U = np.uint64  # an index that cannot be negative: Numba else asks whether it is, and LLVM does not vectorise
GRAIN = 1 << 12  # elements that a work item moves at least
CHUNK = 1 << 12  # elements of a mask that a work item counts
SET, ADD, MULTIPLY, LARGEST, SMALLEST = range(5)  # what a scattered element does to the one that is there


@jit
def outside(index, first, last, n, back):
    """How many of index[first:last] are not allowed: a pass of its own, as vectors, leaves the loops that move without
    a branch."""
    bad = 0
    for k in range(first, last):
        bad += U(np.int64(index[U(k)]) + back) >= U(n + back)
    return bad


@jit
def take_elements(x, index, out, base, first, last, target, back):
    """out[target + k] = x[base + index[k]]; by fours, because LLVM's vectors of addresses are slower than single
    loads"""
    k = first
    if back == 0:
        while k + 4 <= last:
            out[U(target + k)] = x[U(base + np.int64(index[U(k)]))]
            out[U(target + k + 1)] = x[U(base + np.int64(index[U(k + 1)]))]
            out[U(target + k + 2)] = x[U(base + np.int64(index[U(k + 2)]))]
            out[U(target + k + 3)] = x[U(base + np.int64(index[U(k + 3)]))]
            k += 4
    else:
        while k + 4 <= last:
            j0, j1, j2, j3 = (
                np.int64(index[U(k)]),
                np.int64(index[U(k + 1)]),
                np.int64(index[U(k + 2)]),
                np.int64(index[U(k + 3)]),
            )
            out[U(target + k)] = x[U(base + (j0 + back if j0 < 0 else j0))]
            out[U(target + k + 1)] = x[U(base + (j1 + back if j1 < 0 else j1))]
            out[U(target + k + 2)] = x[U(base + (j2 + back if j2 < 0 else j2))]
            out[U(target + k + 3)] = x[U(base + (j3 + back if j3 < 0 else j3))]
            k += 4
    while k < last:
        j = np.int64(index[U(k)])
        out[U(target + k)] = x[U(base + (j + back if j < 0 else j))]
        k += 1


@jit(parallel=True, needs=RUNS)
def take_slices(x, index, out, outer, n, inner, back):
    """out[i, k, :] = x[i, index[k], :]"""
    m = index.size
    rows = max(1, GRAIN // inner)
    spans = (m + rows - 1) // rows
    bad = 0 if outer == 1 else outside(index, 0, m, n, back)
    if bad > 0:
        return bad
    for item in prange(outer * spans):
        i = item // spans
        first = (item - i * spans) * rows
        last = min(first + rows, m)
        base = i * n
        wrong = outside(index, first, last, n, back) if outer == 1 else 0
        bad += wrong
        if wrong > 0:
            continue
        if inner == 1:
            take_elements(x, index, out, base, first, last, i * m, back)
        else:
            for k in range(first, last):
                j = np.int64(index[U(k)])
                j = j + back if j < 0 else j
                copy_run(x, (base + j) * inner, out, (i * m + k) * inner, inner)
    return bad


@jit(parallel=True, needs=RUNS)
def put_slices(out, index, y, outer, n, inner, add, back, cols):
    """out[i, index[k], :] = or += y[i, k, :], in the order of k: the last write wins. ``cols`` columns at a time."""
    m = index.size
    spans = (inner + cols - 1) // cols
    bad = outside(index, 0, m, n, back)
    if bad > 0:
        return bad
    for item in prange(outer * spans):
        i = item // spans
        c0 = (item - i * spans) * cols
        width = min(cols, inner - c0)
        if inner == 1:
            base, source = i * n, i * m
            if add:
                for k in range(m):
                    j = np.int64(index[U(k)])
                    out[U(base + (j + back if j < 0 else j))] += y[U(source + k)]
            else:
                for k in range(m):
                    j = np.int64(index[U(k)])
                    out[U(base + (j + back if j < 0 else j))] = y[U(source + k)]
        else:
            for k in range(m):
                j = np.int64(index[U(k)])
                j = j + back if j < 0 else j
                target = (i * n + j) * inner + c0
                source = (i * m + k) * inner + c0
                if add:
                    for c in range(width):
                        out[U(target + c)] += y[U(source + c)]
                else:
                    copy_run(y, source, out, target, width)
    return bad


@jit(parallel=True)
def gather_elements(x, index, out, outer, n, m, inner, back):
    """out[i, k, c] = x[i, index[i, k, c], c]"""
    if n == 0:  # no position is allowed, and there is no element to read in place of one that is not
        return outer * m * inner
    rows = max(1, GRAIN // inner)
    spans = (m + rows - 1) // rows
    bad = 0
    for item in prange(outer * spans):
        i = item // spans
        first = (item - i * spans) * rows
        last = min(first + rows, m)
        base = i * n * inner
        if inner == 1:
            wrong = outside(index, i * m + first, i * m + last, n, back)
            bad += wrong
            if wrong == 0:
                take_elements(x, index, out, base, i * m + first, i * m + last, 0, back)
        else:
            for k in range(first, last):
                row = (i * m + k) * inner
                for c in range(inner):
                    j = np.int64(index[U(row + c)])
                    j = j + back if j < 0 else j
                    beyond = U(j) >= U(n)
                    bad += beyond
                    out[U(row + c)] = x[U(base + (0 if beyond else j * inner + c))]
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
                    elif mode == LARGEST:  # chosen, not branched on: nobody could predict it. NaN stays, as in torch
                        old = out[target]
                        out[target] = v if exceeds(v, old) or v != v else old
                    else:
                        old = out[target]
                        out[target] = v if exceeds(old, v) or v != v else old
    return bad


@jit
def join_positions(flat, rows, cols, n, m):
    """flat = rows * m + cols, each counted from the end if negative, of ``n`` rows and ``m`` columns"""
    bad = outside(rows, 0, rows.size, n, n) + outside(cols, 0, cols.size, m, m)
    for k in range(rows.size):
        i, j = np.int64(rows[U(k)]), np.int64(cols[U(k)])
        flat[U(k)] = (i + n if i < 0 else i) * m + (j + m if j < 0 else j)
    return bad


@jit
def add_position(flat, index, n):
    """flat = flat * n + index, the index counted from the end if negative: positions in several dimensions as one."""
    bad = 0
    for k in range(index.size):
        j = np.int64(index[U(k)])
        j = j + n if j < 0 else j
        bad += U(j) >= U(n)
        flat[U(k)] = flat[U(k)] * n + j
    return bad


@jit
def count_chunk(mask, c):
    """How many elements of chunk c are not 0"""
    n = 0
    for i in range(c * CHUNK, min(c * CHUNK + CHUNK, mask.size)):
        n += mask[U(i)] != 0
    return n


@jit
def add_up(counts):
    """counts[c] = what the chunks before c count; returns the sum of all"""
    total = 0
    for c in range(counts.size):
        n = counts[U(c)]
        counts[U(c)] = total
        total += n
    return total


@jit(parallel=True)
def count_true(mask, starts):
    """How many elements are not 0; ``starts``, one for each chunk: how many before it"""
    for c in prange(starts.size):
        starts[c] = count_chunk(mask, c)
    return add_up(starts)


@jit(parallel=True)
def coordinates(mask, out, starts, sizes):
    """Row k of out: where the k-th element that is not 0 is, in each dimension"""
    d = sizes.size
    for c in prange(starts.size):
        k, end = starts[c], starts[c + 1] if c + 1 < starts.size else out.size // d
        flat = np.empty(end - k + 1, np.int64)  # one more than there are: without a branch, each position is written
        m = 0
        for i in range(c * CHUNK, min(c * CHUNK + CHUNK, mask.size)):
            flat[U(m)] = i
            m += mask[U(i)] != 0
        if d == 1:
            for i in range(m):
                out[U(k + i)] = flat[U(i)]
        else:
            for i in range(m):
                rest = flat[U(i)]
                for a in range(d - 1, 0, -1):
                    q = U(rest) // U(sizes[a])
                    out[U((k + i) * d + a)] = rest - np.int64(q) * sizes[a]
                    rest = np.int64(q)
                out[U((k + i) * d)] = rest


@jit(parallel=True)
def compress(x, mask, out, starts):
    """The elements of x where the mask is true, in order, as many before each chunk as ``count_true`` says"""
    for c in prange(starts.size):
        k, end = starts[c], starts[c + 1] if c + 1 < starts.size else out.size
        i = c * CHUNK
        while k < end:  # without a branch, each element is written to the next place
            out[U(k)] = x[U(i)]
            k += mask[U(i)] != 0
            i += 1


@jit(parallel=True)
def spread(x, mask, out):
    """out[i] = the next element of x where the mask is true, 0 elsewhere; returns how many are missing, and then writes
    nothing"""
    starts = np.empty((mask.size + CHUNK - 1) // CHUNK, np.int64)
    for c in prange(starts.size):
        starts[c] = count_chunk(mask, c)
    missing = add_up(starts) - x.size
    if missing > 0:
        return missing
    zero = out.dtype.type(0)
    for c in prange(starts.size):
        first, end = c * CHUNK, min(c * CHUNK + CHUNK, mask.size)
        places = np.empty(CHUNK + 1, np.int64)  # of true elements, found without a branch that nobody could predict
        m = 0
        for i in range(first, end):
            out[U(i)] = zero
            places[U(m)] = i
            m += mask[U(i)] != 0
        for j in range(m):
            out[U(places[U(j)])] = x[U(starts[c] + j)]
    return 0


@jit
def mark(out, index, n):
    """out[k, index[k]] = 1"""
    for k in range(index.size):
        out[k * n + index[k]] = 1
