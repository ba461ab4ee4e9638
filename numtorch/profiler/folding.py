"""The journal of calls, and folding it into sums: memory stays bounded however many calls there are.

A kernel call appends four integers to a list: row, start, end, time of kernels inside. When the list is full (and
at the end) ``fold`` adds it to the rows' sums, keeps a sample of own times for the quantiles, and copies the
newest calls into a ring for the time line. Sampling is deterministic: the same calls give the same quantiles.
"""

from __future__ import annotations

import numpy as np

from numtorch.kernels.jit import jit

JOURNAL = 1 << 14  # calls before a fold
SAMPLES = 512  # own times kept for each row
WIDTH = 4


KERNEL, SPAN, WAITING, ELSEWHERE = range(4)  # what a row is, to the search for idle time
LONG = 100_000  # nanoseconds without a kernel that may have been idle


@jit
def fold(journal, what, gaps, calls, own, total, samples, ring, at):
    """Add the journal's calls to the sums; returns where the ring goes on.

        for row, start, end, inside in journal: calls[row] += 1; own[row] += end - start - inside; ...

    ``gaps`` holds the end of what was seen last, and the sum of long stretches since then without a kernel.
    """
    for i in range(journal.size // 4):
        row = journal[4 * i]
        start = journal[4 * i + 1]
        duration = journal[4 * i + 2] - start
        mine = duration - journal[4 * i + 3]
        if what[row] < ELSEWHERE:
            gap = start - gaps[0]
            if what[row] == SPAN:  # what came after the last kernel inside
                gap = max(gap, start + duration - max(gaps[0], start))
            if gap > LONG:
                gaps[1] += gap
            gaps[0] = max(gaps[0], start + duration)
        n = calls[row]
        calls[row] = n + 1
        own[row] += mine
        total[row] += duration
        width = samples.shape[1]
        if n < width:
            samples[row, n] = mine
        else:  # reservoir sampling with a hash of the count for a die
            h = ((n & 0x7FFFFFFF) * 2654435761) & 0x7FFFFFFF
            h = ((h ^ (h >> 15)) * 2246822519) & 0x7FFFFFFF
            k = (h ^ (h >> 13)) % (n + 1)
            if k < width:
                samples[row, k] = mine
        slot = at % ring.shape[0]
        ring[slot, 0] = row
        ring[slot, 1] = start
        ring[slot, 2] = duration
        ring[slot, 3] = mine
        at += 1
    return at


def quantile(samples: list[np.ndarray], calls: list[int], q: float) -> int:
    """The time that a part ``q`` of the calls stays below or reaches; each sample stands for as many calls."""
    weights = [np.full(s.size, n / s.size) for s, n in zip(samples, calls, strict=True) if s.size]
    if not weights:
        return 0
    times, weight = np.concatenate([s for s in samples if s.size]), np.concatenate(weights)
    order = np.argsort(times, kind="stable")
    reached = np.cumsum(weight[order])
    return int(times[order][min(int(np.searchsorted(reached, q * reached[-1] * (1 - 1e-9))), times.size - 1)])


class Sums:
    """Calls, own time, total time and samples of every row, and the ring of the newest calls."""

    def __init__(self, events: int):
        self.rows = 256
        self.calls = np.zeros(self.rows, np.int64)
        self.own = np.zeros(self.rows, np.int64)
        self.total = np.zeros(self.rows, np.int64)
        self.samples = np.zeros((self.rows, SAMPLES), np.int64)
        self.ring = np.zeros((max(events, 1), WIDTH), np.int64)
        self.what = np.zeros(self.rows, np.int64)
        self.gaps = np.zeros(2, np.int64)
        self.at = 0
        self.add([])  # compiles or loads the loop before the clock runs

    def reserve(self, rows: int) -> None:
        """Make room for so many rows."""
        if rows <= self.rows:
            return
        more = max(rows, 2 * self.rows) - self.rows
        self.calls, self.own, self.total = (np.concatenate([a, np.zeros(more, np.int64)]) for a in (self.calls, self.own, self.total))
        self.what = np.concatenate([self.what, np.zeros(more, np.int64)])
        self.samples = np.concatenate([self.samples, np.zeros((more, SAMPLES), np.int64)])
        self.rows += more

    def add(self, journal: list[int]) -> None:
        """Fold a journal in."""
        flat = np.fromiter(journal, np.int64, len(journal))
        self.at = int(fold(flat, self.what, self.gaps, self.calls, self.own, self.total, self.samples, self.ring, self.at))

    def clear(self) -> None:
        """Forget the calls so far, as after a warm-up."""
        for a in (self.calls, self.own, self.total):
            a[:] = 0
        self.gaps[:] = 0, 0
        self.at = 0

    def sample(self, row: int) -> np.ndarray:
        """The own times that were kept of a row, ascending."""
        return np.sort(self.samples[row, : min(int(self.calls[row]), SAMPLES)])

    def newest(self) -> np.ndarray:
        """The ring's calls (row, start, duration, own), oldest first."""
        n = self.ring.shape[0]
        if self.at <= n:
            return self.ring[: self.at].copy()
        return np.roll(self.ring, -(self.at % n), axis=0)
