"""Normal distributions of vectors."""

from __future__ import annotations

from typing import Any

import numtorch as torch
from numtorch import Size, Tensor
from numtorch.distributions import constraints
from numtorch.distributions.distribution import Distribution
from numtorch.distributions.parameters import _standard_normal, lazy_property, log_2pi


def unit(like: Tensor) -> Tensor:
    """The unit matrix of the size of a matrix."""
    return torch.eye(like.shape[-1], dtype=like.dtype, device=like.device)


def log_diagonal(root: Tensor) -> Tensor:
    """The logarithm of the determinant of a triangular matrix."""
    return root.diagonal(dim1=-2, dim2=-1).log().sum(-1)


def squared_size(x: Tensor) -> Tensor:
    """The sum of the squares of a matrix."""
    return x.square().sum((-2, -1))


def root_of_precision(precision: Tensor) -> Tensor:
    """The Cholesky factor of the inverse of a matrix: the inverse of that of the matrix turned round."""
    turned = torch.linalg.cholesky(precision.flip((-2, -1))).flip((-2, -1)).mT
    return torch.linalg.solve_triangular(turned, unit(precision), upper=False)


class CovarianceOrRoot(Distribution):
    """A distribution with a covariance matrix, its inverse or its root: what is not given is computed when it is
    read."""

    _root: Tensor
    scale_tril: Any
    covariance_matrix: Any
    precision_matrix: Any

    def _keep_covariance(self, covariance_matrix: Any, precision_matrix: Any, scale_tril: Any, batch: Any) -> Size:
        """Keep the one that is given, in the shape of the batch and ``batch``, which is returned."""
        given = {"covariance_matrix": covariance_matrix, "precision_matrix": precision_matrix, "scale_tril": scale_tril}
        given = {name: value for name, value in given.items() if value is not None}
        if len(given) != 1:
            raise ValueError(
                f"{type(self).__name__} takes one of covariance_matrix, precision_matrix and scale_tril, but found "
                f"{', '.join(given) or 'none'}"
            )
        ((name, matrix),) = given.items()
        if matrix.ndim < 2:
            raise ValueError(f"{name} of {type(self).__name__} must have at least two dimensions, those of a matrix")
        shape = torch.broadcast_shapes(matrix.shape[:-2], batch)
        self._keep(2, **{name: matrix.expand(*shape, -1, -1)})
        return shape

    @lazy_property  # type: ignore[no-redef]
    def _root(self) -> Tensor:
        """The covariance's Cholesky factor."""
        if "scale_tril" in self._held:
            return self.scale_tril
        if "covariance_matrix" in self._held:
            return torch.linalg.cholesky(self.covariance_matrix)
        return root_of_precision(self.precision_matrix)

    @lazy_property  # type: ignore[no-redef]
    def scale_tril(self) -> Tensor:
        """The covariance's Cholesky factor."""
        return self._root

    @lazy_property  # type: ignore[no-redef]
    def covariance_matrix(self) -> Tensor:
        """The covariance."""
        return self._root @ self._root.mT

    @lazy_property  # type: ignore[no-redef]
    def precision_matrix(self) -> Tensor:
        """The inverse of the covariance."""
        return torch.cholesky_inverse(self._root)


class _NormalVectors(Distribution):
    """A normal distribution of vectors, whatever its covariance is made of."""

    support = constraints.real_vector
    has_rsample = True
    loc: Tensor

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    def _columns(self) -> Tensor:
        """A matrix that times its transpose is the covariance."""
        raise NotImplementedError

    def _half_log_determinant(self) -> Tensor:
        """Half the logarithm of the determinant of the covariance."""
        raise NotImplementedError

    def _squared_lengths(self, x: Tensor) -> Tensor:
        """The sum over the columns of x of their squared lengths by the inverse of the covariance."""
        raise NotImplementedError

    def log_prob(self, value: Tensor) -> Tensor:
        self._validated(value)
        away = self._squared_lengths((value - self.loc).unsqueeze(-1))
        return -0.5 * (self._event_shape[0] * log_2pi + away) - self._half_log_determinant()

    def entropy(self) -> Tensor:
        return 0.5 * self._event_shape[0] * (1.0 + log_2pi) + self._half_log_determinant()


