"""HTML of tensors, modules and graphs for notebooks. It stays small, whatever the size of the object.

Works only on NumPy arrays and text, as ``printing`` does. No output is longer than some tens of kilobytes: large
tensors are sampled. Output suits light and dark pages: text has the colour of the page, or its own colour on its own
background; lines are mid-grey. A test computes the contrasts.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np

VALUES = 8  # rows and columns up to which the numbers themselves are shown
CELLS = 32  # rows and columns of a heat map
FONT = "font-family:monospace;font-size:12px"
STYLE = f"border-collapse:collapse;{FONT};line-height:1.2"
GREY = "#808080"  # seen on white and on black
PALE = "opacity:0.75"  # of text that matters less
INK = "#111111"  # text on the pale backgrounds of numbers
WIDE = 100  # characters in a line of prose that stands with a table
# of a box: what is wider than the page is scrolled to, and the page stays as wide as it is
SCROLLS = "overflow-x:auto;max-width:100%"
COLD, WARM = np.array([59, 76, 192]), np.array([180, 4, 38])  # the ends of a diverging map; white in the middle


def _escaped(text: str) -> str:
    import html  # its table of letters is large, and few programs show HTML

    return html.escape(text)


def table(header: Sequence[str], rows: Sequence[Sequence[Any]], title: str = "") -> str:
    """An HTML table; numbers stand right, text left.

    >>> "<td" in table(["op", "calls"], [["mul", 3]])
    True
    """
    style = f"{FONT};text-align:left;padding:2px 8px;border-bottom:1px solid {GREY}"
    head = "".join(f'<th style="{style}">{_escaped(h)}</th>' for h in header)
    body = []
    for row in rows:
        cells = []
        for value in row:
            number = isinstance(value, int | float)
            text = (
                f"{value:,}"
                if isinstance(value, int)
                else f"{value:.4g}"
                if isinstance(value, float)
                else _escaped(str(value))
            )
            cells.append(
                f'<td style="{FONT};text-align:{"right" if number else "left"};padding:2px '
                f'8px;white-space:pre">{text}</td>'
            )
        body.append(f"<tr>{''.join(cells)}</tr>")
    caption = f'<div style="{FONT};white-space:pre-wrap;margin:4px 0">{_escaped(title)}</div>' if title else ""
    return (
        f'{caption}<div style="{SCROLLS}"><table '
        f'style="{STYLE}"><thead><tr>{head}</tr></thead><tbody>{"".join(body)}</tbody></table>'
        "</div>"
    )


def text(content: str, notes: Sequence[str] = ()) -> str:
    """Text as it is, in a font in which columns stand under each other; what is too wide for the page can be scrolled
    to.

    Notes follow it: sentences, whose lines end where the page does.

    >>> "&lt;" in text("a < b")
    True
    """
    style = f"{FONT};line-height:1.3;white-space:pre;{SCROLLS};margin:4px 0"
    return f'<pre style="{style}">{_escaped(content)}</pre>{_sentences(notes)}'


def _sentences(told: Sequence[str]) -> str:
    return "".join(f'<div style="{FONT};margin:4px 0">{_escaped(sentence)}</div>' for sentence in told)


def prose(content: str, indent: str = "") -> str:
    """A sentence in lines that are no wider than tables are, the second one further to the right.

    >>> print(prose("one " * 30))
    one one one one one one one one one one one one one one one one one one one one one one one one one
      one one one one one
    """
    return textwrap.fill(
        content,
        WIDE,
        initial_indent=indent,
        subsequent_indent=f"{indent}  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


class Text(str):
    """A string whose columns stand under each other, and the sentences above and below: a notebook shows it without
    quotes.

    >>> Text("a  b", notes=["The columns are two."])
    'a  b\\nThe columns are two.'
    """

    def __new__(cls, content: str, titles: Sequence[str] = (), notes: Sequence[str] = ()) -> Text:
        made = super().__new__(cls, "\n".join([*map(prose, titles), content, *map(prose, notes)]))
        made._parts = content, titles, notes
        return made

    _parts: tuple[str, Sequence[str], Sequence[str]]

    def _repr_html_(self) -> str:
        content, titles, notes = self._parts
        return _sentences(titles) + text(content, notes)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """What IPython shows where it cannot show HTML."""
        printer.text(str(self))


def tensor(values: np.ndarray, title: str) -> str:
    """A tensor: what it is, and its elements, as coloured numbers or as a heat map of the last two dimensions.

    Of more than two dimensions the first few matrices are shown side by side.
    """
    head = f'<div style="{FONT};margin:4px 0">{_escaped(title)}</div>'
    if values.ndim == 0:
        return f'{head}<b style="font-family:monospace">{_escaped(_text(values.item()))}</b>'
    if not values.size:
        return f"{head}<i>no elements</i>"
    lead = values.shape[:-2]
    matrices = values.reshape(-1, *values.shape[-2:]) if values.ndim > 1 else values.reshape(1, 1, -1)
    shown = []
    for i in range(min(len(matrices), 4)):
        index = ", ".join(str(int(j)) for j in np.unravel_index(i, lead)) if lead else ""
        label = f'<div style="font-family:monospace;font-size:11px;{PALE}">[{index}]</div>' if lead else ""
        shown.append(
            '<div style="display:inline-block;vertical-align:top;margin-right:12px">'
            f"{label}{_matrix(matrices[i])}</div>"
        )
    if len(matrices) > 4:
        shown.append(f'<span style="font-family:monospace">… {len(matrices) - 4} more</span>')
    return f'{head}<div style="{SCROLLS}">{"".join(shown)}</div>'


def _matrix(x: np.ndarray) -> str:
    rows, cols = x.shape
    if (rows <= VALUES and cols <= VALUES) or (rows == 1 and cols <= 2 * VALUES):
        picked, numbers = x, True
    else:
        picked = x[_sample(rows)][:, _sample(cols)]
        numbers = False
    colours = _colours(picked, 0.5 if numbers else 0.75)  # numbers are read
    lines = []
    for row, tints in zip(picked, colours, strict=True):
        if numbers:
            style = f"{FONT};color:{INK};padding:1px 6px;text-align:right"
            shown = [_escaped(_text(v.item())) for v in row]
            cells = "".join(f'<td style="{style};background:{c}">{v}</td>' for v, c in zip(shown, tints, strict=True))
        else:
            cells = "".join(f'<td bgcolor="{c}">' for c in tints)
        lines.append(f"<tr>{cells}</tr>")
    if numbers:
        return f'<table style="{STYLE}">{"".join(lines)}</table>'
    side = max(3, min(10, 160 // max(picked.shape)))
    extents = f"width:{side}px;height:{side}px;min-width:{side}px"
    style = f"<style>.nt-heat{side} td{{{extents};padding:0!important;border:0}}</style>"
    return f'{style}<table class="nt-heat{side}" style="border-collapse:collapse">{"".join(lines)}</table>'


def _sample(n: int) -> np.ndarray:
    return np.linspace(0, n - 1, min(n, CELLS)).astype(int)


def _text(v: Any) -> str:
    return str(v) if isinstance(v, bool | int) else f"{v:.4g}"


def _colours(x: np.ndarray, strength: float = 0.75) -> list[list[str]]:
    """Blue below zero, red above, paler towards it; NaN and infinities grey."""
    v = x.astype(np.float64)
    finite = np.isfinite(v)
    top = np.abs(v[finite]).max(initial=0.0) or 1.0
    share = np.clip(np.where(finite, v, 0) / top, -1, 1)[..., None]
    rgb = 255 + np.abs(share) * (np.where(share < 0, COLD, WARM) - 255) * strength
    rgb = np.where(finite[..., None], rgb, 160).astype(int)
    return [[f"#{r:02x}{g:02x}{b:02x}" for r, g, b in row] for row in rgb]


def layers(rows: Sequence[tuple[int, str, str, int]], total: int, title: str) -> str:
    """A module: (depth, name, description, its own parameters) of each submodule, and the number of parameters in
    all."""
    lines = [["    " * depth + name, text, n or ""] for depth, name, text, n in rows[:60]]
    if len(rows) > 60:
        lines.append([f"… {len(rows) - 60} more", "", ""])
    return table(["name", "module", "parameters"], lines, f"{title}: {total:,} parameters")


def graph(nodes: Sequence[tuple[str, str]], arrows: Sequence[tuple[int, int]]) -> str:
    """A directed graph as SVG: (label, fill colour) of each node, and (from, to) pairs; arrows point downwards.

    Nodes stand in layers by the longest way from a source, and in a layer near what they depend on.
    """
    depth = [0] * len(nodes)
    for _ in nodes:  # longest paths by relaxation: graphs that are drawn are small
        for a, b in arrows:
            depth[b] = max(depth[b], depth[a] + 1)
    layers_: list[list[int]] = [[] for _ in range(max(depth, default=0) + 1)]
    place = {i: float(i) for i in range(len(nodes))}
    for level in range(len(layers_)):
        members = [i for i in range(len(nodes)) if depth[i] == level]
        above = {i: [place[a] for a, b in arrows if b == i] for i in members}
        members.sort(key=lambda i: sum(above[i]) / len(above[i]) if above[i] else place[i])  # noqa: B023 - used at once
        for at, i in enumerate(members):
            place[i] = at - (len(members) - 1) / 2
        layers_[level] = members
    width = max([8 * len(label) + 20 for label, _ in nodes], default=60)
    columns = max((len(members) for members in layers_), default=1)
    middle = columns * (width + 16) / 2
    x = {i: middle + place[i] * (width + 16) for i in range(len(nodes))}
    y = {i: 24 + depth[i] * 54 for i in range(len(nodes))}
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{2 * middle:.0f}" height="{48 + (len(layers_) - 1) * 54}" '
        'font-family="monospace" font-size="12">',
        '<defs><marker id="nt-arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#808080"/></marker></defs>',
    ]
    for a, b in arrows:
        parts.append(
            f'<line x1="{x[a]:.1f}" y1="{y[a] + 13}" x2="{x[b]:.1f}" y2="{y[b] - 13}" stroke="{GREY}" '
            'marker-end="url(#nt-arrow)"/>'
        )
    for i, (label, fill) in enumerate(nodes):
        wide = 8 * len(label) + 16
        parts.append(
            f'<rect x="{x[i] - wide / 2:.1f}" y="{y[i] - 13}" width="{wide}" height="26" rx="5" fill="{fill}" '
            f'stroke="{GREY}"/>'
            f'<text x="{x[i]:.1f}" y="{y[i] + 4}" text-anchor="middle" fill="{INK}">{_escaped(label)}</text>'
        )
    return "".join(parts) + "</svg>"


def graph_text(nodes: Sequence[tuple[str, str]], arrows: Sequence[tuple[int, int]]) -> str:
    """The graph of ``graph`` as lines of text, from the first node down; what was written before is not written again.

    >>> print(graph_text([("a", ""), ("b", ""), ("c", "")], [(0, 1), (0, 2), (1, 2)]))
    a
    ├─ b
    │  c
    └─ c
    """
    below: dict[int, list[int]] = {}
    for a, b in arrows:
        below.setdefault(a, []).append(b)
    lines: list[str] = []
    written: set[int] = set()
    todo = [(0, "", "")]  # a node, what stands before it, and before what follows it
    while todo:
        i, first, rest = todo.pop()
        children = below.get(i, [])
        again = i in written and bool(children)
        lines.append(f"{first}{nodes[i][0]}{' (see above)' if again else ''}")
        written.add(i)
        if again or not children:
            continue
        if len(children) == 1:
            todo.append((children[0], rest, rest))
            continue
        todo += [
            (
                c,
                f"{rest}{'└─' if n == len(children) - 1 else '├─'} ",
                f"{rest}{'   ' if n == len(children) - 1 else '│  '}",
            )
            for n, c in reversed(list(enumerate(children)))
        ]
    return "\n".join(lines)
