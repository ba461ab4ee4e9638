"""Copies to row-major order, to another type, to another device; and writes into existing tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

import numtorch.dtype as dtypes
from numtorch import engine, layouts, notices, ops
from numtorch._tensor import Tensor, empty, new, shared_storage
from numtorch.arguments import element, flag, order
from numtorch.autograd.inplace import single, wrote
from numtorch.device import CPU, as_device
from numtorch.dispatch.loops import MOST_PLANS
from numtorch.dispatch.op import op, primitive
from numtorch.dispatch.program import Program
from numtorch.dtype import dtype
from numtorch.exports import exported
from numtorch.grad_mode import mode
from numtorch.kernels import launch, registry
from numtorch.kernels.codegen import expr
from numtorch.ops.movement.arguments import by_name, shape_args
from numtorch.ops.movement.copies_cpu import Relayout
from numtorch.storage import UNSHARED, Size, Storage, allocate, kind


@primitive(public=False, ref=lambda x: x, takes=dtypes.ALL)
def clone(x):
    """A copy of the elements, in row-major order. ``memory_formats.py`` has the function that users call."""
    return x


clone.op.program = Relayout.like(clone.op.program)


@clone.vjp(conjugated=False)
def _(g):
    return g


@exported("Tensor")
@engine.fill
def contiguous(x: Tensor, memory_format: Any = None) -> Tensor:
    """The tensor itself if its elements are in row-major order in memory, else a copy that is.

    Args:
        memory_format: ``torch.channels_last`` and ``channels_last_3d`` ask for the order in which channels come last,
            ``torch.contiguous_format`` and None for row-major order.

    Returns:
        A tensor of the same shape, type and elements.

    Raises:
        RuntimeError: ``memory_format`` is for tensors of another number of dimensions.
        TypeError: it is no ``torch.memory_format``.

    >>> x = torch.zeros(2, 3)
    >>> x.contiguous() is x, x.t().is_contiguous(), x.t().contiguous().is_contiguous()
    (True, False, True)
    >>> torch.zeros(2, 3, 4, 5).contiguous(memory_format=torch.channels_last).stride()
    (60, 1, 15, 3)
    """
    if memory_format is not None:
        order(memory_format, "contiguous")
        if memory_format in CHANNELS_LAST:
            return channels_last(x, memory_format)
    if x._k.contiguous:
        return x
    key = (x._k, x.shape, x._strides)
    plan = _layouts.get(key)
    if plan is None:
        plan = _layouts[key] = _layout(x)
    if plan is False:
        return clone(x)
    y = new(Tensor)
    y.shape, y._k = x.shape, plan.kinds[0]
    y._buf = buf = allocate(plan.numel, y._k.dtype, y._k.device)
    plan.entry(x._buf, buf, *plan.geometry)
    if x._edge is not None and mode.grad:
        clone.op.record((x,), (), y)
    return y


CHANNELS_LAST = {layouts.channels_last: 4, layouts.channels_last_3d: 5}


def channels_last(x: Tensor, memory_format: Any) -> Tensor:
    """The tensor with its second dimension behind all others in memory."""
    wanted = CHANNELS_LAST[memory_format]
    if x.ndim != wanted:
        raise RuntimeError(
            f"required rank {wanted} tensor to use {memory_format} format, not one of shape {list(x.shape)}"
        )
    return x.movedim(1, -1).contiguous().movedim(-1, 1)


_layouts: dict = registry.memo()  # plans of ``clone`` for strided tensors, by kind, shape and strides


def _layout(x: Tensor) -> Any:
    """The plan for tensors like this one; False where only the op itself can tell."""
    if len(_layouts) > MOST_PLANS:
        _layouts.clear()
    if not registry.plugins_loaded:
        registry.load_plugins()
    if x._k is not kind(x._k.dtype, CPU, False) or len(clone.op.entry.kernels) > 1 or not x.shape.numel():
        return False
    return clone.op.program.plan((x,), None)


@primitive(counted=("x",), public=False, takes=dtypes.ALL, ref=lambda x, y: y, torch=lambda t, x, y: y)
def copy(x, y):
    """``y`` in the type and shape of ``x``; the in-place form is ``copy_``."""
    return y


copy.op.program = Relayout.like(copy.op.program)


@copy.vjp(conjugated=False)
def _(g, *, needs):
    return (_zero(g) if needs[0] else None), g


def _zero(g: Any) -> Any:
    """Zeros like ``g``, whatever is in it, in a form that can be traced."""
    return ops.comparison.zeros_of(g)


@primitive(counted=("x",), public=False, takes=dtypes.ALL, ref=lambda x, y: y, torch=lambda t, x, y: y)
def fill(x, y):
    """``y`` everywhere; the in-place form is ``fill_``."""
    return y


@fill.vjp(conjugated=False)
def _(g, *, needs):
    return (_zero(g) if needs[0] else None), g


_casts: dict[dtype, Program] = {}


def _cast_program(target: dtype) -> Program:
    if target not in _casts:
        _casts[target] = Program("cast", [expr.apply(clone.op, (expr.symbol("x"),))], ["x"], result=lambda d: (target,))
    return _casts[target]


@op(
    public=False,
    direct=True,
    samples=lambda: [((3, 4), dtypes.float32), ((3, 4), dtypes.float64), ((), dtypes.float64)],
)
def cast(x, dtype: dtype):
    """The elements converted to another type (floats to integers by truncation)."""
    return _cast_program(dtype)(x)[0]


@cast.vjp(conjugated=False)
def _(g, x_kind):
    return cast(g, x_kind.dtype)


@engine.fill
@op(public=False, direct=True)
def move(x, device: Any):
    """A copy on another device."""
    y = empty(x.shape, x.dtype, device)
    if not x._k.contiguous:
        x = clone.op.program(x)[0]
    if device.type == "meta" or x.device.type == "meta" or not x.numel():
        if x.device.type == "meta" and device.type != "meta":
            raise NotImplementedError("Cannot copy out of meta tensor; no data!")
        return y

    launch.transfer(x._buf, x.device, y._buf, y.device)
    return y


@move.vjp(conjugated=False)
def _(g, x_kind):
    return move(g, x_kind.device)


@engine.fill
def as_type(x: Tensor, d: dtype) -> Tensor:
    """The elements in another type; what has no slope, in integers, has no history."""
    if x._k.dtype is d:
        return x
    return cast(x if d.differentiable or x._edge is None else x.detach(), d)


def converted(x: Tensor, d: dtype) -> Tensor:
    """``as_type`` on the user's behalf, with torch's warning where imaginary parts are lost."""
    if x._k.dtype.is_complex and not d.is_complex and d is not dtypes.bool:
        notices.warn("Casting complex values to real discards the imaginary part", UserWarning)
    return as_type(x, d)


@exported("Tensor")
def to(
    x: Tensor,
    *args: Any,
    dtype: Any = None,
    device: Any = None,
    non_blocking: bool = False,
    copy: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """The tensor in another type, on another device, or like another tensor; itself if nothing changes.

    Args:
        *args: a dtype, a device or a tensor whose dtype and device are meant, then ``non_blocking`` and ``copy``.
        dtype, device: the same by name. Fractions are cut off for integers.
        non_blocking: accepted; copies are complete when the call returns.
        copy: True copies even if nothing changes.
        memory_format: accepted and ignored.

    Returns:
        A tensor of the same shape; its gradient comes back in the type of this one.

    Raises:
        TypeError: a flag is no bool.
        RuntimeError: there is no such device.
        NotImplementedError: a tensor of the device ``meta`` has no elements to move.

    >>> torch.tensor([1.7, -1.7]).to(torch.int64)
    tensor([ 1, -1])
    """
    flags = 0
    for a in args:
        if isinstance(a, Tensor):
            dtype, device = a.dtype, a.device
        elif isinstance(a, dtypes.dtype):
            dtype = a
        elif isinstance(a, bool):
            flags += 1
            copy = a if flags == 2 else copy  # the first is non_blocking
        elif isinstance(a, type):
            dtype = a
        elif a is not None:
            device = a
    if copy.__class__ is not bool or non_blocking.__class__ is not bool:
        copy, non_blocking = flag(copy, "to", "copy"), flag(non_blocking, "to", "non_blocking")
    y = x
    if device is not None and as_device(device) != x.device:
        y = move(y, as_device(device))
    if dtype is not None and dtype is not x.dtype:
        y = converted(y, dtypes.as_dtype(dtype))
    return clone(x) if copy and y is x else y


# --- in place --------------------------------------------------------------------------------------


@exported("Tensor")
@engine.fill
def copy_(x: Tensor, other: Any, non_blocking: bool = False) -> Tensor:
    """Overwrite with the elements of another tensor, converted to this type.

    Args:
        other: a tensor that broadcasts to this shape, or a number.
        non_blocking: accepted; the copy is complete when the call returns.

    Raises:
        RuntimeError: ``other`` does not broadcast to this shape, or elements of this tensor share memory.

    >>> torch.zeros(2, 3).copy_(torch.tensor([1, 2, 3]))
    tensor([[1., 2., 3.],
            [1., 2., 3.]])
    """
    if not x._k.contiguous:
        single(x, "copy_", in_turn=not isinstance(other, Tensor) or other.shape.numel() == 1)
    if isinstance(other, Tensor):
        if other.device != x.device:
            other = to(other, x.device)
        if x._k.dtype.category < other._k.dtype.category:
            other = converted(other, x._k.dtype)
    return copy.op.inplace(x, (other,), ())


@exported("Tensor")
def fill_(x: Tensor, value: Any) -> Tensor:
    """Overwrite every element with ``value``.

    Args:
        x: overwritten, and returned.
        value: a number, or a tensor without dimensions.

    Raises:
        TypeError: ``value`` is no number.
        RuntimeError: the type cannot hold it, or a tensor has dimensions.

    >>> torch.zeros(2).fill_(3)
    tensor([3., 3.])
    """
    given, category = value.__class__, x._k.dtype.category
    if not (
        given is float
        and category == dtypes.FLOATING
        and -_PLAIN < value < _PLAIN
        or given is int
        and category == dtypes.INTEGRAL
        and -1 < value < 128
    ):
        if isinstance(value, Tensor):
            if value.ndim:
                raise RuntimeError(
                    f"fill_ only supports 0-dimension value tensor but got tensor with {value.ndim} dimensions."
                )
        elif isinstance(value, int | float | complex | np.generic):
            value = element(value, x._k.dtype)
        else:
            raise TypeError(f"fill_(): argument 'value' must be Number or Tensor, not {given.__name__}")
    if x._strides is not None and 0 in x._strides:
        fill.op.inplace(_once(x), (value,), ())
        return x
    return fill.op.inplace(x, (value,), ())


_PLAIN = 65504.0  # what every floating type holds


def _once(x: Tensor) -> Tensor:
    """Each element in memory once, of a tensor some of whose dimensions repeat them."""
    if 0 in x.shape:
        return x
    return ops.movement.views.as_strided(
        x, tuple([1 if s == 0 else n for n, s in zip(x.shape, x.strides, strict=True)]), x.strides
    )


@exported("Tensor")
def zero_(x: Tensor) -> Tensor:
    """Overwrite every element with 0.

    Args:
        x: overwritten, and returned.

    >>> torch.ones(2).zero_()
    tensor([0., 0.])
    """
    return fill_(x, 0.0 if x._k.dtype.category == dtypes.FLOATING else 0)


def set_like(x: Tensor, shape: tuple, source: Tensor | None = None) -> None:
    """Give ``x`` a new buffer: of another tensor, or an uninitialised one of ``shape``."""
    y = source if source is not None else empty(shape, x.dtype, x.device)
    x.shape, x._buf, x._k, x._strides = y.shape, y._buf, y._k, y._strides
    x._storage, x._offset = (shared_storage(y), y._offset) if source is not None else (UNSHARED, 0)


@exported("Tensor")
@engine.fill
def resize_(x: Tensor, *shape: Any, size: Any = None) -> Tensor:
    """Another shape, in row-major order from where the tensor begins in its memory, whatever lies there.

    Where the memory does not suffice, it gets its own, with what there was; new elements are uninitialised.

    Args:
        *shape, size: the sizes, as integers or as one sequence.

    Raises:
        RuntimeError: a negative size, or a tensor that requires a gradient.

    >>> torch.tensor([1, 2, 3, 4, 5]).resize_(2, 2)
    tensor([[1, 2],
            [3, 4]])
    """
    size = Size(shape_args(shape if size is None else by_name(shape, size, "resize_", "size"), "resize_"))
    if min(size, default=0) < 0:
        raise RuntimeError(f"resize_: Trying to create tensor with negative dimension: {list(size)}")
    if x._edge is not None:
        raise RuntimeError("cannot resize variables that require grad")
    if size == x.shape:
        return x
    storage, start, n = shared_storage(x), x._offset, size.numel()
    data = storage.data
    if data is not None and start + n > data.size:
        grown = allocate(start + n, x.dtype, x.device)
        if x.device.type == "cpu":
            grown[: data.size] = data
        x._storage, x._base = Storage(grown), None
        data = grown
    x.shape, x._strides, x._k = size, None, kind(x.dtype, x.device)
    x._buf = None if data is None else data[start : start + n]
    wrote(x)
    return x


@engine.fill
def copied(x: Tensor) -> Tensor:
    """The elements in row-major order in memory of their own, outside the graph."""
    return clone.op.program(x)[0]


@engine.fill
def write_into(x: Tensor, y: Tensor) -> None:
    """The elements of ``y`` written into ``x``, whatever the graph knows of either."""
    copy.op.program(x, y, outs=(x,))
