"""``torch.autograd.profiler``: the older place of the profiler, and its older switches."""

from __future__ import annotations

import contextlib
from typing import Any

from numtorch.profiler import session
from numtorch.profiler.session import record_function as record_function


def profile(enabled: bool = True, *, with_stack: bool = False, profile_memory: bool = False, **switches: Any) -> Any:
    """Observe every kernel that runs inside the block, as ``torch.profiler.profile`` does.

    Args:
        enabled: False observes nothing; the block gives None.
        with_stack, profile_memory: of ``torch.profiler.profile``.
        **switches: PyTorch's other ones (``use_cuda``, ``record_shapes``, ``with_flops``): that is always observed.

    Returns:
        A context manager.

    >>> from numtorch.profiler import older
    >>> with older.profile(use_cuda=False) as prof:
    ...     y = torch.exp(torch.ones(1000))
    >>> [row.op for row in prof.rows if row.op == "exp"]
    ['exp']
    """
    return (
        session.profile(with_stack=with_stack, profile_memory=profile_memory) if enabled else contextlib.nullcontext()
    )


def emit_nvtx(enabled: bool = True, record_shapes: bool = False) -> Any:
    """Takes what PyTorch's takes, and marks nothing for NVIDIA's tools.

    Args:
        enabled, record_shapes: accepted.

    Returns:
        A context manager.

    >>> from numtorch.profiler import older
    >>> with older.emit_nvtx():
    ...     pass
    """
    return contextlib.nullcontext()
