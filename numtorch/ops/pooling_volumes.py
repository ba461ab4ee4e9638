"""Pooling composed of other ops: of volumes, of windows that differ in size or lie at random; and its inverse."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from numtorch._tensor import Tensor
from numtorch.arguments import integers
from numtorch.dispatch.out import SAME, into
from numtorch.dtype import float64
from numtorch.exports import exported
from numtorch.ops import reduction
from numtorch.ops.activation import relu
from numtorch.ops.arithmetic import abs, div, pow, sign
from numtorch.ops.creation import from_numpy, zeros
from numtorch.ops.indexing.elements import gather, scatter
from numtorch.ops.indexing.slices import index_select
from numtorch.ops.movement import expand_to, permute, reshape, squeeze, unsqueeze
from numtorch.ops.pooling import _extent, _out_size, _windows_of, avg_pool1d, avg_pool2d, max_pool2d
from numtorch.ops.random import rand
from numtorch.ops.resampling import _taps, resample

# --- volumes --------------------------------------------------------------------------------------------


@exported("torch", "nn.functional")
def max_pool3d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of each window of volumes.

    Args:
        input: (N, C, D, H, W) or (C, D, H, W).
        kernel_size: size of the window, one number or three.
        stride: step of the window; ``kernel_size`` if None.
        padding: negative infinities added at both ends; at most half of ``kernel_size``.
        dilation: distance between the window's elements.
        ceil_mode: let the last window reach beyond the end, if it begins inside.
        return_indices: return (maxima, their positions in the flattened D x H x W) instead.

    Returns:
        The input with other D, H and W.

    Raises:
        RuntimeError: the input has another number of dimensions, or no window fits.

    >>> torch.nn.functional.max_pool3d(torch.arange(8.0).reshape(1, 2, 2, 2), 2)
    tensor([[[[7.]]]])
    """
    tupled = [tuple(v) if isinstance(v, list) else v for v in (kernel_size, stride, padding, dilation)]
    window = _windows_of("max_pool3d", 3, input, *tupled)
    size = tuple(input.shape[-3:])
    _out_size(size, window[0], window[1], window[2], window[3], ceil_mode)
    (kd, kh, kw), (sd, sh, sw), (pd, ph, pw), (dd, dh, dw) = window
    lead = input.shape[:-3]
    planes = reshape(input, (prod(lead), *size))
    images = ((kh, kw), (sh, sw), (ph, pw), (dh, dw), ceil_mode)
    depth = ((kd, 1), (sd, 1), (pd, 0), (dd, 1), ceil_mode)
    if not return_indices:
        y = max_pool2d(planes, *images)
        h, w = y.shape[-2:]
        y = max_pool2d(reshape(y, (prod(lead), 1, size[0], h * w)), *depth)
        return reshape(y, (*lead, y.shape[-2], h, w))
    y, at = max_pool2d(planes, *images, True)
    h, w = y.shape[-2:]
    y, layers = max_pool2d(reshape(y, (prod(lead), 1, size[0], h * w)), *depth, True)
    shape = (*lead, y.shape[-2], h, w)
    flat, places = reshape(at, (prod(lead), size[0] * h * w)), reshape(layers, (prod(lead), prod(shape[len(lead) :])))
    found = gather(flat, 1, places) + places // (h * w) * (size[1] * size[2])
    return reshape(y, shape), reshape(found, shape)


