"""Factorisations of matrices: Cholesky, QR, eigenvectors, singular values; and what is solved by them."""

from __future__ import annotations

from typing import Any

import numpy as np

import numtorch.dtype as dtypes
from numtorch import ops
from numtorch._tensor import Tensor, empty
from numtorch.device import CPU
from numtorch.dispatch.op import op
from numtorch.dispatch.out import SAME, into
from numtorch.errors import LinAlgError
from numtorch.exports import exported
from numtorch.ops import movement
from numtorch.ops.arithmetic import where
from numtorch.ops.complex_numbers import conj
from numtorch.ops.linear_algebra import lapack
from numtorch.ops.linear_algebra.inverses import adjoint, over_last, solve, solve_triangular
from numtorch.ops.matmul import matmul
from numtorch.ops.reduction import sum_to


def identity(x: Tensor, n: int) -> Tensor:
    return ops.creation.eye(n, dtype=x.dtype, device=x.device)


def diagonal_of(x: Tensor) -> Tensor:
    return movement.diagonal(x, 0, -2, -1)


def _columns(x: Tensor, s: Tensor) -> Tensor:
    """``x @ diag(s)``."""
    return x * movement.unsqueeze(s, -2).to(x.dtype)


# --- Cholesky -------------------------------------------------------------------------------------


@op(shape=True, public=False, cost=lapack.cost, samples=list)
def lower_root(A, upper: bool = False):
    """The lower triangle L of which ``A = L @ L^H``; only the lower, or the upper, triangle of ``A`` is read."""
    return empty(A.shape, A.dtype, A.device)


@lower_root.kernel("cpu", name="lapack")
def _(A, upper):
    return lapack.run("linalg.cholesky", np.linalg.cholesky, adjoint(A.detach()) if upper else A)


lower_root.on_cpu()


@lower_root.vjp(conjugated=False)
def _(g, *, out):
    lower = movement.tril(matmul(adjoint(out), g))
    inner = (lower + adjoint(movement.tril(lower, -1))) * 0.5
    return solve_triangular(out, solve_triangular(adjoint(out), inner, upper=True), upper=False, left=False)


@exported("linalg")
@exported("torch", "Tensor")
def cholesky(A: Tensor, upper: bool = False, *, out: Any = None) -> Tensor:
    """The Cholesky factor of positive-definite matrices: the lower triangle L of which ``A = L @ L^H``.

    Args:
        A: Hermitian (real: symmetric), positive definite, ``(..., n, n)``. Only the lower triangle is read.
        upper: whether the result is ``L^H``, from the upper triangle of ``A``.

    Returns:
        Of the same shape.

    Raises:
        RuntimeError: the matrices are not square, or of integers; LinAlgError where one is not positive definite.

    >>> torch.linalg.cholesky(torch.tensor([[4.0, 2.0], [2.0, 5.0]]))
    tensor([[2., 0.],
            [1., 2.]])
    """
    if out is not None:
        return into(out, SAME, cholesky, A, upper)
    lapack.square("linalg.cholesky", A)
    return adjoint(lower_root(A, True)) if upper else lower_root(A)


@exported("linalg")
def cholesky_ex(A: Tensor, *, upper: bool = False, check_errors: bool = False, out: Any = None) -> Any:
    """The Cholesky factor, and for each matrix whether it is positive definite.

    Args:
        A, upper: as for ``linalg.cholesky``.
        check_errors: whether a matrix that is not positive definite is an error.

    Returns:
        (L, info): int32 numbers, 0 for positive-definite matrices, else the order of the minor that is not.

    >>> torch.linalg.cholesky_ex(torch.eye(2)).info
    tensor(0, dtype=torch.int32)
    """
    if out is not None:
        return into(out, SAME, cholesky_ex, A, upper=upper, check_errors=check_errors)
    lapack.square("linalg.cholesky_ex", A)
    try:
        root = cholesky(A, upper)
        info = ops.creation.zeros(A.shape[:-2], dtype=dtypes.int32, device=A.device)
    except LinAlgError:
        if check_errors:
            raise
        a = lapack.array(A.detach().to(CPU))
        found = [lapack.leading(a[i]) for i in np.ndindex(a.shape[:-2])]
        info = lapack.tensor(np.array(found, np.int32).reshape(a.shape[:-2]), dtypes.int32).to(A.device)
        bad = over_last(info != 0)
        root = where(bad, float("nan"), cholesky(where(bad, identity(A, A.shape[-1]), A), upper))
    return lapack.returned("linalg_cholesky_ex", "L", "info")((root, info))


