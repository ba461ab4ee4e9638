"""Writes a profile as a Chrome trace, and checks whether a path can be written."""

from __future__ import annotations

import json
import os
import socket
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from numtorch.files import write_atomically
from numtorch.profiler.rows import Row


def check(path: Any) -> None:
    """OSError, saying what is wrong, unless a file can be written at ``path``."""
    file = Path(path)
    if file.is_dir():
        raise IsADirectoryError(f"the trace cannot be written to {str(path)!r}: it is a folder; name a file in it")
    if not file.parent.is_dir():
        raise FileNotFoundError(
            f"the trace cannot be written to {str(path)!r}: there is no folder {str(file.parent)!r}"
        )
    try:
        with tempfile.TemporaryFile(dir=file.parent):
            pass
        if file.exists() and not os.access(file, os.W_OK):
            raise PermissionError("the file is read-only")
    except OSError as e:
        raise OSError(f"the trace cannot be written to {str(path)!r}: {e.strerror or e}") from e


def chrome(prof: Any) -> dict[str, Any]:
    """The time line in Chrome's trace format: times in microseconds, rows' columns as ``args``.

    Threads have their names; counters show what kernels reach and what tensors hold; arrows lead from a kernel to the
    first of its gradient.
    """
    pid = os.getpid()
    events: list[dict] = [{"ph": "M", "name": "process_name", "pid": pid, "args": {"name": "numtorch"}}]
    for tid, name in sorted(prof.threads.items()):
        events.append({"ph": "M", "name": "thread_name", "pid": pid, "tid": tid, "args": {"name": name}})
        events.append({"ph": "M", "name": "thread_sort_index", "pid": pid, "tid": tid, "args": {"sort_index": tid}})
    described: dict[int, dict] = {}
    for e in prof.events:
        if isinstance(e.of, Row):
            args = described.get(e.of.id)
            if args is None:
                args = described[e.of.id] = {k: v for k, v in e.of.to_dict().items() if v not in ("", None, [], {})}
            category = f"kernel,{e.of.phase}" if e.of.phase else e.of.kind
        else:
            args, category = {"module": e.of.module}, e.of.kind
        events.append(
            {
                "ph": "X",
                "name": e.name,
                "cat": category,
                "pid": pid,
                "tid": e.thread,
                "ts": e.start_ns / 1e3,
                "dur": e.duration_ns / 1e3,
                "args": args,
            }
        )
    events += [{"pid": pid} | e for e in (*_rates(prof), *_held(prof), *_arrows(prof))]
    return {"traceEvents": events, "displayTimeUnit": "ms"}


SLICES = 400  # of the wall time, for each of which counters have a value


def _rates(prof: Any) -> list[dict]:
    """GB/s and GFLOP/s of kernels over time."""
    wall = max(prof.wall_ns, 1)
    sums = np.zeros((2, SLICES))
    for e in prof.events:
        r = e.of
        if isinstance(r, Row) and r.kind == "kernel" and r.calls and e.duration_ns:
            first, last = (min(SLICES - 1, int(SLICES * at / wall)) for at in (e.start_ns, e.start_ns + e.duration_ns))
            sums[:, first : last + 1] += np.array([[r.bytes], [r.flops]]) / r.calls / (last + 1 - first)
    each = wall / SLICES
    return [
        {"ph": "C", "name": name, "ts": i * each / 1e3, "args": {name: round(float(v) / each, 3)}}
        for name, values in zip(("GB/s", "GFLOP/s"), sums, strict=True)
        for i, v in enumerate(values)
    ]


def _held(prof: Any) -> list[dict]:
    try:
        shown = prof.memory.to_dict()
    except RuntimeError:  # nobody asked for it
        return []
    return [
        {"ph": "C", "name": "memory", "ts": at / 1e3, "args": {"MB": held / 1e6}}
        for at, held in zip(shown["times"], shown["held"], strict=True)
    ]


NEAR = 8  # kernels before the node of a graph was made, among which is the one it stands for


def _arrows(prof: Any) -> list[dict]:
    """From the kernel of an op to the first kernel of its gradient: what was the last of this op before the node was
    made, and the first after the walk had come to it and before it went on."""
    mine = [e for e in prof.events if e.thread == 0 and isinstance(e.of, Row) and e.of.kind == "kernel"]
    starts = np.array([e.start_ns for e in mine])
    ended = sorted(mine, key=lambda e: e.start_ns + e.duration_ns)
    ends = np.array([e.start_ns + e.duration_ns for e in ended])
    found: list[dict] = []
    gradients = prof.gradients
    for i, (op, made, pulled) in enumerate(gradients):
        until = gradients[i + 1][2] if i + 1 < len(gradients) else prof.wall_ns
        before = int(np.searchsorted(ends, made, side="right"))
        source = next((e for e in reversed(ended[max(0, before - NEAR) : before]) if e.of.op == op), None)
        at = int(np.searchsorted(starts, pulled))
        if source is None or at >= len(mine) or mine[at].start_ns >= until or mine[at].of.phase != "backward":
            continue
        arrow = {"cat": "gradient", "name": "gradient", "id": len(found) // 2 + 1, "tid": 0}
        found.append({"ph": "s", "ts": source.start_ns / 1e3} | arrow)
        found.append({"ph": "f", "bp": "e", "ts": mine[at].start_ns / 1e3} | arrow)
    return found


def write(prof: Any, path: Any) -> None:
    """Write the Chrome trace, packed if ``path`` ends in ``.gz``; it opens in chrome://tracing and Perfetto."""
    check(path)
    data = json.dumps(chrome(prof)).encode()
    if str(path).endswith(".gz"):
        import gzip

        data = gzip.compress(data)
    write_atomically(Path(path), data)


def tensorboard_trace_handler(dir_name: str, worker_name: str | None = None) -> Callable[[Any], None]:
    """For ``on_trace_ready``: a trace file for each cycle in a folder, which is made and tried at once.

    Args:
        dir_name: the folder.
        worker_name: with what the names of the files begin; host and process if None.

    Returns:
        A function of a profile.

    Raises:
        OSError: the folder cannot be written to.

    Source: torch.profiler.tensorboard_trace_handler.

    >>> import os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with torch.profiler.profile(on_trace_ready=torch.profiler.tensorboard_trace_handler(folder, "me")):
    ...         y = torch.exp(torch.ones(1000))
    ...     print([name.partition(".")[0] for name in os.listdir(folder)])
    ['me']
    """
    folder = Path(dir_name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise OSError(f"traces cannot be written to {dir_name!r}: {e.strerror or e}") from e
    check(folder / "trace.json")
    worker = worker_name or f"{socket.gethostname()}_{os.getpid()}"

    def handler(prof: Any) -> None:
        write(prof, folder / f"{worker}.{time.time_ns()}.pt.trace.json")

    return handler
