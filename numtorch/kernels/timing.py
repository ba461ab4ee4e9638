"""What each kernel costs: calls, time, bytes and operations, while a ``measure`` block is open.

Nothing is checked on the way to a kernel when no block is open: opening one forgets every remembered choice,
so that launchers are resolved anew, this time wrapped.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from numtorch.kernels import registry


@dataclass
class Row:
    """One kernel. ``seconds`` is its own time: what kernels called inside it take is theirs."""

    name: str
    calls: int = 0
    seconds: float = 0.0
    bytes: int = 0
    flops: int = 0

    @property
    def rate(self) -> str:
        """GFLOP/s where operations are declared, else GB/s of the buffers read and written."""
        if self.seconds <= 0:
            return "-"
        if self.flops:
            return f"{self.flops / self.seconds / 1e9:.1f} GFLOP/s"
        return f"{self.bytes / self.seconds / 1e9:.1f} GB/s"


@dataclass
class Measurement:
    """The rows of one ``measure`` block, and its wall time."""

    rows: dict[str, Row] = field(default_factory=dict)
    wall: float = 0.0
    inside: list[float] = field(default_factory=list)

    def table(self, most: int = 16) -> str:
        """The costliest kernels first; the last line is the time that no kernel explains."""
        rows = sorted(self.rows.values(), key=lambda r: -r.seconds)
        spent = sum(r.seconds for r in rows)
        width = max([len(r.name) for r in rows[:most]] + [24])
        lines = [f"{'kernel':<{width}}  {'calls':>7}  {'ms':>8}  {'share':>6}  {'rate':>15}"]
        for r in rows[:most]:
            lines.append(f"{r.name:<{width}}  {r.calls:>7}  {r.seconds * 1e3:>8.1f}  {r.seconds / self.wall:>6.1%}  {r.rate:>15}")
        if len(rows) > most:
            rest = sum(r.seconds for r in rows[most:])
            lines.append(f"{f'{len(rows) - most} more kernels':<{width}}  {sum(r.calls for r in rows[most:]):>7}  {rest * 1e3:>8.1f}  "
                         f"{rest / self.wall:>6.1%}")
        rest = max(self.wall - spent, 0.0)
        lines.append(f"{'Python outside kernels':<{width}}  {'':>7}  {rest * 1e3:>8.1f}  {rest / self.wall:>6.1%}")
        return "\n".join(lines)


_active: Measurement | None = None


def wrap(name: str, run: Callable, flops: Callable | None = None) -> Callable:
    """``run`` as it is, or timed under ``name`` inside a ``measure`` block."""
    if _active is None:
        return run
    measurement = _active
    row = measurement.rows.setdefault(name, Row(name))
    inside = measurement.inside

    def timed(*args: Any, **kwargs: Any) -> Any:
        inside.append(0.0)
        started = perf_counter()
        result = run(*args, **kwargs)
        elapsed = perf_counter() - started
        row.seconds += elapsed - inside.pop()
        if inside:
            inside[-1] += elapsed
        row.calls += 1
        row.bytes += sum(map(_nbytes, args)) + sum(map(_nbytes, result if isinstance(result, tuple) else (result,)))
        if flops is not None:
            row.flops += flops(*args, **kwargs)
        return result

    return timed


def _nbytes(value: Any) -> int:
    n = getattr(value, "nbytes", 0)
    return n if isinstance(n, int) else 0


@contextlib.contextmanager
def measure() -> Iterator[Measurement]:
    """Time every kernel launched inside the block.

    >>> import numtorch as torch
    >>> from numtorch.kernels import timing
    >>> with timing.measure() as cost:
    ...     y = torch.exp(torch.ones(1000))
    >>> cost.rows["exp/cpu/generated"].calls
    1
    """
    global _active
    if _active is not None:
        raise RuntimeError("measure: a block is open already; blocks do not nest")
    _active = measurement = Measurement()
    registry.clear_memos()
    started = perf_counter()
    try:
        yield measurement
    finally:
        measurement.wall = perf_counter() - started
        _active = None
        registry.clear_memos()
