"""A module that runs the text of a graph."""

from __future__ import annotations

import copy
import linecache
from typing import Any

import numtorch as torch
from numtorch.fx.graph import Graph, PythonCode
from numtorch.nn.module import Module

_made = 0
RESTORE: list[Any] = []  # the function that unpickles, which the package gives: it traces the text again


def _compiled(code: PythonCode) -> Any:
    """The function ``forward`` of a text; tracebacks and debuggers show its lines."""
    global _made
    _made += 1
    filename = f"<eval_with_key>.{_made}"
    linecache.cache[filename] = (len(code.src), None, code.src.splitlines(keepends=True), filename)
    scope: dict[str, Any] = dict(code.globals)
    exec(compile(code.src, filename, "exec"), scope)  # noqa: S102 - the text is the graph's
    return scope["forward"]


def code_of(text: str, names: dict[str, Any]) -> PythonCode:
    """PythonCode of a text and the names in it."""
    return PythonCode(text, {"torch": torch, **names})


def _copy_attribute(source: Any, into: Module, target: str) -> None:
    """Let a module have what another has under a name such as ``layers.0.weight``, with modules on the way."""
    *path, last = target.split(".")
    for part in path:
        if not hasattr(source, part):
            return
        found = getattr(source, part)
        if not hasattr(into, part):
            into.add_module(part, Module())
        elif getattr(into, part) is found:
            return  # it is there with all that it has
        source, into = found, getattr(into, part)
    if not hasattr(source, last):
        return
    value = getattr(source, last)
    if isinstance(value, torch.Tensor) and not isinstance(value, torch.nn.Parameter):
        into.register_buffer(last, value)
    else:
        setattr(into, last, value)


