"""Reliable timings: calibrated loops, turns, caches emptied between calls, and a check whether the machine is quiet."""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

MOST_CALLS = 1 << 22


def cache_bytes() -> int:
    """Bytes that, once walked over, leave nothing else in the caches: four times the last one, 64 MiB at least."""
    largest = 0
    for size in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size"):
        with contextlib.suppress(OSError, ValueError):
            text = size.read_text().strip()
            largest = max(largest, int(text[:-1]) * {"K": 1 << 10, "M": 1 << 20}[text[-1]])
    return min(max(4 * largest, 64 << 20), 1 << 30)


class Contestant:
    """A function of no arguments, timed in this process."""

    def __init__(self, label: str, call: Callable[[], Any], around: Callable[[], Any] = contextlib.nullcontext):
        self.label, self.call, self.around = label, call, around
        self.sweep: np.ndarray | None = None

    def value(self) -> list[np.ndarray]:
        """What it returns, as arrays; the first call, which compiles."""
        with self.around():
            return arrays_of(self.call())

    def time(self, calls: int) -> float:
        """Seconds a call, of a loop of ``calls``."""
        call = self.call
        with self.around():
            if self.around is not contextlib.nullcontext:
                call()  # entering forgot the chosen kernel
            started = time.perf_counter()
            for _ in range(calls):
                call()
            return (time.perf_counter() - started) / calls

    def cold(self, size: int) -> float:
        """Seconds of one call after the caches were swept."""
        if self.sweep is None:
            self.sweep = np.zeros(size // 8)
        call = self.call
        with self.around():
            if self.around is not contextlib.nullcontext:
                call()
            self.sweep += 1
            started = time.perf_counter()
            call()
            return time.perf_counter() - started


class Away:
    """A function of torch, timed in a process of its own with as many threads."""

    label = "torch"

    def __init__(self, name: str, threads: int, folder: str):
        self.name, self.folder = name, folder
        environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
        worker = str(Path(__file__).with_name("rival.py"))
        # -P: beside that file stand modules whose names the standard library uses too.
        self.process = subprocess.Popen(
            [sys.executable, "-P", worker, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )

    def ask(self, **request: Any) -> dict:
        """Send a request; the answer. LookupError or RuntimeError if it failed there."""
        assert self.process.stdin is not None and self.process.stdout is not None
        try:
            print(json.dumps(request), file=self.process.stdin, flush=True)
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise RuntimeError(f"the process of torch ended with status {self.process.wait()}")
        answer = json.loads(line)
        if "missing" in answer:
            raise LookupError(answer["missing"])
        if "error" in answer:
            raise RuntimeError(f"torch: {answer['error']}")
        return answer

    def prepare(self, inputs: list[np.ndarray], params: dict) -> None:
        """Hand over what to compute on."""
        given, self.result = f"{self.folder}/inputs.npz", f"{self.folder}/result.npz"
        np.savez(given, *inputs)
        self.ask(prepare=self.name, inputs=given, params=params, result=self.result)

    def value(self) -> list[np.ndarray]:
        with np.load(self.result) as held:
            return [held[k] for k in sorted(held.files, key=lambda k: int(k[4:]))]

    def time(self, calls: int) -> float:
        return self.ask(time=calls)["seconds"]

    def cold(self, size: int) -> float:
        return self.ask(cold=size)["seconds"]

    def close(self) -> None:
        """End the process."""
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()
        self.process.terminate()
        self.process.wait()


def arrays_of(result: Any) -> list[np.ndarray]:
    """The arrays of a result: tensors, arrays, numbers, and tuples and lists of them."""
    if isinstance(result, tuple | list):
        return [a for r in result for a in arrays_of(r)]
    if hasattr(result, "detach"):
        result = result.detach()
        result = (result.float() if result.dtype.itemsize == 2 and result.dtype.is_floating_point else result).numpy()
    return [] if result is None else [np.asarray(result)]


class Quiet:
    """How steady the machine was while it was measured: a fixed piece of work in every round, switches, load."""

    def __init__(self) -> None:
        self.work = np.ones(4096)
        self.seconds: list[float] = []
        self.before = _switches()

    def tick(self) -> None:
        """Do the fixed work once."""
        work, started = self.work, time.perf_counter()
        for _ in range(200):
            np.add(work, 1.0, out=work)
        self.seconds.append(time.perf_counter() - started)

    def complaints(self) -> list[str]:
        """What speaks against the figures; nothing on a quiet machine."""
        found = []
        if len(self.seconds) >= 3:
            spread = statistics.median(self.seconds) / min(self.seconds), max(self.seconds) / min(self.seconds)
            if spread[0] > 1.15 or spread[1] > 2:
                found.append(
                    f"a fixed piece of work took {spread[0]:.2f} times its best time in the median, {spread[1]:.1f} "
                    "at most"
                )
        with contextlib.suppress(OSError, AttributeError):
            load, cores = os.getloadavg()[0], len(os.sched_getaffinity(0))
            if load > cores + 0.5:
                found.append(f"the load is {load:.1f} on {cores} cores")
        switched, rounds = _switches() - self.before, max(1, len(self.seconds))
        if switched > 3 * rounds:
            found.append(f"the process was interrupted {switched} times in {rounds} rounds")
        return found


def _switches() -> int:
    try:
        import resource
    except ImportError:  # Windows
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


def measure(contestants: list[Any], rounds: int, seconds: float, cold: bool, quiet: Quiet) -> dict[str, list[float]]:
    """Seconds a call of every contestant, a figure for each round; they take turns, so that a disturbance meets all."""
    times: dict[str, list[float]] = {c.label: [] for c in contestants}
    if cold:
        size = cache_bytes()
        for _ in range(rounds):
            quiet.tick()
            for c in contestants:
                times[c.label].append(c.cold(size))
        return times
    calls = {c.label: 1 for c in contestants}
    for c in contestants:
        for _ in range(3):  # calibrated: each turn takes about as long
            calls[c.label] = min(MOST_CALLS, max(1, int(seconds / max(c.time(calls[c.label]), 1e-9))))
    for _ in range(rounds):
        quiet.tick()
        for c in contestants:
            times[c.label].append(c.time(calls[c.label]))
    return times
