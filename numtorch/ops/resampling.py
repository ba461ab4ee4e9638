"""Images in other sizes. Each dimension is resampled alone: an element of the result is a sum of a few elements times
weights, which a table holds."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from numtorch import notices
from numtorch._tensor import Tensor
from numtorch.dispatch.cost import nbytes, numel
from numtorch.dispatch.loops import Loop, like
from numtorch.dispatch.op import op
from numtorch.dtype import FLOATS, uint8
from numtorch.exports import exported
from numtorch.kernels.jit import jit, prange
from numtorch.ops.arithmetic import clamp
from numtorch.ops.creation import from_numpy
from numtorch.ops.elementary import floor
from numtorch.ops.indexing.slices import index_select
from numtorch.ops.matmul import matmul
from numtorch.ops.movement import transpose
from numtorch.storage import Size


class Taps:
    """For each of ``size`` results which of ``n`` elements it is made of, and how much each counts.

    Result j is the sum of ``weights[k] * x[at[k]]`` for k from ``starts[j]`` to before ``starts[j + 1]``.
    """

    def __init__(self, n: int, starts: np.ndarray, at: np.ndarray, weights: np.ndarray):
        self.n, self.size = n, starts.size - 1
        self.starts, self.at, self.weights = starts.astype(np.int64), at.astype(np.int64), weights.astype(np.float64)
        self._turned: Taps | None = None

    @property
    def turned(self) -> Taps:
        """The table of the gradient: which results each element went into."""
        if self._turned is None:
            rows = np.repeat(np.arange(self.size), np.diff(self.starts))
            order = np.argsort(self.at, kind="stable")
            starts = np.concatenate([[0], np.cumsum(np.bincount(self.at, minlength=self.n))])
            self._turned = Taps(self.size, starts, rows[order], self.weights[order])
            self._turned._turned = self
        return self._turned

    def matrix(self) -> np.ndarray:
        """(size, n): the weights."""
        found = np.zeros((self.size, self.n))
        np.add.at(found, (np.repeat(np.arange(self.size), np.diff(self.starts)), self.at), self.weights)
        return found

    def __repr__(self) -> str:
        return f"Taps({self.n} to {self.size})"


@jit(parallel=True)
def resample_inner(x, out, n, size, inner, starts, at, weights):
    """out[o, j] = sum of weights * x[o, at], whole rows of ``inner`` at a time"""
    for row in prange(out.size // inner):
        o, j = row // size, row % size
        to = out[row * inner : (row + 1) * inner]
        for i in range(inner):
            to[i] = x.dtype.type(0)
        for k in range(starts[j], starts[j + 1]):
            w = x.dtype.type(weights[k])
            first = (o * n + at[k]) * inner
            of = x[first : first + inner]
            for i in range(inner):
                to[i] += w * of[i]


@jit(parallel=True)
def resample_last(x, out, n, size, starts, at, weights):
    """out[o, j] = sum of weights * x[o, at]"""
    for o in prange(out.size // size):
        of, to = x[o * n : (o + 1) * n], out[o * size : (o + 1) * size]
        for j in range(size):
            total = x.dtype.type(0)
            for k in range(starts[j], starts[j + 1]):
                total += x.dtype.type(weights[k]) * of[at[k]]
            to[j] = total


def _cost(out: Tensor, x: Tensor, dim: int, taps: Taps) -> tuple[int, int]:
    return nbytes(out, x), 2 * numel(out) * max(1, taps.at.size // max(1, taps.size))


_SAMPLE = Taps(4, np.array([0, 1, 3, 4]), np.array([0, 1, 3, 2]), np.array([1.0, 0.25, 0.75, 0.5]))


@op(
    public=False,
    cost=_cost,
    samples=lambda: [((3, 4), 1, _SAMPLE), ((2, 4, 5), 1, _SAMPLE), ((3, 2), 0, _SAMPLE.turned)],
)
def resample(x, dim: int, taps: Taps):
    """Sums of elements along ``dim``, as ``taps`` says."""
    w = from_numpy(np.ascontiguousarray(taps.matrix().T)).to(x.device).to(x.dtype)
    return transpose(matmul(transpose(x, dim, -1), w), dim, -1)


@resample.vjp
def _(g, *, dim, taps):
    return resample(g, dim, taps.turned)


@resample.loop("cpu", dtypes=FLOATS)
def tables(x, dim, taps):
    """Whole rows at a time, where others follow ``dim``."""
    inner = math.prod(x.shape[dim + 1 :])
    out = like(x, (*x.shape[:dim], taps.size, *x.shape[dim + 1 :]))
    table = (taps.starts, taps.at, taps.weights)
    work = {"elements": math.prod(out.shape), "weight": 1 + taps.at.size // max(1, taps.size)}
    if inner == 1:
        return Loop(resample_last, (taps.n, taps.size, *table), out, **work)
    return Loop(resample_inner, (taps.n, taps.size, inner, *table), out, **work)


# --- which elements, and how much they count ------------------------------------------------------------


def _scale(n: int, size: int, factor: float | None, align_corners: bool) -> float:
    """How far apart results are, in elements of the input."""
    if align_corners:
        return (n - 1) / (size - 1) if size > 1 else 0.0
    return 1.0 / factor if factor else n / size


@lru_cache(maxsize=256)
def _nearest(n: int, size: int, factor: float | None, exact: bool) -> np.ndarray:
    j = np.arange(size)
    if size == n:
        return j
    scale = np.float32(_scale(n, size, factor, False))  # torch counts in float32, and so rounds at the same places
    at = np.floor((j.astype(np.float32) + np.float32(0.5 if exact else 0.0)) * scale)
    return np.minimum(at.astype(np.int64), n - 1)


def _cubic(d: np.ndarray, a: float) -> np.ndarray:
    d = np.abs(d)
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0.0))


@lru_cache(maxsize=256)
def _taps(n: int, size: int, factor: float | None, mode: str, align_corners: bool, antialias: bool) -> Taps:
    scale = _scale(n, size, factor, align_corners)
    j = np.arange(size)
    if antialias:
        return _smooth(n, size, scale, mode)
    if mode == "area":
        first, last = j * n // size, -(-(j + 1) * n // size)
        counts = last - first
        starts = np.concatenate([[0], np.cumsum(counts)])
        at = np.repeat(first - starts[:-1], counts) + np.arange(starts[-1])
        return Taps(n, starts, at, np.repeat(1.0 / counts, counts))
    real = scale * j if align_corners else scale * (j + 0.5) - 0.5
    if mode == "bicubic":
        first = np.floor(real).astype(np.int64)
        at = first[:, None] + np.arange(-1, 3)
        weights = _cubic(real[:, None] - at, -0.75)
        return Taps(n, np.arange(size + 1) * 4, np.clip(at, 0, n - 1).ravel(), weights.ravel())
    real = np.maximum(real, 0.0)
    first = np.minimum(np.floor(real).astype(np.int64), n - 1)
    second = np.minimum(first + 1, n - 1)
    w = np.minimum(real - first, 1.0)
    at, weights = np.stack([first, second], 1), np.stack([1 - w, w], 1)
    return Taps(n, np.arange(size + 1) * 2, at.ravel(), weights.ravel())


def _smooth(n: int, size: int, scale: float, mode: str) -> Taps:
    """A filter as wide as an element of the result is, where that is more than an element of the input."""
    cubic = mode == "bicubic"
    support = (2.0 if cubic else 1.0) * max(scale, 1.0)
    starts, places, weights = [0], [], []
    for j in range(size):
        centre = scale * (j + 0.5)
        first, last = max(int(centre - support + 0.5), 0), min(int(centre + support + 0.5), n)
        at = np.arange(first, last)
        d = (at - centre + 0.5) / max(scale, 1.0)
        w = _cubic(d, -0.5) if cubic else np.maximum(0.0, 1 - np.abs(d))
        places.append(at)
        weights.append(w / w.sum())
        starts.append(starts[-1] + at.size)
    return Taps(n, np.array(starts), np.concatenate(places), np.concatenate(weights))


@lru_cache(maxsize=256)
def _rounded_taps(*of: Any) -> Taps:
    """Weights in 16 bits, as PyTorch's for bytes: as many of them after the point as the largest weight allows."""
    weights = _taps(*of).matrix()  # in which an element at the border that counts several times has one weight
    digits = next((d for d in range(22) if 0.5 + weights.max() * 2 ** (d + 1) >= 2**15), 22)
    rows, at = np.nonzero(weights)
    scaled = weights[rows, at] * 2.0**digits
    whole = np.copysign(np.floor(np.abs(scaled) + 0.5), scaled)
    starts = np.searchsorted(rows, np.arange(len(weights) + 1))
    return Taps(weights.shape[1], starts, at, whole / 2.0**digits)


