"""Constant padding: one pass fills the start, copies the elements and fills the end of each row of the result."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from numtorch import ops
from numtorch._tensor import Tensor
from numtorch.dispatch.cost import moves
from numtorch.dispatch.loops import Loop, like
from numtorch.dispatch.op import op
from numtorch.kernels.jit import jit, prange
from numtorch.ops.movement.copies import clone, copy_
from numtorch.ops.movement.copies_cpu import GRAIN, MOVED, RUNS
from numtorch.ops.movement.runs import copy_run
from numtorch.ops.movement.views import narrow, slice_backward

U = np.uint64  # an index that cannot be negative: see copies_cpu


@jit(parallel=True, needs=RUNS)
def pad_planes(src, dst, value, h, above, rows, w, left, cols, sizes, before, inside):
    """Planes of (h, w) with (rows, cols) of ``src`` at (above, left), ``value`` around them; planes whose position in
    the outer ``sizes`` is not one of ``inside`` beyond ``before`` hold nothing else."""
    v = dst.dtype.type(value)
    height = max(1, GRAIN // w)
    spans = (h + height - 1) // height
    outer = 1
    for n in sizes:
        outer *= n
    for item in prange(outer * spans):
        plane = item // spans
        first = (item - plane * spans) * height
        rest, p, step, covered = plane, 0, 1, True
        for k in range(sizes.size - 1, -1, -1):
            at = rest % sizes[k] - before[k]
            rest = rest // sizes[k]
            covered = covered and 0 <= at < inside[k]
            p += at * step
            step *= inside[k]
        for i in range(first, min(first + height, h)):
            q = (plane * h + i) * w
            if covered and above <= i and i < above + rows:
                for j in range(left):
                    dst[U(q + j)] = v
                copy_run(src, (p * rows + i - above) * cols, dst, q + left, cols)
                for j in range(left + cols, w):
                    dst[U(q + j)] = v
            else:
                for j in range(w):
                    dst[U(q + j)] = v


def _padded_shape(shape: tuple, widths: tuple) -> tuple:
    result = list(shape)
    for i in range(0, len(widths), 2):
        d, left, right = len(shape) - 1 - i // 2, widths[i], widths[i + 1]
        if shape[d] + left + right < 0:
            raise RuntimeError(
                f"The input size {shape[d]}, plus negative padding {left} and {right}, resulted in a negative output "
                "size"
            )
        result[d] += left + right
    return tuple(result)


def _cropped(x: Tensor, widths: tuple) -> Tensor:
    """What negative widths leave."""
    for i in range(0, len(widths), 2):
        d = len(x.shape) - 1 - i // 2
        first, last = max(-widths[i], 0), x.shape[d] - max(-widths[i + 1], 0)
        if first or last != x.shape[d]:
            x = narrow(x, d, first, last - first)
    return x


@op(
    public=False,
    cost=moves,
    wide=False,
    samples=lambda: [((3, 4), (1, 2), 0.5), ((2, 3, 4), (1, 0, -1, 2, 1, 1), 0.0), ((3, 5), (-1, -2, 2, 0), 1.0)],
)
def pad_ends(x, widths: tuple, value: Any):
    """``value`` before and after the elements: (left, right) of the last dimension, then of the one before it, and so
    on. To a plan -0.0 is 0.0."""
    part = y = ops.creation.full(_padded_shape(x.shape, widths), value, dtype=x.dtype, device=x.device)
    for i in range(0, len(widths), 2):
        d = len(x.shape) - 1 - i // 2
        part = narrow(part, d, widths[i], x.shape[d])
    copy_(part, x)
    return y


@pad_ends.arguments
def _(x, widths, value):
    if min(widths, default=0) >= 0:
        return x, widths, value
    _padded_shape(x.shape, widths)  # says where too much is cut off
    if max(widths) <= 0:
        return lambda x, widths, value: clone(_cropped(x, widths))
    return _cropped(x, widths), tuple([max(n, 0) for n in widths]), value


@pad_ends.loop("cpu")
def planes(x, widths, value):
    shape = _padded_shape(x.shape, widths)
    # (size in the result, elements before, size in x) of each dimension; one that stays as it is belongs to the one
    # before it.
    dims: list[tuple[int, int, int]] = []
    for d, (n, m) in enumerate(zip(shape, x.shape, strict=True)):
        i = 2 * (len(shape) - 1 - d)
        before = widths[i] if i < len(widths) else 0
        if dims and n == m:
            a, b, c = dims[-1]
            dims[-1] = (a * n, b * n, c * n)
        else:
            dims.append((n, before, m))
    dims = [(1, 0, 1)] * (2 - len(dims)) + dims
    (h, above, rows), (w, left, cols) = dims[-2:]
    outer = [np.array([v[k] for v in dims[:-2]], np.int64) for k in range(3)]
    one = ops.creation.full((1,), value, dtype=x._k.dtype, device="cpu")
    bits = one._buf[0].item()  # half types are stored as bits
    numbers = (bits, h, above, rows, w, left, cols, *outer)
    return Loop(pad_planes, numbers, like(x, shape), elements=prod(shape), weight=MOVED, moves=True)


@pad_ends.vjp
def _(g, *, widths):
    return pad_ends(g, tuple([-n for n in widths]), 0.0)


@slice_backward.loop("cpu")
def padded(x, shape, dim, start, end, step):
    if step != 1 or start >= end:
        return None
    return planes(x, (*(0, 0) * (len(shape) - 1 - dim), start, shape[dim] - end), 0.0)
