"""``python -m benchmarks.changes OTHER [words]``: the time of this checkout divided by the time of another one, for
each workload.

OTHER is a folder with another state of this project (``git worktree add ../before COMMIT``). Each checkout has its own
process; they take turns, and values are compared first. Above 1 the change costs time. Workloads that the other
checkout lacks are named and left out.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.compare import ROOT, Worker, WorkloadError, difference, machine
from benchmarks.workloads import Workload, load


def times(w: Workload, workers: Sequence[Worker], rounds: int, seconds: float) -> list[list[float]]:
    """Seconds for a call of each worker, in each round; the values of the first are those of all."""
    first, *others = (np.array(x.ask(prepare=w.name)["check"]) for x in workers)
    for values in others:
        if not (apart := difference(values, first)) <= w.tolerance:
            raise WorkloadError(f"values differ by {apart:.2e}; nothing was timed")
    calls = [1] * len(workers)
    for _ in range(2):
        calls = [
            max(1, int(seconds / max(x.ask(time=n)["seconds"], 1e-7))) for x, n in zip(workers, calls, strict=True)
        ]
    found = []
    for i in range(rounds):
        turn = [(i + k) % len(workers) for k in range(len(workers))]  # who begins alternates
        took = {k: workers[k].ask(time=calls[k])["seconds"] for k in turn}
        found.append([took[k] for k in range(len(workers))])
    return found


def ratios(w: Workload, after: Worker, before: Worker, rounds: int, seconds: float) -> list[float]:
    """Our time over the other checkout's in each round, sorted."""
    return sorted(ours / theirs for theirs, ours in times(w, (before, after), rounds, seconds))


def main() -> int:
    """Print a ratio for each workload, then their median and the worst; the exit code is 1 if one failed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.changes",
        description="Print the time of this checkout divided by the time of another one, for each workload.",
    )
    parser.add_argument("other", type=Path, help="the folder of the other checkout")
    parser.add_argument(
        "filter", nargs="*", default=[""], help="run workloads whose names contain one of these texts (all)"
    )
    parser.add_argument("--threads", type=int, default=1, help="number of threads of each checkout (1)")
    parser.add_argument("--rounds", type=int, default=9, help="number of timings of each checkout (9)")
    parser.add_argument("--seconds", type=float, default=0.05, help="length of one timing in seconds (0.05)")
    args = parser.parse_args()
    print(f"{machine()}; {args.threads} threads; time here / time in {args.other.resolve().name}", flush=True)
    failed, medians = 0, {}
    workers = Worker("numtorch", args.threads, ROOT), Worker("numtorch", args.threads, args.other.resolve())
    try:
        for w in load().values():
            if not any(part in w.name for part in args.filter):
                continue
            try:
                row = ratios(w, *workers, args.rounds, args.seconds)
            except WorkloadError as e:
                failed += 1
                print(f"{w.name}: failed: {str(e).strip().splitlines()[-1]}", flush=True)
                continue
            medians[w.name] = statistics.median(row)
            print(f"{w.name:60} {medians[w.name]:6.3f}   {row[0]:.3f} to {row[-1]:.3f}", flush=True)
    finally:
        for worker in workers:
            worker.close()
    if medians:
        worst = sorted(medians, key=lambda name: -medians[name])[:15]
        print(f"\n{len(medians)} workloads, median {statistics.median(medians.values()):.3f}; the largest:")
        print("\n".join(f"{name:60} {medians[name]:6.3f}" for name in worst))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
