"""Cross entropy on CUDA: one thread block for each row, then one for the mean.

A label that is no class gives NaN, in the loss and in its row of the gradient: raising an error would have to wait for
the device.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from numtorch.kernels import launch
from numtorch.kernels.codegen.reduction import THREADS, block_size
from numtorch.kernels.launch import block_max, block_sum, cuda, cuda_kernel
from numtorch.kernels.math import exp, log, maximum


@cuda_kernel
def cross_entropy_rows(x, t, losses, rows, n, ignore):
    """losses[i] = log(sum over j of exp(x[i, j])) - x[i, t[i]]; 0 in ignored rows"""
    share = cuda.shared.array(256, x.dtype)
    me = cuda.threadIdx.x
    width = cuda.blockDim.x
    for i in range(cuda.blockIdx.x, rows, cuda.gridDim.x):
        base = i * n
        top = x[base]
        for j in range(me, n, width):
            top = maximum(top, x[base + j])
        top = block_max(share, top)
        total = x.dtype.type(0)
        for j in range(me, n, width):
            total += exp(x[base + j] - top)
        total = block_sum(share, total)
        if me == 0:
            label = t[i]
            if label == ignore:
                losses[i] = x.dtype.type(0)
            elif label < 0 or label >= n:
                losses[i] = total * x.dtype.type(np.nan)
            else:
                losses[i] = log(total) - (x[base + label] - top)


@cuda_kernel
def count_kept(t, count, rows, ignore):
    """count[0] = how many labels are not the ignored one; one block"""
    share = cuda.shared.array(256, count.dtype)
    me = cuda.threadIdx.x
    kept = 0
    for i in range(me, rows, cuda.blockDim.x):
        kept += 1 if t[i] != ignore else 0
    total = block_sum(share, count.dtype.type(kept))
    if me == 0:
        count[0] = total


@cuda_kernel
def mean_of(losses, count, out, rows):
    """out[0] = sum of losses / count[0]; one block"""
    share = cuda.shared.array(256, losses.dtype)
    me = cuda.threadIdx.x
    total = losses.dtype.type(0)
    for i in range(me, rows, cuda.blockDim.x):
        total += losses[i]
    total = block_sum(share, total)
    if me == 0:
        out[0] = total / count[0]


@cuda_kernel
def cross_entropy_rows_backward(g, x, t, kept, gx, rows, n, ignore):
    """gx[i, j] = g / kept * (softmax of x[i] at j - (j == t[i])); 0 in ignored rows"""
    share = cuda.shared.array(256, x.dtype)
    me = cuda.threadIdx.x
    width = cuda.blockDim.x
    each = g[0] / kept[0]
    for i in range(cuda.blockIdx.x, rows, cuda.gridDim.x):
        base = i * n
        top = x[base]
        for j in range(me, n, width):
            top = maximum(top, x[base + j])
        top = block_max(share, top)
        total = x.dtype.type(0)
        for j in range(me, n, width):
            total += exp(x[base + j] - top)
        total = block_sum(share, total)
        label = t[i]
        scale = each / total
        if label == ignore:
            scale = x.dtype.type(0)
        elif label < 0 or label >= n:
            scale = scale * x.dtype.type(np.nan)
        for j in range(me, n, width):
            p = exp(x[base + j] - top) * scale
            if label == ignore:
                p = x.dtype.type(0)
            elif j == label:
                p -= each
            gx[base + j] = p


def forward(x: Any, t: Any, out: Any, rows: int, n: int, ignore: int) -> None:
    """See ``loss_cpu.forward``; device arrays, labels unchecked."""
    losses = launch.allocate(max(rows, 1), x.dtype)
    count = launch.allocate(1, x.dtype)
    count_kept.launch_blocks(1, THREADS, t, count, rows, ignore)
    cross_entropy_rows.launch_blocks(rows, block_size(n), x, t, losses, rows, n, ignore)
    mean_of.launch_blocks(1, THREADS, losses, count, out, rows)


def backward(g: Any, x: Any, t: Any, gx: Any, rows: int, n: int, ignore: int) -> None:
    """See ``loss_cpu.backward``; device arrays."""
    count = launch.allocate(1, x.dtype)
    count_kept.launch_blocks(1, THREADS, t, count, rows, ignore)
    cross_entropy_rows_backward.launch_blocks(rows, block_size(n), g, x, t, count, gx, rows, n, ignore)
