"""The same numbers on a GPU as on the CPU: in Numba's simulator, and on the real card where there is one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import cuda_checks as checks
import pytest

import numtorch as torch
from numtorch.kernels import launch

HERE = Path(__file__).parent
PLACES = ["simulator"] + (["card"] if torch.cuda.is_available() and not launch.simulated() else [])


@pytest.fixture(scope="session")
def in_simulator():
    """What is wrong with each check in the simulator, which a process must choose before importing Numba."""
    # The CPU's kernels, with which results are compared, need not be compiled for that.
    env = os.environ | {"NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(HERE.parents[1])}
    done = subprocess.run(
        [sys.executable, "-W", "error", str(HERE / "cuda_checks.py")],
        env=env,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", checks.CHECKS)
@pytest.mark.parametrize("place", PLACES)
def test_as_on_the_cpu(name, place, request):
    wrong = checks.difference(name, "cuda") if place == "card" else request.getfixturevalue("in_simulator")[name]
    assert not wrong, wrong
