"""Variance, norms and logsumexp: reductions of a formula of the elements. Each gradient is one pass over the
elements."""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

import numtorch.dtype as dtypes
from numtorch import ops
from numtorch._tensor import Tensor
from numtorch.arguments import Dims, flag, only_real
from numtorch.dispatch.aliases import own_names
from numtorch.dispatch.cost import per_input, per_output, per_reduced
from numtorch.dispatch.loops import Loop, like
from numtorch.dispatch.op import op, primitive
from numtorch.dispatch.out import CAST, SAME, into
from numtorch.dispatch.program import shared_from
from numtorch.dtype import COMPUTED, FLOATS
from numtorch.exports import exported
from numtorch.kernels import math as m
from numtorch.kernels.codegen import reduction as codegen
from numtorch.ops import moments_cpu
from numtorch.ops.activation import exp_nonpositive
from numtorch.ops.arithmetic import (
    REAL,
    SIGNED,
    abs,
    clamp_min,
    eq,
    exp,
    is_extreme,
    isfinite,
    log,
    sign,
    sqrt,
    where,
    zeros_of,
)
from numtorch.ops.movement import imag, real, reshape
from numtorch.ops.reduction import (
    amax,
    blocks,
    dropped,
    extents,
    generated,
    kept,
    mean,
    memory_order,
    reduced_shape,
    restore,
    shaped,
    sum,
    wrap_dims,
)
from numtorch.storage import Size

SHARED_ROWS = 8  # rows from which threads share a large tensor's; fewer are shared piece by piece
WEIGHT, POWER = 4, 16  # what an element of a variance, and a power, cost in additions
LONG_ROW = 64  # elements from which a row is worth moments of its own

# --- formulas of one pass -------------------------------------------------------------------------


@primitive(
    public=False,
    takes=REAL,
    ref=lambda x, t: (x - t) ** 2,
    torch=lambda t, x, y: t.nn.functional.mse_loss(x, y, reduction="none"),
)
def squared_error(x, t):
    """``(x - t) ** 2``"""
    return (x - t) * (x - t)


@squared_error.vjp
def _(g, x, t, *, needs):
    gx = g * 2 * (x - t)  # in this order nothing overflows that need not
    return gx if needs[0] else None, -gx if needs[1] else None


@primitive(public=False, takes=SIGNED, ref=lambda x, t, y: (x - t) * y)
def scaled_difference(x, t, y):
    """``(x - t) * y``"""
    return (x - t) * y


@scaled_difference.vjp
def _(g, x, t, y, *, needs):
    gx = g * y
    return gx if needs[0] else None, -gx if needs[1] else None, g * (x - t) if needs[2] else None


@primitive(
    public=False,
    takes=COMPUTED,
    floats=True,
    ref=lambda x, t, y: np.exp(x - t) * y,
    torch=lambda t, x, y, z: (x * 1.0 - y * 1.0).exp() * z,
)
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
def _counted(shape: Size, dims: Any, minus: float) -> tuple[float, Size]:
    """What a variance divides by, where it is positive, and the shape of the variance that broadcasts."""
    dims = wrap_dims(dims, len(shape), "var")
    return prod([shape[d] for d in dims]) - minus, reduced_shape(shape, dims, True)


def _rest(x: Tensor, dims: Any, minus: float) -> float:
    """What the squares are divided by: not below 0."""
    return float(max(_counted(x.shape, dims, minus)[0], 0.0))


def _samples() -> list:
    return [
        ((5,), (0,), 1, False),
        ((3, 4), (1,), 0, True),
        ((2, 3, 4), (0, 2), 1, False),
        ((3, 4), None, 1, False),
        ((7, 3), (0,), 2, False),
    ]


@op(
    name="var",
    public=False,
    strided=True,
    cost=per_input(4),
    samples=_samples,
    out=CAST,
    ref=lambda x, dim, minus, keepdim: np.var(x, dim, ddof=minus, keepdims=keepdim),
)
def variance(x, dim: Dims, minus: float, keepdim: bool):
    """The squared distances from the mean over dimensions (None: all), added up and divided by the count less
    ``minus``."""
    return _squares(x, dim, keepdim) / _rest(x, dim, minus)


