"""Every choice of a kernel passes through here, so that a profiler can put a clock around the kernel.

When no profile is open, a call of a kernel checks nothing. Opening a profile (``observe``) deletes every remembered
choice; then launchers and entry points are chosen again, through the observer. Knows neither what is recorded nor how
it is shown: ``numtorch.profiler`` does.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from numtorch.kernels import registry


@dataclass(frozen=True)
class Work:
    """What one call of a generated loop moves and computes.

    Attributes:
        shapes: of the operands, as shown; empty where the loop takes any number of elements.
        dtype: the name of the type in which it computes.
        bytes: each operand read once and each result written once.
        flops: arithmetic operators and calls of mathematical functions.
        allocated: bytes of the results, 0 where operands are overwritten.
        each: the three numbers for one more element, where ``shapes`` is empty; the count is the size of the
            argument at ``counted``.
    """

    shapes: str
    dtype: str
    bytes: float
    flops: float
    allocated: float = 0
    each: tuple[float, float, float] | None = None
    counted: int = -1


@dataclass(frozen=True)
class Launcher:
    """A kernel that takes tensors: what a profiler must know to name it and to know its work.

    Attributes:
        entry: the op in the registry; ``entry.cost`` gives bytes and operations.
        positional, keyword: names of the arguments, as the kernel is called.
        tensors: those among them that are tensors or None.
        seeds: those that say nothing about the work and differ from call to call.
    """

    kernel: registry.Kernel
    entry: registry.Entry
    signature: registry.Signature
    positional: tuple[str, ...]
    tensors: frozenset[str]
    keyword: tuple[str, ...] = ()
    seeds: frozenset[str] = frozenset()


class Observer(Protocol):
    """What stands between a choice and its kernel while a profile is open."""

    def launcher(self, run: Callable, about: Launcher) -> Callable:
        """``run``, observed."""

    def loop(self, build: Callable[[], Callable], op: str, device: str, jit: Any, arity: int, work: Work) -> Callable:
        """The entry point that ``build`` compiles or loads, observed."""

    def planned(self, make: Callable[[], Any], op: str, kernel: str) -> Any:
        """What ``make`` plans for a kernel, observed: it may compile or load parts of it."""


active: Observer | None = None


def launcher(run: Callable, about: Callable[[], Launcher]) -> Callable:
    """``run`` as it is, or as the open profile observes it."""
    return run if active is None else active.launcher(run, about())


def loop(
    build: Callable[[], Callable], op: str, device: str, jit: Any, arity: int, work: Callable[[], Work]
) -> Callable:
    """The entry point of a generated loop of ``arity`` arguments, as it is or observed."""
    return build() if active is None else active.loop(build, op, device, jit, arity, work())


def planned(make: Callable[[], Any], op: str, kernel: str) -> Any:
    """What ``make`` plans for a kernel; compiling that this takes is the kernel's."""
    return make() if active is None else active.planned(make, op, kernel)


def _after_fork() -> None:
    global active
    active = None  # a child has no part in its parent's profile


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


@contextlib.contextmanager
def observe(observer: Observer) -> Iterator[None]:
    """Inside the block every kernel is chosen anew and passes by the observer."""
    if active is not None:
        raise RuntimeError("a profile is open already; profiles do not nest")

    def set_active(value: Observer | None) -> None:
        global active
        active = value

    with registry.changed(lambda: set_active(observer), lambda: set_active(None)):
        yield
