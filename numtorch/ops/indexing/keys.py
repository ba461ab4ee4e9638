"""``x[key]`` and ``x[key] = value``: integers and slices give views; tensors and masks are positions."""

from __future__ import annotations

import operator
from functools import lru_cache
from typing import Any
from weakref import ref

import numpy as np

import numtorch.dtype as dtypes
from numtorch import ops
from numtorch._tensor import Tensor, empty, fresh, geometry, keep_view, new, placed, shared_storage
from numtorch.arguments import flag
from numtorch.autograd import batched
from numtorch.autograd.inplace import one_history, protect, rebase, recorded, repeated, same_memory, single, wrote
from numtorch.device import CPU
from numtorch.dispatch.op import op
from numtorch.exports import exported
from numtorch.grad_mode import _Setting, mode
from numtorch.ops import movement
from numtorch.ops.arithmetic import choose
from numtorch.ops.indexing import cpu
from numtorch.ops.indexing.masks import compress, fitting, masked_fill, nonzero
from numtorch.ops.indexing.positions import LONG_OR_INT, check, launch
from numtorch.ops.indexing.slices import index_fill, index_mask, put, put_along_extents, take_along_extents
from numtorch.ops.movement import contiguous, expand_to, permute, reshape
from numtorch.ops.movement.views import selected
from numtorch.storage import UNSHARED, Size, broadcast_shapes, contiguous_strides, kind, tick, wrap_dim


def _expand_key(x: Tensor, key: Any) -> list:
    """The key as a list with one entry for each dimension (and None for new ones); ``...`` filled in."""
    key = key if isinstance(key, tuple) else (key,)
    items: list = []
    for k in key:
        if isinstance(k, np.ndarray):
            k = ops.creation.from_numpy(k)
        elif isinstance(k, list | range | tuple):
            k = _from_list(k)
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


def _from_list(k: Any) -> Tensor:
    k = list(k)
    if not k:
        return ops.creation.tensor(k, dtype=dtypes.int64, device="cpu")
    try:
        return ops.creation.tensor(k, device="cpu")
    except (TypeError, ValueError):
        raise IndexError(
            "a list used as an index holds integers or booleans, not "
            f"{', '.join(sorted({type(v).__name__ for v in k}))}; "
            "use a tuple for an index of several dimensions"
        ) from None


def _bounds(s: slice, n: int) -> tuple[int, int, int]:
    step = 1 if s.step is None else _int(s.step)
    if step <= 0:
        raise ValueError("slice step cannot be zero" if step == 0 else "step must be greater than zero")
    start, stop, _ = slice(
        None if s.start is None else _int(s.start), None if s.stop is None else _int(s.stop)
    ).indices(n)
    return start, max(start, stop), step


def _int(v: Any) -> int:
    try:
        return operator.index(v)
    except TypeError:
        raise TypeError(
            f"slice indices must be integers or None or have an __index__ method, not {type(v).__name__}"
        ) from None


def _basic(x: Tensor, key: list) -> tuple[Tensor, list[tuple[int, Tensor]]]:
    """Apply integers, slices and None as views; return the rest as (dimension, index tensor)."""
    dim, advanced = 0, []
    gone = 0  # dimensions that integers took, less those that None and truth values put in: for messages
    for k in key:
        if k is None:
            x = movement.unsqueeze(x, dim)
            dim += 1
            gone -= 1
        elif isinstance(k, slice):
            start, stop, step = _bounds(k, x.shape[dim])
            if (start, stop, step) != (0, x.shape[dim], 1):
                x = movement.slice(x, dim, start, stop, step)
            dim += 1
        elif isinstance(k, bool):
            x = movement.unsqueeze(x, dim)

            advanced.append((dim, ops.creation.tensor([0] if k else [], dtype=dtypes.int64, device="cpu")))
            dim += 1
            gone -= 1
        elif isinstance(k, Tensor):
            if k.dtype in (dtypes.bool, dtypes.uint8):
                for i, n in enumerate(k.shape):
                    if x.shape[dim + i] != n:
                        raise IndexError(
                            f"The shape of the mask {list(k.shape)} at index {i} does not match the shape of the "
                            f"indexed tensor {list(x.shape)} at index {dim + i}"
                        )
                if k.ndim == 0:
                    x = movement.unsqueeze(x, dim)
                    advanced.append((dim, nonzero(k, as_tuple=True)[0]))
                    dim += 1
                    gone -= 1
                    continue
                for at in nonzero(k, as_tuple=True):
                    advanced.append((dim, at))
                    dim += 1
                continue
            if k.ndim == 0 and k.dtype in dtypes.INTEGERS:  # counts as an integer, as in torch
                if isinstance(k, batched.Batched):
                    x = _row_of_sample(x, dim, k)
                else:
                    x = movement.select(x, dim, _checked(k.item(), x.shape[dim], dim + gone))
                gone += 1
                continue
            if k.dtype not in LONG_OR_INT:
                raise IndexError(
                    f"tensors used as indices must be long, int, byte or bool tensors, not {k.dtype.name}; use .long()"
                )
            advanced.append((dim, k))
            dim += 1
        elif hasattr(k, "__index__"):
            x = movement.select(x, dim, _checked(k.__index__(), x.shape[dim], dim + gone))
            gone += 1
        else:
            kind = TypeError if isinstance(k, str) else IndexError
            raise kind(
                "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices "
                f"(got {type(k).__name__})"
            )
    return x, advanced


