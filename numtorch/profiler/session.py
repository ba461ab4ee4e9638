"""``profile``: opens, schedules and closes a profile. The result is a ``Profile``.

The clock of a profile stops while it waits or warms up (``schedule``). The profiler's own preparation ends before the
clock starts.
"""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any

from numtorch import interrupts
from numtorch.kernels import timing
from numtorch.profiler import memory, trace
from numtorch.profiler.ranges import watching
from numtorch.profiler.recorder import EVENTS, Recorder
from numtorch.profiler.result import Clocks, Profile


class ProfilerActivity(Enum):
    """What is observed; torch's names.

    Attributes:
        CPU: kernels on the processor.
        CUDA: kernels on a GPU.

    >>> torch.profiler.ProfilerActivity.CPU.name
    'CPU'
    """

    CPU = "cpu"
    CUDA = "cuda"


class ProfilerAction(Enum):
    """What a schedule asks for at a step.

    Attributes:
        NONE: observe nothing.
        WARMUP: observe and forget.
        RECORD: record.
        RECORD_AND_SAVE: record, and then call ``on_trace_ready``.

    >>> torch.profiler.schedule(wait=1, warmup=1, active=2)(0).name
    'NONE'
    """

    NONE = 0
    WARMUP = 1
    RECORD = 2
    RECORD_AND_SAVE = 3


def schedule(
    *, wait: int = 0, warmup: int = 0, active: int, repeat: int = 0, skip_first: int = 0
) -> Callable[[int], ProfilerAction]:
    """Steps in cycles: ``wait`` unobserved, ``warmup`` observed and forgotten, ``active`` recorded.

    Args:
        wait: number of steps; not negative.
        warmup: number of steps; not negative.
        active: number of steps; positive.
        repeat: how many cycles; 0 for as many as there are steps.
        skip_first: unobserved steps before the first cycle.

    Returns:
        A function from the number of a step to a ``ProfilerAction``, for ``profile(schedule=...)``.

    Raises:
        ValueError: a number is not an integer, or too small.

    >>> action = torch.profiler.schedule(wait=1, warmup=1, active=2)
    >>> [action(step).name for step in range(5)]
    ['NONE', 'WARMUP', 'RECORD', 'RECORD_AND_SAVE', 'NONE']
    """
    for name, value, least in (
        ("wait", wait, 0),
        ("warmup", warmup, 0),
        ("active", active, 1),
        ("repeat", repeat, 0),
        ("skip_first", skip_first, 0),
    ):
        if not isinstance(value, int) or value < least:
            raise ValueError(f"schedule: expected {name} to be an integer of at least {least}, got {value!r}")
    length = wait + warmup + active

    def action(step: int) -> ProfilerAction:
        step -= skip_first
        if step < 0 or (repeat and step >= repeat * length):
            return ProfilerAction.NONE
        at = step % length
        if at < wait:
            return ProfilerAction.NONE
        if at < wait + warmup:
            return ProfilerAction.WARMUP
        return ProfilerAction.RECORD_AND_SAVE if at == length - 1 else ProfilerAction.RECORD

    return action


_RECORDING = (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)
_current: profile | None = None


