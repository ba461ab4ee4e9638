"""Elementary functions of one element, and hypot: exponentials, logarithms, roots, trigonometry, rounding, tests for
NaN and infinity.

Each op is one scalar formula and its gradient. Gradients choose values with ``where``, because a comparison times an
infinite gradient is NaN.
"""

from __future__ import annotations

import builtins
import math

import numpy as np

from numtorch._tensor import Tensor
from numtorch.arguments import integer
from numtorch.dispatch import samples
from numtorch.dispatch.op import primitive
from numtorch.dispatch.out import SAME, into
from numtorch.dtype import COMPUTED
from numtorch.dtype import bool as BOOL
from numtorch.exports import exported
from numtorch.kernels import math as m
from numtorch.ops.comparison import REAL, SIGNED, WITH_COMPLEX, zeros_of
from numtorch.ops.complex_numbers import sgn


@exported("torch", "Tensor", also=("absolute",))
@primitive(ref=np.abs, takes=WITH_COMPLEX, result="real")
def abs(x):
    """The absolute value, of complex numbers ``sqrt(real ** 2 + imag ** 2)``; its gradient at 0 is 0.

    Args:
        input: of any type but booleans; the result of complex numbers is real.

    >>> torch.abs(torch.tensor([-1.5, 2.0]))
    tensor([1.5000, 2.0000])
    """
    return m.abs(x)


@abs.vjp
def _(g, x):
    return g * sgn(x)


@exported("torch", "Tensor")
def positive(input: Tensor) -> Tensor:
    """``+input``: the tensor itself.

    Args:
        input: of any type but bool.

    Returns:
        ``input``.

    Raises:
        RuntimeError: ``input`` is boolean.

    >>> torch.positive(torch.tensor([1, -2]))
    tensor([ 1, -2])
    """
    if input._k.dtype is BOOL:
        raise RuntimeError(
            "The `+` operator, on a bool tensor is not supported. Use logical functions, or cast with .int()"
        )
    return input


@exported("torch", "Tensor")
@primitive(ref=lambda x: np.where(x > 0, 1, np.where(x < 0, -1, 0)))
def sign(x):
    """-1, 0 or 1, as the element is negative, zero or positive; its gradient is 0.

    Args:
        input: of any real type; booleans stay what they are.

    >>> torch.sign(torch.tensor([-3.0, 0.0, 0.5]))
    tensor([-1.,  0.,  1.])
    """
    return m.sign(x)


@sign.vjp
def _(g):
    return zeros_of(g)


@exported("torch", "Tensor")
@primitive(floats=True, takes=COMPUTED, ref=np.exp)
def exp(x):
    """The exponential, ``e ** input``.

    Args:
        input: of any shape; integers and booleans are computed in the default floating type.

    >>> torch.exp(torch.tensor([0.0, 1.0]))
    tensor([1.0000, 2.7183])
    """
    return m.exp(x)


@exp.vjp
def _(g, *, out):
    return g * out


@exported("torch", "Tensor")
@exported("special")
@primitive(floats=True, takes=COMPUTED, ref=np.exp2)
def exp2(x):
    """``2 ** input``.

    Args:
        input: of any shape; integers and booleans are computed in the default floating type.

    >>> torch.exp2(torch.tensor([-1.0, 0.0, 3.0]))
    tensor([0.5000, 1.0000, 8.0000])
    """
    return m.exp2(x)


@exp2.vjp
def _(g, *, out):
    return g * (out * 0.6931471805599453)


@exported("torch", "Tensor")
@exported("special")
@primitive(floats=True, takes=COMPUTED, ref=np.expm1)
def expm1(x):
    """``exp(input) - 1``, with all its digits also near 0.

    Args:
        input: of any shape; integers and booleans are computed in the default floating type.

    >>> torch.expm1(torch.tensor([1e-10, 1.0]))
    tensor([1.0000e-10, 1.7183e+00])
    """
    return m.expm1(x)


@expm1.vjp
def _(g, *, out):
    return g * (out + 1)


@exported("torch", "Tensor")
@primitive(floats=True, takes=COMPUTED, ref=np.log, domain=(0.2, 3))
def log(x):
    """The natural logarithm: -inf at 0, NaN below.

    Args:
        input: of any shape; integers and booleans are computed in the default floating type.

    >>> torch.log(torch.tensor([1.0, 10.0, 0.0, -1.0]))
    tensor([0.0000, 2.3026,   -inf,    nan])
    """
    return m.log(x)


