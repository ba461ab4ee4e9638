"""Reads and writes the files of ``torch.save``: a zip archive, and before PyTorch 1.6 pickles one after the other.

    data.pkl       the object, as a pickle; a tensor in it is a view of a memory that is named by a key
    data/KEY       the bytes of a memory
    byteorder      little or big
    version        of the format

Nothing that a file says is executed (``opcodes.py``, ``objects.py``), and every memory is compared with the bytes that
there are before it is used.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from numtorch._tensor import Tensor
from numtorch.errors import CorruptFile
from numtorch.ops import creation
from numtorch.serialization import archive, objects, pickling
from numtorch.serialization.objects import Maker, Stored
from numtorch.serialization.opcodes import Broken, Call, Machine, Pairs, Persistent
from numtorch.storage import allocate_cpu

MAGIC = 0x1950A86A20F9469CFC6C  # of the format before 1.6
PROTOCOL = 1001
_DEVICES = ("cpu", "cuda", "meta", "mps", "xpu", "xla", "hpu", "npu", "hip", "mtia", "ipu", "privateuseone")


def written(obj: Any) -> Iterator[Any]:
    """The parts of the file that holds an object."""
    pickler = pickling.Pickler()
    text = pickler.dumps(obj)

    def files() -> Iterator[tuple[str, Any]]:
        yield "data.pkl", text
        yield ".format_version", b"1"
        yield ".storage_alignment", str(archive.ALIGNMENT).encode()
        yield "byteorder", b"little"
        for key, memory in enumerate(pickler.memories):
            yield f"data/{key}", pickling.as_bytes(memory)
        yield "version", b"3\n"

    return archive.written(files())


class File:
    """A file or a stream that can be sought.

    Args:
        f: with ``read`` and ``seek``.
        name: for errors.
        mapped: the path, if tensors are to be left in the file.
    """

    def __init__(self, f: Any, name: Any, mapped: str | None):
        self.f, self.name = f, name
        f.seek(0, io.SEEK_END)
        self.size = f.tell()
        self.map = np.memmap(mapped, np.uint8, "c").view(np.ndarray) if mapped is not None and self.size else None

    def bytes_at(self, begin: int, n: int) -> np.ndarray:
        """``n`` bytes that are known to lie in the file."""
        if self.map is not None:
            return self.map[begin : begin + n]
        buffer = allocate_cpu(n, np.dtype(np.uint8))
        self.f.seek(begin)
        rest = buffer.data
        while len(rest):
            if isinstance(self.f, io.BufferedIOBase | io.RawIOBase):
                read = self.f.readinto(rest)
            else:
                part = self.f.read(len(rest))
                read = len(part)
                rest[:read] = part
            if not read:
                raise Broken("the file became shorter while it was read")
            rest = rest[read:]
        return buffer


def read(f: Any, name: Any, start: int, place: Callable, mapped: str | None, weights_only: bool) -> Any:
    """The object in a file that ``torch.save`` wrote.

    Args:
        f: with ``read`` and ``seek``.
        name: for errors.
        start: where the object begins, of the old format.
        place: moves a tensor to where it belongs.
        mapped: the path, if tensors are to be left in the file.
        weights_only: refuse classes that are not known or allowed.
    """
    try:
        file = File(f, name, mapped)
        f.seek(start)
        form = _Archive if f.read(4) == b"PK\x03\x04" else _Stacked
        f.seek(start)
        found = form(file)
        made = Maker(Memory(file, found, place), weights_only, name).value(found.record)
        if isinstance(found, _Stacked):
            f.seek(found.end)
        return made
    except Broken as e:
        raise CorruptFile(f"{name}: {e}. Nothing in the file was executed.") from None
    except RecursionError:
        raise CorruptFile(f"{name}: the object is nested too deeply. Nothing in the file was executed.") from None


def names_in(f: Any, name: Any) -> list[str]:
    """The full names in a file that ``load`` makes nothing of unless they are allowed."""
    try:
        file = File(f, name, None)
        f.seek(0)
        form = _Archive if f.read(4) == b"PK\x03\x04" else _Stacked
        f.seek(0)
        return objects.unsafe(form(file).record)
    except Broken as e:
        raise CorruptFile(f"{name}: {e}. Nothing in the file was executed.") from None


class Memory:
    """Gives the memory of tensors by its key, once."""

    def __init__(self, file: File, form: _Archive | _Stacked, place: Callable):
        self.file, self.form, self.place = file, form, place
        self.bytes: dict[str, Tensor] = {}
        self.placed: dict[str, Tensor] = {}

    def __call__(self, stored: Stored) -> Tensor:
        """The tensor of bytes; Broken if the file has fewer than are named."""
        found = self.placed.get(stored.key)
        if found is None:
            found = self.placed[stored.key] = self.place(self._read(stored), _device_of(stored.where))
        if found.numel() * found.dtype.itemsize < stored.n * stored.dtype.itemsize:
            raise Broken(f"the memory {stored.key!r} is too short for {stored.n} elements")
        return found

    def _read(self, stored: Stored) -> Tensor:
        found = self.bytes.get(stored.key)
        if found is None:
            begin, n = self.form.place_of(stored.key)
            wanted = stored.n * stored.dtype.itemsize
            if wanted > n:
                raise Broken(
                    f"the memory {stored.key!r} of {stored.n} elements of {stored.dtype.itemsize} bytes has {n} bytes "
                    "in the file"
                )
            data = self.file.bytes_at(begin, wanted)
            if self.form.swapped:
                data = _swapped(data, stored.dtype)
            found = self.bytes[stored.key] = _typed(data, stored.dtype)
        return found


def _device_of(where: str) -> str:
    if where.partition(":")[0] not in _DEVICES:
        raise Broken(f"a tensor was on the device {where!r}, which is not known")
    return where


def _typed(data: np.ndarray, d: Any) -> Tensor:
    """Elements over bytes of a file, copied where they are not aligned."""
    if data.ctypes.data % d.storage.alignment:
        data = data.copy()
    if d.name == "bool" and data.size and data.max() > 1:
        data = np.minimum(data, 1)
    return creation.from_ndarray(data.view(d.storage), d)


def _swapped(data: np.ndarray, d: Any) -> np.ndarray:
    part = d.itemsize // 2 if d.is_complex else d.itemsize
    return data if part == 1 else data.reshape(-1, part)[:, ::-1].reshape(-1)


class _Archive:
    """The format since PyTorch 1.6."""

    def __init__(self, file: File):
        self.entries = archive.entries(file.f, file.size)
        if "constants.pkl" in self.entries or any(name.startswith("code/") for name in self.entries):
            raise Broken(
                "this is a TorchScript archive (torch.jit.save), which holds code. In PyTorch, save the state dict of "
                "torch.jit.load(path) instead"
            )
        if "data.pkl" not in self.entries:
            raise Broken("this is a zip archive, but not one that PyTorch wrote: it has no data.pkl")
        order = self._text(file, "byteorder", b"little")
        if order not in (b"little", b"big"):
            raise Broken(f"the byte order {order!r} is not known")
        self.swapped = order == b"big"
        begin, n = self.entries["data.pkl"]
        file.f.seek(begin)
        self.record = Machine(io.BytesIO(file.f.read(n)), n).run()

    def _text(self, file: File, name: str, default: bytes) -> bytes:
        if name not in self.entries:
            return default
        begin, n = self.entries[name]
        file.f.seek(begin)
        return file.f.read(min(n, 100))

    def place_of(self, key: str) -> tuple[int, int]:
        """(first byte, bytes) of a memory."""
        found = self.entries.get(f"data/{key}")
        if found is None:
            raise Broken(f"the memory {key!r} of a tensor is missing")
        return found


class _Stacked:
    """The format before PyTorch 1.6: pickles of a number, of a version, of the system, of the object and of the keys;
    then the memories, each after its number of elements."""

    def __init__(self, file: File):
        f, size = file.f, file.size
        if Machine(f, size).run() != MAGIC:
            raise Broken(
                "this is a pickle, but not one of torch.save: a pickle could run any code, so it was not loaded"
            )
        version, system = Machine(f, size).run(), Machine(f, size).run()
        if version != PROTOCOL:
            raise Broken(f"the protocol {version!r} is not known")
        little = (
            dict(p for p in system.pairs if isinstance(p[0], str)).get("little_endian")
            if isinstance(system, Pairs)
            else None
        )
        if little not in (True, False):
            raise Broken("the byte order is not known")
        self.swapped = not little
        self.record = Machine(f, size).run()
        keys = Machine(f, size).run()
        types = dict(_memories(self.record))
        if not isinstance(keys, list) or not all(isinstance(k, str) for k in keys) or len({*keys}) != len(keys):
            raise Broken("the list of memories is damaged")
        self.places: dict[str, tuple[int, int]] = {}
        at = f.tell()
        for key in keys:
            if key not in types:
                raise Broken(f"nothing names the memory {key!r}")
            f.seek(at)
            n = int.from_bytes(f.read(8), "little" if little else "big", signed=True) * types[key]
            at += 8
            if not 0 <= n <= size - at:
                raise Broken(f"the memory {key!r} of {n} bytes is longer than the rest of the file")
            self.places[key] = at, n
            at += n
        self.end = at

    def place_of(self, key: str) -> tuple[int, int]:
        """(first byte, bytes) of a memory."""
        found = self.places.get(key)
        if found is None:
            raise Broken(f"the memory {key!r} of a tensor is missing")
        return found


def _memories(record: Any) -> Iterator[tuple[str, int]]:
    """(key, bytes of an element) of all memories that a record names."""
    seen, todo = set(), [record]
    while todo:
        x = todo.pop()
        if id(x) in seen:
            continue
        seen.add(id(x))
        if isinstance(x, Persistent):
            stored = Stored(x.id)
            if len(x.id) > 5 and x.id[5] is not None:
                raise Broken("a memory is a view of another one, as PyTorch 0.4 wrote them; save the object anew")
            yield stored.key, stored.dtype.itemsize
        elif isinstance(x, Call):
            todo += [x.arguments, x.state, x.items, x.pairs]
        elif isinstance(x, Pairs):
            todo.append(x.pairs)
        elif isinstance(x, list | tuple):
            todo += x
