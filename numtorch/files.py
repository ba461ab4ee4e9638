"""Writing files so that they are whole or not there."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def write_atomically(path: str | os.PathLike, data: bytes | Iterable[Any], mode: int = 0o666) -> None:
    """Write bytes, or parts one after the other, beside ``path`` and rename over it.

    A process that is killed, or a disk that is full, never leaves a broken file, and the one that was there stays. A path
    that is no regular file (``/dev/stdout``, a pipe) is written to as it is.

    Args:
        mode: permissions of a new file, less the umask; a file that exists keeps its own.
    """
    parts: Iterable[Any] = (data,) if isinstance(data, bytes | bytearray | memoryview) else data
    path = Path(os.path.realpath(path))  # through a symbolic link to the file, rather than over the link
    if path.exists() and not path.is_file():
        with open(path, "wb") as f:
            for part in parts:
                f.write(part)
        return
    temporary = path.with_name(f".{path.name[:40]}-{os.urandom(6).hex()}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
    try:
        with os.fdopen(handle, "wb") as f:
            for part in parts:
                f.write(part)
            f.flush()
            os.fsync(f.fileno())
        if path.exists():
            with contextlib.suppress(OSError):
                os.chmod(temporary, path.stat().st_mode & 0o7777)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut, where the system can."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
