"""Losses of pairs of numbers, an input and a target: squared and absolute errors, the binary cross entropy, the
divergence of distributions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from numtorch import notices
from numtorch._tensor import Tensor
from numtorch.arguments import flag
from numtorch.autograd.batched import whole
from numtorch.dispatch.cost import per_input, per_output
from numtorch.dispatch.op import op, primitive
from numtorch.dtype import FLOATS
from numtorch.exports import exported
from numtorch.kernels import math as m
from numtorch.ops import loss_cpu
from numtorch.ops import reduction as reductions
from numtorch.ops.activation import logsigmoid, sigmoid
from numtorch.ops.arithmetic import REAL, abs, clamp_min, exp, ge, gt, le, log, logical_and, logical_not, sign, where
from numtorch.ops.loss import check_reduction, reduce_loss, reduction_of
from numtorch.ops.moments import scaled_difference, squared_error
from numtorch.ops.movement import broadcast_tensors, contiguous, reshape


def _alike(x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """Input and target in one shape, with a warning where they have two. Then a tensor of one element counts in the
    result's type."""
    if x.shape != t.shape:
        notices.warn(
            f"Using a target size ({t.shape}) that is different to the input size ({x.shape}). This will likely lead "
            "to incorrect results due to broadcasting. Please ensure they have the same size."
        )
        try:
            x, t = broadcast_tensors(x, t)
        except RuntimeError as e:
            raise RuntimeError(f"{e}; input and target of a loss have one shape") from None
    return x, t


