"""Activations: elementwise ones, and softmax along a dimension."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from numtorch import notices, ops
from numtorch._tensor import Tensor
from numtorch.arguments import element, only_real
from numtorch.dispatch import samples
from numtorch.dispatch.op import op, primitive
from numtorch.dispatch.out import SAME, into
from numtorch.dtype import COMPLEXES, COMPUTED, INTEGERS
from numtorch.dtype import bool as BOOL
from numtorch.exports import exported
from numtorch.kernels import math as m
from numtorch.kernels.codegen.expr import Expr
from numtorch.ops.arithmetic import (
    REAL,
    SIGNED,
    clamp_both,
    exp,
    ge,
    gt,
    le,
    log,
    logical_and,
    logical_or,
    lt,
    maximum,
    minimum,
    where,
    wrapped,
)
from numtorch.storage import wrap_dim

# Of an element that is NaN the piecewise ones let the gradient pass as it is: a loss that is NaN shall not leave
# gradients that look healthy. Their corners belong to the flat side, as in torch.


def _no_truths(name: str, values: tuple) -> None:
    if any(isinstance(v, Tensor) and v._k.dtype is BOOL for v in values):
        raise RuntimeError(f"Boolean inputs not supported for {name}; cast with .int() or .float()")


@exported("torch", "Tensor")
@primitive(ref=lambda x: np.maximum(x, 0), takes=SIGNED, check=_no_truths)
def relu(x):
    """``max(input, 0)``; its gradient at 0 is 0, and NaN stays NaN.

    Args:
        input: of real numbers but booleans.

    Raises:
        RuntimeError: ``input`` is boolean.

    >>> torch.relu(torch.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    return m.maximum(x, 0)


@relu.vjp
def _(g, *, out):
    return where(le(out, 0), 0.0, g)


@exported("torch", "Tensor", "nn.functional")
@exported("special", name="expit")
@primitive(floats=True, ref=lambda x: 1 / (1 + np.exp(-x)), takes=COMPUTED)
def sigmoid(x):
    """``1 / (1 + exp(-input))``.

    Args:
        input: of any shape; integers and booleans are computed in the default floating type.

    >>> torch.sigmoid(torch.tensor([0.0, 2.0]))
    tensor([0.5000, 0.8808])
    """
    return m.sigmoid(x)


@sigmoid.vjp
def _(g, *, out):
    return g * (out * (1 - out))


@exported("torch", "Tensor", "nn.functional")
@primitive(floats=True, ref=np.tanh, takes=COMPUTED)
def tanh(x):
    """The hyperbolic tangent, ``(exp(input) - exp(-input)) / (exp(input) + exp(-input))``.

    Args:
        input: of any shape; integers and booleans are computed in the default floating type.

    >>> torch.tanh(torch.tensor([0.0, 1.0]))
    tensor([0.0000, 0.7616])
    """
    return m.tanh(x)


@tanh.vjp
def _(g, *, out):
    return g * (1 - out * out)


@primitive(takes=REAL, ref=lambda x, slope: np.where(x > 0, x, x * slope))
def leaky_relu(x, negative_slope: float = 0.01):
    """``x`` where positive, else ``negative_slope * x``."""
    return x if x > 0 else x * negative_slope


@leaky_relu.vjp
def _(g, x, *, negative_slope):
    return where(gt(x, 0), g, g * negative_slope)


@primitive(takes=REAL, ref=lambda x, alpha: np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0))))
def elu(x, alpha: float = 1.0):
    """``x`` where positive, else ``alpha * (exp(x) - 1)``."""
    return x if x > 0 else alpha * m.expm1(m.minimum(x, 0))


@elu.vjp
def _(g, x, *, alpha):
    return where(le(x, 0), g * (alpha * exp(x)), g)


@primitive(takes=REAL, ref=lambda x, alpha: np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0) / alpha)))
def celu(x, alpha: float = 1.0):
    """``x`` where positive, else ``alpha * (exp(x / alpha) - 1)`` (Barron 2017)."""
    return x if x > 0 else alpha * m.expm1(m.minimum(x, 0) / alpha)


@celu.vjp
def _(g, x, *, alpha):
    return where(le(x, 0), g * exp(x / alpha), g)


@primitive(takes=REAL, ref=lambda x, w: np.where(x > 0, x, x * w), torch=lambda t, x, w: t.where(x > 0, x, x * w))
def prelu(x, w):
    """``x`` where positive, else ``w * x``."""
    return x if x > 0 else w * x


@prelu.vjp
def _(g, x, w, *, needs):
    return (where(gt(x, 0), g, g * w) if needs[0] else None), (where(gt(x, 0), 0.0, g * x) if needs[1] else None)


