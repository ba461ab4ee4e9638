"""Shapes, joins and positions."""

from __future__ import annotations

import builtins
from typing import Any

import numtorch as torch
from numtorch.array_api.types import (
    WIDE,
    Tensor,
    checked,
    int64,
    number,
    ordered,
    promoted,
    result_type,
    scalar_type,
    together,
)


def axes_of(name: str, axis: Any, ndim: int) -> tuple[int, ...]:
    """Axes counted from 0; ValueError for one that is repeated, IndexError for one that is not there."""
    given = (axis,) if isinstance(axis, int) else tuple(axis)
    for a in given:
        if not -ndim <= a < ndim:
            raise IndexError(f"{name}: axis {a} is out of range for {ndim} dimensions")
    found = tuple(a % ndim for a in given)
    if len({*found}) < len(found):
        raise ValueError(f"{name}: an axis is repeated in {given}")
    return found


def broadcast_arrays(*arrays: Tensor) -> tuple[Tensor, ...]:
    """The arrays in their common shape."""
    shape = broadcast_shapes(*[tuple(x.shape) for x in arrays])
    return tuple([x.expand(shape) for x in arrays])


def broadcast_shapes(*shapes: tuple) -> tuple[int, ...]:
    """The common shape; ValueError where there is none."""
    try:
        return tuple(torch.broadcast_shapes(*shapes))
    except RuntimeError as e:
        raise ValueError(f"broadcast_shapes: {', '.join(map(str, shapes))} have no common shape") from e


def broadcast_to(x: Tensor, /, shape: tuple) -> Tensor:
    """The array in a larger shape."""
    if broadcast_shapes(tuple(x.shape), tuple(shape)) != tuple(shape):
        raise ValueError(f"broadcast_to: {tuple(x.shape)} does not broadcast to {tuple(shape)}")
    return x.expand(tuple(shape))


def concat(arrays: Any, /, *, axis: int | None = 0) -> Tensor:
    """Arrays joined along an axis; one after another if it is None."""
    d = result_type(*arrays)
    parts = [x.to(d) for x in arrays]
    if axis is None:
        return torch.cat([x.reshape(-1) for x in parts])
    (axis,) = axes_of("concat", axis, parts[0].ndim)
    others = [(*x.shape[:axis], *x.shape[axis + 1 :]) for x in parts]
    if len({*others}) > 1:
        raise ValueError(f"concat: the shapes {[tuple(x.shape) for x in parts]} differ beside axis {axis}")
    return torch.cat(parts, axis)


def expand_dims(x: Tensor, /, axis: Any) -> Tensor:
    """The array with axes of size 1 put in."""
    given = (axis,) if isinstance(axis, int) else tuple(axis)
    for a in sorted(axes_of("expand_dims", given, x.ndim + len(given))):
        x = x.unsqueeze(a)
    return x


def flip(x: Tensor, /, *, axis: Any = None) -> Tensor:
    """The elements in the opposite order along axes; along all if None."""
    return torch.flip(x, [*range(x.ndim)] if axis is None else list(axes_of("flip", axis, x.ndim)))


def moveaxis(x: Tensor, source: Any, destination: Any, /) -> Tensor:
    """Axes moved to other places."""
    given, places = axes_of("moveaxis", source, x.ndim), axes_of("moveaxis", destination, x.ndim)
    if len(given) != len(places):
        raise ValueError(f"moveaxis: {len(given)} axes for {len(places)} places")
    return torch.movedim(x, given, places)


def permute_dims(x: Tensor, /, axes: tuple) -> Tensor:
    """The axes in another order."""
    order = axes_of("permute_dims", axes, x.ndim)
    if len(order) != x.ndim:
        raise ValueError(f"permute_dims: {len(order)} axes for {x.ndim} dimensions")
    return x.permute(order)


def repeat(x: Tensor, repeats: Any, /, *, axis: int | None = None) -> Tensor:
    """Every element, or every slice along an axis, several times."""
    if axis is None:
        x, axis = x.reshape(-1), 0
    (axis,) = axes_of("repeat", axis, x.ndim)
    n = x.shape[axis]
    if not isinstance(repeats, torch.Tensor):
        at = torch.arange(n, device=x.device).reshape(-1, 1).expand(n, int(repeats)).reshape(-1)
    else:
        at = torch.repeat_interleave(torch.arange(n, device=x.device), repeats.to(int64).expand(n))
    return torch.index_select(x, axis, at)


def reshape(x: Tensor, /, shape: tuple, *, copy: builtins.bool | None = None) -> Tensor:
    """The elements in another shape."""
    given = (shape,) if isinstance(shape, int) else tuple(shape)
    try:
        if copy is False:
            return x.view(given)
        made = x.reshape(given)
    except RuntimeError as e:
        raise ValueError(f"reshape: {e}") from e
    return made.clone() if copy is True else made


