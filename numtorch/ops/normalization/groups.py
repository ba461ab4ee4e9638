"""CPU loops of group norm: x (images, c, m), statistics over a group of channels of one image.

Each (image, group) is one part, and sums over images are added in order: results are the same for any number of threads.
"""

from __future__ import annotations

import numpy as np

from numtorch.kernels.jit import ORDERED, jit, prange
from numtorch.ops.normalization.cpu import PARALLEL_ELEMENTS, add_parts, less, row_statistics


def groups_forward(x, w, b, out, images, c, m, groups, eps):
    """out = (x - mean) / standard deviation * w + b, with w and b of the channel; they may be empty"""
    per = c // groups
    n = per * m
    for t in prange(images * groups):
        row = x[t * n : (t + 1) * n]
        target = out[t * n : (t + 1) * n]
        mean, rest, rstd = row_statistics(row, eps, True)
        first = (t % groups) * per
        for k in range(per):
            scale = rstd * w[first + k] if w.size else rstd
            shift = b[first + k] - rest * scale if b.size else -rest * scale
            plane = row[k * m : (k + 1) * m]
            result = target[k * m : (k + 1) * m]
            for j in range(m):
                result[j] = (plane[j] - mean) * scale + shift


def groups_backward(g, x, w, gx, gws, gbs, images, c, m, groups, eps):
    """gx, and for each image and channel the sums of g * xhat (gws) and of g (gbs)

    gx = rstd * (g * w - mean of g * w - xhat * mean of g * w * xhat), means over the group
    """
    per = c // groups
    n = per * m
    for t in prange(images * groups):
        row = x[t * n : (t + 1) * n]
        gradient = g[t * n : (t + 1) * n]
        target = gx[t * n : (t + 1) * n]
        mean, rest, rstd = row_statistics(row, eps, True)
        first = (t % groups) * per
        total = g.dtype.type(0)
        product = g.dtype.type(0)
        for k in range(per):
            plane = row[k * m : (k + 1) * m]
            given = gradient[k * m : (k + 1) * m]
            s = g.dtype.type(0)
            p = g.dtype.type(0)
            for j in range(m):
                s += given[j]
                p += given[j] * (plane[j] - mean)
            p -= rest * s
            gbs[t * per + k] = s
            gws[t * per + k] = p * rstd
            weight = w[first + k] if w.size else g.dtype.type(1)
            total += weight * s
            product += weight * p
        slope = -rstd * rstd * rstd * product / g.dtype.type(n)
        shift = less(-rstd * total / g.dtype.type(n), slope, rest)
        for k in range(per):
            scale = rstd * w[first + k] if w.size else rstd
            plane = row[k * m : (k + 1) * m]
            given = gradient[k * m : (k + 1) * m]
            result = target[k * m : (k + 1) * m]
            for j in range(m):
                result[j] = scale * given[j] + slope * (plane[j] - mean) + shift


GROUPS_FORWARD = jit(groups_forward, fastmath=ORDERED), jit(groups_forward, fastmath=ORDERED, parallel=True)
GROUPS_BACKWARD = jit(groups_backward), jit(groups_backward, parallel=True)


def normalise_groups(x, w, b, out, images, c, m, groups, eps):
    """``groups_forward``, serial or parallel."""
    GROUPS_FORWARD[x.size >= PARALLEL_ELEMENTS](x, w, b, out, images, c, m, groups, eps)


def pull_groups(g, x, w, gx, gw, gb, images, c, m, groups, eps):
    """Gradients of ``normalise_groups`` for input, weight and bias."""
    gws, gbs = np.empty(images * c, x.dtype), np.empty(images * c, x.dtype)
    GROUPS_BACKWARD[x.size >= PARALLEL_ELEMENTS](g, x, w, gx, gws, gbs, images, c, m, groups, eps)
    add_parts(gws, gw, images)
    add_parts(gbs, gb, images)
