"""A profile as HTML: tables that sort on a click and can be grouped; a page with pictures, in one file.

It is readable on light and dark pages: text has the page's colour, and bars are translucent.
"""

from __future__ import annotations

import html
import itertools
from collections.abc import Iterable
from typing import Any

from numtorch.display import FONT, GREY
from numtorch.display import text as preformatted
from numtorch.profiler import pictures, table
from numtorch.profiler.rows import Row, legend

COLUMNS = (
    "name",
    "phase",
    "module",
    "calls",
    "time_ns",
    "share",
    "self_ns",
    "load_ns",
    "compile_ns",
    "mean_ns",
    "p95_ns",
    "gbps",
    "gflops",
    "percent_of_roof",
    "bound",
    "dtype",
    "source",
    "shapes",
    "why",
)
BARS = {"share": "rgba(74,134,197,0.35)", "percent_of_roof": "rgba(79,154,95,0.35)"}
MEANS = {
    "kernel": "kernel",
    "op": "op",
    "module": "module",
    "phase": "phase",
    "shapes": "kernel and shapes",
    "rows": "nothing: every row",
}
_numbers = itertools.count()

SCRIPT = """<script>(function(){var d=document.getElementById("ID");d.querySelectorAll("table").forEach(function(t){
t.querySelectorAll("th").forEach(function(th,i){
th.onclick=function(){var b=t.tBodies[0],rs=Array.from(b.rows),d=th.dataset.d==="1"?-1:1;th.dataset.d=d;
rs.sort(function(x,y){var p=x.cells[i].dataset.v,q=y.cells[i].dataset.v,m=parseFloat(p),n=parseFloat(q);
return d*(isNaN(m)||isNaN(n)?p.localeCompare(q):n-m)});rs.forEach(function(r){b.appendChild(r)})}})});
var s=d.querySelector("select");if(s)s.onchange=function(){d.querySelectorAll("[data-group]").forEach(function(g){
g.style.display=g.dataset.group===s.value?"":"none"})}})()</script>"""


def render(
    prof: Any, title: str, groups: tuple[str, ...] = ("kernel", "module", "rows"), most: int = 40, height: str = "480px"
) -> str:
    """The rows summed up by each of ``groups``, of which one is shown, the costliest first.

    A click on a title sorts by it, and its tooltip says what it means.
    """
    ident = f"nt-profile-{next(_numbers)}"
    means = legend() | {"name": "the kernel, or what else took time."}
    used: dict[str, None] = {}
    blocks = []
    for i, group in enumerate(groups):
        by = table.GROUPS[group]
        rows = table.ordered(prof.key_averages(by=by) if by else prof.rows)
        columns = _columns(rows[:most], by)
        used |= dict.fromkeys(columns)
        left = f'<div style="{FONT}">{len(rows) - most} more rows</div>' if len(rows) > most else ""
        notes = "".join(f'<div style="{FONT}">{html.escape(n)}</div>' for n in table.notes(rows[:most], columns))
        blocks.append(
            f'<div data-group="{group}"{" style=display:none" if i else ""}><div '
            f'style="max-height:{height};overflow:auto">'
            f"{_table(rows[:most], columns, means)}</div>{left}{notes}</div>"
        )
    choice = "".join(f'<option value="{g}">{MEANS[g]}</option>' for g in groups)
    return (
        f'<div id="{ident}" style="{FONT}"><b>{html.escape(title)}</b>: {prof.wall_ns / 1e6:.2f} ms, summed up by '
        f'<select style="{FONT}">{choice}</select>{"".join(blocks)}{_legend(list(used), means)}</div>'
        + SCRIPT.replace("ID", ident)
    )


def _columns(shown: list[Row], by: tuple[str, ...]) -> list[str]:
    if not by:
        return list(table.chosen(shown, COLUMNS))
    if {"kernel", "op"} & set(by):
        return list(table.chosen(shown, tuple(c for c in COLUMNS if c not in ("module", "shapes", "why") or c in by)))
    return [
        *by,
        *table.chosen(
            shown, tuple(c for c in COLUMNS if c not in ("name", "phase", "module", "shapes", "why", "dtype", *by))
        ),
    ]


