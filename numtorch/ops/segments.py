"""Reductions of runs of slices (segments), histograms in several dimensions, and hashes."""

from __future__ import annotations

from math import prod
from typing import Any

import numtorch.dtype as dtypes
from numtorch import ops
from numtorch._tensor import Tensor
from numtorch.arguments import dimensions
from numtorch.dispatch.out import SAME, into
from numtorch.exports import exported
from numtorch.ops import creation, movement, reduction, statistics
from numtorch.ops.arithmetic import bitwise_xor, clamp, ge, le, where
from numtorch.ops.linear_algebra.lapack import returned
from numtorch.storage import wrap_dim

INF = float("inf")
STARTS = {"sum": 0.0, "mean": 0.0, "prod": 1.0, "max": -INF, "min": INF}
KINDS = {"sum": "sum", "mean": "sum", "prod": "prod", "max": "amax", "min": "amin"}


@exported("torch", also=("_segment_reduce",))
def segment_reduce(
    data: Tensor,
    reduce: str,
    *,
    lengths: Tensor | None = None,
    indices: Tensor | None = None,
    offsets: Tensor | None = None,
    axis: int = 0,
    unsafe: bool = False,
    initial: Any = None,
    out: Any = None,
) -> Tensor:
    """Runs of slices along a dimension, each reduced to one slice.

    Args:
        data: of a floating type.
        reduce: ``"sum"``, ``"mean"``, ``"prod"``, ``"max"`` or ``"min"``.
        lengths: how many slices each run has, along the last dimension; those before are the first ones of ``data``.
        indices: accepted, and must be None.
        offsets: where each run begins, and where the last one ends, in place of ``lengths``.
        axis: the dimension, which is the last one of ``lengths``.
        unsafe: do not check that the lengths add up.
        initial: what each reduction begins with; nothing unless given, and then the mean of an empty run is NaN.

    Returns:
        The shape of ``data``, with as many slices along ``axis`` as there are runs.

    Raises:
        RuntimeError: neither or both of ``lengths`` and ``offsets``, lengths that do not add up, or an unknown
            reduction.

    >>> torch.segment_reduce(torch.tensor([1.0, 2.0, 3.0]), "sum", lengths=torch.tensor([2, 1]))
    tensor([3., 3.])
    """
    if out is not None:
        return into(
            out, SAME, segment_reduce, data, reduce, lengths=lengths, indices=indices, offsets=offsets, axis=axis,
            unsafe=unsafe, initial=initial,
        )  # fmt: skip
    reduce = {"amax": "max", "amin": "min"}.get(reduce, reduce)
    if reduce not in KINDS:
        raise RuntimeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}")
    if (lengths is None) == (offsets is None):
        raise RuntimeError("segment_reduce(): Either lengths or offsets must be defined.")
    if indices is not None:
        raise RuntimeError("segment_reduce(): indices based reduction is not supported yet.")
    d = wrap_dim(axis, data.ndim, "segment_reduce")
    given: Any = lengths if lengths is not None else offsets
    if d != given.ndim - 1:
        raise RuntimeError("segment_reduce(): Expected axis to be the last dimension of lengths.")
    if offsets is not None:
        begins, ends = offsets[..., :-1], offsets[..., 1:]
    else:
        ends = ops.scan.cumsum(given, -1)
        begins = ends - given
        n = data.shape[d]
        if not unsafe and (bool((given < 0).any()) or n and bool((reduction.sum(given, -1) != n).any())):
            raise RuntimeError(
                "segment_reduce(): Expected all rows of lengths along axis to sum to data.size(lengths.dim()-1) when "
                "!unsafe."
            )
    many = (ends - begins).to(data.dtype)
    at = creation.zeros((), dtype=given.dtype, device=data.device) + ops.ranges.arange(data.shape[d])
    inside = movement.unsqueeze(begins, -1) <= at
    run = reduction.sum(inside & (at < movement.unsqueeze(ends, -1)), -2)  # 0 for what is in no run
    last = reduction.sum(movement.unsqueeze(ends, -1) <= at, -2)
    shape = (*data.shape[:d], given.shape[-1] - (offsets is not None) + 1, *data.shape[d + 1 :])
    trailing = (1,) * (data.ndim - d - 1)
    place = where(run > 0, last, shape[d] - 1)  # into one more run, which is dropped
    place = movement.expand(movement.reshape(place, (*place.shape, *trailing)), data.shape)
    start = creation.full(shape, STARTS[reduce] if initial is None else initial, dtype=data.dtype, device=data.device)
    y = ops.indexing.scatter_reduce(start, d, place, data, KINDS[reduce], include_self=True)
    y = movement.narrow(y, d, 0, shape[d] - 1)
    if reduce == "mean":
        many = movement.reshape(many, (*many.shape, *trailing))
        empty = float("nan") if initial is None else initial
        y = where(many > 0, y / clamp(many, min=1), empty)
    return y


