"""New arrays."""

from __future__ import annotations

import builtins
import math
from typing import Any

import numpy as np

import numtorch as torch
from numtorch.array_api.types import COMPLEX, GROUPS, Tensor, bool, int64, uint64


def _shape(shape: Any) -> tuple:
    return (int(shape),) if hasattr(shape, "__index__") and not isinstance(shape, tuple) else tuple(shape)


def _known(name: str, dtype: Any) -> Any:
    """A type of the standard, or None."""
    if dtype is not None and dtype not in GROUPS["any"]:
        raise TypeError(f"{name}: dtype must be a dtype of the namespace, not {dtype!r}")
    return dtype


def _in_range(name: str, value: Any, d: Any) -> None:
    """OverflowError for a Python integer that the type does not hold."""
    if isinstance(value, int) and not isinstance(value, builtins.bool) and d in GROUPS["integral"]:
        limits = torch.iinfo(d)
        if not limits.min <= value <= limits.max:
            raise OverflowError(f"{name}: {value} does not fit in {d}")


def _types_in(obj: Any, found: set) -> set:
    """The types of the numbers and arrays in a nested sequence."""
    if isinstance(obj, list | tuple):
        for v in obj:
            _types_in(v, found)
    else:
        found.add(obj.dtype if isinstance(obj, torch.Tensor) else type(obj))
    return found


def asarray(obj: Any, /, *, dtype: Any = None, device: Any = None, copy: builtins.bool | None = None) -> Tensor:
    """The data as an array; a copy where it is asked for or necessary."""
    _known("asarray", dtype)
    if isinstance(obj, torch.Tensor):
        made = obj.to(device=device if device is not None else obj.device, dtype=dtype or obj.dtype, copy=copy is True)
        if copy is False and made is not obj:
            raise ValueError(f"asarray: {obj.dtype} on {obj.device} has to be copied, and copy=False refuses a copy")
        return made
    if isinstance(obj, builtins.bool | int | float | complex | list | tuple):
        if copy is False:
            raise ValueError(f"asarray: a {type(obj).__name__} has to be copied, and copy=False refuses a copy")
        if dtype is None and isinstance(obj, int) and not isinstance(obj, builtins.bool) and obj >= 1 << 63:
            dtype = uint64
        if dtype is None and isinstance(obj, list | tuple):
            found = _types_in(obj, set())
            large = uint64 in found or found == {int} and (a := np.array(obj)).dtype == np.uint64 and a.size
            if large:
                dtype = uint64
        _in_range("asarray", obj, dtype)
        return torch.tensor(obj, dtype=dtype, device=device)
    if copy is True or not isinstance(obj, np.ndarray | np.generic):
        if hasattr(obj, "__dlpack__") and dtype is None and not isinstance(obj, np.generic):
            return from_dlpack(obj, device=device, copy=copy)
        a = np.array(obj, copy=True if copy else None if copy is None else False)
    else:
        a = np.asarray(obj)
    return torch.asarray(a, dtype=dtype, device=device, copy=copy)


def from_dlpack(x: Any, /, *, device: Any = None, copy: builtins.bool | None = None) -> Tensor:
    """The elements of another library's array, without a copy where possible."""
    return torch.from_dlpack(x, device=device, copy=copy)


