"""The observer between the choice of a kernel and the kernel, while a profile is open: which row a call belongs to.

The source of a wrapper is generated for the arguments of its kernel. A known call costs a dict lookup, two clock reads
and three integers in the journal. Everything else happens when a row is first met. ``here`` holds what calls share: the
place in the program (phase and module), as an integer that is added to keys.
"""

from __future__ import annotations

import functools
import threading
import types
import warnings
from collections import deque
from collections.abc import Callable
from math import prod
from time import perf_counter_ns
from typing import Any

import numpy as np

from numtorch._tensor import Tensor
from numtorch.dispatch.cost import moves
from numtorch.kernels import cache
from numtorch.kernels import threads as pool
from numtorch.kernels.jit import Jit
from numtorch.kernels.timing import Launcher, Work
from numtorch.profiler.device import DEVICE, DeviceTimes, launches
from numtorch.profiler.device import WAITING as WAITING_CALLS
from numtorch.profiler.folding import CALL, ELSEWHERE, JOURNAL, KERNEL, SHARED, SPAN, WAITING, Sums, quantile
from numtorch.profiler.load import asleep_ns
from numtorch.profiler.pace import Pace
from numtorch.profiler.rows import Row, Span
from numtorch.profiler.sites import Cost, Entry, Preparation, Site, described, shape_key, stack, verdict

PATH = 1 << 44  # paths are multiples of this, so that adding a number of elements makes a key
MAX_ROWS = 4096  # kernel rows; later shapes of a kernel share one
EVENTS = 1 << 16


@functools.cache
def _code(text: str) -> types.CodeType:
    return compile(text, "<numtorch profiler>", "exec")


def _written(text: str, scope: dict[str, Any]) -> Callable:
    """The function ``timed`` of a text; many wrappers have the same one."""
    exec(_code(text), scope)  # noqa: S102 - the text is ours
    return scope["timed"]


@functools.cache
def overheads() -> tuple[int, int, int]:
    """Nanoseconds that watching takes outside its clocks: a kernel's call, one of numtorch's functions, a kernel of
    many threads.

    The least of several loops: what is taken from a row must not be more than what was put there.
    """
    r, x = Recorder(1), np.zeros(1)
    kernel = r.loop(lambda: _nothing, "nothing", "cpu", None, 2, Work("", "float64", 0, 0, 0, (0, 0, 0), 0))
    return (
        _outside(r, kernel, x),
        _outside(r, r.call(_nothing), x),
        _outside(r, lambda x, y: r.shared(0, _nothing, (x, y), {}), x),
    )


def _nothing(x: Any, y: Any) -> None:
    pass


