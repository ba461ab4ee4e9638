"""Normalisations: batch, layer, RMS, group and instance norm. The kernels are in ``cpu`` and ``cuda``.

Batch norm computes its statistics in one op and applies them in another, so that neither pass computes them twice. The
gradient of the second op takes into account that the statistics are those of the input.
"""

from __future__ import annotations

from math import prod
from typing import Any

from numtorch._tensor import Tensor, alias
from numtorch.arguments import only_real
from numtorch.dispatch.cost import nbytes, numel, per_output
from numtorch.dispatch.loops import EMPTY, Loop, like
from numtorch.dispatch.op import op
from numtorch.dispatch.samples import positive
from numtorch.dtype import FLOATS, finfo, float32, promote_types
from numtorch.exports import exported
from numtorch.grad_mode import mode
from numtorch.ops import movement, reduction
from numtorch.ops.arithmetic import gt, rsqrt, where
from numtorch.ops.movement import reshape
from numtorch.ops.normalization import cpu, cuda

# --- batch norm -----------------------------------------------------------------------------------


def _extents(x: Tensor) -> tuple[int, int, int]:
    """Images, channels, elements of a channel in an image."""
    n, c, *rest = x.shape
    return n, c, prod(rest)


def _by_channel(t: Tensor, x: Tensor) -> Tensor:
    return reshape(t, (1, -1) + (1,) * (x.ndim - 2))


def _over_channel(x: Tensor) -> tuple[int, ...]:
    return (0, *range(2, x.ndim))


def _centred(x: Tensor, mean: Tensor) -> Tensor:
    """x less the means of its channels (C), or less means and rests of them (2, C)."""
    if mean.ndim == 1:
        return x - _by_channel(mean, x)
    return x - _by_channel(movement.select(mean, 0, 0), x) - _by_channel(movement.select(mean, 0, 1), x)


