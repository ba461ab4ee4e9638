"""The updates of the optimizers: one pass over parameter, gradient and state.

Each body is the published algorithm for one parameter, written in ops. Numbers that need more precision than the
parameters have (bias corrections, ``1 - beta``) are arguments: the optimizer computes them in double precision.
Products begin with the factor that makes them small, so that no intermediate result overflows if the final one does
not.
"""

from __future__ import annotations

from typing import Any

from numtorch._tensor import Tensor
from numtorch.autograd.inplace import wrote
from numtorch.device import CPU
from numtorch.dispatch.update import overwrite, update
from numtorch.dtype import FLOATS
from numtorch.kernels import tables
from numtorch.ops.arithmetic import maximum, minimum, sqrt, where
from numtorch.ops.elementary import abs, isnan, sign
from numtorch.storage import UNSHARED, tick


def along(x: Any, g: Any, weight_decay: Any, decay: bool, maximize: bool) -> Any:
    """What the parameter moves against: the gradient, or its negative, and the pull of weight decay."""
    d = -g if maximize else g
    return d + x * weight_decay if decay else d


@update
def sgd_step(
    x,
    g,
    m=None,
    lr: float = 1e-3,
    momentum: float = 0.0,
    gain: float = 1.0,
    weight_decay: float = 0.0,
    decay: bool = False,
    nesterov: bool = False,
    maximize: bool = False,
):
    """``m = momentum * m + gain * g; x -= lr * m``; without ``m``, ``x -= lr * g`` (Sutskever et al. 2013).

    ``gain`` is ``1 - dampening``, and 1 on the first step, when m is 0.
    """
    d = along(x, g, weight_decay, decay, maximize)
    if m is None:
        return overwrite((x,), (x - d * lr,))
    m_new = m * momentum + d * gain
    move = d * lr + m_new * lr * momentum if nesterov else m_new * lr
    return overwrite((x, m), (x - move, m_new))


@update
def adam_step(
    x,
    g,
    m,
    v,
    top=None,
    beta1: float = 0.9,
    gain1: float = 0.1,
    beta2: float = 0.999,
    gain2: float = 1e-3,
    rate: float = 1e-3,
    root: float = 1.0,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    shrink: float = 1.0,
    decay: bool = False,
    decoupled: bool = False,
    maximize: bool = False,
):
    """``m = beta1*m + gain1*g; v = beta2*v + gain2*g*g; x -= rate * m / (sqrt(v)/root + eps)`` (Kingma and Ba 2015).

    With step number t, ``rate`` is lr / (1 - beta1**t) and ``root`` sqrt(1 - beta2**t). ``decoupled`` multiplies x by
    ``shrink`` instead of adding ``weight_decay * x`` to the gradient (Loshchilov and Hutter 2019). ``top`` is the
    largest v so far, which then divides in its place (AMSGrad, Reddi et al. 2018).
    """
    d = along(x, g, weight_decay, decay, maximize)
    start = x * shrink if decoupled else x
    m_new = m * beta1 + d * gain1
    v_new = v * beta2 + d * gain2 * d
    if top is None:
        return overwrite((x, m, v), (start - m_new * rate / (sqrt(v_new) / root + eps), m_new, v_new))
    top_new = maximum(top, v_new)
    return overwrite((x, m, v, top), (start - m_new * rate / (sqrt(top_new) / root + eps), m_new, v_new, top_new))


@update
def rmsprop_step(
    x,
    g,
    v,
    m=None,
    mean=None,
    lr: float = 1e-2,
    alpha: float = 0.99,
    gain: float = 0.01,
    eps: float = 1e-8,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
    decay: bool = False,
    maximize: bool = False,
):
    """``v = alpha*v + gain*g*g; x -= lr * g / (sqrt(v) + eps)`` (Hinton 2012).

    With ``mean``, the running mean of g, v - mean**2 divides (Graves 2013); with ``m``, ``m = momentum*m + g / ...`` is
    what x moves along.
    """
    d = along(x, g, weight_decay, decay, maximize)
    v_new = v * alpha + d * gain * d
    targets: tuple = (v,)
    values: tuple = (v_new,)
    spread = v_new
    if mean is not None:
        mean_new = mean + (d - mean) * gain
        square = mean_new * mean_new
        # rounding may leave v below what it cannot be below, and a root of that is NaN
        spread = maximum(v_new, square) - square
        targets, values = (*targets, mean), (*values, mean_new)
    move = d / (sqrt(spread) + eps)
    if m is not None:
        move = m * momentum + move
        targets, values = (*targets, m), (*values, move)
    return overwrite((x, *targets), (x - move * lr, *values))


@update
def adagrad_step(
    x,
    g,
    v,
    rate: float = 1e-2,
    eps: float = 1e-10,
    weight_decay: float = 0.0,
    decay: bool = False,
    maximize: bool = False,
):
    """``v += g*g; x -= rate * g / (sqrt(v) + eps)`` (Duchi, Hazan, Singer 2011)."""
    d = along(x, g, weight_decay, decay, maximize)
    v_new = v + d * d
    return overwrite((x, v), (x - d / (sqrt(v_new) + eps) * rate, v_new))


@update
def adadelta_step(
    x,
    g,
    v,
    u,
    lr: float = 1.0,
    rho: float = 0.9,
    gain: float = 0.1,
    eps: float = 1e-6,
    weight_decay: float = 0.0,
    decay: bool = False,
    maximize: bool = False,
):
    """``v = rho*v + gain*g*g; s = g * sqrt(u + eps) / sqrt(v + eps); u = rho*u + gain*s*s; x -= lr * s`` (Zeiler
    2012)."""
    d = along(x, g, weight_decay, decay, maximize)
    v_new = v * rho + d * gain * d
    s = sqrt(u + eps) / sqrt(v_new + eps) * d
    return overwrite((x, v, u), (x - s * lr, v_new, u * rho + s * gain * s))


