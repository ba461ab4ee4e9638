"""Neighbours: the next floating number, and gradients by finite differences."""

from __future__ import annotations

from typing import Any

import numtorch.dtype as dtypes
from numtorch import ops
from numtorch._tensor import Tensor
from numtorch.arguments import dimensions
from numtorch.dispatch.op import op
from numtorch.dispatch.out import SAME, into
from numtorch.exports import exported
from numtorch.ops import creation, movement
from numtorch.ops.arithmetic import bitwise_xor, gt, where
from numtorch.ops.elementary import isnan
from numtorch.storage import wrap_dim

BITS = {2: dtypes.int16, 4: dtypes.int32, 8: dtypes.int64}


@exported("torch", "Tensor")
def nextafter(input: Tensor, other: Tensor, *, out: Any = None) -> Tensor:
    """The floating number next to each element, on the way to another one; that one itself where both are equal.

    Args:
        input, other: of one floating type; they broadcast together.

    Returns:
        The common shape. The gradient of ``input`` is that of the result where both differ.

    Raises:
        TypeError: ``other`` is no tensor.
        NotImplementedError: integers.

    >>> eps = torch.finfo(torch.float32).eps
    >>> torch.nextafter(torch.tensor([1.0, 2.0]), torch.tensor([2.0, 1.0])) == torch.tensor([eps + 1, 2 - eps])
    tensor([True, True])
    """
    if out is not None:
        return into(out, SAME, nextafter, input, other)
    if not isinstance(other, Tensor):
        raise TypeError(f"nextafter(): argument 'other' (position 2) must be Tensor, not {type(other).__name__}")
    d = dtypes.promote_types(input.dtype, other.dtype)
    if not d.is_floating_point:
        raise NotImplementedError(f"\"nextafter\" not implemented for '{d.scalar}'; cast with .float()")
    return neighbour(*movement.broadcast_tensors(input.to(d), other.to(d)))


@op(public=False, wide=False, samples=lambda: [((3, 4), (3, 4))], torch="nextafter")
def neighbour(x, y):
    """``nextafter`` of tensors of one shape and type."""
    d = x.dtype
    whole = BITS[d.itemsize]
    one = creation.ones((), dtype=whole, device=x.device)
    step = where(bitwise_xor(gt(y, x), gt(x, 0)), -one, one)  # the bits of a number of either sign count its size
    moved = (movement.contiguous(x).view(whole) + step).view(d)
    smallest = one.view(d)
    moved = where(x == 0, where(gt(y, 0), smallest, -smallest), moved)
    found = where(x == y, y, moved)
    return where(isnan(x), x, where(isnan(y), y, found))


@neighbour.vjp
def _(g, x, y):
    return where(x == y, 0, g).to(g.dtype), g * 0  # as in torch: none where both are equal


def _along(x: Tensor, d: int, start: int, end: int) -> Tensor:
    """A slice, of which ``end`` counts from the last element, 0 being behind it."""
    return movement.narrow(x, d, start, x.shape[d] + end - start)


def _slope(x: Tensor, d: int, h: Any, edge_order: int) -> Tensor:
    """Differences along a dimension over the distances ``h``: a number, or a vector of as many as there are gaps."""
    n = x.shape[d]
    if n < edge_order + 1:
        raise RuntimeError("torch.gradient expected each dimension size to be at least edge_order+1")

    def at(i: int) -> Tensor:
        return movement.narrow(x, d, i, 1)

    if isinstance(h, Tensor):
        wide = (-1, *(1,) * (x.ndim - 1 - d))
        before, after = movement.reshape(h[:-1], wide), movement.reshape(h[1:], wide)
        both = before + after
        inner = (
            -after / (before * both) * _along(x, d, 0, -2)
            + (after - before) / (before * after) * _along(x, d, 1, -1)
            + before / (after * both) * _along(x, d, 2, 0)
        )
        first, second, last, fore = h[0], h[1 if n > 2 else 0], h[-1], h[-2 if n > 2 else -1]
    else:
        inner = (_along(x, d, 2, 0) - _along(x, d, 0, -2)) / (2 * h) if n > 2 else _along(x, d, 0, -n)
        first = second = last = fore = h
    if edge_order == 1:
        return movement.cat([(at(1) - at(0)) / first, inner, (at(n - 1) - at(n - 2)) / last], d)

    def edge(a: Any, b: Any, i: int, j: int, k: int) -> Tensor:
        """The slope at i of the parabola through i, j and k, which are a and b apart."""
        return -(2 * a + b) / (a * (a + b)) * at(i) + (a + b) / (a * b) * at(j) - a / (b * (a + b)) * at(k)

    return movement.cat([edge(first, second, 0, 1, 2), inner, -edge(last, fore, n - 1, n - 2, n - 3)], d)


@exported("torch")
def gradient(input: Tensor, *, spacing: Any = None, dim: Any = None, edge_order: int = 1) -> tuple[Tensor, ...]:
    """The slopes along each dimension, by differences of second order inside.

    Args:
        input: values at the points of a grid.
        spacing: how far apart the points are: a number, 1 unless given, or one for each dimension; or for each a vector
            of coordinates.
        dim: the dimensions; all unless given.
        edge_order: 1 or 2: of the differences at the ends.

    Returns:
        A tuple of tensors of the shape of ``input``, one for each dimension.

    Raises:
        RuntimeError: another ``edge_order``, as many spacings as there are no dimensions, or sizes that are too small.

    >>> torch.gradient(torch.tensor([1.0, 2.0, 4.0, 8.0]))
    (tensor([1.0000, 1.5000, 3.0000, 4.0000]),)
    """
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    several = dimensions(dim, "gradient")
    given = range(input.ndim) if dim is None else (several,) if isinstance(several, int) else several
    dims = [wrap_dim(d, input.ndim, "gradient") for d in given]
    if len(set(dims)) != len(dims):
        raise RuntimeError(f"dim {dims} appears multiple times in the list of dims")
    apart = list(spacing) if isinstance(spacing, tuple | list) else [1 if spacing is None else spacing] * len(dims)
    if len(apart) != len(dims):
        raise RuntimeError(
            f"torch.gradient expected spacing to be unspecified, a scalar, or a list of length {len(dims)}, one for "
            f"each dimension, but got a list of length {len(apart)}"
        )
    found = []
    for d, h in zip(dims, apart, strict=True):
        if isinstance(h, Tensor) and h.ndim:
            if h.shape[0] != input.shape[d]:
                raise RuntimeError(
                    f"torch.gradient expected coordinates of length {input.shape[d]} along dimension {d}, but got "
                    f"{h.shape[0]}"
                )
            h = ops.movement.joining.diff(h)
        found.append(_slope(input, d, h, edge_order))
    return tuple(found)
