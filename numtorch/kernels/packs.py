"""Kernel packs: files with the machine code of many kernels, for all machines of a level.

A pack is a header, an index and the images (``images.dump``) one after the other; the index gives for the key of a
kernel and its types the place, the size and the digest of an image. The file is mapped into memory, and of it only what
a program needs is read. The digest is checked before code is used.

``find`` asks the packs that ``NUMTORCH_PACKS`` names, then those beside this module, a higher level first. A pack is
skipped if the processor lacks something, or if it was made by other versions. It must belong to the user, to root, or
to whom this package belongs, and nobody else may be able to write it: what it holds is executed.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import stat
import struct
from bisect import bisect_left
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from numtorch import notices
from numtorch.files import write_atomically
from numtorch.kernels import target

SUFFIX = ".ntk"
OFF = "0"  # NUMTORCH_PACKS with this value: no pack is used
FOLDER = Path(__file__).parent / "packs"
_MAGIC = b"numtorch pack 1\n"
_HEAD = struct.Struct("<16sQQQ32s")  # magic, bytes of the file, of the text, entries, digest of text and index
_ENTRY = struct.Struct("<32sQQ32s")  # key, place, bytes, digest


class Unusable(Exception):
    """Why a pack is not used."""


class Pack:
    """An open pack.

    Attributes:
        path: the file.
        level: which machines it is for (``target.runs``).
        versions: what made it (``target.versions``).
        count: how many images it holds.
    """

    def __init__(self, path: Path):
        self.path = path
        try:
            with open(path, "rb") as f:
                _trust(os.fstat(f.fileno()))
                self._data = memoryview(mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ))
        except (OSError, ValueError) as e:
            raise Unusable(f"it cannot be read ({e})") from None
        self._read()

    def _read(self) -> None:
        data = self._data
        if len(data) < _HEAD.size or data[: len(_MAGIC)] != _MAGIC:
            raise Unusable("it is no kernel pack of this format")
        _, size, letters, self.count, digest = _HEAD.unpack_from(data)
        self._index = _HEAD.size + letters
        end = self._index + self.count * _ENTRY.size
        if size != len(data) or end > size or hashlib.sha256(data[_HEAD.size : end]).digest() != digest:
            raise Unusable("it is truncated or damaged")
        self.level, self.versions = bytes(data[_HEAD.size : self._index]).decode().split("\n")

    def key(self, i: int) -> bytes:
        """The key of the image at ``i``."""
        at = self._index + i * _ENTRY.size
        return bytes(self._data[at : at + 32])

    def get(self, key: bytes) -> memoryview | None:
        """The bytes of an image, or None; Unusable if they are not those that were written."""
        i = bisect_left(range(self.count), key, key=self.key)
        if i == self.count or self.key(i) != key:
            return None
        _, at, size, digest = _ENTRY.unpack_from(self._data, self._index + i * _ENTRY.size)
        found = self._data[at : at + size]
        if hashlib.sha256(found).digest() != digest:
            raise Unusable("it is damaged")
        return found

    def check(self) -> None:
        """Unusable if this machine or these versions cannot use it."""
        if not target.runs(self.level):
            raise Unusable(f"it is for {self.level}, which this processor is not")
        if self.versions != target.versions():
            raise Unusable(f"it was made by other versions ({self.versions}; here {target.versions()})")


def _trust(status: os.stat_result) -> None:
    if not hasattr(os, "getuid"):
        return
    ours = os.stat(__file__)
    if status.st_uid not in (0, os.getuid(), ours.st_uid):
        raise Unusable("it belongs to another user")
    shared = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    if shared and (status.st_uid, shared & ~ours.st_mode) != (ours.st_uid, 0):
        raise Unusable("others may write it")


def write(path: str | os.PathLike, level: str, images: Mapping[bytes, bytes]) -> None:
    """Write a pack, whole or not at all.

    Args:
        level: which machines it is for.
        images: the bytes of each image by its key.
    """
    keys = sorted(images)
    text = f"{level}\n{target.versions()}".encode()
    at = _HEAD.size + len(text) + len(keys) * _ENTRY.size
    index, parts = [], []
    for key in keys:
        data = images[key]
        index.append(_ENTRY.pack(key, at, len(data), hashlib.sha256(data).digest()))
        parts.append(data)
        at += len(data)
    listed = text + b"".join(index)
    head = _HEAD.pack(_MAGIC, at, len(text), len(keys), hashlib.sha256(listed).digest())
    write_atomically(path, [head, listed, *parts], mode=0o644)


# --- those in use -----------------------------------------------------------------------------------------


def named() -> list[Path]:
    """The packs that ``NUMTORCH_PACKS`` names: files, and folders of them."""
    found: list[Path] = []
    for word in os.environ.get("NUMTORCH_PACKS", "").split(os.pathsep):
        if word and word != OFF:
            path = Path(word).expanduser()
            found += sorted(path.glob(f"*{SUFFIX}")) if path.is_dir() else [path]
    return found


def paths() -> list[Path]:
    """All packs that are looked at, in their order."""
    if os.environ.get("NUMTORCH_PACKS") == OFF:
        return []
    return [*named(), *sorted(FOLDER.glob(f"*{SUFFIX}"), key=_rank, reverse=True)]


def _rank(path: Path) -> tuple[bool, str]:
    return path.name.startswith(target.NATIVE), path.name


@cache
def usable() -> tuple[Pack, ...]:
    """The packs in use here. Of one that was named and cannot be used, a line says why."""
    found = []
    asked = named()
    for path in paths() if target.plain() else []:
        try:
            pack = Pack(path)
            pack.check()
            found.append(pack)
        except Unusable as e:
            if path in asked:
                notices.tell(f"numtorch: the kernel pack {path} is not used: {e}")
    return tuple(found)


def find(key: bytes) -> memoryview | None:
    """The bytes of an image from the first pack that holds it whole."""
    for pack in usable():
        try:
            if (found := pack.get(key)) is not None:
                return found
        except Unusable as e:
            _tell_once(f"numtorch: a kernel of the pack {pack.path} is not used: {e}")
    return None


@cache
def _tell_once(text: str) -> None:
    notices.tell(text)


@cache
def tell_unused() -> None:
    """Say why kernels are compiled although packs came with the package, where none of these can be used here."""
    if os.environ.get("NUMTORCH_PACKS") == OFF or os.environ.get("NUMTORCH_QUIET") or not target.plain():
        return
    refusals = {}
    for path in sorted(FOLDER.glob(f"*{SUFFIX}"), key=_rank):
        try:
            Pack(path).check()
            return
        except Unusable as e:
            refusals[path] = e
    if refusals:
        path, why = next(iter(refusals.items()))
        notices.tell(f"numtorch: kernels are compiled, because the kernel pack {path} is not used: {why}")


def described() -> list[str]:
    """A line on each pack: how many kernels, for which machines, and why it is not used, if so."""
    lines = []
    for path in paths():
        try:
            pack = Pack(path)
            about = f"{path}: {pack.count} kernels for {pack.level}, {len(pack._data) / 1e6:.1f} MB"
            pack.check()
            if not target.plain():
                raise Unusable("kernels are compiled for another processor or with other options")
            lines.append(about)
        except Unusable as e:
            lines.append(f"{path}: not used: {e}")
    return lines
