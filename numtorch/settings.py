"""Settings that PyTorch has and that need nothing here, or name other ones."""

from __future__ import annotations

from typing import Any

from numtorch.device import CPU, device
from numtorch.dtype import set_default_dtype
from numtorch.exports import exported
from numtorch.tensor_types import dtype_of

_deterministic = {"on": False, "warn_only": False}


@exported("torch")
def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Ask for equal results in equal runs, which ops give without being asked: for equal seeds and numbers of threads.

    Args:
        mode: the answer of ``are_deterministic_algorithms_enabled``.
        warn_only: the answer of ``is_deterministic_algorithms_warn_only_enabled``.

    >>> torch.use_deterministic_algorithms(False)
    """
    _deterministic.update(on=bool(mode), warn_only=bool(mode and warn_only))


@exported("torch")
def are_deterministic_algorithms_enabled() -> bool:
    """Whether ``use_deterministic_algorithms`` is on.

    Returns:
        A bool.

    >>> torch.are_deterministic_algorithms_enabled()
    False
    """
    return _deterministic["on"]


@exported("torch")
def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Whether ``use_deterministic_algorithms`` is on and asks for warnings alone.

    Returns:
        A bool.

    >>> torch.is_deterministic_algorithms_warn_only_enabled()
    False
    """
    return _deterministic["warn_only"]


@exported("torch")
def get_default_device() -> device:
    """Where new tensors are made: on the CPU.

    Returns:
        A device.

    >>> torch.get_default_device()
    device(type='cpu')
    """
    return CPU


@exported("torch")
def set_default_tensor_type(t: Any) -> None:
    """Set the dtype of new tensors by an older name: ``set_default_dtype``.

    Args:
        t: a tensor type such as ``torch.DoubleTensor``, its name, or a dtype.

    Raises:
        TypeError: it is not floating-point.

    >>> torch.set_default_tensor_type(torch.FloatTensor)
    """
    d = dtype_of(t)
    if not d.is_floating_point:
        raise TypeError("invalid type object: only floating-point types are supported as the default type")
    set_default_dtype(d)
