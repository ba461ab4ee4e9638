"""Differences from torch that are meant, each with its reason; everything else is a finding.

A line is (function names, category, condition or None, reason). The condition gets the call, and what was found in words.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

DECIDED: list[tuple[str, str, Callable[[Any, str], Any] | None, str]] = [
    (r".*", "error_class", None,
     "which of TypeError, ValueError, IndexError and RuntimeError a wrong argument raises differs from op to op in torch"),
    (r".*", "error_kind", lambda c, s: re.search(r"ours AttributeError: '\w+' object has no attribute", s),
     "what is given in a tensor's place and is none is found out by what it lacks: asking first would cost every call"),
    (r".*", "error_words", lambda c, s: re.search(r"ours TypeError: ('\w+' object is not|unhashable type|object of type)", s),
     "a value of the wrong kind may raise Python's own TypeError"),
    (r"Tensor\..*", "accepted", lambda c, s: "out" in c.kwargs and s.startswith("torch TypeError"),
     "methods are the functions themselves, which take out= as well"),
    (r".*", "accepted", lambda c, s: "not implemented for" in s or "not supported" in s,
     "types that torch's CPU kernels have not been written for are computed here"),
    (r".*", "accepted", lambda c, s: re.search(r"view size is not compatible|could not create a primitive|Trying to resize storage", s),
     "what torch's implementation stumbles over, not its meaning"),
]
_compiled = [(re.compile(rf"(?:{names})\Z"), category, condition, reason) for names, category, condition, reason in DECIDED]


def reason(call: Any, category: str, what: str) -> str | None:
    """Why this difference is meant; None if it is not."""
    for names, kind, condition, why in _compiled:
        if kind == category and names.match(call.name) and (condition is None or condition(call, what)):
            return why
    return None
