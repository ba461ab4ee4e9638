"""Reads and writes tensors, and the dicts and lists that contain them, in one file without code.

The file has the safetensors format: 8 bytes of length, a JSON header, and the bytes of the tensors. Tensors have flat
names (``model.fc.weight``). Dicts, lists and numbers are JSON in the header's ``__metadata__``:

    null true 1 1.5 "text"     themselves              {"dict": [[key, value], ...]}   in order, keys of any kind below
    {"tensor": name, ...}      a tensor                {"tuple": [...]}                 a list is a JSON list
    {"float": "inf"}           inf, -inf, nan          {"OrderedDict": ...} {"Size": ...} {"dtype": "float32"}
    {"device": "cpu"}

Beside its name a tensor has ``device`` if it is not on the CPU, ``grad`` if it requires a gradient, ``parameter`` if it
is a ``Parameter``, ``complex`` if its pairs of float64 are complex numbers, and ``view`` (shape, strides and offset) if
it shares the memory of the tensor with that name.

Any safetensors reader can open the file. A safetensors file of another program loads as a dict of tensors.
"""

from __future__ import annotations

import io
import json
import math
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from numtorch._tensor import Tensor, as_ndarray
from numtorch.device import CPU, device
from numtorch.dtype import ALL, complex128, dtype, float64, named
from numtorch.errors import CorruptFile
from numtorch.nn.parameter import Parameter
from numtorch.ops import creation, movement
from numtorch.storage import UNSHARED, Size, allocate_cpu

_PREFIX = {
    "bool": "BOOL",
    "uint": "U",
    "int": "I",
    "float": "F",
    "bfloat": "BF",
    "complex": "C",
}  # and the number of bits
NAMES = {
    d: _PREFIX[d.name.rstrip("0123456789")] + d.name.lstrip("abcdefghijklmnopqrstuvwxyz")
    for d in ALL
    if d is not complex128
}
DTYPES = {name: d for d, name in NAMES.items()}
KEY = "numtorch"  # where the structure stands in the metadata
ALIGNMENT = 64  # of the tensors' bytes in the file, so that a mapped file can be used in place
MAX_HEADER = 100_000_000  # the format's own limit


# --- saving -----------------------------------------------------------------------------------------------


