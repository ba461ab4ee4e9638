"""``torch.jit``: kernels are compiled as they are called, so that modules and functions run as they are.

``script`` and ``trace`` give a module of a class of its own, ``ScriptModule``, which has the tensors of the first one
and can be written to a file.
"""

from __future__ import annotations

import builtins
import contextlib
import inspect
import typing
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, Final, NamedTuple  # noqa: F401 - torch.jit.Final

from numtorch import serialization
from numtorch.futures import Future as Future
from numtorch.nn.module import Module


class Error(RuntimeError):
    """An error of TorchScript's, which never comes here.

    >>> issubclass(torch.jit.Error, Exception)
    True
    """


class TracerWarning(Warning):
    """A warning of tracing, which never comes here.

    >>> issubclass(torch.jit.TracerWarning, Warning)
    True
    """


class ScriptWarning(Warning):
    """A warning of TorchScript's, which never comes here.

    >>> issubclass(torch.jit.ScriptWarning, Warning)
    True
    """


class ScriptFunction:
    """The class of functions that TorchScript compiled: none here, where functions stay what they are.

    >>> isinstance(len, torch.jit.ScriptFunction)
    False
    """


class Attribute(NamedTuple):
    """A value and its type, which TorchScript wants to know.

    Attributes:
        value: the value.
        type: its type.
    """

    value: Any
    type: Any


class ScriptModule(Module):
    """A module that ``script``, ``trace`` or ``load`` gave; its methods run as they are.

    >>> net = torch.jit.script(torch.nn.ReLU())
    >>> isinstance(net, torch.jit.ScriptModule), net.original_name
    (True, 'ReLU')
    """

    @property
    def original_name(self) -> str:
        """The name of the class that it was made of."""
        return _original(type(self)).__name__

    @property
    def code(self) -> str:
        """The source of ``forward``."""
        return inspect.getsource(_original(type(self)).forward)  # type: ignore[attr-defined]

    def save(self, f: Any, _extra_files: dict[str, Any] | None = None) -> None:
        """Write the module to a file: the same as ``torch.jit.save``.

        Args:
            f: a path, or an object with ``write``.

        >>> import tempfile
        >>> with tempfile.NamedTemporaryFile() as file:
        ...     torch.jit.script(torch.nn.ReLU()).save(file.name)
        ...     torch.jit.load(file.name)(torch.ones(1))
        tensor([1.])
        """
        save(self, f, _extra_files)


RecursiveScriptModule = TracedModule = TopLevelTracedModule = ScriptModule


@cache
def _class(of: Any) -> type:
    """The class of the modules that are made of those of a class."""
    return type(of.__name__, (ScriptModule, of), {"__module__": of.__module__, "_original": of})


def _script_class(cls: Any) -> type:
    return cls if issubclass(cls, ScriptModule) else _class(cls)


def _original(cls: Any) -> type:
    return getattr(cls, "_original", cls)


def _made(module: Module, change: Callable[[type], type], memo: dict[int, Module]) -> Module:
    """A module with the tensors of another one, of changed classes, and so with the modules within it."""
    if id(module) not in memo:
        made: Module = object.__new__(change(type(module)))
        memo[id(module)] = made
        for name, value in module.__dict__.items():
            made.__dict__[name] = value.copy() if value.__class__ is dict else value
        children = made.__dict__["_modules"] = module._modules.copy()
        for name, child in children.items():
            children[name] = None if child is None else _made(child, change, memo)
    return memo[id(module)]


def script(obj: Any, optimize: Any = None, _frames_up: int = 0, _rcb: Any = None, example_inputs: Any = None) -> Any:
    """Of a module another one with the same tensors, a ``ScriptModule``; functions and classes stay what they are.

    Args:
        obj: what is to be compiled.
        optimize, example_inputs: accepted.

    Returns:
        A ``ScriptModule``, or ``obj``.

    >>> torch.jit.script(torch.nn.ReLU())(torch.ones(1))
    tensor([1.])
    """
    if not builtins.isinstance(obj, Module) or builtins.isinstance(obj, ScriptModule):
        return obj
    return _made(obj, _script_class, {})


