"""The API of ``torch.cpu``, and the memory that is kept for new CPU tensors."""

from __future__ import annotations

from typing import Any

from numtorch import memory


def is_available() -> bool:
    """True: there is always a processor."""
    return True


def device_count() -> int:
    """1: however many cores there are, they are one device."""
    return 1


def current_device() -> str:
    """``"cpu"``."""
    return "cpu"


def synchronize(device: Any = None) -> None:
    """Nothing: an op on the processor is done when it returns."""


def memory_stats() -> dict[str, int]:
    """Large blocks (from 32 MiB on Linux): bytes ``used``, ``kept`` and at the ``peak``; how many ``made`` and
    ``reused``.

    Smaller ones are the C library's. ``NUMTORCH_KEEP_MB`` limits what is kept (4096; 0 keeps none).

    >>> import numtorch as torch
    >>> before = torch.cpu.memory_stats()["used"]
    >>> x = torch.empty(20_000_000)
    >>> torch.cpu.memory_stats()["used"] - before >= x.nbytes
    True
    """
    return memory.stats()


def empty_cache() -> None:
    """Give memory that is kept for later tensors back to the system.

    >>> import numtorch as torch
    >>> torch.cpu.empty_cache()
    >>> torch.cpu.memory_stats()["kept"]
    0
    """
    memory.release()
