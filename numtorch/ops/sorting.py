"""Order along a dimension: sort, topk, and the k-th value. NaN counts as the largest number, as in torch."""

from __future__ import annotations

from functools import cache
from math import prod
from operator import itemgetter
from typing import Any

import numpy as np

import numtorch.dtype as dtypes
from numtorch._tensor import ReturnType, Tensor, empty
from numtorch.arguments import nothing_kept, only_real
from numtorch.dispatch.cost import moves
from numtorch.dispatch.loops import Loop, Made, like
from numtorch.dispatch.op import op
from numtorch.dispatch.out import POSITIONS, SAME
from numtorch.dtype import dtype
from numtorch.exports import exported
from numtorch.kernels import threads
from numtorch.ops import sorting_cpu as cpu
from numtorch.ops.arithmetic import eq, isnan, where
from numtorch.ops.creation import full
from numtorch.ops.reduction import goes_back, nonempty, one_along, shaped
from numtorch.storage import around, wrap_dim

COMPARED = 16  # what an element that is put in order costs, in additions
MOST = (1 << 31) - 1  # positions travel as 32 bits

# The bits of infinity: the magnitudes above are NaN.
_INFINITY = {
    dtypes.float16: 0x7C00,
    dtypes.bfloat16: 0x7F80,
    dtypes.float32: 0x7F800000,
    dtypes.float64: 0x7FF0000000000000,
}


@cache
def _reading(d: dtype) -> tuple[int, int, int]:
    """(bits, category, bits of infinity) by which elements become keys."""
    if d.is_floating_point:
        return 8 * d.itemsize, cpu.FLOAT, _INFINITY[d]
    return 8 * d.itemsize, cpu.SIGNED if d.is_signed else cpu.UNSIGNED, 0


def _loop(function: Any, x: Tensor, extents: tuple, numbers: tuple, out: Any, last: int, scratch: tuple = ()) -> Loop:
    """A loop over the lines of ``x``, read as bits; of ``out`` the numbers of its results, ``last`` says in which
    order."""
    only_real(x._k.dtype, "sort")
    if extents[1] > MOST:
        raise RuntimeError(f"sorting is limited to {MOST} elements along a dimension, got {extents[1]}")
    return Loop(
        function,
        (*extents, *numbers, *_reading(x._k.dtype), last),
        out,
        weight=COMPARED,
        scratch=scratch,
        carrier=np.dtype(f"u{x._k.dtype.itemsize}"),
    )


# --- sort -----------------------------------------------------------------------------------------


class SortReturn(ReturnType):
    __slots__ = ()
    _name = "sort"


@exported("torch", "Tensor")
@op(
    shape=True,
    cost=moves,
    out=SAME,
    returns=SortReturn,
    samples=lambda: [
        ((3, 5), 1, False),
        ((4, 3), 0, True),
        ((2, 60), 1, True),
        ((70000,), 0, False),
        ((2, 60, 3), 1),
        ((), 0, False),
    ],
)
def sort(x, dim: int = -1, descending: bool = False, *, stable: bool | None = False):
    """The elements in order along ``dim``, and where they were; NaN counts as the largest.

    Args:
        input: of real numbers, of any shape.
        dim: the dimension.
        descending: whether the largest comes first.
        stable: equal elements keep their order, whether or not this is set.

    Returns:
        (values, indices), both of the same shape.

    Raises:
        IndexError: ``dim`` is out of range.

    >>> values, indices = torch.sort(torch.tensor([3.0, 1.0, 2.0]), descending=True)
    >>> values, indices
    (tensor([3., 2., 1.]), tensor([0, 2, 1]))
    """
    return shaped(like(x), like(x, dtype=dtypes.int64))


@exported("torch", "Tensor")
@op(
    shape=True,
    cost=moves,
    differentiable=False,
    out=POSITIONS,
    returns=itemgetter(1),
    samples=lambda: [((3, 5), 1), ((4, 3), 0, True), ((), 0)],
)
def argsort(x, dim: int = -1, descending: bool = False, *, stable: bool = False):
    """The positions that sort along ``dim``: the indices of ``sort``.

    Args:
        input: of real numbers, of any shape.
        dim: the dimension.
        descending: whether the largest comes first.
        stable: equal elements keep their order, whether or not this is set.

    Returns:
        An int64 tensor of the same shape.

    Raises:
        IndexError: ``dim`` is out of range.

    >>> torch.argsort(torch.tensor([3.0, 1.0, 2.0]))
    tensor([1, 2, 0])
    """
    return shaped(like(x), like(x, dtype=dtypes.int64))


for _op in (sort, argsort):

    @_op.arguments
    def _(x, dim, descending, stable, name=_op.op.name):
        return x, wrap_dim(dim, x.ndim, name), descending, False

    @_op.loop("cpu", name="radix")
    def _(x, dim, descending):
        outer, n, inner = around(x.shape, dim)
        out = like(x), like(x, dtype=dtypes.int64)
        if x._k.dtype.itemsize == 8:
            return _loop(cpu.sort_lines_wide, x, (outer, n, inner), (n,), out, descending)
        alone = n >= cpu.LONG and outer * inner < threads.get_num_threads()
        return _loop(cpu.sort_long_lines if alone else cpu.sort_lines, x, (outer, n, inner), (), out, descending)


