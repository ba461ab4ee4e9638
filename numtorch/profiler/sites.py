"""What rows are made of while a profile is open: a kernel as it was chosen; one place and shape class of its calls."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

from numtorch._tensor import Tensor
from numtorch.kernels import registry
from numtorch.kernels.timing import Launcher

_PACKAGE = __file__.rpartition("profiler")[0]


class Preparation:
    """Compiling and loading: how often, and under which id the time is journaled."""

    __slots__ = ("hits", "misses", "number", "seconds")

    def __init__(self, number: int = -1):
        self.number = number
        self.clear()

    def clear(self) -> None:
        """Forget what was booked."""
        self.hits = self.misses = 0
        self.seconds = 0.0  # of loading

    def split(self, taken: int) -> tuple[int, int]:
        """(compiling, loading) of so many nanoseconds: all of it loading, or compiling but for the part that loaded."""
        loading = min(taken, int(self.seconds * 1e9)) if self.misses else taken
        return taken - loading, loading


class Site:
    """A kernel as it was chosen: what its rows have in common, and the preparing of it before it was called."""

    def __init__(
        self, number: int, op: str, kernel: str, device: str, dtype: str, why: Callable[[], str], jits: tuple = ()
    ):
        self.cold = number  # the id under which first calls are booked
        self.op, self.kernel, self.device, self.dtype, self.why, self.jits = op, kernel, device, dtype, why, jits
        self.threads: int | None = None
        self.prepared = Preparation(number)


# bytes, operations of the definition, bytes of results, operations that are done
Cost = tuple[float, float, float, float]


class Entry:
    """A row in the making: its site, where and on what it ran, and the work of one call."""

    __slots__ = (
        "allocated",
        "bytes",
        "executed",
        "extra",
        "flops",
        "functions",
        "launch",
        "parallel",
        "path",
        "prepared",
        "shapes",
        "site",
        "stack",
        "thread",
    )

    def __init__(self, site: Site, path: int, shapes: str, thread: int):
        self.site, self.path, self.shapes, self.thread = site, path, shapes, thread
        self.bytes = self.flops = self.allocated = self.executed = 0.0
        self.extra = [0.0] * 4  # work of calls that had to share the row, of no one shape
        self.functions: tuple = ()
        self.launch: dict = {}
        self.parallel = False  # whether it launches functions that many threads share
        self.prepared = Preparation()  # in calls of this row
        self.stack: tuple[str, ...] = ()

    def cost(self, of_one: Cost) -> None:
        """The work of one call."""
        self.bytes, self.flops, self.allocated, self.executed = of_one

    def add(self, of_one: Cost) -> None:
        """The work of one of many calls of several shapes."""
        self.extra = [a + b for a, b in zip(self.extra, of_one, strict=True)]


def shape_key(value: Any) -> Any:
    """Shapes for tensors, in tuples too; anything else as it is."""
    if isinstance(value, tuple | list):
        return tuple(map(shape_key, value))
    return value.shape if isinstance(value, Tensor) else value


def described(names: tuple, about: Launcher, args: tuple, kwargs: dict) -> str:
    """Shapes of the tensors and values of the parameters of a call, as text."""
    values = dict(zip(about.positional, args, strict=False)) | kwargs
    parts = []
    for n in names:
        v = values.get(n)
        if n in about.seeds or v is None:
            continue
        if n in about.tensors:
            parts.append(_shape_text(v))
        else:
            parts.append(f"{n}={tuple(v) if isinstance(v, tuple) else v}")
    return ", ".join(parts)


def _shape_text(value: Any) -> str:
    if isinstance(value, Tensor):
        return str(list(value.shape))
    if isinstance(value, tuple | list):
        return "(" + ", ".join(_shape_text(v) for v in value if v is not None) + ")"
    return str(value)


def stack() -> tuple[str, ...]:
    """``file:line function`` of the program's own frames, the innermost last."""
    frames = traceback.extract_stack()
    mine = [f for f in frames if not f.filename.startswith((_PACKAGE, "<numtorch"))]
    return tuple(f"{f.filename}:{f.lineno} {f.name}" for f in mine)


def verdict(about: Launcher) -> str:
    """Why the kernel was chosen, as ``explain`` says it."""
    for line in str(registry.Decision(about.entry, about.signature, about.kernel)).splitlines():
        if line.lstrip().startswith("->"):
            return line.partition("): ")[2]
    return ""
