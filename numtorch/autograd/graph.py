"""The autograd graph: nodes, edges, and ``run``, which visits the nodes in a backward pass.

A node is made after everything it depends on. So visiting nodes from the newest to the oldest reaches each node after
all its consumers. A heap ordered by age replaces dependency counts and recursion.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

import numpy as np

from numtorch import _tensor, engine
from numtorch._sparse import is_sparse
from numtorch.autograd import batched
from numtorch.autograd.inplace import wrote
from numtorch.autograd.node import FREED as FREED
from numtorch.autograd.node import AccumulateGrad as AccumulateGrad
from numtorch.autograd.node import Leaf as Leaf
from numtorch.autograd.node import Node as Node
from numtorch.autograd.node import Output as Output
from numtorch.autograd.node import RemovableHandle as RemovableHandle
from numtorch.autograd.saved import Packed
from numtorch.autograd.saved import disable_saved_tensors_hooks as disable_saved_tensors_hooks
from numtorch.autograd.saved import save_on_cpu as save_on_cpu
from numtorch.autograd.saved import saved_tensors_hooks as saved_tensors_hooks
from numtorch.device import CPU
from numtorch.grad_mode import mode
from numtorch.storage import UNSHARED


class _Walk:
    """Gradients on their way: contributions to a node add up until it is that node's turn."""

    def __init__(self, create: bool):
        self.create = create
        self.heap: list[tuple[int, Any]] = []
        self.pending: dict[Any, Any] = {}
        self.sums: set[Any] = set()  # edges whose pending gradient was made here and may be added to in place

    def give(self, edge: Any, g: Any) -> None:
        if type(edge) is Output:
            node, slot = edge.node, edge.slot
            slots = self.pending.get(node)
            if slots is None:
                heappush(self.heap, (-node.seq, node))
                slots = self.pending[node] = [None] * len(node.outputs)
            slots[slot] = g if slots[slot] is None else _added(slots[slot], g)
            return
        before = self.pending.get(edge)
        if before is None:
            heappush(self.heap, (-edge.seq, edge))
            self.pending[edge] = g
        elif edge in self.sums and not self.create and not is_sparse(before) and not is_sparse(g):
            _add_into(before, g)
        else:
            self.pending[edge] = _added(before, g)
            self.sums.add(edge)


def run(
    roots: list[tuple[Any, Any]], *, keep: bool, create: bool, capture: dict | None = None, accumulate: bool = True
) -> dict:
    """Pull gradients from the roots through the graph.

    Args:
        roots: (edge, gradient) pairs.
        keep: leave saved values for another pass.
        create: record a graph of the gradients themselves.
        capture: edges whose gradients are wanted; only nodes on the way to them run.
        accumulate: add to the ``grad`` of leaves (those captured, if ``capture`` is given).

    Returns:
        The captured gradients by edge.
    """
    # Gradients of several samples go through the formulas of the vjps: kernels take none.
    formulas = create or any(g.__class__ is batched.Batched for _, g in roots)
    walk = _Walk(formulas)
    wanted = None if capture is None else _ancestors([e for e, _ in roots], capture)
    captured: dict[Any, Any] = {}
    asked: dict[Any, list] = {}
    for edge in capture or ():
        asked.setdefault(_target(edge), []).append(edge)
    for edge, g in roots:
        if wanted is None or _target(edge) in wanted:
            walk.give(edge, g)
    heap, pending, give, sums = walk.heap, walk.pending, walk.give, walk.sums
    before = mode.grad
    mode.grad = create
    try:
        while heap:
            node = heappop(heap)[1]
            g = pending.pop(node)
            if type(node) is Leaf:
                if node.hooks is not None:
                    g = _run_hooks(node.hooks, g)
                if capture is not None and node in capture:
                    captured[node] = g
                if accumulate and (capture is None or node in capture):
                    _accumulate(node, g, create, node in walk.sums and not node.hooks)
                continue
            if node.pre_hooks is not None:
                g = _run_hooks(node.pre_hooks, g)
            if wanted is not None:
                for edge in asked.get(node, ()):
                    gx = g[edge.slot] if type(edge) is Output else g
                    if gx is not None:
                        captured[edge] = gx
                if not any(e is not None and _target(e) in wanted for e in node.edges):
                    continue
            if node.plain and node.saved is not None:
                part = not formulas and getattr(node.op, "part", False) and node.edges[0] in sums
                if part and _add_part(node, pending[node.edges[0]], g):
                    if not keep:
                        node.release()
                    continue
                if formulas or node.recipe is None or (pull := node.recipe.pull) is None:
                    grads = node.op.pull(node, g, formulas)
                else:
                    grads = pull(node, g)
            else:
                grads = _apply(node, g, formulas)
            if not keep and node.saved:
                node.release()
            edges = node.edges
            if len(grads) != len(edges):
                raise RuntimeError(f"{node.name()} gave {len(grads)} gradients for {len(edges)} inputs")
            for e, gx in zip(edges, grads):  # noqa: B905 - the lengths are equal, and strict costs as much as a dict lookup
                if e is None or gx is None or (wanted is not None and _target(e) not in wanted):
                    continue
                if e.__class__ is Output or e in pending:
                    give(e, gx)
                else:  # most edges: the first gradient to arrive at a node with one output
                    pending[e] = gx
                    heappush(heap, (-e.seq, e))
            g = gx = grads = None  # nothing but the walk holds a gradient: buffers go as soon as they are used
    finally:
        mode.grad = before
    return captured


