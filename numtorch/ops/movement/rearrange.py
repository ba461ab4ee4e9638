"""Elements repeated and put in another order along whole dimensions."""

from __future__ import annotations

from typing import Any

from numtorch._tensor import Tensor
from numtorch.ops.movement.arguments import shape_args
from numtorch.ops.movement.copies import contiguous
from numtorch.ops.movement.views import expand_to, reshape, view_as_shape


def repeat(x: Tensor, *sizes: Any) -> Tensor:
    """The tensor repeated along each dimension, as copies."""
    sizes = shape_args(sizes)
    lead = len(sizes) - x.ndim
    if lead < 0:
        raise RuntimeError("Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor")
    shape = (1,) * lead + tuple(x.shape)
    y = view_as_shape(contiguous(x), [v for n in shape for v in (1, n)])
    y = expand_to(y, tuple(v for r, n in zip(sizes, shape, strict=True) for v in (r, n)))
    return reshape(y, tuple(r * n for r, n in zip(sizes, shape, strict=True)))


def tile(x: Tensor, dims: Any) -> Tensor:
    """As NumPy's tile: ``repeat`` with missing leading counts taken as 1."""
    return repeat(x, (1,) * (x.ndim - len(dims)) + tuple(dims))
