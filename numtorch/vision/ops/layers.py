"""Layers that several architectures share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numtorch as nt
from numtorch import nn

Layer = Callable[..., nn.Module]


class ConvNormActivation(nn.Sequential):
    """A convolution, a norm and an activation.

    Args:
        in_channels, out_channels: of the convolution.
        kernel_size, stride, groups, dilation: of the convolution.
        padding: of the convolution; what keeps the extents at stride 1 if None.
        norm_layer: makes the norm for a number of channels; None for none.
        activation_layer: makes the activation; None for none.
        inplace: given to the activation; None for not giving it.
        bias: of the convolution; if None, where there is no norm.
        conv_layer: makes the convolution.

    >>> from numtorch.vision import ops
    >>> ops.Conv2dNormActivation(3, 4)(torch.zeros(1, 3, 8, 8)).shape
    torch.Size([1, 4, 8, 8])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any = 3,
        stride: Any = 1,
        padding: Any = None,
        groups: int = 1,
        norm_layer: Layer | None = nn.BatchNorm2d,
        activation_layer: Layer | None = nn.ReLU,
        dilation: Any = 1,
        inplace: bool | None = True,
        bias: bool | None = None,
        conv_layer: Layer = nn.Conv2d,
    ):
        if padding is None:
            if isinstance(kernel_size, int) and isinstance(dilation, int):
                padding = (kernel_size - 1) // 2 * dilation
            else:
                n = len(kernel_size) if isinstance(kernel_size, Sequence) else len(dilation)
                sizes, steps = (tuple(v) if isinstance(v, Sequence) else (v,) * n for v in (kernel_size, dilation))
                padding = tuple((k - 1) // 2 * d for k, d in zip(sizes, steps, strict=True))
        layers = [
            conv_layer(
                in_channels,
                out_channels,
                kernel_size,
                stride,
                padding,
                dilation=dilation,
                groups=groups,
                bias=norm_layer is None if bias is None else bias,
            )
        ]
        if norm_layer is not None:
            layers.append(norm_layer(out_channels))
        if activation_layer is not None:
            layers.append(activation_layer(**({} if inplace is None else {"inplace": inplace})))
        super().__init__(*layers)
        self.out_channels = out_channels


class Conv2dNormActivation(ConvNormActivation):
    """A 2-d convolution, a norm and an activation.

    Args:
        in_channels, out_channels: of the convolution.
        kernel_size, stride, groups, dilation: of the convolution.
        padding: of the convolution; what keeps the extents at stride 1 if None.
        norm_layer: makes the norm for a number of channels; None for none.
        activation_layer: makes the activation; None for none.
        inplace: given to the activation; None for not giving it.
        bias: of the convolution; if None, where there is no norm.

    >>> from numtorch.vision import ops
    >>> ops.Conv2dNormActivation(3, 4, stride=2)(torch.zeros(1, 3, 8, 8)).shape
    torch.Size([1, 4, 4, 4])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any = 3,
        stride: Any = 1,
        padding: Any = None,
        groups: int = 1,
        norm_layer: Layer | None = nn.BatchNorm2d,
        activation_layer: Layer | None = nn.ReLU,
        dilation: Any = 1,
        inplace: bool | None = True,
        bias: bool | None = None,
    ):
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            groups,
            norm_layer,
            activation_layer,
            dilation,
            inplace,
            bias,
        )


class Conv3dNormActivation(ConvNormActivation):
    """A 3-d convolution, a norm and an activation.

    Args:
        in_channels, out_channels: of the convolution.
        kernel_size, stride, groups, dilation: of the convolution.
        padding: of the convolution; what keeps the extents at stride 1 if None.
        norm_layer: makes the norm for a number of channels; None for none.
        activation_layer: makes the activation; None for none.
        inplace: given to the activation; None for not giving it.
        bias: of the convolution; if None, where there is no norm.

    >>> from numtorch.vision import ops
    >>> len(ops.Conv3dNormActivation(3, 4))
    3
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any = 3,
        stride: Any = 1,
        padding: Any = None,
        groups: int = 1,
        norm_layer: Layer | None = nn.BatchNorm3d,
        activation_layer: Layer | None = nn.ReLU,
        dilation: Any = 1,
        inplace: bool | None = True,
        bias: bool | None = None,
    ):
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            groups,
            norm_layer,
            activation_layer,
            dilation,
            inplace,
            bias,
            nn.Conv3d,
        )


