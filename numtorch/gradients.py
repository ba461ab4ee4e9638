"""The methods of a tensor that concern its gradient; ``tensor.py`` binds them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numtorch import notices
from numtorch._tensor import Tensor, alias
from numtorch.autograd import graph
from numtorch.autograd.inplace import in_graph
from numtorch.grad_mode import mode
from numtorch.ops import movement
from numtorch.storage import Storage


def grad_fn(self: Tensor) -> Any:
    """The node that made this tensor; None for leaves."""
    edge = self._edge
    if edge is None or isinstance(edge, graph.Leaf):
        return None
    return edge.node if isinstance(edge, graph.Output) else edge


def is_leaf(self: Tensor) -> bool:
    """Whether made by the user (or needing no gradient) rather than by a recorded op."""
    return self._edge is None or isinstance(self._edge, graph.Leaf)


def output_nr(self: Tensor) -> int:
    """Which output of its node this tensor is."""
    return self._edge.slot if isinstance(self._edge, graph.Output) else 0


def get_requires_grad(self: Tensor) -> bool:
    """Whether ops on this tensor are recorded."""
    return self._edge is not None


def set_requires_grad(self: Tensor, value: bool) -> None:
    if value.__class__ is not bool:
        raise RuntimeError(f"requires_grad must be a bool, not {value.__class__.__name__}")
    edge = self._edge
    if value:
        if edge is None:
            leaf = self.__dict__.pop("_rests", None) or movement.requires_grad_edge(self)
            leaf.grad = self._grad
            self._edge = leaf
    elif edge is not None:
        if edge.__class__ is not graph.Leaf:
            raise RuntimeError(
                "you can only change requires_grad flags of leaf variables. If you want to use a computed variable "
                "in a subgraph that doesn't require differentiation use var_no_grad = var.detach()."
            )
        self._grad = edge.grad
        if edge.hooks or edge.after:
            self._rests = edge  # hooks stay with the tensor
        self._edge = None


def requires_grad_(self: Tensor, requires_grad: bool = True) -> Tensor:
    """Set ``requires_grad`` and return the tensor."""
    self.requires_grad = requires_grad
    return self


def get_grad(self: Tensor) -> Tensor | None:
    """The accumulated gradient of a leaf (or of a tensor with ``retain_grad``); None before backward."""
    edge = self._edge
    if edge.__class__ is graph.Leaf:
        return edge.grad
    if edge is not None and self._grad is None and "_retains" not in self.__dict__:
        notices.warn(
            f".grad of a tensor that {self.grad_fn.name()} made is None: gradients are kept for leaf tensors only. "
            "Call .retain_grad() on it before backward(), or read .grad of the leaf that it was computed from."
        )
    return self._grad


def set_grad(self: Tensor, g: Tensor | None) -> None:
    if g is not None:
        if not isinstance(g, Tensor):
            raise TypeError(
                f"assigned grad expected to be a Tensor or None but got grad of type {g.__class__.__name__}"
            )
        if g is self:
            raise RuntimeError("can't assign Variable as its own grad; assign a copy, x.detach().clone()")
        for what, ours, theirs in (
            ("of size", list(self.shape), list(g.shape)),
            ("with dtype", self.dtype.name, g.dtype.name),
            ("with device", self.device, g.device),
        ):
            if ours != theirs:
                raise RuntimeError(
                    f"attempting to assign a gradient {what} '{theirs}' to a tensor {what} '{ours}'. Please ensure "
                    "that the gradient and the tensor have the same size, dtype and device"
                )
    if self._edge.__class__ is graph.Leaf:
        self._edge.grad = g
    else:
        self._grad = g


def delete_grad(self: Tensor) -> None:
    set_grad(self, None)


def backward(
    self: Tensor,
    gradient: Tensor | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Accumulate gradients of this tensor into the leaves it was computed from; ``torch.Tensor.backward``.

    >>> import numtorch as torch
    >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4.])
    """
    graph.backward((self,), (gradient,), retain_graph, create_graph, inputs)


def detach(self: Tensor) -> Tensor:
    """The same elements, outside the graph."""
    return alias(self)


def detach_(self: Tensor) -> Tensor:
    """Take this tensor out of its graph."""
    if self._base is not None and in_graph(self):
        raise RuntimeError("Can't detach views in-place. Use detach() instead.")
    if self._edge.__class__ is graph.Leaf:
        self.requires_grad = False
    self._edge = None
    return self


def get_data(self: Tensor) -> Tensor:
    """The same elements, outside the graph and its version checks."""
    t = alias(self)
    t._storage = t._storage.related("data", lambda: Storage(t._storage.data))
    return t


def set_data(self: Tensor, value: Tensor) -> None:
    if not isinstance(value, Tensor):
        raise TypeError(f"Variable data has to be a tensor, but got {value.__class__.__name__}")
    source = alias(value)
    if self._edge is not None:
        if not source.dtype.is_floating_point:
            raise RuntimeError(
                f"data set to a tensor that requires gradients must be floating point, not {source.dtype.name}"
            )
        if self._edge.__class__ is not graph.Leaf and source.shape != self.shape:
            raise RuntimeError(
                f"data of shape {list(source.shape)} set to a computed tensor of shape {list(self.shape)}: gradients "
                "would not fit what it was computed from; use .detach() for a tensor of its own"
            )
    movement.set_like(self, source.shape, source)


def retain_grad(self: Tensor) -> None:
    """Keep the gradient of a tensor that is not a leaf in ``grad`` too."""
    if self._edge is None:
        raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
    if isinstance(self._edge, graph.Leaf) or "_retains" in self.__dict__:
        return
    from weakref import ref

    mine = ref(self)

    def keep(g: Tensor) -> None:
        x = mine()
        if x is not None:
            g = g if mode.grad else g.detach()  # with create_graph, gradients of gradients go through it
            x._grad = g.clone() if x._grad is None else x._grad + g

    keep.last = True
    self._retains = register_hook(self, keep)


def retains_grad(self: Tensor) -> bool:
    """Whether ``retain_grad`` was asked for."""
    return "_retains" in self.__dict__


def register_hook(self: Tensor, hook: Callable) -> Any:
    """Call ``hook(grad)`` when the gradient of this tensor is known; what it returns replaces the gradient."""
    edge = self._edge
    if edge is None:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    if isinstance(edge, graph.Leaf):
        edge.hooks = [] if edge.hooks is None else edge.hooks
        return graph.RemovableHandle(edge.hooks, hook)
    slot = edge.slot if isinstance(edge, graph.Output) else None
    node = edge.node if slot is not None else edge
    node.pre_hooks = [] if node.pre_hooks is None else node.pre_hooks

    def run(g: Any) -> Any:
        if slot is None:
            return graph.hooked(hook, g)
        return None if g[slot] is None else [*g[:slot], graph.hooked(hook, g[slot]), *g[slot + 1 :]]

    run.last = getattr(hook, "last", False)
    handle = graph.RemovableHandle(node.pre_hooks, run)
    node.pre_hooks.sort(key=_is_last)  # what retain_grad keeps is what the other hooks have made of it
    return handle


def _is_last(hook: Callable) -> bool:
    return getattr(hook, "last", False)


def register_post_accumulate_grad_hook(self: Tensor, hook: Callable) -> Any:
    """Call ``hook(tensor)`` after the gradient of this leaf has been accumulated."""
    from weakref import ref

    if not isinstance(self._edge, graph.Leaf):
        raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
    if self._edge.after is None:
        self._edge.after = []
    return graph.RemovableHandle(self._edge.after, (ref(self), hook))
