"""Reductions over any dimensions: sums, extremes, logic, and what is composed of them."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import prod as prod_of
from operator import itemgetter
from typing import Any

import numpy as np

import numtorch.dtype as dtypes
from numtorch import engine
from numtorch._tensor import ReturnType, Tensor, empty, new, view
from numtorch.arguments import Dims, integer, nothing_kept
from numtorch.device import CPU, META
from numtorch.dispatch.cost import moves, nbytes, reduction_work
from numtorch.dispatch.loops import Loop, Made, like
from numtorch.dispatch.op import op
from numtorch.dispatch.out import CAST, GIVEN, POSITIONS, SAME, TRUTHS, into
from numtorch.dispatch.program import compiled_entry, shared_from
from numtorch.dtype import FLOATS, PLAIN, dtype, from_numpy_dtype
from numtorch.exports import exported
from numtorch.grad_mode import mode
from numtorch.kernels import registry, threads, timing
from numtorch.kernels.codegen import reduction as codegen
from numtorch.ops import reduction_cpu, reduction_cuda
from numtorch.ops.arithmetic import is_extreme, maximum, minimum, true_div, where
from numtorch.ops.creation import ones
from numtorch.ops.indexing import scatter_into_zeros
from numtorch.ops.movement import cat, clone, expand_to, narrow, permute, reshape, unsqueeze
from numtorch.storage import Kind, Size, allocate, around, is_contiguous, kind, wrap_dim

PARALLEL_ELEMENTS = shared_from(2)
SMALL = 1 << 12  # elements up to which a result needs no aligned buffer


def wrap_dims(dim: Any, ndim: int, op_name: str) -> tuple[int, ...]:
    """Sorted non-negative dimensions; None and () mean all."""
    if dim is None or (isinstance(dim, tuple | list) and not dim):
        return tuple(range(ndim))
    dims = [wrap_dim(d, ndim, op_name) for d in (dim if isinstance(dim, tuple | list) else (dim,))]
    if len(set(dims)) != len(dims):
        raise RuntimeError(f"{op_name}: dim appears multiple times in the list of dims")
    return tuple(sorted(d for d in dims if d < ndim))


def reduced_shape(shape: tuple, dims: Sequence[int], keepdim: bool) -> Size:
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


_plans: dict = registry.memo()


def reduce(
    r: codegen.Reduction, x: Tensor, dim: Any, keepdim: bool, target: dtype, acc: np.dtype | None = None
) -> Tensor:
    """Run a reduction kernel."""
    k = x._k
    try:
        plan = _plans[r, k, x.shape, dim, keepdim, target, acc]
    except (KeyError, TypeError):  # a list of dimensions cannot be looked up
        plan = None
    if plan is None:
        plan = _remembered(r, x, tuple(dim) if isinstance(dim, list) else dim, keepdim, target, acc)
    y = new(Tensor)
    y.shape = plan.shape
    y._k = plan.kind
    if plan.direct:
        y._buf = buf = np.empty(plan.numel, plan.kind.dtype.storage)
        plan.entry(x._buf, buf, *plan.extents)
        return y
    y._buf = allocate(plan.numel, plan.kind.dtype, k.device)
    if plan.entry is None:
        return y
    if plan.order is not None:
        x = view(x, tuple([x.shape[d] for d in plan.order]), tuple([x.strides[d] for d in plan.order]))
    if not x._k.contiguous:
        (x,) = clone.op.program(x)
    if plan.steps is not None:
        buffer = x._buf
        for step in plan.steps:
            partial = np.empty(step.numel, step.kind.dtype.storage)
            _launch(step, buffer, partial)
            buffer = partial
        _launch(plan, buffer, y._buf)
    else:
        _launch(plan, x._buf, y._buf)
    return y


def _remembered(r: codegen.Reduction, x: Tensor, dim: Any, keepdim: bool, target: dtype, acc: np.dtype | None) -> Plan:
    if len(_plans) > 4096:
        _plans.clear()
    plan = _plans[r, x._k, x.shape, dim, keepdim, target, acc] = _plan(r, x, dim, keepdim, target, acc)
    return plan


def _launch(plan: Plan, x: Any, out: Any) -> None:
    if plan.scratch is None:
        plan.entry(x, out, *plan.extents)
    else:
        plan.entry(x, out, np.empty(*plan.scratch), *plan.extents)


@dataclass(frozen=True)
class Plan:
    """What remains to be done to reduce tensors of one kind and shape.

    Attributes:
        shape: of the result.
        entry: the kernel; None if there is nothing to compute.
        order: the permutation in which the kernel walks the dimensions; None for theirs.
        scratch: size and type of the accumulators, where the kernel wants them from outside.
        extents: the kernel's integers.
        direct: the operand goes to the kernel as it is, and the result is small.
        steps: what reduces the last dimensions first, where the reduced ones are no neighbours.
    """

    shape: Size
    numel: int
    kind: Kind
    entry: Any
    order: tuple | None = None
    scratch: tuple | None = None
    extents: tuple = ()
    direct: bool = False
    steps: tuple[Plan, ...] | None = None


def _plan(r: codegen.Reduction, x: Tensor, dim: Any, keepdim: bool, target: dtype, acc: np.dtype | None) -> Plan:
    dims = wrap_dims(dim, len(x.shape), r.name)
    if r in (codegen.ANY, codegen.ALL):
        dims = () if dim == () else dims  # as in torch, none: each element by itself
        acc, target = np.dtype(np.bool_), dtypes.uint8 if x._k.dtype is dtypes.uint8 else target
    shape = reduced_shape(x.shape, dims, keepdim)
    where_, made = x._k.device.type, kind(target, x._k.device)
    if where_ == "meta" or not shape.numel():
        return Plan(shape, shape.numel(), made, None)
    acc = acc or target.compute
    if where_ == "cuda":
        found: Any = extents(x.shape, dims)
        order: tuple | None = None
        if found is None:
            rest = [d for d in range(len(x.shape)) if d not in dims]
            order = (*rest, *dims)
            found = extents(Size(x.shape[d] for d in order), tuple(range(len(rest), len(order))))
        run = codegen.cuda_launcher(r, x._k.dtype, acc, target, *found)
        entry = timing.loop(lambda: run, r.name, "cuda", None, 2, lambda: reduction_work(r, x, found, target))
        return Plan(shape, shape.numel(), made, entry, order)
    order = None if x._k.contiguous else memory_order(x, dims)
    given, given_dims = x.shape, dims
    if order is not None:
        given = Size(x.shape[d] for d in order)
        given_dims = tuple(i for i, d in enumerate(order) if d in dims)
    count = Size(x.shape[d] for d in dims).numel()
    operand = empty(given, x._k.dtype, META)
    steps: list[Plan] = []
    while (found := extents(operand.shape, given_dims)) is None:
        last = _last_run(operand.shape, given_dims)
        between = from_numpy_dtype(acc)
        steps.append(_cpu_step(replace(r, finish="a"), operand, acc, between, extents(operand.shape, last), count))
        operand = empty(reduced_shape(operand.shape, last, True), between, META)
        given_dims = tuple(d for d in given_dims if d not in last)
        r = replace(r, each="v")
    step = _cpu_step(r, operand, acc, target, found, count)
    direct = x._k.contiguous and step.scratch is None and not steps and step.numel <= SMALL
    return replace(step, shape=shape, kind=made, order=order, direct=direct, steps=tuple(steps) or None)


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


def _cpu_step(r: codegen.Reduction, operand: Tensor, acc: np.dtype, target: dtype, found: Any, count: int) -> Plan:
    """The kernel that reduces (outer, n, inner) contiguous elements; ``count`` is what a mean divides by."""
    outer, n, inner = found
    element = operand._k.dtype
    scratch: tuple | None = None
    numbers: tuple = (*found, count)
    if inner > 1:
        group, chunk, parts = codegen.columns_geometry(outer, n, inner)
        form, scratch = "columns", (outer * parts * group * inner, acc)
        numbers = (outer, n, inner, group, chunk, parts, count)
    elif outer == 1 and n > codegen.BLOCK:
        form, scratch, numbers = "whole", (-(-n // codegen.BLOCK), acc), (n, count)
    else:
        form = "rows"
    parallel = outer * n * inner >= PARALLEL_ELEMENTS and threads.get_num_threads() > 1
    buffers = [np.empty(1, element.storage), np.empty(1, target.storage)] + ([np.empty(1, acc)] if scratch else [])
    jit_ = codegen.build(r, form, element, acc, target, parallel)
    entry = compiled_entry(jit_, (*buffers, *numbers), r.name, lambda: reduction_work(r, operand, found, target))
    return Plan(Size(()), outer * inner, kind(target, CPU), entry, None, scratch, numbers)


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


def _sum_type(x: Tensor, given: dtype | None, name: str) -> dtype:
    d = x._k.dtype
    if given is not None:
        with_slope(x, given, name)
        return given
    return d if d.category == dtypes.FLOATING else dtypes.int64


def with_slope(x: Tensor, target: dtype, name: str) -> None:
    """RuntimeError, as in torch, if what wants a gradient would be added up or multiplied as integers, which have
    none."""
    if x._edge is not None and mode.grad and not target.is_floating_point:
        raise RuntimeError(
            f"{name}(): Autograd not support dtype: {target.name}; input requires grad, use .detach() first"
        )


@exported("torch", "Tensor")
@op(direct=True, samples=_samples, ref=_ref(np.sum), out=GIVEN)
def sum(x, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None):
    """The sum of all elements, or over one or several dimensions. Integers add up as int64.

    >>> import numtorch as torch
    >>> torch.sum(torch.tensor([[1, 2], [3, 4]]), 0)
    tensor([4, 6])
    """
    if dim is None and dtype is None and not keepdim:  # most sums are of everything: two lookups less
        plan = _totals.get((x._k, x.shape))
        if plan is not None:
            y = new(Tensor)
            y.shape = plan.shape
            y._k = plan.kind
            y._buf = buf = np.empty(1, plan.kind.dtype.storage)
            plan.entry(x._buf, buf, *plan.extents)
            return y
    y = reduce(codegen.SUM, x, dim, keepdim, _sum_type(x, dtype, "sum"))
    if dim is None and dtype is None and not keepdim:
        plan = _plans.get((codegen.SUM, x._k, x.shape, None, False, y._k.dtype, None))
        if plan is not None and plan.direct:
            if len(_totals) > 4096:
                _totals.clear()
            _totals[x._k, x.shape] = plan
    return y


_totals: dict = registry.memo()


@sum.vjp
def _(g, x_shape, x_kind, *, dim, keepdim):
    g = restore(g, x_shape, dim, keepdim)
    return g if g.dtype is x_kind.dtype else g.to(x_kind.dtype)


@lru_cache(maxsize=4096)
def _count(shape: Size, dim: Dims) -> int:
    """How many elements each result is made of."""
    return prod_of([shape[d] for d in wrap_dims(dim, len(shape), "mean")])


@lru_cache(maxsize=4096)
def _spread(shape: Size, strides: tuple[int, ...], dim: Dims, keepdim: bool) -> tuple[int, ...]:
    """The strides with which a result of these strides has the operand's shape."""
    dims = wrap_dims(dim, len(shape), "sum")
    given = iter(strides)
    steps = [next(given) if keepdim or d not in dims else 0 for d in range(len(shape))]
    return tuple(0 if d in dims else s for d, s in enumerate(steps))


