"""Plots of a profile with matplotlib: the roofline."""

from __future__ import annotations

from typing import Any

from numtorch.profiler.rows import Row

COLOURS = {"memory": "#4477aa", "compute": "#cc6677", "dispatch": "#bbbbbb"}


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

    Across: operations for each byte. Up: GFLOP/s reached. The slanted lines are the measured bandwidths of the caches and of
    memory, the level ones the measured arithmetic rates: a point cannot lie above the roof of the memory that its data fits
    in. The area of a point is its share of the time, its colour what bounds it. Kernels without arithmetic stand at the
    left edge, at the height that their bandwidth would give one operation for every eight bytes.

    Args:
        most: kernels that are drawn: the costliest.
    """
    ax = axes(ax, "the roofline", (11, 4.5))
    machine = prof.machine or prof.measure()
    rows = [r for r in prof.key_averages(by=("kernel", "dtype")) if r.kind == "kernel" and r.device == machine.device and r.gbps]
    rows = rows[:most]
    low, high = 1 / 8, 256.0
    dtypes = sorted({r.dtype for r in rows if r.dtype in machine.rates}) or ["float32"]
    top = max(machine.rate(d) for d in dtypes)
    floor = min([_height(r, low) for r in rows], default=1.0) / 3
    levels = machine.levels()
    for i, (name, rate) in enumerate(levels):
        if i and rate > 0.95 * levels[i - 1][1]:
            continue  # the same line as that of the level before
        style = "-" if name == "memory" else ":"
        ax.plot([low, min(top / rate, high)], [low * rate, min(top, high * rate)], color="#666666", lw=1, ls=style)
        ax.text(low * 1.05, low * rate * 1.08, f"{name} {rate:.0f} GB/s", fontsize=7, rotation=28, color="#666666", va="bottom",
                rotation_mode="anchor", zorder=1 + i)
    for d in dtypes:
        ax.axhline(machine.rate(d), color="#222222", lw=1)
        ax.text(high, machine.rate(d) * 1.05, f"{d} {machine.rate(d):.0f} GFLOP/s", fontsize=7, ha="right", va="bottom")
    for n, r in enumerate(rows):
        x, y = max(r.intensity or 0, low), _height(r, low)
        ax.scatter([x], [y], s=60 + 900 * r.share, color=COLOURS.get(r.bound, "#bbbbbb"), alpha=0.75, edgecolor="white", zorder=10)
        ax.annotate(str(n + 1), (x, y), fontsize=7, ha="center", va="center", zorder=11)
        percent = f", {r.percent_of_roof:.0f} % of its roof" if r.percent_of_roof else ""
        ax.text(1.01, 0.98 - n * 0.062, f"{n + 1:>2} {r.kernel} ({r.share:.0%}{percent})", transform=ax.transAxes, fontsize=7,
                family="monospace", va="top", color=COLOURS.get(r.bound, "#777777"))
    ax.set(xscale="log", yscale="log", xlim=(low * 0.9, high), ylim=(max(floor, top / 1e6), top * 2.5), xlabel="operations for each byte",
           ylabel="GFLOP/s")
    colours = "blue is bound by memory, red by arithmetic, grey by dispatch"
    ax.set_title(f"{machine.name}, {machine.threads} threads: {colours}", fontsize=8, loc="left")
    return ax


def _height(r: Row, low: float) -> float:
    """GFLOP/s; of kernels with next to no arithmetic, what their bandwidth would give at the left edge."""
    rate = r.gflops or 0.0
    return rate if (r.intensity or 0) >= low else (r.gbps or 0.0) * low
