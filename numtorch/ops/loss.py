"""Losses. The mean cross entropy with class indices has its own kernels; the other losses are composed of ops.

``reduction`` is ``"mean"``, ``"sum"`` or ``"none"`` everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from numtorch import notices
from numtorch._tensor import Tensor
from numtorch.arguments import flag
from numtorch.dispatch.cost import per_input, per_output, picks
from numtorch.dispatch.loops import Loop, like
from numtorch.dispatch.op import op, primitive
from numtorch.dispatch.samples import index
from numtorch.dtype import FLOATS, int64, uint8
from numtorch.exports import exported
from numtorch.kernels import math as m
from numtorch.kernels.registry import Signature
from numtorch.ops import loss_cpu, loss_cuda
from numtorch.ops import reduction as reductions
from numtorch.ops.activation import log_softmax, logsigmoid, sigmoid, softmax
from numtorch.ops.activation_cpu import EXPONENTIAL
from numtorch.ops.arithmetic import (
    REAL,
    abs,
    clamp_min,
    exp,
    ge,
    gt,
    le,
    log,
    logical_and,
    logical_not,
    ne,
    sign,
    where,
)
from numtorch.ops.indexing import gather_along, one_hot, take_along_extents
from numtorch.ops.moments import scaled_difference, squared_error
from numtorch.ops.movement import broadcast_tensors, contiguous, movedim, reshape, unsqueeze
from numtorch.storage import Size


def reduction_of(size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    """``reduction``, unless it is given by its old names ``size_average`` and ``reduce``."""
    if size_average is None and reduce is None:
        return reduction
    reduction = (
        "none"
        if reduce is not None and not reduce
        else "sum"
        if size_average is not None and not size_average
        else "mean"
    )
    notices.warn(f"size_average and reduce args will be deprecated, please use reduction='{reduction}' instead.")
    return reduction


# --- class numbers --------------------------------------------------------------------------------


def _check_classes(name: str, x: Tensor, t: Tensor) -> int:
    """The dimension of the classes; an error unless ``t`` has a label for each vector of scores."""
    if not x.ndim:
        raise ValueError(f"{name}: Expected 1 or more dimensions, got a 0-dim tensor")
    _check_scores(name, x)
    if x.ndim == 1:
        if t.ndim > 1 or (t.ndim == 1 and t.shape[0] != 1):
            raise ValueError(
                f"Expected input batch_size ({x.shape[0]}) to match target batch_size ({t.shape[0]}). ({name}: input "
                f"{list(x.shape)}, target {list(t.shape)}; scores of one example take one label)"
            )
        return 0
    if t.ndim == 0 or x.shape[0] != t.shape[0]:
        given = t.shape[0] if t.ndim else 0
        raise ValueError(
            f"Expected input batch_size ({x.shape[0]}) to match target batch_size ({given}). ({name}: "
            f"input {list(x.shape)}, target {list(t.shape)})"
        )
    want = Size((x.shape[0], *x.shape[2:]))
    if t.shape != want:
        if t.ndim == 2 and x.ndim == 2:
            raise RuntimeError(
                f"0D or 1D target tensor expected, multi-target not supported ({name}: input {list(x.shape)}, "
                f"target {list(t.shape)})"
            )
        raise RuntimeError(f"Expected target size {list(want)}, got {list(t.shape)} ({name}: input {list(x.shape)})")
    return 1


def _check_scores(name: str, x: Tensor) -> None:
    if not x.dtype.is_floating_point:
        raise NotImplementedError(
            f'"{name}" not implemented for {x.dtype.name}: scores are floating-point numbers; use input.float()'
        )


def _check_weight(name: str, x: Tensor, weight: Tensor, classes: int) -> None:
    if weight.shape != (classes,):
        raise RuntimeError(
            f"{name}: weight tensor should be defined either for all {classes} classes or no classes but got weight "
            f"tensor of shape: {list(weight.shape)}"
        )
    if weight.dtype is not x.dtype:
        raise RuntimeError(
            f"{name}: expected weight of type {x.dtype.name}, that of the input, but found {weight.dtype.name}; use "
            "weight.to(input.dtype)"
        )


def _labels(t: Tensor) -> Tensor:
    """Class numbers of 8 bits, the other type in which torch takes them, as int64."""
    return t.to(int64) if t._k.dtype is uint8 else t


def _check_label_type(name: str, t: Tensor) -> None:
    if t._k.dtype is not int64:
        raise RuntimeError(
            f"{name}: expected scalar type Long but found {t._k.dtype.name.capitalize()}: class numbers are int64; "
            "use target.long()"
        )


def bad_label(name: str, label: int, classes: int, ignore_index: int | None = None) -> IndexError:
    """The error for a number that is no class."""
    rest = "" if ignore_index is None else f", and ignore_index is {ignore_index}"
    return IndexError(
        f"Target {label} is out of bounds. {name}: the input has {classes} classes, numbered 0 to {classes - 1}{rest}."
    )


def first_bad_label(t: Tensor, classes: int, ignore_index: int | None = None) -> int | None:
    """The first label that is no class, if there is one. On a GPU a check would wait for the device."""
    if t.device.type != "cpu":
        return None
    flat = contiguous(t)._buf
    bad = loss_cpu.first_bad_label(flat, classes, 0 if ignore_index is None else ignore_index)  # 0 is a class anyway
    return int(flat[bad]) if bad >= 0 else None


def _check_labels(name: str, t: Tensor, classes: int, ignore_index: int) -> None:
    """IndexError naming the first label that is no class."""
    bad = first_bad_label(t, classes, ignore_index)
    if bad is not None:
        raise bad_label(name, bad, classes, ignore_index)


def _class_numbers(s: Signature) -> bool:
    """float32 or float64 scores, int64 labels"""
    return s.dtypes[0] in FLOATS and s.dtypes[1] is int64


@exported("nn.functional")
@op(
    cost=per_input(2, "exp_nonpositive"),
    samples=lambda: [
        ((4, 5), index((4,), 5)),
        ((3, 7), index((3,), 7), None, None, 2),
        ((200, 3), index((200,), 3), None, None, 0),
        ((2, 3, 4), index((2, 4), 3), None, None, 1),
    ],
)
def cross_entropy(
    x,
    t,
    w=None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
):
    """The negative log likelihood of the targets under ``softmax(input)``.

    Args:
        input: scores, (C), (N, C) or (N, C, d1, ...).
        target: class numbers (int64) in the shape of ``input`` without C, or probabilities in its shape.
        weight: (C), how much each class counts.
        ignore_index: a class number whose targets do not count.
        label_smoothing: how much of the target is spread evenly over the classes, at most 1; as in torch, a negative
            number is 0.

    >>> import numtorch as torch
    >>> torch.nn.functional.cross_entropy(torch.tensor([[0.0, 0.0]]), torch.tensor([1]))
    tensor(0.6931)
    """
    _check_labels("cross_entropy", t, x.shape[1], ignore_index)
    kept = ne(t, ignore_index)
    logs = _at_labels(log_softmax(x, 1), where(kept, t, 0), 1)
    return -reductions.sum(where(kept, logs, 0.0)) / reductions.sum(kept.to(x.dtype))


@cross_entropy.arguments
def _(x, t, w, size_average, ignore_index, reduce, reduction, label_smoothing):
    if size_average is not None or reduce is not None:
        return _by_old_names(cross_entropy)
    if w is not None or reduction != "mean" or label_smoothing > 0 or x.ndim < 2 or t.ndim != x.ndim - 1:
        return _cross_entropy_of_parts
    t = _labels(t)
    _check_label_type("cross_entropy", t)
    _check_classes("cross_entropy", x, t)
    return x, t, None, None, ignore_index, None, "mean", 0.0


def _at_labels(logs: Tensor, label: Tensor, dim: int) -> Tensor:
    """The element of each vector of scores that its label names; zeros where there are no classes, or no vectors."""
    if not logs.shape.numel():
        return reductions.sum(logs, dim)
    return reshape(gather_along(logs, label if label.ndim == logs.ndim else unsqueeze(label, dim), dim), label.shape)


@cross_entropy.vjp(cost=per_output(3, "exp_nonpositive"))
def _(g, x, t, *, ignore_index):
    kept = ne(t, ignore_index)
    hot = movedim(one_hot(where(kept, t, 0), x.shape[1]).to(x.dtype), -1, 1)
    each = where(kept, g / reductions.sum(kept.to(x.dtype)), 0.0)
    return where(unsqueeze(kept, 1), (softmax(x, 1) - hot) * unsqueeze(each, 1), 0.0), None, None


def _raise_bad_label(name: str, code: int, x: Tensor, t: Tensor, ignore_index: int) -> None:
    raise bad_label(name, int(contiguous(t)._buf[code - 1]), x.shape[1], ignore_index)


@cross_entropy.loop("cpu", when=_class_numbers)
def rows(x, t, ignore_index):
    (outer, n, *rest), numbers = x.shape, (ignore_index,)
    if not n or 0 in rest:
        return None

    def failed(code, x, t, *rest):
        _raise_bad_label("cross_entropy", code, x, t, ignore_index)

    if not rest and outer * n < loss_cpu.PARALLEL_ELEMENTS:
        return Loop(loss_cpu.forward_small, (outer, n, *numbers), like(x, ()), operands=(x, t), failed=failed)
    return Loop(loss_cpu.forward, (outer, n, prod(rest), *numbers), like(x, ()), operands=(x, t), failed=failed)


@cross_entropy.backward.loop("cpu", when=lambda s: s.dtypes[1] in FLOATS)
def rows_backward(g, x, t, ignore_index):
    (outer, n, *rest), grads = x.shape, (like(x), None, None)
    if not rest:
        return Loop(
            loss_cpu.cross_entropy_blocks_backward,
            (outer, n, ignore_index),
            grads,
            weight=EXPONENTIAL,
            elements=outer * n,
        )
    numbers = (outer, n, prod(rest), ignore_index)
    return Loop(loss_cpu.cross_entropy_columns_backward, numbers, grads, weight=EXPONENTIAL, elements=prod(x.shape))


@cross_entropy.loop("cuda", when=_class_numbers)
def blocks(x, t, ignore_index):
    return (
        Loop(loss_cuda.forward, (*x.shape, ignore_index), like(x, ()), operands=(x, t))
        if x.ndim == 2 and 0 not in x.shape
        else None
    )


@cross_entropy.backward.loop("cuda", when=lambda s: s.dtypes[1] in FLOATS)
def blocks_backward(g, x, t, ignore_index):
    return Loop(loss_cuda.backward, (*x.shape, ignore_index), (like(x), None, None)) if x.ndim == 2 else None


@exported("nn.functional")
@op(
    cost=picks,
    samples=lambda: [((4, 5), index((4,), 5)), ((3, 7), index((3,), 7), None, None, 2)],
    ref=lambda x, t, w=None, size_average=None, ignored=-100: -x[np.arange(t.size), t][t != ignored].mean(),
)
def nll_loss(
    x,
    t,
    w=None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
):
    """``-input[target]`` for log probabilities ``input``: (C), (N, C) or (N, C, d1, ...)."""
    loss, _, weights = _picked("nll_loss", x, t, None, ignore_index, 1)
    return _reduced(loss, weights, "mean")


@nll_loss.arguments
def _(x, t, w, size_average, ignore_index, reduce, reduction):
    if size_average is not None or reduce is not None:
        return _by_old_names(nll_loss)
    if w is not None or reduction != "mean" or x.ndim != 2 or t.ndim != 1 or x.shape[0] != t.shape[0]:
        return _nll_of_parts
    t = _labels(t)
    _check_label_type("nll_loss", t)
    _check_scores("nll_loss", x)
    return x, t, None, None, ignore_index, None, "mean"


@nll_loss.vjp(cost=per_output(0))
def _(g, t, x_shape, *, ignore_index):
    kept = ne(t, ignore_index)
    hot = one_hot(where(kept, t, 0), x_shape[1]).to(g.dtype)
    each = where(kept, g / reductions.sum(kept.to(g.dtype)), 0.0)
    return -hot * unsqueeze(each, 1), None, None


@nll_loss.loop("cpu", when=_class_numbers)
def picked(x, t, ignore_index):
    def failed(code, x, t, *rest):
        _raise_bad_label("nll_loss", code, x, t, ignore_index)

    return Loop(loss_cpu.picked_mean, (x.shape[1], ignore_index), like(x, ()), operands=(x, t), failed=failed)


@nll_loss.backward.loop("cpu", when=lambda s: s.dtypes[0] in FLOATS)
def spread(g, t, x_shape, ignore_index):
    return Loop(
        loss_cpu.spread_mean,
        (x_shape[1], ignore_index),
        (like(g, x_shape), None, None),
        weight=2,
        elements=prod(x_shape),
    )


def _by_old_names(loss: Any) -> Callable:
    """The loss as called with ``size_average`` or ``reduce``, which were its reduction once."""

    def call(
        input: Tensor,
        target: Tensor,
        weight: Tensor | None,
        size_average: Any,
        ignore_index: int,
        reduce: Any,
        reduction: str,
        *rest: Any,
    ) -> Tensor:
        return loss(
            input, target, weight, None, ignore_index, None, reduction_of(size_average, reduce, reduction), *rest
        )

    return call


def _cross_entropy_of_parts(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None,
    size_average: Any,
    ignore_index: int,
    reduce: Any,
    reduction: str,
    label_smoothing: float,
) -> Tensor:
    """The cross entropy of whatever the op itself does not compute: weighted, smoothed, against probabilities, not
    reduced."""
    target = _labels(target)
    _check_reduction(reduction)
    if label_smoothing > 1.0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    label_smoothing = label_smoothing if label_smoothing > 0 else 0.0
    classes = input.shape[0 if input.ndim == 1 else 1] if input.ndim else 0
    if weight is not None:
        _check_weight("cross_entropy", input, weight, classes)
    if target.shape == input.shape:
        if ignore_index >= 0:
            raise RuntimeError(
                f"ignore_index is not supported for floating point target (cross_entropy: ignore_index={ignore_index}, "
                "targets are probabilities)"
            )
        return _against_probabilities(input, target, weight, reduction, label_smoothing)
    _check_label_type("cross_entropy", target)
    dim = _check_classes("cross_entropy", input, target)
    logs = log_softmax(input, dim)
    loss, kept, weights = _picked("cross_entropy", logs, target, weight, ignore_index, dim)
    if not label_smoothing:
        return _reduced(loss, weights, reduction)
    spread = logs if weight is None else logs * _along(weight, dim, logs.ndim)
    smooth = where(kept, -reductions.sum(spread, dim), 0.0)
    loss, smooth = _reduced(loss, weights, reduction), _reduced(smooth, weights, reduction)
    return loss * (1 - label_smoothing) + smooth * (label_smoothing / classes)


def _along(weight: Tensor, dim: int, ndim: int) -> Tensor:
    """A vector over the classes, to be broadcast."""
    return reshape(weight, (1,) * dim + (-1,) + (1,) * (ndim - dim - 1))


def _against_probabilities(
    x: Tensor, t: Tensor, weight: Tensor | None, reduction: str, label_smoothing: float
) -> Tensor:
    if not t.dtype.is_floating_point:
        raise RuntimeError(f"Expected floating point type for target with class probabilities, got {t.dtype.name}")
    if not x.ndim:
        raise RuntimeError(
            "cross_entropy: Expected floating point type input with at least one dimension, got a 0-dim tensor"
        )
    _check_scores("cross_entropy", x)
    dim = 0 if x.ndim == 1 else 1
    classes = x.shape[dim]
    if label_smoothing:
        t = t * (1 - label_smoothing) + label_smoothing / classes
    terms = log_softmax(x, dim) * t
    loss = -reductions.sum(terms if weight is None else terms * _along(weight, dim, x.ndim), dim)
    if reduction == "none":
        return loss
    total = reductions.sum(loss)
    return total if reduction == "sum" else total / (x.shape.numel() / classes if classes else 0.0)


def _picked(name: str, logs: Tensor, t: Tensor, weight: Tensor | None, ignore_index: int, dim: int) -> tuple:
    """(weighted loss of each target, which targets count, their weights)."""
    if logs.ndim == 1 and t.ndim == 1:
        t = reshape(t, ())
    _check_labels(name, t, logs.shape[dim], ignore_index)
    kept = ne(t, ignore_index)
    label = where(kept, t, 0)
    loss = -_at_labels(logs, label, dim)
    if weight is None:
        return where(kept, loss, 0.0), kept, kept.to(logs.dtype)
    weights = kept.to(logs.dtype)
    if logs.shape.numel():
        weights = where(kept, reshape(take_along_extents(weight, reshape(label, (-1,)), 0), t.shape), 0.0)
    return where(kept, loss * weights, 0.0), kept, weights


def _reduced(loss: Tensor, weights: Tensor, reduction: str) -> Tensor:
    if reduction == "none":
        return loss
    total = reductions.sum(loss)
    return total if reduction == "sum" else total / reductions.sum(weights)


def _nll_of_parts(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None,
    size_average: Any,
    ignore_index: int,
    reduce: Any,
    reduction: str,
) -> Tensor:
    target = _labels(target)
    _check_reduction(reduction)
    _check_label_type("nll_loss", target)
    dim = _check_classes("nll_loss", input, target)
    if weight is not None:
        _check_weight("nll_loss", input, weight, input.shape[dim])
    loss, _, weights = _picked("nll_loss", input, target, weight, ignore_index, dim)
    return _reduced(loss, weights, reduction)


# --- element by element ---------------------------------------------------------------------------


def _check_reduction(reduction: str) -> None:
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not a valid value for reduction: use 'none', 'mean' or 'sum'")


def reduce_loss(loss: Tensor, reduction: str) -> Tensor:
    if reduction == "mean":
        return reductions.mean(loss)
    _check_reduction(reduction)
    return loss if reduction == "none" else reductions.sum(loss)


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
    """The squared error, ``(input - target) ** 2``."""
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
    gx = (x - t) * (g * (2 / max(x.shape.numel(), 1)))
    return gx if needs[0] else None, -gx if needs[1] else None, None


@mse_loss.backward.kernel("cpu", name="fused")
def fused_squares_backward(g, x, t, *, needs):
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
    _check_reduction(reduction)
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
    """The absolute error, ``|input - target|``."""
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
    """Squared error divided by ``2 * beta`` near 0, absolute error less ``beta / 2`` from ``beta`` on."""
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
    d = x - t
    gx = where(ge(abs(d), beta), sign(d), d / beta) * (g * (1 / max(x.shape.numel(), 1)))
    return gx if needs[0] else None, -gx if needs[1] else None


@smooth_l1_loss.backward.kernel("cpu", name="fused")
def fused_slopes_backward(g, x, t, *, beta, needs):
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
    """Half the squared error up to ``delta``, from there on a line of that slope; of the input's type."""
    if weight is not None:
        if weight.shape != input.shape:
            raise ValueError("Weights and input must have the same size.")
        if reduction not in ("none", "sum", "mean"):
            raise ValueError(
                f"Invalid reduction mode: {reduction}. Expected one of 'none', 'mean', 'sum'. (huber_loss)"
            )
        return reduce_loss(
            huber_loss(input, target, "none", delta) * weight, reduction
        )  # unlike the others, over the number of elements
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
    """``-(target * log(input) + (1 - target) * log(1 - input))`` for probabilities ``input``."""
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
    """The binary cross entropy of ``sigmoid(input)`` without overflow; positive examples count ``pos_weight`` times."""
    reduction = reduction_of(size_average, reduce, reduction)
    if input.shape != target.shape:
        raise ValueError(
            f"Target size ({target.shape}) must be the same as input size ({input.shape}): "
            "reshape one of them, as by target.view_as(input) (binary_cross_entropy_with_logits)"
        )
    if not (input._k.dtype.is_floating_point and target._k.dtype.is_floating_point):
        raise RuntimeError(
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
    """The divergence of ``exp(input)`` from ``target`` (both logarithms if ``log_target``), element by element.

    ``reduction="batchmean"`` divides the sum by the size of the first dimension, which is the divergence
    as mathematics defines it; ``"mean"`` divides by the number of elements.
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
