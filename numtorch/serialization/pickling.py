"""Writes an object as a pickle of protocol 2, as ``torch.save`` would: tensors as views of memories outside it.

numtorch's classes and functions have PyTorch's names in it. A state dict becomes what PyTorch reads with
``weights_only=True``; other objects are written as Python's ``pickle`` writes them.
"""

from __future__ import annotations

import copyreg
import io
import pickle
import struct
import sys
from collections import OrderedDict
from collections.abc import Iterable
from types import BuiltinFunctionType, FunctionType
from typing import Any

import numpy as np

import numtorch.dtype as dtypes
from numtorch._sparse import SparseTensor
from numtorch._tensor import Tensor, make, shared_storage
from numtorch.copying import attributes
from numtorch.device import CPU, device
from numtorch.dtype import dtype
from numtorch.layouts import layout, sparse_coo
from numtorch.nn.parameter import Buffer, Parameter
from numtorch.nn.registry import Registry
from numtorch.ops import movement
from numtorch.serialization import globals
from numtorch.storage import Size, Storage, kind, whole
from numtorch.untyped_storage import TypedStorage, UntypedStorage

_BATCH = 1000  # items between a mark and the opcode that takes them, as pickle has them
_SIMPLE = {int, float, bool, str, type(None)}
_PYTHON2 = {"builtins": "__builtin__", "copyreg": "copy_reg"}
_WITHOUT_STORAGE = {*dtypes.UNSIGNED}  # PyTorch has no class of memory for these types


class Memory:
    """Elements that a file holds once: of a storage, of a type, on a device."""

    def __init__(self, key: int, data: Any, d: dtype, where: device):
        self.key, self.data, self.dtype, self.where = key, data, d, where
        self.untyped = d in _WITHOUT_STORAGE
        self.n = data.size


def as_bytes(memory: Memory) -> memoryview:
    """The elements of a memory on the CPU, as bytes."""
    data = memory.data
    if memory.where is not CPU:
        data = movement.to(make(data, (memory.n,), kind(memory.dtype, memory.where)), "cpu")._buf
    return np.ascontiguousarray(data).view(np.uint8).data


