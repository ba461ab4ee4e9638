"""Nodes of a graph of a traced program, and the arguments that refer to them."""

from __future__ import annotations

import builtins
import operator
import types
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numtorch as torch
from numtorch import overrides

if TYPE_CHECKING:
    from numtorch.fx.graph import Graph

OPS = ("placeholder", "call_method", "call_module", "call_function", "get_attr", "output", "root")
# Functions that are called for what they do, not for what they give.
_EFFECTS: tuple[Callable[..., Any], ...] = (builtins.print, operator.setitem)


def map_aggregate(a: Any, fn: Callable[[Any], Any]) -> Any:
    """A function on the leaves of lists, tuples, dicts and slices; the containers are made anew.

    Args:
        a: a leaf or a container.
        fn: of one leaf.

    Returns:
        The same structure of results.

    >>> from numtorch import fx
    >>> fx.node.map_aggregate([1, (2, {"a": 3})], lambda n: n + 1)
    [2, (3, {'a': 4})]
    """
    if isinstance(a, tuple):
        mapped = tuple(map_aggregate(item, fn) for item in a)
        return mapped if not hasattr(a, "_fields") else type(a)(*mapped)
    if isinstance(a, list):
        return [map_aggregate(item, fn) for item in a]
    if isinstance(a, dict):
        return {key: map_aggregate(item, fn) for key, item in a.items()}
    if isinstance(a, slice):
        return slice(map_aggregate(a.start, fn), map_aggregate(a.stop, fn), map_aggregate(a.step, fn))
    return fn(a)


def map_arg(a: Any, fn: Callable[[Node], Any]) -> Any:
    """A function on the nodes in lists, tuples, dicts and slices.

    Args:
        a: a node or a container.
        fn: of one node.

    Returns:
        The same structure, with results for nodes.

    >>> from numtorch import fx
    >>> fx.node.map_arg([1, 2], lambda node: node.name)
    [1, 2]
    """
    return map_aggregate(a, lambda item: fn(item) if isinstance(item, Node) else item)


def has_side_effect(fn: Callable) -> Callable:
    """Say that a function is called for what it does: ``eliminate_dead_code`` keeps it.

    Args:
        fn: a function.

    Returns:
        The function.

    >>> from numtorch import fx
    >>> fx.has_side_effect(print) is print
    True
    """
    global _EFFECTS
    _EFFECTS = (*_EFFECTS, fn)
    return fn


def target_name(target: Any) -> str:
    """By what name the text of a program calls a function."""
    found = overrides.resolve_name(target)
    if found is not None:
        return found
    name = getattr(target, "__qualname__", None) or getattr(target, "__name__", None) or repr(target)
    module = getattr(target, "__module__", None) or "builtins"
    return name if module == "builtins" else f"{module}.{name}"


