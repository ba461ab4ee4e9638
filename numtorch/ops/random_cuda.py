"""Random numbers on CUDA: the same functions of the position as on the CPU, so the same numbers."""

from __future__ import annotations

from typing import Any

from numtorch.kernels.launch import cuda, cuda_kernel
from numtorch.kernels.math import bits_float, float_bits, normal32, normal64, uniform32, uniform64


@cuda_kernel
def fill_uniform32(out, seed, at, low, width, last):
    """out[i] = low + width * u(seed, at + i), at most ``last``"""
    for i in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        v = low + width * uniform32(seed, at + i)
        out[i] = v if v < last else last


@cuda_kernel
def fill_uniform64(out, seed, at, low, width, last):
    """out[i] = low + width * u(seed, at + i), at most ``last``"""
    for i in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        v = low + width * uniform64(seed, at + i)
        out[i] = v if v < last else last


@cuda_kernel
def fill_uniform16(out, seed, at, low, width, last, keep):
    """``fill_uniform32`` where u has the leading bits that a type of 16 bits holds"""
    for i in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        v = low + width * bits_float(float_bits(uniform32(seed, at + i)) & keep)
        out[i] = v if v < last else last


@cuda_kernel
def fill_normal32(out, seed, at, mean, std):
    """out[i] = mean + std * z(seed, at + i)"""
    for i in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        out[i] = mean + std * normal32(seed, at + i)


@cuda_kernel
def fill_normal64(out, seed, at, mean, std):
    """out[i] = mean + std * z(seed, at + i)"""
    for i in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        out[i] = mean + std * normal64(seed, at + i)


@cuda_kernel
def mask_scale32(x, out, seed, at, p, scale):
    """out[i] = x[i] * (scale if u(seed, at + i) >= p else 0)"""
    for i in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        out[i] = x[i] * (scale if uniform32(seed, at + i) >= p else x.dtype.type(0))


@cuda_kernel
def mask_scale64(x, out, seed, at, p, scale):
    """out[i] = x[i] * (scale if u(seed, at + i) >= p else 0)"""
    for i in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        out[i] = x[i] * (scale if uniform32(seed, at + i) >= p else 0.0)


FILL: dict[tuple[str, str], Any] = {
    ("uniform", "float32"): fill_uniform32,
    ("uniform", "float64"): fill_uniform64,
    ("normal", "float32"): fill_normal32,
    ("normal", "float64"): fill_normal64,
}
MASK_SCALE: dict[str, Any] = {"float32": mask_scale32, "float64": mask_scale64}
