"""Norms, condition numbers, the exponential, and other functions of matrices."""

from __future__ import annotations

from math import ceil, log2, prod
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
from numtorch.ops.complex_numbers import conj
from numtorch.ops.elementary import abs
from numtorch.ops.linear_algebra import lapack
from numtorch.ops.linear_algebra.factorizations import svdvals
from numtorch.ops.linear_algebra.inverses import adjoint, inv, over_last, solve
from numtorch.ops.matmul import matmul
from numtorch.ops.vector_norm import vector_norm
from numtorch.storage import wrap_dim


@exported("torch", "Tensor")
def trace(input: Tensor) -> Tensor:
    """The sum of a matrix's diagonal.

    Args:
        input: a matrix.

    Returns:
        A number; int64 for integers.

    Raises:
        RuntimeError: ``input`` is no matrix.

    >>> torch.trace(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor(5.)
    """
    if input.ndim != 2:
        raise RuntimeError(f"trace: expected a matrix, but got a tensor with dim {input.ndim}")
    return reduction.sum(movement.diagonal(input))


@exported("linalg")
def diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """The diagonals of matrices, as a view.

    Args:
        A: of at least two dimensions.
        offset: which diagonal; above the main one if positive.
        dim1, dim2: the dimensions of the matrices, the last two unless given.

    Returns:
        A view of one dimension less.

    >>> torch.linalg.diagonal(torch.tensor([[1, 2], [3, 4]]))
    tensor([1, 4])
    """
    return movement.diagonal(A, offset, dim1, dim2)


@exported("linalg")
def cross(input: Tensor, other: Tensor, *, dim: int = -1, out: Any = None) -> Tensor:
    """The cross product of vectors of three elements.

    Args:
        input, other: with extent 3 along ``dim``, broadcast together.
        dim: the dimension of the vectors.

    Returns:
        Of the common shape.

    Raises:
        RuntimeError: the vectors have not 3 elements, or the numbers of dimensions differ.

    >>> torch.linalg.cross(torch.tensor([1.0, 0.0, 0.0]), torch.tensor([0.0, 1.0, 0.0]))
    tensor([0., 0., 1.])
    """
    if out is not None:
        return into(out, SAME, cross, input, other, dim=dim)
    if input.ndim != other.ndim:
        raise RuntimeError(
            f"linalg.cross: inputs must have the same number of dimensions, got {input.ndim} and {other.ndim}"
        )
    d = wrap_dim(dim, input.ndim, "linalg.cross")
    if input.shape[d] != 3 or other.shape[d] != 3:
        raise RuntimeError(
            f"linalg.cross: inputs dimension {dim} must have length 3. Got {input.shape[d]} and {other.shape[d]}"
        )
    x, y, z = movement.unbind(input, d)
    u, v, w = movement.unbind(other, d)
    return movement.stack([y * w - z * v, z * u - x * w, x * v - y * u], d)


@exported("torch", "Tensor", name="cross")
def _older_cross(input: Tensor, other: Tensor, dim: int | None = None, *, out: Any = None) -> Tensor:
    """The cross product of vectors of three elements.

    Args:
        input, other: with extent 3 along ``dim``, broadcast together.
        dim: the dimension of the vectors; the first one of extent 3 unless given.

    Returns:
        Of the common shape.

    Raises:
        RuntimeError: the vectors have not 3 elements.

    >>> torch.cross(torch.tensor([1.0, 0.0, 0.0]), torch.tensor([0.0, 1.0, 0.0]), dim=0)
    tensor([0., 0., 1.])
    """
    if dim is None:
        shape = np.broadcast_shapes(tuple(input.shape), tuple(other.shape))
        dim = next((i for i, n in enumerate(shape) if n == 3), None)
        if dim is None:
            raise RuntimeError("no dimension of size 3 in input")
    return cross(input, other, dim=dim, out=out)


