"""The normalisations on CUDA: a thread block computes the sums of a channel, row or column; its threads process
elements.

Parameters are passed in the dtype of the data, so that float32 kernels never compute in double precision. A mean is two
numbers, as in ``cpu``: rounded to one it may be wrong by more than the deviation.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from numtorch._tensor import Tensor
from numtorch.dispatch.loops import Loop, like
from numtorch.kernels import launch
from numtorch.kernels.launch import block_sum, cuda, cuda_kernel
from numtorch.kernels.math import maximum, sqrt
from numtorch.ops.normalization.cpu import moments_of

BLOCK = 256


@cuda_kernel
def moments(x, mean, var, n, c, m):
    """Mean (c means and c rests of them) and biased variance of each channel: a block for each, in two passes."""
    share = cuda.shared.array(256, x.dtype)
    me = cuda.threadIdx.x
    width = cuda.blockDim.x
    count = x.dtype.type(n * m)
    for k in range(cuda.blockIdx.x, c, cuda.gridDim.x):
        total = x.dtype.type(0)
        for p in range(me, n * m, width):
            i = p // m
            total += x[(i * c + k) * m + p - i * m]
        centre = block_sum(share, total) / count
        total = x.dtype.type(0)
        square = x.dtype.type(0)
        for p in range(me, n * m, width):
            i = p // m
            d = x[(i * c + k) * m + p - i * m] - centre
            total += d
            square += d * d
        total = block_sum(share, total)
        square = block_sum(share, square)
        if me == 0:
            rest = total / count
            mean[k] = centre
            mean[c + k] = rest
            var[k] = maximum(square - total * rest, x.dtype.type(0)) / count


@cuda_kernel
def follow_moments(running_mean, running_var, mean, var, momentum, unbias):
    """The running statistics move towards the new ones."""
    for k in range(cuda.grid(1), var.size, cuda.gridsize(1)):
        running_mean[k] += momentum * ((mean[k] - running_mean[k]) + mean[var.size + k])
        running_var[k] += momentum * (var[k] * unbias - running_var[k])


@cuda_kernel
def reciprocal_roots(var, rstd, eps):
    """rstd = 1 / sqrt(var + eps)"""
    for k in range(cuda.grid(1), var.size, cuda.gridsize(1)):
        rstd[k] = var.dtype.type(1) / sqrt(var[k] + eps)


@cuda_kernel
def channels_forward(x, mean, rstd, w, b, out, c, m, weighted, biased):
    """out = (x - mean) * rstd * w + b, with numbers of the channel; means without rests are those of others"""
    for t in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        k = (t // m) % c
        scale = rstd[k] * w[k] if weighted else rstd[k]
        d = x[t] - mean[k]
        if mean.size > c:
            d -= mean[c + k]
        y = d * scale
        out[t] = y + b[k] if biased else y


@cuda_kernel
def products(g, x, mean, rstd, gw, gb, n, c, m):
    """gw = sum of g * (x - mean) * rstd and gb = sum of g for each channel: a block for each."""
    share = cuda.shared.array(256, g.dtype)
    me = cuda.threadIdx.x
    width = cuda.blockDim.x
    for k in range(cuda.blockIdx.x, c, cuda.gridDim.x):
        total = g.dtype.type(0)
        product = g.dtype.type(0)
        for p in range(me, n * m, width):
            i = p // m
            at = (i * c + k) * m + p - i * m
            total += g[at]
            product += g[at] * (x[at] - mean[k])
        if mean.size > c:
            product -= total * mean[c + k]
        total = block_sum(share, total)
        product = block_sum(share, product)
        if me == 0:
            gb[k] = total
            gw[k] = product * rstd[k]


@cuda_kernel
def channels_backward(g, x, mean, rstd, w, gx, gw, gb, c, m, weighted, count):
    """gx = w * rstd * (g - gb / count - (x - mean) * rstd * gw / count), with numbers of the channel"""
    for t in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        k = (t // m) % c
        scale = rstd[k] * w[k] if weighted else rstd[k]
        d = x[t] - mean[k]
        if mean.size > c:
            d -= mean[c + k]
        gx[t] = scale * (g[t] - (gb[k] + d * rstd[k] * gw[k]) / count)


def block_size(n: int) -> int:
    """Threads for n elements: a power of two from a warp up."""
    return min(BLOCK, max(32, 1 << (n - 1).bit_length()))


def statistics_and_follow(
    x: Any,
    running_mean: Any,
    running_var: Any,
    mean: Any,
    rstd: Any,
    n: int,
    c: int,
    m: int,
    eps: float,
    momentum: float,
) -> None:
    """See ``cpu.plane_statistics``; device arrays."""
    number, count = x.dtype.type, n * m
    moments.launch_blocks(c, block_size(count), x, mean, rstd, n, c, m)
    if running_mean.size:
        unbias = number(count / (count - 1) if count != 1 else np.inf)
        follow_moments.launch(c, running_mean, running_var, mean, rstd, number(momentum), unbias)
    reciprocal_roots.launch(c, rstd, rstd, number(eps))


def channel_statistics(x: Tensor, running_mean: Any, running_var: Any, extents: tuple, eps: float) -> Loop:
    """See ``cpu.channel_statistics``."""
    running = running_mean, running_var
    return Loop(statistics_and_follow, (*extents, eps), moments_of(x), operands=(x, *running), overwritten=running)


def normalise_channels(
    x: Tensor, mean: Tensor, spread: Tensor, w: Any, b: Any, extents: tuple, eps: float | None
) -> Loop:
    """See ``cpu.normalise_channels``."""
    _, c, m = extents
    operands = (x, mean, spread, w, b)
    if eps is None:
        return Loop(channels_forward, (c, m, w is not None, b is not None), like(x), operands=operands)
    return Loop(channels_by_variance, (c, m, x._k.dtype.storage.type(eps)), like(x), operands=operands)


def channels_by_variance(x: Any, mean: Any, var: Any, w: Any, b: Any, out: Any, c: int, m: int, eps: Any) -> None:
    """``channels_forward`` with rstd = 1 / sqrt(var + eps); device arrays."""
    rstd = launch.allocate(c, x.dtype)
    reciprocal_roots.launch(c, var, rstd, eps)
    channels_forward.launch(x.size, x, mean, rstd, w, b, out, c, m, w.size > 0, b.size > 0)


def pull_channels(
    g: Tensor, x: Tensor, mean: Tensor, rstd: Tensor, w: Any, extents: tuple, eps: None, needs: tuple
) -> Loop:
    """See ``cpu.pull_channels``; of a batch's own statistics."""
    sums = like(x, rstd.shape)
    return Loop(sum_and_pull_channels, extents, (like(x), None, None, sums, sums), operands=(g, x, mean, rstd, w))


def sum_and_pull_channels(
    g: Any, x: Any, mean: Any, rstd: Any, w: Any, gx: Any, gw: Any, gb: Any, n: int, c: int, m: int
) -> None:
    """Gradients of input, weight and bias; device arrays."""
    products.launch_blocks(c, block_size(n * m), g, x, mean, rstd, gw, gb, n, c, m)
    channels_backward.launch(x.size, g, x, mean, rstd, w, gx, gw, gb, c, m, w.size > 0, x.dtype.type(n * m))