def restore(g: Tensor, shape: tuple, dim: Any, keepdim: bool) -> Tensor:
    """A gradient spread back over the dimensions that were reduced."""
    if not mode.grad:  # nothing is recorded
        if (
            g._k.contiguous
            and g._buf is not None
            and g._buf.size == 1
            and g._k.device is CPU
            and (n := prod_of(shape)) <= SMALL
        ):
            y = new(Tensor)  # contiguous, as the kernels that come next like it
            y.shape, y._k = shape, g._k
            y._buf = buf = np.empty(n, g._k.dtype.storage)
            buf.fill(g._buf[0])
            return y
        # one view of the same elements
        strides = (
            (0,) * len(shape)
            if not g.shape
            else _spread(shape, g.strides, tuple(dim) if isinstance(dim, list) else dim, keepdim)
        )
        return view(g, shape, strides)
    dims = wrap_dims(dim, len(shape), "sum")
    if not keepdim:
        g = reshape(g, reduced_shape(shape, dims, True))
    return expand_to(g, tuple(shape))


@engine.fill
def sum_to(x: Tensor, shape: tuple) -> Tensor:
    """Sum over the dimensions along which ``shape`` was broadcast to ``x.shape``."""
    if x.shape == shape:
        return x
    lead = len(x.shape) - len(shape)
    dims = tuple(range(lead)) + tuple(i + lead for i, n in enumerate(shape) if n == 1 and x.shape[i + lead] != 1)
    y = sum(x, dims, True) if dims else x
    return reshape(y, shape) if y.shape != shape else y