@op(
    name="std",
    public=False,
    strided=True,
    cost=per_input(4),
    samples=_samples,
    out=CAST,
    ref=lambda x, dim, minus, keepdim: np.std(x, dim, ddof=minus, keepdims=keepdim),
)
def deviation(x, dim: Dims, minus: float, keepdim: bool):
    """The square root of ``variance``."""
    return sqrt(_squares(x, dim, keepdim) / _rest(x, dim, minus))


def _squares(x: Tensor, dims: Any, keepdim: bool) -> Tensor:
    """The sum of squared distances from the mean, less what comes of its rounding."""
    if not x._k.dtype.is_floating_point:
        raise RuntimeError(
            f"std and var only support floating point and complex dtypes, not {x._k.dtype.name}; cast with .float()"
        )
    center = mean(x, dims, True)
    n = max(_counted(x.shape, dims, 0.0)[0], 1)
    rest = sum(x - center, dims, keepdim)
    return clamp_min(sum(squared_error(x, center), dims, keepdim) - rest * (rest / n), 0.0)


def _of_parts(x: Tensor, dim: Any, minus: float, keepdim: bool) -> Tensor:
    """The variance of complex numbers: of their real and of their imaginary parts."""
    return variance(real(x), dim, minus, keepdim) + variance(imag(x), dim, minus, keepdim)


for _op in (variance, deviation):

    @_op.arguments
    def _(x, dim, minus, keepdim, name=_op.op.name):
        if x._k.dtype.is_complex:
            return _of_parts if name == variance.op.name else lambda *given: sqrt(_of_parts(*given))
        return x, None if dim is None else wrap_dims(dim, x.ndim, name), minus, keepdim

    @_op.loop("cpu", dtypes=FLOATS, name="pieces")
    def _(x, dim, minus, keepdim, root=_op is deviation):
        if 0 in x.shape:
            return None
        over = wrap_dims(dim, x.ndim, "var")
        shape, size = reduced_shape(x.shape, over, keepdim), x.shape.numel()
        order = None if x._k.contiguous else memory_order(x, over)
        given, places = (
            (x.shape, over)
            if order is None
            else (tuple([x.shape[d] for d in order]), tuple([i for i, d in enumerate(order) if d in over]))
        )
        found, planes = extents(given, places), _planes(given, places)
        if found is None and planes is None:
            order = (*[d for d in range(x.ndim) if d not in over], *over)
            found = shape.numel(), size // shape.numel(), 1
        kernel = moments_cpu.planes
        if planes is not None:
            extent = planes
        elif found[2] > 1:
            kernel, extent = moments_cpu.columns, (*found, *moments_cpu.columns_geometry(*found[1:]))
        elif size >= shared_from(WEIGHT) and found[0] < SHARED_ROWS and found[1] > moments_cpu.BLOCK:
            extent = (1, *found[:2])
        else:
            kernel, extent = moments_cpu.rows, found[:2]
        rest = _rest(x, dim, minus)
        return Loop(kernel, (*extent, rest, root), like(x, shape), weight=WEIGHT, order=order)


def _planes(shape: tuple, dims: tuple) -> tuple[int, int, int] | None:
    """(a, b, c) if all but what the middle of these extents is made of is reduced, and its rows are long; else None."""
    big = [d for d in range(len(shape)) if shape[d] != 1]
    kept = [d for d in big if d not in dims]
    if not kept or kept[0] == big[0] or kept[-1] == big[-1] or kept != [d for d in big if kept[0] <= d <= kept[-1]]:
        return None
    c = prod(shape[kept[-1] + 1 :])
    return (prod(shape[: kept[0]]), prod([shape[d] for d in kept]), c) if c >= LONG_ROW else None