@exported("linalg")
def matrix_norm(
    A: Tensor, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: Any = None, out: Any = None
) -> Tensor:
    """A norm of matrices.

    Args:
        A: floating or complex.
        ord: ``"fro"``, the root of the sum of squares; ``"nuc"``, the sum of the singular values; 2 and -2, the largest
            and the smallest of these; inf and -inf, the largest and the smallest sum of a row's magnitudes; 1 and -1,
            of a column's.
        dim: the two dimensions of the matrices.
        keepdim: whether these stay, with extent 1.
        dtype: the type in which it is computed.

    Returns:
        Real numbers, one for each matrix.

    Raises:
        RuntimeError: another ``ord``, or matrices of integers.

    >>> torch.linalg.matrix_norm(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), ord=1)
    tensor(6.)
    """
    if out is not None:
        return into(out, SAME, matrix_norm, A, ord, dim, keepdim, dtype=dtype)
    A = A if dtype is None else A.to(dtype)
    if A.dtype not in dtypes.HALVES or ord in (2, -2, "nuc"):  # the others need no singular values
        lapack.floating("linalg.matrix_norm", A)
    rows, columns = (wrap_dim(d, A.ndim, "linalg.matrix_norm") for d in dim)
    if rows == columns:
        raise RuntimeError(f"linalg.matrix_norm: dims must be different. Got ({dim[0]}, {dim[1]})")
    if ord == "fro":
        return vector_norm(A, 2, (rows, columns), keepdim)
    if ord == "nuc" or ord in (2, -2):
        s = svdvals(movement.movedim(A, (rows, columns), (-2, -1)))
        found = reduction.sum(s, -1) if ord == "nuc" else reduction.amax(s, -1) if ord == 2 else reduction.amin(s, -1)
        if keepdim:
            for d in sorted((rows, columns)):
                found = movement.unsqueeze(found, d)
        return found
    if ord not in (1, -1, float("inf"), -float("inf")):
        raise RuntimeError(f"linalg.matrix_norm: Order {ord} not supported.")
    along, over = (rows, columns) if ord in (1, -1) else (columns, rows)
    sums = reduction.sum(abs(A), along, keepdim=True)
    found = (reduction.amax if ord > 0 else reduction.amin)(sums, over, keepdim=True)
    return found if keepdim else movement.squeeze(found, (rows, columns))


@exported("linalg")
def norm(
    A: Tensor, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: Any = None, out: Any = None
) -> Tensor:
    """A norm of vectors or of matrices.

    Args:
        A: floating or complex.
        ord: as for ``linalg.vector_norm`` and ``linalg.matrix_norm``; the root of the sum of squares unless given.
        dim: one dimension for vectors, two for matrices; without it all elements, or, where ``ord`` is given, the
            tensor, which must then have one or two dimensions.
        keepdim: whether reduced dimensions stay, with extent 1.
        dtype: the type in which it is computed.

    Returns:
        The shape of ``A`` without ``dim``; real numbers.

    Raises:
        RuntimeError: ``ord`` is no norm of that kind, or the elements are integers.

    >>> torch.linalg.norm(torch.tensor([3.0, 4.0]))
    tensor(5.)
    """
    if out is not None:
        return into(out, SAME, norm, A, ord, dim, keepdim, dtype=dtype)
    if ord is None:
        return vector_norm(A, 2, dim, keepdim, dtype=dtype)
    dims = tuple(range(A.ndim)) if dim is None else (dim,) if isinstance(dim, int) else tuple(dim)
    if dim is None and A.ndim not in (1, 2):
        raise RuntimeError(
            "linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got " + f"{A.ndim}D."
        )
    if isinstance(ord, str) and len(dims) != 2:
        raise RuntimeError(f"linalg.norm: If ord={ord} is given, dim must have two dimensions, got {len(dims)}")
    if len(dims) == 2:
        return matrix_norm(A, ord, dims, keepdim, dtype=dtype)
    return vector_norm(A, ord, dims, keepdim, dtype=dtype)