class _Writer:
    """Takes an object apart into a structure and named tensors."""

    def __init__(self) -> None:
        self.tensors: dict[str, Tensor] = {}
        self.names: dict[tuple, str] = {}  # tensors over the same memory are stored once
        self.places: list[tuple[dict, Tensor]] = []  # where the structure names a tensor
        self.open: set[int] = set()

    def encode(self, value: Any, path: str) -> Any:
        """The structure of ``value``, which is reached by ``path``."""
        if value is None or type(value) in (bool, int, str):
            return value
        if isinstance(value, float | np.floating) and type(value) in (float, np.float16, np.float32, np.float64):
            value = float(value)
            return value if math.isfinite(value) else {"float": repr(value)}
        if isinstance(value, np.bool_ | np.integer):
            return value.item()
        if isinstance(value, Tensor):
            where = value.device
            found: dict[str, Any] = {"tensor": self.name(value, path)}
            self.places.append((found, value))
            if where is not CPU:
                found["device"] = str(where)
            if value.requires_grad:
                found["grad"] = True
            if isinstance(value, Parameter):
                found["parameter"] = True
            if value.dtype is complex128:
                found["complex"] = True
            return found
        if type(value) is dtype:
            return {"dtype": value.name}
        if type(value) is device:
            return {"device": str(value)}
        if type(value) not in (dict, OrderedDict, list, tuple, Size):
            raise TypeError(_refusal(value, path))
        if id(value) in self.open:
            raise ValueError(f"save: {path or 'the object'} contains itself")
        self.open.add(id(value))
        try:
            return self._container(value, path)
        finally:
            self.open.discard(id(value))

    def _container(self, value: Any, path: str) -> Any:
        if isinstance(value, dict):
            return {
                type(value).__name__: [[self._key(k, path), self.encode(v, _join(path, k))] for k, v in value.items()]
            }
        items = [self.encode(v, _join(path, i)) for i, v in enumerate(value)]
        return items if type(value) is list else {type(value).__name__: items}

    def _key(self, key: Any, path: str) -> Any:
        if isinstance(key, Tensor) or (isinstance(key, tuple) and any(isinstance(k, Tensor) for k in key)):
            raise TypeError(
                f"save: a key of {path or 'the object'} is a tensor; use its name or number instead (an optimizer's "
                "state_dict() does)"
            )
        return self.encode(key, _join(path, key))

    def name(self, t: Tensor, path: str) -> str:
        """The name under which a tensor is stored."""
        if t.device.type == "meta":
            raise TypeError(f"save: {path or 'the tensor'} is on the meta device and has no elements")
        same = _memory(t)
        found = self.names.get(same)
        if found is None:
            found = self.names[same] = self.free(path or "tensor")
            self.tensors[found] = t
        return found

    def free(self, wanted: str) -> str:
        """``wanted``, with a number if another tensor is called so already."""
        name, n = wanted, 1
        while name in self.tensors or name == "__metadata__":  # {"a": {"b": t}, "a.b": u}
            n += 1
            name = f"{wanted}#{n}"
        return name

    def share(self) -> None:
        """Tensors whose memory overlaps become views of one tensor: of the one that holds it all, or of one made for
        them."""
        storages: dict[tuple, list[str]] = {}
        for name, t in self.tensors.items():
            if t._storage is not UNSHARED and t.numel():
                storages.setdefault((id(t._storage), t.dtype), []).append(name)
        # by the name of a view: what holds it, and from which element of the storage on
        held: dict[str, tuple[str, int]] = {}
        for names in storages.values():
            for low, high, group in _overlapping(names, self.tensors):
                if len(group) > 1:
                    whole = next(
                        (n for n in group if self.tensors[n].is_contiguous() and _span(self.tensors[n]) == (low, high)),
                        None,
                    )
                    if whole is None:
                        whole = self.free(f"{group[0]}#memory")
                        self.tensors[whole] = movement.as_strided(
                            self.tensors[group[0]].detach(), (high - low,), (1,), low
                        )
                    held |= {n: (whole, low) for n in group if n != whole}
        for found, t in self.places:
            if found["tensor"] in held:
                name, low = held[found["tensor"]]
                found |= {"tensor": name, "view": [list(t.shape), list(t.strides), t._offset - low]}
        for name in held:
            del self.tensors[name]

    @property
    def version(self) -> int:
        """Of the format: 2 if a tensor has what readers of version 1 do not know."""
        return 2 if any(found.keys() & {"complex", "grad", "parameter", "view"} for found, _ in self.places) else 1


def _span(t: Tensor) -> tuple[int, int]:
    """The elements of its storage among which those of ``t`` lie."""
    return t._offset, t._offset + 1 + sum([(n - 1) * s for n, s in zip(t.shape, t.strides, strict=True)])


def _overlapping(names: list[str], tensors: dict[str, Tensor]) -> list[tuple[int, int, list[str]]]:
    """(first, last, names) of tensors of one storage, those together whose spans overlap."""
    groups: list[tuple[int, int, list[str]]] = []
    for low, high, name in sorted((*_span(tensors[n]), n) for n in names):
        if groups and low < groups[-1][1]:
            first, last, group = groups[-1]
            groups[-1] = first, max(last, high), [*group, name]
        else:
            groups.append((low, high, [name]))
    return groups


def _memory(t: Tensor) -> tuple:
    """Equal for tensors that are the same elements of the same memory."""
    if t.numel() == 0:
        return (id(t),)
    if t.device is CPU:
        return t.data_ptr(), t.shape, t.strides, t.dtype
    owner = id(t) if t._storage is UNSHARED else id(t._storage)
    return owner, t._offset, t.shape, t.strides, t.dtype


def _join(path: str, key: Any) -> str:
    return f"{path}.{key}" if path else str(key)


def _refusal(value: Any, path: str) -> str:
    """Why a value cannot be saved, and what to do instead."""
    kind = type(value)
    where = f"{path} is" if path else "the object is"
    name = f"{kind.__module__}.{kind.__qualname__}"
    if callable(getattr(value, "state_dict", None)):
        advice = "save its state_dict() and load that into an object made by your code"
    elif isinstance(value, np.ndarray):
        advice = "save torch.from_numpy(array)"
    elif isinstance(value, dict):
        advice = "save dict(...) of it"
    elif isinstance(value, tuple | list):
        advice = f"save {'tuple' if isinstance(value, tuple) else 'list'}(...) of it"
    elif isinstance(value, set | frozenset):
        advice = "save sorted(...) of it"
    elif callable(value):
        advice = "code is not saved: keep functions and classes in your program"
    else:
        advice = "save the tensors, numbers and strings that it consists of"
    return (
        f"save: {where} of type {name}; a file holds tensors, numbers, strings, None, lists, tuples and dicts of them. "
        f"To save this, {advice}."
    )


