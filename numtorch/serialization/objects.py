"""Makes objects of the inert records of a pickle: tensors, containers and numbers; and, where the user trusts the file,
objects of classes that can be imported.

The functions that a record may name stand in ``_MAKERS``, each with what it does here. No other function is called,
unless the user has allowed it by name (``add_safe_globals``).
"""

from __future__ import annotations

import enum
import math
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable
from pathlib import Path, PurePath
from typing import Any

import numpy as np

import numtorch.dtype as dtypes
from numtorch import layouts
from numtorch._tensor import LARGEST, Tensor, fresh, view
from numtorch.device import device
from numtorch.dtype import dtype
from numtorch.errors import UnknownGlobal
from numtorch.nn.parameter import Buffer, Parameter
from numtorch.ops import complex_numbers, creation, movement
from numtorch.ops.sparse import making
from numtorch.serialization import globals
from numtorch.serialization.opcodes import MAX_DEPTH, Broken, Call, Global, Pairs, Persistent
from numtorch.storage import Size, contiguous_strides
from numtorch.untyped_storage import TypedStorage

_STORAGES = {f"{d.scalar}Storage": d for d in dtypes.ALL}
_MAX_NDIM = 64
_FACTORIES = {f"builtins.{t.__name__}": t for t in (bool, dict, float, int, list, set, str, tuple)}
_PLAIN = "?bBhHiIlLqQefdFDSU"  # the characters of NumPy's types that hold no objects


class Stored:
    """The memory of tensors, as a file names it: which, of what type, where, and how many elements."""

    __slots__ = ("dtype", "key", "n", "where")

    def __init__(self, found: Any):
        if not (isinstance(found, tuple) and len(found) >= 5 and found[0] == "storage"):
            raise Broken("a reference is not one to the memory of a tensor")
        _, kind, self.key, self.where, self.n = found[:5]
        name = kind.name if isinstance(kind, Global) and kind.module.partition(".")[0] == "torch" else None
        if name != "UntypedStorage" and name not in _STORAGES:
            raise Broken(f"{kind} is no type of memory that is known")
        self.dtype = _STORAGES.get(str(name), dtypes.uint8)
        if not (isinstance(self.key, str) and isinstance(self.where, str) and _is_size(self.n)):
            raise Broken("a reference to the memory of a tensor is damaged")


def _is_size(n: Any) -> bool:
    return type(n) is int and 0 <= n < 1 << 62


