"""Tensors with a hidden dimension, as ``vmap`` hands them to a function.

Their kind is in no dict of remembered choices, so the front of every op sends them to its general path, and calls
without them do nothing for ``vmap``. The general path hands a call to ``apply``, which ``numtorch.func.rules`` fills.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cache
from typing import Any

from numtorch import engine
from numtorch._tensor import Tensor, new
from numtorch.device import device
from numtorch.dtype import dtype
from numtorch.grad_mode import _Setting, mode
from numtorch.storage import Kind, Size


class Level:
    """One ``vmap`` that runs.

    Attributes:
        size: of the hidden dimension.
        randomness: ``error``, ``different`` or ``same``: what random numbers its samples get.
        depth: in how many others it runs, and 1.
    """

    __slots__ = ("depth", "randomness", "size")

    def __init__(self, size: int, randomness: str, depth: int):
        self.size, self.randomness, self.depth = size, randomness, depth


@cache
def _kind(d: dtype, where: device) -> Kind:
    """A kind that is none of the interned ones."""
    k = Kind()
    k.dtype, k.device, k.contiguous = d, where, False
    k.strided = k
    return k


class Batched(Tensor):
    """A tensor seen without its first dimension, which counts the samples of a level.

    Attributes:
        value: the tensor with this dimension; of an outer level, it may be batched in turn.
        level: the ``Level``.
    """

    value: Tensor
    level: Level

    @property
    def _buf(self) -> Any:
        raise RuntimeError(
            "vmap: the elements of a tensor of one sample were asked for, by an operation that vmap cannot carry out "
            "for all samples at once, or after vmap has returned"
        )

    @property
    def _edge(self) -> Any:
        return self.value._edge


def batched(value: Tensor, level: Level) -> Batched:
    """``value`` without its first dimension, for functions of one sample."""
    t = new(Batched)
    t.shape, t._k = Size(tuple(value.shape)[1:]), _kind(value._k.dtype, value._k.device)
    t.value, t.level = value, level
    return t


def innermost(*values: Any) -> Level | None:
    """The level of the tensors that are batched, the innermost of several; None if none is."""
    found = [t.level for t in values if t.__class__ is Batched]
    return max(found, key=lambda level: level.depth, default=None)


def levels_of(*values: Any) -> tuple:
    """The levels of whose samples tensors are, the outermost first."""
    found: set[Level] = set()
    for x in values:
        while x.__class__ is Batched:
            found.add(x.level)
            x = x.value
    return tuple(sorted(found, key=lambda level: level.depth))


def whole(x: Any) -> Any:
    """The tensor with all its hidden dimensions."""
    while x.__class__ is Batched:
        x = x.value
    return x


def physical(x: Tensor, levels: tuple) -> Tensor:
    """The tensor with the hidden dimensions of these levels in front, the outermost first, expanded where it lacks one.
    Those of levels within stay hidden."""
    if not levels:
        return x
    if x.__class__ is Batched and x.level not in levels:
        return batched(physical(x.value, levels).movedim(len(levels), 0), x.level)
    *outer, last = levels
    value = x.value if x.__class__ is Batched and x.level is last else x.unsqueeze(0).expand(last.size, *x.shape)
    return physical(value, tuple(outer))


def hidden(x: Tensor, levels: tuple) -> Tensor:
    """The inverse of ``physical``."""
    if levels and x.__class__ is Batched and x.level not in levels:
        return batched(hidden(x.value.movedim(0, len(levels)), levels), x.level)
    for level in levels:
        x = batched(x, level)
    return x


def _unfilled(*args: Any) -> Any:
    raise RuntimeError("vmap is not imported")


apply: Callable[..., Any] = _unfilled  # (op, tensors, parameters): an op on tensors some of which are batched
overwrite: Callable[..., Any] = _unfilled  # (op, x, other tensors, parameters): its in-place form
replace: Callable[..., Any] = _unfilled  # (function, x, result, ...): x made a result in place
function: Callable[..., Any] = _unfilled  # (class, arguments, keywords): ``Function.apply``
drawn: Callable[..., Any] = _unfilled  # (function of a shape, shape): random numbers for all samples


def load() -> None:
    """Have the slots filled."""
    if apply is _unfilled:
        importlib.import_module("numtorch.func")


def mapped(linear: Callable[[list], list], rows: list, chunk: int | None = None) -> list:
    """What a linear function of a list makes of each row of tensors: all rows at once, or ``chunk`` of them.

    Args:
        linear: gives a list of tensors, or None.
        rows: tensors with a row for each call in their first dimension.
        chunk: how many rows go through the function together.

    Returns:
        A list of tensors with a row for each call, or None.
    """
    load()
    n = rows[0].shape[0]
    parts = []
    for start in range(0, n, chunk or max(n, 1)):
        some = [r[start : start + (chunk or n)] for r in rows]
        count = some[0].shape[0]
        if count == 1:
            parts.append([None if y is None else y.unsqueeze(0) for y in linear([r.select(0, 0) for r in some])])
            continue
        level = Level(count, "error", len(mode.levels) + 1)
        with _Setting(levels=(*mode.levels, level)):
            found = linear([batched(r, level) for r in some])
        parts.append([None if y is None else _rows_of(y, level) for y in found])
    if len(parts) == 1:
        return parts[0]
    return [None if column[0] is None else engine.cat(list(column)) for column in zip(*parts, strict=True)]


def _rows_of(y: Any, level: Level) -> Any:
    if y.__class__ is Batched and y.level is level:
        return y.value
    return y.unsqueeze(0).expand(level.size, *y.shape)
