"""The extension for linear algebra, and the products that are in the main namespace."""

from __future__ import annotations

import builtins
import math
from typing import Any, NamedTuple

import numtorch as torch
from numtorch.array_api import statistical
from numtorch.array_api.manipulation import axes_of, broadcast_shapes
from numtorch.array_api.types import WIDE, Tensor, checked, int64, promoted, together


class EighResult(NamedTuple):
    """What ``eigh`` returns."""

    eigenvalues: Tensor
    eigenvectors: Tensor


class EigResult(NamedTuple):
    """What ``eig`` returns."""

    eigenvalues: Tensor
    eigenvectors: Tensor


class QRResult(NamedTuple):
    """What ``qr`` returns."""

    Q: Tensor
    R: Tensor


class SlogdetResult(NamedTuple):
    """What ``slogdet`` returns."""

    sign: Tensor
    logabsdet: Tensor


class SVDResult(NamedTuple):
    """What ``svd`` returns."""

    U: Tensor
    S: Tensor
    Vh: Tensor


def _product(name: str, compute: Any, x1: Tensor, x2: Tensor) -> Tensor:
    """A product in the common type; unsigned integers by way of int64 of the same bits."""
    checked(name, x1, "numeric")
    x1, x2 = together(name, "numeric", x1, checked(name, x2, "numeric"))
    if x1.dtype in WIDE:
        return compute(x1.to(int64), x2.to(int64)).to(x1.dtype)
    return compute(x1, x2)


def matmul(x1: Tensor, x2: Tensor, /) -> Tensor:
    """The matrix product."""
    if x1.ndim == 0 or x2.ndim == 0:
        raise ValueError("matmul: 0-dimensional arrays have no matrix product")
    inner = x2.shape[-2] if x2.ndim > 1 else x2.shape[0]
    if x1.shape[-1] != inner:
        raise ValueError(f"matmul: {tuple(x1.shape)} and {tuple(x2.shape)} do not fit together")
    return _product("matmul", torch.matmul, x1, x2)


def matrix_transpose(x: Tensor, /) -> Tensor:
    """The last two axes exchanged."""
    if x.ndim < 2:
        raise ValueError(f"matrix_transpose: expected an array of at least two dimensions, not {x.ndim}")
    return x.mT


def tensordot(x1: Tensor, x2: Tensor, /, *, axes: Any = 2) -> Tensor:
    """The sum of products over axes of both."""
    if not isinstance(axes, int):
        axes = (list(axes[0]), list(axes[1]))
    return _product("tensordot", lambda a, b: torch.tensordot(a, b, dims=axes), x1, x2)


def vecdot(x1: Tensor, x2: Tensor, /, *, axis: int = -1) -> Tensor:
    """The sum of products along an axis, the first conjugated."""
    if not -builtins.min(x1.ndim, x2.ndim) <= axis < 0:
        raise ValueError(
            f"vecdot: axis {axis} is none of {tuple(x1.shape)} and {tuple(x2.shape)}, counted from the end"
        )
    if x1.shape[axis] != x2.shape[axis]:
        raise ValueError(f"vecdot: {tuple(x1.shape)} and {tuple(x2.shape)} differ along axis {axis}")
    return _product(
        "vecdot", lambda a, b: torch.sum((a.conj() if a.is_complex() else a) * b, axis, dtype=a.dtype), x1, x2
    )


def cholesky(x: Tensor, /, *, upper: builtins.bool = False) -> Tensor:
    """The triangular factor of a positive definite matrix."""
    return torch.linalg.cholesky(checked("cholesky", x, "floating"), upper=upper)


def cross(x1: Tensor, x2: Tensor, /, *, axis: int = -1) -> Tensor:
    """The cross product of vectors of three elements."""
    broadcast_shapes(tuple(x1.shape), tuple(x2.shape))
    for x in (x1, x2):
        if not -x.ndim <= axis < x.ndim or x.shape[axis] != 3:
            raise ValueError(f"cross: {tuple(x.shape)} has no three elements along axis {axis}")

    def product(a: Tensor, b: Tensor) -> Tensor:
        a0, a1, a2 = torch.unbind(a, axis)
        b0, b1, b2 = torch.unbind(b, axis)
        return torch.stack([a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0], axis)

    return _product("cross", product, x1, x2)


def det(x: Tensor, /) -> Tensor:
    """The determinant."""
    return torch.linalg.det(checked("det", x, "floating"))


def diagonal(x: Tensor, /, *, offset: int = 0) -> Tensor:
    """The diagonals of matrices."""
    return torch.diagonal(x, offset, -2, -1)


def eig(x: Tensor, /) -> EigResult:
    """Eigenvalues and eigenvectors."""
    return EigResult(*torch.linalg.eig(checked("eig", x, "floating")))


def eigh(x: Tensor, /) -> EighResult:
    """Eigenvalues and eigenvectors of a Hermitian matrix."""
    return EighResult(*torch.linalg.eigh(checked("eigh", x, "floating")))


def eigvals(x: Tensor, /) -> Tensor:
    """Eigenvalues."""
    return torch.linalg.eigvals(checked("eigvals", x, "floating"))


