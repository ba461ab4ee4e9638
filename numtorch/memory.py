"""Keeps the memory that tensors free, for new tensors.

The system gives out memory page by page, and zeroes each page at the first access. A training step that returns its
memory pays for this again in the next step: a quarter of the time of a small GPT, a third of LeNet's, and more than the
whole time of an ``exp`` of 16 million elements. Blocks up to 32 MiB belong to glibc, which is told to keep them. For
larger blocks glibc asks the
system each time, so they are kept here. They never make the process larger than its live tensors alone have made it.
Knows nothing of tensors. Huge pages are not requested: in one noisy measurement they were slower from 4 to 64 MB at
best time, and a fifth faster at 256 MB.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from typing import Any

import numpy as np

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of malloc.h
KEPT = 1 << 30  # bytes free at the end of the heap from which they go back to the system
LARGEST = 1 << 25  # bytes from which a block has a mapping of its own; glibc takes no more
LINE = 64  # blocks start on a cache line


def keep_freed() -> bool:
    """Let malloc keep up to 1 GiB that is free, where it is glibc's; whether it does so now.

    Whoever has set ``MALLOC_TRIM_THRESHOLD_`` or ``MALLOC_MMAP_THRESHOLD_`` has decided already.
    """
    if not sys.platform.startswith("linux") or {"MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"} & os.environ.keys():
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:  # another C library
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, LARGEST) and mallopt(M_TRIM_THRESHOLD, KEPT))


def limit() -> int:
    """Bytes of large blocks that may be kept: ``NUMTORCH_KEEP_MB`` (0 keeps none), else 4 GiB."""
    text = os.environ.get("NUMTORCH_KEEP_MB", "4096")
    if not text.isdecimal():
        raise ValueError(f"NUMTORCH_KEEP_MB: expected a number of megabytes, got {text!r}")
    return int(text) << 20


class Lease:
    """A block in use: the owner of the memory behind an array and all its views. It goes back when the last of them
    dies."""

    __slots__ = ("__array_interface__", "block", "pool")

    def __init__(self, pool: Pool, block: np.ndarray, nbytes: int):
        self.pool, self.block = pool, block
        start = block.__array_interface__["data"][0]
        self.__array_interface__ = {
            "data": (start + -start % LINE, False),
            "shape": (nbytes,),
            "typestr": "|u1",
            "version": 3,
        }

    def __del__(self) -> None:
        self.pool.back(self.block)


class Pool:
    """Large blocks between two uses, the oldest first. Any thread may take blocks and give them back."""

    def __init__(self, most: int):
        self.most = most
        self.free: list[np.ndarray] = []
        self.used = self.peak = self.kept = 0  # bytes; peak is the largest that used has been
        self.reused = self.made = 0  # blocks
        # Reentrant: whatever is allocated under the lock can start a collection, and that gives blocks back.
        self.lock = threading.RLock()

    def take(self, nbytes: int) -> np.ndarray:
        """``nbytes`` uninitialised bytes that start on a cache line."""
        size = self.size(nbytes)
        with self.lock:
            before = self.peak
            at = next((i for i in range(len(self.free) - 1, -1, -1) if self.free[i].size == size), None)
            self.used += size
            self.peak = max(self.peak, self.used)
            if at is None:
                self.shrink(self.peak - self.used)
                self.made += 1
                block = None
            else:
                block = self.free.pop(at)
                self.kept -= size
                self.reused += 1
        if block is None:
            try:
                block = np.empty(size, np.uint8)
            except (MemoryError, ValueError):  # ValueError: more than an array can have
                self.shrink(0)  # what is kept may be what is missing
                try:
                    block = np.empty(size, np.uint8)
                except (MemoryError, ValueError):
                    with self.lock:
                        self.used, self.made = self.used - size, self.made - 1
                        self.peak = max(before, self.used)
                    raise
        return np.asarray(Lease(self, block, nbytes))

    def back(self, block: np.ndarray) -> None:
        """Keep a block that is no longer used, unless that would be too much."""
        with self.lock:
            self.used -= block.size
            if self.kept + block.size <= self.most:
                self.free.append(block)
                self.kept += block.size

    def shrink(self, most: int) -> None:
        """Give the oldest kept blocks back to the system until ``most`` bytes are left."""
        with self.lock:
            while self.kept > most:
                self.kept -= self.free.pop(0).size

    @staticmethod
    def size(nbytes: int) -> int:
        """The size of the block for so many bytes: eight sizes to an octave, so that shapes that vary share blocks."""
        step = 1 << max(0, nbytes.bit_length() - 4)
        return -(-nbytes // step) * step + LINE

    def after_fork(self) -> None:
        """Another thread of the parent may have held the lock."""
        self.lock = threading.RLock()


large = Pool(limit())
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=large.after_fork)


def stats() -> dict[str, int]:
    """Bytes of large blocks ``used``, ``kept`` for reuse and used at the ``peak``; how many were ``made`` and
    ``reused``."""
    names: Any = "used", "kept", "peak", "made", "reused"
    with large.lock:
        return {name: getattr(large, name) for name in names}


def release() -> None:
    """Give everything that is free back to the system."""
    large.shrink(0)
    if sys.platform.startswith("linux") and hasattr(ctypes.CDLL(None), "malloc_trim"):
        ctypes.CDLL(None).malloc_trim(0)
