"""What the distributions share: broadcasting of parameters, probabilities and logits, triangular matrices as vectors,
properties that are computed once."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import update_wrapper
from numbers import Number
from typing import Any

import numtorch as torch
from numtorch import Tensor

euler_constant = 0.57721566490153286060
log_2pi = math.log(2 * math.pi)


def broadcast_all(*values: Any) -> tuple[Tensor, ...]:
    """Tensors of one shape; numbers become tensors of the type and on the device of the first tensor.

    Args:
        *values: tensors and numbers.

    Returns:
        A tensor for each, expanded to the common shape.

    Raises:
        ValueError: a value is neither a tensor nor a number.

    >>> from numtorch.distributions.utils import broadcast_all
    >>> broadcast_all(torch.zeros(2), 1)
    (tensor([0., 0.]), tensor([1., 1.]))
    """
    for v in values:
        if not isinstance(v, Tensor | Number):
            raise ValueError(f"parameters must be tensors or numbers, but {v!r} is of type {type(v).__name__}")
    first = next((v for v in values if isinstance(v, Tensor)), None)
    d, device = (torch.get_default_dtype(), None) if first is None else (first.dtype, first.device)
    tensors = [v if isinstance(v, Tensor) else torch.tensor(v, dtype=d, device=device) for v in values]
    shape = torch.broadcast_shapes(*[v.shape for v in tensors])
    return tuple(v if v.shape == shape else v.expand(shape) for v in tensors)


def logits_to_probs(logits: Tensor, is_binary: bool = False) -> Tensor:
    """Probabilities of logits.

    Args:
        logits: logarithms of odds where ``is_binary``, else of probabilities along the last dimension; these need not
            sum to 1.
        is_binary: whether there are two events, of which each element describes one.

    Returns:
        Of the same shape.

    >>> from numtorch.distributions.utils import logits_to_probs
    >>> logits_to_probs(torch.zeros(2)), logits_to_probs(torch.zeros(1), is_binary=True)
    (tensor([0.5000, 0.5000]), tensor([0.5000]))
    """
    return torch.sigmoid(logits) if is_binary else torch.softmax(logits, -1)


def clamp_probs(probs: Tensor) -> Tensor:
    """Probabilities, but none nearer to 0 and to 1 than the ``eps`` of their type.

    Args:
        probs: floating point.

    Returns:
        Of the same shape.

    >>> from numtorch.distributions.utils import clamp_probs
    >>> clamp_probs(torch.tensor([0.0, 0.5]))
    tensor([1.1921e-07, 5.0000e-01])
    """
    eps = torch.finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


def probs_to_logits(probs: Tensor, is_binary: bool = False) -> Tensor:
    """Logits of probabilities, which are clamped before.

    Args:
        probs: floating point.
        is_binary: whether logits are logarithms of odds, else they are of the probabilities.

    Returns:
        Of the same shape.

    >>> from numtorch.distributions.utils import probs_to_logits
    >>> probs_to_logits(torch.tensor([0.5])), probs_to_logits(torch.tensor([0.5]), is_binary=True)
    (tensor([-0.6931]), tensor([0.]))
    """
    p = clamp_probs(probs)
    return torch.log(p) - torch.log1p(-p) if is_binary else torch.log(p)


class lazy_property:  # noqa: N801 - used as @property is
    """A property that is computed when it is first read, with its gradient, and kept.

    Args:
        wrapped: the method that computes it.

    >>> from numtorch.distributions.utils import lazy_property
    >>> class Twice:
    ...     @lazy_property
    ...     def value(self):
    ...         return print("computed") or 2
    >>> x = Twice()
    >>> x.value, x.value
    computed
    (2, 2)
    """

    def __init__(self, wrapped: Callable):
        self.wrapped = wrapped
        update_wrapper(self, wrapped)  # type: ignore[arg-type]

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        with torch.enable_grad():
            value = vars(instance)[self.wrapped.__name__] = self.wrapped(instance)
        return value


def _below(n: int, diag: int, device: Any) -> Tensor:
    """Which elements of a matrix lie on or below a diagonal."""
    return torch.ones(n, n, dtype=torch.bool, device=device).tril(diag)


def tril_matrix_to_vec(mat: Tensor, diag: int = 0) -> Tensor:
    """The elements on and below a diagonal, row by row.

    Args:
        mat: (..., n, n).
        diag: which diagonal; 0 is the main one, and negative ones are below it.

    Returns:
        (..., k).

    Raises:
        ValueError: the matrices have no such diagonal.

    >>> from numtorch.distributions.utils import tril_matrix_to_vec
    >>> tril_matrix_to_vec(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([1., 3., 4.])
    """
    n = mat.shape[-1]
    if not -n <= diag < n:
        raise ValueError(f"tril_matrix_to_vec: diag is {diag}, but the diagonals are those from {-n} to {n - 1}")
    return mat[..., _below(n, diag, mat.device)]


def vec_to_tril_matrix(vec: Tensor, diag: int = 0) -> Tensor:
    """The matrices with these elements on and below a diagonal, row by row, and 0 elsewhere.

    Args:
        vec: (..., k).
        diag: which diagonal; 0 is the main one, and negative ones are below it.

    Returns:
        (..., n, n).

    Raises:
        ValueError: no matrix has so many elements there.

    >>> from numtorch.distributions.utils import vec_to_tril_matrix
    >>> vec_to_tril_matrix(torch.tensor([1.0, 3.0, 4.0]))
    tensor([[1., 0.],
            [3., 4.]])
    """
    k, n = vec.shape[-1], 0
    while (held := _count(n, diag)) < k:
        n += 1
    if held > k:
        raise ValueError(f"vec_to_tril_matrix: no square matrix has {k} elements on and below its diagonal {diag}")
    mat = vec.new_zeros((*vec.shape[:-1], n, n))
    mat[..., _below(n, diag, vec.device)] = vec
    return mat


def _count(n: int, diag: int) -> int:
    """How many elements of an n x n matrix lie on or below a diagonal."""
    return sum(min(max(row + diag + 1, 0), n) for row in range(n))


def _sum_rightmost(value: Tensor, dims: int) -> Tensor:
    """The sums over the last ``dims`` dimensions."""
    return value.sum(tuple(range(-dims, 0))) if dims else value


def _standard_normal(shape: Any, like: Tensor) -> Tensor:
    """Standard normal numbers of the type of a tensor."""
    return torch.randn(shape, dtype=like.dtype, device=like.device)


def _uniform(shape: Any, like: Tensor) -> Tensor:
    """Uniform numbers in (0, 1) of the type of a tensor: of 0 and 1 logarithms and inverses would be infinite."""
    limits = torch.finfo(like.dtype)
    u = torch.rand(shape, dtype=like.dtype, device=like.device)
    return u.clamp(min=limits.tiny, max=1 - limits.eps / 2)
