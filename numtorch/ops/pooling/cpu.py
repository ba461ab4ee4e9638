"""Pooling on the CPU: max, average and adaptive average over the planes of flat NCHW arrays.

Owns the kernels, and the functions that choose among them by shape alone. ``planes`` is n * c. Every plane is independent, so results
cannot depend on the number of threads.
"""

from __future__ import annotations

import numpy as np

from numtorch.dispatch.program import shared_from
from numtorch.kernels.jit import jit, prange
from numtorch.ops.pooling import flat
from numtorch.ops.pooling.rows import max_row

PARALLEL_WORK = shared_from(4)  # elements read
ROWS = "numtorch.ops.pooling.rows_codegen"


@jit
def max_window(x, h, w, r, s, kh, kw, dh, dw):
    """Position of the largest value of the window at (r, s); the last NaN wins, as in torch.

    Returns one past the plane when the window holds no pixel, which dilation makes possible.
    """
    while r < 0:
        r += dh
        kh -= 1
    while s < 0:
        s += dw
        kw -= 1
    if r >= h or s >= w or kh < 1 or kw < 1:
        return h * w
    at = r * w + s
    best = x[at]
    for i in range(r, min(r + (kh - 1) * dh + 1, h), dh):
        for j in range(s, min(s + (kw - 1) * dw + 1, w), dw):
            v = x[i * w + j]
            if v > best or v != v:
                best = v
                at = i * w + j
    return at


def max_general(x, out, indices, planes, h, w, ho, wo, kh, kw, sh, sw, ph, pw, dh, dw):
    """Maximum over each window, and its position in the plane.

    for each plane, output position: out, index = max over the window's pixels
    """
    for p in prange(planes):
        plane = x[p * h * w : (p + 1) * h * w]
        o = out[p * ho * wo : (p + 1) * ho * wo]
        at = indices[p * ho * wo : (p + 1) * ho * wo]
        for r in range(ho):
            for s in range(wo):
                k = max_window(plane, h, w, r * sh - ph, s * sw - pw, kh, kw, dh, dw)
                at[r * wo + s] = k
                o[r * wo + s] = plane[k] if k < h * w else x.dtype.type(-np.inf)


def max_values_general(x, out, planes, h, w, ho, wo, kh, kw, sh, sw, ph, pw, dh, dw):
    """``max_general`` without positions."""
    for p in prange(planes):
        plane = x[p * h * w : (p + 1) * h * w]
        o = out[p * ho * wo : (p + 1) * ho * wo]
        for r in range(ho):
            for s in range(wo):
                k = max_window(plane, h, w, r * sh - ph, s * sw - pw, kh, kw, dh, dw)
                o[r * wo + s] = plane[k] if k < h * w else x.dtype.type(-np.inf)


def max_backward_general(g, indices, gx, planes, hw, m):
    """Each gradient goes to the position that won: ``gx[index[j]] += g[j]``.

    Clearing the plane and scattering beats a gather over windows, 2x2 windows too: half the stores.
    """
    for p in prange(planes):
        plane = gx[p * hw : (p + 1) * hw]
        grad = g[p * m : (p + 1) * m]
        at = indices[p * m : (p + 1) * m]
        for j in range(hw):
            plane[j] = g.dtype.type(0)
        for j in range(m):
            if at[j] < hw:
                plane[at[j]] += grad[j]


@jit
def max_row_2x2(top, low, out, at, start, w, wo):
    """One output row of 2x2 windows, written as selects so that it becomes vector code."""
    for j in range(wo):
        best = top[2 * j]
        k = start + 2 * j
        v = top[2 * j + 1]
        if v > best or v != v:
            best = v
            k = start + 2 * j + 1
        v = low[2 * j]
        if v > best or v != v:
            best = v
            k = start + w + 2 * j
        v = low[2 * j + 1]
        if v > best or v != v:
            best = v
            k = start + w + 2 * j + 1
        out[j] = best
        at[j] = k


def max_2x2(x, out, indices, planes, h, w, ho, wo):
    """2x2 windows at stride 2 without padding."""
    for p in prange(planes):
        for r in range(ho):
            row = x[(p * h + 2 * r) * w : (p * h + 2 * r + 2) * w]
            o = (p * ho + r) * wo
            max_row_2x2(row, row[w:], out[o : o + wo], indices[o : o + wo], 2 * r * w, w, wo)