def _table(shown: Iterable[Row], columns: list[str], means: dict[str, str]) -> str:
    style = f"cursor:pointer;text-align:left;padding:3px 8px;border-bottom:1px solid {GREY}"
    head = "".join(
        f'<th title="{html.escape(means[c])}" style="{style}">{html.escape(table.title(c))}</th>' for c in columns
    )
    body = "".join("<tr>" + "".join(_cell(r, c, c == columns[0]) for c in columns) + "</tr>" for r in shown)
    return f'<table style="border-collapse:collapse;{FONT}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _cell(r: Row, column: str, first: bool) -> str:
    text = table.cell(r, column) or (r.name if first else "")
    value = getattr(r, column)
    number = isinstance(value, int | float) or value is None
    key = value if isinstance(value, int | float) else str(value or "")
    style = f"padding:2px 8px;white-space:nowrap;text-align:{'right' if number else 'left'}"
    if column in BARS and value:
        part = min(100.0, 100 * value if column == "share" else value)
        style += f";background:linear-gradient(90deg,{BARS[column]} {part:.1f}%,transparent {part:.1f}%)"
    full = f' title="{html.escape(str(value))}"' if text.endswith("...") else ""
    return f'<td data-v="{html.escape(str(key))}"{full} style="{style}">{html.escape(text)}</td>'


def _legend(columns: list[str], means: dict[str, str]) -> str:
    items = "".join(
        f"<li><b>{html.escape(table.title(c))}</b>: {html.escape(means[c].replace('``', ''))}</li>" for c in columns
    )
    return f"<details><summary>what the columns mean</summary><ul>{items}</ul></details>"


# --- a page of its own ----------------------------------------------------------------------------

SHEET = f""":root{{color-scheme:light dark}}body{{{FONT};margin:24px auto;max-width:1240px;padding:0 16px;background:#ffffff;color:#111111}}
h1{{font-size:20px}}h2{{font-size:15px;border-bottom:1px solid {GREY};padding-bottom:3px;margin-top:28px}}
@media (prefers-color-scheme:dark){{body{{background:#111111;color:#eeeeee}}}}"""  # noqa: E501


def document(prof: Any, title: str) -> str:
    """A whole page, to be kept as a file: summary, machine, roofline, flame graph, memory, and tables."""
    machine = prof.machine
    sections = [
        ("Summary", _summary(prof)),
        (
            "Machine",
            machine._repr_html_()
            if machine is not None
            else _missing("profile.measure() measures the machine's peaks"),
        ),
        (
            "Roofline",
            pictures.roofline(prof.key_averages(by=("kernel", "dtype")), machine)
            if machine is not None
            else _missing("without the machine's peaks there is no roof"),
        ),
        ("Flame graph", _flame(prof)),
        ("Memory", _memory(prof)),
        ("Where the time went", render(prof, title, tuple(table.GROUPS), 1000, "none")),
    ]
    names = "".join(
        f'<a href="#{n}" style="color:inherit;margin-right:14px">{name}</a>' for n, (name, _) in enumerate(sections)
    )
    body = "".join(f'<h2 id="{n}">{name}</h2>{content}' for n, (name, content) in enumerate(sections))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{SHEET}</style></head><body><h1>{html.escape(title)}</h1><div>{names}</div>"
        f"{body}</body></html>"
    )


def _missing(why: str) -> str:
    return f'<p style="{FONT}">{html.escape(why)}</p>'


def _summary(prof: Any) -> str:
    rows = prof.rows
    kernels = [r for r in rows if r.kind == "kernel"]
    lines = [
        f"wall time       {prof.wall_ns / 1e6:.2f} ms",
        f"kernels         {len({r.kernel for r in kernels})}, called {sum(r.calls for r in kernels):,} times",
        f"their code      {table.sources(kernels) or 'not compiled here'}",
        f"of their roof   {_reached(kernels)}",
        f"waited for a processor that others had  {prof.delayed_ns / 1e6:.2f} ms",
    ]
    return pictures.bar(rows, prof.wall_ns) + preformatted("\n".join(lines))


def _reached(kernels: list[Row]) -> str:
    known = [r for r in kernels if r.roof_ns is not None and r.total_ns and r.thread == 0]
    spent = sum(r.total_ns for r in known)
    return f"{sum(r.roof_ns or 0 for r in known) / spent:.0%}, weighted by time" if spent else "not known"


def _flame(prof: Any) -> str:
    events = prof.events
    calls = sum(r.calls for r in prof.rows if r.kind == "kernel")
    drawn = sum(e.of.kind == "kernel" for e in events)
    told = f" The newest {drawn:,} of {calls:,} calls of kernels." if drawn < calls else ""
    wall = prof.wall_ns if drawn >= calls else sum(f.ns for f in pictures.frames(events).inside.values())
    return (
        pictures.flame(events, wall, f"nt-flame-{next(_numbers)}")
        + f'<div style="{FONT}">Blue frames are kernels; what a frame has around those inside it is Python.{told}</div>'
    )


def _memory(prof: Any) -> str:
    try:
        timeline = prof.memory
    except RuntimeError as e:
        return _missing(str(e))
    return pictures.memory(timeline, prof.wall_ns) + preformatted(str(timeline))