@exported("nn.functional")
@op(
    cost=per_input(3),
    samples=lambda: [((5,), (5,)), ((3, 4), (3, 4))],
    ref=lambda x, t, weight=None: np.mean((x - t) ** 2),
)
def mse_loss(x, t, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean", weight=None):
    """The squared error, ``(input - target) ** 2``.

    Args:
        input, target: tensors of one shape; others broadcast, with a warning.
        size_average, reduce: old names of ``reduction``, deprecated.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        weight: how much each element counts, in the shape of ``input``; the mean is then divided by its sum.

    Returns:
        A 0-dimensional tensor; of ``"none"`` the shape of ``input``.

    Raises:
        ValueError: ``weight`` has another shape, or ``reduction`` is none of these.
        RuntimeError: the shapes do not broadcast.

    >>> torch.nn.functional.mse_loss(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]))
    tensor(2.)
    """
    return reductions.mean(squared_error(x, t))


@mse_loss.arguments
def _(x, t, size_average, reduce, reduction, weight):
    if (
        weight is not None
        or reduction != "mean"
        or x.shape != t.shape
        or x._k.dtype is not t._k.dtype
        or size_average is not reduce
    ):
        return _mse_of_parts
    return x, t, None, None, "mean", None


@mse_loss.vjp(cost=per_output(2))
def _(g, x, t, *, needs):
    scale = g * (2 / max(x.shape.numel(), 1))  # one number: the rest is one loop
    gx = scaled_difference(x, t, scale) if needs[0] else None
    return gx, scaled_difference(t, x, scale) if needs[1] else None, None


def _mse_of_parts(
    input: Tensor, target: Tensor, size_average: Any, reduce: Any, reduction: str, weight: Tensor | None
) -> Tensor:
    return _weighted(squared_error, input, target, weight, reduction_of(size_average, reduce, reduction))


def _weighted(loss: Callable, input: Tensor, target: Tensor, weight: Tensor | None, reduction: str) -> Tensor:
    """Losses of pairs, that count as often as ``weight`` says; their mean is divided by the sum of the weights."""
    shape = input.shape
    each = loss(*_alike(input, target))
    if weight is None:
        return reduce_loss(each, reduction)
    if weight.shape != shape:
        raise ValueError("Weights and input must have the same size.")
    check_reduction(reduction)
    if reduction == "none":
        return each * weight
    return reductions.sum(each * weight) / (reductions.sum(weight) if reduction == "mean" else 1)


@exported("nn.functional")
def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """The absolute error, ``|input - target|``.

    Args:
        input, target: tensors of one shape; others broadcast, with a warning.
        size_average, reduce: old names of ``reduction``, deprecated.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        weight: how much each element counts, in the shape of ``input``; the mean is then divided by its sum.

    Returns:
        A 0-dimensional tensor; of ``"none"`` the shape of ``input``.

    Raises:
        ValueError: ``weight`` has another shape, or ``reduction`` is none of these.
        RuntimeError: the shapes do not broadcast.

    >>> torch.nn.functional.l1_loss(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]))
    tensor(1.)
    """
    return _weighted(lambda x, t: abs(x - t), input, target, weight, reduction_of(size_average, reduce, reduction))


@primitive(
    public=False,
    takes=REAL,
    ref=lambda x, t, beta: np.where(np.abs(x - t) < beta, (x - t) ** 2 / (2 * beta), np.abs(x - t) - beta / 2),
    torch=lambda t, x, y: t.nn.functional.smooth_l1_loss(x, y, reduction="none", beta=0.7),
)
def smooth_error(x, t, beta: float):
    """``d * d / (2 * beta)`` where ``d = |x - t|`` is below beta, else ``d - beta / 2``."""
    d = m.abs(x - t)
    return 0.5 * d * d / beta if d < beta else d - 0.5 * beta


@smooth_error.vjp
def _(g, x, t, *, beta, needs):
    d = x - t
    gx = g * where(ge(abs(d), beta), sign(d), d / beta)
    return gx if needs[0] else None, -gx if needs[1] else None


@primitive(
    public=False,
    takes=REAL,
    ref=lambda x, t, y, beta: y * np.where(np.abs(x - t) < beta, (x - t) / beta, np.sign(x - t)),
    torch=lambda t, x, y, z: t.autograd.grad(
        t.nn.functional.smooth_l1_loss(x.requires_grad_(), y, reduction="none", beta=0.7), x, z
    )[0],
)
def smooth_slope(x, t, y, beta: float):
    """The slope of ``smooth_error`` in x, times y."""
    d = x - t
    return y * (m.sign(d) if m.abs(d) >= beta else d / beta)


@smooth_slope.vjp
def _(g, x, t, y, *, beta, needs):
    d = x - t
    far = ge(abs(d), beta)
    gx = g * where(far, 0.0, y / beta)
    return gx if needs[0] else None, -gx if needs[1] else None, g * where(far, sign(d), d / beta) if needs[2] else None


@exported("nn.functional")
@op(
    cost=per_input(5),
    samples=lambda: [((5,), (5,)), ((3, 4), (3, 4), None, None, "mean", 0.5)],
    ref=lambda x, t, size_average=None, reduce=None, reduction="mean", beta=1.0: np.mean(
        np.where(np.abs(x - t) < beta, (x - t) ** 2 / (2 * beta), np.abs(x - t) - beta / 2)
    ),
)
def smooth_l1_loss(
    x, t, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean", beta: float = 1.0
):
    """``d ** 2 / (2 * beta)`` where ``d = |input - target|`` is below ``beta``, else ``d - beta / 2``.

    Args:
        input, target: tensors of one shape; others broadcast, with a warning.
        size_average, reduce: old names of ``reduction``, deprecated.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        beta: where the parabola becomes a line; 0 gives the absolute error.

    Returns:
        A 0-dimensional tensor; of ``"none"`` the shape of ``input``.

    Raises:
        RuntimeError: ``beta`` is negative, or the shapes do not broadcast.
        ValueError: ``reduction`` is none of these.

    Source: Girshick 2015, Fast R-CNN.

    >>> torch.nn.functional.smooth_l1_loss(torch.tensor([0.5, 3.0]), torch.zeros(2), reduction="none")
    tensor([0.1250, 2.5000])
    """
    return reductions.mean(smooth_error(x, t, beta))


@smooth_l1_loss.arguments
def _(x, t, size_average, reduce, reduction, beta):
    if not beta >= 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    if (
        not beta
        or reduction != "mean"
        or x.shape != t.shape
        or x._k.dtype is not t._k.dtype
        or size_average is not reduce
    ):
        return _smooth_l1_of_parts
    return x, t, None, None, "mean", float(beta)


@smooth_l1_loss.vjp(cost=per_output(4))
def _(g, x, t, *, beta, needs):
    scale = g * (1 / max(x.shape.numel(), 1))  # one number: the rest is one loop
    gx = smooth_slope(x, t, scale, beta) if needs[0] else None
    return gx, smooth_slope(t, x, scale, beta) if needs[1] else None


def _smooth_l1_of_parts(
    input: Tensor, target: Tensor, size_average: Any, reduce: Any, reduction: str, beta: float
) -> Tensor:
    reduction = reduction_of(size_average, reduce, reduction)
    x, t = _alike(input, target)
    return reduce_loss(smooth_error(x, t, float(beta)) if beta else abs(x - t), reduction)


@primitive(
    public=False,
    takes=REAL,
    ref=lambda x, t, delta: np.where(np.abs(x - t) <= delta, (x - t) ** 2 / 2, delta * (np.abs(x - t) - delta / 2)),
    torch=lambda t, x, y: t.nn.functional.huber_loss(x, y, reduction="none", delta=0.7),
)
def huber_error(x, t, delta: float):
    """``d * d / 2`` where ``d = |x - t|`` is at most delta, else ``delta * (d - delta / 2)``."""
    d = m.abs(x - t)
    return 0.5 * d * d if d <= delta else delta * (d - 0.5 * delta)


@huber_error.vjp
def _(g, x, t, *, delta, needs):
    d = x - t
    gx = g * where(gt(abs(d), delta), sign(d) * delta, d)
    return gx if needs[0] else None, -gx if needs[1] else None


@exported("nn.functional")
def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Tensor | None = None
) -> Tensor:
    """``d ** 2 / 2`` where ``d = |input - target|`` is at most ``delta``, else ``delta * (d - delta / 2)``.

    Args:
        input, target: tensors of one shape; others broadcast, with a warning.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        delta: where the parabola becomes a line, above 0.
        weight: how much each element counts, in the shape of ``input``; the mean is over the number of elements.

    Returns:
        A 0-dimensional tensor of the type of ``input``; of ``"none"`` its shape too.

    Raises:
        RuntimeError: ``delta`` is not positive, the shapes do not broadcast, or the type of ``input`` cannot hold the
            loss.
        NotImplementedError: both are of integers.
        ValueError: ``weight`` has another shape, or ``reduction`` is none of these.

    Source: Huber 1964, Robust Estimation of a Location Parameter.

    >>> torch.nn.functional.huber_loss(torch.tensor([0.5, 3.0]), torch.zeros(2), reduction="none", delta=2.0)
    tensor([0.1250, 4.0000])
    """
    if weight is not None:
        if weight.shape != input.shape:
            raise ValueError("Weights and input must have the same size.")
        if reduction not in ("none", "sum", "mean"):
            raise ValueError(
                f"Invalid reduction mode: {reduction}. Expected one of 'none', 'mean', 'sum'. (huber_loss)"
            )
        # unlike the others, over the number of elements
        return reduce_loss(huber_loss(input, target, "none", delta) * weight, reduction)
    if not delta > 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    input, target = _alike(input, target)
    loss = huber_error(input, target, float(delta))
    if loss._k.dtype is not input._k.dtype:
        if not input.dtype.is_floating_point:
            raise RuntimeError(
                f"huber_loss: result type {loss.dtype.name} can't be cast to the desired output type "
                f"{input.dtype.name}, that of the input"
            )
        loss = loss.to(input.dtype)
    return reduce_loss(loss, reduction)


