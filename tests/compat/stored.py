"""Programs that use libraries written for PyTorch, and what they print with PyTorch itself.

    python tests/compat/stored.py               write values.json, by PyTorch, and the table of libraries in the docs
    python tests/compat/stored.py einops_patterns   ... of some programs only
    python tests/compat/stored.py --table       write the table alone

Each file of ``programs`` prints one line of JSON. ``test_compat.py`` runs it on numtorch and compares.
"""

import ast
import importlib.metadata
import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
PROGRAMS = sorted(p.stem for p in (HERE / "programs").glob("[!_]*.py"))
VALUES = HERE / "values.json"
DOCS = HERE.parent.parent / "numtorch" / "torch_shim" / "README.md"
BEGIN, END = "<!-- table of libraries: python tests/compat/stored.py --table -->\n", "<!-- end of the table -->"
DISTRIBUTIONS = {"ignite": "pytorch-ignite", "stable_baselines3": "stable-baselines3"}


def library(program):
    """The module that a program is about: its name begins with it."""
    return next(name for name in LIBRARIES if program.startswith(name))


LIBRARIES = (
    *("accelerate", "captum", "einops", "ignite", "lightning", "skorch", "stable_baselines3", "timm", "torchdiffeq"),
    *("torchinfo", "torchmetrics", "transformers"),
)


def about(program):
    """The sentence that says what a program tries."""
    text = ast.get_docstring(ast.parse((HERE / "programs" / f"{program}.py").read_text()))
    return text.partition(": ")[2]


def printed(program, *python, **env):
    """What a program prints last, as a dict."""
    path = os.pathsep.join([str(HERE / "programs"), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, *python, str(HERE / "programs" / f"{program}.py")],
        capture_output=True,
        text=True,
        timeout=900,
        env=os.environ | {"PYTHONPATH": path, "HF_HUB_OFFLINE": "1", "PYTHONWARNINGS": "ignore"} | env,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def table():
    """The libraries and what is tried of each, as Markdown."""
    stored = json.loads(VALUES.read_text())
    rows = [
        f"| {DISTRIBUTIONS.get(library(p), library(p))} {stored[p]['version']} | {about(p)} |"
        for p in PROGRAMS
        if p in stored
    ]
    return "\n".join(["| library | what is compared with PyTorch's values |", "|---|---|", *rows, ""])


def documented():
    """The docs with the table as it should be."""
    before, _, rest = DOCS.read_text().partition(BEGIN)
    return before + BEGIN + table() + END + rest.partition(END)[2]


def main(arguments):
    stored = json.loads(VALUES.read_text()) if VALUES.exists() else {}
    for program in [] if arguments == ["--table"] else arguments or PROGRAMS:
        name = library(program)
        version = importlib.metadata.version(DISTRIBUTIONS.get(name, name))
        stored[program] = {"version": version, "values": printed(program)}
        print(program, version)
        VALUES.write_text("{\n" + ",\n".join(f'"{k}": {json.dumps(stored[k])}' for k in sorted(stored)) + "\n}\n")
    DOCS.write_text(documented())


if __name__ == "__main__":
    main(sys.argv[1:])
