"""Stores results on disk, one JSON file per group, and makes tables of them.

``python -m benchmarks.table`` prints every result. With ``--readme`` it writes the summary into README.md.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from pathlib import Path

from benchmarks.compare import ROOT

RESULTS = Path(__file__).resolve().parent / "results"
HEAD = "| workload | ours / torch | spread | budget | peak MB, ours / torch |\n|---|---|---|---|---|"
README = ROOT / "README.md"
BEGIN, END = "<!-- benchmarks -->", "<!-- end benchmarks -->"


def store(group: str, rows: list[dict], header: dict) -> None:
    """Write rows of one group; rows of other names that the file holds stay, if the same machine made them."""
    path = RESULTS / f"{group}.json"
    path.parent.mkdir(exist_ok=True)
    old = json.loads(path.read_text()) if path.exists() else {}
    kept = {r["name"]: r for r in old.get("rows", [])} if all(old.get(k) == v for k, v in header.items()) else {}
    kept |= {r["name"]: r for r in rows}
    path.write_text(json.dumps(header | {"rows": list(kept.values())}, indent=1) + "\n")


def load() -> dict[str, dict]:
    """All groups of workloads, by name; ``growth`` has curves instead."""
    return {p.stem: json.loads(p.read_text()) for p in sorted(RESULTS.glob("*.json")) if p.stem != "growth"}


def line(row: dict) -> str:
    """One row as a line of the table; a line for each further rival."""
    lines = []
    for rival, against in row["against"].items():
        name = row["name"] if rival == "torch" else f"{row['name']}, against {rival}"
        mark = "" if against["ratio"] <= against["budget"] else " **missed**"
        peak = f"{row['peak_mb']:.0f} / {against['peak_mb']:.0f}" if "peak_mb" in row else ""
        spread = f"{against['low']:.2f}-{against['high']:.2f}"
        lines.append(f"| {name} | {against['ratio']:.2f}{mark} | {spread} | {against['budget']} | {peak} |")
    return "\n".join(lines)


def markdown(groups: dict[str, dict]) -> str:
    """Every result, a table for each group, under the machine that made it."""
    parts = []
    for name, group in groups.items():
        body = "\n".join(line(r) for r in group["rows"])
        title = f"**{name}** ({group['machine']}; {group['threads']} threads)"
        parts.append(f"{title}\n\n" + (f"{HEAD}\n{body}" if body else _seconds(group)))
    return "\n\n".join(parts)


def _seconds(group: dict) -> str:
    return "\n".join(
        [
            "| process start | |",
            "|---|---|",
            *[f"| {k} | {v:.2f} |" if isinstance(v, float) else f"| {k} | {v} |" for k, v in group["seconds"].items()],
        ]
    )


WHOLE = ("step", "epoch")  # groups shown row by row; of sweeps, what a reader wants to know is the whole


def summary(groups: dict[str, dict]) -> str:
    """The generated part of README.md: a row for each training step, and for each group of kernels with its median and
    slowest."""
    machines = {g["machine"] + f", {g['threads']} threads" for g in groups.values()}
    lines = ["Measured on " + "; ".join(sorted(machines)) + ".", ""]
    lines += ["| training | PyTorch eager | torch.compile | JAX |", "|---|---|---|---|"]
    for name in WHOLE:
        for row in groups.get(name, {"rows": []})["rows"]:
            ratios = [
                f"{row['against'][r]['ratio']:.2f}" if r in row["against"] else ""
                for r in ("torch", "torch.compile", "jax")
            ]
            lines.append(f"| {row['name']} | {' | '.join(ratios)} |")
    lines += ["", "| kernels | workloads | median | faster than PyTorch | slowest |", "|---|---|---|---|---|"]
    for name, group in groups.items():
        ratios = {
            r["name"].partition("/")[2]: r["against"]["torch"]["ratio"]
            for r in group["rows"]
            if "torch" in r["against"]
        }
        if name in WHOLE or not ratios:
            continue
        worst = max(ratios, key=lambda n: ratios[n])
        ahead = sum(v < 1 for v in ratios.values()) / len(ratios)
        lines.append(
            f"| {name} | {len(ratios)} | {statistics.median(ratios.values()):.2f} | {ahead:.0%} | {ratios[worst]:.1f} "
            f"({worst}) |"
        )
    shares = [r["share"] for r in groups.get("bandwidth", {"rows": []})["rows"]]
    if shares:
        lines += [
            "",
            f"On arrays larger than the caches, {len(shares)} ops were measured. The median op reaches "
            f"{statistics.median(shares):.0%} of the measured memory bandwidth, the slowest {min(shares):.0%}.",
        ]
    start = groups.get("start", {}).get("seconds", {})
    if start:
        ours, theirs = start["import (s)"], start["import, torch (s)"]
        warm = start["first step, filled kernel cache (s)"] / start["first step, torch (s)"]
        lines += [
            "",
            f"The import takes {ours / theirs:.2f} of PyTorch's time. The time from process start to the end of the "
            f"first training step, with compiled kernels on disk, is {warm:.2f} of PyTorch's.",
        ]
    return "\n".join(lines)


def main() -> int:
    """Print the tables, or write the summary into README.md."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.table", description="Print every result, as tables.")
    parser.add_argument("--readme", action="store_true", help="write the summary between the markers in README.md")
    args = parser.parse_args()
    groups = load()
    if not args.readme:
        print(markdown(groups))
        return 0
    text = README.read_text()
    before, rest = text.split(BEGIN)
    README.write_text(f"{before}{BEGIN}\n{summary(groups)}\n{END}{rest.split(END)[1]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