@exported("linalg")
def cond(A: Tensor, p: Any = None, *, out: Any = None) -> Tensor:
    """The condition number of matrices: the norm times that of the inverse.

    Args:
        A: floating or complex; square unless ``p`` is 2 or -2.
        p: the norm, as for ``linalg.matrix_norm``; 2 unless given.

    Returns:
        Real numbers, one for each matrix; infinite for singular ones.

    >>> torch.linalg.cond(torch.tensor([[4.0, 0.0], [0.0, 1.0]]))
    tensor(4.)
    """
    if out is not None:
        return into(out, SAME, cond, A, p)
    lapack.matrices("linalg.cond", A)
    if p is None or p in (2, -2):
        if not prod(A.shape[-2:]):
            return ops.creation.zeros(A.shape[:-2], dtype=A.dtype.to_real(), device=A.device)
        s = svdvals(A)
        return s[..., 0] / s[..., -1] if p != -2 else s[..., -1] / s[..., 0]
    lapack.square("linalg.cond", A)
    if p == "nuc":
        s = svdvals(A)
        return reduction.sum(s, -1) * reduction.sum(1 / s, -1)
    inverse, info = ops.linear_algebra.inverses.inv_ex(A)
    return where(info != 0, float("inf"), matrix_norm(A, p) * matrix_norm(inverse, p))


PADE = {  # of the exponential: (degree, largest norm, coefficients); Higham (2005), The scaling and squaring method
    3: (0.01495585217958292, (120.0, 60.0, 12.0, 1.0)),
    5: (0.2539398330063230, (30240.0, 15120.0, 3360.0, 420.0, 30.0, 1.0)),
    7: (0.9504178996162932, (17297280.0, 8648640.0, 1995840.0, 277200.0, 25200.0, 1512.0, 56.0, 1.0)),
    13: (
        5.371920351148152,
        (
            64764752532480000.0,
            32382376266240000.0,
            7771770303897600.0,
            1187353796428800.0,
            129060195264000.0,
            10559470521600.0,
            670442572800.0,
            33522128640.0,
            1323241920.0,
            40840800.0,
            960960.0,
            16380.0,
            182.0,
            1.0,
        ),
    ),
}


