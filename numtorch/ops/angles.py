"""Angles in degrees and in radians."""

from __future__ import annotations

import numpy as np

from numtorch.dispatch.op import primitive
from numtorch.exports import exported


@exported("torch", "Tensor")
@primitive(floats=True, ref=np.deg2rad)
def deg2rad(x):
    """Degrees as radians: ``input * pi / 180``.

    Args:
        input: real, in degrees; integers and booleans are computed in the default floating type.

    >>> torch.deg2rad(torch.tensor([180.0, 90.0]))
    tensor([3.1416, 1.5708])
    """
    return x * 0.017453292519943295


@deg2rad.vjp
def _(g):
    return g * 0.017453292519943295


@exported("torch", "Tensor")
@primitive(floats=True, ref=np.rad2deg)
def rad2deg(x):
    """Radians as degrees: ``input * 180 / pi``.

    Args:
        input: real, in radians; integers and booleans are computed in the default floating type.

    >>> torch.rad2deg(torch.tensor([torch.pi, 1.0]))
    tensor([180.0000,  57.2958])
    """
    return x * 57.29577951308232


@rad2deg.vjp
def _(g):
    return g * 57.29577951308232