def _row_of_sample(x: Tensor, dim: int, k: Tensor) -> Tensor:
    """What the integer ``k`` names, which is another one for each sample of a ``vmap``."""
    at = ops.arithmetic.where(k < 0, k + x.shape[dim], k)
    return movement.squeeze(ops.indexing.slices.index_select(x, dim, movement.unsqueeze(at, 0)), dim)


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
            raise IndexError(
                "shape mismatch: indexing tensors could not be broadcast together with shapes "
                + ", ".join(str(list(i.shape)) for _, i in advanced)
            ) from None
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

    def source(self, value: Tensor, slack: bool) -> Tensor:
        """A value broadcast to the result's shape, as (positions, rest)."""
        shape = (*self.rest[: self.front], *self.shape, *self.rest[self.front :])
        value = _fitted(value, shape, slack)
        k = len(self.shape)
        if self.front and k:
            f = self.front
            value = permute(value, (*range(f, f + k), *range(f), *range(f + k, value.ndim)))
        return (
            reshape(value, (-1, *self.rest))
            if value.shape.numel()
            else reshape(value, (self.flat.shape[0], *self.rest))
        )


def _fitted(value: Tensor, shape: tuple, slack: bool = True) -> Tensor:
    """What is written, expanded to the ``shape`` that the key names; with ``slack``, leading dimensions of size 1 may
    be too many."""
    if not value.shape or value.shape == shape:
        return expand_to(value, shape)
    extra = value.ndim - len(shape) if slack else 0
    if extra > 0 and all(n == 1 for n in value.shape[:extra]):
        value = reshape(value, value.shape[extra:])
    given = value.shape
    if len(given) > len(shape) or any(n not in (1, m) for n, m in zip(reversed(given), reversed(shape), strict=False)):
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(given)} cannot be broadcast to indexing result of shape "
            f"{list(shape)}"
        )
    return expand_to(value, shape)


def _positions(x: Tensor, advanced: list[tuple[int, Tensor]], shape: Size) -> Tensor:
    """Index tensors of several dimensions as one of positions in these dimensions merged."""
    where = x._k.device
    indices = [
        (d, i if i._k.dtype is dtypes.int64 and i._k.device is where else i.to(where, dtypes.int64))
        for d, i in advanced
    ]
    if len(indices) == 1:
        return indices[0][1]  # the kernels wrap and check it
    if x.device.type != "cpu" or mode.levels:
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

    flat = ops.creation.zeros(shape, dtype=dtypes.int64, device="cpu")
    for d, i in indices:
        i = contiguous(expand_to(i, shape))
        check(launch(cpu.add_position, 0, flat._buf, i._buf, x.shape[d]), i, d, x.shape[d], True)
    return flat


def _are_positions(rows: Any, cols: Any, x: Tensor) -> bool:
    """Whether both are vectors of one length that say where elements of the matrix ``x`` are."""
    if rows.__class__ is not Tensor or cols.__class__ is not Tensor:
        return False
    k = rows._k
    return (
        k is cols._k
        and k.dtype is dtypes.int64
        and k.device is x._k.device
        and len(rows.shape) == 1
        and rows.shape == cols.shape
    )


