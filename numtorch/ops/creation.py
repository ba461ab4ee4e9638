"""Creates tensors from data, or filled with a value. Rows of numbers are in ``ranges.py``."""

from __future__ import annotations

import builtins
import mmap
from math import prod
from typing import Any

import numpy as np

import numtorch.dtype as dtypes
from numtorch import engine, notices
from numtorch._sparse import COMPRESSED, SparseTensor, compressed, coo
from numtorch._tensor import Tensor, as_ndarray, make, new
from numtorch._tensor import empty as _empty
from numtorch.arguments import element, flag, integer, strided
from numtorch.autograd.batched import Batched, batched
from numtorch.device import CPU, DEFAULT, as_device
from numtorch.dispatch.out import FILLED, into
from numtorch.dtype import dtype as DType
from numtorch.exports import exported
from numtorch.layouts import sparse_coo, sparse_csr
from numtorch.ops import movement
from numtorch.ops.movement.arguments import SEQUENCES, shape_args
from numtorch.ops.plain import FEW, PLAIN_KINDS, plain, plain_like
from numtorch.storage import Size, Storage, is_contiguous, kind


def finish(t: Tensor, requires_grad: bool) -> Tensor:
    if (
        requires_grad is not False
        and requires_grad is not None
        and flag(requires_grad, "requires_grad_", "requires_grad")
    ):
        t._edge = movement.requires_grad_edge(t)
    return t


