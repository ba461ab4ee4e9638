"""Constraints: sets of tensors, of parameters that are allowed and of values that a distribution can take.

Singletons as ``positive`` are constraints; ``greater_than`` and its kin are classes, of which bounds make one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numtorch as torch
from numtorch import Tensor


class Constraint:
    """A set of tensors.

    Attributes:
        is_discrete: whether the set is discrete.
        event_dim: how many of the last dimensions are judged together.
    """

    is_discrete: Any = False
    event_dim: Any = 0
    _shown: tuple[str, ...] = ()  # what the repr says

    def check(self, value: Tensor) -> Tensor:
        """Whether values are in the set.

        Args:
            value: any tensor.

        Returns:
            Truth values, in the shape of ``value`` without its last ``event_dim`` dimensions.

        Raises:
            NotImplementedError: the class does not say.

        >>> torch.distributions.constraints.positive.check(torch.tensor([1.0, -1.0]))
        tensor([ True, False])
        """
        raise NotImplementedError(f"{type(self).__name__} does not define check")

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)}" for name in self._shown)
        return f"{type(self).__name__.lstrip('_')}({fields})"


# --- known only from the parameters ---------------------------------------------------------------

_UNKNOWN: Any = NotImplemented


class _Dependent(Constraint):
    """A constraint that depends on other parameters, and cannot be checked alone.

    Args:
        is_discrete, event_dim: as of any constraint, where they are known.

    >>> torch.distributions.constraints.dependent(event_dim=1).event_dim
    1
    """

    def __init__(self, *, is_discrete: Any = _UNKNOWN, event_dim: Any = _UNKNOWN):
        self._is_discrete, self._event_dim = is_discrete, event_dim
        super().__init__()

    @property
    def is_discrete(self) -> bool:  # type: ignore[override]
        """Whether the set is discrete; NotImplementedError where it is not known."""
        return self._known("is_discrete", self._is_discrete)

    @property
    def event_dim(self) -> int:  # type: ignore[override]
        """How many dimensions are judged together; NotImplementedError where it is not known."""
        return self._known("event_dim", self._event_dim)

    def _known(self, name: str, value: Any) -> Any:
        if value is _UNKNOWN:
            raise NotImplementedError(f"{name} of this constraint is not known without the distribution's parameters")
        return value

    def __call__(self, *, is_discrete: Any = _UNKNOWN, event_dim: Any = _UNKNOWN) -> _Dependent:
        return _Dependent(
            is_discrete=self._is_discrete if is_discrete is _UNKNOWN else is_discrete,
            event_dim=self._event_dim if event_dim is _UNKNOWN else event_dim,
        )

    def check(self, value: Tensor) -> Tensor:
        raise ValueError("a dependent constraint cannot be checked; ask the distribution, which knows its parameters")


class _DependentProperty(property, _Dependent):
    """A property that is a constraint, and of the class a dependent one.

    Args:
        fn: the method that gives the constraint.
        is_discrete, event_dim: of the constraint, where they are known.

    >>> support = torch.distributions.constraints.dependent_property(is_discrete=False, event_dim=0)
    >>> support.event_dim
    0
    """

    def __init__(self, fn: Callable | None = None, *, is_discrete: Any = _UNKNOWN, event_dim: Any = _UNKNOWN):
        property.__init__(self, fn)
        self._is_discrete, self._event_dim = is_discrete, event_dim

    def __call__(self, fn: Callable) -> _DependentProperty:  # type: ignore[override]
        return _DependentProperty(fn, is_discrete=self._is_discrete, event_dim=self._event_dim)


def is_dependent(constraint: Any) -> bool:
    """Whether a constraint depends on parameters, and cannot be checked alone.

    Args:
        constraint: any object.

    Returns:
        A truth value.

    >>> from numtorch.distributions import Uniform, constraints
    >>> constraints.is_dependent(Uniform.support), constraints.is_dependent(constraints.real)
    (True, False)
    """
    return isinstance(constraint, _Dependent)


# --- made of other constraints --------------------------------------------------------------------


def _of(base: Any) -> Constraint:
    if not isinstance(base, Constraint):
        raise AssertionError(f"a constraint is expected, but {base!r} is of type {type(base).__name__}")
    return base


class _IndependentConstraint(Constraint):
    """A constraint of which more dimensions are judged together.

    Args:
        base_constraint: of each element, or of fewer dimensions.
        reinterpreted_batch_ndims: how many dimensions more.

    Raises:
        AssertionError: what is given is no constraint, or no number of dimensions.

    >>> torch.distributions.constraints.independent(torch.distributions.constraints.real, 1)
    IndependentConstraint(Real(), 1)
    """

    def __init__(self, base_constraint: Any, reinterpreted_batch_ndims: int):
        if not isinstance(reinterpreted_batch_ndims, int) or reinterpreted_batch_ndims < 0:
            raise AssertionError(f"a number of dimensions is expected, but found {reinterpreted_batch_ndims!r}")
        self.base_constraint = _of(base_constraint)
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims
        super().__init__()

    @property
    def is_discrete(self) -> bool:  # type: ignore[override]
        """As of the base."""
        return self.base_constraint.is_discrete

    @property
    def event_dim(self) -> int:  # type: ignore[override]
        """Those of the base, and those that are judged together beside."""
        return self.base_constraint.event_dim + self.reinterpreted_batch_ndims

    def check(self, value: Tensor) -> Tensor:
        n, result = self.reinterpreted_batch_ndims, self.base_constraint.check(value)
        if result.ndim < n:
            raise ValueError(f"a value of at least {self.event_dim} dimensions is expected, but it has {value.ndim}")
        return result.reshape(*result.shape[: result.ndim - n], -1).all(-1)

    def __repr__(self) -> str:
        return f"IndependentConstraint({self.base_constraint!r}, {self.reinterpreted_batch_ndims})"


class MixtureSameFamilyConstraint(Constraint):
    """The constraint of a mixture: that of all its components.

    Args:
        base_constraint: the components' constraint.

    >>> torch.distributions.constraints.MixtureSameFamilyConstraint(torch.distributions.constraints.real)
    MixtureSameFamilyConstraint(Real())
    """

    def __init__(self, base_constraint: Any):
        self.base_constraint = _of(base_constraint)
        super().__init__()

    @property
    def is_discrete(self) -> bool:  # type: ignore[override]
        """As of the components."""
        return self.base_constraint.is_discrete

    @property
    def event_dim(self) -> int:  # type: ignore[override]
        """As of the components."""
        return self.base_constraint.event_dim

    def check(self, value: Tensor) -> Tensor:
        if value.ndim < self.event_dim:
            raise ValueError(f"a value of at least {self.event_dim} dimensions is expected, but it has {value.ndim}")
        result = self.base_constraint.check(value.unsqueeze(-1 - self.event_dim))
        batch = value.ndim - self.event_dim
        return result.reshape(*result.shape[:batch], -1).all(-1)

    def __repr__(self) -> str:
        return f"MixtureSameFamilyConstraint({self.base_constraint!r})"


class _Pieces(Constraint):
    """Constraints of the pieces that a tensor has along a dimension."""

    def __init__(self, cseq: Any, dim: int = 0):
        self.cseq, self.dim = [_of(c) for c in cseq], dim
        super().__init__()

    @property
    def is_discrete(self) -> bool:  # type: ignore[override]
        """Whether that of any piece is."""
        return any(c.is_discrete for c in self.cseq)

    def _along(self, value: Tensor) -> int:
        if not -value.ndim <= self.dim < value.ndim:
            raise AssertionError(f"dim {self.dim} is out of range of a value with {value.ndim} dimensions")
        return self.dim


class _Cat(_Pieces):
    """Constraints of pieces that are concatenated.

    Args:
        cseq: a constraint for each piece.
        dim: along which dimension.
        lengths: how long each piece is; 1 unless given.

    Raises:
        AssertionError: there are not as many lengths as constraints.

    >>> from numtorch.distributions import constraints
    >>> constraints.cat([constraints.positive, constraints.real]).check(torch.tensor([-1.0, -1.0]))
    tensor([False,  True])
    """

    def __init__(self, cseq: Any, dim: int = 0, lengths: Any = None):
        super().__init__(cseq, dim)
        self.lengths = [1] * len(self.cseq) if lengths is None else list(lengths)
        if len(self.lengths) != len(self.cseq):
            raise AssertionError(f"there are {len(self.cseq)} constraints, but {len(self.lengths)} lengths")

    @property
    def event_dim(self) -> int:  # type: ignore[override]
        """The largest of the pieces'."""
        return max(c.event_dim for c in self.cseq)

    def check(self, value: Tensor) -> Tensor:
        parts = value.split(self.lengths, self._along(value))
        return torch.cat([c.check(v) for c, v in zip(self.cseq, parts, strict=True)], self.dim)


