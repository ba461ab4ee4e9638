"""Makes an image of an object file: machine code that can be copied to any address, and what must then be filled in.

LLVM hands over a kernel as a relocatable ELF object. ``link`` places its sections one after the other and resolves what
lies at a fixed distance. What remains are two lists of places, each of eight bytes: those to which the address of the
image is added, and those to which the address of a symbol outside of it is added (a function of the C library, of
Python, of Numba's helpers or of the thread pool). ``images`` fills them in.

Reads the objects of x86-64 on Linux that LLVM writes in its large code model. Anything else is ``Unlinkable``: then
Numba loads the kernel.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

ENVIRONMENT = "environment"  # the symbol that stands for Numba's environments, which hold nothing in an image

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SECTION = np.dtype(
    {
        "names": ["name", "type", "flags", "offset", "size", "link", "info", "align"],
        "formats": ["<u4", "<u4", "<u8", "<u8", "<u8", "<u4", "<u4", "<u8"],
        "offsets": [0, 4, 8, 24, 32, 40, 44, 48],
        "itemsize": 64,
    }
)
_SYMBOL = np.dtype(
    {
        "names": ["name", "info", "section", "value"],
        "formats": ["<u4", "u1", "<u2", "<u8"],
        "offsets": [0, 4, 6, 8],
        "itemsize": 24,
    }
)
_RELOCATION = np.dtype([("place", "<u8"), ("type", "<u4"), ("symbol", "<u4"), ("addend", "<i8")])
_SYMBOLS, _RELOCATIONS, _NO_BITS = 2, 4, 8
_WRITE, _ALLOCATED = 1, 2
_COMMON = (0xFFF2, 0xFF02)
_ADDRESS, _NEAR, _CALL, _FAR = 1, 2, 4, 24  # R_X86_64_64, PC32, PLT32, PC64
_ALIGNED = 64
_X86_64 = 62


class Unlinkable(Exception):
    """The object holds something that an image cannot."""


class Image(NamedTuple):
    """Machine code for any address.

    Attributes:
        name: of the function.
        code: the bytes.
        exports: where in ``code`` the entry points stand.
        internal: places to which the address of the image is added.
        external: by symbol, places to which its address is added.
        vectors: how often each type of vector is computed with, for the profiler.
    """

    name: str
    code: bytes
    exports: dict[str, int]
    internal: np.ndarray
    external: dict[str, np.ndarray]
    vectors: Mapping[str, int] = {}


def link(name: str, data: bytes, exports: Mapping[str, str]) -> Image:
    """The image of an object file.

    Args:
        name: of the function.
        data: the ELF object.
        exports: symbols of the object, by the names that they get in the image; those it lacks are left out.

    Raises:
        Unlinkable: for another machine, or with data that is written to, or with relocations of other kinds.
    """
    sections, names = _sections(data)
    places, size = _layout(sections, names)
    code = np.zeros(size, np.uint8)
    for i, at in places.items():
        s = sections[i]
        if s["type"] != _NO_BITS:
            code[at : at + int(s["size"])] = np.frombuffer(data, np.uint8, int(s["size"]), int(s["offset"]))
    symbols, texts = _symbols(data, sections)
    internal: list[int] = []
    external: dict[str, list[int]] = {}
    words = unaligned(code)
    for section in sections:
        if section["type"] != _RELOCATIONS or int(section["info"]) not in places:
            continue
        for r in _table(data, section, _RELOCATION):
            place = places[int(section["info"])] + int(r["place"])
            symbol, kind, addend = symbols[r["symbol"]], int(r["type"]), int(r["addend"])
            home = int(symbol["section"])
            if home in places:
                target = places[home] + int(symbol["value"]) + addend
                if kind == _ADDRESS:
                    internal.append(place)
                    words[place] = target
                elif kind == _FAR:
                    words[place] = (target - place) % (1 << 64)
                elif kind in (_NEAR, _CALL):
                    code[place : place + 4].view("<i4")[0] = target - place
                else:
                    raise Unlinkable(f"a relocation of type {kind}")
            elif kind == _ADDRESS:
                external.setdefault(_outside(home, _text(texts, int(symbol["name"]))), []).append(place)
                words[place] = addend % (1 << 64)
            else:
                raise Unlinkable(f"a relocation of type {kind} to what lies outside")
    defined = {
        _text(texts, int(s["name"])): places[int(s["section"])] + int(s["value"])
        for s in symbols
        if int(s["section"]) in places and s["info"] >> 4
    }
    found = {short: defined[symbol] for short, symbol in exports.items() if symbol in defined}
    numbers = {symbol: np.array(at, np.uint32) for symbol, at in sorted(external.items())}
    return Image(name, code.tobytes(), found, np.array(internal, np.uint32), numbers)


def unaligned(code: np.ndarray) -> np.ndarray:
    """The words of eight bytes that begin at each byte of ``code``."""
    return np.ndarray((max(0, code.size - 7),), "<u8", code, strides=(1,))


def _sections(data: bytes) -> tuple[np.ndarray, bytes]:
    if len(data) < _HEADER.size or data[:7] != b"\x7fELF\x02\x01\x01":
        raise Unlinkable("not an ELF object of 64 bits")
    _, kind, machine, _, _, _, at, _, _, _, _, _, count, names = _HEADER.unpack_from(data)
    if kind != 1 or machine != _X86_64:
        raise Unlinkable("not a relocatable object for x86-64")
    sections = np.frombuffer(data, _SECTION, count, at)
    return sections, _bytes(data, sections[names])


def _layout(sections: np.ndarray, names: bytes) -> tuple[dict[int, int], int]:
    """Where in the image each section stands, and the image's size."""
    places: dict[int, int] = {}
    end = 0
    for i, s in enumerate(sections):
        if not s["flags"] & _ALLOCATED or not s["size"] or _text(names, int(s["name"])) == ".eh_frame":
            continue
        if s["flags"] & _WRITE:
            raise Unlinkable(f"data that is written to: {_text(names, int(s['name']))}")
        align = max(1, int(s["align"]))
        if align > _ALIGNED:
            raise Unlinkable(f"a section aligned to {align} bytes")
        places[i] = -(-end // align) * align
        end = places[i] + int(s["size"])
    return places, -(-end // _ALIGNED) * _ALIGNED


def _symbols(data: bytes, sections: np.ndarray) -> tuple[np.ndarray, bytes]:
    for s in sections:
        if s["type"] == _SYMBOLS:
            return _table(data, s, _SYMBOL), _bytes(data, sections[s["link"]])
    raise Unlinkable("no table of symbols")


def _table(data: bytes, section: Any, kind: np.dtype) -> np.ndarray:
    return np.frombuffer(data, kind, int(section["size"]) // kind.itemsize, int(section["offset"]))


def _bytes(data: bytes, section: Any) -> bytes:
    return data[int(section["offset"]) : int(section["offset"] + section["size"])]


def _text(names: bytes, at: int) -> str:
    return names[at : names.index(b"\0", at)].decode()


def _outside(home: int, symbol: str) -> str:
    if symbol.startswith("_ZN08NumbaEnv"):
        return ENVIRONMENT
    if home in _COMMON:
        raise Unlinkable(f"data that is written to: {symbol}")
    return symbol
