"""Functions that are written as text for one op or one gradient, and compiled; tracebacks and debuggers show their
lines."""

from __future__ import annotations

import linecache
from collections.abc import Callable
from functools import lru_cache
from typing import Any


def compiled(name: str, text: str, env: dict) -> Callable:
    """The function ``name`` that a text defines; ``env`` holds its globals."""
    filename = f"<numtorch front of {name}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    scope: dict[str, Any] = {}
    exec(_code(text, filename), env, scope)  # noqa: S102 - the text is ours
    fn = scope[name]
    fn.source = text
    return fn


@lru_cache(maxsize=1024)
def _code(text: str, filename: str) -> Any:
    return compile(text, filename, "exec")
