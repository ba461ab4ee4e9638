"""``torch.special``: Bessel and Airy functions and orthogonal polynomials. Each family is one op, whose kernels get as
a number which function is meant. They have no gradient, as in torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from numtorch._tensor import Tensor
from numtorch.dispatch.op import primitive
from numtorch.dtype import get_default_dtype
from numtorch.exports import exported
from numtorch.kernels import math as m
from numtorch.kernels.bessel import BESSEL, POLYNOMIALS
from numtorch.ops.special import i0, i1


def _plain(x: Any) -> Any:
    return x.detach() if isinstance(x, Tensor) and x._edge is not None else x


@primitive(
    public=False,
    floats=True,
    torch=lambda t, x, kind=0.0: t.special.spherical_bessel_j0(x.double()).to(
        x.dtype if x.is_floating_point() else t.float32
    ),
    ref=np.vectorize(lambda x, kind=0.0: m.bessel(kind, x), otypes=[float]),
    domain=(-6, 6),
)
def bessel(x, kind: float = 0.0):
    """The function of ``BESSEL`` that ``kind`` counts."""
    return m.bessel(kind, x)


@primitive(
    name="polynomial",
    public=False,
    floats=True,
    torch=lambda t, x, n, kind=0.0: t.special.chebyshev_polynomial_t(x.double(), n.double()).to(
        x.dtype if x.is_floating_point() else t.float32
    ),
    ref=np.vectorize(lambda x, n, kind=0.0: m.polynomial(kind, n, x), otypes=[float]),
    domain=(0.1, 5),
)
def polynomial(x, n, kind: float = 0.0):
    """The polynomial of degree n of the family that ``kind`` counts in ``POLYNOMIALS``."""
    return m.polynomial(kind, n, x)


def _made(name: str, text: str, result: str, found: Callable) -> None:
    """A function of ``torch.special``, with what is to be said of it and what its example gives."""
    several = "n" in found.__code__.co_varnames
    first = 0.25 if name.startswith("shifted") else 0.5
    call = f"torch.special.{name}(torch.tensor([{first}, 2.0]){', 3' if several else ''})"
    told = "    input: real, or a number; integers and booleans are computed in the default floating type.\n"
    degree = "    n: the degree, a number or a tensor; it broadcasts to ``input``. Of a negative one the result is 0.\n"
    returns = "Returns:\n    Element by element, without a gradient.\n"
    returns += "\nRaises:\n    TypeError: neither is a tensor.\n" if several else ""
    found.__doc__ = f"{text}\n\nArgs:\n{told}{degree if several else ''}\n{returns}\n>>> {call}\n{result}\n"
    found.__name__ = found.__qualname__ = name
    found.__module__ = "numtorch.special"
    exported("special")(found)


def _bessel(kind: float) -> Callable:
    def function(input: Tensor, *, out: Any = None) -> Tensor:
        return bessel(_plain(input), kind, out=out)

    return function


def _polynomial(kind: float, shifted: bool) -> Callable:
    def function(input: Any, n: Any, *, out: Any = None) -> Tensor:
        if not isinstance(input, Tensor) and not isinstance(n, Tensor):
            raise TypeError(f"{function.__name__}(): a tensor must be given, got {input!r} and {n!r}")
        x = _plain(input)
        if shifted:
            x = 2 * (x.to(get_default_dtype()) if isinstance(x, Tensor) and not x.dtype.is_floating_point else x) - 1
        return polynomial(x, _plain(n), kind, out=out)

    return function


exported("special", name="modified_bessel_i0")(i0)
exported("special", name="modified_bessel_i1")(i1)
for _name, _text, _result in (
    ("bessel_j0", "The Bessel function of the first kind of order 0.", "tensor([0.9385, 0.2239])"),
    ("bessel_j1", "The Bessel function of the first kind of order 1.", "tensor([0.2423, 0.5767])"),
    ("bessel_y0", "The Bessel function of the second kind of order 0; NaN below 0.", "tensor([-0.4445,  0.5104])"),
    ("bessel_y1", "The Bessel function of the second kind of order 1; NaN below 0.", "tensor([-1.4715, -0.1070])"),
    (
        "modified_bessel_k0",
        "The modified Bessel function of the second kind of order 0; NaN below 0.",
        "tensor([0.9244, 0.1139])",
    ),
    (
        "modified_bessel_k1",
        "The modified Bessel function of the second kind of order 1; NaN below 0.",
        "tensor([1.6564, 0.1399])",
    ),
    ("scaled_modified_bessel_k0", "``exp(input) * modified_bessel_k0(input)``.", "tensor([1.5241, 0.8416])"),
    ("scaled_modified_bessel_k1", "``exp(input) * modified_bessel_k1(input)``.", "tensor([2.7310, 1.0335])"),
    (
        "spherical_bessel_j0",
        "The spherical Bessel function of order 0: ``sin(input) / input``.",
        "tensor([0.9589, 0.4546])",
    ),
    ("airy_ai", "The Airy function Ai, a solution of ``y'' = input * y``.", "tensor([0.2317, 0.0349])"),
):
    _kind = _name.replace("bessel_", "").replace("modified_", "").replace("airy_", "").replace("_", " ")
    _made(_name, _text, _result, _bessel(float(BESSEL.index(_kind))))
for _name, _text, _result in (
    ("chebyshev_polynomial_t", "Chebyshev's polynomial of the first kind.", "tensor([-1., 26.])"),
    ("chebyshev_polynomial_u", "Chebyshev's polynomial of the second kind.", "tensor([-1., 56.])"),
    ("chebyshev_polynomial_v", "Chebyshev's polynomial of the third kind.", "tensor([-1., 41.])"),
    ("chebyshev_polynomial_w", "Chebyshev's polynomial of the fourth kind.", "tensor([-1., 71.])"),
    ("hermite_polynomial_h", "Hermite's polynomial, as physicists define it.", "tensor([-5., 40.])"),
    ("hermite_polynomial_he", "Hermite's polynomial, as probabilists define it.", "tensor([-1.3750,  2.0000])"),
    ("laguerre_polynomial_l", "Laguerre's polynomial.", "tensor([-0.1458, -0.3333])"),
    ("legendre_polynomial_p", "Legendre's polynomial.", "tensor([-0.4375, 17.0000])"),
    (
        "shifted_chebyshev_polynomial_t",
        "Chebyshev's polynomial of the first kind, of ``2 * input - 1``.",
        "tensor([ 1., 99.])",
    ),
    (
        "shifted_chebyshev_polynomial_u",
        "Chebyshev's polynomial of the second kind, of ``2 * input - 1``.",
        "tensor([  1., 204.])",
    ),
    (
        "shifted_chebyshev_polynomial_v",
        "Chebyshev's polynomial of the third kind, of ``2 * input - 1``.",
        "tensor([  1., 169.])",
    ),
    (
        "shifted_chebyshev_polynomial_w",
        "Chebyshev's polynomial of the fourth kind, of ``2 * input - 1``.",
        "tensor([  1., 239.])",
    ),
):
    _family, _, _kind = _name.removeprefix("shifted_").partition("_polynomial_")
    _kind = {"chebyshev": _kind, "hermite": f"hermite {_kind}"}.get(_family, _family)
    _made(_name, _text, _result, _polynomial(float(POLYNOMIALS.index(_kind)), _name.startswith("shifted")))