@exported("nn.functional")
def avg_pool3d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
    *,
    out: Any = None,
) -> Tensor:
    """The mean of each window of volumes.

    Args:
        input: (N, C, D, H, W) or (C, D, H, W), of a floating type, or int64, whose quotients lose their fractions.
        kernel_size: size of the window, one number or three.
        stride: step of the window; ``kernel_size`` if None.
        padding: zeros added at both ends; at most half of ``kernel_size``.
        ceil_mode: let the last window reach beyond the end, if it begins inside.
        count_include_pad: count the added zeros in the mean.
        divisor_override: divides the sum of each window instead of its size.

    Returns:
        The input with other D, H and W.

    Raises:
        RuntimeError: the input has another number of dimensions, no window fits, or the divisor is 0.

    >>> torch.nn.functional.avg_pool3d(torch.arange(8.0).reshape(1, 2, 2, 2), 2)
    tensor([[[[3.5000]]]])
    """
    if out is not None:
        return into(
            out, SAME, avg_pool3d, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
        )
    tupled = [tuple(v) if isinstance(v, list) else v for v in (kernel_size, stride, padding)]
    kernel, step, edge, apart = _windows_of("avg_pool3d", 3, input, *tupled)
    if divisor_override == 0:
        raise RuntimeError("divisor must be not zero")
    size = tuple(input.shape[-3:])
    wanted = _out_size(size, kernel, step, edge, apart, ceil_mode)
    lead = input.shape[:-3]
    x = input.float() if input.dtype.is_half else input  # rounded once, not for each pass
    y = avg_pool2d(reshape(x, (prod(lead), *size)), kernel[1:], step[1:], edge[1:], ceil_mode, True, 1)
    y = reshape(y, (prod(lead), 1, size[0], wanted[1] * wanted[2]))
    y = reshape(avg_pool2d(y, (kernel[0], 1), (step[0], 1), (edge[0], 0), ceil_mode, True, 1), (*lead, *wanted))
    counts = np.ones(())
    for n, of, k, s, p in zip(wanted, size, kernel, step, edge, strict=True):
        counts = np.multiply.outer(counts, _extent(n, of, k, s, p, count_include_pad))
    divisor = divisor_override or from_numpy(counts).to(y.device).to(y.dtype)
    return (y / divisor).to(input.dtype) if y.dtype.is_floating_point else div(y, divisor, rounding_mode="trunc")


def _wanted(name: str, input: Tensor, output_size: Any, dims: int) -> tuple[int, ...]:
    sizes = tuple(output_size) if isinstance(output_size, tuple | list) else (output_size,) * dims
    sizes = sizes * dims if len(sizes) == 1 else sizes
    if len(sizes) != dims:
        raise RuntimeError(f"{name}: output_size must be {dims}")
    if input.ndim not in (dims + 1, dims + 2):
        raise RuntimeError(f"{name}(): Expected {dims + 1}D or {dims + 2}D tensor, but got {list(input.shape)}")
    sizes = tuple([n if s is None else int(s) for n, s in zip(input.shape[-dims:], sizes, strict=True)])
    if 0 in input.shape[-dims - 1 :]:
        raise RuntimeError(
            f"{name}(): Expected input to have non-zero size for non-batch dimensions, but input has sizes "
            f"{list(input.shape)}"
        )
    return sizes


@exported("nn.functional")
def adaptive_avg_pool3d(input: Tensor, output_size: Any) -> Tensor:
    """Means of windows chosen so that depth, height and width become ``output_size``.

    Args:
        input: (N, C, D, H, W) or (C, D, H, W).
        output_size: one number or three; None keeps a size.

    Returns:
        The input with other D, H and W.

    Raises:
        RuntimeError: the input has another number of dimensions.

    >>> torch.nn.functional.adaptive_avg_pool3d(torch.arange(8.0).reshape(1, 2, 2, 2), 1)
    tensor([[[[3.5000]]]])
    """
    y = input.float() if input.dtype.is_half else input  # rounded once, not for each dimension
    for i, n in enumerate(_wanted("adaptive_avg_pool3d", input, output_size, 3)):
        d = input.ndim - 3 + i
        if n != y.shape[d]:
            y = resample(y, d, _taps(y.shape[d], n, None, "area", False, False))
    return y.to(input.dtype) if y is not input else input.clone()


