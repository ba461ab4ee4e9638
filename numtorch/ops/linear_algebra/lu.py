"""The LU factorisation of matrices, and systems that are solved by it."""

from __future__ import annotations

from typing import Any

import numpy as np

import numtorch.dtype as dtypes
from numtorch import notices, ops
from numtorch._tensor import Tensor, empty
from numtorch.device import CPU
from numtorch.dispatch.op import op
from numtorch.dispatch.out import SAME, into
from numtorch.errors import LinAlgError
from numtorch.exports import exported
from numtorch.ops import movement, reduction
from numtorch.ops.arithmetic import where
from numtorch.ops.linear_algebra import lapack
from numtorch.ops.linear_algebra.factorizations import diagonal_of, divided
from numtorch.ops.linear_algebra.inverses import adjoint, solve_triangular
from numtorch.ops.matmul import matmul


@op(shape=True, public=False, cost=lapack.cost, samples=list)
def lower_and_upper(A):
    """Both factors of ``P^T A = L U`` in one array, and the pivots."""
    k = min(A.shape[-2:])
    return empty(A.shape, A.dtype, A.device), empty((*A.shape[:-2], k), dtypes.int32, A.device)


@lower_and_upper.kernel("cpu", name="elimination")
def _(A):
    a = lapack.array(A)
    if not a.size:
        return lapack.tensor(a, A.dtype), lapack.tensor(np.zeros((*a.shape[:-2], min(a.shape[-2:]))), dtypes.int32)
    factors, rows = lapack.each(lambda x: lapack.pivots(x)[0], a)
    return lapack.tensor(factors, A.dtype), lapack.tensor(rows, dtypes.int32)


lower_and_upper.on_cpu()