@primitive(
    public=False,
    takes=REAL,
    domain=(0.1, 0.9),
    ref=lambda x, t: -(t * np.maximum(np.log(x), -100) + (1 - t) * np.maximum(np.log1p(-x), -100)),
    torch=lambda t, x, y: t.nn.functional.binary_cross_entropy(x, y, reduction="none"),
)
def bernoulli_error(x, t):
    """``-(t * log(x) + (1 - t) * log(1 - x))``, logarithms at least -100 so that 0 and 1 stay finite."""
    return -(t * m.maximum(m.log(x), -100.0) + (1 - t) * m.maximum(m.log1p(-x), -100.0))


@bernoulli_error.vjp
def _(g, x, t, *, needs):
    gx = g * (x - t) / clamp_min((1 - x) * x, 1e-12) if needs[0] else None
    return gx, g * (clamp_min(log(1 - x), -100.0) - clamp_min(log(x), -100.0)) if needs[1] else None


@exported("nn.functional")
def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """``-(target * log(input) + (1 - target) * log(1 - input))``, finite because a logarithm counts as at least -100.

    Args:
        input: probabilities, in [0, 1]; for scores there is ``binary_cross_entropy_with_logits``.
        target: probabilities too, of the same shape and type.
        weight: how much each element counts, broadcast to ``input``; the mean is over the number of elements.
        size_average, reduce: old names of ``reduction``, deprecated.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Returns:
        A 0-dimensional tensor; of ``"none"`` the shape of ``input``.

    Raises:
        ValueError: the shapes differ, or ``reduction`` is none of these.
        RuntimeError: the types differ, ``weight`` does not broadcast, or on the CPU an element is not in [0, 1].

    >>> torch.nn.functional.binary_cross_entropy(torch.tensor([0.5, 1.0]), torch.tensor([1.0, 0.0]), reduction="none")
    tensor([  0.6931, 100.0000])
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if input.shape != target.shape:
        raise ValueError(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}) is deprecated. "
            "Please ensure they have the same size."
        )
    if target.dtype is not input.dtype:
        raise RuntimeError(
            f"binary_cross_entropy: Found dtype {target.dtype.name} but expected {input.dtype.name}: the targets must "
            "be of the input's type; use target.to(input.dtype)"
        )
    if weight is not None and weight.shape != input.shape:
        _check_broadcast("binary_cross_entropy", "weight", weight, input)
    _check_probabilities("input", input)
    _check_probabilities("target", target)
    loss = bernoulli_error(input, target)
    return reduce_loss(loss if weight is None else loss * weight.to(loss.dtype), reduction)


def _check_broadcast(name: str, what: str, weight: Tensor, x: Tensor) -> None:
    """An error unless ``weight`` broadcasts to x's shape."""
    if weight.ndim > x.ndim or any(
        n not in (1, m) for n, m in zip(reversed(weight.shape), reversed(x.shape), strict=False)
    ):
        raise RuntimeError(
            f"{name}: {what} of shape {list(weight.shape)} does not broadcast to {list(x.shape)}, the shape of the "
            "input"
        )


