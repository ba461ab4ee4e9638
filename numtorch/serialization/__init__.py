"""``save`` and ``load``: tensors, and the objects that contain them, in files. No file can run code.

safetensors.py    the format that numtorch writes of its own accord: a JSON header, and the bytes
shards.py         several such files and their index, as HuggingFace names them
pytorch.py        the files of ``torch.save``, read and written
  archive.py      their zip archives
  opcodes.py      an interpreter of pickles that makes inert records
  objects.py      objects of these records
  pickling.py     objects as pickles
  globals.py      the classes and functions that a file may name
places.py         on which devices tensors go
"""

from __future__ import annotations

import io
import os
from typing import Any

from numtorch.errors import CorruptFile
from numtorch.files import write_atomically
from numtorch.serialization import places, pytorch, safetensors, shards
from numtorch.serialization.globals import add_safe_globals as add_safe_globals
from numtorch.serialization.globals import clear_safe_globals as clear_safe_globals
from numtorch.serialization.globals import get_safe_globals as get_safe_globals
from numtorch.serialization.globals import safe_globals as safe_globals
from numtorch.serialization.shards import save_sharded as save_sharded
from numtorch.torch_shim import installed

FORMATS = ("safetensors", "pt")
DEFAULT_PROTOCOL = 2


def save(
    obj: Any,
    f: Any,
    pickle_module: Any = None,
    pickle_protocol: int = DEFAULT_PROTOCOL,
    _use_new_zipfile_serialization: bool = True,
    *,
    format: str | None = None,
) -> None:
    """Write an object to a file: tensors, numbers, strings, None, and nested dicts, lists and tuples of them.

    Tensors over the same memory are stored once and share it again after loading. Tensors keep ``requires_grad``, and
    parameters are parameters. The file is replaced as a whole: it never is half written.

    There are two formats. ``"pt"`` is PyTorch's: its ``torch.load`` reads the file, and it also holds modules and other
    objects, by the name of their class and their state (a lambda has no name: ``pickle.PicklingError``).
    ``"safetensors"`` holds no names of code, and every safetensors reader opens it. A file whose name ends with ``.pt``
    or ``.pth`` is PyTorch's, and so is any file but ``.safetensors`` in a program that imports numtorch as ``torch``;
    every other one has the safetensors format.

    Args:
        obj: usually ``net.state_dict()``, or a dict with that and all else that training needs.
        f: a path, or an object with ``write``.
        pickle_module, pickle_protocol: accepted; pickles have protocol 2.
        format: ``"pt"`` or ``"safetensors"``, whatever the name.

    Raises:
        TypeError: something in the object cannot be stored in the format; the message says where, and what to save
            instead.
        ValueError: the format is unknown, or names and structure are larger than it allows.

    >>> import io
    >>> f = io.BytesIO()
    >>> torch.save({"epoch": 3, "weights": [torch.ones(2)]}, f)
    >>> _ = f.seek(0)
    >>> torch.load(f)
    {'epoch': 3, 'weights': [tensor([1., 1.])]}
    """
    path = None if hasattr(f, "write") else os.fspath(f)
    if format is None:
        format = _format_of(path)
    elif format not in FORMATS:
        raise ValueError(f"save: the formats are {' and '.join(FORMATS)}, not {format!r}")
    parts = pytorch.written(obj) if format == "pt" else safetensors.written(obj)
    if path is None:
        for part in parts:
            f.write(part)
        return
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        raise RuntimeError(f"Parent directory {folder} does not exist.")
    write_atomically(path, parts)


def _format_of(path: Any) -> str:
    """The format of a file by its name; of a stream None is the name."""
    name = "" if path is None else os.fsdecode(path).lower()
    if name.endswith(".safetensors"):
        return "safetensors"
    return "pt" if name.endswith((".pt", ".pth")) or installed() else "safetensors"