@primitive(name="silu", takes=(*REAL, *COMPLEXES), ref=lambda x: x / (1 + np.exp(-x)))
def silu(x):
    """``x * sigmoid(x)`` (Hendrycks and Gimpel 2016; also called swish)."""
    return x * m.sigmoid(x)


@silu.vjp
def _(g, x):
    s = sigmoid(x)
    return g * (s * (1 + x * (1 - s)))


@primitive(name="gelu", public=False, takes=REAL, ref=lambda x: x * 0.5 * (1 + samples.erf(x / np.sqrt(2))))
def gelu_erf(x):
    """``x`` times the normal distribution's probability below it (Hendrycks and Gimpel 2016)."""
    return x * m.normal_cdf(x)


@gelu_erf.vjp
def _(g, x):
    return g * (normal_cdf(x) + x * exp(x * x * -0.5) * 0.3989422804014327)


@primitive(
    public=False,
    floats=True,
    ref=lambda x: 0.5 * (1 + samples.erf(x / np.sqrt(2))),
    torch=lambda t, x: (0.5 * (1 + t.erf(x.double() * 0.5**0.5))).to(x.dtype if x.is_floating_point() else t.float32),
)
def normal_cdf(x):
    """The standard normal distribution's probability below ``x``."""
    return m.normal_cdf(x)


@normal_cdf.vjp
def _(g, x):
    return g * (exp(x * x * -0.5) * 0.3989422804014327)


@primitive(
    public=False,
    takes=REAL,
    ref=lambda x: x * 0.5 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
    torch=lambda t, x: t.nn.functional.gelu(x, approximate="tanh"),
)
def gelu_tanh(x):
    """The tanh approximation of gelu."""
    return x * 0.5 * (1 + m.tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)))


@gelu_tanh.vjp
def _(g, x):
    inner = tanh((x + x * x * x * 0.044715) * 0.7978845608028654)
    near = minimum(x, 16.0)  # where the tangent is flat, 0 times the square of a large number would be NaN
    near = maximum(near, -16.0)
    slope = (near * near * 0.134145 + 1) * 0.7978845608028654
    return g * ((inner + 1) * 0.5 + near * 0.5 * (1 - inner * inner) * slope)


@exported("nn.functional")
def gelu(input: Tensor, approximate: str = "none", *, out: Any = None) -> Tensor:
    """``input * Phi(input)``, element by element, where ``Phi`` is the normal distribution's probability of less.

    Args:
        input: of a floating type.
        approximate: ``"none"``, or ``"tanh"`` for ``x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x ** 3)))``.

    Raises:
        RuntimeError: another ``approximate``.

    Source: Hendrycks and Gimpel 2016, Gaussian Error Linear Units.

    >>> torch.nn.functional.gelu(torch.tensor([-1.0, 0.0, 1.0]))
    tensor([-0.1587,  0.0000,  0.8413])
    """
    if out is not None:
        return into(out, SAME, gelu, input, approximate)
    if approximate == "none":
        return gelu_erf(input)
    if approximate == "tanh":
        return gelu_tanh(input)
    raise RuntimeError(f"approximate argument must be either none or tanh, got {approximate!r}")


@exported("nn.functional")
@primitive(
    takes=REAL, ref=lambda x, beta, threshold: np.where(x * beta > threshold, x, np.log1p(np.exp(x * beta)) / beta)
)
def softplus(x, beta: float = 1.0, threshold: float = 20.0):
    """``log(1 + exp(beta * input)) / beta``; the input itself above the threshold, where both are equal anyway.

    Args:
        input: of a floating type.
        beta: how sharp the bend is.
        threshold: of ``beta * input``.

    >>> torch.nn.functional.softplus(torch.tensor([-1.0, 0.0, 30.0]))
    tensor([ 0.3133,  0.6931, 30.0000])
    """
    return x if x * beta > threshold else m.log1p(m.exp(m.minimum(x * beta, threshold))) / beta


@softplus.vjp
def _(g, x, *, beta, threshold):
    return where(gt(x * beta, threshold), g, g * sigmoid(x * beta))


@exported("nn.functional")
@primitive(takes=REAL, ref=lambda x: -np.log1p(np.exp(-x)))
def logsigmoid(x):
    """``log(sigmoid(input))`` without overflow.

    Args:
        input: of a floating type.

    >>> torch.nn.functional.logsigmoid(torch.tensor([0.0, -1000.0]))
    tensor([-6.9315e-01, -1.0000e+03])
    """
    return m.minimum(x, 0) - m.log1p(m.exp(-m.abs(x)))


@logsigmoid.vjp
def _(g, x):
    return g * sigmoid(-x)


@primitive(name="hardtanh", takes=REAL, rounded=True, public=False, ref=np.clip)
def between(x, low: float = -1.0, high: float = 1.0):
    """Elements limited to ``[low, high]``."""
    above = low if x < low else x
    return high if above > high else above