def _check_probabilities(what: str, x: Tensor) -> None:
    """RuntimeError unless all elements are between 0 and 1, which NaN is not. On a GPU a check would wait for the
    device."""
    if x._k.device.type != "cpu":
        return
    x = whole(x)
    if x._k.dtype in FLOATS:
        at = loss_cpu.first_improbable(contiguous(x)._buf)
    else:
        outside = reshape(logical_not(logical_and(ge(x, 0), le(x, 1))), (-1,)).numpy()
        at = int(outside.argmax()) if outside.any() else -1
    if at >= 0:
        hint = "; for scores use binary_cross_entropy_with_logits" if what == "input" else ""
        raise RuntimeError(
            f"all elements of {what} should be between 0 and 1, but found {reshape(x.detach(), (-1,))[at].item():g} "
            f"(binary_cross_entropy: {what} of shape {list(x.shape)}){hint}"
        )


@primitive(
    public=False,
    takes=REAL,
    ref=lambda x, t: np.where(x > 0, x * (1 - t), -(x * t)) + np.log1p(np.exp(-np.abs(x))),
    torch=lambda t, x, y: t.nn.functional.binary_cross_entropy_with_logits(x, y, reduction="none"),
)
def logit_error(x, t):
    """``max(x, 0) - x * t + log(1 + exp(-|x|))``: the binary cross entropy of ``sigmoid(x)`` without overflow.

    Its first two terms as one product, lest an infinite x make NaN of a loss that is infinite.
    """
    return (x * (1 - t) if x > 0 else -(x * t)) + m.log1p(m.exp(-m.abs(x)))


@logit_error.vjp
def _(g, x, t, *, needs):
    return g * (sigmoid(x) - t) if needs[0] else None, -(g * x) if needs[1] else None


