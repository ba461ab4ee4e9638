"""Kernels called by their entry points: what Numba's dispatcher asks of each argument is asked once for each set of types."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from numtorch.kernels import registry
from numtorch.kernels.jit import Jit

_entries: dict = registry.memo()


def ready(kernel: Jit, parallel: bool, args: tuple) -> Callable:
    """The compiled function for arguments of these types: one-dimensional contiguous arrays, integers, booleans."""
    key = (kernel, parallel, *[a.dtype if a.__class__ is np.ndarray else a.__class__ for a in args])
    entry = _entries.get(key)
    if entry is None:
        entry = _entries[key] = (kernel if parallel else kernel.serial).entry(*args)
    return entry
