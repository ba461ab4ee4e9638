"""Losses. The mean cross entropy with class indices has its own kernels; the other losses are composed of ops.

``reduction`` is ``"mean"``, ``"sum"`` or ``"none"`` everywhere.
"""

from __future__ import annotations

import warnings
from functools import lru_cache

import numpy as np

from numtorch._tensor import Tensor, empty, new
from numtorch.arguments import integer, refused
from numtorch.dispatch.cost import per_input, per_output, picks
from numtorch.dispatch.op import op, primitive
from numtorch.dispatch.program import shared_from
from numtorch.dtype import FLOATS, int64, uint8
from numtorch.kernels import math as m
from numtorch.kernels.registry import Signature
from numtorch.ops import loss_cpu
from numtorch.ops import reduction as reductions
from numtorch.ops.activation import log_softmax_along, logsigmoid, sigmoid, softmax_along
from numtorch.ops.arithmetic import REAL, abs, clamp_min, exp, ge, gt, le, log, logical_and, logical_not, ne, sign, where
from numtorch.ops.indexing import gather_along, one_hot, take_along_extents
from numtorch.ops.moments import scaled_difference, squared_error
from numtorch.ops.movement import broadcast_tensors, contiguous, movedim, reshape, unsqueeze
from numtorch.storage import Size, allocate

# --- class numbers --------------------------------------------------------------------------------


def _check_classes(name: str, x: Tensor, t: Tensor) -> int:
    """The dimension of the classes; an error unless ``t`` has a label for each vector of scores."""
    if not x.ndim:
        raise ValueError(f"{name}: Expected 1 or more dimensions, got a 0-dim tensor")
    _check_scores(name, x)
    if x.ndim == 1:
        if t.ndim > 1 or (t.ndim == 1 and t.shape[0] != 1):
            raise ValueError(f"Expected input batch_size ({x.shape[0]}) to match target batch_size ({t.shape[0]}). ({name}: input "
                             f"{list(x.shape)}, target {list(t.shape)}; scores of one example take one label)")
        return 0
    if t.ndim == 0 or x.shape[0] != t.shape[0]:
        given = t.shape[0] if t.ndim else 0
        raise ValueError(f"Expected input batch_size ({x.shape[0]}) to match target batch_size ({given}). ({name}: "
                         f"input {list(x.shape)}, target {list(t.shape)})")
    want = Size((x.shape[0], *x.shape[2:]))
    if t.shape != want:
        if t.ndim == 2 and x.ndim == 2:
            raise RuntimeError(f"0D or 1D target tensor expected, multi-target not supported ({name}: input {list(x.shape)}, "
                               f"target {list(t.shape)})")
        raise RuntimeError(f"Expected target size {list(want)}, got {list(t.shape)} ({name}: input {list(x.shape)})")
    return 1


def _check_scores(name: str, x: Tensor) -> None:
    if not x.dtype.is_floating_point:
        raise NotImplementedError(f'"{name}" not implemented for {x.dtype.name}: scores are floating-point numbers; use input.float()')


def _check_weight(name: str, x: Tensor, weight: Tensor, classes: int) -> None:
    if weight.shape != (classes,):
        raise RuntimeError(f"{name}: weight tensor should be defined either for all {classes} classes or no classes but got weight tensor "
                           f"of shape: {list(weight.shape)}")
    if weight.dtype is not x.dtype:
        raise RuntimeError(f"{name}: expected weight of type {x.dtype.name}, that of the input, but found {weight.dtype.name}; use "
                           "weight.to(input.dtype)")


def _labels(t: Tensor) -> Tensor:
    """Class numbers of 8 bits, the other type in which torch takes them, as int64."""
    return t.to(int64) if t._k.dtype is uint8 else t


def _check_label_type(name: str, t: Tensor) -> None:
    if t._k.dtype is not int64:
        raise RuntimeError(f"{name}: expected scalar type Long but found {t._k.dtype.name.capitalize()}: class numbers are int64; "
                           "use target.long()")


