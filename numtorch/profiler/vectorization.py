"""Whether a kernel's loops were vectorised, at which width, and if not, why: LLVM's remarks in plain words.

Matches the remarks with the loops in a kernel's source, and owns the wording. The remarks come from
``kernels.remarks``, which compiles the kernel again in its own process.
"""

from __future__ import annotations

import ast
import inspect
import linecache
import os
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from numtorch.interrupts import cached_property
from numtorch.kernels import remarks
from numtorch.kernels.jit import Jit, disabled
from numtorch.kernels.recording import Launch

# LLVM's words -> ours. The first that is found in a remark counts.
REASONS = {
    "call instruction cannot be vectorized": "it calls a function that has no vector form",
    "cannot identify array "
    "bounds": "LLVM cannot tell which memory it touches: an index is not linear in the loop's variable",
    "unsafe dependent memory operations": "an iteration may read what an earlier one wrote",
    "runtime pointer checks needed": "arrays that are written may overlap others, and too many checks would be needed",
    "could not be identified as "
    "reduction": "it carries a value from one iteration to the next that is no sum, product, minimum or maximum",
    "could not determine number of loop "
    "iterations": "the number of iterations is not known when it starts (a break, or a while)",
    "Cannot vectorize early exit loop": "it may end early (a break or return), and writes to memory before",
    "Control flow cannot be substituted": "its branches cannot be turned into selections",
    "control flow is not understood": "its branches are too involved",
    "cost-model indicates that vectorization is not beneficial": "LLVM's cost model expects no gain",
    "instruction return type cannot be vectorized": "it computes with a type that has no vectors",
    "instruction cannot be vectorized": "it holds an instruction that has no vector form",
    "cannot prove it is safe to reorder floating-point "
    "operations": "the order of its sum must be kept (fastmath without reassoc)",
    "cannot prove it is safe to reorder memory operations": "it cannot be proved that its arrays do not overlap",
}
_NOISE = ("explicitly disabled", "interleaving is not beneficial")
_WIDTH = re.compile(r"vectorized loop \(vectorization width: (?:vscale x )?(\d+), interleaved count: (\d+)\)")


@dataclass(frozen=True)
class Loop:
    """An innermost loop of a kernel's source.

    Attributes:
        function: the function that it stands in: the kernel's, or that of a helper which it calls.
        file, line: of the ``for``.
        text: that line.
        width: elements computed at once; 1 for a scalar loop, 0 where no loop is left in the code.
        interleaved: vectors in flight.
        reason: why it is scalar; empty for a vectorised loop.
    """

    function: str
    file: str
    line: int
    text: str
    width: int
    interleaved: int
    reason: str

    @property
    def place(self) -> str:
        """``loss_cpu.py:57``; for generated kernels, and for those of a notebook's cell, ``line 2``."""
        folder, name = os.path.split(self.file)
        named = not name.startswith("<") and not os.path.basename(folder).startswith("ipykernel_")
        return f"{name}:{self.line}" if named else f"line {self.line}"


@dataclass(frozen=True)
class Vectorization:
    """What became of a kernel's loops.

    Attributes:
        kernel: its name.
        element: the type of the elements where all arrays hold one, ``float32``; else ``elements``.
        loops: the innermost loops in the order of the source.
        vectors: how often the code computes with which vectors: ``{"16 x float": 12}``.
        registers: how often it names registers of which length; ``zmm`` has 512 bits, ``ymm`` 256, ``xmm`` 128.
        error: why nothing is known, if so.
    """

    kernel: str
    element: str
    loops: tuple[Loop, ...] = ()
    vectors: dict[str, int] = field(default_factory=dict)
    registers: dict[str, int] = field(default_factory=dict)
    error: str = ""

    @property
    def width(self) -> int:
        """Elements that its widest loop computes at once; 1 where every loop is scalar, 0 where nothing is known or
        left."""
        if self.error:
            return 0
        return max((loop.width for loop in self.loops), default=self.written)

    @cached_property
    def written(self) -> int:
        """Elements of the vectors that the code was written in, or that straight lines were turned into; 1 for none."""
        return max((int(v.split()[0]) for v, n in self.vectors.items() if not v.split()[-1].startswith("i")), default=1)

    @property
    def scalar(self) -> tuple[Loop, ...]:
        """The loops that were not vectorised."""
        return tuple(loop for loop in self.loops if loop.width == 1)

    @property
    def summary(self) -> str:
        """For a column: ``16``, ``16 (3 of 4 loops)``, ``no``, ``-`` where there is no loop, ``?`` where it is not
        known."""
        if self.error:
            return "?"
        if not self.loops:
            return str(self.written) if self.written > 1 else "-"
        if self.width <= 1:
            return "no" if self.scalar else "-"
        wide = sum(loop.width > 1 for loop in self.loops)
        return f"{self.width} ({wide} of {wide + len(self.scalar)} loops)" if self.scalar else str(self.width)

    def __bool__(self) -> bool:
        return self.width > 1

    def __str__(self) -> str:
        if self.error:
            return f"{self.kernel}: not known: {self.error}"
        if not self.loops:
            return f"{self.kernel}: no loop" + (
                f"; written in vectors of {self.written} {self.element}" if self.written > 1 else ""
            )
        lines = [self.kernel]
        for loop in self.loops:
            where = f"{loop.function}, " if loop.function != self.kernel else ""
            if loop.width > 1:
                together = f", {loop.interleaved} at a time" if loop.interleaved > 1 else ""
                verdict = f"vectorised at {loop.width} x {self.element}{together}"
            else:
                verdict = f"not vectorised: {loop.reason}" if loop.width else loop.reason
            lines.append(f"  {where}{loop.place}  {loop.text}\n    {verdict}")
        return "\n".join(lines)