def eigvalsh(x: Tensor, /) -> Tensor:
    """Eigenvalues of a Hermitian matrix."""
    return torch.linalg.eigvalsh(checked("eigvalsh", x, "floating"))


def inv(x: Tensor, /) -> Tensor:
    """The inverse."""
    return torch.linalg.inv(checked("inv", x, "floating"))


def matrix_norm(x: Tensor, /, *, keepdims: builtins.bool = False, ord: Any = "fro") -> Tensor:
    """The norm of matrices."""
    checked("matrix_norm", x, "floating")
    if 0 in x.shape[-2:]:
        shape = (*x.shape[:-2], 1, 1) if keepdims else x.shape[:-2]
        return torch.zeros(shape, dtype=x.dtype.to_real(), device=x.device)
    return torch.linalg.matrix_norm(x, ord, keepdim=keepdims)


def matrix_power(x: Tensor, n: int, /) -> Tensor:
    """The product of ``n`` times the matrix."""
    return torch.linalg.matrix_power(checked("matrix_power", x, "floating"), n)


def matrix_rank(x: Tensor, /, *, rtol: Any = None) -> Tensor:
    """How many singular values are above ``rtol`` times the largest."""
    if x.ndim < 2:
        raise ValueError(f"matrix_rank: expected an array of at least two dimensions, not {x.ndim}")
    values = svdvals(x)
    if 0 in x.shape[-2:]:
        return torch.zeros(x.shape[:-2], dtype=int64, device=x.device)
    limit = builtins.max(x.shape[-2:]) * torch.finfo(x.dtype).eps if rtol is None else rtol
    bound = torch.amax(values, -1) * limit
    return torch.sum((values > bound.unsqueeze(-1)).to(int64), -1)


def outer(x1: Tensor, x2: Tensor, /) -> Tensor:
    """The products of each element of one vector with each of another."""
    if x1.ndim != 1 or x2.ndim != 1:
        raise ValueError(f"outer: expected vectors, not arrays of {x1.ndim} and {x2.ndim} dimensions")
    return _product("outer", lambda a, b: a.reshape(-1, 1) * b, x1, x2)


def pinv(x: Tensor, /, *, rtol: Any = None) -> Tensor:
    """The pseudo-inverse."""
    limit = builtins.max(x.shape[-2:]) * torch.finfo(x.dtype).eps if rtol is None else rtol
    return torch.linalg.pinv(checked("pinv", x, "floating"), rtol=limit)


def qr(x: Tensor, /, *, mode: str = "reduced") -> QRResult:
    """The orthogonal and the triangular factor."""
    return QRResult(*torch.linalg.qr(checked("qr", x, "floating"), mode))


def slogdet(x: Tensor, /) -> SlogdetResult:
    """The sign of the determinant, and the logarithm of its size."""
    return SlogdetResult(*torch.linalg.slogdet(checked("slogdet", x, "floating")))


def solve(x1: Tensor, x2: Tensor, /) -> Tensor:
    """What ``x1`` must be multiplied with to give ``x2``, a vector or matrices."""
    d = promoted(checked("solve", x1, "floating").dtype, checked("solve", x2, "floating").dtype)
    x1, x2 = x1.to(d), x2.to(d)
    if x2.ndim == 1:
        return torch.linalg.solve(x1, x2.unsqueeze(-1)).squeeze(-1)
    shape = broadcast_shapes(tuple(x1.shape[:-2]), tuple(x2.shape[:-2]))
    return torch.linalg.solve(x1.expand((*shape, *x1.shape[-2:])), x2.expand((*shape, *x2.shape[-2:])))


def svd(x: Tensor, /, *, full_matrices: builtins.bool = True) -> SVDResult:
    """The singular value decomposition."""
    return SVDResult(*torch.linalg.svd(checked("svd", x, "floating"), full_matrices))


def svdvals(x: Tensor, /) -> Tensor:
    """The singular values."""
    return torch.linalg.svdvals(checked("svdvals", x, "floating"))


def trace(x: Tensor, /, *, offset: int = 0, dtype: Any = None) -> Tensor:
    """The sum of the diagonals of matrices."""
    return statistical.sum(diagonal(x, offset=offset), axis=-1, dtype=dtype)


def vector_norm(x: Tensor, /, *, axis: Any = None, keepdims: builtins.bool = False, ord: Any = 2) -> Tensor:
    """The norm of vectors along axes."""
    checked("vector_norm", x, "floating")
    axes = tuple(range(x.ndim)) if axis is None else axes_of("vector_norm", axis, x.ndim)
    if not axes:
        size = torch.abs(x)
        return (size != 0).to(size.dtype) if ord == 0 else size
    count = math.prod([x.shape[a] for a in axes])
    if count == 0:
        shape = [1 if a in axes else n for a, n in enumerate(x.shape) if keepdims or a not in axes]
        return torch.zeros(shape, dtype=x.dtype.to_real(), device=x.device)
    return torch.linalg.vector_norm(x, ord, axes, keepdim=keepdims)
