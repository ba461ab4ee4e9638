"""Pooling: the largest or the mean of each window, over sequences and images. The kernels are in ``cpu`` and ``cuda``.

A sequence is an image of height 1, and what lies before its one or two dimensions is so many planes. Max pooling stores
no positions: the gradient finds the maxima again in the input, which is cheaper than writing positions. Each gradient
is written in ops that have gradients of their own.
"""

from __future__ import annotations

from functools import partial
from math import prod
from typing import Any

import numpy as np

from numtorch import ops
from numtorch._tensor import Tensor
from numtorch.arguments import Dims, Sizes, integer, only_real
from numtorch.dispatch.cost import nbytes, numel, per_input, touched
from numtorch.dispatch.loops import Made, like
from numtorch.dispatch.op import op
from numtorch.dispatch.out import SAME
from numtorch.dispatch.samples import exactly
from numtorch.dtype import BOOL, FLOATS, dtype, iinfo, int64
from numtorch.exports import exported
from numtorch.ops import movement, reduction
from numtorch.ops.arithmetic import div, eq, isnan, logical_and, lt, minimum, where
from numtorch.ops.indexing import gather_along, scatter_along
from numtorch.ops.movement import contiguous, reshape
from numtorch.ops.pooling import cpu, cuda

# --- geometry -------------------------------------------------------------------------------------


def _sizes(name: str, what: str, value: Any, dims: int, least: int) -> tuple[int, ...]:
    """A number of each of ``dims`` dimensions."""
    sizes = value if value.__class__ is tuple else (integer(value, name, what),)
    sizes = sizes * dims if len(sizes) == 1 else sizes
    if len(sizes) != dims:
        wanted = "be a single int" if dims == 1 else "either be a single int, or a tuple of two ints"
        raise RuntimeError(f"{name}: {what} must {wanted}, got {value}")
    if min(sizes) < least:
        raise RuntimeError(
            f"{name}: {what} should be {'greater than zero' if least else 'non-negative'}, but got {value}"
        )
    if max(sizes) >= (
        1 << 63 if name == "max_pool1d" else 1 << 31
    ):  # as in torch, whose maxima of sequences alone count with 64 bits
        raise RuntimeError(f"{name}: value cannot be converted to type int without overflow: {what}={value}")
    return sizes


def _windows_of(name: str, dims: int, x: Tensor, kernel: Any, stride: Any, padding: Any, dilation: Any = 1) -> tuple:
    """The windows as tuples; an error for what makes no sense, and for an x that has none of them."""
    kernel = _sizes(name, "kernel_size", kernel, dims, 1)
    stride = kernel if stride is None or stride == () else _sizes(name, "stride", stride, dims, 1)
    padding, dilation = _sizes(name, "padding", padding, dims, 0), _sizes(name, "dilation", dilation, dims, 1)
    if any(2 * p > k for p, k in zip(padding, kernel, strict=True)):
        raise RuntimeError(
            f"pad should be at most half of effective kernel size, but got padding={padding}, kernel_size={kernel} "
            f"({name})"
        )
    _check_dimensions(name, dims, x)
    if 0 in x.shape[-dims - 1 :]:
        raise RuntimeError(
            f"{name}: Expected {dims + 1}D or {dims + 2}D (batch mode) tensor with optional 0 dim batch size for "
            f"input, but got: {list(x.shape)}"
        )
    d = x.dtype
    if not d.is_floating_point and not (d is int64 if name.startswith("avg") else d.category != BOOL):
        raise NotImplementedError(f'"{name}" not implemented for {d.name}; cast with .float()')
    return kernel, stride, padding, dilation


def _check_dimensions(name: str, dims: int, x: Tensor) -> None:
    if x.ndim not in (dims + 1, dims + 2):
        raise RuntimeError(
            f"{name}: Expected {dims + 1}D or {dims + 2}D (batch mode) tensor, but got input of size: {list(x.shape)}"
        )


def _out_size(
    size: tuple, kernel: tuple, stride: tuple, padding: tuple, dilation: tuple, ceil_mode: bool
) -> tuple[int, ...]:
    """Size of the result: windows that begin inside the image or its padding on the left."""
    found = []
    for n, k, s, p, d in zip(size, kernel, stride, padding, dilation, strict=True):
        room = n + 2 * p - d * (k - 1) - 1
        out = (room + (s - 1 if ceil_mode else 0)) // s + 1
        if ceil_mode and (out - 1) * s >= n + p:
            out -= 1
        found.append(out)
    if min(found) < 1:
        raise RuntimeError(
            f"Given input size: ({'x'.join(map(str, size))}). Calculated output size: ({'x'.join(map(str, found))}). "
            f"Output size is too small (pooling with kernel {kernel}, stride {stride}, padding {padding})"
        )
    return tuple(found)


