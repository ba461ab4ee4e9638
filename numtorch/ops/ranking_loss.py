"""Losses of inputs that are compared with each other, and of several labels at once."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from numtorch._tensor import Tensor
from numtorch.dtype import int64
from numtorch.exports import exported
from numtorch.grad_mode import no_grad
from numtorch.ops import reduction as reductions
from numtorch.ops.activation import logsigmoid
from numtorch.ops.arithmetic import clamp_min, eq, exp, ge, gt, log, logical_not, where
from numtorch.ops.comparison import minimum, ne
from numtorch.ops.creation import full, zeros
from numtorch.ops.elementary import log1p, sqrt
from numtorch.ops.indexing.elements import gather, scatter
from numtorch.ops.loss import reduce_loss, reduction_of
from numtorch.ops.movement import reshape, unsqueeze
from numtorch.ops.scan import cumprod
from numtorch.ops.vector_norm import vector_norm


@exported("nn.functional")
def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """``max(0, -target * (input1 - input2) + margin)``: which of two is to be larger.

    Args:
        input1, input2: of one number of dimensions.
        target: 1 where ``input1`` is to be larger, -1 where ``input2`` is.
        margin: by how much.
        size_average, reduce: old names of ``reduction``, deprecated.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Returns:
        A 0-dimensional tensor; of ``"none"`` the shape of the inputs.

    Raises:
        RuntimeError: the numbers of dimensions differ.

    >>> x, y = torch.tensor([1.0, 2.0]), torch.tensor([2.0, 0.0])
    >>> torch.nn.functional.margin_ranking_loss(x, y, torch.tensor([1.0, 1.0]))
    tensor(0.5000)
    """
    how = reduction_of(size_average, reduce, reduction)
    if not input1.ndim == input2.ndim == target.ndim:
        raise RuntimeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: input1: "
            f"{input1.shape}, input2: {input2.shape}, target: {target.shape} "
        )
    return reduce_loss(clamp_min(-target * (input1 - input2) + margin, 0.0), how)


@exported("nn.functional")
def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """``1 - cos(input1, input2)`` where the target is 1, ``max(0, cos(input1, input2) - margin)`` where it is -1.

    Args:
        input1, input2: (N, D) or (D).
        target: (N) or (), of 1 and -1.
        margin: from -1 to 1.
        size_average, reduce: old names of ``reduction``, deprecated.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Returns:
        A 0-dimensional tensor; of ``"none"`` the shape of ``target``.

    Raises:
        RuntimeError: the shapes do not fit.

    >>> x, y = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 2.0]])
    >>> torch.nn.functional.cosine_embedding_loss(x, y, torch.tensor([1]))
    tensor(1.)
    """
    how = reduction_of(size_average, reduce, reduction)
    if target.ndim not in (0, 1):
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    rank = target.ndim + 1
    if input1.ndim != rank or input2.ndim != rank:
        raise RuntimeError(
            f"{target.ndim}D target tensor expects {rank}D input tensors, but found inputs with sizes "
            f"{list(input1.shape)} and {list(input2.shape)}."
        )
    eps = 1e-12
    product = reductions.sum(input1 * input2, -1)
    lengths = (reductions.sum(input1 * input1, -1) + eps) * (reductions.sum(input2 * input2, -1) + eps)
    cosine = product / sqrt(lengths)
    each = where(eq(target, 1), 1 - cosine, 0.0) + where(eq(target, -1), clamp_min(cosine - margin, 0.0), 0.0)
    return reduce_loss(each, how)


@exported("nn.functional", module="HingeEmbeddingLoss")
def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The input where the target is 1, ``max(0, margin - input)`` where it is -1.

    Args:
        input: distances, of any shape.
        target: 1 where two are alike, -1 where they are not; the same shape.
        margin: how far apart those are to be.
        size_average, reduce: old names of ``reduction``, deprecated.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Returns:
        A 0-dimensional tensor; of ``"none"`` the shape of ``input``.

    >>> torch.nn.functional.hinge_embedding_loss(torch.tensor([0.5, 0.5]), torch.tensor([1.0, -1.0]))
    tensor(0.5000)
    """
    each = where(ne(target, 1), clamp_min(margin - input, 0.0), 0.0) + where(ne(target, -1), input, 0.0)
    return reduce_loss(each, reduction_of(size_average, reduce, reduction))


@exported("nn.functional", module="SoftMarginLoss")
def soft_margin_loss(
    input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"
) -> Tensor:
    """``log(1 + exp(-target * input))``: the logistic loss.

    Args:
        input: scores, of any shape.
        target: 1 or -1, in the same shape.
        size_average, reduce: old names of ``reduction``, deprecated.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Returns:
        A 0-dimensional tensor; of ``"none"`` the shape of ``input``.

    >>> torch.nn.functional.soft_margin_loss(torch.tensor([0.0]), torch.tensor([1.0]))
    tensor(0.6931)
    """
    return reduce_loss(log1p(exp(-target * input)), reduction_of(size_average, reduce, reduction))


