"""``python -m benchmarks.levels [words]``: what a kernel costs that was compiled for a level of processors, as those of
a kernel pack are, instead of for this machine.

Three processes compile for x86-64-v3, for x86-64-v4 and for this machine. They take turns, and values are compared
first. A ratio is a level's time divided by this machine's: above 1 the level costs time. Levels that this processor
lacks are left out. No pack is used, so kernels are compiled when they are first called, for each level.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections import defaultdict

from benchmarks.changes import times
from benchmarks.compare import Worker, WorkloadError, machine
from benchmarks.workloads import load
from numtorch.kernels import target

WORST = 10


def main() -> int:
    """Print the ratios of each workload, then the medians of groups and the largest; 1 if a workload failed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.levels",
        description="Print the time of kernels compiled for a level divided by that of kernels for this machine.",
    )
    parser.add_argument(
        "filter", nargs="*", default=[""], help="run workloads whose names contain one of these texts (all)"
    )
    parser.add_argument("--threads", type=int, default=1, help="number of threads of each process (1)")
    parser.add_argument("--rounds", type=int, default=9, help="number of timings of each process (9)")
    parser.add_argument("--seconds", type=float, default=0.05, help="length of one timing in seconds (0.05)")
    args = parser.parse_args()
    levels = [level for level in sorted(target.LEVELS) if target.runs(level)]
    print(f"{machine()}; {args.threads} threads; time of a level / time of kernels for this machine", flush=True)
    print(f"{'':50} {'  '.join(f'{level:>24}' for level in levels)}", flush=True)
    found: dict[str, dict[str, float]] = {level: {} for level in levels}
    workers = [Worker("numtorch", args.threads, variables={"NUMTORCH_PACKS": "0"})]
    workers += [Worker("numtorch", args.threads, variables={"NUMBA_CPU_NAME": level}) for level in levels]
    failed = 0
    try:
        for w in load().values():
            if not any(part in w.name for part in args.filter):
                continue
            try:
                rounds = times(w, workers, args.rounds, args.seconds)
            except WorkloadError as e:
                failed += 1
                print(f"{w.name}: failed: {str(e).strip().splitlines()[-1]}", flush=True)
                continue
            cells = []
            for i, level in enumerate(levels, 1):
                ratios = sorted(r[i] / r[0] for r in rounds)
                found[level][w.name] = statistics.median(ratios)
                cells.append(f"{found[level][w.name]:6.3f}  {ratios[0]:6.3f} to {ratios[-1]:6.3f}")
            print(f"{w.name:50} {'  '.join(cells)}", flush=True)
    finally:
        for worker in workers:
            worker.close()
    for level, medians in found.items():
        if medians:
            print(f"\n{summary(level, medians)}")
    return 1 if failed else 0


def summary(level: str, medians: dict[str, float]) -> str:
    """The median ratio of a level, of each group of workloads, and its largest ratios."""
    groups = defaultdict(list)
    for name, ratio in medians.items():
        groups[name.partition("/")[0]].append(ratio)
    within = sum(r <= 1.03 for r in medians.values())
    lines = [
        f"{level}: {len(medians)} workloads, median {statistics.median(medians.values()):.3f}, {within} at most 1.03",
        "by groups: " + ", ".join(f"{name} {statistics.median(rs):.3f}" for name, rs in groups.items()),
        "the largest:",
    ]
    worst = sorted(medians, key=lambda name: -medians[name])[:WORST]
    return "\n".join([*lines, *[f"  {name:50} {medians[name]:6.3f}" for name in worst]])


if __name__ == "__main__":
    sys.exit(main())
