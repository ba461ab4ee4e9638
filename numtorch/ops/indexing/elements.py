"""Single elements at positions of one dimension: gather, scatter, and ops made from them."""

from __future__ import annotations

from functools import partial
from typing import Any

import numtorch.dtype as dtypes
from numtorch import engine, ops
from numtorch._tensor import Tensor, as_ndarray, empty
from numtorch.arguments import flag, integer, only_real
from numtorch.autograd.batched import Batched, batched
from numtorch.device import CPU
from numtorch.dispatch.cost import nbytes, numel, picks
from numtorch.dispatch.loops import Loop, Made, like
from numtorch.dispatch.op import op
from numtorch.dispatch.out import SAME, into
from numtorch.dispatch.samples import index
from numtorch.dtype import PLAIN
from numtorch.errors import OutOfBounds
from numtorch.exports import exported
from numtorch.ops import movement
from numtorch.ops.arithmetic import eq, mul, where
from numtorch.ops.indexing import cpu, cuda
from numtorch.ops.indexing.masks import fitting
from numtorch.ops.indexing.positions import LONG, PICKED, as_index, broadcast, check, columns, extents, named
from numtorch.ops.movement import contiguous, expand_to, reshape
from numtorch.storage import Size, wrap_dim


@op(
    shape=True,
    name="gather",
    public=False,
    cost=picks,
    samples=lambda: [((3, 4), index((3, 2), 4), 1), ((3, 4), index((5, 4), 3), 0), ((3, 4), index((2, 3), 4), 1)],
)
def gather_along(x, index, dim: int, wrap: bool = False):
    """``out[.., k, ..] = x[.., index[.., k, ..], ..]`` along ``dim``; with ``wrap``, negative positions count from the
    end."""
    return empty(index.shape, x.dtype, x.device)


@gather_along.loop("cpu", name="elements")
def _(x, index, dim, wrap):
    if _spans(x.shape, index, dim):
        return _gathered_from_part
    outer, n, inner = _matching(x, index, dim)
    numbers = (outer, n, index.shape[dim] if index.shape else 1, inner, n if wrap else 0)
    made = like(x, index.shape)
    return Loop(cpu.gather_elements, numbers, made, elements=numel(index), weight=PICKED, moves=True, failed=_outside)


@gather_along.loop("cuda", name="elements")
def _(x, index, dim, wrap):
    if _spans(x.shape, index, dim):
        return _gathered_from_part
    numbers = (extents(x.shape, dim)[1], index.shape[dim] if index.shape else 1, extents(x.shape, dim)[2])
    return Loop(cuda.gather_elements, numbers, like(x, index.shape), grid=numel(index))


def _gathered_from_part(x: Tensor, index: Tensor, dim: int, wrap: bool) -> Tensor:
    x = _cut(x, index.shape, dim)
    return gather_along.op.planned((x, index), (dim, wrap)).run(x, index, dim, wrap)


def _outside(bad: int, x: Tensor, index: Tensor, *rest: Any) -> None:
    """The error for an index outside; of the arguments of an op that end in ``dim``, some others, ``wrap``."""
    dim = next(v for v in rest if v.__class__ is int)
    check(bad, contiguous(index), dim, x.shape[dim] if x.shape else 1, rest[-1] is True)


def _spans(shape: tuple, index: Tensor, dim: int) -> bool:
    """Whether the index spans only a part of a shape, in another dimension than its own."""
    return any(d != dim and shape[d] != n for d, n in enumerate(index.shape))


def _matching(x: Tensor, index: Tensor, dim: int) -> tuple[int, int, int]:
    """The extents around ``dim`` of a tensor that has been cut to those of the index; RuntimeError if it was
    smaller."""
    around = extents(x.shape, dim)
    if numel(index) and (around[0], around[2]) != extents(index.shape, dim)[::2]:
        raise RuntimeError(f"the index {list(index.shape)} is larger than {list(x.shape)} apart from dimension {dim}")
    return around