@log.vjp
def _(g, x):
    return g / x


@exported("torch", "Tensor")
@primitive(floats=True, takes=COMPUTED, ref=np.log2, domain=(0.2, 3))
def log2(x):
    """The logarithm to base 2: -inf at 0, NaN below.

    Args:
        input: of any shape; integers and booleans are computed in the default floating type.

    >>> torch.log2(torch.tensor([1.0, 8.0]))
    tensor([0., 3.])
    """
    return m.log2(x)


@log2.vjp
def _(g, x):
    return g / (x * 0.6931471805599453)


@exported("torch", "Tensor")
@primitive(floats=True, takes=COMPUTED, ref=np.log10, domain=(0.2, 3))
def log10(x):
    """The logarithm to base 10: -inf at 0, NaN below.

    Args:
        input: of any shape; integers and booleans are computed in the default floating type.

    >>> torch.log10(torch.tensor([1.0, 1000.0]))
    tensor([0., 3.])
    """
    return m.log10(x)


@log10.vjp
def _(g, x):
    return g / (x * 2.302585092994046)


@exported("torch", "Tensor")
@exported("special")
@primitive(floats=True, takes=COMPUTED, ref=np.log1p, domain=(-0.5, 3))
def log1p(x):
    """``log(1 + input)``, with all its digits also near 0.

    Args:
        input: of any shape; integers and booleans are computed in the default floating type.

    >>> torch.log1p(torch.tensor([1e-10, 1.0]))
    tensor([1.0000e-10, 6.9315e-01])
    """
    return m.log1p(x)


@log1p.vjp
def _(g, x):
    return g / (x + 1)


@exported("torch", "Tensor")
@primitive(floats=True, takes=COMPUTED, ref=np.sqrt, domain=(0.2, 3))
def sqrt(x):
    """The square root; NaN for negative numbers. Its gradient at 0 is infinite.

    Args:
        input: of any shape; integers and booleans are computed in the default floating type.

    >>> torch.sqrt(torch.tensor([4.0, 2.0]))
    tensor([2.0000, 1.4142])
    """
    return m.sqrt(x)


@sqrt.vjp
def _(g, *, out):
    return g / (out * 2)


@exported("torch", "Tensor")
@primitive(floats=True, takes=COMPUTED, ref=lambda x: 1 / np.sqrt(x), domain=(0.2, 3))
def rsqrt(x):
    """``1 / sqrt(input)``: infinite at 0, NaN for negative numbers.

    Args:
        input: of any shape; integers and booleans are computed in the default floating type.

    >>> torch.rsqrt(torch.tensor([4.0, 0.0]))
    tensor([0.5000,    inf])
    """
    return m.rsqrt(x)  # 1 / sqrt(x) would become an estimate that is NaN at 0


@rsqrt.vjp
def _(g, *, out):
    return g * (out * out * out * -0.5)


@exported("torch", "Tensor")
@primitive(ref=lambda x: x * x, result="counts", takes=COMPUTED)
def square(x):
    """``input * input``.

    Args:
        input: of any type; booleans are squared as int64.

    >>> torch.square(torch.tensor([-3, 2]))
    tensor([9, 4])
    """
    return x * x


@square.vjp
def _(g, x):
    return g * (x * 2)


@exported("torch", "Tensor")
@primitive(floats=True, takes=COMPUTED, ref=np.reciprocal, domain=(0.2, 3))
def reciprocal(x):
    """``1 / input``; infinite at 0.

    Args:
        input: of any shape; integers and booleans are computed in the default floating type.

    >>> torch.reciprocal(torch.tensor([2.0, -4.0]))
    tensor([ 0.5000, -0.2500])
    """
    return 1 / x


@reciprocal.vjp
def _(g, *, out):
    return -g * (out * out)


@exported("torch", "Tensor")
@primitive(floats=True, takes=COMPUTED, ref=np.sin)
def sin(x):
    """The sine.

    Args:
        input: in radians; integers and booleans are computed in the default floating type.

    >>> torch.sin(torch.tensor([0.0, torch.pi / 2]))
    tensor([0., 1.])
    """
    return m.sin(x)


