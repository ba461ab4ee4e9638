"""Normalisations: batch, layer, RMS, group and instance norm. The kernels are in ``cpu`` and ``cuda``.

Batch norm computes its statistics in one op and applies them in another, so that neither pass computes them twice. The gradient of the
second op takes into account that the statistics are those of the input.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any

from numtorch._tensor import Tensor, alias, empty, new
from numtorch.arguments import flag, integer, integers
from numtorch.dispatch.cost import nbytes, numel, per_output
from numtorch.dispatch.op import op, wrote
from numtorch.dtype import FLOATS, finfo, float32, promote_types
from numtorch.exports import exported
from numtorch.grad_mode import mode
from numtorch.ops import movement, reduction
from numtorch.ops.arithmetic import rsqrt
from numtorch.ops.movement import contiguous, reshape
from numtorch.ops.normalization import cpu
from numtorch.ops.normalization import groups as groups_cpu
from numtorch.storage import Size, allocate


def _loops(device: str) -> Any:
    if device == "cpu":
        return cpu
    from numtorch.ops.normalization import cuda

    return cuda


@lru_cache(maxsize=64)
def _nothing(k: Any) -> Any:
    """The buffer that stands for an absent weight or bias."""
    return empty((1,), k.dtype, k.device)._buf[:0]  # of size 0 on every device


def _like(x: Tensor) -> Tensor:
    """An uninitialised tensor in the shape and type of a contiguous one."""
    y, k = new(Tensor), x._k
    y.shape, y._k = x.shape, k
    y._buf = allocate(x._buf.size, k.dtype, k.device)
    return y


def _optional(t: Tensor | None, k: Any) -> Any:
    return _nothing(k) if t is None else t._buf if t._k.contiguous else contiguous(t)._buf


# --- batch norm -----------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def _middle(shape: Size) -> tuple[int, int, int]:
    n, c, *rest = shape
    return n, c, prod(rest)


def _extents(x: Tensor) -> tuple[int, int, int]:
    """Images, channels, elements of a channel in an image."""
    return _middle(x.shape)


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
    return nbytes(moments, x) + 2 * nbytes(running_mean, running_var), 4 * numel(x)  # the running statistics are read and written


def _channels_grad_cost(grads: tuple, g: Tensor, x: Tensor, mean: Tensor, rstd: Tensor, w: Any, *, eps: float,
                        needs: tuple) -> tuple[int, int]:
    return nbytes(grads, g, x, mean, rstd, w), numel(x) * (4 + 4 * needs[0])


@op(public=False, differentiable=False, cost=_statistics_cost, wide=False)
def batch_statistics(x, running_mean=None, running_var=None, momentum: float = 0.1, eps: float = 1e-5):
    """(mean, 1 / standard deviation) of each channel of x (N, C, ...); the running statistics follow in place.

    The mean (2, C) is the sum of two numbers: rounded to one it may be off by more than the deviation. The running variance follows
    the unbiased one.
    """
    mean, var, rstd = _statistics(x, eps)
    count = x.shape.numel() / max(x.shape[1], 1)
    unbias = count / (count - 1) if count != 1 else float("inf")
    for running, now in ((running_mean, reduction.sum(mean, 0)), (running_var, var * unbias)):
        if running is not None:
            movement.copy_(running, running * (1 - momentum) + now * momentum)
    return mean, rstd


@op(name="batch_norm", public=False, cost=per_output(2))
def normalised(x, mean, rstd, w=None, b=None, eps: float = 1e-5):
    """``(x - mean) * rstd * w + b`` along the channels, where mean (C), or mean and its rest (2, C), and rstd are those of x itself."""
    y = _centred(x, mean) * _by_channel(rstd, x)
    y = y if w is None else y * _by_channel(w, x)
    return y if b is None else y + _by_channel(b, x)


@normalised.vjp(cost=_channels_grad_cost)
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


@op(name="batch_norm_eval", public=False, cost=per_output(2))
def normalised_by(x, mean, var, w=None, b=None, eps: float = 1e-5):
    """``(x - mean) / sqrt(var + eps) * w + b`` along the channels, with statistics from elsewhere."""
    return normalised.op.body(x, mean, rsqrt(var + eps), w, b, eps)


def _given_grad_cost(grads: tuple, g: Tensor, x: Tensor, mean: Tensor, var: Tensor, w: Any, *, eps: float,
                     needs: tuple) -> tuple[int, int]:
    read = nbytes(g, var) + (nbytes(w) if needs[0] else 0) + (nbytes(x, mean) if needs[3] else 0)
    return nbytes(grads) + read, numel(g) * (needs[0] + 4 * needs[3] + needs[4])


@normalised_by.vjp(cost=_given_grad_cost)
def _(g, x, mean, var, w, *, eps, needs):
    rstd = rsqrt(var + eps)
    gx = g * _by_channel(rstd if w is None else rstd * w, x) if needs[0] else None
    gw = gb = None
    if needs[3]:
        gw = reduction.sum(g * ((x - _by_channel(mean, x)) * _by_channel(rstd, x)), _over_channel(x))
    if needs[4]:
        gb = reduction.sum(g, _over_channel(x))
    return gx, None, None, gw, gb


def _register_channels(device: str) -> None:
    @batch_statistics.kernel(device, dtypes=FLOATS, name=device)
    def moments(x, running_mean, running_var, momentum, eps):
        x, k = x if x._k.contiguous else contiguous(x), x._k
        apart = (running_mean is None) != (running_var is None)
        if not x.shape.numel() or apart or running_mean is not None and not (running_mean._k.contiguous and running_var._k.contiguous):
            return batch_statistics.op.body(x, running_mean, running_var, momentum, eps)
        n, c, m = _middle(x.shape)
        mean, rstd = empty(Size((2, c)), k.dtype, k.device), empty(Size((c,)), k.dtype, k.device)
        _loops(device).channel_statistics(x._buf, _optional(running_mean, k), _optional(running_var, k), mean._buf, rstd._buf, n, c, m,
                                          momentum, eps)
        if running_mean is not None:
            wrote(running_mean)
            wrote(running_var)
        return mean, rstd

    @normalised.kernel(device, dtypes=FLOATS, name=device)
    def apply(x, mean, rstd, w, b, eps):
        x = contiguous(x)
        out = _like(x)
        if prod(x.shape):
            _loops(device).channel_normalise(x._buf, out._buf, mean._buf, rstd._buf, _optional(w, x._k), _optional(b, x._k), *_extents(x))
        return out

    @normalised.backward.kernel(device, dtypes=FLOATS, name=device)
    def pull(g, x, mean, rstd, w, *, eps, needs):
        x = contiguous(x)
        if not x.shape.numel():
            return normalised.op.gradient.vjp(g, x, mean, rstd, w, eps=eps, needs=needs)
        gx = _like(x)
        gw, gb = [empty(rstd.shape, x._k.dtype, x._k.device) for _ in range(2)]
        _loops(device).channel_pull(contiguous(g)._buf, x._buf, _optional(w, x._k), mean._buf, rstd._buf, gx._buf, gw._buf, gb._buf,
                                    *_extents(x))
        return gx, None, None, gw if needs[3] else None, gb if needs[4] else None

    @normalised_by.kernel(device, dtypes=FLOATS, name=device)
    def apply_given(x, mean, var, w, b, eps):
        x = contiguous(x)
        out = _like(x)
        if prod(x.shape):
            _loops(device).channel_normalise_by(x._buf, out._buf, contiguous(mean)._buf, contiguous(var)._buf, _optional(w, x._k),
                                                _optional(b, x._k), *_extents(x), eps)
        return out


def _mixed(name: str, x: Tensor, *others: Tensor | None) -> bool:
    """Whether float32 parameters meet an x of a half type, as in mixed precision; RuntimeError for other mixtures."""
    d, mixed = x._k.dtype, False
    for t in others:
        if t is not None and t._k.dtype is not d:
            if not d.is_half or t._k.dtype is not float32:
                raise RuntimeError(f"{name}: mixed dtypes: expected parameters of the input's type{' or float32' if d.is_half else ''}, "
                                   f"but the input is {d.name} and a parameter {t.dtype.name}; cast with .to(input.dtype)")
            mixed = True
    return mixed


def _single(t: Any) -> Any:
    """A tensor in float32, or None."""
    return t if t is None or t._k.dtype is float32 else t.to(float32)


@exported("nn.functional")
def batch_norm(input: Tensor, running_mean: Tensor | None, running_var: Tensor | None, weight: Tensor | None = None,
               bias: Tensor | None = None, training: bool = False, momentum: float = 0.1, eps: float = 1e-5) -> Tensor:
    """``(x - mean) / sqrt(var + eps) * weight + bias`` for each channel of (N, C), (N, C, L) or (N, C, H, W) inputs.

    In training the statistics are the batch's, and the running ones move towards them by ``momentum`` (the
    variance towards the unbiased one); otherwise they are the running ones. An empty batch moves nothing. Half types are
    computed in float32; their parameters may be of their own type or float32. Source: Ioffe and Szegedy 2015.
    """
    if training.__class__ is not bool:
        training = flag(training, "batch_norm", "training")
    shape = input.shape
    if len(shape) < 2:
        raise RuntimeError(f"batch_norm: expected at least 2D input (N, C, ...), got {len(shape)}D input of shape {list(shape)}")
    channels = (shape[1],)
    d = input._k.dtype
    fit = True
    for name, t in (("running_mean", running_mean), ("running_var", running_var), ("weight", weight), ("bias", bias)):
        if t is not None and (t.shape != channels or t._k.dtype is not d):
            _check_channels(name, t, input)
            fit = fit and t.shape == channels
    if not training:
        if eps < 0:
            raise ValueError(f"batch_norm eps must be non-negative, but got {eps}")
        if running_mean is None or running_var is None or not fit:
            if not shape.numel():
                return _of_nothing(input, weight, bias)
            raise RuntimeError("Expected running_mean and running_var to be defined when training=False (batch_norm)")
        if d.is_half:
            y = normalised_by(*map(_single, (input, running_mean, running_var, weight, bias)), float(eps))
            return y.to(d)
        return normalised_by(input, running_mean, running_var, weight, bias, float(eps))
    if eps <= 0:
        raise ValueError(f"batch_norm eps must be positive during training, but got {eps}")
    if shape.numel() <= channels[0]:
        if shape.numel():
            raise ValueError(f"Expected more than 1 value per channel when training, got input size {shape}")
        return _of_nothing(input, weight, bias)
    if (running_mean is None) != (running_var is None):
        raise ValueError("running_mean and running_var must either both be None or neither be None (batch_norm)")
    if d.is_half:
        return _half_batch_norm(input, running_mean, running_var, weight, bias, momentum, eps)
    plain = input if input._edge is None else alias(input)
    mean, rstd = batch_statistics(plain, running_mean, running_var, float(momentum), float(eps))
    return normalised(input, mean, rstd, weight, bias, float(eps))


def _check_channels(name: str, t: Tensor, x: Tensor) -> None:
    """RuntimeError unless a parameter or a running statistic fits the channels and the type of x."""
    if t.shape != (x.shape[1],) and (x.shape.numel() or not name.startswith("running")):  # an empty batch meets no statistics
        raise RuntimeError(f"{name} should contain {x.shape[1]} elements not {t.shape.numel()} (batch_norm: input of shape "
                           f"{list(x.shape)} has {x.shape[1]} channels)")
    _mixed("batch_norm", x, t)


def _of_nothing(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """The batch norm of an empty batch: as empty, with gradients of 0 for weight and bias."""
    y = movement.clone(x)
    for t in (weight, bias):
        if t is not None:
            y = y + reduction.sum(t).to(x.dtype)
    return y


def _half_batch_norm(x: Tensor, running_mean: Tensor | None, running_var: Tensor | None, weight: Tensor | None, bias: Tensor | None,
                     momentum: float, eps: float) -> Tensor:
    """Batch norm by a half type's own statistics, in float32: so are running statistics until they are stored."""
    running = (running_mean, running_var)
    found = [_single(t) for t in running]
    y = batch_norm(_single(x), found[0], found[1], _single(weight), _single(bias), True, momentum, eps)
    for t, moved in zip(running, found, strict=True):
        if t is not None and moved is not None and moved is not t:
            movement.copy_(t, moved)
    return y.to(x.dtype)


