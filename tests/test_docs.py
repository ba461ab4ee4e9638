"""Every example runs: the docstrings of the package, and the code blocks of the README. In docstrings ``torch`` is
numtorch. The examples of ops run in ``test_docstrings.py``: ``doctest`` does not find what decorators make."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import numtorch

ROOT = Path(__file__).resolve().parent.parent
# Modules that import Numba's intrinsics or a GPU when imported hold no examples of their own.
MODULES = sorted(
    m.name
    for m in pkgutil.walk_packages(numtorch.__path__, "numtorch.")
    if not m.name.endswith(("__main__", "overloads", "overloads_cuda", "_cuda", ".cuda"))
)


# What examples print depends little on the compiler; those of kernels, profiles and processes show what it makes.
@pytest.mark.plain(but=r"numtorch\.(kernels|profiler|fft|ops\.fourier|vision\.models)\b")
@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name, scratch_registry):
    result = doctest.testmod(
        importlib.import_module(name),
        extraglobs={"torch": numtorch, "__name__": "__main__"},
        optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE,
    )
    assert result.failed == 0


BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_readme_blocks(number, tmp_path):
    script = tmp_path / "block.py"  # a file, because kernels read the source of their bodies
    script.write_text(BLOCKS[number])
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_the_environment_is_told():
    """README names every variable that the package reads."""
    text = (ROOT / "README.md").read_text()
    read = set()
    for path in sorted((ROOT / "numtorch").rglob("*.py")):
        lines = [line for line in path.read_text().splitlines() if "environ" in line or "getenv" in line]
        read |= {name for line in lines for name in re.findall(r"""["']([A-Z][A-Z0-9_]{3,})["']""", line)}
    unsaid = {name for name in read if f"`{name}`" not in text}
    # for processes of our own
    assert {"NUMTORCH_CACHE", "XDG_CACHE_HOME"} <= read and unsaid == {"OMP_NUM_THREADS", "PYTHONWARNINGS"}


def test_nothing_is_promised_of_a_registry():
    """The package is installed from its folder: no message and no page sends anybody elsewhere for its extras."""
    for path in [*(ROOT / "numtorch").rglob("*.py"), *(ROOT / "numtorch").rglob("*.md"), ROOT / "README.md"]:
        assert not re.search(r"pip install [\"']?numtorch", path.read_text()), path


DESIGNS = [p for p in sorted((ROOT / "numtorch").rglob("README.md")) if "```python" in p.read_text()]


@pytest.mark.parametrize("path", DESIGNS, ids=lambda p: str(p.parent.relative_to(ROOT)))
def test_examples_of_the_design_readmes(path, tmp_path):
    script = tmp_path / "blocks.py"  # the blocks of one page belong together
    script.write_text("\n\n".join(re.findall(r"```python\n(.*?)```", path.read_text(), re.S)))
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_ci_runs_the_commands_of_the_readme():
    commands = re.findall(r"```sh\n(.*?)\n```", (ROOT / "README.md").read_text(), re.S)
    ci = (ROOT / ".ci" / "run").read_text()
    assert len(commands) == 2
    first, second = (ci.index(f"\n{c}\n") for c in commands)
    assert first < second < ci.index("\nruff check") < ci.index('pip install "torch')
