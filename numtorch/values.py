"""The methods of a tensor that give its elements to Python, to NumPy and to readers."""

from __future__ import annotations

from typing import Any

import numpy as np

import numtorch.dtype as dtypes
from numtorch import display, printing
from numtorch._sparse import SparseTensor
from numtorch._tensor import Tensor, as_ndarray
from numtorch.arguments import flag
from numtorch.device import CPU
from numtorch.grad_mode import mode
from numtorch.layouts import sparse_coo
from numtorch.methods import method
from numtorch.ops import creation, movement

_DIRECT = {*dtypes.ALL} - {*dtypes.HALVES}  # the types whose elements NumPy gives to Python

_REAL = _DIRECT - {*dtypes.COMPLEXES}


@method
def item(self: Tensor) -> Any:
    """The one element as a Python number.

    Returns:
        A float, complex, int or bool.

    Raises:
        RuntimeError: the tensor has not one element, or is on the device ``"meta"``.

    >>> torch.tensor([2.5]).item()
    2.5
    """
    k = self._k
    if k.contiguous and k.dtype in _DIRECT and k.device is CPU and self._buf.size == 1:
        return self._buf.item()
    if self.shape.numel() != 1:
        raise RuntimeError(f"a Tensor with {self.shape.numel()} elements cannot be converted to Scalar")
    if self._k.device.type == "meta":
        raise RuntimeError("Tensor.item() cannot be called on meta tensors")
    if self._k.device.type == "cpu" and not self._k.dtype.is_half:
        return self._buf.item(0)
    return creation.to_ndarray(movement.to(self.detach(), "cpu")).item()


@method
def tolist(self: Tensor) -> Any:
    """The elements as nested lists of Python numbers.

    Returns:
        A list; of a 0-dim tensor a number.

    >>> torch.tensor([[1, 2], [3, 4]]).tolist()
    [[1, 2], [3, 4]]
    """
    if self._k.device is CPU and self._k.dtype in _DIRECT:
        return self._buf.tolist() if self._k.contiguous and len(self.shape) == 1 else as_ndarray(self).tolist()
    return creation.to_ndarray(movement.to(self.detach(), "cpu")).tolist()


@method
def numpy(self: Tensor, *, force: bool = False) -> np.ndarray:
    """A NumPy array that shares the memory.

    Args:
        force: of a tensor in a graph or on a GPU, give the elements outside it.

    Returns:
        An array of the shape and dtype.

    Raises:
        RuntimeError: the tensor requires a gradient, outside ``no_grad``: what is written to the array would go
            unrecorded.
        TypeError: the tensor is not on the CPU, or is bfloat16, which NumPy lacks.

    >>> torch.tensor([1.0, 2.0]).numpy()
    array([1., 2.], dtype=float32)
    """
    x, k = self, self._k
    plain = k.contiguous and k.device is CPU and k.dtype in _DIRECT
    if plain and force is False and (x._edge is None or not mode.grad):  # nearly every call
        return x._buf.reshape(x.shape)
    if force is not False and flag(force, "numpy", "force"):
        x = movement.to(x.detach(), "cpu")
    elif x._edge is not None and mode.grad:
        raise RuntimeError(
            "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead (for plots and "
            "functions of NumPy, which ask for an array: tensor.detach())."
        )
    if x.device.type != "cpu":
        raise TypeError(
            f"can't convert {x.device} device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host "
            "memory first."
        )
    if x.dtype is dtypes.bfloat16:
        raise TypeError("Got unsupported ScalarType BFloat16; cast with .float() first")
    a = as_ndarray(x)
    return a.view(np.float16) if x.dtype is dtypes.float16 else a


