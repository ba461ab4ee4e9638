"""Pooling: bodies and gradients. Each gradient is an op that has a gradient of its own.

Max pooling stores no positions: the gradient finds the maxima again in the input, which is cheaper than writing positions. The kernels
are in ``cpu`` and ``cuda``.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from numtorch._tensor import Tensor, empty
from numtorch.arguments import flag, integer, integers
from numtorch.dispatch.cost import nbytes, numel, per_input, touched
from numtorch.dispatch.op import op
from numtorch.dispatch.out import SAME, into
from numtorch.dtype import BOOL, FLOATS, dtype, iinfo, int64
from numtorch.exports import exported
from numtorch.ops import movement, reduction
from numtorch.ops.arithmetic import div, eq, isnan, logical_and, lt, minimum, where
from numtorch.ops.indexing import gather_along, scatter_along
from numtorch.ops.movement import contiguous, reshape
from numtorch.ops.pooling import cpu, maxima_cpu
from numtorch.storage import Size

Pair = tuple[int, int]


@lru_cache(maxsize=4096)
def _out_size(size: tuple, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, ceil_mode: bool) -> Pair:
    """Height and width of the result: windows that begin inside the image or its padding on the left."""
    found = []
    for n, k, s, p, d in zip(size, kernel, stride, padding, dilation, strict=True):
        room = n + 2 * p - d * (k - 1) - 1
        out = (room + (s - 1 if ceil_mode else 0)) // s + 1
        if ceil_mode and (out - 1) * s >= n + p:
            out -= 1
        found.append(out)
    if min(found) < 1:
        raise RuntimeError(f"Given input size: ({'x'.join(map(str, size))}). Calculated output size: ({'x'.join(map(str, found))}). "
                           f"Output size is too small (pooling with kernel {kernel}, stride {stride}, padding {padding})")
    return tuple(found)


def _loops(device: str) -> Any:
    if device == "cpu":
        return cpu
    from numtorch.ops.pooling import cuda

    return cuda


def _windows(x: Tensor, out: Pair, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, blank: float) -> Tensor:
    """Windows of the padded images, (n, c, ho, wo, kh, kw), overlapping in memory."""
    from numtorch.ops.creation import full

    n, c, h, w = x.shape
    (ho, wo), (kh, kw), (sh, sw), (ph, pw), (dh, dw) = out, kernel, stride, padding, dilation
    rows = max(h + ph, (ho - 1) * sh + (kh - 1) * dh + 1)
    cols = max(w + pw, (wo - 1) * sw + (kw - 1) * dw + 1)
    rows, cols = max(rows, h + 2 * ph), max(cols, w + 2 * pw)
    padded = full((n, c, rows, cols), blank, dtype=x.dtype, device=x.device)
    movement.narrow(movement.narrow(padded, 2, ph, h), 3, pw, w).copy_(x)
    return movement.as_strided(padded, (n, c, ho, wo, kh, kw), (c * rows * cols, rows * cols, sh * cols, sw, dh * cols, dw))


def _planes(x: Tensor, out: Pair) -> tuple:
    n, c, h, w = x.shape
    return n * c, h, w, *out


# --- maxima ---------------------------------------------------------------------------------------


def _windows_cost(out: Tensor, x: Tensor, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair) -> int:
    """Bytes of the elements that the windows see, and of the results."""
    seen = prod(map(touched, x.shape[2:], out.shape[2:], kernel, stride, padding, dilation))
    return x.shape[0] * x.shape[1] * seen * x.dtype.itemsize + nbytes(out)


def _maxima_cost(out: Tensor, x: Tensor, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, ceil_mode: bool) -> tuple[int, int]:
    return _windows_cost(out, x, kernel, stride, padding, dilation), 0


@op(name="max_pool2d", public=False, cost=_maxima_cost)
def maxima(x, kernel: tuple, stride: tuple, padding: tuple, dilation: tuple, ceil_mode: bool):
    """The largest element of each window of x (N, C, H, W); NaN if there is one."""
    out = _out_size(x.shape[2:], kernel, stride, padding, dilation, ceil_mode)
    return reduction.amax(_windows(x, out, kernel, stride, padding, dilation, _least(x.dtype)), (4, 5))


def _least(d: dtype) -> float:
    """What no element of a type is less than."""
    return float("-inf") if d.is_floating_point else iinfo(d).min


@maxima.vjp(cost=per_input(1))
def _(g, x, *, kernel, stride, padding, dilation, ceil_mode):
    at = positions(x.detach(), kernel, stride, padding, dilation, ceil_mode)
    return spread(g, at, tuple(x.shape[2:]), kernel, stride, padding, dilation)


@op(name="max_pool2d_positions", public=False, differentiable=False, cost=_maxima_cost)
def positions(x, kernel: tuple, stride: tuple, padding: tuple, dilation: tuple, ceil_mode: bool):
    """Where in its plane the largest element of each window is: the first, or the last NaN if there is one.

    A window without a pixel, which dilation and ``ceil_mode`` allow, gives the number of pixels.
    """
    from numtorch.ops.creation import arange

    n, c, h, w = x.shape
    out = _out_size(x.shape[2:], kernel, stride, padding, dilation, ceil_mode)
    windows = _windows(x, out, kernel, stride, padding, dilation, _least(x.dtype))
    places = _windows(arange(1, h * w + 1, device=x.device).reshape(1, 1, h, w), out, kernel, stride, padding, dilation, 0) - 1
    top = reduction.amax(windows, (4, 5), True)
    first = where(logical_and(eq(windows, top), places >= 0), places, h * w)
    last = where(isnan(windows), places, -1)
    last = reduction.amax(last, (4, 5))
    return where(last >= 0, last, reduction.amin(first, (4, 5)))


@op(name="max_pool2d_spread", public=False, cost=per_input(1))
def spread(x, at, size: tuple, kernel: tuple, stride: tuple, padding: tuple, dilation: tuple):
    """Each element of x (N, C, ho, wo) added to the position ``at`` of its plane, of height and width ``size``.

    The windows say which elements can meet at a position.
    """
    from numtorch.ops.creation import zeros

    n, c = x.shape[:2]
    pixels = size[0] * size[1]
    blank = zeros((n * c, pixels + 1), dtype=x.dtype, device=x.device)
    lines = (n * c, x.shape[2] * x.shape[3])
    flat = scatter_along(blank, contiguous(reshape(at, lines)), reshape(x, lines), 1, 1)
    return reshape(contiguous(movement.narrow(flat, 1, 0, pixels)), (n, c, *size))


@spread.vjp
def _(g, at, *, kernel, stride, padding, dilation):
    return collect(g, at, kernel, stride, padding, dilation), None


@op(name="max_pool2d_collect", public=False, wide=False)
def collect(x, at, kernel: tuple, stride: tuple, padding: tuple, dilation: tuple):
    """The elements of x (N, C, H, W) at the positions ``at`` (N, C, ho, wo) of their planes; 0 at the number of pixels."""
    n, c, h, w = x.shape
    flat = contiguous(reshape(at, (n * c, at.shape[2] * at.shape[3])))
    found = gather_along(reshape(x, (n * c, h * w)), minimum(flat, h * w - 1), 1)
    return reshape(where(lt(flat, h * w), found, 0.0), at.shape)


@collect.vjp
def _(g, x_shape, at, *, kernel, stride, padding, dilation):
    return spread(g, at, tuple(x_shape[2:]), kernel, stride, padding, dilation), None


# --- means ----------------------------------------------------------------------------------------


def _extent(out: int, n: int, k: int, s: int, p: int, include_pad: bool) -> np.ndarray:
    """How many rows (or columns) each window counts."""
    start = np.arange(out) * s - p
    end = np.minimum(start + k, n + p)
    return end - start if include_pad else np.minimum(end, n) - np.maximum(start, 0)


def _divisors(x: Tensor, size: tuple, out: Pair, kernel: Pair, stride: Pair, padding: Pair, include_pad: bool, divisor: int) -> Tensor:
    """What the sum of each window is divided by, (ho, wo), as ``x`` stores numbers."""
    from numtorch.ops.creation import from_ndarray

    if divisor:
        counts = np.full(out, divisor)
    else:
        rows, cols = [_extent(*args, include_pad) for args in zip(out, size, kernel, stride, padding, strict=True)]
        counts = rows[:, None] * cols
    return from_ndarray(counts.astype(np.float64)).to(x.device).to(x.dtype)


def _means_cost(out: Tensor, x: Tensor, kernel: Pair, stride: Pair, padding: Pair, *rest: Any) -> tuple[int, int]:
    return _windows_cost(out, x, kernel, stride, padding, (1, 1)), numel(out) * (prod(kernel) + 1)


def _means_grad_cost(gx: Tensor, x: Tensor, size: Pair, kernel: Pair, *rest: Any) -> tuple[int, int]:
    return nbytes(gx, x), numel(x) * (prod(kernel) + 1)


@op(name="avg_pool2d", public=False, cost=_means_cost)
def means(x, kernel: tuple, stride: tuple, padding: tuple, ceil_mode: bool, include_pad: bool, divisor: int):
    """The mean of each window of x (N, C, H, W); ``divisor`` 0 means the size of the window."""
    out = _out_size(x.shape[2:], kernel, stride, padding, (1, 1), ceil_mode)
    sums = reduction.sum(_windows(x, out, kernel, stride, padding, (1, 1), 0.0), (4, 5))
    counts = _divisors(x, tuple(x.shape[2:]), out, kernel, stride, padding, include_pad, divisor)
    return sums / counts if x.dtype.is_floating_point else div(sums, counts, rounding_mode="trunc")


@means.vjp
def _(g, x_shape, *, kernel, stride, padding, ceil_mode, include_pad, divisor):
    return means_grad(g, tuple(x_shape[2:]), kernel, stride, padding, ceil_mode, include_pad, divisor)


@op(name="avg_pool2d_grad", public=False, cost=_means_grad_cost)
def means_grad(x, size: tuple, kernel: tuple, stride: tuple, padding: tuple, ceil_mode: bool, include_pad: bool, divisor: int):
    """The gradient of ``avg_pool2d`` for an input of height and width ``size``."""
    from numtorch.ops.creation import zeros

    n, c, ho, wo = x.shape
    (h, w), (kh, kw), (sh, sw), (ph, pw) = size, kernel, stride, padding
    part = x / _divisors(x, size, (ho, wo), kernel, stride, padding, include_pad, divisor)
    rows, cols = max(h + 2 * ph, (ho - 1) * sh + kh), max(w + 2 * pw, (wo - 1) * sw + kw)
    padded = zeros((n, c, rows, cols), dtype=x.dtype, device=x.device)
    for i in range(kh):
        for j in range(kw):
            lines = movement.slice(padded, 2, i, i + (ho - 1) * sh + 1, sh)
            movement.slice(lines, 3, j, j + (wo - 1) * sw + 1, sw).add_(part)
    return contiguous(movement.narrow(movement.narrow(padded, 2, ph, h), 3, pw, w))


@means_grad.vjp
def _(g, *, kernel, stride, padding, ceil_mode, include_pad, divisor):
    return means(g, kernel, stride, padding, ceil_mode, include_pad, divisor)


def _cells(n: int, out: int) -> list[tuple[int, int]]:
    return [(i * n // out, -(-(i + 1) * n // out)) for i in range(out)]


def _adaptive_cost(out: Tensor, x: Tensor, size: Pair) -> tuple[int, int]:
    return nbytes(out, x), numel(x) + numel(out)


@op(name="adaptive_avg_pool2d", public=False, cost=_adaptive_cost)
def adaptive_means(x, out: tuple):
    """Means over ``out`` windows in each direction: rows ``floor(i * h / ho)`` to ``ceil((i + 1) * h / ho)``."""
    lines = []
    for top, low in _cells(x.shape[2], out[0]):
        band = movement.narrow(x, 2, top, low - top)
        cells = [movement.narrow(band, 3, a, b - a) for a, b in _cells(x.shape[3], out[1])]
        lines.append(movement.stack([reduction.mean(cell, (2, 3)) for cell in cells], -1))
    return movement.stack(lines, 2)


@adaptive_means.vjp
def _(g, x_shape):
    return adaptive_means_grad(g, tuple(x_shape[2:]))


@op(name="adaptive_avg_pool2d_grad", public=False, cost=_adaptive_cost)
def adaptive_means_grad(x, size: tuple):
    """The gradient of ``adaptive_avg_pool2d`` for an input of height and width ``size``."""
    from numtorch.ops.creation import zeros

    gx = zeros((*x.shape[:2], *size), dtype=x.dtype, device=x.device)
    for i, (top, low) in enumerate(_cells(size[0], x.shape[2])):
        band = movement.narrow(gx, 2, top, low - top)
        for j, (a, b) in enumerate(_cells(size[1], x.shape[3])):
            cell = movement.narrow(movement.narrow(x, 2, i, 1), 3, j, 1)
            movement.narrow(band, 3, a, b - a).add_(cell / ((low - top) * (b - a)))
    return gx


@adaptive_means_grad.vjp
def _(g, x_shape):
    return adaptive_means(g, tuple(x_shape[2:]))


# --- kernels --------------------------------------------------------------------------------------


def _register(device: str) -> None:
    def loops() -> Any:
        return _loops(device)

    @maxima.kernel(device, dtypes=FLOATS, name="windows")
    def max_values(x, kernel, stride, padding, dilation, ceil_mode):
        x = x if x._k.contiguous else contiguous(x)
        size = _out_size(x.shape[2:], kernel, stride, padding, dilation, ceil_mode)
        out = empty(Size((*x.shape[:2], *size)), x._k.dtype, x._k.device)
        if out.shape.numel():
            loops().max_pool2d_values(x._buf, out._buf, *_planes(x, size), *kernel, *stride, *padding, *dilation)
        return out

    @positions.kernel(device, dtypes=FLOATS, name="windows")
    def max_positions(x, kernel, stride, padding, dilation, ceil_mode):
        x = x if x._k.contiguous else contiguous(x)
        size = _out_size(x.shape[2:], kernel, stride, padding, dilation, ceil_mode)
        shape = Size((*x.shape[:2], *size))
        at = empty(shape, int64, x._k.device)
        if at.shape.numel():
            values = empty(shape, x._k.dtype, x._k.device)
            loops().max_pool2d_forward(x._buf, values._buf, at._buf, *_planes(x, size), *kernel, *stride, *padding, *dilation)
        return at

    @means.kernel(device, dtypes=FLOATS, name="windows")
    def mean_values(x, kernel, stride, padding, ceil_mode, include_pad, divisor):
        x = x if x._k.contiguous else contiguous(x)
        size = _out_size(x.shape[2:], kernel, stride, padding, (1, 1), ceil_mode)
        out = empty(Size((*x.shape[:2], *size)), x._k.dtype, x._k.device)
        if out.shape.numel():
            loops().avg_pool2d_forward(x._buf, out._buf, *_planes(x, size), *kernel, *stride, *padding, include_pad, divisor)
        return out

    @means_grad.kernel(device, dtypes=FLOATS, name="windows")
    def mean_gradients(x, size, kernel, stride, padding, ceil_mode, include_pad, divisor):
        gx = empty(Size((*x.shape[:2], *size)), x._k.dtype, x._k.device)
        if gx.shape.numel():
            loops().avg_pool2d_backward(contiguous(x)._buf, gx._buf, *_planes(gx, tuple(x.shape[2:])), *kernel, *stride, *padding,
                                        include_pad, divisor)
        return gx

    @adaptive_means.kernel(device, dtypes=FLOATS, name="cells")
    def adaptive_values(x, out):
        y = empty(Size((*x.shape[:2], *out)), x._k.dtype, x._k.device)
        if y.shape.numel():
            loops().adaptive_avg_pool2d_forward(contiguous(x)._buf, y._buf, *_planes(x, out))
        return y

    @adaptive_means_grad.kernel(device, dtypes=FLOATS, name="cells")
    def adaptive_gradients(x, size):
        gx = empty(Size((*x.shape[:2], *size)), x._k.dtype, x._k.device)
        if gx.shape.numel():
            loops().adaptive_avg_pool2d_backward(contiguous(x)._buf, gx._buf, *_planes(gx, tuple(x.shape[2:])))
        return gx


_register("cpu")
_register("cuda")


def _spread_types(s: Any) -> bool:
    """float32 or float64 gradients, int64 positions"""
    return s.dtypes[0] in FLOATS and s.dtypes[1] is int64


def _register_spread(device: str) -> None:
    @spread.kernel(device, when=_spread_types, name="scatter")
    def scatter(x, at, size, kernel, stride, padding, dilation):
        gx = empty(Size((*x.shape[:2], *size)), x._k.dtype, x._k.device)
        if gx.shape.numel():
            _loops(device).max_pool2d_backward(contiguous(x)._buf, contiguous(at)._buf, gx._buf, *_planes(gx, tuple(x.shape[2:])),
                                               *kernel, *stride, *padding, *dilation)
        return gx


_register_spread("cpu")
_register_spread("cuda")


@maxima.backward.kernel("cpu", dtypes=FLOATS, functions=maxima_cpu.BACKWARD_2X2)
def straight(g, x, *, kernel, stride, padding, dilation, ceil_mode):
    n, c, h, w = x.shape
    ho, wo = g.shape[2:]
    if kernel != (2, 2) or stride != (2, 2) or padding != (0, 0) or dilation != (1, 1) or 2 * ho > h or 2 * wo > w:
        return maxima.op.gradient.vjp(g, x, kernel=kernel, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode)
    gx = empty(x.shape, x._k.dtype, x._k.device)
    large = gx.shape.numel() >= cpu.PARALLEL_WORK
    maxima_cpu.BACKWARD_2X2[large](contiguous(g)._buf, contiguous(x)._buf, gx._buf, n * c, h, w, ho, wo)
    return gx


# --- what users call ------------------------------------------------------------------------------


def _pair(value: Any, name: str, op_name: str, least: int) -> Pair:
    pair = value if value.__class__ is tuple else (integer(value, op_name, name),) * 2
    pair = pair * 2 if len(pair) == 1 else pair
    if len(pair) != 2:
        raise RuntimeError(f"{op_name}: {name} must either be a single int, or a tuple of two ints, got {value}")
    if min(pair) < least:
        raise RuntimeError(f"{op_name}: {name} should be {'greater than zero' if least else 'non-negative'}, but got {value}")
    if max(pair) >= (1 << 63 if op_name == "max_pool1d" else 1 << 31):  # as in torch, whose maxima of sequences alone count with 64 bits
        raise RuntimeError(f"{op_name}: value cannot be converted to type int without overflow: {name}={value}")
    return pair


@lru_cache(maxsize=1024)
def _checked(op_name: str, kernel: Any, stride: Any, padding: Any, dilation: Any) -> tuple[Pair, Pair, Pair, Pair]:
    """The geometry as pairs; an error for what makes no sense."""
    kernel = _pair(kernel, "kernel_size", op_name, 1)
    stride = kernel if stride is None or stride == () else _pair(stride, "stride", op_name, 1)
    padding, dilation = _pair(padding, "padding", op_name, 0), _pair(dilation, "dilation", op_name, 1)
    if any(2 * p > k for p, k in zip(padding, kernel, strict=True)):
        raise RuntimeError(f"pad should be at most half of effective kernel size, but got padding={padding}, kernel_size={kernel} "
                           f"({op_name})")
    return kernel, stride, padding, dilation


def _whole(value: Any, op_name: str, name: str) -> Any:
    """A size as ``_checked`` may remember it: a Python int, or a tuple of them."""
    if value.__class__ is int or value is None:
        return value
    return integers(value, op_name, name) if isinstance(value, tuple | list) else integer(value, op_name, name)


def _check_images(x: Tensor, op_name: str) -> None:
    """An error unless x is a batch of images, none of them empty, of a type that is pooled."""
    if len(x.shape) != 4 or 0 in x.shape[1:]:
        raise RuntimeError(f"{op_name}: Expected 3D or 4D (batch mode) tensor with optional 0 dim batch size for input, but got: "
                           f"{list(x.shape)}")
    if not x.dtype.is_floating_point and (x.dtype is int64 if op_name.startswith("avg") else x.dtype.category != BOOL):
        return
    if not x.dtype.is_floating_point:
        raise NotImplementedError(f'"{op_name}" not implemented for {x.dtype.name}; cast with .float()')


@exported("nn.functional")
def max_pool2d(input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
               return_indices: bool = False) -> Any:
    """The largest element of each window of (N, C, H, W) or (C, H, W) images.

    With ``return_indices`` also where in its plane it is. Source: torch.nn.functional.max_pool2d.

    >>> import numtorch as torch
    >>> from numtorch.ops.pooling import max_pool2d
    >>> max_pool2d(torch.arange(16.0).reshape(1, 1, 4, 4), 2)
    tensor([[[[ 5.,  7.],
              [13., 15.]]]])
    """
    if ceil_mode.__class__ is not bool:
        ceil_mode = flag(ceil_mode, "max_pool2d", "ceil_mode")
    geometry = _checked("max_pool2d", _whole(kernel_size, "max_pool2d", "kernel_size"), _whole(stride, "max_pool2d", "stride"),
                        _whole(padding, "max_pool2d", "padding"), _whole(dilation, "max_pool2d", "dilation"))
    if len(input.shape) == 3:
        y = _maxima("max_pool2d", movement.unsqueeze(input, 0), geometry, bool(ceil_mode), return_indices)
        return tuple(movement.squeeze(v, 0) for v in y) if return_indices else movement.squeeze(y, 0)
    return _maxima("max_pool2d", input, geometry, bool(ceil_mode), return_indices)


def _maxima(op_name: str, x: Tensor, geometry: tuple, ceil_mode: bool, return_indices: bool) -> Any:
    """The largest elements of the windows of images, with their places if asked for."""
    if len(x.shape) != 4 or 0 in x.shape or x._k.dtype not in FLOATS:
        _check_images(x, op_name)
    y = maxima(x, *geometry, ceil_mode)
    return (y, positions(x.detach(), *geometry, ceil_mode)) if return_indices else y


def _flat(value: Any, op_name: str, name: str) -> Any:
    """A 1-D pooling's number as what its images of height 1 take; None for what is left to its default."""
    value = _whole(value, op_name, name)
    if value.__class__ is tuple:
        if len(value) > 1 or (not value and name != "stride"):
            raise RuntimeError(f"{op_name}: {name} must be a single int, got {value}")
        return value[0] if value else None
    if value is None and name != "stride":
        raise TypeError(f"{op_name}(): argument '{name}' must be int, not NoneType")
    return value


