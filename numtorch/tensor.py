"""The methods of Tensor that are not ops: what a tensor is, other shapes of it, types and devices, copies.

Nothing is computed here: a method calls an op, or returns a property of the tensor in one line.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator
from typing import Any

import numtorch.dlpack
import numtorch.dtype as dtypes
import numtorch.gradients
import numtorch.values  # noqa: F401 - binds methods, as gradients does
from numtorch import absent, copying, layouts
from numtorch._tensor import Tensor, placed, reshaped
from numtorch.device import as_device
from numtorch.grad_mode import mode
from numtorch.methods import attribute, method
from numtorch.ops import arithmetic, comparison, creation, movement, reduction
from numtorch.ops.movement import views
from numtorch.ops.sparse import methods as sparse_methods
from numtorch.storage import wrap_dim
from numtorch.tensor_types import TYPE_NAMES, legacy, place_of

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


@method
def size(self: Tensor, dim: int | None = None, axis: int | None = None) -> Any:
    """The shape, or the size of one dimension.

    Args:
        dim: which dimension; all of them if None.
        axis: another name of ``dim``.

    Returns:
        A ``Size``, or an int.

    Raises:
        IndexError: there is no such dimension.
        TypeError: both names are used.

    >>> x = torch.zeros(2, 3)
    >>> x.size(), x.size(1)
    (torch.Size([2, 3]), 3)
    """
    if axis is not None:
        dim = _one(dim, axis)
    return self.shape if dim is None else _of_dimension(self.shape, dim, "size")


@method
def stride(self: Tensor, dim: int | None = None, axis: int | None = None) -> Any:
    """Distance in memory between neighbours along each dimension, in elements.

    Args:
        dim: which dimension; all of them if None.
        axis: another name of ``dim``.

    Returns:
        A tuple, or an int.

    Raises:
        IndexError: there is no such dimension.
        TypeError: both names are used.

    >>> torch.zeros(2, 3).stride()
    (3, 1)
    """
    if axis is not None:
        dim = _one(dim, axis)
    return self.strides if dim is None else _of_dimension(self.strides, dim, "stride")


@method
def dim(self: Tensor) -> int:
    """The number of dimensions.

    Returns:
        An int.

    >>> torch.zeros(2, 3).dim()
    2
    """
    return len(self.shape)


Tensor.ndimension = dim


@method
def where(self: Tensor, condition: Tensor, other: Any) -> Tensor:
    """This tensor's elements where the condition holds, else ``other``'s, element by element.

    Args:
        condition: a bool tensor, of a shape that broadcasts.
        other: a tensor of a shape that broadcasts, or a number.

    >>> x = torch.tensor([-1.0, 2.0])
    >>> x.where(x > 0, 0.0)
    tensor([0., 2.])
    """
    return comparison.where(condition, self, other)


@method
def numel(self: Tensor) -> int:
    """The number of elements.

    Returns:
        An int.

    >>> torch.zeros(2, 3).numel()
    6
    """
    return self.shape.numel()


Tensor.nelement = numel


@method
def element_size(self: Tensor) -> int:
    """Bytes of one element.

    Returns:
        An int.

    >>> torch.zeros(2, dtype=torch.float64).element_size()
    8
    """
    return self.dtype.itemsize


@method
def storage_offset(self: Tensor) -> int:
    """Where the tensor begins in its storage, in elements.

    Returns:
        An int.

    >>> torch.zeros(3)[1:].storage_offset()
    1
    """
    return self._offset


@method
def data_ptr(self: Tensor) -> int:
    """Address of the first element.

    Returns:
        An int.

    >>> x = torch.zeros(3)
    >>> x[1:].data_ptr() - x.data_ptr()
    4
    """
    return (
        self._buf.__array_interface__["data"][0] if self.device.type == "cpu" else self._buf.device_ctypes_pointer.value
    )


@method
def is_contiguous(self: Tensor, memory_format: Any = None) -> bool:
    """Whether the elements are in row-major order, without gaps.

    Args:
        memory_format: ``torch.channels_last`` and ``channels_last_3d`` ask for the order in which channels come last.

    Returns:
        A bool.

    >>> x = torch.zeros(2, 3)
    >>> x.is_contiguous(), x.T.is_contiguous()
    (True, False)
    """
    last = {layouts.channels_last: 4, layouts.channels_last_3d: 5}.get(memory_format)
    if last is None:
        return self._k.contiguous
    return len(self.shape) == last and movement.movedim(self.detach(), 1, -1).is_contiguous()


@method
def is_floating_point(self: Tensor) -> bool:
    """Whether the dtype is floating-point.

    Returns:
        A bool.

    >>> torch.zeros(1).is_floating_point(), torch.tensor(1).is_floating_point()
    (True, False)
    """
    return self.dtype.is_floating_point


@attribute
def ndim(self: Tensor) -> int:
    """The number of dimensions.

    >>> torch.zeros(2, 3).ndim
    2
    """
    return len(self.shape)


@attribute
def nbytes(self: Tensor) -> int:
    """Bytes of all elements.

    >>> torch.zeros(2, 3).nbytes
    24
    """
    return self.shape.numel() * self.dtype.itemsize


@attribute
def itemsize(self: Tensor) -> int:
    """Bytes of one element.

    >>> torch.zeros(2, 3).itemsize
    4
    """
    return self.dtype.itemsize


@attribute
def is_cuda(self: Tensor) -> bool:
    """Whether on a GPU.

    >>> torch.zeros(1).is_cuda
    False
    """
    return self.device.type == "cuda"


@attribute
def is_cpu(self: Tensor) -> bool:
    """Whether in the memory of the CPU.

    >>> torch.zeros(1).is_cpu
    True
    """
    return self.device.type == "cpu"


@attribute
def is_meta(self: Tensor) -> bool:
    """Whether without elements, on the device ``"meta"``.

    >>> torch.zeros(1, device="meta").is_meta
    True
    """
    return self.device.type == "meta"


@attribute
def layout(self: Tensor) -> layouts.layout:
    """How the elements lie in memory: ``torch.strided``.

    >>> torch.zeros(1).layout
    torch.strided
    """
    return layouts.strided


# What no tensor here is.
for _name in (
    "sparse",
    "sparse_csr",
    "quantized",
    "nested",
    "mkldnn",
    "mps",
    "xpu",
    "ipu",
    "maia",
    "mtia",
    "vulkan",
    "xla",
):
    setattr(Tensor, f"is_{_name}", False)


@method
def get_device(self: Tensor) -> int:
    """The number of the GPU that holds the elements.

    Returns:
        An int; -1 on the CPU.

    >>> torch.zeros(1).get_device()
    -1
    """
    return -1 if self.device.type == "cpu" else self.device.index or 0


@method
def is_pinned(self: Tensor) -> bool:
    """Whether the memory is pinned; it never is.

    Returns:
        A bool.

    >>> torch.zeros(1).is_pinned()
    False
    """
    return False


@method
def is_shared(self: Tensor) -> bool:
    """Whether the memory is shared with other processes.

    Returns:
        A bool: True on a GPU, whose memory can be, else False.

    >>> torch.zeros(1).is_shared()
    False
    """
    return self.is_cuda


@method
def to_dense(self: Tensor, dtype: Any = None) -> Tensor:
    """The tensor, which is dense.

    Args:
        dtype: another dtype.

    Returns:
        A tensor; itself if it has the dtype.

    >>> torch.zeros(1).to_dense()
    tensor([0.])
    """
    return self if dtype is None else movement.to(self, dtype)


@attribute
def T(self: Tensor) -> Tensor:
    """The dimensions reversed; of a matrix the transpose.

    >>> torch.zeros(2, 3).T.shape
    torch.Size([3, 2])
    """
    if (self._edge is None or not mode.grad) and not mode.levels:  # nothing is recorded
        return placed(self, views.reversed_dims(self.shape, self._strides))
    n = len(self.shape)
    return movement.permute(self, _REVERSED[n] if n < 9 else tuple(range(n - 1, -1, -1)))


_REVERSED = [tuple(range(n - 1, -1, -1)) for n in range(9)]


@attribute
def H(self: Tensor) -> Tensor:
    """A matrix transposed (and, of complex numbers, conjugated).

    >>> torch.zeros(2, 3).H.shape
    torch.Size([3, 2])
    """
    if self.ndim not in (0, 2):
        raise RuntimeError(
            f"tensor.H is only supported on matrices (2-D tensors). Got {self.ndim}-D tensor."
            + (" For batches of matrices, consider using tensor.mH" if self.ndim > 2 else "")
        )
    return movement.adjoint(self)


@attribute
def mT(self: Tensor) -> Tensor:
    """The last two dimensions exchanged: each matrix of a batch transposed.

    >>> torch.zeros(5, 2, 3).mT.shape
    torch.Size([5, 3, 2])
    """
    n = len(self.shape)
    if n < 2:
        if not n:
            return self
        raise RuntimeError(f"tensor.mT is only supported on matrices or batches of matrices. Got {n}-D tensor.")
    return movement.transpose(self, -2, -1)


@method
def __len__(self: Tensor) -> int:
    if not self.shape:
        raise TypeError("len() of a 0-d tensor")
    return self.shape[0]


@method
def __iter__(self: Tensor) -> Iterator[Tensor]:
    if not self.shape:
        raise TypeError("iteration over a 0-d tensor")
    return iter(movement.unbind(self, 0))


@method
def __contains__(self: Tensor, value: Any) -> bool:
    return bool(reduction.any(arithmetic.eq(self, value)).item())


_TYPES = dtypes.dtype, builtins.type
_SEQUENCES = tuple, list


@method
def view(self: Tensor, *shape: Any, size: Any = None, dtype: Any = None) -> Tensor:
    """The same elements in another shape, without copying; or their memory as elements of another dtype.

    Args:
        *shape: the sizes, one of which may be -1 for what follows from the others; or a dtype.
        size: the sizes, by name.
        dtype: the dtype, by name; one of another size changes the last dimension.

    Returns:
        A tensor on the same memory.

    Raises:
        RuntimeError: the sizes do not fit the elements, or these lie in memory so that a view of that shape is not
            possible (``reshape`` then copies).
        TypeError: both a size and a dtype are given.

    >>> torch.arange(4).view(2, -1)
    tensor([[0, 1],
            [2, 3]])
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