def _cut(x: Tensor, shape: tuple, dim: int) -> Tensor:
    """``x`` limited to the extents of the index in all dimensions but ``dim``."""
    for d, n in enumerate(shape):
        if d != dim and x.shape[d] != n:
            x = movement.slice(x, d, 0, n)
    return contiguous(x)


@gather_along.vjp
def _(g, x_shape, index, *, dim, wrap):
    return scatter_into_zeros(g, index, tuple(x_shape), dim, wrap), None


def _into_zeros_cost(out: Tensor, x: Tensor, index: Tensor, shape: tuple, dim: int, wrap: bool) -> tuple[int, int]:
    return nbytes(out, x, index), numel(x)


@op(
    public=False,
    cost=_into_zeros_cost,
    samples=lambda: [((3, 2), index((3, 2), 4), (3, 4), 1), ((2, 3), index((2, 3), 5), (5, 4), 0)],
)
def scatter_into_zeros(x, index, shape: tuple, dim: int, wrap: bool = False):
    """Zeros of ``shape`` to which ``x`` is added at the positions ``index`` of ``dim``; with ``wrap``, negative ones
    from the end."""
    return scatter_along(_like(x, shape), index, x, dim, cpu.ADD, wrap)


@scatter_into_zeros.loop("cpu", dtypes=PLAIN, name="elements")
def _(x, index, shape, dim, wrap):
    if len(shape) != len(index.shape) or _spans(shape, index, dim):
        return None
    return _onto(index, shape, dim, cpu.ADD, wrap, like(x, shape, zeroed=True), operands=(index, x))


@scatter_into_zeros.vjp
def _(g, index, *, dim, wrap):
    return gather_along(g, index, dim, wrap), None


def _scatter_cost(
    out: Tensor, x: Tensor, index: Tensor, y: Tensor, dim: int, mode: int, wrap: bool = False
) -> tuple[int, int]:
    return nbytes(out, x, index) + numel(index) * y.dtype.itemsize, numel(index) if mode in (
        cpu.ADD,
        cpu.MULTIPLY,
    ) else 0


@op(
    shape=True,
    wide=True,
    name="scatter",
    public=False,
    cost=_scatter_cost,
    samples=lambda: [
        ((3, 4), index((3, 2), 4, 1), (3, 2), 1, 0),
        ((3, 4), index((3, 6), 4), (3, 6), 1, 1),
        ((5, 2), index((3, 2), 5), (3, 2), 0, 1),
        ((3, 4), index((2, 2), 4, 1), (3, 2), 1, 0),
    ],
)
def scatter_along(x, index, y, dim: int, mode: int, wrap: bool = False):
    """``x`` with ``y`` written (mode 0) or added (1) at the positions ``index`` of ``dim``; with ``wrap``, negative
    ones from the end."""
    return empty(x.shape, x.dtype, x.device)


def _onto(index: Tensor, shape: tuple, dim: int, mode: int, wrap: bool, out: Made, **options: Any) -> Loop:
    """The loop that writes at positions of a result of ``shape`` that is there."""
    outer, n, inner = extents(shape, dim)
    m, elements = index.shape[dim] if index.shape else 1, numel(index)
    if index._k.device is not CPU:
        numbers: tuple = (outer, n, m, inner, mode)
        return Loop(cuda.scatter_elements, numbers, out, elements=elements, grid=outer * inner, first=True, **options)
    numbers = (outer, n, m, inner, mode, n if wrap else 0, columns(outer, inner))

    def outside(bad: int, x: Tensor, index: Tensor, *rest: Any) -> None:
        check(bad, contiguous(index), dim, n, wrap)

    options |= {"weight": PICKED, "moves": True, "first": True, "failed": outside}
    return Loop(cpu.scatter_elements, numbers, out, elements=elements, **options)


def _written_at(of: Any, x: Tensor, index: Tensor, y: Tensor, dim: int, mode: int, wrap: bool) -> Any:
    """How ``y`` is written at positions of a copy of ``x``."""
    if x._k.dtype.is_half and mode != cpu.SET:
        return None  # half types are stored as bits: they are computed as float32
    if y.shape != index.shape or _spans(x.shape, index, dim):
        return partial(_written_in_part, of)
    _matching(x, index, dim)
    return _onto(index, x.shape, dim, mode, wrap, like(x), copied=True)