@update
def adamax_step(
    x,
    g,
    m,
    top,
    beta1: float = 0.9,
    gain1: float = 0.1,
    beta2: float = 0.999,
    rate: float = 2e-3,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    decay: bool = False,
    maximize: bool = False,
):
    """``m = beta1*m + gain1*g; top = max(beta2*top, abs(g) + eps); x -= rate * m / top`` (Kingma and Ba 2015)."""
    d = along(x, g, weight_decay, decay, maximize)
    m_new = m * beta1 + d * gain1
    top_new = maximum(top * beta2, abs(d) + eps)
    return overwrite((x, m, top), (x - m_new * rate / top_new, m_new, top_new))


@update
def nadam_step(
    x,
    g,
    m,
    v,
    beta1: float = 0.9,
    gain1: float = 0.1,
    beta2: float = 0.999,
    gain2: float = 1e-3,
    rate: float = 1e-3,
    rate_ahead: float = 1e-3,
    root: float = 1.0,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    shrink: float = 1.0,
    decay: bool = False,
    decoupled: bool = False,
    maximize: bool = False,
):
    """Adam's m and v; ``x -= (rate * g + rate_ahead * m) / (sqrt(v)/root + eps)`` (Dozat 2016)."""
    d = along(x, g, weight_decay, decay, maximize)
    start = x * shrink if decoupled else x
    m_new = m * beta1 + d * gain1
    v_new = v * beta2 + d * gain2 * d
    size = sqrt(v_new) / root + eps
    return overwrite((x, m, v), (start - d * rate / size - m_new * rate_ahead / size, m_new, v_new))


@update
def radam_step(
    x,
    g,
    m,
    v,
    gain1: float = 0.1,
    beta2: float = 0.999,
    gain2: float = 1e-3,
    rate: float = 1e-3,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    shrink: float = 1.0,
    adaptive: bool = True,
    decay: bool = False,
    decoupled: bool = False,
    maximize: bool = False,
):
    """Adam's m and v; ``x -= rate * m / (sqrt(v) + eps)`` if ``adaptive``, else ``x -= rate * m`` (Liu et al. 2020)."""
    d = along(x, g, weight_decay, decay, maximize)
    start = x * shrink if decoupled else x
    m_new = m + (d - m) * gain1  # an infinite gradient makes the next mean NaN, as in torch
    v_new = v * beta2 + d * gain2 * d
    move = m_new * rate / (sqrt(v_new) + eps) if adaptive else m_new * rate
    return overwrite((x, m, v), (start - move, m_new, v_new))


@update
def asgd_step(
    x,
    g,
    mean,
    rate: float = 1e-2,
    shrink: float = 1.0,
    share: float = 1.0,
    weight_decay: float = 0.0,
    averages: bool = False,
    decay: bool = False,
    maximize: bool = False,
):
    """``x = shrink * x - rate * g``; ``mean`` goes the part ``share`` of the way to x (Polyak and Juditsky 1992)."""
    d = along(x, g, weight_decay, decay, maximize)
    x_new = x * shrink - d * rate
    return overwrite((x, mean), (x_new, mean + (x_new - mean) * share if averages else x_new))


@update
def rprop_step(
    x,
    g,
    before,
    size,
    fewer: float = 0.5,
    more: float = 1.2,
    least: float = 1e-6,
    most: float = 50.0,
    maximize: bool = False,
):
    """``size`` becomes larger where g has the sign that it had before, smaller where it has the other; ``x -= size *
    sign(g)``, which waits for a step where the sign has changed (Riedmiller and Braun 1993)."""
    d = -g if maximize else g
    same = d * before
    turned = same < 0
    size_new = minimum(maximum(where(same > 0, size * more, where(turned, size * fewer, size)), least), most)
    d_new = where(turned, 0.0, d)
    return overwrite((x, before, size), (x - sign(d_new) * size_new, d_new, size_new))


@update
def scale_each(x, factor: float = 1.0):
    """``x *= factor``."""
    return overwrite((x,), (x * factor,))


@update
def limit_each(x, least: float = 0.0, most: float = 1.0):
    """``x = min(max(x, least), most)``; NaN stays."""
    return overwrite((x,), (minimum(maximum(x, least), most),))


@update
def fill_each(x, value: float = 0.0):
    """``x = value``."""
    return overwrite((x,), (where(isnan(x), value, value),))


def advance(step: Tensor) -> float:
    """Add one to the 0-dim tensor that counts a parameter's steps; return the count."""
    if step._k.device is CPU and not step._k.dtype.is_half:
        count = step._buf.item(0) + 1.0
        step._buf[0] = count
        storage = step._storage
        if storage is UNSHARED:
            wrote(step)
        else:
            storage.version += 1
            storage.written = tick()
        return count
    step.add_(1)
    return float(step.item())


def advance_all(steps: list[Tensor]) -> list[float]:
    """``advance`` of each; of those that count alike, in one launch."""
    kinds = {t._k for t in steps}
    if len(kinds) == 1:
        (k,) = kinds
        buffers = [t._buf for t in steps]
        if k.device is CPU and k.contiguous and k.dtype in FLOATS and len(set(map(id, buffers))) == len(steps):
            like = tables.chunks((1,), k.dtype.storage)[1]
            count = tables.count_on(like, tables.table(buffers), tables.WITHIN)
            if count > 0.0:  # neither NaN nor what a kernel gives that is not run
                for t in steps:
                    wrote(t)
                return [count] * len(steps)
    return [advance(t) for t in steps]
