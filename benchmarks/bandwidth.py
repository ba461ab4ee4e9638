"""``python -m benchmarks.bandwidth``: which part of the memory bandwidth memory-bound ops reach.

Bytes are those that the profiler's cost formulas declare; a call with several kernels counts the bytes of each. The
roof is the longer of two times: all bytes at the best rate that ``profiler.machine()`` has measured for that many, and
the bytes that are read at the rate of reading. (Reading is slower on a core that cannot wait for enough cache lines at
once.) Ops below 85 % are marked.
With ``--save`` the rows go to ``results/bandwidth.json``; use a quiet machine.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from benchmarks import table
from benchmarks.compare import Bench, WorkloadError, machine
from benchmarks.workloads import load

GOAL = 0.85
HEAD = "| op | MB | kernels | ms | GB/s | of the roof | ours / torch |\n|---|---|---|---|---|---|---|"


def declared(run: Callable) -> dict[str, Any]:
    """What one call of ours declares to move, in how many kernels, and the roof (GB/s) for such a mix.

    Of kernels within kernels only the outermost count: their bytes are those of the whole op.
    """
    from numtorch.dispatch.cost import nbytes
    from numtorch.profiler import machine, profile
    from numtorch.profiler.rows import Row

    written = nbytes(run())  # what compiles is no event
    with profile() as prof:
        run()
    outermost: list[Row] = []
    end = -1
    for e in sorted(prof.events, key=lambda e: (e.start_ns, -e.duration_ns)):
        if e.thread == 0 and isinstance(e.of, Row) and e.of.kind == "kernel" and e.start_ns >= end:
            end = e.start_ns + e.duration_ns
            if e.of.bytes:
                outermost.append(e.of)
    moved = int(sum(row.bytes / row.calls for row in outermost))
    least = max(moved / machine().bandwidth(moved), max(0, moved - written) / streams()["read"])
    return {"bytes": moved, "kernels": len(outermost), "roof_gbps": moved / least if moved else 0.0}


@cache
def streams() -> dict[str, float]:
    """GB/s of the plain streams from which the roof is made, at its largest size: what mixes of reads and writes can
    have.

    ``copy`` and ``fill`` write lines that have not been read: each is fetched before it is overwritten, which no figure
        counts.
    """
    from numtorch.kernels import threads
    from numtorch.profiler import machine, peaks

    count, size = threads.get_num_threads(), machine().bandwidths[-1][0]
    x, y = np.ones(size // 16), np.zeros(size // 16)
    return {
        name: peaks.stream(x, y, size, count, which) for which, name in enumerate(("copy", "read", "fill", "add to"))
    }


def measured(bench: Bench, w: Any) -> dict:
    """A row: times beside torch's, and our share of the roof."""
    row = bench.row(w)
    row |= bench.worker("numtorch", False).ask(declare=True)
    row["gbps"] = row["bytes"] / row["ours_us"] / 1e3
    row["share"] = row["gbps"] / row["roof_gbps"]
    return row


def line(row: dict) -> str:
    """One row as a line of the table."""
    mark = "" if row["share"] >= GOAL else " **below**"
    return (
        f"| {row['name'].partition('/')[2]} | {row['bytes'] / 1e6:.0f} | {row['kernels']} | "
        f"{row['ours_us'] / 1e3:.2f} | "
        f"{row['gbps']:.1f} | {row['share']:.0%}{mark} | {row['against']['torch']['ratio']:.2f} |"
    )


def main() -> int:
    """Measure, print, and save if asked to; the exit code is 1 if a workload failed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.bandwidth",
        description="Print which part of the memory bandwidth memory-bound ops reach.",
    )
    parser.add_argument(
        "filter", nargs="*", default=[""], help="run workloads whose names contain one of these texts (all)"
    )
    parser.add_argument("--threads", type=int, default=None, help="number of threads of each framework (all cores)")
    parser.add_argument("--rounds", type=int, default=5, help="number of timings of each framework (5)")
    parser.add_argument("--seconds", type=float, default=0.1, help="length of one timing in seconds (0.1)")
    parser.add_argument("--save", action="store_true", help="write results/bandwidth.json; use a quiet machine")
    args = parser.parse_args()

    header: dict[str, Any] = {"machine": machine(), "threads": args.threads or len(os.sched_getaffinity(0))}
    bench = Bench(header["threads"], args.rounds, args.seconds)
    rows, failed = [], 0
    try:
        rates = bench.worker("numtorch", False).ask(streams=True)
        print(
            f"{header['machine']}; {header['threads']} threads; "
            f"{', '.join(f'{k} {v:.1f} GB/s' for k, v in rates.items())}\n\n{HEAD}"
        )
        for w in load().values():
            if w.group != "bandwidth" or not any(part in w.name for part in args.filter):
                continue
            try:
                rows.append(measured(bench, w))
            except WorkloadError as e:
                failed += 1
                print(f"| {w.name} | failed: {e} | | | | | |", flush=True)
                continue
            print(line(rows[-1]), flush=True)
    finally:
        bench.close()
    if rows:
        below = sum(r["share"] < GOAL for r in rows)
        print(
            f"\nmedian share {statistics.median(r['share'] for r in rows):.0%}; {below} of {len(rows)} below {GOAL:.0%}"
        )
    if args.save:
        table.store("bandwidth", rows, header)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
