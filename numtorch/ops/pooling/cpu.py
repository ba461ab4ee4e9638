"""Pooling on the CPU: max, average and adaptive average over planes in flat arrays.

Owns the kernels, and the functions that choose among them by shape alone. Every plane is independent, so results cannot
depend on the number of threads.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from numtorch.dispatch.loops import Loop
from numtorch.dispatch.program import shared_from
from numtorch.kernels.jit import Jit, jit, prange
from numtorch.ops.pooling import flat
from numtorch.ops.pooling.rows import max_grad_row, max_row

WEIGHT = 4  # of an element that is read
QUARTERS = (2, 2, 2, 2, 0, 0, 1, 1)  # windows of 2x2 pixels side by side
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


@jit(parallel=True)
def max_positions_general(x, at, planes, h, w, ho, wo, kh, kw, sh, sw, ph, pw, dh, dw):
    """Where in its plane the maximum of each window is."""
    for p in prange(planes):
        plane = x[p * h * w : (p + 1) * h * w]
        places = at[p * ho * wo : (p + 1) * ho * wo]
        for r in range(ho):
            for s in range(wo):
                places[r * wo + s] = max_window(plane, h, w, r * sh - ph, s * sw - pw, kh, kw, dh, dw)


@jit(parallel=True)
def max_values_general(x, out, planes, h, w, ho, wo, kh, kw, sh, sw, ph, pw, dh, dw):
    """The maximum of each window; minus infinity where it holds no pixel."""
    for p in prange(planes):
        plane = x[p * h * w : (p + 1) * h * w]
        o = out[p * ho * wo : (p + 1) * ho * wo]
        for r in range(ho):
            for s in range(wo):
                k = max_window(plane, h, w, r * sh - ph, s * sw - pw, kh, kw, dh, dw)
                o[r * wo + s] = plane[k] if k < h * w else x.dtype.type(-np.inf)


@jit(parallel=True)
def scatter(g, positions, gx, planes, hw, m):
    """Each gradient goes to its position: ``gx[positions[j]] += g[j]``.

    Clearing the plane and scattering beats a gather over windows, 2x2 windows too: half the stores.
    """
    for p in prange(planes):
        plane = gx[p * hw : (p + 1) * hw]
        grad = g[p * m : (p + 1) * m]
        at = positions[p * m : (p + 1) * m]
        for j in range(hw):
            plane[j] = g.dtype.type(0)
        for j in range(m):
            if at[j] < hw:
                plane[at[j]] += grad[j]


@jit
def max_positions_row(top, low, at, start, w, wo):
    """One output row of positions of 2x2 windows, written as selects so that it becomes vector code."""
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
        at[j] = k


@jit(parallel=True)
def max_positions_2x2(x, at, planes, h, w, ho, wo):
    """``max_positions_general`` of 2x2 windows at stride 2 without padding."""
    for p in prange(planes):
        for r in range(ho):
            row = x[(p * h + 2 * r) * w : (p * h + 2 * r + 2) * w]
            o = (p * ho + r) * wo
            max_positions_row(row, row[w:], at[o : o + wo], 2 * r * w, w, wo)


@jit(parallel=True, needs=ROWS)
def max_values_2x2(x, out, planes, h, w, ho, wo):
    """``max_values_general`` of 2x2 windows at stride 2 without padding."""
    for p in prange(planes):
        for r in range(ho):
            top = (p * h + 2 * r) * w
            max_row(x, top, top + w, out, (p * ho + r) * wo, wo)


@jit(parallel=True, needs=ROWS)
def max_backward_2x2(g, x, gx, planes, h, w, ho, wo):
    """gx (planes, h, w): each g (planes, ho, wo) where its window of x has its maximum, else 0."""
    for p in prange(planes):
        for r in range(ho):
            top = (p * h + 2 * r) * w
            max_grad_row(x, top, top + w, g, (p * ho + r) * wo, gx, wo)
            for j in range(top + 2 * wo, top + w):
                gx[j] = g.dtype.type(0)
                gx[j + w] = g.dtype.type(0)
        rest = gx[(p * h + 2 * ho) * w : (p + 1) * h * w]
        for j in range(rest.size):
            rest[j] = g.dtype.type(0)


@jit
def mean_extent(i, size, k, stride, pad):
    """Window i of one axis: first and past-the-last pixel inside, and length with padding."""
    first = i * stride - pad
    last = min(first + k, size + pad)
    return max(first, 0), min(last, size), last - first


@jit(parallel=True)
def means_general(x, out, planes, h, w, ho, wo, kh, kw, sh, sw, ph, pw, include_pad, divisor):
    """Mean over each window: its sum over ``divisor``, or over its pixels (padded or inside)."""
    for p in prange(planes):
        plane = x[p * h * w : (p + 1) * h * w]
        o = out[p * ho * wo : (p + 1) * ho * wo]
        for r in range(ho):
            r0, r1, rows = mean_extent(r, h, kh, sh, ph)
            for s in range(wo):
                s0, s1, cols = mean_extent(s, w, kw, sw, pw)
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


@jit(parallel=True)
def means_backward_general(g, gx, planes, h, w, ho, wo, kh, kw, sh, sw, ph, pw, include_pad, divisor):
    """Each gradient, divided as its mean was, goes to every pixel of its window."""
    for p in prange(planes):
        plane = gx[p * h * w : (p + 1) * h * w]
        grad = g[p * ho * wo : (p + 1) * ho * wo]
        for j in range(h * w):
            plane[j] = g.dtype.type(0)
        for r in range(ho):
            r0, r1, rows = mean_extent(r, h, kh, sh, ph)
            for s in range(wo):
                s0, s1, cols = mean_extent(s, w, kw, sw, pw)
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
def means_row_2x2(top, low, out, scale, wo):
    """One output row of 2x2 means."""
    for j in range(wo):
        out[j] = ((top[2 * j] + top[2 * j + 1]) + (low[2 * j] + low[2 * j + 1])) * scale


@jit
def means_backward_row_2x2(g, top, low, scale, wo):
    """The four pixels under each output get a share of its gradient."""
    for j in range(wo):
        v = g[j] * scale
        top[2 * j] = v
        top[2 * j + 1] = v
        low[2 * j] = v
        low[2 * j + 1] = v


@jit(parallel=True)
def means_2x2(x, out, planes, h, w, ho, wo, divisor):
    """2x2 windows at stride 2 without padding."""
    for p in prange(planes):
        scale = x.dtype.type(1) / x.dtype.type(divisor)
        for r in range(ho):
            row = x[(p * h + 2 * r) * w : (p * h + 2 * r + 2) * w]
            o = (p * ho + r) * wo
            means_row_2x2(row, row[w:], out[o : o + wo], scale, wo)


@jit(parallel=True)
def means_backward_2x2(g, gx, planes, h, w, ho, wo, divisor):
    """Gradient for 2x2 windows at stride 2; rows and columns that no window covers get zero."""
    for p in prange(planes):
        scale = g.dtype.type(1) / g.dtype.type(divisor)
        for r in range(ho):
            row = gx[(p * h + 2 * r) * w : (p * h + 2 * r + 2) * w]
            o = (p * ho + r) * wo
            means_backward_row_2x2(g[o : o + wo], row, row[w:], scale, wo)
            if w > 2 * wo:
                for j in range(2 * wo, w):
                    row[j] = g.dtype.type(0)
                    row[w + j] = g.dtype.type(0)
        for j in range((p * h + 2 * ho) * w, (p + 1) * h * w):
            gx[j] = g.dtype.type(0)


@jit(parallel=True)
def adaptive_cells(x, out, planes, h, w, ho, wo):
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


@jit(parallel=True)
def adaptive_backward_cells(g, gx, planes, h, w, ho, wo):
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


# --- choices --------------------------------------------------------------------------------------


def _quarters(h: int, w: int, ho: int, wo: int, window: tuple) -> bool:
    """Whether the windows are 2x2 pixels side by side, none of them beyond the plane."""
    return tuple(window) == QUARTERS[: len(window)] and 2 * ho <= h and 2 * wo <= w


def _loop(function: Jit, numbers: tuple, out: Any, elements: int) -> Loop:
    return Loop(function, numbers, out, weight=WEIGHT, elements=elements)


def max_values(out: Any, planes: int, h: int, w: int, ho: int, wo: int, *window: int) -> Loop:
    """The maximum of each window of x (planes, h, w), NaN propagating; padding counts as minus infinity.

    ``window`` is kernel, stride, padding and dilation, each of rows and of columns.
    """
    kh, kw, sh, sw = window[:4]
    elements, numbers = planes * ho * wo * kh * kw, (planes, h, w, ho, wo)
    if _quarters(h, w, ho, wo, window):
        return _loop(max_values_2x2, numbers, out, elements)
    if sh * sw <= flat.MOST_DROPPED and sh <= kh and sw <= kw:  # windows apart leave elements that nobody need read
        return _loop(flat.values, (*numbers, *window), out, elements)
    return _loop(max_values_general, (*numbers, *window), out, elements)


def max_positions(out: Any, planes: int, h: int, w: int, ho: int, wo: int, *window: int) -> Loop:
    """Where in its plane the maximum of each window is."""
    kh, kw, sh, sw = window[:4]
    elements, numbers = planes * ho * wo * kh * kw, (planes, h, w, ho, wo)
    if _quarters(h, w, ho, wo, window):
        return _loop(max_positions_2x2, numbers, out, elements)
    if sh * sw <= flat.MOST_DROPPED and sh <= kh < flat.MOST_ROWS and sw <= kw < flat.MOST_COLS:
        return _loop(flat.positions, (*numbers, *window), out, elements)
    return _loop(max_positions_general, (*numbers, *window), out, elements)


def max_scatter(out: Any, planes: int, h: int, w: int, ho: int, wo: int, *window: int) -> Loop:
    """Gradients added at positions of planes (h, w)."""
    return _loop(scatter, (planes, h * w, ho * wo), out, planes * h * w)


def max_gradient(out: Any, planes: int, h: int, w: int, ho: int, wo: int, *window: int) -> Loop:
    """The gradient of ``max_values``, of which the positions are found again."""
    if _quarters(h, w, ho, wo, window):
        return _loop(max_backward_2x2, (planes, h, w, ho, wo), out, planes * h * w)
    steps = [step(None, planes, h, w, ho, wo, *window) for step in (max_positions, max_scatter)]
    twins = [s.function if (s.elements or 0) >= shared_from(WEIGHT) else s.function.serial for s in steps]
    return Loop(find_and_scatter, (twins[0], steps[0].numbers, twins[1], steps[1].numbers), out)


def find_and_scatter(g: Any, x: Any, gx: Any, find: Jit, window: tuple, scatter: Jit, planes: tuple) -> None:
    """Positions are found in x, and g is added there."""
    at = np.empty(g.size, np.int64)
    find(x, at, *window)
    scatter(g, at, gx, *planes)


def means(out: Any, planes: int, h: int, w: int, ho: int, wo: int, *rest: int) -> Loop:
    """The mean of each window of x (planes, h, w).

    ``rest`` is kernel, stride and padding, each of rows and of columns, ``include_pad``, and the divisor. Where this is
    0, a sum is divided by the window's size: with padding if ``include_pad``, else of the part inside the plane.
    """
    *window, _, divisor = rest
    kh, kw, sh, sw = window[:4]
    elements, numbers = planes * ho * wo * kh * kw, (planes, h, w, ho, wo)
    if _quarters(h, w, ho, wo, tuple(window)):
        return _loop(means_2x2, (*numbers, divisor or 4), out, elements)
    if sh * sw <= flat.MOST_DROPPED and sh <= kh and sw <= kw:
        return _loop(flat.means, (*numbers, *rest), out, elements)
    return _loop(means_general, (*numbers, *rest), out, elements)


def mean_gradient(out: Any, planes: int, h: int, w: int, ho: int, wo: int, *rest: int) -> Loop:
    """The gradient of ``means``."""
    *window, _, divisor = rest
    elements, numbers = planes * ho * wo * window[0] * window[1], (planes, h, w, ho, wo)
    if _quarters(h, w, ho, wo, tuple(window)):
        return _loop(means_backward_2x2, (*numbers, divisor or 4), out, elements)
    return _loop(means_backward_general, (*numbers, *rest), out, elements)


def adaptive(out: Any, planes: int, h: int, w: int, ho: int, wo: int) -> Loop:
    """Means over ho x wo windows of x (planes, h, w): rows ``floor(i * h / ho)`` to ``ceil((i + 1) * h / ho)``."""
    if ho and wo and h % ho == w % wo == 0 and 1 < ho * wo < h * w:  # windows of one size side by side
        kh, kw = h // ho, w // wo
        return means(out, planes, h, w, ho, wo, kh, kw, kh, kw, 0, 0, 1, 0)
    return _loop(adaptive_cells, (planes, h, w, ho, wo), out, planes * (h * w + ho * wo))


def adaptive_gradient(out: Any, planes: int, h: int, w: int, ho: int, wo: int) -> Loop:
    """The gradient of ``adaptive``."""
    if h == 2 * ho and w == 2 * wo:
        return mean_gradient(out, planes, h, w, ho, wo, 2, 2, 2, 2, 0, 0, 1, 0)
    return _loop(adaptive_backward_cells, (planes, h, w, ho, wo), out, planes * (h * w + ho * wo))
