"""Whole dimensions merged, split and moved: compositions of views, and views in place."""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any

from numtorch import engine
from numtorch._tensor import Tensor, reshaped
from numtorch.arguments import dimensions, integer, integers
from numtorch.autograd.inplace import rebase, recorded, regraft, wrote
from numtorch.autograd.node import Leaf
from numtorch.exports import exported
from numtorch.grad_mode import _Setting, mode
from numtorch.ops.movement.views import as_strided, permute, reshape, squeeze, t, transpose, unsqueeze, view_as_shape
from numtorch.storage import Size, fill_shape, wrap_dim


@exported("torch", "Tensor")
def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The dimensions from ``start_dim`` to ``end_dim`` merged into one, as a view where possible.

    Args:
        input: of any shape; without dimensions it becomes a vector of one element.
        start_dim, end_dim: the first and the last of them.

    Returns:
        The tensor itself, a view, or a copy.

    Raises:
        RuntimeError: ``start_dim`` comes after ``end_dim``.
        IndexError: a dimension is out of range.

    >>> torch.flatten(torch.zeros(2, 3, 4), 1).shape
    torch.Size([2, 12])
    """
    if start_dim.__class__ is not int or end_dim.__class__ is not int:
        start_dim, end_dim = integer(start_dim, "flatten", "start_dim"), integer(end_dim, "flatten", "end_dim")
    target = _flat(input.shape, start_dim, end_dim)
    if target is None:
        return input
    if input._k.contiguous and (input._edge is None or not mode.grad):  # nothing is recorded
        return reshaped(input, target)
    return reshape(input, target)


@lru_cache(maxsize=1024)
def _flat(shape: tuple, start: int, end: int) -> Size | None:
    """The shape with dimensions merged; None where there is nothing to merge."""
    a, b = wrap_dim(start, len(shape), "flatten"), wrap_dim(end, len(shape), "flatten")
    if a > b:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if not shape:
        return Size((1,))
    return None if a == b else Size((*shape[:a], prod(shape[a : b + 1]), *shape[b + 1 :]))


@exported("torch", "Tensor")
def unflatten(input: Tensor, dim: int, sizes: Any) -> Tensor:
    """One dimension split into several, as a view.

    Args:
        input: of at least one dimension.
        dim: the dimension that is split.
        sizes: the new sizes, one of which may be -1.

    Returns:
        A tensor of ``len(sizes) - 1`` more dimensions.

    Raises:
        RuntimeError: the product of the sizes is another than that of the dimension, or there are none.
        IndexError: ``dim`` is out of range.

    >>> torch.unflatten(torch.zeros(2, 6), 1, (2, -1)).shape
    torch.Size([2, 2, 3])
    """
    d, sizes = wrap_dim(dim, input.ndim, "unflatten"), integers(sizes, "unflatten", "sizes")
    if not sizes:
        raise RuntimeError("unflatten: sizes must be non-empty")
    if not input.shape:
        raise RuntimeError("unflatten: Dimension specified as 0 but tensor has no dimensions")
    try:
        filled = fill_shape(sizes, input.shape[d], "unflatten")
    except RuntimeError:
        raise RuntimeError(
            f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim {d} ({input.shape[d]}) in "
            f"the input tensor of shape {list(input.shape)}"
        ) from None
    return view_as_shape(input, (*input.shape[:d], *filled, *input.shape[d + 1 :]))


@exported("torch", "Tensor")
def ravel(input: Tensor) -> Tensor:
    """The elements in one dimension, as a view where possible.

    Args:
        input: of any shape.

    Returns:
        A vector.

    >>> torch.ravel(torch.tensor([[1, 2], [3, 4]]))
    tensor([1, 2, 3, 4])
    """
    return reshape(input, (-1,))


@exported("torch", "Tensor")
@exported("torch", name="moveaxis")
def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    """Dimensions moved to other positions, as a view; the rest keep their order.

    Args:
        input: of any shape.
        source, destination: where the dimensions are and where they go, numbers or sequences of equal length.

    Returns:
        A tensor of as many dimensions.

    Raises:
        RuntimeError: lists of different lengths, or a dimension that is named twice.
        IndexError: a dimension is out of range.

    >>> torch.movedim(torch.zeros(2, 3, 4), 0, -1).shape
    torch.Size([3, 4, 2])
    """
    if source.__class__ is not int:
        source = dimensions(source, "movedim", "source")
    if destination.__class__ is not int:
        destination = dimensions(destination, "movedim", "destination")
    return permute(input, _moved(len(input.shape), source, destination))


@lru_cache(maxsize=1024)
def _moved(ndim: int, source: int | tuple, destination: int | tuple) -> tuple:
    """The order of the dimensions after a move."""
    given = [d if d.__class__ is tuple else (d,) for d in (source, destination)]
    if len(given[0]) != len(given[1]):
        raise RuntimeError(
            f"movedim: Invalid source or destination dims: source ({list(given[0])} dims) should contain the same "
            f"number of dims as destination ({list(given[1])} dims)"
        )
    moves = []
    for name, dims in zip(("source", "destination"), given, strict=True):
        wrapped = [wrap_dim(d, ndim, "movedim") for d in dims]
        if len(set(wrapped)) != len(wrapped):
            raise RuntimeError(f"movedim: repeated dim in `{name}` ({list(dims)})")
        moves.append(wrapped)
    if not ndim:
        return ()
    order = [d for d in range(ndim) if d not in moves[0]]
    for d, at in sorted(zip(*moves, strict=True), key=lambda p: p[1]):
        order.insert(at, d)
    return tuple(order)


@exported("torch", "Tensor")
def adjoint(input: Tensor) -> Tensor:
    """The last two dimensions exchanged (and, of complex numbers, conjugated).

    Args:
        input: a matrix or several.

    Returns:
        A tensor of shape (..., m, n) for one of shape (..., n, m).

    Raises:
        RuntimeError: ``input`` is a vector.

    >>> torch.adjoint(torch.tensor([[1, 2], [3, 4]]))
    tensor([[1, 3],
            [2, 4]])
    """
    if input.ndim == 1:
        raise RuntimeError("tensor.adjoint() is only supported on matrices or batches of matrices. Got 1-D tensor.")
    turned = transpose(input, -2, -1) if input.ndim else input
    return engine.conj(turned) if input._k.dtype.is_complex else turned


def _at_least(one: Any, tensors: tuple) -> Any:
    if len(tensors) == 1 and isinstance(tensors[0], Tensor):
        return one(tensors[0])
    return tuple(one(x) for x in (tensors[0] if len(tensors) == 1 else tensors))


@exported("torch")
def atleast_1d(*tensors: Any) -> Any:
    """The tensor, or each of several, with at least one dimension.

    Args:
        *tensors: tensors, or one sequence of them.

    Returns:
        A view of one tensor, or a tuple of views.

    >>> torch.atleast_1d(torch.tensor(2))
    tensor([2])
    """
    return _at_least(lambda x: x if x.ndim else reshape(x, (1,)), tensors)


@exported("torch")
def atleast_2d(*tensors: Any) -> Any:
    """The tensor, or each of several, with at least two dimensions; vectors (n) become rows (1, n).

    Args:
        *tensors: tensors, or one sequence of them.

    Returns:
        A view of one tensor, or a tuple of views.

    >>> torch.atleast_2d(torch.tensor([1, 2]))
    tensor([[1, 2]])
    """
    return _at_least(lambda x: x if x.ndim >= 2 else reshape(x, (1, -1)), tensors)


@exported("torch")
def atleast_3d(*tensors: Any) -> Any:
    """The tensor, or each of several, with at least three dimensions; (n) becomes (1, n, 1), (n, m) becomes (n, m, 1).

    Args:
        *tensors: tensors, or one sequence of them.

    Returns:
        A view of one tensor, or a tuple of views.

    >>> torch.atleast_3d(torch.tensor([1, 2])).shape
    torch.Size([1, 2, 1])
    """
    return _at_least(
        lambda x: x if x.ndim >= 3 else unsqueeze(x, 2) if x.ndim == 2 else reshape(x, (1, -1, 1)), tensors
    )


# --- in place -------------------------------------------------------------------------------------


def _become(x: Tensor, name: str, seen: Any) -> Tensor:
    """Give ``x`` in place the geometry that ``seen`` makes of it. What a gradient has saved of ``x`` is stale from then
    on."""
    recorded(x, name)
    computed = x._edge is not None and type(x._edge) is not Leaf
    with _Setting(
        grad=computed
    ):  # under no_grad, too: gradients come in the new shape, and go on to what x was computed from
        y = seen(x)
    x.shape, x._buf, x._k, x._strides, x._storage, x._offset = y.shape, y._buf, y._k, y._strides, y._storage, y._offset
    wrote(x)
    if computed and x._base is None:
        rebase(x, y._edge)
    elif computed:
        regraft(x, y._edge)
    return x


@exported("torch")
def swapaxes(input: Tensor, axis0: int, axis1: int) -> Tensor:
    """Two dimensions exchanged, as a view: ``transpose`` under NumPy's name.

    Args:
        input: of any shape.
        axis0, axis1: the two dimensions.

    Returns:
        A tensor whose sizes are exchanged likewise.

    >>> torch.swapaxes(torch.zeros(2, 3), 0, 1).shape
    torch.Size([3, 2])
    """
    return transpose(input, axis0, axis1)


@exported("Tensor")
def transpose_(x: Tensor, dim0: int, dim1: int) -> Tensor:
    """In-place ``transpose``."""
    return _become(x, "transpose", lambda x: transpose(x, dim0, dim1))


@exported("Tensor")
def t_(x: Tensor) -> Tensor:
    """In-place ``t``."""
    return _become(x, "t", t)


@exported("Tensor")
def squeeze_(x: Tensor, dim: Any = None, *more: int) -> Tensor:
    """In-place ``squeeze``."""
    return _become(x, "squeeze", lambda x: squeeze(x, dim, *more))


@exported("Tensor")
def unsqueeze_(x: Tensor, dim: int) -> Tensor:
    """In-place ``unsqueeze``."""
    return _become(x, "unsqueeze", lambda x: unsqueeze(x, dim))


@exported("Tensor")
def as_strided_(x: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """In-place ``as_strided``."""
    size, stride = integers(size, "as_strided_", "size"), integers(stride, "as_strided_", "stride")
    return _become(x, "as_strided", lambda x: as_strided(x, size, stride, storage_offset))
