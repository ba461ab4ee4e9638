"""``python -m benchmarks.growth``: time against size, for us and for torch; time and memory over ten thousand steps.

Each framework measures its curves in its own process. A point is the smallest of five timings. With ``--save`` the
points and their plot go to ``results/growth.json`` and ``growth.png``; use a quiet machine.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from benchmarks.compare import ROOT, machine
from benchmarks.models import lenet
from benchmarks.table import RESULTS
from benchmarks.workloads import framework, values

BATCH = 64
STEPS, BLOCKS = 10_000, 10


def exp(fw: SimpleNamespace, n: int) -> Callable:
    """Elements of ``exp``."""
    x = fw.tensor(values(n))
    return lambda: fw.T.exp(x)


def softmax(fw: SimpleNamespace, n: int) -> Callable:
    """Elements of ``softmax`` over rows of 1,024."""
    x = fw.tensor(values(n // 1024, 1024))
    return lambda: fw.F.softmax(x, -1)


def matmul(fw: SimpleNamespace, n: int) -> Callable:
    """Width of square ``matmul``."""
    x, y = fw.tensor(values(n, n)), fw.tensor(values(n, n, seed=1))
    return lambda: x @ y


def trainer(fw: SimpleNamespace, net: Any, *shape: int) -> Callable:
    """A training step of ``net`` on a batch of this shape."""
    opt = fw.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    loss_of = fw.nn.CrossEntropyLoss()
    x, labels = fw.tensor(values(*shape)), fw.T.tensor(np.random.default_rng(1).integers(0, 10, shape[0]))

    def step() -> None:
        opt.zero_grad()
        loss_of(net(x), labels).backward()
        opt.step()

    return step


def mlp(fw: SimpleNamespace, width: int = 128, depth: int = 1, batch: int = BATCH) -> Callable:
    """A step of an MLP with ``depth`` hidden layers."""
    nn = fw.nn
    layers = [nn.Linear(784, width), nn.ReLU()]
    for _ in range(depth - 1):
        layers += [nn.Linear(width, width), nn.ReLU()]
    return trainer(fw, nn.Sequential(*layers, nn.Linear(width, 10)), batch, 784)


CURVES: dict[str, tuple[list[int], Callable]] = {
    "exp: elements": ([4**k for k in range(3, 13)], exp),
    "softmax: elements": ([4**k for k in range(5, 12)], softmax),
    "matmul: width": ([2**k for k in range(4, 11)], matmul),
    "MLP: width": ([2**k for k in range(4, 12)], lambda fw, n: mlp(fw, width=n)),
    "MLP: depth": ([2**k for k in range(6)], lambda fw, n: mlp(fw, depth=n)),
    "MLP: batch": ([4**k for k in range(7)], lambda fw, n: mlp(fw, batch=n)),
    "LeNet: batch": ([4**k for k in range(6)], lambda fw, n: trainer(fw, lenet(fw), n, 1, 28, 28)),
}


def seconds(run: Callable) -> float:
    """The least of five timings of at least 50 ms."""
    run()
    calls, best = 1, 0.0
    for _ in range(5):
        while True:
            started = time.perf_counter()
            for _ in range(calls):
                run()
            elapsed = time.perf_counter() - started
            if elapsed > 0.05:
                break
            calls *= 2
        best = min(best or elapsed, elapsed / calls)
    return best


def resident() -> float:
    """Megabytes of memory that this process holds."""
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def endurance(fw: SimpleNamespace) -> Iterator[tuple]:
    """Ten thousand steps of an MLP: steps done, seconds for a step, megabytes, after each thousand."""
    step = mlp(fw)
    for _ in range(50):
        step()
    for block in range(BLOCKS):
        started = time.perf_counter()
        for _ in range(STEPS // BLOCKS):
            step()
        yield (block + 1) * STEPS // BLOCKS, (time.perf_counter() - started) / (STEPS // BLOCKS), resident()


def measure(curve: str, name: str, threads: int) -> list:
    """The points of a curve, measured in a new process."""
    command = [sys.executable, "-m", "benchmarks.growth", "--inside", name, "--threads", str(threads), curve]
    env = os.environ | {"NUMTORCH_QUIET": "1", "OMP_NUM_THREADS": str(threads)}
    out = subprocess.run(command, cwd=ROOT, env=env, check=True, capture_output=True, text=True).stdout
    return json.loads(out.splitlines()[-1])


def points(curve: str, name: str, threads: int) -> list:
    """The points of a curve, measured here: (size, seconds), or what ``endurance`` gives."""
    fw = framework(name)
    fw.T.set_num_threads(threads)
    if curve == "endurance":
        return list(endurance(fw))
    sizes, make = CURVES[curve]
    return [(n, seconds(make(fw, n))) for n in sizes]


def plot(results: dict, path: Path) -> None:
    """A panel for every curve, on logarithmic axes; one for time and one for memory over the steps."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    fig, axes = pyplot.subplots(3, 3, figsize=(12, 10), layout="constrained")
    axes = axes.flat
    curves = [c for c in CURVES if c in results]
    for ax, curve in zip(axes, curves, strict=False):
        for name, rows in results[curve].items():
            ax.loglog([r[0] for r in rows], [r[1] * 1e6 for r in rows], "o-", markersize=3, label=name)
        ax.set(title=curve.split(":")[0], xlabel=curve.split(": ")[1], ylabel="microseconds")
        ax.legend()
    for ax, column, label, scale in ((axes[7], 1, "microseconds a step", 1e6), (axes[8], 2, "megabytes resident", 1)):
        for name, rows in results.get("endurance", {}).items():
            ax.plot([r[0] for r in rows], [r[column] * scale for r in rows], "o-", markersize=3, label=name)
        ax.set(title="MLP", xlabel="steps", ylabel=label, ylim=(0, None))
    fig.savefig(path, dpi=100)


