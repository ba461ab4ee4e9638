"""``SummaryWriter``, which writes event files for TensorBoard: that of tensorboardX, an optional package."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numtorch import absent

try:
    from tensorboardX import SummaryWriter
except ImportError as _error:
    _missing = _error

    class SummaryWriter:  # type: ignore[no-redef]
        """Writes event files for TensorBoard; needs tensorboardX.

        Args:
            *args, **kwargs: of tensorboardX's SummaryWriter.
        """

        def __init__(self, *args: Any, **kwargs: Any):
            raise ImportError("SummaryWriter needs tensorboardX: pip install tensorboardX") from _missing


__all__ = ["SummaryWriter"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = absent.answers(__name__)