@engine.fill
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
        raise ValueError(
            "At least one stride in the given numpy array is negative, and tensors with negative strides are not "
            "currently supported. (You can probably work around this by making a copy of your array with "
            "array.copy().)"
        )
    if any(s % a.itemsize for s in a.strides):
        raise ValueError(
            "given numpy array strides not a multiple of the element byte size. Copy array to a contiguous one."
        )
    strides = tuple(s // a.itemsize for s in a.strides)
    extent = 1 + sum((n - 1) * s for n, s in zip(shape, strides, strict=True)) if a.size else 0
    t = make(
        np.lib.stride_tricks.as_strided(a, (extent,), (a.itemsize,)), shape, kind(d, CPU, is_contiguous(shape, strides))
    )
    t._storage = Storage(t._buf)
    if not t._k.contiguous:
        t._strides = strides
    return t


@exported("torch")
def from_numpy(ndarray: np.ndarray) -> Tensor:
    """A tensor that shares the memory of a NumPy array.

    An array that may not be written to is copied, since a tensor may be. A file that is mapped read-only is shared all
    the same, with a warning: writing to such a tensor ends the process.

    Args:
        ndarray: of a type that tensors have, in the native byte order, with strides that are not negative.

    Returns:
        A tensor of the array's shape, type and strides.

    Raises:
        TypeError: no array, or one of a type that tensors do not have.
        ValueError: a foreign byte order, or strides that are negative or no multiple of the element's size.

    >>> import numpy as np
    >>> a = np.zeros(2, np.float32)
    >>> t = torch.from_numpy(a)
    >>> a[0] = 5
    >>> t
    tensor([5., 0.])
    """
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    k, flags = PLAIN_KINDS.get(ndarray.dtype), ndarray.flags
    if k is not None and flags.c_contiguous and flags.writeable:  # nearly every array
        t = new(Tensor)
        given = ndarray.shape
        shape = _known_sizes.get(given)
        if shape is None:
            shape = Size(given)
            if len(_known_sizes) < 4096:
                _known_sizes[given] = shape
        t.shape = shape
        t._k = k
        t._buf = buf = ndarray.reshape(-1)
        t._storage = storage = new(Storage)  # a constructor would cost as much as the rest
        storage.data = buf
        return t
    if not ndarray.dtype.isnative:
        raise ValueError(
            "given numpy array has byte order different from the native byte order. Conversion between byte orders "
            "is currently not supported."
        )
    return from_ndarray(ndarray if ndarray.flags.writeable else _writable(ndarray))


_known_sizes: dict[tuple, Size] = {}  # of arrays: to make one costs more than to find it


def _writable(array: np.ndarray) -> np.ndarray:
    """A copy of a read-only array, repeated elements once; a mapped file itself, which may be larger than the
    memory."""
    base: Any = array
    while base is not None:
        if isinstance(base, mmap.mmap):
            notices.warn(
                "The given NumPy array is a file mapped read-only: writing to the tensor ends the process. Map it "
                "with mode 'c', or copy the array.",
                UserWarning,
            )
            return array
        base = base.obj if isinstance(base, memoryview) else getattr(base, "base", None)
    core = array[tuple([slice(0, 1) if s == 0 else slice(None) for s in array.strides])]
    return np.broadcast_to(core.copy("K"), array.shape)


@exported("torch")
def tensor(
    data: Any, *, dtype: DType | None = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False
) -> Tensor:
    """A tensor with a copy of the data.

    Args:
        data: a number, nested sequences of numbers or tensors, an array or a tensor.
        dtype: bool, int64 or the default floating type unless given, as the numbers are; arrays and tensors keep
            theirs.
        device: the default one, or the device of ``data``, unless given.
        requires_grad: whether operations on the result are recorded.
        pin_memory: accepted and ignored.

    Returns:
        A tensor whose shape is the lengths of the sequences at each depth.

    Raises:
        ValueError: sequences of one depth have different lengths, or an integer is beyond int64.
        TypeError: the data is no number, such as a string.
        RuntimeError: a number is beyond the integer ``dtype``, or the type of the elements is unknown.

    >>> torch.tensor([1.0, 2.0, 3.0])
    tensor([1., 2., 3.])
    >>> torch.tensor([[1, 2], [3, 4]], dtype=torch.float64)
    tensor([[1., 2.],
            [3., 4.]], dtype=torch.float64)
    """
    if device is None and DEFAULT.device is not CPU:
        device = DEFAULT.device
    if dtype is None and device is None and requires_grad is False:
        t = _of_numbers(data)
        if t is not None:
            return t
    if isinstance(data, Tensor):
        t = data.detach().clone().to(data.device if device is None else device, data.dtype if dtype is None else dtype)
        return finish(t, requires_grad)
    d = None if dtype is None else dtypes.as_dtype(dtype)
    given = isinstance(data, _ARRAYS)
    a = data if given else _array(data, d)
    if a.dtype.kind not in "biufc":
        raise TypeError(f"can't convert np.ndarray of type {a.dtype} to a tensor")
    if d is None:
        if a.dtype.kind in "fc" and not given and not isinstance(_innermost(data), _ARRAYS):
            d = dtypes.get_default_dtype() if a.dtype.kind == "f" else dtypes.get_default_dtype().to_complex()
        else:
            d = dtypes.from_numpy_dtype(a.dtype)
    elif a.dtype.kind == "c" and not d.is_complex and not given:
        raise TypeError(f"must be real number, not complex: complex numbers cannot be elements of type {d.name}")
    elif d.category == dtypes.INTEGRAL and not isinstance(data, np.ndarray):
        _check_range(a, d)
    if a.dtype.kind == "c" and not d.is_complex:
        a = a.real
    with np.errstate(invalid="ignore", over="ignore"):
        if d.is_half:
            t = movement.cast(from_ndarray(np.array(a, np.float32, order="C", ndmin=0)), d)
        else:
            t = _empty(a.shape, d, CPU)
            t._buf[:] = np.asarray(a).reshape(-1)
    if device is not None:
        t = movement.to(t, as_device(device))
    return finish(t, requires_grad)


def _of_numbers(data: Any) -> Tensor | None:
    """A tensor of a number or of a list of a few numbers of one type, or of single elements; None of anything else."""
    cls = data.__class__
    shape: tuple[int, ...] = ()
    if cls is list and 0 < len(data) <= _SHORT:
        kinds = set(map(type, data))
        if len(kinds) != 1:
            return None
        (cls,) = kinds
        if cls is Tensor:
            first = data[0]._k
            if first.device is not CPU or first.dtype.is_half or not all(t._k is first and not t.shape for t in data):
                return None
            d = first.dtype if first.dtype.category < dtypes.FLOATING else dtypes.get_default_dtype()
            if d is not first.dtype:
                return None
            return make(np.concatenate([t._buf for t in data]), (len(data),), first)
        shape = (len(data),)
    if cls is not float and cls is not int and cls is not builtins.bool:
        return None
    low, high = (min(data), max(data)) if shape else (data, data)
    if cls is float:
        d = dtypes.get_default_dtype()
        if d.is_half or not (low > -3e38 and high < 3e38):
            return None
    elif cls is int:
        d = dtypes.int64
        if not (low >= -_WIDEST and high < _WIDEST):
            return None
    else:
        d = dtypes.bool
    if shape:
        return make(np.array(data, d.storage), shape, PLAIN_KINDS[d.storage])
    buf = np.empty(1, d.storage)
    buf[0] = data
    return make(buf, (), PLAIN_KINDS[d.storage])


_SHORT = 256  # numbers that are looked at one by one in less time than an array takes to be checked
_WIDEST = 1 << 62
_ARRAYS = np.ndarray, np.generic


def _check_range(a: np.ndarray | np.generic, d: DType) -> None:
    """RuntimeError for a number that an integer type cannot hold."""
    if not a.size or (d is dtypes.int64 and a.dtype.kind in "bi"):
        return
    low, high = a.min(), a.max()  # NaN if there is one
    for number in (low.item(), high.item()):
        element(number, d)


def _innermost(data: Any) -> Any:
    """What nested sequences begin with."""
    while isinstance(data, list | tuple) and data:
        data = data[0]
    return data


def _array(data: Any, d: DType | None = None) -> np.ndarray:
    """Nested sequences of numbers and tensors, to be of type ``d`` if that is given, as an array; torch's errors for
    ragged and foreign ones."""
    if isinstance(data, list | tuple) and any(isinstance(v, Tensor) for v in data):
        data = [v.tolist() if isinstance(v, Tensor) else v for v in data]
    try:
        a = np.array(data)
    except ValueError as e:
        raise ValueError(f"tensor: expected nested sequences of equal lengths at each depth ({e})") from None
    except OverflowError as e:
        raise RuntimeError(f"tensor: {e}") from None
    kind = a.dtype.kind
    if a.size == 0 and not isinstance(data, np.ndarray):
        return a.astype(dtypes.get_default_dtype().compute)
    if kind == "O" and all(isinstance(v, int | float | complex | np.number | np.bool_) for v in a.flat):
        if d is None or not d.differentiable:
            raise _too_long(a.flat, d)
        try:
            return a.astype(np.float64)
        except OverflowError as e:
            raise OverflowError(f"tensor: {e}") from None
    if kind == "f" and (d is None or not d.is_floating_point) and isinstance(_innermost(data), int):
        whole = np.array(data, object)  # NumPy makes floats of integers on both sides of 2**63
        if all(isinstance(v, int) for v in whole.flat):
            raise _too_long(whole.flat, d)
    if kind in "OSUV":
        found = next(
            (type(v) for v in a.flat if not isinstance(v, int | float | complex | np.number | np.bool_)),
            type(a.flat[0]),
        )
        if issubclass(found, str | bytes):
            if isinstance(data, list | tuple) and isinstance(_innermost(data), str | bytes):
                raise ValueError(
                    f"tensor: too many dimensions '{found.__name__.rstrip('_')}': the elements must be numbers; "
                    "convert them, as by [float(v) for v in data]"
                )
            raise TypeError(f"new(): invalid data type '{found.__name__}'")
        why = "; in place of a missing number put float('nan')" if found is type(None) else ""
        raise RuntimeError(f"Could not infer dtype of {found.__name__}: a tensor's elements are numbers{why}")
    if kind == "u" and a.dtype.itemsize == 8 and (d is None or not d.differentiable and d is not dtypes.uint64):
        raise _too_long(a.flat, d)
    return a


def _too_long(numbers: Any, d: DType | None) -> Exception:
    largest = max(numbers, key=abs)
    if d is None or d.category != dtypes.INTEGRAL:
        return ValueError(f"tensor: Overflow when unpacking long long: {largest} does not fit in int64")
    try:
        element(int(largest), d)
    except RuntimeError as e:
        return e
    return ValueError(f"tensor: {largest} does not fit in {d.name}")


@exported("torch")
def as_tensor(data: Any, dtype: DType | None = None, device: Any = None) -> Tensor:
    """The data as a tensor without a copy where possible: arrays share their memory, tensors are returned as they are.

    Args:
        data: what ``tensor`` takes.
        dtype, device: convert to these where given.

    Returns:
        ``data`` itself, a tensor over its memory, or a converted copy.

    >>> x = torch.tensor([1, 2])
    >>> torch.as_tensor(x) is x
    True
    >>> torch.as_tensor([1, 2], dtype=torch.float32)
    tensor([1., 2.])
    """
    if isinstance(data, Tensor):
        return movement.to(data, device, dtype)
    if isinstance(data, np.ndarray):
        t = from_numpy(data)
        if dtype is None and device is None and DEFAULT.device is CPU:
            return t
        return movement.to(t, as_device(device), dtype)
    return tensor(data, dtype=dtype, device=device)


@exported("torch")
def asarray(
    obj: Any, *, dtype: DType | None = None, device: Any = None, copy: bool | None = None, requires_grad: bool = False
) -> Tensor:
    """The data as a tensor, copied only where necessary or asked for.

    Args:
        obj: what ``tensor`` takes.
        dtype, device: convert to these where given.
        copy: True always copies; False raises an error instead of copying.
        requires_grad: whether operations on the result are recorded.

    Returns:
        ``obj`` itself, a tensor over its memory, or a copy.

    Raises:
        ValueError: ``copy=False`` where the data has to be copied.

    >>> torch.asarray([1.0, 2.0])
    tensor([1., 2.])
    """
    t = as_tensor(obj, dtype, device)
    if (
        copy is False
        and not (
            t is obj
            or isinstance(obj, np.ndarray)
            and t.device.type == "cpu"
            and np.shares_memory(to_ndarray(t.detach()), obj)
        )
        and t.shape.numel()
    ):
        raise ValueError(
            f"asarray: can't alias {'arbitrary sequence' if not isinstance(obj, Tensor | np.ndarray) else 'this data'} into a "  # noqa: E501
            f"tensor of {t.dtype.name} on {t.device}; copy=False refuses a copy"
        )
    return finish(t.clone() if copy else t, requires_grad)


def _options(dtype: DType | None, device: Any, like: Tensor | None = None) -> tuple[DType, Any]:
    if like is not None:
        if not isinstance(like, Tensor):
            raise TypeError(
                f"zeros_like() and its like: argument 'input' (position 1) must be Tensor, not {type(like).__name__}; "
                "torch.zeros(size) takes a size"
            )
        return like.dtype if dtype is None else dtypes.as_dtype(dtype), as_device(
            device
        ) if device is not None else like.device
    return dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype), as_device(device)


