"""Compares two profiles: which kernels became faster or slower, and whether the difference is more than noise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from numtorch import display
from numtorch.profiler.pace import PIECES, Pace, error
from numtorch.profiler.rows import Row

SURE = 3.0  # standard errors from which a difference of medians counts
LEAST = 0.02  # what is less differs between two runs of the same program
OUTSIDE = 1 << 18  # bytes that a call moves from which memory may set its pace
FEWEST = 5  # calls on both sides below which nothing is claimed


@dataclass
class Change:
    """One kernel in both profiles, or in one of them.

    Attributes:
        kernel, phase, module, shapes: what was compared; a kernel that was replaced by another appears twice.
        calls: before and after; ``median_ns``: own time of a call; ``self_ns``: of all calls.
        machine: how much slower the machine may have made it in the second profile: between not at all and as much as
            it made the fixed pieces of work that it is like (of one thread, of all, copying memory), whatever explains
            the most.
        ratio: median after over median before, over ``machine``; None where one is missing.
        significant: the ratio differs from 1 by more than three standard errors, estimated from the spread of single
            calls and of the pieces of work, and by more than 2 %; None where there were too few calls to tell.
    """

    kernel: str
    phase: str
    module: str
    shapes: str
    calls: tuple[int, int]
    median_ns: tuple[int, int]
    self_ns: tuple[int, int]
    machine: float
    ratio: float | None
    significant: bool | None

    @property
    def verdict(self) -> str:
        """In a word; nothing for rows that are no kernels."""
        if self.ratio is None:
            return "new" if not self.self_ns[0] else "gone" if not self.self_ns[1] else ""
        if self.significant is None:
            return "too few calls"
        if not self.significant:
            return "no difference"
        return "faster" if self.ratio < 1 else "slower"


class Comparison:
    """``before.compare(after)``: the changes, those that cost or save most first; ``str`` and notebooks show a table.

    Attributes:
        changes: a ``Change`` for each kernel and class of shapes.
        wall_ns: wall time before and after.
        paces: what the fixed pieces of work took before and after.
    """

    def __init__(self, before: Any, after: Any):
        self.wall_ns = before.wall_ns, after.wall_ns
        first, second = _keyed(before.rows), _keyed(after.rows)
        self.paces = before.pace, after.pace
        found = [_change(first.get(key), second.get(key), *self.paces) for key in {**first, **second}]
        self.changes = sorted(found, key=lambda c: -abs(c.self_ns[1] - c.self_ns[0]))

    def _lines(self, most: int) -> list[list[str]]:
        lines = []
        for c in self.changes[:most]:
            ratio = "" if c.ratio is None else f"{c.ratio:.2f}"
            medians = [f"{m / 1e3:.1f}" if m else "" for m in c.median_ns]
            lines.append(
                [c.kernel, c.phase, c.module, *[f"{t / 1e6:.2f}" for t in c.self_ns], *medians, ratio, c.verdict]
            )
        return lines

    HEAD = ["kernel", "phase", "module", "ms before", "ms after", "median us before", "after", "ratio", "verdict"]

    @property
    def title(self) -> str:
        """Both wall times and their ratio, and how much slower the machine was."""
        before, after = self.wall_ns
        if not before:
            return "nothing"
        factors = [f"{_slower(piece, *self.paces)[0]:.2f} ({piece})" for piece in PIECES]
        doubt = math.exp(SURE * max(_slower(piece, *self.paces)[1] for piece in PIECES))
        return (
            f"wall time {before / 1e6:.2f} ms before, {after / 1e6:.2f} ms after: {after / before:.2f} of it\n"
            f"the same pieces of work took {', '.join(factors)} of what they took before, known to a factor of "
            f"{doubt:.2f}: "
            "ratios are corrected by that"
        )

    def table(self, row_limit: int = 32) -> str:
        """The changes as text."""
        lines = [self.HEAD, *self._lines(row_limit)]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.HEAD))]
        left = {0, 1, 2, 8}
        padded = [
            [t.ljust(w) if i in left else t.rjust(w) for i, (t, w) in enumerate(zip(line, widths, strict=True))]
            for line in lines
        ]
        return display.Text("\n".join("  ".join(line).rstrip() for line in padded), titles=self.title.splitlines())

    def __str__(self) -> str:
        return self.table()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return display.table(self.HEAD, self._lines(32), self.title)

    def to_dict(self) -> dict[str, Any]:
        """What JSON can hold."""
        return {"wall_ns": list(self.wall_ns), "changes": [vars(c) | {"verdict": c.verdict} for c in self.changes]}


def _keyed(rows: list[Row]) -> dict[tuple, Row]:
    return {(r.kind, r.name, r.phase, r.module, r.shapes, r.thread): r for r in rows}


def _slower(piece: str, before: Pace, after: Pace) -> tuple[float, float]:
    """How much longer a piece of work took after than before, and by what part that may be off."""
    times = before.typical(piece), after.typical(piece)
    return (times[1] / times[0], math.hypot(before.doubt(piece), after.doubt(piece))) if all(times) else (1.0, 0.0)


def _machine(a: Row, b: Row, before: Pace, after: Pace) -> tuple[float, float]:
    """How much slower a kernel may be for no fault of its own, and by what part that may be off.

    A load meets a kernel not at all, or as it met the pieces that the kernel is like, or anything between: what comes
    nearest to what became of the kernel.
    """
    if a.device != "cpu":
        return 1.0, 0.0
    like = ["one thread"]
    like += ["all threads"] if a.threads != 1 else []
    like += ["memory"] if a.calls and a.bytes / a.calls > OUTSIDE else []
    factors, doubts = zip(*[_slower(piece, before, after) for piece in like], strict=True)
    return min(max(b.median_ns / a.median_ns, min(1.0, *factors)), max(1.0, *factors)), max(doubts)


def _change(a: Row | None, b: Row | None, before: Pace, after: Pace) -> Change:
    r = b or a
    assert r is not None
    pair = [(x.calls, x.median_ns, x.self_ns) if x is not None else (0, 0, 0) for x in (a, b)]
    calls, medians, own = ((pair[0][i], pair[1][i]) for i in range(3))
    machine, ratio, significant = 1.0, None, None
    if a is not None and b is not None and all(medians):
        machine, doubt = _machine(a, b, before, after)
        ratio = medians[1] / medians[0] / machine
        significant = _significant(a, b, machine, doubt)
    return Change(r.name, r.phase, r.module, r.shapes, calls, medians, own, machine, ratio, significant)


def _significant(a: Any, b: Any, machine: float = 1.0, doubt: float = 0.0) -> bool | None:
    samples = [np.asarray(x.sample, float) if x.sample is not None else np.zeros(0) for x in (a, b)]
    if min(len(s) for s in samples) < FEWEST:
        return None
    before, after = (max(float(np.median(s)), 1.0) for s in samples)
    # a clock does not tell less than 1 ns
    errors = [max(error(s), 1.0) / m for s, m in zip(samples, (before, after), strict=True)]
    return abs(math.log(after / before / machine)) > max(SURE * math.hypot(*errors, doubt), LEAST)
