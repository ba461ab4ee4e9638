"""What an in-place write means for the graph: counting it, refusing it, and giving the tensor its new history."""

from __future__ import annotations

from typing import Any

from numtorch._tensor import Tensor, alias, shared_storage
from numtorch.autograd.graph import Leaf, Output
from numtorch.storage import FRESH, tick


def wrote(x: Tensor) -> None:
    """Note that the storage of ``x`` has been written to."""
    storage = x._storage if x._storage is not FRESH else shared_storage(x)
    storage.version += 1
    storage.written = tick()


def check_inplace(x: Tensor, op: str) -> None:
    """RuntimeError if overwriting ``x`` would make its gradient wrong."""
    if type(x._edge) is Leaf:
        raise RuntimeError(f"a leaf Variable that requires grad is being used in an in-place operation ({op}_). Do it under "
                           "torch.no_grad(), or use the out-of-place form.")
    base = x._base
    if base is None or base._edge is None:
        return
    if type(base._edge) is Leaf:
        raise RuntimeError(f"a view of a leaf Variable that requires grad is being used in an in-place operation ({op}_). "
                           "Do it under torch.no_grad(), or clone() first.")
    if x._edge is None:
        raise RuntimeError("A view was created in no_grad mode and is being modified inplace with grad mode enabled. Given that this "
                           "use case is ambiguous and error-prone, it is forbidden. You can clarify your code by moving both the view "
                           "and the inplace either both inside the no_grad block (if you don't want the inplace to be tracked) or "
                           "both outside (if you want the inplace to be tracked).")


def rebase(x: Tensor, edge: Any) -> None:
    """After an in-place op: ``x`` has the history ``edge``, and so has everything that shares its memory."""
    from numtorch.ops import movement

    base = x._base
    if base is None:
        x._edge = edge
        movement.refresh_views(x)
    else:
        part = alias(x)
        part._edge = edge
        movement.write_history(base, part, x)
    if "_retains" in x.__dict__ and x._edge is not None:  # ``grad`` is to be the gradient of what x is now
        x._retains.remove()
        del x._retains
        x.retain_grad()


def snapshot(x: Tensor) -> Tensor:
    """``x`` as the graph knew it before an in-place op: same memory, the old edge."""
    t = alias(x)
    t._edge = x._edge
    return t


def copied(x: Tensor) -> Tensor:
    """The elements of ``x`` as they are now, at its place in the graph."""
    from numtorch.ops.movement import clone

    (t,) = clone.op.program(x)
    t._edge = x._edge
    return t


def same_memory(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors share a storage."""
    return a is b or (a._storage is b._storage and a._storage is not FRESH)


def apart(x: Tensor, tensors: tuple) -> tuple:
    """The operands of a write to ``x``: copies of those that overlap it other than element for element.

    Differs from torch, which refuses some of these writes and leaves others to chance.
    """
    if not x._k.contiguous and any(s == 0 and n > 1 for n, s in zip(x.shape, x.strides, strict=True)):
        raise RuntimeError("unsupported operation: more than one element of the written-to tensor refers to a single memory location. "
                           "Please clone() the tensor before performing the operation.")
    storage, found = x._storage, None
    for i, t in enumerate(tensors):
        if t is not x and isinstance(t, Tensor) and t._storage is storage and not _same_place(x, t) and _meet(x, t):
            found = list(tensors) if found is None else found
            found[i] = copied(t)
    return tensors if found is None else tuple(found)


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
