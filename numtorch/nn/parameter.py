"""``Parameter`` and ``Buffer``: tensors that a module registers when they are assigned to it."""

from __future__ import annotations

from typing import Any

from numtorch._tensor import Tensor, alias
from numtorch.copying import relaid
from numtorch.ops.creation import empty


def _subclass(cls: type, data: Tensor | None, requires_grad: bool) -> Any:
    """The elements of ``data``, shared, as a leaf of another class."""
    if data is not None and not isinstance(data, Tensor):
        raise TypeError(f"{cls.__name__} expects a Tensor, got {type(data).__name__}; make one with torch.tensor(...)")
    t: Any = alias(empty(0) if data is None else data)
    t.__class__ = cls
    t.requires_grad = requires_grad
    return t


class Parameter(Tensor):
    """A tensor to be learnt: assigned to a module, it is one of the module's ``parameters()``.

    Results computed from it are plain tensors.

    Args:
        data: its elements, shared with it; no elements if None.
        requires_grad: whether gradients are computed.

    Raises:
        TypeError: ``data`` is not a tensor.

    See https://pytorch.org/docs/stable/generated/torch.nn.parameter.Parameter.html

    >>> torch.nn.Parameter(torch.tensor([1.0]))
    Parameter containing:
    tensor([1.], requires_grad=True)
    """

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> Parameter:
        return _subclass(cls, data, requires_grad)

    def __deepcopy__(self, memo: dict) -> Parameter:
        found = memo.get(id(self))
        if found is None:
            found = memo[id(self)] = _subclass(type(self), relaid(self), self.requires_grad)
        return found

    def __repr__(self) -> str:  # type: ignore[override]
        return "Parameter containing:\n" + super().__repr__()


class Buffer(Tensor):
    """A tensor that belongs to a module's state and is not learnt: assigned to a module, it is one of its
    ``buffers()``.

    Args:
        data: its elements, shared with it; no elements if None.
        persistent: keep it in ``state_dict()``.

    Raises:
        TypeError: ``data`` is not a tensor.

    >>> layer = torch.nn.Module()
    >>> layer.mean = torch.nn.Buffer(torch.zeros(1))
    >>> layer.state_dict()
    OrderedDict([('mean', tensor([0.]))])
    """

    persistent: bool

    def __new__(cls, data: Tensor | None = None, *, persistent: bool = True) -> Buffer:
        t = _subclass(cls, data, False if data is None else data.requires_grad)
        t.persistent = persistent
        return t
