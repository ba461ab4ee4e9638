"""Distributions of matrices: Wishart's, and that of Lewandowski, Kurowicka and Joe."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numtorch as torch
from numtorch import Tensor
from numtorch.distributions import constraints
from numtorch.distributions.distribution import Distribution, ExponentialFamily
from numtorch.distributions.gamma import Beta, Chi2
from numtorch.distributions.multivariate_normal import CovarianceOrRoot, log_diagonal
from numtorch.distributions.parameters import _standard_normal, broadcast_all


def mvdigamma(x: Tensor, p: int) -> Tensor:
    """The derivative of ``mvlgamma``."""
    halves = torch.arange(p, dtype=x.dtype, device=x.device) / 2
    return torch.digamma(x.unsqueeze(-1) - halves).sum(-1)


class Wishart(CovarianceOrRoot, ExponentialFamily):
    """The Wishart distribution: sums of ``x @ x.T`` over ``df`` normal vectors of mean 0.

    Args:
        df: the degrees of freedom, above n - 1.
        covariance_matrix: of the vectors, positive definite, (..., n, n).
        precision_matrix: its inverse.
        scale_tril: its Cholesky factor; one of the three is given.
        validate_args: whether parameters and values are checked.

    Raises:
        ValueError: not one of the matrices is given, or ``df`` is too small.

    >>> torch.distributions.Wishart(torch.tensor([3.0]), torch.eye(2)).mean
    tensor([[[3., 0.],
             [0., 3.]]])
    """

    support = constraints.positive_definite
    has_rsample = True
    _mean_carrier_measure = 0
    df: Tensor

    @property
    def arg_constraints(self) -> Any:
        return {
            "covariance_matrix": constraints.positive_definite,
            "precision_matrix": constraints.positive_definite,
            "scale_tril": constraints.lower_cholesky,
            "df": constraints.greater_than(self.event_shape[-1] - 1),
        }

    def __init__(
        self,
        df: Any,
        covariance_matrix: Any = None,
        precision_matrix: Any = None,
        scale_tril: Any = None,
        validate_args: bool | None = None,
    ):
        matrices = (covariance_matrix, precision_matrix, scale_tril)
        batch = self._keep_covariance(*matrices, getattr(df, "shape", ()))
        matrix = next(m for m in matrices if m is not None)
        self._keep(df=torch.as_tensor(df, dtype=matrix.dtype, device=matrix.device).expand(batch))
        n = matrix.shape[-1]
        if not bool((self.df > n - 1).all()):
            raise ValueError(f"df of Wishart must be greater than {n - 1} for matrices of {n} x {n}, but is {df}")
        if bool((self.df < n).any()):
            warnings.warn(f"df of Wishart is less than {n}: samples will often be singular", stacklevel=2)
        super().__init__(batch, matrix.shape[-2:], validate_args)
        freedom = self.df.unsqueeze(-1) - torch.arange(n, dtype=self.df.dtype, device=self.df.device)
        self._chi2 = Chi2(freedom, validate_args=False)

    def _over(self, x: Tensor) -> Tensor:
        """With dimensions for a matrix."""
        return x.reshape(*x.shape, 1, 1)

    @property
    def mean(self) -> Tensor:
        return self._over(self.df) * self.covariance_matrix

    @property
    def mode(self) -> Tensor:
        factor = self.df - self._event_shape[-1] - 1
        return self._over(torch.where(factor > 0, factor, math.nan)) * self.covariance_matrix

    @property
    def variance(self) -> Tensor:
        v = self.covariance_matrix
        d = v.diagonal(dim1=-2, dim2=-1)
        return self._over(self.df) * (v.square() + d.unsqueeze(-1) * d.unsqueeze(-2))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Random matrices, with gradients by the parameters: products of triangular ones, whose diagonals are roots of
        chi-squared numbers (Bartlett 1933).

        Args:
            sample_shape: how many of each distribution, as a shape.

        Returns:
            A tensor of shape ``sample_shape + batch_shape + event_shape``.

        >>> torch.distributions.Wishart(torch.tensor(3.0), torch.eye(2)).rsample((4,)).shape
        torch.Size([4, 2, 2])
        """
        diagonal = self._chi2.rsample(sample_shape).sqrt()
        diagonal = diagonal.clamp(min=torch.finfo(diagonal.dtype).eps)
        below = _standard_normal(self._extended_shape(sample_shape), diagonal).tril(-1)
        root = self._root @ (below + diagonal.diag_embed())
        return root @ root.mT

    def log_prob(self, value: Tensor) -> Tensor:
        self._validated(value)
        nu, p = self.df, self._event_shape[-1]
        traces = torch.cholesky_solve(value, self._root).diagonal(dim1=-2, dim2=-1).sum(-1)
        norm = nu * (0.5 * p * math.log(2) + log_diagonal(self._root)) + torch.mvlgamma(nu / 2, p)
        return 0.5 * (nu - p - 1) * torch.linalg.slogdet(value).logabsdet - 0.5 * traces - norm

    def entropy(self) -> Tensor:
        nu, p = self.df, self._event_shape[-1]
        return (
            (p + 1) * (0.5 * p * math.log(2) + log_diagonal(self._root))
            + torch.mvlgamma(nu / 2, p)
            - 0.5 * (nu - p - 1) * mvdigamma(nu / 2, p)
            + nu * p / 2
        )

    @property
    def _natural_params(self) -> tuple[Tensor, Tensor]:
        return -self.precision_matrix / 2, (self.df - self._event_shape[-1] - 1) / 2

    def _log_normalizer(self, x: Tensor, y: Tensor) -> Tensor:  # type: ignore[override]
        p = self._event_shape[-1]
        half = y + (p + 1) / 2
        return half * (p * math.log(2) - torch.linalg.slogdet(-2 * x).logabsdet) + torch.mvlgamma(half, p)


