"""Copies of *runs*, that is, adjacent elements: the plain Python versions of what ``runs_codegen`` builds from vectors
and memcpy.

A plain loop over a short row spends most of its time outside its vector part: LLVM makes it four registers long.
"""

from __future__ import annotations

BLOCK = 16  # elements that ``reverse_block`` moves


def copy_run(src, s, dst, d, n):
    """``dst[d + j] = src[s + j]`` for j below n; the two do not overlap."""
    for j in range(n):
        dst[d + j] = src[s + j]


def reverse_block(src, s, dst, d):
    """``dst[d + j] = src[s - j]`` for j below 16."""
    for j in range(BLOCK):
        dst[d + j] = src[s - j]