def _last(x: Tensor, like: tuple) -> tuple[int, ...]:
    """As many of the last sizes of x as ``like`` has."""
    return tuple(x.shape[-len(like) :])


def _planes(x: Tensor, like: tuple, size: tuple) -> tuple[int, ...]:
    """The shape of so many planes of ``size`` as x has, whose last dimensions are as many as those of ``like``."""
    return (*x.shape[: -len(like)], *size)


def _extents(x: Tensor, out: tuple, *window: tuple) -> tuple[int, ...]:
    """Planes, then height and width of images and results, and of the window's kernel, stride, padding and dilation."""
    dims = len(out)
    found = [prod(x.shape[:-dims])]
    for sizes, alone in zip((x.shape[-dims:], out, *window), (1, 1, 1, 1, 0, 1), strict=False):
        found += [alone] * (2 - dims) + [*sizes]
    return tuple(found)


def _windows(x: Tensor, out: tuple, window: tuple, blank: float) -> Tensor:
    """Windows of the padded planes, (planes, ho, wo, kh, kw), overlapping in memory."""
    planes, h, w, ho, wo, kh, kw, sh, sw, ph, pw, dh, dw = _extents(x, out, *window)
    rows = max(h + 2 * ph, (ho - 1) * sh + (kh - 1) * dh + 1)
    cols = max(w + 2 * pw, (wo - 1) * sw + (kw - 1) * dw + 1)
    padded = ops.creation.full((planes, rows, cols), blank, dtype=x.dtype, device=x.device)
    movement.narrow(movement.narrow(padded, 1, ph, h), 2, pw, w).copy_(reshape(x, (planes, h, w)))
    return movement.as_strided(padded, (planes, ho, wo, kh, kw), (rows * cols, sh * cols, sw, dh * cols, dw))


def _windows_cost(out: Tensor, x: Tensor, kernel: tuple, stride: tuple, padding: tuple, dilation: tuple) -> int:
    """Bytes of the elements that the windows see, and of the results."""
    seen = prod(map(touched, _last(x, kernel), _last(out, kernel), kernel, stride, padding, dilation))
    return prod(x.shape[: -len(kernel)]) * seen * x.dtype.itemsize + nbytes(out)


# --- maxima ---------------------------------------------------------------------------------------


def _maxima_cost(
    out: Tensor, x: Tensor, kernel: tuple, stride: tuple, padding: tuple, dilation: tuple, *rest: Any
) -> tuple[int, int]:
    return _windows_cost(out, x, kernel, stride, padding, dilation), 0


@exported("nn.functional")
@op(
    cost=_maxima_cost,
    samples=lambda: [
        ((2, 2, 4, 6), (2, 2), (2, 2), (0, 0), (1, 1), False),
        ((1, 2, 5, 5), (3, 2), (2, 1), (1, 1), (1, 1), True),
        ((1, 1, 6, 6), (2, 2), (1, 2), (0, 0), (2, 1), False),
        ((2, 4, 6), 2),
    ],
)
def max_pool2d(
    x,
    kernel_size: Dims,
    stride: Dims = None,
    padding: Dims = 0,
    dilation: Dims = 1,
    ceil_mode: bool = False,
    return_indices: Any = False,
):
    """The largest element of each window of an image; NaN if there is one.

    Args:
        input: (N, C, H, W) or (C, H, W), of real numbers but booleans.
        kernel_size: height and width of the windows, a number or two.
        stride: how far a window begins behind the one before; the kernel's size unless given.
        padding: rows and columns of the least number around the image, at most half of the kernel.
        dilation: the distance of neighbouring elements of a window.
        ceil_mode: whether windows that reach beyond the end count, if they begin within the image or its left padding.
        return_indices: whether the positions of the largest elements are returned too.

    Returns:
        (N, C, H', W') or (C, H', W'), where ``H' = (H + 2 * padding - dilation * (kernel_size - 1) - 1) // stride +
        1``. With ``return_indices`` a pair: these, and int64 positions within each flattened (H, W).

    Raises:
        RuntimeError: another number of dimensions, or sizes that give no window.
        NotImplementedError: ``input`` is boolean.

    >>> x = torch.arange(16.0).reshape(1, 1, 4, 4)
    >>> torch.nn.functional.max_pool2d(x, 2)
    tensor([[[[ 5.,  7.],
              [13., 15.]]]])
    """
    return _largest(x, kernel_size, stride, padding, dilation, ceil_mode)


