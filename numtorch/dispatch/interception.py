"""Others may answer the calls of a function for a while, as ``autocast`` and modes of ``torch.overrides`` do.

Nothing is paid for this while no function is intercepted: the code of the function is exchanged.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any

from numtorch.dispatch.text import compiled

# Functions whose calls others answer at present, and for each a function that does what it did; and those others, of
# which the last is asked first.
STANDING_BY: dict[Any, Any] = {}
ANSWERS: dict[Any, list[Callable]] = {}


def intercept(call: Any, answer: Callable) -> None:
    """From now on ``call(...)`` is ``answer(original, ...)``, also where it has been imported by name. Of several
    answers the last is asked, for which the one before is the original.
    """
    if call in STANDING_BY:
        ANSWERS[call].append(answer)
        _chain(call)
        return
    closure = call.__closure__
    original: Any = types.FunctionType(call.__code__, call.__globals__, call.__name__, call.__defaults__, closure)
    original.__kwdefaults__ = call.__kwdefaults__
    original.__dict__.update(call.__dict__)
    STANDING_BY[call], ANSWERS[call] = original, [answer]
    _chain(call)
    name = call.__name__ if call.__name__.isidentifier() else "intercepted"  # a lambda
    code = _asking(name, _asked(call), len(closure or ()))
    call.__code__ = code  # in this order: another thread may call it meanwhile
    call.__defaults__ = call.__kwdefaults__ = None


def release(call: Any, answer: Callable | None = None) -> None:
    """Let a function that was intercepted do again what it did, or what another answer does; without an ``answer`` the
    last one goes."""
    answers = ANSWERS[call]
    answers.remove(answers[-1] if answer is None else answer)
    if answers:
        _chain(call)
        return
    original = STANDING_BY[call]
    call.__defaults__, call.__kwdefaults__ = original.__defaults__, original.__kwdefaults__
    call.__code__ = original.__code__
    call.__dict__.pop("source", None)
    call.__dict__.update(original.__dict__)
    del STANDING_BY[call], ANSWERS[call]  # what answered stays: a thread may be on its way to it


def _asked(call: Any) -> str:
    """The name by which an intercepted function finds its answer among the globals, which functions share."""
    return f"_answer_{id(call)}"


def _chain(call: Any) -> None:
    """Set what answers a function."""
    run: Callable = STANDING_BY[call]
    for answer in ANSWERS[call]:
        run = functools.partial(answer, run)
    call.__globals__[_asked(call)] = run


@functools.cache
def _asking(name: str, asked: str, free: int) -> Any:
    """The code of a function that hands its call over. It has as many free variables as that in whose place it is."""
    names = [f"free{i}" for i in range(free)]
    told = "".join(f"    {n} = None\n" for n in names)
    kept = f"        ({', '.join(names)},)\n" if free else ""
    text = (
        f"def around():\n{told}    def {name}(*args, **kwargs):\n{kept}        return {asked}(*args, **kwargs)\n"
        f"    return {name}\n"
    )
    return compiled("around", text, {})().__code__
