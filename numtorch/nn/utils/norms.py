"""What both kinds of ``weight_norm`` and ``spectral_norm`` share: norms of slices, and the power iteration."""

from __future__ import annotations

from numtorch import linalg
from numtorch._tensor import Tensor
from numtorch.grad_mode import no_grad
from numtorch.nn.conv import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from numtorch.nn.module import Module
from numtorch.ops.normalize import normalize


def norm_except_dim(v: Tensor, dim: int) -> Tensor:
    """The norms of a tensor's slices along one dimension, which alone is kept; of the whole, a number, if it is -1."""
    if dim == -1:
        return linalg.vector_norm(v)
    others = tuple([d for d in range(v.ndim) if d != dim])
    return linalg.vector_norm(v, 2, others, True) if others else v.abs()


def as_matrix(weight: Tensor, dim: int) -> Tensor:
    """The tensor as a matrix whose rows are its slices along a dimension."""
    return weight.movedim(dim, 0).flatten(1)


def slices_of(module: Module, dim: int | None) -> int:
    """Along which dimension the weights of different outputs lie, unless it is given."""
    if dim is not None:
        return dim
    return int(isinstance(module, ConvTranspose1d | ConvTranspose2d | ConvTranspose3d))


@no_grad()
def power_iteration(matrix: Tensor, u: Tensor, v: Tensor, steps: int, eps: float) -> None:
    """Turn ``u`` and ``v``, in place, towards the singular vectors of the largest singular value."""
    for _ in range(steps):
        u.copy_(normalize(matrix @ v, dim=0, eps=eps))
        v.copy_(normalize(matrix.mH @ u, dim=0, eps=eps))