# --- rows -----------------------------------------------------------------------------------------


def _rows_cost(out: Tensor, x: Tensor, w: Any, b: Any, n: int, eps: float, centred: bool) -> tuple[int, int]:
    return nbytes(out, x, w, b), numel(x) * (3 + 2 * centred + (w is not None) + (b is not None))


def _rows_grad_cost(grads: tuple, g: Tensor, x: Tensor, w: Any, *, n: int, eps: float, centred: bool, needs: tuple) -> tuple[int, int]:
    unit = 3 + 2 * centred  # the statistics are computed again rather than kept
    pulled = (w is not None) + 5 + 2 * centred
    return nbytes(grads, g, x, w), numel(x) * (unit + pulled * needs[0] + 2 * needs[1] + needs[2])


@op(name="layer_norm", public=False, cost=_rows_cost)
def normalised_rows(x, w=None, b=None, n: int = 1, eps: float = 1e-5, centred: bool = True):
    """Rows of ``n`` elements less their mean (if ``centred``), over the root of their mean square, times w (n) plus b (n)."""
    rows = reshape(x, (-1, n) if x.shape.numel() else (x.shape.numel(), n))
    xhat = _unit_rows(rows, eps, centred)[0]
    y = xhat if w is None else xhat * w
    return reshape(y if b is None else y + b, x.shape)


