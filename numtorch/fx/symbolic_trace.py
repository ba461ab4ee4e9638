"""Tracing: a function or module is run once on proxies, and what happens to them is its graph."""

from __future__ import annotations

import contextlib
import inspect
import math
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import numtorch as torch
from numtorch import overrides
from numtorch.fx.graph import Graph
from numtorch.fx.graph_module import GraphModule
from numtorch.fx.node import Node
from numtorch.fx.proxy import Proxy, TracerBase
from numtorch.nn.module import Module
from numtorch.nn.parameter import Parameter

# (globals of a module, name) of functions that are leaves.
_WRAPPED: dict[tuple[int, str], dict[str, Any]] = {}


def wrap(fn_or_name: str | Callable) -> Any:
    """Say, at the top of a module, that calls of a function are noted, and the function is not traced.

    Args:
        fn_or_name: a function of the module, or its name; also as a decorator.

    Returns:
        The same.

    Raises:
        RuntimeError: a lambda, or neither a function nor a name.
        NotImplementedError: not at the top of a module.

    >>> from numtorch import fx
    >>> fx.wrap("len")
    'len'
    """
    if not callable(fn_or_name) and not isinstance(fn_or_name, str):
        raise RuntimeError(f"wrap: takes a function of the module, or its name, not {type(fn_or_name).__name__}")
    name = fn_or_name if isinstance(fn_or_name, str) else fn_or_name.__name__
    if name == "<lambda>":
        raise RuntimeError("wrap: a lambda has no name by which it is called")
    frame = sys._getframe(1)
    if frame.f_code.co_name != "<module>":
        raise NotImplementedError("wrap: must be called at the top level of a module")
    _WRAPPED[id(frame.f_globals), name] = frame.f_globals
    return fn_or_name


def _noting(function: Callable) -> Callable:
    """A function whose calls are noted if an argument is a proxy."""

    def noted(*args: Any, **kwargs: Any) -> Any:
        found = _proxy_in((args, kwargs))
        if found is None:
            return function(*args, **kwargs)
        return found.tracer.create_proxy("call_function", function, args, kwargs)

    noted.__wrapped__ = function  # type: ignore[attr-defined]
    return noted


def _proxy_in(given: Any) -> Proxy | None:
    if isinstance(given, Proxy):
        return given
    parts = given.values() if isinstance(given, dict) else given if isinstance(given, list | tuple) else ()
    return next((found for part in parts if (found := _proxy_in(part)) is not None), None)


