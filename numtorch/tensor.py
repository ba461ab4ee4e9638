"""The methods of Tensor, bound from the ops: ``x.exp()`` is ``exp(x)``; ``x.exp_()`` is the in-place version.

Nothing is computed here. A method is an op's function, or returns a property of the tensor in one line.
"""

from __future__ import annotations

import builtins
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import numtorch.dtype as dtypes
from numtorch import absent, copying, exports, gradients, operators, ops, printing
from numtorch._tensor import Tensor, as_ndarray, placed, reshaped
from numtorch.arguments import flag
from numtorch.autograd.inplace import single
from numtorch.device import as_device
from numtorch.dispatch import aliases
from numtorch.dispatch.elementwise import ElementwiseOp
from numtorch.dispatch.front import PUBLIC, Signature
from numtorch.grad_mode import mode
from numtorch.ops import arithmetic, comparison, creation, indexing, movement, reduction
from numtorch.ops.movement import views
from numtorch.storage import tick, wrap_dim
from numtorch.tensor_types import TYPE_NAMES, dtype_of, legacy

# --- functions that say they are methods --------------------------------------------------------------

ops.import_all()
for _name, _fn in exports.PLACES["Tensor"].items():
    setattr(Tensor, _name, aliases.public(_fn, "numtorch", f"Tensor.{_name}"))
Tensor.unflatten = movement.unflatten  # which knows no axis, in torch either
Tensor.swapaxes, Tensor.swapdims = movement.swapaxes, movement.transpose
Tensor.moveaxis = movement.movedim
Tensor.mH = property(movement.adjoint)


def _method(fn: Callable) -> Callable:
    """Bind a function as a method under its own name."""
    setattr(Tensor, fn.__name__, fn)
    return fn


def _property(fn: Callable) -> Callable:
    setattr(Tensor, fn.__name__, property(fn))
    return fn


# --- in-place forms -------------------------------------------------------------------------------------


def _inplace(o: ElementwiseOp) -> Callable:
    extra = len(o.tensors) - 1
    names = [*[PUBLIC.get(n, n) for n in o.tensors[1:]], *[n for n, _ in o.params]]
    if o.name == "lerp":
        names[0] = "end"
    defaults = {n: d for n, d in o.params if d is not inspect.Parameter.empty}

    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if kwargs or len(args) != len(names):
            args = _bound(method.__name__, names, defaults, args, kwargs)
        return o.inplace(self, args[:extra], args[extra:])

    return _named(method, o.name + "_", o)


def _named(method: Any, name: str, of: Any) -> Callable:
    """The in-place form of what it stands for, whose parameters it takes: the stubs tell them."""
    method.__name__, method.__doc__, method.overwrites = name, f"In-place ``{name[:-1]}``.", of
    method.__module__, method.__qualname__ = "numtorch", f"Tensor.{name}"
    method.__signature__ = Signature(lambda: _without_out(getattr(of, "call", of)))
    return method


def _without_out(call: Callable) -> inspect.Signature:
    """The signature of an in-place form: of the function, on ``self``, without ``out``."""
    first, *rest = inspect.signature(call).parameters.values()
    return inspect.Signature([first.replace(name="self"), *[p for p in rest if p.name != "out"]])


def _bound(name: str, names: list, defaults: dict, args: tuple, given: dict) -> tuple:
    """All arguments in their order; TypeError for one that is missing, unknown, or one too many."""
    if len(args) > len(names):
        raise TypeError(f"{name}() takes {len(names)} arguments ({', '.join(names)}), but {len(args)} were given")
    values = list(args)
    for n in names[len(args) :]:
        if n not in given and n not in defaults:
            raise TypeError(f"{name}() missing 1 required positional argument: '{n}'")
        values.append(given.pop(n) if n in given else defaults[n])
    if given:
        raise TypeError(f"{name}() got an unexpected keyword argument '{next(iter(given))}'")
    return tuple(values)


