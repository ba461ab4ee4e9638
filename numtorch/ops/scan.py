"""Scans: the result of a reduction up to each element along a dimension: cumsum and similar ops."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import numtorch.dtype as dtypes
from numtorch._tensor import ReturnType, Tensor, empty
from numtorch.dispatch.cost import moves, per_input, per_output
from numtorch.dispatch.loops import Loop, like
from numtorch.dispatch.op import op
from numtorch.dispatch.out import GIVEN, SAME
from numtorch.dtype import COMPLEXES, FLOATS, PLAIN
from numtorch.exports import exported
from numtorch.ops import movement
from numtorch.ops import scan_cpu as cpu
from numtorch.ops import scan_cuda as cuda
from numtorch.ops.arithmetic import exp, gt, isfinite, log, logical_not, logical_or, where, zeros_of
from numtorch.ops.elementary import round
from numtorch.ops.indexing import overwrite
from numtorch.ops.reduction import goes_back, with_slope
from numtorch.storage import around, tick, wrap_dim

SCAN, LOGARITHMS = 2, 32  # what an element costs, in additions


def _target(x: Tensor, dim: int, dtype: Any, name: str) -> tuple:
    """The arguments of a scan: ``x`` in the type in which it is scanned (integers as int64, as torch does), and that
    type."""
    d = dtypes.as_dtype(dtype) if dtype is not None else x.dtype if x.dtype.differentiable else dtypes.int64
    if d is dtypes.bool and x.shape and x.shape.numel():
        raise NotImplementedError(f"\"{name}\" not implemented for 'Bool'; leave out dtype, or cast with .int()")
    if dtype is not None:
        with_slope(x, d, name)
    return movement.to(x, d), wrap_dim(dim, x.ndim, name), d


def _carried(x: Tensor) -> np.dtype:
    """The type of what loops carry along a line: of floating types the widest."""
    d = x._k.dtype.compute
    return np.dtype({"f": np.float64, "c": np.complex128}.get(d.kind, d))


def _carry(x: Tensor) -> tuple:
    """The working array whose type that is."""
    return ((1, _carried(x)),)


def _type_in_place(x: Tensor, dtype: Any, name: str) -> Any:
    """The type in which ``cumsum_`` and ``cumprod_`` compute: that of ``x``, in which the result is to be."""
    if dtype is not None and dtypes.as_dtype(dtype) is not x.dtype:
        raise RuntimeError(
            f"{name}_(): Bad in-place call: input tensor dtype {x.dtype.name} and output tensor dtype "
            f"{dtypes.as_dtype(dtype).name} should match"
        )
    return x.dtype


# --- sums -----------------------------------------------------------------------------------------


@exported("torch", "Tensor")
@op(
    shape=True,
    wide=True,
    cost=per_input(1),
    out=GIVEN,
    samples=lambda: [((3, 4), 1), ((3, 4), 0), ((9, 5), 1), ((600,), 0), ((0, 3), 0), ((), 0)],
    ref=lambda x, dim: np.cumsum(x, dim) if x.ndim else x,
)
def cumsum(x, dim: int, *, dtype: Any = None):
    """The sum of the elements up to each along ``dim``.

    Args:
        input: of any shape; integers and booleans add up as int64.
        dim: the dimension.
        dtype: the type in which elements are added.

    Returns:
        A tensor of the same shape.

    Raises:
        IndexError: ``dim`` is out of range.
        NotImplementedError: ``dtype`` is bool.

    >>> torch.cumsum(torch.tensor([1, 2, 3]), 0)
    tensor([1, 3, 6])
    """
    return empty(x.shape, x.dtype, x.device)


@cumsum.arguments
def _(x, dim, dtype):
    return _target(x, dim, dtype, "cumsum")


@cumsum.vjp(cost=per_output(1))
def _(g, *, dim):
    return movement.flip(cumsum(movement.flip(g, (dim,)), dim), (dim,)) if g.ndim else g


@cumsum.loop("cpu", dtypes=(*PLAIN, *COMPLEXES))
def segments(x, dim, reverse=False):
    outer, n, inner = around(x.shape, dim)
    if inner == 1:
        return Loop(cpu.sum_rows, (outer, n, reverse), like(x), weight=SCAN, scratch=_carry(x))
    return Loop(cpu.sum_columns, (outer, n, inner, reverse), like(x), weight=SCAN, scratch=_carry(x))


@cumsum.backward.loop("cpu", dtypes=FLOATS, name="segments")
def _(g, dim):
    return segments(g, dim, True)


@cumsum.loop("cuda", dtypes=(*PLAIN, *COMPLEXES))
def lines(x, dim, reverse=False):
    outer, n, inner = around(x.shape, dim)
    return Loop(cuda.sums, (outer, n, inner, reverse, _carried(x).type(1)), like(x), grid=outer * inner)


@cumsum.backward.loop("cuda", dtypes=FLOATS, name="lines")
def _(g, dim):
    return lines(g, dim, True)


@exported("Tensor")
def cumsum_(self: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """In-place ``cumsum``."""
    since = tick()
    return overwrite(self, cumsum(self, dim, dtype=_type_in_place(self, dtype, "cumsum")), since, "cumsum_")


# --- products -------------------------------------------------------------------------------------


@exported("torch", "Tensor")
@op(
    shape=True,
    wide=True,
    cost=per_input(1),
    out=GIVEN,
    samples=lambda: [((3, 4), 1), ((3, 4), 0), ((), 0)],
    ref=lambda x, dim: np.cumprod(x, dim) if x.ndim else x,
)
def cumprod(x, dim: int, *, dtype: Any = None):
    """The product of the elements up to each along ``dim``.

    Args:
        input: of any shape; integers and booleans multiply as int64.
        dim: the dimension.
        dtype: the type in which elements are multiplied.

    Returns:
        A tensor of the same shape.

    Raises:
        IndexError: ``dim`` is out of range.
        NotImplementedError: ``dtype`` is bool.

    >>> torch.cumprod(torch.tensor([1.0, 2.0, 3.0]), 0)
    tensor([1., 2., 6.])
    """
    return empty(x.shape, x.dtype, x.device)


@cumprod.arguments
def _(x, dim, dtype):
    return _target(x, dim, dtype, "cumprod")


@cumprod.vjp(cost=per_input(3))
def _(g, x, *, out, dim):
    # gx[i] = (product before i) * s[i], where s[i] = g[i] + x[i + 1] * s[i + 1] has the products between: nothing is
    # divided, so zeros are no special case.
    if not x.ndim:
        return g
    return _shifted(out, dim, 1, 1.0) * linear_recurrence(_shifted(x, dim, -1, 0.0), g, dim, True)


@cumprod.loop("cpu", dtypes=(*PLAIN, *COMPLEXES), name="in_order")
def _(x, dim):
    return Loop(cpu.product, around(x.shape, dim), like(x), weight=SCAN, scratch=_carry(x))


@cumprod.backward.loop("cpu", dtypes=FLOATS, name="from_the_end")
def _(g, x, out, dim):
    return Loop(cpu.product_gradient, around(x.shape, dim), like(g), weight=SCAN, scratch=_carry(x))


@cumprod.loop("cuda", dtypes=(*PLAIN, *COMPLEXES), name="lines")
def _(x, dim):
    outer, n, inner = around(x.shape, dim)
    return Loop(cuda.products, (outer, n, inner, _carried(x).type(1)), like(x), grid=outer * inner)


def _shifted(x: Tensor, dim: int, by: int, value: float) -> Tensor:
    """``x`` moved on (by 1) or back (by -1) along a dimension, ``value`` in the place that falls free."""
    n = x.shape[dim]
    if n == 0:
        return x
    blank = zeros_of(movement.narrow(x, dim, 0, 1).detach()) + value
    if by > 0:
        return movement.cat([blank, movement.narrow(x, dim, 0, n - 1)], dim)
    return movement.cat([movement.narrow(x, dim, 1, n - 1), blank], dim)


@exported("Tensor")
def cumprod_(self: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """In-place ``cumprod``."""
    since = tick()
    return overwrite(self, cumprod(self, dim, dtype=_type_in_place(self, dtype, "cumprod")), since, "cumprod_")


@op(
    shape=True,
    wide=True,
    public=False,
    cost=per_input(2),
    samples=lambda: [((3, 4), (3, 4), 1), ((3, 4), (3, 4), 0, True)],
)
def linear_recurrence(x, y, dim: int, reverse: bool = False):
    """``out[j] = x[j] * out[j - 1] + y[j]`` along a dimension, with 0 before the first; with ``reverse`` j + 1 comes
    before j."""
    return empty(x.shape, x.dtype, x.device)


@linear_recurrence.vjp
def _(g, x, *, out, dim, reverse):
    ahead = -1 if reverse else 1
    gy = linear_recurrence(_shifted(x, dim, -ahead, 0.0), g, dim, not reverse)
    return gy * _shifted(out, dim, ahead, 0.0), gy


@linear_recurrence.loop("cpu", dtypes=(*FLOATS, *COMPLEXES), name="in_order")
def _(x, y, dim, reverse):
    return Loop(cpu.recurrence, (*around(x.shape, dim), reverse), like(x), weight=SCAN, scratch=_carry(x))


@linear_recurrence.loop("cuda", dtypes=(*FLOATS, *COMPLEXES), name="lines")
def _(x, y, dim, reverse):
    outer, n, inner = around(x.shape, dim)
    return Loop(cuda.recurrences, (outer, n, inner, reverse, _carried(x).type(1)), like(x), grid=outer * inner)


# --- extremes -------------------------------------------------------------------------------------


class CummaxReturn(ReturnType):
    __slots__ = ()
    _name = "cummax"


class CumminReturn(ReturnType):
    __slots__ = ()
    _name = "cummin"


@exported("torch", "Tensor")
@op(
    shape=True,
    wide=True,
    cost=moves,
    out=SAME,
    returns=CummaxReturn,
    samples=lambda: [((3, 4), 1), ((3, 4), 0), ((5,), 0)],
)
def cummax(x, dim: int):
    """The largest element up to each along ``dim``, and where it is; NaN counts as the largest.

    Args:
        input: of real numbers, of any shape.
        dim: the dimension.

    Returns:
        (values, indices), both of the same shape; of equal elements the last.

    Raises:
        IndexError: ``dim`` is out of range.

    >>> torch.cummax(torch.tensor([1.0, 3.0, 2.0]), 0)
    torch.return_types.cummax(
    values=tensor([1., 3., 3.]),
    indices=tensor([0, 1, 1]))
    """
    return empty(x.shape, x.dtype, x.device), empty(x.shape, dtypes.int64, x.device)


@exported("torch", "Tensor")
@op(
    shape=True,
    wide=True,
    cost=moves,
    out=SAME,
    returns=CumminReturn,
    samples=lambda: [((3, 4), 1), ((3, 4), 0), ((5,), 0)],
)
def cummin(x, dim: int):
    """The smallest element up to each along ``dim``, and where it is; NaN counts as the smallest.

    Args:
        input: of real numbers, of any shape.
        dim: the dimension.

    Returns:
        (values, indices), both of the same shape; of equal elements the last.

    Raises:
        IndexError: ``dim`` is out of range.

    >>> torch.cummin(torch.tensor([2.0, 3.0, 1.0]), 0)
    torch.return_types.cummin(
    values=tensor([2., 2., 1.]),
    indices=tensor([0, 0, 2]))
    """
    return empty(x.shape, x.dtype, x.device), empty(x.shape, dtypes.int64, x.device)


for _op, _sign in ((cummax, 1), (cummin, -1)):
    goes_back(_op)

    @_op.arguments
    def _(x, dim, name=_op.op.name):
        return x, wrap_dim(dim, x.ndim, name)

    @_op.loop("cpu", dtypes=PLAIN, name="in_order")
    def _(x, dim, sign=_sign):
        return Loop(cpu.extreme, (*around(x.shape, dim), sign), (like(x), like(x, dtype=dtypes.int64)), weight=SCAN)

    @_op.loop("cuda", dtypes=PLAIN, name="lines")
    def _(x, dim, sign=_sign):
        outer, n, inner = around(x.shape, dim)
        return Loop(cuda.extremes, (outer, n, inner, sign), (like(x), like(x, dtype=dtypes.int64)), grid=outer * inner)


# --- log of sums of exponentials ------------------------------------------------------------------


@exported("torch", "Tensor")
@op(
    shape=True,
    wide=True,
    cost=per_input(5, "exp", "exp", "log"),
    out=SAME,
    samples=lambda: [((3, 4), 1), ((3, 4), 0), ((2, 300), 1), ((5,), 0), ((), 0), ((2, 0), 1)],
    ref=lambda x, dim: np.logaddexp.accumulate(x, dim) if x.ndim else x,
)
def logcumsumexp(x, dim: int):
    """``log(sum(exp(x)))`` of the elements up to each along ``dim``, without overflow.

    Args:
        input: floating or complex, of any shape.
        dim: the dimension.

    Returns:
        A tensor of the same shape.

    Raises:
        IndexError: ``dim`` is out of range.
        NotImplementedError: ``input`` is of integers.

    >>> torch.logcumsumexp(torch.tensor([0.0, 0.0, 1000.0]), 0)
    tensor([0.0000e+00, 6.9315e-01, 1.0000e+03])
    """
    return empty(x.shape, x.dtype, x.device)


@logcumsumexp.arguments
def _(x, dim):
    if x.dtype.is_complex:
        return _complex_logs_of_sums
    if not x.dtype.is_floating_point:
        raise NotImplementedError(f'"logcumsumexp" not implemented for {x.dtype.name}; cast with .float()')
    return x, wrap_dim(dim, x.ndim, "logcumsumexp")


def _complex_logs_of_sums(x: Tensor, dim: int) -> Tensor:
    """``logcumsumexp`` of complex numbers: sums over the exponential of the largest real part so far."""
    dim = wrap_dim(dim, x.ndim, "logcumsumexp")
    if not x.numel() or not x.ndim:
        return x * 1
    top = cummax(movement.real(x.detach()), dim)[0]
    top = where(isfinite(top), top, 0.0)
    down = exp(_before(top, dim) - top)
    y = log(linear_recurrence(down.to(x.dtype), exp(x - top), dim)) + top
    return y + 1j * _turns(x.detach(), y.detach(), dim)


def _before(x: Tensor, dim: int) -> Tensor:
    """Each element's predecessor along a dimension; the first one's is itself."""
    return movement.cat([movement.narrow(x, dim, 0, 1), movement.narrow(x, dim, 0, x.shape[dim] - 1)], dim)


def _turns(x: Tensor, y: Tensor, dim: int) -> Tensor:
    """The multiples of 2 pi that torch's imaginary parts of ``logcumsumexp`` have and the principal values y have not.

    An angle begins anew at the elements that are larger than the sum before them. From there on torch adds the angles
    of ``1 + exp(smaller - larger)``, which are at most pi / 2.
    """
    angle, given = movement.imag(y), movement.imag(x)
    anew = gt(movement.real(x), _before(movement.real(y), dim))
    first = where(anew, given, _before(angle, dim))
    near = first + _principal(angle - first)
    step = where(anew, near, near - first)
    start = movement.narrow(given, dim, 0, 1)  # torch gives the first element as it is
    rest = x.shape[dim] - 1
    step = movement.cat([start, movement.narrow(step, dim, 1, rest)], dim)
    path = linear_recurrence(logical_not(anew).to(angle.dtype), step, dim)
    whole = round((path - angle) / (2 * math.pi)) * (2 * math.pi)
    return where(isfinite(whole), whole, 0.0)


def _principal(angle: Tensor) -> Tensor:
    """An angle between -pi and pi."""
    return angle - round(angle / (2 * math.pi)) * (2 * math.pi)


@logcumsumexp.vjp(cost=per_input(4, "exp", "exp"))
def _(g, x, *, out, dim):
    # gx[i] = exp(x[i] - out[i]) * s[i], where s[i] = g[i] + exp(out[i] - out[i + 1]) * s[i + 1]. No exponent is above
    # 0.
    if not x.ndim or not x.shape[dim]:
        return g
    n = x.shape[dim]
    ahead = movement.cat([movement.narrow(out, dim, 1, n - 1), movement.narrow(out, dim, n - 1, 1)], dim)
    down = where(logical_or(isfinite(out), gt(ahead, out)), out - ahead, 0.0)  # equal infinities differ by 0
    return exp(x - out) * linear_recurrence(exp(down), g, dim, True)


@logcumsumexp.loop("cpu", dtypes=FLOATS, name="tiles")
def _(x, dim):
    outer, n, inner = around(x.shape, dim)
    if inner == 1:
        return Loop(cpu.logsumexp_rows, (outer, n), like(x), weight=LOGARITHMS, scratch=_carry(x))
    return Loop(cpu.logsumexp_columns, (outer, n, inner), like(x), weight=LOGARITHMS, scratch=_carry(x))


@logcumsumexp.backward.loop("cpu", dtypes=FLOATS, name="from_the_end")
def _(g, x, out, dim):
    if not x.shape:
        return None
    return Loop(cpu.logsumexp_gradient, around(x.shape, dim), like(g), weight=LOGARITHMS, scratch=_carry(x))


@logcumsumexp.loop("cuda", dtypes=FLOATS, name="lines")
def _(x, dim):
    outer, n, inner = around(x.shape, dim)
    return Loop(cuda.logsumexps, (outer, n, inner), like(x), grid=outer * inner)