def max_values_2x2(x, out, planes, h, w, ho, wo):
    """2x2 windows at stride 2 without padding, values only."""
    for p in prange(planes):
        for r in range(ho):
            top = (p * h + 2 * r) * w
            max_row(x, top, top + w, out, (p * ho + r) * wo, wo)


@jit
def average_extent(i, size, k, stride, pad):
    """Window i of one axis: first and past-the-last pixel inside, and length with padding."""
    first = i * stride - pad
    last = min(first + k, size + pad)
    return max(first, 0), min(last, size), last - first


def average(x, out, planes, h, w, ho, wo, kh, kw, sh, sw, ph, pw, include_pad, divisor):
    """Mean over each window: its sum over ``divisor``, or over its pixels (padded or inside)."""
    for p in prange(planes):
        plane = x[p * h * w : (p + 1) * h * w]
        o = out[p * ho * wo : (p + 1) * ho * wo]
        for r in range(ho):
            r0, r1, rows = average_extent(r, h, kh, sh, ph)
            for s in range(wo):
                s0, s1, cols = average_extent(s, w, kw, sw, pw)
                total = x.dtype.type(0)
                for i in range(r0, r1):
                    for j in range(s0, s1):
                        total += plane[i * w + j]
                count = divisor
                if divisor == 0:
                    count = rows * cols if include_pad else (r1 - r0) * (s1 - s0)
                if r0 >= r1 or s0 >= s1:
                    o[r * wo + s] = x.dtype.type(0)
                else:
                    o[r * wo + s] = total / x.dtype.type(count)


def average_backward(g, gx, planes, h, w, ho, wo, kh, kw, sh, sw, ph, pw, include_pad, divisor):
    """Each gradient, divided as its mean was, goes to every pixel of its window."""
    for p in prange(planes):
        plane = gx[p * h * w : (p + 1) * h * w]
        grad = g[p * ho * wo : (p + 1) * ho * wo]
        for j in range(h * w):
            plane[j] = g.dtype.type(0)
        for r in range(ho):
            r0, r1, rows = average_extent(r, h, kh, sh, ph)
            for s in range(wo):
                s0, s1, cols = average_extent(s, w, kw, sw, pw)
                if r0 >= r1 or s0 >= s1:
                    continue
                count = divisor
                if divisor == 0:
                    count = rows * cols if include_pad else (r1 - r0) * (s1 - s0)
                v = grad[r * wo + s] / g.dtype.type(count)
                for i in range(r0, r1):
                    for j in range(s0, s1):
                        plane[i * w + j] += v


@jit
def average_row_2x2(top, low, out, scale, wo):
    """One output row of 2x2 means."""
    for j in range(wo):
        out[j] = ((top[2 * j] + top[2 * j + 1]) + (low[2 * j] + low[2 * j + 1])) * scale


@jit
def average_backward_row_2x2(g, top, low, scale, wo):
    """The four pixels under each output get a share of its gradient."""
    for j in range(wo):
        v = g[j] * scale
        top[2 * j] = v
        top[2 * j + 1] = v
        low[2 * j] = v
        low[2 * j + 1] = v


def average_2x2(x, out, planes, h, w, ho, wo, divisor):
    """2x2 windows at stride 2 without padding."""
    for p in prange(planes):
        scale = x.dtype.type(1) / x.dtype.type(divisor)
        for r in range(ho):
            row = x[(p * h + 2 * r) * w : (p * h + 2 * r + 2) * w]
            o = (p * ho + r) * wo
            average_row_2x2(row, row[w:], out[o : o + wo], scale, wo)


def average_backward_2x2(g, gx, planes, h, w, ho, wo, divisor):
    """Gradient for 2x2 windows at stride 2; rows and columns that no window covers get zero."""
    for p in prange(planes):
        scale = g.dtype.type(1) / g.dtype.type(divisor)
        for r in range(ho):
            row = gx[(p * h + 2 * r) * w : (p * h + 2 * r + 2) * w]
            o = (p * ho + r) * wo
            average_backward_row_2x2(g[o : o + wo], row, row[w:], scale, wo)
            if w > 2 * wo:
                for j in range(2 * wo, w):
                    row[j] = g.dtype.type(0)
                    row[w + j] = g.dtype.type(0)
        for j in range((p * h + 2 * ho) * w, (p + 1) * h * w):
            gx[j] = g.dtype.type(0)


