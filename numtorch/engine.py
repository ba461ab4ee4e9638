"""The few ops that the framework itself calls, by way of slots that they fill when they are defined.

The graph and dispatch stand below the ops. What they need of them, to pack an operand or to add two gradients, is looked up here, so
that no module imports what stands above it.

    engine.contiguous(x)    the tensor itself, or a copy in row-major order
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


def _missing(*args: Any, **kwargs: Any) -> Any:
    raise RuntimeError("this op of the framework is not defined yet: numtorch is still being imported")


contiguous: Callable[..., Any] = _missing


def fill(f: F) -> F:
    """Put an op's function into the slot of its name."""
    name = f.__name__
    if globals().get(name) is not _missing:
        raise RuntimeError(f"the engine has no free slot named {name}")
    globals()[name] = f
    return f