def _unpacked(factors: Tensor, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The permutation, the lower and the upper factor."""
    m, n = factors.shape[-2:]
    k = min(m, n)
    order = np.broadcast_to(np.arange(m), (*rows.shape[:-1], m)).copy()
    given = lapack.array(rows.detach().to(CPU))
    for i in np.ndindex(given.shape[:-1]):
        for j, p in enumerate(given[i]):
            order[i][[j, p - 1]] = order[i][[p - 1, j]]
    matrix = np.swapaxes(np.eye(m)[order], -1, -2)
    permutation = lapack.tensor(matrix, factors.dtype).to(factors.device)
    lower = movement.tril(factors[..., :k], -1) + ops.creation.eye(m, k, dtype=factors.dtype, device=factors.device)
    return permutation, lower, movement.triu(factors[..., :k, :])


@lower_and_upper.vjp(conjugated=False)
def _(g, *, out):
    (factors, rows), g = out, g[0]
    m, n = factors.shape[-2:]
    k = min(m, n)
    p, lower, upper = _unpacked(factors, rows)
    gl, gu = movement.tril(g[..., :k], -1), movement.triu(g[..., :k, :])
    l1, u1, l2, u2 = lower[..., :k, :], upper[..., :k], lower[..., k:, :], upper[..., k:]
    gl2, gu2 = gl[..., k:, :], gu[..., k:]
    below, above = matmul(adjoint(l1), gl[..., :k, :]), matmul(gu[..., :k], adjoint(u1))
    if m > n:
        above = above - matmul(adjoint(l2), gl2)
    if n > m:
        below = below - matmul(gu2, adjoint(u2))
    inner = movement.tril(below, -1) + movement.triu(above)
    found = divided(solve_triangular(adjoint(l1), inner, upper=True, unitriangular=True), u1)
    if m > n:
        found = ops.movement.cat([found, divided(gl2, u1)], -2)
    if n > m:
        more = solve_triangular(adjoint(l1), gu2, upper=True, unitriangular=True)
        found = ops.movement.cat([found, more], -1)
    return matmul(p, found)


@exported("linalg")
def lu_factor(A: Tensor, *, pivot: bool = True, out: Any = None) -> Any:
    """The LU factorisation in LAPACK's compact form, for ``linalg.lu_solve``.

    Args:
        A: floating or complex, ``(..., m, n)``.
        pivot: must be True: without pivots torch computes only on CUDA.

    Returns:
        (LU, pivots): both factors in one array; rows exchanged in turn, int32, from 1 on.

    Raises:
        RuntimeError: matrices of integers, or ``pivot=False``.

    >>> torch.linalg.lu_factor(torch.tensor([[0.0, 1.0], [2.0, 3.0]])).pivots
    tensor([2, 2], dtype=torch.int32)
    """
    if out is not None:
        return into(out, SAME, lu_factor, A, pivot=pivot)
    lapack.matrices("linalg.lu_factor", A)
    if not pivot:
        raise RuntimeError("linalg.lu_factor: LU without pivoting is not implemented on the CPU")
    return lapack.returned("linalg_lu_factor", "LU", "pivots")(lower_and_upper(A))


@exported("linalg")
def lu_factor_ex(A: Tensor, *, pivot: bool = True, check_errors: bool = False, out: Any = None) -> Any:
    """``linalg.lu_factor``, and for each matrix whether it is regular.

    Args:
        A, pivot: as there.
        check_errors: whether a singular matrix is an error.

    Returns:
        (LU, pivots, info): int32 numbers, 0 for regular matrices, else which pivot is 0, from 1 on.

    Raises:
        RuntimeError: matrices of integers; LinAlgError for a singular one, if that is an error.

    >>> torch.linalg.lu_factor_ex(torch.eye(2)).info
    tensor(0, dtype=torch.int32)
    """
    if out is not None:
        return into(out, SAME, lu_factor_ex, A, pivot=pivot, check_errors=check_errors)
    factors, rows = lu_factor(A, pivot=pivot)
    zero = diagonal_of(factors.detach()) == 0
    places = ops.ranges.arange(1, zero.shape[-1] + 1, dtype=dtypes.int32, device=A.device)
    info = reduction.amin(where(zero, places, places[-1] + 1), -1) if zero.shape[-1] else zero.sum(-1)
    info = where(reduction.any(zero, -1), info, 0).to(dtypes.int32)
    if check_errors and bool(reduction.any(info != 0)):
        raise LinAlgError("linalg.lu_factor_ex: a diagonal element of U is zero; the matrix is singular")
    return lapack.returned("linalg_lu_factor_ex", "LU", "pivots", "info")((factors, rows, info))


@exported("linalg")
def lu(A: Tensor, *, pivot: bool = True, out: Any = None) -> Any:
    """The LU factorisation ``A = P @ L @ U`` with a permutation.

    Args:
        A: floating or complex, ``(..., m, n)``.
        pivot: must be True, as for ``linalg.lu_factor``.

    Returns:
        (P, L, U): of shapes ``(..., m, m)``, ``(..., m, k)`` and ``(..., k, n)``, k = min(m, n).

    >>> torch.linalg.lu(torch.tensor([[0.0, 1.0], [2.0, 3.0]])).U
    tensor([[2., 3.],
            [0., 1.]])
    """
    if out is not None:
        return into(out, SAME, lu, A, pivot=pivot)
    return lapack.returned("linalg_lu", "P", "L", "U")(_unpacked(*lu_factor(A, pivot=pivot)))


@exported("torch")
def lu_unpack(
    LU_data: Tensor, LU_pivots: Tensor, unpack_data: bool = True, unpack_pivots: bool = True, *, out: Any = None
) -> Any:
    """The factors of ``linalg.lu_factor`` as three matrices.

    Args:
        LU_data, LU_pivots: its results.
        unpack_data: whether L and U are wanted; else they are empty.
        unpack_pivots: whether P is wanted; else it is empty.

    Returns:
        (P, L, U).

    >>> torch.lu_unpack(*torch.linalg.lu_factor(torch.eye(2))).P
    tensor([[1., 0.],
            [0., 1.]])
    """
    if out is not None:
        return into(out, SAME, lu_unpack, LU_data, LU_pivots, unpack_data, unpack_pivots)
    none = empty((0,), LU_data.dtype, LU_data.device)
    p, lower, upper = _unpacked(LU_data, LU_pivots)
    found = (p if unpack_pivots else none, *((lower, upper) if unpack_data else (none, none)))
    return lapack.returned("lu_unpack", "P", "L", "U")(found)


@exported("linalg")
def lu_solve(
    LU: Tensor, pivots: Tensor, B: Tensor, *, left: bool = True, adjoint: bool = False, out: Any = None
) -> Tensor:
    """The solution of ``A X = B`` from the factors of ``linalg.lu_factor(A)``.

    Args:
        LU, pivots: the factors, of square matrices.
        B: matrices ``(..., n, k)``; batches broadcast.
        left: False for ``X A = B``.
        adjoint: whether ``A`` is transposed and conjugated.

    Returns:
        Of the shape of ``B``, with the common batch.

    >>> factors, pivots = torch.linalg.lu_factor(torch.eye(2) * 2)
    >>> torch.linalg.lu_solve(factors, pivots, torch.ones(2, 1)).flatten()
    tensor([0.5000, 0.5000])
    """
    if out is not None:
        return into(out, SAME, lu_solve, LU, pivots, B, left=left, adjoint=adjoint)
    lapack.square("linalg.lu_solve", LU, "LU")
    p, lower, upper = _unpacked(LU, pivots)
    if not left:
        return _adjoint(lu_solve(LU, pivots, _adjoint(B), adjoint=not adjoint))
    if adjoint:
        y = solve_triangular(_adjoint(upper), B, upper=False)
        return matmul(p, solve_triangular(_adjoint(lower), y, upper=True, unitriangular=True))
    y = solve_triangular(lower, matmul(_adjoint(p), B), upper=False, unitriangular=True)
    return solve_triangular(upper, y, upper=True)


_adjoint = adjoint


@exported("torch", "Tensor", name="lu_solve")
def _older_lu_solve(b: Tensor, LU_data: Tensor, LU_pivots: Tensor, *, out: Any = None) -> Tensor:
    """``linalg.lu_solve`` by its older name, the right-hand side first.

    Args:
        b: matrices ``(..., n, k)``.
        LU_data, LU_pivots: the factors.

    Returns:
        Of the shape of ``b``.

    >>> torch.lu_solve(torch.ones(2, 1), *torch.linalg.lu_factor(torch.eye(2) * 2)).flatten()
    tensor([0.5000, 0.5000])
    """
    return lu_solve(LU_data, LU_pivots, b, out=out)


@exported("torch", "Tensor", name="lu")
def older_lu(A: Tensor, pivot: bool = True, get_infos: bool = False, out: Any = None) -> Any:
    """The older name of ``linalg.lu_factor``.

    Args:
        A: floating or complex, ``(..., m, n)``.
        pivot: must be True.
        get_infos: whether there is also, for each matrix, whether it is regular.

    Returns:
        (LU, pivots), with ``get_infos`` (LU, pivots, info).

    Raises:
        RuntimeError: a singular matrix, unless ``get_infos``.

    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     torch.lu(torch.tensor([[2.0, 3.0], [1.0, 1.0]]))[1]
    tensor([1, 2], dtype=torch.int32)
    """
    if out is not None:
        return into(out, SAME, older_lu, A, pivot, get_infos)
    notices.warn("torch.lu is deprecated in favor of torch.linalg.lu_factor / torch.linalg.lu_factor_ex.")
    found = tuple(lu_factor_ex(A, pivot=pivot, check_errors=not get_infos))
    return found if get_infos else found[:2]
