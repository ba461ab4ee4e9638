"""``torch.accelerator``: the GPU, if there is one."""

from __future__ import annotations

from typing import Any

from numtorch import cuda
from numtorch.device import device


def is_available() -> bool:
    """Whether there is a GPU that can be used.

    Returns:
        A bool.

    >>> torch.accelerator.is_available() == torch.cuda.is_available()
    True
    """
    return cuda.is_available()


def device_count() -> int:
    """How many GPUs there are.

    Returns:
        An int.

    >>> torch.accelerator.device_count() == torch.cuda.device_count()
    True
    """
    return cuda.device_count()


def current_accelerator(check_available: bool = False) -> device | None:
    """The kind of GPU.

    Args:
        check_available: accepted.

    Returns:
        ``torch.device("cuda")``; None without a GPU.

    >>> if torch.accelerator.is_available():
    ...     print(torch.accelerator.current_accelerator() == torch.device("cuda"))
    """
    return device("cuda") if cuda.is_available() else None


def current_device_index() -> int:
    """The number of the current GPU.

    Returns:
        An int.

    >>> if torch.accelerator.is_available():
    ...     index = torch.accelerator.current_device_index()
    """
    return cuda.current_device()


current_device_idx = current_device_index


def set_device_index(device: Any) -> None:
    """Make a GPU the current one.

    Args:
        device: its number, or a device.

    >>> if torch.accelerator.is_available():
    ...     torch.accelerator.set_device_index(0)
    """
    cuda.set_device(device)


set_device_idx = set_device_index


def synchronize(device: Any = None) -> None:
    """Wait until all kernels launched on a GPU have finished.

    Args:
        device: its number, or a device; the current one if None.

    >>> if torch.accelerator.is_available():
    ...     torch.accelerator.synchronize()
    """
    cuda.synchronize(device)


memory_allocated = cuda.memory_allocated
max_memory_allocated = cuda.max_memory_allocated
memory_reserved = cuda.memory_reserved
max_memory_reserved = cuda.max_memory_reserved
reset_peak_memory_stats = cuda.reset_peak_memory_stats
get_memory_info = cuda.mem_get_info


def empty_cache() -> None:
    """Give memory that is waiting to be freed back to the driver.

    >>> if torch.accelerator.is_available():
    ...     torch.accelerator.empty_cache()
    """
    cuda.empty_cache()
