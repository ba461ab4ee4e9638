"""DLPack: tensors given to and taken from other libraries without a copy of their elements.

``capsules.py`` has the structures that libraries exchange.
"""

from __future__ import annotations

import importlib
from enum import IntEnum
from functools import cache
from typing import Any

import numpy as np

from numtorch._tensor import Tensor
from numtorch.arguments import flag
from numtorch.device import CPU, as_device
from numtorch.exports import exported
from numtorch.kernels import launch
from numtorch.methods import method
from numtorch.ops import creation, movement

VERSION = (1, 1)  # the youngest that is spoken here
API_VERSIONS = ("2021.12", "2022.12", "2023.12", "2024.12", "2025.12")


class DLDeviceType(IntEnum):
    """DLPack's numbers of kinds of devices.

    >>> int(torch.utils.dlpack.DLDeviceType.kDLCPU)
    1
    """

    kDLCPU = 1
    kDLCUDA = 2
    kDLCUDAHost = 3
    kDLOpenCL = 4
    kDLVulkan = 7
    kDLMetal = 8
    kDLVPI = 9
    kDLROCM = 10
    kDLROCMHost = 11
    kDLExtDev = 12
    kDLCUDAManaged = 13
    kDLOneAPI = 14


@cache
def _capsules() -> Any:
    """The module of the structures: importing the package does not pay for it."""
    return importlib.import_module("numtorch.capsules")


@method
def __array_namespace__(self: Tensor, *, api_version: str | None = None) -> Any:
    """The functions of the Python array API standard for tensors: the module ``numtorch.array_api``.

    Args:
        api_version: the version of the standard, from ``"2021.12"`` to ``"2025.12"``; the newest if None.

    Returns:
        A module.

    Raises:
        ValueError: a version that is not known here.

    >>> xp = torch.ones(2).__array_namespace__()
    >>> xp.mean(xp.asarray([1.0, 2.0]))
    tensor(1.5000)
    """
    if api_version not in (None, *API_VERSIONS):
        raise ValueError(f"array API version {api_version!r} is none of {', '.join(API_VERSIONS)}")
    return importlib.import_module("numtorch.array_api")


@method
def to_device(self: Tensor, device: Any, /, *, stream: Any = None) -> Tensor:
    """The elements on another device, as the array API standard calls it.

    Args:
        device: where they shall be.
        stream: None: the current one.

    Returns:
        The tensor itself, if it is there.

    Raises:
        ValueError: a stream is given.

    >>> torch.ones(2).to_device("cpu")
    tensor([1., 1.])
    """
    if stream is not None:
        raise ValueError("to_device: stream must be None; kernels run one after another here")
    return movement.to(self, as_device(device))


@method
def __dlpack_device__(self: Tensor) -> tuple[IntEnum, int]:
    """Where the elements are, in DLPack's numbers.

    Returns:
        The kind of the device, and its index.

    Raises:
        ValueError: the tensor is on the device ``"meta"``, which has no elements.

    >>> device, index = torch.ones(2).__dlpack_device__()
    >>> int(device), index
    (1, 0)
    """
    if self.device.type == "cpu":
        return DLDeviceType.kDLCPU, 0
    if self.device.type == "cuda":
        return DLDeviceType.kDLCUDA, self.device.index or 0
    raise ValueError(f"Unknown device type {self.device.type} for Dlpack")


@method
def __dlpack__(
    self: Tensor,
    *,
    stream: int | None = -1,
    max_version: tuple[int, int] | None = None,
    dl_device: tuple[IntEnum, int] | None = None,
    copy: bool | None = None,
) -> Any:
    """A DLPack capsule over the elements, for the ``from_dlpack`` of another library.

    Args:
        stream: on CUDA, the stream on which the consumer works; everything is computed before it is told. On the CPU
            None or -1.
        max_version: the highest version of DLPack that the consumer knows; None means one before 1.0.
        dl_device: where the elements shall be, in DLPack's numbers; where they are if None.
        copy: True copies; False raises an error where a copy is necessary; None copies where it is necessary.

    Returns:
        A capsule: ``dltensor_versioned`` for versions from 1.0, else ``dltensor``.

    Raises:
        BufferError: the tensor requires a gradient, or would have to be copied with ``copy=False``.
        ValueError: the tensor is on the device ``"meta"``.
        TypeError: ``stream`` is no integer.
        AssertionError: a stream is named for a tensor on the CPU.

    >>> torch.ones(2).__dlpack__(max_version=(1, 0))  # doctest: +ELLIPSIS
    <capsule object "dltensor_versioned" at 0x...>
    """
    if self.requires_grad:
        raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
    if stream is not None and type(stream) is not int:
        raise TypeError("stream must be ``int`` or ``none``")
    kind, index = __dlpack_device__(self)
    if kind == DLDeviceType.kDLCPU:
        if stream is not None and stream != -1:
            raise AssertionError("stream should be None on cpu.")
    elif stream == 2:
        raise BufferError("per-thread default stream is not supported.")
    if copy is not None:
        copy = flag(copy, "__dlpack__", "copy")
    x = self
    if dl_device is not None and (int(dl_device[0]), int(dl_device[1])) != (int(kind), index):
        if copy is False:
            raise BufferError(
                f"cannot move a tensor from {self.device} to DLPack device {tuple(map(int, dl_device))} without "
                "copying; pass copy=None or copy=True"
            )
        x, copy = movement.to(self, _local(*dl_device)), None
    elif copy:
        x = self.clone()
    if x.device.type == "cuda" and stream != -1:
        launch.cuda.synchronize()
    versioned = max_version is not None and max_version[0] >= 1
    return _capsules().capsule_of(x, __dlpack_device__(x), versioned, x is not self)