def written(obj: Any) -> Iterator[Any]:
    """The parts of the file that holds an object.

    Raises:
        TypeError: something in the object is code or an object of some class.
        ValueError: names and structure are larger than the format allows.
    """
    writer = _Writer()
    structure = writer.encode(obj, "")
    writer.share()
    text = json.dumps(
        {"object": structure, "version": writer.version}, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return _file(writer.tensors, {"format": "pt", KEY: text})


def written_plainly(tensors: dict[str, Tensor]) -> Iterator[Any]:
    """The parts of a file of tensors alone, as other programs write it: each with its own elements."""
    return _file(tensors, {"format": "pt"})


def _file(named: dict[str, Tensor], metadata: dict[str, str]) -> Iterator[Any]:
    tensors = sorted(named.items(), key=lambda item: -item[1].dtype.itemsize)  # so that all are aligned
    spans, at = {}, 0
    for name, t in tensors:
        spans[name] = [at, at + t.nbytes]
        at += t.nbytes
    header: dict[str, Any] = {"__metadata__": metadata}
    for name, t in named.items():  # in the order of the object, which readers of other programs then see
        # The format has no complex128: its elements are pairs of float64, and the structure says so.
        d, shape = (float64, [*t.shape, 2]) if t.dtype is complex128 else (t.dtype, list(t.shape))
        header[name] = {"dtype": NAMES[d], "shape": shape, "data_offsets": spans[name]}
    head = _encoded(json.dumps(header, separators=(",", ":"), ensure_ascii=False))
    head += b" " * (-(8 + len(head)) % ALIGNMENT)
    if len(head) > MAX_HEADER:
        raise ValueError(
            f"save: the names and structure take {len(head)} bytes, more than the format's {MAX_HEADER}; save long "
            "lists of numbers as tensors"
        )
    return _parts(len(head).to_bytes(8, "little") + head, tensors)


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as e:
        raise ValueError(
            f"save: a string or key holds half a character ({e.object[e.start : e.end]!r}), which UTF-8 cannot say"
        ) from None


def _parts(head: bytes, tensors: list[tuple[str, Tensor]]) -> Iterator[Any]:
    """The file's parts, each made when it is written: of tensors that must be copied, one at a time."""
    yield head
    for _, t in tensors:
        x = movement.contiguous(movement.to(t.detach(), "cpu"))
        yield as_ndarray(x).reshape(-1).view(np.uint8).data


# --- loading ----------------------------------------------------------------------------------------------


def _corrupt(name: Any, what: str) -> CorruptFile:
    return CorruptFile(f"{name}: {what}. Nothing in the file was executed.")


def read(f: Any, name: Any, size: int | None, place: Callable, mapped: str | None) -> Any:
    """The object in a file.

    Args:
        f: with ``read``, at the beginning.
        name: for errors.
        size: of the file, where it is known.
        place: moves a tensor to where it belongs.
        mapped: the path, if tensors are to be left in the file.
    """
    start = take(f, 8)
    _check_length(start, name)
    length = int.from_bytes(start, "little")
    if length > MAX_HEADER or (size is not None and 8 + length > size):
        raise _corrupt(
            name, "this is not a safetensors file, or a truncated one: its first bytes are not the length of a header"
        )
    text = take(f, length)
    if len(text) < length:
        raise _corrupt(name, f"the file ends within its header, {length - len(text)} bytes early")
    entries, structure = _header(text, name)
    total = max((end for _, _, _, end in entries.values()), default=0)
    if size is not None and size != 8 + length + total:
        missing = 8 + length + total - size
        raise _corrupt(
            name,
            f"the file is truncated: {missing} bytes are missing"
            if missing > 0
            else f"{-missing} bytes follow the last tensor",
        )
    data = (
        None
        if mapped is None
        else np.memmap(mapped, np.uint8, "c", 8 + length, (total,)).view(np.ndarray)
        if total
        else np.empty(0, np.uint8)
    )
    tensors = {}
    for key, (d, shape, begin, end) in sorted(entries.items(), key=lambda item: item[1][2:]):
        tensors[key] = _tensor(f, data, d, shape, begin, end, key, name)
    if structure is None:
        return {key: place(tensors[key], "cpu") for key in entries}
    return _Reader(tensors, place, name).all(structure)


def _check_length(start: bytes, name: Any) -> None:
    if not start:
        raise _corrupt(name, "the file is empty")
    if len(start) < 8:
        raise _corrupt(name, f"the file has only {len(start)} bytes; a safetensors file begins with 8")


def take(f: Any, n: int) -> bytes:
    """``n`` bytes, or all that there are."""
    parts = []
    while n > 0:
        part = f.read(min(n, 1 << 24))
        if not isinstance(part, bytes | bytearray):
            raise TypeError("load: the file is open as text; open it with open(path, 'rb')")
        if not part:
            break
        parts.append(part)
        n -= len(part)
    return b"".join(parts)


def _unique(pairs: list) -> dict:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key occurs twice")
    return found


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")


def parse(text: Any) -> Any:
    """JSON, in which no key may stand twice."""
    return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)


