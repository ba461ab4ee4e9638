"""Names under which torch's own graphs know layers: each gives the statistics beside the result. Then what the
gradients of softmax and of indexing are made of there."""

from __future__ import annotations

from typing import Any

import numtorch.dtype as dtypes
from numtorch import ops
from numtorch._tensor import Tensor
from numtorch.dispatch.out import SAME, into
from numtorch.exports import exported
from numtorch.ops import creation, indexing, movement, normalization, reduction
from numtorch.ops.arithmetic import clamp
from numtorch.ops.comparison import logical_not
from numtorch.ops.elementary import rsqrt


def _moments(x: Tensor, dims: tuple, eps: float, keepdim: bool) -> tuple[Tensor, Tensor]:
    """The mean, and one over the deviation."""
    return reduction.mean(x, dims, keepdim), rsqrt(ops.moments.var(x, dims, correction=0, keepdim=keepdim) + eps)


@exported("torch")
def native_layer_norm(input: Tensor, normalized_shape: Any, weight: Any, bias: Any, eps: float) -> tuple[Tensor, ...]:
    """``nn.functional.layer_norm`` with the moments that it computes.

    Args:
        input, normalized_shape, weight, bias, eps: as of ``layer_norm``.

    Returns:
        (output, mean, rstd); the moments have no gradient.

    >>> torch.native_layer_norm(torch.tensor([[1.0, 3.0]]), (2,), None, None, 0.0)
    (tensor([[-1.,  1.]]), tensor([[2.]]), tensor([[1.]]))
    """
    y = normalization.layer_norm(input, normalized_shape, weight, bias, eps)
    n = len(y.shape) - (1 if isinstance(normalized_shape, int) else len(normalized_shape))
    return y, *_moments(input.detach(), tuple(range(n, y.ndim)), eps, True)


@exported("torch")
def native_group_norm(
    input: Tensor, weight: Any, bias: Any, N: int, C: int, HxW: int, group: int, eps: float
) -> tuple[Tensor, ...]:
    """``nn.functional.group_norm`` with the moments that it computes.

    Args:
        input: (N, C, *).
        weight, bias: for each channel, or None.
        N, C, HxW: the sizes of ``input``.
        group: the number of groups.
        eps: added to the variance.

    Returns:
        (output, mean, rstd), the moments of shape (N, group).

    >>> torch.native_group_norm(torch.tensor([[[1.0, 3.0]]]), None, None, 1, 1, 2, 1, 0.0)[1]
    tensor([[2.]])
    """
    y = normalization.group_norm(input, group, weight, bias, eps)
    return y, *_moments(movement.reshape(input, (N, group, C // group * HxW)), (2,), eps, False)


@exported("torch")
def native_batch_norm(
    input: Tensor, weight: Any, bias: Any, running_mean: Any, running_var: Any, training: bool, momentum: float,
    eps: float, *, out: Any = None,
) -> tuple[Tensor, ...]:  # fmt: skip
    """``nn.functional.batch_norm`` with the moments that it computes.

    Args:
        input, weight, bias, running_mean, running_var, training, momentum, eps: as of ``batch_norm``.

    Returns:
        (output, mean, rstd); the moments have no gradient, and without ``training`` no elements.

    >>> torch.native_batch_norm(torch.tensor([[1.0], [3.0]]), None, None, None, None, True, 0.1, 1e-5)[1]
    tensor([2.])
    """
    given = (input, weight, bias, running_mean, running_var, training, momentum, eps)
    if out is not None:
        return into(out, SAME, native_batch_norm, *given)
    if training:
        moments = _moments(input.detach(), (0, *range(2, input.ndim)), eps, False)
    else:
        moments = creation.empty(0, dtype=input.dtype), creation.empty(0, dtype=input.dtype)
    y = normalization.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)
    return y, *moments


@exported("torch")
def _native_batch_norm_legit(input: Tensor, weight: Any, bias: Any, *rest: Any, **options: Any) -> tuple[Tensor, ...]:
    """``native_batch_norm``, also without running moments: then ``training`` follows ``bias``.

    Args:
        input, weight, bias: as of ``native_batch_norm``.
        *rest, **options: the further arguments, with ``running_mean`` and ``running_var`` or without.

    Returns:
        (output, mean, rstd).

    >>> torch._native_batch_norm_legit(torch.tensor([[1.0], [3.0]]), None, None, True, 0.1, 1e-5)[1]
    tensor([2.])
    """
    if rest and isinstance(rest[0], bool):
        rest = (None, None, *rest)
    elif not rest and "running_mean" not in options:
        options |= {"running_mean": None, "running_var": None}
    return native_batch_norm(input, weight, bias, *rest, **options)


@exported("torch")
def _softmax_backward_data(
    grad_output: Tensor, output: Tensor, dim: int, input_dtype: Any, *, grad_input: Any = None
) -> Tensor:
    """The gradient of softmax along ``dim``, of its result and of the gradient of that.

    Args:
        grad_output, output: the gradient, and the result.
        dim: the dimension.
        input_dtype: the type of what softmax was taken of.
        grad_input: what the gradient is written to, if given.

    Returns:
        The shape of ``output``.

    >>> torch._softmax_backward_data(torch.tensor([1.0, 0.0]), torch.tensor([0.5, 0.5]), 0, torch.float32)
    tensor([ 0.2500, -0.2500])
    """
    if output.dtype.is_half:
        grad_output, output = grad_output.to(dtypes.float32), output.to(dtypes.float32)
    g = output * (grad_output - reduction.sum(grad_output * output, dim, keepdim=True))
    g = g.to(input_dtype)
    return g if grad_input is None else movement.copy_(movement.resize_(grad_input, g.shape), g)


def _within(x: Tensor, indices: Any) -> tuple:
    bounded = zip(indices, x.shape[: len(indices)], strict=True)
    return tuple([slice(None) if at is None else clamp(at, -n, n - 1) for at, n in bounded])


@exported("torch")
def _unsafe_masked_index(input: Tensor, mask: Tensor, indices: Any, fill: Any) -> Tensor:
    """Elements at positions where a mask is true, ``fill`` elsewhere, whatever the positions are there.

    Args:
        input: of any shape.
        mask: where the positions count.
        indices: an index tensor, or None, for each of the first dimensions.
        fill: a number.

    Returns:
        The shape of ``input[indices]``.

    >>> torch._unsafe_masked_index(torch.tensor([5, 6]), torch.tensor([True, False]), [torch.tensor([1, 9])], 0)
    tensor([6, 0])
    """
    return indexing.masked_fill(indexing.getitem(input, _within(input, indices)), logical_not(mask), fill)


@exported("torch")
def _unsafe_masked_index_put_accumulate(input: Tensor, mask: Tensor, indices: Any, values: Tensor) -> Tensor:
    """A copy to which values are added at positions where a mask is true.

    Args:
        input: of any shape.
        mask: where the positions count.
        indices: an index tensor, or None, for each of the first dimensions.
        values: what is added.

    Returns:
        The shape of ``input``.

    >>> mask, at = torch.tensor([True, False]), torch.tensor([1, 9])
    >>> torch._unsafe_masked_index_put_accumulate(torch.tensor([5, 6]), mask, [at], torch.tensor([1, 1]))
    tensor([5, 7])
    """
    kept = indexing.masked_fill(values, logical_not(mask), 0)
    return indexing.index_put(input, _within(input, indices), kept, accumulate=True)