def _written(self: Tensor, name: str, others: tuple[Tensor, ...], f: Any) -> Tensor:
    """Each element becomes ``f`` of itself and of the elements of the others at its place."""
    if mode.grad and self.requires_grad:
        raise RuntimeError(f"Can't call {name}() on Variable that requires grad. Use var.detach().{name}() instead.")
    for i, other in enumerate(others):
        if not isinstance(other, Tensor):
            which = "other" if len(others) == 1 else "xy"[i]
            raise TypeError(
                f"{name}(): argument '{which}' (position {i + 1}) must be Tensor, not {type(other).__name__}"
            )
        if other.dtype is not self.dtype or other.device != self.device:
            raise TypeError(f"{name}: expected {self.type()} for 'other' (got {other.type()})")
    if self.device.type == "meta":
        return self
    if self.device.type != "cpu":
        raise TypeError(f"{name} is only implemented on CPU tensors")
    spread = [movement.expand(other.detach(), self.shape).reshape(-1).tolist() for other in others]
    values = [f(*element) for element in zip(self.detach().reshape(-1).tolist(), *spread, strict=True)]
    for v in values:
        if not isinstance(v, int | float | complex | np.number | np.bool_ | Tensor):
            raise TypeError(f"{name}: the function must return a number, not {type(v).__name__}")
        if self.dtype in dtypes.INTEGERS and isinstance(v, float | np.floating) and not np.isfinite(v):
            raise RuntimeError(f"{name}: value cannot be converted to type {self.dtype.name} without overflow: {v}")
    whole = int if self.dtype in dtypes.INTEGERS else None  # a fraction is dropped, as in torch
    made = creation.tensor([whole(v) if whole else v for v in values], dtype=self.dtype)
    self.copy_(made.reshape(self.shape))
    return self


@method
def apply_(self: Tensor, callable: Any) -> Tensor:
    """Replace each element by a Python function of it: slow, as each element is a Python number for a while.

    Args:
        callable: takes a number, returns a number.

    Returns:
        The tensor.

    Raises:
        RuntimeError: the tensor requires a gradient.
        TypeError: it is not on the CPU, or the function gives something that is no number.

    >>> torch.tensor([1.0, 2.0]).apply_(lambda v: v * v + 1)
    tensor([2., 5.])
    """
    return _written(self, "apply_", (), callable)


@method
def map_(self: Tensor, tensor: Tensor, callable: Any) -> Tensor:
    """Replace each element by a Python function of it and of the element of another tensor at its place.

    Args:
        tensor: of the same dtype; broadcast to the shape of this one.
        callable: takes two numbers, returns a number.

    Returns:
        The tensor.

    Raises:
        RuntimeError: the tensor requires a gradient, or the shapes do not fit.
        TypeError: the dtypes differ, or the tensors are not on the CPU.

    >>> torch.tensor([1.0, 5.0]).map_(torch.tensor([3.0, 2.0]), max)
    tensor([3., 5.])
    """
    return _written(self, "map_", (tensor,), callable)


@method
def map2_(self: Tensor, x: Tensor, y: Tensor, callable: Any) -> Tensor:
    """Replace each element by a Python function of it and of the elements of two other tensors at its place.

    Args:
        x, y: of the same dtype; broadcast to the shape of this one.
        callable: takes three numbers, returns a number.

    Returns:
        The tensor.

    Raises:
        RuntimeError: the tensor requires a gradient, or the shapes do not fit.
        TypeError: the dtypes differ, or the tensors are not on the CPU.

    >>> torch.tensor([1.0, 5.0]).map2_(torch.tensor([3.0, 2.0]), torch.tensor([0.0, 1.0]), lambda a, b, c: a + b * c)
    tensor([1., 7.])
    """
    return _written(self, "map2_", (x, y), callable)