def _apply(node: Node, g: Any, create: bool) -> Any:
    if node.saved is None:
        raise FREED[0](FREED[1])
    if node.outputs is not None:
        g = [_zeros(m) if gi is None and m is not None else gi for gi, m in zip(g, node.outputs, strict=True)]
    if node.trace is None and node.hooks is None and node.saved.__class__ is not Packed:
        return node.op.pull(node, g, create)
    try:
        grads = _pull_packed(node, g, create) if node.saved.__class__ is Packed else node.op.pull(node, g, create)
    except Exception as e:
        if node.trace is not None:
            e.add_note(_forward_trace(node))
        raise
    if node.trace is not None and mode.check_nan:
        for i, gx in enumerate(grads):
            if gx is not None and gx.dtype.differentiable and bool(gx.isnan().any()):
                raise RuntimeError(
                    f"Function '{node.name()}' returned nan values in its {i}th output.\n" + _forward_trace(node)
                )
    for hook in tuple(node.hooks or ()):
        replaced = hook(tuple(grads), (g,) if node.outputs is None else tuple(g))
        grads = grads if replaced is None else (replaced,) if isinstance(replaced, _tensor.Tensor) else tuple(replaced)
        if len(grads) != len(node.edges):
            raise RuntimeError(
                f"hook on {node.name()} returned {len(grads)} gradients; its function has {len(node.edges)} inputs"
            )
    return grads


def _pull_packed(node: Node, g: Any, create: bool) -> Any:
    packed = node.saved
    node.saved = packed.unpacked()
    try:
        return node.op.pull(node, g, create)
    finally:
        node.saved = packed


def _forward_trace(node: Node) -> str:
    return f"Traceback of the forward call that caused the error in {node.name()}:\n" + "".join(node.trace or ())


def _zeros(metadata: Any) -> Any:
    shape, k = metadata
    return engine.zeros(shape, dtype=k.dtype, device=k.device)


def _target(edge: Any) -> Any:
    return edge.node if type(edge) is Output else edge


def _ancestors(roots: list, capture: dict) -> set:
    """Nodes from which a captured edge can be reached, found without recursion."""
    targets = {_target(e) for e in capture}
    state: dict[Any, bool] = {}
    stack = [(_target(e), False) for e in roots]
    while stack:
        node, done = stack.pop()
        edges = () if type(node) is Leaf else [_target(e) for e in node.edges if e is not None]
        if done:
            state[node] = node in targets or any(state.get(e, False) for e in edges)
        elif node not in state:
            state[node] = False
            stack.append((node, True))
            stack.extend((e, False) for e in edges if e not in state)
    return {n for n, reaches in state.items() if reaches}


def _run_hooks(hooks: list, g: Any) -> Any:
    for hook in tuple(hooks):
        if type(g) is list:  # of a node with several outputs
            result = hook(g)
            g = g if result is None else result
        else:
            g = hooked(hook, g)
    return g


