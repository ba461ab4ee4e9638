"""Scan loops. Shapes are merged to (outer, n, inner); each of the outer * inner lines is scanned along the middle
dimension.

In one line every addition waits for the one before. Adjacent lines (inner > 1) are scanned as vectors, eight rows at a
time as eight chains. A long row is scanned as eight segments at a time; the sum of the segments before is added
afterwards. How a line is divided depends only on its length, so results do not depend on threads.

A float32 sum or product that overflowed stays non-finite, even if the next exact values would be finite. So a line that
is not finite at its end is scanned once more in float64. Other lines are not slowed down.
"""

from __future__ import annotations

import numpy as np

from numtorch.kernels.jit import jit, prange
from numtorch.kernels.math import exp, log

U = np.uint64  # an index that cannot be negative: Numba else asks whether it is, and LLVM does not vectorise
SEGMENT = 64  # elements of a chain in a long row
BLOCK = 8 * SEGMENT
CHUNK = 1 << 14  # elements of a long row that one thread scans at a time
COLUMNS = 256  # neighbouring lines that one thread scans at a time: the row before is still in the first cache
TILE = 256  # elements of a row whose exponentials are computed together


@jit
def left(v):
    """Whether a number is infinite or NaN"""
    return not abs(v) < np.inf


@jit
def sum_wide(x, out, at, n, step):
    """Sums of a line of n elements, ``step`` apart, in float64"""
    total = np.float64(0)
    for j in range(n):
        total += x[U(at + j * step)]
        out[U(at + j * step)] = total


@jit
def multiply_wide(x, out, at, n, step):
    """Products of a line, in float64"""
    total = np.float64(1)
    for j in range(n):
        total *= x[U(at + j * step)]
        out[U(at + j * step)] = total


@jit
def vanished(x, out, at, n, step):
    """Whether the products of a line have become 0 before a factor is"""
    for j in range(n):
        if x[U(at + j * step)] == 0:
            return False
        if out[U(at + j * step)] == 0:
            return True
    return False


@jit
def sum_block(x, out, at, step, carry):
    """out[at + step*i] = carry + x[at] + ... + x[at + step*i] for i below BLOCK; the last of them is returned"""
    zero = x.dtype.type(0)
    a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = zero
    s = SEGMENT * step
    for t in range(SEGMENT):
        p = at + t * step
        a0 += x[U(p)]
        out[U(p)] = a0
        a1 += x[U(p + s)]
        out[U(p + s)] = a1
        a2 += x[U(p + 2 * s)]
        out[U(p + 2 * s)] = a2
        a3 += x[U(p + 3 * s)]
        out[U(p + 3 * s)] = a3
        a4 += x[U(p + 4 * s)]
        out[U(p + 4 * s)] = a4
        a5 += x[U(p + 5 * s)]
        out[U(p + 5 * s)] = a5
        a6 += x[U(p + 6 * s)]
        out[U(p + 6 * s)] = a6
        a7 += x[U(p + 7 * s)]
        out[U(p + 7 * s)] = a7
    for k in range(8):
        first = at + k * s if step > 0 else at + k * s - SEGMENT + 1
        for t in range(first, first + SEGMENT):
            out[U(t)] += carry
        carry = out[U(at + k * s + (SEGMENT - 1) * step)]
    return carry


@jit
def sum_span(x, out, at, n, step, carry):
    """``sum_block`` over n elements, the rest one by one"""
    i = 0
    while i + BLOCK <= n:
        carry = sum_block(x, out, at + i * step, step, carry)
        i += BLOCK
    for p in range(i, n):
        carry = carry + x[U(at + p * step)]
        out[U(at + p * step)] = carry
    return carry


