"""The C structures of DLPack 1.x, and the capsules around them. Loaded when the first capsule is made or taken.

A *capsule* is a Python object around a C structure that says where elements are, of which type, and whom to tell when
they are needed no more. ``dltensor`` capsules hold the structure of DLPack 0.x, ``dltensor_versioned`` that of 1.x. Who
consumes a capsule renames it, so that it is consumed once. https://dmlc.github.io/dlpack/latest/
"""

from __future__ import annotations

import atexit
import ctypes
from typing import Any

import numpy as np

from numtorch._tensor import Tensor, empty, make
from numtorch.device import CPU
from numtorch.dtype import ALL, bfloat16, dtype
from numtorch.dtype import bool as BOOL
from numtorch.kernels import launch
from numtorch.storage import Size, Storage, contiguous_strides, is_contiguous, kind

VERSION = (1, 1)  # of the structures below
READ_ONLY, COPIED = 1, 2  # flags

_INT, _UINT, _FLOAT, _BFLOAT, _COMPLEX, _BOOL = 0, 1, 2, 4, 5, 6
_CODES = {
    d: (
        _BOOL
        if d is BOOL
        else _BFLOAT
        if d is bfloat16
        else _FLOAT
        if d.is_floating_point
        else _COMPLEX
        if d.is_complex
        else _INT
        if d.is_signed
        else _UINT,
        8 * d.itemsize,
    )
    for d in ALL
}
_DTYPES = {code: d for d, code in _CODES.items()}
_CODE_NAMES = {0: "int", 1: "uint", 2: "float", 3: "opaque", 4: "bfloat", 5: "complex", 6: "bool"}


class _Device(ctypes.Structure):
    _fields_ = [("type", ctypes.c_int32), ("index", ctypes.c_int32)]


