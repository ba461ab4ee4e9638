"""The few ops that the framework itself calls, by way of slots that they fill when they are defined.

The graph and dispatch stand below the ops. What they need of them, to pack an operand or to add two gradients, is
looked up here, so that no module imports what stands above it.

    contiguous(x)                   the tensor itself, or a copy in row-major order
    as_type(x, dtype)               cast to another type
    copied(x)                       a copy, outside the graph
    copy_(x, y)                     the elements of y written into x
    write_into(x, y)                the same, without a look at the graph
    resize_(x, shape)               another shape, in place
    move(x, device)                 on another device
    zeros(...)                      as users call it
    ones(...)                       as users call it
    zeros_like(...)                 as users call it
    ones_like(...)                  as users call it
    from_ndarray(a)                 a tensor over an array's memory
    stack(tensors)                  joined along a new dimension
    cat(tensors)                    joined along the first dimension
    eye(n, ...)                     as users call it
    sum_to(x, shape)                summed over what was broadcast
    add_into(x, y)                  x += y, outside the graph
    refresh_views(x)                views of x have a new history
    write_history(base, part, view) and so has the base
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


def _missing(*args: Any, **kwargs: Any) -> Any:
    raise RuntimeError("this op of the framework is not defined yet: numtorch is still being imported")


contiguous: Callable[..., Any] = _missing
as_type: Callable[..., Any] = _missing
copied: Callable[..., Any] = _missing
copy_: Callable[..., Any] = _missing
write_into: Callable[..., Any] = _missing
resize_: Callable[..., Any] = _missing
move: Callable[..., Any] = _missing
zeros: Callable[..., Any] = _missing
ones: Callable[..., Any] = _missing
zeros_like: Callable[..., Any] = _missing
ones_like: Callable[..., Any] = _missing
from_ndarray: Callable[..., Any] = _missing
stack: Callable[..., Any] = _missing
cat: Callable[..., Any] = _missing
eye: Callable[..., Any] = _missing
sum_to: Callable[..., Any] = _missing
conj: Callable[..., Any] = _missing
real: Callable[..., Any] = _missing
as_pairs: Callable[..., Any] = _missing
add_into: Callable[..., Any] = _missing
refresh_views: Callable[..., Any] = _missing
write_history: Callable[..., Any] = _missing


def fill(f: F) -> F:
    """Put an op's function into the slot of its name."""
    name = f.__name__
    if globals().get(name) is not _missing:
        raise RuntimeError(f"the engine has no free slot named {name}")
    globals()[name] = f
    return f
