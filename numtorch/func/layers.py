"""The rules of products, convolutions, pooling and normalization; see ``calls``."""

from __future__ import annotations

from typing import Any

import numtorch as torch
from numtorch.autograd.batched import Level
from numtorch.func.calls import RULES, all_full, folded, full, launch, raised, rank, rule, unfolded

Tensor = torch.Tensor


# --- products -----------------------------------------------------------------------------------------


@rule("matmul")
def _(op: Any, level: Level, tensors: tuple, flags: tuple, params: tuple) -> Any:
    (x, y), (a, b) = tensors, map(rank, tensors, flags)  # neither is a vector: the rule of the op has seen to that
    if not flags[1] and b == 2:
        return torch.matmul(x, y)
    top = max(a, b)
    return torch.matmul(raised(x, flags[0], top), raised(y, flags[1], top))


@rule("linear")
def _(op: Any, level: Level, tensors: tuple, flags: tuple, params: tuple) -> Any:
    x, w, b = tensors
    if not flags[1] and not flags[2]:
        return launch(op, tensors, params)
    if not flags[1]:
        return aligned_sum(torch.nn.functional.linear(x, w), flags[0], b, flags[2])
    if flags[0] and x.ndim == 3 and flags[2]:
        return torch.baddbmm(b.unsqueeze(1), x, w.mT)
    if flags[0] and x.ndim == 2:
        y = torch.matmul(w, x.unsqueeze(-1)).squeeze(-1)
    else:
        lead = x.reshape(level.size, -1, x.shape[-1]) if flags[0] else x.reshape(-1, x.shape[-1])
        y = torch.matmul(lead, w.mT)
        y = y.reshape(level.size, *tuple(x.shape)[flags[0] : -1], w.shape[1])
    return y if b is None else aligned_sum(y, True, b, flags[2])


def aligned_sum(x: Tensor, x_flag: bool, y: Tensor, y_flag: bool) -> Tensor:
    """The sum of two operands, of which one or both have the hidden dimension."""
    top = max(rank(x, x_flag), rank(y, y_flag))
    return raised(x, x_flag, top) + raised(y, y_flag, top)


# --- images -------------------------------------------------------------------------------------------


def in_channels(x: Tensor) -> Tensor:
    """The channels of all samples side by side: (samples, N, C, H, W) as (N, samples * C, H, W)."""
    n, images, c, *plane = x.shape
    return x.transpose(0, 1).reshape(images, n * c, *plane)