@primitive(
    public=False,
    floats=True,
    domain=(0.1, 3),
    ref=lambda x, y: np.where(y == 0, 0, x / np.where(y == 0, 1, y)),
    torch=lambda t, x, y: t.where(y == 0, 0.0, x / y),
)
def over_root(x, y):
    """``x / y``, 0 where ``y`` is: what a root gives back at 0, where it has no slope."""
    return 0 if y == 0 else x / y


@over_root.vjp
def _(g, x, y, *, needs):
    gx = over_root(g, y)
    return gx if needs[0] else None, -over_root(gx * x, y) if needs[1] else None


def _pull(slope: Tensor, factor: float, x: Tensor, dims: Any, minus: float, keepdim: bool) -> Tensor:
    """The gradient of a variance, where ``factor * slope`` is its own."""
    rest, shape = _counted(x.shape, dims, minus)
    center = mean(x, dims, True)
    if rest <= 0 and (dims is None or not x.shape):
        return slope * where(eq(x, center), float("nan"), float("inf")).to(x.dtype)
    slope = slope * (factor / rest if rest else float("inf"))
    return scaled_difference(x, center, slope if keepdim else reshape(slope, shape))


@variance.vjp(cost=per_output(3))
def _(g, x, *, dim, minus, keepdim):
    return _pull(g, 2, x, dim, minus, keepdim)


@deviation.vjp(cost=per_output(3))
def _(g, x, *, out, dim, minus, keepdim):
    return _pull(over_root(g, out), 1, x, dim, minus, keepdim)


def _overload(of: Any, x: Tensor, dim: Any, unbiased: Any, keepdim: bool, correction: Any, out: Any) -> Tensor:
    """``f(input, unbiased)``, or ``f(input, dim, ...)`` with what is subtracted from the count by one name of two."""
    if isinstance(dim, bool) and unbiased is None:
        dim, unbiased = None, dim
    if unbiased is not None:
        if correction is not None:
            raise TypeError(f"{of.op.name}() takes unbiased= or correction=, which says the same as a number, not both")
        correction = int(unbiased if unbiased.__class__ is bool else flag(unbiased, of.op.name, "unbiased"))
    return of(x, dim, 1 if correction is None else correction, keepdim, out=out)


@exported("torch", "Tensor")
def var(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    out: Any = None,
) -> Tensor:
    """The variance of all elements, or along dimensions: ``sum((x - mean(x)) ** 2) / (n - correction)``.

    Args:
        input: of a floating or complex type, of any shape.
        dim: the dimension or dimensions that are reduced, all if None; as second argument a bool is ``unbiased``.
        unbiased: True for a ``correction`` of 1, False for 0.
        keepdim: whether reduced dimensions stay, with extent 1.
        correction: 1 unless given (Bessel's correction).

    Returns:
        The shape of ``input`` without ``dim``; NaN where no degree of freedom is left.

    Raises:
        IndexError: ``dim`` is out of range.
        RuntimeError: ``input`` is of integers.
        TypeError: both ``unbiased`` and ``correction`` are given.

    >>> torch.var(torch.tensor([1.0, 2.0, 3.0])), torch.var(torch.tensor([1.0, 2.0, 3.0]), correction=0)
    (tensor(1.), tensor(0.6667))
    """
    return _overload(variance, input, dim, unbiased, keepdim, correction, out)


@exported("torch", "Tensor")
def std(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    out: Any = None,
) -> Tensor:
    """The standard deviation of all elements, or along dimensions: the square root of ``var``. Its gradient at 0 is 0.

    Args:
        input: of a floating or complex type, of any shape.
        dim: the dimension or dimensions that are reduced, all if None; as second argument a bool is ``unbiased``.
        unbiased: True for a ``correction`` of 1, False for 0.
        keepdim: whether reduced dimensions stay, with extent 1.
        correction: 1 unless given (Bessel's correction).

    Returns:
        The shape of ``input`` without ``dim``; NaN where no degree of freedom is left.

    Raises:
        IndexError: ``dim`` is out of range.
        RuntimeError: ``input`` is of integers.
        TypeError: both ``unbiased`` and ``correction`` are given.

    >>> torch.std(torch.tensor([1.0, 3.0, 5.0]))
    tensor(2.)
    """
    return _overload(deviation, input, dim, unbiased, keepdim, correction, out)


