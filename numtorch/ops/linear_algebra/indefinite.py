"""The factorisation ``P L D L^T P^T`` of symmetric and Hermitian matrices that need not be definite, with pivots of one
or two rows after Bunch and Kaufman."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import numtorch.dtype as dtypes
from numtorch._tensor import Tensor
from numtorch.device import CPU
from numtorch.dispatch.out import SAME, into
from numtorch.errors import LinAlgError
from numtorch.exports import exported
from numtorch.ops.linear_algebra import lapack

ALPHA = (1 + math.sqrt(17)) / 8  # the bound on growth that Bunch and Kaufman found best


def _size(a: Any, hermitian: bool = False) -> Any:
    """How LAPACK measures complex numbers; of a Hermitian matrix the diagonal is real."""
    return np.abs(a.real) if hermitian else np.abs(a.real) + np.abs(a.imag)


def _bunch_kaufman(a: np.ndarray, hermitian: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The lower factor of one matrix with D on and below its diagonal; the pivots of LAPACK's ``sytrf`` and ``hetrf``;
    and the position from 1 on of the first pivot that is 0, else 0."""
    a, n = np.tril(a), len(a)
    rows, bad, k = np.zeros(n, np.int32), 0, 0
    conj = np.conj if hermitian else np.asarray
    if hermitian:
        a[range(n), range(n)] = a.diagonal().real
    while k < n:
        step, p = 1, k
        here = _size(a[k, k], hermitian)
        below = _size(a[k + 1 :, k])
        at = k + 1 + int(np.argmax(below)) if below.size else k
        most = below[at - k - 1] if below.size else 0.0
        if max(here, most) == 0 or here != here:
            bad = bad or k + 1
        else:
            if here < ALPHA * most:
                widest = max(_size(a[at, k:at]).max(), _size(a[at + 1 :, at]).max(initial=0.0))
                if here < ALPHA * most * (most / widest):
                    p, step = at, 1 if _size(a[at, at], hermitian) >= ALPHA * widest else 2
            q = k + step - 1  # the row that goes to p
            if p != q:
                a[p + 1 :, [q, p]] = a[p + 1 :, [p, q]]
                a[q + 1 : p, q], a[p, q + 1 : p] = conj(a[p, q + 1 : p]).copy(), conj(a[q + 1 : p, q]).copy()
                a[p, q] = conj(a[p, q])
                a[q, q], a[p, p] = a[p, p], a[q, q]
                if step == 2:
                    a[k + 1, k], a[p, k] = a[p, k], a[k + 1, k]
            rest = slice(k + step, n)
            if step == 1:
                column = a[rest, k].copy()
                a[rest, rest] -= np.tril(np.outer(column, conj(column)) / a[k, k])
                a[rest, k] = column / a[k, k]
            elif k + 2 < n:
                pivot = a[k : k + 2, k : k + 2].copy()
                pivot[0, 1] = conj(pivot[1, 0])
                pair = a[rest, k : k + 2].copy()
                scaled = np.linalg.solve(pivot.T, pair.T).T
                a[rest, rest] -= np.tril(scaled @ conj(pair).T)
                a[rest, k : k + 2] = scaled
            if hermitian:
                a[range(k, n), range(k, n)] = a.diagonal()[k:].real
        if step == 1:
            rows[k] = p + 1
        else:
            rows[k : k + 2] = -(p + 1)
        k += step
    return a, rows, np.array([bad])


def _solved(factors: np.ndarray, rows: np.ndarray, b: np.ndarray, hermitian: bool) -> np.ndarray:
    """What LAPACK's ``sytrs`` and ``hetrs`` make of the right-hand sides of one system."""
    b, n, k = b.copy(), len(factors), 0
    conj = np.conj if hermitian else np.asarray
    steps: list[tuple[int, int, int]] = []  # the first row of each pivot, how many it has, and where it went
    while k < n:
        size = 1 if rows[k] > 0 else 2
        p, q = abs(int(rows[k])) - 1, k + size - 1
        steps.append((k, size, p))
        b[[q, p]] = b[[p, q]]
        rest = slice(k + size, n)
        b[rest] -= factors[rest, k : k + size] @ b[k : k + size]
        pivot = factors[k : k + size, k : k + size].copy()
        if size == 2:
            pivot[0, 1] = conj(pivot[1, 0])
        b[k : k + size] = np.linalg.solve(pivot, b[k : k + size])
        k += size
    for k, size, p in reversed(steps):
        rest, q = slice(k + size, n), k + size - 1
        b[k : k + size] -= conj(factors[rest, k : k + size]).T @ b[rest]
        b[[q, p]] = b[[p, q]]
    return b


