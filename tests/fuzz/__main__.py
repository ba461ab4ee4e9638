"""``python -m tests.fuzz --calls 100000 --seed 0``; see README.md beside this file."""

from __future__ import annotations

import argparse
import collections
import json
import os
import re
import sys
import time
import traceback
from importlib import import_module
from typing import Any

from tests.fuzz import runner
from tests.fuzz.calls import Call, read
from tests.fuzz.generate import Calls, Listed
from tests.fuzz.minimise import minimise

WORST = (
    "crash",
    "hang",
    "memory",
    "process_state",
    "unwritten",
    "consistency",
    "wrong",
    "wrong_grad",
    "wrong_state",
    "grad_missing",
    "grad_refused",
    "slow",
    "refused",
    "accepted",
    "error_kind",
    "error_words",
    "error_class",
)


def main() -> int:
    """Exit status: 0 if nothing was found."""
    p = argparse.ArgumentParser(prog="python -m tests.fuzz")
    p.add_argument("--calls", type=int, default=2000)
    p.add_argument("--start", type=int, default=0, help="number of the first call")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--ops", help="a regular expression that functions' names match: 'F.conv', '^Tensor.*_$'")
    p.add_argument("--replay", help="a printed call, or several separated by semicolons, of which the last is judged")
    p.add_argument(
        "--recheck", help="a file that --log has written: run its calls, one of each function and category, once more"
    )
    p.add_argument("--minimise", action="store_true", help="with --replay: make the call small")
    p.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    p.add_argument("--no-torch", action="store_true", help="safety and consistency only")
    p.add_argument("--narrow", action="store_true", help="few types, so that little is compiled")
    p.add_argument("--once", action="store_true", help="of the calls only the first of each function")
    p.add_argument("--each", type=int, default=1, help="how many findings of a function and category are printed")
    p.add_argument("--log", help="a file to which each finding is appended as it is found, as a line of JSON")
    p.add_argument("--only", help="categories to print, separated by commas")
    given = p.parse_args()
    torch = runner.prepare(not given.no_torch)
    if given.replay:
        return replay(read(given.replay), torch, given.minimise)
    seen: collections.Counter = collections.Counter()
    kept: dict[tuple, list] = collections.defaultdict(list)

    def report(f: runner.Finding) -> None:
        if given.log:
            with open(given.log, "a") as log:
                log.write(json.dumps([f.category, f.name, f.what, f.call, f.index]) + "\n")
        key = f.category, f.name
        seen[key] += 1
        if len(kept[key]) < given.each:
            kept[key].append(f)
        if f.category in ("crash", "hang", "memory", "process_state"):
            print(f"{f.category}: {f.what}\n    {f.call}", flush=True)

    started = time.monotonic()
    calls = Calls(given.seed, given.ops, given.narrow)
    if given.recheck or given.once:
        listed = (
            logged(given.recheck, given.ops)
            if given.recheck
            else Listed([[c] for c in firsts(calls, given.start, given.calls)])
        )
        r = runner.Runner(listed, torch, given.jobs, report)
        r.run(0, len(listed))
    else:
        r = runner.Runner(calls, torch, given.jobs, report)
        r.run(given.start, given.start + given.calls)
    took = time.monotonic() - started
    wanted = given.only.split(",") if given.only else WORST
    for category in wanted:
        lines = [(name, n) for (c, name), n in sorted(seen.items()) if c == category]
        if lines:
            print(f"\n## {category}: {sum(n for _, n in lines)}")
        for name, n in lines:
            for f in sorted(kept[category, name], key=lambda f: len(f.call)):
                print(f"- {n}x {f.call}\n    {f.what}")
    print(
        f"\n{r.done} calls in {took:.0f} s ({r.done / max(took, 1e-9):.0f} a second), {sum(seen.values())} findings, "
        f"{len(r.torch_deaths)} deaths of torch"
    )
    return int(bool(seen))


def firsts(calls: Calls, start: int, count: int) -> list[Call]:
    """The first call of each function among so many."""
    found: dict[str, Call] = {}
    for i in range(start, start + count):
        call = calls[i]
        found.setdefault(call.name, call)
    return list(found.values())


def logged(path: str, only: str | None) -> Listed:
    """The shortest call of each function and category in a log."""
    best: dict[tuple, str] = {}
    with open(path) as f:
        for line in f:
            category, name, _, call, _ = json.loads(line)
            if only is None or re.search(only, name):
                best[category, name] = min(call, best.get((category, name), call), key=len)
    return Listed([read(text) for text in best.values()])


def replay(calls: list[Call], torch: Any, small: bool) -> int:
    """Run calls in a process of their own and say what is wrong with the last."""
    status, found = runner.alone(calls, torch)
    if small and (status != "ok" or found):
        wanted = (status, found[0][0] if status == "ok" else "")

        def still(call: Call) -> bool:
            now, what = runner.alone([*calls[:-1], call], torch)
            return now == wanted[0] and (now != "ok" or wanted[1] in [c for c, _ in what])

        calls = [*calls[:-1], minimise(calls[-1], still)]
        status, found = runner.alone(calls, torch)
        print("; ".join(map(repr, calls)))
    for lib in (import_module("numtorch"), torch):
        if lib is not None and status == "ok":
            print(f"{lib.__name__:>8}: {runner.shown(calls, lib)}")
    print(status, *([found] if status != "ok" else [f"\n  {c}: {w}" for c, w in found] or ["nothing is wrong"]))
    return int(status != "ok" or bool(found))


if __name__ == "__main__":
    try:
        status = main()
    except Exception:
        traceback.print_exc()
        status = 2
    sys.stdout.flush()
    os._exit(status)  # arrays that outlive the allocator's code must not be freed