class Tracer(TracerBase):
    """Runs a module on proxies; modules of ``torch.nn`` are leaves, others are traced through.

    Args:
        autowrap_modules: modules whose functions are leaves.
        autowrap_functions: functions that are leaves.
        param_shapes_constant: whether sizes of parameters are numbers, so that conditions may depend on them.

    >>> from numtorch import fx
    >>> [node.op for node in fx.Tracer().trace(torch.nn.Sequential(torch.nn.ReLU())).nodes]
    ['placeholder', 'call_module', 'output']
    """

    def __init__(
        self,
        autowrap_modules: tuple[types.ModuleType, ...] = (math,),
        autowrap_functions: tuple[Callable, ...] = (),
        param_shapes_constant: bool = False,
    ):
        self._leaves = {
            id(fn): fn
            for module in autowrap_modules
            for name, fn in vars(module).items()
            if not name.startswith("_") and callable(fn)
        } | {id(fn): fn for fn in autowrap_functions}
        self._autowrap_modules = autowrap_modules
        self.param_shapes_constant = param_shapes_constant
        self.root: Any = Module()

    def is_leaf_module(self, m: Module, module_qualified_name: str) -> bool:
        """Whether a call of a module is noted; subclasses may say so of others.

        Args:
            m: the module.
            module_qualified_name: as ``layers.0``.

        Returns:
            A bool.

        >>> from numtorch import fx
        >>> fx.Tracer().is_leaf_module(torch.nn.Linear(1, 1), "a")
        True
        """
        where = type(m).__module__
        return where.startswith(("numtorch.nn", "torch.nn")) and not isinstance(m, torch.nn.Sequential)

    def path_of_module(self, mod: Module) -> str:
        """The name of a submodule.

        Args:
            mod: the module.

        Returns:
            As ``layers.0``.

        Raises:
            NameError: it is no part of the module that is traced.

        >>> from numtorch import fx
        >>> tracer = fx.Tracer()
        >>> tracer.root = torch.nn.Sequential(torch.nn.ReLU())
        >>> tracer.path_of_module(tracer.root[0])
        '0'
        """
        for name, module in self.root.named_modules():
            if module is mod:
                return name
        raise NameError(f"path_of_module: {type(mod).__name__} is no part of the module that is traced")

    def call_module(self, m: Module, forward: Callable, args: tuple, kwargs: dict) -> Any:
        """What a call of a module gives: a proxy of a leaf, else what its ``forward`` does.

        Args:
            m: the module.
            forward: calls it.
            args, kwargs: its arguments.

        Returns:
            Proxies.

        Raises:
            NameError: it is no part of the module that is traced.

        >>> from numtorch import fx
        >>> tracer = fx.Tracer()
        >>> tracer.root, tracer.graph = torch.nn.Sequential(torch.nn.ReLU()), fx.Graph()
        >>> x = tracer.create_proxy("placeholder", "x", (), {})
        >>> tracer.call_module(tracer.root[0], tracer.root[0].forward, (x,), {})
        Proxy(_0)
        """
        path = self.path_of_module(m)
        if not self.is_leaf_module(m, path):
            return forward(*args, **kwargs)
        return self.create_proxy("call_module", path, args, kwargs)

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Proxy]) -> Any:
        """What an attribute of a module gives: a proxy of a parameter.

        Args:
            attr: its name.
            attr_val: its value.
            parameter_proxy_cache: proxies of parameters, by their names.

        Returns:
            A proxy, or the value.

        >>> from numtorch import fx
        >>> fx.Tracer().getattr("a", 3, {})
        3
        """
        if isinstance(attr_val, Parameter):
            for name, parameter in self.root.named_parameters():
                if parameter is attr_val:
                    if name not in parameter_proxy_cache:
                        made = self.create_proxy("get_attr", name, (), {})
                        if self.param_shapes_constant:
                            made = ParameterProxy(self, made.node, name, attr_val)
                        parameter_proxy_cache[name] = made
                    return parameter_proxy_cache[name]
        return attr_val

    def create_arg(self, a: Any) -> Any:
        if isinstance(a, torch.Tensor):
            return self._attribute(a)
        if isinstance(a, Module):
            return self.create_node("get_attr", self.path_of_module(a), (), {})
        return super().create_arg(a)

    def _attribute(self, tensor: torch.Tensor) -> Node:
        """The attribute that a tensor is: a parameter, a buffer, or one that is added for it."""
        for found in (self.root.named_parameters(), self.root.named_buffers()):
            for name, value in found:
                if value is tensor:
                    return self.create_node("get_attr", name, (), {})
        for owner, module in self.root.named_modules():
            for name, value in vars(module).items():
                if value is tensor:
                    return self.create_node("get_attr", f"{owner}.{name}" if owner else name, (), {})
        number = 0
        while hasattr(self.root, f"_tensor_constant{number}"):
            number += 1
        setattr(self.root, f"_tensor_constant{number}", tensor)
        return self.create_node("get_attr", f"_tensor_constant{number}", (), {})

    def create_args_for_root(
        self, root_fn: Callable, is_module: bool, concrete_args: dict[str, Any] | None = None
    ) -> tuple[Callable, list]:
        """The proxies that a function is run on.

        Args:
            root_fn: the function.
            is_module: whether its first argument is the module.
            concrete_args: arguments that have values already.

        Returns:
            The function, and its arguments.

        >>> from numtorch import fx
        >>> tracer = fx.Tracer()
        >>> tracer.graph = fx.Graph()
        >>> tracer.create_args_for_root(abs, False)[1]
        [Proxy(x)]
        """
        given = concrete_args or {}
        args: list[Any] = [self.root] if is_module else []
        for i, p in enumerate(inspect.signature(root_fn).parameters.values()):
            if i == 0 and is_module:
                continue
            star = "*" if p.kind is p.VAR_POSITIONAL else "**" if p.kind is p.VAR_KEYWORD else ""
            default = () if p.default is p.empty or star else (p.default,)
            if p.name in given and star == "":
                value = given[p.name]
                plain = isinstance(value, bool | int | float | str | type(None))
                made = self.create_proxy("placeholder", p.name, (value,) if plain else default, {})
                args.append((p.name, value) if p.kind is p.KEYWORD_ONLY else value)
                self.create_proxy("call_function", _specialized, (made, value, p.name), {}) if plain else None
                continue
            proxy = self.create_proxy("placeholder", star + p.name, default, {})
            args.append((p.name, proxy) if p.kind is p.KEYWORD_ONLY else (star, proxy) if star else proxy)

        starred = any(isinstance(a, tuple) and len(a) == 2 and isinstance(a[0], str) for a in args)
        return (_starred(root_fn) if starred else root_fn), args

    def trace(self, root: Module | Callable, concrete_args: dict[str, Any] | None = None) -> Graph:
        """The graph of a module or function.

        Args:
            root: what is traced.
            concrete_args: arguments that have values already, by their names.

        Returns:
            A Graph.

        Raises:
            TraceError: what it does depends on values.

        >>> from numtorch import fx
        >>> print(fx.Tracer().trace(lambda x: x + 1))
        graph(%x):
            %x : [num_users=1] = placeholder[target=x]
            %add : [num_users=1] = call_function[target=_operator.add](args = (%x, 1), kwargs = {})
            return %add
        """
        if isinstance(root, Module):
            self.root, function, is_module = root, type(root).forward, True
        else:
            self.root, function, is_module = Module(), root, False
        self.graph = Graph(tracer_cls=type(self))
        call, args = self.create_args_for_root(function, is_module, concrete_args)
        with overrides.interception(), self._patched(function):
            result = call(*args)
        self.create_node("output", "output", (self.create_arg(result),), {}, None, None)
        return self.graph

    @contextlib.contextmanager
    def _patched(self, function: Callable) -> Iterator[None]:
        """Modules, parameters, wrapped functions and those of ``math`` answer to the tracer."""
        proxies: dict[str, Proxy] = {}
        plain_call, plain_get = Module.__call__, Module.__getattribute__
        busy = False

        def called(module: Module, *args: Any, **kwargs: Any) -> Any:
            forward = lambda *a, **k: plain_call(module, *a, **k)
            return self.call_module(module, forward, args, kwargs)

        def got(module: Module, name: str) -> Any:
            nonlocal busy
            value = plain_get(module, name)
            if busy or not isinstance(value, torch.Tensor):
                return value
            busy = True
            try:
                return self.getattr(name, value, proxies)
            finally:
                busy = False

        with contextlib.ExitStack() as stack:
            scopes = {id(scope): scope for scope in _WRAPPED.values()}
            scope = getattr(inspect.unwrap(function), "__globals__", {})
            scopes[id(scope)] = scope
            for scope in scopes.values():
                for name, value in list(scope.items()):
                    if (id(scope), name) in _WRAPPED or (callable(value) and self._leaves.get(id(value)) is value):
                        stack.callback(scope.__setitem__, name, value)
                        scope[name] = _noting(value)
            for (_, name), scope in _WRAPPED.items():
                builtin = scope.get("__builtins__")
                held: dict[str, Any] = builtin if isinstance(builtin, dict) else vars(builtin) if builtin else {}
                if name not in scope and name in held:
                    stack.callback(scope.pop, name, None)
                    scope[name] = _noting(held[name])
            for module in self._autowrap_modules:
                for name, value in list(vars(module).items()):
                    leaf = self._leaves.get(id(value))
                    if leaf is not None and leaf is value:
                        stack.callback(setattr, module, name, value)
                        setattr(module, name, _noting(leaf))
            setattr(Module, "__call__", called)  # noqa: B010 - to a type checker these are no variables
            setattr(Module, "__getattribute__", got)  # noqa: B010
            stack.callback(setattr, Module, "__call__", plain_call)
            stack.callback(type.__delattr__, Module, "__getattribute__")
            yield