@exported("nn.functional")
@op(cost=_maxima_cost, samples=lambda: [((2, 3, 7), 2), ((3, 6), (3,), (1,), (1,), (2,), True)])
def max_pool1d(
    x,
    kernel_size: Dims,
    stride: Dims = None,
    padding: Dims = 0,
    dilation: Dims = 1,
    ceil_mode: bool = False,
    return_indices: Any = False,
):
    """The largest element of each window of a sequence; NaN if there is one.

    Args:
        input: (N, C, L) or (C, L), of real numbers but booleans.
        kernel_size: the length of the windows.
        stride: how far a window begins behind the one before; the kernel's size unless given.
        padding: elements of the least number at both ends, at most half of the kernel.
        dilation: the distance of neighbouring elements of a window.
        ceil_mode: whether windows that reach beyond the end count, if they begin within the sequence or its left
            padding.
        return_indices: whether the positions of the largest elements are returned too.

    Returns:
        (N, C, L') or (C, L'), where ``L' = (L + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1``. With
        ``return_indices`` a pair: these, and int64 positions.

    Raises:
        RuntimeError: another number of dimensions, or sizes that give no window.
        NotImplementedError: ``input`` is boolean.

    >>> torch.nn.functional.max_pool1d(torch.tensor([[1.0, 3.0, 2.0, 5.0]]), 2)
    tensor([[3., 5.]])
    """
    return _largest(x, kernel_size, stride, padding, dilation, ceil_mode)


def _largest(x: Tensor, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool) -> Tensor:
    window = (kernel, stride, padding, dilation)
    out = _out_size(_last(x, kernel), *window, ceil_mode)
    return reshape(reduction.amax(_windows(x, out, window, _least(x.dtype)), (3, 4)), _planes(x, out, out))


def _least(d: dtype) -> float:
    """What no element of a type is less than."""
    only_real(d, "max_pool")
    return float("-inf") if d.is_floating_point else iinfo(d).min


@op(
    public=False,
    differentiable=False,
    cost=_maxima_cost,
    samples=lambda: [
        ((2, 2, 4, 6), (2, 2), (2, 2), (0, 0), (1, 1), False),
        ((1, 2, 5, 5), (3, 2), (2, 1), (1, 1), (1, 1), True),
        ((2, 7), (3,), (2,), (1,), (1,), False),
    ],
)
def max_pool_positions(x, kernel: tuple, stride: tuple, padding: tuple, dilation: tuple, ceil_mode: bool):
    """Where in its plane the largest element of each window is: the first, or the last NaN if there is one.

    A window without a pixel, which dilation and ``ceil_mode`` allow, gives the number of pixels.
    """
    window, size = (kernel, stride, padding, dilation), _last(x, kernel)
    out = _out_size(size, *window, ceil_mode)
    windows = _windows(x, out, window, _least(x.dtype))
    places = _windows(ops.ranges.arange(1, prod(size) + 1, device=x.device).reshape(size), out, window, 0) - 1
    top = reduction.amax(windows, (3, 4), True)
    first = where(logical_and(eq(windows, top), places >= 0), places, prod(size))
    last = where(isnan(windows), places, -1)
    last = reduction.amax(last, (3, 4))
    return reshape(where(last >= 0, last, reduction.amin(first, (3, 4))), _planes(x, out, out))


@op(
    public=False,
    cost=per_input(1),
    samples=lambda: [
        (
            (1, 2, 2, 3),
            exactly([[[[0, 3, 11], [13, 20, 23]], [[7, 8, 5], [19, 14, 17]]]]),
            (4, 6),
            (2, 2),
            (2, 2),
            (0, 0),
            (1, 1),
        ),
        ((2, 4), exactly([[0, 1, 4, 5], [2, 2, 3, 5]]), (6,), (3,), (1,), (0,), (1,)),
    ],
)
def max_pool_scatter(x, at, size: tuple, kernel: tuple, stride: tuple, padding: tuple, dilation: tuple):
    """Each element of x added to the position ``at`` of its plane, which is of this ``size``.

    The windows say which elements can meet at a position.
    """
    shape, pixels = _planes(x, size, size), prod(size)
    lines = (prod(shape[: -len(size)]), prod(_last(x, size)))
    blank = ops.creation.zeros((lines[0], pixels + 1), dtype=x.dtype, device=x.device)
    flat = scatter_along(blank, contiguous(reshape(at, lines)), reshape(x, lines), 1, 1)
    return reshape(contiguous(movement.narrow(flat, 1, 0, pixels)), shape)