@exported("torch", "Tensor")
@op(direct=True, samples=_samples, ref=_ref(np.mean), out=CAST)
def mean(x, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None):
    """The mean of all elements, or over one or several dimensions. Floating types only.

    >>> import numtorch as torch
    >>> torch.mean(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), 1)
    tensor([1.5000, 3.5000])
    """
    if not (dtype or x.dtype).is_floating_point:
        raise RuntimeError(
            f"mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. "
            f"Got: {x.dtype.name}; cast with .float() or pass dtype="
        )
    return reduce(codegen.MEAN, x, dim, keepdim, dtype or x.dtype)


@mean.vjp
def _(g, x_shape, x_kind, *, dim, keepdim):
    n = _count(x_shape, tuple(dim) if isinstance(dim, list) else dim)
    g = restore(true_div(g, n) if n else g, x_shape, dim, keepdim)
    return g if g.dtype is x_kind.dtype else g.to(x_kind.dtype)


@exported("torch", "Tensor")
@op(direct=True, samples=_samples, ref=_ref(np.prod), out=GIVEN)
def prod(x, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None):
    """The product of all elements, or over a dimension."""
    return reduce(codegen.PROD, x, dim, keepdim, _sum_type(x, dtype, "prod"))


@prod.vjp(wide=True)
def _(g, x, *, dim, keepdim):
    # The product of all others at each element, by products from both sides: right also where x is 0.
    if x.dtype is not g.dtype:  # computed in the type in which the product was
        return prod_slope(g, x.to(g.dtype), dim, keepdim).to(x.dtype)
    return prod_slope(g, x, dim, keepdim)


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