def _written_in_part(of: Any, x: Tensor, index: Tensor, y: Tensor, dim: int, *rest: Any) -> Tensor:
    """The same for an index that spans a part of ``x`` or of ``y``."""
    y = _cut(y, index.shape, -1)
    if y.shape != index.shape:
        raise RuntimeError(f"the index {list(index.shape)} is larger than what is scattered, {list(y.shape)}")
    part = whole = engine.copied(x)
    for d, n in enumerate(index.shape):
        if d != dim and whole.shape[d] != n:
            part = movement.slice(part, d, 0, n)
    given = contiguous(part)
    made = of.op.planned((given, index, y), (dim, *rest)).run(given, index, y, dim, *rest)
    if part is whole:
        return made
    engine.write_into(part, made)
    return whole


for _device in ("cpu", "cuda"):

    @scatter_along.loop(_device, name="elements")
    def _(x, index, y, dim, mode, wrap):
        return _written_at(scatter_along, x, index, y, dim, mode, wrap)


@scatter_along.vjp(wide=False)
def _(g, index, y_shape, *, dim, mode, wrap, needs):
    gx = g
    if needs[0] and mode == cpu.SET:
        gx = scatter_along(g, index, _like(g, y_shape), dim, cpu.SET, wrap)
    return gx, None, (_padded(gather_along(g, index, dim, wrap), y_shape) if needs[2] else None)


@op(
    shape=True,
    wide=True,
    name="scatter_combine",
    public=False,
    cost=_scatter_cost,
    samples=lambda: [
        ((3, 4), index((2, 2), 4, 1), (2, 2), 1, 2),
        ((3, 4), index((3, 6), 4), (3, 6), 1, 2),
        ((3, 4), index((3, 6), 4), (3, 6), 1, 3),
        ((4, 3), index((2, 2), 4), (3, 3), 0, 4),
    ],
)
def combine_along(x, index, y, dim: int, mode: int, blank: bool = False):
    """``x`` with ``y`` combined into the positions ``index`` of ``dim``: multiplied (2), the largest (3) or smallest
    (4) of both; with ``blank``, what stands there is not among them but only where they start from."""
    return empty(x.shape, x.dtype, x.device)


for _device in ("cpu", "cuda"):

    @combine_along.loop(_device, name="elements")
    def _(x, index, y, dim, mode):
        return _written_at(combine_along, x, index, y, dim, mode, False)


@combine_along.vjp(wide=False)
def _(g, x, index, y, *, out, dim, mode, blank):
    if mode == cpu.MULTIPLY:
        gx, gy = _product_gradient(g, x, index, y, out, dim)
    else:
        gx, gy = _extreme_gradient(g, x, index, y, out, dim, blank)
    return gx, None, gy


def _like(g: Tensor, shape: tuple, value: float = 0.0) -> Tensor:
    return ops.creation.full(shape, value, dtype=g.dtype, device=g.device)


def _padded(found: Tensor, shape: tuple) -> Tensor:
    """Zeros of ``shape`` that begin with ``found``: what is scattered may be larger than the index, and the rest is not
    used."""
    if found.shape == shape:
        return found
    part = whole = _like(found, shape)
    for d, n in enumerate(found.shape):
        part = movement.slice(part, d, 0, n)
    return movement.as_strided_scatter(whole, found, tuple(part.shape), part.strides, part._offset, whole.strides)


