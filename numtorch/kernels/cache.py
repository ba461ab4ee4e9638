"""The kernel cache: compiled machine code on disk, found by the hash of what it was compiled from.

Owns file names, atomic writes, the size of the folder, the fallback for a folder that cannot be written, and the
message that a first run takes longer. Knows nothing of ops. A damaged or foreign file is a miss, not an error: it is
deleted and the kernel is compiled again.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import hashlib
import os
import pickle
import re
import struct
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from numtorch import notices
from numtorch.files import remove_abandoned, write_atomically
from numtorch.kernels import claims, images, linker, packs, signature, target

_MAGIC = b"numtorch kernel 2\n"
_HEAD = struct.Struct("<18s32sQ32sQ32s")  # magic, key, then bytes and digest of the image and of what Numba loads
_folder: Path | None = None
DEFAULT_MB = 512
_WIDE = re.compile(r"= (?:tail )?(?:fadd|fsub|fmul|fdiv|fcmp|add|sub|mul|call|load)\b[^<]*<(\d+) x (\w+)>")
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
    """The most bytes that the folder may hold: ``NUMTORCH_CACHE_MB`` megabytes, 512 if it is not set; None (0) for no
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
    """What a Numba dispatcher asks for and hands over compiled code: one file for each kernel and signature.

    A file holds an image, which ``load`` makes a function of, or what Numba loads, or both: functions that others call
    need the latter, because Numba inlines them.
    """

    def __init__(self, name: str, key: str, helper: bool):
        self.name = name
        self.key = key
        self.helper = helper
        self.emit = False  # whether somebody calls it by its address, too, so that its machine code is needed
        self.made: dict[str, bytes] = {}  # images of what this process has compiled, by types
        self.read: set[str] = set()  # the types of what Numba has loaded
        self.cache_path = None  # Numba's dispatcher reports it

    def load_overload(self, types: Any, target: Any) -> Any:
        """The compile result for Numba types, or None on a miss."""
        from numba.core.compiler import CompileResult

        target.refresh()
        started = time.perf_counter()
        for path in paths(self.name, self.key, text_of(types)):
            try:
                pickled = unpack(_read(path))[2]
                if not pickled:
                    continue
                result = CompileResult._rebuild(target, *pickle.loads(pickled))
            except OSError:
                continue
            except Exception:  # truncated, damaged, from another build: compile again
                _remove(path)
                continue
            stats["hits"] += 1
            stats["load_seconds"] += time.perf_counter() - started
            self.read.add(text_of(types))
            return result
        stats["misses"] += 1
        packs.tell_unused()
        compiling.begin(self.name)
        return None

    def save_overload(self, types: Any, result: Any) -> None:
        """Write the compiled code so that a reader sees the whole file or none."""
        if result.library.has_dynamic_globals or result.lifted:
            return
        from numba.core.serialize import dumps

        text = text_of(types)
        if self.emit:
            result.library.finish()
        image = _image_of(self.name, result) if signature.of_types(types) is not None else b""
        self.made[text] = image
        pickled = dumps(result._reduce()) if self.helper or not image else b""
        data = _pack(digest(self.key, text), image, pickled)
        with contextlib.suppress(OSError):  # a full disk costs a recompilation next time, nothing else
            write_atomically(paths(self.name, self.key, text)[0], data, mode=0o600, lasting=False)
            _growth.wrote(len(data))

    def enable(self) -> None: ...

    def disable(self) -> None: ...

    def flush(self) -> None: ...


def text_of(types: Any) -> str:
    """The text of Numba types, by which code is found."""
    text = signature.of_types(types)
    return str(types) if text is None else text


def digest(key: str, text: str) -> bytes:
    """By what packs find an image."""
    return hashlib.sha256(f"{key} {text}".encode()).digest()


def paths(name: str, key: str, text: str) -> list[Path]:
    """Where code for this machine may be in the folders that are read; it is written to the first."""
    told = hashlib.sha256(digest(key, text) + target.identity().encode()).hexdigest()[:40]
    return [base / f"{name}-{told}.nbc" for base in dict.fromkeys((folder(), default_folder()))]


def place(name: str, key: str, text: str) -> int:
    """By which other processes know that code is being compiled for this folder."""
    return claims.place(hashlib.sha256(str(paths(name, key, text)[0]).encode()).digest())


def load(name: str, key: str, text: str, symbol: str) -> images.Placed | None:
    """The code of a kernel for types, with this entry point, from a pack or from the folder; None where it must be
    compiled."""
    if not images.possible():
        return None
    started = time.perf_counter()
    found = placed(packs.find(digest(key, text)), symbol, "pack") or _placed_from(paths(name, key, text), symbol)
    if found is not None:
        stats["hits"] += 1
        stats["load_seconds"] += time.perf_counter() - started
    return found


def holds(name: str, key: str, text: str) -> bool:
    """Whether code of a kernel for these types need not be compiled."""
    kept = packs.find(digest(key, text)) if images.possible() else None
    return kept is not None or any(path.exists() for path in paths(name, key, text))


def _placed_from(files: list[Path], symbol: str) -> images.Placed | None:
    for path in files:
        try:
            if (found := placed(unpack(_read(path))[1], symbol, "cache")) is not None:
                return found
        except OSError:
            continue
        except ValueError:  # truncated, damaged
            _remove(path)
    return None


