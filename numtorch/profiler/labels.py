"""Where the words of a picture stand, so that none lies over another."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

Box = tuple[float, float, float, float]  # left, top, right, bottom
Label = Sequence[Box]  # the boxes that a label covers: one where it is level, a chain of them where it is slanted
NARROW = 0.61  # the width of a character of a monospaced font, over the font's size


def level(x: float, y: float, content: str, size: float, anchor: str = "start") -> Label:
    """The box of text whose baseline begins, has its middle or ends at a point."""
    wide = NARROW * size * len(content)
    left = x - {"start": 0.0, "middle": wide / 2, "end": wide}[anchor]
    return [(left, y - 0.8 * size, left + wide, y + 0.2 * size)]


def slanted(x: float, y: float, content: str, size: float, slope: float) -> Label:
    """The boxes of text that begins at a point and rises: ``slope`` is an angle in radians."""
    step = NARROW * size
    found = []
    for n in range(len(content)):
        at, up = x + n * step * math.cos(slope), y - n * step * math.sin(slope)
        found.append((at - size * math.sin(slope), up - size, at + step, up))
    return found


def meet(a: Label, b: Label) -> float:
    """The area in which two labels lie over each other."""
    found = 0.0
    for p in a:
        for q in b:
            across, down = min(p[2], q[2]) - max(p[0], q[0]), min(p[3], q[3]) - max(p[1], q[1])
            if across > 0 and down > 0:
                found += across * down
    return found


class Places:
    """What is taken of a picture."""

    def __init__(self, taken: Iterable[Label] = ()):
        self.taken = list(taken)

    def take(self, candidates: Sequence[Label]) -> int:
        """The number of the first candidate that lies over nothing, else of the one that lies over least; it is
        taken."""
        over = [sum(meet(c, t) for t in self.taken) for c in candidates]
        best = min(range(len(candidates)), key=lambda n: over[n])
        self.taken.append(candidates[best])
        return best

    def free(self, candidates: Sequence[Label]) -> int | None:
        """The number of the first candidate that lies over nothing, which is taken; None if each lies over
        something."""
        for n, candidate in enumerate(candidates):
            if not any(meet(candidate, t) for t in self.taken):
                self.taken.append(candidate)
                return n
        return None


def around(x: float, y: float, step: float) -> list[tuple[float, float]]:
    """Places for a label: the point itself, then others further and further away."""
    ways = [(0, -1), (0, 1), (1, 0), (-1, 0), (1, -1), (-1, -1), (1, 1), (-1, 1)]
    return [(x, y), *[(x + far * step * dx, y + far * step * dy) for far in range(1, 9) for dx, dy in ways]]


def joined(named: Iterable[tuple[str, float]], least: float, unit: str) -> list[tuple[str, float]]:
    """The labels of lines, and the value at which each stands: lines less than a factor apart share the label of the
    highest.

    >>> joined([("L1", 100.0), ("L2", 98.0), ("memory", 10.0)], 1.2, "GB/s")
    [('L1 100, L2 98 GB/s', 100.0), ('memory 10 GB/s', 10.0)]
    """
    groups: list[list[tuple[str, float]]] = []
    for name, value in sorted(named, key=lambda n: -n[1]):
        if groups and groups[-1][-1][1] < least * value:
            groups[-1].append((name, value))
        else:
            groups.append([(name, value)])
    return [(f"{', '.join(f'{name} {value:.0f}' for name, value in group)} {unit}", group[0][1]) for group in groups]
