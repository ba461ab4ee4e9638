"""Transposes a square tile: the plain Python version of what ``transposed_tile_codegen`` builds from vector
shuffles."""

from __future__ import annotations


def _transpose(n: int, src, s, s_step, dst, d, d_step):
    for j in range(n):
        for i in range(n):
            dst[d + i * d_step + j] = src[s + j * s_step + i]


def transpose16(src, s, s_step, dst, d, d_step):
    """``dst[d + i*d_step + j] = src[s + j*s_step + i]`` for i and j below 16."""
    _transpose(16, src, s, s_step, dst, d, d_step)


def transpose8(src, s, s_step, dst, d, d_step):
    """As ``transpose16``, for i and j below 8."""
    _transpose(8, src, s, s_step, dst, d, d_step)


def transpose4(src, s, s_step, dst, d, d_step):
    """As ``transpose16``, for i and j below 4."""
    _transpose(4, src, s, s_step, dst, d, d_step)
