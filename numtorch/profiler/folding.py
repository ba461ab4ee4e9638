"""The journal of calls, and folding it into sums: memory stays bounded for any number of calls.

A kernel call appends three integers to a list: row, start, end. When the list is full, and at the end of the profile,
``fold`` adds the calls to the sums of their rows, keeps a sample of own times for the quantiles, and copies the newest
calls into a ring buffer for the time line. The order shows which calls are nested: a call is recorded when it ends, so
nested calls are recorded before it and began after it. Sampling is deterministic: the same calls give the same
quantiles.
"""

from __future__ import annotations

import numpy as np

from numtorch.kernels.jit import jit

JOURNAL = 1 << 10  # calls before a fold: few enough that the journal stays in the cache
SAMPLES = 512  # own times kept for each row
WIDTH = 4  # of the ring: row, start, duration, own time


KERNEL, SPAN, WAITING, CALL, SHARED, ELSEWHERE = range(6)  # what a row is, to the search for idle time and to the ring
LONG = 100_000  # nanoseconds without a kernel that may have been idle


OPEN = 1 << 13  # finished calls that may yet turn out to have been inside another


@jit
def fold(journal, what, gaps, tax, calls, own, total, samples, ring, at, begun, spent, depth):
    """Add the journal's calls to the sums; returns where the ring and the pile of finished calls go on.

        for row, start, end in journal: calls[row] += 1; own[row] += end - start - (calls since start); ...

    ``gaps`` holds the end of what was seen last, and the sum of long stretches since then without a kernel.
    ``begun`` and ``spent`` are the pile: start and duration of calls that are inside no finished one. ``tax`` holds, by
    what a row is, what watching a call took outside its clocks, which is nobody's own time, and as its last number the
    sum of
    that.
    """
    for i in range(journal.size // 3):
        row = journal[3 * i]
        start = journal[3 * i + 1]
        duration = journal[3 * i + 2] - start
        mine = duration
        if what[row] < ELSEWHERE:
            while depth > 0 and begun[depth - 1] >= start:
                depth -= 1
                mine -= spent[depth]
            paid = tax[what[row]]
            begun[depth] = start
            spent[depth] = duration + paid
            depth += 1
            tax[-1] += paid
            if mine < 0:
                tax[-1] += mine
                mine = 0
        if what[row] < ELSEWHERE:
            gap = start - gaps[0]
            if what[row] == SPAN or what[row] == CALL:  # what came after the last kernel inside
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
        if what[row] != CALL:  # there is one for each kernel: the time line shows the kernels
            slot = at % ring.shape[0]
            ring[slot, 0] = row
            ring[slot, 1] = start
            ring[slot, 2] = duration
            ring[slot, 3] = mine
            at += 1
    return at, depth


@jit
def thin(begun, spent, depth, open_since):
    """Make room in the pile: of its older half, calls between which nothing that is still open began become one."""
    kept = 0
    for i in range(1, depth // 2):
        apart = False
        for k in range(open_since.size):
            apart = apart or begun[kept] < open_since[k] <= begun[i]
        if apart:
            kept += 1
            begun[kept] = begun[i]
            spent[kept] = spent[i]
        else:
            spent[kept] += spent[i]
    kept += 1
    for i in range(depth // 2, depth):
        begun[kept] = begun[i]
        spent[kept] = spent[i]
        kept += 1
    return kept


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
        self.tax = np.zeros(ELSEWHERE + 1, np.int64)  # of each kind below ELSEWHERE, and the sum
        self.at = 0
        self.begun, self.spent = np.zeros(OPEN + JOURNAL, np.int64), np.zeros(OPEN + JOURNAL, np.int64)
        self.depth = 0
        self.add([], [])  # compiles or loads the loops before the clock runs
        thin(self.begun, self.spent, 0, self.begun[:0])

    def reserve(self, rows: int) -> None:
        """Make room for so many rows."""
        if rows <= self.rows:
            return
        more = max(rows, 2 * self.rows) - self.rows
        self.calls, self.own, self.total = (
            np.concatenate([a, np.zeros(more, np.int64)]) for a in (self.calls, self.own, self.total)
        )
        self.what = np.concatenate([self.what, np.zeros(more, np.int64)])
        self.samples = np.concatenate([self.samples, np.zeros((more, SAMPLES), np.int64)])
        self.rows += more

    def add(self, journal: list[int], open_since: list[int]) -> None:
        """Fold a journal in; ``open_since`` says when the spans began that have not ended."""
        flat = np.fromiter(journal, np.int64, len(journal))
        most = self.depth + flat.size // 3
        if most > self.begun.size:
            self.begun, self.spent = (np.concatenate([a, np.zeros(most, np.int64)]) for a in (self.begun, self.spent))
        self.at, self.depth = map(
            int,
            fold(
                flat,
                self.what,
                self.gaps,
                self.tax,
                self.calls,
                self.own,
                self.total,
                self.samples,
                self.ring,
                self.at,
                self.begun,
                self.spent,
                self.depth,
            ),
        )
        if self.depth > OPEN:
            self.depth = int(thin(self.begun, self.spent, self.depth, np.array(open_since, np.int64)))

    def clear(self) -> None:
        """Forget the calls so far, as after a warm-up."""
        for a in (self.calls, self.own, self.total):
            a[:] = 0
        self.gaps[:] = 0, 0
        self.tax[-1] = 0
        self.at = self.depth = 0

    def sample(self, row: int) -> np.ndarray:
        """The own times that were kept of a row, ascending."""
        return np.sort(self.samples[row, : min(int(self.calls[row]), SAMPLES)])

    def newest(self) -> np.ndarray:
        """The ring's calls (row, start, duration, own), oldest first."""
        n = self.ring.shape[0]
        if self.at <= n:
            return self.ring[: self.at].copy()
        return np.roll(self.ring, -(self.at % n), axis=0)