class _DataType(ctypes.Structure):
    _fields_ = [("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16)]


class _Array(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("device", _Device),
        ("ndim", ctypes.c_int32),
        ("dtype", _DataType),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    ]


class _Legacy(ctypes.Structure):
    """What a ``dltensor`` capsule points to."""

    _fields_ = [("array", _Array), ("context", ctypes.c_void_p), ("deleter", ctypes.c_void_p)]


class _Version(ctypes.Structure):
    _fields_ = [("major", ctypes.c_uint32), ("minor", ctypes.c_uint32)]


class _Versioned(ctypes.Structure):
    """What a ``dltensor_versioned`` capsule points to."""

    _fields_ = [
        ("version", _Version),
        ("context", ctypes.c_void_p),
        ("deleter", ctypes.c_void_p),
        ("flags", ctypes.c_uint64),
        ("array", _Array),
    ]


_FORMS: dict[bytes, Any] = {b"dltensor": _Legacy, b"dltensor_versioned": _Versioned}


def _c(name: str, result: Any, *arguments: Any) -> Any:
    """A function of Python's C interface."""
    return ctypes.PYFUNCTYPE(result, *arguments)((name, ctypes.pythonapi))


_new_capsule = _c("PyCapsule_New", ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
_is_valid = _c("PyCapsule_IsValid", ctypes.c_int, ctypes.py_object, ctypes.c_char_p)
_pointer = _c("PyCapsule_GetPointer", ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)
_rename = _c("PyCapsule_SetName", ctypes.c_int, ctypes.py_object, ctypes.c_char_p)
# In a destructor nobody refers to the capsule any more: it is an address there.
_dying_is_valid = _c("PyCapsule_IsValid", ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p)
_dying_pointer = _c("PyCapsule_GetPointer", ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)
_keep_forever = _c("Py_IncRef", None, ctypes.py_object)
_DELETER = ctypes.CFUNCTYPE(None, ctypes.c_void_p)  # takes the GIL: consumers call it from any thread

# What consumers hold: by the structure's address the structure, its numbers and the tensor.
_given: dict[int, tuple] = {}


@_DELETER
def _release(address: int | None, given: dict = _given) -> None:
    """The deleter of every structure that is given away."""
    given.pop(address, None)  # type: ignore[call-overload]


@ctypes.PYFUNCTYPE(None, ctypes.c_void_p)
def _forget(capsule: int, given: dict = _given, valid: Any = _dying_is_valid, pointer: Any = _dying_pointer) -> None:
    """The destructor of our capsules: one that was never consumed still owns its structure."""
    for name in (b"dltensor", b"dltensor_versioned"):
        if valid(capsule, name):
            given.pop(pointer(capsule, name), None)


class _Ending:
    """Whether the interpreter is about to end: from then on no deleter may be Python code."""

    now = False


def _leave(held: tuple) -> None:
    """Let a structure and its elements stay until the process ends; consumers find no deleter to call."""
    held[0].deleter = None
    _keep_forever(held)


@atexit.register
def _end() -> None:
    _Ending.now = True
    for held in _given.values():
        _leave(held)


for _callback in (_release, _forget):  # a capsule may outlive this module
    _keep_forever(_callback)
_ADDRESS = ctypes.cast(_release, ctypes.c_void_p).value
_NAMES = {form: ctypes.c_char_p(name) for name, form in _FORMS.items()}  # C keeps the pointer: they stay
for _name in _NAMES.values():
    _keep_forever(_name)
_USED = {name: ctypes.c_char_p(b"used_" + name) for name in _FORMS}
for _name in _USED.values():
    _keep_forever(_name)


def capsule_of(x: Tensor, place: tuple[int, int], versioned: bool, copied: bool) -> Any:
    """A capsule over the elements of a tensor, which are at this place."""
    form = _Versioned if versioned else _Legacy
    n = max(x.ndim, 1)
    shape, strides = (ctypes.c_int64 * n)(*x.shape), (ctypes.c_int64 * n)(*x.strides)
    made = form()
    array = made.array
    buf = x._buf
    if x.device.type == "cpu":
        array.data = buf.ctypes.data if buf.size else None
    else:
        array.data = buf.__cuda_array_interface__["data"][0] if buf.size else None
    array.device = _Device(*place)
    array.ndim = x.ndim
    array.dtype = _DataType(*_CODES[x.dtype], 1)
    array.shape, array.strides = shape, strides
    if form is _Versioned:
        made.version = _Version(*VERSION)
        made.flags = COPIED if copied else 0
    made.deleter = _ADDRESS
    address = ctypes.addressof(made)
    held = _given[address] = (made, shape, strides, buf, x)
    if _Ending.now:
        _leave(held)
    return _new_capsule(address, _NAMES[form], ctypes.cast(_forget, ctypes.c_void_p))


class _Taken:
    """The elements of a structure that another library gave, until nobody refers to them."""

    def __init__(self, structure: Any, address: int):
        self.structure, self.address = structure, address

    def __del__(self, deleter: Any = _DELETER) -> None:
        if self.structure.deleter:
            deleter(self.structure.deleter)(self.address)


def taken(capsule: Any, local: Any) -> tuple[Any, dtype, bool]:
    """Consumes a capsule: the elements, as an array (of bits, for the half types) or as a tensor on a GPU; their type;
    whether they are a copy that nobody else has. ``local`` says which device DLPack's numbers mean."""
    name = next((n for n in _FORMS if _is_valid(capsule, n)), None)
    if name is None:
        if any(_is_valid(capsule, used.value) for used in _USED.values()):
            raise RuntimeError(
                "from_dlpack received an invalid capsule. Note that DLTensor capsules can be consumed only once, so "
                "you might have already constructed a tensor from it once."
            )
        raise TypeError(
            "from_dlpack(): expected an object with a __dlpack__ method, or a DLPack capsule, not "
            f"{type(capsule).__name__}"
        )
    address = _pointer(capsule, name)
    found = _FORMS[name].from_address(address)
    flags = 0
    if name == b"dltensor_versioned":
        if found.version.major != VERSION[0]:
            raise BufferError(
                f"from_dlpack: DLPack {found.version.major}.{found.version.minor} is not known here, but 1.x is; the "
                "producer must respect max_version"
            )
        flags = found.flags
    a = found.array
    place = local(a.device.type, a.device.index)
    code, bits, lanes = a.dtype.code, a.dtype.bits, a.dtype.lanes
    d = _DTYPES.get((code, bits))
    if d is None or lanes != 1:
        raise BufferError(
            f"from_dlpack: there are no tensors of DLPack's type {_CODE_NAMES.get(code, f'number {code}, ')}{bits} "
            f"with {lanes} lanes"
        )
    shape = Size(a.shape[: a.ndim]) if a.ndim else Size()
    strides = tuple(a.strides[: a.ndim]) if a.ndim and a.strides else contiguous_strides(shape)
    _rename(capsule, _USED[name])
    owner: Any = _Taken(found, address)
    if 0 in shape or not a.data:
        return empty(shape, d, place) if place is not CPU else np.empty(shape, d.storage), d, True
    interface = {
        "version": 3,
        "shape": shape,
        "typestr": d.storage.str,
        "data": (a.data + a.byte_offset, bool(flags & READ_ONLY)),
        "strides": tuple(s * d.itemsize for s in strides),
    }
    if place is CPU:
        owner.__array_interface__ = interface
        return np.asarray(owner), d, bool(flags & COPIED)
    # Tensors have flat buffers: the one that begins at the first element and ends at the last.
    extent = 1 + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
    owner.__cuda_array_interface__ = {**interface, "shape": (extent,), "strides": None}
    t = make(launch.cuda.as_cuda_array(owner), shape, kind(d, place, is_contiguous(shape, strides)))
    t._storage = Storage(t._buf)
    if not t._k.contiguous:
        t._strides = strides
    return t, d, bool(flags & COPIED)