class _Stack(_Pieces):
    """Constraints of pieces that are stacked.

    Args:
        cseq: a constraint for each piece.
        dim: along which dimension.

    >>> from numtorch.distributions import constraints
    >>> constraints.stack([constraints.positive, constraints.real]).check(torch.tensor([-1.0, -1.0]))
    tensor([False,  True])
    """

    @property
    def event_dim(self) -> int:  # type: ignore[override]
        """The largest of the pieces', and the dimension along which they are stacked."""
        dim = max(c.event_dim for c in self.cseq)
        return dim + (self.dim + dim < 0)

    def check(self, value: Tensor) -> Tensor:
        parts = value.unbind(self._along(value))
        return torch.stack([c.check(v) for c, v in zip(self.cseq, parts, strict=True)], self.dim)


# --- of single numbers ----------------------------------------------------------------------------


class _Real(Constraint):
    """All numbers but NaN."""

    def check(self, value: Tensor) -> Tensor:
        return value == value  # noqa: PLR0124 - NaN is not


class _Boolean(Constraint):
    """0 and 1."""

    is_discrete = True

    def check(self, value: Tensor) -> Tensor:
        return (value == 0) | (value == 1)


class _Above(Constraint):
    """Numbers that have a lower bound."""

    _shown = ("lower_bound",)

    def __init__(self, lower_bound: Any):
        self.lower_bound = lower_bound
        super().__init__()


