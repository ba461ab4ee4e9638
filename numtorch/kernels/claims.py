"""Who compiles which kernel: so that no two processes of a user compile the same one at the same time.

A kernel is a byte of an empty file. A process that compiles it holds a lock on this byte; the system releases the lock
when the process ends, however it does. Where files cannot be locked, each process compiles for itself.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import cache

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

PATIENCE = 30.0  # seconds after which a kernel is compiled though another process has begun it: that one may be stopped
_PAUSE = 0.003  # between two looks whether it is ready
_RESERVED = 1 << 20  # bytes before those of kernels: processors


def place(text: str | bytes) -> int:
    """The byte of the kernel with this digest."""
    data = text.encode() if isinstance(text, str) else text
    return _RESERVED + int.from_bytes(data[:7], "little") % (1 << 60)


@cache
def _file() -> int | None:
    if fcntl is None:
        return None
    path = os.path.join(tempfile.gettempdir(), f"numtorch-compiling-{os.getuid()}")
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        if os.fstat(handle).st_uid == os.getuid():
            return handle
        os.close(handle)
    except OSError:  # a folder that cannot be written
        pass
    return None


def file() -> int | None:
    """The handle of the file that is locked; None where there is none."""
    return _file()


def take(at: int) -> bool:
    """Whether this process now holds the byte, or nothing can be locked here."""
    handle = _file()
    if handle is None:
        return True
    try:
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, at)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:  # a file system without locks
        return True
    return True


def release(at: int) -> None:
    """Let another process have the byte."""
    if (handle := _file()) is not None:
        with contextlib.suppress(OSError):
            fcntl.lockf(handle, fcntl.LOCK_UN, 1, at)


@contextlib.contextmanager
def held(at: int, waiting: Callable[[], None]) -> Iterator[bool]:
    """Hold a byte inside the block; gives whether another process held it before, so that the kernel may be there now.

    ``waiting`` is called from time to time while it does.
    """
    patient = time.monotonic() + PATIENCE
    waited = False
    while not take(at) and time.monotonic() < patient:
        waited = True
        waiting()
        time.sleep(_PAUSE)
    try:
        yield waited
    finally:
        release(at)


@contextlib.contextmanager
def processor(shared: frozenset[int]) -> Iterator[None]:
    """Hold one of these processors inside the block, by its number, so that all helpers together take no more."""
    taken = None
    while taken is None:
        taken = next((number for number in sorted(shared) if take(number)), None)
        if taken is None:
            time.sleep(_PAUSE)
    try:
        yield
    finally:
        release(taken)
