"""Prints rows as text, and sums rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from numtorch.display import Text
from numtorch.profiler.folding import quantile
from numtorch.profiler.rows import Row, legend, total_ns

COLUMNS = (
    "name",
    "phase",
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
    "module",
    "shapes",
)
ALWAYS = ("name", "time_ns", "share")

# What rows can be summed up by; "rows" leaves each kernel, place and class of shapes alone.
GROUPS: dict[str, tuple[str, ...]] = {
    "kernel": ("kernel",),
    "op": ("op",),
    "module": ("module",),
    "phase": ("phase",),
    "shapes": ("kernel", "shapes"),
    "rows": (),
}

_TITLES = {
    "name": "kernel",
    "time_ns": "time ms",
    "mean_ns": "us a call",
    "self_ns": "self ms",
    "total_ns": "total ms",
    "median_ns": "median us",
    "p95_ns": "p95 us",
    "compile_ns": "compile ms",
    "load_ns": "load ms",
    "roof_ns": "roof ms",
    "gbps": "GB/s",
    "gflops": "GFLOP/s",
    "percent_of_roof": "% roof",
    "intensity": "FLOP/B",
    "bytes": "MB",
    "allocated": "alloc MB",
    "flops": "MFLOP",
    "executed": "MFLOP done",
}

_MS, _US, _M = 1e6, 1e3, 1e6


def _scaled(unit: float, digits: int) -> Callable[[Any], str]:
    return lambda v: f"{v / unit:.{digits}f}"


_FORMATS: dict[str, Callable[[Any], str]] = {
    **dict.fromkeys(("time_ns", "self_ns", "total_ns", "compile_ns", "load_ns", "roof_ns"), _scaled(_MS, 2)),
    **dict.fromkeys(("mean_ns", "median_ns", "p95_ns"), _scaled(_US, 1)),
    **dict.fromkeys(("bytes", "allocated", "flops", "executed"), _scaled(_M, 1)),
    "gbps": _scaled(1, 1),
    "gflops": _scaled(1, 1),
    "percent_of_roof": _scaled(1, 0),
    "intensity": _scaled(1, 2),
    "share": lambda v: f"{v:.1%}",
}

# torch's names of what can be sorted by
_TORCH = {
    "cpu_time": "mean_ns",
    "cuda_time": "mean_ns",
    "cpu_time_total": "total_ns",
    "cuda_time_total": "total_ns",
    "device_time_total": "total_ns",
    "self_cpu_time_total": "self_ns",
    "self_cuda_time_total": "self_ns",
    "self_device_time_total": "self_ns",
    "cpu_memory_usage": "allocated",
    "self_cpu_memory_usage": "allocated",
    "count": "calls",
}

_TEXT = {"name", "phase", "bound", "module", "shapes", "why", "device", "dtype", "cache", "source"}
_TEXT |= {"kind", "op", "kernel"}
_WIDEST = 48


def title(column: str) -> str:
    """What stands above a column."""
    return _TITLES.get(column, column)


def cost(row: Row) -> int:
    """What rows are ordered by: own time, and what preparing took."""
    return row.time_ns


def ordered(rows: Iterable[Row], sort_by: str | None = None) -> list[Row]:
    """The rows from the most to the least of a column; by own time if None."""
    if sort_by is None:
        return sorted(rows, key=lambda r: -cost(r))
    column = _TORCH.get(sort_by, sort_by)
    if column not in legend():
        raise ValueError(f"table: cannot sort by {sort_by!r}; there are {', '.join(legend())}")
    if column in _TEXT:
        return sorted(rows, key=lambda r: getattr(r, column))
    return sorted(rows, key=lambda r: -(getattr(r, column) or 0))


def cell(row: Row, column: str) -> str:
    """A column of a row as text; nothing where it means nothing."""
    value = getattr(row, column)
    if value is None or value == "" or (value == 0 and column not in ("time_ns", "self_ns", "share")):
        return ""
    if row.kind != "kernel" and column in ("calls", "mean_ns", "median_ns", "p95_ns"):
        return ""
    text = _FORMATS[column](value) if column in _FORMATS else str(value)
    if column == "gflops" and row.effective:
        text += "e"
    return text if len(text) <= _WIDEST else text[: _WIDEST - 3] + "..."


def chosen(shown: list[Row], columns: tuple[str, ...] = COLUMNS) -> tuple[str, ...]:
    """The columns that say something of these rows; own time has one of its own where some was spent on compiling or
    loading."""
    apart = any(r.load_ns or r.compile_ns for r in shown)
    return tuple(c for c in columns if c in ALWAYS or (apart if c == "self_ns" else any(cell(r, c) for r in shown)))


def grouped(shown: list[Row], by: tuple[str, ...]) -> tuple[str, ...]:
    """The columns of rows that are summed up: of places and shapes those by which they are."""
    if {"kernel", "op"} & set(by):
        return chosen(shown, tuple(c for c in COLUMNS if c not in ("module", "shapes") or c in by))
    return *by, *chosen(shown, tuple(c for c in COLUMNS if c not in ("name", "phase", "module", "shapes", *by)))


def notes(shown: Iterable[Row], columns: Iterable[str]) -> list[str]:
    """What must be known to read some of the columns: whose GFLOP/s are effective, where the code came from, and how
    far the roof can be trusted."""
    found, rows, columns = [], list(shown), set(columns)
    fewer: dict[str, list[int]] = {}
    for part in (p for r in rows for p in r.parts or (r,)):
        if part.effective:
            sums = fewer.setdefault(part.name, [0, 0])
            sums[:] = sums[0] + part.executed, sums[1] + part.flops
    if fewer and "gflops" in columns:
        told = ", ".join(f"{name} executes {done / meant:.0%}" for name, (done, meant) in fewer.items())
        found.append(f"e: effective GFLOP/s, those of the definition's operations: {told} of them")
    if columns & {"load_ns", "compile_ns"} and (told := sources(rows)):
        found.append(f"code: {told}")
    if columns & {"percent_of_roof", "roof_ns"}:
        machines = {id(r.machine): r.machine for r in rows if r.machine is not None and r.percent_of_roof}
        found += [doubt for m in machines.values() if m is not None and (doubt := m.doubt())]
        above = [r.name for r in rows if (r.percent_of_roof or 0) > 105]
        if above:
            found.append(
                f"roof: too low, for {', '.join(dict.fromkeys(above))} beat it; "
                "numtorch.profiler.machine(refresh=True) "
                "measures again"
            )
    return found


def sources(rows: Iterable[Row]) -> str:
    """How many kernels' machine code came from packs, how many from the cache, and how many were compiled."""
    told: dict[str, set[str]] = {}
    for r in rows:
        if r.source:
            told.setdefault(r.source, set()).add(r.name)
    names = {"pack": "from packs", "cache": "from the cache", "compiled": "compiled"}
    return ", ".join(f"{len(told[s])} {names.get(s, f'of several sources ({s})')}" for s in sorted(told, reverse=True))


