"""Shorter tracebacks: numtorch's own frames are left out when an error is printed, so that it ends at the user's line.

Only the printed text is shorter. The traceback object stays complete: ``pdb.pm()`` can visit every frame, and pytest,
``logging`` and programs with their own ``sys.excepthook`` get all frames. With ``NUMTORCH_TRACEBACK=full`` nothing is
left out.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from numtorch import absent, notices

PACKAGE = str(Path(__file__).parent) + os.sep


def full() -> bool:
    """Whether the user wants to see all frames."""
    return os.environ.get("NUMTORCH_TRACEBACK", "").lower() == "full"


def ours(trace: TracebackType) -> bool:
    """Whether a frame is the framework's own."""
    return _own(trace.tb_frame)


def _own(frame: FrameType) -> bool:
    return frame.f_code.co_filename.startswith((PACKAGE, "<numtorch "))


def _frames(trace: TracebackType | None) -> list[TracebackType]:
    found = []
    while trace is not None:
        found.append(trace)
        trace = trace.tb_next
    return found


def shortened(trace: TracebackType | None) -> tuple[TracebackType | None, int]:
    """The traceback without the framework's frames, and how many these were; as it is if there are no others."""
    frames = _frames(trace)
    kept = [t for t in frames if not ours(t)]
    if len(kept) == len(frames) or all(t.tb_frame.f_code.co_filename.startswith("<frozen ") for t in kept):
        return (frames[0] if frames else None), 0
    made: TracebackType | None = None
    for t in reversed(kept):
        made = TracebackType(made, t.tb_frame, t.tb_lasti, t.tb_lineno)
    return made, len(frames) - len(kept)


def _chain(error: BaseException | None) -> list[BaseException]:
    """An error and those that it came of."""
    found: list[BaseException] = []
    waiting = [error]
    while waiting:
        e = waiting.pop()
        if e is not None and all(e is not f for f in found):
            found.append(e)
            waiting += [e.__cause__, e.__context__]
    return found


@contextmanager
def without_ours(error: BaseException) -> Iterator[TracebackType | None]:
    """Within, the tracebacks of an error and of what it came of are short; afterwards a line says so."""
    chain = _chain(error)
    whole = [e.__traceback__ for e in chain]
    hidden = 0
    try:
        for e in chain:
            e.__traceback__, n = shortened(e.__traceback__)
            hidden += n
        yield error.__traceback__
    finally:
        for e, t in zip(chain, whole, strict=True):
            e.__traceback__ = t
    if hidden:
        notices.tell(f"({hidden} frame{'s' * (hidden > 1)} of numtorch left out; NUMTORCH_TRACEBACK=full shows them)")


def shown(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """``sys.excepthook``: print the error without the framework's frames."""
    if full() or not isinstance(error, Exception):
        sys.__excepthook__(kind, error, trace)
        return
    _hint(error)
    with without_ours(error) as short:
        sys.__excepthook__(kind, error, short)


def _hint(error: Exception) -> None:
    """Say what is known of an absent name, where the message does not: of tensors and of ``nn.functional``, whose names
    are looked up so often that they have no ``__getattr__``, and of modules, whose absence Python itself tells."""
    if isinstance(error, absent.Absent | absent.AbsentImport):
        return
    asked = _asked(error)
    said = _no_tensor(error) if asked is None else absent.told(*asked).lstrip(".: ")
    if said and said not in getattr(error, "__notes__", ()):
        error.add_note(said)


def _asked(error: Exception) -> tuple[str, str] | None:
    """Where in torch a name was looked for, and the name."""
    name: Any = getattr(error, "name", None)
    if not name:
        return None
    if isinstance(error, AttributeError):
        of = error.obj
        if of is sys.modules.get("numtorch.nn.functional"):
            return "torch.nn.functional", name
        return ("torch.Tensor", name) if any(c.__module__ == "numtorch._tensor" for c in type(of).__mro__) else None
    if isinstance(error, ModuleNotFoundError):
        package, _, module = name.rpartition(".")
        if package.partition(".")[0] == "numtorch" and package in sys.modules:
            return package.replace("numtorch", "torch", 1), module
    elif isinstance(error, ImportError) and name == "numtorch.nn.functional":
        found = re.match(r"cannot import name '(\w+)'", str(error))
        return ("torch.nn.functional", found[1]) if found else None
    return None


def _no_tensor(error: Exception) -> str:
    """Which argument of the function that the user called is no tensor, where that is why an attribute is missing.
    Functions do not look: it would cost every call."""
    frames = [t.tb_frame for t in _frames(error.__traceback__)]
    if not isinstance(error, AttributeError) or error.name is None or not frames or not _own(frames[-1]):
        return ""
    of = error.obj
    if any(c.__module__ == "numtorch._tensor" for c in type(of).__mro__):
        return ""
    for frame in filter(_own, frames):
        code, values = frame.f_code, frame.f_locals
        made = code.co_filename.startswith("<numtorch ")  # a front, which is written for its op
        owner = values.get("self") if code.co_varnames[:1] == ("self",) else None
        fn: Any = frame.f_globals.get(code.co_name) if owner is None else getattr(type(owner), code.co_name, None)
        kinds = getattr(getattr(fn, "__wrapped__", fn), "__annotations__", {})
        for i, name in enumerate(code.co_varnames[: code.co_argcount], owner is None):
            if values.get(name, kinds) is of and ("Tensor" in str(kinds.get(name, "")) or made and name == "input"):
                where = code.co_name if owner is None else f"{type(owner).__name__}.{code.co_name}"
                return f"{where}(): argument '{name}' (position {i}) must be Tensor, not {type(of).__name__}"
    return ""


def _in_notebooks(shell: Any) -> None:
    """Let an IPython shell leave out the framework's frames."""
    show = shell.showtraceback
    if hasattr(show, "of_numtorch"):
        return

    def showtraceback(exc_tuple: Any = None, *args: Any, **kwargs: Any) -> Any:
        error = sys.exc_info()[1] if exc_tuple is None else exc_tuple[1]
        if full() or not isinstance(error, Exception) or isinstance(error, SyntaxError):
            return show(exc_tuple, *args, **kwargs)
        _hint(error)
        whole = error.__traceback__
        with without_ours(error) as short:
            result = show((type(error), error, short), *args, **kwargs)
        sys.last_traceback = whole  # %debug goes into every frame
        return result

    showtraceback.of_numtorch = True  # type: ignore[attr-defined]
    shell.showtraceback = showtraceback


def install() -> None:
    """Shorten what is shown, unless somebody else shows errors already."""
    if sys.excepthook is sys.__excepthook__:
        sys.excepthook = shown
    if "IPython" in sys.modules:
        shell = getattr(sys.modules["IPython"], "get_ipython", lambda: None)()
        if shell is not None:
            _in_notebooks(shell)
