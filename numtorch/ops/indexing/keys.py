"""``x[key]`` and ``x[key] = value``: integers and slices are views, tensors and masks are positions."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from numtorch import dtype as dtypes
from numtorch._tensor import Tensor, empty, geometry, placed
from numtorch.autograd.grad_mode import _Setting, mode
from numtorch.autograd.inplace import check_inplace, protect, rebase, same_memory, wrote
from numtorch.dispatch.op import op
from numtorch.ops import movement
from numtorch.ops.arithmetic import choose
from numtorch.ops.indexing import cpu
from numtorch.ops.indexing.masks import compress, count, nonzero
from numtorch.ops.indexing.positions import check, launch
from numtorch.ops.indexing.slices import put, put_along_extents, take_along_extents
from numtorch.ops.movement import contiguous, expand_to, permute, reshape
from numtorch.storage import Size, broadcast_shapes, contiguous_strides, tick


def _expand_key(x: Tensor, key: Any) -> list:
    """The key as a list with one entry for each dimension (and None for new ones); ``...`` filled in."""
    key = key if isinstance(key, tuple) else (key,)
    items: list = []
    for k in key:
        if isinstance(k, np.ndarray):
            from numtorch.ops.creation import from_numpy

            k = from_numpy(k)
        elif isinstance(k, list | range):
            from numtorch.ops.creation import tensor

            k = tensor(list(k), dtype=dtypes.int64) if len(k) == 0 else tensor(list(k))
        elif isinstance(k, np.bool_):
            k = bool(k)
        items.append(k)
    used = 0
    for k in items:
        if isinstance(k, Tensor) and k.dtype in (dtypes.bool, dtypes.uint8):
            used += k.ndim
        elif k is not None and k is not Ellipsis and not isinstance(k, bool):
            used += 1
    if used > x.ndim:
        raise IndexError(f"too many indices for tensor of dimension {x.ndim}")
    if sum(k is Ellipsis for k in items) > 1:
        raise IndexError("an index can only have a single ellipsis ('...')")
    fill = [slice(None)] * (x.ndim - used)
    at = next((i for i, k in enumerate(items) if k is Ellipsis), None)
    return items + fill if at is None else items[:at] + fill + items[at + 1 :]


def _bounds(s: slice, n: int) -> tuple[int, int, int]:
    step = 1 if s.step is None else _int(s.step)
    if step <= 0:
        raise ValueError("step must be greater than zero")
    start, stop, _ = slice(None if s.start is None else _int(s.start), None if s.stop is None else _int(s.stop)).indices(n)
    return start, max(start, stop), step


def _int(v: Any) -> int:
    return v.item() if isinstance(v, Tensor) else v.__index__()


def _basic(x: Tensor, key: list) -> tuple[Tensor, list[tuple[int, Tensor]]]:
    """Apply integers, slices and None as views; return the rest as (dimension, index tensor)."""
    dim, advanced = 0, []
    for k in key:
        if k is None:
            x = movement.unsqueeze(x, dim)
            dim += 1
        elif isinstance(k, slice):
            start, stop, step = _bounds(k, x.shape[dim])
            if (start, stop, step) != (0, x.shape[dim], 1):
                x = movement.slice(x, dim, start, stop, step)
            dim += 1
        elif isinstance(k, bool):
            x = movement.unsqueeze(x, dim)
            from numtorch.ops.creation import tensor

            advanced.append((dim, tensor([0] if k else [], dtype=dtypes.int64)))
            dim += 1
        elif isinstance(k, Tensor):
            if k.dtype in (dtypes.bool, dtypes.uint8):
                for i, n in enumerate(k.shape):
                    if x.shape[dim + i] != n:
                        raise IndexError(f"The shape of the mask {list(k.shape)} at index {i} does not match the shape of the "
                                         f"indexed tensor {list(x.shape)} at index {dim + i}")
                if k.ndim == 0:
                    x = movement.unsqueeze(x, dim)
                    advanced.append((dim, nonzero(k, as_tuple=True)[0]))
                    dim += 1
                    continue
                for at in nonzero(k, as_tuple=True):
                    advanced.append((dim, at))
                    dim += 1
                continue
            if k.dtype not in dtypes.INTEGERS:
                raise IndexError(f"tensors used as indices must be long, int, byte or bool tensors, not {k.dtype.name}")
            if k.ndim == 0:  # counts as an integer, as in torch
                x = movement.select(x, dim, _checked(k.item(), x.shape[dim], dim))
                continue
            advanced.append((dim, k))
            dim += 1
        elif hasattr(k, "__index__"):
            x = movement.select(x, dim, _checked(k.__index__(), x.shape[dim], dim))
        else:
            kind = TypeError if isinstance(k, str) else IndexError
            raise kind("only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices "
                       f"(got {type(k).__name__})")
    return x, advanced


def _checked(i: int, n: int, dim: int) -> int:
    if not -n <= i < n:
        raise IndexError(f"index {i} is out of bounds for dimension {dim} with size {n}")
    return i


class _Advanced:
    """Index tensors over some dimensions of ``x``: these moved to the front and merged, positions flattened."""

    def __init__(self, x: Tensor, advanced: list[tuple[int, Tensor]]):
        dims = [d for d, _ in advanced]
        try:
            shape = broadcast_shapes(*[i.shape for _, i in advanced])
        except ValueError:
            raise IndexError("shape mismatch: indexing tensors could not be broadcast together with shapes "
                             + ", ".join(str(list(i.shape)) for _, i in advanced)) from None
        flat = _positions(x, advanced, shape)
        self.flat = flat if len(flat.shape) == 1 else reshape(flat, (-1,))
        rest = [d for d in range(x.ndim) if d not in dims]
        self.order = (*dims, *rest)
        self.shape, self.x_shape = shape, x.shape
        self.n = Size(x.shape[d] for d in dims).numel()
        self.rest = tuple(x.shape[d] for d in rest)
        # Neighbouring index tensors leave their dimensions in place; separated ones put them first.
        self.front = dims[0] if dims == list(range(dims[0], dims[0] + len(dims))) else 0
        self.in_order = self.order == tuple(range(x.ndim))

    def merged(self, x: Tensor) -> Tensor:
        y = x if self.in_order else permute(x, self.order)
        shape = (self.n, *self.rest)
        return y if y.shape == shape else reshape(y, shape)

    def unmerged(self, y: Tensor) -> Tensor:
        """The inverse of ``merged``."""
        y = reshape(y, tuple(self.x_shape[d] for d in self.order))
        if self.in_order:
            return y
        back = [0] * len(self.order)
        for i, d in enumerate(self.order):
            back[d] = i
        return permute(y, tuple(back))

    def placed(self, y: Tensor) -> Tensor:
        """A result (positions, rest) in the shape that the user sees."""
        shape = (*self.shape, *self.rest)
        y = y if y.shape == shape else reshape(y, shape)
        k = len(self.shape)
        if self.front == 0 or k == 0:
            return y
        return permute(y, (*range(k, k + self.front), *range(k), *range(k + self.front, y.ndim)))

    def source(self, value: Tensor) -> Tensor:
        """A value broadcast to the result's shape, as (positions, rest)."""
        shape = (*self.rest[: self.front], *self.shape, *self.rest[self.front :])
        extra = value.ndim - len(shape)
        if extra > 0 and all(n == 1 for n in value.shape[:extra]):
            value = reshape(value, value.shape[extra:])
        value = expand_to(value, shape)
        k = len(self.shape)
        if self.front and k:
            f = self.front
            value = permute(value, (*range(f, f + k), *range(f), *range(f + k, value.ndim)))
        return reshape(value, (-1, *self.rest)) if value.shape.numel() else reshape(value, (self.flat.shape[0], *self.rest))