@exported("torch", "Tensor", "linalg")
def matrix_exp(input: Tensor) -> Tensor:
    """The exponential of square matrices: the sum of ``input ** k / k!``, by Pade's approximation and squaring.

    Args:
        input: floating or complex, ``(..., n, n)``.

    Returns:
        Of the same shape.

    Raises:
        RuntimeError: the matrices are not square, or of integers.

    >>> torch.matrix_exp(torch.zeros(2, 2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    if input.dtype.is_half:  # whose matrices no factorisation takes
        return matrix_exp(input.float()).to(input.dtype)
    lapack.square("linalg.matrix_exp", input)
    if not input.shape.numel():
        return input * 1
    size = float(reduction.amax(matrix_norm(input.detach(), 1)))
    degree = next((d for d, (most, _) in PADE.items() if size <= most), 13)
    most, b = PADE[degree]
    halvings = max(0, ceil(log2(size / most))) if most < size < float("inf") else 0
    x = input * 2.0**-halvings if halvings else input
    eye = ops.creation.eye(x.shape[-1], dtype=x.dtype, device=x.device)
    square = matmul(x, x)
    odd, even, power = eye * b[1], eye * b[0], square
    for k in range(2, degree + 1, 2):
        even = even + power * b[k]
        if k < degree:
            odd = odd + power * b[k + 1]
            power = matmul(power, square) if k + 2 <= degree else power
    odd = matmul(x, odd)
    y = solve(even - odd, even + odd)
    for _ in range(halvings):
        y = matmul(y, y)
    return y


@exported("linalg")
def vander(x: Tensor, *, N: int | None = None) -> Tensor:
    """Vandermonde's matrix: the powers of each element from 0 on.

    Args:
        x: ``(..., n)``; a number counts as one of one element.
        N: how many powers; n unless given.

    Returns:
        ``(..., n, N)``.

    Raises:
        RuntimeError: ``N``, or without it n, is less than 2, or ``x`` holds truth values.

    >>> torch.linalg.vander(torch.tensor([1.0, 2.0, 3.0]))
    tensor([[1., 1., 1.],
            [1., 2., 4.],
            [1., 3., 9.]])
    """
    if x.dtype.category == dtypes.BOOL:
        raise RuntimeError(
            f"linalg.vander supports floating point, complex, and integer tensors, but got {x.dtype.name}; use x.long()"
        )
    x = x if x.ndim else movement.unsqueeze(x, -1)
    n = x.shape[-1] if N is None else N
    if n <= 1:
        raise RuntimeError(f"linalg.vander: N must be greater than 1, but N is {N} for x of shape {list(x.shape)}")
    ones = ops.creation.ones_like(movement.unsqueeze(x, -1))
    powers = ops.scan.cumprod(movement.expand(movement.unsqueeze(x, -1), (*x.shape, n - 1)), -1)
    return movement.cat([ones.to(powers.dtype), powers], -1)


@exported("torch", name="vander")
def _older_vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:
    """Vandermonde's matrix, with falling powers unless told.

    Args:
        x: a vector of n elements.
        N: how many powers; n unless given.
        increasing: whether they rise from left to right.

    Returns:
        A matrix ``(n, N)``.

    >>> torch.vander(torch.tensor([1, 2, 3]))
    tensor([[1, 1, 1],
            [4, 2, 1],
            [9, 3, 1]])
    """
    n = x.shape[0] if N is None else N
    ones = movement.unsqueeze(x * 0 + 1, -1)
    powers = (
        ops.scan.cumprod(movement.cat([ones] + [movement.unsqueeze(x, -1)] * (n - 1), -1), -1) if n else ones[:, :0]
    )
    return powers if increasing else movement.flip(powers, (1,))


@exported("linalg")
def tensorinv(A: Tensor, ind: int = 2, *, out: Any = None) -> Tensor:
    """The inverse for ``torch.tensordot``: of the tensor read as a square matrix.

    Args:
        A: the product of the first ``ind`` extents is that of the others.
        ind: how many dimensions come first.

    Returns:
        The last dimensions of ``A``, and then the first.

    Raises:
        RuntimeError: the products differ.

    >>> torch.linalg.tensorinv(torch.eye(4).reshape(2, 2, 4)).shape
    torch.Size([4, 2, 2])
    """
    if out is not None:
        return into(out, SAME, tensorinv, A, ind)
    if ind <= 0:
        raise RuntimeError("Expected a strictly positive integer for 'ind'")
    first, last = tuple(A.shape[:ind]), tuple(A.shape[ind:])
    if prod(first) != prod(last):
        raise RuntimeError(
            f"Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but got "
            f"{prod(last)} != {prod(first)}"
        )
    return movement.reshape(inv(movement.reshape(A, (prod(first), prod(last)))), (*last, *first))


@exported("linalg")
def tensorsolve(A: Tensor, B: Tensor, dims: Any = None, *, out: Any = None) -> Tensor:
    """The solution X of ``tensordot(A, X, X.ndim) = B``.

    Args:
        A: its extents begin with those of ``B``; read as a matrix it is square.
        B: the right-hand side.
        dims: dimensions of ``A`` that are moved to the end first.

    Returns:
        A tensor of the last extents of ``A``.

    Raises:
        RuntimeError: the products of extents differ.

    >>> torch.linalg.tensorsolve(torch.eye(4).reshape(2, 2, 4), torch.ones(2, 2))
    tensor([1., 1., 1., 1.])
    """
    if out is not None:
        return into(out, SAME, tensorsolve, A, B, dims)
    if dims is not None:
        A = movement.movedim(A, tuple(dims), tuple(range(A.ndim - len(dims), A.ndim)))
    rest = tuple(A.shape[B.ndim :])
    if prod(rest) != B.shape.numel() or prod(A.shape[: B.ndim]) != prod(rest):
        raise RuntimeError(
            f"Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == prod(self.shape[:other.ndim]), "
            f"but got {prod(rest)} != {prod(A.shape[: B.ndim])}"
        )
    matrix = movement.reshape(A, (B.shape.numel(), prod(rest)))
    return movement.reshape(solve(matrix, movement.reshape(B, (-1,))), rest)


@exported("linalg")
@exported("torch", "Tensor", name="orgqr")
def householder_product(A: Tensor, tau: Tensor, *, out: Any = None) -> Tensor:
    """The first columns of a product of Householder's reflections, as ``geqrf`` gives them.

    Args:
        A: ``(..., m, n)`` with the reflections below the diagonal, which counts as ones.
        tau: ``(..., k)``, their factors.

    Returns:
        ``(..., m, n)``: orthonormal columns.

    Raises:
        RuntimeError: there are more columns than rows, or more factors than columns.

    >>> torch.linalg.householder_product(torch.eye(2), torch.zeros(2)).abs()
    tensor([[1., 0.],
            [0., 1.]])
    """
    if out is not None:
        return into(out, SAME, householder_product, A, tau)
    lapack.matrices("torch.linalg.householder_product", A)
    (m, n), k = A.shape[-2:], tau.shape[-1]
    if m < n:
        raise RuntimeError(
            "torch.linalg.householder_product: input.shape[-2] must be greater than or equal to input.shape[-1]"
        )
    if k > n:
        raise RuntimeError(
            "torch.linalg.householder_product: input.shape[-1] must be greater than or equal to tau.shape[-1]"
        )
    q = movement.expand(ops.creation.eye(m, n, dtype=A.dtype, device=A.device), A.shape)
    unit = ops.creation.eye(m, n, dtype=A.dtype, device=A.device)
    v = movement.tril(A, -1) + unit
    for i in reversed(range(k)):
        column = movement.unsqueeze(v[..., i], -1)
        q = q - over_last(tau[..., i]) * matmul(column, matmul(adjoint(column), q))
    if k:
        return q
    return where(ops.creation.zeros((), dtype=dtypes.bool, device=A.device), A, q)  # in the graph, of gradient 0


@op(shape=True, public=False, differentiable=False, cost=lapack.cost, samples=list)
def reflections(A):
    """The QR factorisation in LAPACK's compact form."""
    k = min(A.shape[-2:])
    return empty(A.shape, A.dtype, A.device), empty((*A.shape[:-2], k), A.dtype, A.device)