_forms: dict[Any, Callable] = {}
for _name, _fn in exports.OVERWRITING.items():
    if isinstance(_fn.op, ElementwiseOp) and not hasattr(Tensor, _name):
        _forms[_fn] = _forms.get(_fn) or _inplace(_fn.op)
        setattr(Tensor, _name, _forms[_fn])


def _overwriting(name: str, fn: Callable) -> None:
    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if not self._k.contiguous:
            single(self, name)
        since = tick()
        return indexing.overwrite(self, fn(self, *args, **kwargs), since, name)

    setattr(Tensor, name, _named(method, name, fn))


for _name in (
    "scatter",
    "scatter_add",
    "scatter_reduce",
    "index_reduce",
    "put",
    "masked_scatter",
    "index_add",
    "index_copy",
):
    _overwriting(_name + "_", getattr(Tensor, _name))

operators.bind()

# --- what the tensor is -----------------------------------------------------------------------------------


_item = tuple.__getitem__  # a Size has one of its own, in Python


def _of_dimension(numbers: tuple, dim: Any, op: str) -> int:
    if dim.__class__ is int:
        try:
            return _item(numbers, dim)
        except IndexError:
            pass
    d = wrap_dim(dim, len(numbers), op)
    if not numbers:
        raise IndexError(f"{op}: Dimension specified as {dim} but tensor has no dimensions")
    return _item(numbers, d)


def _one(dim: int | None, axis: int | None) -> int | None:
    if dim is not None:
        raise TypeError("size() and stride() take one dimension; 'dim' and 'axis' are two names of it")
    return axis


@_method
def size(self: Tensor, dim: int | None = None, axis: int | None = None) -> Any:
    """The shape, or the size of one dimension."""
    if axis is not None:
        dim = _one(dim, axis)
    return self.shape if dim is None else _of_dimension(self.shape, dim, "size")


@_method
def stride(self: Tensor, dim: int | None = None, axis: int | None = None) -> Any:
    """Steps between neighbours along each dimension, in elements."""
    if axis is not None:
        dim = _one(dim, axis)
    return self.strides if dim is None else _of_dimension(self.strides, dim, "stride")


@_method
def dim(self: Tensor) -> int:
    """Number of dimensions."""
    return len(self.shape)


Tensor.ndimension = dim


@_method
def where(self: Tensor, condition: Tensor, other: Any) -> Tensor:
    """This tensor's elements where the condition holds, else ``other``'s.

    >>> import numtorch as torch
    >>> x = torch.tensor([-1.0, 2.0])
    >>> x.where(x > 0, 0.0)
    tensor([0., 2.])
    """
    return comparison.where(condition, self, other)


@_method
def numel(self: Tensor) -> int:
    """Number of elements."""
    return self.shape.numel()


Tensor.nelement = numel


@_method
def element_size(self: Tensor) -> int:
    """Bytes of one element."""
    return self.dtype.itemsize


@_method
def storage_offset(self: Tensor) -> int:
    """Where the tensor begins in its storage, in elements."""
    return self._offset


@_method
def data_ptr(self: Tensor) -> int:
    """Address of the first element."""
    return (
        self._buf.__array_interface__["data"][0] if self.device.type == "cpu" else self._buf.device_ctypes_pointer.value
    )


@_method
def is_contiguous(self: Tensor, memory_format: Any = None) -> bool:
    """Whether elements are in row-major order."""
    return self._k.contiguous


@_method
def is_floating_point(self: Tensor) -> bool:
    """Whether the dtype is floating."""
    return self.dtype.is_floating_point


@_method
def is_complex(self: Tensor) -> bool:
    """Whether the dtype is complex."""
    return False


@_property
def ndim(self: Tensor) -> int:
    """Number of dimensions."""
    return len(self.shape)


@_property
def nbytes(self: Tensor) -> int:
    """Bytes of all elements."""
    return self.shape.numel() * self.dtype.itemsize


@_property
def itemsize(self: Tensor) -> int:
    """Bytes of one element."""
    return self.dtype.itemsize


@_property
def is_cuda(self: Tensor) -> bool:
    """Whether on a GPU."""
    return self.device.type == "cuda"