def _positions(x: Tensor, advanced: list[tuple[int, Tensor]], shape: Size) -> Tensor:
    """Index tensors of several dimensions as one of positions in these dimensions merged."""
    where = x._k.device
    indices = [(d, i if i._k.dtype is dtypes.int64 and i._k.device is where else i.to(where, dtypes.int64)) for d, i in advanced]
    if len(indices) == 1:
        return indices[0][1]  # the kernels wrap and check it
    if x.device.type != "cpu":
        flat: Any = 0
        for d, i in indices:
            flat = flat * x.shape[d] + choose(i < 0, i + x.shape[d], i)
        return expand_to(flat, shape)
    if len(indices) == 2:
        (a, rows), (b, cols) = [(d, contiguous(i if i.shape == shape else expand_to(i, shape))) for d, i in indices]
        flat = empty(shape, dtypes.int64, rows._k.device)
        n, m = x.shape[a], x.shape[b]
        if flat._buf.size and launch(cpu.join_positions, 0, flat._buf, rows._buf, cols._buf, n, m):
            check(1, *((rows, a, n) if _any_outside(rows, n) else (cols, b, m)), True)
        return flat
    from numtorch.ops.creation import zeros

    flat = zeros(shape, dtype=dtypes.int64)
    for d, i in indices:
        i = contiguous(expand_to(i, shape))
        check(launch(cpu.add_position, 0, flat._buf, i._buf, x.shape[d]), i, d, x.shape[d], True)
    return flat


