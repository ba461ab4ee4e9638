"""A finding made small: what can be left out or made plain while it stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from tests.fuzz.calls import Call, Of, T


def minimise(call: Call, still: Callable[[Call], bool], tries: int = 150) -> Call:
    """The smallest call found for which ``still`` holds."""
    again = True
    while again and tries > 0:
        again = False
        for smaller in simpler(call):
            tries -= 1
            if tries < 0:
                break
            if still(smaller):
                call, again = smaller, True
                break
    return call


def simpler(call: Call) -> Iterator[Call]:
    """Calls that are a step simpler, the larger steps first."""
    if call.mode:
        yield replace(call, mode="")
    for k in call.kwargs:
        yield replace(call, kwargs={n: v for n, v in call.kwargs.items() if n != k})
    if call.args:
        yield replace(call, args=call.args[:-1])
    for i, leaf in enumerate(call.leaves()):
        for other in _plainer(leaf):
            yield _with(call, i, other)


def _with(call: Call, at: int, value: Any) -> Call:
    seen = -1

    def leaf(v: Any) -> Any:
        nonlocal seen
        seen += 1
        return value if seen == at else v

    return call.map(leaf)


def _plainer(v: Any) -> Iterator[Any]:
    if isinstance(v, T):
        if v.view:
            yield replace(v, shape=v.final, view=())
            yield replace(v, view=v.view[:-1])
        if v.grad:
            yield replace(v, grad=False)
        if v.fill not in ("normal", "zero") and not isinstance(v.fill, tuple):
            yield replace(v, fill="normal")
        if v.fill == "normal":
            yield replace(v, fill="zero")
        if v.dtype not in ("float32", "int64", "bool"):
            yield replace(v, dtype="float32")
        if not v.view:
            for d, n in enumerate(v.shape):
                yield replace(v, shape=(*v.shape[:d], *v.shape[d + 1 :]))
                for k in dict.fromkeys((1, 2, n // 2, n - 1)):
                    if 0 < k < n:
                        yield replace(v, shape=(*v.shape[:d], k, *v.shape[d + 1 :]))
        if v.seed > 9:
            yield replace(v, seed=0)
    elif isinstance(v, Of) and v.view:
        yield Of(v.i)
    elif type(v) is int and abs(v) > 2:
        yield from (0, 1, v // 2)
    elif type(v) is float and v not in (0.0, 1.0):
        yield from (0.0, 1.0)
