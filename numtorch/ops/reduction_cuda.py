"""Maxima and minima with their positions on CUDA: one thread scans a column, or a part of one."""

from __future__ import annotations

from typing import Any

import numpy as np

from numtorch.kernels import launch
from numtorch.kernels.launch import cuda, cuda_kernel

# Columns longer than this are cut in parts while there are fewer than BUSY threads.
SPLIT_FROM = 256
BUSY = 1 << 15


@cuda_kernel
def extreme_columns(x, values, indices, outer, n, inner, sign, splits, size):
    """For each (i, s, c): the first j in part s with the largest sign * x[i, j, c]; NaN counts as largest."""
    for at in range(cuda.grid(1), outer * splits * inner, cuda.gridsize(1)):
        part = at // inner
        row = part // splits
        begin = (part - row * splits) * size
        c = at - part * inner
        best = x[(row * n + begin) * inner + c]
        where_best = begin
        for j in range(begin + 1, min(begin + size, n)):
            v = x[(row * n + j) * inner + c]
            better = v > best if sign > 0 else v < best
            if (better or v != v) and best == best:
                best = v
                where_best = j
        values[at] = best
        indices[at] = where_best


@cuda_kernel
def extreme_parts(part_values, part_indices, values, indices, outer, splits, inner, sign):
    """The extremes of the parts' extremes; of equal ones the first part's."""
    for at in range(cuda.grid(1), outer * inner, cuda.gridsize(1)):
        row = at // inner
        k = row * splits * inner + at - row * inner
        best = part_values[k]
        where_best = part_indices[k]
        for _ in range(1, splits):
            k += inner
            v = part_values[k]
            better = v > best if sign > 0 else v < best
            if (better or v != v) and best == best:
                best = v
                where_best = part_indices[k]
        values[at] = best
        indices[at] = where_best


def extremes(x: Any, values: Any, indices: Any, outer: int, n: int, inner: int, sign: int) -> None:
    """Extremes over the middle extent of a flat device buffer, and their positions."""
    columns = outer * inner
    splits = min(-(-n // SPLIT_FROM), max(1, BUSY // columns))
    size = -(-n // splits)
    splits = -(-n // size)
    if splits == 1:
        extreme_columns.launch(columns, x, values, indices, outer, n, inner, sign, 1, n)
        return
    part_values = launch.allocate(columns * splits, x.dtype)
    part_indices = launch.allocate(columns * splits, np.dtype(np.int64))
    extreme_columns.launch(columns * splits, x, part_values, part_indices, outer, n, inner, sign, splits, size)
    extreme_parts.launch(columns, part_values, part_indices, values, indices, outer, splits, inner, sign)
