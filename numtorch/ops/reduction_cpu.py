"""CPU loops of maxima, minima and their positions: along rows, along columns; and the gradient, which goes back to
these positions.

Rows are divided into chunks by their length alone, and of equal elements the first one wins: results are the same for
any number of threads.
"""

from __future__ import annotations

import numpy as np

from numtorch.kernels.jit import jit, prange
from numtorch.kernels.math import max_number, min_number

BLOCK = 512  # elements whose extreme is found before positions are looked at: that loop is vector code
CHUNK = 1 << 16  # elements of a long row that a thread takes at a time
STRIP = 512  # columns walked together
U = np.uint64  # an index that cannot be negative


@jit
def largest(row):
    """The largest element of a nonempty array; NaN if there is one."""
    top = row[0]
    bad = row.dtype.type(0)
    for j in range(row.size):
        v = row[j]
        bad += row.dtype.type(1) if v != v else row.dtype.type(0)
        top = max_number(top, v)
    return row.dtype.type(np.nan) if bad > 0 else top


@jit
def smallest(row):
    """The smallest element of a nonempty array; NaN if there is one."""
    top = row[0]
    bad = row.dtype.type(0)
    for j in range(row.size):
        v = row[j]
        bad += row.dtype.type(1) if v != v else row.dtype.type(0)
        top = min_number(top, v)
    return row.dtype.type(np.nan) if bad > 0 else top


@jit
def place(row, sign):
    """Where the first largest element is (the smallest if sign < 0); NaN counts as either."""
    best = row[0]
    start = 0
    for first in range(0, row.size if row.size > BLOCK else 0, BLOCK):
        part = row[first : first + BLOCK]
        top = largest(part) if sign > 0 else smallest(part)
        if top != top:
            start = first
            break
        if (top > best) if sign > 0 else (top < best):
            best = top
            start = first
    part = row[start : start + BLOCK]
    top = largest(part) if sign > 0 else smallest(part)
    for j in range(part.size):
        if part[j] == top or part[j] != part[j]:
            return start + j
    return start


@jit(parallel=True)
def extreme_rows(x, values, indices, outer, n, sign):
    """values[i], indices[i] = the first extreme of x[i, :] and its position, by way of those of its chunks"""
    chunks = (n + CHUNK - 1) // CHUNK
    tops = values if chunks == 1 else np.empty(outer * chunks, x.dtype)
    places = indices if chunks == 1 else np.empty(outer * chunks, np.int64)
    for t in prange(outer * chunks):
        i = t // chunks
        lo = (t - i * chunks) * CHUNK
        row = x[i * n + lo : i * n + min(n, lo + CHUNK)]
        j = place(row, sign)
        tops[t] = row[j]
        places[t] = lo + j
    for i in range(outer if chunks > 1 else 0):
        best = tops[i * chunks]
        at = places[i * chunks]
        for t in range(i * chunks + 1, (i + 1) * chunks):
            v = tops[t]
            better = v > best if sign > 0 else v < best
            if (better or v != v) and best == best:
                best = v
                at = places[t]
        values[i] = best
        indices[i] = at


@jit(parallel=True)
def extreme_columns(x, values, indices, outer, n, inner, sign):
    """values[i, k], indices[i, k] = the first extreme of x[i, :, k] and its position, a strip of columns at a time"""
    strips = (inner + STRIP - 1) // STRIP
    for t in prange(outer * strips):
        i = t // strips
        lo = (t - i * strips) * STRIP
        m = min(STRIP, inner - lo)
        best = values[i * inner + lo : i * inner + lo + m]
        at = indices[i * inner + lo : i * inner + lo + m]
        row = x[i * n * inner + lo : i * n * inner + lo + m]
        for c in range(m):
            best[c] = row[c]
            at[c] = 0
        for j in range(1, n):
            row = x[(i * n + j) * inner + lo : (i * n + j) * inner + lo + m]
            for c in range(m):
                v = row[c]
                b = best[c]
                better = (((v > b) if sign > 0 else (v < b)) | (v != v)) & (b == b)
                best[c] = v if better else b
                at[c] = j if better else at[c]


@jit(parallel=True)
def repeat(g, gx, outer, n, inner, count):
    """gx[i, :, k] = g[i, k] / count"""
    divisor = g.dtype.type(count)
    for i in prange(outer):
        if inner == 1:
            gx[i * n : (i + 1) * n] = g[i] / divisor
        else:
            for j in range(i * n, (i + 1) * n):
                to = gx[j * inner : (j + 1) * inner]
                for k in range(inner):
                    to[k] = g[i * inner + k] / divisor


@jit(parallel=True)
def spread(g, indices, gx, outer, n, m, inner):
    """gx[i, indices[i, j, k], k] += g[i, j, k] for j below m, in zeros, a strip of columns at a time"""
    strips = (inner + STRIP - 1) // STRIP
    for t in prange(outer * strips):
        i = t // strips
        lo = (t - i * strips) * STRIP
        width = min(STRIP, inner - lo)
        if width == inner:
            gx[i * n * inner : (i + 1) * n * inner] = 0
        else:
            for j in range(i * n, i * n + n):
                gx[j * inner + lo : j * inner + lo + width] = 0
        for j in range(i * m, i * m + m):
            at = j * inner + lo
            for k in range(width):
                gx[U((i * n + indices[U(at + k)]) * inner + lo + k)] += g[U(at + k)]