def hooked(hook: Callable, g: Any) -> Any:
    """The gradient after a hook has seen it: what it returns, if that has the gradient's size and type."""
    result = hook(g)
    if result is None:
        return g
    if not isinstance(result, _tensor.Tensor):
        raise TypeError(f"expected Tensor or None, but hook {hook!r} returned {type(result).__name__}")
    if result.shape != g.shape:
        raise RuntimeError(f"hook {hook!r} has changed the size of value: {list(g.shape)} to {list(result.shape)}")
    if result._k.dtype is not g._k.dtype or result._k.device != g._k.device:
        raise RuntimeError(
            f"hook {hook!r} has changed the type of value (was {g.dtype.name} on {g.device}, got {result.dtype.name} "
            f"on {result.device})"
        )
    return result


def _accumulate(leaf: Leaf, g: Any, create: bool, owned: bool) -> None:
    if leaf.grad is None:
        # The gradient is kept as it is only if nothing else can see its buffer.
        if (
            not create
            and not owned
            and (g._storage is not UNSHARED or not g._k.contiguous or g._edge is not None or _shared(g))
        ):
            g = g.detach().clone()
        leaf.grad = g
    elif create or is_sparse(leaf.grad):
        leaf.grad = _added(leaf.grad, g)
    elif is_sparse(g):
        leaf.grad.add_(g)
    else:
        _add_into(leaf.grad, g)
    for reference, hook in tuple(leaf.after or ()):
        tensor = reference()
        if tensor is not None:
            hook(tensor)


def _added(total: Any, g: Any) -> Any:
    """The sum of two gradients, of which either may be sparse: a dense one stands first."""
    return g + total if is_sparse(total) else total + g


def _add_into(total: Any, g: Any) -> None:
    """``total += g`` outside any graph."""
    engine.add_into(total, g)
    wrote(total)


def _add_part(node: Node, total: Any, g: Any) -> bool:
    """Add the gradient of a part, as of ``x[:, t]``, to the sum that is x's gradient so far; whether that was possible.

    Without zeros of x's size around it: a loop over the steps of x would take time by their square.
    """
    if total.__class__ is not _tensor.Tensor or g.__class__ is not _tensor.Tensor or total._k.device is not CPU:
        return False
    engine.add_into(node.op.body(total, *node.params), g)
    wrote(total)
    return True


def _shared(g: Any) -> bool:
    from sys import getrefcount

    return getrefcount(g) > _SOLE


def _measure_sole() -> int:
    """How many references _shared counts for a gradient that only the walk holds."""
    from sys import getrefcount

    def inner(g: Any) -> int:
        return getrefcount(g)

    def outer(g: Any) -> int:
        return inner(g)

    def top() -> int:
        g = object()
        return outer(g)

    return top()


_SOLE = _measure_sole()


