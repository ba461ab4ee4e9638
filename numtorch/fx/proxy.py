"""Proxies: they stand for the values of a program while it is traced, and note what happens to them."""

from __future__ import annotations

import dis
import operator
import sys
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numtorch as torch
from numtorch import overrides
from numtorch.fx.graph import Graph
from numtorch.fx.node import KEPT, Node


class TraceError(ValueError):
    """A program does what cannot be noted: its way depends on values."""


class TracerBase:
    """What makes nodes of the calls on proxies.

    Attributes:
        graph: where they are noted.
        param_shapes_constant: whether sizes of parameters are numbers.
        trace_asserts: accepted.
    """

    graph: Graph
    param_shapes_constant = False
    trace_asserts = False
    record_stack_traces = False

    def create_node(
        self, kind: str, target: Any, args: tuple, kwargs: dict, name: str | None = None, type_expr: Any = None
    ) -> Node:
        """Note an operation; subclasses may note more of it.

        Args:
            kind, target, args, kwargs, name, type_expr: of ``Graph.create_node``.

        Returns:
            The node.

        >>> from numtorch import fx
        >>> tracer = fx.Tracer()
        >>> tracer.graph = fx.Graph()
        >>> tracer.create_node("placeholder", "x", (), {})
        x
        """
        return self.graph.create_node(kind, target, args, kwargs, name, type_expr)

    def proxy(self, node: Node) -> Proxy:
        """The proxy for the result of a node.

        Args:
            node: the node.

        Returns:
            A Proxy.

        >>> from numtorch import fx
        >>> tracer = fx.Tracer()
        >>> tracer.graph = fx.Graph()
        >>> tracer.proxy(tracer.graph.placeholder("x"))
        Proxy(x)
        """
        return Proxy(node, self)

    def create_proxy(
        self,
        kind: str,
        target: Any,
        args: tuple,
        kwargs: dict,
        name: str | None = None,
        type_expr: Any = None,
        proxy_factory_fn: Callable[[Node], Proxy] | None = None,
    ) -> Proxy:
        """Note an operation, of arguments that may be proxies.

        Args:
            kind, target, args, kwargs, name, type_expr: of ``Graph.create_node``.
            proxy_factory_fn: makes the proxy of the node.

        Returns:
            The proxy for its result.

        Raises:
            NotImplementedError: an argument that a graph cannot hold.

        >>> from numtorch import fx
        >>> tracer = fx.Tracer()
        >>> tracer.graph = fx.Graph()
        >>> tracer.create_proxy("placeholder", "x", (), {})
        Proxy(x)
        """
        taken = self.create_arg(tuple(args)), self.create_arg(dict(kwargs))
        node = self.create_node(kind, target, taken[0], taken[1], name, type_expr)
        return proxy_factory_fn(node) if proxy_factory_fn else self.proxy(node)

    def create_arg(self, a: Any) -> Any:
        """What stands for an argument in the graph: nodes for proxies, and the same containers.

        Args:
            a: the argument.

        Returns:
            The argument of a node.

        Raises:
            NotImplementedError: the graph cannot hold it.

        >>> from numtorch import fx
        >>> fx.Tracer().create_arg([1, "a"])
        [1, 'a']
        """
        if isinstance(a, Proxy):
            return a.node
        if isinstance(a, torch.Size):
            return a
        if isinstance(a, tuple):
            items = [self.create_arg(item) for item in a]
            return type(a)(*items) if hasattr(a, "_fields") else tuple(items)
        if isinstance(a, list):
            return [self.create_arg(item) for item in a]
        if isinstance(a, dict):
            if any(isinstance(key, Proxy) for key in a):
                raise RuntimeError("create_arg: keys of dicts are no values of the program that is traced")
            return {key: self.create_arg(item) for key, item in a.items()}
        if isinstance(a, slice):
            return slice(*(self.create_arg(end) for end in (a.start, a.stop, a.step)))
        if isinstance(a, KEPT) or a is ... or callable(a):
            return a
        raise NotImplementedError(f"create_arg: a graph does not hold {type(a).__name__}: {a!r}")

    def to_bool(self, obj: Proxy) -> bool:
        """What a condition on a proxy gives; subclasses may know.

        Args:
            obj: the proxy.

        Returns:
            A bool.

        Raises:
            TraceError: always.

        >>> from numtorch import fx
        >>> try:
        ...     fx.symbolic_trace(lambda x: 1 if x else 2)
        ... except fx.proxy.TraceError as e:
        ...     print(e)
        symbolically traced variables cannot be inputs to control flow: bool(x)
        """
        raise TraceError(f"symbolically traced variables cannot be inputs to control flow: bool({obj.node})")

    def iter(self, obj: Proxy) -> Iterator[Proxy]:
        """What iterating over a proxy gives: its items where they are unpacked into a known number of names.

        Args:
            obj: the proxy.

        Returns:
            An iterator.

        Raises:
            TraceError: their number is not known.

        >>> from numtorch import fx
        >>> def f(x):
        ...     a, b = x
        ...     return a
        >>> len(fx.symbolic_trace(f).graph.nodes)
        4
        """
        frame = sys._getframe(2)
        code, at = frame.f_code.co_code, frame.f_lasti
        if dis.opname[code[at]] == "UNPACK_SEQUENCE":
            items: Any = obj
            return iter([items[i] for i in range(code[at + 1])])
        raise TraceError(
            f"Proxy object cannot be iterated: how many items {obj.node} has is not known; loop over a range of "
            "numbers, or make the function a leaf with fx.wrap"
        )

    def keys(self, obj: Proxy) -> Any:
        """What ``**proxy`` and ``proxy.keys()`` give.

        Args:
            obj: the proxy.

        Returns:
            A proxy.

        >>> from numtorch import fx
        >>> [n.target for n in fx.symbolic_trace(lambda x: x.keys()).graph.nodes]
        ['x', 'keys', 'output']
        """
        return Attribute(obj, "keys")()


