"""Vectors scaled to length 1: a row formula for the usual length, parts for other norms."""

from __future__ import annotations

from typing import Any

import numpy as np

from numtorch._tensor import Tensor
from numtorch.arguments import Dims
from numtorch.dispatch.aliases import own_names
from numtorch.dispatch.op import op
from numtorch.dispatch.out import CAST
from numtorch.exports import exported
from numtorch.ops import moments, reduction
from numtorch.ops.arithmetic import clamp_min, lt, sqrt, where
from numtorch.storage import wrap_dim


@exported("nn.functional")
@own_names
@op(
    rows="dim",
    out=CAST,
    samples=lambda: [((3, 5), 2.0, 1), ((2, 3, 4), 2.0, 1), ((7,), 2.0, 0), ((3, 5), 2.0, 1, 10.0)],
    ref=lambda x, p, dim, eps=1e-12: x / np.maximum(np.sqrt(np.sum(np.abs(x) ** 2, dim, keepdims=True)), eps),
)
def normalize(x, p: float = 2.0, dim: Dims = 1, eps: float = 1e-12):
    """``input / max(norm(input, p, dim), eps)``: vectors of length 1, but for those shorter than ``eps``.

    Args:
        input: of a floating or complex type.
        p: the order of the norm, a number.
        dim: the dimension or dimensions along which the vectors lie.
        eps: by what shorter vectors are divided.

    Returns:
        A tensor of the same shape.

    Raises:
        IndexError: ``dim`` is out of range.
        RuntimeError: ``input`` is of integers.

    >>> torch.nn.functional.normalize(torch.tensor([[3.0, 4.0], [0.0, 0.0]]))
    tensor([[0.6000, 0.8000],
            [0.0000, 0.0000]])
    """
    length = sqrt(reduction.sum(x * x, dim, True))
    return x / where(lt(length, eps), eps, length)


@normalize.arguments
def _(x, p, dim, eps):
    if p != 2 or dim.__class__ is not int or not x._k.dtype.is_floating_point:
        return _of_parts
    return x, 2.0, wrap_dim(dim, x.ndim, "normalize"), float(eps)


def _of_parts(input: Tensor, p: float, dim: Any, eps: float) -> Tensor:
    return input / clamp_min(moments.norm(input, p, dim, keepdim=True), eps)


@normalize.vjp
def _(g, x, *, out, dim, eps):
    length = sqrt(reduction.sum(x * x, dim, True))
    short = lt(length, eps)
    along = where(short, 0.0, reduction.sum(g * out, dim, True))
    return (g - out * along) / where(short, eps, length)
