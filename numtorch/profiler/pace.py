"""The speed of the machine during a profile: fixed pieces of work, timed before it, sometimes during it, and after it.

Two profiles that are compared were made under different loads and clock rates. A piece of work never changes. So its
times in both profiles show how much of a difference comes from the machine.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np

from numtorch.kernels.jit import disabled, jit, prange

PIECES = ("one thread", "all threads", "memory")
AROUND = 24  # times each piece is done before and after; memory, which takes longer, every third time
EVERY = 20_000_000  # nanoseconds between two in the middle; memory every fourth time


@jit(parallel=True)
def share_of_work(x, y):
    """y[i] = x[i] times itself, eight times over: so many elements that all threads take part"""
    for i in prange(y.size):
        v = x[i]
        for _ in range(8):
            v = v * v + x[i]
        y[i] = v


@cache
def _arrays() -> tuple[np.ndarray, ...]:
    small, many, large = np.ones(4096), np.full(1 << 16, 0.5, np.float32), np.ones(1 << 18)
    return small, many, np.zeros_like(many), large, np.zeros_like(large)


@cache
def _shared() -> Callable[[], Any]:
    """The compiled work of all threads; where nothing is compiled, NumPy's of one."""
    many, results = _arrays()[1:3]
    return (
        partial(np.copyto, results, many) if disabled() else partial(share_of_work.entry(many, results), many, results)
    )


class Pace:
    """The seconds that each piece took, in the order in which it was done."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[int]] = {name: [] for name in PIECES}
        self.next, self.count = 1 << 62, 0  # never, until it has begun

    def begin(self) -> None:
        """Forget what was done, and do every piece a few times: before the clock of a profile starts."""
        for taken in self.seconds.values():
            taken.clear()
        self.tick()  # what is done first finds cold caches
        for taken in self.seconds.values():
            taken.clear()
        self.end()

    def end(self) -> None:
        """Do every piece a few times: after the clock was stopped."""
        for i in range(AROUND):
            self.tick(memory=i % 3 == 0)

    def now_and_then(self) -> None:
        """In the middle of a profile."""
        self.count += 1
        self.tick(memory=self.count % 4 == 0)

    def tick(self, memory: bool = True) -> None:
        """Do each piece once."""
        small, _, _, large, copy = _arrays()
        clock, work_of_all = time.perf_counter_ns, _shared()
        started = clock()
        for _ in range(10):
            np.add(small, 1.0, out=small)
        one = clock()
        work_of_all()
        shared = ended = clock()
        self.seconds["one thread"].append(one - started)
        self.seconds["all threads"].append(shared - one)
        if memory:
            np.copyto(copy, large)
            ended = clock()
            self.seconds["memory"].append(ended - shared)
        self.next = ended + EVERY

    def typical(self, piece: str) -> float:
        """The median time of a piece; 0 where it was never done."""
        return float(np.median(self.seconds[piece])) if self.seconds[piece] else 0.0

    def doubt(self, piece: str) -> float:
        """By what part the typical time may be off: the standard error of the median, and how far the beginning is from
        the end."""
        taken = np.asarray(self.seconds[piece], float)
        if len(taken) < 2:
            return 0.0
        half = len(taken) // 2
        drift = abs(math.log(float(np.median(taken[:half])) / float(np.median(taken[-half:])))) / 2
        return math.hypot(error(taken) / float(np.median(taken)), drift)


def error(sample: np.ndarray) -> float:
    """The standard error of a median, whatever the distribution: a sixth of the distance between the elements that
    stand three standard deviations of a rank, ``sqrt(n) / 2``, before and after it. Times come in two kinds where a
    neighbour works or does not.
    """
    n, times = len(sample), np.sort(sample)
    far = 1.5 * math.sqrt(n)
    low, high = max(0, math.floor(n / 2 - far)), min(n - 1, math.ceil(n / 2 + far))
    return float(times[high] - times[low]) / 6
