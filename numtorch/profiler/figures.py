"""Plots of a profile with matplotlib: the roofline."""

from __future__ import annotations

import math
from typing import Any

from numtorch.profiler import labels
from numtorch.profiler.rows import Row

COLOURS = {"memory": "#4477aa", "compute": "#cc6677", "dispatch": "#bbbbbb"}
SIZE = 9  # of the words, in points: readable where the picture is as wide as a phone


def pyplot(what: str) -> Any:
    """matplotlib.pyplot; ImportError naming it where it is not installed."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as e:
        raise ImportError(f"{what} is drawn with matplotlib, which is not installed: pip install matplotlib") from e
    return plt


def axes(ax: Any, what: str, size: tuple[float, float]) -> Any:
    """The given axes, or those of a new figure."""
    return ax if ax is not None else pyplot(what).subplots(figsize=size, layout="constrained")[1]


def roofline(prof: Any, ax: Any = None, most: int = 12) -> Any:
    """Each kernel as a point under the machine's roofs; returns the matplotlib axes.

    Across: operations for each byte. Up: GFLOP/s reached. The slanted lines are the measured bandwidths of the caches
    and of memory, the level ones the measured arithmetic rates: a point cannot lie above the roof of the memory that
    its data fits in. The area of a point is its share of the time, its colour what bounds it. Kernels without
    arithmetic stand at the left edge, at the height that their bandwidth would give one operation for every eight
    bytes.

    Args:
        most: kernels that are drawn: the costliest.
    """
    ax = axes(ax, "the roofline", (6.0, 4.2 + 0.19 * most))
    machine = prof.machine or prof.measure()
    rows = [
        r
        for r in prof.key_averages(by=("kernel", "dtype"))
        if r.kind == "kernel" and r.device == machine.device and r.gbps
    ]
    rows = rows[:most]
    low, high = 1 / 8, 256.0
    dtypes = sorted({r.dtype for r in rows if r.dtype in machine.rates}) or ["float32"]
    top = max(machine.rate(d) for d in dtypes)
    points = [(min(max(r.intensity or 0, low), high), _height(r, low)) for r in rows]
    heights = [max(y, top / 1e6) for _, y in points]
    floor, highest = min(heights, default=1.0) / 3, max([top, *heights])
    colours = "blue: bound by memory, red: by arithmetic, grey: by dispatch"
    listed = [
        f"{n + 1:>2} {r.kernel} "
        f"({r.share:.0%}{f', {r.percent_of_roof:.0f} % of its roof' if r.percent_of_roof else ''})"
        for n, r in enumerate(rows)
    ]
    ax.set(xscale="log", yscale="log", xlim=(low * 0.8, high), ylim=(floor, highest * 5), ylabel="GFLOP/s")
    ax.set_title(f"{machine.name}, {machine.threads} threads\n{colours}", fontsize=SIZE, loc="left")
    _under(ax, [*listed, "", ""])  # room for what is told of the lines
    ax.figure.draw_without_rendering()  # the layout decides how many pixels there are
    below = _roofs(ax, machine, dtypes, [(x, max(y, floor)) for x, y in points], (low, high))
    told = [f"{which} lines: {', '.join(below[which])}" for which in below if below[which]]
    _under(ax, [*listed, *told, *[""] * (2 - len(told))])
    for r, (x, y) in zip(rows, points, strict=True):
        ax.scatter(
            [x],
            [y],
            s=60 + 900 * r.share,
            color=COLOURS.get(r.bound, "#bbbbbb"),
            alpha=0.75,
            edgecolor="white",
            zorder=10,
        )
    return ax


def _under(ax: Any, lines: list[str]) -> None:
    ax.set_xlabel(
        "\n".join(["operations for each byte", "", *lines]),
        fontsize=SIZE,
        family="monospace",
        linespacing=1.5,
        loc="left",
    )


def _roofs(
    ax: Any, machine: Any, dtypes: list[str], points: list[tuple[float, float]], ends: tuple[float, float]
) -> dict[str, list[str]]:
    """The lines, and words that lie over no other: the points' numbers, and the names of the lines. Returns the names
    that had no room."""
    (low, high), top = ends, max(machine.rate(d) for d in dtypes)
    pixel = ax.figure.dpi / 72
    size, to, back = SIZE * pixel, ax.transData.transform, ax.transData.inverted().transform
    # a line of so many GB/s rises by a factor where it goes on by one
    (x0, y0), (x1, y1) = (to((low, 1.0)), to((2 * low, 2.0)))
    slope, apart = math.atan2(y1 - y0, x1 - x0), 2 ** (1.4 * size / (y1 - y0))

    def flip(x: float, y: float) -> tuple[float, float]:
        """Pixels count up; boxes count down."""
        return x, -y

    def put(x: float, y: float, content: str, angle: float = 0.0, anchor: str = "left") -> None:
        ax.text(
            *back((x, -y)),
            content,
            fontsize=SIZE,
            family="monospace",
            ha=anchor,
            va="baseline",
            rotation=math.degrees(angle),
            rotation_mode="anchor",
            color="#444444" if angle else "#111111",
            zorder=11,
        ).set_in_layout(False)

    places = labels.Places()
    below: dict[str, list[str]] = {"slanted": [], "level": []}
    (west, south), (east, north) = (to((x, y)) for x, y in zip(ax.get_xlim(), ax.get_ylim(), strict=True))
    at = [flip(*to(p)) for p in points]
    for n, (x, y) in enumerate(at):
        spots = [
            (u, v)
            for u, v in labels.around(x, y + 0.3 * size, 1.3 * size)
            if west + size < u < east - size and south + size < -v < north - size
        ]
        chosen = spots[places.take([labels.level(*spot, str(n + 1), size, "middle") for spot in spots])]
        put(*chosen, str(n + 1), anchor="center")
    places.taken += [[(x - size, y - size, x + size, y + size)] for x, y in at]

    slants = machine.slants()
    for name, rate in slants:
        style = "-" if name == "memory" else ":"
        ax.plot([low, min(top / rate, high)], [low * rate, min(top, high * rate)], color="#666666", lw=1, ls=style)
    for name, rate in labels.joined(slants, apart, "GB/s"):
        begin, end = flip(*to((low, low * rate))), flip(*to((min(top / rate, high), top)))
        room = end[0] - begin[0] - labels.NARROW * size * len(name) * math.cos(slope)
        starts = [begin[0] + 0.3 * size + max(room, 0.0) * part / 12 for part in range(13)]
        spots = [(x, begin[1] - (x - begin[0]) * math.tan(slope) - 0.3 * size) for x in starts]
        # the title stands above
        spots = [spot for spot in spots if labels.slanted(*spot, name, size, slope)[-1][1] > -north]
        spot = places.free([labels.slanted(*spot, name, size, slope) for spot in spots])
        if spot is None:
            below["slanted"].append(name)
        else:
            put(*spots[spot], name, slope)
    for d in dtypes:
        ax.axhline(machine.rate(d), color="#222222", lw=1)
    for name, rate in labels.joined([(d, machine.rate(d)) for d in dtypes], apart, "GFLOP/s"):
        right, y = flip(*to((high, rate)))
        spots = [(right - 0.3 * size - part * size, y - 0.3 * size) for part in range(0, 20, 2)]
        spot = places.free([labels.level(*spot, name, size, "end") for spot in spots])
        if spot is None:
            below["level"].append(name)
        else:
            put(*spots[spot], name, anchor="right")
    return below


def _height(r: Row, low: float) -> float:
    """GFLOP/s; of kernels with next to no arithmetic, what their bandwidth would give at the left edge."""
    rate = r.gflops or 0.0
    return rate if (r.intensity or 0) >= low else (r.gbps or 0.0) * low
