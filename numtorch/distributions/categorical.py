"""Distributions of several events: categorical, as positions or as unit vectors, and relaxed."""

from __future__ import annotations

import math
from typing import Any

import numtorch as torch
from numtorch import Size, Tensor
from numtorch.distributions import constraints
from numtorch.distributions.distribution import Distribution, ProbsOrLogits
from numtorch.distributions.parameters import _uniform, clamp_probs
from numtorch.distributions.transformed_distribution import TransformedDistribution
from numtorch.distributions.transforms import ExpTransform
from numtorch.nn.functional import one_hot


class Categorical(ProbsOrLogits):
    """Positions from 0 to k - 1, each with its probability.

    Args:
        probs: (..., k), not negative; they need not sum to 1.
        logits: their logarithms; one of both is given.
        validate_args: whether parameters and values are checked.

    Raises:
        ValueError: both or none of ``probs`` and ``logits``, a single number, or values that are no probabilities.

    >>> torch.distributions.Categorical(torch.tensor([1.0, 3.0])).log_prob(torch.tensor(1))
    tensor(-0.2877)
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    has_enumerate_support = True
    _is_binary = False

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        self._given_vectors(probs, logits)
        self._num_events = self._param.shape[-1]
        super().__init__(self._param.shape[:-1], validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Any:
        return constraints.integer_interval(0, self._num_events - 1)

    @property
    def mean(self) -> Tensor:
        return self._full(math.nan, self._param)

    @property
    def mode(self) -> Tensor:
        return self.probs.argmax(-1)

    @property
    def variance(self) -> Tensor:
        return self._full(math.nan, self._param)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        shape = Size(sample_shape)
        drawn = torch.multinomial(self.probs.detach().reshape(-1, self._num_events), shape.numel(), True)
        return drawn.T.reshape(self._extended_shape(shape))

    def log_prob(self, value: Tensor) -> Tensor:
        self._validated(value)
        places, logits = torch.broadcast_tensors(value.long().unsqueeze(-1), self.logits)
        return logits.gather(-1, places[..., :1]).squeeze(-1)

    def entropy(self) -> Tensor:
        logits = self.logits.clamp(min=torch.finfo(self.logits.dtype).min)
        return -(logits * self.probs).sum(-1)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        return self._enumerated(torch.arange(self._num_events, device=self._param.device), expand)


class _OfCategorical(Distribution):
    """A distribution of vectors whose parameters are those of a categorical one."""

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    _categorical: Categorical

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        self._categorical = Categorical(probs, logits)
        super().__init__(self._categorical.batch_shape, self._categorical.param_shape[-1:], validate_args)

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


class OneHotCategorical(_OfCategorical):
    """Unit vectors: 1 at a position that is drawn with its probability.

    Args:
        probs: (..., k), not negative; they need not sum to 1.
        logits: their logarithms; one of both is given.
        validate_args: whether parameters and values are checked.

    >>> torch.distributions.OneHotCategorical(torch.tensor([1.0, 3.0])).log_prob(torch.tensor([0.0, 1.0]))
    tensor(-0.2877)
    """

    support = constraints.one_hot
    has_enumerate_support = True

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def mode(self) -> Tensor:
        return self._vectors(self._categorical.mode)

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def _vectors(self, places: Tensor) -> Tensor:
        return one_hot(places, self._event_shape[0]).to(self._param)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        return self._vectors(self._categorical.sample(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        self._validated(value)
        return self._categorical.log_prob(value.argmax(-1))

    def entropy(self) -> Tensor:
        return self._categorical.entropy()

    def enumerate_support(self, expand: bool = True) -> Tensor:
        (n,) = self._event_shape
        values = torch.eye(n, dtype=self._param.dtype, device=self._param.device)
        values = values.reshape(n, *[1] * len(self._batch_shape), n)
        return values.expand(n, *self._batch_shape, n) if expand else values


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """Unit vectors as of ``OneHotCategorical``, with the gradients of the probabilities (Bengio, Leonard and Courville
    2013).

    Args:
        probs: (..., k), not negative; they need not sum to 1.
        logits: their logarithms; one of both is given.
        validate_args: whether parameters and values are checked.

    >>> torch.distributions.OneHotCategoricalStraightThrough(torch.tensor([1.0, 3.0])).rsample().sum()
    tensor(1.)
    """

    has_rsample = True

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.sample(sample_shape) + (self.probs - self.probs.detach())


class ExpRelaxedCategorical(_OfCategorical):
    """The logarithms of relaxed unit vectors (Maddison, Mnih and Teh 2017).

    Args:
        temperature: above 0.
        probs: (..., k), not negative; they need not sum to 1.
        logits: their logarithms; one of both is given.
        validate_args: whether parameters and values are checked.
    """

    support = constraints.real_vector
    has_rsample = True

    def __init__(self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        self.temperature = temperature
        super().__init__(probs, logits, validate_args)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        u = clamp_probs(_uniform(self._extended_shape(sample_shape), self._param))
        return torch.log_softmax((self.logits - (-u.log()).log()) / self.temperature, -1)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validated(value)
        k = self._event_shape[0]
        score = torch.log_softmax(self.logits - value * self.temperature, -1).sum(-1)
        return score + math.lgamma(k) + (k - 1) * torch.as_tensor(self.temperature).log().to(score)


class RelaxedOneHotCategorical(TransformedDistribution):
    """Vectors that sum to 1 and are near unit vectors at a low temperature, with gradients (Maddison, Mnih and Teh
    2017; Jang, Gu and Poole 2017).

    Args:
        temperature: above 0.
        probs: (..., k), not negative; they need not sum to 1.
        logits: their logarithms; one of both is given.
        validate_args: whether parameters and values are checked.

    >>> torch.distributions.RelaxedOneHotCategorical(torch.tensor(0.5), torch.tensor([1.0, 3.0])).rsample().shape
    torch.Size([2])
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.simplex
    has_rsample = True
    base_dist: ExpRelaxedCategorical

    def __init__(self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        base = ExpRelaxedCategorical(temperature, probs, logits, validate_args=validate_args)
        super().__init__(base, ExpTransform(), validate_args=validate_args)

    @property
    def temperature(self) -> Any:
        """The temperature."""
        return self.base_dist.temperature

    @property
    def logits(self) -> Tensor:
        """The logarithms of the probabilities."""
        return self.base_dist.logits

    @property
    def probs(self) -> Tensor:
        """The probabilities."""
        return self.base_dist.probs
