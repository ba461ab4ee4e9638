"""Writing what a profile holds as a file: the Chrome trace, and whether a path can be written."""

from __future__ import annotations

import json
import os
import socket
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numtorch.files import write_atomically
from numtorch.profiler.rows import Row


def check(path: Any) -> None:
    """OSError, saying what is wrong, unless a file can be written at ``path``."""
    file = Path(path)
    if file.is_dir():
        raise IsADirectoryError(f"the trace cannot be written to {str(path)!r}: it is a folder; name a file in it")
    if not file.parent.is_dir():
        raise FileNotFoundError(f"the trace cannot be written to {str(path)!r}: there is no folder {str(file.parent)!r}")
    try:
        with tempfile.TemporaryFile(dir=file.parent):
            pass
        if file.exists() and not os.access(file, os.W_OK):
            raise PermissionError("the file is read-only")
    except OSError as e:
        raise OSError(f"the trace cannot be written to {str(path)!r}: {e.strerror or e}") from e


def chrome(prof: Any) -> dict[str, Any]:
    """The time line in Chrome's trace format: times in microseconds, rows' columns as ``args``."""
    pid = os.getpid()
    events: list[dict] = [{"ph": "M", "name": "process_name", "pid": pid, "args": {"name": "numtorch"}}]
    described: dict[int, dict] = {}
    for e in prof.events:
        if isinstance(e.of, Row):
            args = described.get(e.of.id)
            if args is None:
                args = described[e.of.id] = {k: v for k, v in e.of.to_dict().items() if v not in ("", None, [], {})}
            category = f"kernel,{e.of.phase}" if e.of.phase else e.of.kind
        else:
            args, category = {"module": e.of.module}, e.of.kind
        events.append({"ph": "X", "name": e.name, "cat": category, "pid": pid, "tid": e.thread, "ts": e.start_ns / 1e3,
                       "dur": e.duration_ns / 1e3, "args": args})
    return {"traceEvents": events, "displayTimeUnit": "ms"}


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

    Source: torch.profiler.tensorboard_trace_handler.
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
