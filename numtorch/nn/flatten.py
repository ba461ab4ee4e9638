"""Layers that change only the shape."""

from __future__ import annotations

from typing import Any

from numtorch._tensor import Tensor
from numtorch.nn.module import Module


class Flatten(Module):
    """Dimensions ``start_dim`` to ``end_dim`` as one.

    Args:
        start_dim: the first of them; 1 keeps the batch.
        end_dim: the last of them.

    Shape: (N, *) to (N, product of *), by default.

    >>> torch.nn.Flatten()(torch.zeros(32, 1, 5, 5)).shape
    torch.Size([32, 25])
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1):
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, input: Tensor) -> Tensor:
        return input.flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """One dimension as several.

    Args:
        dim: which dimension.
        unflattened_size: tuple of the sizes that it becomes; -1 for one of them that follows from the others.

    Shape: (..., n, ...) to (..., *unflattened_size, ...).

    Raises:
        TypeError: ``dim`` is not an int, or ``unflattened_size`` not a tuple or list of ints.

    >>> torch.nn.Unflatten(1, (2, 3))(torch.zeros(4, 6)).shape
    torch.Size([4, 2, 3])
    """

    def __init__(self, dim: int, unflattened_size: Any):
        super().__init__()
        if isinstance(dim, str) or not isinstance(dim, int):
            raise TypeError(f"unflattened_size: dim must be an int, found type {type(dim).__name__}")
        if not isinstance(unflattened_size, tuple | list):
            raise TypeError(
                f"unflattened_size must be a tuple of ints, but found type {type(unflattened_size).__name__}"
            )
        for i, n in enumerate(unflattened_size):
            if not isinstance(n, int):
                raise TypeError(
                    f"unflattened_size must be tuple of ints, but found element of type {type(n).__name__} at pos {i}"
                )
        self.dim, self.unflattened_size = dim, unflattened_size

    def forward(self, input: Tensor) -> Tensor:
        return input.unflatten(self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
