"""Flat buffers, and the arithmetic of shapes and strides; the same for every device.

Owns allocation, the version that in-place ops increment, and contiguity. Knows no op.
"""

from __future__ import annotations

import ctypes
import itertools
import math
from collections.abc import Callable
from functools import cache, lru_cache, partial
from typing import Any, SupportsIndex, overload
from weakref import ref

import numpy as np

from numtorch import memory
from numtorch.arguments import integer
from numtorch.device import CPU, device
from numtorch.dtype import dtype
from numtorch.errors import OutOfMemoryError
from numtorch.kernels import launch

# Bytes from which the C library would ask the system for every block.
_HUGE = memory.LARGEST if memory.keep_freed() else 1 << 20

# One clock orders graph nodes and in-place writes: a value saved by a node is stale when its buffer was
# written after the node was made.
clock = itertools.count(1)
tick = clock.__next__


class Size(tuple[int, ...]):
    """A shape: a tuple that prints as ``torch.Size([2, 3])``.

    Args:
        iterable: the sizes.

    >>> torch.Size([2, 3])
    torch.Size([2, 3])
    """

    __slots__ = ()

    def numel(self) -> int:
        """The product of the sizes: the number of elements.

        Returns:
            An int.

        >>> torch.Size([2, 3]).numel()
        6
        """
        return math.prod(self)

    def __repr__(self) -> str:
        return f"torch.Size({list(self)})"

    @overload
    def __getitem__(self, i: SupportsIndex) -> int: ...
    @overload
    def __getitem__(self, i: slice) -> Size: ...
    def __getitem__(self, i: Any) -> Any:
        r = tuple.__getitem__(self, i)
        return Size(r) if isinstance(i, slice) else r

    def __add__(self, other: Any) -> Size:  # type: ignore[override]
        return Size(tuple.__add__(self, tuple(other)))

    def __reduce__(self) -> tuple:
        return Size, (tuple(self),)


class Storage:
    """A flat buffer shared by a tensor and its views.

    Attributes:
        data: the whole 1-D buffer.
        version: how many in-place ops have written to it.
        written: the clock at the last of these writes; -1 if never.
        views: weak references to the views that take part in a graph.
        kin: weak references to other storages of the same memory, by what they are for.
    """

    data: Any
    version = 0
    written = -1
    views: list | None = None
    kin: dict | None = None

    def __init__(self, data: Any):
        self.data = data

    def related(self, what: Any, make: Callable[[], Storage]) -> Storage:
        """The other storage of this memory for ``what``: one object while anybody has it, so that it tells what
        overlaps."""
        if self.kin is None:
            self.kin = {}
        known = self.kin.get(what)
        found = known() if known is not None else None
        if found is None:
            found = make()
            self.kin[what] = ref(found)
        return found


