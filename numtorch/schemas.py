"""Schemas of ops that programs define, as ``(Tensor x, float p=0.5) -> Tensor``: their types, and how they are read."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Sequence
from typing import Any

from numtorch._tensor import Tensor
from numtorch.device import device as Device
from numtorch.dtype import dtype as DType

_TYPES = {
    Tensor: "Tensor",
    int: "SymInt",
    float: "float",
    bool: "bool",
    str: "str",
    DType: "ScalarType",
    Device: "Device",
    int | float | bool: "Scalar",
}


def default_text(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value).removeprefix("torch.")


def type_of(hint: Any, name: str) -> str:
    if hint in _TYPES:
        return _TYPES[hint]
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        if type(None) in parts:
            rest = [part for part in parts if part is not type(None)]
            return type_of(rest[0] if len(rest) == 1 else typing.Union[tuple(rest)], name) + "?"  # noqa: UP007
        if set(parts) <= {int, float, bool}:
            return "Scalar"
    if origin in (list, Sequence, typing.Sequence) and len(parts) == 1:
        return f"{type_of(parts[0], name)}[]"
    raise ValueError(
        f"infer_schema: {name} is of {hint}, which a schema does not have; it has {sorted(_TYPES.values())}"
    )


def parameters(schema: str) -> list[tuple[str, str, Any, bool]]:
    """(name, type, default, whether it is only by name) of the parameters of a schema."""
    inner = schema[schema.index("(") + 1 : schema.rindex(")", 0, schema.rindex("->"))]
    found: list[tuple[str, str, Any, bool]] = []
    named = False
    for part in split(inner):
        if part == "*":
            named = True
            continue
        head, _, default = part.partition("=")
        kind, _, name = head.strip().rpartition(" ")
        if not kind:
            raise ValueError(f"torch.library: {part!r} in the schema {schema!r} is no type and name, as Tensor x")
        value = inspect.Parameter.empty if not default else value_of(default.strip())
        found.append((name, kind.strip(), value, named))
    return found


def split(text: str) -> list[str]:
    """The parts between commas that stand in no brackets."""
    parts, depth, now = [], 0, ""
    for c in text:
        depth += (c in "([") - (c in ")]")
        if c == "," and depth == 0:
            parts.append(now.strip())
            now = ""
        else:
            now += c
    return [part for part in (*parts, now.strip()) if part]


def value_of(text: str) -> Any:
    """A default of a schema."""
    known = {"None": None, "True": True, "False": False}
    if text in known:
        return known[text]
    if text[:1] in "\"'":
        return text[1:-1]
    if text.startswith("["):
        return [value_of(part) for part in split(text[1:-1])]
    try:
        return int(text)
    except ValueError:
        try:
            return float(text)
        except ValueError:
            return text