def _are_positions(rows: Any, cols: Any, x: Tensor) -> bool:
    """Whether both are vectors of one length that say where elements of the matrix ``x`` are."""
    if rows.__class__ is not Tensor or cols.__class__ is not Tensor:
        return False
    k = rows._k
    return k is cols._k and k.dtype is dtypes.int64 and k.device is x._k.device and len(rows.shape) == 1 and rows.shape == cols.shape


def _any_outside(index: Tensor, n: int) -> bool:
    return bool(((index._buf < -n) | (index._buf >= n)).any())


@op(view=True, public=False)
def basic(x, items: tuple):
    """``x[key]`` for slices, as (start, stop, step), integers, None and ``...`` alone: one view."""
    return placed(x, _basic_geometry(x.shape, x._strides, items))


@basic.vjp
def _(g, x_shape, *, items):
    return basic_backward(g, x_shape, items)


basic.op.backward_name = "SliceBackward0"


@op(public=False)
def basic_backward(x, shape: tuple, items: tuple):
    """Zeros of ``shape`` in which what the items name is ``x``."""
    sizes, widths, steps = _basic_extents(shape, items)
    if steps == 1 and 0 not in sizes:
        return movement.pad_ends(reshape(x, sizes), widths, 0.0)
    from numtorch.ops.creation import zeros

    y = zeros(shape, dtype=x.dtype, device=x.device)
    basic(y, items).copy_(x)
    return y


@basic_backward.vjp
def _(g, *, items):
    return basic(g, items)


def _plain(key: Any) -> tuple | None:
    """The key as ``basic`` takes it; None if it is not plain."""
    items: list = []
    for k in key if type(key) is tuple else (key,):
        if type(k) is slice:
            part = (k.start, k.stop, k.step)
            if not all(n is None or type(n) is int for n in part):
                return None
            items.append(part)
        elif k is None or k is Ellipsis or type(k) is int:
            items.append(k)
        else:
            return None
    return tuple(items)


@lru_cache(maxsize=4096)
def _basic_ranges(shape: tuple, items: tuple) -> list:
    """For each dimension of the result and of ``shape``: (start, stop, step), an integer, or None for a new one."""
    used = sum(k is not None and k is not Ellipsis for k in items)
    if used > len(shape):
        raise IndexError(f"too many indices for tensor of dimension {len(shape)}")
    if items.count(Ellipsis) > 1:
        raise IndexError("an index can only have a single ellipsis ('...')")
    at = items.index(Ellipsis) if Ellipsis in items else len(items)
    items = (*items[:at], *[(None, None, None)] * (len(shape) - used), *items[at + 1 :])
    ranges: list = []
    dim = place = 0  # of ``shape``, of the result
    for k in items:
        if type(k) is int:
            ranges.append(_checked(k, shape[dim], place) % shape[dim])
            dim += 1
            continue
        place += 1
        if k is None:
            ranges.append(None)
        else:
            ranges.append(_bounds(slice(*k), shape[dim]))
            dim += 1
    return ranges