@exported("torch", "Tensor")
@op(wide=False, out=SAME, samples=lambda: [((3, 4),), ((5,),), ((),)], ref=lambda x: np.sort(x, 0) if x.ndim else x)
def msort(x):
    """The elements in order along the first dimension: the values of ``sort(input, 0)``.

    Args:
        input: of real numbers, of any shape.

    Returns:
        A tensor of the same shape.

    >>> torch.msort(torch.tensor([[3, 1], [2, 4]]))
    tensor([[2, 1],
            [3, 4]])
    """
    return sort(x, 0)[0]


# --- the first k ----------------------------------------------------------------------------------


class TopkReturn(ReturnType):
    __slots__ = ()
    _name = "topk"


@exported("torch", "Tensor")
@op(
    shape=True,
    cost=moves,
    out=SAME,
    returns=TopkReturn,
    samples=lambda: [
        ((3, 5), 2, 1, True),
        ((4, 3), 2, 0, False),
        ((2, 400), 7, 1, True),
        ((2, 200, 3), 40, 1),
        ((), 1, 0, True),
    ],
)
def topk(x, k: int, dim: int = -1, largest: bool = True, sorted: bool = True):
    """The ``k`` largest or smallest elements along ``dim``, and where they are.

    Args:
        input: of real numbers, of any shape.
        k: how many.
        dim: the dimension.
        largest: False gives the smallest.
        sorted: the result is in order, whether or not this is set.

    Returns:
        (values, indices), of size ``k`` along ``dim``. Differs from torch: of equal elements the first are taken.

    Raises:
        IndexError: ``dim`` is out of range.
        RuntimeError: ``k`` is negative or exceeds the dimension, or ``input`` is boolean.

    >>> torch.topk(torch.tensor([1.0, 4.0, 2.0, 3.0]), 2)
    torch.return_types.topk(
    values=tensor([4., 3.]),
    indices=tensor([1, 3]))
    """
    return shaped(*_first(x, k, dim))


def _first(x: Tensor, k: int, dim: int) -> tuple[Made, Made]:
    """``k`` values along a dimension, and their positions."""
    shape = (*x.shape[:dim], k, *x.shape[dim + 1 :]) if x.shape else ()
    return like(x, shape), like(x, shape, dtypes.int64)


@topk.arguments
def _(x, k, dim, largest, sorted):
    d = wrap_dim(dim, x.ndim, "topk")
    if x._k.dtype is dtypes.bool:
        raise RuntimeError("topk(): not supported for bool; cast with .int()")
    if not 0 <= k <= (x.shape[d] if x.shape else 1):
        raise RuntimeError(f"topk(): selected index k out of range: k is {k}, dimension {d} of {list(x.shape)}")
    return x, k if x.shape else 1, d, largest, True  # of no dimension torch gives the one element, also for 0


@topk.loop("cpu", name="candidates")
def _(x, k, dim, largest):
    kernel = cpu.sort_lines_wide if x._k.dtype.itemsize == 8 else cpu.first_of_lines
    return _loop(kernel, x, around(x.shape, dim), (k,), _first(x, k, dim), largest)


# --- the k-th -------------------------------------------------------------------------------------


class KthvalueReturn(ReturnType):
    __slots__ = ()
    _name = "kthvalue"


class MedianReturn(ReturnType):
    __slots__ = ()
    _name = "median"


class NanmedianReturn(ReturnType):
    __slots__ = ()
    _name = "nanmedian"


@exported("torch", "Tensor")
@op(
    shape=True,
    cost=moves,
    out=SAME,
    returns=KthvalueReturn,
    samples=lambda: [
        ((3, 5), 3, 1, False),
        ((4, 3), 2, 0, True),
        ((2, 3, 4), 1, 1, False),
        ((300,), 41, 0, False),
        ((), 1, 0),
    ],
)
def kthvalue(x, k: int, dim: int = -1, keepdim: bool = False):
    """The ``k``-th smallest element along ``dim``, and where it is; NaN counts as the largest.

    Args:
        input: of real numbers, of any shape.
        k: counted from 1.
        dim: the dimension that is reduced.
        keepdim: whether it stays, with extent 1.

    Returns:
        (values, indices), of the shape of ``input`` without ``dim``.

    Raises:
        IndexError: ``dim`` is out of range or empty.
        RuntimeError: ``k`` is out of range.
        NotImplementedError: ``input`` is boolean.

    >>> torch.kthvalue(torch.tensor([5.0, 1.0, 3.0]), 2)
    torch.return_types.kthvalue(
    values=tensor(3.),
    indices=tensor(2))
    """
    return shaped(*one_along(x, dim, keepdim))


@kthvalue.arguments
def _(x, k, dim, keepdim):
    d = _ranked(x, dim, "kthvalue")
    n = x.shape[d] if x.shape else 1
    if not 1 <= k <= n:
        raise RuntimeError(
            f"kthvalue(): selected number k out of range for dimension {d}: k is {k}, the dimension has {n} elements"
        )
    return x, k, d, keepdim


