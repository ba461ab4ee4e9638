"""CPU loops of variances and norms. A variance reads its elements from memory once, one *piece* at a time.

A piece is a part of a row, or of a strip of columns, that fits the cache. Its sum gives a mean. The distances from this
mean give a correction for what rounding took from the mean and from the squares. Pieces combine in order in float64
(Chan, Golub, LeVeque 1979), so that results do not depend on threads:

    rows      each row is contiguous
    planes    rows (i, k) of (a, b, c) elements; the rows of one k belong together; few long rows are planes with a = 1
    columns   the middle dimension of (outer, n, inner) elements, a strip of columns at a time

What overflows, or falls below the normal numbers, is computed once more in float64, scaled.
"""

from __future__ import annotations

import numpy as np

from numtorch.kernels.codegen.reduction import LINE, STRIP
from numtorch.kernels.jit import FAST, jit, prange
from numtorch.kernels.math import max_number, min_number, sqrt
from numtorch.kernels.math import pow as power

SHORT = 32  # elements below which powers are worth no memory of their own
BLOCK = 4096  # elements of a piece of a row
PIECE = 1 << 15  # elements of a piece of a strip of columns
# Where a mean is subtracted and what rounding has taken from it is added, LLVM must not put the two together first.
ORDERED = FAST - {"reassoc"}
SMALL, LARGE = 2.0**-600, 2.0**600
FAR = np.float32(256.0)


@jit
def total_of(row):
    """The sum of a piece."""
    total = row.dtype.type(0)
    for j in range(row.size):
        total += row[j]
    return total


@jit
def squares_of(row, mean):
    """The sum of squared distances of a piece from a number."""
    total = row.dtype.type(0)
    for j in range(row.size):
        d = row[j] - mean
        total += d * d
    return total


@jit
def distances(row, mean):
    """The sums of the distances of a piece from a number, and of their squares."""
    total = row.dtype.type(0)
    square = row.dtype.type(0)
    for j in range(row.size):
        d = row[j] - mean
        total += d
        square += d * d
    return total, square


@jit
def distant(total, square, count):
    """Whether a number is so far from the mean of ``count`` elements that the squares say more of that than of the
    elements."""
    shift = total * (total / count)
    return (shift + shift) + (shift + shift) > square


@jit
def normal(x, value):
    """Whether a variance is a normal number of the type of x."""
    return np.finfo(x.dtype).tiny <= value <= np.finfo(x.dtype).max


@jit
def moments_of(row):
    """(mean, sum of distances from it, sum of their squares) of a piece."""
    count = row.dtype.type(row.size)
    mean = total_of(row) / count
    total, square = distances(row, mean)
    for _ in range(2):
        if distant(total, square, count):
            mean += total / count
            total, square = distances(row, mean)
    return mean, total, square


@jit
def around_mean(total, square, count):
    """The sum of squared distances from the mean, by those from a number near it."""
    total = np.float64(total)
    rest = np.float64(square) - total * (total / count)
    return np.float64(0) if rest < 0 else rest


@jit(fastmath=ORDERED)
def apart(centre, more, origin, offset):
    """From the mean origin + offset to the mean centre + more."""
    return ((centre - origin) + more) - offset


@jit
def squares_of_row(x, begin, end):
    """The sum of squared distances of x[begin:end] from their mean."""
    origin = np.float64(x[begin])
    offset, squares = np.float64(0), np.float64(0)
    for first in range(begin, end, BLOCK):
        part = x[first : min(first + BLOCK, end)]
        mean, total, square = moments_of(part)
        d = apart(np.float64(mean), np.float64(total) / part.size, origin, offset)
        seen = np.float64(first - begin)
        share = part.size / (seen + part.size)
        squares += around_mean(total, square, part.size) + d * d * share * seen
        offset += d * share
    return squares


@jit(fastmath=ORDERED)
def unscaled(square, rest, scale, root):
    """The variance or the deviation of numbers, by the squares of ``scale`` times them."""
    value = square / rest
    return np.sqrt(value) / scale if root else value / scale / scale


@jit
def factor_for(top):
    """By what numbers up to ``top`` are multiplied, so that float64 holds their squares."""
    return SMALL if top > 1e100 else LARGE if top < 1e-100 else 1.0


