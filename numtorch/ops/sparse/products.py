"""Products of a sparse matrix, given by the positions and values of its elements, and dense ones.

Two ops are closed under differentiation: the product, and the elements of a product of dense matrices at given
positions. The transposed product is the same op with rows and columns exchanged.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from numtorch import ops
from numtorch._tensor import Tensor
from numtorch.dispatch.cost import nbytes, numel
from numtorch.dispatch.loops import Loop, like
from numtorch.dispatch.op import op
from numtorch.dispatch.samples import index
from numtorch.dtype import FLOATS, int64
from numtorch.kernels import threads
from numtorch.kernels.jit import jit, prange

NARROWEST = 16  # columns that a thread takes at least
EACH = 256  # elements of a sampled product that a thread takes at a time


@jit(parallel=True)
def add_products(rows, cols, values, dense, out, n, k, width):
    """out[rows[e]] += values[e] * dense[cols[e]], in the order of e; ``width`` of the k columns at a time. out begins
    with zeros.

    A position beyond the matrices is passed over: it was not there when the tensor was made, but others may write to
    the memory of its indices.
    """
    height = dense.size // max(k, 1)
    for item in prange((k + width - 1) // width):
        first = item * width
        some = min(width, k - first)
        for e in range(values.size):
            r, c = rows[np.uint64(e)], cols[np.uint64(e)]
            if np.uint64(r) >= np.uint64(n) or np.uint64(c) >= np.uint64(height):
                continue
            v = values[np.uint64(e)]
            target, source = r * k + first, c * k + first
            for j in range(some):
                out[np.uint64(target + j)] += v * dense[np.uint64(source + j)]


@jit(parallel=True)
def sample_products(rows, cols, x, y, out, k):
    """out[e] = x[rows[e]] @ y[cols[e]]; 0 for a position beyond the matrices."""
    height, width = x.size // max(k, 1), y.size // max(k, 1)
    zero = out.dtype.type(0)
    for item in prange((out.size + EACH - 1) // EACH):
        for e in range(item * EACH, min(item * EACH + EACH, out.size)):
            r, c = rows[np.uint64(e)], cols[np.uint64(e)]
            total = zero
            if np.uint64(r) < np.uint64(height) and np.uint64(c) < np.uint64(width):
                a, b = r * k, c * k
                for j in range(k):
                    total += x[np.uint64(a + j)] * y[np.uint64(b + j)]
            out[np.uint64(e)] = total


def _product_cost(out: Tensor, rows: Tensor, cols: Tensor, values: Tensor, dense: Tensor, n: int) -> tuple[int, int]:
    return nbytes(out, rows, cols, values, dense), 2 * numel(values) * dense.shape[1]


def _sampled_cost(out: Tensor, rows: Tensor, cols: Tensor, x: Tensor, y: Tensor) -> tuple[int, int]:
    return nbytes(out, rows, cols, x, y), 2 * numel(out) * x.shape[1]


def _floating(s: Any) -> bool:
    """int64 positions, float32 or float64 elements"""
    return s.dtypes[0] is int64 and s.dtypes[1] is int64 and s.dtypes[2] in FLOATS and s.dtypes[2] is s.dtypes[3]


@op(
    public=False,
    cost=_product_cost,
    samples=lambda: [
        (index((5,), 4), index((5,), 3), (5,), (3, 2), 4),
        (index((7,), 3), index((7,), 6), (7,), (6, 20), 3),
        (index((4,), 2), index((4,), 2), (4,), (2, 1), 2),
    ],
    ref=lambda rows, cols, values, dense, n: _reference(rows, cols, values, dense, n),
)
def sparse_product(rows, cols, values, dense, n: int):
    """``out[rows[e]] += values[e] * dense[cols[e]]`` over all e: a sparse matrix with n rows times a dense one."""
    parts = ops.movement.unsqueeze(values, 1) * ops.indexing.slices.index_select(dense, 0, cols)
    blank = ops.creation.zeros((n, dense.shape[1]), dtype=parts.dtype, device=parts.device)
    return ops.indexing.slices.index_add(blank, 0, rows, parts)


def _reference(rows: np.ndarray, cols: np.ndarray, values: np.ndarray, dense: np.ndarray, n: int) -> np.ndarray:
    out = np.zeros((n, dense.shape[1]), dense.dtype)
    np.add.at(out, rows, values[:, None] * dense[cols])
    return out


@sparse_product.vjp
def _(g, rows, cols, values, dense, dense_shape, *, needs):
    return (
        None,
        None,
        sampled_product(rows, cols, g, dense) if needs[2] else None,
        sparse_product(cols, rows, values, g, dense_shape[0]) if needs[3] else None,
    )


@sparse_product.loop("cpu", when=_floating)
def products(rows, cols, values, dense, n):
    k = dense.shape[1]
    width = max(NARROWEST, -(-k // threads.get_num_threads()))
    made = like(dense, (n, k), zeroed=True)
    return Loop(add_products, (n, k, width), made, weight=2, elements=values.shape[0] * max(k, 1))


@op(
    public=False,
    cost=_sampled_cost,
    samples=lambda: [
        (index((5,), 4), index((5,), 3), (4, 6), (3, 6)),
        (index((7,), 2), index((7,), 5), (2, 1), (5, 1)),
    ],
    ref=lambda rows, cols, x, y: np.sum(x[rows] * y[cols], 1),
)
def sampled_product(rows, cols, x, y):
    """``x[rows[e]] @ y[cols[e]]`` for each e: the elements of ``x @ y.T`` at these positions."""
    select = ops.indexing.slices.index_select
    return ops.reduction.sum(select(x, 0, rows) * select(y, 0, cols), 1, dtype=x.dtype)


@sampled_product.vjp
def _(g, rows, cols, x, y, x_shape, y_shape, *, needs):
    return (
        None,
        None,
        sparse_product(rows, cols, g, y, x_shape[0]) if needs[2] else None,
        sparse_product(cols, rows, g, x, y_shape[0]) if needs[3] else None,
    )


@sampled_product.loop("cpu", when=_floating)
def sampled(rows, cols, x, y):
    n, k = rows.shape[0], x.shape[1]
    return Loop(sample_products, (k,), like(x, (n,)), weight=2, elements=n * max(k, 1))