class Maker:
    """Makes the object of a record.

    Args:
        memory: gives the elements that a ``Stored`` names, always the same tensor for a key.
        weights_only: refuse classes that are not known or allowed.
        where: the file, for errors.
    """

    def __init__(self, memory: Callable[[Stored], Tensor], weights_only: bool, where: Any):
        self.memory, self.weights_only, self.where = memory, weights_only, where
        self.made: dict[int, Any] = {}  # by the number of the record
        self.typed: dict[tuple[str, dtype], Tensor] = {}
        self.stores: dict[int, Stored] = {}
        self.kept: list = []  # records made here, whose numbers must stay their own
        self.depth = 0

    def value(self, x: Any) -> Any:
        """The object of a record; Broken, or UnknownGlobal, if there can be none."""
        kind = x.__class__
        make = _KINDS.get(kind)
        if make is None:
            return x
        if id(x) in self.made:
            found = self.made[id(x)]
            if found is _UNFINISHED:
                raise Broken("an object contains itself")
            return found
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Broken("the object is nested too deeply")
        self.made[id(x)] = _UNFINISHED
        found = self.made[id(x)] = make(self, x)
        self.depth -= 1
        return found

    def _list(self, x: list) -> list:
        found: list = []
        self.made[id(x)] = found  # a list may contain itself
        found.extend([self.value(v) for v in x])
        return found

    def _tuple(self, x: tuple) -> tuple:
        return tuple([self.value(v) for v in x])

    def _dict(self, x: Pairs) -> dict:
        found: dict = {}
        self.made[id(x)] = found
        return self._filled(found, x.pairs)

    def _filled(self, into: Any, pairs: list) -> Any:
        for k, v in pairs:
            into[self.key(k)] = self.value(v)
        return into

    def key(self, k: Any) -> Any:
        """A key of a dict or an item of a set."""
        found = self.value(k) if _is_key(k, 3) else {}
        try:
            hash(found)
        except TypeError:
            raise Broken("a key of a dict is neither a number nor a text") from None
        return found

    def _global(self, x: Global) -> Any:
        name = str(x)
        if x.module == "torch":
            found = getattr(dtypes, x.name, None)
            if isinstance(found, dtype):
                return found
        found = globals.allowed(name)
        if found is None and not self.weights_only:
            found = globals.imported(x.module, x.name)
        if found is None:
            raise self.unknown(name)
        return found

    def _stored(self, x: Persistent) -> Any:
        found = self.storage(x)
        data = self.memory(found)
        wrapped = data.untyped_storage()
        return wrapped if _is_untyped(x) else TypedStorage(wrap_storage=wrapped, dtype=found.dtype)

    def _call(self, x: Call) -> Any:
        if not isinstance(x.function, Global) or not isinstance(x.arguments, tuple):
            raise Broken("something that is no function is called")
        name = str(x.function)
        make = _MAKERS.get(name)
        if make is not None:
            return make(self, x)
        found = globals.allowed(name)
        if found is not None:
            return self._as_allowed(found, x)
        if self.weights_only:
            raise self.unknown(name)
        found = globals.imported(x.function.module, x.function.name)
        if found is None:
            raise self.unknown(name)
        return self._of_class(found, x, name)

    def _as_allowed(self, found: Any, x: Call) -> Any:
        """What the user has vouched for is called, as a pickle would call it."""
        arguments = [self.value(v) for v in x.arguments]
        made = found.__new__(found, *arguments) if x.new else found(*arguments)
        return self._completed(made, x)

    def _of_class(self, cls: Any, x: Call, name: str) -> Any:
        """An object of a class that can be imported, without a call of its constructor."""
        arguments = [self.value(v) for v in x.arguments]
        if isinstance(cls, type) and issubclass(cls, enum.Enum) and len(arguments) == 1:
            return cls(arguments[0])
        if isinstance(cls, type) and issubclass(cls, PurePath) and all(isinstance(a, str) for a in arguments):
            return Path(*arguments)
        if name == "copyreg._reconstructor":  # how objects of protocols before 2 are made
            cls, arguments = arguments[0], []
        elif not x.new and not (isinstance(cls, type) and issubclass(cls, dict | list | set)):
            raise UnknownGlobal(
                f"{self.where}: the file wants to call {name}. A file may name classes whose objects it holds; a "
                "function it may call only if your program allows it: "
                "torch.serialization.add_safe_globals([function])"
            )
        if not isinstance(cls, type):
            raise Broken(f"{name} is no class")
        try:
            return self._completed(_bare(cls, arguments), x)
        except TypeError as e:
            raise Broken(f"an object of {name} cannot be made ({e})") from None

    def _completed(self, made: Any, x: Call) -> Any:
        """The object with the items and the state that the record gives it."""
        self.made[id(x)] = made
        for item in x.items:
            made.append(self.value(item))
        for k, v in x.pairs:
            made[self.key(k)] = self.value(v)
        if x.state is None:
            return made
        state = self.value(x.state)
        if hasattr(made, "__setstate__"):
            made.__setstate__(state)
            return made
        slots: Any = None
        if isinstance(state, tuple) and len(state) == 2:
            state, slots = state
        for fields in (state, slots):
            if fields is not None and not isinstance(fields, dict):
                raise Broken("the state of an object is no dict")
        made.__dict__.update(state or {})
        for k, v in (slots or {}).items():
            object.__setattr__(made, k, v)
        return made

    def unknown(self, name: str) -> UnknownGlobal:
        """The error for a class or function that is not made."""
        if name.startswith("torch._utils._rebuild_"):
            what = name.removeprefix("torch._utils._rebuild_").replace("_", " ")
            return UnknownGlobal(f"{self.where}: the file holds a {what}, which numtorch does not have")
        if name.startswith("torch.float8") or name.startswith("torch.") and globals.ours(*name.rsplit(".", 1)) is None:
            return UnknownGlobal(f"{self.where}: the file holds something of {name}, which numtorch does not have")
        shown = f"{self.where}: the file wants {name}, which load does not make"
        if not self.weights_only:
            return UnknownGlobal(f"{shown}: no such class can be imported. Import or define it first")
        last = name.rpartition(".")[2]
        return UnknownGlobal(
            f"{shown}: a file may name any code. If you trust {last}, allow it: "
            f"torch.serialization.add_safe_globals([{last}]). If you trust the whole file: load(..., "
            "weights_only=False), which makes objects of any class that can be imported. Best is a file of "
            "model.state_dict() alone"
        )

    # --- tensors ----------------------------------------------------------------------------------

    def storage(self, x: Any) -> Stored:
        """The memory that a record names."""
        if not isinstance(x, Persistent):
            raise Broken("a tensor has no memory")
        found = self.stores.get(id(x))
        if found is None:
            found = self.stores[id(x)] = Stored(x.id)
        return found

    def elements(self, stored: Stored, d: dtype) -> Tensor:
        """All elements of a memory, as a tensor."""
        at = stored.key, d
        found = self.typed.get(at)
        if found is None:
            found = self.memory(stored)
            if found.dtype is not d:
                found = movement.view_bits(found, dtypes.uint8)
                size = found.numel() // d.itemsize * d.itemsize
                found = movement.view_bits(movement.narrow(found, 0, 0, size), d)
            self.typed[at] = found
        return found

    def tensor(self, stored: Stored, d: dtype, offset: Any, shape: Any, strides: Any, grad: Any) -> Tensor:
        """A view of a memory; Broken if an element would lie outside it."""
        shape, strides = self.value(shape), self.value(strides)
        n = stored.n * stored.dtype.itemsize // d.itemsize
        check_geometry(offset, shape, strides, n)
        x = self.elements(stored, d)
        x = fresh(view(x, tuple(shape), tuple(strides), offset if math.prod(shape) else 0)).detach()
        return self.wanting(fresh(x), grad)

    def wanting(self, x: Tensor, grad: Any) -> Tensor:
        """The tensor with ``requires_grad`` as the file says."""
        if type(grad) is not bool or (grad and not x.dtype.differentiable):
            raise Broken(f"a tensor of type {x.dtype.name} cannot require a gradient")
        return x.requires_grad_() if grad else x


