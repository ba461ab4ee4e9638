"""Scans on CUDA: one thread scans each line in order, so that sums do not depend on the launch.

``one`` is 1 in the type of what is carried along a line: float64 for float32.
"""

from __future__ import annotations

from numtorch.kernels.launch import cuda, cuda_kernel
from numtorch.kernels.math import exp, log


@cuda_kernel
def sums(x, out, outer, n, inner, reverse, one):
    """out[i, j, c] = x[i, 0, c] + ... + x[i, j, c], or from the end"""
    for t in range(cuda.grid(1), outer * inner, cuda.gridsize(1)):
        i = t // inner
        at = i * n * inner + t - i * inner + ((n - 1) * inner if reverse else 0)
        step = -inner if reverse else inner
        total = x[at] * one
        out[at] = total
        for _ in range(1, n):
            at += step
            total += x[at]
            out[at] = total


@cuda_kernel
def products(x, out, outer, n, inner, one):
    """out[i, j, c] = x[i, 0, c] * ... * x[i, j, c]"""
    for t in range(cuda.grid(1), outer * inner, cuda.gridsize(1)):
        i = t // inner
        at = i * n * inner + t - i * inner
        total = x[at] * one
        out[at] = total
        for _ in range(1, n):
            at += inner
            total *= x[at]
            out[at] = total


@cuda_kernel
def extremes(x, values, indices, outer, n, inner, sign):
    """The largest (sign 1) or smallest so far and where it is: of equal ones the last; NaN stays"""
    for t in range(cuda.grid(1), outer * inner, cuda.gridsize(1)):
        i = t // inner
        at = i * n * inner + t - i * inner
        best = x[at]
        where = 0
        for j in range(n):
            v = x[at]
            if v != v or (v >= best and sign > 0) or (v <= best and sign < 0):
                best = v
                where = j
            values[at] = best
            indices[at] = where
            at += inner


@cuda_kernel
def logsumexps(x, out, outer, n, inner):
    """log(exp(x[i, 0, c]) + ... + exp(x[i, j, c]))"""
    for t in range(cuda.grid(1), outer * inner, cuda.gridsize(1)):
        i = t // inner
        at = i * n * inner + t - i * inner
        y = x[at]
        out[at] = y
        for _ in range(1, n):
            at += inner
            v = x[at]
            big = v if v > y or v != v else y
            small = y if v > y or v != v else v
            y = big if big == small and big - small != 0 else big + log(exp(small - big) + exp(big - big))
            out[at] = y


@cuda_kernel
def recurrences(a, b, out, outer, n, inner, reverse, one):
    """out[j] = a[j] * out[j - 1] + b[j]; with ``reverse`` j + 1 comes before j"""
    for t in range(cuda.grid(1), outer * inner, cuda.gridsize(1)):
        i = t // inner
        at = i * n * inner + t - i * inner + ((n - 1) * inner if reverse else 0)
        step = -inner if reverse else inner
        last = b[at] * one
        out[at] = last
        for _ in range(1, n):
            at += step
            last = a[at] * last + b[at]
            out[at] = last