def _any_outside(index: Tensor, n: int) -> bool:
    return bool(((index._buf < -n) | (index._buf >= n)).any())


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
            steps.append(strides[dim] * movement.reaching(step, sizes[-1]))
            start += first * strides[dim]
        dim += 1
    return geometry(tuple(sizes), tuple(steps), 0 if 0 in sizes else start)


@op(
    view=_basic_geometry,
    part=True,
    public=False,
    samples=lambda: [
        ((7, 3), ((1, None, 2), 1)),
        ((2, 3, 4), (Ellipsis, None, (-3, -1, None))),
        ((3,), ((2, 1, None),)),
        ((2, 3), (-1,)),
    ],
)
def basic(x, items: tuple):
    """``x[key]`` for slices, as (start, stop, step), integers, None and ``...`` alone: one view."""


@basic.vjp
def _(g, x_shape, *, items):
    return basic_backward(g, x_shape, items)


basic.op.backward_name = "SliceBackward0"


@op(
    public=False,
    wide=False,
    samples=lambda: [((3,), (7, 3), ((1, 6, 2), 1)), ((1, 3), (4, 3), ((2, 3, None),)), ((2,), (3, 2), (-1,))],
)
def basic_backward(x, shape: tuple, items: tuple):
    """Zeros of ``shape`` in which what the items name is ``x``."""
    sizes, widths, steps = _basic_extents(shape, items)
    if steps == 1 and 0 not in sizes:
        return movement.pad_ends(reshape(x, sizes), widths, 0.0)

    y = ops.creation.zeros(shape, dtype=x.dtype, device=x.device)
    basic(y, items).copy_(x)
    return y


@basic_backward.vjp
def _(g, *, items):
    return basic(g, items)


ALL = (None, None, None)  # ``:``


def _plain(key: Any) -> tuple | None:
    """The key as ``basic`` takes it; None if it is not plain."""
    items: list = []
    for k in key if key.__class__ is tuple else (key,):
        if k.__class__ is slice:
            a, b, step = k.start, k.stop, k.step
            if a is None and b is None and step is None:
                items.append(ALL)
            elif (
                (a is None or a.__class__ is int)
                and (b is None or b.__class__ is int)
                and (step is None or step.__class__ is int)
            ):
                items.append((a, b, step))
            else:
                return None
        elif k.__class__ is int or k is None or k is Ellipsis:
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
    dim = 0
    for k in items:
        if k is None:
            ranges.append(None)
            continue
        ranges.append(_checked(k, shape[dim], dim) % shape[dim] if type(k) is int else _bounds(slice(*k), shape[dim]))
        dim += 1
    return ranges