def size_of(args: tuple, size: Any = None, name: str = "empty") -> Size:
    """The size that the arguments of a function give: numbers, or one sequence of them."""
    if size is None:
        given = args[0] if len(args) == 1 and args[0].__class__ in SEQUENCES else args
        for n in given:
            if n.__class__ is not int or n < 0:
                break
        else:  # nearly every size
            return Size(given)
    if args and size is not None:
        raise TypeError(f"{name}() got multiple values for argument 'size'")
    if size is not None and not isinstance(size, SEQUENCES):
        raise TypeError(f"{name}(): argument 'size' must be tuple of ints, not {type(size).__name__}")
    shape = Size(shape_args(args if size is None else (size,), name))
    for n in shape:
        if n < 0:
            raise RuntimeError(f"Trying to create tensor with negative dimension {n}: {list(shape)}")
    return shape


@exported("torch")
def empty(
    *args: Any,
    size: Any = None,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    memory_format: Any = None,
    layout: Any = None,
    out: Any = None,
) -> Tensor:
    """A tensor of the given shape whose elements are whatever was in memory.

    Args:
        *args, size: the shape, as integers or as one sequence.
        dtype, device, requires_grad: of the result; the default floating type and the CPU unless given.
        pin_memory, memory_format: accepted and ignored.
        layout: ``torch.strided``, ``sparse_coo``, ``sparse_csr`` or ``sparse_csc``; sparse ones hold no elements.

    Returns:
        A tensor of the given shape.

    Raises:
        RuntimeError: a negative size.
        NotImplementedError: another ``layout``.

    >>> torch.empty(2, 3).shape
    torch.Size([2, 3])
    """
    if size is dtype is device is layout is out is None and requires_grad is False:
        t = plain(args)
        if t is not None:
            return t
    if layout is sparse_coo or layout in COMPRESSED:
        return _sparse(size_of(args, size, "empty"), dtype, device, layout, requires_grad, "empty")
    if layout is not None:
        strided(layout, "empty")
    if out is not None:
        return into(
            out,
            FILLED,
            empty,
            *args,
            size=size,
            dtype=dtype,
            device=device,
            requires_grad=requires_grad,
            pin_memory=pin_memory,
            memory_format=memory_format,
            layout=layout,
        )
    d, where = _options(dtype, device)
    return finish(_empty(size_of(args, size), d, where), requires_grad)