class Retyped(Storage):
    """The memory of another storage as elements of another type; what is written to one counts for both."""

    def __init__(self, of: Storage, d: dtype):
        self.of = of
        if of.data is None:
            self.data = None
        else:
            whole = d.itemsize // of.data.dtype.itemsize or 1  # elements of the old type that make one of the new
            self.data = of.data[: of.data.size // whole * whole].view(d.storage)

    version = property(lambda self: self.of.version, lambda self, n: setattr(self.of, "version", n))  # type: ignore[assignment]
    views = property(lambda self: self.of.views, lambda self, v: setattr(self.of, "views", v))  # type: ignore[assignment]
    written = property(lambda self: self.of.written, lambda self, n: setattr(self.of, "written", n))  # type: ignore[assignment]


def whole(storage: Storage) -> Storage:
    """The storage that owns the memory."""
    return storage.of if isinstance(storage, Retyped) else storage


def retyped(storage: Storage, d: dtype) -> Storage:
    """The storage of the same memory for elements of type ``d``."""
    root = whole(storage)
    if root.data is not None and root.data.dtype == d.storage:
        return root
    return root.related(d.storage.str, lambda: Retyped(root, d))


# What a tensor that owns its buffer alone points to until a view or a write needs the real thing: most
# results never do, and one object less for each op is a tenth of a small op's time.
UNSHARED = Storage(None)


class Kind:
    """What kernels are chosen by: dtype, device and contiguity, one object for each combination."""

    __slots__ = ("contiguous", "device", "dtype", "strided")
    dtype: dtype
    device: device
    contiguous: bool
    strided: Kind

    def __repr__(self) -> str:
        return f"<{self.dtype.name} {self.device} {'contiguous' if self.contiguous else 'strided'}>"


@cache
def kind(d: dtype, where: device, contiguous: bool = True) -> Kind:
    """The interned Kind."""
    k = Kind()
    k.dtype, k.device, k.contiguous = d, where, contiguous
    k.strided = kind(d, where, False) if contiguous else k
    return k


class _OnCpu(dict):
    """``kind(d, CPU)`` by dtype: every result asks for one, and a device takes longer to hash than to find."""

    def __missing__(self, d: dtype) -> Kind:
        k = self[d] = kind(d, CPU)
        return k


on_cpu = _OnCpu()

_address: Any = ctypes.addressof
_at: Any = ctypes.c_char.from_buffer
_LARGE = 1 << 15  # bytes from which alignment pays more than it costs


def allocate(n: int, d: dtype, where: device) -> Any:
    """An uninitialised buffer of ``n`` elements on a device (None for meta)."""
    if where is CPU:
        storage = d.storage
        return np.empty(n, storage) if n * storage.itemsize < _LARGE else allocate_cpu(n, storage)
    if where.type == "meta":
        return None

    return launch.allocate(n, d.storage, where.index)


def allocator(n: int, k: Kind) -> Callable[[], Any]:
    """``allocate`` of ``n`` elements of a kind, without what is the same each time."""
    d, where = k.dtype, k.device
    plain = where is CPU and n * d.storage.itemsize < _LARGE
    return partial(np.empty, n, d.storage) if plain else partial(allocate, n, d, where)


def allocate_cpu(n: int, storage: np.dtype) -> np.ndarray:
    """An uninitialised NumPy buffer that starts on a cache line."""
    nbytes = n * storage.itemsize
    if nbytes >= _HUGE:
        try:
            return memory.large.take(nbytes).view(storage)
        except (MemoryError, ValueError):  # ValueError: NumPy cannot count so many
            raise OutOfMemoryError(
                f"can't allocate memory: you tried to allocate {nbytes} bytes, a tensor of {n} elements of "
                f"{storage.itemsize} bytes"
            ) from None
    # NumPy's large arrays start 16 bytes into a page, so that every 64-byte store would split a line. An address by way
    # of ctypes takes a third of the time that the array itself needs to tell it.
    raw = np.empty(n + memory.LINE // storage.itemsize, storage)
    start = -_address(_at(raw)) % memory.LINE // storage.itemsize
    return raw[start : start + n]


@lru_cache(maxsize=4096)
def contiguous_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Row-major strides in elements; a dimension of size 0 counts as 1, as in torch.

    >>> contiguous_strides((2, 3, 4))
    (12, 4, 1)
    """
    strides, step = [], 1
    for n in reversed(shape):
        strides.append(step)
        step *= max(n, 1)
    return tuple(reversed(strides))


@lru_cache(maxsize=4096)
def is_contiguous(shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    """Whether the strides are row-major; those of dimensions of size 1 do not matter."""
    if 0 in shape:
        return True
    step = 1
    for n, s in zip(reversed(shape), reversed(strides), strict=True):
        if n != 1:
            if s != step:
                return False
            step *= n
    return True


@lru_cache(maxsize=4096)
def broadcast_shapes(*shapes: tuple[int, ...]) -> Size:
    """The common shape, by NumPy's and torch's rule; ValueError(dim, sizes) where there is none.

    >>> broadcast_shapes((3, 1), (4,))
    torch.Size([3, 4])
    """
    ndim = max(map(len, shapes), default=0)
    result = []
    for i in range(-ndim, 0):
        size = 1
        for s in shapes:
            if len(s) >= -i and s[i] != 1:
                if size not in (1, s[i]):
                    raise ValueError(ndim + i, size, s[i])
                size = s[i]
        result.append(size)
    return Size(result)


@lru_cache(maxsize=4096)
def broadcast_strides(shape: tuple, strides: tuple, target: tuple) -> tuple[int, ...]:
    """Strides of an operand seen in the broadcast shape: 0 along dimensions that repeat."""
    lead = len(target) - len(shape)
    return (0,) * lead + tuple(
        0 if n == 1 and t != 1 else s for n, s, t in zip(shape, strides, target[lead:], strict=True)
    )


def collapse(shape: tuple[int, ...], strides: list[tuple[int, ...]]) -> tuple[list[int], list[list[int]]]:
    """Drop dimensions of size 1 and merge neighbours that every operand walks in one stride.

    >>> collapse((2, 3, 4), [(12, 4, 1), (0, 4, 1)])
    ([2, 12], [[12, 1], [0, 1]])
    """
    sizes: list[int] = []
    steps: list[list[int]] = [[] for _ in strides]
    for d, n in enumerate(shape):
        if n == 1:
            continue
        if sizes and all(s[-1] == st[d] * n for s, st in zip(steps, strides, strict=True)):
            sizes[-1] *= n
            for s, st in zip(steps, strides, strict=True):
                s[-1] = st[d]
        else:
            sizes.append(n)
            for s, st in zip(steps, strides, strict=True):
                s.append(st[d])
    return sizes, steps


@lru_cache(maxsize=4096)
def view_strides(shape: tuple, strides: tuple, target: tuple) -> tuple[int, ...] | None:
    """Strides with which ``target`` views the same elements, or None if only a copy can."""
    if 0 in shape:
        return contiguous_strides(target)
    sizes, (steps,) = collapse(shape, [strides])
    result: list[int] = []
    at, rest = len(sizes) - 1, sizes[-1] if sizes else 1
    step = steps[-1] if sizes else 1
    for n in reversed(target):
        if n == 1:
            result.append(step)
            continue
        if rest == 1 and at > 0:
            at -= 1
            rest, step = sizes[at], steps[at]
        if rest % n:
            return None
        result.append(step)
        step *= n
        rest //= n
    return tuple(reversed(result))


@lru_cache(maxsize=4096)
def fill_shape(target: tuple[int, ...], numel: int, op: str) -> Size:
    """``target`` with its one -1 replaced; RuntimeError if the elements do not fit."""
    known, missing = 1, None
    for i, n in enumerate(target):
        if n == -1 and missing is None:
            missing = i
        elif n < 0:
            raise RuntimeError(f"{op}: invalid shape dimension {n} in {list(target)}; only one dimension can be -1")
        else:
            known *= n
    if missing is not None and known > 0 and numel % known == 0:
        return Size((*target[:missing], numel // known, *target[missing + 1 :]))
    if missing is None and known == numel:
        return Size(target)
    if missing is not None and known == 0 and numel == 0:
        raise RuntimeError(f"{op}: cannot reshape tensor of 0 elements into shape {list(target)}: -1 is ambiguous")
    raise RuntimeError(f"{op}: shape '{list(target)}' is invalid for input of size {numel}")


def around(shape: tuple, dim: int) -> tuple[int, int, int]:
    """What lies before, in and after a dimension; a 0-dim tensor is one line of one element."""
    return (math.prod(shape[:dim]), shape[dim], math.prod(shape[dim + 1 :])) if shape else (1, 1, 1)


def wrap_dim(dim: int, ndim: int, op: str) -> int:
    """A dimension index made non-negative; IndexError out of range (0-dim tensors have one, as in torch)."""
    n = max(ndim, 1)
    if type(dim) is not int:
        dim = integer(dim, op, "dim")
    if not -n <= dim < n:
        raise IndexError(f"{op}: Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})")
    return dim % n
