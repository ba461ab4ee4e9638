"""New pixels as weighted sums of old ones: resizing and blurring along one dimension, warping along both.

What is summed is in two tables, index and weight, of one row for each new pixel. A kernel applies them to the memory of
plain CPU tensors; ops apply them where a gradient is needed or the tensor is on a GPU.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

import numtorch as nt
from numtorch.kernels.jit import jit
from numtorch.utils.data.dataset import plain_array


@jit
def along(x, n, length, inner, index, weight, taps, out):
    """out[i, j, k] = sum over t of weight[j, t] * x[i, index[j, t], k], in float32 for x (n, length, inner)."""
    m = index.size // taps
    for i in range(n):
        for j in range(m):
            target = out[(i * m + j) * inner : (i * m + j + 1) * inner]
            for k in range(inner):
                target[k] = 0
            for t in range(taps):
                w = weight[j * taps + t]
                if w != 0:
                    start = (i * length + index[j * taps + t]) * inner
                    for k in range(inner):
                        target[k] += w * np.float32(x[start + k])


@jit
def along_last(x, n, length, index, weight, taps, out):
    """out[i, j] = sum over t of weight[j, t] * x[i, index[j, t]], in float32 for x (n, length)."""
    m = index.size // taps
    for i in range(n):
        for j in range(m):
            total = np.float32(0)
            for t in range(taps):
                total += weight[j * taps + t] * np.float32(x[i * length + index[j * taps + t]])
            out[i * m + j] = total


@jit
def warped(x, n, pixels, index, weight, taps, out):
    """``along_last`` for planes: out[i, j] = sum over t of weight[t, j] * x[i, index[t, j]], tables (taps, m)."""
    m = index.size // taps
    for i in range(n):
        plane = x[i * pixels : (i + 1) * pixels]
        target = out[i * m : (i + 1) * m]
        for j in range(m):
            target[j] = weight[j] * np.float32(plane[index[j]])
        for t in range(1, taps):
            for j in range(m):
                target[j] += weight[t * m + j] * np.float32(plane[index[t * m + j]])


def _filter(kind: str, x: np.ndarray, smooth: bool) -> np.ndarray:
    x = np.abs(x)
    if kind == "bilinear":
        return np.maximum(0, 1 - x)
    a = -0.5 if smooth else -0.75  # as Pillow for smoothed results, as OpenCV for others
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((x - 5) * x + 8) * x * a - 4 * a
    return np.where(x < 1, near, np.where(x < 2, far, 0))


@lru_cache(maxsize=256)
def resizing(size: int, new: int, kind: str, antialias: bool) -> tuple[np.ndarray, np.ndarray]:
    """The tables of a resized dimension, (new, taps).

    With ``antialias`` the filter is as wide as a new pixel, as in Pillow.
    """
    scale = size / new
    j = np.arange(new)
    if kind.startswith("nearest"):  # in float32, as PyTorch, where the product is near an integer
        middle = np.float32(0.5 if kind == "nearest-exact" else 0)
        index = ((j.astype(np.float32) + middle) * (np.float32(size) / np.float32(new))).astype(np.int64)
        return np.minimum(index, size - 1)[:, None], np.ones((new, 1), np.float32)
    radius = {"bilinear": 1, "bicubic": 2}[kind]
    width = max(scale, 1.0) if antialias else 1.0
    centre = (j + 0.5) * scale
    if antialias:
        first = np.maximum((centre - radius * width + 0.5).astype(np.int64), 0)
        last = np.minimum((centre + radius * width + 0.5).astype(np.int64), size)
        taps = int((last - first).max())
        index = first[:, None] + np.arange(taps)
        weight = _filter(kind, (index - centre[:, None] + 0.5) / width, True) * (index < last[:, None])
        weight /= weight.sum(1, keepdims=True)
    else:
        centre = np.maximum(centre - 0.5, 0) if kind == "bilinear" else centre - 0.5
        index = np.floor(centre).astype(np.int64)[:, None] + np.arange(1 - radius, radius + 1)
        weight = _filter(kind, index - centre[:, None], False)
    return np.clip(index, 0, size - 1), weight.astype(np.float32)


@lru_cache(maxsize=256)
def blurring(size: int, taps: int, sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """The tables of a Gaussian blur along a dimension, which is reflected at its ends."""
    reach = (taps - 1) // 2
    x = np.linspace(-reach, reach, taps)
    weight = np.exp(-0.5 * (x / sigma) ** 2)
    weight = np.broadcast_to((weight / weight.sum()).astype(np.float32), (size, taps))
    index = np.abs(np.arange(size)[:, None] + np.arange(-reach, reach + 1))
    index = np.where(index >= size, 2 * size - 2 - index, index)
    return index, np.ascontiguousarray(weight)


def apply(x: Any, tables: dict[int, tuple[np.ndarray, np.ndarray]]) -> Any:
    """A tensor with some dimensions, given by negative numbers, resampled; float32, or the floating dtype of ``x``."""
    array = plain_array(x) if x.dtype in (nt.uint8, nt.float32) else None
    for dim, (index, weight) in sorted(tables.items(), reverse=True):
        taps = index.shape[1]
        if array is None:
            matrix = np.zeros((index.shape[0], x.shape[dim]), np.float64)
            np.add.at(matrix, (np.arange(index.shape[0])[:, None], index), weight)
            if not x.is_floating_point():
                x = x.float()
            moved = nt.from_numpy(matrix).to(x.device, x.dtype)
            x = x @ moved.mT if dim == -1 else moved @ x
            continue
        shape = list(array.shape)
        n, inner = math.prod(shape[:dim]), math.prod(shape[dim:][1:])
        shape[dim] = index.shape[0]
        out = np.empty(shape, np.float32)
        if out.size:
            flat = (array.reshape(-1), n, array.shape[dim])
            if inner == 1:
                along_last(*flat, index.reshape(-1), weight.reshape(-1), taps, out.reshape(-1))
            else:
                along(*flat, inner, index.reshape(-1), weight.reshape(-1), taps, out.reshape(-1))
        array = out
    return x if array is None else nt.from_numpy(array)


def sampling(gx: np.ndarray, gy: np.ndarray, h: int, w: int, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """The tables of planes (h, w) at the pixel positions gx, gy: (taps, *shape). Weights outside the plane are 0."""
    if kind == "nearest":
        columns, rows, weights = [np.rint(gx)], [np.rint(gy)], [np.ones(gx.shape, np.float32)]
    else:
        left, top = np.floor(gx), np.floor(gy)
        if kind == "bilinear":
            fx, fy = gx - left, gy - top
            across, down = [(0, 1 - fx), (1, fx)], [(0, 1 - fy), (1, fy)]
        else:
            across = [(t, _filter("bicubic", left + t - gx, False)) for t in range(-1, 3)]
            down = [(t, _filter("bicubic", top + t - gy, False)) for t in range(-1, 3)]
        columns, rows, weights = [], [], []
        for dy, wy in down:
            for dx, wx in across:
                columns.append(left + dx)
                rows.append(top + dy)
                weights.append(wx * wy)
    column, row = np.stack(columns), np.stack(rows)
    inside = (column >= 0) & (column < w) & (row >= 0) & (row < h)
    index = np.where(inside, row * w + column, 0).astype(np.int64)
    return index, (np.stack(weights) * inside).astype(np.float32)


def warp(x: Any, gx: np.ndarray, gy: np.ndarray, kind: str, fill: Any) -> Any:
    """Planes (..., h, w) at the pixel positions gx, gy; outside of them ``fill``, a number or one for each channel."""
    h, w = x.shape[-2:]
    index, weight = sampling(gx, gy, h, w, kind)
    taps, shape = index.shape[0], (*x.shape[:-2], *gx.shape)
    array = plain_array(x) if x.dtype in (nt.uint8, nt.float32) else None
    if array is not None:
        out = np.empty(shape, np.float32)
        if out.size:
            n = math.prod(shape[:-2])
            warped(array.reshape(-1), n, h * w, index.reshape(-1), weight.reshape(-1), taps, out.reshape(-1))
        result = nt.from_numpy(out)
    else:
        flat = x.flatten(-2) if x.is_floating_point() else x.flatten(-2).float()
        where = nt.from_numpy(index).to(x.device).flatten()
        amount = nt.from_numpy(weight).to(x.device, flat.dtype)
        result = (flat.index_select(-1, where).unflatten(-1, index.shape) * amount).sum(-3)
    if fill is not None and np.any(fill):
        inside = nt.from_numpy(weight.sum(0)).to(result.device, result.dtype)
        filled = nt.tensor(fill, dtype=result.dtype, device=result.device).reshape(-1, 1, 1)
        if kind == "nearest":
            result = nt.where(inside < 0.5, filled, result)
        else:
            result = result * inside + (1 - inside) * filled
    return result


def as_dtype(result: Any, dtype: Any) -> Any:
    """Floating values as those of an image's dtype: rounded and within its limits."""
    if result.dtype == dtype:
        return result
    if not dtype.is_floating_point:
        limits = nt.iinfo(dtype)
        result = result.round().clamp(limits.min, limits.max)
    return result.to(dtype)
