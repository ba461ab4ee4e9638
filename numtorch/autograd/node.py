"""What a graph is made of: leaves, nodes, and the outputs of nodes that have several. How gradients go through it is in
``graph.py``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numtorch.autograd.saved import Packed
from numtorch.grad_mode import mode
from numtorch.interrupts import cached_property
from numtorch.storage import tick


class Leaf:
    """Where gradients of a tensor made by the user end up. Owned by the tensor; holds its ``grad``."""

    __slots__ = ("after", "grad", "hooks", "owner", "seq")

    def __init__(self) -> None:
        self.seq = tick()
        self.grad: Any = None
        self.owner: Any = None  # weak reference to the tensor
        self.hooks: list | None = None
        self.after: list | None = None  # (weak reference to the tensor, hook) pairs run after accumulation


class Node:
    """One application of an op, seen from the backward side.

    Attributes:
        op: what was applied; its ``pull(node, g, create)`` gives the gradients of the inputs.
        edges: where they go, one for each tensor input (None where none is wanted).
        saved: values kept for the gradient; None once freed.
        params: the op's other arguments.
        inputs: (shape, kind) of each input where they differ from the output's, else None.
        seq: age; values written in place later than this are stale.
        outputs: (shape, kind) of each output if there are several, else None.
        needs: which inputs want a gradient, where the recorder knew; else None.
        recipe: ``pull`` written out for nodes like this one, where the recorder had it; else None.
        plain: nothing hangs on the node: no hook, trace, packed values, or second output.

    Recorders that are written out make nodes without ``__init__``: they set what differs from the defaults.
    """

    op: Any
    edges: tuple
    saved: Any = ()
    seq: int
    params: tuple = ()
    inputs: Any = None
    outputs: Any = None
    needs: tuple | None = None
    recipe: Any = None
    plain = True
    hooks: list | None = None
    pre_hooks: list | None = None
    trace: list[str] | None = None

    def __init__(
        self,
        op: Any,
        edges: tuple,
        saved: Any,
        params: tuple,
        inputs: Any = None,
        outputs: Any = None,
        needs: tuple | None = None,
    ):
        self.op = op
        self.edges = edges
        self.saved = saved
        self.params = params
        self.inputs = inputs
        if outputs is not None:
            self.outputs = outputs
            self.plain = False
        self.needs = needs
        self.seq = tick()
        if mode.watched:
            watch(self)

    @cached_property
    def metadata(self) -> dict:
        """Whatever a user wants to keep with the node."""
        return {}

    def name(self) -> str:
        """The name of the node's op, as torch gives it.

        Returns:
            A string.

        >>> (torch.ones(1, requires_grad=True) * 2).grad_fn.name()
        'MulBackward0'
        """
        return self.op.backward_name

    @property
    def next_functions(self) -> tuple:
        """(node, output number) of each tensor input; (None, 0) where no gradient is wanted.

        >>> y = torch.ones(1, requires_grad=True) * 2
        >>> [(node.name(), number) for node, number in y.sum().grad_fn.next_functions]
        [('MulBackward0', 0)]
        """
        found: list[tuple] = []
        for e in self.edges:
            if type(e) is Output:
                found.append((e.node, e.slot))
            else:
                found.append((AccumulateGrad(e) if type(e) is Leaf else e, 0))
        return tuple(found)

    def release(self) -> None:
        """Let go of saved values after backward; a second backward is an error only where there were any."""
        for s in self.saved:
            if s is not None:
                self.saved = None
                return

    def register_hook(self, hook: Callable) -> RemovableHandle:
        """Call a function after this node has run.

        Args:
            hook: ``hook(grad_inputs, grad_outputs)``; what it returns, if not None, replaces the gradients of the
                inputs.

        Returns:
            A handle, whose ``remove()`` takes the hook off.

        >>> x = torch.tensor(3.0, requires_grad=True)
        >>> y = x * x
        >>> handle = y.grad_fn.register_hook(lambda grad_inputs, grad_outputs: print(grad_outputs))
        >>> y.backward()
        (tensor(1.),)
        """
        if self.hooks is None:
            self.hooks = []
        self.plain = False
        return RemovableHandle(self.hooks, hook)

    def register_prehook(self, hook: Callable) -> RemovableHandle:
        """Call a function before this node runs.

        Args:
            hook: ``hook(grad_outputs)``; what it returns, if not None, replaces the gradients of the outputs.

        Returns:
            A handle, whose ``remove()`` takes the hook off.

        >>> x = torch.tensor(3.0, requires_grad=True)
        >>> y = x * x
        >>> handle = y.grad_fn.register_prehook(lambda grad_outputs: (grad_outputs[0] * 10,))
        >>> y.backward()
        >>> x.grad
        tensor(60.)
        """
        if self.pre_hooks is None:
            self.pre_hooks = []
        self.plain = False

        def run(g: Any) -> Any:
            replaced = hook((g,) if self.outputs is None else tuple(g))
            if replaced is None:
                return None
            return (
                list(replaced)
                if self.outputs is not None
                else replaced[0]
                if type(replaced) in (tuple, list)
                else replaced
            )

        return RemovableHandle(self.pre_hooks, run)

    def __repr__(self) -> str:
        return f"<{self.name()} object at {id(self):#x}>"


class AccumulateGrad:
    """How ``next_functions`` shows a leaf."""

    def __init__(self, leaf: Leaf):
        self.leaf = leaf
        self.next_functions = ()

    @property
    def variable(self) -> Any:
        """The leaf tensor; None if it is gone."""
        return None if self.leaf.owner is None else self.leaf.owner()

    def name(self) -> str:
        return "torch::autograd::AccumulateGrad"

    def __repr__(self) -> str:
        return f"<AccumulateGrad object at {id(self.leaf):#x}>"


class Output:
    """One output of a node that has several."""

    __slots__ = ("node", "slot")

    def __init__(self, node: Node, slot: int):
        self.node, self.slot = node, slot


class _Refusal:
    """The op of nodes through which no gradient may go."""

    name = backward_name = "refused"

    @staticmethod
    def pull(node: Node, g: Any, create: bool) -> tuple:
        raise RuntimeError(node.params[0])


def refusal(message: str) -> Node:
    """A node whose gradient is a RuntimeError with this message."""
    return Node(_Refusal, (), (), (message,))


class RemovableHandle:
    """Takes a hook off again, by ``remove()`` or at the end of a ``with`` block.

    Args:
        hooks: the list that has the hook.
        hook: the hook.

    >>> x = torch.tensor(3.0, requires_grad=True)
    >>> with x.register_hook(lambda g: g * 10):
    ...     (x * 2).backward()
    >>> x.grad
    tensor(20.)
    """

    def __init__(self, hooks: Any, hook: Any):
        self._hooks, self._hook = hooks, hook
        hooks.append(hook)

    def remove(self) -> None:
        """Take the hook off; doing so twice is harmless."""
        if self._hook in self._hooks:
            self._hooks.remove(self._hook)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


def stale(node: Node, t: Any) -> RuntimeError:
    """The error for a saved value that an in-place op has since overwritten."""
    return RuntimeError(
        "one of the variables needed for gradient computation has been modified by an inplace operation: "
        f"[{t.dtype.name} tensor of shape {list(t.shape)}], saved by {node.op.name} for its gradient, "
        f"is at version {t._version}. Use the out-of-place form of the op that wrote to it, or clone() before."
        + (
            ""
            if node.trace
            else " Hint: enable anomaly detection to find the forward line, "
            "with torch.autograd.set_detect_anomaly(True)."
        )
    )


FREED = (
    RuntimeError,
    (
        "Trying to backward through the graph a second time (or directly access saved tensors after they have already "
        "been freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). "
        "Specify retain_graph=True if you need to backward through the graph a second time or if you need to access "
        "saved tensors after calling backward."
    ),
)


_PACKAGE = __file__.rpartition("autograd")[0]


def watch(node: Node) -> None:
    """Under anomaly detection, saved-tensor hooks or a profile: keep the forward stack, pack what is saved, note the
    place."""
    if mode.made is not None:
        mode.made(node)
        if not mode.anomaly and not mode.packing:
            return
    node.plain = False
    if mode.anomaly:
        from traceback import extract_stack

        frames = extract_stack(limit=32)
        while len(frames) > 1 and (
            frames[-1].filename.startswith("<numtorch") or frames[-1].filename.startswith(_PACKAGE)
        ):
            frames.pop()  # the user's line comes last
        node.trace = frames.format()
    if mode.packing and mode.packing[-1][0] is not None and node.saved:
        node.saved = Packed(node.saved)
