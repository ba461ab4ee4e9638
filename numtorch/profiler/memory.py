"""Memory over time: how much memory tensors held at each moment of a profile, the peak, and what held it then.

Buffers of 32 KiB and more are followed from their allocation until the last tensor that uses them is freed. A buffer
belongs to the place in the program that made it: the phase and the module.
"""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import perf_counter_ns
from typing import Any

import numpy as np

from numtorch import display, storage
from numtorch.profiler.figures import axes
from numtorch.profiler.recorder import Recorder

POINTS = 1 << 17  # moments kept; past that every second one goes, but for the peak


@dataclass
class Timeline:
    """What a profile with ``profile_memory=True`` knows of memory.

    Attributes:
        times: nanoseconds since the profile began; ``held``: bytes held from then on by buffers made in the profile.
        peak: the largest of ``held``; ``peak_at``: when.
        holders: (bytes, phase, module) at the peak, the largest first.
    """

    times: list[int] = field(default_factory=list)
    held: list[int] = field(default_factory=list)
    peak: int = 0
    peak_at: int = 0
    holders: list[tuple[int, str, str]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """What JSON can hold; the curve by at most a thousand points."""
        pick = (
            np.linspace(0, len(self.times) - 1, min(len(self.times), 1000)).astype(int).tolist() if self.times else []
        )
        return {
            "times": [self.times[i] for i in pick],
            "held": [self.held[i] for i in pick],
            "peak": self.peak,
            "peak_at": self.peak_at,
            "holders": [list(h) for h in self.holders],
        }

    def __str__(self) -> str:
        lines = [f"peak {self.peak / 1e6:.1f} MB after {self.peak_at / 1e6:.1f} ms, held by"]
        lines += [
            f"  {n / 1e6:8.1f} MB  {phase:<10} {module or '(the program)'}" for n, phase, module in self.holders[:12]
        ]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return display.text(str(self))


class Tracker:
    """Follows buffers while a profile is open."""

    def __init__(self, recorder: Recorder):
        self.recorder = recorder
        self.times: list[int] = []
        self.sizes: list[int] = []
        self.now = self.peak = self.peak_at = 0
        self.by_place: dict[int, int] = {}
        self.at_peak: dict[int, int] = {}
        self.rising = False
        self.live: dict[int, tuple[Any, int, int]] = {}  # id of the weak reference -> (it, bytes, place)
        self.lock = threading.RLock()

    def made(self, array: np.ndarray) -> None:
        """A buffer came into being."""
        owner = array
        while isinstance(owner.base, np.ndarray):
            owner = owner.base
        with self.lock:
            reference = weakref.ref(owner, self._gone)
            place = self.recorder.here[0]
            self.live[id(reference)] = (reference, array.nbytes, place)
            self.by_place[place] = self.by_place.get(place, 0) + array.nbytes
            self._change(array.nbytes)

    def _gone(self, reference: Any) -> None:
        with self.lock:
            _, size, place = self.live.pop(id(reference))
            if self.rising:  # the peak is known to be one only when memory falls again
                self.at_peak, self.rising = dict(self.by_place), False
            self.by_place[place] -= size
            self._change(-size)

    def _change(self, size: int) -> None:
        self.now += size
        at = perf_counter_ns()
        if self.now > self.peak:
            self.peak, self.peak_at, self.rising = self.now, at, True
        self.times.append(at)
        self.sizes.append(self.now)
        if len(self.times) > POINTS:
            keep = [i for i in range(len(self.times)) if i % 2 or self.times[i] == self.peak_at]
            self.times, self.sizes = [self.times[i] for i in keep], [self.sizes[i] for i in keep]

    def timeline(self, started: int) -> Timeline:
        """What is known so far."""
        with self.lock:
            places = dict(self.by_place) if self.rising else self.at_peak
            holders = sorted(((n, *self.recorder.where(p)) for p, n in places.items() if n), reverse=True)
            return Timeline(
                [t - started for t in self.times], list(self.sizes), self.peak, self.peak_at - started, holders
            )


@contextlib.contextmanager
def following(recorder: Recorder) -> Iterator[Tracker]:
    """Inside the block every buffer of 32 KiB or more is followed."""
    tracker = Tracker(recorder)
    original = storage.allocate_cpu

    def allocate_cpu(n: int, storage: np.dtype) -> np.ndarray:
        array = original(n, storage)
        tracker.made(array)
        return array

    storage.allocate_cpu = allocate_cpu
    try:
        yield tracker
    finally:
        storage.allocate_cpu = original


def plot(timeline: Timeline, ax: Any = None) -> Any:
    """The curve, its peak marked, and the largest holders beside it; returns the matplotlib axes."""
    ax = axes(ax, "the memory timeline", (8, 3))
    ax.fill_between(
        np.array(timeline.times) / 1e6, np.array(timeline.held) / 1e6, step="post", color="#88ccee", alpha=0.8
    )
    ax.plot([timeline.peak_at / 1e6], [timeline.peak / 1e6], "v", color="#cc3311")
    text = "\n".join(f"{n / 1e6:.1f} MB  {phase} {module}" for n, phase, module in timeline.holders[:6])
    ax.annotate(
        f"peak {timeline.peak / 1e6:.1f} MB\n{text}",
        (timeline.peak_at / 1e6, timeline.peak / 1e6),
        (1.02, 0.98),
        textcoords="axes fraction",
        va="top",
        fontsize=8,
        family="monospace",
    )
    ax.set(xlabel="ms", ylabel="MB held by tensors", ylim=(0, None))
    return ax