def _product_gradient(g: Tensor, x: Tensor, index: Tensor, y: Tensor, out: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    # The product of the other factors: by division where a factor is not 0; a single 0 is left out; of two, each leaves
    # one.
    part = _cut(y, index.shape, -1)
    zero = eq(part, 0)
    zeros_at = gather_along(
        scatter_along(_like(g, x.shape), index, zero.to(g.dtype), dim, cpu.ADD) + eq(x, 0).to(g.dtype), index, dim
    )
    alone = mul(zero, eq(zeros_at, 1))
    without = combine_along(x, index, where(alone, 1.0, part), dim, cpu.MULTIPLY)
    divided = gather_along(g * out, index, dim) / where(zero, 1.0, part)
    gy = where(alone, gather_along(g * without, index, dim), divided)
    gx = g * combine_along(_like(g, x.shape, 1.0), index, part, dim, cpu.MULTIPLY)
    return gx, _padded(gy, y.shape)


def _extreme_gradient(
    g: Tensor, x: Tensor, index: Tensor, y: Tensor, out: Tensor, dim: int, blank: bool
) -> tuple[Tensor, Tensor]:
    # Ties share the gradient evenly, as in torch.
    part = _cut(y, index.shape, -1)
    theirs = eq(part, gather_along(out, index, dim)).to(g.dtype)
    if blank:
        mine = scatter_along(_like(g, x.shape, 1.0), index, _like(g, index.shape), dim, cpu.SET)
    else:
        mine = eq(x, out).to(g.dtype)
    count = scatter_along(mine.detach(), index, theirs.detach(), dim, cpu.ADD)
    # Where the result is NaN it equals none of them, and the gradient must not look healthy either.
    share = g / where(eq(count, 0), float("nan"), count)
    lost = where(eq(count, 0), share, 0.0)
    return (
        where(eq(mine, 1), share, lost),
        _padded(where(eq(theirs, 1), gather_along(share, index, dim), gather_along(lost, index, dim)), y.shape),
    )


def _checked(x: Tensor, index: Any, dim: int, name: str, src: Any = None) -> tuple[Tensor, int, Any]:
    """The index, the dimension and what is scattered, as the kernels take them. torch's rules: the index is nowhere
    larger than what is scattered, and than ``x`` only along ``dim``; 0-dim tensors count as one element in one
    dimension; an index without elements may have any shape."""
    d = wrap_dim(dim, len(x.shape), name)
    index = as_index(index, name, empties=True)
    if index.shape == x.shape and (src.__class__ is not Tensor or src.shape == x.shape):
        return index, d, src
    ndim = max(x.ndim, 1)
    if not index.shape.numel():
        shape = (0,) * ndim
        return (
            reshape(index, shape),
            d,
            reshape(movement.slice(reshape(src, (-1,)), 0, 0, 0), shape) if isinstance(src, Tensor) else src,
        )
    if max(index.ndim, 1) != ndim:
        raise RuntimeError(
            f"{name}(): Index tensor must have the same number of dimensions as input tensor ({index.ndim} and "
            f"{x.ndim})"
        )
    for i, n in enumerate(index.shape):
        if i != d and n > x.shape[i]:
            raise RuntimeError(
                f"{name}(): Size does not match at dimension {i} expected index {list(index.shape)} to be no larger "
                f"than self {list(x.shape)} apart from dimension {d}"
            )
    if not isinstance(src, Tensor):
        return index, d, src
    if max(src.ndim, 1) != ndim:
        raise OutOfBounds(
            f"{name}(): Index tensor must have the same number of dimensions as src tensor ({index.ndim} and "
            f"{src.ndim})"
        )
    index, src = (t if t.shape else reshape(t, (1,)) for t in (index, src))
    if any(n > m for n, m in zip(index.shape, src.shape, strict=True)):
        raise RuntimeError(f"{name}(): Expected index {list(index.shape)} to be no larger than src {list(src.shape)}")
    return index, d, src


@exported("torch", "Tensor")
def gather(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False, out: Any = None) -> Tensor:
    """``out[i, j] = input[index[i, j], j]`` for ``dim=0``: elements at given positions along ``dim``.

    Args:
        input: of any shape.
        dim: the dimension.
        index: int64 or int32 positions from 0 on, with as many dimensions, of which the others may be smaller.
        sparse_grad: accepted; gradients are dense.

    Returns:
        A tensor of the shape of ``index``.

    Raises:
        IndexError: a position or ``dim`` is out of range.
        RuntimeError: the shapes do not fit, or ``index`` is of another type.

    >>> torch.gather(torch.tensor([[1, 2], [3, 4]]), 1, torch.tensor([[0, 0], [1, 0]]))
    tensor([[1, 1],
            [4, 3]])
    """
    if out is not None:
        return into(out, SAME, gather, input, dim, index, sparse_grad=sparse_grad)
    at, d, _ = _checked(input, index, dim, "gather")
    try:
        y = gather_along(input, at, d)
    except IndexError as error:
        raise named("gather", error) from None
    return y if y.shape == index.shape else reshape(y, index.shape)


@exported("torch", "Tensor")
def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None, *, out: Any = None) -> Tensor:
    """Elements at given positions along ``dim``, as NumPy's ``take_along_axis``.

    Args:
        input: of any shape.
        indices: int64 positions, broadcast with ``input`` in the other dimensions; negative ones count from the end.
        dim: the dimension; if None both are flattened, and positions begin at 0.

    Returns:
        A tensor of the common shape, whose size along ``dim`` is that of ``indices``.

    Raises:
        IndexError: a position or ``dim`` is out of range. (Differs from torch, which takes positions modulo the size.)
        RuntimeError: the shapes do not fit, or ``indices`` is of another type.

    >>> x = torch.tensor([[3, 1, 2]])
    >>> torch.take_along_dim(x, torch.argsort(x, 1), 1)
    tensor([[1, 2, 3]])
    """
    if out is not None:
        return into(out, SAME, take_along_dim, input, indices, dim)
    if dim is None:
        index = as_index(indices, "take_along_dim", empties=True)
        try:
            return gather_along(reshape(input, (-1,)), reshape(index, (-1,)), 0)
        except IndexError as error:
            raise named("take_along_dim", error) from None
    index = as_index(indices, "take_along_dim", LONG)
    if index.ndim != input.ndim:
        raise RuntimeError(
            "torch.take_along_dim(): input and indices should have the same number of dimensions, but got "
            f"{input.ndim} dimensions for input, and {index.ndim} dimensions for indices"
        )
    d = wrap_dim(dim, input.ndim, "take_along_dim")
    if not input.ndim:
        raise IndexError(f"take_along_dim(): Dimension specified as {dim} but tensor has no dimensions")
    shape = broadcast(
        "take_along_dim", *[Size(1 if i == d else n for i, n in enumerate(t.shape)) for t in (input, index)]
    )
    ours, theirs = list(shape), list(shape)
    ours[d], theirs[d] = input.shape[d], index.shape[d]
    try:
        return gather_along(expand_to(input, tuple(ours)), contiguous(expand_to(index, tuple(theirs))), d, True)
    except IndexError as error:
        raise named("take_along_dim", error) from None


