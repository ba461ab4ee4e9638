"""The zip archives that PyTorch writes: where their entries lie, and how they are written.

PyTorch stores each tensor's memory as an entry of its own, uncompressed and aligned, so that it can be used in place.
Only such archives are read: no entry is compressed, encrypted, named twice or overlaps another. See APPNOTE.TXT of
PKWARE for the format.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

from numtorch.serialization.opcodes import Broken

ALIGNMENT = 64  # of the entries' bytes in the file
ROOT = "archive"  # the folder in which all entries lie
MAX_ENTRIES = 1 << 20
_LOCAL, _CENTRAL, _END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_END64, _LOCATOR64 = b"PK\x06\x06", b"PK\x06\x07"
_WIDE = 0xFFFFFFFF  # a number that stands in the fields of 64 bits
_UTF8 = 0x800  # flag: names are UTF-8
_DAY = 0x21  # 1 January 1980: files of equal content have equal bytes


def entries(f: Any, size: int) -> dict[str, tuple[int, int]]:
    """(first byte, size) of each entry by its name without the root; Broken if the archive is not sound."""
    start, length, count, shift = _directory(f, size)
    if count > MAX_ENTRIES:
        raise Broken(f"the archive has {count} entries, more than {MAX_ENTRIES}")
    f.seek(start)
    listed = f.read(length)
    found: dict[str, tuple[int, int]] = {}
    spans, at = [], 0
    for _ in range(count):
        if listed[at : at + 4] != _CENTRAL or len(listed) < at + 46:
            raise Broken("the archive's list of entries is damaged")
        flags, method = struct.unpack_from("<HH", listed, at + 8)
        packed, n, name_size, extra_size, comment = struct.unpack_from("<IIHHH", listed, at + 20)
        (offset,) = struct.unpack_from("<I", listed, at + 42)
        name_end = at + 46 + name_size
        try:
            name = listed[at + 46 : name_end].decode()
        except UnicodeDecodeError:
            raise Broken("the name of an entry is no UTF-8") from None
        wide = _wide(listed[name_end : name_end + extra_size], (n, packed, offset))
        n, packed, offset = wide
        at = name_end + extra_size + comment
        if method or packed != n:
            raise Broken(f"the entry {name!r} is compressed; PyTorch stores entries as they are")
        if flags & 1:
            raise Broken(f"the entry {name!r} is encrypted")
        begin = _data(f, offset + shift, name, start)
        if n > start - begin:
            raise Broken(f"the entry {name!r} of {n} bytes is longer than the archive")
        if name in found:
            raise Broken(f"there are two entries {name!r}")
        found[name] = begin, n
        spans.append((offset + shift, begin + n))
    spans.sort()
    if any(end > after for (_, end), (after, _) in zip(spans, spans[1:], strict=False)):
        raise Broken("entries of the archive overlap")
    return _without_root(found)


def _directory(f: Any, size: int) -> tuple[int, int, int, int]:
    """Of the list of entries: where it begins, its length, how many there are; and how far all offsets are shifted."""
    tail = max(size - (1 << 16) - 22, 0)
    f.seek(tail)
    text = f.read(size - tail)
    at = text.rfind(_END)
    if at < 0 or len(text) < at + 22:
        raise Broken("the archive is truncated: its list of entries is missing")
    count, length, start = struct.unpack_from("<HII", text, at + 10)
    end = tail + at
    if at >= 20 and text[at - 20 : at - 16] == _LOCATOR64:
        f.seek(end - 76 if end >= 76 else 0)
        wide = f.read(56)
        if wide[:4] != _END64:
            raise Broken("the archive's list of entries is damaged")
        count, length, start = struct.unpack_from("<QQQ", wide, 32)
        end -= 76
    if length > end or start > end - length:
        raise Broken("the archive is truncated or damaged: its list of entries does not lie in it")
    return end - length, length, count, end - length - start


def _wide(extra: bytes, numbers: tuple[int, ...]) -> list[int]:
    """The numbers, those that need 64 bits from the extra field."""
    found, at = list(numbers), 0
    if _WIDE not in found:
        return found
    while at + 4 <= len(extra):
        kind, n = struct.unpack_from("<HH", extra, at)
        if kind == 1:
            rest = extra[at + 4 : at + 4 + n]
            for i, value in enumerate(numbers):
                if value == _WIDE:
                    if len(rest) < 8:
                        raise Broken("a size of the archive is damaged")
                    found[i], rest = int.from_bytes(rest[:8], "little"), rest[8:]
        at += 4 + n
    return found


def _data(f: Any, offset: int, name: str, end: int) -> int:
    """Where the bytes of an entry begin, whose own header is at ``offset``."""
    if not 0 <= offset <= end - 30:
        raise Broken(f"the entry {name!r} does not lie in the archive")
    f.seek(offset)
    head = f.read(30 + len(name.encode()))
    name_size, extra_size = struct.unpack_from("<HH", head, 26)
    if head[:4] != _LOCAL or name_size != len(head) - 30 or head[30:] != name.encode():
        raise Broken(f"the header of the entry {name!r} is damaged")
    begin = offset + len(head) + extra_size
    if begin > end:
        raise Broken(f"the entry {name!r} does not lie in the archive")
    return begin


def _without_root(found: dict[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    roots = {name.partition("/")[0] for name in found}
    if any(set(name.split("/")) & {"", ".", ".."} or "\\" in name for name in found):
        raise Broken("the name of an entry leads out of the archive")
    if len(roots) != 1 or not all("/" in name for name in found):
        raise Broken("this is a zip archive, but not one that PyTorch wrote: its entries do not lie in one folder")
    return {name.partition("/")[2]: place for name, place in found.items()}


def written(files: Iterable[tuple[str, Any]]) -> Iterator[Any]:
    """The parts of an archive of entries (name, bytes): each entry is asked for when it is its turn."""
    at, directory = 0, []
    for name, data in files:
        title = f"{ROOT}/{name}".encode()
        n, check = memoryview(data).nbytes, zlib.crc32(data)
        wide = n >= _WIDE
        sizes = struct.pack("<HHQQ", 1, 16, n, n) if wide else b""
        gap = -(at + 30 + len(title) + len(sizes) + 4) % ALIGNMENT
        extra = sizes + struct.pack("<2sH", b"FB", gap) + b"Z" * gap
        narrow = _WIDE if wide else n
        yield (
            struct.pack(
                "<4sHHHHHIIIHH",
                *(_LOCAL, 45 if wide else 20, _UTF8, 0, 0, _DAY, check, narrow, narrow, len(title), len(extra)),
            )
            + title
            + extra
        )
        yield data
        far = at >= _WIDE
        numbers = ([n, n] if wide else []) + ([at] if far else [])
        listed = struct.pack(f"<HH{len(numbers)}Q", 1, 8 * len(numbers), *numbers) if numbers else b""
        head = (_CENTRAL, 45, 45 if numbers else 20, _UTF8, 0, 0, _DAY, check, narrow, narrow, len(title), len(listed))
        place = _WIDE if far else at
        directory.append(struct.pack("<4sHHHHHHIIIHHHHHII", *head, 0, 0, 0, 0, place) + title + listed)
        at += 30 + len(title) + len(extra) + n
    text = b"".join(directory)
    yield text
    count = len(directory)
    if at + len(text) >= _WIDE or count >= 0xFFFF:
        yield struct.pack("<4sQHHIIQQQQ", _END64, 44, 45, 45, 0, 0, count, count, len(text), at)
        yield struct.pack("<4sIQI", _LOCATOR64, 0, at + len(text), 1)
    few = min(count, 0xFFFF)
    yield struct.pack("<4sHHHHIIH", _END, 0, 0, few, few, min(len(text), _WIDE), min(at, _WIDE), 0)
