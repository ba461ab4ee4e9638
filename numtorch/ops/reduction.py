"""Reductions over any dimensions: sums, extremes, logic, and what is composed of them."""

from __future__ import annotations

import builtins
from dataclasses import dataclass, replace
from functools import lru_cache
from math import prod as prod_of
from typing import Any

import numpy as np

import numtorch.dtype as dtypes
from numtorch import engine
from numtorch._tensor import ReturnType, Tensor, empty, new, view
from numtorch.arguments import Dims, nothing_kept
from numtorch.device import CPU, META
from numtorch.dispatch.cost import moves, nbytes, reduction_work
from numtorch.dispatch.op import op
from numtorch.dispatch.out import CAST, GIVEN, POSITIONS, SAME, TRUTHS, into
from numtorch.dispatch.program import compiled_entry, shared_from
from numtorch.dtype import FLOATS, dtype, from_numpy_dtype
from numtorch.exports import exported
from numtorch.grad_mode import mode
from numtorch.kernels import registry, threads, timing
from numtorch.kernels.codegen import reduction as codegen
from numtorch.ops import reduction_cpu
from numtorch.ops.arithmetic import is_extreme, true_div, where
from numtorch.ops.movement import clone, contiguous, expand_to, permute, reshape
from numtorch.storage import Kind, Size, allocate, is_contiguous, kind, wrap_dim

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


def reduced_shape(shape: tuple, dims: tuple, keepdim: bool) -> Size:
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


def reduce(r: codegen.Reduction, x: Tensor, dim: Any, keepdim: bool, target: dtype, acc: np.dtype | None = None) -> Tensor:
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
    """The order in which a permuted contiguous tensor lies in memory, if what is left of it then stands in its own order."""
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
    return [((), None), ((5,), 0), ((3, 4), 0), ((3, 4), 1), ((3, 4), None), ((2, 3, 4), (0, 2)), ((2, 3, 4), 1), ((0, 3), 1)]


def _sum_type(x: Tensor, given: dtype | None, name: str) -> dtype:
    d = x._k.dtype
    if given is not None:
        with_slope(x, given, name)
        return given
    return d if d.category == dtypes.FLOATING else dtypes.int64


def with_slope(x: Tensor, target: dtype, name: str) -> None:
    """RuntimeError, as in torch, if what wants a gradient would be added up or multiplied as integers, which have none."""
    if x._edge is not None and mode.grad and not target.is_floating_point:
        raise RuntimeError(f"{name}(): Autograd not support dtype: {target.name}; input requires grad, use .detach() first")


@exported("torch", "Tensor")
@op(direct=True, samples=_samples, ref=np.sum, out=GIVEN)
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
        if g._k.contiguous and g._buf is not None and g._buf.size == 1 and g._k.device is CPU and (n := prod_of(shape)) <= SMALL:
            y = new(Tensor)  # contiguous, as the kernels that come next like it
            y.shape, y._k = shape, g._k
            y._buf = buf = np.empty(n, g._k.dtype.storage)
            buf.fill(g._buf[0])
            return y
        # one view of the same elements
        strides = (0,) * len(shape) if not g.shape else _spread(shape, g.strides, tuple(dim) if isinstance(dim, list) else dim, keepdim)
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
@op(direct=True, samples=_samples, ref=np.mean, out=CAST)
def mean(x, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None):
    """The mean of all elements, or over one or several dimensions. Floating types only.

    >>> import numtorch as torch
    >>> torch.mean(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), 1)
    tensor([1.5000, 3.5000])
    """
    if not (dtype or x.dtype).is_floating_point:
        raise RuntimeError(f"mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. "
                           f"Got: {x.dtype.name}; cast with .float() or pass dtype=")
    return reduce(codegen.MEAN, x, dim, keepdim, dtype or x.dtype)


@mean.vjp
def _(g, x_shape, x_kind, *, dim, keepdim):
    n = _count(x_shape, tuple(dim) if isinstance(dim, list) else dim)
    g = restore(true_div(g, n) if n else g, x_shape, dim, keepdim)
    return g if g.dtype is x_kind.dtype else g.to(x_kind.dtype)


@op(name="prod", direct=True, samples=_samples, ref=np.prod, public=False)
def prod_dims(x, dim: Dims = None, keepdim: bool = False, dtype: Any = None):
    """The product over dimensions."""
    return reduce(codegen.PROD, x, dim, keepdim, _sum_type(x, dtype, "prod"))


