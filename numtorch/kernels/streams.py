"""Stores that bypass the caches, for results larger than the caches.

When a plain store writes to a cache line that is in no cache, the processor fetches the line first, although all of it
will be overwritten: a sum of two arrays moves four bytes for three. Here a block of results is computed into ``room``,
which stays in the first-level cache, and ``stream`` writes it to memory with non-temporal stores. Kernels that call
these functions are compiled with ``needs=CODEGEN``. This file has the plain Python versions.
"""

from __future__ import annotations

import platform

import numpy as np

CODEGEN = "numtorch.kernels.streams_codegen"
BLOCK = 1024  # elements of a block: two of float32 beside their operands are half of a first-level cache
# Bytes of a result from which nobody will find it in a cache. Measured on x86 at 128 MB and two threads: a copy takes
# 0.6 of its time, a sum of two arrays 0.85; at 16 MB both take as long as before. Elsewhere stores of whole lines do
# without the fetch.
LARGE = 1 << 25 if platform.machine() in ("x86_64", "AMD64") else 1 << 62


def room(out):
    """Space for a block of elements like those of ``out``; the same again in every iteration."""
    return np.empty(BLOCK, out.dtype)


def stream(block, out, first, count):
    """out[first : first + count] = block[:count]"""
    out[first : first + count] = block[:count]
