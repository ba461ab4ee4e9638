"""Layers that rearrange images or change their size."""

from __future__ import annotations

from typing import Any

from numtorch._tensor import Tensor
from numtorch.nn import functional as F
from numtorch.nn.module import Module


class Upsample(Module):
    """The input in another size: elements between its own are taken from the nearest, or computed from several.

    Args:
        size: the new sizes of all but the first two dimensions; a number for each of them alike.
        scale_factor: how many times larger they become, in place of ``size``.
        mode: ``"nearest"``, ``"linear"``, ``"bilinear"``, ``"bicubic"`` or ``"trilinear"``.
        align_corners: for all modes but ``"nearest"``: let the outermost elements keep their places.
        recompute_scale_factor: take the scale from the sizes, where ``scale_factor`` gives no whole ones.

    Shape: (N, C, L), (N, C, H, W) or (N, C, D, H, W), to the same with other sizes.

    See https://pytorch.org/docs/stable/generated/torch.nn.Upsample.html

    >>> torch.nn.Upsample(scale_factor=2)(torch.tensor([[[1.0, 3.0]]]))
    tensor([[[1., 1., 3., 3.]]])
    """

    def __init__(
        self,
        size: Any = None,
        scale_factor: Any = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ):
        super().__init__()
        self.name = type(self).__name__
        self.size = size
        if isinstance(scale_factor, tuple):
            self.scale_factor: Any = tuple([float(f) for f in scale_factor])
        else:
            self.scale_factor = float(scale_factor) if scale_factor else None
        self.mode, self.align_corners, self.recompute_scale_factor = mode, align_corners, recompute_scale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.interpolate(
            input, self.size, self.scale_factor, self.mode, self.align_corners, self.recompute_scale_factor
        )

    def extra_repr(self) -> str:
        said = f"scale_factor={self.scale_factor!r}" if self.scale_factor is not None else f"size={self.size!r}"
        return f"{said}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """The input in another size: each element is the nearest one.

    Args:
        size: the new height and width; a number for both alike.
        scale_factor: how many times larger they become, in place of ``size``.

    Shape: (N, C, H, W), to the same with other H and W.

    >>> torch.nn.UpsamplingNearest2d(scale_factor=2)(torch.ones(1, 1, 1, 2)).shape
    torch.Size([1, 1, 2, 4])
    """

    def __init__(self, size: Any = None, scale_factor: Any = None):
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """The input in another size: each element is computed from four, and the corners keep their places.

    Args:
        size: the new height and width; a number for both alike.
        scale_factor: how many times larger they become, in place of ``size``.

    Shape: (N, C, H, W), to the same with other H and W.

    >>> torch.nn.UpsamplingBilinear2d((1, 3))(torch.tensor([[[[1.0, 3.0]]]]))
    tensor([[[[1., 2., 3.]]]])
    """

    def __init__(self, size: Any = None, scale_factor: Any = None):
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)


class PixelShuffle(Module):
    """Channels become positions: (*, C * r * r, H, W) to (*, C, H * r, W * r) (Shi et al. 2016).

    Args:
        upscale_factor: r.

    Shape: (*, C * r * r, H, W) to (*, C, H * r, W * r).

    >>> torch.nn.PixelShuffle(2)(torch.arange(4.0).reshape(4, 1, 1))
    tensor([[[0., 1.],
             [2., 3.]]])
    """

    def __init__(self, upscale_factor: int):
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self) -> str:
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """Positions become channels: (*, C, H * r, W * r) to (*, C * r * r, H, W); the inverse of ``PixelShuffle``.

    Args:
        downscale_factor: r.

    Shape: (*, C, H * r, W * r) to (*, C * r * r, H, W).

    >>> torch.nn.PixelUnshuffle(2)(torch.ones(1, 2, 2)).shape
    torch.Size([4, 1, 1])
    """

    def __init__(self, downscale_factor: int):
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self) -> str:
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Module):
    """Channels of all groups in turn: channel ``i * C + j`` becomes ``j * groups + i`` (Zhang et al. 2018).

    Args:
        groups: how many groups there are.

    Shape: (N, groups * C, *), to the same.

    >>> torch.nn.ChannelShuffle(2)(torch.arange(4.0).reshape(1, 4, 1)).flatten()
    tensor([0., 2., 1., 3.])
    """

    def __init__(self, groups: int):
        super().__init__()
        self.groups = groups

    def forward(self, input: Tensor) -> Tensor:
        return F.channel_shuffle(input, self.groups)

    def extra_repr(self) -> str:
        return f"groups={self.groups}"


class Unfold(Module):
    """The windows of images as columns.

    Args:
        kernel_size: size of the window, one number or (height, width).
        dilation: distance between the window's elements.
        padding: zeros added at both ends of each dimension.
        stride: step of the window.

    Shape: (N, C, H, W) or (C, H, W), to (N, C * kh * kw, windows) or without N.

    >>> torch.nn.Unfold(2)(torch.ones(1, 3, 2, 3)).shape
    torch.Size([1, 12, 2])
    """

    def __init__(self, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1):
        super().__init__()
        self.kernel_size, self.dilation, self.padding, self.stride = kernel_size, dilation, padding, stride

    def forward(self, input: Tensor) -> Tensor:
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, stride={self.stride}"


class Fold(Module):
    """Columns as windows of images, which are added up where they overlap.

    Args:
        output_size: height and width of the result.
        kernel_size: size of the window, one number or (height, width).
        dilation: distance between the window's elements.
        padding: how much is cut off at both ends of each dimension.
        stride: step of the window.

    Shape: (N, C * kh * kw, windows) or without N, to (N, C, height, width) or without N.

    >>> torch.nn.Fold((2, 3), 2)(torch.ones(1, 12, 2)).shape
    torch.Size([1, 3, 2, 3])
    """

    def __init__(self, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1):
        super().__init__()
        self.output_size, self.kernel_size = output_size, kernel_size
        self.dilation, self.padding, self.stride = dilation, padding, stride

    def forward(self, input: Tensor) -> Tensor:
        return F.fold(input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return (
            f"output_size={self.output_size}, kernel_size={self.kernel_size}, dilation={self.dilation}, "
            f"padding={self.padding}, stride={self.stride}"
        )
