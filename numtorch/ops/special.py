"""Special functions of one and two numbers: gamma, error and Bessel functions and their kin."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import numtorch.dtype as dtypes
from numtorch._tensor import Tensor
from numtorch.arguments import integer
from numtorch.dispatch.op import primitive
from numtorch.dispatch.out import SAME, into
from numtorch.dtype import COMPUTED
from numtorch.exports import exported
from numtorch.kernels import math as m
from numtorch.ops import ranges, reduction
from numtorch.ops.comparison import REAL, clamp, eq, gt, logical_or, ne, where
from numtorch.ops.elementary import cos, exp, log, sign, sin, square
from numtorch.ops.linear_algebra.lapack import returned
from numtorch.ops.movement import unsqueeze

_each = np.vectorize


@exported("torch", "Tensor")
@exported("special", name="gammaln")
@primitive(floats=True, ref=_each(m.lgamma, otypes=[float]), domain=(0.2, 5))
def lgamma(x):
    """The logarithm of the absolute value of the gamma function; inf at its poles, 0 and the negative integers.

    Args:
        input: real; integers and booleans are computed in the default floating type.

    >>> torch.lgamma(torch.tensor([1.0, 4.0]))
    tensor([0.0000, 1.7918])
    """
    return m.lgamma(x)


@lgamma.vjp
def _(g, x):
    return g * digamma(x)


@exported("torch", "Tensor", "special")
@exported("special", name="psi")
@primitive(floats=True, ref=_each(m.digamma, otypes=[float]), domain=(0.2, 5))
def digamma(x):
    """The derivative of ``lgamma``; NaN at negative integers.

    Args:
        input: real; integers and booleans are computed in the default floating type.

    >>> torch.digamma(torch.tensor([1.0, 0.5]))
    tensor([-0.5772, -1.9635])
    """
    return m.digamma(x)


@digamma.vjp
def _(g, x):
    return g * derived_digamma(x, 1.0)


@primitive(
    name="polygamma",
    public=False,
    torch=lambda t, x, n=1.0: t.special.zeta(2.0, x.double()).to(  # torch's polygamma has ten digits
        x.dtype if x.is_floating_point() else t.float32
    ),
    floats=True,
    ref=_each(lambda x, n=1.0: m.polygamma(n, x), otypes=[float]),
    domain=(0.2, 5),
)
def derived_digamma(x, n: float = 1.0):
    """The n-th derivative of ``digamma``, n at least 1."""
    return m.polygamma(n, x)


@derived_digamma.vjp
def _(g, x, n):
    return g * derived_digamma(x, n + 1.0)


@exported("torch", "special")
def polygamma(n: int, input: Tensor, *, out: Any = None) -> Tensor:
    """The n-th derivative of ``digamma``.

    Args:
        n: from 0 on.
        input: real; integers and booleans are computed in the default floating type.

    Returns:
        Of the same shape.

    Raises:
        RuntimeError: ``n`` is negative.

    >>> torch.polygamma(1, torch.tensor([1.0, 0.5]))
    tensor([1.6449, 4.9348])
    """
    n = integer(n, "polygamma", "n")
    if n < 0:
        raise RuntimeError(f"polygamma(n, x) does not support negative n, got {n}")
    return digamma(input, out=out) if n == 0 else derived_digamma(input, float(n), out=out)


@exported("Tensor", name="polygamma")
def _polygamma_method(self: Tensor, n: int) -> Tensor:
    """The n-th derivative of ``digamma``; see ``torch.polygamma``.

    Args:
        n: from 0 on.

    Returns:
        Of the same shape.

    >>> torch.tensor(1.0).polygamma(1)
    tensor(1.6449)
    """
    return polygamma(n, self)


@exported("torch", "Tensor")
def mvlgamma(input: Tensor, p: int, *, out: Any = None) -> Tensor:
    """The logarithm of the multivariate gamma function: ``p (p - 1) / 4 log(pi) + sum_i lgamma(input - i / 2)``, i from
    0 to p - 1.

    Args:
        input: real, above ``(p - 1) / 2``.
        p: the number of dimensions.

    Returns:
        Of the same shape.

    Raises:
        RuntimeError: ``p`` is less than 1.

    >>> torch.mvlgamma(torch.tensor([2.0, 3.0]), 2)
    tensor([0.4516, 1.5502])
    """
    if out is not None:
        return into(out, SAME, mvlgamma, input, p)
    if p < 1:
        raise RuntimeError(f"mvlgamma: p has to be greater than or equal to 1, got {p}")
    x = input if input.dtype.differentiable else input.to(dtypes.get_default_dtype())
    halves = ranges.arange(0, -p, -1, dtype=x.dtype, device=x.device) * 0.5
    return reduction.sum(lgamma(unsqueeze(x, -1) + halves), -1) + p * (p - 1) / 4 * math.log(math.pi)


exported("special", name="multigammaln")(mvlgamma)


@exported("special")
@primitive(torch="special.zeta", given=("x",), floats=True, ref=_each(m.zeta, otypes=[float]), domain=(1.5, 5))
def zeta(x, y):
    """The Hurwitz zeta function: the sum of ``(k + other) ** -input`` over k from 0 on.

    Args:
        input: the exponents, above 1.
        other: where the sum begins; they broadcast together. A number may stand for either.

    >>> torch.special.zeta(torch.tensor([2.0, 4.0]), 1)
    tensor([1.6449, 1.0823])
    """
    return m.zeta(x, y)


@zeta.vjp
def _(g, x, y, *, needs):
    if needs[0]:
        raise NotImplementedError("special.zeta: the derivative by input is not known; only that by other is")
    return None, g * -x * zeta(x + 1, y)


@exported("torch", "Tensor", "special")
@primitive(floats=True, ref=_each(m.erfinv, otypes=[float]), domain=(-0.9, 0.9))
def erfinv(x):
    """The inverse of the error function: infinite at -1 and 1, NaN beyond.

    Args:
        input: real; integers and booleans are computed in the default floating type.

    >>> torch.erfinv(torch.tensor([0.0, 0.5, -1.0]))
    tensor([0.0000, 0.4769,   -inf])
    """
    return m.erfinv(x)


@erfinv.vjp
def _(g, *, out):
    return g * (exp(square(out)) * 0.886226925452758)


@exported("special")
@primitive(torch="special.erfcx", floats=True, ref=_each(m.erfcx, otypes=[float]))
def erfcx(x):
    """``exp(input ** 2) * erfc(input)``, without overflow for large numbers.

    Args:
        input: real; integers and booleans are computed in the default floating type.

    >>> torch.special.erfcx(torch.tensor([0.0, 10.0]))
    tensor([1.0000, 0.0561])
    """
    return m.erfcx(x)


@erfcx.vjp
def _(g, x, *, out):
    return g * (x * out * 2 - 1.1283791670955126)


@exported("special")
@primitive(torch="special.ndtr", floats=True, ref=_each(m.ndtr, otypes=[float]))
def ndtr(x):
    """The standard normal distribution's probability below ``input``.

    Args:
        input: real; integers and booleans are computed in the default floating type.

    >>> torch.special.ndtr(torch.tensor([0.0, 1.0]))
    tensor([0.5000, 0.8413])
    """
    return m.ndtr(x)


@ndtr.vjp
def _(g, x):
    return g * (exp(x * x * -0.5) * 0.3989422804014327)


@exported("special")
@primitive(torch="special.ndtri", floats=True, ref=_each(m.ndtri, otypes=[float]), domain=(0.1, 0.9))
def ndtri(x):
    """The inverse of ``special.ndtr``: infinite at 0 and 1, NaN beyond.

    Args:
        input: probabilities; integers and booleans are computed in the default floating type.

    >>> torch.special.ndtri(torch.tensor([0.5, 0.975]))
    tensor([0.0000, 1.9600])
    """
    return m.ndtri(x)


@ndtri.vjp
def _(g, *, out):
    return g * (exp(square(out) * 0.5) * 2.5066282746310002)


@exported("special")
@primitive(torch="special.log_ndtr", floats=True, ref=_each(m.log_ndtr, otypes=[float]))
def log_ndtr(x):
    """The logarithm of ``special.ndtr``, also where that is too small for a number.

    Args:
        input: real; integers and booleans are computed in the default floating type.

    >>> torch.special.log_ndtr(torch.tensor([0.0, -20.0]))
    tensor([  -0.6931, -203.9172])
    """
    return m.log_ndtr(x)


@log_ndtr.vjp
def _(g, x):
    return g / (erfcx(x * -0.7071067811865476) * 1.2533141373155003)


@exported("torch", "Tensor", "special")
@primitive(floats=True, ref=_each(m.i0, otypes=[float]))
def i0(x):
    """The modified Bessel function of the first kind of order 0.

    Args:
        input: real; integers and booleans are computed in the default floating type.

    >>> torch.i0(torch.tensor([0.0, 1.0]))
    tensor([1.0000, 1.2661])
    """
    return m.i0(x)


@i0.vjp
def _(g, x):
    return g * i1(x)


@exported("special")
@primitive(torch="special.i0e", floats=True, ref=_each(m.i0e, otypes=[float]))
def i0e(x):
    """``exp(-abs(input)) * i0(input)``.

    Args:
        input: real; integers and booleans are computed in the default floating type.

    >>> torch.special.i0e(torch.tensor([0.0, 1.0]))
    tensor([1.0000, 0.4658])
    """
    return m.i0e(x)


@i0e.vjp
def _(g, x, *, out):
    return g * (i1e(x) - sign(x) * out)


@exported("special")
@primitive(torch="special.i1", floats=True, ref=_each(m.i1, otypes=[float]))
def i1(x):
    """The modified Bessel function of the first kind of order 1.

    Args:
        input: real; integers and booleans are computed in the default floating type.

    >>> torch.special.i1(torch.tensor([0.0, 1.0]))
    tensor([0.0000, 0.5652])
    """
    return m.i1(x)


@i1.vjp
def _(g, x, *, out):
    return g * (i0(x) - where(eq(x, 0), 0.5, out / where(eq(x, 0), 1.0, x)))


@exported("special")
@primitive(torch="special.i1e", floats=True, ref=_each(m.i1e, otypes=[float]))
def i1e(x):
    """``exp(-abs(input)) * i1(input)``.

    Args:
        input: real; integers and booleans are computed in the default floating type.

    >>> torch.special.i1e(torch.tensor([0.0, 1.0]))
    tensor([0.0000, 0.2079])
    """
    return m.i1e(x)


@i1e.vjp
def _(g, x, *, out):
    return g * (i0e(x) - sign(x) * out - where(eq(x, 0), 0.5, out / where(eq(x, 0), 1.0, x)))


@exported("torch", "Tensor")
@exported("special", name="gammainc")
@primitive(torch="special.gammainc", given=("x",), floats=True, ref=_each(m.gammainc, otypes=[float]), domain=(0.2, 5))
def igamma(x, y):
    """The regularised lower incomplete gamma function: the integral of ``t ** (input - 1) * exp(-t)`` from 0 to
    ``other``, over ``gamma(input)``.

    Args:
        input, other: real and not negative, broadcast together.

    >>> torch.special.gammainc(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 1.0]))
    tensor([0.6321, 0.2642])
    """
    return m.gammainc(x, y)


@igamma.vjp
def _(g, x, y, *, needs):
    return _slopes_of_gamma(g, x, y, needs)


@exported("torch", "Tensor")
@exported("special", name="gammaincc")
@primitive(
    torch="special.gammaincc", given=("x",), floats=True, ref=_each(m.gammaincc, otypes=[float]), domain=(0.2, 5)
)
def igammac(x, y):
    """The regularised upper incomplete gamma function: 1 less the lower one.

    Args:
        input, other: real and not negative, broadcast together.

    >>> torch.special.gammaincc(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 1.0]))
    tensor([0.3679, 0.7358])
    """
    return m.gammaincc(x, y)


@igammac.vjp
def _(g, x, y, *, needs):
    return _slopes_of_gamma(-g, x, y, needs)


@primitive(public=False, floats=True, given=("x", "y"), ref=_each(m.log_gamma_slope, otypes=[float]), domain=(0.2, 5))
def log_gamma_slope(x, y):
    """By how much the logarithm ``y`` of a number of the gamma distribution moves with the shape ``x``."""
    return m.log_gamma_slope(x, y)


@log_gamma_slope.vjp
def _(g, x, y):
    raise NotImplementedError(
        "the derivative of a number of the gamma distribution by its shape has no derivative of its own here; "
        "create_graph is for other distributions"
    )


def _slopes_of_gamma(g: Any, x: Any, y: Any, needs: tuple) -> tuple:
    log_y = log(y)
    density = g * exp((x - 1) * log_y - y - lgamma(x))
    return where(eq(y, 0), 0.0, -density * y * log_gamma_slope(x, log_y)) if needs[0] else None, density


@exported("torch", "Tensor", "special")
@primitive(floats=True, takes=COMPUTED, ref=np.sinc)
def sinc(x):
    """``sin(pi * input) / (pi * input)``, which is 1 at 0.

    Args:
        input: of any shape; integers and booleans are computed in the default floating type.

    >>> torch.sinc(torch.tensor([0.0, 0.5]))
    tensor([1.0000, 0.6366])
    """
    turn = x * 3.141592653589793
    there = m.sin(turn) / turn if m.abs(x) < 9007199254740992.0 else x - x  # beyond, all numbers are whole
    return 1.0 if x == 0 else there


@sinc.vjp
def _(g, x):
    there = x * math.pi
    slope = (there * cos(there) - sin(there)) / (there * x)
    return where(eq(x, 0), 0.0, g * slope)


@primitive(name="logit", public=False, floats=True, ref=lambda x: np.log(x / (1 - x)), domain=(0.1, 0.9))
def log_odds(x):
    """``log(x / (1 - x))``."""
    return m.log(x / (1 - x))


@log_odds.vjp
def _(g, x):
    inside = where(logical_or(gt(x, 1), gt(-x, 0)), math.nan, g)
    return inside / (x * (1 - x))


@exported("torch", "Tensor", "special")
def logit(input: Tensor, eps: float | None = None, *, out: Any = None) -> Tensor:
    """The logarithm of the odds, ``log(input / (1 - input))``: the inverse of ``sigmoid``.

    Args:
        input: probabilities; integers and booleans are computed in the default floating type.
        eps: probabilities are first brought into ``[eps, 1 - eps]``; without it those beyond 0 and 1 give NaN.

    Returns:
        Of the same shape.

    >>> torch.logit(torch.tensor([0.5, 0.9]))
    tensor([0.0000, 2.1972])
    """
    if eps is not None:
        x = input if input.dtype.differentiable else input.to(dtypes.get_default_dtype())
        input = clamp(x, eps, 1 - eps)
    return log_odds(input, out=out)


@exported("Tensor", name="logit_")
def _logit_in_place(self: Tensor, eps: float | None = None) -> Tensor:
    """``logit`` in place; see ``torch.logit``.

    Args:
        eps: as there.

    >>> torch.tensor([0.5]).logit_()
    tensor([0.])
    """
    return self.copy_(logit(self, eps))


@exported("special")
@primitive(
    torch="special.entr",
    floats=True,
    ref=lambda x: np.where(
        x > 0, -x * np.log(np.where(x > 0, x, 1)), np.where(x == 0, 0.0, np.where(x < 0, -np.inf, x))
    ),
    domain=(0.2, 3),
)
def entr(x):
    """``-input * log(input)``, the entropy's terms: 0 at 0, -inf below.

    Args:
        input: real; integers and booleans are computed in the default floating type.

    >>> torch.special.entr(torch.tensor([0.0, 0.5, -1.0]))
    tensor([0.0000, 0.3466,   -inf])
    """
    return x if x != x else -x * m.log(x) if x > 0 else 0.0 if x == 0 else m.log(m.copysign(0.0, x))


@entr.vjp
def _(g, x):
    return g * (-log(x) - 1)


@primitive(name="nan_to_num", public=False, ref=lambda x, *given: np.nan_to_num(x, nan=0.0, posinf=1.0, neginf=-1.0))
def finite_ones(x, nan: float = 0.0, posinf: float = 1.0, neginf: float = -1.0):
    """``x`` with numbers in place of NaN and infinities."""
    return nan if x != x else (posinf if x > 0 else neginf) if m.isinf(x) else x


@finite_ones.vjp
def _(g, x):
    return where(eq(x - x, 0), g, 0.0)


@exported("torch", "Tensor")
def nan_to_num(
    input: Tensor,
    nan: float | None = None,
    posinf: float | None = None,
    neginf: float | None = None,
    *,
    out: Any = None,
) -> Tensor:
    """``input`` with numbers in place of NaN and infinities.

    Args:
        input: of any real type; integers are copied.
        nan: what NaN becomes; 0 unless given.
        posinf, neginf: what infinities become; the largest and the smallest number of the type unless given.

    Returns:
        Of the same shape and type.

    >>> torch.nan_to_num(torch.tensor([torch.nan, torch.inf, 2.0]), posinf=9.0)
    tensor([0., 9., 2.])
    """
    if out is not None:
        return into(out, SAME, nan_to_num, input, nan, posinf, neginf)
    if not input.dtype.differentiable:
        return input.clone()
    if input.dtype.is_complex:
        from_parts = [nan_to_num(part, nan, posinf, neginf) for part in (input.real, input.imag)]
        return from_parts[0] + from_parts[1] * 1j
    info = dtypes.finfo(input.dtype)
    return finite_ones(
        input,
        0.0 if nan is None else float(nan),
        info.max if posinf is None else float(posinf),
        info.min if neginf is None else float(neginf),
    )


@exported("Tensor", name="nan_to_num_")
def _nan_to_num_in_place(
    self: Tensor, nan: float | None = None, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """``nan_to_num`` in place; see ``torch.nan_to_num``.

    Args:
        nan, posinf, neginf: as there.

    >>> torch.tensor([torch.nan]).nan_to_num_()
    tensor([0.])
    """
    return self.copy_(nan_to_num(self, nan, posinf, neginf))


@exported("torch", "Tensor")
@primitive(takes=REAL, ref=lambda x: x - np.trunc(x))
def frac(x):
    """The part behind the point, with the sign of ``input``.

    Args:
        input: floating.

    >>> torch.frac(torch.tensor([1.25, -2.5]))
    tensor([ 0.2500, -0.5000])
    """
    return x - m.trunc(x)


@frac.vjp
def _(g):
    return g


@exported("torch", "Tensor", inplace=False)
@primitive(result="bool", differentiable=False, ref=np.signbit)
def signbit(x):
    """Whether the sign bit is set, as of negative numbers and of -0.0.

    Args:
        input: of any real type.

    >>> torch.signbit(torch.tensor([-0.0, 0.0, -3.0]))
    tensor([ True, False,  True])
    """
    return m.copysign(1.0, x) < 0


@exported("torch", "Tensor", inplace=False)
@primitive(result="bool", differentiable=False, ref=np.isposinf)
def isposinf(x):
    """Whether an element is inf.

    Args:
        input: of any real type.

    >>> torch.isposinf(torch.tensor([torch.inf, -torch.inf, 1.0]))
    tensor([ True, False, False])
    """
    return m.isinf(x) and x > 0


@exported("torch", "Tensor", inplace=False)
@primitive(result="bool", differentiable=False, ref=np.isneginf)
def isneginf(x):
    """Whether an element is -inf.

    Args:
        input: of any real type.

    >>> torch.isneginf(torch.tensor([torch.inf, -torch.inf, 1.0]))
    tensor([False,  True, False])
    """
    return m.isinf(x) and x < 0


@exported("torch", "Tensor")
def isreal(input: Tensor) -> Tensor:
    """Whether the imaginary part is 0, as of all real numbers.

    Args:
        input: of any type.

    Returns:
        A bool tensor of the same shape.

    >>> torch.isreal(torch.tensor([1 + 0j, 1j]))
    tensor([ True, False])
    """
    if input.dtype.is_complex:
        return eq(input.imag, 0)
    return logical_or(eq(input, input), ne(input, input))


@primitive(
    name="frexp_mantissa", public=False, takes=REAL, torch=lambda t, x: t.frexp(x)[0], ref=lambda x: np.frexp(x)[0]
)
def mantissa_of(x):
    """What is left of ``x`` without its power of two: in size from 0.5 to 1."""
    return m.mantissa(x)


@primitive(
    name="frexp_exponent",
    public=False,
    takes=REAL,
    torch=lambda t, x: t.frexp(x)[1].to(x.dtype),
    differentiable=False,
    ref=lambda x: np.frexp(x)[1],
)
def exponent_of(x):
    """The power of two."""
    return m.exponent(x)


@exported("torch", "Tensor")
def frexp(input: Tensor, *, out: Any = None) -> Any:
    """The mantissa, in size from 0.5 to 1, and the power of two: ``input = mantissa * 2 ** exponent``.

    Args:
        input: floating.

    Returns:
        (mantissa, exponent): of the type of ``input``, and int32.

    Raises:
        RuntimeError: ``input`` is of integers.

    >>> tuple(torch.frexp(torch.tensor([1.0, 12.0])))
    (tensor([0.5000, 0.7500]), tensor([1, 4], dtype=torch.int32))
    """
    if out is not None:
        return into(out, SAME, frexp, input)
    if not input.dtype.is_floating_point:
        raise RuntimeError(f"torch.frexp() only supports floating-point dtypes, got {input.dtype.name}")
    power = exponent_of(input)
    return returned("frexp", "mantissa", "exponent")((mantissa_of(input), power.to(dtypes.int32)))


@mantissa_of.vjp
def _(g, x):
    return g * where(eq(x, 0), 1.0, mantissa_of(x) / where(eq(x, 0), 1.0, x))
