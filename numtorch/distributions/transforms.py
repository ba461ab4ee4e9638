"""Transforms: of single numbers, of vectors and of matrices."""

from __future__ import annotations

import math
from numbers import Number
from typing import Any

import numtorch as torch
from numtorch import Tensor
from numtorch.distributions import constraints
from numtorch.distributions.parameters import _sum_rightmost, broadcast_all, tril_matrix_to_vec, vec_to_tril_matrix
from numtorch.distributions.transform import CatTransform as CatTransform
from numtorch.distributions.transform import ComposeTransform as ComposeTransform
from numtorch.distributions.transform import Equal
from numtorch.distributions.transform import IndependentTransform as IndependentTransform
from numtorch.distributions.transform import ReshapeTransform as ReshapeTransform
from numtorch.distributions.transform import StackTransform as StackTransform
from numtorch.distributions.transform import Transform as Transform
from numtorch.distributions.transform import identity_transform as identity_transform
from numtorch.nn.functional import logsigmoid, pad, softplus

__all__ = [
    "AbsTransform",
    "AffineTransform",
    "CatTransform",
    "ComposeTransform",
    "CorrCholeskyTransform",
    "CumulativeDistributionTransform",
    "ExpTransform",
    "IndependentTransform",
    "LowerCholeskyTransform",
    "PositiveDefiniteTransform",
    "PowerTransform",
    "ReshapeTransform",
    "SigmoidTransform",
    "SoftmaxTransform",
    "SoftplusTransform",
    "StackTransform",
    "StickBreakingTransform",
    "TanhTransform",
    "Transform",
    "identity_transform",
]


def _inside(p: Tensor) -> Tensor:
    """Probabilities that are neither 0 nor 1."""
    limits = torch.finfo(p.dtype)
    return p.clamp(min=limits.tiny, max=1.0 - limits.eps)


def _shape(x: Any) -> Any:
    return getattr(x, "shape", ())


# --- of single numbers ----------------------------------------------------------------------------


class ExpTransform(Equal):
    """``exp(x)``.

    Args:
        cache_size: as of each transform.

    >>> torch.distributions.ExpTransform().inv(torch.tensor(1.0))
    tensor(0.)
    """

    domain, codomain = constraints.real, constraints.positive
    bijective = True
    sign = 1

    def _call(self, x: Tensor) -> Tensor:
        return x.exp()

    def _inverse(self, y: Tensor) -> Tensor:
        return y.log()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return x


class PowerTransform(Equal):
    """``x ** exponent`` of positive numbers.

    Args:
        exponent: a number or a tensor.
        cache_size: as of each transform.

    >>> torch.distributions.PowerTransform(2.0)(torch.tensor(3.0))
    tensor(9.)
    """

    domain = codomain = constraints.positive
    bijective = True

    def __init__(self, exponent: Any, cache_size: int = 0):
        super().__init__(cache_size)
        (self.exponent,) = broadcast_all(exponent)

    def _arguments(self) -> tuple:
        return (self.exponent,)

    @property
    def sign(self) -> Any:
        return self.exponent.sign()

    def _call(self, x: Tensor) -> Tensor:
        return x.pow(self.exponent)

    def _inverse(self, y: Tensor) -> Tensor:
        return y.pow(1 / self.exponent)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return (self.exponent * y / x).abs().log()

    def forward_shape(self, shape: Any) -> Any:
        return torch.broadcast_shapes(shape, _shape(self.exponent))

    inverse_shape = forward_shape


class SigmoidTransform(Equal):
    """``sigmoid(x)``.

    Args:
        cache_size: as of each transform.

    >>> torch.distributions.SigmoidTransform()(torch.tensor(0.0))
    tensor(0.5000)
    """

    domain, codomain = constraints.real, constraints.unit_interval
    bijective = True
    sign = 1

    def _call(self, x: Tensor) -> Tensor:
        return _inside(torch.sigmoid(x))

    def _inverse(self, y: Tensor) -> Tensor:
        y = _inside(y)
        return y.log() - (-y).log1p()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return -softplus(-x) - softplus(x)