_UNFINISHED = object()
_KINDS: dict[type, Callable] = {
    list: Maker._list,
    tuple: Maker._tuple,
    Pairs: Maker._dict,
    Global: Maker._global,
    Call: Maker._call,
    Persistent: Maker._stored,
}


def check_geometry(offset: Any, shape: Any, strides: Any, n: int) -> None:
    """Broken unless offset, shape and strides describe elements among ``n``."""
    for numbers in (shape, strides):
        if not isinstance(numbers, tuple) or not all(map(_is_size, numbers)):
            raise Broken("the shape or the strides of a tensor are not sizes")
    if len(shape) != len(strides) or len(shape) > _MAX_NDIM or not _is_size(offset):
        raise Broken("shape, strides and offset of a tensor do not go together")
    if math.prod(shape) > LARGEST:
        raise Broken("a tensor has more elements than can be counted")
    if 0 not in shape and offset + sum([(k - 1) * s for k, s in zip(shape, strides, strict=True)]) >= n:
        raise Broken(f"a tensor of shape {list(shape)} leaves its memory of {n} elements")


def _is_key(k: Any, depth: int) -> bool:
    if isinstance(k, tuple):
        return depth > 0 and len(k) < 64 and all(_is_key(i, depth - 1) for i in k)
    return k is None or isinstance(k, str | bytes | int | float | Global | Call)


def _is_untyped(x: Persistent) -> bool:
    return x.id[1].name == "UntypedStorage"


def _bare(cls: type, arguments: list) -> Any:
    """A new object, by the ``__new__`` of what it is made of and not by one of the class's own."""
    bases: Any = tuple, dict, list, set, frozenset, str, int, float
    for base in bases:
        if issubclass(cls, base):
            return base.__new__(cls, *([arguments] if base is tuple else arguments))
    return object.__new__(cls)


# --- the functions that records may name ------------------------------------------------------------

_MAKERS: dict[str, Callable[[Maker, Call], Any]] = {}


def _maker(*names: str, n: tuple[int, int] | None = None) -> Callable:
    """Registers what is done for a call of one of these functions, with as many arguments."""

    def register(make: Callable) -> Callable:
        def checked(m: Maker, x: Call) -> Any:
            if n is not None and not n[0] <= len(x.arguments) <= n[1]:
                raise Broken(f"{x.function} has {len(x.arguments)} arguments")
            if n is not None and (x.items or x.pairs or x.state is not None):
                raise Broken(f"the result of {x.function} is given more")
            return make(m, x)

        for name in names:
            _MAKERS[name] = checked
        return make

    return register