class _GreaterThan(_Above):
    """Numbers above a bound.

    Args:
        lower_bound: a number or a tensor.

    >>> torch.distributions.constraints.greater_than(2).check(torch.tensor([2.0, 3.0]))
    tensor([False,  True])
    """

    def check(self, value: Tensor) -> Tensor:
        return value > self.lower_bound


class _GreaterThanEq(_Above):
    """Numbers not below a bound.

    Args:
        lower_bound: a number or a tensor.

    >>> torch.distributions.constraints.greater_than_eq(2).check(torch.tensor([1.0, 2.0]))
    tensor([False,  True])
    """

    def check(self, value: Tensor) -> Tensor:
        return value >= self.lower_bound


class _Below(Constraint):
    """Numbers that have an upper bound."""

    _shown = ("upper_bound",)

    def __init__(self, upper_bound: Any):
        self.upper_bound = upper_bound
        super().__init__()


class _LessThan(_Below):
    """Numbers below a bound.

    Args:
        upper_bound: a number or a tensor.

    >>> torch.distributions.constraints.less_than(2).check(torch.tensor([1.0, 2.0]))
    tensor([ True, False])
    """

    def check(self, value: Tensor) -> Tensor:
        return value < self.upper_bound


class _Interval(Constraint):
    """Numbers between two bounds, which belong to them.

    Args:
        lower_bound, upper_bound: numbers or tensors.

    >>> torch.distributions.constraints.interval(0, 1).check(torch.tensor([0.0, 1.0, 2.0]))
    tensor([ True,  True, False])
    """

    _shown = ("lower_bound", "upper_bound")

    def __init__(self, lower_bound: Any, upper_bound: Any):
        self.lower_bound, self.upper_bound = lower_bound, upper_bound
        super().__init__()

    def check(self, value: Tensor) -> Tensor:
        return (value >= self.lower_bound) & (value <= self.upper_bound)


class _HalfOpenInterval(_Interval):
    """Numbers between two bounds, of which the lower one belongs to them.

    Args:
        lower_bound, upper_bound: numbers or tensors.

    >>> torch.distributions.constraints.half_open_interval(0, 1).check(torch.tensor([0.0, 1.0]))
    tensor([ True, False])
    """

    def check(self, value: Tensor) -> Tensor:
        return (value >= self.lower_bound) & (value < self.upper_bound)


class _IntegerInterval(_Interval):
    """Integers between two bounds, which belong to them.

    Args:
        lower_bound, upper_bound: numbers or tensors.

    >>> torch.distributions.constraints.integer_interval(0, 2).check(torch.tensor([0.0, 0.5, 2.0]))
    tensor([ True, False,  True])
    """

    is_discrete = True

    def check(self, value: Tensor) -> Tensor:
        return (value % 1 == 0) & super().check(value)


class _IntegerLessThan(_Below):
    """Integers up to a bound."""

    is_discrete = True

    def check(self, value: Tensor) -> Tensor:
        return (value % 1 == 0) & (value <= self.upper_bound)


class _IntegerGreaterThan(_Above):
    """Integers from a bound on."""

    is_discrete = True

    def check(self, value: Tensor) -> Tensor:
        return (value % 1 == 0) & (value >= self.lower_bound)