@sin.vjp
def _(g, x):
    return g * cos(x)


@exported("torch", "Tensor")
@primitive(floats=True, takes=COMPUTED, ref=np.cos)
def cos(x):
    """The cosine.

    Args:
        input: in radians; integers and booleans are computed in the default floating type.

    >>> torch.cos(torch.tensor([0.0, torch.pi]))
    tensor([ 1., -1.])
    """
    return m.cos(x)


@cos.vjp
def _(g, x):
    return -g * sin(x)


@exported("torch", "Tensor")
@primitive(floats=True, takes=COMPUTED, ref=np.tan, domain=(-1, 1))
def tan(x):
    """The tangent.

    Args:
        input: in radians; integers and booleans are computed in the default floating type.

    >>> torch.tan(torch.tensor([0.0, torch.pi / 4]))
    tensor([0., 1.])
    """
    return m.tan(x)


@tan.vjp
def _(g, *, out):
    return g * (1 + out * out)


@exported("torch", "Tensor", also=("arctan",))
@primitive(floats=True, takes=COMPUTED, ref=np.arctan)
def atan(x):
    """The angle in radians, in ``[-pi / 2, pi / 2]``, whose tangent is ``input``.

    Args:
        input: of any shape; integers and booleans are computed in the default floating type.

    >>> torch.atan(torch.tensor([1.0, torch.inf]))
    tensor([0.7854, 1.5708])
    """
    return m.atan(x)


@atan.vjp
def _(g, x):
    return g / (x * x + 1)


@exported("torch", "Tensor")
@primitive(floats=True, takes=COMPUTED, ref=np.sinh)
def sinh(x):
    """The hyperbolic sine, ``(exp(input) - exp(-input)) / 2``.

    Args:
        input: of any shape; integers and booleans are computed in the default floating type.

    >>> torch.sinh(torch.tensor([0.0, 1.0]))
    tensor([0.0000, 1.1752])
    """
    return m.sinh(x)


@sinh.vjp
def _(g, x):
    return g * cosh(x)


@exported("torch", "Tensor")
@primitive(floats=True, takes=COMPUTED, ref=np.cosh)
def cosh(x):
    """The hyperbolic cosine, ``(exp(input) + exp(-input)) / 2``.

    Args:
        input: of any shape; integers and booleans are computed in the default floating type.

    >>> torch.cosh(torch.tensor([0.0, 1.0]))
    tensor([1.0000, 1.5431])
    """
    return m.cosh(x)


@cosh.vjp
def _(g, x):
    return g * sinh(x)


@exported("torch", "Tensor")
@exported("special")
@primitive(floats=True, ref=samples.erf)
def erf(x):
    """The error function, ``2 / sqrt(pi)`` times the integral of ``exp(-t * t)`` from 0 to ``input``.

    Args:
        input: of real numbers; integers and booleans are computed in the default floating type.

    >>> torch.erf(torch.tensor([0.0, 1.0, torch.inf]))
    tensor([0.0000, 0.8427, 1.0000])
    """
    return m.erf(x)


@erf.vjp
def _(g, x):
    return g * (exp(-(x * x)) * 1.1283791670955126)  # 2 / sqrt(pi)


@exported("torch", "Tensor")
@exported("special")
@primitive(floats=True, ref=np.vectorize(math.erfc, otypes=[float]))
def erfc(x):
    """``1 - erf(input)``, with all its digits also where that is small.

    Args:
        input: of real numbers; integers and booleans are computed in the default floating type.

    >>> torch.erfc(torch.tensor([0.0, 5.0]))
    tensor([1.0000e+00, 1.5375e-12])
    """
    return m.erfc(x)


@erfc.vjp
def _(g, x):
    return g * (exp(-(x * x)) * -1.1283791670955126)  # 2 / sqrt(pi)


@exported("torch", "Tensor")
@primitive(takes=REAL, ref=np.hypot)
def hypot(x, y):
    """``sqrt(input**2 + other**2)``: the hypotenuse, without overflow. Its gradient at 0 is NaN, as in torch.

    Args:
        input, other: tensors of floating types; they broadcast together.

    >>> torch.hypot(torch.tensor([3.0, 1e30]), torch.tensor([4.0, 1e30]))
    tensor([5.0000e+00, 1.4142e+30])
    """
    return m.hypot(x, y)


