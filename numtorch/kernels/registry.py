"""The kernel registry: which kernels an op has, which one takes given inputs, and why.

A kernel is found by a small signature: device, dtypes, and the parameters that matter. The choice is remembered. Knows
no op by name and no tensor.
"""

from __future__ import annotations

import contextlib
import glob
import importlib
import inspect
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any
from weakref import WeakSet

from numtorch import interrupts
from numtorch.dtype import when_default_changes
from numtorch.errors import KernelNotFound, RegistrationError
from numtorch.kernels import toolchain

PLUGINS = "numtorch.kernels"  # the entry-point group


class Priority(IntEnum):
    """Which kernel wins where several take the same inputs: the one with the largest.

    >>> max(torch.kernels.Priority)
    <Priority.OVERRIDE: 3>
    """

    COMPOSITE = 0  # the op's own body, run op by op
    GENERATED = 1  # from the scalar body or the traced formula
    TUNED = 2  # written for this op
    OVERRIDE = 3  # ``kernels.use``


@dataclass(frozen=True)
class Signature:
    """What a choice depends on.

    Attributes:
        device: ``cpu``, ``cuda`` or ``meta``.
        dtypes: of the tensor inputs, in order; None for an absent one.
        params: (name, value) of the parameters that the op says matter, and of what it derives from shapes
            (``select``).
    """

    device: str
    dtypes: tuple
    params: tuple = ()

    def __getitem__(self, name: str) -> object:
        """The value of a parameter or feature of this name."""
        return dict(self.params)[name]

    def __str__(self) -> str:
        types = ", ".join("none" if d is None else d.name for d in self.dtypes)
        return f"{self.device} ({types})" + "".join(f" {n}={v}" for n, v in self.params)


@dataclass(eq=False)
class Kernel:
    """One way of computing an op.

    Attributes:
        op: name of the op.
        name: of the kernel.
        device: ``"cpu"``, ``"cuda"`` or ``"any"``.
        run: called with the op's tensors and parameters; returns the result without a graph.
        dtypes: of the floating (or first) inputs it takes; None for any.
        priority: which kernel wins where several take the same inputs.
        when: a predicate on the signature, or None.
        layout: ``"launcher"`` if ``run`` takes tensors, else the calling convention of a loop.
        functions: the ``@jit`` or CUDA functions it launches, for ``source`` and the profiler.
        cost: what this kernel moves and computes, where that is not what the op's ``cost`` says: an algorithm with
            fewer products.

    >>> kernel = torch.kernels.Kernel("relu", "mine", "cpu", lambda x: x.clamp(min=0))
    >>> kernel.id
    'relu/cpu/mine'
    """

    op: str
    name: str
    device: str
    run: Any
    dtypes: tuple | None = None
    priority: Priority = Priority.TUNED
    when: Callable[[Signature], bool] | None = None
    layout: str = "launcher"
    functions: Sequence = ()
    cost: Callable | None = None

    @property
    def id(self) -> str:
        """``softmax/cpu/rows``."""
        return f"{self.op}/{self.device}/{self.name}"

    def refusal(self, s: Signature) -> str | None:
        """Why this kernel does not take a call.

        Args:
            s: device, dtypes and selected parameters of the call.

        Returns:
            A sentence; None if it takes the call.

        >>> from numtorch.kernels.registry import Signature
        >>> kernel = torch.kernels.Kernel("relu", "mine", "cuda", lambda x: x.clamp(min=0))
        >>> kernel.refusal(Signature("cpu", (torch.float32,)))
        'is for cuda'
        """
        if self.device not in (s.device, "any"):
            return f"is for {self.device}"
        if self.dtypes is not None:
            bad = [d.name for d in s.dtypes if d is not None and d not in self.dtypes]
            if bad:
                return f"takes {', '.join(d.name for d in self.dtypes)}, not {bad[0]}"
        if self.when is not None and not self.when(s):
            return f"its condition does not hold: {describe(self.when)}"
        return None


def describe(predicate: Callable) -> str:
    """A predicate's docstring, or its source."""
    if predicate.__doc__:
        return predicate.__doc__
    try:
        return inspect.getsource(predicate).strip()
    except OSError:
        return predicate.__name__