@_maker("torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2", n=(4, 7))
def _rebuild_tensor(m: Maker, x: Call) -> Tensor:
    stored = m.storage(x.arguments[0])
    grad = x.arguments[4] if len(x.arguments) > 4 else False
    offset, shape, strides = x.arguments[1:4]
    made = m.tensor(stored, stored.dtype, offset, shape, strides, grad)
    marks = m.value(x.arguments[6]) if len(x.arguments) > 6 else {}
    return _marked(made, marks, stored.n)


def _marked(x: Tensor, marks: Any, n: int) -> Tensor:
    """The conjugated or negated elements, which PyTorch only marks as such."""
    if not isinstance(marks, dict) or marks.keys() - {"conj", "neg"}:
        raise Broken("a tensor has marks that are not known")
    if any(marks.values()) and x.numel() > n:
        raise Broken("a tensor has more elements than its memory")
    grad, y = x.requires_grad, x.detach()
    if marks.get("conj"):
        y = complex_numbers.conj_physical(y)
    if marks.get("neg"):
        y = -y
    return x if not any(marks.values()) else y.requires_grad_(grad)


@_maker("torch._utils._rebuild_tensor_v3", n=(7, 8))
def _rebuild_tensor_v3(m: Maker, x: Call) -> Tensor:
    d = m.value(x.arguments[6])
    if not isinstance(d, dtype):
        raise Broken("a tensor has no dtype")
    if d not in dtypes.ALL:
        raise m.unknown(str(d))
    stored = m.storage(x.arguments[0])
    made = m.tensor(stored, d, *x.arguments[1:5])
    return _marked(made, m.value(x.arguments[7]) if len(x.arguments) > 7 else {}, stored.n)


@_maker("torch._utils._rebuild_sparse_tensor", n=(2, 2))
def _rebuild_sparse(m: Maker, x: Call) -> Tensor:
    how, data = m.value(x.arguments[0]), m.value(x.arguments[1])
    if not isinstance(data, tuple) or len(data) != 4:
        raise Broken("a sparse tensor has not four parts")
    coo = how is layouts.sparse_coo
    tensors, shape = (data[:2], data[2]) if coo else (data[:3], data[3])
    if not all(isinstance(t, Tensor) for t in tensors) or not isinstance(shape, tuple) or not all(map(_is_size, shape)):
        raise Broken("the parts of a sparse tensor are no tensors and a size")
    try:
        if coo:
            marked = bool(data[3])
            return making.sparse_coo_tensor(data[0], data[1], shape, is_coalesced=marked, check_invariants=True)
        return making.sparse_compressed_tensor(data[0], data[1], data[2], shape, layout=how)
    except (RuntimeError, IndexError, TypeError) as e:
        raise Broken(f"the parts of a sparse tensor do not fit: {e}") from None


@_maker("torch._utils._rebuild_meta_tensor_no_storage", n=(4, 4))
def _rebuild_meta(m: Maker, x: Call) -> Tensor:
    d, shape, strides, grad = [m.value(a) for a in x.arguments]
    check_geometry(0, shape, strides, LARGEST)
    if d not in dtypes.ALL:
        raise Broken("a tensor has no dtype")
    base = creation.empty(shape, dtype=d, device="meta")
    made = base if strides == contiguous_strides(Size(shape)) else fresh(view(base, shape, strides))
    return m.wanting(made, grad)


@_maker("torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state", n=(2, 4))
def _rebuild_parameter(m: Maker, x: Call) -> Parameter:
    data, grad = m.value(x.arguments[0]), m.value(x.arguments[1])
    if not isinstance(data, Tensor):
        raise Broken("a parameter has no data")
    m.wanting(data.detach(), grad)
    made = Parameter(data.detach(), grad)
    if len(x.arguments) > 3:
        _attributes(made, m.value(x.arguments[3]))
    return made


def _attributes(x: Tensor, state: Any) -> None:
    """Set what a user had set on a tensor."""
    fields: dict = {}
    for part in state if isinstance(state, tuple) else (state,):
        if part is not None and not isinstance(part, dict):
            raise Broken("the attributes of a tensor are no dict")
        fields |= part or {}
    for name, value in fields.items():
        if not isinstance(name, str):
            raise Broken("an attribute of a tensor has no name")
        if not name.startswith("_") and not hasattr(type(x), name):
            x.__dict__[name] = value


