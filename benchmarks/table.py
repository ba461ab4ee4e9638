"""Results on disk, one JSON file a group, and the tables made of them."""

from __future__ import annotations

import json
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
    """All groups, by name."""
    return {p.stem: json.loads(p.read_text()) for p in sorted(RESULTS.glob("*.json"))}


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
        parts.append(f"**{name}** ({group['machine']}; {group['threads']} threads)\n\n{HEAD}\n" + "\n".join(line(r) for r in group["rows"]))
    return "\n\n".join(parts)