# --- of vectors -----------------------------------------------------------------------------------


class _OneHot(Constraint):
    """Vectors of zeros with a single 1."""

    is_discrete, event_dim = True, 1

    def check(self, value: Tensor) -> Tensor:
        return boolean.check(value).all(-1) & (value.sum(-1) == 1)


class _Simplex(Constraint):
    """Vectors of numbers that are not negative and sum to 1."""

    event_dim = 1

    def check(self, value: Tensor) -> Tensor:
        return (value >= 0).all(-1) & ((value.sum(-1) - 1).abs() < 1e-6)


class _Multinomial(Constraint):
    """Vectors of counts that sum to a bound at most.

    Args:
        upper_bound: the bound.

    >>> torch.distributions.constraints.multinomial(3).check(torch.tensor([[1.0, 2.0], [1.0, 3.0]]))
    tensor([ True, False])
    """

    is_discrete, event_dim = True, 1

    def __init__(self, upper_bound: Any):
        self.upper_bound = upper_bound

    def check(self, value: Tensor) -> Tensor:
        return (value >= 0).all(-1) & (value.sum(-1) <= self.upper_bound)


# --- of matrices ----------------------------------------------------------------------------------


class _LowerTriangular(Constraint):
    """Matrices with zeros above the diagonal."""

    event_dim = 2

    def check(self, value: Tensor) -> Tensor:
        return (value == value.tril()).flatten(-2).all(-1)


class _LowerCholesky(_LowerTriangular):
    """Lower triangular matrices with a positive diagonal."""

    def check(self, value: Tensor) -> Tensor:
        return super().check(value) & (value.diagonal(dim1=-2, dim2=-1) > 0).all(-1)


class _CorrCholesky(_LowerCholesky):
    """Cholesky factors of correlation matrices: their rows have length 1."""

    def check(self, value: Tensor) -> Tensor:
        tol = torch.finfo(value.dtype).eps * value.shape[-1] * 10
        rows = (value.detach().square().sum(-1).sqrt() - 1).abs() <= tol
        return rows.all(-1) & super().check(value)


class _Square(Constraint):
    """Square matrices."""

    event_dim = 2

    def check(self, value: Tensor) -> Tensor:
        square = value.shape[-2] == value.shape[-1]
        return torch.full(value.shape[:-2], square, dtype=torch.bool, device=value.device)


class _Symmetric(_Square):
    """Symmetric matrices, but for rounding."""

    def check(self, value: Tensor) -> Tensor:
        if value.shape[-2] != value.shape[-1]:
            return super().check(value)
        return torch.isclose(value, value.mT, atol=1e-6).flatten(-2).all(-1)


class _PositiveSemidefinite(_Symmetric):
    """Symmetric matrices of which no eigenvalue is negative."""

    def check(self, value: Tensor) -> Tensor:
        symmetric = super().check(value)
        return symmetric & (torch.linalg.eigvalsh(value) >= 0).all(-1) if bool(symmetric.all()) else symmetric


class _PositiveDefinite(_Symmetric):
    """Symmetric matrices of which all eigenvalues are positive."""

    def check(self, value: Tensor) -> Tensor:
        symmetric = super().check(value)
        return symmetric & (torch.linalg.cholesky_ex(value).info == 0) if bool(symmetric.all()) else symmetric


dependent = _Dependent()
dependent_property = _DependentProperty
independent = _IndependentConstraint
boolean = _Boolean()
one_hot = _OneHot()
nonnegative_integer = _IntegerGreaterThan(0)
positive_integer = _IntegerGreaterThan(1)
integer_interval = _IntegerInterval
real: Any = _Real()
real_vector = independent(real, 1)
positive: Any = _GreaterThan(0.0)
nonnegative: Any = _GreaterThanEq(0.0)
greater_than = _GreaterThan
greater_than_eq = _GreaterThanEq
less_than = _LessThan
multinomial = _Multinomial
unit_interval = _Interval(0.0, 1.0)
interval = _Interval
half_open_interval = _HalfOpenInterval
simplex: Any = _Simplex()
lower_triangular = _LowerTriangular()
lower_cholesky: Any = _LowerCholesky()
corr_cholesky: Any = _CorrCholesky()
square = _Square()
symmetric = _Symmetric()
positive_semidefinite: Any = _PositiveSemidefinite()
positive_definite: Any = _PositiveDefinite()
cat = _Cat
stack = _Stack