class SqueezeExcitation(nn.Module):
    """Channels weighted by numbers that are computed from their means.

    Args:
        input_channels: of the input.
        squeeze_channels: between the two layers.
        activation: makes the activation between them.
        scale_activation: makes the one after them.

    Source: Hu, Shen, Albanie, Sun and Wu, Squeeze-and-Excitation Networks, 2017.

    >>> from numtorch.vision import ops
    >>> ops.SqueezeExcitation(4, 2)(torch.ones(1, 4, 3, 3)).shape
    torch.Size([1, 4, 3, 3])
    """

    def __init__(
        self,
        input_channels: int,
        squeeze_channels: int,
        activation: Layer = nn.ReLU,
        scale_activation: Layer = nn.Sigmoid,
    ):
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(input_channels, squeeze_channels, 1)
        self.fc2 = nn.Conv2d(squeeze_channels, input_channels, 1)
        self.activation, self.scale_activation = activation(), scale_activation()

    def forward(self, input: nt.Tensor) -> nt.Tensor:
        return self.scale_activation(self.fc2(self.activation(self.fc1(self.avgpool(input))))) * input


class MLP(nn.Sequential):
    """Linear layers with norms, activations and dropout between them.

    Args:
        in_channels: of the input.
        hidden_channels: of each layer; the last one is the result's.
        norm_layer: makes a norm; None for none.
        activation_layer: makes an activation.
        inplace: given to activations and dropout; None for not giving it.
        bias: of the layers.
        dropout: the probability.

    >>> from numtorch.vision import ops
    >>> ops.MLP(3, [8, 2])(torch.zeros(5, 3)).shape
    torch.Size([5, 2])
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: Sequence[int],
        norm_layer: Layer | None = None,
        activation_layer: Layer | None = nn.ReLU,
        inplace: bool | None = None,
        bias: bool = True,
        dropout: float = 0.0,
    ):
        options = {} if inplace is None else {"inplace": inplace}
        layers: list[nn.Module] = []
        for width in hidden_channels[:-1]:
            layers.append(nn.Linear(in_channels, width, bias=bias))
            if norm_layer is not None:
                layers.append(norm_layer(width))
            if activation_layer is not None:
                layers.append(activation_layer(**options))
            layers.append(nn.Dropout(dropout, **options))
            in_channels = width
        layers += [nn.Linear(in_channels, hidden_channels[-1], bias=bias), nn.Dropout(dropout, **options)]
        super().__init__(*layers)


class Permute(nn.Module):
    """Dimensions in another order.

    Args:
        dims: for each dimension of the result, the number of the one that it is.

    >>> from numtorch.vision import ops
    >>> ops.Permute([1, 0])(torch.zeros(2, 3)).shape
    torch.Size([3, 2])
    """

    def __init__(self, dims: Sequence[int]):
        super().__init__()
        self.dims = dims

    def forward(self, x: nt.Tensor) -> nt.Tensor:
        return x.permute(*self.dims)


class FrozenBatchNorm2d(nn.Module):
    """Batch norm of which nothing is learnt: ``(x - mean) / sqrt(var + eps) * weight + bias``, all of them buffers.

    Args:
        num_features: channels.
        eps: added to the variance.

    >>> from numtorch.vision import ops
    >>> ops.FrozenBatchNorm2d(2, eps=0.0)(torch.ones(1, 2, 1, 1)).flatten()
    tensor([1., 1.])
    """

    weight: nt.Tensor
    bias: nt.Tensor
    running_mean: nt.Tensor
    running_var: nt.Tensor

    def __init__(self, num_features: int, eps: float = 1e-5):
        super().__init__()
        self.eps = eps
        for name, value in (("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 1.0)):
            self.register_buffer(name, nt.full((num_features,), value))

    def forward(self, x: nt.Tensor) -> nt.Tensor:
        scale = self.weight * (self.running_var + self.eps).rsqrt()
        shift = self.bias - self.running_mean * scale
        return x * scale.reshape(1, -1, 1, 1) + shift.reshape(1, -1, 1, 1)

    def extra_repr(self) -> str:
        return f"{self.weight.shape[0]}, eps={self.eps}"


def stochastic_depth(input: nt.Tensor, p: float, mode: str, training: bool = True) -> nt.Tensor:
    """The input, or zeros, at random; what is kept is divided by the probability of that.

    Args:
        input: (n, ...).
        p: the probability of zeros.
        mode: ``"row"`` for each sample on its own, or ``"batch"``.
        training: the input is returned if False.

    Returns:
        A tensor of the same shape.

    Raises:
        ValueError: another mode or probability.

    Source: Huang, Sun, Liu, Sedra and Weinberger, Deep Networks with Stochastic Depth, 2016.

    >>> from numtorch.vision import ops
    >>> ops.stochastic_depth(torch.ones(3), 0.5, "row", training=False)
    tensor([1., 1., 1.])
    """
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"drop probability has to be between 0 and 1, but got {p}")
    if mode not in ("batch", "row"):
        raise ValueError(f"mode has to be either 'batch' or 'row', but got {mode}")
    if not training or p == 0.0:
        return input
    size = [input.shape[0] if mode == "row" else 1] + [1] * (input.ndim - 1)
    noise = nt.empty(size, dtype=input.dtype, device=input.device).bernoulli_(1.0 - p)
    return input * (noise / (1.0 - p) if p < 1.0 else noise)


class StochasticDepth(nn.Module):
    """The input, or zeros, at random; see ``stochastic_depth``.

    Args:
        p: the probability of zeros.
        mode: ``"row"`` for each sample on its own, or ``"batch"``.

    >>> from numtorch.vision import ops
    >>> ops.StochasticDepth(0.5, "row").eval()(torch.ones(3))
    tensor([1., 1., 1.])
    """

    def __init__(self, p: float, mode: str):
        super().__init__()
        self.p, self.mode = p, mode

    def forward(self, input: nt.Tensor) -> nt.Tensor:
        return stochastic_depth(input, self.p, self.mode, self.training)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p}, mode={self.mode})"


def drop_block2d(
    input: nt.Tensor, p: float, block_size: int, inplace: bool = False, eps: float = 1e-6, training: bool = True
) -> nt.Tensor:
    """Squares of each channel set to zero, at random; the rest is scaled to keep the mean.

    Args:
        input: (n, channels, height, width).
        p: the part that is zero.
        block_size: of the squares.
        inplace: write into the input.
        eps: added to what is divided by.
        training: the input is returned if False.

    Returns:
        A tensor of the same shape.

    Raises:
        ValueError: another probability, or another number of dimensions.

    Source: Ghiasi, Lin and Le, DropBlock: A regularization method for convolutional networks, 2018.

    >>> from numtorch.vision import ops
    >>> ops.drop_block2d(torch.ones(1, 1, 4, 4), 0.5, 2, training=False).sum().item()
    16.0
    """
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"drop probability has to be between 0 and 1, but got {p}.")
    if input.ndim != 4:
        raise ValueError(f"input should be 4 dimensional. Got {input.ndim} dimensions.")
    if not training or p == 0.0:
        return input
    n, c, h, w = input.shape
    size = min(block_size, w, h)
    gamma = p * h * w / (size**2 * (h - size + 1) * (w - size + 1))
    seeds = nt.empty((n, c, h - size + 1, w - size + 1), dtype=input.dtype, device=input.device).bernoulli_(gamma)
    around = [size // 2] * 4
    noise = 1 - nn.functional.max_pool2d(nn.functional.pad(seeds, around), size, 1, size // 2)[..., :h, :w]
    scale = noise.numel() / (eps + noise.sum())
    return input.mul_(noise).mul_(scale) if inplace else input * noise * scale


class DropBlock2d(nn.Module):
    """Squares of each channel set to zero, at random; see ``drop_block2d``.

    Args:
        p: the part that is zero.
        block_size: of the squares.
        inplace: write into the input.
        eps: added to what is divided by.

    >>> from numtorch.vision import ops
    >>> ops.DropBlock2d(0.5, 2).eval()(torch.ones(1, 1, 4, 4)).sum().item()
    16.0
    """

    def __init__(self, p: float, block_size: int, inplace: bool = False, eps: float = 1e-6):
        super().__init__()
        self.p, self.block_size, self.inplace, self.eps = p, block_size, inplace, eps

    def forward(self, input: nt.Tensor) -> nt.Tensor:
        return drop_block2d(input, self.p, self.block_size, self.inplace, self.eps, self.training)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p}, block_size={self.block_size}, inplace={self.inplace})"