def backward(
    tensors: Any, grads: Any = None, retain_graph: bool | None = None, create_graph: bool = False, inputs: Any = None
) -> None:
    """Add to the ``grad`` of leaves the gradients of tensors that were computed from them.

    Args:
        tensors: a tensor or several.
        grads: the gradient of each, of its shape; 1 if None, for tensors of one element.
        retain_graph: keep what the graph has saved, for another ``backward``; as ``create_graph`` if None.
        create_graph: record the computation of the gradients, so that they can be differentiated.
        inputs: the leaves or other tensors whose ``grad`` is added to; all leaves if None.

    Raises:
        RuntimeError: a tensor requires no gradient, or has several elements and no gradient; ``inputs`` is empty; the
            graph has been used already.

    >>> x = torch.tensor(3.0, requires_grad=True)
    >>> torch.autograd.backward([x * x, x * 2])
    >>> x.grad
    tensor(8.)
    """
    tensors = _sequence(tensors)
    grads = [None] * len(tensors) if grads is None else _sequence(grads)
    roots = _roots(tensors, grads)
    keep = create_graph if retain_graph is None else retain_graph
    capture: Any = None
    if inputs is not None:
        inputs = _sequence(inputs)
        if not inputs:
            raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
        capture = {_edge_of(t): t for t in inputs}
    captured = run(roots, keep=keep, create=create_graph, capture=capture)
    for edge, g in captured.items():
        if type(edge) is not Leaf:
            t = capture[edge]
            t._grad = g if t._grad is None else _added(t._grad, g)


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple:
    """The gradients of tensors with respect to others, without touching ``grad``.

    Args:
        outputs: a tensor or several, of which the gradients are added up.
        inputs: the tensor or tensors by which they are differentiated.
        grad_outputs: the gradient of each output, of its shape; 1 if None, for tensors of one element.
        retain_graph: keep what the graph has saved, for another pass; as ``create_graph`` if None.
        create_graph: record the computation of the gradients, so that they can be differentiated.
        allow_unused: give None for inputs that no output depends on; otherwise they raise an error.
        is_grads_batched: ``grad_outputs`` have one more dimension in front; they go through the graph
            together.
        materialize_grads: give zeros for inputs that no output depends on.

    Returns:
        A tuple with a gradient of each input.

    Raises:
        RuntimeError: an input requires no gradient or is not used, an output has several elements and no gradient, or
            the graph has been used already.
        ValueError: ``materialize_grads``, and ``allow_unused`` is False.

    >>> x = torch.tensor(3.0, requires_grad=True)
    >>> (g,) = torch.autograd.grad(x**3, x, create_graph=True)
    >>> torch.autograd.grad(g, x)
    (tensor(18.),)
    """
    outputs, inputs = _sequence(outputs), _sequence(inputs)
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False."
        )
    grads = [None] * len(outputs) if grad_outputs is None else _sequence(grad_outputs)
    keep = create_graph if retain_graph is None else retain_graph
    if is_grads_batched:
        return _batched(outputs, inputs, grads, keep, create_graph, allow_unused, materialize_grads)
    if mode.levels and batched.innermost(*outputs, *inputs) is not None:
        return _of_samples(outputs, inputs, grads, keep, create_graph, allow_unused, False, materialize_grads)
    edges = [_edge_of(t) for t in inputs]
    # Outputs of one node are distinct objects each time; compare what they stand for.
    captured = run(
        _roots(outputs, grads), keep=keep, create=create_graph, capture=dict.fromkeys(edges), accumulate=False
    )
    result = []
    for i, (t, e) in enumerate(zip(inputs, edges, strict=True)):
        g = captured.get(e)
        if g is None and materialize_grads:
            g = _zeros((t.shape, t._k))
        elif g is None and not allow_unused:
            raise RuntimeError(
                f"One of the differentiated Tensors (input {i}, shape {list(t.shape)}) appears to not have been used "
                "in the graph. Set allow_unused=True if this is the desired behavior."
            )
        result.append(g)
    return tuple(result)


def _batched(outputs: list, inputs: list, grads: list, keep: bool, create: bool, *rest: Any) -> tuple:
    """One row of gradients for each row of ``grads``."""
    given = [i for i, g in enumerate(grads) if g is not None]

    def linear(some: list) -> list:
        each: list = [None] * len(outputs)
        for i, g in zip(given, some, strict=True):
            each[i] = g
        return list(grad(outputs, inputs, each, keep, create, rest[0], False, rest[1]))

    return tuple(batched.mapped(linear, [grads[i] for i in given]))


def _of_samples(outputs: list, inputs: list, grads: list, *rest: Any) -> tuple:
    """``grad`` where ``vmap`` hides dimensions of outputs and inputs: of all samples at once."""
    levels = batched.levels_of(*outputs, *inputs)
    given = [engine.ones_like(y) if g is None else g for y, g in zip(outputs, grads, strict=True)]
    found = grad(
        [batched.physical(y, levels) for y in outputs],
        [batched.whole(x) for x in inputs],
        [batched.physical(g, levels) for g in given],
        *rest,
    )
    return tuple(
        [None if g is None else batched.hidden(g, batched.levels_of(x)) for g, x in zip(found, inputs, strict=True)]
    )


def _one(t: Any) -> Any:
    """The gradient of a scalar with respect to itself."""
    k = t._k
    if k.device is CPU and not k.dtype.is_half:
        buf = np.empty(1, k.dtype.storage)
        buf[0] = 1
        return _tensor.make(buf, t.shape, k if k.contiguous else _tensor.kind(k.dtype, CPU))
    return engine.ones(t.shape, dtype=t.dtype, device=t.device)


