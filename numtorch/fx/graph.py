"""Graphs of traced programs, and the text of the program that a graph is."""

from __future__ import annotations

import builtins
import keyword
import operator
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numtorch as torch
from numtorch.fx.node import Node, map_arg, target_name

_INFIX = {
    operator.add: "{} + {}",
    operator.sub: "{} - {}",
    operator.mul: "{} * {}",
    operator.truediv: "{} / {}",
    operator.floordiv: "{} // {}",
    operator.mod: "{} % {}",
    operator.pow: "{} ** {}",
    operator.matmul: "{} @ {}",
    operator.and_: "{} & {}",
    operator.or_: "{} | {}",
    operator.xor: "{} ^ {}",
    operator.lshift: "{} << {}",
    operator.rshift: "{} >> {}",
    operator.lt: "{} < {}",
    operator.le: "{} <= {}",
    operator.gt: "{} > {}",
    operator.ge: "{} >= {}",
    operator.eq: "{} == {}",
    operator.ne: "{} != {}",
    operator.getitem: "{}[{}]",
    operator.neg: "-{}",
    operator.pos: "+{}",
    operator.invert: "~{}",
}


@dataclass
class PythonCode:
    """The text of a program, and the names that it uses.

    Attributes:
        src: the text.
        globals: what the names are.
    """

    src: str
    globals: dict[str, Any]


class _Names:
    """Names that are given once."""

    def __init__(self) -> None:
        self.used: dict[str, int] = {}
        self.taken: set[str] = set()

    def new(self, wanted: str) -> str:
        name = re.sub(r"\W", "_", wanted) or "_"
        if name[0].isdigit():
            name = f"_{name}"
        base, number = name, 0
        ending = re.fullmatch(r"(.*?)_(\d+)", name)
        if ending and ending[1]:
            base, number = ending[1], int(ending[2])
            name = f"{base}_{number}"
        while name in self.taken or keyword.iskeyword(name) or name in _RESERVED:
            number = max(self.used.get(base, 0), number) + 1
            name = f"{base}_{number}"
            self.used[base] = number
        self.taken.add(name)
        return name


_RESERVED = {*dir(builtins), "self", "torch", "inf", "nan", "NoneType", "device"}


