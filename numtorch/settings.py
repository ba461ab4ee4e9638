"""Settings that PyTorch has and that need nothing here, or name other ones."""

from __future__ import annotations

from typing import Any

from numtorch.device import CPU, DEFAULT, as_device, device
from numtorch.dtype import set_default_dtype
from numtorch.exports import exported
from numtorch.tensor_types import place_of

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


_MODES = ("default", "warn", "error")


@exported("torch")
def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """``use_deterministic_algorithms`` by a number or a name.

    Args:
        debug_mode: 0 or ``"default"`` for off, 1 or ``"warn"`` for warnings alone, 2 or ``"error"`` for on.

    Raises:
        TypeError: it is neither a number nor a name.
        RuntimeError: there is no such mode.

    >>> torch.set_deterministic_debug_mode("default")
    """
    if not isinstance(debug_mode, int | str):
        raise TypeError(f"debug_mode must be str or int, but got {type(debug_mode).__name__}")
    if debug_mode not in (*_MODES, 0, 1, 2):
        raise RuntimeError(f"debug_mode must be one of 0, 1, 2, {', '.join(_MODES)}, not {debug_mode!r}")
    number = _MODES.index(debug_mode) if isinstance(debug_mode, str) else int(debug_mode)
    use_deterministic_algorithms(number > 0, warn_only=number == 1)


@exported("torch")
def get_deterministic_debug_mode() -> int:
    """What ``set_deterministic_debug_mode`` takes, as a number.

    Returns:
        0, 1 or 2.

    >>> torch.get_deterministic_debug_mode()
    0
    """
    return 0 if not _deterministic["on"] else 1 if _deterministic["warn_only"] else 2


@exported("torch")
def get_default_device() -> device:
    """Where new tensors are made: on the CPU, unless ``set_default_device`` or a ``with`` block of a device says else.

    Returns:
        A device.

    >>> torch.get_default_device()
    device(type='cpu')
    """
    return DEFAULT.device


@exported("torch")
def set_default_device(device: Any) -> None:
    """Say where tensors are made that are made without ``device=``, in this thread.

    Tensors of arrays that share their memory (``from_numpy``) stay on the CPU, and those like others with the others.

    Args:
        device: a device, its name or the number of a GPU; the CPU if None.

    Raises:
        RuntimeError: there is no such device.

    >>> torch.set_default_device("meta")
    >>> torch.ones(2).device
    device(type='meta')
    >>> torch.set_default_device(None)
    """
    DEFAULT.device = CPU if device is None else as_device(device)


@exported("torch")
def set_default_tensor_type(t: Any) -> None:
    """Set the dtype and the device of new tensors by an older name: ``set_default_dtype``, ``set_default_device``.

    Args:
        t: a tensor type such as ``torch.DoubleTensor`` or ``torch.cuda.FloatTensor``, its name, or a dtype.

    Raises:
        TypeError: it is not floating-point, or on a GPU and there is none.

    >>> torch.set_default_tensor_type(torch.FloatTensor)
    """
    d, place = place_of(t)
    if not d.is_floating_point:
        raise TypeError("invalid type object: only floating-point types are supported as the default type")
    set_default_dtype(d)
    if place is not None:
        DEFAULT.device = place


@exported("torch")
def set_flush_denormal(mode: bool) -> bool:
    """Ask that numbers too small for full precision become 0. They never do here.

    Args:
        mode: True to ask for it.

    Returns:
        Whether it is as asked: False for True.

    >>> torch.set_flush_denormal(False)
    True
    """
    return not mode


_always = {"on": False}


@exported("torch")
def set_warn_always(b: bool, /) -> None:
    """Remember whether warnings are to be shown each time; Python's ``warnings`` filters say how often they are.

    Args:
        b: the answer of ``is_warn_always_enabled``.

    >>> torch.set_warn_always(False)
    """
    _always["on"] = bool(b)


@exported("torch")
def is_warn_always_enabled() -> bool:
    """Whether ``set_warn_always`` is on.

    Returns:
        A bool.

    >>> torch.is_warn_always_enabled()
    False
    """
    return _always["on"]