def empty(shape: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """An array whose elements are whatever was in memory."""
    return torch.empty(_shape(shape), dtype=_known("empty", dtype), device=device)


def zeros(shape: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """An array of zeros."""
    return torch.zeros(_shape(shape), dtype=_known("zeros", dtype), device=device)


def ones(shape: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """An array of ones."""
    return torch.ones(_shape(shape), dtype=_known("ones", dtype), device=device)


def full(shape: Any, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """An array of one value; its type is the default one of the value's kind."""
    _known("full", dtype)
    value = asarray(fill_value, dtype=dtype, device=device)
    return torch.empty(_shape(shape), dtype=value.dtype, device=value.device).copy_(value)


def _like(x: Tensor, dtype: Any, device: Any) -> dict[str, Any]:
    return {"dtype": dtype or x.dtype, "device": x.device if device is None else device}


def empty_like(x: Tensor, /, *, dtype: Any = None, device: Any = None) -> Tensor:
    """An array of a shape, whose elements are whatever was in memory."""
    return empty(tuple(x.shape), **_like(x, dtype, device))


def zeros_like(x: Tensor, /, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Zeros in the shape of an array."""
    return zeros(tuple(x.shape), **_like(x, dtype, device))


def ones_like(x: Tensor, /, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Ones in the shape of an array."""
    return ones(tuple(x.shape), **_like(x, dtype, device))


def full_like(x: Tensor, /, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """One value in the shape of an array."""
    return full(tuple(x.shape), fill_value, **_like(x, dtype, device))


def arange(start: Any, /, stop: Any = None, step: Any = 1, *, dtype: Any = None, device: Any = None) -> Tensor:
    """The numbers from ``start`` to before ``stop``, ``step`` apart."""
    _known("arange", dtype)
    if stop is None:
        start, stop = 0, start
    if step == 0:
        raise ValueError("arange: step must not be 0")
    if dtype is None:
        dtype = int64 if all(isinstance(v, int) for v in (start, stop, step)) else torch.get_default_dtype()
    if (stop - start) * step <= 0:
        return empty((0,), dtype=dtype, device=device)
    if dtype in GROUPS["integral"]:
        count = math.ceil((stop - start) / step) if isinstance(step, float) else -(-(stop - start) // step)
        places = torch.arange(int(count), dtype=int64, device=device)
        return (places * int(step) + int(start)).to(dtype)
    return torch.arange(start, stop, step, dtype=dtype, device=device)


def linspace(
    start: Any, stop: Any, /, num: int, *, dtype: Any = None, device: Any = None, endpoint: builtins.bool = True
) -> Tensor:
    """``num`` numbers evenly spaced from ``start`` to ``stop``, which is among them with ``endpoint``."""
    _known("linspace", dtype)
    if dtype is None:
        dtype = torch.get_default_dtype()
        if isinstance(start, complex) or isinstance(stop, complex):
            dtype = dtype.to_complex()
    if num < 0:
        raise ValueError(f"linspace: num must not be negative, got {num}")
    if endpoint or num == 0:
        steps = max(num - 1, 1)
    else:
        steps = num
    if dtype in GROUPS["integral"]:
        return linspace(start, stop, num, dtype=torch.float64, device=device, endpoint=endpoint).to(dtype)
    if endpoint and dtype not in COMPLEX:
        return torch.linspace(start, stop, num, dtype=dtype, device=device)
    wide = torch.complex128 if dtype in COMPLEX else torch.float64
    places = torch.arange(num, dtype=torch.float64, device=device).to(wide) / steps
    made = start * (1 - places) + stop * places
    if endpoint and num > 1:
        made[-1] = stop
    return made.to(dtype)


def eye(n_rows: int, n_cols: int | None = None, /, *, k: int = 0, dtype: Any = None, device: Any = None) -> Tensor:
    """Ones on a diagonal, zeros elsewhere."""
    made = zeros((n_rows, n_rows if n_cols is None else n_cols), dtype=dtype, device=device)
    if -made.shape[0] < k < made.shape[1]:
        made.diagonal(k).fill_(1)
    return made


def meshgrid(*arrays: Tensor, indexing: str = "xy") -> tuple[Tensor, ...]:
    """Coordinates of a grid, one array for each axis."""
    if len({x.dtype for x in arrays}) > 1:
        raise ValueError("meshgrid: the arrays must have one type")
    return tuple(torch.meshgrid(*arrays, indexing=indexing)) if arrays else ()


def _of_matrix(name: str, x: Tensor, k: int) -> Tensor:
    if x.ndim < 2:
        raise ValueError(f"{name}: expected an array of at least two dimensions, not {x.ndim}")
    if x.dtype in COMPLEX or x.dtype in (torch.uint16, torch.uint32, torch.uint64):
        keep = getattr(torch, name)(torch.ones(x.shape[-2:], dtype=bool, device=x.device), k)
        return torch.where(keep, x, zeros((), dtype=x.dtype, device=x.device))
    return getattr(torch, name)(x, k)


def tril(x: Tensor, /, *, k: int = 0) -> Tensor:
    """Matrices with zeros above a diagonal."""
    return _of_matrix("tril", x, k)


def triu(x: Tensor, /, *, k: int = 0) -> Tensor:
    """Matrices with zeros below a diagonal."""
    return _of_matrix("triu", x, k)
