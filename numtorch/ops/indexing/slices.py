"""Whole slices at positions of one dimension: index_select, index_add and similar ops.

Two ops, each the gradient of the other: ``take`` reads slices; ``put`` writes or adds them.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

import numtorch.dtype as dtypes
from numtorch import ops
from numtorch._tensor import Tensor, empty
from numtorch.arguments import flag
from numtorch.device import CPU
from numtorch.dispatch.cost import nbytes, numel, picks
from numtorch.dispatch.loops import Loop, Made, like, remember
from numtorch.dispatch.op import op
from numtorch.dispatch.out import SAME, into
from numtorch.dispatch.samples import index
from numtorch.dtype import PLAIN
from numtorch.errors import OutOfBounds
from numtorch.exports import exported
from numtorch.grad_mode import mode
from numtorch.kernels import registry
from numtorch.ops import movement
from numtorch.ops.arithmetic import choose
from numtorch.ops.indexing import cpu, cuda
from numtorch.ops.indexing.masks import converted, fitting
from numtorch.ops.indexing.positions import LONG, LONG_OR_INT, PICKED, as_index, check, columns, extents, named, ready
from numtorch.ops.movement import contiguous, expand_to, reshape
from numtorch.storage import Size, wrap_dim


@op(
    name="index_select",
    shape=True,
    public=False,
    cost=picks,
    samples=lambda: [((5, 3), index((4,), 5), 0), ((2, 5, 3), index((7,), 5), 1), ((4, 2), index((0,), 4), 0)],
    ref=lambda x, i, dim: np.take(x, i, dim),
)
def take_along_extents(x, index, dim: int, wrap: bool = True):
    """The slices of ``x`` at positions ``index`` (1-D) of ``dim``; with ``wrap``, negative ones count from the end."""
    return empty((*x.shape[:dim], index.shape.numel(), *x.shape[dim + 1 :]), x.dtype, x.device)


def _taken(x: Tensor, index: Tensor, dim: int) -> Made:
    return like(x, (*x.shape[:dim], numel(index), *x.shape[dim + 1 :]))


@take_along_extents.loop("cpu", name="slices")
def _(x, index, dim, wrap):
    made, (outer, n, inner) = _taken(x, index, dim), extents(x.shape, dim)

    def outside(bad: int, x: Tensor, index: Tensor, *rest: Any) -> None:
        check(bad, contiguous(index), dim, n, wrap)

    def looked_at(x: Tensor, index: Tensor, *rest: Any) -> Tensor:
        flat = contiguous(index)
        check(int(np.count_nonzero((flat._buf < 0) | (flat._buf >= n))), flat, dim, n, wrap)
        return empty(made.shape, made.kind.dtype, made.kind.device)

    if 0 in made.shape and numel(index) and not wrap:
        return looked_at  # the slices have no elements: only the positions say what is not allowed
    numbers = (outer, n, inner, n if wrap else 0)
    size = prod(made.shape)
    return Loop(cpu.take_slices, numbers, made, elements=size, weight=PICKED, moves=True, failed=outside)


@take_along_extents.loop("cuda", name="slices")
def _(x, index, dim):
    made = _taken(x, index, dim)
    return Loop(cuda.take_slices, extents(x.shape, dim), made, grid=prod(made.shape))


@take_along_extents.vjp
def _(g, x_shape, index, *, dim, wrap):
    return put_into_zeros(g, index, tuple(x_shape), dim), None


def _put_into_zeros_cost(out: Tensor, x: Tensor, index: Tensor, shape: tuple, dim: int) -> tuple[int, int]:
    return nbytes(out, x, index), numel(x)


@op(
    public=False,
    cost=_put_into_zeros_cost,
    samples=lambda: [((3, 3), index((3,), 5), (5, 3), 0), ((2, 4), index((4,), 5), (2, 5), 1)],
)
def put_into_zeros(x, index, shape: tuple, dim: int):
    """Zeros of ``shape`` to whose slices at positions ``index`` of ``dim`` those of ``x`` are added."""
    return put_along_extents(ops.creation.zeros(shape, dtype=x.dtype, device=x.device), index, x, dim, True)


@put_into_zeros.loop("cpu", dtypes=PLAIN, name="slices")
def _(x, index, shape, dim):
    return _onto(x, index, shape, dim, True, True, like(x, shape, zeroed=True), operands=(index, x))


@put_into_zeros.vjp
def _(g, index, *, shape, dim):
    return take_along_extents(g, index, dim), None


def _put_cost(
    out: Tensor, x: Tensor, index: Tensor, y: Tensor, dim: int, accumulate: bool, wrap: bool
) -> tuple[int, int]:
    return nbytes(out, x, index, y), numel(y) if accumulate else 0


@op(
    name="index_put",
    shape=True,
    wide=True,
    public=False,
    cost=_put_cost,
    samples=lambda: [((5, 3), index((3,), 5, 0), (3, 3), 0, False), ((2, 5), index((4,), 5), (2, 4), 1, True)],
)
def put_along_extents(x, index, y, dim: int, accumulate: bool, wrap: bool = True):
    """``x`` with the slices at positions ``index`` replaced by those of ``y``, or ``y`` added to them."""
    return empty(x.shape, x.dtype, x.device)


def _onto(
    y: Tensor, index: Tensor, shape: tuple, dim: int, accumulate: bool, wrap: bool, out: Made, **options: Any
) -> Loop:
    """The loop that writes slices of a result of ``shape`` that is there."""
    outer, n, inner = extents(shape, dim)
    if index._k.device is not CPU:
        numbers: tuple = (outer, n, inner, accumulate)
        return Loop(cuda.put_slices, numbers, out, elements=numel(y), grid=outer * inner, first=True, **options)

    def outside(bad: int, x: Tensor, index: Tensor, *rest: Any) -> None:
        check(bad, contiguous(index), dim, n, wrap)

    numbers = (outer, n, inner, bool(accumulate), n if wrap else 0, columns(outer, inner))
    options |= {"weight": PICKED, "moves": True, "first": True, "failed": outside}
    return Loop(cpu.put_slices, numbers, out, elements=numel(y), **options)


def put(out: Tensor, index: Tensor, y: Tensor, dim: int, accumulate: bool, wrap: bool) -> None:
    """Write or add slices in place; all contiguous, of one type."""
    y = contiguous(y)
    if not y._buf.size:
        return
    key = (out._k, out.shape, index._k, index.shape, dim, accumulate, wrap)
    entry, numbers = _puts.get(key) or remember(_puts, key, _put_entry(out, index, y, dim, accumulate, wrap))
    if bad := entry(out._buf, index._buf, y._buf, *numbers):
        check(bad, index, dim, out.shape[dim], wrap)


def _put_entry(out: Tensor, index: Tensor, y: Tensor, dim: int, accumulate: bool, wrap: bool) -> tuple:
    outer, n, inner = extents(out.shape, dim)
    numbers = (outer, n, inner, bool(accumulate), n if wrap else 0, columns(outer, inner))
    return ready(cpu.put_slices, y._buf.size, out._buf, index._buf, y._buf, *numbers), numbers


_puts: dict = registry.memo()


for _device in ("cpu", "cuda"):

    @put_along_extents.loop(_device, name="slices")
    def _(x, index, y, dim, accumulate, wrap):
        if accumulate and x._k.dtype.is_half:
            return None  # half types are stored as bits: they add up as float32
        return _onto(y, index, x.shape, dim, accumulate, wrap, like(x), copied=True)


@put_along_extents.vjp(wide=False)
def _(g, index, y_shape, *, dim, accumulate, wrap, needs):
    gx = g
    if needs[0] and not accumulate:
        gx = put_along_extents(g, index, ops.creation.zeros(y_shape, dtype=g.dtype, device=g.device), dim, False)
    return gx, None, (take_along_extents(g, index, dim) if needs[2] else None)


@exported("torch", "Tensor")
def index_select(input: Tensor, dim: int, index: Tensor, *, out: Any = None) -> Tensor:
    """The slices at given positions along ``dim``.

    Args:
        input: of any shape.
        dim: the dimension.
        index: a vector of int64 or int32 positions from 0 on.

    Returns:
        A copy of the shape of ``input``, with ``len(index)`` slices along ``dim``.

    Raises:
        IndexError: a position or ``dim`` is out of range, or ``index`` is no vector.
        RuntimeError: ``index`` is of another type.

    >>> torch.index_select(torch.tensor([10, 20, 30]), 0, torch.tensor([2, 0]))
    tensor([30, 10])
    """
    if out is not None:
        return into(out, SAME, index_select, input, dim, index)
    ndim = len(input.shape)
    d = dim if dim.__class__ is int and 0 <= dim < ndim else wrap_dim(dim, ndim, "index_select")
    index = as_index(index, "index_select")
    if len(index.shape) > 1:
        raise IndexError("index_select(): Index is supposed to be a vector")
    if not ndim:
        return _of_scalar(input, index)
    try:
        return take_along_extents(input, index if index.shape else reshape(index, (1,)), d, False)
    except IndexError as error:
        raise named("index_select", error) from None


def _of_scalar(x: Tensor, index: Tensor) -> Tensor:
    if index.shape.numel() != 1:
        raise RuntimeError(f"index_select(): Index to scalar can have only 1 value, got {index.shape.numel()} value(s)")
    try:
        return reshape(take_along_extents(reshape(x, (1,)), reshape(index, (1,)), 0, False), ())
    except IndexError as error:
        raise named("index_select", error) from None


def _vector(index: Any, name: str, types: tuple = LONG_OR_INT, error: type[Exception] = RuntimeError) -> Tensor:
    """A 0-dim or 1-dim index as a vector."""
    if isinstance(index, Tensor) and len(index.shape) > 1:
        raise OutOfBounds(
            f"{name}(): Index is supposed to be a vector, but got dim: {index.ndim}, {index.dtype.name} of size "
            f"{list(index.shape)}"
        )
    index = as_index(index, name, types, error)
    return index if index.shape else reshape(index, (1,))


def _fits(x: Tensor, d: int, index: Any, source: Any) -> bool:
    """Whether there is nothing to complain of and nothing to bring into another form, as nearly always."""
    if index.__class__ is not Tensor or source.__class__ is not Tensor or len(index.shape) != 1 or not x.shape:
        return False
    k, shape = index._k, x.shape
    return (
        k.contiguous
        and k.dtype is dtypes.int64
        and source._k.dtype is x._k.dtype
        and tuple.__eq__(source.shape, (*shape[:d], index.shape[0], *shape[d + 1 :]))
    )


def _same_type(x: Tensor, source: Any, name: str) -> None:
    if not isinstance(source, Tensor):
        raise TypeError(f"{name}(): argument 'source' must be Tensor, not {type(source).__name__}")
    if source.dtype is not x.dtype:
        raise RuntimeError(
            f"{name}(): self and source expected to have the same dtype, but got (self) {x.dtype.name} and (source) "
            f"{source.dtype.name}; cast with source.to(self.dtype)"
        )


def _check_slices(x: Tensor, d: int, n: int, source: Tensor, name: str) -> None:
    """RuntimeError unless ``source`` has ``n`` slices along ``d`` of the shape of those of ``x``; as torch's index_add
    has it."""
    if not x.ndim and not source.ndim and n != 1:
        raise IndexError(
            f"{name}(): Dimension specified as {d} but tensor has no dimensions: it takes one index, not {n}"
        )
    given = source.shape[d] if d < source.ndim else 1 if not source.shape and not d else -1
    if given != n:
        raise RuntimeError(
            f"{name}(): Number of indices ({n}) should be equal to source.size(dim), for dim {d} of "
            f"{list(source.shape)}"
        )
    if source.ndim != x.ndim or any(
        a != b for i, (a, b) in enumerate(zip(x.shape, source.shape, strict=True)) if i != d
    ):
        raise RuntimeError(
            f"{name}(): source tensor shape must match self tensor shape, excluding the specified dimension. Got "
            f"self.shape = {list(x.shape)} source.shape = {list(source.shape)}"
        )


def _written(
    x: Tensor, d: int, index: Tensor, source: Tensor, accumulate: bool, name: str, wrap: bool = False
) -> Tensor:
    """``put_along_extents`` of operands that have been checked; a 0-dim tensor counts as one element in one
    dimension."""
    try:
        if x.shape:
            return put_along_extents(x, index, source, d, accumulate, wrap)
        return reshape(put_along_extents(reshape(x, (1,)), index, reshape(source, (-1,)), 0, accumulate, wrap), ())
    except IndexError as error:
        raise named(name, error) from None


@exported("torch", "Tensor")
def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Any = 1, out: Any = None) -> Tensor:
    """A copy of ``input`` with ``alpha`` times the slices of ``source`` added at positions; equal positions add up.

    Args:
        input: of any shape.
        dim: the dimension.
        index: a vector of int64 or int32 positions from 0 on.
        source: of the type of ``input`` and its shape, with ``len(index)`` slices along ``dim``.
        alpha: a number.

    Returns:
        A tensor of the same shape.

    Raises:
        IndexError: a position or ``dim`` is out of range, or ``index`` is no vector.
        RuntimeError: the shapes or types do not fit.

    >>> torch.index_add(torch.zeros(3), 0, torch.tensor([2, 0, 2]), torch.tensor([1.0, 2.0, 3.0]))
    tensor([2., 0., 4.])
    """
    if out is not None:
        return into(out, SAME, index_add, input, dim, index, source, alpha=alpha)
    d = wrap_dim(dim, len(input.shape), "index_add")
    if alpha.__class__ is int and alpha == 1 and _fits(input, d, index, source) and input.shape.numel():
        return _written(input, d, index, source, True, "index_add")
    index = _vector(index, "index_add")
    _same_type(input, source, "index_add")
    _check_slices(input, d, index.shape[0], source, "index_add")
    if alpha is not True and alpha != 1:
        source = source * fitting(alpha, input.dtype, "index_add")
    if (
        input.ndim > 1 and not input.shape.numel()
    ):  # nothing is added to it, as in torch: the index is not even looked at
        index, source = movement.slice(index, 0, 0, 0), movement.slice(source, d, 0, 0)
    return _written(input, d, index, source, True, "index_add")


@exported("torch", "Tensor")
def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor, *, out: Any = None) -> Tensor:
    """A copy of ``input`` with the slices at given positions replaced by those of ``source``.

    Args:
        input: of any shape.
        dim: the dimension.
        index: a vector of int64 positions from 0 on; of equal ones the last counts.
        source: of the type of ``input`` and its shape, with ``len(index)`` slices along ``dim``.

    Returns:
        A tensor of the same shape.

    Raises:
        IndexError: a position or ``dim`` is out of range, or there are not as many slices.
        RuntimeError: the shapes or types do not fit.

    >>> torch.index_copy(torch.zeros(3), 0, torch.tensor([2, 0]), torch.tensor([1.0, 2.0]))
    tensor([2., 0., 1.])
    """
    if out is not None:
        return into(out, SAME, index_copy, input, dim, index, source)
    d = wrap_dim(dim, len(input.shape), "index_copy")
    if _fits(input, d, index, source):
        return _written(input, d, index, source, False, "index_copy")
    index = _vector(index, "index_copy", LONG)
    n = index.shape[0]
    _same_type(input, source, "index_copy")
    if not source.ndim and n != 1:
        raise IndexError(f"index_copy(): When source is scalar, index should have one element (got {n})")
    if source.ndim != input.ndim and source.ndim and input.ndim:
        raise IndexError(
            "index_copy(): When source and destination are not scalars, their dimensionality must match. Source "
            f"dimensionality ({source.ndim}), destination dimensionality ({input.ndim})"
        )
    ours, theirs = ((*shape[:d], *shape[d + 1 :]) for shape in (input.shape, source.shape))
    if ours != theirs:
        raise RuntimeError(
            "index_copy(): Source/destination tensor must have same slice shapes. Destination slice shape: "
            f"{list(ours)} at dimension {d} and source slice shape: {list(theirs)}"
        )
    if source.ndim and source.shape[d] != n:
        raise IndexError(
            f"index_copy(): Number of indices ({n}) should be equal to source.size(dim) ({source.shape[d]})"
        )
    return _written(input, d, index, source, False, "index_copy")


@exported("torch", "Tensor")
def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """A copy of ``input`` with the slices at given positions set to ``value``.

    Args:
        input: of any shape.
        dim: the dimension.
        index: a vector of int64 positions; negative ones count from the end.
        value: a number, or a tensor without dimensions.

    Returns:
        A tensor of the same shape.

    Raises:
        IndexError: a position or ``dim`` is out of range, or ``index`` is of another type.
        RuntimeError: the type cannot hold ``value``.

    >>> torch.index_fill(torch.zeros(3), 0, torch.tensor([1]), 5.0)
    tensor([0., 5., 0.])
    """
    d = wrap_dim(dim, input.ndim, "index_fill")
    if isinstance(value, Tensor) and value.ndim:
        raise RuntimeError(
            f"index_fill_ only supports a 0-dimensional value tensor, but got tensor with {value.ndim} dimension(s)."
        )
    index = _vector(index, "index_fill", LONG, IndexError)
    n = index.shape[0]
    if isinstance(value, Tensor):
        value = value if value.dtype is input.dtype else converted(value, input.dtype)
        if value._edge is not None and mode.grad:
            return _fill_recorded(input, d, index, value)
    else:
        value = fitting(value, input.dtype, "index_fill")
    shape = (*input.shape[:d], n, *input.shape[d + 1 :])
    if isinstance(value, Tensor):
        source = expand_to(value, shape)
    else:
        source = ops.creation.full(shape, value, dtype=input.dtype, device=input.device)
    return _written(input, d, index, source, False, "index_fill", True)


def _fill_recorded(x: Tensor, d: int, index: Tensor, value: Tensor) -> Tensor:
    """Where a gradient of ``value`` is wanted: an element of the result counts once, however often the index names
    it."""
    return choose(index_mask(x, d, index), value, x)


def index_mask(x: Tensor, d: int, index: Tensor) -> Tensor:
    """True where ``index`` names a slice of ``x`` along ``d``; of a shape that broadcasts to that of ``x``."""
    n = x.shape[d] if x.ndim else 1
    true = ops.creation.ones(index.shape.numel(), dtype=dtypes.bool, device=x.device)
    mask = _written(
        ops.creation.zeros(n, dtype=dtypes.bool, device=x.device),
        0,
        reshape(index, (-1,)),
        true,
        False,
        "index_fill",
        True,
    )
    return reshape(mask, tuple(n if i == d else 1 for i in range(x.ndim)))


@exported("torch", "Tensor")
def index_reduce(
    input: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *, include_self: bool = True, out: Any = None
) -> Tensor:
    """A copy of ``input`` with the slices of ``source`` combined into those at given positions.

    Args:
        input: of any shape.
        dim: the dimension.
        index: a vector of int64 or int32 positions from 0 on.
        source: of the type of ``input`` and its shape, with ``len(index)`` slices along ``dim``.
        reduce: ``"prod"``, ``"mean"``, ``"amax"`` or ``"amin"``.
        include_self: whether what stands at these positions takes part.

    Returns:
        A tensor of the same shape.

    Raises:
        IndexError: a position or ``dim`` is out of range, or ``index`` is no vector.
        RuntimeError: the shapes or types do not fit, or another ``reduce``.

    >>> torch.index_reduce(torch.ones(2), 0, torch.tensor([0, 0]), torch.tensor([3.0, 4.0]), "prod")
    tensor([12.,  1.])
    """
    if include_self.__class__ is not bool:
        include_self = flag(include_self, "index_reduce", "include_self")
    if out is not None:
        return into(out, SAME, index_reduce, input, dim, index, source, reduce, include_self=include_self)

    if reduce not in ("prod", "mean", "amax", "amin"):
        raise RuntimeError(f"index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got {reduce}.")
    d = wrap_dim(dim, input.ndim, "index_reduce")
    index = _vector(index, "index_reduce")
    _same_type(input, source, "index_reduce")
    n = index.shape[0]
    _check_slices(input, d, n, source, "index_reduce")
    want = source.shape if input.ndim else Size((n,))
    spread = expand_to(reshape(index, tuple(n if i == d else 1 for i in range(len(want)))), want)
    try:
        return ops.indexing.elements.scatter_reduce(input, d, spread, source, reduce, include_self=include_self)
    except IndexError as error:
        raise named("index_reduce", error) from None


@exported("torch", "Tensor")
def take(input: Tensor, index: Tensor, *, out: Any = None) -> Tensor:
    """The elements at positions of the flattened tensor.

    Args:
        input: of any shape.
        index: int64 positions; negative ones count from the end.

    Returns:
        A tensor of the shape of ``index``.

    Raises:
        IndexError: a position is out of range.
        RuntimeError: ``index`` is of another type.

    >>> torch.take(torch.tensor([[4, 3], [5, 6]]), torch.tensor([0, 3]))
    tensor([4, 6])
    """
    if out is not None:
        return into(out, SAME, take, input, index)
    index = as_index(index, "take", LONG)
    if not input.shape.numel() and index.shape.numel():
        raise IndexError("take(): tried to take from an empty tensor")
    try:
        return reshape(take_along_extents(reshape(input, (-1,)), reshape(index, (-1,)), 0), index.shape)
    except IndexError as error:
        raise named("take", error) from None


@exported("torch", "Tensor", name="put")
def put_flat(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """A copy of ``input`` with the elements of ``source`` written or added at positions of the flattened tensor.

    Args:
        input: of any shape.
        index: int64 positions; negative ones count from the end.
        source: of the type of ``input``, with as many elements as ``index``.
        accumulate: whether elements are added to what is there; equal positions then add up.

    Returns:
        A tensor of the shape of ``input``.

    Raises:
        IndexError: a position is out of range, or the numbers of elements differ.
        RuntimeError: the types do not fit.

    >>> torch.put(torch.zeros(2, 2), torch.tensor([3, 0]), torch.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 1.]])
    """
    if accumulate.__class__ is not bool:
        accumulate = flag(accumulate, "put", "accumulate")
    index = as_index(index, "put", LONG)
    _same_type(input, source, "put")
    n = index.shape.numel()
    if n != source.shape.numel():
        raise IndexError(
            f"put_(): Expected source and index to have the same number of elements, but got source.numel() = "
            f"{source.shape.numel()}, index.numel() = {n}"
        )
    if n and not input.shape.numel():
        raise IndexError("put_(): Tried to put elements into an empty tensor")
    flat = _written(
        reshape(input, (-1,)), 0, reshape(index, (-1,)), reshape(source, (-1,)), bool(accumulate), "put", True
    )
    return reshape(flat, input.shape)