class GraphModule(Module):
    """A module that does what a graph says.

    Args:
        root: where the graph's submodules and attributes are: a module, or a dict by their names.
        graph: the graph.
        class_name: the name of its class.

    Attributes:
        code: the text of its ``forward``.
        meta: anything that passes note about it.

    Raises:
        RuntimeError: the dict lacks what the graph refers to, or ``root`` is something else.

    >>> from numtorch import fx
    >>> gm = fx.symbolic_trace(torch.nn.Sequential(torch.nn.ReLU()))
    >>> gm
    Sequential(
      (0): ReLU()
    )
    <BLANKLINE>
    <BLANKLINE>
    <BLANKLINE>
    def forward(self, input):
        input_1 = input
        _0 = getattr(self, "0")(input_1);  input_1 = None
        return _0
    <BLANKLINE>
    # To see more debug info, please use `graph_module.print_readable()`
    """

    _graph: Graph
    _code: str

    def __new__(cls, *args: Any, **kwargs: Any) -> GraphModule:
        base = next(c for c in cls.__mro__ if "_own_class" not in vars(c))
        made = type(base.__name__, (base,), {"_own_class": True, "__module__": base.__module__})
        return Module.__new__(made)  # type: ignore[return-value]

    def __init__(self, root: Module | dict[str, Any], graph: Graph, class_name: str = "GraphModule"):
        super().__init__()
        type(self).__name__ = class_name
        if not isinstance(root, Module | dict):
            raise RuntimeError(f"GraphModule: root is a module or a dict, not {type(root).__name__}")
        targets = [n.target for n in graph.nodes if n.op in ("get_attr", "call_module")]
        if isinstance(root, Module):
            self.training = root.training
            for target in targets:
                _copy_attribute(root, self, target)
        else:
            for target in sorted(targets, key=lambda t: t.count(".")):
                if target not in root:
                    raise RuntimeError(f"GraphModule: the graph refers to {target!r}, which is not in the dict")
                self._put(target, root[target])
        self.meta: dict[str, Any] = {}
        self.graph = copy.deepcopy(graph) if graph.owning_module is not None else graph

    def _put(self, target: str, value: Any) -> None:
        *path, last = target.split(".")
        at: Module = self
        for part in path:
            if not hasattr(at, part):
                at.add_module(part, Module())
            at = getattr(at, part)
        if isinstance(value, torch.Tensor) and not isinstance(value, torch.nn.Parameter):
            at.register_buffer(last, value)
        else:
            setattr(at, last, value)

    @property
    def graph(self) -> Graph:
        """The graph; assign another one to run that."""
        return self._graph

    @graph.setter
    def graph(self, graph: Graph) -> None:
        if not isinstance(graph, Graph):
            raise AssertionError(f"GraphModule: the graph is a Graph, not {type(graph).__name__}")
        self.__dict__["_graph"] = graph
        graph.owning_module = self
        self.recompile()

    @property
    def code(self) -> str:
        """The text of ``forward``, as ``recompile`` wrote it."""
        return self._code

    def recompile(self) -> PythonCode:
        """Write ``forward`` anew; after a change of the graph.

        Returns:
            PythonCode.

        >>> from numtorch import fx
        >>> gm = fx.symbolic_trace(lambda x: x + 1)
        >>> for node in gm.graph.nodes:
        ...     if node.op == "call_function":
        ...         node.target = torch.mul
        >>> gm.recompile().src.splitlines()[2].strip()
        'add = torch.mul(x, 1);  x = None'
        """
        code = self._graph.python_code("self")
        self.__dict__["_code"] = code.src
        type(self).forward = _compiled(code)  # type: ignore[method-assign]
        return code

    def add_submodule(self, target: str, m: Module) -> bool:
        """Add a module under a name such as ``layers.0``.

        Args:
            target: the name.
            m: the module.

        Returns:
            Whether there is a place for it.

        >>> from numtorch import fx
        >>> fx.symbolic_trace(lambda x: x).add_submodule("a.b", torch.nn.ReLU())
        True
        """
        *path, last = target.split(".")
        at: Any = self
        for part in path:
            if not hasattr(at, part):
                at.add_module(part, Module())
            at = getattr(at, part)
            if not isinstance(at, Module):
                return False
        at.add_module(last, m)
        return True

    def delete_submodule(self, target: str) -> bool:
        """Take a module out.

        Args:
            target: its name, such as ``layers.0``.

        Returns:
            Whether it was there.

        >>> from numtorch import fx
        >>> fx.symbolic_trace(lambda x: x).delete_submodule("a.b")
        False
        """
        *path, last = target.split(".")
        at: Any = self
        for part in path:
            at = getattr(at, part, None)
        if not isinstance(getattr(at, last, None), Module):
            return False
        delattr(at, last)
        return True

    def delete_all_unused_submodules(self) -> None:
        """Take all modules out that the graph does not call.

        >>> from numtorch import fx
        >>> fx.symbolic_trace(lambda x: x).delete_all_unused_submodules()
        """
        used: set[str] = set()
        for node in self.graph.nodes:
            if node.op in ("call_module", "get_attr"):
                parts = node.target.split(".")
                used |= {".".join(parts[: i + 1]) for i in range(len(parts))}
                if node.op == "call_module":
                    below = self.get_submodule(node.target).named_modules()
                    used |= {f"{node.target}.{name}" for name, _ in below if name}
        for name in [name for name, _ in self.named_modules() if name and name not in used]:
            self.delete_submodule(name)

    def print_readable(self, print_output: bool = True, **options: Any) -> str:
        """The text of the class.

        Args:
            print_output: whether it is printed.
            **options: accepted.

        Returns:
            Text.

        >>> from numtorch import fx
        >>> print(fx.symbolic_trace(lambda x: x).print_readable(False))
        class <lambda>(torch.nn.Module):
            def forward(self, x):
                return x
        """
        lines = "\n".join(f"    {line}" if line else line for line in self._code.strip("\n").splitlines())
        text = f"class {type(self).__name__}(torch.nn.Module):\n{lines}"
        if print_output:
            print(text)
        return text

    def __deepcopy__(self, memo: dict) -> GraphModule:
        held = Module()
        held.__dict__.update(
            {k: copy.deepcopy(v, memo) for k, v in self.__dict__.items() if k not in ("_graph", "_code")}
        )
        copied = GraphModule(held, copy.deepcopy(self._graph), type(self).__name__)
        for name, value in held.__dict__.items():
            if name not in copied.__dict__ or name == "meta":
                copied.__dict__[name] = value
        for name, module in held.named_children():
            if not hasattr(copied, name):
                copied.add_module(name, module)
        copied.training = self.training
        return copied

    def __copy__(self) -> GraphModule:
        return GraphModule(self, copy.deepcopy(self._graph), type(self).__name__)

    def __reduce__(self) -> tuple:
        fields = {k: v for k, v in self.__dict__.items() if k not in ("_graph", "_code")}
        code = self._graph.python_code("self")
        known = {name: value for name, value in code.globals.items() if name != "torch"}
        return RESTORE[0], (fields, code.src, known, type(self).__name__)

    def __str__(self) -> str:
        shown = super().__repr__()
        hint = "# To see more debug info, please use `graph_module.print_readable()`"
        return f"{shown}\n\n\n{self._code}\n{hint}"

    __repr__ = __str__