# --- logsumexp ------------------------------------------------------------------------------------


@exported("torch", "Tensor")
@exported("special")
@op(
    rows="dim",
    out=CAST,
    samples=lambda: [((5,), 0), ((3, 4), 1, True), ((2, 3, 4), 1), ((2, 3, 4), (0, 2)), ((), 0)],
    ref=lambda x, dim, keepdim=False: np.log(np.sum(np.exp(x), dim if x.ndim else None, keepdims=keepdim)),
)
def logsumexp(x, dim: Dims, keepdim: bool = False):
    """``log(sum(exp(input)))`` along dimensions, without overflow; -inf of nothing.

    Args:
        input: of any shape; integers are computed in the default floating type.
        dim: the dimension or dimensions that are reduced.
        keepdim: whether reduced dimensions stay, with extent 1.

    Returns:
        The shape of ``input`` without ``dim``.

    Raises:
        IndexError: ``dim`` is out of range.

    >>> torch.logsumexp(torch.tensor([[0.0, 0.0], [1000.0, 1000.0]]), 1)
    tensor([6.9315e-01, 1.0007e+03])
    """
    top = amax(x, dim, True)
    y = log(sum(exp_nonpositive(x - top), dim, True)) + top
    return dropped(where(isfinite(top), y, top), dim, keepdim)


@logsumexp.arguments
def _(x, dim, keepdim):
    x = x if x.dtype.differentiable else x.to(dtypes.get_default_dtype())
    if x._k.dtype.is_complex:
        return _complex_log_of_sums
    return (x, wrap_dims(dim, x.ndim, "logsumexp"), keepdim) if x.shape.numel() else _log_of_sums


def _complex_log_of_sums(x: Tensor, dim: Any, keepdim: bool) -> Tensor:
    """``logsumexp`` of complex numbers, whose exponentials are as large as their real parts say."""
    if not x.shape.numel():
        return _log_of_sums(x, dim, keepdim)
    top = amax(real(x), dim, True).detach()
    top = where(isfinite(top), top, 0.0)
    return dropped(log(sum(exp(x - top), dim, True)) + top, wrap_dims(dim, x.ndim, "logsumexp"), keepdim)


def _log_of_sums(x: Tensor, dim: Any, keepdim: bool) -> Tensor:
    """``logsumexp`` of no elements."""
    return log(sum(exp(x), dim, keepdim))


@logsumexp.vjp(cost=per_output(2, "exp"), generated=False)  # one elementwise op
def _(g, x, *, out, dim, keepdim):
    if not keepdim:
        shape = reduced_shape(x.shape, dim, True)
        g, out = reshape(g, shape), reshape(out, shape)
    return scaled_exp(x, out, g)


# --- norms ----------------------------------------------------------------------------------------


@op(
    name="norm",
    shape=True,
    strided=True,
    cost=per_reduced(2, 1),
    public=False,
    samples=lambda: [((), None, False), ((5,), 0, True), ((3, 4), None, False), ((2, 3, 4), (0, 2), False)],
    ref=lambda x, dim, keepdim: np.sqrt(np.sum(x * x, dim, keepdims=keepdim)),
)
def euclidean(x, dim: Dims, keepdim: bool):
    """The square root of the sum of squares over dimensions."""
    return shaped(like(x, reduced_shape(x.shape, dim, keepdim)))


@euclidean.vjp(wide=True)
def _(g, x, *, out, dim, keepdim):
    return x * kept(over_root(g, out), x.shape, dim, keepdim)


