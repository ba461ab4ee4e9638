"""Scans: the result of a reduction up to each element along a dimension: cumsum and similar ops."""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

import numtorch.dtype as dtypes
from numtorch._tensor import ReturnType, Tensor, empty
from numtorch.device import CPU
from numtorch.dispatch.cost import moves, per_input
from numtorch.dispatch.op import op
from numtorch.dispatch.out import GIVEN, SAME, into
from numtorch.dispatch.program import shared_from
from numtorch.exports import exported
from numtorch.kernels import registry, threads
from numtorch.kernels.jit import Jit
from numtorch.ops import movement
from numtorch.ops import scan_cpu as cpu
from numtorch.ops.arithmetic import exp, gt, log, where
from numtorch.ops.indexing import overwrite
from numtorch.ops.movement import contiguous
from numtorch.ops.movement.launching import Plan, ready, remember
from numtorch.ops.reduction import with_slope
from numtorch.storage import kind, tick, wrap_dim

SCAN, LOGARITHMS = 2, 32  # what an element costs, in additions


def _extents(x: Tensor, dim: int) -> tuple[int, int, int]:
    return _around(x.shape, dim)


@lru_cache(maxsize=1024)
def _around(shape: tuple, dim: int) -> tuple[int, int, int]:
    return (prod(shape[:dim]), shape[dim], prod(shape[dim + 1 :])) if shape else (1, 1, 1)


_plans: dict = registry.memo()


def _scanned(kernels: tuple[Jit, Jit], x: Tensor, dim: int, *rest: Any, weight: int = SCAN, more: tuple = ()) -> Tensor:
    """A scan of contiguous tensors (``more`` are of x's type and shape) by the kernel for rows or the one for columns."""
    key = (kernels, x._k, x.shape, dim, rest)
    plan = _plans.get(key)
    if plan is None:
        plan = remember(_plans, key, _plan(kernels, x, dim, rest, weight, more))
    if not more:
        return plan(x)
    y = plan.result()
    if plan.entry is not None:
        plan.entry(x._buf, *[v._buf for v in more], y._buf, *plan.numbers)
    return y


def _plan(kernels: tuple[Jit, Jit], x: Tensor, dim: int, rest: tuple, weight: int, more: tuple) -> Plan:
    size = x._buf.size
    outer, n, inner = _extents(x, dim)
    rows = inner == 1 and kernels[0] is not kernels[1]
    numbers = (outer, n, *rest) if rows else (outer, n, inner, *rest)
    parallel = size >= shared_from(weight) and threads.get_num_threads() > 1
    buffers = (x._buf, *[v._buf for v in more], x._buf)
    return Plan(x.shape, x._k, ready(kernels[not rows], parallel, (*buffers, *numbers)) if size else None, numbers)


def _like(*tensors: Tensor) -> Tensor:
    x = tensors[0]
    return empty(x.shape, x._k.dtype, x._k.device)


def _single(compute: Any) -> Any:
    """A launcher for which half types, stored as bits, are computed as float32."""

    def run(x: Tensor, *rest: Any) -> Any:
        if not x._k.dtype.is_half:
            return compute(x, *rest)
        single = [movement.cast(v, dtypes.float32) if isinstance(v, Tensor) else v for v in (x, *rest)]
        y = compute(*single)
        return (movement.cast(y[0], x.dtype), y[1]) if isinstance(y, tuple) else movement.cast(y, x.dtype)

    return run


def _target(x: Tensor, dtype: Any, name: str) -> Tensor:
    """``x`` in the type in which it is scanned: integers as int64, as torch does."""
    d = dtypes.as_dtype(dtype) if dtype is not None else x.dtype if x.dtype.is_floating_point else dtypes.int64
    if d is dtypes.bool and x.shape and x.shape.numel():
        raise NotImplementedError(f'"{name}" not implemented for bool; leave out dtype, or cast with .int()')
    if dtype is not None:
        with_slope(x, d, name)
    return x if x.dtype is d else movement.to(x, d)


# --- sums -----------------------------------------------------------------------------------------


