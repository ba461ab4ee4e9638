"""Functions of complex numbers: conjugates, directions and angles, and complex numbers made of their parts.

Views of the parts are in ``movement/parts.py``. The elementary functions take complex numbers where they are.
"""

from __future__ import annotations

import numpy as np

from numtorch import engine, ops
from numtorch._tensor import Tensor
from numtorch.dispatch.op import primitive
from numtorch.dtype import COMPUTED, FLOATS
from numtorch.exports import exported
from numtorch.kernels import math as m
from numtorch.ops.comparison import eq, where


def _sgn(x: np.ndarray) -> np.ndarray:
    """NumPy's sign, but 0 of NaN, and the direction of complex numbers."""
    if np.isrealobj(x):
        return np.where(x > 0, 1, np.where(x < 0, -1, 0))
    return x / np.where(x == 0, 1, np.abs(x))


@exported("torch", "Tensor")
@primitive(ref=_sgn, takes=COMPUTED)
def sgn(x):
    """``input / abs(input)``, and 0 at 0: the sign of a real number, the direction of a complex one.

    Args:
        input: (*), of any type.

    >>> torch.sgn(torch.tensor([3.0 + 4.0j, 0.0j]))
    tensor([0.6000+0.8000j, 0.0000+0.0000j])
    """
    return m.sgn(x)


@sgn.vjp(conjugated=False)
def _(g, x, *, out):
    # What turns the direction: the part of g at a right angle to it. Of real numbers there is none.
    return where(eq(x, 0), 0.0, (g - conj(g) * out * out) * 0.5 / ops.elementary.abs(x))


@exported("torch", "Tensor", name="conj", inplace=False)
@exported("torch", "Tensor")
@primitive(ref=np.conj, takes=COMPUTED)
def conj_physical(x):
    """The complex conjugate; of real numbers a copy. Differently from torch, ``conj`` computes it at once, as
    ``conj_physical`` does.

    Args:
        input: (*), of any type.

    >>> torch.conj(torch.tensor([1.0 + 2.0j]))
    tensor([1.-2.j])
    """
    return m.conj(x)


@conj_physical.vjp(conjugated=False)
def _(g):
    return conj(g)


conj = engine.conj = conj_physical
conj.op.backward_name = "ConjBackward0"


@exported("torch", "Tensor", inplace=False)
@primitive(floats=True, takes=COMPUTED, result="real", ref=lambda x: np.angle(x + 0))  # of -0.0 it is 0, as in torch
def angle(x):
    """The angle in the complex plane, in radians from -pi to pi; of a real number 0 or pi.

    Args:
        input: (*), of any type; integers count as the default floating type.

    Returns:
        Real numbers, of the type of the parts.

    >>> torch.angle(torch.tensor([1.0j, -1.0 + 0.0j]))
    tensor([1.5708, 3.1416])
    """
    return m.angle(x)


@angle.vjp
def _(g, x):
    return g * quarter_turned(x)


@primitive(
    public=False,
    takes=COMPUTED,
    ref=lambda x: x * 0 if np.isrealobj(x) else 1j / np.conj(x),
    torch=lambda torch, x: 1j / x.conj() if x.is_complex() else torch.zeros_like(x),
)
def quarter_turned(x):
    """``1j / conj(x)``, the gradient of the angle; 0 for real numbers and at 0."""
    return m.quarter_turned(x)


@quarter_turned.vjp(conjugated=False)
def _(g, x, *, out):
    return where(eq(x, 0), 0.0, -conj(g) * out / conj(x))


def _alike(name: str, values: tuple, called: tuple = ("real", "imag")) -> None:
    """RuntimeError unless the operands are real floating tensors of one type; torch's words."""
    types = []
    for position, v in enumerate(values):
        if not isinstance(v, Tensor):
            what = f"argument '{called[position]}' (position {position + 1})"
            raise TypeError(f"{name}(): {what} must be Tensor, not {type(v).__name__}")
        types.append(v._k.dtype)
    if any(d not in FLOATS for d in types):
        raise RuntimeError(
            f"Expected both inputs to be Half, Float or Double tensors but got {types[0].scalar} and {types[1].scalar}"
        )
    if types[0] is not types[1]:
        raise RuntimeError(
            f"Expected object of scalar type {types[0].scalar} but got scalar type {types[1].scalar} for second "
            "argument"
        )


@exported("torch", name="complex")
@primitive(name="complex", takes=FLOATS, result="complex", check=_alike, ref=lambda x, y: x + 1j * y)
def from_parts(real, imag):
    """``real + 1j * imag``: complex64 of two float32 tensors, complex128 of two of float64.

    Args:
        real, imag: the parts, float32 or float64, broadcast together.

    Raises:
        RuntimeError: the operands are of other types, or of two.

    >>> torch.complex(torch.tensor([1.0, 2.0]), torch.tensor([0.0, -3.0]))
    tensor([1.+0.j, 2.-3.j])
    """
    return m.with_parts(real, imag)


@from_parts.vjp(conjugated=False)
def _(g, *, needs):
    return (ops.movement.real(g) if needs[0] else None, ops.movement.imag(g) if needs[1] else None)


@exported("torch")
def polar(abs: Tensor, angle: Tensor, *, out: Tensor | None = None) -> Tensor:
    """``abs * (cos(angle) + 1j * sin(angle))``: complex numbers of lengths and angles.

    Args:
        abs: the lengths, float32 or float64.
        angle: in radians, of the same type; broadcast together with ``abs``.

    Returns:
        complex64 of float32, complex128 of float64.

    Raises:
        RuntimeError: the operands are of other types, or of two.

    >>> torch.polar(torch.tensor([2.0]), torch.tensor([0.0]))
    tensor([2.+0.j])
    """
    _alike("polar", (abs, angle), ("abs", "angle"))
    return from_parts(abs * ops.elementary.cos(angle), abs * ops.elementary.sin(angle), out=out)
