"""``explain``: which kernel computes a call and why, what LLVM made of its loops, and how near it comes to its roof.

Combines the registry's candidates, the compiled functions that the call launches, LLVM's remarks, and a profile of the
call. Text that needs a compilation is made only when it is read.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import Any

import numtorch as torch
from numtorch import display, kernels
from numtorch.interrupts import cached_property
from numtorch.kernels import launch, recording, registry, remarks
from numtorch.kernels.gemm.variants import registers
from numtorch.kernels.recording import Launch
from numtorch.kernels.registry import Candidate
from numtorch.profiler import peaks, vectorization
from numtorch.profiler.rows import Row
from numtorch.profiler.session import profile
from numtorch.profiler.vectorization import Vectorization

CALLS = 31  # how often the call is timed; the median counts


@dataclass
class Explanation:
    """What ``explain`` found; printed, it reads from the choice down to the machine.

    Attributes:
        op: the op's name.
        candidates: its kernels, in the order in which they are asked.
        chosen: the id of what computes the call: ``softmax/cpu/rows``, or ``softmax/any/body``.
        source: the text of what computes it: the generated loop, or the functions that the kernel launches.
        functions: the compiled functions that the call launched, with their Numba types.
        rows: the profile's rows for the call: time, bytes, operations, roof.
        parts: of a call that runs several kernels, an explanation of each.
    """

    op: str
    candidates: list[Candidate]
    chosen: str
    source: str
    functions: list[Launch] = field(repr=False)
    rows: list[Row] = field(repr=False)
    _call: Any = field(repr=False)
    parts: list[Explanation] = field(default_factory=list, repr=False)

    @cached_property
    def vectorization(self) -> list[Vectorization]:
        """What became of the loops of each function; compiles them once more, in a process of its own."""
        return vectorization.of_all(self.functions)

    @property
    def llvm(self) -> str:
        """The optimised LLVM IR of the launched functions; compiles them once more."""
        return self._code("llvm_ir", ";")

    @property
    def assembly(self) -> str:
        """The machine code of the launched functions as text; compiles them once more."""
        return self._code("assembly", "#")

    def _code(self, what: str, comment: str) -> str:
        self._need_functions(what)
        return "\n".join(f"{comment} {f.kernel.__name__}\n{getattr(remarks, what)(*f)}" for f in self.functions)

    def ptx(self, cc: tuple[int, int] = (8, 0)) -> str:
        """The PTX of the kernels that the same call launches on a GPU; takes no GPU.

        Args:
            cc: compute capability, (major, minor).

        Returns:
            A text.

        Raises:
            ImportError, RuntimeError: the compiler is not there; it comes with the package numba-cuda.

        >>> import importlib.util
        >>> if importlib.util.find_spec("numba_cuda"):
        ...     ptx = torch.profiler.explain(torch.exp, torch.ones(1000)).ptx()
        """
        call, args, kwargs = self._call
        with launch.compiling_for(cc) as offline, torch.no_grad():
            call(*map(_on_cuda, args), **{k: _on_cuda(v) for k, v in kwargs.items()})
        return "\n".join(offline.ptx.values())

    def _need_functions(self, what: str) -> None:
        if not self.functions:
            raise RuntimeError(
                f"explain: {self.op} launches no compiled function here (kernels may run as plain Python), so there is "
                f"no {what}"
            )

    @property
    def seconds(self) -> float:
        """The median time of the kernels that the call runs."""
        return (
            sum(r.median_ns * r.calls for r in self.rows) / 1e9 / max(1, min((r.calls for r in self.rows), default=1))
        )

    @property
    def roof(self) -> float | None:
        """The least seconds that the call could take here, from measured bandwidth and rates; None where it is not
        known."""
        roofs = [r.roof_ns / max(1, r.calls - r.cold_calls) for r in self.rows if r.roof_ns]
        return sum(roofs) / 1e9 if roofs else None

    @property
    def fraction(self) -> float | None:
        """The roof over the measured time: 1 is as fast as this machine can."""
        return self.roof / self.seconds if self.roof and self.seconds else None

    def __str__(self) -> str:
        parts = [f"{self.op}: {self.chosen}"]
        for p in self.parts:
            parts += [f"{p.chosen}", *map(str, p.candidates)]
        parts += map(str, self.candidates)
        parts.append("loops")
        parts += ["  " + line for line in self._loops()] or ["  no compiled function was launched"]
        parts.append("machine")
        parts += [f"  {line}" for line in self._roofs()]
        parts += [display.prose(doubt, "        ") for doubt in self._doubts()]
        return "\n".join(parts)

    def _loops(self) -> list[str]:
        lines = [line for v in self.vectorization for line in str(v).splitlines()]
        if any(f.kernel.fn.__module__.startswith("numtorch.kernels.gemm") for f in self.functions):
            tile = registers(any(r.dtype == "float64" for r in self.rows))
            lines.append(
                f"micro-kernels, called by address: tiles of {tile.height} x {tile.strip} written in vectors of "
                f"{tile.lanes}"
            )
        return lines

    def _roofs(self) -> list[str]:
        if not self.rows:
            return ["nothing was timed"]
        lines = []
        for r in self.rows:
            line = f"{r.name} {r.shapes}: {r.median_ns / 1e3:.2f} us, {r.bytes / r.calls / 1e3:.1f} kB"
            if r.flops:
                line += f", {r.flops / r.calls / 1e3:.1f} kFLOP"
            if r.median_ns:  # rates are those of the median call, as the time is
                line += f"; {r.bytes / r.calls / r.median_ns:.1f} GB/s" if r.bytes else ""
                line += (
                    f", {r.flops / r.calls / r.median_ns:.1f} {'effective ' if r.effective else ''}GFLOP/s"
                    if r.flops
                    else ""
                )
            if r.effective:
                line += f" (of the definition's operations, of which it executes {r.executed / r.flops:.0%})"
            lines.append(line)
        if self.roof is None or self.fraction is None:
            lines.append("roof: not known; numtorch.profiler.machine() measures this machine")
        else:
            bound = {"memory": "moving the data", "compute": "arithmetic", "dispatch": "launching"}.get(
                self.rows[0].bound, ""
            )
            lines.append(f"roof: {self.roof * 1e6:.2f} us, set by {bound}; reached {self.fraction:.0%} of it")
        return lines

    def _doubts(self) -> list[str]:
        return sorted(
            {r.machine.doubt() for r in self.rows if r.machine is not None and r.machine.busy}
            if self.roof is not None
            else ()
        )

    __repr__ = __str__

    def _repr_html_(self) -> str:
        told = self.candidates + [c for p in self.parts for c in p.candidates]
        rows = [["\u279c" if c.chosen else "", c.name, c.device, str(c.priority), c.verdict] for c in told]
        table = display.table(["", "kernel", "device", "priority", "verdict"], rows, f"{self.op}: {self.chosen}")
        loops = display.text("\n".join([*self._loops(), *self._roofs()]), self._doubts())
        return (
            f'<div style="{display.FONT}">{table}{loops}'
            f"<details><summary>source</summary>{display.text(self.source)}</details></div>"
        )


def explain(op: Any, *args: Any, **kwargs: Any) -> Explanation:
    """Why a call is computed as it is: candidates and choice, loops and vectors, the roof and what is reached of it.

    The call is made several times, to be timed; its gradient is not. The machine's peaks are measured when they are
    first needed, which takes some seconds.

    Args:
        op: a function of numtorch, a module, any function that calls them, or the name of an op.
        *args, **kwargs: of the call.

    Returns:
        An ``Explanation``, of which ``str`` and notebooks show a text.

    Raises:
        TypeError: ``op`` cannot be called, or runs no op.

    >>> found = torch.profiler.explain(torch.exp, torch.ones(1000))
    >>> found.chosen
    'exp/any/generated'
    >>> print(found.source)
    def exp_flat(x_, out0):
        for i in prange(out0.size):
            x = x_[i]
            t1 = exp(x)
            out0[i] = t1
    <BLANKLINE>
    """
    call = kernels.called(op)
    with torch.no_grad() if hasattr(call, "op") else contextlib.nullcontext():
        call(*args, **kwargs)
        with recording.launches() as functions:
            made = kernels.decisions(op, call, args, kwargs)
        rows = _timed(call, args, kwargs)
    if len(made) == 1:
        return _one(made[0], _source(op, made[0], args, kwargs), functions, rows, (call, args, kwargs))
    name = op if isinstance(op, str) else getattr(op, "__name__", None) or type(op).__name__
    parts = []
    for decision in made:
        own = [r for r in rows if r.name.partition("/")[0] == decision.entry.name]
        names = {n for r in own for n in r.functions}
        parts.append(
            _one(
                decision,
                kernels.source(decision.entry.name),
                [f for f in functions if f.kernel.__name__ in names],
                own,
                (call, args, kwargs),
            )
        )
    chosen = f"{len(parts)} kernels: {', '.join(dict.fromkeys(p.chosen for p in parts))}"
    return Explanation(
        name,
        [],
        chosen,
        "\n".join(dict.fromkeys(p.source for p in parts)),
        functions,
        rows,
        (call, args, kwargs),
        parts,
    )


def _id(decision: registry.Decision) -> str:
    return f"{decision.entry.name}/any/body" if decision.kernel is None else decision.kernel.id


def _one(
    decision: registry.Decision, source: str, functions: list[Launch], rows: list[Row], call: tuple
) -> Explanation:
    candidates = registry.candidates(decision.entry, decision.signature, decision.kernel)
    return Explanation(decision.entry.name, candidates, _id(decision), source, functions, rows, call)


def _source(op: Any, decision: registry.Decision, args: tuple, kwargs: dict) -> str:
    try:
        return kernels.source(op, *args, **kwargs)
    except TypeError:  # the function takes other arguments than the op that it calls
        return kernels.source(decision.entry.name)


def _on_cuda(value: Any) -> Any:
    return value.detach().to("cuda") if isinstance(value, torch.Tensor) else value


def _timed(call: Any, args: tuple, kwargs: dict) -> list[Row]:
    machine = peaks.machine()
    with profile() as prof:
        for _ in range(CALLS):
            call(*args, **kwargs)
    rows = [r for r in prof.rows if r.kind == "kernel" and r.calls]
    for r in rows:
        r.machine = machine
    return rows
