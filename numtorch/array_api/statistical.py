"""Reductions, sums along an axis, order and sets."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any, NamedTuple

import numtorch as torch
from numtorch.array_api.manipulation import axes_of
from numtorch.array_api.types import (
    COMPLEX,
    UNSIGNED,
    WIDE,
    Tensor,
    checked,
    computed,
    int64,
    kind_of,
    ordered,
    together,
    uint64,
    unordered,
)


def _axes(name: str, x: Tensor, axis: Any) -> tuple[int, ...]:
    """The axes that are reduced: all if None."""
    return tuple(range(x.ndim)) if axis is None else axes_of(name, axis, x.ndim)


def _kept(x: Tensor, axes: tuple, keepdims: builtins.bool) -> list[int]:
    """The shape of a reduction."""
    return [1 if a in axes else n for a, n in enumerate(x.shape) if keepdims or a not in axes]


def _lines(x: Tensor, axes: tuple) -> Tensor:
    """The array with the axes that are reduced merged into a last one."""
    rest = [a for a in range(x.ndim) if a not in axes]
    n = 1
    for a in axes:
        n *= x.shape[a]
    return x.permute([*rest, *sorted(axes)]).reshape([*[x.shape[a] for a in rest], n])


def _accumulated(x: Tensor, dtype: Any) -> Any:
    """The type in which sums and products are returned."""
    if dtype is not None:
        return dtype
    if kind_of(x.dtype) == "integral":
        return uint64 if x.dtype in UNSIGNED else int64
    return x.dtype


def _added(name: str, compute: Callable, x: Tensor, axis: Any, dtype: Any, keepdims: builtins.bool) -> Tensor:
    checked(name, x, "numeric")
    axes, d = _axes(name, x, axis), _accumulated(x, dtype)
    if kind_of(x.dtype) == "integral" and kind_of(d) == "integral":
        work = int64  # sums and products wrap: the same bits whether signed or not
    else:
        work = int64 if d in WIDE else d
    if not axes:
        return x.to(d, copy=True)
    return compute(_lines(x.to(work), axes)).to(d).reshape(_kept(x, axes, keepdims))


def sum(x: Tensor, /, *, axis: Any = None, dtype: Any = None, keepdims: builtins.bool = False) -> Tensor:
    """The sum along axes."""
    return _added("sum", lambda v: torch.sum(v, -1), x, axis, dtype, keepdims)


def prod(x: Tensor, /, *, axis: Any = None, dtype: Any = None, keepdims: builtins.bool = False) -> Tensor:
    """The product along axes."""
    return _added("prod", lambda v: torch.prod(v, -1), x, axis, dtype, keepdims)


def _running(
    name: str, compute: Callable, first: int, x: Tensor, axis: int | None, dtype: Any, include: builtins.bool
) -> Tensor:
    checked(name, x, "numeric")
    if axis is None:
        if x.ndim > 1:
            raise ValueError(f"{name}: axis is required for {x.ndim} dimensions")
        axis = 0
    x = x.reshape(1) if x.ndim == 0 else x
    (axis,) = axes_of(name, axis, x.ndim)
    d = _accumulated(x, dtype)
    work = int64 if d in WIDE else d
    made = compute(x.to(work), axis)
    if include:
        shape = [1 if a == axis else n for a, n in enumerate(x.shape)]
        made = torch.cat([torch.full(shape, first, dtype=made.dtype, device=x.device), made], axis)
    return made.to(d)


def cumulative_sum(
    x: Tensor, /, *, axis: int | None = None, dtype: Any = None, include_initial: builtins.bool = False
) -> Tensor:
    """Sums of all elements up to each one along an axis; with ``include_initial`` a 0 before them."""
    return _running("cumulative_sum", torch.cumsum, 0, x, axis, dtype, include_initial)


def cumulative_prod(
    x: Tensor, /, *, axis: int | None = None, dtype: Any = None, include_initial: builtins.bool = False
) -> Tensor:
    """Products of all elements up to each one along an axis; with ``include_initial`` a 1 before them."""
    return _running("cumulative_prod", torch.cumprod, 1, x, axis, dtype, include_initial)


def _extreme(name: str, compute: Callable, x: Tensor, axis: Any, keepdims: builtins.bool) -> Tensor:
    checked(name, x, "real")
    axes = _axes(name, x, axis)
    if not axes:
        return x.clone()
    lines = _lines(ordered(x), axes)
    if lines.shape[-1] == 0:
        raise ValueError(f"{name}: there is none of no elements, in shape {tuple(x.shape)} along {axes}")
    return unordered(compute(lines, -1), x.dtype).reshape(_kept(x, axes, keepdims))


def max(x: Tensor, /, *, axis: Any = None, keepdims: builtins.bool = False) -> Tensor:
    """The largest element along axes."""
    return _extreme("max", torch.amax, x, axis, keepdims)


def min(x: Tensor, /, *, axis: Any = None, keepdims: builtins.bool = False) -> Tensor:
    """The smallest element along axes."""
    return _extreme("min", torch.amin, x, axis, keepdims)


def mean(x: Tensor, /, *, axis: Any = None, keepdims: builtins.bool = False) -> Tensor:
    """The mean along axes."""
    checked("mean", x, "floating")
    axes = _axes("mean", x, axis)
    return torch.mean(_lines(x, axes), -1).reshape(_kept(x, axes, keepdims)) if axes else x.clone()


def var(x: Tensor, /, *, axis: Any = None, correction: float = 0.0, keepdims: builtins.bool = False) -> Tensor:
    """The variance along axes; ``correction`` is what is taken from the number of elements."""
    checked("var", x, "real floating")
    axes = _axes("var", x, axis)
    lines = _lines(x, axes) if axes else x.unsqueeze(-1)
    return torch.var(lines, -1, correction=correction).reshape(_kept(x, axes, keepdims))


def std(x: Tensor, /, *, axis: Any = None, correction: float = 0.0, keepdims: builtins.bool = False) -> Tensor:
    """The standard deviation along axes; ``correction`` is what is taken from the number of elements."""
    return torch.sqrt(var(x, axis=axis, correction=correction, keepdims=keepdims))


def _asked(name: str, compute: Callable, x: Tensor, axis: Any, keepdims: builtins.bool) -> Tensor:
    checked(name, x, "any")
    axes, truths = _axes(name, x, axis), x != 0
    return compute(_lines(truths, axes), -1).reshape(_kept(x, axes, keepdims)) if axes else truths


def all(x: Tensor, /, *, axis: Any = None, keepdims: builtins.bool = False) -> Tensor:
    """Whether all elements along axes are true."""
    return _asked("all", torch.all, x, axis, keepdims)


def any(x: Tensor, /, *, axis: Any = None, keepdims: builtins.bool = False) -> Tensor:
    """Whether any element along axes is true."""
    return _asked("any", torch.any, x, axis, keepdims)


def count_nonzero(x: Tensor, /, *, axis: Any = None, keepdims: builtins.bool = False) -> Tensor:
    """How many elements along axes are not 0."""
    checked("count_nonzero", x, "any")
    axes, truths = _axes("count_nonzero", x, axis), (x != 0).to(int64)
    return torch.sum(_lines(truths, axes), -1).reshape(_kept(x, axes, keepdims)) if axes else truths


def diff(
    x: Tensor, /, *, axis: int = -1, n: int = 1, prepend: Tensor | None = None, append: Tensor | None = None
) -> Tensor:
    """Differences of neighbours along an axis, taken ``n`` times."""
    checked("diff", x, "numeric")
    (axis,) = axes_of("diff", axis, x.ndim)
    parts = [p for p in (prepend, x, append) if p is not None]
    joined = torch.cat(parts, axis) if len(parts) > 1 else x
    for _ in range(n):
        length = joined.shape[axis]
        joined = joined.narrow(axis, 1, length - 1) - joined.narrow(axis, 0, length - 1) if length else joined
    return joined


def _position(name: str, compute: Callable, x: Tensor, axis: int | None, keepdims: builtins.bool) -> Tensor:
    checked(name, x, "real")
    axes = _axes(name, x, axis)
    lines = _lines(ordered(x), axes) if x.ndim else ordered(x).reshape(1)
    if lines.shape[-1] == 0:
        raise ValueError(f"{name}: there is none of no elements, in shape {tuple(x.shape)} along {axes}")
    return compute(lines, -1).reshape(_kept(x, axes, keepdims))


def argmax(x: Tensor, /, *, axis: int | None = None, keepdims: builtins.bool = False) -> Tensor:
    """The position of the largest element along an axis, or among all."""
    return _position("argmax", torch.argmax, x, axis, keepdims)


def argmin(x: Tensor, /, *, axis: int | None = None, keepdims: builtins.bool = False) -> Tensor:
    """The position of the smallest element along an axis, or among all."""
    return _position("argmin", torch.argmin, x, axis, keepdims)


def sort(x: Tensor, /, *, axis: int = -1, descending: builtins.bool = False, stable: builtins.bool = True) -> Tensor:
    """The elements in order along an axis."""
    checked("sort", x, "real")
    (axis,) = axes_of("sort", axis, x.ndim)
    return torch.sort(x, dim=axis, descending=descending, stable=stable).values


def argsort(x: Tensor, /, *, axis: int = -1, descending: builtins.bool = False, stable: builtins.bool = True) -> Tensor:
    """The positions that put the elements in order along an axis."""
    checked("argsort", x, "real")
    (axis,) = axes_of("argsort", axis, x.ndim)
    return torch.sort(x, dim=axis, descending=descending, stable=stable).indices


# --- sets: NaNs are not equal, and stay apart ---------------------------------------------------------------


class UniqueAll(NamedTuple):
    """What ``unique_all`` returns."""

    values: Tensor
    indices: Tensor
    inverse_indices: Tensor
    counts: Tensor


class UniqueCounts(NamedTuple):
    """What ``unique_counts`` returns."""

    values: Tensor
    counts: Tensor


class UniqueInverse(NamedTuple):
    """What ``unique_inverse`` returns."""

    values: Tensor
    inverse_indices: Tensor


def _order(x: Tensor) -> Tensor:
    """Positions that put flat elements in order, complex ones by their real parts first."""
    if x.dtype not in COMPLEX:
        return torch.sort(x.to(torch.uint8) if x.dtype is torch.bool else x, dim=0, stable=True).indices
    by_imaginary = torch.sort(torch.imag(x), dim=0, stable=True).indices
    by_real = torch.sort(torch.real(x)[by_imaginary], dim=0, stable=True).indices
    return by_imaginary[by_real]


def unique_all(x: Tensor, /) -> UniqueAll:
    """The different elements in order, where each is first, which of them each element is, how often each occurs."""
    flat = checked("unique_all", x, "any").reshape(-1)
    n = flat.shape[0]
    order = _order(flat)
    placed = flat[order]
    first = torch.ones(n, dtype=torch.bool, device=x.device)
    if n:
        first[1:] = placed[1:] != placed[:-1]
    starts = torch.nonzero(first).reshape(-1)
    inverse = torch.empty(n, dtype=int64, device=x.device)
    inverse[order] = torch.cumsum(first.to(int64), 0) - 1
    ends = torch.cat([starts[1:], torch.full((1,), n, dtype=int64, device=x.device)]) if n else starts
    return UniqueAll(placed[starts], order[starts], inverse.reshape(x.shape), ends - starts)


def unique_counts(x: Tensor, /) -> UniqueCounts:
    """The different elements in order, and how often each occurs."""
    found = unique_all(x)
    return UniqueCounts(found.values, found.counts)


def unique_inverse(x: Tensor, /) -> UniqueInverse:
    """The different elements in order, and which of them each element is."""
    found = unique_all(x)
    return UniqueInverse(found.values, found.inverse_indices)


def unique_values(x: Tensor, /) -> Tensor:
    """The different elements, in order."""
    return unique_all(x).values


def isin(x1: Any, x2: Any, /, *, invert: builtins.bool = False) -> Tensor:
    """Whether each element of the first is in the second."""
    x1, x2 = together("isin", "any", x1, x2)
    if x1.dtype in COMPLEX:
        found = torch.any(x1.unsqueeze(-1) == x2.reshape(-1), -1)
    else:
        found = torch.isin(*(v.to(torch.uint8) if v.dtype is torch.bool else computed(v) for v in (x1, x2)))
    return ~found if invert else found
