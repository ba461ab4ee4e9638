"""Copies with a choice of the order in which elements lie in memory."""

from __future__ import annotations

from typing import Any

from numtorch._tensor import Tensor
from numtorch.arguments import order
from numtorch.exports import exported
from numtorch.ops.movement import copies


@exported("torch", "Tensor")
def clone(input: Tensor, *, memory_format: Any = None) -> Tensor:
    """A copy of the elements; the gradient passes through.

    Args:
        input: of any type.
        memory_format: ``torch.channels_last`` and ``channels_last_3d`` ask for the order in which channels come last;
            otherwise the copy is in row-major order.

    Returns:
        A tensor of the same shape, type and elements, on memory of its own.

    Raises:
        RuntimeError: ``memory_format`` is for tensors of another number of dimensions.
        TypeError: it is no ``torch.memory_format``.

    >>> x = torch.tensor([1, 2])
    >>> y = torch.clone(x)
    >>> y[0] = 5
    >>> x
    tensor([1, 2])
    """
    if memory_format is None:
        return copies.clone(input)
    order(memory_format, "clone")
    return copies.contiguous(copies.clone(input), memory_format)
