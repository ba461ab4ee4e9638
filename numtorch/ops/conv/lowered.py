"""Convolution as a matrix product, for many channels where no shifted-plane kernel applies.

Owns the column matrix: ``cols[(k, a, b), (r, s)] = x[k, r*sh + a*dh - ph, s*sw + b*dw - pw]``,
made for a few images at a time. A 1x1 convolution at stride 1 needs none: the image is its own
column matrix.
"""

from __future__ import annotations

import numpy as np

from numtorch.kernels.gemm import bmm, gemm
from numtorch.kernels.jit import jit, prange
from numtorch.ops.conv.general import add_scaled_strided, first_inside, past_inside

COLUMN_BYTES = 4 << 20  # of column matrix at a time: what stays in a shared cache


@jit
def fill_bias(bias, out, n, co, m):
    """Every output plane starts as its channel's bias."""
    for t in range(n * co):
        plane = out[t * m : (t + 1) * m]
        start = bias[t % co]
        for j in range(m):
            plane[j] = start


def to_columns(x, cols, n, ci, h, wd, kh, kw, ho, wo, sh, sw, ph, pw, dh, dw):
    """Column matrices of n images: a row of ``cols`` for each (channel, tap), zero outside."""
    for t in prange(n * ci):
        plane = x[t * h * wd : (t + 1) * h * wd]
        zero = x.dtype.type(0)
        for a in range(kh):
            r0 = first_inside(a * dh, sh, ph)
            r1 = past_inside(a * dh, sh, ph, h, ho)
            for b in range(kw):
                s0 = first_inside(b * dw, sw, pw)
                s1 = past_inside(b * dw, sw, pw, wd, wo)
                out = cols[((t * kh + a) * kw + b) * ho * wo :]
                for r in range(ho):
                    row = out[r * wo : (r + 1) * wo]
                    if r < r0 or r >= r1 or s1 <= s0:
                        for j in range(wo):
                            row[j] = zero
                        continue
                    for j in range(s0):
                        row[j] = zero
                    src = plane[(r * sh + a * dh - ph) * wd + s0 * sw + b * dw - pw :]
                    dst = row[s0:]
                    if sw == 1:
                        for j in range(s1 - s0):
                            dst[j] = src[j]
                    else:
                        for j in range(s1 - s0):
                            dst[j] = src[j * sw]
                    for j in range(s1, wo):
                        row[j] = zero


def from_columns(cols, gx, n, ci, h, wd, kh, kw, ho, wo, sh, sw, ph, pw, dh, dw):
    """Sum of the column matrix's entries back at the pixels they came from."""
    for t in prange(n * ci):
        plane = gx[t * h * wd : (t + 1) * h * wd]
        for j in range(h * wd):
            plane[j] = gx.dtype.type(0)
        for a in range(kh):
            for b in range(kw):
                s0 = first_inside(b * dw, sw, pw)
                s1 = past_inside(b * dw, sw, pw, wd, wo)
                if s1 <= s0:
                    continue
                src = cols[((t * kh + a) * kw + b) * ho * wo :]
                for r in range(first_inside(a * dh, sh, ph), past_inside(a * dh, sh, ph, h, ho)):
                    at = (r * sh + a * dh - ph) * wd + s0 * sw + b * dw - pw
                    one = gx.dtype.type(1)
                    add_scaled_strided(plane[at:], src[r * wo + s0 :], one, s1 - s0, sw)


TO_COLUMNS = jit(to_columns), jit(to_columns, parallel=True)
FROM_COLUMNS = jit(from_columns), jit(from_columns, parallel=True)


def batches(n, k, m, itemsize):
    """Images (start, end) whose column matrices are made together."""
    count = max(1, min(n, COLUMN_BYTES // (k * m * itemsize)))
    return [(i, min(i + count, n)) for i in range(0, n, count)]


def forward(large, x, w, bias, out, n, ci, h, wd, co, kh, kw, ho, wo, *steps):
    """``out[i] = w @ columns(x[i]) + bias``."""
    k, m = ci * kh * kw, ho * wo
    add = bias.size > 0
    if add:
        fill_bias(bias, out, n, co, m)
    if is_matrix(kh, kw, steps):
        bmm(w, x, out, n, co, m, k, a_stride=0, accumulate=add)
        return
    parts = batches(n, k, m, x.itemsize)
    cols = np.empty(parts[0][1] * k * m, x.dtype)
    for i, j in parts:
        image = x[i * ci * h * wd : j * ci * h * wd]
        TO_COLUMNS[large](image, cols, j - i, ci, h, wd, kh, kw, ho, wo, *steps)
        bmm(w, cols, out[i * co * m : j * co * m], j - i, co, m, k, a_stride=0, accumulate=add)


def input_grad(large, g, w, gx, n, ci, h, wd, co, kh, kw, ho, wo, *steps):
    """``columns(gx[i]) = w.T @ g[i]``, summed back into pixels."""
    k, m = ci * kh * kw, ho * wo
    if is_matrix(kh, kw, steps):
        bmm(w, g, gx, n, k, m, co, ta=True, a_stride=0)
        return
    parts = batches(n, k, m, g.itemsize)
    cols = np.empty(parts[0][1] * k * m, g.dtype)
    for i, j in parts:
        bmm(w, g[i * co * m : j * co * m], cols, j - i, k, m, co, ta=True, a_stride=0)
        image = gx[i * ci * h * wd : j * ci * h * wd]
        FROM_COLUMNS[large](cols, image, j - i, ci, h, wd, kh, kw, ho, wo, *steps)


def weight_grad(large, x, g, gw, n, ci, h, wd, co, kh, kw, ho, wo, *steps):
    """``gw = sum over i of g[i] @ columns(x[i]).T``, image after image."""
    k, m = ci * kh * kw, ho * wo
    matrix = is_matrix(kh, kw, steps)
    parts = [(0, n)] if matrix else batches(n, k, m, x.itemsize)
    cols = x if matrix else np.empty(parts[0][1] * k * m, x.dtype)
    for i, j in parts:
        if not matrix:
            image = x[i * ci * h * wd : j * ci * h * wd]
            TO_COLUMNS[large](image, cols, j - i, ci, h, wd, kh, kw, ho, wo, *steps)
        for e in range(i, j):
            grad = g[e * co * m : (e + 1) * co * m]
            column = cols[(e - i) * k * m : (e - i + 1) * k * m]
            gemm(grad, column, gw, co, k, m, tb=True, accumulate=e > 0)


def is_matrix(kh, kw, steps):
    """Whether the image is its own column matrix: 1x1, stride 1, no padding."""
    sh, sw, ph, pw, _, _ = steps
    return kh == kw == sh == sw == 1 and ph == pw == 0
