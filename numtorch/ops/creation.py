"""Making tensors: from data, filled, counted."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from numtorch import dtype as dtypes
from numtorch._tensor import Tensor, as_ndarray, make
from numtorch._tensor import empty as _empty
from numtorch.device import CPU, as_device
from numtorch.dtype import dtype as DType
from numtorch.ops import movement
from numtorch.ops.movement import shape_args
from numtorch.storage import Size, Storage, is_contiguous, kind


def _finish(t: Tensor, requires_grad: bool) -> Tensor:
    if requires_grad:
        t._edge = movement.requires_grad_edge(t)
    return t


def from_ndarray(a: np.ndarray, d: DType | None = None) -> Tensor:
    """A CPU tensor over the memory of an array (of bits, for the half types)."""
    d = d or dtypes.from_numpy_dtype(a.dtype)
    if a.dtype.kind == "f" and a.itemsize == 2:
        a = a.view(np.uint16)
    shape = Size(a.shape)
    if a.flags.c_contiguous:
        t = make(a.reshape(-1), shape, kind(d, CPU))
        t._storage = Storage(t._buf)
        return t
    if any(s < 0 for s in a.strides):
        raise ValueError("At least one stride in the given numpy array is negative, and tensors with negative strides are not "
                         "currently supported. (You can probably work around this by making a copy of your array with "
                         "array.copy().)")
    if any(s % a.itemsize for s in a.strides):
        raise ValueError("given numpy array strides not a multiple of the element byte size. Copy array to a contiguous one.")
    strides = tuple(s // a.itemsize for s in a.strides)
    extent = 1 + sum((n - 1) * s for n, s in zip(shape, strides, strict=True)) if a.size else 0
    t = make(np.lib.stride_tricks.as_strided(a, (extent,), (a.itemsize,)), shape, kind(d, CPU, is_contiguous(shape, strides)))
    t._storage = Storage(t._buf)
    if not t._k.contiguous:
        t._strides = strides
    return t


def from_numpy(array: np.ndarray) -> Tensor:
    """A tensor that shares the array's memory.

    >>> import numpy as np, numtorch as torch
    >>> a = np.zeros(2, np.float32)
    >>> t = torch.from_numpy(a)
    >>> a[0] = 5
    >>> t
    tensor([5., 0.])
    """
    if not isinstance(array, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(array).__name__})")
    if not array.dtype.isnative:
        raise ValueError("given numpy array has byte order different from the native byte order. Conversion between byte orders "
                         "is currently not supported.")
    return from_ndarray(array)


def tensor(data: Any, *, dtype: DType | None = None, device: Any = None, requires_grad: bool = False,
           pin_memory: bool = False) -> Tensor:
    """A tensor with a copy of the data: a number, nested sequences, an array, a tensor.

    Args:
        dtype: inferred if not given: bool, int64, the default floating type; arrays keep theirs.

    >>> import numtorch as torch
    >>> torch.tensor([1.0, 2.0, 3.0])
    tensor([1., 2., 3.])
    """
    if isinstance(data, Tensor):
        t = data.detach().clone().to(device or data.device, dtype or data.dtype)
        return _finish(t, requires_grad)
    a = data if isinstance(data, np.ndarray | np.generic) else _array(data)
    if dtype is None:
        if isinstance(data, np.ndarray | np.generic):
            dtype = dtypes.from_numpy_dtype(a.dtype)
        elif a.dtype.kind == "f" and not _holds_numpy(data):
            dtype = dtypes.get_default_dtype()
        else:
            dtype = dtypes.from_numpy_dtype(a.dtype)
    else:
        dtype = dtypes.as_dtype(dtype)
    if a.dtype.kind not in "biuf":
        raise TypeError(f"can't convert np.ndarray of type {a.dtype} to a tensor")
    if dtype.is_half:
        t = movement.cast(from_ndarray(np.array(a, np.float32, order="C", ndmin=0)), dtype)
    else:
        t = _empty(a.shape, dtype, CPU)
        with np.errstate(invalid="ignore", over="ignore"):
            t._buf[:] = np.asarray(a).reshape(-1)
    if device is not None:
        t = movement.to(t, as_device(device))
    return _finish(t, requires_grad)


def _holds_numpy(data: Any) -> bool:
    """Whether nested sequences begin with a NumPy scalar or array, whose type then counts."""
    while isinstance(data, list | tuple) and data:
        data = data[0]
    return isinstance(data, np.generic | np.ndarray)


def _array(data: Any) -> np.ndarray:
    """Nested sequences of numbers and tensors as an array; torch's errors for ragged and foreign ones."""
    if isinstance(data, list | tuple) and any(isinstance(v, Tensor) for v in data):
        data = [v.tolist() if isinstance(v, Tensor) else v for v in data]
    try:
        a = np.array(data)
    except ValueError as e:
        raise ValueError(f"tensor: expected nested sequences of equal lengths at each depth ({e})") from None
    except OverflowError as e:
        raise RuntimeError(f"tensor: {e}") from None
    if a.size == 0 and not isinstance(data, np.ndarray):
        a = a.astype(dtypes.get_default_dtype().compute)
    if a.dtype.kind in "OSUV":
        if a.dtype.kind == "O" and any(isinstance(v, int) for v in a.flat):
            raise RuntimeError("tensor: Overflow when unpacking long long: an integer does not fit in int64")
        found = type(a.flat[0])
        if issubclass(found, str | bytes):
            raise TypeError(f"new(): invalid data type '{found.__name__}'")
        raise RuntimeError(f"Could not infer dtype of {found.__name__}")
    if a.dtype.kind == "u":
        raise RuntimeError("tensor: Overflow when unpacking long long: an integer does not fit in int64")
    return a


