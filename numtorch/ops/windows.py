"""Channels rearranged to and from positions, and the windows of images as columns."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from numtorch._tensor import Tensor
from numtorch.arguments import integer
from numtorch.exports import exported
from numtorch.ops.creation import from_numpy, zeros
from numtorch.ops.indexing.slices import index_add, index_select
from numtorch.ops.movement import permute, reshape, squeeze, unsqueeze
from numtorch.ops.movement.padding import pad_ends


@exported("torch", "nn.functional")
def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """Channels become positions: (*, C * r * r, H, W) to (*, C, H * r, W * r).

    Args:
        input: at least three-dimensional.
        upscale_factor: r.

    Returns:
        (*, C, H * r, W * r).

    Raises:
        RuntimeError: r is not positive, or the channels are no multiple of ``r * r``.

    Source: Shi et al. 2016, Real-Time Single Image and Video Super-Resolution.

    >>> torch.pixel_shuffle(torch.arange(4.0).reshape(4, 1, 1), 2)
    tensor([[[0., 1.],
             [2., 3.]]])
    """
    r = integer(upscale_factor, "pixel_shuffle", "upscale_factor")
    if input.ndim < 3:
        raise RuntimeError(
            f"pixel_shuffle expects input to have at least 3 dimensions, but got input with {input.ndim} dimension(s)"
        )
    if r <= 0:
        raise RuntimeError(f"pixel_shuffle expects a positive upscale_factor, but got {r}")
    *lead, c, h, w = input.shape
    if c % (r * r):
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, "
            f"but input.size(-3)={c} is not divisible by {r * r}"
        )
    n = len(lead)
    parts = reshape(input, (*lead, c // (r * r), r, r, h, w))
    turned = permute(parts, (*range(n), n, n + 3, n + 1, n + 4, n + 2))
    return reshape(turned, (*lead, c // (r * r), h * r, w * r))


@exported("torch", "nn.functional")
def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """Positions become channels: (*, C, H * r, W * r) to (*, C * r * r, H, W); the inverse of ``pixel_shuffle``.

    Args:
        input: at least three-dimensional.
        downscale_factor: r.

    Returns:
        (*, C * r * r, H, W).

    Raises:
        RuntimeError: r is not positive, or does not divide height and width.

    >>> torch.pixel_unshuffle(torch.tensor([[[0.0, 1.0], [2.0, 3.0]]]), 2).flatten()
    tensor([0., 1., 2., 3.])
    """
    r = integer(downscale_factor, "pixel_unshuffle", "downscale_factor")
    if input.ndim < 3:
        raise RuntimeError(
            f"pixel_unshuffle expects input to have at least 3 dimensions, but got input with {input.ndim} dimension(s)"
        )
    if r <= 0:
        raise RuntimeError(f"pixel_unshuffle expects a positive downscale_factor, but got {r}")
    *lead, c, h, w = input.shape
    for name, at, size in (("height", -2, h), ("width", -1, w)):
        if size % r:
            raise RuntimeError(
                f"pixel_unshuffle expects {name} to be divisible by downscale_factor, but input.size({at})={size} is "
                f"not divisible by {r}"
            )
    n = len(lead)
    parts = reshape(input, (*lead, c, h // r, r, w // r, r))
    turned = permute(parts, (*range(n), n, n + 2, n + 4, n + 1, n + 3))
    return reshape(turned, (*lead, c * r * r, h // r, w // r))


@exported("torch", "nn.functional", also=("native_channel_shuffle",))
def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """Channels of all groups in turn: (N, g * C, *), whose channel ``i * C + j`` becomes ``j * g + i``.

    Args:
        input: at least three-dimensional.
        groups: g.

    Returns:
        The shape of ``input``.

    Raises:
        RuntimeError: g is not positive, or does not divide the channels.

    Source: Zhang et al. 2018, ShuffleNet.

    >>> torch.channel_shuffle(torch.arange(4.0).reshape(1, 4, 1), 2).flatten()
    tensor([0., 2., 1., 3.])
    """
    g = integer(groups, "channel_shuffle", "groups")
    if input.ndim < 3:
        raise RuntimeError(f"channel_shuffle expects input with > 2 dims, but got input with sizes {list(input.shape)}")
    n, c = input.shape[:2]
    if g <= 0:
        raise RuntimeError(f"Number of groups to divide channels in must be positive. Value of groups:{g}")
    if c % g:
        raise RuntimeError(f"Number of channels must be divisible by groups. Got {c} channels and {g} groups.")
    rest = input.shape[2:]
    parts = permute(reshape(input, (n, g, c // g, prod(rest))), (0, 2, 1, 3))
    return reshape(parts, (n, c, *rest))


def pair(name: str, what: str, value: Any) -> tuple[int, int]:
    """A number for both dimensions, or one for each."""
    several = tuple(value) if isinstance(value, tuple | list) else (value,) * 2
    several = several * 2 if len(several) == 1 else several
    if len(several) != 2:
        raise RuntimeError(f"{name}: expected {what} to be a number or two, got {value}")
    return integer(several[0], name, what), integer(several[1], name, what)


def _windows(name: str, size: tuple, kernel: Any, dilation: Any, padding: Any, stride: Any) -> tuple:
    """(how many windows there are along each dimension, the position in the padded image of each element of each
    window as (kh * kw, windows), the size of the padded image, the padding)."""
    kernel, dilation = pair(name, "kernel_size", kernel), pair(name, "dilation", dilation)
    padding, stride = pair(name, "padding", padding), pair(name, "stride", stride)
    for what, value, least in (
        ("kernel_size", kernel, 1), ("dilation", dilation, 1), ("padding", padding, 0), ("stride", stride, 1)
    ):  # fmt: skip
        if min(value) < least:
            zero = "non-negative" if not least else "greater than zero"
            raise RuntimeError(f"{name}: {what} should be {zero}, but got {value}")
    padded = tuple([n + 2 * p for n, p in zip(size, padding, strict=True)])
    counts = tuple(
        [(n - d * (k - 1) - 1) // s + 1 for n, k, d, s in zip(padded, kernel, dilation, stride, strict=True)]
    )
    if min(counts) < 1:
        raise RuntimeError(
            f"{name}: Given spatial size {tuple(size)}, kernel_size={kernel}, dilation={dilation}, padding={padding}, "
            f"stride={stride}, calculated shape of the array of sliding blocks as {counts}, but its components must be "
            "at least one."
        )
    rows, cols = (
        np.add.outer(np.arange(k) * d, np.arange(c) * s)
        for k, d, c, s in zip(kernel, dilation, counts, stride, strict=True)
    )
    at = rows[:, None, :, None] * padded[1] + cols[None, :, None, :]
    return counts, at.reshape(prod(kernel), prod(counts)), padded, padding


@exported("nn.functional")
def unfold(input: Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Tensor:
    """The windows of images as columns.

    Args:
        input: (N, C, H, W) or (C, H, W).
        kernel_size: size of the window, one number or (height, width).
        dilation: distance between the window's elements.
        padding: zeros added at both ends of each dimension.
        stride: step of the window.

    Returns:
        (N, C * kh * kw, number of windows), or without N.

    Raises:
        RuntimeError: the input has another number of dimensions, or no window fits.

    >>> torch.nn.functional.unfold(torch.arange(4.0).reshape(1, 1, 2, 2), (1, 2))
    tensor([[[0., 2.],
             [1., 3.]]])
    """
    if input.ndim not in (3, 4):
        raise RuntimeError(
            f"Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for "
            f"input, but got: {list(input.shape)}"
        )
    batched = input.ndim == 4
    x = input if batched else unsqueeze(input, 0)
    n, c, *size = x.shape
    _, at, padded, (ph, pw) = _windows("unfold", tuple(size), kernel_size, dilation, padding, stride)
    x = pad_ends(x, (pw, pw, ph, ph), 0.0) if ph or pw else x
    flat = reshape(x, (n, c, prod(padded)))
    y = index_select(flat, 2, from_numpy(at.reshape(-1)).to(x.device))
    y = reshape(y, (n, c * at.shape[0], at.shape[1]))
    return y if batched else squeeze(y, 0)


@exported("nn.functional")
def fold(
    input: Tensor, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Tensor:
    """Columns as windows of images, which are added up where they overlap.

    Args:
        input: (N, C * kh * kw, number of windows), or without N.
        output_size: height and width of the result.
        kernel_size: size of the window, one number or (height, width).
        dilation: distance between the window's elements.
        padding: how much is cut off at both ends of each dimension.
        stride: step of the window.

    Returns:
        (N, C, height, width), or without N.

    Raises:
        RuntimeError: the input has another number of dimensions, or its sizes do not fit.

    >>> torch.nn.functional.fold(torch.tensor([[[0.0, 2.0], [1.0, 3.0]]]), (2, 2), (1, 2))
    tensor([[[[0., 1.],
              [2., 3.]]]])
    """
    if input.ndim not in (2, 3):
        raise RuntimeError(
            f"Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions for "
            f"input, but got: {list(input.shape)}"
        )
    batched = input.ndim == 3
    x = input if batched else unsqueeze(input, 0)
    size = pair("fold", "output_size", output_size)
    counts, at, padded, (ph, pw) = _windows("fold", size, kernel_size, dilation, padding, stride)
    n, rows, cols = x.shape
    if rows % at.shape[0]:
        raise RuntimeError(
            "Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got "
            f"input.size(1)={rows} and kernel_size={kernel_size}."
        )
    if cols != at.shape[1]:
        raise RuntimeError(
            f"Given output_size={size}, kernel_size={kernel_size}, dilation={dilation}, padding={padding}, "
            f"stride={stride}, expected size of input's dimension 2 to match the calculated number of sliding blocks "
            f"{counts[0]} * {counts[1]} = {at.shape[1]}, but got input.size(2)={cols}."
        )
    c = rows // at.shape[0]
    flat = reshape(x, (n, c, at.size))
    blank = zeros((n, c, prod(padded)), dtype=x.dtype, device=x.device)
    y = reshape(index_add(blank, 2, from_numpy(at.reshape(-1)).to(x.device), flat), (n, c, *padded))
    y = pad_ends(y, (-pw, -pw, -ph, -ph), 0.0) if ph or pw else y
    return y if batched else squeeze(y, 0)
