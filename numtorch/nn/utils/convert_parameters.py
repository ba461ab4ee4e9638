"""Converts all parameters to one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable

from numtorch._tensor import Tensor
from numtorch.ops.movement import cat


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """The elements of all parameters in one vector.

    Args:
        parameters: an iterable of tensors.

    Returns:
        (n,), where n counts the elements of all; copied.

    >>> torch.nn.utils.parameters_to_vector(torch.nn.Linear(2, 3).parameters()).shape
    torch.Size([9])
    """
    return cat([p.reshape(-1) for p in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Give the parameters the elements of a vector, in order, sharing its memory.

    Args:
        vec: (n,), where n counts the elements of all parameters.
        parameters: an iterable of tensors.

    Raises:
        TypeError: ``vec`` is not a tensor.

    >>> w, b = torch.nn.Parameter(torch.zeros(2)), torch.nn.Parameter(torch.zeros(1))
    >>> torch.nn.utils.vector_to_parameters(torch.tensor([1.0, 2.0, 3.0]), [w, b])
    >>> w.data, b.data
    (tensor([1., 2.]), tensor([3.]))
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected torch.Tensor, but got: {type(vec).__name__}")
    at = 0
    for p in parameters:
        n = p.shape.numel()
        p.data = vec.detach()[at : at + n].view_as(p)
        at += n
