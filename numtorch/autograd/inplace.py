"""In-place writes and the graph: counts writes, refuses those that would give wrong gradients, and updates the tensor's
history."""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from numtorch import engine
from numtorch._tensor import Tensor, alias, shared_storage
from numtorch.autograd.node import Leaf, Output
from numtorch.grad_mode import mode
from numtorch.storage import UNSHARED, tick, whole


def wrote(x: Tensor) -> None:
    """Note that the storage of ``x`` has been written to."""
    storage = x._storage if x._storage is not UNSHARED else shared_storage(x)
    storage.version += 1
    storage.written = tick()


def check_inplace(x: Tensor, op: str) -> None:
    """RuntimeError if overwriting ``x`` would make its gradient wrong."""
    if type(x._edge) is Leaf:
        raise RuntimeError(
            f"a leaf Variable that requires grad is being used in an in-place operation ({op}_). Do it under "
            "torch.no_grad(), or use the out-of-place form."
        )
    base = x._base
    if base is None or base._edge is None:
        return
    if base._guard is not None:
        raise RuntimeError(f"{op}_: a view is being modified inplace. {base._guard}")
    if type(base._edge) is Leaf:
        raise RuntimeError(
            f"a view of a leaf Variable that requires grad is being used in an in-place operation ({op}_). "
            "Do it under torch.no_grad(), or clone() first."
        )
    if x._edge is None:
        raise RuntimeError(
            "A view was created in no_grad mode and is being modified inplace with grad mode enabled. Given that this "
            "use case is ambiguous and error-prone, it is forbidden. You can clarify your code by moving both the view "
            "and the inplace either both inside the no_grad block (if you don't want the inplace to be tracked) or "
            "both outside (if you want the inplace to be tracked)."
        )


def in_graph(x: Tensor) -> bool:
    """Whether a write to ``x`` concerns a graph: its own, or that of the tensor of which it is a view, made under
    ``no_grad`` or not."""
    return x._edge is not None or ((base := x._base) is not None and base._edge is not None)


def recorded(x: Tensor, name: str, *values: Any) -> bool:
    """Whether a write to ``x`` of what is computed from ``values`` goes into the graph; RuntimeError where it may not.

    Tensors of integers are in no graph, whatever is written to them.
    """
    if not mode.grad or not x._k.dtype.differentiable:
        return False
    if not in_graph(x) and not any(isinstance(t, Tensor) and t._edge is not None for t in values):
        return False
    check_inplace(x, name.removesuffix("_"))
    return True


def rebase(x: Tensor, edge: Any) -> None:
    """After an in-place op: ``x`` has the history ``edge``, and so has everything that shares its memory."""
    if x._base is None:
        regraft(x, edge)
        engine.refresh_views(x)
    else:
        part = alias(x)
        part._edge = edge
        engine.write_history(x._base, part, x)


def regraft(x: Tensor, edge: Any) -> None:
    """Give ``x`` another edge. With ``retain_grad``, ``grad`` is to be the gradient of what x is from now on."""
    x._edge = edge
    if "_retains" in x.__dict__:
        x._retains.remove()
        del x._retains
        if edge is not None:
            x.retain_grad()


def snapshot(x: Tensor) -> Tensor:
    """``x`` as the graph knew it before an in-place op: same memory, the old edge."""
    t = alias(x)
    t._edge = x._edge
    return t


def copied(x: Tensor) -> Tensor:
    """The elements of ``x`` as they are now, at its place in the graph."""
    t = engine.copied(x)
    t._edge = x._edge
    return t