def roll(x: Tensor, /, shift: Any, *, axis: Any = None) -> Tensor:
    """The elements moved along axes; what leaves at one end enters at the other."""
    if axis is None:
        return torch.roll(x, shift if isinstance(shift, int) else tuple(shift))
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    shifts = (shift,) * len(axes) if isinstance(shift, int) else tuple(shift)
    for s, a in zip(shifts, axes, strict=True):
        x = torch.roll(x, s, axes_of("roll", a, x.ndim)[0])
    return x


def squeeze(x: Tensor, /, axis: Any) -> Tensor:
    """The array without axes of size 1."""
    axes = axes_of("squeeze", axis, x.ndim)
    for a in axes:
        if x.shape[a] != 1:
            raise ValueError(f"squeeze: axis {a} has size {x.shape[a]}, not 1")
    return x.reshape([n for a, n in enumerate(x.shape) if a not in axes])


def stack(arrays: Any, /, *, axis: int = 0) -> Tensor:
    """Arrays joined along a new axis."""
    d = result_type(*arrays)
    return torch.stack([x.to(d) for x in arrays], axes_of("stack", axis, arrays[0].ndim + 1)[0])


def tile(x: Tensor, repetitions: tuple, /) -> Tensor:
    """The array several times along each axis."""
    return torch.tile(x, tuple(repetitions))


def unstack(x: Tensor, /, *, axis: int = 0) -> tuple[Tensor, ...]:
    """The slices along an axis."""
    return tuple(torch.unbind(x, axes_of("unstack", axis, x.ndim)[0]))


def take(x: Tensor, indices: Tensor, /, *, axis: int | None = None) -> Tensor:
    """Slices along an axis at positions, which may be counted from the end."""
    if axis is None:
        if x.ndim != 1:
            raise ValueError(f"take: axis is required for {x.ndim} dimensions")
        axis = 0
    (axis,) = axes_of("take", axis, x.ndim)
    at, n = indices.to(int64), x.shape[axis]
    at = torch.where(at < 0, at + n, at)
    taken = torch.index_select(x, axis, at.reshape(-1))
    return taken.reshape((*x.shape[:axis], *at.shape, *x.shape[axis + 1 :]))


def take_along_axis(x: Tensor, indices: Tensor, /, *, axis: int = -1) -> Tensor:
    """Elements along an axis at positions that differ from line to line."""
    (axis,) = axes_of("take_along_axis", axis, x.ndim)
    at, n = indices.to(int64), x.shape[axis]
    at = torch.where(at < 0, at + n, at)
    shape = [
        *broadcast_shapes((*x.shape[:axis], 1, *x.shape[axis + 1 :]), (*at.shape[:axis], 1, *at.shape[axis + 1 :]))
    ]
    shape[axis] = at.shape[axis]
    at = at.expand(shape)
    shape[axis] = n
    return torch.gather(x.expand(shape), axis, at)


def nonzero(x: Tensor, /) -> tuple[Tensor, ...]:
    """The positions of elements that are not 0, for each axis."""
    if x.ndim == 0:
        raise ValueError("nonzero: a 0-dimensional array has no positions")
    return tuple(torch.nonzero(x if x.dtype not in WIDE else x != 0, as_tuple=True))


def searchsorted(x1: Tensor, x2: Any, /, *, side: str = "left", sorter: Tensor | None = None) -> Tensor:
    """Where elements would have to be put into an ordered array."""
    checked("searchsorted", x1, "real")
    if not isinstance(x2, torch.Tensor):
        x2 = number(x2, scalar_type(x2, x1.dtype), x1)
    if side not in ("left", "right"):
        raise ValueError(f"searchsorted: side must be 'left' or 'right', not {side!r}")
    x1, x2 = together("searchsorted", "real", x1, x2)
    if sorter is not None:
        x1 = take(x1, sorter)
    return torch.searchsorted(ordered(x1).contiguous(), ordered(x2), right=side == "right")


def where(condition: Tensor, x1: Any, x2: Any, /) -> Tensor:
    """Elements of the first where the condition holds, else of the second."""
    checked("where", condition, "bool")
    one = next((x for x in (x1, x2) if isinstance(x, torch.Tensor)), None)
    if one is None:
        d = torch.promote_types(torch.asarray(x1).dtype, torch.asarray(x2).dtype)
        x1, x2 = (torch.tensor(x, dtype=d, device=condition.device) for x in (x1, x2))
    else:
        x1, x2 = (x if isinstance(x, torch.Tensor) else number(x, scalar_type(x, one.dtype), one) for x in (x1, x2))
    d = promoted(x1.dtype, x2.dtype)
    return torch.where(condition, x1.to(d), x2.to(d))
