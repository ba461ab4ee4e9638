"""Two profiles side by side: which kernels became faster or slower, and whether the difference is more than noise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from numtorch import display
from numtorch.profiler.rows import Row

SURE = 3.0  # standard errors from which a difference of medians counts
FEWEST = 5  # calls on both sides below which nothing is claimed


@dataclass
class Change:
    """One kernel in both profiles, or in one of them.

    Attributes:
        kernel, phase, module, shapes: what was compared; a kernel that was replaced by another appears twice.
        calls: before and after; ``median_ns``: own time of a call; ``self_ns``: of all calls.
        ratio: median after over median before; None where one is missing.
        significant: the medians differ by more than three standard errors of their difference, estimated from the spread
            of single calls; None where there were too few calls to tell.
    """

    kernel: str
    phase: str
    module: str
    shapes: str
    calls: tuple[int, int]
    median_ns: tuple[int, int]
    self_ns: tuple[int, int]
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
    """

    def __init__(self, before: Any, after: Any):
        self.wall_ns = before.wall_ns, after.wall_ns
        first, second = _keyed(before.rows), _keyed(after.rows)
        found = [_change(first.get(key), second.get(key)) for key in {**first, **second}]
        self.changes = sorted(found, key=lambda c: -abs(c.self_ns[1] - c.self_ns[0]))

    def _lines(self, most: int) -> list[list[str]]:
        lines = []
        for c in self.changes[:most]:
            ratio = "" if c.ratio is None else f"{c.ratio:.2f}"
            medians = [f"{m / 1e3:.1f}" if m else "" for m in c.median_ns]
            lines.append([c.kernel, c.phase, c.module, *[f"{t / 1e6:.2f}" for t in c.self_ns], *medians, ratio, c.verdict])
        return lines

    HEAD = ["kernel", "phase", "module", "ms before", "ms after", "median us before", "after", "ratio", "verdict"]

    @property
    def title(self) -> str:
        """Both wall times and their ratio."""
        before, after = self.wall_ns
        return f"wall time {before / 1e6:.2f} ms before, {after / 1e6:.2f} ms after: {after / before:.2f} of it" if before else "nothing"

    def table(self, row_limit: int = 32) -> str:
        """The changes as text."""
        lines = [self.HEAD, *self._lines(row_limit)]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.HEAD))]
        left = {0, 1, 2, 8}
        padded = [[t.ljust(w) if i in left else t.rjust(w) for i, (t, w) in enumerate(zip(line, widths, strict=True))] for line in lines]
        return "\n".join([self.title, *["  ".join(line).rstrip() for line in padded]])

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


def _change(a: Row | None, b: Row | None) -> Change:
    r = b or a
    assert r is not None
    pair = [(x.calls, x.median_ns, x.self_ns) if x is not None else (0, 0, 0) for x in (a, b)]
    calls, medians, own = ((pair[0][i], pair[1][i]) for i in range(3))
    ratio = medians[1] / medians[0] if a is not None and b is not None and medians[0] else None
    return Change(r.name, r.phase, r.module, r.shapes, calls, medians, own, ratio, _significant(a, b) if ratio is not None else None)


def _significant(a: Any, b: Any) -> bool | None:
    samples = [np.asarray(x.sample, float) if x.sample is not None else np.zeros(0) for x in (a, b)]
    if min(len(s) for s in samples) < FEWEST:
        return None
    difference = float(np.median(samples[0]) - np.median(samples[1]))
    error = math.hypot(*[_error(s) for s in samples])
    return abs(difference) > SURE * max(error, 1.0)  # below a nanosecond nothing is a difference


def _error(sample: np.ndarray) -> float:
    """The standard error of a median: 1.253 sigma / sqrt(n), with sigma from the median of deviations, which outliers leave alone."""
    sigma = 1.4826 * float(np.median(np.abs(sample - np.median(sample))))
    return 1.253 * sigma / math.sqrt(len(sample))