@reflections.kernel("cpu", name="lapack")
def _(A):
    def factors(a: np.ndarray) -> tuple:
        h, tau = np.linalg.qr(a, "raw")
        return np.swapaxes(h, -1, -2), tau

    return lapack.run("geqrf", factors, A)


reflections.on_cpu()


@exported("torch", "Tensor")
def geqrf(input: Tensor, *, out: Any = None) -> Any:
    """The QR factorisation in LAPACK's compact form; ``linalg.qr`` gives the factors.

    Args:
        input: floating or complex, ``(..., m, n)``.

    Returns:
        (a, tau): R above the diagonal, and reflections below it; their factors.

    >>> torch.geqrf(torch.eye(2)).tau
    tensor([0., 0.])
    """
    if out is not None:
        return into(out, SAME, geqrf, input)
    lapack.matrices("geqrf", input)
    return lapack.returned("geqrf", "a", "tau")(reflections(input))


@exported("torch", "Tensor")
def ormqr(
    input: Tensor, tau: Tensor, other: Tensor, left: bool = True, transpose: bool = False, *, out: Any = None
) -> Tensor:
    """The product of the orthogonal factor that ``geqrf`` describes with a matrix.

    Args:
        input, tau: the reflections.
        other: the matrix.
        left: on which side of it the factor stands.
        transpose: whether the factor is transposed and conjugated.

    Returns:
        Of the shape of ``other``.

    Raises:
        RuntimeError: the matrix does not fit the factor.

    >>> a, tau = torch.geqrf(torch.eye(2))
    >>> torch.ormqr(a, tau, torch.ones(2, 1)).flatten()
    tensor([1., 1.])
    """
    if out is not None:
        return into(out, SAME, ormqr, input, tau, other, left, transpose)
    m, k = input.shape[-2], tau.shape[-1]
    v = movement.tril(input, -1) + ops.creation.eye(*input.shape[-2:], dtype=input.dtype, device=input.device)
    order = range(k) if left is transpose else reversed(range(k))
    y = other if left else adjoint(other)
    for i in order:
        column = movement.unsqueeze(v[..., i], -1)
        factor = tau[..., i]
        factor = conj(factor) if input.dtype.is_complex and (left is transpose) else factor
        y = y - over_last(factor) * matmul(column, matmul(adjoint(column), y))
    if y.shape[-2] != m:
        raise RuntimeError(f"ormqr: the factor has {m} rows, the matrix {y.shape[-2]}")
    return y if left else adjoint(y)
