"""Weights with a norm of their own, of spectral norm 1, or orthogonal: parametrizations by ``parametrize``."""

from __future__ import annotations

from typing import Any

from numtorch import linalg
from numtorch._tensor import Tensor
from numtorch.dtype import finfo
from numtorch.grad_mode import no_grad
from numtorch.nn import init
from numtorch.nn.module import Module
from numtorch.nn.utils.norms import as_matrix, norm_except_dim, power_iteration, slices_of
from numtorch.nn.utils.parametrize import register_parametrization
from numtorch.ops.closeness import allclose
from numtorch.ops.contraction import vdot
from numtorch.ops.creation import empty, eye, zeros_like
from numtorch.ops.linear_algebra.functions import geqrf
from numtorch.ops.movement import cat
from numtorch.ops.normalize import normalize
from numtorch.ops.random import randn


def _tensor_of(module: Module, name: str) -> Tensor:
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    return weight


# --- weight_norm --------------------------------------------------------------------------------------


class _WeightNorm(Module):
    """``g * v / norm(v)``."""

    def __init__(self, dim: int | None = 0):
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        return weight_v * (weight_g / norm_except_dim(weight_v, self.dim))

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return norm_except_dim(weight, self.dim), weight


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Any:
    """Learn length and direction of a weight apart: it becomes ``g * v / norm(v)``, of an original ``g`` and one ``v``.

    Source: Salimans and Kingma, Weight Normalization (2016).

    Args:
        module: has the weight.
        name: the name of the weight.
        dim: slices along this dimension have lengths of their own; None for one length of all.

    Returns:
        The module.

    Raises:
        ValueError: there is no such weight.

    >>> layer = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(20, 40))
    >>> layer.parametrizations.weight.original0.shape, layer.parametrizations.weight.original1.shape
    (torch.Size([40, 1]), torch.Size([40, 20]))
    """
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def rename(state_dict: Any, prefix: str, *rest: Any) -> None:
        """What the older function of this name has saved."""
        old = [f"{prefix}{name}_{part}" for part in "gv"]
        if all(key in state_dict for key in old):
            for i, key in enumerate(old):
                state_dict[f"{prefix}parametrizations.{name}.original{i}"] = state_dict.pop(key)

    module._register_load_state_dict_pre_hook(rename)
    return module


# --- spectral_norm ------------------------------------------------------------------------------------