@op(public=False, samples=list)
def solved_by_root(b, root):
    """X of which ``root @ root^H @ X = b``; of ``root`` only the lower triangle is read."""
    return solve_triangular(adjoint(root), solve_triangular(root, b, upper=False), upper=True)


@solved_by_root.vjp(conjugated=False)
def _(g, b_shape, root, root_shape, *, out, needs):
    gb = solved_by_root(g, root)  # as for any root, of which both triangles count: so PyTorch defines it
    if not needs[1]:
        return sum_to(gb, b_shape), None
    both = matmul(gb, adjoint(out))
    return (sum_to(gb, b_shape) if needs[0] else None), sum_to(-matmul(both + adjoint(both), root), root_shape)


@exported("torch", "Tensor")
def cholesky_solve(B: Tensor, L: Tensor, upper: bool = False, *, out: Any = None) -> Tensor:
    """The solution of ``A X = B`` from the Cholesky factor of ``A``.

    Args:
        B: matrices ``(..., n, k)``.
        L: the factor, ``(..., n, n)``.
        upper: whether it is the upper one.

    Returns:
        Of the shape of ``B``, with the common batch.

    >>> torch.cholesky_solve(torch.ones(2, 1), torch.eye(2) * 2).flatten()
    tensor([0.2500, 0.2500])
    """
    if out is not None:
        return into(out, SAME, cholesky_solve, B, L, upper)
    return solved_by_root(B, adjoint(L) if upper else L)


@exported("torch", "Tensor")
def cholesky_inverse(L: Tensor, upper: bool = False, *, out: Any = None) -> Tensor:
    """The inverse of a matrix from its Cholesky factor.

    Args:
        L: the factor, ``(..., n, n)``.
        upper: whether it is the upper one.

    Returns:
        Of the same shape.

    >>> torch.cholesky_inverse(torch.eye(2) * 2).diagonal()
    tensor([0.2500, 0.2500])
    """
    if out is not None:
        return into(out, SAME, cholesky_inverse, L, upper)
    lapack.square("cholesky_inverse", L)
    return cholesky_solve(movement.expand(identity(L, L.shape[-1]), L.shape), L, upper)


# --- QR -------------------------------------------------------------------------------------------


@op(shape=True, public=False, cost=lapack.cost, samples=list)
def orthogonal_and_upper(A, complete: bool = False):
    """Q and R of which ``A = Q @ R``; ``complete``: Q is square."""
    m, n = A.shape[-2:]
    k = m if complete else min(m, n)
    return empty((*A.shape[:-1], k), A.dtype, A.device), empty((*A.shape[:-2], k, n), A.dtype, A.device)


@orthogonal_and_upper.kernel("cpu", name="lapack")
def _(A, complete):
    def factors(a: np.ndarray) -> tuple:
        return tuple(np.linalg.qr(a, "complete" if complete else "reduced"))

    return lapack.run("linalg.qr", factors, A)


orthogonal_and_upper.on_cpu()


@orthogonal_and_upper.vjp(conjugated=False, partial=True)
def _(g, A, *, out, complete):
    (gq, gr), (q, r), (m, n) = g, out, A.shape[-2:]
    if complete and m > n:
        raise RuntimeError(
            "The QR decomposition is not differentiable when mode='complete' and nrows > ncols, "
            "Please use mode='reduced'"
        )
    gq = q * 0 if gq is None else gq
    gr = r * 0 if gr is None else gr
    if m >= n:
        inner = matmul(r, adjoint(gr)) - matmul(adjoint(gq), q)
        return divided(gq + matmul(q, _hermitian_of_lower(inner)), r)
    # Of a wide matrix the left part has a factorisation of its own, of which the rest is a product.
    right = gr[..., m:]
    gr, rl = gr[..., :m], r[..., :m]
    gq = gq + matmul(A[..., m:], adjoint(right))
    inner = matmul(rl, adjoint(gr)) - matmul(adjoint(gq), q)
    first = divided(gq + matmul(q, _hermitian_of_lower(inner)), rl)
    return ops.movement.cat([first, matmul(q, right)], -1)


def _hermitian_of_lower(x: Tensor) -> Tensor:
    """The matrix that has the lower triangle of ``x``, and above the diagonal its conjugate."""
    lower, diagonal = movement.tril(x, -1), diagonal_of(x)
    diagonal = diagonal.real.to(x.dtype) if x.dtype.is_complex else diagonal
    return lower + adjoint(lower) + movement.diag_embed(diagonal)


def divided(x: Tensor, r: Tensor) -> Tensor:
    """``x @ inv(r^H)`` for an upper triangle."""
    return adjoint(solve_triangular(r, adjoint(x), upper=True))


