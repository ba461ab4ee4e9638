"""Order along a dimension: sort, topk, and the k-th value. NaN counts as the largest number, as in torch."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

import numtorch.dtype as dtypes
from numtorch._tensor import ReturnType, Tensor, empty, new
from numtorch.arguments import flag, integer, nothing_kept
from numtorch.device import CPU
from numtorch.dispatch.cost import moves
from numtorch.dispatch.op import op
from numtorch.dispatch.out import POSITIONS, SAME, into
from numtorch.dispatch.program import shared_from
from numtorch.dtype import dtype
from numtorch.exports import exported
from numtorch.kernels import registry, threads
from numtorch.ops import movement
from numtorch.ops import sorting_cpu as cpu
from numtorch.ops.arithmetic import eq, isnan, where
from numtorch.ops.movement import contiguous, reshape
from numtorch.ops.movement.launching import Plan, ready, remember
from numtorch.storage import Size, allocate, kind, wrap_dim

COMPARED = 16  # what an element that is put in order costs, in additions
MOST = (1 << 31) - 1  # positions travel as 32 bits

# The bits of infinity: the magnitudes above are NaN.
_INFINITY = {dtypes.float16: 0x7C00, dtypes.bfloat16: 0x7F80, dtypes.float32: 0x7F800000, dtypes.float64: 0x7FF0000000000000}


@cache
def _reading(d: dtype) -> tuple[int, int, int]:
    """(bits, category, bits of infinity) by which elements become keys."""
    if d.is_floating_point:
        return 8 * d.itemsize, cpu.FLOAT, _INFINITY[d]
    return 8 * d.itemsize, cpu.UNSIGNED if d in (dtypes.bool, dtypes.uint8) else cpu.SIGNED, 0


def _rows(x: Tensor, dim: int) -> Tensor:
    """``x`` with ``dim`` last, contiguous."""
    if x._k.contiguous and dim >= len(x.shape) - 1:
        return x
    return contiguous(movement.transpose(x, dim, -1)) if x.shape and dim != len(x.shape) - 1 else contiguous(x)


def _back(y: Tensor, dim: int) -> Tensor:
    return contiguous(movement.transpose(y, dim, -1)) if y.shape and dim != len(y.shape) - 1 else y


_plans: dict = registry.memo()


def _run(kernel: Any, x: Tensor, left: int | None, *numbers: Any) -> tuple[Tensor, Tensor]:
    """Values and positions from a kernel over the rows of ``x``, of which ``left`` elements are left; a dimension less if None."""
    key = (kernel, x._k, x.shape, left, numbers)
    plan = _plans.get(key)
    if plan is None:
        shape = x.shape[:-1] if left is None or not x.shape else (*x.shape[:-1], left)
        plan = remember(_plans, key, _plan(kernel, x, shape, *numbers))
    places, bits = plan
    values, indices = new(Tensor), places.result()
    values.shape, values._k = places.shape, x._k
    values._buf = buf = allocate(places.numel, x._k.dtype, CPU)
    if places.entry is not None:
        places.entry(x._buf.view(bits), buf.view(bits), indices._buf, *places.numbers)
    return values, indices


def _plan(kernel: Any, x: Tensor, shape: tuple, *numbers: Any) -> tuple[Plan, np.dtype]:
    n = x.shape[-1] if x.shape else 1
    if n > MOST:
        raise RuntimeError(f"sorting is limited to {MOST} elements along a dimension, got {n}")
    bits = np.dtype(f"u{x._k.dtype.itemsize}")
    entry = None
    if Size(shape).numel():
        one = np.empty(1, bits)
        numbers = (x._buf.size // n, n, *numbers)
        parallel = x._buf.size >= shared_from(COMPARED) and threads.get_num_threads() > 1
        entry = ready(kernel, parallel, (one, one, np.empty(1, np.int64), *numbers))
    return Plan(shape, kind(dtypes.int64, CPU), entry, numbers), bits


# --- sort -----------------------------------------------------------------------------------------


@op(shape=True, name="sort", public=False, cost=moves)
def sort_along(x, dim: int, descending: bool):
    """The elements in order along a dimension, and where they were: (values, indices). Equal elements keep their order."""
    return empty(x.shape, x.dtype, x.device), empty(x.shape, dtypes.int64, x.device)


@sort_along.kernel("cpu", name="radix", functions=(cpu.sort_rows, cpu.sort_long_rows, cpu.sort_rows_wide))
def sort_cpu(x, dim, descending):
    x = _rows(x, dim)
    width, category, inf = _reading(x._k.dtype)
    n = x.shape[-1] if x.shape else 1
    if width == 64:
        pair = _run(cpu.sort_rows_wide, x, n, n, width, category, inf, descending)
    else:
        alone = n >= cpu.LONG and x._buf.size // n < threads.get_num_threads()
        pair = _run(cpu.sort_long_rows if alone else cpu.sort_rows, x, n, width, category, inf, descending)
    return pair if dim >= len(x.shape) - 1 else tuple([_back(y, dim) for y in pair])


@sort_along.kernel("cuda", name="sort_on_cpu")
def sort_cuda(x, dim, descending):
    return tuple(movement.move(y, x.device) for y in sort_cpu(movement.move(x, "cpu"), dim, descending))


def _to_places(g: Tensor, indices: Tensor, shape: tuple, dim: int) -> Tensor:
    from numtorch.ops.indexing import scatter_into_zeros

    return scatter_into_zeros(g, indices, shape, dim) if shape else reshape(g, ())


@sort_along.vjp
def _(g, x_shape, *, out, dim):
    return _to_places(g[0], out[1], tuple(x_shape), dim)


class SortReturn(ReturnType):
    __slots__ = ()
    _name = "sort"


@exported("torch", "Tensor")
def sort(input: Tensor, dim: Any = -1, descending: bool = False, *, stable: bool | None = False, out: Any = None) -> Any:
    """The elements in order along ``dim``, and where they were: (values, indices).

    Always stable: equal elements keep their order whether or not ``stable`` is set.

    >>> import numtorch as torch
    >>> values, indices = torch.sort(torch.tensor([3.0, 1.0, 2.0]), descending=True)
    >>> values, indices
    (tensor([3., 2., 1.]), tensor([0, 2, 1]))
    """
    if descending.__class__ is not bool:
        descending = flag(descending, "sort", "descending")
    if out is not None:
        return into(out, SAME, sort, input, dim, descending, stable=stable)
    if isinstance(dim, bool):  # torch's sort(input, stable, dim, descending)
        raise TypeError("sort(): argument 'dim' must be int, not bool; pass stable= by keyword")
    return SortReturn(sort_along(input, wrap_dim(dim, input.ndim, "sort"), bool(descending)))


@exported("torch", "Tensor")
def argsort(input: Tensor, dim: int = -1, descending: bool = False, *, stable: bool = False, out: Any = None) -> Tensor:
    """The positions that sort along ``dim``.

    >>> import numtorch as torch
    >>> torch.argsort(torch.tensor([3.0, 1.0, 2.0]))
    tensor([1, 2, 0])
    """
    if descending.__class__ is not bool:
        descending = flag(descending, "argsort", "descending")
    if stable.__class__ is not bool:
        stable = flag(stable, "argsort", "stable")
    if out is not None:
        return into(out, POSITIONS, argsort, input, dim, descending, stable=stable)
    return sort_along(input.detach(), wrap_dim(dim, input.ndim, "argsort"), bool(descending))[1]


@exported("torch", "Tensor")
def msort(input: Tensor, *, out: Any = None) -> Tensor:
    """The elements in order along the first dimension.

    >>> import numtorch as torch
    >>> torch.msort(torch.tensor([[3, 1], [2, 4]]))
    tensor([[2, 1],
            [3, 4]])
    """
    if out is not None:
        return into(out, SAME, msort, input)
    return sort_along(input, 0, False)[0]


# --- the first k ----------------------------------------------------------------------------------


@op(shape=True, name="topk", public=False, cost=moves)
def topk_along(x, k: int, dim: int, largest: bool):
    """The k largest (or smallest) elements along a dimension in order, and where they are: (values, indices)."""
    shape = (*x.shape[:dim], k, *x.shape[dim + 1 :]) if x.ndim else ()
    return empty(shape, x.dtype, x.device), empty(shape, dtypes.int64, x.device)


@topk_along.kernel("cpu", name="select", functions=(cpu.first_rows, cpu.sort_rows, cpu.sort_rows_wide))
def topk_cpu(x, k, dim, largest):
    x = _rows(x, dim)
    reading = _reading(x._k.dtype)
    kernel = cpu.sort_rows_wide if reading[0] == 64 else cpu.first_rows
    pair = _run(kernel, x, k, k if x.shape else 1, *reading, largest)
    return pair if dim >= len(x.shape) - 1 else tuple([_back(y, dim) for y in pair])


@topk_along.kernel("cuda", name="topk_on_cpu")
def topk_cuda(x, k, dim, largest):
    return tuple(movement.move(y, x.device) for y in topk_cpu(movement.move(x, "cpu"), k, dim, largest))


@topk_along.vjp
def _(g, x_shape, *, out, dim):
    return _to_places(g[0], out[1], tuple(x_shape), dim)


class TopkReturn(ReturnType):
    __slots__ = ()
    _name = "topk"


@exported("torch", "Tensor")
def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True, *, out: Any = None) -> Any:
    """The ``k`` largest (or smallest) elements along ``dim``, in order, and where they are: (values, indices).

    Differs from torch: of equal elements the first are taken, and the result is in order whatever ``sorted`` says.

    >>> import numtorch as torch
    >>> torch.topk(torch.tensor([1.0, 4.0, 2.0, 3.0]), 2)
    torch.return_types.topk(
    values=tensor([4., 3.]),
    indices=tensor([1, 3]))
    """
    if largest.__class__ is not bool:
        largest = flag(largest, "topk", "largest")
    if sorted.__class__ is not bool:
        sorted = flag(sorted, "topk", "sorted")
    if out is not None:
        return into(out, SAME, topk, input, k, dim, largest, sorted)
    d = wrap_dim(dim, len(input.shape), "topk")
    if k.__class__ is not int:
        k = integer(k, "topk", "k")
    if input._k.dtype is dtypes.bool:
        raise RuntimeError("topk(): not supported for bool; cast with .int()")
    if not 0 <= k <= (input.shape[d] if input.shape else 1):
        raise RuntimeError(f"topk(): selected index k out of range: k is {k}, dimension {d} of {list(input.shape)}")
    if not input.shape:
        k = 1  # torch's one element, also of none
    return TopkReturn(topk_along(input, k, d, bool(largest)))


# --- the k-th -------------------------------------------------------------------------------------


@op(shape=True, name="kthvalue", public=False, cost=moves)
def kth_along(x, k: int, dim: int, keepdim: bool, nan: int):
    """The k-th smallest element (from 0) along a dimension, and where it is; with ``nan`` 1 or 2 the lower median, in which NaN
    wins or is ignored."""
    shape = (*x.shape[:dim], *((1,) if keepdim else ()), *x.shape[dim + 1 :]) if x.ndim else ()
    return empty(shape, x.dtype, x.device), empty(shape, dtypes.int64, x.device)


@kth_along.kernel("cpu", name="radix_select", functions=(cpu.kth_rows, cpu.kth_rows_wide))
def kth_cpu(x, k, dim, keepdim, nan):
    given, x = x.shape, _rows(x, dim)
    reading = _reading(x._k.dtype)
    values, indices = _run(cpu.kth_rows_wide if reading[0] == 64 else cpu.kth_rows, x, None, k, *reading, nan)
    lead = len(given) - 1
    if dim >= lead and not (keepdim and given):
        return values, indices
    # What was not reduced stands in another order: the last dimension came to where ``dim`` was.
    shape = (*given[:dim], *((1,) if keepdim else ()), *given[dim + 1 :]) if given else ()
    order = (*range(dim), *range(dim + 1, lead), dim) if x.ndim and dim < lead else None
    return tuple(reshape(contiguous(movement.permute(y, order)) if order else y, shape) for y in (values, indices))


@kth_along.kernel("cuda", name="kth_on_cpu")
def kth_cuda(x, k, dim, keepdim, nan):
    return tuple(movement.move(y, x.device) for y in kth_cpu(movement.move(x, "cpu"), k, dim, keepdim, nan))


@kth_along.vjp
def _(g, x_shape, *, out, dim, keepdim):
    g, indices = g[0], out[1]
    if not keepdim and x_shape:
        g, indices = movement.unsqueeze(g, dim), movement.unsqueeze(indices, dim)
    return _to_places(g, indices, tuple(x_shape), dim)


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
def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False, *, out: Any = None) -> Any:
    """The ``k``-th smallest element (from 1) along ``dim``, and where it is: (values, indices).

    >>> import numtorch as torch
    >>> torch.kthvalue(torch.tensor([5.0, 1.0, 3.0]), 2).values
    tensor(3.)
    """
    if keepdim.__class__ is not bool:
        keepdim = flag(keepdim, "kthvalue", "keepdim")
    if out is not None:
        return into(out, SAME, kthvalue, input, k, dim, keepdim)
    d = wrap_dim(dim, input.ndim, "kthvalue")
    k = integer(k, "kthvalue", "k")
    n = _extent(input, d, "kthvalue")
    if not 1 <= k <= n:
        raise RuntimeError(f"kthvalue(): selected number k out of range for dimension {d}: k is {k}, the dimension has {n} elements")
    return KthvalueReturn(kth_along(input, k - 1, d, bool(keepdim), cpu.NAN_LARGEST))


def _extent(x: Tensor, d: int, name: str) -> int:
    """The size of a dimension along which there must be something to choose from, in a type whose elements have a rank."""
    n = x.shape[d] if x.shape else 1
    if n == 0:
        raise IndexError(f"{name}(): Expected reduction dim {d} to have non-zero size.")
    if x._k.dtype is dtypes.bool:
        raise NotImplementedError(f'"{name}" not implemented for bool; cast with .int()')
    return n


@op(shape=True, public=False, cost=moves)
def median_of_all(x, nan: int):
    """The lower median of all elements, in which NaN wins (1) or is ignored (2); equal ones share the gradient, as in torch."""
    return empty((), x.dtype, x.device)


@median_of_all.kernel("cpu", functions=(cpu.kth_rows, cpu.kth_rows_wide))
def median_of_all_cpu(x, nan):
    return kth_cpu(_line(x), 0, 0, False, nan)[0]


@median_of_all.kernel("cuda", name="median_of_all_on_cpu")
def median_of_all_cuda(x, nan):
    return movement.move(median_of_all_cpu(movement.move(x, "cpu"), nan), x.device)


def _line(x: Tensor) -> Tensor:
    return x if len(x.shape) == 1 and x._k.contiguous else reshape(x.detach(), (-1,))


@median_of_all.vjp
def _(g, x, *, out):
    same = where(isnan(out), isnan(x), eq(x, out))
    return where(same, g / same.to(g.dtype).sum(), 0.0)


def _median(x: Tensor, dim: int | None, keepdim: bool, nan: int, name: str, result: type) -> Any:
    if dim is None:
        if keepdim:
            raise nothing_kept(name)
        if x.shape.numel():
            _extent(x, 0, name)
            return median_of_all(x, nan)
        if not x.dtype.is_floating_point:
            raise RuntimeError(f"{name}(): an empty tensor has no median, and {x.dtype.name} no NaN to say so")
        from numtorch.ops.creation import full

        return full((), float("nan"), dtype=x.dtype, device=x.device)
    d = wrap_dim(dim, len(x.shape), name)
    _extent(x, d, name)
    return result(kth_along(x, 0, d, bool(keepdim), nan))


@exported("torch", "Tensor")
def median(input: Tensor, dim: int | None = None, keepdim: bool = False, *, out: Any = None) -> Any:
    """The lower median of all elements; with a dimension, (values, indices) along it. NaN if there is one.

    >>> import numtorch as torch
    >>> torch.median(torch.tensor([1.0, 4.0, 2.0, 3.0]))
    tensor(2.)
    """
    if keepdim.__class__ is not bool:
        keepdim = flag(keepdim, "median", "keepdim")
    if out is not None:
        return into(out, SAME, median, input, dim, keepdim)
    return _median(input, dim, keepdim, cpu.NAN_WINS, "median", MedianReturn)


@exported("torch", "Tensor")
def nanmedian(input: Tensor, dim: int | None = None, keepdim: bool = False, *, out: Any = None) -> Any:
    """As ``median`` of the elements that are not NaN; NaN if all are.

    >>> import numtorch as torch
    >>> torch.nanmedian(torch.tensor([1.0, float("nan"), 2.0]))
    tensor(1.)
    """
    if keepdim.__class__ is not bool:
        keepdim = flag(keepdim, "nanmedian", "keepdim")
    if out is not None:
        return into(out, SAME, nanmedian, input, dim, keepdim)
    return _median(input, dim, keepdim, cpu.NAN_IGNORED, "nanmedian", NanmedianReturn)