def adaptive(x, out, planes, h, w, ho, wo):
    """Mean over windows from ``floor(i * h / ho)`` to ``ceil((i + 1) * h / ho)``."""
    for p in prange(planes):
        plane = x[p * h * w : (p + 1) * h * w]
        for r in range(ho):
            r0 = r * h // ho
            r1 = ((r + 1) * h + ho - 1) // ho
            for s in range(wo):
                s0 = s * w // wo
                s1 = ((s + 1) * w + wo - 1) // wo
                total = x.dtype.type(0)
                for i in range(r0, r1):
                    row = plane[i * w + s0 : i * w + s1]
                    for j in range(s1 - s0):
                        total += row[j]
                out[(p * ho + r) * wo + s] = total / x.dtype.type((r1 - r0) * (s1 - s0))


def adaptive_backward(g, gx, planes, h, w, ho, wo):
    """Each gradient, divided by the size of its window, goes to every pixel of the window."""
    for p in prange(planes):
        plane = gx[p * h * w : (p + 1) * h * w]
        for j in range(h * w):
            plane[j] = g.dtype.type(0)
        for r in range(ho):
            r0 = r * h // ho
            r1 = ((r + 1) * h + ho - 1) // ho
            for s in range(wo):
                s0 = s * w // wo
                s1 = ((s + 1) * w + wo - 1) // wo
                v = g[(p * ho + r) * wo + s] / g.dtype.type((r1 - r0) * (s1 - s0))
                for i in range(r0, r1):
                    row = plane[i * w + s0 : i * w + s1]
                    for j in range(s1 - s0):
                        row[j] += v


# Each kernel compiled serial and parallel: call pair[large].
MAX = jit(max_general), jit(max_general, parallel=True)
MAX_VALUES = jit(max_values_general), jit(max_values_general, parallel=True)
MAX_BACKWARD = jit(max_backward_general), jit(max_backward_general, parallel=True)
MAX_2X2 = jit(max_2x2), jit(max_2x2, parallel=True)
MAX_VALUES_2X2 = jit(max_values_2x2, needs=ROWS), jit(max_values_2x2, parallel=True, needs=ROWS)
AVERAGE = jit(average), jit(average, parallel=True)
AVERAGE_BACKWARD = jit(average_backward), jit(average_backward, parallel=True)
AVERAGE_2X2 = jit(average_2x2), jit(average_2x2, parallel=True)
AVERAGE_BACKWARD_2X2 = jit(average_backward_2x2), jit(average_backward_2x2, parallel=True)
ADAPTIVE = jit(adaptive), jit(adaptive, parallel=True)
ADAPTIVE_BACKWARD = jit(adaptive_backward), jit(adaptive_backward, parallel=True)


def max_pool2d_forward(x, out, indices, planes, h, w, ho, wo, kh, kw, sh, sw, ph, pw, dh, dw):
    """Maximum of each window of x (planes,h,w) into out (planes,ho,wo), NaN propagating.

    ``indices`` (int64, like out) gets the position of the maximum in its plane. Padding counts as
    minus infinity. Source: torch.nn.functional.max_pool2d.
    """
    large = planes * ho * wo * kh * kw >= PARALLEL_WORK
    if (
        kh == kw == sh == sw == 2
        and dh == dw == 1
        and ph == pw == 0
        and 2 * ho <= h
        and 2 * wo <= w
    ):
        MAX_2X2[large](x, out, indices, planes, h, w, ho, wo)
    elif sh * sw <= flat.MOST_DROPPED and sh <= kh < flat.MOST_ROWS and sw <= kw < flat.MOST_COLS:
        flat.PLACES[large](x, out, indices, planes, h, w, ho, wo, kh, kw, sh, sw, ph, pw, dh, dw)
    else:
        MAX[large](x, out, indices, planes, h, w, ho, wo, kh, kw, sh, sw, ph, pw, dh, dw)


