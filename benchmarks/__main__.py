"""``python -m benchmarks [filter]``: prints the table of ratios; with ``--save`` it also writes files under
``results/``."""

from __future__ import annotations

import argparse
import os
import sys

from benchmarks import start, table
from benchmarks.compare import Bench, WorkloadError, machine
from benchmarks.workloads import load


def main() -> int:
    """Run the workloads whose names contain the filter; the exit code is 1 if one failed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Print a table of our time divided by PyTorch's, one row per workload."
    )
    parser.add_argument(
        "filter",
        nargs="*",
        default=[""],
        help="run workloads whose names contain one of these texts (all); 'start' is process start",
    )
    parser.add_argument("--threads", type=int, default=None, help="number of threads of each framework (all cores)")
    parser.add_argument("--rounds", type=int, default=9, help="number of timings of each framework (9)")
    parser.add_argument("--seconds", type=float, default=0.2, help="length of one timing in seconds (0.2)")
    parser.add_argument("--save", action="store_true", help="write the rows into results/; use a quiet machine")
    args = parser.parse_args()

    threads = args.threads or len(os.sched_getaffinity(0))
    header = {"machine": machine(), "threads": threads}
    print(f"{header['machine']}; {threads} threads\n\n{table.HEAD}")
    bench = Bench(threads, args.rounds, args.seconds)
    failed = 0
    groups: dict[str, list[dict]] = {}
    try:
        for w in load().values():
            if w.group == "bandwidth" or not any(
                part in w.name for part in args.filter
            ):  # that group has a command of its own
                continue
            try:
                row = bench.row(w)
            except WorkloadError as e:
                failed += 1
                print(f"| {w.name} | failed: {e} | | | |", flush=True)
                continue
            print(table.line(row), flush=True)
            groups.setdefault(w.group, []).append(row)
    finally:
        bench.close()
    if "" in args.filter or "start" in args.filter:
        seconds = start.measure()
        for key, value in seconds.items():
            print(f"| {key} | {value:.2f} | | | |" if isinstance(value, float) else f"| {key} | {value} | | | |")
        if args.save:
            table.store("start", [], header | {"seconds": seconds})
    if args.save:
        for group, rows in groups.items():
            table.store(group, rows, header)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
