"""The gradient of 2x2 maxima at stride 2, computed from input and gradient in one pass, without positions."""

from __future__ import annotations

from numtorch.kernels.jit import jit, prange
from numtorch.ops.pooling.rows import max_grad_row

ROWS = "numtorch.ops.pooling.rows_codegen"


def backward_2x2(g, x, gx, planes, h, w, ho, wo):
    """gx (planes, h, w): each g (planes, ho, wo) where its window of x has its maximum, else 0."""
    for p in prange(planes):
        for r in range(ho):
            top = (p * h + 2 * r) * w
            max_grad_row(x, top, top + w, g, (p * ho + r) * wo, gx, wo)
            for j in range(top + 2 * wo, top + w):
                gx[j] = g.dtype.type(0)
                gx[j + w] = g.dtype.type(0)
        rest = gx[(p * h + 2 * ho) * w : (p + 1) * h * w]
        for j in range(rest.size):
            rest[j] = g.dtype.type(0)


BACKWARD_2X2 = jit(backward_2x2, needs=ROWS), jit(backward_2x2, parallel=True, needs=ROWS)