def trace(func: Any, example_inputs: Any = None, *args: Any, **options: Any) -> Any:
    """The same as ``script``: nothing is recorded, so that what depends on the elements stays so.

    Args:
        func: what is to be traced, which is not called.
        example_inputs, *args, **options: accepted.

    Returns:
        A ``ScriptModule``, or the function itself.

    >>> torch.jit.trace(torch.nn.ReLU(), torch.ones(1))(torch.ones(1))
    tensor([1.])
    """
    return script(func)


def trace_module(mod: Module, inputs: Any = None, *args: Any, **options: Any) -> Any:
    """The same as ``script``.

    Args:
        mod: a module, which is not called.
        inputs, *args, **options: accepted.

    Returns:
        A ``ScriptModule``.

    >>> torch.jit.trace_module(torch.nn.ReLU(), {"forward": torch.ones(1)})(torch.ones(1))
    tensor([1.])
    """
    return script(mod)


def save(m: Any, f: Any, _extra_files: dict[str, Any] | None = None) -> None:
    """Write a module to a file: its class by its name, and its state. PyTorch's ``jit.load`` does not read it.

    Args:
        m: a module.
        f: a path, or an object with ``write``.

    Raises:
        TypeError: it is no module.
        PicklingError: a class within it has no name that can be imported.

    >>> import io
    >>> f = io.BytesIO()
    >>> torch.jit.save(torch.jit.script(torch.nn.Linear(2, 1)), f)
    >>> _ = f.seek(0)
    >>> torch.jit.load(f)(torch.ones(3, 2)).shape
    torch.Size([3, 1])
    """
    if not builtins.isinstance(m, Module):
        raise TypeError(f"jit.save: a module is saved, not {type(m).__name__}; torch.save(x, file) saves other things")
    serialization.save({_MARK: _made(m, _original, {}), "extra": dict(_extra_files or {})}, f, format="pt")


_MARK = "numtorch.jit.save"


