"""Distances between points, and slices brought to a length."""

from __future__ import annotations

from typing import Any

from numtorch import ops
from numtorch._tensor import Tensor
from numtorch.dispatch.out import SAME, into
from numtorch.exports import exported
from numtorch.ops import moments, movement, reduction
from numtorch.ops.arithmetic import where
from numtorch.ops.elementary import sqrt
from numtorch.ops.matmul import matmul
from numtorch.storage import wrap_dim


@exported("torch", "Tensor")
def dist(input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """The p-norm of ``input - other``.

    Args:
        input, other: floating or complex, broadcast together.
        p: the order of the norm.

    Returns:
        A number.

    >>> torch.dist(torch.tensor([0.0, 0.0]), torch.tensor([3.0, 4.0]))
    tensor(5.)
    """
    return moments.norm(input - other, float(p))


MODES = ("use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist")
MANY = 25  # points from which Euclidean distances are formed by a matrix product


@exported("torch")
def cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str | None = None) -> Tensor:
    """The p-norm distance of each point of one set from each of another.

    Args:
        x1: ``(..., m, d)``: m points.
        x2: ``(..., n, d)``: n points; batches broadcast.
        p: the order of the norm, from 0 on; inf is the largest difference.
        compute_mode: whether Euclidean distances are formed by a matrix product, which is faster and has fewer digits
            where points are close: ``"use_mm_for_euclid_dist_if_necessary"`` (the default: for more than 25 points),
            ``"use_mm_for_euclid_dist"`` or ``"donot_use_mm_for_euclid_dist"``.

    Returns:
        ``(..., m, n)``. The gradient at distance 0 is 0.

    Raises:
        RuntimeError: the points are of different dimensions, or of integers, or ``p`` is negative.

    >>> torch.cdist(torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0], [0.0, 1.0]]))
    tensor([[5., 1.]])
    """
    mode = compute_mode or MODES[0]
    if mode not in MODES:
        raise ValueError(f"{mode} is not a valid value for compute_mode")
    for name, x in (("X1", x1), ("X2", x2)):
        if not x.dtype.is_floating_point:
            raise RuntimeError(f"cdist only supports floating-point dtypes, {name} got: {x.dtype.name}")
        if x.ndim < 2:
            raise RuntimeError(f"cdist only supports at least 2D tensors, {name} got: {x.ndim}D")
    if x1.shape[-1] != x2.shape[-1]:
        raise RuntimeError(f"X1 and X2 must have the same number of columns. X1: {x1.shape[-1]} X2: {x2.shape[-1]}")
    if p < 0:
        raise RuntimeError("cdist only supports non-negative p values")
    many = max(x1.shape[-2], x2.shape[-2]) > MANY
    if p == 2 and (mode == MODES[1] or (mode == MODES[0] and many)) and x1.shape[-1]:
        lengths = [reduction.sum(x * x, -1, keepdim=True) for x in (x1, x2)]
        square = lengths[0] + movement.transpose(lengths[1], -2, -1)
        square = square - matmul(x1, movement.transpose(x2, -2, -1)) * 2
        apart = square > 0
        return where(apart, sqrt(where(apart, square, 1.0)), 0.0)
    difference = movement.unsqueeze(x1, -2) - movement.unsqueeze(x2, -3)
    return moments.norm(difference, float(p), -1) if x1.shape[-1] else reduction.sum(difference, -1)


@exported("torch", "nn.functional")
def pdist(input: Tensor, p: float = 2) -> Tensor:
    """The p-norm distances between all pairs of points, without repetition: the upper triangle of ``torch.cdist``.

    Args:
        input: ``(n, d)``: n points.
        p: the order of the norm.

    Returns:
        A vector of ``n * (n - 1) / 2`` distances.

    Raises:
        RuntimeError: ``input`` is no matrix, or of integers.

    >>> torch.pdist(torch.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]]))
    tensor([5.0000, 1.0000, 4.2426])
    """
    if input.ndim != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {input.ndim}D")
    if not input.dtype.is_floating_point:
        raise RuntimeError("pdist only supports floating-point dtypes")
    n = input.shape[0]
    rows, columns = movement.unbind(movement.triu_indices(n, n, 1), 0)
    take = ops.indexing.index_select
    difference = take(input, 0, rows) - take(input, 0, columns)
    return moments.norm(difference, float(p), -1)


@exported("torch", "Tensor")
def renorm(input: Tensor, p: float, dim: int, maxnorm: float, *, out: Any = None) -> Tensor:
    """``input`` with each slice along a dimension scaled down to a length, if it is longer.

    Args:
        input: of at least two dimensions.
        p: the order of the norm.
        dim: the dimension whose slices are meant.
        maxnorm: the length.

    Returns:
        Of the same shape.

    Raises:
        RuntimeError: ``input`` has fewer dimensions, or ``p`` or ``maxnorm`` is negative.

    >>> torch.renorm(torch.tensor([[3.0, 4.0], [0.3, 0.4]]), 2, 0, 1.0)
    tensor([[0.6000, 0.8000],
            [0.3000, 0.4000]])
    """
    if out is not None:
        return into(out, SAME, renorm, input, p, dim, maxnorm)
    if p <= 0:
        raise RuntimeError("renorm: non-positive norm not supported")
    if maxnorm < 0:
        raise RuntimeError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm}")
    if input.ndim < 2:
        raise RuntimeError(f"renorm: input needs at least 2 dimensions, got {input.ndim} dimensions")
    d = wrap_dim(dim, input.ndim, "renorm")
    others = tuple([i for i in range(input.ndim) if i != d])
    size = moments.norm(input, float(p), others, True)
    return input * where(size > maxnorm, maxnorm / (size + 1e-7), 1.0).to(input.dtype)
