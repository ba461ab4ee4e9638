"""Layers that set random elements to 0 in training and change nothing in evaluation."""

from __future__ import annotations

from numtorch._tensor import Tensor
from numtorch.nn import functional as F
from numtorch.nn.module import Module


class _Dropout(Module):
    p: float
    inplace: bool

    def __init__(self, p: float = 0.5, inplace: bool = False):
        super().__init__()
        if p < 0 or p > 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p, self.inplace = p, inplace

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
    """In training, elements become 0 with probability ``p``; the others are scaled by ``1 / (1 - p)`` (Hinton et al.
    2012).

    In evaluation (``eval()``) the input is returned.

    Args:
        p: probability that an element becomes 0.
        inplace: write the result into the input.

    Shape: any, to the same.

    Raises:
        ValueError: ``p`` is not between 0 and 1.

    >>> torch.nn.Dropout(0.5).eval()(torch.ones(2))
    tensor([1., 1.])
    >>> set(torch.nn.Dropout(0.5)(torch.ones(100)).tolist()) == {0.0, 2.0}
    True
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout(input, self.p, self.training, self.inplace)


class Dropout1d(_Dropout):
    """In training, whole channels become 0 with probability ``p``; the others are scaled by ``1 / (1 - p)``.

    In evaluation (``eval()``) the input is returned.

    Args:
        p: probability that a channel becomes 0.
        inplace: write the result into the input.

    Shape: (N, C, L) or (C, L), to the same.

    Raises:
        ValueError: ``p`` is not between 0 and 1.

    >>> torch.nn.Dropout1d(1.0)(torch.ones(1, 3))
    tensor([[0., 0., 0.]])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(_Dropout):
    """In training, whole channels become 0 with probability ``p``; the others are scaled by ``1 / (1 - p)``.

    In evaluation (``eval()``) the input is returned.

    Source: Tompson et al., Efficient Object Localization Using Convolutional Networks (2015).

    Args:
        p: probability that a channel becomes 0.
        inplace: write the result into the input.

    Shape: (N, C, H, W), to the same.

    Raises:
        ValueError: ``p`` is not between 0 and 1.

    >>> torch.nn.Dropout2d(1.0)(torch.ones(1, 1, 1, 3))
    tensor([[[[0., 0., 0.]]]])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout2d(input, self.p, self.training, self.inplace)


class Dropout3d(_Dropout):
    """In training, whole channels become 0 with probability ``p``; the others are scaled by ``1 / (1 - p)``.

    In evaluation (``eval()``) the input is returned.

    Args:
        p: probability that a channel becomes 0.
        inplace: write the result into the input.

    Shape: (N, C, D, H, W), to the same.

    Raises:
        ValueError: ``p`` is not between 0 and 1.

    >>> torch.nn.Dropout3d(1.0)(torch.ones(1, 1, 1, 1, 1))
    tensor([[[[[0.]]]]])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout3d(input, self.p, self.training, self.inplace)


class AlphaDropout(_Dropout):
    """In training, elements become SELU's lowest value with probability ``p``; mean and variance stay.

    In evaluation (``eval()``) the input is returned.

    Source: Klambauer et al. 2017, Self-Normalizing Neural Networks.

    Args:
        p: probability that an element is dropped.
        inplace: write the result into the input.

    Shape: any, to the same.

    Raises:
        ValueError: ``p`` is not between 0 and 1.

    >>> torch.nn.AlphaDropout().eval()(torch.ones(2))
    tensor([1., 1.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.alpha_dropout(input, self.p, self.training, self.inplace)


class FeatureAlphaDropout(_Dropout):
    """In training, whole channels become SELU's lowest value with probability ``p``; mean and variance stay.

    In evaluation (``eval()``) the input is returned.

    Args:
        p: probability that a channel is dropped.
        inplace: write the result into the input.

    Shape: (N, C, *), to the same.

    Raises:
        ValueError: ``p`` is not between 0 and 1.

    >>> torch.nn.FeatureAlphaDropout().eval()(torch.ones(1, 2))
    tensor([[1., 1.]])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.feature_alpha_dropout(input, self.p, self.training, self.inplace)
