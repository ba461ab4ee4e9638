"""Pictures of a profile as SVG, without any library: where the time went, the roofline, the flame graph, memory.

Text has the page's colour. Lines and areas have colours that are visible on light and on dark pages.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from html import escape
from typing import Any

import numpy as np

from numtorch.display import FONT, GREY, SCROLLS
from numtorch.profiler import labels
from numtorch.profiler.memory import Timeline
from numtorch.profiler.rows import Event, Row

BLUE, RED, GREEN, VIOLET, OCHRE, TEAL = "#4a86c5", "#cc5f4a", "#4f9a5f", "#9a6fb8", "#a8842c", "#2f9494"
BOUNDS = {"memory": BLUE, "compute": RED, "dispatch": GREY}
WIDE = 1000  # units across the flame graph and the bar
NARROW = 480  # units across pictures whose words must be readable on a phone
LEAST = 0.0005  # of the width: narrower frames are not drawn


def _svg(height: float, parts: Iterable[str], more: str = "", wide: int = WIDE, style: str = "max-width:1200px") -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {height:.0f}" width="100%" '
        f'style="{FONT};{style}" {more}>'
        f"{''.join(parts)}</svg>"
    )


def _text(x: float, y: float, content: str, anchor: str = "start", size: int = 12, fill: str = "currentColor") -> str:
    where = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {where} font-size="{size}" fill="{fill}">{escape(content)}</text>'


# --- where the time went --------------------------------------------------------------------------


def parts(rows: Iterable[Row]) -> list[tuple[str, str, int]]:
    """(what, colour, nanoseconds) of the wall time, kernels by phase: they add up to it."""
    colours = {"forward": BLUE, "backward": RED, "optimizer": GREEN}
    found: dict[str, tuple[str, int]] = {}

    def add(what: str, colour: str, ns: int) -> None:
        if ns:
            found[what] = colour, found.get(what, ("", 0))[1] + ns

    for r in rows:
        add("compiling and loading", OCHRE, r.compile_ns + r.load_ns)
        if r.thread:
            continue
        if r.kind == "kernel":
            add(f"kernels, {r.phase}", colours.get(r.phase, BLUE), r.self_ns)
        else:
            add(
                r.op, {"Python dispatch": VIOLET, "your Python": TEAL, "data loading": OCHRE}.get(r.op, GREY), r.self_ns
            )
    return sorted([(what, colour, ns) for what, (colour, ns) in found.items()], key=lambda p: -p[2])


def bar(rows: Iterable[Row], wall: int) -> str:
    """The wall time as one bar, and what its parts are."""
    drawn, named, x = [], [], 0.0
    for n, (what, colour, ns) in enumerate(parts(rows)):
        width = WIDE * ns / max(wall, 1)
        drawn.append(
            f'<rect x="{x:.1f}" y="0" width="{width:.1f}" height="22" fill="{colour}" '
            f'fill-opacity="{0.9 - 0.12 * (n % 4):.2f}" '
            f'stroke="{GREY}" stroke-width="0.5"><title>{escape(what)}: {ns / 1e6:.2f} ms</title></rect>'
        )
        named.append(
            f'<li><span style="color:{colour}">&#9632;</span> {escape(what)}: {ns / 1e6:.2f} ms, '
            f"{ns / max(wall, 1):.1%}</li>"
        )
        x += width
    return (
        _svg(24, drawn, 'height="24" preserveAspectRatio="none"')
        + f'<ul style="{FONT};list-style:none;padding:0;columns:3 20em">{"".join(named)}</ul>'
    )


# --- the roofline ---------------------------------------------------------------------------------


def roofline(rows: Iterable[Row], machine: Any, most: int = 12) -> str:
    """The costliest kernels under the machine's roofs: operations for each byte across, GFLOP/s up, both logarithmic.

    Each point has a number, and each number a line below the picture. No label lies over another: the name of a line
    for which there is no room stands below too.
    """
    kernels = [r for r in rows if r.kind == "kernel" and r.device == machine.device and r.gbps][:most]
    low, high, height = 1 / 8, 256.0, 320.0
    dtypes = sorted({r.dtype for r in kernels if r.dtype in machine.rates}) or ["float32"]
    ceiling = max(machine.rate(d) for d in dtypes)
    top = 4 * max([ceiling, *[r.gflops or 0.0 for r in kernels]])
    reached = [max(r.gflops or 0.0, low * (r.gbps or 0.0), 1e-9) for r in kernels]
    floor = min([*reached, top / 100]) / 3
    left, upper, right, bottom = 44.0, 18.0, NARROW - 10.0, height - 32
    first = left + 18  # where points at the left edge stand clear of the axis
    # units for a factor of e
    wide, high_up = ((right - first) / math.log(high / low), (bottom - upper) / math.log(top / floor))
    slope, apart = math.atan2(high_up, wide), math.exp(15 / high_up)  # the factor between lines that are 15 units apart

    def across(v: float) -> float:
        return first + wide * math.log(min(max(v, low), high) / low)

    def up(v: float) -> float:
        return bottom - high_up * math.log(max(v, floor) / floor)

    drawn = [
        f'<path d="M{left:.0f} {upper:.0f}V{bottom:.0f}H{right:.0f}" fill="none" stroke="{GREY}"/>',
        _text(right, height - 3, "operations for each byte", "end"),
        _text(2, 11, "GFLOP/s"),
    ]
    drawn += [_text(across(2.0**k), bottom + 14, f"{2.0**k:g}", "middle", 11) for k in range(-3, 9, 2)]
    ticks = [10.0**k for k in range(-6, 7) if floor < 10.0**k and up(10.0**k) > upper + 6]
    drawn += [_text(left - 4, up(v) + 4, f"{v:g}", "end", 11) for v in ticks]

    places, words, below = labels.Places(), [], []
    at = [(across(r.intensity or 0.0), up(y)) for r, y in zip(kernels, reached, strict=True)]
    for n, (x, y) in enumerate(at):
        spots = [
            (u, v) for u, v in labels.around(x, y + 4, 15) if left + 10 < u < right - 10 and upper < v < bottom - 2
        ]
        chosen = spots[places.take([labels.level(*spot, str(n + 1), 12, "middle") for spot in spots])]
        if math.dist(chosen, (x, y + 4)) > 1:
            words.append(
                f'<path d="M{x:.1f} {y:.1f}L{chosen[0]:.1f} {chosen[1] - 4:.1f}" fill="none" stroke="{GREY}" '
                'stroke-width="0.5"/>'
            )
        words.append(_text(*chosen, str(n + 1), "middle"))
    areas = [6 + 18 * math.sqrt(min(1.0, r.share)) for r in kernels]
    places.taken += [
        [(x - radius, y - radius, x + radius, y + radius)] for (x, y), radius in zip(at, areas, strict=True)
    ]

    slants = machine.slants()
    for _, rate in slants:
        begin, end = max(low, floor / rate), min(high, ceiling / rate)
        drawn.append(
            f'<line x1="{across(begin):.1f}" y1="{up(begin * rate):.1f}" x2="{across(end):.1f}" '
            f'y2="{up(end * rate):.1f}" '
            f'stroke="{GREY}"/>'
        )
    for name, rate in labels.joined(slants, apart, "GB/s"):
        begin = max(low, floor / rate)
        room = across(min(high, ceiling / rate)) - across(begin) - 6.6 * len(name) * math.cos(slope)
        starts = [across(begin) + 6 + max(room, 0.0) * part / 12 for part in range(13)]
        spots = [(x, up(rate * begin) - (x - across(begin)) * math.tan(slope) - 4) for x in starts]
        spot = places.free([labels.slanted(*spot, name, 11, slope) for spot in spots])
        if spot is None:
            below.append(f"slanted: {name}")
            continue
        x, y = spots[spot]
        words.append(
            _text(x, y, name, size=11).replace(
                "<text ", f'<text transform="rotate({-math.degrees(slope):.1f} {x:.1f} {y:.1f})" '
            )
        )
    for d in dtypes:
        drawn.append(
            f'<line x1="{left:.0f}" y1="{up(machine.rate(d)):.1f}" x2="{right:.0f}" y2="{up(machine.rate(d)):.1f}" '
            f'stroke="{GREY}"/>'
        )
    for name, rate in labels.joined([(d, machine.rate(d)) for d in dtypes], apart, "GFLOP/s"):
        spots = [(x, up(rate) - 4) for x in np.linspace(right, min(right, left + 7 * len(name)), 8)]
        spot = places.free([labels.level(*spot, name, 11, "end") for spot in spots])
        if spot is None:
            below.append(f"level: {name}")
        else:
            words.append(_text(*spots[spot], name, "end", 11))

    named = []
    for n, (r, (x, y), radius) in enumerate(zip(kernels, at, areas, strict=True)):
        colour = BOUNDS.get(r.bound, GREY)
        drawn.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{colour}" '
            f'fill-opacity="0.45" stroke="{colour}"><title>{escape(r.name)}</title></circle>'
        )
        percent = "" if r.percent_of_roof is None else f", {r.percent_of_roof:.0f} % of roof"
        named.append(
            f'<li><span style="color:{colour}">&#9632;</span> {n + 1} {escape(r.name)} {r.share:.0%}{percent}'
            f"{' (e)' if r.effective else ''}</li>"
        )
    told = f"Lines, from the top: {'; '.join(below)}. " if below else ""
    told += (
        "Blue is bound by memory, red by arithmetic, grey by dispatch; the area of a point is its share of the time. "
    )
    if any(r.effective for r in kernels):
        told += "(e): effective GFLOP/s, those of the definition's operations, which may lie above the roof."
    return (
        _svg(height, [*drawn, *words], wide=NARROW, style="max-width:680px")
        + f'<ul style="{FONT};list-style:none;padding:0;columns:2 24em">{"".join(named)}</ul><div style="{FONT}">{told}</div>'  # noqa: E501
    )


# --- the flame graph ------------------------------------------------------------------------------


class Frame:
    """A stretch with all others of the same name in the same place: nanoseconds, calls, and what ran inside."""

    def __init__(self, name: str):
        self.name, self.ns, self.calls = name, 0, 0
        self.inside: dict[str, Frame] = {}


def frames(events: Iterable[Event]) -> Frame:
    """The time line of the profiled thread, equal stacks summed up."""
    root = Frame("all")
    stack: list[tuple[int, Frame]] = []
    mine = [(e.start_ns, e.start_ns + e.duration_ns, e.name) for e in events if e.thread == 0]
    for start, end, name in sorted(mine, key=lambda e: (e[0], -e[1])):
        while stack and stack[-1][0] <= start:
            stack.pop()
        parent = stack[-1][1] if stack else root
        frame = parent.inside.setdefault(name, Frame(name))
        frame.ns += end - start
        frame.calls += 1
        stack.append((end, frame))
    root.ns = sum(f.ns for f in root.inside.values())
    return root


ZOOM = """<script>(function(){var s=document.getElementById("ID");s.onclick=function(e){var g=e.target.closest("g");if(!g)return;
var x=+g.dataset.x,w=+g.dataset.w;s.querySelectorAll("g").forEach(function(o){var a=(o.dataset.x-x)/w*1000,b=o.dataset.w/w*1000,
c=Math.max(0,a),d=Math.min(1000,a+b)-c,r=o.querySelector("rect"),t=o.querySelector("text");o.style.display=d>0.5?"":"none";if(d>0.5){
r.setAttribute("x",c);r.setAttribute("width",d);t.setAttribute("x",c+3);t.textContent=o.dataset.n.slice(0,Math.max(0,d/7.3-1))}})}
})()</script>"""  # noqa: E501


def flame(events: Iterable[Event], wall: int, ident: str) -> str:
    """Modules, backward passes and steps, and what ran inside them, as wide as they took; a click on one makes it as
    wide as the page."""
    root = frames(events)
    root.ns = max(root.ns, wall)
    drawn: list[str] = []
    deepest = 0
    todo: list[tuple[Frame, float, int]] = [(root, 0.0, 0)]
    while todo:
        f, x, depth = todo.pop()
        width = WIDE * f.ns / max(root.ns, 1)
        deepest = max(deepest, depth)
        colour = BLUE if not f.inside and depth else OCHRE
        shown = escape(f.name[: max(0, int(width / 7.3) - 1)])
        about = f"{f.name}: {f.ns / 1e6:.2f} ms, {f.ns / max(root.ns, 1):.1%}" + (f", {f.calls} times" if depth else "")
        drawn.append(
            f'<g data-x="{x:.2f}" data-w="{width:.2f}" data-n="{escape(f.name)}"><title>{escape(about)}</title><rect '
            f'x="{x:.2f}" '
            f'y="{18 * depth}" width="{width:.2f}" height="17" fill="{colour}" fill-opacity="0.35" stroke="{GREY}" '
            f'stroke-width="0.4"/>{_text(x + 3, 18 * depth + 12, "").replace("></text>", f">{shown}</text>")}</g>'
        )
        for inner in sorted(f.inside.values(), key=lambda i: -i.ns):
            if inner.ns >= LEAST * root.ns:
                todo.append((inner, x, depth + 1))
            x += WIDE * inner.ns / max(root.ns, 1)
    picture = _svg(
        18 * (deepest + 1) + 2, drawn, f'id="{ident}" cursor="pointer"', style="max-width:1200px;min-width:800px"
    )
    return f'<div style="{SCROLLS}">{picture}</div>' + ZOOM.replace("ID", ident)


# --- memory ---------------------------------------------------------------------------------------


def memory(timeline: Timeline, wall: int) -> str:
    """What tensors held over time, and who held it at the peak."""
    shown = timeline.to_dict()
    top, height, left, right = max(timeline.peak, 1), 150.0, 24.0, NARROW - 10.0

    def place(at: int, held: int) -> tuple[float, float]:
        return left + (right - left) * min(max(at, 0) / max(wall, 1), 1.0), height - 20 - (height - 40) * held / top

    path, before = f"M{left:.0f} {height - 20:.1f}", height - 20
    for at, held in zip(shown["times"], shown["held"], strict=True):
        x, y = place(at, held)
        path += f"L{x:.1f} {before:.1f}L{x:.1f} {y:.1f}"
        before = y
    path += f"L{right:.0f} {before:.1f}L{right:.0f} {height - 20:.1f}Z"
    x, y = place(timeline.peak_at, timeline.peak)
    said = f"peak {timeline.peak / 1e6:.1f} MB"
    half = labels.NARROW * 12 * len(said) / 2
    drawn = [
        f'<path d="{path}" fill="{BLUE}" fill-opacity="0.4" stroke="{BLUE}"/>',
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{RED}"/>',
        _text(min(max(x, half), NARROW - half), y - 7, said, "middle"),  # whole, also at the ends
        _text(left - 6, height - 16, "0", "end"),
        _text(right, height - 4, f"{wall / 1e6:.1f} ms", "end"),
    ]
    return _svg(height, drawn, wide=NARROW, style="max-width:680px")
