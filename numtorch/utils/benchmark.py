"""``torch.utils.benchmark``: how long a statement takes, and tables of such times.

>>> from numtorch.utils.benchmark import Timer
>>> Timer("x + x", globals={"x": torch.ones(3)}).timeit(10).number_per_run
10
"""

from __future__ import annotations

import contextlib
import statistics
import timeit as _timeit
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numtorch as torch

_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns"))


def timer() -> float:
    """The time in seconds, after all kernels have ended.

    Returns:
        A float.

    >>> from numtorch.utils import benchmark
    >>> benchmark.timer() <= benchmark.timer()
    True
    """
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return _timeit.default_timer()


def select_unit(t: float) -> tuple[str, float]:
    """The unit in which a time is best read.

    Args:
        t: seconds.

    Returns:
        (name, seconds of it).

    >>> from numtorch.utils import benchmark
    >>> benchmark.select_unit(0.002)
    ('ms', 0.001)
    """
    scale, name = next((unit for unit in _UNITS if t >= unit[0]), _UNITS[-1])
    return name, scale


@dataclass(frozen=True)
class TaskSpec:
    """What was measured, in words.

    Attributes:
        stmt, setup, global_setup: statements.
        label, sub_label, description, env: for tables.
        num_threads: of kernels.
    """

    stmt: str
    setup: str = "pass"
    global_setup: str = ""
    label: str | None = None
    sub_label: str | None = None
    description: str | None = None
    env: str | None = None
    num_threads: int = 1

    @property
    def title(self) -> str:
        """Label and sub-label, or the statement."""
        if self.label is not None:
            return self.label + (f": {self.sub_label}" if self.sub_label else "")
        return self.stmt.replace("\n", "\\n")


@dataclass(init=True, repr=False, eq=True)
class Measurement:
    """The times of a statement.

    Attributes:
        number_per_run: how often it ran for each time.
        raw_times: seconds of these runs.
        task_spec: what was measured.
        metadata: anything.
    """

    number_per_run: int
    raw_times: list[float]
    task_spec: TaskSpec
    metadata: dict[Any, Any] | None = None

    @property
    def times(self) -> list[float]:
        """Seconds for each single run."""
        return [t / self.number_per_run for t in self.raw_times]

    @property
    def median(self) -> float:
        """Their median."""
        return statistics.median(self.times)

    @property
    def mean(self) -> float:
        """Their mean."""
        return statistics.fmean(self.times)

    @property
    def iqr(self) -> float:
        """The distance between their quartiles."""
        if len(self.times) < 2:
            return 0.0
        low, _, high = statistics.quantiles(self.times, n=4, method="inclusive")
        return high - low

    @property
    def significant_figures(self) -> int:
        """How many digits of the median are to be trusted."""
        spread = self.iqr / self.median if self.median else 0.0
        return 1 if spread > 0.1 else 2 if spread > 0.01 else 3

    @property
    def has_warnings(self) -> bool:
        """Whether the times vary by more than a tenth."""
        return self.iqr > 0.1 * self.median

    @property
    def title(self) -> str:
        """What was measured."""
        return self.task_spec.title

    @property
    def env(self) -> str:
        """Where it was measured."""
        return self.task_spec.env or ""

    @property
    def as_row_name(self) -> str:
        """The name of its row in a table."""
        return self.task_spec.sub_label or self.task_spec.stmt or "[Unknown]"

    def __getattr__(self, name: str) -> Any:
        if name in TaskSpec.__dataclass_fields__:
            return getattr(self.task_spec, name)
        raise AttributeError(f"'Measurement' object has no attribute {name!r}")

    @staticmethod
    def merge(measurements: Iterable[Measurement]) -> list[Measurement]:
        """Put the times of equal tasks together.

        Args:
            measurements: of any tasks.

        Returns:
            One for each task and number of runs.

        >>> from numtorch.utils.benchmark import Measurement, TaskSpec
        >>> task = TaskSpec("f()")
        >>> len(Measurement.merge([Measurement(1, [1.0], task), Measurement(1, [2.0], task)])[0].times)
        2
        """
        found: dict[tuple, list[float]] = defaultdict(list)
        for m in measurements:
            found[m.number_per_run, m.task_spec].extend(m.raw_times)
        return [Measurement(number, times, task) for (number, task), times in found.items()]

    def __repr__(self) -> str:
        name, scale = select_unit(self.median)
        n = len(self.times)
        what = f"  {'Median' if n > 1 else 'Time'}: {self.median / scale:.2f} {name}\n" + (
            f"  IQR:    {self.iqr / scale:.2f} {name}\n" if n > 1 else ""
        )
        threads = f"{self.task_spec.num_threads} thread" + "s" * (self.task_spec.num_threads > 1)
        runs = f"  {n} measurement{'s' * (n > 1)}, {self.number_per_run} runs each, {threads}"
        return f"<{__name__}.Measurement>\n{self.title}\n{what}{runs}"


