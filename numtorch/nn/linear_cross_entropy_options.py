"""The options with which PyTorch computes ``linear_cross_entropy`` piece by piece."""

from __future__ import annotations

import re
from dataclasses import dataclass

from numtorch.dtype import bfloat16, dtype, float16, float32, float64

_POLICIES = ("accurate", "balanced", "compact", "auto")
_WIDE = (None, float16, bfloat16, float32, float64)


@dataclass(frozen=True)
class LinearCrossEntropyOptions:
    """How ``F.linear_cross_entropy`` is to be cut into pieces. It takes them and computes in one piece.

    Args:
        allow_retain_graph: keep what a second backward needs.
        batch_chunk_size: how many samples a piece has; None leaves that to ``chunking_method``.
        chunking_method: ``"auto"``, ``"aspect_ratio:"`` and a number, or None.
        acc_policy: ``"accurate"``, ``"balanced"``, ``"compact"`` or ``"auto"``.
        acc_dtype: a floating type in which sums are kept; None for what the policy takes.

    Raises:
        ValueError: an option has another value.

    >>> options = torch.nn.LinearCrossEntropyOptions(batch_chunk_size=128)
    >>> options.acc_policy
    'auto'
    >>> x, w = torch.zeros(1, 3), torch.zeros(2, 3)
    >>> torch.nn.functional.linear_cross_entropy(x, w, torch.tensor([1]), options=options)
    tensor(0.6931)
    """

    allow_retain_graph: bool = False
    batch_chunk_size: int | None = None
    chunking_method: str | None = "auto"
    acc_policy: str = "auto"
    acc_dtype: dtype | None = None

    def __post_init__(self) -> None:
        size, method = self.batch_chunk_size, self.chunking_method
        if size is not None and (not isinstance(size, int) or size < 1):
            raise ValueError(f"batch_chunk_size must be a positive integer or None, got {size!r}")
        if method not in ("auto", None) and not re.fullmatch(r"aspect_ratio:\d+(\.\d+)?", str(method)):
            raise ValueError(f"chunking_method must be 'auto', 'aspect_ratio:' and a number, or None, got {method!r}")
        if self.acc_policy not in _POLICIES:
            raise ValueError(f"acc_policy must be one of {', '.join(_POLICIES)}, got {self.acc_policy!r}")
        if not any(self.acc_dtype is d for d in _WIDE):
            raise ValueError(f"acc_dtype must be a floating type or None, got {self.acc_dtype}")
