"""Kernels that make a batch: they select rows by index, or select pixels and map them through a table.

They work on flat arrays and know neither datasets nor tensors. ``take_rows`` and ``take_mapped`` check the indices,
choose the serial or the parallel kernel, and return a new array.
"""

from __future__ import annotations

import numpy as np

from numtorch.dispatch.program import shared_from
from numtorch.kernels.jit import jit, prange
from numtorch.kernels.threads import get_num_threads

PARALLEL_FROM = shared_from(4)  # the samples of a shuffled epoch come from anywhere in memory
CHUNK = 8  # samples


@jit
def bad_index(index, n):
    """Position of the first index outside ``[-n, n)``, or -1."""
    for i in range(index.size):
        if index[i] >= n or index[i] < -n:
            return i
    return -1


@jit
def rows(x, index, n, width, out):
    """out[i, j] = x[index[i], j] for x of shape (n, width); negative indices count from the end."""
    for i in range(index.size):
        k = index[i]
        if k < 0:
            k += n
        for j in range(width):
            out[i * width + j] = x[k * width + j]


@jit(parallel=True)
def rows_parallel(x, index, n, width, out):
    """``rows`` with chunks of samples spread over the threads."""
    for b in prange((index.size + CHUNK - 1) // CHUNK):
        # The serial kernel on slices: a loop from 0 vectorises, one from an unknown start does not.
        start, stop = b * CHUNK, min(index.size, b * CHUNK + CHUNK)
        rows(x, index[start:stop], n, width, out[start * width : stop * width])


@jit
def mapped(x, index, n, table, c, plane, out):
    """out[i, k, j] = table[k, x[index[i], k, j]] for bytes x (n, c, plane) and table (c, 256).

    A byte has 256 values: what any pixelwise transform makes of them is computed once, in the
    table, and a batch costs one read of it per pixel (as fast as two vectorised divisions, and
    exact by construction).
    """
    for i in range(index.size):
        s = index[i]
        if s < 0:
            s += n
        for k in range(c):
            source = x[(s * c + k) * plane : (s * c + k + 1) * plane]
            target = out[(i * c + k) * plane : (i * c + k + 1) * plane]
            values = table[k * 256 : (k + 1) * 256]
            for j in range(plane):
                target[j] = values[source[j]]


@jit(parallel=True)
def mapped_parallel(x, index, n, table, c, plane, out):
    """``mapped`` with chunks of samples spread over the threads."""
    for b in prange((index.size + CHUNK - 1) // CHUNK):
        start, stop = b * CHUNK, min(index.size, b * CHUNK + CHUNK)
        part = out[start * c * plane : stop * c * plane]
        mapped(x, index[start:stop], n, table, c, plane, part)


def checked_index(index: np.ndarray, n: int) -> np.ndarray:
    """Sample numbers as a contiguous int64 array; IndexError for one that is out of range."""
    if index.ndim != 1 or index.dtype.kind not in "iu":
        raise IndexError(
            "sample numbers must be a one-dimensional array of integers, got "
            f"{index.dtype} of shape {list(index.shape)}"
        )
    index = np.ascontiguousarray(index, np.int64)
    at = bad_index(index, n)
    if at >= 0:
        raise IndexError(f"index {index[at]} is out of range for a dataset of {n} samples")
    return index


def take_rows(x: np.ndarray, index: np.ndarray) -> np.ndarray:
    """``x[index]`` along the first dimension, for a C-contiguous ``x`` of any dtype.

    Example:
        >>> import numpy as np
        >>> take_rows(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1, 0, 1])).tolist()
        [[3.0, 4.0], [1.0, 2.0], [3.0, 4.0]]
    """
    n = x.shape[0]
    index = checked_index(index, n)
    out = np.empty((index.size, *x.shape[1:]), x.dtype)
    if out.size:
        # Copying does not depend on what the bytes mean: three word sizes serve every dtype.
        size = x.dtype.itemsize
        word = {4: np.uint32, 8: np.uint64, 16: np.uint64}.get(size, np.uint8)
        source, target = x.reshape(-1).view(word), out.reshape(-1).view(word)
        parallel = target.size >= PARALLEL_FROM and get_num_threads() > 1
        kernel = rows_parallel if parallel else rows
        kernel(source, index, n, source.size // n, target)
    return out


def take_mapped(x: np.ndarray, index: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Pixels of the images ``x[index]``, each replaced by ``table[channel, pixel]``.

    Args:
        x: uint8 images, C-contiguous, (n, c, ...) with c the channels of the table, or (n, ...) for
            c = 1.
        index: int64 sample numbers.
        table: (c, 256), what each byte becomes.

    Example:
        >>> import numpy as np
        >>> images = np.array([[[0, 255]], [[255, 0]]], np.uint8)
        >>> halves = np.arange(256, dtype=np.float32)[None] / 2
        >>> take_mapped(images, np.array([1]), halves).tolist()
        [[[127.5, 0.0]]]
    """
    n, c = x.shape[0], table.shape[0]
    index = checked_index(index, n)
    out = np.empty((index.size, *x.shape[1:]), table.dtype)
    if out.size:
        plane = x.size // (n * c)
        kernel = mapped_parallel if out.size >= PARALLEL_FROM and get_num_threads() > 1 else mapped
        kernel(x.reshape(-1), index, n, table.reshape(-1), c, plane, out.reshape(-1))
    return out
