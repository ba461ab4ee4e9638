"""Convolution on the CPU: which kernel runs, decided by shapes alone.

Owns the host-level functions that the op calls with flat NCHW arrays and integers. The loops are
in ``direct`` (stride 1, small kernels), ``lowered`` (matrix products) and ``general`` (everything
else).
"""

from __future__ import annotations

import numpy as np

from numtorch.kernels.threads import get_num_threads
from numtorch.ops.conv import direct, general, lowered

# Multiply-adds below which starting the thread pool costs more than it saves.
PARALLEL_WORK = 60_000

# Partial sums of a weight gradient: fixed, so that the result does not depend on the threads.
PARTS = 8

NO_BIAS = {4: np.empty(0, np.float32), 8: np.empty(0, np.float64)}


def suits_direct(kh, kw, sh, sw, dh, dw):
    """Whether the shifted-plane kernels apply: stride 1, dilation 1, taps that fit in registers."""
    return sh == sw == dh == dw == 1 and kh <= 7 and kw <= 7


def suits_product(ci, co, kh, kw, sh, sw, dh, dw, groups):
    """Whether a matrix product is worth its packing: 1x1, or not for the direct loops."""
    if groups != 1 or co < 8 or ci * kh * kw < 8:
        return False
    return kh == kw == 1 or not suits_direct(kh, kw, sh, sw, dh, dw)


def is_large(work):
    """Whether ``work`` multiply-adds go to the thread pool."""
    return work > PARALLEL_WORK and get_num_threads() > 1


def direct_forward(large, x, w, bias, out, n, ci, h, wd, co, kh, kw, ho, wo, ph, pw, groups):
    """Stride-1 convolution by shifted planes; images are independent, so any cut will do."""
    ints = (n, ci, h, wd, co, kh, kw, ho, wo, ph, pw, groups)
    if large:
        kernel = direct.entry(direct.forward, kh, kw, co > groups, x.dtype)
        direct.forward_chunks(kernel, x, w, bias, out, *ints, min(n, get_num_threads()))
    else:
        kernel = direct.specialise(direct.forward, kh, kw, co > groups)
        kernel(0, x, w, bias, out, *ints, 1)


def conv2d_forward(
    x, w, bias, out, n, ci, h, wd, co, kh, kw, ho, wo, sh, sw, ph, pw, dh, dw, groups
):
    """``out[i,c,r,s] = bias[c] + sum over k,a,b of w[c,k,a,b] * x[i,k,r*sh+a*dh-ph,s*sw+b*dw-pw]``.

    Shapes: x (n,ci,h,wd), w (co,ci/groups,kh,kw), bias (co) or empty, out (n,co,ho,wo); outside the
    image x counts as zero. Source: torch.nn.functional.conv2d.
    """
    if out.size == 0:
        return
    large = is_large(n * co * ho * wo * (ci // groups) * kh * kw)
    if suits_product(ci, co, kh, kw, sh, sw, dh, dw, groups):
        ints = (n, ci, h, wd, co, kh, kw, ho, wo, sh, sw, ph, pw, dh, dw)
        lowered.forward(large, x, w, bias, out, *ints)
    elif suits_direct(kh, kw, sh, sw, dh, dw):
        direct_forward(large, x, w, bias, out, n, ci, h, wd, co, kh, kw, ho, wo, ph, pw, groups)
    else:
        kernel = general.forward_parallel if large else general.forward_serial
        kernel(x, w, bias, out, n, ci, h, wd, co, kh, kw, ho, wo, sh, sw, ph, pw, dh, dw, groups)


def conv2d_input_grad(g, w, gx, n, ci, h, wd, co, kh, kw, ho, wo, sh, sw, ph, pw, dh, dw, groups):
    """Gradient of the input of ``conv2d_forward``: the transposed convolution of g with w."""
    if gx.size == 0:
        return
    large = is_large(n * co * ho * wo * (ci // groups) * kh * kw)
    if suits_product(ci, co, kh, kw, sh, sw, dh, dw, groups):
        ints = (n, ci, h, wd, co, kh, kw, ho, wo, sh, sw, ph, pw, dh, dw)
        lowered.input_grad(large, g, w, gx, *ints)
    elif suits_direct(kh, kw, sh, sw, dh, dw) and ph < kh and pw < kw:
        # The convolution of g, padded to kernel - 1 - padding, with the flipped weights.
        wf = np.empty_like(w)
        direct.flip(w, wf, co, ci // groups, co // groups, kh, kw)
        none = NO_BIAS[w.dtype.itemsize]
        ph, pw = kh - 1 - ph, kw - 1 - pw
        direct_forward(large, g, wf, none, gx, n, co, ho, wo, ci, kh, kw, h, wd, ph, pw, groups)
    else:
        kernel = general.input_grad_parallel if large else general.input_grad_serial
        kernel(g, w, gx, n, ci, h, wd, co, kh, kw, ho, wo, sh, sw, ph, pw, dh, dw, groups)


def conv2d_weight_grad(x, g, gw, n, ci, h, wd, co, kh, kw, ho, wo, sh, sw, ph, pw, dh, dw, groups):
    """Gradient of the weight of ``conv2d_forward``: x correlated with g (n,co,ho,wo)."""
    if n == 0:
        gw[:] = 0
        return
    large = is_large(n * co * ho * wo * (ci // groups) * kh * kw)
    if suits_product(ci, co, kh, kw, sh, sw, dh, dw, groups):
        ints = (n, ci, h, wd, co, kh, kw, ho, wo, sh, sw, ph, pw, dh, dw)
        lowered.weight_grad(large, x, g, gw, *ints)
    elif suits_direct(kh, kw, sh, sw, dh, dw):
        pair = co // groups % 2 == 0
        chunks = min(n, PARTS)
        parts = np.empty(chunks * gw.size, gw.dtype)
        ints = (n, ci, h, wd, co, kh, kw, ho, wo, ph, pw, groups, chunks)
        if large:
            kernel = direct.entry(direct.weight_grad, kh, kw, pair, x.dtype)
            direct.weight_grad_chunks(kernel, x, g, parts, *ints)
        else:
            kernel = direct.specialise(direct.weight_grad, kh, kw, pair)
            for t in range(chunks):
                kernel(t, x, g, parts, *ints)
        direct.combine(parts, gw, chunks)
    else:
        kernel = general.weight_grad_parallel if large else general.weight_grad_serial
        kernel(x, g, gw, n, ci, h, wd, co, kh, kw, ho, wo, sh, sw, ph, pw, dh, dw, groups)


def conv2d_bias_grad(g, gb, n, co, ho, wo):
    """Gradient of the bias: g (n,co,ho,wo) summed over images and positions."""
    kernel = general.bias_grad_parallel if is_large(n * co * ho * wo) else general.bias_grad_serial
    kernel(g, gb, n, co, ho * wo)