def text(
    rows: Iterable[Row],
    wall: int,
    sort_by: str | None = None,
    row_limit: int = 32,
    columns: tuple[str, ...] | None = None,
) -> Text:
    """The rows under their titles, a line for what is left out, the sum, and notes; the first column names the row."""
    for c in columns or ():
        if c != "name" and c not in legend():
            raise ValueError(f"table: no column {c!r}; there are name, {', '.join(legend())}")
    everything = ordered(rows, sort_by)
    shown = everything if row_limit < 0 else everything[:row_limit]
    names = columns or chosen(shown)
    lines = [
        [_TITLES.get(c, c) for c in names],
        *[[_first(r, c) if c == names[0] else cell(r, c) for c in names] for r in shown],
    ]
    rest = everything[len(shown) :]
    if rest:
        lines.append([f"{len(rest)} more rows", *[_summary(rest, wall, c) for c in names[1:]]])
    lines.append(["all", *[_summary(everything, wall, c) for c in names[1:]]])
    widths = [max(len(line[i]) for line in lines) for i in range(len(names))]
    padded = [
        "  ".join(t.ljust(w) if c in _TEXT else t.rjust(w) for t, w, c in zip(line, widths, names, strict=True))
        for line in lines
    ]
    return Text("\n".join(line.rstrip() for line in padded), notes=notes(shown, names))


