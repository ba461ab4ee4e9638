"""Kernels on pixels. They use no fast-math: a batch must be equal, bit by bit, to its single samples and to
torchvision's result."""

from __future__ import annotations

import numpy as np

from numtorch.kernels.jit import jit

EXACT: frozenset[str] = frozenset()


@jit(fastmath=EXACT)
def unit(x, c, plane, out):
    """out[k, j] = x[j, k] / 255 in float32: bytes (plane, c), channels last, to (c, plane)."""
    for k in range(c):
        for j in range(plane):
            out[k * plane + j] = np.float32(x[j * c + k]) / np.float32(255)


@jit(fastmath=EXACT)
def standardise(x, mean, std, n, c, plane, out):
    """out[i, k, j] = (x[i, k, j] - mean[k]) / std[k], in the dtype of x, for x (n, c, plane).

    A single mean or std serves every channel.
    """
    for i in range(n):
        for k in range(c):
            m = mean[k if mean.size > 1 else 0]
            s = std[k if std.size > 1 else 0]
            start = (i * c + k) * plane
            for j in range(start, start + plane):
                out[j] = (x[j] - m) / s