@op(shape=True, name="cumsum", public=False, cost=per_input(1))
def sum_along(x, dim: int, reverse: bool = False):
    """The sum of the elements up to each along a dimension; with ``reverse``, from each to the end."""
    return _like(x)


@sum_along.kernel("cpu", name="segments", functions=(cpu.sum_rows, cpu.sum_columns))
@_single
def sum_cpu(x, dim, reverse):
    return _scanned((cpu.sum_rows, cpu.sum_columns), contiguous(x), dim, reverse)


@sum_along.kernel("cuda", name="lines")
@_single
def sum_cuda(x, dim, reverse):
    from numtorch.ops.scan_cuda import sums

    x, out = contiguous(x), _like(x)
    outer, n, inner = _extents(x, dim)
    if x.shape.numel():
        sums.launch(outer * inner, x._buf, out._buf, outer, n, inner, reverse)
    return out


@sum_along.vjp
def _(g, *, dim, reverse):
    return sum_along(g, dim, not reverse)


@exported("torch", "Tensor")
def cumsum(input: Tensor, dim: int, *, dtype: Any = None, out: Any = None) -> Tensor:
    """The sum of the elements up to each along ``dim``. Integers add up as int64.

    >>> import numtorch as torch
    >>> torch.cumsum(torch.tensor([1, 2, 3]), 0)
    tensor([1, 3, 6])
    """
    if out is not None:
        return into(out, GIVEN, cumsum, input, dim, dtype=dtype)
    return sum_along(_target(input, dtype, "cumsum"), wrap_dim(dim, input.ndim, "cumsum"))


def _type_in_place(x: Tensor, dtype: Any, name: str) -> Any:
    """The type in which ``cumsum_`` and ``cumprod_`` compute: that of ``x``, in which the result is to be."""
    if dtype is not None and dtypes.as_dtype(dtype) is not x.dtype:
        raise RuntimeError(f"{name}_(): Bad in-place call: input tensor dtype {x.dtype.name} and output tensor dtype "
                           f"{dtypes.as_dtype(dtype).name} should match")
    return x.dtype