@jit(parallel=True)
def sum_rows(x, out, outer, n, reverse):
    """Sums along contiguous rows, long ones in chunks."""
    chunks = (n + CHUNK - 1) // CHUNK
    step = -1 if reverse else 1
    if n < BLOCK:
        groups = (outer + 7) // 8
        total = x.dtype.type(0)  # of all rows: finite only if each is
        for g in prange(groups):
            if g * 8 + 8 <= outer:
                total += sum_eight(x, out, (g * 8) * n + (n - 1 if reverse else 0), n, step)
            else:
                for r in range(g * 8, outer):
                    total += sum_span(x, out, r * n + (n - 1 if reverse else 0), n, step, x.dtype.type(0))
        for r in range(outer if left(total) else 0):
            if left(out[U(r * n + (0 if reverse else n - 1))]):
                sum_wide(x, out, r * n + (n - 1 if reverse else 0), n, step)
        return
    ends = np.empty(outer * chunks, x.dtype)
    for item in prange(outer * chunks):
        r = item // chunks
        i = (item - r * chunks) * CHUNK
        at = r * n + (n - 1 - i if reverse else i)
        ends[item] = sum_span(x, out, at, min(CHUNK, n - i), step, x.dtype.type(0))
    if chunks == 1:
        for r in prange(outer):
            if left(ends[U(r)]):
                sum_wide(x, out, r * n + (n - 1 if reverse else 0), n, step)
        return
    for r in range(outer):
        carry = x.dtype.type(0)
        for c in range(chunks):
            end = ends[U(r * chunks + c)]
            ends[U(r * chunks + c)] = carry
            carry = carry + end
    for item in prange(outer * chunks):
        r = item // chunks
        i = (item - r * chunks) * CHUNK
        m = min(CHUNK, n - i)
        first = r * n + (n - i - m if reverse else i)
        before = ends[item]
        for p in range(first, first + m):
            out[U(p)] += before
    for r in prange(outer):
        if left(out[U(r * n + (0 if reverse else n - 1))]):
            sum_wide(x, out, r * n + (n - 1 if reverse else 0), n, step)


@jit
def sum_eight(x, out, at, n, step):
    """Eight rows of n elements at once; returns the sum of all"""
    a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = x.dtype.type(0)
    for j in range(n):
        p = at + j * step
        a0 += x[U(p)]
        out[U(p)] = a0
        a1 += x[U(p + n)]
        out[U(p + n)] = a1
        a2 += x[U(p + 2 * n)]
        out[U(p + 2 * n)] = a2
        a3 += x[U(p + 3 * n)]
        out[U(p + 3 * n)] = a3
        a4 += x[U(p + 4 * n)]
        out[U(p + 4 * n)] = a4
        a5 += x[U(p + 5 * n)]
        out[U(p + 5 * n)] = a5
        a6 += x[U(p + 6 * n)]
        out[U(p + 6 * n)] = a6
        a7 += x[U(p + 7 * n)]
        out[U(p + 7 * n)] = a7
    return ((a0 + a1) + (a2 + a3)) + ((a4 + a5) + (a6 + a7))


@jit(parallel=True)
def sum_columns(x, out, outer, n, inner, reverse):
    """Sums along the middle extent, neighbouring columns as vectors"""
    spans = (inner + COLUMNS - 1) // COLUMNS
    for item in prange(outer * spans):
        i = item // spans
        c = (item - i * spans) * COLUMNS
        width = min(COLUMNS, inner - c)
        step = -inner if reverse else inner
        at = i * n * inner + c + ((n - 1) * inner if reverse else 0)
        for k in range(width):
            out[U(at + k)] = x[U(at + k)]
        for _ in range(1, n):
            before, at = at, at + step
            for k in range(width):
                out[U(at + k)] = out[U(before + k)] + x[U(at + k)]
        gone = 0
        for k in range(width):
            gone += left(out[U(at + k)])
        for k in range(width if gone else 0):
            if left(out[U(at + k)]):
                sum_wide(x, out, at + k - (n - 1) * step, n, step)


