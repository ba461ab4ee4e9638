"""Convolution: the functions that users call, in one, two and three dimensions, forward and transposed.

All of them use views and the three ops of ``conv2d``. A sequence is an image of height 1. The depth of a
volume is merged into the images (positions) and into the channels (taps). Gradients follow from those of the ops.
"""

from __future__ import annotations

from typing import Any

from numtorch._tensor import Tensor
from numtorch.exports import exported
from numtorch.ops import movement
from numtorch.ops.conv.arguments import (
    Numbers,
    check,
    check_dims,
    check_extents,
    check_weight,
    group_count,
    longer,
    numbers_of,
    padded,
    shape_text,
    steps,
    zeros_around,
)
from numtorch.ops.conv.conv2d import conv2d, conv2d_bias_grad, conv2d_input_grad, conv2d_weight_grad
from numtorch.ops.movement import reshape, squeeze, unsqueeze
from numtorch.ops.movement.views import slice_backward

__all__ = [
    "conv1d",
    "conv2d",
    "conv2d_bias_grad",
    "conv2d_input_grad",
    "conv2d_weight_grad",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
]


@exported("nn.functional")
def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """Convolution (cross-correlation) of sequences with a bank of filters; see ``conv2d``.

    Args:
        input: (N, C, L) or (C, L).
        weight: (O, C / groups, k), of the same type.
        bias: (O).
        stride: how far a window begins behind the one before.
        padding: zeros at both ends; ``"valid"`` for none; ``"same"`` for as many as keep L, with a stride of 1.
        dilation: the distance of neighbouring elements of a window.
        groups: into how many groups of neighbours the channels are divided.

    Returns:
        (N, O, L') or (O, L'), where ``L' = (L + 2 * padding - dilation * (k - 1) - 1) // stride + 1``.

    Raises:
        RuntimeError: the shapes or types do not fit, filters are longer than the padded sequence, or an option makes no
            sense.
        TypeError: ``input`` is no tensor.

    >>> torch.nn.functional.conv1d(torch.tensor([[[1.0, 2.0, 4.0]]]), torch.tensor([[[-1.0, 1.0]]]))
    tensor([[[1., 2.]]])
    """
    check_dims("conv1d", input, 1)
    check_weight("conv1d", weight, 1)
    groups = group_count("conv1d", groups)
    (s,), (d,) = steps("conv1d", stride, dilation, 1)
    if input.ndim == 2:
        return squeeze(conv1d(unsqueeze(input, 0), weight, bias, s, padding, d, groups), 0)
    x, (p,) = padded("conv1d", input, weight.shape[2:], (s,), padding, (d,))
    try:
        return squeeze(conv2d(unsqueeze(x, -2), unsqueeze(weight, -2), bias, (1, s), (0, p), (1, d), groups), -2)
    except RuntimeError:
        check(input, weight, bias, groups, 1)  # the same complaint about the shapes that the user knows
        raise


@exported("nn.functional")
def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """Convolution (cross-correlation) of volumes with a bank of filters; see ``conv2d``.

    Args:
        input: (N, C, D, H, W) or (C, D, H, W).
        weight: (O, C / groups, kD, kH, kW), of the same type.
        bias: (O).
        stride: how far a window begins behind the one before, a number or three.
        padding: zeros on each side, a number or three; ``"valid"`` for none; ``"same"`` for as many as keep the sizes,
            with a stride of 1.
        dilation: the distance of neighbouring elements of a window.
        groups: into how many groups of neighbours the channels are divided.

    Returns:
        (N, O, D', H', W') or (O, D', H', W'), where ``D' = (D + 2 * padding - dilation * (kD - 1) - 1) // stride + 1``.

    Raises:
        RuntimeError: the shapes or types do not fit, filters are larger than the padded volume, or an option makes no
            sense.
        TypeError: ``input`` is no tensor.

    >>> torch.nn.functional.conv3d(torch.ones(1, 2, 4, 5, 6), torch.ones(3, 2, 2, 3, 3), padding=1).shape
    torch.Size([1, 3, 5, 5, 6])
    """
    check_dims("conv3d", input, 3)
    check_weight("conv3d", weight, 3)
    groups = group_count("conv3d", groups)
    stride, dilation = steps("conv3d", stride, dilation, 3)
    if input.ndim == 4:
        return squeeze(conv3d(unsqueeze(input, 0), weight, bias, stride, padding, dilation, groups), 0)
    check(input, weight, bias, groups, 3)
    check_extents("conv3d", input.shape)
    x, padding = padded("conv3d", input, weight.shape[2:], stride, padding, dilation)
    x = longer(x, 2, padding[0], padding[0])
    n, c, d, h, w = x.shape
    o, _, kd, kh, kw = weight.shape
    reach = dilation[0] * (kd - 1) + 1
    if reach > d:
        raise RuntimeError(
            f"Calculated padded input size per channel: ({d} x {h + 2 * padding[1]} x {w + 2 * padding[2]}). Kernel "
            f"size: ({kd} x {kh} x {kw}). Kernel size can't be greater than actual input size (conv3d: input "
            f"{shape_text(input.shape)}, weight {shape_text(weight.shape)}, padding {padding})"
        )
    depth = (d - reach) // stride[0] + 1
    slices = [
        movement.slice(x, 2, k * dilation[0], k * dilation[0] + (depth - 1) * stride[0] + 1, stride[0])
        for k in range(kd)
    ]
    images = reshape(movement.stack([movement.transpose(s, 1, 2) for s in slices], 3), (n * depth, c * kd, h, w))
    taps = reshape(weight, (o, weight.shape[1] * kd, kh, kw))
    y = conv2d(images, taps, bias, stride[1:], padding[1:], dilation[1:], groups)
    return movement.contiguous(movement.transpose(reshape(y, (n, depth, *y.shape[1:])), 1, 2))


