"""Holding signal handlers back for a moment, on the main thread, where Python runs them."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from typing import Any


def held(work: Callable[[], Any], deliver: Callable[[int], None] = signal.raise_signal) -> Any:
    """``work()``, during which no signal handler runs: signals that come are handed to ``deliver`` when it has ended.

    For what must not stop half way, such as importing a module that cannot be imported twice. Ctrl-C waits that long.
    """
    if threading.current_thread() is not threading.main_thread():
        return work()  # handlers run on the main thread alone
    due: list[int] = []
    handlers: list[tuple[int, Any]] = []
    try:
        for number in signal.valid_signals():
            handler = signal.getsignal(number)
            if callable(handler):
                handlers.append((number, handler))
                signal.signal(number, lambda number, frame: due.append(number))
        return work()
    finally:
        _restore(handlers, due, deliver)


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
