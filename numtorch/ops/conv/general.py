"""Convolution loops that take any stride, padding, dilation and number of groups.

Owns the plain definition of 2-d convolution (cross-correlation, as torch) and of its gradients;
the fast paths beside it must agree with it. Arrays are flat NCHW; the 1-d case is ``h = 1``.

Every inner loop runs along one output row over the columns whose input lies inside the image, so
that padding costs no test per element.
"""

from __future__ import annotations

from numtorch.kernels.jit import jit, prange


@jit
def first_inside(tap, stride, pad):
    """Smallest output index whose input index ``index * stride + tap - pad`` is not negative."""
    if tap >= pad:
        return 0
    return (pad - tap + stride - 1) // stride


@jit
def past_inside(tap, stride, pad, extent, size):
    """One past the largest output index below ``size`` whose input index stays below ``extent``."""
    last = extent - 1 + pad - tap
    if last < 0:
        return 0
    return min(size, last // stride + 1)


@jit
def add_scaled(out, x, a, m, xs):
    """``out[j] += a * x[j * xs]`` for j < m."""
    if xs == 1:
        for j in range(m):
            out[j] += a * x[j]
    else:
        for j in range(m):
            out[j] += a * x[j * xs]


@jit
def add_scaled_strided(out, g, a, m, xs):
    """``out[j * xs] += a * g[j]`` for j < m."""
    if xs == 1:
        for j in range(m):
            out[j] += a * g[j]
    else:
        for j in range(m):
            out[j * xs] += a * g[j]


@jit
def dot_row(x, g, m, xs):
    """Sum over j < m of ``x[j * xs] * g[j]``."""
    s = x.dtype.type(0)
    if xs == 1:
        for j in range(m):
            s += x[j] * g[j]
    else:
        for j in range(m):
            s += x[j * xs] * g[j]
    return s


def forward(x, w, bias, out, n, ci, h, wd, co, kh, kw, ho, wo, sh, sw, ph, pw, dh, dw, groups):
    """Convolution, one output plane at a time.

    for each (image, output channel): plane = bias
        for each (input channel, tap): plane += weight * shifted input plane
    """
    cig = ci // groups
    cog = co // groups
    for t in prange(n * co):
        i = t // co
        c = t - i * co
        plane = out[t * ho * wo : (t + 1) * ho * wo]
        start = bias[c] if bias.size > 0 else x.dtype.type(0)
        for j in range(ho * wo):
            plane[j] = start
        for k in range(cig):
            image = x[(i * ci + (c // cog) * cig + k) * h * wd :]
            for a in range(kh):
                for b in range(kw):
                    lo = first_inside(b * dw, sw, pw)
                    hi = past_inside(b * dw, sw, pw, wd, wo)
                    if hi <= lo:
                        continue
                    v = w[((c * cig + k) * kh + a) * kw + b]
                    for r in range(
                        first_inside(a * dh, sh, ph), past_inside(a * dh, sh, ph, h, ho)
                    ):
                        at = (r * sh + a * dh - ph) * wd + lo * sw + b * dw - pw
                        add_scaled(plane[r * wo + lo :], image[at:], v, hi - lo, sw)


def input_grad(g, w, gx, n, ci, h, wd, co, kh, kw, ho, wo, sh, sw, ph, pw, dh, dw, groups):
    """Gradient of the input, one input plane at a time.

    for each (image, input channel): plane = 0
        for each (output channel, tap): shifted plane += weight * incoming gradient
    """
    cig = ci // groups
    cog = co // groups
    for t in prange(n * ci):
        i = t // ci
        k = t - i * ci
        group = k // cig
        plane = gx[t * h * wd : (t + 1) * h * wd]
        for j in range(h * wd):
            plane[j] = g.dtype.type(0)
        for c in range(group * cog, (group + 1) * cog):
            grad = g[(i * co + c) * ho * wo :]
            for a in range(kh):
                for b in range(kw):
                    lo = first_inside(b * dw, sw, pw)
                    hi = past_inside(b * dw, sw, pw, wd, wo)
                    if hi <= lo:
                        continue
                    v = w[((c * cig + k - group * cig) * kh + a) * kw + b]
                    for r in range(
                        first_inside(a * dh, sh, ph), past_inside(a * dh, sh, ph, h, ho)
                    ):
                        at = (r * sh + a * dh - ph) * wd + lo * sw + b * dw - pw
                        add_scaled_strided(plane[at:], grad[r * wo + lo :], v, hi - lo, sw)


def weight_grad(x, g, gw, n, ci, h, wd, co, kh, kw, ho, wo, sh, sw, ph, pw, dh, dw, groups):
    """Gradient of the weight, one (output channel, input channel) pair at a time.

    for each pair, tap: sum over images of the sum over rows of input row . gradient row

    Each image is summed on its own first, so that a long sum over the batch keeps its digits.
    """
    cig = ci // groups
    cog = co // groups
    for t in prange(co * cig):
        c = t // cig
        k = (c // cog) * cig + t - c * cig
        taps = gw[t * kh * kw : (t + 1) * kh * kw]
        for j in range(kh * kw):
            taps[j] = x.dtype.type(0)
        for i in range(n):
            image = x[(i * ci + k) * h * wd :]
            grad = g[(i * co + c) * ho * wo :]
            for a in range(kh):
                for b in range(kw):
                    lo = first_inside(b * dw, sw, pw)
                    hi = past_inside(b * dw, sw, pw, wd, wo)
                    if hi <= lo:
                        continue
                    s = x.dtype.type(0)
                    for r in range(
                        first_inside(a * dh, sh, ph), past_inside(a * dh, sh, ph, h, ho)
                    ):
                        at = (r * sh + a * dh - ph) * wd + lo * sw + b * dw - pw
                        s += dot_row(image[at:], grad[r * wo + lo :], hi - lo, sw)
                    taps[a * kw + b] += s


def bias_grad(g, gb, n, co, m):
    """Gradient of the bias: for each channel, the sum over images of the sum over the plane."""
    for c in prange(co):
        total = g.dtype.type(0)
        for i in range(n):
            plane = g[(i * co + c) * m : (i * co + c + 1) * m]
            s = g.dtype.type(0)
            for j in range(m):
                s += plane[j]
            total += s
        gb[c] = total


forward_serial, forward_parallel = jit(forward), jit(forward, parallel=True)
input_grad_serial, input_grad_parallel = jit(input_grad), jit(input_grad, parallel=True)
weight_grad_serial, weight_grad_parallel = jit(weight_grad), jit(weight_grad, parallel=True)
bias_grad_serial, bias_grad_parallel = jit(bias_grad), jit(bias_grad, parallel=True)
