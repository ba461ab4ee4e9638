"""Tests marked ``plain``: where they run, and that what becomes of them is told as of any other test."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONFTEST = "from tests import plain\ndef pytest_configure(config):\n    plain.configure(config)\n"
FIRST = """
import os
import numpy as np
import pytest
from numtorch.kernels.jit import disabled

@pytest.fixture(scope="module")
def process():
    yield os.getpid()

def test_compiled(process):
    assert not disabled() and process == os.getpid()

@pytest.mark.plain(but="two")
@pytest.mark.parametrize("name", ["one", "two"])
def test_most(name, process):
    assert disabled() == (name == "one") and process == os.getpid()

@pytest.mark.plain
def test_fails():
    value = 41
    assert value == 42

@pytest.mark.plain
@pytest.mark.xfail(strict=True)
def test_expected():
    assert np.float32(1) / np.float32(0) == 0

@pytest.mark.plain
@pytest.mark.skipif(disabled(), reason="machine code")
def test_of_machine_code():
    assert not disabled()

@pytest.mark.plain
def test_dies():
    os._exit(3)

@pytest.mark.plain
def test_warns():
    import warnings
    warnings.warn("an error here")
"""
SECOND = """
import pytest
from numtorch.kernels.jit import disabled

pytestmark = pytest.mark.plain

def test_plain():
    assert disabled()

@pytest.mark.skip(reason="not today")
def test_skipped():
    pass
"""


def test_outcomes_are_those_of_any_other_test(tmp_path):
    for name, text in {"conftest": CONFTEST, "test_first": FIRST, "test_second": SECOND}.items():
        (tmp_path / f"{name}.py").write_text(text)
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\naddopts = --import-mode=importlib\n")
    left_out = ("NUMBA_DISABLE_JIT", "NUMTORCH_SKIPPED", "PYTEST_ADDOPTS")
    env = {name: value for name, value in os.environ.items() if name not in left_out}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-rA", "-p", "no:cacheprovider", str(tmp_path)],
        env=env | {"PYTHONPATH": str(ROOT)}, cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    said = [line.split(" - ")[0] for line in done.stdout.splitlines() if line.split(" ")[0] in OUTCOMES]
    assert sorted(said) == sorted(EXPECTED), done.stdout + done.stderr
    assert "assert 41 == 42" in done.stdout and "value = 41" in done.stdout
    assert "the process that runs plain tests ended with 3" in done.stdout
    assert "UserWarning: an error here" in done.stdout


OUTCOMES = ("PASSED", "FAILED", "SKIPPED", "XFAIL", "ERROR", "XPASS")
EXPECTED = [
    "PASSED test_first.py::test_compiled",
    "PASSED test_first.py::test_most[one]",
    "PASSED test_first.py::test_most[two]",
    "PASSED test_first.py::test_of_machine_code",
    "PASSED test_second.py::test_plain",
    "FAILED test_first.py::test_fails",
    "FAILED test_first.py::test_dies",
    "FAILED test_first.py::test_warns",
    "XFAIL test_first.py::test_expected",
    "SKIPPED [1] test_second.py:10: not today",
]
