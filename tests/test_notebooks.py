"""Every notebook runs from top to bottom, its assertions included."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.ipynb")), ids=lambda p: p.stem)
def test_notebook_runs(path, tmp_path):
    # As a script: what a kernel would run, without the notebook machinery, which adds nothing to check.
    cells = json.loads(path.read_text())["cells"]
    script = tmp_path / f"{path.stem}.py"
    script.write_text("\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code"))
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, cwd=FOLDER, timeout=600)
    assert done.returncode == 0, done.stderr
