"""``python -m benchmarks [filter]``: the ratio table, and the results as a file under ``results/``.

Values are compared before anything is timed. Both processes use the same number of threads and take turns;
the ratio is the median over rounds of our time divided by PyTorch's: below 1 we are faster.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.workloads import WORKLOADS

# Budgets: our time over PyTorch's.
BUDGETS = {"dispatch": 0.9, "dispatch with grad": 0.8, "dispatch/backward of a 3-op chain": 0.6, "step/MLP": 0.5, "step/LeNet": 0.5,
           "epoch": 0.2}
TOLERANCE = {"step": 1e-4, "dispatch": 1e-5, "epoch": 1e-6}


class Worker:
    """One framework in its own process."""

    def __init__(self, framework: str, threads: int):
        root = Path(__file__).resolve().parent.parent
        self.process = subprocess.Popen([sys.executable, "-m", "benchmarks.worker", framework, str(threads)], cwd=root,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, **request: Any) -> dict:
        """Send a request; the answer."""
        assert self.process.stdin is not None and self.process.stdout is not None
        print(json.dumps(request), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the benchmark process ended with status {self.process.wait()}")
        return json.loads(line)

    def close(self) -> None:
        """End the process."""
        self.process.terminate()
        self.process.wait()


def budget(name: str) -> float:
    """The budget for a workload."""
    if name in BUDGETS:
        return BUDGETS[name]
    group = name.split("/")[0]
    if group == "dispatch":
        return BUDGETS["dispatch with grad" if name.endswith("with grad") else "dispatch"]
    return next(v for k, v in BUDGETS.items() if name.startswith(k))


def compare(name: str, threads: int, rounds: int, seconds: float) -> dict:
    """Check, calibrate, and time one workload in turns."""
    ours, theirs = Worker("numtorch", threads), Worker("torch", threads)
    try:
        a, b = ours.ask(prepare=name)["check"], theirs.ask(prepare=name)["check"]
        error = float(np.max(np.abs(np.array(a) - np.array(b)))) if a else 0.0
        if not error <= TOLERANCE[name.split("/")[0]]:
            raise AssertionError(f"{name}: values differ by {error:.2e}; nothing was timed")
        once = max(ours.ask(time=1)["seconds"], theirs.ask(time=1)["seconds"])
        calls = max(1, int(seconds / max(once, 1e-7)))
        once = max(ours.ask(time=calls)["seconds"], theirs.ask(time=calls)["seconds"])
        calls = max(1, int(seconds / max(once, 1e-7)))
        pairs = [(ours.ask(time=calls), theirs.ask(time=calls)) for _ in range(rounds)]
    finally:
        ours.close()
        theirs.close()
    ratios = sorted(x["seconds"] / y["seconds"] for x, y in pairs)
    return {"name": name, "ratio": statistics.median(ratios), "low": ratios[0], "high": ratios[-1], "budget": budget(name),
            "error": error, "ours_us": statistics.median(x["seconds"] for x, _ in pairs) * 1e6,
            "torch_us": statistics.median(y["seconds"] for _, y in pairs) * 1e6,
            "ours_mb": pairs[-1][0]["peak_mb"], "torch_mb": pairs[-1][1]["peak_mb"]}


def cold_and_warm() -> dict:
    """Import time, and time from process start to the end of the first MLP training step, cold and warm."""
    code = ("import time; t = time.perf_counter(); import {name}; i = time.perf_counter() - t\n"
            "from benchmarks.workloads import framework, WORKLOADS\n"
            "run, _ = WORKLOADS['step/MLP SGD'](framework('{name}')); run()\n"
            "import json\ntry:\n from numtorch.kernels import cache; s = cache.stats\nexcept ImportError: s = {{}}\n"
            "print(json.dumps({{'import': i, 'kernels': s.get('misses', 0) + s.get('hits', 0)}}))")
    root = Path(__file__).resolve().parent.parent
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as cache:
        import os

        env = os.environ | {"NUMTORCH_CACHE": cache, "NUMTORCH_QUIET": "1"}

        def once(name: str) -> tuple[float, dict]:
            started = time.perf_counter()
            out = subprocess.run([sys.executable, "-c", code.format(name=name)], cwd=root, env=env, check=True, capture_output=True,
                                 text=True)
            return time.perf_counter() - started, json.loads(out.stdout.splitlines()[-1])

        cold, info = once("numtorch")
        warm = [once("numtorch") for _ in range(5)]
        torch = [once("torch") for _ in range(5)]
    result["first step, cold kernel cache (s)"] = cold
    result["first step, warm (s)"] = statistics.median(t for t, _ in warm)
    result["first step, torch (s)"] = statistics.median(t for t, _ in torch)
    result["import (s)"] = statistics.median(i["import"] for _, i in warm)
    result["import, torch (s)"] = statistics.median(i["import"] for _, i in torch)
    result["kernels compiled for the first step"] = info["kernels"]
    return result


def machine() -> str:
    """Processor and versions, for the results file."""
    from importlib.metadata import version

    model = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [s.split(":")[1].strip() for s in cpuinfo.read_text().splitlines() if s.startswith("model name")]
        model = f"{names[0]} x {len(names)}" if names else model
    return f"{model}; Python {platform.python_version()}, numba {version('numba')}, numpy {version('numpy')}, torch {version('torch')}"


def main() -> int:
    """Run the workloads whose names contain the filter."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("filter", nargs="?", default="")
    parser.add_argument("--threads", type=int, default=None, help="threads of both frameworks (all cores)")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.3, help="length of one timing")
    parser.add_argument("--output", default=str(Path(__file__).parent / "results" / "torch.json"))
    args = parser.parse_args()
    import os

    threads = args.threads or len(os.sched_getaffinity(0))
    names = [n for n in WORKLOADS if args.filter in n]
    print(f"{machine()}; {threads} threads\n\n| workload | ours / torch | spread | budget | peak MB, ours / torch |\n|---|---|---|---|---|")
    rows = []
    for name in names:
        row = compare(name, threads, args.rounds, args.seconds)
        rows.append(row)
        mark = "" if row["ratio"] <= row["budget"] else " **missed**"
        print(f"| {name} | {row['ratio']:.2f}{mark} | {row['low']:.2f}-{row['high']:.2f} | {row['budget']} | "
              f"{row['ours_mb']:.0f} / {row['torch_mb']:.0f} |", flush=True)
    start = cold_and_warm() if not args.filter or args.filter in "start" else {}
    for key, value in start.items():
        print(f"| {key} | {value:.2f} | | | |" if isinstance(value, float) else f"| {key} | {value} | | | |")
    if rows and not args.filter:
        path = Path(args.output)
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"machine": machine(), "threads": threads, "rows": rows, "start": start}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