@exported("torch")
def histogramdd(
    input: Tensor, bins: Any, *, range: Any = None, weight: Tensor | None = None, density: bool = False
) -> Any:
    """How many points lie in each of the boxes of a grid, or how much they weigh.

    Args:
        input: (..., N) of a floating type: points of N coordinates.
        bins: the number of intervals of each coordinate, one for all or N of them; or N rising vectors of their ends.
        range: (first, last) end of each coordinate in turn, for numbers of bins; those of the points unless given.
        weight: what each point counts.
        density: whether the result is over the whole and the size of each box.

    Returns:
        (hist, bin_edges): N dimensions of counts, and N vectors of ends.

    Raises:
        RuntimeError: as many bins or ranges as there are no coordinates, or bins that are not positive.

    >>> torch.histogramdd(torch.tensor([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), bins=[2, 2]).hist
    tensor([[0., 1.],
            [1., 1.]])
    """
    points = movement.reshape(input.detach(), (-1, input.shape[-1]))
    n = points.shape[1]
    given = [bins] * n if isinstance(bins, int) else list(bins)
    if len(given) != n:
        raise RuntimeError("histogramdd: The size of bins must be equal to the innermost dimension of the input.")
    if range is not None and len(range) != 2 * n:
        raise RuntimeError(f"torch.histogramdd(): for a {n}-dimensional histogram range should have {2 * n} elements")
    edges: list[Tensor] = []
    inside = creation.ones(points.shape[0], dtype=dtypes.bool, device=input.device)
    place = creation.zeros(points.shape[0], dtype=dtypes.int64, device=input.device)
    for i, b in enumerate(given):
        x = movement.select(points, 1, i)
        bounds = None if range is None else (range[2 * i], range[2 * i + 1])
        ends = b if isinstance(b, Tensor) else statistics.interval_ends("torch.histogramdd", x, b, bounds, i)
        edges.append(ends)
        inside = inside & ge(x, ends[0]) & le(x, ends[-1])
        found = clamp(ops.searching.searchsorted(ends, movement.contiguous(x), right=True) - 1, 0, ends.shape[0] - 2)
        place = place * (ends.shape[0] - 1) + found
    shape = [e.shape[0] - 1 for e in edges]
    many = creation.ones_like(place, dtype=input.dtype) if weight is None else movement.reshape(weight, (-1,))
    flat = creation.zeros(prod(shape), dtype=input.dtype, device=input.device)
    hist = movement.reshape(ops.indexing.index_add(flat, 0, place[inside], many[inside]), tuple(shape))
    if density:
        hist = hist / reduction.sum(hist)
        for i, e in enumerate(edges):
            hist = hist / movement.reshape(e[1:] - e[:-1], (-1, *(1,) * (n - 1 - i)))
    return returned("histogramdd", "hist", "bin_edges")((hist, tuple(edges)))


@exported("torch", "Tensor")
def hash_tensor(input: Tensor, dim: Any = (), *, keepdim: bool = False, mode: int = 0, out: Any = None) -> Tensor:
    """A number of 64 bits that depends on all elements, whatever their order: their bits added without carry. Floating
    numbers are taken as float64, integers as int64.

    Args:
        input: real.
        dim, keepdim: the dimensions that are reduced, all unless given, and whether they stay with extent 1.
        mode: 0, as no other is known.

    Returns:
        A tensor of type uint64.

    Raises:
        RuntimeError: an unknown mode, or no elements and no dimension.
        NotImplementedError: complex numbers.

    >>> torch.hash_tensor(torch.tensor([5, 6]))
    tensor(3, dtype=torch.uint64)
    """
    if out is not None:
        return into(out, SAME, hash_tensor, input, dim, keepdim=keepdim, mode=mode)
    if mode != 0:
        raise RuntimeError(f"Unknown hash_tensor mode: {mode}")
    if input.dtype.is_complex:
        raise NotImplementedError(f"\"hash_tensor\" not implemented for '{input.dtype.scalar}'")
    given = (dim,) if isinstance(dim, int) else dimensions(dim, "hash_tensor")
    dims = sorted({wrap_dim(d, input.ndim, "hash_tensor") for d in given})[: input.ndim]
    if not dims:
        if not input.shape.numel():
            raise RuntimeError(
                "hash_tensor: Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim "
                "with the 'dim' argument."
            )
        dims = list(range(input.ndim))
    wide = input.detach().to(dtypes.float64 if input.dtype.is_floating_point else dtypes.int64)
    rest = [i for i in range(input.ndim) if i not in dims]
    kept = [input.shape[i] for i in rest]
    rows = movement.reshape(movement.permute(movement.contiguous(wide).view(dtypes.int64), (*dims, *rest)), (-1, *kept))
    if not rows.shape[0]:
        rows = creation.zeros((1, *kept), dtype=dtypes.int64, device=input.device)
    while rows.shape[0] > 1:  # the second half onto the first
        half = rows.shape[0] // 2
        rows = movement.cat([bitwise_xor(rows[:half], rows[half : 2 * half]), rows[2 * half :]])
    shape = [1 if i in dims else n for i, n in enumerate(input.shape)] if keepdim else kept
    return movement.reshape(rows, tuple(shape)).view(dtypes.uint64)
