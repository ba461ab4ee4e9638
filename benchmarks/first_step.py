"""``python -m benchmarks.first_step [models]``: from the start of a program to the end of its first training step.

Each model of ``numtorch.kernels.steps`` is trained by an ordinary script in a process of its own: cold with an empty
kernel cache and no pack, cold with a pack of the models, and warm, with the cache that the first run has filled. CPU
seconds include those of the processes that compile beside the script.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.compare import ROOT, machine

MODELS = ("mlp", "lenet", "gpt", "resnet18")
SCRIPT = """
import numtorch as torch
import numtorch.nn.functional as F
from numtorch.kernels import cache, steps

net, x, t = steps.MODELS[{model!r}]()
optimizer = torch.optim.{optimizer}(net.parameters(), lr=1e-3{more})
for step in range({steps}):
    optimizer.zero_grad()
    y = net(x)
    loss = F.cross_entropy(y.reshape(-1, y.shape[-1]), t.reshape(-1))
    loss.backward()
    optimizer.step()
loss.item()
resident = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmRSS"))
import json
print(json.dumps(dict(loaded=cache.stats["hits"], resident=int(resident) / 1e3)))
"""
SUBREAPER = 36  # of prctl: orphans below this process become its children, so that their CPU time can be asked for


def script(model: str, steps: int = 1) -> str:
    """What trains a model."""
    optimizer, more = {"gpt": ("AdamW", ""), "resnet18": ("SGD", ", momentum=0.9")}.get(model, ("Adam", ""))
    return SCRIPT.format(model=model, optimizer=optimizer, more=more, steps=steps)


def once(code: str, **env: str) -> dict:
    """Run the script: seconds, CPU seconds with those of its helpers, and what it says of itself."""
    command = [sys.executable, "-c", code]
    started = time.perf_counter()
    child = subprocess.Popen(command, cwd=ROOT, env=os.environ | env, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    said = json.loads(child.stdout.read().splitlines()[-1])
    cpu, wall = 0.0, 0.0
    while True:  # the script, and helpers that have outlived who started them
        try:
            pid, _, used = os.wait4(-1, 0)
        except ChildProcessError:
            break
        if pid == child.pid:
            child.returncode, wall = 0, time.perf_counter() - started
        cpu += used.ru_utime + used.ru_stime
    return said | {"wall": wall, "cpu": cpu}


def files(folder: str) -> int:
    """How many kernels there are in a cache."""
    return len(list(Path(folder).glob("*.nbc")))


def measured(model: str, pack: str | None, warm_runs: int) -> dict[str, dict]:
    """What a first step takes, by how it finds its kernels."""
    code, rows = script(model), {}
    with tempfile.TemporaryDirectory() as folder:
        env = {"NUMTORCH_CACHE": folder, "NUMTORCH_PACKS": "0", "NUMTORCH_QUIET": "1"}
        rows["cold"] = once(code, **env) | {"compiled": files(folder)}
        runs = [once(code, **env) for _ in range(warm_runs)]
        warm = {key: statistics.median(run[key] for run in runs) for key in runs[0]} if runs else {}
        if pack:
            with tempfile.TemporaryDirectory() as empty:
                rows["cold, pack"] = once(code, **env | {"NUMTORCH_CACHE": empty, "NUMTORCH_PACKS": pack})
                rows["cold, pack"]["compiled"] = files(empty)
        if warm:
            rows["warm"] = warm | {"compiled": 0}
    return rows


def main() -> int:
    """Print a table: a line for each model and each way to find its kernels."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.first_step", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("models", nargs="*", default=MODELS, help=f"of {', '.join(MODELS)}")
    parser.add_argument("--pack", help="a pack of the models; without it there is no row for packs")
    parser.add_argument("--runs", type=int, default=5, help="warm runs, of which the median is shown; 0: only cold")
    args = parser.parse_args()
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    print(f"{machine()}\n{'':<22}{'wall s':>8}{'CPU s':>8}{'compiled':>10}{'loaded':>8}{'MB':>6}")
    for model in args.models:
        for kind, row in measured(model, args.pack, args.runs).items():
            print(
                f"{model + ', ' + kind:<22}{row['wall']:>8.2f}{row['cpu']:>8.2f}{row['compiled']:>10}"
                f"{row['loaded']:>8.0f}{row['resident']:>6.0f}",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
