"""The micro-kernels as plain Python: the reference for the vector code.

In compiled kernels a call of these functions runs the LLVM versions of ``microkernel.py``. With ``NUMBA_DISABLE_JIT=1``
the loops below run. Operands are flat arrays with an offset to the first element; strides are in elements. ``table`` is
the address of the compiled variants, which plain Python does not use.
"""

from __future__ import annotations

import numpy as np

from numtorch.kernels.math import float_to_bf16

STACK = 4096  # elements of scratch space on the stack: a 64 x 64 matrix

# What a tile does with its sums before it stores them, in this order.
ACCUMULATE = 1  # add what c holds
BIAS = 2  # add one value for each column
RELU = 4  # negative values become zero, NaN stays
PADDED = 8  # the last row of b, too, goes on to the end of its last vector: no mask is needed to read it


def tile(table, height, by_rows, a, a0, a_step, b, b0, b_step, c, c0, c_step, bias, bias0, depth, width, flags):
    """One tile of a matrix product: ``c[i, j] = sum_k a[i, k] * b[k, j]`` in the order of k.

    Args:
        height: rows of the tile, at most the number that the registers hold.
        by_rows: ``a[i, k]`` stands at ``a0 + i*a_step + k`` if 1, at ``a0 + k*a_step + i`` if 0.
        b: ``b[k, j]`` stands at ``b0 + k*b_step + j``.
        c: ``c[i, j]`` stands at ``c0 + i*c_step + j``.
        depth: number of products in each sum, 0 gives zeros.
        width: columns of the tile, at most the number that the registers hold.
        flags: any of ``ACCUMULATE``, ``BIAS``, ``RELU``, ``PADDED``.
    """
    for i in range(height):
        for j in range(width):
            total = c.dtype.type(0)
            for k in range(depth):
                at = a0 + i * a_step + k if by_rows else a0 + k * a_step + i
                total += a[at] * b[b0 + k * b_step + j]
            if flags & ACCUMULATE:
                total += c[c0 + i * c_step + j]
            if flags & BIAS:
                total += bias[bias0 + j]
            if flags & RELU and total < 0:
                total = c.dtype.type(0)
            c[c0 + i * c_step + j] = total


def transpose(table, x, x0, x_step, out, out0, out_step, rows, cols):
    """``out[j, i] = x[i, j]`` for at most a vector's length of rows."""
    for i in range(rows):
        for j in range(cols):
            out[out0 + j * out_step + i] = x[x0 + i * x_step + j]


def copy_rows(table, x, x0, x_step, out, out0, out_step, rows, cols):
    """``out[i, j] = x[i, j]``, each row padded with zeros to whole vectors.

    Rows are written from the first to the last, so the padding of one may lie on the next.
    """
    for i in range(rows):
        for j in range(cols):
            out[out0 + i * out_step + j] = x[x0 + i * x_step + j]


def pair_rows(table, x, x0, x_step, out, out0, out_step, rows, cols):
    """``out[i, 2 * j], out[i, 2 * j + 1] = x[2 * i, j], x[2 * i + 1, j]``: numbers of 16 bits, neighbours below become
    neighbours.

    A last row without a partner is paired with zeros. Each row of pairs is padded with zeros as in ``copy_rows``.
    """
    for i in range(rows):
        for j in range(cols):
            at = out0 + i // 2 * out_step + 2 * j
            out[at + i % 2] = x[x0 + i * x_step + j]
            if i == rows - 1 and i % 2 == 0:
                out[at + 1] = 0


def narrow_rows(table, x, x0, x_step, out, out0, out_step, rows, cols):
    """``out[i, j]`` is the bfloat16 nearest to the float32 whose halves stand at ``x[i, 2 * j]`` and behind it."""
    for i in range(rows):
        for j in range(cols):
            at = x0 + i * x_step + 2 * j
            out[out0 + i * out_step + j] = float_to_bf16(x[at : at + 2].view(np.float32)[0])


def take_every_second(table, x, x0, x_step, out, out0, out_step, rows, cols):
    """``out[i, j] = x[i, 2 * j]``; nothing else is written."""
    for i in range(rows):
        for j in range(cols):
            out[out0 + i * out_step + j] = x[x0 + i * x_step + 2 * j]


def put_every_second(table, x, x0, x_step, out, out0, out_step, rows, cols):
    """``out[i, 2 * j] = x[i, j]``; nothing else is written."""
    for i in range(rows):
        for j in range(cols):
            out[out0 + i * out_step + 2 * j] = x[x0 + i * x_step + j]


def gather_rows(table, x, x0, starts, s0, out, out0, out_step, rows, cols):
    """``out[i, j] = x[x0 + starts[s0 + i] + j]``: rows that begin anywhere; nothing else is written."""
    for i in range(rows):
        for j in range(cols):
            out[out0 + i * out_step + j] = x[x0 + starts[s0 + i] + j]


def gather_transpose(table, x, x0, starts, s0, out, out0, out_step, rows, cols):
    """``out[j, i] = x[x0 + starts[s0 + i] + j]`` for at most one vector's length each way.

    ``starts`` goes on for a vector's length after ``rows``, with starts that can be read: compiled, each row of
    ``out`` is written as a whole vector.
    """
    for i in range(rows):
        for j in range(cols):
            out[out0 + j * out_step + i] = x[x0 + starts[s0 + i] + j]


def on_stack(like):
    """An array of ``STACK`` elements that lives until the calling function returns."""
    return np.empty(STACK, like.dtype)


epilogues: dict = {}  # in plain Python, where functions have no address: by a number of their own


def finish(epilogue, c, start, count):
    """``c[i] = f(c[i])`` for ``count`` elements that a panel has just stored; ``epilogue`` is the address of f's
    loop."""
    epilogues[epilogue](c, start, count)


def dot(table, x, x0, y, y0, depth):
    """``sum_k x[x0 + k] * y[y0 + k]``; compiled, it keeps a sum for each lane of four vectors."""
    total = x.dtype.type(0)
    for k in range(depth):
        total += x[x0 + k] * y[y0 + k]
    return total