@method
def __array__(self: Tensor, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
    a = numpy(self)
    given = a if dtype is None else a.astype(dtype, copy=False)
    if copy is False and given is not a:
        raise ValueError(
            f"Unable to avoid copy while creating an array as requested: the tensor is {self.dtype.name}, and "
            f"{np.dtype(dtype)} is asked for; pass copy=None"
        )
    return given.copy() if copy and given is a else given


Tensor.__array_priority__ = 1000  # so that ndarray + tensor asks the tensor


@method
def __array_wrap__(self: Tensor, array: np.ndarray, context: Any = None, return_scalar: bool = False) -> Tensor:
    return creation.from_numpy(np.asarray(array))


@method
def __bool__(self: Tensor) -> bool:
    n = self.shape.numel()
    if n != 1:
        raise RuntimeError(
            "Boolean value of Tensor with no values is ambiguous"
            if n == 0
            else "Boolean value of Tensor with more than one value is ambiguous"
        )
    return bool(self.item())


def _number(x: Tensor) -> Any:
    if x.shape.numel() != 1:
        raise ValueError("only one element tensors can be converted to Python scalars")
    return x.item()


def _real_number(x: Tensor, kind: str) -> Any:
    value = _number(x)
    if value.__class__ is complex and value.imag:
        raise RuntimeError(f"value cannot be converted to type {kind} without overflow: {value} has an imaginary part")
    return value.real


@method
def __int__(self: Tensor) -> int:
    return int(_real_number(self, "int64_t"))


@method
def __float__(self: Tensor) -> float:
    k = self._k
    if k.dtype in _REAL and k.contiguous and k.device is CPU and self._buf.size == 1:
        return float(self._buf.item())
    return float(_real_number(self, "double"))


@method
def __complex__(self: Tensor) -> complex:
    return complex(_number(self))


@method
def __index__(self: Tensor) -> int:
    if self.dtype.differentiable or self.shape.numel() != 1:
        raise TypeError("only integer tensors of a single element can be converted to an index")
    return int(self.item())


@method
def __format__(self: Tensor, spec: str) -> str:
    return format(self.item(), spec) if not self.shape else object.__format__(self, spec)


@method
def _repr_html_(self: Tensor) -> str:
    title = f"{self.dtype.name} [{' × '.join(map(str, self.shape)) or 'scalar'}] on {self.device}"
    title += f", {self.grad_fn.name()}" if self.grad_fn is not None else ", requires_grad" if self.requires_grad else ""
    if self.device.type == "meta":
        return display.table([title], [])
    if self.numel() > 1 << 22:  # what is shown is a sample: a corner's worth of rows is enough to read
        self, rows = self.detach(), 1024
        for d in range(self.ndim - 2, -1, -1):
            self = movement.narrow(self, d, 0, min(self.shape[d], max(rows, 1)))
            rows //= self.shape[d]
        self = self.reshape(-1, self.shape[-1])[:, : 1 << 12] if self.ndim > 1 else self[: 1 << 16]
    values = creation.to_ndarray(movement.to(self.detach(), "cpu"))
    return display.tensor(values.astype(np.float32) if self.dtype.is_half else values, title)


@method
def __repr__(self: Tensor, *, tensor_contents: Any = None) -> str:
    name = None if self.dtype in (dtypes.get_default_dtype(), dtypes.int64, dtypes.bool) else repr(self.dtype)
    device_name = None if self.device.type == "cpu" else str(self.device)
    grad_fn = self.grad_fn.name() if self.grad_fn is not None else None
    if self.device.type == "meta":
        extra = "" if name is None else f", dtype={name}"
        return f"tensor(..., device='meta', size={tuple(self.shape)}{extra})"
    return printing.format_tensor(
        as_ndarray(movement.to(self.detach(), "cpu")),
        prefix="tensor(",
        dtype_name=name,
        device=device_name,
        requires_grad=self.requires_grad and grad_fn is None,
        grad_fn=grad_fn,
        decode=_DECODED.get(self.dtype),
    )


def _sparse_repr(self: SparseTensor, *, tensor_contents: Any = None) -> str:
    name = None if self.dtype in (dtypes.get_default_dtype(), dtypes.int64, dtypes.bool) else repr(self.dtype)
    grad_fn = self.grad_fn.name() if self.grad_fn is not None else None
    coo = self.layout is sparse_coo
    first, second, elements = (
        None if t is None else as_ndarray(movement.to(t.detach(), "cpu"))
        for t in (self.rows if coo else self.bounds, None if coo else self.places, self.elements)
    )
    return printing.format_sparse(
        first,  # type: ignore[arg-type]
        elements,  # type: ignore[arg-type]
        self.shape,
        dtype_name=name or "float32",
        requires_grad=self.requires_grad and grad_fn is None,
        grad_fn=grad_fn,
        layout=self.layout.name,
        places=second,
        decode=_DECODED.get(self.dtype),
    )


SparseTensor.__repr__ = SparseTensor._repr_html_ = _sparse_repr  # type: ignore[assignment, attr-defined]

_DECODED = {
    dtypes.float16: lambda bits: bits.view(np.float16).astype(np.float32),
    dtypes.bfloat16: lambda bits: (bits.astype(np.uint32) << 16).view(np.float32),
}