class _SpectralNorm(Module):
    """A tensor divided by its largest singular value, which the power iteration finds."""

    _u: Tensor
    _v: Tensor

    def __init__(self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12):
        super().__init__()
        n = weight.ndim
        if not -n <= dim < n:
            raise IndexError(f"Dimension out of range (expected to be in range of [{-n}, {n - 1}] but got {dim})")
        if n_power_iterations <= 0:
            raise ValueError(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        self.dim, self.eps = dim % n, eps
        if n > 1:
            self.n_power_iterations = n_power_iterations
            matrix = as_matrix(weight.detach(), self.dim)
            for name, size in zip(("_u", "_v"), matrix.shape, strict=True):
                drawn = init.normal_(empty(size, dtype=matrix.dtype, device=matrix.device))
                self.register_buffer(name, normalize(drawn, dim=0, eps=eps))
            power_iteration(matrix, self._u, self._v, 15, eps)

    def forward(self, weight: Tensor) -> Tensor:
        if weight.ndim == 1:
            return normalize(weight, dim=0, eps=self.eps)
        matrix = as_matrix(weight, self.dim)
        if self.training:
            power_iteration(matrix.detach(), self._u, self._v, self.n_power_iterations, self.eps)
        # Copies: the next step writes into the buffers while the graph still holds these.
        return weight / vdot(self._u.clone(), matrix @ self._v.clone())

    def right_inverse(self, value: Tensor) -> Tensor:
        return value


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Any:
    """Divide a weight by its largest singular value, so that the layer stretches nothing.

    Each read in training mode makes steps of the power iteration, whose vectors are buffers.

    Source: Miyato et al., Spectral Normalization for Generative Adversarial Networks (2018).

    Args:
        module: has the weight.
        name: the name of the weight.
        n_power_iterations: steps for each read in training mode.
        eps: the least norm that is divided by.
        dim: the weight is a matrix whose rows are slices along this dimension; 0 if None, 1 for transposed
            convolutions.

    Returns:
        The module.

    Raises:
        ValueError: there is no such weight, or there are no steps.

    >>> layer = torch.nn.utils.parametrizations.spectral_norm(torch.nn.Linear(20, 40))
    >>> abs(torch.linalg.matrix_norm(layer.weight, 2).item() - 1) < 0.1
    True
    """
    weight = _tensor_of(module, name)
    normed = _SpectralNorm(weight, n_power_iterations, slices_of(module, dim), eps)
    return register_parametrization(module, name, normed)


# --- orthogonal ---------------------------------------------------------------------------------------

_MAPS = ("matrix_exp", "cayley", "householder")


def _is_orthogonal(q: Tensor) -> bool:
    n, k = q.shape[-2:]
    one = eye(k, dtype=q.dtype, device=q.device).expand(*q.shape[:-2], k, k)
    return allclose(q.mH @ q, one, atol=10 * n * finfo(q.dtype).eps)


def _orthonormal(a: Tensor) -> Tensor:
    """The orthonormal columns that a matrix's become one after another, as if R had a positive diagonal."""
    x, tau = geqrf(a)
    return linalg.householder_product(x, tau) * x.diagonal(dim1=-2, dim2=-1).sgn().unsqueeze(-2)


class _Orthogonal(Module):
    """A matrix with orthonormal columns (or rows, if there are fewer) of any matrix."""

    base: Tensor

    def __init__(self, weight: Tensor, orthogonal_map: str, *, use_trivialization: bool = True):
        super().__init__()
        if weight.is_complex() and orthogonal_map == "householder":
            raise ValueError("the householder map does not take complex tensors; matrix_exp and cayley do")
        self.shape, self.orthogonal_map = weight.shape, orthogonal_map
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, X: Tensor) -> Tensor:
        wide = X.shape[-2] < X.shape[-1]
        x = X.mT if wide else X
        q = self._reflections(x) if self.orthogonal_map == "householder" else self._rotation(x)
        if hasattr(self, "base"):
            q = self.base @ q
        return q.mT if wide else q

    def _reflections(self, x: Tensor) -> Tensor:
        """A product of reflections, one for each column, of signs that no gradient changes."""
        v = x.tril(-1)
        q = linalg.householder_product(v, 2.0 / (1.0 + (v * v).sum(-2)))
        return q * x.diagonal(dim1=-2, dim2=-1).detach().trunc().unsqueeze(-2)

    def _rotation(self, x: Tensor) -> Tensor:
        """exp(A), or its approximation of Cayley's, of the skew-Hermitian A that the lower triangle stands for."""
        n, k = x.shape[-2:]
        lower = x.tril()
        if n != k:
            lower = cat([lower, zeros_like(lower[..., :1]).expand(*x.shape[:-1], n - k)], -1)
        a = lower - lower.mH
        if self.orthogonal_map == "matrix_exp":
            q = linalg.matrix_exp(a)
        else:
            one = eye(n, dtype=a.dtype, device=a.device)
            q = linalg.solve(one - 0.5 * a, one + 0.5 * a)
        return q[..., :k]

    @no_grad()
    def right_inverse(self, Q: Tensor) -> Tensor:
        if Q.shape != self.shape:
            raise ValueError(f"Expected a tensor of shape {tuple(self.shape)}, but got one of {tuple(Q.shape)}")
        wide = Q.shape[-2] < Q.shape[-1]
        q = Q.mT if wide else Q
        if not hasattr(self, "base"):
            if self.orthogonal_map != "householder":
                raise NotImplementedError(
                    f"orthogonal: {self.orthogonal_map} has no inverse here; use_trivialization=True lets the weight "
                    "be assigned to"
                )
            a, tau = geqrf(q)
            diagonal = a.diagonal(dim1=-2, dim2=-1)
            diagonal.copy_(diagonal.sign() * (1 - 2 * tau.eq(0).to(a.dtype)))
            return a.mT if wide else a
        n, k = q.shape[-2:]
        if n == k:
            q = q.clone() if _is_orthogonal(q) else _orthonormal(q)
        else:
            q = _orthonormal(cat([q, randn(*q.shape[:-1], n - k, dtype=q.dtype, device=q.device)], -1))
        self.base = q
        start = zeros_like(Q)
        start.diagonal(dim1=-2, dim2=-1).fill_(-1.0)
        return start


def orthogonal(
    module: Module, name: str = "weight", orthogonal_map: str | None = None, *, use_trivialization: bool = True
) -> Any:
    """Keep a weight orthogonal (complex ones unitary): its columns are orthonormal, or its rows if they are fewer.

    ``"matrix_exp"`` is the exponential of a skew-Hermitian matrix, ``"cayley"`` ``(I + A / 2) (I - A / 2)^-1`` of it,
    ``"householder"`` a product of reflections.

    Source: Lezcano-Casado, Trivializations for Gradient-Based Optimization on Manifolds (2019).

    Args:
        module: has the weight.
        name: the name of the weight, of at least two dimensions; more are batches of matrices.
        orthogonal_map: one of the three; ``"matrix_exp"`` for square and complex weights, and ``"householder"`` for
            others, if None.
        use_trivialization: multiply by a constant orthogonal matrix, so that learning starts near the identity, and
            that the weight can be assigned to with each of the maps.

    Returns:
        The module.

    Raises:
        ValueError: there is no such weight or map, or it has fewer than two dimensions.

    >>> w = torch.nn.utils.parametrizations.orthogonal(torch.nn.Linear(20, 40)).weight
    >>> torch.allclose(w.T @ w, torch.eye(20), atol=1e-5)
    True
    """
    weight = _tensor_of(module, name)
    if weight.ndim < 2:
        raise ValueError(f"Expected a matrix or batch of matrices. Got a tensor of {weight.ndim} dimensions.")
    if orthogonal_map is None:
        square = weight.shape[-2] == weight.shape[-1]
        orthogonal_map = "matrix_exp" if square or weight.is_complex() else "householder"
    if orthogonal_map not in _MAPS:
        raise ValueError(f"orthogonal_map has to be one of {', '.join(_MAPS)}. Got: {orthogonal_map}")
    made = _Orthogonal(weight, orthogonal_map, use_trivialization=use_trivialization)
    return register_parametrization(module, name, made, unsafe=True)
