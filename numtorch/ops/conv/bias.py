"""The bias of convolutions, which the result starts from, and its gradient."""

from __future__ import annotations

from numtorch.kernels.jit import jit, prange


@jit
def fill_bias(bias, out, n, co, m):
    """Every output plane starts as its channel's bias."""
    for t in range(n * co):
        plane = out[t * m : (t + 1) * m]
        start = bias[t % co]
        for j in range(m):
            plane[j] = start


@jit(parallel=True)
def bias_grad(g, gb, n, co, m):
    """Gradient of the bias: for each channel, the sum over images of the sum over the plane."""
    for c in prange(co):
        total = g.dtype.type(0)
        for i in range(n):
            plane = g[(i * co + c) * m : (i * co + c + 1) * m]
            s = g.dtype.type(0)
            for j in range(m):
                s += plane[j]
            total += s
        gb[c] = total
