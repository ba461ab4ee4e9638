"""The fields of Tensor, and functions that make views and new results. ``tensor.py`` adds the methods.

Making a result is a large part of the time of a small op. So a new result needs only three assignments: buffer, shape,
kind. Every other field has a default on the class and is set only on tensors that need it.
"""

from __future__ import annotations

from math import prod
from typing import Any
from weakref import ref

import numpy as np

from numtorch.device import CPU, device
from numtorch.dtype import dtype
from numtorch.grad_mode import mode
from numtorch.storage import UNSHARED, Kind, Size, Storage, allocate, contiguous_strides, is_contiguous, kind, on_cpu

new = object.__new__
LARGEST = (1 << 63) - 1  # elements of a tensor


class Tensor:
    """A multi-dimensional array that records how it was computed.

    ``torch.tensor(data)`` and the functions beside it make tensors. The class itself is an older way:
    ``torch.Tensor([1, 2])`` has these elements, ``torch.Tensor(2, 3)`` has this shape and elements of any value.

    Args:
        *args: sizes, or one sequence, array or tensor.
        device: where it is made; the CPU if None.
        **unknown: raises an error that says what to call instead.

    Attributes:
        shape: sizes of the dimensions.
        dtype: type of the elements.
        device: where the elements are.
        strides: distance in memory between neighbours along each dimension, in elements.
        _buf: 1-D buffer beginning at the first element; exactly the elements if contiguous.
        _k: dtype, device and contiguity in one interned object; what kernels are chosen by.
        _strides: in elements; None if contiguous.
        _storage, _offset: the shared buffer, and where this tensor begins in it.
        _edge: where its gradient goes: None, a Leaf, a Node, or an Output of a node with several.
        _base: the tensor of which this one is a view.
        _guard: of a base that stands between a tensor and its view by a custom function: why such a view may not be
            written to.

    >>> torch.Tensor([1, 2])
    tensor([1., 2.])
    """

    shape: Size
    _buf: Any
    _k: Kind
    _strides: tuple[int, ...] | None = None
    _storage: Storage = UNSHARED
    _offset: int = 0
    _edge: Any = None
    _grad: Tensor | None = None
    _base: Tensor | None = None
    _guard: str | None = None

    @property
    def dtype(self) -> dtype:
        """Element type."""
        return self._k.dtype

    @property
    def device(self) -> device:
        """Where the elements live."""
        return self._k.device

    @property
    def _version(self) -> int:
        """How many in-place ops have written to the storage."""
        return self._storage.version

    @property
    def strides(self) -> tuple[int, ...]:
        """Steps between neighbours along each dimension, in elements."""
        return self._strides if self._strides is not None else contiguous_strides(self.shape)


class ReturnType(tuple[Tensor, Tensor]):
    """(values, indices), also by name, printed as torch prints it."""

    __slots__ = ()
    _name = "max"

    @property
    def values(self) -> Tensor:
        return self[0]

    @property
    def indices(self) -> Tensor:
        return self[1]

    def __repr__(self) -> str:
        return f"torch.return_types.{self._name}(\nvalues={self[0]!r},\nindices={self[1]!r})"


def make(buf: Any, shape: tuple, k: Kind) -> Tensor:
    """A tensor that owns a fresh contiguous buffer."""
    t = new(Tensor)
    t._buf = buf
    t.shape = shape if type(shape) is Size else Size(shape)
    t._k = k
    return t


def empty(shape: tuple | list, d: dtype, where: device) -> Tensor:
    """An uninitialised contiguous tensor."""
    t = new(Tensor)
    t.shape = shape = shape if type(shape) is Size else Size(shape)
    t._buf = allocate(prod(shape), d, where)
    t._k = on_cpu[d] if where is CPU else kind(d, where)
    return t


def shared_storage(t: Tensor) -> Storage:
    """The tensor's storage, made on first need."""
    if t._storage is UNSHARED:
        t._storage = Storage(t._buf)
    return t._storage


def view(x: Tensor, shape: tuple, strides: tuple[int, ...], step: int = 0) -> Tensor:
    """A tensor over the same storage, ``step`` elements further on. No graph is recorded."""
    t = placed(x, geometry(shape, strides, step))
    data, start = t._storage.data, t._offset
    if data is not None:  # the view may reach further than x does
        t._buf = data[start : start + t.shape.numel()] if t._k.contiguous else data[start:]
    return t


def geometry(shape: tuple, strides: tuple[int, ...], step: int = 0) -> tuple:
    """What ``placed`` takes: (Size, strides or None if they are row-major, elements, elements to go on by)."""
    shape = shape if type(shape) is Size else Size(shape)
    n = counted(shape)
    return shape, None if is_contiguous(shape, strides) else strides, n, step


def counted(shape: tuple) -> int:
    """How many elements a tensor of this shape has; RuntimeError for more than kernels can count."""
    n = prod(shape)
    if n > LARGEST:
        raise RuntimeError(
            f"numel: integer multiplication overflow: a tensor of shape {list(shape)} has more than 2**63 - 1 elements"
        )
    return n


