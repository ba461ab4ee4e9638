"""Tensors cut into pieces, which are views, and joined, which copies."""

from __future__ import annotations

from typing import Any

from numtorch import dtype as dtypes
from numtorch._tensor import Tensor, empty
from numtorch.dispatch.op import VariadicOp
from numtorch.dtype import dtype
from numtorch.ops.movement.copies import copy_, to
from numtorch.ops.movement.views import select, slice, unsqueeze
from numtorch.storage import wrap_dim


def unbind(x: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """The slices along a dimension."""
    d = wrap_dim(dim, x.ndim, "unbind")
    return tuple(select(x, d, i) for i in range(x.shape[d]))


def split(x: Tensor, split_size_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Pieces of a size (the last may be smaller), or of the given sizes, as views."""
    d = wrap_dim(dim, x.ndim, "split")
    n, sizes = x.shape[d], split_size_or_sections
    if isinstance(sizes, int):
        if sizes < 0 or (sizes == 0 and n):
            raise RuntimeError(f"split expects split_size be non-negative, but got split_size={sizes}")
        sizes = [min(sizes, n - i) for i in range(0, n, sizes)] if n else [0]
    if sum(sizes) != n:
        raise RuntimeError(f"split_with_sizes expects split_sizes to sum exactly to {n} (input tensor's size at dimension {d}), "
                           f"but got split_sizes={list(sizes)}")
    at, parts = 0, []
    for size in sizes:
        parts.append(slice(x, d, at, at + size))
        at += size
    return tuple(parts)


def chunk(x: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most ``chunks`` pieces of equal size, but the last."""
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    n = x.shape[wrap_dim(dim, x.ndim, "chunk")]
    if n == 0:
        return split(x, [0] * chunks, dim)
    return split(x, max(1, -(-n // chunks)), dim)


def cat(tensors: Any, dim: int = 0) -> Tensor:
    """Tensors joined along an existing dimension.

    >>> import numtorch as torch
    >>> torch.cat([torch.tensor([1, 2]), torch.tensor([3])])
    tensor([1, 2, 3])
    """
    tensors = [x for x in tensors if not (x.ndim == 1 and x.shape[0] == 0)] or list(tensors)[:1]
    if not tensors:
        raise RuntimeError("torch.cat(): expected a non-empty list of Tensors")
    first = tensors[0]
    d = wrap_dim(dim, first.ndim, "cat")
    d_type = dtypes.result_of([(x.dtype, x.ndim) for x in tensors], [])
    for i, x in enumerate(tensors):
        if x.ndim != first.ndim or any(a != b for j, (a, b) in enumerate(zip(x.shape, first.shape, strict=True)) if j != d):
            raise RuntimeError(f"cat: Sizes of tensors must match except in dimension {d}. Expected {list(first.shape)} but got "
                               f"{list(x.shape)} for tensor number {i} in the list.")
    return _cat(tensors, d, d_type)


def _cat_body(tensors: list, dim: int, d_type: dtype) -> Tensor:
    shape = list(tensors[0].shape)
    shape[dim] = sum(x.shape[dim] for x in tensors)
    y = empty(shape, d_type, tensors[0].device)
    at = 0
    for x in tensors:
        copy_(slice(y, dim, at, at + x.shape[dim]), x)
        at += x.shape[dim]
    return y


def _cat_vjp(g: Tensor, inputs: list, dim: int, d_type: dtype) -> tuple:
    parts = split(g, [shape[dim] for shape, *_ in inputs], dim)
    return tuple(to(p, k.dtype) for p, (_, k, *_) in zip(parts, inputs, strict=True))


_cat = VariadicOp("cat", _cat_body, _cat_vjp)


def stack(tensors: Any, dim: int = 0) -> Tensor:
    """Tensors of one shape joined along a new dimension."""
    tensors = list(tensors)
    if not tensors:
        raise RuntimeError("stack expects a non-empty TensorList")
    for i, x in enumerate(tensors):
        if x.shape != tensors[0].shape:
            raise RuntimeError(f"stack expects each tensor to be equal size, but got {list(tensors[0].shape)} at entry 0 and "
                               f"{list(x.shape)} at entry {i}")
    d = wrap_dim(dim, tensors[0].ndim + 1, "stack")
    return cat([unsqueeze(x, d) for x in tensors], d)
