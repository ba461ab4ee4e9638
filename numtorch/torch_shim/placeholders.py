"""What programs get for a name that numtorch does not have: they fail where they use it, not where they import it. And
the list of the names that were asked for.
"""

from __future__ import annotations

import ast
import linecache
import os
import sys
from abc import ABCMeta
from dataclasses import dataclass
from functools import cache
from types import FrameType
from typing import Any, NoReturn

from numtorch import absent, notices


@dataclass
class Asked:
    """How often a missing name was asked for, where first, and whether it was used too."""

    times: int
    place: str
    used: bool = False


ASKED: dict[str, Asked] = {}


def user_frame() -> FrameType | None:
    """The frame of the program that is nearest to the call: not numtorch's, and not of Python's import system."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith((notices.PACKAGE, "<frozen ", "<numtorch ")):
        frame = frame.f_back
    return frame


def place() -> str:
    """File and line where the program is."""
    frame = user_frame()
    if frame is None:
        return "an unknown place"
    path = frame.f_code.co_filename
    near = os.path.relpath(path) if os.path.isabs(path) and path.startswith(os.getcwd() + os.sep) else path
    return f"{near}:{frame.f_lineno}"


def ask(name: str) -> Asked:
    """Count that a missing name was asked for."""
    entry = ASKED.setdefault(name, Asked(0, place()))
    entry.times += 1
    return entry


def message(name: str, where: str) -> str:
    """What is said of a missing name that is used.

    >>> from numtorch.torch_shim import placeholders
    >>> placeholders.message("torch.nn.init.xavier_uniform", "a.py:3")
    'torch.nn.init.xavier_uniform is not in numtorch (needed at a.py:3); nearest: torch.nn.init.xavier_uniform_ is here'
    """
    near = absent.nearest(name)
    return f"{name} is not in numtorch (needed at {where})" + (f"; nearest: {near}" if near else "")


def _refuse(name: str) -> NoReturn:
    ask(name).used = True
    raise NotImplementedError(message(name, place()))


class Unknown(ABCMeta):
    """The type of placeholders: classes that can be subclassed, stand in annotations and be asked for further names;
    what needs them to be there raises NotImplementedError."""

    _torch_name: str

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"type object {cls.__name__!r} has no attribute {name!r}")
        return placeholder(f"{cls._torch_name}.{name}")

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        name = cls._torch_name
        if not args and not kwargs and name.rpartition(".")[2].startswith("is_"):
            return False
        if "_torch_name" in vars(cls) and _decorates(user_frame()):
            bare = len(args) == 1 and not kwargs and callable(args[0])
            return args[0] if bare else lambda decorated: decorated
        _refuse(name)

    def __bool__(cls) -> bool:
        return True

    def __repr__(cls) -> str:
        return f"<{cls._torch_name}, which is not in numtorch>"


def _using(operation: str) -> Any:
    def use(cls: Unknown, *args: Any) -> NoReturn:
        _refuse(cls._torch_name)

    use.__name__ = operation
    return use


_OPERATIONS = (
    "add radd sub rsub mul rmul truediv rtruediv floordiv rfloordiv mod rmod pow rpow matmul rmatmul and rand xor rxor "
    "neg pos abs invert lt le gt ge iter next len contains setitem enter exit int float complex index array"
)
for _operation in _OPERATIONS.split():
    setattr(Unknown, f"__{_operation}__", _using(f"__{_operation}__"))


def _item(cls: type, item: Any) -> type:
    return cls


def placeholder(name: str) -> Any:
    """A class that stands for a name of PyTorch's.

    >>> from numtorch.torch_shim import placeholders
    >>> Dim = placeholders.placeholder("torch.export.Dim")
    >>> Dim, isinstance(3, Dim), Dim | None
    (<torch.export.Dim, which is not in numtorch>, False, torch.export.Dim | None)
    """
    ask(name)
    return _made(name)


@cache
def _made(name: str) -> Unknown:
    module, _, last = name.rpartition(".")
    return Unknown(last, (), {"_torch_name": name, "__module__": module, "__class_getitem__": classmethod(_item)})


def _decorates(frame: FrameType | None) -> bool:
    """Whether a frame is at a decorator, by its source."""
    if frame is None:
        return False
    at = list(frame.f_code.co_positions())[frame.f_lasti // 2]
    text = "".join(linecache.getlines(frame.f_code.co_filename, frame.f_globals))
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return False
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    marks = [mark for node in ast.walk(tree) if isinstance(node, kinds) for mark in node.decorator_list]
    return any(at == (m.lineno, m.end_lineno, m.col_offset, m.end_col_offset) for m in marks)


def report() -> str:
    """The missing names that were asked for, those that were used first; empty if there were none."""
    lines = []
    for name, entry in sorted(ASKED.items(), key=lambda item: (not item[1].used, -item[1].times)):
        near = absent.nearest(name)
        lines.append(
            f"{entry.times:6} x {name}, {'used' if entry.used else 'named'} first at {entry.place}"
            + (f"; nearest: {near}" if near else "")
        )
    return "\n".join(
        ["numtorch: names of PyTorch that are not here, and how often they were asked for:", *lines] if lines else []
    )