def _lines(x: Tensor, op_name: str) -> Tensor:
    """(N, C, 1, L) of (N, C, L) or (C, L)."""
    if x.ndim not in (2, 3):
        raise RuntimeError(f"{op_name}: Expected 2D or 3D (batch mode) tensor, but got input of size: {list(x.shape)}")
    return movement.unsqueeze(x if x.ndim == 3 else movement.unsqueeze(x, 0), -2)


def _as_lines(y: Tensor, ndim: int) -> Tensor:
    """The result for ``_lines`` of a tensor of ``ndim`` dimensions in its form."""
    return movement.squeeze(y, -2) if ndim == 3 else movement.squeeze(movement.squeeze(y, -2), 0)


@exported("nn.functional")
def max_pool1d(input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
               return_indices: bool = False) -> Any:
    """The largest element of each window of (N, C, L) or (C, L) sequences."""
    if ceil_mode.__class__ is not bool:
        ceil_mode = flag(ceil_mode, "max_pool1d", "ceil_mode")
    k, s, p, d = [_flat(v, "max_pool1d", n) for v, n in
                  ((kernel_size, "kernel_size"), (stride, "stride"), (padding, "padding"), (dilation, "dilation"))]
    geometry = _checked("max_pool1d", (1, k), None if s is None else (1, s), (0, p), (1, d))
    y = _maxima("max_pool1d", _lines(input, "max_pool1d"), geometry, bool(ceil_mode), return_indices)
    return tuple(_as_lines(v, input.ndim) for v in y) if return_indices else _as_lines(y, input.ndim)


