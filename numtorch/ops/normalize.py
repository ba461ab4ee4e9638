"""Vectors scaled to length 1: one pass for the lengths and one for the result, in one loop."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from numtorch._tensor import Tensor
from numtorch.arguments import Dims
from numtorch.dispatch.aliases import own_names
from numtorch.dispatch.cost import per_output
from numtorch.dispatch.loops import Loop, like
from numtorch.dispatch.op import op
from numtorch.dispatch.out import CAST
from numtorch.dtype import FLOATS
from numtorch.exports import exported
from numtorch.kernels.jit import jit, prange
from numtorch.kernels.math import sqrt
from numtorch.ops import moments, reduction
from numtorch.ops.arithmetic import clamp_min, ge, where
from numtorch.storage import wrap_dim

WEIGHT = 3  # what an element costs, in additions


@exported("nn.functional")
@own_names
@op(
    out=CAST,
    cost=per_output(3),
    samples=lambda: [((3, 5), 2.0, 1), ((2, 3, 4), 2.0, 1), ((7,), 2.0, 0), ((3, 5), 2.0, 1, 10.0)],
    ref=lambda x, p, dim, eps=1e-12: x / np.maximum(np.sqrt(np.sum(x * x, dim, keepdims=True)), eps),
)
def normalize(x, p: float = 2.0, dim: Dims = 1, eps: float = 1e-12):
    """``input / max(norm(input, p), eps)`` along ``dim``: vectors of length 1, but for those shorter than ``eps``.

    >>> import numtorch as torch
    >>> torch.nn.functional.normalize(torch.tensor([[3.0, 4.0]]))
    tensor([[0.6000, 0.8000]])
    """
    return _of_parts(x, p, dim, eps)


@normalize.arguments
def _(x, p, dim, eps):
    if p != 2 or dim.__class__ is not int or not x._k.dtype.is_floating_point:
        return _of_parts
    return x, 2.0, wrap_dim(dim, x.ndim, "normalize"), float(eps)


def _of_parts(input: Tensor, p: float, dim: Any, eps: float) -> Tensor:
    return input / clamp_min(moments.norm(input, p, dim, keepdim=True), eps)


@normalize.vjp(cost=per_output(7))
def _(g, x, *, out, dim, eps):
    length = moments.norm(x, 2, dim, keepdim=True)
    along = where(ge(length, eps), reduction.sum(g * out, dim, True), 0.0)
    return (g - out * along) / clamp_min(length, eps)


@jit
def length_of(row):
    """The root of the sum of squares."""
    total = row.dtype.type(0)
    for j in range(row.size):
        total += row[j] * row[j]
    return sqrt(total)


@jit(parallel=True)
def unit_rows(x, out, rows, n, eps):
    """out[i] = x[i] / max(length of x[i], eps)"""
    for i in prange(rows):
        row = x[i * n : (i + 1) * n]
        made = out[i * n : (i + 1) * n]
        length = length_of(row)
        scale = x.dtype.type(1) / (x.dtype.type(eps) if length < x.dtype.type(eps) else length)
        for j in range(n):
            made[j] = row[j] * scale


@jit(parallel=True)
def unit_rows_backward(g, x, y, gx, rows, n, eps):
    """gx[i] = (g[i] - y[i] * sum of g[i] * y[i]) / length of x[i]; g[i] / eps for vectors shorter than eps"""
    for i in prange(rows):
        given = g[i * n : (i + 1) * n]
        unit = y[i * n : (i + 1) * n]
        made = gx[i * n : (i + 1) * n]
        length = length_of(x[i * n : (i + 1) * n])
        along = g.dtype.type(0)
        if length < g.dtype.type(eps):
            length = g.dtype.type(eps)
        else:
            for j in range(n):
                along += given[j] * unit[j]
        scale = g.dtype.type(1) / length
        for j in range(n):
            made[j] = (given[j] - unit[j] * along) * scale


def _rows(x: Tensor, dim: int) -> int:
    """The length of the rows, if ``dim`` is the last dimension and has elements; else 0."""
    return x.shape[dim] if x.ndim and dim == x.ndim - 1 else 0


@normalize.loop("cpu", dtypes=FLOATS)
def rows(x, dim, eps):
    n = _rows(x, dim)
    return Loop(unit_rows, (prod(x.shape[:-1]), n, eps), like(x), weight=WEIGHT) if n else None


@normalize.backward.loop("cpu", dtypes=FLOATS, name="rows")
def rows_backward(g, x, dim, eps):
    n = _rows(x, dim)
    return Loop(unit_rows_backward, (prod(x.shape[:-1]), n, eps), like(g), weight=WEIGHT) if n else None
