"""Variance, norms and logsumexp: reductions of a formula of the elements, with gradients of one pass over them."""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from numtorch import dtype as dtypes
from numtorch._tensor import Tensor, empty, new
from numtorch.arguments import Dims, dimensions
from numtorch.device import CPU
from numtorch.dispatch.cost import per_input, per_output
from numtorch.dispatch.op import op, primitive
from numtorch.dispatch.out import CAST, SAME, into
from numtorch.dispatch.program import shared_from
from numtorch.dtype import FLOATS
from numtorch.kernels import math as m
from numtorch.kernels import registry, threads
from numtorch.kernels.codegen import reduction as codegen
from numtorch.ops import activation_cpu, moments_cpu
from numtorch.ops.arithmetic import REAL, SIGNED, abs, eq, exp, isfinite, log, ne, pow, sqrt, where
from numtorch.ops.movement import contiguous, reshape
from numtorch.ops.reduction import amax, amin, extents, mean, reduce, reduced_shape, sum, wrap_dims
from numtorch.storage import Size, allocate, wrap_dim

SHARED_ROWS = 8  # rows from which threads share a large tensor's; fewer are reduced in blocks

# --- formulas of one pass -------------------------------------------------------------------------


@primitive(public=False, takes=REAL)
def squared_error(x, t):
    """``(x - t) ** 2``"""
    return (x - t) * (x - t)


@squared_error.vjp
def _(g, x, t, *, needs):
    gx = g * ((x - t) * 2)
    return gx if needs[0] else None, -gx if needs[1] else None


@primitive(public=False, takes=SIGNED, ref=lambda x, t, y: (x - t) * y)
def scaled_difference(x, t, y):
    """``(x - t) * y``"""
    return (x - t) * y


@scaled_difference.vjp
def _(g, x, t, y, *, needs):
    gx = g * y
    return gx if needs[0] else None, -gx if needs[1] else None, g * (x - t) if needs[2] else None


@primitive(public=False, floats=True, ref=lambda x, t, y: np.exp(x - t) * y)
def scaled_exp(x, t, y):
    """``exp(x - t) * y``"""
    return m.exp(x - t) * y


@scaled_exp.vjp
def _(g, x, t, y, *, needs):
    e = exp(x - t)
    gx = g * e * y
    return gx if needs[0] else None, -gx if needs[1] else None, g * e if needs[2] else None


# --- variance -------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def _counted(shape: Size, dims: tuple[int, ...], minus: float) -> tuple[float, Size]:
    """What a variance divides by, and the shape of the variance that broadcasts."""
    rest = prod([shape[d] for d in dims]) - minus
    return rest if rest > 0 else 0.0, reduced_shape(shape, dims, True)


@op(name="var", public=False, cost=per_input(4),
    samples=lambda: [((5,), (0,), 1, False), ((3, 4), (1,), 0, True), ((2, 3, 4), (0, 2), 1, False)],
    ref=lambda x, dims, minus, keepdim: np.var(x, dims, ddof=minus, keepdims=keepdim))
def variance(x, dims: tuple, minus: float, keepdim: bool):
    """The squared distances from the mean over ``dims``, added up and divided by the count less ``minus``."""
    return sum(squared_error(x, mean(x, dims, True)), dims, keepdim) / _counted(x.shape, dims, minus)[0]


_rows: dict = registry.memo()  # (entry, shape of the result, its elements, numbers of the kernel); None where the body computes


@variance.kernel("cpu", dtypes=FLOATS, name="rows", functions=moments_cpu.VARIANCES)
def variance_rows(x, dims, minus, keepdim):
    try:
        found = _rows[x._k, x.shape, dims, minus, keepdim]
    except KeyError:
        if len(_rows) > 4096:
            _rows.clear()
        found = _rows[x._k, x.shape, dims, minus, keepdim] = _variance_plan(x, dims, minus, keepdim)
    if found is None:
        return variance.op.body(x, dims, minus, keepdim)
    entry, shape, count, numbers = found
    y = new(Tensor)
    y.shape, y._k, y._buf = shape, x._k, allocate(count, x._k.dtype, CPU)
    entry(x._buf, y._buf, *numbers)
    return y


def _variance_plan(x: Tensor, dims: tuple[int, ...], minus: float, keepdim: bool) -> tuple | None:
    found = extents(x.shape, dims) if x._k.contiguous and 0 not in x.shape else None
    if found is None or found[2] != 1 or (found[0] < SHARED_ROWS and x._buf.size >= shared_from(4)):
        return None
    outer, n, _ = found
    shape = reduced_shape(x.shape, dims, keepdim)
    rest = float(_counted(x.shape, dims, minus)[0])
    numbers = (outer, n, float(n), rest)
    many = x._buf.size >= shared_from(4) and not threads.forked()  # by the size alone: twins may round differently
    entry = moments_cpu.VARIANCES[many].entry(x._buf, np.empty(outer, x._k.dtype.storage), *numbers)
    return entry, shape, outer, numbers


@variance.vjp(cost=per_output(3))
def _(g, x, *, dims, minus, keepdim):
    rest, shape = _counted(x.shape, dims, minus)
    slope = g * (2 / rest if rest else float("nan"))
    return scaled_difference(x, mean(x, dims, True), slope if keepdim else reshape(slope, shape))