def main() -> None:
    """Measure, print, and save if asked to."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.growth",
        description="Measure time against size, for numtorch and torch, and time and memory over many steps.",
    )
    parser.add_argument(
        "filter",
        nargs="*",
        default=[""],
        help="measure curves whose names contain one of these texts (all); 'endurance' is the ten thousand steps",
    )
    parser.add_argument(
        "--threads",
        type=int,
        default=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        help="number of threads of each framework (one per core)",
    )
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    parser.add_argument("--plot", type=Path, help="write the plot to this file")
    parser.add_argument("--save", action="store_true", help="write results/growth.json and growth.png")
    args = parser.parse_args()
    if args.inside:
        print(json.dumps(points(args.filter[0], args.inside, args.threads)))
        return
    results: dict[str, dict] = {}
    for curve in [*CURVES, "endurance"]:
        if not any(part in curve for part in args.filter):
            continue
        results[curve] = {name: measure(curve, name, args.threads) for name in ("numtorch", "torch")}
        ours, theirs = results[curve]["numtorch"], results[curve]["torch"]
        if curve == "endurance":
            for name, rows in results[curve].items():
                print(
                    f"{name}: {rows[0][1] * 1e6:.0f} us a step in the first thousand, {rows[-1][1] * 1e6:.0f} in the "
                    f"last; {rows[0][2]:.0f} MB after a thousand, {rows[-1][2]:.0f} after {STEPS:,}",
                    flush=True,
                )
        else:
            ratios = ", ".join(f"{n}: {a / b:.2f}" for (n, a), (_, b) in zip(ours, theirs, strict=True))
            print(f"{curve}, ours / torch: {ratios}", flush=True)
    if args.save:
        RESULTS.mkdir(exist_ok=True)
        record = {"machine": machine(), "threads": args.threads, "curves": results}
        (RESULTS / "growth.json").write_text(json.dumps(record, indent=1) + "\n")
    for path in [args.plot] if args.plot else [RESULTS / "growth.png"] if args.save else []:
        plot(results, path)


if __name__ == "__main__":
    main()
