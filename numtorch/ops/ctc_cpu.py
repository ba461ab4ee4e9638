"""CPU loops of connectionist temporal classification: a lattice of steps and places, forward and backward.

    alpha[s, p] = x[s, label of p] + log(sum of exp(alpha[s - 1]) of p, p - 1 and, between labels that differ, p - 2)

Sequences are independent of each other.
"""

from __future__ import annotations

import numpy as np

from numtorch.kernels.jit import jit, prange
from numtorch.kernels.math import exp, log1p

NOTHING = -1e30  # the logarithm of no probability: finite, so that the difference of two is no NaN
LEAST = -1e29


@jit
def joined(a, b):
    """log(exp(a) + exp(b))"""
    top, low = max(a, b), min(a, b)
    return top + log1p(exp(low - top))


@jit
def label_at(t, at, place, blank):
    """The label of a place: blanks and labels take turns."""
    return t[at + place // 2] if place % 2 else blank


@jit(parallel=True)
def forward(x, t, steps, lengths, loss, alpha, most, batch, classes, labels, blank):
    """The loss of each sequence, and alpha, (batch, steps, places)."""
    width = 2 * labels + 1
    nothing = x.dtype.type(NOTHING)
    for n in prange(batch):
        places, base = 2 * lengths[n] + 1, n * most * width
        for i in range(base, base + most * width):
            alpha[i] = nothing
        if steps[n] == 0:
            loss[n] = x.dtype.type(0) if lengths[n] == 0 else x.dtype.type(np.inf)
            continue
        alpha[base] = x[n * classes + blank]
        if places > 1:
            alpha[base + 1] = x[n * classes + t[n * labels]]
        for s in range(1, steps[n]):
            before, now, row = base + (s - 1) * width, base + s * width, (s * batch + n) * classes
            for p in range(places):
                label = label_at(t, n * labels, p, blank)
                a = alpha[before + p]
                if p > 0:
                    a = joined(a, alpha[before + p - 1])
                if p > 1 and p % 2 == 1 and label != t[n * labels + p // 2 - 1]:
                    a = joined(a, alpha[before + p - 2])
                alpha[now + p] = max(a + x[row + label], nothing)
        end = base + (steps[n] - 1) * width + places - 1
        total = alpha[end]
        if places > 1:
            total = joined(total, alpha[end - 1])
        loss[n] = -total if total > x.dtype.type(LEAST) else x.dtype.type(np.inf)


@jit(parallel=True)
def backward(g, x, t, steps, lengths, loss, alpha, gx, beta, most, batch, classes, labels, blank):
    """gx = g * (exp(x) - the probability of each label at each step); beta, (batch, 2, places), is alpha from behind,
    without x."""
    width = 2 * labels + 1
    nothing, least = x.dtype.type(NOTHING), x.dtype.type(LEAST)
    for n in prange(batch):
        places, base = 2 * lengths[n] + 1, n * most * width
        for s in range(most):
            row = (s * batch + n) * classes
            for c in range(classes):
                gx[row + c] = x.dtype.type(0)
        if g[n] == 0:
            continue
        here = n * 2 * width
        for s in range(steps[n] - 1, -1, -1):
            now, after = here + (s % 2) * width, here + ((s + 1) % 2) * width
            row, row_after = (s * batch + n) * classes, ((s + 1) * batch + n) * classes
            for c in range(classes):
                gx[row + c] = g[n] * exp(x[row + c])
            for p in range(places):
                label = label_at(t, n * labels, p, blank)
                b = nothing
                if s == steps[n] - 1:
                    if p >= places - 2:
                        b = x.dtype.type(0)
                else:
                    b = beta[after + p] + x[row_after + label]
                    if p + 1 < places:
                        b = joined(b, beta[after + p + 1] + x[row_after + label_at(t, n * labels, p + 1, blank)])
                    if p + 2 < places and p % 2 == 1:
                        other = t[n * labels + p // 2 + 1]
                        if other != label:
                            b = joined(b, beta[after + p + 2] + x[row_after + other])
                b = max(b, nothing)
                beta[now + p] = b
                both = alpha[base + s * width + p] + b
                if both > least:
                    gx[row + label] -= g[n] * exp(both + loss[n])
                elif loss[n] == x.dtype.type(np.inf):
                    gx[row + label] = x.dtype.type(np.nan)