@prod_dims.vjp(wide=True)
def _(g, x, *, dim, keepdim):
    # The product of all others at each element, by products from both sides: right also where x is 0.
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
    from numtorch.ops.creation import ones
    from numtorch.ops.movement import cat, narrow

    one = ones((*x.shape[:-1], 1), dtype=x.dtype, device=x.device)
    left, right = [one], [one]
    for i in range(n - 1):
        left.append(left[-1] * narrow(x, -1, i, 1))
        right.append(right[-1] * narrow(x, -1, n - 1 - i, 1))
    return cat(left, -1) * cat(right[::-1], -1)


@exported("torch", "Tensor")
def prod(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None, out: Any = None) -> Tensor:
    """The product of all elements, or over a dimension."""
    if out is not None:
        return into(out, GIVEN, prod, input, dim, keepdim, dtype=dtype)
    if dtype is not None and dtype is not input.dtype and input._edge is not None and dtypes.as_dtype(dtype).is_floating_point:
        return prod_dims(input.to(dtype), dim, keepdim, dtype)  # so that the gradient, too, is computed in this type
    return prod_dims(input, dim, keepdim, dtype)


def _extreme(r: codegen.Reduction, x: Tensor, dim: Any, keepdim: bool) -> Tensor:
    dims = wrap_dims(dim, x.ndim, r.name) if 0 in x.shape else ()
    if builtins.any(x.shape[d] == 0 for d in dims) and reduced_shape(x.shape, dims, False).numel():
        raise IndexError(f"{r.name}(): Expected reduction dim {dims[0]} to have non-zero size: an empty set has no extreme")
    return reduce(r, x, dim, keepdim, x.dtype)


def _extreme_vjp(g: Tensor, x: Tensor, out: Tensor, dim: Any, keepdim: bool) -> Tensor:
    # Ties share the gradient evenly, and so do NaN where one is the extreme, as in torch.
    hit = is_extreme(x, restore(out, x.shape, dim, keepdim))
    count = sum(hit, dim, True)
    return where(hit, restore(g, x.shape, dim, keepdim) / count, 0.0)


@exported("torch", "Tensor")
@op(direct=True, samples=_samples, ref=np.max, out=SAME)
def amax(x, dim: Dims = (), keepdim: bool = False):
    """The largest element over dimensions; NaN if there is one. Equal elements share the gradient."""
    return _extreme(codegen.MAX, x, dim, keepdim)


@amax.vjp
def _(g, x, *, out, dim, keepdim):
    return _extreme_vjp(g, x, out, dim, keepdim)


@exported("torch", "Tensor")
@op(direct=True, samples=_samples, ref=np.min, out=SAME)
def amin(x, dim: Dims = (), keepdim: bool = False):
    """The smallest element over dimensions; NaN if there is one. Equal elements share the gradient."""
    return _extreme(codegen.MIN, x, dim, keepdim)


@amin.vjp
def _(g, x, *, out, dim, keepdim):
    return _extreme_vjp(g, x, out, dim, keepdim)


@exported("torch", "Tensor")
@op(differentiable=False, wide=False, samples=_samples, ref=np.any, out=TRUTHS)
def any(x, dim: Dims = None, keepdim: bool = False):
    """Whether any element is nonzero, of all or over dimensions (none if ``dim`` is empty); uint8 of uint8, else bool.

    >>> import numtorch as torch
    >>> torch.any(torch.tensor([[0, 1], [0, 0]]), 1)
    tensor([ True, False])
    """
    return reduce(codegen.ANY, x, dim, keepdim, dtypes.bool)


@exported("torch", "Tensor")
@op(differentiable=False, wide=False, samples=_samples, ref=np.all, out=TRUTHS)
def all(x, dim: Dims = None, keepdim: bool = False):
    """Whether every element is nonzero, of all or over dimensions (none if ``dim`` is empty); uint8 of uint8, else bool.

    >>> import numtorch as torch
    >>> torch.all(torch.tensor([[0, 1], [1, 1]]), 1)
    tensor([False,  True])
    """
    return reduce(codegen.ALL, x, dim, keepdim, dtypes.bool)


@exported("torch", "Tensor")
@op(differentiable=False, wide=False)
def count_nonzero(x, dim: Dims = None):
    """How many elements are nonzero."""
    return reduce(codegen.COUNT, x, dim, False, dtypes.int64)


# --- extremes with their positions ----------------------------------------------------------------


