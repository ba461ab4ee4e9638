"""The kernel cache: compiled machine code on disk, found by the hash of what it was compiled from.

Owns file names, atomic writes, the fallback when a folder cannot be written, and the line that tells a
person why a first run takes longer. Knows nothing of ops. A damaged or foreign file is a miss, never an
error: it is removed and the kernel compiled again.
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

from numtorch.files import write_atomically

_MAGIC = b"numtorch kernel 1\n"
_folder: Path | None = None

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
            print(f"numtorch: cannot write the kernel cache {wanted}; using {_folder} "
                  "(set NUMTORCH_CACHE to choose another folder)", file=sys.stderr)
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
    """Delete every cached kernel; return how many there were."""
    files = list(folder().glob("*.nbc"))
    for file in (*files, *folder().glob("*.remarks")):  # the latter say what LLVM made of them
        file.unlink(missing_ok=True)
    return len(files)


def entries() -> list[Path]:
    """The cached kernels' files."""
    return sorted(folder().glob("*.nbc"))


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
                data = path.read_bytes()
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

        path = self.path(signature, result.codegen)
        with contextlib.suppress(OSError):  # a full disk costs a recompilation next time, nothing else
            write_atomically(path, _pack(dumps(result._reduce())), mode=0o600)

    def enable(self) -> None: ...

    def disable(self) -> None: ...

    def flush(self) -> None: ...


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
        terminal = sys.stderr.isatty()
        if terminal:
            line = f"numtorch: compiling kernels for this machine, once: {self.count} {name}"
            print(f"\r{line[:78]:<78}", end="", file=sys.stderr, flush=True)
        elif not self.said:
            print("numtorch: compiling kernels for this machine; they are cached for the next run", file=sys.stderr)
        if terminal and not self.said:
            import atexit

            atexit.register(self.clear_line)
        self.said = True

    def clear_line(self) -> None:
        """Erase the progress line, before other output is printed on a terminal."""
        if self.said and sys.stderr.isatty():
            print(f"\r{'':<78}\r", end="", file=sys.stderr, flush=True)


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
