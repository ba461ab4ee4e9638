"""``*_copy``: what views show, in memory of its own. Most are made from the view of the name; the others say what they
show here. Beside them pieces that do not count as views (``unsafe_*``), and slices by their bounds."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from numtorch import ops
from numtorch._tensor import Tensor, fresh
from numtorch.arguments import integer, integers
from numtorch.dispatch import aliases
from numtorch.dispatch.out import SAME, into
from numtorch.exports import exported
from numtorch.ops.movement import parts, views
from numtorch.ops.movement.copies import clone
from numtorch.ops.movement.joining import chunk, split, split_with_sizes, unbind
from numtorch.storage import wrap_dim


def _of_its_own(y: Any) -> Any:
    return tuple([clone(part) for part in y]) if isinstance(y, tuple) else clone(y)


def copying(view: Callable, name: str = "", doc: str | None = None) -> Callable:
    """The function that gives what a view shows in memory of its own; its documentation is that of the view, unless it
    has its own."""

    def copy(*args: Any, out: Any = None, **options: Any) -> Any:
        if named:
            aliases.to_own(own.__name__, options)
        if out is not None:
            return into(tuple(out) if isinstance(out, list) else out, SAME, copy, *args, **options)
        return _of_its_own(view(*args, **options))

    own: Any = copy
    given = inspect.signature(view.op.spec if hasattr(view, "op") else view)  # as it is written, not as it is called
    named = bool(aliases.others([*given.parameters]))
    first, *rest = given.parameters.values()
    result = given.return_annotation
    own.__signature__ = inspect.Signature(
        [
            first.replace(name="input" if first.name == "x" else first.name, annotation="Tensor"),
            *rest,
            inspect.Parameter("out", inspect.Parameter.KEYWORD_ONLY, default=None, annotation="Any"),
        ],
        return_annotation="Tensor" if result is inspect.Signature.empty else result,
    )
    own.__name__ = own.__qualname__ = name or f"{view.__name__}_copy"
    own.__module__ = "numtorch"
    if doc is None:
        _, _, more = (view.__doc__ or "").partition("\n\n")
        doc = f"What ``{view.__name__}`` shows, in memory of its own.\n\n" + more.replace(
            f"torch.{view.__name__}(", f"torch.{own.__name__}("
        )
    own.__doc__ = doc
    return exported("torch")(own)


for _view in (
    views.as_strided,
    views.diagonal,
    views.permute,
    views.select,
    views.squeeze,
    views.t,
    views.transpose,
    views.unsqueeze,
    parts.view_as_complex,
    parts.view_as_real,
    unbind,
):
    copying(_view)
narrow_copy = exported("Tensor")(copying(views.narrow))


def _written(view: Callable) -> Callable:
    """Of a view that has no function of the package, or another form there."""
    return copying(view, view.__name__, view.__doc__)


@_written
def alias_copy(input: Tensor) -> Tensor:
    """The elements in memory of its own.

    Args:
        input: of any type.

    Returns:
        A tensor of the same shape.

    >>> torch.alias_copy(torch.tensor([1, 2]))
    tensor([1, 2])
    """
    return input


@_written
def detach_copy(input: Tensor) -> Tensor:
    """The elements in memory of its own, outside the graph.

    Args:
        input: of any type.

    Returns:
        A tensor of the same shape, which requires no gradient.

    >>> torch.detach_copy(torch.tensor([1.0]))
    tensor([1.])
    """
    return input.detach()


@_written
def expand_copy(input: Tensor, size: Any, *, implicit: bool = False) -> Tensor:
    """Dimensions of size 1 repeated, in memory of its own.

    Args:
        input: of any shape.
        size: the new sizes; -1 keeps a size, and new dimensions stand in front.
        implicit: accepted and ignored.

    Returns:
        A tensor of these sizes.

    Raises:
        RuntimeError: a size other than 1 would have to change.

    >>> torch.expand_copy(torch.tensor([[1], [2]]), (2, 3))
    tensor([[1, 1, 1],
            [2, 2, 2]])
    """
    return views.expand(input, size)


@_written
def unfold_copy(input: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """Windows along a dimension as a new last dimension, in memory of its own.

    Args:
        input: of any shape.
        dimension: the dimension.
        size: the number of elements of a window.
        step: how far the next one begins behind.

    Returns:
        A tensor whose size along ``dimension`` is the number of windows.

    Raises:
        RuntimeError: ``size`` is negative or exceeds the dimension, or ``step`` is not positive.

    >>> torch.unfold_copy(torch.arange(4), 0, 2, 1)
    tensor([[0, 1],
            [1, 2],
            [2, 3]])
    """
    return views.unfold(input, dimension, size, step)


@_written
def view_copy(input: Tensor, size: Any = None, *, dtype: Any = None) -> Tensor:
    """The elements in another shape, or their bits as another type, in memory of its own.

    Args:
        input: of any shape.
        size: the new shape, in which one size may be -1; or a type.
        dtype: the type, in place of a shape.

    Returns:
        A tensor of this shape or type.

    Raises:
        RuntimeError: the shape is of another number of elements, or cannot be seen without copying.

    >>> torch.view_copy(torch.arange(4), (2, -1))
    tensor([[0, 1],
            [2, 3]])
    """
    return input.view(size if dtype is None else dtype)


def slice_bounds(n: int, start: Any, end: Any, step: Any) -> tuple[int, int, int]:
    """The bounds of a slice of ``n`` elements, counted from 0, with the step."""
    step = integer(step, "slice", "step")
    if step <= 0:
        raise RuntimeError("slice step must be positive")
    start, end = (None if b is None else integer(b, "slice", name) for b, name in ((start, "start"), (end, "end")))
    first, last, _ = slice(start, end).indices(n)
    return first, max(first, last), step


@_written
def slice_copy(input: Tensor, dim: int = 0, start: Any = None, end: Any = None, step: int = 1) -> Tensor:
    """Every ``step``-th slice along a dimension, in memory of its own.

    Args:
        input: of at least one dimension.
        dim: the dimension.
        start, end: the first and the one behind the last; negative numbers count from the end. All unless given.
        step: above 0.

    Returns:
        ``input[start:end:step]``, along ``dim``.

    Raises:
        RuntimeError: ``step`` is not positive.
        IndexError: ``dim`` is out of range.

    >>> torch.slice_copy(torch.arange(5), 0, 1, None, 2)
    tensor([1, 3])
    """
    dim = wrap_dim(dim, input.ndim, "slice")
    return views.slice(input, dim, *slice_bounds(input.shape[dim], start, end, step))


@_written
def split_copy(tensor: Tensor, split_size: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Pieces along a dimension, in memory of their own.

    Args:
        tensor: of at least one dimension.
        split_size: the size of every piece, of which the last may be smaller.
        dim: the dimension that is cut.

    Returns:
        A tuple of tensors.

    Raises:
        RuntimeError: a negative size.

    >>> torch.split_copy(torch.arange(3), 2)
    (tensor([0, 1]), tensor([2]))
    """
    return split(tensor, split_size, dim)


