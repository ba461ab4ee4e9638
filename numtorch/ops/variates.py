"""Random numbers of distributions that are drawn by rejection: gamma, Poisson, binomial, von Mises."""

from __future__ import annotations

import math
from typing import Any

import numtorch.dtype as dtypes
from numtorch._tensor import Tensor, empty
from numtorch.dispatch.cost import called, nbytes, numel
from numtorch.dispatch.loops import Loop, like
from numtorch.dispatch.op import op
from numtorch.dispatch.samples import exactly, positive
from numtorch.dtype import FLOATS
from numtorch.exports import exported
from numtorch.ops import movement, variates_cpu, variates_cuda
from numtorch.ops.comparison import clamp
from numtorch.ops.elementary import exp
from numtorch.ops.generator import Generator, default_generator
from numtorch.ops.random import _flat, _lie
from numtorch.ops.special import log_gamma_slope


def _cost(out: Any, *given: Any) -> tuple[int, int]:
    """A number is read and written; of two Philox blocks, a logarithm and a rejection or two it is made."""
    return 2 * nbytes(out), (60 + called(("log", "sqrt", "cos"), out)) * numel(out)


_drawn: dict[str, Any] = {"shape": True, "public": False, "cost": _cost, "seeds": ("seed", "at")}


@op(**_drawn, samples=lambda: [(positive((50, 40)), 7, 0)])
def log_gamma_variates(x, seed: int, at: int):
    """The logarithms of numbers of the gamma distributions of shapes ``x`` and rate 1."""
    return empty(x.shape, x.dtype, x.device)


@log_gamma_variates.vjp
def _(g, x, *, out, seed, at):
    return g * log_gamma_slope(x, out)


@op(**_drawn, differentiable=False, samples=lambda: [(positive((50, 40)), 7, 0)])
def poisson_variates(x, seed: int, at: int):
    """Numbers of the Poisson distributions of means ``x``."""
    return empty(x.shape, x.dtype, x.device)


@op(**_drawn, differentiable=False, samples=lambda: [(exactly([[30.0] * 40] * 50), exactly([[0.4] * 40] * 50), 7, 0)])
def binomial_variates(x, y, seed: int, at: int):
    """How many of ``x`` trials of probability ``y`` succeed."""
    return empty(x.shape, x.dtype, x.device)


@op(**_drawn, differentiable=False, samples=lambda: [(positive((50, 40)), 7, 0)])
def von_mises_variates(x, seed: int, at: int):
    """Angles of the von Mises distributions of mean 0 and concentrations ``x``."""
    return empty(x.shape, x.dtype, x.device)


for _device, _fill in (("cpu", variates_cpu), ("cuda", variates_cuda)):
    for _op, _loop in (
        (log_gamma_variates, _fill.fill_log_gamma),
        (poisson_variates, _fill.fill_poisson),
        (von_mises_variates, _fill.fill_von_mises),
    ):

        @_op.loop(_device, dtypes=FLOATS, name="philox")
        def _(x, loop=_loop):
            return Loop(loop, (), like(x), weight=60)

    @binomial_variates.loop(_device, dtypes=FLOATS, name="philox")
    def _(x, y, loop=_fill.fill_binomial):
        return Loop(loop, (), like(x), weight=60)


# --- functions ------------------------------------------------------------------------------------


def draw(f: Any, *given: Tensor, generator: Generator | None = None) -> Tensor:
    """A number for each element of the operands, which are broadcast together, from the next words of the stream."""
    d = dtypes.float32 if given[0].dtype.is_half else given[0].dtype
    wide = movement.broadcast_tensors(*[v.to(d) for v in given])
    return f(*wide, *(generator or default_generator).take(2 * wide[0].numel())).to(given[0].dtype)


@exported("torch")
def poisson(input: Tensor, generator: Generator | None = None) -> Tensor:
    """Random numbers of the Poisson distributions with the given means, element by element.

    Args:
        input: means, floating point and not negative.
        generator: the stream from which they are drawn; the default generator unless given.

    Raises:
        RuntimeError: a mean is negative or NaN.
        NotImplementedError: the means are no floating-point numbers.

    >>> torch.poisson(torch.tensor([0.0, 0.0]))
    tensor([0., 0.])
    """
    if not input.dtype.is_floating_point:
        raise NotImplementedError(f'"poisson" not implemented for means of {input.dtype.name}; cast with .float()')
    if not _lie(input, 0.0, math.inf):
        raise RuntimeError("invalid Poisson rate, expected rate to be non-negative")
    return _flat(draw(poisson_variates, input.detach(), generator=generator), input)


@exported("torch")
def binomial(count: Tensor, prob: Tensor, generator: Generator | None = None) -> Tensor:
    """How many of ``count`` trials succeed, each with probability ``prob``, element by element.

    Args:
        count: how many trials, floating point and not negative.
        prob: probabilities, of the same type; they broadcast together.
        generator: the stream from which they are drawn; the default generator unless given.

    Raises:
        RuntimeError: a count is negative, a probability is not in [0, 1], or the types differ.
        NotImplementedError: the counts are no floating-point numbers.

    >>> torch.binomial(torch.tensor([3.0, 5.0]), torch.tensor([0.0, 1.0]))
    tensor([0., 5.])
    """
    if not count.dtype.is_floating_point:
        raise NotImplementedError(f'"binomial" not implemented for counts of {count.dtype.name}; cast with .float()')
    if count.dtype is not prob.dtype:
        raise RuntimeError(
            f"binomial: count and prob must have one type, but they are of {count.dtype.name} and {prob.dtype.name}"
        )
    if not _lie(count, 0.0, math.inf):
        raise RuntimeError("binomial: count must not be negative")
    if not _lie(prob, 0.0, 1.0):
        raise RuntimeError("binomial: prob must be between 0 and 1")
    return _flat(draw(binomial_variates, count.detach(), prob.detach(), generator=generator), count, prob)


def log_gammas(shape: Tensor, generator: Generator | None = None) -> Tensor:
    """The logarithms of numbers of the gamma distributions of the given shapes and rate 1. They have gradients."""
    return draw(log_gamma_variates, shape, generator=generator)


def gammas(shape: Tensor, generator: Generator | None = None) -> Tensor:
    """Numbers of the gamma distributions of the given shapes and rate 1, positive. They have gradients."""
    return clamp(exp(log_gammas(shape, generator)), min=dtypes.finfo(shape.dtype).tiny)


def von_mises(concentration: Tensor, generator: Generator | None = None) -> Tensor:
    """Angles of the von Mises distributions of mean 0 and the given concentrations."""
    return draw(von_mises_variates, concentration.detach(), generator=generator)
