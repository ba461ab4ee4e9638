"""Dropout: which elements are kept is drawn from the default generator, by position in its stream."""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np

import numtorch.dtype as dtypes
from numtorch import ops
from numtorch._tensor import Tensor, empty
from numtorch.arguments import flag
from numtorch.dispatch.cost import nbytes, numel, per_output
from numtorch.dispatch.loops import Loop, like
from numtorch.dispatch.op import op
from numtorch.dispatch.samples import mask
from numtorch.dtype import FLOATS
from numtorch.exports import exported
from numtorch.grad_mode import mode
from numtorch.kernels.registry import Signature
from numtorch.ops import random_cpu, random_cuda
from numtorch.ops.generator import default_generator


def _drawn(out: Tensor, like: Tensor, *arguments: Any) -> tuple[int, int]:
    return nbytes(out), numel(out)


@op(
    shape=True,
    public=False,
    differentiable=False,
    cost=_drawn,
    seeds=("seed", "at"),
    samples=lambda: [((50, 40), 0.25, 7, 1)],
)
def dropout_mask(x, p: float, seed: int, at: int):
    """Whether the random number of the position is at least ``p``: a truth value for each element of ``x``."""
    return empty(x.shape, dtypes.bool, x.device)


for _device, _fill in (("cpu", random_cpu.fill_mask), ("cuda", random_cuda.fill_mask)):

    @dropout_mask.loop(_device, name="philox")
    def _(x, p, fill=_fill):
        return Loop(fill, (least_kept(p),), like(x, dtype=dtypes.bool), operands=(), weight=8)


def least_kept(p: float) -> int:
    """The first of the 24-bit numbers that are at least ``p``."""
    return ceil(float(np.float32(p)) * (1 << 24))


def kept_scale(p: float) -> float:
    """What is kept is divided by the probability that it is."""
    return 1.0 / (1.0 - p) if p < 1 else 0.0


@op(
    public=False,
    cost=per_output(1),
    samples=lambda: [((3, 4), mask((3, 4), 5), 1.25)],
    ref=lambda x, m, scale: np.where(m, x * scale, 0),
)
def scaled_where(x, mask, scale: float):
    """``x * scale`` where the mask holds, else ``x * 0``."""
    return x * (mask.to(x.dtype) * scale)


@scaled_where.vjp(cost=per_output(1))
def _(g, mask, *, scale):
    return scaled_where(g, mask, scale), None


def _marked(s: Signature) -> bool:
    """float32 or float64 elements, truth values"""
    return s.dtypes[0] in FLOATS and s.dtypes[1] is dtypes.bool


@scaled_where.loop("cpu", when=_marked)
def kept(x, scale):
    return Loop(random_cpu.scale_kept, (float(scale),), like(x), weight=2)


@scaled_where.backward.loop("cpu", when=_marked)
def kept_backward(g, scale):
    return Loop(random_cpu.scale_kept, (float(scale),), (like(g), None), weight=2)


@op(
    public=False,
    cost=per_output(2),
    wide=False,
    seeds=("seed", "at"),
    samples=lambda: [((5, 40), 0.5, 7, 0), ((5, 40), 0.25, 7, 3)],
)
def masked_scale(x, p: float, seed: int, at: int):
    """``x / (1 - p)`` where the random number of the position is at least ``p``, else ``x * 0``."""
    return scaled_where(x, dropout_mask(x, p, seed, at), kept_scale(p))


@masked_scale.loop("cuda", dtypes=FLOATS, name="philox")
def _(x, p):
    return Loop(random_cuda.mask_scale, (least_kept(p), kept_scale(p)), like(x))


@masked_scale.vjp
def _(g, *, p, seed, at):
    return masked_scale(g, p, seed, at)  # the mask is drawn again rather than kept


def dropped_integers(name: str, x: Tensor, p: float) -> Tensor:
    """Zeros where everything is dropped; there is no scaling the rest."""
    if p != 1:
        raise RuntimeError(
            f"{name}: result type Float can't be cast to the desired output type {x.dtype.name}: integers cannot be "
            "scaled by 1 / (1 - p); cast the input with .float()"
        )
    return ops.creation.zeros_like(x)


@exported("nn.functional")
def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Elements multiplied by 0 with probability ``p``, the others by ``1 / (1 - p)``: the expected value stays.

    Args:
        input: of any shape, of a floating type.
        p: the probability.
        training: False returns ``input`` as it is.
        inplace: whether ``input`` is overwritten.

    Returns:
        A tensor of the same shape as ``input``.

    Raises:
        ValueError: ``p`` is not in [0, 1].
        RuntimeError: integers cannot be scaled.

    Source: Srivastava et al. 2014, Dropout: A Simple Way to Prevent Neural Networks from Overfitting.

    >>> y = torch.nn.functional.dropout(torch.ones(1000), 0.5)
    >>> sorted(set(y.tolist()))
    [0.0, 2.0]
    """
    if training.__class__ is not bool:
        training = flag(training, "dropout", "training")
    if not 0 <= p <= 1:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    if not training or p == 0:
        return input
    if not input._k.dtype.is_floating_point:
        y = dropped_integers("dropout", input, p)
        return y if not inplace else input.copy_(y)
    if mode.levels:  # vmap: each sample has a mask of its own, or all have one
        y = scaled_where(input, ops.random.rand(input.shape) >= p, kept_scale(p))
        return ops.indexing.overwrite(input, y) if inplace else y
    draw = (float(p), *default_generator.take(input.shape.numel()))
    if input._k.device.type == "cpu":  # the mask is kept: drawing it again takes longer than reading it
        y = scaled_where(input, dropout_mask(input, *draw), kept_scale(p))
    else:
        y = masked_scale(input, *draw)
    if inplace:
        return ops.indexing.overwrite(input, y)
    return y
