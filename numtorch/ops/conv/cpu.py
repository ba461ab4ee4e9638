"""Convolution on the CPU: which kernel runs, decided by shapes alone.

Owns the host-level functions that the op calls with flat NCHW arrays and integers. The loops are in
``general`` (any parameters) and ``direct`` (stride 1, small kernels).
"""

from __future__ import annotations

from numtorch.kernels.threads import get_num_threads
from numtorch.ops.conv import general

# Multiply-adds below which starting the thread pool costs more than it saves.
PARALLEL_WORK = 60_000


def conv2d_forward(x, w, bias, out, n, ci, h, wd, co, kh, kw, ho, wo, sh, sw, ph, pw, dh, dw, groups):
    """``out[i,c,r,s] = bias[c] + sum over k,a,b of w[c,k,a,b] * x[i,k,r*sh+a*dh-ph,s*sw+b*dw-pw]``.

    Shapes: x (n,ci,h,wd), w (co,ci/groups,kh,kw), bias (co) or empty, out (n,co,ho,wo); outside the
    image x counts as zero. Source: torch.nn.functional.conv2d.
    """
    large = n * co * ho * wo * (ci // groups) * kh * kw > PARALLEL_WORK and get_num_threads() > 1
    kernel = general.forward_parallel if large else general.forward_serial
    kernel(x, w, bias, out, n, ci, h, wd, co, kh, kw, ho, wo, sh, sw, ph, pw, dh, dw, groups)


def conv2d_input_grad(g, w, gx, n, ci, h, wd, co, kh, kw, ho, wo, sh, sw, ph, pw, dh, dw, groups):
    """Gradient of the input of ``conv2d_forward``: the transposed convolution of g (n,co,ho,wo) with w."""
    large = n * co * ho * wo * (ci // groups) * kh * kw > PARALLEL_WORK and get_num_threads() > 1
    kernel = general.input_grad_parallel if large else general.input_grad_serial
    kernel(g, w, gx, n, ci, h, wd, co, kh, kw, ho, wo, sh, sw, ph, pw, dh, dw, groups)


def conv2d_weight_grad(x, g, gw, n, ci, h, wd, co, kh, kw, ho, wo, sh, sw, ph, pw, dh, dw, groups):
    """Gradient of the weight of ``conv2d_forward``: x (n,ci,h,wd) correlated with g (n,co,ho,wo)."""
    large = n * co * ho * wo * (ci // groups) * kh * kw > PARALLEL_WORK and get_num_threads() > 1
    kernel = general.weight_grad_parallel if large else general.weight_grad_serial
    kernel(x, g, gw, n, ci, h, wd, co, kh, kw, ho, wo, sh, sw, ph, pw, dh, dw, groups)


def conv2d_bias_grad(g, gb, n, co, ho, wo):
    """Gradient of the bias: g (n,co,ho,wo) summed over images and positions."""
    large = n * co * ho * wo > PARALLEL_WORK and get_num_threads() > 1
    kernel = general.bias_grad_parallel if large else general.bias_grad_serial
    kernel(g, gb, n, co, ho * wo)
