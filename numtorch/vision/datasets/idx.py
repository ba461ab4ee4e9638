"""The idx format of the MNIST files: a magic number, the sizes, the values, all big-endian."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

DTYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


class CorruptFile(RuntimeError):
    """A file whose content is not what its format or its checksum promises."""


def decompressed(path: Path) -> bytes:
    """The content of a raw or gzip-compressed file (told by its first bytes, not by its name).

    Args:
        path: the file.

    Returns:
        Bytes.

    Raises:
        CorruptFile: the compressed file is not whole.

    >>> import gzip, pathlib, tempfile
    >>> from numtorch.vision.datasets import idx
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "file.gz")
    ...     _ = path.write_bytes(gzip.compress(b"abc"))
    ...     idx.decompressed(path)
    b'abc'
    """
    data = path.read_bytes()
    if data[:2] != b"\x1f\x8b":
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise CorruptFile(f"{path} is not a whole gzip file ({error})") from error


def parse(content: bytes, path: Path | str = "the data") -> np.ndarray:
    """The array in the content of an idx file.

    Args:
        content: the bytes of the file, not compressed.
        path: what errors call it.

    Returns:
        An array.

    Raises:
        CorruptFile: the content is of another format, or not whole.

    >>> from numtorch.vision.datasets import idx
    >>> idx.parse(bytes([0, 0, 8, 2, 0, 0, 0, 1, 0, 0, 0, 3, 7, 8, 9])).tolist()
    [[7, 8, 9]]
    """
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in DTYPES:
        raise CorruptFile(f"{path} is not an idx file: it starts with {content[:4].hex(' ')!r}")
    dtype, ndim = np.dtype(DTYPES[content[2]]), content[3]
    start = 4 + 4 * ndim
    if len(content) < start:
        raise CorruptFile(f"{path} ends inside its header")
    shape = struct.unpack(f">{ndim}I", content[4:start])
    wanted = math.prod(shape) * dtype.itemsize
    if len(content) - start != wanted:
        raise CorruptFile(f"{path} should hold {wanted} bytes for the shape {shape}, but holds {len(content) - start}")
    array = np.frombuffer(content, dtype, offset=start).reshape(shape)
    return array.astype(dtype.newbyteorder("="))  # a copy that can be written to


def read(path: str | Path) -> np.ndarray:
    """The array in an idx file, raw or gzip-compressed.

    Args:
        path: the file.

    Returns:
        An array.

    Raises:
        CorruptFile: the file is of another format, or not whole.

    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> from numtorch.vision.datasets import idx
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "file")
    ...     _ = path.write_bytes(idx.encode(np.arange(3, dtype=np.int32)))
    ...     idx.read(path).tolist()
    [0, 1, 2]
    """
    path = Path(path)
    return parse(decompressed(path), path)


def encode(array: np.ndarray) -> bytes:
    """An array as the content of an idx file.

    Args:
        array: of uint8, int8, int16, int32, float32 or float64.

    Returns:
        Bytes.

    Raises:
        TypeError: another dtype.

    >>> import numpy as np
    >>> from numtorch.vision.datasets import idx
    >>> idx.parse(idx.encode(np.arange(3, dtype=np.int32))).tolist()
    [0, 1, 2]
    """
    for code, text in DTYPES.items():
        if np.dtype(text) == array.dtype.newbyteorder(">"):
            head = bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
            return head + np.ascontiguousarray(array, np.dtype(text)).tobytes()
    raise TypeError(f"idx files cannot hold {array.dtype}; use uint8, int8/16/32 or float32/64")
