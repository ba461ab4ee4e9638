"""Differences from torch that are meant, each with its reason; everything else is a finding.

A line is (function names, category, condition or None, reason). The condition gets the call, and what was found in words.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tests.fuzz.calls import Of, T


def _written(call: Any) -> list:
    """Tensors that a call writes to."""
    name = call.name.rpartition(".")[2]
    writes = name.endswith("_") and not name.endswith("__") or name.startswith("__i") or name == "__setitem__" or call.kwargs.get("inplace")
    first = [v for v in call.leaves() if isinstance(v, T)][:1] if writes else []
    return first + ([call.kwargs["out"]] if "out" in call.kwargs else [])


def overlaps(call: Any, what: str) -> bool:
    """Whether memory that is written to is seen through another view, or more than once."""
    written = [v for v in _written(call) if isinstance(v, T | Of)]
    shared = any(isinstance(v, Of) and v.view for v in (*call.leaves(), *written))
    return bool(written) and (shared or any(s[0] in ("as_strided", "expand") for v in written for s in v.view))


def _filled(*fills: Any) -> Callable[[Any, str], bool]:
    return lambda call, what: any(isinstance(v, T) and v.fill in fills for v in call.leaves())


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
    (r".*", "grad_missing", lambda c, s: c.mode and re.match(r"requires_grad: torch \[True.*ours \[False", s),
     "what comes of a call without gradients wants none, a view either"),
    (r".*", "wrong(_state|_grad)?", overlaps, "torch writes to elements that it has yet to read, or twice to one, in no fixed order"),
    (r".*_scatter", "wrong", lambda c, s: any(t[0] == "as_strided" for v in c.leaves() if isinstance(v, T) for t in v.view),
     "torch's copy of a tensor that overlaps itself overlaps itself as well"),
    (r".*\.(nan)?median", "wrong", lambda c, s: any(t[0] == "expand" for v in c.leaves() if isinstance(v, T) for t in v.view),
     "torch reads an expanded tensor as if it were not"),
    (r"Tensor\.stride", "wrong", None, "strides of dimensions of size 1 are told as in a tensor of its own memory"),
    (r"Tensor\.(byte|char|short|int|long|bool|to|type|type_as|copy_)|.*full.*|.*fill.*", "wrong", _filled("special", "limits"),
     "infinity, NaN and what lies beyond an integer type have no right value in it: torch's depends on the processor"),
]
_compiled = [(re.compile(rf"(?:{names})\Z"), category, condition, reason) for names, category, condition, reason in DECIDED]


def reason(call: Any, category: str, what: str) -> str | None:
    """Why this difference is meant; None if it is not."""
    for names, kind, condition, why in _compiled:
        if re.fullmatch(kind, category) and names.match(call.name) and (condition is None or condition(call, what)):
            return why
    return None
