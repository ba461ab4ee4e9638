"""Transforms of real numbers to what satisfies a constraint: ``biject_to`` gives bijective ones, ``transform_to`` those
that are convenient to optimise through."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Number
from typing import Any

from numtorch.distributions import constraints, transforms


class ConstraintRegistry:
    """Which transform leads to which constraint.

    >>> from numtorch.distributions import constraints, transform_to
    >>> transform_to(constraints.positive)(torch.tensor(0.0))
    tensor(1.)
    """

    def __init__(self) -> None:
        self._registry: dict[type, Callable] = {}

    def register(self, constraint: Any, factory: Callable | None = None) -> Any:
        """Say which transform leads to a constraint.

        Args:
            constraint: a class of constraints, or one of them.
            factory: the function that makes a transform of a constraint; without it ``register`` is a decorator.

        Returns:
            The function, or a decorator.

        Raises:
            TypeError: ``constraint`` is no constraint.

        >>> from numtorch.distributions import ExpTransform, constraints
        >>> from numtorch.distributions.constraint_registry import ConstraintRegistry
        >>> registry = ConstraintRegistry()
        >>> @registry.register(constraints.positive)
        ... def to_positive(constraint):
        ...     return ExpTransform()
        >>> registry(constraints.positive)
        ExpTransform()
        """
        if factory is None:
            return lambda f: self.register(constraint, f)
        cls = type(constraint) if isinstance(constraint, constraints.Constraint) else constraint
        if not (isinstance(cls, type) and issubclass(cls, constraints.Constraint)):
            raise TypeError(f"a constraint, or a class of constraints, is expected, but found {constraint!r}")
        self._registry[cls] = factory
        return factory

    def __call__(self, constraint: Any) -> Any:
        if type(constraint) not in self._registry:
            raise NotImplementedError(f"no transform is registered for constraints {type(constraint).__name__}")
        return self._registry[type(constraint)](constraint)


biject_to = ConstraintRegistry()
transform_to = ConstraintRegistry()


def _both(*of: Any) -> Callable:
    """The function makes transforms of both registries, if it takes the registry also for parts."""

    def wrap(f: Callable) -> Callable:
        for registry in (biject_to, transform_to):
            for constraint in of:
                registry.register(constraint, lambda c, registry=registry: f(c, registry))
        return f

    return wrap


@_both(constraints.real)
def _to_real(c: Any, registry: Any) -> Any:
    return transforms.identity_transform


@_both(constraints.independent)
def _to_independent(c: Any, registry: Any) -> Any:
    return transforms.IndependentTransform(registry(c.base_constraint), c.reinterpreted_batch_ndims)


@_both(constraints.positive, constraints.nonnegative, constraints.greater_than, constraints.greater_than_eq)
def _to_above(c: Any, registry: Any) -> Any:
    exp = transforms.ExpTransform()
    if isinstance(c.lower_bound, Number) and c.lower_bound == 0:
        return exp
    return transforms.ComposeTransform([exp, transforms.AffineTransform(c.lower_bound, 1)])


@_both(constraints.less_than)
def _to_below(c: Any, registry: Any) -> Any:
    return transforms.ComposeTransform([transforms.ExpTransform(), transforms.AffineTransform(c.upper_bound, -1)])


@_both(constraints.interval, constraints.half_open_interval)
def _to_interval(c: Any, registry: Any) -> Any:
    low, high, sigmoid = c.lower_bound, c.upper_bound, transforms.SigmoidTransform()
    if isinstance(low, Number) and isinstance(high, Number) and (low, high) == (0, 1):
        return sigmoid
    return transforms.ComposeTransform([sigmoid, transforms.AffineTransform(low, high - low)])


@_both(constraints.corr_cholesky)
def _to_corr_cholesky(c: Any, registry: Any) -> Any:
    return transforms.CorrCholeskyTransform()


@_both(constraints.cat)
def _to_cat(c: Any, registry: Any) -> Any:
    return transforms.CatTransform([registry(part) for part in c.cseq], c.dim, c.lengths)


@_both(constraints.stack)
def _to_stack(c: Any, registry: Any) -> Any:
    return transforms.StackTransform([registry(part) for part in c.cseq], c.dim)


biject_to.register(constraints.simplex, lambda c: transforms.StickBreakingTransform())
transform_to.register(constraints.simplex, lambda c: transforms.SoftmaxTransform())
transform_to.register(constraints.lower_cholesky, lambda c: transforms.LowerCholeskyTransform())
for _definite in (constraints.positive_definite, constraints.positive_semidefinite):
    transform_to.register(_definite, lambda c: transforms.PositiveDefiniteTransform())
