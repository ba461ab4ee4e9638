"""``python -m notebooks build [name ...]`` executes the text forms; ``check`` says which notebooks are out of date.

The text form (``NN_name.py``, cells between ``# %%`` lines) is what people edit and review. The notebook beside it is
made from it, with its outputs, and carries the hash of the text that it was made from. A code cell that begins with
``# Solution`` is executed too; in the notebook it is folded: text that opens with a click, wherever notebooks are
shown.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parent
SOLUTION = "# Solution"  # how a cell begins that answers an exercise
SECONDS = 600  # for one cell, on a slow machine with an empty kernel cache


def texts(names: list[str] | None = None) -> list[Path]:
    """The text forms, all or those whose file names contain one of the names."""
    found = sorted(FOLDER.glob("[0-9][0-9]_*.py"))
    return [p for p in found if not names or any(n in p.stem for n in names)]


def digest(text: Path) -> str:
    """The hash that a notebook made from this text carries."""
    return hashlib.sha256(text.read_bytes()).hexdigest()


def read(text: Path) -> Any:
    """The notebook without outputs."""
    notebook = jupytext.read(text, fmt="py:percent")
    for i, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{i:02}"  # ids that do not change from one build to the next
        cell.metadata = nbformat.from_dict({k: v for k, v in cell.metadata.items() if k != "lines_to_next_cell"})
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
            "numtorch": {"text": text.name, "sha256": digest(text)},
        }
    )
    return notebook


def execute(text: Path) -> Any:
    """The notebook with the outputs of a fresh kernel; raises where a cell does."""
    notebook = read(text)
    NotebookClient(
        notebook, timeout=SECONDS, kernel_name="python3", resources={"metadata": {"path": str(FOLDER)}}
    ).execute()
    notebook.metadata.language_info = nbformat.from_dict({"name": "python"})
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # times of day
        if cell.cell_type == "code":
            cell.outputs = _tidy(cell.outputs)
    notebook.cells = [_folded(cell) if is_solution(cell) else cell for cell in notebook.cells]
    return notebook


def is_solution(cell: Any) -> bool:
    """Whether a cell of the text form answers an exercise."""
    return cell.cell_type == "code" and cell.source.startswith(SOLUTION)


def _folded(cell: Any) -> Any:
    """A solution and what it printed, as text that opens with a click."""
    title, _, code = cell.source.partition("\n")
    said = "".join(
        out.text if out.output_type == "stream" else out.data.get("text/plain", "") + "\n"
        for out in cell.outputs
        if out.output_type == "stream" or "data" in out
    ).rstrip()
    told = f"\n\nIt prints\n\n```text\n{said}\n```" if said else ""
    source = f"<details><summary>{title.removeprefix('# ')}</summary>\n\n```python\n{code}\n```{told}\n\n</details>"
    return nbformat.v4.new_markdown_cell(source, id=cell.id, metadata={"tags": ["solution"]})


def _unfolded(cell: Any) -> tuple[str, str]:
    """The kind and the source that a cell of a notebook has in the text form."""
    found = re.match(r"<details><summary>(.*?)</summary>\n\n```python\n(.*?)\n```\n", cell.source, re.DOTALL)
    return ("code", f"# {found[1]}\n{found[2]}") if found else (cell.cell_type, cell.source)


def _tidy(outputs: list) -> list:
    """Outputs without what belongs to one machine or one moment: progress bars, and paths above the project."""
    kept: list = []
    for out in outputs:
        if out.output_type == "stream" and out.name == "stderr":
            continue
        if out.output_type == "stream":
            out.text = _portable(out.text)
            if kept and kept[-1].output_type == "stream":
                kept[-1].text += out.text
                continue
        elif "data" in out:
            for kind, value in out.data.items():
                if kind.startswith("text/"):
                    out.data[kind] = _portable(value)
        kept.append(out)
    return kept


def _portable(text: str) -> str:
    text = text.replace(f"{FOLDER.parent}/", "").replace(str(Path.home()), "~")
    return re.sub(r"/tmp/ipykernel_\d+/\d+\.py", "<cell>", text)


def stale(text: Path) -> str | None:
    """Why the notebook beside a text does not show what the text says; None if it does."""
    path = text.with_suffix(".ipynb")
    if not path.exists():
        return f"{path.name} does not exist"
    notebook = nbformat.read(path, as_version=4)
    if notebook.metadata.get("numtorch", {}).get("sha256") != digest(text):
        return f"{text.name} changed after {path.name} was executed"
    if [_unfolded(c) for c in notebook.cells] != [(c.cell_type, c.source) for c in read(text).cells]:
        return f"the cells of {path.name} were edited; edit {text.name}"
    if any(c.cell_type == "code" and c.execution_count is None for c in notebook.cells):
        return f"{path.name} has cells that were not executed"
    return None


def main() -> int:
    """Build or check; the exit code of ``check`` is 1 if a notebook is out of date."""
    parser = argparse.ArgumentParser(prog="python -m notebooks", description=__doc__)
    parser.add_argument("command", choices=["build", "check"])
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    reasons = []
    for text in texts(args.names):
        if args.command == "build":
            nbformat.write(execute(text), text.with_suffix(".ipynb"))
            print(f"{text.with_suffix('.ipynb').name}: {text.with_suffix('.ipynb').stat().st_size / 1024:.0f} KB")
        elif (reason := stale(text)) is not None:
            reasons.append(reason)
    for reason in reasons:
        print(f"{reason}; run: python -m notebooks build")
    return 1 if reasons else 0


if __name__ == "__main__":
    sys.exit(main())
