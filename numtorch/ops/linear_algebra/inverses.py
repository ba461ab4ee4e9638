"""Inverses, determinants and linear systems."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

import numtorch.dtype as dtypes
from numtorch import ops
from numtorch._tensor import Tensor, empty
from numtorch.device import CPU
from numtorch.dispatch.op import op
from numtorch.dispatch.out import SAME, into
from numtorch.exports import exported
from numtorch.ops import movement, reduction
from numtorch.ops.arithmetic import where
from numtorch.ops.complex_numbers import conj
from numtorch.ops.elementary import log
from numtorch.ops.linear_algebra import lapack
from numtorch.ops.matmul import matmul
from numtorch.storage import Size, broadcast_shapes


def adjoint(x: Tensor) -> Tensor:
    """Matrices transposed and conjugated."""
    y = movement.transpose(x, -2, -1)
    return conj(y) if x.dtype.is_complex else y


def over_last(x: Tensor) -> Tensor:
    """A number for each matrix, as one that broadcasts over it."""
    return movement.unsqueeze(movement.unsqueeze(x, -1), -1)


@exported("torch", "Tensor", name="inverse")
@exported("linalg")
@op(shape=True, out=SAME, cost=lapack.cost, samples=list)
def inv(A):
    """The inverse of square matrices.

    Args:
        A: floating or complex, ``(..., n, n)``.

    Returns:
        Of the same shape.

    Raises:
        RuntimeError: the matrices are not square, or of integers; LinAlgError where one has no inverse.

    >>> torch.linalg.inv(torch.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    return empty(A.shape, A.dtype, A.device)


@inv.arguments
def _(A):
    lapack.square("linalg.inv", A)
    return (A,)


@inv.kernel("cpu", name="lapack")
def _(A):
    return lapack.run("linalg.inv", np.linalg.inv, A)


inv.on_cpu()


@inv.vjp(conjugated=False)
def _(g, *, out):
    h = adjoint(out)
    return -matmul(h, matmul(g, h))


@exported("linalg")
def inv_ex(A: Tensor, *, check_errors: bool = False, out: Any = None) -> Any:
    """The inverse of square matrices, and for each whether it exists.

    Args:
        A: floating or complex, ``(..., n, n)``.
        check_errors: whether a matrix without an inverse is an error.

    Returns:
        (inverse, info): int32 numbers, 0 where there is an inverse, else which pivot is 0, from 1 on.

    Raises:
        RuntimeError: the matrices are not square, or of integers.

    >>> torch.linalg.inv_ex(torch.eye(2)).info
    tensor(0, dtype=torch.int32)
    """
    if out is not None:
        return into(out, SAME, inv_ex, A, check_errors=check_errors)
    lapack.square("linalg.inv_ex", A)
    info = _singular(A)
    if check_errors or not bool(reduction.any(info != 0)):
        y = inv(A)
    else:
        eye = ops.creation.eye(A.shape[-1], dtype=A.dtype, device=A.device)
        bad = over_last(info != 0)
        y = where(bad, float("nan"), inv(where(bad, eye, A)))
    return lapack.returned("linalg_inv_ex", "inverse", "info")((y, info))


def _singular(A: Tensor) -> Tensor:
    """For each matrix the first pivot that is 0, from 1 on, or 0."""
    a = lapack.array(A.detach().to(CPU))
    found = np.array([lapack.pivots(a[i])[1] for i in np.ndindex(a.shape[:-2])], np.int32).reshape(a.shape[:-2])
    return lapack.tensor(found, dtypes.int32).to(A.device)


@exported("linalg")
@exported("torch", "Tensor")
@op(shape=True, out=SAME, cost=lapack.cost, samples=list)
def det(A):
    """The determinant of square matrices.

    Args:
        A: floating or complex, ``(..., n, n)``.

    Returns:
        A number for each matrix.

    Raises:
        RuntimeError: the matrices are not square, or of integers.

    >>> torch.linalg.det(torch.tensor([[2.0, 1.0], [1.0, 4.0]]))
    tensor(7.)
    """
    return empty(A.shape[:-2], A.dtype, A.device)


@det.arguments
def _(A):
    lapack.square("linalg.det", A)
    return (A,)


@det.kernel("cpu", name="lapack")
def _(A):
    return lapack.run("linalg.det", np.linalg.det, A)


det.on_cpu()


@det.vjp(conjugated=False)
def _(g, A, *, out):
    scaled = over_last(g * (conj(out) if A.dtype.is_complex else out))
    singular = reduction.any(out.detach() == 0)
    if out.device.type == "meta" or not bool(singular):
        return scaled * adjoint(inv(A))
    # Cofactors: without any singular value that is 0 they are the determinant times the inverse.
    u, s, vh = ops.linear_algebra.factorizations.svd(A, full_matrices=False)
    others = reduction.prod(
        where(ops.creation.eye(A.shape[-1], dtype=dtypes.bool, device=A.device), 1.0, movement.unsqueeze(s, -2)), -1
    )
    turn = over_last(g * conj(det(matmul(u, vh))))
    return turn * matmul(u * movement.unsqueeze(others, -2).to(u.dtype), vh)


@op(shape=True, public=False, cost=lapack.cost, samples=list)
def sign_and_logarithm(A):
    """The sign of the determinant, and the logarithm of its size."""
    return empty(A.shape[:-2], A.dtype, A.device), empty(A.shape[:-2], A.dtype.to_real(), A.device)


@sign_and_logarithm.kernel("cpu", name="lapack")
def _(A):
    return lapack.run("linalg.slogdet", lambda a: tuple(np.linalg.slogdet(a)), A)


sign_and_logarithm.on_cpu()


@sign_and_logarithm.vjp(conjugated=False, partial=True)
def _(g, A, *, out):
    sign_slope, log_slope = g
    h = adjoint(inv(A))
    found = None if log_slope is None else over_last(log_slope) * h
    if sign_slope is not None and A.dtype.is_complex:  # the sign turns with the imaginary part of the logarithm
        turned = conj(sign_slope) * out[0]
        imaginary = over_last(turned.imag).to(A.dtype) * -1j
        found = imaginary * h if found is None else found + imaginary * h
    return h * 0 if found is None else found


@exported("linalg")
def slogdet(A: Tensor, *, out: Any = None) -> Any:
    """The sign of the determinant, and the logarithm of its absolute value.

    Args:
        A: floating or complex, ``(..., n, n)``.

    Returns:
        (sign, logabsdet), a number of each for each matrix: 0 and -inf where it is singular.

    Raises:
        RuntimeError: the matrices are not square, or of integers.

    >>> sign, logarithm = torch.linalg.slogdet(torch.tensor([[-2.0, 0.0], [0.0, 1.0]]))
    >>> sign, logarithm
    (tensor(-1.), tensor(0.6931))
    """
    if out is not None:
        return into(out, SAME, slogdet, A)
    lapack.square("linalg.slogdet", A)
    return lapack.returned("linalg_slogdet", "sign", "logabsdet")(sign_and_logarithm(A))


exported("torch", "Tensor", name="slogdet")(slogdet)


@exported("torch", "Tensor")
def logdet(input: Tensor) -> Tensor:
    """The logarithm of the determinant: NaN where that is negative, -inf where it is 0.

    Args:
        input: floating or complex square matrices, ``(..., n, n)``.

    Returns:
        A number for each matrix.

    Raises:
        RuntimeError: the matrices are not square, or of integers.

    >>> torch.logdet(torch.eye(2) * 2)
    tensor(1.3863)
    """
    lapack.square("logdet", input)
    sign, size = sign_and_logarithm(input)
    return log(sign) + size


@op(shape=True, public=False, cost=lapack.cost, samples=list)
def solved(A, B):
    """``inv(A) @ B`` for matrices of equal batches."""
    return empty(B.shape, B.dtype, B.device)


@solved.kernel("cpu", name="lapack")
def _(A, B):
    return lapack.run("linalg.solve", np.linalg.solve, A, B)


solved.on_cpu()


@solved.vjp(conjugated=False)
def _(g, A, *, out, needs):
    gb = solved(adjoint(A), g)
    return (-matmul(gb, adjoint(out)) if needs[0] else None), (gb if needs[1] else None)


def _together(A: Tensor, B: Tensor, left: bool) -> tuple[Tensor, Tensor, bool]:
    """Matrices and right-hand sides with one batch; and whether these are vectors."""
    vector = left and (B.ndim == 1 or (A.ndim - 1 == B.ndim and B.shape == A.shape[:-1]))
    B = movement.unsqueeze(B, -1) if vector else B
    try:
        batch = broadcast_shapes(Size(A.shape[:-2]), Size(B.shape[:-2]))
    except ValueError:
        raise RuntimeError(
            f"linalg.solve: the batches of A {list(A.shape[:-2])} and B {list(B.shape[:-2])} do not broadcast"
        ) from None
    return movement.expand(A, (*batch, *A.shape[-2:])), movement.expand(B, (*batch, *B.shape[-2:])), vector


@exported("linalg")
def solve(A: Tensor, B: Tensor, *, left: bool = True, out: Any = None) -> Tensor:
    """The solution of ``A X = B``, or with ``left=False`` of ``X A = B``.

    Args:
        A: floating or complex square matrices, ``(..., n, n)``.
        B: matrices ``(..., n, k)``, or vectors ``(..., n)``, of the same type; batches broadcast.
        left: on which side of the unknown ``A`` is.

    Returns:
        Of the shape of ``B``, with the common batch.

    Raises:
        RuntimeError: the shapes or types do not fit; LinAlgError where a matrix is singular.

    >>> torch.linalg.solve(torch.tensor([[2.0, 0.0], [0.0, 4.0]]), torch.tensor([2.0, 2.0]))
    tensor([1.0000, 0.5000])
    """
    if out is not None:
        return into(out, SAME, solve, A, B, left=left)
    lapack.square("linalg.solve", A)
    lapack.floating("linalg.solve", A, B)
    if not left:
        x = solve(movement.transpose(A, -2, -1), movement.transpose(B, -2, -1))
        return movement.transpose(x, -2, -1)
    A, B, vector = _together(A, B, left)
    if A.shape[-1] != B.shape[-2]:
        raise RuntimeError(
            f"linalg.solve: Incompatible shapes of A and B for the equation AX = B ({A.shape[-2]}x{A.shape[-1]} and "
            f"{B.shape[-2]}x{B.shape[-1]})"
        )
    x = solved(A, B)
    return movement.squeeze(x, -1) if vector else x


@exported("linalg")
def solve_ex(A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False, out: Any = None) -> Any:
    """``linalg.solve``, and for each matrix whether it is regular.

    Args:
        A, B, left: as there.
        check_errors: whether a singular matrix is an error.

    Returns:
        (result, info): int32 numbers, 0 where there is a solution, else which pivot is 0, from 1 on.

    >>> torch.linalg.solve_ex(torch.eye(2), torch.ones(2)).info
    tensor(0, dtype=torch.int32)
    """
    if out is not None:
        return into(out, SAME, solve_ex, A, B, left=left, check_errors=check_errors)
    lapack.square("linalg.solve_ex", A)
    info = _singular(A)
    if not check_errors and bool(reduction.any(info != 0)):
        eye = ops.creation.eye(A.shape[-1], dtype=A.dtype, device=A.device)
        A = where(over_last(info != 0), eye * float("nan"), A)
    return lapack.returned("linalg_solve_ex", "result", "info")((solve(A, B, left=left), info))


@exported("linalg")
def solve_triangular(
    A: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False, out: Any = None
) -> Tensor:
    """The solution of ``A X = B`` for triangular matrices, or with ``left=False`` of ``X A = B``.

    Args:
        A: floating or complex square matrices, ``(..., n, n)``, of which only one triangle is read.
        B: matrices ``(..., n, k)`` of the same type; batches broadcast.
        upper: which triangle.
        left: on which side of the unknown ``A`` is.
        unitriangular: the diagonal is not read, but taken for ones.

    Returns:
        Of the shape of ``B``, with the common batch.

    Raises:
        RuntimeError: the shapes or types do not fit.

    >>> torch.linalg.solve_triangular(torch.tensor([[2.0, 9.0], [0.0, 4.0]]), torch.ones(2, 1), upper=False).flatten()
    tensor([0.5000, 0.2500])
    """
    if out is not None:
        return into(out, SAME, solve_triangular, A, B, upper=upper, left=left, unitriangular=unitriangular)
    lapack.square("linalg.solve_triangular", A)
    lapack.floating("linalg.solve_triangular", A, B)
    lapack.matrices("linalg.solve_triangular", B, "B")
    if A.shape[-1] != B.shape[-2 if left else -1]:
        raise RuntimeError(
            f"linalg.solve_triangular: Incompatible shapes of A and B for the equation {'AX' if left else 'XA'} = B "
            f"({A.shape[-2]}x{A.shape[-1]} and {B.shape[-2]}x{B.shape[-1]})"
        )
    triangle = movement.triu if upper else movement.tril
    if unitriangular:
        eye = ops.creation.eye(A.shape[-1], dtype=A.dtype, device=A.device)
        A = triangle(A, 1 if upper else -1) + eye
    else:
        A = triangle(A)
    if not left:
        A, B, upper = movement.transpose(A, -2, -1), movement.transpose(B, -2, -1), not upper
    A, B, _ = _together(A, B, False)
    x = triangular(A, B, upper)
    return x if left else movement.transpose(x, -2, -1)


@op(shape=True, public=False, cost=lapack.cost, samples=list)
def triangular(A, B, upper: bool):
    """``inv(A) @ B`` for triangular matrices, whose other triangle is 0; infinite where the diagonal is 0."""
    return empty(B.shape, B.dtype, B.device)


@triangular.kernel("cpu", name="substitution")
def _(A, B, upper):
    return lapack.run("linalg.solve_triangular", partial(_substituted, upper), A, B)


triangular.on_cpu()


def _substituted(upper: bool, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Row after row, for the whole batch at once."""
    x, n = b.copy(), a.shape[-1]
    with np.errstate(all="ignore"):
        for i in reversed(range(n)) if upper else range(n):
            known = slice(i + 1, n) if upper else slice(0, i)
            x[..., i, :] -= (a[..., i, None, known] @ x[..., known, :])[..., 0, :]
            x[..., i, :] /= a[..., i, i, None]
    return x


@triangular.vjp(conjugated=False)
def _(g, A, *, out, upper, needs):
    gb = triangular(adjoint(A), g, not upper)
    ga = -matmul(gb, adjoint(out)) if needs[0] else None
    return (None if ga is None else (movement.triu if upper else movement.tril)(ga)), (gb if needs[1] else None)


@exported("torch", "Tensor")
def triangular_solve(
    input: Tensor,
    A: Tensor,
    upper: bool = True,
    transpose: bool = False,
    unitriangular: bool = False,
    *,
    out: Any = None,
) -> Any:
    """The solution of ``A X = input`` for triangular matrices; ``linalg.solve_triangular`` is its successor.

    Args:
        input: matrices ``(..., n, k)``.
        A: square matrices of which one triangle is read.
        upper: which triangle.
        transpose: whether ``A`` is transposed first.
        unitriangular: the diagonal is taken for ones.

    Returns:
        (solution, cloned_coefficient).

    >>> torch.triangular_solve(torch.ones(2, 1), torch.eye(2) * 2).solution.flatten()
    tensor([0.5000, 0.5000])
    """
    if out is not None:
        return into(out, SAME, triangular_solve, input, A, upper, transpose, unitriangular)
    a = movement.transpose(A, -2, -1) if transpose else A
    x = solve_triangular(a, input, upper=upper is not transpose, unitriangular=unitriangular)
    copy = movement.clone(movement.expand(A, (*x.shape[:-2], *A.shape[-2:])))
    return lapack.returned("triangular_solve", "solution", "cloned_coefficient")((x, copy))


@exported("linalg")
@exported("torch", "Tensor")
def matrix_power(input: Tensor, n: int, *, out: Any = None) -> Tensor:
    """Square matrices to a whole power, by repeated squaring; power 0 is the identity.

    Args:
        input: ``(..., k, k)``.
        n: the power; negative powers are of the inverse.

    Returns:
        Of the same shape.

    Raises:
        RuntimeError: the matrices are not square; LinAlgError where there is no inverse.

    >>> torch.matrix_power(torch.tensor([[1.0, 1.0], [0.0, 1.0]]), 5)
    tensor([[1., 5.],
            [0., 1.]])
    """
    if out is not None:
        return into(out, SAME, matrix_power, input, n)
    lapack.square("linalg.matrix_power", input)
    if n < 0:
        return matrix_power(inv(input), -n)
    if n == 0:
        eye = ops.creation.eye(input.shape[-1], dtype=input.dtype, device=input.device)
        return movement.clone(movement.expand(eye, input.shape)) + input * 0
    made: Any = None
    power = input
    while True:
        if n & 1:
            made = power if made is None else matmul(made, power)
        n >>= 1
        if not n:
            return made
        power = matmul(power, power)
