"""The gradient of 2x2 maxima at stride 2 straight from input and gradient: one pass, no positions."""

from __future__ import annotations

from numtorch.kernels.jit import jit, prange


@jit
def row_2x2(top, low, g, gt, gl, wo):
    """One row of windows, written as selects so that it becomes vector code; the last NaN wins, as in torch."""
    zero = g.dtype.type(0)
    for j in range(wo):
        v0 = top[2 * j]
        v1 = top[2 * j + 1]
        v2 = low[2 * j]
        v3 = low[2 * j + 1]
        right = (v1 > v0) | (v1 != v1)
        upper = v1 if right else v0
        corner = (v3 > v2) | (v3 != v3)
        lower = v3 if corner else v2
        below = (lower > upper) | (lower != lower)
        above = zero if below else g[j]
        under = g[j] if below else zero
        gt[2 * j] = zero if right else above
        gt[2 * j + 1] = above if right else zero
        gl[2 * j] = zero if corner else under
        gl[2 * j + 1] = under if corner else zero


def backward_2x2(g, x, gx, planes, h, w, ho, wo):
    """gx (planes, h, w): each g (planes, ho, wo) where its window of x has its maximum, else 0."""
    for p in prange(planes):
        for r in range(ho):
            rows = x[(p * h + 2 * r) * w : (p * h + 2 * r + 2) * w]
            target = gx[(p * h + 2 * r) * w : (p * h + 2 * r + 2) * w]
            at = (p * ho + r) * wo
            row_2x2(rows, rows[w:], g[at : at + wo], target, target[w:], wo)
            for j in range(2 * wo, w):
                target[j] = g.dtype.type(0)
                target[w + j] = g.dtype.type(0)
        rest = gx[(p * h + 2 * ho) * w : (p + 1) * h * w]
        for j in range(rest.size):
            rest[j] = g.dtype.type(0)


BACKWARD_2X2 = jit(backward_2x2), jit(backward_2x2, parallel=True)