def _sequence(x: Any) -> list:
    return [x] if isinstance(x, _tensor.Tensor) else list(x)


def _edge_of(t: Any) -> Any:
    if t._edge is None:
        raise RuntimeError("One of the differentiated Tensors does not require grad")
    return t._edge


def _roots(tensors: list, grads: list) -> list[tuple[Any, Any]]:
    if len(tensors) != len(grads):
        raise RuntimeError(f"got {len(tensors)} tensors and {len(grads)} gradients")
    roots = []
    for i, (t, g) in enumerate(zip(tensors, grads, strict=True)):
        if t._edge is None:
            raise RuntimeError(
                f"element {i} of tensors does not require grad and does not have a grad_fn: nothing it was "
                "computed from has requires_grad=True, or it was computed under no_grad()"
            )
        if g is None:
            if t.shape.numel() != 1:
                raise RuntimeError(
                    "grad can be implicitly created only for scalar outputs; this one has shape "
                    f"{list(t.shape)}. Reduce it first, as in loss.sum().backward(), or pass the "
                    "gradient: y.backward(torch.ones_like(y))"
                )
            if t._k.dtype.is_complex:
                raise RuntimeError(
                    f"grad can be implicitly created only for real scalar outputs but got {t._k.dtype}; pass the "
                    "gradient, "
                    "or take .real or .abs() first"
                )
            g = _one(t)
        elif not isinstance(g, _tensor.Tensor):
            raise TypeError(f"gradients can be either Tensors or None, but got {type(g).__name__}")
        elif g.shape != t.shape:
            raise RuntimeError(
                f"Mismatch in shape: grad_output[{i}] has a shape of {g.shape} and output[{i}] has a shape of "
                f"{t.shape}."
            )
        elif g._k.dtype is not t._k.dtype and (g._k.dtype.is_complex or t._k.dtype.is_complex):
            raise RuntimeError(
                "For complex Tensors, both grad_output and output are required to have the same dtype. Mismatch in "
                "dtype: "
                f"grad_output[{i}] has a dtype of {g._k.dtype} and output[{i}] has a dtype of {t._k.dtype}."
            )
        elif g._k.dtype is not t._k.dtype:
            g = g.to(t._k.dtype)
        roots.append((t._edge, g))
    return roots


def increment_version(tensor: Any) -> None:
    """Tell the graph that the elements of a tensor have been written to by other means.

    Args:
        tensor: a tensor or several.

    >>> x = torch.zeros(2)
    >>> torch.autograd.graph.increment_version(x)
    >>> x._version
    1
    """
    for t in _sequence(tensor):
        wrote(t)


class _VariableType(type):
    """``isinstance(x, Variable)`` holds for every tensor: tensors and variables have been one since torch 0.4."""

    def __instancecheck__(cls, x: Any) -> bool:
        return isinstance(x, _tensor.Tensor)


class Variable(metaclass=_VariableType):
    """Another name of tensors; called, it gives the tensor itself, outside any graph.

    Args:
        data: a tensor, whose elements are shared; an empty one if None.
        requires_grad: whether ops on the result are recorded.
        volatile: without effect since torch 0.4, as a warning says.
        name: accepted.

    Raises:
        TypeError: ``data`` is no tensor.
        ValueError: ``volatile`` beside ``requires_grad``.

    >>> torch.autograd.Variable(torch.ones(1), requires_grad=True)
    tensor([1.], requires_grad=True)
    >>> isinstance(torch.ones(1), torch.autograd.Variable)
    True
    """

    def __new__(
        cls,
        data: Any = None,
        requires_grad: bool | None = None,
        volatile: bool | None = None,
        _grad_fn: None = None,
        name: str | None = None,
    ) -> Any:
        if volatile:
            if requires_grad:
                raise ValueError("Variable can't be volatile and require_grad at the same time!")
            warnings.warn(
                "volatile was removed and now has no effect. Use `with torch.no_grad():` instead.", stacklevel=2
            )
        if data is None:
            data = _tensor.Tensor()
        elif not isinstance(data, _tensor.Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(data).__name__}")
        t = _tensor.alias(data)
        if requires_grad:
            t.requires_grad = True
        return t