@exported("linalg")
def qr(A: Tensor, mode: str = "reduced", *, out: Any = None) -> Any:
    """The QR factorisation ``A = Q @ R``: orthonormal columns times an upper triangle.

    Args:
        A: floating or complex, ``(..., m, n)``.
        mode: ``"reduced"``: k = min(m, n) columns; ``"complete"``: m columns; ``"r"``: only R, Q is empty.

    Returns:
        (Q, R), of shapes ``(..., m, k)`` and ``(..., k, n)``.

    Raises:
        RuntimeError: another ``mode``, or matrices of integers.

    >>> torch.linalg.qr(torch.eye(2)).R.abs()
    tensor([[1., 0.],
            [0., 1.]])
    """
    if out is not None:
        return into(out, SAME, qr, A, mode)
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or 'complete'"
        )
    lapack.matrices("linalg.qr", A)
    q, r = orthogonal_and_upper(A, mode == "complete")
    if mode == "r":
        if A.requires_grad:
            raise RuntimeError(
                "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please use "
                "linalg.qr(A, mode='reduced') if you are going to require gradients"
            )
        q = empty((0,), A.dtype, A.device)
    return lapack.returned("linalg_qr", "Q", "R")((q, r))


@exported("torch", "Tensor", name="qr")
def _older_qr(input: Tensor, some: bool = True, *, out: Any = None) -> Any:
    """``linalg.qr`` by its older name.

    Args:
        input: as there.
        some: reduced rather than complete.

    Returns:
        (Q, R).

    >>> torch.qr(torch.eye(2)).R.abs()
    tensor([[1., 0.],
            [0., 1.]])
    """
    if out is not None:
        return into(out, SAME, _older_qr, input, some)
    return lapack.returned("qr", "Q", "R")(tuple(qr(input, "reduced" if some else "complete")))


# --- eigenvectors ---------------------------------------------------------------------------------


@op(shape=True, public=False, cost=lapack.cost, samples=list)
def hermitian_eigen(A, upper: bool = False):
    """Eigenvalues in ascending order and eigenvectors of Hermitian matrices, of which one triangle is read."""
    return empty(A.shape[:-1], A.dtype.to_real(), A.device), empty(A.shape, A.dtype, A.device)


@hermitian_eigen.kernel("cpu", name="lapack")
def _(A, upper):
    return lapack.run("linalg.eigh", lambda a: tuple(np.linalg.eigh(a, "U" if upper else "L")), A)


hermitian_eigen.on_cpu()


@hermitian_eigen.vjp(conjugated=False, partial=True)
def _(g, *, out, upper):
    (gl, gv), (values, vectors) = g, out
    inner = None
    if gv is not None:
        turned = matmul(adjoint(vectors), gv)
        turned = (turned - adjoint(turned)) * 0.5  # vectors stay orthonormal: only such changes are any
        gaps = movement.unsqueeze(values, -2) - movement.unsqueeze(values, -1)
        eye = identity(values, values.shape[-1])
        inner = turned / (gaps + eye).to(turned.dtype) * (1 - eye).to(turned.dtype)
    if gl is not None:
        diagonal = movement.diag_embed(gl.to(vectors.dtype))
        inner = diagonal if inner is None else inner + diagonal
    return matmul(vectors, matmul(inner, adjoint(vectors)))


