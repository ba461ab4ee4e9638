"""The data of a profile: rows (where the time went), spans (what the program was doing) and events (when).

The docstring of ``Row`` is the only definition of the columns; ``legend`` prints it. Tables, traces and pages are
computed from these three and from the measured peaks of the machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from functools import cache
from inspect import cleandoc
from typing import Any

from numtorch.profiler.peaks import Machine
from numtorch.profiler.vectorization import widest


@dataclass
class Row:
    """Where time went: one kernel on operands of one class of shapes, or something that is no kernel.

    Times are in nanoseconds; ``bytes``, ``flops`` and ``allocated`` are those of all calls together.

    Args:
        wall_ns: the wall time of the profile.
        id: which events are its own.
        jits: the compiled functions themselves.
        sample: own times of single calls, for quantiles.
        machine: the measured peaks.
        parts: the rows that this one sums up.

    Attributes:
        kind: ``kernel``; ``python`` (*Python dispatch* is numtorch's own, *your Python* the program's), ``data``
            (making batches), ``idle`` (sleeping or waiting) or ``profiler`` (the profiler's own bookkeeping and
            clocks).
        op: the entry in the registry, such as ``conv2d`` or ``mul.backward``; of other rows, what they are.
        kernel: the kernel that was chosen: op, device, name. ``generated`` is a loop made from a formula.
        why: why this kernel and no other.
        phase: ``forward``, ``backward`` (inside a backward pass), ``optimizer`` (inside ``step()``), ``data``
            (inside a DataLoader); ``forward`` is what is none of the others. Of Python rows, nothing stands for
            the program around all of them.
        module: path of the module whose forward call launched it, or whose gradient it computes: ``Net.conv1``.
        device: ``cpu`` or ``cuda``.
        dtype: the type in which the kernel computes.
        shapes: of the operands. ``n=4096`` is an elementwise loop over that many elements, whatever their shape.
        calls: how often it ran, first calls that compiled or loaded included.
        time_ns: all of its time: ``self_ns``, ``load_ns`` and ``compile_ns``.
        self_ns: own time of all calls that neither compiled nor loaded, less the time of kernels that they
            called. On CUDA, what device events measured.
        total_ns: the same with the kernels that they called. Rates are over this time.
        mean_ns: the time of a call: ``total_ns`` over the calls that neither compiled nor loaded. Rates are those of a
            call that takes this long.
        median_ns: of the own times of single calls.
        p95_ns: the own time that 95 of 100 calls stay below or reach.
        compile_ns: time of first calls in which a kernel was compiled; no part of ``self_ns``.
        load_ns: time of first calls in which compiled code came from the cache on disk; no part of ``self_ns``.
        cache: ``miss`` if code was compiled for it during the profile, ``hit`` if it came from a pack or the disk, else
            ``ready``: it was in memory before.
        source: where the machine code of its functions came from, in this process: ``pack`` (a kernel pack), ``cache``
            (the cache on disk) or ``compiled``; each of them, where they differ.
        cold_calls: calls whose time is in ``compile_ns`` or ``load_ns``.
        bytes: compulsory traffic: each element that must be read and each result, once. See ``dispatch/cost.py``.
        flops: arithmetic operations of the op's definition, those of functions included. See ``dispatch/cost.py``.
        executed: the operations that the kernel really does: fewer than ``flops`` where it has a way around some, as
            Winograd's convolutions have.
        allocated: bytes of the results, where they are new memory.
        threads: how many threads it may share its work among; 1 where it is serial, None where unknown.
        functions: names of the compiled functions that it launched when it was first seen.
        launch: on CUDA: grid, block, registers, spilled bytes; else empty.
        stack: ``file:line function`` from where the program called it first, the innermost last; only with
            ``with_stack``.
        thread: 0 for the thread that opened the profile; rows of others, and those of a GPU (-1), are no part of
            the wall time but for what compiling them took.
        gbps: gigabytes (1e9) a second: ``bytes`` of the timed calls over ``total_ns``.
        gflops: 1e9 operations a second: ``flops`` of the timed calls over ``total_ns``. Effective, where the kernel
            executes fewer than the definition has: a table marks it with ``e``.
        intensity: operations for each byte: ``flops / bytes``.
        roof_ns: the least time that the timed calls could take on this machine: the longer of bytes over the
            bandwidth measured for that much data, and the executed operations over the rate measured for the dtype.
        percent_of_roof: ``100 * roof_ns / total_ns``.
        bound: what the roof is made of: ``memory`` or ``compute``; ``dispatch`` where both are shorter than
            launching a kernel takes.
        vectorized: whether its loops became vector instructions; None where nobody can tell.
        share: ``time_ns`` as a part of the wall time.
    """

    kind: str
    op: str
    kernel: str = ""
    why: str = ""
    phase: str = ""
    module: str = ""
    device: str = "cpu"
    dtype: str = ""
    shapes: str = ""
    calls: int = 0
    self_ns: int = 0
    total_ns: int = 0
    median_ns: int = 0
    p95_ns: int = 0
    compile_ns: int = 0
    load_ns: int = 0
    cache: str = ""
    cold_calls: int = 0
    bytes: int = 0
    flops: int = 0
    executed: int = -1  # as many as ``flops``, where nothing else is said
    allocated: int = 0
    threads: int | None = None
    functions: tuple[str, ...] = ()
    launch: dict = field(default_factory=dict)
    stack: tuple[str, ...] = ()
    thread: int = 0
    wall_ns: int = 0
    id: int = -1  # which events are its own
    jits: tuple = field(default=(), repr=False, compare=False)  # the compiled functions themselves
    sample: Any = field(default=None, repr=False, compare=False)  # own times of single calls, for quantiles
    machine: Machine | None = field(default=None, repr=False, compare=False)
    parts: tuple[Row, ...] = field(default=(), repr=False, compare=False)  # the rows that this one sums up

    def __post_init__(self) -> None:
        if self.executed < 0:
            self.executed = self.flops

    @property
    def name(self) -> str:
        """The kernel, or what else the row is."""
        return self.kernel or self.op

    @property
    def timed(self) -> float:
        """The part of the calls that neither compiled nor loaded."""
        return (self.calls - self.cold_calls) / self.calls if self.calls else 0.0

    def _in_timed(self, work: str) -> float:
        """Bytes or operations of the calls that neither compiled nor loaded."""
        return sum(p._in_timed(work) for p in self.parts) if self.parts else getattr(self, work) * self.timed

    @property
    def time_ns(self) -> int:
        """All of its time: ``self_ns``, ``load_ns`` and ``compile_ns``."""
        return self.self_ns + self.load_ns + self.compile_ns

    @property
    def mean_ns(self) -> float:
        """The time of a call that neither compiled nor loaded."""
        timed = self.calls - self.cold_calls
        return self.total_ns / timed if timed > 0 else 0.0

    @property
    def gbps(self) -> float | None:
        """Gigabytes a second."""
        return self._in_timed("bytes") / self.total_ns if self.total_ns and self.bytes else None

    @property
    def gflops(self) -> float | None:
        """1e9 operations a second."""
        return self._in_timed("flops") / self.total_ns if self.total_ns and self.flops else None

    @property
    def effective(self) -> bool:
        """Whether the kernel executes fewer operations than the definition has, so that its GFLOP/s are effective
        ones."""
        return self.executed < self.flops

    @property
    def intensity(self) -> float | None:
        """Operations for each byte."""
        return self.flops / self.bytes if self.bytes else None

    def _limits(self) -> tuple[float, float] | None:
        """Nanoseconds for the bytes and for the operations of one call."""
        if self.machine is None or not self.calls or not self.bytes or self.device != self.machine.device:
            return None
        moved, done = self.bytes / self.calls, self.executed / self.calls
        return moved / self.machine.bandwidth(moved), done / self.machine.rate(self.dtype)

    @property
    def roof_ns(self) -> float | None:
        """The least time that the timed calls could take on this machine; None where it is not known."""
        if self.parts:
            roofs = [p.roof_ns for p in self.parts]
            return None if None in roofs else sum(r for r in roofs if r is not None)
        limits = self._limits()
        return None if limits is None else max(limits) * (self.calls - self.cold_calls)

    @property
    def percent_of_roof(self) -> float | None:
        """The roof in percent of the measured time; None where it is not known."""
        roof = self.roof_ns
        return 100 * roof / self.total_ns if roof and self.total_ns else None

    @property
    def bound(self) -> str:
        """What the roof is made of: ``memory``, ``compute`` or ``dispatch``; empty where it is not known."""
        if self.parts:
            return max(self.parts, key=lambda p: p.total_ns).bound
        limits = self._limits()
        if limits is None or self.machine is None:
            return ""
        return "dispatch" if max(limits) < self.machine.launch_ns else "memory" if limits[0] >= limits[1] else "compute"

    @property
    def vectorized(self) -> Any:
        """Whether its loops became vector instructions; None where nobody can tell."""
        return vectorized(self.jits) if self.jits else None

    @property
    def source(self) -> str:
        """Where the machine code of its functions came from: ``pack``, ``cache`` or ``compiled``, or several of
        them."""
        found = {code.origin for j in self.jits for code in j.codes.values()}
        return ", ".join(sorted(found))

    @property
    def share(self) -> float:
        """``time_ns`` as a part of the wall time."""
        return self.time_ns / self.wall_ns if self.wall_ns else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Every column by name, numbers and strings only: what JSON can hold.

        Returns:
            A dict, whose keys are those of ``legend``.

        >>> with torch.profiler.profile() as prof:
        ...     y = torch.exp(torch.ones(1000))
        >>> prof.rows[0].to_dict().keys() == torch.profiler.legend().keys()
        True
        """
        return {name: _plain(getattr(self, name)) for name in legend()}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def vectorized(jits: tuple) -> bool | None:
    """Whether compiled functions hold vector instructions; None where one is not compiled. Why not:
    ``vectorization.of``."""
    widths = [widest(j) for j in jits]
    return None if not widths or None in widths else all(w > 1 for w in widths if w is not None)