@op(
    name="extreme_norm",
    shape=True,
    strided=True,
    cost=per_reduced(2),
    public=False,
    samples=lambda: [
        ((), None, False, True),
        ((5,), 0, True, True),
        ((3, 4), None, False, False),
        ((2, 3, 4), (0, 2), False, True),
    ],
    ref=lambda x, dim, keepdim, most: (np.max if most else np.min)(np.abs(x), dim, keepdims=keepdim),
)
def extreme_norm(x, dim: Dims, keepdim: bool, most: bool):
    """The largest magnitude over dimensions (the norm of order inf), or the smallest (-inf)."""
    return shaped(like(x, reduced_shape(x.shape, dim, keepdim)))


@extreme_norm.arguments
def _(x, dim, keepdim, most):
    only_real(x._k.dtype, "norm")
    return x, wrap_dims(dim, x.ndim, "norm"), keepdim, most


@generated(extreme_norm)
def _(x, dim, keepdim, most):
    return blocks(codegen.LARGEST if most else codegen.NEAREST, x, dim, like(x, reduced_shape(x.shape, dim, keepdim)))


@extreme_norm.vjp
def _(g, x, *, out, dim, keepdim):
    # Ties share the gradient evenly.
    hit = is_extreme(abs(x), kept(out, x.shape, dim, keepdim))
    return where(hit, sign(x) * (kept(g, x.shape, dim, keepdim) / sum(hit, dim, True)), 0.0)


@op(
    name="zero_norm",
    shape=True,
    strided=True,
    cost=per_reduced(1),
    public=False,
    samples=lambda: [((), None, False), ((3, 4), 1, True)],
    ref=lambda x, dim, keepdim: np.sum(x != 0, dim, keepdims=keepdim),
)
def zero_norm(x, dim: Dims, keepdim: bool):
    """How many elements are not 0, in their type: the norm of order 0."""
    return shaped(like(x, reduced_shape(x.shape, dim, keepdim)))


for _op, _reduction in ((euclidean, codegen.ROOT_SQUARES), (zero_norm, codegen.COUNT)):

    @_op.arguments
    def _(x, dim, keepdim):
        only_real(x._k.dtype, "norm")
        return x, wrap_dims(dim, x.ndim, "norm"), keepdim

    @generated(_op)
    def _(x, dim, keepdim, r=_reduction):
        return blocks(r, x, dim, like(x, reduced_shape(x.shape, dim, keepdim)))


@zero_norm.vjp
def _(g, x_shape, *, dim, keepdim):
    return zeros_of(restore(g, x_shape, dim, keepdim))


@primitive(
    public=False,
    floats=True,
    differentiable=False,
    domain=(0.1, 3),
    ref=lambda x, y, p: (np.abs(x) / np.where((y > 0) & np.isfinite(y), y, 1)) ** p,
    torch=lambda t, x, y: ((x * 1).abs() / t.where(y > 0, y, 1)) ** 0.7,
)
def power_of_share(x, y, p: float):
    """``abs(x / y) ** p``, with 1 for a ``y`` that nothing can be divided by."""
    return m.pow(m.abs(x) / (y if (y > 0) & m.isfinite(y) else 1), p)


@primitive(
    public=False,
    floats=True,
    differentiable=False,
    domain=(0.1, 3),
    ref=lambda x, y: (np.abs(x) / np.where((y > 0) & np.isfinite(y), y, 1)) ** 3,
    torch=lambda t, x, y: ((x * 1).abs() / t.where(y > 0, y, 1)) ** 3,
)
def cube_of_share(x, y):
    """``power_of_share`` for the order 3."""
    share = m.abs(x) / (y if (y > 0) & m.isfinite(y) else 1)
    return share * share * share


@primitive(
    public=False,
    floats=True,
    differentiable=False,
    domain=(0.1, 3),
    ref=lambda x, y, p: x ** (1 / p) * np.where((y > 0) & np.isfinite(y), y, 1),
    torch=lambda t, x, y: x ** (1 / 0.7) * t.where(y > 0, y, 1),
)
def root_of_powers(x, y, p: float):
    """``x ** (1 / p) * y``, with 1 for a ``y`` that nothing was divided by."""
    return m.pow(x, 1 / p) * (y if (y > 0) & m.isfinite(y) else 1)