@_written
def split_with_sizes_copy(input: Tensor, split_sizes: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Pieces of given sizes along a dimension, in memory of their own.

    Args:
        input: of at least one dimension.
        split_sizes: the size of each piece.
        dim: the dimension that is cut.

    Returns:
        A tuple of tensors.

    Raises:
        RuntimeError: negative sizes, or sizes that do not add up to that of the dimension.

    >>> torch.split_with_sizes_copy(torch.arange(3), [1, 2])
    (tensor([0]), tensor([1, 2]))
    """
    return split_with_sizes(input, split_sizes, dim)


# --- pieces that do not count as views ------------------------------------------------------------


def _fresh(pieces: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple([fresh(piece) for piece in pieces])


@exported("torch", "Tensor")
def unsafe_split(tensor: Tensor, split_size: int, dim: int = 0) -> tuple[Tensor, ...]:
    """Pieces as of ``split``, which the graph takes for results and not for views: writing to one of them leaves the
    history of the others alone.

    Args:
        tensor: of at least one dimension.
        split_size: the size of every piece, of which the last may be smaller.
        dim: the dimension that is cut.

    Returns:
        A tuple of tensors.

    >>> torch.unsafe_split(torch.arange(3), 2)
    (tensor([0, 1]), tensor([2]))
    """
    return _fresh(split(tensor, split_size, dim))


@exported("torch", "Tensor")
def unsafe_split_with_sizes(input: Tensor, split_sizes: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Pieces of given sizes, which the graph takes for results and not for views.

    Args:
        input: of at least one dimension.
        split_sizes: the size of each piece.
        dim: the dimension that is cut.

    Returns:
        A tuple of tensors.

    >>> torch.unsafe_split_with_sizes(torch.arange(3), [1, 2])
    (tensor([0]), tensor([1, 2]))
    """
    return _fresh(split_with_sizes(input, split_sizes, dim))


@exported("torch", "Tensor")
def unsafe_chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """As many pieces as there are chunks, which the graph takes for results and not for views.

    Args:
        input: of at least one dimension.
        chunks: how many.
        dim: the dimension that is cut.

    Returns:
        A tuple of tensors.

    >>> torch.unsafe_chunk(torch.arange(3), 2)
    (tensor([0, 1]), tensor([2]))
    """
    return _fresh(chunk(input, chunks, dim))


# --- what a view was taken of ---------------------------------------------------------------------


@exported("torch", "Tensor")
def slice_inverse(
    input: Tensor, src: Tensor, dim: int = 0, start: Any = None, end: Any = None, step: int = 1
) -> Tensor:
    """A tensor of the shape of ``src`` of which ``input`` is the slice, in the memory of ``input``.

    Args:
        input: a slice of a tensor like ``src``.
        src: gives the shape.
        dim, start, end, step: the slice, as of ``slice_copy``.

    Returns:
        A view.

    Raises:
        RuntimeError: the slice of ``src`` is of another shape, or the memory ends before.

    >>> x = torch.arange(4)
    >>> torch.slice_inverse(x[1:3], x, 0, 1, 3)
    tensor([0, 1, 2, 3])
    """
    dim = wrap_dim(dim, src.ndim, "slice_inverse")
    first, last, step = slice_bounds(src.shape[dim], start, end, step)
    part = views.slice(src, dim, first, last, step)
    if part.shape != input.shape:
        raise RuntimeError(f"slice_inverse: the slice of src has shape {list(part.shape)}, not {list(input.shape)}")
    return views.as_strided(input, tuple(src.shape), src.strides, input._offset - first * src.strides[dim])


@exported("torch", "Tensor")
def as_strided_scatter(
    input: Tensor, src: Tensor, size: Any, stride: Any, storage_offset: int | None = None, *, out: Any = None
) -> Tensor:
    """A copy of ``input`` in which the elements that ``as_strided`` would show are those of ``src``.

    Args:
        input: of any shape.
        src: of shape ``size``.
        size, stride, storage_offset: as of ``as_strided``.

    Returns:
        A tensor of the shape of ``input``.

    Raises:
        RuntimeError: ``src`` has another shape, or the view would leave the memory.

    >>> torch.as_strided_scatter(torch.zeros(2, 2), torch.ones(2), (2,), (3,))
    tensor([[1., 0.],
            [0., 1.]])
    """
    if out is not None:
        return into(out, SAME, as_strided_scatter, input, src, size, stride, storage_offset)
    size, stride = integers(size, "as_strided_scatter", "size"), integers(stride, "as_strided_scatter", "stride")
    start = 0 if storage_offset is None else storage_offset - input._offset
    if tuple(src.shape) != size:
        raise RuntimeError(
            "expected src to have a size equal to the slice of self. src size = "
            f"{list(src.shape)}, slice size = {list(size)}"
        )
    views.as_strided(input.detach(), size, stride, storage_offset)  # which refuses what leaves the memory
    src = src.to(input.dtype)
    strides = input.strides
    if views.overlapping(size, stride) or views.overlapping(tuple(input.shape), strides):
        y = clone(input)
        views.as_strided(y, size, stride, start).copy_(src)
        return y
    return ops.movement.history.as_strided_scatter(input, src, size, stride, start, strides)