class GraphAppendingTracer(TracerBase):
    """Adds to a graph that there is. While it lives, functions and layers that are called on its proxies are noted.

    Args:
        graph: the graph.

    >>> from numtorch import fx
    >>> graph = fx.Graph()
    >>> x = fx.Proxy(graph.placeholder("x"), fx.proxy.GraphAppendingTracer(graph))
    >>> x + 1
    Proxy(add)
    """

    def __init__(self, graph: Graph):
        super().__init__()
        self.graph = graph
        weakref.finalize(self, overrides.intercepted()).atexit = False


class Proxy:
    """Stands for a value of a program that is traced.

    Args:
        node: whose result it is.
        tracer: what notes operations on it; by default they are added to the node's graph.

    >>> from numtorch import fx
    >>> graph = fx.Graph()
    >>> fx.Proxy(graph.placeholder("x")).sum() * 2
    Proxy(mul)
    """

    # Python's operators, which are set below.
    __add__: Any
    __radd__: Any
    __sub__: Any
    __rsub__: Any
    __mul__: Any
    __rmul__: Any
    __truediv__: Any
    __rtruediv__: Any
    __floordiv__: Any
    __mod__: Any
    __pow__: Any
    __matmul__: Any
    __getitem__: Any
    __neg__: Any
    __lt__: Any
    __le__: Any
    __gt__: Any
    __ge__: Any

    def __init__(self, node: Node, tracer: TracerBase | None = None):
        self.tracer = GraphAppendingTracer(node.graph) if tracer is None else tracer
        self.node = node

    def __repr__(self) -> str:
        return f"Proxy({self.node.name})"

    def __getattr__(self, name: str) -> Attribute:
        if name in ("node", "tracer") or (name.startswith("__") and name.endswith("__")):
            raise AttributeError(name)
        return Attribute(self, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Proxy:
        return self.tracer.create_proxy("call_method", "__call__", (self, *args), kwargs)

    def __iter__(self) -> Iterator[Proxy]:
        return self.tracer.iter(self)

    def __bool__(self) -> bool:
        return self.tracer.to_bool(self)

    def __len__(self) -> int:
        raise RuntimeError(
            "'len' is not supported in symbolic tracing by default; fx.wrap('len') at the top of the module does"
        )

    def __index__(self) -> int:
        raise TraceError(f"{self.node} is no number while the program is traced")

    __int__ = __float__ = __complex__ = __index__  # type: ignore[assignment]

    def keys(self) -> Any:
        """The keys of what it stands for.

        Returns:
            A proxy.

        >>> from numtorch import fx
        >>> fx.Proxy(fx.Graph().placeholder("x")).keys()
        Proxy(keys)
        """
        return self.tracer.keys(self)

    def __contains__(self, item: Any) -> bool:
        raise TraceError(f"what {self.node} contains is not known while the program is traced")

    def __setitem__(self, index: Any, value: Any) -> None:
        self.tracer.create_proxy("call_function", operator.setitem, (self, index, value), {})

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        tracer = _tracer_of((args, kwargs))
        name = getattr(func, "__name__", "")
        if (overrides.resolve_name(func) or "").startswith("torch.Tensor."):
            return tracer.create_proxy("call_method", name, args, kwargs or {})
        return tracer.create_proxy("call_function", func, args, kwargs or {})


class Attribute(Proxy):
    """Stands for an attribute of a value; noted when it is used.

    Args:
        root: the value.
        attr: the attribute's name.
    """

    def __init__(self, root: Proxy, attr: str):
        self.root, self.attr, self.tracer = root, attr, root.tracer
        self._node: Node | None = None

    @property
    def node(self) -> Node:  # type: ignore[override]
        """The node, which is made when it is asked for."""
        if self._node is None:
            self._node = self.tracer.create_proxy("call_function", getattr, (self.root, self.attr), {}).node
        return self._node

    def __call__(self, *args: Any, **kwargs: Any) -> Proxy:
        return self.tracer.create_proxy("call_method", self.attr, (self.root, *args), kwargs)


def _tracer_of(given: Any) -> TracerBase:
    """The tracer of the first proxy in a structure."""
    if isinstance(given, Proxy):
        return given.tracer
    parts = given.values() if isinstance(given, dict) else given if isinstance(given, list | tuple) else ()
    for part in parts:
        found = _tracer_of(part)
        if found is not None:
            return found
    return None  # type: ignore[return-value]


def _operation(name: str, target: Callable, reflected: bool) -> Callable:
    def apply(self: Proxy, *rest: Any) -> Proxy:
        args = (*rest, self) if reflected else (self, *rest)
        return self.tracer.create_proxy("call_function", target, args, {})

    apply.__name__ = apply.__qualname__ = name
    return apply


for _name in [
    "add",
    "sub",
    "mul",
    "truediv",
    "floordiv",
    "mod",
    "pow",
    "matmul",
    "and_",
    "or_",
    "xor",
    "lshift",
    "rshift",
]:
    _plain = _name.rstrip("_")
    for _reflected in (False, True):
        _full = f"__{'r' * _reflected}{_plain}__"
        setattr(Proxy, _full, _operation(_full, getattr(operator, _name), _reflected))
for _name in ["getitem", "neg", "pos", "invert", "abs", "lt", "le", "gt", "ge", "eq", "ne"]:
    setattr(Proxy, f"__{_name}__", _operation(f"__{_name}__", getattr(operator, _name), False))
Proxy.__hash__ = object.__hash__  # type: ignore[method-assign]
Proxy.__divmod__ = lambda self, other: (self // other, self % other)  # type: ignore