def placed(data: bytes | memoryview | None, symbol: str, origin: str) -> images.Placed | None:
    if not data:
        return None
    image = images.parse(data)
    try:
        return images.Placed(image, origin) if symbol in image.exports else None
    except images.Unresolved:  # of a machine with other libraries
        return None


def _image_of(name: str, result: Any) -> bytes:
    """The image of what Numba has just compiled; nothing where there can be none."""
    if not images.possible() or any(e.consts for e in (result.environment, *result._find_referenced_environments())):
        return b""
    library = result.library
    if not library._finalized:  # a helper, which its callers take in
        return b""
    try:
        image = linker.link(name, library._get_compiled_object(), symbols_of(result))
        for symbol in image.external:
            images.address_of(symbol)
    except (linker.Unlinkable, images.Unresolved):
        return b""
    return images.dump(image._replace(vectors=vectors(str(library._final_module))))


def symbols_of(result: Any) -> dict[str, str]:
    """The entry points of a compile result: for Python, for other kernels, and those that the kernel names itself."""
    about, library = result.fndesc, result.library
    module = library._shared_module or library._final_module  # of loaded code the latter is empty
    defined = [f.name for f in module.functions if not f.is_declaration]
    wrapper = about.llvm_cfunc_wrapper_name
    named = {name: name for name in defined if name.startswith("numtorch_")}
    native = wrapper if wrapper in defined else about.llvm_func_name
    return named | {"python": about.llvm_cpython_wrapper_name, "native": native}


def vectors(ir: str) -> Counter:
    """How often each type of vector is computed with in LLVM's text: ``{"16 x float": 40}``."""
    return Counter(f"{m[1]} x {m[2]}" for m in _WIDE.finditer(ir))


def _read(path: Path) -> bytes:
    """The file's bytes; notes that it was used."""
    with path.open("rb") as f:
        data = f.read()
        if time.time() - os.fstat(f.fileno()).st_mtime > _TOUCH:
            with contextlib.suppress(OSError):  # another user's, or a read-only folder
                os.utime(path)
    return data


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


def _pack(key: bytes, image: bytes, pickled: bytes) -> bytes:
    head = [part for data in (image, pickled) for part in (len(data), hashlib.sha256(data).digest())]
    return _HEAD.pack(_MAGIC, key, *head) + image + pickled


def unpack(data: bytes) -> tuple[bytes, bytes, bytes]:
    """The key (``digest``) in a file, the image, and what Numba loads; ValueError if they are not whole."""
    if len(data) < _HEAD.size:
        raise ValueError("not a kernel file")
    magic, key, first, mine, second, numbas = _HEAD.unpack_from(data)
    image, pickled = data[_HEAD.size : _HEAD.size + first], data[_HEAD.size + first :]
    digests = [hashlib.sha256(part).digest() for part in (image, pickled)]
    if magic != _MAGIC or digests != [mine, numbas] or len(pickled) != second:
        raise ValueError("not a whole kernel file")
    return key, image, pickled


class _Compiling:
    """One quiet line on a terminal once compilation has cost more than a second, with what is left; elsewhere one at
    the end; silent otherwise.

    Attributes:
        helped: gives how many kernels other processes have compiled for this one, and how many are left.
    """

    helped: Callable[[], tuple[int, int]] = staticmethod(lambda: (0, 0))

    def __init__(self) -> None:
        self.depth = 0
        self.count = 0
        self.said = False
        self.started = 0.0
        self.looked = 0.0

    def begin(self, name: str) -> None:
        if self.depth == 0:
            self.started = time.perf_counter()
        self.depth += 1
        self.count += 1
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

    @contextlib.contextmanager
    def awaited(self, at: int, name: str) -> Iterator[bool]:
        """Claim a kernel inside the block; gives whether another process has worked on it meanwhile."""
        started = time.perf_counter()

        def waiting() -> None:
            if time.perf_counter() - self.looked > 0.1:
                self.looked = time.perf_counter()
                self._say(name)

        with claims.held(at, waiting) as waited:
            if waited:
                stats["compile_seconds"] += time.perf_counter() - started
                self.clear_line()
            yield waited

    def _say(self, name: str) -> None:
        if stats["compile_seconds"] <= 1 or os.environ.get("NUMTORCH_QUIET"):
            return
        if not self.said:
            atexit.register(self._conclude, os.getpid())
        self.said = True
        if notices.on_terminal():
            done, left = self.helped()
            line = f"numtorch: compiling kernels for this machine, once: {done + self.count} {name}"
            if left:
                line = f"numtorch: compiling kernels for this machine, once: {left} left, {name}"
            notices.tell(f"\r{line[:78]:<78}", end="")

    def clear_line(self) -> None:
        """Erase the progress line, where there is one."""
        if self.said and notices.on_terminal():
            notices.tell(f"\r{'':<78}\r", end="")

    def _conclude(self, process: int) -> None:
        if process == os.getpid() and not notices.on_terminal():
            count = self.count + self.helped()[0]
            notices.tell(
                f"numtorch: compiled {count} kernels for this machine in {stats['compile_seconds']:.0f} s; "
                "they are cached for the next run"
            )


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