def _outside(r: Recorder, run: Callable, x: Any) -> int:
    best = 1 << 30
    run(x, x)
    for _ in range(7):
        r.journal.clear()
        started = perf_counter_ns()
        for _ in range(100):
            run(x, x)
        taken = perf_counter_ns() - started
        inside = sum(r.journal[2::3]) - sum(r.journal[1::3])
        best = min(best, (taken - inside) // 100)
    return best


class Recorder:
    """Gathers calls; see the module's docstring.

    Args:
        events: how many of the newest calls are kept for the time line.
        stacks: rows remember where the program called them first.
        taxed: what watching takes is measured, and is nobody's own time.
    """

    def __init__(self, events: int = EVENTS, stacks: bool = False, taxed: bool = False):
        self.sums = Sums(events)
        self.pace = Pace()
        self.stacks = stacks
        self.journal: list[int] = []
        self.here = [0]
        self.owner = threading.get_ident()
        self.table: list[Any] = []  # by id: Entry, Site (first calls), Span or "profiler"
        self.sites: dict[Any, Site] = {}
        self.entries: dict[Any, int] = {}
        self.spans: dict[tuple, int] = {}
        self.span_phases: dict[int, str] = {}
        self.framework: set[int] = set()  # spans and calls of which the Python is numtorch's own
        # since when a function that the program called is at work: what that calls is no call of the program's
        self.inside = [0]
        self.calls: dict[int, int] = {}  # place -> id of calls of numtorch's functions there
        self.waited = (
            0  # time in which the thread slept for data, code, or other threads' shares of a kernel: no idle time
        )
        self.paths: list[tuple[str, str]] = [("forward", "")]
        self.path_numbers: dict[tuple[str, str], int] = {("forward", ""): 0}
        self.frames: list[tuple] = []
        self.others: dict[int, list] = {}  # thread -> [number, time inside]
        self.names = {0: threading.current_thread().name}  # of threads, by number
        self.nodes: dict[int, int] = {}  # id of a node of the graph -> when it was made
        # op, when its node was made, when backward came to it
        self.gradients: deque[tuple[str, int, int]] = deque(maxlen=events)
        self.lock = threading.Lock()
        self.kernel_rows = 0
        self.device = DeviceTimes()
        self.claimed: tuple[int, int, float] = (0, 0, 0.0)  # of the cache's counts: what a site has booked already
        self.bookkeeping = self._number("profiler", WAITING)
        self.watching = self._number("watching", CALL)  # looking at clocks that are slow enough to be interrupted at
        if taxed:
            self.sums.tax[[KERNEL, CALL, SHARED]] = overheads()

    # --- ids ----------------------------------------------------------------------------------------

    def _number(self, what: Any, kind: int = KERNEL) -> int:
        self.table.append(what)
        self.sums.reserve(len(self.table))
        self.sums.what[len(self.table) - 1] = kind
        return len(self.table) - 1

    def path(self, phase: str, module: str) -> int:
        """The integer of a place in the program."""
        number = self.path_numbers.get((phase, module))
        if number is None:
            number = self.path_numbers[phase, module] = len(self.paths) * PATH
            self.paths.append((phase, module))
        return number

    def where(self, path: int) -> tuple[str, str]:
        """(phase, module) of such an integer."""
        return self.paths[path // PATH]

    def _site(self, key: Any, make: Callable[[int], Site]) -> Site:
        site = self.sites.get(key)
        if site is None:
            with self.lock:
                site = make(len(self.table))
                self._number(site)
                self.sites[key] = site
        return site

    def _entry(self, site: Site, path: int, shapes: str, thread: int) -> tuple[int, bool, bool]:
        """The id of a row, whether it is new, and whether it stands for one class of shapes."""
        key = (site.cold, path, shapes, thread)
        number = self.entries.get(key)
        if number is not None:
            return number, False, True
        shared = self.kernel_rows >= MAX_ROWS
        if shared:
            key = (site.cold, path, "others", thread)
            number = self.entries.get(key)
            if number is not None:
                return number, False, False
        with self.lock:
            number = self.entries[key] = self._number(
                Entry(site, path, "others" if shared else shapes, thread), ELSEWHERE if thread else KERNEL
            )
            self.kernel_rows += 1
            if self.stacks:
                self.table[number].stack = stack()
        return number, True, not shared

    # --- the journal --------------------------------------------------------------------------------

    def fold(self) -> None:
        """Add the journal to the sums; the time this takes has a row of its own."""
        started = perf_counter_ns()
        if self.device.pending:
            self.journal.extend(self.device.arrived())
        with self.lock:
            self.sums.add(self.journal, [s for s in (*[started for _, _, started in self.frames], self.inside[0]) if s])
            self.journal.clear()
        ended = perf_counter_ns()
        if threading.get_ident() == self.owner:
            self.journal.extend((self.bookkeeping, started, ended))
            if ended > self.pace.next:
                self.keep_pace()

    def keep_pace(self) -> None:
        """Time the fixed pieces of work once more, at the profiler's expense."""
        started = perf_counter_ns()
        self.pace.now_and_then()
        self.journal.extend((self.bookkeeping, started, perf_counter_ns()))

    def clear(self) -> None:
        """Forget what was measured, and keep what was learned: the end of a warm-up."""
        self.fold()
        self.journal.clear()
        self.sums.clear()
        self.waited = 0
        now = perf_counter_ns()
        self.frames[:] = [(at, number, now) for at, number, _ in self.frames]  # spans that are open begin anew
        for e in self.table:
            if isinstance(e, Entry | Site):
                e.prepared.clear()
            if isinstance(e, Entry):
                e.extra = [0.0] * 4

    # --- spans --------------------------------------------------------------------------------------

    def enter(self, kind: str, name: str, path: int | None = None) -> int:
        """Begin a span, in which kernels are at ``path`` if it is given; what to end it with."""
        here = self.here
        at = here[0]
        self.frames.append((at, self.span(kind, name, at), perf_counter_ns()))
        if path is not None:
            here[0] = path
        return len(self.frames)

    def span(self, kind: str, name: str, at: int, framework: bool = False) -> int:
        """The id of the spans of a name at a place; ``framework`` says that the Python inside is numtorch's own."""
        number = self.spans.get((kind, name, at))
        if number is None:
            number = self.spans[kind, name, at] = self._number(
                Span(kind, name, self.where(at)[1]), WAITING if kind == "data" else SPAN
            )
            self.span_phases[number] = self._phase(kind, at)
            if framework or kind in ("backward", "optimizer"):
                self.framework.add(number)
        return number

    def called(self, at: int) -> int:
        """The id of calls of numtorch's functions at a place: their own time is dispatch, that around them the
        program's."""
        number = self.calls.get(at)
        if number is None:
            number = self.calls[at] = self._number("call", CALL)
            self.span_phases[number] = self._phase("call", at)
            self.framework.add(number)
        return number

    def _phase(self, kind: str, at: int) -> str:
        """To which phase the Python of a span belongs."""
        phase, module = self.where(at)
        if kind in ("backward", "optimizer", "data"):
            return kind
        return phase if module or kind == "module" or phase != "forward" else ""

    def python(self) -> dict[tuple[str, bool], int]:
        """Own time of spans and calls: of each phase, numtorch's (True) and the program's."""
        found: dict[tuple[str, bool], int] = {}
        for number, phase in self.span_phases.items():
            key = phase, number in self.framework
            found[key] = found.get(key, 0) + int(self.sums.own[number])
        return found

    def exit(self, depth: int) -> None:
        """End a span, and those inside that an exception left open."""
        ended = perf_counter_ns()
        here = self.here
        while len(self.frames) >= depth:
            path, number, started = self.frames.pop()
            self.journal.extend((number, started, ended))
            here[0] = path
        if ended > self.pace.next:
            self.keep_pace()
        if len(self.journal) > 3 * JOURNAL:
            self.fold()

    # --- numtorch's functions -----------------------------------------------------------------------

    def call(self, original: Callable) -> Callable:
        """A function of numtorch with clocks around it where the program calls it; what it calls itself is no such
        call."""
        ident, owner, clock, here, inside, note, numbers, made = (
            threading.get_ident,
            self.owner,
            perf_counter_ns,
            self.here,
            self.inside,
            self.journal.extend,
            self.calls.get,
            self.called,
        )

        def observed(*args: Any, **kwargs: Any) -> Any:
            if inside[0] or ident() != owner:
                return original(*args, **kwargs)
            at = here[0]
            number = numbers(at)
            if number is None:
                number = made(at)
            inside[0] = started = clock()
            try:
                return original(*args, **kwargs)
            finally:
                note((number, started, clock()))
                inside[0] = 0

        return functools.update_wrapper(observed, original)

    def shared(self, number: int, run: Callable, args: tuple, kwargs: dict) -> Any:
        """A call of a kernel that shares its work: waiting for the other threads is no idle time."""
        looked = perf_counter_ns()
        slept, waited = asleep_ns(), self.waited
        self.journal.extend((self.watching, looked, perf_counter_ns()))
        started = perf_counter_ns()
        try:
            return run(*args, **kwargs)
        finally:
            ended = perf_counter_ns()
            self.waited = waited + max(0, asleep_ns() - slept)  # with that of the kernels inside
            self.journal.extend((number, started, ended, self.watching, ended, perf_counter_ns()))
            if ended > self.pace.next:
                self.keep_pace()
            if len(self.journal) > 3 * JOURNAL:
                self.fold()

    def _preparing(self, site: Callable[[], Site], build: Callable[[], Any]) -> Any:
        """What ``build`` makes; if that compiles or loads code, it is booked with the site."""
        before, slept, waited, started = self._unclaimed(), asleep_ns(), self.waited, perf_counter_ns()
        made = build()
        ended = perf_counter_ns()
        if self._unclaimed()[:2] != before[:2] and threading.get_ident() == self.owner:
            self._prepare(site().prepared, started, ended, before)
            self.waited = waited + max(0, asleep_ns() - slept)
        return made

    def planned(self, make: Callable[[], Any], op: str, kernel: str) -> Any:
        """What is planned for a kernel; compiling or loading parts of it is booked on the way."""

        def made(number: int) -> Site:
            return Site(number, op, kernel, kernel.split("/")[1], "", lambda: "its parts, made when it was planned")

        return self._preparing(lambda: self._site(("planned", kernel), made), make)

    # --- generated loops ----------------------------------------------------------------------------

    def loop(self, build: Callable[[], Callable], op: str, device: str, jit: Any, arity: int, work: Work) -> Callable:
        """The entry point of a generated loop, observed; compiling or loading it is booked on the way."""

        def made(number: int) -> Site:
            site = Site(
                number,
                op,
                f"{op}/{device}/generated",
                device,
                work.dtype,
                lambda: (
                    "the gradient's formula in one loop"
                    if op.endswith(".backward")
                    else "a loop made from the op's formula"
                ),
                (jit,) if isinstance(jit, Jit) else (),
            )
            site.threads = None if not isinstance(jit, Jit) else pool.get_num_threads() if jit.parallel else 1
            return site

        site = self._site(("loop", op, device, jit, work), made)
        run = self._preparing(lambda: site, build)
        if device == "cuda":

            def on_device(*args: Any) -> None:
                n = args[work.counted].size if work.each else 0
                self._on_device(
                    site, f"n={n}" if work.each else work.shapes, lambda result: self._loop_work(work, n), run, args, {}
                )

            return on_device
        known: dict[int, int] = {}

        def first(args: tuple) -> None:
            n = args[work.counted].size if work.each else 0
            path = self.here[0]
            number, new, own = self._entry(site, path, f"n={n}" if work.each else work.shapes, 0)
            e = self.table[number]
            cost = self._loop_work(work, n)
            if new:
                e.cost(cost if own else (0.0, 0.0, 0.0, 0.0))
                e.functions = (jit.__name__,) if jit is not None else ()
            if own:
                known[path + n] = self._shares(number) if isinstance(jit, Jit) and jit.parallel else number
            else:
                e.add(cost)
            self.shared(number, run, args, {})

        def elsewhere(args: tuple) -> None:
            n = args[work.counted].size if work.each else 0
            self._elsewhere(
                site, f"n={n}" if work.each else work.shapes, lambda result: self._loop_work(work, n), run, args, {}
            )

        names = [f"a{i}" for i in range(arity)]
        given = ", ".join(names)
        counted = f" + {names[work.counted]}.size" if work.each else ""
        text = f"""def timed({given}):
    if ident() != owner:
        return elsewhere(({given},))
    row = get(here[0]{counted})
    if row is None:
        return first(({given},))
    if row < 0:
        row = ~row
        return shared(row, run, ({given},), nothing)
    started = clock()
    run({given})
    ended = clock()
    note((row, started, ended))
    if len(journal) > limit:
        fold()
"""
        return _written(
            text,
            self._scope()
            | {
                "get": known.get,
                "first": first,
                "elsewhere": elsewhere,
                "run": run,
                "shared": self.shared,
                "nothing": {},
            },
        )

    def _shares(self, number: int) -> int:
        """The key under which wrappers find a row of a kernel of many threads."""
        self.sums.what[number] = SHARED
        return ~number

    @staticmethod
    def _loop_work(work: Work, n: int) -> Cost:
        if work.each is None:
            return work.bytes, work.flops, work.allocated, work.flops
        moved, done, made = work.each
        return work.bytes + moved * n, done * n, made * n, done * n

    def _scope(self) -> dict[str, Any]:
        return {
            "ident": threading.get_ident,
            "owner": self.owner,
            "here": self.here,
            "clock": perf_counter_ns,
            "fold": self.fold,
            "note": self.journal.extend,
            "journal": self.journal,
            "limit": 3 * JOURNAL,
        }

    # --- kernels that take tensors ------------------------------------------------------------------

    def launcher(self, run: Callable, about: Launcher) -> Callable:
        """A kernel that takes tensors, observed."""
        kernel, s = about.kernel, about.signature

        def made(number: int) -> Site:
            dtype = next((d.name for d in s.dtypes if d is not None and d.is_floating_point), None) or next(
                (d.name for d in s.dtypes if d is not None), ""
            )
            site = Site(
                number,
                about.entry.name,
                kernel.id,
                s.device,
                dtype,
                lambda: verdict(about),
                tuple(f for f in kernel.functions if isinstance(f, Jit)),
            )
            if site.jits:
                site.threads = pool.get_num_threads() if any(j.parallel for j in site.jits) else 1
            return site

        site = self._site(("launcher", kernel.id, s), made)
        known: dict[tuple, int] = {}
        names = (*about.positional, *about.keyword)
        if s.device == "cuda":
            return lambda *args, **kwargs: self._on_device(
                site,
                described(names, about, args, kwargs),
                lambda result: self._cost(about, result, args, kwargs),
                run,
                args,
                kwargs,
            )

        def key_of(args: tuple, kwargs: dict) -> tuple:
            values = dict(zip(about.positional, args, strict=False)) | kwargs
            return tuple(
                shape_key(values[n]) if n in about.tensors else values[n]
                for n in names
                if n in values and n not in about.seeds
            )

        def first(args: tuple, kwargs: dict) -> Any:
            key, path = key_of(args, kwargs), self.here[0]
            number, new, own = self._entry(site, path, described(names, about, args, kwargs), 0)
            e = self.table[number]
            result = self._first_call(site, number, run, args, kwargs, e if new else None)
            cost = self._cost(about, result, args, kwargs) if new or not own else None
            if cost is not None and own:
                e.cost(cost)
            elif cost is not None:
                e.add(cost)
            if own:
                try:
                    known[(path, *key)] = self._shares(number) if e.parallel else number
                except TypeError:
                    pass  # an unhashable parameter: described anew each time
            return result

        def elsewhere(args: tuple, kwargs: dict) -> Any:
            return self._elsewhere(
                site,
                described(names, about, args, kwargs),
                lambda result: self._cost(about, result, args, kwargs),
                run,
                args,
                kwargs,
            )

        parts = [
            f"None if {n} is None else {n}.shape" if n in about.tensors else n for n in names if n not in about.seeds
        ]
        positional, keyword = ", ".join(about.positional), ", ".join(f"{n}={n}" for n in about.keyword)
        head = positional + (f", *, {', '.join(about.keyword)}" if keyword else "")
        call = positional + (f", {keyword}" if keyword else "")
        both = f"({positional},), dict({keyword})"
        text = f"""def timed({head}):
    if _ident() != _owner:
        return _elsewhere({both})
    try:
        _row = _get((_here[0], {", ".join(parts)}))
    except (TypeError, AttributeError):
        _row = None
    if _row is None:
        return _first({both})
    if _row < 0:
        _row = ~_row
        return _shared(_row, _run, {both})
    _started = _clock()
    try:
        return _run({call})
    finally:
        _note((_row, _started, _clock()))
        if len(_journal) > _limit:
            _fold()
"""
        scope = self._scope() | {
            "get": known.get,
            "first": first,
            "elsewhere": elsewhere,
            "run": run,
            "shared": self.shared,
        }
        return _written(text, {f"_{n}": v for n, v in scope.items()})

    def _first_call(
        self, site: Site, number: int, run: Callable, args: tuple, kwargs: dict, entry: Entry | None
    ) -> Any:
        """The first call of a row: which functions it launches is seen, and what it compiles or loads booked apart."""
        seen: list[Jit] = []
        call, entry_of = Jit.__call__, Jit.entry
        owner = self.owner

        def watched(self: Jit, *given: Any) -> Any:
            if threading.get_ident() == owner:
                seen.append(self)
            return call(self, *given)

        def watched_entry(self: Jit, *given: Any) -> Callable:  # a plan that calls entry points asks for them here
            if threading.get_ident() == owner:
                seen.append(self)
            return entry_of(self, *given)

        before, slept, waited = self._unclaimed(), asleep_ns(), self.waited
        if entry is not None:
            Jit.__call__, Jit.entry = watched, watched_entry  # type: ignore[method-assign]
        started = perf_counter_ns()
        try:
            result = run(*args, **kwargs)
        finally:
            ended = perf_counter_ns()
            Jit.__call__, Jit.entry = call, entry_of  # type: ignore[method-assign]
            cold = self._unclaimed()[:2] != before[:2]
            if cold:
                e = self.table[number]
                if e.prepared.number < 0:
                    e.prepared.number = self._number(site)
                self._prepare(e.prepared, started, ended, before)
            else:
                self.journal.extend((number, started, ended))
            self.waited = waited + max(0, asleep_ns() - slept)
        if entry is not None:
            if seen:
                site.jits = tuple(dict.fromkeys((*site.jits, *seen)))
                site.threads = pool.get_num_threads() if any(j.parallel for j in seen) else 1
            entry.parallel = any(j.parallel for j in seen or site.jits)
            entry.functions = tuple(dict.fromkeys(j.__name__ for j in seen or site.jits))
        return result

    def _unclaimed(self) -> tuple[int, int, float]:
        """Hits, misses and seconds of the kernel cache that no site has booked."""
        hits, misses, seconds = self.claimed
        return (
            int(cache.stats["hits"]) - hits,
            int(cache.stats["misses"]) - misses,
            cache.stats["load_seconds"] - seconds,
        )

    def _prepare(self, by: Preparation, started: int, ended: int, before: tuple) -> None:
        """Book a stretch in which code was compiled or loaded."""
        hits, misses, seconds = (a - b for a, b in zip(self._unclaimed(), before, strict=True))
        self.claimed = self.claimed[0] + hits, self.claimed[1] + misses, self.claimed[2] + seconds
        by.hits, by.misses, by.seconds = by.hits + hits, by.misses + misses, by.seconds + seconds
        self.journal.extend((by.number, started, ended))

    @staticmethod
    def _cost(about: Launcher, result: Any, args: tuple, kwargs: dict) -> Cost:
        made = sum(
            prod(t.shape) * t._k.dtype.itemsize
            for t in (result if isinstance(result, tuple | list) else (result,))
            if isinstance(t, Tensor) and not any(t is a or (isinstance(a, Tensor) and t._buf is a._buf) for a in args)
        )
        try:
            # An op of a user's that says nothing of its cost at least reads its operands and writes its results.
            moved, done = (about.kernel.cost or about.entry.cost or moves)(result, *args, **kwargs)
            meant = about.entry.cost(result, *args, **kwargs)[1] if about.kernel.cost and about.entry.cost else done
        except Exception as e:  # a formula that is wrong must not break the program that is profiled
            warnings.warn(f"{about.entry.name}: its cost failed: {type(e).__name__}: {e}", stacklevel=2)
            return 0, 0, made, 0
        return moved, meant, made, done

    # --- other threads ------------------------------------------------------------------------------

    def _elsewhere(self, site: Site, shapes: str, cost: Callable, run: Callable, args: tuple, kwargs: dict) -> Any:
        """A call in a thread that did not open the profile: rows of its own, outside the wall time."""
        mine = self.others.get(threading.get_ident())
        if mine is None:
            mine = self.others[threading.get_ident()] = [len(self.others) + 1, 0]
            self.names[mine[0]] = threading.current_thread().name
        number, new, own = self._entry(site, 0, shapes, mine[0])
        inside, mine[1] = mine[1], 0
        started = perf_counter_ns()
        try:
            result = run(*args, **kwargs)
        finally:
            ended = perf_counter_ns()
            # its own time only: the fold sees one thread's nesting
            self.journal.extend((number, started + mine[1], ended))
            mine[1] = inside + ended - started
        e = self.table[number]
        if new and own:
            e.cost(cost(result))
        elif not own:
            e.add(cost(result))
        return result

    # --- the GPU ------------------------------------------------------------------------------------

    def _on_device(self, site: Site, shapes: str, cost: Callable, run: Callable, args: tuple, kwargs: dict) -> Any:
        """A call whose time is the device's; the host's is its caller's."""
        self.names[DEVICE] = "GPU"
        number, new, own = self._entry(site, self.here[0], shapes, DEVICE)
        e = self.table[number]
        if new:
            with launches() as seen:
                result = self.device.run(number, run, args, kwargs)
            taken = seen.pop("compile_ns", 0)
            if taken and threading.get_ident() == self.owner:
                site.prepared.misses += 1
                now = perf_counter_ns()
                self.journal.extend((site.cold, now - taken, now))
            e.functions = (seen.pop("function"),) if "function" in seen else ()
            e.launch = seen
        else:
            result = self.device.run(number, run, args, kwargs)
        if new and own:
            e.cost(cost(result))
        elif not own:
            e.add(cost(result))
        if len(self.device.pending) > WAITING_CALLS:
            self.fold()
        return result

    # --- rows ---------------------------------------------------------------------------------------

    def rows(self, wall: int) -> list[Row]:
        """The rows of kernels."""
        self.fold()
        found: list[Row] = []
        booked: set[int] = set()
        for number, e in enumerate(self.table):
            if isinstance(e, Entry) and (self.sums.calls[number] or self._cold_calls(e.prepared)):
                first = e.site.cold not in booked and e.thread <= 0
                found.append(self._row(number, e, e.site.prepared if first else Preparation(), wall))
                if first:
                    booked.add(e.site.cold)
        for site in self.sites.values():
            if site.cold not in booked and self._cold_calls(site.prepared):  # compiled, and not called since
                found.append(self._row(-1, Entry(site, 0, "", 0), site.prepared, wall))
        return found

    def _cold_calls(self, p: Preparation) -> int:
        return int(self.sums.calls[p.number]) if p.number >= 0 else 0

    def _cold_time(self, p: Preparation) -> tuple[int, int]:
        return p.split(int(self.sums.own[p.number])) if p.number >= 0 else (0, 0)

    def _row(self, number: int, e: Entry, before: Preparation, wall: int) -> Row:
        site, sums = e.site, self.sums
        phase, module = self.where(e.path)
        timed = int(sums.calls[number]) if number >= 0 else 0
        kept = sums.sample(number) if timed else np.zeros(0, np.int64)
        mine, cold = e.prepared, self._cold_calls(e.prepared)
        misses, hits, calls = mine.misses + before.misses, mine.hits + before.hits, timed + cold
        compiling, loading = (a + b for a, b in zip(self._cold_time(mine), self._cold_time(before), strict=True))
        each = e.bytes, e.flops, e.allocated, e.executed
        moved, meant, made, done = (int(one * calls + extra) for one, extra in zip(each, e.extra, strict=True))
        return Row(
            "kernel",
            site.op,
            site.kernel,
            site.why(),
            phase,
            module,
            site.device,
            site.dtype,
            e.shapes,
            calls,
            self_ns=int(sums.own[number]) if timed else 0,
            total_ns=int(sums.total[number]) if timed else 0,
            median_ns=quantile([kept], [timed], 0.5),
            p95_ns=quantile([kept], [timed], 0.95),
            compile_ns=compiling,
            load_ns=loading,
            cache="miss" if misses else "hit" if hits else "ready",
            cold_calls=cold,
            bytes=moved,
            flops=meant,
            executed=done,
            allocated=made,
            threads=site.threads,
            functions=e.functions,
            launch=e.launch,
            stack=e.stack,
            thread=e.thread,
            wall_ns=wall,
            id=number,
            jits=site.jits,
            sample=kept,
        )

    def totals(self, kind: type) -> list[tuple[int, Any]]:
        """(id, what) of the table's things of a kind."""
        return [(i, e) for i, e in enumerate(self.table) if isinstance(e, kind)]
