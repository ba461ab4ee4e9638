"""What becomes of memory that tensors free: the C library keeps it for the next ones.

The system hands memory out page by page, zeroed, at the first touch. glibc by default gives whatever a training step has
freed back at its end, and the next step pays again: a quarter of the time of a small GPT, a third of LeNet's. Knows
nothing of tensors.
"""

from __future__ import annotations

import ctypes
import os
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of malloc.h
KEPT = 1 << 30  # bytes free at the end of the heap from which they go back to the system
LARGEST = 1 << 25  # bytes from which a block has a mapping of its own; glibc takes no more


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
