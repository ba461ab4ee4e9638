"""Positions that are drawn with given probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np

import numtorch.dtype as dtypes
from numtorch._tensor import Tensor
from numtorch.arguments import flag, integer
from numtorch.dispatch.out import PLACES, into
from numtorch.exports import exported
from numtorch.ops.creation import from_ndarray, to_ndarray
from numtorch.ops.generator import Generator
from numtorch.ops.random import rand


@exported("torch", "Tensor")
def multinomial(
    input: Tensor, num_samples: int, replacement: bool = False, *, generator: Generator | None = None, out: Any = None
) -> Tensor:
    """Positions drawn with probabilities proportional to the elements of each row.

    Args:
        input: weights that are not negative, (n) or (m, n), of a floating type; they need not sum to 1.
        num_samples: how many positions of each row.
        replacement: whether a position may be drawn more than once.
        generator: the stream that decides; the default generator unless given.

    Returns:
        int64 positions, (num_samples) or (m, num_samples).

    Raises:
        RuntimeError: another shape or type, a weight that is negative or not finite, a row that sums to 0, or without
            replacement more samples than a row has positive weights.

    >>> torch.multinomial(torch.tensor([0.0, 3.0, 0.0]), 2, replacement=True)
    tensor([1, 1])
    """
    if replacement.__class__ is not bool:
        replacement = flag(replacement, "multinomial", "replacement")
    if out is not None:
        return into(out, PLACES, multinomial, input, num_samples, replacement, generator=generator)

    if input.ndim not in (1, 2):
        raise RuntimeError("prob_dist must be 1 or 2 dim")
    num_samples = integer(num_samples, "multinomial", "num_samples")
    if not input.dtype.is_floating_point:
        raise RuntimeError(f"multinomial only supports floating-point dtypes for input, got: {input.dtype.name}")
    if num_samples <= 0:
        raise RuntimeError(f"cannot sample n_sample <= 0 samples (multinomial: num_samples={num_samples})")
    if not replacement and num_samples > input.shape[-1]:
        raise RuntimeError(
            f"cannot sample n_sample > prob_dist.size(-1) samples without replacement (multinomial: {num_samples} of "
            f"{input.shape[-1]})"
        )
    if not input.shape[-1]:
        raise RuntimeError(f"multinomial: cannot sample from no categories, of {list(input.shape)}")
    weights = to_ndarray(input.detach().cpu().to(dtypes.float64)).reshape(-1, input.shape[-1])
    if not np.isfinite(weights).all() or (weights < 0).any():
        raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
    if (weights.sum(1) <= 0).any():
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
    if not replacement and ((weights > 0).sum(1) < num_samples).any():
        raise RuntimeError(
            "invalid multinomial distribution (with replacement=False, not enough non-negative category to sample)"
        )
    if replacement:
        u = to_ndarray(rand((weights.shape[0], num_samples), dtype=dtypes.float64, device="cpu", generator=generator))
        totals = weights.cumsum(1)
        rows = [np.searchsorted(t, r * t[-1], side="right") for t, r in zip(totals, u, strict=True)]
        drawn = np.minimum(np.array(rows, np.int64).reshape(u.shape), weights.shape[1] - 1)
    else:
        u = to_ndarray(rand(weights.shape, dtype=dtypes.float64, device="cpu", generator=generator))
        # The first arrivals of exponential clocks with these rates are a sample without replacement.
        with np.errstate(divide="ignore"):
            arrivals = -np.log1p(-u) / weights
        drawn = np.argsort(arrivals, axis=1, kind="stable")[:, :num_samples]
    y = from_ndarray(np.ascontiguousarray(drawn, dtype=np.int64))
    return y.reshape((num_samples,) if input.ndim == 1 else y.shape).to(input.device)
