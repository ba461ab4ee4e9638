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


class MaxPool3d(_MaxPool):
    """The largest element of each window.

    Args:
        kernel_size: size of the window, one number or (depth, height, width).
        stride: step of the window; ``kernel_size`` if None.
        padding: negative infinities added at both ends of each dimension; at most half of ``kernel_size``.
        dilation: distance between the window's elements.
        return_indices: return (maxima, their positions in the flattened D x H x W) instead.
        ceil_mode: let the last window reach beyond the end, if it begins inside.

    Shape: (N, C, D, H, W) or (C, D, H, W); each n of D, H and W becomes
        ``(n + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1``.

    >>> torch.nn.MaxPool3d(2)(torch.arange(8.0).reshape(1, 2, 2, 2))
    tensor([[[[7.]]]])
    """

    def forward(self, input: Tensor) -> Any:
        return F.max_pool3d(
            input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices
        )


class AvgPool3d(_AvgPool):
    """The mean of each window.

    Args:
        kernel_size: size of the window, one number or (depth, height, width).
        stride: step of the window; ``kernel_size`` if None.
        padding: zeros added at both ends of each dimension; at most half of ``kernel_size``.
        ceil_mode: let the last window reach beyond the end, if it begins inside.
        count_include_pad: count the added zeros in the mean.
        divisor_override: divides the sum of each window instead of its size.

    Shape: (N, C, D, H, W) or (C, D, H, W); each n of D, H and W becomes ``(n + 2 * padding - kernel_size) // stride +
        1``.

    >>> torch.nn.AvgPool3d(2)(torch.arange(8.0).reshape(1, 2, 2, 2))
    tensor([[[[3.5000]]]])
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
        return F.avg_pool3d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """Means of windows chosen so that depth, height and width become ``output_size``.

    Args:
        output_size: (depth, height, width) of the result, or one number for all; None keeps a size.

    Shape: (N, C, D, H, W) or (C, D, H, W), to the same with other D, H and W.

    >>> torch.nn.AdaptiveAvgPool3d(1)(torch.arange(8.0).reshape(1, 2, 2, 2))
    tensor([[[[3.5000]]]])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.adaptive_avg_pool3d(input, self.output_size)


class _AdaptiveMaxPool(Module):
    def __init__(self, output_size: Any, return_indices: bool = False):
        super().__init__()
        self.output_size, self.return_indices = output_size, return_indices

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """The largest elements of windows chosen so that the sizes become ``output_size``.

    Window i of n reaches from ``floor(i * L / n)`` to ``ceil((i + 1) * L / n)`` along a dimension of size L.

    Args:
        output_size: the sizes of the result, one number or one for each dimension; None keeps a size.
        return_indices: return (maxima, their positions in the flattened L) instead.

    Shape: (N, C, L) or (C, L), to the same with other L.

    >>> torch.nn.AdaptiveMaxPool1d(1)(torch.arange(2.0).reshape(1, 2)).flatten()
    tensor([1.])
    """

    def forward(self, input: Tensor) -> Any:
        return F.adaptive_max_pool1d(input, self.output_size, self.return_indices)


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """The largest elements of windows chosen so that the sizes become ``output_size``.

    Window i of n reaches from ``floor(i * L / n)`` to ``ceil((i + 1) * L / n)`` along a dimension of size L.

    Args:
        output_size: the sizes of the result, one number or one for each dimension; None keeps a size.
        return_indices: return (maxima, their positions in the flattened H x W) instead.

    Shape: (N, C, H, W) or (C, H, W), to the same with other H, W.

    >>> torch.nn.AdaptiveMaxPool2d(1)(torch.arange(4.0).reshape(1, 2, 2)).flatten()
    tensor([3.])
    """

    def forward(self, input: Tensor) -> Any:
        return F.adaptive_max_pool2d(input, self.output_size, self.return_indices)


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """The largest elements of windows chosen so that the sizes become ``output_size``.

    Window i of n reaches from ``floor(i * L / n)`` to ``ceil((i + 1) * L / n)`` along a dimension of size L.

    Args:
        output_size: the sizes of the result, one number or one for each dimension; None keeps a size.
        return_indices: return (maxima, their positions in the flattened D x H x W) instead.

    Shape: (N, C, D, H, W) or (C, D, H, W), to the same with other D, H, W.

    >>> torch.nn.AdaptiveMaxPool3d(1)(torch.arange(8.0).reshape(1, 2, 2, 2)).flatten()
    tensor([7.])
    """

    def forward(self, input: Tensor) -> Any:
        return F.adaptive_max_pool3d(input, self.output_size, self.return_indices)