class MultivariateNormal(_NormalVectors, CovarianceOrRoot):
    """The normal distribution of vectors.

    Args:
        loc: the mean, (..., n).
        covariance_matrix: positive definite, (..., n, n).
        precision_matrix: its inverse.
        scale_tril: its Cholesky factor; one of the three is given.
        validate_args: whether parameters and values are checked.

    Raises:
        ValueError: ``loc`` is a single number, not one of the matrices is given, or it is not positive definite.

    >>> from numtorch.distributions import MultivariateNormal
    >>> MultivariateNormal(torch.zeros(2), torch.eye(2)).log_prob(torch.zeros(2))
    tensor(-1.8379)
    """

    arg_constraints = {
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }

    def __init__(
        self,
        loc: Tensor,
        covariance_matrix: Any = None,
        precision_matrix: Any = None,
        scale_tril: Any = None,
        validate_args: bool | None = None,
    ):
        if loc.ndim < 1:
            raise ValueError("loc of MultivariateNormal must have at least one dimension, that of the vectors")
        batch = self._keep_covariance(covariance_matrix, precision_matrix, scale_tril, loc.shape[:-1])
        self._keep(1, loc=loc.expand(*batch, -1))
        super().__init__(batch, self.loc.shape[-1:], validate_args)

    @property
    def variance(self) -> Tensor:
        return self._root.square().sum(-1)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        z = _standard_normal(self._extended_shape(sample_shape), self.loc)
        return self.loc + (self._root @ z.unsqueeze(-1)).squeeze(-1)

    def _columns(self) -> Tensor:
        return self._root

    def _half_log_determinant(self) -> Tensor:
        return log_diagonal(self._root)

    def _squared_lengths(self, x: Tensor) -> Tensor:
        return squared_size(torch.linalg.solve_triangular(self._root, x, upper=False))


class LowRankMultivariateNormal(_NormalVectors):
    """The normal distribution of vectors with the covariance ``cov_factor @ cov_factor.T + diag(cov_diag)``: its
    inverse and its determinant are those of small matrices (Woodbury 1950).

    Args:
        loc: the mean, (..., n).
        cov_factor: (..., n, k).
        cov_diag: positive, (..., n).
        validate_args: whether parameters and values are checked.

    Raises:
        ValueError: shapes that do not agree, or a diagonal that is not positive.

    >>> from numtorch.distributions import LowRankMultivariateNormal
    >>> LowRankMultivariateNormal(torch.zeros(2), torch.ones(2, 1), torch.ones(2)).covariance_matrix
    tensor([[2., 1.],
            [1., 2.]])
    """

    arg_constraints = {
        "loc": constraints.real_vector,
        "cov_factor": constraints.independent(constraints.real, 2),
        "cov_diag": constraints.independent(constraints.positive, 1),
    }
    cov_factor: Tensor
    cov_diag: Tensor

    def __init__(self, loc: Tensor, cov_factor: Tensor, cov_diag: Tensor, validate_args: bool | None = None):
        if loc.ndim < 1:
            raise ValueError("loc of LowRankMultivariateNormal must have at least one dimension, that of the vectors")
        n = loc.shape[-1:]
        if cov_factor.ndim < 2 or cov_factor.shape[-2:-1] != n:
            raise ValueError(f"cov_factor must be a batch of matrices {n[0]} x k, but is {tuple(cov_factor.shape)}")
        if cov_diag.shape[-1:] != n:
            raise ValueError(f"cov_diag must be a batch of vectors of {n[0]}, but is {tuple(cov_diag.shape)}")
        batch = torch.broadcast_shapes(loc.shape[:-1], cov_factor.shape[:-2], cov_diag.shape[:-1])
        self._keep(1, loc=loc.expand(batch + n), cov_diag=cov_diag.expand(batch + n))
        self._keep(2, cov_factor=cov_factor.expand(*batch, -1, -1))
        super().__init__(batch, n, validate_args)

    @lazy_property
    def _weighted(self) -> Tensor:
        """``cov_factor.T @ diag(cov_diag) ** -1``"""
        return self.cov_factor.mT / self.cov_diag.unsqueeze(-2)

    @lazy_property
    def _capacitance_tril(self) -> Tensor:
        """The Cholesky factor of ``1 + cov_factor.T @ diag(cov_diag) ** -1 @ cov_factor``."""
        return torch.linalg.cholesky(self._weighted @ self.cov_factor + unit(self.cov_factor))

    @property
    def variance(self) -> Tensor:
        return self.cov_factor.square().sum(-1) + self.cov_diag

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        """The covariance."""
        return self.cov_factor @ self.cov_factor.mT + torch.diag_embed(self.cov_diag)

    @lazy_property
    def scale_tril(self) -> Tensor:
        """The covariance's Cholesky factor."""
        return torch.linalg.cholesky(self.covariance_matrix)

    @lazy_property
    def precision_matrix(self) -> Tensor:
        """The inverse of the covariance."""
        inner = torch.linalg.solve_triangular(self._capacitance_tril, self._weighted, upper=False)
        return torch.diag_embed(self.cov_diag.reciprocal()) - inner.mT @ inner

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        few = _standard_normal(shape[:-1] + self.cov_factor.shape[-1:], self.loc)
        along = (self.cov_factor @ few.unsqueeze(-1)).squeeze(-1)
        return self.loc + along + self.cov_diag.sqrt() * _standard_normal(shape, self.loc)

    def _columns(self) -> Tensor:
        return torch.cat([self.cov_factor, self.cov_diag.sqrt().diag_embed()], -1)

    def _half_log_determinant(self) -> Tensor:
        return log_diagonal(self._capacitance_tril) + 0.5 * self.cov_diag.log().sum(-1)

    def _squared_lengths(self, x: Tensor) -> Tensor:
        along = torch.linalg.solve_triangular(self._capacitance_tril, self._weighted @ x, upper=False)
        return squared_size(x / self.cov_diag.sqrt().unsqueeze(-1)) - squared_size(along)
