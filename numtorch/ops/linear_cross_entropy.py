"""A linear layer and its cross entropy as one function."""

from __future__ import annotations

from math import prod
from typing import Any

from numtorch._tensor import Tensor
from numtorch.exports import exported
from numtorch.ops.linear import linear
from numtorch.ops.loss import cross_entropy
from numtorch.ops.movement import reshape


@exported("nn.functional")
def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: Any = None,
) -> Tensor:
    """``cross_entropy(linear(input, linear_weight, linear_bias), target)``.

    Args:
        input: (N, in_features) or (in_features).
        linear_weight: (C, in_features), or (C, d1, ..., in_features) for C scores at several places.
        target: class numbers, (N), () or (N, d1, ...), or probabilities in the shape of the scores.
        linear_bias: (C), or (C, d1, ...).
        weight: (C), how much each class counts.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        ignore_index: a class number whose targets do not count; -100 if None.
        label_smoothing: how much of the target is spread evenly over the classes, at most 1.
        options: accepted.

    Returns:
        What ``cross_entropy`` gives.

    Raises:
        RuntimeError: the shapes do not fit, or ``ignore_index`` is given with probabilities.

    >>> x, w = torch.zeros(1, 3), torch.zeros(2, 3)
    >>> torch.nn.functional.linear_cross_entropy(x, w, torch.tensor([1]))
    tensor(0.6931)
    """
    if input.ndim not in (1, 2):
        raise RuntimeError(f"expected input with dimensionality 1 or 2, got {input.ndim}")
    if linear_weight.ndim < 2:
        raise RuntimeError(f"expected linear_weight with dimensionality at least 2, got {linear_weight.ndim}")
    classes, *places, width = linear_weight.shape
    if input.shape[-1] != width:
        raise RuntimeError(
            "expected equal input and linear_weight last dimensions (in_features), got "
            f"{input.shape[-1]} and {width}, respectively"
        )
    if linear_bias is not None and tuple(linear_bias.shape) != (classes, *places):
        raise RuntimeError(f"expected linear_bias shape {(classes, *places)}, got {tuple(linear_bias.shape)}")
    if places and input.ndim == 1:
        raise RuntimeError(
            f"K-dimensional loss defined by linear_weight shape {tuple(linear_weight.shape)} requires batched input, "
            f"(N, {width}), got unbatched input with shape {tuple(input.shape)}"
        )
    shape = (*input.shape[:-1], classes, *places)
    if target.shape == shape and ignore_index is not None:
        raise RuntimeError("ignore_index cannot be specified when target contains probabilities")
    bias = None if linear_bias is None else reshape(linear_bias, (-1,))
    scores = linear(input, reshape(linear_weight, (classes * prod(places), width)), bias)
    return cross_entropy(
        reshape(scores, shape),
        target,
        weight,
        ignore_index=-100 if ignore_index is None else ignore_index,
        reduction=reduction,
        label_smoothing=label_smoothing,
    )