def placed(x: Tensor, where: tuple) -> Tensor:
    """``view`` of elements that are x's own, by a geometry that is known: most views are made again and again."""
    storage = x._storage
    if storage is UNSHARED:
        storage = shared_storage(x)
    t = new(Tensor)
    t.shape, strides, n, step = where
    t._storage = storage
    base, k = x._base, x._k
    t._base = x if base is None else base
    if step:
        t._offset = start = x._offset + step
        buf = storage.data
        if buf is not None:
            buf = buf[start:] if strides is not None else buf[start : start + n]
    else:
        if x._offset:
            t._offset = x._offset
        buf = x._buf
        if strides is None and buf is not None and buf.size != n:
            buf = buf[:n]
    t._buf = buf
    if strides is None:
        t._k = k if k.contiguous else kind(k.dtype, k.device)
    else:
        t._k = k.strided
        t._strides = strides
    if mode.grad:  # as in ``keep_view``, without a call
        views = storage.views
        if views is None:
            storage.views = [ref(t)]
        elif len(views) < 64:
            views.append(ref(t))
        else:
            keep_view(storage, t)
    return t


def side_by_side(x: Tensor, shape: Size, strides: tuple | None, n: int, starts: Any) -> tuple:
    """Views of one geometry that begin ``starts`` elements further on: ``placed`` for each, with what they share looked
    up once."""
    storage = x._storage if x._storage is not UNSHARED else shared_storage(x)
    base = x if x._base is None else x._base
    data, first = storage.data, x._offset
    k = x._k.strided if strides is not None else x._k if x._k.contiguous else kind(x._k.dtype, x._k.device)
    made = []
    if strides is None and data is not None and starts.__class__ is range and starts.step == n and n:
        # The rows of one block: cut by NumPy in one go.
        at = first + starts.start
        for buf in data[at : at + n * len(starts)].reshape(-1, n):
            t = new(Tensor)
            t.shape, t._storage, t._base, t._k, t._offset, t._buf = shape, storage, base, k, at, buf
            at += n
            made.append(t)
        starts = ()
    for start in starts:
        t = new(Tensor)
        t.shape, t._storage, t._base, t._k = shape, storage, base, k
        t._offset = at = first + start
        if strides is None:
            t._buf = None if data is None else data[at : at + n]
        else:
            t._buf = None if data is None else data[at:]
            t._strides = strides
        made.append(t)
    if mode.grad and made:
        views = storage.views
        if views is None:
            storage.views = [*map(ref, made)]
        else:
            before = len(views)
            if before > 63 and (before + len(made)).bit_length() > before.bit_length():  # as in ``keep_view``
                views[:] = [r for r in views if r() is not None]
            views.extend(map(ref, made))
    return tuple(made)


def flat_array(x: Any) -> np.ndarray | None:
    """The memory of a contiguous CPU tensor outside any graph as a flat array, if NumPy has its type; else None."""
    if not isinstance(x, Tensor) or x._edge is not None:
        return None
    k = x._k
    return x._buf if k.contiguous and k.device is CPU and not k.dtype.is_half else None


def keep_view(storage: Storage, t: Tensor) -> None:
    """Keep track of a view that may take part in a graph: an in-place write must find it."""
    views = storage.views
    if views is None:
        storage.views = [ref(t)]
        return
    n = len(views)
    if n > 63 and not n & (
        n - 1
    ):  # views of a long-lived buffer come and go; at powers of two, so that many that stay cost little
        views[:] = [r for r in views if r() is not None]
    views.append(ref(t))


def reshaped(x: Tensor, shape: Size) -> Tensor:
    """A contiguous tensor's elements in another shape of as many elements. No graph is recorded."""
    storage = x._storage
    if storage is UNSHARED:
        storage = shared_storage(x)
    t = new(Tensor)
    t.shape = shape
    t._buf = x._buf
    t._k = x._k
    t._storage = storage
    if x._offset:
        t._offset = x._offset
    base = x._base
    t._base = x if base is None else base
    if mode.grad:  # as in ``keep_view``, without a call
        views = storage.views
        if views is None:
            storage.views = [ref(t)]
        elif len(views) < 64:
            views.append(ref(t))
        else:
            keep_view(storage, t)
    return t


def fresh(x: Tensor) -> Tensor:
    """``x`` itself, seen from elsewhere as a result and not as a view: nobody else holds what it is a view of."""
    x._base = None
    return x


def alias(x: Tensor) -> Tensor:
    """The same elements without a graph; in-place writes to either are seen by both."""
    t = new(Tensor)
    t.shape = x.shape
    t._buf = x._buf
    t._k = x._k
    if x._storage is UNSHARED:
        # Most saved results come here: a constructor would cost as much.
        x._storage = t._storage = storage = new(Storage)
        storage.data = x._buf
    else:
        t._storage = x._storage
        if x._strides is not None:
            t._strides = x._strides
        if x._offset:
            t._offset = x._offset
    return t


def as_ndarray(x: Tensor) -> np.ndarray:
    """The elements of a CPU tensor as a NumPy array over the same memory (half types as their bits)."""
    if x._k.contiguous:
        return x._buf.reshape(x.shape)
    size = x._buf.itemsize
    return np.lib.stride_tricks.as_strided(x._buf, x.shape, tuple(s * size for s in x.strides))
