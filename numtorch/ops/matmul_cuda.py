"""Matrix products on CUDA: tiles of both operands are in shared memory; results stay in registers.

A block of EDGE x EDGE threads computes a square of EDGE * r results on a side, r x r for each thread. It walks along
the inner dimension in slabs of EDGE. Every result is summed in the order of the inner dimension, whatever the tile. So
a product does not depend on which kernel computed it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from numtorch.dispatch.loops import Loop, Made
from numtorch.kernels import launch
from numtorch.kernels.launch import CudaKernel

EDGE = 16
SIMULATED_EDGE = 2  # the simulator makes a Python thread of every CUDA thread
REGISTERS = (4, 2, 1)
# Blocks from which a larger tile pays: fewer leave most of a large device idle.
BUSY = 128

_SOURCE = """\
def <name>(x, y, bias, out, batch, m, n, inner, tx, ty, step_x, step_y, biased):
    # out[b, i, j] = sum_k x[b, i, k] * y[b, k, j] (+ bias[j]); tx, ty: the buffer holds the transposed
    # matrix; step_x, step_y: elements from one matrix of the batch to the next, 0 if all share it.
    left = cuda.shared.array(<left_size>, dtype=<T>)
    right = cuda.shared.array(<right_size>, dtype=<T>)
    c = cuda.threadIdx.x
    r = cuda.threadIdx.y
    row = cuda.blockIdx.x * <side>
    col = cuda.blockIdx.y * <side>
    for b in range(cuda.blockIdx.z, batch, cuda.gridDim.z):
        first_x = b * step_x
        first_y = b * step_y
<zero>
        for slab in range(0, inner, <edge>):
<load>
            cuda.syncthreads()
            for k in range(<edge>):
<fetch>
<multiply>
            cuda.syncthreads()
        if biased:
<bias>
<store>
"""

# Threads that are neighbours in c read neighbours in memory, whichever way the matrix lies. One unused
# element after each row of the left tile keeps the threads of a warp on different banks as they write.
_LOAD = """\
if tx:
    i = row + c + <shift>
    k = slab + r
    left[r * <pitch> + c + <shift>] = x[first_x + k * m + i] if i < m and k < inner else <T>(0)
else:
    i = row + r + <shift>
    k = slab + c
    left[c * <pitch> + r + <shift>] = x[first_x + i * inner + k] if i < m and k < inner else <T>(0)
if ty:
    j = col + r + <shift>
    k = slab + c
    right[c * <pitch> + r + <shift>] = y[first_y + j * inner + k] if j < n and k < inner else <T>(0)
else:
    j = col + c + <shift>
    k = slab + r
    right[r * <pitch> + c + <shift>] = y[first_y + k * n + j] if j < n and k < inner else <T>(0)
"""


def source(dtype: str, registers: int, edge: int) -> str:
    """The kernel's text; the r x r results of a thread are variables, so that they stay in registers."""
    side = edge * registers
    each = range(registers)
    pairs = [(i, j) for i in each for j in each]
    parts = {
        "zero": (8, [f"t{i}{j} = <T>(0)" for i, j in pairs]),
        "load": (12, [line for i in each for line in _LOAD.replace("<shift>", str(i * edge)).splitlines()]),
        "fetch": (
            16,
            [f"a{i} = left[k * <pitch> + r + {i * edge}]" for i in each]
            + [f"b{j} = right[k * <pitch> + c + {j * edge}]" for j in each],
        ),
        "multiply": (16, [f"t{i}{j} += a{i} * b{j}" for i, j in pairs]),
        "bias": (
            12,
            [
                line
                for j in each
                for line in (
                    f"if col + c + {j * edge} < n:",
                    f"    b{j} = bias[col + c + {j * edge}]",
                    *[f"    t{i}{j} += b{j}" for i in each],
                )
            ],
        ),
        "store": (
            8,
            [
                line
                for i, j in pairs
                for line in (
                    f"if row + r + {i * edge} < m and col + c + {j * edge} < n:",
                    f"    out[(b * m + row + r + {i * edge}) * n + col + c + {j * edge}] = t{i}{j}",
                )
            ],
        ),
    }
    text = _SOURCE
    for key, (indent, lines) in parts.items():
        text = text.replace(f"<{key}>", "\n".join(" " * indent + s for s in lines))
    sizes = {
        "pitch": side + 1,
        "left_size": edge * (side + 1),
        "right_size": edge * (side + 1),
        "side": side,
        "edge": edge,
        "T": dtype,
        "name": f"matmul_{side}x{side}",
    }
    for key, value in sizes.items():
        text = text.replace(f"<{key}>", str(value))
    return text


@cache
def kernel(dtype: str, registers: int, edge: int) -> CudaKernel:
    """The compiled kernel for a dtype's name, results per thread on a side, and threads on a side."""
    text = source(dtype, registers, edge)
    name = f"matmul_{edge * registers}x{edge * registers}"
    env = {"float32": np.float32, "float64": np.float64}
    return launch.compile_source(text, name, env, f"{name}: {dtype}")


def registers_for(batch: int, m: int, n: int, edge: int = EDGE) -> int:
    """Results of a thread on a side: the most that leave enough blocks, and no more than the matrix fills."""
    for r in REGISTERS:
        side = edge * r
        if batch * -(-m // side) * -(-n // side) >= BUSY:
            return r
    return 1


def loop(out: Made, operands: tuple, sizes: tuple, biased: bool = False, **options: Any) -> Loop:
    """out[i] = x[i] @ y[i] (+ bias).

    Args:
        operands: x, y and the bias; any tensor in its place where there is none.
        sizes: batch, m, n, k, whether the buffers of x and y hold transposes, and the steps from matrix to matrix.
    """
    batch, m, n, *_ = sizes
    edge = SIMULATED_EDGE if launch.simulated() else EDGE
    registers = registers_for(batch, m, n, edge)
    side = edge * registers
    grid = (-(-m // side), -(-n // side), min(batch, 1 if launch.simulated() else 65535))
    function = kernel(out.kind.dtype.name, registers, edge)
    numbers = (*map(int, sizes), int(biased))
    return Loop(function, numbers, out, operands=operands, grid=(grid, (edge, edge, 1)), **options)