@lru_cache(maxsize=4096)
def _basic_geometry(shape: tuple, strides: tuple | None, items: tuple) -> tuple:
    strides = strides or contiguous_strides(shape)
    sizes, steps, start, dim = [], [], 0, 0
    for r in _basic_ranges(shape, items):
        if r is None:
            sizes.append(1)
            steps.append(strides[dim] * shape[dim] if dim < len(shape) else 1)
            continue
        if type(r) is int:
            start += r * strides[dim]
        else:
            first, last, step = r
            sizes.append(-(-(last - first) // step))
            steps.append(strides[dim] * step)
            start += first * strides[dim]
        dim += 1
    return geometry(tuple(sizes), tuple(steps), 0 if 0 in sizes else start)


@lru_cache(maxsize=1024)
def _basic_extents(shape: tuple, items: tuple) -> tuple[tuple, tuple, int]:
    """How many elements of each dimension are named, how many are before and after (last dimension first), the largest step."""
    sizes: list = []
    widths: list = []
    steps = 1
    for r in [r for r in _basic_ranges(shape, items) if r is not None]:
        first, last, step = r if type(r) is tuple else (r, r + 1, 1)
        widths = [first, shape[len(sizes)] - last, *widths]
        sizes.append(-(-(last - first) // step))
        steps = max(steps, step)
    return tuple(sizes), tuple(widths), steps


def getitem(x: Tensor, key: Any) -> Tensor:
    """``x[key]``: a view for integers, slices, None and ``...``; a copy for tensors and masks."""
    if type(key) is int:
        if not x.shape:
            raise IndexError("invalid index of a 0-dim tensor. Use `tensor.item()` to convert a 0-dim tensor to a number")
        return movement.select(x, 0, key)
    if type(key) is slice or type(key) is tuple:
        items = _plain(key)
        if items is not None:
            return basic(x, items)
    if isinstance(key, Tensor) and key._k.dtype is dtypes.int64 and len(key.shape) == 1 and x.shape and key._k.device is x._k.device:
        return take_along_extents(x, key, 0)
    if type(key) is tuple and len(key) == 2 == len(x.shape) and _are_positions(*key, x):
        flat = _positions(x, [(0, key[0]), (1, key[1])], key[0].shape)
        return take_along_extents(reshape(x, (-1,)), flat, 0)
    if isinstance(key, Tensor) and key._k.dtype is dtypes.bool and key.shape == x.shape and key.shape and key._k.device == x._k.device:
        mask = contiguous(key.detach())
        return compress(x, mask, count(mask))
    y, advanced = _basic(x, _expand_key(x, key))
    if not advanced:
        return movement.view_as_shape(y, y.shape) if y is x else y
    a = _Advanced(y, advanced)
    return a.placed(take_along_extents(a.merged(y), a.flat, 0))


def setitem(x: Tensor, key: Any, value: Any) -> None:
    """``x[key] = value``, broadcast and converted to the type of ``x``."""
    from numtorch.ops.creation import tensor

    if isinstance(value, np.ndarray):
        value = tensor(value)
    elif not isinstance(value, Tensor | bool | int | float | np.generic):
        raise TypeError(f"can't assign a {type(value).__name__} to a tensor of {x.dtype.name}; make it a tensor first")
    if isinstance(key, Tensor) and key.dtype is dtypes.bool and key.shape == x.shape and _one(value):
        out = choose.op  # x = where(key, value, x), in place
        _masked_write(x, key, value, out)
        return
    y, advanced = _basic(x, _expand_key(x, key))
    if advanced:
        index_put_(y, advanced, value)
    elif isinstance(value, Tensor):
        extra = value.ndim - y.ndim
        if extra > 0 and all(n == 1 for n in value.shape[:extra]):
            value = reshape(value, value.shape[extra:])
        movement.copy_(y, value)
    else:
        movement.fill_(y, value)


def _one(value: Any) -> bool:
    return not isinstance(value, Tensor) or value.shape.numel() == 1


def _masked_write(x: Tensor, mask: Tensor, value: Any, out: Any) -> None:
    since = tick()
    if isinstance(value, Tensor):
        value = reshape(value, ()).to(x.device, x.dtype)
    elif x.dtype.category < dtypes.scalar_dtype(value).category:
        value = bool(value) if x.dtype is dtypes.bool else int(value)
    overwrite(x, choose(mask, value, x).to(x.dtype), since)


def overwrite(x: Tensor, result: Tensor, since: int = 0, name: str = "index_put_") -> Tensor:
    """Make ``x`` in place what ``result``, computed from it after the tick ``since``, is."""
    if result is x:
        return x
    if not dtypes.can_cast(result._k.dtype, x._k.dtype):
        raise RuntimeError(f"result type {result._k.dtype.name} can't be cast to the desired output type {x._k.dtype.name}")
    recording = mode.grad and (result._edge is not None or x._edge is not None)
    if recording:
        check_inplace(x, name.removesuffix("_"))
        protect(result._edge, x, since or getattr(result._edge, "seq", 1) - 1)
    with _Setting(grad=False):
        movement.copy.op.program(x, result, outs=(x,))
    wrote(x)
    if recording:
        rebase(x, result._edge)
    return x


def index_put_(x: Tensor, advanced: Any, value: Any, accumulate: bool = False) -> Tensor:
    """Write ``value`` at the positions; ``advanced`` is (dimension, index) pairs or one index for each dimension."""
    from numtorch.ops.creation import tensor

    if not advanced or not isinstance(advanced[0], tuple):
        x, advanced = _basic(x, _expand_key(x, tuple(advanced)))
    since = tick()
    a = _Advanced(x, advanced)
    if not isinstance(value, Tensor):
        value = tensor(value, dtype=x.dtype, device=x.device)
    if same_memory(value, x):
        value = movement.clone(value)
    value = a.source(value.to(x.device, x.dtype))
    recording = mode.grad and (x._edge is not None or value._edge is not None)
    if not recording and x._k.contiguous and a.in_order and x.device.type == "cpu" and not (accumulate and x.dtype.is_half):
        put(movement.view_as_shape(x.detach(), (a.n, *a.rest)), contiguous(a.flat), value, 0, accumulate, True)
        wrote(x)
        return x
    return overwrite(x, a.unmerged(put_along_extents(a.merged(x), a.flat, value, 0, accumulate)), since)


def index_put(input: Tensor, indices: tuple, values: Tensor, accumulate: bool = False) -> Tensor:
    """A copy of ``input`` with ``values`` written (or added) at the positions."""
    return index_put_(movement.clone(input), indices, values, accumulate)
