"""Pooling on CUDA: the functions of ``cpu``, with one thread per result.

Gradients are gathered: each pixel reads the windows that cover it. So there are no atomics, and results repeat exactly.
Device arrays are flat and have fewer than 2**32 elements.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from numtorch.dispatch.loops import Loop
from numtorch.kernels import launch
from numtorch.kernels.launch import cuda, cuda_kernel


@cuda_kernel
def positions_of_maxima(x, indices, planes, h, w, ho, wo, kh, kw, sh, sw, ph, pw, dh, dw):
    """Each thread takes the position of the maximum of one window; the last NaN wins."""
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
        indices[t] = at


@cuda_kernel
def maxima(x, out, planes, h, w, ho, wo, kh, kw, sh, sw, ph, pw, dh, dw):
    """Each thread takes the maximum of one window."""
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
def gathered(g, indices, gx, planes, h, w, ho, wo, kh, kw, sh, sw, ph, pw, dh, dw):
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
def averages(x, out, planes, h, w, ho, wo, kh, kw, sh, sw, ph, pw, include_pad, divisor):
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
def averages_backward(g, gx, planes, h, w, ho, wo, kh, kw, sh, sw, ph, pw, include_pad, divisor):
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
def cells(x, out, planes, h, w, ho, wo):
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
def cells_backward(g, gx, planes, h, w, ho, wo):
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


def max_values(out: Any, *ints: int) -> Loop:
    """See ``cpu.max_values``."""
    return Loop(maxima, ints, out, elements=_results(*ints))


def _results(planes: int, h: int, w: int, ho: int, wo: int, *rest: int) -> int:
    return planes * ho * wo


def _pixels(planes: int, h: int, w: int, *rest: int) -> int:
    return planes * h * w


def max_positions(out: Any, *ints: int) -> Loop:
    """See ``cpu.max_positions``."""
    return Loop(positions_of_maxima, ints, out, elements=_results(*ints))


def max_scatter(out: Any, *ints: int) -> Loop:
    """See ``cpu.max_scatter``."""
    return Loop(gathered, ints, out, elements=_pixels(*ints))


def max_gradient(out: Any, *ints: int) -> Loop:
    """See ``cpu.max_gradient``."""
    return Loop(find_and_gather, ints, out)


def find_and_gather(g: Any, x: Any, gx: Any, *ints: int) -> None:
    """Positions are found in x, and each pixel sums the gradients of the windows that chose it; device arrays."""
    at = launch.allocate(g.size, np.dtype(np.int64))
    positions_of_maxima.launch(g.size, x, at, *ints)
    gathered.launch(gx.size, g, at, gx, *ints)


def means(out: Any, *ints: int) -> Loop:
    """See ``cpu.means``."""
    return Loop(averages, ints, out, elements=_results(*ints))


def mean_gradient(out: Any, *ints: int) -> Loop:
    """See ``cpu.mean_gradient``."""
    return Loop(averages_backward, ints, out, elements=_pixels(*ints))


def adaptive(out: Any, *ints: int) -> Loop:
    """See ``cpu.adaptive``."""
    return Loop(cells, ints, out, elements=_results(*ints))


def adaptive_gradient(out: Any, *ints: int) -> Loop:
    """See ``cpu.adaptive_gradient``."""
    return Loop(cells_backward, ints, out, elements=_pixels(*ints))
