"""``python -m numtorch.profiler``: profiles a script without a change to it, or times ops against NumPy and torch.

python -m numtorch.profiler train.py --epochs 2      prints the table; writes the time line to train.trace.json.gz
python -m numtorch.profiler -m package.train         the same for a module
python -m numtorch.profiler ops --filter softmax     times the ops of the registry over several sizes
"""

from __future__ import annotations

import argparse
import inspect
import io
import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numtorch as torch
from numtorch import notices, programs
from numtorch.dispatch.elementwise import ElementwiseOp
from numtorch.dispatch.op import OPS
from numtorch.profiler.benchmark import NOT_INSTALLED, benchmark
from numtorch.profiler.rows import legend
from numtorch.profiler.session import check_path, profile
from numtorch.profiler.table import GROUPS

EPILOG = "ops against NumPy and torch: python -m numtorch.profiler ops --help"


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; the exit status."""
    argv = list(sys.argv[1:] if argv is None else argv)
    if argv[:1] == ["ops"]:
        return ops(argv[1:])

    parser = argparse.ArgumentParser(
        prog="python -m numtorch.profiler", description="Profile a script without a change to it.", epilog=EPILOG
    )
    parser.add_argument(
        "-o",
        "--trace",
        help="write the time line to this file, for chrome://tracing or Perfetto (SCRIPT.trace.json.gz)",
    )
    parser.add_argument("--no-trace", action="store_true", help="write no time line")
    parser.add_argument(
        "--no-roof",
        action="store_true",
        help="do not measure the peaks of the machine; this takes seconds the first time",
    )
    parser.add_argument("--sort", help="sort rows by this column (time)")
    parser.add_argument(
        "--group-by", default="kernel", choices=list(GROUPS), help="sum rows that share this (kernel); rows: no sums"
    )
    parser.add_argument("--rows", type=int, default=32, help="how many rows are printed (32)")
    parser.add_argument("-m", dest="module", action="store_true", help="SCRIPT is the name of a module")
    parser.add_argument("script", help="the script, or with -m the module")
    parser.add_argument("args", nargs=argparse.REMAINDER, help="arguments for the script")
    given = parser.parse_args(argv)
    return profiled(given, parser)


def profiled(given: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """Run the script under a profile, show what was gathered, and end as the script ended."""
    if given.sort is not None and given.sort not in legend():
        parser.error(f"no column is called {given.sort!r}; there are {', '.join(legend())}")
    try:
        program = (programs.module if given.module else programs.script)(given.script)
    except programs.NotFound as e:
        parser.error(str(e))
    trace = None if given.no_trace else given.trace or f"{Path(program.name).stem}.trace.json.gz"
    if trace is not None:
        try:
            check_path(trace)
        except OSError as e:
            parser.error(f"{e}; -o names another file, --no-trace writes none")
    prof = profile()
    prof.start()
    try:
        failure = programs.run(program, given.args)
    finally:
        prof.stop()
    notices.flush()
    if not isinstance(failure, SyntaxError) or prof.rows:
        _show(prof, given, trace)
    return programs.end(failure, os.path.dirname(__file__) + os.sep, "<numtorch profiler>")


def _show(prof: Any, given: argparse.Namespace, trace: str | None) -> None:
    if not given.no_roof and any(r.kind == "kernel" for r in prof.rows):
        prof.measure()
    print(f"\n{prof.table(sort_by=given.sort, row_limit=given.rows, group_by=given.group_by)}", flush=True)
    if trace is not None:
        try:
            prof.export_chrome_trace(trace)
            print(f"time line: {trace}", flush=True)
        except OSError as e:  # what the script did to the folder meanwhile
            notices.tell(f"numtorch.profiler: {e}")


# --- ops ------------------------------------------------------------------------------------------

ELEMENTWISE = [(1_000,), (100_000,), (1_000_000,)]
ALONG_A_DIMENSION = [(64, 10), (768, 512)]


def ops(argv: Sequence[str]) -> int:
    """Time the ops of the registry; 1 if one failed."""
    parser = argparse.ArgumentParser(
        prog="python -m numtorch.profiler ops", description="Time ops against NumPy and torch."
    )
    parser.add_argument("--filter", default="", help="time only ops whose names contain this text")
    parser.add_argument(
        "--against", default="numpy,torch", help="what to compare with, separated by commas (numpy,torch)"
    )
    parser.add_argument("--cold", action="store_true", help="empty the processor's caches before every call")
    parser.add_argument("--rounds", type=int, default=11, help="number of timings of each function (11)")
    parser.add_argument("--seconds", type=float, default=0.02, help="length of one timing in seconds (0.02)")
    parser.add_argument("--threads", type=int, default=None, help="number of threads (as numtorch starts)")
    parser.add_argument("--csv", help="write all rows to this file")
    parser.add_argument("--plot", help="write a plot of each op into this folder")
    given = parser.parse_args(argv)

    if given.plot and find_spec("matplotlib") is None:
        parser.error(NOT_INSTALLED)
    if given.threads:
        torch.set_num_threads(given.threads)
    chosen = [op for name, op in sorted(OPS.items()) if given.filter in name and (given.filter or op.public)]
    if not chosen:
        parser.error(f"no op's name contains {given.filter!r}")
    rivals = [r for r in given.against.split(",") if r]
    failed, text = 0, io.StringIO()
    for op in chosen:
        if not cases(op) and given.filter:
            print(
                f"{op.name}: nothing is known to time it on; call numtorch.profiler.benchmark with inputs of your own\n"
            )
        for shapes, params in cases(op):
            try:
                found = benchmark(
                    op.call,
                    shapes,
                    against=rivals,
                    cache="cold" if given.cold else "hot",
                    rounds=given.rounds,
                    seconds=given.seconds,
                    **params,
                )
            except (ValueError, RuntimeError, TypeError, NotImplementedError) as e:
                failed += 1
                print(f"{op.name}: {e}\n", flush=True)
                continue
            print(f"{found}\n", flush=True)
            table = found.to_csv()
            text.write(table if not text.tell() else table.partition("\n")[2])
            if given.plot:
                Path(given.plot).mkdir(parents=True, exist_ok=True)
                found.plot(Path(given.plot) / f"{op.name}.png")
    if given.csv:
        Path(given.csv).write_text(text.getvalue())
    return 1 if failed else 0


def cases(op: Any) -> list[tuple[list, dict]]:
    """(shapes, parameters) on which an op is timed: sizes of its kind, else the samples that stand beside it."""
    if isinstance(op, ElementwiseOp):
        return [(ELEMENTWISE, {n: 0.7 for n, default in op.params if default is inspect.Parameter.empty})]
    if any(n == "dim" for n, _ in op.params) and len(op.tensors) == 1:
        return [(ALONG_A_DIMENSION, {"dim": -1})]
    found = []
    for sample in op.samples() if op.samples else []:
        count = len(op.tensors)
        shapes, rest = sample[:count], sample[count:]
        if all(isinstance(s, tuple) for s in shapes) and len(shapes) == count:
            found.append(([list(shapes)], {n: v for (n, _), v in zip(op.params, rest, strict=False)}))
    return found[:1]


if __name__ == "__main__":
    sys.exit(main())