class Pickler:
    """Takes an object apart; ``memories`` are those that its tensors are views of."""

    def __init__(self) -> None:
        self.out = io.BytesIO()
        self.write = self.out.write
        self.memo: dict[Any, int] = {}
        self.kept: list = []  # so that the numbers of temporary objects stay their own
        self.memories: list[Memory] = []
        self.keys: dict[Any, int] = {}

    def dumps(self, obj: Any) -> bytes:
        """The pickle of an object."""
        self.write(b"\x80\x02")
        self.save(obj)
        self.write(b".")
        return self.out.getvalue()

    # --- opcodes --------------------------------------------------------------------------------------

    def put(self, key: Any) -> None:
        """Remember what is on the stack."""
        n = self.memo[key] = len(self.memo)
        self.write(b"q" + bytes((n,)) if n < 256 else b"r" + n.to_bytes(4, "little"))

    def get(self, key: Any) -> bool:
        """Put on the stack what is remembered, if it is."""
        n = self.memo.get(key)
        if n is None:
            return False
        self.write(b"h" + bytes((n,)) if n < 256 else b"j" + n.to_bytes(4, "little"))
        return True

    def name(self, module: str, name: str) -> None:
        """A class or a function."""
        if not self.get((module, name)):
            self.write(f"c{_PYTHON2.get(module, module)}\n{name}\n".encode())
            self.put((module, name))

    def call(self, module: str, name: str, *arguments: Any) -> None:
        """The result of a function of these arguments."""
        self.name(module, name)
        self.sequence(arguments)
        self.write(b"R")

    def text(self, value: str) -> None:
        if not self.get(("", value)):
            data = value.encode("utf-8", "surrogatepass")
            self.write(b"X" + len(data).to_bytes(4, "little") + data)
            self.put(("", value))

    def sequence(self, items: tuple) -> None:
        """A tuple that nothing else refers to."""
        if 0 < len(items) < 4:
            for item in items:
                self.save(item)
            self.write((b"\x85", b"\x86", b"\x87")[len(items) - 1])
        elif not items:
            self.write(b")")
        else:
            self.write(b"(")
            for item in items:
                self.save(item)
            self.write(b"t")

    def items(self, items: Iterable) -> None:
        """Append to the list on the stack."""
        items = list(items)
        for i in range(0, len(items), _BATCH):
            part = items[i : i + _BATCH]
            if len(part) > 8 and set(map(type, part)) <= _SIMPLE:
                # Python's own pickler is faster, and leaves no memo behind.
                plain = io.BytesIO()
                pickler = pickle.Pickler(plain, 2)
                pickler.fast = True
                pickler.dump(part)
                self.write(plain.getvalue()[3:-1])  # without PROTO, the empty list and STOP
                continue
            self.write(b"(")
            for item in part:
                self.save(item)
            self.write(b"e")

    def pairs(self, pairs: Iterable) -> None:
        """Put into the dict on the stack."""
        pairs = list(pairs)
        for i in range(0, len(pairs), _BATCH):
            self.write(b"(")
            for k, v in pairs[i : i + _BATCH]:
                self.save(k)
                self.save(v)
            self.write(b"u")

    # --- values ---------------------------------------------------------------------------------------

    def save(self, value: Any) -> None:
        """Any object."""
        cls = value.__class__
        writer = _WRITERS.get(cls)
        if writer is not None:
            writer(self, value)
        elif not self.get(id(value)):
            self._other(value, cls)

    def _other(self, value: Any, cls: type) -> None:
        if isinstance(value, np.bool_ | np.integer | np.floating):
            self.save(value.item())
        elif isinstance(value, Tensor):
            self._tensor(value)
            self.remember(value)
        elif isinstance(value, TypedStorage | UntypedStorage):
            d = value.dtype if isinstance(value, TypedStorage) else dtypes.uint8
            bytes_ = value.untyped() if isinstance(value, TypedStorage) else value
            self._persistent(self.key(id(bytes_), bytes_._array().view(d.storage), d, CPU), untyped=d is dtypes.uint8)
        elif isinstance(value, type | FunctionType | BuiltinFunctionType):
            self._named(value, value.__qualname__)
        else:
            self._reduced(value, cls)

    def remember(self, value: Any) -> None:
        """Let further references to an object be to this one."""
        self.kept.append(value)
        self.put(id(value))

    def _number(self, value: int) -> None:
        if 0 <= value < 1 << 8:
            self.write(b"K" + bytes((value,)))
        elif 0 <= value < 1 << 16:
            self.write(b"M" + value.to_bytes(2, "little"))
        elif -(1 << 31) <= value < 1 << 31:
            self.write(b"J" + value.to_bytes(4, "little", signed=True))
        else:
            data = value.to_bytes((value.bit_length() >> 3) + 1, "little", signed=True)
            head = b"\x8a" + bytes((len(data),)) if len(data) < 256 else b"\x8b" + len(data).to_bytes(4, "little")
            self.write(head + data)

    def _bytes(self, value: bytes) -> None:
        if not self.get(id(value)):
            self.call("_codecs", "encode", value.decode("latin1"), "latin1")
            self.remember(value)

    def _any_tuple(self, value: tuple) -> None:
        if not value:
            self.write(b")")
        elif not self.get(id(value)):
            self.sequence(value)
            self.remember(value)

    def _list(self, value: list) -> None:
        if not self.get(id(value)):
            self.write(b"]")
            self.remember(value)
            self.items(value)

    def _dict(self, value: dict) -> None:
        if not self.get(id(value)):
            self.write(b"}")
            self.remember(value)
            self.pairs(value.items())

    def _ordered_dict(self, value: OrderedDict) -> None:
        if not self.get(id(value)):
            self.call("collections", "OrderedDict")
            self.remember(value)
            self.pairs(value.items())
            if value.__dict__:
                self._dict(dict(value.__dict__))
                self.write(b"b")

    def _set(self, value: Any) -> None:
        if not self.get(id(value)):
            self.call("builtins", type(value).__name__, list(value))
            self.remember(value)

    def _dtype(self, value: dtype) -> None:
        self.name("torch", value.name)

    def _device(self, value: device) -> None:
        self.call("torch", "device", value.type, *(() if value.index is None else (value.index,)))

    def _size(self, value: Size) -> None:
        self.call("torch", "Size", tuple(value))

    def _layout(self, value: layout) -> None:
        self.call("torch.serialization", "_get_layout", str(value))

    def _named(self, value: Any, name: str) -> None:
        """A class or a function by its name, if it is found there."""
        module = pickle.whichmodule(value, name)  # type: ignore[attr-defined]
        found = sys.modules.get(module)
        for part in name.split("."):
            found = getattr(found, part, None)
        if found is not value:
            raise pickle.PicklingError(
                f"Can't pickle {value!r}: it is not found as {module}.{name}. Code is not saved: a file names the "
                "classes and functions that it needs, and they must stand in a module by these names"
            )
        theirs = globals.theirs(module, name)
        if theirs.startswith("torch") and "." in name:
            raise pickle.PicklingError(f"Can't pickle {value!r}, which is inside another class")
        self.name(theirs, name)

    def _reduced(self, value: Any, cls: type) -> None:
        """An object as Python's pickle takes it apart."""
        reducer = copyreg.dispatch_table.get(cls)
        made = reducer(value) if reducer is not None else value.__reduce_ex__(2)
        if isinstance(made, str):
            self._named(value, made)
            return
        function, arguments, state, items, pairs = (*made, None, None, None)[:5]
        if getattr(function, "__name__", "") == "__newobj__":
            self.save(arguments[0])
            self.sequence(tuple(arguments[1:]))
            self.write(b"\x81")
        else:
            self.save(function)
            self.sequence(tuple(arguments))
            self.write(b"R")
        self.remember(value)
        if items is not None:
            self.items(items)
        if pairs is not None:
            self.pairs(pairs)
        if state is not None:
            self.kept.append(state)
            self.save(state)
            self.write(b"b")

    # --- tensors --------------------------------------------------------------------------------------

    def _tensor(self, x: Tensor) -> None:
        if isinstance(x, SparseTensor):
            self._sparse(x)
            return
        cls, state = x.__class__, attributes(x)
        if cls is Parameter:
            data = x.detach()
            self.kept.append(data)
            name = "_rebuild_parameter_with_state" if state else "_rebuild_parameter"
            self.call("torch._utils", name, data, x.requires_grad, OrderedDict(), *([state] if state else []))
            return
        function, arguments = self._rebuilt(x)
        if cls is Tensor and not state:
            self.name("torch._utils", function)
            self._arguments(arguments)
            self.write(b"R")
            return
        if cls is Buffer:
            cls, state = Tensor, {**state, "persistent": vars(x)["persistent"], "_is_buffer": True}
        self.name("torch._tensor", "_rebuild_from_type_v2")
        self.write(b"(")
        self.name("torch._utils", function)
        if cls is Tensor:
            self.name("torch", "Tensor")
        else:
            self._named(cls, cls.__qualname__)
        self._arguments(arguments)
        self.kept.append(state)
        self.save(state)
        self.write(b"tR")

    def _sparse(self, x: SparseTensor) -> None:
        parts: tuple
        if x.layout is sparse_coo:
            parts = (x.rows, x.elements, x.shape, x.coalesced)
        else:
            parts = (x.bounds, x.places, x.elements, x.shape)
        self.kept.append(parts)
        self.call("torch._utils", "_rebuild_sparse_tensor", x.layout, parts)

    def _rebuilt(self, x: Tensor) -> tuple[str, tuple]:
        """PyTorch's function that makes the tensor, and its arguments."""
        grad, shape, strides = x.requires_grad, tuple(x.shape), tuple(x.strides)
        if x.device.type == "meta":
            return "_rebuild_meta_tensor_no_storage", (x.dtype, shape, strides, grad)
        memory = self.memory(x)
        rest: tuple = (x._offset, shape, strides, grad, OrderedDict())
        if memory.dtype is x.dtype and not memory.untyped:
            return "_rebuild_tensor_v2", (memory, *rest)
        return "_rebuild_tensor_v3", (memory, *rest, x.dtype)

    def _arguments(self, arguments: tuple) -> None:
        self.write(b"(")
        for a in arguments:
            if isinstance(a, Memory):
                self._persistent(a, untyped=len(arguments) > 6)
            else:
                self.kept.append(a)
                self.save(a)
        self.write(b"t")

    def memory(self, x: Tensor) -> Memory:
        """The memory that a tensor is a view of."""
        storage: Storage = whole(shared_storage(x))
        self.kept.append(storage)
        data, d = storage.data, x.dtype
        if data.dtype != d.storage:  # a view of elements of another type
            d = next(t for t in dtypes.ALL if t.storage == data.dtype)
        return self.key(id(storage), data, d, x.device)

    def key(self, owner: Any, data: Any, d: dtype, where: device) -> Memory:
        """The memory of a storage, always the same one."""
        if owner not in self.keys:
            self.keys[owner] = len(self.memories)
            self.memories.append(Memory(len(self.memories), data, d, where))
            self.kept.append(data)
        return self.memories[self.keys[owner]]

    def _persistent(self, memory: Memory, untyped: bool) -> None:
        self.write(b"(")
        self.text("storage")
        if untyped:
            self.name("torch.storage", "UntypedStorage")
        else:
            self.name("torch", f"{memory.dtype.scalar}Storage")
        self.text(str(memory.key))
        self.text(str(memory.where))
        self._number(memory.n * memory.dtype.itemsize if untyped else memory.n)
        self.write(b"tQ")


_WRITERS: dict[type, Any] = {
    type(None): lambda p, value: p.write(b"N"),
    bool: lambda p, value: p.write(b"\x88" if value else b"\x89"),
    int: Pickler._number,
    float: lambda p, value: p.write(struct.pack(">cd", b"G", value)),
    complex: lambda p, value: p.call("builtins", "complex", value.real, value.imag),
    str: Pickler.text,
    bytes: Pickler._bytes,
    bytearray: lambda p, value: p.call("builtins", "bytearray", bytes(value)),
    tuple: Pickler._any_tuple,
    list: Pickler._list,
    dict: Pickler._dict,
    Registry: Pickler._dict,
    OrderedDict: Pickler._ordered_dict,
    set: Pickler._set,
    frozenset: Pickler._set,
    dtype: Pickler._dtype,
    device: Pickler._device,
    Size: Pickler._size,
    layout: Pickler._layout,
}
