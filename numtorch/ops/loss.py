"""Losses of scores of classes, and what all losses share. The mean cross entropy with class numbers has own kernels.

``reduction`` is ``"mean"``, ``"sum"`` or ``"none"`` everywhere. Losses of pairs of numbers are in ``paired_loss.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from numtorch import notices
from numtorch._tensor import Tensor
from numtorch.autograd.batched import whole
from numtorch.dispatch.cost import per_input, per_output, picks
from numtorch.dispatch.loops import Loop, like
from numtorch.dispatch.op import op
from numtorch.dispatch.samples import index
from numtorch.dtype import FLOATS, int64, uint8
from numtorch.exports import exported
from numtorch.kernels.registry import Signature
from numtorch.ops import loss_cpu, loss_cuda
from numtorch.ops import reduction as reductions
from numtorch.ops.activation import log_softmax, softmax
from numtorch.ops.arithmetic import ne, where
from numtorch.ops.indexing import gather_along, one_hot, take_along_extents
from numtorch.ops.movement import contiguous, movedim, reshape, unsqueeze
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


def check_reduction(reduction: str) -> None:
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not a valid value for reduction: use 'none', 'mean' or 'sum'")


def reduce_loss(loss: Tensor, reduction: str) -> Tensor:
    if reduction == "mean":
        return reductions.mean(loss)
    check_reduction(reduction)
    return loss if reduction == "none" else reductions.sum(loss)


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
    flat = contiguous(whole(t))._buf
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
    """``-log(softmax(input)[target])``: the negative log likelihood of the targets, computed without overflow.

    Args:
        input: scores, (C), (N, C) or (N, C, d1, ...), of a floating type.
        target: class numbers, int64, in the shape of ``input`` without C; or probabilities in the shape of ``input``,
            whose loss is ``-sum(target * log(softmax(input)))``.
        weight: (C), how much each class counts.
        size_average, reduce: old names of ``reduction``, deprecated.
        ignore_index: a class number whose targets do not count.
        reduction: ``"mean"`` over the targets that count, weighted as they are; ``"sum"``; or ``"none"``.
        label_smoothing: how much of each target is spread evenly over the classes, at most 1; as in torch, a negative
            number is 0.

    Returns:
        A 0-dimensional tensor; of ``"none"`` the shape of ``input`` without C.

    Raises:
        IndexError: a target is no class.
        ValueError, RuntimeError: the shapes or types of the operands do not fit, or an option is none of these.
        NotImplementedError: the scores are no floating-point numbers.

    >>> torch.nn.functional.cross_entropy(torch.tensor([[0.0, 0.0], [0.0, 2.0]]), torch.tensor([1, 1]))
    tensor(0.4100)
    >>> torch.nn.functional.cross_entropy(torch.tensor([[0.0, 0.0]]), torch.tensor([[0.5, 0.5]]))
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
            weight=loss_cpu.EXPONENTIAL,
            elements=outer * n,
        )
    numbers = (outer, n, prod(rest), ignore_index)
    return Loop(
        loss_cpu.cross_entropy_columns_backward, numbers, grads, weight=loss_cpu.EXPONENTIAL, elements=prod(x.shape)
    )


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
    """``-input[target]``: the negative log likelihood of the targets, of which ``input`` has the logarithms.

    Args:
        input: log probabilities, (C), (N, C) or (N, C, d1, ...), of a floating type, as ``log_softmax`` gives them.
        target: class numbers, int64, in the shape of ``input`` without C.
        weight: (C), how much each class counts.
        size_average, reduce: old names of ``reduction``, deprecated.
        ignore_index: a class number whose targets do not count.
        reduction: ``"mean"`` over the targets that count, weighted as they are; ``"sum"``; or ``"none"``.

    Returns:
        A 0-dimensional tensor; of ``"none"`` the shape of ``input`` without C.

    Raises:
        IndexError: a target is no class.
        ValueError, RuntimeError: the shapes or types of the operands do not fit, or an option is none of these.
        NotImplementedError: the log probabilities are no floating-point numbers.

    >>> logs = torch.log(torch.tensor([[0.25, 0.75], [0.5, 0.5]]))
    >>> torch.nn.functional.nll_loss(logs, torch.tensor([1, 0]), reduction="sum")
    tensor(0.9808)
    """
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
    check_reduction(reduction)
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
    check_reduction(reduction)
    _check_label_type("nll_loss", target)
    dim = _check_classes("nll_loss", input, target)
    if weight is not None:
        _check_weight("nll_loss", input, weight, input.shape[dim])
    loss, _, weights = _picked("nll_loss", input, target, weight, ignore_index, dim)
    return _reduced(loss, weights, reduction)
