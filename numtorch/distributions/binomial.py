"""Distributions of counts: binomial, negative binomial, multinomial, Poisson."""

from __future__ import annotations

from typing import Any

import numtorch as torch
from numtorch import Size, Tensor
from numtorch.distributions import constraints
from numtorch.distributions.categorical import Categorical
from numtorch.distributions.distribution import Distribution, ExponentialFamily, ProbsOrLogits
from numtorch.distributions.gamma import Gamma
from numtorch.distributions.parameters import lazy_property
from numtorch.nn.functional import logsigmoid, softplus


class Binomial(ProbsOrLogits):
    """How many of ``total_count`` trials succeed.

    Args:
        total_count: how many trials.
        probs: the probabilities of success.
        logits: the logarithms of their odds; one of both is given.
        validate_args: whether parameters and values are checked.

    Raises:
        ValueError: both or none of ``probs`` and ``logits``, or values that are no probabilities.

    >>> torch.distributions.Binomial(4, torch.tensor([0.5])).log_prob(torch.tensor([2.0]))
    tensor([-0.9808])
    """

    arg_constraints = {
        "total_count": constraints.nonnegative_integer,
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    has_enumerate_support = True
    total_count: Tensor

    def __init__(self, total_count: Any = 1, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        ((name, value),) = self._given(probs, logits).items()
        value = torch.as_tensor(value)
        if isinstance(total_count, Tensor):
            total_count = total_count.to(value)
        self._hold(validate_args, **{name: value, "total_count": total_count})

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Any:
        return constraints.integer_interval(0, self.total_count)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.probs

    @property
    def mode(self) -> Tensor:
        return torch.minimum(((self.total_count + 1) * self.probs).floor(), self.total_count)

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with torch.no_grad():
            shape = self._extended_shape(sample_shape)
            return torch.binomial(self.total_count.expand(shape), self.probs.expand(shape))

    def log_prob(self, value: Tensor) -> Tensor:
        self._validated(value)
        n = self.total_count
        ways = torch.lgamma(n + 1) - torch.lgamma(value + 1) - torch.lgamma(n - value + 1)
        return ways + value * self.logits - n * softplus(self.logits)

    def _one_count(self, what: str) -> int:
        n = int(self.total_count.max())
        if not bool((self.total_count == n).all()):
            raise NotImplementedError(f"Binomial: {what} takes one total_count for all, but found {self.total_count}")
        return n

    def entropy(self) -> Tensor:
        self._one_count("entropy")
        log_prob = self.log_prob(self.enumerate_support(False))
        return -(log_prob.exp() * log_prob).sum(0)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        n = self._one_count("enumerate_support")
        return self._enumerated(torch.arange(1 + n, dtype=self._param.dtype, device=self._param.device), expand)


class NegativeBinomial(ProbsOrLogits):
    """How many trials succeed before ``total_count`` have failed.

    Args:
        total_count: a number of failures, not negative; it need not be an integer.
        probs: the probabilities of success, in [0, 1).
        logits: the logarithms of their odds; one of both is given.
        validate_args: whether parameters and values are checked.

    Raises:
        ValueError: both or none of ``probs`` and ``logits``, or values that are no such probabilities.

    >>> torch.distributions.NegativeBinomial(2.0, torch.tensor([0.5])).mean
    tensor([2.])
    """

    arg_constraints = {
        "total_count": constraints.greater_than_eq(0),
        "probs": constraints.half_open_interval(0.0, 1.0),
        "logits": constraints.real,
    }
    support = constraints.nonnegative_integer
    total_count: Tensor

    def __init__(self, total_count: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        ((name, value),) = self._given(probs, logits).items()
        value = torch.as_tensor(value)
        if isinstance(total_count, Tensor):
            total_count = total_count.to(value)
        self._hold(validate_args, **{name: value, "total_count": total_count})

    @property
    def mean(self) -> Tensor:
        return self.total_count * torch.exp(self.logits)

    @property
    def mode(self) -> Tensor:
        return ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0.0)

    @property
    def variance(self) -> Tensor:
        return self.mean / torch.sigmoid(-self.logits)

    @lazy_property
    def _gamma(self) -> Gamma:
        """The distribution of the Poisson distribution's rate."""
        return Gamma(self.total_count, torch.exp(-self.logits), validate_args=False)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with torch.no_grad():
            return torch.poisson(self._gamma.sample(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        self._validated(value)
        n, logits = self.total_count, self.logits
        ways = torch.lgamma(n + value) - torch.lgamma(1.0 + value) - torch.lgamma(n)
        ways = torch.where(n + value == 0, 0.0, ways)
        return n * logsigmoid(-logits) + value * logsigmoid(logits) + ways


class Multinomial(Distribution):
    """How often each of k events occurs in ``total_count`` trials.

    Args:
        total_count: how many trials, one number.
        probs: (..., k), not negative; they need not sum to 1.
        logits: their logarithms; one of both is given.
        validate_args: whether parameters and values are checked.

    Raises:
        NotImplementedError: ``total_count`` is no integer.

    >>> torch.distributions.Multinomial(4, torch.tensor([1.0, 3.0])).mean
    tensor([1., 3.])
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    total_count: int
    _categorical: Categorical

    def __init__(self, total_count: int = 1, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        if not isinstance(total_count, int):
            raise NotImplementedError(f"Multinomial: total_count must be one integer, but found {total_count!r}")
        self.total_count = total_count
        self._categorical = Categorical(probs, logits)
        super().__init__(self._categorical.batch_shape, self._categorical.param_shape[-1:], validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self) -> Any:
        return constraints.multinomial(self.total_count)

    @property
    def _param(self) -> Tensor:
        return self._categorical._param

    def _new(self, *args: Any, **options: Any) -> Tensor:
        return self._param.new(*args, **options)

    @property
    def probs(self) -> Tensor:
        """The probabilities."""
        return self._categorical.probs

    @property
    def logits(self) -> Tensor:
        """Their logarithms."""
        return self._categorical.logits

    @property
    def param_shape(self) -> Size:
        """The shape of the parameter."""
        return self._categorical.param_shape

    @property
    def mean(self) -> Tensor:
        return self.probs * self.total_count

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        drawn = self._categorical.sample((self.total_count, *sample_shape)).movedim(0, -1)
        counts = torch.zeros(self._extended_shape(sample_shape), dtype=self._param.dtype, device=self._param.device)
        return counts.scatter_add_(-1, drawn, torch.ones_like(drawn, dtype=counts.dtype))

    def log_prob(self, value: Tensor) -> Tensor:
        self._validated(value)
        logits, value = torch.broadcast_tensors(self.logits, value)
        counted = torch.where((value == 0) & (logits == -torch.inf), 0.0, logits) * value
        return torch.lgamma(value.sum(-1) + 1) - torch.lgamma(value + 1).sum(-1) + counted.sum(-1)

    def entropy(self) -> Tensor:
        n = torch.tensor(float(self.total_count), dtype=self._param.dtype, device=self._param.device)
        counts = Binomial(self.total_count, self.probs, validate_args=False)
        values = counts.enumerate_support(expand=False)[1:]
        ties = (counts.log_prob(values).exp() * torch.lgamma(values + 1)).sum((0, -1))
        return n * self._categorical.entropy() - torch.lgamma(n + 1) + ties


class Poisson(ExponentialFamily):
    """How many events occur where ``rate`` are expected.

    Args:
        rate: the mean, not negative.
        validate_args: whether parameters and values are checked.

    >>> torch.distributions.Poisson(torch.tensor([2.0])).log_prob(torch.tensor([0.0]))
    tensor([-2.])
    """

    arg_constraints = {"rate": constraints.nonnegative}
    support = constraints.nonnegative_integer
    rate: Tensor

    def __init__(self, rate: Any, validate_args: bool | None = None):
        self._hold(validate_args, rate=rate)

    @property
    def mean(self) -> Tensor:
        return self.rate

    @property
    def mode(self) -> Tensor:
        return self.rate.floor()

    @property
    def variance(self) -> Tensor:
        return self.rate

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with torch.no_grad():
            return torch.poisson(self.rate.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        self._validated(value)
        return torch.xlogy(value, self.rate) - self.rate - torch.lgamma(value + 1)

    @property
    def _natural_params(self) -> tuple[Tensor]:
        return (torch.log(self.rate),)

    def _log_normalizer(self, x: Tensor) -> Tensor:  # type: ignore[override]
        return torch.exp(x)
