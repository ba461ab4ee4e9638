"""Adds a note to errors inside a module, which names the layer: ``in net.2 (Linear(...)), input [2, 4]``.

The innermost module that an error leaves writes the note. Each module around it puts its name for that module in front.
"""

from __future__ import annotations

import sys
import threading
from typing import Any
from weakref import ref

from numtorch._tensor import Tensor
from numtorch.dtype import get_default_dtype


class _Last(threading.local):
    """The note that was written last in a thread: of which module, under which path in it, what was called with what,
    and the text."""

    module: Any = None
    path = layer = given = note = ""


_last = _Last()


def noted(module: Any, error: Exception, args: tuple, kwargs: dict) -> Exception | None:
    """Say in a note where an error was raised; called as it leaves a module. Returns what to raise instead where a
    layer of ours was given no tensor: what it then misses of one is no help."""
    plain: Exception | None = None
    try:
        if error.__class__ is AttributeError and type(module).__module__.startswith("numtorch.nn."):
            plain = _refused(module, error, args)
        _noted(module, plain or error, args, kwargs)
    except Exception:  # noqa: S110 - a layer that cannot be described must not hide the error
        pass
    return plain


def _refused(module: Any, error: AttributeError, args: tuple) -> TypeError | None:
    if isinstance(error.obj, Tensor):
        return None
    names = module.forward.__code__.co_varnames[1:]
    for i, (name, value) in enumerate(zip(names, args, strict=False), 1):
        if value is error.obj:
            return TypeError(
                f"{type(module).__name__}: argument '{name}' (position {i}) must be Tensor, not {type(value).__name__}"
            )
    return None


def _noted(module: Any, error: Exception, args: tuple, kwargs: dict) -> None:
    notes = getattr(error, "__notes__", None)
    inner = _last.module() if _last.module is not None else None
    if notes and inner is not None and notes[-1] is _last.note:
        name = next((n for n, m in module.named_modules() if m is inner), None)
        if name is None:
            return
        path = f"{name}.{_last.path}" if name and _last.path else name or _last.path
        notes.pop()
    else:
        path = ""
        given = [_described(a) for a in (*args, *kwargs.values()) if isinstance(a, Tensor)]
        _last.given = f", input{'s' * (len(given) > 1)} {', '.join(given)}" if given else ""
        _last.layer = _brief(module)
    _last.module, _last.path = ref(module), path
    root = _called(module)
    if path or root:
        _last.note = f"in {root or type(module).__name__}{'.' * bool(path)}{path} ({_last.layer}){_last.given}"
    else:
        _last.note = f"in {_last.layer}{_last.given}"
    error.add_note(_last.note)


def _described(x: Tensor) -> str:
    return f"{list(x.shape)}" + ("" if x.dtype is get_default_dtype() else f" {x.dtype.name}")


def _brief(module: Any) -> str:
    """A module in a line: containers without what they contain."""
    extra = module.extra_repr()
    name = type(module).__name__
    return (
        f"{name}({extra})"
        if extra and "\n" not in extra and len(extra) < 100
        else name
        if module._modules
        else f"{name}()"
    )


def _called(module: Any) -> str:
    """The variable by which the caller knows a module; empty if there is none."""
    frame: Any = sys._getframe(4)  # of whoever called the module
    for scope in (frame.f_locals, frame.f_globals):
        for name, value in list(scope.items()):
            if value is module and name != "self" and not name.startswith("_"):
                return name
    return ""
