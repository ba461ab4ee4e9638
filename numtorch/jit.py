"""``torch.jit``: kernels are compiled as they are called, so that modules and functions stay what they are."""

from __future__ import annotations

from typing import Any, Final  # noqa: F401 - torch.jit.Final

from numtorch.nn.module import Module


class ScriptModule(Module):
    """A module; its methods run as they are.

    >>> isinstance(torch.jit.ScriptModule(), torch.nn.Module)
    True
    """


def script(obj: Any, optimize: Any = None, _frames_up: int = 0, _rcb: Any = None, example_inputs: Any = None) -> Any:
    """The module, class or function itself.

    Args:
        obj: what is to be compiled.
        optimize, example_inputs: accepted.

    Returns:
        ``obj``.

    >>> torch.jit.script(torch.nn.ReLU())(torch.ones(1))
    tensor([1.])
    """
    return obj


def trace(func: Any, example_inputs: Any = None, **options: Any) -> Any:
    """The module or function itself, which is not called.

    Args:
        func: what is to be traced.
        example_inputs, **options: accepted.

    Returns:
        ``func``.

    >>> torch.jit.trace(torch.nn.ReLU(), torch.ones(1))(torch.ones(1))
    tensor([1.])
    """
    return func


def _named(fn: Any) -> Any:
    return fn


def ignore(drop: Any = False, **options: Any) -> Any:
    """The function itself; with options, a decorator.

    Args:
        drop: a function, or an option.
        **options: accepted.

    Returns:
        The function, or a decorator.

    >>> @torch.jit.ignore
    ... def f(x: int) -> int:
    ...     return x
    >>> f(3)
    3
    """
    return drop if callable(drop) else _named


def unused(fn: Any) -> Any:
    """The function or method itself.

    Args:
        fn: a function.

    Returns:
        ``fn``.

    >>> @torch.jit.unused
    ... def f(x: int) -> int:
    ...     return x
    >>> f(3)
    3
    """
    return fn


export = script_method = script_if_tracing = unused


def annotate(the_type: Any, the_value: Any) -> Any:
    """The value itself.

    Args:
        the_type: accepted.
        the_value: any.

    Returns:
        ``the_value``.

    >>> torch.jit.annotate(int, 3)
    3
    """
    return the_value


def is_scripting() -> bool:
    """Whether TorchScript runs: never.

    Returns:
        False.

    >>> torch.jit.is_scripting()
    False
    """
    return False


def is_tracing() -> bool:
    """Whether a module is being traced: never.

    Returns:
        False.

    >>> torch.jit.is_tracing()
    False
    """
    return False
