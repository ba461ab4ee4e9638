"""Convolution on CUDA: the functions of ``cpu``, with one thread per result.

Owns kernels for any stride, padding, dilation and groups. Device arrays are flat NCHW arrays of fewer than 2**32
elements: positions are divided as 32-bit numbers, which is several times faster there. One thread block computes each
sum over the batch, in a fixed order, so results repeat exactly.
"""

from __future__ import annotations

import numpy as np

from numtorch.kernels.launch import block_sum, cuda, cuda_kernel, simulated

BLOCK = 256  # threads that share one sum over the batch; a power of two
SIMULATED_BLOCK = 8  # the simulator starts a Python thread for each


@cuda_kernel
def forward(x, w, bias, out, n, ci, h, wd, co, kh, kw, ho, wo, sh, sw, ph, pw, dh, dw, groups):
    """Each thread sums one output element over input channels and taps."""
    cig = ci // groups
    cog = co // groups
    for t in range(cuda.grid(1), n * co * ho * wo, cuda.gridsize(1)):
        plane = np.int64(np.uint32(t) // np.uint32(ho * wo))
        at = t - plane * ho * wo
        r = np.int64(np.uint32(at) // np.uint32(wo))
        s = at - r * wo
        i = np.int64(np.uint32(plane) // np.uint32(co))
        c = plane - i * co
        first = np.int64(np.uint32(c) // np.uint32(cog)) * cig
        total = x.dtype.type(0)
        if bias.size > 0:
            total = bias[c]
        for k in range(cig):
            image = (i * ci + first + k) * h
            tap = (c * cig + k) * kh * kw
            for a in range(kh):
                y = r * sh + a * dh - ph
                if y < 0 or y >= h:
                    continue
                for b in range(kw):
                    z = s * sw + b * dw - pw
                    if z >= 0 and z < wd:
                        total += w[tap + a * kw + b] * x[(image + y) * wd + z]
        out[t] = total


@cuda_kernel
def input_grad(g, w, gx, n, ci, h, wd, co, kh, kw, ho, wo, sh, sw, ph, pw, dh, dw, groups):
    """Each thread gathers, for one input element, the outputs that read it."""
    cig = ci // groups
    cog = co // groups
    for t in range(cuda.grid(1), n * ci * h * wd, cuda.gridsize(1)):
        plane = np.int64(np.uint32(t) // np.uint32(h * wd))
        at = t - plane * h * wd
        y = np.int64(np.uint32(at) // np.uint32(wd))
        z = at - y * wd
        i = np.int64(np.uint32(plane) // np.uint32(ci))
        k = plane - i * ci
        group = np.int64(np.uint32(k) // np.uint32(cig))
        total = g.dtype.type(0)
        for a in range(kh):
            above = y + ph - a * dh
            if above < 0:
                continue
            r = np.int64(np.uint32(above) // np.uint32(sh))
            if r * sh != above or r >= ho:
                continue
            for b in range(kw):
                left = z + pw - b * dw
                if left < 0:
                    continue
                s = np.int64(np.uint32(left) // np.uint32(sw))
                if s * sw != left or s >= wo:
                    continue
                for c in range(group * cog, (group + 1) * cog):
                    v = w[((c * cig + k - group * cig) * kh + a) * kw + b]
                    total += v * g[((i * co + c) * ho + r) * wo + s]
        gx[t] = total


@cuda_kernel
def weight_grad(x, g, gw, n, ci, h, wd, co, kh, kw, ho, wo, sh, sw, ph, pw, dh, dw, groups):
    """Each block sums one weight's gradient over images and positions: threads, then a tree."""
    share = cuda.shared.array(256, x.dtype)
    cig = ci // groups
    cog = co // groups
    me = cuda.threadIdx.x
    for t in range(cuda.blockIdx.x, co * cig * kh * kw, cuda.gridDim.x):
        pair = np.int64(np.uint32(t) // np.uint32(kh * kw))
        tap = t - pair * kh * kw
        a = np.int64(np.uint32(tap) // np.uint32(kw))
        b = tap - a * kw
        c = np.int64(np.uint32(pair) // np.uint32(cig))
        k = np.int64(np.uint32(c) // np.uint32(cog)) * cig + pair - c * cig
        total = x.dtype.type(0)
        for p in range(me, n * ho * wo, cuda.blockDim.x):
            i = np.int64(np.uint32(p) // np.uint32(ho * wo))
            at = p - i * ho * wo
            r = np.int64(np.uint32(at) // np.uint32(wo))
            s = at - r * wo
            y = r * sh + a * dh - ph
            z = s * sw + b * dw - pw
            if y >= 0 and y < h and z >= 0 and z < wd:
                v = x[((i * ci + k) * h + y) * wd + z]
                total += v * g[(i * co + c) * ho * wo + at]
        total = block_sum(share, total)
        if me == 0:
            gw[t] = total


@cuda_kernel
def bias_grad(g, gb, n, co, m):
    """Each block sums one channel over images and positions: threads, then a tree."""
    share = cuda.shared.array(256, g.dtype)
    me = cuda.threadIdx.x
    for c in range(cuda.blockIdx.x, co, cuda.gridDim.x):
        total = g.dtype.type(0)
        for p in range(me, n * m, cuda.blockDim.x):
            i = np.int64(np.uint32(p) // np.uint32(m))
            total += g[(i * co + c) * m + p - i * m]
        total = block_sum(share, total)
        if me == 0:
            gb[c] = total


def block_size():
    """Threads of a block that shares a sum."""
    return SIMULATED_BLOCK if simulated() else BLOCK