class profile(Profile):
    """Observe every kernel that runs inside the block; afterwards the object holds what was gathered.

    Args:
        activities: torch's; whatever is named, every device that is used is observed, so that rows add up.
        schedule: see ``schedule``; then ``step()`` is to be called after each step. Everything if None.
        on_trace_ready: called with the profile whenever a cycle is complete.
        with_stack: rows remember where the program called them first.
        profile_memory: follow every buffer of 32 KiB or more, for ``prof.memory``.
        record_shapes, with_flops, with_modules: torch's switches. Shapes, operations and modules are always there.
        events: how many of the newest calls the time line keeps; the rows count all.
        trace: a file to which the Chrome trace is written at the end. Whether it can be written is found out at once.

    Raises:
        RuntimeError: a profile is open already.
        OSError: ``trace`` cannot be written.

    Source: torch.profiler.profile.

    >>> with torch.profiler.profile() as prof:
    ...     y = torch.exp(torch.ones(1000))
    >>> (row,) = [r for r in prof.rows if r.op == "exp"]
    >>> row.calls, row.bytes, row.flops
    (1, 8000, 24000)
    """

    def __init__(
        self,
        activities: Iterable[ProfilerActivity] | None = None,
        schedule: Callable[[int], ProfilerAction] | None = None,
        on_trace_ready: Callable[[Any], Any] | None = None,
        record_shapes: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_flops: bool = False,
        with_modules: bool = False,
        *,
        events: int = EVENTS,
        trace: Any = None,
    ):
        super().__init__()
        self.activities = None if activities is None else {ProfilerActivity(a) for a in activities}
        self.schedule, self.on_trace_ready = schedule, on_trace_ready
        self.step_num = 0
        self._events, self._with_stack, self._follows_memory = events, with_stack, profile_memory
        self._trace = trace
        self._stack: contextlib.ExitStack | None = None
        self._clocks: Clocks | None = None
        self._action = ProfilerAction.NONE
        if trace is not None:
            check_path(trace)

    # --- opening and closing ------------------------------------------------------------------------

    def __enter__(self) -> profile:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def __call__(self, fn: Callable) -> Callable:
        @functools.wraps(fn)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with self:
                return fn(*args, **kwargs)

        return wrapper

    def start(self) -> None:
        """Begin, as entering the block does.

        Raises:
            RuntimeError: a profile is open already.

        >>> prof = torch.profiler.profile()
        >>> prof.start()
        >>> y = torch.exp(torch.ones(1000))
        >>> prof.stop()
        >>> "exp" in [row.op for row in prof.rows]
        True
        """
        global _current
        if _current is not None or timing.active is not None:
            raise RuntimeError(
                "a profile is open already; profiles do not nest. Close it first, or use record_function to mark a "
                "part of what it records"
            )
        _current = self
        self.step_num = 0
        try:
            self._turn(self._asked())
        except BaseException:  # a schedule that fails, say
            interrupts.surely(self._end)
            raise

    def stop(self) -> None:
        """End, as leaving the block does; what was gathered can be read from here on.

        >>> prof = torch.profiler.profile()
        >>> prof.start()
        >>> prof.stop()
        >>> prof.wall_ns > 0
        True
        """
        if _current is not self:
            return
        try:
            recording = self._action in _RECORDING
            self._turn(ProfilerAction.NONE)
            if recording:
                self._ready()
        finally:
            interrupts.surely(self._end)

    def _end(self) -> None:
        global _current
        try:
            self._close()
        finally:
            _current = None

    def step(self) -> None:
        """Say that a step has ended; the schedule decides about the next.

        Raises:
            RuntimeError: the profile is not open.

        >>> with torch.profiler.profile(schedule=torch.profiler.schedule(wait=1, active=1, repeat=1)) as prof:
        ...     for step in range(3):
        ...         y = torch.exp(torch.ones(1000))
        ...         prof.step()
        >>> [row.calls for row in prof.rows if row.op == "exp"]
        [1]
        """
        if _current is not self:
            raise RuntimeError("profile.step: the profile is not open; call it inside `with profile(...) as prof:`")
        if self._recorder is not None:
            self._steps.append(time.perf_counter_ns())
        self.step_num += 1
        done = self._action is ProfilerAction.RECORD_AND_SAVE
        if done:
            self._turn(ProfilerAction.NONE)
            self._ready()
        self._turn(self._asked())

    def _asked(self) -> ProfilerAction:
        return ProfilerAction.RECORD if self.schedule is None else self.schedule(self.step_num)

    def _ready(self) -> None:
        if self.on_trace_ready is not None:
            self.on_trace_ready(self)
        if self._trace is not None:
            self.export_chrome_trace(self._trace)

    def _turn(self, to: ProfilerAction) -> None:
        """From one action to the next."""
        before, self._action = self._action, to
        recording = to in _RECORDING
        if before in _RECORDING and not recording and self._clocks is not None and self._recorder is not None:
            self._clocks.stop()
            self._recorder.pace.end()
            self._freeze(self._recorder, self._clocks)
        if to is ProfilerAction.NONE:
            self._close()
            return
        if self._stack is None:
            self._open()
        assert self._recorder is not None
        if recording and before not in _RECORDING:
            if before is ProfilerAction.WARMUP:
                self._recorder.clear()
            self._steps = []
            self._recorder.pace.begin()
            self._clocks = Clocks(self._recorder)

    def _open(self) -> None:
        recorder = self._recorder = Recorder(self._events, self._with_stack, taxed=True)
        self._stack = contextlib.ExitStack()
        self._stack.enter_context(watching(recorder))
        self._stack.enter_context(timing.observe(recorder))
        if self._follows_memory:
            self._tracker = self._stack.enter_context(memory.following(recorder))

    def _close(self) -> None:
        if self._stack is not None:
            interrupts.surely(self._stack.close)  # whole: what watched the program must not stay
            self._stack = None


def check_path(path: Any) -> None:
    """OSError unless a file can be written there."""
    trace.check(path)


class record_function:
    """Give a part of the program a name: a context manager and decorator, of no effect unless a profile is open.

    Args:
        name: the name, by which ``prof.spans`` has it.
        args: accepted.

    >>> with torch.profiler.profile() as prof:
    ...     with torch.profiler.record_function("my part"):
    ...         y = torch.ones(3) + 1
    >>> [s.calls for s in prof.spans if s.name == "my part"]
    [1]
    """

    def __init__(self, name: str, args: Any = None):
        self.name = name
        self._open: list[tuple[Recorder, int] | None] = []

    def __enter__(self) -> record_function:
        r = timing.active
        here = isinstance(r, Recorder) and threading.get_ident() == r.owner
        self._open.append((r, r.enter("function", self.name)) if here else None)  # type: ignore[union-attr, arg-type]
        return self

    def __exit__(self, *exc: object) -> None:
        opened = self._open.pop()
        if opened is not None and timing.active is opened[0]:
            opened[0].exit(opened[1])

    def __call__(self, fn: Callable) -> Callable:
        @functools.wraps(fn)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with record_function(self.name):
                return fn(*args, **kwargs)

        return wrapper
