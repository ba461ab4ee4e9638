"""``torch.compile``, ``torch.compiler`` and ``torch._dynamo``: kernels are compiled as they are called, so that these
take what they are given and give it back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numtorch.exports import exported


@exported("torch")
def compile(
    model: Callable | None = None,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: Any = "inductor",
    mode: str | None = None,
    options: dict[str, Any] | None = None,
    disable: bool = False,
    recompile_limit: int | None = None,
) -> Any:
    """The module or function itself: kernels are compiled as they are called.

    Args:
        model: a module or function; without one the result is a decorator.
        fullgraph, dynamic, backend, mode, options, disable, recompile_limit: accepted.

    Returns:
        ``model``, or a decorator.

    >>> net = torch.nn.Linear(1, 1)
    >>> torch.compile(net, mode="max-autotune")(torch.ones(1, 1)).shape
    torch.Size([1, 1])
    """
    return _itself if model is None else model


def _itself(fn: Any) -> Any:
    return fn


def disable(fn: Any = None, recursive: bool = True, *, reason: str | None = None, wrapping: bool = True) -> Any:
    """The function itself.

    Args:
        fn: a function or class; without one the result is a decorator.
        recursive, reason, wrapping: accepted.

    Returns:
        ``fn``, or a decorator.

    >>> torch.compiler.disable(abs)(-1)
    1
    """
    return _itself if fn is None else fn


def allow_in_graph(fn: Any) -> Any:
    """The function itself.

    Args:
        fn: a function.

    Returns:
        ``fn``.

    >>> torch.compiler.allow_in_graph(len)([])
    0
    """
    return fn


assume_constant_result = allow_in_graph


def is_compiling() -> bool:
    """Whether a graph is being compiled: never.

    Returns:
        False.

    >>> torch.compiler.is_compiling()
    False
    """
    return False


is_dynamo_compiling = is_exporting = is_compiling


def reset() -> None:
    """Does nothing: there are no graphs to forget.

    >>> torch.compiler.reset()
    """


def cudagraph_mark_step_begin() -> None:
    """Does nothing: there are no CUDA graphs.

    >>> torch.compiler.cudagraph_mark_step_begin()
    """