def load(
    f: Any,
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    """What ``save`` wrote, or ``torch.save``, or any safetensors file. Nothing in the file is executed.

    The content tells the format. A folder, or a ``model.safetensors.index.json``, stands for the files that it lists.

    Args:
        f: a path, or an object with ``read``.
        map_location: where tensors go: a device; a dict from device names to devices; or a function of a tensor and the
            name of its device, which returns the tensor where it should be, or None for where it was. By default
            tensors go to the devices they were on.
        pickle_module: accepted; files are never unpickled by it.
        weights_only: False also makes objects of classes that can be imported, modules among them, without a call of
            their constructors. Else a file with such objects is refused, unless ``add_safe_globals`` allows them.
        mmap: leave tensors in the file until they are used; writing to them does not change the file.
        **pickle_load_args: accepted.

    Returns:
        The object, as it was saved.

    Raises:
        CorruptFile: the file is truncated, damaged, or of another format.
        UnknownGlobal: the file names a class or a function that is not made; a ``CorruptFile`` and a
            ``pickle.UnpicklingError``.
        ValueError: ``mmap`` and not a path.
        RuntimeError: a tensor was on a GPU, and there is none.

    >>> import io
    >>> f = io.BytesIO()
    >>> torch.save(torch.arange(3), f)
    >>> _ = f.seek(0)
    >>> torch.load(f)
    tensor([0, 1, 2])
    """
    place = places.placing(map_location)
    trusted = weights_only is not None and not weights_only
    if hasattr(f, "read"):
        if mmap:
            raise ValueError("f must be a file path in order to use the mmap argument")
        return _from_stream(f, place, not trusted)
    path = os.fspath(f)
    if os.path.isdir(path) or os.fsdecode(path).endswith(".index.json"):
        return shards.load(path, lambda part: load(part, map_location, weights_only=weights_only, mmap=mmap))
    with open(path, "rb") as file:
        mapped = path if mmap else None
        if _is_pickled(file.read(8), path):
            return pytorch.read(file, path, 0, place, mapped, not trusted)
        file.seek(0)
        return safetensors.read(file, path, os.fstat(file.fileno()).st_size, place, mapped)


def _from_stream(f: Any, place: Any, weights_only: bool) -> Any:
    name = getattr(f, "name", "the stream")
    start = safetensors.take(f, 8)
    if not _is_pickled(start, name):
        return safetensors.read(_Rewound(start, f), name, None, place, None)
    try:
        at = f.tell() - len(start)
        f.seek(at)
    except (AttributeError, OSError):  # a pipe
        return pytorch.read(io.BytesIO(start + f.read()), name, 0, place, None, weights_only)
    return pytorch.read(f, name, at, place, None, weights_only)


class _Rewound:
    """A stream of which the first bytes have been read."""

    def __init__(self, start: bytes, f: Any):
        self.start, self.f = start, f

    def read(self, n: int) -> bytes:
        found, self.start = self.start[:n], self.start[n:]
        return found or self.f.read(n)


def _is_pickled(start: bytes, name: Any) -> bool:
    """Whether a file that begins so is one of PyTorch's; CorruptFile for others that hold code."""
    if start[:2] == b"PK" or (start[:1] == b"\x80" and start[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05")):
        return True
    if start[:1] == b"\x80" and start[1:2] in (b"\x00", b"\x01"):
        raise CorruptFile(f"{name}: this is a pickle, which could run any code. Nothing in the file was executed.")
    return False


def get_unsafe_globals_in_checkpoint(f: Any) -> list[str]:
    """The classes and functions named in a file of PyTorch's format that ``load`` makes nothing of unless they are
    allowed.

    Args:
        f: a path, or an object with ``read`` and ``seek``.

    Returns:
        Their full names.

    Raises:
        CorruptFile: the file is truncated, damaged, or of another format.

    >>> import datetime, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     torch.save([torch.zeros(1), datetime.timedelta(1)], f"{folder}/x.pt")
    ...     torch.serialization.get_unsafe_globals_in_checkpoint(f"{folder}/x.pt")
    ['datetime.timedelta']
    """
    if hasattr(f, "read"):
        return pytorch.names_in(f, getattr(f, "name", "the stream"))
    with open(f, "rb") as file:
        return pytorch.names_in(file, f)