def load(f: Any, map_location: Any = None, _extra_files: dict[str, Any] | None = None, *options: Any) -> Any:
    """The module that ``save`` wrote. Its class is imported by its name, as by ``torch.load(weights_only=False)``.

    Args:
        f: a path, or an object with ``read``.
        map_location: where tensors go, as ``torch.load`` takes it.
        *options: accepted.

    Returns:
        A ``ScriptModule``.

    Raises:
        CorruptFile: the file is damaged, or is PyTorch's own, which holds compiled code.
        ValueError: the file holds something else.

    >>> import io
    >>> f = io.BytesIO()
    >>> torch.jit.save(torch.jit.script(torch.nn.ReLU()), f)
    >>> _ = f.seek(0)
    >>> torch.jit.load(f)(torch.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    found = serialization.load(f, map_location, weights_only=False)
    if not builtins.isinstance(found, dict) or _MARK not in found:
        raise ValueError("jit.load: the file was not written by jit.save; torch.load reads what torch.save wrote")
    if _extra_files is not None:
        _extra_files.update({name: found["extra"].get(name, "") for name in _extra_files})
    return script(found[_MARK])


def freeze(mod: Any, preserved_attrs: Any = None, optimize_numerics: bool = True) -> Any:
    """The module itself, which must be in eval mode.

    Args:
        mod: what ``script`` or ``trace`` gave.
        preserved_attrs, optimize_numerics: accepted.

    Returns:
        ``mod``.

    Raises:
        RuntimeError: it is in training mode, or no ``ScriptModule``.

    >>> torch.jit.freeze(torch.jit.script(torch.nn.ReLU().eval()))(torch.ones(1))
    tensor([1.])
    """
    if not builtins.isinstance(mod, ScriptModule):
        raise RuntimeError("Freezing expects a ScriptModule as input. Please use torch.jit.script or torch.jit.trace.")
    if mod.training:
        raise RuntimeError(
            "Freezing is currently only implemented for modules in eval mode. Please call .eval() on your module "
            "before freezing."
        )
    return mod


def optimize_for_inference(mod: Any, other_methods: Any = None) -> Any:
    """The module itself.

    Args:
        mod: what ``script``, ``trace`` or ``freeze`` gave.
        other_methods: accepted.

    Returns:
        ``mod``.

    >>> torch.jit.optimize_for_inference(torch.jit.script(torch.nn.ReLU().eval()))(torch.ones(1))
    tensor([1.])
    """
    return mod


def fork(func: Any, *args: Any, **kwargs: Any) -> Future:
    """Call a function, here and now.

    Args:
        func: the function.
        *args, **kwargs: its arguments.

    Returns:
        A ``torch.futures.Future`` with the result, or the error.

    >>> torch.jit.wait(torch.jit.fork(torch.add, torch.ones(1), 2))
    tensor([3.])
    """
    made = Future()
    try:
        made.set_result(func(*args, **kwargs))
    except Exception as e:
        made.set_exception(e)
    return made


def wait(future: Future) -> Any:
    """The result of what ``fork`` started.

    Args:
        future: what ``fork`` gave.

    Returns:
        What the function returned; what it raised is raised.

    >>> torch.jit.wait(torch.jit.fork(len, [1, 2]))
    2
    """
    return future.wait()


def isinstance(obj: Any, target_type: Any) -> bool:
    """Python's ``isinstance``, which also looks into lists, dicts, tuples and optional values.

    Args:
        obj: any object.
        target_type: a class, ``list[int]`` and similar, or a tuple of them.

    Returns:
        A bool.

    >>> torch.jit.isinstance([1, 2], list[int]), torch.jit.isinstance(["a"], list[int])
    (True, False)
    """
    if builtins.isinstance(target_type, tuple):
        return any(isinstance(obj, t) for t in target_type)
    origin, inner = typing.get_origin(target_type), typing.get_args(target_type)
    if origin is None:
        return target_type is Any or builtins.isinstance(obj, target_type)
    if not builtins.isinstance(origin, type) or origin.__name__ == "UnionType":
        return any(isinstance(obj, t) for t in inner)  # a union
    if not builtins.isinstance(obj, origin):
        return False
    held: Any = obj
    if origin is dict:
        return all(isinstance(k, inner[0]) and isinstance(v, inner[1]) for k, v in held.items())
    if origin is tuple and inner[-1:] != (...,):
        return len(held) == len(inner) and all(map(isinstance, held, inner))
    return all(isinstance(x, inner[0]) for x in held)


def interface(obj: Any) -> Any:
    """The class itself.

    Args:
        obj: a class.

    Returns:
        ``obj``.

    >>> @torch.jit.interface
    ... class Layer:
    ...     pass
    >>> Layer.__name__
    'Layer'
    """
    return obj


def export_opnames(m: Any) -> list[str]:
    """The names of the operations that a module was compiled to: none.

    Args:
        m: a module.

    Returns:
        An empty list.

    >>> torch.jit.export_opnames(torch.jit.script(torch.nn.ReLU()))
    []
    """
    return []


def set_fusion_strategy(strategy: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Accepted: kernels are fused where their formulas are.

    Args:
        strategy: pairs of a kind and a depth.

    Returns:
        The strategy before.

    >>> torch.jit.set_fusion_strategy([("STATIC", 2)])
    [('STATIC', 2), ('DYNAMIC', 10)]
    >>> _ = torch.jit.set_fusion_strategy([("STATIC", 2), ("DYNAMIC", 10)])
    """
    before = _strategy[:]
    _strategy[:] = strategy
    return before


_strategy = [("STATIC", 2), ("DYNAMIC", 10)]


def enable_onednn_fusion(enabled: bool) -> None:
    """Accepted: oneDNN is not used.

    Args:
        enabled: whether to use it.

    >>> torch.jit.enable_onednn_fusion(False)
    """


def onednn_fusion_enabled() -> bool:
    """Whether oneDNN is used: never.

    Returns:
        False.

    >>> torch.jit.onednn_fusion_enabled()
    False
    """
    return False


@contextlib.contextmanager
def optimized_execution(should_optimize: bool) -> Iterator[None]:
    """A block in which nothing changes.

    Args:
        should_optimize: accepted.

    >>> with torch.jit.optimized_execution(True):
    ...     torch.ones(1)
    tensor([1.])
    """
    yield


@contextlib.contextmanager
def fuser(name: str) -> Iterator[None]:
    """A block in which nothing changes.

    Args:
        name: accepted.

    >>> with torch.jit.fuser("fuser1"):
    ...     torch.ones(1)
    tensor([1.])
    """
    yield


@contextlib.contextmanager
def strict_fusion() -> Iterator[None]:
    """A block in which nothing changes.

    >>> with torch.jit.strict_fusion():
    ...     torch.ones(1)
    tensor([1.])
    """
    yield


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