def _scattered(x: Tensor, index: Tensor, y: Tensor, d: int, mode: int, name: str, blank: bool = False) -> Tensor:
    if not isinstance(y, Tensor):
        raise TypeError(f"{name}(): argument 'src' must be Tensor, not {type(y).__name__}")
    if y.dtype is not x.dtype:
        raise RuntimeError(
            f"{name}(): Expected self.dtype to be equal to src.dtype ({x.dtype.name} and {y.dtype.name}); cast with "
            "src.to(self.dtype)"
        )
    try:
        return (
            scatter_along(x, index, y, d, mode)
            if mode in (cpu.SET, cpu.ADD)
            else combine_along(x, index, y, d, mode, blank)
        )
    except IndexError as error:
        raise named(name, error) from None


@exported("torch", "Tensor")
def scatter(
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Any = None,
    *,
    value: Any = None,
    reduce: str | None = None,
    out: Any = None,
) -> Tensor:
    """A copy of ``input`` with elements written at positions along ``dim``: ``out[index[i, j], j] = src[i, j]`` for 0.

    Args:
        input: of any shape.
        dim: the dimension.
        index: int64 or int32 positions from 0 on, with as many dimensions; of equal ones the last is written.
        src: a tensor of the same type, at least as large as ``index``, or a number.
        value: a number, instead of ``src``.
        reduce: ``"add"`` or ``"multiply"`` combines with what is there instead of replacing it.

    Returns:
        A tensor of the shape of ``input``.

    Raises:
        IndexError: a position or ``dim`` is out of range.
        RuntimeError: the shapes or types do not fit, or another ``reduce``.
        TypeError: not one of ``src`` and ``value`` is given.

    >>> torch.scatter(torch.zeros(2, 3), 1, torch.tensor([[2], [0]]), 1.0)
    tensor([[0., 0., 1.],
            [1., 0., 0.]])
    """
    if out is not None:
        return into(out, SAME, scatter, input, dim, index, src, value=value, reduce=reduce)

    if (src is None) == (value is None):
        raise TypeError(
            f"scatter() takes what is written as src= or as value=; got {'both' if src is not None else 'neither'}"
        )
    if reduce not in _MODES:
        raise RuntimeError(f"reduce argument must be either add or multiply, got {reduce!r}.")
    src = value if src is None else src
    index, d, src = _checked(input, index, dim, "scatter", src)
    if not isinstance(src, Tensor):
        value = fitting(src, input.dtype, "scatter") if index.shape.numel() else 0
        src = ops.creation.full(index.shape, value, dtype=input.dtype, device=input.device)
    return _scattered(input, index, src, d, _MODES[reduce], "scatter")


