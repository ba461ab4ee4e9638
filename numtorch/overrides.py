"""``torch.overrides``: objects and modes that answer the calls of torch's functions, by ``__torch_function__``.

Functions are looked at while a ``TorchFunctionMode`` is active, or a program is traced (``torch.fx``): they are
intercepted then (``dispatch.interception``). At all other times nothing is asked, and nothing paid.
"""

from __future__ import annotations

import builtins
import contextlib
import functools
import re
import sys
import threading
import types
from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from typing import Any

from numtorch import fft, linalg, ops, special
from numtorch._tensor import Tensor
from numtorch.dispatch.interception import intercept, release
from numtorch.nn import functional

# Methods that Python and numtorch itself call, and what has no tensor of the program's to look at.
_INNER = {
    "__init__",
    "__new__",
    "__repr__",
    "__str__",
    "__format__",
    "__hash__",
    "__init_subclass__",
    "__class_getitem__",
    "__getattribute__",
    "__setattr__",
    "__delattr__",
    "__reduce_ex__",
    "__deepcopy__",
    "__torch_function__",
}
# Attributes of tensors that are tensors.
_ATTRIBUTES = ("T", "H", "mT", "mH", "data", "real", "imag")
# Functions that make tensors of numbers, or set and tell the state of the library.
_IGNORED_NAMES = """
    arange as_tensor asarray empty empty_strided eye frombuffer from_numpy full full_like get_default_dtype
    get_num_threads initial_seed is_grad_enabled is_storage linspace logspace manual_seed ones rand randint randn
    randperm range save load seed set_default_dtype set_num_threads set_printoptions tensor tril_indices triu_indices
    zeros compile
"""
# Functions that modes are not asked for either: they ask for dtypes and settings.
_STATE = re.compile(
    "(set|get)_.*|(is_)?autocast_.*|.*_autocast_.*|promote_types|can_cast|manual_seed|seed|initial_seed|save|load|compile|"
    "typename|is_.*_enabled|is_storage|is_tensor|vmap|(un)?load_ipython_extension|use_deterministic_algorithms|"
    "are_deterministic_algorithms_enabled|is_.*_available"
)


class _State(threading.local):
    modes: tuple = ()  # the innermost last
    disabled = False


_state = _State()
_users = 0
_lock = threading.RLock()  # a tracer may be collected while it is held
_answers: dict[Any, Callable] = {}


# --- which functions ---------------------------------------------------------------------------------


@cache
def _spaces() -> tuple[tuple[str, Any], ...]:
    root = sys.modules["numtorch"]
    return (
        ("torch", root),
        ("torch.nn.functional", functional),
        ("torch.linalg", linalg),
        ("torch.special", special),
        ("torch.fft", fft),
        ("torch.Tensor", Tensor),
    )


@cache
def _functions() -> dict[Any, str]:
    """Torch's functions and the methods of tensors, with the names by which users find them."""
    ops.import_all()
    found: dict[Any, str] = {}
    for space, holder in _spaces():
        for name, value in list(vars(holder).items()):
            if isinstance(value, types.FunctionType) and name not in _INNER and _is_ours(value):
                if name.startswith("_") and not (name.startswith("__") and holder is Tensor):
                    continue
                if _STATE.fullmatch(name) and holder is not Tensor:
                    continue
                found.setdefault(value, f"{space}.{name}")
    for name in _ATTRIBUTES:
        found.setdefault(vars(Tensor)[name].fget, f"torch.Tensor.{name}.__get__")
    return found


def _is_ours(fn: Callable) -> bool:
    return (fn.__module__ or "numtorch").partition(".")[0] in ("numtorch", "builtins")  # generated ones have no module


@contextlib.contextmanager
def interception() -> Iterator[None]:
    """While the block is open, functions look for ``__torch_function__``.

    >>> from numtorch import overrides
    >>> with overrides.interception():
    ...     pass
    """
    _intercept(1)
    try:
        yield
    finally:
        _intercept(-1)


def intercepted() -> Callable[[], None]:
    """From now on functions look for ``__torch_function__``, until what is returned is called.

    Returns:
        A function without arguments.

    >>> from numtorch import overrides
    >>> release = overrides.intercepted()
    >>> release()
    """
    _intercept(1)
    return partial(_intercept, -1)


def _intercept(more: int) -> None:
    global _users
    with _lock:
        before, _users = _users, _users + more
        if _users and not before:
            for fn in _functions():
                intercept(fn, _answers.setdefault(fn, partial(answer, fn)))
        elif before and not _users:
            for fn in _functions():
                release(fn, _answers[fn])