@jit
def scaled(x, k, a, b, c, rest, root):
    """The variance of rows (i, k) of x (a, b, c), or its root, in float64 that cannot overflow."""
    top = np.float64(0)
    for i in range(a):
        row = x[(i * b + k) * c : (i * b + k + 1) * c]
        for j in range(c):
            top = max(top, np.float64(abs(row[j])))
    scale = factor_for(top)
    origin = np.float64(x[k * c]) * scale
    count = np.float64(a * c)
    total = np.float64(0)
    for i in range(a):
        row = x[(i * b + k) * c : (i * b + k + 1) * c]
        for j in range(c):
            total += np.float64(row[j]) * scale - origin
    mean = origin + total / count
    total = np.float64(0)
    square = np.float64(0)
    for i in range(a):
        row = x[(i * b + k) * c : (i * b + k + 1) * c]
        for j in range(c):
            d = np.float64(row[j]) * scale - mean
            total += d
            square += d * d
    return unscaled(around_mean(total, square, count), rest, scale, root)


@jit
def careful(x, i, outer, n, rest, root):
    """The variance of row i, or its root, where the mean is far from 0, or the row long, or squares leave the normal
    numbers."""
    value = squares_of_row(x, i * n, (i + 1) * n) / np.float64(rest)
    if normal(x, value):
        return np.sqrt(value) if root else value
    return scaled(x, i, 1, outer, n, rest, root)


@jit(parallel=True)
def rows(x, out, outer, n, rest, root):
    """out[i] = the variance of row i, the squares divided by ``rest``, or its root"""
    count, one = x.dtype.type(n), x.dtype.type(1.0 / rest if rest > 0 else np.inf)
    for i in prange(outer):
        value = x.dtype.type(0)  # what is no normal number is computed again
        if n <= BLOCK:
            mean = total_of(x[i * n : (i + 1) * n]) / count
            square = squares_of(x[i * n : (i + 1) * n], mean)
            if mean * mean * count <= square * x.dtype.type(FAR):
                value = square * one
        if normal(x, value):
            out[i] = sqrt(value) if root else value
        else:
            out[i] = careful(x, i, outer, n, rest, root)


@jit(parallel=True)
def planes(x, out, a, b, c, rest, root):
    """out[k] = the variance of the rows (i, k), or its root; see ``rows``"""
    parts = (c + BLOCK - 1) // BLOCK
    size = a * b * parts
    known = np.empty(3 * size)
    for t in prange(size):
        r = t // parts
        first = r * c + (t - r * parts) * BLOCK
        part = x[first : min(first + BLOCK, (r + 1) * c)]
        mean, total, square = moments_of(part)
        known[t] = mean
        known[size + t] = np.float64(total) / part.size
        known[2 * size + t] = around_mean(total, square, part.size)
    for k in range(b):
        origin, offset, squares, seen = known[k * parts], np.float64(0), np.float64(0), np.float64(0)
        for i in range(a):
            for p in range(parts):
                t = (i * b + k) * parts + p
                count = np.float64(min(c, (p + 1) * BLOCK) - p * BLOCK)
                d = apart(known[t], known[size + t], origin, offset)
                share = count / (seen + count)
                squares += known[2 * size + t] + d * d * share * seen
                offset += d * share
                seen += count
        value = squares / np.float64(rest)
        if normal(x, value):
            out[k] = np.sqrt(value) if root else value
        else:
            out[k] = scaled(x, k, a, b, c, rest, root)


@jit
def strip_distances(x, width, lines, mean, total, square):
    """``distances`` of each column of a strip: ``lines`` rows of x, ``width`` elements apart."""
    m = mean.size
    for c in range(m):
        total[c] = x.dtype.type(0)
        square[c] = x.dtype.type(0)
    fours = lines // 4 * 4
    for j in range(0, fours, 4):
        x0, x1 = x[j * width : j * width + m], x[(j + 1) * width : (j + 1) * width + m]
        x2, x3 = x[(j + 2) * width : (j + 2) * width + m], x[(j + 3) * width : (j + 3) * width + m]
        for c in range(m):
            d0, d1, d2, d3 = x0[c] - mean[c], x1[c] - mean[c], x2[c] - mean[c], x3[c] - mean[c]
            total[c] += (d0 + d1) + (d2 + d3)
            square[c] += (d0 * d0 + d1 * d1) + (d2 * d2 + d3 * d3)
    for j in range(fours, lines):
        row = x[j * width : j * width + m]
        for c in range(m):
            d = row[c] - mean[c]
            total[c] += d
            square[c] += d * d


