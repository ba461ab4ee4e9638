"""How in-place writes through views change the graph (``write_history``), and the ops that express it."""

from __future__ import annotations

import builtins
from typing import Any
from weakref import ref

from numtorch import engine, ops
from numtorch._tensor import Tensor, alias, empty, keep_view, make, view
from numtorch.autograd.inplace import regraft
from numtorch.autograd.node import Leaf, refusal
from numtorch.dispatch.op import op
from numtorch.ops.movement.copies import clone, copy
from numtorch.ops.movement.parts import view_as_complex, view_as_real
from numtorch.ops.movement.views import as_strided
from numtorch.storage import UNSHARED, Size


def _laid_out(x: Tensor, strides: tuple, size: tuple, stride: tuple, start: int) -> tuple[Tensor, Tensor]:
    """A copy of ``x`` with the given strides, and the view of it that size, stride and start name."""
    ends = [
        1 + sum((n - 1) * s for n, s in zip(sh, st, strict=True)) for sh, st in ((x.shape, strides), (size, stride))
    ]
    flat = empty((max(ends[0], start + ends[1]),), x.dtype, x.device)
    whole = view(flat, x.shape, strides)
    copy.op.program(whole, x, outs=(whole,))
    return whole, view(flat, Size(size), stride, start)


@op(
    public=False,
    direct=True,
    samples=lambda: [
        ((3, 4), (2, 2), (2, 2), (4, 1), 1, (4, 1)),
        ((12,), (3,), (3,), (4,), 0, (1,)),
        ((2, 3), (3,), (3,), (2,), 1, (1, 2)),
    ],
)
def as_strided_scatter(x, y, size: tuple, stride: tuple, start: int, x_strides: tuple):
    """``x``, thought of as having ``x_strides``, with the elements that the view names replaced by ``y``.

    The view (size, stride, and start counted from the first element of x) may not overlap itself.
    """
    if 0 in size or not x.numel():
        return clone.op.program(x)[0]
    whole, part = _laid_out(x, x_strides, size, stride, start)
    copy.op.program(part, y, outs=(part,))
    return clone.op.program(whole)[0] if not whole._k.contiguous else make(whole._buf, x.shape, whole._k)


@as_strided_scatter.vjp
def _(g, y_shape, *, size, stride, start, x_strides, needs):
    gx = gy = None
    if needs[0]:
        blank = ops.creation.zeros(y_shape, dtype=g.dtype, device=g.device)
        gx = as_strided_scatter(g, blank, size, stride, start, x_strides)
    if needs[1]:
        gy = strided_read(g, size, stride, start, x_strides)
    return gx, gy


@op(public=False, direct=True, samples=lambda: [((3, 4), (2, 2), (4, 1), 1, (4, 1)), ((2, 3), (3,), (2,), 1, (1, 2))])
def strided_read(x, size: tuple, stride: tuple, start: int, x_strides: tuple):
    """The elements of ``x``, thought of as having ``x_strides``, that the view names."""
    if 0 in size:
        return empty(size, x.dtype, x.device)
    return clone.op.program(_laid_out(x, x_strides, size, stride, start)[1])[0]


@strided_read.vjp
def _(g, x_shape, *, size, stride, start, x_strides):
    return as_strided_scatter(
        ops.creation.zeros(x_shape, dtype=g.dtype, device=g.device), g, size, stride, start, x_strides
    )


def _record_write(before: Tensor, part: Tensor, target: Tensor, after: Tensor) -> None:
    """``after`` is ``before`` with ``part`` at the place of the view ``target``."""
    where = tuple(target.shape), target.strides, target._offset - before._offset, before.strides
    as_strided_scatter.op.record((before, part), where, after)


def _seen(view_as: Any, x: Tensor) -> Tensor:
    """``x`` as real or as complex numbers; recorded where x has a history."""
    t = alias(view_as.op.body(x))
    if x._edge is not None:
        view_as.op.record((x,), (), t)
    return t


@engine.fill
def write_history(base: Tensor, part: Tensor, target: Tensor) -> None:
    """After an in-place write to the view ``target`` of ``base``: ``part`` holds the edge of what was written."""
    if base._edge is None and part._edge is None:
        regraft(target, None)
        return
    before = alias(base)
    before._edge = base._edge
    after = alias(base)
    if base._k.dtype.is_complex and not part._k.dtype.is_complex:  # the write went to real or imaginary parts
        before = _seen(view_as_real, before)
        parts = alias(before)
        _record_write(before, part, target, parts)
        view_as_complex.op.record((parts,), (), after)
    elif part._k.dtype.is_complex and not base._k.dtype.is_complex:
        _record_write(before, _seen(view_as_real, part), _seen(view_as_real, target), after)
    else:
        _record_write(before, part, target, after)
    regraft(base, after._edge)
    views = base._storage.views
    if views is None or not builtins.any(r() is target for r in views):  # made under no_grad
        keep_view(base._storage, target)
    refresh_views(base)


@engine.fill
def refresh_views(base: Tensor) -> None:
    """Views of a tensor that an in-place op has given a new history get theirs from it."""
    if base._storage is UNSHARED:
        return
    for r in base._storage.views or ():
        v = r()
        if v is None or v is base or v._base is not base:
            if v is not None and v._base is not None and v._base._guard is not None and v._base._base is base:
                regraft(
                    v, refusal(f"a view's base or another view of its base has been modified inplace. {v._base._guard}")
                )
            continue
        if base._edge is None or type(base._edge) is Leaf:
            regraft(v, None)
            continue
        fresh = alias(v)
        if base._k.dtype.is_complex and not v._k.dtype.is_complex:
            as_strided.op.record((_seen(view_as_real, base),), (tuple(v.shape), v.strides, v._offset), fresh)
        elif v._k.dtype.is_complex and not base._k.dtype.is_complex:
            parts = alias(view_as_real.op.body(v))
            as_strided.op.record((base,), (tuple(parts.shape), parts.strides, parts._offset), parts)
            view_as_complex.op.record((parts,), (), fresh)
        else:
            as_strided.op.record((base,), (tuple(v.shape), v.strides, v._offset), fresh)
        regraft(v, fresh._edge)


def requires_grad_edge(x: Tensor) -> Leaf:
    """A new leaf for a tensor made by the user."""
    if not x.dtype.differentiable:
        raise RuntimeError(
            f"only Tensors of floating point and complex dtype can require gradients, not {x.dtype.name}; cast with "
            ".float()"
        )
    leaf = Leaf()
    leaf.owner = ref(x)
    return leaf
