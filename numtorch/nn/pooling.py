"""Pooling layers: the maximum or the mean of each window."""

from __future__ import annotations

from typing import Any

from numtorch._tensor import Tensor
from numtorch.nn import functional as F
from numtorch.nn.module import Module


class _MaxPool(Module):
    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ):
        super().__init__()
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.dilation = padding, dilation
        self.return_indices, self.ceil_mode = return_indices, ceil_mode

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, dilation={self.dilation}, "
            f"ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPool):
    """The largest element of each window.

    Args:
        kernel_size: size of the window.
        stride: step of the window; ``kernel_size`` if None.
        padding: negative infinities added at both ends; at most half of ``kernel_size``.
        dilation: distance between the window's elements.
        return_indices: return (maxima, their positions in L) instead.
        ceil_mode: let the last window reach beyond the end, if it begins inside.

    Shape: (N, C, L) or (C, L); L becomes ``(L + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1``.

    >>> torch.nn.MaxPool1d(2)(torch.tensor([[1.0, 3.0, 2.0, 0.0]]))
    tensor([[3., 2.]])
    """

    def forward(self, input: Tensor) -> Any:
        return F.max_pool1d(
            input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices
        )


class MaxPool2d(_MaxPool):
    """The largest element of each window.

    Args:
        kernel_size: size of the window, one number or (height, width).
        stride: step of the window, one number or (height, width); ``kernel_size`` if None.
        padding: negative infinities added at both ends of each dimension; at most half of ``kernel_size``.
        dilation: distance between the window's elements, one number or (height, width).
        return_indices: return (maxima, their positions in the flattened H x W) instead.
        ceil_mode: let the last window reach beyond the end, if it begins inside.

    Shape: (N, C, H, W) or (C, H, W); each n of H and W becomes
        ``(n + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1``.

    See https://pytorch.org/docs/stable/generated/torch.nn.MaxPool2d.html

    >>> torch.nn.MaxPool2d(2)(torch.tensor([[[1.0, 3.0], [2.0, 0.0]]]))
    tensor([[[3.]]])
    """

    def forward(self, input: Tensor) -> Any:
        return F.max_pool2d(
            input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices
        )


class _AvgPool(Module):
    kernel_size: Any
    stride: Any
    padding: Any

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


def _single(value: Any) -> tuple:
    return (value,) if isinstance(value, int) else tuple(value)


class AvgPool1d(_AvgPool):
    """The mean of each window.

    Args:
        kernel_size: size of the window.
        stride: step of the window; ``kernel_size`` if None.
        padding: zeros added at both ends; at most half of ``kernel_size``.
        ceil_mode: let the last window reach beyond the end, if it begins inside.
        count_include_pad: count the added zeros in the mean.

    Shape: (N, C, L) or (C, L); L becomes ``(L + 2 * padding - kernel_size) // stride + 1``.

    >>> torch.nn.AvgPool1d(2)(torch.tensor([[1.0, 3.0, 2.0, 0.0]]))
    tensor([[2., 1.]])
    """

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ):
        super().__init__()
        self.kernel_size, self.padding = _single(kernel_size), _single(padding)
        self.stride = _single(kernel_size if stride is None else stride)
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        return F.avg_pool1d(input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)


class AvgPool2d(_AvgPool):
    """The mean of each window.

    Args:
        kernel_size: size of the window, one number or (height, width).
        stride: step of the window, one number or (height, width); ``kernel_size`` if None.
        padding: zeros added at both ends of each dimension; at most half of ``kernel_size``.
        ceil_mode: let the last window reach beyond the end, if it begins inside.
        count_include_pad: count the added zeros in the mean.
        divisor_override: divides the sum of each window instead of its size.

    Shape: (N, C, H, W) or (C, H, W); each n of H and W becomes ``(n + 2 * padding - kernel_size) // stride + 1``.

    >>> torch.nn.AvgPool2d(2)(torch.tensor([[[1.0, 3.0], [2.0, 0.0]]]))
    tensor([[[1.5000]]])
    """

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ):
        super().__init__()
        self.kernel_size, self.stride, self.padding = kernel_size, kernel_size if stride is None else stride, padding
        self.ceil_mode, self.count_include_pad, self.divisor_override = ceil_mode, count_include_pad, divisor_override

    def forward(self, input: Tensor) -> Tensor:
        return F.avg_pool2d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )


class _AdaptiveAvgPool(Module):
    def __init__(self, output_size: Any):
        super().__init__()
        self.output_size = output_size

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """Means of windows chosen so that the length becomes ``output_size``.

    Window i of n reaches from ``floor(i * L / n)`` to ``ceil((i + 1) * L / n)``.

    Args:
        output_size: the length of the result.

    Shape: (N, C, L) or (C, L), to (N, C, output_size) or (C, output_size).

    >>> torch.nn.AdaptiveAvgPool1d(2)(torch.tensor([[1.0, 3.0, 5.0]]))
    tensor([[2., 4.]])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.adaptive_avg_pool1d(input, self.output_size)


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """Means of windows chosen so that height and width become ``output_size``.

    Window i of n reaches from ``floor(i * H / n)`` to ``ceil((i + 1) * H / n)``, and likewise in W.

    Args:
        output_size: (height, width) of the result, or one number for both; None keeps a size.

    Shape: (N, C, H, W) or (C, H, W), to the same with other H and W.

    >>> torch.nn.AdaptiveAvgPool2d((1, None))(torch.tensor([[[1.0, 3.0], [2.0, 0.0]]]))
    tensor([[[1.5000, 1.5000]]])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.adaptive_avg_pool2d(input, self.output_size)
