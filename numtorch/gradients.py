"""The methods of a tensor that concern its gradient"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numtorch import notices
from numtorch._tensor import Tensor, alias
from numtorch.autograd import graph
from numtorch.autograd.inplace import in_graph
from numtorch.grad_mode import mode
from numtorch.methods import attribute, method
from numtorch.ops import movement
from numtorch.storage import Storage


@attribute
def grad_fn(self: Tensor) -> Any:
    """The node of the graph that made this tensor; None for leaves.

    >>> x = torch.ones(2, requires_grad=True)
    >>> (x * 2).grad_fn.name(), x.grad_fn
    ('MulBackward0', None)
    """
    edge = self._edge
    if edge is None or isinstance(edge, graph.Leaf):
        return None
    return edge.node if isinstance(edge, graph.Output) else edge


@attribute
def is_leaf(self: Tensor) -> bool:
    """Whether made by the user (or needing no gradient) rather than by a recorded op.

    >>> x = torch.ones(2, requires_grad=True)
    >>> x.is_leaf, (x * 2).is_leaf
    (True, False)
    """
    return self._edge is None or isinstance(self._edge, graph.Leaf)


@attribute
def output_nr(self: Tensor) -> int:
    """Which output of its node this tensor is; 0 for leaves.

    >>> x = torch.ones(2, requires_grad=True)
    >>> [y.output_nr for y in x.unbind()]
    [0, 1]
    """
    return self._edge.slot if isinstance(self._edge, graph.Output) else 0


def _get_requires_grad(self: Tensor) -> bool:
    """Whether ops on this tensor are recorded.

    Raises:
        RuntimeError: set to something else than a bool, or on a tensor that was computed.

    >>> x = torch.ones(2)
    >>> x.requires_grad = True
    >>> (x * 2).requires_grad
    True
    """
    return self._edge is not None


def _set_requires_grad(self: Tensor, value: bool) -> None:
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


Tensor.requires_grad = property(_get_requires_grad, _set_requires_grad)


@method
def requires_grad_(self: Tensor, requires_grad: bool = True) -> Tensor:
    """Set ``requires_grad``.

    Args:
        requires_grad: whether ops on the tensor are recorded.

    Returns:
        The tensor.

    Raises:
        RuntimeError: the tensor was computed, or is neither floating-point nor complex.

    >>> torch.ones(2).requires_grad_()
    tensor([1., 1.], requires_grad=True)
    """
    self.requires_grad = requires_grad
    return self


def _get_grad(self: Tensor) -> Tensor | None:
    """The accumulated gradient of a leaf (or of a tensor with ``retain_grad``); None before ``backward``.

    >>> x = torch.tensor(3.0, requires_grad=True)
    >>> (x * x).backward()
    >>> x.grad
    tensor(6.)
    """
    edge = self._edge
    if edge.__class__ is graph.Leaf:
        return edge.grad
    if edge is not None and self._grad is None and "_retains" not in self.__dict__:
        notices.warn(
            f".grad of a tensor that {self.grad_fn.name()} made is None: gradients are kept for leaf tensors only. "
            "Call .retain_grad() on it before backward(), or read .grad of the leaf that it was computed from."
        )
    return self._grad


def _set_grad(self: Tensor, g: Tensor | None) -> None:
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


def _delete_grad(self: Tensor) -> None:
    _set_grad(self, None)


Tensor.grad = property(_get_grad, _set_grad, _delete_grad)


@method
def backward(
    self: Tensor,
    gradient: Tensor | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Add the gradients of this tensor to the ``grad`` of the leaves it was computed from.

    Args:
        gradient: the gradient of this tensor, of its shape; 1 if None, for a tensor of one element.
        retain_graph: keep what the graph has saved, for another ``backward``; as ``create_graph`` if None.
        create_graph: record the computation of the gradients, so that they can be differentiated.
        inputs: the leaves or other tensors whose ``grad`` is added to; all leaves if None.

    Raises:
        RuntimeError: the tensor requires no gradient; it has several elements, and ``gradient`` is None; the graph has
            been used already.

    >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4.])
    """
    graph.backward((self,), (gradient,), retain_graph, create_graph, inputs)