def _sparse(shape: Size, d: DType | None, device: Any, layout: Any, requires_grad: bool, name: str) -> Tensor:
    """A sparse tensor that holds no elements."""
    elements = zeros(0, dtype=d, device=device)
    places = zeros((len(shape), 0) if layout is sparse_coo else 0, dtype=dtypes.int64, device=device)
    if layout is sparse_coo:
        made = coo(places, elements, shape, True)
    elif len(shape) == 2:
        lines = shape[0 if layout is sparse_csr else 1]
        bounds = zeros(lines + 1, dtype=dtypes.int64, device=device)
        made = compressed(bounds, places, elements, shape, layout)
    else:
        raise RuntimeError(
            f"torch.{name}: Only batched sparse compressed (non-block) tensors are supported, but got size "
            f"{list(shape)}; here they are matrices"
        )
    return made.requires_grad_(flag(requires_grad, name, "requires_grad"))


def _filled(shape: Size, value: Any, dtype: DType | None, device: Any, requires_grad: bool) -> Tensor:
    d, where = _options(dtype, device)
    if value.__class__ is int and not value and where is CPU and not d.is_half:
        n = prod(shape)
        if n <= FEW:
            t = make(np.zeros(n, d.storage), shape, PLAIN_KINDS[d.storage])
            return t if requires_grad is False else finish(t, requires_grad)
    t = _empty(shape, d, where)
    if where.type == "cpu" and not d.is_half:
        t._buf.fill(value)
    elif t.shape.numel() and where.type != "meta":
        movement.fill.op.program(t, value, outs=(t,))
    return finish(t, requires_grad)