@op(shape=True, public=False, cost=moves)
def extreme_along(x, dim: int, keepdim: bool, sign: int):
    """Extremes along a dimension, and where they are: (values, indices)."""
    shape = reduced_shape(x.shape, (dim,), keepdim) if x.ndim else x.shape
    return empty(shape, x.dtype, x.device), empty(shape, dtypes.int64, x.device)


def _middle(shape: tuple, dim: int) -> tuple[int, int, int]:
    """What lies before, in and after a dimension."""
    return (prod_of(shape[:dim]), shape[dim], prod_of(shape[dim + 1 :])) if shape else (1, 1, 1)


@lru_cache(maxsize=4096)
def _scan_geometry(shape: Size, dim: int, keepdim: bool) -> tuple[Size, int, tuple[int, int, int]]:
    """Shape and elements of the extremes, and what lies before, in and after the dimension."""
    made = reduced_shape(shape, (dim,), keepdim) if shape else shape
    return made, made.numel(), _middle(shape, dim)


_POSITIONS = kind(dtypes.int64, CPU)
_scans: dict = registry.memo()  # (entry, whether of rows, shape and elements of the results, the kernel's numbers)


@extreme_along.kernel("cpu", functions=(*reduction_cpu.EXTREME_ROWS, *reduction_cpu.EXTREME_COLUMNS))
def scan(x, dim, keepdim, sign):
    try:
        entry, rows, shape, count, numbers = _scans[x._k, x.shape, dim, keepdim, sign]
    except KeyError:
        entry = None
    if entry is None:
        return _first_scan(x, dim, keepdim, sign)
    values, indices = new(Tensor), new(Tensor)
    values.shape = indices.shape = shape
    values._k, indices._k = x._k, _POSITIONS
    if count <= SMALL:
        values._buf = tops = np.empty(count, x._k.dtype.storage)
        indices._buf = places = np.empty(count, np.int64)
    else:
        values._buf = tops = allocate(count, x._k.dtype, CPU)
        indices._buf = places = allocate(count, dtypes.int64, CPU)
    if rows:
        entry(x._buf, tops, places, tops, places, *numbers)
    else:
        entry(x._buf, tops, places, *numbers)
    return values, indices


def _first_scan(x: Tensor, dim: int, keepdim: bool, sign: int) -> tuple[Tensor, Tensor]:
    given = x
    x = x if x._k.contiguous else contiguous(x)
    if x._k.dtype.is_half:  # their bits do not order as numbers do
        whole, indices = scan(x.to(dtypes.float32), dim, keepdim, sign)
        return whole.to(x._k.dtype), indices
    shape, count, middle = _scan_geometry(x.shape, dim, keepdim)
    values, indices = new(Tensor), new(Tensor)
    values.shape = indices.shape = shape
    values._k, indices._k = x._k, _POSITIONS
    values._buf, indices._buf = allocate(count, x._k.dtype, CPU), allocate(count, dtypes.int64, CPU)
    if count:
        reduction_cpu.extremes(x._buf, values._buf, indices._buf, *middle, sign)
        if given is x and (found := reduction_cpu.remembered(x._buf, values._buf, indices._buf, *middle, sign)):
            if len(_scans) > 4096:
                _scans.clear()
            _scans[x._k, x.shape, dim, keepdim, sign] = *found, shape, count, (*middle[: 2 if found[1] else 3], sign)
    return values, indices


@extreme_along.kernel("cuda", name="scan_cuda")
def scan_cuda(x, dim, keepdim, sign):
    from numtorch.ops.reduction_cuda import extremes

    x = contiguous(x)
    values, indices = extreme_along.op.rule(x, dim, keepdim, sign)
    if values.numel():
        extremes(x._buf, values._buf, indices._buf, *_middle(x.shape, dim), sign)
    return values, indices


def _spread_cost(grads: tuple, g: tuple, x_shape: Size, *, out: tuple, dim: int, keepdim: bool) -> tuple[int, int]:
    return nbytes(grads, g[0], out[1]), 0


@extreme_along.vjp(cost=_spread_cost)
def _(g, x_shape, *, out, dim, keepdim):
    from numtorch.ops.creation import zeros
    from numtorch.ops.indexing import scatter
    from numtorch.ops.movement import unsqueeze

    values, indices = out
    g = g[0]
    blank = zeros(x_shape, dtype=g.dtype, device=g.device)
    if not x_shape:
        return g
    if not keepdim:
        g, indices = unsqueeze(g, dim), unsqueeze(indices, dim)
    return scatter(blank, dim, indices, g)


