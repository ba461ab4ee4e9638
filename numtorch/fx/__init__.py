"""``torch.fx``: programs as graphs of their operations, which can be read, changed, and run as text.

node.py               nodes, and the structures of their arguments
graph.py              graphs, and their text
graph_module.py       modules that run the text
proxy.py              what stands for values while a program is traced
symbolic_trace.py     tracing
interpreter.py        running a graph node by node, or making another of it
subgraph_rewriter.py  replacing parts that look like a pattern
"""

from typing import Any

from numtorch.fx import graph_module as _graph_module
from numtorch.fx import node as node
from numtorch.fx import proxy as proxy
from numtorch.fx.graph import Graph as Graph
from numtorch.fx.graph import PythonCode as PythonCode
from numtorch.fx.graph_module import GraphModule as GraphModule
from numtorch.fx.interpreter import Interpreter as Interpreter
from numtorch.fx.interpreter import Transformer as Transformer
from numtorch.fx.node import Node as Node
from numtorch.fx.node import has_side_effect as has_side_effect
from numtorch.fx.node import map_arg as map_arg
from numtorch.fx.proxy import Proxy as Proxy
from numtorch.fx.subgraph_rewriter import replace_pattern as replace_pattern
from numtorch.fx.symbolic_trace import Tracer as Tracer
from numtorch.fx.symbolic_trace import symbolic_trace as symbolic_trace
from numtorch.fx.symbolic_trace import wrap as wrap
from numtorch.nn.module import Module as _Module


class _Leaves(Tracer):
    """Traces the text of a graph, in which every module is a leaf."""

    def is_leaf_module(self, m: _Module, module_qualified_name: str) -> bool:
        return True


def _restored(fields: dict[str, Any], text: str, names: dict[str, Any], class_name: str) -> GraphModule:
    """A pickled GraphModule, from its text."""
    held = type(class_name, (_Module,), {"forward": _graph_module._compiled(_graph_module.code_of(text, names))})()
    held.__dict__.update(fields)
    made = GraphModule(held, _Leaves().trace(held), class_name)
    for name, value in fields.items():
        if name not in made.__dict__:
            made.__dict__[name] = value
    made.training, made.meta = fields["training"], fields["meta"]
    return made


_graph_module.RESTORE[:] = [_restored]
