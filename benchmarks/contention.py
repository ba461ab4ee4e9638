"""``python -m benchmarks.contention``: how much slower a training step is while another process keeps one core busy.

Each framework runs in its own process, with one thread per core. Rounds with and without the busy process alternate.
The figure is the median of the busy rounds divided by the median of the quiet ones. The last column compares the two
frameworks while the core is busy.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.compare import Worker, machine

STEPS = "step/MLP SGD", "step/MLP Adam", "step/LeNet SGD", "step/LeNet Adam"
BUSY = "import os, sys\nif sys.argv[1] != 'any': os.sched_setaffinity(0, {int(sys.argv[1])})\n"
BUSY += "print(flush=True)\nwhile True: pass"


@contextmanager
def busy(core: str) -> Iterator[None]:
    """A process that does nothing, all the time, on one core."""
    process = subprocess.Popen([sys.executable, "-c", BUSY, core], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield
    finally:
        process.kill()
        process.wait()


def measure(name: str, framework: str, threads: int, rounds: int, seconds: float, core: str) -> tuple[float, float]:
    """Seconds for a step with the machine to itself, and with a core taken."""
    worker = Worker(framework, threads)
    try:
        worker.ask(prepare=name)
        calls = max(1, int(seconds / worker.ask(time=20)["seconds"]))
        quiet, taken = [], []
        for _ in range(rounds):
            quiet.append(worker.ask(time=calls)["seconds"])
            with busy(core):
                few = max(1, int(seconds / max(seconds / calls, worker.ask(time=3)["seconds"])))
                taken.append(worker.ask(time=few)["seconds"])
    finally:
        worker.close()
    return statistics.median(quiet), statistics.median(taken)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.contention",
        description="Print how much slower a training step is while another process keeps one core busy.",
    )
    parser.add_argument(
        "filter", nargs="*", default=[""], help="run steps whose names contain one of these texts (all)"
    )
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))
    parser.add_argument(
        "--threads", type=int, default=len(cores), help="number of threads of each framework (one per core)"
    )
    parser.add_argument("--rounds", type=int, default=5, help="number of rounds with and without the busy process (5)")
    parser.add_argument("--seconds", type=float, default=0.5, help="length of one timing in seconds (0.5)")
    parser.add_argument("--core", default=str(cores[-1]), help="the core of the busy process, or 'any' (the last core)")
    args = parser.parse_args()
    print(f"{machine()}; {args.threads} threads; a busy process on core {args.core}\n")
    print(
        "| step | framework | alone, us | core taken, us | slowdown | ours / torch, core taken "
        "|\n|---|---|---|---|---|---|"
    )
    for name in STEPS:
        if not any(part in name for part in args.filter):
            continue
        times = {f: measure(name, f, args.threads, args.rounds, args.seconds, args.core) for f in ("numtorch", "torch")}
        for framework, (quiet, taken) in times.items():
            ratio = f"{taken / times['torch'][1]:.3f}" if framework == "numtorch" else ""
            print(
                f"| {name} | {framework} | {quiet * 1e6:.0f} | {taken * 1e6:.0f} | {taken / quiet:.1f} | {ratio} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
