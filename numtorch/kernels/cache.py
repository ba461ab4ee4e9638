"""The kernel cache: compiled machine code on disk, found by the hash of what it was compiled from.

Owns file names, atomic writes, the size of the folder, the fallback for a folder that cannot be written, and the
message that a first run takes longer. Knows nothing of ops. A damaged or foreign file is a miss, not an error: it is
deleted and the kernel is compiled again.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import pickle
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from numtorch import notices
from numtorch.files import remove_abandoned, write_atomically

_MAGIC = b"numtorch kernel 1\n"
_folder: Path | None = None
DEFAULT_MB = 1024
_TOUCH = 3600  # seconds after which a use of a file is noted again

stats = {"hits": 0, "misses": 0, "load_seconds": 0.0, "compile_seconds": 0.0}


def default_folder() -> Path:
    """``NUMTORCH_CACHE`` if set, else ``numtorch/kernels`` in the user's cache directory."""
    if path := os.environ.get("NUMTORCH_CACHE"):
        return Path(path).expanduser()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData/Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library/Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "numtorch" / "kernels"


def folder() -> Path:
    """The folder in use: the default one if it can be written, else a private one in the temp directory.

    A default folder that exists but is read-only is still read; see ``DiskCache``.
    """
    global _folder
    if _folder is None:
        wanted = default_folder()
        if _writable(wanted):
            _folder = wanted
        else:
            user = os.getuid() if hasattr(os, "getuid") else "user"
            _folder = Path(tempfile.gettempdir()) / f"numtorch-kernels-{user}"
            if not _writable(_folder, private=True):
                _folder = Path(tempfile.mkdtemp(prefix="numtorch-kernels-"))
            notices.tell(
                f"numtorch: cannot write the kernel cache {wanted}; using {_folder} "
                "(set NUMTORCH_CACHE to choose another folder)"
            )
    return _folder


def _writable(path: Path, private: bool = False) -> bool:
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        if private and hasattr(os, "getuid") and path.stat().st_uid != os.getuid():
            return False  # cached code is executed: never from a folder that somebody else made
        with tempfile.TemporaryFile(dir=path):
            return True
    except OSError:
        return False


def clear() -> int:
    """Delete every cached kernel, and what killed processes have left; return how many kernels there were."""
    remove_abandoned(folder())
    files = list(folder().glob("*.nbc"))
    for file in (*files, *folder().glob("*.remarks")):  # the latter say what LLVM made of them
        file.unlink(missing_ok=True)
    return len(files)


def entries() -> list[Path]:
    """The cached kernels' files."""
    return sorted(folder().glob("*.nbc"))


def limit() -> int | None:
    """The most bytes that the folder may hold: ``NUMTORCH_CACHE_MB`` megabytes, 1024 if it is not set; None (0) for no
    limit."""
    try:
        megabytes = float(os.environ.get("NUMTORCH_CACHE_MB") or DEFAULT_MB)
    except ValueError:
        megabytes = DEFAULT_MB
    return int(megabytes * 1e6) if megabytes > 0 else None


def size() -> int:
    """Bytes in the folder."""
    return sum(taken for _, taken, _ in _files())


def _files() -> list[tuple[float, int, str]]:
    """(last use, bytes, path) of all that the folder holds of ours."""
    found = []
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder()):
            if entry.name.endswith((".nbc", ".remarks")):
                with contextlib.suppress(OSError):
                    status = entry.stat()
                    found.append((status.st_mtime, status.st_size, entry.path))
    return found


def trim() -> int:
    """Remove what killed processes have left, and the kernels that were used longest ago if the folder is too large;
    how many.

    Then it is brought to four fifths of the limit, so that this does not happen at every kernel. Files are marked as
    used when they are loaded (their time of modification: many systems note no other).
    """
    remove_abandoned(folder())
    most, removed = limit(), 0
    if most is None:
        return removed
    files = sorted(_files())
    total = sum(taken for _, taken, _ in files)
    if total <= most:
        return removed
    for _, taken, path in files:
        if total <= most * 0.8:
            break
        with contextlib.suppress(OSError):
            os.unlink(path)
            total -= taken
            removed += 1
    return removed


class _Growth:
    """When to look at the size of the folder: at the first kernel that a process writes, and after each sixteenth of
    the limit."""

    def __init__(self) -> None:
        self.left = 0

    def wrote(self, n: int) -> None:
        self.left -= n
        if self.left < 0:
            trim()
            self.left = (limit() or 1 << 40) // 16


_growth = _Growth()


