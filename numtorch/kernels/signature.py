"""The types of a kernel's arguments as a text, the same whether it is made of values or of Numba's types.

``float32[1C], int64, (float32[1C]; float32[1C])`` are a contiguous vector, a number, and a tuple of two vectors. After
the dimensions and the layout (C, F or A, any) an array is said to be ``readonly``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np

_SCALARS = {
    f"{kind}{bits}": f"{kind}{bits}" for kind in ("int", "uint", "float", "complex") for bits in (8, 16, 32, 64)
}
_SCALARS |= {name: name for name in ("complex64", "complex128", "bool")}
_PYTHON = {bool: "bool", float: "float64", complex: "complex128", type(None): "none"}
_TOKEN = re.compile(r"\(|\)|;|,|[^();,]+")
_ARRAY = re.compile(r"(\w+)\[(\d+)([CFA])( readonly)?\]")


def of(args: Iterable[Any]) -> str | None:
    """The text of values; None if one is of no type that has a text."""
    texts = [_of_value(a) for a in args]
    return None if None in texts else ", ".join(texts)  # type: ignore[arg-type]


def _of_value(a: Any) -> str | None:
    kind = a.__class__
    if kind is np.ndarray:
        return _of_array(a.dtype, a.ndim, a.flags.num)
    if kind is int:
        return "int64" if -(1 << 63) <= a < 1 << 63 else "uint64" if 0 < a < 1 << 64 else None
    if kind is tuple:
        texts = [_of_value(x) for x in a]
        return None if None in texts else f"({'; '.join(texts)})"  # type: ignore[arg-type]
    if issubclass(kind, np.generic):
        return _SCALARS.get(a.dtype.name)
    return _PYTHON.get(kind)


@cache
def _of_array(dtype: np.dtype, ndim: int, flags: int) -> str | None:
    if dtype.name not in _SCALARS or not dtype.isnative:
        return None
    layout = "C" if flags & 1 else "F" if flags & 2 else "A"
    return f"{dtype.name}[{ndim}{layout}{'' if flags & 0x400 else ' readonly'}]"


def of_types(types: Iterable[Any]) -> str | None:
    """The text of Numba's types; None if one has none."""
    texts = [_of_type(t) for t in types]
    return None if None in texts else ", ".join(texts)  # type: ignore[arg-type]


def _of_type(t: Any) -> str | None:
    if hasattr(t, "layout") and hasattr(t, "ndim"):
        if type(t).__name__ != "Array" or str(t.dtype) not in _SCALARS or not t.aligned:
            return None
        return f"{t.dtype}[{t.ndim}{t.layout}{'' if t.mutable else ' readonly'}]"
    if type(t).__name__ in ("Tuple", "UniTuple"):
        texts = [_of_type(x) for x in t]
        return None if None in texts else f"({'; '.join(texts)})"  # type: ignore[arg-type]
    name = str(t)
    return name if name in _SCALARS or name == "none" else None


def types(text: str) -> tuple:
    """Numba's types for a text."""
    tokens = _TOKEN.findall(text)
    tokens.reverse()
    return tuple(_parsed(tokens, "")) if tokens else ()


def _parsed(tokens: list[str], end: str) -> list[Any]:
    from numba import types as kinds

    found: list[Any] = []
    while tokens and (token := tokens.pop()) != end:
        if token == "(":
            found.append(kinds.BaseTuple.from_types(tuple(_parsed(tokens, ")"))))
        elif word := token.strip(" ,;"):
            found.append(_type(kinds, word))
    return found


def _type(kinds: Any, word: str) -> Any:
    if m := _ARRAY.fullmatch(word):
        dtype = kinds.boolean if m[1] == "bool" else getattr(kinds, m[1])
        return kinds.Array(dtype, int(m[2]), m[3], readonly=bool(m[4]))
    return {"bool": kinds.boolean, "none": kinds.none}.get(word) or getattr(kinds, word)
