"""Records which compiled functions a block of code launches, with which types: for explanations and for compiling in
advance.

``launches`` observes real calls. ``rehearse`` runs a function while its kernels do nothing (those with almost no work
run as plain Python). So it quickly finds which kernels the function needs. Most results of a rehearsal are wrong, so it
belongs in a process whose results are discarded.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from numtorch.kernels import registry, signature, threads
from numtorch.kernels.jit import Jit, disabled, numba

# elements up to which a rehearsed kernel runs as plain Python: programs act on small results, such as random sizes
FEW = 64
NOTHING = -1  # what a rehearsed kernel returns: with it, kernels that check indices say that all are good


class Launch(NamedTuple):
    """A kernel function and the Numba types that it was called with."""

    kernel: Jit
    signature: tuple


@contextlib.contextmanager
def launches() -> Iterator[list[Launch]]:
    """The kernel functions that calls inside the block reach, each once, in their order.

    >>> from numtorch.kernels import recording
    >>> with recording.launches() as seen:
    ...     y = torch.exp(torch.ones(3))
    >>> [launch.kernel.__name__ for launch in seen]
    ['exp_flat']
    """
    seen: dict[Launch, None] = {}
    call, entry = Jit.__call__, Jit.entry

    def note(kernel: Jit, args: tuple) -> None:
        typeof = (lambda a: type(a).__name__) if disabled() else numba().typeof
        seen.setdefault(Launch(kernel, tuple(typeof(a) for a in args)))

    def noted_call(self: Jit, *args: Any) -> Any:
        note(self.serial if threads.forked() else self, args)
        return call(self, *args)

    def noted_entry(self: Jit, *args: Any) -> Callable:
        note(self, args)
        return entry(self, *args)

    def replace(call: Callable, entry: Callable) -> None:
        Jit.__call__, Jit.entry = call, entry  # type: ignore[method-assign]

    found: list[Launch] = []
    try:  # what holds a compiled entry point must ask for it again
        with registry.changed(lambda: replace(noted_call, noted_entry), lambda: replace(call, entry)):
            yield found
    finally:
        found.extend(seen)


class _Rehearsed:
    """Stands for machine code: computes nothing."""

    def __init__(self, kernel: Jit):
        self.kernel = kernel
        self.exports: dict[str, int] = defaultdict(
            lambda: 1
        )  # addresses that are never called: who would call them is rehearsed too

    def function(self, *args: Any) -> Any:
        return _slowly(self.kernel, args)


_plain = False  # whether a rehearsed kernel is running as plain Python, and with it the functions that it calls


def _slowly(kernel: Jit, args: tuple) -> Any:
    """Run as plain Python where there are few elements; else do nothing."""
    global _plain
    if sum(a.size for a in args if isinstance(a, np.ndarray)) > FEW:
        return NOTHING
    _plain = True
    try:
        with np.errstate(all="ignore"):
            return kernel.fn(*args)
    except Exception:  # it needs what only compiled code has, or was given garbage
        return NOTHING
    finally:
        _plain = False


Note = Callable[[Jit, str | tuple], Any]  # takes a kernel, and the text of its arguments' types or Numba's types


def _types(args: tuple) -> str | tuple:
    return signature.of(args) or tuple(map(numba().typeof, args))


@contextlib.contextmanager
def asked_for(note: Note) -> Iterator[None]:
    """Inside the block ``note`` is told of each kernel whose machine code is asked for."""
    code = Jit.code

    def noted(self: Jit, args: tuple, symbol: str) -> Any:
        note(self, _types(args))
        return code(self, args, symbol)

    def replace(value: Callable) -> None:
        Jit.code = value  # type: ignore[method-assign]

    with registry.changed(lambda: replace(noted), lambda: replace(code)):
        yield


def rehearse(fn: Callable, note: Note) -> None:
    """Run ``fn`` without computing; ``note`` is told of each kernel function that it would launch.

    Arrays hold whatever memory held, so ``fn`` may fail half way; what was noted until then counts. To be
    called in a process of its own: launchers keep what they were given here.
    """
    with rehearsing(note):
        fn()


@contextlib.contextmanager
def rehearsing(note: Callable[[Jit, str | tuple], None]) -> Iterator[None]:
    """Inside the block kernels are noted, as by ``rehearse``, and compute nothing."""
    registry.clear_memos()
    call, code = Jit.__call__, Jit.code

    def noted(self: Jit, args: tuple, symbol: str = "python") -> _Rehearsed:
        note(self, _types(args))
        return _Rehearsed(self)

    def quiet_call(self: Jit, *args: Any) -> Any:
        if _plain:
            return self.fn(*args)
        return noted(self.serial if threads.forked() else self, args).function(*args)

    Jit.__call__, Jit.code = quiet_call, noted  # type: ignore[method-assign]
    try:
        yield
    finally:
        Jit.__call__, Jit.code = call, code  # type: ignore[method-assign]