def _local(kind: int, index: int) -> Any:
    """The device of DLPack's numbers."""
    if int(kind) in (DLDeviceType.kDLCPU, DLDeviceType.kDLCUDAHost):
        return CPU
    if int(kind) in (DLDeviceType.kDLCUDA, DLDeviceType.kDLCUDAManaged):
        return as_device(f"cuda:{int(index)}")
    name = next((d.name for d in DLDeviceType if d == int(kind)), f"device {int(kind)}")
    raise BufferError(f"DLPack: tensors are on cpu and cuda here, not on {name} (number {int(index)})")


def _asked(producer: Any, options: dict[str, Any]) -> tuple[Any, set]:
    """The capsule that a producer makes, and the options that it did not know: the youngest are left out first."""
    without: set = set()
    for late in (None, "max_version", "copy", "dl_device"):
        if late is not None:
            if late not in options:
                continue
            options.pop(late)
            without.add(late)
        try:
            return producer.__dlpack__(**options), without
        except TypeError as e:
            if not options:
                raise
            failed = e
    raise failed


@exported("torch")
def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor over the elements of another library's array, by way of DLPack.

    Memory that may not be written to is copied, since a tensor may be written to.

    Args:
        ext_tensor: an object with a ``__dlpack__`` method, or a DLPack capsule, which is consumed.
        device: where the result is; where the elements are if None.
        copy: True copies; False raises an error where a copy is necessary; None copies where it is necessary.

    Returns:
        A tensor that shares its memory with ``ext_tensor``, unless it was copied.

    Raises:
        TypeError: no such object.
        RuntimeError: a capsule that was consumed before.
        BufferError: a type or a device that tensors do not have.
        ValueError: ``copy=False``, and the elements are read-only, have negative strides, or are on another device.

    >>> import numpy as np
    >>> a = np.zeros(2, np.float32)
    >>> t = torch.from_dlpack(a)
    >>> a[0] = 5
    >>> t
    tensor([5., 0.])
    """
    where = None if device is None else as_device(device)
    if copy is not None:
        copy = flag(copy, "from_dlpack", "copy")
    if not hasattr(ext_tensor, "__dlpack__"):
        return _tensor(ext_tensor, where, copy, copy is True)
    options: dict[str, Any] = {"max_version": VERSION}
    if copy is not None:
        options["copy"] = copy
    source = tuple(map(int, ext_tensor.__dlpack_device__()))
    target = None if where is None else (1, 0) if where is CPU else (2, where.index)
    if where is not None and where.type == "meta":
        raise ValueError("Unknown device type meta for Dlpack")
    if target is not None and target != source and copy is False:
        raise ValueError(
            f"cannot move DLPack tensor from device {source} to {target} without copying. Set copy=None or copy=True."
        )
    if target is not None and target == source:
        options["dl_device"] = target
    if source[0] == DLDeviceType.kDLCUDA:
        options["stream"] = 1
    capsule, without = _asked(ext_tensor, options)
    return _tensor(capsule, where, copy, copy is True and "copy" in without)


def _tensor(capsule: Any, where: Any, copy: bool | None, again: bool) -> Tensor:
    """The tensor over what a capsule holds; copied where it must be, or where ``again`` asks for it."""
    elements, d, copied = _capsules().taken(capsule, _local)
    if isinstance(elements, np.ndarray):
        why = None
        if not elements.flags.writeable and not copied:
            why = "read-only"
        elif any(s < 0 for s in elements.strides):
            why = "of negative strides"
        if why is not None:
            if copy is False:
                raise ValueError(f"from_dlpack: the elements are {why}, and copy=False refuses a copy; pass copy=None")
            elements, again = elements.copy(), False
        elements = creation.from_ndarray(elements, d)
    if again:
        elements = elements.clone()
    return elements if where is None else movement.to(elements, where)


@exported("torch")
def to_dlpack(tensor: Tensor) -> Any:
    """A DLPack capsule over the elements of a tensor, of the version before 1.0.

    Args:
        tensor: one that requires no gradient.

    Returns:
        A ``dltensor`` capsule, which can be consumed once.

    Raises:
        BufferError: the tensor requires a gradient.

    >>> capsule = torch.utils.dlpack.to_dlpack(torch.tensor([1, 2]))
    >>> torch.from_dlpack(capsule)
    tensor([1, 2])
    """
    if not isinstance(tensor, Tensor):
        raise TypeError(f"to_dlpack(): argument 'tensor' must be Tensor, not {type(tensor).__name__}")
    return __dlpack__(tensor)
