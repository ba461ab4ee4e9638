"""Reductions over any dimensions: sums, extremes, logic, and what is composed of them."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from dataclasses import replace
from math import prod as prod_of
from operator import itemgetter
from typing import Any

import numpy as np

import numtorch.dtype as dtypes
from numtorch import engine
from numtorch._tensor import ReturnType, Tensor, empty, view
from numtorch.arguments import Dims, integer, nothing_kept, only_real
from numtorch.device import CPU
from numtorch.dispatch.cost import moves, nbytes, per_output, per_reduced
from numtorch.dispatch.loops import Loop, Made, like
from numtorch.dispatch.op import op
from numtorch.dispatch.out import CAST, GIVEN, POSITIONS, SAME, TRUTHS, into
from numtorch.dtype import FLOATS, PLAIN, dtype, from_numpy_dtype
from numtorch.exports import exported
from numtorch.grad_mode import mode
from numtorch.kernels.codegen import expr
from numtorch.kernels.codegen import reduction as codegen
from numtorch.kernels.codegen.expr import DROPPED, Expr
from numtorch.kernels.registry import Priority
from numtorch.ops import reduction_cpu, reduction_cuda
from numtorch.ops.arithmetic import is_extreme, maximum, minimum, true_div, where
from numtorch.ops.creation import ones
from numtorch.ops.indexing import scatter_into_zeros
from numtorch.ops.movement import cat, expand_to, narrow, permute, reshape, to, unsqueeze
from numtorch.storage import Size, around, is_contiguous, kind, wrap_dim

SMALL = 1 << 12  # elements up to which a result needs no aligned buffer


def wrap_dims(dim: Any, ndim: int, op_name: str) -> tuple[int, ...]:
    """Sorted non-negative dimensions; None and () mean all."""
    if dim is None or (isinstance(dim, tuple | list) and not dim):
        return tuple(range(ndim))
    dims = [wrap_dim(d, ndim, op_name) for d in (dim if isinstance(dim, tuple | list) else (dim,))]
    if len(set(dims)) != len(dims):
        raise RuntimeError(f"{op_name}: dim appears multiple times in the list of dims")
    return tuple(sorted(d for d in dims if d < ndim))


def reduced_shape(shape: tuple, dims: Any, keepdim: bool) -> Size:
    """The shape after reducing ``dims``."""
    if keepdim:
        return Size(1 if i in dims else n for i, n in enumerate(shape))
    return Size(n for i, n in enumerate(shape) if i not in dims)


def extents(shape: tuple, dims: tuple) -> tuple[int, int, int] | None:
    """(outer, n, inner) if the reduced dimensions are neighbours (sizes of 1 aside), else None."""
    big = [d for d in dims if shape[d] != 1]
    if not big:
        return Size(shape).numel(), 1, 1
    first, last = big[0], big[-1]
    if builtins.any(shape[d] != 1 and d not in dims for d in range(first, last)):
        return None
    return Size(shape[:first]).numel(), Size(shape[first : last + 1]).numel(), Size(shape[last + 1 :]).numel()


def blocks(r: codegen.Reduction, x: Tensor, dims: tuple[int, ...], out: Made) -> Loop:
    """The generated loop that reduces ``dims``: of blocks, whose results are combined in their order."""
    target = out.kind.dtype
    acc = np.dtype(np.bool_) if r in (codegen.ANY, codegen.ALL) else target.compute
    if x._k.device is not CPU:
        found: Any = extents(x.shape, dims)
        order: tuple | None = None
        if found is None:
            rest = [d for d in range(len(x.shape)) if d not in dims]
            order = (*rest, *dims)
            found = extents(Size(x.shape[d] for d in order), tuple(range(len(rest), len(order))))
        return Loop(codegen.cuda_launcher(r, x._k.dtype, acc, target, *found), (), out, order=order)
    order = None if x._k.contiguous else memory_order(x, dims)
    shape, element, count = x.shape, x._k.dtype, prod_of([x.shape[d] for d in dims])
    if order is not None:
        shape = Size(x.shape[d] for d in order)
        dims = tuple(i for i, d in enumerate(order) if d in dims)
    before: list[Loop] = []
    while (found := extents(shape, dims)) is None:  # the last dimensions first, where they are no neighbours
        last, between = _last_run(shape, dims), from_numpy_dtype(acc)
        made = Made(reduced_shape(shape, last, True), kind(between, CPU))
        before.append(_stage(replace(r, finish="a"), element, acc, made, extents(shape, last), count))
        shape, element, r = made.shape, between, replace(r, each="v")
        dims = tuple(d for d in dims if d not in last)
    return _stage(r, element, acc, out, found, count, order=order, before=tuple(before))


def _stage(
    r: codegen.Reduction, element: dtype, acc: np.dtype, out: Made, found: Any, count: int, **options: Any
) -> Loop:
    """The loop that reduces (outer, n, inner) contiguous elements; ``count`` is what a mean divides by."""
    outer, n, inner = found
    form, numbers = "rows", (*found, count)
    scratch: tuple = ()
    if inner > 1:
        group, chunk, parts = codegen.columns_geometry(outer, n, inner)
        long = n >= codegen.LONG and codegen.sums_numbers(r, acc)
        total = codegen.total_type(r, acc) if long else acc
        form, scratch = "long_columns" if long else "columns", ((outer * parts * group * inner, total),)
        numbers = (outer, n, inner, group, chunk, parts, count)
    elif outer == 1 and n > codegen.BLOCK:
        block = codegen.block(r, acc)
        form, scratch, numbers = "whole", ((-(-n // block), acc),), (n, count)
    function = codegen.build(r, form, element, acc, out.kind.dtype)
    size = outer * n * inner
    return Loop(function, numbers, out, weight=2, elements=size, scratch=scratch, moves=True, **options)


def sum_of_rows(x: Tensor) -> Loop:
    """The sum over all dimensions but the last, as part of what another op plans."""
    m, n = prod_of(x.shape[:-1]), x.shape[-1]
    d = x._k.dtype
    return _stage(codegen.SUM, d, d.compute, like(x, (n,)), (1, m, n), m, operands=(x,))


def generated(of: Any) -> Callable[[Callable], Callable]:
    """Register a planning function whose loops are generated for CPUs and for CUDA."""

    def wrap(planning: Callable) -> Callable:
        for device in ("cpu", "cuda"):
            of.loop(device, name="blocks", priority=Priority.GENERATED)(planning)
        return planning

    return wrap


def _last_run(shape: tuple, dims: tuple) -> tuple[int, ...]:
    """The last of ``dims`` and those next to it, sizes of 1 aside."""
    big = [d for d in dims if shape[d] != 1]
    first = big[-1]
    for d in reversed(big[:-1]):
        if builtins.any(shape[e] != 1 and e not in dims for e in range(d, first)):
            break
        first = d
    return tuple(d for d in dims if d >= first)


def memory_order(x: Tensor, dims: tuple[int, ...]) -> tuple[int, ...] | None:
    """The order in which a permuted contiguous tensor lies in memory, if what is left of it then stands in its own
    order."""
    order = tuple(sorted(range(len(x.shape)), key=lambda d: (-x.strides[d], d)))
    kept = [d for d in order if d not in dims]
    if kept == sorted(kept) and is_contiguous(tuple(x.shape[d] for d in order), tuple(x.strides[d] for d in order)):
        return order
    return None


def _samples() -> list:
    return [
        ((), None),
        ((5,), 0),
        ((3, 4), 0),
        ((3, 4), 1),
        ((3, 4), None),
        ((2, 3, 4), (0, 2)),
        ((2, 3, 4), 1),
        ((0, 3), 1),
    ]


def _ref(f: Callable) -> Callable:
    """NumPy's reduction with torch's arguments."""
    return lambda x, dim=None, keepdim=False, dtype=None: f(x, axis=None if dim == () else dim, keepdims=keepdim)


def with_slope(x: Tensor, target: dtype, name: str) -> None:
    """RuntimeError, as in torch, if what wants a gradient would be added up or multiplied as integers, which have
    none."""
    if x._edge is not None and mode.grad and not target.differentiable:
        raise RuntimeError(
            f"{name}(): Autograd not support dtype: {target.name}; input requires grad, use .detach() first"
        )


def _result(x: Tensor, dims: Any, keepdim: bool, dtype: Any = None) -> Made:
    return like(x, reduced_shape(x.shape, dims, keepdim), dtype)


def shaped(*results: Made) -> Any:
    """Tensors without elements for a rule of shapes and types."""
    made = tuple([empty(r.shape, r.kind.dtype, r.kind.device) for r in results])
    return made if len(made) > 1 else made[0]


# --- sums and products ----------------------------------------------------------------------------


@exported("torch", "Tensor")
@op(shape=True, fold=codegen.SUM, strided=True, cost=per_reduced(1), samples=_samples, ref=_ref(np.sum), out=GIVEN)
def sum(x, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None):
    """The sum of all elements, or along dimensions.

    Args:
        input: of any shape; integers and booleans add up as int64.
        dim: the dimension or dimensions that are reduced; all if None or empty.
        keepdim: whether reduced dimensions stay, with extent 1.
        dtype: the type in which elements are added.

    Returns:
        The shape of ``input`` without ``dim``.

    Raises:
        IndexError: ``dim`` is out of range.
        RuntimeError: a dimension is named twice, or a sum of integers is asked for where a gradient is wanted.

    >>> torch.sum(torch.tensor([[1, 2], [3, 4]]))
    tensor(10)
    >>> torch.sum(torch.tensor([[1, 2], [3, 4]]), 0)
    tensor([4, 6])
    """
    return shaped(_result(x, dim, keepdim, dtype))


@sum.vjp(cost=per_output(0))
def _(g, x_shape, x_kind, *, dim, keepdim):
    g = restore(g, x_shape, dim, keepdim)
    return engine.as_type(g, x_kind.dtype)


@exported("torch", "Tensor")
@op(shape=True, fold=codegen.MEAN, strided=True, cost=per_reduced(1, 1), samples=_samples, ref=_ref(np.mean), out=CAST)
def mean(x, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None):
    """The mean of all elements, or along dimensions.

    Args:
        input: of a floating or complex type, of any shape.
        dim: the dimension or dimensions that are reduced; all if None or empty.
        keepdim: whether reduced dimensions stay, with extent 1.
        dtype: the type in which it is computed, for integers one that is floating or complex.

    Returns:
        The shape of ``input`` without ``dim``.

    Raises:
        IndexError: ``dim`` is out of range.
        RuntimeError: the type is of integers, or a dimension is named twice.

    >>> torch.mean(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), 1)
    tensor([1.5000, 3.5000])
    """
    return shaped(_result(x, dim, keepdim, dtype))


@mean.arguments
def _(x, dim, keepdim, dtype):
    d = x.dtype if dtype is None else dtypes.as_dtype(dtype)
    if not d.differentiable:
        raise RuntimeError(
            f"mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. "
            f"Got: {x.dtype.name}; cast with .float() or pass dtype="
        )
    return x, wrap_dims(dim, x.ndim, "mean"), keepdim, d


@mean.vjp(cost=per_output(1))
def _(g, x_shape, x_kind, *, dim, keepdim):
    n = _count(x_shape, dim)
    g = restore(true_div(g, n) if n else g, x_shape, dim, keepdim)
    return engine.as_type(g, x_kind.dtype)


@exported("torch", "Tensor")
@op(shape=True, strided=True, cost=per_reduced(1), samples=_samples, ref=_ref(np.prod), out=GIVEN)
def prod(x, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None):
    """The product of all elements, or along dimensions.

    Args:
        input: of any shape; integers and booleans multiply as int64.
        dim: the dimension or dimensions that are reduced; all if None or empty.
        keepdim: whether reduced dimensions stay, with extent 1.
        dtype: the type in which elements are multiplied.

    Returns:
        The shape of ``input`` without ``dim``.

    Raises:
        IndexError: ``dim`` is out of range.
        RuntimeError: a dimension is named twice, or a product of integers is asked for where a gradient is wanted.

    >>> torch.prod(torch.tensor([[1, 2], [3, 4]]), 1)
    tensor([ 2, 12])
    """
    return shaped(_result(x, dim, keepdim, dtype))


@prod.vjp(wide=True)
def _(g, x, *, dim, keepdim):
    # The product of all others at each element, by products from both sides: right also where x is 0.
    if x.dtype is not g.dtype:  # computed in the type in which the product was
        return engine.as_type(prod_slope(g, engine.as_type(x, g.dtype), dim, keepdim), x.dtype)
    return prod_slope(g, x, dim, keepdim)


for _op in (sum, prod):

    @_op.arguments
    def _(x, dim, keepdim, dtype, name=_op.op.name):
        d = x.dtype if dtype is None else dtypes.as_dtype(dtype)
        if dtype is None and not d.differentiable:
            d = dtypes.int64
        with_slope(x, d, name)
        if x.dtype.differentiable and d is not x.dtype and (x.dtype.is_complex or not d.differentiable):
            x = to(x, d)  # looked at in each call: the next one may want a gradient
        return x, wrap_dims(dim, x.ndim, name), keepdim, d


for _op, _reduction in ((sum, codegen.SUM), (mean, codegen.MEAN), (prod, codegen.PROD)):

    @generated(_op)
    def _(x, dim, keepdim, dtype, r=_reduction):
        return blocks(r, x, dim, _result(x, dim, keepdim, dtype))


for _op in (sum, mean):

    @_op.backward.loop("cpu", dtypes=FLOATS, name="repeat")
    def _(g, x_shape, x_kind, dim, keepdim, divided=_op is mean):
        if g._k.dtype is not x_kind.dtype or not g._k.contiguous or 0 in x_shape:
            return None
        found, n = extents(x_shape, dim), _count(x_shape, dim)
        if found is not None and x_shape.numel() <= SMALL:  # contiguous, as the kernels that come next like it
            return Loop(reduction_cpu.repeat, (*found, n if divided else 1), like(g, x_shape))
        steps = iter(g.strides)
        given = [next(steps) if keepdim or d not in dim else 0 for d in range(len(x_shape))]
        strides = tuple([0 if d in dim else s for d, s in enumerate(given)])
        if divided:
            return lambda g, *rest, **named: view(true_div(g, n), x_shape, strides)
        return lambda g, *rest, **named: view(g, x_shape, strides)


def _count(shape: Size, dims: tuple) -> int:
    """How many elements each result is made of."""
    return prod_of([shape[d] for d in dims])


def kept(g: Tensor, shape: tuple, dim: Any, keepdim: bool) -> Tensor:
    """What was reduced from a shape, such that it broadcasts to it."""
    return g if keepdim or not g.shape else reshape(g, reduced_shape(shape, wrap_dims(dim, len(shape), "sum"), True))


def restore(g: Tensor, shape: tuple, dim: Any, keepdim: bool) -> Tensor:
    """A gradient spread back over the dimensions that were reduced: a view."""
    return expand_to(kept(g, shape, dim, keepdim), tuple(shape))


def dropped(y: Tensor, dims: Any, keepdim: bool) -> Tensor:
    """What was reduced with ``keepdim=True``, without these dimensions unless they are kept; also in a row formula."""
    if keepdim:
        return y
    return Expr(DROPPED, (y,)) if y.__class__ is Expr else reshape(y, reduced_shape(y.shape, dims, False))


@engine.fill
def sum_to(x: Tensor, shape: tuple) -> Tensor:
    """Sum over the dimensions along which ``shape`` was broadcast to ``x.shape``; in a row formula over the rows."""
    if x.__class__ is Expr:
        return expr.summed(x, shape)
    if x.shape == shape:
        return x
    lead = len(x.shape) - len(shape)
    dims = tuple(range(lead)) + tuple(i + lead for i, n in enumerate(shape) if n == 1 and x.shape[i + lead] != 1)
    y = sum(x, dims, True) if dims else x
    return reshape(y, shape) if y.shape != shape else y


def prod_slope(g: Tensor, x: Tensor, dim: Any, keepdim: bool) -> Tensor:
    """The gradient of a product."""
    dims = wrap_dims(dim, x.ndim, "prod")
    rest = [d for d in range(x.ndim) if d not in dims]
    order = (*rest, *dims)
    flat = reshape(permute(x, order), (*[x.shape[d] for d in rest], -1)) if x.shape.numel() else x
    n = flat.shape[-1] if flat.ndim else 1
    if not x.shape.numel():
        return x * 0
    others = products_of_others(flat, n)
    g = reshape(restore(g, x.shape, dim, keepdim).permute(order), flat.shape)
    back = [0] * x.ndim
    for i, d in enumerate(order):
        back[d] = i
    return reshape(g * others, [x.shape[d] for d in order]).permute(tuple(back))


def products_of_others(x: Tensor, n: int) -> Tensor:
    """At each element of the last dimension, the product of all the others."""
    one = ones((*x.shape[:-1], 1), dtype=x.dtype, device=x.device)
    left, right = [one], [one]
    for i in range(n - 1):
        left.append(left[-1] * narrow(x, -1, i, 1))
        right.append(right[-1] * narrow(x, -1, n - 1 - i, 1))
    return cat(left, -1) * cat(right[::-1], -1)


# --- extremes and truths --------------------------------------------------------------------------


def _extreme_vjp(g: Tensor, x: Tensor, out: Tensor, dim: Any, keepdim: bool) -> Tensor:
    # Ties share the gradient evenly, and so do NaN where one is the extreme, as in torch.
    hit = is_extreme(x, kept(out, x.shape, dim, keepdim))
    return where(hit, kept(g, x.shape, dim, keepdim) / sum(hit, dim, True), 0.0)


@exported("torch", "Tensor")
@op(shape=True, fold=codegen.MAX, strided=True, cost=per_reduced(1), samples=_samples, ref=_ref(np.max), out=SAME)
def amax(x, dim: Dims = (), keepdim: bool = False):
    """The largest element along dimensions; NaN if there is one. Equal elements share the gradient.

    Args:
        input: of real numbers, of any shape.
        dim: the dimension or dimensions that are reduced; all if empty.
        keepdim: whether reduced dimensions stay, with extent 1.

    Returns:
        The shape of ``input`` without ``dim``.

    Raises:
        IndexError: ``dim`` is out of range or empty.
        RuntimeError: a dimension is named twice.

    >>> torch.amax(torch.tensor([[1, 5], [7, 3]]), 1)
    tensor([5, 7])
    """
    return shaped(_result(x, dim, keepdim))


@amax.vjp
def _(g, x, *, out, dim, keepdim):
    return _extreme_vjp(g, x, out, dim, keepdim)


@exported("torch", "Tensor")
@op(shape=True, fold=codegen.MIN, strided=True, cost=per_reduced(1), samples=_samples, ref=_ref(np.min), out=SAME)
def amin(x, dim: Dims = (), keepdim: bool = False):
    """The smallest element along dimensions; NaN if there is one. Equal elements share the gradient.

    Args:
        input: of real numbers, of any shape.
        dim: the dimension or dimensions that are reduced; all if empty.
        keepdim: whether reduced dimensions stay, with extent 1.

    Returns:
        The shape of ``input`` without ``dim``.

    Raises:
        IndexError: ``dim`` is out of range or empty.
        RuntimeError: a dimension is named twice.

    >>> torch.amin(torch.tensor([[1, 5], [7, 3]]), 1)
    tensor([1, 3])
    """
    return shaped(_result(x, dim, keepdim))


@amin.vjp
def _(g, x, *, out, dim, keepdim):
    return _extreme_vjp(g, x, out, dim, keepdim)


for _op, _reduction in ((amax, codegen.MAX), (amin, codegen.MIN)):

    @_op.arguments
    def _(x, dim, keepdim, name=_op.op.name):
        only_real(x._k.dtype, name)
        dims = wrap_dims(dim, x.ndim, name)
        none = [d for d in dims if x.shape[d] == 0]
        if none and reduced_shape(x.shape, dims, False).numel():
            raise IndexError(
                f"{name}(): Expected reduction dim {dims[0]} to have non-zero size: an empty set has no extreme"
            )
        return x, dims, keepdim

    @generated(_op)
    def _(x, dim, keepdim, r=_reduction):
        return blocks(r, x, dim, _result(x, dim, keepdim))


def _truth(x: Tensor) -> dtype:
    return dtypes.uint8 if x._k.dtype is dtypes.uint8 else dtypes.bool


@exported("torch", "Tensor")
@op(shape=True, strided=True, differentiable=False, cost=per_reduced(0), samples=_samples, ref=_ref(np.any), out=TRUTHS)
def any(x, dim: Dims = None, keepdim: bool = False):
    """Whether any element is nonzero, of all or along dimensions.

    Args:
        input: of any type and shape; NaN counts as nonzero.
        dim: the dimension or dimensions that are reduced; all if None, none if empty.
        keepdim: whether reduced dimensions stay, with extent 1.

    Returns:
        Booleans, or uint8 for uint8, in the shape of ``input`` without ``dim``; False of no elements.

    Raises:
        IndexError: ``dim`` is out of range.
        RuntimeError: a dimension is named twice.

    >>> torch.any(torch.tensor([[0, 1], [0, 0]]), 1)
    tensor([ True, False])
    """
    return shaped(_result(x, dim, keepdim, _truth(x)))


@exported("torch", "Tensor")
@op(shape=True, strided=True, differentiable=False, cost=per_reduced(0), samples=_samples, ref=_ref(np.all), out=TRUTHS)
def all(x, dim: Dims = None, keepdim: bool = False):
    """Whether every element is nonzero, of all or along dimensions.

    Args:
        input: of any type and shape; NaN counts as nonzero.
        dim: the dimension or dimensions that are reduced; all if None, none if empty.
        keepdim: whether reduced dimensions stay, with extent 1.

    Returns:
        Booleans, or uint8 for uint8, in the shape of ``input`` without ``dim``; True of no elements.

    Raises:
        IndexError: ``dim`` is out of range.
        RuntimeError: a dimension is named twice.

    >>> torch.all(torch.tensor([[0, 1], [1, 1]]), 1)
    tensor([False,  True])
    """
    return shaped(_result(x, dim, keepdim, _truth(x)))


for _op, _reduction in ((any, codegen.ANY), (all, codegen.ALL)):

    @_op.arguments
    def _(x, dim, keepdim, name=_op.op.name):
        return x, () if dim == () else wrap_dims(dim, x.ndim, name), keepdim

    @generated(_op)
    def _(x, dim, keepdim, r=_reduction):
        return blocks(r, x, dim, _result(x, dim, keepdim, _truth(x)))


@exported("torch", "Tensor")
@op(
    shape=True,
    strided=True,
    differentiable=False,
    cost=per_reduced(1),
    samples=lambda: [((3, 4),), ((3, 4), 1), ((2, 3, 4), (0, 2))],
    ref=_ref(np.count_nonzero),
)
def count_nonzero(x, dim: Dims = None):
    """How many elements are nonzero, of all or along dimensions.

    Args:
        input: of any type and shape; NaN counts as nonzero.
        dim: the dimension or dimensions that are reduced; all if None.

    Returns:
        int64 counts in the shape of ``input`` without ``dim``.

    Raises:
        IndexError: ``dim`` is out of range.
        RuntimeError: a dimension is named twice.

    >>> torch.count_nonzero(torch.tensor([[0, 1], [2, 3]]), 1)
    tensor([1, 2])
    """
    return shaped(_result(x, dim, False, dtypes.int64))


@count_nonzero.arguments
def _(x, dim):
    return x, wrap_dims(dim, x.ndim, "count_nonzero")


@generated(count_nonzero)
def _(x, dim):
    return blocks(codegen.COUNT, x, dim, _result(x, dim, False, dtypes.int64))


# --- extremes with their positions ----------------------------------------------------------------


class MaxReturn(ReturnType):
    __slots__ = ()


class MinReturn(ReturnType):
    __slots__ = ()
    _name = "min"


def nonempty(x: Tensor, dim: int, name: str) -> int:
    """A dimension, counted from 0, along which there is something to choose from."""
    d = wrap_dim(dim, x.ndim, name)
    if x.shape and x.shape[d] == 0:
        raise IndexError(f"{name}(): Expected reduction dim {d} to have non-zero size.")
    return d


def one_along(x: Tensor, dim: int | None, keepdim: bool) -> tuple[Made, Made]:
    """Values along a dimension, or of all, and their positions."""
    shape = reduced_shape(x.shape, range(x.ndim) if dim is None else (dim,), keepdim)
    return like(x, shape), like(x, shape, dtypes.int64)


@op(
    name="max",
    shape=True,
    wide=True,
    public=False,
    cost=moves,
    returns=MaxReturn,
    samples=lambda: [((3, 4), 1, False), ((3, 4), 0, True), ((2, 3, 4), 1, False), ((5,), 0, False)],
)
def max_along(x, dim: int, keepdim: bool):
    """The largest elements along a dimension, and where they are: (values, indices)."""
    return shaped(*one_along(x, dim, keepdim))


@op(
    name="min",
    shape=True,
    wide=True,
    public=False,
    cost=moves,
    returns=MinReturn,
    samples=lambda: [((3, 4), 1, False), ((3, 4), 0, True), ((2, 3, 4), 1, False), ((5,), 0, False)],
)
def min_along(x, dim: int, keepdim: bool):
    """The smallest elements along a dimension, and where they are: (values, indices)."""
    return shaped(*one_along(x, dim, keepdim))


@exported("torch", "Tensor")
@op(
    shape=True,
    wide=True,
    differentiable=False,
    cost=moves,
    out=POSITIONS,
    returns=itemgetter(1),
    samples=lambda: [((3, 4), 1), ((3, 4), 0, True), ((2, 3, 4), None), ((2, 3), None, True), ((), 0)],
    ref=lambda x, dim, keepdim=False: np.argmax(x, dim if x.ndim else None, keepdims=keepdim),
)
def argmax(x, dim: int | None = None, keepdim: bool = False):
    """Where the largest element is, the first of several: in the flattened tensor, or along a dimension.

    Args:
        input: of real numbers but booleans; NaN counts as the largest.
        dim: the dimension that is reduced; all if None.
        keepdim: whether reduced dimensions stay, with extent 1.

    Returns:
        int64 positions in the shape of ``input`` without ``dim``.

    Raises:
        IndexError: ``dim`` is out of range or empty, or there are no elements.
        RuntimeError: ``input`` is boolean.

    >>> torch.argmax(torch.tensor([[1, 5], [7, 3]])), torch.argmax(torch.tensor([[1, 5], [7, 3]]), 1)
    (tensor(2), tensor([1, 0]))
    """
    return shaped(*one_along(x, dim, keepdim))


@exported("torch", "Tensor")
@op(
    shape=True,
    wide=True,
    differentiable=False,
    cost=moves,
    out=POSITIONS,
    returns=itemgetter(1),
    samples=lambda: [((3, 4), 1), ((3, 4), 0, True), ((2, 3, 4), None), ((), 0)],
    ref=lambda x, dim, keepdim=False: np.argmin(x, dim if x.ndim else None, keepdims=keepdim),
)
def argmin(x, dim: int | None = None, keepdim: bool = False):
    """Where the smallest element is, the first of several: in the flattened tensor, or along a dimension.

    Args:
        input: of real numbers but booleans; NaN counts as the smallest.
        dim: the dimension that is reduced; all if None.
        keepdim: whether reduced dimensions stay, with extent 1.

    Returns:
        int64 positions in the shape of ``input`` without ``dim``.

    Raises:
        IndexError: ``dim`` is out of range or empty, or there are no elements.
        RuntimeError: ``input`` is boolean.

    >>> torch.argmin(torch.tensor([[1, 5], [7, 3]])), torch.argmin(torch.tensor([[1, 5], [7, 3]]), 1)
    (tensor(0), tensor([0, 1]))
    """
    return shaped(*one_along(x, dim, keepdim))


def _spread_cost(grads: tuple, g: tuple, x_shape: Size, *, out: tuple, dim: int) -> tuple[int, int]:
    return nbytes(grads, g[0], out[1]), 0


def goes_back(of: Any) -> None:
    """Give an op with results (values, indices) its gradient: that of a value is that of the element which it is."""

    @of.vjp(cost=_spread_cost, wide=False)
    def _(g, x_shape, *, out, dim):
        g, indices = g[0], out[1]
        if len(g.shape) < len(x_shape):
            g, indices = unsqueeze(g, dim), unsqueeze(indices, dim)
        return scatter_into_zeros(g, indices, tuple(x_shape), dim) if x_shape else reshape(g, ())

    @of.backward.loop("cpu", dtypes=FLOATS, name="spread")
    def _(g, x_shape, out, dim):
        outer, n, inner = around(x_shape, dim)
        m = prod_of(g[0].shape) // builtins.max(outer * inner, 1)
        return Loop(
            reduction_cpu.spread,
            (outer, n, m, inner),
            (like(g[0], x_shape),),
            operands=(g[0], out[1]),
            weight=4,
            elements=prod_of(x_shape),
        )


for _op, _sign in ((max_along, 1), (min_along, -1), (argmax, 1), (argmin, -1)):

    @_op.arguments
    def _(x, dim, keepdim, of=_op.op):
        if of.out is POSITIONS and x._k.dtype is dtypes.bool:
            raise RuntimeError(f"{of.name}(): does not support bool input; cast with .int()")
        if dim is None and 0 in x.shape:
            raise IndexError(f"{of.name}(): Expected reduction dim to be specified for input.numel() == 0.")
        return x, None if dim is None else nonempty(x, dim, of.name), keepdim

    @_op.loop("cpu", dtypes=PLAIN, name="scan")
    def _(x, dim, keepdim, sign=_sign):
        outer, n, inner = (1, x.shape.numel(), 1) if dim is None else around(x.shape, dim)
        if inner == 1:
            return Loop(reduction_cpu.extreme_rows, (outer, n, sign), one_along(x, dim, keepdim), weight=4)
        return Loop(reduction_cpu.extreme_columns, (outer, n, inner, sign), one_along(x, dim, keepdim), weight=4)

    @_op.loop("cuda", dtypes=PLAIN, name="columns")
    def _(x, dim, keepdim, sign=_sign):
        extents = (1, x.shape.numel(), 1) if dim is None else around(x.shape, dim)
        return Loop(reduction_cuda.extremes, (*extents, sign), one_along(x, dim, keepdim))


goes_back(max_along)
goes_back(min_along)


@exported("torch", "Tensor")
def max(input: Tensor, dim: Any = None, keepdim: bool = False, *, out: Any = None) -> Any:
    """The largest element, and along a dimension where it is; of two tensors their ``maximum``. NaN is the largest.

    Args:
        input: of real numbers, of any shape.
        dim: the dimension that is reduced, all if None; or a tensor, with which ``input`` is compared.
        keepdim: whether the dimension stays, with extent 1.

    Returns:
        A 0-dimensional tensor; with a dimension (values, indices), of the shape of ``input`` without it, of equal
        elements the first; with a tensor the larger of both, element by element.

    Raises:
        IndexError: ``dim`` is out of range or empty.
        RuntimeError: there are no elements.
        TypeError: ``keepdim`` without a dimension.

    >>> torch.max(torch.tensor([[1, 5], [7, 3]]))
    tensor(7)
    >>> values, indices = torch.max(torch.tensor([[1, 5], [7, 3]]), 1)
    >>> values, indices
    (tensor([5, 7]), tensor([1, 0]))
    """
    if out is None and dim.__class__ is int:
        return max_along(input, dim, keepdim)
    return _overloads(max, input, dim, keepdim, out, amax, max_along, maximum)


@exported("torch", "Tensor")
def min(input: Tensor, dim: Any = None, keepdim: bool = False, *, out: Any = None) -> Any:
    """The smallest element, and along a dimension where it is; of two tensors their ``minimum``. NaN is the smallest.

    Args:
        input: of real numbers, of any shape.
        dim: the dimension that is reduced, all if None; or a tensor, with which ``input`` is compared.
        keepdim: whether the dimension stays, with extent 1.

    Returns:
        A 0-dimensional tensor; with a dimension (values, indices), of the shape of ``input`` without it, of equal
        elements the first; with a tensor the smaller of both, element by element.

    Raises:
        IndexError: ``dim`` is out of range or empty.
        RuntimeError: there are no elements.
        TypeError: ``keepdim`` without a dimension.

    >>> torch.min(torch.tensor([[1, 5], [7, 3]]))
    tensor(1)
    >>> values, indices = torch.min(torch.tensor([[1, 5], [7, 3]]), 1)
    >>> values, indices
    (tensor([1, 3]), tensor([0, 1]))
    """
    if out is None and dim.__class__ is int:
        return min_along(input, dim, keepdim)
    return _overloads(min, input, dim, keepdim, out, amin, min_along, minimum)


def _overloads(
    of: Callable, x: Tensor, dim: Any, keepdim: bool, out: Any, over_all: Any, along: Any, of_two: Any
) -> Any:
    if out is not None:
        return into(out, SAME if isinstance(dim, int) else CAST, of, x, dim, keepdim)
    if dim is None:
        if keepdim:
            raise nothing_kept(of.__name__)
        if not x.shape.numel():
            raise RuntimeError(
                f"{of.__name__}(): Expected reduction dim to be specified for input.numel() == 0. Specify the "
                "reduction dim with the 'dim' argument."
            )
        return over_all(x)
    if not isinstance(dim, Tensor):
        return along(x, integer(dim, of.__name__, "dim"), keepdim)
    if keepdim is not False:
        raise TypeError(
            f"{of.__name__}() of two tensors takes no third argument, got {keepdim!r}: keepdim goes with a dimension"
        )
    return of_two(x, dim)