def _statistics(x: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """Mean and what it lacks (2, C), biased variance, and 1 / standard deviation of each channel."""
    mean = reduction.mean(x, _over_channel(x))
    mean = movement.stack([mean, reduction.mean(_centred(x, mean), _over_channel(x))])
    centred = _centred(x, mean)
    var = reduction.mean(centred * centred, _over_channel(x))
    return mean, var, rsqrt(var + eps)


def _statistics_cost(moments: tuple, x: Tensor, running_mean: Any, running_var: Any, *rest: Any) -> tuple[int, int]:
    # the running statistics are read and written
    return nbytes(moments, x) + 2 * nbytes(running_mean, running_var), 4 * numel(x)


def _channels_grad_cost(
    grads: tuple, g: Tensor, x: Tensor, mean: Tensor, rstd: Tensor, w: Any, *, eps: float, needs: tuple
) -> tuple[int, int]:
    return nbytes(grads, g, x, mean, rstd, w), numel(x) * (4 + 4 * needs[0])


@op(
    public=False,
    differentiable=False,
    cost=_statistics_cost,
    wide=False,
    seeds=("momentum",),
    samples=lambda: [((4, 3, 2), None, None), ((5, 2), None, None, 0.1, 0.001)],
)
def batch_statistics(x, running_mean=None, running_var=None, momentum: float = 0.1, eps: float = 1e-5):
    """(mean, 1 / standard deviation) of each channel of x (N, C, ...); the running statistics follow in place.

    The mean (2, C) is the sum of two numbers: rounded to one it may be off by more than the deviation. The running
    variance follows the unbiased one.
    """
    mean, var, rstd = _statistics(x, eps)
    count = x.shape.numel() / max(x.shape[1], 1)
    unbias = count / (count - 1) if count != 1 else float("inf")
    for running, now in ((running_mean, reduction.sum(mean, 0)), (running_var, var * unbias)):
        if running is not None:
            movement.copy_(running, running * (1 - momentum) + now * momentum)
    return mean, rstd


def _mixed(name: str, x: Tensor, *others: Tensor | None) -> bool:
    """Whether float32 parameters meet an x of a half type, as in mixed precision; RuntimeError for other mixtures."""
    d, mixed = x._k.dtype, False
    for t in others:
        if t is not None and t._k.dtype is not d:
            if not d.is_half or t._k.dtype is not float32:
                raise RuntimeError(
                    f"{name}: mixed dtypes: expected parameters of the input's "
                    f"type{' or float32' if d.is_half else ''}, "
                    f"but the input is {d.name} and a parameter {t.dtype.name}; cast with .to(input.dtype)"
                )
            mixed = True
    return mixed


def _single(t: Any) -> Any:
    """A tensor in float32, or None."""
    return t if t is None or t._k.dtype is float32 else t.to(float32)


@op(
    public=False,
    cost=per_output(2),
    samples=lambda: [((4, 3, 2), (3,), positive((3,)), (3,), (3,)), ((5, 2), (2,), positive((2,)), None, None)],
)
def batch_norm_training(x, mean, rstd, w=None, b=None, eps: float = 1e-5):
    """``(x - mean) * rstd * w + b`` along the channels, where mean (C), or mean and its rest (2, C), and rstd are those
    of x itself."""
    y = _centred(x, mean) * _by_channel(rstd, x)
    y = y if w is None else y * _by_channel(w, x)
    return y if b is None else y + _by_channel(b, x)


@batch_norm_training.vjp(cost=_channels_grad_cost)
def _(g, x, mean, rstd, w, *, eps, needs):
    if mode.grad and x._edge is not None:
        mean, _, rstd = _statistics(x, eps)  # a second derivative goes through them too
    xhat = _centred(x, mean) * _by_channel(rstd, x)
    gb = reduction.sum(g, _over_channel(x))
    gw = reduction.sum(g * xhat, _over_channel(x))
    gx = None
    if needs[0]:
        count = x.shape.numel() / max(x.shape[1], 1)
        scale = rstd if w is None else rstd * w
        gx = (g - _by_channel(gb / count, x) - xhat * _by_channel(gw / count, x)) * _by_channel(scale, x)
    return gx, None, None, gw if needs[3] else None, gb if needs[4] else None


def _given_grad_cost(
    grads: tuple, g: Tensor, x: Tensor, mean: Tensor, var: Tensor, w: Any, *, eps: float, needs: tuple
) -> tuple[int, int]:
    read = nbytes(g, var) + (nbytes(w) if needs[0] else 0) + (nbytes(x, mean) if needs[3] else 0)
    return nbytes(grads) + read, numel(g) * (needs[0] + 4 * needs[3] + needs[4])


@exported("nn.functional")
@op(
    cost=per_output(2),
    lacking=("running_mean", "running_var"),
    aside=("momentum",),
    given=("running_mean", "running_var"),
    samples=lambda: [((4, 3, 2), (3,), positive((3,)), (3,), (3,)), ((5, 2), (2,), positive((2,)), None, None)],
)
def batch_norm(
    x, running_mean, running_var, w=None, b=None, training: bool = False, momentum: float = 0.1, eps: float = 1e-5
):
    """``(input - mean) / sqrt(var + eps) * weight + bias`` for each channel.

    Args:
        input: (N, C, ...), of a floating type; half types are computed in float32.
        running_mean, running_var: (C), used as mean and variance unless training, else moved towards those of the
            batch; both may be None in training.
        weight, bias: (C), of the type of ``input``, or float32 beside a half type; 1 and 0 if None.
        training: whether mean and variance are those of the batch, over all dimensions but the second.
        momentum: how far the running ones are moved, the variance towards the unbiased one. An empty batch moves
            nothing.
        eps: is added to the variance, above 0 in training.

    Returns:
        A tensor of the same shape.

    Raises:
        RuntimeError: fewer than two dimensions, statistics that are missing, or shapes that do not fit.
        ValueError: a batch of one value for each channel in training, or ``eps`` is negative.

    Source: Ioffe and Szegedy 2015, Batch Normalization.

    >>> x = torch.tensor([[1.0, 10.0], [3.0, 30.0]])
    >>> torch.nn.functional.batch_norm(x, None, None, training=True)
    tensor([[-1.0000, -1.0000],
            [ 1.0000,  1.0000]])
    """
    return batch_norm_training.op.body(x, running_mean, rsqrt(running_var + eps), w, b, eps)


@batch_norm.arguments
def _(x, running_mean, running_var, w, b, training, momentum, eps):
    only_real(x._k.dtype, "batch_norm")
    shape = x.shape
    given = {"running_mean": running_mean, "running_var": running_var, "weight": w, "bias": b}
    if len(shape) < 2:
        if shape == (0,) and w is None and b is None and all(t is None or t.shape == (0,) for t in given.values()):
            return _of_nothing
        raise RuntimeError(
            f"batch_norm: expected at least 2D input (N, C, ...), got {len(shape)}D input of shape {list(shape)}"
        )
    for name, t in given.items():
        if t is not None:
            _check_channels(name, t, x)
    if eps < 0 or training and not eps:
        raise ValueError(
            f"batch_norm eps must be {'positive during training' if training else 'non-negative'}, but got {eps}"
        )
    if training and shape.numel() <= shape[1]:
        if shape.numel():
            raise ValueError(f"Expected more than 1 value per channel when training, got input size {shape}")
        return _of_nothing
    if training:
        if (running_mean is None) != (running_var is None):
            raise ValueError("running_mean and running_var must either both be None or neither be None (batch_norm)")
        return _half_batch_norm if x._k.dtype.is_half else _of_batch
    if (
        running_mean is None
        or running_var is None
        or any(t is not None and t.shape != shape[1:2] for t in given.values())
    ):
        if not shape.numel():
            return _of_nothing
        raise RuntimeError("Expected running_mean and running_var to be defined when training=False (batch_norm)")
    if x._k.dtype.is_half and any(t is not None and t._k.dtype is float32 for t in given.values()):
        return _mixed_batch_norm
    return x, running_mean, running_var, w, b, False, momentum, float(eps)


def _mixed_batch_norm(x: Tensor, *rest: Any) -> Tensor:
    tensors, (training, momentum, eps) = [_single(t) for t in (x, *rest[:4])], rest[4:]
    return batch_norm(*tensors, training, momentum, eps).to(x.dtype)


def _of_batch(
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    w: Tensor | None,
    b: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
) -> Tensor:
    plain = x if x._edge is None else x.detach()
    mean, rstd = batch_statistics(plain, running_mean, running_var, float(momentum), float(eps))
    return batch_norm_training(x, mean, rstd, w, b, float(eps))


@batch_norm.vjp(cost=_given_grad_cost)
def _(g, x, running_mean, running_var, w, *, eps, needs):
    rstd = rsqrt(running_var + eps)
    gx = g * _by_channel(rstd if w is None else rstd * w, x) if needs[0] else None
    gw = gb = None
    if needs[3]:
        gw = reduction.sum(g * ((x - _by_channel(running_mean, x)) * _by_channel(rstd, x)), _over_channel(x))
    if needs[4]:
        gb = reduction.sum(g, _over_channel(x))
    return gx, None, None, gw, gb


for _device, _loops in (("cpu", cpu), ("cuda", cuda)):

    @batch_statistics.loop(_device, dtypes=FLOATS, name="moments")
    def _(x, running_mean, running_var, eps, loops=_loops):
        if not numel(x) or (running_mean is None) != (running_var is None):
            return None
        return loops.channel_statistics(x, running_mean, running_var, _extents(x), eps)

    @batch_norm_training.loop(_device, dtypes=FLOATS, name="channels")
    def _(x, mean, rstd, w, b, loops=_loops):
        return loops.normalise_channels(x, mean, rstd, w, b, _extents(x), None)

    @batch_norm_training.backward.loop(_device, dtypes=FLOATS, name="channels")
    def _(g, x, mean, rstd, w, needs, loops=_loops):
        return loops.pull_channels(g, x, mean, rstd, w, _extents(x), None, needs) if numel(x) else None

    @batch_norm.loop(_device, dtypes=FLOATS, name="channels")
    def _(x, running_mean, running_var, w, b, eps, loops=_loops):
        return loops.normalise_channels(x, running_mean, running_var, w, b, _extents(x), eps)


@batch_norm.backward.loop("cpu", dtypes=FLOATS)
def channels_backward(g, x, running_mean, running_var, w, eps, needs):
    return cpu.pull_channels(g, x, running_mean, running_var, w, _extents(x), eps, needs) if numel(x) else None


def _check_channels(name: str, t: Tensor, x: Tensor) -> None:
    """RuntimeError unless a parameter or a running statistic fits the channels and the type of x."""
    if t.shape != (x.shape[1],) and (
        x.shape.numel() or not name.startswith("running")
    ):  # an empty batch meets no statistics
        raise RuntimeError(
            f"{name} should contain {x.shape[1]} elements not {t.shape.numel()} (batch_norm: input of shape "
            f"{list(x.shape)} has {x.shape[1]} channels)"
        )
    _mixed("batch_norm", x, t)


def _of_nothing(
    x: Tensor, running_mean: Any, running_var: Any, weight: Tensor | None, bias: Tensor | None, *rest: Any
) -> Tensor:
    """The batch norm of an empty batch: as empty, with gradients of 0 for weight and bias."""
    y = movement.clone(x)
    for t in (weight, bias):
        if t is not None:
            y = y + reduction.sum(t).to(x.dtype)
    return y


def _half_batch_norm(
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
) -> Tensor:
    """Batch norm by a half type's own statistics, in float32: so are running statistics until they are stored."""
    running = (running_mean, running_var)
    found = [_single(t) for t in running]
    y = batch_norm(_single(x), found[0], found[1], _single(weight), _single(bias), True, momentum, eps)
    for t, moved in zip(running, found, strict=True):
        if t is not None and moved is not None and moved is not t:
            movement.copy_(t, moved)
    return y.to(x.dtype)


# A mean more than 16 standard deviations from 0 is seen as rounded.
FAR = 256.0

# --- rows -----------------------------------------------------------------------------------------


def _row_of(given: dict[str, Any], ndim: int) -> tuple[int, ...]:
    """The dimensions of a row."""
    return tuple(range(ndim - len(given["normalized_shape"]), ndim))


@exported("nn.functional")
@op(
    rows=_row_of,
    samples=lambda: [
        ((4, 6), (6,), (6,), (6,)),
        ((2, 3, 4), (3, 4), (3, 4), (3, 4)),
        ((3, 5), None, None, (5,)),
        ((3, 5), None, (5,), (5,), 0.001),
    ],
)
def layer_norm(x, normalized_shape: tuple, w=None, b=None, eps: float = 1e-5):
    """``(input - mean) / sqrt(var + eps) * weight + bias``, with mean and variance of the last dimensions.

    Args:
        input: (*, *normalized_shape), of a floating type; half types are computed in float32.
        normalized_shape: the last dimensions' sizes, a sequence.
        weight, bias: of shape ``normalized_shape``, of the type of ``input``, or float32 beside a half type; 1 and 0 if
            None.
        eps: is added to the variance.

    Returns:
        A tensor of the same shape.

    Raises:
        RuntimeError: the shapes or types do not fit.

    Source: Ba, Kiros and Hinton 2016, Layer Normalization.

    >>> torch.nn.functional.layer_norm(torch.tensor([[1.0, 3.0], [10.0, 30.0]]), (2,))
    tensor([[-1.0000,  1.0000],
            [-1.0000,  1.0000]])
    """
    y = _centred_rows(x, _last(normalized_shape), eps)
    y = y if w is None else y * w
    return y if b is None else y + b


@layer_norm.arguments
def _(x, normalized_shape, w, b, eps):
    _check_row("layer_norm", x, normalized_shape, w, b)
    only_real(x._k.dtype, "layer_norm")
    if _mixed("layer_norm", x, w, b):
        return _mixed_layer_norm
    return x, normalized_shape, w, b, float(eps)


def _mixed_layer_norm(x: Tensor, normalized_shape: tuple, w: Tensor | None, b: Tensor | None, eps: float) -> Tensor:
    return layer_norm(_single(x), normalized_shape, _single(w), _single(b), eps).to(x.dtype)


@layer_norm.vjp
def _(g, x, w, *, normalized_shape, eps, needs):
    last = _last(normalized_shape)
    d, rest, rstd = _moments(x, last, eps)
    gx = None
    if needs[0]:
        gy = g if w is None else g * w
        total = reduction.mean(gy, last, True)
        slope = (reduction.mean(gy * d, last, True) - rest * total) * rstd * rstd
        gx = (gy - (total - slope * rest) - d * slope) * rstd
    gw = reduction.sum_to(g * (d * rstd - rest * rstd), normalized_shape) if needs[1] else None
    return gx, gw, reduction.sum_to(g, normalized_shape) if needs[2] else None


@exported("nn.functional")
@op(rows=_row_of, samples=lambda: [((3, 5), (5,), (5,), 0.001), ((2, 3, 4), None, (3, 4)), ((4, 6), (6,), (6,))])
def rms_norm(x, normalized_shape: tuple, w=None, eps: float | None = None):
    """``input / sqrt(mean(input ** 2) + eps) * weight``, with the mean over the last dimensions.

    Args:
        input: (*, *normalized_shape), of a floating type.
        normalized_shape: the last dimensions' sizes, a sequence.
        weight: of shape ``normalized_shape``; 1 if None.
        eps: is added to the mean; the machine epsilon of the type if None.

    Returns:
        A tensor of the same shape.

    Raises:
        RuntimeError: the shapes do not fit.

    Source: Zhang and Sennrich 2019, Root Mean Square Layer Normalization.

    >>> torch.nn.functional.rms_norm(torch.tensor([[3.0, 4.0]]), (2,))
    tensor([[0.8485, 1.1314]])
    """
    y = x * _scale(x, _last(normalized_shape), eps)
    return y if w is None else y * w


def _scale(x: Tensor, last: tuple, eps: Any) -> Tensor:
    """1 / the root of the mean square over dimensions."""
    return rsqrt(reduction.mean(x * x, last, True) + eps)


@rms_norm.arguments
def _(x, normalized_shape, w, eps):
    _check_row("rms_norm", x, normalized_shape, w)
    if w is not None and w._k.dtype is not x._k.dtype:
        return _mixed_rms_norm
    return x, normalized_shape, w, float(finfo(x._k.dtype).eps if eps is None else eps)


def _mixed_rms_norm(x: Tensor, normalized_shape: tuple, w: Tensor, eps: float | None) -> Tensor:
    wide = promote_types(promote_types(x.dtype, w.dtype), float32)
    return rms_norm(x.to(wide), normalized_shape, w.to(wide), finfo(x.dtype).eps if eps is None else eps).to(x.dtype)


@rms_norm.vjp
def _(g, x, w, *, normalized_shape, eps, needs):
    last = _last(normalized_shape)
    rstd = _scale(x, last, eps)
    gx = None
    if needs[0]:
        gy = g if w is None else g * w
        gx = (gy - x * (reduction.mean(gy * x, last, True) * rstd * rstd)) * rstd
    return gx, reduction.sum_to(g * (x * rstd), normalized_shape) if needs[1] else None


def _check_row(name: str, x: Tensor, shape: tuple, *parameters: Tensor | None) -> None:
    """An error unless the input ends in ``normalized_shape``, which weight and bias have too."""
    if not shape:
        raise RuntimeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got "
            f"normalized_shape = [] ({name})"
        )
    for what, t in zip(("weight", "bias"), parameters, strict=False):
        if t is not None and tuple(t.shape) != shape:
            raise RuntimeError(
                f"Expected {what} to be of same shape as normalized_shape, but got {what} of shape {list(t.shape)} and "
                f"normalized_shape = {list(shape)} ({name})"
            )
    if tuple(x.shape[-len(shape) :]) != shape:
        stars = ", ".join(["*", *map(str, shape)])
        raise RuntimeError(
            f"Given normalized_shape={list(shape)}, expected input with shape [{stars}], but got input of "
            f"size{list(x.shape)} ({name})"
        )