@max_pool_scatter.vjp
def _(g, at, *, kernel, stride, padding, dilation):
    return max_pool_gather(g, at, kernel, stride, padding, dilation), None


@op(
    public=False,
    wide=False,
    samples=lambda: [
        (
            (1, 2, 4, 6),
            exactly([[[[0, 3, 11], [13, 20, 23]], [[7, 8, 5], [19, 14, 17]]]]),
            (2, 2),
            (2, 2),
            (0, 0),
            (1, 1),
        )
    ],
)
def max_pool_gather(x, at, kernel: tuple, stride: tuple, padding: tuple, dilation: tuple):
    """The elements of x at the positions ``at`` of their planes; 0 at the number of pixels."""
    pixels, planes = prod(_last(x, kernel)), prod(x.shape[: -len(kernel)])
    flat = contiguous(reshape(at, (planes, prod(_last(at, kernel)))))
    found = gather_along(reshape(x, (planes, pixels)), minimum(flat, pixels - 1), 1)
    return reshape(where(lt(flat, pixels), found, 0.0), at.shape)


@max_pool_gather.vjp
def _(g, x_shape, at, *, kernel, stride, padding, dilation):
    return max_pool_scatter(g, at, tuple(x_shape[-len(kernel) :]), kernel, stride, padding, dilation), None


def _with_positions(pool: Any, input: Tensor, *options: Any) -> tuple[Tensor, Tensor]:
    *window, ceil_mode, _ = options
    return pool(input, *window, ceil_mode), max_pool_positions(
        input.detach(), *_windows_of(*_NAMED[pool], input, *window), ceil_mode
    )


_NAMED = {max_pool1d: ("max_pool1d", 1), max_pool2d: ("max_pool2d", 2)}

for _pool, (_name, _dims) in _NAMED.items():

    @_pool.arguments
    def _(x, kernel_size, stride, padding, dilation, ceil_mode, return_indices, pool=_pool, name=_name, dims=_dims):
        if return_indices:
            return partial(_with_positions, pool)
        return x, *_windows_of(name, dims, x, kernel_size, stride, padding, dilation), ceil_mode, False

    @_pool.vjp(cost=per_input(1))
    def _(g, x, *, kernel_size, stride, padding, dilation, ceil_mode):
        window = (kernel_size, stride, padding, dilation)
        return max_pool_scatter(g, max_pool_positions(x.detach(), *window, ceil_mode), _last(x, kernel_size), *window)


# --- means ----------------------------------------------------------------------------------------


def _extent(out: int, n: int, k: int, s: int, p: int, include_pad: bool) -> np.ndarray:
    """How many rows (or columns) each window counts."""
    start = np.arange(out) * s - p
    end = np.minimum(start + k, n + p)
    return end - start if include_pad else np.minimum(end, n) - np.maximum(start, 0)


def _divisors(x: Tensor, size: tuple, out: tuple, window: tuple, include_pad: bool, divisor: int | None) -> Tensor:
    """What the sum of each window is divided by, in the shape ``out``, as ``x`` stores numbers."""
    counts = np.full((1,) * len(out), divisor or 1)
    if not divisor:
        counts = np.ones(())
        for n, of, k, s, p in zip(out, size, *window, strict=True):
            counts = np.multiply.outer(counts, _extent(n, of, k, s, p, include_pad))
    return ops.creation.from_ndarray(np.asarray(counts, np.float64)).to(x.device).to(x.dtype)


def _means_cost(out: Tensor, x: Tensor, kernel: tuple, stride: tuple, padding: tuple, *rest: Any) -> tuple[int, int]:
    return _windows_cost(out, x, kernel, stride, padding, (1,) * len(kernel)), numel(out) * (prod(kernel) + 1)


def _means_grad_cost(gx: Tensor, x: Tensor, size: tuple, kernel: tuple, *rest: Any) -> tuple[int, int]:
    return nbytes(gx, x), numel(x) * (prod(kernel) + 1)