@jit(parallel=True)
def product(x, out, outer, n, inner):
    """Products along the middle extent, in order: parts of a line multiplied on their own might overflow.

    A product that has become 0 before a factor is has left the range as well.
    """
    if inner == 1:
        rows = max(1, COLUMNS // n)
        for item in prange((outer + rows - 1) // rows):
            multiply_rows(x, out, item * rows, min(item * rows + rows, outer), n)
        return
    spans = (inner + COLUMNS - 1) // COLUMNS
    for item in prange(outer * spans):
        i = item // spans
        c = (item - i * spans) * COLUMNS
        multiply_columns(x, out, i * n * inner + c, min(COLUMNS, inner - c), n, inner)


@jit(parallel=True)
def complex_product(x, out, outer, n, inner):
    """Products of complex numbers along the middle extent, in order"""
    for line in prange(outer * inner):
        i = line // inner
        at = i * n * inner + line - i * inner
        carry = x[U(at)]
        out[U(at)] = carry
        for _ in range(n - 1):
            at += inner
            carry = carry * x[U(at)]
            out[U(at)] = carry


@jit
def multiply_rows(x, out, first, last, n):
    """Products along the rows from ``first`` to ``last``"""
    least, most = x.dtype.type(1), x.dtype.type(0)
    for r in range(first, last):
        carry = x.dtype.type(1)
        for p in range(r * n, r * n + n):
            carry = carry * x[U(p)]
            out[U(p)] = carry
        least, most = min(least, abs(carry)), most + carry
    if x.dtype.type(0.5) != 0 and (least == 0 or left(most)):  # integers wrap around, and stay as they are
        for r in range(first, last):
            v = out[U(r * n + n - 1)]
            if left(v) or (v == 0 and vanished(x, out, r * n, n, 1)):
                multiply_wide(x, out, r * n, n, 1)


@jit
def multiply_columns(x, out, start, width, n, step):
    """Products along ``width`` neighbouring columns, whose elements are ``step`` apart"""
    at = start
    for k in range(width):
        out[U(at + k)] = x[U(at + k)]
    for _ in range(1, n):
        before, at = at, at + step
        for k in range(width):
            out[U(at + k)] = out[U(before + k)] * x[U(at + k)]
    gone = 0
    for k in range(width):
        gone += left(out[U(at + k)]) or out[U(at + k)] == 0
    for k in range(width if gone and x.dtype.type(0.5) != 0 else 0):
        v = out[U(at + k)]
        if left(v) or (v == 0 and vanished(x, out, start + k, n, step)):
            multiply_wide(x, out, start + k, n, step)


@jit
def product_gradient_wide(g, x, y, gx, at, n, step):
    """``product_gradient`` of one line that ends at ``at``, in float64"""
    s = np.float64(g[U(at)])
    for _ in range(n - 1):
        before = at - step
        gx[U(at)] = y[U(before)] * s
        s = g[U(before)] + x[U(at)] * s
        at = before
    gx[U(at)] = s


@jit(parallel=True)
def product_gradient(g, x, y, gx, outer, n, inner):
    """gx[j] = y[j - 1] * s[j] with s[j] = g[j] + x[j + 1] * s[j + 1]: the products of what is between; nothing is
    divided.

    s may be larger than float32 can hold and still meet a product of 0, or a small one.
    """
    spans = (inner + COLUMNS - 1) // COLUMNS
    for item in prange(outer * spans):
        i = item // spans
        c = (item - i * spans) * COLUMNS
        width = min(COLUMNS, inner - c)
        end = (i * n + n - 1) * inner + c
        at = end
        if inner == 1:
            s = g[U(at)]
            for _ in range(n - 1):
                gx[U(at)] = y[U(at - 1)] * s
                s = g[U(at - 1)] + x[U(at)] * s
                at -= 1
            gx[U(at)] = s
            if left(s):
                product_gradient_wide(g, x, y, gx, end, n, 1)
            continue
        s_row = np.empty(width, x.dtype)
        for k in range(width):
            s_row[k] = g[U(at + k)]
        for _ in range(n - 1):
            before = at - inner
            for k in range(width):
                s = s_row[k]
                gx[U(at + k)] = y[U(before + k)] * s
                s_row[k] = g[U(before + k)] + x[U(at + k)] * s
            at = before
        for k in range(width):
            gx[U(at + k)] = s_row[k]
        gone = 0
        for k in range(width):
            gone += left(s_row[k])
        for k in range(width if gone else 0):
            if left(s_row[k]):
                product_gradient_wide(g, x, y, gx, end + k, n, inner)


@jit(parallel=True)
def extreme(x, values, indices, outer, n, inner, sign):
    """The largest (sign 1) or smallest so far and where it is: of equal ones the last; NaN stays once it has come"""
    spans = (inner + COLUMNS - 1) // COLUMNS
    for item in prange(outer * spans):
        i = item // spans
        c = (item - i * spans) * COLUMNS
        width = min(COLUMNS, inner - c)
        at = i * n * inner + c
        if inner == 1:
            # A search for the next one, with little to do on the way: chains of choices would wait for each other.
            j = 0
            while j < n:
                best, where = x[U(at + j)], j
                while True:
                    values[U(at + j)] = best
                    indices[U(at + j)] = where
                    j += 1
                    if j == n:
                        break
                    v = x[U(at + j)]
                    if (v >= best if sign > 0 else v <= best) or v != v:
                        break
            continue
        for k in range(width):
            values[U(at + k)] = x[U(at + k)]
            indices[U(at + k)] = 0
        for j in range(1, n):
            before, at = at, at + inner
            for k in range(width):
                v, best = x[U(at + k)], values[U(before + k)]
                better = (v >= best if sign > 0 else v <= best) or v != v
                values[U(at + k)] = v if better else best
                indices[U(at + k)] = j if better else indices[U(before + k)]


@jit(inline=True)
def below(v, top, zero):
    """v - top; of equal infinities 0"""
    down = v - top
    return zero if v == top else down


@jit(parallel=True)
def logsumexp_rows(x, out, outer, n):
    """log of the sum of exp so far: with the largest so far, m, the sum s of exp(x - m) is scaled whenever m grows

    for each tile: m by comparing; exp(m before - m) and exp(x - m) as vectors; s by multiplying and adding; m + log(s)
    """
    for r in prange(outer):
        m, scale, term, s = (
            np.empty(TILE, x.dtype),
            np.empty(TILE, x.dtype),
            np.empty(TILE, x.dtype),
            np.empty(TILE, x.dtype),
        )
        top, zero, total = x.dtype.type(-np.inf), x.dtype.type(0), x.dtype.type(0)
        for i in range(0, n, TILE):
            width = min(TILE, n - i)
            first = r * n + i
            for k in range(width):
                v = x[U(first + k)]
                scale[k] = top
                if v > top or v != v:
                    top = v
                m[k] = top
                term[k] = v
            for k in range(width):
                scale[k] = exp(below(scale[k], m[k], zero))
                term[k] = exp(below(term[k], m[k], zero))
            for k in range(width):
                total = total * scale[k] + term[k]
                s[k] = total
            for k in range(width):
                s[k] = m[k] + log(s[k])
            for k in range(width):
                out[U(first + k)] = s[k]


@jit(parallel=True)
def logsumexp_columns(x, out, outer, n, inner):
    """As ``logsumexp_rows``, neighbouring columns as vectors"""
    spans = (inner + COLUMNS - 1) // COLUMNS
    for item in prange(outer * spans):
        i = item // spans
        c = (item - i * spans) * COLUMNS
        width = min(COLUMNS, inner - c)
        m, s, zero = np.empty(width, x.dtype), np.empty(width, x.dtype), x.dtype.type(0)
        at = i * n * inner + c
        for k in range(width):
            m[k] = out[U(at + k)] = x[U(at + k)]
            s[k] = x.dtype.type(1)
        for _ in range(1, n):
            at += inner
            for k in range(width):
                v, old = x[U(at + k)], m[k]
                new = v if v > old or v != v else old
                s[k] = s[k] * exp(below(old, new, zero)) + exp(below(v, new, zero))
                m[k] = new
                out[U(at + k)] = new + log(s[k])


@jit(parallel=True)
def logsumexp_gradient(g, x, y, gx, outer, n, inner):
    """gx[j] = exp(x[j] - y[j]) * s[j] with s[j] = g[j] + exp(y[j] - y[j + 1]) * s[j + 1], from the end

    along rows the exponentials of a tile come first, as vectors; elsewhere neighbouring columns are vectors
    """
    spans = (inner + COLUMNS - 1) // COLUMNS
    for item in prange(outer * spans):
        i = item // spans
        c = (item - i * spans) * COLUMNS
        start, zero = i * n * inner + c, x.dtype.type(0)
        if inner == 1:
            scale, s = np.empty(TILE, x.dtype), zero
            for end in range(n, 0, -TILE):
                first = max(end - TILE, 0)
                at, width = start + first, end - first
                last = width if end < n else width - 1
                for k in range(last):
                    scale[k] = exp(below(y[U(at + k)], y[U(at + k + 1)], zero))
                scale[last] = zero
                for k in range(width):
                    gx[U(at + k)] = exp(x[U(at + k)] - y[U(at + k)])
                for k in range(width - 1, -1, -1):
                    s = g[U(at + k)] + scale[k] * s
                    gx[U(at + k)] *= s
            continue
        width = min(COLUMNS, inner - c)
        s_row = np.empty(width, x.dtype)
        at = start + (n - 1) * inner
        for k in range(width):
            s_row[k] = g[U(at + k)]
            gx[U(at + k)] = exp(x[U(at + k)] - y[U(at + k)]) * s_row[k]
        for _ in range(1, n):
            after, at = at, at - inner
            for k in range(width):
                s_row[k] = g[U(at + k)] + exp(below(y[U(at + k)], y[U(after + k)], zero)) * s_row[k]
                gx[U(at + k)] = exp(x[U(at + k)] - y[U(at + k)]) * s_row[k]


@jit(parallel=True)
def recurrence(a, b, out, outer, n, inner, reverse):
    """out[j] = a[j] * out[j - 1] + b[j] along the middle extent; with ``reverse`` j + 1 comes before j"""
    spans = (inner + COLUMNS - 1) // COLUMNS
    for item in prange(outer * spans):
        i = item // spans
        c = (item - i * spans) * COLUMNS
        width = min(COLUMNS, inner - c)
        step = -inner if reverse else inner
        at = i * n * inner + c + ((n - 1) * inner if reverse else 0)
        for k in range(width):
            out[U(at + k)] = b[U(at + k)]
        for _ in range(1, n):
            before, at = at, at + step
            for k in range(width):
                out[U(at + k)] = a[U(at + k)] * out[U(before + k)] + b[U(at + k)]