class _MaxUnpool(Module):
    dims: int

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0):
        super().__init__()
        stride = kernel_size if stride is None else stride
        self.kernel_size, self.stride, self.padding = (self._each(v) for v in (kernel_size, stride, padding))

    def _each(self, value: Any) -> tuple:
        return (value,) * self.dims if isinstance(value, int) else tuple(value)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpool):
    """Maxima at the positions from which they were taken, zeros elsewhere.

    Args:
        kernel_size: size of the window that was pooled.
        stride: its step; ``kernel_size`` if None.
        padding: what was added at both ends.

    Shape: maxima and their positions (N, C, L) or (C, L), to the sizes from before.
        Where several were pooled to these, ``output_size`` says which.

    >>> x = torch.arange(2.0).reshape(1, 1, 2)
    >>> y, at = torch.nn.MaxPool1d(2, return_indices=True)(x)
    >>> torch.nn.MaxUnpool1d(2)(y, at).sum()
    tensor(1.)
    """

    dims = 1

    def forward(self, input: Tensor, indices: Tensor, output_size: Any = None) -> Tensor:
        return F.max_unpool1d(input, indices, self.kernel_size, self.stride, self.padding, output_size)


class MaxUnpool2d(_MaxUnpool):
    """Maxima at the positions from which they were taken, zeros elsewhere.

    Args:
        kernel_size: size of the window that was pooled.
        stride: its step; ``kernel_size`` if None.
        padding: what was added at both ends.

    Shape: maxima and their positions (N, C, H, W) or (C, H, W), to the sizes from before.
        Where several were pooled to these, ``output_size`` says which.

    >>> x = torch.arange(4.0).reshape(1, 1, 2, 2)
    >>> y, at = torch.nn.MaxPool2d(2, return_indices=True)(x)
    >>> torch.nn.MaxUnpool2d(2)(y, at).sum()
    tensor(3.)
    """

    dims = 2

    def forward(self, input: Tensor, indices: Tensor, output_size: Any = None) -> Tensor:
        return F.max_unpool2d(input, indices, self.kernel_size, self.stride, self.padding, output_size)


class MaxUnpool3d(_MaxUnpool):
    """Maxima at the positions from which they were taken, zeros elsewhere.

    Args:
        kernel_size: size of the window that was pooled.
        stride: its step; ``kernel_size`` if None.
        padding: what was added at both ends.

    Shape: maxima and their positions (N, C, D, H, W) or (C, D, H, W), to the sizes from before.
        Where several were pooled to these, ``output_size`` says which.

    >>> x = torch.arange(8.0).reshape(1, 1, 2, 2, 2)
    >>> y, at = torch.nn.MaxPool3d(2, return_indices=True)(x)
    >>> torch.nn.MaxUnpool3d(2)(y, at).sum()
    tensor(7.)
    """

    dims = 3

    def forward(self, input: Tensor, indices: Tensor, output_size: Any = None) -> Tensor:
        return F.max_unpool3d(input, indices, self.kernel_size, self.stride, self.padding, output_size)


