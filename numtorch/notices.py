"""Short messages on standard error. A program without standard error (a daemon, ``pythonw``, ``2>&-``) gets none."""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from pathlib import Path
from typing import Any

PACKAGE = str(Path(__file__).parent) + os.sep


def tell(text: str, end: str = "\n") -> None:
    """Write to standard error if there is one that takes it; never an error, never to standard output instead."""
    if sys.stderr is None:
        return
    with contextlib.suppress(
        OSError, ValueError, AttributeError
    ):  # a full disk, a broken pipe, a closed or a foreign stream
        sys.stderr.write(text + end)
        sys.stderr.flush()


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn of the user's own line: the first one up the stack that is not the framework's."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_code.co_filename.startswith((PACKAGE, "<numtorch ")):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def on_terminal() -> bool:
    """Whether standard error is a terminal, where a line may be written over."""
    try:
        return sys.stderr.isatty()
    except (AttributeError, ValueError):  # None, foreign, or closed
        return False


def progress(total: int | None, what: str, unit: str = "it", **options: Any) -> Any:
    """A bar of tqdm on standard error, which goes when it is done; where that is no terminal, nothing: a log holds
    lines, not bars."""
    from tqdm import tqdm

    options = {"ncols": 78, "leave": False} | options
    return tqdm(
        total=total,
        desc=what,
        unit=unit,
        file=sys.stderr,
        disable=options.pop("silent", False) or not on_terminal(),
        **options,
    )


def flush() -> None:
    """Write out what standard output and standard error still hold, before a fork, say."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