@primitive(
    public=False,
    floats=True,
    domain=(0.1, 3),
    ref=lambda x, y, p: np.where((y == 0) | (x == 0) & (y == y), 0, np.sign(x) * (np.abs(x) / y) ** (p - 1)),
    torch=lambda t, x, y: t.where((x == 0) | (y == 0), 0.0, (x * 1).sign() * ((x * 1).abs() / y) ** (-0.3)),
)
def power_slope(x, y, p: float):
    """The slope of a norm ``y`` of order ``p`` in an element ``x``: ``sign(x) * abs(x / y) ** (p - 1)``, 0 where either
    is 0."""
    return 0 if (y == 0) | ((x == 0) & (y == y)) else m.sign(x) * m.pow(m.abs(x) / y, p - 1)


@power_slope.vjp
def _(g, x, y, *, p, needs):
    bend = over_root(g * (p - 1), y)
    return (bend * abs(power_slope(x, y, p - 1)) if needs[0] else None), (
        -bend * power_slope(x, y, p) if needs[1] else None
    )


@primitive(
    public=False,
    floats=True,
    domain=(0.1, 3),
    ref=lambda x, y: np.where(y == 0, 0, x / y * np.abs(x / y)),
    torch=lambda t, x, y: t.where(y == 0, 0.0, x / y * (x / y).abs()),
)
def cube_slope(x, y):
    """``power_slope`` for the order 3: ``x * abs(x) / y ** 2``, 0 where ``y`` is."""
    return 0 if y == 0 else (x / y) * m.abs(x / y)


@cube_slope.vjp
def _(g, x, y, *, needs):
    bend = over_root(g * 2, y)
    return (bend * abs(over_root(x, y)) if needs[0] else None), (-bend * cube_slope(x, y) if needs[1] else None)


@primitive(
    public=False,
    floats=True,
    domain=(0.1, 3),
    ref=lambda x, y: np.where(y == 0, 0, np.sign(x) * np.sqrt(np.abs(x) / y)),
    torch=lambda t, x, y: t.where(y == 0, 0.0, (x * 1).sign() * ((x * 1).abs() / y).sqrt()),
)
def root_slope(x, y):
    """``power_slope`` for the order 1.5: ``sign(x) * sqrt(abs(x) / y)``, 0 where ``y`` is."""
    return 0 if y == 0 else m.sign(x) * m.sqrt(m.abs(x) / y)


@root_slope.vjp
def _(g, x, y, *, needs):
    bend = over_root(g * 0.5, y)
    return (bend * abs(power_slope(x, y, 0.5)) if needs[0] else None), (-bend * root_slope(x, y) if needs[1] else None)


@op(
    name="p_norm",
    public=False,
    cost=per_input(4),
    samples=lambda: [
        ((5,), 3.0, 0, True),
        ((3, 4), 1.5, None, False),
        ((2, 3, 4), 0.5, (0, 2), False),
        ((3, 4), -1.0, 1, False),
    ],
    ref=lambda x, p, dim, keepdim: np.sum(np.abs(x) ** p, dim, keepdims=keepdim) ** (1 / p),
)
def p_norm(x, p: float, dim: Dims, keepdim: bool):
    """``sum(abs(x) ** p) ** (1 / p)`` over dimensions, of elements in proportion to the one that counts most: no power
    overflows."""
    top = extreme_norm(x, dim, True, p > 0)
    y = root_of_powers(sum(cube_of_share(x, top) if p == 3 else power_of_share(x, top, p), dim, True), top, p)
    return y if keepdim else reshape(y, reduced_shape(x.shape, wrap_dims(dim, x.ndim, "norm"), False))


@p_norm.vjp(cost=per_output(4))
def _(g, x, *, out, p, dim, keepdim):
    y = kept(out, x.shape, dim, keepdim)
    slope = cube_slope(x, y) if p == 3 else root_slope(x, y) if p == 1.5 else power_slope(x, y, p)
    return slope * kept(g, x.shape, dim, keepdim)