def _adaptive_maxima(name: str, input: Tensor, output_size: Any, dims: int) -> tuple[Tensor, Tensor]:
    """The largest element of each window, and its position."""
    out = _wanted(name, input, output_size, dims)
    size, lead = tuple(input.shape[-dims:]), input.shape[: input.ndim - dims]
    x, position = input, np.zeros((), np.int64)
    widths = []
    for i, (n, m) in enumerate(zip(size, out, strict=True)):
        first, last = np.arange(m) * n // m, -(-(np.arange(m) + 1) * n // m)
        width = int((last - first).max()) if m else 1
        # Windows with fewer elements hold their last one again, which is never the first of the largest.
        at = np.minimum(first[:, None] + np.arange(width), last[:, None] - 1)
        x = index_select(x, len(lead) + i, from_numpy(at.reshape(-1)).to(x.device))
        position = position[..., None, None] * n + at
        widths.append(width)
    order = [2 * i for i in range(dims)] + [2 * i + 1 for i in range(dims)]
    parts = reshape(x, (*lead, *[n for pair in zip(out, widths, strict=True) for n in pair]))
    parts = permute(parts, (*range(len(lead)), *[len(lead) + i for i in order]))
    parts = reshape(parts, (*lead, *out, prod(widths)))
    y, at = reduction.max(parts, -1)
    table = from_numpy(np.ascontiguousarray(position.transpose(order)).reshape(*out, prod(widths))).to(x.device)
    places = gather(expand_to(table, parts.shape), parts.ndim - 1, unsqueeze(at, -1))
    return y, squeeze(places, -1)