@exported("nn.functional")
def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """``binary_cross_entropy(sigmoid(input), target)``, computed from the scores without overflow.

    Args:
        input: scores, any numbers of a floating type.
        target: probabilities, in the same shape.
        weight: how much each element counts, broadcast to ``input``; the mean is over the number of elements.
        size_average, reduce: old names of ``reduction``, deprecated.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        pos_weight: how much positive targets count, broadcast to ``input``.

    Returns:
        A 0-dimensional tensor; of ``"none"`` the shape of ``input``.

    Raises:
        ValueError: the shapes differ, or ``reduction`` is none of these.
        RuntimeError: the types are no floating types, or a weight does not broadcast.

    >>> torch.nn.functional.binary_cross_entropy_with_logits(torch.tensor([0.0, 200.0]), torch.tensor([1.0, 0.0]))
    tensor(100.3466)
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if input.shape != target.shape:
        raise ValueError(
            f"Target size ({target.shape}) must be the same as input size ({input.shape}): "
            "reshape one of them, as by target.view_as(input) (binary_cross_entropy_with_logits)"
        )
    if not (input._k.dtype.is_floating_point and target._k.dtype.is_floating_point):
        raise NotImplementedError(
            "binary_cross_entropy_with_logits: expected input and target of floating types, but got "
            f"{input.dtype.name} and {target.dtype.name}; use target.to(input.dtype)"
        )
    if weight is not None and weight.shape != input.shape:
        _check_broadcast("binary_cross_entropy_with_logits", "weight", weight, input)
    if pos_weight is None:
        loss = logit_error(input, target)
    else:
        if pos_weight.shape != input.shape:
            _check_broadcast("binary_cross_entropy_with_logits", "pos_weight", pos_weight, input)
        loss = (1 - target) * input - (1 + (pos_weight.to(target.dtype) - 1) * target) * logsigmoid(input)
    return reduce_loss(loss if weight is None else loss * weight.to(loss.dtype), reduction)


@primitive(
    public=False,
    takes=REAL,
    domain=(0.2, 3),
    ref=lambda x, t: np.where(t == 0, 0 * t, t * np.log(np.where(t == 0, 1, t))) - t * x,
    torch=lambda t, x, y: t.nn.functional.kl_div(x, y, reduction="none"),
)
def divergence(x, t):
    """``t * log(t) - t * x``, where ``0 * log(0)`` is 0."""
    return (t * m.log(t) if t != 0 else 0 * t) - t * x


@divergence.vjp
def _(g, x, t, *, needs):
    return -(g * t) if needs[0] else None, g * (log(t) + 1 - x) if needs[1] else None


@exported("nn.functional")
def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """``target * (log(target) - input)``: the divergence of ``exp(input)`` from ``target`` (Kullback and Leibler 1951).

    Args:
        input: log probabilities, of a floating type.
        target: probabilities, or with ``log_target`` their logarithms; broadcast with ``input``.
        size_average, reduce: old names of ``reduction``, deprecated.
        reduction: ``"batchmean"`` divides the sum by the size of the first dimension, which is the divergence as
            mathematics defines it. ``"mean"`` divides by the number of elements, with a warning. ``"sum"`` or
            ``"none"``.
        log_target: whether ``target`` is given as logarithms.

    Returns:
        A 0-dimensional tensor; of ``"none"`` the common shape.

    Raises:
        RuntimeError: an operand is of no floating type.
        ValueError: ``reduction`` is none of these.

    >>> p, q = torch.tensor([[0.5, 0.5]]), torch.tensor([[0.25, 0.75]])
    >>> torch.nn.functional.kl_div(q.log(), p, reduction="batchmean")
    tensor(0.1438)
    """
    log_target = flag(log_target, "kl_div", "log_target") if log_target.__class__ is not bool else log_target
    reduction = reduction_of(size_average, reduce, reduction)
    if not (input.dtype.is_floating_point and target.dtype.is_floating_point):
        raise RuntimeError(
            f"kl_div: Integral inputs not supported, but got {input.dtype.name} and {target.dtype.name}; cast with "
            ".float()"
        )
    loss = exp(target) * (target - input) if log_target else divergence(input, target)
    if reduction == "batchmean":
        return reductions.sum(loss) / input.shape[0] if input.ndim else reductions.sum(loss)
    if reduction == "mean":
        notices.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support size. 'batchmean' divides "
            "only by the batch size, and aligns with the KL math definition."
        )
    return reduce_loss(loss, reduction)