_MODES = {None: cpu.SET, "add": cpu.ADD, "multiply": cpu.MULTIPLY}


@exported("torch", "Tensor")
def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor, *, out: Any = None) -> Tensor:
    """A copy of ``input`` with ``out[index[i, j], j] += src[i, j]`` for ``dim=0``; equal positions add up.

    Args:
        input: of any shape.
        dim: the dimension.
        index: int64 or int32 positions from 0 on, with as many dimensions.
        src: a tensor of the same type as ``input``, at least as large as ``index``.

    Returns:
        A tensor of the shape of ``input``.

    Raises:
        IndexError: a position or ``dim`` is out of range.
        RuntimeError: the shapes or types do not fit.

    >>> torch.scatter_add(torch.zeros(3), 0, torch.tensor([0, 0, 2]), torch.tensor([1.0, 2.0, 3.0]))
    tensor([3., 0., 3.])
    """
    if out is not None:
        return into(out, SAME, scatter_add, input, dim, index, src)
    index, d, src = _checked(input, index, dim, "scatter_add", src)
    return _scattered(input, index, src, d, cpu.ADD, "scatter_add")


_REDUCTIONS = {"sum": cpu.ADD, "mean": cpu.ADD, "prod": cpu.MULTIPLY, "amax": cpu.LARGEST, "amin": cpu.SMALLEST}