@exported("nn.functional", module="MultiLabelMarginLoss")
def multilabel_margin_loss(
    input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"
) -> Tensor:
    """``sum of max(0, 1 - (input[t] - input[i])) / C`` over the target classes t and all other classes i.

    Args:
        input: scores, (N, C) or (C); a number counts as one class.
        target: in the same shape: the target classes, int64, which end before the first -1.
        size_average, reduce: old names of ``reduction``, deprecated.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Returns:
        A 0-dimensional tensor; of ``"none"`` (N), or 0-dimensional for (C).

    Raises:
        RuntimeError: the shapes or types do not fit, or a target is no class.

    >>> x, t = torch.tensor([[0.1, 0.2, 0.4, 0.8]]), torch.tensor([[3, 0, -1, 1]])
    >>> torch.nn.functional.multilabel_margin_loss(x, t)
    tensor(0.8500)
    """
    how = reduction_of(size_average, reduce, reduction)
    alone = input.ndim < 2 and target.ndim < 2 and input.shape.numel() == target.shape.numel() == 1
    if input.ndim > 2 or target.shape != input.shape and not alone or input.shape[-1:] == (0,):
        raise RuntimeError(
            f"multilabel_margin_loss: expected input (N, C) or (C) and a target of the same shape, got "
            f"{list(input.shape)} and {list(target.shape)}"
        )
    if target.dtype is not int64:
        raise RuntimeError(
            f"multilabel_margin_loss: expected scalar type Long but found {target.dtype.name}; use target.long()"
        )
    x, t = (input, target) if input.ndim == 2 else (reshape(input, (1, -1)), reshape(target, (1, -1)))
    classes = x.shape[1]
    if x.shape.numel() and (int(reductions.max(t)) >= classes or int(reductions.min(t)) < -1):
        raise RuntimeError(f"multilabel_margin_loss: targets are classes below {classes}, or -1")
    with no_grad():
        counts = cumprod(ge(t, 0).to(int64), 1)
        places = where(ge(t, 0), t, 0)
        # A class counts as a target if any of its places does: added up, not overwritten by the places after the end.
        chosen = gt(scatter_added(zeros(x.shape, dtype=int64, device=x.device), places, counts), 0)
    leads = unsqueeze(gather(x, 1, places), 2) - unsqueeze(x, 1)
    worth = unsqueeze(counts, 2) * unsqueeze(logical_not(chosen).to(int64), 1)
    each = reductions.sum(clamp_min(1 - leads, 0.0) * worth.to(x.dtype), (1, 2)) / classes
    return reduce_loss(each if input.ndim == 2 else reshape(each, ()), how)


def scatter_added(blank: Tensor, places: Tensor, values: Tensor) -> Tensor:
    """``blank`` with values added at places along dimension 1."""
    return scatter(blank, 1, places, values, reduce="add")