@method
def view_as(self: Tensor, other: Tensor) -> Tensor:
    """``view(other.shape)``.

    Args:
        other: a tensor of the shape.

    Returns:
        A tensor on the same memory.

    >>> torch.arange(4).view_as(torch.zeros(2, 2))
    tensor([[0, 1],
            [2, 3]])
    """
    return movement.view_as_shape(self, other.shape)


@method
def reshape_as(self: Tensor, other: Tensor) -> Tensor:
    """``reshape(other.shape)``.

    Args:
        other: a tensor of the shape.

    Returns:
        A view, where one is possible; otherwise a copy.

    >>> torch.arange(4).reshape_as(torch.zeros(2, 2))
    tensor([[0, 1],
            [2, 3]])
    """
    return movement.reshape(self, other.shape)


_plain_permute = movement.permute


@method
def permute(self: Tensor, *given: Any, dims: Any = None) -> Tensor:
    """The dimensions in another order, as a view.

    Args:
        *given: the dimensions in their new order, one by one or in one tuple.
        dims: the tuple, by name.

    Returns:
        A tensor on the same memory.

    Raises:
        RuntimeError: the number of dimensions differs, or one is given twice.
        TypeError: none is given.

    >>> torch.zeros(2, 3, 4).permute(2, 0, 1).shape
    torch.Size([4, 2, 3])
    """
    if dims is not None:
        given = movement.arguments.by_name(given, dims, "permute", "dims")
    elif not given and self.shape:
        raise TypeError(
            "permute() missing 1 required positional argument: 'dims', in their new order; the tensor has "
            f"{len(self.shape)}"
        )
    return _plain_permute(self, given[0] if len(given) == 1 and isinstance(given[0], _SEQUENCES) else given)


