"""Pseudo-inverses, ranks, and least squares."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

import numtorch.dtype as dtypes
from numtorch import ops
from numtorch._tensor import Tensor, empty
from numtorch.dispatch.op import op
from numtorch.dispatch.out import SAME, into
from numtorch.exports import exported
from numtorch.ops import movement, reduction
from numtorch.ops.arithmetic import where
from numtorch.ops.elementary import abs
from numtorch.ops.linear_algebra import lapack
from numtorch.ops.linear_algebra.factorizations import eigvalsh, identity, svdvals
from numtorch.ops.linear_algebra.inverses import adjoint
from numtorch.ops.matmul import matmul
from numtorch.storage import broadcast_shapes


@op(shape=True, public=False, cost=lapack.cost, samples=list)
def pseudo_inverse(A, rtol: float = 0.0, atol: float = 0.0, hermitian: bool = False):
    """The pseudo-inverse, in which singular values up to ``max(atol, rtol * largest)`` count as 0."""
    return empty((*A.shape[:-2], A.shape[-1], A.shape[-2]), A.dtype, A.device)


@pseudo_inverse.kernel("cpu", name="lapack")
def _(A, rtol, atol, hermitian):
    def inverse(a: np.ndarray) -> np.ndarray:
        if hermitian:
            values, vectors = np.linalg.eigh(a)
            u, s, vh = vectors, np.abs(values), np.swapaxes(vectors, -1, -2).conj() * np.sign(values)[..., None]
        else:
            u, s, vh = np.linalg.svd(a, full_matrices=False)
        most = s.max(-1, keepdims=True, initial=0)
        kept = s > np.maximum(atol, rtol * most)
        s = np.where(kept, 1 / np.where(kept, s, 1), 0)
        return (np.swapaxes(vh, -1, -2).conj() * s[..., None, :]) @ np.swapaxes(u, -1, -2).conj()

    return lapack.run("linalg.pinv", inverse, A)


pseudo_inverse.on_cpu()


@pseudo_inverse.vjp(conjugated=False)
def _(g, A, *, out, rtol, atol, hermitian):
    # Golub and Pereyra (1973): the derivative of the pseudo-inverse of matrices of constant rank.
    h, gh = adjoint(out), adjoint(g)
    beside = identity(A, A.shape[-2]) - matmul(A, out)
    behind = identity(A, A.shape[-1]) - matmul(out, A)
    found = matmul(beside, matmul(gh, matmul(out, h))) + matmul(matmul(h, out), matmul(gh, behind))
    return found - matmul(h, matmul(g, h))


@exported("linalg")
def pinv(
    A: Tensor, rcond: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None, out: Any = None
) -> Tensor:
    """The Moore-Penrose pseudo-inverse of matrices.

    Args:
        A: floating or complex, ``(..., m, n)``.
        rcond: an older name of ``rtol``.
        hermitian: whether ``A`` is Hermitian (real: symmetric).
        atol, rtol: singular values up to ``max(atol, rtol * largest)`` count as 0; tensors of them broadcast with the
            batch. ``rtol`` is ``max(m, n) * eps`` unless it or an ``atol`` above 0 is given.

    Returns:
        ``(..., n, m)``.

    Raises:
        RuntimeError: matrices of integers.

    >>> torch.linalg.pinv(torch.tensor([[2.0, 0.0], [0.0, 0.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.0000]])
    """
    if out is not None:
        return into(out, SAME, pinv, A, rcond, hermitian, atol=atol, rtol=rtol)
    lapack.matrices("linalg.pinv", A)
    relative, absolute = tolerances(A, atol, rcond if rtol is None else rtol)
    if not isinstance(relative, Tensor) or not relative.ndim + absolute.ndim:
        return pseudo_inverse(A, float(relative), float(absolute), bool(hermitian))
    batch = broadcast_shapes(relative.shape, absolute.shape, A.shape[:-2])
    matrices, count = movement.expand(A, (*batch, *A.shape[-2:])), prod(batch)
    if not count:
        return pseudo_inverse(matrices, 0.0, 0.0, bool(hermitian))
    bounds = [movement.reshape(movement.expand(t, batch), (count,)).tolist() for t in (relative, absolute)]
    each = movement.unbind(movement.reshape(matrices, (count, *A.shape[-2:])))
    found = [pseudo_inverse(a, r, t, bool(hermitian)) for a, r, t in zip(each, *bounds, strict=True)]
    return movement.reshape(movement.stack(found), (*batch, A.shape[-1], A.shape[-2]))


def tolerances(A: Tensor, atol: Any, rtol: Any) -> tuple[Any, Any]:
    """(relative, absolute) bounds of singular values that count as 0: two numbers, or two tensors."""
    least = max(A.shape[-2:], default=0) * dtypes.finfo(A.dtype.to_real()).eps
    if not isinstance(atol, Tensor) and not isinstance(rtol, Tensor):
        absolute = 0.0 if atol is None else float(atol)
        return float(rtol) if rtol is not None else 0.0 if absolute > 0 else least, absolute
    most = _bound(A, 0.0 if atol is None else atol)
    return where(most > 0, 0.0, _bound(A, least)) if rtol is None else _bound(A, rtol), most


def _bound(A: Tensor, value: Any) -> Tensor:
    """A tolerance as a tensor, in the type of the singular values."""
    if not isinstance(value, Tensor):
        return ops.creation.full((), float(value), dtype=A.dtype.to_real(), device=A.device)
    if value.dtype.is_complex:
        raise RuntimeError(
            f"linalg: tolerances are real numbers, but got a tensor of {value.dtype.name}; use its .real"
        )
    return value.to(A.dtype.to_real())


@exported("torch", "Tensor")
def pinverse(input: Tensor, rcond: float = 1e-15) -> Tensor:
    """``linalg.pinv`` by its older name.

    Args:
        input: floating or complex matrices, ``(..., m, n)``.
        rcond: singular values up to this times the largest count as 0.

    Returns:
        ``(..., n, m)``.

    >>> torch.pinverse(torch.eye(2) * 2)
    tensor([[0.5000, 0.0000],
            [0.0000, 0.5000]])
    """
    return pinv(input, rcond)


@exported("linalg")
def matrix_rank(
    A: Tensor, tol: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None, out: Any = None
) -> Tensor:
    """How many singular values of matrices are not 0.

    Args:
        A: floating or complex, ``(..., m, n)``.
        tol: an older name of ``atol``.
        hermitian: whether ``A`` is Hermitian (real: symmetric).
        atol, rtol: values up to ``max(atol, rtol * largest)`` count as 0, as for ``linalg.pinv``.

    Returns:
        int64 numbers, one for each matrix, or for each of its tolerances.

    >>> torch.linalg.matrix_rank(torch.tensor([[1.0, 1.0], [1.0, 1.0]]))
    tensor(1)
    """
    if out is not None:
        return into(out, SAME, matrix_rank, A, tol, hermitian, atol=atol, rtol=rtol)
    lapack.matrices("linalg.matrix_rank", A)
    s = abs(eigvalsh(A.detach())) if hermitian else svdvals(A.detach())
    relative, absolute = tolerances(A, tol if atol is None else atol, rtol)
    if not s.shape[-1]:
        return ops.creation.zeros(s.shape[:-1], dtype=dtypes.int64, device=A.device)
    if isinstance(relative, Tensor):
        relative, absolute = movement.unsqueeze(relative, -1), movement.unsqueeze(absolute, -1)
    bound = reduction.amax(s, -1, keepdim=True) * relative
    return reduction.sum(s > where(bound > absolute, bound, absolute), -1)


@exported("linalg")
def lstsq(A: Tensor, B: Tensor, rcond: Any = None, *, driver: str | None = None, out: Any = None) -> Any:
    """The least-squares solution of ``A X = B``.

    Args:
        A: floating or complex, ``(..., m, n)``.
        B: matrices ``(..., m, k)``, or vectors ``(..., m)``, of the same type.
        rcond: singular values up to this times the largest count as 0; ``eps * max(m, n)`` unless given.
        driver: ``"gelsy"`` (the default), ``"gelsd"``, ``"gelss"``, or ``"gels"``, which takes ``A`` for of full rank.
            The solution is that of least norm.

    Returns:
        (solution, residuals, rank, singular_values). The last three are empty where torch's driver does not give them.

    Raises:
        RuntimeError: the shapes do not fit, or another driver.

    >>> torch.linalg.lstsq(torch.tensor([[1.0], [1.0]]), torch.tensor([[1.0], [3.0]])).solution
    tensor([[2.0000]])
    """
    if out is not None:
        return into(out, SAME, lstsq, A, B, rcond, driver=driver)
    if driver not in (None, "gels", "gelsy", "gelsd", "gelss"):
        raise RuntimeError(
            "torch.linalg.lstsq: parameter `driver` should be one of (gels, gelsy, gelsd, gelss), got " + str(driver)
        )
    lapack.matrices("linalg.lstsq", A)
    lapack.floating("linalg.lstsq", A, B)
    driver = driver or "gelsy"
    vector = B.ndim == A.ndim - 1 and B.shape == A.shape[:-1]
    given = movement.unsqueeze(B, -1) if vector else B
    if given.shape[-2] != A.shape[-2]:
        raise RuntimeError("torch.linalg.lstsq: input.size(-2) should match other.size(-2)")
    x = matmul(pinv(A, rcond), given)
    m, n = A.shape[-2:]
    rank, values = empty((0,), dtypes.int64, A.device), empty((0,), A.dtype.to_real(), A.device)
    flat = movement.reshape(x, (-1,))[:0]
    residuals = flat.real if flat.dtype.is_complex else flat  # without elements, but in the graph
    if driver != "gels":
        rank = matrix_rank(A, rtol=rcond)
    if driver in ("gelsd", "gelss"):
        values = svdvals(A.detach())
    if m > n and driver != "gelsy" and (driver == "gels" or bool(reduction.all(rank == n))):
        left = abs(matmul(A, x) - given)
        residuals = reduction.sum(left * left, -2)
    x = movement.squeeze(x, -1) if vector else x
    return lapack.returned("linalg_lstsq", "solution", "residuals", "rank", "singular_values")(
        (x, residuals, rank, values)
    )