def answer(fn: Any, original: Callable, *args: Any, **kwargs: Any) -> Any:
    """What a function does that is called while it is intercepted: modes are asked, and the arguments.

    Args:
        fn: the function, as it is named to them.
        original: what it does itself.
        *args, **kwargs: what it is called with.

    Returns:
        What they answer, or what the function gives itself.

    >>> torch.overrides.answer(torch.neg, torch.neg, torch.ones(1))
    tensor([-1.])
    """
    if _state.disabled:
        return original(*args, **kwargs)
    found = _overloaded((*args, *kwargs.values()))
    if not found and not _state.modes:
        return original(*args, **kwargs)
    return _handled(fn, original, found, args, kwargs)


def _overloaded(args: Iterable) -> list:
    """The arguments whose classes have ``__torch_function__``, also in lists and tuples; subclasses first."""
    found: list = []
    for value in args:
        for part in value if type(value) in (list, tuple) else (value,):
            if has_torch_function((part,)) and all(type(part) is not type(other) for other in found):
                at = next((i for i, other in enumerate(found) if isinstance(part, type(other))), len(found))
                found.insert(at, part)
    return found


def _handled(fn: Any, original: Callable, found: list, args: tuple, kwargs: dict) -> Any:
    """Ask the innermost mode, then the arguments; else the function itself."""
    kinds = tuple(type(value) for value in found)
    if _state.modes:
        *outer, mode = before = _state.modes
        _state.modes = tuple(outer)
        try:
            result = mode.__torch_function__(fn, kinds, args, kwargs)
        finally:
            _state.modes = before
        if result is not NotImplemented:
            return result
    for value in found:
        result = type(value).__torch_function__(fn, kinds, args, kwargs)
        if result is not NotImplemented:
            return result
    if not found:
        return original(*args, **kwargs)
    raise TypeError(
        f"no implementation found for {resolve_name(fn) or fn!r} on types that implement __torch_function__: "
        f"{[kind.__name__ for kind in kinds]}"
    )


# --- for users ----------------------------------------------------------------------------------------


class TorchFunctionMode:
    """A block in which calls of torch's functions and of tensors' methods are answered by a method of this class.

    Subclasses define ``__torch_function__(self, func, types, args=(), kwargs=None)``; within it the mode is not active,
    so that ``func(*args, **(kwargs or {}))`` calls the function itself. Operators come as methods of Tensor;
    of attributes those come that are tensors, as ``x.T``.

    >>> class Names(torch.overrides.TorchFunctionMode):
    ...     def __torch_function__(self, func, types, args=(), kwargs=None):
    ...         print(torch.overrides.resolve_name(func))
    ...         return func(*args, **(kwargs or {}))
    >>> with Names():
    ...     y = torch.exp(torch.zeros(1))
    torch.zeros
    torch.exp
    """

    def __init__(self) -> None:
        pass

    def __torch_function__(self, func: Callable, types: tuple, args: tuple = (), kwargs: dict | None = None) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no __torch_function__(self, func, types, args, kwargs)")

    def __enter__(self) -> TorchFunctionMode:
        _intercept(1)
        _state.modes = (*_state.modes, self)
        return self

    def __exit__(self, *exception: Any) -> None:
        _state.modes = _state.modes[:-1]
        _intercept(-1)

    @classmethod
    def push(cls, *args: Any, **kwargs: Any) -> TorchFunctionMode:
        """The mode itself: an older way to write ``with Mode():``.

        Args:
            *args, **kwargs: of the class.

        Returns:
            A mode.

        >>> with torch.overrides.TorchFunctionMode.push():
        ...     pass
        """
        return cls(*args, **kwargs)


BaseTorchFunctionMode = TorchFunctionMode


class DisableTorchFunction(contextlib.ContextDecorator):
    """A block in which no ``__torch_function__`` is asked; ``torch._C.DisableTorchFunction``.

    >>> with torch.overrides.DisableTorchFunction():
    ...     y = torch.ones(1) + 1
    """

    def __enter__(self) -> None:
        self._before, _state.disabled = _state.disabled, True

    def __exit__(self, *exception: Any) -> None:
        _state.disabled = self._before


@contextlib.contextmanager
def enable_reentrant_dispatch() -> Iterator[None]:
    """A block in which functions ask for ``__torch_function__`` again.

    >>> with torch.overrides.enable_reentrant_dispatch():
    ...     pass
    """
    before, _state.disabled = _state.disabled, False
    try:
        yield
    finally:
        _state.disabled = before


def has_torch_function(relevant_args: Iterable) -> bool:
    """Whether the class of an argument has ``__torch_function__``.

    Args:
        relevant_args: the arguments.

    Returns:
        A bool.

    >>> torch.overrides.has_torch_function((torch.ones(1), 2))
    False
    """
    return any(
        hasattr(type(value), "__torch_function__")
        and getattr(type(value).__torch_function__, "__func__", None) is not _disabled_torch_function_impl
        and not isinstance(value, type | TorchFunctionMode)
        for value in relevant_args
    )


def has_torch_function_unary(relevant_arg: Any) -> bool:
    """``has_torch_function`` of one argument.

    Args:
        relevant_arg: the argument.

    Returns:
        A bool.

    >>> torch.overrides.has_torch_function_unary(2)
    False
    """
    return has_torch_function((relevant_arg,))