def _triangle(name: str, UPLO: str) -> bool:
    if UPLO.upper() not in ("L", "U"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {UPLO}")
    return UPLO.upper() == "U"


@exported("linalg")
def eigh(A: Tensor, UPLO: str = "L", *, out: Any = None) -> Any:
    """Eigenvalues and eigenvectors of Hermitian (real: symmetric) matrices: ``A = Q @ diag(L) @ Q^H``.

    Args:
        A: floating or complex, ``(..., n, n)``.
        UPLO: which triangle is read, ``"L"`` or ``"U"``.

    Returns:
        (eigenvalues, eigenvectors): real, ascending, ``(..., n)``; as columns, ``(..., n, n)``.

    Raises:
        RuntimeError: the matrices are not square, or of integers.

    >>> torch.linalg.eigh(torch.tensor([[2.0, 0.0], [0.0, 1.0]])).eigenvalues
    tensor([1., 2.])
    """
    if out is not None:
        return into(out, SAME, eigh, A, UPLO)
    lapack.square("linalg.eigh", A)
    return lapack.returned("linalg_eigh", "eigenvalues", "eigenvectors")(hermitian_eigen(A, _triangle("eigh", UPLO)))


@exported("linalg")
def eigvalsh(A: Tensor, UPLO: str = "L", *, out: Any = None) -> Tensor:
    """The eigenvalues of Hermitian (real: symmetric) matrices, ascending.

    Args:
        A: floating or complex, ``(..., n, n)``.
        UPLO: which triangle is read, ``"L"`` or ``"U"``.

    Returns:
        Real numbers, ``(..., n)``.

    Raises:
        RuntimeError: the matrices are not square, or ``UPLO`` is another letter.

    >>> torch.linalg.eigvalsh(torch.tensor([[2.0, 0.0], [0.0, 1.0]]))
    tensor([1., 2.])
    """
    if out is not None:
        return into(out, SAME, eigvalsh, A, UPLO)
    lapack.square("linalg.eigvalsh", A)
    return hermitian_eigen(A, _triangle("eigvalsh", UPLO))[0]


@op(shape=True, public=False, cost=lapack.cost, samples=list)
def general_eigen(A):
    """Eigenvalues and eigenvectors of any square matrices; complex."""
    d = A.dtype.to_complex()
    return empty(A.shape[:-1], d, A.device), empty(A.shape, d, A.device)


@general_eigen.kernel("cpu", name="lapack")
def _(A):
    d = A.dtype.to_complex()
    return tuple([lapack.tensor(a, d) for a in np.linalg.eig(lapack.array(A))])


general_eigen.on_cpu()


@general_eigen.vjp(conjugated=False, partial=True)
def _(g, A, *, out):
    (gl, gv), (values, vectors) = g, out
    inner = None
    if gv is not None:
        turned = matmul(adjoint(vectors), gv)
        # Only directions count: a change along the vector itself is none.
        along = movement.unsqueeze(diagonal_of(turned).real.to(turned.dtype), -2)
        turned = turned - matmul(adjoint(vectors), vectors * along)
        gaps = conj(movement.unsqueeze(values, -2) - movement.unsqueeze(values, -1))
        eye = identity(values, values.shape[-1])
        inner = turned / (gaps + eye) * (1 - eye)
    if gl is not None:
        diagonal = movement.diag_embed(gl)
        inner = diagonal if inner is None else inner + diagonal
    found = solve(adjoint(vectors), matmul(inner, adjoint(vectors)))
    return found if A.dtype.is_complex else found.real


@exported("linalg")
def eig(A: Tensor, *, out: Any = None) -> Any:
    """Eigenvalues and eigenvectors of square matrices: ``A = V @ diag(L) @ inv(V)``.

    Args:
        A: floating or complex, ``(..., n, n)``.

    Returns:
        (eigenvalues, eigenvectors): complex, in no particular order, ``(..., n)``; columns of length 1.

    Raises:
        RuntimeError: the matrices are not square, or of integers.

    >>> torch.linalg.eig(torch.tensor([[0.0, -1.0], [1.0, 0.0]])).eigenvalues.imag.abs()
    tensor([1., 1.])
    """
    if out is not None:
        return into(out, SAME, eig, A)
    lapack.square("linalg.eig", A)
    return lapack.returned("linalg_eig", "eigenvalues", "eigenvectors")(general_eigen(A))


@exported("linalg")
def eigvals(A: Tensor, *, out: Any = None) -> Tensor:
    """The eigenvalues of square matrices.

    Args:
        A: floating or complex, ``(..., n, n)``.

    Returns:
        Complex numbers in no particular order, ``(..., n)``.

    >>> torch.linalg.eigvals(torch.tensor([[2.0, 0.0], [0.0, 1.0]])).real.sort().values
    tensor([1., 2.])
    """
    if out is not None:
        return into(out, SAME, eigvals, A)
    lapack.square("linalg.eigvals", A)
    return general_eigen(A)[0]


# --- singular values ------------------------------------------------------------------------------


@op(shape=True, public=False, cost=lapack.cost, samples=list)
def singular(A, full: bool = False):
    """U, S and V^H of which ``A = U @ diag(S) @ V^H``, S descending."""
    (m, n), batch = A.shape[-2:], A.shape[:-2]
    k = min(m, n)
    u, v = ((m, m), (n, n)) if full else ((m, k), (k, n))
    return (
        empty((*batch, *u), A.dtype, A.device),
        empty((*batch, k), A.dtype.to_real(), A.device),
        empty((*batch, *v), A.dtype, A.device),
    )


@singular.kernel("cpu", name="lapack")
def _(A, full):
    return lapack.run("linalg.svd", lambda a: tuple(np.linalg.svd(a, full)), A)


singular.on_cpu()


@singular.vjp(conjugated=False, partial=True)
def _(g, *, out, full):
    (gu, gs, gvh), (u, s, vh) = g, out
    k, m, n = s.shape[-1], u.shape[-2], vh.shape[-1]
    u, vh = u[..., :k], vh[..., :k, :]
    gu, gvh = (None if gu is None else gu[..., :k]), (None if gvh is None else gvh[..., :k, :])
    made = None if gs is None else movement.diag_embed(gs.to(u.dtype))
    if gu is None and gvh is None:
        return matmul(u, matmul(made, vh))
    square = s * s
    eye = identity(s, k)
    gaps = (movement.unsqueeze(square, -2) - movement.unsqueeze(square, -1) + eye).to(u.dtype)
    off = (1 - eye).to(u.dtype)

    def skewed(x: Tensor) -> Tensor:
        return (x - adjoint(x)) / gaps * off

    made = movement.diag_embed(s.to(u.dtype) * 0) if made is None else made
    if gu is not None:
        of_u = matmul(adjoint(u), gu)
        made = made + _columns(skewed(of_u), s)
    if gvh is not None:
        of_v = matmul(vh, adjoint(gvh))
        made = made + movement.unsqueeze(s, -1).to(u.dtype) * skewed(of_v)
    if u.dtype.is_complex:  # the phase of each pair of vectors is free: only what does not turn them counts
        turn = diagonal_of(of_u if gu is not None else -of_v)
        made = made + movement.diag_embed(turn.imag.to(u.dtype) * 1j / s.to(u.dtype))
    whole = matmul(u, matmul(made, vh))
    if gu is not None and m > k:
        rest = _columns(gu - matmul(u, of_u), 1 / s)
        whole = whole + matmul(rest, vh)
    if gvh is not None and n > k:
        rest = movement.unsqueeze(1 / s, -1).to(u.dtype) * (gvh - matmul(adjoint(of_v), vh))
        whole = whole + matmul(u, rest)
    return whole


@exported("linalg")
def svd(A: Tensor, full_matrices: bool = True, *, driver: str | None = None, out: Any = None) -> Any:
    """The singular value decomposition ``A = U @ diag(S) @ Vh``.

    Args:
        A: floating or complex, ``(..., m, n)``.
        full_matrices: whether U and Vh are square; else they have k = min(m, n) columns and rows.
        driver: for CUDA in torch; here LAPACK's gesdd computes on the CPU.

    Returns:
        (U, S, Vh): S real, descending, ``(..., k)``.

    Raises:
        RuntimeError: the matrices are of integers.

    The signs (complex: the phases) of the vectors are free; a loss must not depend on them.

    >>> torch.linalg.svd(torch.tensor([[3.0, 0.0], [0.0, 4.0]])).S
    tensor([4., 3.])
    """
    if out is not None:
        return into(out, SAME, svd, A, full_matrices, driver=driver)
    lapack.matrices("linalg.svd", A)
    return lapack.returned("linalg_svd", "U", "S", "Vh")(singular(A, bool(full_matrices)))


@exported("linalg")
def svdvals(A: Tensor, *, driver: str | None = None, out: Any = None) -> Tensor:
    """The singular values of matrices, descending.

    Args:
        A: floating or complex, ``(..., m, n)``.
        driver: as for ``linalg.svd``.

    Returns:
        Real numbers, ``(..., min(m, n))``.

    >>> torch.linalg.svdvals(torch.tensor([[3.0, 0.0], [0.0, 4.0]]))
    tensor([4., 3.])
    """
    if out is not None:
        return into(out, SAME, svdvals, A, driver=driver)
    lapack.matrices("linalg.svdvals", A)
    return singular(A, False)[1]


@exported("torch", "Tensor", name="svd")
def _older_svd(input: Tensor, some: bool = True, compute_uv: bool = True, *, out: Any = None) -> Any:
    """The singular value decomposition by its older name: V in place of its adjoint.

    Args:
        input: floating or complex, ``(..., m, n)``.
        some: reduced rather than square matrices of vectors.
        compute_uv: whether there are vectors; else they are zeros.

    Returns:
        (U, S, V).

    >>> torch.svd(torch.tensor([[3.0, 0.0], [0.0, 4.0]])).S
    tensor([4., 3.])
    """
    if out is not None:
        return into(out, SAME, _older_svd, input, some, compute_uv)
    u, s, vh = svd(input, not some)
    if not compute_uv:
        (m, n), batch = input.shape[-2:], input.shape[:-2]
        u, vh = (ops.creation.zeros((*batch, k, k), dtype=input.dtype, device=input.device) for k in (m, n))
    return lapack.returned("svd", "U", "S", "V")((u, s, adjoint(vh)))
