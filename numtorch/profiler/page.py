"""A profile as HTML: a table that sorts where one clicks, bars for shares and roofs, and the legend; no file but itself."""

from __future__ import annotations

import html
import itertools
from collections.abc import Iterable
from typing import Any

from numtorch.profiler import table
from numtorch.profiler.rows import Row, legend

COLUMNS = ("name", "phase", "module", "calls", "self_ns", "share", "median_ns", "p95_ns", "gbps", "gflops", "percent_of_roof", "bound",
           "dtype", "shapes", "why")
BARS = {"share": "#8ecae6", "percent_of_roof": "#b7e4c7"}
_numbers = itertools.count()

SCRIPT = """<script>(function(){var t=document.getElementById("ID");t.querySelectorAll("th").forEach(function(th,i){
th.onclick=function(){var b=t.tBodies[0],rs=Array.from(b.rows),d=th.dataset.d==="1"?-1:1;th.dataset.d=d;
rs.sort(function(x,y){var p=x.cells[i].dataset.v,q=y.cells[i].dataset.v,m=parseFloat(p),n=parseFloat(q);
return d*(isNaN(m)||isNaN(n)?p.localeCompare(q):n-m)});rs.forEach(function(r){b.appendChild(r)})}})})()</script>"""


def render(rows: Iterable[Row], wall: int, title: str, most: int = 60) -> str:
    """The rows, the costliest first; a click on a title sorts by it, and its tooltip says what it means."""
    everything = table.ordered(rows)
    shown = everything[:most]
    columns = [c for c in COLUMNS if c in ("name", "self_ns", "share") or any(table.cell(r, c) for r in shown)]
    means = legend() | {"name": "the kernel, or what else took time."}
    ident = f"nt-profile-{next(_numbers)}"
    style = "cursor:pointer;text-align:left;padding:3px 8px;border-bottom:1px solid #999"
    head = "".join(f'<th title="{html.escape(means[c])}" style="{style}">{html.escape(table.title(c))}</th>' for c in columns)
    body = "".join("<tr>" + "".join(_cell(r, c) for c in columns) + "</tr>" for r in shown)
    left = f"; {len(everything) - most} more rows" if len(everything) > most else ""
    return (f'<div style="font-family:monospace;font-size:12px"><b>{html.escape(title)}</b>: {wall / 1e6:.2f} ms{left}'
            f'<div style="max-height:480px;overflow:auto"><table id="{ident}" style="border-collapse:collapse;font-size:12px">'
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{_legend(columns, means)}</div>"
            + SCRIPT.replace("ID", ident))


def _cell(r: Row, column: str) -> str:
    text = table.cell(r, column)
    value = getattr(r, column)
    key = value if isinstance(value, int | float) else str(value or "")
    style = "padding:2px 8px;white-space:nowrap;text-align:" + ("right" if isinstance(value, int | float) else "left")
    if column in BARS and value:
        part = min(100.0, 100 * value if column == "share" else value)
        style += f";background:linear-gradient(90deg,{BARS[column]} {part:.1f}%,transparent {part:.1f}%)"
    full = f' title="{html.escape(str(value))}"' if text.endswith("...") else ""
    return f'<td data-v="{html.escape(str(key))}"{full} style="{style}">{html.escape(text)}</td>'


def _legend(columns: list[str], means: dict[str, str]) -> str:
    items = "".join(f"<li><b>{html.escape(table.title(c))}</b>: {html.escape(means[c].replace('``', ''))}</li>" for c in columns)
    return f"<details><summary>what the columns mean</summary><ul>{items}</ul></details>"


def document(prof: Any, title: str) -> str:
    """A whole page, to be kept as a file."""
    return f'<!doctype html><meta charset="utf-8"><title>{html.escape(title)}</title>{render(prof.rows, prof.wall_ns, title, 1000)}'