@p_norm.loop("cpu", dtypes=FLOATS, name="rows")
def power_norms(x, p, dim, keepdim):
    dims, weight = wrap_dims(dim, x.ndim, "norm"), 2 if p == 3 else POWER
    found = None if 0 in x.shape else extents(x.shape, dims)
    if found is None or found[2] != 1 or (x.shape.numel() >= shared_from(weight) and found[0] < SHARED_ROWS):
        return None
    return Loop(
        moments_cpu.power_norms, (*found[:2], float(p)), like(x, reduced_shape(x.shape, dims, keepdim)), weight=weight
    )


@exported("torch", "Tensor")
@own_names
def norm(
    input: Tensor, p: Any = "fro", dim: Any = None, keepdim: bool = False, *, dtype: Any = None, out: Any = None
) -> Tensor:
    """``sum(abs(input) ** p) ** (1 / p)`` of all elements, or along dimensions.

    Where a norm has no slope, as at 0, its gradient is 0.

    Args:
        input: of a floating or complex type, of any shape.
        p: a number, or ``"fro"``, which is 2. inf is the largest magnitude, -inf the smallest, 0 the number of elements
            that are not 0. ``"nuc"`` is the sum of the singular values of a matrix.
        dim: the dimension or dimensions that are reduced; all if None.
        keepdim: whether reduced dimensions stay, with extent 1.
        dtype: the type in which it is computed.

    Returns:
        The shape of ``input`` without ``dim``.

    Raises:
        IndexError: ``dim`` is out of range.
        RuntimeError: ``input`` is of integers, ``p`` is another word, or the norm of nothing is asked for and not 0.

    >>> torch.norm(torch.tensor([3.0, 4.0])), torch.norm(torch.tensor([3.0, -4.0]), torch.inf)
    (tensor(5.), tensor(4.))
    """
    if p == "fro" and out is dtype is None and input._k.dtype.category == dtypes.FLOATING:  # what nearly every call is
        return euclidean(input, tuple(dim) if dim.__class__ is list else dim, keepdim)
    if out is not None:
        return into(out, SAME, norm, input, p, dim, keepdim, dtype=dtype)
    if dtype is not None:
        input = input.to(dtypes.as_dtype(dtype))
    p = 2 if p in ("fro", None) else p
    if p == "nuc":
        if dim is None and input.ndim != 2:
            raise RuntimeError(f"norm: order 'nuc' is of a matrix; name two dimensions of shape {list(input.shape)}")
        return ops.linear_algebra.functions.matrix_norm(input, "nuc", (0, 1) if dim is None else dim, keepdim)
    if not isinstance(p, int | float | np.number):
        raise (RuntimeError if isinstance(p, str) else TypeError)(
            f"norm: order {p!r} is not supported; give a number, 'fro' or 'nuc'"
        )
    if input._k.dtype.is_complex:
        input = abs(input)
    if input._k.dtype.category != dtypes.FLOATING:
        raise RuntimeError(
            f"norm(): Expected a floating point or complex tensor as input. Got {input.dtype.name}; cast with .float()"
        )
    dim = tuple(dim) if isinstance(dim, list) else dim
    if p == 2:
        return euclidean(input, dim, keepdim)
    if p == 1:
        return sum(abs(input), dim, keepdim)
    if p == 0:
        return zero_norm(input, dim, keepdim)
    endless = p == float("inf") or p == float("-inf")
    if 0 in input.shape and (endless or p < 0):
        _has_elements(input.shape, float(p), dim)
    return extreme_norm(input, dim, keepdim, p > 0) if endless else p_norm(input, float(p), dim, keepdim)


def _has_elements(shape: Size, p: float, dim: Any) -> None:
    """RuntimeError where a norm that nothing has would be one of nothing; torch's words."""
    for d in wrap_dims(dim, len(shape), "norm"):
        if not shape[d]:
            where_ = (
                "an empty tensor because" if dim is None else f"the dimension {d} because this dimension is empty and"
            )
            raise RuntimeError(
                f"norm() cannot compute the {p:g} norm on {where_} the operation does not have an identity"
            )
