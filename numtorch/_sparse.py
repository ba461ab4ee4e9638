"""Sparse tensors: the class, and how a call with one of them finds its answer.

Their kind is in no dict of remembered choices, as that of the tensors of ``vmap``. So the front of every op sends them
to its general path, and calls on dense tensors do nothing for them. The general path hands a call to ``answer``, which
``numtorch.ops.sparse`` fills.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from numtorch._tensor import Tensor, new
from numtorch.device import device
from numtorch.dtype import dtype
from numtorch.layouts import layout, sparse_coo, sparse_csc, sparse_csr
from numtorch.storage import Kind, Size


class _State:
    """Whether a sparse tensor has been made yet: until then nothing is searched for one."""

    used = False


state = _State()


@cache
def _kind(d: dtype, where: device) -> Kind:
    """A kind that is none of the interned ones."""
    k = Kind()
    k.dtype, k.device, k.contiguous = d, where, False
    k.strided = k
    return k


class SparseTensor(Tensor):
    """A tensor of which only some elements are kept, the others being zero; made by ``torch.sparse_coo_tensor``,
    ``torch.sparse_csr_tensor`` and ``Tensor.to_sparse``.

    Attributes:
        layout: ``torch.sparse_coo``, ``torch.sparse_csr`` or ``torch.sparse_csc``.
        rows: int64 (sparse dimensions, n): the positions of the elements; of a compressed tensor they are found when
            they are asked for.
        bounds, places: of a compressed tensor: where each row (or column) begins, and the columns (or rows).
        elements: (n, *dense dimensions), outside any graph: gradients go through the sparse tensor.
        coalesced: whether the positions are in order, and none occurs twice.

    >>> torch.eye(2).to_sparse().layout
    torch.sparse_coo
    """

    layout: layout = sparse_coo  # type: ignore[assignment]
    elements: Tensor
    coalesced: bool = False
    _positions: Tensor | None = None
    bounds: Tensor
    places: Tensor
    is_sparse = True
    is_sparse_csr = False

    @property
    def _buf(self) -> Any:
        raise NotImplementedError(
            "Cannot access the memory of a sparse tensor: the operation is for dense tensors; use .to_dense()"
        )

    @property
    def rows(self) -> Tensor:
        """The positions of the elements."""
        if self._positions is None:
            self._positions = expand(self)
        return self._positions


def _unfilled(*args: Any) -> Any:
    raise RuntimeError("the sparse ops are not imported yet")


answer: Callable[..., Any] = _unfilled  # (op, tensors, parameters, out): an op on tensors some of which are sparse
expand: Callable[..., Any] = _unfilled  # (x): the positions of a compressed tensor
build: Callable[..., Any] = _unfilled  # (elements, pattern): ``like``, recorded


def is_sparse(x: Any) -> bool:
    """Whether something is a sparse tensor."""
    return isinstance(x, SparseTensor)


def any_of(values: Any) -> bool:
    """Whether one of the operands, or of those in lists, is sparse."""
    return any(isinstance(t, SparseTensor) or (t.__class__ is list and any_of(t)) for t in values)


def coo(positions: Tensor, elements: Tensor, shape: tuple, coalesced: bool = False) -> SparseTensor:
    """A tensor of these elements at these positions; nothing is checked or recorded."""
    state.used = True
    t = new(SparseTensor)
    t.shape, t._k = Size(shape), _kind(elements._k.dtype, elements._k.device)
    t._positions, t.elements, t.coalesced = positions, elements, coalesced
    return t


def compressed(
    bounds: Tensor, places: Tensor, elements: Tensor, shape: tuple, how: layout, positions: Tensor | None = None
) -> SparseTensor:
    """A compressed tensor; nothing is checked or recorded."""
    t = coo(positions, elements, shape, True)  # type: ignore[arg-type]
    t.layout, t.bounds, t.places = how, bounds, places
    t.is_sparse, t.is_sparse_csr = False, how is sparse_csr
    return t


def like(pattern: SparseTensor, elements: Tensor) -> SparseTensor:
    """Other elements at the same positions, in the same layout."""
    if pattern.layout is sparse_coo:
        shape = (*pattern.shape[: pattern.rows.shape[0]], *elements.shape[1:])
        return coo(pattern.rows, elements, shape, pattern.coalesced)
    return compressed(
        pattern.bounds, pattern.places, elements, tuple(pattern.shape), pattern.layout, pattern._positions
    )


COMPRESSED = (sparse_csr, sparse_csc)
