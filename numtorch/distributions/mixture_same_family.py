"""Mixtures of distributions of one class."""

from __future__ import annotations

from typing import Any

import numtorch as torch
from numtorch import Size, Tensor
from numtorch.distributions import constraints
from numtorch.distributions.categorical import Categorical
from numtorch.distributions.distribution import Distribution


class MixtureSameFamily(Distribution):
    """A mixture: each value is of a component that is drawn first.

    Args:
        mixture_distribution: a ``Categorical``, the components' probabilities.
        component_distribution: the components, along the last dimension of its batch.
        validate_args: whether values are checked.

    Raises:
        ValueError: other classes, or shapes that do not agree.

    >>> from numtorch.distributions import Categorical, MixtureSameFamily, Normal
    >>> mixture = MixtureSameFamily(Categorical(torch.ones(2)), Normal(torch.tensor([-1.0, 3.0]), 1.0))
    >>> mixture.mean, mixture.variance
    (tensor(1.), tensor(5.))
    """

    arg_constraints: Any = {}  # noqa: RUF012

    def __init__(self, mixture_distribution: Any, component_distribution: Any, validate_args: bool | None = None):
        if not isinstance(mixture_distribution, Categorical):
            raise ValueError(f"the mixture distribution must be a Categorical, but found {mixture_distribution!r}")
        if not isinstance(component_distribution, Distribution):
            raise ValueError(f"the components must be a distribution, but found {component_distribution!r}")
        weights, parts = mixture_distribution.batch_shape, component_distribution.batch_shape
        for a, b in zip(reversed(weights), reversed(parts[:-1]), strict=False):
            if a != 1 and b != 1 and a != b:
                raise ValueError(f"batches of shapes {tuple(weights)} and {tuple(parts[:-1])} do not agree")
        k = mixture_distribution.logits.shape[-1]
        if not parts or parts[-1] != k:
            raise ValueError(f"there are {k} probabilities, but the components have the batch shape {tuple(parts)}")
        self._mixture_distribution, self._component_distribution = mixture_distribution, component_distribution
        self._num_component = k
        super().__init__(parts[:-1], component_distribution.event_shape, validate_args)

    @property
    def mixture_distribution(self) -> Any:
        """The components' probabilities."""
        return self._mixture_distribution

    @property
    def component_distribution(self) -> Any:
        """The components."""
        return self._component_distribution

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        """False: the drawn component does not move with the parameters."""
        return False

    @constraints.dependent_property
    def support(self) -> Any:
        return constraints.MixtureSameFamilyConstraint(self._component_distribution.support)

    def _spread(self, x: Tensor) -> Tensor:
        """With dimensions of extent 1 for an event."""
        return x.reshape(*x.shape, *[1] * len(self._event_shape))

    def _mixed(self, x: Tensor) -> Tensor:
        """The mean of a number of each component."""
        return (self._spread(self._mixture_distribution.probs) * x).sum(-1 - len(self._event_shape))

    @property
    def mean(self) -> Tensor:
        return self._mixed(self._component_distribution.mean)

    @property
    def variance(self) -> Tensor:
        mean = self._component_distribution.mean
        between = mean - self._mixed(mean).unsqueeze(-1 - len(self._event_shape))
        return self._mixed(self._component_distribution.variance) + self._mixed(between.square())

    def cdf(self, value: Tensor) -> Tensor:
        inside = self._component_distribution.cdf(value.unsqueeze(-1 - len(self._event_shape)))
        return (inside * self._mixture_distribution.probs).sum(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validated(value)
        inside = self._component_distribution.log_prob(value.unsqueeze(-1 - len(self._event_shape)))
        return torch.logsumexp(inside + torch.log_softmax(self._mixture_distribution.logits, -1), -1)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with torch.no_grad():
            event, shape = len(self._event_shape), Size(sample_shape)
            of = self._mixture_distribution.expand(self._batch_shape).sample(shape)
            values = self._component_distribution.sample(shape)
            of = of.reshape(*of.shape, *[1] * (1 + event))
            of = of.expand(*of.shape[: of.ndim - event], *self._event_shape)
            return values.gather(-1 - event, of).squeeze(-1 - event)

    def __repr__(self) -> str:
        return f"MixtureSameFamily(\n  {self._mixture_distribution},\n  {self._component_distribution})"