def _unit_rows(rows: Tensor, eps: float, centred: bool) -> tuple[Tensor, Tensor]:
    if centred:
        rows = rows - reduction.mean(rows, 1, True)
        rows = rows - reduction.mean(rows, 1, True)  # what the first mean lacks, rounded to the type
    rstd = rsqrt(reduction.mean(rows * rows, 1, True) + eps)
    return rows * rstd, rstd


@normalised_rows.vjp(cost=_rows_grad_cost)
def _(g, x, w, *, n, eps, centred, needs):
    lines = (-1, n) if x.shape.numel() else (x.shape.numel(), n)
    rows, g = reshape(x, lines), reshape(g, lines)
    xhat, rstd = _unit_rows(rows, eps, centred)
    gx = None
    if needs[0]:
        gw = g if w is None else g * w
        gx = gw - xhat * reduction.mean(gw * xhat, 1, True)
        gx = reshape((gx - reduction.mean(gw, 1, True) if centred else gx) * rstd, x.shape)
    return gx, reduction.sum(g * xhat, 0) if needs[1] else None, reduction.sum(g, 0) if needs[2] else None


def _register_rows(device: str) -> None:
    @normalised_rows.kernel(device, dtypes=FLOATS, name=device)
    def forward(x, w, b, n, eps, centred):
        x = x if x._k.contiguous else contiguous(x)
        out = _like(x)
        if out.shape.numel():
            _loops(device).normalise_rows(x._buf, _optional(w, x._k), _optional(b, x._k), out._buf, out.shape.numel() // n, n, eps, centred)
        return out

    @normalised_rows.backward.kernel(device, dtypes=FLOATS, name=device)
    def pull(g, x, w, *, n, eps, centred, needs):
        x = x if x._k.contiguous else contiguous(x)
        k = x._k
        if not x.shape.numel():
            return normalised_rows.op.gradient.vjp(g, x, w, n=n, eps=eps, centred=centred, needs=needs)
        gx = _like(x)
        gw, gb = [empty(Size((n,)), k.dtype, k.device) if need else None for need in needs[1:]]
        _loops(device).pull_rows(contiguous(g)._buf, x._buf, _optional(w, k), gx._buf, _nothing(k) if gw is None else gw._buf,
                                 _nothing(k) if gb is None else gb._buf, x.shape.numel() // n, n, eps, centred)
        return gx, gw, gb


# --- groups ---------------------------------------------------------------------------------------


@op(name="group_norm", public=False, cost=per_output(7))
def normalised_groups(x, w=None, b=None, groups: int = 1, eps: float = 1e-5):
    """Layer norm without weights over each of ``groups`` groups of channels of x (N, C, ...), times w (C) plus b (C)."""
    y = normalised_rows(x, None, None, prod(x.shape[1:]) // groups, eps, True)
    y = y if w is None else y * _by_channel(w, x)
    return y if b is None else y + _by_channel(b, x)


@normalised_groups.vjp(cost=per_output(14))
def _(g, x, w, *, groups, eps, needs):
    n = prod(x.shape[1:]) // groups
    lines = (-1, n) if x.shape.numel() else (x.shape[0] * groups, n)
    xhat, rstd = _unit_rows(reshape(x, lines), eps, True)
    gx = None
    if needs[0]:
        gh = reshape(g if w is None else g * _by_channel(w, x), lines)
        gx = reshape((gh - reduction.mean(gh, 1, True) - xhat * reduction.mean(gh * xhat, 1, True)) * rstd, x.shape)
    over = _over_channel(x)
    gw = reduction.sum(g * reshape(xhat, x.shape), over) if needs[1] else None
    return gx, gw, reduction.sum(g, over) if needs[2] else None


@normalised_groups.kernel("cpu", dtypes=FLOATS, functions=groups_cpu.GROUPS_FORWARD)
def by_groups(x, w, b, groups, eps):
    x = x if x._k.contiguous else contiguous(x)
    out = _like(x)
    if out._buf.size:
        groups_cpu.normalise_groups(x._buf, _optional(w, x._k), _optional(b, x._k), out._buf, *_extents(x), groups, eps)
    return out


@normalised_groups.backward.kernel("cpu", dtypes=FLOATS, functions=groups_cpu.GROUPS_BACKWARD)
def pull_by_groups(g, x, w, *, groups, eps, needs):
    x = x if x._k.contiguous else contiguous(x)
    k = x._k
    if not x._buf.size:
        return normalised_groups.op.gradient.vjp(g, x, w, groups=groups, eps=eps, needs=needs)
    gx, gw, gb = _like(x), empty((x.shape[1],), k.dtype, k.device), empty((x.shape[1],), k.dtype, k.device)
    groups_cpu.pull_groups(contiguous(g)._buf, x._buf, _optional(w, k), gx._buf, gw._buf, gb._buf, *_extents(x), groups, eps)
    return gx, gw if needs[1] else None, gb if needs[2] else None


@normalised_by.backward.kernel("cpu", dtypes=FLOATS, functions=(*cpu.SCALE, *cpu.PLANE_PRODUCTS, *cpu.COLUMN_PRODUCTS))
def pull_given(g, x, mean, var, w, *, eps, needs):
    x, k = contiguous(x), x._k
    if not x._buf.size:
        return normalised_by.op.gradient.vjp(g, x, mean, var, w, eps=eps, needs=needs)
    gx = _like(x) if needs[0] else None
    gw, gb = [empty(mean.shape, k.dtype, k.device) if needs[3] or needs[4] else None for _ in range(2)]
    cpu.channel_pull_given(contiguous(g)._buf, x._buf, _optional(w, k), contiguous(mean)._buf, contiguous(var)._buf,
                           None if gx is None else gx._buf, None if gw is None else gw._buf, None if gb is None else gb._buf,
                           *_extents(x), eps)
    return gx, None, None, gw if needs[3] else None, gb if needs[4] else None


for _device in ("cpu", "cuda"):
    _register_channels(_device)
    _register_rows(_device)


def _row(name: str, x: Tensor, normalized_shape: Any, weight: Tensor | None, bias: Tensor | None = None) -> int:
    """Elements of a row; an error unless the input ends in ``normalized_shape``."""
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else normalized_shape
    if shape.__class__ is not tuple or len(shape) != 1 or shape[0].__class__ is not int:
        shape = integers(shape, name, "normalized_shape")
    return _row_length(name, x.shape, shape, None if weight is None else weight.shape, None if bias is None else bias.shape)


@lru_cache(maxsize=4096)
def _row_length(name: str, given: Size, shape: tuple, weight: Size | None, bias: Size | None) -> int:
    if not shape:
        raise RuntimeError("Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got "
                           f"normalized_shape = [] ({name})")
    for what, size in (("weight", weight), ("bias", bias)):
        if size is not None and tuple(size) != shape:
            raise RuntimeError(f"Expected {what} to be of same shape as normalized_shape, but got {what} of shape {list(size)} and "
                               f"normalized_shape = {list(shape)} ({name})")
    if tuple(given[-len(shape) :]) != shape:
        stars = ", ".join(["*", *map(str, shape)])
        raise RuntimeError(f"Given normalized_shape={list(shape)}, expected input with shape [{stars}], but got input of "
                           f"size{list(given)} ({name})")
    return prod(shape)


def _flat(t: Tensor | None) -> Tensor | None:
    return t if t is None or len(t.shape) == 1 else reshape(t, (-1,))


@exported("nn.functional")
def layer_norm(input: Tensor, normalized_shape: Any, weight: Tensor | None = None, bias: Tensor | None = None,
               eps: float = 1e-5) -> Tensor:
    """The last dimensions less their mean, over ``sqrt(var + eps)``, times weight plus bias. Source: Ba, Kiros, Hinton 2016.

    >>> import numtorch as torch
    >>> from numtorch.ops.normalization import layer_norm
    >>> layer_norm(torch.tensor([[1.0, 3.0]]), (2,))
    tensor([[-1.0000,  1.0000]])
    """
    n = _row("layer_norm", input, normalized_shape, weight, bias)
    if _mixed("layer_norm", input, weight, bias):
        return normalised_rows(*map(_single, (input, _flat(weight), _flat(bias))), n, float(eps), True).to(input.dtype)
    return normalised_rows(input, _flat(weight), _flat(bias), n, float(eps), True)


@exported("nn.functional")
def rms_norm(input: Tensor, normalized_shape: Any, weight: Tensor | None = None, eps: float | None = None) -> Tensor:
    """The last dimensions over the root of their mean square. Source: Zhang and Sennrich 2019."""
    n = _row("rms_norm", input, normalized_shape, weight)
    d = input._k.dtype
    eps = float(finfo(d).eps if eps is None else eps)
    if weight is not None and weight._k.dtype is not d:
        wide = promote_types(promote_types(d, weight.dtype), float32)
        return normalised_rows(input.to(wide), _flat(weight.to(wide)), None, n, eps, False).to(d)
    return normalised_rows(input, _flat(weight), None, n, eps, False)


@exported("nn.functional")
def group_norm(input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5) -> Tensor:
    """Layer norm over each of ``num_groups`` groups of channels of (N, C, ...). Source: Wu and He 2018."""
    shape = input.shape
    if len(shape) < 2:
        raise RuntimeError(f"Expected at least 2 dimensions for input tensor but received {len(shape)} (group_norm)")
    if num_groups.__class__ is not int:
        num_groups = integer(num_groups, "group_norm", "num_groups")
    if num_groups < 1 or shape[1] % num_groups:
        raise RuntimeError(f"Expected number of channels in input to be divisible by num_groups, but got input of shape {list(shape)} "
                           f"and num_groups={num_groups}")
    channels, d, mixed = (shape[1],), input._k.dtype, False
    for t in (weight, bias):
        if t is not None:
            if t.shape != channels:
                name = "weight" if t is weight else "bias"
                raise RuntimeError(f"Expected {name} to be a vector of size equal to the number of channels in input, but got {name} of "
                                   f"shape {list(t.shape)} and input of shape {list(shape)}")
            mixed = mixed or t._k.dtype is not d
    if shape[1] == num_groups and shape[0] == 1 and shape.numel() == num_groups:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {list(shape)}: each of the {num_groups} "
                         "groups would be its own mean (group_norm)")
    if mixed and _mixed("group_norm", input, weight, bias):
        return normalised_groups(*map(_single, (input, weight, bias)), num_groups, float(eps)).to(input.dtype)
    return normalised_groups(input, weight, bias, num_groups, float(eps))


def instance_norm(input: Tensor, running_mean: Tensor | None = None, running_var: Tensor | None = None, weight: Tensor | None = None,
                  bias: Tensor | None = None, use_input_stats: bool = True, momentum: float = 0.1, eps: float = 1e-5) -> Tensor:
    """Batch norm of each image alone. Source: Ulyanov, Vedaldi, Lempitsky 2016."""
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    n, c = input.shape[:2]
    if prod(input.shape[2:]) == 1:
        raise ValueError(f"Expected more than 1 spatial element when training, got input size {input.shape}")
    if running_mean is not None and running_var is not None and input.shape.numel():
        half = input._k.dtype.is_half
        plain = reshape(alias(input), (1, n * c, *input.shape[2:]))
        repeated = [movement.repeat(t.to(float32) if half else t, n) for t in (running_mean, running_var)]
        batch_statistics(plain.to(float32) if half else plain, *repeated, float(momentum), float(eps))
        for running, several in zip((running_mean, running_var), repeated, strict=True):
            movement.copy_(running, reduction.mean(reshape(several, (n, c)), 0))
    return group_norm(input, c, weight, bias, eps)