def _extreme(r: codegen.Reduction, x: Tensor, dim: Any, keepdim: bool) -> Tensor:
    dims = wrap_dims(dim, x.ndim, r.name) if 0 in x.shape else ()
    if builtins.any(x.shape[d] == 0 for d in dims) and reduced_shape(x.shape, dims, False).numel():
        raise IndexError(
            f"{r.name}(): Expected reduction dim {dims[0]} to have non-zero size: an empty set has no extreme"
        )
    return reduce(r, x, dim, keepdim, x.dtype)


def _extreme_vjp(g: Tensor, x: Tensor, out: Tensor, dim: Any, keepdim: bool) -> Tensor:
    # Ties share the gradient evenly, and so do NaN where one is the extreme, as in torch.
    hit = is_extreme(x, restore(out, x.shape, dim, keepdim))
    count = sum(hit, dim, True)
    return where(hit, restore(g, x.shape, dim, keepdim) / count, 0.0)


@exported("torch", "Tensor")
@op(direct=True, samples=_samples, ref=_ref(np.max), out=SAME)
def amax(x, dim: Dims = (), keepdim: bool = False):
    """The largest element over dimensions; NaN if there is one. Equal elements share the gradient."""
    return _extreme(codegen.MAX, x, dim, keepdim)


@amax.vjp
def _(g, x, *, out, dim, keepdim):
    return _extreme_vjp(g, x, out, dim, keepdim)