@_maker("torch._tensor._rebuild_from_type_v2", "torch._tensor._rebuild_from_type", n=(4, 4))
def _rebuild_from_type(m: Maker, x: Call) -> Tensor:
    function, cls, arguments, state = x.arguments
    if not isinstance(function, Global) or not isinstance(cls, Global) or not isinstance(arguments, tuple):
        raise Broken("a tensor is not made by a function")
    inner = Call(function, arguments)
    m.kept.append(inner)
    made = m.value(inner)
    if not isinstance(made, Tensor):
        raise Broken("a tensor is not made by a function of tensors")
    state = m.value(state)
    if str(cls) not in ("torch.Tensor", "torch.nn.parameter.Parameter"):
        kind = m.value(cls)
        if not isinstance(kind, type) or not issubclass(kind, Tensor):
            raise Broken(f"{cls} is no class of tensors")
        made.__class__ = kind
    fields = state[0] if isinstance(state, tuple) and state else state
    if isinstance(fields, dict) and fields.get("_is_buffer") is True and made.__class__ is Tensor:
        made = Buffer(made, persistent=bool(fields.get("persistent", True)))
    _attributes(made, state)
    return made


@_maker("torch.Size", n=(1, 1))
def _size(m: Maker, x: Call) -> Size:
    found = m.value(x.arguments[0])
    if not isinstance(found, tuple) or not all(map(_is_size, found)):
        raise Broken("a shape is not one of sizes")
    return Size(found)


@_maker("torch.serialization._get_layout", n=(1, 1))
def _layout(m: Maker, x: Call) -> Any:
    found = getattr(layouts, str(x.arguments[0]).removeprefix("torch."), None)
    if not isinstance(found, layouts.layout):
        raise Broken(f"the layout {x.arguments[0]!r} is not known")
    return found


@_maker("torch.device", n=(1, 2))
def _device(m: Maker, x: Call) -> device:
    try:
        return device(*[m.value(a) for a in x.arguments])
    except (RuntimeError, TypeError) as e:
        raise Broken(e) from None


@_maker("collections.OrderedDict", "builtins.dict")
def _ordered_dict(m: Maker, x: Call) -> dict:
    made: dict = OrderedDict() if x.function.name == "OrderedDict" else {}
    m.made[id(x)] = made
    pairs = x.pairs
    if len(x.arguments) > 1 or x.items:
        raise Broken("a dict has arguments that are not known")
    for pair in x.arguments[0] if x.arguments and isinstance(x.arguments[0], list | tuple) else ():
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise Broken("a dict is not made of pairs")
        pairs = [*pairs, pair]
    m._filled(made, pairs)
    state = m.value(x.state)
    if state is not None:
        if (
            not isinstance(made, OrderedDict)
            or not isinstance(state, dict)
            or not all(isinstance(k, str) for k in state)
        ):
            raise Broken("the state of a dict is damaged")
        made.__dict__.update(state)
    return made


@_maker("collections.Counter", n=(0, 1))
def _counter(m: Maker, x: Call) -> Counter:
    counts = m.value(x.arguments[0]) if x.arguments else {}
    if not isinstance(counts, dict):
        raise Broken("a Counter is not made of a dict")
    return Counter(counts)


@_maker("collections.defaultdict")
def _defaultdict(m: Maker, x: Call) -> dict:
    factory = x.arguments[0] if len(x.arguments) == 1 else None
    if factory is not None and str(factory) not in _FACTORIES:
        raise m.unknown(str(factory))
    made: dict = defaultdict(None if factory is None else _FACTORIES[str(factory)])
    m.made[id(x)] = made
    return m._filled(made, x.pairs)


@_maker("builtins.set", "builtins.frozenset", n=(0, 1))
def _set(m: Maker, x: Call) -> Any:
    items = x.arguments[0] if x.arguments else []
    if not isinstance(items, list | tuple):
        raise Broken("a set is not made of a list")
    return (set if x.function.name == "set" else frozenset)(m.key(i) for i in items)


def _numbers(m: Maker, x: Call, *kinds: type) -> list:
    found = [m.value(a) for a in x.arguments]
    if not all(a is None or type(a) in kinds for a in found):
        raise Broken(f"{x.function} has arguments that are no numbers")
    return found


@_maker("builtins.complex", n=(2, 2))
def _complex(m: Maker, x: Call) -> complex:
    real, imaginary = _numbers(m, x, float, int)
    return complex(real or 0, imaginary or 0)


@_maker("builtins.slice", n=(3, 3))
def _slice(m: Maker, x: Call) -> slice:
    return slice(*_numbers(m, x, int))