def _moments(x: Tensor, last: tuple, eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """x less its mean rounded to the type, what that mean lacks, and 1 / standard deviation; over dimensions."""
    mean = reduction.mean(x, last, True)
    d = x - mean
    square = reduction.mean(d * d, last, True)
    distant = gt(mean * mean, square * FAR)
    rest = where(distant, reduction.mean(d, last, True), 0.0)
    e = d - rest
    return d, rest, rsqrt(where(distant, reduction.mean(e * e, last, True), square) + eps)


def _centred_rows(x: Tensor, last: tuple, eps: float) -> Tensor:
    """x less its mean, over its standard deviation; over dimensions."""
    d, rest, rstd = _moments(x, last, eps)
    return d * rstd - rest * rstd


def _last(shape: tuple) -> tuple:
    return tuple(range(-len(shape), 0))


# --- groups ---------------------------------------------------------------------------------------


@exported("nn.functional")
@op(
    cost=per_output(7),
    samples=lambda: [((2, 4, 3), (4,), (4,), 2), ((3, 6), None, (6,), 3), ((2, 4, 2, 5), (4,), None, 1, 0.001)],
)
def group_norm(x, num_groups: int, w=None, b=None, eps: float = 1e-5):
    """``(input - mean) / sqrt(var + eps) * weight + bias`` for each group of channels of each example.

    Args:
        input: (N, C, ...), of a floating type; half types are computed in float32.
        num_groups: into how many groups of neighbours the channels are divided.
        weight, bias: (C), of the type of ``input``, or float32 beside a half type; 1 and 0 if None.
        eps: is added to the variance.

    Returns:
        A tensor of the same shape.

    Raises:
        RuntimeError: fewer than two dimensions, channels that cannot be divided so, or shapes that do not fit.
        ValueError: one example whose groups have one value each.

    Source: Wu and He 2018, Group Normalization.

    >>> torch.nn.functional.group_norm(torch.tensor([[1.0, 3.0, 10.0, 30.0]]), 2)
    tensor([[-1.0000,  1.0000, -1.0000,  1.0000]])
    """
    y = reshape(_centred_rows(_groups(x, num_groups), (1,), eps), x.shape)
    y = y if w is None else y * _by_channel(w, x)
    return y if b is None else y + _by_channel(b, x)


@group_norm.arguments
def _(x, num_groups, w, b, eps):
    only_real(x._k.dtype, "group_norm")
    shape = x.shape
    if len(shape) < 2:
        raise RuntimeError(f"Expected at least 2 dimensions for input tensor but received {len(shape)} (group_norm)")
    if num_groups < 1 or shape[1] % num_groups:
        raise RuntimeError(
            f"Expected number of channels in input to be divisible by num_groups, but got input of shape {list(shape)} "
            f"and num_groups={num_groups}"
        )
    for name, t in (("weight", w), ("bias", b)):
        if t is not None and t.shape != (shape[1],):
            raise RuntimeError(
                f"Expected {name} to be a vector of size equal to the number of channels in input, but got {name} of "
                f"shape {list(t.shape)} and input of shape {list(shape)}"
            )
    if shape[1] == num_groups and shape[0] == 1 and shape.numel() == num_groups:
        raise ValueError(
            f"Expected more than 1 value per channel when training, got input size {list(shape)}: each of the "
            f"{num_groups} groups would be its own mean (group_norm)"
        )
    return _mixed_group_norm if _mixed("group_norm", x, w, b) else (x, num_groups, w, b, float(eps))


def _mixed_group_norm(x: Tensor, num_groups: int, w: Tensor | None, b: Tensor | None, eps: float) -> Tensor:
    return group_norm(_single(x), num_groups, _single(w), _single(b), eps).to(x.dtype)


def _groups(x: Tensor, num_groups: int) -> Tensor:
    """A row for each group of each image."""
    return reshape(x, (x.shape[0] * num_groups, prod(x.shape[1:]) // num_groups))


@group_norm.vjp(cost=per_output(14))
def _(g, x, w, *, num_groups, eps, needs):
    d, rest, rstd = _moments(_groups(x, num_groups), (1,), eps)
    xhat = d * rstd - rest * rstd
    gx = None
    if needs[0]:
        gh = _groups(g if w is None else g * _by_channel(w, x), num_groups)
        gx = reshape((gh - reduction.mean(gh, 1, True) - xhat * reduction.mean(gh * xhat, 1, True)) * rstd, x.shape)
    over = _over_channel(x)
    gw = reduction.sum(g * reshape(xhat, x.shape), over) if needs[1] else None
    return gx, gw, reduction.sum(g, over) if needs[2] else None


@group_norm.loop("cpu", dtypes=FLOATS)
def groups(x, w, b, num_groups, eps):
    return Loop(cpu.groups_forward, (*_extents(x), num_groups, eps), like(x), operands=(x, w, b), weight=cpu.ROW_WEIGHT)


@group_norm.backward.loop("cpu", dtypes=FLOATS)
def groups_backward(g, x, w, num_groups, eps, needs):
    if not numel(x):
        return None
    grads = (like(x), *[like(x, x.shape[1:2]) if need else EMPTY for need in needs[1:]])
    return Loop(cpu.groups_backward, (*_extents(x), num_groups, eps), grads, operands=(g, x, w), weight=cpu.ROW_WEIGHT)


@exported("nn.functional")
def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """``(x - mean) / sqrt(var + eps) * weight + bias`` for each channel of each image: batch norm of one image.

    Args:
        input: (N, C, *).
        running_mean, running_var: (C), moved towards the mean of the images' statistics; None for none.
        weight, bias: (C), or None.
        use_input_stats: take the statistics of each image, else the running ones.
        momentum: weight of new images in the running statistics.
        eps: added to the variance.

    Returns:
        The shape of ``input``.

    Raises:
        ValueError: a channel of an image has one element.

    Source: Ulyanov, Vedaldi, Lempitsky 2016, Instance Normalization.

    >>> torch.nn.functional.instance_norm(torch.tensor([[[1.0, 3.0]]]))
    tensor([[[-1.0000,  1.0000]]])
    """
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    n, c = input.shape[:2]
    if prod(input.shape[2:]) == 1:
        raise ValueError(f"Expected more than 1 spatial element when training, got input size {input.shape}")
    if running_mean is not None and running_var is not None and input.shape.numel():
        half = input._k.dtype.is_half
        plain = reshape(alias(input), (1, n * c, *input.shape[2:]))
        repeated = [movement.repeat(t.to(float32) if half else t, (n,)) for t in (running_mean, running_var)]
        batch_statistics(plain.to(float32) if half else plain, *repeated, float(momentum), float(eps))
        for running, several in zip((running_mean, running_var), repeated, strict=True):
            movement.copy_(running, reduction.mean(reshape(several, (n, c)), 0))
    return group_norm(input, c, weight, bias, eps)
