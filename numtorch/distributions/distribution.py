"""What every distribution is: shapes, parameters that are checked, samples and their probabilities."""

from __future__ import annotations

import warnings
from typing import Any

import numtorch as torch
from numtorch import Size, Tensor
from numtorch.distributions import constraints
from numtorch.distributions.parameters import broadcast_all, lazy_property, logits_to_probs, probs_to_logits


class Distribution:
    """A probability distribution, or a batch of them.

    Args:
        batch_shape: of the batch: one distribution for each element.
        event_shape: of one value of one distribution.
        validate_args: whether parameters and values are checked; as ``set_default_validate_args`` said unless given.

    Attributes:
        has_rsample: whether samples have gradients by the parameters.
        has_enumerate_support: whether ``enumerate_support`` lists all values.
    """

    has_rsample: Any = False
    has_enumerate_support: Any = False
    support: Any
    _validate_args = __debug__
    _held: dict[str, int] = {}  # noqa: RUF012 - parameters, and how many dimensions one of them has in one distribution

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Say whether distributions check their parameters and values. They do, but under ``python -O``.

        Args:
            value: True or False.

        Raises:
            ValueError: another value.

        >>> torch.distributions.Distribution.set_default_validate_args(True)
        """
        if value not in (True, False):
            raise ValueError(f"set_default_validate_args takes True or False, not {value!r}")
        Distribution._validate_args = value

    def __init__(self, batch_shape: Any = (), event_shape: Any = (), validate_args: bool | None = None):
        self._batch_shape, self._event_shape = Size(batch_shape), Size(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            self._validate_parameters()
        super().__init__()

    def _validate_parameters(self) -> None:
        try:
            wanted = self.arg_constraints
        except NotImplementedError:
            wanted = {}
            warnings.warn(
                f"{type(self).__name__} does not say arg_constraints, so that no parameter is checked; "
                "arg_constraints = {} says that none need be",
                stacklevel=3,
            )
        for name, constraint in wanted.items():
            lazy = name not in vars(self) and isinstance(getattr(type(self), name), lazy_property)
            if lazy or constraints.is_dependent(constraint):
                continue
            value = getattr(self, name)
            if not bool(constraint.check(value).all()):
                raise ValueError(
                    f"Expected parameter {name} ({type(value).__name__} of shape {tuple(value.shape)}) of {self!r} to "
                    f"satisfy the constraint {constraint!r}, but it has values that do not:\n{value}"
                )

    def _hold(self, validate_args: bool | None, **parameters: Any) -> None:
        """Keep parameters of single numbers, broadcast together, and begin with their shape."""
        for name, value in zip(parameters, broadcast_all(*parameters.values()), strict=True):
            self._keep(0, **{name: value})
        Distribution.__init__(self, value.shape, validate_args=validate_args)

    def _keep(self, event_dim: int = 0, **parameters: Tensor) -> None:
        """Keep parameters, of which one has so many dimensions in one distribution."""
        vars(self).update(parameters)
        self._held = {**self._held, **dict.fromkeys(parameters, event_dim)}

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The distribution as a larger batch, without copies of the parameters.

        Args:
            batch_shape: of the batch.

        Returns:
            A distribution of the same class.

        Raises:
            NotImplementedError: the class does not say how.

        >>> torch.distributions.Normal(0.0, 1.0).expand((2,))
        Normal(loc: torch.Size([2]), scale: torch.Size([2]))
        """
        ours = next(c for c in type(self).__mro__ if c.__module__.startswith("numtorch.distributions."))
        if ours in (Distribution, ExponentialFamily):
            raise NotImplementedError(f"{type(self).__name__} does not define expand")
        new = self._get_checked_instance(ours, _instance)
        batch_shape, kept = Size(batch_shape), len(self._batch_shape)
        for name, value in vars(self).items():
            lazy = isinstance(getattr(type(self), name, None), lazy_property)
            if name in self._held or (lazy and name in self.arg_constraints):
                own = self._held[name] if name in self._held else self.arg_constraints[name].event_dim
                value = value.expand(batch_shape + value.shape[value.ndim - own :])
            elif isinstance(value, Distribution):
                value = value.expand(batch_shape + value.batch_shape[kept:])
            elif lazy:
                continue
            vars(new)[name] = value
        new._batch_shape = batch_shape
        return new

    def _get_checked_instance(self, cls: type, _instance: Any = None) -> Any:
        if _instance is None and type(self).__init__ is not cls.__init__:  # type: ignore[misc]
            raise NotImplementedError(
                f"{type(self).__name__} has an __init__ of its own, so it must have an expand() of its own too, "
                f"which may call that of {cls.__name__} with _instance="
            )
        return type(self).__new__(type(self)) if _instance is None else _instance

    @property
    def batch_shape(self) -> Size:
        """The shape of the batch."""
        return self._batch_shape

    @property
    def event_shape(self) -> Size:
        """The shape of one value of one distribution."""
        return self._event_shape

    @property
    def arg_constraints(self) -> Any:
        """The constraint of each parameter, by its name."""
        raise NotImplementedError(f"{type(self).__name__} does not define arg_constraints")

    @property  # type: ignore[no-redef]
    def support(self) -> Any:
        """The constraint that values satisfy."""
        raise NotImplementedError(f"{type(self).__name__} does not define support")

    @property
    def mean(self) -> Tensor:
        """The mean."""
        raise NotImplementedError(f"{type(self).__name__} does not define mean")

    @property
    def mode(self) -> Tensor:
        """The value of the greatest probability or density."""
        raise NotImplementedError(f"{type(self).__name__} does not define mode")

    @property
    def variance(self) -> Tensor:
        """The variance."""
        raise NotImplementedError(f"{type(self).__name__} does not define variance")

    @property
    def stddev(self) -> Tensor:
        """The standard deviation."""
        return self.variance.sqrt()

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Random values, without gradients.

        Args:
            sample_shape: how many of each distribution, as a shape.

        Returns:
            A tensor of shape ``sample_shape + batch_shape + event_shape``.

        >>> torch.distributions.Normal(torch.zeros(2), 1.0).sample((3,)).shape
        torch.Size([3, 2])
        """
        with torch.no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Random values, with gradients by the parameters.

        Args:
            sample_shape: how many of each distribution, as a shape.

        Returns:
            A tensor of shape ``sample_shape + batch_shape + event_shape``.

        Raises:
            NotImplementedError: the values do not move with the parameters.

        >>> loc = torch.zeros(2, requires_grad=True)
        >>> torch.distributions.Normal(loc, 1.0).rsample((3,)).sum().backward()
        >>> loc.grad
        tensor([3., 3.])
        """
        raise NotImplementedError(f"{type(self).__name__} does not define rsample; sample() draws without gradients")

    def sample_n(self, n: int) -> Tensor:
        """Random values: the older name of ``sample((n,))``.

        Args:
            n: how many.

        Returns:
            A tensor of shape ``(n,) + batch_shape + event_shape``.

        >>> import warnings
        >>> with warnings.catch_warnings(action="ignore"):
        ...     torch.distributions.Normal(0.0, 1.0).sample_n(3).shape
        torch.Size([3])
        """
        warnings.warn("sample_n(n) is an older name of sample((n,))", FutureWarning, stacklevel=2)
        return self.sample(Size((n,)))

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the probability or of the density.

        Args:
            value: values, which broadcast with the batch.

        Returns:
            A number for each value.

        Raises:
            NotImplementedError: the class does not say.
            ValueError: a value that the distribution does not take.

        >>> torch.distributions.Normal(0.0, 1.0).log_prob(torch.tensor(1.0))
        tensor(-1.4189)
        """
        raise NotImplementedError(f"{type(self).__name__} does not define log_prob")

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of values up to the given one.

        Args:
            value: values, which broadcast with the batch.

        Returns:
            A probability for each value.

        Raises:
            NotImplementedError: the class does not say.
            ValueError: a value that the distribution does not take.

        >>> torch.distributions.Normal(0.0, 1.0).cdf(torch.tensor(1.0))
        tensor(0.8413)
        """
        raise NotImplementedError(f"{type(self).__name__} does not define cdf")

    def icdf(self, value: Tensor) -> Tensor:
        """The value up to which values have the given probability.

        Args:
            value: probabilities, which broadcast with the batch.

        Returns:
            A value for each probability.

        Raises:
            NotImplementedError: the class does not say.

        >>> torch.distributions.Uniform(0.0, 2.0).icdf(torch.tensor(0.5))
        tensor(1.)
        """
        raise NotImplementedError(f"{type(self).__name__} does not define icdf")

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All values, along a first dimension.

        Args:
            expand: whether the batch's dimensions have their extent; else it is 1.

        Returns:
            A tensor of shape ``(n,) + batch_shape + event_shape``.

        Raises:
            NotImplementedError: there is no end of them.

        >>> torch.distributions.Bernoulli(torch.tensor([0.2, 0.7])).enumerate_support()
        tensor([[0., 0.],
                [1., 1.]])
        """
        raise NotImplementedError(f"{type(self).__name__} does not define enumerate_support")

    def _enumerated(self, values: Tensor, expand: bool) -> Tensor:
        values = values.reshape(-1, *[1] * len(self._batch_shape))
        return values.expand(-1, *self._batch_shape) if expand else values

    def entropy(self) -> Tensor:
        """The entropy, in nats.

        Returns:
            A number for each distribution of the batch.

        Raises:
            NotImplementedError: the class does not say.

        >>> torch.distributions.Normal(0.0, 1.0).entropy()
        tensor(1.4189)
        """
        raise NotImplementedError(f"{type(self).__name__} does not define entropy")

    def perplexity(self) -> Tensor:
        """The exponential of the entropy.

        Returns:
            A number for each distribution of the batch.

        >>> torch.distributions.Bernoulli(torch.tensor(0.5)).perplexity()
        tensor(2.)
        """
        return torch.exp(self.entropy())

    def _extended_shape(self, sample_shape: Any = ()) -> Size:
        return Size((*sample_shape, *self._batch_shape, *self._event_shape))

    def _validated(self, value: Any) -> None:
        """ValueError for what is no value of the distribution, where that is checked."""
        if self._validate_args:
            self._validate_sample(value)

    def _validate_sample(self, value: Any) -> None:
        name = type(self).__name__
        if not isinstance(value, Tensor):
            raise ValueError(f"{name}: a value must be a tensor, but {value!r} is of type {type(value).__name__}")
        event, expected = len(self._event_shape), self._batch_shape + self._event_shape
        if value.shape[value.ndim - event :] != self._event_shape or value.ndim < event:
            raise ValueError(
                f"{name}: values of shape {tuple(value.shape)} do not end with the event shape "
                f"{tuple(self._event_shape)}"
            )
        pairs = zip(reversed(value.shape), reversed(expected), strict=False)
        if any(i not in (1, j) and j != 1 for i, j in pairs):
            raise ValueError(
                f"{name}: values of shape {tuple(value.shape)} do not broadcast with the batch and event shape "
                f"{tuple(expected)}"
            )
        try:
            support = self.support
        except NotImplementedError:
            warnings.warn(f"{name} does not define support, so that no value is checked", stacklevel=4)
            return
        if not bool(support.check(value).all()):
            raise ValueError(
                f"Expected value ({type(value).__name__} of shape {tuple(value.shape)}) to be within the support "
                f"({support!r}) of {self!r}, but it has values that are not:\n{value}"
            )

    def _full(self, number: float, like: Tensor) -> Tensor:
        return torch.full(self._extended_shape(), number, dtype=like.dtype, device=like.device)

    def __repr__(self) -> str:
        held = [(k, vars(self)[k]) for k in self.arg_constraints if k in vars(self)]
        shown = [f"{k}: {v if v.numel() == 1 else v.shape}" for k, v in held]
        return f"{type(self).__name__}({', '.join(shown)})"


class ExponentialFamily(Distribution):
    """A distribution of density ``exp(sum(t(x) * theta) - F(theta) + k(x))``: the gradient of F gives its entropy.

    A class defines ``_natural_params`` (theta), ``_log_normalizer`` (F) and ``_mean_carrier_measure`` (the mean of k).

    Args:
        batch_shape, event_shape, validate_args: as of ``Distribution``.

    >>> issubclass(torch.distributions.Normal, torch.distributions.ExponentialFamily)
    True
    """

    @property
    def _mean_carrier_measure(self) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not define entropy")

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        raise NotImplementedError(f"{type(self).__name__} does not define _natural_params")

    def _log_normalizer(self, *natural_params: Tensor) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} does not define _log_normalizer")

    def _normalizer_slopes(self) -> tuple[list[Tensor], Tensor, tuple[Tensor, ...]]:
        """The natural parameters, the logarithm of the normalizer, and its gradient, which has gradients itself."""
        theta = [p.detach().requires_grad_() for p in self._natural_params]
        with torch.enable_grad():
            f = self._log_normalizer(*theta)
            return theta, f, torch.autograd.grad(f.sum(), theta, create_graph=True)

    def entropy(self) -> Tensor:
        carried = self._mean_carrier_measure
        theta, f, slopes = self._normalizer_slopes()
        for p, slope in zip(theta, slopes, strict=True):
            f = f - (p * slope).reshape(*self._batch_shape, -1).sum(-1)
        return f - carried


class ProbsOrLogits(Distribution):
    """A distribution whose parameter is probabilities or their logits: which is not given is computed when read."""

    _is_binary = True
    probs: Any
    logits: Any

    def _given(self, probs: Any, logits: Any) -> dict[str, Any]:
        if (probs is None) == (logits is None):
            raise ValueError(f"{type(self).__name__} takes either probs or logits, and not both")
        return {"logits": logits} if probs is None else {"probs": probs}

    def _given_vectors(self, probs: Any, logits: Any) -> None:
        """Keep vectors of probabilities, normalised."""
        ((name, value),) = self._given(probs, logits).items()
        if value.ndim < 1:
            raise ValueError(f"`{name}` of {type(self).__name__} must have at least one dimension, that of the events")
        total = value.sum(-1, keepdim=True) if logits is None else value.logsumexp(-1, keepdim=True)
        self._keep(1, **{name: value / total if logits is None else value - total})

    @lazy_property  # type: ignore[no-redef]
    def logits(self) -> Tensor:
        """The logits."""
        return probs_to_logits(self.probs, self._is_binary)

    @lazy_property  # type: ignore[no-redef]
    def probs(self) -> Tensor:
        """The probabilities."""
        return logits_to_probs(self.logits, self._is_binary)

    @property
    def _param(self) -> Tensor:
        return self.probs if "probs" in self._held else self.logits

    def _new(self, *args: Any, **options: Any) -> Tensor:
        return self._param.new(*args, **options)

    @property
    def param_shape(self) -> Size:
        """The shape of the parameter."""
        return self._param.shape