class DiskCache:
    """What a Numba dispatcher asks for and hands over compiled code: one file for each kernel and signature."""

    def __init__(self, name: str, key: str):
        self.name = name
        self.key = key
        self.cache_path = None  # Numba's dispatcher reports it

    def path(self, signature: Any, codegen: Any, base: Path | None = None) -> Path:
        text = f"{self.key} {signature} {codegen.magic_tuple()}"
        return (base or folder()) / f"{self.name}-{hashlib.sha256(text.encode()).hexdigest()[:40]}.nbc"

    def load_overload(self, signature: Any, target: Any) -> Any:
        """The compile result for ``signature``, or None on a miss."""
        from numba.core.compiler import CompileResult

        target.refresh()
        started = time.perf_counter()
        wanted = default_folder()
        bases = [folder()] if folder() == wanted else [folder(), wanted]
        for base in bases:
            path = self.path(signature, target.codegen(), base)
            try:
                data = _read(path)
            except OSError:
                continue
            try:
                result = CompileResult._rebuild(target, *_unpack(data))
            except Exception:  # truncated, damaged, from another build: compile again
                with contextlib.suppress(OSError):
                    path.unlink()
                continue
            stats["hits"] += 1
            stats["load_seconds"] += time.perf_counter() - started
            return result
        stats["misses"] += 1
        compiling.begin(self.name)
        return None

    def save_overload(self, signature: Any, result: Any) -> None:
        """Write the compiled code so that a reader sees the whole file or none."""
        if result.library.has_dynamic_globals or result.lifted:
            return
        from numba.core.serialize import dumps

        path, data = self.path(signature, result.codegen), _pack(dumps(result._reduce()))
        with contextlib.suppress(OSError):  # a full disk costs a recompilation next time, nothing else
            write_atomically(path, data, mode=0o600)
            _growth.wrote(len(data))

    def enable(self) -> None: ...

    def disable(self) -> None: ...

    def flush(self) -> None: ...


def _read(path: Path) -> bytes:
    """The file's bytes; notes that it was used."""
    with path.open("rb") as f:
        data = f.read()
        if time.time() - os.fstat(f.fileno()).st_mtime > _TOUCH:
            with contextlib.suppress(OSError):  # another user's, or a read-only folder
                os.utime(path)
        return data


def _pack(payload: bytes) -> bytes:
    return _MAGIC + hashlib.sha256(payload).digest() + payload


def _unpack(data: bytes) -> Any:
    head = len(_MAGIC)
    digest, payload = data[head : head + 32], data[head + 32 :]
    if data[:head] != _MAGIC or hashlib.sha256(payload).digest() != digest:
        raise ValueError("not a whole kernel file")
    return pickle.loads(payload)


class _Compiling:
    """One quiet line on stderr once compilation has cost more than a second; silent otherwise."""

    def __init__(self) -> None:
        self.depth = 0
        self.count = 0
        self.said = False
        self.started = 0.0

    def begin(self, name: str) -> None:
        if self.depth == 0:
            self.started = time.perf_counter()
        self.depth += 1
        self.count += 1
        if stats["compile_seconds"] > 1 and not os.environ.get("NUMTORCH_QUIET"):
            self._say(name)

    def end(self) -> None:
        self.depth = max(0, self.depth - 1)
        if self.depth == 0:
            stats["compile_seconds"] += time.perf_counter() - self.started
            self.clear_line()  # what the program prints next begins on an empty line

    def counted(self, work: Callable) -> Callable:
        """``work``, after which what it has begun has ended, also where it failed."""

        @functools.wraps(work)
        def call(*args: Any, **kwargs: Any) -> Any:
            depth = self.depth
            try:
                return work(*args, **kwargs)
            finally:
                while self.depth > depth:
                    self.end()

        return call

    def _say(self, name: str) -> None:
        if notices.on_terminal():
            line = f"numtorch: compiling kernels for this machine, once: {self.count} {name}"
            notices.tell(f"\r{line[:78]:<78}", end="")
        elif not self.said:
            notices.tell("numtorch: compiling kernels for this machine; they are cached for the next run")
        self.said = True

    def clear_line(self) -> None:
        """Erase the progress line, where there is one."""
        if self.said and notices.on_terminal():
            notices.tell(f"\r{'':<78}\r", end="")


compiling = _Compiling()


@contextlib.contextmanager
def use_folder(path: str | os.PathLike) -> Iterator[Path]:
    """Use another cache folder inside the block."""
    global _folder
    before, _folder = _folder, Path(path)
    try:
        _folder.mkdir(parents=True, exist_ok=True)
        yield _folder
    finally:
        _folder = before
