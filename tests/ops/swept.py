"""PyTorch's operator table, run on numtorch, against what this project has recorded.

    python tests/ops/swept.py SWEEP [--jobs 2] [--ops REGEX] [--compiled]

SWEEP is the program that runs the table: it calls every operator in numtorch and in PyTorch with the same samples, and
compares values, types, what is changed in place, and gradients. ``swept.txt`` says how many names pass in float32,
float64, int64, bool and complex64, and for each name that does not, why. Kernels run as plain Python, which spares
compiling some thousand of them for a few small samples each. With ``--compiled`` they are compiled, and those of names
in ``SLOW`` always where the whole table runs.

It fails where a name does not pass that is not in the list. A name in the list that passes is printed: a rounding may
differ from one machine to the next. A run of the whole table also fails where the list has names that the table has
not, where fewer names pass than are recorded, and where the recorded number is not that of the names outside the list.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

RECORDED = Path(__file__).parent / "swept.txt"
NOT_CALLED = ("unsupported", "na", "nofaircall")  # there is nothing to compare
SLOW = ("grid_sampler_3d",)  # as plain Python


def recorded() -> tuple[int, dict[str, str]]:
    """How many names pass, and the reasons for those that do not."""
    lines = [line for line in RECORDED.read_text().splitlines() if line and not line.startswith("#")]
    return int(lines[0]), dict(line.split(maxsplit=1) for line in lines[1:])


def sweep(program: str, pattern: str, jobs: int, compiled: bool) -> tuple[dict[str, bool], dict[str, str]]:
    """Whether each name that the pattern matches passes, without those that cannot be compared; and why it does not."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "rows.json"
        command = [sys.executable, program, "numtorch", "--ops", pattern, "--jobs", str(jobs), "--no-variants"]
        env = os.environ if compiled else os.environ | {"NUMBA_DISABLE_JIT": "1"}
        subprocess.run([*command, "--time-limit", "300", "--json", str(out)], check=True, stdout=sys.stderr, env=env)
        rows = json.loads(out.read_text())["rows"]
    states, why = collections.defaultdict(list), {}
    for row in rows:
        if row["status"] not in NOT_CALLED:
            states[row["op"]].append(row["status"] == "pass")
            if row["status"] != "pass":
                why[row["op"]] = f"{row['dtype']}: {row.get('err') or row.get('gerr') or row['status']}"
    return {name: all(s) for name, s in states.items()}, why


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", metavar="SWEEP")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--ops", metavar="REGEX", default="", help="of the names of the table, those that match")
    parser.add_argument("--compiled", action="store_true", help="compile kernels, rather than run them as plain Python")
    given = parser.parse_args()
    count, excused = recorded()
    slow = "|".join(map(re.escape, SLOW))
    passes, why = sweep(given.program, given.ops or f"^(?!({slow})$)", given.jobs, given.compiled)
    if not given.ops:
        more, reasons = sweep(given.program, f"^({slow})$", 1, True)
        passes, why = passes | more, why | reasons
    expected = passes.keys() - excused.keys()
    again = sorted(name for name in expected if not passes[name])
    if 0 < len(again) <= 10:  # once more, compiled: plain Python may run out of time on a machine that is busy
        more, reasons = sweep(given.program, f"^({'|'.join(map(re.escape, again))})$", 1, True)
        passes, why = passes | more, why | reasons
    good = {name for name, ok in passes.items() if ok}
    print(f"{len(good)} of {len(passes)} names pass, {len(expected)} are recorded to")
    for name in sorted(good - expected):
        print(f"{name} passes here; {RECORDED.name} says: {excused[name]}")
    wrong = [f"{name} does not pass: {why[name]}" for name in sorted(expected - good)]
    if not passes:
        wrong.append("no name of the table was compared")
    if not given.ops:
        wrong += [
            f"{name} is in {RECORDED.name} and not in the table" for name in sorted(excused.keys() - passes.keys())
        ]
        if len(good) < count:
            wrong.append(f"{RECORDED.name} says that {count} names pass")
        if len(expected) != count:
            wrong.append(f"{RECORDED.name} says that {count} names pass, and leaves {len(expected)} of {len(passes)}")
    print(*wrong, sep="\n")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
