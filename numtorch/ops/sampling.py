"""Images and volumes read between their elements, at the positions of a grid: ``grid_sample`` and ``affine_grid``.

First the positions become, for each point, the elements around it and how much they count: these are ops on the grid,
which have their gradients. Then ``weighed`` adds up the elements of all channels. Its gradients are ``spread_taps`` and
``products``, and those have each other's again.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numtorch.dtype as dtypes
from numtorch import notices, ops
from numtorch._tensor import Tensor
from numtorch.dispatch.cost import nbytes, numel
from numtorch.dispatch.loops import Loop, like
from numtorch.dispatch.op import op
from numtorch.dispatch.samples import exactly
from numtorch.dtype import FLOATS, int64
from numtorch.exports import exported
from numtorch.kernels.jit import jit, prange
from numtorch.ops import creation, indexing, movement, reduction
from numtorch.ops.arithmetic import clamp, ge, logical_and, where
from numtorch.ops.elementary import floor, round
from numtorch.ops.matmul import matmul


@jit(parallel=True)
def weigh_rows(x, at, w, out, channels, size, points, all_points, taps):
    """out[n, c, p] = sum of w[k, n, p] * x[n, c, at[k, n, p]]; a position below 0 is nowhere"""
    blocks = (points + 511) // 512
    for item in prange(out.size // points * blocks):
        row, block = item // blocks, item % blocks
        n = row // channels
        for p in range(block * 512, min(points, block * 512 + 512)):
            total = x.dtype.type(0)
            for k in range(taps):
                j = k * all_points + n * points + p
                i = at[j]
                if i >= 0:
                    total += w[j] * x[row * size + i]
            out[row * points + p] = total


@jit(parallel=True)
def spread_rows(g, at, w, out, channels, size, points, all_points, taps):
    """out[n, c, at[k, n, p]] += w[k, n, p] * g[n, c, p]"""
    for row in prange(out.size // size):
        n = row // channels
        to = out[row * size : (row + 1) * size]
        for i in range(size):
            to[i] = g.dtype.type(0)
        for k in range(taps):
            for p in range(points):
                j = k * all_points + n * points + p
                i = at[j]
                if i >= 0:
                    to[i] += w[j] * g[row * points + p]


@jit(parallel=True)
def product_rows(g, x, at, out, channels, size, points, all_points, taps):
    """out[k, n, p] = sum over c of g[n, c, p] * x[n, c, at[k, n, p]]"""
    for j in prange(out.size):
        i, n, p = at[j], j % all_points // points, j % points
        total = x.dtype.type(0)
        if i >= 0:
            for c in range(n * channels, n * channels + channels):
                total += g[c * points + p] * x[c * size + i]
        out[j] = total


def _cost(out: Tensor, *tensors: Any) -> tuple[int, int]:
    given = [t for t in (out, *tensors) if isinstance(t, Tensor)]
    return nbytes(*given), 4 * max(map(numel, given))


def _there(at: Tensor, channels: int) -> Tensor:
    """(N, C, K * P): the positions, those that are nowhere as 0."""
    taps, n, points = at.shape
    places = movement.reshape(movement.transpose(clamp(at, min=0), 0, 1), (n, 1, taps * points))
    return movement.expand(places, (n, channels, taps * points))


def _picked(x: Tensor, at: Tensor) -> Tensor:
    """(N, C, K, P): the elements of ``x`` (N, C, S) at positions, 0 for those that are nowhere."""
    n, channels = x.shape[:2]
    found = movement.reshape(indexing.gather(x, 2, _there(at, channels)), (n, channels, at.shape[0], at.shape[2]))
    return found * _present(at, x)


def _present(at: Tensor, like: Tensor) -> Tensor:
    """(N, 1, K, P): 1, and 0 for what is nowhere."""
    return movement.unsqueeze(movement.transpose(ge(at, 0).to(like.dtype), 0, 1), 1)


def _over_channels(w: Tensor) -> Tensor:
    """(N, 1, K, P)"""
    return movement.unsqueeze(movement.transpose(w, 0, 1), 1)


_AT = exactly([[[0, 3], [4, 0]], [[-1, 2], [0, -1]], [[2, 1], [1, 3]]])  # (3, 2, 2), below 5
_SIZE = 5


@op(public=False, cost=_cost, samples=lambda: [((2, 3, 5), _AT, (3, 2, 2))])
def weighed(x, at, w):
    """(N, C, P): elements of ``x`` (N, C, S) at positions (K, N, P), times weights (K, N, P), added up over K."""
    return reduction.sum(_picked(x, at) * _over_channels(w), 2)


@weighed.loop("cpu", dtypes=(*FLOATS, int64), name="taps")
def _(x, at, w):
    (n, channels, size), (taps, _, points) = x.shape, at.shape
    numbers, out = (channels, size, points, n * points, taps), like(x, (n, channels, points))
    return Loop(weigh_rows, numbers, out, elements=math.prod(out.shape), weight=2 * taps)


@weighed.vjp
def _(g, x, at, w, *, needs):
    gx = spread_taps(g, at, w, x.shape[2]) if needs[0] else None
    return gx, None, products(g, x, at) if needs[2] else None


@op(public=False, cost=_cost, samples=lambda: [((2, 3, 2), _AT, (3, 2, 2), _SIZE)])
def spread_taps(x, at, w, size: int):
    """(N, C, S): each of (N, C, P) times weights, added to the elements at positions of K in zeros."""
    n, channels = x.shape[:2]
    parts = movement.unsqueeze(x, 2) * (_over_channels(w) * _present(at, x))
    zeros = creation.zeros((n, channels, size), dtype=x.dtype, device=x.device)
    return indexing.scatter_add(zeros, 2, _there(at, channels), movement.reshape(parts, (n, channels, -1)))


@spread_taps.loop("cpu", dtypes=(*FLOATS, int64), name="taps")
def _(x, at, w, size):
    (n, channels, points), taps = x.shape, at.shape[0]
    numbers, out = (channels, size, points, n * points, taps), like(x, (n, channels, size))
    return Loop(spread_rows, numbers, out, elements=math.prod(x.shape), weight=2 * taps)


@spread_taps.vjp
def _(g, x, at, w, *, needs):
    return (weighed(g, at, w) if needs[0] else None), None, products(x, g, at) if needs[2] else None


@op(public=False, cost=_cost, samples=lambda: [((2, 3, 2), (2, 3, 5), _AT)])
def products(x, y, at):
    """(K, N, P): elements of ``y`` (N, C, S) at positions, times (N, C, P), added up over C."""
    return movement.transpose(reduction.sum(_picked(y, at) * movement.unsqueeze(x, 2), 1), 0, 1)


@products.loop("cpu", dtypes=(*FLOATS, int64), name="taps")
def _(x, y, at):
    (n, channels, size), (taps, _, points) = y.shape, at.shape
    numbers, out = (channels, size, points, n * points, taps), like(x, tuple(at.shape))
    return Loop(product_rows, numbers, out, elements=math.prod(out.shape), weight=2 * channels)


@products.vjp
def _(g, x, y, at, *, needs):
    gx = weighed(y, at, g) if needs[0] else None
    return gx, spread_taps(x, at, g, y.shape[2]) if needs[1] else None, None


# --- which elements, and how much they count ------------------------------------------------------


def _reflected(x: Tensor, n: int, align_corners: bool) -> Tensor:
    """Coordinates thrown back at the ends: at the outermost elements, or half an element farther out."""
    low, span = (0.0, n - 1.0) if align_corners else (-0.5, float(n))
    if span <= 0:
        return x * 0
    away = ops.arithmetic.abs(x - low)
    turns = floor(away / span)
    rest = away - turns.detach() * span
    odd = ops.arithmetic.remainder(turns, 2) == 1
    return where(odd, span - rest, rest) + low


def _inside(x: Tensor, n: int, padding: int, align_corners: bool) -> Tensor:
    """Coordinates that are within the image, as the padding says; a clipped one has no slope."""
    if padding == 0:
        return x
    if padding == 2:
        x = _reflected(x, n, align_corners)
    return where(logical_and(x > 0, x < n - 1), x, clamp(x.detach(), 0, n - 1))


def _cubic(d: Tensor) -> list[Tensor]:
    """The weights of the four elements around a point that is ``d`` behind the second of them."""
    a = -0.75

    def near(t: Tensor) -> Tensor:
        return ((a + 2) * t - (a + 3)) * t * t + 1

    def far(t: Tensor) -> Tensor:
        return ((a * t - 5 * a) * t + 8 * a) * t - 4 * a

    return [far(d + 1), near(d), near(1 - d), far(2 - d)]


def _along(x: Tensor, n: int, mode: int, padding: int, align_corners: bool) -> list[tuple[Tensor, Tensor | None]]:
    """(position, weight) of the elements around coordinates along one dimension; None is 1."""
    x = (x + 1) * ((n - 1) / 2) if align_corners else ((x + 1) * n - 1) * 0.5
    if mode == 2:
        first = floor(x.detach())
        taps = [(first + i, w) for i, w in zip((-1, 0, 1, 2), _cubic(x - first), strict=True)]
        return [(_inside(at, n, padding, align_corners), w) for at, w in taps]
    x = _inside(x, n, padding, align_corners)
    if mode == 1:
        return [(round(x.detach()), None)]
    first = floor(x.detach())
    d = x - first
    return [(first, 1 - d), (first + 1, d)]


def _sampled(input: Tensor, grid: Tensor, mode: int, padding: int, align_corners: bool, name: str) -> Tensor:
    """``input`` (N, C, *) at the points of ``grid`` (N, *, dimensions), of which the coordinates stand in reverse."""
    dims = input.ndim - 2
    _check(input, grid, mode, name)
    n, channels, *sizes = input.shape
    places = grid.shape[1:-1]
    points = math.prod(places)
    if not n * channels * points:
        return creation.zeros((n, channels, *places), dtype=input.dtype, device=input.device) + 0 * reduction.sum(input)
    axes = movement.unbind(movement.contiguous(movement.permute(movement.reshape(grid, (n, points, dims)), (2, 0, 1))))
    each = [_along(x, m, mode, padding, align_corners) for x, m in zip(reversed(axes), sizes, strict=True)]
    ats, weights = [], []
    for taps in itertools.product(*each):
        at, there, w = None, None, None
        for (position, weight), m in zip(taps, sizes, strict=True):
            within = logical_and(position >= 0, position <= m - 1)
            there = within if there is None else logical_and(there, within)
            place = where(within, position, 0).to(dtypes.int64)
            at = place if at is None else at * m + place
            w = weight if w is None else w if weight is None else w * weight
        ats.append(where(there, at, -1))
        weights.append(creation.ones_like(axes[0]) if w is None else w)
    x = movement.reshape(input, (n, channels, -1))
    y = weighed(x, movement.stack(ats), movement.stack(weights))
    return movement.reshape(y, (n, channels, *places))


def _check(input: Tensor, grid: Tensor, mode: int, name: str) -> None:
    dims = input.ndim - 2
    if input.dtype is not grid.dtype or not input.dtype.is_floating_point:
        raise RuntimeError(
            f"{name}: expected input and grid to have same floating dtype, but input has {input.dtype.name} and grid "
            f"has {grid.dtype.name}"
        )
    if dims not in (2, 3) or grid.ndim != input.ndim:
        raise RuntimeError(
            f"{name}: expected 4D or 5D input and grid with same number of dimensions, but got input with sizes "
            f"{list(input.shape)} and grid with sizes {list(grid.shape)}"
        )
    if grid.shape[0] != input.shape[0] or grid.shape[-1] != dims:
        raise RuntimeError(
            f"{name}: expected grid to have batch size {input.shape[0]} and size {dims} in its last dimension, but got "
            f"grid with sizes {list(grid.shape)}"
        )
    if 0 in input.shape[2:]:
        raise RuntimeError(
            f"{name}: expected input to have non-empty spatial dimensions, but input has sizes {list(input.shape)}"
        )
    if mode == 2 and dims != 2:
        raise RuntimeError(f"{name}: bicubic interpolation only supports 4D input")


UNSAID = (
    "Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. Please specify "
    "align_corners=True if the old behavior is desired. See the documentation of grid_sample for details."
)
MODES = {"bilinear": 0, "nearest": 1, "bicubic": 2}
PADDINGS = {"zeros": 0, "border": 1, "reflection": 2}


@exported("nn.functional")
def grid_sample(
    input: Tensor, grid: Tensor, mode: str = "bilinear", padding_mode: str = "zeros", align_corners: bool | None = None
) -> Tensor:
    """The input at the points of a grid, which may lie between its elements.

    Args:
        input: (N, C, H, W) or (N, C, D, H, W).
        grid: (N, *, 2) or (N, *, 3), of the type of ``input``: points (x, y) or (x, y, z), x along the last dimension,
            from -1 at one end to 1 at the other.
        mode: ``"bilinear"``, ``"nearest"`` or, of images, ``"bicubic"``.
        padding_mode: what is outside: ``"zeros"``, the ``"border"``, or a ``"reflection"``.
        align_corners: whether -1 and 1 are the middles of the outermost elements, and not their outer ends.

    Returns:
        (N, C, *).

    Raises:
        ValueError: an unknown mode or padding.
        RuntimeError: shapes or types that do not fit together.

    >>> x = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    >>> torch.nn.functional.grid_sample(x, torch.zeros(1, 1, 1, 2), align_corners=True)
    tensor([[[[2.5000]]]])
    """
    if mode not in MODES:
        raise ValueError(
            f"nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: '{mode}'"
        )
    if padding_mode not in PADDINGS:
        raise ValueError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or 'reflection', but got: "
            f"'{padding_mode}'"
        )
    if align_corners is None:
        notices.warn(UNSAID)
    return _sampled(input, grid, MODES[mode], PADDINGS[padding_mode], bool(align_corners), "grid_sampler()")


def _of_numbers(name: str, dims: tuple) -> Any:
    def sampler(input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool) -> Tensor:
        if input.ndim - 2 not in dims:
            raise RuntimeError(f"{name}: expected an input of {dims[0] + 2} dimensions, got {input.ndim}")
        return _sampled(input, grid, int(interpolation_mode), int(padding_mode), bool(align_corners), f"{name}()")

    sampler.__doc__ = f"""``nn.functional.grid_sample`` with numbers for its options.

    Args:
        input, grid, align_corners: as of ``grid_sample``.
        interpolation_mode: 0 for ``"bilinear"``, 1 for ``"nearest"``, 2 for ``"bicubic"``.
        padding_mode: 0 for ``"zeros"``, 1 for ``"border"``, 2 for ``"reflection"``.

    Returns:
        (N, C, *).

    Raises:
        RuntimeError: shapes or types that do not fit together.

    >>> x = torch.ones(1, 1, {", ".join(["2"] * dims[0])})
    >>> torch.{name}(x, torch.zeros(1, {", ".join(["1"] * dims[0])}, {dims[0]}), 0, 0, True).item()
    1.0
    """
    sampler.__name__ = sampler.__qualname__ = name
    sampler.__module__ = "numtorch"
    return exported("torch")(sampler)


grid_sampler = _of_numbers("grid_sampler", (2, 3))
grid_sampler_2d = _of_numbers("grid_sampler_2d", (2,))
grid_sampler_3d = _of_numbers("grid_sampler_3d", (3,))


def _coordinates(n: int, align_corners: bool, like: Tensor) -> Tensor:
    """From -1 to 1: the middles of n elements."""
    if n <= 1:
        return creation.zeros(n, dtype=like.dtype, device=like.device)
    end = 1.0 if align_corners else 1.0 - 1.0 / n
    return ops.ranges.linspace(-end, end, n, dtype=like.dtype, device=like.device)


@exported("nn.functional")
def affine_grid(theta: Tensor, size: Any, align_corners: bool | None = None) -> Tensor:
    """The grid with which ``grid_sample`` moves, turns, scales and shears images or volumes.

    Args:
        theta: (N, 2, 3) or (N, 3, 4): matrices that give the point in the input of one in the output.
        size: of the output: (N, C, H, W) or (N, C, D, H, W).
        align_corners: as of ``grid_sample``.

    Returns:
        (N, H, W, 2) or (N, D, H, W, 3).

    Raises:
        ValueError: shapes that do not fit together, or integers.
        NotImplementedError: a size of another number of dimensions.

    >>> torch.nn.functional.affine_grid(torch.tensor([[[1.0, 0, 0], [0, 1, 0]]]), (1, 1, 1, 2), align_corners=True)
    tensor([[[[-1.,  0.],
              [ 1.,  0.]]]])
    """
    if align_corners is None:
        notices.warn(UNSAID)
    if not theta.dtype.is_floating_point:
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    shape = tuple(size)
    dims = len(shape) - 2
    if dims not in (2, 3):
        raise NotImplementedError(
            f"affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. Got size "
            f"{shape}."
        )
    if tuple(theta.shape[1:]) != (dims, dims + 1) or theta.ndim != 3:
        raise ValueError(
            f"Expected a batch of {dims}D affine matrices of shape Nx{dims}x{dims + 1} for size {shape}. Got "
            f"{list(theta.shape)}."
        )
    if min(shape) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {shape}")
    axes = [_coordinates(n, bool(align_corners), theta) for n in shape[2:]]
    grids = ops.ranges.meshgrid(*axes, indexing="ij")
    base = movement.stack([*reversed(grids), creation.ones_like(grids[0])], -1)
    found = matmul(movement.reshape(base, (1, -1, dims + 1)), movement.transpose(theta, 1, 2))
    return movement.reshape(found, (theta.shape[0], *shape[2:], dims))


@exported("torch")
def affine_grid_generator(theta: Tensor, size: Any, align_corners: bool) -> Tensor:
    """``nn.functional.affine_grid``.

    Args:
        theta, size, align_corners: as of ``affine_grid``.

    Returns:
        (N, H, W, 2) or (N, D, H, W, 3).

    >>> torch.affine_grid_generator(torch.tensor([[[1.0, 0, 0], [0, 1, 0]]]), (1, 1, 1, 2), True).shape
    torch.Size([1, 1, 2, 2])
    """
    return affine_grid(theta, size, align_corners)