@extreme_along.backward.kernel("cpu", dtypes=FLOATS, functions=reduction_cpu.SPREAD)
def spread(g, x_shape, *, out, dim, keepdim):
    g = contiguous(g[0])
    gx = empty(x_shape, g._k.dtype, g._k.device)
    if gx._buf.size:
        kernel = reduction_cpu.SPREAD[gx._buf.size >= reduction_cpu.PARALLEL_ELEMENTS]
        kernel(g._buf, contiguous(out[1])._buf, gx._buf, *_middle(x_shape, dim))
    return (gx,)


class MaxReturn(ReturnType):
    __slots__ = ()


class MinReturn(ReturnType):
    __slots__ = ()
    _name = "min"


def _along(x: Tensor, dim: int, keepdim: bool, sign: int, name: str) -> Any:
    shape = x.shape
    d = dim if dim.__class__ is int and 0 <= dim < len(shape) else wrap_dim(dim, len(shape), name)
    if shape and shape[d] == 0:
        raise IndexError(f"{name}(): Expected reduction dim {d} to have non-zero size.")
    return extreme_along(x, d, keepdim, sign)


@exported("torch", "Tensor")
def max(input: Tensor, dim: Any = None, keepdim: bool = False, *, out: Any = None) -> Any:
    """The largest element; with a dimension, (values, indices) along it; with a tensor, ``maximum``.

    >>> import numtorch as torch
    >>> _, predicted = torch.max(torch.tensor([[0.1, 0.9], [0.8, 0.2]]), 1)
    >>> predicted
    tensor([1, 0])
    """
    if out is not None:
        return into(out, SAME if isinstance(dim, int) else CAST, max, input, dim, keepdim)
    if dim is None:
        if keepdim:
            raise nothing_kept("max")
        _not_empty(input, "max")
        return amax(input)
    if isinstance(dim, Tensor):
        from numtorch.ops.arithmetic import maximum

        if keepdim is not False:
            raise TypeError(f"max() of two tensors takes no third argument, got {keepdim!r}: keepdim goes with a dimension")
        return maximum(input, dim)
    return MaxReturn(_along(input, dim, keepdim, 1, "max"))


@exported("torch", "Tensor")
def min(input: Tensor, dim: Any = None, keepdim: bool = False, *, out: Any = None) -> Any:
    """The smallest element; with a dimension, (values, indices) along it; with a tensor, ``minimum``."""
    if out is not None:
        return into(out, SAME if isinstance(dim, int) else CAST, min, input, dim, keepdim)
    if dim is None:
        if keepdim:
            raise nothing_kept("min")
        _not_empty(input, "min")
        return amin(input)
    if isinstance(dim, Tensor):
        from numtorch.ops.arithmetic import minimum

        if keepdim is not False:
            raise TypeError(f"min() of two tensors takes no third argument, got {keepdim!r}: keepdim goes with a dimension")
        return minimum(input, dim)
    return MinReturn(_along(input, dim, keepdim, -1, "min"))


def _not_empty(x: Tensor, name: str) -> None:
    if not x.shape.numel():
        raise RuntimeError(f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction "
                           "dim with the 'dim' argument.")


def _position(x: Tensor, dim: int | None, keepdim: bool, sign: int, name: str) -> Tensor:
    if x._k.dtype is dtypes.bool:
        raise RuntimeError(f"{name}(): does not support bool input; cast with .int()")
    if dim is None:
        if 0 in x.shape:
            raise IndexError(f"{name}(): Expected reduction dim to be specified for input.numel() == 0.")
        x = x if x._edge is None else x.detach()
        y = extreme_along(x if len(x.shape) == 1 else view(contiguous(x), Size((x.shape.numel(),)), (1,)), 0, False, sign)[1]
        return reshape(y, (1,) * x.ndim) if keepdim else y
    return _along(x if x._edge is None else x.detach(), dim, keepdim, sign, name)[1]


@exported("torch", "Tensor")
def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False, *, out: Any = None) -> Tensor:
    """Where the (first) largest element is: in the flattened tensor, or along a dimension."""
    if out is not None:
        return into(out, POSITIONS, argmax, input, dim, keepdim)
    return _position(input, dim, keepdim, 1, "argmax")


@exported("torch", "Tensor")
def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False, *, out: Any = None) -> Tensor:
    """Where the (first) smallest element is: in the flattened tensor, or along a dimension."""
    if out is not None:
        return into(out, POSITIONS, argmin, input, dim, keepdim)
    return _position(input, dim, keepdim, -1, "argmin")
