"""Puts images of machine code into memory and makes Python functions of them, without Numba and LLVM.

The functions that an image calls are found in the process (the C library, Python) and in Numba's extension modules,
which are loaded from their files: the package ``numba`` is not imported, which would take longer than all kernels of
a program.

Memory is written first and made executable then, never both. Where a system forbids that, as on other platforms than
Linux on x86-64, ``possible`` says so, and Numba loads the kernels.
"""

from __future__ import annotations

import builtins
import ctypes
import importlib
import importlib.machinery
import importlib.util
import mmap
import os
import platform
import struct
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from numtorch.kernels.linker import ENVIRONMENT, Image, unaligned

_HEAD = struct.Struct("<IIII")  # bytes of text and of code, internal and external places
_PAGE = mmap.PAGESIZE
_HELPERS = {"numba_": ("_helperlib", "_dynfunc"), "NRT_": ("core.runtime._nrt_python",)}
_SCHEDULE = "np.ufunc.workqueue"  # cuts the range of a parallel loop into chunks

symbols: dict[str, int] = {"_Py_NoneStruct": id(None)}  # addresses by name, as far as they have been asked for


class Unresolved(LookupError):
    """An image calls a function that is not there."""


class Placed:
    """An image in memory, executable.

    Attributes:
        name: of the function.
        exports: the addresses of its entry points.
        function: the one for Python, where there is one.
        vectors: as in ``Image``.
        origin: whence the image came: ``pack``, ``cache`` or ``compiled``.
    """

    def __init__(self, image: Image, origin: str = "compiled"):
        size = -(-len(image.code) // _PAGE) * _PAGE
        memory = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, mmap.PROT_READ | mmap.PROT_WRITE)
        code = np.frombuffer(memory, np.uint8)
        start = code.ctypes.data
        code[: len(image.code)] = np.frombuffer(image.code, np.uint8)
        words = unaligned(code)
        if image.internal.size:
            words[image.internal] += np.uint64(start)
        for symbol, places in image.external.items():
            words[places] += np.uint64(address_of(symbol))
        _make_executable(start, size)
        self.name = image.name
        self.exports = {name: start + at for name, at in image.exports.items()}
        self.vectors = image.vectors
        self.origin = origin
        self._memory = code  # is released with this object and its function
        if "python" in self.exports:
            self.function = _function(self.name, self.exports["python"], code)


def _function(name: str, address: int, memory: np.ndarray) -> Callable:
    module, doc = sys.modules[__name__], f"compiled wrapper for {name!r}"
    return _module("_dynfunc").make_function(module, name, doc, address, _environment()[0], (memory,))


# --- bytes ----------------------------------------------------------------------------------------


def dump(image: Image) -> bytes:
    """The bytes of an image: lines of text, the code, the places."""
    lines = [image.name]
    lines += [f"export {at} {name}" for name, at in image.exports.items()]
    lines += [f"vector {n} {name}" for name, n in image.vectors.items()]
    lines += [f"symbol {len(places)} {name}" for name, places in image.external.items()]
    text = "\n".join(lines).encode()
    outer = sum(map(len, image.external.values()))
    head = _HEAD.pack(len(text), len(image.code), len(image.internal), outer)
    return b"".join([head, text, image.code, image.internal.tobytes(), *[p.tobytes() for p in image.external.values()]])


def parse(data: bytes | memoryview) -> Image:
    """The image that ``dump`` made bytes of; ValueError if they are too few."""
    if len(data) < _HEAD.size:
        raise ValueError("not an image")
    letters, size, inner, outer = _HEAD.unpack_from(data)
    at = _HEAD.size + letters
    if len(data) != at + size + 4 * (inner + outer):
        raise ValueError("not a whole image")
    name, *lines = bytes(data[_HEAD.size : at]).decode().split("\n")
    places = np.frombuffer(data, "<u4", inner + outer, at + size)
    numbers: dict[str, dict[str, int]] = {"export": {}, "vector": {}, "symbol": {}}
    for line in lines:
        what, number, symbol = line.split(" ", 2)
        numbers[what][symbol] = int(number)
    external, done = {}, inner
    for symbol, count in numbers["symbol"].items():
        external[symbol] = places[done : done + count]
        done += count
    code = bytes(data[at : at + size])
    return Image(name, code, numbers["export"], places[:inner], external, numbers["vector"])


