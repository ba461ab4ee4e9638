"""Scan loops. Shapes are merged to (outer, n, inner); each of the outer * inner lines is scanned along the middle
dimension.

What is carried along a line has the type of ``carry``, an array: float64 for float32, as in PyTorch. So long sums stay
exact to the last bit, and sums and products come back from beyond the range of float32.

In one line every addition waits for the one before. Adjacent lines (inner > 1) are scanned as vectors, eight rows at a
time as eight chains. A long row is scanned as eight segments at a time; the sum of the segments before is added
afterwards. How a line is divided depends only on its length, so results do not depend on threads.
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
def sum_in_order(x, out, at, n, step, carry):
    """out[at + step*i] = carry + x[at] + ... + x[at + step*i] for i below n; the last of them is returned"""
    for j in range(n):
        carry = carry + x[U(at + j * step)]
        out[U(at + j * step)] = carry
    return carry


@jit
def sum_block(x, out, at, step, carry, sums):
    """``sum_in_order`` of BLOCK elements; ``sums`` is as long and takes the sums of each segment, as they lie in x"""
    zero = sums.dtype.type(0)
    a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = zero
    first = at if step > 0 else at - BLOCK + 1
    s = SEGMENT * step
    for t in range(SEGMENT):
        p = at + t * step
        q = p - first
        a0 += x[U(p)]
        sums[U(q)] = a0
        a1 += x[U(p + s)]
        sums[U(q + s)] = a1
        a2 += x[U(p + 2 * s)]
        sums[U(q + 2 * s)] = a2
        a3 += x[U(p + 3 * s)]
        sums[U(q + 3 * s)] = a3
        a4 += x[U(p + 4 * s)]
        sums[U(q + 4 * s)] = a4
        a5 += x[U(p + 5 * s)]
        sums[U(q + 5 * s)] = a5
        a6 += x[U(p + 6 * s)]
        sums[U(q + 6 * s)] = a6
        a7 += x[U(p + 7 * s)]
        sums[U(q + 7 * s)] = a7
    for k in range(8):
        q = k * SEGMENT if step > 0 else (7 - k) * SEGMENT
        for t in range(q, q + SEGMENT):
            out[U(first + t)] = sums[U(t)] + carry
        carry = carry + sums[U(q + SEGMENT - 1 if step > 0 else q)]
    return carry


@jit
def sum_span(x, out, at, n, step, carry):
    """``sum_block`` over n elements, the rest one by one"""
    sums, total = np.empty(BLOCK, carry.dtype), carry[0]
    i = 0
    while i + BLOCK <= n:
        total = sum_block(x, out, at + i * step, step, total, sums)
        i += BLOCK
    return sum_in_order(x, out, at + i * step, n - i, step, total)


@jit
def total_of(x, begin, end, zero):
    """The sum of x[begin:end]"""
    a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = zero
    p = begin
    while p + 8 <= end:
        a0 += x[U(p)]
        a1 += x[U(p + 1)]
        a2 += x[U(p + 2)]
        a3 += x[U(p + 3)]
        a4 += x[U(p + 4)]
        a5 += x[U(p + 5)]
        a6 += x[U(p + 6)]
        a7 += x[U(p + 7)]
        p += 8
    total = ((a0 + a1) + (a2 + a3)) + ((a4 + a5) + (a6 + a7))
    for k in range(p, end):
        total = total + x[U(k)]
    return total


@jit(parallel=True)
def sum_rows(x, out, carry, outer, n, reverse):
    """Sums along contiguous rows, long ones in chunks, whose totals are known before they are scanned."""
    step, chunks = -1 if reverse else 1, (n + CHUNK - 1) // CHUNK
    if n < BLOCK:
        for g in prange((outer + 7) // 8):
            if g * 8 + 8 <= outer:
                sum_eight(x, out, g * 8 * n + (n - 1 if reverse else 0), n, step, carry.dtype.type(0))
            else:
                for r in range(g * 8, outer):
                    sum_in_order(x, out, r * n + (n - 1 if reverse else 0), n, step, carry.dtype.type(0))
        return
    before = np.zeros(outer * chunks, carry.dtype)
    for item in prange(outer * chunks if chunks > 1 else 0):
        r = item // chunks
        i = (item - r * chunks) * CHUNK
        m = min(CHUNK, n - i)
        first = r * n + (n - i - m if reverse else i)
        before[item] = total_of(x, first, first + m, carry.dtype.type(0))
    for r in range(outer if chunks > 1 else 0):
        total = carry.dtype.type(0)
        for c in range(chunks):
            t = before[U(r * chunks + c)]
            before[U(r * chunks + c)] = total
            total = total + t
    for item in prange(outer * chunks):
        r = item // chunks
        i = (item - r * chunks) * CHUNK
        at = r * n + (n - 1 - i if reverse else i)
        sum_span(x, out, at, min(CHUNK, n - i), step, before[item : item + 1])
    for r in prange(outer):
        # Parts of a line may leave the range of their type where the sums in order do not.
        if not abs(out[U(r * n + (0 if reverse else n - 1))]) < np.inf:
            sum_in_order(x, out, r * n + (n - 1 if reverse else 0), n, step, carry.dtype.type(0))


@jit
def sum_eight(x, out, at, n, step, zero):
    """Eight rows of n elements at once"""
    a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = zero
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


@jit(parallel=True)
def sum_columns(x, out, carry, outer, n, inner, reverse):
    """Sums along the middle extent, neighbouring columns as vectors"""
    spans = (inner + COLUMNS - 1) // COLUMNS
    for item in prange(outer * spans):
        i = item // spans
        c = (item - i * spans) * COLUMNS
        width = min(COLUMNS, inner - c)
        step = -inner if reverse else inner
        at = i * n * inner + c + ((n - 1) * inner if reverse else 0)
        sums = np.zeros(width, carry.dtype)
        for _ in range(n):
            for k in range(width):
                total = sums[U(k)] + x[U(at + k)]
                sums[U(k)] = total
                out[U(at + k)] = total
            at += step


@jit
def multiply_rows(x, out, first, last, n, one):
    """Products along the rows from ``first`` to ``last``"""
    for r in range(first, last):
        total = one
        for p in range(r * n, r * n + n):
            total = total * x[U(p)]
            out[U(p)] = total


@jit(parallel=True)
def product(x, out, carry, outer, n, inner):
    """Products along the middle extent, in order: parts of a line multiplied on their own might overflow."""
    if inner == 1:
        rows = max(1, COLUMNS // n)
        for item in prange((outer + rows - 1) // rows):
            multiply_rows(x, out, item * rows, min(item * rows + rows, outer), n, carry.dtype.type(1))
        return
    spans = (inner + COLUMNS - 1) // COLUMNS
    for item in prange(outer * spans):
        i = item // spans
        c = (item - i * spans) * COLUMNS
        width = min(COLUMNS, inner - c)
        at = i * n * inner + c
        products = np.ones(width, carry.dtype)
        for _ in range(n):
            for k in range(width):
                total = products[U(k)] * x[U(at + k)]
                products[U(k)] = total
                out[U(at + k)] = total
            at += inner


@jit(parallel=True)
def product_gradient(g, x, y, gx, carry, outer, n, inner):
    """gx[j] = y[j - 1] * s[j] with s[j] = g[j] + x[j + 1] * s[j + 1]: the products of what is between; nothing is
    divided.

    s may be larger than float32 can hold and still meet a product of 0, or a small one.
    """
    spans = (inner + COLUMNS - 1) // COLUMNS
    for item in prange(outer * spans):
        i = item // spans
        c = (item - i * spans) * COLUMNS
        width = min(COLUMNS, inner - c)
        at = (i * n + n - 1) * inner + c
        if inner == 1:
            s = carry.dtype.type(g[U(at)])
            for _ in range(n - 1):
                gx[U(at)] = y[U(at - 1)] * s
                s = g[U(at - 1)] + x[U(at)] * s
                at -= 1
            gx[U(at)] = s
            continue
        s_row = np.empty(width, carry.dtype)
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
def logsumexp_rows(x, out, carry, outer, n):
    """log of the sum of exp so far: with the largest so far, m, the sum s of exp(x - m) is scaled whenever m grows

    for each tile: m by comparing; exp(m before - m) and exp(x - m) as vectors; s by multiplying and adding; m + log(s)
    """
    rows = max(1, TILE // n)
    for item in prange((outer + rows - 1) // rows):
        m, scale, term, s = (
            np.empty(TILE, x.dtype),
            np.empty(TILE, x.dtype),
            np.empty(TILE, x.dtype),
            np.empty(TILE, x.dtype),
        )
        zero = x.dtype.type(0)
        for r in range(item * rows, min(item * rows + rows, outer)):
            top, total = x.dtype.type(-np.inf), carry.dtype.type(0)
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
def logsumexp_columns(x, out, carry, outer, n, inner):
    """As ``logsumexp_rows``, neighbouring columns as vectors"""
    spans = (inner + COLUMNS - 1) // COLUMNS
    for item in prange(outer * spans):
        i = item // spans
        c = (item - i * spans) * COLUMNS
        width = min(COLUMNS, inner - c)
        m, scale, term, zero = (
            np.empty(width, x.dtype),
            np.empty(width, x.dtype),
            np.empty(width, x.dtype),
            x.dtype.type(0),
        )
        s = np.ones(width, carry.dtype)
        at = i * n * inner + c
        for k in range(width):
            m[U(k)] = x[U(at + k)]
            out[U(at + k)] = x[U(at + k)]
        for _ in range(1, n):
            at += inner
            for k in range(width):
                v, old = x[U(at + k)], m[U(k)]
                new = v if v > old or v != v else old
                scale[U(k)] = exp(below(old, new, zero))
                term[U(k)] = exp(below(v, new, zero))
                m[U(k)] = new
            for k in range(width):
                total = s[U(k)] * scale[U(k)] + term[U(k)]
                s[U(k)] = total
                term[U(k)] = total
            for k in range(width):
                out[U(at + k)] = m[U(k)] + log(term[U(k)])


@jit(parallel=True)
def logsumexp_gradient(g, x, y, gx, carry, outer, n, inner):
    """gx[j] = exp(x[j] - y[j]) * s[j] with s[j] = g[j] + exp(y[j] - y[j + 1]) * s[j + 1], from the end

    along rows the exponentials of a tile come first, as vectors; elsewhere neighbouring columns are vectors
    """
    spans = (inner + COLUMNS - 1) // COLUMNS
    for item in prange(outer * spans):
        i = item // spans
        c = (item - i * spans) * COLUMNS
        start, zero = i * n * inner + c, x.dtype.type(0)
        if inner == 1:
            scale, s = np.empty(TILE, x.dtype), carry.dtype.type(0)
            for end in range(n, 0, -TILE):
                first = max(end - TILE, 0)
                at, width = start + first, end - first
                last = width if end < n else width - 1
                for k in range(last):
                    scale[k] = exp(below(y[U(at + k)], y[U(at + k + 1)], zero))
                if last < width:
                    scale[last] = zero
                for k in range(width):
                    gx[U(at + k)] = exp(x[U(at + k)] - y[U(at + k)])
                for k in range(width - 1, -1, -1):
                    s = g[U(at + k)] + scale[k] * s
                    gx[U(at + k)] *= s
            continue
        width = min(COLUMNS, inner - c)
        s_row = np.empty(width, carry.dtype)
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
def recurrence(a, b, out, carry, outer, n, inner, reverse):
    """out[j] = a[j] * out[j - 1] + b[j] along the middle extent; with ``reverse`` j + 1 comes before j"""
    spans = (inner + COLUMNS - 1) // COLUMNS
    for item in prange(outer * spans):
        i = item // spans
        c = (item - i * spans) * COLUMNS
        width = min(COLUMNS, inner - c)
        step = -inner if reverse else inner
        at = i * n * inner + c + ((n - 1) * inner if reverse else 0)
        last = np.empty(width, carry.dtype)
        for k in range(width):
            last[k] = b[U(at + k)]
            out[U(at + k)] = b[U(at + k)]
        for _ in range(1, n):
            at += step
            for k in range(width):
                last[k] = a[U(at + k)] * last[k] + b[U(at + k)]
                out[U(at + k)] = last[k]
