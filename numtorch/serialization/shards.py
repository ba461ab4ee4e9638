"""Weights in several safetensors files, as HuggingFace's libraries write and name them.

model.safetensors                       everything, or
model-00001-of-00003.safetensors ...    parts, and
model.safetensors.index.json            {"metadata": {"total_size": bytes}, "weight_map": {tensor: file}}
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Callable, Mapping
from typing import Any

from numtorch._tensor import Tensor
from numtorch.dtype import complex128
from numtorch.errors import CorruptFile
from numtorch.files import write_all_atomically
from numtorch.serialization import safetensors

NAME = "model"
# What a folder of weights holds, the best first.
_LOOKED_FOR = (
    "model.safetensors.index.json",
    "model.safetensors",
    "diffusion_pytorch_model.safetensors.index.json",
    "diffusion_pytorch_model.safetensors",
    "pytorch_model.bin.index.json",
    "pytorch_model.bin",
)
_UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30}


def load(path: Any, read: Callable[[str], Any]) -> dict[str, Tensor]:
    """The tensors of all files that an index lists, or of a folder.

    Args:
        path: the index, or the folder.
        read: gives the tensors in one file.

    Raises:
        FileNotFoundError: the folder has none of the usual files, or a file of the index is missing.
        CorruptFile: the index is damaged, or the files hold other tensors than it says.
    """
    path = os.fsdecode(path)
    if os.path.isdir(path):
        found = [name for name in _LOOKED_FOR if os.path.isfile(os.path.join(path, name))]
        if not found:
            raise FileNotFoundError(f"{path} is a folder without weights: it has none of {', '.join(_LOOKED_FOR)}")
        path = os.path.join(path, found[0])
        if not path.endswith(".index.json"):
            return read(path)
    places = _weight_map(path)
    folder = os.path.dirname(path)
    missing = sorted({name for name in places.values() if not os.path.isfile(os.path.join(folder, name))})
    if missing:
        raise FileNotFoundError(f"{path}: files of the index are missing: {_listed(missing)}")
    tensors: dict[str, Tensor] = {}
    absent: list[str] = []
    extra: list[str] = []
    for name in dict.fromkeys(places.values()):
        part = read(os.path.join(folder, name))
        wanted = {key for key, place in places.items() if place == name}
        if not isinstance(part, Mapping):
            raise CorruptFile(f"{path}: {name} holds no tensors by name")
        absent += sorted(wanted - part.keys())
        extra += [f"{key} (in {name})" for key in part if key not in wanted]
        tensors.update({key: t for key, t in part.items() if key in wanted})
    if absent or extra:
        what = [f"missing: {_listed(absent)}"] * bool(absent) + [f"not in the index: {_listed(extra)}"] * bool(extra)
        raise CorruptFile(f"{path}: the files hold other tensors than the index says; {'; '.join(what)}")
    return {key: tensors[key] for key in places}


def _listed(names: list[str]) -> str:
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")


def _weight_map(path: str) -> dict[str, str]:
    """The file of each tensor, by the index."""
    with open(path, "rb") as f:
        text = f.read(safetensors.MAX_HEADER)
    try:
        found = safetensors.parse(text.decode())["weight_map"]
    except (ValueError, KeyError, TypeError, RecursionError) as e:
        raise CorruptFile(f"{path}: this is no index of weights: it cannot be read ({e!r})") from None
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found.values()):
        raise CorruptFile(f"{path}: the weight_map of the index is no map from tensors to files")
    for name in found.values():
        if name in ("", ".", "..") or "/" in name or "\\" in name or "\0" in name:
            raise CorruptFile(f"{path}: the index names a file outside its folder: {name!r}")
    return found


def save_sharded(
    state_dict: Mapping[str, Tensor], folder: Any, max_shard_size: int | str = "5GB", name: str = NAME
) -> list[str]:
    """Write tensors to safetensors files of a folder, with an index if there are several, as HuggingFace's libraries
    read them.

    All files are complete before the first one replaces an older one. A tensor larger than ``max_shard_size`` has a
    file of its own. Tensors that share memory are written each with its own elements.

    Args:
        state_dict: tensors by name.
        folder: where the files go; it is made if it is not there.
        max_shard_size: bytes of a file, as a number or as ``"5GB"``, ``"200MiB"``.
        name: how the files' names begin.

    Returns:
        The names of the files, the index last.

    Raises:
        TypeError: a value is no tensor, or of a type that the format lacks.
        ValueError: the size is none.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     files = torch.serialization.save_sharded({"a": torch.ones(4), "b": torch.ones(4)}, folder, "16B")
    ...     print(files, list(torch.load(folder)))
    ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors', 'model.safetensors.index.json'] ['a', 'b']
    """
    limit = _bytes(max_shard_size)
    parts: list[dict[str, Tensor]] = [{}]
    room = limit
    for key, t in state_dict.items():
        if not isinstance(t, Tensor) or t.dtype is complex128:
            raise TypeError(
                f"save_sharded: {key} is {f'of type {t.dtype}' if isinstance(t, Tensor) else repr(type(t))}"
            )
        if t.nbytes > room and parts[-1]:
            parts.append({})
            room = limit
        parts[-1][key] = t
        room -= t.nbytes
    n = len(parts)
    names = [f"{name}-{i:05}-of-{n:05}.safetensors" for i in range(1, n + 1)] if n > 1 else [f"{name}.safetensors"]
    files = [(file, safetensors.written_plainly(part)) for file, part in zip(names, parts, strict=True)]
    if n > 1:
        index = {
            "metadata": {"total_size": sum(t.nbytes for t in state_dict.values())},
            "weight_map": {key: file for file, part in zip(names, parts, strict=True) for key in part},
        }
        files.append((f"{name}.safetensors.index.json", iter([json.dumps(index, indent=2).encode() + b"\n"])))
    folder = os.fsdecode(folder)
    os.makedirs(folder, exist_ok=True)
    write_all_atomically((os.path.join(folder, file), parts) for file, parts in files)
    _remove_older(folder, name, {file for file, _ in files})
    return [file for file, _ in files]


def _bytes(size: int | str) -> int:
    found = re.fullmatch(r"(\d+(?:\.\d+)?) *([KMGT]?i?B)", size, re.IGNORECASE) if isinstance(size, str) else None
    n = int(float(found[1]) * _UNITS[found[2].upper()]) if found else size
    if not isinstance(n, int) or isinstance(n, bool) or n < 1:
        raise ValueError(f"max_shard_size is a number of bytes, or one with a unit as '5GB', not {size!r}")
    return n


def _remove_older(folder: str, name: str, kept: set[str]) -> None:
    """Remove the files of an earlier save, which the new index does not list."""
    ours = re.compile(rf"{re.escape(name)}(-\d{{5}}-of-\d{{5}})?\.safetensors(\.index\.json)?")
    for file in os.listdir(folder):
        if ours.fullmatch(file) and file not in kept:
            with contextlib.suppress(OSError):
                os.remove(os.path.join(folder, file))