# --- types and devices --------------------------------------------------------------------------------------

_CAST = """The elements as {dtype}.

Args:
    memory_format: accepted; the result is row-major.

Returns:
    A tensor; itself if it has the dtype.

>>> torch.tensor([1.5, 0.0]).{name}()
{shown}
"""

for _d, _names, _shown in (
    (dtypes.float32, "float", "tensor([1.5000, 0.0000])"),
    (dtypes.float64, "double", "tensor([1.5000, 0.0000], dtype=torch.float64)"),
    (dtypes.float16, "half", "tensor([1.5000, 0.0000], dtype=torch.float16)"),
    (dtypes.bfloat16, "bfloat16", "tensor([1.5000, 0.0000], dtype=torch.bfloat16)"),
    (dtypes.int64, "long", "tensor([1, 0])"),
    (dtypes.int32, "int", "tensor([1, 0], dtype=torch.int32)"),
    (dtypes.int16, "short", "tensor([1, 0], dtype=torch.int16)"),
    (dtypes.int8, "char", "tensor([1, 0], dtype=torch.int8)"),
    (dtypes.uint8, "byte", "tensor([1, 0], dtype=torch.uint8)"),
    (dtypes.bool, "bool", "tensor([ True, False])"),
    (dtypes.complex64, "cfloat", "tensor([1.5000+0.j, 0.0000+0.j])"),
    (dtypes.complex128, "cdouble", "tensor([1.5000+0.j, 0.0000+0.j], dtype=torch.complex128)"),
):

    def _cast_method(self: Tensor, *, memory_format: Any = None, _d: Any = _d) -> Tensor:
        return self if self._k.dtype is _d else movement.converted(self, _d)

    _cast_method.__name__, _cast_method.__qualname__ = _names, f"Tensor.{_names}"
    _cast_method.__module__ = "numtorch"
    _cast_method.__code__ = _cast_method.__code__.replace(co_name=_names, co_qualname=_names)
    _cast_method.__doc__ = _CAST.format(dtype=_d.name, name=_names, shown=_shown)
    setattr(Tensor, _names, _cast_method)


