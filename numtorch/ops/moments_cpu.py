"""Loops of variances along rows on the CPU: two passes over a row that is in the cache after the first.

Sums go by blocks that combine in order, as those of generated reductions do.
"""

from __future__ import annotations

from numtorch.kernels.jit import jit, prange

BLOCK = 4096  # elements a running sum may swallow before it joins the total: bounds float32 rounding


@jit
def total_of(row):
    """The sum of a block."""
    total = row.dtype.type(0)
    for j in range(row.size):
        total += row[j]
    return total


@jit
def squares_of(row, mean):
    """The sum of squared distances of a block from a number."""
    total = row.dtype.type(0)
    for j in range(row.size):
        d = row[j] - mean
        total += d * d
    return total


def variances(x, out, outer, n, count, rest):
    """out[i] = sum((x[i, :] - mean(x[i, :])) ** 2) / rest; ``count`` is n as a float"""
    for i in prange(outer):
        total = x.dtype.type(0)
        for first in range(i * n, (i + 1) * n, BLOCK):
            total += total_of(x[first : min(first + BLOCK, (i + 1) * n)])
        mean = total / x.dtype.type(count)
        squares = x.dtype.type(0)
        for first in range(i * n, (i + 1) * n, BLOCK):
            squares += squares_of(x[first : min(first + BLOCK, (i + 1) * n)], mean)
        out[i] = squares / x.dtype.type(rest)


VARIANCES = jit(variances), jit(variances, parallel=True)