class LKJCholesky(Distribution):
    """Cholesky factors of correlation matrices, whose density is a power of the determinant (Lewandowski, Kurowicka and
    Joe 2009).

    Args:
        dim: of the matrices, at least 2.
        concentration: positive; at 1 all correlation matrices have one density.
        validate_args: whether parameters and values are checked.

    Raises:
        ValueError: ``dim`` is less than 2, or ``concentration`` not positive.

    >>> torch.distributions.LKJCholesky(2, 1.0).log_prob(torch.eye(2))
    tensor(-0.6931)
    """

    arg_constraints = {"concentration": constraints.positive}
    support = constraints.corr_cholesky
    concentration: Tensor

    def __init__(self, dim: int, concentration: Any = 1.0, validate_args: bool | None = None):
        if dim < 2:
            raise ValueError(f"LKJCholesky: dim must be at least 2, but is {dim}")
        self.dim = dim
        (concentration,) = broadcast_all(concentration)
        self._keep(concentration=concentration)
        super().__init__(concentration.shape, (dim, dim), validate_args)
        row = self._rows(0, dim)
        before = (row - 1).clamp(min=0)
        self._beta = Beta(before + 0.5, concentration.unsqueeze(-1) + 0.5 * (dim - 2 - before), validate_args=False)

    def _rows(self, first: int, end: int) -> Tensor:
        return torch.arange(first, end, dtype=self.concentration.dtype, device=self.concentration.device)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Random matrices, row by row: of each the length before the diagonal and a direction are drawn (the onion
        method).

        Args:
            sample_shape: how many of each distribution, as a shape.

        Returns:
            A tensor of shape ``sample_shape + batch_shape + event_shape``.

        >>> torch.distributions.LKJCholesky(3, 1.0).sample((4,)).shape
        torch.Size([4, 3, 3])
        """
        with torch.no_grad():
            length = self._beta.sample(sample_shape).sqrt()
            direction = _standard_normal(self._extended_shape(sample_shape), length).tril(-1)
            size = direction.square().sum(-1, keepdim=True).sqrt()
            size = torch.where(size == 0, 1.0, size)  # the first row has nothing before its diagonal
            before = direction / size * length.unsqueeze(-1)
            rest = (1 - before.square().sum(-1)).clamp(min=torch.finfo(before.dtype).tiny).sqrt()
            return before + rest.diag_embed()

    def log_prob(self, value: Tensor) -> Tensor:
        self._validated(value)
        n = self.dim
        order = 2 * (self.concentration - 1).unsqueeze(-1) + n - self._rows(2, n + 1)
        diagonal = value.diagonal(dim1=-2, dim2=-1)[..., 1:]
        alpha = self.concentration + 0.5 * (n - 1)
        norm = 0.5 * (n - 1) * math.log(math.pi) + torch.mvlgamma(alpha - 0.5, n - 1) - (n - 1) * torch.lgamma(alpha)
        return (order * diagonal.log()).sum(-1) - norm
