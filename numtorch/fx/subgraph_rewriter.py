"""Replaces parts of a graph that look like a pattern."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from numtorch.fx.graph import Graph
from numtorch.fx.graph_module import GraphModule
from numtorch.fx.node import Node
from numtorch.fx.symbolic_trace import symbolic_trace
from numtorch.nn.module import Module


class Match(NamedTuple):
    """A part that was replaced.

    Attributes:
        anchor: the node whose result the pattern returns.
        nodes_map: the nodes of the graph, by those of the pattern.
    """

    anchor: Node
    nodes_map: dict[Node, Node]


def _graph(given: Any) -> Graph:
    if isinstance(given, GraphModule):
        return given.graph
    return given if isinstance(given, Graph) else symbolic_trace(given).graph


def _same(p: Any, n: Any, found: dict[Node, Node]) -> bool:
    """Whether an argument looks like one of the pattern; ``found`` takes the nodes."""
    if isinstance(p, Node):
        if not isinstance(n, Node):
            return False
        if p in found:
            return found[p] is n
        if p.op != "placeholder" and (p.op != n.op or p.target != n.target):
            return False
        found[p] = n
        return p.op == "placeholder" or (_same(p.args, n.args, found) and _same(p.kwargs, n.kwargs, found))
    if isinstance(p, list | tuple):
        return (
            isinstance(n, list | tuple)
            and len(p) == len(n)
            and all(_same(a, b, found) for a, b in zip(p, n, strict=True))
        )
    if isinstance(p, dict):
        return isinstance(n, dict) and p.keys() == n.keys() and all(_same(p[key], n[key], found) for key in p)
    return type(p) is type(n) and bool(p == n)


def _matches(graph: Graph, pattern: Graph) -> list[Match]:
    """The parts that look like the pattern, and have no node in common."""
    end = pattern.output_node().args[0]
    if not isinstance(end, Node):
        raise RuntimeError("replace_pattern: the pattern returns one value")
    matches: list[Match] = []
    taken: set[Node] = set()
    for node in graph.nodes:
        found: dict[Node, Node] = {}
        if end.op == "placeholder" or not _same(end, node, found):
            continue
        inner = {n for p, n in found.items() if p.op not in ("placeholder", "get_attr")}
        closed = all(user in inner for n in inner if n is not node for user in n.users)
        if closed and not inner & taken:
            taken |= inner
            matches.append(Match(node, found))
    return matches


def replace_pattern(
    gm: GraphModule, pattern: Callable | GraphModule | Graph, replacement: Callable | GraphModule | Graph
) -> list[Match]:
    """Replace each part of a graph that looks like a pattern. The module's text is written anew.

    Args:
        gm: a GraphModule, which is changed.
        pattern: a function, or its graph; its arguments stand for any values.
        replacement: a function of as many arguments, or its graph.

    Returns:
        A list of Match.

    Raises:
        RuntimeError: different numbers of arguments, or several values that the pattern returns.

    >>> from numtorch import fx
    >>> gm = fx.symbolic_trace(lambda x: torch.relu(x) + 1)
    >>> len(fx.replace_pattern(gm, lambda a: torch.relu(a), lambda a: torch.sigmoid(a)))
    1
    >>> gm(torch.zeros(1))
    tensor([1.5000])
    """
    old, new = _graph(pattern), _graph(replacement)
    inputs = [[n for n in g.nodes if n.op == "placeholder"] for g in (old, new)]
    if len(inputs[0]) != len(inputs[1]):
        raise RuntimeError(
            f"replace_pattern: the pattern has {len(inputs[0])} arguments and the replacement {len(inputs[1])}"
        )
    matches = _matches(gm.graph, old)
    replaced: dict[Node, Node] = {}
    for match in matches:
        current = lambda node: replaced.get(node, node)
        stands: dict[Any, Any] = {
            there: current(match.nodes_map[here])
            for here, there in zip(*inputs, strict=True)
            if here in match.nodes_map
        }
        if isinstance(replacement, Module):
            for node in new.nodes:
                if node.op == "call_module":
                    gm.add_submodule(node.target, replacement.get_submodule(node.target))
        with gm.graph.inserting_before(match.anchor):
            result = gm.graph.graph_copy(new, stands)
        if not isinstance(result, Node):
            raise RuntimeError("replace_pattern: the replacement returns one value")
        match.anchor.replace_all_uses_with(result)
        replaced[match.anchor] = result
        inner = {n for p, n in match.nodes_map.items() if p.op not in ("placeholder",)}
        for node in reversed(gm.graph.nodes):
            if node in inner and not node.users:
                gm.graph.erase_node(node)
    gm.recompile()
    return matches