@between.vjp
def _(g, x, *, low, high):
    return where(logical_or(le(x, low), ge(x, high)), 0.0, g)


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """Elements limited to ``[min_val, max_val]``; the gradient is 0 at the limits. Integers stay what they are."""
    if input._k.dtype.is_floating_point:
        return between(input, min_val, max_val)
    _no_truths("hardtanh", (input,))
    d = input._k.dtype
    if min_val < 0 and not d.is_signed:
        raise RuntimeError(f"cannot do hardtanh on an unsigned type with negative limits: {min_val} for {d.name}")
    return clamp_both(input, element(min_val, d), element(max_val, d))


def relu6(input: Tensor) -> Tensor:
    """``min(max(x, 0), 6)``; the gradient is 0 at 0 and at 6."""
    return hardtanh(input, 0.0, 6.0)


@primitive(
    name="threshold",
    takes=REAL,
    rounded=True,
    public=False,
    ref=lambda x, threshold, value: np.where(x <= threshold, value, x),
    torch=lambda t, x: t.nn.functional.threshold(x, 0.0, 0.0),
)
def replaced_below(x, threshold: float = 0.0, value: float = 0.0):
    """``x`` where above the threshold (or NaN), else ``value``."""
    return value if x <= threshold else x


@replaced_below.vjp
def _(g, x, *, threshold):
    return where(le(x, threshold), 0.0, g)


def threshold(input: Tensor, threshold: float, value: float) -> Tensor:
    """``x`` where above the threshold (or NaN), else ``value``. Integers stay what they are."""
    d = input._k.dtype
    if d in INTEGERS:
        return where(le(input, wrapped(threshold, d)), wrapped(value, d), input)
    if not (-65504.0 <= threshold <= 65504.0 and -65504.0 <= value <= 65504.0):  # what every floating type holds
        threshold, value = element(threshold, d), element(value, d)
    return replaced_below(input, threshold, value)


@primitive(takes=REAL, ref=lambda x: np.clip(x + 3, 0, 6) / 6)
def hardsigmoid(x):
    """``min(max(x + 3, 0), 6) / 6``."""
    return m.minimum(m.maximum(x + 3, 0), 6) / 6


@hardsigmoid.vjp
def _(g, x):
    return where(logical_and(gt(x, -3), lt(x, 3)), g / 6, 0.0)


@primitive(takes=REAL, ref=lambda x: x * np.clip(x + 3, 0, 6) / 6)
def hardswish(x):
    """``x * hardsigmoid(x)`` (Howard et al. 2019)."""
    return 0 if x <= -3 else x * (m.minimum(x + 3, 6) / 6)


@hardswish.vjp
def _(g, x):
    return where(le(x, -3), 0.0, where(ge(x, 3), g, g * (x / 3 + 0.5)))


@primitive(takes=REAL, rounded=True, ref=lambda x, lambd: np.where(np.abs(x) <= lambd, 0, x))
def hardshrink(x, lambd: float = 0.5):
    """``x`` where ``|x| > lambd``, else 0."""
    return 0 if (x >= -lambd) & (x <= lambd) else x


@hardshrink.vjp
def _(g, x, *, lambd):
    return where(logical_and(ge(x, -lambd), le(x, lambd)), 0.0, g)


@primitive(
    name="softshrink",
    takes=REAL,
    rounded=True,
    public=False,
    ref=lambda x, lambd: np.sign(x) * np.maximum(np.abs(x) - lambd, 0),
)
def moved_to_zero(x, lambd: float = 0.5):
    """``x`` moved towards 0 by ``lambd``, and 0 where that would pass it."""
    return x - lambd if x > lambd else x + lambd if x < -lambd else x * 0


@moved_to_zero.vjp
def _(g, x, *, lambd):
    return where(logical_and(ge(x, -lambd), le(x, lambd)), 0.0, g)


def softshrink(input: Tensor, lambd: float = 0.5, *, out: Any = None) -> Tensor:
    """``x`` moved towards 0 by ``lambd``, and 0 where that would pass it."""
    if out is not None:
        return into(out, SAME, softshrink, input, lambd)
    if not lambd >= 0:
        raise RuntimeError(f"lambda must be in range [0, inf] for input dtype {input.dtype.name}, but found {lambd}")
    return moved_to_zero(input, lambd)


# --- along a dimension ----------------------------------------------------------------------------


def _dim_samples() -> list:
    return [((3, 5), -1), ((2, 3, 4), 1), ((7,), 0), ((), 0), ((4, 0), 1)]


def _nonpositive(x):
    return m.exp_nonpositive(x)


_NONPOSITIVE = SimpleNamespace(name="exp_nonpositive", scalar=_nonpositive)


