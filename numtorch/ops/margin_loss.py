"""Losses of scores that are to lead by a margin."""

from __future__ import annotations

from typing import Any

import numpy as np

from numtorch.dispatch.op import op
from numtorch.dispatch.samples import index
from numtorch.dtype import int64
from numtorch.exports import exported
from numtorch.ops import reduction as reductions
from numtorch.ops.arithmetic import clamp_min, eq, where
from numtorch.ops.indexing import gather_along, take_along_extents
from numtorch.ops.loss import bad_label, first_bad_label, reduce_loss, reduction_of
from numtorch.ops.movement import reshape, unsqueeze
from numtorch.ops.ranges import arange


def _reference(x: Any, t: Any, w: Any = None, p: int = 1, margin: float = 1.0) -> Any:
    rows = np.arange(len(t))
    each = np.maximum(0, margin - x[rows, t][:, None] + x) ** p
    each[rows, t] = 0
    return np.mean(np.sum(each if w is None else each * w[t][:, None], 1) / x.shape[1])


@exported("nn.functional", module="MultiMarginLoss")
@op(
    samples=lambda: [((5, 4), index((5,), 4)), ((5, 4), index((5,), 4), (4,), 2, 0.3), ((3, 1), index((3,), 1))],
    ref=_reference,
)
def multi_margin_loss(
    x,
    t,
    p: int = 1,
    margin: float = 1.0,
    w=None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
):
    """``sum over j != t of weight[t] * max(0, margin - x[t] + x[j]) ** p / C`` for scores ``x`` and class ``t``.

    Args:
        input: scores, (N, C) or (C), of a floating type; a number counts as one class.
        target: class numbers, (N) or (), int64.
        p: 1 or 2.
        margin: by how much the score of the target is to lead.
        weight: (C), how much each class counts.
        size_average, reduce: old names of ``reduction``, deprecated.
        reduction: ``"mean"`` over the examples, ``"sum"`` or ``"none"``.

    Returns:
        A 0-dimensional tensor; of ``"none"`` the shape of ``target``.

    Raises:
        IndexError: a target is no class.
        RuntimeError: the shapes or types do not fit, or ``p`` is another number.
        NotImplementedError: the scores are no floating-point numbers.
        ValueError: ``reduction`` is none of these.

    Source: Crammer and Singer 2001, On the Algorithmic Implementation of Multiclass Kernel-based Vector Machines.

    >>> torch.nn.functional.multi_margin_loss(torch.tensor([[0.1, 0.2, 0.4, 0.8]]), torch.tensor([3]))
    tensor(0.3250)
    """
    scores, labels = (reshape(x, (1, -1)), reshape(t, (-1,))) if x.ndim < 2 else (x, t)
    classes = scores.shape[1]
    bad = first_bad_label(labels, classes)
    if bad is not None:
        raise bad_label("multi_margin_loss", bad, classes)
    at = unsqueeze(labels, 1)
    behind = clamp_min(scores - gather_along(scores, at, 1) + margin, 0.0)
    each = where(eq(at, arange(classes, device=x.device)), 0.0, behind if p == 1 else behind * behind)
    if w is not None:
        each = each * unsqueeze(take_along_extents(w, labels, 0), 1)
    loss = reductions.sum(each, 1) / classes
    return reduce_loss(loss if t.ndim else reshape(loss, ()), reduction)


@multi_margin_loss.arguments
def _(x, t, p, margin, w, size_average, reduce, reduction):
    if p not in (1, 2):
        raise RuntimeError(f"multi_margin_loss: only p == 1 and p == 2 supported, got {p}")
    if not x.dtype.is_floating_point:
        raise NotImplementedError(f'"multi_margin_loss" not implemented for {x.dtype.name}; use input.float()')
    if t.dtype is not int64:
        raise RuntimeError(f"multi_margin_loss: expected scalar type Long but found {t.dtype.name}; use target.long()")
    labels = x.shape[:-1] if x.ndim == 2 else t.shape if t.shape.numel() == 1 and t.ndim < 2 else None
    if x.ndim > 2 or x.ndim and not x.shape[-1] or t.shape != labels:
        raise RuntimeError(
            f"multi_margin_loss: expected scores (N, C) or (C) with class numbers (N) or (), got input {list(x.shape)} "
            f"and target {list(t.shape)}"
        )
    if w is not None and w.shape != (x.shape[-1:] or (1,)):
        raise RuntimeError(
            f"multi_margin_loss: inconsistent weight size, expected {list(x.shape[-1:] or (1,))} but got "
            f"{list(w.shape)}"
        )
    return x, t, p, float(margin), w, None, None, reduction_of(size_average, reduce, reduction)
