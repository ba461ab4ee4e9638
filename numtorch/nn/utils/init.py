"""Modules whose parameters are not drawn."""

from __future__ import annotations

import inspect
from typing import Any

from numtorch.nn.module import Module


def skip_init(module_cls: type[Module], *args: Any, **kwargs: Any) -> Any:
    """A module whose parameters and buffers are whatever was in memory: for those that are loaded next.

    Args:
        module_cls: the class, which takes ``device``.
        *args, **kwargs: what it takes.

    Returns:
        The module.

    Raises:
        RuntimeError: ``module_cls`` is no class of modules, or takes no ``device``.

    >>> torch.nn.utils.skip_init(torch.nn.Linear, 5, 1)
    Linear(in_features=5, out_features=1, bias=True)
    """
    if not (isinstance(module_cls, type) and issubclass(module_cls, Module)):
        raise RuntimeError(f"skip_init takes a class of modules, not {module_cls!r}")
    if "device" not in inspect.signature(module_cls).parameters:
        raise RuntimeError(f"skip_init: {module_cls.__name__} takes no device=, without which its tensors are drawn")
    where = kwargs.pop("device", "cpu")
    return module_cls(*args, **kwargs, device="meta").to_empty(device=where)
