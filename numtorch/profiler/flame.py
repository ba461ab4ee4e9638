"""Flame graphs: a profile as nested intervals in speedscope's file format (https://www.speedscope.app)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from numtorch.files import write_atomically
from numtorch.profiler import trace
from numtorch.profiler.rows import Row


def speedscope(prof: Any, name: str = "numtorch") -> dict[str, Any]:
    """The events as speedscope reads them: an evented profile for each thread, in microseconds."""
    frames: dict[str, int] = {}
    threads: dict[int, list[tuple[int, int, int]]] = {}
    for e in prof.events:
        label = f"{e.name} [{e.of.phase}]" if isinstance(e.of, Row) and e.of.phase else e.name
        frame = frames.setdefault(label, len(frames))
        threads.setdefault(e.thread, []).append((e.start_ns, e.start_ns + e.duration_ns, frame))
    profiles = [_evented(f"thread {t}" if t >= 0 else "GPU", stretches) for t, stretches in sorted(threads.items())]
    return {
        "$schema": "https://www.speedscope.app/file-format-schema.json",
        "name": name,
        "exporter": "numtorch",
        "shared": {"frames": [{"name": label} for label in frames]},
        "profiles": profiles,
    }


def _evented(name: str, stretches: list[tuple[int, int, int]]) -> dict[str, Any]:
    """Opening and closing events, properly nested: what outlives the stretch around it is cut there."""
    events: list[dict] = []
    stack: list[tuple[int, int]] = []  # (end, frame)
    begin = min((s for s, _, _ in stretches), default=0)
    end = begin

    def close(until: int) -> None:
        while stack and stack[-1][0] <= until:
            at, frame = stack.pop()
            events.append({"type": "C", "frame": frame, "at": at / 1e3})

    for start, stop, frame in sorted(stretches, key=lambda s: (s[0], -s[1])):
        close(start)
        stop = min(stop, stack[-1][0]) if stack else stop
        events.append({"type": "O", "frame": frame, "at": start / 1e3})
        stack.append((stop, frame))
        end = max(end, stop)
    close(end)
    return {
        "type": "evented",
        "name": name,
        "unit": "microseconds",
        "startValue": begin / 1e3,
        "endValue": end / 1e3,
        "events": events,
    }


def write(prof: Any, path: Any) -> None:
    """Write the flame graph; OSError, saying what is wrong, where the path cannot be written."""
    trace.check(path)
    write_atomically(Path(path), json.dumps(speedscope(prof, Path(path).stem)).encode())