@_property
def is_meta(self: Tensor) -> bool:
    """Whether without elements."""
    return self.device.type == "meta"


@_property
def T(self: Tensor) -> Tensor:
    """Dimensions reversed."""
    n = len(self.shape)
    dims = _REVERSED[n] if n < 9 else tuple(range(n - 1, -1, -1))
    if self._edge is None or not mode.grad:  # nothing is recorded
        return placed(self, views.permuted(self.shape, self._strides, dims))
    return movement.permute(self, dims)


_REVERSED = [tuple(range(n - 1, -1, -1)) for n in range(9)]


@_property
def H(self: Tensor) -> Tensor:
    """A matrix transposed (and, of complex numbers, conjugated)."""
    if self.ndim not in (0, 2):
        raise RuntimeError(
            f"tensor.H is only supported on matrices (2-D tensors). Got {self.ndim}-D tensor."
            + (" For batches of matrices, consider using tensor.mH" if self.ndim > 2 else "")
        )
    return movement.adjoint(self)


@_method
def split_with_sizes(self: Tensor, split_sizes: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Pieces of the given sizes, as views."""
    if not isinstance(split_sizes, tuple | list):
        raise TypeError(
            f"split_with_sizes(): argument 'split_sizes' must be tuple of ints, not {split_sizes.__class__.__name__}"
        )
    return movement.split(self, split_sizes, dim)


Tensor.split_with_sizes = aliases.public(split_with_sizes, "numtorch", "Tensor.split_with_sizes")


@_property
def mT(self: Tensor) -> Tensor:
    """The last two dimensions exchanged."""
    if not self.shape:
        return self
    if self.ndim < 2:
        raise RuntimeError(f"tensor.mT is only supported on matrices or batches of matrices. Got {self.ndim}-D tensor.")
    return movement.transpose(self, -2, -1)


@_method
def __len__(self: Tensor) -> int:
    if not self.shape:
        raise TypeError("len() of a 0-d tensor")
    return self.shape[0]


@_method
def __iter__(self: Tensor) -> Iterator[Tensor]:
    if not self.shape:
        raise TypeError("iteration over a 0-d tensor")
    return iter(movement.unbind(self, 0))


@_method
def __contains__(self: Tensor, value: Any) -> bool:
    return bool(reduction.any(arithmetic.eq(self, value)).item())


_TYPES = dtypes.dtype, builtins.type
_SEQUENCES = tuple, list


@_method
def view(self: Tensor, *shape: Any, size: Any = None, dtype: Any = None) -> Tensor:
    """The same elements in another shape, without copying (see ``reshape``); or their memory as elements of another
    dtype.

    >>> import numtorch as torch
    >>> torch.ones(2).view(torch.int32), torch.zeros(2, 3).view(torch.uint8).shape
    (tensor([1065353216, 1065353216], dtype=torch.int32), torch.Size([2, 12]))
    """
    if size is dtype:  # neither is given
        for n in shape:
            if n.__class__ is not builtins.int:
                break
        else:
            if self._k.contiguous and (self._edge is None or not mode.grad):  # nothing is recorded
                return reshaped(self, views.filled(self.shape, shape, "view"))
            return movement.view_as_shape(self, shape)
    if (size is not None or dtype is not None) and (shape or (size is not None and dtype is not None)):
        raise TypeError("view() takes either a size or a dtype; write x.view(dtype).view(size) for both")
    if size is not None:
        shape = (size,)
    elif dtype is not None or isinstance(shape[0], _TYPES):
        return movement.view_bits(self, dtypes.as_dtype(shape[0] if dtype is None else dtype))
    return movement.view_as_shape(self, movement.shape_args(shape, "view"))


@_method
def view_as(self: Tensor, other: Tensor) -> Tensor:
    """``view(other.shape)``."""
    return movement.view_as_shape(self, other.shape)


@_method
def reshape_as(self: Tensor, other: Tensor) -> Tensor:
    """``reshape(other.shape)``."""
    return movement.reshape(self, other.shape)


_plain_permute = movement.permute


@_method
def permute(self: Tensor, *given: Any, dims: Any = None) -> Tensor:
    """Dimensions in another order."""
    if dims is not None:
        given = movement.arguments.by_name(given, dims, "permute", "dims")
    elif not given and self.shape:
        raise TypeError(
            "permute() missing 1 required positional argument: 'dims', in their new order; the tensor has "
            f"{len(self.shape)}"
        )
    return _plain_permute(self, given[0] if len(given) == 1 and isinstance(given[0], _SEQUENCES) else given)


# --- values out ---------------------------------------------------------------------------------------------


@_method
def item(self: Tensor) -> Any:
    """The one element as a Python number."""
    if self.shape.numel() != 1:
        raise RuntimeError(f"a Tensor with {self.shape.numel()} elements cannot be converted to Scalar")
    if self._k.device.type == "meta":
        raise RuntimeError("Tensor.item() cannot be called on meta tensors")
    if self._k.device.type == "cpu" and not self._k.dtype.is_half:
        return self._buf.item(0)
    return creation.to_ndarray(movement.to(self.detach(), "cpu")).item()


@_method
def tolist(self: Tensor) -> Any:
    """Nested lists of Python numbers."""
    return creation.to_ndarray(movement.to(self.detach(), "cpu")).tolist()


@_method
def numpy(self: Tensor, *, force: bool = False) -> np.ndarray:
    """A NumPy array that shares the memory (bfloat16, which NumPy lacks, raises: cast with .float()).

    A tensor that wants a gradient has one only under ``no_grad``, as what is written to it goes unrecorded.
    """
    x = self
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


@_method
def __array__(self: Tensor, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
    a = numpy(self)
    a = a if dtype is None else a.astype(dtype, copy=False)
    return a.copy() if copy else a


Tensor.__array_priority__ = 1000  # so that ndarray + tensor asks the tensor


@_method
def __array_wrap__(self: Tensor, array: np.ndarray, context: Any = None, return_scalar: bool = False) -> Tensor:
    return creation.from_numpy(np.asarray(array))


@_method
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


@_method
def __int__(self: Tensor) -> int:
    return int(_number(self))


@_method
def __float__(self: Tensor) -> float:
    return float(_number(self))


@_method
def __index__(self: Tensor) -> int:
    if self.dtype.is_floating_point or self.shape.numel() != 1:
        raise TypeError("only integer tensors of a single element can be converted to an index")
    return int(self.item())


@_method
def __format__(self: Tensor, spec: str) -> str:
    return format(self.item(), spec) if not self.shape else object.__format__(self, spec)


@_method
def _repr_html_(self: Tensor) -> str:
    from numtorch import display

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


@_method
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


_DECODED = {
    dtypes.float16: lambda bits: bits.view(np.float16).astype(np.float32),
    dtypes.bfloat16: lambda bits: (bits.astype(np.uint32) << 16).view(np.float32),
}


# --- types and devices --------------------------------------------------------------------------------------

for _d, _names in {
    dtypes.float32: "float",
    dtypes.float64: "double",
    dtypes.float16: "half",
    dtypes.bfloat16: "bfloat16",
    dtypes.int64: "long",
    dtypes.int32: "int",
    dtypes.int16: "short",
    dtypes.int8: "char",
    dtypes.uint8: "byte",
    dtypes.bool: "bool",
}.items():

    def _cast_method(self: Tensor, *, memory_format: Any = None, _d: Any = _d) -> Tensor:
        return self if self._k.dtype is _d else movement.as_type(self, _d)

    _cast_method.__name__, _cast_method.__qualname__ = _names, f"Tensor.{_names}"
    _cast_method.__module__ = "numtorch"
    _cast_method.__code__ = _cast_method.__code__.replace(co_name=_names, co_qualname=_names)
    _cast_method.__doc__ = f"The elements as {_d.name}."
    setattr(Tensor, _names, _cast_method)


@_method
def type(self: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """The type's name; or the tensor cast to a dtype, a tensor type, or the name of one."""
    if dtype is None:
        return (
            TYPE_NAMES[self.dtype]
            if self.device.type == "cpu"
            else TYPE_NAMES[self.dtype].replace("torch.", "torch.cuda.")
        )
    return movement.to(self, dtype_of(dtype))


@_method
def type_as(self: Tensor, other: Tensor) -> Tensor:
    """Cast and moved to be like another tensor."""
    if not isinstance(other, Tensor):
        raise TypeError(f"type_as(): argument 'other' (position 1) must be Tensor, not {other.__class__.__name__}")
    return movement.to(self, other)


@_method
def cpu(self: Tensor) -> Tensor:
    """On the CPU; itself if it is there."""
    return movement.to(self, "cpu")


@_method
def cuda(self: Tensor, device: Any = None, non_blocking: bool = False) -> Tensor:
    """On a GPU."""
    return movement.to(self, as_device("cuda" if device is None else device))


@_method
def pin_memory(self: Tensor, device: Any = None) -> Tensor:
    """The tensor itself: host memory is not pinned."""
    return self


def _as_here(x: Tensor, dtype: Any, device: Any) -> dict[str, Any]:
    """A type and a device: as told, else those of ``x``."""
    return {"dtype": x.dtype if dtype is None else dtype, "device": x.device if device is None else device}


@_method
def new_tensor(
    self: Tensor, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A tensor of the data with this tensor's dtype and device unless given."""
    return creation.tensor(data, **_as_here(self, dtype, device), requires_grad=requires_grad)


def _new(name: str, fn: Callable) -> None:
    def method(self: Tensor, *args: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
        return fn(*args, **_as_here(self, dtype, device), requires_grad=requires_grad)

    method.__name__, method.__module__, method.__qualname__ = name, "numtorch", f"Tensor.{name}"
    method.__doc__ = f"As ``{fn.__name__}``, with this tensor's dtype and device unless given."
    setattr(Tensor, name, method)


for _name in ("zeros", "ones", "empty", "full"):
    _new("new_" + _name, getattr(creation, _name))

# --- gradients ----------------------------------------------------------------------------------------------

for _fn in (
    gradients.requires_grad_,
    gradients.backward,
    gradients.detach,
    gradients.detach_,
    gradients.retain_grad,
    gradients.register_hook,
    gradients.register_post_accumulate_grad_hook,
):
    _method(_fn)
for _fn in (gradients.grad_fn, gradients.is_leaf, gradients.output_nr, gradients.retains_grad):
    _property(_fn)
Tensor.requires_grad = property(gradients.get_requires_grad, gradients.set_requires_grad)
Tensor.grad = property(gradients.get_grad, gradients.set_grad, gradients.delete_grad)
Tensor.data = property(gradients.get_data, gradients.set_data)

# --- copies and pickles ---------------------------------------------------------------------------------------


Tensor.__copy__ = copying.shallow
Tensor.__deepcopy__ = copying.deep
Tensor.__reduce_ex__ = copying.reduce_ex
_rebuild = copying.rebuild  # the name in pickles of earlier versions


@_method
def share_memory_(self: Tensor) -> Tensor:
    """The tensor itself; worker processes receive copies."""
    return self


@_method
def __dir__(self: Tensor) -> list[str]:
    return [n for n in object.__dir__(self) if not isinstance(Tensor.__dict__.get(n), absent.Withheld)]


def _made(cls: builtins.type, *args: Any, device: Any = None, **unknown: Any) -> Tensor:
    """``torch.Tensor([1, 2])`` and ``torch.Tensor(2, 3)``, in the default dtype; ops make theirs by
    ``object.__new__``."""
    if unknown:
        more = "; torch.tensor(data, dtype=...) and torch.empty(size, dtype=...) take one" if "dtype" in unknown else ""
        raise TypeError(f"new() got an unexpected keyword argument {next(iter(unknown))!r}{more}")
    made = legacy(args, dtypes.get_default_dtype(), device)
    if cls is not Tensor:
        made.__class__ = cls
    return made


Tensor.__new__ = _made  # type: ignore[assignment]
absent.withhold(Tensor)