def exp_nonpositive(x: Any) -> Any:
    """``exp(x)``; in a row formula that of what rounding alone may bring above 0, half the work on a CPU."""
    return Expr(_NONPOSITIVE, (x,)) if x.__class__ is Expr else exp(x)


@exported("torch", "Tensor")
@exported("special")
@op(rows="dim", samples=_dim_samples, out=SAME)
def softmax(x, dim: int, dtype: Any = None):
    """``exp(x) / sum(exp(x))`` along ``dim``, without overflow: positive numbers whose sum is 1.

    Args:
        input: of a floating type, of any shape.
        dim: the dimension.
        dtype: the type in which it is computed; integers need one.

    Returns:
        A tensor of the same shape.

    Raises:
        IndexError: ``dim`` is out of range.
        NotImplementedError: ``input`` is of integers, and no ``dtype`` is given.

    >>> torch.softmax(torch.tensor([[0.0, 0.0], [0.0, 1000.0]]), 1)
    tensor([[0.5000, 0.5000],
            [0.0000, 1.0000]])
    """
    e = exp_nonpositive(x - ops.reduction.amax(x, dim, keepdim=True))  # the largest becomes exp(0): no overflow
    return e / ops.reduction.sum(e, dim, keepdim=True)


@softmax.vjp
def _(g, *, out, dim):
    return out * (g - ops.reduction.sum(g * out, dim, keepdim=True))


@exported("torch", "Tensor")
@exported("special")
@op(rows="dim", samples=_dim_samples, out=SAME)
def log_softmax(x, dim: int, dtype: Any = None):
    """``log(softmax(input, dim))`` in one step, which keeps the digits of small probabilities.

    Args:
        input: of a floating type, of any shape.
        dim: the dimension.
        dtype: the type in which it is computed; integers need one.

    Returns:
        A tensor of the same shape.

    Raises:
        IndexError: ``dim`` is out of range.
        NotImplementedError: ``input`` is of integers, and no ``dtype`` is given.

    >>> torch.log_softmax(torch.tensor([[0.0, 0.0], [0.0, 1000.0]]), 1)
    tensor([[-6.9315e-01, -6.9315e-01],
            [-1.0000e+03,  0.0000e+00]])
    """
    shifted = x - ops.reduction.amax(x, dim, keepdim=True)
    return shifted - log(ops.reduction.sum(exp_nonpositive(shifted), dim, keepdim=True))


@log_softmax.vjp
def _(g, *, out, dim):
    return g - exp_nonpositive(out) * ops.reduction.sum(g, dim, keepdim=True)


for _softmax in (softmax, log_softmax):

    @_softmax.arguments
    def _(x, dim, dtype, name=_softmax.op.name):
        x = _floating(x, dtype, name)
        return (x, wrap_dim(dim, x.ndim, name), None) if x.shape.numel() else _nothing


def _nothing(x: Tensor, dim: int, dtype: Any) -> Tensor:
    """Softmax of no elements."""
    return _floating(x, dtype, "softmax").clone()


def _floating(x: Tensor, dtype: Any, name: str) -> Tensor:
    if dtype is not None:
        return x.to(dtype=dtype)
    if not x.dtype.is_floating_point:
        raise NotImplementedError(f'"{name}" not implemented for {x.dtype.name}; cast with .float() or pass dtype=')
    return x


def implicit_dim(dim: int | None, x: Tensor, name: str) -> int:
    """torch's old rule for a missing ``dim``, with its warning: rows of matrices and batches of them."""
    if dim is not None:
        return dim
    notices.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument.",
        UserWarning,
    )
    return 0 if x.ndim in (0, 1, 3) else 1


@exported("nn.functional")
def glu(input: Tensor, dim: int = -1) -> Tensor:
    """``a * sigmoid(b)`` for the first half ``a`` and the second half ``b`` of the input along ``dim``.

    Args:
        input: of at least one dimension.
        dim: the dimension that is halved.

    Returns:
        The shape of ``input``, with half the size along ``dim``.

    Raises:
        RuntimeError: ``input`` has no dimensions, or the size is odd.
        IndexError: ``dim`` is out of range.

    Source: Dauphin et al. 2016, Language Modeling with Gated Convolutional Networks.

    >>> torch.nn.functional.glu(torch.tensor([4.0, 0.0]))
    tensor([2.])
    """
    if not input.ndim:
        raise RuntimeError("glu does not support scalars because halving size must be even")
    dim = wrap_dim(dim, input.ndim, "glu")
    if input.shape[dim] % 2:
        raise RuntimeError(f"Halving dimension must be even, but dimension {dim} is size {input.shape[dim]}")
    only_real(input.dtype, "glu")
    a, b = ops.movement.chunk(input, 2, dim)
    return a * sigmoid(b)