def _bad_label(name: str, label: int, classes: int, ignore_index: int) -> IndexError:
    return IndexError(f"Target {label} is out of bounds. {name}: the input has {classes} classes, numbered 0 to {classes - 1}, "
                      f"and ignore_index is {ignore_index}.")


def _check_labels(name: str, t: Tensor, classes: int, ignore_index: int) -> None:
    """IndexError naming the first label that is no class. On a GPU a check would wait for the device."""
    if t.device.type == "cpu":
        flat = contiguous(t)._buf
        bad = loss_cpu.first_bad_label(flat, classes, ignore_index)
        if bad >= 0:
            raise _bad_label(name, int(flat[bad]), classes, ignore_index)


def _class_numbers(s: Signature) -> bool:
    """float32 or float64 scores, int64 labels"""
    return s.dtypes[0] in FLOATS and s.dtypes[1] is int64


@op(name="cross_entropy", public=False, cost=per_input(2, "exp_nonpositive"))
def mean_cross_entropy(x, t, ignore_index: int):
    """Mean of ``log(sum(exp(x))) - x[t]`` over the vectors of x (N, C, ...) whose label in t (N, ...) is not ignored."""
    _check_label_type("cross_entropy", t)
    _check_classes("cross_entropy", x, t)
    _check_labels("cross_entropy", t, x.shape[1], ignore_index)
    kept = ne(t, ignore_index)
    logs = _at_labels(log_softmax_along(x, 1), where(kept, t, 0), 1)
    return -reductions.sum(where(kept, logs, 0.0)) / reductions.sum(kept.to(x.dtype))


def _at_labels(logs: Tensor, label: Tensor, dim: int) -> Tensor:
    """The element of each vector of scores that its label names; zeros where there are no classes, or no vectors."""
    if not logs.shape.numel():
        return reductions.sum(logs, dim)
    return reshape(gather_along(logs, label if label.ndim == logs.ndim else unsqueeze(label, dim), dim), label.shape)


@mean_cross_entropy.vjp(cost=per_output(3, "exp_nonpositive"))
def _(g, x, t, *, ignore_index):
    kept = ne(t, ignore_index)
    hot = movedim(one_hot(where(kept, t, 0), x.shape[1]).to(x.dtype), -1, 1)
    each = where(kept, g / reductions.sum(kept.to(x.dtype)), 0.0)
    return where(unsqueeze(kept, 1), (softmax_along(x, 1) - hot) * unsqueeze(each, 1), 0.0), None


_SCALAR = Size(())


def _number(x: Tensor) -> Tensor:
    """An uninitialised 0-dim tensor in the type of a contiguous one."""
    out, k = new(Tensor), x._k
    out.shape, out._k = _SCALAR, k
    out._buf = allocate(1, k.dtype, k.device)
    return out


@lru_cache(maxsize=4096)
def _labelled(scores: Size, labels: Size) -> bool:
    """Whether there is a label for each vector of scores (N, C, ...), and none of these is empty."""
    return len(scores) >= 2 and bool(scores[1]) and labels == (scores[0], *scores[2:]) and 0 not in scores[2:]


