"""Reads numeric arrays from MATLAB's files of version 5 (level 5 MAT-files), as published with some datasets."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from numtorch.vision.datasets.idx import CorruptFile

_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
_MATRIX, _COMPRESSED = 14, 15


def read(path: str | Path) -> dict[str, np.ndarray]:
    """The numeric arrays in a file, by their names; what else is in it is left out.

    Raises:
        CorruptFile: the file is of another format, or not whole.
    """
    data = Path(path).read_bytes()
    if len(data) < 128 or data[126:128] not in (b"IM", b"MI"):
        raise CorruptFile(f"{path} is not a MATLAB file of version 5")
    order = "<" if data[126:128] == b"IM" else ">"
    try:
        return dict(_arrays(data[128:], order))
    except (struct.error, zlib.error, ValueError, IndexError, KeyError) as error:
        raise CorruptFile(f"{path} is not a whole MATLAB file ({error})") from error


def _elements(data: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """Kind and content of each element."""
    at = 0
    while at + 8 <= len(data):
        kind, size = struct.unpack_from(order + "II", data, at)
        if kind >> 16:  # a small one, of which the content is in the second word
            kind, size, start, step = kind & 0xFFFF, kind >> 16, at + 4, 8
        else:
            start, step = at + 8, 8 + size + (-size % 8 if kind != _COMPRESSED else 0)
        if start + size > len(data):
            raise ValueError(f"an element of {size} bytes begins {len(data) - start} bytes before the end")
        yield kind, data[start : start + size]
        at += step


def _arrays(data: bytes, order: str) -> Iterator[tuple[str, np.ndarray]]:
    for kind, content in _elements(data, order):
        if kind == _COMPRESSED:
            yield from _arrays(zlib.decompress(content), order)
        elif kind == _MATRIX:
            parts = list(_elements(content, order))
            made = _CLASSES.get(parts[0][1][0] if order == "<" else parts[0][1][3])
            if made is None or len(parts) < 4:
                continue  # text, a structure, a cell
            shape = np.frombuffer(parts[1][1], order + "i4")
            name = parts[2][1].decode("latin-1")
            values = np.frombuffer(parts[3][1], order + _NUMBERS[parts[3][0]])
            yield name, values.astype(made).reshape(tuple(shape), order="F")