@exported("linalg")
def ldl_factor_ex(A: Tensor, *, hermitian: bool = False, check_errors: bool = False, out: Any = None) -> Any:
    """``linalg.ldl_factor``, and for each matrix whether it is regular.

    Args:
        A: floating or complex, ``(..., n, n)``, of which the lower triangle is read.
        hermitian: whether complex matrices are Hermitian, and not symmetric.
        check_errors: raise an error for a singular matrix.

    Returns:
        (LD, pivots, info); ``info`` is int32: 0, or the position from 1 on of a pivot that is 0. They have no
        gradient.

    Raises:
        RuntimeError: matrices that are not square, or of integers.
        LinAlgError: a singular matrix, if ``check_errors``.

    >>> torch.linalg.ldl_factor_ex(torch.tensor([[2.0, 1.0], [1.0, 2.0]])).info
    tensor(0, dtype=torch.int32)
    """
    if out is not None:
        return into(out, SAME, ldl_factor_ex, A, hermitian=hermitian, check_errors=check_errors)
    lapack.square("torch.linalg.ldl_factor_ex", A)
    a = lapack.array(A.detach().to(CPU))
    batch, n = a.shape[:-2], a.shape[-1]
    found: Any = (a, np.zeros((*batch, n)), np.zeros((*batch, 1)))
    if a.size:
        with np.errstate(all="ignore"):
            found = lapack.each(lambda x: _bunch_kaufman(x, hermitian and A.dtype.is_complex), a)
    found = (*found[:2], found[2][..., 0])
    kinds = (A.dtype, dtypes.int32, dtypes.int32)
    factors, rows, info = (lapack.tensor(v, d).to(A.device) for v, d in zip(found, kinds, strict=True))
    if check_errors and bool((info != 0).any()):
        raise LinAlgError(
            f"linalg.ldl_factor: {int(info.max())}-th diagonal block of D is zero. The factorization has been "
            "completed, but it cannot be used to solve a system of equations."
        )
    return lapack.returned("linalg_ldl_factor_ex", "LD", "pivots", "info")((factors, rows, info))


@exported("linalg")
def ldl_factor(A: Tensor, *, hermitian: bool = False, out: Any = None) -> Any:
    """The factorisation ``A = P L D L^T P^T`` of symmetric or Hermitian matrices in LAPACK's compact form, for
    ``linalg.ldl_solve``: L is unit lower triangular, D has blocks of one or two rows on its diagonal.

    Args:
        A: floating or complex, ``(..., n, n)``, of which the lower triangle is read.
        hermitian: whether complex matrices are Hermitian, and not symmetric.

    Returns:
        (LD, pivots): D and below it L in one array, and which rows were exchanged, int32, from 1 on; negative ones
        for blocks of two. They have no gradient.

    Raises:
        RuntimeError: matrices that are not square, or of integers.

    Paper: Bunch and Kaufman, "Some stable methods for calculating inertia and solving symmetric linear systems" (1977).

    >>> torch.linalg.ldl_factor(torch.tensor([[2.0, 1.0], [1.0, 2.0]])).LD
    tensor([[2.0000, 0.0000],
            [0.5000, 1.5000]])
    """
    if out is not None:
        return into(out, SAME, ldl_factor, A, hermitian=hermitian)
    return lapack.returned("linalg_ldl_factor", "LD", "pivots")(ldl_factor_ex(A, hermitian=hermitian)[:2])


@exported("linalg")
def ldl_solve(LD: Tensor, pivots: Tensor, B: Tensor, *, hermitian: bool = False, out: Any = None) -> Tensor:
    """The solution X of ``A X = B``, of a factorisation by ``linalg.ldl_factor``.

    Args:
        LD, pivots: the factorisation.
        B: ``(..., n, k)``; batches broadcast.
        hermitian: as when it was made.

    Returns:
        X, of the shape of B; it has no gradient.

    Raises:
        RuntimeError: shapes or types that do not fit together.

    >>> LD, pivots = torch.linalg.ldl_factor(torch.tensor([[2.0, 0.0], [0.0, 4.0]]))
    >>> torch.linalg.ldl_solve(LD, pivots, torch.tensor([[2.0], [2.0]]))
    tensor([[1.0000],
            [0.5000]])
    """
    if out is not None:
        return into(out, SAME, ldl_solve, LD, pivots, B, hermitian=hermitian)
    lapack.square("torch.linalg.ldl_solve", LD, "LD")
    lapack.floating("torch.linalg.ldl_solve", LD, B)
    if B.ndim < 2 or B.shape[-2] != LD.shape[-1]:
        raise RuntimeError(
            f"torch.linalg.ldl_solve: B of shape {list(B.shape)} does not fit LD of shape {list(LD.shape)}"
        )
    if pivots.shape != LD.shape[:-1] or pivots.dtype.differentiable:
        raise RuntimeError(
            f"torch.linalg.ldl_solve: expected integers of shape {list(LD.shape[:-1])} as pivots, got "
            f"{pivots.dtype.name} of shape {list(pivots.shape)}"
        )
    a, rows, b = (lapack.array(x.detach().to(CPU)) for x in (LD, pivots, B))
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a, rows, b = (
        np.broadcast_to(a, (*batch, *a.shape[-2:])),
        np.broadcast_to(rows, (*batch, rows.shape[-1])),
        np.broadcast_to(b, (*batch, *b.shape[-2:])),
    )
    if b.size:
        b = lapack.each(lambda f, r, x: _solved(f, r, x, hermitian and LD.dtype.is_complex), a, rows, b)
    return lapack.tensor(b, B.dtype).to(B.device)
