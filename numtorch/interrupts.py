"""Delays signal handlers for a moment on the main thread, where Python runs them. Also: cached properties that hold no
lock, so that a forked child cannot inherit a locked one.
"""

from __future__ import annotations

import gc
import importlib
import signal
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

importing = False  # whether the package is being imported
_SIGNALS = tuple(map(int, signal.valid_signals()))


def held(work: Callable[[], Any], deliver: Callable[[int], None] = signal.raise_signal) -> Any:
    """``work()``, during which no signal handler runs: signals that come are handed to ``deliver`` when it has ended.

    For what must not stop half way, such as importing a module that cannot be imported twice. Ctrl-C waits that long.
    """
    if threading.current_thread() is not threading.main_thread():
        return work()  # handlers run on the main thread alone
    due: list[int] = []
    handlers: list[tuple[int, Any]] = []
    try:
        for number in _SIGNALS:
            handler = signal.getsignal(number)
            if callable(handler):
                handlers.append((number, handler))
                signal.signal(number, lambda number, frame: due.append(number))
        return work()
    finally:
        _restore(handlers, due, deliver)


def surely(work: Callable[[], Any]) -> None:
    """``held`` for what puts things right again: it is done even if an exception comes first, which then goes on."""
    begun = False

    def once() -> None:
        nonlocal begun
        begun = True
        work()

    raised: BaseException | None = None
    while not begun:
        try:
            held(once)
        except BaseException as e:
            raised = raised or e
    if raised is not None:
        raise raised


def import_whole(package: str, modules: tuple[str, ...]) -> None:
    """Import a package's modules so that Ctrl-C comes before or after; called first of all when the package is
    imported.

    NumPy cannot be imported a second time if its import was interrupted, and a module of ours that registers ops cannot
    either. Where something else ends the import, Python forgets the package but keeps those modules that were complete:
    they go, too, so that the next import begins anew.
    """
    for name in [n for n in sys.modules if n.startswith(f"{package}.") and n != __name__]:
        del sys.modules[name]
    global importing
    collecting = gc.isenabled()
    importing = True
    gc.disable()  # what is imported stays
    try:
        held(lambda: [importlib.import_module(name) for name in modules])
    finally:
        importing = False
        if collecting:
            gc.enable()


def _restore(handlers: list[tuple[int, Any]], due: list[int], deliver: Callable[[int], None]) -> None:
    raised: BaseException | None = None
    while handlers or due:
        try:
            while handlers:  # all of them, though one that is back may raise at once
                signal.signal(*handlers[-1])
                handlers.pop()
            while due:
                deliver(due.pop(0))
        except BaseException as e:
            raised = raised or e
    if raised is not None:
        raise raised


if TYPE_CHECKING:
    from functools import cached_property as cached_property
else:

    class cached_property:
        """``functools.cached_property`` as it is from Python 3.12 on. Before, it holds one lock for all objects while a
        value is computed, and a child that is forked meanwhile waits for ever. Where two threads compute it at once,
        the first value stays."""

        def __init__(self, fn: Callable[[Any], Any]):
            self.fn, self.__doc__ = fn, fn.__doc__

        def __set_name__(self, owner: type, name: str) -> None:
            self.name = name

        def __get__(self, obj: Any, owner: type | None = None) -> Any:
            if obj is None:
                return self
            return obj.__dict__.setdefault(self.name, self.fn(obj))