class _LPPool(Module):
    def __init__(self, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False):
        super().__init__()
        self.norm_type, self.kernel_size, self.stride, self.ceil_mode = norm_type, kernel_size, stride, ceil_mode

    def extra_repr(self) -> str:
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class LPPool1d(_LPPool):
    """The ``p``-norm of each window: ``sum(x ** p) ** (1 / p)``.

    Args:
        norm_type: p.
        kernel_size: size of the window, one number or one for each dimension.
        stride: step of the window; ``kernel_size`` if None.
        ceil_mode: let the last window reach beyond the end, if it begins inside.

    Shape: (N, C, L) or (C, L), to the same with other L.

    >>> torch.nn.LPPool1d(1, 2)(torch.ones(1, 1, 2)).flatten()
    tensor([2.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.lp_pool1d(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)


class LPPool2d(_LPPool):
    """The ``p``-norm of each window: ``sum(x ** p) ** (1 / p)``.

    Args:
        norm_type: p.
        kernel_size: size of the window, one number or one for each dimension.
        stride: step of the window; ``kernel_size`` if None.
        ceil_mode: let the last window reach beyond the end, if it begins inside.

    Shape: (N, C, H, W) or (C, H, W), to the same with other H, W.

    >>> torch.nn.LPPool2d(1, 2)(torch.ones(1, 1, 2, 2)).flatten()
    tensor([4.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.lp_pool2d(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)


class LPPool3d(_LPPool):
    """The ``p``-norm of each window: ``sum(x ** p) ** (1 / p)``.

    Args:
        norm_type: p.
        kernel_size: size of the window, one number or one for each dimension.
        stride: step of the window; ``kernel_size`` if None.
        ceil_mode: let the last window reach beyond the end, if it begins inside.

    Shape: (N, C, D, H, W) or (C, D, H, W), to the same with other D, H, W.

    >>> torch.nn.LPPool3d(1, 2)(torch.ones(1, 1, 2, 2, 2)).flatten()
    tensor([8.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.lp_pool3d(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)


class _FractionalMaxPool(Module):
    dims: int
    _random_samples: Tensor | None

    def __init__(
        self,
        kernel_size: Any,
        output_size: Any = None,
        output_ratio: Any = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ):
        super().__init__()

        def each(value: Any) -> Any:
            return value if value is None or isinstance(value, tuple | list) else (value,) * self.dims

        self.kernel_size, self.return_indices = each(kernel_size), return_indices
        self.register_buffer("_random_samples", _random_samples)
        self.output_size, self.output_ratio = each(output_size), each(output_ratio)
        name = type(self).__name__
        if output_size is None and output_ratio is None:
            raise ValueError(f"{name} requires specifying either an output size, or a pooling ratio")
        if output_size is not None and output_ratio is not None:
            raise ValueError(f"only one of output_size and output_ratio may be specified by {name}")
        if self.output_ratio is not None and not all(0 < r < 1 for r in self.output_ratio):
            raise ValueError(f"output_ratio must be between 0 and 1 (got {output_ratio})")

    def _pooled(self, pool: Any, input: Tensor) -> Any:
        return pool(
            input, self.kernel_size, self.output_size, self.output_ratio, self.return_indices, self._random_samples
        )


class FractionalMaxPool2d(_FractionalMaxPool):
    """The largest element of each window, where windows lie at random, a fraction of the size apart (Graham 2014).

    Args:
        kernel_size: size of the window, one number or one for each dimension.
        output_size: the sizes of the result.
        output_ratio: the sizes of the result over those of the input, in place of ``output_size``.
        return_indices: return (maxima, their positions in the flattened H x W) instead.

    Shape: (N, C, H, W) or (C, H, W), to the same with other H, W.

    Raises:
        ValueError: both or none of ``output_size`` and ``output_ratio``, or a ratio that is not between 0 and 1.

    >>> torch.nn.FractionalMaxPool2d(2, output_size=2)(torch.ones(1, 1, 4, 4)).shape
    torch.Size([1, 1, 2, 2])
    """

    dims = 2

    def forward(self, input: Tensor) -> Any:
        return self._pooled(F.fractional_max_pool2d, input)


class FractionalMaxPool3d(_FractionalMaxPool):
    """The largest element of each window, where windows lie at random, a fraction of the size apart (Graham 2014).

    Args:
        kernel_size: size of the window, one number or one for each dimension.
        output_size: the sizes of the result.
        output_ratio: the sizes of the result over those of the input, in place of ``output_size``.
        return_indices: return (maxima, their positions in the flattened D x H x W) instead.

    Shape: (N, C, D, H, W) or (C, D, H, W), to the same with other D, H, W.

    Raises:
        ValueError: both or none of ``output_size`` and ``output_ratio``, or a ratio that is not between 0 and 1.

    >>> torch.nn.FractionalMaxPool3d(2, output_size=2)(torch.ones(1, 1, 4, 4, 4)).shape
    torch.Size([1, 1, 2, 2, 2])
    """

    dims = 3

    def forward(self, input: Tensor) -> Any:
        return self._pooled(F.fractional_max_pool3d, input)
