"""``UntypedStorage`` and ``TypedStorage``: the memory of a tensor and its views, as bytes and as elements."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

import numtorch.dtype as dtypes
from numtorch._tensor import Tensor, shared_storage
from numtorch.device import CPU, device
from numtorch.exports import exported
from numtorch.grad_mode import mode
from numtorch.methods import method
from numtorch.ops import creation, movement
from numtorch.storage import contiguous_strides, whole


class UntypedStorage:
    """The bytes of a tensor's memory, which its views share.

    Args:
        size: bytes of a new one, with zeros, or the bytes as integers.

    >>> x = torch.zeros(2, 3)
    >>> x.untyped_storage().nbytes(), x[1].untyped_storage().data_ptr() == x.data_ptr()
    (24, True)
    """

    device: device

    def __init__(self, size: Any = 0):
        self._hold(np.zeros(size, np.uint8) if isinstance(size, int) else np.array(size, np.uint8))

    def _hold(self, data: np.ndarray | None, size: int | None = None, where: Any = CPU) -> UntypedStorage:
        self._bytes, self._size, self.device = data, len(data) if size is None else size, where  # type: ignore[arg-type]
        return self

    @classmethod
    def from_file(cls, filename: str | os.PathLike, shared: bool = False, nbytes: int = 0) -> UntypedStorage:
        """The bytes of a file, which are read when they are needed.

        Args:
            filename: the file.
            shared: whether what is written to the storage is written to the file.
            nbytes: how many bytes of it.

        Returns:
            A storage.

        >>> import tempfile
        >>> with tempfile.NamedTemporaryFile() as file:
        ...     written = file.write(b"abc")
        ...     file.flush()
        ...     torch.UntypedStorage.from_file(file.name, nbytes=3).tolist()
        [97, 98, 99]
        """
        data = (
            np.memmap(filename, np.uint8, "r+" if shared else "c", shape=(nbytes,)) if nbytes else np.zeros(0, np.uint8)
        )
        return cls.__new__(cls)._hold(data)

    def nbytes(self) -> int:
        """The number of bytes.

        Returns:
            An int.

        >>> torch.UntypedStorage(4).nbytes()
        4
        """
        return self._size

    size = __len__ = nbytes

    def untyped(self) -> UntypedStorage:
        """The storage itself.

        Returns:
            An ``UntypedStorage``.

        >>> torch.UntypedStorage(4).untyped().nbytes()
        4
        """
        return self

    def clone(self) -> UntypedStorage:
        """A copy.

        Returns:
            An ``UntypedStorage``.

        >>> torch.UntypedStorage([1, 2]).clone().tolist()
        [1, 2]
        """
        return UntypedStorage.__new__(UntypedStorage)._hold(self._array().copy())

    def copy_(self, source: UntypedStorage, non_blocking: bool = False) -> UntypedStorage:
        """Take the bytes of another storage of the same size.

        Args:
            source: the other one.
            non_blocking: accepted.

        Returns:
            The storage.

        Raises:
            RuntimeError: the sizes differ.

        >>> torch.UntypedStorage(2).copy_(torch.UntypedStorage([1, 2])).tolist()
        [1, 2]
        """
        if source.nbytes() != self.nbytes():
            raise RuntimeError(f"copy_: the storages have {self.nbytes()} and {source.nbytes()} bytes")
        self._array()[:] = source._array()
        return self

    def fill_(self, value: int) -> UntypedStorage:
        """Set all bytes.

        Args:
            value: of each byte.

        Returns:
            The storage.

        >>> torch.UntypedStorage(2).fill_(7).tolist()
        [7, 7]
        """
        self._array()[:] = value
        return self

    def element_size(self) -> int:
        """Bytes of an element: 1.

        Returns:
            An int.

        >>> torch.UntypedStorage(4).element_size()
        1
        """
        return 1

    def data_ptr(self) -> int:
        """Address of the first byte; 0 of a storage without elements.

        Returns:
            An int.

        >>> torch.UntypedStorage(0).data_ptr()
        0
        """
        return self._bytes.__array_interface__["data"][0] if self._size and self._bytes is not None else 0

    def tolist(self) -> list[int]:
        """The bytes.

        Returns:
            A list of integers.

        >>> torch.UntypedStorage([1, 2]).tolist()
        [1, 2]
        """
        return self._array().tolist()

    def _array(self) -> np.ndarray:
        if self._bytes is None:
            raise NotImplementedError(f"the bytes of a storage on {self.device} are not in the memory of the CPU")
        return self._bytes

    def __getitem__(self, index: Any) -> Any:
        found = self._array()[index]
        return UntypedStorage.__new__(UntypedStorage)._hold(found) if isinstance(index, slice) else int(found)

    def __setitem__(self, index: Any, value: Any) -> None:
        self._array()[index] = value

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self._array() if dtype is None else self._array().astype(dtype)

    def __repr__(self) -> str:
        listed = "".join(f" {n}\n" for n in self._bytes) if self._bytes is not None and self._size < 1000 else " ...\n"
        return f"{listed}[torch.storage.UntypedStorage(device={self.device}) of size {self._size}]"


class TypedStorage:
    """The elements of a tensor's memory, which its views share: an older form of ``UntypedStorage``.

    Args:
        wrap_storage: the bytes.
        dtype: what they are read as.

    >>> torch.tensor([1.0, 2.0])[1:].storage().tolist()
    [1.0, 2.0]
    """

    def __init__(self, *, wrap_storage: UntypedStorage, dtype: dtypes.dtype):
        self._untyped, self.dtype, self.device = wrap_storage, dtype, wrap_storage.device

    def untyped(self) -> UntypedStorage:
        """The bytes.

        Returns:
            An ``UntypedStorage``.

        >>> torch.zeros(2).storage().untyped().nbytes()
        8
        """
        return self._untyped

    def size(self) -> int:
        """The number of elements.

        Returns:
            An int.

        >>> torch.zeros(2).storage().size()
        2
        """
        return self._untyped.nbytes() // self.dtype.itemsize

    __len__ = size

    def nbytes(self) -> int:
        """The number of bytes.

        Returns:
            An int.

        >>> torch.zeros(2).storage().nbytes()
        8
        """
        return self._untyped.nbytes()

    def element_size(self) -> int:
        """Bytes of an element.

        Returns:
            An int.

        >>> torch.zeros(2).storage().element_size()
        4
        """
        return self.dtype.itemsize

    def data_ptr(self) -> int:
        """Address of the first element.

        Returns:
            An int.

        >>> x = torch.zeros(2)
        >>> x.storage().data_ptr() == x.data_ptr()
        True
        """
        return self._untyped.data_ptr()

    def _tensor(self) -> Tensor:
        return movement.view_bits(creation.from_numpy(self._untyped._array()), self.dtype)

    def tolist(self) -> list:
        """The elements.

        Returns:
            A list of numbers.

        >>> torch.arange(3).storage().tolist()
        [0, 1, 2]
        """
        return self._tensor().tolist()

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            raise RuntimeError("slices are only supported in UntypedStorage.__getitem__; x.storage().untyped() is one")
        return self._tensor()[index].item()

    def __setitem__(self, index: Any, value: Any) -> None:
        self._tensor()[index] = value

    def __repr__(self) -> str:
        listed = "".join(f" {n}\n" for n in self.tolist()) if self.size() < 1000 else " ...\n"
        return f"{listed}[torch.storage.TypedStorage(dtype={self.dtype}, device={self.device}) of size {self.size()}]"


@method
def untyped_storage(self: Tensor) -> UntypedStorage:
    """The bytes of the memory that the tensor is a view of.

    Returns:
        An ``UntypedStorage``.

    >>> torch.zeros(2, 3)[1].untyped_storage().nbytes()
    24
    """
    kept = whole(shared_storage(self))
    made = UntypedStorage.__new__(UntypedStorage)
    if self.device.type == "cpu":
        return made._hold(kept.data.view(np.uint8))
    size = self.nbytes if kept.data is None else kept.data.size * self.dtype.itemsize
    return made._hold(None, size, self.device)


@method
def storage(self: Tensor) -> TypedStorage:
    """The elements of the memory that the tensor is a view of.

    Returns:
        A ``TypedStorage``.

    >>> torch.zeros(2, 3)[1].storage().size()
    6
    """
    return TypedStorage(wrap_storage=self.untyped_storage(), dtype=self.dtype)


@method
def storage_type(self: Tensor) -> type:
    """The class of ``storage()`` by the type of its elements, such as ``torch.FloatStorage``.

    Returns:
        A class.

    >>> torch.zeros(2).storage_type() is torch.FloatStorage
    True
    """
    return STORAGES[self.dtype]


@method
def set_(self: Tensor, source: Any = None, storage_offset: int = 0, size: Any = None, stride: Any = None) -> Tensor:
    """Let the tensor show other memory, which it shares from then on.

    Args:
        source: a tensor, whose shape and strides are taken unless ``size`` is given, or a storage; nothing makes the
            tensor empty.
        storage_offset: where its first element is in that memory.
        size: the shape; all elements of a storage unless given.
        stride: elements between neighbours; contiguous unless given.

    Returns:
        The tensor.

    Raises:
        RuntimeError: another dtype, a leaf that requires a gradient, or a view that leaves the memory.
        TypeError: neither a tensor nor a storage.

    >>> x, y = torch.zeros(3), torch.arange(4.0)
    >>> x.set_(y.untyped_storage(), 1, (2,))
    tensor([1., 2.])
    >>> y.fill_(5.0) is y and x.tolist()
    [5.0, 5.0]
    """
    if mode.grad and self.requires_grad:
        raise RuntimeError("a leaf Variable that requires grad is being used in an in-place operation.")
    if source is None:
        source = creation.empty(0, dtype=self.dtype, device=self.device)
    elif isinstance(source, UntypedStorage | TypedStorage):
        kept = TypedStorage(wrap_storage=source, dtype=self.dtype) if isinstance(source, UntypedStorage) else source
        source = kept._tensor()
        size = (source.numel() - storage_offset,) if size is None else size
    elif not isinstance(source, Tensor):
        raise TypeError(f"set_(): argument 'source' must be Tensor or Storage, not {type(source).__name__}")
    if source.dtype is not self.dtype:
        raise RuntimeError(f"Could not set tensor of type {source.dtype.name} to a tensor of type {self.dtype.name}")
    if size is not None:
        size = tuple(size)
        stride = contiguous_strides(size) if stride is None else tuple(stride)
        source = movement.as_strided(source.detach(), size, stride, storage_offset)
    self.data = source
    return self


@method
def is_set_to(self: Tensor, tensor: Tensor) -> bool:
    """Whether two tensors show the same memory with the same shape and strides.

    Args:
        tensor: the other one.

    Returns:
        A bool.

    Raises:
        TypeError: it is no tensor.

    >>> x = torch.zeros(2, 3)
    >>> x.is_set_to(x[:]), x.is_set_to(x.clone()), x.is_set_to(x.view(3, 2))
    (True, False, False)
    """
    if not isinstance(tensor, Tensor):
        raise TypeError(f"is_set_to(): argument 'tensor' (position 1) must be Tensor, not {type(tensor).__name__}")
    return (
        self.data_ptr() == tensor.data_ptr()
        and self.dtype is tensor.dtype
        and self.shape == tensor.shape
        and self.stride() == tensor.stride()
    )


@exported("torch")
def is_storage(obj: Any) -> bool:
    """Whether an object is a storage.

    Args:
        obj: any object.

    Returns:
        A bool.

    >>> torch.is_storage(torch.zeros(1).untyped_storage()), torch.is_storage(torch.zeros(1))
    (True, False)
    """
    return isinstance(obj, UntypedStorage | TypedStorage)


class _StorageType(type):
    """``isinstance(storage, torch.FloatStorage)`` asks for the type of its elements."""

    dtype: dtypes.dtype

    def __instancecheck__(cls, x: Any) -> bool:
        return isinstance(x, TypedStorage) and x.dtype is cls.dtype


def _storage_class(name: str, dtype: dtypes.dtype) -> type:
    def make(cls: Any, size: Any = 0) -> TypedStorage:
        values = creation.zeros(size, dtype=dtype) if isinstance(size, int) else creation.tensor(size, dtype=dtype)
        return values.storage()

    doc = f"""The elements of a tensor's memory as {dtype.name}; ``x.storage()`` of such a tensor is one.

    Args:
        size: how many elements of a new one, or their values.

    >>> torch.{name}(3).size(), isinstance(torch.zeros(2, dtype=torch.{dtype.name}).storage(), torch.{name})
    (3, True)
    """
    return _StorageType(name, (), {"__new__": make, "__doc__": doc, "dtype": dtype, "__module__": "numtorch"})


_TYPES = {
    "Double": dtypes.float64,
    "Float": dtypes.float32,
    "Half": dtypes.float16,
    "BFloat16": dtypes.bfloat16,
    "Long": dtypes.int64,
    "Int": dtypes.int32,
    "Short": dtypes.int16,
    "Char": dtypes.int8,
    "Byte": dtypes.uint8,
    "Bool": dtypes.bool,
    "ComplexDouble": dtypes.complex128,
    "ComplexFloat": dtypes.complex64,
}
STORAGES = {dtype: _storage_class(f"{kind}Storage", dtype) for kind, dtype in _TYPES.items()}
DoubleStorage, FloatStorage = STORAGES[dtypes.float64], STORAGES[dtypes.float32]
HalfStorage, BFloat16Storage = STORAGES[dtypes.float16], STORAGES[dtypes.bfloat16]
LongStorage, IntStorage, ShortStorage = STORAGES[dtypes.int64], STORAGES[dtypes.int32], STORAGES[dtypes.int16]
CharStorage, ByteStorage, BoolStorage = STORAGES[dtypes.int8], STORAGES[dtypes.uint8], STORAGES[dtypes.bool]
ComplexDoubleStorage, ComplexFloatStorage = STORAGES[dtypes.complex128], STORAGES[dtypes.complex64]


@exported("torch")
def frombuffer(
    buffer: Any, *, dtype: dtypes.dtype, count: int = -1, offset: int = 0, requires_grad: bool = False
) -> Tensor:
    """A tensor over the memory of a buffer, without a copy.

    Args:
        buffer: bytes, an array, or something else that exposes its memory.
        dtype: what it is read as.
        count: how many elements; all if negative.
        offset: how many bytes are skipped at its beginning.
        requires_grad: whether ops on the result are recorded.

    Returns:
        A tensor of one dimension.

    Raises:
        ValueError: the buffer is empty, or shorter than is asked for, or does not hold a whole number of elements.

    >>> torch.frombuffer(bytearray(b"abcd"), dtype=torch.uint8, offset=1)
    tensor([ 98,  99, 100], dtype=torch.uint8)
    """
    data = np.frombuffer(buffer, np.uint8)
    size, n = dtype.itemsize, data.size
    if not n or not count:
        raise ValueError(f"both buffer length ({n}) and count ({count}) must not be 0")
    if not 0 <= offset < n:
        raise ValueError(
            f"offset ({offset} bytes) must be non-negative and no greater than buffer length ({n} bytes) minus 1"
        )
    if count < 0 and (n - offset) % size:
        raise ValueError(
            f"buffer length ({n} bytes) after offset ({offset} bytes) must be a multiple of element size ({size})"
        )
    if count > 0 and offset + count * size > n:
        raise ValueError(
            f"requested buffer length ({count} * {size} bytes) after offset ({offset} bytes) must not be greater than "
            f"actual buffer length ({n} bytes)"
        )
    part = data[offset:] if count < 0 else data[offset : offset + count * size]
    return creation.finish(movement.view_bits(creation.from_numpy(part), dtype), requires_grad)
