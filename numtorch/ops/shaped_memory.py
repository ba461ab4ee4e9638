"""Tensors by their strides, shapes taken from other tensors, and single values: small functions beside those of
``creation`` and ``movement``."""

from __future__ import annotations

from typing import Any

import numtorch.dtype as dtypes
from numtorch._tensor import Tensor, fresh, view
from numtorch._tensor import empty as _empty
from numtorch.arguments import integers
from numtorch.device import as_device
from numtorch.dispatch.out import SAME, into
from numtorch.dtype import dtype as DType
from numtorch.exports import exported
from numtorch.ops import creation, indexing, movement, reduction
from numtorch.storage import Size, wrap_dim


@exported("torch")
def empty_strided(
    size: Any,
    stride: Any,
    *,
    dtype: DType | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor of the given shape and strides whose elements are whatever was in memory.

    Args:
        size, stride: as many numbers; strides count elements.
        dtype, device, requires_grad: of the result; the default floating type and the CPU unless given.
        layout, pin_memory: accepted and ignored.

    Returns:
        A tensor of shape ``size``.

    Raises:
        RuntimeError: different lengths, or a negative number.

    >>> torch.empty_strided((2, 3), (1, 2)).stride()
    (1, 2)
    """
    shape, strides = creation.size_of((), tuple(size), "empty_strided"), integers(stride, "empty_strided", "stride")
    if len(shape) != len(strides):
        raise RuntimeError(
            f"dimensionality of sizes ({len(shape)}) must match dimensionality of strides ({len(strides)})"
        )
    if min(strides, default=0) < 0:
        raise RuntimeError(f"empty_strided: strides may not be negative, got {list(strides)}")
    reach = 0 if 0 in shape else 1 + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
    d = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)
    t = fresh(view(_empty((reach,), d, as_device(device)), shape, strides))
    return creation.finish(t, requires_grad)


@exported("torch")
def empty_permuted(
    size: Any,
    physical_layout: Any,
    *,
    dtype: DType | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor without gaps whose dimensions lie in memory in a given order, with any elements.

    Args:
        size: the shape.
        physical_layout: the dimensions in the order in which they lie in memory, the one with adjacent elements last.
        dtype, device, requires_grad: of the result; the default floating type and the CPU unless given.
        layout, pin_memory: accepted and ignored.

    Returns:
        A tensor of shape ``size``.

    Raises:
        RuntimeError: ``physical_layout`` does not name each dimension once.

    >>> torch.empty_permuted((2, 3, 4), (0, 2, 1)).stride()
    (12, 1, 3)
    """
    shape = creation.size_of((), tuple(size), "empty_permuted")
    order = integers(physical_layout, "empty_permuted", "physical_layout")
    if len(order) != len(shape):
        raise RuntimeError(
            f"Number of dimensions in size does not match the length of the physical_layout; i.e. len(size) = "
            f"{len(shape)} is not equal to len(physical_layout) = {len(order)}"
        )
    strides, step = [0] * len(shape), 1
    for d in reversed(order):
        if not 0 <= d < len(shape):
            raise RuntimeError(f"Dimension out of range (expected to be between 0 and {len(shape) - 1}, but got {d})")
        if strides[d]:
            raise RuntimeError("Duplicate dim not allowed")
        strides[d] = step
        step *= max(shape[d], 1)
    return empty_strided(shape, strides, dtype=dtype, device=device, requires_grad=requires_grad)


@exported("Tensor")
def new_empty_strided(
    self: Tensor,
    size: Any,
    stride: Any,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor of this one's type and device and of the given shape and strides, with any elements.

    Args:
        size, stride: as many numbers.
        dtype, device: those of the tensor unless given.
        requires_grad: whether operations on the result are recorded.
        layout, pin_memory: accepted and ignored.

    Returns:
        A tensor of shape ``size``.

    >>> torch.zeros(1, dtype=torch.int64).new_empty_strided((2, 3), (1, 2)).dtype
    torch.int64
    """
    where = self.device if device is None else device
    return empty_strided(size, stride, dtype=dtype or self.dtype, device=where, requires_grad=requires_grad)


@exported("torch")
def scalar_tensor(
    s: Any,
    *,
    dtype: DType | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A number as a tensor without dimensions, of the default floating type whatever the number is.

    Args:
        s: the number.
        dtype, device, requires_grad: of the result; the default floating type and the CPU unless given.
        layout, pin_memory: accepted and ignored.

    Returns:
        A tensor without dimensions.

    Raises:
        TypeError: ``s`` is no number.

    >>> torch.scalar_tensor(3)
    tensor(3.)
    """
    if not isinstance(s, bool | int | float | complex | Tensor):
        raise TypeError(f"scalar_tensor(): argument 's' (position 1) must be Number, not {type(s).__name__}")
    d = dtypes.get_default_dtype() if dtype is None else dtype
    return creation.full((), s, dtype=d, device=device, requires_grad=requires_grad)


@exported("torch")
def fill(input: Tensor, value: Any) -> Tensor:
    """A tensor like ``input`` in which every element is ``value``.

    Args:
        input: gives shape, type and device.
        value: a number, or a tensor without dimensions.

    Returns:
        A tensor of the same shape.

    >>> torch.fill(torch.tensor([1, 2]), 7)
    tensor([7, 7])
    """
    return movement.fill_(movement.clone(input), value)


@exported("torch")
def constant_pad_nd(input: Tensor, pad: Any, value: Any = 0) -> Tensor:
    """A constant around the elements: ``nn.functional.pad`` in its mode ``"constant"``.

    Args:
        input: of any shape.
        pad: how many before and after the last dimension, then the one before it, and so on.
        value: the constant.

    Returns:
        The enlarged tensor.

    Raises:
        RuntimeError: an odd count of numbers, or more than two for each dimension.

    >>> torch.constant_pad_nd(torch.tensor([1, 2]), (1, 2), 9)
    tensor([9, 1, 2, 9, 9])
    """
    widths = integers(pad, "constant_pad_nd", "pad")
    if len(widths) % 2 or len(widths) > 2 * input.ndim:
        raise RuntimeError(
            f"Length of pad must be even and at most twice the number of dimensions of the input. Pad has "
            f"{len(widths)}, the input {input.ndim}"
        )
    return movement.pad_ends(input, widths, value)


@exported("Tensor")
def sum_to_size(self: Tensor, *size: Any) -> Tensor:
    """The sum over the dimensions along which a shape is expanded to this one.

    Args:
        *size: a shape that broadcasts to the tensor's.

    Returns:
        A tensor of shape ``size``.

    Raises:
        RuntimeError: the shape does not broadcast to the tensor's.

    >>> torch.ones(3, 2).sum_to_size(1, 2)
    tensor([[3., 3.]])
    """
    shape = creation.size_of(size, None, "sum_to_size")
    there = self.shape[len(self.shape) - len(shape) :]
    if len(shape) > len(self.shape) or any(n not in (1, m) for n, m in zip(shape, there, strict=True)):
        raise RuntimeError(f"size {{{list(shape)}}} is not expandable to size {{{list(self.shape)}}}.")
    y = reduction.sum_to(self, shape) if shape else reduction.sum(self)
    return movement.view_as_shape(self, shape) if y is self else y


@exported("Tensor")
def resize_as_(self: Tensor, other: Tensor, *, memory_format: Any = None) -> Tensor:
    """In place the shape of another tensor, as ``resize_``.

    Args:
        other: gives the shape.
        memory_format: accepted and ignored.

    >>> torch.tensor([1, 2, 3, 4]).resize_as_(torch.zeros(2, 2))
    tensor([[1, 2],
            [3, 4]])
    """
    return movement.resize_(self, other.shape)


exported("torch", name="resize_as_")(resize_as_)


@exported("torch", "Tensor")
def nonzero_static(input: Tensor, *, size: int, fill_value: int = -1, out: Any = None) -> Tensor:
    """The positions of elements that are not 0, as many as there are asked for.

    Args:
        input: of any shape.
        size: how many positions; of more the first ones.
        fill_value: what stands for those that there are not.

    Returns:
        A matrix of ``size`` rows, with a column for each dimension.

    Raises:
        RuntimeError: ``size`` is negative.

    >>> torch.nonzero_static(torch.tensor([0, 1, 1]), size=3)
    tensor([[ 1],
            [ 2],
            [-1]])
    """
    if out is not None:
        return into(out, SAME, nonzero_static, input, size=size, fill_value=fill_value)
    if size < 0:
        raise RuntimeError("nonzero_static: 'size' must be an non-negative integer")
    found = indexing.nonzero(input)[:size]
    more = creation.full((size - found.shape[0], input.ndim), fill_value, dtype=dtypes.int64, device=input.device)
    return movement.cat([found, more])


@exported("torch")
def _chunk_cat(tensors: Any, dim: int, num_chunks: int, *, out: Any = None) -> Tensor:
    """The tensors cut into as many chunks along ``dim``, filled up with zeros, and the chunks of each side by side.

    Args:
        tensors: a list of tensors.
        dim: the dimension.
        num_chunks: how many chunks there are of each.

    Returns:
        A dimension of ``num_chunks``, and one of all that is in a chunk, in place of ``dim`` and what follows.

    Raises:
        RuntimeError: no tensors, no chunks, or too few dimensions.

    >>> torch._chunk_cat([torch.ones(3)], 0, 2)
    tensor([[1., 1.],
            [1., 0.]])
    """
    if out is not None:
        return into(out, SAME, _chunk_cat, tensors, dim, num_chunks)
    if not tensors:
        raise RuntimeError("_chunk_cat expects a non-empty input tensor list")
    if num_chunks < 1:
        raise RuntimeError("_chunk_cat expects positive num_chunks")
    d = wrap_dim(dim, tensors[0].ndim, "_chunk_cat")
    rows = []
    for x in tensors:
        if d >= x.ndim:
            raise RuntimeError("_chunk_cat expects dim < ndim for all input tensors")
        missing = -x.shape[d] % num_chunks
        whole = movement.pad_ends(x, (*(0, 0) * (x.ndim - 1 - d), 0, missing), 0)
        rows.append(movement.reshape(whole, Size((*x.shape[:d], num_chunks, -1))))
    return movement.cat(rows, d + 1)