@mean_cross_entropy.kernel("cpu", when=_class_numbers, functions=(loss_cpu.forward_small, loss_cpu.BLOCKS, *loss_cpu.COLUMNS))
def cpu_rows(x, t, ignore_index):
    shape = x.shape
    if not _labelled(shape, t.shape):
        return mean_cross_entropy.op.body(x, t, ignore_index)  # says what is wrong
    x = x if x._k.contiguous else contiguous(x)
    t = t if t._k.contiguous else contiguous(t)
    out = _number(x)
    bad = loss_cpu.forward(x._buf, t._buf, out._buf, shape[0], shape[1], t._buf.size // shape[0] if shape[0] else 1, ignore_index)
    if bad >= 0:
        raise _bad_label("cross_entropy", int(t._buf[bad]), shape[1], ignore_index)
    return out


@mean_cross_entropy.backward.kernel("cpu", when=lambda s: s.dtypes[1] in FLOATS,
                                    functions=(*loss_cpu.BLOCKS_BACKWARD, *loss_cpu.COLUMNS_BACKWARD))
def cpu_rows_backward(g, x, t, *, ignore_index):
    x = x if x._k.contiguous else contiguous(x)
    t = t if t._k.contiguous else contiguous(t)
    gx = empty(x.shape, x._k.dtype, x._k.device)
    if gx._buf.size:
        n, c = x.shape[:2]
        loss_cpu.backward(g._buf, x._buf, t._buf, gx._buf, n, c, t._buf.size // n, ignore_index)
    return gx, None


@mean_cross_entropy.kernel("cuda", when=_class_numbers)
def cuda_rows(x, t, ignore_index):
    from numtorch.ops import loss_cuda

    if not x.shape.numel() or x.ndim != 2 or t.shape != x.shape[:1]:
        return mean_cross_entropy.op.body(x, t, ignore_index)
    out = empty(_SCALAR, x._k.dtype, x._k.device)
    loss_cuda.forward(contiguous(x)._buf, contiguous(t)._buf, out._buf, *x.shape, ignore_index)
    return out


@mean_cross_entropy.backward.kernel("cuda", when=lambda s: s.dtypes[1] in FLOATS)
def cuda_rows_backward(g, x, t, *, ignore_index):
    from numtorch.ops import loss_cuda

    if x.ndim != 2:
        return mean_cross_entropy.op.gradient.vjp(g, x, t, ignore_index=ignore_index)
    gx = empty(x.shape, x._k.dtype, x._k.device)
    if gx.shape.numel():
        loss_cuda.backward(contiguous(g)._buf, contiguous(x)._buf, contiguous(t)._buf, gx._buf, *x.shape, ignore_index)
    return gx, None


@op(name="nll_loss", public=False, cost=picks)
def mean_nll(x, t, ignore_index: int):
    """Mean of ``-x[t]`` over the rows of x (N, C) whose label in t (N) is not ignored."""
    _check_scores("nll_loss", x)
    loss, _, weights = _picked("nll_loss", x, t, None, ignore_index, 1)
    return _reduced(loss, weights, "mean")


@mean_nll.vjp(cost=per_output(0))
def _(g, t, x_shape, *, ignore_index):
    kept = ne(t, ignore_index)
    hot = one_hot(where(kept, t, 0), x_shape[1]).to(g.dtype)
    each = where(kept, g / reductions.sum(kept.to(g.dtype)), 0.0)
    return -hot * unsqueeze(each, 1), None


@mean_nll.kernel("cpu", when=_class_numbers, functions=(loss_cpu.picked_mean,))
def cpu_picked(x, t, ignore_index):
    x = x if x._k.contiguous else contiguous(x)
    t = t if t._k.contiguous else contiguous(t)
    out = _number(x)
    _, n = x.shape
    bad = loss_cpu.picked_mean(x._buf, t._buf, out._buf, n, ignore_index)
    if bad >= 0:
        raise _bad_label("nll_loss", int(t._buf[bad]), n, ignore_index)
    return out


@mean_nll.backward.kernel("cpu", when=lambda s: s.dtypes[0] in FLOATS, functions=loss_cpu.SPREAD)
def cpu_spread(g, t, x_shape, *, ignore_index):
    t = t if t._k.contiguous else contiguous(t)
    gx = empty(x_shape, g._k.dtype, g._k.device)
    if gx._buf.size:
        kernel = loss_cpu.SPREAD[gx._buf.size >= shared_from(2)]
        kernel(g._buf, t._buf, gx._buf, x_shape[1], ignore_index)
    return gx, None


def cross_entropy(input: Tensor, target: Tensor, weight: Tensor | None = None, ignore_index: int = -100, reduction: str = "mean",
                  label_smoothing: float = 0.0) -> Tensor:
    """The negative log likelihood of the targets under ``softmax(input)``.

    Args:
        input: scores, (C), (N, C) or (N, C, d1, ...).
        target: class numbers (int64) in the shape of ``input`` without C, or probabilities in its shape.
        weight: (C), how much each class counts.
        ignore_index: a class number whose targets do not count.
        label_smoothing: how much of the target is spread evenly over the classes, at most 1; as in torch, a negative number is 0.

    >>> import numtorch as torch
    >>> from numtorch.ops.loss import cross_entropy
    >>> cross_entropy(torch.tensor([[0.0, 0.0]]), torch.tensor([1]))
    tensor(0.6931)
    """
    if ignore_index.__class__ is not int:
        ignore_index = integer(ignore_index, "cross_entropy", "ignore_index")
    try:
        ndim = len(input.shape)
        if target._k.dtype is not int64:
            target = _labels(target)
    except AttributeError as e:
        raise refused(e, "cross_entropy", input=input, target=target) from None
    if weight is None and reduction == "mean" and not label_smoothing and ndim >= 2 and len(target.shape) == ndim - 1:
        return mean_cross_entropy(input, target, ignore_index)
    _check_reduction(reduction)
    if label_smoothing > 1.0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    label_smoothing = label_smoothing if label_smoothing > 0 else 0.0
    classes = input.shape[0 if input.ndim == 1 else 1] if input.ndim else 0
    if weight is not None:
        _check_weight("cross_entropy", input, weight, classes)
    if target.shape == input.shape:
        if ignore_index >= 0:
            raise RuntimeError(f"ignore_index is not supported for floating point target (cross_entropy: ignore_index={ignore_index}, "
                               "targets are probabilities)")
        return _against_probabilities(input, target, weight, reduction, label_smoothing)
    _check_label_type("cross_entropy", target)
    dim = _check_classes("cross_entropy", input, target)
    logs = log_softmax_along(input, dim)
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


def _against_probabilities(x: Tensor, t: Tensor, weight: Tensor | None, reduction: str, label_smoothing: float) -> Tensor:
    if not t.dtype.is_floating_point:
        raise RuntimeError(f"Expected floating point type for target with class probabilities, got {t.dtype.name}")
    if not x.ndim:
        raise RuntimeError("cross_entropy: Expected floating point type input with at least one dimension, got a 0-dim tensor")
    _check_scores("cross_entropy", x)
    dim = 0 if x.ndim == 1 else 1
    classes = x.shape[dim]
    if label_smoothing:
        t = t * (1 - label_smoothing) + label_smoothing / classes
    terms = log_softmax_along(x, dim) * t
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


def nll_loss(input: Tensor, target: Tensor, weight: Tensor | None = None, ignore_index: int = -100,
             reduction: str = "mean") -> Tensor:
    """``-input[target]`` for log probabilities ``input``: (C), (N, C) or (N, C, d1, ...)."""
    if ignore_index.__class__ is not int:
        ignore_index = integer(ignore_index, "nll_loss", "ignore_index")
    try:
        if target._k.dtype is not int64:
            target = _labels(target)
    except AttributeError as e:
        raise refused(e, "nll_loss", input=input, target=target) from None
    if weight is None and reduction == "mean" and len(input.shape) == 2 and len(target.shape) == 1 and target._k.dtype is int64:
        (rows, _), (labels,) = input.shape, target.shape
        if rows == labels:
            return mean_nll(input, target, ignore_index)
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


def _reduce(loss: Tensor, reduction: str) -> Tensor:
    if reduction == "mean":
        return reductions.mean(loss)
    _check_reduction(reduction)
    return loss if reduction == "none" else reductions.sum(loss)


def _alike(x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """Input and target in one shape, with a warning where they have two. Then a tensor of one element counts in the result's type."""
    if x.shape != t.shape:
        warnings.warn(f"Using a target size ({t.shape}) that is different to the input size ({x.shape}). This will likely lead to "
                      "incorrect results due to broadcasting. Please ensure they have the same size.", stacklevel=3)
        try:
            x, t = broadcast_tensors(x, t)
        except RuntimeError as e:
            raise RuntimeError(f"{e}; input and target of a loss have one shape") from None
    return x, t


@op(name="mse_loss", public=False, cost=per_input(3), samples=lambda: [((5,), (5,)), ((3, 4), (3, 4))],
    ref=lambda x, t: np.mean((x - t) ** 2))
def mean_squared_error(x, t):
    """The mean of ``(x - t) ** 2`` for tensors of one shape."""
    return reductions.mean(squared_error(x, t))


@mean_squared_error.vjp(cost=per_output(2))
def _(g, x, t, *, needs):
    gx = (x - t) * (g * (2 / max(x.shape.numel(), 1)))
    return gx if needs[0] else None, -gx if needs[1] else None


@mean_squared_error.backward.kernel("cpu", name="fused")
def fused_squares_backward(g, x, t, *, needs):
    scale = g * (2 / max(x.shape.numel(), 1))  # one number: the rest is one loop
    gx = scaled_difference(x, t, scale) if needs[0] else None
    return gx, scaled_difference(t, x, scale) if needs[1] else None


def mse_loss(input: Tensor, target: Tensor, reduction: str = "mean", weight: Tensor | None = None) -> Tensor:
    """The squared error, ``(input - target) ** 2``."""
    shape = input.shape
    input, target = _alike(input, target)
    if reduction == "mean" and weight is None and input.shape == target.shape and input._k.dtype is target._k.dtype:
        return mean_squared_error(input, target)
    loss = squared_error(input, target)
    if weight is None:
        return _reduce(loss, reduction)
    if weight.shape != shape:
        raise ValueError("Weights and input must have the same size.")
    _check_reduction(reduction)
    return loss * weight if reduction == "none" else reductions.sum(loss * weight) / (reductions.sum(weight) if reduction == "mean" else 1)


def l1_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """The absolute error, ``|input - target|``."""
    input, target = _alike(input, target)
    return _reduce(abs(input - target), reduction)


@primitive(public=False, takes=REAL)
def smooth_error(x, t, beta: float):
    """``d * d / (2 * beta)`` where ``d = |x - t|`` is below beta, else ``d - beta / 2``."""
    d = m.abs(x - t)
    return 0.5 * d * d / beta if d < beta else d - 0.5 * beta


@smooth_error.vjp
def _(g, x, t, *, beta, needs):
    d = x - t
    gx = g * where(ge(abs(d), beta), sign(d), d / beta)
    return gx if needs[0] else None, -gx if needs[1] else None


@primitive(public=False, takes=REAL)
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


@op(name="smooth_l1_loss", public=False, cost=per_input(5), samples=lambda: [((5,), (5,), 1.0), ((3, 4), (3, 4), 0.5)],
    ref=lambda x, t, beta: np.mean(np.where(np.abs(x - t) < beta, (x - t) ** 2 / (2 * beta), np.abs(x - t) - beta / 2)))
def mean_smooth_error(x, t, beta: float):
    """The mean of ``smooth_error`` for tensors of one shape."""
    return reductions.mean(smooth_error(x, t, beta))


@mean_smooth_error.vjp(cost=per_output(4))
def _(g, x, t, *, beta, needs):
    d = x - t
    gx = where(ge(abs(d), beta), sign(d), d / beta) * (g * (1 / max(x.shape.numel(), 1)))
    return gx if needs[0] else None, -gx if needs[1] else None


@mean_smooth_error.backward.kernel("cpu", name="fused")
def fused_slopes_backward(g, x, t, *, beta, needs):
    scale = g * (1 / max(x.shape.numel(), 1))  # one number: the rest is one loop
    gx = smooth_slope(x, t, scale, beta) if needs[0] else None
    return gx, smooth_slope(t, x, scale, beta) if needs[1] else None


def smooth_l1_loss(input: Tensor, target: Tensor, reduction: str = "mean", beta: float = 1.0) -> Tensor:
    """Squared error divided by ``2 * beta`` near 0, absolute error less ``beta / 2`` from ``beta`` on."""
    if not beta >= 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    input, target = _alike(input, target)
    if reduction == "mean" and beta and input.shape == target.shape and input._k.dtype is target._k.dtype:
        return mean_smooth_error(input, target, float(beta))
    return _reduce(smooth_error(input, target, float(beta)) if beta else abs(input - target), reduction)


@primitive(public=False, takes=REAL)
def huber_error(x, t, delta: float):
    """``d * d / 2`` where ``d = |x - t|`` is at most delta, else ``delta * (d - delta / 2)``."""
    d = m.abs(x - t)
    return 0.5 * d * d if d <= delta else delta * (d - 0.5 * delta)


@huber_error.vjp
def _(g, x, t, *, delta, needs):
    d = x - t
    gx = g * where(gt(abs(d), delta), sign(d) * delta, d)
    return gx if needs[0] else None, -gx if needs[1] else None


def huber_loss(input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0) -> Tensor:
    """Half the squared error up to ``delta``, from there on a line of that slope; of the input's type."""
    if not delta > 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    input, target = _alike(input, target)
    loss = huber_error(input, target, float(delta))
    if loss._k.dtype is not input._k.dtype:
        if not input.dtype.is_floating_point:
            raise RuntimeError(f"huber_loss: result type {loss.dtype.name} can't be cast to the desired output type {input.dtype.name}, "
                               "that of the input")
        loss = loss.to(input.dtype)
    return _reduce(loss, reduction)


@primitive(public=False, takes=REAL, domain=(0.1, 0.9))
def bernoulli_error(x, t):
    """``-(t * log(x) + (1 - t) * log(1 - x))``, logarithms at least -100 so that 0 and 1 stay finite."""
    return -(t * m.maximum(m.log(x), -100.0) + (1 - t) * m.maximum(m.log1p(-x), -100.0))


@bernoulli_error.vjp
def _(g, x, t, *, needs):
    gx = g * (x - t) / clamp_min((1 - x) * x, 1e-12) if needs[0] else None
    return gx, g * (clamp_min(log(1 - x), -100.0) - clamp_min(log(x), -100.0)) if needs[1] else None


def binary_cross_entropy(input: Tensor, target: Tensor, weight: Tensor | None = None, reduction: str = "mean") -> Tensor:
    """``-(target * log(input) + (1 - target) * log(1 - input))`` for probabilities ``input``."""
    if input.shape != target.shape:
        raise ValueError(f"Using a target size ({target.shape}) that is different to the input size ({input.shape}) is deprecated. "
                         "Please ensure they have the same size.")
    if target.dtype is not input.dtype:
        raise RuntimeError(f"binary_cross_entropy: Found dtype {target.dtype.name} but expected {input.dtype.name}: the targets must be of "
                           "the input's type; use target.to(input.dtype)")
    if weight is not None and weight.shape != input.shape:
        _check_broadcast("binary_cross_entropy", "weight", weight, input)
    _check_probabilities("input", input)
    _check_probabilities("target", target)
    loss = bernoulli_error(input, target)
    return _reduce(loss if weight is None else loss * weight.to(loss.dtype), reduction)


def _check_broadcast(name: str, what: str, weight: Tensor, x: Tensor) -> None:
    """An error unless ``weight`` broadcasts to x's shape."""
    if weight.ndim > x.ndim or any(n not in (1, m) for n, m in zip(reversed(weight.shape), reversed(x.shape), strict=False)):
        raise RuntimeError(f"{name}: {what} of shape {list(weight.shape)} does not broadcast to {list(x.shape)}, the shape of the input")


def _check_probabilities(what: str, x: Tensor) -> None:
    """RuntimeError unless all elements are between 0 and 1, which NaN is not. On a GPU a check would wait for the device."""
    if x._k.device.type != "cpu":
        return
    if x._k.dtype in FLOATS:
        at = loss_cpu.first_improbable(contiguous(x)._buf)
    else:
        outside = reshape(logical_not(logical_and(ge(x, 0), le(x, 1))), (-1,)).numpy()
        at = int(outside.argmax()) if outside.any() else -1
    if at >= 0:
        hint = "; for scores use binary_cross_entropy_with_logits" if what == "input" else ""
        raise RuntimeError(f"all elements of {what} should be between 0 and 1, but found {reshape(x.detach(), (-1,))[at].item():g} "
                           f"(binary_cross_entropy: {what} of shape {list(x.shape)}){hint}")


@primitive(public=False, takes=REAL)
def logit_error(x, t):
    """``max(x, 0) - x * t + log(1 + exp(-|x|))``: the binary cross entropy of ``sigmoid(x)`` without overflow.

    Its first two terms as one product, lest an infinite x make NaN of a loss that is infinite.
    """
    return (x * (1 - t) if x > 0 else -(x * t)) + m.log1p(m.exp(-m.abs(x)))


@logit_error.vjp
def _(g, x, t, *, needs):
    return g * (sigmoid(x) - t) if needs[0] else None, -(g * x) if needs[1] else None


def binary_cross_entropy_with_logits(input: Tensor, target: Tensor, weight: Tensor | None = None, reduction: str = "mean",
                                     pos_weight: Tensor | None = None) -> Tensor:
    """The binary cross entropy of ``sigmoid(input)``; positive examples count ``pos_weight`` times."""
    if input.shape != target.shape:
        raise ValueError(f"Target size ({target.shape}) must be the same as input size ({input.shape}): "
                         "reshape one of them, as by target.view_as(input) (binary_cross_entropy_with_logits)")
    if not (input._k.dtype.is_floating_point and target._k.dtype.is_floating_point):
        raise RuntimeError(f"binary_cross_entropy_with_logits: expected input and target of floating types, but got {input.dtype.name} and "
                           f"{target.dtype.name}; use target.to(input.dtype)")
    if weight is not None and weight.shape != input.shape:
        _check_broadcast("binary_cross_entropy_with_logits", "weight", weight, input)
    if pos_weight is None:
        loss = logit_error(input, target)
    else:
        if pos_weight.shape != input.shape:
            _check_broadcast("binary_cross_entropy_with_logits", "pos_weight", pos_weight, input)
        loss = (1 - target) * input - (1 + (pos_weight.to(target.dtype) - 1) * target) * logsigmoid(input)
    return _reduce(loss if weight is None else loss * weight.to(loss.dtype), reduction)


@primitive(public=False, takes=REAL, domain=(0.2, 3))
def divergence(x, t):
    """``t * log(t) - t * x``, where ``0 * log(0)`` is 0."""
    return (t * m.log(t) if t != 0 else 0 * t) - t * x


@divergence.vjp
def _(g, x, t, *, needs):
    return -(g * t) if needs[0] else None, g * (log(t) + 1 - x) if needs[1] else None


def kl_div(input: Tensor, target: Tensor, reduction: str = "mean", log_target: bool = False) -> Tensor:
    """The divergence of ``exp(input)`` from ``target`` (both logarithms if ``log_target``), element by element.

    ``reduction="batchmean"`` divides the sum by the size of the first dimension, which is the divergence
    as mathematics defines it; ``"mean"`` divides by the number of elements.
    """
    if not (input.dtype.is_floating_point and target.dtype.is_floating_point):
        raise RuntimeError(f"kl_div: Integral inputs not supported, but got {input.dtype.name} and {target.dtype.name}; cast with .float()")
    loss = exp(target) * (target - input) if log_target else divergence(input, target)
    if reduction == "batchmean":
        return reductions.sum(loss) / input.shape[0] if input.ndim else reductions.sum(loss)
    if reduction == "mean":
        warnings.warn("reduction: 'mean' divides the total loss by both the batch size and the support size. 'batchmean' divides "
                      "only by the batch size, and aligns with the KL math definition.", stacklevel=2)
    return _reduce(loss, reduction)