def _header(text: bytes, name: Any) -> tuple[dict, Any]:
    """(dtype, shape, begin, end) of each tensor, and the structure (None in files of other programs)."""
    try:
        if text[:1] != b"{":
            raise ValueError("it does not begin with {")
        header = parse(text.decode("utf-8"))
        metadata = header.pop("__metadata__", {})
        if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
            raise ValueError("__metadata__ must hold strings")
        structure = parse(metadata[KEY]) if KEY in metadata else None
    except (ValueError, RecursionError) as e:
        raise _corrupt(name, f"this is not a safetensors file: the header cannot be read ({e})") from None
    if structure is not None and (not isinstance(structure, dict) or structure.keys() != {"object", "version"}):
        raise _corrupt(name, "the structure of the saved object cannot be read")
    if structure is not None and structure["version"] not in (1, 2):
        raise _corrupt(
            name,
            f"the object was saved in version {structure['version']} of the format; this numtorch reads versions 1 "
            "and 2",
        )
    entries = {key: _entry(key, entry, name) for key, entry in header.items()}
    at = 0
    for key, (_, _, begin, end) in sorted(entries.items(), key=lambda item: item[1][2:]):
        if begin != at:
            raise _corrupt(name, f"the bytes of tensor {key!r} begin at {begin}, where those before end at {at}")
        at = end
    return entries, structure


def _entry(key: str, entry: Any, name: Any) -> tuple[dtype, Size, int, int]:
    """One tensor's line of the header, checked."""
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise _corrupt(name, f"the entry of tensor {key!r} is not dtype, shape and data_offsets")
    shape, offsets = entry["shape"], entry["data_offsets"]
    for numbers in (shape, offsets):
        if not isinstance(numbers, list) or not all(type(n) is int and 0 <= n < 1 << 62 for n in numbers):
            raise _corrupt(name, f"shape or offsets of tensor {key!r} are not lists of sizes")
    d = DTYPES.get(entry["dtype"]) if isinstance(entry["dtype"], str) else None
    if d is None:
        raise _corrupt(name, f"tensor {key!r} has the type {entry['dtype']!r}; known are {', '.join(DTYPES)}")
    size = Size(shape)
    if len(offsets) != 2 or offsets[1] - offsets[0] != size.numel() * d.itemsize:
        raise _corrupt(
            name,
            f"tensor {key!r} of shape {shape} and type {entry['dtype']} needs {size.numel() * d.itemsize} bytes, but "
            f"its offsets are {offsets}",
        )
    return d, size, *offsets


def _tensor(
    f: Any, data: np.ndarray | None, d: dtype, shape: Size, begin: int, end: int, key: str, name: Any
) -> Tensor:
    """A tensor from the next bytes of ``f``, or from a mapped file."""
    if data is not None:
        buffer = data[begin:end]
        if buffer.ctypes.data % d.itemsize:  # written by a program that does not align
            buffer = buffer.copy()
    else:
        buffer = allocate_cpu(end - begin, np.dtype(np.uint8))
        _fill(f, buffer, key, name)
    if d.name == "bool" and end > begin and buffer.max() > 1:
        raise _corrupt(name, f"tensor {key!r} of type BOOL holds bytes other than 0 and 1")
    return creation.from_ndarray(buffer.view(d.storage), d).reshape(shape).detach()


def _fill(f: Any, buffer: np.ndarray, key: str, name: Any) -> None:
    rest = buffer.data
    while len(rest):
        if isinstance(f, io.BufferedIOBase | io.RawIOBase):
            n = f.readinto(rest)
        else:
            part = f.read(len(rest))
            n = len(part)
            rest[:n] = part
        if not n:
            raise _corrupt(name, f"the file ends within tensor {key!r}, {len(rest)} bytes early")
        rest = rest[n:]