def as_tensor(data: Any, dtype: DType | None = None, device: Any = None) -> Tensor:
    """The data as a tensor, sharing memory with arrays and returning tensors unchanged where possible."""
    if isinstance(data, Tensor):
        return movement.to(data, device, dtype)
    if isinstance(data, np.ndarray):
        return movement.to(from_ndarray(data), device, dtype)
    return tensor(data, dtype=dtype, device=device)


def asarray(obj: Any, *, dtype: DType | None = None, device: Any = None, copy: bool | None = None, requires_grad: bool = False) -> Tensor:
    """As ``as_tensor``; ``copy=True`` forces a copy."""
    t = as_tensor(obj, dtype, device)
    return _finish(t.clone() if copy else t, requires_grad)


def _options(dtype: DType | None, device: Any, like: Tensor | None = None) -> tuple[DType, Any]:
    if like is not None:
        return dtypes.as_dtype(dtype) if dtype else like.dtype, as_device(device) if device is not None else like.device
    return dtypes.as_dtype(dtype) if dtype else dtypes.get_default_dtype(), as_device(device)


def _size(args: tuple, size: Any = None, name: str = "empty") -> Size:
    shape = Size(shape_args(args if size is None else (size,)))
    for n in shape:
        if not hasattr(n, "__index__"):
            raise TypeError(f"{name}(): argument 'size' must be tuple of ints, but found element of type {type(n).__name__}")
        if n < 0:
            raise RuntimeError(f"Trying to create tensor with negative dimension {n}: {list(shape)}")
    return Size(n.__index__() for n in shape)


def empty(*args: Any, size: Any = None, dtype: DType | None = None, device: Any = None, requires_grad: bool = False,
          pin_memory: bool = False, memory_format: Any = None, layout: Any = None) -> Tensor:
    """A tensor of the given shape whose elements are whatever was in memory."""
    d, where = _options(dtype, device)
    return _finish(_empty(_size(args, size), d, where), requires_grad)


def _filled(shape: Size, value: Any, d: DType, where: Any, requires_grad: bool) -> Tensor:
    t = _empty(shape, d, where)
    if where.type == "cpu" and not d.is_half:
        t._buf.fill(value)
    elif t.shape.numel() and where.type != "meta":
        movement.fill.op.program(t, value, outs=(t,))
    return _finish(t, requires_grad)