class SoftplusTransform(Equal):
    """``log(1 + exp(x))``.

    Args:
        cache_size: as of each transform.

    >>> torch.distributions.SoftplusTransform()(torch.tensor(0.0))
    tensor(0.6931)
    """

    domain, codomain = constraints.real, constraints.positive
    bijective = True
    sign = 1

    def _call(self, x: Tensor) -> Tensor:
        return softplus(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return y + (-torch.expm1(-y)).log()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return logsigmoid(x)


class TanhTransform(Equal):
    """``tanh(x)``.

    Args:
        cache_size: as of each transform.

    >>> torch.distributions.TanhTransform().inv(torch.tensor(0.0))
    tensor(0.)
    """

    domain, codomain = constraints.real, constraints.interval(-1.0, 1.0)
    bijective = True
    sign = 1

    def _call(self, x: Tensor) -> Tensor:
        return x.tanh()

    def _inverse(self, y: Tensor) -> Tensor:
        return y.atanh()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return _log_tanh_slope(x)


def _log_tanh_slope(x: Tensor) -> Tensor:
    """``log(1 - tanh(x) ** 2)``, without cancellation."""
    return 2.0 * (math.log(2.0) - x - softplus(-2.0 * x))


class AbsTransform(Equal):
    """``abs(x)``, of which the inverse gives the positive number.

    Args:
        cache_size: as of each transform.

    >>> torch.distributions.AbsTransform()(torch.tensor(-2.0))
    tensor(2.)
    """

    domain, codomain = constraints.real, constraints.positive

    def _call(self, x: Tensor) -> Tensor:
        return x.abs()

    def _inverse(self, y: Tensor) -> Tensor:
        return y


class AffineTransform(Equal):
    """``loc + scale * x``.

    Args:
        loc, scale: numbers or tensors.
        event_dim: how many of the last dimensions belong together.
        cache_size: as of each transform.

    >>> torch.distributions.AffineTransform(1.0, 2.0)(torch.tensor(3.0))
    tensor(7.)
    """

    bijective = True

    def __init__(self, loc: Any, scale: Any, event_dim: int = 0, cache_size: int = 0):
        super().__init__(cache_size)
        self.loc, self.scale, self._event_dim = loc, scale, event_dim

    def _arguments(self) -> tuple:
        return self.loc, self.scale, self._event_dim

    @property
    def event_dim(self) -> int:
        return self._event_dim

    @constraints.dependent_property(is_discrete=False)
    def domain(self) -> Any:  # type: ignore[override]
        """Real numbers."""
        return constraints.independent(constraints.real, self.event_dim) if self.event_dim else constraints.real

    codomain = domain

    @property
    def sign(self) -> Any:
        s = self.scale
        return (s > 0) - (s < 0) if isinstance(s, Number) else s.sign()  # type: ignore[operator]

    def _call(self, x: Tensor) -> Tensor:
        return self.loc + self.scale * x

    def _inverse(self, y: Tensor) -> Tensor:
        return (y - self.loc) / self.scale

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        size = abs(self.scale)
        slope = size.log().expand(x.shape) if isinstance(size, Tensor) else torch.full_like(x, math.log(size))
        return _sum_rightmost(slope, self.event_dim)

    def forward_shape(self, shape: Any) -> Any:
        return torch.broadcast_shapes(shape, _shape(self.loc), _shape(self.scale))

    inverse_shape = forward_shape


class CumulativeDistributionTransform(Equal):
    """The probability of a distribution's values up to x.

    Args:
        distribution: one that has ``cdf``, ``icdf`` and ``log_prob``.
        cache_size: as of each transform.

    >>> from numtorch.distributions import CumulativeDistributionTransform, Normal
    >>> CumulativeDistributionTransform(Normal(0.0, 1.0))(torch.tensor(0.0))
    tensor(0.5000)
    """

    bijective = True
    codomain = constraints.unit_interval
    sign = 1

    def __init__(self, distribution: Any, cache_size: int = 0):
        super().__init__(cache_size)
        self.distribution = distribution

    def _arguments(self) -> tuple:
        return (self.distribution,)

    @property
    def domain(self) -> Any:  # type: ignore[override]
        """The distribution's support."""
        return self.distribution.support

    def _call(self, x: Tensor) -> Tensor:
        return self.distribution.cdf(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return self.distribution.icdf(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return self.distribution.log_prob(x)


# --- of vectors -----------------------------------------------------------------------------------


class SoftmaxTransform(Equal):
    """``softmax(x)`` along the last dimension, of which the inverse gives the logarithms.

    Args:
        cache_size: as of each transform.

    >>> torch.distributions.SoftmaxTransform()(torch.zeros(2))
    tensor([0.5000, 0.5000])
    """

    domain, codomain = constraints.real_vector, constraints.simplex

    def _call(self, x: Tensor) -> Tensor:
        return torch.softmax(x, -1)

    def _inverse(self, y: Tensor) -> Tensor:
        return y.log()

    def forward_shape(self, shape: Any) -> Any:
        _has_vectors(shape)
        return shape

    inverse_shape = forward_shape


def _has_vectors(shape: Any) -> None:
    if not len(shape):
        raise ValueError("the transform takes vectors, but found a single number")


class StickBreakingTransform(Equal):
    """Vectors that sum to 1 of vectors with an element less: each says how much of what is left of a stick is broken
    off.

    Args:
        cache_size: as of each transform.

    >>> torch.distributions.StickBreakingTransform()(torch.zeros(1))
    tensor([0.5000, 0.5000])
    """

    domain, codomain = constraints.real_vector, constraints.simplex
    bijective = True

    def _log_left(self, x: Tensor) -> Tensor:
        """The logarithm of how many elements are to come after each."""
        n = x.shape[-1]
        return torch.arange(n, 0, -1, dtype=x.dtype, device=x.device).log()

    def _call(self, x: Tensor) -> Tensor:
        z = _inside(torch.sigmoid(x - self._log_left(x)))
        return pad(z, [0, 1], value=1.0) * pad((1 - z).cumprod(-1), [1, 0], value=1.0)

    def _inverse(self, y: Tensor) -> Tensor:
        broken = y[..., :-1]
        left = (1 - broken.cumsum(-1)).clamp(min=torch.finfo(y.dtype).tiny)
        return broken.log() - left.log() + self._log_left(broken)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        x = x - self._log_left(x)
        return (logsigmoid(x) - x + y[..., :-1].log()).sum(-1)

    def forward_shape(self, shape: Any) -> Any:
        _has_vectors(shape)
        return (*shape[:-1], shape[-1] + 1)

    def inverse_shape(self, shape: Any) -> Any:
        _has_vectors(shape)
        return (*shape[:-1], shape[-1] - 1)


# --- of matrices ----------------------------------------------------------------------------------


class CorrCholeskyTransform(Transform):
    """Cholesky factors of correlation matrices of vectors: their hyperbolic tangents are partial correlations
    (Lewandowski, Kurowicka and Joe 2009).

    Args:
        cache_size: as of each transform.

    >>> torch.distributions.CorrCholeskyTransform()(torch.zeros(1))
    tensor([[1., 0.],
            [0., 1.]])
    """

    domain, codomain = constraints.real_vector, constraints.corr_cholesky
    bijective = True

    def _call(self, x: Tensor) -> Tensor:
        eps = torch.finfo(x.dtype).eps
        r = vec_to_tril_matrix(torch.tanh(x).clamp(min=-1 + eps, max=1 - eps), -1)
        left = (1 - r * r).sqrt().cumprod(-1)  # of a row's length, after each element
        unit = torch.eye(r.shape[-1], dtype=r.dtype, device=r.device)
        return (r + unit) * pad(left[..., :-1], [1, 0], value=1.0)

    def _inverse(self, y: Tensor) -> Tensor:
        left = pad((1 - (y * y).cumsum(-1))[..., :-1], [1, 0], value=1.0)
        return torch.atanh(tril_matrix_to_vec(y, -1) / tril_matrix_to_vec(left, -1).sqrt())

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        left = 1 - (y * y).cumsum(-1)
        inner = tril_matrix_to_vec(left, -2) if y.shape[-1] > 1 else left[..., 0, :0]
        return 0.5 * inner.log().sum(-1) + _log_tanh_slope(x).sum(-1)

    def forward_shape(self, shape: Any) -> Any:
        _has_vectors(shape)
        n = round((0.25 + 2 * shape[-1]) ** 0.5 + 0.5)
        if n * (n - 1) // 2 != shape[-1]:
            raise ValueError(f"{shape[-1]} is not the number of elements below the diagonal of a square matrix")
        return (*shape[:-1], n, n)

    def inverse_shape(self, shape: Any) -> Any:
        if len(shape) < 2:
            raise ValueError(f"the transform gives matrices, but found the shape {tuple(shape)}")
        if shape[-2] != shape[-1]:
            raise ValueError(f"the transform gives square matrices, but found the shape {tuple(shape)}")
        n = shape[-1]
        return (*shape[:-2], n * (n - 1) // 2)


class LowerCholeskyTransform(Equal):
    """Lower triangular matrices with a positive diagonal, the exponential of that of any matrices.

    Args:
        cache_size: as of each transform.

    >>> torch.distributions.transforms.LowerCholeskyTransform()(torch.zeros(2, 2))
    tensor([[1., 0.],
            [0., 1.]])
    """

    domain, codomain = constraints.independent(constraints.real, 2), constraints.lower_cholesky

    def _call(self, x: Tensor) -> Tensor:
        return x.tril(-1) + x.diagonal(dim1=-2, dim2=-1).exp().diag_embed()

    def _inverse(self, y: Tensor) -> Tensor:
        return y.tril(-1) + y.diagonal(dim1=-2, dim2=-1).log().diag_embed()


class PositiveDefiniteTransform(Equal):
    """Positive definite matrices of any matrices: the products of ``LowerCholeskyTransform`` and its transpose.

    Args:
        cache_size: as of each transform.

    >>> torch.distributions.transforms.PositiveDefiniteTransform()(torch.zeros(2, 2))
    tensor([[1., 0.],
            [0., 1.]])
    """

    domain, codomain = constraints.independent(constraints.real, 2), constraints.positive_definite

    def _call(self, x: Tensor) -> Tensor:
        root = LowerCholeskyTransform()(x)
        return root @ root.mT

    def _inverse(self, y: Tensor) -> Tensor:
        return LowerCholeskyTransform().inv(torch.linalg.cholesky(y))