# --- transposed -----------------------------------------------------------------------------------


def _transposed(
    op: str,
    x: Tensor,
    w: Tensor,
    b: Tensor | None,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: int,
    dilation: Any,
    dims: int,
) -> tuple[Numbers, Numbers, Numbers, Numbers, int]:
    """torch's complaints; then stride, padding, dilation, the extents of the result and the groups."""
    check_weight(op, w, dims)
    groups = group_count(op, groups)
    stride, dilation = steps(op, stride, dilation, dims)
    padding = zeros_around(op, padding, dims)
    extra = numbers_of(op, output_padding, dims, "output_padding", 0, "negative output_padding")
    if x.shape[1] != w.shape[0]:
        raise RuntimeError(
            f"Given transposed=1, weight of size {shape_text(w.shape)}, expected input{shape_text(x.shape)} to have "
            f"{w.shape[0]} channels, but got {x.shape[1]} channels instead"
        )
    if w.shape[0] < groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be at least {groups} at dimension 0, but got weight of size "
            f"{shape_text(w.shape)} instead"
        )
    if 0 in w.shape:
        raise RuntimeError(
            f"{op}: expected a weight without empty dimensions, but got weight of size {shape_text(w.shape)}"
        )
    if w.shape[0] % groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, but got weight of "
            f"size {shape_text(w.shape)} instead"
        )
    if b is not None and tuple(b.shape) != (w.shape[1] * groups,):
        raise RuntimeError(
            f"Given transposed=1, weight of size {shape_text(w.shape)}, expected bias to be 1-dimensional with "
            f"{w.shape[1] * groups} elements, but got bias of size {shape_text(b.shape)} instead"
        )
    for name, other in (("weight", w), ("bias", b)):
        if other is not None and other.dtype is not x.dtype:
            raise RuntimeError(
                f"{op}: Input type ({x.dtype.name}) and {name} type ({other.dtype.name}) should be the same; "
                "cast one with .to(...)"
            )
    size = tuple(
        [
            (n - 1) * s - 2 * p + d * (k - 1) + e + 1
            for n, s, p, d, k, e in zip(x.shape[2:], stride, padding, dilation, w.shape[2:], extra, strict=True)
        ]
    )
    if x.shape[0]:
        if any(e >= max(s, d) for e, s, d in zip(extra, stride, dilation, strict=True)):
            raise RuntimeError(
                f"output padding must be smaller than either stride or dilation, but got output_padding: {extra}, "
                f"stride: {stride}, dilation: {dilation} ({op})"
            )
        check_extents(op, x.shape)
    if min(size) < 0:
        raise RuntimeError(
            f"Given input size per channel: {shape_text(x.shape[2:])}. Calculated output size per channel: "
            f"{shape_text(size)}. Output size is too small ({op}: weight {shape_text(w.shape)}, padding {padding})"
        )
    return stride, padding, dilation, size, groups


def _biased(y: Tensor, b: Tensor | None) -> Tensor:
    return y if b is None else y + reshape(b, (1, -1, *[1] * (y.ndim - 2)))


@exported("nn.functional")
def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """The transposed convolution of images: the gradient of ``conv2d`` for its input, as a layer.

    Every element of ``input`` adds its multiple of the filters to a window of the result.

    Args:
        input: (N, C, H, W) or (C, H, W).
        weight: (C, O / groups, kH, kW), of the same type.
        bias: (O).
        stride: how far the window of an element begins behind that of the one before, a number or two.
        padding: rows and columns taken off each side of the result.
        output_padding: rows and columns added below and on the right, fewer than stride or dilation.
        groups: into how many groups of neighbours the channels are divided.
        dilation: the distance of neighbouring elements of a window.

    Returns:
        (N, O, H', W') or (O, H', W'), where
        ``H' = (H - 1) * stride - 2 * padding + dilation * (kH - 1) + output_padding + 1``.

    Raises:
        RuntimeError: the shapes or types do not fit, nothing of the result is left, or an option makes no sense.
        TypeError: ``input`` is no tensor.

    Source: Zeiler et al. 2010, Deconvolutional Networks.

    >>> torch.nn.functional.conv_transpose2d(torch.ones(1, 1, 2, 2), torch.ones(1, 1, 2, 2))
    tensor([[[[1., 2., 1.],
              [2., 4., 2.],
              [1., 2., 1.]]]])
    """
    check_dims("conv_transpose2d", input, 2)
    if input.ndim == 3:
        return squeeze(
            conv_transpose2d(unsqueeze(input, 0), weight, bias, stride, padding, output_padding, groups, dilation), 0
        )
    geometry = _transposed(
        "conv_transpose2d", input, weight, bias, stride, padding, output_padding, groups, dilation, 2
    )
    stride, padding, dilation, size, groups = geometry
    return _biased(conv2d_input_grad(input, weight, size, stride, padding, dilation, groups), bias)