def full(size: Any, fill_value: Any, *, dtype: DType | None = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor of the given shape in which every element is ``fill_value``."""
    if isinstance(fill_value, Tensor):
        fill_value = fill_value.item()
    dtype = dtypes.scalar_dtype(fill_value) if dtype is None else dtypes.as_dtype(dtype)
    return _filled(_size((size,), name="full"), fill_value, dtype, as_device(device), requires_grad)


def zeros(*args: Any, size: Any = None, dtype: DType | None = None, device: Any = None, requires_grad: bool = False,
          layout: Any = None) -> Tensor:
    """Zeros.

    >>> import numtorch as torch
    >>> torch.zeros(2, 3)
    tensor([[0., 0., 0.],
            [0., 0., 0.]])
    """
    d, where = _options(dtype, device)
    return _filled(_size(args, size, "zeros"), 0, d, where, requires_grad)


def ones(*args: Any, size: Any = None, dtype: DType | None = None, device: Any = None, requires_grad: bool = False,
         layout: Any = None) -> Tensor:
    """Ones."""
    d, where = _options(dtype, device)
    return _filled(_size(args, size, "ones"), 1, d, where, requires_grad)


def empty_like(input: Tensor, *, dtype: DType | None = None, device: Any = None, requires_grad: bool = False,
               memory_format: Any = None) -> Tensor:
    """Uninitialised, with the shape, dtype and device of ``input`` unless given."""
    d, where = _options(dtype, device, input)
    return _finish(_empty(input.shape, d, where), requires_grad)


def full_like(input: Tensor, fill_value: Any, *, dtype: DType | None = None, device: Any = None, requires_grad: bool = False,
              memory_format: Any = None) -> Tensor:
    """``fill_value`` everywhere, with the shape, dtype and device of ``input`` unless given."""
    d, where = _options(dtype, device, input)
    return _filled(input.shape, fill_value, d, where, requires_grad)


def zeros_like(input: Tensor, *, dtype: DType | None = None, device: Any = None, requires_grad: bool = False,
               memory_format: Any = None) -> Tensor:
    """Zeros with the shape, dtype and device of ``input`` unless given."""
    return full_like(input, 0, dtype=dtype, device=device, requires_grad=requires_grad)


def ones_like(input: Tensor, *, dtype: DType | None = None, device: Any = None, requires_grad: bool = False,
              memory_format: Any = None) -> Tensor:
    """Ones with the shape, dtype and device of ``input`` unless given."""
    return full_like(input, 1, dtype=dtype, device=device, requires_grad=requires_grad)


def _from_values(values: np.ndarray, d: DType, device: Any, requires_grad: bool) -> Tensor:
    return _finish(tensor(values, dtype=d, device=device), requires_grad)


def arange(start: Any, end: Any = None, step: Any = 1, *, dtype: DType | None = None, device: Any = None,
           requires_grad: bool = False) -> Tensor:
    """Numbers from ``start`` (0) up to but not including ``end``.

    >>> import numtorch as torch
    >>> torch.arange(1, 2.5, 0.5)
    tensor([1.0000, 1.5000, 2.0000])
    """
    if end is None:
        start, end = 0, start
    start, end, step = (v.item() if isinstance(v, Tensor) else v for v in (start, end, step))
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if (end - start) * step < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    if dtype is None:
        floating = any(isinstance(v, float) for v in (start, end, step))
        dtype = dtypes.get_default_dtype() if floating else dtypes.int64
    dtype = dtypes.as_dtype(dtype)
    n = math.ceil((end - start) / step)
    if as_device(device).type == "meta":
        return _empty((n,), dtype, as_device(device))
    if dtype.is_floating_point:
        values = start + step * np.arange(n, dtype=np.float64)
    else:
        values = int(start) + int(step) * np.arange(n, dtype=np.int64)
    return _from_values(values, dtype, device, requires_grad)


def linspace(start: Any, end: Any, steps: int, *, dtype: DType | None = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """``steps`` evenly spaced numbers from ``start`` to ``end``, both included."""
    d = dtype or dtypes.get_default_dtype()
    return _from_values(np.linspace(float(start), float(end), steps), d, device, requires_grad)


def logspace(start: Any, end: Any, steps: int, base: float = 10.0, *, dtype: DType | None = None, device: Any = None,
             requires_grad: bool = False) -> Tensor:
    """``base`` to the power of evenly spaced numbers."""
    d = dtype or dtypes.get_default_dtype()
    return _from_values(np.logspace(float(start), float(end), steps, base=base), d, device, requires_grad)


def eye(n: int, m: int | None = None, *, dtype: DType | None = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Ones on the diagonal, zeros elsewhere."""
    return _from_values(np.eye(n, n if m is None else m), dtype or dtypes.get_default_dtype(), device, requires_grad)


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """Coordinate grids from vectors: the first index first (``"ij"``), or x before y (``"xy"``)."""
    if indexing not in ("ij", "xy"):
        raise RuntimeError(f'meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
    vectors = list(tensors[0] if len(tensors) == 1 and isinstance(tensors[0], list | tuple) else tensors)
    swap = indexing == "xy" and len(vectors) >= 2
    if swap:
        vectors[0], vectors[1] = vectors[1], vectors[0]
    shape = tuple(v.shape.numel() for v in vectors)
    grids = []
    for i, v in enumerate(vectors):
        at = [1] * len(shape)
        at[i] = shape[i]
        grids.append(movement.expand_to(movement.reshape(v, at), shape))
    if swap:
        grids[0], grids[1] = grids[1], grids[0]
        grids = [movement.transpose(v, 0, 1) for v in grids]
    return tuple(grids)


def to_ndarray(x: Tensor) -> np.ndarray:
    """The elements as an array that shares memory (float32 copies for bfloat16, which NumPy lacks)."""
    a = as_ndarray(x)
    if x.dtype is dtypes.float16:
        return a.view(np.float16)
    return as_ndarray(movement.cast(x.detach(), dtypes.float32)) if x.dtype is dtypes.bfloat16 else a