@exported("nn.functional", module="MultiLabelSoftMarginLoss")
def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The mean over the classes of the binary cross entropy of ``sigmoid(input)``.

    Args:
        input: scores, (..., C).
        target: 0 or 1, in the same shape.
        weight: (C), how much each class counts.
        size_average, reduce: old names of ``reduction``, deprecated.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Returns:
        A 0-dimensional tensor; of ``"none"`` the shape of ``input`` without C.

    >>> torch.nn.functional.multilabel_soft_margin_loss(torch.zeros(1, 2), torch.ones(1, 2))
    tensor(0.6931)
    """
    each = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    each = each if weight is None else each * weight
    return reduce_loss(reductions.sum(each, -1) / input.shape[-1], reduction_of(size_average, reduce, reduction))


@exported("nn.functional")
def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """``max(0, |anchor - positive| - |anchor - negative| + margin)``, in the p-norm.

    Args:
        anchor, positive, negative: (N, D) or (D).
        margin: by how much the negative is to be farther away.
        p: the order of the norm.
        eps: added to each difference.
        swap: take the distance from positive to negative where it is less (Balntas et al. 2016).
        size_average, reduce: old names of ``reduction``, deprecated.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Returns:
        A 0-dimensional tensor; of ``"none"`` (N).

    Raises:
        ValueError: ``margin`` is not positive.
        RuntimeError: the numbers of dimensions differ.

    >>> a, b, c = torch.tensor([[0.0]]), torch.tensor([[1.0]]), torch.tensor([[3.0]])
    >>> torch.nn.functional.triplet_margin_loss(a, b, c, margin=3.0)
    tensor(1.)
    """
    how = reduction_of(size_average, reduce, reduction)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: "
            f"anchor {anchor.ndim}D, positive {positive.ndim}D, and negative {negative.ndim}D inputs"
        )
    from_norm = _distance(float(p), eps)
    return reduce_loss(_triplet(anchor, positive, negative, from_norm, margin, swap), how)


def _distance(p: float, eps: float) -> Callable:
    return lambda x, y: vector_norm(x - y + eps, p, -1)


def _triplet(a: Tensor, b: Tensor, c: Tensor, distance: Callable, margin: float, swap: bool) -> Tensor:
    near, far = distance(a, b), distance(a, c)
    if swap:
        far = minimum(far, distance(b, c))
    return clamp_min(near - far + margin, 0.0)


@exported("nn.functional")
def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Any = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """``max(0, d(anchor, positive) - d(anchor, negative) + margin)`` for any distance d.

    Args:
        anchor, positive, negative: what the distance takes.
        distance_function: d; the Euclidean distance if None.
        margin: by how much the negative is to be farther away.
        swap: take the distance from positive to negative where it is less.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Returns:
        A 0-dimensional tensor; of ``"none"`` the shape of a distance.

    Raises:
        ValueError: ``margin`` is not positive, or another ``reduction``.
        RuntimeError: the numbers of dimensions differ.

    >>> a, b, c = torch.tensor([[0.0]]), torch.tensor([[1.0]]), torch.tensor([[3.0]])
    >>> d = lambda x, y: (x - y).abs().sum(-1)
    >>> torch.nn.functional.triplet_margin_with_distance_loss(a, b, c, distance_function=d, margin=3.0)
    tensor(1.)
    """
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: "
            f"anchor {anchor.ndim}D, positive {positive.ndim}D, and negative {negative.ndim}D inputs"
        )
    distance = distance_function or _distance(2.0, 1e-6)
    return reduce_loss(_triplet(anchor, positive, negative, distance, margin, swap), reduction)


@exported("nn.functional", module="PoissonNLLLoss")
def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """``exp(input) - target * input``: the negative log-likelihood of counts, but for a constant.

    Args:
        input: logarithms of the expected counts, of any shape; or the counts, without ``log_input``.
        target: counts, in the same shape.
        log_input: whether the input is logarithms; else the loss is ``input - target * log(input + eps)``.
        full: add Stirling's approximation of ``log(target!)`` where the target is above 1.
        size_average, reduce: old names of ``reduction``, deprecated.
        eps: keeps the logarithm finite.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Returns:
        A 0-dimensional tensor; of ``"none"`` the shape of ``input``.

    >>> torch.nn.functional.poisson_nll_loss(torch.tensor([0.0]), torch.tensor([2.0]))
    tensor(1.)
    """
    each = exp(input) - target * input if log_input else input - target * log(input + eps)
    if full:
        safe = where(gt(target, 1), target, 1.0)
        stirling = safe * log(safe) - safe + 0.5 * log(2 * math.pi * safe)
        each = each + where(gt(target, 1), stirling, 0.0)
    return reduce_loss(each, reduction_of(size_average, reduce, reduction))


@exported("nn.functional")
def gaussian_nll_loss(
    input: Tensor, target: Tensor, var: Any, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Tensor:
    """``(log(var) + (input - target) ** 2 / var) / 2``: the negative log-likelihood of normal variables.

    Args:
        input: their means, of any shape.
        target: what they were, in the same shape.
        var: their variances, in the same shape, with one dimension of 1 or without the last; or a number.
        full: add ``log(2 * pi) / 2``.
        eps: the least variance that counts.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Returns:
        A 0-dimensional tensor; of ``"none"`` the shape of ``input``.

    Raises:
        ValueError: ``var`` is of another size or negative, or another ``reduction``.

    >>> torch.nn.functional.gaussian_nll_loss(torch.tensor([1.0]), torch.tensor([3.0]), torch.tensor([2.0]))
    tensor(1.3466)
    """
    if not isinstance(var, Tensor):
        if var < 0:
            raise ValueError("var has negative entry/entries")
        var = full_like_number(input, float(var))
    elif var.shape != input.shape:
        if var.shape == input.shape[:-1]:
            var = unsqueeze(var, -1)
        elif var.ndim != input.ndim or sum(m for n, m in zip(input.shape, var.shape, strict=True) if n != m) != 1:
            raise ValueError("var is of incorrect size")
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(reduction + " is not valid")
    if var.shape.numel() and float(reductions.min(var.detach())) < 0:
        raise ValueError("var has negative entry/entries")
    # The bound is not part of the gradient.
    var = var + (clamp_min(var.detach(), eps) - var.detach())
    each = 0.5 * (log(var) + (input - target) * (input - target) / var)
    return reduce_loss(each + 0.5 * math.log(2 * math.pi) if full else each, reduction)


def full_like_number(x: Tensor, number: float) -> Tensor:
    """A tensor of one number in x's shape."""
    return full(x.shape, number, dtype=x.dtype, device=x.device)