@cache
def legend() -> dict[str, str]:
    """Each column of a profile and its definition.

    Returns:
        A dict by the names of the columns.

    >>> torch.profiler.legend()["intensity"]
    'operations for each byte: ``flops / bytes``.'
    """
    text = cleandoc(Row.__doc__ or "").partition("Attributes:")[2]  # Python 3.13 takes the indentation away itself
    found = re.findall(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", text, re.MULTILINE)
    return {name: " ".join(definition.split()) for name, definition in found}


@dataclass
class Span:
    """A stretch of the program that is no kernel: a module's forward call, a backward pass, a step, a batch being
    made, a ``record_function`` block.

    Attributes:
        kind: ``module``, ``backward``, ``optimizer``, ``data``, ``function`` or ``step``.
        name: the module's path, the optimizer's class, the label.
        module: path of the module in which it lies.
        calls: how often.
        self_ns: nanoseconds, less kernels and spans inside.
        total_ns: nanoseconds from begin to end.
        id: which events are its own.

    >>> with torch.profiler.profile() as prof:
    ...     y = torch.nn.ReLU()(torch.ones(3))
    >>> [(span.kind, span.name) for span in prof.spans]
    [('module', 'ReLU')]
    """

    kind: str
    name: str
    module: str
    calls: int = 0
    self_ns: int = 0
    total_ns: int = 0
    id: int = -1


@dataclass(frozen=True)
class Event:
    """One call of a kernel, or one stretch, on the time line.

    Attributes:
        of: the ``Row`` or ``Span``.
        start_ns: since the profile began.
        duration_ns: from begin to end.
        self_ns: less kernels and spans inside.
        thread: 0 for the thread that opened the profile.
        step: how many times ``prof.step()`` had been called.

    >>> with torch.profiler.profile() as prof:
    ...     y = torch.exp(torch.ones(1000))
    >>> [event.of.op for event in prof.events if event.name.startswith("exp")]
    ['exp']
    """

    of: Row | Span
    start_ns: int
    duration_ns: int
    self_ns: int
    thread: int = 0
    step: int = 0

    @property
    def name(self) -> str:
        """The kernel, or what else it is."""
        return self.of.name


def total_ns(rows: Iterable[Row]) -> int:
    """The wall time that rows of the profiled thread explain."""
    return sum((r.self_ns if r.thread == 0 else 0) + r.compile_ns + r.load_ns for r in rows)


__all__ = ["Event", "Row", "Span", "fields", "legend", "total_ns"]
