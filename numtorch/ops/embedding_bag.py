"""Sums, means and maxima of rows of a table, bag by bag."""

from __future__ import annotations

import numpy as np

from numtorch._tensor import Tensor
from numtorch.dtype import int32, int64
from numtorch.exports import exported
from numtorch.grad_mode import no_grad
from numtorch.ops import reduction
from numtorch.ops.creation import from_numpy, zeros
from numtorch.ops.embedding import embedding
from numtorch.ops.indexing.slices import index_add, index_select
from numtorch.ops.movement import reshape, unsqueeze


@exported("nn.functional")
def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """Sums, means or maxima of rows of ``weight``, for each bag of indices.

    Args:
        input: indices: (B, N), a bag in each row; or (N), all bags one after the other.
        weight: the table, (rows, dim).
        offsets: (B), where each bag begins in ``input``, where this has one dimension.
        max_norm: rows that are looked up and have a larger norm are first scaled down to it, in the table.
        norm_type: order of that norm.
        scale_grad_by_freq: divide the gradient of a row by how often it is looked up; not with ``"max"``.
        mode: ``"sum"``, ``"mean"`` or ``"max"``. Of an empty bag all are 0.
        sparse: whether the gradient of ``weight`` is a sparse tensor, with the rows that were read.
        per_sample_weights: factors of the rows, in the shape of ``input``; only with ``"sum"``.
        include_last_offset: the last of the offsets is where the last bag ends.
        padding_idx: an index that does not count.

    Returns:
        (B, dim).

    Raises:
        ValueError: the shapes do not fit, or another ``mode``.
        RuntimeError: ``per_sample_weights`` with another mode, or of another shape.
        NotImplementedError: ``per_sample_weights`` with another mode than ``"sum"``.

    >>> table = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    >>> torch.nn.functional.embedding_bag(torch.tensor([0, 1, 2]), table, torch.tensor([0, 2]), mode="sum")
    tensor([[4., 6.],
            [5., 6.]])
    """
    if weight.dtype in (int64, int32) and input.dtype.is_floating_point:
        raise RuntimeError(
            "Argument order of nn.functional.embedding_bag was changed. Usage `embedding_bag(weight, input, ...)` is "
            "deprecated, and should now be `embedding_bag(input, weight, ...)`."
        )
    if per_sample_weights is not None and input.shape != per_sample_weights.shape:
        raise ValueError(
            f"embedding_bag: If per_sample_weights ({list(per_sample_weights.shape)}) is not None, then it must have "
            f"the same shape as the input ({list(input.shape)})"
        )
    if weight.ndim != 2:
        raise ValueError(f"weight has to be a 2D Tensor, but got Tensor of dimension {weight.ndim}")
    if mode not in ("sum", "mean", "max"):
        raise ValueError("mode has to be one of sum, mean or max")
    if input.ndim == 2:
        if offsets is not None:
            raise ValueError(
                "if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed length "
                f"sequences. However, found offsets of type {type(offsets)}"
            )
        bags, each = input.shape
        starts = np.arange(bags + 1) * each
        flat = reshape(input, (-1,))
        factors = None if per_sample_weights is None else reshape(per_sample_weights, (-1,))
    elif input.ndim == 1:
        if offsets is None:
            raise ValueError("offsets has to be a 1D Tensor but got None")
        if offsets.ndim != 1:
            raise ValueError("offsets has to be a 1D Tensor")
        starts = offsets.detach().cpu().numpy().astype(np.int64)
        starts = starts if include_last_offset else np.append(starts, input.shape[0])
        if starts[0] != 0:
            raise RuntimeError(
                f"offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position 0. "
                f"However, got {int(starts[0])}"
            )
        if np.any(starts[:-1] > input.shape[0]):
            raise RuntimeError(
                f"offsets[-1] can not be greater than input's length({input.shape[0]}) but got offsets[-1] of "
                f"{int(starts[-2])}"
            )
        flat, factors = input, per_sample_weights
    else:
        raise ValueError(f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.ndim}")
    if mode == "max" and scale_grad_by_freq:
        raise ValueError("max mode does not support scaling the gradient by the frequency")
    if mode == "max" and sparse:
        raise ValueError("max mode does not support sparse weights")
    if factors is not None and mode != "sum":
        raise NotImplementedError(
            f"embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for mode='sum' (got "
            f"mode='{mode}'). Please open a feature request on GitHub."
        )
    if padding_idx is not None:
        if not -weight.shape[0] <= padding_idx < weight.shape[0]:
            raise ValueError("padding_idx must be within the number of embeddings")
        padding_idx %= weight.shape[0]
    rows = embedding(flat, weight, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse)
    bag = np.repeat(np.arange(starts.size - 1), np.diff(starts))
    if padding_idx is not None:
        kept = np.flatnonzero(flat.detach().cpu().numpy()[: bag.size] != padding_idx)
        bag = bag[kept]
        at = from_numpy(kept).to(rows.device)
        rows = index_select(rows, 0, at)
        factors = None if factors is None else index_select(factors, 0, at)
    return _joined(rows, factors, bag, starts.size - 1, mode)


def _joined(rows: Tensor, factors: Tensor | None, bag: np.ndarray, bags: int, mode: str) -> Tensor:
    """The sum, mean or maximum of the rows of each bag; of half types in float32, and rounded once."""
    if rows.dtype.is_half and mode != "max":
        factors = None if factors is None else factors.float()
        return _joined(rows.float(), factors, bag, bags, mode).to(rows.dtype)
    if factors is not None:
        rows = rows * unsqueeze(factors, 1)
    counts = np.bincount(bag, minlength=bags)
    if mode == "max":
        return _largest(rows, bag, counts)
    blank = zeros((bags, rows.shape[1]), dtype=rows.dtype, device=rows.device)
    y = index_add(blank, 0, from_numpy(bag).to(rows.device), rows)
    if mode == "mean":
        y = y / unsqueeze(from_numpy(np.maximum(counts, 1)).to(rows.device).to(rows.dtype), 1)
    return y


def _largest(rows: Tensor, bag: np.ndarray, counts: np.ndarray) -> Tensor:
    """The maximum of the rows of each bag, of which short ones hold their first row again."""
    blank = zeros((counts.size, rows.shape[1]), dtype=rows.dtype, device=rows.device)
    full = np.flatnonzero(counts)
    if not full.size:
        return blank
    first = (np.cumsum(counts) - counts)[full]
    at = first[:, None] + np.minimum(np.arange(counts.max()), counts[full][:, None] - 1)
    with no_grad():
        places = from_numpy(at.reshape(-1)).to(rows.device)
    parts = reshape(index_select(rows, 0, places), (*at.shape, rows.shape[1]))
    return index_add(blank, 0, from_numpy(full).to(rows.device), reduction.max(parts, 1)[0])
