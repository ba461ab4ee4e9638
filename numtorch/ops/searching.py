"""Positions and counts of values: searchsorted, bucketize, bincount, unique, mode. Only mode has a gradient.

Values are sorted first (``sorting.sort``, which is stable). Equal values are then adjacent, and one pass finds where
each run of equal values begins. NaN is equal to nothing, not even to itself, as in torch.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import numtorch.dtype as dtypes
from numtorch import ops
from numtorch._tensor import ReturnType, Tensor, counted, empty
from numtorch.arguments import flag, only_real
from numtorch.dispatch.aliases import own_names
from numtorch.dispatch.cost import moves, numel, per_input
from numtorch.dispatch.loops import COUNTED, Loop, like
from numtorch.dispatch.op import op
from numtorch.dispatch.out import POSITIONS, SAME, into
from numtorch.dispatch.samples import exactly, index
from numtorch.errors import OutOfBounds
from numtorch.exports import exported
from numtorch.kernels.jit import jit, prange
from numtorch.ops import movement
from numtorch.ops.movement import contiguous, reshape
from numtorch.ops.sorting import argsort, sort
from numtorch.storage import wrap_dim

U = np.uint64  # an index that cannot be negative: Numba else asks whether it is
SEARCHED, COMPARED = 16, 2  # what an element costs, in additions
MOST = (1 << 63) - 1
GRAIN = 1 << 10  # elements that a thread looks up at a time


@jit(parallel=True)
def find_places(edges, values, out, rows, n, m, right):
    """out[i, k]: how many of the n sorted edges[i] are below values[i, k], with ``right`` how many are not above it

    halving: the first ``low`` edges are, those from ``high`` on are not; one row of edges serves all where n is all
        there are
    """
    spans = (m + GRAIN - 1) // GRAIN
    for item in prange(rows * spans):
        i = item // spans
        first = i * m + (item - i * spans) * GRAIN
        base = i * n if edges.size > n else 0
        for k in range(first, min(first + GRAIN, i * m + m)):
            v = values[U(k)]
            low, high = 0, n
            while low < high:
                middle = (low + high) // 2
                e = edges[U(base + middle)]
                beyond = e > v if right else e >= v
                low, high = (low, middle) if beyond else (middle + 1, high)
            out[U(k)] = low


@jit
def count_numbers(x, out):
    """out[x[k]] += 1, from 0 on"""
    out[:] = 0
    for k in range(x.size):
        out[U(x[k])] += 1


@jit
def add_weights(x, w, out):
    """out[x[k]] += w[k], from 0 on, in order"""
    out[:] = 0
    for k in range(x.size):
        out[U(x[k])] += w[U(k)]


@jit
def numbers_below(x, least):
    """The least number above all, ``least`` at least; -1 if one is negative, -2 if there is none above"""
    low, high = np.int64(0), np.int64(-1)
    for k in range(x.size):  # without a way out this is vector code
        v = np.int64(x[U(k)])
        low = v if v < low else low
        high = v if v > high else high
    if low < 0:
        return np.int64(-1)
    return max(np.int64(least), high + 1) if high < MOST else np.int64(-2)


@jit
def mark_runs(values, order, inverse, starts, width):
    """Rows of ``width`` in sorted order: where each run of equal ones begins, the run of each row before sorting; how
    many runs"""
    n = order.size
    runs = 0
    for k in range(n):
        same = k > 0
        j = 0
        while same and j < width:
            same = values[U(order[k] * width + j)] == values[U(order[k - 1] * width + j)]
            j += 1
        if not same:
            starts[U(runs)] = k
            runs += 1
        inverse[U(order[k])] = runs - 1
    return runs


@jit
def describe_runs(order, first, lengths, starts):
    """The place before sorting of the first of each run, and how long the run is"""
    for r in range(first.size):
        end = starts[U(r + 1)] if r + 1 < first.size else order.size
        first[U(r)] = order[U(starts[U(r)])]
        lengths[U(r)] = end - starts[U(r)]


@jit(parallel=True)
def longest_runs(values, order, out, rows, n):
    """out[r]: the place of the last element of the longest run of equal ones in sorted row r; of runs as long, the
    first"""
    for r in prange(rows):
        base, best, length, begin = r * n, 0, 0, 0
        for k in range(n):
            last = k + 1 == n
            if not last:
                last = values[U(base + k)] != values[U(base + k + 1)]
            if last:
                if k + 1 - begin > length:
                    length, best = k + 1 - begin, k
                begin = k + 1
        out[r] = order[U(base + best)]


def _compared(x: Tensor) -> Tensor:
    """Numbers that kernels compare: half types are stored as bits."""
    return movement.cast(x, dtypes.float32) if x.dtype.is_half else x


# --- sorted sequences -----------------------------------------------------------------------------


@op(
    shape=True,
    public=False,
    differentiable=False,
    cost=moves,
    samples=lambda: [((5,), (2, 3), False), ((5,), (2, 3), True, True)],
    ref=lambda e, x, right, out_int32=False: np.searchsorted(e, x, "right" if right else "left"),
)
def insertion_places(edges, x, right: bool, out_int32: bool = False):
    """How many elements of each row of ``edges``, which are in order, are below those of ``x``; ``right``: not above
    them."""
    return empty(x.shape, dtypes.int32 if out_int32 else dtypes.int64, x.device)


@insertion_places.arguments
def _(edges, x, right, out_int32):
    for t in (edges, x):
        only_real(t.dtype, "searchsorted")
    if edges.dtype is not x.dtype:
        common = _comparable(edges.dtype, x.dtype)
        return movement.to(edges, common), movement.to(x, common), right, out_int32
    if edges.dtype is dtypes.bool and numel(x):
        raise NotImplementedError('"searchsorted" not implemented for bool; cast with .int()')
    return _compared(edges), _compared(x), right, out_int32


@insertion_places.loop("cpu", name="halving")
def _(edges, x, right, out_int32):
    rows = 1 if edges.ndim == 1 else numel(x) // max(x.shape[-1], 1)
    out = like(x, dtype=dtypes.int32 if out_int32 else dtypes.int64)
    numbers = (rows, edges.shape[-1], numel(x) // max(rows, 1), right)
    return Loop(find_places, numbers, out, elements=numel(x), weight=SEARCHED)


insertion_places.on_cpu()


@exported("torch")
def searchsorted(
    sorted_sequence: Tensor,
    input: Any,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Tensor | None = None,
    out: Any = None,
) -> Tensor:
    """Where each value would be inserted into its sorted row: how many elements are below it (``right``: not above it).

    Args:
        sorted_sequence: (*, n), ascending along the last dimension, or (n) for all rows of ``input``.
        input: (*, m), or a number.
        out_int32: whether the result is of int32 instead of int64.
        right: whether equal elements lie before the place.
        side: ``"left"`` or ``"right"``, the same as ``right``.
        sorter: int64 positions that sort ``sorted_sequence``, if it is not in order itself.

    Returns:
        Positions from 0 to n, in the shape of ``input``.

    Raises:
        RuntimeError: the shapes or types do not fit, or ``side`` contradicts ``right``.

    >>> torch.searchsorted(torch.tensor([1, 3, 5, 7]), torch.tensor([3, 6]))
    tensor([1, 3])
    >>> torch.searchsorted(torch.tensor([1, 3, 5, 7]), torch.tensor([3, 6]), right=True)
    tensor([2, 3])
    """
    if out is not None:
        return into(
            out,
            POSITIONS,
            searchsorted,
            sorted_sequence,
            input,
            out_int32=out_int32,
            right=right,
            side=side,
            sorter=sorter,
        )
    if right.__class__ is not bool or out_int32.__class__ is not bool:
        _check_flags(right, out_int32)
    if side not in (None, "left", "right"):
        raise RuntimeError(f"torch.searchsorted(): side can only be 'left' or 'right' but got {side}")
    if side == "left" and right:
        raise RuntimeError(
            "torch.searchsorted(): side and right can't be set to opposites, got side of left while right was True"
        )
    edges = sorted_sequence
    if input.__class__ is not Tensor:
        input = _looked_up(input, edges, "searchsorted")
    if not edges.shape:
        raise RuntimeError(
            "torch.searchsorted(): boundaries tensor should have positive dimension, but got 0 dimension"
        )
    if len(edges.shape) > 1 and (not input.shape or edges.shape[:-1] != input.shape[:-1]):
        raise RuntimeError(
            "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries "
            f"tensor and input value tensor must match, but we got boundaries tensor {list(edges.shape)} and input "
            f"value tensor {list(input.shape)}"
        )
    if sorter is not None:
        edges = _put_in_order(edges, sorter)
    if edges._k.device is not input._k.device:
        edges = movement.to(edges, input.device)
    return insertion_places(edges, input, right or side == "right", out_int32)


def _check_flags(right: Any, out_int32: Any) -> None:
    for name, value in (("right", right), ("out_int32", out_int32)):
        if not isinstance(value, bool | np.bool_):
            raise TypeError(f"searchsorted(): argument '{name}' must be bool, not {type(value).__name__}")


def _looked_up(value: Any, edges: Tensor, op: str) -> Tensor:
    """What is looked up, as a tensor: a number is of the type of the edges where that can hold it."""
    if isinstance(value, Tensor):
        return value
    if not isinstance(value, bool | int | float | np.number | np.bool_):
        raise TypeError(f"{op}(): argument 'input' must be Tensor or a number, not {type(value).__name__}")
    number: Any = value.item() if isinstance(value, np.generic) else value
    whole = isinstance(number, int)
    wide: dtypes.dtype = dtypes.int64 if whole and -(1 << 63) <= number < 1 << 63 else dtypes.float64
    d = edges.dtype
    if d.is_floating_point:
        fits = not abs(number) > dtypes.finfo(d).max or number in (np.inf, -np.inf)
    elif d is dtypes.bool:
        fits = isinstance(number, bool)
    else:
        fits = whole and dtypes.iinfo(d).min <= number <= dtypes.iinfo(d).max
    return ops.creation.tensor(
        number if fits or wide is dtypes.int64 else float(number), dtype=d if fits else wide, device=edges.device
    )


def _comparable(a: dtypes.dtype, b: dtypes.dtype) -> dtypes.dtype:
    """A type in which elements of both are compared as the numbers they are (integers beyond 2**53 beside fractions
    excepted)."""
    if a.is_floating_point or b.is_floating_point:
        return dtypes.float64
    return dtypes.int64


def _put_in_order(edges: Tensor, sorter: Tensor) -> Tensor:
    if not isinstance(sorter, Tensor):
        raise TypeError(f"searchsorted(): argument 'sorter' must be Tensor, not {type(sorter).__name__}")
    if sorter.shape != edges.shape:
        raise RuntimeError(
            "torch.searchsorted(): boundary and sorter must have the same size, but got boundary tensor "
            f"{list(edges.shape)} and got sorter tensor {list(sorter.shape)}"
        )
    if sorter.dtype is not dtypes.int64:
        raise RuntimeError(
            f"torch.searchsorted(): sorter must be a tensor of long dtype but got dtype {sorter.dtype.name}"
        )
    try:
        return ops.indexing.gather(edges, -1, sorter)
    except IndexError as e:
        raise OutOfBounds(f"torch.searchsorted(): sorter index out of range: {e}") from None


@exported("torch")
def bucketize(
    input: Any, boundaries: Tensor, *, out_int32: bool = False, right: bool = False, out: Any = None
) -> Tensor:
    """The bucket of each value: how many boundaries are below it, or with ``right`` not above it.

    Args:
        input: a tensor of any shape, or a number.
        boundaries: (n), ascending.
        out_int32: whether the result is of int32 instead of int64.
        right: whether a value that equals a boundary lies behind it.

    Returns:
        Numbers from 0 to n, in the shape of ``input``.

    Raises:
        RuntimeError: ``boundaries`` is no vector.

    >>> torch.bucketize(torch.tensor([3, 6, 9]), torch.tensor([1, 3, 5, 7, 9]))
    tensor([1, 3, 4])
    """
    if out is not None:
        return into(out, POSITIONS, bucketize, input, boundaries, out_int32=out_int32, right=right)
    if boundaries.ndim != 1:
        raise RuntimeError(f"torch.bucketize(): boundaries tensor must be 1 dimension, but got dim({boundaries.ndim})")
    input = _looked_up(input, boundaries, "bucketize")
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


# --- how often ------------------------------------------------------------------------------------


@exported("torch", "Tensor")
@op(
    shape=True,
    cost=per_input(1),
    samples=lambda: [(index((9,), 5),), (index((9,), 5), (9,)), (index((9,), 5), None, 8)],
    ref=lambda x, weights=None, minlength=0: np.bincount(x, weights, minlength),
)
def bincount(x, weights=None, minlength: int = 0):
    """How often each number from 0 on occurs, or the sum of the ``weights`` of its places.

    Args:
        input: (n), integers that are not negative.
        weights: (n), of any type.
        minlength: the least length of the result.

    Returns:
        A vector of ``max(input) + 1`` elements: int64 counts, or sums in float32 for float32 weights and in float64 for
        all others.

    Raises:
        RuntimeError: ``input`` is no vector or has negative numbers, or a length does not fit.
        NotImplementedError: ``input`` is not of integers.
        TypeError: ``weights`` is no tensor.

    >>> torch.bincount(torch.tensor([0, 2, 2]))
    tensor([1, 0, 2])
    >>> torch.bincount(torch.tensor([0, 2, 2]), weights=torch.tensor([0.5, 1.0, 2.0]))
    tensor([0.5000, 0.0000, 3.0000])
    """
    raise NotImplementedError("bincount: the largest number of a meta tensor is not known")


@bincount.arguments
def _(x, weights, minlength):
    if x.dtype not in dtypes.INTEGERS:
        raise NotImplementedError(f'"bincount" not implemented for {x.dtype.name}; cast with .long()')
    if minlength < 0:
        raise RuntimeError(f"minlength should be >= 0, got {minlength}")
    if x.ndim != 1:
        raise _no_counts()
    if weights is not None and weights.shape != x.shape:
        raise RuntimeError(
            f"weights should be 1-d and have the same length as input, but got {list(weights.shape)} and "
            f"{list(x.shape)}"
        )
    if weights is None or not numel(x):
        return x, None, minlength
    if weights.dtype is dtypes.float32 or weights.dtype is dtypes.float64:
        return x, weights, minlength
    return x, movement.to(weights, dtypes.float64), minlength


def _no_counts(code: int = -1, *_: Any) -> RuntimeError:
    if code == -2:
        counted((MOST + 1,))
    raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")


@bincount.vjp
def _(g, x):
    return None, ops.indexing.index_select(g, 0, movement.to(x, dtypes.int64))


@bincount.loop("cpu", name="in_order")
def _(x, weights, minlength):
    count = Loop(numbers_below, (minlength,), None, operands=(x,))
    if weights is None:
        return Loop(count_numbers, (), like(x, (COUNTED,), dtypes.int64), counts=count, failed=_no_counts)
    return Loop(add_weights, (), like(weights, (COUNTED,)), counts=count, failed=_no_counts)


bincount.on_cpu()


@op(
    shape=True,
    public=False,
    differentiable=False,
    cost=moves,
    samples=lambda: [((4, 2), exactly([2, 0, 1, 3]))],
    ref=lambda rows, order: (np.argsort(order), order, np.ones(4, np.int64)),
)
def runs(rows, order):
    """Of the rows of a matrix, which ``order`` sorts: in which run of equal ones each is, and of each run the place of
    the first and how many there are."""
    raise NotImplementedError("unique: the number of different elements of a meta tensor is not known")


@runs.arguments
def _(rows, order):
    return _compared(rows), order


@runs.loop("cpu", name="in_order")
def _(rows, order):
    found = like(order, (COUNTED,))
    count = Loop(mark_runs, (rows.shape[1],), None, elements=1)
    scratch = ((order.shape[0], np.dtype(np.int64)),)
    return Loop(describe_runs, (), (like(order), found, found), operands=(order,), counts=count, scratch=scratch)


runs.on_cpu()


@exported("torch", "Tensor")
@own_names
def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The values that occur, each once, in ascending order; with ``dim`` the slices along it, in lexicographic order.

    Args:
        input: of real numbers, of any shape.
        sorted: the result is in order, whether or not this is set.
        return_inverse: whether the place of each element among the values is returned too.
        return_counts: whether it is returned how often each value occurs.
        dim: the dimension whose slices are compared; the elements if None.

    Returns:
        The values alone, or a tuple: values, places (in the shape of ``input``, with ``dim`` a vector), counts.

    Raises:
        TypeError: ``input`` is no tensor.
        IndexError: ``dim`` is out of range.
        RuntimeError: the slices have no elements.

    >>> torch.unique(torch.tensor([3, 1, 3]), return_counts=True)
    (tensor([1, 3]), tensor([1, 2]))
    """
    if sorted.__class__ is not bool:
        sorted = flag(sorted, "unique", "sorted")
    if return_inverse.__class__ is not bool:
        return_inverse = flag(return_inverse, "unique", "return_inverse")
    if return_counts.__class__ is not bool:
        return_counts = flag(return_counts, "unique", "return_counts")

    if not isinstance(input, Tensor):
        raise TypeError(f"unique(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    d = 0 if dim is None else wrap_dim(dim, input.ndim, "unique")
    x = input.detach()
    if dim is not None and not x.shape:
        raise IndexError(f"unique(): Dimension specified as {dim} but tensor has no dimensions")
    if dim is not None and 0 in (*x.shape[:d], *x.shape[d + 1 :]):
        raise RuntimeError(
            f"unique(): There are 0 sized dimensions in {list(x.shape)}, and they aren't selected, so unique cannot be "
            "applied"
        )
    slices = reshape(x, (-1,)) if dim is None else movement.movedim(x, d, 0)
    n = slices.shape[0]
    rows = reshape(slices, (n, -1)) if n and slices.shape.numel() else empty((n, 0), x.dtype, x.device)
    inverse, first, counts = runs(rows, _lexicographic(rows))
    found = [ops.indexing.index_select(reshape(input, (-1,)) if dim is None else input, d, first)]
    if return_inverse:
        found.append(reshape(inverse, x.shape) if dim is None else inverse)
    if return_counts:
        found.append(counts)
    return found[0] if len(found) == 1 else tuple(found)


def _lexicographic(rows: Tensor) -> Tensor:
    """The positions that sort the rows of a matrix: by the last column first, each time keeping the order of equal
    elements."""

    n, width = rows.shape
    order = ops.ranges.arange(n, device=rows.device)
    for j in range(width - 1, -1, -1):
        column = contiguous(movement.select(rows, 1, j))
        pick = ops.indexing.index_select
        order = pick(order, 0, argsort(pick(column, 0, order), 0)) if j < width - 1 else argsort(column, 0)
    return order


class ModeReturn(ReturnType):
    __slots__ = ()
    _name = "mode"


@op(
    shape=True,
    public=False,
    differentiable=False,
    cost=moves,
    samples=lambda: [(exactly([[1.0, 2, 2], [1, 1, 2]]), exactly([[2, 0, 1], [0, 1, 2]]))],
    ref=lambda values, order: np.array([[1], [1]]),
)
def longest_run(values, order):
    """Of rows in order: the place before sorting of the last of the longest run of equal elements; of runs as long,
    the first."""
    return empty((*values.shape[:-1], 1), dtypes.int64, values.device)


@longest_run.arguments
def _(values, order):
    return _compared(values), order


@longest_run.loop("cpu", name="in_order")
def _(values, order):
    n = values.shape[-1]
    out = like(order, (*values.shape[:-1], 1))
    return Loop(longest_runs, (numel(values) // n, n), out, weight=COMPARED)


longest_run.on_cpu()


@exported("torch", "Tensor")
@op(out=SAME, returns=ModeReturn, wide=False, samples=lambda: [((3, 5),), ((4, 3), 0, True)])
def mode(x, dim: int = -1, keepdim: bool = False):
    """The value that occurs most often along ``dim``, the smallest of several, and the last place where it is.

    Args:
        input: of real numbers, of any shape.
        dim: the dimension that is reduced.
        keepdim: whether it stays, with extent 1.

    Returns:
        (values, indices), of the shape of ``input`` without ``dim``.

    Raises:
        IndexError: ``dim`` is out of range or empty.

    >>> torch.mode(torch.tensor([6, 5, 1, 5]))
    torch.return_types.mode(
    values=tensor(5),
    indices=tensor(3))
    """
    if not x.shape:
        return movement.clone(x), empty((), dtypes.int64, x.device).zero_()
    values, order = sort(movement.transpose(x.detach(), dim, -1))
    at = movement.transpose(longest_run(values, order), dim, -1)
    values = ops.indexing.gather(x, dim, at)
    return (values, at) if keepdim else (movement.squeeze(values, dim), movement.squeeze(at, dim))


@mode.arguments
def _(x, dim, keepdim):
    d = wrap_dim(dim, x.ndim, "mode")
    if x.shape and not x.shape[d]:
        raise IndexError(f"mode(): Expected reduction dim {d} to have non-zero size.")
    return x, d, keepdim
