"""Shared by the ops on shapes: the ways in which users may write a shape."""

from __future__ import annotations

from typing import Any

from numtorch.arguments import integers
from numtorch.storage import Size

SEQUENCES = tuple, list


def shape_args(args: tuple, op: str, name: str = "size") -> tuple:
    """``f(2, 3)`` and ``f((2, 3))`` alike: a tuple of Python ints, which memos may be keyed by; TypeError for all
    else."""
    if len(args) == 1 and isinstance(args[0], SEQUENCES):
        args = args[0] if type(args[0]) is Size else tuple(args[0])
    for n in args:
        if type(n) is not int:
            return integers(args, op, name)
    return args


def by_name(args: tuple, value: Any, op: str, name: str) -> tuple:
    """The arguments of ``f(shape=(2, 3))``; TypeError if they are given by position too."""
    if args:
        raise TypeError(f"{op}() got multiple values for argument '{name}'")
    return (value,)