def max_pool2d_values(x, out, planes, h, w, ho, wo, kh, kw, sh, sw, ph, pw, dh, dw):
    """``max_pool2d_forward`` for callers that need no gradient and no positions."""
    large = planes * ho * wo * kh * kw >= PARALLEL_WORK
    if (
        kh == kw == sh == sw == 2
        and dh == dw == 1
        and ph == pw == 0
        and 2 * ho <= h
        and 2 * wo <= w
    ):
        MAX_VALUES_2X2[large](x, out, planes, h, w, ho, wo)
    elif sh * sw <= flat.MOST_DROPPED and sh <= kh and sw <= kw:  # windows apart leave elements that nobody need read
        flat.VALUES[large](x, out, planes, h, w, ho, wo, kh, kw, sh, sw, ph, pw, dh, dw)
    else:
        MAX_VALUES[large](x, out, planes, h, w, ho, wo, kh, kw, sh, sw, ph, pw, dh, dw)


def max_pool2d_backward(g, indices, gx, planes, h, w, ho, wo, kh, kw, sh, sw, ph, pw, dh, dw):
    """Gradient of ``max_pool2d_forward``: g added at ``indices`` of gx (planes,h,w)."""
    large = planes * h * w >= PARALLEL_WORK
    MAX_BACKWARD[large](g, indices, gx, planes, h * w, ho * wo)


def avg_pool2d_forward(x, out, planes, h, w, ho, wo, kh, kw, sh, sw, ph, pw, include_pad, divisor):
    """Mean of each window of x (planes,h,w) into out (planes,ho,wo).

    The sum is divided by ``divisor``, or, where that is 0, by the window's size: with padding if
    ``include_pad``, else of the part inside the plane. Source: torch.nn.functional.avg_pool2d.
    """
    large = planes * ho * wo * kh * kw >= PARALLEL_WORK
    if kh == kw == sh == sw == 2 and ph == pw == 0 and 2 * ho <= h and 2 * wo <= w:
        AVERAGE_2X2[large](x, out, planes, h, w, ho, wo, divisor or 4)
    elif sh * sw <= flat.MOST_DROPPED and sh <= kh and sw <= kw:  # windows apart leave elements that nobody need read
        flat.MEANS[large](x, out, planes, h, w, ho, wo, kh, kw, sh, sw, ph, pw, int(include_pad), divisor)
    else:
        AVERAGE[large](
            x, out, planes, h, w, ho, wo, kh, kw, sh, sw, ph, pw, int(include_pad), divisor
        )


def avg_pool2d_backward(g, gx, planes, h, w, ho, wo, kh, kw, sh, sw, ph, pw, include_pad, divisor):
    """Gradient of ``avg_pool2d_forward``."""
    large = planes * ho * wo * kh * kw >= PARALLEL_WORK
    if kh == kw == sh == sw == 2 and ph == pw == 0 and 2 * ho <= h and 2 * wo <= w:
        AVERAGE_BACKWARD_2X2[large](g, gx, planes, h, w, ho, wo, divisor or 4)
    else:
        AVERAGE_BACKWARD[large](
            g, gx, planes, h, w, ho, wo, kh, kw, sh, sw, ph, pw, int(include_pad), divisor
        )


def adaptive_avg_pool2d_forward(x, out, planes, h, w, ho, wo):
    """Mean over ho x wo windows: rows ``floor(i*h/ho)`` to ``ceil((i+1)*h/ho)``.

    Source: torch.nn.functional.adaptive_avg_pool2d.
    """
    if h % ho == w % wo == 0 and 1 < ho * wo < h * w:  # windows of one size side by side
        kh, kw = h // ho, w // wo
        avg_pool2d_forward(x, out, planes, h, w, ho, wo, kh, kw, kh, kw, 0, 0, True, 0)
        return
    large = planes * (h * w + ho * wo) >= PARALLEL_WORK
    ADAPTIVE[large](x, out, planes, h, w, ho, wo)


def adaptive_avg_pool2d_backward(g, gx, planes, h, w, ho, wo):
    """Gradient of ``adaptive_avg_pool2d_forward``."""
    if h == 2 * ho and w == 2 * wo:
        avg_pool2d_backward(g, gx, planes, h, w, ho, wo, 2, 2, 2, 2, 0, 0, True, 0)
        return
    large = planes * (h * w + ho * wo) >= PARALLEL_WORK
    ADAPTIVE_BACKWARD[large](g, gx, planes, h, w, ho, wo)
