"""Distributions that transforms make of exponential and uniform numbers: Pareto, Weibull, Kumaraswamy,
Gumbel; and the generalized Pareto distribution."""

from __future__ import annotations

import math
from typing import Any

import numtorch as torch
from numtorch import Tensor
from numtorch.distributions import constraints
from numtorch.distributions.distribution import Distribution
from numtorch.distributions.gamma import Exponential
from numtorch.distributions.parameters import _uniform, broadcast_all, euler_constant
from numtorch.distributions.transformed_distribution import TransformedDistribution
from numtorch.distributions.transforms import AffineTransform, ExpTransform, PowerTransform
from numtorch.distributions.uniform import Uniform


class _Made(TransformedDistribution):
    """A distribution whose transforms have its parameters in them."""

    def _base(self) -> Distribution:
        raise NotImplementedError

    def _transforms(self) -> list:
        raise NotImplementedError

    def _make(self, validate_args: bool | None, **parameters: Any) -> None:
        for name, value in zip(parameters, broadcast_all(*parameters.values()), strict=True):
            self._keep(0, **{name: value})
        super().__init__(self._base(), self._transforms(), validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = Distribution.expand(self, batch_shape, _instance)
        new.transforms = new._transforms()
        return new


class Pareto(_Made):
    """Numbers above ``scale``, with a density proportional to ``x ** -(alpha + 1)``.

    Args:
        scale: the least value, positive.
        alpha: positive.
        validate_args: whether parameters and values are checked.

    >>> torch.distributions.Pareto(torch.tensor([1.0]), torch.tensor([3.0])).mean
    tensor([1.5000])
    """

    arg_constraints = {"alpha": constraints.positive, "scale": constraints.positive}
    has_rsample = True
    scale: Tensor
    alpha: Tensor

    def __init__(self, scale: Any, alpha: Any, validate_args: bool | None = None):
        self._make(validate_args, scale=scale, alpha=alpha)

    def _base(self) -> Distribution:
        return Exponential(self.alpha, validate_args=False)

    def _transforms(self) -> list:
        return [ExpTransform(), AffineTransform(0, self.scale)]

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:
        return constraints.greater_than_eq(self.scale)

    @property
    def mean(self) -> Tensor:
        a = self.alpha.clamp(min=1)
        return a * self.scale / (a - 1)

    @property
    def mode(self) -> Tensor:
        return self.scale

    @property
    def variance(self) -> Tensor:
        a = self.alpha.clamp(min=2)
        return self.scale.square() * a / ((a - 1).square() * (a - 2))

    def entropy(self) -> Tensor:
        return (self.scale / self.alpha).log() + 1 + self.alpha.reciprocal()


class Weibull(_Made):
    """The Weibull distribution: powers of exponential numbers.

    Args:
        scale, concentration: positive.
        validate_args: whether parameters and values are checked.

    >>> torch.distributions.Weibull(torch.tensor([1.0]), torch.tensor([1.0])).mean
    tensor([1.])
    """

    arg_constraints = {"scale": constraints.positive, "concentration": constraints.positive}
    support = constraints.positive
    has_rsample = True
    scale: Tensor
    concentration: Tensor

    def __init__(self, scale: Any, concentration: Any, validate_args: bool | None = None):
        self._make(validate_args, scale=scale, concentration=concentration)

    def _base(self) -> Distribution:
        return Exponential(torch.ones_like(self.scale), validate_args=False)

    def _transforms(self) -> list:
        return [PowerTransform(self.concentration.reciprocal()), AffineTransform(0, self.scale)]

    def _moment(self, n: int) -> Tensor:
        return torch.exp(torch.lgamma(1 + n / self.concentration)) * self.scale**n

    @property
    def mean(self) -> Tensor:
        return self._moment(1)

    @property
    def mode(self) -> Tensor:
        k = self.concentration
        return self.scale * ((k - 1) / k) ** k.reciprocal()

    @property
    def variance(self) -> Tensor:
        return self._moment(2) - self._moment(1).square()

    def entropy(self) -> Tensor:
        k = self.concentration
        return euler_constant * (1 - k.reciprocal()) + torch.log(self.scale / k) + 1


class Kumaraswamy(_Made):
    """Numbers of [0, 1], of which ``1 - (1 - x ** concentration1) ** concentration0`` are uniform.

    Args:
        concentration1, concentration0: positive.
        validate_args: whether parameters and values are checked.

    >>> torch.distributions.Kumaraswamy(torch.tensor([1.0]), torch.tensor([1.0])).mean
    tensor([0.5000])
    """

    arg_constraints = {"concentration1": constraints.positive, "concentration0": constraints.positive}
    support = constraints.unit_interval
    has_rsample = True
    concentration1: Tensor
    concentration0: Tensor

    def __init__(self, concentration1: Any, concentration0: Any, validate_args: bool | None = None):
        self._make(validate_args, concentration1=concentration1, concentration0=concentration0)

    def _base(self) -> Distribution:
        one = torch.ones_like(self.concentration0)
        return Uniform(0 * one, one, validate_args=False)

    def _transforms(self) -> list:
        a, b = self.concentration1, self.concentration0
        return [PowerTransform(b.reciprocal()), AffineTransform(1.0, -1.0), PowerTransform(a.reciprocal())]

    def _moment(self, n: int) -> Tensor:
        """``b * B(1 + n / a, b)``"""
        a, b = self.concentration1, self.concentration0
        return torch.exp(b.log() + torch.lgamma(1 + n / a) + torch.lgamma(b) - torch.lgamma(1 + n / a + b))

    @property
    def mean(self) -> Tensor:
        return self._moment(1)

    @property
    def mode(self) -> Tensor:
        a, b = self.concentration1, self.concentration0
        return torch.where((a >= 1) & (b >= 1), ((a - 1) / (a * b - 1)) ** a.reciprocal(), math.nan)

    @property
    def variance(self) -> Tensor:
        return self._moment(2) - self._moment(1).square()

    def entropy(self) -> Tensor:
        a, b = self.concentration1, self.concentration0
        harmonic = torch.digamma(b + 1) + euler_constant
        return (1 - b.reciprocal()) + (1 - a.reciprocal()) * harmonic - a.log() - b.log()


class Gumbel(_Made):
    """The Gumbel distribution, of largest values.

    Args:
        loc: the mode.
        scale: positive.
        validate_args: whether parameters and values are checked.

    >>> torch.distributions.Gumbel(torch.tensor([1.0]), torch.tensor([2.0])).mean
    tensor([2.1544])
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True
    loc: Tensor
    scale: Tensor

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None):
        self._make(validate_args, loc=loc, scale=scale)

    def _base(self) -> Distribution:
        limits = torch.finfo(self.loc.dtype)
        return Uniform(torch.full_like(self.loc, limits.tiny), 1 - limits.eps, validate_args=False)

    def _transforms(self) -> list:
        log = ExpTransform().inv
        return [log, AffineTransform(0, -1), log, AffineTransform(self.loc, -self.scale)]

    @property
    def mean(self) -> Tensor:
        return self.loc + self.scale * euler_constant

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def stddev(self) -> Tensor:
        return math.pi / math.sqrt(6) * self.scale

    @property
    def variance(self) -> Tensor:
        return self.stddev.square()

    def log_prob(self, value: Tensor) -> Tensor:
        self._validated(value)
        y = (self.loc - value) / self.scale
        return y - y.exp() - self.scale.log()

    def cdf(self, value: Tensor) -> Tensor:
        self._validated(value)
        return torch.exp(-torch.exp((self.loc - value) / self.scale))

    def entropy(self) -> Tensor:
        return self.scale.log() + 1 + euler_constant


class GeneralizedPareto(Distribution):
    """What is beyond a threshold, of distributions with any tail.

    Args:
        loc: the threshold.
        scale: positive.
        concentration: how heavy the tail is: 0 is that of the exponential distribution, and below the values end.
        validate_args: whether parameters and values are checked.

    >>> torch.distributions.GeneralizedPareto(0.0, 1.0, 0.0).cdf(torch.tensor(1.0))
    tensor(0.6321)
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive, "concentration": constraints.real}
    has_rsample = True
    loc: Tensor
    scale: Tensor
    concentration: Tensor

    def __init__(self, loc: Any, scale: Any, concentration: Any, validate_args: bool | None = None):
        self._hold(validate_args, loc=loc, scale=scale, concentration=concentration)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:
        end = self.loc - self.scale / self.concentration
        return constraints.interval(self.loc, torch.where(self.concentration < 0, end, math.inf))

    @property
    def mean(self) -> Tensor:
        k = self.concentration
        return torch.where(k < 1, self.loc + self.scale / (1 - k), math.nan)

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        k = self.concentration
        return torch.where(k < 0.5, self.scale.square() / ((1 - k).square() * (1 - 2 * k)), math.nan)

    def _tail(self) -> tuple[Tensor, Tensor]:
        """Where the concentration is 0, and the concentration, but 1 there."""
        flat = torch.isclose(self.concentration, torch.zeros_like(self.concentration))
        return flat, torch.where(flat, 1.0, self.concentration)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.icdf(_uniform(self._extended_shape(sample_shape), self.loc))

    def log_survival_function(self, value: Tensor) -> Tensor:
        """The logarithm of the probability of values above the given one.

        Args:
            value: values, which broadcast with the batch.

        Returns:
            A number for each value.

        >>> torch.distributions.GeneralizedPareto(0.0, 1.0, 0.0).log_survival_function(torch.tensor(1.0))
        tensor(-1.)
        """
        self._validated(value)
        z = (value - self.loc) / self.scale
        flat, k = self._tail()
        return -torch.where(flat, z, torch.log1p(k * z) / k)

    def log_cdf(self, value: Tensor) -> Tensor:
        """The logarithm of ``cdf``.

        Args:
            value: values, which broadcast with the batch.

        Returns:
            A number for each value.

        >>> torch.distributions.GeneralizedPareto(0.0, 1.0, 0.0).log_cdf(torch.tensor(1.0))
        tensor(-0.4587)
        """
        return torch.log1p(-torch.exp(self.log_survival_function(value)))

    def cdf(self, value: Tensor) -> Tensor:
        return torch.exp(self.log_cdf(value))

    def icdf(self, value: Tensor) -> Tensor:
        flat, k = self._tail()
        log = torch.log1p(-value)
        return self.loc + self.scale * torch.where(flat, -log, torch.expm1(-k * log) / k)

    def log_prob(self, value: Tensor) -> Tensor:
        k, above = self.concentration, self.log_survival_function(value)
        return torch.where(k == -1, 0.0, (1 + k) * above) - self.scale.log()

    def entropy(self) -> Tensor:
        return self.scale.log() + self.concentration + 1