@dataclass(eq=False)
class Entry:
    """An op in the registry: its kernels, and the choices made so far.

    Attributes:
        memo: from whatever key the op's front uses to what it calls; cleared by any registration.
        body: the meaning, run where no kernel applies; None for ops that only kernels compute.
        site: file and line of the definition.
        cost: ``cost(result, *arguments of a kernel) -> (bytes, flops)``; None where kernels are generated or ops run
            one by one.
        op: what was declared; None for gradients.
    """

    name: str
    body: Callable | None = None
    kernels: list[Kernel] = field(default_factory=list)
    memo: dict = field(default_factory=dict)
    site: str = ""
    doc: str = ""
    cost: Callable | None = None
    op: Any = None

    def add(self, kernel: Kernel) -> None:
        """Register a kernel; an equal claim with equal priority is an error."""
        for other in self.kernels:
            same = (other.device, other.dtypes, other.priority) == (kernel.device, kernel.dtypes, kernel.priority)
            if other.name == kernel.name and other.device == kernel.device:
                raise RegistrationError(f"{kernel.id} is registered already; choose another name")
            if same and other.when is None and kernel.when is None:
                raise RegistrationError(
                    f"{kernel.id} and {other.id} take the same inputs with the same priority; "
                    "give one a when= or a higher priority="
                )
        self.kernels.append(kernel)
        self.kernels.sort(key=lambda k: -k.priority)
        clear_memos()

    def find(self, s: Signature) -> Kernel | None:
        """The kernel for a signature; None where the body should run."""
        kernel = next(self.takers(s))
        decided(self, s, kernel)
        return kernel

    def takers(self, s: Signature) -> Iterator[Kernel | None]:
        """The kernels that take a signature, the first choice first, then None for the body; KernelNotFound where there
        is none."""
        if not (_bodies_only and self.body is not None):
            for k in self.kernels:
                if k.refusal(s) is None:
                    yield k
        if self.body is None:
            raise KernelNotFound(self.not_found(s))
        yield None

    def not_found(self, s: Signature) -> str:
        """The message of KernelNotFound."""
        scalar = next((d.scalar for d in s.dtypes if d is not None), "")
        lines = [f"\"{self.name}\" not implemented for '{scalar}': there is no kernel for {s}"]
        for k in self.kernels:
            types = "any dtype" if k.dtypes is None else "takes " + ", ".join(d.name for d in k.dtypes)
            lines.append(f"  {k.name} ({k.device})  {types}")
        lines.append(f'Cast with .float(), or register one: @{self.name}.kernel("{s.device}", ...)')
        return "\n".join(lines)


@dataclass(frozen=True)
class Decision:
    """For which signature an op chose which kernel; None for its body."""

    entry: Entry
    signature: Signature
    kernel: Kernel | None

    def __str__(self) -> str:
        found = candidates(self.entry, self.signature, self.kernel)
        return "\n".join([f"{self.entry.name} on {self.signature}", *map(str, found)])


decisions: list[Decision] | None = None  # where decisions are written down, while somebody looks on


def decided(entry: Entry, s: Signature, kernel: Kernel | None) -> None:
    """Write down a decision, if somebody looks on."""
    if decisions is not None:
        decisions.append(Decision(entry, s, kernel))


@contextlib.contextmanager
def watched() -> Iterator[list[Decision]]:
    """The kernels that are chosen inside the block, in their order; every choice is made anew there."""
    seen: list[Decision] = []
    before = decisions

    def watch(to: list[Decision] | None) -> None:
        global decisions
        decisions = to

    with changed(lambda: watch(seen), lambda: watch(before)):
        yield seen


plugins_loaded = False


def load_plugins() -> None:
    """Import, once, the modules that installed packages name in the entry-point group ``numtorch.kernels``.

    Runs before the first choice of a kernel. A package that fails to import is reported and left out.
    """
    if not plugins_loaded:
        for name, e in toolchain.run(_load_plugins):
            warnings.warn(f"numtorch: the kernels of {name} could not be loaded: {type(e).__name__}: {e}", stacklevel=2)


def _plugins_installed() -> bool:
    """Whether an installed package names the group. The import that can tell which takes longer than all kernels of a
    program; so the files are asked first."""
    for folder in sys.path:
        if not os.path.isdir(folder or "."):
            if os.path.exists(folder):  # a zip file
                return True
            continue
        for path in glob.iglob(os.path.join(glob.escape(folder or "."), "*-[iI][nN][fF][oO]", "entry_points.txt")):
            with open(path, "rb") as f:
                if PLUGINS.encode() in f.read():
                    return True
    return False


def _load_plugins() -> list[tuple[str, Exception]]:
    global plugins_loaded
    failures: list[tuple[str, Exception]] = []
    if not plugins_loaded:
        points: Any = ()
        if _plugins_installed():
            points = importlib.import_module("importlib.metadata").entry_points(group=PLUGINS)
        plugins_loaded = True  # before they are: their own calls must not come here again
        for point in points:
            try:
                point.load()
            except Exception as e:
                failures.append((point.value, e))
    return failures


