"""Distributions with a location and a scale: uniform, Cauchy, Laplace, von Mises."""

from __future__ import annotations

import math
from typing import Any

import numtorch as torch
from numtorch import Tensor
from numtorch.distributions import constraints
from numtorch.distributions.distribution import Distribution
from numtorch.distributions.parameters import _uniform
from numtorch.distributions.transformed_distribution import TransformedDistribution
from numtorch.distributions.transforms import AbsTransform
from numtorch.ops import variates


class Uniform(Distribution):
    """Numbers of ``[low, high)``, of one density.

    Args:
        low, high: the ends.
        validate_args: whether parameters and values are checked.

    Raises:
        ValueError: ``low`` is not below ``high``.

    >>> torch.distributions.Uniform(torch.tensor([1.0]), torch.tensor([3.0])).mean
    tensor([2.])
    """

    has_rsample = True
    low: Tensor
    high: Tensor

    @property
    def arg_constraints(self) -> Any:
        return {"low": constraints.less_than(self.high), "high": constraints.greater_than(self.low)}

    def __init__(self, low: Any, high: Any, validate_args: bool | None = None):
        self._hold(validate_args, low=low, high=high)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:
        return constraints.interval(self.low, self.high)

    @property
    def mean(self) -> Tensor:
        return (self.high + self.low) / 2

    @property
    def mode(self) -> Tensor:
        return math.nan * self.high

    @property
    def stddev(self) -> Tensor:
        return (self.high - self.low) / 12**0.5

    @property
    def variance(self) -> Tensor:
        return (self.high - self.low).square() / 12

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        u = torch.rand(self._extended_shape(sample_shape), dtype=self.low.dtype, device=self.low.device)
        return self.low + u * (self.high - self.low)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validated(value)
        inside = (self.low <= value) & (self.high > value)
        return torch.log(inside.to(self.low)) - torch.log(self.high - self.low)

    def cdf(self, value: Tensor) -> Tensor:
        self._validated(value)
        return ((value - self.low) / (self.high - self.low)).clamp(0, 1)

    def icdf(self, value: Tensor) -> Tensor:
        return self.low + value * (self.high - self.low)

    def entropy(self) -> Tensor:
        return torch.log(self.high - self.low)


class _LocationScale(Distribution):
    """A distribution whose values are ``loc + scale * x``."""

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True
    loc: Tensor
    scale: Tensor

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None):
        self._hold(validate_args, loc=loc, scale=scale)

    @property
    def mode(self) -> Tensor:
        return self.loc

    def _standard(self, value: Tensor) -> Tensor:
        self._validated(value)
        return (value - self.loc) / self.scale


class Cauchy(_LocationScale):
    """The Cauchy distribution, which has no mean.

    Args:
        loc: the median.
        scale: half the width at half of the greatest density, positive.
        validate_args: whether parameters and values are checked.

    >>> torch.distributions.Cauchy(torch.tensor([0.0]), torch.tensor([1.0])).cdf(torch.tensor([1.0]))
    tensor([0.7500])
    """

    @property
    def mean(self) -> Tensor:
        return self._full(math.nan, self.loc)

    @property
    def variance(self) -> Tensor:
        return self._full(math.inf, self.loc)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.icdf(_uniform(self._extended_shape(sample_shape), self.loc))

    def log_prob(self, value: Tensor) -> Tensor:
        return -math.log(math.pi) - self.scale.log() - self._standard(value).square().log1p()

    def cdf(self, value: Tensor) -> Tensor:
        return torch.atan(self._standard(value)) / math.pi + 0.5

    def icdf(self, value: Tensor) -> Tensor:
        return torch.tan(math.pi * (value - 0.5)) * self.scale + self.loc

    def entropy(self) -> Tensor:
        return math.log(4 * math.pi) + self.scale.log()


