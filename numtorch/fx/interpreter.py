"""Interpreters: they run a graph node by node; transformers make another graph of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from numtorch.fx.graph import Graph
from numtorch.fx.graph_module import GraphModule
from numtorch.fx.node import Node, map_arg
from numtorch.fx.proxy import Proxy
from numtorch.fx.symbolic_trace import Tracer
from numtorch.nn.module import Module


class Interpreter:
    """Runs a graph node by node; subclasses change what a kind of node does.

    Args:
        module: a GraphModule.
        garbage_collect_values: whether values are let go after their last use.
        graph: another graph to run.

    Attributes:
        env: the values so far, by their nodes.

    >>> from numtorch import fx
    >>> fx.Interpreter(fx.symbolic_trace(lambda x: x + 1)).run(torch.ones(1))
    tensor([2.])
    """

    def __init__(self, module: Module, garbage_collect_values: bool = True, graph: Graph | None = None):
        self.module = module
        self.graph: Graph = getattr(module, "graph") if graph is None else graph  # noqa: B009 - any module has one here
        self.garbage_collect_values = garbage_collect_values
        self.submodules = dict(module.named_modules())
        self.env: dict[Node, Any] = {}
        self.name, self.extra_traceback = type(module).__name__, True
        self.user_to_last_uses: dict[Node, list[Node]] = {}
        seen: set[Node] = set()
        for node in reversed(self.graph.nodes):
            for given in node.all_input_nodes:
                if given not in seen:
                    seen.add(given)
                    self.user_to_last_uses.setdefault(node, []).append(given)

    def run(self, *args: Any, initial_env: dict[Node, Any] | None = None, enable_io_processing: bool = True) -> Any:
        """Run the graph.

        Args:
            *args: its inputs.
            initial_env: values that nodes have already.
            enable_io_processing: accepted.

        Returns:
            What it returns.

        Raises:
            RuntimeError: inputs are missing.

        >>> from numtorch import fx
        >>> fx.Interpreter(fx.symbolic_trace(lambda x, y: x * y)).run(2, 3)
        6
        """
        self.env = dict(initial_env or {})
        self.args_iter: Iterator[Any] = iter(args)
        for node in self.graph.nodes:
            if node in self.env:
                continue
            self.env[node] = self.run_node(node)
            if node.op == "output":
                return self.env[node]
            if self.garbage_collect_values:
                for gone in self.user_to_last_uses.get(node, []):
                    del self.env[gone]
        return None

    def run_node(self, n: Node) -> Any:
        """Run one node.

        Args:
            n: the node.

        Returns:
            Its result.

        >>> from numtorch import fx
        >>> node = fx.Graph().call_function(max, (1, 2))
        >>> fx.Interpreter(fx.symbolic_trace(lambda x: x)).run_node(node)
        2
        """
        args, kwargs = self.fetch_args_kwargs_from_env(n)
        return getattr(self, n.op)(n.target, args, kwargs)

    def placeholder(self, target: str, args: tuple, kwargs: dict[str, Any]) -> Any:
        """An input.

        Args:
            target, args, kwargs: of the node.

        Returns:
            The next argument of ``run``, or the default.

        Raises:
            RuntimeError: there is neither.

        >>> from numtorch import fx
        >>> run = fx.Interpreter(fx.symbolic_trace(lambda x: x))
        >>> run.args_iter = iter([3])
        >>> run.placeholder("x", (), {})
        3
        """
        if target.startswith("**"):
            return {}
        if target.startswith("*"):
            return list(self.args_iter)
        for value in self.args_iter:
            return value
        if args:
            return args[0]
        raise RuntimeError(f"Interpreter: there is no argument for {target}, which has no default")

    def get_attr(self, target: str, args: tuple, kwargs: dict[str, Any]) -> Any:
        """An attribute of the module.

        Args:
            target, args, kwargs: of the node.

        Returns:
            Its value.

        >>> from numtorch import fx
        >>> fx.Interpreter(fx.symbolic_trace(lambda x: x)).get_attr("training", (), {})
        True
        """
        return self.fetch_attr(target)

    def call_function(self, target: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
        """A call of a function.

        Args:
            target, args, kwargs: of the node.

        Returns:
            Its result.

        >>> from numtorch import fx
        >>> fx.Interpreter(fx.symbolic_trace(lambda x: x)).call_function(max, (1, 2), {})
        2
        """
        return target(*args, **kwargs)

    def call_method(self, target: str, args: tuple, kwargs: dict[str, Any]) -> Any:
        """A call of a method of the first argument.

        Args:
            target, args, kwargs: of the node.

        Returns:
            Its result.

        >>> from numtorch import fx
        >>> fx.Interpreter(fx.symbolic_trace(lambda x: x)).call_method("upper", ("a",), {})
        'A'
        """
        return getattr(args[0], target)(*args[1:], **kwargs)

    def call_module(self, target: str, args: tuple, kwargs: dict[str, Any]) -> Any:
        """A call of a submodule.

        Args:
            target, args, kwargs: of the node.

        Returns:
            Its result.

        >>> from numtorch import fx
        >>> run = fx.Interpreter(fx.symbolic_trace(torch.nn.Sequential(torch.nn.ReLU())))
        >>> run.call_module("0", (torch.tensor([-1.0]),), {})
        tensor([0.])
        """
        return self.fetch_attr(target)(*args, **kwargs)

    def output(self, target: str, args: tuple, kwargs: dict[str, Any]) -> Any:
        """What is returned.

        Args:
            target, args, kwargs: of the node.

        Returns:
            The first argument.

        >>> from numtorch import fx
        >>> fx.Interpreter(fx.symbolic_trace(lambda x: x)).output("output", (3,), {})
        3
        """
        return args[0]

    def fetch_attr(self, target: str) -> Any:
        """What the module has under a name.

        Args:
            target: as ``layers.0.weight``.

        Returns:
            The value.

        Raises:
            RuntimeError: there is none.

        >>> from numtorch import fx
        >>> fx.Interpreter(fx.symbolic_trace(lambda x: x)).fetch_attr("training")
        True
        """
        at: Any = self.module
        for part in target.split("."):
            if not hasattr(at, part):
                raise RuntimeError(f"Interpreter: the module has no {target}")
            at = getattr(at, part)
        return at

    def fetch_args_kwargs_from_env(self, n: Node) -> tuple[tuple, dict[str, Any]]:
        """The values of a node's arguments.

        Args:
            n: the node.

        Returns:
            (arguments by position, arguments by name).

        >>> from numtorch import fx
        >>> run = fx.Interpreter(fx.symbolic_trace(lambda x: x))
        >>> run.fetch_args_kwargs_from_env(fx.Graph().call_function(max, (1, 2)))
        ((1, 2), {})
        """
        return self.map_nodes_to_values(n.args, n), self.map_nodes_to_values(n.kwargs, n)

    def map_nodes_to_values(self, args: Any, n: Node) -> Any:
        """A structure with values for its nodes.

        Args:
            args: the structure.
            n: whose arguments it is.

        Returns:
            The structure.

        Raises:
            RuntimeError: a node has no value yet.

        >>> from numtorch import fx
        >>> run = fx.Interpreter(fx.symbolic_trace(lambda x: x))
        >>> run.map_nodes_to_values([1], fx.Graph().placeholder("x"))
        [1]
        """

        def value(node: Node) -> Any:
            if node not in self.env:
                raise RuntimeError(f"Interpreter: {n} needs {node}, which has no value yet")
            return self.env[node]

        return map_arg(args, value)


class Transformer(Interpreter):
    """Makes another graph of a graph; subclasses change what becomes of a kind of node.

    Args:
        module: a GraphModule.

    >>> from numtorch import fx
    >>> class Swap(fx.Transformer):
    ...     def call_function(self, target, args, kwargs):
    ...         return super().call_function(torch.cos if target is torch.sin else target, args, kwargs)
    >>> Swap(fx.symbolic_trace(lambda x: torch.sin(x))).transform()(torch.zeros(1))
    tensor([1.])
    """

    def __init__(self, module: GraphModule):
        super().__init__(module)
        self.new_graph = Graph()

        class Noting(Tracer):
            def is_leaf_module(self, m: Module, module_qualified_name: str) -> bool:
                return True

        self.tracer = Noting()
        self.tracer.graph, self.tracer.root = self.new_graph, module

    def placeholder(self, target: str, args: tuple, kwargs: dict[str, Any]) -> Proxy:
        return Proxy(self.new_graph.placeholder(target, default_value=args[0] if args else ...), self.tracer)

    def get_attr(self, target: str, args: tuple, kwargs: dict[str, Any]) -> Proxy:
        return self.tracer.create_proxy("get_attr", target, args, kwargs)

    def call_function(self, target: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
        return self.tracer.create_proxy("call_function", target, args, kwargs)

    def call_method(self, target: str, args: tuple, kwargs: dict[str, Any]) -> Any:
        return self.tracer.create_proxy("call_method", target, args, kwargs)

    def call_module(self, target: str, args: tuple, kwargs: dict[str, Any]) -> Any:
        return self.tracer.create_proxy("call_module", target, args, kwargs)

    def transform(self) -> GraphModule:
        """The module of the other graph.

        Returns:
            A GraphModule.

        >>> from numtorch import fx
        >>> fx.Transformer(fx.symbolic_trace(lambda x: x + 1)).transform()(1)
        2
        """
        result = super().run()
        self.new_graph.output(self.tracer.create_arg(result))
        return GraphModule(self.module, self.new_graph, type(self.module).__name__)
