"""Kinds of types, promotion between types of one kind, and conversion of operands."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from functools import cache
from typing import Any

import numtorch as torch
from numtorch import bool as bool
from numtorch import complex64 as complex64
from numtorch import complex128 as complex128
from numtorch import float32 as float32
from numtorch import float64 as float64
from numtorch import int8 as int8
from numtorch import int16 as int16
from numtorch import int32 as int32
from numtorch import int64 as int64
from numtorch import uint8 as uint8
from numtorch import uint16 as uint16
from numtorch import uint32 as uint32
from numtorch import uint64 as uint64

Tensor = torch.Tensor
SIGNED = (int8, int16, int32, int64)
UNSIGNED = (uint8, uint16, uint32, uint64)
WIDE = (uint16, uint32, uint64)  # that few of numtorch's functions compute
FLOATING = (float32, float64, torch.float16, torch.bfloat16)  # the last two are beyond the standard
COMPLEX = (complex64, complex128)
KINDS: dict[str, tuple] = {
    "bool": (bool,),
    "signed integer": SIGNED,
    "unsigned integer": UNSIGNED,
    "integral": (*SIGNED, *UNSIGNED),
    "real floating": FLOATING,
    "complex floating": COMPLEX,
    "numeric": (*SIGNED, *UNSIGNED, *FLOATING, *COMPLEX),
}
# What functions take.
GROUPS: dict[str, tuple] = {
    "any": (bool, *KINDS["numeric"]),
    "numeric": KINDS["numeric"],
    "real": (*SIGNED, *UNSIGNED, *FLOATING),
    "floating": (*FLOATING, *COMPLEX),
    "real floating": FLOATING,
    "complex": COMPLEX,
    "integral": KINDS["integral"],
    "integral or bool": (bool, *KINDS["integral"]),
    "bool": (bool,),
}


def kind_of(d: Any) -> str:
    """The kind of a type between which types are promoted: bool, integral or floating."""
    return "bool" if d is bool else "floating" if d.is_floating_point or d.is_complex else "integral"


@cache
def promoted(a: Any, b: Any) -> Any:
    """The smallest type of the kind of both that holds both; TypeError where there is none."""
    if kind_of(a) == kind_of(b):
        try:
            return torch.promote_types(a, b)
        except RuntimeError:
            pass
    raise TypeError(f"the standard has no promotion of {a} and {b}; convert one with astype")


def checked(name: str, x: Any, group: str) -> Tensor:
    """The operand, if it is a tensor of a type that the function takes; else TypeError."""
    if not isinstance(x, torch.Tensor):
        raise TypeError(f"{name}: expected an array, not {type(x).__name__}; asarray makes one")
    if x.dtype not in GROUPS[group]:
        raise TypeError(f"{name}: expected an array of {group} type, not of {x.dtype}; convert it with astype")
    return x


def scalar_type(value: Any, d: Any) -> Any:
    """The type of a Python number beside an array of type ``d``; TypeError where the kinds differ."""
    kind = kind_of(d)
    if isinstance(value, builtins.bool):
        if kind == "bool":
            return d
    elif isinstance(value, int):
        if kind != "bool":
            return d
    elif isinstance(value, float):
        if kind == "floating":
            return d
    elif isinstance(value, complex) and kind == "floating":
        return d.to_complex()
    raise TypeError(f"the standard has no promotion of a Python {type(value).__name__} and {d}")


def number(value: Any, d: Any, like: Tensor) -> Tensor:
    """A Python number as a tensor on the device of another."""
    return torch.tensor(value, dtype=d, device=like.device)


def together(name: str, group: str, x1: Any, x2: Any) -> tuple[Tensor, Tensor]:
    """Two operands in their common type; either may be a Python number."""
    if isinstance(x1, torch.Tensor):
        checked(name, x1, group)
        if not isinstance(x2, torch.Tensor):
            x2 = number(x2, scalar_type(x2, x1.dtype), x1)
    else:
        checked(name, x2, group)
        x1 = number(x1, scalar_type(x1, x2.dtype), x2)
    checked(name, x2, group)
    if x1.dtype is x2.dtype:
        return x1, x2
    d = promoted(x1.dtype, x2.dtype)
    return x1.to(d), x2.to(d)


def result_type(*arrays_and_dtypes: Any) -> Any:
    """The type of the result of operands with these types."""
    found = [v.dtype if isinstance(v, torch.Tensor) else v for v in arrays_and_dtypes]
    types = [d for d in found if isinstance(d, torch.dtype)]
    if not types:
        raise ValueError("result_type: at least one array or dtype is required")
    d = types[0]
    for other in types[1:]:
        d = promoted(d, other)
    for value in found:
        if not isinstance(value, torch.dtype):
            d = scalar_type(value, d)
    return d


def can_cast(from_: Any, to: Any, /) -> builtins.bool:
    """Whether promotion leads from a type, or that of an array, to another."""
    d = from_.dtype if isinstance(from_, torch.Tensor) else from_
    try:
        return promoted(d, to) is to
    except TypeError:
        return False


def isdtype(dtype: Any, kind: Any) -> builtins.bool:
    """Whether a type is another one, or of a kind, or of one of several."""
    if isinstance(kind, tuple):
        return any(isdtype(dtype, k) for k in kind)
    if isinstance(kind, str):
        if kind not in KINDS:
            raise ValueError(f"isdtype: kind {kind!r} is none of {', '.join(map(repr, KINDS))}")
        return dtype in KINDS[kind]
    return dtype == kind


def _limits_of(type: Any, make: Callable) -> Any:
    limits = make(type.dtype if isinstance(type, torch.Tensor) else type)
    limits.dtype = getattr(torch, limits.dtype)
    return limits


def finfo(type: Any, /) -> Any:
    """Limits of a floating type."""
    return _limits_of(type, torch.finfo)


def iinfo(type: Any, /) -> Any:
    """Limits of an integer type."""
    return _limits_of(type, torch.iinfo)


def astype(x: Tensor, dtype: Any, /, *, copy: builtins.bool = True, device: Any = None) -> Tensor:
    """The elements in another type; a copy unless ``copy`` is False and nothing changes."""
    if x.dtype.is_complex and not dtype.is_complex and dtype is not bool:
        raise TypeError(f"astype: complex elements are no {dtype}; take real(x), imag(x) or abs(x)")
    return x.to(device=device if device is not None else x.device, dtype=dtype, copy=copy)


def computed(x: Tensor) -> Tensor:
    """Unsigned integers that numtorch does not compute as int64 of the same bits, all others as they are."""
    return x.to(int64) if x.dtype in WIDE else x


def ordered(x: Tensor) -> Tensor:
    """Unsigned integers that numtorch does not compute as int64 in the same order, all others as they are."""
    if x.dtype is uint64:
        return x.to(int64) ^ (-1 << 63)
    return computed(x)


def unordered(x: Tensor, d: Any) -> Tensor:
    """What ``ordered`` made, in its own type again."""
    return (x ^ (-1 << 63)).to(d) if d is uint64 else x.to(d)
