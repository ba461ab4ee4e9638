"""Arrays that kernels find by their addresses, for loops over any number of tensors in one launch.

A kernel with an argument for each tensor would be compiled for each number of them, and be called anew for each of
them costs more than a small tensor's work. A *table* is one array of integers, with a number for each tensor from which
a kernel finds its memory. Kernels that call these functions are compiled with ``needs=CODEGEN``. This file has the
plain Python versions.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from numtorch.kernels.jit import jit

CODEGEN = "numtorch.kernels.tables_codegen"
CUDA = "numtorch.kernels.tables_cuda"
CHUNK = 1 << 13  # elements of one tensor that one iteration of a parallel loop takes


def array_at(address, first, count, like):
    """``count`` elements from the element ``first`` on, of the memory at an address; of the type of ``like``."""
    size = like.dtype.itemsize
    memory = (ctypes.c_char * (count * size)).from_address(int(address) + int(first) * size)
    return np.frombuffer(memory, like.dtype)


def address_of(entry, within):
    """The address that an entry of a table stands for: what is stored ``within`` bytes into the object there, or the
    entry itself where ``within`` is negative."""
    return ctypes.c_int64.from_address(int(entry) + within).value if within >= 0 else entry


def _within() -> int:
    """Where an array object stores the address of its elements; -1 if that cannot be found out.

    To ask an array for its address takes several times as long as to ask where the array object is. Its fields are part
    of NumPy's binary interface.
    """
    samples = [np.empty(n) for n in (1, 2, 3)]
    places = [a.__array_interface__["data"][0] for a in samples]
    for offset in range(ctypes.sizeof(ctypes.c_void_p), 8 * ctypes.sizeof(ctypes.c_void_p), 8):
        if [ctypes.c_int64.from_address(id(a) + offset).value for a in samples] == places:
            return offset
    return -1


WITHIN = _within() if ctypes.sizeof(ctypes.c_void_p) == 8 else -1


def _address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


_entry: Any = id if WITHIN >= 0 else _address


def table(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """The entry of each array, which must live as long as the table is used."""
    return np.fromiter(map(_entry, arrays), np.int64, len(arrays))


@lru_cache(maxsize=256)
def chunks(sizes: tuple[int, ...], like: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """How the elements of tensors are shared out: for each chunk its tensor's number, its first element and its
    length, the chunks' numbers first; and an array as long as all tensors are, for its type and its length alone.

    Chunks depend on the sizes alone, and so do results, whoever computes a chunk.

    >>> chunks((3, 0, 2), np.dtype("f4"))[0].tolist()
    [0, 2, 0, 0, 3, 2]
    """
    found = [(k, first, min(CHUNK, n - first)) for k, n in enumerate(sizes) for first in range(0, n, CHUNK)]
    columns = np.array(found, np.int64).reshape(-1, 3).T
    return np.ascontiguousarray(columns).reshape(-1), np.broadcast_to(np.zeros(1, like), sum(sizes))


@jit(needs=CODEGEN, _nrt=False)
def locate(entries, within, found):
    """Write the addresses that the entries of a table stand for into ``found``."""
    for i in range(entries.size):
        found[i] = address_of(entries[i], within)


def addresses(entries: np.ndarray) -> np.ndarray:
    """Where the elements of the arrays of a table are."""
    found = np.empty(entries.size, np.int64)
    locate(entries, WITHIN, found)
    return found


def apart(starts: np.ndarray, sizes: Sequence[int], written: Sequence[int], itemsize: int) -> bool:
    """Whether the rows of a table can be computed in any order: none writes to what another one reads or writes.

    Args:
        starts: the addresses: a column after the other.
        sizes: elements of each row's arrays.
        written: numbers of the columns that are overwritten.
        itemsize: bytes of an element.
    """
    rows = len(sizes)
    ends = starts + np.tile(np.array(sizes, np.int64) * itemsize, starts.size // rows)
    order = np.argsort(starts)
    if not (np.maximum.accumulate(ends[order])[:-1] > starts[order][1:]).any():
        return True
    reaching: list[tuple[int, int, bool]] = []  # those that began before and have not ended
    for i in order.tolist():
        start, end, row, writes = int(starts[i]), int(ends[i]), i % rows, i // rows in written
        if start == end:
            continue
        reaching = [s for s in reaching if s[0] > start]
        if any(row != other and (writes or also) for _, other, also in reaching):
            return False
        reaching.append((end, row, writes))
    return True


@jit(needs=CODEGEN, _nrt=False)
def count_on(like, entries, within):
    """Add one to the number at each address, and return the sum, if all are one number; else return NaN."""
    before = array_at(address_of(entries[0], within), 0, 1, like)[0]
    for i in range(entries.size):
        if array_at(address_of(entries[i], within), 0, 1, like)[0] != before:
            return np.nan
    for i in range(entries.size):
        array_at(address_of(entries[i], within), 0, 1, like)[0] = before + 1
    return float(array_at(address_of(entries[0], within), 0, 1, like)[0])