def _first(r: Row, column: str) -> str:
    """What stands first in a row: what the column says, but of kernels outside all modules, and of rows that are no
    kernels, what they are."""
    said = cell(r, column)
    if column not in ("module", "phase", "shapes"):
        return said or r.name
    if r.kind == "kernel":
        return said or f"no {column}"
    return f"{r.name}, {said}" if said else r.name


def _summary(rows: list[Row], wall: int, column: str) -> str:
    if column == "time_ns":
        return _FORMATS[column](total_ns(rows))
    if column in ("self_ns", "compile_ns", "load_ns"):
        # what others did ran beside the clock
        total = sum(getattr(r, column) for r in rows if column != "self_ns" or r.thread == 0)
        return _FORMATS[column](total) if total or column == "self_ns" else ""
    if column == "share":
        return f"{total_ns(rows) / wall:.1%}" if wall else ""
    return ""


def merged(rows: Iterable[Row]) -> Row:
    """Rows summed up: a column in which they differ is empty."""
    parts = tuple(rows)
    if not parts:
        return Row("kernel", "nothing")
    if len(parts) == 1:
        return parts[0]

    def same(name: str, otherwise: Any = "") -> Any:
        first = getattr(parts[0], name)
        return first if all(getattr(p, name) == first for p in parts) else otherwise

    def total(name: str) -> Any:
        return sum(getattr(p, name) for p in parts)

    samples = [p.sample for p in parts if p.sample is not None]
    calls = [p.calls - p.cold_calls for p in parts if p.sample is not None]
    return Row(
        same("kind", "mixed"),
        same("op", "all"),
        same("kernel"),
        same("why"),
        same("phase"),
        same("module"),
        same("device"),
        same("dtype"),
        same("shapes"),
        total("calls"),
        total("self_ns"),
        total("total_ns"),
        quantile(samples, calls, 0.5),
        quantile(samples, calls, 0.95),
        total("compile_ns"),
        total("load_ns"),
        next((c for c in ("miss", "hit") if any(p.cache == c for p in parts)), same("cache")),
        total("cold_calls"),
        total("bytes"),
        total("flops"),
        total("executed"),
        total("allocated"),
        same("threads", None),
        same("functions", ()),
        same("launch", {}),
        same("stack", ()),
        same("thread", 0),
        parts[0].wall_ns,
        jits=tuple(dict.fromkeys(j for p in parts for j in p.jits)),
        machine=parts[0].machine,
        parts=parts,
    )


class Averages(list[Row]):
    """Rows summed up by some of their columns; a list, with torch's ``table`` and ``total_average``."""

    def __init__(self, rows: Iterable[Row], wall: int, by: tuple[str, ...]):
        for c in by:
            if c != "name" and c not in legend():
                raise ValueError(f"key_averages: no column {c!r} to sum up by; there are name, {', '.join(legend())}")
        groups: dict[tuple, list[Row]] = {}
        for r in rows:
            what = "" if r.kind == "kernel" else r.op  # numtorch's Python and the program's are not summed up
            groups.setdefault((r.kind, what, r.thread, *[getattr(r, c) for c in by]), []).append(r)
        super().__init__(sorted(map(merged, groups.values()), key=lambda r: -cost(r)))
        self._wall, self._by = wall, by

    def table(
        self, sort_by: str | None = None, row_limit: int = 100, columns: tuple[str, ...] | None = None, **_torch: Any
    ) -> str:
        """The rows as text. ``sort_by`` takes torch's names (``"self_cpu_time_total"``) or a column."""
        if columns is None and not {"name", "kernel", "op"} & set(self._by):
            columns = grouped(self, self._by)
        return text(self, self._wall, sort_by, row_limit, columns)

    def total_average(self) -> Row:
        """All of them summed up."""
        return merged(self)

    def __str__(self) -> str:
        return self.table()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return text(self, self._wall, None, 100)._repr_html_()
