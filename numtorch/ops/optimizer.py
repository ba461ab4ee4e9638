"""The updates of the optimizers: one pass over parameter, gradient and state.

Each body is the published algorithm for one parameter, written in ops. Numbers that need more precision than the
parameters have (bias corrections, ``1 - beta``) are arguments: the optimizer computes them in double precision.
Products begin with the factor that makes them small, so that no intermediate result overflows if the final one does
not.
"""

from __future__ import annotations

from numtorch._tensor import Tensor
from numtorch.autograd.inplace import wrote
from numtorch.device import CPU
from numtorch.dispatch.update import overwrite, update
from numtorch.ops.arithmetic import maximum, sqrt
from numtorch.storage import UNSHARED, tick


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
    d = -g if maximize else g
    if decay:
        d = d + x * weight_decay
    if m is None:
        return overwrite((x,), (x - d * lr,))
    m_new = m * momentum + d * gain
    along = d * lr + m_new * lr * momentum if nesterov else m_new * lr
    return overwrite((x, m), (x - along, m_new))


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
    d = -g if maximize else g
    if decay:
        d = d + x * weight_decay
    if decoupled:
        x_old, x = x, x * shrink
    else:
        x_old = x
    m_new = m * beta1 + d * gain1
    v_new = v * beta2 + d * gain2 * d
    if top is None:
        return overwrite((x_old, m, v), (x - m_new * rate / (sqrt(v_new) / root + eps), m_new, v_new))
    top_new = maximum(top, v_new)
    return overwrite((x_old, m, v, top), (x - m_new * rate / (sqrt(top_new) / root + eps), m_new, v_new, top_new))


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
    d = -g if maximize else g
    if decay:
        d = d + x * weight_decay
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
    along = d / (sqrt(spread) + eps)
    if m is not None:
        along = m * momentum + along
        targets, values = (*targets, m), (*values, along)
    return overwrite((x, *targets), (x - along * lr, *values))


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
