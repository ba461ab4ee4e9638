"""Each module, optimizer and schedule in torch's own tables, with one of its inputs; ``torch_tables.py`` has all."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import numtorch

pytest.importorskip("torch")
TABLES = Path(__file__).with_name("torch_tables.py")


def test_every_row_of_torchs_tables_gives_torchs_values():
    env = {**os.environ, "NUMBA_DISABLE_JIT": "1", "OMP_NUM_THREADS": "1"}  # hundreds of kernels need not be compiled
    env["PYTHONPATH"] = os.pathsep.join([str(TABLES.parents[2]), env.get("PYTHONPATH", "")])
    done = subprocess.run([sys.executable, str(TABLES), "quick"], env=env, capture_output=True, text=True)
    differ = {line.partition(":")[0] for line in done.stdout.splitlines() if line.endswith(" differ")}
    # SparseAdam takes only sparse gradients: without sparse tensors its steps cannot be compared.
    alone = set() if hasattr(numtorch, "sparse_coo_tensor") else {"SparseAdam"}
    assert differ == alone, done.stdout + done.stderr
    assert "modules: 114 of 114" in done.stdout
    assert f"optimizers: {15 - len(alone)} of 15" in done.stdout
    assert "schedules: 16 of 16" in done.stdout
