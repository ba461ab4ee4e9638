"""The short way of ``zeros``, ``ones``, ``full``, ``empty`` and their kin: a few elements on the CPU, and no options.

Programs call these in their loops, where what surrounds the memory costs more than the memory.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

import numtorch.dtype as dtypes
from numtorch._tensor import Tensor, new
from numtorch.device import CPU, DEFAULT
from numtorch.storage import Size, kind

FEW = 1 << 12  # elements that NumPy allocates and clears at once; more of them start on a cache line
PLAIN_KINDS = {d.storage: kind(d, CPU) for d in dtypes.ALL if not d.is_half}
_sizes: dict[tuple, tuple[Size, int]] = {}  # shapes of few elements, as programs write them, and how many


def plain(args: tuple, value: Any = None) -> Tensor | None:
    """What a factory gives for a shape of few elements and nothing else, filled with a number; None for others."""
    given: Any = args[0] if len(args) == 1 and args[0].__class__ is not int else args
    try:
        shape, n = _sizes[given]
    except KeyError:
        return _first_of_size(given, args, value)
    except TypeError:  # a list
        return None
    for extent in given:
        if extent.__class__ is not int:  # equal to one, and refused
            return None
    d = dtypes._default
    if d.is_half or DEFAULT.device is not CPU:
        return None
    storage = d.storage
    t = new(Tensor)
    t.shape = shape
    t._k = PLAIN_KINDS[storage]
    if value.__class__ is int and not value:  # -0.0 is another number
        t._buf = np.zeros(n, storage)
    else:
        t._buf = buf = np.empty(n, storage)
        if value is not None:
            buf.fill(value)
    return t


def _first_of_size(given: Any, args: tuple, value: Any) -> Tensor | None:
    """``plain`` for a shape that is met for the first time."""
    if given.__class__ is not tuple or not all(n.__class__ is int and 0 <= n <= FEW for n in given):
        return None
    n = prod(given)
    if n > FEW:
        return None
    if len(_sizes) > 4096:
        _sizes.clear()
    _sizes[given] = Size(given), n
    return plain(args, value)


def plain_like(x: Any, value: Any = None) -> Tensor | None:
    """The same in the shape, the type and on the device of a plain tensor."""
    if x.__class__ is not Tensor or x._buf is None:  # what only describes a tensor has no elements
        return None
    k, n = x._k, x._buf.size
    if not k.contiguous or k.device is not CPU or k.dtype.is_half or n > FEW:
        return None
    t = new(Tensor)
    t.shape = x.shape
    t._k = k
    if value.__class__ is int and not value:  # -0.0 is another number
        t._buf = np.zeros(n, k.dtype.storage)
    else:
        t._buf = buf = np.empty(n, k.dtype.storage)
        if value is not None:
            buf.fill(value)
    return t
