"""Convolution layers."""

from __future__ import annotations

import math
from typing import Any

from numtorch._tensor import Tensor
from numtorch.nn import functional as F
from numtorch.nn import init
from numtorch.nn.module import Module
from numtorch.nn.parameter import Parameter
from numtorch.ops.creation import empty

_MODES = ("zeros", "reflect", "replicate", "circular")


def repeated(value: Any, n: int) -> tuple:
    """A number as a tuple of ``n``; iterables as tuples, which have as many."""
    if isinstance(value, int | float) or value is None:
        return (value,) * n
    value = tuple(value)
    if len(value) != n and all(isinstance(v, int) for v in value):
        raise RuntimeError(
            f"expected a single integer value or a list of {n} values to match the convolution dimensions, but got "
            f"{value}"
        )
    return value


class _ConvNd(Module):
    """What convolutions of any number of dimensions share."""

    weight: Parameter
    bias: Parameter | None

    dims: int
    transposed = False

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        dims = self.dims
        if groups <= 0:
            raise ValueError("groups must be a positive integer")
        if in_channels % groups:
            raise ValueError("in_channels must be divisible by groups")
        if out_channels % groups:
            raise ValueError("out_channels must be divisible by groups")
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size, self.stride, self.dilation = (repeated(v, dims) for v in (kernel_size, stride, dilation))
        self.padding: Any = padding if isinstance(padding, str) else repeated(padding, dims)
        if isinstance(padding, str):
            if padding not in ("same", "valid"):
                raise ValueError(f"Invalid padding string {padding!r}, should be one of 'same', 'valid'")
            if padding == "same" and any(s != 1 for s in self.stride):
                raise ValueError("padding='same' is not supported for strided convolutions")
        if padding_mode not in _MODES:
            raise ValueError(f"padding_mode must be one of {_MODES}, but got padding_mode='{padding_mode}'")
        self.padding_mode = padding_mode
        self.output_padding: tuple = (0,) * dims
        self._reversed_padding_repeated_twice = self._pad_widths()
        channels = (in_channels, out_channels // groups) if self.transposed else (out_channels, in_channels // groups)
        self.weight = Parameter(empty((*channels, *self.kernel_size), device=device, dtype=dtype))
        self.register_parameter("bias", Parameter(empty(out_channels, device=device, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def _pad_widths(self) -> list[int]:
        """(before, after) for each dimension, the last one first, as ``pad`` takes them."""
        widths: list[int] = []
        for i in reversed(range(len(self.kernel_size))):
            if self.padding == "same":
                total = self.dilation[i] * (self.kernel_size[i] - 1)
                widths += [total // 2, total - total // 2]
            else:
                widths += [0, 0] if self.padding == "valid" else [self.padding[i]] * 2
        return widths

    def reset_parameters(self) -> None:
        """Draw weight and bias anew from U(-b, b), ``b = 1 / sqrt(fan_in)``.

        >>> layer = torch.nn.Conv1d(1, 1, 4)
        >>> layer.weight.data.fill_(9.0)
        tensor([[[9., 9., 9., 9.]]])
        >>> layer.reset_parameters()
        >>> bool((layer.weight.abs() <= 0.5).all())
        True
        """
        if not self.weight.shape.numel():
            return
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            bound = 1 / math.sqrt(fan_in)
            init.uniform_(self.bias, -bound, bound)

    def _padded(self, input: Tensor) -> Tensor:
        return F.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode)

    def extra_repr(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        if self.padding != (0,) * len(self.padding):
            text += f", padding={self.padding}"
        if self.dilation != (1,) * len(self.dilation):
            text += f", dilation={self.dilation}"
        if self.output_padding != (0,) * len(self.output_padding):
            text += f", output_padding={self.output_padding}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text


class Conv1d(_ConvNd):
    """Cross-correlation with learnt weights: the sum of each window of (N, C, L) times ``weight``, plus ``bias``.

    Args:
        in_channels: channels of the input, C.
        out_channels: channels of the result.
        kernel_size: size of the window, one number or a tuple of one.
        stride: step of the window, one number or a tuple of one.
        padding: elements added at both ends of each dimension, one number or a tuple of one; ``"same"`` keeps the size
            (stride 1), ``"valid"`` adds none.
        dilation: distance between the window's elements, one number or a tuple of one.
        groups: the channels are divided into so many groups, each convolved on its own.
        bias: add a learnt number to each channel of the result.
        padding_mode: what is added: ``"zeros"``, ``"reflect"``, ``"replicate"`` or ``"circular"``, as in
            ``nn.functional.pad``.
        device: where the parameters are made; the CPU by default.
        dtype: of the parameters; the default dtype if None.

    Shape: (N, C, L) or (C, L) to (N, out_channels, ...) or (out_channels, ...); each spatial size n becomes
        ``(n + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1``.

    Attributes:
        weight: (out_channels, in_channels / groups, k), drawn from U(-b, b) with
            ``b = 1 / sqrt(in_channels / groups * k)``.
        bias: (out_channels,), drawn from the same, or None.

    Raises:
        ValueError: ``groups`` does not divide both numbers of channels; an unknown ``padding`` or ``padding_mode``.

    See https://pytorch.org/docs/stable/generated/torch.nn.Conv1d.html

    >>> torch.nn.Conv1d(16, 33, 3, stride=2)(torch.zeros(20, 16, 50)).shape
    torch.Size([20, 33, 24])
    """

    dims = 1

    def forward(self, input: Tensor) -> Tensor:
        if self.padding_mode != "zeros":
            return F.conv1d(self._padded(input), self.weight, self.bias, self.stride, 0, self.dilation, self.groups)
        return F.conv1d(input, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


class Conv2d(_ConvNd):
    """Cross-correlation with learnt weights: the sum of each window of (N, C, H, W) times ``weight``, plus ``bias``.

    Args:
        in_channels: channels of the input, C.
        out_channels: channels of the result.
        kernel_size: size of the window, one number or (height, width).
        stride: step of the window, one number or (height, width).
        padding: elements added at both ends of each dimension, one number or (height, width); ``"same"`` keeps the size
            (stride 1), ``"valid"`` adds none.
        dilation: distance between the window's elements, one number or (height, width).
        groups: the channels are divided into so many groups, each convolved on its own.
        bias: add a learnt number to each channel of the result.
        padding_mode: what is added: ``"zeros"``, ``"reflect"``, ``"replicate"`` or ``"circular"``, as in
            ``nn.functional.pad``.
        device: where the parameters are made; the CPU by default.
        dtype: of the parameters; the default dtype if None.

    Shape: (N, C, H, W) or (C, H, W) to (N, out_channels, ...) or (out_channels, ...); each spatial size n becomes
        ``(n + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1``.

    Attributes:
        weight: (out_channels, in_channels / groups, kh, kw), drawn from U(-b, b) with
            ``b = 1 / sqrt(in_channels / groups * kh * kw)``.
        bias: (out_channels,), drawn from the same, or None.

    Raises:
        ValueError: ``groups`` does not divide both numbers of channels; an unknown ``padding`` or ``padding_mode``.

    See https://pytorch.org/docs/stable/generated/torch.nn.Conv2d.html

    >>> torch.nn.Conv2d(1, 6, 3)(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 6, 26, 26])
    """

    dims = 2

    def forward(self, input: Tensor) -> Tensor:
        if self.padding_mode != "zeros":
            return F.conv2d(self._padded(input), self.weight, self.bias, self.stride, 0, self.dilation, self.groups)
        return F.conv2d(input, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


class Conv3d(_ConvNd):
    """Cross-correlation with learnt weights: the sum of each window of (N, C, D, H, W) times ``weight``, plus ``bias``.

    Args:
        in_channels: channels of the input, C.
        out_channels: channels of the result.
        kernel_size: size of the window, one number or (depth, height, width).
        stride: step of the window, one number or (depth, height, width).
        padding: elements added at both ends of each dimension, one number or (depth, height, width); ``"same"`` keeps
            the size (stride 1), ``"valid"`` adds none.
        dilation: distance between the window's elements, one number or (depth, height, width).
        groups: the channels are divided into so many groups, each convolved on its own.
        bias: add a learnt number to each channel of the result.
        padding_mode: what is added: ``"zeros"``, ``"reflect"``, ``"replicate"`` or ``"circular"``, as in
            ``nn.functional.pad``.
        device: where the parameters are made; the CPU by default.
        dtype: of the parameters; the default dtype if None.

    Shape: (N, C, D, H, W) or (C, D, H, W) to (N, out_channels, ...) or (out_channels, ...); each spatial size n becomes
        ``(n + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1``.

    Attributes:
        weight: (out_channels, in_channels / groups, kd, kh, kw), drawn from U(-b, b) with
            ``b = 1 / sqrt(in_channels / groups * kd * kh * kw)``.
        bias: (out_channels,), drawn from the same, or None.

    Raises:
        ValueError: ``groups`` does not divide both numbers of channels; an unknown ``padding`` or ``padding_mode``.

    See https://pytorch.org/docs/stable/generated/torch.nn.Conv3d.html

    >>> torch.nn.Conv3d(1, 4, 3, padding=1)(torch.zeros(2, 1, 5, 6, 7)).shape
    torch.Size([2, 4, 5, 6, 7])
    """

    dims = 3

    def forward(self, input: Tensor) -> Tensor:
        if self.padding_mode != "zeros":
            return F.conv3d(self._padded(input), self.weight, self.bias, self.stride, 0, self.dilation, self.groups)
        return F.conv3d(input, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


class _ConvTransposeNd(_ConvNd):
    """What transposed convolutions of any number of dimensions share."""

    transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ):
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode, device, dtype
        )
        self.output_padding = repeated(output_padding, self.dims)

    def _extra(self, input: Tensor, output_size: Any) -> tuple:
        """The elements to add at the end of each dimension for a result of a wanted size."""
        if output_size is None:
            return self.output_padding
        dims = len(self.kernel_size)
        wanted = tuple(output_size)[-dims:]
        least = [
            (n - 1) * s - 2 * p + d * (k - 1) + 1
            for n, s, p, d, k in zip(
                input.shape[-dims:], self.stride, self.padding, self.dilation, self.kernel_size, strict=True
            )
        ]
        most = [n + s - 1 for n, s in zip(least, self.stride, strict=True)]
        if not all(a <= n <= b for a, n, b in zip(least, wanted, most, strict=True)):
            raise ValueError(
                f"requested an output size of {wanted}, but valid sizes range from {least} to {most} "
                f"(for an input of {input.shape[-dims:]})"
            )
        return tuple([n - a for n, a in zip(wanted, least, strict=True)])


class ConvTranspose1d(_ConvTransposeNd):
    """Transposed convolution: the gradient of a ``Conv1d`` to its input, as a layer; also called deconvolution.

    Args:
        in_channels: channels of the input, C.
        out_channels: channels of the result.
        kernel_size: size of the window, one number or a tuple of one.
        stride: distance in the result between neighbours of the input, one number or a tuple of one.
        padding: elements removed at both ends of each dimension of the result, one number or a tuple of one.
        output_padding: elements added at the far end of each dimension, one number or a tuple of one; smaller than the
            stride or the dilation.
        groups: the channels are divided into so many groups, each convolved on its own.
        bias: add a learnt number to each channel of the result.
        dilation: distance between the window's elements, one number or a tuple of one.
        padding_mode: only ``"zeros"``.
        device: where the parameters are made; the CPU by default.
        dtype: of the parameters; the default dtype if None.

    Shape: (N, C, L) or (C, L) to (N, out_channels, ...) or (out_channels, ...); each spatial size n becomes
        ``(n - 1) * stride - 2 * padding + dilation * (kernel_size - 1) + output_padding + 1``. A call's ``output_size``
        chooses ``output_padding`` so that this is the result's size.

    Attributes:
        weight: (in_channels, out_channels / groups, k), drawn from U(-b, b) with
            ``b = 1 / sqrt(out_channels / groups * k)``.
        bias: (out_channels,), drawn from the same, or None.

    Raises:
        ValueError: ``groups`` does not divide both numbers of channels; another ``padding_mode``; ``output_size``
            cannot be reached.

    See https://pytorch.org/docs/stable/generated/torch.nn.ConvTranspose1d.html

    >>> torch.nn.ConvTranspose1d(3, 2, 4, stride=2, padding=1)(torch.zeros(1, 3, 5)).shape
    torch.Size([1, 2, 10])
    """

    dims = 1

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        return F.conv_transpose1d(
            input,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            self._extra(input, output_size),
            self.groups,
            self.dilation,
        )


class ConvTranspose2d(_ConvTransposeNd):
    """Transposed convolution: the gradient of a ``Conv2d`` to its input, as a layer; also called deconvolution.

    Args:
        in_channels: channels of the input, C.
        out_channels: channels of the result.
        kernel_size: size of the window, one number or (height, width).
        stride: distance in the result between neighbours of the input, one number or (height, width).
        padding: elements removed at both ends of each dimension of the result, one number or (height, width).
        output_padding: elements added at the far end of each dimension, one number or (height, width); smaller than the
            stride or the dilation.
        groups: the channels are divided into so many groups, each convolved on its own.
        bias: add a learnt number to each channel of the result.
        dilation: distance between the window's elements, one number or (height, width).
        padding_mode: only ``"zeros"``.
        device: where the parameters are made; the CPU by default.
        dtype: of the parameters; the default dtype if None.

    Shape: (N, C, H, W) or (C, H, W) to (N, out_channels, ...) or (out_channels, ...); each spatial size n becomes
        ``(n - 1) * stride - 2 * padding + dilation * (kernel_size - 1) + output_padding + 1``. A call's ``output_size``
        chooses ``output_padding`` so that this is the result's size.

    Attributes:
        weight: (in_channels, out_channels / groups, kh, kw), drawn from U(-b, b) with
            ``b = 1 / sqrt(out_channels / groups * kh * kw)``.
        bias: (out_channels,), drawn from the same, or None.

    Raises:
        ValueError: ``groups`` does not divide both numbers of channels; another ``padding_mode``; ``output_size``
            cannot be reached.

    See https://pytorch.org/docs/stable/generated/torch.nn.ConvTranspose2d.html

    >>> torch.nn.ConvTranspose2d(3, 2, 4, stride=2, padding=1)(torch.zeros(1, 3, 5, 5)).shape
    torch.Size([1, 2, 10, 10])
    """

    dims = 2

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        return F.conv_transpose2d(
            input,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            self._extra(input, output_size),
            self.groups,
            self.dilation,
        )


class ConvTranspose3d(_ConvTransposeNd):
    """Transposed convolution: the gradient of a ``Conv3d`` to its input, as a layer; also called deconvolution.

    Args:
        in_channels: channels of the input, C.
        out_channels: channels of the result.
        kernel_size: size of the window, one number or (depth, height, width).
        stride: distance in the result between neighbours of the input, one number or (depth, height, width).
        padding: elements removed at both ends of each dimension of the result, one number or (depth, height, width).
        output_padding: elements added at the far end of each dimension, one number or (depth, height, width); smaller
            than the stride or the dilation.
        groups: the channels are divided into so many groups, each convolved on its own.
        bias: add a learnt number to each channel of the result.
        dilation: distance between the window's elements, one number or (depth, height, width).
        padding_mode: only ``"zeros"``.
        device: where the parameters are made; the CPU by default.
        dtype: of the parameters; the default dtype if None.

    Shape: (N, C, D, H, W) or (C, D, H, W) to (N, out_channels, ...) or (out_channels, ...); each spatial size n becomes
        ``(n - 1) * stride - 2 * padding + dilation * (kernel_size - 1) + output_padding + 1``. A call's ``output_size``
        chooses ``output_padding`` so that this is the result's size.

    Attributes:
        weight: (in_channels, out_channels / groups, kd, kh, kw), drawn from U(-b, b) with
            ``b = 1 / sqrt(out_channels / groups * kd * kh * kw)``.
        bias: (out_channels,), drawn from the same, or None.

    Raises:
        ValueError: ``groups`` does not divide both numbers of channels; another ``padding_mode``; ``output_size``
            cannot be reached.

    See https://pytorch.org/docs/stable/generated/torch.nn.ConvTranspose3d.html

    >>> torch.nn.ConvTranspose3d(3, 2, 4, stride=2, padding=1)(torch.zeros(1, 3, 5, 5, 5)).shape
    torch.Size([1, 2, 10, 10, 10])
    """

    dims = 3

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        return F.conv_transpose3d(
            input,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            self._extra(input, output_size),
            self.groups,
            self.dilation,
        )