@method
def type(self: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """The name of the tensor's type, or the tensor in another one.

    Args:
        dtype: a dtype, a tensor type such as ``torch.LongTensor``, or its name; None asks for the name.
        non_blocking: accepted.

    Returns:
        A string, or a tensor; itself if it has the dtype.

    Raises:
        ValueError: an unknown name.
        TypeError: ``dtype`` is none of these, or a type of tensors on a GPU, and there is none.

    >>> x = torch.tensor([1.5])
    >>> x.type(), x.type(torch.int64)
    ('torch.FloatTensor', tensor([1]))
    """
    if dtype is None:
        return (
            TYPE_NAMES[self.dtype]
            if self.device.type == "cpu"
            else TYPE_NAMES[self.dtype].replace("torch.", "torch.cuda.")
        )
    d, device = place_of(dtype)
    return movement.to(self, d, device=device)


@method
def type_as(self: Tensor, other: Tensor) -> Tensor:
    """The tensor in the dtype and on the device of another one.

    Args:
        other: the other tensor.

    Returns:
        A tensor; itself if it is so already.

    Raises:
        TypeError: ``other`` is not a tensor.

    >>> torch.tensor([1.5]).type_as(torch.tensor(0))
    tensor([1])
    """
    if not isinstance(other, Tensor):
        raise TypeError(f"type_as(): argument 'other' (position 1) must be Tensor, not {other.__class__.__name__}")
    return movement.to(self, other)


@method
def cpu(self: Tensor) -> Tensor:
    """The tensor on the CPU.

    Returns:
        A tensor; itself if it is there.

    >>> torch.zeros(1).cpu().device
    device(type='cpu')
    """
    return movement.to(self, "cpu")


@method
def cuda(self: Tensor, device: Any = None, non_blocking: bool = False) -> Tensor:
    """The tensor on a GPU.

    Args:
        device: which one; the current one if None.
        non_blocking: accepted.

    Returns:
        A tensor; itself if it is there.

    Raises:
        RuntimeError: there is no GPU.

    >>> if torch.cuda.is_available():
    ...     print(torch.zeros(1).cuda().is_cuda)
    """
    return movement.to(self, as_device("cuda" if device is None else device))


@method
def pin_memory(self: Tensor, device: Any = None) -> Tensor:
    """Does nothing: host memory is not pinned.

    Args:
        device: accepted.

    Returns:
        The tensor.

    >>> torch.zeros(1).pin_memory()
    tensor([0.])
    """
    return self


def _as_here(x: Tensor, dtype: Any, device: Any) -> dict[str, Any]:
    """A type and a device: as told, else those of ``x``."""
    return {"dtype": x.dtype if dtype is None else dtype, "device": x.device if device is None else device}


@method
def new_tensor(
    self: Tensor, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A tensor of the data with this tensor's dtype and device.

    Args:
        data: numbers, nested lists of numbers, or an array.
        dtype: another dtype.
        device: another device.
        requires_grad: whether ops on the result are recorded.

    Returns:
        A new tensor.

    >>> torch.zeros(1, dtype=torch.float64).new_tensor([1, 2])
    tensor([1., 2.], dtype=torch.float64)
    """
    return creation.tensor(data, **_as_here(self, dtype, device), requires_grad=requires_grad)


@method
def new(self: Tensor, *args: Any, device: Any = None) -> Tensor:
    """A tensor of this one's dtype and device, of sizes or of one sequence: an older form of ``new_empty`` and
    ``new_tensor``.

    Args:
        *args: sizes, or one sequence, array or tensor.
        device: another device.

    Returns:
        A new tensor.

    >>> torch.zeros(1, dtype=torch.int64).new([1, 2])
    tensor([1, 2])
    """
    return legacy(args, self.dtype, self.device if device is None else device)


_NEW = """A tensor {elements}, with this tensor's dtype and device: ``{function}``.

Args:
    *args: as of ``{function}``.
    dtype: another dtype.
    device: another device.
    requires_grad: whether ops on the result are recorded.

Returns:
    A new tensor.

>>> torch.zeros(1, dtype=torch.float64).{name}({args}).dtype
torch.float64
"""


def _new(name: str, fn: Callable, example: str, elements: str) -> None:
    def method(self: Tensor, *args: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
        return fn(*args, **_as_here(self, dtype, device), requires_grad=requires_grad)

    method.__name__, method.__module__, method.__qualname__ = name, "numtorch", f"Tensor.{name}"
    method.__doc__ = _NEW.format(function=fn.__name__, name=name, args=example, elements=elements)
    setattr(Tensor, name, method)


_new("new_zeros", creation.zeros, "2", "of zeros")
_new("new_ones", creation.ones, "2", "of ones")
_new("new_empty", creation.empty, "2", "with elements of any value")
_new("new_full", creation.full, "(2,), 3.0", "of one number")

# --- copies and pickles ---------------------------------------------------------------------------------------


Tensor.__copy__ = copying.shallow
Tensor.__deepcopy__ = copying.deep
Tensor.__reduce_ex__ = copying.reduce_ex
_rebuild = copying.rebuild  # the name in pickles of earlier versions


@method
def share_memory_(self: Tensor) -> Tensor:
    """Does nothing: worker processes receive copies.

    Returns:
        The tensor.

    >>> torch.zeros(1).share_memory_()
    tensor([0.])
    """
    return self


@method
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
sparse_methods.close()