class _Reader:
    """Puts an object together from its structure and named tensors."""

    def __init__(self, tensors: dict[str, Tensor], place: Callable, name: Any):
        self.tensors, self.place, self.file = tensors, place, name
        self.placed: dict[tuple, Tensor] = {}
        self.complex: dict[int, Tensor] = {}  # complex tensors by the pairs that they are made of
        self.made: dict[str, Tensor] = {}  # parameters, views, and what requires a gradient

    def all(self, structure: Any) -> Any:
        """The object; CorruptFile unless the structure is sound and mentions every tensor."""
        # errors of the user's map_location are not the file's
        trial = _Reader(self.tensors, lambda t, where: t, self.file)
        try:
            trial.decode(structure["object"])
        except (KeyError, TypeError, ValueError, RecursionError) as e:
            raise _corrupt(self.file, f"the structure of the saved object cannot be read ({e})") from None
        unused = self.tensors.keys() - {key for key, _ in trial.placed}
        if unused:
            raise _corrupt(self.file, f"tensor {min(unused)!r} has no place in the saved object")
        return self.decode(structure["object"])

    def decode(self, s: Any) -> Any:
        """The value of a structure."""
        if isinstance(s, list):
            return [self.decode(v) for v in s]
        if not isinstance(s, dict):
            return s
        if "tensor" in s:
            if s.keys() - {"tensor", "complex", "device", "grad", "parameter", "view"}:
                raise ValueError(f"unknown fields of a tensor: {', '.join(s)}")
            return self.whole_or_view(s)
        ((kind, value),) = s.items()
        if kind in ("dict", "OrderedDict"):
            made: dict = {} if kind == "dict" else OrderedDict()
            for k, v in value:
                made[self.decode(k)] = self.decode(v)
            return made
        if kind in ("tuple", "Size"):
            items = [self.decode(v) for v in value]
            return tuple(items) if kind == "tuple" else Size(items)
        if kind == "float":
            return {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}[value]
        if kind == "dtype":
            return named(value)
        if kind == "device":
            return _device(value)
        raise ValueError(f"unknown kind {kind!r}")

    def whole_or_view(self, s: dict) -> Tensor:
        """The tensor that a line of the structure describes; the same object for equal lines."""
        x = self.tensor(s["tensor"], s.get("device", "cpu"))
        grad, parameter, view = s.get("grad", False), s.get("parameter", False), s.get("view")
        if not (grad or parameter or view or s.get("complex")):
            return x
        at = repr((s["tensor"], s.get("device"), grad, parameter, view))
        found = self.made.get(at)
        if found is None:
            if s.get("complex"):
                if x.dtype is not float64 or x.shape[-1:] != (2,):
                    raise ValueError(f"tensor {s['tensor']!r} is not made of pairs of float64")
                x = self.complex.setdefault(id(x), movement.view_as_complex(x))
            if view is not None:
                x = movement.as_strided(x, *_geometry(view, x))
            if grad and not x.dtype.differentiable:
                raise ValueError(f"tensor {s['tensor']!r} of type {x.dtype.name} cannot require a gradient")
            found = self.made[at] = Parameter(x, bool(grad)) if parameter else x.detach().requires_grad_(bool(grad))
        return found

    def tensor(self, key: str, where: str) -> Tensor:
        """A tensor where it belongs; the same object each time it is mentioned."""
        found = self.placed.get((key, where))
        if found is None:
            if key not in self.tensors:
                raise ValueError(f"there is no tensor {key!r}")
            found = self.placed[key, where] = self.place(self.tensors[key], str(_device(where)))
        return found


def _geometry(view: Any, x: Tensor) -> tuple[tuple, tuple, int]:
    """Shape, strides and offset of a view, checked: all its elements lie in ``x``."""
    shape, strides, offset = view
    numbers = [*shape, *strides, offset]
    if len(shape) != len(strides) or not all(type(n) is int and 0 <= n < 1 << 62 for n in numbers) or 0 in shape:
        raise ValueError(f"{view} is no shape, strides and offset")
    if offset + sum((n - 1) * s for n, s in zip(shape, strides, strict=True)) >= x.numel():
        raise ValueError(f"the view {view} leaves its tensor of {x.numel()} elements")
    return tuple(shape), tuple(strides), offset


def _device(name: Any) -> device:
    try:
        return device(name + "")
    except RuntimeError as e:
        raise ValueError(e) from None