def _snake(text: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", text).lower()


class Graph:
    """The operations of a traced program, in their order.

    Args:
        owning_module: the GraphModule that it is of.
        tracer_cls: the class of tracers that made it.
        tracer_extras: accepted.

    >>> from numtorch import fx
    >>> graph = fx.Graph()
    >>> x = graph.placeholder("x")
    >>> y = graph.call_function(torch.relu, (x,))
    >>> last = graph.output(y)
    >>> print(graph.python_code("self").src.strip())
    def forward(self, x):
        relu = torch.relu(x);  x = None
        return relu
    """

    def __init__(self, owning_module: Any = None, tracer_cls: Any = None, tracer_extras: dict | None = None):
        self._root = Node(self, "", "root", "", (), {})
        self._names = _Names()
        self._insert: Callable[[Node], None] = self._root.prepend
        self.owning_module, self._tracer_cls = owning_module, tracer_cls

    # --- nodes ----------------------------------------------------------------------------------------

    @property
    def nodes(self) -> _Nodes:
        """The nodes in their order; also ``reversed(graph.nodes)`` and ``len(graph.nodes)``."""
        return _Nodes(self)

    def find_nodes(self, *, op: str, target: Any = None, sort: bool = True) -> list[Node]:
        """The nodes of a kind.

        Args:
            op: of Node.
            target: of Node, or any.
            sort: accepted; they are in their order.

        Returns:
            A list.

        >>> from numtorch import fx
        >>> fx.symbolic_trace(lambda x: x + 1).graph.find_nodes(op="placeholder")
        [x]
        """
        return [node for node in self.nodes if node.op == op and (target is None or node.target == target)]

    def create_node(
        self,
        op: str,
        target: Any,
        args: tuple | None = None,
        kwargs: dict[str, Any] | None = None,
        name: str | None = None,
        type_expr: Any = None,
    ) -> Node:
        """Add a node where nodes are inserted, at the end unless said otherwise.

        Args:
            op, target: of Node.
            args, kwargs: its arguments.
            name: what its result is called, if nothing else is called so.
            type_expr: its type.

        Returns:
            The node.

        Raises:
            ValueError: the target is not one of this ``op``.
            RuntimeError: an argument is a node of another graph.

        >>> from numtorch import fx
        >>> fx.Graph().create_node("call_function", torch.relu, (1,))
        relu
        """

        def own(node: Node) -> Node:
            if node.graph is not self:
                raise RuntimeError(f"create_node: the argument {node} is of another graph")
            return node

        args, kwargs = tuple(args or ()), dict(kwargs or {})
        map_arg((args, kwargs), own)
        if not name:
            called = target_name(target).rpartition(".")[2] if op == "call_function" else str(target)
            name = "output" if op == "output" else _snake(called.lstrip("*"))
            if op == "placeholder":
                name = str(target).lstrip("*")
            if name.startswith("__") and name.endswith("__") and len(name) > 4:
                name = name[2:-2]
        node = Node(self, self._names.new(name), op, target, args, kwargs, type_expr)
        self._insert(node)
        return node

    def placeholder(self, name: str, type_expr: Any = None, default_value: Any = ...) -> Node:
        """An input.

        Args:
            name: of the argument.
            type_expr: its type.
            default_value: its default.

        Returns:
            A node.

        >>> from numtorch import fx
        >>> fx.Graph().placeholder("x")
        x
        """
        args = () if default_value is ... else (default_value,)
        return self.create_node("placeholder", name, args, type_expr=type_expr)

    def get_attr(self, qualified_name: str, type_expr: Any = None) -> Node:
        """An attribute of the module, as a parameter.

        Args:
            qualified_name: as ``layers.0.weight``.
            type_expr: its type.

        Returns:
            A node.

        >>> from numtorch import fx
        >>> fx.Graph().get_attr("layer.weight")
        layer_weight
        """
        return self.create_node("get_attr", qualified_name, type_expr=type_expr)

    def call_module(
        self, module_name: str, args: tuple | None = None, kwargs: dict | None = None, type_expr: Any = None
    ) -> Node:
        """A call of a submodule.

        Args:
            module_name: as ``layers.0``.
            args, kwargs: what it is called with.
            type_expr: its type.

        Returns:
            A node.

        >>> from numtorch import fx
        >>> fx.Graph().call_module("layers.0")
        layers_0
        """
        return self.create_node("call_module", module_name, args, kwargs, type_expr=type_expr)

    def call_method(
        self, method_name: str, args: tuple | None = None, kwargs: dict | None = None, type_expr: Any = None
    ) -> Node:
        """A call of a method.

        Args:
            method_name: of the first argument.
            args, kwargs: what it is called with.
            type_expr: its type.

        Returns:
            A node.

        >>> from numtorch import fx
        >>> graph = fx.Graph()
        >>> graph.call_method("view", (graph.placeholder("x"), -1))
        view
        """
        return self.create_node("call_method", method_name, args, kwargs, type_expr=type_expr)

    def call_function(
        self,
        the_function: Callable,
        args: tuple | None = None,
        kwargs: dict | None = None,
        type_expr: Any = None,
        name: str | None = None,
    ) -> Node:
        """A call of a function.

        Args:
            the_function: the function.
            args, kwargs: what it is called with.
            type_expr: its type.
            name: what the result is called.

        Returns:
            A node.

        >>> from numtorch import fx
        >>> fx.Graph().call_function(max, (1, 2))
        max_1
        """
        return self.create_node("call_function", the_function, args, kwargs, name, type_expr)

    def output(self, result: Any, type_expr: Any = None) -> Node:
        """What the program returns.

        Args:
            result: a node, or a structure of nodes.
            type_expr: its type.

        Returns:
            A node.

        >>> from numtorch import fx
        >>> fx.Graph().output(None)
        output
        """
        return self.create_node("output", "output", (result,), type_expr=type_expr)

    def output_node(self) -> Node:
        """The last node, if it says what is returned.

        Returns:
            A node.

        Raises:
            RuntimeError: there is none.

        >>> from numtorch import fx
        >>> fx.symbolic_trace(lambda x: x).graph.output_node()
        output
        """
        last = self._root.prev
        if last.op != "output":
            raise RuntimeError("output_node: the graph has no output")
        return last

    def erase_node(self, to_erase: Node) -> None:
        """Take a node out that no other node needs.

        Args:
            to_erase: the node.

        Raises:
            RuntimeError: another node needs it, or it is of another graph.

        >>> from numtorch import fx
        >>> graph = fx.Graph()
        >>> graph.erase_node(graph.placeholder("x"))
        """
        if to_erase.users:
            raise RuntimeError(f"erase_node: {to_erase} has users, which need it: {list(to_erase.users)}")
        if to_erase.graph is not self:
            raise RuntimeError(f"erase_node: {to_erase} is of another graph")
        if to_erase._erased:
            return
        to_erase._remove()
        to_erase._erased = True
        to_erase._set((), {})

    def inserting_before(self, n: Node | None = None) -> Any:
        """Where nodes are added from now on, or within a ``with`` block.

        Args:
            n: before this node; at the beginning if None.

        Returns:
            A context manager.

        Raises:
            AssertionError: of another graph.

        >>> from numtorch import fx
        >>> graph = fx.Graph()
        >>> b = graph.placeholder("b")
        >>> with graph.inserting_before(b):
        ...     a = graph.placeholder("a")
        >>> list(graph.nodes)
        [a, b]
        """
        if n is None:
            return self.inserting_after(self._root)
        if n.graph is not self:
            raise AssertionError("inserting_before: the node is of another graph")
        return self._inserting(n.prepend)

    def inserting_after(self, n: Node | None = None) -> Any:
        """Where nodes are added from now on, or within a ``with`` block.

        Args:
            n: after this node; at the end if None.

        Returns:
            A context manager.

        Raises:
            AssertionError: of another graph.

        >>> from numtorch import fx
        >>> graph = fx.Graph()
        >>> b = graph.placeholder("b")
        >>> with graph.inserting_after(b):
        ...     c = graph.call_function(max, (b, 1))
        >>> list(graph.nodes)
        [b, max_1]
        """
        if n is None:
            return self.inserting_before(self._root)
        if n.graph is not self:
            raise AssertionError("inserting_after: the node is of another graph")
        at = n

        def insert(node: Node) -> None:
            nonlocal at
            at.append(node)
            at = node

        return self._inserting(insert)

    def _inserting(self, insert: Callable[[Node], None]) -> Any:
        before, self._insert = self._insert, insert

        @contextmanager
        def block() -> Iterator[None]:
            self._insert = insert
            try:
                yield
            finally:
                self._insert = before

        return block()

    def node_copy(self, node: Node, arg_transform: Callable[[Node], Any] = lambda node: node) -> Node:
        """Add a copy of a node of another graph.

        Args:
            node: the node.
            arg_transform: gives for its arguments nodes of this graph.

        Returns:
            The copy.

        >>> from numtorch import fx
        >>> fx.Graph().node_copy(fx.Graph().placeholder("x"))
        x
        """
        args, kwargs = map_arg(node.args, arg_transform), map_arg(node.kwargs, arg_transform)
        made = self.create_node(node.op, node.target, args, kwargs, node.name, node.type)
        made.meta = dict(node.meta)
        return made

    def graph_copy(self, g: Graph, val_map: dict[Node, Node], return_output_node: bool = False) -> Any:
        """Add copies of all nodes of another graph, but for its output.

        Args:
            g: the other graph.
            val_map: what stands for its nodes; the copies are added to it.
            return_output_node: whether its output is given too.

        Returns:
            What the other graph returns, of nodes of this one; None if it returns nothing. With ``return_output_node``
            a pair with the other graph's output.

        >>> from numtorch import fx
        >>> graph = fx.Graph()
        >>> graph.graph_copy(fx.symbolic_trace(lambda x: x + 1).graph, {})
        add
        """
        for node in g.nodes:
            if node in val_map:
                continue
            if node.op == "output":
                result = map_arg(node.args[0], lambda n: val_map[n])
                return (result, node) if return_output_node else result
            val_map[node] = self.node_copy(node, lambda n: val_map[n])
        return None

    def __deepcopy__(self, memo: dict | None = None) -> Graph:
        copy = Graph(tracer_cls=self._tracer_cls)
        val_map: dict[Node, Node] = {}
        found = copy.graph_copy(self, val_map, return_output_node=True)
        if found is not None:
            copy.node_copy(found[1], lambda n: val_map[n])
        return copy

    def eliminate_dead_code(self, is_impure_node: Callable[[Node], bool] | None = None) -> bool:
        """Take nodes out whose results nobody needs.

        Args:
            is_impure_node: whether a node stays all the same.

        Returns:
            Whether there were any.

        >>> from numtorch import fx
        >>> def f(x):
        ...     unused = x + 1
        ...     return x
        >>> fx.symbolic_trace(f).graph.eliminate_dead_code()
        True
        """
        stays, changed = is_impure_node or Node.is_impure, False
        for node in reversed(self.nodes):
            if not node.users and not stays(node) and node.op not in ("placeholder", "output"):
                self.erase_node(node)
                changed = True
        return changed

    def lint(self) -> None:
        """Check that nodes come after their arguments, that names are given once, and that targets are there.

        Raises:
            RuntimeError: they do not, or are not.

        >>> from numtorch import fx
        >>> fx.symbolic_trace(lambda x: x + 1).graph.lint()
        """
        seen: set[Node] = set()
        names: set[str] = set()
        for node in self.nodes:
            if node.graph is not self:
                raise RuntimeError(f"lint: {node} is of another graph")
            for given in node.all_input_nodes:
                if given not in seen:
                    raise RuntimeError(f"lint: {given} is an argument of {node}, and does not come before it")
            if node.name in names:
                raise RuntimeError(f"lint: {node.name} is the name of two nodes")
            seen.add(node)
            names.add(node.name)
            if self.owning_module is not None and node.op in ("get_attr", "call_module"):
                at = self.owning_module
                for part in node.target.split("."):
                    if not hasattr(at, part):
                        raise RuntimeError(f"lint: {node} refers to {node.target}, which the module does not have")
                    at = getattr(at, part)

    # --- text -----------------------------------------------------------------------------------------

    def python_code(self, root_module: str, **options: Any) -> PythonCode:
        """The program as text.

        Args:
            root_module: the name by which it calls the module.
            **options: accepted.

        Returns:
            PythonCode.

        >>> from numtorch import fx
        >>> print(fx.symbolic_trace(lambda x: x.view(-1)).graph.python_code("self").src.strip())
        def forward(self, x):
            view = x.view(-1);  x = None
            return view
        """
        return _Writer(self, root_module).code()

    def print_tabular(self) -> None:
        """Print a table of the nodes.

        >>> from numtorch import fx
        >>> fx.symbolic_trace(lambda x: x).graph.print_tabular()
        opcode       name    target  args  kwargs
        -----------  ------  ------  ----  ------
        placeholder  x       x       ()    {}
        output       output  output  (x,)  {}
        """
        rows = [["opcode", "name", "target", "args", "kwargs"]]
        rows += [[n.op, n.name, str(n.target), str(n.args), str(n.kwargs)] for n in self.nodes]
        wide = [max(len(row[i]) for row in rows) for i in range(5)]
        rows.insert(1, ["-" * w for w in wide])
        for row in rows:
            print("  ".join(cell.ljust(w) for cell, w in zip(row, wide, strict=True)).rstrip())

    def __str__(self) -> str:
        inputs = ", ".join(f"%{n.name}" for n in self.nodes if n.op == "placeholder")
        lines = [f"    {n.format_node()}" for n in self.nodes]
        return "\n".join([f"graph({inputs}):", *lines])


class _Nodes:
    """The nodes of a graph, in their order."""

    def __init__(self, graph: Graph, backwards: bool = False):
        self._root, self._backwards = graph._root, backwards

    def __iter__(self) -> Iterator[Node]:
        at = self._root.prev if self._backwards else self._root.next
        while at is not self._root:
            following = at
            if not at._erased:
                yield at
            at = following.prev if self._backwards else following.next

    def __reversed__(self) -> _Nodes:
        return _Nodes(self._root.graph, not self._backwards)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return repr(list(self))


class _Writer:
    """Writes the text of one graph."""

    def __init__(self, graph: Graph, root: str):
        self.graph, self.root = graph, root
        self.globals: dict[str, Any] = {"torch": torch}
        self.last: dict[Node, list[Node]] = {}
        seen: set[Node] = set()
        for node in reversed(graph.nodes):
            for given in node.all_input_nodes:
                if given not in seen:
                    seen.add(given)
                    self.last.setdefault(node, []).append(given)

    def given_name(self, wanted: str, value: Any) -> str:
        """A global name for a value."""
        name = re.sub(r"\W", "_", wanted)
        while name in self.globals and self.globals[name] is not value or name in self.graph._names.taken:
            name += "_"
        self.globals[name] = value
        return name

    def callee(self, target: Any) -> str:
        named = target_name(target)
        if getattr(builtins, named, None) is target:
            return named
        at: Any = torch
        if named.startswith("torch."):
            for part in named.split(".")[1:]:
                at = getattr(at, part, None)
            if at is target:
                return named
        return self.given_name(named, target)

    def value(self, arg: Any) -> str:
        if isinstance(arg, Node):
            return arg.name
        if isinstance(arg, tuple) and hasattr(arg, "_fields"):
            kind = self.given_name(type(arg).__name__, type(arg))
            return f"{kind}({', '.join(self.value(item) for item in arg)})"
        if isinstance(arg, torch.Size):
            return f"torch.Size([{', '.join(map(str, arg))}])"
        if isinstance(arg, tuple):
            return f"({', '.join(self.value(item) for item in arg)}{',' * (len(arg) == 1)})"
        if isinstance(arg, list):
            return f"[{', '.join(self.value(item) for item in arg)}]"
        if isinstance(arg, dict):
            return "{" + ", ".join(f"{key!r}: {self.value(item)}" for key, item in arg.items()) + "}"
        if isinstance(arg, slice):
            return f"slice({self.value(arg.start)}, {self.value(arg.stop)}, {self.value(arg.step)})"
        if isinstance(arg, torch.device):
            return f"torch.device({str(arg)!r})"
        if isinstance(arg, torch.dtype | torch.memory_format | torch.layout):
            return str(arg)
        if isinstance(arg, float) and repr(arg).lstrip("-") in ("inf", "nan"):
            self.globals.update({"inf": float("inf"), "nan": float("nan")})
            return repr(arg)
        if callable(arg):
            return self.callee(arg)
        if isinstance(arg, type(None) | bool | int | float | complex | str | bytes | range) or arg is ...:
            return "..." if arg is ... else repr(arg)
        return self.given_name(f"_{type(arg).__name__}", arg)

    def arguments(self, args: tuple, kwargs: dict[str, Any]) -> str:
        return ", ".join([*map(self.value, args), *(f"{key} = {self.value(item)}" for key, item in kwargs.items())])

    def attribute(self, target: str) -> str:
        text = self.root
        for part in target.split("."):
            text = f"{text}.{part}" if part.isidentifier() else f'getattr({text}, "{part}")'
        return text

    def called(self, node: Node) -> str:
        args, kwargs = node.args, node.kwargs
        if node.op == "call_method":
            return f"{self.value(args[0])}.{node.target}({self.arguments(args[1:], kwargs)})"
        if node.op == "call_module":
            return f"{self.attribute(node.target)}({self.arguments(args, kwargs)})"
        if node.op == "get_attr":
            return self.attribute(node.target)
        if node.target in _INFIX and not kwargs:
            written = [self.value(arg) for arg in args]
            if node.target is operator.getitem and isinstance(args[1], slice):
                written[1] = self.slice(args[1])
            elif node.target is operator.getitem and isinstance(args[1], tuple) and args[1]:
                inner = [self.slice(item) if isinstance(item, slice) else self.value(item) for item in args[1]]
                written[1] = (
                    f"({', '.join(inner)},)"
                    if not any(isinstance(i, slice) for i in args[1])
                    else (", ".join(inner) + "," * (len(inner) == 1))
                )
            return _INFIX[node.target].format(*written)
        if node.target is getattr and not kwargs and len(args) == 2 and str(args[1]).isidentifier():
            return f"{self.value(args[0])}.{args[1]}"
        return f"{self.callee(node.target)}({self.arguments(args, kwargs)})"

    def slice(self, part: slice) -> str:
        ends = ["" if end is None else self.value(end) for end in (part.start, part.stop)]
        return ":".join(ends) + ("" if part.step is None else f":{self.value(part.step)}")

    def code(self) -> PythonCode:
        free, body = [], []
        for node in self.graph.nodes:
            if node.op == "placeholder":
                default = f" = {self.value(node.args[0])}" if node.args else ""
                free.append(f"{node.target}{default}")
                bare = node.target.lstrip("*")
                if bare != node.name:
                    body.append(f"    {node.name} = {bare}")
                continue
            if node.op == "output":
                body.append(f"    return {self.value(node.args[0])}")
                continue
            gone = [n.name for n in reversed(self.last.get(node, []))]
            if not node.users:
                gone.append(node.name)
            ends = f";  {' = '.join([*gone, 'None'])}" if gone else ""
            if node.op == "call_function" and node.target is operator.setitem:
                kept = f"{self.value(node.args[0])}[{self.value(node.args[1])}] = {self.value(node.args[2])}"
                body.append(f"    {kept};  {node.name} = None")
                continue
            body.append(f"    {node.name} = {self.called(node)}{ends}")
        head = f"def forward({', '.join([self.root, *free])}):"
        return PythonCode("\n" + "\n".join([head, *(body or ["    pass"])]) + "\n", self.globals)
