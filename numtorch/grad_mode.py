"""Whether ops record a graph: ``no_grad``, ``enable_grad``, ``set_grad_enabled``, ``inference_mode``.

Each works as a context manager and as a decorator. The setting belongs to the current thread.
"""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, overload

F = TypeVar("F", bound=Callable[..., Any])


class _Mode(threading.local):
    grad = True
    inference = False
    anomaly = False  # nodes keep the forward stack
    check_nan = True  # under anomaly detection: gradients are searched for NaN
    packing: tuple = ()  # (pack, unpack) hooks for saved tensors, the innermost last
    made: Any = None  # called with each new node, while a profile is open
    levels: tuple = ()  # the vmaps that run, the innermost last
    forward = False  # a backward pass that becomes a forward one
    watched = False  # anomaly, packing or made: the one thing a new node has to ask


mode = _current = _Mode()


class _Setting:
    """A context manager and decorator that sets fields of ``mode`` and restores them."""

    def __init__(self, **values: Any):
        self._values = values
        self._before: list[dict[str, Any]] = []

    def __enter__(self) -> None:
        self._before.append({name: getattr(mode, name) for name in self._values})
        mode.__dict__.update(self._values)

    def __exit__(self, *exc: object) -> None:
        mode.__dict__.update(self._before.pop())

    def __call__(self, fn: F) -> F:
        values = self._values
        if inspect.isgeneratorfunction(fn):

            @functools.wraps(fn)
            def generator(*args: Any, **kwargs: Any) -> Any:
                # The setting holds while the generator runs, not while its caller does.
                with _Setting(**values):
                    source = fn(*args, **kwargs)
                step: Callable = lambda: next(source)
                while True:
                    with _Setting(**values):
                        try:
                            item = step()
                        except StopIteration as stop:
                            return stop.value
                    try:
                        sent = yield item
                    except GeneratorExit:
                        with _Setting(**values):
                            source.close()
                        raise
                    except BaseException as e:
                        step = functools.partial(source.throw, e)
                    else:
                        step = functools.partial(source.send, sent)

            return generator  # type: ignore[return-value]

        @functools.wraps(fn)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with _Setting(**values):
                return fn(*args, **kwargs)

        return wrapper  # type: ignore[return-value]


class _BareDecorator(_Setting):
    """Also usable without parentheses, as in ``@torch.no_grad``."""

    values: dict[str, bool] = {}

    if TYPE_CHECKING:

        @overload
        def __new__(cls, fn: None = None) -> _BareDecorator: ...
        @overload
        def __new__(cls, fn: F) -> F: ...  # type: ignore[misc]
        def __new__(cls, fn: Any = None) -> Any: ...
    else:

        def __new__(cls, fn: Callable | None = None) -> Any:
            self = super().__new__(cls)
            _Setting.__init__(self, **cls.values)
            return self if fn is None else self(fn)

    def __init__(self, fn: Callable | None = None):
        pass


class no_grad(_BareDecorator):
    """Ops inside record nothing; their results do not require gradients.

    Works as a context manager and as a decorator, with and without parentheses; for the current thread.

    Args:
        fn: the function that is decorated.

    >>> x = torch.ones(2, requires_grad=True)
    >>> with torch.no_grad():
    ...     y = x * 2
    >>> y.requires_grad
    False
    """

    values = {"grad": False}


class enable_grad(_BareDecorator):
    """Ops inside record a graph, also within ``no_grad``.

    Works as a context manager and as a decorator, with and without parentheses; for the current thread.

    Args:
        fn: the function that is decorated.

    >>> x = torch.ones(2, requires_grad=True)
    >>> with torch.no_grad():
    ...     with torch.enable_grad():
    ...         y = x * 2
    >>> y.requires_grad
    True
    """

    values = {"grad": True}


class set_grad_enabled(_Setting):
    """Recording on or off: takes effect at once, and is undone at the end when used as a context manager.

    Args:
        mode: whether ops record a graph.

    >>> with torch.set_grad_enabled(False):
    ...     print(torch.is_grad_enabled())
    False
    >>> torch.is_grad_enabled()
    True
    """

    def __init__(self, mode: bool):
        super().__init__(grad=bool(mode))
        self._outer = _current.grad
        _current.grad = bool(mode)

    def __enter__(self) -> None:
        _current.grad = self._outer
        super().__enter__()

    def __call__(self, fn: F) -> F:
        _current.grad = self._outer
        return super().__call__(fn)


class inference_mode(_Setting):
    """As ``no_grad``; for code that will never need gradients of what it makes.

    Differs from torch: the results are ordinary tensors and may be used in later graphs.

    Args:
        mode: False changes nothing; or the function that is decorated.

    >>> with torch.inference_mode():
    ...     print(torch.is_grad_enabled())
    False
    """

    if TYPE_CHECKING:

        @overload
        def __new__(cls, mode: bool = True) -> inference_mode: ...
        @overload
        def __new__(cls, mode: F) -> F: ...  # type: ignore[misc]
        def __new__(cls, mode: Any = True) -> Any: ...
    else:

        def __new__(cls, mode: Any = True) -> Any:
            self = super().__new__(cls)
            if callable(mode):
                _Setting.__init__(self, grad=False, inference=True)
                return self(mode)
            return self

    def __init__(self, mode: bool = True):
        super().__init__(**({"grad": False, "inference": True} if mode else {}))


def is_grad_enabled() -> bool:
    """Whether ops record a graph now.

    Returns:
        A bool.

    >>> torch.is_grad_enabled()
    True
    """
    return mode.grad


def is_inference_mode_enabled() -> bool:
    """Whether the code is inside ``inference_mode``.

    Returns:
        A bool.

    >>> torch.is_inference_mode_enabled()
    False
    """
    return mode.inference