class ParameterProxy(Proxy):
    """A proxy of a parameter whose sizes are known.

    Args:
        tracer, node: of Proxy.
        name: the parameter's.
        param: the parameter.
    """

    def __init__(self, tracer: TracerBase, node: Node, name: str, param: Parameter):
        super().__init__(node, tracer)
        self.param, self.name = param, name

    @property
    def shape(self) -> Any:
        """The parameter's."""
        return self.param.shape

    @property
    def ndim(self) -> int:
        """The parameter's."""
        return self.param.ndim

    def size(self, *args: Any) -> Any:
        """The parameter's.

        Args:
            *args: a dimension.

        Returns:
            Sizes.
        """
        return self.param.size(*args)

    def dim(self) -> int:
        """The parameter's number of dimensions.

        Returns:
            A number.
        """
        return self.param.dim()

    def numel(self) -> int:
        """The parameter's number of elements.

        Returns:
            A number.
        """
        return self.param.numel()


def _starred(function: Callable) -> Callable:
    """A function that takes (name, value) for arguments by name, and (star, proxy) for those of any number."""

    def run(*values: Any) -> Any:
        plain: list = []
        named: dict[str, Any] = {}
        for value in values:
            if not (isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str)):
                plain.append(value)
            elif value[0] not in ("*", "**"):
                named[value[0]] = value[1]
        return _with_stars(function, plain, named, [v for v in values if isinstance(v, tuple) and v[0] in ("*", "**")])

    return run