ENTRIES: dict[str, Entry] = {}
_memos: list[dict] = []
_choices: WeakSet = WeakSet()
_bodies_only = False


def register(entry: Entry) -> Entry:
    """Enter an op; a name can be taken once."""
    if entry.name in ENTRIES:
        raise RegistrationError(f"an op named {entry.name} exists already ({ENTRIES[entry.name].site})")
    ENTRIES[entry.name] = entry
    _memos.append(entry.memo)
    return entry


def watch(choice: Any) -> None:
    """Have ``choice.clear()`` called, while it lives, whenever a registration could change it."""
    _choices.add(choice)


def memo() -> dict:
    """A dict that is emptied whenever a registration could change a choice."""
    m: dict = {}
    _memos.append(m)
    return m


def clear_memos() -> None:
    """Forget every choice; not only some of them, whatever signal comes."""
    if not interrupts.importing and (any(_memos) or _choices):
        interrupts.held(_clear)


def _clear() -> None:
    any(map(dict.clear, _memos))
    for choice in tuple(_choices):
        choice.clear()


@contextlib.contextmanager
def changed(do: Callable[[], Any], undo: Callable[[], Any]) -> Iterator[None]:
    """Between ``do()`` and ``undo()``, each of them run whole, and every choice forgotten after each. ``undo`` may come
    alone."""

    def whole(change: Callable[[], Any]) -> None:
        change()
        _clear()

    try:
        interrupts.held(lambda: whole(do))
        yield
    finally:
        interrupts.surely(lambda: whole(undo))


when_default_changes.append(clear_memos)


@contextlib.contextmanager
def use(entry: Entry, kernel: Kernel) -> Iterator[Kernel]:
    """Inside the block ``kernel`` comes before every other kernel of the op."""
    forced = Kernel(**{**kernel.__dict__, "priority": Priority.OVERRIDE})

    def undo() -> None:
        entry.kernels[:] = [k for k in entry.kernels if k is not forced]

    with changed(lambda: entry.kernels.insert(0, forced), undo):
        yield forced


@contextlib.contextmanager
def bodies_only() -> Iterator[None]:
    """Inside the block every op that has a body runs it: kernels only accelerate, so results must agree.

    Returns:
        A context manager.

    >>> with torch.kernels.bodies_only():
    ...     torch.softmax(torch.zeros(2), 0)
    tensor([0.5000, 0.5000])
    """
    before = _bodies_only

    def choose(only: bool) -> None:
        global _bodies_only
        _bodies_only = only

    with changed(lambda: choose(True), lambda: choose(before)):
        yield


@dataclass(frozen=True)
class Candidate:
    """A kernel of an op and what became of it for one signature; ``kernel`` is None for the op's body.

    Attributes:
        chosen: whether it is the one that runs.
        verdict: why it was or was not chosen.
    """

    kernel: Kernel | None
    chosen: bool
    verdict: str

    @property
    def name(self) -> str:
        return "body" if self.kernel is None else self.kernel.name

    @property
    def device(self) -> str:
        return "any" if self.kernel is None else self.kernel.device

    @property
    def priority(self) -> str:
        return (Priority.COMPOSITE if self.kernel is None else self.kernel.priority).name.lower()

    def __str__(self) -> str:
        where = "composite" if self.kernel is None else f"{self.device}, {self.priority}"
        return f"  {'->' if self.chosen else '  '} {self.name} ({where}): {self.verdict}"


def candidates(entry: Entry, s: Signature, chosen: Kernel | None) -> list[Candidate]:
    """Every kernel of an op, in the order in which they are asked, and the body; ``chosen`` is the one that runs, None
    the body."""
    found = []
    behind = False
    for k in entry.kernels:
        reason = k.refusal(s)
        if k is chosen:
            reason, behind = (
                f"chosen: the first of its priority ({k.priority.name.lower()}) that takes these inputs",
                True,
            )
        elif reason is None and (behind or _bodies_only):
            reason = f"would do, but {chosen.name if chosen else 'the body'} comes first"
        elif reason is None:
            reason = "does not take these shapes or parameters"
        found.append(Candidate(k, k is chosen, reason))
    if entry.body is not None:
        verdict = "chosen: no kernel takes these inputs" if chosen is None else "the meaning; runs where no kernel does"
        found.append(Candidate(None, chosen is None, verdict))
    return found