def _ranked(x: Tensor, dim: int, name: str) -> int:
    """A dimension along which there is something to choose from, in a type whose elements have a rank."""
    d = nonempty(x, dim, name)
    if x._k.dtype is dtypes.bool:
        raise NotImplementedError(f'"{name}" not implemented for bool; cast with .int()')
    return d


def _kth(x: Tensor, extents: tuple, k: int, nan: int, out: Any, scratch: tuple = ()) -> Loop:
    return _loop(
        cpu.kth_of_lines_wide if x._k.dtype.itemsize == 8 else cpu.kth_of_lines, x, extents, (k,), out, nan, scratch
    )


@kthvalue.loop("cpu", name="radix_select")
def _(x, k, dim, keepdim):
    return _kth(x, around(x.shape, dim), k - 1, cpu.NAN_LARGEST, one_along(x, dim, keepdim))


@exported("torch", "Tensor")
@op(
    shape=True,
    cost=moves,
    out=SAME,
    returns=MedianReturn,
    samples=lambda: [((2, 3, 4), 1, False), ((3, 5), 1, True), ((), 0)],
)
def median(x, dim: int | None = None, keepdim: bool = False):
    """The median of all elements, or along ``dim``: of an even number the lower one; NaN if there is one.

    Args:
        input: of real numbers, of any shape.
        dim: the dimension that is reduced; all if None.
        keepdim: whether it stays, with extent 1.

    Returns:
        A 0-dimensional tensor; with ``dim`` (values, indices), of the shape of ``input`` without it. The median of no
        elements is NaN.

    Raises:
        IndexError: ``dim`` is out of range or empty.
        RuntimeError: there are no elements, and their type has no NaN.
        NotImplementedError: ``input`` is boolean.

    >>> torch.median(torch.tensor([1.0, 4.0, 2.0, 3.0]))
    tensor(2.)
    >>> torch.median(torch.tensor([[1, 5, 3], [6, 4, 2]]), dim=1).values
    tensor([3, 4])
    """
    return shaped(*one_along(x, dim, keepdim))


@exported("torch", "Tensor")
@op(shape=True, cost=moves, out=SAME, returns=NanmedianReturn, samples=lambda: [((5,), 0, False), ((4, 3), 0, True)])
def nanmedian(x, dim: int | None = None, keepdim: bool = False):
    """``median`` of the elements that are not NaN; NaN if all are.

    Args:
        input: of real numbers, of any shape.
        dim: the dimension that is reduced; all if None.
        keepdim: whether it stays, with extent 1.

    Returns:
        A 0-dimensional tensor; with ``dim`` (values, indices), of the shape of ``input`` without it.

    Raises:
        IndexError: ``dim`` is out of range or empty.
        RuntimeError: there are no elements, and their type has no NaN.
        NotImplementedError: ``input`` is boolean.

    >>> torch.nanmedian(torch.tensor([1.0, torch.nan, 2.0]))
    tensor(1.)
    """
    return shaped(*one_along(x, dim, keepdim))


@op(
    shape=True,
    public=False,
    cost=moves,
    samples=lambda: [((3, 5), 1), ((300,), 2), ((), 1)],
    ref=lambda x, nan: np.sort(x.reshape(-1))[(x.size - 1) // 2],
)
def median_of_all(x, nan: int):
    """The lower median of all elements, in which NaN wins (1) or is ignored (2); equal ones share the gradient, as in
    torch."""
    return empty((), x.dtype, x.device)


@median_of_all.loop("cpu", name="radix_select")
def _(x, nan):
    return _kth(x, (1, prod(x.shape), 1), 0, nan, like(x, ()), ((1, np.dtype(np.int64)),))


@median_of_all.vjp
def _(g, x, *, out):
    same = where(isnan(out), isnan(x), eq(x, out))
    return where(same, g / same.to(g.dtype).sum(), 0.0)


for _op, _nan in ((median, cpu.NAN_WINS), (nanmedian, cpu.NAN_IGNORED)):

    @_op.arguments
    def _(x, dim, keepdim, name=_op.op.name, nan=_nan):
        if dim is not None:
            return x, _ranked(x, dim, name), keepdim
        if keepdim:
            raise nothing_kept(name)
        if x.shape.numel():
            _ranked(x, 0, name)
            return lambda x, dim, keepdim: median_of_all(x, nan)
        if not x.dtype.is_floating_point:
            raise RuntimeError(f"{name}(): an empty tensor has no median, and {x.dtype.name} no NaN to say so")
        return lambda x, dim, keepdim: full((), float("nan"), dtype=x.dtype, device=x.device)

    @_op.loop("cpu", name="radix_select")
    def _(x, dim, keepdim, nan=_nan):
        return _kth(x, around(x.shape, dim), 0, nan, one_along(x, dim, keepdim))


for _op in (sort, topk, kthvalue, median, nanmedian):
    goes_back(_op)
for _op in (sort, argsort, topk, kthvalue, median, nanmedian, median_of_all):
    _op.on_cpu()
