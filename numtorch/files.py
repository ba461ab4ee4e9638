"""Writes files atomically, so that a file is complete or absent, and removes temporary files that killed processes
left."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

try:
    import fcntl
except ImportError:  # Windows: there a file that is open cannot be removed, which says the same
    fcntl = None  # type: ignore[assignment]

_TEMPORARY = re.compile(r"\.(.{1,40})-[0-9a-f]{12}")
_ABANDONED = 24 * 3600  # seconds after which a temporary file is nobody's where locks cannot tell


def write_atomically(
    path: str | os.PathLike, data: bytes | Iterable[Any], mode: int = 0o666, lasting: bool = True
) -> None:
    """Write bytes, or parts one after the other, beside ``path`` and rename over it.

    A process that is killed, or a disk that is full, never leaves a broken file, and the one that was there stays. What
    a killed process has left beside it is removed when the file is written next. A path that is no regular file
    (``/dev/stdout``, a pipe) is written to as it is.

    Args:
        mode: permissions of a new file, less the umask; a file that exists keeps its own.
        lasting: wait until the disk has it. Without, a power failure may leave a file that is not whole: for what is
            checked when it is read, and can be made again.
    """
    parts: Iterable[Any] = (data,) if isinstance(data, bytes | bytearray | memoryview) else data
    path = Path(os.path.realpath(path))  # through a symbolic link to the file, rather than over the link
    if path.exists() and not path.is_file():
        with open(path, "wb") as f:
            for part in parts:
                f.write(part)
        return
    temporary = _complete(path, parts, mode, lasting)
    try:
        os.replace(temporary, path)
    except BaseException:
        _remove(temporary)
        raise
    if lasting:
        _sync_folder(path.parent)


def write_all_atomically(files: Iterable[tuple[str, Iterable[Any]]], mode: int = 0o666) -> None:
    """``write_atomically`` for several files: all are complete before the first one is renamed."""
    done: list[tuple[Path, Path]] = []
    try:
        for name, parts in files:
            path = Path(os.path.realpath(name))
            done.append((_complete(path, parts, mode), path))
        for temporary, path in done:
            os.replace(temporary, path)
    except BaseException:
        for temporary, _ in done:
            _remove(temporary)
        raise
    for folder in {path.parent for _, path in done}:
        _sync_folder(folder)


def _complete(path: Path, parts: Iterable[Any], mode: int, lasting: bool = True) -> Path:
    """A complete file beside ``path``, with the permissions of the one that is there."""
    remove_abandoned(path.parent, path.name)
    temporary, handle = _temporary(path, mode)
    try:
        with os.fdopen(handle, "wb") as f:
            for part in parts:
                f.write(part)
            f.flush()
            if lasting:
                os.fsync(f.fileno())
        if path.exists():
            with contextlib.suppress(OSError):
                os.chmod(temporary, path.stat().st_mode & 0o7777)
    except BaseException:
        _remove(temporary)
        raise
    return temporary


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)


def _temporary(path: Path, mode: int) -> tuple[Path, int]:
    """A new file beside ``path``, locked while it is being written: so that others know whether its writer still
    lives."""
    while True:
        temporary = path.with_name(f".{path.name[:40]}-{os.urandom(6).hex()}")
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
        if fcntl is None or (_locked(handle) and _same_file(temporary, handle)):
            return temporary, handle
        with contextlib.suppress(OSError):  # taken for abandoned before it was locked
            os.unlink(temporary)
        os.close(handle)


def _locked(handle: int) -> bool:
    """Whether the file could be locked, or its file system knows no locks."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _same_file(path: Path, handle: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(handle))
    except FileNotFoundError:
        return False


def remove_abandoned(folder: str | os.PathLike[str], name: str | None = None) -> int:
    """Remove temporary files whose writers were killed, those of ``name`` or all; how many there were.

    A writer holds a lock on its file, which ends with the process, whatever ends it.
    """
    removed = 0
    with contextlib.suppress(OSError):
        for entry in os.scandir(os.fspath(folder)):
            found = _TEMPORARY.fullmatch(entry.name)
            if found and (name is None or found[1] == name[:40]) and entry.is_file(follow_symlinks=False):
                with contextlib.suppress(OSError):
                    removed += _remove_if_abandoned(entry.path)
    return removed


def _remove_if_abandoned(path: str) -> bool:
    if fcntl is None:
        os.unlink(path)
        return True
    handle = os.open(path, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False  # it is being written
        except OSError:  # no locks here: only age tells
            if time.time() - os.fstat(handle).st_mtime < _ABANDONED:
                return False
        os.unlink(path)
        return True
    finally:
        os.close(handle)


def _sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut, where the system can."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