class HalfCauchy(TransformedDistribution):
    """The sizes of Cauchy numbers around 0.

    Args:
        scale: as of ``Cauchy``.
        validate_args: whether parameters and values are checked.

    >>> torch.distributions.HalfCauchy(torch.tensor([1.0])).cdf(torch.tensor([1.0]))
    tensor([0.5000])
    """

    arg_constraints = {"scale": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True

    def __init__(self, scale: Any, validate_args: bool | None = None):
        super().__init__(Cauchy(0, scale, validate_args=False), AbsTransform(), validate_args=validate_args)

    @property
    def scale(self) -> Tensor:
        """Half the width of the Cauchy numbers' density."""
        return self.base_dist.scale

    @property
    def mean(self) -> Tensor:
        return self._full(math.inf, self.scale)

    @property
    def mode(self) -> Tensor:
        return torch.zeros_like(self.scale)

    @property
    def variance(self) -> Tensor:
        return self.base_dist.variance

    def log_prob(self, value: Tensor) -> Tensor:
        self._validated(value)
        value = torch.as_tensor(value, dtype=self.scale.dtype, device=self.scale.device)
        return torch.where(value >= 0, self.base_dist.log_prob(value) + math.log(2), -math.inf)

    def cdf(self, value: Tensor) -> Tensor:
        self._validated(value)
        return 2 * self.base_dist.cdf(value) - 1

    def icdf(self, value: Tensor) -> Tensor:
        return self.base_dist.icdf((value + 1) / 2)

    def entropy(self) -> Tensor:
        return self.base_dist.entropy() - math.log(2)


class Laplace(_LocationScale):
    """The Laplace distribution, of density ``exp(-abs(x - loc) / scale) / (2 * scale)``.

    Args:
        loc: the mean.
        scale: positive.
        validate_args: whether parameters and values are checked.

    >>> torch.distributions.Laplace(torch.tensor([0.0]), torch.tensor([1.0])).variance
    tensor([2.])
    """

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return 2 * self.scale.square()

    @property
    def stddev(self) -> Tensor:
        return 2**0.5 * self.scale

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.icdf(_uniform(self._extended_shape(sample_shape), self.loc))

    def log_prob(self, value: Tensor) -> Tensor:
        self._validated(value)
        return -torch.log(2 * self.scale) - torch.abs(value - self.loc) / self.scale

    def cdf(self, value: Tensor) -> Tensor:
        z = self._standard(value)
        return 0.5 - 0.5 * z.sign() * torch.expm1(-z.abs())

    def icdf(self, value: Tensor) -> Tensor:
        p = value - 0.5
        return self.loc - self.scale * p.sign() * torch.log1p(-2 * p.abs())

    def entropy(self) -> Tensor:
        return 1 + torch.log(2 * self.scale)


class VonMises(Distribution):
    """Angles, with a density proportional to ``exp(concentration * cos(x - loc))``.

    Args:
        loc: the mean, in radians.
        concentration: positive.
        validate_args: whether parameters and values are checked.

    >>> torch.distributions.VonMises(torch.tensor([0.0]), torch.tensor([1.0])).log_prob(torch.tensor([0.0]))
    tensor([-1.0738])
    """

    arg_constraints = {"loc": constraints.real, "concentration": constraints.positive}
    support = constraints.real
    has_rsample = False
    loc: Tensor
    concentration: Tensor

    def __init__(self, loc: Any, concentration: Any, validate_args: bool | None = None):
        self._hold(validate_args, loc=loc, concentration=concentration)

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        """The circular variance, ``1 - i1(concentration) / i0(concentration)``."""
        return 1 - torch.special.i1e(self.concentration) / torch.special.i0e(self.concentration)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with torch.no_grad():
            shape = self._extended_shape(sample_shape)
            angle = variates.von_mises(self.concentration.expand(shape)) + self.loc
            return (angle + math.pi) % (2 * math.pi) - math.pi

    def log_prob(self, value: Tensor) -> Tensor:
        self._validated(value)
        k = self.concentration
        return k * (torch.cos(value - self.loc) - 1) - math.log(2 * math.pi) - torch.special.i0e(k).log()