# --- memory ---------------------------------------------------------------------------------------


def _make_executable(start: int, size: int) -> None:
    protect = ctypes.CDLL(None, use_errno=True).mprotect
    if protect(ctypes.c_void_p(start), ctypes.c_size_t(size), mmap.PROT_READ | mmap.PROT_EXEC):
        raise OSError(ctypes.get_errno(), "memory cannot be made executable")


@cache
def possible() -> bool:
    """Whether images work here: on Linux on x86-64, beside Numba's extension modules, where code may be made."""
    if not sys.platform.startswith("linux") or platform.machine() != "x86_64":
        return False
    try:
        Placed(Image("probe", b"\xc3", {}, np.zeros(0, np.uint32), {ENVIRONMENT: np.zeros(0, np.uint32)}))
        return bool(address_of("numba_unpickle") and address_of("NRT_Free") and address_of("get_sched_size"))
    except (ImportError, OSError, LookupError, AttributeError):
        return False


# --- symbols --------------------------------------------------------------------------------------


def address_of(symbol: str) -> int:
    """Where a function or object stands in this process; Unresolved if nowhere."""
    found = symbols.get(symbol)
    if found is None:
        found = _look_up(symbol)
        if not found:
            raise Unresolved(symbol)
        symbols[symbol] = found
    return found


def _look_up(symbol: str) -> int | None:
    if symbol == ENVIRONMENT:
        return ctypes.addressof(_environment()[1])
    if symbol.startswith("PyExc_"):
        return id(getattr(builtins, symbol[6:]))
    for prefix, modules in _HELPERS.items():
        if symbol.startswith(prefix):
            for name in modules:
                helpers = _module(name).c_helpers
                if found := helpers.get(symbol[len(prefix) :]) or helpers.get(symbol):
                    return found
    if found := getattr(_module(_SCHEDULE), symbol, None):
        return found if isinstance(found, int) else None
    for library in (None, "libm.so.6"):
        try:
            return ctypes.cast(getattr(ctypes.CDLL(library), symbol), ctypes.c_void_p).value
        except (AttributeError, OSError):
            continue
    return None


def take_from_llvm(*names: str) -> None:
    """Let images call what Numba's code calls under these names."""
    llvm = importlib.import_module("llvmlite.binding")
    symbols.update({name: llvm.address_of_symbol(name) for name in names})


@cache
def _module(name: str) -> Any:
    """One of Numba's extension modules, from its file."""
    if (loaded := sys.modules.get(f"numba.{name}")) is not None:
        return loaded
    package = importlib.util.find_spec("numba")
    if package is None or package.origin is None:
        raise ImportError("Numba is not installed")
    base = os.path.join(os.path.dirname(package.origin), *name.split("."))
    for suffix in importlib.machinery.EXTENSION_SUFFIXES:
        if os.path.exists(base + suffix):
            loader = importlib.machinery.ExtensionFileLoader(f"numba.{name}", base + suffix)
            spec = importlib.util.spec_from_file_location(f"numba.{name}", base + suffix, loader=loader)
            module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
            loader.exec_module(module)
            sys.modules.pop(f"numba.{name}", None)  # where a module without its package would be taken for a remnant
            return module
    raise ImportError(f"Numba's module {name} is not there")


@cache
def _environment() -> tuple[Any, Any]:
    """An environment without constants, and the memory that holds its address."""
    environment = _module("_dynfunc").Environment({"__name__": __name__})
    return environment, ctypes.c_void_p(id(environment))