def _adaptive(dims: int) -> Any:
    name, letters = f"adaptive_max_pool{dims}d", ("L", "H, W", "D, H, W")[dims - 1]

    def pool(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
        y, at = _adaptive_maxima(name, input, output_size, dims)
        return (y, at) if return_indices else y

    pool.__name__ = pool.__qualname__ = name
    ones = ", ".join(["1"] * dims)
    pool.__doc__ = f"""The largest elements of windows chosen so that the sizes become ``output_size``.

    Args:
        input: (N, C, {letters}) or (C, {letters}).
        output_size: one number, or one for each of {letters}; None keeps a size.
        return_indices: return (maxima, their positions in the flattened {letters.replace(", ", " x ")}) instead.

    Returns:
        The input with other {letters}.

    Raises:
        RuntimeError: the input has another number of dimensions.

    >>> torch.nn.functional.{name}(torch.ones(1, 1, {ones}), 1).shape
    torch.Size([1, 1, {ones}])
    """
    return exported("torch", "nn.functional")(pool) if dims == 1 else exported("nn.functional")(pool)


adaptive_max_pool1d, adaptive_max_pool2d, adaptive_max_pool3d = (_adaptive(n) for n in (1, 2, 3))

# --- the inverse ----------------------------------------------------------------------------------------


def _numbers(value: Any, dims: int, op: str, name: str) -> tuple[int, ...]:
    several = integers(value if isinstance(value, tuple | list) else (value,) * dims, op, name)
    return several * dims if len(several) == 1 else several


def _unpool(
    name: str, dims: int, input: Tensor, indices: Tensor, kernel: Any, stride: Any, padding: Any, output_size: Any
) -> Tensor:
    kernel = _numbers(kernel, dims, name, "kernel_size")
    stride = kernel if stride is None else _numbers(stride, dims, name, "stride")
    padding = _numbers(padding, dims, name, "padding")
    if input.shape != indices.shape:
        raise RuntimeError(
            f"Expected shape of indices to be same as that of the input tensor ({list(input.shape)}) but got indices "
            f"tensor with shape: {list(indices.shape)}"
        )
    if input.ndim not in (dims + 1, dims + 2):
        raise RuntimeError(
            f"Input to {name} should be a {dims + 1}D or {dims + 2}D Tensor, but got a tensor with {input.ndim} dim"
        )
    usual = [(n - 1) * s + k - 2 * p for n, s, k, p in zip(input.shape[-dims:], stride, kernel, padding, strict=True)]
    if output_size is None:
        size = usual
    else:
        size = list(output_size)[-dims:] if len(output_size) == dims + 2 else list(output_size)
        if len(size) != dims:
            raise ValueError(
                f"output_size should be a sequence containing {dims} or {dims + 2} elements, but it has a length of "
                f"'{len(size)}'"
            )
        for d, (n, u, s) in enumerate(zip(size, usual, stride, strict=True)):
            if not u - s < n < u + s:
                raise ValueError(f'invalid output_size "{output_size}" (dim {d} must be between {u - s} and {u + s})')
    if min(size) < 0:
        raise ValueError(f"{name}: output_size must contain non-negative spatial dimensions, but is {size}")
    lead = input.shape[: input.ndim - dims]
    flat, places = [reshape(t, (*lead, prod(input.shape[-dims:]))) for t in (input, indices)]
    blank = zeros((*lead, prod(size)), dtype=input.dtype, device=input.device)
    return reshape(scatter(blank, len(lead), places, flat), (*lead, *size))


def _unpooling(dims: int) -> Any:
    name, letters = f"max_unpool{dims}d", ("L", "H, W", "D, H, W")[dims - 1]

    def unpool(
        input: Tensor, indices: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
    ) -> Tensor:
        return _unpool(name, dims, input, indices, kernel_size, stride, padding, output_size)

    unpool.__name__ = unpool.__qualname__ = name
    unpool.__doc__ = f"""Maxima at the positions from which they were taken, zeros elsewhere.

    Args:
        input: maxima, (N, C, {letters}) or (C, {letters}).
        indices: their positions, as pooling with ``return_indices`` gives them; int64.
        kernel_size: size of the window that was pooled.
        stride: its step; ``kernel_size`` if None.
        padding: what was added at both ends.
        output_size: the sizes of the result, where several were pooled to these.

    Returns:
        The input with the sizes from before it was pooled.

    Raises:
        RuntimeError: the shapes do not fit, or a position is outside.
        ValueError: ``output_size`` does not fit.

    >>> x = torch.ones(1, 1, {", ".join(["2"] * dims)})
    >>> y, at = torch.nn.functional.max_pool{dims}d(x, 2, return_indices=True)
    >>> torch.nn.functional.{name}(y, at, 2).sum()
    tensor(1.)
    """
    return exported("nn.functional")(unpool)


max_unpool1d, max_unpool2d, max_unpool3d = (_unpooling(n) for n in (1, 2, 3))

# --- powers ---------------------------------------------------------------------------------------------


def _power_pool(dims: int) -> Any:
    name, letters = f"lp_pool{dims}d", ("L", "H, W", "D, H, W")[dims - 1]
    means: Any = (avg_pool1d, avg_pool2d, avg_pool3d)[dims - 1]

    def pool(input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Tensor:
        kernel = _numbers(kernel_size, dims, name, "kernel_size")
        step = stride if stride is None else _numbers(stride, dims, name, "stride")
        y = means(pow(input, norm_type), kernel, step, 0, ceil_mode)
        return pow(sign(y) * relu(abs(y)) * prod(kernel), 1.0 / norm_type)

    pool.__name__ = pool.__qualname__ = name
    pool.__doc__ = f"""The ``p``-norm of each window: ``sum(x ** p) ** (1 / p)``.

    Args:
        input: (N, C, {letters}) or (C, {letters}).
        norm_type: p.
        kernel_size: size of the window, one number or one for each dimension.
        stride: step of the window; ``kernel_size`` if None.
        ceil_mode: let the last window reach beyond the end, if it begins inside.

    Returns:
        The input with other {letters}.

    >>> torch.nn.functional.{name}(torch.ones(1, 1, {", ".join(["2"] * dims)}), 1, 2).flatten()
    tensor([{2**dims}.])
    """
    return exported("nn.functional")(pool)


lp_pool1d, lp_pool2d, lp_pool3d = (_power_pool(n) for n in (1, 2, 3))

# --- windows at random ----------------------------------------------------------------------------------


def _starts(samples: np.ndarray, n: int, out: int, k: int) -> np.ndarray:
    """Where the windows along a dimension begin, for each sample."""
    samples = samples[..., None]
    if out == 1:
        return np.full((*samples.shape[:-1], 1), n - k)
    alpha = samples.dtype.type((n - k) / (out - 1))
    j = np.arange(out - 1, dtype=samples.dtype)
    first = ((j + samples) * alpha).astype(np.int64) - (samples * alpha).astype(np.int64)
    return np.concatenate([first, np.full((*samples.shape[:-1], 1), n - k)], -1)


def _fractional(dims: int) -> Any:
    name, letters = f"fractional_max_pool{dims}d", ("", "H, W", "D, H, W")[dims - 1]

    def pool(
        input: Tensor,
        kernel_size: Any,
        output_size: Any = None,
        output_ratio: Any = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> Any:
        if output_size is None and output_ratio is None:
            raise ValueError(f"{name} requires specifying either an output_size or an output_ratio")
        if input.ndim not in (dims + 1, dims + 2):
            raise RuntimeError(f"{name}: Expected {dims + 1}D or {dims + 2}D tensor, but got {list(input.shape)}")
        size, lead = tuple(input.shape[-dims:]), input.shape[: input.ndim - dims]
        if output_size is None:
            ratios = tuple(output_ratio) if isinstance(output_ratio, tuple | list) else (output_ratio,) * dims
            output_size = tuple([int(n * r) for n, r in zip(size, ratios, strict=True)])
        out, kernel = _numbers(output_size, dims, name, "output_size"), _numbers(kernel_size, dims, name, "kernel_size")
        for n, m, k in zip(size, out, kernel, strict=True):
            if m + k - 1 > n:
                raise RuntimeError(f"{name}: pool size {k} too large relative to input size {n}")
        batch, channels = (1, *lead)[-2:]
        if _random_samples is None:
            _random_samples = rand((batch, channels, dims), dtype=input.dtype, device=input.device)
        samples = _random_samples.detach().cpu().to(float64 if input.dtype is float64 else _random_samples.dtype)
        numbers = samples.numpy() if not samples.dtype.is_half else samples.float().numpy()
        numbers = numbers[:batch]  # of an input without a batch the first samples count
        position: Any = np.zeros((batch, channels, *[1] * (2 * dims)), np.int64)
        for i, (n, m, k) in enumerate(zip(size, out, kernel, strict=True)):
            of = numbers[..., dims - 1 - i if dims == 2 else i]
            at = _starts(of, n, m, k)[..., None] + np.arange(k)
            shape = [1] * (2 * dims)
            shape[i], shape[dims + i] = m, k
            position = position * n + at.reshape(batch, channels, *shape)
        position = np.ascontiguousarray(position).reshape(batch, channels, prod(out) * prod(kernel))
        places = reshape(from_numpy(position).to(input.device), (*lead, prod(out) * prod(kernel)))
        parts = gather(reshape(input, (*lead, prod(size))), len(lead), places)
        y, at = reduction.max(reshape(parts, (*lead, *out, prod(kernel))), -1)
        if not return_indices:
            return y
        found = gather(reshape(places, (*lead, *out, prod(kernel))), y.ndim, unsqueeze(at, -1))
        return y, squeeze(found, -1)

    pool.__name__ = pool.__qualname__ = name
    pool.__doc__ = f"""The largest element of each window, where windows lie at random, a fraction of the size apart.

    Args:
        input: (N, C, {letters}) or (C, {letters}).
        kernel_size: size of the window, one number or one for each dimension.
        output_size: the sizes of the result.
        output_ratio: the sizes of the result over those of the input, in place of ``output_size``.
        return_indices: return (maxima, their positions in the flattened {letters.replace(", ", " x ")}) instead.

    Returns:
        The input with other {letters}.

    Raises:
        ValueError: neither ``output_size`` nor ``output_ratio``.
        RuntimeError: the window is too large.

    Source: Graham 2014, Fractional Max-Pooling.

    >>> torch.nn.functional.{name}(torch.ones(1, 1, {", ".join(["4"] * dims)}), 2, output_size=2).shape
    torch.Size([1, 1, {", ".join(["2"] * dims)}])
    """
    return exported("nn.functional")(pool)


fractional_max_pool2d, fractional_max_pool3d = _fractional(2), _fractional(3)
