"""Records which compiled functions a block of code launches, with which types: for explanations and for compiling in
advance.

``launches`` observes real calls. ``rehearse`` runs a function while its kernels do nothing (those with almost no work
run as plain Python). So it quickly finds which kernels the function needs. Most results of a rehearsal are wrong, so it
belongs in a process whose results are discarded.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from numtorch.kernels import registry, threads
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
        note(self if threads.get_num_threads() > 1 else self.serial, args)
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
    """Stands for a dispatcher, its compile results and their libraries: writes down, computes nothing."""

    def __init__(self, kernel: Jit, note: Callable[[Jit, tuple], None]):
        self.kernel, self.note = kernel, note
        self.overloads = self

    def __call__(self, *args: Any) -> Any:
        typeof = numba().typeof
        self.note(self.kernel, tuple(typeof(a) for a in args))
        return _slowly(self.kernel, args)

    def compile(self, signature: tuple) -> None:
        self.note(self.kernel, tuple(signature))

    def get(self, signature: tuple, default: Any = None) -> _Result:
        self.note(self.kernel, tuple(signature))
        return _Result(self.kernel)

    __getitem__ = get

    def values(self) -> list[_Result]:
        return [_Result(self.kernel)]


class _Result:
    """A compile result whose code stands nowhere."""

    def __init__(self, kernel: Jit) -> None:
        self.kernel = kernel
        self.library = self.fndesc = self
        self.llvm_func_name = self.llvm_cfunc_wrapper_name = ""

    def entry_point(self, *args: Any) -> Any:
        return _slowly(self.kernel, args)

    @staticmethod
    def get_pointer_to_function(name: str) -> int:
        return 1  # an address that is never called: those who would call it are rehearsed too


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


def rehearse(fn: Callable, note: Callable[[Jit, tuple], None]) -> None:
    """Run ``fn`` without computing; ``note(kernel, signature)`` for each kernel function that it would launch.

    Arrays hold whatever memory held, so ``fn`` may fail half way; what was noted until then counts. To be
    called in a process of its own: launchers keep what they were given here.
    """
    registry.clear_memos()
    call, dispatcher = Jit.__call__, Jit.dispatcher

    def quiet_call(self: Jit, *args: Any) -> Any:
        if _plain:
            return self.fn(*args)
        kernel = self if threads.get_num_threads() > 1 else self.serial
        return kernel.dispatcher(*args)

    Jit.__call__ = quiet_call  # type: ignore[method-assign]
    Jit.dispatcher = property(lambda self: _Rehearsed(self, note))  # type: ignore[method-assign, assignment]
    try:
        fn()
    finally:
        Jit.__call__, Jit.dispatcher = call, dispatcher  # type: ignore[method-assign]
