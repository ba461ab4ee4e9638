"""Reads and writes by position on CUDA. Device arrays are flat; ``index`` holds positions in [-n, n).

Raising an error would have to wait for the device. So at other positions 0 is read and nothing is written. In kernels
that write to positions, each thread owns a column (outer, inner) and takes the positions in order: repeated positions
add up in the same order every time.
"""

from __future__ import annotations

from numtorch.kernels.launch import cuda, cuda_kernel
from numtorch.kernels.math import exceeds


@cuda_kernel
def take_slices(x, index, out, outer, n, inner):
    """out[i, k, c] = x[i, index[k], c]; one thread for each element of out"""
    m = index.size
    for t in range(cuda.grid(1), outer * m * inner, cuda.gridsize(1)):
        slot = t // inner
        i = slot // m
        j = index[slot - i * m]
        j = j + n if j < 0 else j
        if 0 <= j < n:
            out[t] = x[(i * n + j) * inner + t - slot * inner]
        else:
            out[t] = 0


@cuda_kernel
def put_slices(out, index, y, outer, n, inner, add):
    """out[i, index[k], c] = or += y[i, k, c], in the order of k: the last write wins"""
    m = index.size
    for t in range(cuda.grid(1), outer * inner, cuda.gridsize(1)):
        i = t // inner
        c = t - i * inner
        for k in range(m):
            j = index[k]
            j = j + n if j < 0 else j
            if j < 0 or j >= n:
                continue
            target = (i * n + j) * inner + c
            source = (i * m + k) * inner + c
            if add:
                out[target] += y[source]
            else:
                out[target] = y[source]


@cuda_kernel
def gather_elements(x, index, out, n, m, inner):
    """out[i, k, c] = x[i, index[i, k, c], c]; one thread for each element of out"""
    for t in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        slot = t // inner
        i = slot // m
        j = index[t]
        j = j + n if j < 0 else j
        if 0 <= j < n:
            out[t] = x[(i * n + j) * inner + t - slot * inner]
        else:
            out[t] = 0


@cuda_kernel
def scatter_elements(out, index, y, outer, n, m, inner, mode):
    """out[i, index[i, k, c], c] = (mode 0), += (1), *= (2), max= (3), min= (4) y[i, k, c], in the order of k"""
    for t in range(cuda.grid(1), outer * inner, cuda.gridsize(1)):
        i = t // inner
        c = t - i * inner
        for k in range(m):
            at = (i * m + k) * inner + c
            j = index[at]
            j = j + n if j < 0 else j
            if j < 0 or j >= n:
                continue
            target = (i * n + j) * inner + c
            if mode == 0:
                out[target] = y[at]
            elif mode == 1:
                out[target] += y[at]
            elif mode == 2:
                out[target] *= y[at]
            elif mode == 3:
                if exceeds(y[at], out[target]) or y[at] != y[at]:
                    out[target] = y[at]
            elif exceeds(out[target], y[at]) or y[at] != y[at]:
                out[target] = y[at]
