"""What the ops on shapes share: how users may write a shape."""

from __future__ import annotations

from numtorch._tensor import Tensor
from numtorch.storage import Size


def shape_args(args: tuple) -> tuple:
    """``f(2, 3)`` and ``f((2, 3))`` alike."""
    if len(args) == 1 and isinstance(args[0], tuple | list):
        args = args[0] if type(args[0]) is Size else tuple(args[0])
    for n in args:
        if type(n) is not int:
            return tuple([n.item() if isinstance(n, Tensor) else n for n in args])
    return args
