"""The peaks of a GPU, measured like those of the CPU: with device events around launches that do nothing else."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from numtorch.kernels import launch
from numtorch.kernels.launch import cuda, cuda_kernel

REPEATS = 7
CHAINS = 64  # multiply-adds in each of four chains, for an element


@cuda_kernel
def copy_probe(x, y):
    i = cuda.grid(1)
    while i < x.size:
        y[i] = x[i]
        i += cuda.gridsize(1)


@cuda_kernel
def add_probe(x, y):
    i = cuda.grid(1)
    while i < x.size:
        y[i] += x[i]
        i += cuda.gridsize(1)


@cuda_kernel
def multiply_add_probe(x, y):
    i = cuda.grid(1)
    while i < x.size:
        v = x[i]
        a = v
        b = v + v
        c = v * v
        d = v - y[i]
        for _ in range(CHAINS):
            a = a * v + b
            b = b * v + c
            c = c * v + d
            d = d * v + a
        y[i] = a + b + c + d
        i += cuda.gridsize(1)


def _fastest(kernel: Any, *arrays: Any) -> float:
    """Nanoseconds of one launch on the device: the least of several."""
    best = float("inf")
    for _ in range(REPEATS + 1):  # the first one compiles
        begin, end = cuda.event(), cuda.event()
        begin.record()
        kernel.launch(arrays[0].size, *arrays)
        end.record()
        end.synchronize()
        best = min(best, max(begin.elapsed_time(end) * 1e6, 1.0))  # the simulator measures nothing
    return best


def measure(threads: int) -> tuple[str, int, list, list, dict, float, float]:
    """What ``peaks.Machine`` holds, from the name on: bandwidth for each size of data, operations a second, and what a
    launch costs."""
    launch.require()
    sizes = [512] if launch.simulated() else [1 << k for k in range(16, 30)]  # the simulator is there to be tested
    bandwidths = []
    for n in sizes:
        x, y = (launch.to_device(np.ones(n // 8, np.float32)) for _ in range(2))
        bandwidths.append((n, max(n / _fastest(copy_probe, x, y), 1.5 * n / _fastest(add_probe, x, y))))
    rates = {}
    for name, d in (("float32", np.float32), ("float64", np.float64)):
        n = 4 if launch.simulated() else 1 << 22
        x, y = (launch.to_device(np.full(n, 0.25, d)) for _ in range(2))
        rates[name] = n * CHAINS * 8 / _fastest(multiply_add_probe, x, y)
    x, y = (launch.to_device(np.ones(1, np.float32)) for _ in range(2))
    copy_probe.launch(1, x, y)
    started = time.perf_counter_ns()
    for _ in range(REPEATS):
        copy_probe.launch(1, x, y)
    launched = (time.perf_counter_ns() - started) / REPEATS
    rates |= {"float16": rates["float32"], "bfloat16": rates["float32"]}
    return _name(), threads, bandwidths, [], rates, launched, launched


def _name() -> str:
    name = getattr(cuda.get_current_device(), "name", "simulator")
    return name.decode() if isinstance(name, bytes) else str(name)