@lru_cache(maxsize=1024)
def _basic_extents(shape: tuple, items: tuple) -> tuple[tuple, tuple, int]:
    """How many elements of each dimension are named, how many are before and after (last dimension first), the largest
    step."""
    sizes: list = []
    widths: list = []
    steps = 1
    for r in [r for r in _basic_ranges(shape, items) if r is not None]:
        first, last, step = r if type(r) is tuple else (r, r + 1, 1)
        widths = [first, shape[len(sizes)] - last, *widths]
        sizes.append(-(-(last - first) // step))
        steps = max(steps, step)
    return tuple(sizes), tuple(widths), steps


@lru_cache(maxsize=4096)
def _rows(shape: tuple, strides: tuple | None) -> tuple:
    """The geometry of ``x[1]``, and how many of them there are."""
    if not shape:
        raise IndexError("invalid index of a 0-dim tensor. Use `tensor.item()` to convert a 0-dim tensor to a number")
    return (*selected(shape, strides, 0), shape[0])


@lru_cache(maxsize=4096)
def _some_rows(shape: tuple, strides: tuple | None, start: int | None, stop: int | None, step: int | None) -> tuple:
    return _basic_geometry(shape, strides, ((start, stop, step),))


def getitem(x: Tensor, key: Any) -> Tensor:
    """``x[key]``: a view for integers, slices, None and ``...``; a copy for tensors and masks."""
    if key.__class__ is int:
        if x._edge is None or not mode.grad:  # nothing is recorded
            shape, strides, n, step, size = _rows(x.shape, x._strides)
            if -size <= key < size:
                if strides is not None:
                    return placed(x, (shape, strides, n, (key + size if key < 0 else key) * step))
                # As ``placed`` does, without a call: programs go through elements and rows one by one.
                storage = x._storage
                if storage is UNSHARED:
                    storage = shared_storage(x)
                t = new(Tensor)
                t.shape = shape
                t._storage = storage
                t._offset = start = x._offset + (key + size if key < 0 else key) * step
                base, k, data = x._base, x._k, storage.data
                t._base = x if base is None else base
                t._k = k if k.contiguous else kind(k.dtype, k.device)
                t._buf = None if data is None else data[start : start + n]
                if mode.grad:
                    views = storage.views
                    if views is not None and len(views) < 64:
                        views.append(ref(t))
                    else:
                        keep_view(storage, t)
                return t
        elif not x.shape:
            _rows(x.shape, None)
        return movement.select(x, 0, key)
    if key is None:
        return movement.unsqueeze(x, 0)
    if key.__class__ is slice and (x._edge is None or not mode.grad):
        a, b, step = key.start, key.stop, key.step
        if (
            (a is None or a.__class__ is int)
            and (b is None or b.__class__ is int)
            and (step is None or step.__class__ is int)
        ):
            return placed(x, _some_rows(x.shape, x._strides, a, b, step))
    if (key.__class__ is slice or key.__class__ is tuple or key is Ellipsis) and (items := _plain(key)) is not None:
        if x._edge is None or not mode.grad:
            return placed(x, _basic_geometry(x.shape, x._strides, items))
        if key is not Ellipsis:
            return basic(x, items)
    if (
        isinstance(key, Tensor)
        and key._k.dtype is dtypes.int64
        and len(key.shape) == 1
        and x.shape
        and key._k.device is x._k.device
    ):
        return take_along_extents(x, key, 0)
    if type(key) is tuple and len(key) == 2 == len(x.shape) and _are_positions(*key, x):
        flat = _positions(x, [(0, key[0]), (1, key[1])], key[0].shape)
        return take_along_extents(reshape(x, (-1,)), flat, 0)
    if (
        isinstance(key, Tensor)
        and key._k.dtype is dtypes.bool
        and key.shape == x.shape
        and key.shape
        and key._k.device == x._k.device
    ):
        return compress(x, key)
    y, advanced = _basic(x, _expand_key(x, key))
    if not advanced:
        return movement.view_as_shape(y, y.shape) if y is x else y
    a = _Advanced(y, advanced)
    return fresh(a.placed(take_along_extents(a.merged(y), a.flat, 0)))


def _set_few(x: Tensor, key: Any, value: Any) -> bool:
    """``x[key] = value`` where integers name elements that lie side by side, and nothing is recorded or converted;
    False where that is not so. Programs write single elements in loops: the general way takes longer than a loop's
    turn."""
    k, base = x._k, x._base
    if not k.contiguous or k.device is not CPU or x._edge is not None or (base is not None and base._edge is not None):
        return False
    shape = x.shape
    if key.__class__ is int:
        key = (key,)
    elif key.__class__ is not tuple:
        return False
    rest = len(shape) - len(key)
    if rest < 0:
        return False
    at = 0
    for i, n in zip(key, shape, strict=False):
        if i.__class__ is not int or not -n <= i < n:
            return False
        at = at * n + (i if i >= 0 else i + n)
    n = 1
    inner: tuple[int, ...] = ()
    if rest:
        inner = tuple.__getitem__(shape, slice(len(key), None))  # a Size has one of its own, in Python
        for extent in inner:
            n *= extent
    cls = value.__class__
    if cls is Tensor:
        if value._k is not k or value._edge is not None or value.shape != inner:
            return False
        value = value._buf
    elif cls is float:
        if (k.dtype is not dtypes.float32 and k.dtype is not dtypes.float64) or not -3e38 < value < 3e38:
            return False
    elif cls is int:
        if k.dtype not in _EXACT or not -(1 << 24) < value < 1 << 24:
            return False
    elif cls is not bool or k.dtype is not dtypes.bool:
        return False
    x._buf[at * n : at * n + n] = value
    wrote(x)
    return True


_EXACT = (dtypes.float32, dtypes.float64, dtypes.int32, dtypes.int64)  # hold every integer of 24 bits


def setitem(x: Tensor, key: Any, value: Any) -> None:
    """``x[key] = value``, broadcast and converted to the type of ``x``."""
    if _set_few(x, key, value):
        return
    if isinstance(value, np.ndarray):
        value = ops.creation.tensor(value, device="cpu")
    elif not isinstance(value, Tensor | bool | int | float | np.generic):
        raise TypeError(f"can't assign a {type(value).__name__} to a tensor of {x.dtype.name}; make it a tensor first")
    if isinstance(key, Tensor) and key.dtype is dtypes.bool and key.shape == x.shape and _one(value):
        _masked_write(x, key, value)  # x = where(key, value, x), in place
        return
    y, advanced = _basic(x, _expand_key(x, key))
    if advanced:
        _write_at(y, advanced, value)
    elif isinstance(value, Tensor):
        movement.copy_(y, _fitted(value, y.shape))
    else:
        if not y._k.contiguous:
            single(y)
        movement.fill_(y, value)


def _one(value: Any) -> bool:
    return not isinstance(value, Tensor) or value.shape.numel() == 1


def _masked_write(x: Tensor, mask: Tensor, value: Any) -> None:
    since = tick()
    if isinstance(value, Tensor):
        value = reshape(value, ()).to(x.device, x.dtype)
    else:
        value = fitting(value, x.dtype, "masked_fill_")
    if repeated(x):
        _write_at(x, _of_mask(x, mask), value)
    else:
        overwrite(x, choose(mask, value, x).to(x.dtype), since)


def _of_mask(x: Tensor, mask: Tensor) -> list[tuple[int, Tensor]]:
    at = nonzero(mask, as_tuple=True)
    return list(enumerate(at)) if x.ndim else []


def overwrite(x: Tensor, result: Tensor, since: int = 0, name: str = "index_put_") -> Tensor:
    """Make ``x`` in place what ``result``, computed from it after the tick ``since``, is."""
    if result is x:
        return x
    if mode.levels and batched.innermost(x, result) is not None:
        return batched.replace(overwrite, x, result, since, name)
    if not dtypes.can_cast(result._k.dtype, x._k.dtype):
        raise RuntimeError(
            f"result type {result._k.dtype.name} can't be cast to the desired output type {x._k.dtype.name}"
        )
    recording = recorded(x, name, result)
    if not x._k.contiguous:
        one_history(x, name) if recording else single(x, name)
    if recording:
        protect(result._edge, x, since or getattr(result._edge, "seq", 1) - 1)
    with _Setting(grad=False):
        movement.copy.op.program(x, result, outs=(x,))
    wrote(x)
    if recording:
        rebase(x, result._edge)
    return x


@exported("Tensor")
def masked_fill_(self: Tensor, mask: Tensor, value: Any) -> Tensor:
    """In-place ``masked_fill``."""
    since = tick()
    result = masked_fill(self, mask, value)
    if not repeated(self) or result.shape != self.shape:
        return overwrite(self, result, since, "masked_fill_")
    # Elements that are one place in memory are filled if the mask is true for one of them.
    mask = expand_to(mask, self.shape)
    value = value if isinstance(value, Tensor) else fitting(value, self.dtype, "masked_fill_")
    _write_at(self, _of_mask(self, mask), value)
    return self


@exported("Tensor")
def index_fill_(self: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """In-place ``index_fill``."""
    since = tick()
    result = index_fill(self, dim, index, value)
    if not repeated(self):
        return overwrite(self, result, since, "index_fill_")
    mask = index_mask(self, wrap_dim(dim, self.ndim, "index_fill"), index)
    return masked_fill_(self, mask, value)


def _write_at(
    x: Tensor, advanced: list[tuple[int, Tensor]], value: Any, accumulate: bool = False, slack: bool = True
) -> None:
    """Write ``value`` at positions, given as (dimension, index) pairs."""
    since = tick()
    a = _Advanced(x, advanced)
    if not isinstance(value, Tensor):
        value = ops.creation.full((), value, dtype=x.dtype, device=x.device)
    if same_memory(value, x):
        value = movement.clone(value)
    value = a.source(value.to(x.device, x.dtype), slack)
    recording = recorded(x, "index_put_", value)
    if repeated(x):
        if recording:
            one_history(x, "index_put_")
        _write_to_memory(x, a, value, accumulate)
    elif (
        not recording
        and x._k.contiguous
        and a.in_order
        and x.device.type == "cpu"
        and not (accumulate and x.dtype.is_half)
    ):
        put(movement.view_as_shape(x.detach(), (a.n, *a.rest)), contiguous(a.flat), value, 0, accumulate, True)
        wrote(x)
    else:
        overwrite(x, a.unmerged(put_along_extents(a.merged(x), a.flat, value, 0, accumulate)), since)


def _write_to_memory(x: Tensor, a: _Advanced, value: Tensor, accumulate: bool) -> None:
    """``_write_at`` for a tensor of which some elements are one place in memory: each is written to in the order of the
    index."""
    n = 1 + sum([(m - 1) * s for m, s in zip(x.shape, x.strides, strict=True)]) if x.shape.numel() else 0
    memory = movement.as_strided(x.detach(), (n,), (1,), x._offset)
    places = movement.as_strided(ops.ranges.arange(n, device=x.device), tuple(x.shape), x.strides, 0)
    at = take_along_extents(a.merged(places), a.flat, 0)
    _write_at(memory, [(0, reshape(at, (-1,)))], reshape(value, (-1,)), accumulate)
    wrote(x)


@exported("Tensor")
def index_put_(self: Tensor, indices: Any, values: Tensor, accumulate: bool = False) -> Tensor:
    """In-place ``index_put``."""
    if accumulate.__class__ is not bool:
        accumulate = flag(accumulate, "index_put_", "accumulate")
    if not isinstance(indices, tuple | list):
        raise TypeError(
            f"index_put_(): argument 'indices' (position 1) must be tuple of Tensors, not {type(indices).__name__}"
        )
    for i, k in enumerate(indices):
        if not isinstance(k, Tensor):
            raise TypeError(
                f"index_put_(): expected Tensor as element {i} in argument 'indices', but got {type(k).__name__}"
            )
        if k.dtype in (dtypes.int8, dtypes.int16):  # of which even one without dimensions is no position here
            raise IndexError(
                f"index_put_(): tensors used as indices must be long, int, byte or bool tensors, got {k.dtype.name}"
            )
    if not isinstance(values, Tensor):
        raise TypeError(f"index_put_(): argument 'values' (position 2) must be Tensor, not {type(values).__name__}")
    if values.dtype is not self.dtype:
        raise RuntimeError(
            f"Index put requires the source and destination dtypes match, got {self.dtype.name} for the destination "
            f"and {values.dtype.name} for the source."
        )
    part, advanced = _basic(self, _expand_key(self, tuple(indices)))
    if advanced:
        _write_at(part, advanced, values, accumulate, slack=False)
    elif accumulate:
        part.add_(_fitted(values, part.shape, slack=False))
    else:
        movement.copy_(part, _fitted(values, part.shape, slack=False))
    return self


@exported("torch", "Tensor")
def index_put(input: Tensor, indices: Any, values: Tensor, accumulate: bool = False) -> Tensor:
    """A copy of ``input`` with ``values`` written or added at positions: of ``input[indices] = values``.

    Args:
        input: of any shape.
        indices: a tuple or list of index tensors, one for each of the first dimensions, which broadcast together;
            booleans stand for the positions of their true elements.
        values: a tensor of the type of ``input`` that broadcasts to ``input[indices]``.
        accumulate: whether elements are added to what is there; equal positions then add up.

    Returns:
        A tensor of the shape of ``input``.

    Raises:
        IndexError: a position is out of range, or an index is of another type.
        RuntimeError: the shapes or types do not fit.
        TypeError: ``indices`` is no tuple of tensors, or ``values`` is no tensor.

    >>> torch.index_put(torch.zeros(2, 2), (torch.tensor([0, 1]), torch.tensor([1, 0])), torch.tensor([5.0, 6.0]))
    tensor([[0., 5.],
            [6., 0.]])
    """
    if accumulate.__class__ is not bool:
        accumulate = flag(accumulate, "index_put", "accumulate")
    return index_put_(movement.clone(input), indices, values, accumulate)