@jit
def strip_moments(x, width, lines, mean, total, square):
    """``moments_of`` each column of a strip."""
    m = mean.size
    for c in range(m):
        mean[c] = x.dtype.type(0)
    fours = lines // 4 * 4
    for j in range(0, fours, 4):
        x0, x1 = x[j * width : j * width + m], x[(j + 1) * width : (j + 1) * width + m]
        x2, x3 = x[(j + 2) * width : (j + 2) * width + m], x[(j + 3) * width : (j + 3) * width + m]
        for c in range(m):
            mean[c] += (x0[c] + x1[c]) + (x2[c] + x3[c])
    for j in range(fours, lines):
        row = x[j * width : j * width + m]
        for c in range(m):
            mean[c] += row[c]
    count = x.dtype.type(lines)
    for c in range(m):
        mean[c] /= count
    strip_distances(x, width, lines, mean, total, square)
    for _ in range(2):
        wrong = 0
        for c in range(m):
            wrong += distant(total[c], square[c], count)
        if wrong:
            for c in range(m):
                mean[c] += total[c] / count if distant(total[c], square[c], count) else x.dtype.type(0)
            strip_distances(x, width, lines, mean, total, square)


@jit(fastmath=ORDERED)
def squares_of_columns(x, mean, total, square, squares, n, inner, group, chunk, parts):
    """squares[c] = the sum of squared distances of column c from its mean, by the moments of its parts"""
    lines = n // group
    width = group * inner
    origin = mean[:inner]
    offset = np.empty(inner)
    for c in range(inner):
        offset[c] = 0.0
        squares[c] = 0.0
    for q in range(parts):
        count = np.float64(min(chunk, lines - q * chunk))
        for k in range(group):
            at = q * width + k * inner
            centre, more = mean[at : at + inner], total[at : at + inner]
            for c in range(inner):
                offset[c] += ((np.float64(centre[c]) - np.float64(origin[c])) + np.float64(more[c]) / count) * (
                    count / n
                )
    for j in range(lines * group, n):
        row = x[j * inner : (j + 1) * inner]
        for c in range(inner):
            offset[c] += (np.float64(row[c]) - np.float64(origin[c])) / n
    for q in range(parts):
        count = np.float64(min(chunk, lines - q * chunk))
        for k in range(group):
            at = q * width + k * inner
            centre, more, part = mean[at : at + inner], total[at : at + inner], square[at : at + inner]
            for c in range(inner):
                rest = np.float64(more[c]) / count
                d = ((np.float64(centre[c]) - np.float64(origin[c])) + rest) - offset[c]
                inside = np.float64(part[c]) - np.float64(more[c]) * rest
                squares[c] += (0.0 if inside < 0.0 else inside) + d * d * count
    for j in range(lines * group, n):
        row = x[j * inner : (j + 1) * inner]
        for c in range(inner):
            d = (np.float64(row[c]) - np.float64(origin[c])) - offset[c]
            squares[c] += d * d


@jit(fastmath=ORDERED)
def scaled_columns(x, target, squares, n, inner, rest, root):
    """``scaled`` of those columns whose variances, ``squares`` over ``rest``, are no normal numbers."""
    known = np.empty(5 * inner)
    top, scale, mean = known[:inner], known[inner : 2 * inner], known[2 * inner : 3 * inner]
    total, square = known[3 * inner : 4 * inner], known[4 * inner :]
    for c in range(inner):
        top[c] = 0.0
    for j in range(n):
        row = x[j * inner : (j + 1) * inner]
        for c in range(inner):
            top[c] = max(top[c], np.float64(abs(row[c])))
    for c in range(inner):
        scale[c] = factor_for(top[c])
        mean[c] = total[c] = square[c] = 0.0
    for j in range(n):
        row = x[j * inner : (j + 1) * inner]
        for c in range(inner):
            mean[c] += np.float64(row[c]) * scale[c] - np.float64(x[c]) * scale[c]
    for c in range(inner):
        mean[c] = np.float64(x[c]) * scale[c] + mean[c] / n
    for j in range(n):
        row = x[j * inner : (j + 1) * inner]
        for c in range(inner):
            d = np.float64(row[c]) * scale[c] - mean[c]
            total[c] += d
            square[c] += d * d
    for c in range(inner):
        if not normal(target, squares[c] / rest):
            target[c] = unscaled(around_mean(total[c], square[c], n), rest, scale[c], root)


