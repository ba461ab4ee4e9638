"""Hooks on saved tensors: they pack a value when a node is made, and unpack it when the gradient is computed.

Knows nothing of nodes. ``graph`` asks this module to pack saved values while ``mode.packing`` is not empty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from numtorch import _tensor
from numtorch.grad_mode import _Setting, mode


class _Kept:
    """One packed tensor and its place in the graph."""

    __slots__ = ("edge", "packed")

    def __init__(self, edge: Any, packed: Any):
        self.edge, self.packed = edge, packed


class Packed:
    """Saved values of one node that went through ``saved_tensors_hooks``."""

    __slots__ = ("_kept", "_unpack")

    def __init__(self, saved: Any):
        pack, self._unpack = mode.packing[-1]
        self._kept = [self._pack(v, pack) for v in saved]

    def __iter__(self) -> Iterator:
        return iter(self._kept)

    def _pack(self, value: Any, pack: Callable) -> Any:
        if type(value) is tuple:
            return tuple([self._pack(v, pack) for v in value])
        if not isinstance(value, _tensor.Tensor):
            return value
        with _Setting(grad=False, packing=(), watched=False):
            return _Kept(value._edge, pack(_tensor.alias(value)))

    def unpacked(self) -> list:
        """The values, given back their place in the graph."""
        return [self._restore(v) for v in self._kept]

    def _restore(self, value: Any) -> Any:
        if type(value) is tuple:
            return tuple([self._restore(v) for v in value])
        if type(value) is not _Kept:
            return value
        found = self._unpack(value.packed)
        if not isinstance(found, _tensor.Tensor):
            raise TypeError(
                f"Output of saved tensor unpack_hook expected to be a Tensor but got result of type {type(found)}"
            )
        t = _tensor.alias(found)
        t._edge = value.edge
        return t


class saved_tensors_hooks:
    """Tensors that are saved for ``backward`` go through one function when they are saved and another when they are
    needed.

    Args:
        pack_hook: takes a tensor, outside the graph; returns anything, which is kept.
        unpack_hook: takes what was kept; returns a tensor of the same elements.

    >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> with torch.autograd.graph.saved_tensors_hooks(lambda t: t.numpy().copy(), torch.from_numpy):
    ...     y = (x * x).sum()
    >>> y.backward()
    >>> x.grad
    tensor([2., 4.])
    """

    def __init__(self, pack_hook: Callable[[Any], Any], unpack_hook: Callable[[Any], Any]):
        self.pack_hook, self.unpack_hook = pack_hook, unpack_hook
        self._settings: list[_Setting] = []

    def __enter__(self) -> None:
        if mode.packing and mode.packing[-1][0] is None:
            raise RuntimeError(mode.packing[-1][1])
        setting = _Setting(packing=(*mode.packing, (self.pack_hook, self.unpack_hook)), watched=True)
        self._settings.append(setting)
        setting.__enter__()

    def __exit__(self, *exc: object) -> None:
        self._settings.pop().__exit__(*exc)


class save_on_cpu(saved_tensors_hooks):
    """Inside, tensors that are saved for ``backward`` wait for it in host memory, which frees the GPU's.

    Args:
        pin_memory: accepted; host memory is not pinned.
        device_type: accepted.

    >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> with torch.autograd.graph.save_on_cpu():
    ...     y = (x * x).sum()
    >>> y.backward()
    >>> x.grad
    tensor([2., 4.])
    """

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda"):
        super().__init__(lambda t: (t.device, t.to("cpu", copy=True)), lambda kept: kept[1].to(kept[0]))


class disable_saved_tensors_hooks:
    """Inside, ``saved_tensors_hooks`` raises an error.

    Args:
        error_message: what it says.

    >>> with torch.autograd.graph.disable_saved_tensors_hooks("not here"):
    ...     try:
    ...         with torch.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t):
    ...             pass
    ...     except RuntimeError as e:
    ...         print(e)
    not here
    """

    def __init__(self, error_message: str):
        self._message = error_message

    def __enter__(self) -> None:
        if mode.packing and mode.packing[-1][0] is not None:
            raise RuntimeError(self._message)
        self._setting = _Setting(packing=(*mode.packing, (None, self._message)))
        self._setting.__enter__()

    def __exit__(self, *exc: object) -> None:
        self._setting.__exit__(*exc)
