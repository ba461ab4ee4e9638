"""The API of ``torch.cpu``, and the memory that is kept for new CPU tensors."""

from __future__ import annotations

from typing import Any

from numtorch import memory


def is_available() -> bool:
    """True: there is always a processor.

    Returns:
        True.

    >>> torch.cpu.is_available()
    True
    """
    return True


def device_count() -> int:
    """1: however many cores there are, they are one device.

    Returns:
        1.

    >>> torch.cpu.device_count()
    1
    """
    return 1


def current_device() -> str:
    """The one device.

    Returns:
        ``"cpu"``.

    >>> torch.cpu.current_device()
    'cpu'
    """
    return "cpu"


def synchronize(device: Any = None) -> None:
    """Does nothing: an op on the processor is done when it returns.

    Args:
        device: accepted.

    >>> torch.cpu.synchronize()
    """


def memory_stats() -> dict[str, int]:
    """Counts of large blocks of memory (from 32 MiB on Linux), which are kept for later tensors.

    Smaller ones are the C library's. ``NUMTORCH_KEEP_MB`` limits what is kept (4096; 0 keeps none).

    Returns:
        A dict: bytes ``used``, ``kept`` and at the ``peak``; how many blocks were ``made`` and ``reused``.

    >>> before = torch.cpu.memory_stats()["used"]
    >>> x = torch.empty(20_000_000)
    >>> torch.cpu.memory_stats()["used"] - before >= x.nbytes
    True
    """
    return memory.stats()


def empty_cache() -> None:
    """Give memory that is kept for later tensors back to the system.

    >>> torch.cpu.empty_cache()
    >>> torch.cpu.memory_stats()["kept"]
    0
    """
    memory.release()
