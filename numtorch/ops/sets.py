"""Sets of elements and of positions: membership, products, combinations, runs."""

from __future__ import annotations

import itertools
from typing import Any

import numtorch.dtype as dtypes
from numtorch import ops
from numtorch._tensor import Tensor
from numtorch.dispatch.aliases import own_names
from numtorch.dispatch.out import SAME, into
from numtorch.exports import exported
from numtorch.ops import movement, reduction
from numtorch.ops.arithmetic import eq, ne
from numtorch.ops.comparison import logical_not
from numtorch.storage import Size, wrap_dim
from numtorch.storage import broadcast_shapes as common_shape

FEW = 10  # test elements up to which each is compared with all


@exported("torch")
def isin(
    elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False, out: Any = None
) -> Tensor:
    """Whether each element is among others.

    Args:
        elements: a tensor, or a number.
        test_elements: a tensor, or a number if ``elements`` is a tensor.
        assume_unique: says that there are no duplicates; nothing depends on it.
        invert: whether the answers are turned round.

    Returns:
        A bool tensor of the shape of ``elements``.

    >>> torch.isin(torch.tensor([1, 2, 3]), torch.tensor([2, 3]))
    tensor([False,  True,  True])
    """
    if out is not None:
        return into(out, SAME, isin, elements, test_elements, assume_unique=assume_unique, invert=invert)
    if not isinstance(elements, Tensor):
        elements = ops.creation.tensor(elements, device=getattr(test_elements, "device", None))
    if not isinstance(test_elements, Tensor):
        found = eq(elements, test_elements)
        return logical_not(found) if invert else found
    tests = movement.reshape(test_elements, (-1,))
    if tests.shape[0] <= FEW:
        found = reduction.any(eq(movement.unsqueeze(elements, -1), tests), -1)
    else:
        d = dtypes.promote_types(elements.dtype, tests.dtype)
        ordered, x = ops.sorting.sort(tests.to(d))[0], elements.to(d)
        place = ops.arithmetic.clamp(ops.searching.searchsorted(ordered, x), 0, ordered.shape[0] - 1)
        found = eq(ops.indexing.take(ordered, place), x)
    return logical_not(found) if invert else found


@exported("torch")
def cartesian_prod(*tensors: Tensor) -> Tensor:
    """All tuples of which the first element is of the first vector, the second of the second, and so on.

    Args:
        *tensors: vectors of one type.

    Returns:
        A matrix with a row for each tuple; of one vector the vector itself.

    Raises:
        RuntimeError: one is no vector.

    >>> torch.cartesian_prod(torch.tensor([1, 2]), torch.tensor([3, 4]))
    tensor([[1, 3],
            [1, 4],
            [2, 3],
            [2, 4]])
    """
    for x in tensors:
        if x.ndim != 1:
            raise RuntimeError(f"Expect a 1D vector, but got shape {list(x.shape)}")
    if len(tensors) == 1:
        return tensors[0]
    grids = ops.ranges.meshgrid(*tensors, indexing="ij")
    return movement.stack([movement.reshape(g, (-1,)) for g in grids], 1)


