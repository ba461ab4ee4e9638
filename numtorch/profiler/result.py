"""The finished profile: rows that add up to the wall time, spans, events, and their table."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from numtorch.files import write_atomically
from numtorch.profiler import figures, flame, memory, page, peaks, table, trace
from numtorch.profiler.difference import Comparison
from numtorch.profiler.folding import LONG
from numtorch.profiler.load import asleep_ns, delay_ns
from numtorch.profiler.memory import Timeline, Tracker
from numtorch.profiler.pace import Pace
from numtorch.profiler.recorder import Entry, Recorder
from numtorch.profiler.rows import Event, Row, Span, legend, total_ns
from numtorch.profiler.table import Averages

DISPATCH, PROGRAM = "Python dispatch", "your Python"


class Clocks:
    """Wall time, and the time in which the thread ran or wanted to, since it was made."""

    def __init__(self, recorder: Recorder):
        self.asleep = self.delayed = self.wall = 0
        self._asleep, self._delayed = asleep_ns(), delay_ns()
        self.started = time.perf_counter_ns()
        recorder.sums.gaps[:] = self.started, 0

    def stop(self) -> None:
        """Read the clocks."""
        self.wall = time.perf_counter_ns() - self.started
        self.asleep = asleep_ns() - self._asleep
        self.delayed = delay_ns() - self._delayed

    def idle(self, recorder: Recorder) -> int:
        """Time in which the program slept or waited: neither ran, nor wanted a processor that another process had.

        Not while kernels were compiled or loaded or batches made, and at most the long stretches without a kernel:
            kernels wait
        for threads too.
        """
        last, gaps = (int(g) for g in recorder.sums.gaps)
        tail = self.started + self.wall - last
        idle = min(self.asleep - recorder.waited, gaps + (tail if tail > LONG else 0))
        return idle if idle > LONG else 0


class Profile:
    """What a profile gathered. Reading it while it is open gives what there is so far.

    Attributes:
        rows: where the wall time went, the costliest first; they add up to ``wall_ns``.
        spans: modules, backward passes, steps, batches, ``record_function`` blocks.
        events: the newest calls on the time line, oldest first.
        wall_ns: how long was recorded.
        machine: the measured peaks, None where they have not been measured and rows have no roof; see ``measure``.

    >>> with torch.profiler.profile() as prof:
    ...     y = torch.exp(torch.ones(1000))
    >>> sum(row.share for row in prof.rows) > 0.99
    True
    """

    def __init__(self) -> None:
        self._recorder: Recorder | None = None
        self._clocks: Clocks | None = None
        self._frozen: tuple[list[Row], list[Span], list[Event], int] | None = None
        self._steps: list[int] = []
        self._machine: peaks.Machine | None = None
        self._tracker: Tracker | None = None

    @property
    def pace(self) -> Pace:
        """What fixed pieces of work took before, in and after the profile."""
        return self._recorder.pace if self._recorder is not None else Pace()

    # --- reading ------------------------------------------------------------------------------------

    @property
    def rows(self) -> list[Row]:
        """Where the wall time went, the costliest first; they add up to ``wall_ns``."""
        return self._read()[0]

    @property
    def spans(self) -> list[Span]:
        """Modules, backward passes, steps, batches, ``record_function`` blocks."""
        return self._read()[1]

    @property
    def events(self) -> list[Event]:
        """The newest calls on the time line, oldest first."""
        return self._read()[2]

    @property
    def wall_ns(self) -> int:
        """How long was recorded, in nanoseconds."""
        return self._read()[3]

    @property
    def threads(self) -> dict[int, str]:
        """Names of the threads by their numbers in rows and events."""
        return dict(self._recorder.names) if self._recorder is not None else {}

    @property
    def gradients(self) -> list[tuple[str, int, int]]:
        """(op, when its node was made, when backward came to it) of the newest nodes that were walked through; since
        the beginning."""
        if self._recorder is None or self._clocks is None:
            return []
        started = self._clocks.started
        return [
            (op, made - started, pulled - started) for op, made, pulled in self._recorder.gradients if made >= started
        ]

    @property
    def delayed_ns(self) -> int:
        """For how long the thread was ready to run while others had the processors, where the system counts it."""
        return self._clocks.delayed if self._clocks is not None else 0

    @property
    def machine(self) -> peaks.Machine | None:
        """The measured peaks; None where they have not been measured."""
        return self._machine or peaks.known()

    def measure(self) -> peaks.Machine:
        """Measure the machine's peaks if that has not been done, so that rows have a roof.

        Returns:
            The ``Machine``.

        >>> with torch.profiler.profile() as prof:
        ...     y = torch.exp(torch.ones(1000))
        >>> prof.measure().device
        'cpu'
        """
        self._machine = peaks.machine()
        for r in self.rows:
            if r.device == "cpu":
                r.machine = self._machine
        return self._machine

    def _read(self) -> tuple[list[Row], list[Span], list[Event], int]:
        if self._frozen is not None:
            return self._frozen
        if self._recorder is None or self._clocks is None:
            return [], [], [], 0
        self._clocks.stop()
        return self._gather(self._recorder, self._clocks)

    def _freeze(self, recorder: Recorder, clocks: Clocks) -> None:
        self._frozen = self._gather(recorder, clocks)

    def _gather(self, recorder: Recorder, clocks: Clocks) -> tuple[list[Row], list[Span], list[Event], int]:
        rows = recorder.rows(clocks.wall)
        spans = _spans(recorder)
        rows += _remainder(recorder, clocks, rows)
        machines = {"cpu": self.machine, "cuda": peaks.known("cuda")}
        for r in rows:
            r.machine = machines.get(r.device)
        rows.sort(key=lambda r: -(r.self_ns + r.compile_ns + r.load_ns))
        return rows, spans, _events(recorder, clocks, rows, spans, self._steps), clocks.wall

    # --- showing ------------------------------------------------------------------------------------

    def table(
        self,
        sort_by: str | None = None,
        row_limit: int = 32,
        columns: tuple[str, ...] | None = None,
        group_by: str | tuple[str, ...] = "kernel",
    ) -> str:
        """The rows as text, the costliest first.

        Args:
            sort_by: a name from ``legend()``; own time if None.
            row_limit: how many rows are shown.
            columns: names from ``legend()``; a choice of them if None.
            group_by: sum rows up: ``"kernel"`` (apart where ``columns`` asks for a phase, a module or shapes),
                ``"op"``, ``"module"``, ``"phase"``, ``"shapes"`` (of a kernel), or other columns of text; ``"rows"``
                sums up nothing.

        Returns:
            A text.

        Raises:
            ValueError: an unknown column.

        >>> with torch.profiler.profile() as prof:
        ...     y = torch.exp(torch.ones(1000))
        >>> "exp/cpu/generated" in prof.table(columns=("name", "calls"))
        True
        """
        by = table.GROUPS.get(group_by, (group_by,)) if isinstance(group_by, str) else tuple(group_by)
        if group_by == "kernel":
            by += tuple(c for c in ("phase", "module", "shapes") if c in (columns or ()))
        if unknown := [c for c in by if c not in legend()]:
            raise ValueError(
                f"table: cannot group by {unknown[0]!r}; there are {', '.join(table.GROUPS)}, and {', '.join(legend())}"
            )
        shown: list[Row] = self.key_averages(by=by) if by else self.rows
        if columns is None and by:
            columns = table.grouped(shown, by)
        return table.text(shown, self.wall_ns, sort_by, row_limit, columns)

    def key_averages(self, group_by_input_shape: bool = False, by: str | tuple[str, ...] | None = None) -> Averages:
        """Rows of one op summed up, of one op and shapes, or of equal columns ``by``; torch's name.

        Args:
            group_by_input_shape: keep different shapes apart.
            by: the columns, of which equal ones are summed up.

        Returns:
            A list of rows, with a ``table`` of its own.

        >>> with torch.profiler.profile() as prof:
        ...     y = torch.exp(torch.ones(1000))
        >>> [row.calls for row in prof.key_averages() if row.op == "exp"]
        [1]
        """
        by = (by,) if isinstance(by, str) else by
        return Averages(self.rows, self.wall_ns, by or (("op", "shapes") if group_by_input_shape else ("op",)))

    def total_average(self) -> Row:
        """All rows summed up.

        Returns:
            A ``Row``.

        >>> with torch.profiler.profile() as prof:
        ...     y = torch.exp(torch.ones(1000))
        >>> prof.total_average().time_ns > 0
        True
        """
        return table.merged(self.rows)

    @property
    def memory(self) -> Timeline:
        """Memory over time; RuntimeError unless the profile was opened with ``profile_memory=True``."""
        if self._tracker is None or self._clocks is None:
            raise RuntimeError("this profile did not follow memory; open it with profile(profile_memory=True)")
        return self._tracker.timeline(self._clocks.started)

    def compare(self, after: Profile) -> Comparison:
        """This profile as "before" beside another as "after": what became faster or slower.

        It says whether a difference is more than noise and more than what became of fixed pieces of work that were
        timed beside both.

        Args:
            after: the other profile.

        Returns:
            A comparison, of which ``str`` and notebooks show a table.

        >>> with torch.profiler.profile() as prof:
        ...     y = torch.exp(torch.ones(1000))
        >>> "exp" in str(prof.compare(prof))
        True
        """
        return Comparison(self, after)

    def roofline(self, ax: Any = None, most: int = 12) -> Any:
        """Draw the costliest kernels under the machine's roofs. Needs matplotlib.

        Args:
            ax: matplotlib's axes; new ones if None.
            most: how many kernels.

        Returns:
            The axes.

        Raises:
            ImportError: matplotlib is not installed.

        >>> import importlib.util
        >>> with torch.profiler.profile() as prof:
        ...     y = torch.exp(torch.ones(1000))
        >>> if importlib.util.find_spec("matplotlib"):
        ...     axes = prof.roofline()
        """
        return figures.roofline(self, ax, most)

    def plot_memory(self, ax: Any = None) -> Any:
        """Draw memory over time. Needs matplotlib, and ``profile_memory=True``.

        Args:
            ax: matplotlib's axes; new ones if None.

        Returns:
            The axes.

        Raises:
            ImportError: matplotlib is not installed.
            RuntimeError: the profile did not follow memory.

        >>> import importlib.util
        >>> with torch.profiler.profile(profile_memory=True) as prof:
        ...     y = torch.exp(torch.ones(100000))
        >>> if importlib.util.find_spec("matplotlib"):
        ...     axes = prof.plot_memory()
        """
        return memory.plot(self.memory, ax)

    def to_json(self, path: Any = None) -> str:
        """``to_dict`` as text.

        Args:
            path: a file to which it is written, too.

        Returns:
            The text.

        Raises:
            OSError: ``path`` cannot be written.

        >>> import json
        >>> with torch.profiler.profile() as prof:
        ...     y = torch.exp(torch.ones(1000))
        >>> sorted(json.loads(prof.to_json()))
        ['machine', 'rows', 'spans', 'wall_ns']
        """
        text = json.dumps(self.to_dict(), indent=1)
        if path is not None:
            trace.check(path)
            write_atomically(Path(path), text.encode())
        return text

    def to_tensorboard(self, writer: Any, step: int = 0) -> None:
        """Own milliseconds of each kernel as scalars.

        Args:
            writer: anything with torch's ``add_scalar(tag, value, step)``, or the folder of a new one, which
                tensorboardX writes.
            step: to which the scalars belong.

        Raises:
            ImportError: tensorboardX is not installed.

        >>> class Writer:
        ...     def add_scalar(self, tag, value, step):
        ...         if "exp/" in tag:
        ...             print(tag, value > 0, step)
        >>> with torch.profiler.profile() as prof:
        ...     y = torch.exp(torch.ones(1000))
        >>> prof.to_tensorboard(Writer(), step=3)
        profile/forward/exp/cpu/generated/self_ms True 3
        """
        close = None
        if not hasattr(writer, "add_scalar"):
            try:
                from tensorboardX import SummaryWriter
            except ImportError as e:
                raise ImportError(
                    "scalars for TensorBoard are written with tensorboardX, which is not installed: pip install "
                    "tensorboardX, or pass a SummaryWriter"
                ) from e
            writer = SummaryWriter(str(writer))
            close = writer.close
        for r in self.key_averages(by=("kernel", "phase")):
            writer.add_scalar(f"profile/{r.phase or 'program'}/{r.name}/self_ms", r.self_ns / 1e6, step)
        writer.add_scalar("profile/wall_ms", self.wall_ns / 1e6, step)
        if close is not None:
            close()

    def export_html(self, path: Any) -> None:
        """Write a page of its own: summary, machine, roofline, flame graph, memory, and the table summed up as one
        chooses.

        Args:
            path: the file.

        Raises:
            OSError: it cannot be written.

        >>> import os, tempfile
        >>> with torch.profiler.profile() as prof:
        ...     y = torch.exp(torch.ones(1000))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     prof.export_html(os.path.join(folder, "profile.html"))
        ...     print(os.listdir(folder))
        ['profile.html']
        """
        trace.check(path)
        write_atomically(Path(path), page.document(self, "kernel profile").encode())

    def export_speedscope(self, path: Any) -> None:
        """Write the flame graph as a file for https://www.speedscope.app.

        Args:
            path: the file.

        Raises:
            OSError: it cannot be written.

        >>> import os, tempfile
        >>> with torch.profiler.profile() as prof:
        ...     y = torch.exp(torch.ones(1000))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     prof.export_speedscope(os.path.join(folder, "profile.json"))
        ...     print(os.listdir(folder))
        ['profile.json']
        """
        flame.write(self, path)

    def _repr_html_(self) -> str:
        return page.render(self, "kernel profile")

    def to_dict(self) -> dict[str, Any]:
        """Everything but the events, as JSON can hold it; ``pandas.DataFrame(prof.to_dict()["rows"])`` is a table.

        Returns:
            A dict of ``wall_ns``, ``rows``, ``spans`` and ``machine``.

        >>> with torch.profiler.profile() as prof:
        ...     y = torch.exp(torch.ones(1000))
        >>> [row["calls"] for row in prof.to_dict()["rows"] if row["op"] == "exp"]
        [1]
        """
        machine = self.machine
        return {
            "wall_ns": self.wall_ns,
            "rows": [r.to_dict() for r in self.rows],
            "spans": [
                {k: getattr(s, k) for k in ("kind", "name", "module", "calls", "self_ns", "total_ns")}
                for s in self.spans
            ],
            "machine": None if machine is None else machine.to_dict(),
        }

    def export_chrome_trace(self, path: Any) -> None:
        """Write the time line as a file for chrome://tracing or Perfetto.

        Args:
            path: the file; packed if it ends in ``.gz``.

        Raises:
            OSError: it cannot be written.

        >>> import os, tempfile
        >>> with torch.profiler.profile() as prof:
        ...     y = torch.exp(torch.ones(1000))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     prof.export_chrome_trace(os.path.join(folder, "trace.json"))
        ...     print(os.listdir(folder))
        ['trace.json']
        """
        trace.write(self, path)

    def __str__(self) -> str:
        return self.table()

    def __repr__(self) -> str:
        return self.table() if self.rows else f"<{type(self).__name__}: nothing has been recorded>"


def _spans(recorder: Recorder) -> list[Span]:
    found = []
    for number, s in recorder.totals(Span):
        calls = int(recorder.sums.calls[number])
        if calls:
            found.append(
                Span(
                    s.kind,
                    s.name,
                    s.module,
                    calls,
                    int(recorder.sums.own[number]),
                    int(recorder.sums.total[number]),
                    number,
                )
            )
    return sorted(found, key=lambda s: -s.total_ns)


def _remainder(recorder: Recorder, clocks: Clocks, kernels: list[Row]) -> list[Row]:
    """The rows that are no kernels: data loading, the profiler, idling, numtorch's Python, and the program's for the
    rest."""
    wall = clocks.wall
    own = recorder.python()
    data = sum(own.pop(("data", framework), 0) for framework in (True, False))
    sums = recorder.sums
    folding = int(sums.own[recorder.bookkeeping] + sums.own[recorder.watching] + sums.tax[-1])
    own["", False] = own.get(("", False), 0) + wall - total_ns(kernels) - data - folding - sum(own.values())
    idle = remaining = min(clocks.idle(recorder), sum(max(n, 0) for n in own.values()))
    for key in sorted(
        own, key=lambda k: (k[1], ("", "forward", "optimizer", "backward").index(k[0]))
    ):  # the program likeliest slept
        taken = min(remaining, max(own[key], 0))
        own[key] -= taken
        remaining -= taken

    def row(kind: str, name: str, phase: str, own_ns: int) -> Row:
        return Row(kind, name, phase=phase, self_ns=own_ns, total_ns=own_ns, wall_ns=wall)

    rows = [
        row("python", DISPATCH if framework else PROGRAM, phase, ns) for (phase, framework), ns in own.items() if ns > 0
    ]
    rows += [row("data", "data loading", "data", data)] if data else []
    rows += [row("idle", "idle", "", idle)] if idle else []
    return rows + ([row("profiler", "profiler", "", folding)] if folding else [])


def _events(recorder: Recorder, clocks: Clocks, rows: list[Row], spans: list[Span], steps: list[int]) -> list[Event]:
    known: dict[int, Row | Span] = {r.id: r for r in rows if r.id >= 0}
    known |= {s.id: s for s in spans}
    for number, e in enumerate(recorder.table):  # first calls are drawn too, under the kernel's name
        if number not in known:
            site = e.site if isinstance(e, Entry) else e
            if hasattr(site, "kernel"):
                known[number] = Row(
                    "kernel",
                    site.op,
                    site.kernel,
                    "its first call, which compiled or loaded code",
                    device=site.device,
                    dtype=site.dtype,
                    id=number,
                )
            elif number == recorder.bookkeeping:
                known[number] = Row("profiler", "profiler", id=number)
    ring = recorder.sums.newest()
    order = np.argsort(ring[:, 1], kind="stable")
    limits = np.array(steps, np.int64)
    at = np.searchsorted(limits, ring[order, 1], side="right")
    found = []
    for (number, start, duration, mine), step in zip(ring[order].tolist(), at.tolist(), strict=True):
        of = known.get(number)
        if of is not None:
            found.append(Event(of, start - clocks.started, duration, mine, getattr(of, "thread", 0), step))
    return found