def _fill_value(value: Any, d: DType | None, name: str) -> tuple[Any, DType]:
    """A number that ``full`` was given, checked, and the type of the result."""
    if value.__class__ is float and d is None and -65504.0 <= value <= 65504.0:  # what every floating type holds
        return value, dtypes.get_default_dtype()
    if isinstance(value, Tensor) and not value.shape:
        value = value.item()
    if not isinstance(value, bool | int | float | complex | np.number | np.bool_):
        raise TypeError(f"{name}(): argument 'fill_value' must be Number, not {type(value).__name__}")
    d = dtypes.scalar_dtype(value) if d is None else dtypes.as_dtype(d)
    if d.is_half and not isinstance(value, complex):  # as in torch, what the half types cannot hold becomes infinity
        return float(value), d
    return element(value, d), d


@exported("torch")
def full(
    size: Any,
    fill_value: Any,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    out: Any = None,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor of the given shape in which every element is ``fill_value``.

    Args:
        size: the shape, a sequence of integers.
        fill_value: a number.
        dtype: as the number is unless given: bool, int64 or the default floating type.
        device, requires_grad: of the result; the CPU unless given.
        pin_memory: accepted and ignored.
        layout: ``torch.strided``, which is the only one here.

    Returns:
        A tensor of shape ``size``.

    Raises:
        TypeError: ``size`` is no sequence of integers, or ``fill_value`` is no number.
        RuntimeError: a negative size, or a number that ``dtype`` cannot hold.
        NotImplementedError: another ``layout``.

    >>> torch.full((2, 3), 7)
    tensor([[7, 7, 7],
            [7, 7, 7]])
    """
    if fill_value.__class__ is float and dtype is device is layout is out is None and requires_grad is False:
        t = plain((size,), fill_value) if size.__class__ in SEQUENCES and abs(fill_value) <= 3e38 else None
        if t is not None:
            return t
    if layout is not None:
        strided(layout, "full")
    if out is not None:
        return into(out, FILLED, full, size, fill_value, dtype=dtype, device=device, requires_grad=requires_grad)
    value, d = _fill_value(fill_value, dtype, "full")
    return _filled(size_of((), size, "full"), value, d, as_device(device), requires_grad)


@exported("torch")
@engine.fill
def zeros(
    *args: Any,
    size: Any = None,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    out: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor of zeros.

    Args:
        *args, size: the shape, as integers or as one sequence.
        dtype, device, requires_grad: of the result; the default floating type and the CPU unless given.
        pin_memory: accepted and ignored.
        layout: ``torch.strided``, ``sparse_coo``, ``sparse_csr`` or ``sparse_csc``; sparse ones hold no elements.

    Returns:
        A tensor of the given shape.

    Raises:
        TypeError: the sizes are no integers.
        RuntimeError: a negative size.
        NotImplementedError: another ``layout``.

    >>> torch.zeros(2, 3)
    tensor([[0., 0., 0.],
            [0., 0., 0.]])
    """
    if size is dtype is device is layout is out is None and requires_grad is False:
        t = plain(args, 0)
        if t is not None:
            return t
    if layout is sparse_coo or layout in COMPRESSED:
        return _sparse(size_of(args, size, "zeros"), dtype, device, layout, requires_grad, "zeros")
    if layout is not None:
        strided(layout, "zeros")
    if out is not None:
        return into(
            out, FILLED, zeros, *args, size=size, dtype=dtype, device=device, requires_grad=requires_grad, layout=layout
        )
    return _filled(size_of(args, size, "zeros"), 0, dtype, device, requires_grad)


@exported("torch")
@engine.fill
def ones(
    *args: Any,
    size: Any = None,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    out: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor of ones.

    Args:
        *args, size: the shape, as integers or as one sequence.
        dtype, device, requires_grad: of the result; the default floating type and the CPU unless given.
        pin_memory: accepted and ignored.
        layout: ``torch.strided``, which is the only one here.

    Returns:
        A tensor of the given shape.

    Raises:
        TypeError: the sizes are no integers.
        RuntimeError: a negative size.
        NotImplementedError: another ``layout``.

    >>> torch.ones(3, dtype=torch.int64)
    tensor([1, 1, 1])
    """
    if size is dtype is device is layout is out is None and requires_grad is False:
        t = plain(args, 1)
        if t is not None:
            return t
    if layout is not None:
        strided(layout, "ones")
    if out is not None:
        return into(
            out, FILLED, ones, *args, size=size, dtype=dtype, device=device, requires_grad=requires_grad, layout=layout
        )
    return _filled(size_of(args, size, "ones"), 1, dtype, device, requires_grad)


@exported("torch")
def empty_like(
    input: Tensor,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = None,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor of the shape of ``input`` whose elements are whatever was in memory.

    Args:
        input: gives the shape, and whether the result is sparse.
        dtype, device: those of ``input`` unless given.
        requires_grad: whether operations on the result are recorded.
        pin_memory, memory_format: accepted and ignored.
        layout: ``torch.strided``, which is the only one here.

    Returns:
        A contiguous tensor of the same shape. Of a sparse one in rows or columns the elements at the same positions; of
        one in a list, none.

    Raises:
        NotImplementedError: another ``layout``.

    >>> torch.empty_like(torch.zeros(2, 3)).shape
    torch.Size([2, 3])
    """
    if dtype is device is layout is None and requires_grad is False:
        t = plain_like(input)
        if t is not None:
            return t
    if layout is not None:
        strided(layout, "empty_like")
    if input.__class__ is SparseTensor:  # compressed positions stay, and a list of them is emptied
        made = input.detach().to(dtype=dtype, device=device, copy=True)
        return (made.zero_() if made.layout is sparse_coo else made).requires_grad_(requires_grad)
    d, where = _options(dtype, device, input)
    if input.__class__ is Batched:  # of each sample, so that it can be written to
        whole = empty_like(input.value, dtype=d, device=where, requires_grad=requires_grad)
        return batched(whole, input.level)
    return finish(_empty(input.shape, d, where), requires_grad)


@exported("torch")
def full_like(
    input: Tensor,
    fill_value: Any,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = None,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor of the shape of ``input`` in which every element is ``fill_value``.

    Args:
        input: gives the shape.
        fill_value: a number that the type can hold.
        dtype, device: those of ``input`` unless given.
        requires_grad: whether operations on the result are recorded.
        pin_memory, memory_format: accepted and ignored.
        layout: ``torch.strided``, which is the only one here.

    Returns:
        A contiguous tensor of the same shape.

    Raises:
        TypeError: ``fill_value`` is no number.
        RuntimeError: the type cannot hold it.
        NotImplementedError: another ``layout``.

    >>> torch.full_like(torch.zeros(2), 1.5)
    tensor([1.5000, 1.5000])
    """
    if layout is not None:
        strided(layout, "full_like")
    d, where = _options(dtype, device, input)
    value, d = _fill_value(fill_value, d, "full_like")
    if input.__class__ is Batched:  # of each sample, so that it can be written to
        whole = full_like(input.value, value, dtype=d, device=where, requires_grad=requires_grad)
        return batched(whole, input.level)
    return _filled(input.shape, value, d, where, requires_grad)


@exported("torch")
@engine.fill
def zeros_like(
    input: Tensor,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = None,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """Zeros in the shape of ``input``.

    Args:
        input: gives the shape.
        dtype, device: those of ``input`` unless given.
        requires_grad: whether operations on the result are recorded.
        pin_memory, memory_format: accepted and ignored.
        layout: ``torch.strided``, ``sparse_coo``, ``sparse_csr`` or ``sparse_csc``; sparse ones hold no elements.

    Returns:
        A contiguous tensor of the same shape; of a sparse one a sparse tensor without elements.

    Raises:
        NotImplementedError: another ``layout``.

    >>> torch.zeros_like(torch.tensor([1, 2, 3]))
    tensor([0, 0, 0])
    """
    if dtype is device is layout is None and requires_grad is False:
        t = plain_like(input, 0)
        if t is not None:
            return t
    if (layout is sparse_coo or layout in COMPRESSED) and layout is not input.layout:
        d, where = _options(dtype, device, input)
        return _sparse(input.shape, d, where, layout, requires_grad, "zeros")
    if layout is not None and layout is not input.layout:
        strided(layout, "zeros_like")
    if input.__class__ is SparseTensor:
        made = input.detach().to(dtype=dtype, device=device, copy=True).zero_()
        return made.requires_grad_(requires_grad)
    return full_like(input, 0, dtype=dtype, device=device, requires_grad=requires_grad)


@exported("torch")
@engine.fill
def ones_like(
    input: Tensor,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = None,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """Ones in the shape of ``input``.

    Args:
        input: gives the shape.
        dtype, device: those of ``input`` unless given.
        requires_grad: whether operations on the result are recorded.
        pin_memory, memory_format: accepted and ignored.
        layout: ``torch.strided``, which is the only one here.

    Returns:
        A contiguous tensor of the same shape.

    Raises:
        NotImplementedError: another ``layout``.

    >>> torch.ones_like(torch.tensor([1.5, 2.5]))
    tensor([1., 1.])
    """
    if dtype is device is layout is None and requires_grad is False:
        t = plain_like(input, 1)
        if t is not None:
            return t
    if layout is not None:
        strided(layout, "ones_like")
    return full_like(input, 1, dtype=dtype, device=device, requires_grad=requires_grad)


@exported("torch")
@engine.fill
def eye(
    n: int,
    m: int | None = None,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    out: Any = None,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """Ones on the diagonal, zeros elsewhere.

    Args:
        n, m: rows and columns; as many columns as rows unless given.
        dtype, device, requires_grad: of the result; the default floating type and the CPU unless given.
        pin_memory: accepted and ignored.
        layout: ``torch.strided``, which is the only one here.

    Returns:
        A matrix of shape (n, m).

    Raises:
        RuntimeError: a negative size.
        NotImplementedError: another ``layout``.

    >>> torch.eye(2, 3)
    tensor([[1., 0., 0.],
            [0., 1., 0.]])
    """
    if layout is not None:
        strided(layout, "eye")
    if out is not None:
        return into(out, FILLED, eye, n, m, dtype=dtype, device=device, requires_grad=requires_grad)
    n = integer(n, "eye", "n")
    m = n if m is None else integer(m, "eye", "m")
    for name, size in (("n", n), ("m", m)):
        if size < 0:
            raise RuntimeError(f"{name} must be greater or equal to 0, got {size}")
    t = zeros(n, m, dtype=dtype, device=CPU)
    if n and m:
        t._buf[: min(n, m) * m : m + 1] = ones(1, dtype=t.dtype, device=CPU)._buf
    return finish(movement.to(t, as_device(device)), requires_grad)


def to_ndarray(x: Tensor) -> np.ndarray:
    """The elements as an array that shares memory (float32 copies for bfloat16, which NumPy lacks)."""
    a = as_ndarray(x)
    if x.dtype is dtypes.float16:
        return a.view(np.float16)
    return as_ndarray(movement.cast(x.detach(), dtypes.float32)) if x.dtype is dtypes.bfloat16 else a
