"""Maxima and sums of overlapping windows: a padded plane is one vector, and a tap is a shift of it.

The window of element ``r * cols + s`` of a padded plane (filled with minus infinity) is at fixed distances. So one loop
computes all rows with full vectors, however short a row is. Windows that the stride skips are computed and dropped:
this is faster up to a stride of 3 in both directions.
"""

from __future__ import annotations

import numpy as np

from numtorch.kernels.jit import jit, prange

MOST_DROPPED = 9  # windows computed for one that is kept
MOST_ROWS, MOST_COLS = 1 << 15, 1 << 16  # of a window whose places fit 32 bits
PARTS = 32  # of the planes, each with scratch of its own


@jit
def padded_extent(n, out, k, stride, pad, dilation):
    """Rows (or columns) of a padded plane: ``ceil_mode`` reaches beyond the padding."""
    return max(n + 2 * pad, (out - 1) * stride + (k - 1) * dilation + 1)


@jit
def fill_plane(plane, h, w, ph, pw, buffer, cols):
    """The plane into its borders."""
    for i in range(h):
        row = plane[i * w : (i + 1) * w]
        to = buffer[(i + ph) * cols + pw :]
        for j in range(w):
            to[j] = row[j]


@jit
def join(best, other, n):
    """``best[j] = other[j]`` where that is larger or NaN."""
    for j in range(n):
        v = other[j]
        b = best[j]
        best[j] = v if (v > b) | (v != v) else b


@jit
def join_places(best, at, other, place, n):
    """``join`` that also writes which tap the largest was found at."""
    for j in range(n):
        v = other[j]
        b = best[j]
        wins = (v > b) | (v != v)
        best[j] = v if wins else b
        at[j] = place if wins else at[j]


@jit(parallel=True)
def values(x, out, planes, h, w, ho, wo, kh, kw, sh, sw, ph, pw, dh, dw):
    """The largest element of each window.

    for each plane: across = max of kw shifts; down = max of kh shifts of that; out = those at the strides
    """
    rows, cols = padded_extent(h, ho, kh, sh, ph, dh), padded_extent(w, wo, kw, sw, pw, dw)
    across, down = rows * cols - (kw - 1) * dw, rows * cols - (kw - 1) * dw - (kh - 1) * dh * cols
    for part in prange(PARTS):
        first, last = planes * part // PARTS, planes * (part + 1) // PARTS
        buffer = np.full(rows * cols if first < last else 0, x.dtype.type(-np.inf), x.dtype)
        best, final = np.empty_like(buffer), np.empty_like(buffer)
        for p in range(first, last):
            fill_plane(x[p * h * w : (p + 1) * h * w], h, w, ph, pw, buffer, cols)
            for j in range(across):
                best[j] = buffer[j]
            for k in range(1, kw):
                join(best, buffer[k * dw :], across)
            for j in range(down):
                final[j] = best[j]
            for k in range(1, kh):
                join(final, best[k * dh * cols :], down)
            for r in range(ho):
                for s in range(wo):
                    out[(p * ho + r) * wo + s] = final[r * sh * cols + s * sw]


@jit
def first_inside(r, s, h, w, kh, kw, dh, dw):
    """The first pixel of the window at (r, s), or the number of pixels if it holds none."""
    r += (-r + dh - 1) // dh * dh if r < 0 else 0
    s += (-s + dw - 1) // dw * dw if s < 0 else 0
    return r * w + s if r < h and s < w else h * w


@jit(parallel=True)
def positions(x, indices, planes, h, w, ho, wo, kh, kw, sh, sw, ph, pw, dh, dw):
    """Where in its plane the largest element of each window is: the first, or the last NaN."""
    rows, cols = padded_extent(h, ho, kh, sh, ph, dh), padded_extent(w, wo, kw, sw, pw, dw)
    count = rows * cols - (kw - 1) * dw - (kh - 1) * dh * cols
    for part in prange(PARTS):
        first, last = planes * part // PARTS, planes * (part + 1) // PARTS
        buffer = np.full(rows * cols if first < last else 0, x.dtype.type(-np.inf), x.dtype)
        best = np.empty(count if first < last else 0, x.dtype)
        at = np.empty(count if first < last else 0, np.int32)
        for p in range(first, last):
            fill_plane(x[p * h * w : (p + 1) * h * w], h, w, ph, pw, buffer, cols)
            for j in range(count):
                best[j] = buffer[j]
                at[j] = 0
            for a in range(kh):
                for b in range(kw):
                    join_places(best, at, buffer[a * dh * cols + b * dw :], np.int32((a << 16) + b), count)
            for r in range(ho):
                for s in range(wo):
                    base = r * sh * cols + s * sw
                    tap = np.int64(at[base])
                    i, j = r * sh - ph + (tap >> 16) * dh, s * sw - pw + (tap & 0xFFFF) * dw
                    inside = 0 <= i < h and 0 <= j < w
                    # All pixels minus infinity: the border was no less.
                    k = i * w + j if inside else first_inside(r * sh - ph, s * sw - pw, h, w, kh, kw, dh, dw)
                    indices[(p * ho + r) * wo + s] = k


@jit
def add(total, other, n):
    """``total[j] += other[j]``."""
    for j in range(n):
        total[j] += other[j]


@jit(parallel=True)
def means(x, out, planes, h, w, ho, wo, kh, kw, sh, sw, ph, pw, include_pad, divisor):
    """The sum of each window, as ``values``, over ``divisor`` or over its pixels (padded or inside)."""
    rows, cols = padded_extent(h, ho, kh, sh, ph, 1), padded_extent(w, wo, kw, sw, pw, 1)
    across, down = rows * cols - (kw - 1), rows * cols - (kw - 1) - (kh - 1) * cols
    for part in prange(PARTS):
        first, last = planes * part // PARTS, planes * (part + 1) // PARTS
        buffer = np.zeros(rows * cols if first < last else 0, x.dtype)
        total, final = np.empty_like(buffer), np.empty_like(buffer)
        for p in range(first, last):
            fill_plane(x[p * h * w : (p + 1) * h * w], h, w, ph, pw, buffer, cols)
            for j in range(across):
                total[j] = buffer[j]
            for k in range(1, kw):
                add(total, buffer[k:], across)
            for j in range(down):
                final[j] = total[j]
            for k in range(1, kh):
                add(final, total[k * cols :], down)
            for r in range(ho):
                r0, r1 = r * sh - ph, min(r * sh - ph + kh, h + ph)
                for s in range(wo):
                    s0, s1 = s * sw - pw, min(s * sw - pw + kw, w + pw)
                    inside = max(0, min(r1, h) - max(r0, 0)) * max(0, min(s1, w) - max(s0, 0))
                    count = divisor if divisor else (r1 - r0) * (s1 - s0) if include_pad else inside
                    # Without a pixel inside the sum is that of the border.
                    out[(p * ho + r) * wo + s] = final[r * sh * cols + s * sw] / x.dtype.type(
                        count if count != 0 else 1
                    )
