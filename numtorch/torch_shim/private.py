"""What libraries call of PyTorch's private modules, whatever the module."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numtorch as torch


def parse_to(
    *args: Any,
    device: Any = None,
    dtype: Any = None,
    non_blocking: bool = False,
    copy: bool = False,
    memory_format: Any = None,
) -> tuple[Any, Any, bool, Any]:
    """What the arguments of ``Module.to`` and ``Tensor.to`` mean: (device, dtype, non_blocking, memory_format).

    Raises:
        RuntimeError: there is no such device.

    >>> from numtorch.torch_shim import private
    >>> private.parse_to("cpu", torch.float64)
    (device(type='cpu'), torch.float64, False, None)
    """
    flags = []
    for a in args:
        if isinstance(a, torch.Tensor):
            device, dtype = a.device, a.dtype
        elif isinstance(a, torch.dtype):
            dtype = a
        elif isinstance(a, bool):
            flags.append(a)
        elif a is not None:
            device = a
    where = None if device is None else torch.device(device)
    return where, dtype, flags[0] if flags else non_blocking, memory_format


def _nothing(*args: Any, **kwargs: Any) -> None:
    """What is said to a compiler of programs, which is not here: taken and of no effect."""


ANSWERS: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(("mark_static", "mark_static_address", "mark_dynamic", "maybe_mark_dynamic"), _nothing),
    **dict.fromkeys(("mark_unbacked", "graph_break", "reset_code_caches"), _nothing),
    "_log_api_usage_once": lambda *event: None,
    "_get_tracing_state": lambda: None,
    "_parse_to": parse_to,
    "kineto_available": lambda: False,
    "is_traceable_wrapper_subclass": lambda tensor: False,
}