def has_torch_function_variadic(*relevant_args: Any) -> bool:
    """``has_torch_function`` of arguments that are not in a tuple.

    Args:
        *relevant_args: the arguments.

    Returns:
        A bool.

    >>> torch.overrides.has_torch_function_variadic(2, 3)
    False
    """
    return has_torch_function(relevant_args)


def handle_torch_function(public_api: Callable, relevant_args: Iterable, *args: Any, **kwargs: Any) -> Any:
    """Let a mode or an argument with ``__torch_function__`` answer the call of a function.

    Args:
        public_api: the function.
        relevant_args: where such arguments are looked for.
        *args, **kwargs: what the function is called with.

    Returns:
        What the first answers that does not answer ``NotImplemented``.

    Raises:
        TypeError: nobody does.

    >>> class Two:
    ...     @classmethod
    ...     def __torch_function__(cls, func, types, args=(), kwargs=None):
    ...         return 2
    >>> torch.overrides.handle_torch_function(torch.exp, (Two(),), Two())
    2
    """

    def nobody(*args: Any, **kwargs: Any) -> Any:
        raise TypeError(f"no implementation found for {resolve_name(public_api) or public_api!r}")

    return _handled(public_api, nobody, _overloaded(tuple(relevant_args)), args, kwargs)


def wrap_torch_function(dispatcher: Callable) -> Callable:
    """A decorator: the function asks for ``__torch_function__`` in the arguments that ``dispatcher`` picks.

    Args:
        dispatcher: takes what the function takes, and gives the arguments to look at.

    Returns:
        A decorator.

    >>> @torch.overrides.wrap_torch_function(lambda a: (a,))
    ... def half(a):
    ...     return a / 2
    >>> half(3)
    1.5
    """

    def inner(func: Callable) -> Callable:
        @functools.wraps(func)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            relevant = dispatcher(*args, **kwargs)
            if has_torch_function(relevant):
                return handle_torch_function(wrapped, relevant, *args, **kwargs)
            return func(*args, **kwargs)

        return wrapped

    return inner


def is_tensor_like(inp: Any) -> bool:
    """Whether something is a tensor, or has ``__torch_function__`` and so may stand for one.

    Args:
        inp: anything.

    Returns:
        A bool.

    >>> torch.overrides.is_tensor_like(torch.ones(1)), torch.overrides.is_tensor_like([1])
    (True, False)
    """
    return isinstance(inp, Tensor) or hasattr(inp, "__torch_function__")


def is_tensor_method_or_property(func: Callable) -> bool:
    """Whether a function is a method of tensors.

    Args:
        func: a function.

    Returns:
        A bool.

    >>> torch.overrides.is_tensor_method_or_property(torch.Tensor.view)
    True
    """
    name = getattr(func, "__name__", "")
    return name == "__get__" or vars(Tensor).get(name) is func


def resolve_name(f: Callable) -> str | None:
    """The name by which users find a function.

    Args:
        f: a function.

    Returns:
        A name such as ``torch.exp``; None of another function.

    >>> torch.overrides.resolve_name(torch.nn.functional.gelu)
    'torch.nn.functional.gelu'
    """
    return _functions().get(f) if isinstance(f, types.FunctionType) else None


def get_ignored_functions() -> builtins.set[Callable]:
    """Functions that no ``__torch_function__`` is asked for, as they take no tensors.

    Returns:
        A set.

    >>> torch.zeros in torch.overrides.get_ignored_functions()
    True
    """
    root = dict(_spaces())["torch"]
    return {vars(root)[name] for name in _IGNORED_NAMES.split() if name in vars(root)}


def get_overridable_functions() -> dict[Any, list[Callable]]:
    """Functions that ask for ``__torch_function__``.

    Returns:
        A dict from modules, and the class Tensor, to lists of functions.

    >>> torch.exp in torch.overrides.get_overridable_functions()[torch]
    True
    """
    ignored = get_ignored_functions()
    return {
        holder: [
            f
            for f in vars(holder).values()
            if isinstance(f, types.FunctionType) and f in _functions() and f not in ignored
        ]
        for _, holder in _spaces()
    }


def get_testing_overrides() -> dict[Callable, Callable]:
    """For each function that can be answered one with the same parameters, which gives -1.

    Returns:
        A dict.

    >>> torch.overrides.get_testing_overrides()[torch.exp](1)
    -1
    """

    def same(fn: Callable) -> Callable:
        @functools.wraps(fn)
        def answer(*args: Any, **kwargs: Any) -> int:
            return -1

        return answer

    return {fn: same(fn) for fns in get_overridable_functions().values() for fn in fns}


def _disabled_torch_function_impl(cls: Any, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
    """``__torch_function__`` of classes that do not want to be asked."""
    return NotImplemented
