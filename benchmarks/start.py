"""Process start: the import, and the first training step with an empty and with a filled kernel cache."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

from benchmarks.compare import ROOT

CODE = """
import json, time
t = time.perf_counter()
import {name}
i = time.perf_counter() - t
from benchmarks.workloads import framework, load
made = load()["step/MLP SGD"].make(framework('{name}'))
made[0]()
kernels = 0
if '{name}' == 'numtorch':
    from numtorch.kernels import cache
    kernels = cache.stats.get('misses', 0) + cache.stats.get('hits', 0)
print(json.dumps(dict(imported=i, kernels=kernels)))
"""


def measure() -> dict:
    """Seconds from process start; medians of five, but for the one cold start."""
    with tempfile.TemporaryDirectory() as cache:
        env = os.environ | {"NUMTORCH_CACHE": cache, "NUMTORCH_PACKS": "0", "NUMTORCH_QUIET": "1"}

        def once(name: str) -> tuple[float, dict]:
            started = time.perf_counter()
            command = [sys.executable, "-c", CODE.format(name=name)]
            out = subprocess.run(command, cwd=ROOT, env=env, check=True, capture_output=True, text=True)
            return time.perf_counter() - started, json.loads(out.stdout.splitlines()[-1])

        cold, info = once("numtorch")
        pairs = [(once("numtorch"), once("torch")) for _ in range(5)]
    return {
        "first step, empty kernel cache (s)": cold,
        "first step, filled kernel cache (s)": statistics.median(a[0] for a, _ in pairs),
        "first step, torch (s)": statistics.median(b[0] for _, b in pairs),
        "import (s)": statistics.median(a[1]["imported"] for a, _ in pairs),
        "import, torch (s)": statistics.median(b[1]["imported"] for _, b in pairs),
        "kernels compiled for the first step": info["kernels"],
    }