@exported("Tensor")
def cumsum_(self: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """In-place ``cumsum``."""
    since = tick()
    return overwrite(self, cumsum(self, dim, dtype=_type_in_place(self, dtype, "cumsum")), since, "cumsum_")


def _single_or_double(s: Any) -> bool:
    """float32 or float64"""
    return s.dtypes[0] in dtypes.FLOATS


# --- products -------------------------------------------------------------------------------------


@op(shape=True, name="cumprod", public=False, cost=per_input(1))
def product_along(x, dim: int):
    """The product of the elements up to each along a dimension."""
    return _like(x)


@product_along.kernel("cpu", name="lines_cpu", functions=(cpu.product,))
@_single
def product_cpu(x, dim):
    return _scanned((cpu.product, cpu.product), contiguous(x), dim)


@product_along.kernel("cuda", name="lines")
@_single
def product_cuda(x, dim):
    from numtorch.ops.scan_cuda import products

    x, out = contiguous(x), _like(x)
    outer, n, inner = _extents(x, dim)
    if x.shape.numel():
        products.launch(outer * inner, x._buf, out._buf, outer, n, inner)
    return out


@product_along.vjp(cost=per_input(3))
def _(g, x, *, out, dim):
    # gx[i] = (product before i) * s[i], where s[i] = g[i] + x[i + 1] * s[i + 1] has the products between: nothing is
    # divided, so zeros are no special case.
    if not x.ndim:
        return g
    return _shifted(out, dim, 1, 1.0) * recurrence_along(_shifted(x, dim, -1, 0.0), g, dim, True)


@product_along.backward.kernel("cpu", when=_single_or_double, functions=(cpu.product_gradient,))
def product_backward_cpu(g, x, out, *, dim):
    return _scanned((cpu.product_gradient, cpu.product_gradient), contiguous(g), dim, more=(contiguous(x), contiguous(out)))


def _shifted(x: Tensor, dim: int, by: int, value: float) -> Tensor:
    """``x`` moved on (by 1) or back (by -1) along a dimension, ``value`` in the place that falls free."""
    n = x.shape[dim]
    if n == 0:
        return x
    blank = movement.narrow(x, dim, 0, 1).detach() * 0 + value
    blank = where(gt(blank, blank), blank, value)  # also where x is not finite
    if by > 0:
        return movement.cat([blank, movement.narrow(x, dim, 0, n - 1)], dim)
    return movement.cat([movement.narrow(x, dim, 1, n - 1), blank], dim)


@exported("torch", "Tensor")
def cumprod(input: Tensor, dim: int, *, dtype: Any = None, out: Any = None) -> Tensor:
    """The product of the elements up to each along ``dim``. Integers multiply as int64.

    >>> import numtorch as torch
    >>> torch.cumprod(torch.tensor([1.0, 2.0, 3.0]), 0)
    tensor([1., 2., 6.])
    """
    if out is not None:
        return into(out, GIVEN, cumprod, input, dim, dtype=dtype)
    return product_along(_target(input, dtype, "cumprod"), wrap_dim(dim, input.ndim, "cumprod"))


@exported("Tensor")
def cumprod_(self: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """In-place ``cumprod``."""
    since = tick()
    return overwrite(self, cumprod(self, dim, dtype=_type_in_place(self, dtype, "cumprod")), since, "cumprod_")


@op(shape=True, name="linear_recurrence", public=False, cost=per_input(2))
def recurrence_along(x, y, dim: int, reverse: bool = False):
    """``out[j] = x[j] * out[j - 1] + y[j]`` along a dimension, with 0 before the first; with ``reverse`` j + 1 comes before j."""
    return _like(x)


@recurrence_along.kernel("cpu", name="lines_cpu", functions=(cpu.recurrence,))
@_single
def recurrence_cpu(x, y, dim, reverse):
    return _scanned((cpu.recurrence, cpu.recurrence), contiguous(x), dim, reverse, more=(contiguous(y),))


@recurrence_along.kernel("cuda", name="lines")
@_single
def recurrence_cuda(x, y, dim, reverse):
    from numtorch.ops.scan_cuda import recurrences

    x, y, out = contiguous(x), contiguous(y), _like(x)
    outer, n, inner = _extents(x, dim)
    if x.shape.numel():
        recurrences.launch(outer * inner, x._buf, y._buf, out._buf, outer, n, inner, reverse)
    return out


@recurrence_along.vjp
def _(g, x, *, out, dim, reverse):
    ahead = -1 if reverse else 1
    gy = recurrence_along(_shifted(x, dim, -ahead, 0.0), g, dim, not reverse)
    return gy * _shifted(out, dim, ahead, 0.0), gy


# --- extremes -------------------------------------------------------------------------------------


@op(shape=True, name="cumulative_extreme", public=False, cost=moves)
def extreme_so_far(x, dim: int, sign: int):
    """The largest (sign 1) or smallest (-1) element up to each along a dimension, and where it is: (values, indices)."""
    return _like(x), empty(x.shape, dtypes.int64, x.device)


@extreme_so_far.kernel("cpu", name="lines_cpu", functions=(cpu.extreme,))
@_single
def extreme_cpu(x, dim, sign):
    x = contiguous(x)
    key = (cpu.extreme, x._k, x.shape, dim, sign)
    plan = _plans.get(key)
    if plan is None:
        size, numbers = x._buf.size, (*_extents(x, dim), sign)
        parallel = size >= shared_from(SCAN) and threads.get_num_threads() > 1
        entry = ready(cpu.extreme, parallel, (x._buf, x._buf, np.empty(1, np.int64), *numbers)) if size else None
        plan = remember(_plans, key, Plan(x.shape, kind(dtypes.int64, CPU), entry, numbers))
    values, indices = _like(x), plan.result()
    if plan.entry is not None:
        plan.entry(x._buf, values._buf, indices._buf, *plan.numbers)
    return values, indices


@extreme_so_far.kernel("cuda", name="lines")
@_single
def extreme_cuda(x, dim, sign):
    from numtorch.ops.scan_cuda import extremes

    x = contiguous(x)
    values, indices = extreme_so_far.op.rule(x, dim, sign)
    outer, n, inner = _extents(x, dim)
    if x.shape.numel():
        extremes.launch(outer * inner, x._buf, values._buf, indices._buf, outer, n, inner, sign)
    return values, indices


@extreme_so_far.vjp
def _(g, x_shape, *, out, dim):
    from numtorch.ops.indexing import scatter_into_zeros

    return scatter_into_zeros(g[0], out[1], tuple(x_shape), dim) if x_shape else g[0]


class CummaxReturn(ReturnType):
    __slots__ = ()
    _name = "cummax"


class CumminReturn(ReturnType):
    __slots__ = ()
    _name = "cummin"


@exported("torch", "Tensor")
def cummax(input: Tensor, dim: int, *, out: Any = None) -> Any:
    """The largest element up to each along ``dim``, and where it is: (values, indices). Of equal ones the last.

    >>> import numtorch as torch
    >>> torch.cummax(torch.tensor([1.0, 3.0, 2.0]), 0).values
    tensor([1., 3., 3.])
    """
    if out is not None:
        return into(out, SAME, cummax, input, dim)
    return CummaxReturn(extreme_so_far(input, wrap_dim(dim, input.ndim, "cummax"), 1))


@exported("torch", "Tensor")
def cummin(input: Tensor, dim: int, *, out: Any = None) -> Any:
    """The smallest element up to each along ``dim``, and where it is: (values, indices). Of equal ones the last.

    >>> import numtorch as torch
    >>> torch.cummin(torch.tensor([2.0, 3.0, 1.0]), 0).values
    tensor([2., 2., 1.])
    """
    if out is not None:
        return into(out, SAME, cummin, input, dim)
    return CumminReturn(extreme_so_far(input, wrap_dim(dim, input.ndim, "cummin"), -1))


# --- log of sums of exponentials ------------------------------------------------------------------


@op(shape=True, name="logcumsumexp", public=False, cost=per_input(5, "exp", "exp", "log"))
def logsumexp_so_far(x, dim: int, reverse: bool = False):
    """``log(sum(exp(x)))`` of the elements up to each along a dimension, or from each to the end."""
    return _like(x)


@logsumexp_so_far.kernel("cpu", name="tiles", functions=(cpu.logsumexp_rows, cpu.logsumexp_columns))
@_single
def logsumexp_cpu(x, dim, reverse):
    return _scanned((cpu.logsumexp_rows, cpu.logsumexp_columns), contiguous(x), dim, reverse, weight=LOGARITHMS)


@logsumexp_so_far.kernel("cuda", name="lines")
@_single
def logsumexp_cuda(x, dim, reverse):
    from numtorch.ops.scan_cuda import logsumexps

    x, out = contiguous(x), _like(x)
    outer, n, inner = _extents(x, dim)
    if x.shape.numel():
        logsumexps.launch(outer * inner, x._buf, out._buf, outer, n, inner, reverse)
    return out


@logsumexp_so_far.vjp
def _(g, x, *, out, dim, reverse):
    if not x.ndim:
        return g
    # gx[i] = exp(x[i]) * sum of g[j] * exp(-out[j]) over j from i on, in logarithms, for positive and negative g apart.
    def part(h: Tensor) -> Tensor:
        logs = where(gt(h, 0), log(where(gt(h, 0), h, 1.0)) - out, float("-inf"))
        return exp(logsumexp_so_far(logs, dim, not reverse) + x)

    return part(g) - part(-g)


@exported("torch", "Tensor")
def logcumsumexp(input: Tensor, dim: int, *, out: Any = None) -> Tensor:
    """``log(sum(exp(x)))`` of the elements up to each along ``dim``, without overflow. Floating types only.

    >>> import numtorch as torch
    >>> torch.logcumsumexp(torch.tensor([0.0, 0.0]), 0)
    tensor([0.0000, 0.6931])
    """
    if out is not None:
        return into(out, SAME, logcumsumexp, input, dim)
    if not input.dtype.is_floating_point:
        raise NotImplementedError(f'"logcumsumexp" not implemented for {input.dtype.name}; cast with .float()')
    return logsumexp_so_far(input, wrap_dim(dim, input.ndim, "logcumsumexp"))