class Timer:
    """Measures a statement as ``timeit`` does, with a first run that compiles kernels, on a number of threads.

    Args:
        stmt: a statement, or lines of them.
        setup: lines that run first, once for each measurement.
        global_setup: accepted; it is C++ in torch.
        timer: gives the time in seconds.
        globals: names that the statement uses.
        label, sub_label, description, env: for tables.
        num_threads: of kernels while it runs.
        language: Python only.

    Raises:
        ValueError: another language.

    >>> from numtorch.utils.benchmark import Timer
    >>> Timer("torch.ones(3)", "import numtorch as torch").timeit(2).raw_times[0] > 0
    True
    """

    def __init__(
        self,
        stmt: str = "pass",
        setup: str = "pass",
        global_setup: str = "",
        timer: Callable[[], float] = timer,
        globals: dict[str, Any] | None = None,
        label: str | None = None,
        sub_label: str | None = None,
        description: str | None = None,
        env: str | None = None,
        num_threads: int = 1,
        language: Any = "python",
    ):
        if str(getattr(language, "name", language)).lower() not in ("python", "py", "0"):
            raise ValueError(f"Timer: the language is Python, not {language}")
        stmt, setup = _dedented(stmt), _dedented(setup)
        scope = {"torch": torch} | (globals or {})
        self._task_spec = TaskSpec(stmt, setup, global_setup, label, sub_label, description, env, num_threads)
        self._timer = _timeit.Timer(stmt, setup, timer, scope)

    @contextlib.contextmanager
    def _threads(self) -> Iterator[None]:
        before = torch.get_num_threads()
        torch.set_num_threads(self._task_spec.num_threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)

    def timeit(self, number: int = 1_000_000) -> Measurement:
        """One time of many runs.

        Args:
            number: of runs.

        Returns:
            A Measurement.

        >>> from numtorch.utils.benchmark import Timer
        >>> len(Timer("1 + 1").timeit(3).times)
        1
        """
        with self._threads():
            self._timer.timeit(max(number // 100, 2))
            return Measurement(number, [self._timer.timeit(number)], self._task_spec)

    def repeat(self, repeat: int = -1, number: int = -1) -> None:
        """Not offered, as in torch: ``blocked_autorange`` chooses both numbers.

        Args:
            repeat, number: accepted.

        Raises:
            NotImplementedError: always.

        >>> from numtorch.utils.benchmark import Timer
        >>> try:
        ...     Timer().repeat()
        ... except NotImplementedError as e:
        ...     print(e)
        repeat: use Timer.blocked_autorange or Timer.timeit
        """
        raise NotImplementedError("repeat: use Timer.blocked_autorange or Timer.timeit")

    def autorange(self, callback: Callable[[int, float], Any] | None = None) -> None:
        """Not offered, as in torch: use ``blocked_autorange``.

        Args:
            callback: accepted.

        Raises:
            NotImplementedError: always.

        >>> from numtorch.utils.benchmark import Timer
        >>> try:
        ...     Timer().autorange()
        ... except NotImplementedError as e:
        ...     print(e)
        autorange: use Timer.blocked_autorange
        """
        raise NotImplementedError("autorange: use Timer.blocked_autorange")

    def _block(self, min_run_time: float) -> int:
        """So many runs that looking at the clock does not count: for a thousandth of the time at least."""
        number = 1
        while True:
            taken = self._timer.timeit(number)
            if taken >= max(min_run_time / 1000, 1e-4) or number >= 10**9:
                return number
            number *= 10

    def blocked_autorange(
        self, callback: Callable[[int, float], Any] | None = None, min_run_time: float = 0.2
    ) -> Measurement:
        """Many times of blocks of runs, until a time is up.

        Args:
            callback: called with (number, seconds) of each block.
            min_run_time: seconds in all.

        Returns:
            A Measurement.

        >>> from numtorch.utils.benchmark import Timer
        >>> len(Timer("1 + 1").blocked_autorange(min_run_time=0.01).times) > 1
        True
        """
        with self._threads():
            self._timer.timeit(2)
            number = self._block(min_run_time)
            times: list[float] = []
            while sum(times) < min_run_time:
                times.append(self._timer.timeit(number))
                if callback is not None:
                    callback(number, times[-1])
        return Measurement(number, times, self._task_spec)

    def adaptive_autorange(
        self,
        threshold: float = 0.1,
        *,
        min_run_time: float = 0.01,
        max_run_time: float = 10.0,
        callback: Callable[[int, float], Any] | None = None,
    ) -> Measurement:
        """``blocked_autorange`` until the times vary little.

        Args:
            threshold: the distance of the quartiles, as a part of the median.
            min_run_time, max_run_time: seconds in all.
            callback: called with (number, seconds) of each block.

        Returns:
            A Measurement.

        >>> from numtorch.utils.benchmark import Timer
        >>> Timer("1 + 1").adaptive_autorange(0.5, max_run_time=0.05).number_per_run >= 1
        True
        """
        with self._threads():
            self._timer.timeit(2)
            number = self._block(min_run_time)
            times: list[float] = []
            while True:
                times.append(self._timer.timeit(number))
                if callback is not None:
                    callback(number, times[-1])
                found, spent = Measurement(number, times, self._task_spec), sum(times)
                steady = len(times) >= 4 and found.iqr < threshold * found.median
                if spent >= max_run_time or (spent >= min_run_time and steady):
                    return found


def _dedented(text: str) -> str:
    """Lines without what all of them begin with, and without empty ones around them."""
    lines = text.strip("\n").rstrip().splitlines()
    depth = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return "\n".join(line[depth:] for line in lines)


@dataclass
class _Table:
    label: str | None
    cells: dict[tuple, Measurement] = field(default_factory=dict)


class Compare:
    """A table of measurements: a row for each statement, a column for each description.

    Args:
        results: of Measurement.

    >>> from numtorch.utils.benchmark import Compare, Timer
    >>> times = [Timer("1 + 1", label="sums", sub_label=f"{n}", description="int").timeit(2) for n in (1, 2)]
    >>> str(Compare(times)).splitlines()[0].strip("[]- ")
    'sums'
    """

    def __init__(self, results: Iterable[Measurement]):
        self._results: list[Measurement] = []
        self.extend_results(results)
        self._trim_significant_figures = self._highlight_warnings = False
        self._colour: str | None = None

    def extend_results(self, results: Iterable[Measurement]) -> None:
        """Add measurements.

        Args:
            results: of Measurement.

        Raises:
            ValueError: something else.

        >>> from numtorch.utils.benchmark import Compare
        >>> Compare([]).extend_results([])
        """
        for result in results:
            if not isinstance(result, Measurement):
                raise ValueError(f"Compare: results are of Measurement, not {type(result).__name__}")
            self._results.append(result)

    def trim_significant_figures(self) -> None:
        """Show only digits that can be trusted.

        >>> from numtorch.utils.benchmark import Compare
        >>> Compare([]).trim_significant_figures()
        """
        self._trim_significant_figures = True

    def colorize(self, rowwise: bool = False) -> None:
        """Show the fastest in green, and what takes half as long again in red.

        Args:
            rowwise: by rows, else by columns.

        >>> from numtorch.utils.benchmark import Compare
        >>> Compare([]).colorize()
        """
        self._colour = "row" if rowwise else "column"

    def highlight_warnings(self) -> None:
        """Mark what varies by more than a tenth.

        >>> from numtorch.utils.benchmark import Compare
        >>> Compare([]).highlight_warnings()
        """
        self._highlight_warnings = True

    def print(self) -> None:
        """Print the table.

        >>> from numtorch.utils.benchmark import Compare
        >>> Compare([]).print()
        <BLANKLINE>
        """
        print(str(self))

    def __str__(self) -> str:
        tables: dict[Any, _Table] = {}
        for m in Measurement.merge(self._results):
            task = m.task_spec
            table = tables.setdefault(task.label, _Table(task.label))
            table.cells[(task.num_threads, task.env or "", m.as_row_name), task.description or ""] = m
        return "\n\n".join(self._text(table) for table in tables.values())

    def _text(self, table: _Table) -> str:
        rows = list(dict.fromkeys(row for row, _ in table.cells))
        columns = list(dict.fromkeys(column for _, column in table.cells))
        rows.sort(key=lambda row: row[0])
        unit, scale = select_unit(min(m.median for m in table.cells.values()))
        grid, threads = [["", *(c or "time" for c in columns)]], None
        for row in rows:
            if row[0] != threads:
                threads = row[0]
                grid.append([f"{threads} thread{'s' * (threads > 1)}:", *[""] * len(columns)])
            cells = [self._cell(table, row, column, scale) for column in columns]
            grid.append([f"  {f'({row[1]}) ' if row[1] else ''}{row[2]}", *cells])
        wide = [max(len(line[i]) for line in grid) for i in range(len(grid[0]))]
        shown = []
        for line in grid:
            cells = [cell.ljust(wide[0]) if i == 0 else cell.rjust(wide[i]) for i, cell in enumerate(line)]
            shown.append("  |  ".join(cells).rstrip() if any(line[1:]) else line[0])
        if self._colour:
            shown = self._coloured(table, rows, columns, grid, wide)
        title = f" {table.label or 'times'} "
        return "\n".join([f"[{title:-^{max(map(len, shown))}}]", *shown, "", f"Times are in {unit}."])

    def _cell(self, table: _Table, row: tuple, column: str, scale: float) -> str:
        m = table.cells.get((row, column))
        if m is None:
            return ""
        value = m.median / scale
        text = f"{value:.1f}"
        if self._trim_significant_figures:
            text = f"{float(f'{value:.{m.significant_figures - 1}e}'):g}"
        return text + (f" (! {m.iqr / m.median:.0%})" if self._highlight_warnings and m.has_warnings else "")

    def _coloured(self, table: _Table, rows: list, columns: list, grid: list, wide: list) -> list[str]:
        shown, at = [], 0
        for line in grid:
            if not any(line[1:]) or line is grid[0]:
                shown.append("  |  ".join(c.ljust(w) for c, w in zip(line, wide, strict=True)).rstrip())
                continue
            row, cells = rows[at], [line[0].ljust(wide[0])]
            at += 1
            for i, column in enumerate(columns):
                m = table.cells.get((row, column))
                others = [
                    n.median
                    for (r, c), n in table.cells.items()
                    if (r == row if self._colour == "row" else c == column)
                ]
                text = line[i + 1].rjust(wide[i + 1])
                if m is not None and m.median <= 1.05 * min(others):
                    text = f"\033[92m{text}\033[0m"
                elif m is not None and m.median > 1.5 * min(others):
                    text = f"\033[91m{text}\033[0m"
                cells.append(text)
            shown.append("  |  ".join(cells))
        return shown