@jit
def finished(squares, target, rest, root):
    """How many variances, ``squares`` over ``rest``, are no normal numbers; target = them, or their roots."""
    wrong = 0
    for c in range(target.size):
        value = squares[c] / np.float64(rest)
        target[c] = np.sqrt(value) if root else value
        wrong += not normal(target, value)
    return wrong


@jit(parallel=True)
def columns(x, out, outer, n, inner, group, chunk, parts, rest, root):
    """out[i, c] = the variance of column c of x[i], or its root; see ``rows``. ``group`` rows side by side make a line,
    ``chunk`` lines a part.
    """
    width = group * inner
    lines = n // group
    strips = (width + STRIP - 1) // STRIP
    size = outer * parts * width
    known = np.empty(3 * size, x.dtype)
    for t in prange(outer * parts * strips):
        q = t // strips
        i = q // parts
        left = (t - q * strips) * STRIP
        m = min(STRIP, width - left)
        first = (q - i * parts) * chunk
        begin, at = i * n * inner + first * width + left, q * width + left
        strip_moments(
            x[begin : (i + 1) * n * inner],
            width,
            min(chunk, lines - first),
            known[at : at + m],
            known[size + at : size + at + m],
            known[2 * size + at : 2 * size + at + m],
        )
    squares = np.empty(outer * inner)
    for i in prange(outer):
        at, more = i * parts * width, parts * width
        whole = x[i * n * inner : (i + 1) * n * inner]
        own, target = squares[i * inner : (i + 1) * inner], out[i * inner : (i + 1) * inner]
        mean, total, square = (
            known[at : at + more],
            known[size + at : size + at + more],
            known[2 * size + at : 2 * size + at + more],
        )
        if parts * group == 1:
            for c in range(inner):
                own[c] = around_mean(total[c], square[c], np.float64(n))
        else:
            squares_of_columns(whole, mean, total, square, own, n, inner, group, chunk, parts)
        if finished(own, target, rest, root):
            scaled_columns(whole, target, own, n, inner, rest, root)


def columns_geometry(n: int, inner: int) -> tuple[int, int, int]:
    """(group, chunk, parts) of ``columns``, by the extents alone: rows of a line, lines of a part, parts."""
    group = max(1, min(LINE // inner, n))
    lines = n // group
    chunk = min(lines, PIECE // min(group * inner, STRIP))
    return group, chunk, -(-lines // chunk)


@jit
def cubes_of(row, unit):
    """The sum of the cubes of the magnitudes of a piece, as multiples of ``unit``."""
    total = row.dtype.type(0)
    for j in range(row.size):
        share = abs(row[j]) / unit
        total += share * share * share
    return total


@jit
def powers_of(row, unit, p):
    """The sum of the powers of the magnitudes of a piece, as multiples of ``unit``."""
    total = row.dtype.type(0)
    if row.size < SHORT:
        for j in range(row.size):
            total += power(abs(row[j]) / unit, p)
        return total
    powers = np.empty(row.size, row.dtype)  # a loop that also adds them up would not become vectors
    for j in range(row.size):
        powers[j] = power(abs(row[j]) / unit, p)
    return total_of(powers)


@jit
def extreme_of(row, most):
    """The largest magnitude of a row, or the smallest; NaN is passed over."""
    top = row.dtype.type(0) if most else row.dtype.type(np.inf)
    if most:
        for j in range(row.size):
            top = max_number(abs(row[j]), top)
    else:
        for j in range(row.size):
            top = min_number(abs(row[j]), top)
    return top


@jit(parallel=True)
def power_norms(x, out, outer, n, order):
    """out[i] = the norm of this order of row i, whose powers are of shares of the element that counts most"""
    p = x.dtype.type(order)
    one = x.dtype.type(1)
    for i in prange(outer):
        top = extreme_of(x[i * n : (i + 1) * n], order > 0)
        unit = top if top > 0 and top < np.inf else one
        total = x.dtype.type(0)
        for first in range(i * n, (i + 1) * n, BLOCK):
            part = x[first : min(first + BLOCK, (i + 1) * n)]
            total += cubes_of(part, unit) if order == 3 else powers_of(part, unit, p)
        out[i] = power(total, one / p) * unit
