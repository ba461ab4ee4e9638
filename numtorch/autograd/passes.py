"""Passes through a graph that was recorded for them: pullbacks, pushforwards, and rows of Jacobians.

A function is differentiated with respect to inputs that have been ``entered``: each has a node of its own, whatever
else it takes part in, so that functions of transforms nest.

The pushforward of tangents is the gradient of the pullback with respect to the vector in which this is linear
(J. Townsend, "A new trick for calculating Jacobian vector products", 2017). So every op has one that has a second
derivative. The pullback is recorded once, and many tangents go through it at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from numtorch import _tensor, engine
from numtorch.autograd import batched, graph
from numtorch.autograd.batched import Batched
from numtorch.autograd.node import Leaf, Node, Output
from numtorch.grad_mode import _Setting, mode


class _Entry:
    """The op of nodes at which an input enters a function that is differentiated."""

    name, backward_name = "enter", "EnterBackward0"

    @staticmethod
    def pull(node: Node, g: Any, create: bool) -> tuple:
        return (g,)


class _Entrance(Node):
    """The node at which an input enters.

    Attributes:
        open: whether the function that it entered still runs: what depends on it may be differentiated by it.
    """

    open = True


class Entered:
    """An input of a function that is differentiated.

    Attributes:
        tensor: what the function gets.
        node: where its gradient is found.
        levels: the ``vmap`` levels in which it entered: it has the hidden dimensions of all of them, so that each
            sample has its own gradient.
        metadata: shape and kind, with the hidden dimensions.
        tangent: what ``forward_ad`` sends through the graph.
    """

    def __init__(self, x: Any, connected: bool, tangent: Any = None, level: Any = None):
        if not isinstance(x, _tensor.Tensor):
            raise ValueError(f"Thing passed to transform API must be Tensor, got {type(x)}")
        if not x._k.dtype.differentiable:
            raise RuntimeError(
                f"only Tensors of floating point and complex dtype can require gradients, not {x._k.dtype.name}"
            )
        self.levels = mode.levels
        whole = batched.physical(x, self.levels)
        inner = whole.value if whole.__class__ is Batched else whole
        t = _tensor.alias(inner)
        t._edge = self.node = _Entrance(_Entry, (inner._edge if connected else None,), (), (level, self))
        self.tangent = tangent
        self.metadata = inner.shape, inner._k
        self.tensor = batched.hidden(t, self.levels)


def entries(t: Any) -> set:
    """The nodes of entered inputs that a tensor depends on."""
    return {node for node in _reached([t]) if type(node) is _Entrance}


def _reached(tensors: Iterable[Any]) -> set:
    """All nodes and leaves behind tensors."""
    found: set = set()
    stack = [t._edge for t in tensors]
    while stack:
        edge = stack.pop()
        node = edge.node if type(edge) is Output else edge
        if node is None or node in found:
            continue
        found.add(node)
        if type(node) is not Leaf:
            stack.extend(node.edges)
    return found


def outside(tensors: Iterable[Any], own: set) -> bool:
    """Whether tensors depend on something by which they may be differentiated, other than by what is ``own``."""
    return any(
        node not in own and (type(node) is Leaf or (type(node) is _Entrance and node.open))
        for node in _reached(tensors)
    )


def released(t: Any, own: set, connected: bool) -> Any:
    """A result as the caller of a transform sees it: outside the graph, unless it depends on something outside."""
    if not isinstance(t, _tensor.Tensor) or t._edge is None or (connected and outside((t,), own)):
        return t
    return t.detach()


class Pullback:
    """The gradients of entered inputs, of outputs that were computed from them."""

    def __init__(self, outputs: list, inputs: list[Entered], connected: bool):
        self.inputs, self.levels = inputs, mode.levels
        self.own = {x.node for x in inputs}
        self.outputs = [batched.physical(y, self.levels) for y in outputs]
        self.connected = connected

    def __call__(self, gradients: list, keep: bool = True, create: bool | None = None) -> list:
        """A gradient of each input, None where no output depends on it."""
        given = [batched.physical(g, self.levels) for g in gradients]
        roots = [(y._edge, g) for y, g in zip(self.outputs, given, strict=True) if y._edge is not None]
        if create is None:
            create = self.connected and (outside(self.outputs, self.own) or any(g._edge is not None for g in given))
        found = run(roots, [x.node for x in self.inputs], keep, create)
        return [None if g is None else batched.hidden(g, self.levels) for g in found]


class Pushforward:
    """The tangents of outputs that were computed from inputs, of tangents of these.

    Args:
        outputs: tensors.
        inputs: the nodes at which the inputs entered.
        connected: whether tangents may be differentiable.
    """

    def __init__(self, outputs: list, inputs: list, connected: bool):
        self.levels, self.connected = mode.levels, connected
        whole = [batched.physical(y, self.levels) for y in outputs]
        self.metadata = [(y.shape, y._k) for y in whole]
        self.vectors = [
            engine.zeros(y.shape, dtype=y.dtype, device=y.device).requires_grad_() if y._edge is not None else None
            for y in whole
        ]
        roots = [(y._edge, v) for y, v in zip(whole, self.vectors, strict=True) if v is not None]
        with _Setting(grad=True, forward=True):
            self.linear = run(roots, inputs, True, True)
        self.own = {v._edge for v in self.vectors if v is not None} | {*inputs}

    def __call__(self, tangents: list, create: bool | None = None) -> list:
        """A tangent of each output, None where it depends on no input."""
        pairs = [
            (y, batched.physical(t, self.levels))
            for y, t in zip(self.linear, tangents, strict=True)
            if y is not None and y._edge is not None and t is not None
        ]
        if create is None:
            create = self.connected and (
                outside([y for y, _ in pairs], self.own) or any(t._edge is not None for _, t in pairs)
            )
        wanted = [None if v is None else v._edge for v in self.vectors]
        found = run([(y._edge, t) for y, t in pairs], wanted, True, create)
        return [None if g is None else batched.hidden(g, self.levels) for g in found]


def run(roots: list, wanted: list, keep: bool, create: bool) -> list:
    """The gradients at some nodes and leaves."""
    captured = graph.run(
        roots, keep=keep, create=create, capture=dict.fromkeys([e for e in wanted if e is not None]), accumulate=False
    )
    return [captured.get(e) for e in wanted]


def zeros(metadata: tuple, levels: tuple = ()) -> Any:
    """Zeros of a shape and kind."""
    shape, k = metadata
    return batched.hidden(engine.zeros(shape, dtype=k.dtype, device=k.device), levels)


def basis(x: Any) -> Any:
    """The unit vectors of the space of tensors like ``x``, one in each row."""
    n = x.shape.numel()
    return engine.eye(n, dtype=x.dtype, device=x.device).reshape(n, *x.shape)