def same_memory(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors share a storage."""
    return a is b or (a._storage is not UNSHARED and whole(a._storage) is whole(b._storage))


def without_overlaps(x: Tensor, tensors: tuple, name: str = "") -> tuple:
    """The operands of a write to ``x``, which may not hold one element twice: copies of those that overlap x other than
    element for element.

    Differs from torch, which refuses some of these writes and leaves others to chance.
    """
    if not x._k.contiguous:
        single(x, name, in_turn=True)
    storage, found = x._storage, None
    for i, t in enumerate(tensors):
        if t is not x and isinstance(t, Tensor) and t._storage is storage and not _same_place(x, t) and _meet(x, t):
            found = list(tensors) if found is None else found
            found[i] = copied(t)
    return tensors if found is None else tuple(found)


def single(x: Tensor, name: str = "", in_turn: bool = False) -> None:
    """RuntimeError if ``x``, which is to be overwritten, holds one element at several places.

    Args:
        in_turn: elements are read, computed and written one after the other, so that the result is defined where only
            some places are one element; expanded dimensions are refused all the same, as in torch.
    """
    found = "" if x._k.contiguous else repeats(x.shape, x.strides)
    if found == EXPANDED or found and not in_turn:
        where = f"{name}: " if name else ""
        shape = (
            ""
            if found == EXPANDED
            else f" Which of the values stays would depend on the order of writing (shape {list(x.shape)}, "
            f"strides {x.strides})."
        )
        raise RuntimeError(
            f"{where}unsupported operation: more than one element of the written-to tensor refers to a single memory "
            f"location. Please clone() the tensor before performing the operation.{shape}"
        )


def repeated(x: Tensor) -> bool:
    """Whether two positions of ``x`` are one element in memory."""
    return not x._k.contiguous and repeats(x.shape, x.strides) != ""


def one_history(x: Tensor, name: str) -> None:
    """RuntimeError if ``x``, whose write is to be recorded, holds one element at several places: it has one
    gradient."""
    if repeated(x):
        raise RuntimeError(
            f"{name}: unsupported operation: a write with a gradient to a tensor in which more than one element refers "
            f"to a single memory location (shape {list(x.shape)}, strides {x.strides}). Please clone() the tensor "
            "before performing the operation."
        )


EXPANDED, OVERLAPPING = "expanded", "overlapping"


@lru_cache(maxsize=4096)
def repeats(shape: tuple, strides: tuple) -> str:
    """``EXPANDED`` or ``OVERLAPPING`` if two positions of such a tensor are one element, else the empty string.

    >>> repeats((3,), (0,)), repeats((3, 3), (1, 1)), repeats((3, 2), (2, 3))
    ('expanded', 'overlapping', '')
    """
    steps = sorted([(s, n) for n, s in zip(shape, strides, strict=True) if n > 1])
    if 0 in shape or not steps:
        return ""
    if steps[0][0] == 0:
        return EXPANDED
    reach, clear = 0, True
    for s, n in steps:
        clear = clear and s > reach
        reach += (n - 1) * s
    if clear:
        return ""
    if prod(shape) > reach + 1:
        return OVERLAPPING
    seen = np.zeros(reach + 1, np.bool_)
    at = np.zeros(1, np.int64)
    for s, n in steps:
        at = (at[:, None] + np.arange(n) * s).ravel()
    seen[at] = True
    return OVERLAPPING if np.count_nonzero(seen) < at.size else ""


def _same_place(a: Tensor, b: Tensor) -> bool:
    return a._offset == b._offset and a.shape == b.shape and a.strides == b.strides


def _meet(a: Tensor, b: Tensor) -> bool:
    """Whether the ranges from first to last element overlap."""
    if 0 in a.shape or 0 in b.shape:
        return False
    end_a, end_b = (t._offset + sum([(n - 1) * s for n, s in zip(t.shape, t.strides, strict=True)]) for t in (a, b))
    return a._offset <= end_b and b._offset <= end_a


def protect(edge: Any, x: Tensor, since: int) -> None:
    """Before a write to ``x``: nodes from ``edge`` on made after ``since`` get copies of what they saved of it."""
    stack, seen = [edge], set()
    while stack:
        node = stack.pop()
        node = node.node if type(node) is Output else node
        if node is None or type(node) is Leaf or node in seen or node.seq <= since:
            continue
        seen.add(node)
        stack.extend(node.edges)
        for i, s in enumerate(node.saved or ()):
            if isinstance(s, Tensor) and same_memory(s, x):
                node.saved[i] = copied(s)
