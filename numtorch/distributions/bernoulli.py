"""Distributions of two events, and what generalises them: Bernoulli, geometric, and the continuous ones."""

from __future__ import annotations

import math
from typing import Any

import numtorch as torch
from numtorch import Tensor
from numtorch.distributions import constraints
from numtorch.distributions.distribution import ExponentialFamily, ProbsOrLogits
from numtorch.distributions.parameters import _uniform, broadcast_all, clamp_probs, lazy_property, logits_to_probs
from numtorch.distributions.transformed_distribution import TransformedDistribution
from numtorch.distributions.transforms import SigmoidTransform
from numtorch.nn.functional import binary_cross_entropy_with_logits, softplus


def cross_entropy(logits: Tensor, value: Tensor) -> Tensor:
    """The cross entropy of Bernoulli distributions and probabilities of 1, broadcast together."""
    logits, value = broadcast_all(logits, value)
    return binary_cross_entropy_with_logits(logits, value, reduction="none")


class Bernoulli(ProbsOrLogits, ExponentialFamily):
    """1 with a probability, else 0.

    Args:
        probs: the probabilities of 1.
        logits: the logarithms of their odds; one of both is given.
        validate_args: whether parameters and values are checked.

    Raises:
        ValueError: both or none of ``probs`` and ``logits``, or values that are no probabilities.

    >>> torch.distributions.Bernoulli(torch.tensor([0.25])).log_prob(torch.tensor([1.0]))
    tensor([-1.3863])
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.boolean
    has_enumerate_support = True
    _mean_carrier_measure = 0

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        self._hold(validate_args, **self._given(probs, logits))

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def mode(self) -> Tensor:
        return torch.where(self.probs == 0.5, math.nan, (self.probs >= 0.5).to(self.probs))

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with torch.no_grad():
            return torch.bernoulli(self.probs.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        self._validated(value)
        return -cross_entropy(self.logits, value)

    def entropy(self) -> Tensor:
        return cross_entropy(self.logits, self.probs)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        return self._enumerated(torch.arange(2, dtype=self._param.dtype, device=self._param.device), expand)

    @property
    def _natural_params(self) -> tuple[Tensor]:
        return (torch.logit(self.probs),)

    def _log_normalizer(self, x: Tensor) -> Tensor:  # type: ignore[override]
        return softplus(x)


class Geometric(ProbsOrLogits):
    """How many trials fail before the first one succeeds, from 0 on.

    Args:
        probs: the probabilities of success, in (0, 1].
        logits: the logarithms of their odds; one of both is given.
        validate_args: whether parameters and values are checked.

    Raises:
        ValueError: both or none of ``probs`` and ``logits``, or values that are no such probabilities.

    >>> torch.distributions.Geometric(torch.tensor([0.25])).mean
    tensor([3.])
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.nonnegative_integer

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        self._hold(validate_args, **self._given(probs, logits))
        if self._validate_args and logits is None and not bool((self.probs > 0).all()):
            raise ValueError(f"Expected parameter probs of {self!r} to be positive, but it has zeros:\n{self.probs}")

    @property
    def mean(self) -> Tensor:
        return 1.0 / self.probs - 1.0

    @property
    def mode(self) -> Tensor:
        return torch.zeros_like(self.probs)

    @property
    def variance(self) -> Tensor:
        return (1.0 / self.probs - 1.0) / self.probs

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with torch.no_grad():
            u = _uniform(self._extended_shape(sample_shape), self.probs)
            return (u.log() / (-self.probs).log1p()).floor()

    def log_prob(self, value: Tensor) -> Tensor:
        self._validated(value)
        value, probs = broadcast_all(value, self.probs)
        failed = torch.where((probs == 1) & (value == 0), 0.0, (-probs).log1p())
        return value * failed + self.probs.log()

    def entropy(self) -> Tensor:
        return cross_entropy(self.logits, self.probs) / self.probs