def _pulled_means_cost(grads: Any, g: Tensor, x_shape: tuple, *, kernel_size: tuple, **rest: Any) -> tuple[int, int]:
    return nbytes(grads, g), numel(g) * (prod(kernel_size) + 1)


@exported("nn.functional")
@op(
    cost=_means_cost,
    out=SAME,
    samples=lambda: [
        ((2, 2, 4, 6), (2, 2), (2, 2), (0, 0), False, True),
        ((1, 2, 5, 5), (3, 2), (2, 1), (1, 1), True, False),
        ((1, 1, 5, 4), (2, 2), (1, 2), (0, 0), False, True, 3),
        ((2, 5, 4), 3),
    ],
)
def avg_pool2d(
    x,
    kernel_size: Dims,
    stride: Dims = None,
    padding: Dims = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
):
    """The mean of each window of an image.

    Args:
        input: (N, C, H, W) or (C, H, W), of a floating type, or int64, whose quotients lose their fractions.
        kernel_size: height and width of the windows, a number or two.
        stride: how far a window begins behind the one before; the kernel's size unless given.
        padding: rows and columns of zeros around the image, at most half of the kernel.
        ceil_mode: whether windows that reach beyond the end count, if they begin within the image or its left padding.
        count_include_pad: whether the zeros of the padding count.
        divisor_override: what sums are divided by instead of the number of elements.

    Returns:
        (N, C, H', W') or (C, H', W'), where ``H' = (H + 2 * padding - kernel_size) // stride + 1``.

    Raises:
        RuntimeError: another number of dimensions, sizes that give no window, or a divisor of 0.
        NotImplementedError: ``input`` is of other integers.

    >>> x = torch.arange(16.0).reshape(1, 1, 4, 4)
    >>> torch.nn.functional.avg_pool2d(x, 2)
    tensor([[[[ 2.5000,  4.5000],
              [10.5000, 12.5000]]]])
    """
    return _means(x, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


@exported("nn.functional")
@op(cost=_means_cost, samples=lambda: [((2, 3, 7), 2), ((3, 6), (3,), (1,), (1,), True, False)])
def avg_pool1d(
    x,
    kernel_size: Dims,
    stride: Dims = None,
    padding: Dims = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
):
    """The mean of each window of a sequence.

    Args:
        input: (N, C, L) or (C, L), of a floating type, or int64, whose quotients lose their fractions.
        kernel_size: the length of the windows.
        stride: how far a window begins behind the one before; the kernel's size unless given.
        padding: zeros at both ends, at most half of the kernel.
        ceil_mode: whether windows that reach beyond the end count, if they begin within the sequence or its left
            padding.
        count_include_pad: whether the zeros of the padding count.

    Returns:
        (N, C, L') or (C, L'), where ``L' = (L + 2 * padding - kernel_size) // stride + 1``.

    Raises:
        RuntimeError: another number of dimensions, or sizes that give no window.
        NotImplementedError: ``input`` is of other integers.

    >>> torch.nn.functional.avg_pool1d(torch.tensor([[1.0, 3.0, 2.0, 6.0]]), 2)
    tensor([[2., 4.]])
    """
    return _means(x, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


def _means(
    x: Tensor, kernel: Any, stride: Any, padding: Any, ceil_mode: bool, include_pad: bool, divisor: int | None
) -> Tensor:
    window, size, still = (kernel, stride, padding), _last(x, kernel), (1,) * len(kernel)
    out = _out_size(size, *window, still, ceil_mode)
    sums = reshape(reduction.sum(_windows(x, out, (*window, still), 0.0), (3, 4)), _planes(x, out, out))
    counts = _divisors(x, size, out, window, include_pad, divisor)
    return sums / counts if x.dtype.is_floating_point else div(sums, counts, rounding_mode="trunc")


@op(
    public=False,
    cost=_means_grad_cost,
    samples=lambda: [
        ((2, 2, 2, 3), (4, 6), (2, 2), (2, 2), (0, 0), False, True, None),
        ((1, 2, 3, 6), (5, 5), (3, 2), (2, 1), (1, 1), True, False, None),
        ((2, 3), (6,), (2,), (2,), (0,), False, True, None),
    ],
)
def avg_pool_grad(
    x,
    size: tuple,
    kernel: tuple,
    stride: tuple,
    padding: tuple,
    ceil_mode: bool,
    include_pad: bool,
    divisor: int | None,
):
    """The gradient of ``avg_pool2d`` and ``avg_pool1d`` for planes of this ``size``."""
    window, out = (kernel, stride, padding), _last(x, kernel)
    gx = _planes(x, size, size)
    planes, ho, wo, h, w, kh, kw, sh, sw, ph, pw = _extents(x, size, *window)
    part = reshape(x / _divisors(x, size, out, window, include_pad, divisor), (planes, ho, wo))
    rows, cols = max(h + 2 * ph, (ho - 1) * sh + kh), max(w + 2 * pw, (wo - 1) * sw + kw)
    padded = ops.creation.zeros((planes, rows, cols), dtype=x.dtype, device=x.device)
    for i in range(kh):
        for j in range(kw):
            lines = movement.slice(padded, 1, i, i + (ho - 1) * sh + 1, sh)
            movement.slice(lines, 2, j, j + (wo - 1) * sw + 1, sw).add_(part)
    return reshape(contiguous(movement.narrow(movement.narrow(padded, 1, ph, h), 2, pw, w)), gx)


@avg_pool_grad.vjp
def _(g, *, kernel, stride, padding, ceil_mode, include_pad, divisor):
    if len(kernel) == 1:
        return avg_pool1d(g, kernel, stride, padding, ceil_mode, include_pad)
    return avg_pool2d(g, kernel, stride, padding, ceil_mode, include_pad, divisor)


@avg_pool2d.arguments
def _(x, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override):
    if divisor_override == 0:
        raise RuntimeError("divisor must be not zero (avg_pool2d: divisor_override=0)")
    return (
        x,
        *_windows_of("avg_pool2d", 2, x, kernel_size, stride, padding)[:3],
        ceil_mode,
        count_include_pad,
        divisor_override,
    )


@avg_pool1d.arguments
def _(x, kernel_size, stride, padding, ceil_mode, count_include_pad):
    return x, *_windows_of("avg_pool1d", 1, x, kernel_size, stride, padding)[:3], ceil_mode, count_include_pad


@avg_pool2d.vjp(cost=_pulled_means_cost)
def _(g, x_shape, *, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override):
    return avg_pool_grad(
        g, tuple(x_shape[-2:]), kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


@avg_pool1d.vjp(cost=_pulled_means_cost)
def _(g, x_shape, *, kernel_size, stride, padding, ceil_mode, count_include_pad):
    return avg_pool_grad(g, tuple(x_shape[-1:]), kernel_size, stride, padding, ceil_mode, count_include_pad, None)


# --- as many means as are asked for ---------------------------------------------------------------


def _cells(n: int, out: int) -> list[tuple[int, int]]:
    return [(i * n // out, -(-(i + 1) * n // out)) for i in range(out)]


def _adaptive_cost(out: Tensor, x: Tensor, size: tuple) -> tuple[int, int]:
    return nbytes(out, x), numel(x) + numel(out)


def _pulled_adaptive_cost(grads: Any, g: Tensor, x_shape: tuple, *, output_size: tuple) -> tuple[int, int]:
    return nbytes(grads, g), prod(x_shape) + numel(g)


@exported("nn.functional")
@op(cost=_adaptive_cost, samples=lambda: [((2, 2, 5, 4), (2, 3)), ((1, 3, 4, 4), (1, 1)), ((2, 4, 4), 2)])
def adaptive_avg_pool2d(x, output_size: Sizes):
    """Means over as many windows as the result has elements.

    Row i of m is the mean of rows ``floor(i * H / m)`` to ``ceil((i + 1) * H / m) - 1``; columns likewise.

    Args:
        input: (N, C, H, W) or (C, H, W), of a floating type.
        output_size: height and width of the result, a number or two; None keeps a size.

    Returns:
        (N, C, *output_size) or (C, *output_size).

    Raises:
        RuntimeError: another number of dimensions, or negative sizes.
        NotImplementedError: ``input`` is of integers.

    >>> torch.nn.functional.adaptive_avg_pool2d(torch.arange(16.0).reshape(1, 4, 4), (1, 2))
    tensor([[[6.5000, 8.5000]]])
    """
    return _adaptive_means(x, output_size)


@exported("nn.functional")
@op(cost=_adaptive_cost, samples=lambda: [((2, 2, 5), 3), ((2, 6), (2,))])
def adaptive_avg_pool1d(x, output_size: Dims):
    """Means over as many windows as the result has elements.

    Element i of m is the mean of elements ``floor(i * L / m)`` to ``ceil((i + 1) * L / m) - 1``.

    Args:
        input: (N, C, L) or (C, L), of a floating type.
        output_size: the length of the result.

    Returns:
        (N, C, output_size) or (C, output_size).

    Raises:
        RuntimeError: another number of dimensions, or a negative size.
        NotImplementedError: ``input`` is of integers.
        TypeError: ``output_size`` is None.

    >>> torch.nn.functional.adaptive_avg_pool1d(torch.tensor([[1.0, 2.0, 3.0, 4.0]]), 2)
    tensor([[1.5000, 3.5000]])
    """
    return _adaptive_means(x, output_size)


def _adaptive_means(x: Tensor, out: Any) -> Tensor:
    planes, h, w, ho, wo = _extents(x, out)
    x, shape, lines = reshape(x, (planes, h, w)), _planes(x, out, out), []
    for top, low in _cells(h, ho):
        band = movement.narrow(x, 1, top, low - top)
        cells = [movement.narrow(band, 2, a, b - a) for a, b in _cells(w, wo)]
        lines.append(movement.stack([reduction.mean(cell, (1, 2)) for cell in cells], -1))
    return reshape(movement.stack(lines, 1), shape)


@op(public=False, cost=_adaptive_cost, samples=lambda: [((2, 2, 2, 3), (5, 4)), ((1, 3, 1, 1), (4, 4)), ((2, 3), (7,))])
def adaptive_avg_pool_grad(x, size: tuple):
    """The gradient of ``adaptive_avg_pool2d`` and ``adaptive_avg_pool1d`` for planes of this ``size``."""
    planes, ho, wo, h, w = _extents(x, size)
    gx, parts = ops.creation.zeros((planes, h, w), dtype=x.dtype, device=x.device), reshape(x, (planes, ho, wo))
    for i, (top, low) in enumerate(_cells(h, ho)):
        band = movement.narrow(gx, 1, top, low - top)
        for j, (a, b) in enumerate(_cells(w, wo)):
            cell = movement.narrow(movement.narrow(parts, 1, i, 1), 2, j, 1)
            movement.narrow(band, 2, a, b - a).add_(cell / ((low - top) * (b - a)))
    return reshape(gx, _planes(x, size, size))


@adaptive_avg_pool_grad.vjp
def _(g, x_shape, *, size):
    return (adaptive_avg_pool2d if len(size) == 2 else adaptive_avg_pool1d)(g, tuple(x_shape[-len(size) :]))


def _mean(dims: tuple, input: Tensor, output_size: Any) -> Tensor:
    return reduction.mean(input, dims, True)


for _pool, _dims in ((adaptive_avg_pool1d, 1), (adaptive_avg_pool2d, 2)):

    @_pool.arguments
    def _(x, output_size, name=_pool.op.name, dims=_dims):
        size = output_size if output_size.__class__ is tuple else (output_size,) * dims
        if len(size) != dims or any(n is not None and n < 0 for n in size):
            raise RuntimeError(
                f"{name}: output_size must be {dims} non-negative number{'s' * (dims > 1)}, got {output_size}"
            )
        if dims == 1 and size[0] is None:
            raise TypeError(f"{name}(): argument 'output_size' must be int, not NoneType")
        _check_dimensions(name, dims, x)
        out = tuple([n if given is None else given for given, n in zip(size, x.shape[-dims:], strict=True)])
        if out == (1,) * dims:  # one mean of everything is a reduction of rows
            return partial(_mean, tuple(range(-dims, 0)))
        if 0 in x.shape[-dims:]:
            raise RuntimeError(
                f"{name}(): Expected input to have non-zero size for non-batch dimensions, but input has sizes "
                f"{list(x.shape)}"
            )
        if not x.dtype.is_floating_point:
            raise NotImplementedError(f'"{name}" not implemented for {x.dtype.name}; cast with .float()')
        return x, out

    @_pool.vjp(cost=_pulled_adaptive_cost)
    def _(g, x_shape, *, output_size):
        return adaptive_avg_pool_grad(g, tuple(x_shape[-len(output_size) :]))


# --- kernels --------------------------------------------------------------------------------------


def _result(x: Tensor, window: tuple, ceil_mode: bool, dtype: Any = None) -> tuple[tuple, Made]:
    """The size of the result, and the result."""
    kernel, stride, padding, dilation = window
    out = _out_size(_last(x, kernel), kernel, stride, padding, dilation, ceil_mode)
    return out, like(x, _planes(x, out, out), dtype)


def _register(device: str, loops: Any) -> None:
    for pool in _NAMED:

        @pool.loop(device, dtypes=FLOATS, name="windows")
        def _(x, kernel_size, stride, padding, dilation, ceil_mode):
            window = (kernel_size, stride, padding, dilation)
            out, made = _result(x, window, ceil_mode)
            return loops.max_values(made, *_extents(x, out, *window))

        @pool.backward.loop(device, dtypes=FLOATS, name="windows")
        def _(g, x, kernel_size, stride, padding, dilation):
            return loops.max_gradient(
                like(x), *_extents(x, _last(g, kernel_size), kernel_size, stride, padding, dilation)
            )

    @max_pool_positions.loop(device, dtypes=FLOATS, name="windows")
    def _(x, kernel, stride, padding, dilation, ceil_mode):
        window = (kernel, stride, padding, dilation)
        out, made = _result(x, window, ceil_mode, int64)
        return loops.max_positions(made, *_extents(x, out, *window))

    @max_pool_scatter.loop(device, when=_marked, name="scatter")
    def _(x, size, kernel, stride, padding, dilation):
        made = like(x, _planes(x, size, size))
        planes, ho, wo, h, w, *window = _extents(x, size, kernel, stride, padding, dilation)
        return loops.max_scatter(made, planes, h, w, ho, wo, *window)

    def means(x, kernel, stride, padding, ceil_mode, include_pad, divisor):
        out, made = _result(x, (kernel, stride, padding, (1,) * len(kernel)), ceil_mode)
        return loops.means(made, *_extents(x, out, kernel, stride, padding), int(include_pad), divisor or 0)

    def mean_gradient(g, size, kernel, stride, padding, include_pad, divisor):
        planes, ho, wo, h, w, *window = _extents(g, size, kernel, stride, padding)
        return loops.mean_gradient(
            like(g, _planes(g, size, size)), planes, h, w, ho, wo, *window, int(include_pad), divisor or 0
        )

    @avg_pool2d.loop(device, dtypes=FLOATS, name="windows")
    def _(x, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override):
        return means(x, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)

    @avg_pool1d.loop(device, dtypes=FLOATS, name="windows")
    def _(x, kernel_size, stride, padding, ceil_mode, count_include_pad):
        return means(x, kernel_size, stride, padding, ceil_mode, count_include_pad, None)

    @avg_pool2d.backward.loop(device, dtypes=FLOATS, name="windows")
    def _(g, x_shape, kernel_size, stride, padding, count_include_pad, divisor_override):
        return mean_gradient(g, x_shape[-2:], kernel_size, stride, padding, count_include_pad, divisor_override)

    @avg_pool1d.backward.loop(device, dtypes=FLOATS, name="windows")
    def _(g, x_shape, kernel_size, stride, padding, count_include_pad):
        return mean_gradient(g, x_shape[-1:], kernel_size, stride, padding, count_include_pad, None)

    @avg_pool_grad.loop(device, dtypes=FLOATS, name="windows")
    def _(x, size, kernel, stride, padding, include_pad, divisor):
        return mean_gradient(x, size, kernel, stride, padding, include_pad, divisor)

    def cells_gradient(g, size):
        planes, ho, wo, h, w = _extents(g, size)
        return loops.adaptive_gradient(like(g, _planes(g, size, size)), planes, h, w, ho, wo)

    for pool in (adaptive_avg_pool1d, adaptive_avg_pool2d):

        @pool.loop(device, dtypes=FLOATS, name="cells")
        def _(x, output_size):
            return loops.adaptive(like(x, _planes(x, output_size, output_size)), *_extents(x, output_size))

        @pool.backward.loop(device, dtypes=FLOATS, name="cells")
        def _(g, x_shape, output_size):
            return cells_gradient(g, x_shape[-len(output_size) :])

    @adaptive_avg_pool_grad.loop(device, dtypes=FLOATS, name="cells")
    def _(x, size):
        return cells_gradient(x, size)


def _marked(s: Any) -> bool:
    """float32 or float64 gradients, int64 positions"""
    return s.dtypes[0] in FLOATS and s.dtypes[1] is int64


_register("cpu", cpu)
_register("cuda", cuda)
