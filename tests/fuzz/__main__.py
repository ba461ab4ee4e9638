"""``python -m tests.fuzz --calls 100000 --seed 0``; see README.md beside this file."""

from __future__ import annotations

import argparse
import collections
import json
import os
import sys
import time

from tests.fuzz import runner
from tests.fuzz.calls import read
from tests.fuzz.generate import Calls

WORST = ("crash", "hang", "memory", "process_state", "unwritten", "wrong", "wrong_grad", "wrong_state", "grad_missing", "grad_refused",
         "slow", "refused", "accepted", "error_kind", "error_words", "error_class")


def main() -> int:
    """Exit status: 0 if nothing was found."""
    p = argparse.ArgumentParser(prog="python -m tests.fuzz")
    p.add_argument("--calls", type=int, default=2000)
    p.add_argument("--start", type=int, default=0, help="number of the first call")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--ops", help="a regular expression that functions' names match: 'F.conv', '^Tensor.*_$'")
    p.add_argument("--replay", help="a printed call, or several separated by semicolons, of which the last is judged")
    p.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    p.add_argument("--no-torch", action="store_true", help="safety and consistency only")
    p.add_argument("--narrow", action="store_true", help="few types, so that little is compiled")
    p.add_argument("--each", type=int, default=1, help="how many findings of a function and category are printed")
    p.add_argument("--log", help="a file to which each finding is appended as it is found, as a line of JSON")
    p.add_argument("--only", help="categories to print, separated by commas")
    given = p.parse_args()
    torch = runner.prepare(not given.no_torch)
    if given.replay:
        status, found = runner.alone(read(given.replay), torch)
        print(status, *([found] if status != "ok" else [f"\n  {c}: {w}" for c, w in found] or ["nothing is wrong"]))
        return int(status != "ok" or bool(found))
    seen: collections.Counter = collections.Counter()
    kept: dict[tuple, list] = collections.defaultdict(list)

    log = open(given.log, "a", buffering=1) if given.log else None

    def report(f: runner.Finding) -> None:
        if log is not None:
            log.write(json.dumps([f.category, f.name, f.what, f.call, f.index]) + "\n")
        key = f.category, f.name
        seen[key] += 1
        if len(kept[key]) < given.each:
            kept[key].append(f)
        if f.category in ("crash", "hang", "memory", "process_state"):
            print(f"{f.category}: {f.what}\n    {f.call}", flush=True)

    started = time.monotonic()
    r = runner.Runner(Calls(given.seed, given.ops, given.narrow), torch, given.jobs, report)
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
    print(f"\n{r.done} calls in {took:.0f} s ({r.done / max(took, 1e-9):.0f} a second), {sum(seen.values())} findings, "
          f"{len(r.torch_deaths)} deaths of torch")
    return int(bool(seen))


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)  # arrays that outlive the allocator's code must not be freed
