"""Factorisations of low rank, by random projections."""

from __future__ import annotations

from typing import Any

from numtorch import ops
from numtorch._tensor import Tensor
from numtorch.exports import exported
from numtorch.ops import reduction
from numtorch.ops.linear_algebra import lapack
from numtorch.ops.linear_algebra.factorizations import qr, svd
from numtorch.ops.linear_algebra.inverses import adjoint
from numtorch.ops.matmul import matmul


def _range_of(A: Tensor, q: int, niter: int) -> Tensor:
    """An orthonormal basis of nearly the space that the largest singular vectors span (Halko et al., algorithm 4.4)."""
    seed = ops.random.randn(*A.shape[:-2], A.shape[-1], q, dtype=A.dtype.to_real(), device=A.device).to(A.dtype)
    basis = qr(matmul(A, seed))[0]
    for _ in range(niter):
        basis = qr(matmul(A, qr(matmul(adjoint(A), basis))[0]))[0]
    return basis


@exported("torch")
def svd_lowrank(A: Tensor, q: int | None = 6, niter: int | None = 2, M: Tensor | None = None) -> Any:
    """Nearly the largest singular values of matrices with their vectors, by a random projection.

    Args:
        A: floating or complex, ``(..., m, n)``.
        q: how many, somewhat more than are of use.
        niter: how often the projection is improved.
        M: what is subtracted from ``A``; nothing unless given.

    Returns:
        (U, S, V), of which ``U diag(S) V^H`` is near ``A - M``.

    Raises:
        ValueError: ``q`` or ``niter`` is negative, or ``q`` exceeds the sizes.

    Paper: Halko, Martinsson and Tropp, "Finding structure with randomness" (2009), https://arxiv.org/abs/0909.4061.

    >>> U, S, V = torch.svd_lowrank(torch.ones(4, 3), q=2)
    >>> bool(torch.allclose(U * S @ V.T, torch.ones(4, 3), atol=1e-5))
    True
    """
    lapack.matrices("svd_lowrank", A)
    q, niter = 6 if q is None else q, 2 if niter is None else niter
    m, n = A.shape[-2:]
    if q < 0 or niter < 0:
        raise ValueError(f"q (={q}) and niter (={niter}) must be non-negative integers")
    if M is not None:
        A = A - M
    q = min(q, m, n)
    if m < n:  # the smaller side is projected
        V, S, U = svd_lowrank(adjoint(A), q, niter)
        return U, S, V
    basis = _range_of(A, q, niter)
    U, S, Vh = svd(matmul(adjoint(basis), A), full_matrices=False)
    return matmul(basis, U), S, adjoint(Vh)


@exported("torch")
def pca_lowrank(A: Tensor, q: int | None = None, center: bool = True, niter: int = 2) -> Any:
    """Nearly the largest principal components of observations, by a random projection.

    Args:
        A: floating or complex, ``(..., m, n)``: m observations of n variables.
        q: how many components; at most 6 unless given.
        center: whether the means of the variables are subtracted first.
        niter: how often the projection is improved.

    Returns:
        (U, S, V): the components are the columns of V; ``S ** 2 / (m - 1)`` are their variances.

    Raises:
        ValueError: ``q`` exceeds the sizes, or ``niter`` is negative.

    >>> U, S, V = torch.pca_lowrank(torch.tensor([[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]]), 1)
    >>> V.abs()
    tensor([[0.4472],
            [0.8944]])
    """
    lapack.matrices("pca_lowrank", A)
    m, n = A.shape[-2:]
    q = min(6, m, n) if q is None else q
    if not 0 <= q <= min(m, n):
        raise ValueError(f"q(={q}) must be non-negative integer and not greater than min(m, n)={min(m, n)}")
    if niter < 0:
        raise ValueError(f"niter(={niter}) must be non-negative integer")
    if center:
        A = A - reduction.mean(A, -2, keepdim=True)
    return svd_lowrank(A, q, niter)
