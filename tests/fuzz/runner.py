"""Processes that may die: each works through its share of the calls, and whoever dies or hangs is replaced.

A process writes into shared memory which call it is at and whether numtorch or torch has it, so that a death is the
call's.
"""

from __future__ import annotations

import faulthandler
import json
import mmap
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.fuzz import guard, worker
from tests.fuzz.calls import Call
from tests.fuzz.generate import Calls, Listed

PATIENCE = 60.0  # seconds for a call, with what it may have to compile
SAY = 60.0  # seconds between lines about how far it is
BATCH = 10000  # calls of a process: what they leave in memory goes with it


@dataclass
class Finding:
    """Something wrong with a call."""

    index: int
    category: str
    what: str
    call: str

    @property
    def name(self) -> str:
        return self.call.split("'")[1]


class Runner:
    """All calls of a run."""

    def __init__(
        self, calls: Calls | Listed, torch: Any, jobs: int, report: Callable[[Finding], None], threads: bool = True
    ):
        self.calls, self.torch, self.report, self.threads = calls, torch, report, threads
        self.jobs = jobs
        self.shared = np.frombuffer(mmap.mmap(-1, 4096), np.int64).reshape(-1, 8)
        self.without_torch: set[int] = set()
        self.suspects: list[tuple[int, str]] = []
        self.done = 0
        self.torch_deaths: list[int] = []

    def run(self, start: int, stop: int) -> None:
        """Calls start to stop."""
        pending = [(a, min(a + BATCH, stop)) for a in range(start, stop, BATCH)]
        if len(pending) < self.jobs:
            size = -(-(stop - start) // self.jobs)
            pending = [(a, min(a + size, stop)) for a in range(start, stop, size)]
        pending.reverse()
        running: dict[int, tuple[int, int, int]] = {}  # slot: (pid, next, stop)
        moved: dict[int, tuple[int, float]] = {}
        free = list(range(self.jobs))
        self.started = said = time.monotonic()
        pipes: dict[int, Any] = {}
        while pending or running:
            while free and pending:
                slot = free.pop()
                a, b = pending.pop()
                running[slot], pipes[slot] = self._fork(slot, a, b), self._files[slot]
                moved[slot] = (-1, time.monotonic())
            time.sleep(0.05)
            if time.monotonic() - said > SAY:
                said = time.monotonic()
                n = self.done + sum(int(self.shared[slot, 0]) - a for slot, (_, a, _) in running.items())
                print(f"{n} calls in {said - self.started:.0f} s", file=sys.stderr, flush=True)
            for slot, (pid, a, b) in list(running.items()):
                self._drain(pipes[slot])
                at = int(self.shared[slot, 0]) * 4 + int(self.shared[slot, 1])
                if at != moved[slot][0]:
                    moved[slot] = (at, time.monotonic())
                hung = time.monotonic() - moved[slot][1] > PATIENCE
                if hung:
                    os.kill(pid, signal.SIGKILL)
                gone, status = os.waitpid(pid, 0 if hung else os.WNOHANG)
                if not gone:
                    continue
                self._drain(pipes[slot])
                pipes[slot].close()
                del running[slot]
                free.append(slot)
                i, phase = int(self.shared[slot, 0]), int(self.shared[slot, 1])
                self.done += i - a if status else b - a
                if status == 0:
                    continue
                how = "hang" if hung else "crash"
                detail = f"no end after {PATIENCE:.0f} s" if hung else _death(status)
                if phase == worker.TORCH:
                    self.torch_deaths.append(i)
                    self.without_torch.add(i)
                    pending.append((i, b))
                    continue
                self._suspect(i, how, detail)
                self.done += 1
                if i + 1 < b:
                    pending.append((i + 1, b))

    def _suspect(self, i: int, how: str, detail: str) -> None:
        """A call that killed its process, once more alone: a hang may have been a compiler's."""
        call = self.calls[i]
        status, text = alone(call, None, PATIENCE)
        if how == "hang" and status == "ok":
            return
        if status == "ok":
            detail += "; not when run alone"
        elif how == "crash":
            detail += f" {text}"
        self.report(Finding(i, how, detail, repr(call)))

    _files: dict[int, Any] = {}

    def _fork(self, slot: int, a: int, b: int) -> tuple[int, int, int]:
        read, write = os.pipe()
        os.set_blocking(read, False)
        self.shared[slot, :2] = a, worker.IDLE
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                os.close(read)
                self._work(slot, a, b, os.fdopen(write, "w", buffering=1))
                status = 0
            except BaseException:
                import traceback

                traceback.print_exc()
            finally:
                os._exit(status)
        os.close(write)
        self._files[slot] = _Lines(read)
        return pid, a, b

    def _work(self, slot: int, a: int, b: int, sink: Any) -> None:
        shared = self.shared[slot]
        null = os.open(os.devnull, os.O_WRONLY)
        if not os.environ.get("FUZZ_STDERR"):
            os.dup2(null, 2)
        worker.limit_memory()

        def phase(n: int) -> None:
            shared[1] = n

        if self.threads:
            import numtorch

            numtorch.set_num_threads(1 if slot % 2 else 2)
        checker = worker.Checker(self.torch, phase)
        for i in range(a, b):
            shared[0] = i
            call = self.calls[i]
            for category, what in checker.check(call, i, i not in self.without_torch):
                text = f"{self.calls[i - 1]!r}; {call!r}" if self.calls.is_twin(i) else repr(call)
                sink.write(json.dumps([i, category, what, text]) + "\n")
        shared[0] = b

    def _drain(self, lines: _Lines) -> None:
        for line in lines.read():
            i, category, what, call = json.loads(line)
            self.report(Finding(i, category, what, call))


class _Lines:
    """Whole lines from a pipe."""

    def __init__(self, fd: int):
        self.fd, self.rest = fd, b""

    def read(self) -> list[str]:
        while True:
            try:
                data = os.read(self.fd, 1 << 16)
            except BlockingIOError:
                break
            if not data:
                break
            self.rest += data
        *lines, self.rest = self.rest.split(b"\n")
        return [n.decode() for n in lines]

    def close(self) -> None:
        os.close(self.fd)


def _death(status: int) -> str:
    if os.WIFSIGNALED(status):
        return signal.Signals(os.WTERMSIG(status)).name
    return f"exit status {os.WEXITSTATUS(status)}"


def alone(call: Call | list[Call], torch: Any, patience: float = PATIENCE, index: int = 0) -> tuple[str, Any]:
    """("ok", findings), ("crash", where) or ("hang", ""): calls in a process of their own."""
    todo = call if isinstance(call, list) else [call]
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(read)
            worker.limit_memory()
            out = os.fdopen(write, "w")
            faulthandler.enable(out)
            checker = worker.Checker(torch)
            found = [checker.check(c, index) for c in todo]
            out.write("\n" + json.dumps(found[-1]))
            out.flush()
        except BaseException:
            import traceback

            traceback.print_exc()
            os._exit(1)
        finally:
            os._exit(0)
    os.close(write)
    os.set_blocking(read, False)
    lines, end = _Lines(read), time.monotonic() + patience
    text: list[str] = []
    while True:
        text += lines.read()
        gone, status = os.waitpid(pid, os.WNOHANG)
        if gone:
            break
        if time.monotonic() > end:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            lines.close()
            return "hang", ""
        time.sleep(0.005)
    text += lines.read()
    text.append(lines.rest.decode())
    lines.close()
    if status == 0:
        return "ok", json.loads(text[-1])
    where = [t.strip() for t in text if "File " in t and "numtorch" in t]
    return "crash", f"{_death(status)} {where[0] if where else ''}"


def shown(todo: list[Call], lib: Any) -> str:
    """What the last of some calls gives, as text."""
    out = [worker.outcome(c, lib) for c in todo][-1]
    if out.error is not None:
        return f"{type(out.error).__name__}: {str(out.error)[:300]}"
    text = _text(out.value)
    if out.grads:
        text += f", gradients {_text(tuple(out.grads))}"
    return text + (f", backward raises {out.backward_error!r}" if out.backward_error else "")


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(map(_text, value))})"
    if hasattr(value, "values"):
        few = value.values is not None and value.values.size <= 12
        return f"{value!r}{value.values.tolist() if few else ''}{' grad' if value.grad else ''}"
    return repr(value)


def prepare(with_torch: bool) -> Any:
    """Guards before the first kernel; torch, or None."""
    import numtorch

    torch = None
    if with_torch:
        try:
            import torch  # type: ignore[no-redef]

            torch.set_num_threads(1)
        except ImportError:
            torch = None
    if guard.available():
        guard.install()
    numtorch.ones(1) + 1  # what every process would import
    return torch