def from_channels(x: Tensor, n: int) -> Tensor:
    """The inverse of ``in_channels``."""
    images, c, *plane = x.shape
    return x.reshape(images, n, c // n, *plane).transpose(0, 1)


@rule("conv2d")
def _(op: Any, level: Level, tensors: tuple, flags: tuple, params: tuple) -> Any:
    (x, w, b), n = tensors, level.size
    stride, padding, dilation, groups = params
    if not flags[1]:
        y = unfolded(launch(op, (folded(x), w, None if flags[2] else b), params), n) if flags[0] else None
        if y is None:  # the bias alone
            y = full(launch(op, (x, w, None), params), False, n)
    else:
        images = in_channels(full(x, flags[0], n))
        y = from_channels(launch(op, (images, folded(w), None), (stride, padding, dilation, groups * n)), n)
        if b is not None and not flags[2]:
            y = y + b.reshape(-1, 1, 1)
    return y + b.reshape(n, 1, -1, 1, 1) if flags[2] else y


@rule("conv2d_input_grad")
def _(op: Any, level: Level, tensors: tuple, flags: tuple, params: tuple) -> Any:
    (y, w), n = tensors, level.size
    if not flags[1]:
        return unfolded(launch(op, (folded(y), w), params), n)
    *geometry, groups = params
    return from_channels(launch(op, (in_channels(full(y, flags[0], n)), folded(w)), (*geometry, groups * n)), n)


@rule("conv2d_weight_grad")
def _(op: Any, level: Level, tensors: tuple, flags: tuple, params: tuple) -> Any:
    x, y = all_full(level, tensors, flags)
    *geometry, groups = params
    made = launch(op, (in_channels(x), in_channels(y)), (*geometry, groups * level.size))
    return unfolded(made, level.size)


@rule("max_pool2d", "avg_pool2d", "adaptive_avg_pool2d", "max_pool1d", "avg_pool1d", "adaptive_avg_pool1d")
def _(op: Any, level: Level, tensors: tuple, flags: tuple, params: tuple) -> Any:
    (x,), image = tensors, 2 + ("2d" in op.name)
    lead = tuple(x.shape)[:-image]
    made = launch(op, (x.reshape(-1, *tuple(x.shape)[-image:]),), params)
    if isinstance(made, tuple):
        return tuple([y.reshape(*lead, *tuple(y.shape)[1:]) for y in made])
    return made.reshape(*lead, *tuple(made.shape)[1:])


# --- normalization ------------------------------------------------------------------------------------


@rule("layer_norm", "rms_norm")
def _(op: Any, level: Level, tensors: tuple, flags: tuple, params: tuple) -> Any:
    x, *weights = tensors
    if not any(flags[1:]):
        return launch(op, tensors, params)
    y = launch(op, (x, *[None] * len(weights)), params)
    for t, f, combine in zip(weights, flags[1:], (torch.mul, torch.add), strict=False):
        if t is not None:
            top = max(rank(y, flags[0]), rank(t, f))
            y = combine(raised(y, flags[0] or y.ndim > x.ndim, top), raised(t, f, top))
    return y


@rule("group_norm")
def _(op: Any, level: Level, tensors: tuple, flags: tuple, params: tuple) -> Any:
    x, w, b = tensors
    n, plane = level.size, [1] * (rank(x, flags[0]) - 2)
    weights = (None, None) if flags[1] or flags[2] else (w, b)
    y = unfolded(launch(op, (folded(full(x, flags[0], n)), *weights), params), n)
    if flags[1] or flags[2]:
        y = y if w is None else y * w.reshape(-1 if flags[1] else 1, 1, w.shape[-1], *plane)
        y = y if b is None else y + b.reshape(-1 if flags[2] else 1, 1, b.shape[-1], *plane)
    return y


@rule("batch_norm_training")
def _(op: Any, level: Level, tensors: tuple, flags: tuple, params: tuple) -> Any:
    n = level.size
    x, *channels = all_full(level, tensors, flags)
    # of the mean there are two numbers for each channel, whose sum it is
    flat = [None if t is None else t.transpose(0, 1).reshape(2, -1) if t.ndim == 3 else t.reshape(-1) for t in channels]
    return from_channels(launch(op, (in_channels(x), *flat), params), n)


@rule("batch_norm")
def _(op: Any, level: Level, tensors: tuple, flags: tuple, params: tuple) -> Any:
    if not any(flags[1:]):
        return unfolded(launch(op, (folded(tensors[0]), *tensors[1:]), params), level.size)
    return RULES["batch_norm_training"](op, level, tensors, flags, params)


@rule("batch_statistics")
def _(op: Any, level: Level, tensors: tuple, flags: tuple, params: tuple) -> Any:
    x, mean, var = tensors
    if (mean is not None and not flags[1]) or (var is not None and not flags[2]):
        raise RuntimeError(
            "vmap: batch_norm would update running statistics that all samples share, in place. Give it statistics of "
            "each sample, or none: torch.func.replace_all_batch_norm_modules_(net) takes them out of a network."
        )
    n = level.size
    x, *running = all_full(level, tensors, flags)
    flat: list[Any] = [None if t is None else t.reshape(-1) for t in running]
    mean, rstd = launch(op, (in_channels(x), *flat), params)
    for t, now in zip(running, flat, strict=True):
        if t is not None:
            t.copy_(now.reshape(t.shape))
    return mean.reshape(2, n, -1).transpose(0, 1), rstd.reshape(n, -1)