@exported("nn.functional")
def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """The transposed convolution of sequences; see ``conv_transpose2d``.

    Args:
        input: (N, C, L) or (C, L).
        weight: (C, O / groups, k), of the same type.
        bias: (O).
        stride: how far the window of an element begins behind that of the one before.
        padding: elements taken off both ends of the result.
        output_padding: elements added at the end, fewer than stride or dilation.
        groups: into how many groups of neighbours the channels are divided.
        dilation: the distance of neighbouring elements of a window.

    Returns:
        (N, O, L') or (O, L'), where ``L' = (L - 1) * stride - 2 * padding + dilation * (k - 1) + output_padding + 1``.

    Raises:
        RuntimeError: the shapes or types do not fit, nothing of the result is left, or an option makes no sense.
        TypeError: ``input`` is no tensor.

    >>> torch.nn.functional.conv_transpose1d(torch.tensor([[[1.0, 2.0]]]), torch.tensor([[[1.0, 10.0]]]))
    tensor([[[ 1., 12., 20.]]])
    """
    check_dims("conv_transpose1d", input, 1)
    if input.ndim == 2:
        return squeeze(
            conv_transpose1d(unsqueeze(input, 0), weight, bias, stride, padding, output_padding, groups, dilation), 0
        )
    geometry = _transposed(
        "conv_transpose1d", input, weight, bias, stride, padding, output_padding, groups, dilation, 1
    )
    (s,), (p,), (d,), (size,), groups = geometry
    y = conv2d_input_grad(unsqueeze(input, -2), unsqueeze(weight, -2), (1, size), (1, s), (0, p), (1, d), groups)
    return _biased(squeeze(y, -2), bias)


@exported("nn.functional")
def conv_transpose3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """The transposed convolution of volumes; see ``conv_transpose2d``.

    Args:
        input: (N, C, D, H, W) or (C, D, H, W).
        weight: (C, O / groups, kD, kH, kW), of the same type.
        bias: (O).
        stride: how far the window of an element begins behind that of the one before, a number or three.
        padding: slices, rows and columns taken off each side of the result.
        output_padding: slices, rows and columns added at the end, fewer than stride or dilation.
        groups: into how many groups of neighbours the channels are divided.
        dilation: the distance of neighbouring elements of a window.

    Returns:
        (N, O, D', H', W') or (O, D', H', W'), where
        ``D' = (D - 1) * stride - 2 * padding + dilation * (kD - 1) + output_padding + 1``.

    Raises:
        RuntimeError: the shapes or types do not fit, nothing of the result is left, or an option makes no sense.
        TypeError: ``input`` is no tensor.

    >>> torch.nn.functional.conv_transpose3d(torch.ones(1, 2, 2, 2, 2), torch.ones(2, 1, 3, 3, 3), stride=2).shape
    torch.Size([1, 1, 5, 5, 5])
    """
    check_dims("conv_transpose3d", input, 3)
    if input.ndim == 4:
        return squeeze(
            conv_transpose3d(unsqueeze(input, 0), weight, bias, stride, padding, output_padding, groups, dilation), 0
        )
    geometry = _transposed(
        "conv_transpose3d", input, weight, bias, stride, padding, output_padding, groups, dilation, 3
    )
    stride, padding, dilation, size, groups = geometry
    (n, c, d, h, w), (_, o, kd, kh, kw) = input.shape, weight.shape
    images = reshape(movement.transpose(input, 1, 2), (n * d, c, h, w))
    taps = reshape(weight, (c, o * kd, kh, kw))
    y = conv2d_input_grad(images, taps, size[1:], stride[1:], padding[1:], dilation[1:], groups)
    y = movement.permute(reshape(y, (n, d, o * groups, kd, *size[1:])), (3, 0, 2, 1, 4, 5))
    whole = (n, o * groups, max(size[0] + 2 * padding[0], (d - 1) * stride[0] + dilation[0] * (kd - 1) + 1), *size[1:])
    total: Any = None
    for k in range(kd):
        first = k * dilation[0]
        share = slice_backward(movement.select(y, 0, k), whole, 2, first, first + (d - 1) * stride[0] + 1, stride[0])
        total = share if total is None else total + share
    return _biased(movement.contiguous(movement.narrow(total, 2, padding[0], size[0])), bias)