@exported("torch", "Tensor")
def scatter_reduce(
    input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = True, out: Any = None
) -> Tensor:
    """A copy of ``input`` with the elements of ``src`` combined into those at the positions ``index`` along ``dim``.

    Args:
        input: of any shape.
        dim: the dimension.
        index: int64 or int32 positions from 0 on, with as many dimensions.
        src: a tensor of the same type as ``input``, at least as large as ``index``.
        reduce: ``"sum"``, ``"prod"``, ``"mean"``, ``"amax"`` or ``"amin"``, whose equal elements share the gradient.
        include_self: whether what stands at these positions takes part.

    Returns:
        A tensor of the shape of ``input``.

    Raises:
        IndexError: a position or ``dim`` is out of range.
        RuntimeError: the shapes or types do not fit, or another ``reduce``.
        NotImplementedError: the mean of booleans.

    >>> x, index = torch.tensor([1.0, 2.0]), torch.tensor([0, 0, 1])
    >>> torch.scatter_reduce(x, 0, index, torch.tensor([5.0, 7.0, 4.0]), "mean", include_self=False)
    tensor([6., 4.])
    """
    if include_self.__class__ is not bool:
        include_self = flag(include_self, "scatter_reduce", "include_self")
    if out is not None:
        return into(out, SAME, scatter_reduce, input, dim, index, src, reduce, include_self=include_self)
    if reduce not in _REDUCTIONS:
        raise RuntimeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}.")
    if reduce in ("amax", "amin"):
        only_real(input.dtype, reduce)
    index, d, src = _checked(input, index, dim, "scatter_reduce", src)
    if reduce == "mean" and input.dtype is dtypes.bool:
        raise NotImplementedError('"scatter_reduce" with "mean" not implemented for bool; cast with .int()')

    if not include_self:
        blank = ops.creation.full(index.shape, _identity(reduce, input.dtype), dtype=input.dtype, device=input.device)
        input = _scattered(input, index, blank, d, cpu.SET, "scatter_reduce")
    y = _scattered(input, index, src, d, _REDUCTIONS[reduce], "scatter_reduce", not include_self)
    if reduce != "mean":
        return y

    counted = input.dtype.to_real()
    start = ops.creation.full(input.shape, int(include_self), dtype=counted, device=input.device)
    ones = ops.creation.ones_like(src, dtype=counted)
    count = ops.arithmetic.clamp_min(scatter_along(start, index, ones, d, cpu.ADD), 1)
    return ops.arithmetic.true_div(y, count) if input.dtype.differentiable else ops.arithmetic.floor_divide(y, count)


def _identity(reduce: str, d: dtypes.dtype) -> Any:
    if reduce in ("sum", "mean"):
        return 0
    if reduce == "prod":
        return 1
    if d.is_floating_point:
        return float("-inf") if reduce == "amax" else float("inf")
    if d is dtypes.bool:
        return reduce == "amin"
    limits = dtypes.iinfo(d)
    return limits.min if reduce == "amax" else limits.max


@exported("nn.functional")
def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """A 1 at each class's place and 0 elsewhere, along a new last dimension.

    Args:
        tensor: class numbers, int64, of any shape (*).
        num_classes: how many there are; -1 for one more than the largest.

    Returns:
        int64, (*, num_classes).

    Raises:
        RuntimeError: a number is no class, or the type is another.
        TypeError: ``tensor`` is no tensor.

    >>> torch.nn.functional.one_hot(torch.tensor([1, 0]), 3)
    tensor([[0, 1, 0],
            [1, 0, 0]])
    """
    if not isinstance(tensor, Tensor):
        raise TypeError(f"one_hot(): argument 'input' (position 1) must be Tensor, not {type(tensor).__name__}")
    if tensor.dtype is not dtypes.int64:
        raise RuntimeError(
            f"one_hot is only applicable to index tensor of type LongTensor, not {tensor.dtype.name}; use .long()"
        )
    n = integer(num_classes, "one_hot", "num_classes")
    if tensor.__class__ is Batched:
        return batched(one_hot(tensor.value, n), tensor.level)
    flat = reshape(tensor, (-1, 1))
    if not tensor.shape.numel():
        if n <= 0:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
        return ops.creation.zeros((*tensor.shape, n), dtype=dtypes.int64, device=tensor.device)
    if tensor.device.type == "cpu":
        numbers = as_ndarray(flat)
        if numbers.min() < 0:
            raise RuntimeError(f"Class values must be non-negative. one_hot: got {numbers.min()}")
        largest = int(numbers.max())
        if n != -1 and largest >= n:
            raise RuntimeError(
                f"Class values must be smaller than num_classes. one_hot: got {largest}, and num_classes is {n}"
            )
        n = largest + 1 if n == -1 else n
    elif n == -1:
        n = int(ops.reduction.max(tensor).item()) + 1
    elif n <= 0:
        raise RuntimeError("Class values must be smaller than num_classes.")
    y = ops.creation.zeros((flat.shape[0], n), dtype=dtypes.int64, device=tensor.device)
    if y.device.type != "cpu":
        return reshape(scatter(y, 1, flat, 1), (*tensor.shape, n))
    cpu.mark(y._buf, contiguous(flat)._buf, n)
    return reshape(y, (*tensor.shape, n))
