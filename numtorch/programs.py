"""Runs a program as Python would have started it: the same ``__main__``, ``sys.argv`` and ``sys.path``, and in the end
the same exit status, and a traceback without the frames of what ran it.
"""

from __future__ import annotations

import os
import signal
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

from numtorch import notices


class NotFound(Exception):
    """There is no program of this name."""


@dataclass
class Program:
    """A program before it runs.

    Attributes:
        name: ``sys.argv[0]``.
        folder: ``sys.path[0]``.
        code: gives the code object; may raise SyntaxError.
        file: ``__file__``, if it has one.
        spec: ``__spec__``, of a module.
    """

    name: str
    folder: str
    code: Callable[[], Any]
    file: str | None = None
    spec: ModuleSpec | None = None


def script(path: str) -> Program:
    """The program of a file, or of a folder or archive with a ``__main__.py``; NotFound if it cannot be read."""
    whole = os.path.abspath(path)
    spec: Any = PathFinder.find_spec("__main__", [whole])
    if spec is not None:
        return Program(path, whole, lambda: spec.loader.get_code("__main__"), spec.origin, spec)
    try:
        text = Path(path).read_bytes()
    except OSError as e:
        raise NotFound(f"{path} cannot be read: {e.strerror}") from None
    return Program(path, os.path.dirname(os.path.realpath(path)), lambda: _compiled(text, whole), whole)


def module(name: str) -> Program:
    """The program that ``python -m name`` runs; NotFound if there is none."""
    sys.path[0] = os.getcwd()
    spec: Any = None
    for tried in (name, f"{name}.__main__"):
        try:
            spec = find_spec(tried)
        except ModuleNotFoundError:
            spec = None
        if spec is not None and not spec.submodule_search_locations and hasattr(spec.loader, "get_code"):
            code = lambda: spec.loader.get_code(spec.name)  # noqa: B023 - returned at once
            return Program(spec.origin, os.getcwd(), code, spec.origin, spec)
    raise NotFound(f"no module is called {name}")


def text(code: str) -> Program:
    """The program that ``python -c code`` runs."""
    return Program("-c", "", lambda: _compiled(code, "<string>"))


def _compiled(source: Any, path: str) -> Any:
    return compile(source, path, "exec", dont_inherit=True)


def run(program: Program, arguments: list[str]) -> BaseException | None:
    """Run it as ``__main__``; what it raised."""
    main = types.ModuleType("__main__")
    main.__dict__.update(__builtins__=sys.modules["builtins"], __spec__=program.spec, __package__=None)
    if program.file is not None:
        main.__file__ = program.file
    if program.spec is not None:
        main.__dict__.update(__package__=program.spec.parent, __loader__=program.spec.loader)
    sys.modules["__main__"] = main
    sys.argv = [program.name, *arguments]
    sys.path[0] = program.folder
    try:
        exec(program.code(), main.__dict__)  # noqa: S102 - that is what was asked for
    except BaseException as error:
        return error
    return None


def end(failure: BaseException | None, *runners: str) -> int:
    """End as the program did: its exit status, and its traceback without the frames of the files that begin so."""
    if failure is None:
        return 0
    if isinstance(failure, SystemExit):
        raise failure
    _as_alone(failure, (__file__, *runners))
    sys.excepthook(type(failure), failure, failure.__traceback__)
    if isinstance(failure, KeyboardInterrupt):
        _interrupted()
    return 1


def _as_alone(failure: BaseException, hidden: tuple[str, ...]) -> None:
    """Leave the frames of what watched a program out of an error, and of those that led to it."""
    todo, done = [failure], set()
    while todo:
        error = todo.pop()
        done.add(id(error))
        kept, trace = [], error.__traceback__
        while trace is not None:
            if not trace.tb_frame.f_code.co_filename.startswith(hidden):
                kept.append(trace)
            trace = trace.tb_next
        for t in reversed(kept):
            trace = types.TracebackType(trace, t.tb_frame, t.tb_lasti, t.tb_lineno)
        error.__traceback__ = trace
        todo += [e for e in (error.__cause__, error.__context__) if e is not None and id(e) not in done]


def _interrupted() -> NoReturn:
    # Python itself ends by the signal, so that a shell's loop ends too.
    notices.flush()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGINT)
    sys.exit(130)
