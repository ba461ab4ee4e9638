"""Whole dimensions merged, split and moved: compositions of views."""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any

from numtorch._tensor import Tensor
from numtorch.arguments import dimensions, integer, integers
from numtorch.exports import exported
from numtorch.ops.movement.views import permute, reshape, transpose, unsqueeze, view_as_shape
from numtorch.storage import fill_shape, wrap_dim


@exported("torch", "Tensor")
def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Dimensions from ``start_dim`` to ``end_dim`` merged into one.

    >>> import numtorch as torch
    >>> torch.flatten(torch.zeros(2, 3, 4), 1).shape
    torch.Size([2, 12])
    """
    if start_dim.__class__ is not int or end_dim.__class__ is not int:
        start_dim, end_dim = integer(start_dim, "flatten", "start_dim"), integer(end_dim, "flatten", "end_dim")
    target = _flat(input.shape, start_dim, end_dim)
    return input if target is None else reshape(input, target)


@lru_cache(maxsize=1024)
def _flat(shape: tuple, start: int, end: int) -> tuple | None:
    """The shape with dimensions merged; None where there is nothing to merge."""
    a, b = wrap_dim(start, len(shape), "flatten"), wrap_dim(end, len(shape), "flatten")
    if a > b:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if not shape:
        return (1,)
    return None if a == b else (*shape[:a], prod(shape[a : b + 1]), *shape[b + 1 :])


@exported("torch", "Tensor")
def unflatten(input: Tensor, dim: int, sizes: Any) -> Tensor:
    """One dimension split into several; one size may be -1.

    >>> import numtorch as torch
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
    """The elements in one dimension."""
    return reshape(input, (-1,))


@exported("torch", "Tensor")
@exported("torch", name="moveaxis")
def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    """Dimensions moved to other positions; the rest keep their order.

    >>> import numtorch as torch
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

    >>> import numtorch as torch
    >>> torch.adjoint(torch.tensor([[1, 2], [3, 4]]))
    tensor([[1, 3],
            [2, 4]])
    """
    if input.ndim == 1:
        raise RuntimeError("tensor.adjoint() is only supported on matrices or batches of matrices. Got 1-D tensor.")
    return transpose(input, -2, -1) if input.ndim else input


def _at_least(one: Any, tensors: tuple) -> Any:
    if len(tensors) == 1 and isinstance(tensors[0], Tensor):
        return one(tensors[0])
    return tuple(one(x) for x in (tensors[0] if len(tensors) == 1 else tensors))


@exported("torch")
def atleast_1d(*tensors: Any) -> Any:
    """The tensor (or each of several) with at least one dimension.

    >>> import numtorch as torch
    >>> torch.atleast_1d(torch.tensor(2))
    tensor([2])
    """
    return _at_least(lambda x: x if x.ndim else reshape(x, (1,)), tensors)


@exported("torch")
def atleast_2d(*tensors: Any) -> Any:
    """The tensor (or each of several) with at least two dimensions; vectors are rows.

    >>> import numtorch as torch
    >>> torch.atleast_2d(torch.tensor([1, 2]))
    tensor([[1, 2]])
    """
    return _at_least(lambda x: x if x.ndim >= 2 else reshape(x, (1, -1)), tensors)


@exported("torch")
def atleast_3d(*tensors: Any) -> Any:
    """The tensor (or each of several) with at least three dimensions; of matrices, the new one is last.

    >>> import numtorch as torch
    >>> torch.atleast_3d(torch.tensor([1, 2])).shape
    torch.Size([1, 2, 1])
    """
    return _at_least(
        lambda x: x if x.ndim >= 3 else unsqueeze(x, 2) if x.ndim == 2 else reshape(x, (1, -1, 1)), tensors
    )
