"""Times two frameworks against each other: one process each, equal threads, values compared first, turns, medians."""

from __future__ import annotations

import json
import os
import platform
import signal
import statistics
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.workloads import Workload

ROOT = Path(__file__).resolve().parent.parent


class WorkloadError(RuntimeError):
    """A workload raised in one of the processes, or its values differ."""


class Worker:
    """One framework in its own process; numtorch and the workloads are those of the checkout ``root``. ``variables``
    are of its environment alone."""

    def __init__(self, framework: str, threads: int, root: Path = ROOT, variables: Mapping[str, str] | None = None):
        self.framework = framework
        env = os.environ | {"NUMTORCH_QUIET": "1", "OMP_NUM_THREADS": str(threads)} | dict(variables or {})
        if framework == "jax":
            env |= {
                "XLA_FLAGS": f"--xla_cpu_multi_thread_eigen={'true' if threads > 1 else 'false'}",
                "NPROC": str(threads),
            }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", framework, str(threads)],
            cwd=root,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, **request: Any) -> dict:
        """Send a request; the answer. Between requests the process stands still, and so do threads of its that would
        spin."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.signal("SIGCONT")
        print(json.dumps(request), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise WorkloadError(f"the process of {self.framework} ended with status {self.process.wait()}")
        self.signal("SIGSTOP")
        answer = json.loads(line)
        if "error" in answer:
            raise WorkloadError(f"{self.framework}: {answer['error']}")
        return answer

    def signal(self, name: str) -> None:
        """Send the signal, where the system has it."""
        if hasattr(signal, name):
            self.process.send_signal(getattr(signal, name))

    def close(self) -> None:
        """End the process."""
        self.process.terminate()
        self.signal("SIGCONT")
        self.process.wait()


class Bench:
    """Workers that are started when needed, and kept for workloads that need none of their own."""

    def __init__(self, threads: int, rounds: int, seconds: float):
        self.threads, self.rounds, self.seconds = threads, rounds, seconds
        self.kept: dict[str, Worker] = {}

    def close(self) -> None:
        """End all processes."""
        for worker in self.kept.values():
            worker.close()
        self.kept = {}

    def worker(self, framework: str, alone: bool) -> Worker:
        """A process for a framework."""
        if alone:
            return Worker(framework, self.threads)
        kept = self.kept.get(framework)
        if kept is None or kept.process.poll() is not None:
            kept = self.kept[framework] = Worker(framework, self.threads)
        return kept

    def row(self, w: Workload) -> dict:
        """Our time over each rival's: the median over rounds in which they take turns, and its spread."""
        names = ("numtorch", *(r for r in w.rivals if installed(r)))
        workers = [self.worker(name, w.alone) for name in names]
        try:
            errors = {}
            ours = np.array(workers[0].ask(prepare=w.name)["check"])
            for rival in workers[1:]:
                theirs = np.array(rival.ask(prepare=w.name)["check"])
                errors[rival.framework] = difference(ours, theirs)
                if not errors[rival.framework] <= w.tolerance:
                    raise WorkloadError(
                        f"values differ from {rival.framework}'s by {errors[rival.framework]:.2e}; nothing was timed"
                    )
            calls = [1] * len(workers)
            for _ in range(2):  # calibrate: every timing takes about as long
                calls = [
                    max(1, int(self.seconds / max(x.ask(time=n)["seconds"], 1e-7)))
                    for x, n in zip(workers, calls, strict=True)
                ]
            rounds = [[x.ask(time=n) for x, n in zip(workers, calls, strict=True)] for _ in range(self.rounds)]
        finally:
            if w.alone:
                for worker in workers:
                    worker.close()
        result: dict[str, Any] = {
            "name": w.name,
            "ours_us": statistics.median(r[0]["seconds"] for r in rounds) * 1e6,
            "against": {},
        }
        if w.alone:
            result["peak_mb"] = rounds[-1][0]["peak_mb"]
        for i, rival in enumerate(names[1:], 1):
            ratios = sorted(r[0]["seconds"] / r[i]["seconds"] for r in rounds)
            result["against"][rival] = {
                "ratio": statistics.median(ratios),
                "low": ratios[0],
                "high": ratios[-1],
                "budget": w.limit(rival),
                "error": errors[rival],
            }
            if w.alone:
                result["against"][rival]["peak_mb"] = rounds[-1][i]["peak_mb"]
        return result


def difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The largest difference, relative to the largest value where that is above 1."""
    if ours.shape != theirs.shape:
        raise WorkloadError(f"{ours.size} values against {theirs.size}")
    if not ours.size:
        return 0.0
    return float(np.max(np.abs(ours - theirs)) / max(1.0, float(np.max(np.abs(theirs)))))


def installed(framework: str) -> bool:
    """Whether a rival can be imported."""
    from importlib.util import find_spec

    return find_spec(framework.removesuffix(".compile")) is not None


def machine() -> str:
    """Processor and versions."""
    from importlib.metadata import PackageNotFoundError, version

    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [s.split(":")[1].strip() for s in cpuinfo.read_text().splitlines() if s.startswith("model name")]
        model = f"{names[0]} x {len(names)}" if names else model
    versions = []
    for package in ("numba", "numpy", "torch", "jax"):
        try:
            versions.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return f"{model}; Python {platform.python_version()}, {', '.join(versions)}"
