"""Pooling on CUDA: the functions of ``cpu``, with one thread per result.

Gradients are gathered: each pixel reads the windows that cover it. So there are no atomics, and results repeat exactly. Device arrays
are flat and have fewer than 2**32 elements.
"""

from __future__ import annotations

import numpy as np

from numtorch.kernels.launch import cuda, cuda_kernel


@cuda_kernel
def max_forward(x, out, indices, planes, h, w, ho, wo, kh, kw, sh, sw, ph, pw, dh, dw):
    """Each thread takes the maximum of one window, and its position; the last NaN wins."""
    for t in range(cuda.grid(1), planes * ho * wo, cuda.gridsize(1)):
        p = np.int64(np.uint32(t) // np.uint32(ho * wo))
        left = t - p * ho * wo
        r = np.int64(np.uint32(left) // np.uint32(wo))
        s = left - r * wo
        best = x.dtype.type(-np.inf)
        at = h * w
        for a in range(kh):
            y = r * sh + a * dh - ph
            if y < 0 or y >= h:
                continue
            for b in range(kw):
                z = s * sw + b * dw - pw
                if z < 0 or z >= w:
                    continue
                v = x[(p * h + y) * w + z]
                if v > best or v != v or at == h * w:
                    best = v
                    at = y * w + z
        out[t] = best
        indices[t] = at


@cuda_kernel
def max_values(x, out, planes, h, w, ho, wo, kh, kw, sh, sw, ph, pw, dh, dw):
    """``max_forward`` without positions."""
    for t in range(cuda.grid(1), planes * ho * wo, cuda.gridsize(1)):
        p = np.int64(np.uint32(t) // np.uint32(ho * wo))
        left = t - p * ho * wo
        r = np.int64(np.uint32(left) // np.uint32(wo))
        s = left - r * wo
        best = x.dtype.type(-np.inf)
        for a in range(kh):
            y = r * sh + a * dh - ph
            if y < 0 or y >= h:
                continue
            for b in range(kw):
                z = s * sw + b * dw - pw
                if z < 0 or z >= w:
                    continue
                v = x[(p * h + y) * w + z]
                if v > best or v != v:
                    best = v
        out[t] = best


@cuda_kernel
def max_backward(g, indices, gx, planes, h, w, ho, wo, kh, kw, sh, sw, ph, pw, dh, dw):
    """Each thread sums, for one pixel, the gradients of the windows that chose it."""
    for t in range(cuda.grid(1), planes * h * w, cuda.gridsize(1)):
        p = np.int64(np.uint32(t) // np.uint32(h * w))
        at = t - p * h * w
        y = np.int64(np.uint32(at) // np.uint32(w)) + ph
        z = at - (y - ph) * w + pw
        r0 = max(0, y - (kh - 1) * dh + sh - 1) // sh
        s0 = max(0, z - (kw - 1) * dw + sw - 1) // sw
        total = g.dtype.type(0)
        for r in range(r0, min(ho, y // sh + 1)):
            for s in range(s0, min(wo, z // sw + 1)):
                j = (p * ho + r) * wo + s
                if indices[j] == at:
                    total += g[j]
        gx[t] = total


@cuda_kernel
def average(x, out, planes, h, w, ho, wo, kh, kw, sh, sw, ph, pw, include_pad, divisor):
    """Each thread averages one window."""
    for t in range(cuda.grid(1), planes * ho * wo, cuda.gridsize(1)):
        p = np.int64(np.uint32(t) // np.uint32(ho * wo))
        left = t - p * ho * wo
        r = np.int64(np.uint32(left) // np.uint32(wo))
        s = left - r * wo
        y0 = r * sh - ph
        z0 = s * sw - pw
        y1 = min(y0 + kh, h + ph)
        z1 = min(z0 + kw, w + pw)
        count = (y1 - y0) * (z1 - z0)
        y0 = max(y0, 0)
        z0 = max(z0, 0)
        y1 = min(y1, h)
        z1 = min(z1, w)
        total = x.dtype.type(0)
        for y in range(y0, y1):
            for z in range(z0, z1):
                total += x[(p * h + y) * w + z]
        if divisor != 0:
            count = divisor
        elif not include_pad:
            count = max(1, (y1 - y0) * (z1 - z0))
        if y0 < y1 and z0 < z1:
            out[t] = total / x.dtype.type(count)
        else:
            out[t] = x.dtype.type(0)


@cuda_kernel
def average_backward(g, gx, planes, h, w, ho, wo, kh, kw, sh, sw, ph, pw, include_pad, divisor):
    """Each thread sums, for one pixel, the shares of the windows that cover it."""
    for t in range(cuda.grid(1), planes * h * w, cuda.gridsize(1)):
        p = np.int64(np.uint32(t) // np.uint32(h * w))
        at = t - p * h * w
        y = np.int64(np.uint32(at) // np.uint32(w)) + ph
        z = at - (y - ph) * w + pw
        total = g.dtype.type(0)
        for r in range(max(0, y - kh + sh) // sh, min(ho, y // sh + 1)):
            y0 = r * sh - ph
            y1 = min(y0 + kh, h + ph)
            for s in range(max(0, z - kw + sw) // sw, min(wo, z // sw + 1)):
                z0 = s * sw - pw
                z1 = min(z0 + kw, w + pw)
                count = (y1 - y0) * (z1 - z0)
                if divisor != 0:
                    count = divisor
                elif not include_pad:
                    count = (min(y1, h) - max(y0, 0)) * (min(z1, w) - max(z0, 0))
                total += g[(p * ho + r) * wo + s] / g.dtype.type(count)
        gx[t] = total


@cuda_kernel
def adaptive(x, out, planes, h, w, ho, wo):
    """Each thread averages one window, rows ``floor(r * h / ho)`` to ``ceil((r + 1) * h / ho)``."""
    for t in range(cuda.grid(1), planes * ho * wo, cuda.gridsize(1)):
        p = np.int64(np.uint32(t) // np.uint32(ho * wo))
        left = t - p * ho * wo
        r = np.int64(np.uint32(left) // np.uint32(wo))
        s = left - r * wo
        y0 = r * h // ho
        y1 = ((r + 1) * h + ho - 1) // ho
        z0 = s * w // wo
        z1 = ((s + 1) * w + wo - 1) // wo
        total = x.dtype.type(0)
        for y in range(y0, y1):
            for z in range(z0, z1):
                total += x[(p * h + y) * w + z]
        out[t] = total / x.dtype.type((y1 - y0) * (z1 - z0))


@cuda_kernel
def adaptive_backward(g, gx, planes, h, w, ho, wo):
    """Each thread sums, for one pixel, the shares of the windows that cover it."""
    for t in range(cuda.grid(1), planes * h * w, cuda.gridsize(1)):
        p = np.int64(np.uint32(t) // np.uint32(h * w))
        at = t - p * h * w
        y = np.int64(np.uint32(at) // np.uint32(w))
        z = at - y * w
        total = g.dtype.type(0)
        # Exactly the windows r with floor(r * h / ho) <= y < ceil((r + 1) * h / ho).
        for r in range(y * ho // h, ((y + 1) * ho + h - 1) // h):
            rows = ((r + 1) * h + ho - 1) // ho - r * h // ho
            for s in range(z * wo // w, ((z + 1) * wo + w - 1) // w):
                cols = ((s + 1) * w + wo - 1) // wo - s * w // wo
                total += g[(p * ho + r) * wo + s] / g.dtype.type(rows * cols)
        gx[t] = total


def max_pool2d_forward(x, out, indices, planes, h, w, ho, wo, kh, kw, sh, sw, ph, pw, dh, dw):
    """See ``cpu.max_pool2d_forward``; device arrays."""
    ints = (planes, h, w, ho, wo, kh, kw, sh, sw, ph, pw, dh, dw)
    max_forward.launch(planes * ho * wo, x, out, indices, *ints)


def max_pool2d_values(x, out, planes, h, w, ho, wo, kh, kw, sh, sw, ph, pw, dh, dw):
    """See ``cpu.max_pool2d_values``; device arrays."""
    ints = (planes, h, w, ho, wo, kh, kw, sh, sw, ph, pw, dh, dw)
    max_values.launch(planes * ho * wo, x, out, *ints)


def max_pool2d_backward(g, indices, gx, planes, h, w, ho, wo, kh, kw, sh, sw, ph, pw, dh, dw):
    """See ``cpu.max_pool2d_backward``; device arrays."""
    ints = (planes, h, w, ho, wo, kh, kw, sh, sw, ph, pw, dh, dw)
    max_backward.launch(planes * h * w, g, indices, gx, *ints)


def avg_pool2d_forward(x, out, planes, h, w, ho, wo, kh, kw, sh, sw, ph, pw, include_pad, divisor):
    """See ``cpu.avg_pool2d_forward``; device arrays."""
    ints = (planes, h, w, ho, wo, kh, kw, sh, sw, ph, pw, int(include_pad), divisor)
    average.launch(planes * ho * wo, x, out, *ints)


def avg_pool2d_backward(g, gx, planes, h, w, ho, wo, kh, kw, sh, sw, ph, pw, include_pad, divisor):
    """See ``cpu.avg_pool2d_backward``; device arrays."""
    ints = (planes, h, w, ho, wo, kh, kw, sh, sw, ph, pw, int(include_pad), divisor)
    average_backward.launch(planes * h * w, g, gx, *ints)


def adaptive_avg_pool2d_forward(x, out, planes, h, w, ho, wo):
    """See ``cpu.adaptive_avg_pool2d_forward``; device arrays."""
    adaptive.launch(planes * ho * wo, x, out, planes, h, w, ho, wo)


def adaptive_avg_pool2d_backward(g, gx, planes, h, w, ho, wo):
    """See ``cpu.adaptive_avg_pool2d_backward``; device arrays."""
    adaptive_backward.launch(planes * h * w, g, gx, planes, h, w, ho, wo)
