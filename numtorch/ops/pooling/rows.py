"""Rows of 2x2 windows at stride 2: the plain Python version of ``rows_codegen``.

Rows of small images are too short for LLVM's vectoriser. So the compiled versions use explicit vectors; the last vector
is masked.
"""

from __future__ import annotations


def max_row(x, top, low, out, at, count):
    """``out[at + j]``: the largest of the window at ``top + 2j`` and ``low + 2j``; NaN if there is one."""
    for j in range(count):
        best = x[top + 2 * j]
        for k in (top + 2 * j + 1, low + 2 * j, low + 2 * j + 1):
            if x[k] > best or x[k] != x[k]:
                best = x[k]
        out[at + j] = best


def max_grad_row(x, top, low, g, at, gx, count):
    """``gx``, laid out as x: ``g[at + j]`` where the window has its maximum, the first one or the last NaN, else 0."""
    for j in range(count):
        places = (top + 2 * j, top + 2 * j + 1, low + 2 * j, low + 2 * j + 1)
        best = places[0]
        for k in places:
            gx[k] = 0
            if x[k] > x[best] or x[k] != x[k]:
                best = k
        gx[best] = g[at + j]