@exported("torch")
def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All selections of r elements, in the order of their positions.

    Args:
        input: a vector.
        r: how many elements, from 0 on.
        with_replacement: whether an element may come again.

    Returns:
        A matrix with a row for each selection.

    Raises:
        RuntimeError: ``input`` is no vector, or ``r`` is negative.

    >>> torch.combinations(torch.tensor([1, 2, 3]))
    tensor([[1, 2],
            [1, 3],
            [2, 3]])
    """
    if input.ndim != 1:
        raise RuntimeError(f"Expect a 1D vector, but got shape {list(input.shape)}")
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    if not r:
        return ops.creation.zeros((0,), dtype=input.dtype, device=input.device)
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    picked = list(choose(range(input.shape[0]), r))
    index = ops.creation.tensor(picked, dtype=dtypes.int64, device=input.device)
    return movement.reshape(ops.indexing.index_select(input, 0, movement.reshape(index, (-1,))), (len(picked), r))


@exported("torch")
def unravel_index(indices: Tensor, shape: Any) -> tuple[Tensor, ...]:
    """Positions in a flattened tensor as positions along each dimension.

    Args:
        indices: integers.
        shape: of the tensor.

    Returns:
        For each dimension a tensor of the shape of ``indices``, of type int64.

    Raises:
        TypeError: ``indices`` is no tensor of integers.
        ValueError: a size is negative.

    >>> torch.unravel_index(torch.tensor([5]), (2, 3))
    (tensor([1]), tensor([2]))
    """
    if not isinstance(indices, Tensor) or indices.dtype.differentiable or indices.dtype is dtypes.bool:
        kind = getattr(indices, "dtype", type(indices).__name__)
        raise TypeError(f"torch.unravel_index: expected 'indices' to be integer dtype, but got {kind}")
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    if any(n < 0 for n in sizes):
        raise ValueError(f"torch.unravel_index: 'shape' cannot have negative values, but got {sizes}")
    indices = indices.to(dtypes.int64)  # a size may be more than a narrow type holds
    found: list[Tensor] = []
    for n in reversed(sizes):
        found.insert(0, indices % n)
        indices = indices // n
    return tuple(found)


@exported("torch")
def broadcast_shapes(*shapes: Any) -> Size:
    """The shape to which shapes broadcast.

    Args:
        *shapes: sequences of extents, or numbers.

    Returns:
        A ``Size``.

    Raises:
        RuntimeError: they do not broadcast.

    >>> torch.broadcast_shapes((2, 1), (3,))
    torch.Size([2, 3])
    """
    given = [Size((s,) if isinstance(s, int) else tuple(s)) for s in shapes]
    for s in given:
        if any(n < 0 for n in s):
            raise RuntimeError(f"Trying to create tensor with negative dimension {min(s)}: {list(s)}")
    try:
        return Size(common_shape(*given)) if given else Size(())
    except ValueError:
        raise RuntimeError(
            "Shape mismatch: objects cannot be broadcast to a single shape, got "
            + ", ".join(str(list(s)) for s in given)
        ) from None


@exported("torch", "Tensor")
@own_names
def unique_consecutive(
    input: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """The first element of every run of equal ones.

    Args:
        input: of any type.
        return_inverse: whether there is also, for each element, the number of its run.
        return_counts: whether there are also the lengths of the runs.
        dim: compare slices along a dimension; without it the elements of the flattened tensor.

    Returns:
        The elements or slices, or a tuple of them and what was asked for beside.

    Raises:
        IndexError: ``dim`` is out of range.

    >>> torch.unique_consecutive(torch.tensor([1, 1, 2, 1]), return_counts=True)
    (tensor([1, 2, 1]), tensor([2, 1, 1]))
    """
    d = 0 if dim is None else wrap_dim(dim, input.ndim, "unique_consecutive")
    x = movement.reshape(input, (-1,)) if dim is None else input
    n = x.shape[d]
    lines = (
        movement.reshape(movement.movedim(x, d, 0), (n, -1))
        if x.shape.numel()
        else ops.creation.zeros((n, 1), device=x.device)
    )
    changes = reduction.any(ne(lines[1:], lines[:-1]), 1)
    first = ops.creation.ones(min(n, 1), dtype=dtypes.bool, device=x.device)
    begins = movement.cat([first, changes]) if n else first
    run = ops.scan.cumsum(begins.to(dtypes.int64), 0) - 1
    found: list[Tensor] = [ops.indexing.index_select(x, d, ops.indexing.nonzero(begins)[:, 0])]
    if return_inverse:
        found.append(movement.reshape(run, input.shape) if dim is None else run)
    if return_counts:
        found.append(ops.searching.bincount(run) if n else run)
    return found[0] if len(found) == 1 else tuple(found)
