"""In-place draws that are made of uniform and normal ones: their distribution functions turned round."""

from __future__ import annotations

import math
from typing import Any

import numtorch.dtype as dtypes
from numtorch._tensor import Tensor
from numtorch._tensor import empty as _empty
from numtorch.exports import exported
from numtorch.ops import movement
from numtorch.ops.elementary import ceil, exp, log, tan
from numtorch.ops.generator import Generator
from numtorch.ops.random import normal_, uniform_


def _uniform(x: Tensor, generator: Generator | None) -> Tensor:
    """Numbers in [0, 1) for a tensor's elements; half types have too few for this."""
    d = x.dtype if x.dtype.is_floating_point and not x.dtype.is_half else dtypes.float32
    return uniform_(_empty(x.shape, d, x.device), generator=generator)


def _only_floating(x: Tensor, name: str) -> None:
    if not x.dtype.is_floating_point:
        raise NotImplementedError(
            f"\"{name}\" not implemented for '{x.dtype.scalar}': the distribution is continuous; cast with .float()"
        )


@exported("Tensor")
def cauchy_(x: Tensor, median: float = 0.0, sigma: float = 1.0, *, generator: Any = None) -> Tensor:
    """Overwrite with random numbers of the Cauchy distribution, of density ``sigma / pi / ((x - median) ** 2 + sigma
    ** 2)``.

    Args:
        median: the middle.
        sigma: the half width at half the height, above 0.
        generator: the stream from which they are drawn; the default generator unless given.

    Raises:
        RuntimeError: ``sigma`` is not positive, or the tensor is of no floating type.

    >>> torch.zeros(3).cauchy_(5.0).shape
    torch.Size([3])
    """
    if not sigma > 0:
        raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma:g}")
    if not x.dtype.is_floating_point:
        raise RuntimeError(
            "Cauchy distribution is a continuous probability distribution. dtype must be a floating point but you "
            f"specified {x.dtype.name}"
        )
    return movement.copy_(x, median + sigma * tan(math.pi * (_uniform(x, generator) - 0.5)))


@exported("Tensor")
def geometric_(x: Tensor, p: float, *, generator: Any = None) -> Tensor:
    """Overwrite with random integers from 1 on: how many trials are made up to the first success.

    Args:
        p: the probability of a success, between 0 and 1.
        generator: the stream from which they are drawn; the default generator unless given.

    Raises:
        RuntimeError: ``p`` is not between 0 and 1.
        NotImplementedError: the tensor is of booleans or complex numbers.

    >>> bool((torch.zeros(100).geometric_(0.5) >= 1).all())
    True
    """
    if not 0 < p < 1:
        raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p:g}")
    if x.dtype is dtypes.bool or x.dtype.is_complex:
        raise NotImplementedError(f"\"geometric_\" not implemented for '{x.dtype.scalar}'")
    draws = ceil(log(1 - _uniform(x, generator)) / math.log1p(-p))
    return movement.copy_(x, draws.clamp(min=1))


@exported("Tensor")
def log_normal_(x: Tensor, mean: float = 1.0, std: float = 2.0, *, generator: Any = None) -> Tensor:
    """Overwrite with random numbers whose logarithms are of a normal distribution.

    Args:
        mean, std: of the logarithms.
        generator: the stream from which they are drawn; the default generator unless given.

    Raises:
        RuntimeError: ``std`` is not positive.
        NotImplementedError: the tensor is of no floating type.

    >>> bool((torch.zeros(100).log_normal_() > 0).all())
    True
    """
    if not std > 0:
        raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={std:g}")
    _only_floating(x, "log_normal_")
    return movement.copy_(x, exp(normal_(_empty(x.shape, x.dtype, x.device), mean, std, generator=generator)))
