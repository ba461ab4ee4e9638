"""Creates rows of numbers, such as ``arange``, and grids of coordinates."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import numtorch.dtype as dtypes
from numtorch._tensor import Tensor, make
from numtorch._tensor import empty as _empty
from numtorch.arguments import element, integer, strided
from numtorch.device import CPU, as_device
from numtorch.dispatch.out import COUNTED, FILLED, into
from numtorch.dtype import dtype as DType
from numtorch.exports import exported
from numtorch.ops import movement
from numtorch.ops.creation import finish, tensor
from numtorch.storage import allocate_cpu, kind


def _counted(values: np.ndarray, d: DType, device: Any, requires_grad: bool) -> Tensor:
    """A tensor of computed numbers, converted to its type."""
    return finish(tensor(values, dtype=d, device=device), requires_grad)


def _scalar(value: Any, op: str, name: str) -> Any:
    """A number, also given as a tensor without dimensions."""
    if isinstance(value, Tensor):
        if value.shape:
            raise RuntimeError(
                f"{op} only supports 0-dimensional {name} tensors, but got {name} with {value.ndim} dimension(s)."
            )
        value = value.item()
    elif isinstance(value, np.generic):
        value = value.item()
    if not isinstance(value, int | float):
        raise TypeError(f"{op}(): argument '{name}' must be Number, not {type(value).__name__}")
    return value


@exported("torch")
def arange(
    start: Any = None,
    end: Any = None,
    step: Any = 1,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    out: Any = None,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """``start``, ``start + step``, ... up to but not including ``end``.

    Args:
        start, end, step: numbers; one number alone is ``end``, counted from 0. A negative ``step`` counts down.
        dtype: int64 if all three are integers, else the default floating type, unless given.
        device, requires_grad: of the result; the CPU unless given.
        pin_memory: accepted and ignored.
        layout: ``torch.strided``, which is the only one here.

    Returns:
        A vector of ``ceil((end - start) / step)`` numbers.

    Raises:
        RuntimeError: ``step`` is 0 or leads away from ``end``, or a number is not finite.
        NotImplementedError: ``dtype`` is bool.
        NotImplementedError: another ``layout``.

    >>> torch.arange(4)
    tensor([0, 1, 2, 3])
    >>> torch.arange(1, 2.5, 0.5)
    tensor([1.0000, 1.5000, 2.0000])
    """
    if layout is not None:
        strided(layout, "arange")
    if out is not None:
        return into(out, COUNTED, arange, start, end, step, dtype=dtype, device=device, requires_grad=requires_grad)
    if start is None or end is None:
        start, end = 0, start if end is None else end
    if (
        start.__class__ is end.__class__ is step.__class__ is int
        and step > 0
        and -_SHORT <= start <= end <= _SHORT
        and (dtype is None or dtype is dtypes.int64)
        and requires_grad is False
        and as_device(device) is CPU
    ):
        values = np.arange(start, end, step, dtype=_INT64)  # nothing to check: what programs write in their loops
        return make(values, values.shape, _INT64_KIND)
    if not (start.__class__ is end.__class__ is step.__class__ is int):
        start, end, step = (
            _scalar(start, "arange", "start"),
            _scalar(end, "arange", "end"),
            _scalar(step, "arange", "step"),
        )
    if dtype is None:
        floating = isinstance(start, float) or isinstance(end, float) or isinstance(step, float)
        d = dtypes.get_default_dtype() if floating else dtypes.int64
    else:
        d = dtypes.as_dtype(dtype)
        if d is dtypes.bool:
            raise NotImplementedError('"arange" not implemented for bool; cast the result of another type')
    if not d.is_floating_point:
        if not (math.isfinite(start) and math.isfinite(end)):
            raise RuntimeError(f"unsupported range: {start} -> {end}")
        if d is dtypes.int64:
            start, end, step = element(start, d), element(end, d), element(step, d) if math.isfinite(step) else 0
    n = _steps(start, end, step)
    where = as_device(device)
    if where.type == "meta":
        return _empty((n,), d, where)
    if d.is_floating_point:
        values = start + step * counting(n).astype(np.float64)
    else:
        values = counting(n)
        if step != 1:
            values *= element(step, dtypes.int64)
        if start:
            values += element(start, dtypes.int64)
        if d is dtypes.int64 and where is CPU:
            return finish(make(values, (n,), kind(d, CPU)), requires_grad)
    return _counted(values, d, where, requires_grad)


def _steps(start: Any, end: Any, step: Any) -> int:
    """How many numbers ``arange`` gives."""
    if step != step or not step:
        raise RuntimeError("step must be nonzero")
    if not (math.isfinite(start) and math.isfinite(end)):
        raise RuntimeError(f"unsupported range: {start} -> {end}")
    if (end < start) if step > 0 else (end > start):
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    if isinstance(start, int) and isinstance(end, int) and isinstance(step, int):
        return -((start - end) // step)
    n = (float(end) - float(start)) / float(step)
    if not math.isfinite(n):
        raise RuntimeError(f"invalid size, possible overflow? ({start} -> {end} in steps of {step})")
    return math.ceil(n)


def counting(n: int) -> np.ndarray:
    """0 to n - 1 as int64, in the memory of tensors; an error that says so where that is not enough."""
    if n < 1 << 12:
        return np.arange(n)
    a = allocate_cpu(n, _INT64)
    a[:] = np.arange(n)
    return a


_INT64 = np.dtype(np.int64)
_INT64_KIND = kind(dtypes.int64, CPU)
_SHORT = 1 << 11  # ends between which a row lies that needs no memory of its own kind


def _bound(value: Any, d: DType, op: str, name: str) -> float:
    """Where a row of numbers begins or ends."""
    value = _scalar(value, op, name)
    if d is dtypes.bool:
        raise NotImplementedError(f'"{op}" not implemented for bool; cast the result of another type')
    return float(element(value, d))


def _evenly(start: float, end: float, steps: int, op: str) -> np.ndarray:
    """Evenly spaced numbers, counted from both ends, so that both are met."""
    if steps < 0:
        raise RuntimeError(f"number of steps must be non-negative ({op}: steps={steps})")
    if steps < 2:
        return np.full(steps, start)
    with np.errstate(invalid="ignore", over="ignore"):
        step = (end - start) / (steps - 1)
        i = counting(steps).astype(np.float64)
        return np.where(i < steps // 2, start + step * i, end - step * i[::-1])


def _some_complex(*numbers: Any) -> bool:
    return any(n.dtype.is_complex if isinstance(n, Tensor) else isinstance(n, complex) for n in numbers)


def _of(number: Any) -> tuple[Any, Any]:
    """The real and the imaginary part."""
    number = complex(number)
    return number.real, number.imag


@exported("torch")
def linspace(
    start: Any,
    end: Any,
    steps: int,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    out: Any = None,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """``steps`` evenly spaced numbers from ``start`` to ``end``, both included.

    Args:
        start, end: numbers.
        steps: how many; of one it is ``start``.
        dtype, device, requires_grad: of the result; the default floating type and the CPU unless given.
        pin_memory: accepted and ignored.
        layout: ``torch.strided``, which is the only one here.

    Returns:
        A vector of ``steps`` numbers.

    Raises:
        RuntimeError: ``steps`` is negative.
        NotImplementedError: ``dtype`` is bool.
        NotImplementedError: another ``layout``.

    >>> torch.linspace(0, 1, 5)
    tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
    """
    if layout is not None:
        strided(layout, "linspace")
    if out is not None:
        return into(out, FILLED, linspace, start, end, steps, dtype=dtype, device=device, requires_grad=requires_grad)
    d = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)
    steps = integer(steps, "linspace", "steps")
    if d.is_complex or _some_complex(start, end):
        parts = [_evenly(float(a), float(b), steps, "linspace") for a, b in zip(_of(start), _of(end), strict=True)]
        return _counted(parts[0] + 1j * parts[1], d.to_complex(), device, requires_grad)
    values = _evenly(_bound(start, d, "linspace", "start"), _bound(end, d, "linspace", "end"), steps, "linspace")
    return _counted(values, d, device, requires_grad)


@exported("torch")
def logspace(
    start: Any,
    end: Any,
    steps: int,
    base: float = 10.0,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    out: Any = None,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """``base`` to the power of ``steps`` evenly spaced numbers from ``start`` to ``end``, both included.

    Args:
        start, end: the first and the last exponent.
        steps: how many; of one it is ``start``.
        base: a number; it or the exponents may be complex, and the result is then.
        dtype, device, requires_grad: of the result; the default floating type and the CPU unless given.
        pin_memory: accepted and ignored.
        layout: ``torch.strided``, which is the only one here.

    Returns:
        A vector of ``steps`` numbers.

    Raises:
        RuntimeError: ``steps`` is negative.
        NotImplementedError: ``dtype`` is bool.
        NotImplementedError: another ``layout``.

    >>> torch.logspace(0, 3, 4)
    tensor([   1.,   10.,  100., 1000.])
    """
    if layout is not None:
        strided(layout, "logspace")
    if out is not None:
        return into(
            out, FILLED, logspace, start, end, steps, base, dtype=dtype, device=device, requires_grad=requires_grad
        )
    d = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)
    steps = integer(steps, "logspace", "steps")
    if d.is_complex or _some_complex(start, end, base):
        parts = [_evenly(float(a), float(b), steps, "logspace") for a, b in zip(_of(start), _of(end), strict=True)]
        with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
            return _counted(np.power(complex(base), parts[0] + 1j * parts[1]), d.to_complex(), device, requires_grad)
    if steps == 1:  # as it is given, also where the type has only integers
        start, _ = _scalar(start, "logspace", "start"), _scalar(end, "logspace", "end")
        return _counted(np.array([float(base) ** float(start)]), d, device, requires_grad)
    values = _evenly(_bound(start, d, "logspace", "start"), _bound(end, d, "logspace", "end"), steps, "logspace")
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        return _counted(np.power(float(base), values), d, device, requires_grad)


@exported("torch")
def meshgrid(*tensors: Any, indexing: str | None = None) -> tuple[Tensor, ...]:
    """The coordinates of all points of a grid, from the coordinates along each axis.

    Args:
        *tensors: vectors, or one sequence of vectors, of one type and device.
        indexing: ``"ij"`` (and None): the first vector runs along dimension 0; ``"xy"``: along dimension 1.

    Returns:
        For each vector a view of the shape of the grid: (n1, n2, ...), of ``"xy"`` (n2, n1, ...).

    Raises:
        RuntimeError: no vectors, tensors of two or more dimensions, types or devices that differ, or another
            ``indexing``.
        TypeError: an argument is no tensor.

    >>> x, y = torch.meshgrid(torch.tensor([1, 2, 3]), torch.tensor([4, 5]), indexing="xy")
    >>> x
    tensor([[1, 2, 3],
            [1, 2, 3]])
    >>> y
    tensor([[4, 4, 4],
            [5, 5, 5]])
    """
    if indexing not in ("ij", "xy", None):
        raise RuntimeError(f'meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
    vectors = list(tensors[0] if len(tensors) == 1 and isinstance(tensors[0], list | tuple) else tensors)
    if not vectors:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    for i, v in enumerate(vectors):
        if not isinstance(v, Tensor):
            raise TypeError(f"meshgrid(): expected Tensor as element {i}, but got {type(v).__name__}")
        if v.ndim > 1:
            raise RuntimeError(
                f"torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got shape {list(v.shape)} at "
                f"position {i}"
            )
        if v.dtype is not vectors[0].dtype:
            raise RuntimeError(
                "torch.meshgrid expects all tensors to have the same dtype, but got "
                f"{vectors[0].dtype.name} and {v.dtype.name}"
            )
        if v.device != vectors[0].device:
            raise RuntimeError(
                f"torch.meshgrid expects all tensors to have the same device, but got {vectors[0].device} and "
                f"{v.device}"
            )
    shape = tuple(v.shape.numel() for v in vectors)
    grids = []
    for i, v in enumerate(vectors):
        at = [1] * len(shape)
        at[i] = shape[i]
        grids.append(movement.expand_to(movement.reshape(v, at), shape))
    if indexing == "xy" and len(vectors) >= 2:
        grids = [movement.transpose(v, 0, 1) for v in grids]
    return tuple(grids)