@exported("torch", "Tensor")
@op(direct=True, samples=_samples, ref=_ref(np.min), out=SAME)
def amin(x, dim: Dims = (), keepdim: bool = False):
    """The smallest element over dimensions; NaN if there is one. Equal elements share the gradient."""
    return _extreme(codegen.MIN, x, dim, keepdim)


@amin.vjp
def _(g, x, *, out, dim, keepdim):
    return _extreme_vjp(g, x, out, dim, keepdim)


@exported("torch", "Tensor")
@op(differentiable=False, wide=False, samples=_samples, ref=_ref(np.any), out=TRUTHS)
def any(x, dim: Dims = None, keepdim: bool = False):
    """Whether any element is nonzero, of all or over dimensions (none if ``dim`` is empty); uint8 of uint8, else bool.

    >>> import numtorch as torch
    >>> torch.any(torch.tensor([[0, 1], [0, 0]]), 1)
    tensor([ True, False])
    """
    return reduce(codegen.ANY, x, dim, keepdim, dtypes.bool)


@exported("torch", "Tensor")
@op(differentiable=False, wide=False, samples=_samples, ref=_ref(np.all), out=TRUTHS)
def all(x, dim: Dims = None, keepdim: bool = False):
    """Whether every element is nonzero, of all or over dimensions (none if ``dim`` is empty); uint8 of uint8, else
    bool.

    >>> import numtorch as torch
    >>> torch.all(torch.tensor([[0, 1], [1, 1]]), 1)
    tensor([False,  True])
    """
    return reduce(codegen.ALL, x, dim, keepdim, dtypes.bool)


@exported("torch", "Tensor")
@op(
    differentiable=False,
    wide=False,
    samples=lambda: [((3, 4),), ((3, 4), 1), ((2, 3, 4), (0, 2))],
    ref=_ref(np.count_nonzero),
)
def count_nonzero(x, dim: Dims = None):
    """How many elements are nonzero."""
    return reduce(codegen.COUNT, x, dim, False, dtypes.int64)


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


def shaped(*results: Made) -> tuple[Tensor, ...]:
    """Tensors without elements for a rule of shapes and types."""
    return tuple([empty(made.shape, made.kind.dtype, made.kind.device) for made in results])


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
    """Where the (first) largest element is: in the flattened tensor, or along a dimension."""
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
    """Where the (first) smallest element is: in the flattened tensor, or along a dimension."""
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
    """The largest element; with a dimension, (values, indices) along it; with a tensor, ``maximum``.

    >>> import numtorch as torch
    >>> _, predicted = torch.max(torch.tensor([[0.1, 0.9], [0.8, 0.2]]), 1)
    >>> predicted
    tensor([1, 0])
    """
    if out is None and dim.__class__ is int:
        return max_along(input, dim, keepdim)
    return _overloads(max, input, dim, keepdim, out, amax, max_along, maximum)


@exported("torch", "Tensor")
def min(input: Tensor, dim: Any = None, keepdim: bool = False, *, out: Any = None) -> Any:
    """The smallest element; with a dimension, (values, indices) along it; with a tensor, ``minimum``."""
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