_dims = lru_cache(maxsize=1024)(wrap_dims)  # of what ``dimensions`` has checked


def var(input: Tensor, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: float | None = None,
        out: Any = None) -> Tensor:
    """The variance: mean squared distance from the mean, with ``correction`` (1) subtracted from the count."""
    if out is not None:
        return into(out, CAST, var, input, dim, unbiased, keepdim, correction=correction)
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    minus = correction if correction is not None else (1 if unbiased in (None, True) else 0)
    return variance(input, _dims(dimensions(dim, "var"), len(input.shape), "var"), minus, keepdim)


def std(input: Tensor, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: float | None = None,
        out: Any = None) -> Tensor:
    """The standard deviation: the square root of ``var``."""
    if out is not None:
        return into(out, CAST, std, input, dim, unbiased, keepdim, correction=correction)
    return sqrt(var(input, dim, unbiased, keepdim, correction=correction))


# --- logsumexp ------------------------------------------------------------------------------------


@op(name="logsumexp", public=False, cost=per_input(2, "exp_nonpositive"),
    samples=lambda: [((5,), 0), ((3, 4), 1), ((2, 3, 4), 1), ((), 0)],
    ref=lambda x, dim: np.log(np.sum(np.exp(x), dim if x.ndim else None, keepdims=True)))
def logsumexp_along(x, dim: int):
    """``log(sum(exp(x)))`` along a dimension, which stays with size 1."""
    return _logsumexp(x, dim)


def _logsumexp(x: Tensor, dim: Any) -> Tensor:
    top = amax(x, dim, True).detach()
    top = where(isfinite(top), top, 0.0)
    return log(sum(exp(x - top), dim, True)) + top


@logsumexp_along.vjp(cost=per_output(2, "exp"))
def _(g, x, *, out, dim):
    return scaled_exp(x, out, g)


@logsumexp_along.kernel("cpu", dtypes=FLOATS, name="rows", functions=activation_cpu.LOG_SUMS)
def log_sums(x, dim):
    shape = x.shape
    if not shape or wrap_dim(dim, len(shape), "logsumexp") != len(shape) - 1 or not x._buf.size:
        return logsumexp_along.op.body(x, dim)
    x = x if x._k.contiguous else contiguous(x)
    *outer, n = shape
    out = empty(Size((*outer, 1)), x._k.dtype, x._k.device)
    activation_cpu.log_sums(x._buf, out._buf, x._buf.size // n, n)
    return out


def logsumexp(input: Tensor, dim: Any, keepdim: bool = False, *, out: Any = None) -> Tensor:
    """``log(sum(exp(x)))`` without overflow."""
    if out is not None:
        return into(out, CAST, logsumexp, input, dim, keepdim)
    dim = dimensions(dim, "logsumexp")
    one = dim if dim.__class__ is int else dim[0] if dim.__class__ is tuple and len(dim) == 1 else None
    y = _logsumexp(input, dim) if one is None or not input.shape.numel() else logsumexp_along(input, one)
    return y if keepdim else reshape(y, reduced_shape(input.shape, wrap_dims(dim, len(input.shape), "logsumexp"), False))


# --- norms ----------------------------------------------------------------------------------------


@op(name="norm", direct=True, public=False,
    samples=lambda: [((), None, False), ((5,), 0, True), ((3, 4), None, False), ((2, 3, 4), (0, 2), False)],
    ref=lambda x, dim, keepdim: np.sqrt(np.sum(x * x, dim, keepdims=keepdim)))
def euclidean(x, dim: Dims, keepdim: bool):
    """The square root of the sum of squares over dimensions."""
    return reduce(codegen.ROOT_SQUARES, x, dim, keepdim, x._k.dtype)


@euclidean.vjp
def _(g, x, *, out, dim, keepdim):
    # At 0, where there is none, the gradient is 0, as in torch.
    slope = where(eq(out, 0), 0.0, g / out)
    return x * (slope if keepdim or not slope.shape else reshape(slope, reduced_shape(x.shape, wrap_dims(dim, x.ndim, "norm"), True)))


def norm(input: Tensor, p: Any = "fro", dim: Any = None, keepdim: bool = False, *, out: Any = None) -> Tensor:
    """The p-norm of the elements (2 unless given; also inf, -inf, 0, 1)."""
    if out is not None:
        return into(out, SAME, norm, input, p, dim, keepdim)
    p = 2 if p in ("fro", None) else p
    if not isinstance(p, int | float | np.number):
        raise (RuntimeError if isinstance(p, str) else TypeError)(f"norm: order {p!r} is not supported; give a number, or 'fro'")
    if p == 2:
        if input._k.dtype.category == dtypes.FLOATING:
            return euclidean(input, tuple(dim) if isinstance(dim, list) else dim, keepdim)
        return sqrt(sum(input * input, dim, keepdim))
    if p == float("inf"):
        return amax(abs(input), () if dim is None else dim, keepdim)
    if p == float("-inf"):
        return amin(abs(input), () if dim is None else dim, keepdim)
    if p == 0:
        return sum(ne(input, 0).to(input.dtype), dim, keepdim)
    if p == 1:
        return sum(abs(input), dim, keepdim)
    return pow(sum(pow(abs(input), p), dim, keepdim), 1 / p)
