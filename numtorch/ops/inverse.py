"""Inverse trigonometric and hyperbolic functions, and the angle of a point. ``atan`` is among the elementary ones."""

from __future__ import annotations

import numpy as np

from numtorch.dispatch.op import primitive
from numtorch.dtype import COMPUTED
from numtorch.exports import exported
from numtorch.kernels import math as m
from numtorch.ops.arithmetic import where
from numtorch.ops.elementary import rsqrt


@exported("torch", "Tensor", also=("arcsin",))
@primitive(floats=True, takes=COMPUTED, ref=np.arcsin, domain=(-0.9, 0.9))
def asin(x):
    """The angle in radians, in ``[-pi / 2, pi / 2]``, whose sine is ``input``; NaN beyond -1 and 1.

    Args:
        input: of any shape; integers and booleans are computed in the default floating type.

    >>> torch.asin(torch.tensor([0.5, 1.0]))
    tensor([0.5236, 1.5708])
    """
    return m.asin(x)


@asin.vjp
def _(g, x):
    return g * rsqrt(1 - x * x)


@exported("torch", "Tensor", also=("arccos",))
@primitive(floats=True, takes=COMPUTED, ref=np.arccos, domain=(-0.9, 0.9))
def acos(x):
    """The angle in radians, in ``[0, pi]``, whose cosine is ``input``; NaN beyond -1 and 1.

    Args:
        input: of any shape; integers and booleans are computed in the default floating type.

    >>> torch.acos(torch.tensor([0.5, -1.0]))
    tensor([1.0472, 3.1416])
    """
    return m.acos(x)


@acos.vjp
def _(g, x):
    return -g * rsqrt(1 - x * x)


@exported("torch", "Tensor", also=("arcsinh",))
@primitive(floats=True, takes=COMPUTED, ref=np.arcsinh)
def asinh(x):
    """The number whose hyperbolic sine is ``input``: ``log(input + sqrt(input ** 2 + 1))``.

    Args:
        input: of any shape; integers and booleans are computed in the default floating type.

    >>> torch.asinh(torch.tensor([0.0, 1.0]))
    tensor([0.0000, 0.8814])
    """
    return m.asinh(x)


@asinh.vjp
def _(g, x):
    return g * rsqrt(x * x + 1)


@exported("torch", "Tensor", also=("arccosh",))
@primitive(floats=True, takes=COMPUTED, ref=np.arccosh, domain=(1.1, 3))
def acosh(x):
    """The number from 0 on whose hyperbolic cosine is ``input``; NaN below 1.

    Args:
        input: of any shape; integers and booleans are computed in the default floating type.

    >>> torch.acosh(torch.tensor([1.0, 2.0]))
    tensor([0.0000, 1.3170])
    """
    return m.acosh(x)


@acosh.vjp
def _(g, x):
    return g * rsqrt(x - 1) * rsqrt(x + 1)


@exported("torch", "Tensor", also=("arctanh",))
@primitive(floats=True, takes=COMPUTED, ref=np.arctanh, domain=(-0.9, 0.9))
def atanh(x):
    """The number whose hyperbolic tangent is ``input``: ``log((1 + input) / (1 - input)) / 2``; NaN beyond -1 and 1.

    Args:
        input: of any shape; integers and booleans are computed in the default floating type.

    >>> torch.atanh(torch.tensor([0.0, 0.5]))
    tensor([0.0000, 0.5493])
    """
    return m.atanh(x)


@atanh.vjp
def _(g, x):
    return g / (1 - x * x)


@exported("torch", "Tensor", also=("arctan2",))
@primitive(floats=True, ref=np.arctan2, rounded=True)
def atan2(x, y):
    """The angle in radians, in ``[-pi, pi]``, of the point ``(other, input)`` in the plane.

    Args:
        input: the ordinates.
        other: the abscissas; they broadcast together. Integers and booleans are computed in the default floating type.

    >>> torch.atan2(torch.tensor([1.0, -1.0]), torch.tensor([1.0, -1.0]))
    tensor([ 0.7854, -2.3562])
    """
    return m.atan2(x, y)


@atan2.vjp
def _(g, x, y, *, needs):
    square = x * x + y * y
    over = where(square == 0, 0.0, g / square)  # at the origin there is no slope: 0, as in torch
    return (over * y if needs[0] else None), (over * -x if needs[1] else None)