def _of_bytes(x: Tensor, sizes: list, factors: list, *how: Any) -> Tensor:
    """Images of bytes, which are rounded to bytes after the width, and again after the height."""
    y = x.double()  # holds the sums exactly
    for i in (1, 0):
        n = x.shape[2 + i]
        if sizes[i] != n:
            y = clamp(floor(resample(y, 2 + i, _rounded_taps(n, sizes[i], factors[i], *how)) + 0.5), 0, 255)
    return y.to(uint8)


_DIMS = {
    "nearest": (1, 2, 3), "nearest-exact": (1, 2, 3), "area": (1, 2, 3), "linear": (1,), "bilinear": (2,),
    "bicubic": (2,), "trilinear": (3,),
}  # fmt: skip
_SMOOTH = ("linear", "bilinear", "bicubic", "trilinear")


@exported("nn.functional")
def interpolate(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """The input in another size: elements between its own are taken from the nearest, or computed from several.

    Args:
        input: (N, C, L), (N, C, H, W) or (N, C, D, H, W); ``"bilinear"`` and ``"bicubic"`` take uint8 too.
        size: the new sizes of all but N and C; a number for each of them alike.
        scale_factor: how many times larger they become, in place of ``size``.
        mode: ``"nearest"``, ``"nearest-exact"``, ``"linear"`` (of one dimension), ``"bilinear"`` and ``"bicubic"`` (of
            two), ``"trilinear"`` (of three) or ``"area"``, the mean.
        align_corners: for the linear modes and ``"bicubic"``: let the outermost elements keep their places.
        recompute_scale_factor: take the scale from the sizes, where ``scale_factor`` gives no whole ones.
        antialias: for ``"bilinear"`` and ``"bicubic"``: smooth what becomes smaller.

    Returns:
        (N, C, new sizes).

    Raises:
        ValueError: both or none of ``size`` and ``scale_factor``, as many of them as there are no dimensions, or an
            option that the mode does not take.
        NotImplementedError: the mode is not one for so many dimensions.

    >>> torch.nn.functional.interpolate(torch.tensor([[[1.0, 3.0]]]), scale_factor=2)
    tensor([[[1., 1., 3., 3.]]])
    >>> torch.nn.functional.interpolate(torch.tensor([[[1.0, 3.0]]]), 3, mode="linear", align_corners=True)
    tensor([[[1., 2., 3.]]])
    """
    if mode in ("nearest", "area", "nearest-exact"):
        if align_corners is not None:
            raise ValueError(
                "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | "
                "trilinear"
            )
    else:
        align_corners = bool(align_corners)
    dims = input.ndim - 2
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is None and scale_factor is None:
        raise ValueError("either size or scale_factor should be defined")
    given = size if size is not None else scale_factor
    several = list(given) if isinstance(given, tuple | list | Size) else [given] * dims
    if len(several) != dims:
        what = "output_size" if size is not None else "scale_factor"
        raise ValueError(
            "Input and output must have the same number of spatial dimensions, but got input with spatial dimensions "
            f"of {list(input.shape[2:])} and {'output size' if size is not None else 'scale_factor'} of {given}. "
            f"Please provide input tensor in (N, C, d1, d2, ...,dK) format and {what} in (s1, s2, ...,sK) format."
        )
    if recompute_scale_factor and size is not None:
        raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
    if antialias and not (mode in ("bilinear", "bicubic") and input.ndim == 4):
        raise ValueError(
            "Anti-alias option is restricted to bilinear and bicubic modes and requires a 4-D tensor as input"
        )
    needed = {"linear": 3, "bilinear": 4, "trilinear": 5}.get(mode)
    if needed is not None and 3 <= input.ndim <= 5 and input.ndim != needed:
        raise NotImplementedError(f"Got {input.ndim}D input, but {mode} mode needs {needed}D input")
    if mode not in _DIMS or dims not in _DIMS[mode]:
        raise NotImplementedError(
            "Input Error: Only 3D, 4D and 5D input Tensors supported "
            f"(got {input.ndim}D) for the modes: nearest | linear | bilinear | bicubic | trilinear | area | "
            f"nearest-exact (got {mode})"
        )
    factors: list[float | None] = [None] * dims
    if size is not None:
        sizes = [int(n) for n in several]
    else:
        sizes = [int(math.floor(float(n * f))) for n, f in zip(input.shape[2:], several, strict=True)]
        factors = [None if recompute_scale_factor else float(f) for f in several]
    if any(n <= 0 for n in (*input.shape[2:], *sizes)):
        raise RuntimeError(
            f"Input and output sizes should be greater than 0, but got input (H: {list(input.shape[2:])}) output "
            f"{sizes}"
        )
    if input.dtype is uint8 and mode in ("bilinear", "bicubic"):
        return _of_bytes(input, sizes, factors, mode, bool(align_corners), antialias)
    y = input
    # First what makes it smaller, or the least larger: less is left to do.
    for i in sorted(range(dims), key=lambda i: sizes[i] / input.shape[2 + i]):
        n, to, factor = input.shape[2 + i], sizes[i], factors[i]
        if mode.startswith("nearest"):
            if to != n:
                at = _nearest(n, to, factor, mode == "nearest-exact")
                y = index_select(y, 2 + i, from_numpy(at).to(y.device))
        elif to != n or mode != "area":
            if not y.dtype.is_floating_point:
                raise NotImplementedError(
                    f'"interpolate" not implemented for {y.dtype.name} in mode {mode}; use .float()'
                )
            taps = _taps(n, to, factor if mode != "area" else None, mode, bool(align_corners), antialias)
            y = resample(y, 2 + i, taps)
    return y if y is not input else input.clone()


@exported("nn.functional")
def upsample(
    input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None
) -> Tensor:
    """The old name of ``interpolate``.

    Args:
        input, size, scale_factor, mode, align_corners: as of ``interpolate``.

    Returns:
        What ``interpolate`` gives.

    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     torch.nn.functional.upsample(torch.tensor([[[1.0, 3.0]]]), scale_factor=2)
    tensor([[[1., 1., 3., 3.]]])
    """
    notices.warn("`nn.functional.upsample` is deprecated. Use `nn.functional.interpolate` instead.")
    return interpolate(input, size, scale_factor, mode, align_corners)


@exported("nn.functional")
def upsample_nearest(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """The old name of ``interpolate`` in mode ``"nearest"``.

    Args:
        input, size, scale_factor: as of ``interpolate``.

    Returns:
        What ``interpolate`` gives.

    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     torch.nn.functional.upsample_nearest(torch.tensor([[[1.0, 3.0]]]), scale_factor=2)
    tensor([[[1., 1., 3., 3.]]])
    """
    notices.warn("`nn.functional.upsample_nearest` is deprecated. Use `nn.functional.interpolate` instead.")
    return interpolate(input, size, scale_factor, "nearest")


@exported("nn.functional")
def upsample_bilinear(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """The old name of ``interpolate`` in mode ``"bilinear"``, with ``align_corners``.

    Args:
        input, size, scale_factor: as of ``interpolate``.

    Returns:
        What ``interpolate`` gives.

    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     torch.nn.functional.upsample_bilinear(torch.tensor([[[[1.0, 3.0]]]]), (1, 3))
    tensor([[[[1., 2., 3.]]]])
    """
    notices.warn("`nn.functional.upsample_bilinear` is deprecated. Use `nn.functional.interpolate` instead.")
    return interpolate(input, size, scale_factor, "bilinear", True)
