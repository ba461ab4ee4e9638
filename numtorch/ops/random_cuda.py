"""Random numbers on CUDA: the same functions of the position as on the CPU, so the same numbers."""

from __future__ import annotations

import numpy as np

from numtorch.kernels.launch import cuda, cuda_kernel
from numtorch.kernels.math import bits_float, float_bits, normal32, normal64, random_bits, uniform32, uniform64


@cuda_kernel
def fill_uniform32(out, low, width, last, seed, at):
    """out[i] = low + width * u(seed, at + i), at most ``last``"""
    a, b, c = np.float32(low), np.float32(width), np.float32(last)
    for i in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        v = a + b * uniform32(seed, at + i)
        out[i] = v if v < c else c


@cuda_kernel
def fill_uniform64(out, low, width, last, seed, at):
    """out[i] = low + width * u(seed, at + i), at most ``last``"""
    for i in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        v = low + width * uniform64(seed, at + i)
        out[i] = v if v < last else last


@cuda_kernel
def fill_uniform16(out, low, width, last, keep, seed, at):
    """``fill_uniform32`` where u has the leading bits that a type of 16 bits holds"""
    a, b, c = np.float32(low), np.float32(width), np.float32(last)
    for i in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        v = a + b * bits_float(float_bits(uniform32(seed, at + i)) & keep)
        out[i] = v if v < c else c


@cuda_kernel
def fill_normal32(out, seed, at, mean, std):
    """out[i] = mean + std * z(seed, at + i)"""
    a, b = np.float32(mean), np.float32(std)
    for i in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        out[i] = a + b * normal32(seed, at + i)


@cuda_kernel
def fill_normal64(out, seed, at, mean, std):
    """out[i] = mean + std * z(seed, at + i)"""
    for i in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        out[i] = mean + std * normal64(seed, at + i)


@cuda_kernel
def fill_mask(mask, least, seed, at):
    """mask[i] = the upper 24 bits of random word at + i are at least ``least``"""
    limit = np.uint32(least)
    for i in range(cuda.grid(1), mask.size, cuda.gridsize(1)):
        mask[i] = random_bits(seed, at + i) >> np.uint32(8) >= limit


@cuda_kernel
def mask_scale(x, out, least, scale, seed, at):
    """out[i] = x[i] * (scale if the upper 24 bits of random word at + i are at least ``least`` else 0)"""
    s, limit = x.dtype.type(scale), np.uint32(least)
    for i in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        out[i] = x[i] * (s if random_bits(seed, at + i) >> np.uint32(8) >= limit else x.dtype.type(0))
