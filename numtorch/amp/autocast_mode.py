"""``autocast``: ops in a half type within a block; not here yet. What PyTorch switches off is off here too."""

from __future__ import annotations

from contextlib import ContextDecorator
from typing import Any

from numtorch import cuda, notices
from numtorch.dtype import dtype as DType


class autocast(ContextDecorator):
    """A block, or a function, in which ops would compute in a half type.

    It does nothing where PyTorch's does nothing: with ``enabled=False``, and for ``"cuda"`` on a machine without a GPU.

    Args:
        device_type: ``"cpu"`` or ``"cuda"``.
        dtype: the half type.
        enabled: whether it does anything.
        cache_enabled: accepted.

    Raises:
        NotImplementedError: it is entered where it would have to do something.

    >>> with torch.amp.autocast("cpu", enabled=False):
    ...     (torch.ones(1) + 1).dtype
    torch.float32
    """

    def __init__(
        self, device_type: str, dtype: DType | None = None, enabled: bool = True, cache_enabled: bool | None = None
    ):
        self.device, self.fast_dtype, self._enabled = device_type, dtype, enabled
        if enabled and device_type == "cuda" and not cuda.is_available():
            notices.warn("CUDA is not available or torch_xla is imported. Disabling autocast.")
            self._enabled = False

    def __enter__(self) -> autocast:
        if self._enabled:
            raise NotImplementedError(
                f"autocast({self.device!r}) is not here yet: net.bfloat16() and x.bfloat16() compute in a half type, "
                "and enabled=False computes in the types that tensors have"
            )
        return self

    def __exit__(self, *exception: Any) -> None:
        pass
