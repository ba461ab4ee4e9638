"""``Parameter`` and ``Buffer``: tensors that a module registers when they are assigned to it, and those of lazy layers,
which have no shape yet."""

from __future__ import annotations

from typing import Any

from numtorch._tensor import Tensor, alias
from numtorch.copying import relaid
from numtorch.grad_mode import no_grad
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


# --- before they have a shape -------------------------------------------------------------------------


class _Uninitialized:
    """What has no shape yet."""

    becomes: type

    def materialize(self: Any, shape: Any, device: Any = None, dtype: Any = None) -> None:
        """Get a shape, and elements that are not set.

        Args:
            shape: the shape.
            device: where it is; as before if None.
            dtype: its type; as before if None.

        >>> p = torch.nn.UninitializedParameter()
        >>> p.materialize((2, 3))
        >>> type(p).__name__, p.shape
        ('Parameter', torch.Size([2, 3]))
        """
        with no_grad():
            self.data = empty(tuple(shape), dtype=dtype or self.dtype, device=device or self.device)
        self.__class__ = self.becomes

    def __repr__(self: Any) -> str:
        return f"<{type(self).__name__}>"

    def __deepcopy__(self: Any, memo: dict) -> Any:
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.requires_grad, device=self.device, dtype=self.dtype)
        return memo[id(self)]

    def __reduce_ex__(self: Any, protocol: Any) -> tuple:
        return type(self), (self.requires_grad, None, self.dtype)


class UninitializedParameter(_Uninitialized, Parameter):
    """A parameter whose shape is not known yet; ``materialize`` gives it one.

    Args:
        requires_grad: whether gradients are computed.
        device: where it is made; the CPU by default.
        dtype: its type; the default dtype if None.

    >>> torch.nn.UninitializedParameter()
    <UninitializedParameter>
    """

    becomes = Parameter

    def __new__(cls, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> Any:
        return Parameter.__new__(cls, empty(0, device=device, dtype=dtype), requires_grad)


class UninitializedBuffer(_Uninitialized, Buffer):
    """A buffer whose shape is not known yet; ``materialize`` gives it one.

    Args:
        requires_grad: accepted.
        device: where it is made; the CPU by default.
        dtype: its type; the default dtype if None.
        persistent: keep it in ``state_dict()``.

    >>> torch.nn.UninitializedBuffer()
    <UninitializedBuffer>
    """

    becomes = Buffer

    def __new__(
        cls, requires_grad: bool = False, device: Any = None, dtype: Any = None, persistent: bool = True
    ) -> Any:
        return Buffer.__new__(cls, empty(0, device=device, dtype=dtype), persistent=persistent)


def is_lazy(x: Any) -> bool:
    """Whether a tensor has no shape yet."""
    return isinstance(x, _Uninitialized)