class ContinuousBernoulli(ProbsOrLogits, ExponentialFamily):
    """Numbers of [0, 1] with a density proportional to ``probs ** x * (1 - probs) ** (1 - x)`` (Loaiza-Ganem and
    Cunningham 2019).

    Args:
        probs: parameters of (0, 1).
        logits: the logarithms of their odds; one of both is given.
        lims: between which ``probs`` series around 1/2 are used, where the formulas lose digits.
        validate_args: whether parameters and values are checked.

    Raises:
        ValueError: both or none of ``probs`` and ``logits``, or values beyond [0, 1].

    >>> torch.distributions.ContinuousBernoulli(torch.tensor([0.5])).mean
    tensor([0.5000])
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True
    _mean_carrier_measure = 0

    def __init__(
        self,
        probs: Any = None,
        logits: Any = None,
        lims: tuple[float, float] = (0.499, 0.501),
        validate_args: bool | None = None,
    ):
        self._lims = lims
        self._hold(validate_args, **self._given(probs, logits))
        if logits is None:
            self.probs = clamp_probs(self.probs)

    @lazy_property
    def probs(self) -> Tensor:
        """The parameters in (0, 1)."""
        return clamp_probs(logits_to_probs(self.logits, is_binary=True))

    def _outside(self) -> Tensor:
        """Where the formulas keep their digits."""
        return (self.probs <= self._lims[0]) | (self.probs > self._lims[1])

    def _cut(self) -> tuple[Tensor, Tensor]:
        """The parameters, none of them near 1/2, and their logits."""
        p = torch.where(self._outside(), self.probs, self._lims[0])
        return p, torch.log(p) - torch.log1p(-p)

    def _cont_bern_log_norm(self) -> Tensor:
        p, logit = self._cut()
        x = (self.probs - 0.5).square()
        series = math.log(2.0) + (4.0 / 3.0 + 104.0 / 45.0 * x) * x
        return torch.where(self._outside(), logit.abs().log() - (1.0 - 2.0 * p).abs().log(), series)

    @property
    def mean(self) -> Tensor:
        p, logit = self._cut()
        x = self.probs - 0.5
        series = 0.5 + (1.0 / 3.0 + 16.0 / 45.0 * x.square()) * x
        return torch.where(self._outside(), p / (2.0 * p - 1.0) - 1.0 / logit, series)

    @property
    def variance(self) -> Tensor:
        p, logit = self._cut()
        x = (self.probs - 0.5).square()
        series = 1.0 / 12.0 - (1.0 / 15.0 - 128.0 / 945.0 * x) * x
        exact = p * (p - 1.0) / (1.0 - 2.0 * p).square() + 1.0 / logit.square()
        return torch.where(self._outside(), exact, series)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.icdf(_uniform(self._extended_shape(sample_shape), self.probs))

    def log_prob(self, value: Tensor) -> Tensor:
        self._validated(value)
        return self._cont_bern_log_norm() - cross_entropy(self.logits, value)

    def cdf(self, value: Tensor) -> Tensor:
        self._validated(value)
        p, _ = self._cut()
        exact = (p**value * (1.0 - p) ** (1.0 - value) + p - 1.0) / (2.0 * p - 1.0)
        return torch.where(self._outside(), exact, value).clamp(0.0, 1.0)

    def icdf(self, value: Tensor) -> Tensor:
        p, logit = self._cut()
        return torch.where(
            self._outside(), (torch.log1p(-p + value * (2.0 * p - 1.0)) - torch.log1p(-p)) / logit, value
        )

    def entropy(self) -> Tensor:
        return -self.mean * self.logits - torch.log1p(-self.probs) - self._cont_bern_log_norm()

    @property
    def _natural_params(self) -> tuple[Tensor]:
        return (torch.logit(self.probs),)

    def _log_normalizer(self, x: Tensor) -> Tensor:  # type: ignore[override]
        near = (x > self._lims[0] - 0.5) & (x < self._lims[1] - 0.5)
        safe = torch.where(near, self._lims[0] - 0.5, x)
        return torch.where(near, 0.5 * x + x.square() / 24.0, torch.expm1(safe).abs().log() - safe.abs().log())


class LogitRelaxedBernoulli(ProbsOrLogits):
    """The logits of relaxed Bernoulli numbers: real numbers, whose sigmoids are near 0 and 1 at a low temperature
    (Maddison, Mnih and Teh 2017).

    Args:
        temperature: above 0.
        probs: the probabilities of 1.
        logits: the logarithms of their odds; one of both is given.
        validate_args: whether parameters and values are checked.

    Raises:
        ValueError: both or none of ``probs`` and ``logits``.
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.real
    has_rsample = True

    def __init__(self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        self.temperature = temperature
        self._hold(validate_args, **self._given(probs, logits))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        u = _uniform(self._extended_shape(sample_shape), self._param)
        return (torch.log(u) - torch.log1p(-u) + self.logits) / self.temperature

    def log_prob(self, value: Tensor) -> Tensor:
        self._validated(value)
        logits, value = broadcast_all(self.logits, value)
        diff = logits - value * self.temperature
        return torch.log(torch.as_tensor(self.temperature)).to(diff) + diff - 2 * softplus(diff)


class RelaxedBernoulli(TransformedDistribution):
    """Numbers of (0, 1) that are near 0 and 1 at a low temperature, with gradients (Maddison, Mnih and Teh 2017; Jang,
    Gu and Poole 2017).

    Args:
        temperature: above 0.
        probs: the probabilities of 1.
        logits: the logarithms of their odds; one of both is given.
        validate_args: whether parameters and values are checked.

    Raises:
        ValueError: both or none of ``probs`` and ``logits``.

    >>> torch.distributions.RelaxedBernoulli(torch.tensor(0.5), torch.tensor([0.25])).rsample().shape
    torch.Size([1])
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True
    base_dist: LogitRelaxedBernoulli

    def __init__(self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        base = LogitRelaxedBernoulli(temperature, probs, logits)
        super().__init__(base, SigmoidTransform(), validate_args=validate_args)

    @property
    def temperature(self) -> Any:
        """The temperature."""
        return self.base_dist.temperature

    @property
    def logits(self) -> Tensor:
        """The logits."""
        return self.base_dist.logits

    @property
    def probs(self) -> Tensor:
        """The probabilities."""
        return self.base_dist.probs