class Node:
    """One operation of a traced program: an input, a call, an attribute, or what is returned.

    Args:
        graph: the graph that it is of.
        name: what its result is called.
        op: ``placeholder``, ``get_attr``, ``call_function``, ``call_module``, ``call_method`` or ``output``.
        target: a function; of other operations the name of a method, a module, an attribute or an argument.
        args, kwargs: arguments; nodes in them stand for their results.
        return_type: what the program says of the type of its result.

    Attributes:
        users: the nodes that have it among their arguments.
        meta: anything that passes note about it.
        next, prev: its neighbours.

    >>> from numtorch import fx
    >>> [node.op for node in fx.symbolic_trace(lambda x: x + 1).graph.nodes]
    ['placeholder', 'call_function', 'output']
    """

    def __init__(
        self, graph: Graph, name: str, op: str, target: Any, args: tuple, kwargs: dict, return_type: Any = None
    ):
        if op not in OPS:
            raise AssertionError(f"Node: op is one of {', '.join(OPS)}, not {op!r}")
        if op == "call_function" and not callable(target):
            raise ValueError(f"Node: the target of call_function is a function, not {type(target).__name__}")
        if op not in ("call_function", "root") and not isinstance(target, str):
            raise ValueError(f"Node: the target of {op} is a str, not {type(target).__name__}")
        self.graph, self.name, self.op, self.target, self.type = graph, name, op, target, return_type
        self.users: dict[Node, None] = {}
        self._input_nodes: dict[Node, None] = {}
        self._args: tuple = ()
        self._kwargs: dict[str, Any] = {}
        self._set(tuple(args), dict(kwargs))
        self.meta: dict[str, Any] = {}
        self.prev = self.next = self
        self._erased = False

    def _set(self, args: tuple, kwargs: dict[str, Any]) -> None:
        for old in self._input_nodes:
            old.users.pop(self, None)
        self._input_nodes = {}

        def note(node: Node) -> Node:
            self._input_nodes.setdefault(node)
            node.users.setdefault(self)
            return node

        self._args, self._kwargs = map_arg(args, note), map_arg(kwargs, note)

    @property
    def args(self) -> tuple:
        """The arguments by position; assign to change them."""
        return self._args

    @args.setter
    def args(self, args: tuple) -> None:
        self._set(tuple(args), self._kwargs)

    @property
    def kwargs(self) -> dict[str, Any]:
        """The arguments by name; assign to change them."""
        return self._kwargs

    @kwargs.setter
    def kwargs(self, kwargs: dict[str, Any]) -> None:
        self._set(self._args, dict(kwargs))

    @property
    def all_input_nodes(self) -> list[Node]:
        """The nodes among the arguments, each once."""
        return list(self._input_nodes)

    @property
    def stack_trace(self) -> str | None:
        """Where the program made it, if that is noted."""
        return self.meta.get("stack_trace")

    @stack_trace.setter
    def stack_trace(self, trace: str | None) -> None:
        self.meta["stack_trace"] = trace

    def _remove(self) -> None:
        self.prev.next, self.next.prev = self.next, self.prev

    def prepend(self, x: Node) -> None:
        """Move a node before this one.

        Args:
            x: of the same graph.

        Raises:
            AssertionError: of another graph.

        >>> from numtorch import fx
        >>> graph = fx.Graph()
        >>> a, b = graph.placeholder("a"), graph.placeholder("b")
        >>> a.prepend(b)
        >>> list(graph.nodes)
        [b, a]
        """
        if x.graph is not self.graph:
            raise AssertionError("prepend: the nodes are of different graphs")
        if x is self:
            return
        x._remove()
        before = self.prev
        before.next, x.prev, x.next, self.prev = x, before, self, x

    def append(self, x: Node) -> None:
        """Move a node after this one.

        Args:
            x: of the same graph.

        Raises:
            AssertionError: of another graph.

        >>> from numtorch import fx
        >>> graph = fx.Graph()
        >>> a, b = graph.placeholder("a"), graph.placeholder("b")
        >>> b.append(a)
        >>> list(graph.nodes)
        [b, a]
        """
        if x is not self.next:
            self.next.prepend(x)

    def update_arg(self, idx: int, arg: Any) -> None:
        """Change one argument by position.

        Args:
            idx: which.
            arg: what it is from now on.

        >>> from numtorch import fx
        >>> gm = fx.symbolic_trace(lambda x: x + 1)
        >>> list(gm.graph.nodes)[1].update_arg(1, 2)
        >>> gm.recompile().src.splitlines()[-2].strip()
        'add = x + 2;  x = None'
        """
        args = list(self._args)
        args[idx] = arg
        self.args = tuple(args)

    def insert_arg(self, idx: int, arg: Any) -> None:
        """Add an argument before another.

        Args:
            idx: before which.
            arg: what it is.

        Raises:
            AssertionError: there are fewer.

        >>> from numtorch import fx
        >>> node = fx.Graph().call_function(max, (1, 2))
        >>> node.insert_arg(0, 3)
        >>> node.args
        (3, 1, 2)
        """
        if not 0 <= idx <= len(self._args):
            raise AssertionError(f"insert_arg: {idx} is not between 0 and {len(self._args)}")
        self.args = (*self._args[:idx], arg, *self._args[idx:])

    def update_kwarg(self, key: str, arg: Any) -> None:
        """Change one argument by name.

        Args:
            key: which.
            arg: what it is from now on.

        >>> from numtorch import fx
        >>> node = fx.Graph().call_function(max, (1, 2))
        >>> node.update_kwarg("key", abs)
        >>> node.kwargs
        {'key': <built-in function abs>}
        """
        self.kwargs = {**self._kwargs, key: arg}

    def replace_all_uses_with(
        self,
        replace_with: Node,
        delete_user_cb: Callable[[Node], bool] = lambda user: True,
        *,
        propagate_meta: bool = False,
    ) -> list[Node]:
        """Let another node stand where this one is an argument.

        Args:
            replace_with: the other one.
            delete_user_cb: whether a user is changed.
            propagate_meta: whether ``meta`` goes to the other one, which has none then.

        Returns:
            The users that are changed.

        Raises:
            AssertionError: ``propagate_meta``, and the other one has ``meta``.

        >>> from numtorch import fx
        >>> graph = fx.Graph()
        >>> a, b = graph.placeholder("a"), graph.placeholder("b")
        >>> last = graph.output(a)
        >>> a.replace_all_uses_with(b), last.args
        ([output], (b,))
        """
        if propagate_meta:
            if replace_with.meta:
                raise AssertionError("replace_all_uses_with: the other node has meta already")
            replace_with.meta.update(self.meta)
        changed = [user for user in self.users if delete_user_cb(user)]
        for user in changed:
            user.replace_input_with(self, replace_with)
        return changed

    def replace_input_with(self, old_input: Node, new_input: Node) -> None:
        """Let another node stand for one of the arguments.

        Args:
            old_input: the one.
            new_input: the other.

        >>> from numtorch import fx
        >>> graph = fx.Graph()
        >>> a, b = graph.placeholder("a"), graph.placeholder("b")
        >>> last = graph.output(a)
        >>> last.replace_input_with(a, b)
        >>> last.args
        (b,)
        """
        other = lambda node: new_input if node is old_input else node
        self._set(map_arg(self._args, other), map_arg(self._kwargs, other))

    def is_impure(self, impure_random: bool = True) -> bool:
        """Whether it does something beside giving a result.

        Args:
            impure_random: accepted.

        Returns:
            A bool.

        >>> from numtorch import fx
        >>> fx.Graph().placeholder("x").is_impure()
        True
        """
        if self.op in ("placeholder", "output"):
            return True
        if self.op == "call_function":
            name = getattr(self.target, "__name__", "")
            inplace = name.endswith("_") and not name.endswith("__")
            return self.target in _EFFECTS or inplace or bool(self.kwargs.get("inplace")) or "out" in self.kwargs
        if self.op == "call_method":
            return self.target.endswith("_") and not self.target.endswith("__")
        if self.op == "call_module":
            owner = self.graph.owning_module
            return owner is None or bool(getattr(owner.get_submodule(self.target), "_is_impure", False))
        return False

    def normalized_arguments(self, root: Any, *given: Any, **more: Any) -> None:
        """Not offered: None, as torch gives where it does not know a signature.

        Args:
            root, *given, **more: accepted.

        Returns:
            None.

        >>> from numtorch import fx
        >>> fx.Graph().placeholder("x").normalized_arguments(None)
        """

    def format_node(self, placeholder_names: list[str] | None = None, maybe_return_typename: list | None = None) -> str:
        """What it does, in one line.

        Args:
            placeholder_names, maybe_return_typename: accepted.

        Returns:
            Text.

        >>> from numtorch import fx
        >>> print(fx.Graph().placeholder("x").format_node())
        %x : [num_users=0] = placeholder[target=x]
        """
        if self.op == "output":
            return f"return {format_arg(self.args[0] if self.args else None)}"
        target = target_name(self.target) if self.op == "call_function" else self.target
        text = f"%{self.name} : [num_users={len(self.users)}] = {self.op}[target={target}]"
        if self.op in ("placeholder", "get_attr"):
            return text
        return f"{text}(args = {format_arg(self.args)}, kwargs = {format_arg(self.kwargs)})"

    def __repr__(self) -> str:
        return self.name

    __str__ = __repr__


def format_arg(arg: Any) -> str:
    """An argument, with ``%`` before the names of nodes."""
    if isinstance(arg, tuple):
        inner = ", ".join(format_arg(item) for item in arg)
        return f"({inner},)" if len(arg) == 1 else f"({inner})"
    if isinstance(arg, list):
        return f"[{', '.join(format_arg(item) for item in arg)}]"
    if isinstance(arg, dict):
        return "{" + ", ".join(f"{key}: {format_arg(item)}" for key, item in arg.items()) + "}"
    return f"%{arg.name}" if isinstance(arg, Node) else str(arg)


def inputs_of(nodes: Iterable[Node]) -> set[Node]:
    """The nodes among the arguments of nodes."""
    return {given for node in nodes for given in node.all_input_nodes}


Target = Any
Argument = Any
BASIC = (type(None), bool, int, float, complex, str, bytes, range, type(...), torch.dtype, torch.device, torch.Size)
KEPT = (*BASIC, torch.Tensor, types.FunctionType, types.BuiltinFunctionType, type, torch.memory_format, torch.layout)