def of(kernel: Any, signature: Sequence | None = None) -> Vectorization:
    """What became of the loops of a kernel function.

    Args:
        kernel: a function with ``@numtorch.kernels.jit.jit``.
        signature: example arguments (arrays, numbers), or their Numba types; None for the types that it was last
            compiled or loaded for in this process.

    Takes a second and the kernel's compile time at the first call; the answer is kept with the kernel cache.

    Example:
        >>> import numpy as np
        >>> from numtorch.kernels.jit import jit
        >>> from numtorch.profiler import vectorization
        >>> @jit
        ... def last_positive(x):
        ...     last = -1
        ...     for i in range(x.size):
        ...         if x[i] > 0:
        ...             last = i
        ...     return last
        >>> vectorization.of(last_positive, [np.ones(8)]).kernel
        'last_positive'
    """
    return of_all([(kernel, signature)])[0]


def widest(kernel: Any) -> int | None:
    """Elements of the longest vector of numbers in the code that this process runs for a kernel; 1 if it is all scalar.

    Immediate, unlike ``of``; None before the kernel was called. It cannot tell which loop uses the vectors.
    """
    found = remarks.in_memory(kernel)
    return None if found is None else max((int(v.split()[0]) for v in found), default=1)


def of_all(kernels: Sequence[tuple[Any, Sequence | None]]) -> list[Vectorization]:
    """``of`` for several kernels, compiled in one process."""
    if disabled():
        return [
            Vectorization(k.__name__, "", error="kernels run as plain Python (NUMBA_DISABLE_JIT)") for k, _ in kernels
        ]
    launches = []
    for kernel, signature in kernels:
        if not isinstance(kernel, Jit):
            raise TypeError(f"vectorization.of: expected a function with @jit, got {type(kernel).__name__}")
        if signature is None:
            signature = next((text for text in reversed(kernel.codes) if text is not None), None)
            if signature is None:
                raise ValueError(f"vectorization.of: {kernel.__name__} has not been called yet; pass example arguments")
        launches.append(Launch(kernel, remarks.types_of(signature)))
    found = remarks.of(launches)
    return [_read(launch, answer) for launch, answer in zip(launches, found, strict=True)]


def _read(launch: Launch, answer: dict) -> Vectorization:
    name, element = launch.kernel.__name__, _element(launch.signature)
    if "error" in answer:
        return Vectorization(name, element, error=answer["error"])
    loops = []
    for fn in remarks.functions(launch.kernel):
        source = _innermost(fn)
        file = fn.__code__.co_filename
        heard: dict[int, list[str]] = {line: [] for line, _, _ in source}
        for where, line, text in answer["remarks"]:
            inside = [first for first, last, _ in source if first <= line <= last]
            if inside and where == os.path.basename(file):
                heard[max(inside)].append(text)
        for line, _, text in source:
            width, interleaved, reason = _verdict(heard[line])
            loops.append(Loop(fn.__name__, file, line, text, width, interleaved, reason))
    return Vectorization(name, element, tuple(loops), answer["vectors"], answer["registers"])


def _verdict(texts: list[str]) -> tuple[int, int, str]:
    """(width, interleaved, reason) from everything that LLVM said of a loop, copies and remainders included."""
    widths = [(int(m[1]), int(m[2])) for m in map(_WIDTH.match, texts) if m]
    if widths:
        best = max(widths)
        if best[0] > 1:
            return (*best, "")
    said = [t.removeprefix("loop not vectorized").lstrip(": ") for t in texts if not any(n in t for n in _NOISE)]
    for words, plain in REASONS.items():
        if any(words in t for t in said):
            return 1, 1, plain
    other = next((t for t in said if t and not _WIDTH.match(t)), "")
    return (
        (1, 1, other)
        if other
        else (0, 0, "no loop is left: unrolled, merged with another, or replaced by a call such as memset")
    )


def _element(signature: Sequence) -> str:
    """The element type that all arrays share."""
    kinds = {str(t.dtype) for t in signature if hasattr(t, "dtype") and hasattr(t, "ndim")}
    return kinds.pop() if len(kinds) == 1 else "elements"


def _innermost(fn: Any) -> list[tuple[int, int, str]]:
    """(first line, last line, text) of each loop of a function that holds no other loop."""
    first = fn.__code__.co_firstlineno
    lines = linecache.getlines(fn.__code__.co_filename, fn.__globals__)
    try:
        tree = ast.parse(textwrap.dedent("".join(inspect.getblock(lines[first - 1 :]))))
    except (IndexError, SyntaxError):
        return []
    loops = [n for n in ast.walk(tree) if isinstance(n, ast.For | ast.While)]
    inner = [n for n in loops if not any(isinstance(m, ast.For | ast.While) for m in ast.walk(n) if m is not n)]
    return sorted(
        (n.lineno + first - 1, (n.end_lineno or n.lineno) + first - 1, lines[n.lineno + first - 2].strip())
        for n in inner
    )


__all__ = ["Loop", "Vectorization", "of", "of_all", "widest"]