@method
def detach(self: Tensor) -> Tensor:
    """The same elements, in the same memory, outside the graph.

    Returns:
        A tensor that requires no gradient.

    >>> x = torch.ones(2, requires_grad=True)
    >>> (x * 2).detach()
    tensor([2., 2.])
    """
    return alias(self)


@method
def detach_(self: Tensor) -> Tensor:
    """Take this tensor out of its graph; it requires no gradient afterwards.

    Returns:
        The tensor.

    Raises:
        RuntimeError: it is a view of a tensor in a graph.

    >>> y = torch.ones(2, requires_grad=True) * 2
    >>> y.detach_()
    tensor([2., 2.])
    """
    if self._base is not None and in_graph(self):
        raise RuntimeError("Can't detach views in-place. Use detach() instead.")
    if self._edge.__class__ is graph.Leaf:
        self.requires_grad = False
    self._edge = None
    return self


def _get_data(self: Tensor) -> Tensor:
    """The same elements, outside the graph and its version checks; setting it replaces the elements, not the tensor.

    Raises:
        TypeError: set to something else than a tensor.
        RuntimeError: the tensor requires a gradient, and the new elements cannot.

    >>> x = torch.ones(2, requires_grad=True)
    >>> x.data.mul_(3.0)
    tensor([3., 3.])
    >>> x
    tensor([3., 3.], requires_grad=True)
    """
    t = alias(self)
    t._storage = t._storage.related("data", lambda: Storage(t._storage.data))
    return t


def _set_data(self: Tensor, value: Tensor) -> None:
    if not isinstance(value, Tensor):
        raise TypeError(f"Variable data has to be a tensor, but got {value.__class__.__name__}")
    source = alias(value)
    if self._edge is not None:
        if not source.dtype.differentiable:
            raise RuntimeError(
                "data set to a tensor that requires gradients must be floating point or complex, not "
                f"{source.dtype.name}"
            )
        if self._edge.__class__ is not graph.Leaf and source.shape != self.shape:
            raise RuntimeError(
                f"data of shape {list(source.shape)} set to a computed tensor of shape {list(self.shape)}: gradients "
                "would not fit what it was computed from; use .detach() for a tensor of its own"
            )
    movement.set_like(self, source.shape, source)


Tensor.data = property(_get_data, _set_data)


@method
def retain_grad(self: Tensor) -> None:
    """Keep the gradient of a tensor that is not a leaf in its ``grad``, too.

    Raises:
        RuntimeError: the tensor requires no gradient.

    >>> x = torch.tensor(3.0, requires_grad=True)
    >>> y = x * x
    >>> y.retain_grad()
    >>> (y * 2).backward()
    >>> y.grad
    tensor(2.)
    """
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


@attribute
def retains_grad(self: Tensor) -> bool:
    """Whether ``retain_grad`` was asked for.

    >>> torch.ones(1, requires_grad=True).retains_grad
    False
    """
    return "_retains" in self.__dict__


@method
def register_hook(self: Tensor, hook: Callable) -> Any:
    """Call a function when the gradient of this tensor is known.

    Args:
        hook: ``hook(grad)``; what it returns, if not None, replaces the gradient.

    Returns:
        A handle, whose ``remove()`` takes the hook off.

    Raises:
        RuntimeError: the tensor requires no gradient.

    >>> x = torch.tensor(3.0, requires_grad=True)
    >>> handle = x.register_hook(lambda grad: grad * 10)
    >>> (x * x).backward()
    >>> x.grad
    tensor(60.)
    """
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


@method
def register_post_accumulate_grad_hook(self: Tensor, hook: Callable) -> Any:
    """Call a function after a gradient has been added to the ``grad`` of this leaf.

    Args:
        hook: ``hook(tensor)``.

    Returns:
        A handle, whose ``remove()`` takes the hook off.

    Raises:
        RuntimeError: the tensor is not a leaf that requires a gradient.

    >>> x = torch.tensor(3.0, requires_grad=True)
    >>> handle = x.register_post_accumulate_grad_hook(lambda x: print(x.grad))
    >>> (x * x).backward()
    tensor(6.)
    """
    from weakref import ref

    if not isinstance(self._edge, graph.Leaf):
        raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
    if self._edge.after is None:
        self._edge.after = []
    return graph.RemovableHandle(self._edge.after, (ref(self), hook))