@exported("nn.functional")
def avg_pool2d(input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
               count_include_pad: bool = True, divisor_override: int | None = None, *, out: Any = None) -> Tensor:
    """The mean of each window of (N, C, H, W) or (C, H, W) images; of int64 images the quotient without its fraction.

    Source: torch.nn.functional.avg_pool2d.
    """
    if ceil_mode.__class__ is not bool:
        ceil_mode = flag(ceil_mode, "avg_pool2d", "ceil_mode")
    if count_include_pad.__class__ is not bool:
        count_include_pad = flag(count_include_pad, "avg_pool2d", "count_include_pad")
    if out is not None:
        return into(out, SAME, avg_pool2d, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
    if divisor_override is not None:
        divisor_override = integer(divisor_override, "avg_pool2d", "divisor_override")
    if divisor_override == 0:
        raise RuntimeError("divisor must be not zero (avg_pool2d: divisor_override=0)")
    geometry = _checked("avg_pool2d", _whole(kernel_size, "avg_pool2d", "kernel_size"), _whole(stride, "avg_pool2d", "stride"),
                        _whole(padding, "avg_pool2d", "padding"), 1)[:3]
    how = bool(ceil_mode), bool(count_include_pad), divisor_override or 0
    if len(input.shape) == 3:
        return movement.squeeze(_means("avg_pool2d", movement.unsqueeze(input, 0), geometry, *how), 0)
    return _means("avg_pool2d", input, geometry, *how)


def _means(op_name: str, x: Tensor, geometry: tuple, ceil_mode: bool, include_pad: bool, divisor: int) -> Tensor:
    """The means of the windows of images."""
    if len(x.shape) != 4 or 0 in x.shape or x._k.dtype not in FLOATS:
        _check_images(x, op_name)
    return means(x, *geometry, ceil_mode, include_pad, divisor)


@exported("nn.functional")
def avg_pool1d(input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
               count_include_pad: bool = True) -> Tensor:
    """The mean of each window of (N, C, L) or (C, L) sequences."""
    if ceil_mode.__class__ is not bool:
        ceil_mode = flag(ceil_mode, "avg_pool1d", "ceil_mode")
    if count_include_pad.__class__ is not bool:
        count_include_pad = flag(count_include_pad, "avg_pool1d", "count_include_pad")
    k, s, p = [_flat(v, "avg_pool1d", n) for v, n in ((kernel_size, "kernel_size"), (stride, "stride"), (padding, "padding"))]
    geometry = _checked("avg_pool1d", (1, k), None if s is None else (1, s), (0, p), 1)[:3]
    y = _means("avg_pool1d", _lines(input, "avg_pool1d"), geometry, bool(ceil_mode), bool(count_include_pad), 0)
    return _as_lines(y, input.ndim)


def _images(x: Tensor, op_name: str) -> Tensor:
    """The input with a batch dimension."""
    if x.ndim == 3:
        return movement.unsqueeze(x, 0)
    raise RuntimeError(f"{op_name}: Expected 3D or 4D (batch mode) tensor, but got input of size: {list(x.shape)}")


@exported("nn.functional")
def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """Means over as many windows as the result has elements; None keeps a size.

    Source: torch.nn.functional.adaptive_avg_pool2d.
    """
    size = tuple(output_size) if isinstance(output_size, tuple | list) else (output_size, output_size)
    size = tuple([None if n is None else integer(n, "adaptive_avg_pool2d", "output_size") for n in size])
    if len(size) != 2 or any(n is not None and n < 0 for n in size):
        raise RuntimeError(f"adaptive_avg_pool2d: output_size must be 2 non-negative numbers, got {output_size}")
    if len(input.shape) != 4:
        return movement.squeeze(adaptive_avg_pool2d(_images(input, "adaptive_avg_pool2d"), size), 0)
    out = tuple([n if given is None else int(given) for given, n in zip(size, input.shape[2:], strict=True)])
    if 0 in input.shape[2:] and out != (1, 1):
        raise RuntimeError("adaptive_avg_pool2d(): Expected input to have non-zero size for non-batch dimensions, but input has "
                           f"sizes {list(input.shape)}")
    if out == (1, 1):  # one mean of everything is a reduction of rows
        return reduction.mean(input, (2, 3), True)
    if not input.dtype.is_floating_point:
        raise NotImplementedError(f'"adaptive_avg_pool2d" not implemented for {input.dtype.name}; cast with .float()')
    return adaptive_means(input, out)


@exported("nn.functional")
def adaptive_avg_pool1d(input: Tensor, output_size: Any) -> Tensor:
    """``adaptive_avg_pool2d`` of (N, C, L) or (C, L) sequences."""
    n = _flat(output_size, "adaptive_avg_pool1d", "output_size")
    return _as_lines(adaptive_avg_pool2d(_lines(input, "adaptive_avg_pool1d"), (1, n)), input.ndim)
