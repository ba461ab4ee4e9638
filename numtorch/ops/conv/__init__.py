"""Convolution: meaning and gradients. The gradients for input and weight are ops with gradients of their own.

All three are one trilinear form, the sum over ``g * w * x``: the gradient of each is found among the others.
Kernels are in ``cpu`` and ``cuda``.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from numtorch._tensor import Tensor, empty
from numtorch.dispatch.cost import nbytes, numel, per_input, touched
from numtorch.dispatch.op import op
from numtorch.dtype import FLOATS
from numtorch.ops import movement, reduction
from numtorch.ops.conv import cpu
from numtorch.ops.movement import contiguous, reshape, unsqueeze
from numtorch.storage import Size

Pair = tuple[int, int]


def _shape(x: Any) -> str:
    return str(list(x))


@lru_cache(maxsize=4096)
def _out_size(x: Size, w: Size, stride: Pair, padding: Pair, dilation: Pair) -> Pair:
    """Height and width of the result; an error where the kernel does not fit."""
    padded = [n + 2 * p for n, p in zip(x[2:], padding, strict=True)]
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, w[2:], strict=True)]
    if any(r > n for r, n in zip(reach, padded, strict=True)):
        raise RuntimeError(f"Calculated padded input size per channel: ({' x '.join(map(str, padded))}). Kernel size: "
                           f"({' x '.join(map(str, reach))}). Kernel size can't be greater than actual input size (conv2d: input "
                           f"{_shape(x)}, weight {_shape(w)}, padding {padding})")
    return tuple((n - r) // s + 1 for n, r, s in zip(padded, reach, stride, strict=True))


@lru_cache(maxsize=4096)
def _ints(x: Size, w: Size, out: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> tuple:
    """The integers that kernels take, from the shapes of input and weight."""
    return (*x, w[0], *w[2:], *out, *stride, *padding, *dilation, groups)


def _windows(x: Tensor, kernel: Pair, out: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Tensor:
    """The padded input's windows, (n, groups, channels, ho, wo, kh, kw), overlapping in memory."""
    from numtorch.ops.creation import zeros

    n, c, h, w = x.shape
    (ph, pw), (sh, sw), (dh, dw) = padding, stride, dilation
    rows, cols = h + 2 * ph, w + 2 * pw
    padded = zeros((n, c, rows, cols), dtype=x.dtype, device=x.device)
    movement.narrow(movement.narrow(padded, 2, ph, h), 3, pw, w).copy_(x)
    plane = rows * cols
    return movement.as_strided(padded, (n, groups, c // groups, *out, *kernel),
                               (c * plane, c // groups * plane, plane, sh * cols, sw, dh * cols, dw))


def _seen(x: Size, kernel: Pair, out: Pair, stride: Pair, padding: Pair, dilation: Pair) -> int:
    """How many of the elements of images of shape ``x`` the windows see."""
    return x[0] * x[1] * prod(map(touched, x[2:], out, kernel, stride, padding, dilation))


def _cost(y: Tensor, x: Tensor, w: Tensor, b: Tensor | None, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> tuple[int, int]:
    read = _seen(x.shape, w.shape[2:], y.shape[2:], stride, padding, dilation) * x.dtype.itemsize
    return nbytes(y, w, b) + read, numel(y) * (2 * prod(w.shape[1:]) + (b is not None))


def _input_grad_cost(gx: Tensor, y: Tensor, w: Tensor, *geometry: Any) -> tuple[int, int]:
    return nbytes(gx, y, w), 2 * numel(y) * prod(w.shape[1:])


def _weight_grad_cost(gw: Tensor, x: Tensor, y: Tensor, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair,
                      groups: int) -> tuple[int, int]:
    read = _seen(x.shape, kernel, y.shape[2:], stride, padding, dilation) * x.dtype.itemsize
    return nbytes(gw, y) + read, 2 * numel(y) * prod(gw.shape[1:])


@op(name="conv2d", public=False, cost=_cost)
def convolve(x, w, b=None, stride: tuple = (1, 1), padding: tuple = (0, 0), dilation: tuple = (1, 1), groups: int = 1):
    """``out[i,c,r,s] = b[c] + sum over k,a,b of w[c,k,a,b] * x[i,k,r*sh+a*dh-ph,s*sw+b*dw-pw]``."""
    _check(x, w, b, groups)
    ho, wo = _out_size(x.shape, w.shape, stride, padding, dilation)
    co, cig, kh, kw = w.shape
    windows = unsqueeze(_windows(x, (kh, kw), (ho, wo), stride, padding, dilation, groups), 2)
    taps = reshape(w, (1, groups, co // groups, cig, 1, 1, kh, kw))
    out = reshape(reduction.sum(windows * taps, (3, 6, 7)), (x.shape[0], co, ho, wo))
    return out if b is None else out + reshape(b, (1, co, 1, 1))


@convolve.vjp
def _(g, x, w, *, stride, padding, dilation, groups, needs):
    gx = conv2d_input_grad(g, w, tuple(x.shape[2:]), stride, padding, dilation, groups) if needs[0] else None
    gw = conv2d_weight_grad(x, g, tuple(w.shape[2:]), stride, padding, dilation, groups) if needs[1] else None
    return gx, gw, conv2d_bias_grad(g) if needs[2] else None


@op(public=False, cost=_input_grad_cost)
def conv2d_input_grad(y, w, size: tuple, stride: tuple, padding: tuple, dilation: tuple, groups: int):
    """The gradient of ``conv2d`` for its input, of height and width ``size``: the transposed convolution."""
    from numtorch.ops.creation import zeros

    n, co, ho, wo = y.shape
    _, cig, kh, kw = w.shape
    (ph, pw), (sh, sw), (dh, dw) = padding, stride, dilation
    h, wd = size
    padded = zeros((n, groups, cig, h + 2 * ph, wd + 2 * pw), dtype=y.dtype, device=y.device)
    gg = reshape(y, (n, groups, co // groups, 1, ho, wo))
    for i in range(kh):
        for j in range(kw):
            tap = reshape(movement.select(movement.select(w, 3, j), 2, i), (1, groups, co // groups, cig, 1, 1))
            rows = movement.slice(padded, 3, i * dh, i * dh + (ho - 1) * sh + 1, sh)
            movement.slice(rows, 4, j * dw, j * dw + (wo - 1) * sw + 1, sw).add_(reduction.sum(gg * tap, 2))
    inner = movement.narrow(movement.narrow(padded, 3, ph, h), 4, pw, wd)
    return reshape(inner, (n, groups * cig, h, wd))


def _cut(x: Tensor, shape: Size) -> Tensor:
    """The first rows and columns: a transposed convolution with output padding reaches less far than its size allows."""
    return x if x.shape == shape else movement.narrow(movement.narrow(x, 2, 0, shape[2]), 3, 0, shape[3])


@conv2d_input_grad.vjp
def _(g, y, w, *, stride, padding, dilation, groups, needs):
    gy = _cut(convolve(g, w, None, stride, padding, dilation, groups), y.shape) if needs[0] else None
    return gy, conv2d_weight_grad(g, y, tuple(w.shape[2:]), stride, padding, dilation, groups) if needs[1] else None


@op(public=False, cost=_weight_grad_cost)
def conv2d_weight_grad(x, y, kernel: tuple, stride: tuple, padding: tuple, dilation: tuple, groups: int):
    """The gradient of ``conv2d`` for its weight, of height and width ``kernel``."""
    n, co, ho, wo = y.shape
    windows = unsqueeze(_windows(x, kernel, (ho, wo), stride, padding, dilation, groups), 2)
    gg = reshape(y, (n, groups, co // groups, 1, ho, wo, 1, 1))
    return reshape(reduction.sum(windows * gg, (0, 4, 5)), (co, x.shape[1] // groups, *kernel))


@conv2d_weight_grad.vjp
def _(g, x, y, *, stride, padding, dilation, groups, needs):
    gx = conv2d_input_grad(y, g, tuple(x.shape[2:]), stride, padding, dilation, groups) if needs[0] else None
    return gx, _cut(convolve(x, g, None, stride, padding, dilation, groups), y.shape) if needs[1] else None


@op(public=False, cost=per_input(1))
def conv2d_bias_grad(x):
    """The sum over images and positions, for each channel."""
    return reduction.sum(x, (0, 2, 3))


@conv2d_bias_grad.vjp
def _(g, x_shape):
    return movement.expand_to(reshape(g, (1, -1, 1, 1)), tuple(x_shape))


# --- kernels --------------------------------------------------------------------------------------


def _loops(device: str) -> Any:
    if device == "cpu":
        return cpu
    from numtorch.ops.conv import cuda

    return cuda


@lru_cache(maxsize=64)
def _no_bias(k: Any) -> Any:
    return empty((1,), k.dtype, k.device)._buf[:0]  # of size 0 on every device


def _register(device: str) -> None:
    loops = None

    @convolve.kernel(device, dtypes=FLOATS, name=device)
    def forward(x, w, b, stride, padding, dilation, groups):
        if x._k.dtype is not w._k.dtype or len(x.shape) != 4 or x.shape[1] != w.shape[1] * groups or \
                w.shape[0] % groups or (b is not None and b.shape != w.shape[:1]):
            _check(x, w, b, groups)
        nonlocal loops
        loops = loops or _loops(device)
        size = _out_size(x.shape, w.shape, stride, padding, dilation)
        x = x if x._k.contiguous else contiguous(x)
        out = empty(Size((x.shape[0], w.shape[0], *size)), x._k.dtype, x._k.device)
        if out.shape.numel():
            bias = _no_bias(x._k) if b is None else contiguous(b)._buf
            loops.conv2d_forward(x._buf, (w if w._k.contiguous else contiguous(w))._buf, bias, out._buf,
                                 *_ints(x.shape, w.shape, size, stride, padding, dilation, groups))
        return out

    @conv2d_input_grad.kernel(device, dtypes=FLOATS, name=device)
    def input_grad(y, w, size, stride, padding, dilation, groups):
        nonlocal loops
        loops = loops or _loops(device)
        gx = empty(Size((y.shape[0], w.shape[1] * groups, *size)), y._k.dtype, y._k.device)
        if gx.shape.numel():
            loops.conv2d_input_grad(contiguous(y)._buf, contiguous(w)._buf, gx._buf,
                                    *_ints(gx.shape, w.shape, tuple(y.shape[2:]), stride, padding, dilation, groups))
        return gx

    @conv2d_weight_grad.kernel(device, dtypes=FLOATS, name=device)
    def weight_grad(x, y, kernel, stride, padding, dilation, groups):
        nonlocal loops
        loops = loops or _loops(device)
        gw = empty(Size((y.shape[1], x.shape[1] // groups, *kernel)), x._k.dtype, x._k.device)
        if gw.shape.numel():
            loops.conv2d_weight_grad(contiguous(x)._buf, contiguous(y)._buf, gw._buf,
                                     *_ints(x.shape, gw.shape, tuple(y.shape[2:]), stride, padding, dilation, groups))
        return gw

    @conv2d_bias_grad.kernel(device, dtypes=FLOATS, name=device)
    def bias_grad(x):
        nonlocal loops
        loops = loops or _loops(device)
        n, c, h, w = x.shape
        gb = empty(Size((c,)), x._k.dtype, x._k.device)
        if c:
            loops.conv2d_bias_grad(contiguous(x)._buf, gb._buf, n, c, h, w)
        return gb


_register("cpu")
_register("cuda")


# --- what users call ------------------------------------------------------------------------------


def _check(x: Tensor, w: Tensor, b: Tensor | None, groups: int) -> None:
    """torch's complaints about shapes and types."""
    if w.ndim != 4:
        raise RuntimeError(f"conv2d: expected a 4D weight, but got weight of size {_shape(w.shape)}")
    if w.shape[0] < groups:
        raise RuntimeError(f"Given groups={groups}, expected weight to be at least {groups} at dimension 0, but got weight of size "
                           f"{_shape(w.shape)} instead")
    if w.shape[0] % groups:
        raise RuntimeError(f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, but got weight of "
                           f"size {_shape(w.shape)} instead")
    if x.shape[1] != w.shape[1] * groups:
        raise RuntimeError(f"Given groups={groups}, weight of size {_shape(w.shape)}, expected input{_shape(x.shape)} to have "
                           f"{w.shape[1] * groups} channels, but got {x.shape[1]} channels instead")
    if b is not None and tuple(b.shape) != (w.shape[0],):
        raise RuntimeError(f"Given weight of size {_shape(w.shape)}, expected bias to be 1-dimensional with {w.shape[0]} elements, but "
                           f"got bias of size {_shape(b.shape)} instead")
    for name, other in (("weight", w), ("bias", b)):
        if other is not None and other.dtype is not x.dtype:
            raise RuntimeError(f"conv2d: Input type ({x.dtype.name}) and {name} type ({other.dtype.name}) should be the same; "
                               "cast one with .to(...)")


def _pair(value: Any, name: str, least: int, complaint: str) -> Pair:
    pair = (value, value) if isinstance(value, int | np.integer) else tuple(value)
    pair = pair * 2 if len(pair) == 1 else pair
    if len(pair) != 2:
        raise RuntimeError(f"conv2d: expected {name} to be a single integer value or a list of 2 values to match the convolution "
                           f"dimensions, but got {name}={list(pair)}")
    if min(pair) < least:
        raise RuntimeError(f"{complaint} is not supported (conv2d: {name}={value})")
    return pair


def conv2d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
           groups: int = 1) -> Tensor:
    """Convolution (cross-correlation) of images with a bank of filters.

    Args:
        input: (N, C, H, W) or (C, H, W).
        weight: (O, C / groups, kH, kW); ``bias``: (O).
        padding: zeros on each side, one number or two, ``"valid"`` for none, ``"same"`` for as many as keep
            H and W (stride 1 only).

    Source: torch.nn.functional.conv2d.

    >>> import numtorch as torch
    >>> from numtorch.ops.conv import conv2d
    >>> conv2d(torch.ones(1, 1, 3, 3), torch.ones(1, 1, 2, 2)).shape
    torch.Size([1, 1, 2, 2])
    """
    if stride.__class__ is not tuple or len(stride) != 2 or min(stride) < 1:
        stride = _pair(stride, "stride", 1, "non-positive stride")
    if dilation.__class__ is not tuple or len(dilation) != 2 or min(dilation) < 1:
        dilation = _pair(dilation, "dilation", 1, "dilation of zero or less")
    if len(input.shape) != 4:
        if input.ndim != 3:
            raise RuntimeError(f"Expected 3D (unbatched) or 4D (batched) input to conv2d, but got input of size: {_shape(input.shape)}")
        return movement.squeeze(conv2d(unsqueeze(input, 0), weight, bias, stride, padding, dilation, groups), 0)
    if padding.__class__ is str:
        input, padding = _named_padding(input, weight, stride, padding, dilation)
    elif padding.__class__ is not tuple or len(padding) != 2 or min(padding) < 0:
        padding = _pair(padding, "padding", 0, "negative padding")
    if groups < 1:
        raise RuntimeError(f"non-positive groups is not supported (conv2d: groups={groups})")
    return convolve(input, weight, bias, stride, padding, dilation, groups)


def _named_padding(x: Tensor, w: Tensor, stride: Pair, padding: str, dilation: Pair) -> tuple[Tensor, Pair]:
    """The input (padded where the two sides differ) and the number of zeros on each side."""
    if padding == "valid":
        return x, (0, 0)
    if padding != "same":
        raise RuntimeError(f"conv2d: Invalid padding string: {padding!r}, should be one of {{'valid', 'same'}}")
    if stride != (1, 1):
        raise RuntimeError("padding='same' is not supported for strided convolutions")
    total = [d * (k - 1) for d, k in zip(dilation, w.shape[2:], strict=True)]
    for dim, t in zip((2, 3), total, strict=True):
        if t % 2:  # the odd one goes to the right and below
            shape = (*x.shape[:dim], x.shape[dim] + 1, *x.shape[dim + 1 :])
            x = movement.slice_backward(x, shape, dim, 0, x.shape[dim], 1)
    return x, tuple(t // 2 for t in total)


def _single(value: Any, name: str) -> int:
    if isinstance(value, int | np.integer):
        return int(value)
    if len(value) != 1:
        raise RuntimeError(f"conv1d: expected {name} to be a single integer value or a list of 1 values to match the convolution "
                           f"dimensions, but got {name}={list(value)}")
    return int(value[0])


def conv1d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
           groups: int = 1) -> Tensor:
    """Convolution of sequences (N, C, L) or (C, L) with filters (O, C / groups, k): images of height 1."""
    if input.ndim not in (2, 3):
        raise RuntimeError(f"Expected 2D (unbatched) or 3D (batched) input to conv1d, but got input of size: {_shape(input.shape)}")
    if weight.ndim != 3:
        raise RuntimeError(f"conv1d: expected a 3D weight, but got weight of size {_shape(weight.shape)}")
    if padding.__class__ is not str:
        padding = (0, _single(padding, "padding"))
    stride, dilation = _single(stride, "stride"), _single(dilation, "dilation")
    y = conv2d(unsqueeze(input, -2), unsqueeze(weight, -2), bias, (1, stride), padding, (1, dilation), groups)
    return movement.squeeze(y, -2)


def conv_transpose2d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0,
                     output_padding: Any = 0, groups: int = 1, dilation: Any = 1) -> Tensor:
    """The transposed convolution: the gradient of ``conv2d`` for its input, as a layer.

    Shapes: input (N, C, H, W) or (C, H, W), weight (C, O / groups, kH, kW), bias (O).
    Source: torch.nn.functional.conv_transpose2d.
    """
    if input.ndim == 3:
        return movement.squeeze(conv_transpose2d(unsqueeze(input, 0), weight, bias, stride, padding, output_padding, groups, dilation), 0)
    if input.ndim != 4:
        raise RuntimeError("Expected 3D (unbatched) or 4D (batched) input to conv_transpose2d, but got input of size: "
                           f"{_shape(input.shape)}")
    stride, dilation = _pair(stride, "stride", 1, "non-positive stride"), _pair(dilation, "dilation", 1, "dilation of zero or less")
    padding = _pair(padding, "padding", 0, "negative padding")
    extra = _pair(output_padding, "output_padding", 0, "negative output_padding")
    if input.shape[1] != weight.shape[0]:
        raise RuntimeError(f"Given transposed=1, weight of size {_shape(weight.shape)}, expected input{_shape(input.shape)} to have "
                           f"{weight.shape[0]} channels, but got {input.shape[1]} channels instead")
    if any(e >= max(s, d) for e, s, d in zip(extra, stride, dilation, strict=True)):
        raise RuntimeError(f"output padding must be smaller than either stride or dilation, but got output_padding: {extra}, "
                           f"stride: {stride}, dilation: {dilation}")
    size = tuple((n - 1) * s - 2 * p + d * (k - 1) + e + 1 for n, s, p, d, k, e in
                 zip(input.shape[2:], stride, padding, dilation, weight.shape[2:], extra, strict=True))
    y = conv2d_input_grad(input, weight, size, stride, padding, dilation, groups)
    return y if bias is None else y + reshape(bias, (1, -1, 1, 1))
