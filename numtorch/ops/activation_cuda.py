"""softmax and log_softmax on CUDA: one thread block for each (outer, inner) pair; its threads share the sums."""

from __future__ import annotations

from numtorch.kernels.launch import cuda, cuda_kernel
from numtorch.kernels.math import exp, log, maximum

BLOCK = 256


@cuda_kernel
def softmax_blocks(x, out, outer, n, inner, logs):
    """Softmax, or its logarithm, over the middle extent of x (outer, n, inner)."""
    share = cuda.shared.array(256, x.dtype)
    me = cuda.threadIdx.x
    width = cuda.blockDim.x
    for t in range(cuda.blockIdx.x, outer * inner, cuda.gridDim.x):
        o = t // inner
        base = o * n * inner + t - o * inner
        top = x[base]
        for j in range(me, n, width):
            top = maximum(top, x[base + j * inner])
        share[me] = top
        cuda.syncthreads()
        half = width // 2
        while half > 0:
            if me < half:
                share[me] = maximum(share[me], share[me + half])
            cuda.syncthreads()
            half //= 2
        top = share[0]
        cuda.syncthreads()
        total = x.dtype.type(0)
        for j in range(me, n, width):
            total += exp(x[base + j * inner] - top)
        share[me] = total
        cuda.syncthreads()
        half = width // 2
        while half > 0:
            if me < half:
                share[me] += share[me + half]
            cuda.syncthreads()
            half //= 2
        total = share[0]
        cuda.syncthreads()
        if logs:
            total = log(total)
            for j in range(me, n, width):
                out[base + j * inner] = (x[base + j * inner] - top) - total
        else:
            for j in range(me, n, width):
                out[base + j * inner] = exp(x[base + j * inner] - top) / total


@cuda_kernel
def softmax_blocks_backward(g, y, gx, outer, n, inner, logs):
    """Gradient of ``softmax_blocks`` for its result y."""
    share = cuda.shared.array(256, g.dtype)
    me = cuda.threadIdx.x
    width = cuda.blockDim.x
    for t in range(cuda.blockIdx.x, outer * inner, cuda.gridDim.x):
        o = t // inner
        base = o * n * inner + t - o * inner
        total = g.dtype.type(0)
        for j in range(me, n, width):
            at = base + j * inner
            total += g[at] if logs else g[at] * y[at]
        share[me] = total
        cuda.syncthreads()
        half = width // 2
        while half > 0:
            if me < half:
                share[me] += share[me + half]
            cuda.syncthreads()
            half //= 2
        total = share[0]
        cuda.syncthreads()
        for j in range(me, n, width):
            at = base + j * inner
            gx[at] = g[at] - exp(y[at]) * total if logs else y[at] * (g[at] - total)


def block_size(n: int) -> int:
    """Threads for n elements: a power of two from a warp up."""
    return min(BLOCK, max(32, 1 << (n - 1).bit_length()))
