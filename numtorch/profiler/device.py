"""Kernels on a GPU: how long the device took (events), and how they were launched (grid, block, registers, spills).

A launch returns before the kernel has run. So the own time of the kernel is the device's, and no part of the wall time.
The time on the CPU is Python dispatch.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from time import perf_counter_ns
from typing import Any

from numtorch.kernels import launch

DEVICE = -1  # the "thread" of rows that are a GPU's
WAITING = 1024  # calls whose events may be outstanding


class DeviceTimes:
    """Calls between a pair of events each, until the device has got there."""

    def __init__(self) -> None:
        self.pending: list[tuple[int, int, Any, Any]] = []  # row, when the host launched it, events

    def run(self, number: int, run: Callable, args: tuple, kwargs: dict) -> Any:
        """Call a launcher and remember when the device begins and ends with it."""
        if launch._offline is not None:  # kernels are compiled and not run
            return run(*args, **kwargs)
        started = perf_counter_ns()
        begin, end = launch.cuda.event(), launch.cuda.event()
        begin.record()
        result = run(*args, **kwargs)
        end.record()
        self.pending.append((number, started, begin, end))
        return result

    def arrived(self) -> list[int]:
        """A journal of the pending calls, waiting for the device."""
        journal: list[int] = []
        for number, started, begin, end in self.pending:
            end.synchronize()
            taken = max(0, round(begin.elapsed_time(end) * 1e6))  # milliseconds; the simulator says -1
            journal += (number, started, started + taken)
        self.pending.clear()
        return journal


@contextlib.contextmanager
def launches() -> Iterator[dict]:
    """What kernels launched inside the block were launched with: of the last one, and how long compiling took."""
    seen: dict[str, Any] = {}
    original = launch.CudaKernel.launch_grid

    def watched(self: Any, grid: Any, block: Any, *args: Any) -> None:
        known = len(getattr(self._dispatcher, "overloads", ()))
        started = perf_counter_ns()
        original(self, grid, block, *args)
        taken = perf_counter_ns() - started
        seen.update(function=self.__name__, grid=grid, block=block)
        dispatcher = self._dispatcher
        if len(getattr(dispatcher, "overloads", ())) > known:
            seen["compile_ns"] = seen.get("compile_ns", 0) + taken
        for name, method in (("registers", "get_regs_per_thread"), ("spilled_bytes", "get_local_mem_per_thread")):
            found = getattr(dispatcher, method, lambda: None)()
            if found:
                seen[name] = max(found.values())

    launch.CudaKernel.launch_grid = watched  # type: ignore[method-assign]
    try:
        yield seen
    finally:
        launch.CudaKernel.launch_grid = original  # type: ignore[method-assign]
