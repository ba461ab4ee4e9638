"""Which functions have a form in ONNX: the table of exporters, and what several of them need."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numtorch as torch
from numtorch.onnx.graph import Graph, Value
from numtorch.onnx.tracing import Size

Exporter = Callable[..., Any]
EXPORTERS: dict[str, Exporter] = {}
# Operators whose operands are exchanged, and functions by other names.
REFLECTED = {"__radd__": "add", "__rmul__": "mul", "__rsub__": "sub", "__rtruediv__": "div", "__rpow__": "pow"} | {
    "__rmatmul__": "matmul", "__rfloordiv__": "floor_divide", "__rmod__": "remainder", "__rand__": "bitwise_and",
    "__ror__": "bitwise_or", "__rxor__": "bitwise_xor",
}  # fmt: skip


def exporter(*names: str) -> Callable[[Exporter], Exporter]:
    """A decorator: the function writes the nodes of torch's functions of these names.

    It is called as they are, with ``Value`` in place of tensors and a ``Graph`` ahead of all, and gives a value, or a
    tuple of values for several results.

    Args:
        *names: without ``torch.`` and ``Tensor.``.
    """

    def wrap(fn: Exporter) -> Exporter:
        for name in names:
            EXPORTERS[name] = fn
        return fn

    return wrap


def find(name: str) -> tuple[Exporter, bool, bool] | None:
    """The exporter of a function; whether its two operands are exchanged; whether it writes to the first.

    Args:
        name: without ``torch.`` and ``Tensor.``.
    """
    if name in EXPORTERS:
        return EXPORTERS[name], False, name == "__setitem__"
    if name in REFLECTED:
        return EXPORTERS[REFLECTED[name]], True, False
    if name.startswith("__i") and (plain := f"__{name[3:]}") in EXPORTERS:
        return EXPORTERS[plain], False, True
    if name.endswith("_") and not name.endswith("__"):
        plain = name[:-1]
        if plain in EXPORTERS:
            return EXPORTERS[plain], False, True
        if f"nn.functional.{plain.removeprefix('nn.functional.')}" in EXPORTERS:
            return EXPORTERS[f"nn.functional.{plain.removeprefix('nn.functional.')}"], False, True
    if name.startswith("nn.functional.") and (plain := name.removeprefix("nn.functional.")) in EXPORTERS:
        return EXPORTERS[plain], False, False
    return None


def dims_of(dim: Any, ndim: int) -> list[int]:
    """Dimensions as a list of numbers that are not negative; all if None or empty."""
    if dim is None or dim in ((), []):
        return list(range(ndim))
    given = dim if isinstance(dim, list | tuple) else [dim]
    return [d % max(ndim, 1) for d in given]


def sequence(values: Any) -> list:
    """The numbers of ``f(1, 2)`` and of ``f((1, 2))``."""
    return list(values[0]) if len(values) == 1 and isinstance(values[0], list | tuple) else list(values)


def several(value: Any, n: int) -> list[int]:
    """A number for each of ``n`` dimensions."""
    found = list(value) if isinstance(value, list | tuple) else [value]
    return [int(v) for v in (found * n if len(found) == 1 else found)]


def common(*operands: Any) -> torch.dtype:
    """The type to which values and Python numbers are promoted."""
    values = [x for x in operands if isinstance(x, Value)]
    shaped = [x for x in values if x.shape] or values
    dtype = shaped[0].dtype
    for x in shaped[1:]:
        dtype = torch.promote_types(dtype, x.dtype)
    for x in values:
        if _rank(x.dtype) > _rank(dtype):
            dtype = torch.promote_types(dtype, x.dtype)
    for x in operands:
        if isinstance(x, bool | Value):
            continue
        if isinstance(x, float) and not dtype.is_floating_point:
            dtype = torch.get_default_dtype()
        elif isinstance(x, int | Size) and dtype is torch.bool:
            dtype = torch.int64
    return dtype


def _rank(dtype: torch.dtype) -> int:
    return 3 if dtype.is_complex else 2 if dtype.is_floating_point else 0 if dtype is torch.bool else 1


def operand(g: Graph, x: Any, dtype: torch.dtype) -> Value:
    """A value or a Python number in a type."""
    if isinstance(x, Value):
        return g.cast(x, dtype)
    if isinstance(x, Size):
        return g.cast(g.number(x), dtype)
    return g.constant(x, dtype)


def alike(g: Graph, *operands: Any, dtype: torch.dtype | None = None) -> list[Value]:
    """Operands in the type to which they are promoted."""
    dtype = dtype or common(*operands)
    return [operand(g, x, dtype) for x in operands]


def floating(g: Graph, x: Value) -> Value:
    """A value; in the default floating type if it is an integer."""
    return x if x.dtype.is_floating_point else g.cast(x, torch.get_default_dtype())


def with_shape(shape: Sequence[int], dim: int, size: int) -> list[int]:
    """A shape with another size along a dimension."""
    changed = list(shape)
    changed[dim] = size
    return changed