@hypot.vjp
def _(g, x, y, *, out, needs):
    return g * (x / out) if needs[0] else None, g * (y / out) if needs[1] else None


@exported("torch", "Tensor")
@primitive(ref=np.floor, takes=SIGNED)
def floor(x):
    """The largest integer not above each element; its gradient is 0.

    Args:
        input: of any real type but booleans; the result has this type.

    >>> torch.floor(torch.tensor([1.7, -1.2]))
    tensor([ 1., -2.])
    """
    return m.floor(x)


@floor.vjp
def _(g):
    return zeros_of(g)


@exported("torch", "Tensor")
@primitive(ref=np.ceil, takes=SIGNED)
def ceil(x):
    """The smallest integer not below each element; its gradient is 0.

    Args:
        input: of any real type but booleans; the result has this type.

    >>> torch.ceil(torch.tensor([1.2, -1.7]))
    tensor([ 2., -1.])
    """
    return m.ceil(x)


@ceil.vjp
def _(g):
    return zeros_of(g)


@primitive(name="round", public=False, ref=np.round, takes=SIGNED)
def nearest(x):
    """The nearest integer, halves to the even one."""
    return m.round(x)


@nearest.vjp
def _(g):
    return zeros_of(g)


@exported("torch", "Tensor")
@exported("special")
def round(input: Tensor, *, decimals: int = 0, out: Tensor | None = None) -> Tensor:
    """The nearest number of so many decimals, halves to the even one; its gradient is 0.

    Args:
        input: of any real type but booleans; the result has this type.
        decimals: how many digits stay behind the point. A negative number rounds to tens, hundreds and so on.

    Returns:
        A tensor of the same shape and type.

    Raises:
        NotImplementedError: ``decimals`` is not 0 for integers.

    >>> torch.round(torch.tensor([0.5, 1.5, -2.6]))
    tensor([ 0.,  2., -3.])
    >>> torch.round(torch.tensor([0.126, 12.5]), decimals=2)
    tensor([ 0.1300, 12.5000])
    """
    decimals = integer(decimals, "round", "decimals")
    if not decimals:
        return nearest(input, out=out)
    if out is not None:
        return into(out, SAME, round, input, decimals=decimals)
    if not input.dtype.is_floating_point or input.dtype.is_complex:
        raise NotImplementedError(
            f"\"round\" with decimals={decimals} not implemented for '{input.dtype.scalar}'; cast with .float()"
        )
    ten = 10.0 ** builtins.abs(decimals)
    return nearest(input / ten) * ten if decimals < 0 else nearest(input * ten) / ten


@exported("torch", "Tensor", also=("fix",))
@primitive(ref=np.trunc, takes=SIGNED)
def trunc(x):
    """The integer part: each element rounded towards zero; its gradient is 0.

    Args:
        input: of any real type but booleans; the result has this type.

    >>> torch.trunc(torch.tensor([1.7, -1.7]))
    tensor([ 1., -1.])
    """
    return m.trunc(x)


@trunc.vjp
def _(g):
    return zeros_of(g)


@exported("torch", "Tensor", inplace=False)
@primitive(result="bool", takes=COMPUTED, differentiable=False, ref=np.isnan, out=False)
def isnan(x):
    """Whether each element is NaN, as booleans.

    Args:
        input: of any type; integers never are.

    >>> torch.isnan(torch.tensor([1.0, torch.nan, torch.inf]))
    tensor([False,  True, False])
    """
    return x != x


@exported("torch", "Tensor", inplace=False)
@primitive(result="bool", takes=COMPUTED, differentiable=False, ref=np.isinf, out=False)
def isinf(x):
    """Whether each element is infinite, as booleans.

    Args:
        input: of any type; integers never are.

    >>> torch.isinf(torch.tensor([1.0, torch.nan, -torch.inf]))
    tensor([False, False,  True])
    """
    return m.isinf(x)


@exported("torch", "Tensor", inplace=False)
@primitive(result="bool", takes=COMPUTED, differentiable=False, ref=np.isfinite, out=False)
def isfinite(x):
    """Whether each element is neither NaN nor infinite, as booleans.

    Args:
        input: of any type; integers always are.

    >>> torch.isfinite(torch.tensor([1.0, torch.nan, torch.inf]))
    tensor([ True, False, False])
    """
    return m.isfinite(x)