@_maker("builtins.range", n=(3, 3))
def _range(m: Maker, x: Call) -> range:
    found = _numbers(m, x, int)
    if None in found or not found[2]:
        raise Broken("a range has no step")
    return range(*found)


@_maker("_codecs.encode", n=(2, 2))
def _encode(m: Maker, x: Call) -> bytes:
    text, coding = x.arguments
    if not isinstance(text, str) or coding not in ("latin1", "latin-1"):
        raise Broken("bytes are not given as text")
    try:
        return text.encode("latin1")
    except UnicodeEncodeError:
        raise Broken("bytes are given as text of other characters") from None


@_maker("builtins.bytearray", "builtins.bytes", n=(0, 2))
def _bytes(m: Maker, x: Call) -> Any:
    found = m.value(x.arguments[0]) if x.arguments else b""
    if isinstance(found, str) and x.arguments[1:] in (("latin1",), ("latin-1",)):
        found = found.encode("latin1", "replace")
    if not isinstance(found, bytes | bytearray):
        raise Broken("bytes are not given as bytes")
    return bytearray(found) if x.function.name == "bytearray" else bytes(found)


# --- NumPy's arrays and numbers: bytes of a plain type ---------------------------------------------


@_maker("numpy.dtype")
def _numpy_dtype(m: Maker, x: Call) -> np.dtype:
    name = m.value(x.arguments[0]) if x.arguments else None
    state = x.state
    order: Any = state[1] if isinstance(state, tuple) and len(state) > 1 and state[1] in ("<", ">") else "="
    try:
        found = np.dtype(name if isinstance(name, str) and len(name) < 16 else "O").newbyteorder(order)
    except (TypeError, ValueError, SyntaxError, OverflowError):
        raise Broken("a NumPy type has no name") from None
    if found.char not in _PLAIN:
        raise Broken(f"the NumPy type {found} may hold objects; numbers and texts are read")
    return found


@_maker(*[f"numpy.{core}.multiarray.scalar" for core in ("core", "_core")], n=(2, 2))
def _numpy_scalar(m: Maker, x: Call) -> Any:
    d, data = [m.value(a) for a in x.arguments]
    return _numpy_array(d, data, ())[()]


def _numpy_array(d: Any, data: Any, shape: Any, columns: Any = False) -> np.ndarray:
    if not isinstance(d, np.dtype) or not isinstance(data, bytes | bytearray):
        raise Broken("a NumPy array has no type, or no bytes")
    if not isinstance(shape, tuple) or not all(map(_is_size, shape)) or len(shape) > _MAX_NDIM:
        raise Broken("the shape of a NumPy array is damaged")
    if math.prod(shape) * d.itemsize != len(data):
        raise Broken(f"a NumPy array of shape {list(shape)} has {len(data)} bytes")
    if not d.itemsize or not data:
        return np.empty(shape, d)
    return np.frombuffer(data, d).reshape(shape, order="F" if columns else "C").copy()


@_maker(*[f"numpy.{core}.multiarray._reconstruct" for core in ("core", "_core")])
def _numpy_reconstruct(m: Maker, x: Call) -> np.ndarray:
    if not x.arguments or str(x.arguments[0]) != "numpy.ndarray" or x.items or x.pairs:
        raise Broken("an array of a class of its own is not read")
    state = m.value(x.state)
    if not isinstance(state, tuple) or len(state) != 5:
        raise Broken("the state of a NumPy array is damaged")
    _, shape, d, columns, data = state
    return _numpy_array(d, data, shape, columns)


def unsafe(record: Any) -> list[str]:
    """The full names in a pickle that ``load`` makes nothing of unless they are allowed."""
    found, seen, todo = set(), set(), [record]
    while todo:
        x = todo.pop()
        if id(x) in seen:
            continue
        seen.add(id(x))
        if isinstance(x, Global):
            name = str(x)
            known = name in _MAKERS or name in _FACTORIES or (x.module == "torch" and x.name in dtypes._BY_NAME)
            if not known and x.name not in _STORAGES and not name.endswith(("UntypedStorage", "torch.Tensor")):
                found.add(name)
        elif isinstance(x, Call):
            todo += [x.function, x.arguments, x.state, *x.items, *x.pairs]
        elif isinstance(x, Pairs):
            todo += x.pairs
        elif isinstance(x, Persistent):
            todo.append(x.id)
        elif isinstance(x, list | tuple):
            todo += x
    return sorted(name for name in found if globals.allowed(name) is None)