def _with_stars(function: Callable, plain: list, named: dict, stars: list) -> Any:
    """Call a function whose ``args`` and ``kwargs`` are proxies."""
    code = inspect.unwrap(function).__code__
    if not stars:
        return function(*plain, **named)
    kept = dict(stars)
    flags = code.co_flags & ~(inspect.CO_VARARGS | inspect.CO_VARKEYWORDS)
    count = code.co_argcount + ("*" in kept) + ("**" in kept)
    if code.co_kwonlyargcount:
        raise NotImplementedError("trace: arguments by name only together with *args or **kwargs")
    changed = types.FunctionType(
        code.replace(co_flags=flags, co_argcount=count),
        function.__globals__,
        function.__name__,
        None,
        function.__closure__,
    )
    return changed(*plain, *(kept[star] for star in ("*", "**") if star in kept))


def _specialized(given: Any, value: Any, name: str) -> None:
    """Checks in a traced program that an argument has the value that it was traced with."""
    if given != value:
        raise AssertionError(f"{name} has been specialized to have value {value} but got another value")


def symbolic_trace(root: Module | Callable, concrete_args: dict[str, Any] | None = None) -> GraphModule:
    """A module whose ``forward`` is the text that a module or function amounts to on any values.

    Args:
        root: what is traced.
        concrete_args: arguments that have values already, by their names.

    Returns:
        A GraphModule.

    Raises:
        TraceError: what it does depends on values.

    >>> from numtorch import fx
    >>> gm = fx.symbolic_trace(lambda x: torch.relu(x) + 1)
    >>> print(gm.code.strip())
    def forward(self, x):
        relu = torch.relu(x);  x = None
        add = relu + 1;  relu = None
        return add
    >>> gm(torch.tensor([-1.0, 2.0]))
    tensor([1., 3.])
    """
    tracer = Tracer()
    graph = tracer.trace(root, concrete_args)
    name = type(root).__name__ if isinstance(root, Module) else getattr(root, "__name__", "GraphModule")
    return GraphModule(tracer.root, graph, name)
